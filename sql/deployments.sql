-- Making, listing and removing deployments.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
CREATE EXTENSION IF NOT EXISTS rfmseg;

-- A deployment is three schemas of the caller's, listed and commented.
SELECT rfmseg.deploy('shop');
SELECT deployment, owner = current_user AS mine FROM rfmseg.deployments();
SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname ~ '^shop' ORDER BY 1;
SELECT bins, ruleset, currency, returns, cut_mode, as_of_mode, lookback, time_zone = current_setting('TimeZone') AS sessions_zone
FROM shop_core.settings;
SELECT ruleset, count(*) FROM shop_core.rules GROUP BY ruleset;

-- Every relation and column that it made has a comment, here and after a refresh.
CREATE FUNCTION uncommented(deployment text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s.%s', c.oid::regclass, a.attname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE n.nspname IN (deployment, deployment || '_core', deployment || '_raw') AND c.relkind IN ('r', 'v', 'm', 'p') AND NOT c.relispartition
		AND (obj_description(c.oid, 'pg_class') IS NULL OR (a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL))
	ORDER BY 1 $$;
SELECT * FROM uncommented('shop');
INSERT INTO shop_raw.transactions (customer_id, transaction_date, total_amount) VALUES (1, '2024-01-01', 10);
CALL rfmseg.refresh('shop');
SELECT * FROM uncommented('shop');

-- So has every object of the extension.
SELECT d.objid::regprocedure AS uncommented FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'rfmseg'
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND obj_description(d.objid, 'pg_proc') IS NULL;

-- PUBLIC may do nothing with it, and per-customer views ask for the reader's own rights.
SELECT c.oid::regclass, acl.privilege_type
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) acl
WHERE n.nspname ~ '^shop' AND acl.grantee = 0;
-- But two, which show their readers less than their owner sees.
SELECT c.oid::regclass AS runs_as_its_owner
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname ~ '^shop' AND c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false) ORDER BY c.relname;

-- Nothing that exists is overwritten.
SELECT rfmseg.deploy('shop');
CREATE SCHEMA half_core;
SELECT rfmseg.deploy('half');
SELECT nspname FROM pg_namespace WHERE nspname ~ '^half';
DROP SCHEMA half_core;

-- Names: NULL, empty, too long, as long as may be, and with quotes in them.
SELECT rfmseg.deploy(NULL);
SELECT rfmseg.deploy('');
SELECT rfmseg.deploy(repeat('x', 51));
SELECT rfmseg.deploy(repeat('x', 50));
SELECT rfmseg.deploy('a"b; DROP TABLE c');
SELECT deployment FROM rfmseg.deployments();
SELECT rfmseg.undeploy(repeat('x', 50)), rfmseg.undeploy('a"b; DROP TABLE c');
SELECT rfmseg.deploy('pg_mine');

-- Landed rows are the user's: they go only on request.
SELECT rfmseg.undeploy('shop');
SELECT count(*) FROM shop_raw.transactions;

-- What depends on a deployment, or lies in its schemas, is not its own.
CREATE VIEW mine AS SELECT * FROM shop.customer_segments;
SELECT rfmseg.undeploy('shop', with_data => true);
DROP VIEW mine;
CREATE TABLE shop_core.notes (note text);
SELECT rfmseg.undeploy('shop', with_data => true);
SELECT count(*) FROM shop.customer_segments;
DROP TABLE shop_core.notes;
SELECT rfmseg.undeploy('shop', with_data => true);
SELECT nspname FROM pg_namespace WHERE nspname ~ '^shop';
SELECT rfmseg.undeploy('shop');

-- A deployment of an older form is named, and brought up to date.
SELECT rfmseg.deploy('old');
INSERT INTO old_raw.transactions (customer_id, transaction_date, total_amount) VALUES (1, '2024-01-01', 10);
CALL rfmseg.refresh('old');
CREATE ROLE regress_rfmseg_reader;
GRANT SELECT ON old.segment_profiles, old.customer_distribution TO regress_rfmseg_reader;
GRANT SELECT (segment_name, total_revenue) ON old.revenue_distribution TO regress_rfmseg_reader WITH GRANT OPTION;
UPDATE old_core.settings SET rfmseg_layout = 0;
CREATE OR REPLACE VIEW old.customer_distribution AS
	SELECT segment_name, segment_order, segment_color, as_of, refreshed_at, customer_count, 0.0 AS customer_percentage FROM old.segment_profiles;
CALL rfmseg.refresh('old');
SELECT rfmseg.configure('old', currency => 'EUR');
SELECT rfmseg.upgrade_deployment('old');
-- What was granted on the views is granted still.
SELECT table_name, column_name, is_grantable FROM information_schema.column_privileges
WHERE grantee = 'regress_rfmseg_reader' AND column_name IN ('segment_name', 'total_revenue') ORDER BY 1, 2;
CALL rfmseg.refresh('old');
SELECT segment_name, customer_percentage FROM old.customer_distribution WHERE customer_count > 0;
UPDATE old_core.settings SET rfmseg_layout = 99;
CALL rfmseg.refresh('old');
SELECT rfmseg.upgrade_deployment('old');
SELECT rfmseg.undeploy('old', with_data => true);
DROP ROLE regress_rfmseg_reader;

-- Dropping the extension leaves users' data; it must be asked to drop what uses its functions.
SELECT rfmseg.deploy('kept');
INSERT INTO kept_raw.transactions (customer_id, transaction_date, total_amount) VALUES (1, '2024-01-01', 10);
CALL rfmseg.refresh('kept');
DROP EXTENSION rfmseg;
DROP EXTENSION rfmseg CASCADE;
SELECT customer_id, segment_name FROM kept_core.scored_customers;
CREATE EXTENSION rfmseg;
SELECT deployment FROM rfmseg.deployments();
SELECT rfmseg.upgrade_deployment('kept');
SELECT customer_id, segment_name FROM kept.customer_segments;
SELECT rfmseg.undeploy('kept', with_data => true);
DROP FUNCTION uncommented;
