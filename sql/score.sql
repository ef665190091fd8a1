--
-- score() and score_range(): from a value and cut points to a score and its words
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
\set SHOW_CONTEXT never
\pset null '(null)'
CREATE SCHEMA score_test;
SET search_path = score_test, pg_catalog;

-- below, at, between and above the cuts 10, 20, 30: both directions, both closed
SELECT v, rfmseg.score(v, '{10,20,30}') AS higher_right, rfmseg.score(v, '{10,20,30}', true, 'left') AS higher_left,
	rfmseg.score(v, '{10,20,30}', false) AS lower_right, rfmseg.score(v, '{10,20,30}', false, 'left') AS lower_left
FROM unnest('{-1e308,9.999999999999998,10,10.000000000000002,20,25,30,30.000000000000004,1e308}'::float8[]) v;
-- arguments may be named, in any order and left out
SELECT rfmseg.score(value => 20, cuts => '{10,20,30}', higher_is_better => true, closed => 'right') AS in_full,
	rfmseg.score(20, closed => 'left', cuts => '{10,20,30}') AS in_part,
	rfmseg.score(cuts => '{10,20,30}', value => 5, higher_is_better => false) AS mixed;
-- one cut makes two scores, nine make ten
SELECT array_agg(DISTINCT rfmseg.score(v, '{50}')) AS two, array_agg(DISTINCT rfmseg.score(v, '{10,20,30,40,50,60,70,80,90}')) AS ten
FROM generate_series(1, 100) v;
-- where ties make cuts coincide the scores between them stay empty, and equal values share one
SELECT closed, higher, array_agg(DISTINCT rfmseg.score(v, '{1,1,3}', higher, closed)) AS scores,
	rfmseg.score(1, '{1,1,3}', higher, closed) AS score_of_1
FROM generate_series(0, 9) v, unnest('{right,left}'::text[]) closed, unnest('{true,false}'::boolean[]) higher
GROUP BY closed, higher ORDER BY closed DESC, higher DESC;
-- zero has one score, signed or not
SELECT rfmseg.score('-0', '{0}') AS negative_zero, rfmseg.score(0, '{-0}') AS negative_cut, rfmseg.score('-0', '{0}', closed => 'left') AS "left";
-- scores are what counting the cuts passed gives, so they are monotone; and the directions mirror each other
SELECT count(*) AS compared,
	count(*) FILTER (WHERE rfmseg.score(v, cuts, true, closed) <> 1 + passed) AS not_the_count,
	count(*) FILTER (WHERE rfmseg.score(v, cuts, true, closed) + rfmseg.score(v, cuts, false, closed) <> cardinality(cuts) + 2) AS not_mirrored
FROM generate_series(-3, 30, 0.5) v, unnest('{right,left}'::text[]) closed,
	(VALUES ('{4}'::float8[]), ('{0,0}'), ('{1,2.5,2.5,7}'), ('{1,2,3,4,5,6,7,8,9}'), ('{3,3,3,3,20}')) c (cuts),
	LATERAL (SELECT count(*) FILTER (WHERE closed = 'right' AND v > cut OR closed = 'left' AND v >= cut) AS passed FROM unnest(cuts) cut) p;
-- NULL in any argument gives NULL, even beside a wrong one
SELECT rfmseg.score(NULL, '{10,20,30}') AS value, rfmseg.score(1, NULL) AS cuts, rfmseg.score(1, '{10}', NULL) AS higher,
	rfmseg.score(1, '{10}', true, NULL) AS closed, rfmseg.score(NULL, '{}', true, 'middle') AS value_and_wrong;
-- cuts that are not a plain list of numbers: none at all, a NULL, two dimensions, an index that begins at 0
SELECT rfmseg.score(1, '{}');
\echo :SQLSTATE
SELECT rfmseg.score(1, '{1,NULL,3}');
\echo :SQLSTATE
SELECT rfmseg.score(1, '{{1,2},{3,4}}');
\echo :SQLSTATE
SELECT rfmseg.score(1, '[0:2]={1,2,3}');
\echo :SQLSTATE
-- more than nine
SELECT rfmseg.score(1, '{1,2,3,4,5,6,7,8,9,10}');
\echo :SQLSTATE
-- NaN, infinity, and not ascending
SELECT rfmseg.score(1, '{1,NaN,3}');
\echo :SQLSTATE
SELECT rfmseg.score(1, '{NaN}');
\echo :SQLSTATE
SELECT rfmseg.score(1, '{1,Infinity}');
\echo :SQLSTATE
SELECT rfmseg.score(1, '{1,3,2}');
\echo :SQLSTATE
-- a word that is neither left nor right
SELECT rfmseg.score(1, '{1,2,3}', closed => 'both');
\echo :SQLSTATE
SELECT rfmseg.score(1, '{1,2,3}', closed => 'Right');
\echo :SQLSTATE
SELECT rfmseg.score(1, '{1,2,3}', closed => '');
\echo :SQLSTATE
-- values that have no score
SELECT rfmseg.score('NaN', '{1,2,3}');
\echo :SQLSTATE
SELECT rfmseg.score('Infinity', '{1,2,3}');
\echo :SQLSTATE
SELECT rfmseg.score('-Infinity', '{1,2,3}');
\echo :SQLSTATE

-- a score in words: both directions, both closed
SELECT score, rfmseg.score_range(score, '{3,5,7.25}') AS higher_right, rfmseg.score_range(score, '{3,5,7.25}', true, 'left') AS higher_left,
	rfmseg.score_range(score, '{3,5,7.25}', false) AS lower_right, rfmseg.score_range(score, '{3,5,7.25}', false, 'left') AS lower_left
FROM generate_series(1, 4) score;
-- numbers are shown with at most two decimals and no trailing zeros
SELECT rfmseg.score_range(2, '{-0.5,1000.1}'), rfmseg.score_range(1, '{1234567.891}'), rfmseg.score_range(score => 1, cuts => '{100}', closed => 'left');
-- the words hold of just those values that have the score
SELECT count(*) AS compared, count(*) FILTER (WHERE (rfmseg.score(v, cuts, higher, closed) = score) <> (
	v > coalesce(substring(words FROM 'more than (\S+?)(?:,|$)')::float8, '-Infinity') AND
	v >= coalesce(substring(words FROM 'at least (\S+?)(?:,|$)')::float8, '-Infinity') AND
	v <= coalesce(substring(words FROM 'at most (\S+)')::float8, 'Infinity') AND
	v < coalesce(substring(words FROM 'less than (\S+)')::float8, 'Infinity'))) AS words_differ
FROM (VALUES ('{3,5,7.25}'::float8[])) c (cuts), generate_series(0, 10, 0.25) v, generate_series(1, 4) score,
	unnest('{right,left}'::text[]) closed, unnest('{true,false}'::boolean[]) higher,
	LATERAL (SELECT rfmseg.score_range(score, cuts, higher, closed) AS words) w;
-- NULL gives NULL
SELECT rfmseg.score_range(NULL, '{1}') AS score, rfmseg.score_range(1, NULL) AS cuts;
-- scores that the cuts do not have
SELECT rfmseg.score_range(0, '{3,5}');
\echo :SQLSTATE
SELECT rfmseg.score_range(4, '{3,5}');
\echo :SQLSTATE
-- wrong cuts are refused as by score()
SELECT rfmseg.score_range(1, '{5,3}');
\echo :SQLSTATE
SELECT rfmseg.score_range(1, '{3,5}', closed => 'middle');
\echo :SQLSTATE

--
-- What the catalogue says of functions
--

-- building blocks are IMMUTABLE and PARALLEL SAFE; segment and lint_ruleset, which read rules, are STABLE
SELECT p.oid::regprocedure AS function, p.provolatile AS volatility, p.proparallel AS parallel
FROM pg_proc p
WHERE p.pronamespace = 'rfmseg'::regnamespace
	AND (p.proname IN ('rfm', 'cut_points', 'score', 'score_range', 'segment', 'lint_ruleset') OR p.proname ~ '^_(rfm|cut_points)_')
	AND (p.proparallel <> 's' OR p.provolatile <> CASE WHEN p.proname IN ('segment', 'lint_ruleset') THEN 's' ELSE 'i' END);
-- so are all aggregates and their support functions, but the one that only summarize_customers may call
SELECT a.aggfnoid::regprocedure AS aggregate, f::regprocedure AS function, p.provolatile AS volatility, p.proparallel AS parallel
FROM pg_aggregate a, unnest(ARRAY[aggfnoid, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn]::oid[]) f, pg_proc p
WHERE p.oid = f AND (p.provolatile <> 'i' OR p.proparallel <> 's')
	AND (SELECT pronamespace FROM pg_proc WHERE oid = aggfnoid) = 'rfmseg'::regnamespace
	AND aggfnoid::oid <> 'rfmseg._set_aside(bigint, "any")'::regprocedure;
-- and all can be combined, so that plans may be parallel
SELECT aggfnoid::regprocedure AS aggregate FROM pg_aggregate JOIN pg_proc p ON p.oid = aggfnoid
WHERE p.pronamespace = 'rfmseg'::regnamespace AND (aggcombinefn = 0 OR aggtranstype = 'internal'::regtype AND (aggserialfn = 0 OR aggdeserialfn = 0));
-- other functions in C, those apart that ask about the session, set lines aside or fill tables, are IMMUTABLE or STABLE, and PARALLEL SAFE
SELECT p.oid::regprocedure AS function, p.prokind AS kind, p.provolatile AS volatility, p.proparallel AS parallel
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'rfmseg'::regnamespace AND l.lanname = 'c' AND (p.proparallel <> 's' OR p.provolatile = 'v')
ORDER BY p.proname COLLATE "C", 1;
-- none runs with other rights than its caller's
SELECT p.oid::regprocedure AS function FROM pg_proc p WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.prosecdef;
-- those written in SQL or PL/pgSQL fix their search_path; a procedure that commits cannot do so with a SET clause
SELECT p.oid::regprocedure AS function FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.prokind <> 'p' AND l.lanname IN ('sql', 'plpgsql')
	AND NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false);
-- everybody may use the building blocks, and every one has a comment
SELECT p.oid::regprocedure AS function, has_function_privilege('public', p.oid, 'EXECUTE') AS may_execute, obj_description(p.oid, 'pg_proc') IS NOT NULL AS commented
FROM pg_proc p
WHERE p.pronamespace = 'rfmseg'::regnamespace
	AND NOT (has_function_privilege('public', p.oid, 'EXECUTE') AND obj_description(p.oid, 'pg_proc') IS NOT NULL);

DROP SCHEMA score_test;

-- Why a customer is in a segment: words as put together by SQL, for all kinds of rows, the cut points changing from one to the next
SELECT count(*) AS rows, count(*) FILTER (WHERE reason IS DISTINCT FROM expected) AS other
FROM (
	SELECT rfmseg._segment_reason(s, r, f, m, 'EUR', r_score, f_score, m_score, r_cuts, closed, f_cuts, closed, m_cuts, closed, l) AS reason,
		CASE WHEN l = 0 THEN s || ': nothing was bought that was not refunded.'
			ELSE format('%s: last purchase %s %s ago (recency score %s of %s: %s), %s %s%s (frequency score %s of 4: %s), EUR %s spent (monetary score %s of 2: %s).',
				s, r, CASE r WHEN 1 THEN 'day' ELSE 'days' END, r_score, cardinality(r_cuts) + 1, rfmseg.score_range(r_score, r_cuts, false, closed),
				f, CASE f WHEN 1 THEN 'purchase' ELSE 'purchases' END, CASE WHEN f < l THEN ' within the lookback' WHEN f = 1 THEN ' ever' END,
				f_score, rfmseg.score_range(f_score, f_cuts, true, closed), round(m, 2), m_score, rfmseg.score_range(m_score, m_cuts, true, closed)) END AS expected
	FROM (SELECT 'Segment ' || i % 5 AS s, i % 3 AS r, i % 4 AS f, i % 4 + (i / 4) % 2 AS l,
			(i * 7919 % 20011 - 3000) * (10::numeric ^ (i % 9 - 4)) + CASE WHEN i % 50 = 0 THEN 1e30 ELSE 0 END AS m, 1 + i % 3 AS r_score, 1 + i % 4 AS f_score, 1 + i % 2 AS m_score,
			CASE WHEN i / 100 % 2 = 0 THEN '{10,20}' ELSE '{10.25,20,30}' END::float8[] AS r_cuts, '{1,1,7}'::float8[] AS f_cuts,
			CASE WHEN i % 11 = 0 THEN '{0.005}' ELSE '{1e6}' END::float8[] AS m_cuts, CASE WHEN i / 300 % 2 = 0 THEN 'left' ELSE 'right' END AS closed
		FROM generate_series(1, 3000) AS i) AS t
) AS u;
SELECT rfmseg._segment_reason('S', 1, 1, m, 'EUR', 1, 1, 1, '{1}', 'right', '{1}', 'right', '{1}', 'right', 1)
FROM unnest('{0,-0.004,-0.005,0.5,12,12.345,99999999999999999,-92233720368547758.07,92233720368547758.08,12345678901234567890123456789.125,NaN,Infinity}'::numeric[]) AS m;
-- what is NULL
SELECT rfmseg._segment_reason('S', 3, 5, 12.5, NULL, NULL, 2, 1, '{1}', 'right', '{1}', 'right', '{1}', 'right', 5);
SELECT rfmseg._segment_reason('S', 3, 5, 12.5, 'EUR', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 7);
SELECT rfmseg._segment_reason('S', NULL, NULL, NULL, 'EUR', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0);
SELECT rfmseg._segment_reason(s, r, f, m, 'EUR', 1, 1, 1, '{1}', 'right', '{1}', 'right', '{1}', 'right', l) IS NULL AS is_null
FROM (VALUES (NULL, 1, 1, 1, 1), ('S', NULL, 1, 1, 1), ('S', 1, NULL, 1, 1), ('S', 1, 1, NULL, 1), ('S', 1, 1, 1, NULL), ('S', NULL, NULL, NULL, -1)) AS v (s, r, f, m, l);
-- what is wrong
SELECT rfmseg._segment_reason('S', 3, 5, 1, 'EUR', 3, 1, 1, '{1}', 'right', '{1}', 'right', '{1}', 'right', 5);
SELECT rfmseg._segment_reason('S', 3, 5, 1, 'EUR', 1, 0, 1, '{1}', 'right', '{1}', 'right', '{1}', 'right', 5);
SELECT rfmseg._segment_reason('S', 3, 5, 1, 'EUR', 1, 1, 1, '{1}', 'right', '{2,1}', 'right', '{1}', 'right', 5);
SELECT rfmseg._segment_reason('S', 3, 5, 1, 'EUR', 1, 1, 1, '{1}', 'right', '{1}', 'right', '{1}', 'open', 5);
