-- Segments the customers of a real shop: the UCI data set "Online Retail", a UK
-- gift-ware retailer, December 2010 to December 2011.
-- Chen, Sain & Guo (2012), doi:10.1057/dbm.2012.17; data doi:10.24432/C5BW33, CC BY 4.0.
--
-- usage: psql -v data=online_retail.csv -f examples/online_retail.sql
-- The file's columns are those of the table below.

\set QUIET on
\set ON_ERROR_STOP on
\pset footer off

CREATE EXTENSION IF NOT EXISTS rfmseg;

CREATE TABLE online_retail (
	invoice_no text,
	stock_code text,
	description text,
	quantity int,
	invoice_date timestamp,
	unit_price numeric,
	customer_id int,
	country text
);
\set copy '\\copy online_retail FROM ' :'data' ' WITH (FORMAT csv, HEADER)'
:copy

SELECT rfmseg.deploy('shop') \g /dev/null
SELECT rfmseg.configure('shop', time_zone => 'Europe/London', currency => 'GBP') \g /dev/null

-- Invoices that begin with C are cancellations.
SELECT rfmseg.map_transactions('shop',
	source      => 'online_retail',
	customer_id => 'customer_id',
	event_at    => 'invoice_date',
	amount      => 'quantity * unit_price',
	order_id    => 'invoice_no',
	is_return   => $$invoice_no LIKE 'C%'$$,
	product_id  => 'stock_code',
	quantity    => 'quantity') \g /dev/null

\echo
\echo What the mapping gives:
SELECT check_name, value, note FROM rfmseg.check_mapping('shop');

\echo The refresh, step by step:
CALL rfmseg.refresh('shop');

\echo
\echo Segments:
SELECT segment_name, customer_count, segment_percentage AS "customers %", total_revenue, revenue_percentage AS "revenue %",
	avg_days_since_purchase AS "days since", avg_transaction_frequency AS purchases, avg_order_value AS "order value"
FROM shop.segment_profiles ORDER BY segment_order;

\echo Why a customer is where they are:
SELECT customer_id, segment_reason
FROM (SELECT DISTINCT ON (segment_order) * FROM shop.customer_segments ORDER BY segment_order, customer_id) AS one_each;

\echo Every penny of the source:
SELECT check_name, amount, currency, row_count, note FROM shop.data_quality ORDER BY check_order;
