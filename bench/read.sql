-- Each published relation, and the table of its rows, in turns: all of it as a
-- reader is sent it, and as the server alone counts it; milliseconds

CREATE TEMPORARY TABLE took (relation text, row_count bigint, sent float8, sent_floor float8, counted float8, counted_floor float8);
SELECT set_config('bench.runs', :'runs', false) \g /dev/null
DO $$
DECLARE
	item record;
	began timestamptz;
	ms float8[];
	query text;
	n bigint;
BEGIN
	-- the first run warms up, and is left out
	FOR run IN 0 .. current_setting('bench.runs')::int LOOP
		FOR item IN SELECT relname FROM pg_class WHERE relnamespace = 'floor'::regnamespace AND relkind = 'r' ORDER BY relname LOOP
			ms := '{}';
			EXECUTE format('SELECT count(*) FROM floor.%I', item.relname) INTO n;
			FOREACH query IN ARRAY ARRAY['COPY (SELECT * FROM shop.%I) TO ''/dev/null''', 'COPY (SELECT * FROM floor.%I) TO ''/dev/null''',
				'SELECT count(x) FROM shop.%I AS x', 'SELECT count(x) FROM floor.%I AS x'] LOOP
				began := clock_timestamp();
				EXECUTE format(query, item.relname);
				ms := ms || extract(epoch FROM clock_timestamp() - began)::float8 * 1000;
			END LOOP;
			INSERT INTO took SELECT item.relname, n, ms[1], ms[2], ms[3], ms[4] WHERE run > 0;
		END LOOP;
	END LOOP;
END $$;
SELECT 'relation', relation, row_count,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY sent), percentile_cont(0.5) WITHIN GROUP (ORDER BY sent_floor),
	percentile_cont(0.5) WITHIN GROUP (ORDER BY sent / sent_floor), min(sent / sent_floor), max(sent / sent_floor),
	percentile_cont(0.5) WITHIN GROUP (ORDER BY counted), percentile_cont(0.5) WITHIN GROUP (ORDER BY counted_floor),
	percentile_cont(0.5) WITHIN GROUP (ORDER BY counted / counted_floor), min(counted / counted_floor), max(counted / counted_floor)
FROM took GROUP BY relation, row_count ORDER BY relation;
