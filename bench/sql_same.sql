-- Pipeline B: plain SQL with the columns that a refresh writes, by the rules of
-- docs/rfm.md. One query finds all per-customer columns: the purchases of a
-- customer are walked through once, in order of day, which gives the repeat days,
-- the gaps and the totals at a time. The lines are sorted, as hashing nearly as
-- many orders as lines is slower, and so is compiling what is this short.

SET jit = off;
SET enable_hashagg = off;

CREATE VIEW b_line AS
SELECT customer_id, order_id, ordered_at, (ordered_at AT TIME ZONE 'UTC')::date AS day, product_id, category, quantity, amount, discount,
	amount < 0 AS is_return
FROM orders
WHERE customer_id IS NOT NULL AND ordered_at IS NOT NULL AND amount IS NOT NULL;

SELECT max(day) + 1 AS as_of FROM b_line WHERE NOT is_return \gset

CREATE UNLOGGED TABLE b_stage AS
WITH order_totals AS (
	SELECT customer_id, order_id,
		sum(amount) AS total,
		min(ordered_at) FILTER (WHERE NOT is_return) AS first_at,
		max(ordered_at) FILTER (WHERE NOT is_return) AS last_at,
		bool_or(discount > 0) FILTER (WHERE NOT is_return) AS is_discounted
	FROM b_line
	GROUP BY customer_id, order_id
	-- not what was returned only, nor what was refunded wholly
	HAVING bool_or(NOT is_return) AND (NOT bool_or(is_return) OR sum(amount) > 0)
), purchases AS (
	SELECT *, lag(day) OVER days AS day_before, first_value(day) OVER days AS first_day
	FROM (SELECT *, (first_at AT TIME ZONE 'UTC')::date AS day FROM order_totals) AS o
	WINDOW days AS (PARTITION BY customer_id ORDER BY day)
), habits AS (
	SELECT customer_id,
		min(first_at) AS first_purchase_at,
		max(last_at) AS last_purchase_at,
		count(*) AS frequency,
		(count(*) FILTER (WHERE day > day_before))::int AS frequency_repeat,
		max(day) - min(day) AS days_active,
		min(day) AS first_day,
		coalesce(sum(total) FILTER (WHERE day > first_day), 0) AS repeat_total,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY day - day_before) FILTER (WHERE day > day_before) AS median_gap_days,
		CASE WHEN count(is_discounted) > 0
			THEN round(count(*) FILTER (WHERE is_discounted)::numeric / count(*), 4) END AS discount_usage_rate,
		round(count(*) FILTER (WHERE extract(dow FROM day) IN (0, 6))::numeric / count(*), 4) AS weekend_shopping_rate
	FROM purchases
	GROUP BY customer_id
), totals AS (
	SELECT customer_id,
		sum(amount) AS monetary,
		sum(quantity) FILTER (WHERE NOT is_return) AS total_items_purchased,
		round(avg(discount) FILTER (WHERE NOT is_return), 4) AS avg_discount_amount,
		nullif(count(DISTINCT product_id) FILTER (WHERE NOT is_return), 0) AS unique_products_purchased
	FROM b_line
	GROUP BY customer_id
), spending AS (
	SELECT customer_id, category, sum(amount) AS spent
	FROM b_line
	WHERE NOT is_return AND category IS NOT NULL
	GROUP BY customer_id, category
), tastes AS (
	SELECT customer_id,
		count(*) AS unique_categories_purchased,
		(array_agg(category ORDER BY spent DESC, category COLLATE "C"))[1] AS top_category,
		max(share) AS top_category_share,
		jsonb_object_agg(category, share) AS category_shares
	FROM (
		SELECT *, round(spent / nullif(sum(spent) OVER (PARTITION BY customer_id), 0), 4) AS share FROM spending
	) AS shares
	GROUP BY customer_id
)
SELECT customer_id,
	first_purchase_at, last_purchase_at, (last_purchase_at AT TIME ZONE 'UTC')::date AS last_purchase_date,
	:'as_of' - (last_purchase_at AT TIME ZONE 'UTC')::date AS recency_days,
	coalesce(frequency, 0) AS frequency, monetary, monetary / frequency AS avg_order_value,
	frequency_repeat, days_active::float8 AS recency_btyd, (:'as_of' - first_day)::float8 AS t_age,
	CASE frequency_repeat WHEN 0 THEN 0 ELSE repeat_total::float8 / frequency_repeat END AS monetary_value,
	round((frequency - 1) * 365.25 / 12 / nullif(days_active, 0), 4) AS avg_monthly_frequency,
	total_items_purchased, unique_products_purchased, unique_categories_purchased,
	discount_usage_rate, avg_discount_amount, weekend_shopping_rate, median_gap_days,
	top_category, top_category_share, category_shares
FROM totals LEFT JOIN habits USING (customer_id) LEFT JOIN tastes USING (customer_id);

RESET enable_hashagg;

CREATE TABLE b_customers AS
WITH cuts AS (
	SELECT percentile_cont('{0.25,0.5,0.75}'::float8[]) WITHIN GROUP (ORDER BY recency_days) AS r,
		percentile_cont('{0.25,0.5,0.75}'::float8[]) WITHIN GROUP (ORDER BY frequency) AS f,
		percentile_cont('{0.25,0.5,0.75}'::float8[]) WITHIN GROUP (ORDER BY monetary::float8) AS m
	FROM b_stage WHERE frequency > 0
), scored AS (
	SELECT c.*,
		CASE WHEN frequency = 0 THEN 1 WHEN recency_days <= r[1] THEN 4 WHEN recency_days <= r[2] THEN 3
			WHEN recency_days <= r[3] THEN 2 ELSE 1 END AS r_score,
		CASE WHEN frequency = 0 THEN 1 WHEN frequency <= f[1] THEN 1 WHEN frequency <= f[2] THEN 2
			WHEN frequency <= f[3] THEN 3 ELSE 4 END AS f_score,
		CASE WHEN frequency = 0 THEN 1 WHEN monetary::float8 <= m[1] THEN 1 WHEN monetary::float8 <= m[2] THEN 2
			WHEN monetary::float8 <= m[3] THEN 3 ELSE 4 END AS m_score
	FROM b_stage AS c CROSS JOIN cuts
)
SELECT customer_id,
	NULL::text AS age_bracket, NULL::text AS income_bracket, NULL::text AS gender, NULL::text AS city, NULL::text AS state,
	NULL::date AS signup_date, NULL::text AS preferred_channel,
	first_purchase_at, last_purchase_at, last_purchase_date,
	recency_days, frequency, monetary, avg_order_value, frequency AS lifetime_frequency, monetary AS lifetime_monetary,
	frequency_repeat, recency_btyd, t_age, monetary_value,
	avg_monthly_frequency, total_items_purchased, unique_products_purchased, unique_categories_purchased,
	discount_usage_rate, avg_discount_amount, weekend_shopping_rate, median_gap_days,
	top_category, top_category_share, category_shares,
	r_score, f_score, m_score,
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
		WHEN f_score >= 3 AND avg_monthly_frequency >= 2 THEN 'Frequent Shoppers'
		WHEN discount_usage_rate >= 0.3 THEN 'Discount Hunters'
		WHEN f_score <= 2 AND m_score >= 2 THEN 'Occasional Buyers'
		WHEN r_score <= 2 OR f_score = 1 THEN 'New/Inactive Customers'
		WHEN unique_categories_purchased <= 2 THEN 'Category Specialists'
		ELSE 'Regular Customers'
	END AS behavioral_segment
FROM scored;

ALTER TABLE b_customers ADD PRIMARY KEY (customer_id);
ANALYZE b_customers;

CREATE TABLE b_segments AS
WITH shares AS (
	SELECT segment_name, jsonb_object_agg(category, round(shares / customers, 4)) AS avg_category_shares
	FROM (
		SELECT segment_name, key AS category, sum(value::numeric) AS shares
		FROM b_customers, jsonb_each_text(category_shares)
		GROUP BY segment_name, key
	) AS s
	JOIN (
		SELECT segment_name, count(category_shares) AS customers FROM b_customers GROUP BY segment_name
	) AS n USING (segment_name)
	GROUP BY segment_name
)
SELECT p.*, avg_category_shares
FROM (
	SELECT segment_name,
		count(*) AS customer_count,
		sum(monetary) AS total_revenue,
		round(avg(recency_days), 1) AS avg_days_since_purchase,
		round(avg(frequency), 1) AS avg_transaction_frequency,
		round(avg(monetary), 2) AS avg_total_spent,
		round(avg(avg_order_value), 2) AS avg_order_value,
		round(avg(unique_categories_purchased), 1) AS avg_category_diversity,
		round(avg(discount_usage_rate), 3) AS avg_discount_usage,
		round(avg(avg_monthly_frequency), 2) AS avg_monthly_frequency,
		round(avg(weekend_shopping_rate), 3) AS weekend_shopping_rate,
		mode() WITHIN GROUP (ORDER BY top_category COLLATE "C") AS top_category,
		mode() WITHIN GROUP (ORDER BY age_bracket) AS most_common_age,
		mode() WITHIN GROUP (ORDER BY income_bracket) AS most_common_income,
		mode() WITHIN GROUP (ORDER BY preferred_channel) AS preferred_channel
	FROM b_customers
	GROUP BY segment_name
) AS p LEFT JOIN shares USING (segment_name);

DROP TABLE b_stage;
