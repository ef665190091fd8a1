--
-- States of the aggregates rfm and cut_points: foreign and forged ones, and partial ones of parallel plans
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
\set SHOW_CONTEXT never
\pset null '(null)'
SET datestyle = ISO;
CREATE SCHEMA states_test;
SET search_path = states_test, pg_catalog;

--
-- Support functions are not to be had outside of their aggregates
--

-- each takes an internal argument, so no value that SQL has can be given to it
SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.proname ~ '^_(rfm|cut_points)_' AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[]);
-- nor is NULL accepted for one: calling each of them is an error, the server's own or, in older minor versions, ours
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	message text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
	RETURN state || ' ' || message;
END $$;
SELECT p.proname AS function, p.pronargs AS arguments, substr(attempt(format('SELECT %s(%s) IS NULL', p.oid::regproc,
	(SELECT string_agg(CASE t WHEN 'internal'::regtype THEN 'NULL' ELSE 'NULL::' || format_type(t, NULL) END, ', ' ORDER BY n)
	FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a (t, n)))), 1, 5) IN ('42883', '0A000') AS refused
FROM (SELECT *, proname COLLATE "C" AS name FROM pg_proc) p WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.proname ~ '^_(rfm|cut_points)_' ORDER BY name, arguments;
-- nothing can be cast to internal (how the server says so depends on its minor version)
SELECT statement, substr(attempt(statement), 1, 5) IN ('42846', '0A000') AS refused
FROM unnest(ARRAY[
	$$SELECT rfmseg._rfm_final('x'::internal)$$,
	$$SELECT rfmseg._rfm_final(4711::internal)$$,
	$$SELECT rfmseg._cut_points_final('\x52464d02'::bytea::internal)$$,
	$$SELECT rfmseg._rfm_deserialize('\x52464d01', NULL::internal)$$]) statement;

--
-- States of another aggregate, which a superuser can bring together
--
CREATE TABLE few AS SELECT i, timestamptz '2024-01-01 00:00 UTC' + i % 30 * interval '1 day' AS at FROM generate_series(1, 400) i;

-- one's final function after the other's transition function
CREATE AGGREGATE cut_points_then_rfm(float8, int) (SFUNC = rfmseg._cut_points_transition, STYPE = internal, FINALFUNC = rfmseg._rfm_final);
SELECT cut_points_then_rfm(i, 4) FROM few;
\echo :SQLSTATE
CREATE AGGREGATE rfm_then_cut_points(timestamptz, numeric, timestamptz) (SFUNC = rfmseg._rfm_transition, STYPE = internal, FINALFUNC = rfmseg._cut_points_final);
SELECT rfm_then_cut_points(at, i, '2024-02-01 00:00 UTC') FROM few;
\echo :SQLSTATE
-- a state of the server's own aggregates
CREATE AGGREGATE sum_then_rfm(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = rfmseg._rfm_final);
SELECT sum_then_rfm(i) FROM few;
\echo :SQLSTATE
CREATE AGGREGATE sum_then_cut_points(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = rfmseg._cut_points_final);
SELECT sum_then_cut_points(i) FROM few;
\echo :SQLSTATE
-- without any row there is no state, foreign or not
SELECT cut_points_then_rfm(i, 4) IS NOT DISTINCT FROM NULL AS none FROM few WHERE false;

-- Plans whose partial states are serialized, deserialized and combined
SET work_mem = '64MB';
ALTER TABLE few SET (parallel_workers = 2);
SET cpu_operator_cost = 1;
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
ANALYZE few;
CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan text;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN concat_ws(', ', CASE WHEN plan LIKE '%"Partial Mode": "Partial"%' THEN 'partial' END, CASE WHEN plan LIKE '%"Partial Mode": "Finalize"%' THEN 'final' END,
		CASE WHEN plan LIKE '%"Node Type": "Gather%' THEN 'gathered' END, CASE WHEN plan LIKE '%"Strategy": "Hashed"%' THEN 'hashed' END,
		CASE WHEN plan LIKE '%"Strategy": "Sorted"%' THEN 'sorted' END);
END $$;
SELECT plan('SELECT rfmseg.rfm(at, i, ''2024-02-01 00:00 UTC'') FROM states_test.few');
-- one's combine function, serialization or deserialization in the other's aggregate
CREATE AGGREGATE rfm_combined_as_cut_points(timestamptz, numeric, timestamptz) (SFUNC = rfmseg._rfm_transition, STYPE = internal,
	COMBINEFUNC = rfmseg._cut_points_combine, SERIALFUNC = rfmseg._rfm_serialize, DESERIALFUNC = rfmseg._rfm_deserialize, FINALFUNC = rfmseg._rfm_final, PARALLEL = SAFE);
SELECT rfm_combined_as_cut_points(at, i, '2024-02-01 00:00 UTC') FROM few;
\echo :SQLSTATE
CREATE AGGREGATE rfm_sent_as_cut_points(timestamptz, numeric, timestamptz) (SFUNC = rfmseg._rfm_transition, STYPE = internal,
	COMBINEFUNC = rfmseg._rfm_combine, SERIALFUNC = rfmseg._cut_points_serialize, DESERIALFUNC = rfmseg._rfm_deserialize, FINALFUNC = rfmseg._rfm_final, PARALLEL = SAFE);
SELECT rfm_sent_as_cut_points(at, i, '2024-02-01 00:00 UTC') FROM few;
\echo :SQLSTATE
CREATE AGGREGATE rfm_received_as_cut_points(timestamptz, numeric, timestamptz) (SFUNC = rfmseg._rfm_transition, STYPE = internal,
	COMBINEFUNC = rfmseg._rfm_combine, SERIALFUNC = rfmseg._rfm_serialize, DESERIALFUNC = rfmseg._cut_points_deserialize, FINALFUNC = rfmseg._rfm_final, PARALLEL = SAFE);
SELECT rfm_received_as_cut_points(at, i, '2024-02-01 00:00 UTC') FROM few;
\echo :SQLSTATE
CREATE AGGREGATE cut_points_received_as_rfm(float8, int) (SFUNC = rfmseg._cut_points_transition, STYPE = internal,
	COMBINEFUNC = rfmseg._cut_points_combine, SERIALFUNC = rfmseg._cut_points_serialize, DESERIALFUNC = rfmseg._rfm_deserialize, FINALFUNC = rfmseg._cut_points_final, PARALLEL = SAFE);
SELECT cut_points_received_as_rfm(i, 4) FROM few;
\echo :SQLSTATE

--
-- Forged serialized states
--
-- A superuser can make an aggregate whose serialized state is any bytes.  Its transition keeps the first value that is not NULL: xmlconcat2
-- gives back the one argument that is there.  As a constant of the query that value outlives the aggregate.  byteasend copies it.
CREATE FUNCTION keep(internal, bytea) RETURNS internal LANGUAGE internal IMMUTABLE PARALLEL SAFE AS 'xmlconcat2';
CREATE FUNCTION send(internal) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'byteasend';
CREATE AGGREGATE rfm_of_bytes(bytea) (SFUNC = keep, STYPE = internal, COMBINEFUNC = rfmseg._rfm_combine,
	SERIALFUNC = send, DESERIALFUNC = rfmseg._rfm_deserialize, FINALFUNC = rfmseg._rfm_final, PARALLEL = SAFE);
CREATE AGGREGATE cut_points_of_bytes(bytea) (SFUNC = keep, STYPE = internal, COMBINEFUNC = rfmseg._cut_points_combine,
	SERIALFUNC = send, DESERIALFUNC = rfmseg._cut_points_deserialize, FINALFUNC = rfmseg._cut_points_final, PARALLEL = SAFE);
-- and one that gives the bytes of a true state
CREATE AGGREGATE bytes_of_rfm(timestamptz, numeric, timestamptz, text, text) (SFUNC = rfmseg._rfm_transition, STYPE = internal, FINALFUNC = rfmseg._rfm_serialize);
CREATE AGGREGATE bytes_of_cut_points(float8, int) (SFUNC = rfmseg._cut_points_transition, STYPE = internal, FINALFUNC = rfmseg._cut_points_serialize);

CREATE FUNCTION received(aggregate text, bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	state text;
BEGIN
	EXECUTE format('SELECT %I(CASE i WHEN 1 THEN %L::bytea END)::text FROM states_test.few', aggregate || '_of_bytes', bytes) INTO result;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
	RETURN 'error ' || state;
END $$;
SELECT plan('SELECT rfm_of_bytes(CASE i WHEN 1 THEN ''\x00''::bytea END) FROM states_test.few');

CREATE TABLE states AS
SELECT 'rfm' AS aggregate, bytes_of_rfm(at, amount, '2024-02-01 00:00 UTC', key, 'Europe/London') AS bytes,
	rfmseg.rfm(at, amount, '2024-02-01 00:00 UTC', key, 'Europe/London')::text AS result
FROM (VALUES ('2024-01-05 10:00 UTC'::timestamptz, 10.25, 'A'), ('2024-01-06 10:00 UTC', 4.5, 'BC'), ('2024-01-07 10:00 UTC', -1, 'BC'), ('2024-01-08 10:00 UTC', 7, NULL)) l (at, amount, key)
UNION ALL
SELECT 'cut_points', bytes_of_cut_points(v, 4), rfmseg.cut_points(v, 4)::text FROM unnest('{1,-2.5,1e300}'::float8[]) v;
-- true states arrive as they were sent
SELECT aggregate, length(bytes) AS bytes, received(aggregate, bytes) = result AS same FROM states;

-- from here on the leader alone is enough
SET max_parallel_workers = 0;
-- one cut off at any length, down to none, or with a byte too many is an error
SELECT aggregate, count(*) AS lengths, count(*) FILTER (WHERE received NOT LIKE 'error%') AS accepted,
	array_agg(DISTINCT received ORDER BY received) FILTER (WHERE received LIKE 'error%') AS errors
FROM (SELECT aggregate, received(aggregate, CASE WHEN length <= length(bytes) THEN substr(bytes, 1, length) ELSE bytes || '\x00' END) AS received
	FROM states, generate_series(0, length(bytes) + 1) length WHERE length <> length(bytes)) s
GROUP BY aggregate ORDER BY aggregate;
-- magic and version: changing any bit of the first four bytes is an error
SELECT aggregate, count(*) AS tried, array_agg(DISTINCT received) AS received
FROM (SELECT aggregate, received(aggregate, set_bit(bytes, bit, 1 - get_bit(bytes, bit))) AS received FROM states, generate_series(0, 31) bit) s
GROUP BY aggregate ORDER BY aggregate;
-- every other bit, and every byte set to 0, 127, 128 and 255: an error, or a result that could be; never a crash
CREATE FUNCTION is_possible(aggregate text, result text) RETURNS boolean LANGUAGE sql AS $$
	SELECT result LIKE 'error%' OR CASE aggregate
		WHEN 'cut_points' THEN result !~* 'nan|inf' AND result::float8[] = (SELECT array_agg(c ORDER BY c) FROM unnest(result::float8[]) c)
		ELSE coalesce((SELECT m.frequency = 0 OR m.frequency > m.frequency_repeat AND m.frequency_repeat <= m.recency_btyd AND m.recency_btyd <= m.t_age AND
			m.frequency_repeat >= 0 AND m.monetary_value >= 0 AND m.recency_days BETWEEN 0 AND m.t_age AND m.first_purchase_at <= m.last_purchase_at
			FROM (SELECT (result::rfmseg.rfm_metrics).*) m), false) END
$$;
CREATE TABLE changed AS
SELECT aggregate, 'bit' AS what, bit AS place, set_bit(bytes, bit, 1 - get_bit(bytes, bit)) AS bytes FROM states, generate_series(32, length(bytes) * 8 - 1) bit
UNION ALL
SELECT aggregate, 'byte', place, set_byte(bytes, place, value) FROM states, generate_series(4, length(bytes) - 1) place, unnest('{0,127,128,255}'::int[]) value;
ALTER TABLE changed ADD received text;
UPDATE changed SET received = received(aggregate, bytes);
SELECT aggregate, what, count(*) AS tried, count(*) FILTER (WHERE received NOT LIKE 'error%') > 0 AS some_accepted,
	array_agg(DISTINCT substr(received, 7) ORDER BY substr(received, 7)) FILTER (WHERE received LIKE 'error%') AS errors,
	count(*) FILTER (WHERE NOT is_possible(aggregate, received)) AS impossible
FROM changed GROUP BY aggregate, what ORDER BY aggregate, what;
-- cut_points: bins outside of 2..10; NaN and infinity among the values
SELECT bins, received('cut_points', '\x52464d02' || int4send(bins) || int8send(1) || float8send(0.5)) FROM unnest('{1,11,-1,2147483647}'::int[]) bins;
SELECT key, received('cut_points', '\x52464d02' || int4send(4) || int8send(1) || ('\x' || key)::bytea)
FROM unnest('{c004000000000000,fff8000000000000,fff0000000000000,000fffffffffffff,0007ffffffffffff,ffffffffffffffff,0000000000000000}'::text[]) key;
-- rfm: an as_of that is infinite or out of range, purchases later than as_of or with their last line before the first, more purchases said than there
-- are, no line at all, unknown flags, an unknown zone, more decimals than are shown or can be, more than 38 digits
CREATE FUNCTION forged(as_of bigint DEFAULT 86400000000, zone text DEFAULT 'UTC', number int DEFAULT 1, high bigint DEFAULT 0, low bigint DEFAULT 500,
	scale int DEFAULT 2, shown int DEFAULT 2, first bigint DEFAULT 7, last bigint DEFAULT 8, day int DEFAULT 0, flags text DEFAULT '01', key text DEFAULT 'A')
RETURNS text LANGUAGE sql AS $$
	SELECT received('rfm', '\x52464d01' || int8send(as_of) || int4send(length(zone)) || zone::bytea || int4send(number) || int8send(high) || int8send(low) ||
		int2send(scale::int2) || int2send(shown::int2) || int8send(first) || int8send(last) || int4send(day) || ('\x' || flags)::bytea ||
		CASE WHEN get_byte(('\x' || flags)::bytea, 0) & 4 <> 0 THEN '' ELSE int4send(length(key)) || key::bytea END)
$$;
SELECT forged() LIKE '%,1,1,5.00,5.0000000000000000,0,0,1,0)' AS true_state, forged(flags => '05') LIKE '%,1,1,5.00,5.0000000000000000,0,0,1,0)' AS true_state_by_day;
SELECT forged(as_of => 9223372036854775807) AS as_of_infinite, forged(as_of => 9223372036854775806) AS as_of_out_of_range,
	forged(first => 86400000001, last => 86400000002, day => 1) AS later, forged(last => 6) AS last_before_first,
	forged(first => -9223372036854775808) AS first_infinite;
SELECT forged(number => 2) AS two, forged(number => -1) AS billions, forged(flags => '00') AS no_line, forged(flags => '11') AS unknown_flag,
	forged(flags => '80') AS other_flag, forged(zone => 'Mars') AS zone, forged(zone => '') AS no_zone;
SELECT forged(scale => 3) AS shown_too_few, forged(scale => 38, shown => 38) AS scale_too_large, forged(scale => -1) AS scale_negative,
	forged(shown => 32767) AS shown_too_many, forged(high => 9223372036854775807) AS too_large, forged(high => -9223372036854775808) AS too_small;
-- rfm: a day that is not that of the purchase
SELECT forged(day => 1) AS other_day, forged(day => -2147483648) AS first_day, forged(day => 2147483647, flags => '05') AS last_day;
-- a state with the length of a key that exceeds the state
SELECT received('rfm', substr(bytes, 1, position('\x0000000141'::bytea IN bytes) - 1) || '\x7fffffff'::bytea || substr(bytes, position('\x0000000141'::bytea IN bytes) + 4)) AS long_key,
	received('rfm', substr(bytes, 1, position('\x0000000141'::bytea IN bytes) - 1) || '\xfffffffe'::bytea || substr(bytes, position('\x0000000141'::bytea IN bytes) + 4)) AS negative_key
FROM states WHERE aggregate = 'rfm';
RESET max_parallel_workers;
RESET cpu_operator_cost;

--
-- Parallel plans give the same as serial ones, byte for byte
--

-- 200,000 lines of 2,000 customers, with returns, NULLs, orders of several lines and lines without an order; and the same rows in another order
CREATE TABLE lines AS
SELECT 'c' || i * 7919 % 2000 AS customer, timestamptz '2022-01-01 00:00 UTC' + i::bigint * 100003 % 63072000 * interval '1 second' AS at,
	CASE i % 101 WHEN 0 THEN NULL WHEN 1 THEN -3.5 ELSE round(i::bigint * 7919 % 100003 / 100.0, i % 3) END AS amount,
	CASE WHEN i % 9 > 0 THEN 'o' || i / 3 END AS key
FROM generate_series(1, 200000) i;
CREATE TABLE shuffled AS SELECT * FROM lines ORDER BY md5(lines::text);
ANALYZE lines, shuffled;

-- The digest of all rows that a query gives, with 0, 2 and 4 workers, with and without hashing, on the rows in either order
CREATE TABLE digests (what text, workers int, plan text, digest text);
CREATE FUNCTION take(what text, query text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	source text;
	workers int;
	hashed text;
	statement text;
	digest text;
BEGIN
	FOREACH source IN ARRAY '{lines,shuffled}'::text[] LOOP
		statement := format('SELECT md5(string_agg(q::text, '','' ORDER BY q::text COLLATE "C")) FROM (%s) q', format(query, source));
		FOREACH workers IN ARRAY '{0,2,4}'::int[] LOOP
			FOREACH hashed IN ARRAY '{on,off}'::text[] LOOP
				PERFORM set_config('max_parallel_workers_per_gather', workers::text, true), set_config('enable_hashagg', hashed, true);
				EXECUTE statement INTO digest;
				INSERT INTO digests VALUES (what, workers, plan(statement), digest);
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
SELECT take('rfm by customer', 'SELECT customer, rfmseg.rfm(at, amount, ''2024-02-01 00:00 UTC'', key, ''Europe/London'') FROM %s GROUP BY customer');
SELECT take('rfm of all', 'SELECT rfmseg.rfm(at, amount, ''2023-06-01 00:00 UTC'', key) FROM %s');
SELECT take('rfm by days', 'SELECT rfmseg.rfm(at, amount, ''2023-06-01 00:00 UTC'') FROM %s');
SELECT take('cut_points by customer', 'SELECT customer, rfmseg.cut_points(amount::float8 / 3, 5) FROM %s GROUP BY customer');
SELECT take('cut_points of all', 'SELECT rfmseg.cut_points(amount::float8 / 3, 10) FROM %s');
SELECT what, count(*) AS runs, count(*) FILTER (WHERE plan LIKE '%partial%final%gathered%') AS parallel, count(*) FILTER (WHERE workers > 0) AS parallel_wanted,
	bool_or(plan LIKE '%hashed%') AS hashed, bool_or(plan LIKE '%sorted%') AS sorted, count(DISTINCT digest) AS different
FROM digests GROUP BY what ORDER BY what COLLATE "C";
-- they agree with what SQL computes
SELECT (m).frequency = orders AS frequency, (m).monetary = total AS monetary FROM (
	SELECT rfmseg.rfm(at, amount, '2024-02-01 00:00 UTC', key) AS m, sum(amount) AS total FROM lines) r,
	(SELECT count(*) AS orders FROM (SELECT 1 FROM lines WHERE amount IS NOT NULL GROUP BY key, CASE WHEN key IS NULL THEN (at AT TIME ZONE 'UTC')::date END
		HAVING max(amount) >= 0 AND (min(amount) >= 0 OR sum(amount) > 0 OR key IS NULL AND sum(amount) < 0)) o) s;

-- What differs between the parts of a group is found when these are combined: here the parts are those of a partitioned table
CREATE TABLE parts (part int, at timestamptz, as_of timestamptz, zone text, v float8, bins int) PARTITION BY LIST (part);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2);
INSERT INTO parts SELECT i % 2 + 1, timestamptz '2024-01-01 00:00 UTC' + i * interval '1 hour', '2024-03-01 00:00 UTC', 'Europe/London', i, 4 FROM generate_series(1, 1000) i;
ANALYZE parts;
SET max_parallel_workers_per_gather = 0;
SET enable_partitionwise_aggregate = on;
SELECT plan('SELECT rfmseg.rfm(at, 1, as_of, NULL, zone) FROM parts') AS rfm, plan('SELECT rfmseg.cut_points(v, bins) FROM parts') AS cut_points;
SELECT (rfmseg.rfm(at, 1, as_of, NULL, zone)).frequency, rfmseg.cut_points(v, bins) FROM parts;
UPDATE parts SET as_of = '2024-03-02 00:00 UTC' WHERE part = 2;
SELECT rfmseg.rfm(at, 1, as_of, NULL, zone) FROM parts;
\echo :SQLSTATE
-- also where one part has only lines later than its as_of
UPDATE parts SET as_of = '2023-03-02 00:00 UTC' WHERE part = 2;
SELECT rfmseg.rfm(at, 1, as_of, NULL, zone) FROM parts;
\echo :SQLSTATE
UPDATE parts SET as_of = '2024-03-01 00:00 UTC', zone = 'Asia/Tokyo' WHERE part = 2;
SELECT rfmseg.rfm(at, 1, as_of, NULL, zone) FROM parts;
\echo :SQLSTATE
UPDATE parts SET bins = 5 WHERE part = 2;
SELECT rfmseg.cut_points(v, bins) FROM parts;
\echo :SQLSTATE
-- also where one part has no value but NULL
UPDATE parts SET v = NULL WHERE part = 2;
SELECT rfmseg.cut_points(v, bins) FROM parts;
\echo :SQLSTATE
-- a part without rows, or with none that count, adds nothing
UPDATE parts SET v = NULL, bins = 4, at = NULL WHERE part = 2;
SELECT (rfmseg.rfm(at, 1, as_of, NULL, zone)).frequency, rfmseg.cut_points(v, bins) FROM parts;
TRUNCATE part_2;
SELECT (rfmseg.rfm(at, 1, as_of, NULL, zone)).frequency, rfmseg.cut_points(v, bins) FROM parts;
TRUNCATE parts;
SELECT rfmseg.rfm(at, 1, as_of, NULL, zone) IS NOT DISTINCT FROM NULL AS rfm, rfmseg.cut_points(v, bins) FROM parts;
-- totals that fit in the parts and not together
INSERT INTO parts SELECT i % 2 + 1, timestamptz '2024-01-01 00:00 UTC', '2024-03-01 00:00 UTC', NULL, i, 4 FROM generate_series(1, 1000) i;
SELECT part, (rfmseg.rfm(at, CASE v WHEN 1 THEN 9e37 WHEN 2 THEN 2e37 ELSE 0 END, as_of, 'A', 'UTC')).monetary FROM parts GROUP BY part ORDER BY part;
SELECT rfmseg.rfm(at, CASE v WHEN 1 THEN 9e37 WHEN 2 THEN 2e37 ELSE 0 END, as_of, 'A', 'UTC') FROM parts;
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA states_test CASCADE;
