-- Lifetime values of a deployment's customers: what a refresh fits and writes, models that are kept, holdouts.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;

SELECT rfmseg.deploy('shop');
SELECT lifetime_model, discount_rate, margin_rate FROM shop_core.settings;
SELECT row_count FROM rfmseg.generate('shop', 600) WHERE kind = 'good' ORDER BY dataset;
CALL rfmseg.refresh('shop');

-- The run says what was fitted, and on whom
SELECT run_id, lifetime_version, lifetime_method, lifetime_fit - '{purchases,value}'::text[] AS fit,
	(lifetime_fit -> 'purchases' ->> 'converged')::boolean AND (lifetime_fit -> 'value' ->> 'converged')::boolean AS converged FROM shop.runs;
SELECT count(*) FILTER (WHERE lifetime_frequency > 0) AS customers, count(*) FILTER (WHERE frequency_repeat > 0) AS repeat_customers,
	round(sum((frequency_repeat * monetary_value)::numeric) / sum(frequency_repeat), 6) AS mean_value FROM shop_core.scored_customers;
SELECT (lifetime_fit -> 'purchases')::rfmseg.mbgnbd_model = m AS same_purchases, (lifetime_fit -> 'value')::rfmseg.gamma_gamma_model = g AS same_value
FROM shop.runs, (SELECT rfmseg.mbgnbd_fit(frequency_repeat, recency_btyd, t_age) AS m, rfmseg.gamma_gamma_fit(frequency_repeat, monetary_value) AS g
	FROM shop_core.scored_customers WHERE lifetime_frequency > 0) AS f;

-- Every customer has what the functions say, and none has what is no number
CREATE VIEW wrong_values AS
SELECT count(*) AS customers, count(c.p_alive) AS with_values, count(*) FILTER (WHERE lifetime_frequency = 0 AND c.p_alive IS NOT NULL) AS never_bought,
	count(*) FILTER (WHERE c.p_alive IS DISTINCT FROM rfmseg.p_alive(m.p, frequency_repeat, recency_btyd, t_age)) AS other_p_alive,
	count(*) FILTER (WHERE c.expected_purchases_12m IS DISTINCT FROM rfmseg.expected_purchases(m.p, frequency_repeat, recency_btyd, t_age, 365.25)) AS other_purchases,
	count(*) FILTER (WHERE c.expected_average_value IS DISTINCT FROM rfmseg.expected_average_value(m.v, frequency_repeat, greatest(monetary_value, 0))) AS other_value,
	count(*) FILTER (WHERE abs(c.clv_12m - rfmseg.customer_lifetime_value(m.p, m.v, frequency_repeat, recency_btyd, t_age, greatest(monetary_value, 0), 365.25, m.rate))
		> 1e-12 * c.clv_12m) AS other_clv,
	count(*) FILTER (WHERE NOT (c.p_alive BETWEEN 0 AND 1 AND c.expected_purchases_12m >= 0 AND c.clv_12m >= 0 AND c.clv_12m < 'Infinity')) AS impossible
FROM shop_core.scored_customers AS c, (SELECT (lifetime_fit -> 'purchases')::rfmseg.mbgnbd_model AS p, (lifetime_fit -> 'value')::rfmseg.gamma_gamma_model AS v,
	(settings ->> 'discount_rate')::float8 AS rate FROM shop.runs WHERE is_current) AS m
WHERE c.run_id = (SELECT run_id FROM shop_core.current_run);
SELECT * FROM wrong_values;
SELECT count(*) FILTER (WHERE (s.p_alive, s.expected_purchases_12m, s.expected_average_value, s.clv_12m) IS DISTINCT FROM
		(c.p_alive, c.expected_purchases_12m, c.expected_average_value, c.clv_12m)) AS other_values,
	count(s.clv_margin_12m) AS with_margin, min(s.lifetime_method) AS method, count(DISTINCT s.lifetime_method) AS methods
FROM shop.customer_segments s JOIN shop_core.scored_customers c USING (customer_id);

-- By segment: what the rows add up to, and nobody is counted twice
CREATE VIEW wrong_segments AS
SELECT count(*) AS segments, sum(l.customer_count) AS customers, count(*) FILTER (WHERE l.avg_clv_12m IS DISTINCT FROM s.avg OR l.median_clv_12m IS DISTINCT FROM s.median
		OR l.total_clv_12m IS DISTINCT FROM coalesce(s.total, 0) OR l.avg_p_alive IS DISTINCT FROM s.alive OR l.expected_purchases_12m IS DISTINCT FROM coalesce(s.purchases, 0)
		OR l.naive_annual_value IS DISTINCT FROM s.naive OR l.total_naive_annual_value IS DISTINCT FROM coalesce(s.total_naive, 0)
		OR l.total_clv_margin_12m IS DISTINCT FROM round(coalesce(s.total, 0) * l.margin_rate, 2)) AS wrong,
	count(*) FILTER (WHERE (p.avg_p_alive, p.avg_clv_12m) IS DISTINCT FROM (l.avg_p_alive, l.avg_clv_12m)) AS other_profile
FROM shop.lifetime_value l JOIN shop.segment_profiles p USING (segment_name)
LEFT JOIN (SELECT segment_name, round(avg(clv_12m::numeric), 2) AS avg, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY clv_12m)::numeric, 2) AS median,
		round(sum(clv_12m::numeric), 2) AS total, round(avg(p_alive::numeric), 4) AS alive, round(sum(expected_purchases_12m::numeric), 2) AS purchases,
		round(avg(lifetime_monetary / greatest(t_age / 365.25, 1)::numeric), 2) AS naive, round(sum(lifetime_monetary / greatest(t_age / 365.25, 1)::numeric), 2) AS total_naive
	FROM shop_core.scored_customers WHERE run_id = (SELECT run_id FROM shop_core.current_run) GROUP BY segment_name) AS s USING (segment_name);
SELECT * FROM wrong_segments;
SELECT segment_name, customer_count, avg_clv_12m, median_clv_12m, total_clv_12m, naive_annual_value, avg_p_alive, currency, discount_rate, margin_rate, lifetime_method
FROM shop.lifetime_value ORDER BY segment_order;

-- Settings: each wrong one is its own error
SELECT rfmseg.configure('shop', lifetime_model => 'gamma');
SELECT rfmseg.configure('shop', discount_rate => -1);
SELECT rfmseg.configure('shop', discount_rate => 'NaN');
SELECT rfmseg.configure('shop', margin_rate => 40);
SELECT rfmseg.configure('shop', margin_rate => -0.1);
-- without discount a lifetime value is purchases times their value; with a margin, a part of it is kept
SELECT rfmseg.configure('shop', lifetime_model => 'bgnbd', discount_rate => 0, margin_rate => 0.4);
CALL rfmseg.refresh('shop');
SELECT lifetime_method FROM shop.runs WHERE is_current;
SELECT count(*) FILTER (WHERE abs(clv_12m - expected_purchases_12m * expected_average_value) > 1e-12 * clv_12m) AS discounted,
	count(*) FILTER (WHERE abs(clv_margin_12m - 0.4 * clv_12m) > 1e-12 * clv_12m) AS other_margin, count(clv_margin_12m) > 0 AS has_margin FROM shop.customer_segments;
SELECT * FROM wrong_segments;
SELECT count(*) FILTER (WHERE total_clv_margin_12m > 0) > 0 AS some FROM shop.lifetime_value;
SELECT rfmseg.configure('shop', lifetime_model => 'pnbd');
CALL rfmseg.refresh('shop');
SELECT lifetime_method, (lifetime_fit -> 'purchases')::rfmseg.pnbd_model IS NOT NULL AS is_model FROM shop.runs WHERE is_current;
SELECT rfmseg.configure('shop', lifetime_model => 'mbgnbd', discount_rate => 0.1);
CALL rfmseg.refresh('shop');
SELECT * FROM wrong_values;

-- Models that are kept
SET client_min_messages = notice;
SELECT rfmseg.promote('shop', 1, 'lifetime');
SELECT rfmseg.register_lifetime_model('shop', NULL);
SELECT rfmseg.register_lifetime_model('shop', promote => false);
SET client_min_messages = warning;
SELECT count(*) FROM shop_core.champions;
SELECT run_id, model, status, parameters, refresh_run_id, as_of, dataset_query, dataset_rows, dataset_digest, version FROM shop_core.model_runs;
SELECT m.metric, m.step, m.value = (r.lifetime_fit #>> (CASE WHEN m.metric LIKE 'value%' THEN ARRAY['value', substr(m.metric, 7)] ELSE ARRAY['purchases', substr(m.metric, 11)] END))::float8 AS same
FROM shop_core.model_metrics m, shop.runs r WHERE r.is_current ORDER BY m.metric COLLATE "C";
SELECT model, version, features, transforms, fitted = lifetime_fit AS same, cluster_names FROM shop_core.model_versions v, shop.runs r WHERE r.is_current;
SELECT rfmseg.promote('shop', 1, 'lifetime');
-- applied, though customers have bought since; and still by the same method
INSERT INTO shop_raw.transactions (transaction_id, order_id, customer_id, transaction_date, total_amount)
SELECT 10000000000 + i, 10000000000 + i, 1 + i % 500, timestamptz '2026-01-01 12:00 UTC' + i * interval '1 hour', 10 + i % 7 FROM generate_series(1, 1000) AS i;
SELECT rfmseg.configure('shop', lifetime_model => 'bgnbd');
CALL rfmseg.refresh('shop');
SELECT lifetime_version, lifetime_method, lifetime_fit = (SELECT fitted FROM shop_core.model_versions WHERE model = 'lifetime') AS same FROM shop.runs WHERE is_current;
SELECT * FROM wrong_values;
SET client_min_messages = notice;
SELECT rfmseg.register_lifetime_model('shop');
SELECT rfmseg.demote('shop', 'lifetime');
SELECT rfmseg.demote('shop', 'lifetime');
SELECT rfmseg.demote('shop', 'love');
SELECT rfmseg.demote('shop', NULL);
SELECT rfmseg.promote('shop', 1, 'love');
SELECT rfmseg.promote('shop', 7, 'lifetime');
SET client_min_messages = warning;
CALL rfmseg.refresh('shop');
SELECT lifetime_version, lifetime_method FROM shop.runs WHERE is_current;
SELECT rfmseg.register_lifetime_model('shop');
SELECT model, alias, version FROM shop_core.model_promotions ORDER BY promotion_id;
SELECT rfmseg.demote('shop', 'lifetime');
-- clusters too can be left alone
CALL rfmseg.train('shop', 3);
SELECT rfmseg.demote('shop', 'clusters');
CALL rfmseg.refresh('shop');
SELECT cluster_version, (SELECT count(cluster_id) FROM shop.customer_segments) AS in_clusters FROM shop.runs WHERE is_current;

-- A look back has its own values, in history
CALL rfmseg.refresh('shop', '2025-07-01 00:00 UTC');
SELECT r.as_of, r.is_current, r.lifetime_method, count(s.avg_clv_12m) > 0 AS with_values FROM shop_core.runs r JOIN shop_core.run_segments s USING (run_id)
WHERE r.as_of = '2025-07-01 00:00 UTC' GROUP BY r.run_id;

-- Holdouts
SELECT rfmseg.configure('shop', lifetime_model => 'mbgnbd');
DELETE FROM shop_raw.transactions WHERE transaction_date >= '2026-01-01 UTC';
CALL rfmseg.refresh('shop');
SELECT count(*) FROM shop.lifetime_holdout;
SELECT * FROM rfmseg.holdout('shop', '2025-04-01 UTC');
SELECT breakdown, sum(customers) AS customers, sum(observed_purchases) AS observed, sum(class_order) AS classes,
	round(sum(expected_purchases) - (SELECT expected_purchases FROM shop.lifetime_holdout WHERE breakdown = 'all'), 0) AS more_expected,
	min(as_of) AS as_of, min(holdout_end) AS holdout_end, min(days) AS days, min(lifetime_method) AS method, min(currency) AS currency
FROM shop.lifetime_holdout GROUP BY breakdown ORDER BY breakdown;
-- it is what summaries of the lines say, and the functions of the models
SELECT count(*) = h.customers AS same_customers, sum(greatest(l.frequency_repeat - c.frequency_repeat, 0)) = h.observed_purchases AS same_observed,
	round(sum(rfmseg.expected_purchases(p.model, c.frequency_repeat, c.recency_btyd, c.t_age, 275)::numeric), 2) = h.expected_purchases AS same_expected,
	sum(c.frequency_repeat + 1 - CASE WHEN b.lifetime_frequency > 0 THEN b.frequency_repeat + 1 ELSE 0 END) = h.naive_purchases AS same_naive,
	sum(l.lifetime_monetary - c.lifetime_monetary) = h.observed_value AS same_observed_value, sum(c.lifetime_monetary - coalesce(b.lifetime_monetary, 0)) = h.naive_value AS same_naive_value,
	round(sum((rfmseg.expected_purchases(p.model, c.frequency_repeat, c.recency_btyd, c.t_age, 275)
		* rfmseg.expected_average_value(p.value, c.frequency_repeat, greatest(c.monetary_value, 0)))::numeric), 2) = h.expected_value AS same_expected_value
FROM (SELECT (lifetime_fit -> 'purchases')::rfmseg.mbgnbd_model AS model, (lifetime_fit -> 'value')::rfmseg.gamma_gamma_model AS value FROM shop_core.holdouts) AS p,
	(SELECT * FROM shop.lifetime_holdout WHERE breakdown = 'all') AS h,
	rfmseg.summarize_customers(NULL::bigint, 'TABLE shop_raw.transactions', '2025-04-01 UTC') AS c
	LEFT JOIN rfmseg.summarize_customers(NULL::bigint, 'TABLE shop_raw.transactions', '2024-06-30 UTC') AS b USING (customer_id)
	JOIN rfmseg.summarize_customers(NULL::bigint, 'TABLE shop_raw.transactions', '2026-01-01 UTC') AS l USING (customer_id)
WHERE c.lifetime_frequency > 0 GROUP BY h.customers, h.observed_purchases, h.expected_purchases, h.naive_purchases, h.observed_value, h.naive_value, h.expected_value;
-- by default a third of the time; another model, which may not fit; nothing left behind
SELECT count(*) FROM rfmseg.holdout('shop', lifetime_model => 'pnbd');
SELECT count(*) FROM rfmseg.holdout('shop');
SELECT DISTINCT as_of, holdout_end, days, lifetime_method FROM shop.lifetime_holdout;
SELECT count(*) FROM rfmseg.holdout('shop', '2025-04-01 UTC', '2025-05-01 UTC', 'bgnbd') WHERE breakdown = 'all';
SELECT holdout_id, as_of, holdout_end, days, lifetime_method, requested_by = session_user AS by_me FROM shop_core.holdouts ORDER BY holdout_id;
SELECT count(*) FROM pg_class WHERE relnamespace = 'shop_core'::regnamespace AND relname ~ '^holdout_[0-9]';
SELECT count(*) FROM rfmseg.holdout('shop', '2026-06-01 UTC');
SELECT count(*) FROM rfmseg.holdout('shop', '2025-06-01 UTC', '2025-06-01 12:00 UTC');
SELECT count(*) FROM rfmseg.holdout('shop', '2025-06-01 UTC', '2027-01-01 UTC');
SELECT count(*) FROM rfmseg.holdout('shop', '-infinity');
SELECT count(*) FROM rfmseg.holdout('shop', '2024-01-03 UTC');
SELECT count(*) FROM rfmseg.holdout('shop', '2020-01-03 UTC');
SELECT count(*) FROM rfmseg.holdout('shop', lifetime_model => 'best');
SELECT count(*) FROM pg_class WHERE relnamespace = 'shop_core'::regnamespace AND relname ~ '^holdout_[0-9]';

-- Too few who came back: no values, and the run says why
SELECT rfmseg.deploy('small');
INSERT INTO small_raw.transactions (order_id, customer_id, transaction_date, total_amount)
SELECT i, 1 + i % 49, timestamptz '2025-01-01 UTC' + i * interval '1 day', 10 + i % 3 FROM generate_series(1, 200) AS i;
SET client_min_messages = notice;
SELECT count(*) FROM rfmseg.holdout('small');
SELECT rfmseg.register_lifetime_model('small');
SET client_min_messages = warning;
CALL rfmseg.refresh('small');
SELECT lifetime_method, lifetime_fit FROM small.runs;
SELECT count(*), count(p_alive), count(expected_purchases_12m), count(expected_average_value), count(clv_12m), count(lifetime_method) FROM small.customer_segments;
SELECT count(*) AS segments, count(avg_clv_12m), count(median_clv_12m), count(total_clv_12m), count(avg_p_alive), count(naive_annual_value) > 0 AS still_naive,
	count(lifetime_method) FROM small.lifetime_value;
SELECT rfmseg.register_lifetime_model('small');
SELECT count(*) FROM rfmseg.holdout('small');

-- Everyone spends the same: there is nothing to tell customers apart, and a purchase is worth the mean
SELECT rfmseg.undeploy('small', with_data => true);
SELECT rfmseg.deploy('small');
SELECT kind FROM rfmseg.generate('small', 400, population => '{"model": "mbgnbd", "r": 0.8, "alpha": 40, "a": 1, "b": 3, "p": 6, "q": 4, "v": 15}') WHERE dataset = 'transactions';
DELETE FROM small_raw.transactions t USING small_raw.transactions u
WHERE t.customer_id = u.customer_id AND t.transaction_date::date = u.transaction_date::date AND t.transaction_id > u.transaction_id;
UPDATE small_raw.transactions SET total_amount = 10;
CALL rfmseg.refresh('small');
SELECT lifetime_method, lifetime_fit ->> 'value_problem' AS value_problem, lifetime_fit -> 'mean_value' AS mean_value, lifetime_fit -> 'value' AS value FROM small.runs WHERE is_current;
SELECT min(expected_average_value), max(expected_average_value), bool_and(clv_12m / expected_purchases_12m BETWEEN 9 AND 10) AS discounted, count(clv_12m) FROM small.customer_segments;

-- A past that is shorter than the period: the plain guess is scaled; days with purchases are what plain SQL says of orders without returns
SELECT customers, observed_purchases, naive_purchases, observed_value, naive_value FROM rfmseg.holdout('small', '2024-10-27 UTC', '2025-12-21 UTC') WHERE breakdown = 'all';
SELECT days, lifetime_method FROM small_core.holdouts ORDER BY holdout_id DESC LIMIT 1;
SELECT count(*) AS customers, sum(later) AS observed, round(sum(earlier) * 1.4, 2) AS naive, 10 * sum(later_orders) AS observed_value, round(14 * sum(earlier_orders), 2) AS naive_value FROM (
	SELECT count(DISTINCT transaction_day) FILTER (WHERE transaction_day >= '2024-10-27') AS later, count(*) FILTER (WHERE transaction_day BETWEEN '2024-10-27' AND '2025-12-20') AS later_orders,
		count(DISTINCT transaction_day) FILTER (WHERE transaction_day < '2024-10-27') AS earlier, count(*) FILTER (WHERE transaction_day < '2024-10-27') AS earlier_orders
	FROM small_core.transactions WHERE transaction_day < '2025-12-21' GROUP BY customer_id HAVING min(transaction_day) < '2024-10-27') AS c;

-- Of very many customers a part is fitted, the same each time
CREATE SCHEMA regress_lifetime;
CREATE TABLE regress_lifetime.many AS
SELECT customer_id * 10000 + i AS customer_id, lifetime_frequency, frequency_repeat, recency_btyd, t_age, CASE WHEN frequency_repeat > 0 THEN 5.0 + customer_id % 17 ELSE 0 END::float8 AS monetary_value
FROM small_core.scored_customers, generate_series(1, 2501) AS i;
SELECT fit -> 'sample_step' AS sample_step, fit -> 'customers' AS customers, (fit -> 'purchases' ->> 'n')::int BETWEEN 495000 AND 505000 AS half, fit = again AS same,
	rfmseg._lifetime_method(fit) AS method
FROM rfmseg._fit_lifetime('regress_lifetime.many', 'mbgnbd') AS fit, rfmseg._fit_lifetime('(SELECT * FROM regress_lifetime.many ORDER BY t_age, customer_id DESC) AS m', 'mbgnbd') AS again;
DROP TABLE regress_lifetime.many;
DROP SCHEMA regress_lifetime;

DROP VIEW wrong_values, wrong_segments;
SELECT rfmseg.undeploy('shop', with_data => true), rfmseg.undeploy('small', with_data => true);
