-- Pipeline A: plain SQL with the columns of the reference accelerator, and its
-- rules: returns are dropped, "today" is the day after the last purchase.

CREATE VIEW a_clean AS
SELECT customer_id, order_id, product_id, category, quantity, amount, discount, ordered_at,
	ordered_at::date AS day, extract(dow FROM ordered_at) IN (0, 6) AS is_weekend
FROM orders
WHERE customer_id IS NOT NULL AND order_id IS NOT NULL AND amount >= 0;

CREATE TABLE a_customer_summary AS
SELECT customer_id,
	count(DISTINCT order_id) AS total_transactions,
	sum(amount) AS total_spent,
	sum(quantity) AS total_items_purchased,
	count(DISTINCT product_id) AS unique_products_purchased,
	count(DISTINCT category) AS unique_categories_purchased,
	round(avg(amount), 2) AS avg_transaction_value,
	max(day) AS last_purchase_date,
	round(count(DISTINCT order_id) * 30.0 / greatest(max(day) - min(day), 1), 4) AS avg_monthly_frequency,
	avg((discount > 0)::int) AS discount_usage_rate,
	avg(discount) AS avg_discount_amount,
	sum(CASE WHEN category = 'Electronics' THEN amount ELSE 0 END) / nullif(sum(amount), 0) AS electronics_preference,
	sum(CASE WHEN category = 'Clothing' THEN amount ELSE 0 END) / nullif(sum(amount), 0) AS clothing_preference,
	sum(CASE WHEN category = 'Home' THEN amount ELSE 0 END) / nullif(sum(amount), 0) AS home_preference,
	sum(CASE WHEN category = 'Books' THEN amount ELSE 0 END) / nullif(sum(amount), 0) AS books_preference,
	avg(is_weekend::int) AS weekend_shopping_rate
FROM a_clean
GROUP BY customer_id;

CREATE TABLE a_rfm_analysis AS
WITH metrics AS MATERIALIZED (
	SELECT *, (SELECT max(last_purchase_date) + 1 FROM a_customer_summary) - last_purchase_date AS recency_days,
		total_transactions AS frequency, total_spent AS monetary
	FROM a_customer_summary
), cuts AS (
	SELECT percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY recency_days) AS r,
		percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY frequency) AS f,
		percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY monetary::float8) AS m
	FROM metrics
), scores AS (
	SELECT metrics.*,
		CASE WHEN recency_days <= r[1] THEN 4 WHEN recency_days <= r[2] THEN 3 WHEN recency_days <= r[3] THEN 2 ELSE 1 END AS r_score,
		CASE WHEN frequency >= f[3] THEN 4 WHEN frequency >= f[2] THEN 3 WHEN frequency >= f[1] THEN 2 ELSE 1 END AS f_score,
		CASE WHEN monetary >= m[3] THEN 4 WHEN monetary >= m[2] THEN 3 WHEN monetary >= m[1] THEN 2 ELSE 1 END AS m_score
	FROM metrics, cuts
)
SELECT *, (r_score + f_score + m_score) / 3.0 AS rfm_score FROM scores;

CREATE TABLE a_customer_segments AS
SELECT *,
	CASE
		WHEN r_score = 4 AND f_score = 4 AND m_score = 4 THEN 'Champions'
		WHEN r_score >= 3 AND f_score = 1 AND m_score >= 1 THEN 'New Customers'
		WHEN r_score >= 3 AND f_score >= 3 AND m_score >= 3 THEN 'Loyal'
		WHEN r_score >= 2 AND f_score <= 2 AND m_score <= 2 THEN 'Regular'
		WHEN r_score <= 2 AND f_score >= 2 AND m_score >= 2 THEN 'At Risk'
		ELSE 'Churned'
	END AS segment_name,
	CASE
		WHEN rfm_score >= 3.5 AND avg_transaction_value >= 100 THEN 'High-Value Loyalists'
		WHEN f_score >= 3 AND avg_monthly_frequency >= 2 THEN 'Frequent Shoppers'
		WHEN discount_usage_rate >= 0.3 THEN 'Discount Hunters'
		WHEN f_score <= 2 AND m_score >= 2 THEN 'Occasional Buyers'
		WHEN r_score <= 2 OR f_score = 1 THEN 'New/Inactive Customers'
		WHEN unique_categories_purchased <= 2 THEN 'Category Specialists'
		ELSE 'Regular Customers'
	END AS behavioral_segment
FROM a_rfm_analysis;

CREATE TABLE a_segment_profiles AS
SELECT segment_name, count(*) AS customer_count, count(*) * 100.0 / sum(count(*)) OVER () AS segment_percentage,
	avg(recency_days) AS avg_recency, avg(frequency) AS avg_frequency, avg(monetary) AS avg_monetary,
	avg(avg_transaction_value) AS avg_transaction_value, avg(unique_categories_purchased) AS avg_categories,
	avg(discount_usage_rate) AS discount_usage_rate, avg(weekend_shopping_rate) AS weekend_shopping_rate,
	avg(electronics_preference) AS electronics_preference, avg(clothing_preference) AS clothing_preference,
	avg(home_preference) AS home_preference, avg(books_preference) AS books_preference
FROM a_customer_segments
GROUP BY segment_name;
