-------------------------------------------------------------------------------
-- How the expectations fare in a run
-------------------------------------------------------------------------------
-- Results are handed on as jsonb, an array of objects with the columns of
-- expectation_results: what a run that fails had written is rolled back, and
-- they go on record all the same.

CREATE FUNCTION rfmseg._result(dataset text, name text, predicate text, action text, is_skipped boolean,
	broken_rows bigint, checked_rows bigint, amount numeric)
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT jsonb_build_object('dataset', dataset, 'name', name, 'predicate', predicate, 'action', action,
		'status', CASE WHEN is_skipped THEN 'skipped' WHEN broken_rows = 0 THEN 'passed'
			ELSE CASE action WHEN 'warn' THEN 'warned' WHEN 'drop' THEN 'dropped' ELSE 'failed' END END)
		|| CASE WHEN is_skipped THEN '{}' ELSE jsonb_build_object('broken_rows', broken_rows, 'checked_rows', checked_rows, 'amount', amount) END
$body$;
COMMENT ON FUNCTION rfmseg._result(text, text, text, text, boolean, bigint, bigint, numeric) IS
'Internal: the result of one expectation.';

CREATE FUNCTION rfmseg._blame(deployment text, dataset text, cause text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	failure text;
	state text;
BEGIN
	-- not where the server lacks something, or was told to stop
	IF left(cause, 2) IN ('40', '53', '54', '55', '57', '58', 'XX') THEN
		RETURN;
	END IF;
	FOR item IN SELECT * FROM rfmseg._expected(deployment, dataset) WHERE rule IS NOT NULL LOOP
		BEGIN
			EXECUTE format(E'SELECT count(*) FILTER (WHERE (%s\n) IS FALSE) FROM %I.%I AS source', item.predicate, deployment || '_raw', dataset);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
			RAISE EXCEPTION USING ERRCODE = state,
				MESSAGE = format('expectation "%s" of %s cannot be told of every row: %s', item.name, dataset, failure),
				DETAIL = format('It is: %s.', item.predicate),
				HINT = 'Let it be NULL where it has no answer, as nullif and CASE can.';
		END;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._blame(text, text, text) IS
'Internal: after an error, another that names the expectation which raises it on some row; nothing if none does.';

CREATE FUNCTION rfmseg._check_dataset(deployment text, dataset text)
RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	key text := rfmseg._dataset_key(dataset);
	kept text := rfmseg._kept_condition(deployment, dataset);
	counts text;
	rows bigint;
	broken bigint[];
BEGIN
	-- one scan for all of them
	SELECT string_agg(CASE WHEN is_skipped THEN 'NULL'
			WHEN is_unique THEN format(E'count(%1$s) FILTER (WHERE %2$s) - count(DISTINCT %1$s) FILTER (WHERE %2$s)', key, kept)
			ELSE format(E'count(*) FILTER (WHERE (%s\n) IS FALSE)', predicate) END, ', ' ORDER BY name COLLATE "C")
	INTO counts FROM rfmseg._expected(deployment, dataset);
	IF counts IS NULL THEN
		RETURN '[]';
	END IF;
	BEGIN
		EXECUTE format('SELECT count(*), ARRAY[%s]::bigint[] FROM %I.%I AS source WHERE %s', counts, deployment || '_raw', dataset,
			rfmseg._remembered(deployment, dataset)) INTO rows, broken;
	EXCEPTION WHEN OTHERS THEN
		PERFORM rfmseg._blame(deployment, dataset, SQLSTATE);
		RAISE;
	END;
	RETURN (
		SELECT jsonb_agg(rfmseg._result(dataset, name, predicate, action, is_skipped, broken[place], rows, NULL) ORDER BY place)
		FROM (SELECT *, row_number() OVER (ORDER BY name COLLATE "C") AS place FROM rfmseg._expected(deployment, dataset)) AS e);
END
$body$;
COMMENT ON FUNCTION rfmseg._check_dataset(text, text) IS 'Internal: how the expectations of customers or products fare, in one scan.';

CREATE FUNCTION rfmseg._check_lines(deployment text, totals jsonb)
RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT coalesce(jsonb_agg(rfmseg._result('transactions', name, predicate, action, is_skipped,
		coalesce((found ->> 'rows')::bigint, 0), (totals -> 'source' ->> 'rows')::bigint - coalesce((totals -> 'forgotten' ->> 'rows')::bigint, 0), coalesce((found ->> 'amount')::numeric, 0))
		ORDER BY name COLLATE "C"), '[]')
	FROM (SELECT *, CASE WHEN is_unique THEN totals -> 'repeated' ELSE totals -> 'broken' -> rule END AS found
		FROM rfmseg._expected(deployment, 'transactions')) AS e
$body$;
COMMENT ON FUNCTION rfmseg._check_lines(text, jsonb) IS
'Internal: how the expectations of transactions fared, by what summarize_customers says of all lines.';

CREATE FUNCTION rfmseg._put_results(deployment text, run int, results jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format($insert$
		INSERT INTO %I.expectation_results (run_id, place, dataset, name, predicate, action, status, broken_rows, checked_rows, amount)
		SELECT $1, 100 + place, r.* FROM jsonb_array_elements($2) WITH ORDINALITY AS e (result, place),
			jsonb_to_record(result) AS r (dataset text, name text, predicate text, action text, status text,
				broken_rows bigint, checked_rows bigint, amount numeric)$insert$, deployment || '_core')
	USING run, results;
EXCEPTION WHEN undefined_table OR foreign_key_violation THEN
	NULL;	-- undeployed meanwhile
END
$body$;
COMMENT ON FUNCTION rfmseg._put_results(text, int, jsonb) IS 'Internal: puts the results of a run''s expectations on record.';

CREATE FUNCTION rfmseg._example_key(deployment text, dataset text, predicate text)
RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	key text := rfmseg._dataset_key(dataset);
	example text;
BEGIN
	EXECUTE format(CASE WHEN predicate LIKE 'UNIQUE (%'
			THEN 'SELECT %1$I::text FROM %2$I.%3$I AS source WHERE %1$I IS NOT NULL AND %6$s GROUP BY %5$s %1$I HAVING count(*) > 1 ORDER BY %1$I LIMIT 1'
			ELSE E'SELECT %1$I::text FROM %2$I.%3$I AS source WHERE (%4$s\n) IS FALSE AND %1$I IS NOT NULL AND %6$s ORDER BY %1$I LIMIT 1' END,
		key, deployment || '_raw', dataset, predicate, CASE dataset WHEN 'transactions' THEN 'customer_id,' ELSE '' END, rfmseg._remembered(deployment, dataset))
	INTO example;
	RETURN example;
END
$body$;
COMMENT ON FUNCTION rfmseg._example_key(text, text, text) IS 'Internal: the least key of the rows that break an expectation.';

CREATE FUNCTION rfmseg._judge(deployment text, results jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	what text;
	example text;
BEGIN
	FOR item IN
		SELECT r.* FROM jsonb_array_elements(results) WITH ORDINALITY AS e (result, place),
			jsonb_to_record(result) AS r (dataset text, name text, predicate text, status text, broken_rows bigint, checked_rows bigint)
		WHERE status IN ('warned', 'dropped', 'failed') ORDER BY status = 'failed', place
	LOOP
		what := format('expectation "%s" of %s: broken by %s of %s rows', item.name, item.dataset, item.broken_rows, item.checked_rows);
		IF item.status = 'failed' THEN
			example := rfmseg._example_key(deployment, item.dataset, item.predicate);
			RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = what,
				DETAIL = format('Expected is %s.', item.predicate)
					|| coalesce(format(' An example is the row whose %s is %s.', rfmseg._dataset_key(item.dataset), example), ''),
				HINT = format('Mend the rows, or let rfmseg.expect(%L, %L, %L, ...) warn or drop.',
					deployment, item.dataset, item.name);
		END IF;
		RAISE NOTICE '%: % (%)', deployment, what, item.status;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._judge(text, jsonb) IS
'Internal: a notice for each expectation that is broken, and an error for the first of those that fail.';
