-- Deployments with made-up data: generate() and demo().
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;

-- Everything at once.
CALL rfmseg.demo();
SELECT segment_name, customer_count, segment_percentage, total_revenue, avg_transaction_frequency, top_category, most_common_age, preferred_channel
FROM rfm.segment_profiles ORDER BY segment_order;
SELECT run_id, status, as_of, customers, total_revenue, cluster_version FROM rfm.runs ORDER BY run_id;
SELECT check_name, amount, row_count FROM rfm.data_quality WHERE run_id = 2 ORDER BY check_order;
SELECT cluster_id, cluster_name, size, revenue_percentage FROM rfm.cluster_profiles ORDER BY cluster_id;
-- it never touches what is there
CALL rfmseg.demo();
CALL rfmseg.demo(NULL);
CALL rfmseg.demo('other', customers => -1);
CALL rfmseg.demo('other', customers => NULL);
CALL rfmseg.demo('other', seed => NULL);
SELECT * FROM rfmseg.deployments();
-- in a transaction block it works too
BEGIN;
CALL rfmseg.demo('other', 20, 7);
SELECT count(*) FROM other.customer_segments;
ROLLBACK;
SELECT * FROM rfmseg.deployments();

-- The landing tables hold what the generators make, in the deployment's zone and currency.
SELECT count(*) AS other FROM (TABLE rfm_raw.customers EXCEPT SELECT * FROM rfmseg.generate_customers(1000, 42)) AS rows;
SELECT count(*) AS other FROM (TABLE rfm_raw.products EXCEPT SELECT * FROM rfmseg.generate_products(100, 42)) AS rows;
SELECT count(*) AS other FROM (TABLE rfm_raw.transactions EXCEPT SELECT * FROM rfmseg.generate_transactions(1000, 42)) AS rows;
SELECT count(*) AS other FROM (TABLE rfm_raw.ground_truth EXCEPT SELECT * FROM rfmseg.generate_ground_truth(1000, 42)) AS rows;
SELECT rfmseg.deploy('shop');
SELECT rfmseg.configure('shop', time_zone => 'America/Chicago', currency => 'EUR');
SELECT * FROM rfmseg.generate('shop', 100, seed => 7, start_date => '2025-01-01', end_date => '2025-06-30', products => 30);
SELECT count(*) AS other FROM (TABLE shop_raw.transactions
	EXCEPT SELECT * FROM rfmseg.generate_transactions(100, 7, '2025-01-01', '2025-06-30', 30, 'America/Chicago', 'EUR')) AS rows;
SELECT count(*) FROM shop_raw.transactions WHERE currency <> 'EUR' OR transaction_date < '2025-01-01 America/Chicago' OR transaction_date >= '2025-07-01 America/Chicago';
-- what the truth is made of is explained
SELECT attname FROM pg_attribute WHERE attrelid = 'shop_raw.ground_truth'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL;

-- Rows that are there are never mixed with.
SELECT * FROM rfmseg.generate('shop');
TRUNCATE shop_raw.customers, shop_raw.products, shop_raw.transactions;
SELECT * FROM rfmseg.generate('shop');
TRUNCATE shop_raw.ground_truth;
INSERT INTO shop_raw.customers (customer_id) VALUES (1);
SELECT * FROM rfmseg.generate('shop');
TRUNCATE shop_raw.customers;
SELECT row_count FROM rfmseg.generate('shop', 10) WHERE dataset = 'customers';
-- nor dropped with the deployment, unless asked for
SELECT rfmseg.undeploy('shop');
SELECT rfmseg.undeploy('shop', with_data => true);
SELECT count(*) FROM pg_class WHERE relname = 'ground_truth' AND relnamespace::regnamespace::text ~ '^shop';

-- A mapped source is not written to.
CREATE TABLE sales (who int, at timestamptz, paid numeric);
SELECT rfmseg.deploy('shop');
SELECT rfmseg.map_transactions('shop', source => 'sales', customer_id => 'who', event_at => 'at', amount => 'paid');
SELECT * FROM rfmseg.generate('shop');
SELECT count(*) FROM sales;
SELECT rfmseg.undeploy('shop');
DROP TABLE sales;

-- Landing tables that their owner has changed are filled all the same.
SELECT rfmseg.deploy('shop');
ALTER TABLE shop_raw.transactions ADD loaded_at timestamptz DEFAULT '2026-01-01', ADD PRIMARY KEY (transaction_id);
CREATE FUNCTION shop_raw.count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE shop_raw.counted SET n = n + 1; RETURN NEW; END $$;
CREATE TABLE shop_raw.counted AS SELECT 0 AS n;
CREATE TRIGGER count_up BEFORE INSERT ON shop_raw.customers FOR EACH ROW EXECUTE FUNCTION shop_raw.count_up();
SELECT * FROM rfmseg.generate('shop', 100);
SELECT count(*) AS other FROM (SELECT transaction_id, customer_id, transaction_date, quantity, total_amount FROM shop_raw.transactions
	EXCEPT SELECT transaction_id, customer_id, transaction_date, quantity, total_amount FROM rfm_raw.transactions WHERE customer_id <= 100) AS rows;
SELECT count(*), min(loaded_at) FROM shop_raw.transactions;
SELECT n FROM shop_raw.counted;
DROP TRIGGER count_up ON shop_raw.customers;
DROP FUNCTION shop_raw.count_up();
DROP TABLE shop_raw.counted;
SELECT rfmseg.undeploy('shop', with_data => true);

-- Dirty rows are as many as said, and leave the good ones alone.
SELECT rfmseg.deploy('shop');
CREATE TABLE report AS SELECT * FROM rfmseg.generate('shop', 300, dirty => 0.0107);
SELECT * FROM report;
SELECT count(*) AS sales, ceil(count(*) * 0.0107) AS dirty_of_a_kind FROM rfmseg.generate_transactions(300, 42) WHERE NOT is_return;
CREATE VIEW dirt AS
SELECT 'transactions' AS dataset, 'missing_transaction_id' AS kind, count(*) FROM shop_raw.transactions WHERE transaction_id IS NULL
UNION ALL SELECT 'transactions', 'missing_customer_id', count(*) FROM shop_raw.transactions WHERE customer_id IS NULL
UNION ALL SELECT 'transactions', 'future_date', count(*) FROM shop_raw.transactions WHERE transaction_date > now()
UNION ALL SELECT 'transactions', 'negative_total', count(*) FROM shop_raw.transactions WHERE total_amount < 0 AND NOT is_return
UNION ALL SELECT 'transactions', 'duplicate_transaction_id', count(*) FROM (SELECT row_number() OVER (PARTITION BY transaction_id) AS n FROM shop_raw.transactions WHERE transaction_id IS NOT NULL) AS t WHERE n > 1
UNION ALL SELECT 'customers', 'missing_customer_id', count(*) FROM shop_raw.customers WHERE customer_id IS NULL
UNION ALL SELECT 'customers', 'under_age', count(*) FROM shop_raw.customers WHERE age < 18
UNION ALL SELECT 'customers', 'duplicate_customer_id', count(*) FROM (SELECT row_number() OVER (PARTITION BY customer_id) AS n FROM shop_raw.customers WHERE customer_id IS NOT NULL) AS c WHERE n > 1
UNION ALL SELECT 'products', 'missing_product_id', count(*) FROM shop_raw.products WHERE product_id IS NULL
UNION ALL SELECT 'products', 'zero_price', count(*) FROM shop_raw.products WHERE price = 0
UNION ALL SELECT 'products', 'duplicate_product_id', count(*) FROM (SELECT row_number() OVER (PARTITION BY product_id) AS n FROM shop_raw.products WHERE product_id IS NOT NULL) AS p WHERE n > 1;
SELECT count(*) AS kinds, count(*) FILTER (WHERE r.row_count IS DISTINCT FROM d.count) AS wrong
FROM report r FULL JOIN dirt d USING (dataset, kind) WHERE kind NOT IN ('good', 'truth');
-- each dirty row is wrong in one way: without them, all rows are good, and all good rows are there
SELECT (SELECT count(*) FROM shop_raw.transactions) - (SELECT sum(row_count) FROM report WHERE dataset = 'transactions') AS transactions,
	(SELECT count(*) FROM shop_raw.customers) - (SELECT sum(row_count) FROM report WHERE dataset = 'customers') AS customers,
	(SELECT count(*) FROM shop_raw.products) - (SELECT sum(row_count) FROM report WHERE dataset = 'products') AS products;
SELECT count(*) AS missing FROM (SELECT * FROM rfmseg.generate_transactions(300, 42) EXCEPT ALL TABLE shop_raw.transactions) AS rows;
SELECT count(*) AS missing FROM (SELECT * FROM rfmseg.generate_customers(300, 42) EXCEPT ALL TABLE shop_raw.customers) AS rows;
SELECT count(*) AS missing FROM (SELECT * FROM rfmseg.generate_products(100, 42) EXCEPT ALL TABLE shop_raw.products) AS rows;
-- and the same once more
SELECT md5(string_agg(t::text, '' ORDER BY t::text COLLATE "C")) FROM shop_raw.transactions t;
SELECT md5(string_agg(c::text, '' ORDER BY c::text COLLATE "C")) FROM shop_raw.customers c;
SELECT md5(string_agg(p::text, '' ORDER BY p::text COLLATE "C")) FROM shop_raw.products p;
-- a refresh accounts for them
CALL rfmseg.refresh('shop');
SELECT q.check_name, q.row_count, r.row_count AS generated FROM shop.data_quality q
JOIN report r ON r.dataset = 'transactions' AND r.kind = CASE q.check_name WHEN 'unattributed' THEN 'missing_customer_id' WHEN 'later than as_of' THEN 'future_date' WHEN 'negative, not a return' THEN 'negative_total' END;
SELECT amount, row_count FROM shop.data_quality WHERE check_name = 'unexplained';
DROP VIEW dirt;
SELECT rfmseg.undeploy('shop', with_data => true);
-- all of them, if need be
SELECT rfmseg.deploy('shop');
SELECT dataset, kind, row_count FROM rfmseg.generate('shop', 20, dirty => 1, products => 5);
SELECT rfmseg.undeploy('shop', with_data => true);
SELECT rfmseg.deploy('shop');
SELECT dataset, kind, row_count FROM rfmseg.generate('shop', 0, dirty => 0.5);
SELECT rfmseg.undeploy('shop', with_data => true);

-- One population: no products, and a truth to compare fits with.
SELECT rfmseg.deploy('shop');
SELECT * FROM rfmseg.generate('shop', 500, dirty => 0.01, population => '{"r": 0.6, "alpha": 20, "a": 0.8, "b": 2.5, "p": 6, "q": 4, "v": 15}');
CALL rfmseg.refresh('shop');
SELECT count(*) AS customers, sum(frequency) AS orders FROM shop.customer_segments;

-- Errors
\set VERBOSITY default
SELECT * FROM rfmseg.generate('nowhere');
SELECT * FROM rfmseg.generate(NULL);
TRUNCATE shop_raw.customers, shop_raw.ground_truth, shop_raw.products, shop_raw.transactions;
SELECT * FROM rfmseg.generate('shop', -1);
SELECT * FROM rfmseg.generate('shop', NULL);
SELECT * FROM rfmseg.generate('shop', seed => NULL);
SELECT * FROM rfmseg.generate('shop', start_date => '2025-01-02', end_date => '2025-01-01');
SELECT * FROM rfmseg.generate('shop', start_date => NULL);
SELECT * FROM rfmseg.generate('shop', dirty => -0.01);
SELECT * FROM rfmseg.generate('shop', dirty => 1.01);
SELECT * FROM rfmseg.generate('shop', dirty => 'NaN');
SELECT * FROM rfmseg.generate('shop', dirty => NULL);
SELECT * FROM rfmseg.generate('shop', products => 0);
SELECT * FROM rfmseg.generate('shop', population => '{"r": 1}');
SELECT count(*) FROM shop_raw.transactions;

SELECT rfmseg.undeploy('shop', with_data => true);
SELECT rfmseg.undeploy('rfm', with_data => true);
DROP TABLE report;
