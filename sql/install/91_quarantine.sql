-------------------------------------------------------------------------------
-- Quarantine: the rows that expectations dropped, and the way back
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._dropped_query(deployment text, dataset text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.%I', deployment || '_raw', dataset);
	key text := rfmseg._dataset_key(dataset);
	kept text := rfmseg._kept_condition(deployment, dataset);
	remembered text := rfmseg._remembered(deployment, dataset);
	repeated text;
	place text;
	query text;
BEGIN
	SELECT name INTO repeated FROM rfmseg._expected(deployment, dataset) WHERE is_unique AND action = 'drop' AND NOT is_skipped;
	IF kept = 'true' AND repeated IS NULL THEN
		RETURN NULL;
	END IF;
	-- only a table's rows have a place
	place := CASE WHEN (SELECT relkind FROM pg_class WHERE oid = relation::regclass) IN ('r', 'p')
		THEN 'source.tableoid AS relation, source.ctid' ELSE 'NULL::oid AS relation, NULL::tid' END || ' AS place';
	query := format('SELECT %s, %I::text AS key, to_jsonb(source.*) AS "row", %s AS expectations FROM %s AS source WHERE NOT (%s) AND %s',
		place, key, rfmseg._broken_names(deployment, dataset), relation, kept, remembered);
	IF repeated IS NOT NULL THEN
		query := format('%1$s UNION ALL SELECT relation, place, key, "row", ARRAY[%2$L] FROM (SELECT %3$s, %4$I::text AS key, to_jsonb(source.*) AS "row",'
			' row_number() OVER (%5$s) AS number FROM %6$s AS source WHERE %4$I IS NOT NULL AND %7$s AND %8$s) AS same WHERE number > 1',
			query, repeated, place, key,
			CASE dataset
				WHEN 'transactions' THEN rfmseg._same_id('total_amount < 0 AND NOT is_return', 'false')
				WHEN 'customers' THEN 'PARTITION BY customer_id ORDER BY signup_date, age, gender, income_bracket, city, state, latitude, longitude, preferred_channel, marketing_consent'
				ELSE 'PARTITION BY product_id ORDER BY product_name, category, price, cost, brand, is_seasonal' END,
			relation, kept, remembered);
	END IF;
	-- equal rows are told apart by their number
	RETURN format('SELECT *, row_number() OVER (PARTITION BY row_digest ORDER BY relation, place)::int AS copy'
		' FROM (SELECT *, md5("row"::text) AS row_digest FROM (%s) AS dropped) AS dropped', query);
END
$body$;
COMMENT ON FUNCTION rfmseg._dropped_query(text, text) IS
'Internal: the query for the rows of a data set that expectations drop, with their places, keys and digests; NULL where none drops. Its session must have the settings of a refresh, on which digests depend.';

CREATE FUNCTION rfmseg._quarantine(deployment text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	dataset text;
BEGIN
	FOR dataset IN EXECUTE format('SELECT DISTINCT dataset FROM %s.expectation_results WHERE run_id = $1 AND status = ''dropped'' ORDER BY 1', home) USING run
	LOOP
		EXECUTE format($insert$
			INSERT INTO %1$s.quarantine AS q (dataset, row_digest, copy, key, "row", expectations, run_id, first_run_id, first_seen_at)
			SELECT $1, d.row_digest, d.copy, d.key, d."row", d.expectations, $2, $2, r.started_at
			FROM (%2$s) AS d CROSS JOIN %1$s.runs r WHERE r.run_id = $2
			ON CONFLICT (dataset, row_digest, copy) DO UPDATE SET run_id = excluded.run_id, expectations = excluded.expectations$insert$,
			home, rfmseg._dropped_query(deployment, dataset))
		USING dataset, run;
	END LOOP;
	EXECUTE format('DELETE FROM %s.quarantine WHERE run_id <> $1', home) USING run;
END
$body$;
COMMENT ON FUNCTION rfmseg._quarantine(text, int) IS
'Internal: puts the rows that a run drops into quarantine; those that it drops no more leave it, the others keep when they came and their mends.';

CREATE FUNCTION rfmseg._put_back(deployment text, dataset text, query text)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	relation text := format('%I.%I', deployment || '_raw', dataset);
	columns text[];
	unknown text;
	conditions text;
	n bigint;
BEGIN
	EXECUTE format('SELECT array_agg(DISTINCT c ORDER BY c) FROM %s.quarantine q, jsonb_object_keys(q.mend) AS c WHERE q.dataset = $1', home)
		INTO columns USING dataset;
	IF columns IS NULL THEN
		RETURN 0;
	END IF;
	SELECT c INTO unknown FROM unnest(columns) c WHERE rfmseg._type_of_column(relation, c) IS NULL LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column',
			MESSAGE = format('a mend has column "%s", which %s has not', unknown, relation),
			HINT = 'A mend is an object of columns with their right values, such as {"age": 41}.';
	END IF;
	SELECT string_agg(format(E'(%s\n) IS NOT FALSE', predicate), ' AND ') INTO conditions
		FROM rfmseg._expected(deployment, dataset) WHERE action <> 'warn' AND rule IS NOT NULL;

	-- Only the columns that are mended are written: the others stay as they are.
	EXECUTE format($update$
		WITH mended AS (
			UPDATE %2$s AS t SET %4$s
			FROM (%3$s) AS d
			JOIN %1$s.quarantine q ON q.dataset = $1 AND q.row_digest = d.row_digest AND q.copy = d.copy AND q.mend <> '{}',
			LATERAL (SELECT source AS new, %5$s AS passes FROM jsonb_populate_record(NULL::%2$s, d."row" || q.mend) AS source) AS m
			WHERE t.tableoid = d.relation AND t.ctid = d.place AND m.passes
			RETURNING d.row_digest, d.copy
		)
		DELETE FROM %1$s.quarantine q USING mended m WHERE q.dataset = $1 AND q.row_digest = m.row_digest AND q.copy = m.copy$update$,
		home, relation, query,
		(SELECT string_agg(format('%1$I = CASE WHEN q.mend ? %1$L THEN (m.new).%1$I ELSE t.%1$I END', c), ', ') FROM unnest(columns) c),
		coalesce(conditions, 'true'))
	USING dataset;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._put_back(text, text, text) IS
'Internal: writes mended rows of quarantine to their landing table, those that break nothing any more; how many.';

CREATE FUNCTION rfmseg.replay(deployment text)
RETURNS TABLE (dataset text, outcome text, row_count bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres'
SET extra_float_digits = 1
AS $body$
#variable_conflict use_variable
DECLARE
	home text := quote_ident(deployment || '_core');
	relation text;
	query text;
	is_table boolean;
	mends bigint;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	FOR dataset, mends IN
		EXECUTE format('SELECT q.dataset, count(q.mend) FROM %s.quarantine q GROUP BY q.dataset ORDER BY q.dataset', home)
	LOOP
		relation := format('%I.%I', deployment || '_raw', dataset);
		is_table := (SELECT c.relkind IN ('r', 'p') FROM pg_class c WHERE c.oid = relation::regclass);
		query := rfmseg._dropped_query(deployment, dataset);
		IF is_table AND query IS NOT NULL THEN
			outcome := 'put back';
			row_count := rfmseg._put_back(deployment, dataset, query);
			IF row_count > 0 THEN
				RETURN NEXT;
			END IF;
		ELSIF mends > 0 AND NOT is_table THEN
			RAISE NOTICE '% mends of % are not written: the source is mapped', mends, dataset
				USING HINT = 'Mend the rows in the source itself.';
		END IF;

		RETURN QUERY EXECUTE format($query$
			SELECT $1, o.outcome, count(*) FROM (
				SELECT CASE
					WHEN (q.row_digest, q.copy) IN (SELECT d.row_digest, d.copy FROM (%3$s) AS d) THEN 'still dropped'
					WHEN q.key IN (SELECT s.%4$I::text FROM %2$s s) THEN 'will count'
					ELSE 'not found' END AS outcome
				FROM %1$s.quarantine q WHERE q.dataset = $1) AS o
			GROUP BY o.outcome ORDER BY o.outcome$query$,
			home, relation, coalesce(query, 'SELECT NULL AS row_digest, NULL::int AS copy WHERE false'), rfmseg._dataset_key(dataset))
		USING dataset;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg.replay(text) IS
'Puts rows of quarantine back. In landing tables the rows that have a mend get its values, unless they would break an expectation that drops or fails even so, and leave quarantine: put back. What became of the others is counted: still dropped; will count (a row of that key is in the source, and is dropped no more); not found. The next refresh reads them all. Mapped sources are only looked at. Errors: a mend with a column that the table has not, or a value that is none of its type; then nothing is changed.';
