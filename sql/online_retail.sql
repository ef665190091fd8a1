-- A deployment over real purchases: the UCI data set "Online Retail".
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
CREATE TABLE online_retail (
	invoice_no text, stock_code text, description text, quantity int,
	invoice_date timestamp, unit_price numeric, customer_id int, country text);
\set copy '\\copy online_retail FROM PROGRAM ''xz -dc "$SHARED_DATA/online_retail.csv.xz"'' WITH (FORMAT csv, HEADER)'
:copy

-- The usual clean-up gives the known figures.
SELECT rfmseg.deploy('clean');
SELECT rfmseg.configure('clean', time_zone => 'Europe/London', currency => 'GBP');
SELECT rfmseg.map_transactions('clean', 'online_retail', 'customer_id', 'invoice_date', 'quantity * unit_price', 'invoice_no',
	filter => $$customer_id IS NOT NULL AND invoice_no NOT LIKE 'C%' AND quantity > 0 AND unit_price > 0$$,
	product_id => 'stock_code', quantity => 'quantity');
CALL rfmseg.refresh('clean');
SELECT count(*), sum(monetary), min(as_of) FROM clean.customer_segments;

-- Every customer has one of the six segments and a reason that begins with it.
SELECT count(*) FILTER (WHERE segment_reason LIKE segment_name || ': %') AS explained, count(DISTINCT segment_name) AS segments FROM clean.customer_segments;
SELECT segment_name, customer_count, total_revenue FROM clean.segment_profiles ORDER BY segment_order;
SELECT r_cuts, f_cuts, m_cuts, empty_scores, cut_drift FROM clean.runs;

-- All that the table says equals what plain SQL says.
CREATE TEMP TABLE plain AS
SELECT customer_id, count(DISTINCT invoice_no) AS frequency, sum(quantity * unit_price) AS monetary,
	date '2011-12-10' - max(invoice_date)::date AS recency_days, count(DISTINCT stock_code) AS products, sum(quantity) AS items,
	round(count(DISTINCT invoice_no) FILTER (WHERE extract(dow FROM invoice_date) IN (0, 6))::numeric / count(DISTINCT invoice_no), 4) AS weekend
FROM online_retail
WHERE customer_id IS NOT NULL AND invoice_no NOT LIKE 'C%' AND quantity > 0 AND unit_price > 0
GROUP BY customer_id;
SELECT count(*) AS customers, count(*) FILTER (WHERE (c.frequency, c.monetary, c.recency_days, c.unique_products_purchased, c.weekend_shopping_rate)
	IS DISTINCT FROM (p.frequency, p.monetary, p.recency_days, p.products, p.weekend)) AS different
FROM clean.customer_segments c FULL JOIN plain p USING (customer_id);
SELECT count(*) FILTER (WHERE total_items_purchased IS DISTINCT FROM items) AS different FROM clean.customer_summary FULL JOIN plain USING (customer_id);

-- The rhythm of buying too: the median gap between days with purchases.
WITH gap AS (
	SELECT customer_id, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS days
	FROM (SELECT DISTINCT customer_id, invoice_date::date AS day FROM online_retail
		WHERE customer_id IS NOT NULL AND invoice_no NOT LIKE 'C%' AND quantity > 0 AND unit_price > 0) d
)
SELECT count(c.median_gap_days) AS with_gap, count(*) FILTER (WHERE c.median_gap_days IS DISTINCT FROM g.median::numeric) AS different,
	count(*) FILTER (WHERE c.days_overdue IS DISTINCT FROM CASE WHEN c.recency_days > g.median THEN c.recency_days - g.median::numeric WHEN g.median IS NOT NULL THEN 0 END) AS otherwise_overdue
FROM clean.customer_segments c LEFT JOIN (
	SELECT customer_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY days) / 2.0 + (SELECT d FROM unnest(array_agg(days ORDER BY days)) WITH ORDINALITY u (d, n) WHERE n = count(days) / 2 + 1) / 2.0 AS median
	FROM gap WHERE days IS NOT NULL GROUP BY customer_id) g USING (customer_id);

-- So do its scores, with percentile_cont and right-closed intervals.
WITH cuts AS (
	SELECT percentile_cont('{.25,.5,.75}'::float8[]) WITHIN GROUP (ORDER BY recency_days) AS r,
		percentile_cont('{.25,.5,.75}'::float8[]) WITHIN GROUP (ORDER BY frequency) AS f,
		percentile_cont('{.25,.5,.75}'::float8[]) WITHIN GROUP (ORDER BY monetary::float8) AS m
	FROM plain
), scored AS (
	SELECT customer_id,
		CASE WHEN recency_days <= r[1] THEN 4 WHEN recency_days <= r[2] THEN 3 WHEN recency_days <= r[3] THEN 2 ELSE 1 END AS r,
		CASE WHEN frequency > f[3] THEN 4 WHEN frequency > f[2] THEN 3 WHEN frequency > f[1] THEN 2 ELSE 1 END AS f,
		CASE WHEN monetary > m[3] THEN 4 WHEN monetary > m[2] THEN 3 WHEN monetary > m[1] THEN 2 ELSE 1 END AS m
	FROM plain, cuts
)
SELECT count(*) FILTER (WHERE rfm_code IS DISTINCT FROM format('%s-%s-%s', r, f, m)) AS different FROM clean.customer_segments FULL JOIN scored USING (customer_id);

-- As time passes without purchases customers move down under frozen cuts, until recut.
CALL rfmseg.refresh('clean', as_of => '2012-03-10');
CALL rfmseg.refresh('clean', as_of => '2012-06-10');
SELECT as_of::date, json_object_agg(segment_name, customer_count ORDER BY segment_order) FROM clean.segment_trend GROUP BY as_of ORDER BY as_of;
SELECT rfmseg.recut('clean');
CALL rfmseg.refresh('clean', as_of => '2012-06-10');
SELECT as_of::date, json_object_agg(segment_name, customer_count ORDER BY segment_order) FROM clean.segment_trend GROUP BY as_of ORDER BY as_of;

-- With cuts anew each time the shares stay.
SELECT rfmseg.configure('clean', cut_mode => 'refresh');
CALL rfmseg.refresh('clean', as_of => '2013-06-10');
SELECT json_object_agg(segment_name, customer_count ORDER BY segment_order) FROM clean.customer_distribution;

-- Unfiltered, cancellations are returns, guests are unattributed, and every penny is accounted for.
SELECT rfmseg.deploy('whole');
SELECT rfmseg.configure('whole', time_zone => 'Europe/London', currency => 'GBP');
SELECT rfmseg.map_transactions('whole', 'online_retail', 'customer_id', 'invoice_date', 'quantity * unit_price', 'invoice_no',
	is_return => $$invoice_no LIKE 'C%'$$);
CALL rfmseg.refresh('whole');
SELECT check_name, amount, row_count FROM whole.data_quality ORDER BY check_order;
SELECT sum(quantity * unit_price) FROM online_retail;

-- A return moves neither recency nor frequency.
SELECT count(*) AS customers, count(*) FILTER (WHERE c.frequency <> coalesce(p.frequency, 0) OR c.recency_days <> p.recency_days) AS different
FROM whole.customer_segments c LEFT JOIN (
	SELECT customer_id, count(DISTINCT invoice_no) AS frequency, date '2011-12-10' - max(invoice_date)::date AS recency_days
	FROM online_retail WHERE invoice_no NOT LIKE 'C%' GROUP BY customer_id) p USING (customer_id);

-- Mapped without order_id a purchase is a local day.
SET client_min_messages = notice;
SELECT rfmseg.map_transactions('whole', 'online_retail', 'customer_id', 'invoice_date', 'quantity * unit_price',
	filter => $$customer_id IS NOT NULL AND invoice_no NOT LIKE 'C%' AND quantity > 0 AND unit_price > 0$$);
SET client_min_messages = warning;
CALL rfmseg.refresh('whole');
SELECT count(*) FILTER (WHERE c.frequency <> p.frequency) AS different
FROM whole.customer_segments c JOIN (
	SELECT customer_id, count(DISTINCT invoice_date::date) AS frequency
	FROM online_retail WHERE customer_id IS NOT NULL AND invoice_no NOT LIKE 'C%' AND quantity > 0 AND unit_price > 0 GROUP BY customer_id) p USING (customer_id);

-- The migration path: the accelerator's rules, and what they do to good customers.
SELECT rfmseg.configure('clean', ruleset => 'accelerator');
CALL rfmseg.refresh('clean', as_of => '2013-06-10');
SELECT segment_name, customer_count FROM clean.segment_profiles ORDER BY segment_order;
SELECT count(*) AS best_recency_but_churned FROM clean.customer_segments WHERE r_score = 4 AND segment_name = 'Churned';

SELECT rfmseg.undeploy(deployment) FROM rfmseg.deployments();
DROP TABLE online_retail;
