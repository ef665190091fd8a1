-------------------------------------------------------------------------------
-- Erasure: a customer who is to be forgotten, and stays so
-------------------------------------------------------------------------------
-- What is kept of such a customer is a digest of the key under the deployment's
-- own secret, which every line of the source is tried against from then on.  So
-- nothing that reads the sources again brings anybody back, and as long as
-- nobody was forgotten, nothing is tried.
--
-- The digest is SipHash-2-4, and not SHA-256, as it is computed of every line: it
-- takes an eighth of the time, and whoever has the secret can try keys with either.

CREATE FUNCTION rfmseg._key_digest(key text, secret uuid)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_key_digest'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._key_digest(text, uuid) IS
'Internal: what is kept of the key of a customer who was forgotten: SipHash-2-4 of its bytes in UTF-8, the same on every machine.';

CREATE FUNCTION rfmseg._create_suppressions(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format('CREATE TABLE %s.suppressions (digest bigint PRIMARY KEY, forgotten_at timestamptz NOT NULL DEFAULT now(),'
		' requested_by name NOT NULL DEFAULT session_user)', home);
	PERFORM rfmseg._comment(home || '.suppressions', jsonb_build_object(
		'', 'Customers who were forgotten, and whose lines in the sources are left out. Changed with rfmseg.forget and unforget.',
		'digest', 'Digest of the customer''s key under the secret suppression_key of the settings.',
		'forgotten_at', 'When that was asked for.',
		'requested_by', 'Login of who asked.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_suppressions(text) IS 'Internal: makes the table of a deployment''s forgotten customers.';

-- Where rows about single customers are kept.  A table with a customer_id that
-- is missing here fails the tests.
CREATE FUNCTION rfmseg._customer_relations(deployment text)
RETURNS TABLE (schema text, relation text, column_name text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT deployment || suffix, c.relation, c.column_name
	FROM (VALUES
		('_raw', 'transactions', 'customer_id'),
		('_raw', 'customers', 'customer_id'),
		('_raw', 'ground_truth', 'customer_id'),
		('_core', 'scored_customers', 'customer_id'),
		('_core', 'segment_history', 'customer_id'),
		('_core', 'campaign_members', 'customer_id'),
		('_core', 'audience_members', 'customer_id'),
		-- whole rows, as jsonb; a mend may say whose a row is
		('_core', 'quarantine', 'row'),
		('_core', 'quarantine', 'mend')
	) AS c (suffix, relation, column_name)
$body$;
COMMENT ON FUNCTION rfmseg._customer_relations(text) IS
'Internal: the tables of a deployment that hold rows about single customers, and the columns that say about whom; of jsonb, the key customer_id does.';

CREATE FUNCTION rfmseg._key_text(type regtype, value text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE WHEN type = 'numeric'::regtype THEN format('trim_scale(%s)::text', value) ELSE format('%s::text', value) END
$body$;
COMMENT ON FUNCTION rfmseg._key_text(regtype, text) IS
'Internal: SQL for a customer''s key as text, which is the same for equal keys.';

CREATE FUNCTION rfmseg._has_forgotten(deployment text)
RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	RETURN NOT rfmseg._is_empty(quote_ident(deployment || '_core') || '.suppressions');
END
$body$;
COMMENT ON FUNCTION rfmseg._has_forgotten(text) IS 'Internal: whether any customer of a deployment was forgotten.';

CREATE FUNCTION rfmseg._is_forgotten(deployment text, type regtype, key text)
RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- neither secret nor digests are in the query's text, which logs may show
	SELECT format('rfmseg._key_digest(%1$s, (SELECT suppression_key FROM %2$I.settings)) IN (SELECT digest FROM %2$I.suppressions)',
		rfmseg._key_text(type, key), deployment || '_core')
$body$;
COMMENT ON FUNCTION rfmseg._is_forgotten(text, regtype, text) IS
'Internal: SQL that is true if the customer with this key was forgotten; NULL for nobody, and for who may not see the secret.';

CREATE FUNCTION rfmseg._remembered(deployment text, dataset text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	type regtype := rfmseg._type_of_column(format('%I.%I', deployment || '_raw', dataset), 'customer_id');
BEGIN
	IF type IS NULL OR NOT rfmseg._has_forgotten(deployment) THEN
		RETURN 'true';
	END IF;
	RETURN format('(source.customer_id IS NULL OR NOT %s)', rfmseg._is_forgotten(deployment, type, 'source.customer_id'));
END
$body$;
COMMENT ON FUNCTION rfmseg._remembered(text, text) IS
'Internal: SQL that is true for the rows of a data set, named source, that are nobody''s who was forgotten.';

CREATE FUNCTION rfmseg._read_key(deployment text, customer_id text, OUT key text, OUT type regtype, OUT digest bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF customer_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'customer_id must not be NULL',
			HINT = 'Rows without a customer are guests''; they name nobody.';
	END IF;
	type := rfmseg._type_of_column(format('%I.transactions', deployment || '_raw'), 'customer_id');
	-- of other types, equal keys may differ as text, or by the session's settings
	IF type <> ALL ('{int2,int4,int8,numeric,uuid,text,varchar,bpchar}'::regtype[]) AND (SELECT typtype FROM pg_type WHERE oid = type) <> 'e' THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
			MESSAGE = format('customers with keys of type %s cannot be forgotten', type),
			HINT = 'Map an expression of type text, bigint, numeric or uuid as customer_id.';
	END IF;
	BEGIN
		-- by format_type: as regtype, "character" would be of length one
		EXECUTE format('SELECT %1$s, rfmseg._key_digest(%1$s, suppression_key) FROM %2$I.settings',
			rfmseg._key_text(type, format('$1::%s', format_type(type, -1))), deployment || '_core')
		INTO key, digest USING customer_id;
	EXCEPTION WHEN data_exception THEN
		-- the cause would quote it
		RAISE EXCEPTION USING ERRCODE = SQLSTATE,
			MESSAGE = format('customer_id is no %s, as those of deployment "%s" are', type, deployment);
	END;
END
$body$;
COMMENT ON FUNCTION rfmseg._read_key(text, text) IS
'Internal: a customer''s key as the deployment''s own type shows it, and its digest; an error, which does not quote it, if it is none.';

CREATE FUNCTION rfmseg._delete_customer(relation regclass, column_name text, key text, type regtype)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	actual regtype := rfmseg._type_of_column(relation::text, column_name);
	condition text := CASE
		WHEN actual = type THEN format('%I = $1::%s', column_name, format_type(type, -1))		-- there may be an index
		-- numbers whatever their digits, texts whatever their length
		WHEN actual = 'jsonb'::regtype THEN format('(%1$I -> ''customer_id'' = to_jsonb($1::%2$s) OR rtrim(%1$I ->> ''customer_id'') = $1)', column_name, format_type(type, -1))
		ELSE format('%s = $1', rfmseg._key_text(actual, quote_ident(column_name))) END;
	n bigint;
BEGIN
	IF (SELECT relkind FROM pg_class WHERE oid = relation) = 'v' THEN
		EXECUTE format('SELECT count(*) FROM %s WHERE %s', relation, condition) INTO n USING key;
	ELSE
		EXECUTE format('DELETE FROM %s WHERE %s', relation, condition) USING key;
		GET DIAGNOSTICS n = ROW_COUNT;
	END IF;
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._delete_customer(regclass, text, text, regtype) IS
'Internal: deletes a customer''s rows from a table, or, in a view on a mapped source, counts them; how many.';

CREATE FUNCTION rfmseg._begin_erasure(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._require(deployment);
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_transaction_state',
			MESSAGE = format('nobody is forgotten at isolation level %s', current_setting('transaction_isolation')),
			DETAIL = 'The transaction does not see what a refresh may just have written.',
			HINT = 'Use READ COMMITTED.';
	END IF;
	PERFORM rfmseg._lock(deployment);
	-- Written each time: a refresh with a snapshot from before, which would not
	-- see who is forgotten, stumbles over it.
	EXECUTE format('UPDATE %I.settings SET suppression_key = coalesce(suppression_key, gen_random_uuid())', deployment || '_core');
END
$body$;
COMMENT ON FUNCTION rfmseg._begin_erasure(text) IS
'Internal: an error unless the caller may change who is forgotten; waits for a refresh under way, and makes the secret if there is none.';

CREATE FUNCTION rfmseg.forget(deployment text, customer_id text)
RETURNS TABLE (relation text, row_count bigint, note text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
AS $body$
#variable_conflict use_variable
DECLARE
	home text := quote_ident(deployment || '_core');
	is_first boolean;
	since timestamptz;
	who record;
	item record;
	source regclass;
	found_any boolean := false;
	was_published boolean := false;
BEGIN
	PERFORM rfmseg._begin_erasure(deployment);
	SELECT * INTO who FROM rfmseg._read_key(deployment, customer_id);
	is_first := NOT rfmseg._has_forgotten(deployment);
	EXECUTE format('SELECT forgotten_at FROM %s.suppressions WHERE digest = $1', home) INTO since USING who.digest;
	EXECUTE format('INSERT INTO %s.suppressions (digest) VALUES ($1) ON CONFLICT DO NOTHING', home) USING who.digest;
	IF is_first THEN
		PERFORM rfmseg._create_clean_views(deployment);
		PERFORM rfmseg._grant_all(deployment);
	END IF;

	-- what was landed since it was asked for the first time goes as well
	FOR item IN
		SELECT o.oid::regclass AS name, r.column_name, r.relation, o.kind
		FROM rfmseg._customer_relations(deployment) WITH ORDINALITY AS r (schema, relation, column_name, place)
		JOIN rfmseg._own_relations(deployment) o ON o.schema = r.schema AND o.relation = r.relation ORDER BY r.place
	LOOP
		relation := item.name::text || CASE WHEN item.column_name <> 'customer_id' THEN format(' (%s)', item.column_name) ELSE '' END;
		row_count := rfmseg._delete_customer(item.name, item.column_name, who.key, who.type);
		note := NULL;
		found_any := found_any OR row_count > 0;
		was_published := was_published OR (item.relation = 'scored_customers' AND row_count > 0);
		IF item.kind = 'v' THEN
			EXECUTE format('SELECT source FROM %s.sources WHERE dataset = $1', home) INTO source USING item.relation;
			note := format('A view on %s. Rows of the customer there, yours to delete, and left out until then: %s.', source, row_count);
			row_count := 0;
		END IF;
		RETURN NEXT;
	END LOOP;

	IF since IS NOT NULL THEN
		RAISE NOTICE 'the customer was forgotten already, on %', since::date;
	ELSIF NOT found_any THEN
		RAISE NOTICE 'deployment "%" had no row about the customer, who will not be taken in', deployment;
	ELSIF was_published THEN
		RAISE NOTICE 'totals of "%" count the customer until the next refresh', deployment
			USING HINT = format('CALL rfmseg.refresh(%L) computes them without. Those of earlier runs stay as they were.', deployment);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.forget(text, text) IS
'Forgets a customer: deletes the rows about that one from a deployment''s tables, landing tables too, and keeps but a digest of the key, by which lines of the sources are left out from then on, whatever reads them. customer_id: the key, as text. One row for each table: rows deleted; of a mapped source, which is its owner''s, the note says how many rows to delete there. Per-customer views are without the customer at once, totals from the next refresh on. Waits for a refresh under way. A customer who is not there will not be taken in either. Errors: not the owner; a customer_id that is none; keys of a type that cannot be told by its text; isolation levels above READ COMMITTED.';

CREATE FUNCTION rfmseg.forget(deployment text, customer_id anyelement)
RETURNS TABLE (relation text, row_count bigint, note text)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT * FROM rfmseg.forget(deployment, customer_id::text)
$body$;
COMMENT ON FUNCTION rfmseg.forget(text, anyelement) IS 'The same, of a key of any type.';

CREATE FUNCTION rfmseg.unforget(deployment text, customer_id text)
RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	was_forgotten boolean;
BEGIN
	PERFORM rfmseg._begin_erasure(deployment);
	EXECUTE format('DELETE FROM %I.suppressions WHERE digest = $1 RETURNING true', deployment || '_core')
		INTO was_forgotten USING (SELECT k.digest FROM rfmseg._read_key(deployment, customer_id) k);
	IF was_forgotten AND NOT rfmseg._has_forgotten(deployment) THEN
		PERFORM rfmseg._create_clean_views(deployment);
		PERFORM rfmseg._grant_all(deployment);
	END IF;
	RETURN coalesce(was_forgotten, false);
END
$body$;
COMMENT ON FUNCTION rfmseg.unforget(text, text) IS
'Takes a customer in again, who has come back and agreed to it: the next refresh counts what the sources have. What was deleted stays so. Returns whether the customer was forgotten. Errors: as of forget.';

CREATE FUNCTION rfmseg.unforget(deployment text, customer_id anyelement)
RETURNS boolean LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT rfmseg.unforget(deployment, customer_id::text)
$body$;
COMMENT ON FUNCTION rfmseg.unforget(text, anyelement) IS 'The same, of a key of any type.';

CREATE FUNCTION rfmseg.is_forgotten(deployment text, customer_id text)
RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	known boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.suppressions WHERE digest = $1)', deployment || '_core')
		INTO known USING (SELECT k.digest FROM rfmseg._read_key(deployment, customer_id) k);
	RETURN known;
END
$body$;
COMMENT ON FUNCTION rfmseg.is_forgotten(text, text) IS 'Whether a customer of a deployment was forgotten. Errors: not the owner; a customer_id that is none.';

CREATE FUNCTION rfmseg.is_forgotten(deployment text, customer_id anyelement)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT rfmseg.is_forgotten(deployment, customer_id::text)
$body$;
COMMENT ON FUNCTION rfmseg.is_forgotten(text, anyelement) IS 'The same, of a key of any type.';
