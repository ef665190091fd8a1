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
