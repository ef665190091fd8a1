-------------------------------------------------------------------------------
-- Published views of the segments
-------------------------------------------------------------------------------
-- Customers are read from one table, scored_customers, of which each run writes a
-- partition, and segments from run_segments, to which each run adds its rows.
-- Which run is current is a row of runs, and what they show of it a row of
-- current_run.  So the switch is a few rows: nobody waits, and whoever has an
-- older snapshot goes on reading the older rows.  (A materialized view would do
-- neither: it is filled with frozen rows when it is made, and refreshing it takes
-- a temporary table or all readers' patience.)

-- What most columns mean is the same everywhere.
CREATE FUNCTION rfmseg._published_descriptions()
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT $json${
		"customer_id": "The customer, in the source's own type.",
		"as_of": "The instant from which recency counts.",
		"refreshed_at": "When the segments were computed.",
		"segment_name": "RFM segment.",
		"segment_order": "Place of the segment in tables, from 1.",
		"segment_color": "Colour of the segment in charts.",
		"age_bracket": "Bracket of age.", "income_bracket": "Bracket of income.", "gender": "Gender.",
		"city": "City.", "state": "State or region.", "signup_date": "Day of registration.",
		"preferred_channel": "Preferred channel; of a segment, the most common one.",
		"recency_days": "Days from the last purchase to as_of, by local date; NULL if nothing was bought that was not refunded.",
		"frequency": "Number of purchases: orders, or days where orders are not mapped; within the lookback, if one is set.",
		"monetary": "Exact money spent, net of returns unless they are dropped.",
		"currency": "Currency of the money.",
		"r_score": "Recency score, the more recent the higher.", "f_score": "Frequency score.", "m_score": "Monetary score.",
		"rfm_code": "The three scores, as in 4-3-4.", "rfm_score": "Mean of the three scores.",
		"segment_reason": "Why the customer is in the segment, in words.",
		"behavioral_segment": "Segment by shopping pattern.",
		"cluster_id": "Cluster, by k-means; NULL without a trained model, or if a feature of it is NULL.",
		"cluster_name": "Name of the cluster.",
		"avg_order_value": "Money per purchase; of a segment, the mean over its customers.",
		"unique_products_purchased": "Distinct products bought; NULL if products are not mapped.",
		"unique_categories_purchased": "Distinct categories bought from; NULL if categories are not mapped.",
		"discount_usage_rate": "Share of purchases with a discount, 0 to 1; NULL if discounts are not mapped.",
		"avg_discount_amount": "Mean discount of a line.",
		"avg_monthly_frequency": "Purchases after the first per month (365.25 / 12 days) between the first and the last; NULL for one purchase, or all on one day. Of a segment, the mean over its customers.",
		"weekend_shopping_rate": "Share of purchases on Saturdays and Sundays, 0 to 1; of a segment, the mean over its customers.",
		"top_category": "Category with the most money spent; of a segment, the most common one.",
		"top_category_share": "Its share of the money, 0 to 1.",
		"category_shares": "Share of money by category.",
		"avg_category_shares": "Mean share of a customer's money by category.",
		"p_alive": "Probability that the customer still buys, 0 to 1; NULL where no model could be fitted, or nothing was bought.",
		"expected_purchases_12m": "Days with purchases expected in the next 12 months (365.25 days).",
		"expected_average_value": "Money expected of such a day.",
		"clv_12m": "Customer lifetime value: money expected in the next 12 months, discounted.",
		"clv_margin_12m": "What is kept of it, at the margin rate; NULL without one.",
		"lifetime_method": "How these were computed; see lifetime_value.",
		"median_gap_days": "Median of the days between one day with purchases and the next; NULL for a single such day.",
		"days_overdue": "By how many days the time since the last purchase exceeds median_gap_days; 0 if it does not, NULL if that is NULL.",
		"previous_segment": "Segment before this one; NULL: none that history knows of.",
		"segment_since": "The as_of since which the customer is in the segment.",
		"first_purchase_at": "First purchase.", "last_purchase_at": "Last purchase.",
		"total_transactions": "Number of purchases.",
		"total_spent": "Money spent.", "avg_transaction_value": "Money per purchase.",
		"total_items_purchased": "Pieces bought.",
		"last_purchase_date": "Local date of the last purchase.",
		"days_since_last_purchase": "Days from the last purchase to as_of.",
		"recency": "Days from the last purchase to as_of.",
		"recency_score": "Recency score.", "frequency_score": "Frequency score.", "monetary_score": "Monetary score.",
		"customer_count": "Customers in the segment.",
		"segment_percentage": "Share of customers, per cent.", "customer_percentage": "Share of customers, per cent.",
		"total_revenue": "Sum of the customers' monetary value.", "revenue_percentage": "Share of the revenue, per cent.",
		"avg_days_since_purchase": "Mean recency in days.",
		"avg_transaction_frequency": "Mean number of purchases.",
		"avg_total_spent": "Mean monetary value.",
		"avg_category_diversity": "Mean number of distinct categories.",
		"avg_discount_usage": "Mean share of purchases with a discount.",
		"most_common_age": "Most common age bracket.", "most_common_income": "Most common income bracket.",
		"median_order_value": "Median money per purchase.",
		"avg_frequency": "Mean number of purchases.", "median_frequency": "Median number of purchases.",
		"avg_monetary": "Mean monetary value.", "median_monetary": "Median monetary value.",
		"avg_recency_days": "Mean recency in days.", "median_recency_days": "Median recency in days.",
		"lifetime_frequency": "Number of purchases ever made.",
		"lifetime_monetary": "Money ever spent.",
		"frequency_repeat": "BTYD x: days with purchases after the first such day; lifetime, as the next three.",
		"recency_btyd": "BTYD t_x: days from the first to the last day with purchases.",
		"t_age": "BTYD T: days from the first day with purchases to as_of.",
		"monetary_value": "BTYD mean total of the repeat days; 0 where there are none.",
		"run_id": "The run that wrote the row."
	}$json$::jsonb
$body$;
COMMENT ON FUNCTION rfmseg._published_descriptions() IS 'Internal: what the columns of the published views say, by name.';

-- Lifetime values: of a customer, and of a segment where these differ
CREATE FUNCTION rfmseg._lifetime_descriptions()
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT $json${
		"avg_p_alive": "Mean probability that a customer still buys.",
		"expected_purchases_12m": "Days with purchases expected of all its customers in the next 12 months.",
		"avg_clv_12m": "Mean lifetime value of a customer: money expected in the next 12 months, discounted.",
		"median_clv_12m": "Median lifetime value.",
		"total_clv_12m": "Sum of the lifetime values.",
		"total_clv_margin_12m": "What is kept of it, at the margin rate; NULL without one.",
		"naive_annual_value": "What a customer has spent a year so far, on average, those of less than a year counted as one year old: the plain guess beside avg_clv_12m.",
		"total_naive_annual_value": "The same, added up over customers.",
		"discount_rate": "Annual effective rate by which later money counts for less.",
		"margin_rate": "Share of revenue that is kept; NULL: not known.",
		"lifetime_method": "How lifetime values were computed: the model of purchases to come (mbgnbd, bgnbd, pnbd), then that of their value: gamma_gamma, or the mean value of all repeat purchases where that model does not fit. NULL: too few customers came back, and there are none."
	}$json$::jsonb
$body$;
COMMENT ON FUNCTION rfmseg._lifetime_descriptions() IS 'Internal: what the columns of lifetime values by segment say, by name.';

-- Where one cell alone is left out, the total would tell it: so the smallest of
-- the others is left out too.
CREATE FUNCTION rfmseg._is_shown(size text, smallest text, place text, partition_by text DEFAULT 'true')
RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT format('NOT (%1$s BETWEEN 1 AND %2$s - 1 OR (%1$s >= greatest(%2$s, 1)'
		' AND sum((%1$s BETWEEN 1 AND %2$s - 1)::int) OVER (PARTITION BY %4$s) = 1'
		' AND row_number() OVER (PARTITION BY %4$s, %1$s >= greatest(%2$s, 1) ORDER BY %1$s, %3$s) = 1))',
		size, smallest, place, partition_by)
$body$;
COMMENT ON FUNCTION rfmseg._is_shown(text, text, text, text) IS
'Internal: SQL that says whether the figures of a row may be shown, by the number of its customers and the least such number.';

CREATE FUNCTION rfmseg._leave_out_small(relation text, run_column text, run int, size text, place text, kept text[], smallest int, partition_by text DEFAULT 'true')
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF smallest < 2 THEN
		RETURN;		-- nothing is smaller, but for nothing
	END IF;
	EXECUTE format('UPDATE %1$s t SET %2$s FROM (SELECT ctid AS row, %3$s AS shown FROM %1$s WHERE %4$I = $1) s WHERE t.ctid = s.row AND NOT s.shown',
		relation, (SELECT string_agg(format('%I = NULL', attname), ', ') FROM pg_attribute
			WHERE attrelid = relation::regclass AND attnum > 0 AND NOT attisdropped AND attname <> run_column AND NOT attname = ANY (kept)),
		rfmseg._is_shown(size, smallest::text, place, partition_by), run_column)
	USING run;
END
$body$;
COMMENT ON FUNCTION rfmseg._leave_out_small(text, text, int, text, text, text[], int, text) IS
'Internal: takes the figures out of those rows of a run that few customers make up.';

-- One row a customer: over %1$s, the core schema, and customers from %2$s.  What
-- is said of the run is asked for once a query, and not joined: parallel workers
-- would read the run again for each customer, so that the planner takes none.
CREATE FUNCTION rfmseg._customer_views()
RETURNS TABLE (relation text, query text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	VALUES
	('customer_segments', $view$
	SELECT c.customer_id, (SELECT as_of FROM %1$s.current_run) AS as_of, (SELECT refreshed_at FROM %1$s.current_run) AS refreshed_at,
		c.segment_name, g.segment_order, g.segment_color,
		c.age_bracket, c.income_bracket, c.gender, c.preferred_channel,
		c.recency_days, c.frequency, c.monetary, (SELECT currency FROM %1$s.current_run) AS currency,
		c.r_score, c.f_score, c.m_score,
		c.r_score || '-' || c.f_score || '-' || c.m_score AS rfm_code,
		round((c.r_score + c.f_score + c.m_score) / 3.0, 2) AS rfm_score,
		rfmseg._segment_reason(c.segment_name, c.recency_days, c.frequency, c.monetary, (SELECT currency FROM %1$s.current_run), c.r_score, c.f_score, c.m_score,
			(SELECT r_cuts FROM %1$s.current_run), (SELECT r_closed FROM %1$s.current_run),
			(SELECT f_cuts FROM %1$s.current_run), (SELECT f_closed FROM %1$s.current_run),
			(SELECT m_cuts FROM %1$s.current_run), (SELECT m_closed FROM %1$s.current_run), c.lifetime_frequency) AS segment_reason,
		c.behavioral_segment, c.cluster_id, c.cluster_name, c.avg_order_value,
		c.unique_products_purchased, c.unique_categories_purchased, c.discount_usage_rate, c.avg_monthly_frequency,
		c.weekend_shopping_rate, c.top_category, c.top_category_share, c.category_shares,
		c.p_alive, c.expected_purchases_12m, c.expected_average_value, c.clv_12m, c.clv_12m * (SELECT margin_rate::float8 FROM %1$s.current_run) AS clv_margin_12m,
		(SELECT lifetime_method FROM %1$s.current_run) AS lifetime_method,
		c.median_gap_days, CASE WHEN c.median_gap_days IS NOT NULL THEN greatest(c.recency_days - c.median_gap_days, 0) END AS days_overdue,
		c.previous_segment, c.segment_since,
		c.first_purchase_at, c.last_purchase_at
	FROM %2$s AS c LEFT JOIN %1$s.current_segments g ON g.segment_name = c.segment_name
	WHERE c.run_id = (SELECT run_id FROM %1$s.current_run)
	$view$),
	('customer_summary', $view$
	SELECT c.customer_id, (SELECT as_of FROM %1$s.current_run) AS as_of, (SELECT refreshed_at FROM %1$s.current_run) AS refreshed_at,
		c.age_bracket, c.income_bracket, c.gender, c.city, c.state, c.signup_date, c.preferred_channel,
		c.frequency AS total_transactions, c.unique_products_purchased, c.unique_categories_purchased,
		c.monetary AS total_spent, c.avg_order_value AS avg_transaction_value, (SELECT currency FROM %1$s.current_run) AS currency, c.total_items_purchased,
		c.last_purchase_date, c.recency_days AS days_since_last_purchase, c.avg_monthly_frequency,
		c.discount_usage_rate, c.avg_discount_amount, c.weekend_shopping_rate, c.category_shares
	FROM %2$s AS c
	WHERE c.run_id = (SELECT run_id FROM %1$s.current_run)
	$view$),
	('rfm_analysis', $view$
	SELECT c.customer_id, (SELECT as_of FROM %1$s.current_run) AS as_of, (SELECT refreshed_at FROM %1$s.current_run) AS refreshed_at,
		c.recency_days AS recency, c.frequency, c.monetary, c.avg_order_value AS avg_transaction_value, (SELECT currency FROM %1$s.current_run) AS currency,
		c.unique_categories_purchased, c.discount_usage_rate, c.avg_monthly_frequency,
		c.r_score AS recency_score, c.f_score AS frequency_score, c.m_score AS monetary_score
	FROM %2$s AS c
	WHERE c.run_id = (SELECT run_id FROM %1$s.current_run)
	$view$)
$body$;
COMMENT ON FUNCTION rfmseg._customer_views() IS 'Internal: the queries of the published views with one row a customer.';

CREATE FUNCTION rfmseg._create_published_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
	item record;
BEGIN
	FOR item IN SELECT * FROM rfmseg._customer_views() LOOP
		EXECUTE format('CREATE OR REPLACE VIEW %s.%I WITH (security_invoker = true) AS ', shown, item.relation)
			|| format(item.query, home, rfmseg._masked_source(deployment, item.relation, item.query));
	END LOOP;
	PERFORM rfmseg._create_changes_view(deployment);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.segment_profiles WITH (security_invoker = true) AS
	SELECT g.segment_name, g.segment_order, g.segment_color, r.as_of, r.refreshed_at,
		g.customer_count, g.segment_percentage, round(g.total_revenue, 2) AS total_revenue, g.revenue_percentage, r.currency,
		g.avg_days_since_purchase, g.avg_transaction_frequency, g.avg_total_spent, g.avg_order_value, g.avg_category_diversity,
		g.avg_discount_usage, g.avg_monthly_frequency, g.weekend_shopping_rate, g.top_category, g.avg_category_shares,
		g.avg_p_alive, g.avg_clv_12m, g.most_common_age, g.most_common_income, g.preferred_channel
	FROM %1$s.current_run r JOIN %1$s.run_segments g USING (run_id)
	$view$, home, shown);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.customer_distribution WITH (security_invoker = true) AS
	SELECT segment_name, segment_order, segment_color, as_of, refreshed_at, customer_count, segment_percentage AS customer_percentage
	FROM %1$s.segment_profiles
	$view$, shown);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.revenue_distribution WITH (security_invoker = true) AS
	SELECT segment_name, segment_order, segment_color, as_of, refreshed_at, total_revenue, revenue_percentage, currency
	FROM %1$s.segment_profiles
	$view$, shown);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.lifetime_value WITH (security_invoker = true) AS
	SELECT g.segment_name, g.segment_order, g.segment_color, r.as_of, r.refreshed_at,
		g.customer_count, g.avg_clv_12m, g.median_clv_12m, g.total_clv_12m, round(g.total_clv_12m * r.margin_rate, 2) AS total_clv_margin_12m,
		g.naive_annual_value, g.total_naive_annual_value, g.avg_p_alive, g.expected_purchases_12m,
		r.currency, r.discount_rate, r.margin_rate, r.lifetime_method
	FROM %1$s.current_run r JOIN %1$s.run_segments g USING (run_id)
	$view$, home, shown);

	-- To whom a row filter shows none of the totals, those of its own customers are
	-- computed; to all others that is a branch which is never taken.
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.performance_metrics WITH (security_invoker = true) AS
	SELECT g.segment_name, g.segment_order, g.segment_color, r.as_of, r.refreshed_at, g.customer_count,
		g.avg_order_value, g.median_order_value, g.avg_frequency, g.median_frequency,
		g.avg_total_spent AS avg_monetary, g.median_monetary, g.avg_days_since_purchase AS avg_recency_days, g.median_recency_days,
		r.currency
	FROM %1$s.current_run r JOIN %1$s.run_segments g USING (run_id)
	UNION ALL
	SELECT segment_name, segment_order, segment_color, as_of, refreshed_at,
		CASE WHEN shown THEN customer_count END,
		CASE WHEN shown THEN avg_order_value END, CASE WHEN shown THEN median_order_value END,
		CASE WHEN shown THEN avg_frequency END, CASE WHEN shown THEN median_frequency END,
		CASE WHEN shown THEN avg_monetary END, CASE WHEN shown THEN median_monetary END,
		CASE WHEN shown THEN avg_recency_days END, CASE WHEN shown THEN median_recency_days END,
		currency
	FROM (
		SELECT g.segment_name, g.segment_order, g.segment_color, r.as_of, r.refreshed_at, r.currency, c.*,
			coalesce(c.customers, 0) AS customer_count, %3$s AS shown
		FROM %1$s.current_run r
		CROSS JOIN %1$s.current_segments g
		LEFT JOIN (
			SELECT segment_name AS of_segment, count(*) AS customers,
				round(avg(avg_order_value), 2) AS avg_order_value,
				round((rfmseg.cut_points(rfmseg._as_float8(avg_order_value), 2))[1]::numeric, 2) AS median_order_value,
				round(avg(frequency), 2) AS avg_frequency,
				(rfmseg.cut_points(frequency, 2))[1] AS median_frequency,
				round(avg(monetary), 2) AS avg_monetary,
				round((rfmseg.cut_points(rfmseg._as_float8(monetary), 2))[1]::numeric, 2) AS median_monetary,
				round(avg(recency_days), 1) AS avg_recency_days,
				(rfmseg.cut_points(recency_days, 2))[1] AS median_recency_days
			FROM %1$s.scored_customers WHERE run_id = (SELECT run_id FROM %1$s.current_run) GROUP BY segment_name
		) AS c ON c.of_segment = g.segment_name
	) AS m
	WHERE NOT EXISTS (SELECT FROM %1$s.run_segments WHERE run_id = (SELECT run_id FROM %1$s.current_run))
	$view$, home, shown, rfmseg._is_shown('coalesce(c.customers, 0)', 'r.min_cell_size', 'g.segment_order'));

	FOR item IN
		SELECT * FROM (VALUES
			(home || '.scored_customers', 'The per-customer table: a partition for each run still read, with the data of the published views.'),
			(shown || '.customer_segments', 'One row a customer: metrics, scores, segment and why.'),
			(shown || '.customer_summary', 'One row a customer: what they bought and how.'),
			(shown || '.rfm_analysis', 'One row a customer: recency, frequency, monetary value and their scores.'),
			(shown || '.segment_profiles', 'One row a segment: size, worth, habits and demographics.'),
			(shown || '.customer_distribution', 'Customers by segment.'),
			(shown || '.revenue_distribution', 'Revenue by segment.'),
			(shown || '.lifetime_value', 'What customers are expected to spend in the next 12 months, by segment.'),
			(shown || '.performance_metrics', 'Mean and median of order value, frequency, monetary value and recency by segment.')
		) AS v (relation, description)
	LOOP
		PERFORM rfmseg._comment(item.relation, rfmseg._published_descriptions()
			|| CASE WHEN item.relation IN (shown || '.lifetime_value', shown || '.segment_profiles') THEN rfmseg._lifetime_descriptions() ELSE '{}' END
			|| jsonb_build_object('', item.description));
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._create_published_views(text) IS 'Internal: makes or replaces the published views of a deployment''s segments.';
