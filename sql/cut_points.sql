--
-- cut_points(): the quantiles that part values into bins
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
\set SHOW_CONTEXT never
\pset null '(null)'
CREATE SCHEMA cut_points_test;
SET search_path = cut_points_test, pg_catalog;

-- ten values, four bins: the quartiles at 1 + 9 * i/4
SELECT rfmseg.cut_points(v, 4) FROM generate_series(1, 10) v;
-- one cut parts two bins, nine cuts part ten
SELECT rfmseg.cut_points(v, 2) AS two, rfmseg.cut_points(v, 10) AS ten FROM generate_series(0, 100) v;
-- the order of the values does not matter
SELECT rfmseg.cut_points(v, 4) = rfmseg.cut_points(v, 4 ORDER BY v DESC) AS same FROM unnest('{3,-1.5,8,2,2,1e10,-7}'::float8[]) v;
-- negative values, zero and fractions are ranked as numbers: here the values themselves are the cuts
SELECT rfmseg.cut_points(v, 8) FROM unnest('{1e-300,-2,0,-1e-300,3,-1e300,1e300,-0.5,0.25}'::float8[]) v;
-- the smallest numbers there are survive
SELECT rfmseg.cut_points(v, 4) FROM unnest('{5e-324,-5e-324,0,1,-1}'::float8[]) v;
-- NULL values are ignored
SELECT rfmseg.cut_points(v, 2) FROM unnest('{NULL,1,NULL,2,NULL,3,NULL}'::float8[]) v;
-- no values, or none but NULL, give NULL
SELECT rfmseg.cut_points(v, 4) AS no_rows FROM generate_series(1, 0) v;
SELECT rfmseg.cut_points(NULL, 4) AS all_null FROM generate_series(1, 3);
-- one value is every cut
SELECT rfmseg.cut_points(42.5, 5);
-- two values: the cuts lie between them
SELECT rfmseg.cut_points(v, 5) FROM unnest('{10,20}'::float8[]) v;
-- ties: cuts may coincide, and are exactly the value that is tied, whatever its binary form
SELECT rfmseg.cut_points(v, 4) FROM unnest('{1,1,1,1,1,1,2,9}'::float8[]) v;
SELECT count(DISTINCT cut) AS different, min(cut) = 0.1 AND max(cut) = 0.1 AS exact
FROM (SELECT unnest(rfmseg.cut_points(0.1, 7)) AS cut FROM generate_series(1, 1000)) c;
-- values near the end of the range do not overflow on the way
SELECT rfmseg.cut_points(v, 4) FROM unnest('{-1e308,1e308}'::float8[]) v;
SELECT rfmseg.cut_points(v, 2) AS middle FROM unnest('{-1.7976931348623157e308,1.7976931348623157e308}'::float8[]) v;
SELECT rfmseg.cut_points(v, 2) AS middle FROM unnest('{1e308,1.6e308}'::float8[]) v;

-- bit for bit as percentile_cont wherever the quantile lies between two observations, and where it is an observation exactly
-- that one: groups of 1 to 64 and of 10,007 values, and of 91, 171 and 341, where 7/10 * (n - 1) in floating point falls short; bins 2 to 10
CREATE TABLE samples AS
SELECT n, i, CASE n % 3 WHEN 0 THEN ('x' || md5(n || ' ' || i))::bit(32)::int / 1000.0::float8
	WHEN 1 THEN ('x' || md5(n || ' ' || i))::bit(32)::int % 20 ELSE exp(('x' || md5(n || ' ' || i))::bit(32)::int / 1e8::float8) END AS v
FROM (SELECT generate_series(1, 64) AS n UNION ALL SELECT unnest('{91,171,341,10007}'::int[])) g, generate_series(1, n) i;
SELECT bins, count(*) AS cuts, count(*) FILTER (WHERE observed) AS observations,
	count(*) FILTER (WHERE observed AND float8send(cut) <> float8send(sorted[i * (n - 1) / bins + 1])) AS not_the_observation,
	count(*) FILTER (WHERE NOT observed AND float8send(cut) <> float8send(percentile)) AS not_percentile_cont
FROM (
	SELECT n, bins, rfmseg.cut_points(v, bins) AS cuts, array_agg(v ORDER BY v) AS sorted,
		percentile_cont((SELECT array_agg(i::float8 / bins ORDER BY i) FROM generate_series(1, bins - 1) i)) WITHIN GROUP (ORDER BY v) AS percentiles
	FROM samples, generate_series(2, 10) bins GROUP BY n, bins) s,
	unnest(cuts, percentiles) WITH ORDINALITY c (cut, percentile, i),
	LATERAL (SELECT i * (n - 1) % bins = 0 AS observed) o
GROUP BY bins ORDER BY bins;
-- there are always bins - 1 cuts, and they ascend
SELECT count(*) AS groups, count(*) FILTER (WHERE cardinality(cuts) <> bins - 1) AS other_number,
	count(*) FILTER (WHERE cuts <> (SELECT array_agg(c ORDER BY c) FROM unnest(cuts) c)) AS not_ascending
FROM (SELECT bins, rfmseg.cut_points(v, bins) AS cuts FROM samples, generate_series(2, 10) bins GROUP BY n, bins) s;
-- scores made with them part distinct values evenly: bins differ by at most one
SELECT bins, max(members) - min(members) AS difference
FROM (SELECT bins, rfmseg.score(v, cuts), count(*) AS members
	FROM (SELECT bins, rfmseg.cut_points(v, bins) AS cuts FROM generate_series(1, 997) v, generate_series(2, 10) bins GROUP BY bins) c, generate_series(1, 997) v
	GROUP BY 1, 2) s
GROUP BY bins ORDER BY bins;

-- FILTER and DISTINCT
SELECT rfmseg.cut_points(v, 2) FILTER (WHERE v < 10) AS filtered, rfmseg.cut_points(DISTINCT v, 2) AS distinct_values
FROM unnest('{1,1,1,2,5,99}'::float8[]) v;
-- over a window, the state is added to after it was finished
SELECT v, rfmseg.cut_points(v, 2) OVER (ORDER BY place) AS running,
	rfmseg.cut_points(v, 2) OVER (ORDER BY place ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving
FROM unnest('{5,3,9,NULL,1,7}'::float8[]) WITH ORDINALITY u (v, place) ORDER BY place;

-- bins outside of 2..10, or NULL, even where there is no value to rank
SELECT rfmseg.cut_points(1, 1);
\echo :SQLSTATE
SELECT rfmseg.cut_points(1, 11);
\echo :SQLSTATE
SELECT rfmseg.cut_points(NULL, -2147483648);
\echo :SQLSTATE
SELECT rfmseg.cut_points(1, NULL);
\echo :SQLSTATE
-- bins that differ within the group
SELECT rfmseg.cut_points(v, v) FROM generate_series(4, 5) v;
\echo :SQLSTATE
-- the same where one of the values is NULL, whichever comes first
SELECT rfmseg.cut_points(v, bins) FROM (VALUES (1.5, 4), (NULL, 5)) u (v, bins);
\echo :SQLSTATE
SELECT rfmseg.cut_points(v, bins) FROM (VALUES (NULL, 5), (1.5, 4)) u (v, bins);
\echo :SQLSTATE
-- NaN and infinite values
SELECT rfmseg.cut_points(v, 4) FROM unnest('{1,NaN,2}'::float8[]) v;
\echo :SQLSTATE
SELECT rfmseg.cut_points('Infinity', 4);
\echo :SQLSTATE
SELECT rfmseg.cut_points('-Infinity', 4);
\echo :SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA cut_points_test CASCADE;
