-------------------------------------------------------------------------------
-- Column masks: what published columns show instead of the value
-------------------------------------------------------------------------------
-- Published views run with their reader's rights, so a view that computed a mask
-- would need its reader to have the value.  Each refresh computes it instead, into
-- a column of the per-customer table that the view shows, and the grant on the
-- value goes: readers' rights follow what the views use.  A mask keeps the type
-- of its column, so that views and dashboards stay as they are.

CREATE FUNCTION rfmseg._personal_columns()
RETURNS TABLE (column_name text, value text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	VALUES ('first_name', 'name'), ('last_name', 'name'), ('email', 'contact'),
		('age', 'demographic'), ('age_bracket', 'demographic'), ('gender', 'demographic'), ('income_bracket', 'demographic'),
		('city', 'location'), ('state', 'location'), ('latitude', 'location'), ('longitude', 'location')
$body$;
COMMENT ON FUNCTION rfmseg._personal_columns() IS 'Internal: names of columns with personal data, and what their tag says.';

CREATE FUNCTION rfmseg._create_masks(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	method CONSTANT text := 'text NOT NULL CHECK (method IN (''null'', ''hash'', ''partial'', ''bucket''))';
BEGIN
	EXECUTE format('CREATE TABLE %s.column_masks (relation text, column_name text, method %s, PRIMARY KEY (relation, column_name))', home, method);
	PERFORM rfmseg._comment(home || '.column_masks', jsonb_build_object(
		'', 'Published columns that are masked. Changed with rfmseg.mask_column and unmask_column.',
		'relation', 'The published relation.', 'column_name', 'Its column.', 'method', 'null, hash, partial or bucket.'));
	EXECUTE format('CREATE TABLE %s.tags (relation text, column_name text, key text, value text NOT NULL, PRIMARY KEY (relation, column_name, key))', home);
	PERFORM rfmseg._comment(home || '.tags', jsonb_build_object(
		'', 'What is said of columns, such as that they hold personal data. Changed with rfmseg.tag and untag.',
		'relation', 'A relation of the deployment, with its schema.', 'column_name', 'Its column.', 'key', 'What the tag is about.', 'value', 'What it says.'));
	EXECUTE format('CREATE TABLE %s.tag_masks (key text, value text, method %s, PRIMARY KEY (key, value))', home, method);
	PERFORM rfmseg._comment(home || '.tag_masks', jsonb_build_object(
		'', 'Tags whose columns are masked where they are published. Changed with rfmseg.mask_tag and unmask_tag.',
		'key', 'Key of the tag.', 'value', 'Its value.', 'method', 'null, hash, partial or bucket.'));
	EXECUTE format($insert$
		INSERT INTO %1$s.tags
		SELECT r.relation, c.column_name, 'personal', c.value
		FROM rfmseg._personal_columns() c
		JOIN (VALUES ($1, '{first_name,last_name,email,age,gender,income_bracket,city,state,latitude,longitude}'::text[]),
			($2, '{age,age_bracket,gender,income_bracket,city,state,latitude,longitude}'),
			($3, '{age_bracket,gender,income_bracket,city,state}'), ($4, '{first_name,last_name,email,city,state}')) AS r (relation, columns) ON c.column_name = ANY (r.columns)$insert$, home)
	USING format('%I.customers', deployment || '_raw'), home || '.customers_clean', home || '.scored_customers', home || '.contacts';
END
$body$;
COMMENT ON FUNCTION rfmseg._create_masks(text) IS 'Internal: makes the tables of a deployment''s masks and tags, and tags personal data.';

CREATE FUNCTION rfmseg._maskable()
RETURNS TABLE (relation text, column_name text, core_column text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- what a view shows as it is in the per-customer table, but for what a run that looks back corrects there
	SELECT DISTINCT v.relation, coalesce(m[2], m[1]), m[1]
	FROM rfmseg._customer_views() v, regexp_matches(v.query, $re$\mc\.(\w+)(?:\s+AS\s+(\w+))?(?=\s*,|\s+FROM)$re$, 'g') AS m
	WHERE m[1] NOT IN ('previous_segment', 'segment_since')
$body$;
COMMENT ON FUNCTION rfmseg._maskable() IS 'Internal: the published columns of customers, and the columns of the per-customer table that they show.';

CREATE FUNCTION rfmseg._unmaskable()
RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT '{run_id,segment_name,frequency,monetary,avg_order_value,recency_days}'::text[]
$body$;
COMMENT ON FUNCTION rfmseg._unmaskable() IS
'Internal: the columns of the per-customer table that performance_metrics needs, so that its readers have a right to them.';

CREATE FUNCTION rfmseg._masks(deployment text)
RETURNS TABLE (relation text, column_name text, core_column text, stored_column text, method text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	-- a mask of the column's own before those of its tags; of these the strictest
	RETURN QUERY EXECUTE format($query$
		SELECT * FROM (
			SELECT m.relation, m.column_name, m.core_column, format('masked_%%s_%%s', m.relation, m.column_name),
				coalesce(x.method, (
					SELECT k.method FROM %1$s.tag_masks k JOIN %1$s.tags t USING (key, value)
					WHERE (t.relation, t.column_name) IN ((format('%%I.%%I', $1, m.relation), m.column_name), (%2$L, m.core_column))
					ORDER BY array_position('{"null",hash,partial,bucket}', k.method) LIMIT 1)) AS method
			FROM rfmseg._maskable() m LEFT JOIN %1$s.column_masks x USING (relation, column_name)) AS e
		WHERE method IS NOT NULL$query$,
		quote_ident(deployment || '_core'), quote_ident(deployment || '_core') || '.scored_customers') USING deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg._masks(text) IS 'Internal: the masks in force, by themselves or by tags, and the columns that hold what is shown.';

CREATE FUNCTION rfmseg._masks_customers(deployment text)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT EXISTS (SELECT FROM rfmseg._masks(deployment) m WHERE m.core_column = 'customer_id')
$body$;
COMMENT ON FUNCTION rfmseg._masks_customers(text) IS 'Internal: whether some published relation masks whose row it is.';

CREATE FUNCTION rfmseg._mask_expression(deployment text, method text, core_column text, type regtype)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	value text := format('c.%I', core_column);
	digest text := format('encode(sha256(convert_to((SELECT mask_salt FROM %I.settings) || %s::text, ''UTF8'')), ''hex'')', deployment || '_core', value);
	is_text boolean := type IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype);
	masked text := CASE
		WHEN method = 'null' THEN 'NULL'
		WHEN method = 'hash' AND is_text THEN format('left(%s, 32)', digest)
		WHEN method = 'hash' AND type = 'uuid'::regtype THEN format('left(%s, 32)', digest)
		WHEN method = 'hash' AND type IN ('int8'::regtype, 'numeric'::regtype) THEN format('(''x'' || left(%s, 15))::bit(60)::int8', digest)
		WHEN method = 'partial' AND is_text THEN format('left(%s, 1) || ''***''', value)
		WHEN method = 'bucket' AND type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'float4'::regtype, 'float8'::regtype)
			-- one leading digit, and tens at the finest
			THEN format('floor(%1$s::numeric / greatest(10, rpad(''1'', length(trunc(abs(%1$s::numeric))::text), ''0'')::numeric))'
				' * greatest(10, rpad(''1'', length(trunc(abs(%1$s::numeric))::text), ''0'')::numeric)', value)
		WHEN method = 'bucket' AND type IN ('date'::regtype, 'timestamp'::regtype) THEN format('date_trunc(''month'', %s::timestamp)', value)
		WHEN method = 'bucket' AND type = 'timestamptz'::regtype THEN format('date_trunc(''month'', %s, ''UTC'')', value)
	END;
BEGIN
	IF masked IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
			MESSAGE = format('column %s is of type %s, which method %s does not keep', core_column, type, method),
			HINT = 'Of text there is null, hash and partial; of bigint, numeric and uuid null and hash; of numbers and times null and bucket; of all else null.';
	END IF;
	-- by its name as regtype, "character" would be of length one
	RETURN format('(%s)::%s', masked, format_type(type, -1));
END
$body$;
COMMENT ON FUNCTION rfmseg._mask_expression(text, text, text, regtype) IS
'Internal: SQL for what a masked column shows, over the per-customer table c; an error if the method does not fit the type.';

CREATE FUNCTION rfmseg._mask_description(relation text, column_name text, method text)
RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT format('What %s.%s shows: the value by method %s.', relation, column_name, method)
$body$;
COMMENT ON FUNCTION rfmseg._mask_description(text, text, text) IS 'Internal: comment of a column that holds what is shown.';

CREATE FUNCTION rfmseg._masked_source(deployment text, relation text, query text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	customers text := format('%I.scored_customers', deployment || '_core');
	columns text;
BEGIN
	IF NOT EXISTS (SELECT FROM rfmseg._masks(deployment) m WHERE m.relation = _masked_source.relation) THEN
		RETURN customers;
	END IF;
	-- those columns alone that the view uses, as its readers need rights on them
	SELECT string_agg(CASE WHEN k.method IS NULL THEN quote_ident(u.name)
			WHEN k.method = 'null' THEN format('NULL::%s AS %I', format_type(a.atttypid, a.atttypmod), u.name)
			ELSE format('%I AS %I', k.stored_column, u.name) END, ', ' ORDER BY a.attnum) INTO columns
	FROM (SELECT DISTINCT m[1] AS name FROM regexp_matches(query, $re$\mc\.(\w+)$re$, 'g') AS m) AS u
	JOIN pg_attribute a ON a.attrelid = customers::regclass AND a.attname = u.name
	LEFT JOIN rfmseg._masks(deployment) k ON k.relation = _masked_source.relation AND k.core_column = u.name;
	RETURN format('(SELECT %s FROM %s)', columns, customers);
END
$body$;
COMMENT ON FUNCTION rfmseg._masked_source(text, text, text) IS 'Internal: what a published view reads customers from: their table, or one with its masked columns.';

CREATE FUNCTION rfmseg._add_masks(deployment text, relation regclass)
RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	expressions text := '';
BEGIN
	FOR item IN
		SELECT m.stored_column, m.method, m.core_column, a.atttypid::regtype AS type, format_type(a.atttypid, a.atttypmod) AS declared
		FROM rfmseg._masks(deployment) m JOIN pg_attribute a ON a.attrelid = _add_masks.relation AND a.attname = m.core_column
		WHERE m.method <> 'null' ORDER BY m.stored_column
	LOOP
		expressions := expressions || format(', %s AS %I', rfmseg._mask_expression(deployment, item.method, item.core_column, item.type), item.stored_column);
		EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', relation, item.stored_column, item.declared);
	END LOOP;
	RETURN expressions;
END
$body$;
COMMENT ON FUNCTION rfmseg._add_masks(text, regclass) IS
'Internal: gives a table of customers the columns of the masks; the expressions that fill them, each after a comma.';

CREATE FUNCTION rfmseg._describe_masks(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
BEGIN
	FOR item IN SELECT * FROM rfmseg._masks(deployment) m WHERE m.method <> 'null' LOOP
		EXECUTE format('COMMENT ON COLUMN %I.scored_customers.%I IS %L', deployment || '_core', item.stored_column,
			rfmseg._mask_description(item.relation, item.column_name, item.method));
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._describe_masks(text) IS 'Internal: comments on the columns of the masks, by which a change of method is seen.';

CREATE FUNCTION rfmseg._apply_masks(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	customers regclass := to_regclass(home || '.scored_customers');
	item record;
	stale text[] := '{}';
	added boolean := false;
BEGIN
	SELECT m.* INTO item FROM rfmseg._masks(deployment) m
	WHERE m.core_column = ANY (rfmseg._unmaskable()) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
			MESSAGE = format('column %s.%s cannot be masked', item.relation, item.column_name),
			DETAIL = 'The metrics of segments are computed from it, with their reader''s rights.',
			HINT = 'Who must not see it is given totals only: see docs/security.md.';
	END IF;
	IF EXISTS (SELECT FROM rfmseg._masks(deployment) m WHERE m.method = 'hash') THEN
		EXECUTE format('UPDATE %s.settings SET mask_salt = gen_random_uuid()::text || gen_random_uuid()::text WHERE mask_salt IS NULL', home);
	END IF;
	IF customers IS NULL THEN
		RETURN;		-- the first refresh makes all of it
	END IF;

	-- What the present rows hold was made by other masks: it must not be shown.
	FOR item IN
		SELECT a.attname FROM pg_attribute a
		WHERE a.attrelid = customers AND a.attname ~ '^masked_' AND NOT a.attisdropped
			AND NOT EXISTS (SELECT FROM rfmseg._masks(deployment) m WHERE m.stored_column = a.attname AND m.method <> 'null'
				AND col_description(customers, a.attnum) = rfmseg._mask_description(m.relation, m.column_name, m.method))
	LOOP
		stale := stale || format('old_%s', substr(md5(item.attname), 1, 16));
		EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', customers, item.attname, stale[cardinality(stale)]);
	END LOOP;
	FOR item IN
		SELECT m.*, a.atttypid::regtype AS type, format_type(a.atttypid, a.atttypmod) AS declared
		FROM rfmseg._masks(deployment) m JOIN pg_attribute a ON a.attrelid = customers AND a.attname = m.core_column
		WHERE m.method <> 'null' AND NOT EXISTS (SELECT FROM pg_attribute s WHERE s.attrelid = customers AND s.attname = m.stored_column)
	LOOP
		PERFORM rfmseg._mask_expression(deployment, item.method, item.core_column, item.type);	-- or an error
		EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', customers, item.stored_column, item.declared);
		added := true;
	END LOOP;
	PERFORM rfmseg._describe_masks(deployment);
	PERFORM rfmseg._create_published_views(deployment);
	FOR i IN 1 .. cardinality(stale) LOOP
		EXECUTE format('ALTER TABLE %s DROP COLUMN %I', customers, stale[i]);
	END LOOP;
	PERFORM rfmseg._grant_all(deployment);
	IF added THEN
		RAISE NOTICE 'newly masked columns of "%" are NULL until the next refresh', deployment
			USING HINT = format('CALL rfmseg.refresh(%L) fills them.', deployment);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._apply_masks(text) IS 'Internal: brings the per-customer table, the published views and the grants up to the masks.';

CREATE FUNCTION rfmseg._relation_of(deployment text, relation text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	parts text[] := parse_ident(relation);
	wanted_schema text := CASE cardinality(parts) WHEN 1 THEN deployment ELSE parts[1] END;
	wanted_name text := parts[cardinality(parts)];
BEGIN
	IF NOT EXISTS (SELECT FROM rfmseg._deployed_relations(deployment) d
		WHERE cardinality(parts) <= 2 AND d.schema = wanted_schema AND d.relation = wanted_name) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_table',
			MESSAGE = format('relation "%s" is not one of deployment "%s"', relation, deployment),
			HINT = format('Name a published one, such as customer_summary, or one with its schema, such as %I.customers.', deployment || '_raw');
	END IF;
	RETURN format('%I.%I', wanted_schema, wanted_name);
END
$body$;
COMMENT ON FUNCTION rfmseg._relation_of(text, text) IS 'Internal: the name of a deployment''s relation with its schema; without one it is a published one.';

CREATE FUNCTION rfmseg._check_mask(deployment text, relation text, column_name text, method text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	name text := (parse_ident(rfmseg._relation_of(deployment, relation)))[2];
BEGIN
	PERFORM rfmseg._check_choice('method', method, '{"null",hash,partial,bucket}');
	IF method IS NULL OR column_name IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'column_name and method must not be NULL',
			HINT = 'A method is null, hash, partial or bucket, each as text.';
	ELSIF rfmseg._relation_of(deployment, relation) <> format('%I.%I', deployment, name)
		OR NOT EXISTS (SELECT FROM rfmseg._customer_views() v WHERE v.relation = name) THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('relation "%s" has no columns to mask', relation),
			HINT = format('Those with one row a customer have: %s.', (SELECT string_agg(v.relation, ', ' ORDER BY v.relation) FROM rfmseg._customer_views() v));
	ELSIF NOT EXISTS (SELECT FROM rfmseg._maskable() m WHERE m.relation = name AND m.column_name = _check_mask.column_name) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column',
			MESSAGE = format('%s has no column "%s" that can be masked', name, column_name),
			HINT = format('It has %s. What is computed from them follows them.', (SELECT string_agg(m.column_name, ', ' ORDER BY m.column_name)
				FROM rfmseg._maskable() m WHERE m.relation = name
					AND m.core_column <> ALL (rfmseg._unmaskable())));
	END IF;
	RETURN name;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_mask(text, text, text, text) IS 'Internal: the name of a published relation; an error unless that column of it can be masked.';

CREATE FUNCTION rfmseg.mask_column(deployment text, relation text, column_name text, method text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	name text;
	elsewhere text;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	name := rfmseg._check_mask(deployment, relation, column_name, method);
	EXECUTE format('INSERT INTO %I.column_masks VALUES ($1, $2, $3) ON CONFLICT ON CONSTRAINT column_masks_pkey DO UPDATE SET method = excluded.method', deployment || '_core')
		USING name, column_name, method;
	PERFORM rfmseg._apply_masks(deployment);

	SELECT string_agg(format('%s.%s', m.relation, m.column_name), ', ' ORDER BY m.relation) INTO elsewhere
	FROM rfmseg._maskable() m JOIN rfmseg._maskable() this ON this.core_column = m.core_column
	WHERE this.relation = name AND this.column_name = mask_column.column_name
		AND NOT EXISTS (SELECT FROM rfmseg._masks(deployment) k WHERE k.relation = m.relation AND k.column_name = m.column_name);
	IF elsewhere IS NOT NULL THEN
		RAISE NOTICE 'the same is still shown by %', elsewhere
			USING HINT = 'Mask it there too: whoever may read that may read the value.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.mask_column(text, text, text, text) IS
'Masks a column of customer_segments, customer_summary or rfm_analysis, for all readers of what is published. method: null, no value; hash, a salted digest, of text, bigint, numeric and uuid, equal for equal values of the deployment; partial, the first letter of a text; bucket, the lower bound of a number''s range, or the first day of the month. The type stays. What the view computes from the column follows it. Until the next refresh the column is NULL. Viewers lose their right to the value; analysts and above still read it, in <name>_core.scored_customers. A notice says where else the value is shown. Errors: no such column; one that the metrics of segments are computed from; a method that does not fit its type.';

CREATE FUNCTION rfmseg.unmask_column(deployment text, relation text, column_name text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	name text;
	found_one boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	name := rfmseg._check_mask(deployment, relation, column_name, 'null');
	EXECUTE format('DELETE FROM %I.column_masks m WHERE m.relation = $1 AND m.column_name = $2 RETURNING true', deployment || '_core')
		INTO found_one USING name, column_name;
	IF found_one IS NULL THEN
		RAISE NOTICE '%.% has no mask of its own', name, column_name;
		RETURN;
	END IF;
	PERFORM rfmseg._apply_masks(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.unmask_column(text, text, text) IS
'Takes the mask of a published column away: it shows the value again, at once, unless one of its tags masks it. A notice if it has none of its own.';
