-- Mappings: the user's own tables under the names of the landing tables.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TIME ZONE 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;

-- A table and columns whose names need quotes are given by their plain names.
CREATE SCHEMA "odd schema";
CREATE TABLE "odd schema"."we""ird table" (
	"Customer No" uuid, "when?" timestamp, "a+b" numeric, invoice text, "user" text, qty int, price numeric);
INSERT INTO "odd schema"."we""ird table" VALUES
	('00000000-0000-0000-0000-00000000000a', '2024-03-31 00:30', 10.50, 'i1', 'web', 1, 10.50),
	('00000000-0000-0000-0000-00000000000a', '2024-03-31 00:31', 5.00, 'i1', 'web', 2, 2.50),
	('00000000-0000-0000-0000-00000000000b', '2024-05-01 12:00', 20.00, 'i2', 'shop', 1, 20),
	('00000000-0000-0000-0000-00000000000b', '2024-05-03 12:00', -5.00, 'i3', 'shop', 1, -5),
	(NULL, '2024-05-02 12:00', 7.77, 'i4', 'web', 1, 7.77);
SELECT rfmseg.deploy('odd');
SELECT rfmseg.map_transactions('odd', source => '"odd schema"."we""ird table"', customer_id => 'Customer No',
	event_at => 'when?', amount => 'a+b', order_id => 'invoice', channel => 'user');
SELECT customer_id, transaction_date, total_amount, order_id, channel, is_return, product_id, currency FROM odd_raw.transactions ORDER BY order_id, total_amount;
SELECT argument, expression FROM odd_core.mappings ORDER BY 1;

-- An expression serves as well; what is missing stays NULL, and the key keeps its type.
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', '"Customer No"::text', '"when?"', 'qty * price', 'invoice');
SELECT customer_id, pg_typeof(customer_id), total_amount FROM odd_core.transactions ORDER BY transaction_date LIMIT 1;

-- Times without a zone are read in the deployment's, also when that changes later.
SELECT rfmseg.configure('odd', time_zone => 'Europe/London');
SELECT transaction_date, transaction_day FROM odd_core.transactions WHERE order_id = 'i2';
SELECT rfmseg.configure('odd', time_zone => 'Pacific/Kiritimati');
SELECT transaction_date, transaction_day FROM odd_core.transactions WHERE order_id = 'i2';

-- What the mapping looks like, before anything is computed.
SELECT * FROM rfmseg.check_mapping('odd');

-- Every kind of wrong mapping is its own error, and changes nothing.
SELECT rfmseg.map_transactions('nope', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty');
SELECT rfmseg.map_transactions('odd', 'no_such_table', 'qty', '"when?"', 'qty');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'customer', '"when?"', 'qty');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty +');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'no_function(qty)');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'invoice');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', 'qty', 'qty');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'to_json(qty)', '"when?"', 'qty');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty', is_return => 'qty');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty', filter => 'qty');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty', fx_rate => 'invoice');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', NULL, '"when?"', 'qty');
SELECT rfmseg.map_transactions('odd', NULL, 'qty', '"when?"', 'qty');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'sum(qty)');
SELECT rfmseg.map_customers('odd', '"odd schema"."we""ird table"', '"Customer No"', age => 'invoice');

CREATE TEMP TABLE passing (c int, at date, amount int);
SELECT rfmseg.map_transactions('odd', 'passing', 'c', 'at', 'amount');
SELECT rfmseg.map_transactions('odd', 'odd_raw.transactions', 'customer_id', 'transaction_date', 'total_amount');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty) + (price');

-- An expression is one expression: it cannot end the statement or widen it.
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty); DROP TABLE odd_core.settings --');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty), (price');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty) FROM pg_authid WHERE (true');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty) UNION SELECT (1');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', '');
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', 'qty', '"when?"', 'qty -- a comment is harmless');
SELECT total_amount FROM odd_raw.transactions ORDER BY 1;

-- An expression that fails on some row only says so when the rows are read.
SELECT rfmseg.map_transactions('odd', '"odd schema"."we""ird table"', '"Customer No"', '"when?"', '100 / (qty - 1)');
SELECT check_name FROM rfmseg.check_mapping('odd');

-- filter, is_return and fx_rate.
CREATE TABLE sales (customer text, at date, amount float8, kind text, currency text, rate numeric);
INSERT INTO sales VALUES
	('a', '2024-01-01', 10, 'sale', 'EUR', 2), ('a', '2024-01-02', 4, 'refund', 'EUR', 2),
	('b', '2024-01-03', 30, 'sale', 'USD', 1), ('b', '2024-01-04', -1, 'sale', 'USD', 1), ('c', '2024-01-05', 99, 'test', 'EUR', 2);
SELECT rfmseg.deploy('fx');
SELECT rfmseg.map_transactions('fx', 'sales', 'customer', 'at', 'amount', filter => $$kind <> 'test'$$,
	is_return => $$kind = 'refund'$$, currency => 'currency', fx_rate => 'rate', discount_amount => '1');
SELECT customer_id, transaction_day, total_amount, discount_amount, is_return, currency, problem FROM fx_core.transaction_lines ORDER BY 2;

-- Mixed currencies without a rate, or rows whose rate is not known, are refused.
SELECT rfmseg.map_transactions('fx', 'sales', 'customer', 'at', 'amount', currency => 'currency');
CALL rfmseg.refresh('fx');
SELECT rfmseg.map_transactions('fx', 'sales', 'customer', 'at', 'amount', currency => 'currency', fx_rate => $$CASE currency WHEN 'USD' THEN 1 END$$);
CALL rfmseg.refresh('fx');

SELECT rfmseg.map_transactions('fx', 'sales', 'customer', 'at', 'amount', fx_rate => 'NULL::numeric');
CALL rfmseg.refresh('fx');

-- What is in the deployment's currency needs no rate: nothing is lost where it has none.
SELECT rfmseg.map_transactions('fx', 'sales', 'customer', 'at', 'amount', currency => 'currency', fx_rate => $$CASE currency WHEN 'EUR' THEN 1.1 END$$);
SELECT customer_id, sum(total_amount), min(currency), max(currency) FROM fx_core.transaction_lines GROUP BY 1 ORDER BY 1;

-- One currency that is not the configured one is what the segments are in.
SELECT rfmseg.map_transactions('fx', 'sales', 'customer', 'at', 'amount', currency => 'currency', filter => $$currency = 'EUR'$$);
CALL rfmseg.refresh('fx');
SELECT customer_id, monetary, currency FROM fx.customer_segments ORDER BY 1;

-- Rows in a landing table are not thrown away for a mapping.
SELECT rfmseg.deploy('landed');
INSERT INTO landed_raw.transactions (customer_id, transaction_date, total_amount) VALUES (1, '2024-01-01', 10);
SELECT rfmseg.map_transactions('landed', 'sales', 'customer', 'at', 'amount');

-- Customers and products: demographics and categories join by key, whatever its type;
-- duplicates and strangers do no harm.
CREATE TABLE people (id varchar(8), born int, sex text, joined timestamptz);
INSERT INTO people VALUES ('a', 1990, 'f', '2020-01-01'), ('a', 1990, 'f', '2021-01-01'), ('z', 1950, 'm', NULL);
CREATE TABLE goods (sku int, kind text, price numeric);
INSERT INTO goods VALUES (1, 'Books', 5), (1, 'Books', 6), (2, 'Toys', 0);
SELECT rfmseg.deploy('joined');
SELECT rfmseg.map_transactions('joined', 'sales', 'customer', 'at', 'amount', product_id => $$CASE customer WHEN 'a' THEN '1' ELSE '2' END$$);
SELECT rfmseg.map_customers('joined', 'people', 'id', age => '2024 - born', gender => 'sex', signup_date => 'joined');
SELECT rfmseg.map_products('joined', 'goods', 'sku', category => 'kind', price => 'price');
CALL rfmseg.refresh('joined');
SELECT customer_id, age_bracket, gender, frequency, monetary, unique_products_purchased AS products, unique_categories_purchased AS categories,
	top_category, top_category_share, category_shares
FROM joined.customer_segments ORDER BY 1;

-- A source may be renamed, and is not taken for another of its old name; the length and the
-- collation of a column are not part of its type.
ALTER TABLE sales RENAME TO sales_now;
CREATE TABLE sales (customer text COLLATE "C", at date, amount numeric);
SELECT rfmseg.configure('joined', time_zone => 'Asia/Tokyo');
SELECT count(*) FROM joined_raw.transactions;
SELECT rfmseg.map_transactions('joined', 'sales', 'customer', 'at', 'amount', category => 'customer');
INSERT INTO sales VALUES ('a', '2024-01-01', 1);
CALL rfmseg.refresh('joined', as_of => '2025-01-01');
SELECT customer_id, age_bracket, top_category FROM joined.customer_segments;

-- A key of fixed length keeps all of it.
CREATE TABLE fixed (cust char(8), bits bit(8), at date, amount int);
INSERT INTO fixed SELECT 'C' || i, i::bit(8), '2024-01-01', 1 FROM generate_series(1, 40) i;
SELECT rfmseg.deploy('fixed');
SELECT rfmseg.map_transactions('fixed', 'fixed', 'cust', 'at', 'amount', order_id => 'bits');
SELECT count(DISTINCT customer_id), count(DISTINCT order_id), max(length(customer_id)), max(length(order_id)) FROM fixed_raw.transactions;
CALL rfmseg.refresh('fixed');
SELECT count(*) FROM fixed.customer_segments;

-- A source that was dropped is said to be, and can be mapped again.
DROP TABLE fixed CASCADE;
SELECT rfmseg.configure('fixed', time_zone => 'Asia/Tokyo');
CREATE TABLE fixed (cust char(4), at date, amount int);
INSERT INTO fixed VALUES ('C1', '2024-01-01', 1);
SELECT rfmseg.map_transactions('fixed', 'fixed', 'cust', 'at', 'amount');
CALL rfmseg.refresh('fixed');
SELECT customer_id FROM fixed.customer_segments;

-- The type of the customer key is that of the first refresh.
SELECT rfmseg.map_transactions('joined', 'sales', 'length(customer)', 'at', 'amount');
SELECT pg_typeof(customer_id) FROM joined_raw.transactions LIMIT 1;

SELECT rfmseg.undeploy(deployment, with_data => true) FROM rfmseg.deployments();
DROP TABLE sales, sales_now, people, goods, fixed;
DROP SCHEMA "odd schema" CASCADE;
