-- Governance of a deployment: levels of access, row filters, small cells, masks, tags, checks.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TIME ZONE 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
CREATE ROLE regress_gov_ann;
CREATE ROLE regress_gov_bob;

-- Deploy makes group roles, each marked as the deployment's.
SET client_min_messages = notice;
SELECT rfmseg.deploy('regress_gov');
SET client_min_messages = warning;
SELECT r.rolname, r.rolcanlogin, shobj_description(r.oid, 'pg_authid') AS mark,
	(SELECT string_agg(m.roleid::regrole::text, ', ') FROM pg_auth_members m WHERE m.member = r.oid) AS member_of
FROM pg_roles r WHERE r.rolname ~ '^regress_gov_(viewer|analyst|steward|engineer)$' ORDER BY 1;

INSERT INTO regress_gov_raw.customers (customer_id, first_name, email, state, city)
	SELECT i, 'Name ' || i, i || '@example.org', CASE WHEN i <= 4 THEN 'CA' ELSE 'NY' END, 'City ' || i % 3 FROM generate_series(1, 10) i;
INSERT INTO regress_gov_raw.transactions (customer_id, order_id, transaction_date, total_amount, category)
	SELECT 1 + i % 10, i, '2024-01-01'::date + i * i % 97, i, 'category ' || i % 3 FROM generate_series(1, 60) i;
CALL rfmseg.refresh('regress_gov');

-- What each level may read: the relations, and of the tables beneath the columns that are needed.
SELECT relation, level, privileges, columns IS NULL AS whole FROM rfmseg.grants('regress_gov') WHERE via IS NULL ORDER BY relation, level, privileges;
SELECT relation, columns FROM rfmseg.grants('regress_gov') WHERE via IS NULL AND level = 'viewer' AND relation ~ 'scored|current' ORDER BY 1;
-- Nothing of it is personal, and no level but the engineers' reads how the deployment works, or an error's text.
SELECT DISTINCT level, relation FROM rfmseg.grants('regress_gov'), unnest(columns) AS c (name) WHERE c.name IN ('first_name', 'last_name', 'email', 'error_message', 'error_hint');
SELECT DISTINCT level FROM rfmseg.grants('regress_gov') WHERE via IS NULL AND relation ~ 'settings|mappings|access|row_filters';

-- Levels are given by membership, and taken.
SELECT rfmseg.grant_access('regress_gov', 'regress_gov_ann', 'analyst');
SELECT DISTINCT role_name, via, level FROM rfmseg.grants('regress_gov') WHERE role_name = 'regress_gov_ann' ORDER BY 2;
SELECT rfmseg.revoke_access('regress_gov', 'regress_gov_ann', 'analyst');
SELECT count(*) FROM rfmseg.grants('regress_gov') WHERE role_name = 'regress_gov_ann';
SELECT rfmseg.grant_access('regress_gov', 'regress_gov_ann', 'owner');
SELECT rfmseg.grant_access('regress_gov', 'regress_gov_nobody', 'viewer');
SELECT rfmseg.grant_access('regress_gov', NULL, 'viewer');
\set VERBOSITY sqlstate
SELECT rfmseg.grant_access('regress_gov', current_user, 'viewer');
\set VERBOSITY default
SELECT rfmseg.grant_access('regress_none', 'regress_gov_ann', 'viewer');
SET client_min_messages = notice;
SELECT rfmseg.revoke_access('regress_gov', 'regress_gov_ann', 'viewer');
SET client_min_messages = warning;

-- Grants follow the relations: landing tables that become views, views that are made anew.
CREATE TABLE regress_gov_people AS SELECT customer_id AS id, first_name AS name, state FROM regress_gov_raw.customers;
DELETE FROM regress_gov_raw.customers;
SELECT rfmseg.map_customers('regress_gov', 'regress_gov_people', 'id', first_name => 'name', state => 'state');
SELECT role_name, relation, columns FROM rfmseg.grants('regress_gov') WHERE via IS NULL AND relation ~ '_raw.customers' ORDER BY 1;
SELECT rfmseg.upgrade_deployment('regress_gov');
SELECT md5(string_agg(g::text, ',' ORDER BY g::text)) AS grants FROM rfmseg.grants('regress_gov') g \gset
CALL rfmseg.refresh('regress_gov');
SELECT md5(string_agg(g::text, ',' ORDER BY g::text)) = :'grants' AS a_refresh_changes_none FROM rfmseg.grants('regress_gov') g;

-- A grant that somebody gives PUBLIC is shown, and a partition is nobody's, whatever default privileges say.
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
CALL rfmseg.refresh('regress_gov');
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC;
GRANT SELECT (segment_name) ON regress_gov.segment_profiles TO PUBLIC;
SELECT role_name, via, level, relation, columns, privileges FROM rfmseg.grants('regress_gov') WHERE role_name = 'PUBLIC';
REVOKE SELECT (segment_name) ON regress_gov.segment_profiles FROM PUBLIC;

-- Row filters: what is refused.
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_ann', 'no_such_column = 1');
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_ann', 'customer_id');
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_ann', 'count(*) > 1');
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_ann', 'true) TO PUBLIC USING (true');
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_ann', 'true, true');
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_ann', '');
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_ann', NULL);
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_nobody', 'true');
\set VERBOSITY sqlstate
SELECT rfmseg.add_row_filter('regress_gov', current_user, 'true');
\set VERBOSITY default
SELECT count(*) FROM regress_gov_core.row_filters;
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname ~ '^regress_gov' AND relrowsecurity;

-- What they do: rows of customers by the condition, no total over others, and no way round.
SELECT rfmseg.grant_access('regress_gov', 'regress_gov_ann', 'analyst');
SELECT rfmseg.grant_access('regress_gov', 'regress_gov_bob', 'viewer');
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_ann', 'state = ''CA'' -- California');
SELECT * FROM regress_gov_core.row_filters;
CREATE FUNCTION visible_rows(deployment text) RETURNS TABLE (relation text, n bigint) LANGUAGE plpgsql AS $$
BEGIN
	FOR relation IN SELECT format('%I.%I', schema, o.relation) FROM rfmseg._own_relations(deployment) o ORDER BY 1 LOOP
		BEGIN
			EXECUTE 'SELECT count(*) FROM ' || relation INTO n;
			RETURN NEXT;
		EXCEPTION WHEN insufficient_privilege THEN
			NULL;
		END;
	END LOOP;
END $$;
SET ROLE regress_gov_ann;
SELECT * FROM visible_rows('regress_gov');
SELECT customer_id, segment_order IS NOT NULL AS has_order FROM regress_gov.customer_segments ORDER BY 1;
SELECT sum(customer_count) FROM regress_gov.performance_metrics;
SET ROLE regress_gov_bob;
SELECT count(*) FROM regress_gov.customer_segments;
SELECT sum(customer_count) FROM regress_gov.segment_profiles;
RESET ROLE;
-- as its login, the role cannot leave the filter by becoming another
SET SESSION AUTHORIZATION regress_gov_ann;
SET ROLE regress_gov_analyst;
SELECT n, count(*) FROM visible_rows('regress_gov') WHERE relation !~ 'current|rulesets|rules|segments$|products' GROUP BY n;
SELECT count(*) FROM regress_gov.customer_segments;
RESET SESSION AUTHORIZATION;

-- A filter holds for new partitions, for members, and together with others.
CALL rfmseg.refresh('regress_gov');
GRANT regress_gov_ann TO regress_gov_bob;
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_viewer', 'customer_id > 2');
SET ROLE regress_gov_bob;
SELECT string_agg(customer_id::text, ', ' ORDER BY customer_id) FROM regress_gov.customer_segments;
RESET ROLE;
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_viewer', 'customer_id > 3');
SELECT rfmseg.remove_row_filter('regress_gov', 'regress_gov_ann');
SET ROLE regress_gov_bob;
SELECT string_agg(customer_id::text, ', ' ORDER BY customer_id) FROM regress_gov.customer_segments;
RESET ROLE;
REVOKE regress_gov_ann FROM regress_gov_bob;
SELECT rfmseg.remove_row_filter('regress_gov', 'regress_gov_viewer');
SET client_min_messages = notice;
SELECT rfmseg.remove_row_filter('regress_gov', 'regress_gov_viewer');
SET client_min_messages = warning;
SET ROLE regress_gov_bob;
SELECT count(*) FROM regress_gov.customer_segments;
SELECT sum(customer_count) FROM regress_gov.segment_profiles;
RESET ROLE;
SELECT count(*), min(polname) FROM pg_policy p WHERE polrelid::regclass::text ~ '^regress_gov';

-- Whom a filter keeps from the totals is computed the same metrics that the refresh has recorded, where the filter lets everybody through.
SELECT md5(string_agg(p::text, ' ' ORDER BY segment_order)) AS recorded, count(median_monetary) AS told FROM regress_gov.performance_metrics p \gset
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_viewer', 'true');
SET ROLE regress_gov_bob;
SELECT count(*) AS totals FROM regress_gov.segment_profiles;
SELECT md5(string_agg(p::text, ' ' ORDER BY segment_order)) = :'recorded' AS same, :told AS told FROM regress_gov.performance_metrics p;
RESET ROLE;
SELECT rfmseg.remove_row_filter('regress_gov', 'regress_gov_viewer');

-- Small cells: figures of few customers are left out, and where the total would tell them, those of the next smallest.
SELECT rfmseg.configure('regress_gov', min_cell_size => -1);
SELECT segment_name, customer_count FROM regress_gov.segment_profiles ORDER BY segment_order;
SELECT rfmseg.configure('regress_gov', min_cell_size => 3);
CALL rfmseg.refresh('regress_gov');
SELECT segment_name, customer_count, segment_percentage, total_revenue, revenue_percentage, avg_total_spent, top_category, avg_clv_12m FROM regress_gov.segment_profiles ORDER BY segment_order;
SELECT segment_name, customer_count, avg_order_value, median_frequency, currency FROM regress_gov.performance_metrics ORDER BY segment_order;
SELECT md5(string_agg(p::text, ' ' ORDER BY segment_order)) AS recorded, count(median_monetary) AS told FROM regress_gov.performance_metrics p \gset
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_viewer', 'true');
SET ROLE regress_gov_bob;
SELECT count(*) AS totals FROM regress_gov.segment_profiles;
SELECT md5(string_agg(p::text, ' ' ORDER BY segment_order)) = :'recorded' AS same, :told AS told FROM regress_gov.performance_metrics p;
RESET ROLE;
SELECT rfmseg.remove_row_filter('regress_gov', 'regress_gov_viewer');
SELECT segment_name, customer_count, naive_annual_value FROM regress_gov.lifetime_value ORDER BY segment_order;
SELECT segment_name, customer_count, total_revenue FROM regress_gov.segment_trend ORDER BY segment_order;
SELECT count(*) FROM regress_gov_core.run_segments WHERE run_id = (SELECT run_id FROM regress_gov_core.current_run) AND customer_count BETWEEN 1 AND 2;
-- two small ones hide each other; none small, none left out; one alone cannot be hidden
CREATE FUNCTION shown(smallest int, VARIADIC sizes int[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE format('SELECT string_agg(CASE WHEN shown THEN n::text ELSE ''-'' END, '' '' ORDER BY place)'
		' FROM (SELECT n, place, %s AS shown FROM unnest($1) WITH ORDINALITY AS u (n, place)) AS s', rfmseg._is_shown('n', smallest::text, 'place')) INTO result USING sizes;
	RETURN result;
END $$;
SELECT shown(5, 9, 4, 7, 0, 7), shown(5, 9, 4, 3, 0, 7), shown(5, 9, 5, 0, 7), shown(5, 4, 0), shown(5, 100, 1), shown(0, 1, 2), shown(1, 1, 2, 0);
DROP FUNCTION shown;
SELECT rfmseg.configure('regress_gov', min_cell_size => 0);

-- Masks: what is refused.
SELECT rfmseg.mask_column('regress_gov', 'segment_profiles', 'customer_count', 'null');
SELECT rfmseg.mask_column('regress_gov', 'regress_gov_raw.customers', 'email', 'null');
SELECT rfmseg.mask_column('regress_gov', 'no_such', 'email', 'null');
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'segment_reason', 'null');
SELECT rfmseg.mask_column('regress_gov', 'customer_segments', 'segment_reason', 'null');
SELECT rfmseg.mask_column('regress_gov', 'customer_segments', 'previous_segment', 'null');
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'total_spent', 'bucket');
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'city', 'blur');
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'city', NULL);
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'city', 'bucket');
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'signup_date', 'hash');
SELECT count(*) FROM regress_gov_core.column_masks;

-- A mask is NULL until the next refresh, and takes the right to the value away; analysts keep it.
UPDATE regress_gov_people SET state = initcap(state) || 'lifornia' WHERE id < 5;
CALL rfmseg.refresh('regress_gov');
SET client_min_messages = notice;
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'state', 'partial');
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'customer_id', 'hash');
SET client_min_messages = warning;
SELECT rfmseg.mask_column('regress_gov', 'rfm_analysis', 'customer_id', 'hash'), rfmseg.mask_column('regress_gov', 'customer_segments', 'customer_id', 'hash');
SELECT rfmseg.mask_column('regress_gov', 'customer_segments', 'last_purchase_at', 'bucket'), rfmseg.mask_column('regress_gov', 'customer_segments', 'first_purchase_at', 'null');
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'total_items_purchased', 'bucket');
SELECT customer_id, state FROM regress_gov.customer_summary LIMIT 1;
SELECT attname, col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 'regress_gov_core.scored_customers'::regclass AND attname ~ 'masked' ORDER BY 1;
CALL rfmseg.refresh('regress_gov');
SET ROLE regress_gov_bob;
SELECT state, count(*) FROM regress_gov.customer_summary GROUP BY state ORDER BY state;
SELECT count(DISTINCT s.customer_id), min(s.customer_id) > 1000000 AS big, pg_typeof(min(s.customer_id))
FROM regress_gov.customer_summary s JOIN regress_gov.rfm_analysis a USING (customer_id) JOIN regress_gov.customer_segments c USING (customer_id);
SELECT last_purchase_at, first_purchase_at, count(*) FROM regress_gov.customer_segments GROUP BY 1, 2 ORDER BY 1;
SELECT customer_id FROM regress_gov_core.scored_customers;
SELECT state FROM regress_gov_core.scored_customers;
SELECT mask_salt FROM regress_gov_core.settings;
SELECT settings ? 'mask_salt' AS salt_in_runs FROM regress_gov.runs WHERE is_current;
SET ROLE regress_gov_ann;
SELECT count(DISTINCT customer_id), max(state) FROM regress_gov_core.scored_customers;
RESET ROLE;
-- the rest of the deployment works with the values
SELECT DISTINCT customer_id <= 10 AS own_values FROM regress_gov_core.scored_customers;
-- a filter asks for the value too
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_bob', 'customer_id <= 3');
SET ROLE regress_gov_bob;
SELECT count(*) FROM regress_gov.customer_summary;
RESET ROLE;
SELECT rfmseg.remove_row_filter('regress_gov', 'regress_gov_bob');
-- another method shows nothing of the former one; an end of the mask shows the value
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'state', 'hash');
SELECT count(state) FROM regress_gov.customer_summary;
CALL rfmseg.refresh('regress_gov');
SELECT count(DISTINCT state), min(length(state)), max(length(state)) FROM regress_gov.customer_summary;
SELECT rfmseg.unmask_column('regress_gov', 'customer_summary', 'state');
SELECT state, count(*) FROM regress_gov.customer_summary GROUP BY state ORDER BY state;
SELECT count(*) FROM pg_attribute WHERE attrelid = 'regress_gov_core.scored_customers'::regclass AND attname ~ '^(masked.*state|old_)';
SET ROLE regress_gov_bob;
SELECT count(state) FROM regress_gov_core.scored_customers;
RESET ROLE;
-- what is computed from a masked column follows it
SELECT rfmseg.mask_column('regress_gov', 'customer_segments', 'r_score', 'null');
SELECT count(r_score), count(rfm_code), count(f_score) FROM regress_gov.customer_segments;
SELECT count(*) FILTER (WHERE segment_reason ~ 'recency score') AS told, count(*) FILTER (WHERE segment_reason ~ 'days? ago, .*\(frequency score') AS told_rest FROM regress_gov.customer_segments;
SELECT rfmseg.unmask_column('regress_gov', relation, column_name) FROM regress_gov_core.column_masks;
SELECT count(*) FROM regress_gov.customer_segments WHERE customer_id <= 10 AND rfm_code IS NOT NULL;

-- Methods keep types, and hide what they say.
CREATE FUNCTION masked(method text, value anyelement) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE format('SELECT (%s)::text FROM (SELECT $1 AS x) AS c', rfmseg._mask_expression('regress_gov', method, 'x', pg_typeof(value))) INTO result USING value;
	RETURN result;
END $$;
SELECT v, masked('bucket', v) FROM unnest('{0,3,9.99,10,47,99.5,100,1234.56,-1,-1234,NULL}'::numeric[]) v;
SELECT masked('bucket', 47), masked('bucket', 1e6::float8), masked('bucket', date '2024-02-29'), masked('bucket', timestamptz '2024-02-29 12:00+00'), masked('bucket', 2147483647);
SELECT masked('partial', 'Zoë'::text), masked('partial', ''::text), masked('partial', NULL::text), masked('null', 'x'::text), masked('null', '{}'::jsonb), masked('partial', 'Zoë'::bpchar);
SELECT masked('hash', 'a'::text) = masked('hash', 'a'::text) AS same, masked('hash', 'a'::text) = masked('hash', 'b'::text) AS other, length(masked('hash', 'a'::text)),
	masked('hash', 1::bigint) <> masked('hash', 2::bigint) AS differ, masked('hash', gen_random_uuid())::uuid IS NOT NULL AS uuid, masked('hash', NULL::bigint) IS NULL AS is_null;
SELECT masked('hash', 1);
SELECT masked('bucket', 'x'::text);
SELECT masked('partial', 1::numeric);
DROP FUNCTION masked;

-- Tags: personal data has them from the start, and they can mask.
SELECT value, relation, string_agg(column_name, ', ' ORDER BY column_name) FROM regress_gov_core.tags WHERE key = 'personal' GROUP BY 1, 2 ORDER BY 2, 1;
SELECT rfmseg.mask_tag('regress_gov', 'personal', 'location', 'null');
SELECT count(state) FROM regress_gov.customer_summary;
SELECT relation, column_name, core_column, method FROM rfmseg._masks('regress_gov') ORDER BY 1, 2;
SELECT rfmseg.tag('regress_gov', 'regress_gov_core.scored_customers', 'gender', 'personal', 'location');
SELECT rfmseg.tag('regress_gov', 'customer_segments', 'preferred_channel', 'shown to', 'marketing');
SELECT rfmseg.mask_tag('regress_gov', 'shown to', 'marketing', 'partial');
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'state', 'partial');
SELECT relation, column_name, core_column, method FROM rfmseg._masks('regress_gov') ORDER BY 1, 2;
SET ROLE regress_gov_bob;
SELECT gender FROM regress_gov_core.scored_customers;
RESET ROLE;
SELECT rfmseg.untag('regress_gov', 'customer_segments', 'preferred_channel', 'shown to');
SELECT rfmseg.unmask_tag('regress_gov', 'personal', 'location'), rfmseg.unmask_column('regress_gov', 'customer_summary', 'state');
SELECT count(*) FROM rfmseg._masks('regress_gov');
SELECT rfmseg.tag('regress_gov', 'customer_segments', 'monetary', 'secret', 'yes'), rfmseg.mask_tag('regress_gov', 'secret', 'yes', 'null');
SELECT rfmseg.tag('regress_gov', 'customer_segments', 'no_such', 'a', 'b');
SELECT rfmseg.tag('regress_gov', 'pg_catalog.pg_class', 'relname', 'a', 'b');
SELECT rfmseg.tag('regress_gov', 'customer_segments', 'monetary', NULL, 'b');
SET client_min_messages = notice;
SELECT rfmseg.untag('regress_gov', 'customer_segments', 'monetary', 'no_such'), rfmseg.unmask_tag('regress_gov', 'no_such', 'x'), rfmseg.unmask_column('regress_gov', 'customer_segments', 'gender');
SET client_min_messages = warning;

-- Checks: all is well, until somebody does otherwise.
SELECT rfmseg.add_row_filter('regress_gov', 'regress_gov_ann', 'state = ''CA''');
SELECT rfmseg.untag('regress_gov', 'regress_gov_core.scored_customers', 'gender', 'personal'), rfmseg.tag('regress_gov', 'regress_gov_core.scored_customers', 'gender', 'personal', 'demographic');
SELECT * FROM rfmseg.verify_governance('regress_gov');
SELECT format('regress_gov_core.scored_customers_%s', run_id) AS partition FROM regress_gov_core.current_run \gset
BEGIN;
GRANT SELECT ON regress_gov.runs TO PUBLIC;
GRANT USAGE ON SCHEMA regress_gov_raw TO PUBLIC;
GRANT SELECT ON :partition TO regress_gov_bob;
GRANT UPDATE (city) ON regress_gov_core.scored_customers TO regress_gov_viewer;
GRANT SELECT ON regress_gov_raw.transactions TO regress_gov_viewer;
CREATE VIEW regress_gov_open AS SELECT * FROM regress_gov.customer_segments;
CREATE VIEW regress_gov_through WITH (security_invoker = true) AS SELECT * FROM regress_gov.rfm_analysis;
CREATE MATERIALIZED VIEW regress_gov_copy AS SELECT * FROM regress_gov_through;
DROP POLICY regress_gov_ann ON regress_gov_core.run_checks;
ALTER TABLE regress_gov_core.run_segments DISABLE ROW LEVEL SECURITY;
REVOKE USAGE ON SCHEMA regress_gov FROM regress_gov_steward;
SELECT rfmseg.untag('regress_gov', 'regress_gov_core.scored_customers', 'city', 'personal');
INSERT INTO regress_gov_core.row_filters VALUES ('regress_gov_nobody', 'true');
SELECT problem, CASE WHEN object ~ '_core.scored_customers_\d+$' THEN 'the partition' ELSE object END AS object, detail
FROM rfmseg.verify_governance('regress_gov') WHERE object !~ 'regress_gov_nobody on regress_gov_(raw|core\.[^s])' ORDER BY 1, 2, 3;
-- what is on record is put right by an upgrade; the rest is not rfmseg's
DELETE FROM regress_gov_core.row_filters WHERE role_name = 'regress_gov_nobody';
SELECT rfmseg.upgrade_deployment('regress_gov');
SELECT problem, count(*) FROM rfmseg.verify_governance('regress_gov') GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- Lineage: every published column has one; of a customer's, down to the mapping.
SELECT rfmseg.mask_column('regress_gov', 'customer_summary', 'state', 'hash');
SELECT column_name, mask, core_relation, core_column, landing_relation, landing_column, source, expression
FROM rfmseg.lineage('regress_gov') WHERE relation = 'customer_summary' AND column_name IN ('customer_id', 'as_of', 'state', 'total_spent', 'avg_discount_amount');
SELECT core_column, count(*) FROM rfmseg.lineage('regress_gov') WHERE relation = 'customer_segments' AND column_name = 'segment_reason' GROUP BY 1 ORDER BY 1;
SELECT DISTINCT column_name, core_relation, core_column FROM rfmseg.lineage('regress_gov')
WHERE relation = 'customer_distribution' OR (relation, column_name) IN (('performance_metrics', 'median_monetary'), ('data_quality', 'data_age_days')) ORDER BY 1, 2;
SELECT o.relation, a.attname AS without_lineage FROM rfmseg._own_relations('regress_gov') o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0
WHERE o.schema = 'regress_gov' AND NOT EXISTS (SELECT FROM rfmseg.lineage('regress_gov') l WHERE l.relation = o.relation AND l.column_name = a.attname);
-- what it says of the per-customer table names columns that there are, and leaves none out
SELECT core_column, dataset, landing_column FROM rfmseg._core_lineage() l
WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'regress_gov_core.scored_customers'::regclass AND attname = core_column)
	OR NOT EXISTS (SELECT FROM rfmseg._landing_columns k WHERE k.dataset = l.dataset AND k.column_name = l.landing_column);
SELECT attname FROM pg_attribute WHERE attrelid = 'regress_gov_core.scored_customers'::regclass AND attnum > 0 AND NOT attisdropped
	AND attname NOT IN (SELECT core_column FROM rfmseg._core_lineage()) AND attname !~ '^(run_id|masked_.*)$';

-- Before the first refresh a filter is kept; one that does not fit fails the refresh.
SELECT rfmseg.deploy('regress_gov2');
SET client_min_messages = notice;
SELECT rfmseg.add_row_filter('regress_gov2', 'regress_gov_ann', 'stat = ''CA''');
SET client_min_messages = warning;
INSERT INTO regress_gov2_raw.transactions (customer_id, transaction_date, total_amount) VALUES (1, '2024-01-01', 1), (2, '2024-01-02', 2);
CALL rfmseg.refresh('regress_gov2');
SELECT count(*) FROM pg_class WHERE oid = to_regclass('regress_gov2_core.scored_customers');
SELECT rfmseg.add_row_filter('regress_gov2', 'regress_gov_ann', 'customer_id = 1');
-- so is a mask
SELECT rfmseg.mask_column('regress_gov2', 'customer_segments', 'customer_id', 'bucket'), rfmseg.mask_tag('regress_gov2', 'personal', 'location', 'bucket');
CALL rfmseg.refresh('regress_gov2');
SELECT rfmseg.mask_tag('regress_gov2', 'personal', 'location', 'hash');
SELECT rfmseg.grant_access('regress_gov2', 'regress_gov_ann', 'steward');
CALL rfmseg.refresh('regress_gov2');
SET ROLE regress_gov_ann;
SELECT customer_id FROM regress_gov2.customer_segments;
SELECT count(*) FROM regress_gov2_raw.transactions;
RESET ROLE;

-- undeploy takes the group roles along.
SELECT rfmseg.undeploy('regress_gov2', with_data => true);
SELECT rfmseg.undeploy('regress_gov', with_data => true);
SELECT rolname FROM pg_roles WHERE rolname ~ '^regress_gov' ORDER BY 1;
DROP FUNCTION visible_rows;
DROP TABLE regress_gov_people;
DROP ROLE regress_gov_ann, regress_gov_bob;
