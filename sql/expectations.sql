-- Expectations: what is found, what becomes of it, and the way back.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
SET check_function_bodies = off;
-- The last run's results, and its reconciliation.
CREATE FUNCTION results(only_broken boolean DEFAULT false) RETURNS TABLE (expectation text, action text, status text, broken bigint, checked bigint, money numeric) LANGUAGE sql AS $$
	SELECT dataset || '.' || expectation, action, status, row_count, checked_rows, amount FROM shop.data_quality
	WHERE run_id = (SELECT max(run_id) FROM shop.runs) AND dataset IS NOT NULL AND (NOT only_broken OR row_count > 0) ORDER BY check_order $$;
CREATE FUNCTION reconciled() RETURNS TABLE (check_name text, amount numeric, row_count bigint) LANGUAGE sql AS $$
	SELECT check_name, amount, row_count FROM shop.data_quality
	WHERE run_id = (SELECT max(run_id) FROM shop.runs) AND dataset IS NULL AND (row_count > 0 OR check_name = 'unexplained') ORDER BY check_order $$;
CREATE FUNCTION segmented() RETURNS TABLE (customers bigint, spent numeric) LANGUAGE sql AS $$
	SELECT count(*), sum(monetary) FROM shop.customer_segments $$;

-- What deploy expects.
SELECT rfmseg.deploy('shop');
SELECT dataset, name, predicate, action, is_enabled, is_default FROM shop_core.expectations ORDER BY dataset, name COLLATE "C";

-- Clean rows pass.
SELECT * FROM rfmseg.generate('shop', 40, products => 20);
CALL rfmseg.refresh('shop');
SELECT * FROM results();
SELECT * FROM reconciled();
SELECT customers AS clean_customers, spent AS clean_spent FROM segmented() \gset
SELECT count(*) FROM shop_core.quarantine;

-- Of made-up dirt every kind is found, to the row.
TRUNCATE shop_raw.customers, shop_raw.products, shop_raw.transactions, shop_raw.ground_truth;
CREATE TABLE report AS SELECT *, CASE kind
	WHEN 'missing_transaction_id' THEN 'transaction_id_given' WHEN 'missing_customer_id' THEN 'customer_id_given' WHEN 'missing_product_id' THEN 'product_id_given'
	WHEN 'future_date' THEN 'date_not_in_future' WHEN 'negative_total' THEN 'total_not_negative' WHEN 'under_age' THEN 'age_18_or_over' WHEN 'zero_price' THEN 'price_above_zero'
	WHEN 'duplicate_transaction_id' THEN 'transaction_id_unique' WHEN 'duplicate_customer_id' THEN 'customer_id_unique' WHEN 'duplicate_product_id' THEN 'product_id_unique' END AS expectation
FROM rfmseg.generate('shop', 40, products => 20, dirty => 0.05);
CREATE FUNCTION differing() RETURNS TABLE (kinds bigint, differing bigint) LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE r.row_count IS DISTINCT FROM q.row_count)
	FROM (SELECT * FROM report WHERE expectation IS NOT NULL) r
	FULL JOIN (SELECT * FROM shop.data_quality WHERE run_id = (SELECT max(run_id) FROM shop.runs) AND dataset IS NOT NULL) q USING (dataset, expectation) $$;
CALL rfmseg.refresh('shop');
SELECT * FROM results();
-- a notice for each, which of a refresh stands between those of its steps
SET client_min_messages = notice;
SELECT rfmseg._judge('shop', jsonb_agg(to_jsonb(r) ORDER BY place)) FROM shop_core.expectation_results r WHERE run_id = 2;
SET client_min_messages = warning;
SELECT * FROM differing();
SELECT * FROM reconciled();
-- those whose action is drop are in quarantine
CREATE FUNCTION quarantined() RETURNS TABLE (dataset text, expectation text, row_count bigint, generated bigint) LANGUAGE sql AS $$
	SELECT dataset, q.expectation, q.n, r.row_count
	FROM (SELECT dataset, e AS expectation, count(*) AS n FROM shop_core.quarantine, unnest(expectations) AS e GROUP BY 1, 2) q
	LEFT JOIN report r USING (dataset, expectation) ORDER BY dataset, q.expectation COLLATE "C" $$;
SELECT * FROM quarantined();
SELECT count(*) AS rows_of_people FROM shop_core.customers_clean WHERE age < 18;
SELECT problem, count(*) FROM shop_core.transaction_lines GROUP BY 1 ORDER BY 1;

-- Dropped all of them, only clean rows are left, and quarantine is the generator's report.
SELECT rfmseg.expect('shop', e.dataset, e.name, e.predicate, 'drop') FROM shop_core.expectations e WHERE action = 'warn' ORDER BY e.dataset, e.name;
CALL rfmseg.refresh('shop');
SELECT * FROM results(true);
SELECT * FROM differing();
SELECT * FROM quarantined();
SELECT * FROM reconciled();
SELECT customers = :clean_customers AS same_customers, spent = :clean_spent AS same_money FROM segmented();
-- the views for people say the same
SELECT sum(total_amount) = :clean_spent AS same_money FROM shop_core.transactions;
SELECT problem, count(*) FROM shop_core.transaction_lines GROUP BY 1 ORDER BY 1;
-- the same rows dropped again are not there twice, and know when they first came
CREATE TEMP TABLE first AS SELECT dataset, row_digest, copy, first_run_id, first_seen_at FROM shop_core.quarantine;
CALL rfmseg.refresh('shop');
SELECT count(*), count(first_run_id) AS known, bool_and(q.run_id > q.first_run_id) AS older, min(q.run_id) = max(q.run_id) AS of_one_run
FROM shop_core.quarantine q LEFT JOIN first f USING (dataset, row_digest, copy, first_run_id, first_seen_at);

-- Memory and parallel workers change nothing.
CREATE TEMP TABLE serial AS SELECT (SELECT source_totals FROM rfmseg.summarize_customers(NULL::bigint, rfmseg._lines_query('shop'), repeated => 'drop') WHERE customer_id IS NULL) AS totals;
SELECT rfmseg._lines_query('shop') LIKE '%transaction_id%' AND rfmseg._lines_query('shop') LIKE '%broken%' AS looks;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET work_mem = '64kB';
CREATE FUNCTION workers(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT count(*) FROM (' || query || ') q' LOOP
		IF line LIKE '%Workers Planned%' THEN RETURN 'some'; END IF;
	END LOOP;
	RETURN 'none'; END $$;
SELECT workers(rfmseg._lines_query('shop'));
SELECT source_totals = totals AS same FROM serial, rfmseg.summarize_customers(NULL::bigint, rfmseg._lines_query('shop'), repeated => 'drop') WHERE customer_id IS NULL;
CALL rfmseg.refresh('shop');
SELECT * FROM differing();
SELECT customers = :clean_customers AS same_customers, spent = :clean_spent AS same_money FROM segmented();
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET work_mem;

-- What is mended comes back: the changes alone are written to the landing table.
UPDATE shop_core.quarantine SET mend = '{"age": 18}' WHERE 'age_18_or_over' = ANY (expectations);
UPDATE shop_core.quarantine SET mend = jsonb_build_object('total_amount', -("row" ->> 'total_amount')::numeric) WHERE 'total_not_negative' = ANY (expectations);
UPDATE shop_core.quarantine SET mend = '{"price": -1}' WHERE 'price_above_zero' = ANY (expectations);
UPDATE shop_core.quarantine SET mend = jsonb_build_object('transaction_date', ("row" ->> 'transaction_date')::timestamptz - interval '100 years') WHERE 'date_not_in_future' = ANY (expectations);
SELECT * FROM rfmseg.replay('shop');
SELECT dataset, mend FROM shop_core.quarantine WHERE mend IS NOT NULL ORDER BY 1, 2;
CALL rfmseg.refresh('shop');
SELECT * FROM results(true);
SELECT * FROM reconciled();
SELECT * FROM quarantined();
SELECT (SELECT count(*) FROM shop_raw.transactions) - (SELECT sum(row_count) FROM report WHERE dataset = 'transactions') AS rows_more;
SELECT count(*) AS grown_up FROM shop_core.customers_clean WHERE age = 18 AND customer_id > 40;
-- a mend must fit the table
UPDATE shop_core.quarantine SET mend = '{"no_such_column": 1}' WHERE 'price_above_zero' = ANY (expectations);
SELECT * FROM rfmseg.replay('shop');
UPDATE shop_core.quarantine SET mend = '{"price": "much"}' WHERE 'price_above_zero' = ANY (expectations);
SELECT * FROM rfmseg.replay('shop');
\set VERBOSITY sqlstate
UPDATE shop_core.quarantine SET mend = '[1]' WHERE 'price_above_zero' = ANY (expectations);
\set VERBOSITY default
-- what the rules say now, and what was mended or deleted in the table itself, is told as well
SELECT rfmseg.unexpect('shop', 'products', 'price_above_zero');
DELETE FROM shop_raw.transactions WHERE transaction_id IS NULL;
UPDATE shop_raw.customers SET customer_id = 1000 WHERE customer_id IS NULL;
SELECT * FROM rfmseg.replay('shop');
CALL rfmseg.refresh('shop');
SELECT dataset, count(*) FROM shop_core.quarantine GROUP BY 1 ORDER BY 1;
SELECT * FROM rfmseg.replay('nowhere');
SELECT rfmseg.undeploy('shop', with_data => true);

-- Expectations of one's own, on a few rows.
SELECT rfmseg.deploy('shop');
INSERT INTO shop_raw.customers (customer_id, first_name, age) VALUES (1, 'Ann', 30), (2, 'Bob', NULL), (3, 'Cid', 17);
INSERT INTO shop_raw.transactions (transaction_id, order_id, customer_id, transaction_date, total_amount, quantity, channel) VALUES
	(1, 1, 1, '2024-01-01', 10.00, 1, 'web'), (2, 1, 1, '2024-01-01', 5.25, 0, NULL), (3, 2, 2, '2024-01-05', 7.00, NULL, 'fax'), (4, 3, 3, '2024-01-07', 3.00, 2, 'fax');
SELECT rfmseg.expect('shop', 'transactions', 'quantity above zero', 'quantity > 0', description => 'Who buys nothing?');
SELECT rfmseg.expect('shop', 'transactions', 'no fax', $$channel <> 'fax'$$, 'drop');
CALL rfmseg.refresh('shop');
SELECT * FROM results(true);
SELECT * FROM reconciled();
-- NULL passes; who buys by fax alone is no customer; orders of the young one are not touched by a rule about customers
SELECT customer_id, monetary FROM shop.customer_segments;
SELECT dataset, key, expectations, "row" ->> 'channel' AS channel, "row" ->> 'first_name' AS first_name FROM shop_core.quarantine ORDER BY 1, 2;
SELECT transaction_id, problem FROM shop_core.transaction_lines ORDER BY 1;
-- replaced, disabled, removed
SELECT rfmseg.expect('shop', 'transactions', 'no fax', $$channel <> 'fax'$$, 'warn');
SELECT rfmseg.expect('shop', 'transactions', 'quantity above zero', 'quantity > 0', is_enabled => false);
SELECT action, description, is_enabled FROM shop_core.expectations WHERE name IN ('no fax', 'quantity above zero') ORDER BY name;
CALL rfmseg.refresh('shop');
SELECT * FROM results(true);
SELECT count(*) FROM shop.customer_segments;
SELECT rfmseg.unexpect('shop', 'transactions', 'no fax');
SELECT rfmseg.unexpect('shop', 'transactions', 'no fax');
SELECT rfmseg.unexpect('shop', NULL, NULL);

-- fail: nothing changes, the run and what was found are on record.
SELECT rfmseg.expect('shop', 'transactions', 'enough', 'total_amount >= 5', 'fail');
SELECT rfmseg.expect('shop', 'customers', 'known age', 'age IS NOT NULL', 'fail');
CALL rfmseg.refresh('shop');
\echo :LAST_ERROR_SQLSTATE
SELECT run_id, status, is_current, error_code FROM shop.runs ORDER BY run_id DESC LIMIT 2;
SELECT * FROM results(true);
SELECT count(*) FROM shop.customer_segments;
-- within a block all of it is rolled back
BEGIN;
CALL rfmseg.refresh('shop');
ROLLBACK;
SELECT max(run_id) FROM shop.runs;
SELECT rfmseg.unexpect('shop', 'transactions', 'enough'), rfmseg.unexpect('shop', 'customers', 'known age');
-- one id twice, with one customer or with guests at one time: the latest line counts, whatever the order of the rows
INSERT INTO shop_raw.transactions (transaction_id, order_id, customer_id, transaction_date, total_amount) VALUES
	(1, 1, 1, '2024-01-02', 100), (1, 1, 1, '2024-01-02', 90), (1, 9, 7, '2024-01-01', 1000),
	(50, 5, NULL, '2024-01-03', 1), (50, 5, NULL, '2024-01-03', 1), (50, 5, NULL, '2024-01-04', 1);
SELECT rfmseg.expect('shop', 'transactions', 'transaction_id_unique', 'unique( transaction_id )', 'fail');
CALL rfmseg.refresh('shop');
SELECT rfmseg.expect('shop', 'transactions', 'transaction_id_unique', 'UNIQUE (transaction_id)', 'drop');
CALL rfmseg.refresh('shop');
SELECT * FROM results(true);
SELECT * FROM reconciled();
SELECT customer_id, monetary FROM shop.customer_segments ORDER BY 1;
SELECT key, "row" ->> 'total_amount' AS amount FROM shop_core.quarantine WHERE dataset = 'transactions' ORDER BY 1, 2;
SELECT transaction_id, customer_id, total_amount FROM shop_core.transaction_lines WHERE problem IS NOT NULL ORDER BY 1, 3;
DELETE FROM shop_raw.transactions WHERE transaction_id IN (1, 50) AND total_amount <> 10;
SELECT rfmseg.expect('shop', 'transactions', 'transaction_id_unique', 'UNIQUE (transaction_id)');
-- what is left out may be as wrong as it likes
SELECT rfmseg.expect('shop', 'transactions', 'dated', 'isfinite(transaction_date)', 'drop'), rfmseg.expect('shop', 'transactions', 'a number', $$total_amount <> 'NaN'$$, 'drop'),
	rfmseg.expect('shop', 'transactions', 'dollars', $$currency = 'USD'$$, 'drop');
INSERT INTO shop_raw.transactions (transaction_id, customer_id, transaction_date, total_amount, currency) VALUES
	(20, 1, 'infinity', 1, NULL), (21, 1, '2024-01-01', 'NaN', NULL), (22, 1, '2024-01-01', 4, 'EUR');
CALL rfmseg.refresh('shop');
SELECT * FROM results(true);
SELECT * FROM reconciled();
-- lines without date or amount stay where they were, whatever else they break
INSERT INTO shop_raw.transactions (transaction_id, customer_id, transaction_date, total_amount, currency) VALUES
	(23, 1, NULL, 1, 'EUR'), (24, 1, '2024-01-01', NULL, 'EUR'), (25, 1, '2024-01-01', NULL, NULL);
UPDATE shop_raw.transactions SET is_return = false, total_amount = -4 WHERE transaction_id = 22;
CALL rfmseg.refresh('shop');
SELECT * FROM reconciled();
DELETE FROM shop_raw.transactions WHERE transaction_id >= 20;

-- An error in a predicate names the expectation, whose it is.
SELECT rfmseg.expect('shop', 'transactions', 'ratio', 'total_amount / quantity > 1');
CALL rfmseg.refresh('shop');
\echo :LAST_ERROR_SQLSTATE
SELECT rfmseg.unexpect('shop', 'transactions', 'ratio'), rfmseg.expect('shop', 'customers', 'ratio', '100 / (age - 17) > 1', 'drop');
CALL rfmseg.refresh('shop');
SELECT rfmseg.unexpect('shop', 'customers', 'ratio');
CALL rfmseg.refresh('shop');

-- A predicate is one boolean expression about one row.
CREATE TEMP TABLE before AS SELECT * FROM shop_core.expectations;
CREATE FUNCTION today() RETURNS date LANGUAGE sql AS 'SELECT current_date';
SELECT rfmseg.expect('shop', 'customers', 'bad', 'age > 1; DROP TABLE shop_core.settings');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'true) OR (SELECT true');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'true) FROM pg_authid WHERE (true');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'age > 1, age > 2');
SELECT rfmseg.expect('shop', 'customers', 'bad', '');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'EXISTS (SELECT FROM pg_authid)');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'age IN (SELECT 1)');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'count(*) > 1');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'row_number() OVER () > 1');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'generate_series(1, 2) > 1');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'random() > 0.5');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'signup_date <= public.today()');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'age');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'years > 1');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'source IS NOT NULL');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'ctid IS NOT NULL');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'UNIQUE (email)');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'UNIQUE (customer_id), (SELECT 1)');
SELECT rfmseg.expect('shop', 'customers', 'bad', '$1 > 1');
SELECT rfmseg.expect('shop', 'visits', 'bad', 'true');
SELECT rfmseg.expect('shop', 'customers', 'bad', 'true', 'ignore');
SELECT rfmseg.expect('shop', 'customers', ' ', 'true');
SELECT rfmseg.expect('shop', 'customers', repeat('x', 64), 'true');
SELECT rfmseg.expect('shop', NULL, 'bad', 'true');
SELECT rfmseg.expect('shop', 'customers', NULL, 'true');
SELECT rfmseg.expect('shop', 'customers', 'bad', NULL);
SELECT rfmseg.expect('shop', 'customers', 'bad', 'true', NULL);
SELECT rfmseg.expect('nowhere', 'customers', 'bad', 'true');
SELECT rfmseg.expect(NULL, 'customers', 'bad', 'true');
SELECT count(*) AS changed FROM (TABLE shop_core.expectations EXCEPT TABLE before) AS c;
ALTER FUNCTION today() STABLE;
-- names are data, and a comment in a predicate swallows nothing
SELECT rfmseg.expect('shop', 'customers', $$x'; DROP SCHEMA shop_core CASCADE; --$$, 'age > 20 -- adults', 'drop');
SELECT rfmseg.expect('shop', 'customers', $$"%I" 'today'$$, 'signup_date <= public.today()', 'drop');
SELECT rfmseg.expect('shop', 'transactions', $$x'; DROP SCHEMA shop_core CASCADE; --$$, 'source.total_amount > 6 -- much', 'drop');
SELECT rfmseg.expect('shop', 'customers', 'consent', 'marketing_consent');
CALL rfmseg.refresh('shop');
SELECT * FROM results(true);
SELECT key, expectations FROM shop_core.quarantine ORDER BY 1;
SELECT transaction_id, problem FROM shop_core.transaction_lines WHERE problem IS NOT NULL ORDER BY 1;
SELECT rfmseg.unexpect('shop', dataset, name) FROM shop_core.expectations WHERE NOT is_default AND name ~ 'DROP|today|consent' ORDER BY name;
-- as many as there are bits
DELETE FROM shop_core.expectations WHERE dataset = 'transactions';
INSERT INTO shop_core.expectations SELECT 'transactions', 'rule ' || i, 'customer_id <> ' || i % 3 + 1, 'warn', NULL, true FROM generate_series(1, 61) i;
SELECT rfmseg.expect('shop', 'transactions', 'z', 'total_amount <> 10', 'drop');
SELECT rfmseg.expect('shop', 'transactions', 'zz', 'true');
CALL rfmseg.refresh('shop');
SELECT expectation ~ 'z$' AS last, status, broken, money, count(*) FROM results() WHERE expectation LIKE 'transactions.%' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT * FROM reconciled();
DELETE FROM shop_core.expectations WHERE dataset = 'transactions' AND name < 'z';
-- none at all
SELECT count(rfmseg.unexpect('shop', dataset, name)) FROM shop_core.expectations;
CALL rfmseg.refresh('shop');
SELECT * FROM results();
SELECT * FROM reconciled();
SELECT * FROM rfmseg.replay('shop');
SELECT rfmseg.undeploy('shop', with_data => true);

-- A mapped source: what is not mapped is skipped, the young are told of, and mends are for the source.
CREATE TABLE orders (id int, who text, at date, paid numeric, kind text);
INSERT INTO orders VALUES (1, 'a', '2024-01-01', 5, 'x'), (1, 'a', '2024-01-01', 5, 'x'), (2, 'b', '2024-01-02', -3, 'x'), (3, 'c', '2024-01-05', 9, 'z');
CREATE TABLE people (who text, born int, adult boolean);
INSERT INTO people VALUES ('a', 2010, false), ('b', 1990, true), ('c', NULL, true);
SELECT rfmseg.deploy('shop');
SELECT rfmseg.map_transactions('shop', 'orders', 'who', 'at', 'paid');
SELECT rfmseg.map_customers('shop', 'people', 'who', age => '2024 - born');
SELECT name, action, is_default FROM shop_core.expectations WHERE name = 'age_18_or_over';
CALL rfmseg.refresh('shop');
SELECT * FROM results();
SELECT customer_id, age_bracket, monetary FROM shop.customer_segments ORDER BY 1;
SET client_min_messages = notice;
SELECT rfmseg.expect('shop', 'transactions', 'kind', $$channel <> 'z'$$, 'drop');
SET client_min_messages = warning;
SELECT rfmseg.map_transactions('shop', 'orders', 'who', 'at', 'paid', transaction_id => 'id', channel => 'kind');
CALL rfmseg.refresh('shop');
SELECT * FROM results(true);
SELECT dataset, key, expectations FROM shop_core.quarantine;
UPDATE shop_core.quarantine SET mend = '{"channel": "x"}';
SET client_min_messages = notice;
SELECT * FROM rfmseg.replay('shop');
SET client_min_messages = warning;
UPDATE orders SET kind = 'y' WHERE id = 3;
SELECT * FROM rfmseg.replay('shop');
CALL rfmseg.refresh('shop');
SELECT count(*) FROM shop_core.quarantine;
SELECT customer_id, monetary FROM shop.customer_segments ORDER BY 1;
-- a mapping under which an expectation makes no sense is refused, and names it
SELECT rfmseg.expect('shop', 'transactions', 'positive id', 'transaction_id > 0');
SELECT rfmseg.map_transactions('shop', 'orders', 'who', 'at', 'paid', transaction_id => 'kind');
SELECT source_totals -> 'source' -> 'rows' AS rows FROM rfmseg.summarize_customers(NULL::text, rfmseg._lines_query('shop')) WHERE customer_id IS NULL;
-- who has said drop for the young, has it
SELECT rfmseg.expect('shop', 'customers', 'age_18_or_over', 'age >= 18', 'drop');
SELECT rfmseg.map_customers('shop', 'people', 'who', age => '2024 - born');
SELECT action FROM shop_core.expectations WHERE name = 'age_18_or_over';
CALL rfmseg.refresh('shop');
SELECT customer_id, age_bracket, monetary FROM shop.customer_segments ORDER BY 1;
-- a run that looks back leaves quarantine as it is
DELETE FROM people WHERE who = 'a';
CALL rfmseg.refresh('shop', as_of => '2024-01-03');
SELECT key FROM shop_core.quarantine;
CALL rfmseg.refresh('shop');
SELECT key FROM shop_core.quarantine;
SELECT rfmseg.upgrade_deployment('shop');
SELECT rfmseg.undeploy('shop');
DROP TABLE orders, people, report;

-- summarize_customers by itself: what it is told of lines, and lines with one id.
CREATE VIEW lines AS SELECT * FROM (VALUES
	(1, timestamptz '2024-01-01', 10, 'a'::text, 0::bigint), (1, '2024-01-02', 20, 'a', 1), (1, '2024-01-03', 30, 'b', 4611686018427387906), (2, '2024-01-01', 7, 'a', NULL),
	(NULL, '2024-01-01', 1, 'a', 3), (NULL, '2024-01-01', 1, 'a', 2), (NULL, '2024-01-02', 1, 'a', 2)) AS v (customer_id, transaction_date, total_amount, transaction_id, broken);
SELECT key, value FROM rfmseg.summarize_customers(NULL::int, 'TABLE lines'), jsonb_each(source_totals)
WHERE customer_id IS NULL AND key IN ('source', 'counted', 'guests', 'excluded', 'repeated', 'broken') ORDER BY key;
SELECT key, value FROM rfmseg.summarize_customers(NULL::int, 'TABLE lines', repeated => 'drop'), jsonb_each(source_totals)
WHERE customer_id IS NULL AND key IN ('source', 'counted', 'guests', 'excluded', 'repeated', 'broken') ORDER BY key;
SELECT customer_id, monetary FROM rfmseg.summarize_customers(NULL::int, 'TABLE lines', repeated => 'drop') ORDER BY 1;
-- long ids are the same if all of them is
SELECT source_totals -> 'repeated' -> 'rows' AS repeated FROM rfmseg.summarize_customers(NULL::int,
	'SELECT 1 AS customer_id, timestamptz ''2024-01-01'' AS transaction_date, 1 AS total_amount, repeat(''x'', 100) || i % 5000 AS transaction_id FROM generate_series(1, 7000) i') WHERE customer_id IS NULL;
SELECT rfmseg.summarize_customers(NULL::int, 'TABLE lines', repeated => 'none');
SELECT rfmseg.summarize_customers(NULL::int, 'SELECT 1 AS customer_id, now() AS transaction_date, 1 AS total_amount, -1::bigint AS broken');
SELECT rfmseg.summarize_customers(NULL::int, 'SELECT 1 AS customer_id, now() AS transaction_date, 1 AS total_amount, 1 AS broken');
DROP VIEW lines;
DROP FUNCTION results, reconciled, segmented, differing, quarantined, workers, today;
