-- Insights that each run keeps, and what explains a customer.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
SELECT rfmseg.deploy('shop');
-- before the first refresh there is nothing, and no error
SELECT (SELECT count(*) FROM shop.value_distribution) AS v, (SELECT count(*) FROM shop.rfm_grid) AS g, (SELECT count(*) FROM shop.demographics) AS d,
	(SELECT count(*) FROM shop.recommendations) AS r, (SELECT count(*) FROM shop.roi_analysis) AS a;
SELECT * FROM rfmseg.explain_customer('shop', '1');
SELECT row_count FROM rfmseg.generate('shop', 500) WHERE dataset = 'transactions' AND kind = 'good';
CALL rfmseg.refresh('shop');

-- Each is what plain SQL says of the customers
SELECT count(*) AS rows, count(*) FILTER (WHERE (v.min, v.q1, v.median, v.q3, v.max) IS DISTINCT FROM (p.min, p.q1, p.median, p.q3, p.max)) AS wrong, count(currency) AS with_currency
FROM shop.value_distribution v JOIN (
	SELECT segment_name, measure, round(min(value), 2) AS min, round(percentile_cont(0.25) WITHIN GROUP (ORDER BY value)::numeric, 2) AS q1,
		round(percentile_cont(0.5) WITHIN GROUP (ORDER BY value)::numeric, 2) AS median, round(percentile_cont(0.75) WITHIN GROUP (ORDER BY value)::numeric, 2) AS q3, round(max(value), 2) AS max
	FROM shop.customer_segments, LATERAL (VALUES ('recency_days', recency_days::numeric), ('frequency', frequency::numeric), ('monetary', monetary)) AS m (measure, value)
	GROUP BY segment_name, measure) AS p USING (segment_name, measure);
SELECT count(*) AS cells, sum(customer_count) AS customers, count(*) FILTER (WHERE customer_count = 0) > 0 AS has_empty,
	count(*) FILTER (WHERE (customer_count, total_revenue, sum_m_score) IS DISTINCT FROM (
		SELECT (count(*), coalesce(round(sum(monetary), 2), 0), coalesce(sum(m_score), 0)) FROM shop.customer_segments c WHERE c.r_score = g.r_score AND c.f_score = g.f_score)) AS wrong
FROM shop.rfm_grid g;
SELECT dimension, sum(customer_count) AS customers, count(*) FILTER (WHERE customer_count <> (SELECT count(*) FROM shop_core.scored_customers c
	WHERE to_jsonb(c) ->> d.dimension IS NOT DISTINCT FROM d.value)) AS wrong, round(sum(total_revenue) - (SELECT round(sum(monetary), 2) FROM shop.customer_segments)) AS off
FROM shop.demographics d GROUP BY dimension ORDER BY dimension;
SELECT kind, count(*), sum(customer_count) AS customers, count(*) FILTER (WHERE action IS NULL OR rationale IS NULL) AS silent,
	round(sum(revenue_at_stake)) = (SELECT round(sum(total_naive_annual_value)) FROM shop.lifetime_value) AS same_stake FROM shop.recommendations GROUP BY kind ORDER BY kind;

-- Return on investment: by assumptions of one's own, and the customers' own value
SELECT segment_name, customers_targeted, cost, expected_lift, expected_return, roi_percentage, basis FROM shop.roi_analysis ORDER BY segment_order;
INSERT INTO shop_core.roi_assumptions VALUES ('Champions', 0.5, 0.2, 2.50, 0.05, 'Spring 2025');
SELECT rfmseg.configure('shop', margin_rate => 0.4);
CALL rfmseg.refresh('shop');
SELECT a.customers_targeted = round(s.customer_count * 0.5) AS targeted, a.cost = a.customers_targeted * 2.5 AS cost,
	a.expected_return = round(a.customers_targeted * 0.2 * 0.05 * s.avg_clv_12m * 0.4, 2) AS expected_return, a.roi_percentage = round(100 * (a.expected_return - a.cost) / a.cost, 1) AS roi, a.basis
FROM shop.roi_analysis a JOIN shop.segment_profiles s USING (segment_name) WHERE segment_name = 'Champions';
INSERT INTO shop_core.roi_assumptions VALUES ('Loyal', 2, 0.2, 1, 0.05);
INSERT INTO shop_core.roi_assumptions VALUES ('Loyal', 1, 0.2, 'NaN', 0.05);
DELETE FROM shop_core.roi_assumptions;
SELECT count(*) FROM shop.roi_analysis;
UPDATE shop_core.behavioral_actions SET action = 'Mine' WHERE segment_name = 'Discount Hunters';
UPDATE shop_core.segments SET recommended_action = 'Mine too' WHERE segment_name = 'Loyal' AND ruleset = 'standard';
SELECT kind, segment_name FROM shop.recommendations WHERE action LIKE 'Mine%' ORDER BY kind;

-- A customer explained: of each segment the first
SELECT s.customer_id, e.* FROM (SELECT DISTINCT ON (segment_order) customer_id, segment_order FROM shop.customer_segments WHERE segment_name IN ('Loyal', 'Churned') ORDER BY segment_order, customer_id) AS s,
	rfmseg.explain_customer('shop', s.customer_id::text) AS e ORDER BY s.segment_order;
-- each customer's rule gives the segment; the segments one score away are other ones
SELECT count(*) AS customers, count(*) FILTER (WHERE e.meaning NOT LIKE 'rule %') AS by_no_rule, count(*) FILTER (WHERE e.value <> s.segment_name) AS other_segment
FROM shop.customer_segments s, rfmseg.explain_customer('shop', s.customer_id::text) AS e WHERE e.topic = 'segment' AND e.item = 'RFM';
SELECT count(*) > 500 AS many, count(*) FILTER (WHERE e.value = s.segment_name) AS same FROM shop.customer_segments s, rfmseg.explain_customer('shop', s.customer_id::text) AS e WHERE e.topic = 'other segments';
-- who bought nothing that was not refunded has no scores to explain
SELECT e.topic, e.item, e.value, e.meaning FROM (SELECT customer_id FROM shop_core.scored_customers WHERE lifetime_frequency = 0 AND run_id = (SELECT run_id FROM shop_core.current_run) ORDER BY customer_id LIMIT 1) AS s,
	rfmseg.explain_customer('shop', s.customer_id::text) AS e;
SELECT * FROM rfmseg.explain_customer('shop', 'nobody');
SELECT * FROM rfmseg.explain_customer('shop', NULL);

-- Figures of few customers are left out, in all of them
SELECT rfmseg.configure('shop', min_cell_size => 50);
CALL rfmseg.refresh('shop', '2025-12-01 UTC');
CALL rfmseg.refresh('shop');
SELECT 'rfm_grid' AS relation, count(*) AS rows, count(*) FILTER (WHERE customer_count BETWEEN 1 AND 49) AS small, count(*) FILTER (WHERE customer_count IS NULL) > 1 AS some_left_out,
	count(*) FILTER (WHERE customer_count IS NULL AND num_nonnulls(total_revenue, sum_m_score) > 0) AS betrayed FROM shop.rfm_grid
UNION ALL SELECT 'demographics', NULL, count(*) FILTER (WHERE customer_count BETWEEN 1 AND 49), count(*) FILTER (WHERE customer_count IS NULL) > 1,
	count(*) FILTER (WHERE customer_count IS NULL AND num_nonnulls(total_revenue, customer_percentage) > 0) FROM shop.demographics
UNION ALL SELECT 'segment_migration', NULL, count(*) FILTER (WHERE customer_count BETWEEN 1 AND 49), count(*) FILTER (WHERE customer_count IS NULL) > 1,
	count(*) FILTER (WHERE customer_count IS NULL AND revenue IS NOT NULL) FROM shop.segment_migration WHERE to_as_of = (SELECT as_of FROM shop_core.current_run)
UNION ALL SELECT 'value_distribution', count(*), count(*) FILTER (WHERE customer_count BETWEEN 1 AND 49), count(*) FILTER (WHERE customer_count IS NULL) > 1,
	count(*) FILTER (WHERE customer_count IS NULL AND median IS NOT NULL) FROM shop.value_distribution
UNION ALL SELECT 'recommendations', count(*), count(*) FILTER (WHERE customer_count BETWEEN 1 AND 49), count(*) FILTER (WHERE customer_count IS NULL) > 1,
	count(*) FILTER (WHERE customer_count IS NULL AND revenue_at_stake > 0) FROM shop.recommendations;
SELECT rfmseg.undeploy('shop', with_data => true);
