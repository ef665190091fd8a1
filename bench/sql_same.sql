-- Pipeline B: plain SQL with the columns that a refresh writes, by the rules of
-- docs/rfm.md. Intermediate results are unlogged tables: parallel plans read
-- these, but not the result of a WITH query.

CREATE VIEW b_line AS
SELECT customer_id, ordered_at, (ordered_at AT TIME ZONE 'UTC')::date AS day, amount, order_id, product_id, category, quantity,
	discount, amount < 0 AS is_return
FROM orders
WHERE customer_id IS NOT NULL;

CREATE UNLOGGED TABLE b_order AS
SELECT customer_id, order_id, total, first_at, last_at, day, is_discounted,
	coalesce(first_at IS NOT NULL AND (NOT has_return OR total > 0), false) AS is_purchase
FROM (
	SELECT customer_id, order_id, sum(amount) AS total, bool_or(is_return) AS has_return,
		min(ordered_at) FILTER (WHERE NOT is_return) AS first_at,
		max(ordered_at) FILTER (WHERE NOT is_return) AS last_at,
		min(day) FILTER (WHERE NOT is_return) AS day,
		bool_or(discount > 0) FILTER (WHERE NOT is_return) AS is_discounted
	FROM b_line GROUP BY customer_id, order_id
) AS o;

CREATE UNLOGGED TABLE b_day AS
SELECT customer_id, day, sum(total) AS total FROM b_order WHERE is_purchase GROUP BY customer_id, day;

CREATE UNLOGGED TABLE b_basket AS
SELECT customer_id, count(DISTINCT product_id) FILTER (WHERE NOT is_return) AS products,
	sum(quantity) FILTER (WHERE NOT is_return) AS items, avg(discount) FILTER (WHERE NOT is_return) AS avg_discount
FROM b_line GROUP BY customer_id;

CREATE UNLOGGED TABLE b_spending AS
SELECT customer_id, category, sum(amount) AS spent FROM b_line
WHERE NOT is_return AND category IS NOT NULL GROUP BY customer_id, category;

ANALYZE b_order, b_day, b_basket, b_spending;

CREATE UNLOGGED TABLE b_stage AS
WITH purchases AS (
	SELECT customer_id, sum(total) AS monetary,
		count(*) FILTER (WHERE is_purchase) AS frequency,
		min(first_at) FILTER (WHERE is_purchase) AS first_at,
		max(last_at) FILTER (WHERE is_purchase) AS last_at,
		count(is_discounted) FILTER (WHERE is_purchase) AS known,
		count(*) FILTER (WHERE is_purchase AND is_discounted) AS discounted,
		count(*) FILTER (WHERE is_purchase AND extract(dow FROM day) IN (0, 6)) AS weekend
	FROM b_order GROUP BY customer_id
), rhythm AS (
	SELECT customer_id, min(day) AS first_day, max(day) AS last_day, count(gap)::int AS repeats,
		coalesce(sum(greatest(total, 0)) FILTER (WHERE gap IS NOT NULL)::float8 / nullif(count(gap), 0), 0) AS repeat_value,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY gap)::numeric AS median_gap_days
	FROM (SELECT *, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap FROM b_day) AS d
	GROUP BY customer_id
), taste AS (
	SELECT customer_id, (array_agg(category ORDER BY spent DESC, category COLLATE "C"))[1] AS top_category,
		max(share) AS top_category_share, jsonb_object_agg(category, share) AS category_shares, count(*) AS categories
	FROM (SELECT *, round(spent / nullif(sum(spent) OVER (PARTITION BY customer_id), 0), 4) AS share FROM b_spending) AS s
	GROUP BY customer_id
), as_of AS MATERIALIZED (
	SELECT (max(last_at) AT TIME ZONE 'UTC')::date + 1 AS day FROM b_order WHERE first_at IS NOT NULL
)
SELECT p.customer_id, p.first_at AS first_purchase_at, p.last_at AS last_purchase_at,
	(p.last_at AT TIME ZONE 'UTC')::date AS last_purchase_date,
	as_of.day - (p.last_at AT TIME ZONE 'UTC')::date AS recency_days,
	p.frequency, p.monetary, p.monetary / nullif(p.frequency, 0) AS avg_order_value,
	p.frequency AS lifetime_frequency, p.monetary AS lifetime_monetary,
	d.repeats AS frequency_repeat, (d.last_day - d.first_day)::float8 AS recency_btyd, (as_of.day - d.first_day)::float8 AS t_age,
	d.repeat_value AS monetary_value,
	round((p.frequency - 1) * 365.25 / 12 / nullif(d.last_day - d.first_day, 0), 4) AS avg_monthly_frequency,
	b.items::numeric AS total_items_purchased, nullif(b.products, 0) AS unique_products_purchased,
	t.categories AS unique_categories_purchased,
	CASE WHEN p.known > 0 THEN round(p.discounted::numeric / p.frequency, 4) END AS discount_usage_rate,
	round(b.avg_discount, 4) AS avg_discount_amount,
	round(p.weekend::numeric / nullif(p.frequency, 0), 4) AS weekend_shopping_rate,
	d.median_gap_days, t.top_category, t.top_category_share, t.category_shares
FROM purchases p CROSS JOIN as_of
LEFT JOIN rhythm d USING (customer_id)
LEFT JOIN b_basket b USING (customer_id)
LEFT JOIN taste t USING (customer_id);

CREATE TABLE b_customers AS
WITH cuts AS (
	SELECT percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY recency_days) AS r,
		percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY frequency) AS f,
		percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY monetary::float8) AS m
	FROM b_stage WHERE frequency > 0
), scored AS (
	SELECT s.*,
		CASE WHEN frequency = 0 THEN 1 WHEN recency_days <= r[1] THEN 4 WHEN recency_days <= r[2] THEN 3
			WHEN recency_days <= r[3] THEN 2 ELSE 1 END AS r_score,
		CASE WHEN frequency = 0 OR frequency <= f[1] THEN 1 WHEN frequency <= f[2] THEN 2 WHEN frequency <= f[3] THEN 3 ELSE 4 END AS f_score,
		CASE WHEN frequency = 0 OR monetary::float8 <= m[1] THEN 1 WHEN monetary::float8 <= m[2] THEN 2
			WHEN monetary::float8 <= m[3] THEN 3 ELSE 4 END AS m_score
	FROM b_stage s, cuts
)
SELECT customer_id,
	NULL::text AS age_bracket, NULL::text AS income_bracket, NULL::text AS gender, NULL::text AS city, NULL::text AS state,
	NULL::date AS signup_date, NULL::text AS preferred_channel,
	first_purchase_at, last_purchase_at, last_purchase_date, recency_days, frequency, monetary, avg_order_value, lifetime_frequency,
	lifetime_monetary, frequency_repeat, recency_btyd, t_age, monetary_value, avg_monthly_frequency, total_items_purchased,
	unique_products_purchased, unique_categories_purchased, discount_usage_rate, avg_discount_amount, weekend_shopping_rate,
	median_gap_days, top_category, top_category_share, category_shares, r_score, f_score, m_score,
	CASE
		WHEN r_score >= 3 AND frequency = 1 THEN 'New Customers'
		WHEN r_score = 4 AND f_score >= 3 AND m_score = 4 THEN 'Champions'
		WHEN r_score >= 3 AND f_score >= 3 AND m_score >= 3 THEN 'Loyal'
		WHEN r_score >= 3 OR (r_score = 2 AND f_score <= 2 AND m_score <= 2 AND frequency >= 2) THEN 'Regular'
		WHEN r_score = 2 OR (f_score >= 3 AND m_score >= 3) THEN 'At Risk'
		ELSE 'Churned'
	END AS segment_name,
	CASE
		WHEN r_score + f_score + m_score >= 10.5 AND avg_order_value >= 100 THEN 'High-Value Loyalists'
		WHEN f_score > 2 AND avg_monthly_frequency >= 2 THEN 'Frequent Shoppers'
		WHEN discount_usage_rate >= 0.3 THEN 'Discount Hunters'
		WHEN f_score <= 2 AND m_score > 1 THEN 'Occasional Buyers'
		WHEN r_score <= 2 OR f_score = 1 THEN 'New/Inactive Customers'
		WHEN unique_categories_purchased <= 2 THEN 'Category Specialists'
		ELSE 'Regular Customers'
	END AS behavioral_segment
FROM scored;
ALTER TABLE b_customers ADD PRIMARY KEY (customer_id);
ANALYZE b_customers;

CREATE TABLE b_segments AS
WITH share AS (
	SELECT segment_name, jsonb_object_agg(category, round(total / known, 4)) AS category_shares
	FROM (
		SELECT segment_name, key AS category, sum(value::numeric) AS total
		FROM b_customers, jsonb_each_text(category_shares) GROUP BY segment_name, key
	) AS t JOIN (
		SELECT segment_name, count(category_shares) AS known FROM b_customers GROUP BY segment_name
	) AS k USING (segment_name)
	GROUP BY segment_name
)
SELECT segment_name, count(*) AS customer_count, sum(monetary) AS total_revenue,
	round(avg(recency_days), 1) AS recency_days, round(avg(frequency), 1) AS frequency, round(avg(monetary), 2) AS monetary,
	round(avg(avg_order_value), 2) AS avg_order_value, round(avg(unique_categories_purchased), 1) AS categories,
	round(avg(discount_usage_rate), 3) AS discount_usage_rate, round(avg(avg_monthly_frequency), 2) AS avg_monthly_frequency,
	round(avg(weekend_shopping_rate), 3) AS weekend_shopping_rate,
	mode() WITHIN GROUP (ORDER BY top_category COLLATE "C") AS top_category, s.category_shares,
	mode() WITHIN GROUP (ORDER BY age_bracket) AS age_bracket, mode() WITHIN GROUP (ORDER BY income_bracket) AS income_bracket,
	mode() WITHIN GROUP (ORDER BY preferred_channel) AS preferred_channel
FROM b_customers LEFT JOIN share s USING (segment_name)
GROUP BY segment_name, s.category_shares;
