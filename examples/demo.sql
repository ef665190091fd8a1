-- A shop that never was: makes up 1,000 customers and two years of their
-- purchases, segments and clusters them, and shows what there is to see.
--
-- usage: psql -f examples/demo.sql

\set QUIET on
\set ON_ERROR_STOP on
\pset footer off

CREATE EXTENSION IF NOT EXISTS rfmseg;

\echo Deploy, generate, refresh, train, refresh:
CALL rfmseg.demo('shop', customers => 1000, seed => 42);

\echo
\echo Segments:
SELECT segment_name, customer_count, segment_percentage AS "customers %", total_revenue, revenue_percentage AS "revenue %",
	avg_days_since_purchase AS "days since", avg_transaction_frequency AS purchases, avg_order_value AS "order value"
FROM shop.segment_profiles ORDER BY segment_order;

\echo Who they are, and what they like:
SELECT segment_name, most_common_age, preferred_channel, top_category
FROM shop.segment_profiles ORDER BY segment_order;

\echo Why a customer is where they are:
SELECT customer_id, segment_reason
FROM (SELECT DISTINCT ON (segment_order) * FROM shop.customer_segments ORDER BY segment_order, customer_id) AS one_each;

\echo Clusters, which k-means finds without being told of segments:
SELECT cluster_name, size, customer_percentage AS "customers %", revenue_percentage AS "revenue %",
	median_recency_days AS "days since", median_frequency AS purchases, median_monetary AS spent, most_common_segment
FROM shop.cluster_profiles ORDER BY cluster_id;

\echo What they are expected to spend in the next 12 months, beside what they have spent a year so far:
SELECT segment_name, avg_p_alive AS "P(alive)", avg_clv_12m AS "mean value", median_clv_12m AS median, total_clv_12m AS total, naive_annual_value AS "so far a year"
FROM shop.lifetime_value ORDER BY segment_order;

\echo Whether to believe that: the last eight months, foretold from those before, days with purchases:
SELECT breakdown, class, customers, observed_purchases AS observed, expected_purchases AS expected, naive_purchases AS naive,
	error_percent AS "error %", naive_error_percent AS "naive error %", mean_absolute_error AS "mean error", naive_mean_absolute_error AS "naive mean error"
FROM rfmseg.holdout('shop') WHERE breakdown <> 'decile';

\echo The truth, which only made-up data can tell: who would still buy, and what most of them are:
SELECT segment_name, count(*) AS customers, round(100.0 * count(*) FILTER (WHERE is_active) / count(*), 1) AS "active %",
	mode() WITHIN GROUP (ORDER BY archetype) AS most_of_them
FROM shop.customer_segments JOIN shop_raw.ground_truth USING (customer_id)
GROUP BY segment_order, segment_name ORDER BY segment_order;

\echo The past, month by month, measured as today is: customers of each segment
SET client_min_messages = warning;
CALL rfmseg.backfill('shop', '2024-04-01');
RESET client_min_messages;
SELECT as_of::date, string_agg(customer_count::text, ' / ' ORDER BY segment_order) AS "Champions / Loyal / Regular / New / At Risk / Churned"
FROM shop.segment_trend WHERE extract(month FROM as_of) IN (1, 4, 7, 10) GROUP BY as_of ORDER BY as_of;

\echo To look further, in psql with a database of your own (or with LOOK=yes make demo, in this one):
\echo '  CREATE EXTENSION rfmseg; CALL rfmseg.demo(''shop'');'
\echo '  \\d+ shop.*                                          what is published'
\echo '  SELECT * FROM shop.customer_segments LIMIT 20;      customers, each with the reason'
\echo '  SELECT * FROM shop.data_quality;                    every row and cent of the source'
\echo '  SELECT * FROM shop_raw.transactions LIMIT 20;       what was made up'
\echo '  SELECT rfmseg.undeploy(''shop'', with_data => true);  removes it'
