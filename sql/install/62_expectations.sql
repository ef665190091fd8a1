-------------------------------------------------------------------------------
-- Expectations: what the owner says of the rows of the sources
-------------------------------------------------------------------------------
-- A predicate is the owner's code, as a mapped expression is, over the columns of
-- one landing relation.  A row for which it is FALSE breaks it; NULL is no break.
-- UNIQUE (<key>) is not SQL over one row, and is told by its form.

CREATE FUNCTION rfmseg._predicate_columns(relation regclass, predicate text)
RETURNS text[] AS 'MODULE_PATHNAME', 'rfmseg_predicate_columns'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._predicate_columns(regclass, text) IS
'Internal: the columns of a relation that an expression reads; an error unless it is boolean, about one row, and not volatile.';

CREATE FUNCTION rfmseg._dataset_key(dataset text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT rtrim($1, 's') || '_id' $body$;
COMMENT ON FUNCTION rfmseg._dataset_key(text) IS 'Internal: the column that identifies a row of a landing relation.';

CREATE FUNCTION rfmseg._create_expectations(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %s.expectations (
		dataset text CHECK (dataset IN ('customers', 'products', 'transactions')),
		name text,
		predicate text NOT NULL,
		action text NOT NULL CHECK (action IN ('warn', 'drop', 'fail')),
		description text,
		is_enabled boolean NOT NULL,
		is_default boolean NOT NULL DEFAULT false,
		PRIMARY KEY (dataset, name)
	)$ddl$, home);
	EXECUTE format($insert$
	INSERT INTO %s.expectations (dataset, name, predicate, action, description, is_enabled, is_default)
	SELECT *, true, true FROM (VALUES
		('customers', 'age_18_or_over', 'age >= 18', 'drop', 'Adults only; customers whose age is not known pass. Warns on a mapped source.'),
		('customers', 'customer_id_given', 'customer_id IS NOT NULL', 'drop', 'Nobody could be looked up without.'),
		('customers', 'customer_id_unique', 'UNIQUE (customer_id)', 'warn', 'Of several rows of a customer one is taken.'),
		('products', 'price_above_zero', 'price > 0', 'drop', 'Products that cost nothing are no products.'),
		('products', 'product_id_given', 'product_id IS NOT NULL', 'drop', 'No line could refer to it without.'),
		('products', 'product_id_unique', 'UNIQUE (product_id)', 'warn', 'Of several rows of a product one is taken.'),
		('transactions', 'customer_id_given', 'customer_id IS NOT NULL', 'warn', 'Lines without a customer are guests''; their money is unattributed.'),
		('transactions', 'date_not_in_future', 'transaction_date <= now()', 'warn', 'Later lines wait until their time has come.'),
		('transactions', 'total_not_negative', 'total_amount >= 0 OR is_return', 'drop', 'A negative line that is said to be no return never counts.'),
		('transactions', 'transaction_id_given', 'transaction_id IS NOT NULL', 'warn', 'Lines without an id count all the same.'),
		('transactions', 'transaction_id_unique', 'UNIQUE (transaction_id)', 'warn', 'Lines loaded twice count twice.')
	) AS v (dataset, name, predicate, action, description)$insert$, home);
	PERFORM rfmseg._comment(home || '.expectations', jsonb_build_object(
		'', format('What is expected of the rows of the sources. Changed with rfmseg.expect(%L, ...) and rfmseg.unexpect, which check it.', deployment),
		'dataset', 'customers, products or transactions.',
		'name', 'Name of the expectation.',
		'predicate', 'SQL over the columns of the landing relation, or UNIQUE (its key); a row for which it is false breaks the expectation.',
		'action', 'What becomes of such a row. warn: it counts all the same; drop: it is left out, and kept in quarantine; fail: the refresh stops.',
		'description', 'Why it is expected.',
		'is_enabled', 'Whether refreshes look at it.',
		'is_default', 'Whether it is as deploy made it.'));

	EXECUTE format($ddl$
	CREATE TABLE %s.quarantine (
		dataset text,
		row_digest text,
		copy int,
		key text,
		"row" jsonb NOT NULL,
		expectations text[] NOT NULL,
		mend jsonb CHECK (jsonb_typeof(mend) = 'object'),
		run_id int NOT NULL,
		first_run_id int NOT NULL,
		first_seen_at timestamptz NOT NULL,
		PRIMARY KEY (dataset, row_digest, copy)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.quarantine', jsonb_build_object(
		'', format('Rows of the sources that the last published refresh dropped for breaking an expectation. Personal data: whole rows, names and contacts too. To mend rows of landing tables, say in mend what to change, and SELECT rfmseg.replay(%L).', deployment),
		'dataset', 'customers, products or transactions.',
		'row_digest', 'Digest of the row.',
		'copy', 'Number among equal rows, from 1.',
		'key', 'The row''s key, if it has one.',
		'row', 'The row, as it was found.',
		'expectations', 'Names of the expectations that it broke and that drop.',
		'mend', 'Columns to change, with their right values, such as {"age": 41}. Written by people, read by rfmseg.replay.',
		'run_id', 'The run that dropped it last.',
		'first_run_id', 'The first run in a row of runs that dropped it.',
		'first_seen_at', 'When that run began.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_expectations(text) IS
'Internal: makes the tables of a deployment''s expectations and of the rows that break them, with the default expectations.';

CREATE FUNCTION rfmseg._read_predicate(deployment text, dataset text, predicate text,
	OUT expression text, OUT columns text[], OUT is_unique boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
AS $body$
DECLARE
	relation regclass := format('%I.%I', deployment || '_raw', dataset)::regclass;
	key text := rfmseg._dataset_key(dataset);
BEGIN
	-- the word is reserved: no expression begins with it
	is_unique := predicate ~* $re$^\s*unique\s*\($re$;
	IF is_unique THEN
		IF predicate !~* format($re$^\s*unique\s*\(\s*%s\s*\)\s*$$re$, key) THEN
			RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
				MESSAGE = format('%s cannot be expected', predicate),
				HINT = format('Of %s, UNIQUE (%s) can.', dataset, key);
		END IF;
		expression := format('UNIQUE (%s)', key);
		columns := ARRAY[key];
	ELSE
		expression := rfmseg._expression(relation, 'predicate', predicate);
		columns := rfmseg._predicate_columns(relation, expression);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._read_predicate(text, text, text) IS
'Internal: a predicate as SQL, and the columns it is about; an error if it cannot be one of that landing relation''s rows.';

CREATE FUNCTION rfmseg._unmapped_columns(deployment text, dataset text)
RETURNS text[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	unmapped text[];
BEGIN
	EXECUTE format($query$
		SELECT array_agg(l.column_name) FROM %1$I.sources s JOIN rfmseg._landing_columns l USING (dataset)
		WHERE s.dataset = $1 AND NOT EXISTS (SELECT FROM %1$I.mappings m WHERE m.dataset = s.dataset
			AND m.argument IN (l.column_name, CASE l.column_name WHEN 'currency' THEN 'fx_rate' END))$query$, deployment || '_core')
	INTO unmapped USING dataset;
	RETURN coalesce(unmapped, '{}');
END
$body$;
COMMENT ON FUNCTION rfmseg._unmapped_columns(text, text) IS
'Internal: the columns of a mapped source that hold nothing, as no expression is mapped to them; none of a landing table''s.';

-- A mapping, or a change of a landing table, can make a predicate senseless that
-- was right when it was given: the error names it.
CREATE FUNCTION rfmseg._expected(deployment text, dataset text)
RETURNS TABLE (name text, predicate text, action text, is_unique boolean, is_skipped boolean, rule int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	unmapped text[] := rfmseg._unmapped_columns(deployment, dataset);
	rules int := 0;
	seen record;
	item record;
	failure text;
	detail text;
	hint text;
	state text;
BEGIN
	FOR item IN EXECUTE format('SELECT * FROM %I.expectations WHERE dataset = $1 AND is_enabled ORDER BY name COLLATE "C"', deployment || '_core')
		USING dataset
	LOOP
		BEGIN
			seen := rfmseg._read_predicate(deployment, dataset, item.predicate);
		EXCEPTION
			WHEN connection_exception THEN
				RAISE;	-- as in _expression
			WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
				RAISE EXCEPTION USING ERRCODE = state,
					MESSAGE = format('expectation "%s" of %s cannot be used: %s', item.name, dataset, failure),
					DETAIL = coalesce(nullif(detail, ''), format('It is: %s.', item.predicate)),
					HINT = coalesce(nullif(hint, ''), 'Replace it with rfmseg.expect, or remove it with rfmseg.unexpect.');
		END;
		name := item.name;
		predicate := seen.expression;
		action := item.action;
		is_unique := seen.is_unique;
		is_skipped := seen.columns && unmapped;
		rule := CASE WHEN NOT is_unique AND NOT is_skipped THEN rules END;
		rules := rules + (rule IS NOT NULL)::int;
		RETURN NEXT;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._expected(text, text) IS
'Internal: what is expected of a data set now: predicates as SQL, whether a column of theirs is not mapped, and the number of the rule by which the lines'' query tells of each.';

CREATE FUNCTION rfmseg._kept_condition(deployment text, dataset text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT coalesce(string_agg(format(E'(%s\n) IS NOT FALSE', predicate), ' AND ' ORDER BY rule), 'true')
	FROM rfmseg._expected($1, $2) WHERE action = 'drop' AND rule IS NOT NULL
$body$;
COMMENT ON FUNCTION rfmseg._kept_condition(text, text) IS
'Internal: SQL that is true for the rows of a data set, named source, that break no expectation which drops them.';

CREATE FUNCTION rfmseg._broken_names(deployment text, dataset text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT format('array_remove(ARRAY[%s]::text[], NULL)',
		string_agg(format(E'CASE WHEN (%s\n) IS FALSE THEN %L END', predicate, name), ', ' ORDER BY rule))
	FROM rfmseg._expected($1, $2) WHERE action = 'drop' AND rule IS NOT NULL
$body$;
COMMENT ON FUNCTION rfmseg._broken_names(text, text) IS
'Internal: SQL for the names of the expectations that a row of a data set, named source, breaks and that drop it.';

CREATE FUNCTION rfmseg._repeated(deployment text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE WHEN count(*) > 0 THEN 'drop' ELSE 'keep' END
	FROM rfmseg._expected($1, 'transactions') WHERE is_unique AND action = 'drop' AND NOT is_skipped
$body$;
COMMENT ON FUNCTION rfmseg._repeated(text) IS
'Internal: what summarize_customers is to do with lines of a deployment that have the id of another: keep or drop.';

CREATE FUNCTION rfmseg.expect(
	deployment text,
	dataset text,
	name text,
	predicate text,
	action text DEFAULT 'warn',
	description text DEFAULT NULL,
	is_enabled boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	most CONSTANT int := 62;	-- as the lines' query has bits
	seen record;
	item record;
	n int;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	FOR item IN SELECT * FROM jsonb_each(jsonb_build_object('dataset', dataset, 'name', name, 'predicate', predicate,
		'action', action, 'is_enabled', is_enabled)) WHERE value = 'null'
	LOOP
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = format('%s must not be NULL', item.key);
	END LOOP;
	PERFORM rfmseg._check_choice('dataset', dataset, '{customers,products,transactions}');
	PERFORM rfmseg._check_choice('action', action, '{warn,drop,fail}');
	IF btrim(name) = '' OR octet_length(name) > 63 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_name',
			MESSAGE = format('"%s" cannot name an expectation', name), HINT = 'A name has 1 to 63 bytes.';
	END IF;
	seen := rfmseg._read_predicate(deployment, dataset, predicate);

	EXECUTE format($insert$
		INSERT INTO %s.expectations AS e (dataset, name, predicate, action, description, is_enabled) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT ON CONSTRAINT expectations_pkey DO UPDATE SET
			predicate = excluded.predicate, action = excluded.action, is_enabled = excluded.is_enabled, is_default = false,
			description = coalesce(excluded.description, CASE WHEN e.predicate = excluded.predicate THEN e.description END)$insert$, home)
	USING dataset, name, seen.expression, action, description, is_enabled;
	EXECUTE format('SELECT count(*) FROM %s.expectations e WHERE e.dataset = $1 AND e.is_enabled', home) INTO n USING dataset;
	IF n > most THEN
		RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
			MESSAGE = format('more than %s expectations of %s', most, dataset),
			HINT = 'Join some of them with AND, or disable those that are not needed.';
	END IF;
	PERFORM rfmseg._create_clean_views(deployment);
	IF seen.columns && rfmseg._unmapped_columns(deployment, dataset) THEN
		RAISE NOTICE 'expectation "%" of % is skipped as long as a column of it is not mapped', name, dataset;
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.expect(text, text, text, text, text, text, boolean) IS
'Adds an expectation of the rows of a data set to a deployment, or replaces that of the same name; the next refresh checks it. dataset: customers, products or transactions. predicate: SQL over the columns of the landing relation, one boolean expression without subqueries and volatile functions, or UNIQUE (<key>); rows for which it is false break it, NULL does not. action: warn, drop (the row is left out and kept in quarantine) or fail (the refresh stops). Errors: a predicate that cannot be read, other words, more than 62 enabled ones of a data set.';

CREATE FUNCTION rfmseg.unexpect(deployment text, dataset text, name text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	gone text;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('DELETE FROM %I.expectations e WHERE e.dataset = $1 AND e.name = $2 RETURNING e.name', deployment || '_core')
		INTO gone USING dataset, name;
	IF gone IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('there is no expectation "%s" of %s', name, dataset),
			HINT = format('%I.expectations lists those there are.', deployment || '_core');
	END IF;
	PERFORM rfmseg._create_clean_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.unexpect(text, text, text) IS
'Removes an expectation of a deployment, a default one too. Error: there is none of that name.';
