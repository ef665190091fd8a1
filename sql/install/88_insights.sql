-------------------------------------------------------------------------------
-- Insights: distributions, demographics, recommendations, return on investment
-------------------------------------------------------------------------------
-- Computed once by each run from its customers, and kept with it, so that the
-- published views read a few rows.

CREATE FUNCTION rfmseg._insight_descriptions()
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT rfmseg._published_descriptions() || rfmseg._lifetime_descriptions() || $json${
		"segment_name": "RFM segment; of recommendations also behavioural segments, see kind.",
		"measure": "recency_days, frequency or monetary.",
		"cohort_month": "First day of the local month in which these customers bought for the first time.",
		"months_since": "Months from then, 0 for that month itself, to the last one that had begun before as_of and so may be incomplete.",
		"customers": "Customers of the cohort.",
		"active_customers": "Those of them with a purchase in the month.",
		"seen_customers": "Those of them with a purchase or a return in the month.",
		"retention_rate": "active_customers / customers, 0 to 1.",
		"revenue": "What they spent in the month, returns counted where the order that they belong to is.",
		"min": "Least value.", "q1": "First quartile: a quarter of the customers has no more.", "median": "Median.",
		"q3": "Third quartile.", "max": "Greatest value.",
		"customer_count": "Customers.",
		"total_revenue": "Sum of their monetary value.",
		"sum_m_score": "Sum of their monetary scores.",
		"dimension": "age_bracket, income_bracket, gender, state, preferred_channel or behavioral_segment.",
		"value": "Value of it; NULL: not known.",
		"kind": "rfm: RFM segment; behavioral: behavioural segment.",
		"action": "What to do.",
		"rationale": "Why.",
		"naive_annual_value": "What these customers have spent a year so far, those of less than a year counted as one year old.",
		"revenue_at_stake": "What these customers have spent a year so far: what stops if they stop.",
		"reach": "Share of the segment's customers that are contacted, 0 to 1.",
		"response_rate": "Share of those contacted who respond, 0 to 1.",
		"cost_per_contact": "Cost of contacting one, in the deployment's currency.",
		"lift": "By how much the next 12 months' value of one who responds rises: 0.1 is ten per cent of clv_12m.",
		"note": "Where the numbers come from.",
		"customers_targeted": "Customers contacted.",
		"cost": "What contacting them costs.",
		"expected_lift": "Rise of revenue among the customers contacted, as a campaign has measured it; else rise of value among those who respond, as assumed: see basis.",
		"expected_return": "Value added: customers_targeted times what the campaign brought a head, in its days; or without one times response_rate times expected_lift times avg_clv_12m, and times the margin rate if one is set; NULL without lifetime values.",
		"roi_percentage": "(expected_return - cost) / cost, per cent.",
		"campaign": "The campaign that measured expected_lift; NULL: it is assumed.",
		"basis": "What the numbers rest on: a campaign with a control group, or assumptions of yours, or of nobody's yet."
	}$json$::jsonb
$body$;
COMMENT ON FUNCTION rfmseg._insight_descriptions() IS 'Internal: what the columns of insights say, by name.';

CREATE FUNCTION rfmseg._create_insights(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	item record;
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %1$s.run_values (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		segment_name text,
		measure text,
		min numeric,
		q1 numeric,
		median numeric,
		q3 numeric,
		max numeric,
		PRIMARY KEY (run_id, segment_name, measure)
	);
	CREATE TABLE %1$s.run_grid (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		r_score int,
		f_score int,
		customer_count bigint,
		total_revenue numeric,
		sum_m_score bigint,
		PRIMARY KEY (run_id, r_score, f_score)
	);
	CREATE TABLE %1$s.run_demographics (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		dimension text,
		value text,
		customer_count bigint,
		total_revenue numeric,
		naive_annual_value numeric,
		UNIQUE NULLS NOT DISTINCT (run_id, dimension, value)
	);
	CREATE TABLE %1$s.run_cohorts (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		cohort_month date,
		months_since int,
		active_customers bigint,
		seen_customers bigint,
		revenue numeric,
		PRIMARY KEY (run_id, cohort_month, months_since)
	);
	CREATE TABLE %1$s.behavioral_actions (
		segment_name text PRIMARY KEY,
		segment_order int NOT NULL UNIQUE,
		action text NOT NULL,
		rationale text NOT NULL
	);
	CREATE TABLE %1$s.roi_assumptions (
		segment_name text PRIMARY KEY,
		reach numeric NOT NULL CHECK (reach BETWEEN 0 AND 1),
		response_rate numeric NOT NULL CHECK (response_rate BETWEEN 0 AND 1),
		cost_per_contact numeric NOT NULL CHECK (cost_per_contact BETWEEN 0 AND 1e12),
		lift numeric NOT NULL CHECK (lift BETWEEN -1 AND 100),
		note text
	)$ddl$, home);
	EXECUTE format($dml$
	INSERT INTO %1$s.behavioral_actions VALUES
		('High-Value Loyalists', 1, 'Give them early access and a person to call; ask them to bring a friend.', 'They score high on everything, and their orders are large.'),
		('Frequent Shoppers', 2, 'Reward visits, and offer to deliver regularly.', 'They buy twice a month or more.'),
		('Discount Hunters', 3, 'Keep discounts to clearances, and try what a bundle does instead.', 'Three in ten of their purchases or more came with a discount.'),
		('Occasional Buyers', 4, 'Remind them at the times of year at which they buy.', 'They buy seldom, but spend well when they do.'),
		('New/Inactive Customers', 5, 'Welcome those who are new; ask the others once why they stay away.', 'They bought once, or not for long.'),
		('Category Specialists', 6, 'Show them what goes with what they buy.', 'They buy from one or two categories.'),
		('Regular Customers', 7, 'Keep in touch at the pace at which they buy.', 'Nothing sets them apart.')$dml$, home);
	-- one line for all segments that have none of their own
	EXECUTE format('INSERT INTO %s.roi_assumptions VALUES (''*'', 1, 0.05, 1, 0.1, ''Shipped with rfmseg: round numbers, nobody''''s experience.'')', home);
	FOR item IN
		SELECT * FROM (VALUES
			('run_values', 'Distribution of values in each segment and run.'),
			('run_grid', 'Customers by recency and frequency score in each run.'),
			('run_demographics', 'Customers by demographic value in each run.'),
			('run_cohorts', 'Customers by the month of their first purchase, and what they did in each month since, of the run whose segments are published: months in which they did something.'),
			('behavioral_actions', 'What to do about each behavioural segment: edit it.'),
			('roi_assumptions', 'What a campaign to each segment is assumed to reach, cost and bring: edit it, one row a segment; "*" holds for all that have none.')
		) AS v (relation, description)
	LOOP
		PERFORM rfmseg._comment(format('%s.%I', home, item.relation), rfmseg._insight_descriptions() || jsonb_build_object('', item.description));
	END LOOP;
	PERFORM rfmseg._create_insight_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_insights(text) IS 'Internal: makes the tables of a deployment''s insights.';

CREATE FUNCTION rfmseg._write_insights(deployment text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	mine text := home || '.' || quote_ident('scored_customers_' || run);
BEGIN
	PERFORM rfmseg._insert_totals((home || '.run_values')::regclass, format($query$
		SELECT %2$s, c.segment_name, m.measure, round(m.min, 2), round(m.cuts[1]::numeric, 2), round(m.cuts[2]::numeric, 2), round(m.cuts[3]::numeric, 2), round(m.max, 2)
		FROM (
			SELECT segment_name,
				min(recency_days)::numeric AS r_min, rfmseg.cut_points(recency_days, 4) AS r, max(recency_days)::numeric AS r_max,
				min(frequency)::numeric AS f_min, rfmseg.cut_points(frequency, 4) AS f, max(frequency)::numeric AS f_max,
				min(monetary) AS m_min, rfmseg.cut_points(rfmseg._as_float8(monetary), 4) AS m, max(monetary) AS m_max
			FROM %1$s GROUP BY segment_name
		) AS c, LATERAL (VALUES ('recency_days', r_min, r, r_max), ('frequency', f_min, f, f_max), ('monetary', m_min, m, m_max)) AS m (measure, min, cuts, max)
		$query$, mine, run));
	PERFORM rfmseg._insert_totals((home || '.run_grid')::regclass,
		format('SELECT %2$s, r_score, f_score, count(*), sum(monetary), sum(m_score) FROM %1$s GROUP BY r_score, f_score', mine, run));
	EXECUTE format($query$
		INSERT INTO %1$s.run_demographics
		SELECT $1, CASE WHEN grouping(age_bracket) = 0 THEN 'age_bracket' WHEN grouping(income_bracket) = 0 THEN 'income_bracket' WHEN grouping(gender) = 0 THEN 'gender'
				WHEN grouping(state) = 0 THEN 'state' WHEN grouping(preferred_channel) = 0 THEN 'preferred_channel' ELSE 'behavioral_segment' END,
			coalesce(age_bracket, income_bracket, gender, state, preferred_channel, behavioral_segment), count(*), sum(monetary),
			round(sum(coalesce(lifetime_monetary / greatest(t_age / 365.25, 1)::numeric, 0)), 2)
		FROM %2$s
		GROUP BY GROUPING SETS (age_bracket, income_bracket, gender, state, preferred_channel, behavioral_segment)
		$query$, home, mine) USING run;
END
$body$;
COMMENT ON FUNCTION rfmseg._write_insights(text, int) IS 'Internal: computes the insights of a run.';

-- Every run reads the whole past again, so the last one's cohorts are enough.
CREATE FUNCTION rfmseg._write_cohorts(deployment text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	n bigint;
BEGIN
	EXECUTE format('DELETE FROM %s.run_cohorts', home);
	EXECUTE format($query$
		INSERT INTO %1$s.run_cohorts
		SELECT $1, c.* FROM %1$s.%2$I s,
			jsonb_to_recordset(s.cohorts) AS c (cohort_month date, months_since int, active_customers bigint, seen_customers bigint, revenue numeric)
		WHERE s.customer_id IS NULL$query$, home, 'stage_' || run) USING run;
	GET DIAGNOSTICS n = ROW_COUNT;
	IF n = 0 THEN
		RAISE WARNING '%: cohort_retention is empty, as purchases lie in too many different months', deployment
			USING HINT = 'Look for dates that cannot be: first_purchase_at in customer_segments shows them.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._write_cohorts(text, int) IS
'Internal: puts the cohorts that were tallied while customers were summed up in place of those of the run before.';

CREATE FUNCTION rfmseg._leave_out_small_insights(deployment text, run int, smallest int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format('DELETE FROM %1$s.run_values v USING %1$s.run_segments g WHERE v.run_id = $1 AND g.run_id = $1 AND g.segment_name = v.segment_name AND g.customer_count IS NULL', home)
		USING run;
	PERFORM rfmseg._leave_out_small(home || '.run_grid', 'run_id', run, 'customer_count', 'r_score, f_score', '{r_score,f_score}', smallest);
	PERFORM rfmseg._leave_out_small(home || '.run_demographics', 'run_id', run, 'customer_count', 'value', '{dimension,value}', smallest, 'dimension');
	PERFORM rfmseg._leave_out_small(home || '.run_migrations', 'run_id', run, 'customer_count', 'from_segment, to_segment', '{from_as_of,from_segment,to_segment}', smallest);

	-- Sizes of cohorts have a total that is published, and money of all cells has
	-- one.  A cohort whose size is left out has no cell that is told; a month in
	-- which nobody bought may tell what a few returned.
	PERFORM rfmseg._leave_out_small(home || '.run_cohorts', 'run_id', run, 'coalesce(nullif(active_customers, 0), seen_customers)',
		'cohort_month, months_since', '{cohort_month,months_since}', smallest, 'months_since = 0');
	EXECUTE format('DELETE FROM %1$s.run_cohorts c USING %1$s.run_cohorts s WHERE c.run_id = $1 AND s.run_id = $1'
		' AND s.cohort_month = c.cohort_month AND s.months_since = 0 AND s.active_customers IS NULL AND c.months_since > 0', home)
		USING run;
END
$body$;
COMMENT ON FUNCTION rfmseg._leave_out_small_insights(text, int, int) IS
'Internal: takes the figures out of those insights of a run that few customers make up; once run_segments is through with that.';

CREATE FUNCTION rfmseg._create_insight_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
	item record;
BEGIN
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.value_distribution WITH (security_invoker = true) AS
	SELECT g.segment_name, g.segment_order, g.segment_color, r.as_of, r.refreshed_at, m.measure, g.customer_count, v.min, v.q1, v.median, v.q3, v.max,
		CASE m.measure WHEN 'monetary' THEN r.currency END AS currency
	FROM %1$s.current_run r JOIN %1$s.run_segments g USING (run_id)
	CROSS JOIN (VALUES ('recency_days'), ('frequency'), ('monetary')) AS m (measure)
	LEFT JOIN %1$s.run_values v ON v.run_id = r.run_id AND v.segment_name = g.segment_name AND v.measure = m.measure
	$view$, home, shown);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.rfm_grid WITH (security_invoker = true) AS
	SELECT s.r_score, s.f_score, r.as_of, r.refreshed_at, CASE WHEN g.run_id IS NULL THEN 0 ELSE g.customer_count END AS customer_count,
		CASE WHEN g.run_id IS NULL THEN 0 ELSE round(g.total_revenue, 2) END AS total_revenue, CASE WHEN g.run_id IS NULL THEN 0 ELSE g.sum_m_score END AS sum_m_score, r.currency
	FROM %1$s.current_run r
	CROSS JOIN LATERAL (SELECT x AS r_score, y AS f_score FROM generate_series(1, r.bins) AS x, generate_series(1, r.bins) AS y) AS s
	LEFT JOIN %1$s.run_grid g ON g.run_id = r.run_id AND g.r_score = s.r_score AND g.f_score = s.f_score
	WHERE EXISTS (SELECT FROM %1$s.run_grid WHERE run_id = r.run_id)
	$view$, home, shown);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.demographics WITH (security_invoker = true) AS
	SELECT d.dimension, d.value, r.as_of, r.refreshed_at, d.customer_count,
		round(100.0 * d.customer_count / sum(d.customer_count) OVER (PARTITION BY d.dimension), 1) AS customer_percentage, round(d.total_revenue, 2) AS total_revenue, r.currency
	FROM %1$s.current_run r JOIN %1$s.run_demographics d USING (run_id)
	$view$, home, shown);

	-- Months in which nothing happened have no row, and are 0; unless the cohort
	-- is left out.  In their first month all customers of a cohort are active.
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.cohort_retention WITH (security_invoker = true) AS
	SELECT s.cohort_month, (m.place - 1)::int AS months_since, r.as_of, r.refreshed_at, s.active_customers AS customers, v.active_customers,
		round(v.active_customers::numeric / s.active_customers, 4) AS retention_rate, round(v.revenue, 2) AS revenue, r.currency
	FROM %1$s.current_run r JOIN %1$s.run_cohorts s ON s.run_id = r.run_id AND s.months_since = 0
	CROSS JOIN LATERAL generate_series(s.cohort_month::timestamp, r.last_month::timestamp, interval '1 month') WITH ORDINALITY AS m (month, place)
	LEFT JOIN %1$s.run_cohorts c ON c.run_id = r.run_id AND c.cohort_month = s.cohort_month AND c.months_since = m.place - 1
	CROSS JOIN LATERAL (SELECT CASE WHEN c.run_id IS NOT NULL THEN c.active_customers WHEN s.active_customers IS NOT NULL THEN 0 END,
		CASE WHEN c.run_id IS NOT NULL THEN c.revenue WHEN s.active_customers IS NOT NULL THEN 0 END) AS v (active_customers, revenue)
	$view$, home, shown);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.recommendations WITH (security_invoker = true) AS
	SELECT 'rfm' AS kind, g.segment_name, g.segment_order, g.segment_color, r.as_of, r.refreshed_at, s.recommended_action AS action, s.meaning AS rationale,
		g.customer_count, g.total_naive_annual_value AS revenue_at_stake, r.currency
	FROM %1$s.current_run r JOIN %1$s.run_segments g USING (run_id)
	LEFT JOIN %1$s.segments s ON s.ruleset = r.ruleset AND s.segment_name = g.segment_name
	UNION ALL
	SELECT 'behavioral', b.segment_name, b.segment_order, NULL, r.as_of, r.refreshed_at, b.action, b.rationale, CASE WHEN d.run_id IS NULL THEN 0 ELSE d.customer_count END,
		CASE WHEN d.run_id IS NULL THEN 0 ELSE d.naive_annual_value END, r.currency
	FROM %1$s.current_run r CROSS JOIN %1$s.behavioral_actions b
	LEFT JOIN %1$s.run_demographics d ON d.run_id = r.run_id AND d.dimension = 'behavioral_segment' AND d.value = b.segment_name
	$view$, home, shown);

	-- What a campaign to the whole segment has shown goes before what is assumed,
	-- the last one that showed anything.
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.roi_analysis WITH (security_invoker = true) AS
	SELECT g.segment_name, g.segment_order, g.segment_color, r.as_of, r.refreshed_at, t.customers_targeted, t.cost, g.avg_p_alive, g.avg_clv_12m,
		coalesce(m.revenue_lift, a.lift) AS expected_lift, t.expected_return, round(100 * (t.expected_return - t.cost) / nullif(t.cost, 0), 1) AS roi_percentage, r.currency,
		CASE WHEN m.campaign IS NOT NULL
			THEN format('Measured: campaign %%L brought %%s %%s a head in %%s days, a lift of %%s %%%% (95 %%%%: %%s to %%s)%%s. Assumed%%s: %%s %%%% of customers reached, %%s %%s each.',
				m.campaign, r.currency, round(m.incremental_per_head, 2), m.days, round(100 * m.revenue_lift, 1), round(100 * m.revenue_lift_low, 1), round(100 * m.revenue_lift_high, 1),
				CASE WHEN r.margin_rate IS NOT NULL THEN format(', of which %%s %%%% are kept', round(100 * r.margin_rate, 1)) END,
				CASE WHEN a.segment_name = '*' THEN ' for all segments' END, round(100 * a.reach, 1), r.currency, a.cost_per_contact)
			ELSE format('Assumed%%s: %%s %%%% of customers reached, %%s %%%% respond, %%s %%s each; those who respond spend %%s %%%% more than expected%%s.',
				CASE WHEN a.segment_name = '*' THEN ' for all segments' END, round(100 * a.reach, 1), round(100 * a.response_rate, 1), r.currency, a.cost_per_contact,
				round(100 * a.lift, 1), CASE WHEN g.avg_clv_12m IS NULL THEN ', which is not known without lifetime values'
					WHEN r.margin_rate IS NULL THEN ', in revenue' ELSE format(', of which %%s %%%% are kept', round(100 * r.margin_rate, 1)) END) END AS basis,
		m.campaign
	FROM %1$s.current_run r JOIN %1$s.run_segments g USING (run_id)
	CROSS JOIN LATERAL (SELECT * FROM %1$s.roi_assumptions WHERE segment_name IN (g.segment_name, '*') ORDER BY segment_name = '*' LIMIT 1) AS a
	LEFT JOIN LATERAL (SELECT p.campaign, p.days, l.revenue_lift, l.revenue_lift_low, l.revenue_lift_high, l.incremental_per_head
		FROM %1$s.campaigns p JOIN %1$s.campaign_arms l USING (campaign_id)
		WHERE p.segment_name = g.segment_name AND p.behavioral_segment IS NULL AND p.min_clv IS NULL
			AND (l.revenue_lift_low > 0 OR l.revenue_lift_high < 0)
		ORDER BY p.ends_at DESC, p.campaign_id DESC LIMIT 1) AS m ON true
	CROSS JOIN LATERAL (SELECT n AS customers_targeted, round(n * a.cost_per_contact, 2) AS cost,
			round(CASE WHEN m.campaign IS NOT NULL THEN n * m.incremental_per_head ELSE n * a.response_rate * a.lift * g.avg_clv_12m END * coalesce(r.margin_rate, 1), 2) AS expected_return
		FROM (SELECT round(g.customer_count * a.reach)) AS n (n)) AS t
	$view$, home, shown);

	FOR item IN
		SELECT * FROM (VALUES
			('value_distribution', 'Least, quartiles and greatest of recency, frequency and monetary value in each segment: box plots.'),
			('rfm_grid', 'Customers by recency and frequency score: a heat map.'),
			('demographics', 'Customers by age, income, gender, state, channel and behavioural segment.'),
			('cohort_retention', 'Customers by the month of their first purchase, and how many of them bought in each month since: of all purchases ever, whatever the lookback.'),
			('recommendations', 'What to do about each segment, RFM and behavioural, and for how many customers.'),
			('roi_analysis', 'What a campaign to each segment would bring: by the lift that one with a control group has measured, or else on assumptions that the owner edits and by the customers'' own expected value.')
		) AS v (relation, description)
	LOOP
		PERFORM rfmseg._comment(format('%s.%I', shown, item.relation), rfmseg._insight_descriptions() || jsonb_build_object('', item.description));
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._create_insight_views(text) IS 'Internal: makes the views of a deployment''s insights.';
