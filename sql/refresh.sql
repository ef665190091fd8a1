-- refresh: what it computes, publishes and refuses.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TIME ZONE 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
CREATE TABLE orders (customer int, at timestamptz, amount numeric, invoice int, category text, discount numeric);
SELECT rfmseg.deploy('shop');
SELECT rfmseg.map_transactions('shop', 'orders', 'customer', 'at', 'amount', 'invoice', category => 'category', discount_amount => 'discount');

-- An empty source is a clear error, on record, and leaves nothing behind.
CALL rfmseg.refresh('shop');
\echo :LAST_ERROR_SQLSTATE
SELECT run_id, status, error_code, error_message FROM shop_core.runs;
SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname LIKE 'shop%' AND relname ~ '^(stage|scored)';

-- One customer, then two, then three.
INSERT INTO orders VALUES (1, '2024-01-10', 10, 1, 'Books', 0);
CALL rfmseg.refresh('shop');
SELECT customer_id, segment_name, rfm_code, avg_monthly_frequency, recency_days, as_of FROM shop.customer_segments;
SELECT empty_scores, cut_version, r_cuts, f_cuts, m_cuts FROM shop.runs WHERE is_current;
INSERT INTO orders VALUES (2, '2024-01-12', 30, 2, 'Toys', 5), (2, '2024-01-12', 10, 2, 'Books', 0), (2, '2024-01-22', 5, 3, 'Toys', NULL);
CALL rfmseg.refresh('shop');
SELECT customer_id, segment_name, rfm_code, frequency, monetary, avg_order_value, avg_monthly_frequency, discount_usage_rate, weekend_shopping_rate,
	top_category, top_category_share, category_shares, behavioral_segment
FROM shop.customer_segments ORDER BY 1;
INSERT INTO orders VALUES (3, '2024-02-01', 100, 4, NULL, NULL);
SELECT rfmseg.recut('shop');
CALL rfmseg.refresh('shop');
SELECT customer_id, segment_name, rfm_code, segment_reason FROM shop.customer_segments ORDER BY 1;
SELECT version, cut_mode, r_cuts, f_cuts, m_cuts FROM shop_core.cut_points ORDER BY 1;

-- Empty segments are shown as 0, and percentages add up.
SELECT segment_name, segment_order, customer_count, segment_percentage, total_revenue, revenue_percentage, avg_total_spent FROM shop.segment_profiles ORDER BY segment_order;
SELECT segment_name, avg_order_value, median_order_value, median_frequency, avg_recency_days FROM shop.performance_metrics WHERE customer_count > 0 ORDER BY segment_order;

SELECT segment_name, top_category, avg_category_shares FROM shop.segment_profiles WHERE customer_count > 0 ORDER BY segment_order;

-- The reference's columns under the reference's names.
SELECT customer_id, total_transactions, unique_categories_purchased, total_spent, avg_transaction_value, last_purchase_date, days_since_last_purchase, avg_discount_amount
FROM shop.customer_summary ORDER BY 1;
SELECT customer_id, recency, frequency, monetary, recency_score, frequency_score, monetary_score FROM shop.rfm_analysis ORDER BY 1;

-- A return lowers money and moves neither recency nor frequency, whether it is the customer's only line or not.
INSERT INTO orders VALUES (2, '2024-03-01', -45, 5, 'Toys', NULL), (4, '2024-03-05', -7, 6, NULL, NULL);
CALL rfmseg.refresh('shop', as_of => '2024-03-10');
SELECT customer_id, segment_name, rfm_code, recency_days, frequency, monetary, category_shares, segment_reason FROM shop.customer_segments WHERE customer_id IN (2, 4) ORDER BY 1;
SELECT rfmseg.configure('shop', returns => 'drop');
CALL rfmseg.refresh('shop', as_of => '2024-03-10');
SELECT customer_id, recency_days, frequency, monetary FROM shop.customer_segments ORDER BY 1;
SELECT check_name, amount, row_count FROM shop.data_quality WHERE run_id = (SELECT max(run_id) FROM shop.runs) ORDER BY check_order;
SELECT rfmseg.configure('shop', returns => 'net');

-- Rows dated in the future change nobody's metrics; a return after the last purchase waits too,
-- and a guest's row is counted as unattributed.
SELECT rfmseg.deploy('late');
SELECT rfmseg.map_transactions('late', 'orders', 'customer', 'at', 'amount', 'invoice');
CALL rfmseg.refresh('late');
CREATE TEMP TABLE before_future AS SELECT to_jsonb(c) - 'run_id' AS customer FROM late_core.scored_customers c;
INSERT INTO orders VALUES (1, now() + interval '1 hour', 1000, 7, NULL, NULL), (9, now() + interval '10 years', 1000, 8, NULL, NULL), (NULL, '2024-01-01', 0.01, 9, NULL, NULL);
CALL rfmseg.refresh('late');
SELECT count(*) AS customers, count(*) FILTER (WHERE to_jsonb(c) - 'run_id' IN (TABLE before_future)) AS unchanged FROM late_core.scored_customers c;
SELECT as_of, as_of_mode, source_rows, last_purchase_at, customers, purchases, total_revenue FROM late.runs WHERE is_current;
SELECT DISTINCT data_age_days = current_date - date '2024-02-01' AS data_age FROM late.data_quality;
SELECT check_name, amount, row_count FROM late.data_quality d JOIN late.runs r USING (run_id) WHERE r.is_current ORDER BY check_order;

-- as_of by the clock is the start of the run.
SELECT rfmseg.configure('shop', as_of_mode => 'clock');
CALL rfmseg.refresh('shop');
SELECT as_of = started_at AS at_start, as_of_mode, as_of = events_until AS until_then FROM shop_core.runs WHERE is_current;

-- An older as_of writes history only, and freezes no cut points.
CALL rfmseg.refresh('shop', as_of => '2024-01-15');
SELECT is_current, as_of, customers FROM shop.runs WHERE as_of = '2024-01-15';
SELECT max(version) AS cut_versions FROM shop_core.cut_points;
SELECT rfmseg.recut('shop');
CALL rfmseg.refresh('shop', as_of => '2024-01-15');
SELECT max(version) AS cut_versions, bool_and(recut_pending) AS still_pending FROM shop_core.cut_points, shop_core.settings;
SELECT segment_name, customer_count, total_revenue FROM shop.segment_trend WHERE as_of = '2024-01-15' AND customer_count > 0 ORDER BY segment_order;
SELECT count(*), count(DISTINCT as_of), min(as_of) > '2024-12-31' AS still_the_newest FROM shop.customer_segments;

-- A lookback limits frequency and money; recency and "only one purchase ever" look at everything.
SELECT rfmseg.deploy('recent');
SELECT rfmseg.map_transactions('recent', 'orders', 'customer', 'at', 'amount', 'invoice');
SELECT rfmseg.configure('recent', lookback => '20 days');
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT customer_id, frequency, lifetime_frequency, monetary, lifetime_monetary, recency_days, segment_name FROM recent_core.scored_customers ORDER BY 1;
SELECT segment_reason FROM recent.customer_segments ORDER BY customer_id;
SELECT check_name, amount, row_count FROM recent.data_quality WHERE row_count > 0 OR check_name = 'unexplained' ORDER BY check_order;
SELECT rfmseg.configure('recent', lookback => 'all');
SELECT lookback FROM recent_core.settings;

-- Own cut points; other bins with another ruleset.
SELECT rfmseg.configure('recent', r_cuts => '{5,10,20}', f_cuts => '{1,2,3}', m_cuts => '{20,40,60}');
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT cut_version, r_cuts, f_cuts, m_cuts, cut_drift FROM recent.runs WHERE is_current;
SELECT customer_id, rfm_code FROM recent.customer_segments ORDER BY 1;
SELECT rfmseg.configure('recent', cut_mode => 'refresh', bins => 5, ruleset => 'eleven');
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT customer_id, rfm_code, segment_name FROM recent.customer_segments ORDER BY 1;
SELECT segment_name, customer_count FROM recent.customer_distribution ORDER BY segment_order;

-- A look back writes no version of the cut points.
CALL rfmseg.refresh('recent', as_of => '2024-01-20');
SELECT as_of, is_current, cut_version FROM recent.runs ORDER BY run_id DESC LIMIT 2;
-- Only who asks for it looks back: where the data end earlier than they did, the segments follow them.
BEGIN;
DELETE FROM orders WHERE at > '2024-01-25';
CALL rfmseg.refresh('recent');
SELECT as_of, is_current FROM recent.runs ORDER BY run_id DESC LIMIT 1;
ROLLBACK;

-- The same data, settings and as_of give the same rows, whatever the run.
SELECT md5(string_agg((to_jsonb(c) - 'run_id')::text, ' ' ORDER BY customer_id)) AS first FROM recent_core.scored_customers c \gset
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT md5(string_agg((to_jsonb(c) - 'run_id')::text, ' ' ORDER BY customer_id)) = :'first' AS same,
	count(DISTINCT run_id) AS runs FROM recent_core.scored_customers c;
SELECT count(DISTINCT data_fingerprint) AS fingerprints FROM recent.runs WHERE as_of = '2024-02-02';
INSERT INTO orders VALUES (1, '2024-01-11', 10, 10, NULL, NULL);
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT count(DISTINCT data_fingerprint) AS fingerprints FROM recent.runs WHERE as_of = '2024-02-02';

-- Back to frozen is back to the cut points that were frozen, not to those of another mode.
BEGIN;
SELECT rfmseg.configure('recent', bins => 4, ruleset => 'standard', cut_mode => 'frozen');
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT cut_version, r_cuts FROM recent.runs WHERE is_current;
SELECT rfmseg.configure('recent', r_cuts => '{1,2,3}', f_cuts => '{1,2,3}', m_cuts => '{1,2,3}');
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT r_cuts FROM recent.runs WHERE is_current;
SELECT rfmseg.configure('recent', cut_mode => 'frozen');
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT r_cuts FROM recent.runs WHERE is_current;
ROLLBACK;

-- A recut waits for the next refresh with frozen cut points.
BEGIN;
SELECT rfmseg.configure('recent', bins => 4, ruleset => 'standard', cut_mode => 'frozen');
SELECT rfmseg.recut('recent');
SELECT rfmseg.configure('recent', cut_mode => 'refresh');
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT recut_pending FROM recent_core.settings;
SELECT rfmseg.configure('recent', cut_mode => 'frozen');
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT recut_pending FROM recent_core.settings;
SELECT r_cuts = fresh_r_cuts AS cut_anew FROM recent.runs WHERE is_current;
ROLLBACK;

-- What is published is the run's own: rules edited since show from the next run on.
BEGIN;
UPDATE recent_core.segments SET segment_name = 'Keen' WHERE segment_name = 'Loyal Customers';
SELECT segment_name, segment_order, customer_count FROM recent.performance_metrics WHERE segment_name IN ('Keen', 'Loyal Customers');
SELECT count(*) AS without_order FROM recent.customer_segments WHERE segment_order IS NULL;
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT segment_name, segment_order, customer_count FROM recent.performance_metrics WHERE segment_name IN ('Keen', 'Loyal Customers');
ROLLBACK;

-- Rules that change while a refresh is between scoring and recording: no customer is lost without a word.
BEGIN;
CREATE FUNCTION pg_temp.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM recent_core.rules WHERE ruleset = 'eleven' AND segment_name = (SELECT segment_name FROM recent_core.scored_customers ORDER BY customer_id LIMIT 1);
	DELETE FROM recent_core.segments WHERE ruleset = 'eleven' AND segment_name = (SELECT segment_name FROM recent_core.scored_customers ORDER BY customer_id LIMIT 1);
	RETURN NEW;
END $$;
CREATE TRIGGER meddle BEFORE UPDATE OF customers ON recent_core.runs FOR EACH ROW EXECUTE FUNCTION pg_temp.meddle();
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
ROLLBACK;

-- Shares of purchases are over what rfm() calls purchases: a refunded order is none, and an order
-- that spans midnight is of its first day.
BEGIN;
INSERT INTO orders VALUES (20, '2024-01-05 23:50', 10, 100, NULL, 2), (20, '2024-01-06 00:10', 10, 100, NULL, 0),
	(20, '2024-01-06 12:00', 10, 101, NULL, 0), (20, '2024-01-07 12:00', -10, 101, NULL, 0);
CALL rfmseg.refresh('recent', as_of => '2024-02-02');
SELECT frequency, weekend_shopping_rate, discount_usage_rate FROM recent.customer_segments WHERE customer_id = 20;
ROLLBACK;

-- Bad settings: each its own error, and nothing is changed.
CREATE TEMP TABLE before AS SELECT * FROM recent_core.settings;
SELECT rfmseg.configure('recent', bins => 1);
SELECT rfmseg.configure('recent', bins => 11);
SELECT rfmseg.configure('recent', bins => 4);
SELECT rfmseg.configure('recent', ruleset => 'none');
SELECT rfmseg.configure('recent', time_zone => 'Mars/Olympus');
-- (a name that SQL also takes for an abbreviation, or that this server does not know: the same class of error)
\set VERBOSITY sqlstate
SELECT rfmseg.configure('recent', time_zone => 'CET');
\set VERBOSITY default
SELECT rfmseg.configure('recent', time_zone => 'UTC');
SELECT rfmseg.configure('recent', currency => ' ');
SELECT rfmseg.configure('recent', returns => 'keep');
SELECT rfmseg.configure('recent', cut_mode => 'fixed');
SELECT rfmseg.configure('recent', cut_mode => 'own');
SELECT rfmseg.configure('recent', r_cuts => '{4,3,2,1}', f_cuts => '{1,2,3,4}', m_cuts => '{1,2,3,4}');
SELECT rfmseg.configure('recent', r_cuts => '{1,2,3,NaN}', f_cuts => '{1,2,3,4}', m_cuts => '{1,2,3,4}');
SELECT rfmseg.configure('recent', as_of_mode => 'now');
SELECT rfmseg.configure('recent', lookback => '0 days');
SELECT rfmseg.configure('recent', lookback => 'long');
SELECT rfmseg.configure('recent', lookback => '300000 years');
SELECT rfmseg.configure('recent', high_order_value => 'NaN');
SELECT count(*) AS unchanged FROM before NATURAL JOIN (SELECT bins, ruleset, time_zone, currency, returns, cut_mode, as_of_mode FROM recent_core.settings) s;

-- What a refresh refuses leaves the published segments as they were.
CALL rfmseg.refresh('recent', as_of => 'infinity');
DELETE FROM recent_core.rules WHERE segment_name = 'Lost';
CALL rfmseg.refresh('recent');
SELECT problem, cardinality(codes) FROM rfmseg.lint_ruleset('eleven', 'recent');
UPDATE recent_core.settings SET ruleset = 'gone';
CALL rfmseg.refresh('recent');
UPDATE recent_core.settings SET ruleset = 'standard';
CALL rfmseg.refresh('recent');
SELECT rfmseg.configure('recent', bins => 4, ruleset => 'standard');
INSERT INTO orders VALUES (1, '2024-01-11', 'NaN', 11, NULL, NULL);
CALL rfmseg.refresh('recent');
DELETE FROM orders WHERE amount = 'NaN';
INSERT INTO orders VALUES (1, '-infinity', 1, 12, NULL, NULL), (1, 'infinity', 1, 12, NULL, NULL);
CALL rfmseg.refresh('recent');
DELETE FROM orders WHERE NOT isfinite(at);
INSERT INTO orders VALUES (1, '2024-01-11', 1e40, 13, NULL, NULL);
CALL rfmseg.refresh('recent');
DELETE FROM orders WHERE amount > 1e30;
SELECT status, error_code, count(*) FROM recent.runs GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*), min(rfm_code) FROM recent.customer_segments;
SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'recent_core' AND relname ~ '^stage';
CALL rfmseg.refresh('recent');

-- Within a transaction block it works too, sees its own changes, and rolls back with it.
SELECT max(run_id) AS last_run, count(*) AS all_runs FROM recent.runs \gset
BEGIN;
DELETE FROM orders WHERE customer = 3;
CALL rfmseg.refresh('recent', as_of => '2030-01-01');
SELECT customer_id, frequency FROM recent.customer_segments ORDER BY 1;
SHOW search_path;
ROLLBACK;
SELECT count(*) = :all_runs AS no_more_runs FROM recent.runs;
SELECT count(*) FROM recent.customer_segments WHERE customer_id = 3;

-- A failure in a block takes all with it, run row included.
BEGIN;
CALL rfmseg.refresh('recent', as_of => '-infinity');
ROLLBACK;
SELECT count(*) = :all_runs AS no_more_runs FROM recent.runs;

-- Unknown and missing names.
CALL rfmseg.refresh('nowhere');
CALL rfmseg.refresh(NULL);
SELECT rfmseg.configure('nowhere');
SELECT rfmseg.recut('nowhere');
SELECT * FROM rfmseg.check_mapping('nowhere');
SELECT rfmseg.upgrade_deployment('nowhere');

-- An owner who may create schemas, and nothing else, not even temporary tables.
CREATE ROLE "regress rfmseg Owner";
SELECT current_database() AS db \gset
REVOKE TEMP ON DATABASE :"db" FROM PUBLIC;
GRANT CREATE ON DATABASE :"db" TO "regress rfmseg Owner";
GRANT SELECT ON orders TO "regress rfmseg Owner";
SET ROLE "regress rfmseg Owner";
SELECT rfmseg.deploy('plain');
SELECT rfmseg.map_transactions('plain', 'public.orders', 'customer', 'at', 'amount', 'invoice');
CALL rfmseg.refresh('plain');
CALL rfmseg.refresh('plain');
SELECT sum(customer_count) FROM plain.segment_profiles;
SELECT rfmseg.undeploy('plain');
RESET ROLE;
GRANT TEMP ON DATABASE :"db" TO PUBLIC;
REVOKE CREATE ON DATABASE :"db" FROM "regress rfmseg Owner";
REVOKE SELECT ON orders FROM "regress rfmseg Owner";
DROP ROLE "regress rfmseg Owner";

SELECT rfmseg.undeploy(deployment, with_data => true) FROM rfmseg.deployments();
DROP TABLE orders;
