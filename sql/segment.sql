--
-- segment(): from scores to a segment, by a shipped ruleset or a deployment's own
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
\set SHOW_CONTEXT never
\pset null '(null)'

-- All is rolled back at the end; the errors on the way undo only themselves
BEGIN;
\set ON_ERROR_ROLLBACK on
CREATE SCHEMA segment_test;
SET LOCAL search_path = segment_test, pg_catalog;
CREATE TABLE codes AS
SELECT r, f, m, frequency FROM generate_series(1, 5) r, generate_series(1, 5) f, generate_series(1, 5) m,
	unnest('{1,2,3,100,9223372036854775807}'::bigint[]) frequency;
CREATE TABLE quartiles AS SELECT * FROM codes WHERE greatest(r, f, m) <= 4;

-- accelerator: all 64 codes are what its CASE says, whatever the number of purchases
SELECT count(*) AS compared, count(*) FILTER (WHERE rfmseg.segment(r, f, m, frequency, 'accelerator') IS DISTINCT FROM
	CASE WHEN r = 4 AND f = 4 AND m = 4 THEN 'Champions'
		WHEN r >= 3 AND f = 1 AND m >= 1 THEN 'New Customers'
		WHEN r >= 3 AND f >= 3 AND m >= 3 THEN 'Loyal'
		WHEN r >= 2 AND f <= 2 AND m <= 2 THEN 'Regular'
		WHEN r <= 2 AND f >= 2 AND m >= 2 THEN 'At Risk'
		ELSE 'Churned' END) AS different
FROM quartiles;
SELECT count(*) AS churned, count(*) FILTER (WHERE r = 4) AS with_best_recency
FROM quartiles WHERE frequency = 2 AND rfmseg.segment(r, f, m, frequency, 'accelerator') = 'Churned';

-- standard: every code with every number of purchases has one of exactly the six segments
SELECT rfmseg.segment(r, f, m, frequency) AS segment, count(*) FILTER (WHERE frequency = 1) AS one_purchase, count(*) FILTER (WHERE frequency = 2) AS two,
	count(*) FILTER (WHERE frequency = 9223372036854775807) AS most
FROM quartiles GROUP BY 1 ORDER BY min((SELECT segment_order FROM rfmseg.segments s WHERE ruleset = 'standard' AND s.segment_name = rfmseg.segment(r, f, m, frequency)));
-- it is the default
SELECT count(*) AS different FROM quartiles WHERE rfmseg.segment(r, f, m, frequency) IS DISTINCT FROM rfmseg.segment(r, f, m, frequency, 'standard');
-- New Customers are exactly those with one purchase and a recency score of 3 or 4
SELECT count(*) AS wrong FROM quartiles WHERE (rfmseg.segment(r, f, m, frequency) = 'New Customers') <> (frequency = 1 AND r >= 3);
-- none is not one: without any purchase nobody is a New Customer
SELECT count(*) AS wrong FROM quartiles WHERE frequency = 1 AND rfmseg.segment(r, f, m, 0) = 'New Customers';
-- Champions have the highest monetary score, are frequent and have the best recency
SELECT count(*) AS wrong FROM quartiles WHERE rfmseg.segment(r, f, m, frequency) = 'Champions' AND NOT (r = 4 AND f >= 3 AND m = 4);
-- a better recency, all else equal, never gives a worse standing
CREATE TABLE standings AS
SELECT r, f, m, frequency, standing FROM quartiles JOIN rfmseg.segments ON ruleset = 'standard' AND segment_name = rfmseg.segment(r, f, m, frequency);
SELECT count(*) AS compared, count(*) FILTER (WHERE better.standing > worse.standing) AS demoted
FROM standings worse JOIN standings better USING (f, m, frequency) WHERE better.r > worse.r;

-- eleven: all 125 codes are covered by exactly eleven segments, whatever the number of purchases
SELECT s.segment_name, count(*) FILTER (WHERE frequency = 1) AS one_purchase, count(*) FILTER (WHERE frequency = 100) AS hundred
FROM codes LEFT JOIN rfmseg.segments s ON s.ruleset = 'eleven' AND s.segment_name = rfmseg.segment(r, f, m, frequency, 'eleven')
GROUP BY s.segment_name, s.segment_order ORDER BY s.segment_order;

-- every shipped segment has a colour, an order from 1, a meaning and an action; every rule gives a segment of its ruleset
SELECT ruleset, count(*) AS segments, count(DISTINCT segment_color) AS colors, min(segment_order) || '..' || max(segment_order) AS orders,
	bool_and(meaning <> '' AND recommended_action <> '') AS explained,
	bool_and(segment_name IN (SELECT segment_name FROM rfmseg.rules u WHERE u.ruleset = s.ruleset)) AS all_used
FROM rfmseg.segments s GROUP BY ruleset ORDER BY ruleset COLLATE "C";
SELECT ruleset, bins, r_closed, f_closed, m_closed FROM rfmseg.rulesets ORDER BY ruleset COLLATE "C";

-- arguments may be named; the ruleset may differ from row to row
SELECT rfmseg.segment(r => 4, f => 4, m => 4, frequency => 9) AS named, rfmseg.segment(ruleset => 'eleven', frequency => 9, m => 5, f => 5, r => 1) AS named_all;
SELECT array_agg(rfmseg.segment(4, 2, 3, 7, ruleset) ORDER BY n) AS by_row
FROM unnest('{accelerator,standard,eleven,accelerator,standard}'::text[]) WITH ORDINALITY u (ruleset, n);

-- NULL in a score, the frequency or the ruleset gives NULL
SELECT rfmseg.segment(NULL, 4, 4, 1) AS r, rfmseg.segment(4, NULL, 4, 1) AS f, rfmseg.segment(4, 4, NULL, 1) AS m, rfmseg.segment(4, 4, 4, NULL) AS frequency,
	rfmseg.segment(4, 4, 4, 1, NULL) AS ruleset, rfmseg.segment(4, 4, 4, 2, 'standard', NULL) AS no_deployment;

-- scores that the ruleset does not have: each of the three, below and above; scores of five bins with a ruleset for four
SELECT rfmseg.segment(0, 1, 1, 1);
\echo :SQLSTATE
SELECT rfmseg.segment(1, 0, 1, 1);
\echo :SQLSTATE
SELECT rfmseg.segment(1, 1, -2147483648, 1);
\echo :SQLSTATE
SELECT rfmseg.segment(5, 1, 1, 1);
\echo :SQLSTATE
SELECT rfmseg.segment(1, 5, 1, 1, 'accelerator');
\echo :SQLSTATE
SELECT rfmseg.segment(1, 1, 6, 1, 'eleven');
\echo :SQLSTATE
-- a negative number of purchases
SELECT rfmseg.segment(1, 1, 1, -1);
\echo :SQLSTATE
-- a ruleset that does not exist; names are taken as they are
SELECT rfmseg.segment(1, 1, 1, 1, 'Standard');
\echo :SQLSTATE
SELECT rfmseg.segment(1, 1, 1, 1, $$standard' OR ruleset = 'standard$$);
\echo :SQLSTATE
-- a deployment that does not exist
SELECT rfmseg.segment(1, 1, 1, 1, deployment => 'nowhere');
\echo :SQLSTATE
SELECT rfmseg.segment(1, 1, 1, 1, deployment => 'no"where; --');
\echo :SQLSTATE

--
-- A deployment's own rules
--
SET LOCAL client_min_messages = warning;
SELECT rfmseg.deploy('d1');
RESET client_min_messages;
-- to begin with they are as shipped
SELECT count(*) AS different FROM quartiles
WHERE rfmseg.segment(r, f, m, frequency, 'standard', 'd1') IS DISTINCT FROM rfmseg.segment(r, f, m, frequency);
-- a ruleset that the deployment has no copy of
SELECT rfmseg.segment(1, 1, 1, 1, 'eleven', 'd1');
\echo :SQLSTATE
-- bins and ruleset of a deployment must fit
SELECT rfmseg.configure('d1', bins => 5);
\echo :SQLSTATE
SELECT rfmseg.configure('d1', bins => 4, ruleset => 'eleven');
\echo :SQLSTATE

-- rules are read again when they have changed, within a transaction and within a function: after each update, within a block
-- that is undone, and after it
CREATE FUNCTION segment_now() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN rfmseg.segment(4, 4, 4, 9, deployment => 'd1');
END $$;
CREATE FUNCTION changed() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY '{Loyal,Regular,Champions,At Risk}'::text[] LOOP
		UPDATE d1_core.rules SET segment_name = name WHERE rule_id = 2;
		RETURN NEXT segment_now();
	END LOOP;
	BEGIN
		UPDATE d1_core.rules SET segment_name = 'Churned' WHERE rule_id = 2;
		RETURN NEXT segment_now();
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		RETURN NEXT segment_now();
	END;
	DELETE FROM d1_core.rules WHERE ruleset = 'standard';
	RETURN NEXT segment_now();
END $$;
SAVEPOINT before;
SELECT array_agg(s ORDER BY n) FROM changed() WITH ORDINALITY c (s, n);
-- where no rule holds the segment is NULL
SELECT rfmseg.segment(4, 4, 4, 9, deployment => 'd1') AS without_rules;
ROLLBACK TO before;
-- the same in one loop, whose expression is prepared once
DO $$
DECLARE
	seen text[];
BEGIN
	FOR i IN 1..4 LOOP
		UPDATE d1_core.rules SET segment_name = CASE i % 2 WHEN 1 THEN 'Loyal' ELSE 'Regular' END WHERE rule_id = 2;
		seen := seen || rfmseg.segment(4, 4, 4, 9, deployment => 'd1');
	END LOOP;
	RAISE NOTICE '%', seen;
END $$;
-- the shipped rules are as before
SELECT rfmseg.segment(4, 4, 4, 9) AS shipped, rfmseg.segment(4, 4, 4, 9, deployment => 'd1') AS own;
ROLLBACK TO before;
-- a prepared statement sees changes too, with a generic plan as well
PREPARE one (int) AS SELECT rfmseg.segment($1, 4, 4, 9, deployment => 'd1');
EXECUTE one(4);
UPDATE d1_core.rules SET segment_name = 'Loyal' WHERE rule_id = 2;
EXECUTE one(4);
SET LOCAL plan_cache_mode = force_generic_plan;
EXECUTE one(4);
UPDATE d1_core.rules SET segment_name = 'Regular' WHERE rule_id = 2;
EXECUTE one(4);
ROLLBACK TO before;
EXECUTE one(4);
-- of rules that hold the lowest priority decides, and of equal ones the lowest rule_id
UPDATE d1_core.rules SET priority = 100 WHERE rule_id = 2;
SELECT rfmseg.segment(4, 4, 4, 9, deployment => 'd1') AS later_priority;
UPDATE d1_core.rules SET priority = 3 WHERE rule_id = 2;
SELECT rfmseg.segment(4, 4, 4, 9, deployment => 'd1') AS equal_priority;
ROLLBACK TO before;
-- bounds belong to their range, those of frequency too
UPDATE d1_core.rules SET frequency_min = 5, frequency_max = 7 WHERE rule_id = 2;
SELECT frequency, rfmseg.segment(4, 4, 4, frequency, deployment => 'd1') FROM generate_series(4, 8) frequency;
ROLLBACK TO before;

-- a plan with parallel workers gives the same, by the shipped rules and by the deployment's
CREATE TABLE customers AS SELECT i % 4 + 1 AS r, i / 4 % 4 + 1 AS f, i / 16 % 4 + 1 AS m, i % 5 + 1::bigint AS frequency FROM generate_series(1, 20000) i;
ANALYZE customers;
CREATE FUNCTION is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan text;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan LIKE '%"Node Type": "Gather%' AND plan LIKE '%"Partial Mode": "Partial"%';
END $$;
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT md5(string_agg(s || n, ',' ORDER BY s COLLATE "C")) AS digest
FROM (SELECT rfmseg.segment(r, f, m, frequency) AS s, count(*) AS n FROM customers GROUP BY 1) g \gset serial_
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_leader_participation = off;
SET LOCAL parallel_tuple_cost = 0;
SELECT is_parallel('SELECT rfmseg.segment(r, f, m, frequency, ruleset => ''standard'', deployment => ''d1'') AS s, count(*) AS n FROM customers GROUP BY 1');
SELECT md5(string_agg(s || n, ',' ORDER BY s COLLATE "C")) = :'serial_digest' AS same
FROM (SELECT rfmseg.segment(r, f, m, frequency) AS s, count(*) AS n FROM customers GROUP BY 1) g;
SELECT md5(string_agg(s || n, ',' ORDER BY s COLLATE "C")) = :'serial_digest' AS same
FROM (SELECT rfmseg.segment(r, f, m, frequency, ruleset => 'standard', deployment => 'd1') AS s, count(*) AS n FROM customers GROUP BY 1) g;
-- workers see what the transaction has changed
UPDATE d1_core.rules SET segment_name = 'Regular' WHERE ruleset = 'standard';
SELECT rfmseg.segment(r, f, m, frequency, ruleset => 'standard', deployment => 'd1') AS s, count(*) AS n FROM customers GROUP BY 1;
ROLLBACK TO before;

-- a rule without a segment, in tables that are not what they should be, is an error
ALTER TABLE d1_core.rules ALTER segment_name DROP NOT NULL;
UPDATE d1_core.rules SET segment_name = NULL WHERE priority = 1;
SELECT rfmseg.segment(4, 4, 4, 9, deployment => 'd1');
ROLLBACK TO before;

-- who has no rights may read the shipped rules and not change them
CREATE ROLE regress_rfmseg_reader;
SET LOCAL ROLE regress_rfmseg_reader;
SELECT rfmseg.segment(4, 4, 4, 9);
UPDATE rfmseg.rules SET segment_name = 'Churned';
\echo :SQLSTATE
INSERT INTO rfmseg.rulesets VALUES ('own', 4, 'right', 'right', 'right', '');
\echo :SQLSTATE
DELETE FROM rfmseg.segments;
\echo :SQLSTATE
-- and may not read a deployment's (the message names its owner)
\set VERBOSITY sqlstate
SELECT rfmseg.segment(4, 4, 4, 9, deployment => 'd1');
\echo :SQLSTATE
RESET ROLE;
-- also where they were read with other rights before, in the same loop or the same statement
DO $$
BEGIN
	FOR i IN 1..2 LOOP
		IF i = 2 THEN
			SET LOCAL ROLE regress_rfmseg_reader;
		END IF;
		RAISE NOTICE '%: %', i, rfmseg.segment(4, 4, 4, 9, deployment => 'd1');
	END LOOP;
END $$;
\echo :SQLSTATE
SELECT set_config('role', CASE i WHEN 1 THEN 'none' ELSE 'regress_rfmseg_reader' END, true) AS role, rfmseg.segment(4, 4, 4, 9, deployment => 'd1')
FROM generate_series(1, 2) i;
\echo :SQLSTATE
\set VERBOSITY default
ROLLBACK;
