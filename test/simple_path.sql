-- What summarize_customers() must say, in plain SQL around rfm(): the oracle of
-- its tests. Reads a relation with all columns of a line.

CREATE FUNCTION simple_summary(lines regclass, as_of timestamptz, time_zone text, lookback interval, returns text)
RETURNS SETOF record LANGUAGE plpgsql AS $body$
BEGIN
	RETURN QUERY EXECUTE format($query$
	WITH line AS (
		SELECT l.*, is_counted AND (%3$L::interval IS NULL OR transaction_date > (%1$L::timestamptz AT TIME ZONE %2$L - %3$L::interval) AT TIME ZONE %2$L) AS is_recent,
			(transaction_date AT TIME ZONE %2$L)::date AS day
		FROM (
			SELECT customer_id, transaction_date, order_id::text AS order_key, product_id, category, quantity, discount_amount,
				coalesce(is_return, total_amount < 0) AS is_return,
				CASE WHEN is_return AND total_amount > 0 THEN -total_amount ELSE total_amount END AS amount,
				coalesce(transaction_date <= %1$L AND NOT (total_amount < 0 AND NOT coalesce(is_return, total_amount < 0))
					AND CASE %4$L WHEN 'drop' THEN NOT coalesce(is_return, total_amount < 0) ELSE NOT (coalesce(is_return, total_amount < 0) AND total_amount = 0) END, false) AS is_counted
			FROM %5$s WHERE customer_id IS NOT NULL
		) AS l
	), customer AS (
		SELECT customer_id,
			rfmseg.rfm(transaction_date, amount, %1$L, order_key, %2$L) FILTER (WHERE is_counted) AS ever,
			rfmseg.rfm(transaction_date, amount, %1$L, order_key, %2$L) FILTER (WHERE is_recent) AS recent,
			count(DISTINCT product_id) FILTER (WHERE is_recent AND NOT is_return) AS products,
			count(DISTINCT category) FILTER (WHERE is_recent AND NOT is_return) AS categories,
			sum(quantity) FILTER (WHERE is_recent AND NOT is_return) AS items,
			avg(discount_amount) FILTER (WHERE is_recent AND NOT is_return) AS avg_discount
		FROM line GROUP BY customer_id
	), purchase AS (
		SELECT customer_id, bool_or(discount_amount > 0) FILTER (WHERE NOT is_return) AS is_discounted, min(day) FILTER (WHERE NOT is_return) AS day
		FROM line WHERE is_recent
		GROUP BY customer_id, order_key, CASE WHEN order_key IS NULL THEN day END
		HAVING bool_or(NOT is_return)
			AND (NOT bool_or(is_return) OR CASE WHEN order_key IS NULL THEN sum(amount) <> 0 ELSE sum(amount) > 0 END)
	), habit AS (
		SELECT customer_id,
			CASE WHEN count(is_discounted) > 0 THEN round(count(*) FILTER (WHERE is_discounted)::numeric / count(*), 4) END AS discount_usage_rate,
			round(count(*) FILTER (WHERE extract(dow FROM day) IN (0, 6))::numeric / count(*), 4) AS weekend_shopping_rate
		FROM purchase GROUP BY customer_id
	), gap AS (
		SELECT customer_id, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS days FROM purchase GROUP BY customer_id, day
	), rhythm AS (
		SELECT customer_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY days)::numeric AS median_gap_days FROM gap WHERE days IS NOT NULL GROUP BY customer_id
	), spending AS (
		SELECT customer_id, category, sum(amount) AS spent FROM line WHERE is_recent AND NOT is_return AND category IS NOT NULL GROUP BY customer_id, category
	), sharing AS (
		SELECT customer_id, category, spent, round(spent / nullif(sum(spent) OVER (PARTITION BY customer_id), 0), 4) AS share FROM spending
	), taste AS (
		SELECT customer_id, (array_agg(category ORDER BY spent DESC, category COLLATE "C"))[1] AS top_category,
			max(share) AS top_category_share, jsonb_object_agg(category, share) AS category_shares
		FROM sharing GROUP BY customer_id
	)
	SELECT c.customer_id, %1$L::timestamptz,
		(c.ever).first_purchase_at, (c.ever).last_purchase_at, ((c.ever).last_purchase_at AT TIME ZONE %2$L)::date,
		(c.ever).recency_days, (c.ever).frequency, (c.ever).monetary,
		coalesce((c.recent).frequency, 0), coalesce((c.recent).monetary, 0), (c.recent).avg_order_value,
		(c.ever).frequency_repeat, (c.ever).recency_btyd, (c.ever).t_age, (c.ever).monetary_value,
		round((((c.recent).frequency - 1) * 365.25 / 12 / nullif((c.recent).recency_btyd, 0)::numeric), 4),
		c.items, nullif(c.products, 0), nullif(c.categories, 0),
		h.discount_usage_rate, round(c.avg_discount, 4), h.weekend_shopping_rate, m.median_gap_days,
		t.top_category, t.top_category_share, t.category_shares, NULL::jsonb, NULL::jsonb
	FROM customer c LEFT JOIN habit h USING (customer_id) LEFT JOIN rhythm m USING (customer_id) LEFT JOIN taste t USING (customer_id)
	WHERE c.ever IS DISTINCT FROM NULL AND (c.ever).frequency IS NOT NULL
	$query$, as_of, time_zone, lookback, returns, lines);
END
$body$;

-- Rows of either that the other has not, compared as text: every digit shown counts.
CREATE FUNCTION differences(key anyelement, lines regclass, as_of timestamptz, time_zone text, lookback interval, returns text)
RETURNS TABLE (customers bigint, only_simple bigint, only_summarized bigint) LANGUAGE plpgsql AS $body$
BEGIN
	EXECUTE format('CREATE TEMP TABLE summarized AS SELECT * FROM rfmseg.summarize_customers($1, $2, $3, $4, $5, $6) WHERE source_totals IS NULL')
		USING key, 'TABLE ' || lines, as_of, time_zone, lookback, returns;
	EXECUTE format('CREATE TEMP TABLE simple AS SELECT * FROM simple_summary($1, $2, $3, $4, $5) AS s (%s)',
		(SELECT string_agg(format('%I %s', attname, format_type(atttypid, NULL)), ', ' ORDER BY attnum) FROM pg_attribute
		 WHERE attrelid = 'summarized'::regclass AND attnum > 0))
		USING lines, as_of, time_zone, lookback, returns;
	RETURN QUERY SELECT (SELECT count(*) FROM summarized),
		(SELECT count(*) FROM (SELECT s::text FROM simple s EXCEPT ALL SELECT s::text FROM summarized s) d),
		(SELECT count(*) FROM (SELECT s::text FROM summarized s EXCEPT ALL SELECT s::text FROM simple s) d);
	DROP TABLE summarized, simple;
END
$body$;
