--
-- lint_ruleset(): what is wrong with a ruleset
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
\set SHOW_CONTEXT never

-- All is rolled back at the end; the errors on the way undo only themselves
BEGIN;
\set ON_ERROR_ROLLBACK on

-- nothing is wrong with the shipped standard and eleven
SELECT * FROM rfmseg.lint_ruleset('standard');
SELECT * FROM rfmseg.lint_ruleset('eleven');
-- accelerator: 23 codes are Churned only because no rule speaks of them, six of them with the best recency
SELECT problem, cardinality(codes) AS number, detail FROM rfmseg.lint_ruleset('accelerator');
SELECT codes FROM rfmseg.lint_ruleset('accelerator') WHERE problem = 'best recency, worst segment';
SELECT codes FROM rfmseg.lint_ruleset('accelerator') WHERE problem = 'better recency demotes';
-- all codes named are these 23, and they are those that segment() calls Churned
SELECT array_agg(DISTINCT code COLLATE "C") AS named, count(DISTINCT code) FROM rfmseg.lint_ruleset('accelerator'), unnest(codes) code;
SELECT array_agg(DISTINCT code COLLATE "C") = (
	SELECT array_agg(format('%s-%s-%s', r, f, m) ORDER BY r, f, m) FROM generate_series(1, 4) r, generate_series(1, 4) f, generate_series(1, 4) m
	WHERE rfmseg.segment(r, f, m, 2, 'accelerator') = 'Churned') AS are_churned
FROM rfmseg.lint_ruleset('accelerator'), unnest(codes) code;

-- a deployment's own copy is looked at instead, and is clean to begin with
SET LOCAL client_min_messages = warning;
SELECT rfmseg.deploy('d1');
RESET client_min_messages;
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
SELECT * FROM rfmseg.lint_ruleset(deployment => 'd1', ruleset => 'standard');

-- Each kind of problem by itself
SAVEPOINT clean;
-- 1: uncovered codes: without the last rule, those with the lowest recency that are not At Risk; and segment() gives them none
DELETE FROM d1_core.rules WHERE rule_id = 8;
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
SELECT array_agg(format('%s-%s-%s', r, f, m) ORDER BY r, f, m) = (SELECT codes FROM rfmseg.lint_ruleset('standard', 'd1')) AS without_segment
FROM generate_series(1, 4) r, generate_series(1, 4) f, generate_series(1, 4) m WHERE rfmseg.segment(r, f, m, 5, deployment => 'd1') IS NULL;
ROLLBACK TO clean;
-- a code that is covered only for some numbers of purchases is uncovered
UPDATE d1_core.rules SET frequency_min = 2 WHERE rule_id = 8;
SELECT problem, cardinality(codes) AS number FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;
UPDATE d1_core.rules SET frequency_max = 1000 WHERE rule_id = 8;
SELECT problem, cardinality(codes) AS number FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;
-- who had every purchase refunded has the lowest scores: no other code needs a rule for 0 purchases
UPDATE d1_core.rules SET frequency_min = 1 WHERE frequency_min IS NULL AND rule_id <> 8;
SELECT problem, cardinality(codes) AS number FROM rfmseg.lint_ruleset('standard', 'd1');
UPDATE d1_core.rules SET frequency_min = 1 WHERE rule_id = 8;
SELECT problem, codes FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;
-- 2: a rule that never decides, because an earlier one holds wherever it does, or several together do
INSERT INTO d1_core.rules (ruleset, priority, segment_name, r_min, r_max, frequency_min) VALUES ('standard', 9, 'Churned', 1, 1, 3);
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
UPDATE d1_core.rules SET r_min = 2, r_max = 3 WHERE ruleset = 'standard' AND priority = 9;
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
-- a rule that contradicts itself cannot be written
UPDATE d1_core.rules SET priority = 0, r_min = 3, r_max = 2 WHERE ruleset = 'standard' AND priority = 9;
ROLLBACK TO clean;
-- 3: overlapping rules: Champions and Loyal with the same priority
UPDATE d1_core.rules SET priority = 3 WHERE rule_id = 2;
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;
-- no overlap: the same priority with the same segment, or where both cannot hold
UPDATE d1_core.rules SET priority = 5 WHERE rule_id IN (4, 5);
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;
-- 4: a segment for all that no other rule speaks of
UPDATE d1_core.rules SET r_min = NULL, r_max = NULL WHERE rule_id = 8;
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;
-- 5: the worst segment in the best recency: whoever buys least is Churned, however recently
INSERT INTO d1_core.rules (ruleset, priority, segment_name, f_max, m_max, frequency_min) VALUES ('standard', 0, 'Churned', 1, 1, 2);
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;
-- 6: a better recency demotes: from New Customers or Regular to At Risk
INSERT INTO d1_core.rules (ruleset, priority, segment_name, r_min, r_max, f_max, m_max) VALUES ('standard', 0, 'At Risk', 4, 4, 1, 1);
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;
-- only for some numbers of purchases
UPDATE d1_core.rules SET frequency_min = 10, segment_name = 'Regular' WHERE rule_id = 2;
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;

-- a bound on the largest number of purchases there is changes nothing
UPDATE d1_core.rules SET frequency_max = 9223372036854775807 WHERE rule_id = 2;
SELECT * FROM rfmseg.lint_ruleset('standard', 'd1');
\echo :SQLSTATE
ROLLBACK TO clean;
-- a ruleset without rules covers nothing
DELETE FROM d1_core.rules;
SELECT problem, cardinality(codes) AS number FROM rfmseg.lint_ruleset('standard', 'd1');
ROLLBACK TO clean;
-- the shipped rulesets are as they were
SELECT count(*) AS problems FROM rfmseg.lint_ruleset('standard');

-- a ruleset, or a copy of one, that does not exist
SELECT * FROM rfmseg.lint_ruleset('nine');
\echo :SQLSTATE
SELECT * FROM rfmseg.lint_ruleset('eleven', 'd1');
\echo :SQLSTATE
-- a deployment that does not exist
SELECT * FROM rfmseg.lint_ruleset('standard', 'nowhere');
\echo :SQLSTATE
-- who has no rights may look at shipped rulesets, and not at a deployment's
CREATE ROLE regress_rfmseg_linter;
SET LOCAL ROLE regress_rfmseg_linter;
SELECT count(*) AS problems FROM rfmseg.lint_ruleset('standard');
\set VERBOSITY sqlstate
SELECT count(*) AS problems FROM rfmseg.lint_ruleset('standard', 'd1');
\set VERBOSITY default
ROLLBACK;
