--
-- Published figures of real purchases
--
-- The data sets are found by the environment variable SHARED_DATA, the folder
-- that holds them.
\getenv shared_data SHARED_DATA
\if :{?shared_data}
\else
\echo 'skipped: SHARED_DATA names no folder of real data'
\quit
\endif
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
CREATE SCHEMA real_data_test;
SET search_path = real_data_test, pg_catalog;

--
-- rfm_orders: the data of the R package rfm
--
-- every row is an order, also where a customer has two on a day: so it gets a number for its key
CREATE TABLE orders (customer_id text, order_date date, revenue numeric);
\set load '\\copy orders FROM PROGRAM ''gzip -dc "' :shared_data '/rfm_orders.csv.gz"'' WITH (FORMAT csv, HEADER)'
:load
ALTER TABLE orders ADD order_id int GENERATED ALWAYS AS IDENTITY;
SELECT count(*) AS orders, count(DISTINCT customer_id) AS customers, sum(revenue) AS revenue FROM orders;
CREATE TABLE order_metrics AS
SELECT customer_id, (m).* FROM (
	SELECT customer_id, rfmseg.rfm(order_date::timestamp AT TIME ZONE 'UTC', revenue, '2006-12-31 00:00 UTC', order_id::text) AS m
	FROM orders GROUP BY customer_id) g;
-- days, purchases and money are what SQL says of all 995 customers
SELECT count(*) AS customers, sum(monetary) AS revenue, count(*) FILTER (WHERE (recency_days, frequency, monetary) IS DISTINCT FROM
	(SELECT (date '2006-12-31' - max(order_date), count(*), sum(revenue)) FROM orders o WHERE o.customer_id = m.customer_id)) AS different
FROM order_metrics m;
-- the quintiles
CREATE TABLE order_cuts AS
SELECT rfmseg.cut_points(recency_days, 5) AS r, rfmseg.cut_points(frequency, 5) AS f, rfmseg.cut_points(monetary::float8, 5) AS m FROM order_metrics;
SELECT * FROM order_cuts;
SELECT r = percentile_cont('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY recency_days) AS r,
	f = percentile_cont('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY frequency) AS f,
	m = percentile_cont('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY monetary::float8) AS m
FROM order_metrics, order_cuts c (r, f, m) GROUP BY r, f, m;
-- customers with each score, intervals closed on the right
SELECT score, count(*) FILTER (WHERE score = rfmseg.score(recency_days, r, false)) AS r,
	count(*) FILTER (WHERE score = rfmseg.score(frequency, f)) AS f, count(*) FILTER (WHERE score = rfmseg.score(monetary::float8, m)) AS m
FROM order_metrics, order_cuts c (r, f, m), generate_series(1, 5) score GROUP BY score ORDER BY score;
-- the R package adds 1 to each cut, and closes intervals on the left
SELECT score, count(*) FILTER (WHERE score = rfmseg.score(recency_days, r, false, 'left')) AS r,
	count(*) FILTER (WHERE score = rfmseg.score(frequency, f, true, 'left')) AS f,
	count(*) FILTER (WHERE score = rfmseg.score(monetary::float8, m, true, 'left')) AS m
FROM order_metrics, generate_series(1, 5) score,
	(SELECT array_agg(c.r + 1 ORDER BY c.r) AS r, array_agg(c.f + 1 ORDER BY c.f) AS f, array_agg(c.m + 1 ORDER BY c.m) AS m
	 FROM order_cuts o, unnest(o.r, o.f, o.m) c (r, f, m)) cuts
GROUP BY score ORDER BY score;

--
-- CDNOW: the purchase histories behind the published BTYD models
--
CREATE TABLE cdnow (master_id int, customer_id int, order_date date, cds int, dollars numeric);
CREATE TABLE cdnow_summary (customer_id int, x int, t_x numeric, t numeric, zbar numeric);
\set load '\\copy cdnow FROM PROGRAM ''gzip -dc "' :shared_data '/cdnow_sample.csv.gz"'' WITH (FORMAT csv, HEADER)'
:load
\set load '\\copy cdnow_summary FROM PROGRAM ''gzip -dc "' :shared_data '/cdnow_summary.csv.gz"'' WITH (FORMAT csv, HEADER)'
:load
SELECT count(*) AS orders, count(DISTINCT customer_id) AS customers, sum(dollars) AS dollars FROM cdnow;
-- x, t_x, T and the mean value of the repeat days are those of the published summary, to its two decimals; in weeks, calibrated to 1997-09-30
CREATE TABLE cdnow_metrics AS
SELECT customer_id, (m).* FROM (
	SELECT customer_id, rfmseg.rfm(order_date::timestamp AT TIME ZONE 'UTC', dollars, '1997-09-30 00:00 UTC') AS m
	FROM cdnow GROUP BY customer_id) g;
SELECT count(*) AS customers, count(*) FILTER (WHERE s.x <> m.frequency_repeat) AS other_x,
	count(*) FILTER (WHERE s.t_x <> round((m.recency_btyd / 7)::numeric, 2)) AS other_t_x,
	count(*) FILTER (WHERE s.t <> round((m.t_age / 7)::numeric, 2)) AS other_t,
	count(*) FILTER (WHERE s.zbar <> round(m.monetary_value::numeric, 2)) AS other_zbar
FROM cdnow_summary s JOIN cdnow_metrics m USING (customer_id);
SELECT count(*) AS customers, count(*) FILTER (WHERE frequency_repeat > 0) AS with_repeats, sum(frequency_repeat) AS repeats FROM cdnow_metrics;
-- the same with each row an order by itself: purchases of one day are one repeat
SELECT count(*) AS customers, count(*) FILTER (WHERE (m).frequency > d.frequency) AS with_two_orders_a_day,
	count(*) FILTER (WHERE ((m).frequency_repeat, (m).recency_btyd, (m).t_age, (m).monetary_value, (m).monetary)
		IS DISTINCT FROM (d.frequency_repeat, d.recency_btyd, d.t_age, d.monetary_value, d.monetary)) AS different
FROM (SELECT customer_id, rfmseg.rfm(order_date::timestamp AT TIME ZONE 'UTC', dollars, '1997-09-30 00:00 UTC', number::text) AS m
	FROM (SELECT *, row_number() OVER () AS number FROM cdnow) n GROUP BY customer_id) o
JOIN cdnow_metrics d USING (customer_id);

-- the models in weeks: BG/NBD of Fader, Hardie & Lee (2005), Pareto/NBD of R's BTYD, Gamma-Gamma of Fader & Hardie (2013)
CREATE TABLE cdnow_models AS
SELECT rfmseg.bgnbd_fit(x, t_x::float8, t::float8) AS bgnbd, rfmseg.mbgnbd_fit(x, t_x::float8, t::float8) AS mbgnbd, rfmseg.pnbd_fit(x, t_x::float8, t::float8) AS pnbd, rfmseg.gamma_gamma_fit(x, zbar::float8) AS gamma_gamma
FROM cdnow_summary;
SELECT 'BG/NBD' AS model, (bgnbd).converged, (bgnbd).n, round((bgnbd).r::numeric, 6) AS p1, round((bgnbd).alpha::numeric, 6) AS p2, round((bgnbd).a::numeric, 6) AS p3, round((bgnbd).b::numeric, 6) AS p4,
	round((bgnbd).log_likelihood::numeric, 6) AS log_likelihood FROM cdnow_models
UNION ALL SELECT 'MBG/NBD', (mbgnbd).converged, (mbgnbd).n, round((mbgnbd).r::numeric, 6), round((mbgnbd).alpha::numeric, 6), round((mbgnbd).a::numeric, 6), round((mbgnbd).b::numeric, 6), round((mbgnbd).log_likelihood::numeric, 6) FROM cdnow_models
UNION ALL SELECT 'Pareto/NBD', (pnbd).converged, (pnbd).n, round((pnbd).r::numeric, 6), round((pnbd).alpha::numeric, 6), round((pnbd).s::numeric, 6), round((pnbd).beta::numeric, 6), round((pnbd).log_likelihood::numeric, 6) FROM cdnow_models
UNION ALL SELECT 'Gamma-Gamma', (gamma_gamma).converged, (gamma_gamma).n, round((gamma_gamma).p::numeric, 6), round((gamma_gamma).q::numeric, 6), round((gamma_gamma).v::numeric, 6), NULL, round((gamma_gamma).log_likelihood::numeric, 6) FROM cdnow_models;
SELECT array_agg(round(e::numeric, 6)) AS standard_errors FROM cdnow_models, unnest((bgnbd).standard_errors) e;
-- 1.226 purchases in 39 weeks and 25.46 in 52 are published
SELECT round(rfmseg.expected_purchases(bgnbd, 2, 30.43, 38.86, 39)::numeric, 6) AS bgnbd, round(rfmseg.p_alive(bgnbd, 2, 30.43, 38.86)::numeric, 6) AS bgnbd_alive,
	round(rfmseg.expected_purchases(pnbd, 26, 30.86, 31, 52)::numeric, 2) AS pnbd, round(rfmseg.p_alive(pnbd, 26, 30.86, 31)::numeric, 4) AS pnbd_alive FROM cdnow_models;
-- who bought once is alive for certain by BG/NBD
SELECT count(*) AS one_timers, count(*) FILTER (WHERE rfmseg.p_alive(bgnbd, x, t_x::float8, t::float8) = 1) AS alive_by_bgnbd, round(avg(rfmseg.p_alive(mbgnbd, x, t_x::float8, t::float8))::numeric, 4) AS by_mbgnbd,
	round(avg(rfmseg.p_alive(pnbd, x, t_x::float8, t::float8))::numeric, 4) AS by_pnbd FROM cdnow_summary, cdnow_models WHERE x = 0;
-- repeat purchases in the 39 weeks after the calibration: all models' sums beside what was bought
SELECT (SELECT count(*) FROM (SELECT DISTINCT customer_id, order_date FROM cdnow WHERE order_date > '1997-09-30') d) AS bought,
	round(sum(rfmseg.expected_purchases(bgnbd, x, t_x::float8, t::float8, 39))::numeric, 2) AS bgnbd, round(sum(rfmseg.expected_purchases(mbgnbd, x, t_x::float8, t::float8, 39))::numeric, 2) AS mbgnbd,
	round(sum(rfmseg.expected_purchases(pnbd, x, t_x::float8, t::float8, 39))::numeric, 2) AS pnbd FROM cdnow_summary, cdnow_models;

-- held out: weeks 40 to 78, foretold from the first 39
SET client_min_messages = warning;
SELECT rfmseg.deploy('cdnow_holdout');
SELECT rfmseg.configure('cdnow_holdout', time_zone => 'UTC');
SELECT rfmseg.map_transactions('cdnow_holdout', source => 'real_data_test.cdnow', customer_id => 'customer_id', event_at => 'order_date', amount => 'dollars');
CALL rfmseg.refresh('cdnow_holdout', '1998-06-30 00:00 UTC');
SELECT lifetime_method FROM cdnow_holdout.runs;
SELECT m AS model, h.* FROM unnest('{mbgnbd,bgnbd,pnbd}'::text[]) AS m,
	LATERAL (SELECT customers, observed_purchases AS observed, expected_purchases AS expected, error_percent AS error, naive_purchases AS naive, naive_error_percent AS naive_error,
		mean_absolute_error, naive_mean_absolute_error, round(observed_value) AS observed_value, round(expected_value) AS expected_value
		FROM rfmseg.holdout('cdnow_holdout', '1997-09-30 UTC', '1998-06-30 UTC', m) WHERE breakdown = 'all') AS h;
SELECT rfmseg.undeploy('cdnow_holdout');
RESET client_min_messages;

--
-- Online Retail
--
CREATE TABLE retail (invoice_no text, stock_code text, description text, quantity int, invoice_date timestamp, unit_price numeric, customer_id int, country text);
\set load '\\copy retail FROM PROGRAM ''xz -dc "' :shared_data '/online_retail.csv.xz"'' WITH (FORMAT csv, HEADER)'
:load
SELECT count(*) AS lines, sum(quantity * unit_price) AS total FROM retail;
-- after the usual clean-up
CREATE TABLE purchases AS
SELECT customer_id, invoice_no, invoice_date AT TIME ZONE 'Europe/London' AS at, quantity * unit_price AS amount
FROM retail WHERE customer_id IS NOT NULL AND invoice_no NOT LIKE 'C%' AND quantity > 0 AND unit_price > 0;
SELECT count(*) AS lines, sum(amount) AS total FROM purchases;
-- purchases are invoices, not lines; totals are exact
CREATE TABLE retail_metrics AS
SELECT customer_id, rfmseg.rfm(at, amount, '2011-12-10 00:00 Europe/London', invoice_no, 'Europe/London') AS m,
	rfmseg.rfm(at, amount, '2011-12-10 00:00 Europe/London', NULL, 'Europe/London') AS by_day,
	count(*) AS lines, count(DISTINCT invoice_no) AS invoices, count(DISTINCT (at AT TIME ZONE 'Europe/London')::date) AS days,
	sum(amount) AS total, min(at) AS first_at, max(at) AS last_at
FROM purchases GROUP BY customer_id;
SELECT count(*) AS customers, sum((m).monetary) AS total, sum((m).frequency) AS invoices, sum((by_day).frequency) AS days, sum(lines) AS lines FROM retail_metrics;
SELECT count(*) FILTER (WHERE (m).frequency <> invoices) AS other_invoices, count(*) FILTER (WHERE (by_day).frequency <> days) AS other_days,
	count(*) FILTER (WHERE (m).monetary::text <> total::text OR (by_day).monetary::text <> total::text) AS other_total,
	count(*) FILTER (WHERE ((m).first_purchase_at, (m).last_purchase_at) IS DISTINCT FROM (first_at, last_at)) AS other_times,
	count(*) FILTER (WHERE (m).recency_days <> date '2011-12-10' - (last_at AT TIME ZONE 'Europe/London')::date) AS other_recency,
	count(*) FILTER (WHERE (m).avg_order_value <> total / invoices) AS other_average,
	count(*) FILTER (WHERE ((m).frequency_repeat, (m).recency_btyd, (m).t_age) IS DISTINCT FROM ((by_day).frequency_repeat, (by_day).recency_btyd, (by_day).t_age)) AS other_btyd
FROM retail_metrics;
-- with the cancellations, which have invoice numbers of their own, money is less and neither invoices nor times change
SELECT count(*) AS customers, count(*) FILTER (WHERE (n.m).monetary < (r.m).monetary) AS less_money,
	count(*) FILTER (WHERE ((n.m).frequency, (n.m).last_purchase_at, (n.m).frequency_repeat, (n.m).recency_btyd) IS DISTINCT FROM
		((r.m).frequency, (r.m).last_purchase_at, (r.m).frequency_repeat, (r.m).recency_btyd)) AS moved,
	sum((n.m).monetary) AS net, (SELECT sum(quantity * unit_price) FROM retail WHERE unit_price > 0 AND customer_id IN (SELECT customer_id FROM purchases)) AS expected
FROM (SELECT customer_id, rfmseg.rfm(invoice_date AT TIME ZONE 'Europe/London', quantity * unit_price, '2011-12-10 00:00 Europe/London', invoice_no, 'Europe/London') AS m
	FROM retail WHERE unit_price > 0 GROUP BY customer_id) n
JOIN retail_metrics r USING (customer_id);

SET client_min_messages = warning;
DROP SCHEMA real_data_test CASCADE;
