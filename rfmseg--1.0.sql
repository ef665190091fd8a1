\echo Use "CREATE EXTENSION rfmseg" to load this file. \quit

-- The script makes its schema itself.  Were it named in the control file, the
-- installer would own it and could plant functions in it.
CREATE SCHEMA rfmseg;
GRANT USAGE ON SCHEMA rfmseg TO PUBLIC;
COMMENT ON SCHEMA rfmseg IS
'Customer segmentation: building blocks for any query, and deployments of a whole pipeline. Names that begin with an underscore are internal.';
-------------------------------------------------------------------------------
-- rfm(): recency, frequency and monetary value of one customer's purchases
-------------------------------------------------------------------------------

CREATE TYPE rfmseg.rfm_metrics AS (
	first_purchase_at timestamptz,
	last_purchase_at timestamptz,
	recency_days int,
	frequency bigint,
	monetary numeric,
	avg_order_value numeric,
	frequency_repeat int,
	recency_btyd float8,
	t_age float8,
	monetary_value float8
);
COMMENT ON TYPE rfmseg.rfm_metrics IS
'What rfm() says of one customer. frequency_repeat, recency_btyd, t_age and monetary_value are the "buy till you die" (BTYD) view: in days, purchases of one day merged.';
COMMENT ON COLUMN rfmseg.rfm_metrics.first_purchase_at IS 'First line of a purchase; NULL if nothing was bought or all of it refunded.';
COMMENT ON COLUMN rfmseg.rfm_metrics.last_purchase_at IS 'Last line of a purchase.';
COMMENT ON COLUMN rfmseg.rfm_metrics.recency_days IS 'Local date of as_of less that of the last purchase, in days.';
COMMENT ON COLUMN rfmseg.rfm_metrics.frequency IS 'Number of purchases: distinct order keys, or without them distinct local days.';
COMMENT ON COLUMN rfmseg.rfm_metrics.monetary IS 'Exact sum of all amounts, returns included.';
COMMENT ON COLUMN rfmseg.rfm_metrics.avg_order_value IS 'monetary / frequency.';
COMMENT ON COLUMN rfmseg.rfm_metrics.frequency_repeat IS 'BTYD x: days with purchases after the first such day.';
COMMENT ON COLUMN rfmseg.rfm_metrics.recency_btyd IS 'BTYD t_x: days from the first to the last day with purchases.';
COMMENT ON COLUMN rfmseg.rfm_metrics.t_age IS 'BTYD T: days from the first day with purchases to as_of.';
COMMENT ON COLUMN rfmseg.rfm_metrics.monetary_value IS 'BTYD mean total of the repeat days; 0 where there are none.';

CREATE FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz, text)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz, text) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz, text, text)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz, text, text) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_combine(internal, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_combine(internal, internal) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_serialize(internal)
RETURNS bytea AS 'MODULE_PATHNAME', 'rfmseg_rfm_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_serialize(internal) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_deserialize(bytea, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_deserialize(bytea, internal) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_final(internal)
RETURNS rfmseg.rfm_metrics AS 'MODULE_PATHNAME', 'rfmseg_rfm_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_final(internal) IS 'Internal to the aggregate rfm.';

CREATE AGGREGATE rfmseg.rfm(event_at timestamptz, amount numeric, as_of timestamptz) (
	SFUNC = rfmseg._rfm_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._rfm_combine,
	SERIALFUNC = rfmseg._rfm_serialize,
	DESERIALFUNC = rfmseg._rfm_deserialize,
	FINALFUNC = rfmseg._rfm_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.rfm(timestamptz, numeric, timestamptz) IS
'RFM metrics of one customer (GROUP BY customer), a purchase being a distinct day in UTC. event_at: time of a line; amount: its money, negative for a return; as_of: the instant recency is counted from, later lines are ignored. NULL times and amounts are ignored; no lines give NULL. Errors: NaN or infinite amounts and times, as_of that is NULL or differs within the group, more than 38 digits.';

CREATE AGGREGATE rfmseg.rfm(event_at timestamptz, amount numeric, as_of timestamptz, order_key text) (
	SFUNC = rfmseg._rfm_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._rfm_combine,
	SERIALFUNC = rfmseg._rfm_serialize,
	DESERIALFUNC = rfmseg._rfm_deserialize,
	FINALFUNC = rfmseg._rfm_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.rfm(timestamptz, numeric, timestamptz, text) IS
'As rfm(event_at, amount, as_of), a purchase being a distinct order_key; a line whose order_key is NULL belongs to its day. An order with returns whose total is zero or less is no purchase.';

CREATE AGGREGATE rfmseg.rfm(event_at timestamptz, amount numeric, as_of timestamptz, order_key text, time_zone text) (
	SFUNC = rfmseg._rfm_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._rfm_combine,
	SERIALFUNC = rfmseg._rfm_serialize,
	DESERIALFUNC = rfmseg._rfm_deserialize,
	FINALFUNC = rfmseg._rfm_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.rfm(timestamptz, numeric, timestamptz, text, text) IS
'As rfm(event_at, amount, as_of, order_key), with the time zone of the local days, such as Europe/London; NULL means UTC. The session''s zone has no part in it.';
-------------------------------------------------------------------------------
-- summarize_customers(): all customers of a query in one pass
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._set_aside_transition(internal, bigint, VARIADIC "any")
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_set_aside_transition'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_transition(internal, bigint, VARIADIC "any") IS 'Internal to summarize_customers.';

CREATE FUNCTION rfmseg._set_aside_combine(internal, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_set_aside_combine'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_combine(internal, internal) IS 'Internal to summarize_customers.';

CREATE FUNCTION rfmseg._set_aside_serialize(internal)
RETURNS bytea AS 'MODULE_PATHNAME', 'rfmseg_set_aside_serialize'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_serialize(internal) IS 'Internal to summarize_customers.';

CREATE FUNCTION rfmseg._set_aside_deserialize(bytea, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_set_aside_deserialize'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_deserialize(bytea, internal) IS 'Internal to summarize_customers.';

CREATE FUNCTION rfmseg._set_aside_final(internal)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_set_aside_final'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_final(internal) IS 'Internal to summarize_customers.';

CREATE AGGREGATE rfmseg._set_aside(pass bigint, VARIADIC columns "any") (
	SFUNC = rfmseg._set_aside_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._set_aside_combine,
	SERIALFUNC = rfmseg._set_aside_serialize,
	DESERIALFUNC = rfmseg._set_aside_deserialize,
	FINALFUNC = rfmseg._set_aside_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg._set_aside(bigint, VARIADIC "any") IS
'Internal to summarize_customers: sets the lines of its query aside, by customer; an error anywhere else.';

CREATE FUNCTION rfmseg.summarize_customers(
	customer_type anyelement,
	query text,
	as_of timestamptz DEFAULT NULL,
	time_zone text DEFAULT 'UTC',
	lookback interval DEFAULT NULL,
	returns text DEFAULT 'net',
	known_at timestamptz DEFAULT NULL,
	repeated text DEFAULT 'keep',
	OUT customer_id anyelement,
	OUT as_of timestamptz,
	OUT first_purchase_at timestamptz,
	OUT last_purchase_at timestamptz,
	OUT last_purchase_date date,
	OUT recency_days int,
	OUT lifetime_frequency bigint,
	OUT lifetime_monetary numeric,
	OUT frequency bigint,
	OUT monetary numeric,
	OUT avg_order_value numeric,
	OUT frequency_repeat int,
	OUT recency_btyd float8,
	OUT t_age float8,
	OUT monetary_value float8,
	OUT avg_monthly_frequency numeric,
	OUT total_items_purchased numeric,
	OUT unique_products_purchased bigint,
	OUT unique_categories_purchased bigint,
	OUT discount_usage_rate numeric,
	OUT avg_discount_amount numeric,
	OUT weekend_shopping_rate numeric,
	OUT median_gap_days numeric,
	OUT top_category text,
	OUT top_category_share numeric,
	OUT category_shares jsonb,
	OUT source_totals jsonb,
	OUT cohorts jsonb)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_summarize_customers'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000 ROWS 100000;
COMMENT ON FUNCTION rfmseg.summarize_customers(anyelement, text, timestamptz, text, interval, text, timestamptz, text) IS
'One row a customer of a query''s purchases: recency, frequency, monetary value, the BTYD view, habits and taste, in one pass in which parallel workers share, in memory or beyond it in temporary files. customer_type: a NULL of the type of customer_id. query: a SELECT or TABLE with the columns customer_id, transaction_date (timestamptz), total_amount, and any of order_id, product_id, category, quantity, discount_amount, is_return, currency, transaction_id, broken (bigint, a bit for each rule that the line breaks, bit 62 if it is to be left out). as_of: the instant recency is counted from, by default the midnight after the last purchase; later lines do not count. time_zone: of the local days. lookback: older lines count for lifetime values alone. returns: net or drop. known_at: later lines set no as_of, and where it is not given do not count. repeated: of a customer''s lines with one transaction_id keep all, or drop all but the latest. One more row, without customer, has in source_totals what became of all lines and their money. In cohorts it has an array of objects, one for each cohort (customers by the local month of their first purchase, cohort_month) and month in which they ordered or returned something (months_since, 0 for that month itself): active_customers with a purchase, seen_customers with a purchase or a return, and revenue; of all purchases ever, as lifetime values are; NULL if there are some 262144 such pairs or more. Errors: missing columns and wrong types, infinite dates, amounts that are NaN or infinite, more than one currency, more than 38 digits.';

CREATE FUNCTION rfmseg._summarize_into(
	customer_type anyelement,
	query text,
	as_of timestamptz,
	time_zone text,
	lookback interval,
	returns text,
	known_at timestamptz,
	repeated text,
	target regclass)
RETURNS void AS 'MODULE_PATHNAME', 'rfmseg_summarize_into'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION rfmseg._summarize_into(anyelement, text, timestamptz, text, interval, text, timestamptz, text, regclass) IS
'Internal: puts the rows of summarize_customers into a plain table that has nothing to mind, see _fill.';
-------------------------------------------------------------------------------
-- cut_points(), score(): from values to scores 1..bins
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._cut_points_transition(internal, float8, int)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_cut_points_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._cut_points_transition(internal, float8, int) IS 'Internal to the aggregate cut_points.';

CREATE FUNCTION rfmseg._cut_points_combine(internal, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_cut_points_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._cut_points_combine(internal, internal) IS 'Internal to the aggregate cut_points.';

CREATE FUNCTION rfmseg._cut_points_serialize(internal)
RETURNS bytea AS 'MODULE_PATHNAME', 'rfmseg_cut_points_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._cut_points_serialize(internal) IS 'Internal to the aggregate cut_points.';

CREATE FUNCTION rfmseg._cut_points_deserialize(bytea, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_cut_points_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._cut_points_deserialize(bytea, internal) IS 'Internal to the aggregate cut_points.';

CREATE FUNCTION rfmseg._cut_points_final(internal)
RETURNS float8[] AS 'MODULE_PATHNAME', 'rfmseg_cut_points_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._cut_points_final(internal) IS 'Internal to the aggregate cut_points.';

CREATE AGGREGATE rfmseg.cut_points(value float8, bins int) (
	SFUNC = rfmseg._cut_points_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._cut_points_combine,
	SERIALFUNC = rfmseg._cut_points_serialize,
	DESERIALFUNC = rfmseg._cut_points_deserialize,
	FINALFUNC = rfmseg._cut_points_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.cut_points(float8, int) IS
'The bins - 1 quantiles that part the values into bins of about equal size, ascending: linear interpolation, Hyndman & Fan type 7, as percentile_cont. NULL values are ignored; no values give NULL. Errors: NaN or infinite values, bins outside 2..10. Memory: 8 to 16 bytes a value, twice that at the end.';

CREATE FUNCTION rfmseg.score(value float8, cuts float8[], higher_is_better boolean DEFAULT true, closed text DEFAULT 'right')
RETURNS int AS 'MODULE_PATHNAME', 'rfmseg_score'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.score(float8, float8[], boolean, text) IS
'The score 1..bins of a value, bins being the number of cuts + 1. higher_is_better: false for recency, where fewer days score higher. closed: ''right'' puts a value equal to a cut into the lower interval (as pandas.qcut and R''s cut do), ''left'' into the upper. Equal values share a score and scores are monotone. Errors: NaN or infinite values; cuts that are not 1 to 9 finite ascending numbers.';

CREATE FUNCTION rfmseg.score_range(score int, cuts float8[], higher_is_better boolean DEFAULT true, closed text DEFAULT 'right')
RETURNS text AS 'MODULE_PATHNAME', 'rfmseg_score_range'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.score_range(int, float8[], boolean, text) IS
'The values that have a score, in words, such as ''more than 3, at most 5'', with cuts shown to two decimals; ''no value'' where cuts coincide. Arguments as for score().';

CREATE FUNCTION rfmseg._segment_reason(segment_name text, recency_days int, frequency bigint, monetary numeric, currency text,
	r_score int, f_score int, m_score int, r_cuts float8[], r_closed text, f_cuts float8[], f_closed text, m_cuts float8[], m_closed text,
	lifetime_frequency bigint)
RETURNS text AS 'MODULE_PATHNAME', 'rfmseg_segment_reason'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._segment_reason(text, int, bigint, numeric, text, int, int, int, float8[], text, float8[], text, float8[], text, bigint) IS
'Internal: why a customer is in a segment, in words, without the scores that are NULL; NULL if anything else is, but currency.';

CREATE FUNCTION rfmseg._as_float8(value numeric)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_as_float8'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._as_float8(numeric) IS 'Internal: as value::float8, several times faster.';
-------------------------------------------------------------------------------
-- What is most common, and mean shares, without sorting
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._text_tally_combine(internal, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_text_tally_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._text_tally_combine(internal, internal) IS 'Internal to _most_common and _mean_shares.';

CREATE FUNCTION rfmseg._text_tally_serialize(internal)
RETURNS bytea AS 'MODULE_PATHNAME', 'rfmseg_text_tally_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._text_tally_serialize(internal) IS 'Internal to _most_common and _mean_shares.';

CREATE FUNCTION rfmseg._text_tally_deserialize(bytea, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_text_tally_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._text_tally_deserialize(bytea, internal) IS 'Internal to _most_common and _mean_shares.';

CREATE FUNCTION rfmseg._most_common_transition(internal, text)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_most_common_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._most_common_transition(internal, text) IS 'Internal to _most_common.';

CREATE FUNCTION rfmseg._most_common_final(internal)
RETURNS text AS 'MODULE_PATHNAME', 'rfmseg_most_common_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._most_common_final(internal) IS 'Internal to _most_common.';

CREATE AGGREGATE rfmseg._most_common(value text) (
	SFUNC = rfmseg._most_common_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._text_tally_combine,
	SERIALFUNC = rfmseg._text_tally_serialize,
	DESERIALFUNC = rfmseg._text_tally_deserialize,
	FINALFUNC = rfmseg._most_common_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg._most_common(text) IS
'Internal: the most common text, among equals the first in byte order; NULLs do not count.';

CREATE FUNCTION rfmseg._mean_shares_transition(internal, jsonb)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_mean_shares_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._mean_shares_transition(internal, jsonb) IS 'Internal to _mean_shares.';

CREATE FUNCTION rfmseg._mean_shares_final(internal)
RETURNS jsonb AS 'MODULE_PATHNAME', 'rfmseg_mean_shares_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._mean_shares_final(internal) IS 'Internal to _mean_shares.';

CREATE AGGREGATE rfmseg._mean_shares(shares jsonb) (
	SFUNC = rfmseg._mean_shares_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._text_tally_combine,
	SERIALFUNC = rfmseg._text_tally_serialize,
	DESERIALFUNC = rfmseg._text_tally_deserialize,
	FINALFUNC = rfmseg._mean_shares_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg._mean_shares(jsonb) IS
'Internal: of objects {"text": share}, the mean share of each text over all that are not NULL, to four decimals; a share that is null is none.';
-------------------------------------------------------------------------------
-- Rows into a plain table, many at a time
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._fill(target regclass, query text)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_fill'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION rfmseg._fill(regclass, text) IS
'Internal: puts a query''s rows into a table that the caller owns and that has no index, trigger, rule, constraint, default or row security; how many.';
-------------------------------------------------------------------------------
-- kmeans(), kmeans_sweep(): clusters of points; and what a model is good for
-------------------------------------------------------------------------------

CREATE TYPE rfmseg.kmeans_model AS (
	k int,
	dimensions int,
	row_count bigint,
	distinct_points bigint,
	total_weight float8,
	centroids float8[],
	sizes float8[],
	within_ss float8[],
	inertia float8,
	total_ss float8,
	explained_variance float8,
	calinski_harabasz float8,
	simplified_silhouette float8,
	sample_silhouette float8,
	iterations int,
	converged boolean,
	inertia_history float8[],
	feature_means float8[],
	feature_scales float8[],
	positions float8[],
	options jsonb
);
COMMENT ON TYPE rfmseg.kmeans_model IS 'What kmeans() finds, and kmeans_predict() goes by. Keep it as jsonb (it casts both ways): columns of a composite type would not survive a later version with more fields.';
COMMENT ON COLUMN rfmseg.kmeans_model.k IS 'Number of clusters.';
COMMENT ON COLUMN rfmseg.kmeans_model.dimensions IS 'Number of features.';
COMMENT ON COLUMN rfmseg.kmeans_model.row_count IS 'Rows clustered, those of weight 0 left out.';
COMMENT ON COLUMN rfmseg.kmeans_model.distinct_points IS 'Distinct points among them.';
COMMENT ON COLUMN rfmseg.kmeans_model.total_weight IS 'Sum of the weights; row_count if there are none.';
COMMENT ON COLUMN rfmseg.kmeans_model.centroids IS 'k times dimensions: the centres of the clusters in the units of the features, which are the means of their rows before the last, smallest move. Clusters are numbered 1..k by the first feature of these, ascending, then by the second, and so on.';
COMMENT ON COLUMN rfmseg.kmeans_model.sizes IS 'Weight of each cluster: its rows if there are no weights.';
COMMENT ON COLUMN rfmseg.kmeans_model.within_ss IS 'Of each cluster, the sum of the squared distances from its centre, in the space clustered.';
COMMENT ON COLUMN rfmseg.kmeans_model.inertia IS 'The sum of within_ss: what k-means makes small. In the space clustered: of standardised features if options say so.';
COMMENT ON COLUMN rfmseg.kmeans_model.total_ss IS 'The sum of the squared distances from the mean of all, in the space clustered.';
COMMENT ON COLUMN rfmseg.kmeans_model.explained_variance IS '1 - inertia / total_ss; NULL if all points are equal.';
COMMENT ON COLUMN rfmseg.kmeans_model.calinski_harabasz IS 'Ratio of the variances between and within clusters (Calinski & Harabasz 1974); NULL for one cluster, for as many as points, and where nothing is left within.';
COMMENT ON COLUMN rfmseg.kmeans_model.simplified_silhouette IS 'Mean over all rows of (b - a) / max(a, b), a and b being the distances from the own and the nearest other centre; runs above the silhouette. NULL for one cluster, or unless options ask for it.';
COMMENT ON COLUMN rfmseg.kmeans_model.sample_silhouette IS 'The silhouette (Rousseeuw 1987) of a systematic sample of silhouette_sample rows; NULL if all of these are in one cluster, or unless options ask for it.';
COMMENT ON COLUMN rfmseg.kmeans_model.iterations IS 'Moves of the centres in the best run.';
COMMENT ON COLUMN rfmseg.kmeans_model.converged IS 'Whether that run ended by itself: false means max_iter ended it, or points could not be told apart.';
COMMENT ON COLUMN rfmseg.kmeans_model.inertia_history IS 'Inertia of the best run after 0, 1, ... iterations moves.';
COMMENT ON COLUMN rfmseg.kmeans_model.feature_means IS 'What is subtracted from each feature: its mean, or 0 if not standardised.';
COMMENT ON COLUMN rfmseg.kmeans_model.feature_scales IS 'What it is then divided by: its standard deviation (of the population), or 1.';
COMMENT ON COLUMN rfmseg.kmeans_model.positions IS 'k times dimensions: the centres in the space clustered.';
COMMENT ON COLUMN rfmseg.kmeans_model.options IS 'The options used, defaults included.';

CREATE FUNCTION rfmseg._kmeans_transition(internal, float8[], int)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_kmeans_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_transition(internal, float8[], int) IS 'Internal to the aggregate kmeans.';

CREATE FUNCTION rfmseg._kmeans_transition(internal, float8[], int, jsonb)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_kmeans_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_transition(internal, float8[], int, jsonb) IS 'Internal to the aggregate kmeans.';

CREATE FUNCTION rfmseg._kmeans_transition(internal, float8[], int, jsonb, float8)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_kmeans_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_transition(internal, float8[], int, jsonb, float8) IS 'Internal to the aggregate kmeans.';

CREATE FUNCTION rfmseg._kmeans_sweep_transition(internal, float8[], int, int)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_kmeans_sweep_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_sweep_transition(internal, float8[], int, int) IS 'Internal to the aggregate kmeans_sweep.';

CREATE FUNCTION rfmseg._kmeans_sweep_transition(internal, float8[], int, int, jsonb)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_kmeans_sweep_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_sweep_transition(internal, float8[], int, int, jsonb) IS 'Internal to the aggregate kmeans_sweep.';

CREATE FUNCTION rfmseg._kmeans_sweep_transition(internal, float8[], int, int, jsonb, float8)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_kmeans_sweep_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_sweep_transition(internal, float8[], int, int, jsonb, float8) IS 'Internal to the aggregate kmeans_sweep.';

CREATE FUNCTION rfmseg._kmeans_combine(internal, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_kmeans_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_combine(internal, internal) IS 'Internal to the aggregates kmeans and kmeans_sweep.';

CREATE FUNCTION rfmseg._kmeans_serialize(internal)
RETURNS bytea AS 'MODULE_PATHNAME', 'rfmseg_kmeans_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_serialize(internal) IS 'Internal to the aggregates kmeans and kmeans_sweep.';

CREATE FUNCTION rfmseg._kmeans_deserialize(bytea, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_kmeans_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_deserialize(bytea, internal) IS 'Internal to the aggregates kmeans and kmeans_sweep.';

CREATE FUNCTION rfmseg._kmeans_final(internal)
RETURNS rfmseg.kmeans_model AS 'MODULE_PATHNAME', 'rfmseg_kmeans_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_final(internal) IS 'Internal to the aggregate kmeans.';

CREATE FUNCTION rfmseg._kmeans_sweep_final(internal)
RETURNS rfmseg.kmeans_model[] AS 'MODULE_PATHNAME', 'rfmseg_kmeans_sweep_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._kmeans_sweep_final(internal) IS 'Internal to the aggregate kmeans_sweep.';

CREATE AGGREGATE rfmseg.kmeans(features float8[], k int) (
	SFUNC = rfmseg._kmeans_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._kmeans_combine,
	SERIALFUNC = rfmseg._kmeans_serialize,
	DESERIALFUNC = rfmseg._kmeans_deserialize,
	FINALFUNC = rfmseg._kmeans_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.kmeans(float8[], int) IS
'Finds k clusters of the rows: k-means, exactly as by Lloyd''s algorithm, from first centres by greedy k-means++. features: 1 to 32 numbers. With the default options. The result follows from the rows, k and the options alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. No rows give NULL. Memory: about 70 bytes a row of 3 features, in full, up to rfmseg.max_model_memory. Errors: k outside of 1..1000 or above the number of distinct points; features that are not 1 to 32 numbers, or not as many in all rows; features that are NULL, NaN or infinite (how many rows); a weight that is neither 0 nor from 1e-90 to 1e90; an unknown option.';

CREATE AGGREGATE rfmseg.kmeans(features float8[], k int, options jsonb) (
	SFUNC = rfmseg._kmeans_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._kmeans_combine,
	SERIALFUNC = rfmseg._kmeans_serialize,
	DESERIALFUNC = rfmseg._kmeans_deserialize,
	FINALFUNC = rfmseg._kmeans_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.kmeans(float8[], int, jsonb) IS
'Finds k clusters of the rows: k-means, exactly as by Lloyd''s algorithm, from first centres by greedy k-means++. features: 1 to 32 numbers; options, a jsonb object: n_init (10) runs from other first centres, the best of which wins; max_iter (300) of each; tol (0.0001): a run ends once the squared moves of the centres add up to no more than tol times the mean variance of the features; seed (42); standardize (true): features get mean 0 and standard deviation 1 first; silhouette (false) and silhouette_sample (0 rows): quality measures to compute. The result follows from the rows, k and the options alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. No rows give NULL. Memory: about 70 bytes a row of 3 features, in full, up to rfmseg.max_model_memory. Errors: k outside of 1..1000 or above the number of distinct points; features that are not 1 to 32 numbers, or not as many in all rows; features that are NULL, NaN or infinite (how many rows); a weight that is neither 0 nor from 1e-90 to 1e90; an unknown option.';

CREATE AGGREGATE rfmseg.kmeans(features float8[], k int, options jsonb, weight float8) (
	SFUNC = rfmseg._kmeans_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._kmeans_combine,
	SERIALFUNC = rfmseg._kmeans_serialize,
	DESERIALFUNC = rfmseg._kmeans_deserialize,
	FINALFUNC = rfmseg._kmeans_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.kmeans(float8[], int, jsonb, float8) IS
'Finds k clusters of the rows: k-means, exactly as by Lloyd''s algorithm, from first centres by greedy k-means++. As without weight; a row counts as weight rows. The result follows from the rows, k and the options alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. No rows give NULL. Memory: about 70 bytes a row of 3 features, in full, up to rfmseg.max_model_memory. Errors: k outside of 1..1000 or above the number of distinct points; features that are not 1 to 32 numbers, or not as many in all rows; features that are NULL, NaN or infinite (how many rows); a weight that is neither 0 nor from 1e-90 to 1e90; an unknown option.';

CREATE AGGREGATE rfmseg.kmeans_sweep(features float8[], k_min int, k_max int) (
	SFUNC = rfmseg._kmeans_sweep_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._kmeans_combine,
	SERIALFUNC = rfmseg._kmeans_serialize,
	DESERIALFUNC = rfmseg._kmeans_deserialize,
	FINALFUNC = rfmseg._kmeans_sweep_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.kmeans_sweep(float8[], int, int) IS
'The models of kmeans() for every number of clusters from k_min to k_max, from one pass over the rows; each is the one that kmeans() finds for that k. For best_k(), ask for silhouettes. No rows give NULL. Errors: as of kmeans; k_min above k_max.';

CREATE AGGREGATE rfmseg.kmeans_sweep(features float8[], k_min int, k_max int, options jsonb) (
	SFUNC = rfmseg._kmeans_sweep_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._kmeans_combine,
	SERIALFUNC = rfmseg._kmeans_serialize,
	DESERIALFUNC = rfmseg._kmeans_deserialize,
	FINALFUNC = rfmseg._kmeans_sweep_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.kmeans_sweep(float8[], int, int, jsonb) IS
'The models of kmeans() for every number of clusters from k_min to k_max, from one pass over the rows; each is the one that kmeans() finds for that k. For best_k(), ask for silhouettes. options as of kmeans. No rows give NULL. Errors: as of kmeans; k_min above k_max.';

CREATE AGGREGATE rfmseg.kmeans_sweep(features float8[], k_min int, k_max int, options jsonb, weight float8) (
	SFUNC = rfmseg._kmeans_sweep_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._kmeans_combine,
	SERIALFUNC = rfmseg._kmeans_serialize,
	DESERIALFUNC = rfmseg._kmeans_deserialize,
	FINALFUNC = rfmseg._kmeans_sweep_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.kmeans_sweep(float8[], int, int, jsonb, float8) IS
'The models of kmeans() for every number of clusters from k_min to k_max, from one pass over the rows; each is the one that kmeans() finds for that k. For best_k(), ask for silhouettes. options and weight as of kmeans. No rows give NULL. Errors: as of kmeans; k_min above k_max.';

CREATE FUNCTION rfmseg.kmeans_predict(model rfmseg.kmeans_model, features float8[])
RETURNS int AS 'MODULE_PATHNAME', 'rfmseg_kmeans_predict'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION rfmseg.kmeans_predict(rfmseg.kmeans_model, float8[]) IS
'The number 1..k of the cluster whose centre is nearest, the first of several; for the rows that the model was made of, the cluster they were counted in. features in their own units. A NULL among them gives NULL. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: as many features as the model does not have, NaN or infinite ones, a model that kmeans() has not made.';

CREATE FUNCTION rfmseg.kmeans_centroids(model rfmseg.kmeans_model)
RETURNS TABLE (cluster int, size float8, centroid float8[], within_ss float8)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT c, model.sizes[c],
		ARRAY(SELECT model.centroids[c][j] FROM generate_subscripts(model.centroids, 2) AS j ORDER BY j),
		model.within_ss[c]
	FROM generate_subscripts(model.sizes, 1) AS c ORDER BY c
$body$;
COMMENT ON FUNCTION rfmseg.kmeans_centroids(rfmseg.kmeans_model) IS
'A row for each cluster of a model: its number, its weight (rows, if there were no weights), the means of its features in their own units, and the sum of the squared distances from its centre in the space clustered.';

CREATE FUNCTION rfmseg.best_k(models rfmseg.kmeans_model[], criterion text DEFAULT 'silhouette')
RETURNS int
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	best int;
BEGIN
	IF criterion IS NULL OR criterion NOT IN ('silhouette', 'sample_silhouette', 'calinski_harabasz', 'elbow') THEN
		RAISE EXCEPTION 'criterion % is not known', coalesce(quote_literal(criterion), 'NULL')
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Criteria are silhouette, sample_silhouette, calinski_harabasz and elbow.';
	END IF;
	IF criterion = 'elbow' THEN
		-- How far inertia, in the square of k and inertia, lies below the line from the first to the last
		SELECT k INTO best
		FROM (
			SELECT m.k, m.inertia, min(m.k) OVER w AS k_min, max(m.k) OVER w AS k_max,
				first_value(m.inertia) OVER w AS first_inertia, last_value(m.inertia) OVER w AS last_inertia
			FROM unnest(models) AS m
			WINDOW w AS (ORDER BY m.k ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
		) AS s
		ORDER BY round(((1 - (k - k_min)::float8 / nullif(k_max - k_min, 0))
			- (inertia - last_inertia) / nullif(first_inertia - last_inertia, 0))::numeric, 9) DESC NULLS LAST, k
		LIMIT 1;
		RETURN best;
	END IF;
	SELECT k INTO best
	FROM (
		SELECT m.k, CASE criterion WHEN 'silhouette' THEN m.simplified_silhouette
			WHEN 'sample_silhouette' THEN m.sample_silhouette ELSE m.calinski_harabasz END AS measure
		FROM unnest(models) AS m
	) AS s
	WHERE measure IS NOT NULL
	ORDER BY measure DESC, k
	LIMIT 1;
	IF best IS NULL AND cardinality(models) > 0 THEN
		RAISE EXCEPTION 'no model has a %', criterion
			USING ERRCODE = 'invalid_parameter_value',
				HINT = CASE WHEN criterion LIKE '%silhouette' THEN 'Silhouettes are computed on request, of two clusters or more: kmeans_sweep(features, 2, 10, ''{"silhouette": true, "silhouette_sample": 2000}'').'
					ELSE 'It is one of two clusters or more, and of fewer than there are distinct points.' END;
	END IF;
	RETURN best;
END
$body$;
COMMENT ON FUNCTION rfmseg.best_k(rfmseg.kmeans_model[], text) IS
'The number of clusters that a criterion prefers among models, as from kmeans_sweep(); the least of several. silhouette: the greatest simplified_silhouette; sample_silhouette; calinski_harabasz; elbow: where the inertia, scaled to 0..1 as k is, lies farthest below the straight line from the first model to the last (the knee of Satopaa et al. 2011). NULL for no models. Errors: an unknown criterion; no model has the measure.';

CREATE FUNCTION rfmseg.kmeans_model(model jsonb)
RETURNS rfmseg.kmeans_model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT jsonb_populate_record(NULL::rfmseg.kmeans_model, model) $body$;
COMMENT ON FUNCTION rfmseg.kmeans_model(jsonb) IS 'The model that was kept as jsonb; also as a cast. All numbers come back to the last bit. What is no model is found out when it is used.';

CREATE FUNCTION rfmseg.jsonb(model rfmseg.kmeans_model)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 3
AS $body$ SELECT to_jsonb(model) $body$;
COMMENT ON FUNCTION rfmseg.jsonb(rfmseg.kmeans_model) IS 'A model to be kept, with all digits of all numbers; also as a cast.';

CREATE CAST (jsonb AS rfmseg.kmeans_model) WITH FUNCTION rfmseg.kmeans_model(jsonb);
COMMENT ON CAST (jsonb AS rfmseg.kmeans_model) IS 'A model that was kept as jsonb.';
CREATE CAST (rfmseg.kmeans_model AS jsonb) WITH FUNCTION rfmseg.jsonb(rfmseg.kmeans_model) AS ASSIGNMENT;
COMMENT ON CAST (rfmseg.kmeans_model AS jsonb) IS 'A model to be kept.';
-------------------------------------------------------------------------------
-- Customer lifetime value: models of purchases and of spending, their fits, and
-- what they say of customers
-------------------------------------------------------------------------------

CREATE TYPE rfmseg.bgnbd_model AS (
	r float8,
	alpha float8,
	a float8,
	b float8,
	log_likelihood float8,
	n bigint,
	converged boolean,
	status text,
	iterations int,
	gradient_norm float8,
	standard_errors float8[]
);
COMMENT ON TYPE rfmseg.bgnbd_model IS 'The BG/NBD model (Fader, Hardie & Lee 2005) as bgnbd_fit() finds it, or with parameters from elsewhere: ROW(r, alpha, a, b, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.bgnbd_model. Customers buy at random at a rate of their own, and drop out after each repeat purchase with a probability of their own. Nobody drops out after the first purchase, so those who never came back are held to be alive. Keep it as jsonb (it casts both ways): columns of a composite type would not survive a later version with more fields.';
COMMENT ON COLUMN rfmseg.bgnbd_model.r IS 'Shape of the gamma distribution of the rates at which customers buy: the smaller, the more they differ.';
COMMENT ON COLUMN rfmseg.bgnbd_model.alpha IS 'Its other parameter, in the unit of time of the histories: the mean rate is r / alpha purchases a day, if that is days.';
COMMENT ON COLUMN rfmseg.bgnbd_model.a IS 'First shape of the beta distribution of the probabilities to drop out after a purchase.';
COMMENT ON COLUMN rfmseg.bgnbd_model.b IS 'Its second shape: the mean probability is a / (a + b).';
COMMENT ON COLUMN rfmseg.bgnbd_model.log_likelihood IS 'Natural logarithm of the likelihood of all these customers; NULL if it is not known.';
COMMENT ON COLUMN rfmseg.bgnbd_model.n IS 'Customers that it was fitted to.';
COMMENT ON COLUMN rfmseg.bgnbd_model.converged IS 'Whether the parameters are a maximum of the likelihood: its gradient is next to nothing, and it falls in every direction. Predictions refuse a model that says false; NULL, as of parameters from elsewhere, they accept.';
COMMENT ON COLUMN rfmseg.bgnbd_model.status IS 'In words: converged; no maximum (the likelihood rises, or is flat, as parameters go to 0 or infinity); stuck (iterations were used up, or no step led up).';
COMMENT ON COLUMN rfmseg.bgnbd_model.iterations IS 'Newton steps on all customers, from the best that was found on a sample.';
COMMENT ON COLUMN rfmseg.bgnbd_model.gradient_norm IS 'Largest derivative of the log-likelihood by the logarithm of a parameter, per customer.';
COMMENT ON COLUMN rfmseg.bgnbd_model.standard_errors IS 'Of the parameters, in their order, from the curvature of the likelihood; NULL unless converged.';

CREATE TYPE rfmseg.mbgnbd_model AS (
	r float8,
	alpha float8,
	a float8,
	b float8,
	log_likelihood float8,
	n bigint,
	converged boolean,
	status text,
	iterations int,
	gradient_norm float8,
	standard_errors float8[]
);
COMMENT ON TYPE rfmseg.mbgnbd_model IS 'The MBG/NBD model (Batislam, Denizel & Filiztekin 2007) as mbgnbd_fit() finds it, or with parameters from elsewhere: ROW(r, alpha, a, b, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.mbgnbd_model. Customers buy at random at a rate of their own, and drop out after each purchase, the first one too, with a probability of their own. Keep it as jsonb (it casts both ways): columns of a composite type would not survive a later version with more fields.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.r IS 'Shape of the gamma distribution of the rates at which customers buy: the smaller, the more they differ.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.alpha IS 'Its other parameter, in the unit of time of the histories: the mean rate is r / alpha purchases a day, if that is days.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.a IS 'First shape of the beta distribution of the probabilities to drop out after a purchase.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.b IS 'Its second shape: the mean probability is a / (a + b).';
COMMENT ON COLUMN rfmseg.mbgnbd_model.log_likelihood IS 'Natural logarithm of the likelihood of all these customers; NULL if it is not known.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.n IS 'Customers that it was fitted to.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.converged IS 'Whether the parameters are a maximum of the likelihood: its gradient is next to nothing, and it falls in every direction. Predictions refuse a model that says false; NULL, as of parameters from elsewhere, they accept.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.status IS 'In words: converged; no maximum (the likelihood rises, or is flat, as parameters go to 0 or infinity); stuck (iterations were used up, or no step led up).';
COMMENT ON COLUMN rfmseg.mbgnbd_model.iterations IS 'Newton steps on all customers, from the best that was found on a sample.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.gradient_norm IS 'Largest derivative of the log-likelihood by the logarithm of a parameter, per customer.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.standard_errors IS 'Of the parameters, in their order, from the curvature of the likelihood; NULL unless converged.';

CREATE TYPE rfmseg.pnbd_model AS (
	r float8,
	alpha float8,
	s float8,
	beta float8,
	log_likelihood float8,
	n bigint,
	converged boolean,
	status text,
	iterations int,
	gradient_norm float8,
	standard_errors float8[]
);
COMMENT ON TYPE rfmseg.pnbd_model IS 'The Pareto/NBD model (Schmittlein, Morrison & Colombo 1987) as pnbd_fit() finds it, or with parameters from elsewhere: ROW(r, alpha, s, beta, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.pnbd_model. Customers buy at random at a rate of their own, and drop out at any time at a rate of their own. Keep it as jsonb (it casts both ways): columns of a composite type would not survive a later version with more fields.';
COMMENT ON COLUMN rfmseg.pnbd_model.r IS 'Shape of the gamma distribution of the rates at which customers buy: the smaller, the more they differ.';
COMMENT ON COLUMN rfmseg.pnbd_model.alpha IS 'Its other parameter, in the unit of time of the histories: the mean rate is r / alpha purchases a day, if that is days.';
COMMENT ON COLUMN rfmseg.pnbd_model.s IS 'Shape of the gamma distribution of the rates at which customers drop out.';
COMMENT ON COLUMN rfmseg.pnbd_model.beta IS 'Its other parameter, in the unit of time of the histories: the mean rate is s / beta a day, if that is days.';
COMMENT ON COLUMN rfmseg.pnbd_model.log_likelihood IS 'Natural logarithm of the likelihood of all these customers; NULL if it is not known.';
COMMENT ON COLUMN rfmseg.pnbd_model.n IS 'Customers that it was fitted to.';
COMMENT ON COLUMN rfmseg.pnbd_model.converged IS 'Whether the parameters are a maximum of the likelihood: its gradient is next to nothing, and it falls in every direction. Predictions refuse a model that says false; NULL, as of parameters from elsewhere, they accept.';
COMMENT ON COLUMN rfmseg.pnbd_model.status IS 'In words: converged; no maximum (the likelihood rises, or is flat, as parameters go to 0 or infinity); stuck (iterations were used up, or no step led up).';
COMMENT ON COLUMN rfmseg.pnbd_model.iterations IS 'Newton steps on all customers, from the best that was found on a sample.';
COMMENT ON COLUMN rfmseg.pnbd_model.gradient_norm IS 'Largest derivative of the log-likelihood by the logarithm of a parameter, per customer.';
COMMENT ON COLUMN rfmseg.pnbd_model.standard_errors IS 'Of the parameters, in their order, from the curvature of the likelihood; NULL unless converged.';

CREATE TYPE rfmseg.gamma_gamma_model AS (
	p float8,
	q float8,
	v float8,
	log_likelihood float8,
	n bigint,
	converged boolean,
	status text,
	iterations int,
	gradient_norm float8,
	standard_errors float8[]
);
COMMENT ON TYPE rfmseg.gamma_gamma_model IS 'The Gamma-Gamma model (Fader & Hardie 2013) as gamma_gamma_fit() finds it, or with parameters from elsewhere: ROW(p, q, v, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.gamma_gamma_model. What a customer spends on a purchase scatters around a mean of the customer''s own, whatever how often the customer buys. Keep it as jsonb (it casts both ways): columns of a composite type would not survive a later version with more fields.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.p IS 'Shape of the gamma distribution of what one customer spends on a purchase: the larger, the less it scatters.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.q IS 'Shape of the gamma distribution by which customers differ: the larger, the less they do. Mean values exist above 1 alone.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.v IS 'Scale by which customers differ, in the unit of money: the mean value of a purchase is p v / (q - 1).';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.log_likelihood IS 'Natural logarithm of the likelihood of all these customers; NULL if it is not known.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.n IS 'Customers with repeat purchases of some value, the others being left out.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.converged IS 'Whether the parameters are a maximum of the likelihood: its gradient is next to nothing, and it falls in every direction. Predictions refuse a model that says false; NULL, as of parameters from elsewhere, they accept.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.status IS 'In words: converged; no maximum (the likelihood rises, or is flat, as parameters go to 0 or infinity); stuck (iterations were used up, or no step led up).';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.iterations IS 'Newton steps on all customers, from the best that was found on a sample.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.gradient_norm IS 'Largest derivative of the log-likelihood by the logarithm of a parameter, per customer.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.standard_errors IS 'Of the parameters, in their order, from the curvature of the likelihood; NULL unless converged.';

CREATE FUNCTION rfmseg._histories_transition(internal, int, float8, float8)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_histories_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_transition(internal, int, float8, float8) IS 'Internal to the aggregates bgnbd_fit, mbgnbd_fit and pnbd_fit.';

CREATE FUNCTION rfmseg._histories_transition(internal, int, float8)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_histories_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_transition(internal, int, float8) IS 'Internal to the aggregate gamma_gamma_fit.';

CREATE FUNCTION rfmseg._histories_combine(internal, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_histories_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_combine(internal, internal) IS 'Internal to the aggregates that fit models of lifetime value.';

CREATE FUNCTION rfmseg._histories_serialize(internal)
RETURNS bytea AS 'MODULE_PATHNAME', 'rfmseg_histories_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_serialize(internal) IS 'Internal to the aggregates that fit models of lifetime value.';

CREATE FUNCTION rfmseg._histories_deserialize(bytea, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_histories_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_deserialize(bytea, internal) IS 'Internal to the aggregates that fit models of lifetime value.';

CREATE FUNCTION rfmseg._bgnbd_final(internal)
RETURNS rfmseg.bgnbd_model AS 'MODULE_PATHNAME', 'rfmseg_lifetime_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._bgnbd_final(internal) IS 'Internal to the aggregate bgnbd_fit.';

CREATE FUNCTION rfmseg._mbgnbd_final(internal)
RETURNS rfmseg.mbgnbd_model AS 'MODULE_PATHNAME', 'rfmseg_lifetime_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._mbgnbd_final(internal) IS 'Internal to the aggregate mbgnbd_fit.';

CREATE FUNCTION rfmseg._pnbd_final(internal)
RETURNS rfmseg.pnbd_model AS 'MODULE_PATHNAME', 'rfmseg_lifetime_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._pnbd_final(internal) IS 'Internal to the aggregate pnbd_fit.';

CREATE FUNCTION rfmseg._gamma_gamma_final(internal)
RETURNS rfmseg.gamma_gamma_model AS 'MODULE_PATHNAME', 'rfmseg_lifetime_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._gamma_gamma_final(internal) IS 'Internal to the aggregate gamma_gamma_fit.';

CREATE AGGREGATE rfmseg.bgnbd_fit(frequency_repeat int, recency_btyd float8, t_age float8) (
	SFUNC = rfmseg._histories_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._histories_combine,
	SERIALFUNC = rfmseg._histories_serialize,
	DESERIALFUNC = rfmseg._histories_deserialize,
	FINALFUNC = rfmseg._bgnbd_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.bgnbd_fit(int, float8, float8) IS
'The BG/NBD model (Fader, Hardie & Lee 2005) under which the customers, one a row, are most likely. frequency_repeat: purchases after the first day, those of one day being one; recency_btyd: days from the first purchase to the last; t_age: days from the first purchase to the end of what was observed; as rfm() gives them. Another unit of time is as good, if it is the same in all uses of the model. The result follows from the rows alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. A row with a NULL is ignored; no rows give NULL. Where the likelihood has no maximum, or none is found, the model comes with converged = false, and a warning says so. Memory: 104 bytes a customer, up to rfmseg.max_model_memory. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; no customer has repeat purchases; more memory than rfmseg.max_model_memory allows.';

CREATE AGGREGATE rfmseg.mbgnbd_fit(frequency_repeat int, recency_btyd float8, t_age float8) (
	SFUNC = rfmseg._histories_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._histories_combine,
	SERIALFUNC = rfmseg._histories_serialize,
	DESERIALFUNC = rfmseg._histories_deserialize,
	FINALFUNC = rfmseg._mbgnbd_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.mbgnbd_fit(int, float8, float8) IS
'The MBG/NBD model (Batislam, Denizel & Filiztekin 2007) under which the customers, one a row, are most likely. frequency_repeat: purchases after the first day, those of one day being one; recency_btyd: days from the first purchase to the last; t_age: days from the first purchase to the end of what was observed; as rfm() gives them. Another unit of time is as good, if it is the same in all uses of the model. The result follows from the rows alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. A row with a NULL is ignored; no rows give NULL. Where the likelihood has no maximum, or none is found, the model comes with converged = false, and a warning says so. Memory: 104 bytes a customer, up to rfmseg.max_model_memory. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; no customer has repeat purchases; more memory than rfmseg.max_model_memory allows.';

CREATE AGGREGATE rfmseg.pnbd_fit(frequency_repeat int, recency_btyd float8, t_age float8) (
	SFUNC = rfmseg._histories_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._histories_combine,
	SERIALFUNC = rfmseg._histories_serialize,
	DESERIALFUNC = rfmseg._histories_deserialize,
	FINALFUNC = rfmseg._pnbd_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.pnbd_fit(int, float8, float8) IS
'The Pareto/NBD model (Schmittlein, Morrison & Colombo 1987) under which the customers, one a row, are most likely. frequency_repeat: purchases after the first day, those of one day being one; recency_btyd: days from the first purchase to the last; t_age: days from the first purchase to the end of what was observed; as rfm() gives them. Another unit of time is as good, if it is the same in all uses of the model. The result follows from the rows alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. A row with a NULL is ignored; no rows give NULL. Where the likelihood has no maximum, or none is found, the model comes with converged = false, and a warning says so. Memory: 104 bytes a customer, up to rfmseg.max_model_memory. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; no customer has repeat purchases; more memory than rfmseg.max_model_memory allows.';

CREATE AGGREGATE rfmseg.gamma_gamma_fit(frequency_repeat int, monetary_value float8) (
	SFUNC = rfmseg._histories_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._histories_combine,
	SERIALFUNC = rfmseg._histories_serialize,
	DESERIALFUNC = rfmseg._histories_deserialize,
	FINALFUNC = rfmseg._gamma_gamma_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.gamma_gamma_fit(int, float8) IS
'The Gamma-Gamma model (Fader & Hardie 2013) under which the customers, one a row, are most likely. frequency_repeat: purchases after the first day, those of one day being one; monetary_value: their mean value; as rfm() gives them. Customers without repeat purchases, or with those of no value, count for nothing. The result follows from the rows alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. A row with a NULL is ignored; no rows give NULL. Where the likelihood has no maximum, or none is found, the model comes with converged = false, and a warning says so. Memory: 88 bytes a customer, up to rfmseg.max_model_memory. Errors: frequency_repeat outside of 0..100000; monetary_value negative, as where returns outweigh purchases, NaN, infinite or above 1e100; no customer has repeat purchases of some value; more memory than rfmseg.max_model_memory allows.';

CREATE FUNCTION rfmseg.p_alive(model rfmseg.bgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_p_alive'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION rfmseg.p_alive(rfmseg.bgnbd_model, int, float8, float8) IS
'The probability, 0 to 1, that a customer has not dropped out by the end of what was observed, by a model of BG/NBD, Fader, Hardie & Lee 2005. It is 1 for a customer without repeat purchases, as in this model nobody drops out after the first purchase. frequency_repeat, recency_btyd and t_age as the model was fitted to. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.p_alive(model rfmseg.mbgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_p_alive'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION rfmseg.p_alive(rfmseg.mbgnbd_model, int, float8, float8) IS
'The probability, 0 to 1, that a customer has not dropped out by the end of what was observed, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007. frequency_repeat, recency_btyd and t_age as the model was fitted to. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.p_alive(model rfmseg.pnbd_model, frequency_repeat int, recency_btyd float8, t_age float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_p_alive'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION rfmseg.p_alive(rfmseg.pnbd_model, int, float8, float8) IS
'The probability, 0 to 1, that a customer has not dropped out by the end of what was observed, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987. frequency_repeat, recency_btyd and t_age as the model was fitted to. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases(model rfmseg.bgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases(rfmseg.bgnbd_model, int, float8, float8, float8) IS
'The mean number of purchases, those of one day being one, of a customer in the time of length horizon after the end of what was observed, by a model of BG/NBD, Fader, Hardie & Lee 2005; it counts that the customer may have dropped out. frequency_repeat, recency_btyd and t_age as the model was fitted to; horizon in the same unit. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases(model rfmseg.mbgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases(rfmseg.mbgnbd_model, int, float8, float8, float8) IS
'The mean number of purchases, those of one day being one, of a customer in the time of length horizon after the end of what was observed, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007; it counts that the customer may have dropped out. frequency_repeat, recency_btyd and t_age as the model was fitted to; horizon in the same unit. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases(model rfmseg.pnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases(rfmseg.pnbd_model, int, float8, float8, float8) IS
'The mean number of purchases, those of one day being one, of a customer in the time of length horizon after the end of what was observed, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987; it counts that the customer may have dropped out. frequency_repeat, recency_btyd and t_age as the model was fitted to; horizon in the same unit. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases_new(model rfmseg.bgnbd_model, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases_new'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases_new(rfmseg.bgnbd_model, float8) IS
'The mean number of repeat purchases, those of one day being one, in the time of length horizon after the first purchase, of a customer of whom nothing else is known, by a model of BG/NBD, Fader, Hardie & Lee 2005. horizon in the unit of time that the model was fitted in. Errors: a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases_new(model rfmseg.mbgnbd_model, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases_new'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases_new(rfmseg.mbgnbd_model, float8) IS
'The mean number of repeat purchases, those of one day being one, in the time of length horizon after the first purchase, of a customer of whom nothing else is known, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007. horizon in the unit of time that the model was fitted in. Errors: a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases_new(model rfmseg.pnbd_model, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases_new'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases_new(rfmseg.pnbd_model, float8) IS
'The mean number of repeat purchases, those of one day being one, in the time of length horizon after the first purchase, of a customer of whom nothing else is known, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987. horizon in the unit of time that the model was fitted in. Errors: a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.discounted_purchases(model rfmseg.bgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_discounted_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.discounted_purchases(rfmseg.bgnbd_model, int, float8, float8, float8, float8) IS
'What expected_purchases says of a customer, by a model of BG/NBD, Fader, Hardie & Lee 2005, with later purchases counting for less: times the value of a purchase it is what customer_lifetime_value says, for whoever knows that value otherwise. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. Errors: as of expected_purchases; a discount_rate that is NaN, infinite or not above -1.';

CREATE FUNCTION rfmseg.discounted_purchases(model rfmseg.mbgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_discounted_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.discounted_purchases(rfmseg.mbgnbd_model, int, float8, float8, float8, float8) IS
'What expected_purchases says of a customer, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007, with later purchases counting for less: times the value of a purchase it is what customer_lifetime_value says, for whoever knows that value otherwise. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. Errors: as of expected_purchases; a discount_rate that is NaN, infinite or not above -1.';

CREATE FUNCTION rfmseg.discounted_purchases(model rfmseg.pnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_discounted_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.discounted_purchases(rfmseg.pnbd_model, int, float8, float8, float8, float8) IS
'What expected_purchases says of a customer, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987, with later purchases counting for less: times the value of a purchase it is what customer_lifetime_value says, for whoever knows that value otherwise. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. Errors: as of expected_purchases; a discount_rate that is NaN, infinite or not above -1.';

CREATE FUNCTION rfmseg.expected_average_value(model rfmseg.gamma_gamma_model, frequency_repeat int, monetary_value float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_average_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rfmseg.expected_average_value(rfmseg.gamma_gamma_model, int, float8) IS
'The mean value of a purchase expected of a customer with so many repeat purchases of that mean value, by a model of Gamma-Gamma, Fader & Hardie 2013: between that value and the mean of all customers, and nearer to it the more purchases there are. Without repeat purchases it is the mean of all customers. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; monetary_value negative, NaN, infinite or above 1e100; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged; a gamma_gamma_model whose q is not above 1, which has no mean.';

CREATE FUNCTION rfmseg.customer_lifetime_value(model rfmseg.bgnbd_model, gamma_gamma rfmseg.gamma_gamma_model, frequency_repeat int, recency_btyd float8, t_age float8, monetary_value float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_customer_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.customer_lifetime_value(rfmseg.bgnbd_model, rfmseg.gamma_gamma_model, int, float8, float8, float8, float8, float8) IS
'What a customer is worth from the end of what was observed on: the purchases expected in the days of the horizon, by a model of BG/NBD, Fader, Hardie & Lee 2005, times the mean value expected of one (Gamma-Gamma, Fader & Hardie 2013), discounted. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. frequency_repeat, recency_btyd and t_age as the model was fitted to; monetary_value as gamma_gamma. The result is in its unit of money; it is revenue, unless that was margin. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; monetary_value negative, NaN, infinite or above 1e100; a horizon that is negative, NaN or above 1e9; a discount_rate that is NaN, infinite or not above -1; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged; a gamma_gamma_model whose q is not above 1, which has no mean.';

CREATE FUNCTION rfmseg.customer_lifetime_value(model rfmseg.mbgnbd_model, gamma_gamma rfmseg.gamma_gamma_model, frequency_repeat int, recency_btyd float8, t_age float8, monetary_value float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_customer_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.customer_lifetime_value(rfmseg.mbgnbd_model, rfmseg.gamma_gamma_model, int, float8, float8, float8, float8, float8) IS
'What a customer is worth from the end of what was observed on: the purchases expected in the days of the horizon, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007, times the mean value expected of one (Gamma-Gamma, Fader & Hardie 2013), discounted. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. frequency_repeat, recency_btyd and t_age as the model was fitted to; monetary_value as gamma_gamma. The result is in its unit of money; it is revenue, unless that was margin. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; monetary_value negative, NaN, infinite or above 1e100; a horizon that is negative, NaN or above 1e9; a discount_rate that is NaN, infinite or not above -1; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged; a gamma_gamma_model whose q is not above 1, which has no mean.';

CREATE FUNCTION rfmseg.customer_lifetime_value(model rfmseg.pnbd_model, gamma_gamma rfmseg.gamma_gamma_model, frequency_repeat int, recency_btyd float8, t_age float8, monetary_value float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_customer_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.customer_lifetime_value(rfmseg.pnbd_model, rfmseg.gamma_gamma_model, int, float8, float8, float8, float8, float8) IS
'What a customer is worth from the end of what was observed on: the purchases expected in the days of the horizon, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987, times the mean value expected of one (Gamma-Gamma, Fader & Hardie 2013), discounted. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. frequency_repeat, recency_btyd and t_age as the model was fitted to; monetary_value as gamma_gamma. The result is in its unit of money; it is revenue, unless that was margin. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; monetary_value negative, NaN, infinite or above 1e100; a horizon that is negative, NaN or above 1e9; a discount_rate that is NaN, infinite or not above -1; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged; a gamma_gamma_model whose q is not above 1, which has no mean.';

CREATE FUNCTION rfmseg.bgnbd_model(model jsonb)
RETURNS rfmseg.bgnbd_model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT jsonb_populate_record(NULL::rfmseg.bgnbd_model, model) $body$;
COMMENT ON FUNCTION rfmseg.bgnbd_model(jsonb) IS 'The model that was kept as jsonb; also as a cast. All numbers come back to the last bit. What is no model is found out when it is used.';

CREATE FUNCTION rfmseg.jsonb(model rfmseg.bgnbd_model)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 3
AS $body$ SELECT to_jsonb(model) $body$;
COMMENT ON FUNCTION rfmseg.jsonb(rfmseg.bgnbd_model) IS 'A model to be kept, with all digits of all numbers; also as a cast.';

CREATE CAST (jsonb AS rfmseg.bgnbd_model) WITH FUNCTION rfmseg.bgnbd_model(jsonb);
COMMENT ON CAST (jsonb AS rfmseg.bgnbd_model) IS 'A model that was kept as jsonb.';
CREATE CAST (rfmseg.bgnbd_model AS jsonb) WITH FUNCTION rfmseg.jsonb(rfmseg.bgnbd_model) AS ASSIGNMENT;
COMMENT ON CAST (rfmseg.bgnbd_model AS jsonb) IS 'A model to be kept.';

CREATE FUNCTION rfmseg.mbgnbd_model(model jsonb)
RETURNS rfmseg.mbgnbd_model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT jsonb_populate_record(NULL::rfmseg.mbgnbd_model, model) $body$;
COMMENT ON FUNCTION rfmseg.mbgnbd_model(jsonb) IS 'The model that was kept as jsonb; also as a cast. All numbers come back to the last bit. What is no model is found out when it is used.';

CREATE FUNCTION rfmseg.jsonb(model rfmseg.mbgnbd_model)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 3
AS $body$ SELECT to_jsonb(model) $body$;
COMMENT ON FUNCTION rfmseg.jsonb(rfmseg.mbgnbd_model) IS 'A model to be kept, with all digits of all numbers; also as a cast.';

CREATE CAST (jsonb AS rfmseg.mbgnbd_model) WITH FUNCTION rfmseg.mbgnbd_model(jsonb);
COMMENT ON CAST (jsonb AS rfmseg.mbgnbd_model) IS 'A model that was kept as jsonb.';
CREATE CAST (rfmseg.mbgnbd_model AS jsonb) WITH FUNCTION rfmseg.jsonb(rfmseg.mbgnbd_model) AS ASSIGNMENT;
COMMENT ON CAST (rfmseg.mbgnbd_model AS jsonb) IS 'A model to be kept.';

CREATE FUNCTION rfmseg.pnbd_model(model jsonb)
RETURNS rfmseg.pnbd_model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT jsonb_populate_record(NULL::rfmseg.pnbd_model, model) $body$;
COMMENT ON FUNCTION rfmseg.pnbd_model(jsonb) IS 'The model that was kept as jsonb; also as a cast. All numbers come back to the last bit. What is no model is found out when it is used.';

CREATE FUNCTION rfmseg.jsonb(model rfmseg.pnbd_model)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 3
AS $body$ SELECT to_jsonb(model) $body$;
COMMENT ON FUNCTION rfmseg.jsonb(rfmseg.pnbd_model) IS 'A model to be kept, with all digits of all numbers; also as a cast.';

CREATE CAST (jsonb AS rfmseg.pnbd_model) WITH FUNCTION rfmseg.pnbd_model(jsonb);
COMMENT ON CAST (jsonb AS rfmseg.pnbd_model) IS 'A model that was kept as jsonb.';
CREATE CAST (rfmseg.pnbd_model AS jsonb) WITH FUNCTION rfmseg.jsonb(rfmseg.pnbd_model) AS ASSIGNMENT;
COMMENT ON CAST (rfmseg.pnbd_model AS jsonb) IS 'A model to be kept.';

CREATE FUNCTION rfmseg.gamma_gamma_model(model jsonb)
RETURNS rfmseg.gamma_gamma_model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT jsonb_populate_record(NULL::rfmseg.gamma_gamma_model, model) $body$;
COMMENT ON FUNCTION rfmseg.gamma_gamma_model(jsonb) IS 'The model that was kept as jsonb; also as a cast. All numbers come back to the last bit. What is no model is found out when it is used.';

CREATE FUNCTION rfmseg.jsonb(model rfmseg.gamma_gamma_model)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 3
AS $body$ SELECT to_jsonb(model) $body$;
COMMENT ON FUNCTION rfmseg.jsonb(rfmseg.gamma_gamma_model) IS 'A model to be kept, with all digits of all numbers; also as a cast.';

CREATE CAST (jsonb AS rfmseg.gamma_gamma_model) WITH FUNCTION rfmseg.gamma_gamma_model(jsonb);
COMMENT ON CAST (jsonb AS rfmseg.gamma_gamma_model) IS 'A model that was kept as jsonb.';
CREATE CAST (rfmseg.gamma_gamma_model AS jsonb) WITH FUNCTION rfmseg.jsonb(rfmseg.gamma_gamma_model) AS ASSIGNMENT;
COMMENT ON CAST (rfmseg.gamma_gamma_model AS jsonb) IS 'A model to be kept.';
-------------------------------------------------------------------------------
-- Rulesets: which scores make which segment
-------------------------------------------------------------------------------
-- These three tables hold the shipped rulesets and are read-only.  A deployment
-- has tables of the same form, with its own copy to edit: see _create_rulesets.

CREATE TABLE rfmseg.rulesets (
	ruleset text PRIMARY KEY,
	bins int NOT NULL CHECK (bins BETWEEN 2 AND 10),
	r_closed text NOT NULL DEFAULT 'right' CHECK (r_closed IN ('left', 'right')),
	f_closed text NOT NULL DEFAULT 'right' CHECK (f_closed IN ('left', 'right')),
	m_closed text NOT NULL DEFAULT 'right' CHECK (m_closed IN ('left', 'right')),
	description text NOT NULL
);
COMMENT ON TABLE rfmseg.rulesets IS 'The shipped rulesets. Read-only: deployments hold their own copies.';
COMMENT ON COLUMN rfmseg.rulesets.ruleset IS 'Name of the ruleset.';
COMMENT ON COLUMN rfmseg.rulesets.bins IS 'Number of scores per dimension that its rules speak of, 2 to 10.';
COMMENT ON COLUMN rfmseg.rulesets.r_closed IS 'Where a recency equal to a cut point belongs: right, the lower interval; left, the upper.';
COMMENT ON COLUMN rfmseg.rulesets.f_closed IS 'The same for frequency.';
COMMENT ON COLUMN rfmseg.rulesets.m_closed IS 'The same for monetary value.';
COMMENT ON COLUMN rfmseg.rulesets.description IS 'What the ruleset is for.';

CREATE TABLE rfmseg.segments (
	ruleset text NOT NULL REFERENCES rfmseg.rulesets,
	segment_name text NOT NULL,
	segment_order int NOT NULL,
	segment_color text NOT NULL CHECK (segment_color ~ '^#[0-9a-f]{6}$'),
	standing int NOT NULL,
	meaning text NOT NULL,
	recommended_action text NOT NULL,
	PRIMARY KEY (ruleset, segment_name),
	UNIQUE (ruleset, segment_order)
);
COMMENT ON TABLE rfmseg.segments IS 'The segments of each shipped ruleset.';
COMMENT ON COLUMN rfmseg.segments.ruleset IS 'Name of the ruleset.';
COMMENT ON COLUMN rfmseg.segments.segment_name IS 'Name of the segment.';
COMMENT ON COLUMN rfmseg.segments.segment_order IS 'Place in tables and legends, from 1.';
COMMENT ON COLUMN rfmseg.segments.segment_color IS 'Colour in charts, #rrggbb.';
COMMENT ON COLUMN rfmseg.segments.standing IS 'How well a customer stands, 1 the best; equal numbers are neither better nor worse. Used by lint_ruleset only.';
COMMENT ON COLUMN rfmseg.segments.meaning IS 'Who these customers are.';
COMMENT ON COLUMN rfmseg.segments.recommended_action IS 'What to do about them.';

CREATE TABLE rfmseg.rules (
	rule_id int PRIMARY KEY,
	ruleset text NOT NULL,
	priority int NOT NULL,
	segment_name text NOT NULL,
	r_min int,
	r_max int,
	f_min int,
	f_max int,
	m_min int,
	m_max int,
	frequency_min bigint,
	frequency_max bigint,
	CHECK (r_min <= r_max AND f_min <= f_max AND m_min <= m_max AND frequency_min <= frequency_max),
	FOREIGN KEY (ruleset, segment_name) REFERENCES rfmseg.segments
);
COMMENT ON TABLE rfmseg.rules IS 'The rules of each shipped ruleset. A rule holds where all its bounds do (NULL: no bound); of those that hold the one with the lowest priority number gives the segment.';
COMMENT ON COLUMN rfmseg.rules.rule_id IS 'Number of the rule.';
COMMENT ON COLUMN rfmseg.rules.ruleset IS 'Name of the ruleset.';
COMMENT ON COLUMN rfmseg.rules.priority IS 'The rule with the lowest number wins.';
COMMENT ON COLUMN rfmseg.rules.segment_name IS 'The segment it gives.';
COMMENT ON COLUMN rfmseg.rules.r_min IS 'Lowest recency score.';
COMMENT ON COLUMN rfmseg.rules.r_max IS 'Highest recency score.';
COMMENT ON COLUMN rfmseg.rules.f_min IS 'Lowest frequency score.';
COMMENT ON COLUMN rfmseg.rules.f_max IS 'Highest frequency score.';
COMMENT ON COLUMN rfmseg.rules.m_min IS 'Lowest monetary score.';
COMMENT ON COLUMN rfmseg.rules.m_max IS 'Highest monetary score.';
COMMENT ON COLUMN rfmseg.rules.frequency_min IS 'Fewest purchases ever made; 0 is who had every purchase refunded.';
COMMENT ON COLUMN rfmseg.rules.frequency_max IS 'Most purchases ever made.';

GRANT SELECT ON rfmseg.rulesets, rfmseg.segments, rfmseg.rules TO PUBLIC;

INSERT INTO rfmseg.rulesets (ruleset, bins, r_closed, f_closed, m_closed, description) VALUES
	('standard', 4, 'right', 'right', 'right',
	 'Six segments from quartile scores. Every code is covered, and buying more recently never demotes.'),
	('accelerator', 4, 'right', 'left', 'left',
	 'The rules of a well-known lakehouse accelerator, for moving from it unchanged. Not recommended: lint_ruleset says why.'),
	('eleven', 5, 'right', 'right', 'right',
	 'The eleven segments known from retail tools, from quintile scores.');

INSERT INTO rfmseg.segments
	(ruleset, segment_name, segment_order, standing, segment_color, meaning, recommended_action) VALUES
	('standard', 'Champions', 1, 1, '#1b7837', 'Among the highest spenders, buy often and bought recently.',
	 'Reward them, give them early access, ask them to recommend.'),
	('standard', 'Loyal', 2, 2, '#5aae61', 'Buy often, spend much, and are still active.',
	 'Keep them: loyalty benefits, suggestions for the next purchase.'),
	('standard', 'Regular', 3, 3, '#2166ac', 'Active customers of ordinary frequency or value.',
	 'Raise value: bundles, suggestions from other categories.'),
	('standard', 'New Customers', 4, 3, '#67a9cf', 'Made their only purchase recently.',
	 'Welcome them and win the second purchase.'),
	('standard', 'At Risk', 5, 4, '#f1a340', 'Used to buy, with no recent activity.',
	 'Win them back now: a reminder, a personal offer.'),
	('standard', 'Churned', 6, 5, '#b2182b', 'Gone: longest away, and never bought much.',
	 'Spend little: one last offer, then leave them be.');

INSERT INTO rfmseg.segments
	(ruleset, segment_name, segment_order, standing, segment_color, meaning, recommended_action)
SELECT 'accelerator', segment_name, segment_order, standing, segment_color, meaning, recommended_action
FROM rfmseg.segments WHERE ruleset = 'standard';

INSERT INTO rfmseg.segments
	(ruleset, segment_name, segment_order, standing, segment_color, meaning, recommended_action) VALUES
	('eleven', 'Champions', 1, 1, '#1b7837', 'Bought most recently, buy often and spend most.',
	 'Reward them, give them early access, ask them to recommend.'),
	('eleven', 'Loyal Customers', 2, 2, '#5aae61', 'Buy often and are still active.',
	 'Keep them: loyalty benefits, suggestions for the next purchase.'),
	('eleven', 'Potential Loyalists', 3, 3, '#a6dba0', 'Recent customers with a few purchases.',
	 'Offer membership, suggest further products.'),
	('eleven', 'New Customers', 4, 3, '#67a9cf', 'Bought most recently, and little so far.',
	 'Welcome them and win the second purchase.'),
	('eleven', 'Promising', 5, 4, '#2166ac', 'Bought fairly recently, and little so far.',
	 'Make the brand known, offer a trial.'),
	('eleven', 'Need Attention', 6, 5, '#8073ac', 'Middling recency and frequency.',
	 'A limited offer based on what they bought.'),
	('eleven', 'About To Sleep', 7, 6, '#fee391', 'Below the middle in recency and frequency.',
	 'Share what is popular, reconnect.'),
	('eleven', 'At Risk', 8, 7, '#f1a340', 'Bought often, but long ago.',
	 'Win them back now: a reminder, a personal offer.'),
	('eleven', 'Cannot Lose Them', 9, 7, '#d6604d', 'Bought very often and for much, but long ago.',
	 'Call them: do not lose them to others.'),
	('eleven', 'Hibernating', 10, 8, '#969696', 'Last bought long ago, and little.',
	 'Other products, a special discount.'),
	('eleven', 'Lost', 11, 9, '#b2182b', 'Lowest recency and frequency.',
	 'Spend little: one last offer, then leave them be.');

INSERT INTO rfmseg.rules
	(rule_id, ruleset, priority, segment_name, r_min, r_max, f_min, f_max, m_min, m_max, frequency_min, frequency_max) VALUES
	( 1, 'standard', 1, 'New Customers',   3,    4, NULL, NULL, NULL, NULL, 1,    1),
	( 2, 'standard', 2, 'Champions',       4,    4,    3,    4,    4,    4, NULL, NULL),
	( 3, 'standard', 3, 'Loyal',           3,    4,    3,    4,    3,    4, NULL, NULL),
	( 4, 'standard', 4, 'Regular',         3,    4, NULL, NULL, NULL, NULL, NULL, NULL),
	( 5, 'standard', 5, 'Regular',         2,    2, NULL,    2, NULL,    2,    2, NULL),
	( 6, 'standard', 6, 'At Risk',         2,    2, NULL, NULL, NULL, NULL, NULL, NULL),
	( 7, 'standard', 7, 'At Risk',         1,    1,    3,    4,    3,    4, NULL, NULL),
	( 8, 'standard', 8, 'Churned',         1,    1, NULL, NULL, NULL, NULL, NULL, NULL),
	(11, 'accelerator', 1, 'Champions',     4,    4,    4,    4,    4,    4, NULL, NULL),
	(12, 'accelerator', 2, 'New Customers', 3, NULL,    1,    1,    1, NULL, NULL, NULL),
	(13, 'accelerator', 3, 'Loyal',         3, NULL,    3, NULL,    3, NULL, NULL, NULL),
	(14, 'accelerator', 4, 'Regular',       2, NULL, NULL,    2, NULL,    2, NULL, NULL),
	(15, 'accelerator', 5, 'At Risk',    NULL,    2,    2, NULL,    2, NULL, NULL, NULL),
	(16, 'accelerator', 6, 'Churned',    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(21, 'eleven', 1, 'Champions',           5,    5,    4,    5,    4,    5, NULL, NULL),
	(22, 'eleven', 2, 'Loyal Customers',     3,    5,    4,    5, NULL, NULL, NULL, NULL),
	(23, 'eleven', 3, 'Potential Loyalists', 4,    5,    2,    3, NULL, NULL, NULL, NULL),
	(24, 'eleven', 4, 'New Customers',       5,    5,    1,    1, NULL, NULL, NULL, NULL),
	(25, 'eleven', 5, 'Promising',           4,    4,    1,    1, NULL, NULL, NULL, NULL),
	(26, 'eleven', 6, 'Need Attention',      3,    3,    3,    3, NULL, NULL, NULL, NULL),
	(27, 'eleven', 7, 'About To Sleep',      3,    3,    1,    2, NULL, NULL, NULL, NULL),
	(28, 'eleven', 8, 'Cannot Lose Them',    1,    2,    4,    5,    4,    5, NULL, NULL),
	(29, 'eleven', 9, 'At Risk',             1,    2,    3,    5, NULL, NULL, NULL, NULL),
	(30, 'eleven', 10, 'Lost',               1,    1,    1,    2, NULL, NULL, NULL, NULL),
	(31, 'eleven', 11, 'Hibernating',        2,    2,    1,    2, NULL, NULL, NULL, NULL);

CREATE FUNCTION rfmseg.segment(r int, f int, m int, frequency bigint, ruleset text DEFAULT 'standard', deployment text DEFAULT NULL)
RETURNS text AS 'MODULE_PATHNAME', 'rfmseg_segment'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.segment(int, int, int, bigint, text, text) IS
'The segment of a customer with these scores and that many purchases ever made, by a shipped ruleset (standard, accelerator, eleven) or, where a deployment is named, by its own copy. NULL where an argument is NULL or no rule holds. Only its owner may name a deployment. Errors: scores outside 1..bins of the ruleset, a negative frequency, an unknown ruleset.';

CREATE FUNCTION rfmseg.lint_ruleset(ruleset text, deployment text DEFAULT NULL)
RETURNS TABLE (problem text, codes text[], detail text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	home text := coalesce(quote_ident(lint_ruleset.deployment || '_core'), 'rfmseg');
	bins int;
BEGIN
	IF deployment IS NOT NULL THEN
		PERFORM rfmseg._require(deployment, layout => false);
	END IF;
	EXECUTE format('SELECT bins FROM %s.rulesets WHERE ruleset = $1', home) INTO bins USING lint_ruleset.ruleset;
	IF bins IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('ruleset "%s" does not exist', lint_ruleset.ruleset),
			HINT = format('%s.rulesets lists the rulesets there are.', home);
	END IF;

	-- Rules are held against every code, and for every code against every class
	-- of purchases ever made between which some rule makes a difference.
	RETURN QUERY EXECUTE format($query$
	WITH rule AS (
		SELECT u.*, s.standing, format('rule %%s (%%s)', u.priority, u.segment_name) AS label
		FROM %1$s.rules u JOIN %1$s.segments s USING (ruleset, segment_name)
		WHERE u.ruleset = $1
	), purchases AS (
		SELECT unnest('{0,1}'::bigint[]) AS frequency
		UNION SELECT frequency_min FROM rule WHERE frequency_min > 0
		UNION SELECT frequency_max + 1 FROM rule WHERE frequency_max BETWEEN 0 AND 9223372036854775806
	), code AS (
		SELECT r, f, m, frequency, format('%%s-%%s-%%s', r, f, m) AS code
		FROM generate_series(1, $2) r, generate_series(1, $2) f, generate_series(1, $2) m, purchases
		-- who had every purchase refunded has the lowest scores
		WHERE frequency > 0 OR (r, f, m) = (1, 1, 1)
	), held AS (
		SELECT c.r, c.f, c.m, c.frequency, c.code, u.rule_id, u.priority, u.segment_name, u.standing, u.label
		FROM code c JOIN rule u
			ON c.r BETWEEN coalesce(u.r_min, 1) AND coalesce(u.r_max, $2)
			AND c.f BETWEEN coalesce(u.f_min, 1) AND coalesce(u.f_max, $2)
			AND c.m BETWEEN coalesce(u.m_min, 1) AND coalesce(u.m_max, $2)
			AND c.frequency >= coalesce(u.frequency_min, 0)
			AND c.frequency <= coalesce(u.frequency_max, c.frequency)
	), winner AS (
		SELECT DISTINCT ON (r, f, m, frequency) *
		FROM held ORDER BY r, f, m, frequency, priority, rule_id
	), problems AS (
		SELECT 1 AS place, 'uncovered codes' AS problem, c.code,
			'no rule holds for them, at least for some number of purchases (0: all were refunded)' AS detail
		FROM code c LEFT JOIN winner w USING (r, f, m, frequency) WHERE w.code IS NULL
	UNION
		SELECT 2, 'unreachable rule', NULL, u.label || ' never decides: rules before it hold wherever it does'
		FROM rule u WHERE NOT EXISTS (SELECT FROM winner w WHERE w.rule_id = u.rule_id)
	UNION
		SELECT 3, 'overlapping rules', a.code,
			format('rules %%s and %%s have the same priority %%s and give %%s and %%s',
				a.rule_id, b.rule_id, a.priority, a.segment_name, b.segment_name)
		FROM held a JOIN held b USING (r, f, m, frequency, priority)
		WHERE a.rule_id < b.rule_id AND a.segment_name <> b.segment_name
	UNION
		SELECT 4, 'catch-all segment', w.code,
			format('%%s has no condition: these codes are %%s only because no other rule speaks of them', w.label, w.segment_name)
		FROM winner w JOIN rule u USING (rule_id)
		WHERE num_nonnulls(u.r_min, u.r_max, u.f_min, u.f_max, u.m_min, u.m_max, u.frequency_min, u.frequency_max) = 0
	UNION
		SELECT 5, 'best recency, worst segment', w.code,
			format('customers with the best recency score are called %%s', w.segment_name)
		FROM winner w WHERE w.r = $2 AND w.standing = (SELECT max(standing) FROM rule)
	UNION
		SELECT 6, 'better recency demotes', better.code,
			format('one recency score less would make them %%s, not %%s', worse.segment_name, better.segment_name)
		FROM winner better JOIN winner worse USING (f, m, frequency)
		WHERE better.r = worse.r + 1 AND better.standing > worse.standing
	)
	SELECT problem, coalesce(array_agg(code ORDER BY code COLLATE "C") FILTER (WHERE code IS NOT NULL), '{}'), detail
	FROM problems GROUP BY place, problem, detail ORDER BY place, detail COLLATE "C"
	$query$, home) USING lint_ruleset.ruleset, bins;
END
$body$;
COMMENT ON FUNCTION rfmseg.lint_ruleset(text, text) IS
'What is wrong with a shipped ruleset or, where a deployment is named, with its own copy; no row means nothing is. Problems: uncovered codes, unreachable rule, overlapping rules (of the same priority), catch-all segment, best recency worst segment, better recency demotes. codes are r-f-m.';
-------------------------------------------------------------------------------
-- Generators: made-up customers, products and purchases
-------------------------------------------------------------------------------
-- Their rows have the columns of the landing tables (rfmseg._landing_columns).

CREATE FUNCTION rfmseg._draw(seed bigint, stream int, "row" bigint)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_draw'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._draw(bigint, int, bigint) IS
'Internal: a random number from 0 to 2^63 - 1 that follows from the seed, the stream and the row alone.';

CREATE FUNCTION rfmseg.generate_customers(
	n bigint,
	seed bigint,
	start_date date DEFAULT '2024-01-01',
	end_date date DEFAULT '2025-12-31',
	population jsonb DEFAULT NULL,
	first_customer bigint DEFAULT 1,
	OUT customer_id bigint,
	OUT first_name text,
	OUT last_name text,
	OUT email text,
	OUT age int,
	OUT gender text,
	OUT income_bracket text,
	OUT city text,
	OUT state text,
	OUT latitude float8,
	OUT longitude float8,
	OUT signup_date date,
	OUT preferred_channel text,
	OUT marketing_consent boolean
)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_generate_customers'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.generate_customers(bigint, bigint, date, date, jsonb, bigint) IS
'n made-up customers, numbered from first_customer, with the columns of the landing table. They follow from the arguments alone, and none from how many are asked for; with equal seed, dates and population they are those of generate_transactions. Names, cities and coordinates are real in their frequency (US Census, SSA), people are not; addresses end in example.com, .net or .org, which reach nobody. See docs/generators.md. Errors: NULL, n below 0, end_date before start_date, an impossible population.';

CREATE FUNCTION rfmseg.generate_products(
	n bigint,
	seed bigint,
	OUT product_id bigint,
	OUT product_name text,
	OUT category text,
	OUT price numeric,
	OUT cost numeric,
	OUT brand text,
	OUT is_seasonal boolean
)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_generate_products'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.generate_products(bigint, bigint) IS
'n made-up products, numbered from 1, with the columns of the landing table; with the same seed they are those that generate_transactions sells. Brands are invented. Errors: NULL, n below 0.';

CREATE FUNCTION rfmseg.generate_transactions(
	customers bigint,
	seed bigint,
	start_date date DEFAULT '2024-01-01',
	end_date date DEFAULT '2025-12-31',
	products bigint DEFAULT 100,
	time_zone text DEFAULT 'UTC',
	currency text DEFAULT 'USD',
	population jsonb DEFAULT NULL,
	first_customer bigint DEFAULT 1,
	OUT transaction_id bigint,
	OUT order_id bigint,
	OUT customer_id bigint,
	OUT transaction_date timestamptz,
	OUT product_id bigint,
	OUT quantity numeric,
	OUT category text,
	OUT per_unit_cost numeric,
	OUT per_unit_msrp numeric,
	OUT total_cost numeric,
	OUT pre_discount_amount numeric,
	OUT discount_amount numeric,
	OUT total_amount numeric,
	OUT channel text,
	OUT is_return boolean,
	OUT currency text
)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_generate_transactions'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.generate_transactions(bigint, bigint, date, date, bigint, text, text, jsonb, bigint) IS
'The purchases of so many made-up customers, numbered from first_customer, from start_date to end_date (both included), with the columns of the landing table: a row for each line of an order, and for each line sent back. Hours, weekdays and holidays are those of time_zone. They follow from the arguments alone, and no customer''s from how many are asked for. population, such as {"model": "bgnbd", "r": 0.25, "alpha": 30, "a": 0.8, "b": 2.5, "p": 6, "q": 4, "v": 15}, makes one population without seasons and products, whose rates by day are drawn as that model assumes. See docs/generators.md. Errors: NULL, customers below 0, products outside of 1 to 100000, end_date before start_date, an unknown time zone, an impossible population.';

CREATE FUNCTION rfmseg._generate_transactions_into(
	customers bigint,
	seed bigint,
	start_date date,
	end_date date,
	products bigint,
	time_zone text,
	currency text,
	population jsonb,
	first_customer bigint,
	target regclass
)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_generate_transactions_into'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION rfmseg._generate_transactions_into(bigint, bigint, date, date, bigint, text, text, jsonb, bigint, regclass) IS
'Internal: puts the rows of generate_transactions into a table as _fill does; how many.';

CREATE FUNCTION rfmseg.generate_ground_truth(
	customers bigint,
	seed bigint,
	start_date date DEFAULT '2024-01-01',
	end_date date DEFAULT '2025-12-31',
	population jsonb DEFAULT NULL,
	first_customer bigint DEFAULT 1,
	OUT customer_id bigint,
	OUT archetype text,
	OUT purchase_rate float8,
	OUT dropout_probability float8,
	OUT dropout_rate float8,
	OUT mean_order_value float8,
	OUT mean_order_lines float8,
	OUT discount_rate float8,
	OUT return_rate float8,
	OUT favorite_category text,
	OUT category_affinity float8,
	OUT rhythm text,
	OUT orders int,
	OUT is_active boolean
)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_generate_ground_truth'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.generate_ground_truth(bigint, bigint, date, date, jsonb, bigint) IS
'What generate_transactions, with the same arguments, made its customers of: archetype; purchase_rate, orders a day of average demand while active; dropout_probability after an order (model bgnbd: after any but the first), or dropout_rate a day (model pnbd); mean_order_value (population alone); mean_order_lines, discount_rate, return_rate, favorite_category, category_affinity, rhythm; orders made; is_active, whether the customer would still buy after end_date. To score segments, clusters and predictions against. Errors: as generate_transactions.';
-------------------------------------------------------------------------------
-- Deployments: making, finding and removing them
-------------------------------------------------------------------------------
-- A deployment "shop" is made of ordinary schemas, tables and views of its
-- owner: shop_raw, shop_core and shop.  Nothing of it belongs to the extension,
-- so that DROP EXTENSION and dumps treat it as the user's data that it is.

CREATE FUNCTION rfmseg._layout()
RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS 'SELECT 1';
COMMENT ON FUNCTION rfmseg._layout() IS
'Internal: number of the present form of deployments'' objects; each is marked with the one it has.';

CREATE FUNCTION rfmseg.deployments()
RETURNS TABLE (deployment text, owner name)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT left(n.nspname, -length('_core')), pg_get_userbyid(n.nspowner)
	FROM pg_namespace n
	JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'settings' AND c.relkind = 'r'
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'rfmseg_layout' AND NOT a.attisdropped
	WHERE n.nspname LIKE '%\_core' AND has_schema_privilege(n.oid, 'USAGE')
	ORDER BY 1
$body$;
COMMENT ON FUNCTION rfmseg.deployments() IS
'The deployments whose core schema the caller may use. They are known by the column rfmseg_layout of their settings, which dumps keep.';

CREATE FUNCTION rfmseg._require(deployment text, layout boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	owner oid;
	found_layout int;
BEGIN
	IF deployment IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'the name of the deployment must not be NULL';
	END IF;

	SELECT n.nspowner INTO owner
	FROM pg_namespace n
	JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'settings' AND c.relkind = 'r'
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'rfmseg_layout' AND NOT a.attisdropped
	WHERE n.nspname = deployment || '_core';
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('deployment "%s" does not exist', deployment),
			HINT = format('SELECT rfmseg.deploy(%L) makes it; rfmseg.deployments() lists those there are.', deployment);
	END IF;

	-- Mapped expressions are code of the owner's.  Whoever else ran them, a
	-- superuser above all, would lend the owner all rights he has.
	IF owner <> (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('deployment "%s" belongs to role "%s"', deployment, pg_get_userbyid(owner)),
			DETAIL = 'What a deployment runs is its owner''s code, so nobody else runs or changes it.',
			HINT = format('A member of that role can say SET ROLE %I first; see docs/security.md before you do so as a superuser.', pg_get_userbyid(owner));
	END IF;

	IF layout THEN
		EXECUTE format('SELECT rfmseg_layout FROM %I.settings', deployment || '_core') INTO found_layout;
		IF found_layout < rfmseg._layout() THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('deployment "%s" has layout %s, this version of rfmseg needs %s', deployment, found_layout, rfmseg._layout()),
				HINT = format('Run SELECT rfmseg.upgrade_deployment(%L).', deployment);
		ELSIF found_layout > rfmseg._layout() THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('deployment "%s" has layout %s, this version of rfmseg knows only %s', deployment, found_layout, rfmseg._layout()),
				HINT = 'Run ALTER EXTENSION rfmseg UPDATE, with the newer version installed.';
		END IF;
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._require(text, boolean) IS
'Internal: an error unless the deployment exists, belongs to the caller and, if asked, has the present layout.';

CREATE FUNCTION rfmseg._lock(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	-- conflicts with itself, and with neither reads nor writes of the table
	EXECUTE format('LOCK TABLE %I.runs IN SHARE UPDATE EXCLUSIVE MODE', deployment || '_core');
END
$body$;
COMMENT ON FUNCTION rfmseg._lock(text) IS
'Internal: whatever changes a deployment does so one at a time, to the end of its transaction.';

CREATE FUNCTION rfmseg._comment(relation text, descriptions jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
BEGIN
	FOR item IN
		SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, '' AS part,
			descriptions ->> '' AS description
		FROM pg_class c WHERE c.oid = relation::regclass
	UNION ALL
		SELECT 'COLUMN', '.' || quote_ident(a.attname), descriptions ->> a.attname::text
		FROM pg_attribute a
		WHERE a.attrelid = relation::regclass AND a.attnum > 0 AND NOT a.attisdropped AND descriptions ? a.attname::text
	LOOP
		EXECUTE format('COMMENT ON %s %s%s IS %L', item.kind, relation, item.part, item.description);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._comment(text, jsonb) IS
'Internal: comments on a relation (key '''') and those of its columns that are described.';

CREATE FUNCTION rfmseg._create_landing(deployment text, dataset text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.%I', deployment || '_raw', dataset);
BEGIN
	EXECUTE format('CREATE TABLE %s (%s)', relation, (
		SELECT string_agg(format('%I %s', column_name, data_type), ', ' ORDER BY place)
		FROM rfmseg._landing_columns l WHERE l.dataset = _create_landing.dataset));
	PERFORM rfmseg._comment(relation, rfmseg._landing_descriptions(dataset) || jsonb_build_object('', format('Landing table for %s: fill it, or put a view on your own table in its place with rfmseg.map_%s.', dataset, dataset)));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_landing(text, text) IS 'Internal: makes one landing table.';

-- The landing tables' columns, which are also those of mapped sources.
CREATE TABLE rfmseg._landing_columns (
	dataset text NOT NULL,
	place int NOT NULL,
	column_name text NOT NULL,
	data_type text NOT NULL,
	meaning text NOT NULL CHECK (meaning IN ('key', 'time', 'day', 'number', 'money', 'flag', 'text')),
	description text NOT NULL,
	PRIMARY KEY (dataset, column_name),
	UNIQUE (dataset, place)
);
GRANT SELECT ON rfmseg._landing_columns TO PUBLIC;
COMMENT ON TABLE rfmseg._landing_columns IS 'Internal: the columns of the landing tables, and so of mapped sources.';
COMMENT ON COLUMN rfmseg._landing_columns.dataset IS 'transactions, customers or products.';
COMMENT ON COLUMN rfmseg._landing_columns.place IS 'Place of the column in its relation.';
COMMENT ON COLUMN rfmseg._landing_columns.column_name IS 'Name of the column.';
COMMENT ON COLUMN rfmseg._landing_columns.data_type IS 'Its type in the landing table; a mapped key keeps its own.';
COMMENT ON COLUMN rfmseg._landing_columns.meaning IS 'What a mapped expression must be: key, any type that has an order; money, a number that fx_rate converts; ...';
COMMENT ON COLUMN rfmseg._landing_columns.description IS 'What the column says.';

INSERT INTO rfmseg._landing_columns (dataset, place, column_name, data_type, meaning, description) VALUES
	('transactions', 1, 'transaction_id', 'bigint', 'key', 'Identifies the line.'),
	('transactions', 2, 'order_id', 'bigint', 'key', 'Identifies the purchase that the line belongs to; without it a purchase is a day.'),
	('transactions', 3, 'customer_id', 'bigint', 'key', 'Who bought; NULL for a guest.'),
	('transactions', 4, 'transaction_date', 'timestamptz', 'time', 'When.'),
	('transactions', 5, 'product_id', 'bigint', 'key', 'What was bought.'),
	('transactions', 6, 'quantity', 'numeric', 'number', 'How many of it.'),
	('transactions', 7, 'category', 'text', 'text', 'Its category.'),
	('transactions', 8, 'per_unit_cost', 'numeric', 'money', 'What one costs the seller.'),
	('transactions', 9, 'per_unit_msrp', 'numeric', 'money', 'The list price of one.'),
	('transactions', 10, 'total_cost', 'numeric', 'money', 'What the line costs the seller.'),
	('transactions', 11, 'pre_discount_amount', 'numeric', 'money', 'The line''s price before discount.'),
	('transactions', 12, 'discount_amount', 'numeric', 'money', 'The discount on the line.'),
	('transactions', 13, 'total_amount', 'numeric', 'money', 'What the customer paid for the line; negative for a return.'),
	('transactions', 14, 'channel', 'text', 'text', 'Where it was bought.'),
	('transactions', 15, 'is_return', 'boolean', 'flag', 'Whether the line is a return; NULL: it is if total_amount is negative.'),
	('transactions', 16, 'currency', 'text', 'text', 'Currency of the amounts.'),
	('customers', 1, 'customer_id', 'bigint', 'key', 'Identifies the customer.'),
	('customers', 2, 'first_name', 'text', 'text', 'First name. Personal.'),
	('customers', 3, 'last_name', 'text', 'text', 'Last name. Personal.'),
	('customers', 4, 'email', 'text', 'text', 'E-mail address. Personal.'),
	('customers', 5, 'age', 'int', 'number', 'Age in years.'),
	('customers', 6, 'gender', 'text', 'text', 'Gender.'),
	('customers', 7, 'income_bracket', 'text', 'text', 'Bracket of income.'),
	('customers', 8, 'city', 'text', 'text', 'City.'),
	('customers', 9, 'state', 'text', 'text', 'State or region.'),
	('customers', 10, 'latitude', 'float8', 'number', 'Latitude in degrees.'),
	('customers', 11, 'longitude', 'float8', 'number', 'Longitude in degrees.'),
	('customers', 12, 'signup_date', 'date', 'day', 'Day of registration.'),
	('customers', 13, 'preferred_channel', 'text', 'text', 'Channel the customer prefers.'),
	('customers', 14, 'marketing_consent', 'boolean', 'flag', 'Whether the customer may be contacted.'),
	('products', 1, 'product_id', 'bigint', 'key', 'Identifies the product.'),
	('products', 2, 'product_name', 'text', 'text', 'Its name.'),
	('products', 3, 'category', 'text', 'text', 'Its category.'),
	('products', 4, 'price', 'numeric', 'number', 'Its price.'),
	('products', 5, 'cost', 'numeric', 'number', 'What it costs the seller.'),
	('products', 6, 'brand', 'text', 'text', 'Its brand.'),
	('products', 7, 'is_seasonal', 'boolean', 'flag', 'Whether it sells in a season only.');

CREATE FUNCTION rfmseg._landing_descriptions(dataset text)
RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT jsonb_object_agg(l.column_name, l.description) FROM rfmseg._landing_columns l WHERE l.dataset = $1
$body$;
COMMENT ON FUNCTION rfmseg._landing_descriptions(text) IS 'Internal: what the columns of a landing table say, by name.';

CREATE FUNCTION rfmseg._deploy(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	taken text;
	dataset text;
	zone text := current_setting('TimeZone');
BEGIN
	IF deployment IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'the name of the deployment must not be NULL';
	ELSIF deployment = '' OR octet_length(deployment) > 50 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_name',
			MESSAGE = format('"%s" cannot name a deployment', deployment),
			HINT = 'Its name is that of a schema, of 1 to 50 bytes.';
	END IF;
	SELECT string_agg(quote_ident(nspname), ' and ' ORDER BY nspname) INTO taken
	FROM pg_namespace WHERE nspname IN (deployment, deployment || '_core', deployment || '_raw');
	IF taken IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'duplicate_schema',
			MESSAGE = format('deployment "%s" cannot be made: there already is schema %s', deployment, taken),
			HINT = 'Choose another name; nothing that exists is overwritten.';
	END IF;

	PERFORM rfmseg._check_time_zone(zone);

	EXECUTE format('CREATE SCHEMA %I', deployment || '_raw');
	EXECUTE format('CREATE SCHEMA %I', deployment || '_core');
	EXECUTE format('CREATE SCHEMA %I', deployment);
	EXECUTE format('COMMENT ON SCHEMA %I IS %L', deployment || '_raw',
		format('Landing of deployment %s: customers, products, transactions. Personal data.', deployment));
	EXECUTE format('COMMENT ON SCHEMA %I IS %L', deployment || '_core',
		format('Engine room of deployment %s: clean data, the per-customer table, settings, rules, runs.', deployment));
	EXECUTE format('COMMENT ON SCHEMA %I IS %L', deployment,
		format('Published by deployment %s, for people and dashboards. No names, no contacts.', deployment));

	FOREACH dataset IN ARRAY '{transactions,customers,products}'::text[] LOOP
		PERFORM rfmseg._create_landing(deployment, dataset);
	END LOOP;
	PERFORM rfmseg._create_settings(deployment, zone);
	PERFORM rfmseg._create_suppressions(deployment);
	PERFORM rfmseg._create_rulesets(deployment);
	PERFORM rfmseg._copy_ruleset(deployment, 'standard');
	PERFORM rfmseg._create_mappings(deployment);
	PERFORM rfmseg._create_expectations(deployment);
	PERFORM rfmseg._create_runs(deployment);
	PERFORM rfmseg._create_models(deployment);
	PERFORM rfmseg._create_holdouts(deployment);
	PERFORM rfmseg._create_migrations(deployment);
	PERFORM rfmseg._create_campaigns(deployment);
	PERFORM rfmseg._create_insights(deployment);
	PERFORM rfmseg._create_clean_views(deployment);
	PERFORM rfmseg._create_access(deployment);
	PERFORM rfmseg._create_row_filters(deployment);
	PERFORM rfmseg._create_masks(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._deploy(text) IS 'Internal: makes a deployment without group roles, and says nothing of it.';

CREATE FUNCTION rfmseg.deploy(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._deploy(deployment);
	RAISE NOTICE 'deployment "%" is made: schemas %_raw, %_core and %', deployment, deployment, deployment, deployment
		USING HINT = format('Name your purchases with rfmseg.map_transactions(%1$L, ...), or fill %2$I.transactions; then CALL rfmseg.refresh(%1$L).',
			deployment, deployment || '_raw');
	PERFORM rfmseg._make_group_roles(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.deploy(text) IS
'Makes a deployment: schemas <name>_raw (landing), <name>_core (engine room) and <name> (published), which belong to the caller, who must be allowed to create schemas; and group roles <name>_viewer, _analyst, _steward, _marketer and _engineer, if the caller may create roles. Roles of these names that exist are used only if they are the deployment''s own and the caller alone administers them. Zone and currency are the session''s zone and USD: see configure. Errors: a name of more than 50 bytes, a schema that already exists.';

CREATE FUNCTION rfmseg._create_rulesets(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	relation text;
BEGIN
	EXECUTE format('CREATE TABLE %1$s.rulesets (LIKE rfmseg.rulesets INCLUDING ALL)', home);
	EXECUTE format('CREATE TABLE %1$s.segments (LIKE rfmseg.segments INCLUDING ALL,'
		' FOREIGN KEY (ruleset) REFERENCES %1$s.rulesets ON DELETE CASCADE ON UPDATE CASCADE)', home);
	EXECUTE format('CREATE TABLE %1$s.rules (LIKE rfmseg.rules INCLUDING ALL,'
		' FOREIGN KEY (ruleset, segment_name) REFERENCES %1$s.segments ON DELETE CASCADE ON UPDATE CASCADE)', home);
	EXECUTE format('ALTER TABLE %1$s.rules ALTER rule_id ADD GENERATED BY DEFAULT AS IDENTITY (START 1001)', home);
	FOREACH relation IN ARRAY '{rulesets,segments,rules}'::text[] LOOP
		EXECUTE format('COMMENT ON TABLE %s.%I IS %L', home, relation,
			format('The deployment''s own %s: edit them, and check with rfmseg.lint_ruleset(<ruleset>, %L).', relation, deployment));
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._create_rulesets(text) IS 'Internal: makes the tables of a deployment''s own rulesets.';

CREATE FUNCTION rfmseg._copy_ruleset(deployment text, ruleset text)
RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	relation text;
	known boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %s.rulesets WHERE ruleset = $1)', home) INTO known USING ruleset;
	IF known THEN
		RETURN true;
	END IF;
	FOREACH relation IN ARRAY '{rulesets,segments,rules}'::text[] LOOP
		EXECUTE format('INSERT INTO %s.%I SELECT * FROM rfmseg.%I WHERE ruleset = $1', home, relation, relation) USING ruleset;
	END LOOP;
	RETURN EXISTS (SELECT FROM rfmseg.rulesets s WHERE s.ruleset = _copy_ruleset.ruleset);
END
$body$;
COMMENT ON FUNCTION rfmseg._copy_ruleset(text, text) IS
'Internal: copies a shipped ruleset into a deployment that has none of that name; false where there is none to copy.';

CREATE FUNCTION rfmseg._deployed_relations(deployment text)
RETURNS TABLE (schema text, relation text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT deployment || '_raw', unnest('{customers,ground_truth,products,transactions}'::text[])
	UNION ALL
	SELECT deployment || '_core', unnest('{settings,rulesets,segments,rules,sources,mappings,
		expectations,expectation_results,quarantine,suppressions,
		access,row_filters,column_masks,tags,tag_masks,runs,current_run,current_segments,cut_points,run_segments,run_checks,run_clusters,
		model_runs,model_metrics,model_versions,model_promotions,champions,holdouts,holdout_results,run_migrations,segment_history,
		run_values,run_grid,run_demographics,run_cohorts,behavioral_actions,roi_assumptions,
		campaigns,campaign_members,campaign_arms,contactable_customers,contacts,audience_exports,audience_members,
		customers_clean,products,transactions,transaction_lines,scored_customers}'::text[])
	UNION ALL
	SELECT deployment, unnest('{customer_segments,customer_summary,rfm_analysis,segment_profiles,
		customer_distribution,revenue_distribution,performance_metrics,value_distribution,rfm_grid,demographics,cohort_retention,
		lifetime_value,roi_analysis,recommendations,campaign_results,segment_trend,segment_migration,segment_changes,
		cluster_profiles,cluster_elbow,lifetime_holdout,runs,data_quality}'::text[])
$body$;
COMMENT ON FUNCTION rfmseg._deployed_relations(text) IS
'Internal: what a deployment is made of; whatever else lies in its schemas is not its own.';

CREATE FUNCTION rfmseg._holds_rows(relation text, lock_mode text DEFAULT 'ACCESS EXCLUSIVE')
RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_one boolean;
BEGIN
	-- Waits for those who are just filling it.  A snapshot from before could not
	-- see their rows: then the file's size decides.
	EXECUTE format('LOCK TABLE %s IN %s MODE', relation, lock_mode);
	EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO found_one;
	RETURN found_one OR (current_setting('transaction_isolation') <> 'read committed' AND pg_relation_size(relation) > 0);
END
$body$;
COMMENT ON FUNCTION rfmseg._holds_rows(text, text) IS 'Internal: whether a table that is about to go, or to be filled, holds rows; locks it.';

CREATE FUNCTION rfmseg.undeploy(deployment text, with_data boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	group_roles name[];
BEGIN
	PERFORM rfmseg._require(deployment, layout => false);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('SELECT array_agg(a.role_name) FROM %I.access a WHERE a.is_group', deployment || '_core') INTO group_roles;

	-- what people loaded into the landing tables is theirs
	IF NOT with_data THEN
		FOR item IN
			SELECT format('%I.%I', n.nspname, c.relname) AS relation
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = deployment || '_raw' AND c.relkind IN ('r', 'p')
			ORDER BY c.relname
		LOOP
			IF rfmseg._holds_rows(item.relation) THEN
				RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
					MESSAGE = format('landing table %s holds rows', item.relation),
					HINT = format('SELECT rfmseg.undeploy(%L, with_data => true) drops them too.', deployment);
			END IF;
		END LOOP;
	END IF;

	-- Nothing but the deployment's own relations may go.  Dropped in order of
	-- what depends on what, and without CASCADE, so that whatever depends on
	-- them from outside is named in an error, and whatever else lies in the
	-- schemas stays.
	FOR item IN
		SELECT k.kind, string_agg(format('%I.%I', n.nspname, c.relname), ', ') AS relations
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN rfmseg._deployed_relations(deployment) d ON d.schema = n.nspname AND d.relation = c.relname
		CROSS JOIN LATERAL (VALUES
			(1, 'VIEW', c.relkind = 'v'), (2, 'TABLE', c.relkind IN ('r', 'p'))) AS k (place, kind, holds)
		WHERE k.holds
		GROUP BY k.place, k.kind ORDER BY k.place
	LOOP
		EXECUTE format('DROP %s %s', item.kind, item.relations);
	END LOOP;
	FOR item IN SELECT unnest(ARRAY[deployment, deployment || '_core', deployment || '_raw']) AS schema LOOP
		EXECUTE format('DROP SCHEMA %I', item.schema);
	END LOOP;
	PERFORM rfmseg._drop_group_roles(deployment, group_roles);
	-- last, when nobody can schedule it any more
	PERFORM rfmseg._drop_schedule(deployment);
EXCEPTION WHEN dependent_objects_still_exist THEN
	DECLARE
		message text;
		detail text;
	BEGIN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
			MESSAGE = format('deployment "%s" cannot be removed: %s', deployment, message),
			DETAIL = detail,
			HINT = 'Drop or move what is not the deployment''s own first. Nothing was removed.';
	END;
END
$body$;
COMMENT ON FUNCTION rfmseg.undeploy(text, boolean) IS
'Removes a deployment with its settings, runs and segments, and those of its group roles that nothing else uses; a notice names the others. Rows in its landing tables are dropped only if with_data is true. The caller''s schedule in this database goes, too; a notice tells of other jobs that can be seen. Errors: objects of others that depend on it or lie in its schemas; then nothing is removed.';

CREATE FUNCTION rfmseg.upgrade_deployment(deployment text)
RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	found_layout int;
BEGIN
	PERFORM rfmseg._require(deployment, layout => false);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('SELECT rfmseg_layout FROM %s.settings', home) INTO found_layout;
	IF found_layout > rfmseg._layout() THEN
		PERFORM rfmseg._require(deployment);	-- says why not
	END IF;

	PERFORM rfmseg._rebuild_sources(deployment);
	PERFORM rfmseg._create_run_views(deployment);
	PERFORM rfmseg._create_model_views(deployment);
	PERFORM rfmseg._create_holdout_views(deployment);
	PERFORM rfmseg._create_migration_view(deployment);
	PERFORM rfmseg._create_campaign_view(deployment);
	PERFORM rfmseg._create_insight_views(deployment);
	IF to_regclass(home || '.scored_customers') IS NOT NULL THEN
		PERFORM rfmseg._create_published_views(deployment);
	END IF;
	PERFORM rfmseg._apply_row_filters(deployment);
	PERFORM rfmseg._grant_all(deployment);
	EXECUTE format('UPDATE %s.settings SET rfmseg_layout = $1', home) USING rfmseg._layout();
	RETURN rfmseg._layout();
END
$body$;
COMMENT ON FUNCTION rfmseg.upgrade_deployment(text) IS
'Brings a deployment''s views to the form that this version of rfmseg makes, data and settings untouched; returns the number of that layout. refresh asks for it where it is needed.';
-------------------------------------------------------------------------------
-- Levels of access, the group roles that have them, and the grants behind them
-------------------------------------------------------------------------------
-- The published views run with their reader's rights.  So a level is a set of
-- grants on the views and on exactly the columns behind them, which are read
-- from the catalogue and not listed here.  A role has a level because the table
-- "access" says so; whatever makes relations calls _grant_all afterwards.

CREATE FUNCTION rfmseg._create_access(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format('CREATE TABLE %s.access ('
		'role_name name, level text CHECK (level IN (''viewer'', ''analyst'', ''steward'', ''marketer'', ''engineer'')),'
		' is_group boolean NOT NULL, PRIMARY KEY (role_name, level))', home);
	PERFORM rfmseg._comment(home || '.access', jsonb_build_object(
		'', format('Roles that hold the grants of a level of deployment %s. Changed with rfmseg.grant_access and revoke_access; members of group roles are not listed.', deployment),
		'role_name', 'The role.',
		'level', 'viewer, analyst, steward, marketer or engineer.',
		'is_group', 'Whether it is the group role of the level, made by deploy.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_access(text) IS 'Internal: makes the table of the roles that have access to a deployment.';

CREATE FUNCTION rfmseg._levels()
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT '{viewer,analyst,steward,marketer,engineer}'::text[]
$body$;
COMMENT ON FUNCTION rfmseg._levels() IS 'Internal: the levels of access.';

CREATE FUNCTION rfmseg._levels_within(level text)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE level WHEN 'engineer' THEN rfmseg._levels()
		WHEN 'viewer' THEN '{viewer}' ELSE ARRAY['viewer', level] END
$body$;
COMMENT ON FUNCTION rfmseg._levels_within(text) IS 'Internal: the levels whose grants a level has.';

-- Group roles

CREATE FUNCTION rfmseg._role_mark(deployment text, level text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT format('rfmseg: %s of deployment %I', level, deployment)
$body$;
COMMENT ON FUNCTION rfmseg._role_mark(text, text) IS 'Internal: the comment by which a group role is known to be a deployment''s.';

CREATE FUNCTION rfmseg._is_marked(role_id oid, deployment text, level text)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT coalesce(shobj_description(role_id, 'pg_authid') = rfmseg._role_mark(deployment, level), false)
$body$;
COMMENT ON FUNCTION rfmseg._is_marked(oid, text, text) IS 'Internal: whether a role says of itself that it is the group role of a level of a deployment.';

CREATE FUNCTION rfmseg._administers(role oid)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- before 16, whoever could create roles could grant all but superusers'
	SELECT pg_has_role(role, 'MEMBER WITH ADMIN OPTION')
		OR (current_setting('server_version_num')::int < 160000
			AND (SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user)
			AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = role))
$body$;
COMMENT ON FUNCTION rfmseg._administers(oid) IS 'Internal: whether the caller may grant membership in a role.';

CREATE FUNCTION rfmseg._group_role(deployment text, level text)
RETURNS name LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_role name;
BEGIN
	EXECUTE format('SELECT a.role_name FROM %I.access a JOIN pg_roles r ON r.rolname = a.role_name'
		' WHERE a.is_group AND a.level = $2 AND rfmseg._is_marked(r.oid, $1, $2)', deployment || '_core')
		INTO found_role USING deployment, level;
	RETURN found_role;
END
$body$;
COMMENT ON FUNCTION rfmseg._group_role(text, text) IS 'Internal: the group role of a level of a deployment; NULL if there is none.';

-- Roles are the cluster's, and anybody who may create roles can have made one
-- of such a name, with such a comment.  So an existing one counts only if its
-- members are the caller's to decide, and nobody else's.
CREATE FUNCTION rfmseg._why_no_group_roles(deployment text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT coalesce((
		SELECT CASE WHEN NOT rfmseg._is_marked(r.oid, deployment, l.level) THEN format('role "%s" exists, and is not its own', r.rolname)
			WHEN NOT rfmseg._administers(r.oid) THEN format('role "%s" exists, and role "%s" does not administer it', r.rolname, current_user)
			ELSE format('role "%s" exists, and others administer it too', r.rolname) END
		FROM unnest(rfmseg._levels()) WITH ORDINALITY AS l (level, place)
		JOIN pg_roles r ON r.rolname = deployment || '_' || l.level
		WHERE NOT rfmseg._is_marked(r.oid, deployment, l.level) OR NOT rfmseg._administers(r.oid)
			OR EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles other ON other.oid = m.member
				WHERE m.roleid = r.oid AND m.admin_option AND NOT other.rolsuper
					AND other.rolname NOT IN (current_user, deployment || '_engineer'))
		ORDER BY l.place LIMIT 1),
		CASE WHEN NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
			THEN format('role "%s" may not create roles', current_user) END)
$body$;
COMMENT ON FUNCTION rfmseg._why_no_group_roles(text) IS
'Internal: what keeps the caller from making, or using, the group roles of a deployment; NULL if nothing does.';

CREATE FUNCTION rfmseg._make_group_roles(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	problem text;
	group_level text;
	group_role text;
BEGIN
	PERFORM rfmseg._require(deployment);
	problem := rfmseg._why_no_group_roles(deployment);
	IF problem IS NULL THEN
		BEGIN
			FOREACH group_level IN ARRAY rfmseg._levels() LOOP
				group_role := deployment || '_' || group_level;
				IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = group_role) THEN
					EXECUTE format('CREATE ROLE %I NOLOGIN', group_role);
					EXECUTE format('COMMENT ON ROLE %I IS %L', group_role, rfmseg._role_mark(deployment, group_level));
				END IF;
				EXECUTE format('INSERT INTO %I.access VALUES ($1, $2, true)', deployment || '_core') USING group_role, group_level;
			END LOOP;
			EXECUTE format('GRANT %1$I TO %2$I, %3$I, %4$I; GRANT %2$I TO %5$I', deployment || '_viewer',
				deployment || '_analyst', deployment || '_steward', deployment || '_marketer', deployment || '_engineer');
			FOREACH group_level IN ARRAY rfmseg._levels() LOOP
				PERFORM rfmseg._grant_role(deployment, deployment || '_' || group_level, ARRAY[group_level], true);
			END LOOP;
		EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation OR undefined_object THEN
			-- another session was faster, or something here forbids it
			GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT;
		END;
	END IF;
	IF problem IS NULL THEN
		RAISE NOTICE 'deployment "%" has group roles: %_viewer, %_analyst, %_steward, %_marketer and %_engineer',
			deployment, deployment, deployment, deployment, deployment, deployment
			USING HINT = format('Grant them with rfmseg.grant_access(%1$L, <role>, <level>). SELECT rfmseg.hand_over(%1$L) lets the members of %2$I run the deployment.',
				deployment, deployment || '_engineer');
	ELSE
		RAISE NOTICE 'deployment "%" has no group roles: %', deployment, problem
			USING HINT = format('rfmseg.grant_access(%L, <role>, <level>) gives a level to a role directly.', deployment);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._make_group_roles(text) IS
'Internal: makes the group roles of a deployment, or takes those that are its own; a notice where that cannot be.';

CREATE FUNCTION rfmseg._drop_group_roles(deployment text, roles name[])
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	reason text;
	remaining text[] := '{}';
BEGIN
	FOR item IN
		SELECT r.oid, r.rolname FROM unnest(roles) AS name JOIN pg_roles r ON r.rolname = name
		WHERE rfmseg._is_marked(r.oid, deployment, substr(r.rolname, length(deployment) + 2))
		-- engineers last: memberships that they granted depend on them
		ORDER BY r.rolname = deployment || '_engineer', r.rolname
	LOOP
		BEGIN
			-- refused where it still has grants or objects, in any database
			EXECUTE format('DROP ROLE %I', item.rolname);
		EXCEPTION WHEN dependent_objects_still_exist OR object_in_use OR insufficient_privilege THEN
			GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
			remaining := remaining || item.rolname::text;
		END;
	END LOOP;
	IF remaining <> '{}' THEN
		RAISE NOTICE 'group roles of "%" remain: %', deployment, array_to_string(remaining, ', ')
			USING DETAIL = initcap(left(reason, 1)) || substr(reason, 2) || '.',
			HINT = 'Another database may use them. If none does, a role that administers them can drop them with DROP ROLE.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_group_roles(text, name[]) IS
'Internal: drops the group roles of a deployment that is no more, but for those still in use; a notice names them.';

-- Grants

CREATE FUNCTION rfmseg._columns_behind(relations oid[])
RETURNS TABLE (relation oid, column_name name)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- through the views that run with their reader's rights; what lies behind
	-- another view is read by its owner
	WITH RECURSIVE views AS (
		SELECT unnest(relations) AS view
		UNION
		SELECT d.refobjid
		FROM views v
		JOIN pg_rewrite r ON r.ev_class = v.view
		JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
		JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'v' AND c.reloptions @> '{security_invoker=true}'
	)
	SELECT DISTINCT d.refobjid, a.attname
	FROM views v
	JOIN pg_rewrite r ON r.ev_class = v.view
	JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
		AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.view
	-- a relation of which no column is named needs a grant on some column
	JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum > 0 AND NOT a.attisdropped
		AND (a.attnum = d.refobjsubid OR d.refobjsubid = 0)
$body$;
COMMENT ON FUNCTION rfmseg._columns_behind(oid[]) IS
'Internal: the columns that a reader of views needs rights on, besides those on the views.';

CREATE FUNCTION rfmseg._own_relations(deployment text)
RETURNS TABLE (schema text, relation text, oid oid, kind "char")
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT d.schema, d.relation, c.oid, c.relkind
	FROM rfmseg._deployed_relations(deployment) d
	JOIN pg_namespace n ON n.nspname = d.schema
	JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = d.relation
$body$;
COMMENT ON FUNCTION rfmseg._own_relations(text) IS 'Internal: the relations of a deployment that there are.';

CREATE FUNCTION rfmseg._level_grants(deployment text, wanted_level text)
RETURNS TABLE (relation oid, columns text, privileges text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	WITH own AS (
		SELECT * FROM rfmseg._own_relations(deployment)
	), whole AS (
		-- all that is published
		SELECT 'viewer' AS level, o.oid, 'SELECT' AS privileges FROM own o WHERE o.schema = deployment
	UNION ALL
		SELECT 'analyst', o.oid, 'SELECT' FROM own o
		WHERE o.schema = deployment || '_core' AND o.relation = ANY ('{scored_customers,current_run,current_segments,cut_points,
			run_segments,run_checks,run_clusters,model_metrics,model_versions,model_promotions,champions,holdouts,holdout_results,
			campaigns,campaign_members,campaign_arms,audience_exports,expectations,expectation_results,segment_history,run_migrations,run_values,run_grid,run_demographics,run_cohorts,behavioral_actions,roi_assumptions,
			rulesets,segments,rules,customers_clean,products,transactions,transaction_lines}'::text[])
	UNION ALL
		SELECT 'steward', o.oid, 'SELECT' FROM own o
		WHERE o.schema = deployment || '_raw'
			OR (o.schema = deployment || '_core' AND o.relation = ANY ('{customers_clean,products,transactions,transaction_lines,quarantine,
				audience_exports,audience_members}'::text[]))
	UNION ALL
		SELECT 'marketer', o.oid, 'SELECT' FROM own o
		WHERE o.schema = deployment || '_core' AND o.relation = ANY ('{campaigns,campaign_members,contactable_customers,contacts,audience_exports,audience_members}'::text[])
	UNION ALL
		-- whoever could write to settings, mappings or rules would have the owner run what he wrote
		SELECT 'engineer', o.oid, CASE WHEN o.schema = deployment || '_raw' AND o.kind = 'r' THEN 'SELECT, INSERT, UPDATE, DELETE' ELSE 'SELECT' END
		FROM own o
	), partial AS (
		SELECT 'viewer' AS level, b.relation AS oid, b.column_name
		FROM rfmseg._columns_behind((SELECT array_agg(o.oid) FROM own o WHERE o.schema = deployment)) b
	UNION
		-- what the clean views read: no names, no contacts
		SELECT l.level, b.relation, b.column_name
		FROM (VALUES ('analyst'), ('steward')) AS l (level),
			LATERAL rfmseg._columns_behind((SELECT array_agg(w.oid) FROM whole w WHERE w.level = l.level)) b
	UNION
		-- an error message may quote the source
		SELECT 'analyst', a.attrelid, a.attname
		FROM own o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE o.schema = deployment || '_core' AND o.relation IN ('runs', 'model_runs') AND a.attname NOT IN ('error_message', 'error_hint')
	UNION
		-- what an audience is chosen by, and tells
		SELECT 'marketer', a.attrelid, a.attname
		FROM own o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attname = ANY (rfmseg._audience_columns() || 'run_id'::name)
		WHERE o.schema = deployment || '_core' AND o.relation = 'scored_customers'
	)
	SELECT w.oid, NULL, w.privileges FROM whole w WHERE w.level = wanted_level
	UNION ALL
	-- puts exports on record, but not in somebody else's name, nor at another time
	SELECT o.oid, v.columns, 'INSERT' FROM own o
	JOIN (VALUES ('audience_exports', 'run_id, criteria, customers'), ('audience_members', 'export_id, customer_id')) AS v (relation, columns) USING (relation)
	WHERE wanted_level = 'marketer' AND o.schema = deployment || '_core'
	UNION ALL
	SELECT p.oid, string_agg(quote_ident(p.column_name), ', ' ORDER BY p.column_name), 'SELECT'
	FROM partial p JOIN own o USING (oid)
	WHERE p.level = wanted_level AND p.oid NOT IN (SELECT w.oid FROM whole w WHERE w.level = wanted_level)
	GROUP BY p.oid
$body$;
COMMENT ON FUNCTION rfmseg._level_grants(text, text) IS
'Internal: the grants that a level adds to those of the levels within it; columns NULL: on the whole relation.';

CREATE FUNCTION rfmseg._revoke_all(deployment text, role name)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	holder oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = role);
	item record;
BEGIN
	PERFORM rfmseg._require(deployment, layout => false);
	FOR item IN
		SELECT format('TABLE %s', c.oid::regclass) AS object
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN (deployment, deployment || '_core', deployment || '_raw') AND c.relowner <> holder
			AND (EXISTS (SELECT FROM aclexplode(c.relacl) acl WHERE acl.grantee = holder)
				OR EXISTS (SELECT FROM pg_attribute a, aclexplode(a.attacl) acl WHERE a.attrelid = c.oid AND NOT a.attisdropped AND acl.grantee = holder))
	UNION ALL
		SELECT format('SCHEMA %I', n.nspname)
		FROM pg_namespace n
		WHERE n.nspname IN (deployment, deployment || '_core', deployment || '_raw') AND n.nspowner <> holder
			AND EXISTS (SELECT FROM aclexplode(n.nspacl) acl WHERE acl.grantee = holder)
	LOOP
		EXECUTE format('REVOKE ALL ON %s FROM %I', item.object, role);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._revoke_all(text, name) IS 'Internal: takes all that a role was granted on a deployment''s schemas and relations.';

CREATE FUNCTION rfmseg._grant_role(deployment text, role name, levels text[], is_group boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
BEGIN
	PERFORM rfmseg._require(deployment, layout => false);
	IF role = (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = deployment || '_core') THEN
		RETURN;		-- an owner's own rights need no grants, and are not to be cut
	END IF;
	PERFORM rfmseg._revoke_all(deployment, role);
	IF levels IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA %I, %I TO %I', deployment, deployment || '_core', role);
	IF levels && '{analyst,steward,engineer}' THEN
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', deployment || '_raw', role);
	END IF;
	FOR item IN
		WITH wanted AS (
			SELECT DISTINCT g.*
			-- a group role is a member of those of the levels within its own
			FROM (SELECT DISTINCT unnest(CASE WHEN is_group THEN ARRAY[l] ELSE rfmseg._levels_within(l) END) AS level FROM unnest(levels) AS l) AS w,
				LATERAL rfmseg._level_grants(deployment, w.level) AS g
		)
		SELECT g.privileges || coalesce(' (' || g.columns || ')', '') AS what, string_agg(g.relation::regclass::text, ', ') AS relations
		FROM wanted g
		WHERE g.columns IS NULL OR NOT EXISTS (SELECT FROM wanted w
			WHERE w.relation = g.relation AND w.columns IS NULL AND g.privileges = ANY (string_to_array(w.privileges, ', ')))
		GROUP BY g.privileges, g.columns, CASE WHEN g.columns IS NOT NULL THEN g.relation END
	LOOP
		EXECUTE format('GRANT %s ON %s TO %I', item.what, item.relations, role);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._grant_role(text, name, text[], boolean) IS
'Internal: gives a role the grants of its levels on a deployment, and takes all others; levels NULL: all of them.';

CREATE FUNCTION rfmseg._grant_all(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
BEGIN
	-- A role that may not even use the schema has been dropped, or lost its
	-- rights by somebody's REVOKE: another of its name must not inherit them.
	FOR item IN EXECUTE format($query$
		SELECT a.role_name, array_agg(a.level ORDER BY a.level) AS levels, bool_and(a.is_group) AS is_group
		FROM %I.access a JOIN pg_roles r ON r.rolname = a.role_name
		WHERE EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) acl WHERE n.nspname = $1 AND acl.grantee = r.oid)
		GROUP BY a.role_name$query$, deployment || '_core') USING deployment
	LOOP
		PERFORM rfmseg._grant_role(deployment, item.role_name, item.levels, item.is_group);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._grant_all(text) IS
'Internal: brings the grants of all roles with access to a deployment up to the relations that it now has.';

CREATE FUNCTION rfmseg._check_level(role name, level text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF role IS NULL OR level IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role and level must not be NULL';
	END IF;
	PERFORM rfmseg._check_choice('level', level, rfmseg._levels());
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('role "%s" does not exist', role), HINT = 'Give its name as it is in pg_roles, without quotes. PUBLIC has no level.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_level(name, text) IS 'Internal: an error unless there is such a role and such a level.';

CREATE FUNCTION rfmseg._must_administer(group_role name)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF NOT rfmseg._administers((SELECT oid FROM pg_roles WHERE rolname = group_role)) THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" does not administer role "%s"', current_user, group_role),
			HINT = format('Whoever does says GRANT or REVOKE %I.', group_role);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._must_administer(name) IS 'Internal: an error unless the caller may grant membership in a role.';

CREATE FUNCTION rfmseg.grant_access(deployment text, role name, level text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	group_role name;
	levels text[];
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	PERFORM rfmseg._check_level(role, level);
	IF role = current_user THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_grant_operation',
			MESSAGE = format('role "%s" owns deployment "%s"', role, deployment), HINT = 'An owner may do everything, and needs no level.';
	END IF;

	group_role := rfmseg._group_role(deployment, level);
	IF group_role IS NOT NULL THEN
		PERFORM rfmseg._must_administer(group_role);
		EXECUTE format('GRANT %I TO %I', group_role, role);
		RETURN;
	END IF;
	EXECUTE format('INSERT INTO %s.access VALUES ($1, $2, false) ON CONFLICT DO NOTHING', home) USING role, level;
	EXECUTE format('SELECT array_agg(a.level ORDER BY a.level) FROM %s.access a WHERE a.role_name = $1', home) INTO levels USING role;
	PERFORM rfmseg._grant_role(deployment, role, levels);
END
$body$;
COMMENT ON FUNCTION rfmseg.grant_access(text, name, text) IS
'Gives a role a level of access to a deployment. viewer: what is published, and the columns behind it. analyst: also the per-customer table, clean views, runs without error messages, models. steward: as viewer, and the landing tables with personal data. marketer: as viewer, and audiences: the contacts of those who agreed, once their export is on record. engineer: may read everything, and fill the landing tables. Where the deployment has group roles, the role becomes a member; else it is granted the same directly, and again whenever relations are added; then its grants on the deployment are those of its levels, and no others. Errors: no such role or level; the owner itself; a group role that the caller does not administer.';

CREATE FUNCTION rfmseg.revoke_access(deployment text, role name, level text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	group_role name;
	levels text[];
	had boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	PERFORM rfmseg._check_level(role, level);
	group_role := rfmseg._group_role(deployment, level);
	had := EXISTS (SELECT FROM pg_auth_members WHERE roleid::regrole = quote_ident(group_role)::regrole AND member::regrole = quote_ident(role)::regrole);
	IF had THEN
		PERFORM rfmseg._must_administer(group_role);
		EXECUTE format('REVOKE %I FROM %I', group_role, role);
		-- since 16 a membership can have been granted by several
		IF EXISTS (SELECT FROM pg_auth_members WHERE roleid::regrole = quote_ident(group_role)::regrole AND member::regrole = quote_ident(role)::regrole) THEN
			RAISE EXCEPTION USING ERRCODE = 'invalid_grant_operation',
				MESSAGE = format('role "%s" is a member of "%s" by another role''s grant', role, group_role),
				HINT = format('Whoever granted it, or a superuser with REVOKE %I FROM %I GRANTED BY ..., takes it back.', group_role, role);
		END IF;
	END IF;

	EXECUTE format('DELETE FROM %s.access a WHERE a.role_name = $1 AND a.level = $2 AND NOT a.is_group RETURNING true', home)
		INTO had USING role, level;
	IF had THEN
		EXECUTE format('SELECT array_agg(a.level ORDER BY a.level) FROM %s.access a WHERE a.role_name = $1', home) INTO levels USING role;
		PERFORM rfmseg._grant_role(deployment, role, levels);
	ELSIF group_role IS NULL THEN
		RAISE NOTICE 'role "%" has not been given level % of "%"', role, level, deployment;
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.revoke_access(text, name, text) IS
'Takes a level of access to a deployment from a role: its membership in the group role, or the grants themselves, but for those of other levels that it keeps. Other group roles that it is a member of go on giving what they give: see rfmseg.grants. Errors: no such role or level; a membership that the caller cannot revoke.';

CREATE FUNCTION rfmseg.grants(deployment text)
RETURNS TABLE (role_name name, via name, level text, relation text, columns text[], privileges text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
BEGIN
	PERFORM rfmseg._require(grants.deployment);
	RETURN QUERY EXECUTE format($query$
		WITH RECURSIVE schemas AS (
			SELECT n.oid, n.nspname, n.nspacl, n.nspowner FROM pg_namespace n WHERE n.nspname IN ($1, $1 || '_core', $1 || '_raw')
		), held AS (
			SELECT 'schema ' || quote_ident(s.nspname) AS relation, NULL::text AS column_name, acl.grantee, acl.privilege_type, s.nspowner AS owner
			FROM schemas s, aclexplode(s.nspacl) acl
		UNION ALL
			SELECT format('%%I.%%I', s.nspname, c.relname), NULL, acl.grantee, acl.privilege_type, c.relowner
			FROM schemas s JOIN pg_class c ON c.relnamespace = s.oid, aclexplode(c.relacl) acl
		UNION ALL
			SELECT format('%%I.%%I', s.nspname, c.relname), a.attname::text, acl.grantee, acl.privilege_type, c.relowner
			FROM schemas s JOIN pg_class c ON c.relnamespace = s.oid JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped, aclexplode(a.attacl) acl
		), grantee AS (
			SELECT DISTINCT h.grantee AS holder, h.grantee AS role FROM held h
		UNION
			SELECT g.holder, m.member FROM grantee g JOIN pg_auth_members m ON m.roleid = g.role
		), level AS (
			SELECT a.role_name, string_agg(a.level, ', ' ORDER BY a.level) AS level FROM %I.access a GROUP BY a.role_name
		), one AS (
			SELECT h.grantee, h.owner, h.relation, h.column_name, array_agg(h.privilege_type ORDER BY h.privilege_type) AS privileges
			FROM held h WHERE h.grantee <> h.owner GROUP BY 1, 2, 3, 4
		)
		SELECT CASE g.role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.role) END,
			CASE WHEN g.holder <> g.role THEN pg_get_userbyid(g.holder) END, l.level, o.relation,
			array_agg(o.column_name ORDER BY o.column_name) FILTER (WHERE o.column_name IS NOT NULL), o.privileges
		FROM one o JOIN grantee g ON g.holder = o.grantee LEFT JOIN level l ON l.role_name = pg_get_userbyid(g.holder)
		WHERE g.role <> o.owner
		GROUP BY g.role, g.holder, l.level, o.relation, o.privileges, o.column_name IS NULL
		ORDER BY 1, 2 NULLS FIRST, 4, 5 NULLS FIRST, 6$query$, grants.deployment || '_core') USING grants.deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg.grants(text) IS
'Who but the owner may do what with a deployment''s schemas and relations: one row a role and relation, or set of its columns, PUBLIC and members of granted roles too. via: the role that holds the grant, NULL if it is the role itself; level: that holder''s levels, NULL for grants that rfmseg did not make; columns: NULL for the whole relation. Superusers and members of the owner''s role may do everything, and are not listed for it. Errors: not the owner.';

-- Ownership

CREATE FUNCTION rfmseg._missing_for_sources(deployment text, role name)
RETURNS text[] LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	WITH raw AS (
		SELECT o.oid FROM rfmseg._own_relations(deployment) o WHERE o.schema = deployment || '_raw' AND o.kind = 'v'
	), direct AS (
		SELECT DISTINCT d.refclassid, d.refobjid
		FROM raw JOIN pg_rewrite r ON r.ev_class = raw.oid
		JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refobjid <> raw.oid
	), schema AS (
		SELECT c.relnamespace AS oid FROM direct d JOIN pg_class c ON c.oid = d.refobjid WHERE d.refclassid = 'pg_class'::regclass
		UNION SELECT p.pronamespace FROM direct d JOIN pg_proc p ON p.oid = d.refobjid WHERE d.refclassid = 'pg_proc'::regclass
	), missing AS (
		SELECT 1 AS place, format('GRANT USAGE ON SCHEMA %s TO %I', s.oid::regnamespace, role) AS statement
		FROM schema s WHERE NOT has_schema_privilege(role, s.oid, 'USAGE')
	UNION ALL
		SELECT DISTINCT 2, format('GRANT SELECT ON %s TO %I', b.relation::regclass, role)
		FROM rfmseg._columns_behind((SELECT array_agg(raw.oid) FROM raw)) b
		WHERE NOT has_column_privilege(role, b.relation, b.column_name, 'SELECT')
	UNION ALL
		SELECT 3, format('GRANT EXECUTE ON FUNCTION %s TO %I', d.refobjid::regprocedure, role)
		FROM direct d WHERE d.refclassid = 'pg_proc'::regclass AND NOT has_function_privilege(role, d.refobjid, 'EXECUTE')
	)
	SELECT array_agg(statement ORDER BY place, statement) FROM missing
$body$;
COMMENT ON FUNCTION rfmseg._missing_for_sources(text, name) IS
'Internal: the grants that a role lacks to read a deployment''s mapped sources; NULL if none.';

CREATE FUNCTION rfmseg.hand_over(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	engineer name;
	missing text[];
	item record;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	engineer := rfmseg._group_role(deployment, 'engineer');
	IF engineer IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" has no group roles', deployment),
			HINT = 'They are made by deploy, if the caller may create roles. See docs/security.md for a group of your own.';
	ELSIF engineer = current_user THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" belongs to role "%s" already', deployment, engineer),
			HINT = 'A member of that role can run it.';
	END IF;
	PERFORM rfmseg._must_administer(engineer);
	IF NOT has_database_privilege(current_database(), 'CREATE') THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not create schemas in database "%s"', current_user, current_database()),
			HINT = format('To give schemas away takes that: GRANT CREATE ON DATABASE %I TO %I. Role %I does not need it.', current_database(), current_user, engineer);
	END IF;
	missing := rfmseg._missing_for_sources(deployment, engineer);
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('role "%s" could not read the sources of "%s"', engineer, deployment),
			HINT = format('Say first: %s.', array_to_string(missing, '; '));
	END IF;

	-- who gives an object to a role must be able to become it
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		EXECUTE format('GRANT %I TO CURRENT_USER', engineer);
	END IF;
	EXECUTE format('GRANT %I, %I, %I, %I TO %I WITH ADMIN OPTION', deployment || '_viewer', deployment || '_analyst', deployment || '_steward',
		deployment || '_marketer', engineer);

	-- schemas first: their owner must be allowed to have relations in them
	FOR item IN
		SELECT format('SCHEMA %I', n.nspname) AS object, 1 AS place
		FROM pg_namespace n WHERE n.nspname IN (deployment, deployment || '_core', deployment || '_raw')
	UNION ALL
		SELECT format('TABLE %I.%I', n.nspname, c.relname), 2
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN (deployment, deployment || '_core', deployment || '_raw') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
			AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
		ORDER BY place, object
	LOOP
		EXECUTE format('ALTER %s OWNER TO %I', item.object, engineer);
	END LOOP;
	RAISE NOTICE 'deployment "%" belongs to role "%"', deployment, engineer
		USING HINT = format('A member of it says SET ROLE %I, and then CALL rfmseg.refresh(%L).', engineer, deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.hand_over(text) IS
'Gives a deployment, its schemas and relations, to its group role of engineers: a member can then say SET ROLE <name>_engineer and run it, and the caller is one. Nobody''s code runs as somebody else for it: see docs/security.md. Errors: not the owner; no group roles, or one that the caller does not administer; the caller may not create schemas; engineers could not read a mapped source, then the hint is the GRANT statements to say first.';
-------------------------------------------------------------------------------
-- Row filters: which customers a role sees
-------------------------------------------------------------------------------
-- A filter is a restrictive policy on the per-customer table, for the role and
-- its members.  Of all other tables of the deployment such a role sees no row,
-- but for those named below: they hold totals over all customers, or rows about
-- them.  The digests of who was forgotten it sees too, but not the secret: so
-- the clean views show it nothing, instead of all.  Row security is enabled and
-- not forced: the owner's refreshes and dumps see everything.
--
-- A policy asks for the current role.  Somebody who is bound by a filter and a
-- member of a role that is not could say SET ROLE: then one more policy, for
-- everybody, shows nothing.  A login that does not inherit is not bound as
-- itself, and may become one role or another.

CREATE FUNCTION rfmseg._create_row_filters(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format('CREATE TABLE %s.row_filters (role_name name PRIMARY KEY, predicate text NOT NULL)', home);
	PERFORM rfmseg._comment(home || '.row_filters', jsonb_build_object(
		'', 'Roles that see some customers only. Changed with rfmseg.add_row_filter and remove_row_filter.',
		'role_name', 'The role; its members are bound too.',
		'predicate', 'SQL condition over the columns of scored_customers: rows for which it is true are seen.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_row_filters(text) IS 'Internal: makes the table of a deployment''s row filters.';

CREATE FUNCTION rfmseg._close(relation regclass)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	grantee text;
BEGIN
	FOR grantee IN
		SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
		FROM pg_class c, aclexplode(c.relacl) acl WHERE c.oid = relation AND acl.grantee <> c.relowner
	LOOP
		EXECUTE format('REVOKE ALL ON %s FROM %s', relation, grantee);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._close(regclass) IS 'Internal: leaves a table to its owner alone.';

CREATE FUNCTION rfmseg._filtered_relations(deployment text)
RETURNS TABLE (relation regclass, holds_customers boolean, secured boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT o.oid::regclass, o.relation = 'scored_customers', c.relrowsecurity
	FROM rfmseg._own_relations(deployment) o JOIN pg_class c ON c.oid = o.oid
	WHERE o.kind IN ('r', 'p') AND NOT (o.schema, o.relation) IN (
		(deployment || '_core', 'current_run'), (deployment || '_core', 'current_segments'),
		(deployment || '_core', 'rulesets'), (deployment || '_core', 'segments'), (deployment || '_core', 'rules'),
		(deployment || '_core', 'suppressions'),
		(deployment || '_raw', 'products'))
$body$;
COMMENT ON FUNCTION rfmseg._filtered_relations(text) IS
'Internal: the tables of a deployment of which a role with a row filter sees its own customers, or nothing.';

CREATE FUNCTION rfmseg._drop_policy(relation regclass, policy name)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF EXISTS (SELECT FROM pg_policy WHERE polrelid = relation AND polname = policy) THEN
		EXECUTE format('DROP POLICY %I ON %s', policy, relation);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_policy(regclass, name) IS 'Internal: drops a policy, if there is one.';

CREATE FUNCTION rfmseg._set_row_filter(deployment text, relation regclass, role name, predicate text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	failure text;
	state text;
BEGIN
	PERFORM rfmseg._drop_policy(relation, role);
	EXECUTE format(E'CREATE POLICY %I ON %s AS RESTRICTIVE TO %I USING ((%s\n))', role, relation, role, predicate);
EXCEPTION WHEN syntax_error_or_access_rule_violation OR data_exception THEN
	GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
	RAISE EXCEPTION USING ERRCODE = state,
		MESSAGE = format('the row filter of role "%s" cannot be applied: %s', role, failure),
		HINT = format('It is one condition over the columns of %s, %L here. Functions, types and operators outside pg_catalog need their schema. rfmseg.remove_row_filter(%L, %L) takes it away.',
			relation, predicate, deployment, role);
END
$body$;
COMMENT ON FUNCTION rfmseg._set_row_filter(text, regclass, name, text) IS 'Internal: makes, or makes anew, the policy of a row filter on one table.';

CREATE FUNCTION rfmseg._apply_row_filters(deployment text, changed name DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	everybody CONSTANT name := 'rfmseg: all rows';
	no_escape CONSTANT name := 'rfmseg: filters of the login';
	filters jsonb;
	item record;
	filter record;
BEGIN
	EXECUTE format('SELECT coalesce(jsonb_object_agg(f.role_name, f.predicate), ''{}'') FROM %I.row_filters f JOIN pg_roles r ON r.rolname = f.role_name',
		deployment || '_core') INTO filters;
	FOR item IN SELECT * FROM rfmseg._filtered_relations(deployment) ORDER BY relation LOOP
		IF NOT item.secured AND (item.holds_customers OR filters <> '{}') THEN
			EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', item.relation);
			PERFORM rfmseg._drop_policy(item.relation, everybody);
			EXECUTE format('CREATE POLICY %I ON %s USING (true)', everybody, item.relation);
		END IF;
		IF filters <> '{}' AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = item.relation AND p.polname = no_escape) THEN
			EXECUTE format($policy$
				CREATE POLICY %1$I ON %2$s AS RESTRICTIVE USING (
					NOT EXISTS (SELECT FROM pg_policy p
						WHERE p.polrelid = %2$L::regclass AND NOT p.polpermissive AND p.polroles <> '{0}'
							AND pg_has_role(session_user, p.polroles[1], 'USAGE') AND NOT pg_has_role(current_user, p.polroles[1], 'USAGE'))
					OR (SELECT rolsuper FROM pg_roles WHERE rolname = session_user))$policy$, no_escape, item.relation);
		END IF;
		IF changed IS NOT NULL AND NOT filters ? changed THEN
			PERFORM rfmseg._drop_policy(item.relation, changed);
		END IF;
		FOR filter IN
			SELECT f.key AS role, CASE WHEN item.holds_customers THEN f.value ELSE 'false' END AS predicate
			FROM jsonb_each_text(filters) f
			WHERE f.key = changed OR NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = item.relation AND p.polname = f.key)
		LOOP
			PERFORM rfmseg._set_row_filter(deployment, item.relation, filter.role, filter.predicate);
		END LOOP;
		IF filters = '{}' AND item.secured THEN
			PERFORM rfmseg._drop_policy(item.relation, no_escape);
			-- row security that binds nobody is in the way of COPY into a table
			IF NOT item.holds_customers THEN
				PERFORM rfmseg._drop_policy(item.relation, everybody);
				IF NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = item.relation) THEN
					EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', item.relation);
				END IF;
			END IF;
		END IF;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._apply_row_filters(text, name) IS
'Internal: brings the policies of a deployment''s tables up to its row filters; that of the role changed is made anew.';

CREATE FUNCTION rfmseg.add_row_filter(deployment text, role name, predicate text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	single boolean := false;
	failure text;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF role IS NULL OR predicate IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'role and predicate must not be NULL';
	ELSIF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('role "%s" does not exist', role), HINT = 'Give its name as it is in pg_roles, without quotes.';
	ELSIF role = current_user OR EXISTS (SELECT FROM pg_roles WHERE rolname = role AND (rolsuper OR rolbypassrls)) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('no row filter binds role "%s"', role),
			HINT = 'The owner, superusers and roles with BYPASSRLS see all rows.';
	END IF;
	BEGIN
		single := rfmseg._check_expression(predicate);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT;
	END;
	IF NOT single THEN
		RAISE EXCEPTION USING ERRCODE = 'syntax_error',
			MESSAGE = format('predicate %L is not one SQL expression', predicate),
			DETAIL = coalesce(initcap(left(failure, 1)) || substr(failure, 2) || '.', 'It is several, or more than that.'),
			HINT = 'Give a condition over the columns of scored_customers, such as state = ''CA''.';
	END IF;
	EXECUTE format('INSERT INTO %I.row_filters VALUES ($1, $2) ON CONFLICT (role_name) DO UPDATE SET predicate = excluded.predicate', deployment || '_core')
		USING role, predicate;
	PERFORM rfmseg._apply_row_filters(deployment, role);
	IF to_regclass(format('%I.scored_customers', deployment || '_core')) IS NULL THEN
		RAISE NOTICE 'the row filter of role "%" is checked against the columns by the first refresh', role
			USING HINT = 'That refresh fails if it does not fit them.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.add_row_filter(text, name, text) IS
'Lets a role, and its members, see those customers of a deployment alone for whom a condition over the columns of <name>_core.scored_customers is true; a second filter of the same role replaces the first, filters of several roles that somebody is a member of hold together. Totals over all customers are withheld from such a role: run and segment profiles, clusters, models, trend, reconciliation, holdouts show it no rows; performance_metrics counts the customers it sees. Landing tables show it no rows. The condition runs with the rights of who reads. Errors: no such role, or one that sees everything; not one expression; not a condition over those columns.';

CREATE FUNCTION rfmseg.remove_row_filter(deployment text, role name)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_one boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('DELETE FROM %I.row_filters WHERE role_name = $1 RETURNING true', deployment || '_core') INTO found_one USING role;
	IF found_one IS NULL THEN
		RAISE NOTICE 'role "%" has no row filter in "%"', role, deployment;
		RETURN;
	END IF;
	PERFORM rfmseg._apply_row_filters(deployment, role);
END
$body$;
COMMENT ON FUNCTION rfmseg.remove_row_filter(text, name) IS
'Takes the row filter of a role away: it sees all customers again, and totals, as far as its grants go. A notice if there is none.';
-------------------------------------------------------------------------------
-- Column masks: what published columns show instead of the value
-------------------------------------------------------------------------------
-- Published views run with their reader's rights, so a view that computed a mask
-- would need its reader to have the value.  Each refresh computes it instead, into
-- a column of the per-customer table that the view shows, and the grant on the
-- value goes: readers' rights follow what the views use.  A mask keeps the type
-- of its column, so that views and dashboards stay as they are.

CREATE FUNCTION rfmseg._personal_columns()
RETURNS TABLE (column_name text, value text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	VALUES ('first_name', 'name'), ('last_name', 'name'), ('email', 'contact'),
		('age', 'demographic'), ('age_bracket', 'demographic'), ('gender', 'demographic'), ('income_bracket', 'demographic'),
		('city', 'location'), ('state', 'location'), ('latitude', 'location'), ('longitude', 'location')
$body$;
COMMENT ON FUNCTION rfmseg._personal_columns() IS 'Internal: names of columns with personal data, and what their tag says.';

CREATE FUNCTION rfmseg._create_masks(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	method CONSTANT text := 'text NOT NULL CHECK (method IN (''null'', ''hash'', ''partial'', ''bucket''))';
BEGIN
	EXECUTE format('CREATE TABLE %s.column_masks (relation text, column_name text, method %s, PRIMARY KEY (relation, column_name))', home, method);
	PERFORM rfmseg._comment(home || '.column_masks', jsonb_build_object(
		'', 'Published columns that are masked. Changed with rfmseg.mask_column and unmask_column.',
		'relation', 'The published relation.', 'column_name', 'Its column.', 'method', 'null, hash, partial or bucket.'));
	EXECUTE format('CREATE TABLE %s.tags (relation text, column_name text, key text, value text NOT NULL, PRIMARY KEY (relation, column_name, key))', home);
	PERFORM rfmseg._comment(home || '.tags', jsonb_build_object(
		'', 'What is said of columns, such as that they hold personal data. Changed with rfmseg.tag and untag.',
		'relation', 'A relation of the deployment, with its schema.', 'column_name', 'Its column.', 'key', 'What the tag is about.', 'value', 'What it says.'));
	EXECUTE format('CREATE TABLE %s.tag_masks (key text, value text, method %s, PRIMARY KEY (key, value))', home, method);
	PERFORM rfmseg._comment(home || '.tag_masks', jsonb_build_object(
		'', 'Tags whose columns are masked where they are published. Changed with rfmseg.mask_tag and unmask_tag.',
		'key', 'Key of the tag.', 'value', 'Its value.', 'method', 'null, hash, partial or bucket.'));
	EXECUTE format($insert$
		INSERT INTO %1$s.tags
		SELECT r.relation, c.column_name, 'personal', c.value
		FROM rfmseg._personal_columns() c
		JOIN (VALUES ($1, '{first_name,last_name,email,age,gender,income_bracket,city,state,latitude,longitude}'::text[]),
			($2, '{age,age_bracket,gender,income_bracket,city,state,latitude,longitude}'),
			($3, '{age_bracket,gender,income_bracket,city,state}'), ($4, '{first_name,last_name,email,city,state}')) AS r (relation, columns) ON c.column_name = ANY (r.columns)$insert$, home)
	USING format('%I.customers', deployment || '_raw'), home || '.customers_clean', home || '.scored_customers', home || '.contacts';
END
$body$;
COMMENT ON FUNCTION rfmseg._create_masks(text) IS 'Internal: makes the tables of a deployment''s masks and tags, and tags personal data.';

CREATE FUNCTION rfmseg._maskable()
RETURNS TABLE (relation text, column_name text, core_column text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- what a view shows as it is in the per-customer table, but for what a run that looks back corrects there
	SELECT DISTINCT v.relation, coalesce(m[2], m[1]), m[1]
	FROM rfmseg._customer_views() v, regexp_matches(v.query, $re$\mc\.(\w+)(?:\s+AS\s+(\w+))?(?=\s*,|\s+FROM)$re$, 'g') AS m
	WHERE m[1] NOT IN ('previous_segment', 'segment_since')
$body$;
COMMENT ON FUNCTION rfmseg._maskable() IS 'Internal: the published columns of customers, and the columns of the per-customer table that they show.';

CREATE FUNCTION rfmseg._unmaskable()
RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT '{run_id,segment_name,frequency,monetary,avg_order_value,recency_days}'::text[]
$body$;
COMMENT ON FUNCTION rfmseg._unmaskable() IS
'Internal: the columns of the per-customer table that performance_metrics needs, so that its readers have a right to them.';

CREATE FUNCTION rfmseg._masks(deployment text)
RETURNS TABLE (relation text, column_name text, core_column text, stored_column text, method text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	-- a mask of the column's own before those of its tags; of these the strictest
	RETURN QUERY EXECUTE format($query$
		SELECT * FROM (
			SELECT m.relation, m.column_name, m.core_column, format('masked_%%s_%%s', m.relation, m.column_name),
				coalesce(x.method, (
					SELECT k.method FROM %1$s.tag_masks k JOIN %1$s.tags t USING (key, value)
					WHERE (t.relation, t.column_name) IN ((format('%%I.%%I', $1, m.relation), m.column_name), (%2$L, m.core_column))
					ORDER BY array_position('{"null",hash,partial,bucket}', k.method) LIMIT 1)) AS method
			FROM rfmseg._maskable() m LEFT JOIN %1$s.column_masks x USING (relation, column_name)) AS e
		WHERE method IS NOT NULL$query$,
		quote_ident(deployment || '_core'), quote_ident(deployment || '_core') || '.scored_customers') USING deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg._masks(text) IS 'Internal: the masks in force, by themselves or by tags, and the columns that hold what is shown.';

CREATE FUNCTION rfmseg._masks_customers(deployment text)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT EXISTS (SELECT FROM rfmseg._masks(deployment) m WHERE m.core_column = 'customer_id')
$body$;
COMMENT ON FUNCTION rfmseg._masks_customers(text) IS 'Internal: whether some published relation masks whose row it is.';

CREATE FUNCTION rfmseg._mask_expression(deployment text, method text, core_column text, type regtype)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	value text := format('c.%I', core_column);
	digest text := format('encode(sha256(convert_to((SELECT mask_salt FROM %I.settings) || %s::text, ''UTF8'')), ''hex'')', deployment || '_core', value);
	is_text boolean := type IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype);
	masked text := CASE
		WHEN method = 'null' THEN 'NULL'
		WHEN method = 'hash' AND is_text THEN format('left(%s, 32)', digest)
		WHEN method = 'hash' AND type = 'uuid'::regtype THEN format('left(%s, 32)', digest)
		WHEN method = 'hash' AND type IN ('int8'::regtype, 'numeric'::regtype) THEN format('(''x'' || left(%s, 15))::bit(60)::int8', digest)
		WHEN method = 'partial' AND is_text THEN format('left(%s, 1) || ''***''', value)
		WHEN method = 'bucket' AND type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'float4'::regtype, 'float8'::regtype)
			-- one leading digit, and tens at the finest
			THEN format('floor(%1$s::numeric / greatest(10, rpad(''1'', length(trunc(abs(%1$s::numeric))::text), ''0'')::numeric))'
				' * greatest(10, rpad(''1'', length(trunc(abs(%1$s::numeric))::text), ''0'')::numeric)', value)
		WHEN method = 'bucket' AND type IN ('date'::regtype, 'timestamp'::regtype) THEN format('date_trunc(''month'', %s::timestamp)', value)
		WHEN method = 'bucket' AND type = 'timestamptz'::regtype THEN format('date_trunc(''month'', %s, ''UTC'')', value)
	END;
BEGIN
	IF masked IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
			MESSAGE = format('column %s is of type %s, which method %s does not keep', core_column, type, method),
			HINT = 'Of text there is null, hash and partial; of bigint, numeric and uuid null and hash; of numbers and times null and bucket; of all else null.';
	END IF;
	-- by its name as regtype, "character" would be of length one
	RETURN format('(%s)::%s', masked, format_type(type, -1));
END
$body$;
COMMENT ON FUNCTION rfmseg._mask_expression(text, text, text, regtype) IS
'Internal: SQL for what a masked column shows, over the per-customer table c; an error if the method does not fit the type.';

CREATE FUNCTION rfmseg._mask_description(relation text, column_name text, method text)
RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT format('What %s.%s shows: the value by method %s.', relation, column_name, method)
$body$;
COMMENT ON FUNCTION rfmseg._mask_description(text, text, text) IS 'Internal: comment of a column that holds what is shown.';

CREATE FUNCTION rfmseg._masked_source(deployment text, relation text, query text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	customers text := format('%I.scored_customers', deployment || '_core');
	columns text;
BEGIN
	IF NOT EXISTS (SELECT FROM rfmseg._masks(deployment) m WHERE m.relation = _masked_source.relation) THEN
		RETURN customers;
	END IF;
	-- those columns alone that the view uses, as its readers need rights on them
	SELECT string_agg(CASE WHEN k.method IS NULL THEN quote_ident(u.name)
			WHEN k.method = 'null' THEN format('NULL::%s AS %I', format_type(a.atttypid, a.atttypmod), u.name)
			ELSE format('%I AS %I', k.stored_column, u.name) END, ', ' ORDER BY a.attnum) INTO columns
	FROM (SELECT DISTINCT m[1] AS name FROM regexp_matches(query, $re$\mc\.(\w+)$re$, 'g') AS m) AS u
	JOIN pg_attribute a ON a.attrelid = customers::regclass AND a.attname = u.name
	LEFT JOIN rfmseg._masks(deployment) k ON k.relation = _masked_source.relation AND k.core_column = u.name;
	RETURN format('(SELECT %s FROM %s)', columns, customers);
END
$body$;
COMMENT ON FUNCTION rfmseg._masked_source(text, text, text) IS 'Internal: what a published view reads customers from: their table, or one with its masked columns.';

CREATE FUNCTION rfmseg._add_masks(deployment text, relation regclass)
RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	expressions text := '';
BEGIN
	FOR item IN
		SELECT m.stored_column, m.method, m.core_column, a.atttypid::regtype AS type, format_type(a.atttypid, a.atttypmod) AS declared
		FROM rfmseg._masks(deployment) m JOIN pg_attribute a ON a.attrelid = _add_masks.relation AND a.attname = m.core_column
		WHERE m.method <> 'null' ORDER BY m.stored_column
	LOOP
		expressions := expressions || format(', %s AS %I', rfmseg._mask_expression(deployment, item.method, item.core_column, item.type), item.stored_column);
		EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', relation, item.stored_column, item.declared);
	END LOOP;
	RETURN expressions;
END
$body$;
COMMENT ON FUNCTION rfmseg._add_masks(text, regclass) IS
'Internal: gives a table of customers the columns of the masks; the expressions that fill them, each after a comma.';

CREATE FUNCTION rfmseg._describe_masks(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
BEGIN
	FOR item IN SELECT * FROM rfmseg._masks(deployment) m WHERE m.method <> 'null' LOOP
		EXECUTE format('COMMENT ON COLUMN %I.scored_customers.%I IS %L', deployment || '_core', item.stored_column,
			rfmseg._mask_description(item.relation, item.column_name, item.method));
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._describe_masks(text) IS 'Internal: comments on the columns of the masks, by which a change of method is seen.';

CREATE FUNCTION rfmseg._apply_masks(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	customers regclass := to_regclass(home || '.scored_customers');
	item record;
	stale text[] := '{}';
	added boolean := false;
BEGIN
	SELECT m.* INTO item FROM rfmseg._masks(deployment) m
	WHERE m.core_column = ANY (rfmseg._unmaskable()) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
			MESSAGE = format('column %s.%s cannot be masked', item.relation, item.column_name),
			DETAIL = 'The metrics of segments are computed from it, with their reader''s rights.',
			HINT = 'Who must not see it is given totals only: see docs/security.md.';
	END IF;
	IF EXISTS (SELECT FROM rfmseg._masks(deployment) m WHERE m.method = 'hash') THEN
		EXECUTE format('UPDATE %s.settings SET mask_salt = gen_random_uuid()::text || gen_random_uuid()::text WHERE mask_salt IS NULL', home);
	END IF;
	IF customers IS NULL THEN
		RETURN;		-- the first refresh makes all of it
	END IF;

	-- What the present rows hold was made by other masks: it must not be shown.
	FOR item IN
		SELECT a.attname FROM pg_attribute a
		WHERE a.attrelid = customers AND a.attname ~ '^masked_' AND NOT a.attisdropped
			AND NOT EXISTS (SELECT FROM rfmseg._masks(deployment) m WHERE m.stored_column = a.attname AND m.method <> 'null'
				AND col_description(customers, a.attnum) = rfmseg._mask_description(m.relation, m.column_name, m.method))
	LOOP
		stale := stale || format('old_%s', substr(md5(item.attname), 1, 16));
		EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', customers, item.attname, stale[cardinality(stale)]);
	END LOOP;
	FOR item IN
		SELECT m.*, a.atttypid::regtype AS type, format_type(a.atttypid, a.atttypmod) AS declared
		FROM rfmseg._masks(deployment) m JOIN pg_attribute a ON a.attrelid = customers AND a.attname = m.core_column
		WHERE m.method <> 'null' AND NOT EXISTS (SELECT FROM pg_attribute s WHERE s.attrelid = customers AND s.attname = m.stored_column)
	LOOP
		PERFORM rfmseg._mask_expression(deployment, item.method, item.core_column, item.type);	-- or an error
		EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', customers, item.stored_column, item.declared);
		added := true;
	END LOOP;
	PERFORM rfmseg._describe_masks(deployment);
	PERFORM rfmseg._create_published_views(deployment);
	FOR i IN 1 .. cardinality(stale) LOOP
		EXECUTE format('ALTER TABLE %s DROP COLUMN %I', customers, stale[i]);
	END LOOP;
	PERFORM rfmseg._grant_all(deployment);
	IF added THEN
		RAISE NOTICE 'newly masked columns of "%" are NULL until the next refresh', deployment
			USING HINT = format('CALL rfmseg.refresh(%L) fills them.', deployment);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._apply_masks(text) IS 'Internal: brings the per-customer table, the published views and the grants up to the masks.';

CREATE FUNCTION rfmseg._relation_of(deployment text, relation text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	parts text[] := parse_ident(relation);
	wanted_schema text := CASE cardinality(parts) WHEN 1 THEN deployment ELSE parts[1] END;
	wanted_name text := parts[cardinality(parts)];
BEGIN
	IF NOT EXISTS (SELECT FROM rfmseg._deployed_relations(deployment) d
		WHERE cardinality(parts) <= 2 AND d.schema = wanted_schema AND d.relation = wanted_name) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_table',
			MESSAGE = format('relation "%s" is not one of deployment "%s"', relation, deployment),
			HINT = format('Name a published one, such as customer_summary, or one with its schema, such as %I.customers.', deployment || '_raw');
	END IF;
	RETURN format('%I.%I', wanted_schema, wanted_name);
END
$body$;
COMMENT ON FUNCTION rfmseg._relation_of(text, text) IS 'Internal: the name of a deployment''s relation with its schema; without one it is a published one.';

CREATE FUNCTION rfmseg._check_mask(deployment text, relation text, column_name text, method text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	name text := (parse_ident(rfmseg._relation_of(deployment, relation)))[2];
BEGIN
	PERFORM rfmseg._check_choice('method', method, '{"null",hash,partial,bucket}');
	IF method IS NULL OR column_name IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'column_name and method must not be NULL',
			HINT = 'A method is null, hash, partial or bucket, each as text.';
	ELSIF rfmseg._relation_of(deployment, relation) <> format('%I.%I', deployment, name)
		OR NOT EXISTS (SELECT FROM rfmseg._customer_views() v WHERE v.relation = name) THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('relation "%s" has no columns to mask', relation),
			HINT = format('Those with one row a customer have: %s.', (SELECT string_agg(v.relation, ', ' ORDER BY v.relation) FROM rfmseg._customer_views() v));
	ELSIF NOT EXISTS (SELECT FROM rfmseg._maskable() m WHERE m.relation = name AND m.column_name = _check_mask.column_name) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column',
			MESSAGE = format('%s has no column "%s" that can be masked', name, column_name),
			HINT = format('It has %s. What is computed from them follows them.', (SELECT string_agg(m.column_name, ', ' ORDER BY m.column_name)
				FROM rfmseg._maskable() m WHERE m.relation = name
					AND m.core_column <> ALL (rfmseg._unmaskable())));
	END IF;
	RETURN name;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_mask(text, text, text, text) IS 'Internal: the name of a published relation; an error unless that column of it can be masked.';

CREATE FUNCTION rfmseg.mask_column(deployment text, relation text, column_name text, method text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	name text;
	elsewhere text;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	name := rfmseg._check_mask(deployment, relation, column_name, method);
	EXECUTE format('INSERT INTO %I.column_masks VALUES ($1, $2, $3) ON CONFLICT ON CONSTRAINT column_masks_pkey DO UPDATE SET method = excluded.method', deployment || '_core')
		USING name, column_name, method;
	PERFORM rfmseg._apply_masks(deployment);

	SELECT string_agg(format('%s.%s', m.relation, m.column_name), ', ' ORDER BY m.relation) INTO elsewhere
	FROM rfmseg._maskable() m JOIN rfmseg._maskable() this ON this.core_column = m.core_column
	WHERE this.relation = name AND this.column_name = mask_column.column_name
		AND NOT EXISTS (SELECT FROM rfmseg._masks(deployment) k WHERE k.relation = m.relation AND k.column_name = m.column_name);
	IF elsewhere IS NOT NULL THEN
		RAISE NOTICE 'the same is still shown by %', elsewhere
			USING HINT = 'Mask it there too: whoever may read that may read the value.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.mask_column(text, text, text, text) IS
'Masks a column of customer_segments, customer_summary or rfm_analysis, for all readers of what is published. method: null, no value; hash, a salted digest, of text, bigint, numeric and uuid, equal for equal values of the deployment; partial, the first letter of a text; bucket, the lower bound of a number''s range, or the first day of the month. The type stays. What the view computes from the column follows it. Until the next refresh the column is NULL. Viewers lose their right to the value; analysts and above still read it, in <name>_core.scored_customers. A notice says where else the value is shown. Errors: no such column; one that the metrics of segments are computed from; a method that does not fit its type.';

CREATE FUNCTION rfmseg.unmask_column(deployment text, relation text, column_name text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	name text;
	found_one boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	name := rfmseg._check_mask(deployment, relation, column_name, 'null');
	EXECUTE format('DELETE FROM %I.column_masks m WHERE m.relation = $1 AND m.column_name = $2 RETURNING true', deployment || '_core')
		INTO found_one USING name, column_name;
	IF found_one IS NULL THEN
		RAISE NOTICE '%.% has no mask of its own', name, column_name;
		RETURN;
	END IF;
	PERFORM rfmseg._apply_masks(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.unmask_column(text, text, text) IS
'Takes the mask of a published column away: it shows the value again, at once, unless one of its tags masks it. A notice if it has none of its own.';
-------------------------------------------------------------------------------
-- Tags: what is said of columns, and masks that follow from it
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._apply_tag(deployment text, key text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	masks boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.tag_masks k WHERE k.key = $1)', deployment || '_core') INTO masks USING key;
	IF masks THEN
		PERFORM rfmseg._apply_masks(deployment);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._apply_tag(text, text) IS 'Internal: brings views and grants up to a tag that was given or taken, where such tags mask.';

CREATE FUNCTION rfmseg.tag(deployment text, relation text, column_name text, key text, value text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	name text;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	name := rfmseg._relation_of(deployment, relation);
	IF num_nulls(column_name, key, value) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'column_name, key and value must not be NULL';
	ELSIF to_regclass(name) IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute a
		WHERE a.attrelid = to_regclass(name) AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column',
			MESSAGE = format('column "%s" of relation %s does not exist', column_name, name), HINT = 'Give its name as it is in the catalogue, without quotes.';
	END IF;
	EXECUTE format('INSERT INTO %I.tags VALUES ($1, $2, $3, $4) ON CONFLICT ON CONSTRAINT tags_pkey DO UPDATE SET value = excluded.value', deployment || '_core')
		USING name, column_name, key, value;
	PERFORM rfmseg._apply_tag(deployment, key);
END
$body$;
COMMENT ON FUNCTION rfmseg.tag(text, text, text, text, text) IS
'Says something of a column of a deployment: key and value, such as personal and location. One value a key; another replaces it. relation: a published one, or one with its schema. deploy tags personal data of the landing tables, the clean view and the per-customer table with key personal and value name, contact, demographic or location. A tag of a published column, or of the column of scored_customers that it shows, masks it if mask_tag says so. Errors: no such relation or column.';

CREATE FUNCTION rfmseg.untag(deployment text, relation text, column_name text, key text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_one boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('DELETE FROM %I.tags t WHERE t.relation = $1 AND t.column_name = $2 AND t.key = $3 RETURNING true', deployment || '_core')
		INTO found_one USING rfmseg._relation_of(deployment, relation), column_name, key;
	IF found_one IS NULL THEN
		RAISE NOTICE '%.% has no tag "%"', relation, column_name, key;
		RETURN;
	END IF;
	PERFORM rfmseg._apply_tag(deployment, key);
END
$body$;
COMMENT ON FUNCTION rfmseg.untag(text, text, text, text) IS 'Takes a tag of a column away, and the mask that followed from it. A notice if there is none.';

CREATE FUNCTION rfmseg.mask_tag(deployment text, key text, value text, method text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF num_nulls(key, value, method) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'key, value and method must not be NULL',
			HINT = 'A method is null, hash, partial or bucket, each as text.';
	END IF;
	PERFORM rfmseg._check_choice('method', method, '{"null",hash,partial,bucket}');
	EXECUTE format('INSERT INTO %I.tag_masks VALUES ($1, $2, $3) ON CONFLICT ON CONSTRAINT tag_masks_pkey DO UPDATE SET method = excluded.method', deployment || '_core')
		USING key, value, method;
	PERFORM rfmseg._apply_masks(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.mask_tag(text, text, text, text) IS
'Masks every published column of customers that has a tag, now or later, as mask_column does. A column''s own mask goes before; of several tags the strictest holds: null, hash, partial, bucket. Errors: as of mask_column, of any column that has the tag; nothing is changed then.';

CREATE FUNCTION rfmseg.unmask_tag(deployment text, key text, value text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	found_one boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('DELETE FROM %I.tag_masks t WHERE t.key = $1 AND t.value = $2 RETURNING true', deployment || '_core')
		INTO found_one USING key, value;
	IF found_one IS NULL THEN
		RAISE NOTICE 'tag "%" with value "%" masks nothing', key, value;
		RETURN;
	END IF;
	PERFORM rfmseg._apply_masks(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.unmask_tag(text, text, text) IS 'Takes away what mask_tag said of a tag. A notice if it said nothing.';
-------------------------------------------------------------------------------
-- Settings of a deployment
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._create_settings(deployment text, zone text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %s.settings (
		only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
		rfmseg_layout int NOT NULL,
		bins int NOT NULL DEFAULT 4 CHECK (bins BETWEEN 2 AND 10),
		ruleset text NOT NULL DEFAULT 'standard',
		time_zone text NOT NULL,
		currency text NOT NULL DEFAULT 'USD',
		returns text NOT NULL DEFAULT 'net' CHECK (returns IN ('net', 'drop')),
		cut_mode text NOT NULL DEFAULT 'frozen' CHECK (cut_mode IN ('frozen', 'refresh', 'own')),
		r_cuts float8[],
		f_cuts float8[],
		m_cuts float8[],
		as_of_mode text NOT NULL DEFAULT 'data' CHECK (as_of_mode IN ('data', 'clock')),
		lookback interval,
		high_order_value numeric NOT NULL DEFAULT 100,
		lifetime_model text NOT NULL DEFAULT 'mbgnbd' CHECK (lifetime_model IN ('mbgnbd', 'bgnbd', 'pnbd')),
		discount_rate numeric NOT NULL DEFAULT 0.1,
		margin_rate numeric,
		history_keep interval,
		min_cell_size int NOT NULL DEFAULT 0 CHECK (min_cell_size >= 0),
		recut_pending boolean NOT NULL DEFAULT true,
		mask_salt text,
		suppression_key uuid
	)$ddl$, home);
	EXECUTE format('INSERT INTO %s.settings (rfmseg_layout, time_zone) VALUES ($1, $2)', home)
		USING rfmseg._layout(), zone;
	PERFORM rfmseg._comment(home || '.settings', jsonb_build_object(
		'', format('How deployment %s works. Changed with rfmseg.configure(%L, ...), which checks it.', deployment, deployment),
		'only_row', 'There is one row.',
		'rfmseg_layout', 'Form of the deployed objects; also marks the schema as a deployment''s.',
		'bins', 'Scores per dimension.',
		'ruleset', 'Ruleset, of those in the table rulesets beside this one.',
		'time_zone', 'Zone of the local days, and of times that come without one.',
		'currency', 'Currency of the published money.',
		'returns', 'net: returns lower monetary value; drop: they are left out.',
		'cut_mode', 'frozen: the cut points stay until recut; refresh: they are made anew each time; own: those in r_cuts, f_cuts, m_cuts.',
		'r_cuts', 'Own cut points of recency, in days.',
		'f_cuts', 'Own cut points of frequency, in purchases.',
		'm_cuts', 'Own cut points of monetary value.',
		'as_of_mode', 'data: as_of is the midnight after the last purchase; clock: the start of the run.',
		'lookback', 'Frequency and monetary value look back this far from as_of; NULL: to the beginning.',
		'high_order_value', 'Average order value from which a customer with high scores is a High-Value Loyalist.',
		'lifetime_model', 'Model of purchases to come that refreshes fit: mbgnbd, bgnbd or pnbd.',
		'discount_rate', 'Annual effective rate by which later money counts for less.',
		'margin_rate', 'Share of revenue that is kept, 0 to 1; NULL: not known.',
		'history_keep', 'How long before the last as_of history goes back; NULL: to the beginning.',
		'min_cell_size', 'Figures of segments, clusters and classes of fewer customers are left out; 0: none are.',
		'recut_pending', 'Whether the next refresh makes new frozen cut points.',
		'mask_salt', 'What hashed columns are salted with; in no run''s record.',
		'suppression_key', 'Secret of the digests in suppressions; in no run''s record. Another one would bring everybody back.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_settings(text, text) IS 'Internal: makes the settings of a deployment.';

CREATE FUNCTION rfmseg._check_cuts(dimension text, cuts float8[], bins int)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF cuts IS NULL OR cardinality(cuts) <> bins - 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('%s_cuts must hold %s numbers for %s bins, not %s', dimension, bins - 1, bins, coalesce(cardinality(cuts), 0)),
			HINT = 'Own cut points need r_cuts, f_cuts and m_cuts, each of bins - 1 ascending numbers.';
	END IF;
	PERFORM rfmseg.score(0, cuts);	-- complains of what is not finite or does not ascend
END
$body$;
COMMENT ON FUNCTION rfmseg._check_cuts(text, float8[], int) IS 'Internal: an error unless the cut points fit the bins.';

CREATE FUNCTION rfmseg.configure(
	deployment text,
	bins int DEFAULT NULL,
	ruleset text DEFAULT NULL,
	time_zone text DEFAULT NULL,
	currency text DEFAULT NULL,
	returns text DEFAULT NULL,
	cut_mode text DEFAULT NULL,
	r_cuts float8[] DEFAULT NULL,
	f_cuts float8[] DEFAULT NULL,
	m_cuts float8[] DEFAULT NULL,
	as_of_mode text DEFAULT NULL,
	lookback text DEFAULT NULL,
	high_order_value numeric DEFAULT NULL,
	lifetime_model text DEFAULT NULL,
	discount_rate numeric DEFAULT NULL,
	margin_rate numeric DEFAULT NULL,
	min_cell_size int DEFAULT NULL,
	history_keep text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	old record;
	new record;
	ruleset_bins int;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('SELECT * FROM %s.settings', home) INTO old;

	IF configure.bins NOT BETWEEN 2 AND 10 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('bins must be between 2 and 10, not %s', configure.bins);
	END IF;
	PERFORM rfmseg._check_choice('returns', configure.returns, '{net,drop}');
	PERFORM rfmseg._check_choice('cut_mode', configure.cut_mode, '{frozen,refresh,own}');
	PERFORM rfmseg._check_choice('as_of_mode', configure.as_of_mode, '{data,clock}');
	IF configure.high_order_value < 0 OR configure.high_order_value IN ('NaN', 'Infinity') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('high_order_value must be an amount of zero or more, not %s', configure.high_order_value);
	END IF;
	PERFORM rfmseg._check_choice('lifetime_model', configure.lifetime_model, '{mbgnbd,bgnbd,pnbd}');
	IF NOT configure.discount_rate BETWEEN -0.99 AND 100 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('discount_rate must be from -0.99 to 100, not %s', configure.discount_rate),
			HINT = 'It is a rate a year: 0.1 is ten per cent.';
	ELSIF NOT configure.margin_rate BETWEEN 0 AND 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('margin_rate must be from 0 to 1, not %s', configure.margin_rate),
			HINT = 'It is the share of revenue that is kept: 0.4 is forty per cent.';
	ELSIF configure.min_cell_size < 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('min_cell_size must be zero or more, not %s', configure.min_cell_size),
			HINT = 'It is the least number of customers whose figures are published together; 0 sets no limit.';
	END IF;
	IF btrim(configure.currency) = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'currency must not be empty', HINT = 'Give its code, such as EUR.';
	END IF;
	IF configure.time_zone IS NOT NULL THEN
		PERFORM rfmseg._check_time_zone(configure.time_zone);
	END IF;
	PERFORM rfmseg._check_span('lookback', configure.lookback);
	PERFORM rfmseg._check_span('history_keep', configure.history_keep);
	IF configure.ruleset IS NOT NULL AND NOT rfmseg._copy_ruleset(deployment, configure.ruleset) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('ruleset "%s" does not exist', configure.ruleset),
			HINT = format('rfmseg.rulesets lists the shipped ones, %s.rulesets the deployment''s own.', home);
	END IF;

	-- a ruleset speaks of its own number of bins: choosing it chooses them
	EXECUTE format('SELECT bins FROM %s.rulesets WHERE ruleset = $1', home)
		INTO ruleset_bins USING coalesce(configure.ruleset, old.ruleset);
	IF ruleset_bins IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('ruleset "%s" does not exist', old.ruleset),
			HINT = format('Configure one of those in %s.rulesets.', home);
	END IF;
	IF coalesce(configure.bins, CASE WHEN configure.ruleset IS NULL THEN old.bins ELSE ruleset_bins END) <> ruleset_bins THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('ruleset "%s" is made for %s bins, not %s', coalesce(configure.ruleset, old.ruleset), ruleset_bins,
				coalesce(configure.bins, old.bins)),
			HINT = 'Configure bins and a ruleset for as many together, such as bins => 5, ruleset => ''eleven''.';
	END IF;

	EXECUTE format($update$
		UPDATE %s.settings SET
			bins = $1, ruleset = coalesce($2, ruleset), time_zone = coalesce($3, time_zone), currency = coalesce($4, currency),
			returns = coalesce($5, returns),
			cut_mode = coalesce($6, CASE WHEN num_nonnulls($7, $8, $9) > 0 THEN 'own' END, cut_mode),
			r_cuts = coalesce($7, r_cuts), f_cuts = coalesce($8, f_cuts), m_cuts = coalesce($9, m_cuts),
			as_of_mode = coalesce($10, as_of_mode),
			lookback = CASE WHEN $11 IS NULL THEN lookback WHEN lower($11) IN ('', 'all') THEN NULL ELSE $11::interval END,
			high_order_value = coalesce($12, high_order_value), lifetime_model = coalesce($13, lifetime_model),
			discount_rate = coalesce($14, discount_rate), margin_rate = coalesce($15, margin_rate), min_cell_size = coalesce($16, min_cell_size),
			history_keep = CASE WHEN $17 IS NULL THEN history_keep WHEN lower($17) IN ('', 'all') THEN NULL ELSE $17::interval END,
			recut_pending = recut_pending OR bins <> $1
		RETURNING *$update$, home)
	INTO new
	USING ruleset_bins, configure.ruleset, configure.time_zone, configure.currency, configure.returns,
		configure.cut_mode, configure.r_cuts, configure.f_cuts, configure.m_cuts,
		configure.as_of_mode, configure.lookback, configure.high_order_value,
		configure.lifetime_model, configure.discount_rate, configure.margin_rate, configure.min_cell_size, configure.history_keep;

	IF new.cut_mode = 'own' THEN
		PERFORM rfmseg._check_cuts('r', new.r_cuts, new.bins);
		PERFORM rfmseg._check_cuts('f', new.f_cuts, new.bins);
		PERFORM rfmseg._check_cuts('m', new.m_cuts, new.bins);
	END IF;
	IF new.cut_mode = 'frozen' AND NOT new.recut_pending AND (
		(new.returns, new.time_zone, new.currency, new.lookback) IS DISTINCT FROM (old.returns, old.time_zone, old.currency, old.lookback)) THEN
		RAISE NOTICE 'the frozen cut points of "%" were made under the old settings', deployment
			USING HINT = format('SELECT rfmseg.recut(%L) lets the next refresh make them anew.', deployment);
	END IF;

	-- times without a zone, and amounts converted, take theirs from the settings
	IF (new.time_zone, new.currency) IS DISTINCT FROM (old.time_zone, old.currency) THEN
		PERFORM rfmseg._rebuild_sources(deployment);
		PERFORM rfmseg._grant_all(deployment);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.configure(text, int, text, text, text, text, text, float8[], float8[], float8[], text, text, numeric, text, numeric, numeric, int, text) IS
'Changes settings of a deployment; those not given stay. bins 2..10 and ruleset must fit; time_zone of the local days; currency code; returns net | drop; cut_mode frozen | refresh | own, own with r_cuts (days), f_cuts (purchases), m_cuts (money); as_of_mode data | clock; lookback a span such as ''24 months'' or ''all''; high_order_value an amount; lifetime_model mbgnbd | bgnbd | pnbd; discount_rate a rate a year, such as 0.1; margin_rate a share of revenue, 0..1; min_cell_size customers, 0 for no limit; history_keep a span or ''all''. Each wrong value is its own error, and nothing is changed then.';

CREATE FUNCTION rfmseg._check_choice(what text, choice text, choices text[])
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF NOT choice = ANY (choices) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('%s must not be "%s"', what, choice),
			HINT = format('It is one of %s.', array_to_string(choices, ', '));
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_choice(text, text, text[]) IS 'Internal: an error unless the choice is NULL or one of those there are.';

CREATE FUNCTION rfmseg._check_span(what text, span text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF lower(span) NOT IN ('', 'all') AND span::interval NOT BETWEEN interval '1 microsecond' AND interval '1000 years' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('%s must be longer than nothing and at most 1000 years, not %s', what, span),
			HINT = 'Give a span such as ''24 months'', or ''all''.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_span(text, text) IS 'Internal: an error unless the text is NULL, a span of time, or all.';

CREATE FUNCTION rfmseg._check_time_zone(zone text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	-- the aggregate knows the zones that SET TIME ZONE knows
	PERFORM rfmseg.rfm('epoch', 0, 'epoch', NULL, zone);

	-- To AT TIME ZONE some of these names are abbreviations, without summer time
	-- and at the mercy of the setting timezone_abbreviations.
	IF upper(zone) IN (SELECT abbrev FROM pg_timezone_abbrevs) AND upper(zone) NOT IN ('UTC', 'GMT', 'UCT', 'ZULU') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('time zone "%s" is also an abbreviation, which means something else', zone),
			HINT = 'Give a region and city, such as Europe/Paris.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_time_zone(text) IS 'Internal: an error unless the time zone is known, and no abbreviation.';

CREATE FUNCTION rfmseg.recut(deployment text)
RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	mode text;
	version int;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('UPDATE %s.settings SET recut_pending = true RETURNING cut_mode', home) INTO mode;
	EXECUTE format('SELECT coalesce(max(version), 0) + 1 FROM %s.cut_points', home) INTO version;
	IF mode <> 'frozen' THEN
		RAISE NOTICE 'cut points of "%" are not frozen: cut_mode is %', deployment, mode;
	END IF;
	RETURN version;
END
$body$;
COMMENT ON FUNCTION rfmseg.recut(text) IS
'Lets the next refresh make new cut points, which then stay; returns their version number.';
-------------------------------------------------------------------------------
-- Mappings: the user's own tables under the names of the landing tables
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._check_expression(expression text)
RETURNS boolean AS 'MODULE_PATHNAME', 'rfmseg_check_expression'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._check_expression(text) IS
'Internal: whether a text is one SQL expression and nothing more; a syntax error is raised.';

CREATE FUNCTION rfmseg._create_mappings(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format('CREATE TABLE %s.sources (dataset text PRIMARY KEY, source regclass NOT NULL)', home);
	EXECUTE format('CREATE TABLE %1$s.mappings (dataset text REFERENCES %1$s.sources ON DELETE CASCADE,'
		' argument text, expression text NOT NULL, PRIMARY KEY (dataset, argument))', home);
	PERFORM rfmseg._comment(home || '.sources', jsonb_build_object(
		'', format('The relations that deployment %s reads. Changed with rfmseg.map_transactions, map_customers, map_products.', deployment),
		'dataset', 'transactions, customers or products.',
		'source', 'The relation; it may be renamed.'));
	PERFORM rfmseg._comment(home || '.mappings', jsonb_build_object(
		'', 'How the sources are read, expression by expression.',
		'dataset', 'transactions, customers or products.',
		'argument', 'Column of the landing table, or filter or fx_rate.',
		'expression', 'SQL expression over the source''s columns.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_mappings(text) IS 'Internal: makes the tables of a deployment''s mappings.';

CREATE FUNCTION rfmseg._expression(source regclass, argument text, given text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	-- the name of a column, as it stands in the catalogue, needs no quotes
	expression text := coalesce((SELECT quote_ident(attname) FROM pg_attribute
		WHERE attrelid = source AND attname = given AND attnum > 0 AND NOT attisdropped), given);
	single boolean := false;
	failure text;
	state text;
BEGIN
	BEGIN
		single := rfmseg._check_expression(expression);
		IF single THEN
			-- in WHERE, so that aggregates and sets of rows are refused
			EXECUTE format(E'SELECT FROM %s AS source WHERE (%s\n) IS NULL LIMIT 0', source, expression);
		END IF;
	EXCEPTION
		WHEN connection_exception THEN
			RAISE;	-- a foreign source that is away says nothing of the expression
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
	END;
	IF failure IS NULL AND single THEN
		RETURN expression;
	END IF;
	RAISE EXCEPTION USING ERRCODE = coalesce(state, '42601'),
		MESSAGE = format('%s => %L cannot be read from %s', argument, given, source),
		DETAIL = coalesce(initcap(left(failure, 1)) || substr(failure, 2) || '.', 'It is not one SQL expression.'),
		HINT = format('%s has the columns %s. Functions, types and operators outside pg_catalog need their schema.', source,
			(SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
			 WHERE attrelid = source AND attnum > 0 AND NOT attisdropped));
END
$body$;
COMMENT ON FUNCTION rfmseg._expression(regclass, text, text) IS
'Internal: a mapped column name or expression as SQL; an error that names the argument if the source cannot give it.';

CREATE FUNCTION rfmseg._type_of(source text, expression text)
RETURNS regtype LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	actual regtype;
	base regtype;
BEGIN
	EXECUTE format(E'SELECT pg_typeof((SELECT (%s\n) FROM %s AS source LIMIT 0))', expression, source) INTO actual;
	LOOP
		SELECT typbasetype INTO base FROM pg_type WHERE oid = actual AND typtype = 'd';
		EXIT WHEN NOT FOUND;
		actual := base;
	END LOOP;
	RETURN actual;
END
$body$;
COMMENT ON FUNCTION rfmseg._type_of(text, text) IS 'Internal: the type of an expression over a source; of a domain, the type beneath.';

CREATE FUNCTION rfmseg._converted(meaning text, data_type text, argument text, expression text, source text, zone text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	actual regtype := rfmseg._type_of(source, expression);
	wanted text;
	value text := format(E'(%s\n)', expression);
BEGIN
	CASE meaning
	WHEN 'key' THEN
		BEGIN
			EXECUTE format('SELECT NULL::%s ORDER BY 1', actual);
			-- without a length, and text without a collation of its own, so that
			-- a column keeps its type when it is mapped again
			-- (by its name in the catalogue: "character" would be of length one)
			RETURN CASE WHEN actual = 'numeric'::regtype THEN format('trim_scale(%s)', value)
				ELSE (SELECT format('%s::%I.%I', value, n.nspname, t.typname) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
					WHERE t.oid = actual) END
				|| CASE WHEN actual IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN ' COLLATE "default"' ELSE '' END;
		EXCEPTION WHEN undefined_function THEN
			wanted := 'a type whose values have an order';
		END;
	WHEN 'time' THEN
		IF actual = 'timestamptz'::regtype THEN
			RETURN value;
		ELSIF actual IN ('timestamp'::regtype, 'date'::regtype) THEN
			RETURN format('(%s::timestamp AT TIME ZONE %L)', value, zone);
		END IF;
		wanted := 'a timestamp or date';
	WHEN 'day' THEN
		IF actual = 'timestamptz'::regtype THEN
			RETURN format('(%s AT TIME ZONE %L)::date', value, zone);
		ELSIF actual IN ('timestamp'::regtype, 'date'::regtype) THEN
			RETURN format('%s::date', value);
		END IF;
		wanted := 'a timestamp or date';
	WHEN 'number', 'money' THEN
		IF actual = ANY ('{int2,int4,int8,numeric,float4,float8,money}'::regtype[]) THEN
			RETURN format('%s::%s', value, data_type);
		END IF;
		wanted := 'a number';
	WHEN 'flag' THEN
		IF actual = 'boolean'::regtype THEN
			RETURN value;
		END IF;
		wanted := 'a boolean';
	WHEN 'text' THEN
		RETURN format('%s::text COLLATE "default"', value);
	END CASE;
	RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
		MESSAGE = format('%s => %L is of type %s, not %s', argument, expression, actual, wanted),
		HINT = format('Map an expression that converts it, such as %L.',
			format('(%s)::%s', expression, CASE meaning WHEN 'key' THEN 'text' WHEN 'time' THEN 'timestamptz' ELSE data_type END));
END
$body$;
COMMENT ON FUNCTION rfmseg._converted(text, text, text, text, text, text) IS
'Internal: SQL that brings an expression to the type of a landing column; an error that names the argument if its type cannot be that.';

CREATE FUNCTION rfmseg._source_query(deployment text, dataset text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	source regclass;
	mapped jsonb;
	zone text;
	currency text;
	rate text;
	filter text;
	item record;
	argument text;
	value text;
	columns text[];
BEGIN
	EXECUTE format('SELECT source FROM %s.sources WHERE dataset = $1', home) INTO source USING dataset;
	IF NOT EXISTS (SELECT FROM pg_class WHERE oid = source) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_table',
			MESSAGE = format('the source of %s was dropped', dataset),
			HINT = format('Map another with rfmseg.map_%s(%L, ...).', dataset, deployment);
	END IF;
	EXECUTE format('SELECT jsonb_object_agg(argument, expression) FROM %s.mappings WHERE dataset = $1', home) INTO mapped USING dataset;
	EXECUTE format('SELECT time_zone, currency FROM %s.settings', home) INTO zone, currency;
	IF mapped ? 'fx_rate' THEN
		rate := rfmseg._converted('number', 'numeric', 'fx_rate', mapped ->> 'fx_rate', source::text, zone);
		IF mapped ? 'currency' THEN		-- what is in the deployment's currency needs none
			rate := format(E'coalesce(%s, CASE WHEN (%s\n)::text = %L THEN 1 END)', rate, mapped ->> 'currency', currency);
		END IF;
	END IF;
	IF mapped ? 'filter' THEN
		filter := rfmseg._converted('flag', 'boolean', 'filter', mapped ->> 'filter', source::text, zone);
	END IF;

	FOR item IN SELECT * FROM rfmseg._landing_columns l WHERE l.dataset = _source_query.dataset ORDER BY l.place LOOP
		IF mapped ? item.column_name THEN
			argument := CASE item.column_name WHEN 'transaction_date' THEN 'event_at' WHEN 'total_amount' THEN 'amount' ELSE item.column_name END;
			value := rfmseg._converted(item.meaning, item.data_type, argument,
				rfmseg._expression(source, argument, mapped ->> item.column_name), source::text, zone);
		ELSE
			value := format('NULL::%s', item.data_type);
		END IF;
		IF rate IS NOT NULL AND item.meaning = 'money' THEN
			value := format('%s * %s', value, rate);
		ELSIF rate IS NOT NULL AND item.column_name = 'currency' THEN
			-- the refresh refuses rows without a rate by this word
			value := format('CASE WHEN %s IS NULL THEN coalesce(%s, ''?'') || '' without fx_rate'' ELSE %L END', rate, value, currency);
		END IF;
		columns := columns || format('%s AS %I', value, item.column_name);
	END LOOP;

	RETURN format('SELECT %s FROM %s AS source', array_to_string(columns, ', '), source) || coalesce(' WHERE ' || filter, '');
END
$body$;
COMMENT ON FUNCTION rfmseg._source_query(text, text) IS 'Internal: the query that gives a mapped source the form of its landing table.';

CREATE FUNCTION rfmseg._build_source(deployment text, dataset text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.%I', deployment || '_raw', dataset);
	query text := rfmseg._source_query(deployment, dataset);
	kind "char" := (SELECT relkind FROM pg_class WHERE oid = to_regclass(relation));
BEGIN
	BEGIN
		IF kind = 'v' THEN
			EXECUTE format('CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS %s', relation, query);
			RETURN;
		END IF;
	EXCEPTION WHEN invalid_table_definition THEN
		NULL;	-- a column changed its type: make the view anew
	END;

	PERFORM rfmseg._drop_clean_views(deployment);
	IF kind IS NOT NULL THEN
		EXECUTE format('DROP %s %s', CASE kind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relation);
	END IF;
	EXECUTE format('CREATE VIEW %s WITH (security_invoker = true) AS %s', relation, query);
	PERFORM rfmseg._comment(relation, rfmseg._landing_descriptions(dataset) || jsonb_build_object('', format('The mapped source of %s; see mappings in %I.', dataset, deployment || '_core')));
	PERFORM rfmseg._create_clean_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._build_source(text, text) IS 'Internal: puts the view of a mapped source in the place of its landing table.';

CREATE FUNCTION rfmseg._rebuild_sources(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	dataset text;
BEGIN
	FOR dataset IN EXECUTE format('SELECT dataset FROM %I.sources ORDER BY dataset', deployment || '_core') LOOP
		PERFORM rfmseg._build_source(deployment, dataset);
	END LOOP;
	PERFORM rfmseg._create_clean_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._rebuild_sources(text) IS 'Internal: makes the views of the mapped sources, and the clean views, by the present settings.';

CREATE FUNCTION rfmseg._check_key(deployment text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	old_key regtype;
	new_key regtype;
BEGIN
	SELECT atttypid INTO old_key FROM pg_attribute
		WHERE attrelid = to_regclass(home || '.scored_customers') AND attname = 'customer_id';
	SELECT atttypid INTO new_key FROM pg_attribute
		WHERE attrelid = to_regclass(home || '.transaction_lines') AND attname = 'customer_id';
	IF old_key <> new_key THEN
		RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
			MESSAGE = format('customer_id of "%s" is %s, not %s', deployment, old_key, new_key),
			DETAIL = 'The type of the key is that of the first refresh.',
			HINT = 'Map an expression of that type, or make another deployment.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_key(text) IS 'Internal: an error if the source''s customers have another type than the segmented ones.';

CREATE FUNCTION rfmseg._map(deployment text, dataset text, source regclass, given jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	landing text := format('%I.%I', deployment || '_raw', dataset);
	landed boolean := false;
	item record;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF source IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'source must not be NULL';
	END IF;
	IF (SELECT relpersistence FROM pg_class WHERE oid = source) = 't' THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('source %s is a temporary table', source),
			HINT = 'A deployment outlives the session: make it a table that does.';
	ELSIF (SELECT relnamespace FROM pg_class WHERE oid = source) IN (
		quote_ident(deployment)::regnamespace, home::regnamespace, quote_ident(deployment || '_raw')::regnamespace) THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
			MESSAGE = format('source %s is the deployment''s own', source),
			HINT = 'Rows in a landing table need no mapping.';
	END IF;
	IF (SELECT relkind FROM pg_class WHERE oid = to_regclass(landing)) = 'r' THEN
		landed := rfmseg._holds_rows(landing);
	END IF;
	IF landed THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('landing table %s holds rows', landing),
			HINT = 'Map another deployment, or delete the rows first: a mapped source takes the table''s place.';
	END IF;

	EXECUTE format('INSERT INTO %s.sources VALUES ($1, $2) ON CONFLICT (dataset) DO UPDATE SET source = excluded.source', home)
		USING dataset, source;
	EXECUTE format('DELETE FROM %s.mappings WHERE dataset = $1', home) USING dataset;
	FOR item IN SELECT key, value FROM jsonb_each_text(given) WHERE value IS NOT NULL LOOP
		EXECUTE format('INSERT INTO %s.mappings VALUES ($1, $2, $3)', home)
			USING dataset,
				CASE item.key WHEN 'event_at' THEN 'transaction_date' WHEN 'amount' THEN 'total_amount' ELSE item.key END,
				rfmseg._expression(source, item.key, item.value);
	END LOOP;
	-- Strangers' data are not ours to throw away: of a mapped source, who is too
	-- young is told of, unless the owner has said otherwise.
	EXECUTE format('UPDATE %s.expectations SET action = ''warn'' WHERE dataset = $1 AND name = ''age_18_or_over'' AND is_default', home)
		USING dataset;
	PERFORM rfmseg._build_source(deployment, dataset);
	PERFORM rfmseg._create_clean_views(deployment);
	PERFORM rfmseg._check_key(deployment);
	PERFORM rfmseg._grant_all(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._map(text, text, regclass, jsonb) IS 'Internal: records a mapping and puts it in place.';

CREATE FUNCTION rfmseg._required(argument text, given text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF given IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = format('%s must be mapped', argument),
			HINT = 'Give the name of a column of the source, or an expression over its columns.';
	END IF;
	RETURN given;
END
$body$;
COMMENT ON FUNCTION rfmseg._required(text, text) IS 'Internal: an error where an argument that must be given is NULL.';

CREATE FUNCTION rfmseg.map_transactions(
	deployment text,
	source regclass,
	customer_id text,
	event_at text,
	amount text,
	order_id text DEFAULT NULL,
	filter text DEFAULT NULL,
	is_return text DEFAULT NULL,
	currency text DEFAULT NULL,
	fx_rate text DEFAULT NULL,
	product_id text DEFAULT NULL,
	quantity text DEFAULT NULL,
	category text DEFAULT NULL,
	discount_amount text DEFAULT NULL,
	pre_discount_amount text DEFAULT NULL,
	per_unit_cost text DEFAULT NULL,
	per_unit_msrp text DEFAULT NULL,
	total_cost text DEFAULT NULL,
	channel text DEFAULT NULL,
	transaction_id text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._map(deployment, 'transactions', source, jsonb_build_object(
		'customer_id', rfmseg._required('customer_id', customer_id),
		'event_at', rfmseg._required('event_at', event_at),
		'amount', rfmseg._required('amount', amount),
		'order_id', order_id, 'filter', filter, 'is_return', is_return, 'currency', currency, 'fx_rate', fx_rate,
		'product_id', product_id, 'quantity', quantity, 'category', category,
		'discount_amount', discount_amount, 'pre_discount_amount', pre_discount_amount,
		'per_unit_cost', per_unit_cost, 'per_unit_msrp', per_unit_msrp, 'total_cost', total_cost,
		'channel', channel, 'transaction_id', transaction_id));
	IF order_id IS NULL THEN
		RAISE NOTICE 'no order_id is mapped: a purchase is a day on which a customer bought'
			USING HINT = 'Lines are not purchases. If the source has an order or invoice number, map it.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.map_transactions(text, regclass, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text) IS
'Lets a deployment read its purchases from a table or view of yours. Each argument after source is the name of a column or an SQL expression over the columns. Required: customer_id (of any type that has an order), event_at (timestamptz, timestamp or date; without zone it is read in the deployment''s), amount (a number; negative for a return). filter: boolean, which rows count; is_return: boolean, default amount < 0, amounts of returns are taken as negative; fx_rate: what amounts are multiplied by to become the deployment''s currency, 1 where they are in it already. What is not mapped stays NULL. Errors: an expression the source cannot give, a wrong type, rows already in the landing table.';

CREATE FUNCTION rfmseg.map_customers(
	deployment text,
	source regclass,
	customer_id text,
	first_name text DEFAULT NULL,
	last_name text DEFAULT NULL,
	email text DEFAULT NULL,
	age text DEFAULT NULL,
	gender text DEFAULT NULL,
	income_bracket text DEFAULT NULL,
	city text DEFAULT NULL,
	state text DEFAULT NULL,
	latitude text DEFAULT NULL,
	longitude text DEFAULT NULL,
	signup_date text DEFAULT NULL,
	preferred_channel text DEFAULT NULL,
	marketing_consent text DEFAULT NULL,
	filter text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._map(deployment, 'customers', source, jsonb_build_object(
		'customer_id', rfmseg._required('customer_id', customer_id),
		'first_name', first_name, 'last_name', last_name, 'email', email, 'age', age, 'gender', gender,
		'income_bracket', income_bracket, 'city', city, 'state', state, 'latitude', latitude, 'longitude', longitude,
		'signup_date', signup_date, 'preferred_channel', preferred_channel, 'marketing_consent', marketing_consent,
		'filter', filter));
END
$body$;
COMMENT ON FUNCTION rfmseg.map_customers(text, regclass, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text) IS
'Lets a deployment read what is known of its customers from a table or view of yours: names of columns or expressions, as for map_transactions. Purchases of customers who are not in it count all the same.';

CREATE FUNCTION rfmseg.map_products(
	deployment text,
	source regclass,
	product_id text,
	product_name text DEFAULT NULL,
	category text DEFAULT NULL,
	price text DEFAULT NULL,
	cost text DEFAULT NULL,
	brand text DEFAULT NULL,
	is_seasonal text DEFAULT NULL,
	filter text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._map(deployment, 'products', source, jsonb_build_object(
		'product_id', rfmseg._required('product_id', product_id),
		'product_name', product_name, 'category', category, 'price', price, 'cost', cost, 'brand', brand,
		'is_seasonal', is_seasonal, 'filter', filter));
END
$body$;
COMMENT ON FUNCTION rfmseg.map_products(text, regclass, text, text, text, text, text, text, text, text) IS
'Lets a deployment read its products from a table or view of yours: names of columns or expressions, as for map_transactions. Their category serves where the purchases'' lines have none.';

CREATE FUNCTION rfmseg.check_mapping(deployment text)
RETURNS TABLE (check_name text, value text, note text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	zone text;
	seen record;
	failure text;
	state text;
BEGIN
	PERFORM rfmseg._require(deployment);
	EXECUTE format('SELECT time_zone FROM %s.settings', home) INTO zone;
	BEGIN
		EXECUTE format($query$
			SELECT count(*) AS rows,
				count(customer_id) AS with_customer,
				count(DISTINCT customer_id) AS customers,
				min(transaction_date) AS first, max(transaction_date) AS last,
				count(*) FILTER (WHERE transaction_date IS NULL) AS undated,
				count(*) FILTER (WHERE NOT isfinite(transaction_date)) AS infinite,
				count(*) FILTER (WHERE transaction_date > now()) AS future,
				count(*) FILTER (WHERE total_amount IS NULL) AS unpriced,
				count(*) FILTER (WHERE total_amount IN ('NaN', 'Infinity', '-Infinity')) AS unnumbered,
				count(*) FILTER (WHERE is_return) AS returns,
				count(*) FILTER (WHERE total_amount < 0 AND NOT is_return) AS negative,
				sum(total_amount) FILTER (WHERE total_amount NOT IN ('NaN', 'Infinity', '-Infinity')) AS total,
				string_agg(DISTINCT currency, ', ') AS currencies,
				count(DISTINCT currency) AS n_currencies,
				count(order_id) AS lines, count(DISTINCT order_id) AS orders
			FROM %s.transaction_lines$query$, home) INTO seen;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
		RAISE EXCEPTION USING ERRCODE = state,
			MESSAGE = format('the transactions of "%s" cannot be read: %s', deployment, failure),
			HINT = format('%s.mappings holds the expressions; map again the one that fails.', home);
	END;

	RETURN QUERY SELECT c.check_name, c.value, c.note FROM (VALUES
		(1, 'rows', seen.rows::text, CASE WHEN seen.rows = 0 THEN 'nothing to segment' END),
		(2, 'customers', seen.customers::text, NULL),
		(3, 'first', to_char(seen.first AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI:SS') || CASE WHEN seen.first < '0001-01-01 UTC' THEN ' BC' ELSE '' END, zone),
		(4, 'last', to_char(seen.last AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI:SS'), zone),
		(5, 'total', seen.total::text, NULL),
		(6, 'currencies', seen.currencies, CASE WHEN seen.n_currencies > 1 THEN 'the refresh will refuse mixed currencies: map fx_rate' END),
		(7, 'lines per order', round(seen.lines::numeric / nullif(seen.orders, 0), 2)::text,
			CASE WHEN seen.orders = 0 THEN 'no order_id: a purchase is a day' ELSE format('%s lines, %s orders', seen.lines, seen.orders) END),
		(8, 'rows without customer', (seen.rows - seen.with_customer)::text,
			CASE WHEN seen.rows > seen.with_customer THEN 'reported as unattributed revenue' END),
		(9, 'rows without date', seen.undated::text, CASE WHEN seen.undated > 0 THEN 'left out, and reported' END),
		(10, 'rows without amount', seen.unpriced::text, CASE WHEN seen.unpriced > 0 THEN 'left out, and reported' END),
		(11, 'future dates', seen.future::text, CASE WHEN seen.future > 0 THEN 'they never set as_of, and wait until their time has come' END),
		(12, 'infinite dates', seen.infinite::text, CASE WHEN seen.infinite > 0 THEN 'the refresh will refuse them' END),
		(13, 'amounts NaN or infinite', seen.unnumbered::text, CASE WHEN seen.unnumbered > 0 THEN 'the refresh will refuse them' END),
		(14, 'returns', seen.returns::text, NULL),
		(15, 'negative, not returns', seen.negative::text, CASE WHEN seen.negative > 0 THEN 'left out, and reported' END)
	) AS c (place, check_name, value, note) ORDER BY c.place;
END
$body$;
COMMENT ON FUNCTION rfmseg.check_mapping(text) IS
'What the mapped transactions look like, before they are segmented: span, total, currencies, lines per order, rows without customer, date or amount, dates in the future. value is text; note says what follows from it. Error: an expression that fails on some row.';
-------------------------------------------------------------------------------
-- Expectations: what the owner says of the rows of the sources
-------------------------------------------------------------------------------
-- A predicate is the owner's code, as a mapped expression is, over the columns of
-- one landing relation.  A row for which it is FALSE breaks it; NULL is no break.
-- UNIQUE (<key>) is not SQL over one row, and is told by its form.

CREATE FUNCTION rfmseg._predicate_columns(relation regclass, predicate text)
RETURNS text[] AS 'MODULE_PATHNAME', 'rfmseg_predicate_columns'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._predicate_columns(regclass, text) IS
'Internal: the columns of a relation that an expression reads; an error unless it is boolean, about one row, and not volatile.';

CREATE FUNCTION rfmseg._dataset_key(dataset text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT rtrim($1, 's') || '_id' $body$;
COMMENT ON FUNCTION rfmseg._dataset_key(text) IS 'Internal: the column that identifies a row of a landing relation.';

CREATE FUNCTION rfmseg._create_expectations(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %s.expectations (
		dataset text CHECK (dataset IN ('customers', 'products', 'transactions')),
		name text,
		predicate text NOT NULL,
		action text NOT NULL CHECK (action IN ('warn', 'drop', 'fail')),
		description text,
		is_enabled boolean NOT NULL,
		is_default boolean NOT NULL DEFAULT false,
		PRIMARY KEY (dataset, name)
	)$ddl$, home);
	EXECUTE format($insert$
	INSERT INTO %s.expectations (dataset, name, predicate, action, description, is_enabled, is_default)
	SELECT *, true, true FROM (VALUES
		('customers', 'age_18_or_over', 'age >= 18', 'drop', 'Adults only; customers whose age is not known pass. Warns on a mapped source.'),
		('customers', 'customer_id_given', 'customer_id IS NOT NULL', 'drop', 'Nobody could be looked up without.'),
		('customers', 'customer_id_unique', 'UNIQUE (customer_id)', 'warn', 'Of several rows of a customer one is taken.'),
		('products', 'price_above_zero', 'price > 0', 'drop', 'Products that cost nothing are no products.'),
		('products', 'product_id_given', 'product_id IS NOT NULL', 'drop', 'No line could refer to it without.'),
		('products', 'product_id_unique', 'UNIQUE (product_id)', 'warn', 'Of several rows of a product one is taken.'),
		('transactions', 'customer_id_given', 'customer_id IS NOT NULL', 'warn', 'Lines without a customer are guests''; their money is unattributed.'),
		('transactions', 'date_not_in_future', 'transaction_date <= now()', 'warn', 'Later lines wait until their time has come.'),
		('transactions', 'total_not_negative', 'total_amount >= 0 OR is_return', 'drop', 'A negative line that is said to be no return never counts.'),
		('transactions', 'transaction_id_given', 'transaction_id IS NOT NULL', 'warn', 'Lines without an id count all the same.'),
		('transactions', 'transaction_id_unique', 'UNIQUE (transaction_id)', 'warn', 'Lines loaded twice count twice.')
	) AS v (dataset, name, predicate, action, description)$insert$, home);
	PERFORM rfmseg._comment(home || '.expectations', jsonb_build_object(
		'', format('What is expected of the rows of the sources. Changed with rfmseg.expect(%L, ...) and rfmseg.unexpect, which check it.', deployment),
		'dataset', 'customers, products or transactions.',
		'name', 'Name of the expectation.',
		'predicate', 'SQL over the columns of the landing relation, or UNIQUE (its key); a row for which it is false breaks the expectation.',
		'action', 'What becomes of such a row. warn: it counts all the same; drop: it is left out, and kept in quarantine; fail: the refresh stops.',
		'description', 'Why it is expected.',
		'is_enabled', 'Whether refreshes look at it.',
		'is_default', 'Whether it is as deploy made it.'));

	EXECUTE format($ddl$
	CREATE TABLE %s.quarantine (
		dataset text,
		row_digest text,
		copy int,
		key text,
		"row" jsonb NOT NULL,
		expectations text[] NOT NULL,
		mend jsonb CHECK (jsonb_typeof(mend) = 'object'),
		run_id int NOT NULL,
		first_run_id int NOT NULL,
		first_seen_at timestamptz NOT NULL,
		PRIMARY KEY (dataset, row_digest, copy)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.quarantine', jsonb_build_object(
		'', format('Rows of the sources that the last published refresh dropped for breaking an expectation. Personal data: whole rows, names and contacts too. To mend rows of landing tables, say in mend what to change, and SELECT rfmseg.replay(%L).', deployment),
		'dataset', 'customers, products or transactions.',
		'row_digest', 'Digest of the row.',
		'copy', 'Number among equal rows, from 1.',
		'key', 'The row''s key, if it has one.',
		'row', 'The row, as it was found.',
		'expectations', 'Names of the expectations that it broke and that drop.',
		'mend', 'Columns to change, with their right values, such as {"age": 41}. Written by people, read by rfmseg.replay.',
		'run_id', 'The run that dropped it last.',
		'first_run_id', 'The first run in a row of runs that dropped it.',
		'first_seen_at', 'When that run began.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_expectations(text) IS
'Internal: makes the tables of a deployment''s expectations and of the rows that break them, with the default expectations.';

CREATE FUNCTION rfmseg._read_predicate(deployment text, dataset text, predicate text,
	OUT expression text, OUT columns text[], OUT is_unique boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
AS $body$
DECLARE
	relation regclass := format('%I.%I', deployment || '_raw', dataset)::regclass;
	key text := rfmseg._dataset_key(dataset);
BEGIN
	-- the word is reserved: no expression begins with it
	is_unique := predicate ~* $re$^\s*unique\s*\($re$;
	IF is_unique THEN
		IF predicate !~* format($re$^\s*unique\s*\(\s*%s\s*\)\s*$$re$, key) THEN
			RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
				MESSAGE = format('%s cannot be expected', predicate),
				HINT = format('Of %s, UNIQUE (%s) can.', dataset, key);
		END IF;
		expression := format('UNIQUE (%s)', key);
		columns := ARRAY[key];
	ELSE
		expression := rfmseg._expression(relation, 'predicate', predicate);
		columns := rfmseg._predicate_columns(relation, expression);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._read_predicate(text, text, text) IS
'Internal: a predicate as SQL, and the columns it is about; an error if it cannot be one of that landing relation''s rows.';

CREATE FUNCTION rfmseg._unmapped_columns(deployment text, dataset text)
RETURNS text[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	unmapped text[];
BEGIN
	EXECUTE format($query$
		SELECT array_agg(l.column_name) FROM %1$I.sources s JOIN rfmseg._landing_columns l USING (dataset)
		WHERE s.dataset = $1 AND NOT EXISTS (SELECT FROM %1$I.mappings m WHERE m.dataset = s.dataset
			AND m.argument IN (l.column_name, CASE l.column_name WHEN 'currency' THEN 'fx_rate' END))$query$, deployment || '_core')
	INTO unmapped USING dataset;
	RETURN coalesce(unmapped, '{}');
END
$body$;
COMMENT ON FUNCTION rfmseg._unmapped_columns(text, text) IS
'Internal: the columns of a mapped source that hold nothing, as no expression is mapped to them; none of a landing table''s.';

-- A mapping, or a change of a landing table, can make a predicate senseless that
-- was right when it was given: the error names it.
CREATE FUNCTION rfmseg._expected(deployment text, dataset text)
RETURNS TABLE (name text, predicate text, action text, is_unique boolean, is_skipped boolean, rule int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	unmapped text[] := rfmseg._unmapped_columns(deployment, dataset);
	rules int := 0;
	seen record;
	item record;
	failure text;
	detail text;
	hint text;
	state text;
BEGIN
	FOR item IN EXECUTE format('SELECT * FROM %I.expectations WHERE dataset = $1 AND is_enabled ORDER BY name COLLATE "C"', deployment || '_core')
		USING dataset
	LOOP
		BEGIN
			seen := rfmseg._read_predicate(deployment, dataset, item.predicate);
		EXCEPTION
			WHEN connection_exception THEN
				RAISE;	-- as in _expression
			WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, state = RETURNED_SQLSTATE;
				RAISE EXCEPTION USING ERRCODE = state,
					MESSAGE = format('expectation "%s" of %s cannot be used: %s', item.name, dataset, failure),
					DETAIL = coalesce(nullif(detail, ''), format('It is: %s.', item.predicate)),
					HINT = coalesce(nullif(hint, ''), 'Replace it with rfmseg.expect, or remove it with rfmseg.unexpect.');
		END;
		name := item.name;
		predicate := seen.expression;
		action := item.action;
		is_unique := seen.is_unique;
		is_skipped := seen.columns && unmapped;
		rule := CASE WHEN NOT is_unique AND NOT is_skipped THEN rules END;
		rules := rules + (rule IS NOT NULL)::int;
		RETURN NEXT;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._expected(text, text) IS
'Internal: what is expected of a data set now: predicates as SQL, whether a column of theirs is not mapped, and the number of the rule by which the lines'' query tells of each.';

CREATE FUNCTION rfmseg._kept_condition(deployment text, dataset text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT coalesce(string_agg(format(E'(%s\n) IS NOT FALSE', predicate), ' AND ' ORDER BY rule), 'true')
	FROM rfmseg._expected($1, $2) WHERE action = 'drop' AND rule IS NOT NULL
$body$;
COMMENT ON FUNCTION rfmseg._kept_condition(text, text) IS
'Internal: SQL that is true for the rows of a data set, named source, that break no expectation which drops them.';

CREATE FUNCTION rfmseg._broken_names(deployment text, dataset text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT format('array_remove(ARRAY[%s]::text[], NULL)',
		string_agg(format(E'CASE WHEN (%s\n) IS FALSE THEN %L END', predicate, name), ', ' ORDER BY rule))
	FROM rfmseg._expected($1, $2) WHERE action = 'drop' AND rule IS NOT NULL
$body$;
COMMENT ON FUNCTION rfmseg._broken_names(text, text) IS
'Internal: SQL for the names of the expectations that a row of a data set, named source, breaks and that drop it.';

CREATE FUNCTION rfmseg._repeated(deployment text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE WHEN count(*) > 0 THEN 'drop' ELSE 'keep' END
	FROM rfmseg._expected($1, 'transactions') WHERE is_unique AND action = 'drop' AND NOT is_skipped
$body$;
COMMENT ON FUNCTION rfmseg._repeated(text) IS
'Internal: what summarize_customers is to do with lines of a deployment that have the id of another: keep or drop.';

CREATE FUNCTION rfmseg.expect(
	deployment text,
	dataset text,
	name text,
	predicate text,
	action text DEFAULT 'warn',
	description text DEFAULT NULL,
	is_enabled boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	most CONSTANT int := 62;	-- as the lines' query has bits
	seen record;
	item record;
	n int;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	FOR item IN SELECT * FROM jsonb_each(jsonb_build_object('dataset', dataset, 'name', name, 'predicate', predicate,
		'action', action, 'is_enabled', is_enabled)) WHERE value = 'null'
	LOOP
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = format('%s must not be NULL', item.key);
	END LOOP;
	PERFORM rfmseg._check_choice('dataset', dataset, '{customers,products,transactions}');
	PERFORM rfmseg._check_choice('action', action, '{warn,drop,fail}');
	IF btrim(name) = '' OR octet_length(name) > 63 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_name',
			MESSAGE = format('"%s" cannot name an expectation', name), HINT = 'A name has 1 to 63 bytes.';
	END IF;
	seen := rfmseg._read_predicate(deployment, dataset, predicate);

	EXECUTE format($insert$
		INSERT INTO %s.expectations AS e (dataset, name, predicate, action, description, is_enabled) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT ON CONSTRAINT expectations_pkey DO UPDATE SET
			predicate = excluded.predicate, action = excluded.action, is_enabled = excluded.is_enabled, is_default = false,
			description = coalesce(excluded.description, CASE WHEN e.predicate = excluded.predicate THEN e.description END)$insert$, home)
	USING dataset, name, seen.expression, action, description, is_enabled;
	EXECUTE format('SELECT count(*) FROM %s.expectations e WHERE e.dataset = $1 AND e.is_enabled', home) INTO n USING dataset;
	IF n > most THEN
		RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
			MESSAGE = format('more than %s expectations of %s', most, dataset),
			HINT = 'Join some of them with AND, or disable those that are not needed.';
	END IF;
	PERFORM rfmseg._create_clean_views(deployment);
	IF seen.columns && rfmseg._unmapped_columns(deployment, dataset) THEN
		RAISE NOTICE 'expectation "%" of % is skipped as long as a column of it is not mapped', name, dataset;
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.expect(text, text, text, text, text, text, boolean) IS
'Adds an expectation of the rows of a data set to a deployment, or replaces that of the same name; the next refresh checks it. dataset: customers, products or transactions. predicate: SQL over the columns of the landing relation, one boolean expression without subqueries and volatile functions, or UNIQUE (<key>); rows for which it is false break it, NULL does not. action: warn, drop (the row is left out and kept in quarantine) or fail (the refresh stops). Errors: a predicate that cannot be read, other words, more than 62 enabled ones of a data set.';

CREATE FUNCTION rfmseg.unexpect(deployment text, dataset text, name text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	gone text;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('DELETE FROM %I.expectations e WHERE e.dataset = $1 AND e.name = $2 RETURNING e.name', deployment || '_core')
		INTO gone USING dataset, name;
	IF gone IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('there is no expectation "%s" of %s', name, dataset),
			HINT = format('%I.expectations lists those there are.', deployment || '_core');
	END IF;
	PERFORM rfmseg._create_clean_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.unexpect(text, text, text) IS
'Removes an expectation of a deployment, a default one too. Error: there is none of that name.';
-------------------------------------------------------------------------------
-- Erasure: a customer who is to be forgotten, and stays so
-------------------------------------------------------------------------------
-- What is kept of such a customer is a digest of the key under the deployment's
-- own secret, which every line of the source is tried against from then on.  So
-- nothing that reads the sources again brings anybody back, and as long as
-- nobody was forgotten, nothing is tried.
--
-- The digest is SipHash-2-4, and not SHA-256, as it is computed of every line: it
-- takes an eighth of the time, and whoever has the secret can try keys with either.

CREATE FUNCTION rfmseg._key_digest(key text, secret uuid)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_key_digest'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._key_digest(text, uuid) IS
'Internal: what is kept of the key of a customer who was forgotten: SipHash-2-4 of its bytes in UTF-8, the same on every machine.';

CREATE FUNCTION rfmseg._create_suppressions(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format('CREATE TABLE %s.suppressions (digest bigint PRIMARY KEY, forgotten_at timestamptz NOT NULL DEFAULT now(),'
		' requested_by name NOT NULL DEFAULT session_user)', home);
	PERFORM rfmseg._comment(home || '.suppressions', jsonb_build_object(
		'', 'Customers who were forgotten, and whose lines in the sources are left out. Changed with rfmseg.forget and unforget.',
		'digest', 'Digest of the customer''s key under the secret suppression_key of the settings.',
		'forgotten_at', 'When that was asked for.',
		'requested_by', 'Login of who asked.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_suppressions(text) IS 'Internal: makes the table of a deployment''s forgotten customers.';

-- Where rows about single customers are kept.  A table with a customer_id that
-- is missing here fails the tests.
CREATE FUNCTION rfmseg._customer_relations(deployment text)
RETURNS TABLE (schema text, relation text, column_name text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT deployment || suffix, c.relation, c.column_name
	FROM (VALUES
		('_raw', 'transactions', 'customer_id'),
		('_raw', 'customers', 'customer_id'),
		('_raw', 'ground_truth', 'customer_id'),
		('_core', 'scored_customers', 'customer_id'),
		('_core', 'segment_history', 'customer_id'),
		('_core', 'campaign_members', 'customer_id'),
		('_core', 'audience_members', 'customer_id'),
		-- whole rows, as jsonb; a mend may say whose a row is
		('_core', 'quarantine', 'row'),
		('_core', 'quarantine', 'mend')
	) AS c (suffix, relation, column_name)
$body$;
COMMENT ON FUNCTION rfmseg._customer_relations(text) IS
'Internal: the tables of a deployment that hold rows about single customers, and the columns that say about whom; of jsonb, the key customer_id does.';

CREATE FUNCTION rfmseg._key_text(type regtype, value text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE WHEN type = 'numeric'::regtype THEN format('trim_scale(%s)::text', value) ELSE format('%s::text', value) END
$body$;
COMMENT ON FUNCTION rfmseg._key_text(regtype, text) IS
'Internal: SQL for a customer''s key as text, which is the same for equal keys.';

CREATE FUNCTION rfmseg._has_forgotten(deployment text)
RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	RETURN NOT rfmseg._is_empty(quote_ident(deployment || '_core') || '.suppressions');
END
$body$;
COMMENT ON FUNCTION rfmseg._has_forgotten(text) IS 'Internal: whether any customer of a deployment was forgotten.';

CREATE FUNCTION rfmseg._is_forgotten(deployment text, type regtype, key text)
RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- neither secret nor digests are in the query's text, which logs may show
	SELECT format('rfmseg._key_digest(%1$s, (SELECT suppression_key FROM %2$I.settings)) IN (SELECT digest FROM %2$I.suppressions)',
		rfmseg._key_text(type, key), deployment || '_core')
$body$;
COMMENT ON FUNCTION rfmseg._is_forgotten(text, regtype, text) IS
'Internal: SQL that is true if the customer with this key was forgotten; NULL for nobody, and for who may not see the secret.';

CREATE FUNCTION rfmseg._remembered(deployment text, dataset text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	type regtype := rfmseg._type_of_column(format('%I.%I', deployment || '_raw', dataset), 'customer_id');
BEGIN
	IF type IS NULL OR NOT rfmseg._has_forgotten(deployment) THEN
		RETURN 'true';
	END IF;
	RETURN format('(source.customer_id IS NULL OR NOT %s)', rfmseg._is_forgotten(deployment, type, 'source.customer_id'));
END
$body$;
COMMENT ON FUNCTION rfmseg._remembered(text, text) IS
'Internal: SQL that is true for the rows of a data set, named source, that are nobody''s who was forgotten.';

CREATE FUNCTION rfmseg._read_key(deployment text, customer_id text, OUT key text, OUT type regtype, OUT digest bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	IF customer_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'customer_id must not be NULL',
			HINT = 'Rows without a customer are guests''; they name nobody.';
	END IF;
	type := rfmseg._type_of_column(format('%I.transactions', deployment || '_raw'), 'customer_id');
	-- of other types, equal keys may differ as text, or by the session's settings
	IF type <> ALL ('{int2,int4,int8,numeric,uuid,text,varchar,bpchar}'::regtype[]) AND (SELECT typtype FROM pg_type WHERE oid = type) <> 'e' THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
			MESSAGE = format('customers with keys of type %s cannot be forgotten', type),
			HINT = 'Map an expression of type text, bigint, numeric or uuid as customer_id.';
	END IF;
	BEGIN
		-- by format_type: as regtype, "character" would be of length one
		EXECUTE format('SELECT %1$s, rfmseg._key_digest(%1$s, suppression_key) FROM %2$I.settings',
			rfmseg._key_text(type, format('$1::%s', format_type(type, -1))), deployment || '_core')
		INTO key, digest USING customer_id;
	EXCEPTION WHEN data_exception THEN
		-- the cause would quote it
		RAISE EXCEPTION USING ERRCODE = SQLSTATE,
			MESSAGE = format('customer_id is no %s, as those of deployment "%s" are', type, deployment);
	END;
END
$body$;
COMMENT ON FUNCTION rfmseg._read_key(text, text) IS
'Internal: a customer''s key as the deployment''s own type shows it, and its digest; an error, which does not quote it, if it is none.';

CREATE FUNCTION rfmseg._delete_customer(relation regclass, column_name text, key text, type regtype)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	actual regtype := rfmseg._type_of_column(relation::text, column_name);
	condition text := CASE
		WHEN actual = type THEN format('%I = $1::%s', column_name, format_type(type, -1))		-- there may be an index
		-- numbers whatever their digits, texts whatever their length
		WHEN actual = 'jsonb'::regtype THEN format('(%1$I -> ''customer_id'' = to_jsonb($1::%2$s) OR rtrim(%1$I ->> ''customer_id'') = $1)', column_name, format_type(type, -1))
		ELSE format('%s = $1', rfmseg._key_text(actual, quote_ident(column_name))) END;
	n bigint;
BEGIN
	IF (SELECT relkind FROM pg_class WHERE oid = relation) = 'v' THEN
		EXECUTE format('SELECT count(*) FROM %s WHERE %s', relation, condition) INTO n USING key;
	ELSE
		EXECUTE format('DELETE FROM %s WHERE %s', relation, condition) USING key;
		GET DIAGNOSTICS n = ROW_COUNT;
	END IF;
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._delete_customer(regclass, text, text, regtype) IS
'Internal: deletes a customer''s rows from a table, or, in a view on a mapped source, counts them; how many.';

CREATE FUNCTION rfmseg._begin_erasure(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._require(deployment);
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_transaction_state',
			MESSAGE = format('nobody is forgotten at isolation level %s', current_setting('transaction_isolation')),
			DETAIL = 'The transaction does not see what a refresh may just have written.',
			HINT = 'Use READ COMMITTED.';
	END IF;
	PERFORM rfmseg._lock(deployment);
	-- Written each time: a refresh with a snapshot from before, which would not
	-- see who is forgotten, stumbles over it.
	EXECUTE format('UPDATE %I.settings SET suppression_key = coalesce(suppression_key, gen_random_uuid())', deployment || '_core');
END
$body$;
COMMENT ON FUNCTION rfmseg._begin_erasure(text) IS
'Internal: an error unless the caller may change who is forgotten; waits for a refresh under way, and makes the secret if there is none.';

CREATE FUNCTION rfmseg.forget(deployment text, customer_id text)
RETURNS TABLE (relation text, row_count bigint, note text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
AS $body$
#variable_conflict use_variable
DECLARE
	home text := quote_ident(deployment || '_core');
	is_first boolean;
	since timestamptz;
	who record;
	item record;
	source regclass;
	found_any boolean := false;
	was_published boolean := false;
BEGIN
	PERFORM rfmseg._begin_erasure(deployment);
	SELECT * INTO who FROM rfmseg._read_key(deployment, customer_id);
	is_first := NOT rfmseg._has_forgotten(deployment);
	EXECUTE format('SELECT forgotten_at FROM %s.suppressions WHERE digest = $1', home) INTO since USING who.digest;
	EXECUTE format('INSERT INTO %s.suppressions (digest) VALUES ($1) ON CONFLICT DO NOTHING', home) USING who.digest;
	IF is_first THEN
		PERFORM rfmseg._create_clean_views(deployment);
		PERFORM rfmseg._grant_all(deployment);
	END IF;

	-- what was landed since it was asked for the first time goes as well
	FOR item IN
		SELECT o.oid::regclass AS name, r.column_name, r.relation, o.kind
		FROM rfmseg._customer_relations(deployment) WITH ORDINALITY AS r (schema, relation, column_name, place)
		JOIN rfmseg._own_relations(deployment) o ON o.schema = r.schema AND o.relation = r.relation ORDER BY r.place
	LOOP
		relation := item.name::text || CASE WHEN item.column_name <> 'customer_id' THEN format(' (%s)', item.column_name) ELSE '' END;
		row_count := rfmseg._delete_customer(item.name, item.column_name, who.key, who.type);
		note := NULL;
		found_any := found_any OR row_count > 0;
		was_published := was_published OR (item.relation = 'scored_customers' AND row_count > 0);
		IF item.kind = 'v' THEN
			EXECUTE format('SELECT source FROM %s.sources WHERE dataset = $1', home) INTO source USING item.relation;
			note := format('A view on %s. Rows of the customer there, yours to delete, and left out until then: %s.', source, row_count);
			row_count := 0;
		END IF;
		RETURN NEXT;
	END LOOP;

	IF since IS NOT NULL THEN
		RAISE NOTICE 'the customer was forgotten already, on %', since::date;
	ELSIF NOT found_any THEN
		RAISE NOTICE 'deployment "%" had no row about the customer, who will not be taken in', deployment;
	ELSIF was_published THEN
		RAISE NOTICE 'totals of "%" count the customer until the next refresh', deployment
			USING HINT = format('CALL rfmseg.refresh(%L) computes them without. Those of earlier runs stay as they were.', deployment);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg.forget(text, text) IS
'Forgets a customer: deletes the rows about that one from a deployment''s tables, landing tables too, and keeps but a digest of the key, by which lines of the sources are left out from then on, whatever reads them. customer_id: the key, as text. One row for each table: rows deleted; of a mapped source, which is its owner''s, the note says how many rows to delete there. Per-customer views are without the customer at once, totals from the next refresh on. Waits for a refresh under way. A customer who is not there will not be taken in either. Errors: not the owner; a customer_id that is none; keys of a type that cannot be told by its text; isolation levels above READ COMMITTED.';

CREATE FUNCTION rfmseg.forget(deployment text, customer_id anyelement)
RETURNS TABLE (relation text, row_count bigint, note text)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT * FROM rfmseg.forget(deployment, customer_id::text)
$body$;
COMMENT ON FUNCTION rfmseg.forget(text, anyelement) IS 'The same, of a key of any type.';

CREATE FUNCTION rfmseg.unforget(deployment text, customer_id text)
RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	was_forgotten boolean;
BEGIN
	PERFORM rfmseg._begin_erasure(deployment);
	EXECUTE format('DELETE FROM %I.suppressions WHERE digest = $1 RETURNING true', deployment || '_core')
		INTO was_forgotten USING (SELECT k.digest FROM rfmseg._read_key(deployment, customer_id) k);
	IF was_forgotten AND NOT rfmseg._has_forgotten(deployment) THEN
		PERFORM rfmseg._create_clean_views(deployment);
		PERFORM rfmseg._grant_all(deployment);
	END IF;
	RETURN coalesce(was_forgotten, false);
END
$body$;
COMMENT ON FUNCTION rfmseg.unforget(text, text) IS
'Takes a customer in again, who has come back and agreed to it: the next refresh counts what the sources have. What was deleted stays so. Returns whether the customer was forgotten. Errors: as of forget.';

CREATE FUNCTION rfmseg.unforget(deployment text, customer_id anyelement)
RETURNS boolean LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT rfmseg.unforget(deployment, customer_id::text)
$body$;
COMMENT ON FUNCTION rfmseg.unforget(text, anyelement) IS 'The same, of a key of any type.';

CREATE FUNCTION rfmseg.is_forgotten(deployment text, customer_id text)
RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	known boolean;
BEGIN
	PERFORM rfmseg._require(deployment);
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.suppressions WHERE digest = $1)', deployment || '_core')
		INTO known USING (SELECT k.digest FROM rfmseg._read_key(deployment, customer_id) k);
	RETURN known;
END
$body$;
COMMENT ON FUNCTION rfmseg.is_forgotten(text, text) IS 'Whether a customer of a deployment was forgotten. Errors: not the owner; a customer_id that is none.';

CREATE FUNCTION rfmseg.is_forgotten(deployment text, customer_id anyelement)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT rfmseg.is_forgotten(deployment, customer_id::text)
$body$;
COMMENT ON FUNCTION rfmseg.is_forgotten(text, anyelement) IS 'The same, of a key of any type.';
-------------------------------------------------------------------------------
-- Clean views of the landing tables
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._drop_clean_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format('DROP VIEW IF EXISTS %1$s.contacts, %1$s.contactable_customers, %1$s.transactions, %1$s.transaction_lines, %1$s.products, %1$s.customers_clean',
		quote_ident(deployment || '_core'));
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_clean_views(text) IS 'Internal: drops the clean views of a deployment.';

CREATE FUNCTION rfmseg._type_of_column(relation text, column_name text)
RETURNS regtype LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2
$body$;
COMMENT ON FUNCTION rfmseg._type_of_column(text, text) IS 'Internal: the type of a relation''s column; NULL if there is none.';

CREATE FUNCTION rfmseg._same_key(this text, this_relation text, that text, that_relation text, key text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- keys of different types meet as text
	SELECT format(CASE WHEN rfmseg._type_of_column(this_relation, key) = rfmseg._type_of_column(that_relation, key)
		THEN '%1$s.%3$s = %2$s.%3$s' ELSE '%1$s.%3$s::text = %2$s.%3$s::text' END, this, that, key)
$body$;
COMMENT ON FUNCTION rfmseg._same_key(text, text, text, text, text) IS 'Internal: how two relations are joined on a key that has its name in both.';

CREATE FUNCTION rfmseg._is_empty(relation text)
RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	empty boolean;
BEGIN
	EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', relation) INTO empty;
	RETURN empty;
END
$body$;
COMMENT ON FUNCTION rfmseg._is_empty(text) IS
'Internal: whether a relation has no rows, so that no join with it need be paid for with every row.';

CREATE FUNCTION rfmseg._product_key(deployment text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT rfmseg._same_key('p', format('%I.products', deployment || '_raw'), 't', format('%I.transactions', deployment || '_raw'), 'product_id')
$body$;
COMMENT ON FUNCTION rfmseg._product_key(text) IS 'Internal: how lines t and products p of a deployment are joined.';

CREATE FUNCTION rfmseg._lines_query(deployment text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	raw text := quote_ident(deployment || '_raw');
	has_products boolean := NOT rfmseg._is_empty(quote_ident(deployment || '_raw') || '.products');
	currency text;
	expected record;
	forgotten text;
BEGIN
	EXECUTE format('SELECT currency FROM %s.settings', home) INTO currency;
	IF rfmseg._has_forgotten(deployment) THEN
		-- left out, without a reason that would be told
		forgotten := format('WHEN %s THEN %s', rfmseg._is_forgotten(deployment, rfmseg._type_of_column(raw || '.transactions', 'customer_id'), 'source.customer_id'),
			1::bigint << 62);
	END IF;

	-- Most lines break nothing, and that is all that is asked of them; only of the
	-- others it is asked what they break.
	SELECT count(*) FILTER (WHERE is_unique AND NOT is_skipped) > 0 AS has_ids,
		string_agg(format(E'(%s\n) IS NOT FALSE', predicate), ' AND ' ORDER BY rule) FILTER (WHERE rule IS NOT NULL) AS passes,
		string_agg(format(E'CASE WHEN (%s\n) IS FALSE THEN %s ELSE 0 END', predicate,
			(1::bigint << rule) + CASE action WHEN 'drop' THEN 1::bigint << 62 ELSE 0 END), ' | ' ORDER BY rule)
			FILTER (WHERE rule IS NOT NULL) AS rules
	INTO expected FROM rfmseg._expected(deployment, 'transactions');
	RETURN format('SELECT t.customer_id, t.transaction_date, t.total_amount, t.order_id, t.product_id, %s AS category,'
		' t.quantity, t.discount_amount, t.is_return, coalesce(t.currency, %L) AS currency',
		CASE WHEN has_products THEN 'coalesce(t.category, p.category)' ELSE 't.category' END, currency)
		|| CASE WHEN expected.has_ids THEN ', t.transaction_id' ELSE '' END
		|| CASE WHEN expected.passes IS NULL AND forgotten IS NULL THEN format(' FROM %s.transactions t', raw)
			ELSE format(', t.broken FROM (SELECT customer_id, transaction_date, total_amount, order_id, product_id, category,'
				' quantity, discount_amount, is_return, currency, transaction_id,'
				' CASE %s WHEN %s THEN NULL ELSE (%s)::bigint END AS broken FROM %s.transactions AS source) AS t',
				forgotten, coalesce(expected.passes, 'true'), coalesce(expected.rules, 'NULL'), raw) END
		|| CASE WHEN has_products THEN format(' LEFT JOIN %s.products p ON %s', home, rfmseg._product_key(deployment)) ELSE '' END;
END
$body$;
COMMENT ON FUNCTION rfmseg._lines_query(text) IS
'Internal: the lines of a deployment as rfmseg.summarize_customers takes them, with what they break; the view transaction_lines shows them to people.';

CREATE FUNCTION rfmseg._same_id(negative text, is_broken text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- as summarize_customers tells them, of lines that would count but for that
	SELECT format('PARTITION BY customer_id, transaction_id, CASE WHEN customer_id IS NULL THEN transaction_date END,'
		' transaction_date IS NULL OR total_amount IS NULL OR coalesce(%s, false) OR (%s)'
		' ORDER BY transaction_date DESC, CASE WHEN is_return AND total_amount > 0 THEN -total_amount ELSE total_amount END DESC',
		$1, $2)
$body$;
COMMENT ON FUNCTION rfmseg._same_id(text, text) IS
'Internal: the window of lines that have one id, the one that counts first.';

CREATE FUNCTION rfmseg._create_clean_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	raw text := quote_ident(deployment || '_raw');
	zone text;
	currency text;
	repeated text;
BEGIN
	EXECUTE format('SELECT time_zone, currency FROM %s.settings', home) INTO zone, currency;
	SELECT name INTO repeated FROM rfmseg._expected(deployment, 'transactions') WHERE is_unique AND action = 'drop' AND NOT is_skipped;

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.customers_clean WITH (security_invoker = true) AS
	SELECT DISTINCT ON (customer_id)
		customer_id, age,
		CASE WHEN age < 18 THEN 'Under 18' WHEN age < 25 THEN 'Young Adult' WHEN age < 35 THEN 'Emerging Professional'
			WHEN age < 50 THEN 'Established Professionals' WHEN age <= 65 THEN 'Mature Adults'
			WHEN age > 65 THEN 'Seniors' END AS age_bracket,
		gender, income_bracket, city, state, latitude, longitude, signup_date, preferred_channel, marketing_consent
	FROM %2$s.customers AS source
	WHERE customer_id IS NOT NULL AND %3$s AND %4$s
	ORDER BY customer_id, signup_date, age, gender, income_bracket, city, state, latitude, longitude, preferred_channel, marketing_consent
	$view$, home, raw, rfmseg._kept_condition(deployment, 'customers'), rfmseg._remembered(deployment, 'customers'));
	PERFORM rfmseg._comment(home || '.customers_clean', rfmseg._landing_descriptions('customers') || $json${
		"": "Customers, one row each, without names and contacts, and without those that an expectation drops or that were forgotten.",
		"age_bracket": "Under 18; Young Adult 18-24; Emerging Professional 25-34; Established Professionals 35-49; Mature Adults 50-65; Seniors."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.products WITH (security_invoker = true) AS
	SELECT DISTINCT ON (product_id)
		product_id, product_name, category, price, cost, brand, is_seasonal, price - cost AS profit_margin
	FROM %2$s.products AS source
	WHERE product_id IS NOT NULL AND %3$s
	ORDER BY product_id, product_name, category, price, cost, brand, is_seasonal
	$view$, home, raw, rfmseg._kept_condition(deployment, 'products'));
	PERFORM rfmseg._comment(home || '.products', rfmseg._landing_descriptions('products') || $json${
		"": "Products, one row each, with an id, without those that an expectation drops.",
		"profit_margin": "price - cost."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.transaction_lines WITH (security_invoker = true) AS
	SELECT transaction_id, order_id, customer_id, transaction_date,
		(transaction_date AT TIME ZONE %3$L)::date AS transaction_day,
		product_id, quantity, category, per_unit_cost, per_unit_msrp, total_cost, pre_discount_amount, discount_amount,
		CASE WHEN is_return AND total_amount > 0 THEN -total_amount ELSE total_amount END AS total_amount,
		channel, is_return, currency,
		CASE WHEN transaction_date IS NULL THEN 'no date'
			WHEN total_amount IS NULL THEN 'no amount'
			WHEN total_amount < 0 AND NOT is_return THEN 'negative, not a return'
			WHEN broken <> '{}' THEN 'breaks ' || array_to_string(broken, ', ')
			%6$s END AS problem
	FROM (
		SELECT t.transaction_id, t.order_id, t.customer_id, t.transaction_date, t.product_id, t.quantity,
			coalesce(t.category, p.category) AS category, t.per_unit_cost, t.per_unit_msrp, t.total_cost,
			t.pre_discount_amount, t.discount_amount, t.total_amount, t.channel,
			coalesce(t.is_return, t.total_amount < 0) AS is_return, coalesce(t.currency, %4$L) AS currency, t.broken
		FROM (SELECT transaction_id, order_id, customer_id, transaction_date, product_id, quantity, category,
			per_unit_cost, per_unit_msrp, total_cost, pre_discount_amount, discount_amount, total_amount, channel, is_return, currency,
			%7$s AS broken FROM %2$s.transactions AS source WHERE %8$s) AS t LEFT JOIN %1$s.products p ON %5$s
	) AS line
	$view$, home, raw, zone, currency, rfmseg._product_key(deployment),
		CASE WHEN repeated IS NOT NULL THEN format('WHEN transaction_id IS NOT NULL AND row_number() OVER (%s) > 1 THEN %L',
			rfmseg._same_id('total_amount < 0 AND NOT is_return', 'broken <> ''{}'''), 'breaks ' || repeated) END,
		rfmseg._broken_names(deployment, 'transactions'), rfmseg._remembered(deployment, 'transactions'));
	PERFORM rfmseg._comment(home || '.transaction_lines', rfmseg._landing_descriptions('transactions') || $json${
		"": "All lines of the source, those left out of the segments with the reason; but for those of customers who were forgotten.",
		"transaction_day": "Local date of transaction_date, in the deployment's zone.",
		"category": "The line's category, or else its product's.",
		"total_amount": "What the customer paid; of a return, negative.",
		"is_return": "Whether the line is a return.",
		"problem": "Why the line is left out; NULL if it is not."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.transactions WITH (security_invoker = true) AS
	SELECT transaction_id, order_id, customer_id, transaction_date, transaction_day, product_id, quantity, category,
		per_unit_cost, per_unit_msrp, total_cost, pre_discount_amount, discount_amount, total_amount, channel, is_return, currency,
		extract(year FROM transaction_day)::int AS transaction_year,
		extract(month FROM transaction_day)::int AS transaction_month,
		extract(dow FROM transaction_day)::int + 1 AS day_of_week,
		(extract(dow FROM transaction_day) IN (0, 6))::int AS is_weekend
	FROM %1$s.transaction_lines
	WHERE problem IS NULL AND customer_id IS NOT NULL
	$view$, home);
	PERFORM rfmseg._comment(home || '.transactions', rfmseg._landing_descriptions('transactions') || $json${
		"": "Clean lines of known customers.",
		"transaction_day": "Local date of transaction_date, in the deployment's zone.",
		"total_amount": "What the customer paid; of a return, negative.",
		"is_return": "Whether the line is a return.",
		"transaction_year": "Year of transaction_day.",
		"transaction_month": "Month of transaction_day.",
		"day_of_week": "1 is Sunday.",
		"is_weekend": "1 on Saturday and Sunday, else 0."
	}$json$);
	PERFORM rfmseg._create_contact_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_clean_views(text) IS 'Internal: makes the clean views of a deployment by its settings and sources.';
-------------------------------------------------------------------------------
-- How the expectations fare in a run
-------------------------------------------------------------------------------
-- Results are handed on as jsonb, an array of objects with the columns of
-- expectation_results: what a run that fails had written is rolled back, and
-- they go on record all the same.

CREATE FUNCTION rfmseg._result(dataset text, name text, predicate text, action text, is_skipped boolean,
	broken_rows bigint, checked_rows bigint, amount numeric)
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT jsonb_build_object('dataset', dataset, 'name', name, 'predicate', predicate, 'action', action,
		'status', CASE WHEN is_skipped THEN 'skipped' WHEN broken_rows = 0 THEN 'passed'
			ELSE CASE action WHEN 'warn' THEN 'warned' WHEN 'drop' THEN 'dropped' ELSE 'failed' END END)
		|| CASE WHEN is_skipped THEN '{}' ELSE jsonb_build_object('broken_rows', broken_rows, 'checked_rows', checked_rows, 'amount', amount) END
$body$;
COMMENT ON FUNCTION rfmseg._result(text, text, text, text, boolean, bigint, bigint, numeric) IS
'Internal: the result of one expectation.';

CREATE FUNCTION rfmseg._blame(deployment text, dataset text, cause text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	failure text;
	state text;
BEGIN
	-- not where the server lacks something, or was told to stop
	IF left(cause, 2) IN ('40', '53', '54', '55', '57', '58', 'XX') THEN
		RETURN;
	END IF;
	FOR item IN SELECT * FROM rfmseg._expected(deployment, dataset) WHERE rule IS NOT NULL LOOP
		BEGIN
			EXECUTE format(E'SELECT count(*) FILTER (WHERE (%s\n) IS FALSE) FROM %I.%I AS source', item.predicate, deployment || '_raw', dataset);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
			RAISE EXCEPTION USING ERRCODE = state,
				MESSAGE = format('expectation "%s" of %s cannot be told of every row: %s', item.name, dataset, failure),
				DETAIL = format('It is: %s.', item.predicate),
				HINT = 'Let it be NULL where it has no answer, as nullif and CASE can.';
		END;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._blame(text, text, text) IS
'Internal: after an error, another that names the expectation which raises it on some row; nothing if none does.';

CREATE FUNCTION rfmseg._check_dataset(deployment text, dataset text)
RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	key text := rfmseg._dataset_key(dataset);
	kept text := rfmseg._kept_condition(deployment, dataset);
	counts text;
	rows bigint;
	broken bigint[];
BEGIN
	-- one scan for all of them
	SELECT string_agg(CASE WHEN is_skipped THEN 'NULL'
			WHEN is_unique THEN format(E'count(%1$s) FILTER (WHERE %2$s) - count(DISTINCT %1$s) FILTER (WHERE %2$s)', key, kept)
			ELSE format(E'count(*) FILTER (WHERE (%s\n) IS FALSE)', predicate) END, ', ' ORDER BY name COLLATE "C")
	INTO counts FROM rfmseg._expected(deployment, dataset);
	IF counts IS NULL THEN
		RETURN '[]';
	END IF;
	BEGIN
		EXECUTE format('SELECT count(*), ARRAY[%s]::bigint[] FROM %I.%I AS source WHERE %s', counts, deployment || '_raw', dataset,
			rfmseg._remembered(deployment, dataset)) INTO rows, broken;
	EXCEPTION WHEN OTHERS THEN
		PERFORM rfmseg._blame(deployment, dataset, SQLSTATE);
		RAISE;
	END;
	RETURN (
		SELECT jsonb_agg(rfmseg._result(dataset, name, predicate, action, is_skipped, broken[place], rows, NULL) ORDER BY place)
		FROM (SELECT *, row_number() OVER (ORDER BY name COLLATE "C") AS place FROM rfmseg._expected(deployment, dataset)) AS e);
END
$body$;
COMMENT ON FUNCTION rfmseg._check_dataset(text, text) IS 'Internal: how the expectations of customers or products fare, in one scan.';

CREATE FUNCTION rfmseg._check_lines(deployment text, totals jsonb)
RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT coalesce(jsonb_agg(rfmseg._result('transactions', name, predicate, action, is_skipped,
		coalesce((found ->> 'rows')::bigint, 0), (totals -> 'source' ->> 'rows')::bigint - coalesce((totals -> 'forgotten' ->> 'rows')::bigint, 0), coalesce((found ->> 'amount')::numeric, 0))
		ORDER BY name COLLATE "C"), '[]')
	FROM (SELECT *, CASE WHEN is_unique THEN totals -> 'repeated' ELSE totals -> 'broken' -> rule END AS found
		FROM rfmseg._expected(deployment, 'transactions')) AS e
$body$;
COMMENT ON FUNCTION rfmseg._check_lines(text, jsonb) IS
'Internal: how the expectations of transactions fared, by what summarize_customers says of all lines.';

CREATE FUNCTION rfmseg._put_results(deployment text, run int, results jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format($insert$
		INSERT INTO %I.expectation_results (run_id, place, dataset, name, predicate, action, status, broken_rows, checked_rows, amount)
		SELECT $1, 100 + place, r.* FROM jsonb_array_elements($2) WITH ORDINALITY AS e (result, place),
			jsonb_to_record(result) AS r (dataset text, name text, predicate text, action text, status text,
				broken_rows bigint, checked_rows bigint, amount numeric)$insert$, deployment || '_core')
	USING run, results;
EXCEPTION WHEN undefined_table OR foreign_key_violation THEN
	NULL;	-- undeployed meanwhile
END
$body$;
COMMENT ON FUNCTION rfmseg._put_results(text, int, jsonb) IS 'Internal: puts the results of a run''s expectations on record.';

CREATE FUNCTION rfmseg._example_key(deployment text, dataset text, predicate text)
RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	key text := rfmseg._dataset_key(dataset);
	example text;
BEGIN
	EXECUTE format(CASE WHEN predicate LIKE 'UNIQUE (%'
			THEN 'SELECT %1$I::text FROM %2$I.%3$I AS source WHERE %1$I IS NOT NULL AND %6$s GROUP BY %5$s %1$I HAVING count(*) > 1 ORDER BY %1$I LIMIT 1'
			ELSE E'SELECT %1$I::text FROM %2$I.%3$I AS source WHERE (%4$s\n) IS FALSE AND %1$I IS NOT NULL AND %6$s ORDER BY %1$I LIMIT 1' END,
		key, deployment || '_raw', dataset, predicate, CASE dataset WHEN 'transactions' THEN 'customer_id,' ELSE '' END, rfmseg._remembered(deployment, dataset))
	INTO example;
	RETURN example;
END
$body$;
COMMENT ON FUNCTION rfmseg._example_key(text, text, text) IS 'Internal: the least key of the rows that break an expectation.';

CREATE FUNCTION rfmseg._judge(deployment text, results jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	item record;
	what text;
	example text;
BEGIN
	FOR item IN
		SELECT r.* FROM jsonb_array_elements(results) WITH ORDINALITY AS e (result, place),
			jsonb_to_record(result) AS r (dataset text, name text, predicate text, status text, broken_rows bigint, checked_rows bigint)
		WHERE status IN ('warned', 'dropped', 'failed') ORDER BY status = 'failed', place
	LOOP
		what := format('expectation "%s" of %s: broken by %s of %s rows', item.name, item.dataset, item.broken_rows, item.checked_rows);
		IF item.status = 'failed' THEN
			example := rfmseg._example_key(deployment, item.dataset, item.predicate);
			RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = what,
				DETAIL = format('Expected is %s.', item.predicate)
					|| coalesce(format(' An example is the row whose %s is %s.', rfmseg._dataset_key(item.dataset), example), ''),
				HINT = format('Mend the rows, or let rfmseg.expect(%L, %L, %L, ...) warn or drop.',
					deployment, item.dataset, item.name);
		END IF;
		RAISE NOTICE '%: % (%)', deployment, what, item.status;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._judge(text, jsonb) IS
'Internal: a notice for each expectation that is broken, and an error for the first of those that fail.';
-------------------------------------------------------------------------------
-- Runs: what was done, with which settings, and how it ended
-------------------------------------------------------------------------------

CREATE PROCEDURE rfmseg._may_commit(INOUT allowed boolean)
LANGUAGE C AS 'MODULE_PATHNAME', 'rfmseg_may_commit';
COMMENT ON PROCEDURE rfmseg._may_commit(boolean) IS
'Internal: whether the procedure that calls it may COMMIT; not within BEGIN ... COMMIT, nor as one of several statements sent at once.';

CREATE FUNCTION rfmseg._is_past_all(xid8, regclass)
RETURNS boolean AS 'MODULE_PATHNAME', 'rfmseg_is_past_all'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION rfmseg._is_past_all(xid8, regclass) IS
'Internal: whether all snapshots that may read the table see how that transaction ended, so that rows it replaced can go.';

CREATE FUNCTION rfmseg._create_runs(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %1$s.runs (
		run_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
		kind text NOT NULL DEFAULT 'refresh',
		status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed', 'interrupted')),
		is_current boolean NOT NULL DEFAULT false,
		requested_by name NOT NULL DEFAULT session_user,
		extension_version text NOT NULL,
		pid int NOT NULL DEFAULT pg_backend_pid(),
		started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		finished_at timestamptz,
		duration interval GENERATED ALWAYS AS (finished_at - started_at) STORED,
		as_of timestamptz,
		as_of_mode text,
		events_until timestamptz,
		settings jsonb,
		ruleset text,
		bins int,
		currency text,
		r_closed text,
		f_closed text,
		m_closed text,
		cut_version int,
		r_cuts float8[],
		f_cuts float8[],
		m_cuts float8[],
		fresh_r_cuts float8[],
		fresh_f_cuts float8[],
		fresh_m_cuts float8[],
		cut_drift numeric,
		empty_scores text[],
		cluster_version int,
		lifetime_version int,
		lifetime_method text,
		lifetime_fit jsonb,
		source_rows bigint,
		last_purchase_at timestamptz,
		customers bigint,
		purchases bigint,
		total_revenue numeric,
		data_fingerprint text,
		error_code text,
		error_message text,
		error_hint text,
		superseded_by xid8
	)$ddl$, home);
	EXECUTE format('CREATE UNIQUE INDEX runs_current ON %s.runs (is_current) WHERE is_current', home);
	PERFORM rfmseg._comment(home || '.runs', jsonb_build_object(
		'', 'One row for each refresh, failed ones too.',
		'run_id', 'Number of the run.',
		'kind', 'refresh.',
		'status', 'running, succeeded, failed (see error_code) or interrupted (its session ended).',
		'is_current', 'Whether the published segments are this run''s.',
		'requested_by', 'Login of the caller.',
		'extension_version', 'Version of rfmseg.',
		'pid', 'Server process.',
		'started_at', 'When it began.',
		'finished_at', 'When its result was ready to publish.',
		'duration', 'finished_at - started_at.',
		'as_of', 'The instant from which recency counts.',
		'as_of_mode', 'data, clock, or given: by the caller.',
		'events_until', 'Later events do not count yet.',
		'settings', 'All settings of the run.',
		'ruleset', 'The ruleset applied.',
		'bins', 'Scores per dimension.',
		'currency', 'Currency of all money of the run.',
		'r_closed', 'Which interval a recency equal to a cut point belongs to.',
		'f_closed', 'The same for frequency.',
		'm_closed', 'The same for monetary value.',
		'cut_version', 'Version of the cut points applied: see cut_points.',
		'r_cuts', 'Cut points of recency applied, days.',
		'f_cuts', 'Cut points of frequency applied, purchases.',
		'm_cuts', 'Cut points of monetary value applied.',
		'fresh_r_cuts', 'What the cut points of recency would be, made anew from this run''s customers.',
		'fresh_f_cuts', 'The same for frequency.',
		'fresh_m_cuts', 'The same for monetary value.',
		'cut_drift', 'Share of customers whose scores would differ with fresh cut points, 0 to 1.',
		'empty_scores', 'Scores that no customer has, such as f2: ties make cut points coincide.',
		'cluster_version', 'Version of the clusters applied, if any: see model_versions.',
		'lifetime_version', 'Version of the lifetime models applied: see model_versions; NULL if the run fitted its own.',
		'lifetime_method', 'How lifetime values were computed: the model of purchases to come, then that of their value; NULL if they were not, see problem in lifetime_fit.',
		'lifetime_fit', 'The lifetime models, or why there are none.',
		'source_rows', 'Rows of the source.',
		'last_purchase_at', 'Last purchase in the source up to the start of the run.',
		'customers', 'Customers segmented.',
		'purchases', 'Their purchases.',
		'total_revenue', 'Sum of their monetary value.',
		'data_fingerprint', 'Digest of the events that counted: equal for equal data, whatever its order.',
		'error_code', 'SQLSTATE of the error that ended the run.',
		'error_message', 'Its message; not published, as it may quote the source.',
		'error_hint', 'Its hint.',
		'superseded_by', 'Transaction that made another run current.'));

	EXECUTE format($ddl$
	CREATE TABLE %1$s.cut_points (
		version int PRIMARY KEY,
		run_id int NOT NULL REFERENCES %1$s.runs,
		cut_mode text NOT NULL,
		r_cuts float8[] NOT NULL,
		f_cuts float8[] NOT NULL,
		m_cuts float8[] NOT NULL
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.cut_points', jsonb_build_object(
		'', 'Every version of the cut points.', 'version', 'Counted from 1.', 'run_id', 'The run that made it.',
		'cut_mode', 'frozen, refresh or own.', 'r_cuts', 'Of recency, days.', 'f_cuts', 'Of frequency, purchases.', 'm_cuts', 'Of monetary value.'));

	EXECUTE format($ddl$
	CREATE TABLE %1$s.run_segments (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		segment_name text,
		segment_order int NOT NULL,
		segment_color text NOT NULL,
		customer_count bigint,
		total_revenue numeric,
		avg_days_since_purchase numeric,
		avg_transaction_frequency numeric,
		avg_total_spent numeric,
		avg_order_value numeric,
		avg_frequency numeric,
		median_order_value numeric,
		median_frequency float8,
		median_monetary numeric,
		median_recency_days float8,
		avg_category_diversity numeric,
		avg_discount_usage numeric,
		avg_monthly_frequency numeric,
		weekend_shopping_rate numeric,
		top_category text,
		avg_category_shares jsonb,
		most_common_age text,
		most_common_income text,
		preferred_channel text,
		avg_p_alive numeric,
		expected_purchases_12m numeric,
		avg_clv_12m numeric,
		median_clv_12m numeric,
		total_clv_12m numeric,
		naive_annual_value numeric,
		total_naive_annual_value numeric,
		segment_percentage numeric,
		revenue_percentage numeric,
		PRIMARY KEY (run_id, segment_name)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.run_segments', rfmseg._published_descriptions() || rfmseg._lifetime_descriptions()
		|| '{"": "Profile of each segment in each run, as it was then; figures of fewer customers than min_cell_size are left out."}');

	EXECUTE format($ddl$
	CREATE TABLE %1$s.run_checks (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		place int,
		check_name text NOT NULL,
		amount numeric,
		row_count bigint,
		note text NOT NULL,
		PRIMARY KEY (run_id, place)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.run_checks', jsonb_build_object(
		'', 'What became of the source''s rows and money in each run.', 'run_id', 'The run.', 'place', 'Order of the checks.',
		'check_name', 'The check.', 'amount', 'Money.', 'row_count', 'Rows.', 'note', 'What it means.'));

	-- What the per-customer views show of the current run, apart from its totals:
	-- a role with a row filter reads these tables, and none of those above.
	EXECUTE format($ddl$
	CREATE TABLE %1$s.current_run (
		run_id int PRIMARY KEY REFERENCES %1$s.runs,
		as_of timestamptz NOT NULL,
		refreshed_at timestamptz NOT NULL,
		ruleset text NOT NULL,
		bins int NOT NULL,
		currency text NOT NULL,
		r_closed text NOT NULL,
		f_closed text NOT NULL,
		m_closed text NOT NULL,
		r_cuts float8[] NOT NULL,
		f_cuts float8[] NOT NULL,
		m_cuts float8[] NOT NULL,
		cluster_version int,
		lifetime_version int,
		lifetime_method text,
		discount_rate numeric NOT NULL,
		margin_rate numeric,
		min_cell_size int NOT NULL,
		last_month date NOT NULL
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.current_run', rfmseg._run_descriptions(home) || rfmseg._lifetime_descriptions()
		|| '{"": "The run whose segments are published.", "min_cell_size": "Figures of fewer customers are left out.",
			"last_month": "First day of the last month that had begun before as_of, or in which somebody bought at that very instant; in the deployment''s zone."}');
	EXECUTE format($ddl$
	CREATE TABLE %1$s.current_segments (
		segment_name text PRIMARY KEY,
		segment_order int NOT NULL,
		segment_color text NOT NULL
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.current_segments', rfmseg._published_descriptions()
		|| '{"": "The segments of the run whose segments are published, those without customers too."}');

	EXECUTE format($ddl$
	CREATE TABLE %1$s.expectation_results (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		place int,
		dataset text NOT NULL,
		name text NOT NULL,
		predicate text NOT NULL,
		action text NOT NULL,
		status text NOT NULL CHECK (status IN ('passed', 'warned', 'dropped', 'failed', 'skipped')),
		broken_rows bigint,
		checked_rows bigint,
		amount numeric,
		PRIMARY KEY (run_id, dataset, name),
		UNIQUE (run_id, place)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.expectation_results', jsonb_build_object(
		'', 'How the expectations fared in each run.', 'run_id', 'The run.', 'place', 'Order of the expectations, from 101.',
		'dataset', 'customers, products or transactions.', 'name', 'Name of the expectation.',
		'predicate', 'Its predicate in that run.', 'action', 'Its action in that run.',
		'status', 'passed; warned, dropped, failed: rows broke it, and that became of them; skipped: not checked, as a column is not mapped.',
		'broken_rows', 'Rows that broke it; NULL if it was skipped.', 'checked_rows', 'Rows of the data set; NULL if it was skipped.',
		'amount', 'Money of the broken rows, of transactions.'));

	PERFORM rfmseg._create_run_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_runs(text) IS 'Internal: makes the tables of a deployment''s runs.';

CREATE FUNCTION rfmseg._run_descriptions(home text)
RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT jsonb_object_agg(attname, col_description(attrelid, attnum)) || '{"refreshed_at": "When its result was ready to publish."}'
	FROM pg_attribute WHERE attrelid = (home || '.runs')::regclass AND attnum > 0 AND NOT attisdropped
$body$;
COMMENT ON FUNCTION rfmseg._run_descriptions(text) IS 'Internal: what the columns of a deployment''s runs say, by name.';

CREATE FUNCTION rfmseg._create_run_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
BEGIN
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.runs WITH (security_invoker = true) AS
	SELECT run_id, kind, status, is_current, requested_by, started_at, duration, as_of, as_of_mode, finished_at AS refreshed_at,
		ruleset, bins, currency, cut_version, r_cuts, f_cuts, m_cuts, fresh_r_cuts, fresh_f_cuts, fresh_m_cuts, cut_drift, empty_scores, cluster_version,
		lifetime_version, lifetime_method, lifetime_fit, source_rows, last_purchase_at, customers, purchases, total_revenue, data_fingerprint, extension_version, settings, error_code
	FROM %1$s.runs
	$view$, home, shown);
	PERFORM rfmseg._comment(shown || '.runs', rfmseg._run_descriptions(home)
		|| '{"": "One row for each refresh, failed ones too."}');

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.data_quality WITH (security_invoker = true) AS
	SELECT r.run_id, r.as_of, r.finished_at AS refreshed_at, c.place AS check_order, c.check_name, c.amount, r.currency, c.row_count, c.note,
		(r.started_at AT TIME ZONE (r.settings ->> 'time_zone'))::date - (r.last_purchase_at AT TIME ZONE (r.settings ->> 'time_zone'))::date AS data_age_days,
		c.dataset, c.expectation, c.action, c.status, c.checked_rows
	FROM (
		SELECT run_id, place, check_name, amount, row_count, note, NULL::text AS dataset, NULL::text AS expectation, NULL::text AS action,
			NULL::text AS status, NULL::bigint AS checked_rows
		FROM %1$s.run_checks
	UNION ALL
		SELECT run_id, place, 'expectation ' || dataset || '.' || name, amount, broken_rows,
			CASE status WHEN 'passed' THEN 'No row breaks it.'
				WHEN 'warned' THEN 'Rows that break it; nothing else comes of it.'
				WHEN 'dropped' THEN 'Rows that break it; left out.'
				WHEN 'failed' THEN 'Rows that break it; the refresh stopped.'
				ELSE 'Not checked: a column of it is not mapped.' END,
			dataset, name, action, status, checked_rows
		FROM %1$s.expectation_results
	) AS c JOIN %1$s.runs r USING (run_id)
	$view$, home, shown);
	PERFORM rfmseg._comment(shown || '.data_quality', $json${
		"": "What became of the source's rows and money, and how the expectations fared: one row a check and run. Lines 2 to 11 add up to the source, to the penny; line 12 is what they do not. From 101 on, a line is an expectation.",
		"run_id": "The run.", "as_of": "The instant from which recency counts.", "refreshed_at": "When the run's result was ready to publish.",
		"check_order": "Order of the checks.", "check_name": "The check.", "amount": "Money.", "currency": "Its currency.",
		"row_count": "Rows; of an expectation, those that broke it.", "note": "What it means.",
		"data_age_days": "Days from the last purchase in the source to the run, by local date.",
		"dataset": "Of an expectation: customers, products or transactions; else NULL.", "expectation": "Its name.",
		"action": "What becomes of rows that break it: warn, drop or fail.",
		"status": "passed, warned, dropped, failed, or skipped where a column of it is not mapped.",
		"checked_rows": "Rows of its data set."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.segment_trend WITH (security_invoker = true) AS
	SELECT r.run_id, r.as_of, r.refreshed_at, s.segment_name, s.segment_order, s.segment_color, s.customer_count, s.total_revenue, r.currency
	FROM (SELECT DISTINCT ON (as_of) run_id, as_of, finished_at AS refreshed_at, currency
		FROM %1$s.runs WHERE status = 'succeeded' ORDER BY as_of, run_id DESC) r
	JOIN %1$s.run_segments s USING (run_id)
	$view$, home, shown);
	PERFORM rfmseg._comment(shown || '.segment_trend', $json${
		"": "Size of the segments over time: one row a segment and as_of, of its last run.",
		"run_id": "The run.", "as_of": "The instant from which recency counts.", "refreshed_at": "When the run's result was ready to publish.",
		"segment_name": "The segment.", "segment_order": "Its place in tables.", "segment_color": "Its colour in charts.",
		"customer_count": "Customers in it.", "total_revenue": "Sum of their monetary value.", "currency": "Its currency."
	}$json$);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_run_views(text) IS 'Internal: makes the views of a deployment''s runs.';
-------------------------------------------------------------------------------
-- The model registry: what was fitted, to what, how well, and which one is used
-------------------------------------------------------------------------------
-- A training run that succeeds makes a version of a model; an alias such as
-- champion points to a version.  Versions are never changed.

CREATE FUNCTION rfmseg._create_models(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %1$s.model_runs (
		run_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
		model text NOT NULL,
		status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed', 'interrupted')),
		requested_by name NOT NULL DEFAULT session_user,
		extension_version text NOT NULL,
		pid int NOT NULL DEFAULT pg_backend_pid(),
		started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		finished_at timestamptz,
		duration interval GENERATED ALWAYS AS (finished_at - started_at) STORED,
		parameters jsonb NOT NULL,
		seed bigint,
		refresh_run_id int REFERENCES %1$s.runs,
		as_of timestamptz,
		dataset_query text,
		dataset_rows bigint,
		dataset_digest text,
		version int,
		error_code text,
		error_message text,
		error_hint text
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.model_runs', jsonb_build_object(
		'', 'One row for each training of a model, failed ones too.',
		'run_id', 'Number of the training run.',
		'model', 'What was trained: clusters, or lifetime.',
		'status', 'running, succeeded, failed (see error_code) or interrupted (its session ended).',
		'requested_by', 'Login of the caller.',
		'extension_version', 'Version of rfmseg.',
		'pid', 'Server process.',
		'started_at', 'When it began.',
		'finished_at', 'When it ended.',
		'duration', 'finished_at - started_at.',
		'parameters', 'What was asked for, and what was made of it.',
		'seed', 'Seed of the random numbers.',
		'refresh_run_id', 'The refresh whose customers it was trained on: see runs.',
		'as_of', 'The as_of of that refresh.',
		'dataset_query', 'The query of the data; its table is gone once a later refresh has replaced it.',
		'dataset_rows', 'Rows of it.',
		'dataset_digest', 'Digest of them: equal for equal rows, whatever their order.',
		'version', 'The version that was made.',
		'error_code', 'SQLSTATE of the error that ended the run.',
		'error_message', 'Its message.',
		'error_hint', 'Its hint.'));

	EXECUTE format($ddl$
	CREATE TABLE %1$s.model_metrics (
		run_id int REFERENCES %1$s.model_runs ON DELETE CASCADE,
		metric text,
		step int DEFAULT 0,
		value float8 NOT NULL,
		PRIMARY KEY (run_id, metric, step)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.model_metrics', jsonb_build_object(
		'', 'What was measured in each training run.', 'run_id', 'The training run.',
		'metric', 'Of clusters: inertia, explained_variance, calinski_harabasz, simplified_silhouette, iterations, of the version; the same with _by_k: of each number of clusters tried; inertia_by_iteration. Of lifetime: log_likelihood, iterations, gradient_norm of the models of purchases and value.',
		'step', 'The number of clusters, or of the iteration; 0 where there is but one value.', 'value', 'The value.'));

	EXECUTE format($ddl$
	CREATE TABLE %1$s.model_versions (
		model text,
		version int,
		run_id int NOT NULL REFERENCES %1$s.model_runs,
		created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		features text[] NOT NULL,
		transforms text[] NOT NULL,
		fitted jsonb NOT NULL,
		cluster_names text[],
		PRIMARY KEY (model, version)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.model_versions', jsonb_build_object(
		'', 'The models that were made. A version is never changed.',
		'model', 'What it is: clusters, or lifetime.', 'version', 'Counted from 1.', 'run_id', 'The training run that made it.',
		'created_at', 'When.', 'features', 'Columns of the per-customer table that it takes.',
		'transforms', 'What is done to each first: none, or signed_log, sign(x) * ln(1 + |x|).',
		'fitted', 'The model. Of clusters it casts to rfmseg.kmeans_model; of lifetime, purchases and value cast to the types named after model, and to rfmseg.gamma_gamma_model.',
		'cluster_names', 'Names of the clusters, by number; of clusters alone.'));

	EXECUTE format($ddl$
	CREATE TABLE %1$s.model_promotions (
		promotion_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
		model text NOT NULL,
		alias text NOT NULL,
		version int,
		promoted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		promoted_by name NOT NULL DEFAULT session_user,
		FOREIGN KEY (model, version) REFERENCES %1$s.model_versions
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.model_promotions', jsonb_build_object(
		'', 'Which version an alias was given to, and when: the last row of an alias is in force.',
		'promotion_id', 'Counted.', 'model', 'The model.', 'alias', 'champion: the version that refreshes apply.',
		'version', 'The version; NULL: none from then on.', 'promoted_at', 'When.', 'promoted_by', 'Login of who said so.'));

	EXECUTE format($ddl$
	CREATE TABLE %1$s.run_clusters (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		cluster_id int,
		cluster_name text NOT NULL,
		customer_count bigint,
		total_revenue numeric,
		avg_recency_days numeric,
		avg_frequency numeric,
		avg_monetary numeric,
		avg_order_value numeric,
		median_recency_days float8,
		median_frequency float8,
		median_monetary numeric,
		median_order_value numeric,
		most_common_segment text,
		top_category text,
		customer_percentage numeric,
		revenue_percentage numeric,
		PRIMARY KEY (run_id, cluster_id)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.run_clusters', rfmseg._cluster_descriptions()
		|| '{"": "Profile of each cluster in each run, as it was then; figures of fewer customers than min_cell_size are left out."}');

	PERFORM rfmseg._create_model_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_models(text) IS 'Internal: makes the tables of a deployment''s model registry.';

CREATE FUNCTION rfmseg._cluster_descriptions()
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT $json${
		"run_id": "The run that wrote the row.",
		"as_of": "The instant from which recency counts.",
		"refreshed_at": "When the clusters were assigned.",
		"cluster_id": "Number of the cluster.",
		"cluster_name": "Its name.",
		"customer_count": "Customers in it.",
		"size": "Customers in it.",
		"customer_percentage": "Share of the customers that are in a cluster, per cent.",
		"total_revenue": "Sum of their monetary value.",
		"revenue_percentage": "Share of the revenue of customers that are in a cluster, per cent.",
		"currency": "Currency of the money.",
		"avg_recency_days": "Mean recency in days.", "median_recency_days": "Median recency in days.",
		"avg_frequency": "Mean number of purchases.", "median_frequency": "Median number of purchases.",
		"avg_monetary": "Mean monetary value.", "median_monetary": "Median monetary value.",
		"avg_order_value": "Mean over customers of money per purchase.", "median_order_value": "Median of money per purchase.",
		"most_common_segment": "Segment that most of its customers are in.",
		"top_category": "Most common top category.",
		"version": "Version of the model: see model_versions.",
		"k": "Number of clusters tried.",
		"inertia": "Squared distances from the nearest centre, added up, in the space clustered, of standardised features if they were: the less, the tighter the clusters.",
		"silhouette": "Simplified silhouette, -1 to 1: the greater, the better the clusters are parted; NULL for one cluster, or if training did not ask for it.",
		"chosen": "Whether the model in use has this number of clusters."
	}$json$::jsonb
$body$;
COMMENT ON FUNCTION rfmseg._cluster_descriptions() IS 'Internal: what the columns of cluster relations say, by name.';

CREATE FUNCTION rfmseg._create_model_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
BEGIN
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.champions WITH (security_invoker = true) AS
	SELECT v.model, v.version, v.run_id, p.promoted_at, p.promoted_by, v.features, v.transforms, v.fitted, v.cluster_names
	FROM (SELECT DISTINCT ON (model) * FROM %1$s.model_promotions WHERE alias = 'champion' ORDER BY model, promotion_id DESC) p
	JOIN %1$s.model_versions v USING (model, version)
	$view$, home);
	PERFORM rfmseg._comment(home || '.champions', (
		SELECT jsonb_object_agg(attname, col_description(attrelid, attnum)) FROM pg_attribute
		WHERE attrelid IN ((home || '.model_versions')::regclass, (home || '.model_promotions')::regclass) AND attnum > 0 AND NOT attisdropped)
		|| '{"": "The version of each model that refreshes apply."}');

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.cluster_profiles WITH (security_invoker = true) AS
	SELECT c.cluster_id, c.cluster_name, r.as_of, r.refreshed_at, c.customer_count AS size,
		c.customer_percentage, round(c.total_revenue, 2) AS total_revenue, c.revenue_percentage,
		r.currency,
		c.median_recency_days, c.median_frequency, c.median_monetary, c.median_order_value,
		c.avg_recency_days, c.avg_frequency, c.avg_monetary, c.avg_order_value,
		c.most_common_segment, c.top_category, r.cluster_version AS version
	FROM %1$s.current_run r JOIN %1$s.run_clusters c USING (run_id)
	$view$, home, shown);
	PERFORM rfmseg._comment(shown || '.cluster_profiles', rfmseg._cluster_descriptions()
		|| '{"": "One row a cluster: size, worth, and medians and means of its customers; no rows if the current run applied no model."}');

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.cluster_elbow WITH (security_invoker = true) AS
	SELECT i.step AS k, r.as_of, r.refreshed_at, i.value AS inertia, s.value AS silhouette,
		i.step = (v.fitted ->> 'k')::int AS chosen, r.cluster_version AS version
	FROM %1$s.current_run r
	JOIN %1$s.model_versions v ON v.model = 'clusters' AND v.version = r.cluster_version
	JOIN %1$s.model_metrics i ON i.run_id = v.run_id AND i.metric = 'inertia_by_k'
	LEFT JOIN %1$s.model_metrics s ON s.run_id = v.run_id AND s.metric = 'simplified_silhouette_by_k' AND s.step = i.step
	$view$, home, shown);
	PERFORM rfmseg._comment(shown || '.cluster_elbow', rfmseg._cluster_descriptions()
		|| '{"": "How many clusters were tried when the model in use was trained, and how well each number fits; one row if training was given k."}');
END
$body$;
COMMENT ON FUNCTION rfmseg._create_model_views(text) IS 'Internal: makes the views of a deployment''s models.';

CREATE FUNCTION rfmseg.promote(deployment text, version int, model text DEFAULT 'clusters')
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	made record;
	champion int;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('SELECT string_agg(v.version::text, '', '' ORDER BY v.version) AS all_of_them, bool_or(v.version = $2) AS this_one'
		' FROM %s.model_versions v WHERE v.model = $1', home) INTO made USING model, version;
	IF made.this_one IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('model "%s" has no version %s', model, coalesce(version::text, 'NULL')),
			HINT = coalesce('Its versions are ' || made.all_of_them || '.', format(CASE model
				WHEN 'clusters' THEN 'CALL rfmseg.train(%L) makes one.'
				WHEN 'lifetime' THEN 'SELECT rfmseg.register_lifetime_model(%L) makes one.'
				ELSE 'Models are clusters and lifetime.' END, deployment));
	END IF;
	EXECUTE format('SELECT c.version FROM %s.champions c WHERE c.model = $1', home) INTO champion USING model;
	IF champion = version THEN
		RAISE NOTICE 'version % of model "%" is the champion already', version, model;
		RETURN;
	END IF;
	EXECUTE format('INSERT INTO %s.model_promotions (model, alias, version) VALUES ($1, ''champion'', $2)', home) USING model, version;
END
$body$;
COMMENT ON FUNCTION rfmseg.promote(text, int, text) IS
'Makes a version of a model the champion, which refreshes apply from the next one on; earlier versions too, to go back. Who was champion when is in <name>_core.model_promotions. Errors: no such version.';

CREATE FUNCTION rfmseg.demote(deployment text, model text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	champion int;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF model IS NULL OR model NOT IN ('clusters', 'lifetime') THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('model %s is not known', coalesce(quote_literal(model), 'NULL')), HINT = 'Models are clusters and lifetime.';
	END IF;
	EXECUTE format('SELECT c.version FROM %s.champions c WHERE c.model = $1', home) INTO champion USING model;
	IF champion IS NULL THEN
		RAISE NOTICE 'model "%" has no champion', model;
		RETURN;
	END IF;
	EXECUTE format('INSERT INTO %s.model_promotions (model, alias) VALUES ($1, ''champion'')', home) USING model;
END
$body$;
COMMENT ON FUNCTION rfmseg.demote(text, text) IS
'Leaves a model, clusters or lifetime, without a champion: from the next refresh on, customers are in no clusters, and lifetime models are fitted anew each time. Versions stay, and promote brings one back. Errors: another model.';
-------------------------------------------------------------------------------
-- Lifetime models of a deployment: fitted by each refresh, or kept and applied
-------------------------------------------------------------------------------
-- What a refresh goes by is one jsonb object, in runs and in model_versions:
--   model       mbgnbd, bgnbd or pnbd
--   purchases   that model, as rfmseg's function of that name returns it
--   value       the Gamma-Gamma model of what a purchase is worth
--   mean_value  mean worth of the repeat purchases, where there is no value
--   problem     why there are no purchases; value_problem likewise
-- and how many customers they were fitted on.

CREATE FUNCTION rfmseg._fit_lifetime(customers text, model text)
RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = error		-- what a fit warns of is in the result
AS $body$
DECLARE
	least CONSTANT int := 50;			-- customers who came back
	enough CONSTANT int := 1000000;		-- more add nothing that the models could tell
	seen record;
	step int;
	sample text;
	purchases jsonb;
	value jsonb;
	problem text;
	value_problem text;
BEGIN
	EXECUTE format($query$
		SELECT count(*) AS customers, count(*) FILTER (WHERE frequency_repeat > 0) AS repeaters,
			count(*) FILTER (WHERE frequency_repeat > 0 AND monetary_value > 0) AS valued,
			sum((frequency_repeat * monetary_value)::numeric) / nullif(sum(frequency_repeat), 0) AS mean_value
		FROM %s WHERE lifetime_frequency > 0$query$, customers) INTO seen;

	-- every so manyth customer, by a hash of the key
	step := greatest(1, ceil(seen.customers / enough::numeric));
	sample := format('%s WHERE lifetime_frequency > 0', customers)
		|| CASE WHEN step > 1 THEN format(' AND (hashtextextended(customer_id::text, 0) & 2147483647) %% %s = 0', step) ELSE '' END;

	IF seen.repeaters < least * step THEN
		problem := format('%s of %s customers came back, fewer than %s', seen.repeaters, seen.customers, least * step);
	ELSE
		EXECUTE format('SELECT rfmseg.%I(frequency_repeat, recency_btyd, t_age)::jsonb FROM %s', model || '_fit', sample) INTO purchases;
		IF NOT (purchases ->> 'converged')::boolean THEN
			problem := format('%s did not converge: %s', model, purchases ->> 'status');
		END IF;
	END IF;

	IF problem IS NOT NULL OR seen.valued < least * step THEN
		value_problem := coalesce(problem, format('%s customers have repeat purchases of some worth, fewer than %s', seen.valued, least * step));
	ELSE
		EXECUTE format('SELECT rfmseg.gamma_gamma_fit(frequency_repeat, greatest(monetary_value, 0))::jsonb FROM %s', sample) INTO value;
		IF NOT (value ->> 'converged')::boolean THEN
			value_problem := format('gamma_gamma did not converge: %s', value ->> 'status');
		ELSIF (value ->> 'q')::float8 <= 1 THEN
			value_problem := format('gamma_gamma has q = %s, and so no mean', value ->> 'q');
		END IF;
	END IF;

	RETURN jsonb_build_object('model', model,
		'purchases', CASE WHEN problem IS NULL THEN purchases END, 'problem', problem,
		'value', CASE WHEN value_problem IS NULL THEN value END, 'value_problem', value_problem,
		'mean_value', round(seen.mean_value, 6), 'customers', seen.customers, 'repeat_customers', seen.repeaters, 'sample_step', step);
END
$body$;
COMMENT ON FUNCTION rfmseg._fit_lifetime(text, text) IS
'Internal: the lifetime models of a table as of rfmseg.summarize_customers; or why there are none, with fewer than 50 customers who came back, or no convergence. Of more than a million customers a part is taken.';

CREATE FUNCTION rfmseg._lifetime_method(fit jsonb)
RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE WHEN fit ->> 'problem' IS NULL
		THEN (fit ->> 'model') || CASE WHEN fit ->> 'value_problem' IS NULL THEN ', gamma_gamma' ELSE ', mean value' END END
$body$;
COMMENT ON FUNCTION rfmseg._lifetime_method(jsonb) IS 'Internal: how lifetime values were computed, in words; NULL if they were not.';

CREATE FUNCTION rfmseg._lifetime_expressions(fit jsonb, days float8, discount_rate numeric)
RETURNS text[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	customer text := format('%L::jsonb::rfmseg.%I, c.frequency_repeat, c.recency_btyd, c.t_age', fit -> 'purchases', (fit ->> 'model') || '_model');
	value text := CASE WHEN fit ->> 'value_problem' IS NULL
		THEN format('rfmseg.expected_average_value(%L::jsonb::rfmseg.gamma_gamma_model, c.frequency_repeat, greatest(c.monetary_value, 0))', fit -> 'value')
		ELSE format('CASE WHEN c.frequency_repeat IS NOT NULL THEN %L::float8 END', fit ->> 'mean_value') END;
BEGIN
	IF fit ->> 'problem' IS NOT NULL THEN
		RETURN array_fill('NULL::float8'::text, '{4}');
	END IF;
	RETURN ARRAY[
		format('rfmseg.p_alive(%s)', customer),
		format('rfmseg.expected_purchases(%s, %L)', customer, days),
		value,
		format('rfmseg.discounted_purchases(%s, %L, %L) * %s', customer, days, discount_rate, value)];
END
$body$;
COMMENT ON FUNCTION rfmseg._lifetime_expressions(jsonb, float8, numeric) IS
'Internal: over the per-customer table c: P(alive), and of the days to come purchases expected, their average value, and their discounted value.';

CREATE FUNCTION rfmseg.register_lifetime_model(deployment text, promote boolean DEFAULT true)
RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	customers text;
	r record;
	query text;
	data record;
	training int;
	made int;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF promote IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'promote must not be NULL';
	END IF;
	customers := rfmseg._current_customers(deployment);
	EXECUTE format('SELECT * FROM %s.runs WHERE is_current', home) INTO r;
	IF r.lifetime_method IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the refresh of deployment "%s" has fitted no lifetime model', deployment),
			DETAIL = format('Reason: %s.', r.lifetime_fit ->> 'problem'),
			HINT = 'It takes more customers who bought on several days, a longer history, or another lifetime_model.';
	ELSIF r.lifetime_version IS NOT NULL THEN
		RAISE NOTICE 'the refresh applied version % of model "lifetime"', r.lifetime_version;
		RETURN r.lifetime_version;
	END IF;

	query := format('SELECT frequency_repeat, recency_btyd, t_age, monetary_value FROM %s WHERE lifetime_frequency > 0', customers);
	EXECUTE format('SELECT count(*) AS n, md5(sum(hash_array_extended(ARRAY[frequency_repeat, recency_btyd, t_age, monetary_value], 0)::numeric)::text) AS digest'
		' FROM (%s) AS p', query) INTO data;
	EXECUTE format($query$
		INSERT INTO %1$s.model_runs (model, status, extension_version, finished_at, parameters, refresh_run_id, as_of, dataset_query, dataset_rows, dataset_digest, version)
		SELECT 'lifetime', 'succeeded', $1, clock_timestamp(), $2, $3, $4, $5, $6, $7, coalesce(max(version), 0) + 1
		FROM %1$s.model_versions WHERE model = 'lifetime' RETURNING run_id, version$query$, home)
	INTO training, made
	USING r.extension_version, r.lifetime_fit - '{purchases,value}'::text[], r.run_id, r.as_of, query, data.n, data.digest;
	EXECUTE format($query$
		INSERT INTO %s.model_metrics (run_id, metric, value)
		SELECT $1, concat_ws('_', part, metric), ($2 -> part ->> metric)::float8
		FROM unnest('{purchases,value}'::text[]) AS part, unnest('{log_likelihood,iterations,gradient_norm}'::text[]) AS metric
		WHERE $2 -> part ->> metric IS NOT NULL$query$, home) USING training, r.lifetime_fit;
	EXECUTE format('INSERT INTO %s.model_versions (model, version, run_id, features, transforms, fitted) VALUES (''lifetime'', $1, $2,'
		' ''{frequency_repeat,recency_btyd,t_age,monetary_value}'', ''{none,none,none,none}'', $3)', home)
	USING made, training, r.lifetime_fit;
	IF promote THEN
		PERFORM rfmseg.promote(deployment, made, 'lifetime');
	END IF;
	RETURN made;
END
$body$;
COMMENT ON FUNCTION rfmseg.register_lifetime_model(text, boolean) IS
'Keeps the lifetime models that the published refresh has fitted as a version of the model "lifetime", and returns its number. promote: whether it becomes the champion, which refreshes then apply instead of fitting anew; see promote, and demote to have them fit again. Errors: not the owner; no refresh yet; the refresh has fitted none, with too few customers who came back.';
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
-------------------------------------------------------------------------------
-- History: in which segment each customer was when, and who went where
-------------------------------------------------------------------------------
-- segment_history holds changes only, by as_of: a row says which segment a
-- customer came to, and a NULL that the customer was no more.  A run may also
-- look back, between two that were before; what came after it stays true.
-- run_migrations counts the ways from one as_of to the next, and segment_changes
-- shows who went them and why.

CREATE FUNCTION rfmseg._history_descriptions()
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT rfmseg._published_descriptions() || $json${
		"as_of": "The as_of from which the customer was in the segment.",
		"as_of_to": "The as_of at which that ended; NULL: it lasts.",
		"segment_name": "The segment; NULL: the customer was no more, as no purchase of theirs was left.",
		"previous_segment": "The segment before; NULL: none.",
		"cause": "purchase: they bought, or are new; refund: what they bought became less; time: nothing but days went by; recut: cut points, rules or settings changed; removed: the source has them no more. NULL: not known, as the run is the first one, or lies before or behind one that looked back.",
		"revenue_at_risk": "What the customer has spent a year so far: what stops if they stop; NULL where cause is, and of new customers.",
		"refreshed_at": "When the run's result was ready to publish.",
		"from_as_of": "The as_of before; NULL for the first one.",
		"to_as_of": "The as_of after.",
		"from_segment": "The segment at from_as_of; NULL: no customer then.",
		"to_segment": "The segment at to_as_of; NULL: no customer any more.",
		"customer_count": "Customers who went that way, or stayed.",
		"revenue": "Their monetary value at to_as_of; NULL where it is not known any more."
	}$json$::jsonb
$body$;
COMMENT ON FUNCTION rfmseg._history_descriptions() IS 'Internal: what the columns of history say, by name.';

CREATE FUNCTION rfmseg._create_migrations(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %1$s.run_migrations (
		run_id int REFERENCES %1$s.runs ON DELETE CASCADE,
		from_as_of timestamptz,
		from_segment text,
		to_segment text,
		customer_count bigint,
		revenue numeric,
		UNIQUE NULLS NOT DISTINCT (run_id, from_segment, to_segment)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.run_migrations', rfmseg._history_descriptions()
		|| '{"": "How many customers went from which segment to which, from the as_of before to that of the run."}');
	PERFORM rfmseg._create_migration_view(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_migrations(text) IS 'Internal: makes the table of the ways between segments.';

CREATE FUNCTION rfmseg._create_migration_view(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
BEGIN
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.segment_migration WITH (security_invoker = true) AS
	SELECT r.run_id, m.from_as_of, r.as_of AS to_as_of, m.from_segment, m.to_segment, m.customer_count, m.revenue, r.currency, r.as_of, r.refreshed_at
	FROM (SELECT DISTINCT ON (as_of) run_id, as_of, finished_at AS refreshed_at, currency
		FROM %1$s.runs WHERE status = 'succeeded' ORDER BY as_of, run_id DESC) r
	JOIN %1$s.run_migrations m USING (run_id)
	$view$, home, shown);
	PERFORM rfmseg._comment(shown || '.segment_migration', rfmseg._history_descriptions()
		|| '{"": "Who went from which segment to which, from one as_of to the next, those who stayed too: each customer is counted once for each as_of.",
			"as_of": "The as_of after, once more."}');
END
$body$;
COMMENT ON FUNCTION rfmseg._create_migration_view(text) IS 'Internal: makes the view of the ways between segments.';

-- Its key is of the customers' own type, so it is made with the first run.
CREATE FUNCTION rfmseg._create_history(deployment text, key_type regtype)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.segment_history', deployment || '_core');
BEGIN
	IF to_regclass(relation) IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format($ddl$
	CREATE TABLE %1$s (
		customer_id %2$s,
		as_of timestamptz,
		as_of_to timestamptz,
		segment_name text,
		previous_segment text,
		cause text,
		revenue_at_risk numeric,
		PRIMARY KEY (customer_id, as_of)
	)$ddl$, relation, format_type(key_type, -1));	-- of any length
	EXECUTE format('CREATE INDEX segment_history_as_of ON %s (as_of)', relation);
	PERFORM rfmseg._comment(relation, rfmseg._history_descriptions() || '{"": "When each customer came to which segment: changes only."}');
END
$body$;
COMMENT ON FUNCTION rfmseg._create_history(text, regtype) IS 'Internal: makes the table of when each customer was in which segment, unless there is one.';

CREATE FUNCTION rfmseg._write_history(deployment text, run int)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	history text := home || '.segment_history';
	changes text := home || '.' || quote_ident('changes_' || run);
	mine text := home || '.' || quote_ident('scored_customers_' || run);
	r record;
	neighbours record;
	n bigint;
BEGIN
	EXECUTE format('SELECT as_of, (settings ->> ''history_keep'')::interval AS keep FROM %s.runs WHERE run_id = $1', home) INTO r USING run;
	EXECUTE format('SELECT max(as_of) FILTER (WHERE as_of < $1) AS before, min(as_of) FILTER (WHERE as_of > $1) AS after'
		' FROM %s.runs WHERE status = ''succeeded''', home) INTO neighbours USING r.as_of;
	PERFORM rfmseg._create_audiences(deployment, rfmseg._type_of_column(mine, 'customer_id'));

	-- Whose segment is another one than before, or was so in an earlier run of
	-- the same as_of; with the one they were in at the as_of that follows.  What
	-- is known already stays as it is, where nothing follows: a refresh of the
	-- same as_of, every hour perhaps, writes no row anew.
	EXECUTE format($query$
		CREATE UNLOGGED TABLE %1$s AS
		SELECT customer_id, b.segment_name AS before, c.segment_name AS now, c.monetary,
			CASE WHEN f.customer_id IS NOT NULL THEN f.segment_name WHEN s.customer_id IS NOT NULL THEN s.segment_name ELSE b.segment_name END AS after,
			s.customer_id IS NOT NULL AND s.segment_name IS NOT DISTINCT FROM c.segment_name AS is_known, s.cause, s.revenue_at_risk,
			%5$L::timestamptz IS NULL AND s.customer_id IS NOT NULL
				AND (s.previous_segment, s.segment_name) IS NOT DISTINCT FROM (b.segment_name, c.segment_name) AS stays
		FROM (SELECT customer_id, segment_name FROM %2$s WHERE as_of < %4$L AND (as_of_to IS NULL OR as_of_to >= %4$L)) AS b
		FULL JOIN (SELECT customer_id, segment_name, previous_segment, cause, revenue_at_risk FROM %2$s WHERE as_of = %4$L) AS s USING (customer_id)
		FULL JOIN %3$s AS c USING (customer_id)
		LEFT JOIN (SELECT customer_id, segment_name FROM %2$s WHERE as_of = %5$L) AS f USING (customer_id)
		WHERE c.segment_name IS DISTINCT FROM b.segment_name OR s.customer_id IS NOT NULL
		$query$, changes, history, mine, r.as_of, neighbours.after);
	GET DIAGNOSTICS n = ROW_COUNT;
	EXECUTE format('ANALYZE %s', changes);
	PERFORM rfmseg._find_causes(deployment, run);

	EXECUTE format('DELETE FROM %s h USING %s c WHERE NOT c.stays AND h.customer_id = c.customer_id AND h.as_of IN ($1, $2)', history, changes)
		USING r.as_of, neighbours.after;
	EXECUTE format('INSERT INTO %s (customer_id, as_of, segment_name, previous_segment, cause, revenue_at_risk)'
		' SELECT customer_id, $1, now, before, cause, revenue_at_risk FROM %s WHERE now IS DISTINCT FROM before AND NOT stays', history, changes)
		USING r.as_of;
	IF neighbours.after IS NULL THEN
		EXECUTE format($query$
			UPDATE %1$s h SET as_of_to = CASE WHEN c.now IS DISTINCT FROM c.before THEN $1 END
			FROM %2$s c
			WHERE NOT c.stays AND h.customer_id = c.customer_id AND h.as_of < $1 AND (h.as_of_to IS NULL OR h.as_of_to >= $1)
				AND h.as_of_to IS DISTINCT FROM CASE WHEN c.now IS DISTINCT FROM c.before THEN $1 END$query$, history, changes)
			USING r.as_of;
	ELSE
		EXECUTE format('INSERT INTO %s (customer_id, as_of, segment_name) SELECT customer_id, $1, after FROM %s WHERE after IS DISTINCT FROM now', history, changes)
			USING neighbours.after;
		EXECUTE format($query$
			UPDATE %1$s h SET as_of_to = l.as_of_to, previous_segment = l.previous_segment
			FROM (SELECT customer_id, as_of, lead(as_of) OVER w AS as_of_to, lag(segment_name) OVER w AS previous_segment
				FROM %1$s JOIN (SELECT customer_id FROM %2$s) c USING (customer_id) WINDOW w AS (PARTITION BY customer_id ORDER BY as_of)) AS l
			WHERE h.customer_id = l.customer_id AND h.as_of = l.as_of
				AND (h.as_of_to, h.previous_segment) IS DISTINCT FROM (l.as_of_to, l.previous_segment)$query$, history, changes);
	END IF;
	IF rfmseg._is_late(deployment, run) THEN
		-- what is published tells its customers' last change, which may be another one now
		EXECUTE format($query$
			UPDATE %1$s.scored_customers c SET previous_segment = h.previous_segment, segment_since = h.as_of
			FROM %2$s x, %3$s h, %1$s.runs p
			WHERE p.is_current AND c.run_id = p.run_id AND c.customer_id = x.customer_id
				AND h.customer_id = x.customer_id AND h.as_of <= p.as_of AND (h.as_of_to IS NULL OR h.as_of_to > p.as_of)
				AND (c.previous_segment, c.segment_since) IS DISTINCT FROM (h.previous_segment, h.as_of)$query$, home, changes, history);
	END IF;
	IF r.keep IS NOT NULL THEN
		EXECUTE format('DELETE FROM %s WHERE as_of_to < (SELECT max(as_of) FROM %s.runs WHERE status = ''succeeded'' OR run_id = $1) - $2', history, home) USING run, r.keep;
	END IF;
	PERFORM rfmseg._count_migrations(deployment, run, r.as_of, neighbours.before, neighbours.after);
	EXECUTE format('DROP TABLE %s', changes);
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._write_history(text, int) IS
'Internal: puts the segments of a run into history; customers whose segment is another one than at the as_of before.';

CREATE FUNCTION rfmseg._find_causes(deployment text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	new record;
	old record;
	same_rules boolean;
BEGIN
	EXECUTE format('SELECT * FROM %s.runs WHERE run_id = $1', home) INTO new USING run;
	EXECUTE format('SELECT * FROM %s.runs WHERE is_current', home) INTO old;
	-- what an earlier run of the same as_of found out holds where it saw the same
	EXECUTE format('UPDATE %s.%I SET cause = NULL, revenue_at_risk = NULL WHERE NOT is_known AND cause IS NOT NULL', home, 'changes_' || run);
	IF old.run_id IS NULL OR new.as_of < old.as_of THEN
		RETURN;		-- there are no customers of before to compare with
	END IF;

	-- Without other rules, whoever has the same history has moved by time alone.
	-- With others it is asked where the old ones would have put them now.
	same_rules := (old.cut_version, old.ruleset, old.settings) IS NOT DISTINCT FROM (new.cut_version, new.ruleset, new.settings);
	EXECUTE format($query$
		UPDATE %1$s.%2$I h SET cause = m.cause,
			revenue_at_risk = CASE WHEN h.before IS NOT NULL THEN round(m.spent / greatest(m.t_age / 365.25, 1)::numeric, 2) END
		FROM (
			SELECT customer_id, coalesce(c.lifetime_monetary, o.lifetime_monetary) AS spent, coalesce(c.t_age, o.t_age) AS t_age,
				CASE WHEN c.customer_id IS NULL THEN 'removed'
					WHEN o.customer_id IS NULL OR c.lifetime_frequency > o.lifetime_frequency OR c.last_purchase_at > o.last_purchase_at THEN 'purchase'
					WHEN %5$s THEN 'recut'
					WHEN c.lifetime_frequency < o.lifetime_frequency OR c.lifetime_monetary < o.lifetime_monetary THEN 'refund'
					WHEN c.lifetime_monetary > o.lifetime_monetary THEN 'purchase'
					ELSE 'time' END AS cause
			FROM (SELECT customer_id, before FROM %1$s.%2$I WHERE now IS DISTINCT FROM before AND NOT is_known) AS h
			LEFT JOIN %1$s.%3$I AS c USING (customer_id) LEFT JOIN %1$s.%4$I AS o USING (customer_id)
		) AS m
		WHERE m.customer_id = h.customer_id$query$, home, 'changes_' || run, 'scored_customers_' || run, 'scored_customers_' || old.run_id,
		CASE WHEN same_rules THEN 'c.recency_days = o.recency_days AND c.lifetime_monetary = o.lifetime_monetary'
			ELSE format('rfmseg.segment(rfmseg.score(c.recency_days, %L, false, %L), rfmseg.score(c.frequency, %L, true, %L),'
				' rfmseg.score(rfmseg._as_float8(c.monetary), %L, true, %L), c.lifetime_frequency, %L, %L) IS DISTINCT FROM c.segment_name',
				old.r_cuts, old.r_closed, old.f_cuts, old.f_closed, old.m_cuts, old.m_closed, old.ruleset, deployment) END);
END
$body$;
COMMENT ON FUNCTION rfmseg._find_causes(text, int) IS
'Internal: why customers changed segments in a run, by what the published run says of them.';

CREATE FUNCTION rfmseg._create_changes_view(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
BEGIN
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.segment_changes WITH (security_invoker = true) AS
	SELECT r.run_id, r.as_of, r.refreshed_at, %3$s AS customer_id, h.previous_segment AS from_segment, h.segment_name AS to_segment,
		h.cause, h.revenue_at_risk, r.currency
	FROM (SELECT DISTINCT ON (as_of) run_id, as_of, finished_at AS refreshed_at, currency
		FROM %1$s.runs WHERE status = 'succeeded' ORDER BY as_of, run_id DESC) r
	JOIN %1$s.segment_history h USING (as_of)
	$view$, home, shown, CASE WHEN rfmseg._masks_customers(deployment)
		THEN format('NULL::%s', format_type(rfmseg._type_of_column(home || '.segment_history', 'customer_id'), -1)) ELSE 'h.customer_id' END);
	PERFORM rfmseg._comment(shown || '.segment_changes', rfmseg._history_descriptions() || $json${
		"": "Who changed segments at each as_of, and why: one row a customer and change, those who came or went too. Counted by its segments it is segment_migration, but for those who stayed.",
		"as_of": "The as_of at which the customer was in another segment than at the one before.",
		"customer_id": "The customer, in the source's own type; NULL where a mask hides it in another published relation.",
		"from_segment": "The segment before; NULL: no customer then.",
		"to_segment": "The segment after; NULL: no customer any more."
	}$json$);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_changes_view(text) IS 'Internal: makes the view of who changed segments.';

CREATE FUNCTION rfmseg._count_migrations(deployment text, run int, as_of timestamptz, before timestamptz, after timestamptz)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	follower record;
BEGIN
	-- Those who changed are counted; of each segment the others have stayed.
	EXECUTE format($query$
		INSERT INTO %1$s.run_migrations
		WITH changed AS (
			SELECT before, now, count(*) AS customers, sum(monetary) AS revenue FROM %1$s.%2$I WHERE now IS DISTINCT FROM before GROUP BY before, now
		)
		SELECT $1, $2, before, now, customers, revenue FROM changed
		UNION ALL
		SELECT $1, $2, g.segment_name, g.segment_name, g.customer_count - coalesce(c.customers, 0), g.total_revenue - coalesce(c.revenue, 0)
		FROM %1$s.run_segments g
		LEFT JOIN (SELECT now, sum(customers) AS customers, sum(revenue) AS revenue FROM changed GROUP BY now) AS c ON c.now = g.segment_name
		WHERE g.run_id = $1 AND g.customer_count > coalesce(c.customers, 0)$query$, home, 'changes_' || run)
	USING run, before;
	IF after IS NULL THEN
		RETURN;
	END IF;

	-- The as_of that follows has another one before it now.
	EXECUTE format('SELECT run_id, is_current, (settings ->> ''min_cell_size'')::int AS min_cell_size FROM %s.runs WHERE status = ''succeeded'' AND as_of = $1 ORDER BY run_id DESC LIMIT 1', home)
		INTO follower USING after;
	EXECUTE format('DELETE FROM %s.run_migrations WHERE run_id = $1', home) USING follower.run_id;
	EXECUTE format($query$
		INSERT INTO %1$s.run_migrations
		SELECT $1, $2, b.segment_name, a.segment_name, count(*), %3$s
		FROM %1$s.%2$I AS b
		FULL JOIN (SELECT customer_id, segment_name FROM %1$s.segment_history
			WHERE as_of <= $3 AND (as_of_to IS NULL OR as_of_to > $3) AND segment_name IS NOT NULL) AS a USING (customer_id)
		%4$s
		GROUP BY b.segment_name, a.segment_name$query$, home, 'scored_customers_' || run,
		CASE WHEN follower.is_current THEN 'coalesce(sum(c.monetary), 0)' ELSE 'NULL' END,
		CASE WHEN follower.is_current THEN format('LEFT JOIN %s.%I AS c USING (customer_id)', home, 'scored_customers_' || follower.run_id) END)
	USING follower.run_id, as_of, after;
	PERFORM rfmseg._leave_out_small(home || '.run_migrations', 'run_id', follower.run_id, 'customer_count', 'from_segment, to_segment',
		'{from_as_of,from_segment,to_segment}', follower.min_cell_size);
END
$body$;
COMMENT ON FUNCTION rfmseg._count_migrations(text, int, timestamptz, timestamptz, timestamptz) IS
'Internal: counts the ways from the as_of before a run to the run, and from it to the as_of after.';
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
-------------------------------------------------------------------------------
-- explain_customer(): why a customer is where they are
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._rule_in_words(rule jsonb)
RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT coalesce(string_agg(CASE
			WHEN low IS NULL THEN format('%s at most %s', what, high)
			WHEN high IS NULL THEN format('%s at least %s', what, low)
			WHEN low = high THEN format('%s is %s', what, low)
			ELSE format('%s from %s to %s', what, low, high) END, ', ' ORDER BY place), 'whatever the scores')
	FROM (VALUES
		(1, 'recency score', rule ->> 'r_min', rule ->> 'r_max'), (2, 'frequency score', rule ->> 'f_min', rule ->> 'f_max'),
		(3, 'monetary score', rule ->> 'm_min', rule ->> 'm_max'), (4, 'purchases ever', rule ->> 'frequency_min', rule ->> 'frequency_max')
	) AS b (place, what, low, high)
	WHERE low IS NOT NULL OR high IS NOT NULL
$body$;
COMMENT ON FUNCTION rfmseg._rule_in_words(jsonb) IS 'Internal: the bounds of a rule, in words.';

CREATE FUNCTION rfmseg._neighbouring_segments(deployment text, of_customer jsonb, of_run jsonb)
RETURNS TABLE (item text, value text, meaning text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- one score up or down, the others staying as they are; only where that is another segment
	SELECT format('%s score %s', s.dimension, s.score), t.segment_name,
		format('if %s were %s', s.measure, rfmseg.score_range(s.score, s.cuts, s.dimension <> 'recency', s.closed))
	FROM (
		SELECT d.place, d.dimension, d.measure, d.score + step AS score, d.cuts, d.closed,
			CASE d.place WHEN 1 THEN d.score + step ELSE (of_customer ->> 'r_score')::int END AS r,
			CASE d.place WHEN 2 THEN d.score + step ELSE (of_customer ->> 'f_score')::int END AS f,
			CASE d.place WHEN 3 THEN d.score + step ELSE (of_customer ->> 'm_score')::int END AS m
		FROM (VALUES (1, 'recency', 'days since the last purchase', (of_customer ->> 'r_score')::int, of_run -> 'r_cuts', of_run ->> 'r_closed'),
			(2, 'frequency', 'purchases', (of_customer ->> 'f_score')::int, of_run -> 'f_cuts', of_run ->> 'f_closed'),
			(3, 'monetary', 'money spent', (of_customer ->> 'm_score')::int, of_run -> 'm_cuts', of_run ->> 'm_closed')) AS v (place, dimension, measure, score, cut_list, closed)
		CROSS JOIN LATERAL (SELECT v.*, ARRAY(SELECT jsonb_array_elements_text(v.cut_list)::float8) AS cuts) AS d
		CROSS JOIN (VALUES (1), (-1)) AS x (step)
		WHERE d.score + step BETWEEN 1 AND (of_run ->> 'bins')::int
	) AS s
	CROSS JOIN LATERAL (SELECT rfmseg.segment(s.r, s.f, s.m, (of_customer ->> 'lifetime_frequency')::bigint, of_run ->> 'ruleset', deployment) AS segment_name) AS t
	WHERE t.segment_name <> of_customer ->> 'segment_name'
	ORDER BY s.place, s.score DESC
$body$;
COMMENT ON FUNCTION rfmseg._neighbouring_segments(text, jsonb, jsonb) IS
'Internal: the segments that a customer would be in with one score more or less.';

CREATE FUNCTION rfmseg.explain_customer(deployment text, customer_id text)
RETURNS TABLE (topic text, item text, value text, meaning text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	r record;
	c record;
	rule record;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._current_customers(deployment);
	EXECUTE format('SELECT * FROM %s.current_run', home) INTO r;
	EXECUTE format('SELECT * FROM %s.scored_customers AS c WHERE c.run_id = $1 AND c.customer_id::text = $2', home) INTO c USING r.run_id, explain_customer.customer_id;
	IF c.customer_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'no_data_found',
			MESSAGE = format('deployment "%s" has no customer %L', deployment, explain_customer.customer_id),
			HINT = format('%I.customer_segments has those there are.', deployment);
	END IF;

	RETURN QUERY SELECT 'metrics', v.item, v.value, v.meaning FROM (VALUES
		('recency_days', c.recency_days::text, 'days from the last purchase to ' || r.as_of),
		('frequency', c.frequency::text, 'purchases' || CASE WHEN c.frequency < c.lifetime_frequency THEN format(' within the lookback; %s ever', c.lifetime_frequency) ELSE '' END),
		('monetary', round(c.monetary, 2)::text, r.currency)) AS v (item, value, meaning);
	IF c.lifetime_frequency > 0 THEN
		RETURN QUERY SELECT 'scores', v.item, format('%s of %s', v.score, r.bins), v.meaning FROM (VALUES
			('recency', c.r_score, 'days ' || rfmseg.score_range(c.r_score, r.r_cuts, false, r.r_closed)),
			('frequency', c.f_score, 'purchases ' || rfmseg.score_range(c.f_score, r.f_cuts, true, r.f_closed)),
			('monetary', c.m_score, 'money ' || rfmseg.score_range(c.m_score, r.m_cuts, true, r.m_closed))) AS v (item, score, meaning);
	END IF;

	-- as rfmseg.segment() does: the first rule that holds
	EXECUTE format($query$
		SELECT u.* FROM %s.rules u
		WHERE u.ruleset = $1 AND $2 BETWEEN coalesce(u.r_min, $2) AND coalesce(u.r_max, $2) AND $3 BETWEEN coalesce(u.f_min, $3) AND coalesce(u.f_max, $3)
			AND $4 BETWEEN coalesce(u.m_min, $4) AND coalesce(u.m_max, $4) AND $5 BETWEEN coalesce(u.frequency_min, $5) AND coalesce(u.frequency_max, $5)
		ORDER BY u.priority LIMIT 1$query$, home) INTO rule USING r.ruleset, c.r_score, c.f_score, c.m_score, c.lifetime_frequency;
	RETURN QUERY SELECT 'segment', 'RFM', c.segment_name,
		CASE WHEN rule.segment_name = c.segment_name THEN format('rule %s of ruleset %s: %s', rule.rule_id, r.ruleset, rfmseg._rule_in_words(to_jsonb(rule)))
			ELSE format('by ruleset %s, whose rules were edited since', r.ruleset) END;
	RETURN QUERY SELECT 'segment', 'behavioural', c.behavioral_segment, 'by shopping pattern';
	IF c.lifetime_frequency > 0 THEN
		RETURN QUERY SELECT 'other segments', n.* FROM rfmseg._neighbouring_segments(deployment, to_jsonb(c), to_jsonb(r)) AS n;
	END IF;
	RETURN QUERY SELECT 'cluster', format('cluster %s', c.cluster_id), c.cluster_name, format('version %s of the clusters', r.cluster_version) WHERE c.cluster_id IS NOT NULL;
	RETURN QUERY SELECT 'lifetime value', v.item, v.value, v.meaning FROM (VALUES
		('p_alive', round(c.p_alive::numeric, 3)::text, 'probability of still being a customer'),
		('expected_purchases_12m', round(c.expected_purchases_12m::numeric, 2)::text, 'days with purchases expected in 12 months'),
		('expected_average_value', round(c.expected_average_value::numeric, 2)::text, r.currency || ' expected of each'),
		('clv_12m', round(c.clv_12m::numeric, 2)::text, format('%s expected in 12 months, discounted by %s a year; %s', r.currency, r.discount_rate, r.lifetime_method))
		) AS v (item, value, meaning) WHERE v.value IS NOT NULL;
	RETURN QUERY EXECUTE format($query$
		SELECT 'history', h.as_of::text, coalesce(h.segment_name, 'none'), coalesce('from ' || h.previous_segment, 'first seen')
		FROM %s.segment_history h WHERE h.customer_id::text = $1 ORDER BY h.as_of$query$, home)
	USING c.customer_id::text;
END
$body$;
COMMENT ON FUNCTION rfmseg.explain_customer(text, text) IS
'Why a customer is where they are: metrics, scores and the ranges that they stand for, the rule that gave the segment, the segments one score away and what it takes, cluster, lifetime value, and history. customer_id as text. For the owner: the rules are read. Errors: not the owner; no refresh yet; no such customer.';
-------------------------------------------------------------------------------
-- refresh(): from the source to published segments, in one transaction
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._begin_step(deployment text, step int, what text)
RETURNS timestamptz LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	-- other sessions see this in pg_stat_activity while the transaction runs
	PERFORM set_config('application_name', format('rfmseg %s: step %s/7 %s', deployment, step, what), true);
	RETURN clock_timestamp();
END
$body$;
COMMENT ON FUNCTION rfmseg._begin_step(text, int, text) IS 'Internal: shows others what a refresh is doing; the time.';

CREATE FUNCTION rfmseg._end_step(deployment text, step int, what text, since timestamptz, rows bigint)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	RAISE NOTICE '%: step %/7 %: % rows, % ms', deployment, step, what, rows,
		round(1000 * extract(epoch FROM clock_timestamp() - since));
END
$body$;
COMMENT ON FUNCTION rfmseg._end_step(text, int, text, timestamptz, bigint) IS 'Internal: reports what a step of a refresh took.';

CREATE FUNCTION rfmseg._start_run(deployment text, as_of timestamptz)
RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	run int;
BEGIN
	EXECUTE format('INSERT INTO %I.runs (extension_version, as_of) VALUES ($1, $2) RETURNING run_id', deployment || '_core')
		INTO run USING (SELECT extversion FROM pg_extension WHERE extname = 'rfmseg'), as_of;
	RETURN run;
END
$body$;
COMMENT ON FUNCTION rfmseg._start_run(text, timestamptz) IS 'Internal: puts a new run on record.';

CREATE FUNCTION rfmseg._fail_run(deployment text, journal text, run int, code text, message text, hint text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format('UPDATE %I.%I SET status = ''failed'', finished_at = clock_timestamp(),'
		' error_code = $2, error_message = $3, error_hint = nullif($4, '''') WHERE run_id = $1', deployment || '_core', journal)
		USING run, code, message, hint;
EXCEPTION WHEN undefined_table THEN
	NULL;	-- undeployed meanwhile: the error itself is what matters
END
$body$;
COMMENT ON FUNCTION rfmseg._fail_run(text, text, int, text, text, text) IS 'Internal: puts the failure of a run on record, in runs or model_runs.';

CREATE FUNCTION rfmseg._mark_interrupted(deployment text, journal text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format('UPDATE %I.%I SET status = ''interrupted'' WHERE status = ''running'' AND run_id IS DISTINCT FROM $1'
		' AND (pid NOT IN (SELECT pid FROM pg_stat_activity WHERE pid IS NOT NULL) OR started_at < pg_postmaster_start_time())',
		deployment || '_core', journal) USING run;
END
$body$;
COMMENT ON FUNCTION rfmseg._mark_interrupted(text, text, int) IS 'Internal: other runs whose session is gone run no more.';

CREATE FUNCTION rfmseg._drop_superseded(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	old record;
BEGIN
	IF to_regclass(home || '.scored_customers') IS NULL THEN
		RETURN;
	END IF;
	FOR old IN EXECUTE format($query$
		SELECT c.oid::regclass AS relation
		FROM %1$s.runs r JOIN pg_class c ON c.relname = 'scored_customers_' || r.run_id AND c.relnamespace = %1$L::regnamespace
		WHERE rfmseg._is_past_all(r.superseded_by, %2$L::regclass)
		ORDER BY r.run_id$query$, home, home || '.scored_customers')
	LOOP
		BEGIN
			-- Nobody waits for this: whoever reads the table now is let finish,
			-- and the next refresh tries again.
			EXECUTE format('LOCK TABLE %s.scored_customers, %s IN ACCESS EXCLUSIVE MODE NOWAIT', home, old.relation);
			EXECUTE format('DROP TABLE %s', old.relation);
		EXCEPTION WHEN lock_not_available OR undefined_table OR dependent_objects_still_exist THEN
			NULL;	-- in use, or another refresh was faster
		END;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_superseded(text) IS
'Internal: drops the partitions of replaced runs that no snapshot can see any more.';

CREATE FUNCTION rfmseg._read_sources(deployment text, run int)
RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres'
SET extra_float_digits = 1
SET quote_all_identifiers = off
SET jit = off	-- each query comes once, and what takes time is not what JIT compiles
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	since timestamptz;
	seen record;
BEGIN
	-- A second refresh, or a change of settings, waits here; readers do not.
	PERFORM set_config('application_name', format('rfmseg %s: waiting for its turn', deployment), true);
	PERFORM rfmseg._lock(deployment);
	EXECUTE format('LOCK TABLE %1$s.rulesets, %1$s.segments, %1$s.rules, %1$s.settings IN SHARE ROW EXCLUSIVE MODE', home);
	PERFORM rfmseg._mark_interrupted(deployment, 'runs', run);
	PERFORM rfmseg._mark_interrupted(deployment, 'model_runs', NULL);

	since := rfmseg._begin_step(deployment, 1, 'plan');
	PERFORM rfmseg._end_step(deployment, 1, 'plan', since, rfmseg._plan_run(deployment, run));
	since := rfmseg._begin_step(deployment, 2, 'summarize');
	seen := rfmseg._summarize(deployment, run);
	PERFORM rfmseg._end_step(deployment, 2, 'summarize', since, seen.rows);
	RETURN seen.results;
END
$body$;
COMMENT ON FUNCTION rfmseg._read_sources(text, int) IS
'Internal: the first two steps of a refresh, after which it is known how the expectations fared.';

CREATE FUNCTION rfmseg._announce(deployment text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	news text;
BEGIN
	-- Whoever may connect may listen: so numbers, and nothing of anybody.  It is
	-- sent when the transaction commits, or never.
	EXECUTE format($query$
		SELECT json_build_object('deployment', $2, 'run_id', run_id, 'as_of', as_of, 'is_current', is_current, 'customers', customers, 'changed',
			(SELECT coalesce(sum(customer_count), 0) FROM %1$s.run_migrations m WHERE m.run_id = r.run_id AND m.from_segment IS DISTINCT FROM m.to_segment))
		FROM %1$s.runs r WHERE run_id = $1$query$, quote_ident(deployment || '_core')) INTO news USING run, deployment;
	PERFORM pg_notify('rfmseg_' || deployment, news);
END
$body$;
COMMENT ON FUNCTION rfmseg._announce(text, int) IS
'Internal: tells those who LISTEN to rfmseg_<deployment> of a run, once it is committed.';

CREATE FUNCTION rfmseg._refresh(deployment text, run int, results jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres'
SET extra_float_digits = 1
SET quote_all_identifiers = off
SET jit = off
AS $body$
DECLARE
	since timestamptz;
BEGIN
	PERFORM rfmseg._judge(deployment, results);
	PERFORM rfmseg._put_results(deployment, run, results);
	since := rfmseg._begin_step(deployment, 3, 'cut');
	PERFORM rfmseg._end_step(deployment, 3, 'cut', since, rfmseg._cut(deployment, run));
	since := rfmseg._begin_step(deployment, 4, 'fit');
	PERFORM rfmseg._end_step(deployment, 4, 'fit', since, rfmseg._fit(deployment, run));
	since := rfmseg._begin_step(deployment, 5, 'score');
	PERFORM rfmseg._end_step(deployment, 5, 'score', since, rfmseg._score(deployment, run));
	since := rfmseg._begin_step(deployment, 6, 'record');
	PERFORM rfmseg._end_step(deployment, 6, 'record', since, rfmseg._record(deployment, run));
	since := rfmseg._begin_step(deployment, 7, 'publish');
	PERFORM rfmseg._end_step(deployment, 7, 'publish', since, rfmseg._publish(deployment, run));
	PERFORM rfmseg._announce(deployment, run);
END
$body$;
COMMENT ON FUNCTION rfmseg._refresh(text, int, jsonb) IS 'Internal: the other five steps of a refresh, unless an expectation has failed.';

-- A procedure that commits can have no SET clause; it sets the search_path
-- itself, again after each COMMIT, and puts the caller's back in the end.  What
-- comes before, the types of its variables too, is found by the caller's path
-- and so must be qualified.
CREATE PROCEDURE rfmseg.refresh(deployment text, as_of timestamptz DEFAULT NULL)
LANGUAGE plpgsql
AS $body$
DECLARE
	callers_path pg_catalog.text := pg_catalog.current_setting('search_path');
	callers_name pg_catalog.text := pg_catalog.current_setting('application_name');
	may_commit pg_catalog.bool;
	run pg_catalog.int4;
	results pg_catalog.jsonb;
	state pg_catalog.text;
	message pg_catalog.text;
	detail pg_catalog.text;
	hint pg_catalog.text;
BEGIN
	SET LOCAL search_path = pg_catalog, pg_temp;
	PERFORM rfmseg._require(deployment);
	CALL rfmseg._may_commit(may_commit);
	run := rfmseg._start_run(deployment, as_of);
	IF may_commit THEN
		COMMIT;
		-- who waits for another refresh must see what it did
		SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		SET LOCAL search_path = pg_catalog, pg_temp;
	END IF;

	BEGIN
		results := rfmseg._read_sources(deployment, run);
		PERFORM rfmseg._refresh(deployment, run, results);
	EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
			detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	END;

	IF state IS NOT NULL THEN
		IF may_commit THEN
			-- the variable has kept what the tables have lost
			PERFORM rfmseg._put_results(deployment, run, results);
			PERFORM rfmseg._fail_run(deployment, 'runs', run, state, message, hint);
			COMMIT;
			SET LOCAL search_path = pg_catalog, pg_temp;
		END IF;
		-- an empty detail or hint would be shown as such
		RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message,
			DETAIL = coalesce(nullif(detail, ''), 'The published segments are as they were.'),
			HINT = coalesce(nullif(hint, ''), CASE WHEN may_commit
				THEN format('It is on record as run %s in %I.runs.', run, deployment || '_core')
				ELSE 'The transaction that the refresh was part of is rolled back as a whole.' END);
	END IF;

	IF may_commit THEN
		COMMIT;
		SET LOCAL search_path = pg_catalog, pg_temp;
		PERFORM rfmseg._drop_superseded(deployment);
		COMMIT;		-- its locks must not wait for the caller's next step
		SET LOCAL search_path = pg_catalog, pg_temp;
	END IF;
	PERFORM set_config('application_name', callers_name, true);
	PERFORM set_config('search_path', callers_path, true);
END
$body$;
COMMENT ON PROCEDURE rfmseg.refresh(text, timestamptz) IS
'Computes the segments of a deployment from its source and publishes them at once: readers see the old ones or the new. as_of: the instant from which recency counts; by default the midnight after the last purchase, in the deployment''s zone. If given and earlier than that of the published segments, only history is written. One NOTICE a step, with rows and time; and one NOTIFY on channel rfmseg_<name> when it is committed, whose payload is a JSON object with deployment, run_id, as_of, is_current (false if only history was written), customers and changed (customers in another segment than at the as_of before; those of small groups not counted where min_cell_size hides them). A failed refresh leaves the old segments, and a row in runs that says why; inside a transaction block both are rolled back. A second refresh of the same deployment waits.';
-------------------------------------------------------------------------------
-- Quarantine: the rows that expectations dropped, and the way back
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._dropped_query(deployment text, dataset text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.%I', deployment || '_raw', dataset);
	key text := rfmseg._dataset_key(dataset);
	kept text := rfmseg._kept_condition(deployment, dataset);
	remembered text := rfmseg._remembered(deployment, dataset);
	repeated text;
	place text;
	query text;
BEGIN
	SELECT name INTO repeated FROM rfmseg._expected(deployment, dataset) WHERE is_unique AND action = 'drop' AND NOT is_skipped;
	IF kept = 'true' AND repeated IS NULL THEN
		RETURN NULL;
	END IF;
	-- only a table's rows have a place
	place := CASE WHEN (SELECT relkind FROM pg_class WHERE oid = relation::regclass) IN ('r', 'p')
		THEN 'source.tableoid AS relation, source.ctid' ELSE 'NULL::oid AS relation, NULL::tid' END || ' AS place';
	query := format('SELECT %s, %I::text AS key, to_jsonb(source.*) AS "row", %s AS expectations FROM %s AS source WHERE NOT (%s) AND %s',
		place, key, rfmseg._broken_names(deployment, dataset), relation, kept, remembered);
	IF repeated IS NOT NULL THEN
		query := format('%1$s UNION ALL SELECT relation, place, key, "row", ARRAY[%2$L] FROM (SELECT %3$s, %4$I::text AS key, to_jsonb(source.*) AS "row",'
			' row_number() OVER (%5$s) AS number FROM %6$s AS source WHERE %4$I IS NOT NULL AND %7$s AND %8$s) AS same WHERE number > 1',
			query, repeated, place, key,
			CASE dataset
				WHEN 'transactions' THEN rfmseg._same_id('total_amount < 0 AND NOT is_return', 'false')
				WHEN 'customers' THEN 'PARTITION BY customer_id ORDER BY signup_date, age, gender, income_bracket, city, state, latitude, longitude, preferred_channel, marketing_consent'
				ELSE 'PARTITION BY product_id ORDER BY product_name, category, price, cost, brand, is_seasonal' END,
			relation, kept, remembered);
	END IF;
	-- equal rows are told apart by their number
	RETURN format('SELECT *, row_number() OVER (PARTITION BY row_digest ORDER BY relation, place)::int AS copy'
		' FROM (SELECT *, md5("row"::text) AS row_digest FROM (%s) AS dropped) AS dropped', query);
END
$body$;
COMMENT ON FUNCTION rfmseg._dropped_query(text, text) IS
'Internal: the query for the rows of a data set that expectations drop, with their places, keys and digests; NULL where none drops. Its session must have the settings of a refresh, on which digests depend.';

CREATE FUNCTION rfmseg._quarantine(deployment text, run int)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	dataset text;
BEGIN
	FOR dataset IN EXECUTE format('SELECT DISTINCT dataset FROM %s.expectation_results WHERE run_id = $1 AND status = ''dropped'' ORDER BY 1', home) USING run
	LOOP
		EXECUTE format($insert$
			INSERT INTO %1$s.quarantine AS q (dataset, row_digest, copy, key, "row", expectations, run_id, first_run_id, first_seen_at)
			SELECT $1, d.row_digest, d.copy, d.key, d."row", d.expectations, $2, $2, r.started_at
			FROM (%2$s) AS d CROSS JOIN %1$s.runs r WHERE r.run_id = $2
			ON CONFLICT (dataset, row_digest, copy) DO UPDATE SET run_id = excluded.run_id, expectations = excluded.expectations$insert$,
			home, rfmseg._dropped_query(deployment, dataset))
		USING dataset, run;
	END LOOP;
	EXECUTE format('DELETE FROM %s.quarantine WHERE run_id <> $1', home) USING run;
END
$body$;
COMMENT ON FUNCTION rfmseg._quarantine(text, int) IS
'Internal: puts the rows that a run drops into quarantine; those that it drops no more leave it, the others keep when they came and their mends.';

CREATE FUNCTION rfmseg._put_back(deployment text, dataset text, query text)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	relation text := format('%I.%I', deployment || '_raw', dataset);
	columns text[];
	unknown text;
	conditions text;
	n bigint;
BEGIN
	EXECUTE format('SELECT array_agg(DISTINCT c ORDER BY c) FROM %s.quarantine q, jsonb_object_keys(q.mend) AS c WHERE q.dataset = $1', home)
		INTO columns USING dataset;
	IF columns IS NULL THEN
		RETURN 0;
	END IF;
	SELECT c INTO unknown FROM unnest(columns) c WHERE rfmseg._type_of_column(relation, c) IS NULL LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column',
			MESSAGE = format('a mend has column "%s", which %s has not', unknown, relation),
			HINT = 'A mend is an object of columns with their right values, such as {"age": 41}.';
	END IF;
	SELECT string_agg(format(E'(%s\n) IS NOT FALSE', predicate), ' AND ') INTO conditions
		FROM rfmseg._expected(deployment, dataset) WHERE action <> 'warn' AND rule IS NOT NULL;

	-- Only the columns that are mended are written: the others stay as they are.
	EXECUTE format($update$
		WITH mended AS (
			UPDATE %2$s AS t SET %4$s
			FROM (%3$s) AS d
			JOIN %1$s.quarantine q ON q.dataset = $1 AND q.row_digest = d.row_digest AND q.copy = d.copy AND q.mend <> '{}',
			LATERAL (SELECT source AS new, %5$s AS passes FROM jsonb_populate_record(NULL::%2$s, d."row" || q.mend) AS source) AS m
			WHERE t.tableoid = d.relation AND t.ctid = d.place AND m.passes
			RETURNING d.row_digest, d.copy
		)
		DELETE FROM %1$s.quarantine q USING mended m WHERE q.dataset = $1 AND q.row_digest = m.row_digest AND q.copy = m.copy$update$,
		home, relation, query,
		(SELECT string_agg(format('%1$I = CASE WHEN q.mend ? %1$L THEN (m.new).%1$I ELSE t.%1$I END', c), ', ') FROM unnest(columns) c),
		coalesce(conditions, 'true'))
	USING dataset;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._put_back(text, text, text) IS
'Internal: writes mended rows of quarantine to their landing table, those that break nothing any more; how many.';

CREATE FUNCTION rfmseg.replay(deployment text)
RETURNS TABLE (dataset text, outcome text, row_count bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres'
SET extra_float_digits = 1
AS $body$
#variable_conflict use_variable
DECLARE
	home text := quote_ident(deployment || '_core');
	relation text;
	query text;
	is_table boolean;
	mends bigint;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	FOR dataset, mends IN
		EXECUTE format('SELECT q.dataset, count(q.mend) FROM %s.quarantine q GROUP BY q.dataset ORDER BY q.dataset', home)
	LOOP
		relation := format('%I.%I', deployment || '_raw', dataset);
		is_table := (SELECT c.relkind IN ('r', 'p') FROM pg_class c WHERE c.oid = relation::regclass);
		query := rfmseg._dropped_query(deployment, dataset);
		IF is_table AND query IS NOT NULL THEN
			outcome := 'put back';
			row_count := rfmseg._put_back(deployment, dataset, query);
			IF row_count > 0 THEN
				RETURN NEXT;
			END IF;
		ELSIF mends > 0 AND NOT is_table THEN
			RAISE NOTICE '% mends of % are not written: the source is mapped', mends, dataset
				USING HINT = 'Mend the rows in the source itself.';
		END IF;

		RETURN QUERY EXECUTE format($query$
			SELECT $1, o.outcome, count(*) FROM (
				SELECT CASE
					WHEN (q.row_digest, q.copy) IN (SELECT d.row_digest, d.copy FROM (%3$s) AS d) THEN 'still dropped'
					WHEN q.key IN (SELECT s.%4$I::text FROM %2$s s) THEN 'will count'
					ELSE 'not found' END AS outcome
				FROM %1$s.quarantine q WHERE q.dataset = $1) AS o
			GROUP BY o.outcome ORDER BY o.outcome$query$,
			home, relation, coalesce(query, 'SELECT NULL AS row_digest, NULL::int AS copy WHERE false'), rfmseg._dataset_key(dataset))
		USING dataset;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg.replay(text) IS
'Puts rows of quarantine back. In landing tables the rows that have a mend get its values, unless they would break an expectation that drops or fails even so, and leave quarantine: put back. What became of the others is counted: still dropped; will count (a row of that key is in the source, and is dropped no more); not found. The next refresh reads them all. Mapped sources are only looked at. Errors: a mend with a column that the table has not, or a value that is none of its type; then nothing is changed.';
-------------------------------------------------------------------------------
-- train(): clusters of the customers, as a version of a model
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg.signed_log(value float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_signed_log'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg.signed_log(float8) IS
'sign(value) * ln(1 + |value|): makes skewed amounts less so, and takes those below 0, as of net returns, too. The same bits on every machine. NaN and infinities stay what they are.';

CREATE FUNCTION rfmseg._features(features text[], transforms text[])
RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT 'ARRAY[' || string_agg(format(CASE transform WHEN 'signed_log' THEN 'rfmseg.signed_log(c.%I::float8)' ELSE 'c.%I::float8' END, feature), ', ' ORDER BY place) || ']'
	FROM unnest(features, transforms) WITH ORDINALITY AS f (feature, transform, place)
$body$;
COMMENT ON FUNCTION rfmseg._features(text[], text[]) IS 'Internal: the expression of a model''s point, over the per-customer table c.';

CREATE FUNCTION rfmseg._check_training(features text[], transform text, k int, k_min int, k_max int, criterion text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	missing text := CASE WHEN features IS NULL THEN 'features' WHEN transform IS NULL THEN 'transform'
		WHEN k IS NOT NULL THEN NULL WHEN k_min IS NULL THEN 'k_min' WHEN k_max IS NULL THEN 'k_max'
		WHEN criterion IS NULL THEN 'criterion' END;
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = format('%s must not be NULL', missing);
	ELSIF transform NOT IN ('auto', 'none', 'signed_log') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('transform %L is not known', transform), HINT = 'It is auto, none or signed_log.';
	ELSIF k NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('k is %s', k), HINT = 'It must lie between 1 and 1000; NULL tries k_min to k_max.';
	ELSIF k IS NULL AND (k_min NOT BETWEEN 1 AND k_max OR k_max > 1000) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('k_min is %s and k_max %s', k_min, k_max), HINT = 'Clusters are tried from k_min, 1 or more, to k_max, 1000 at most.';
	ELSIF k IS NULL THEN
		PERFORM rfmseg.best_k('{}', criterion);		-- whether it is known
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_training(text[], text, int, int, int, text) IS 'Internal: an error unless the arguments of train make sense.';

CREATE FUNCTION rfmseg._check_features(deployment text, features text[])
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	usable text[];
	wrong text;
BEGIN
	SELECT array_agg(a.attname::text ORDER BY a.attnum) INTO usable
	FROM pg_attribute a
	WHERE a.attrelid = to_regclass(format('%I.scored_customers', deployment || '_core')) AND a.attnum > 0 AND NOT a.attisdropped
		AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'float4'::regtype, 'float8'::regtype)
		AND a.attname <> ALL ('{customer_id,r_score,f_score,m_score,cluster_id,run_id}') AND a.attname !~ '^masked_';
	SELECT f INTO wrong FROM unnest(features) AS f WHERE f IS NULL OR f <> ALL (usable) LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_column',
			MESSAGE = format('%s is no feature', coalesce(quote_ident(wrong), 'NULL')),
			DETAIL = CASE WHEN wrong LIKE $re$_\_score$re$ THEN 'Scores are ranks in a few steps, and clusters of them are the segments once more.'
				ELSE 'A feature is a numeric column of the per-customer table.' END,
			HINT = format('Features are %s.', array_to_string(usable, ', '));
	ELSIF cardinality(features) NOT BETWEEN 1 AND 32 OR cardinality(features) <> (SELECT count(DISTINCT f) FROM unnest(features) AS f) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('features are %s', features),
			HINT = 'There must be from 1 to 32, each of them once.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_features(text, text[]) IS 'Internal: an error unless all are numeric columns of the per-customer table, and no scores.';

CREATE FUNCTION rfmseg._choose_transforms(source text, features text[], transform text)
RETURNS text[] LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	feature text;
	d float8[];
	transforms text[] := '{}';
BEGIN
	FOREACH feature IN ARRAY features LOOP
		IF transform = 'auto' THEN
			-- Kelly's skewness, of deciles, which are the same whatever the order of the rows
			EXECUTE format('SELECT rfmseg.cut_points(c.%I::float8, 10) FROM %s AS c', feature, source) INTO d;
		END IF;
		transforms := transforms || CASE WHEN transform <> 'auto' THEN transform
			WHEN d[9] > d[1] AND abs(d[9] + d[1] - 2 * d[5]) / (d[9] - d[1]) > 0.3 THEN 'signed_log' ELSE 'none' END;
	END LOOP;
	RETURN transforms;
END
$body$;
COMMENT ON FUNCTION rfmseg._choose_transforms(text, text[], text) IS
'Internal: what is done to each feature; auto takes the signed logarithm of those whose outer deciles lie unevenly about the median: |d9 + d1 - 2 d5| / (d9 - d1) above 0.3.';

CREATE FUNCTION rfmseg._current_customers(deployment text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	run int;
BEGIN
	EXECUTE format('SELECT run_id FROM %I.runs WHERE is_current', deployment || '_core') INTO run;
	IF run IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" has no customers yet', deployment),
			HINT = format('CALL rfmseg.refresh(%L) first.', deployment);
	END IF;
	RETURN format('%I.%I', deployment || '_core', 'scored_customers_' || run);
END
$body$;
COMMENT ON FUNCTION rfmseg._current_customers(text) IS 'Internal: the table of the customers that are published, quoted.';

CREATE FUNCTION rfmseg._cluster_census(customers text, fitted jsonb, points text, champion jsonb, champion_points text)
RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	census jsonb;
BEGIN
	EXECUTE format($query$
		SELECT jsonb_agg(t) FROM (
			SELECT cluster, old_cluster, segment, count(*) AS n, sum(r_score) AS r, sum(f_score) AS f, sum(m_score) AS m
			FROM (
				SELECT rfmseg.kmeans_predict(%4$L::jsonb::rfmseg.kmeans_model, %2$s) AS cluster,
					rfmseg.kmeans_predict(%5$L::jsonb::rfmseg.kmeans_model, %3$s) AS old_cluster,
					c.segment_name AS segment, c.r_score, c.f_score, c.m_score
				FROM %1$s AS c
			) AS p
			GROUP BY cluster, old_cluster, segment
		) AS t$query$, customers, points, coalesce(champion_points, 'NULL::float8[]'), fitted, champion)
	INTO census;
	RETURN census;
END
$body$;
COMMENT ON FUNCTION rfmseg._cluster_census(text, jsonb, text, jsonb, text) IS
'Internal: how many customers are in which cluster, cluster of the champion and segment, and their scores added up.';

-- Scores compare clusters with segments: they are ranks, which k-means did not see.
CREATE FUNCTION rfmseg._cluster_names(census jsonb, k int, old_names text[])
RETURNS text[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	names text[] := array_fill(NULL::text, ARRAY[k]);
	item record;
	name text;
	namesakes int;
BEGIN
	-- What shares most of its customers with a cluster of the champion is that one still
	FOR item IN
		SELECT cluster, old_cluster
		FROM (
			SELECT cluster, old_cluster, sum(p.n) AS common, sum(sum(p.n)) OVER (PARTITION BY cluster) AS size,
				sum(sum(p.n)) OVER (PARTITION BY old_cluster) AS old_size
			FROM jsonb_to_recordset(census) AS p (cluster int, old_cluster int, n bigint)
			WHERE cluster IS NOT NULL AND old_cluster IS NOT NULL
			GROUP BY cluster, old_cluster
		) AS overlap
		WHERE 2 * common > size + old_size - common
	LOOP
		names[item.cluster] := old_names[item.old_cluster];
	END LOOP;

	-- The others are named after the segment that is nearest; of several the
	-- nearest has its plain name, and the rest what sets them apart from it.
	FOR item IN
		WITH p AS (
			SELECT * FROM jsonb_to_recordset(census) AS p (cluster int, segment text, n bigint, r bigint, f bigint, m bigint)
		), clusters AS (
			SELECT cluster, sum(r) / sum(n) AS r, sum(f) / sum(n) AS f, sum(m) / sum(n) AS m
			FROM p WHERE cluster IS NOT NULL GROUP BY cluster
		), segments AS (
			SELECT segment, sum(r) / sum(n) AS r, sum(f) / sum(n) AS f, sum(m) / sum(n) AS m
			FROM p GROUP BY segment
		), nearest AS (
			SELECT DISTINCT ON (c.cluster) c.cluster, s.segment, c.r - s.r AS r, c.f - s.f AS f, c.m - s.m AS m
			FROM clusters c CROSS JOIN segments s
			ORDER BY c.cluster, (c.r - s.r) ^ 2 + (c.f - s.f) ^ 2 + (c.m - s.m) ^ 2, s.segment COLLATE "C"
		)
		SELECT * FROM nearest ORDER BY r ^ 2 + f ^ 2 + m ^ 2, cluster
	LOOP
		CONTINUE WHEN names[item.cluster] IS NOT NULL;
		name := item.segment;
		IF name = ANY (names) THEN
			name := format('%s, %s', name, CASE greatest(abs(item.r), abs(item.f), abs(item.m))
				WHEN abs(item.m) THEN CASE WHEN item.m < 0 THEN 'lower spend' ELSE 'higher spend' END
				WHEN abs(item.f) THEN CASE WHEN item.f < 0 THEN 'less often' ELSE 'more often' END
				ELSE CASE WHEN item.r < 0 THEN 'longer ago' ELSE 'more recent' END END);
		END IF;
		namesakes := 1;
		WHILE concat_ws(' ', name, nullif(namesakes, 1)) = ANY (names) LOOP
			namesakes := namesakes + 1;
		END LOOP;
		names[item.cluster] := concat_ws(' ', name, nullif(namesakes, 1));
	END LOOP;

	-- a cluster without customers has no scores
	RETURN ARRAY(SELECT coalesce(names[i], format('Cluster %s', i)) FROM generate_series(1, k) AS i ORDER BY i);
END
$body$;
COMMENT ON FUNCTION rfmseg._cluster_names(jsonb, int, text[]) IS
'Internal: a name for each cluster, no two alike. A cluster that has more than half of all customers of itself and one of the champion''s in common with it keeps its name. The others are named after the segment whose mean scores are nearest; of several such clusters, all but the nearest with what sets them apart.';

CREATE FUNCTION rfmseg._start_training(deployment text, given jsonb)
RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	run int;
BEGIN
	EXECUTE format('INSERT INTO %I.model_runs (model, extension_version, parameters) VALUES (''clusters'', $1, $2) RETURNING run_id', deployment || '_core')
		INTO run USING (SELECT extversion FROM pg_extension WHERE extname = 'rfmseg'), given;
	RETURN run;
END
$body$;
COMMENT ON FUNCTION rfmseg._start_training(text, jsonb) IS 'Internal: puts a new training run on record.';

CREATE FUNCTION rfmseg._record_metrics(deployment text, run int, models rfmseg.kmeans_model[], chosen rfmseg.kmeans_model)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE format($query$
		INSERT INTO %I.model_metrics (run_id, metric, step, value)
		SELECT $1, v.metric || t.suffix, CASE t.suffix WHEN '' THEN 0 ELSE t.k END, v.value
		FROM (
			SELECT m.*, '_by_k' AS suffix FROM unnest($2) AS m
			UNION ALL SELECT ($3).*, ''
		) AS t, LATERAL (VALUES ('inertia', t.inertia), ('explained_variance', t.explained_variance),
			('calinski_harabasz', t.calinski_harabasz), ('simplified_silhouette', t.simplified_silhouette),
			('sample_silhouette', t.sample_silhouette), ('iterations', t.iterations)) AS v (metric, value)
		WHERE v.value IS NOT NULL
		UNION ALL
		SELECT $1, 'inertia_by_iteration', i - 1, ($3).inertia_history[i] FROM generate_subscripts(($3).inertia_history, 1) AS i
		$query$, deployment || '_core') USING run, models, chosen;
END
$body$;
COMMENT ON FUNCTION rfmseg._record_metrics(text, int, rfmseg.kmeans_model[], rfmseg.kmeans_model) IS 'Internal: writes what was measured in a training run.';

CREATE FUNCTION rfmseg._train(deployment text, run int)
RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres'
SET extra_float_digits = 1
SET quote_all_identifiers = off
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	asked jsonb;
	features text[];
	transforms text[];
	customers text;
	points text;
	query text;
	k_min int;
	k_max int;
	most int;
	given record;
	champion record;
	chosen rfmseg.kmeans_model;
	names text[];
	made int;
BEGIN
	PERFORM rfmseg._lock(deployment);
	PERFORM rfmseg._mark_interrupted(deployment, 'model_runs', run);
	EXECUTE format('SELECT parameters FROM %s.model_runs WHERE run_id = $1', home) INTO asked USING run;
	features := ARRAY(SELECT jsonb_array_elements_text(asked -> 'features'));
	customers := rfmseg._current_customers(deployment);
	PERFORM rfmseg._check_features(deployment, features);
	transforms := rfmseg._choose_transforms(customers, features, asked ->> 'transform');
	points := rfmseg._features(features, transforms);
	query := format('SELECT %s AS point FROM %s AS c WHERE num_nulls(%s) = 0', points, customers,
		(SELECT string_agg(format('c.%I', f), ', ') FROM unnest(features) AS f));

	k_min := coalesce(asked ->> 'k', asked ->> 'k_min');
	k_max := coalesce(asked ->> 'k', asked ->> 'k_max');
	EXECUTE format('SELECT count(*) FROM (SELECT DISTINCT point FROM (%s) AS p LIMIT $1) AS d', query) INTO most USING k_max;
	IF most = 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'no_data_found',
			MESSAGE = format('no customer of deployment "%s" has all features', deployment),
			HINT = 'Leave out those that are NULL for all, as they need columns that are not mapped.';
	ELSIF asked ->> 'k' IS NULL THEN
		-- no more clusters are tried than there can be
		k_max := least(k_max, most);
		k_min := least(k_min, k_max);
	END IF;
	EXECUTE format('SELECT count(*) AS n, md5(sum(hash_array_extended(point, 0)::numeric)::text) AS digest,'
		' rfmseg.kmeans_sweep(point, $1, $2, $3) AS models FROM (%s) AS p', query)
	INTO given USING k_min, k_max, nullif(asked -> 'options', 'null');
	SELECT m.* INTO chosen FROM unnest(given.models) AS m
	WHERE m.k = CASE WHEN k_min = k_max THEN k_min ELSE rfmseg.best_k(given.models, asked ->> 'criterion') END;
	IF NOT chosen.converged THEN
		RAISE WARNING 'k-means did not converge in % iterations', chosen.iterations
			USING HINT = 'Raise max_iter among the options.';
	END IF;

	EXECUTE format('SELECT * FROM %s.champions WHERE model = ''clusters''', home) INTO champion;
	names := rfmseg._cluster_names(
		rfmseg._cluster_census(customers, chosen::jsonb, points, champion.fitted, rfmseg._features(champion.features, champion.transforms)),
		chosen.k, champion.cluster_names);

	PERFORM rfmseg._record_metrics(deployment, run, given.models, chosen);
	EXECUTE format('INSERT INTO %1$s.model_versions (model, version, run_id, features, transforms, fitted, cluster_names)'
		' SELECT ''clusters'', coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5 FROM %1$s.model_versions WHERE model = ''clusters'' RETURNING version', home)
	INTO made USING run, features, transforms, chosen::jsonb, names;
	EXECUTE format('UPDATE %1$s.model_runs SET status = ''succeeded'', finished_at = clock_timestamp(), parameters = $2, seed = $3, refresh_run_id = r.run_id,'
		' as_of = r.as_of, dataset_query = $4, dataset_rows = $5, dataset_digest = $6, version = $7'
		' FROM %1$s.current_run r WHERE model_runs.run_id = $1', home)
	USING run, asked || jsonb_build_object('transforms', transforms, 'chosen_k', chosen.k, 'options', chosen.options),
		(chosen.options ->> 'seed')::bigint, query, given.n, given.digest, made;

	IF coalesce((asked ->> 'promote')::boolean, champion.version IS NULL) THEN
		PERFORM rfmseg.promote(deployment, made);
		RAISE NOTICE '%: version % of the clusters is the champion: %', deployment, made, array_to_string(names, '; ')
			USING HINT = format('CALL rfmseg.refresh(%L) puts customers into them.', deployment);
	ELSE
		RAISE NOTICE '%: version % of the clusters is made: %', deployment, made, array_to_string(names, '; ')
			USING HINT = format('SELECT rfmseg.promote(%L, %s) makes it the champion.', deployment, made);
	END IF;
	RETURN made;
END
$body$;
COMMENT ON FUNCTION rfmseg._train(text, int) IS 'Internal: what a training run does; the version made.';

-- As with refresh, the record of a failed run must survive it.
CREATE PROCEDURE rfmseg.train(deployment text, k int DEFAULT NULL,
	features text[] DEFAULT '{recency_days,frequency,monetary}', transform text DEFAULT 'auto',
	options jsonb DEFAULT '{"silhouette": true}', k_min int DEFAULT 3, k_max int DEFAULT 10,
	criterion text DEFAULT 'silhouette', promote boolean DEFAULT NULL)
LANGUAGE plpgsql
AS $body$
DECLARE
	callers_path pg_catalog.text := pg_catalog.current_setting('search_path');
	may_commit pg_catalog.bool;
	run pg_catalog.int4;
	state pg_catalog.text;
	message pg_catalog.text;
	detail pg_catalog.text;
	hint pg_catalog.text;
BEGIN
	SET LOCAL search_path = pg_catalog, pg_temp;
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._check_training(features, transform, k, k_min, k_max, criterion);
	CALL rfmseg._may_commit(may_commit);
	run := rfmseg._start_training(deployment, jsonb_build_object('k', k, 'features', features, 'transform', transform,
		'options', options, 'k_min', k_min, 'k_max', k_max, 'criterion', criterion, 'promote', promote));
	IF may_commit THEN
		COMMIT;
		SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
		SET LOCAL search_path = pg_catalog, pg_temp;
	END IF;

	BEGIN
		PERFORM rfmseg._train(deployment, run);
	EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
			detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	END;

	IF state IS NOT NULL THEN
		IF may_commit THEN
			PERFORM rfmseg._fail_run(deployment, 'model_runs', run, state, message, hint);
			COMMIT;
			SET LOCAL search_path = pg_catalog, pg_temp;
		END IF;
		RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message,
			DETAIL = coalesce(nullif(detail, ''), 'No version was made.'),
			HINT = coalesce(nullif(hint, ''), CASE WHEN may_commit
				THEN format('It is on record as run %s in %I.model_runs.', run, deployment || '_core')
				ELSE 'The transaction that the training was part of is rolled back as a whole.' END);
	END IF;
	IF may_commit THEN
		COMMIT;
		SET LOCAL search_path = pg_catalog, pg_temp;
	END IF;
	PERFORM set_config('search_path', callers_path, true);
END
$body$;
COMMENT ON PROCEDURE rfmseg.train(text, int, text[], text, jsonb, int, int, text, boolean) IS
'Finds clusters among the customers of a deployment, and keeps them as a new version of its model, with names. k: how many; NULL tries k_min to k_max and takes the best by criterion (see best_k). k_min is 3 by default, as two clusters, those who buy and those who do not, mostly fit best and say least. features: columns of the per-customer table, no scores. transform: signed_log for all, none, or auto, the logarithm of those that are skewed. options: as of kmeans. promote: whether the version becomes the champion, which refreshes apply; NULL if there is none yet. What was done is in <name>_core.model_runs, failed runs too, and model_metrics. Errors: not the owner; no refresh yet; a column that is no feature; as of kmeans_sweep.';
-------------------------------------------------------------------------------
-- holdout(): how well lifetime models would have foretold what came
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._holdout_descriptions()
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT $json${
		"holdout_id": "Number of the holdout.",
		"as_of": "The end of the past that the models were fitted on.",
		"refreshed_at": "When it was computed.",
		"holdout_end": "The end of the period that was foretold.",
		"days": "Days of that period, by local date.",
		"lifetime_method": "The models: of purchases, then of their value; see lifetime_value.",
		"breakdown": "all: all customers; frequency: by their repeat purchases in the past; decile: by expected purchases, 1 the most.",
		"class": "Which of them.",
		"class_order": "Place of the class.",
		"customers": "Customers in it: those who had bought by as_of.",
		"observed_purchases": "Days with purchases in the period.",
		"expected_purchases": "What the model expects of them.",
		"naive_purchases": "The plain guess: as many as in as many days before as_of.",
		"error_percent": "By how much expected_purchases is off, per cent of what was observed.",
		"naive_error_percent": "By how much naive_purchases is off, per cent.",
		"mean_absolute_error": "Mean over customers of how far the expected number is from the observed one.",
		"naive_mean_absolute_error": "The same of the plain guess.",
		"observed_value": "Money spent in the period, net of returns unless they are dropped.",
		"expected_value": "What the models expect.",
		"naive_value": "The plain guess: as much as in as many days before as_of.",
		"currency": "Currency of the money.",
		"requested_by": "Login of the caller.",
		"lifetime_fit": "The models fitted on the past."
	}$json$::jsonb
$body$;
COMMENT ON FUNCTION rfmseg._holdout_descriptions() IS 'Internal: what the columns of holdout relations say, by name.';

CREATE FUNCTION rfmseg._create_holdouts(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %1$s.holdouts (
		holdout_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
		requested_by name NOT NULL DEFAULT session_user,
		refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		as_of timestamptz NOT NULL,
		holdout_end timestamptz NOT NULL,
		days int NOT NULL,
		lifetime_method text NOT NULL,
		lifetime_fit jsonb NOT NULL,
		currency text NOT NULL
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.holdouts', rfmseg._holdout_descriptions() || '{"": "One row for each rfmseg.holdout()."}');

	EXECUTE format($ddl$
	CREATE TABLE %1$s.holdout_results (
		holdout_id int REFERENCES %1$s.holdouts ON DELETE CASCADE,
		breakdown text,
		class_order int,
		class text NOT NULL,
		customers bigint,
		observed_purchases bigint,
		expected_purchases numeric,
		naive_purchases numeric,
		mean_absolute_error numeric,
		naive_mean_absolute_error numeric,
		observed_value numeric,
		expected_value numeric,
		naive_value numeric,
		PRIMARY KEY (holdout_id, breakdown, class_order)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.holdout_results', rfmseg._holdout_descriptions()
		|| '{"": "What was foretold and what came, by class of customers."}');
	PERFORM rfmseg._create_holdout_views(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_holdouts(text) IS 'Internal: makes the tables of a deployment''s holdouts.';

CREATE FUNCTION rfmseg._create_holdout_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
BEGIN
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.lifetime_holdout WITH (security_invoker = true) AS
	SELECT r.breakdown, r.class, r.class_order, h.as_of, h.refreshed_at, h.holdout_end, h.days, r.customers,
		r.observed_purchases, r.expected_purchases, r.naive_purchases,
		round(100 * (r.expected_purchases - r.observed_purchases) / nullif(r.observed_purchases, 0), 1) AS error_percent,
		round(100 * (r.naive_purchases - r.observed_purchases) / nullif(r.observed_purchases, 0), 1) AS naive_error_percent,
		r.mean_absolute_error, r.naive_mean_absolute_error,
		r.observed_value, r.expected_value, r.naive_value, h.currency, h.lifetime_method
	FROM %1$s.holdouts h JOIN %1$s.holdout_results r USING (holdout_id)
	WHERE h.holdout_id = (SELECT max(holdout_id) FROM %1$s.holdouts)
	$view$, home, shown);
	PERFORM rfmseg._comment(shown || '.lifetime_holdout', rfmseg._holdout_descriptions()
		|| '{"": "How well the lifetime models foretold a period from what came before: the last rfmseg.holdout()."}');
END
$body$;
COMMENT ON FUNCTION rfmseg._create_holdout_views(text) IS 'Internal: makes the view of a deployment''s last holdout.';

CREATE FUNCTION rfmseg._summarize_as_of(deployment text, relation text, as_of timestamptz)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO'
AS $body$
DECLARE
	key text := rfmseg._type_of_column(quote_ident(deployment || '_core') || '.transaction_lines', 'customer_id');
	s record;
BEGIN
	EXECUTE format('SELECT time_zone, returns FROM %I.settings', deployment || '_core') INTO s;
	EXECUTE format('CREATE UNLOGGED TABLE %s AS SELECT * FROM rfmseg.summarize_customers(NULL::%s, NULL) WITH NO DATA', relation, key);
	EXECUTE format('SELECT rfmseg._summarize_into(NULL::%s, $1, $2, $3, NULL, $4, NULL, $5, $6)', key)
	USING rfmseg._lines_query(deployment), as_of, s.time_zone, s.returns, rfmseg._repeated(deployment), relation::regclass;
	EXECUTE format('DELETE FROM %s WHERE customer_id IS NULL', relation);
	EXECUTE format('ANALYZE %s (customer_id)', relation);
END
$body$;
COMMENT ON FUNCTION rfmseg._summarize_as_of(text, text, timestamptz) IS
'Internal: makes a table of what was known of a deployment''s customers at some time.';

CREATE FUNCTION rfmseg._holdout_period(deployment text, INOUT calibration_end timestamptz, INOUT holdout_end timestamptz, OUT days int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	zone text;
	seen record;
BEGIN
	EXECUTE format('SELECT time_zone FROM %I.settings', deployment || '_core') INTO zone;
	EXECUTE format('SELECT r.as_of, min(c.first_purchase_at) AS first_purchase_at FROM %I.runs r, %s c WHERE r.is_current GROUP BY r.as_of',
		deployment || '_core', rfmseg._current_customers(deployment)) INTO seen;
	holdout_end := coalesce(holdout_end, seen.as_of);
	calibration_end := coalesce(calibration_end,
		date_trunc('day', greatest(holdout_end - (holdout_end - seen.first_purchase_at) / 3, holdout_end - interval '365 days'), zone));
	IF NOT isfinite(calibration_end) OR NOT isfinite(holdout_end) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'calibration_end and holdout_end must not be infinite';
	END IF;
	days := (holdout_end AT TIME ZONE zone)::date - (calibration_end AT TIME ZONE zone)::date;
	IF days < 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the holdout would end at %s, no day after the calibration, %s', holdout_end, calibration_end),
			HINT = 'Give a calibration_end before the last purchases.';
	ELSIF holdout_end > seen.as_of THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the holdout would end at %s, after the last refresh''s as_of, %s', holdout_end, seen.as_of),
			HINT = 'What came by then must be known.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._holdout_period(text, timestamptz, timestamptz) IS
'Internal: the period to foretell, checked; by default the last third of the time with purchases, or the last year if that is less.';

CREATE FUNCTION rfmseg.holdout(
	deployment text,
	calibration_end timestamptz DEFAULT NULL,
	holdout_end timestamptz DEFAULT NULL,
	lifetime_model text DEFAULT NULL)
RETURNS TABLE (breakdown text, class text, customers bigint,
	observed_purchases bigint, expected_purchases numeric, naive_purchases numeric, error_percent numeric, naive_error_percent numeric,
	mean_absolute_error numeric, naive_mean_absolute_error numeric,
	observed_value numeric, expected_value numeric, naive_value numeric)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
AS $body$
#variable_conflict use_column
DECLARE
	home text := quote_ident(deployment || '_core');
	past text;
	before text;
	later text;
	s record;
	period record;
	seen record;
	fit jsonb;
	expressions text[];
	covered int;
	id int;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._check_choice('lifetime_model', lifetime_model, '{mbgnbd,bgnbd,pnbd}');
	EXECUTE format('SELECT time_zone, currency, lifetime_model, min_cell_size FROM %s.settings', home) INTO s;
	SELECT * INTO period FROM rfmseg._holdout_period(deployment, holdout.calibration_end, holdout.holdout_end);

	EXECUTE format('SELECT nextval(pg_get_serial_sequence(%L, ''holdout_id''))', home || '.holdouts') INTO id;
	past := format('%s.holdout_%s_past', home, id);
	before := format('%s.holdout_%s_before', home, id);
	later := format('%s.holdout_%s_later', home, id);
	PERFORM rfmseg._summarize_as_of(deployment, past, period.calibration_end);
	PERFORM rfmseg._summarize_as_of(deployment, before,
		(period.calibration_end AT TIME ZONE s.time_zone - make_interval(days => period.days)) AT TIME ZONE s.time_zone);
	PERFORM rfmseg._summarize_as_of(deployment, later, period.holdout_end);

	fit := rfmseg._fit_lifetime(past, coalesce(holdout.lifetime_model, s.lifetime_model));
	IF fit ->> 'problem' IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('no lifetime model fits the past before %s', period.calibration_end),
			DETAIL = format('Reason: %s.', fit ->> 'problem'),
			HINT = 'Give a later calibration_end, or another lifetime_model.';
	END IF;

	-- where the past is shorter than the period, the plain guess is made of what there is
	EXECUTE format('SELECT min((first_purchase_at AT TIME ZONE $1)::date) AS first_day FROM %s', past) INTO seen USING s.time_zone;
	covered := least(period.days, greatest(1, (period.calibration_end AT TIME ZONE s.time_zone)::date - seen.first_day));

	expressions := rfmseg._lifetime_expressions(fit, period.days, 0);
	EXECUTE format('INSERT INTO %s.holdouts (holdout_id, as_of, holdout_end, days, lifetime_method, lifetime_fit, currency) VALUES ($1, $2, $3, $4, $5, $6, $7)', home)
	USING id, period.calibration_end, period.holdout_end, period.days, rfmseg._lifetime_method(fit), fit, s.currency;
	EXECUTE format($query$
		INSERT INTO %1$s.holdout_results
		SELECT $1, g.breakdown, g.class_order, g.class, count(*),
			sum(p.observed), round(sum(p.expected::numeric), 2), round(sum(p.naive), 2),
			round(avg(abs(p.expected - p.observed)::numeric), 4), round(avg(abs(p.naive - p.observed)), 4),
			round(sum(p.observed_value), 2), round(sum((p.expected * p.value_each)::numeric), 2), round(sum(p.naive_value), 2)
		FROM (
			SELECT *, ntile(10) OVER (ORDER BY expected DESC, customer_id::text COLLATE "C") AS decile
			FROM (
				SELECT c.customer_id, c.frequency_repeat, %5$s AS expected, %6$s AS value_each,
					greatest(coalesce(l.frequency_repeat, c.frequency_repeat) - c.frequency_repeat, 0) AS observed,
					$2 * (c.frequency_repeat - coalesce(b.frequency_repeat, -1)) AS naive,
					coalesce(l.lifetime_monetary, 0) - c.lifetime_monetary AS observed_value,
					$2 * (c.lifetime_monetary - coalesce(b.lifetime_monetary, 0)) AS naive_value
				FROM %2$s AS c
				LEFT JOIN %3$s AS b ON b.customer_id = c.customer_id AND b.lifetime_frequency > 0
				LEFT JOIN %4$s AS l ON l.customer_id = c.customer_id
				WHERE c.lifetime_frequency > 0
			) AS q
		) AS p
		CROSS JOIN LATERAL (VALUES
			('all', 1, 'all'),
			('frequency', least(p.frequency_repeat, 7) + 1, CASE WHEN p.frequency_repeat < 7 THEN p.frequency_repeat::text ELSE '7+' END),
			('decile', p.decile, p.decile::text)) AS g (breakdown, class_order, class)
		GROUP BY g.breakdown, g.class_order, g.class$query$,
		home, past, before, later, expressions[2], expressions[3])
	USING id, round(period.days / covered::numeric, 6);
	PERFORM rfmseg._leave_out_small(home || '.holdout_results', 'holdout_id', id, 'customers', 'class_order',
		'{breakdown,class,class_order}', s.min_cell_size, 'breakdown');
	EXECUTE format('DROP TABLE %s, %s, %s', past, before, later);

	RETURN QUERY EXECUTE format('SELECT breakdown, class, customers, observed_purchases, expected_purchases, naive_purchases, error_percent, naive_error_percent,'
		' mean_absolute_error, naive_mean_absolute_error, observed_value, expected_value, naive_value'
		' FROM %I.lifetime_holdout ORDER BY breakdown, class_order', deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg.holdout(text, timestamptz, timestamptz, text) IS
'How well lifetime models would have foretold what came: fits them on the purchases before calibration_end, and compares what they expect of each customer from then to holdout_end with what was bought, and with the plain guess that the last period repeats itself; for all customers, by repeat purchases, and by decile of expectation. holdout_end: by default the last refresh''s as_of. calibration_end: by default the last third of the time with purchases earlier, but no more than 365 days. lifetime_model: mbgnbd, bgnbd or pnbd; by default the deployment''s. Purchases are days with purchases. The result is published as lifetime_holdout. Errors: not the owner; no refresh yet; a period that ends before it begins, or after as_of; too few customers who came back before calibration_end.';
-------------------------------------------------------------------------------
-- backfill(): history of the time before the first refresh
-------------------------------------------------------------------------------

-- As refresh, a procedure that commits: qualified names, and a search_path of its own.
CREATE PROCEDURE rfmseg.backfill(deployment text, from_as_of timestamptz, to_as_of timestamptz DEFAULT NULL, step interval DEFAULT '1 month')
LANGUAGE plpgsql
AS $body$
DECLARE
	callers_path pg_catalog.text := pg_catalog.current_setting('search_path');
	published pg_catalog.timestamptz;
	zone pg_catalog.text;
	instant pg_catalog.timestamptz;
	n pg_catalog.int4 := 0;
BEGIN
	SET LOCAL search_path = pg_catalog, pg_temp;
	PERFORM rfmseg._require(deployment);
	IF from_as_of IS NULL OR step IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = format('%s must not be NULL', CASE WHEN step IS NULL THEN 'step' ELSE 'from_as_of' END);
	END IF;
	EXECUTE format('SELECT as_of FROM %I.runs WHERE is_current', deployment || '_core') INTO published;
	IF published IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" has no customers yet', deployment),
			HINT = format('CALL rfmseg.refresh(%L) first.', deployment);
	ELSIF step < interval '1 day' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('step is %s', step), HINT = 'It must be a day or more, such as ''1 month''.';
	ELSIF NOT isfinite(from_as_of) OR NOT isfinite(to_as_of) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'from_as_of and to_as_of must not be infinite';
	ELSIF from_as_of >= published OR to_as_of < from_as_of THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('there is nothing to fill from %s to %s', from_as_of, least(to_as_of, published)),
			HINT = 'History is filled from from_as_of to to_as_of, before the as_of of the published segments.';
	END IF;

	-- steps are local ones, so that months begin at midnight in summer too
	EXECUTE format('SELECT time_zone FROM %I.settings', deployment || '_core') INTO zone;
	LOOP
		instant := ((from_as_of AT TIME ZONE zone) + n * step) AT TIME ZONE zone;
		EXIT WHEN instant >= published OR instant > to_as_of;
		CALL rfmseg.refresh(deployment, instant);
		n := n + 1;
	END LOOP;
	PERFORM set_config('search_path', callers_path, true);
	RAISE NOTICE '%: history has % more runs, from % on', deployment, n, from_as_of;
END
$body$;
COMMENT ON PROCEDURE rfmseg.backfill(text, timestamptz, timestamptz, interval) IS
'Fills history with what segments were before: a refresh for each as_of from from_as_of to to_as_of, step apart, in the deployment''s zone, up to that of the published segments, which stay as they are. With frozen cut points it is by those that are in force. What is then there are segment_trend, segment_migration, and the past of each customer. It takes a refresh each; if one fails, those before are kept. Errors: not the owner; no refresh yet; a step of less than a day; nothing to fill.';
-------------------------------------------------------------------------------
-- generate() and demo(): a deployment with made-up data
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._check_landing_is_empty(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	raw text := deployment || '_raw';
	landing record;
BEGIN
	FOR landing IN
		SELECT dataset, format('%I.%I', raw, dataset) AS relation, c.relkind
		FROM unnest('{customers,ground_truth,products,transactions}'::text[]) dataset
		LEFT JOIN pg_class c ON c.relname = dataset AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = raw)
		WHERE c.oid IS NOT NULL OR dataset <> 'ground_truth'
		ORDER BY dataset
	LOOP
		IF landing.relkind IS NULL OR landing.relkind NOT IN ('r', 'p') THEN
			RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
				MESSAGE = format('%s is no table', landing.relation),
				DETAIL = 'Made-up rows go into the landing tables, and a mapped source is read through a view in their place.',
				HINT = 'Deploy another one for made-up data, such as SELECT rfmseg.deploy(''demo'').';
		ELSIF rfmseg._holds_rows(landing.relation, 'SHARE ROW EXCLUSIVE') THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('landing table %s already holds rows', landing.relation),
				DETAIL = 'Made-up rows are never mixed with others.',
				HINT = format('Deploy another one for made-up data; or, if these rows may go: TRUNCATE %s.',
					(SELECT string_agg(format('%I.%I', raw, relname), ', ' ORDER BY relname) FROM pg_class
						WHERE relnamespace = raw::regnamespace AND relkind IN ('r', 'p')
							AND relname IN ('customers', 'ground_truth', 'products', 'transactions')));
		END IF;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_landing_is_empty(text) IS
'Internal: an error unless a deployment''s landing tables are tables and hold no rows; keeps others from filling them.';

CREATE FUNCTION rfmseg._is_as_deployed(relation text, dataset text)
RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT c.relkind = 'r' AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
		AND NOT (c.relhasindex OR c.relhastriggers OR c.relhasrules OR c.relrowsecurity OR c.relchecks > 0)
		AND (SELECT bool_and(NOT (a.attnotnull OR a.atthasdef OR a.attisdropped)) AND
				array_agg(a.attname::text || ' ' || a.atttypid::regtype ORDER BY a.attnum)
				= (SELECT array_agg(l.column_name || ' ' || l.data_type::regtype ORDER BY l.place)
					FROM rfmseg._landing_columns l WHERE l.dataset = $2)
			FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
	FROM pg_class c WHERE c.oid = $1::regclass
$body$;
COMMENT ON FUNCTION rfmseg._is_as_deployed(text, text) IS
'Internal: whether a landing table has the columns that deploy gave it, and nothing else to mind, so that rows can be put into it many at a time.';

CREATE FUNCTION rfmseg._land(deployment text, dataset text, query text)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	columns text := (SELECT string_agg(quote_ident(column_name), ', ' ORDER BY place)
		FROM rfmseg._landing_columns l WHERE l.dataset = _land.dataset);
	landed bigint;
BEGIN
	EXECUTE format('INSERT INTO %I.%I (%s) SELECT %s FROM (%s) AS made', deployment || '_raw', dataset, columns, columns, query);
	GET DIAGNOSTICS landed = ROW_COUNT;
	RETURN landed;
END
$body$;
COMMENT ON FUNCTION rfmseg._land(text, text, text) IS
'Internal: inserts a query''s rows, which have the landing columns by name, into a landing table; how many.';

-- What dirty rows are made: copies of good ones, each broken in one way.
-- Duplicates come last, as they look like good ones.
CREATE TABLE rfmseg._dirt (
	dataset text NOT NULL,
	stream int NOT NULL,
	kind text NOT NULL,
	changes jsonb NOT NULL,
	PRIMARY KEY (dataset, kind),
	UNIQUE (stream)
);
GRANT SELECT ON rfmseg._dirt TO PUBLIC;
COMMENT ON TABLE rfmseg._dirt IS 'Internal: the kinds of dirty rows that generate() makes.';
COMMENT ON COLUMN rfmseg._dirt.dataset IS 'transactions, customers or products.';
COMMENT ON COLUMN rfmseg._dirt.stream IS 'Number of the stream of random numbers that picks the good rows; the order in which kinds are made.';
COMMENT ON COLUMN rfmseg._dirt.kind IS 'What is wrong with them.';
COMMENT ON COLUMN rfmseg._dirt.changes IS 'Expressions over the good row, by column; duplicates have none and keep their id too.';

INSERT INTO rfmseg._dirt (dataset, stream, kind, changes) VALUES
	('transactions', 101, 'missing_transaction_id', '{"transaction_id": "NULL::bigint"}'),
	('transactions', 102, 'missing_customer_id', '{"customer_id": "NULL::bigint"}'),
	('transactions', 103, 'future_date', '{"transaction_date": "(transaction_date AT TIME ZONE ''UTC'' + interval ''100 years'') AT TIME ZONE ''UTC''"}'),
	('transactions', 104, 'negative_total', '{"total_amount": "-total_amount"}'),
	('transactions', 105, 'duplicate_transaction_id', '{}'),
	('customers', 111, 'missing_customer_id', '{"customer_id": "NULL::bigint"}'),
	('customers', 112, 'under_age', '{"age": "13 + draw % 5"}'),
	('customers', 113, 'duplicate_customer_id', '{}'),
	('products', 121, 'missing_product_id', '{"product_id": "NULL::bigint"}'),
	('products', 122, 'zero_price', '{"price": "0.00"}'),
	('products', 123, 'duplicate_product_id', '{}');

CREATE FUNCTION rfmseg._land_dirt(deployment text, seed bigint, dataset text, dirty numeric, last_id bigint, first_free_id bigint)
RETURNS TABLE (kind text, row_count bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_variable
DECLARE
	raw text := quote_ident(deployment || '_raw') || '.' || quote_ident(dataset);
	key text := rtrim(dataset, 's') || '_id';
	good text := format('%I <= %s', key, last_id);
	step int := CASE dataset WHEN 'transactions' THEN 100 ELSE 1 END;	-- each in an order of its own
	next_id bigint := first_free_id;
	wanted bigint;
	dirt record;
	columns text;
BEGIN
	IF dataset = 'transactions' THEN
		good := good || ' AND NOT is_return';
	END IF;
	EXECUTE format('SELECT ceil(count(*) * $1) FROM %s WHERE %s', raw, good) INTO wanted USING dirty;

	FOR dirt IN SELECT d.* FROM rfmseg._dirt d WHERE d.dataset = dataset ORDER BY d.stream LOOP
		SELECT string_agg(format('%s AS %I', CASE
				WHEN dirt.changes ? l.column_name THEN dirt.changes ->> l.column_name
				WHEN dirt.changes = '{}' THEN quote_ident(l.column_name)
				WHEN l.column_name = key THEN format('%s + (place - 1) * %s', next_id, step)
				WHEN l.column_name = 'order_id' THEN format('%s + (place - 1)', next_id / step)
				ELSE quote_ident(l.column_name) END, l.column_name), ', ' ORDER BY l.place)
		INTO columns FROM rfmseg._landing_columns l WHERE l.dataset = dataset;

		kind := dirt.kind;
		row_count := rfmseg._land(deployment, dataset, format($query$
			SELECT %1$s
			FROM (SELECT *, row_number() OVER (ORDER BY draw, %2$I) AS place
				FROM (SELECT *, rfmseg._draw(%3$L, %4$s, %2$I) AS draw FROM %5$s WHERE %6$s) AS drawn
				ORDER BY draw, %2$I LIMIT %7$s) AS picked$query$,
			columns, key, seed, dirt.stream, raw, good, wanted));
		next_id := next_id + row_count * step;
		RETURN NEXT;
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._land_dirt(text, bigint, text, numeric, bigint, bigint) IS
'Internal: adds dirty rows of each kind to a landing table, made of the good ones with ids up to last_id; how many of each.';

CREATE FUNCTION rfmseg.generate(
	deployment text,
	customers bigint DEFAULT 1000,
	seed bigint DEFAULT 42,
	start_date date DEFAULT '2024-01-01',
	end_date date DEFAULT '2025-12-31',
	dirty numeric DEFAULT 0,
	products bigint DEFAULT 100,
	population jsonb DEFAULT NULL
)
RETURNS TABLE (dataset text, kind text, row_count bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_variable
DECLARE
	raw text := quote_ident(deployment || '_raw');
	zone text;
	money text;
	arguments text;
	ids_of_a_customer CONSTANT bigint := 10000000;	-- 100,000 orders of 100 lines
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF dirty IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'dirty must not be NULL';
	ELSIF NOT dirty BETWEEN 0 AND 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('dirty is %s', dirty),
			HINT = 'It is a share of the good rows, from 0 to 1; 0.01 adds one dirty row of each kind for each hundred good ones.';
	END IF;
	PERFORM rfmseg._check_landing_is_empty(deployment);
	EXECUTE format('SELECT time_zone, currency FROM %I.settings', deployment || '_core') INTO zone, money;

	dataset := 'transactions';
	kind := 'good';
	IF rfmseg._is_as_deployed(raw || '.transactions', dataset) THEN
		row_count := rfmseg._generate_transactions_into(customers, seed, start_date, end_date, products, zone, money, population, 1, raw || '.transactions');
	ELSE
		row_count := rfmseg._land(deployment, dataset, format('SELECT * FROM rfmseg.generate_transactions(%L, %L, %L, %L, %L, %L, %L, %L)',
			customers, seed, start_date, end_date, products, zone, money, population));
	END IF;
	RETURN NEXT;

	dataset := 'customers';
	arguments := format('%L, %L, %L, %L, %L', customers, seed, start_date, end_date, population);
	row_count := rfmseg._land(deployment, dataset, format('SELECT * FROM rfmseg.generate_customers(%s)', arguments));
	RETURN NEXT;

	-- a population buys no products
	dataset := 'products';
	row_count := rfmseg._land(deployment, dataset, format('SELECT * FROM rfmseg.generate_products(%L, %L)',
		CASE WHEN population IS NULL THEN products ELSE 0 END, seed));
	RETURN NEXT;

	IF dirty > 0 THEN
		dataset := 'transactions';
		FOR kind, row_count IN SELECT * FROM rfmseg._land_dirt(deployment, seed, dataset, dirty,
			(customers + 1) * ids_of_a_customer - 1, (customers + 1) * ids_of_a_customer + 101)
		LOOP
			RETURN NEXT;
		END LOOP;
		dataset := 'customers';
		FOR kind, row_count IN SELECT * FROM rfmseg._land_dirt(deployment, seed, dataset, dirty, customers, customers + 1) LOOP
			RETURN NEXT;
		END LOOP;
		dataset := 'products';
		FOR kind, row_count IN SELECT * FROM rfmseg._land_dirt(deployment, seed, dataset, dirty, products, products + 1) LOOP
			RETURN NEXT;
		END LOOP;
	END IF;

	PERFORM rfmseg._create_ground_truth(deployment);
	EXECUTE format('INSERT INTO %s.ground_truth SELECT * FROM rfmseg.generate_ground_truth(%s)', raw, arguments);
	dataset := 'ground_truth';
	kind := 'truth';
	GET DIAGNOSTICS row_count = ROW_COUNT;
	RETURN NEXT;
END
$body$;
COMMENT ON FUNCTION rfmseg.generate(text, bigint, bigint, date, date, numeric, bigint, jsonb) IS
'Fills the empty landing tables of a deployment with made-up customers, products and purchases, in its zone and currency, and <name>_raw.ground_truth with what they were made of; says how many rows of each kind. The same arguments make the same rows. dirty: for each kind of dirt, how many rows are added for each good one, from 0 to 1, rounded up to a whole row; the good rows stay the same. population: one of known rates instead of archetypes, see generate_transactions. Errors: landing tables that hold rows or are views on a mapped source, arguments out of range.';

CREATE FUNCTION rfmseg._create_ground_truth(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	relation text := format('%I.ground_truth', deployment || '_raw');
BEGIN
	IF to_regclass(relation) IS NOT NULL THEN
		RETURN;		-- emptied by its owner
	END IF;
	EXECUTE format('CREATE TABLE %s AS SELECT * FROM rfmseg.generate_ground_truth(0, 0)', relation);
	PERFORM rfmseg._comment(relation, $json${
		"": "What the made-up customers of rfmseg.generate were made of: to score segments, clusters and predictions against.",
		"customer_id": "The customer.",
		"archetype": "How the customer was made to buy: big spender, frequent, regular, discount hunter, gift buyer, specialist, bulk buyer, one-time, never buyer; pure for a customer of a population.",
		"purchase_rate": "Orders a day of average demand, while active.",
		"dropout_probability": "Probability of dropping out after an order.",
		"dropout_rate": "Rate of dropping out, a day; population of model pnbd.",
		"mean_order_value": "Mean value of an order; population.",
		"mean_order_lines": "Mean number of lines of an order.",
		"discount_rate": "Share of orders at a discount, on days without a sale.",
		"return_rate": "Share of lines sent back, in a category of average returns.",
		"favorite_category": "The category preferred.",
		"category_affinity": "Share of lines of it, beside those that chance adds.",
		"rhythm": "When the customer buys: steady, at weekends, or for gifts.",
		"orders": "Orders made from start_date to end_date.",
		"is_active": "Whether the customer would still buy after end_date."
	}$json$);
	PERFORM rfmseg._apply_row_filters(deployment);
	PERFORM rfmseg._grant_all(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_ground_truth(text) IS 'Internal: makes the table of the truth behind made-up data, unless there is one.';

-- As refresh, a procedure that commits: qualified names, and a search_path of its own.
CREATE PROCEDURE rfmseg.demo(deployment text DEFAULT 'rfm', customers bigint DEFAULT 1000, seed bigint DEFAULT 42)
LANGUAGE plpgsql
AS $body$
DECLARE
	callers_path pg_catalog.text := pg_catalog.current_setting('search_path');
	made pg_catalog.text;
BEGIN
	SET LOCAL search_path = pg_catalog, pg_temp;
	PERFORM rfmseg._deploy(deployment);
	RAISE NOTICE 'deployment "%" is made: schemas %_raw, %_core and %', deployment, deployment, deployment, deployment;
	PERFORM rfmseg._make_group_roles(deployment);

	SELECT string_agg(format('%s %s', row_count, dataset), ', ' ORDER BY dataset) INTO made
	FROM rfmseg.generate(deployment, customers, seed) WHERE kind = 'good';
	RAISE NOTICE 'generated with seed %: %', seed, made
		USING HINT = format('%I.ground_truth tells what the customers were made of.', deployment || '_raw');

	CALL rfmseg.refresh(deployment);
	CALL rfmseg.train(deployment);
	CALL rfmseg.refresh(deployment);
	PERFORM set_config('search_path', callers_path, true);
	RAISE NOTICE 'deployment "%" is ready', deployment
		USING HINT = format('SELECT * FROM %1$I.segment_profiles; SELECT * FROM %1$I.customer_segments; SELECT rfmseg.undeploy(%2$L, with_data => true) removes it.',
			deployment, deployment);
END
$body$;
COMMENT ON PROCEDURE rfmseg.demo(text, bigint, bigint) IS
'Everything at once, with made-up data: deploy, generate, refresh, train, and refresh once more, which puts customers into clusters. One NOTICE a stage. Errors: those of the four; a deployment or schema of that name is never touched.';
-------------------------------------------------------------------------------
-- Audiences: whom a campaign may reach, and who was told so
-------------------------------------------------------------------------------
-- Contacts are read as they are at that moment, so that a consent withdrawn, or
-- a customer forgotten, is out of every audience, those drawn up before too.
-- The view "contacts" runs with its owner's rights and shows those persons alone
-- whom an export of the same transaction and login has put on record.

CREATE FUNCTION rfmseg._create_audiences(deployment text, key_type regtype)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	key text := format_type(key_type, -1);	-- of any length
BEGIN
	IF to_regclass(home || '.audience_members') IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format($ddl$
	CREATE TABLE %1$s.audience_exports (
		export_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		exported_by name NOT NULL DEFAULT session_user,
		as_role name NOT NULL DEFAULT current_user,
		exported_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		run_id int NOT NULL,
		criteria jsonb NOT NULL,
		customers bigint NOT NULL,
		transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id()
	);
	CREATE TABLE %1$s.audience_members (
		export_id bigint REFERENCES %1$s.audience_exports ON DELETE CASCADE,
		customer_id %2$s,
		PRIMARY KEY (export_id, customer_id)
	);
	CREATE INDEX audience_members_customer ON %1$s.audience_members (customer_id);
	CREATE TABLE %1$s.campaign_members (
		campaign_id int REFERENCES %1$s.campaigns ON DELETE CASCADE,
		customer_id %2$s,
		arm text NOT NULL CHECK (arm IN ('control', 'treated')),
		stratum int NOT NULL,
		PRIMARY KEY (campaign_id, customer_id)
	);
	CREATE INDEX campaign_members_customer ON %1$s.campaign_members (customer_id)$ddl$, home, key);
	PERFORM rfmseg._comment(home || '.audience_exports', jsonb_build_object(
		'', 'Every export of contacts by rfmseg.audience. Delete old rows when nobody needs them any more.',
		'export_id', 'Number of the export.', 'exported_by', 'Login of who exported.', 'as_role', 'The role they acted as.',
		'exported_at', 'When.', 'run_id', 'The run whose segments it went by.', 'criteria', 'Arguments of rfmseg.audience.',
		'customers', 'How many customers.', 'transaction_id', 'Transaction of the export, in which it may read contacts.'));
	PERFORM rfmseg._comment(home || '.audience_members', jsonb_build_object(
		'', 'Who was in which export.', 'export_id', 'The export.', 'customer_id', 'The customer.'));
	PERFORM rfmseg._comment(home || '.campaign_members', jsonb_build_object(
		'', 'The frozen audience of each campaign.', 'campaign_id', 'The campaign.', 'customer_id', 'The customer.',
		'arm', 'treated: is contacted; control: is not, so that there is something to compare with.',
		'stratum', 'Customers of about equal expected value, 1 the greatest; each arm has its share of each.'));
END
$body$;
COMMENT ON FUNCTION rfmseg._create_audiences(text, regtype) IS
'Internal: makes the tables of who is in an audience, unless they are there.';

CREATE FUNCTION rfmseg._audience_columns()
RETURNS name[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT '{customer_id,segment_name,behavioral_segment,cluster_id,cluster_name,recency_days,frequency,monetary,p_alive,clv_12m,last_purchase_at}'::name[]
$body$;
COMMENT ON FUNCTION rfmseg._audience_columns() IS
'Internal: the columns of the per-customer table that an audience is chosen by, and tells.';

CREATE FUNCTION rfmseg._create_contact_views(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	raw text := quote_ident(deployment || '_raw');
BEGIN
	IF to_regclass(home || '.audience_members') IS NULL THEN
		RETURN;		-- the first refresh makes them
	END IF;

	-- Whoever a row filter binds, as the login or by SET ROLE, sees nobody.
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.contactable_customers WITH (security_barrier = true) AS
	SELECT customer_id FROM %2$s.customers AS source
	WHERE customer_id IS NOT NULL AND (
		NOT EXISTS (SELECT FROM %1$s.row_filters f JOIN pg_roles r ON r.rolname = f.role_name
			WHERE pg_has_role(session_user, r.oid, 'USAGE') OR pg_has_role(current_user, r.oid, 'USAGE'))
		OR (SELECT rolsuper FROM pg_roles WHERE rolname = session_user))
		AND %4$s
	GROUP BY customer_id HAVING bool_and(coalesce(marketing_consent, false) AND %3$s)
	$view$, home, raw, rfmseg._kept_condition(deployment, 'customers'), rfmseg._remembered(deployment, 'customers'));
	PERFORM rfmseg._comment(home || '.contactable_customers', $json${
		"": "Customers who may be contacted: all their rows consent to marketing, break no expectation that drops, and were not forgotten. Nobody for roles with a row filter.",
		"customer_id": "Identifies the customer."
	}$json$);

	EXECUTE format($view$
	CREATE OR REPLACE VIEW %1$s.contacts WITH (security_barrier = true) AS
	SELECT DISTINCT ON (customer_id) customer_id, email, first_name, last_name, preferred_channel, city, state
	FROM %2$s.customers AS source
	WHERE customer_id IN (SELECT customer_id FROM %1$s.contactable_customers)
		AND EXISTS (SELECT FROM %1$s.audience_members m JOIN %1$s.audience_exports e USING (export_id)
			WHERE %3$s AND e.transaction_id = pg_current_xact_id_if_assigned() AND e.exported_by = session_user
				AND e.exported_at >= transaction_timestamp())
	ORDER BY customer_id, email, first_name, last_name, preferred_channel, city, state
	$view$, home, raw, rfmseg._same_key('m', home || '.audience_members', 'source', raw || '.customers', 'customer_id'));
	PERFORM rfmseg._comment(home || '.contacts', rfmseg._landing_descriptions('customers')
		|| '{"": "How to reach the customers of an export that the reader has put on record in the same transaction: see rfmseg.audience. Personal."}');
END
$body$;
COMMENT ON FUNCTION rfmseg._create_contact_views(text) IS
'Internal: makes the views of whom may be contacted, and how, once there are customers.';

CREATE FUNCTION rfmseg._must_market(deployment text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	contacts regclass;
	is_bound boolean;
BEGIN
	-- who has the level may, and an owner; nobody else lends the owner's views rights
	IF deployment IS NULL OR NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = deployment || '_core' AND has_schema_privilege(n.oid, 'USAGE'))
		OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		PERFORM rfmseg._require(deployment);
	END IF;
	contacts := to_regclass(home || '.contacts');
	IF contacts IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" has no customers yet', deployment),
			HINT = format('CALL rfmseg.refresh(%L) first.', deployment);
	ELSIF NOT has_table_privilege(contacts, 'SELECT') THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not see the audiences of deployment "%s"', current_user, deployment),
			HINT = format('Its owner says SELECT rfmseg.grant_access(%L, %L, ''marketer'').', deployment, current_user);
	END IF;
	-- as the policies of its tables have it, which do not bind their owner
	SELECT EXISTS (SELECT FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
		WHERE c.oid = to_regclass(home || '.audience_exports') AND pg_get_userbyid(c.relowner) <> current_user AND NOT p.polpermissive AND p.polroles <> '{0}'
			AND (pg_has_role(current_user, p.polroles[1], 'USAGE') OR pg_has_role(session_user, p.polroles[1], 'USAGE'))) INTO is_bound;
	IF is_bound THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" has a row filter in deployment "%s", so contacts are withheld from it', current_user, deployment),
			HINT = 'A role without one can export an audience for it.';
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._must_market(text) IS 'Internal: an error unless the caller may export audiences of a deployment.';

CREATE FUNCTION rfmseg._audience_condition(deployment text, segment text, behavioral_segment text, cluster_id int, min_clv numeric, min_p_alive float8)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	known text[];
	method text;
BEGIN
	EXECUTE format('SELECT array_agg(segment_name ORDER BY segment_order) FROM %s.current_segments', home) INTO known;
	PERFORM rfmseg._check_choice('segment', segment, known);
	EXECUTE format('SELECT array_agg(segment_name ORDER BY segment_order) FROM %I.recommendations WHERE kind = ''behavioral''', deployment) INTO known;
	PERFORM rfmseg._check_choice('behavioral_segment', behavioral_segment, known);
	IF min_clv IN ('NaN', 'Infinity', '-Infinity') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('min_clv must be an amount of money, not %s', min_clv);
	ELSIF NOT min_p_alive BETWEEN 0 AND 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('min_p_alive must be from 0 to 1, not %s', min_p_alive),
			HINT = 'It is a probability: 0.8 is eighty per cent.';
	END IF;
	EXECUTE format('SELECT lifetime_method FROM %s.current_run', home) INTO method;
	IF method IS NULL AND num_nonnulls(min_clv, min_p_alive) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('deployment "%s" has no lifetime values', deployment),
			HINT = format('SELECT lifetime_fit FROM %I.runs WHERE is_current says why; choose without min_clv and min_p_alive.', deployment);
	END IF;
	RETURN concat_ws(' AND ', format('c.run_id = (SELECT run_id FROM %s.current_run)', home),
		'c.segment_name = ' || quote_literal(segment), 'c.behavioral_segment = ' || quote_literal(behavioral_segment),
		'c.cluster_id = ' || cluster_id, 'c.clv_12m >= ' || quote_literal(min_clv), 'c.p_alive >= ' || quote_literal(min_p_alive));
END
$body$;
COMMENT ON FUNCTION rfmseg._audience_condition(text, text, text, int, numeric, float8) IS
'Internal: SQL for which customers, of the per-customer table c, are in an audience; an error for what cannot be.';

CREATE FUNCTION rfmseg.audience(
	deployment text,
	segment text DEFAULT NULL,
	behavioral_segment text DEFAULT NULL,
	min_clv numeric DEFAULT NULL,
	min_p_alive float8 DEFAULT NULL,
	cluster_id int DEFAULT NULL,
	campaign text DEFAULT NULL,
	max_customers bigint DEFAULT NULL,
	include_holdouts boolean DEFAULT false)
RETURNS TABLE (
	customer_id text, email text, first_name text, last_name text, preferred_channel text, city text, state text,
	segment_name text, behavioral_segment_name text, cluster_name text, recency_days int, frequency bigint, monetary numeric, currency text,
	p_alive float8, clv_12m float8, last_purchase_at timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off	-- nothing is known yet of members that were put on record just now
SET jit = off
AS $body$
#variable_conflict use_column
DECLARE
	home text := quote_ident(deployment || '_core');
	chosen text;
	key_met text;
	used_campaign int;
	export bigint;
	members bigint;
	withheld bigint;
BEGIN
	PERFORM rfmseg._must_market(deployment);
	chosen := rfmseg._audience_condition(deployment, segment, behavioral_segment, cluster_id, min_clv, min_p_alive);
	IF NOT max_customers > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('max_customers must be one or more, not %s', max_customers);
	ELSIF include_holdouts IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'include_holdouts must not be NULL';
	END IF;
	IF campaign IS NOT NULL THEN
		used_campaign := rfmseg._campaign_id(deployment, campaign);
		chosen := chosen || format(' AND EXISTS (SELECT FROM %s.campaign_members m WHERE m.campaign_id = %s AND m.customer_id = c.customer_id AND m.arm = ''treated'')',
			home, used_campaign);
	END IF;
	key_met := rfmseg._same_key('k', home || '.contacts', 'c', home || '.scored_customers', 'customer_id');

	-- First the record, then the contacts of those who are on it.
	EXECUTE format($query$
		WITH may AS MATERIALIZED (
			SELECT c.customer_id, c.clv_12m, c.monetary, EXISTS (
				SELECT FROM %1$s.campaign_members m JOIN %1$s.campaigns p USING (campaign_id)
				WHERE m.customer_id = c.customer_id AND m.arm = 'control' AND p.ends_at > (SELECT as_of FROM %1$s.current_run)) AS is_holdout
			FROM %1$s.scored_customers c JOIN %1$s.contactable_customers k ON %2$s
			WHERE %3$s
		), picked AS MATERIALIZED (
			SELECT customer_id FROM may WHERE $1 OR NOT is_holdout
			ORDER BY clv_12m DESC NULLS LAST, monetary DESC, customer_id LIMIT $2
		), recorded AS (
			INSERT INTO %1$s.audience_exports (run_id, criteria, customers)
			SELECT (SELECT run_id FROM %1$s.current_run), $3, (SELECT count(*) FROM picked) RETURNING export_id, customers
		), kept AS (
			INSERT INTO %1$s.audience_members (export_id, customer_id) SELECT r.export_id, p.customer_id FROM recorded r, picked p
		)
		SELECT r.export_id, r.customers, (SELECT count(*) FROM may WHERE is_holdout AND NOT $1) FROM recorded r$query$, home, key_met, chosen)
	INTO export, members, withheld
	USING include_holdouts, max_customers, jsonb_strip_nulls(jsonb_build_object('segment', segment, 'behavioral_segment', behavioral_segment,
		'min_clv', min_clv, 'min_p_alive', min_p_alive, 'cluster_id', cluster_id, 'campaign', campaign, 'max_customers', max_customers,
		'include_holdouts', include_holdouts));
	-- the server's log keeps it even if the caller rolls back
	RAISE LOG 'audience of deployment "%" exported by "%": % customers, export %', deployment, session_user, members, export;
	IF withheld > 0 THEN
		RAISE NOTICE '% customers are left out, as running campaigns hold them out', withheld
			USING HINT = 'include_holdouts => true takes them in, and spoils the comparison of those campaigns.';
	END IF;
	IF members = 0 AND rfmseg._is_empty(home || '.contactable_customers') THEN
		RAISE NOTICE 'nobody of deployment "%" may be contacted', deployment
			USING HINT = 'Customers need a row with marketing_consent true: see rfmseg.map_customers.';
	END IF;

	RETURN QUERY EXECUTE format($query$
		SELECT c.customer_id::text, k.email::text, k.first_name::text, k.last_name::text, k.preferred_channel::text, k.city::text, k.state::text,
			c.segment_name, c.behavioral_segment, c.cluster_name, c.recency_days, c.frequency, c.monetary, r.currency, c.p_alive, c.clv_12m, c.last_purchase_at
		FROM %1$s.audience_members m
		JOIN %1$s.current_run r ON true
		JOIN %1$s.scored_customers c ON c.run_id = r.run_id AND c.customer_id = m.customer_id
		JOIN %1$s.contacts k ON %2$s
		WHERE m.export_id = $1
		ORDER BY c.clv_12m DESC NULLS LAST, c.monetary DESC, c.customer_id$query$, home, key_met) USING export;
END
$body$;
COMMENT ON FUNCTION rfmseg.audience(text, text, text, numeric, float8, int, text, bigint, boolean) IS
'Customers of a deployment who may be contacted, with what a campaign tool needs, most valuable first: those of a segment, a behavioral_segment, a cluster_id, with a clv_12m of at least min_clv (money), a p_alive of at least min_p_alive (0 to 1), in the treated arm of a campaign, and at most max_customers of them; all conditions hold together, and none is all customers. May be contacted: marketing_consent is true in all rows of theirs, none breaks an expectation that drops, and they are not forgotten; as of now, also for an audience frozen before. Customers whom a running campaign holds out are left out unless include_holdouts. Every call puts on record, in <name>_core.audience_exports and audience_members, who exported whom and when; if the transaction is rolled back only the server''s log tells. For level marketer, see grant_access, and the owner. COPY (SELECT ...) TO STDOUT writes it to a file. Errors: no right to it, a row filter; no refresh yet; no such segment or campaign; no lifetime values; arguments out of range.';
-------------------------------------------------------------------------------
-- Schedules: refreshes at set times, on pg_cron where it is installed
-------------------------------------------------------------------------------
-- A schedule is a job of pg_cron's, which belongs to the role that asked for
-- it, and runs as that role.  Nothing of it is kept in the deployment.
--
-- Anybody may have made a schema "cron", or may have been allowed to put
-- functions of his own into pg_cron's.  So what is read and called here is what
-- belongs to the extension by pg_depend, and is called by its exact signature.
-- (The types matter to pg_cron too: its library, from 1.4 to 1.6.2, takes the
-- type name that schedule had in 1.3 for text, and reads what is not there.)

CREATE FUNCTION rfmseg._cron_table(relation text, with_column text)
RETURNS regclass LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT c.oid::regclass
	FROM pg_extension e
	JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
		AND d.classid = 'pg_class'::regclass
	JOIN pg_class c ON c.oid = d.objid AND c.relname = relation AND c.relkind = 'r'
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = with_column AND NOT a.attisdropped
	WHERE e.extname = 'pg_cron' AND has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
$body$;
COMMENT ON FUNCTION rfmseg._cron_table(text, text) IS
'Internal: a table of pg_cron''s, if this database has it, with that column, and the caller may read it; else NULL.';

CREATE FUNCTION rfmseg._cron_call(function text, signature text)
RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT format('%I.%I(%s)', n.nspname, p.proname, string_agg(format('$%s::%s', a.place, a.type), ', ' ORDER BY a.place))
	FROM pg_extension e
	JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
		AND d.classid = 'pg_proc'::regclass
	JOIN pg_proc p ON p.oid = d.objid AND p.proname = function AND oidvectortypes(p.proargtypes) ~ signature
	JOIN pg_namespace n ON n.oid = p.pronamespace
	CROSS JOIN LATERAL unnest(string_to_array(oidvectortypes(p.proargtypes), ', ')) WITH ORDINALITY AS a (type, place)
	WHERE e.extname = 'pg_cron'
	GROUP BY n.nspname, p.proname, p.oid
$body$;
COMMENT ON FUNCTION rfmseg._cron_call(text, text) IS
'Internal: the text of a call of a function of pg_cron''s whose types match, with $1, $2, ... for its arguments; NULL if there is none.';

CREATE FUNCTION rfmseg._job_name(deployment text)
RETURNS text LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $body$
	-- Unique in pg_cron's database, which may hold jobs of several databases.  In
	-- version 1.4 the column is of type name, which cuts off what is longer.
	SELECT CASE WHEN octet_length(plain) < 64 THEN plain ELSE 'rfmseg ' || md5(plain) END
	FROM (SELECT format('rfmseg %I.%I', current_database(), deployment)) AS n (plain)
$body$;
COMMENT ON FUNCTION rfmseg._job_name(text) IS 'Internal: the name of the job that refreshes a deployment of this database.';

CREATE FUNCTION rfmseg._refreshed_by(command text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE
		WHEN upper(m[1]) <> 'E' THEN replace(m[2], '''''', '''')
		WHEN position($$\$$ IN replace(m[2], $$\\$$, '')) = 0 THEN replace(replace(m[2], '''''', ''''), $$\\$$, $$\$$) END
	FROM regexp_match(command, $re$\mrfmseg\.refresh\s*\(\s*(?:deployment\s*=>\s*)?(E?)'((?:[^']|'')*)'$re$, 'i') AS m
$body$;
COMMENT ON FUNCTION rfmseg._refreshed_by(text) IS
'Internal: the deployment that a job''s command refreshes, if it says so by a plain literal; else NULL.';

CREATE FUNCTION rfmseg._crontab_line(schedule text, deployment text)
RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	database text := current_database();
	role text := current_user;
	bytes bytea := convert_to(deployment, getdatabaseencoding());
	literal text := quote_literal(deployment);
BEGIN
	-- such a line would be another one, or more than one
	IF btrim(schedule) !~ '^(([0-9A-Za-z*/,-]+ +){4}[0-9A-Za-z*/,-]+|@[a-z]+)$' OR database || role ~ '[[:cntrl:]]' THEN
		RETURN NULL;
	END IF;

	-- Three readers, cron, the shell and PostgreSQL, have their own ideas of
	-- quotes, of the backslash and of %, and not every cron has the same.  So
	-- nothing that means something to the first two is left in the literal...
	IF deployment !~ '^[A-Za-z0-9_ .-]+$' THEN
		SELECT 'E''' || string_agg(
			CASE WHEN byte > 127 THEN $$\x$$ || to_hex(byte)
				WHEN chr(byte) ~ '[A-Za-z0-9_ .-]' THEN chr(byte)
				ELSE $$\x$$ || lpad(to_hex(byte), 2, '0') END,
			'' ORDER BY place) || ''''
		INTO literal
		FROM (SELECT place, get_byte(bytes, place) FROM generate_series(0, length(bytes) - 1) AS place) AS b (place, byte);
	END IF;
	-- ... and in other arguments each such character has a backslash, which
	-- either the one or the other takes off.
	IF database !~ '^[A-Za-z0-9_]+$' THEN
		database := format('dbname=''%s''', regexp_replace(database, $$([\\'])$$, $$\\\1$$, 'g'));
	END IF;
	RETURN format('%s psql -X -U %s -d %s -c "CALL rfmseg.refresh(%s)"', btrim(schedule),
		regexp_replace(role, '([^A-Za-z0-9_./=-])', $$\\\1$$, 'g'),
		regexp_replace(database, '([^A-Za-z0-9_./=-])', $$\\\1$$, 'g'), literal);
END
$body$;
COMMENT ON FUNCTION rfmseg._crontab_line(text, text) IS
'Internal: the line of an operating system''s crontab that refreshes a deployment as the caller; NULL if no line can.';

CREATE FUNCTION rfmseg._require_pg_cron(elsewhere text, nowhere text)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text;
	schema record;
BEGIN
	SELECT n.oid, n.nspname AS name, e.extversion INTO schema
	FROM pg_extension e
	JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
	JOIN pg_namespace n ON d.classid = 'pg_namespace'::regclass AND d.objid = n.oid
	WHERE e.extname = 'pg_cron';

	IF NOT FOUND THEN
		BEGIN
			home := current_setting('cron.database_name', true);
		EXCEPTION WHEN insufficient_privilege THEN
			home := '';		-- it has one, which only some may know
		END;
		IF home IS NULL THEN
			RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
				MESSAGE = 'there is no pg_cron on this server',
				HINT = nowhere;
		ELSIF home = current_database() THEN
			RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
				MESSAGE = format('pg_cron runs jobs from database "%s", but its extension is not created there', home),
				HINT = 'Have a superuser say CREATE EXTENSION pg_cron.';
		END IF;
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('pg_cron runs jobs from %s, not from "%s"',
				CASE home WHEN '' THEN 'another database' ELSE format('database "%s"', home) END, current_database()),
			DETAIL = 'Its setting cron.database_name says where its jobs are kept.',
			HINT = elsewhere;
	END IF;

	IF NOT has_schema_privilege(schema.oid, 'USAGE') THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not use schema %I of pg_cron', current_user, schema.name),
			HINT = format('Have a superuser say GRANT USAGE ON SCHEMA %I TO %I;', schema.name, current_user);
	ELSIF rfmseg._cron_call('schedule', '^text, text, text$') IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
			MESSAGE = format('pg_cron has version %s, and 1.4 or newer is needed', schema.extversion),
			HINT = 'Have a superuser say ALTER EXTENSION pg_cron UPDATE.';
	ELSIF rfmseg._cron_table('job', 'jobname') IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
			MESSAGE = format('role "%s" may not read table %I.job of pg_cron', current_user, schema.name),
			HINT = format('Have a superuser say GRANT SELECT ON %I.job TO %I;', schema.name, current_user);
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._require_pg_cron(text, text) IS
'Internal: an error unless the caller can use the pg_cron of this database; its hint is what to do elsewhere if that is another one''s, and what to do if there is none.';

CREATE FUNCTION rfmseg._own_job(name text)
RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	jobs regclass := rfmseg._cron_table('job', 'jobname');
	job bigint;
BEGIN
	IF jobs IS NOT NULL THEN
		EXECUTE format('SELECT jobid FROM %s WHERE jobname::text = $1 AND username = current_user', jobs) INTO job USING name;
	END IF;
	RETURN job;
END
$body$;
COMMENT ON FUNCTION rfmseg._own_job(text) IS 'Internal: the caller''s job of that name; NULL if there is none.';

CREATE FUNCTION rfmseg._remove_job(job bigint)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	EXECUTE 'SELECT ' || rfmseg._cron_call('unschedule', '^bigint$') USING job;
END
$body$;
COMMENT ON FUNCTION rfmseg._remove_job(bigint) IS 'Internal: removes a job, which pg_cron lets its owner do.';

CREATE FUNCTION rfmseg.schedule(deployment text, schedule text)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	job_name text := rfmseg._job_name(deployment);
	command text := format('CALL rfmseg.refresh(%L)', deployment);
	replaced bigint;
	job bigint;
	job_database text;
	is_active boolean;
	mode text;
	message text;
	hint text;
BEGIN
	PERFORM rfmseg._require(deployment);
	IF schedule IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'the schedule must not be NULL';
	ELSIF schedule !~ '[^[:space:]]' OR schedule ~ E'[\r\n]' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the schedule must be one line that says when, not "%s"', schedule),
			HINT = 'For instance ''0 3 * * *'': minute, hour, day of the month, month, day of the week.';
	END IF;
	IF NOT (SELECT rolcanlogin FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('role "%s" may not log in, so its jobs cannot run', current_user),
			HINT = format('ALTER ROLE %I LOGIN lets them; docs/schedules.md says how one of its members can have the job instead.', current_user);
	END IF;

	PERFORM rfmseg._require_pg_cron(
		format('There, let a superuser say SELECT cron.schedule_in_database(%L, %L, %L, %L, %L); without its last argument it schedules as the caller, if that one may execute it.',
			job_name, schedule, command, current_database(), current_user),
		coalesce('Install it, or put this line into the crontab of an operating system user who can connect like this: '
				|| rfmseg._crontab_line(schedule, deployment),
			'Install it, or use another scheduler. For a schedule such as ''0 3 * * *'' this hint has the line for a crontab.'));

	-- The deployment itself does not change, so this does not wait for a refresh.
	-- undeploy waits for the lock that reading its settings has taken, and looks
	-- for jobs afterwards.
	replaced := rfmseg._own_job(job_name);
	BEGIN
		EXECUTE 'SELECT ' || rfmseg._cron_call('schedule', '^text, text, text$') INTO job USING job_name, schedule, command;
	EXCEPTION WHEN invalid_parameter_value THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message,
			HINT = coalesce(nullif(hint, ''),
				'A schedule is minute, hour, day of the month, month and day of the week, such as ''0 3 * * *''; pg_cron knows ''10 seconds'' from version 1.5 on.');
	END;

	-- an extension left over from another cron.database_name takes jobs, which nobody runs
	EXECUTE format('SELECT database, active FROM %s WHERE jobid = $1', rfmseg._cron_table('job', 'jobname'))
		INTO job_database, is_active USING job;
	IF job_database <> current_database() THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('pg_cron runs jobs from database "%s", not from "%s"', job_database, current_database()),
			DETAIL = 'The extension pg_cron of this database is not in use.';
	END IF;

	IF replaced IS NOT NULL THEN
		RAISE NOTICE 'the schedule that "%" had is replaced', deployment;
	END IF;
	IF NOT is_active THEN
		RAISE NOTICE 'job % is not active, and stays so', job
			USING HINT = format('SELECT rfmseg.unschedule(%L) first makes the next one active.', deployment);
	END IF;
	EXECUTE format('SELECT as_of_mode FROM %I.settings', deployment || '_core') INTO mode;
	IF mode = 'data' THEN
		RAISE NOTICE 'recency in "%" counts from the last purchase, whenever a refresh runs', deployment
			USING HINT = format('SELECT rfmseg.configure(%L, as_of_mode => ''clock'') lets customers age on days without a purchase, too.', deployment);
	END IF;
	RETURN job;
END
$body$;
COMMENT ON FUNCTION rfmseg.schedule(text, text) IS
'Has pg_cron refresh a deployment at set times, as the caller; returns the number of the job. schedule: as in a crontab, such as ''0 3 * * *'', in pg_cron''s time zone, which is GMT unless its setting cron.timezone says otherwise. A schedule that the caller had for it is replaced, and a notice says so. Errors: no pg_cron in this database, with what to do instead as hint; no USAGE on its schema; a role that may not log in; a schedule that pg_cron does not understand.';

CREATE FUNCTION rfmseg.unschedule(deployment text)
RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	job_name text := rfmseg._job_name(deployment);
	job bigint := rfmseg._own_job(job_name);
BEGIN
	-- One's own job is one's own, also where the deployment is gone, or belongs
	-- to another role now.
	IF job IS NULL THEN
		PERFORM rfmseg._require(deployment, layout => false);
		PERFORM rfmseg._require_pg_cron(
			format('There, say SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = %L AND username = %L;', job_name, current_user),
			'So there is no schedule here. What runs elsewhere, from a crontab for instance, must be stopped there.');
		RETURN false;
	END IF;
	PERFORM rfmseg._remove_job(job);
	RETURN true;
END
$body$;
COMMENT ON FUNCTION rfmseg.unschedule(text) IS
'Removes the job that the caller made with schedule for a deployment; returns whether there was one. A refresh that is running goes on. Errors, where there was none: no such deployment, or another role''s; no pg_cron in this database; no USAGE on its schema.';

CREATE FUNCTION rfmseg.schedules()
RETURNS TABLE (job_id bigint, job_name text, deployment text, schedule text, time_zone text, command text, database text,
	username text, active boolean, last_status text, last_start timestamptz, last_end timestamptz, last_message text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	jobs regclass := rfmseg._cron_table('job', 'jobname');
	runs regclass := rfmseg._cron_table('job_run_details', 'status');
	zone text := (SELECT s.setting FROM pg_settings s WHERE s.name = 'cron.timezone');
BEGIN
	IF jobs IS NULL THEN
		RETURN;
	END IF;
	-- before version 1.5 there was no such setting, and the zone was GMT
	IF zone IS NULL AND pg_has_role('pg_read_all_settings', 'USAGE') THEN
		zone := 'GMT';
	END IF;
	RETURN QUERY EXECUTE format($query$
		SELECT j.jobid, j.jobname::text, rfmseg._refreshed_by(j.command), j.schedule, $1, j.command, j.database,
			j.username, j.active, r.status, r.start_time, r.end_time, r.return_message
		FROM %s j LEFT JOIN LATERAL (%s) r ON true
		WHERE j.command ~* '(^|[^[:alnum:]_])rfmseg[.]refresh[[:space:]]*[(]'
		ORDER BY j.jobid$query$, jobs,
		CASE WHEN runs IS NULL
			THEN 'SELECT NULL::text AS status, NULL::timestamptz AS start_time, NULL::timestamptz AS end_time, NULL::text AS return_message'
			ELSE format('SELECT d.status, d.start_time, d.end_time, d.return_message FROM %s d WHERE d.jobid = j.jobid ORDER BY d.runid DESC LIMIT 1', runs) END)
	USING zone;
END
$body$;
COMMENT ON FUNCTION rfmseg.schedules() IS
'The jobs of this database''s pg_cron that call rfmseg.refresh, of those that the caller may see: his own, a superuser all. deployment: NULL if the command does not say it by a plain literal; time_zone: of the schedule, NULL if the caller may not read the setting cron.timezone; last_...: of the latest run, NULL if there was none or pg_cron keeps no record. No row without pg_cron.';

CREATE FUNCTION rfmseg._drop_schedule(dropped text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	own_name text := rfmseg._job_name(dropped);
	job record;
BEGIN
	FOR job IN
		SELECT s.job_id AS id, s.username AS owner, s.job_name = own_name AND s.username = current_user AS is_ours
		FROM rfmseg.schedules() s
		WHERE s.database = current_database() AND (s.job_name = own_name OR s.deployment = dropped)
	LOOP
		IF job.is_ours THEN
			BEGIN
				PERFORM rfmseg._remove_job(job.id);
				RAISE NOTICE 'the schedule of "%" is removed, too', dropped;
				CONTINUE;
			EXCEPTION WHEN OTHERS THEN
				-- a pg_cron that is out of order must not keep a deployment alive
				RAISE NOTICE 'job % cannot be removed: %', job.id, SQLERRM;
			END;
		END IF;
		RAISE NOTICE 'job % of role "%" still refreshes "%"', job.id, job.owner, dropped
			USING HINT = format('SELECT cron.unschedule(%s) by that role, or by a superuser, ends this.', job.id);
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._drop_schedule(text) IS
'Internal: removes the caller''s schedule of a deployment that is gone, and tells of jobs that stay.';
-------------------------------------------------------------------------------
-- Governance checked: what is not as it should be, and where columns come from
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._excess_grants(deployment text)
RETURNS TABLE (role text, object text, privilege text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	RETURN QUERY EXECUTE format($query$
		WITH granted AS (
			SELECT h.role_name, h.relation, c.name AS column_name, p.privilege
			FROM rfmseg.grants($1) h, unnest(h.privileges) AS p (privilege), unnest(coalesce(h.columns, ARRAY[NULL])) AS c (name)
			WHERE h.via IS NULL AND h.role_name <> 'PUBLIC'
		), wanted AS (
			SELECT a.role_name, format('%%I.%%I', o.schema, o.relation) AS relation, c.name AS column_name, p.privilege
			FROM %I.access a, LATERAL (SELECT unnest(rfmseg._levels_within(a.level)) AS level) w, LATERAL rfmseg._level_grants($1, w.level) g
				JOIN rfmseg._own_relations($1) o ON o.oid = g.relation,
				unnest(string_to_array(g.privileges, ', ')) AS p (privilege), unnest(coalesce(string_to_array(g.columns, ', '), ARRAY[NULL])) AS c (name)
		)
		SELECT g.role_name::text, g.relation || coalesce('.' || quote_ident(g.column_name), ''), g.privilege
		FROM granted g
		WHERE NOT EXISTS (SELECT FROM wanted w
				WHERE w.role_name = g.role_name AND w.relation = g.relation AND w.privilege = g.privilege
					AND (w.column_name IS NULL OR w.column_name = quote_ident(g.column_name)))
			AND NOT (g.relation ~ '^schema ' AND g.privilege = 'USAGE' AND EXISTS (SELECT FROM wanted w WHERE w.role_name = g.role_name))$query$,
		deployment || '_core') USING deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg._excess_grants(text) IS 'Internal: grants on a deployment''s relations that no level explains.';

CREATE FUNCTION rfmseg._owner_rights_views(deployment text)
RETURNS TABLE (view regclass, reads text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- upwards from the tables with row security, whoever's the views are
	WITH RECURSIVE above AS (
		SELECT o.oid, o.oid::regclass::text AS base FROM rfmseg._own_relations(deployment) o JOIN pg_class c ON c.oid = o.oid AND c.relrowsecurity
		UNION
		SELECT r.ev_class, a.base
		FROM above a JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.oid AND d.classid = 'pg_rewrite'::regclass
		JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> a.oid
	)
	SELECT c.oid::regclass, string_agg(a.base, ', ' ORDER BY a.base)
	FROM above a JOIN pg_class c ON c.oid = a.oid
	WHERE c.relkind = 'm' OR (c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false)
		-- these show nobody to whom a row filter binds: see _create_contact_views
		AND c.oid NOT IN (SELECT o.oid FROM rfmseg._own_relations(deployment) o
			WHERE o.schema = deployment || '_core' AND o.relation IN ('contactable_customers', 'contacts')))
	GROUP BY c.oid
$body$;
COMMENT ON FUNCTION rfmseg._owner_rights_views(text) IS
'Internal: views, and materialized ones, that show rows under row security with other rights than their reader''s.';

CREATE FUNCTION rfmseg._untagged(deployment text)
RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	RETURN QUERY EXECUTE format($query$
		SELECT format('%%I.%%I.%%I', o.schema, o.relation, a.attname)
		FROM rfmseg._own_relations($1) o
		JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
		-- a published column has the tags of the one that it shows
		LEFT JOIN rfmseg._maskable() m ON o.schema = $1 AND m.relation = o.relation AND m.column_name = a.attname
		WHERE a.attname IN (SELECT p.column_name FROM rfmseg._personal_columns() p)
			AND NOT EXISTS (SELECT FROM %1$s.tags t
				WHERE t.key = 'personal' AND (t.relation, t.column_name) IN
					((format('%%I.%%I', o.schema, o.relation), a.attname::text), (%2$L, m.core_column)))$query$,
		quote_ident(deployment || '_core'), quote_ident(deployment || '_core') || '.scored_customers') USING deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg._untagged(text) IS 'Internal: columns named as personal ones that no tag says to be personal.';

CREATE FUNCTION rfmseg.verify_governance(deployment text)
RETURNS TABLE (problem text, object text, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._require(deployment);
	RETURN QUERY
		SELECT 'granted to PUBLIC', g.relation || coalesce(' (' || array_to_string(g.columns, ', ') || ')', ''), array_to_string(g.privileges, ', ')
		FROM rfmseg.grants(deployment) g WHERE g.role_name = 'PUBLIC' ORDER BY 2;
	RETURN QUERY
		SELECT 'granted beyond the levels', e.object, format('%s to %I', string_agg(e.privilege, ', ' ORDER BY e.privilege), e.role)
		FROM rfmseg._excess_grants(deployment) e GROUP BY e.object, e.role ORDER BY 2, 3;
	RETURN QUERY
		SELECT 'view shows rows past the row filters', v.view::text, format('It reads %s with other rights than its reader''s.', v.reads)
		FROM rfmseg._owner_rights_views(deployment) v ORDER BY 2;
	RETURN QUERY EXECUTE format($query$
		SELECT 'row filter is not in force', format('%%I on %%s', f.role_name, t.relation),
			CASE WHEN r.oid IS NULL THEN 'There is no such role.' WHEN NOT t.secured THEN 'Row security is off.' ELSE 'The policy is missing.' END
		FROM %I.row_filters f CROSS JOIN rfmseg._filtered_relations($1) t LEFT JOIN pg_roles r ON r.rolname = f.role_name
		WHERE r.oid IS NULL OR NOT t.secured OR NOT EXISTS (SELECT FROM pg_policy p
			WHERE p.polrelid = t.relation AND p.polname = f.role_name AND NOT p.polpermissive AND p.polroles = ARRAY[r.oid])
		ORDER BY 2$query$, deployment || '_core') USING deployment;
	RETURN QUERY EXECUTE format($query$
		SELECT 'level of a role that has no rights', a.role_name::text, a.level
		FROM %I.access a LEFT JOIN pg_roles r ON r.rolname = a.role_name
		WHERE NOT EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) acl WHERE n.nspname = $1 AND (acl.grantee = r.oid OR n.nspowner = r.oid))
		ORDER BY 2, 3$query$, deployment || '_core') USING deployment;
	RETURN QUERY
		SELECT 'personal data is not tagged', u.name, 'SELECT rfmseg.tag(...) with key personal says what it is.'::text
		FROM rfmseg._untagged(deployment) AS u (name) ORDER BY 2;
	RETURN QUERY
		SELECT CASE WHEN p.prosecdef THEN 'function runs with its owner''s rights' ELSE 'function finds names by its caller''s search_path' END,
			p.oid::regprocedure::text, NULL
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE p.pronamespace = 'rfmseg'::regnamespace AND (p.prosecdef OR (l.lanname IN ('sql', 'plpgsql')
			AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
			-- one that commits cannot have it pinned, and sets it first
			AND NOT (p.prokind = 'p' AND p.prosrc ~ $re$BEGIN\s+SET LOCAL search_path = pg_catalog, pg_temp;$re$)))
		ORDER BY 1, 2;
END
$body$;
COMMENT ON FUNCTION rfmseg.verify_governance(text) IS
'What is not as the governance of a deployment would have it; no row means all is. Grants to PUBLIC; grants that no level explains, such as those made by hand; views of anybody''s that show rows past the row filters, because they run with their owner''s rights or are materialized; row filters that are not in force; levels of roles that have no rights; columns named as personal ones without a tag personal; functions of rfmseg that run with their owner''s rights or an unpinned search_path. Errors: not the owner.';

-- What the per-customer table is made of is written in the refresh, and not in
-- the catalogue.
CREATE FUNCTION rfmseg._core_lineage()
RETURNS TABLE (core_column text, dataset text, landing_column text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT c.name, l.dataset, l.landing_column
	FROM (VALUES
		('{customer_id}'::text[], 'transactions', '{customer_id}'::text[]),
		('{age_bracket}', 'customers', '{age}'),
		('{income_bracket}', 'customers', '{income_bracket}'), ('{gender}', 'customers', '{gender}'),
		('{city}', 'customers', '{city}'), ('{state}', 'customers', '{state}'),
		('{signup_date}', 'customers', '{signup_date}'), ('{preferred_channel}', 'customers', '{preferred_channel}'),
		-- a purchase is an order of lines that are not all refunded
		('{first_purchase_at,last_purchase_at,last_purchase_date,recency_days,frequency,lifetime_frequency,avg_monthly_frequency,
			frequency_repeat,recency_btyd,t_age,median_gap_days,weekend_shopping_rate,monetary,lifetime_monetary,monetary_value,avg_order_value,
			discount_usage_rate,avg_discount_amount,total_items_purchased,unique_products_purchased,unique_categories_purchased,
			top_category,top_category_share,category_shares,r_score,f_score,m_score,segment_name,previous_segment,segment_since,behavioral_segment,cluster_id,cluster_name,
			p_alive,expected_purchases_12m,expected_average_value,clv_12m}',
			'transactions', '{transaction_date,order_id,total_amount,is_return}'),
		('{discount_usage_rate,avg_discount_amount,behavioral_segment}', 'transactions', '{discount_amount}'),
		('{total_items_purchased}', 'transactions', '{quantity}'),
		('{unique_products_purchased}', 'transactions', '{product_id}'),
		('{unique_categories_purchased,top_category,top_category_share,category_shares,behavioral_segment}', 'transactions', '{product_id,category}'),
		('{unique_categories_purchased,top_category,top_category_share,category_shares,behavioral_segment}', 'products', '{product_id,category}')
	) AS s (core_columns, dataset, landing_columns),
	unnest(s.core_columns) AS c (name), LATERAL (SELECT s.dataset, unnest(s.landing_columns) AS landing_column) AS l
	GROUP BY 1, 2, 3
$body$;
COMMENT ON FUNCTION rfmseg._core_lineage() IS 'Internal: the landing columns that each column of the per-customer table is computed from.';

CREATE FUNCTION rfmseg._view_items(query text)
RETURNS TABLE (column_name text, core_column text)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	depth int := 0;
	item text := '';
	letter text;
BEGIN
	-- the expressions between SELECT and FROM, and what they use of c
	FOREACH letter IN ARRAY string_to_array(substring(query FROM $re$^\s*SELECT (.*?)\n\tFROM $re$) || ',', NULL) LOOP
		depth := depth + CASE letter WHEN '(' THEN 1 WHEN ')' THEN -1 ELSE 0 END;
		IF letter <> ',' OR depth > 0 THEN
			item := item || letter;
			CONTINUE;
		END IF;
		RETURN QUERY
			SELECT DISTINCT coalesce(substring(item FROM $re$\mAS (\w+)\s*$$re$), substring(item FROM $re$\.(\w+)\s*$$re$)), m[1]
			FROM regexp_matches(item, $re$\mc\.(\w+)$re$, 'g') AS m;
		item := '';
	END LOOP;
END
$body$;
COMMENT ON FUNCTION rfmseg._view_items(text) IS
'Internal: for each column of a published view of customers, the columns of the per-customer table that it is computed from.';

CREATE FUNCTION rfmseg.lineage(deployment text)
RETURNS TABLE (relation text, column_name text, mask text, core_relation text, core_column text, landing_relation text, landing_column text, source text, expression text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
	PERFORM rfmseg._require(deployment);
	RETURN QUERY EXECUTE format($query$
		WITH shown AS (
			SELECT o.oid, o.relation, a.attname::text AS column_name, a.attnum
			FROM rfmseg._own_relations($1) o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE o.schema = $1
		), behind AS (
			SELECT s.oid, b.relation AS core, b.column_name::text AS column_name
			FROM (SELECT DISTINCT oid FROM shown) s, LATERAL rfmseg._columns_behind(ARRAY[s.oid]) b
			JOIN rfmseg._own_relations($1) o ON o.oid = b.relation AND o.schema = $1 || '_core'
		), core AS (
			-- of customers' views column by column; of others by the name, or else the tables that the view reads
			SELECT s.oid, s.column_name, 'scored_customers' AS core_relation, i.core_column
			FROM shown s JOIN rfmseg._customer_views() v ON v.relation = s.relation, LATERAL rfmseg._view_items(v.query) i
			WHERE i.column_name = s.column_name
		UNION ALL
			SELECT s.oid, s.column_name, c.relname, b.column_name
			FROM shown s LEFT JOIN behind b ON b.oid = s.oid AND b.column_name = s.column_name LEFT JOIN pg_class c ON c.oid = b.core
			WHERE NOT EXISTS (SELECT FROM rfmseg._customer_views() v, LATERAL rfmseg._view_items(v.query) i
					WHERE v.relation = s.relation AND i.column_name = s.column_name)
				AND (b.core IS NOT NULL OR NOT EXISTS (SELECT FROM behind n WHERE n.oid = s.oid AND n.column_name <> 'run_id'))
		UNION ALL
			SELECT DISTINCT s.oid, s.column_name, c.relname, NULL
			FROM shown s JOIN behind b ON b.oid = s.oid JOIN pg_class c ON c.oid = b.core
			WHERE NOT EXISTS (SELECT FROM behind n WHERE n.oid = s.oid AND n.column_name = s.column_name)
				AND NOT EXISTS (SELECT FROM rfmseg._customer_views() v, LATERAL rfmseg._view_items(v.query) i
					WHERE v.relation = s.relation AND i.column_name = s.column_name)
		)
		SELECT s.relation, s.column_name, k.method, c.core_relation::text, c.core_column,
			CASE WHEN l.dataset IS NOT NULL THEN format('%%I.%%I', $1 || '_raw', l.dataset) END, l.landing_column,
			o.source::text, m.expression
		FROM shown s JOIN core c USING (oid, column_name)
		LEFT JOIN rfmseg._masks($1) k ON k.relation = s.relation AND k.column_name = s.column_name
		LEFT JOIN rfmseg._core_lineage() l ON c.core_relation = 'scored_customers' AND l.core_column = c.core_column
		LEFT JOIN %1$s.mappings m ON m.dataset = l.dataset AND m.argument = l.landing_column
		LEFT JOIN %1$s.sources o ON o.dataset = l.dataset
		ORDER BY s.relation, s.attnum, c.core_relation, c.core_column, l.dataset, l.landing_column$query$, quote_ident(deployment || '_core'))
	USING deployment;
END
$body$;
COMMENT ON FUNCTION rfmseg.lineage(text) IS
'Where published columns come from: the column of a table in <name>_core, that of a landing table, and, where that is mapped, the source and the expression over it; mask is the method of the column''s mask. Of the views with one row a customer it is told column by column. Of other views the column of that name beneath is told, or, with core_column NULL, the tables that the view reads. Errors: not the owner.';
-------------------------------------------------------------------------------
-- Campaigns with control groups: what contacting customers has brought
-------------------------------------------------------------------------------
-- A campaign freezes its audience and lets chance decide who is held out.  Each
-- refresh then measures both arms as they were assigned, whoever was really
-- reached, and when its days are over the difference, with its uncertainty.
-- Method: stratified randomization; difference of stratified means with Neyman's
-- variance; the interval of the relative lift by the delta method on the log
-- scale (Imbens and Rubin, Causal Inference, 2015, chapters 6 and 9).

CREATE FUNCTION rfmseg._campaign_descriptions()
RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT $json${
		"campaign_id": "Number of the campaign.",
		"campaign": "Its name.",
		"segment_name": "The RFM segment it went to; NULL: not chosen by it.",
		"behavioral_segment": "The behavioural segment it went to; NULL: not chosen by it.",
		"min_clv": "The least lifetime value it went to; NULL: not chosen by it.",
		"holdout": "Share of the audience that is not contacted, 0 to 1.",
		"days": "How many days of purchases count.",
		"effect": "The rise of revenue that it was made large enough to find, four times in five.",
		"seed": "Seed of the chance that assigned the arms.",
		"run_id": "The run whose segments it went by.",
		"started_by": "Login of who started it.",
		"starts_at": "From then on purchases count.",
		"ends_at": "Until then, this instant not included.",
		"planted_lift": "Of made-up data, the true lift: see rfmseg.generate_campaign_effect; else NULL.",
		"status": "running or ended, by the last refresh.",
		"arm": "control: held out; treated: contacted. As assigned, whoever was really reached.",
		"customers": "Customers of the arm.",
		"buyers": "Customers of it with a purchase in the campaign's days.",
		"conversion": "buyers / customers.",
		"revenue": "What they spent in these days, net of returns unless they are dropped.",
		"revenue_per_head": "revenue / customers.",
		"conversion_lift": "By how much conversion of the treated is higher: 0.1 is ten per cent. Of the row of the treated, once the campaign has ended; so are the columns that follow.",
		"conversion_lift_low": "Lower bound of its 95 % interval.",
		"conversion_lift_high": "Upper bound of it.",
		"revenue_lift": "By how much revenue per head of the treated is higher: 0.1 is ten per cent; compared within strata of equal expected value.",
		"revenue_lift_low": "Lower bound of its 95 % interval.",
		"revenue_lift_high": "Upper bound of it.",
		"incremental_revenue": "Revenue that the campaign has brought, of all the treated.",
		"incremental_revenue_low": "Lower bound of its 95 % interval.",
		"incremental_revenue_high": "Upper bound of it.",
		"incremental_per_head": "Revenue that the campaign has brought, of one of the treated.",
		"verdict": "More revenue or less, too small to tell (the 95 % interval contains no lift at all), or not over yet.",
		"currency": "Currency of the money.",
		"as_of": "The as_of of the run that measured it.",
		"refreshed_at": "When that run's result was ready to publish."
	}$json$::jsonb
$body$;
COMMENT ON FUNCTION rfmseg._campaign_descriptions() IS 'Internal: what the columns of campaigns say, by name.';

CREATE FUNCTION rfmseg._create_campaigns(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
BEGIN
	EXECUTE format($ddl$
	CREATE TABLE %1$s.campaigns (
		campaign_id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
		campaign text NOT NULL UNIQUE,
		segment_name text,
		behavioral_segment text,
		min_clv numeric,
		holdout numeric NOT NULL,
		days int NOT NULL,
		effect numeric NOT NULL,
		seed bigint NOT NULL,
		run_id int NOT NULL REFERENCES %1$s.runs,
		started_by name NOT NULL DEFAULT session_user,
		starts_at timestamptz NOT NULL,
		ends_at timestamptz NOT NULL,
		planted_lift numeric
	);
	CREATE TABLE %1$s.campaign_arms (
		campaign_id int REFERENCES %1$s.campaigns ON DELETE CASCADE,
		arm text,
		run_id int NOT NULL REFERENCES %1$s.runs,
		status text NOT NULL,
		customers bigint,
		buyers bigint,
		revenue numeric,
		conversion_lift numeric,
		conversion_lift_low numeric,
		conversion_lift_high numeric,
		revenue_lift numeric,
		revenue_lift_low numeric,
		revenue_lift_high numeric,
		incremental_revenue numeric,
		incremental_revenue_low numeric,
		incremental_revenue_high numeric,
		incremental_per_head numeric,
		PRIMARY KEY (campaign_id, arm)
	)$ddl$, home);
	PERFORM rfmseg._comment(home || '.campaigns', rfmseg._campaign_descriptions()
		|| '{"": "Campaigns with a control group, see rfmseg.start_campaign. Deleting one deletes its audience and results."}');
	PERFORM rfmseg._comment(home || '.campaign_arms', rfmseg._campaign_descriptions()
		|| '{"": "What came of the campaigns by the last refresh that measured them.", "run_id": "That refresh."}');
	PERFORM rfmseg._create_campaign_view(deployment);
END
$body$;
COMMENT ON FUNCTION rfmseg._create_campaigns(text) IS 'Internal: makes the tables of a deployment''s campaigns.';

CREATE FUNCTION rfmseg._create_campaign_view(deployment text)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	shown text := quote_ident(deployment);
BEGIN
	EXECUTE format($view$
	CREATE OR REPLACE VIEW %2$s.campaign_results WITH (security_invoker = true) AS
	SELECT p.campaign, p.segment_name, p.behavioral_segment, p.min_clv, p.starts_at, p.ends_at, p.days, p.holdout, a.status, a.arm,
		a.customers, a.buyers, round(a.buyers::numeric / nullif(a.customers, 0), 4) AS conversion,
		round(a.revenue, 2) AS revenue, round(a.revenue / nullif(a.customers, 0), 2) AS revenue_per_head, r.currency,
		a.conversion_lift, a.conversion_lift_low, a.conversion_lift_high, a.revenue_lift, a.revenue_lift_low, a.revenue_lift_high,
		a.incremental_revenue, a.incremental_revenue_low, a.incremental_revenue_high,
		CASE WHEN a.status = 'running' THEN 'not over yet' WHEN a.customers IS NULL OR a.arm = 'control' THEN NULL
			WHEN a.revenue_lift_low > 0 THEN 'more revenue' WHEN a.revenue_lift_high < 0 THEN 'less revenue' ELSE 'too small to tell' END AS verdict,
		r.as_of, r.finished_at AS refreshed_at
	FROM %1$s.campaigns p JOIN %1$s.campaign_arms a USING (campaign_id) JOIN %1$s.runs r ON r.run_id = a.run_id
	$view$, home, shown);
	PERFORM rfmseg._comment(shown || '.campaign_results', rfmseg._campaign_descriptions()
		|| '{"": "What contacting customers has brought, against those held out: one row a campaign and arm, from the first refresh after its start on."}');
END
$body$;
COMMENT ON FUNCTION rfmseg._create_campaign_view(text) IS 'Internal: makes the view of what campaigns have brought.';

CREATE FUNCTION rfmseg._campaign_id(deployment text, campaign text)
RETURNS int LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	id int;
	known text;
BEGIN
	EXECUTE format('SELECT min(campaign_id) FILTER (WHERE campaign = $1), string_agg(quote_literal(campaign), '', '' ORDER BY campaign_id) FROM %I.campaigns',
		deployment || '_core') INTO id, known USING campaign;
	IF id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('deployment "%s" has no campaign %s', deployment, coalesce(quote_literal(campaign), 'NULL')),
			HINT = coalesce('There are: ' || known || '.', format('SELECT * FROM rfmseg.start_campaign(%L, ...) starts one.', deployment));
	END IF;
	RETURN id;
END
$body$;
COMMENT ON FUNCTION rfmseg._campaign_id(text, text) IS 'Internal: the number of a campaign; an error if there is none of that name.';

-- What a customer can be expected to buy in some days: by the run's lifetime
-- models, or else at the rate so far.
CREATE FUNCTION rfmseg._expected_spending(fit jsonb, days int)
RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
	SELECT CASE WHEN fit ->> 'problem' IS NULL
		THEN ARRAY[format('coalesce(%s, 0)', model[2]), format('coalesce(%s, 0)', model[3]), coalesce((1 / (fit -> 'value' ->> 'p')::float8)::text, '1')]
		ELSE ARRAY[format('c.lifetime_frequency / greatest(c.t_age, 365.25) * %s', days), 'coalesce(c.lifetime_monetary / nullif(c.lifetime_frequency, 0), 0)::float8', '1'] END
	FROM rfmseg._lifetime_expressions(fit, days, 0) AS model
$body$;
COMMENT ON FUNCTION rfmseg._expected_spending(jsonb, int) IS
'Internal: over the per-customer table c: purchases expected in so many days, their average value, and the squared coefficient of variation of their value.';

CREATE FUNCTION rfmseg.start_campaign(
	deployment text,
	name text,
	segment text DEFAULT NULL,
	holdout numeric DEFAULT 0.1,
	days int DEFAULT 30,
	seed bigint DEFAULT 42,
	behavioral_segment text DEFAULT NULL,
	min_clv numeric DEFAULT NULL,
	effect numeric DEFAULT 0.2,
	starts_at timestamptz DEFAULT NULL)
RETURNS TABLE (arm text, customers bigint, expected_revenue_per_head numeric, smallest_effect numeric)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 1
AS $body$
#variable_conflict use_column
DECLARE
	home text := quote_ident(deployment || '_core');
	customers_now text;
	r record;
	audience text;
	expected text[];
	seen record;
	begins timestamptz;
	id int;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF name IS NULL OR num_nulls(holdout, days, seed, effect) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'name, holdout, days, seed and effect must not be NULL';
	ELSIF btrim(name) = '' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'name must not be empty';
	ELSIF NOT holdout BETWEEN 0.01 AND 0.99 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('holdout must be from 0.01 to 0.99, not %s', holdout),
			HINT = 'It is the share of the audience that is not contacted: 0.1 is ten per cent.';
	ELSIF NOT days BETWEEN 1 AND 366 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('days must be from 1 to 366, not %s', days);
	ELSIF NOT effect BETWEEN 0.001 AND 100 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('effect must be from 0.001 to 100, not %s', effect),
			HINT = 'It is the rise of revenue per head that is to be found: 0.2 is twenty per cent.';
	END IF;
	customers_now := rfmseg._current_customers(deployment);
	EXECUTE format('SELECT * FROM %s.runs WHERE is_current', home) INTO r;
	begins := coalesce(start_campaign.starts_at, r.as_of);
	IF begins < r.as_of OR NOT isfinite(begins) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('starts_at must not be before %s, nor infinite', r.as_of),
			DETAIL = 'The audience is chosen by what its customers did up to then, so it says nothing about what they do from then on.',
			HINT = 'Give an instant at or after the as_of of the published segments.';
	END IF;
	EXECUTE format('SELECT count(*) FROM %s.campaigns p WHERE p.campaign = $1', home) INTO id USING name;
	IF id > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = format('deployment "%s" has a campaign %L already', deployment, name),
			HINT = 'Choose another name: what is under way is not changed.';
	END IF;

	-- Is it enough to find such an effect, four times in five, at 5 % error?
	-- Purchases come at random (Poisson), and their values vary.
	audience := format('FROM %s c JOIN %s.contactable_customers k ON %s WHERE %s', customers_now, home,
		rfmseg._same_key('k', home || '.contactable_customers', 'c', home || '.scored_customers', 'customer_id'),
		rfmseg._audience_condition(deployment, segment, behavioral_segment, NULL, min_clv, NULL));
	expected := rfmseg._expected_spending(r.lifetime_fit, days);
	EXECUTE format($query$
		SELECT count(*) AS n, avg(rate * value) AS mean, avg(rate * value * value * (1 + %4$s)) + var_pop(rate * value) AS variance
		FROM (SELECT %2$s AS rate, %3$s AS value %1$s) AS e$query$, audience, expected[1], expected[2], expected[3]) INTO seen;
	PERFORM rfmseg._check_power(name, seen.n, seen.mean, seen.variance, holdout, effect, days);

	EXECUTE format($insert$
		INSERT INTO %s.campaigns (campaign, segment_name, behavioral_segment, min_clv, holdout, days, effect, seed, run_id, starts_at, ends_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, (($10 AT TIME ZONE $11) + make_interval(days => $6)) AT TIME ZONE $11)
		RETURNING campaign_id$insert$, home)
	INTO id USING name, segment, behavioral_segment, min_clv, holdout, days, effect, seed, r.run_id, begins, r.settings ->> 'time_zone';

	-- Strata of equal size by expected value; of each, those whom the seeded
	-- hash puts first are held out.  (It must not order equal values too: then a
	-- stratum's arms would be its two values.)  Shares are rounded over all strata.
	EXECUTE format($insert$
		INSERT INTO %1$s.campaign_members (campaign_id, customer_id, arm, stratum)
		SELECT $1, customer_id,
			CASE WHEN place <= floor($2 * through + 0.5) - floor($2 * (through - size) + 0.5) THEN 'control' ELSE 'treated' END, stratum
		FROM (
			SELECT customer_id, stratum, row_number() OVER (PARTITION BY stratum ORDER BY draw, customer_id) AS place,
				count(*) OVER (PARTITION BY stratum) AS size, count(*) OVER (ORDER BY stratum) AS through
			FROM (
				SELECT customer_id, draw, ntile($3) OVER (ORDER BY worth DESC, customer_id) AS stratum
				FROM (SELECT c.customer_id, round((%3$s * %4$s)::numeric, 2) AS worth,
					sha256(convert_to(concat_ws(':', $4, $5, c.customer_id), 'UTF8')) AS draw %2$s) AS e
			) AS s
		) AS p$insert$, home, audience, expected[1], expected[2])
	USING id, holdout, least(20, greatest(1, floor(seen.n * least(holdout, 1 - holdout) / 10)))::int, seed, name;

	EXECUTE format('ANALYZE %s.campaign_members', home);

	RETURN QUERY EXECUTE format($query$
		SELECT m.arm, count(*), round($2::numeric, 2), round($3::numeric, 3) FROM %s.campaign_members m WHERE m.campaign_id = $1 GROUP BY m.arm ORDER BY m.arm$query$, home)
	USING id, seen.mean, rfmseg._smallest_effect(seen.n, seen.mean, seen.variance, holdout);
END
$body$;
COMMENT ON FUNCTION rfmseg.start_campaign(text, text, text, numeric, int, bigint, text, numeric, numeric, timestamptz) IS
'Starts a campaign with a control group: freezes the audience, those of a segment, behavioral_segment and min_clv (none: all customers) who may be contacted, see audience, and lets chance decide which share, holdout (0.01 to 0.99), is not contacted, by seed and equally in all strata of expected value. audience(..., campaign => name) then gives those to contact. Purchases count from starts_at, by default the as_of of the published segments, for so many days (1 to 366). Refused if the audience is too small to find a rise of revenue per head by effect (0.2: twenty per cent) four times in five at 5 % error; then it says how many customers it would take. One row an arm: its customers, the revenue per head expected without a campaign, and the smallest effect that can be found. Results: campaign_results. Errors: not the owner; no refresh yet; such a campaign exists; no such segment; too few customers; arguments out of range.';

CREATE FUNCTION rfmseg._smallest_effect(n bigint, mean float8, variance float8, holdout numeric)
RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- 1.959964 + 0.841621: normal quantiles of 97.5 and of 80 per cent
	SELECT 2.801585 * sqrt(variance / n * (1 / holdout::float8 + 1 / (1 - holdout::float8))) / nullif(mean, 0)
$body$;
COMMENT ON FUNCTION rfmseg._smallest_effect(bigint, float8, float8, numeric) IS
'Internal: the relative difference of means that two arms of n customers together show with a power of 80 % at 5 % error.';

CREATE FUNCTION rfmseg._check_power(campaign text, n bigint, mean float8, variance float8, holdout numeric, effect numeric, days int)
RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
	fewest CONSTANT int := 30;	-- in an arm, for its mean to be about normal
	smallest float8 := rfmseg._smallest_effect(nullif(n, 0), mean, variance, holdout);
	needed numeric := greatest(ceil(fewest / least(holdout, 1 - holdout)), ceil((n * (smallest / effect::float8) ^ 2)::numeric));
BEGIN
	IF n = 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'no_data_found',
			MESSAGE = format('campaign %L would reach nobody', campaign),
			HINT = 'Its customers need a row with marketing_consent true: see rfmseg.map_customers, or choose others.';
	ELSIF smallest IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('none of the %s customers of campaign %L is expected to buy, so that nothing could be compared', n, campaign),
			HINT = 'Choose other customers, or more days.';
	ELSIF n < needed THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the %s customers of campaign %L are too few to tell an effect of %s %%', n, campaign, round(100 * effect, 1)),
			DETAIL = format('It takes %s customers to find it four times in five with a holdout of %s and %s days. These would show an effect of %s %% or more.',
				needed, holdout, days, ceil(100 * smallest)),
			HINT = CASE WHEN n * least(holdout, 1 - holdout) < fewest THEN format('Each arm needs %s customers: choose more of them, or a holdout nearer to 0.5.', fewest)
				ELSE 'Choose more customers, more days, or a holdout nearer to 0.5; or ask about a greater effect.' END;
	END IF;
END
$body$;
COMMENT ON FUNCTION rfmseg._check_power(text, bigint, float8, float8, numeric, numeric, int) IS
'Internal: an error if so many customers are too few to find an effect.';

CREATE FUNCTION rfmseg._measure_campaigns(deployment text, run int, only_campaign int DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off	-- how many lines the clean view has is a guess, and a low one
SET jit = off
AS $body$
DECLARE
	home text := quote_ident(deployment || '_core');
	r record;
	open_ids int[];
	since timestamptz;
	n bigint;
BEGIN
	EXECUTE format('SELECT as_of, events_until, settings FROM %s.runs WHERE run_id = $1', home) INTO r USING run;
	-- after the end for another while: what was sent back comes later
	EXECUTE format($query$
		SELECT array_agg(p.campaign_id), min(p.starts_at) FROM %1$s.campaigns p
		WHERE p.starts_at < $1 AND (p.campaign_id = $2 OR ($2 IS NULL AND (p.ends_at + interval '90 days' > $1
			OR NOT EXISTS (SELECT FROM %1$s.campaign_arms a WHERE a.campaign_id = p.campaign_id AND a.status = 'ended'))))$query$, home)
	INTO open_ids, since USING r.as_of, only_campaign;
	IF open_ids IS NULL THEN
		RETURN 0;
	END IF;

	EXECUTE format('DELETE FROM %s.campaign_arms WHERE campaign_id = ANY ($1)', home) USING open_ids;
	EXECUTE format($query$
		WITH bought AS (
			SELECT m.campaign_id, l.customer_id,
				rfmseg.rfm(l.transaction_date, l.total_amount, least(p.ends_at, $2), l.order_id::text, $3) AS of_window
			FROM %1$s.campaign_members m JOIN %1$s.campaigns p USING (campaign_id) JOIN %1$s.transactions l ON l.customer_id = m.customer_id
			WHERE m.campaign_id = ANY ($1) AND l.transaction_date >= p.starts_at AND l.transaction_date < p.ends_at
				AND l.transaction_date BETWEEN $7 AND $2
				AND ($4 OR NOT l.is_return)
			GROUP BY m.campaign_id, l.customer_id
		), customer AS (
			SELECT m.campaign_id, m.arm, m.stratum, coalesce((b.of_window).monetary, 0) AS spent, (coalesce((b.of_window).frequency, 0) > 0)::int AS bought
			FROM %1$s.campaign_members m LEFT JOIN bought b USING (campaign_id, customer_id)
			WHERE m.campaign_id = ANY ($1)
		), cell AS (
			SELECT campaign_id, stratum, arm, count(*) AS n, sum(bought) AS buyers, sum(spent) AS revenue,
				avg(spent)::float8 AS mean, coalesce(var_samp(spent), 0)::float8 / count(*) AS error,
				avg(bought)::float8 AS share, coalesce(var_samp(bought), 0)::float8 / count(*) AS share_error
			FROM customer GROUP BY campaign_id, stratum, arm
		), arm AS (
			SELECT campaign_id, arm, sum(n) AS customers, sum(buyers) AS buyers, sum(revenue) AS revenue FROM cell GROUP BY campaign_id, arm
		), compared AS (
			-- strata in which an arm has lost all its customers compare nothing
			SELECT campaign_id, sum(t.n) AS treated,
				sum(w.n * t.mean) / sum(w.n) AS t_mean, sum(w.n * c.mean) / sum(w.n) AS c_mean,
				sum(w.n ^ 2 * t.error) / sum(w.n) ^ 2 AS t_error, sum(w.n ^ 2 * c.error) / sum(w.n) ^ 2 AS c_error,
				sum(w.n * t.share) / sum(w.n) AS t_share, sum(w.n * c.share) / sum(w.n) AS c_share,
				sum(w.n ^ 2 * t.share_error) / sum(w.n) ^ 2 AS t_share_error, sum(w.n ^ 2 * c.share_error) / sum(w.n) ^ 2 AS c_share_error
			FROM cell t JOIN cell c USING (campaign_id, stratum), LATERAL (SELECT (t.n + c.n)::float8 AS n) AS w
			WHERE t.arm = 'treated' AND c.arm = 'control'
			GROUP BY campaign_id
		), lifted AS (
			SELECT *, rfmseg._relative_lift(t_share, t_share_error, c_share, c_share_error) AS conversion, rfmseg._relative_lift(t_mean, t_error, c_mean, c_error) AS spending
			FROM compared
		)
		INSERT INTO %1$s.campaign_arms
		SELECT a.campaign_id, a.arm, $5, CASE WHEN p.ends_at <= $6 THEN 'ended' ELSE 'running' END, a.customers, a.buyers, a.revenue,
			(x.conversion).lift, (x.conversion).low, (x.conversion).high, (x.spending).lift, (x.spending).low, (x.spending).high,
			round((x.treated * (x.t_mean - x.c_mean))::numeric, 2),
			round((x.treated * (x.t_mean - x.c_mean - 1.959964 * sqrt(x.t_error + x.c_error)))::numeric, 2),
			round((x.treated * (x.t_mean - x.c_mean + 1.959964 * sqrt(x.t_error + x.c_error)))::numeric, 2),
			round((x.t_mean - x.c_mean)::numeric, 4)
		FROM arm a JOIN %1$s.campaigns p USING (campaign_id)
		-- looked at before its time, an interval would exclude no lift too often
		LEFT JOIN lifted x ON x.campaign_id = a.campaign_id AND a.arm = 'treated' AND p.ends_at <= $6$query$, home)
	USING open_ids, r.events_until, r.settings ->> 'time_zone', r.settings ->> 'returns' = 'net', run, r.as_of, since;
	GET DIAGNOSTICS n = ROW_COUNT;
	PERFORM rfmseg._leave_out_small(home || '.campaign_arms', 'run_id', run, 'customers', 'arm', '{campaign_id,arm,status}',
		(r.settings ->> 'min_cell_size')::int, 'campaign_id');
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg._measure_campaigns(text, int, int) IS
'Internal: what campaigns have brought up to the as_of of a run, of those that began before it and ended no more than 90 days before, or of one; arms written.';

CREATE FUNCTION rfmseg._relative_lift(treated float8, treated_error float8, control float8, control_error float8, OUT lift numeric, OUT low numeric, OUT high numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$
	-- errors are variances of the means; a ratio of means that are not positive says nothing
	SELECT round((ratio - 1)::numeric, 6), round((ratio * exp(-1.959964 * sd) - 1)::numeric, 6), round((ratio * exp(1.959964 * sd) - 1)::numeric, 6)
	FROM (SELECT treated / control AS ratio, sqrt(treated_error / treated ^ 2 + control_error / control ^ 2) AS sd WHERE treated > 0 AND control > 0) AS r
$body$;
COMMENT ON FUNCTION rfmseg._relative_lift(float8, float8, float8, float8) IS
'Internal: by how much the first mean is higher than the other, and its 95 % interval, by the delta method on the log scale; NULL unless both are positive.';

CREATE FUNCTION rfmseg.campaign_results(deployment text, name text)
RETURNS TABLE (arm text, status text, customers bigint, buyers bigint, conversion numeric, revenue numeric, revenue_per_head numeric, currency text,
	conversion_lift numeric, conversion_lift_low numeric, conversion_lift_high numeric, revenue_lift numeric, revenue_lift_low numeric, revenue_lift_high numeric,
	incremental_revenue numeric, incremental_revenue_low numeric, incremental_revenue_high numeric, verdict text, as_of timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
	n int;
BEGIN
	IF deployment IS NULL OR to_regclass(format('%I.campaign_results', deployment)) IS NULL THEN
		PERFORM rfmseg._require(deployment);	-- says that there is none
	END IF;
	EXECUTE format('SELECT count(*) FROM %I.campaign_results WHERE campaign = $1', deployment) INTO n USING name;
	IF n = 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'no_data_found',
			MESSAGE = format('deployment "%s" has no results of a campaign %s', deployment, coalesce(quote_literal(name), 'NULL')),
			HINT = format('They come with the first refresh later than its start; %I.campaign_results has those there are.', deployment);
	END IF;
	RETURN QUERY EXECUTE format($query$
		SELECT arm, status, customers, buyers, conversion, revenue, revenue_per_head, currency,
			conversion_lift, conversion_lift_low, conversion_lift_high, revenue_lift, revenue_lift_low, revenue_lift_high,
			incremental_revenue, incremental_revenue_low, incremental_revenue_high, verdict, as_of
		FROM %I.campaign_results WHERE campaign = $1 ORDER BY arm$query$, deployment) USING name;
END
$body$;
COMMENT ON FUNCTION rfmseg.campaign_results(text, text) IS
'What a campaign has brought, by the last refresh: one row an arm, as assigned, with customers, buyers, conversion, revenue and revenue per head; and in the row of the treated, once its days are over, the lift over the control of conversion and of revenue per head, with 95 % intervals, the revenue that it brought in all, and a verdict. Before, the verdict is ''not over yet'': an interval that is looked at again and again would exclude no lift too often. Compared within strata of equal expected value; customers count where they were assigned, whoever was really reached. For whoever reads the published relations. Errors: no such deployment; no results of that campaign yet.';

CREATE FUNCTION rfmseg.generate_campaign_effect(deployment text, name text, lift numeric, seed bigint DEFAULT 42)
RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off	-- nothing is known yet of lines that were made just now
SET jit = off
AS $body$
#variable_conflict use_column
DECLARE
	home text := quote_ident(deployment || '_core');
	raw text := quote_ident(deployment || '_raw');
	id int;
	campaign record;
	n bigint;
BEGIN
	PERFORM rfmseg._require(deployment);
	PERFORM rfmseg._lock(deployment);
	IF num_nulls(lift, seed) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'lift and seed must not be NULL';
	ELSIF NOT lift BETWEEN 0 AND 10 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('lift must be from 0 to 10, not %s', lift),
			HINT = 'It is the rise of revenue among the treated: 0.2 is twenty per cent.';
	ELSIF to_regclass(raw || '.ground_truth') IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('the purchases of deployment "%s" are not made up', deployment),
			HINT = 'An effect is planted in what rfmseg.generate made, and nowhere else.';
	END IF;
	id := rfmseg._campaign_id(deployment, name);
	EXECUTE format('SELECT * FROM %s.campaigns WHERE campaign_id = $1', home) INTO campaign USING id;
	IF campaign.planted_lift IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = format('campaign %L has an effect planted already', name), HINT = 'Start another campaign.';
	END IF;

	-- Each order of the treated in these days is made once more, with the
	-- probability of the lift, for a treated customer of the same stratum: so
	-- their revenue rises by it on average, and some buy who would not have.
	EXECUTE format($insert$
		INSERT INTO %2$s.transactions (transaction_id, order_id, customer_id, transaction_date, product_id, quantity, category, per_unit_cost,
			per_unit_msrp, total_cost, pre_discount_amount, discount_amount, total_amount, channel, is_return, currency)
		WITH treated AS (
			SELECT customer_id, stratum, row_number() OVER (PARTITION BY stratum ORDER BY customer_id) - 1 AS place, count(*) OVER (PARTITION BY stratum) AS size
			FROM %1$s.campaign_members WHERE campaign_id = $1 AND arm = 'treated'
		), line AS (
			SELECT t.*, m.stratum, m.size FROM %2$s.transactions t JOIN treated m USING (customer_id)
			WHERE t.transaction_date >= $2 AND t.transaction_date < $3
		), last AS MATERIALIZED (
			SELECT max(transaction_id) AS transaction_id, max(order_id) AS order_id FROM %2$s.transactions
		), copied AS (
			SELECT o.*, row_number() OVER (ORDER BY o.order_id, o.customer_id, o.copy) AS number
			FROM (SELECT DISTINCT order_id, customer_id, stratum, size FROM line) AS d,
				LATERAL (SELECT d.*, copy FROM generate_series(1, ceil($4)::int) AS copy
					WHERE rfmseg._draw($5, 2 * copy, d.order_id) < ($4 - (copy - 1)) * 9223372036854775808) AS o
		)
		SELECT last.transaction_id + row_number() OVER (ORDER BY o.number, l.transaction_id), last.order_id + o.number, m.customer_id,
			l.transaction_date, l.product_id, l.quantity, l.category, l.per_unit_cost, l.per_unit_msrp, l.total_cost, l.pre_discount_amount,
			l.discount_amount, l.total_amount, l.channel, l.is_return, l.currency
		FROM copied o JOIN line l ON l.order_id = o.order_id AND l.customer_id = o.customer_id
		JOIN treated m ON m.stratum = o.stratum AND m.place = rfmseg._draw($5, 2 * o.copy + 1, o.order_id) %% o.size
		CROSS JOIN last$insert$, home, raw)
	USING id, campaign.starts_at, campaign.ends_at, lift, seed;
	GET DIAGNOSTICS n = ROW_COUNT;
	EXECUTE format('UPDATE %s.campaigns SET planted_lift = $2 WHERE campaign_id = $1', home) USING id, lift;
	RETURN n;
END
$body$;
COMMENT ON FUNCTION rfmseg.generate_campaign_effect(text, text, numeric, bigint) IS
'Plants the effect of a campaign in made-up purchases: the treated spend more in its days, by lift (0.2: twenty per cent) on average, as orders of theirs are made once more for others of them; so that what campaign_results estimates can be held against the truth. The purchases of these days must be there before; refresh afterwards. Returns the lines added. The same seed adds the same ones. Errors: not the owner; purchases that are not made up; no such campaign, or one with an effect already; lift out of 0 to 10.';
