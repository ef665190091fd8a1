-- Segments twelve customers of a small shop: forty orders, a refund and a guest.
-- Small enough to check every number by hand.
--
-- usage: psql -f examples/quickstart.sql

\set QUIET on
\set ON_ERROR_STOP on
\pset footer off

CREATE EXTENSION IF NOT EXISTS rfmseg;

CREATE TABLE orders (
	order_no int,
	customer_id int,
	ordered_at timestamp,
	amount numeric
);
INSERT INTO orders VALUES
	-- 101 and 102 buy often, spend much and were here last week
	( 1, 101, '2025-01-09 10:12', 120.00), ( 2, 101, '2025-02-06 18:40', 95.50), ( 3, 101, '2025-03-04 09:05', 130.00),
	( 4, 101, '2025-04-02 12:30',  88.00), ( 5, 101, '2025-05-01 17:20', 142.90), ( 6, 101, '2025-05-29 11:00', 110.00),
	( 7, 101, '2025-06-26 16:45',  99.00),
	( 8, 102, '2025-01-20 14:00', 150.00), ( 9, 102, '2025-02-27 10:30', 80.00), (10, 102, '2025-04-08 19:15', 125.00),
	(11, 102, '2025-05-06 08:50',  60.00), (12, 102, '2025-06-03 13:25', 175.00), (13, 102, '2025-06-29 20:10', 90.00),
	-- 103 and 106 came for the first time
	(14, 103, '2025-06-28 15:30',  45.00),
	(15, 106, '2025-06-14 11:40',  72.00),
	-- 104 and 105 are steady customers, the one for more than the other
	(16, 104, '2025-01-15 10:00',  85.00), (17, 104, '2025-02-19 12:10', 90.00), (18, 104, '2025-03-26 18:30', 65.00),
	(19, 104, '2025-05-07 09:45',  80.00), (20, 104, '2025-06-18 17:05', 100.00),
	(21, 105, '2025-02-03 16:00',  30.00), (22, 105, '2025-03-17 11:20', 42.50), (23, 105, '2025-05-05 10:10', 25.00),
	(24, 105, '2025-06-10 14:35',  38.00),
	-- 107 was steady too, until April
	(25, 107, '2024-11-11 09:30',  70.00), (26, 107, '2024-12-16 18:00', 110.00), (27, 107, '2025-01-27 12:45', 60.00),
	(28, 107, '2025-03-03 15:15',  85.00), (29, 107, '2025-04-14 10:55', 75.00),
	-- 108 buys little, 109 bought once
	(30, 108, '2025-02-24 13:00',  35.00), (31, 108, '2025-05-12 17:40', 28.00),
	(32, 109, '2025-04-22 20:20',  64.00),
	-- 110 spent much and has been gone since January, 111 and 112 never bought much
	(33, 110, '2024-07-08 11:10', 210.00), (34, 110, '2024-09-02 10:40', 180.00), (35, 110, '2024-10-14 19:30', 95.00),
	(36, 110, '2024-11-29 09:20', 260.00), (37, 110, '2025-01-06 16:50', 140.00),
	(38, 111, '2024-08-19 12:00',  22.00),
	(39, 112, '2024-10-28 15:45',  40.00), (40, 112, '2024-12-09 11:35', 31.00),
	-- 101 sent something back, and a guest left no name
	( 7, 101, '2025-06-27 09:30', -24.00),
	(41, NULL, '2025-06-21 13:15', 55.00);

SELECT rfmseg.deploy('shop') \g /dev/null
SELECT rfmseg.configure('shop', time_zone => 'Europe/London', currency => 'GBP') \g /dev/null

SELECT rfmseg.map_transactions('shop',
	source      => 'orders',
	customer_id => 'customer_id',
	event_at    => 'ordered_at',
	amount      => 'amount',
	order_id    => 'order_no') \g /dev/null

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
