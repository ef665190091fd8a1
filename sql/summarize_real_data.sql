-- summarize_customers() over real purchases: the same as plain SQL says, digit by digit.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TIME ZONE 'UTC';
\getenv shared SHARED_DATA
\if :{?shared}
\else
\echo skipped: no SHARED_DATA with the real data sets
\quit
\endif
CREATE EXTENSION IF NOT EXISTS rfmseg;
CREATE SCHEMA summarize_real_data;
SET search_path = summarize_real_data, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set simple_path :abs_srcdir '/test/simple_path.sql'
\i :simple_path

-- UCI Online Retail, unfiltered: guests, returns, undeclared negatives, many lines an order
CREATE TABLE online_retail (
	invoice_no text, stock_code text, description text, quantity int,
	invoice_date timestamp, unit_price numeric, customer_id int, country text);
\set copy '\\copy online_retail FROM PROGRAM ''xz -dc "$SHARED_DATA/online_retail.csv.xz"'' WITH (FORMAT csv, HEADER)'
:copy
CREATE VIEW retail_lines AS
SELECT customer_id, invoice_date AT TIME ZONE 'Europe/London' AS transaction_date, quantity * unit_price AS total_amount, invoice_no AS order_id,
	stock_code AS product_id, country AS category, quantity::numeric AS quantity, NULL::numeric AS discount_amount, invoice_no LIKE 'C%' AS is_return, 'GBP'::text AS currency
FROM online_retail;
SELECT l AS lookback, r AS returns, d.* FROM unnest('{NULL,90 days}'::interval[]) l, unnest('{net,drop}'::text[]) r,
	LATERAL differences(NULL::int, 'retail_lines', '2011-12-10 00:00 Europe/London', 'Europe/London', l, r) d;
SET work_mem = '64kB';
SELECT d.* FROM differences(NULL::int, 'retail_lines', '2011-12-10 00:00 Europe/London', 'Europe/London', NULL, 'net') d;
RESET work_mem;

-- the CDNOW sample, as a purchase a day
CREATE TABLE cdnow (master_id int, customer_id int, order_date date, cds int, dollars numeric);
\set copy '\\copy cdnow FROM PROGRAM ''gzip -dc "$SHARED_DATA/cdnow_sample.csv.gz"'' WITH (FORMAT csv, HEADER)'
:copy
CREATE VIEW cdnow_lines AS
SELECT customer_id, order_date::timestamp AT TIME ZONE 'UTC' AS transaction_date, dollars AS total_amount, NULL::text AS order_id,
	NULL::text AS product_id, NULL::text AS category, cds::numeric AS quantity, NULL::numeric AS discount_amount, NULL::boolean AS is_return, NULL::text AS currency
FROM cdnow;
SELECT l AS lookback, d.* FROM unnest('{NULL,6 months}'::interval[]) l,
	LATERAL differences(NULL::int, 'cdnow_lines', '1998-07-01 00:00 UTC', 'UTC', l, 'net') d;
DROP SCHEMA summarize_real_data CASCADE;
