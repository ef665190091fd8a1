-------------------------------------------------------------------------------
-- The six steps of a refresh
-------------------------------------------------------------------------------
-- Each is a function that finds what it needs in the run's row:
--   1 plan       settings, ruleset, as_of           one look at the source
--   2 summarize  one row per customer               stage_<run>
--   3 cut        cut points                         cut_points
--   4 score      scores and segments                scored_customers_<run>
--   5 record     profiles, drift, reconciliation    run_segments, run_checks
--   6 publish    make the run current               runs.is_current

-- Step 1

CREATE FUNCTION rfmseg._check_source(infinite bigint, unnumbered bigint, currency text, other_currency text, wanted_currency text)
RETURNS void LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF infinite > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('infinite transaction_date in %s row(s) of the source', infinite),
			HINT = 'Leave them out with a filter in the mapping, or mend them.';
	ELSIF unnumbered > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('amount that is NaN or infinite in %s row(s) of the source', unnumbered),
			HINT = 'Leave them out with a filter in the mapping, or mend them.';
	ELSIF currency <> other_currency OR currency LIKE '% without fx_rate' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the source''s amounts have no common currency: %s', concat_ws(', ', currency, nullif(other_currency, currency))),
			HINT = format('Map fx_rate, the factor to %s for every row.', wanted_currency);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_source(bigint, bigint, text, text, text) IS
'Internal: an error for what no refresh can work with; both looks at the source ask, as rows may come between them.';

CREATE FUNCTION rfmseg._plan_run(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	s record;
	rules record;
	uncovered record;
	seen record;
	given timestamptz;
	started timestamptz;
BEGIN
	EXECUTE format('SELECT * FROM %s.settings', home) INTO s;
	EXECUTE format('SELECT as_of, started_at FROM %s.runs WHERE run_id = $1', home) INTO given, started USING run;
	EXECUTE format('SELECT * FROM %s.rulesets WHERE ruleset = $1', home) INTO rules USING s.ruleset;
	IF rules.ruleset IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('ruleset "%s" does not exist', s.ruleset),
			HINT = format('%s.rulesets lists those there are; choose one with rfmseg.configure(%L, ruleset => ...).', home, deployment);
	ELSIF rules.bins <> s.bins THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('ruleset "%s" is made for %s bins, not %s', s.ruleset, rules.bins, s.bins),
			HINT = format('Configure bins and a ruleset for as many together: rfmseg.configure(%L, bins => ..., ruleset => ...).', deployment);
	END IF;
	SELECT * INTO uncovered FROM rfmseg.lint_ruleset(s.ruleset, deployment) WHERE problem = 'uncovered codes';
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('ruleset "%s" leaves %s code(s) without a segment', s.ruleset, cardinality(uncovered.codes)),
			DETAIL = format('r-f-m: %s%s.', array_to_string(uncovered.codes[1:10], ', '),
				' and ' || nullif(greatest(cardinality(uncovered.codes) - 10, 0), 0) || ' more'),
			HINT = format('Add rules to %s.rules until rfmseg.lint_ruleset(%L, %L) is content.', home, s.ruleset, deployment);
	END IF;
	IF s.cut_mode = 'own' THEN
		PERFORM rfmseg._check_cuts('r', s.r_cuts, s.bins);
		PERFORM rfmseg._check_cuts('f', s.f_cuts, s.bins);
		PERFORM rfmseg._check_cuts('m', s.m_cuts, s.bins);
	END IF;

	PERFORM rfmseg._check_key(deployment);
	IF NOT isfinite(given) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'as_of must not be infinite', HINT = 'Give the instant from which recency counts.';
	END IF;

	EXECUTE format($query$
		SELECT count(*) AS rows,
			count(*) FILTER (WHERE NOT isfinite(transaction_date)) AS infinite,
			count(*) FILTER (WHERE total_amount IN ('NaN', 'Infinity', '-Infinity')) AS unnumbered,
			min(currency) AS currency, max(currency) AS other_currency,
			max(transaction_date) FILTER (WHERE problem IS NULL AND NOT is_return AND transaction_date <= $1) AS last_purchase
		FROM %s.transaction_lines$query$, home) INTO seen USING started;
	PERFORM rfmseg._check_source(seen.infinite, seen.unnumbered, seen.currency, seen.other_currency, s.currency);
	IF seen.last_purchase IS NULL AND given IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'no_data_found',
			MESSAGE = format('deployment "%s" has no purchases', deployment),
			DETAIL = format('Its source has %s rows, none of them a purchase up to now.', seen.rows),
			HINT = format('Fill %I.transactions, or look at rfmseg.check_mapping(%L).', deployment || '_raw', deployment);
	END IF;
	-- Events later than the run's start wait, also if as_of is the coming
	-- midnight, unless the caller looks ahead.
	EXECUTE format($update$
		UPDATE %s.runs SET
			as_of = $2, as_of_mode = $3, events_until = CASE $3 WHEN 'given' THEN $2 ELSE least($2, $4) END, settings = $5,
			ruleset = $6, bins = $7, r_closed = $8, f_closed = $9, m_closed = $10, last_purchase_at = $11
		WHERE run_id = $1$update$, home)
	USING run,
		coalesce(given, CASE s.as_of_mode WHEN 'clock' THEN started
			ELSE ((seen.last_purchase AT TIME ZONE s.time_zone)::date + 1)::timestamp AT TIME ZONE s.time_zone END),
		CASE WHEN given IS NULL THEN s.as_of_mode ELSE 'given' END,
		started,
		to_jsonb(s) - '{only_row,recut_pending}'::text[],
		s.ruleset, s.bins, rules.r_closed, rules.f_closed, rules.m_closed, seen.last_purchase;
	RETURN seen.rows;
END
$body$;
COMMENT ON FUNCTION rfmseg._plan_run(text, int) IS
'Internal, step 1: checks settings, ruleset and source, and puts what the run is to do into its row; rows of the source.';

-- Step 2

CREATE FUNCTION rfmseg._summarize(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	r record;
	zone text;
	since timestamptz;
	counted text;
	recent text := 'true';
	seen record;
	n bigint;
BEGIN
	EXECUTE format('SELECT * FROM %s.runs WHERE run_id = $1', home) INTO r USING run;
	zone := r.settings ->> 'time_zone';
	since := (r.as_of AT TIME ZONE zone - (r.settings ->> 'lookback')::interval) AT TIME ZONE zone;

	-- A return moves nothing but money, and one of zero not even that.
	counted := format('problem IS NULL AND transaction_date <= %L::timestamptz AND %s', r.events_until,
		CASE r.settings ->> 'returns' WHEN 'drop' THEN 'NOT is_return' ELSE 'NOT (is_return AND total_amount = 0)' END);
	IF since IS NOT NULL THEN
		recent := format('transaction_date > %L::timestamptz', since);
	END IF;

	EXECUTE format($query$
	CREATE UNLOGGED TABLE %1$s.%2$I AS
	WITH line AS (
		SELECT *, is_counted AND %4$s AS is_recent
		FROM (
			SELECT customer_id, transaction_date, transaction_day, total_amount, order_id::text AS order_key, product_id, category,
				quantity, discount_amount, currency, is_return, problem,
				coalesce(problem IS NULL AND transaction_date > %6$L::timestamptz, false) AS is_later,
				coalesce(%3$s, false) AS is_counted
			FROM %1$s.transaction_lines
		) AS l
	), customer AS (
		SELECT customer_id,
			rfmseg.rfm(transaction_date, total_amount, %5$L, order_key, %7$L) FILTER (WHERE is_counted AND customer_id IS NOT NULL) AS ever,
			rfmseg.rfm(transaction_date, total_amount, %5$L, order_key, %7$L) FILTER (WHERE %8$I AND customer_id IS NOT NULL) AS recent,
			count(DISTINCT product_id) FILTER (WHERE is_recent AND NOT is_return) AS products,
			count(DISTINCT category) FILTER (WHERE is_recent AND NOT is_return) AS categories,
			sum(quantity) FILTER (WHERE is_recent AND NOT is_return) AS items,
			avg(discount_amount) FILTER (WHERE is_recent AND NOT is_return) AS avg_discount,
			count(*) AS rows,
			sum(total_amount) AS amount,
			min(currency) AS currency,
			max(currency) AS other_currency,
			count(*) FILTER (WHERE NOT isfinite(transaction_date)) AS infinite,
			count(*) FILTER (WHERE total_amount IN ('NaN', 'Infinity', '-Infinity')) AS unnumbered,
			count(*) FILTER (WHERE problem = 'no date') AS undated_rows,
			sum(total_amount) FILTER (WHERE problem = 'no date') AS undated,
			count(*) FILTER (WHERE problem = 'no amount') AS unpriced_rows,
			count(*) FILTER (WHERE problem = 'negative, not a return') AS negative_rows,
			sum(total_amount) FILTER (WHERE problem = 'negative, not a return') AS negative,
			count(*) FILTER (WHERE is_later) AS later_rows,
			sum(total_amount) FILTER (WHERE is_later) AS later,
			count(*) FILTER (WHERE problem IS NULL AND NOT is_later AND NOT is_counted) AS dropped_rows,
			sum(total_amount) FILTER (WHERE problem IS NULL AND NOT is_later AND NOT is_counted) AS dropped,
			count(*) FILTER (WHERE is_counted AND NOT is_recent) AS older_rows,
			sum(total_amount) FILTER (WHERE is_counted AND NOT is_recent) AS older,
			count(*) FILTER (WHERE is_recent) AS counted_rows,
			sum(total_amount) FILTER (WHERE is_recent) AS counted,
			count(*) FILTER (WHERE is_recent AND is_return) AS return_rows,
			sum(total_amount) FILTER (WHERE is_recent AND is_return) AS returned,
			sum(hash_numeric_extended(total_amount, hashtextextended(coalesce('order ' || order_key, 'day'),
				hashfloat8extended(date_part('epoch', transaction_date), 0)))) FILTER (WHERE is_counted) AS digest
		FROM line GROUP BY customer_id
	), purchase AS (
		-- rules 3 and 4 of rfm(): what is a purchase, and which is its day
		SELECT customer_id,
			bool_or(discount_amount > 0) FILTER (WHERE NOT is_return) AS is_discounted,
			min(transaction_day) FILTER (WHERE NOT is_return) AS day
		FROM line
		WHERE is_recent AND customer_id IS NOT NULL
		GROUP BY customer_id, order_key, CASE WHEN order_key IS NULL THEN transaction_day END
		HAVING bool_or(NOT is_return)
			AND (NOT bool_or(is_return) OR CASE WHEN order_key IS NULL THEN sum(total_amount) <> 0 ELSE sum(total_amount) > 0 END)
	), habit AS (
		SELECT customer_id,
			CASE WHEN count(is_discounted) > 0 THEN round(count(*) FILTER (WHERE is_discounted)::numeric / count(*), 4) END AS discount_usage_rate,
			round(count(*) FILTER (WHERE extract(dow FROM day) IN (0, 6))::numeric / count(*), 4) AS weekend_shopping_rate
		FROM purchase GROUP BY customer_id
	), gap AS (
		SELECT customer_id, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS days
		FROM purchase GROUP BY customer_id, day
	), rhythm AS (
		SELECT customer_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY days)::numeric AS median_gap_days
		FROM gap WHERE days IS NOT NULL GROUP BY customer_id
	), spending AS (
		SELECT customer_id, category, sum(total_amount) AS spent
		FROM line WHERE is_recent AND NOT is_return AND category IS NOT NULL AND customer_id IS NOT NULL
		GROUP BY customer_id, category
	), sharing AS (
		SELECT customer_id, category, spent, round(spent / nullif(sum(spent) OVER (PARTITION BY customer_id), 0), 4) AS share
		FROM spending
	), taste AS (
		SELECT customer_id,
			(array_agg(category ORDER BY spent DESC, category COLLATE "C"))[1] AS top_category,
			max(share) AS top_category_share,
			jsonb_object_agg(category, share) AS category_shares
		FROM sharing GROUP BY customer_id
	)
	SELECT c.customer_id,
		(c.ever).first_purchase_at, (c.ever).last_purchase_at,
		((c.ever).last_purchase_at AT TIME ZONE %7$L)::date AS last_purchase_date,
		(c.ever).recency_days, (c.ever).frequency AS lifetime_frequency, (c.ever).monetary AS lifetime_monetary,
		coalesce((c.recent).frequency, 0) AS frequency, coalesce((c.recent).monetary, 0) AS monetary, (c.recent).avg_order_value,
		(c.ever).frequency_repeat, (c.ever).recency_btyd, (c.ever).t_age, (c.ever).monetary_value,
		round((((c.recent).frequency - 1) * 365.25 / 12 / nullif((c.recent).recency_btyd, 0)::numeric), 4) AS avg_monthly_frequency,
		c.items AS total_items_purchased,
		nullif(c.products, 0) AS unique_products_purchased,
		nullif(c.categories, 0) AS unique_categories_purchased,
		h.discount_usage_rate, round(c.avg_discount, 4) AS avg_discount_amount, h.weekend_shopping_rate, m.median_gap_days,
		t.top_category, t.top_category_share, t.category_shares,
		c.rows, c.amount, c.currency, c.other_currency, c.infinite, c.unnumbered,
		c.undated_rows, c.undated, c.unpriced_rows, c.negative_rows, c.negative, c.later_rows, c.later,
		c.dropped_rows, c.dropped, c.older_rows, c.older, c.counted_rows, c.counted, c.return_rows, c.returned, c.digest
	FROM customer c LEFT JOIN habit h USING (customer_id) LEFT JOIN rhythm m USING (customer_id) LEFT JOIN taste t USING (customer_id)
	$query$, home, 'stage_' || run, counted, recent, r.as_of, r.events_until, zone,
		-- without a lookback both aggregates are the same, and computed once
		CASE WHEN since IS NULL THEN 'is_counted' ELSE 'is_recent' END);
	GET DIAGNOSTICS n = ROW_COUNT;

	EXECUTE format($query$
		SELECT sum(rows) AS rows, sum(infinite)::bigint AS infinite, sum(unnumbered)::bigint AS unnumbered,
			min(currency) AS currency, max(other_currency) AS other_currency
		FROM %s.%I$query$, home, 'stage_' || run) INTO seen;
	PERFORM rfmseg._check_source(seen.infinite, seen.unnumbered, seen.currency, seen.other_currency, r.settings ->> 'currency');
	IF seen.currency <> r.settings ->> 'currency' THEN
		RAISE NOTICE 'the source is in %, so the segments are, not in % as configured', seen.currency, r.settings ->> 'currency';
	END IF;
	EXECUTE format('UPDATE %s.runs SET source_rows = coalesce($2, 0), currency = coalesce($3, settings ->> ''currency'') WHERE run_id = $1', home)
		USING run, seen.rows, seen.currency;
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._summarize(text, int) IS
'Internal, step 2: one row per customer, and one for all guests, in one statement and so from one snapshot; rows written.';

-- Step 3

CREATE FUNCTION rfmseg._is_late(deployment text, run int)
RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	late boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %1$s.runs n JOIN %1$s.runs c ON c.is_current AND n.as_of < c.as_of'
		' WHERE n.run_id = $1 AND n.as_of_mode = ''given'')', quote_ident(deployment || '_core')) INTO late USING run;
	RETURN late;
END
$body$;
COMMENT ON FUNCTION rfmseg._is_late(text, int) IS
'Internal: whether a run was asked to look further back than the published one, and so writes history only.';

CREATE FUNCTION rfmseg._cut(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	s record;
	fresh record;
	latest record;
	used record;
	is_late boolean;
	anew boolean;
	same boolean;
BEGIN
	EXECUTE format('SELECT * FROM %s.settings', home) INTO s;
	EXECUTE format($query$
		SELECT rfmseg.cut_points(recency_days, $1) AS r, rfmseg.cut_points(frequency, $1) AS f,
			rfmseg.cut_points(monetary::float8, $1) AS m, count(*) AS customers
		FROM %s.%I WHERE customer_id IS NOT NULL AND lifetime_frequency > 0$query$, home, 'stage_' || run) INTO fresh USING s.bins;
	IF fresh.customers = 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'no_data_found',
			MESSAGE = format('deployment "%s" has no customers with a purchase', deployment),
			HINT = format('Look at rfmseg.check_mapping(%L): rows without customer, returns and later rows make no customer.', deployment);
	END IF;

	EXECUTE format('SELECT * FROM %s.cut_points WHERE cut_mode = $1 ORDER BY version DESC LIMIT 1', home) INTO latest USING s.cut_mode;
	is_late := rfmseg._is_late(deployment, run);

	-- a look back freezes nothing for the future
	anew := latest.version IS NULL OR cardinality(latest.r_cuts) <> s.bins - 1 OR (s.recut_pending AND NOT is_late);
	IF s.cut_mode = 'own' THEN
		SELECT s.r_cuts AS r, s.f_cuts AS f, s.m_cuts AS m INTO used;
	ELSIF s.cut_mode = 'frozen' AND NOT anew THEN
		SELECT latest.r_cuts AS r, latest.f_cuts AS f, latest.m_cuts AS m INTO used;
	ELSE
		SELECT fresh.r, fresh.f, fresh.m INTO used;
	END IF;
	same := (latest.r_cuts, latest.f_cuts, latest.m_cuts) IS NOT DISTINCT FROM (used.r, used.f, used.m);
	IF is_late THEN
		latest.version := CASE WHEN same THEN latest.version END;
	ELSIF NOT same OR (s.cut_mode = 'frozen' AND anew) THEN
		EXECUTE format('INSERT INTO %1$s.cut_points SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5 FROM %1$s.cut_points RETURNING version', home)
			INTO latest.version USING run, s.cut_mode, used.r, used.f, used.m;
		IF s.cut_mode = 'frozen' THEN
			EXECUTE format('UPDATE %s.settings SET recut_pending = false', home);
		END IF;
	END IF;

	EXECUTE format('UPDATE %s.runs SET cut_version = $2, r_cuts = $3, f_cuts = $4, m_cuts = $5,'
		' fresh_r_cuts = $6, fresh_f_cuts = $7, fresh_m_cuts = $8 WHERE run_id = $1', home)
		USING run, latest.version, used.r, used.f, used.m, fresh.r, fresh.f, fresh.m;
	RETURN fresh.customers;
END
$body$;
COMMENT ON FUNCTION rfmseg._cut(text, int) IS
'Internal, step 3: the cut points, frozen, fresh or own; customers they were made from.';

-- Step 4

CREATE FUNCTION rfmseg._score(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	r record;
	n bigint;
BEGIN
	EXECUTE format('SELECT * FROM %s.runs WHERE run_id = $1', home) INTO r USING run;

	-- Behavioural segments: the reference's thresholds, stated for any number of
	-- bins.  What is not known (NULL) makes a condition not hold.
	EXECUTE format($query$
	CREATE TABLE %1$s.%3$I AS
	SELECT s.customer_id,
		d.age_bracket, d.income_bracket, d.gender, d.city, d.state, d.signup_date, d.preferred_channel,
		s.first_purchase_at, s.last_purchase_at, s.last_purchase_date,
		s.recency_days, s.frequency, s.monetary, s.avg_order_value, s.lifetime_frequency, s.lifetime_monetary,
		s.frequency_repeat, s.recency_btyd, s.t_age, s.monetary_value,
		s.avg_monthly_frequency, s.total_items_purchased, s.unique_products_purchased, s.unique_categories_purchased,
		s.discount_usage_rate, s.avg_discount_amount, s.weekend_shopping_rate, s.median_gap_days,
		s.top_category, s.top_category_share, s.category_shares,
		s.r_score, s.f_score, s.m_score,
		rfmseg.segment(s.r_score, s.f_score, s.m_score, s.lifetime_frequency, %4$L, %5$L) AS segment_name,
		CASE
			WHEN s.r_score + s.f_score + s.m_score >= 3 * 0.875 * %6$s AND s.avg_order_value >= %7$L THEN 'High-Value Loyalists'
			WHEN s.f_score > %6$s / 2.0 AND s.avg_monthly_frequency >= 2 THEN 'Frequent Shoppers'
			WHEN s.discount_usage_rate >= 0.3 THEN 'Discount Hunters'
			WHEN s.f_score <= %6$s / 2.0 AND s.m_score > %6$s / 4.0 THEN 'Occasional Buyers'
			WHEN s.r_score <= %6$s / 2.0 OR s.f_score = 1 THEN 'New/Inactive Customers'
			WHEN s.unique_categories_purchased <= 2 THEN 'Category Specialists'
			ELSE 'Regular Customers'
		END AS behavioral_segment
	FROM (
		SELECT *,
			CASE WHEN lifetime_frequency = 0 THEN 1 ELSE rfmseg.score(recency_days, %8$L, false, %11$L) END AS r_score,
			CASE WHEN lifetime_frequency = 0 THEN 1 ELSE rfmseg.score(frequency, %9$L, true, %12$L) END AS f_score,
			CASE WHEN lifetime_frequency = 0 THEN 1 ELSE rfmseg.score(monetary::float8, %10$L, true, %13$L) END AS m_score
		FROM %1$s.%2$I WHERE customer_id IS NOT NULL AND lifetime_frequency IS NOT NULL
	) AS s
	LEFT JOIN %1$s.customers_clean d ON %14$s
	$query$, home, 'stage_' || run, 'scored_customers_' || run, r.ruleset, deployment, r.bins,
		r.settings ->> 'high_order_value', r.r_cuts, r.f_cuts, r.m_cuts, r.r_closed, r.f_closed, r.m_closed,
		-- keys of different types meet as text
		CASE WHEN (SELECT count(DISTINCT atttypid) = 1 FROM pg_attribute WHERE attname = 'customer_id'
			AND attrelid IN (to_regclass(home || '.customers_clean'), to_regclass(home || '.transaction_lines')))
		THEN 'd.customer_id = s.customer_id' ELSE 'd.customer_id::text = s.customer_id::text' END);
	GET DIAGNOSTICS n = ROW_COUNT;

	EXECUTE format('ALTER TABLE %s.%I ADD PRIMARY KEY (customer_id)', home, 'scored_customers_' || run);
	EXECUTE format('ANALYZE %s.%I', home, 'scored_customers_' || run);
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._score(text, int) IS
'Internal, step 4: writes the per-customer table with scores and segments; rows written.';

-- Step 5

CREATE FUNCTION rfmseg._empty_scores(letter text, used int, bins int)
RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT array_agg(letter || score ORDER BY score) FROM generate_series(1, bins) score WHERE used & (1 << score) = 0
$body$;
COMMENT ON FUNCTION rfmseg._empty_scores(text, int, int) IS 'Internal: names of the scores whose bit is not set.';

CREATE FUNCTION rfmseg._record(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	r record;
	seen record;
	empty text[];
	n bigint;
BEGIN
	EXECUTE format('SELECT * FROM %s.runs WHERE run_id = $1', home) INTO r USING run;
	EXECUTE format($query$
		SELECT count(*) AS customers, sum(frequency)::bigint AS purchases, sum(monetary) AS revenue,
			count(*) FILTER (WHERE lifetime_frequency > 0) AS buyers,
			count(*) FILTER (WHERE lifetime_frequency > 0 AND (r_score, f_score, m_score) IS DISTINCT FROM (
				rfmseg.score(recency_days, $1, false, $4), rfmseg.score(frequency, $2, true, $5),
				rfmseg.score(monetary::float8, $3, true, $6))) AS drifted,
			bit_or(1 << r_score) AS r, bit_or(1 << f_score) AS f, bit_or(1 << m_score) AS m
		FROM %s.%I$query$, home, 'scored_customers_' || run)
	INTO seen USING r.fresh_r_cuts, r.fresh_f_cuts, r.fresh_m_cuts, r.r_closed, r.f_closed, r.m_closed;

	empty := coalesce(rfmseg._empty_scores('r', seen.r, r.bins), '{}') || coalesce(rfmseg._empty_scores('f', seen.f, r.bins), '{}')
		|| coalesce(rfmseg._empty_scores('m', seen.m, r.bins), '{}');
	IF empty <> '{}' THEN
		RAISE NOTICE '%: no customer has score %', deployment, array_to_string(empty, ', ')
			USING DETAIL = 'Many equal values make cut points coincide, or frozen or own cut points lie beyond all values.';
	END IF;

	EXECUTE format($query$
		UPDATE %1$s.runs SET customers = $2, purchases = $3, total_revenue = $4, cut_drift = $5, empty_scores = $6,
			data_fingerprint = (SELECT md5(concat_ws(' ', sum(counted_rows + older_rows),
				sum(hash_numeric_extended(digest, hashtextextended(coalesce('customer ' || customer_id::text, 'guest'), 0))))) FROM %1$s.%2$I)
		WHERE run_id = $1$query$, home, 'stage_' || run)
	USING run, seen.customers, seen.purchases, seen.revenue, round(seen.drifted::numeric / nullif(seen.buyers, 0), 4), empty;

	-- Segments without customers are recorded too, as 0.
	EXECUTE format($query$
		INSERT INTO %1$s.run_segments
		WITH taste AS (
			SELECT c.segment_name, e.key AS category, sum(e.value::numeric) AS shares
			FROM %1$s.%2$I c, jsonb_each_text(c.category_shares) e GROUP BY c.segment_name, e.key
		)
		SELECT $1, g.segment_name, g.segment_order, g.segment_color,
			count(c.customer_id), coalesce(sum(c.monetary), 0),
			round(avg(c.recency_days), 1), round(avg(c.frequency), 1), round(avg(c.monetary), 2), round(avg(c.avg_order_value), 2),
			round(avg(c.unique_categories_purchased), 1), round(avg(c.discount_usage_rate), 3), round(avg(c.avg_monthly_frequency), 2),
			round(avg(c.weekend_shopping_rate), 3),
			mode() WITHIN GROUP (ORDER BY c.top_category),
			(SELECT jsonb_object_agg(t.category, round(t.shares / count(c.category_shares), 4)) FROM taste t WHERE t.segment_name = g.segment_name),
			mode() WITHIN GROUP (ORDER BY c.age_bracket),
			mode() WITHIN GROUP (ORDER BY c.income_bracket),
			mode() WITHIN GROUP (ORDER BY c.preferred_channel)
		FROM %1$s.segments g LEFT JOIN %1$s.%2$I c USING (segment_name)
		WHERE g.ruleset = $2
		GROUP BY g.segment_name, g.segment_order, g.segment_color$query$, home, 'scored_customers_' || run)
	USING run, r.ruleset;

	-- What customers are said to have spent is read back from their rows, so
	-- that the last line shows whether anything was lost on the way.
	EXECUTE format($query$
		INSERT INTO %1$s.run_checks (run_id, place, check_name, amount, row_count, note)
		SELECT $1, c.*
		FROM (
			SELECT coalesce(sum(amount), 0) AS amount, sum(rows) AS rows,
				sum(counted_rows) FILTER (WHERE customer_id IS NOT NULL) AS attributed_rows,
				coalesce(sum(counted) FILTER (WHERE customer_id IS NULL), 0) AS guests,
				coalesce(sum(counted_rows) FILTER (WHERE customer_id IS NULL), 0) AS guest_rows,
				coalesce(sum(returned), 0) AS returned, sum(return_rows) AS return_rows,
				coalesce(sum(older), 0) AS older, sum(older_rows) AS older_rows,
				coalesce(sum(later), 0) AS later, sum(later_rows) AS later_rows,
				coalesce(sum(undated), 0) AS undated, sum(undated_rows) AS undated_rows,
				coalesce(sum(negative), 0) AS negative, sum(negative_rows) AS negative_rows,
				coalesce(sum(dropped), 0) AS dropped, sum(dropped_rows) AS dropped_rows,
				sum(unpriced_rows) AS unpriced_rows
			FROM %1$s.%2$I
		) AS t, LATERAL (VALUES
			(1, 'source', t.amount, t.rows, 'All rows of the source.'),
			(2, 'attributed to customers', $2, t.attributed_rows, 'The customers'' monetary value.'),
			(3, 'unattributed', t.guests, t.guest_rows, 'Rows without a customer: guests.'),
			(4, 'before the lookback', t.older, t.older_rows, 'Too old for frequency and monetary value.'),
			(5, 'later than as_of', t.later, t.later_rows, 'Wait until their time has come.'),
			(6, 'without date', t.undated, t.undated_rows, 'Left out.'),
			(7, 'without amount', 0, t.unpriced_rows, 'Left out.'),
			(8, 'negative, not a return', t.negative, t.negative_rows, 'Left out.'),
			(9, 'returns left out', t.dropped, t.dropped_rows, 'Returns where settings drop them, and returns of nothing.'),
			(10, 'unexplained', t.amount - $2 - t.guests - t.older - t.later - t.undated - t.negative - t.dropped,
				t.rows - t.attributed_rows - t.guest_rows - t.older_rows - t.later_rows - t.undated_rows
				- t.unpriced_rows - t.negative_rows - t.dropped_rows, 'The source less lines 2 to 9; anything but 0 is a defect of rfmseg.'),
			(11, 'returns', t.returned, t.return_rows, 'Contained in lines 2 and 3.')
		) AS c (place, check_name, amount, row_count, note)$query$, home, 'stage_' || run)
	USING run, seen.revenue;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._record(text, int) IS
'Internal, step 5: profiles, drift and reconciliation of a run; checks written.';

-- Step 6

CREATE FUNCTION rfmseg._publish(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	mine text := 'scored_customers_' || run;
	customers bigint;
BEGIN
	EXECUTE format('DROP TABLE %s.%I', home, 'stage_' || run);
	EXECUTE format('SELECT customers FROM %s.runs WHERE run_id = $1', home) INTO customers USING run;
	IF rfmseg._is_late(deployment, run) THEN
		RAISE NOTICE '%: as_of is before that of the published segments, so only history is written', deployment;
		EXECUTE format('DROP TABLE %s.%I', home, mine);
		EXECUTE format('UPDATE %s.runs SET status = ''succeeded'', finished_at = clock_timestamp() WHERE run_id = $1', home) USING run;
		RETURN 0;
	END IF;

	-- A column added with a constant default lives in the catalogue, not in the
	-- rows: their bytes say nothing of the run.
	EXECUTE format('ALTER TABLE %s.%I ADD COLUMN run_id int NOT NULL DEFAULT %s', home, mine, run);
	IF to_regclass(home || '.scored_customers') IS NULL THEN
		EXECUTE format('CREATE TABLE %1$s.scored_customers (LIKE %1$s.%2$I) PARTITION BY LIST (run_id)', home, mine);
	END IF;
	EXECUTE format('ALTER TABLE %1$s.scored_customers ATTACH PARTITION %1$s.%2$I FOR VALUES IN (%3$s)', home, mine, run);

	EXECUTE format('UPDATE %s.runs SET is_current = false, superseded_by = pg_current_xact_id() WHERE is_current', home);
	EXECUTE format('UPDATE %s.runs SET is_current = true, status = ''succeeded'', finished_at = clock_timestamp() WHERE run_id = $1', home)
		USING run;
	IF to_regclass(format('%I.customer_segments', deployment)) IS NULL THEN
		PERFORM rfmseg._create_published_views(deployment);
	END IF;
	RETURN customers;
END
$body$;
COMMENT ON FUNCTION rfmseg._publish(text, int) IS
'Internal, step 6: makes a run''s segments the published ones, unless it looks further back than they do; customers published.';
