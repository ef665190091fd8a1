-------------------------------------------------------------------------------
-- The seven steps of a refresh
-------------------------------------------------------------------------------
-- Each is a function that finds what it needs in the run's row:
--   1 plan       settings, ruleset                  the run's row
--   2 summarize  as_of, one row per customer        stage_<run>: one pass over the source
--   3 cut        cut points                         cut_points
--   4 fit        lifetime models                    the run's row
--   5 score      scores, segments, lifetime values  scored_customers_<run>
--   6 record     profiles, drift, reconciliation,   run_segments, run_checks,
--                history, campaigns                 segment_history, quarantine, campaign_arms
--   7 publish    make the run current               runs.is_current

-- Step 1

CREATE FUNCTION rfmseg._plan_run(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	s record;
	rules record;
	uncovered record;
	given timestamptz;
BEGIN
	-- a snapshot from before the last change of them is of no use: 40001
	EXECUTE format('SELECT * FROM %s.settings FOR SHARE', home) INTO s;
	EXECUTE format('SELECT as_of FROM %s.runs WHERE run_id = $1', home) INTO given USING run;
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

	EXECUTE format($update$
		UPDATE %s.runs SET as_of_mode = $2, settings = $3, ruleset = $4, bins = $5, r_closed = $6, f_closed = $7, m_closed = $8
		WHERE run_id = $1$update$, home)
	USING run, CASE WHEN given IS NULL THEN s.as_of_mode ELSE 'given' END, to_jsonb(s) - '{only_row,recut_pending,mask_salt,suppression_key}'::text[],
		s.ruleset, s.bins, rules.r_closed, rules.f_closed, rules.m_closed;
	RETURN 1;
END
$body$;
COMMENT ON FUNCTION rfmseg._plan_run(text, int) IS
'Internal, step 1: checks settings and ruleset, and puts what the run is to do into its row; rows written.';

-- Step 2

CREATE FUNCTION rfmseg._summarize(deployment text, run int, OUT rows bigint, OUT results jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	stage text := home || '.' || quote_ident('stage_' || run);
	key text := rfmseg._type_of_column(home || '.transaction_lines', 'customer_id');
	r record;
	source record;
BEGIN
	EXECUTE format('SELECT * FROM %s.runs WHERE run_id = $1', home) INTO r USING run;

	-- Events later than the run's start never set as_of; and they wait, also if
	-- as_of is the coming midnight, unless the caller looks ahead.
	BEGIN
		EXECUTE format('CREATE UNLOGGED TABLE %s AS SELECT * FROM rfmseg.summarize_customers(NULL::%s, NULL) WITH NO DATA', stage, key);
		EXECUTE format('SELECT rfmseg._summarize_into(NULL::%s, $1, $2, $3, $4::interval, $5, $6, $7, $8)', key)
		USING rfmseg._lines_query(deployment), CASE r.as_of_mode WHEN 'clock' THEN r.started_at ELSE r.as_of END,
			r.settings ->> 'time_zone', r.settings ->> 'lookback', r.settings ->> 'returns', r.started_at,
			rfmseg._repeated(deployment), stage::regclass;
	EXCEPTION WHEN OTHERS THEN
		PERFORM rfmseg._blame(deployment, 'transactions', SQLSTATE);
		RAISE;
	END;

	EXECUTE format($query$
		SELECT source_totals, as_of, last_purchase_at, source_totals ->> 'currency' AS currency, (source_totals -> 'source' ->> 'rows')::bigint AS rows
		FROM %s WHERE customer_id IS NULL$query$, stage) INTO source;
	IF source.currency LIKE '% without fx_rate' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the source''s amounts have no common currency: %s', source.currency),
			HINT = format('Map fx_rate, the factor to %s for every row.', r.settings ->> 'currency');
	ELSIF source.last_purchase_at IS NULL AND r.as_of_mode <> 'given' THEN
		RAISE EXCEPTION USING ERRCODE = 'no_data_found',
			MESSAGE = format('deployment "%s" has no purchases', deployment),
			DETAIL = format('Its source has %s rows, none of them a purchase up to now.', source.rows),
			HINT = format('Fill %I.transactions, or look at rfmseg.check_mapping(%L).', deployment || '_raw', deployment);
	ELSIF source.currency <> r.settings ->> 'currency' THEN
		RAISE NOTICE 'the source is in %, so the segments are, not in % as configured', source.currency, r.settings ->> 'currency';
	END IF;
	EXECUTE format($update$
		UPDATE %s.runs SET as_of = $2, last_purchase_at = $3, source_rows = $4, currency = coalesce($5, settings ->> 'currency'),
			events_until = CASE as_of_mode WHEN 'given' THEN $2 ELSE least($2, started_at) END
		WHERE run_id = $1$update$, home)
	USING run, source.as_of, source.last_purchase_at, source.rows, source.currency;
	rows := source.rows;
	results := rfmseg._check_dataset(deployment, 'customers') || rfmseg._check_dataset(deployment, 'products')
		|| rfmseg._check_lines(deployment, source.source_totals);
END
$body$;
COMMENT ON FUNCTION rfmseg._summarize(text, int) IS
'Internal, step 2: as_of, one row per customer and one for the source as a whole, in one pass over it and so from one snapshot; rows of the source, and how the expectations fared.';

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
			rfmseg.cut_points(rfmseg._as_float8(monetary), $1) AS m, count(*) AS customers
		FROM %s.%I WHERE lifetime_frequency > 0$query$, home, 'stage_' || run) INTO fresh USING s.bins;
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

CREATE FUNCTION rfmseg._fit(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	champion record;
	model text;
	fit jsonb;
BEGIN
	EXECUTE format('SELECT version, fitted FROM %s.champions WHERE model = ''lifetime''', home) INTO champion;
	EXECUTE format('SELECT settings ->> ''lifetime_model'' FROM %s.runs WHERE run_id = $1', home) INTO model USING run;
	fit := coalesce(champion.fitted, rfmseg._fit_lifetime(format('%s.%I', home, 'stage_' || run), model));
	EXECUTE format('UPDATE %s.runs SET lifetime_version = $2, lifetime_method = $3, lifetime_fit = $4 WHERE run_id = $1', home)
		USING run, champion.version, rfmseg._lifetime_method(fit), fit;
	IF fit ->> 'problem' IS NOT NULL THEN
		RAISE NOTICE '%: no lifetime values: %', deployment, fit ->> 'problem';
	ELSIF fit ->> 'value_problem' IS NOT NULL THEN
		RAISE NOTICE '%: purchases are expected to be worth the mean of all: %', deployment, fit ->> 'value_problem';
	END IF;
	RETURN CASE WHEN champion.version IS NULL THEN coalesce((fit -> 'purchases' ->> 'n')::bigint, 0) ELSE 0 END;
END
$body$;
COMMENT ON FUNCTION rfmseg._fit(text, int) IS
'Internal, step 4: the lifetime models, the champion''s or fitted on the run''s customers; customers fitted.';

-- Step 5

CREATE FUNCTION rfmseg._score(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	mine text := home || '.' || quote_ident('scored_customers_' || run);
	query text;
	r record;
	champion record;
	lifetime text[];
	n bigint;
BEGIN
	EXECUTE format('SELECT * FROM %s.runs WHERE run_id = $1', home) INTO r USING run;
	EXECUTE format('SELECT * FROM %s.champions WHERE model = ''clusters''', home) INTO champion;
	EXECUTE format('UPDATE %s.runs SET cluster_version = $2 WHERE run_id = $1', home) USING run, champion.version;

	-- Behavioural segments: the reference's thresholds, stated for any number of
	-- bins.  What is not known (NULL) makes a condition not hold.
	query := format($query$
	SELECT s.customer_id,
		d.age_bracket, d.income_bracket, d.gender, d.city, d.state, d.signup_date, d.preferred_channel,
		s.first_purchase_at, s.last_purchase_at, s.last_purchase_date,
		s.recency_days, s.frequency, s.monetary, s.avg_order_value, s.lifetime_frequency, s.lifetime_monetary,
		s.frequency_repeat, s.recency_btyd, s.t_age, s.monetary_value,
		s.avg_monthly_frequency, s.total_items_purchased, s.unique_products_purchased, s.unique_categories_purchased,
		s.discount_usage_rate, s.avg_discount_amount, s.weekend_shopping_rate, s.median_gap_days,
		s.top_category, s.top_category_share, s.category_shares,
		s.r_score, s.f_score, s.m_score,
		rfmseg.segment(s.r_score, s.f_score, s.m_score, s.lifetime_frequency, %3$L, %4$L) AS segment_name,
		CASE
			WHEN s.r_score + s.f_score + s.m_score >= 3 * 0.875 * %5$s AND s.avg_order_value >= %6$L THEN 'High-Value Loyalists'
			WHEN s.f_score > %5$s / 2.0 AND s.avg_monthly_frequency >= 2 THEN 'Frequent Shoppers'
			WHEN s.discount_usage_rate >= 0.3 THEN 'Discount Hunters'
			WHEN s.f_score <= %5$s / 2.0 AND s.m_score > %5$s / 4.0 THEN 'Occasional Buyers'
			WHEN s.r_score <= %5$s / 2.0 OR s.f_score = 1 THEN 'New/Inactive Customers'
			WHEN s.unique_categories_purchased <= 2 THEN 'Category Specialists'
			ELSE 'Regular Customers'
		END AS behavioral_segment
	FROM (
		SELECT *,
			CASE WHEN lifetime_frequency = 0 THEN 1 ELSE rfmseg.score(recency_days, %7$L, false, %10$L) END AS r_score,
			CASE WHEN lifetime_frequency = 0 THEN 1 ELSE rfmseg.score(frequency, %8$L, true, %11$L) END AS f_score,
			CASE WHEN lifetime_frequency = 0 THEN 1 ELSE rfmseg.score(rfmseg._as_float8(monetary), %9$L, true, %12$L) END AS m_score
		FROM %1$s.%2$I WHERE customer_id IS NOT NULL
	) AS s
	LEFT JOIN %1$s.customers_clean d ON %13$s
	$query$, home, 'stage_' || run, r.ruleset, deployment, r.bins,
		r.settings ->> 'high_order_value', r.r_cuts, r.f_cuts, r.m_cuts, r.r_closed, r.f_closed, r.m_closed,
		-- nobody meets nobody
		CASE WHEN rfmseg._is_empty(quote_ident(deployment || '_raw') || '.customers') THEN 'false'
			ELSE rfmseg._same_key('d', home || '.customers_clean', 's', home || '.transaction_lines', 'customer_id') END);

	-- The champion's clusters, of features that are columns of this very query
	query := format('SELECT c.*, (%L::text[])[c.cluster_id] AS cluster_name FROM (SELECT c.*, %s AS cluster_id FROM (%s) AS c OFFSET 0) AS c',
		champion.cluster_names, CASE WHEN champion.version IS NULL THEN 'NULL::int'
			ELSE format('rfmseg.kmeans_predict(%L::jsonb::rfmseg.kmeans_model, %s)', champion.fitted,
				rfmseg._features(champion.features, champion.transforms)) END, query);
	lifetime := rfmseg._lifetime_expressions(r.lifetime_fit, 365.25, (r.settings ->> 'discount_rate')::numeric);
	query := format('SELECT c.*, %s AS p_alive, %s AS expected_purchases_12m, %s AS expected_average_value, %s AS clv_12m FROM (%s) AS c',
		lifetime[1], lifetime[2], lifetime[3], lifetime[4], query);

	-- What history says of as_of, once this run is in it
	PERFORM rfmseg._create_history(deployment, rfmseg._type_of_column(home || '.stage_' || run, 'customer_id'));
	query := format($query$
	SELECT c.*,
		CASE WHEN h.segment_name = c.segment_name THEN h.previous_segment ELSE h.segment_name END AS previous_segment,
		CASE WHEN h.segment_name = c.segment_name THEN h.as_of ELSE %3$L::timestamptz END AS segment_since
	FROM (%2$s) AS c
	LEFT JOIN %1$s.segment_history h ON h.customer_id = c.customer_id AND h.as_of < %3$L AND (h.as_of_to IS NULL OR h.as_of_to >= %3$L)
	$query$, home, query, r.as_of);

	EXECUTE format('CREATE TABLE %s AS %s WITH NO DATA', mine, query);
	query := format('SELECT c.*%s FROM (%s) AS c', rfmseg._add_masks(deployment, mine::regclass), query);
	n := rfmseg._fill(mine::regclass, query);

	-- A column added with a constant default lives in the catalogue, not in the
	-- rows: their bytes say nothing of the run.
	EXECUTE format('ALTER TABLE %s ADD COLUMN run_id int NOT NULL DEFAULT %s', mine, run);
	EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (customer_id)', mine);
	EXECUTE format('ANALYZE %s', mine);
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._score(text, int) IS
'Internal, step 5: writes the per-customer table with scores, segments and lifetime values; rows written.';

-- Step 6

CREATE FUNCTION rfmseg._empty_scores(letter text, used int, bins int)
RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT array_agg(letter || score ORDER BY score) FROM generate_series(1, bins) score WHERE used & (1 << score) = 0
$body$;
COMMENT ON FUNCTION rfmseg._empty_scores(text, int, int) IS 'Internal: names of the scores whose bit is not set.';

-- INSERT ... SELECT runs in one process, a query whose rows go to a variable in as many as there are.
CREATE FUNCTION rfmseg._insert_totals(relation regclass, query text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_rows jsonb;
BEGIN
	-- as INSERT ... SELECT would have it from its start: whoever else waits for the table then waits behind
	EXECUTE format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', relation);
	EXECUTE format('SELECT jsonb_agg(to_jsonb(ROW(q.*)::%s)) FROM (%s) AS q', relation, query) INTO found_rows;
	EXECUTE format('INSERT INTO %1$s SELECT * FROM jsonb_populate_recordset(NULL::%1$s, $1)', relation) USING found_rows;
END
$body$;
COMMENT ON FUNCTION rfmseg._insert_totals(regclass, text) IS 'Internal: puts the few rows of a query over many into a table, with the same columns in the same order.';

CREATE FUNCTION rfmseg._record(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	r record;
	seen record;
	empty text[];
	is_late boolean := rfmseg._is_late(deployment, run);
	n bigint;
BEGIN
	EXECUTE format('SELECT * FROM %s.runs WHERE run_id = $1', home) INTO r USING run;
	EXECUTE format($query$
		SELECT count(*) AS customers, sum(frequency)::bigint AS purchases, sum(monetary) AS revenue,
			count(*) FILTER (WHERE lifetime_frequency > 0) AS buyers,
			count(*) FILTER (WHERE lifetime_frequency > 0 AND (r_score, f_score, m_score) IS DISTINCT FROM (
				rfmseg.score(recency_days, $1, false, $4), rfmseg.score(frequency, $2, true, $5),
				rfmseg.score(rfmseg._as_float8(monetary), $3, true, $6))) AS drifted,
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
			data_fingerprint = (SELECT md5(source_totals ->> 'fingerprint') FROM %1$s.%2$I WHERE customer_id IS NULL)
		WHERE run_id = $1$query$, home, 'stage_' || run)
	USING run, seen.customers, seen.purchases, seen.revenue, round(seen.drifted::numeric / nullif(seen.buyers, 0), 4), empty;

	-- Segments without customers are recorded too, as 0.
	PERFORM rfmseg._insert_totals((home || '.run_segments')::regclass, format($query$
		SELECT %3$s, g.segment_name, g.segment_order, g.segment_color,
			coalesce(c.customers, 0), coalesce(c.revenue, 0),
			c.recency, round(c.frequency, 1), c.monetary, c.order_value,
			round(c.frequency, 2), c.median_order_value, c.median_frequency, c.median_monetary, c.median_recency,
			c.diversity, c.discounts, c.monthly_frequency, c.weekends,
			c.category, c.shares, c.age, c.income, c.channel,
			c.p_alive, coalesce(c.expected, %5$L), c.clv, c.median_clv, coalesce(c.total_clv, %5$L), c.annual, coalesce(c.total_annual, 0),
			coalesce(round(100.0 * coalesce(c.customers, 0) / sum(c.customers) OVER (), 1), 0.0),
			coalesce(round(100 * coalesce(c.revenue, 0) / nullif(sum(c.revenue) OVER (), 0), 1), 0.0)
		FROM %1$s.segments g LEFT JOIN (
			SELECT segment_name, count(*) AS customers, sum(monetary) AS revenue,
				round(avg(recency_days), 1) AS recency, avg(frequency) AS frequency, round(avg(monetary), 2) AS monetary,
				round(avg(avg_order_value), 2) AS order_value,
				(rfmseg.cut_points(recency_days, 2))[1] AS median_recency, (rfmseg.cut_points(frequency, 2))[1] AS median_frequency,
				round((rfmseg.cut_points(rfmseg._as_float8(monetary), 2))[1]::numeric, 2) AS median_monetary,
				round((rfmseg.cut_points(rfmseg._as_float8(avg_order_value), 2))[1]::numeric, 2) AS median_order_value,
				round(avg(unique_categories_purchased), 1) AS diversity, round(avg(discount_usage_rate), 3) AS discounts,
				round(avg(avg_monthly_frequency), 2) AS monthly_frequency, round(avg(weekend_shopping_rate), 3) AS weekends,
				rfmseg._most_common(top_category) AS category, rfmseg._mean_shares(category_shares) AS shares,
				rfmseg._most_common(age_bracket) AS age, rfmseg._most_common(income_bracket) AS income,
				rfmseg._most_common(preferred_channel) AS channel,
				round(avg(p_alive::numeric), 4) AS p_alive, round(sum(expected_purchases_12m::numeric), 2) AS expected,
				round(avg(clv_12m::numeric), 2) AS clv, round((rfmseg.cut_points(clv_12m, 2))[1]::numeric, 2) AS median_clv,
				round(sum(clv_12m::numeric), 2) AS total_clv,
				round(avg(lifetime_monetary / greatest(t_age / 365.25, 1)::numeric), 2) AS annual,
				round(sum(lifetime_monetary / greatest(t_age / 365.25, 1)::numeric), 2) AS total_annual
			FROM %1$s.%2$I GROUP BY segment_name
		) AS c USING (segment_name)
		WHERE g.ruleset = %4$L$query$, home, 'scored_customers_' || run, run, r.ruleset, CASE WHEN r.lifetime_method IS NOT NULL THEN 0.00 END));
	EXECUTE format('SELECT sum(customer_count) FROM %s.run_segments WHERE run_id = $1', home) INTO n USING run;
	IF n IS DISTINCT FROM seen.customers THEN
		RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
			MESSAGE = format('ruleset "%s" was changed while customers were scored', r.ruleset),
			DETAIL = format('%s customer(s) have a segment that it does not know any more.', seen.customers - coalesce(n, 0)),
			HINT = format('Say CALL rfmseg.refresh(%L) again.', deployment);
	END IF;

	PERFORM rfmseg._insert_totals((home || '.run_clusters')::regclass, format($query$
		SELECT %3$s, n.cluster_id, n.cluster_name,
			coalesce(c.customers, 0), coalesce(c.revenue, 0),
			c.recency, c.frequency, c.monetary, c.order_value, c.median_recency, c.median_frequency, c.median_monetary, c.median_order_value,
			c.segment, c.category,
			coalesce(round(100.0 * coalesce(c.customers, 0) / nullif(sum(c.customers) OVER (), 0), 1), 0.0),
			coalesce(round(100 * coalesce(c.revenue, 0) / nullif(sum(c.revenue) OVER (), 0), 1), 0.0)
		FROM %1$s.model_versions v
		CROSS JOIN LATERAL unnest(v.cluster_names) WITH ORDINALITY AS n (cluster_name, cluster_id)
		LEFT JOIN (
			SELECT cluster_id, count(*) AS customers, sum(monetary) AS revenue,
				round(avg(recency_days), 1) AS recency, round(avg(frequency), 1) AS frequency, round(avg(monetary), 2) AS monetary,
				round(avg(avg_order_value), 2) AS order_value,
				(rfmseg.cut_points(recency_days, 2))[1] AS median_recency, (rfmseg.cut_points(frequency, 2))[1] AS median_frequency,
				round((rfmseg.cut_points(rfmseg._as_float8(monetary), 2))[1]::numeric, 2) AS median_monetary,
				round((rfmseg.cut_points(rfmseg._as_float8(avg_order_value), 2))[1]::numeric, 2) AS median_order_value,
				rfmseg._most_common(segment_name) AS segment, rfmseg._most_common(top_category) AS category
			FROM %1$s.%2$I GROUP BY cluster_id
		) AS c USING (cluster_id)
		WHERE v.model = 'clusters' AND v.version = %4$L$query$, home, 'scored_customers_' || run, run, r.cluster_version));
	PERFORM rfmseg._write_insights(deployment, run);
	IF NOT is_late THEN
		PERFORM rfmseg._write_cohorts(deployment, run);
	END IF;
	PERFORM rfmseg._write_history(deployment, run);
	PERFORM rfmseg._leave_out_small(home || '.run_segments', 'run_id', run, 'customer_count', 'segment_order',
		'{segment_name,segment_order,segment_color}', (r.settings ->> 'min_cell_size')::int);
	PERFORM rfmseg._leave_out_small(home || '.run_clusters', 'run_id', run, 'customer_count', 'cluster_id',
		'{cluster_id,cluster_name}', (r.settings ->> 'min_cell_size')::int);
	PERFORM rfmseg._leave_out_small_insights(deployment, run, (r.settings ->> 'min_cell_size')::int);

	-- What customers are said to have spent is read back from their rows, so
	-- that the last line shows whether anything was lost on the way.
	EXECUTE format($query$
		INSERT INTO %1$s.run_checks (run_id, place, check_name, amount, row_count, note)
		SELECT $1, c.*
		FROM (
			SELECT max(amount) FILTER (WHERE fate = 'source') AS amount, max(rows) FILTER (WHERE fate = 'source') AS rows,
				max(rows) FILTER (WHERE fate = 'counted') AS attributed_rows,
				max(amount) FILTER (WHERE fate = 'guests') AS guests, max(rows) FILTER (WHERE fate = 'guests') AS guest_rows,
				max(amount) FILTER (WHERE fate = 'returned') AS returned, max(rows) FILTER (WHERE fate = 'returned') AS return_rows,
				max(amount) FILTER (WHERE fate = 'older') AS older, max(rows) FILTER (WHERE fate = 'older') AS older_rows,
				max(amount) FILTER (WHERE fate = 'later') AS later, max(rows) FILTER (WHERE fate = 'later') AS later_rows,
				max(amount) FILTER (WHERE fate = 'undated') AS undated, max(rows) FILTER (WHERE fate = 'undated') AS undated_rows,
				max(amount) FILTER (WHERE fate = 'negative') AS negative, max(rows) FILTER (WHERE fate = 'negative') AS negative_rows,
				max(amount) FILTER (WHERE fate = 'excluded') AS excluded, max(rows) FILTER (WHERE fate = 'excluded') AS excluded_rows,
				max(amount) FILTER (WHERE fate = 'dropped') AS dropped, max(rows) FILTER (WHERE fate = 'dropped') AS dropped_rows,
				max(amount) FILTER (WHERE fate = 'forgotten') AS forgotten, max(rows) FILTER (WHERE fate = 'forgotten') AS forgotten_rows,
				max(rows) FILTER (WHERE fate = 'unpriced') AS unpriced_rows
			FROM (SELECT key AS fate, (value ->> 'amount')::numeric AS amount, (value ->> 'rows')::bigint AS rows
				FROM %1$s.%2$I, jsonb_each(source_totals) WHERE customer_id IS NULL AND jsonb_typeof(value) = 'object') AS f
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
			(10, 'dropped by expectations', coalesce(t.excluded, 0), coalesce(t.excluded_rows, 0), 'Left out: they break an expectation that drops, and are in no line above.'),
			(11, 'forgotten', coalesce(t.forgotten, 0), coalesce(t.forgotten_rows, 0), 'Left out: customers who were forgotten, and are in no line above.'),
			(12, 'unexplained', t.amount - $2 - t.guests - t.older - t.later - t.undated - t.negative - t.dropped - coalesce(t.excluded, 0) - coalesce(t.forgotten, 0),
				t.rows - t.attributed_rows - t.guest_rows - t.older_rows - t.later_rows - t.undated_rows
				- t.unpriced_rows - t.negative_rows - t.dropped_rows - coalesce(t.excluded_rows, 0) - coalesce(t.forgotten_rows, 0),
				'The source less lines 2 to 11; anything but 0 is a defect of rfmseg.'),
			(13, 'returns', t.returned, t.return_rows, 'Contained in lines 2 and 3.')
		) AS c (place, check_name, amount, row_count, note)$query$, home, 'stage_' || run)
	USING run, seen.revenue;
	GET DIAGNOSTICS n = ROW_COUNT;
	IF NOT is_late THEN
		PERFORM rfmseg._quarantine(deployment, run);
		PERFORM rfmseg._measure_campaigns(deployment, run);
	END IF;
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._record(text, int) IS
'Internal, step 6: profiles, drift, reconciliation and history of a run, its dropped rows, and what campaigns have brought; checks written.';

-- Step 7

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

	IF to_regclass(home || '.scored_customers') IS NULL THEN
		EXECUTE format('CREATE TABLE %1$s.scored_customers (LIKE %1$s.%2$I) PARTITION BY LIST (run_id)', home, mine);
		PERFORM rfmseg._apply_row_filters(deployment);
	END IF;
	-- Row filters hold for the table, not for a partition read by itself: so
	-- nobody else reads that, whatever default privileges its owner has set.
	PERFORM rfmseg._close(format('%s.%I', home, mine)::regclass);
	EXECUTE format('ALTER TABLE %1$s.scored_customers ATTACH PARTITION %1$s.%2$I FOR VALUES IN (%3$s)', home, mine, run);

	EXECUTE format('UPDATE %s.runs SET is_current = false, superseded_by = pg_current_xact_id() WHERE is_current', home);
	EXECUTE format('UPDATE %s.runs SET is_current = true, status = ''succeeded'', finished_at = clock_timestamp() WHERE run_id = $1', home)
		USING run;
	EXECUTE format('DELETE FROM %s.current_run', home);
	EXECUTE format($insert$
		INSERT INTO %1$s.current_run
		SELECT run_id, as_of, finished_at, ruleset, bins, currency, r_closed, f_closed, m_closed, r_cuts, f_cuts, m_cuts,
			cluster_version, lifetime_version, lifetime_method, (settings ->> 'discount_rate')::numeric, (settings ->> 'margin_rate')::numeric,
			(settings ->> 'min_cell_size')::int,
			-- a month that begins at as_of has not begun before it, and yet a purchase may be right there
			greatest(date_trunc('month', (as_of - interval '1 microsecond') AT TIME ZONE (settings ->> 'time_zone')),
				(SELECT max(cohort_month + make_interval(months => months_since)) FROM %1$s.run_cohorts))
		FROM %1$s.runs WHERE run_id = $1$insert$, home) USING run;
	EXECUTE format('DELETE FROM %s.current_segments', home);
	EXECUTE format('INSERT INTO %1$s.current_segments SELECT segment_name, segment_order, segment_color FROM %1$s.run_segments WHERE run_id = $1', home)
		USING run;
	-- Nobody else does, as they are so small, and then the planner takes them for larger.
	EXECUTE format('ANALYZE %1$s.current_run, %1$s.current_segments', home);
	IF to_regclass(format('%I.customer_segments', deployment)) IS NULL THEN
		PERFORM rfmseg._describe_masks(deployment);
		PERFORM rfmseg._create_published_views(deployment);
		PERFORM rfmseg._create_contact_views(deployment);
		PERFORM rfmseg._grant_all(deployment);
	END IF;
	RETURN customers;
END
$body$;
COMMENT ON FUNCTION rfmseg._publish(text, int) IS
'Internal, step 7: makes a run''s segments the published ones, unless it looks further back than they do; customers published.';
