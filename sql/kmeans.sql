--
-- kmeans(), kmeans_sweep(): clusters, and what can be done with their models
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
\set SHOW_CONTEXT never
\pset null '(null)'
CREATE SCHEMA kmeans_test;
SET search_path = kmeans_test, pg_catalog;

-- All that an error says, or the result
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement INTO result;
	RETURN 'no error: ' || coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- A model to the last bit
CREATE FUNCTION digest(model rfmseg.kmeans_model) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SET extra_float_digits = 3 AS $$ SELECT md5(model::text) $$;
-- A number from 0 to 1 that follows from a key alone, in any version
CREATE FUNCTION uniform(key text) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (('x' || md5(key))::bit(32)::int + 2147483648.0::float8) / 4294967296.0::float8 $$;
CREATE FUNCTION is_close(a float8, b float8) RETURNS boolean LANGUAGE sql AS $$ SELECT abs(a - b) <= 1e-12 * greatest(abs(a), abs(b)) $$;

-- Three clouds, of which two overlap a little, in features of very different size
CREATE TABLE clouds AS
SELECT i, truth, ARRAY[(x + uniform('a ' || i) + uniform('b ' || i) + uniform('c ' || i)) * 1000, y + uniform('d ' || i) + uniform('e ' || i) + uniform('f ' || i)] AS f
FROM generate_series(1, 240) i, LATERAL (SELECT 1 + i % 3 AS truth) t, LATERAL (SELECT '{0,6,2}'::float8[] AS xs, '{0,1,7}'::float8[] AS ys) c,
	LATERAL (SELECT xs[truth] AS x, ys[truth] AS y) p;

--
-- Cases that can be worked out by hand
--

-- 1 and 2 around 1.5, 10, 11 and 12 around 11: within 0.5 + 2, around 7.2 110.8; (108.3 / 1) / (2.5 / 3) = 129.96
SELECT (rfmseg.kmeans(ARRAY[v], 2, '{"standardize": false, "silhouette": true, "silhouette_sample": 5}')).* FROM unnest('{10,2,12,1,11}'::float8[]) v \gx
-- the standardized features are -1, -1, 1, 1; the centroids are in their own units
SELECT (rfmseg.kmeans(ARRAY[v, -2 * v], 2)).* FROM unnest('{3,7,3,7}'::float8[]) v \gx
-- weights
SELECT (rfmseg.kmeans(ARRAY[v], 2, '{"standardize": false}', w)).* FROM (VALUES (1, 3), (2, 1), (10, 0.5), (11, 0), (14, 1.5)) u (v, w) \gx
-- one row, rows that are all the same, one cluster, and as many as points
SELECT (rfmseg.kmeans('{5,-3}', 1, '{"silhouette": true, "silhouette_sample": 3}')).* \gx
SELECT k, row_count, distinct_points, centroids, sizes, inertia, total_ss, explained_variance, calinski_harabasz, feature_scales
FROM (SELECT (rfmseg.kmeans('{5,-3}', 1)).* FROM generate_series(1, 3)) m;
SELECT k, centroids, sizes, within_ss, total_ss, explained_variance, simplified_silhouette, positions, feature_means, feature_scales
FROM (SELECT (rfmseg.kmeans(ARRAY[v, 4 * v], 1, '{"silhouette": true}')).* FROM unnest('{1,3}'::float8[]) v) m;
SELECT k, centroids, sizes, inertia, explained_variance, calinski_harabasz, simplified_silhouette, sample_silhouette, converged
FROM (SELECT (rfmseg.kmeans(ARRAY[v, 1 - v], 4, '{"standardize": false, "silhouette": true, "silhouette_sample": 4}')).* FROM unnest('{5,1,2,3}'::float8[]) v) m;
SELECT k, row_count, distinct_points, centroids, sizes, inertia, explained_variance, calinski_harabasz
FROM (SELECT (rfmseg.kmeans(ARRAY[v], 2)).* FROM unnest('{5,1,1,5,1}'::float8[]) v) m;
-- a thousand clusters of a thousand points
SELECT k, inertia, cardinality(sizes) AS clusters, centroids[1][1] AS first, centroids[1000][1] AS last, converged
FROM (SELECT (rfmseg.kmeans(ARRAY[v], 1000, '{"n_init": 1, "standardize": false}')).* FROM generate_series(1, 1000) v) m;
-- of two centres as near, the first: 2 is as far from 1 as from 3
SELECT v, rfmseg.kmeans_predict(m, ARRAY[v]) FROM (SELECT rfmseg.kmeans(ARRAY[p], 2, '{"standardize": false}') AS m FROM unnest('{1,3}'::float8[]) p) s, unnest('{1,2,3}'::float8[]) v;
-- a row in the middle counts where it is predicted
SELECT (m).centroids, (m).sizes, rfmseg.kmeans_predict(m, '{2}')
FROM (SELECT rfmseg.kmeans(ARRAY[p], 2, '{"standardize": false, "max_iter": 1}') AS m FROM unnest('{0,0,2,4,4}'::float8[]) p) s;
-- clusters are numbered by the first feature, then by the second
SELECT centroids FROM (SELECT (rfmseg.kmeans(ARRAY[a, b], 4, '{"standardize": false}')).* FROM (VALUES (2, 1), (1, 9), (2, -1), (1, 8)) u (a, b)) m;
SELECT bool_and(centroids[c][1] < centroids[c + 1][1]) AS ascending FROM (SELECT (rfmseg.kmeans(f, 9)).* FROM clouds) m, generate_series(1, 8) c;
-- a feature that is the same in all rows parts nothing: it changes no more than what it must
SELECT m - '{dimensions,centroids,positions,feature_means,feature_scales}'::text[] = n - '{dimensions,centroids,positions,feature_means,feature_scales}'::text[] AS same_rest,
	m->'feature_means'->1 AS mean, m->'feature_scales'->1 AS scale, m->'centroids'->0->1 AS of_centroid, m->'positions'->0->1 AS of_position
FROM (SELECT rfmseg.kmeans(ARRAY[f[1], 7, f[2]], 3)::jsonb AS m, rfmseg.kmeans(f, 3)::jsonb AS n FROM clouds) s;
SELECT (rfmseg.kmeans(ARRAY[7, v, 0.1], 2, '{"standardize": false}')).centroids FROM generate_series(1, 2) v;
-- minus zero is zero: no point of its own
SELECT digest(rfmseg.kmeans(ARRAY[v, 1 / (10 + v)], 2)) = digest(rfmseg.kmeans(ARRAY[abs(v), 1 / (10 + v)], 2)) AS same, (rfmseg.kmeans(ARRAY[v, 1 / (10 + v)], 2)).distinct_points AS points,
	(rfmseg.kmeans(ARRAY[v, 0], 2, '{"standardize": false}')).centroids
FROM unnest('{0,-0,5,-0}'::float8[]) v;
SELECT rfmseg.kmeans_predict(rfmseg.kmeans(ARRAY[v], 2), '{-0}') AS minus_zero, rfmseg.kmeans_predict(rfmseg.kmeans(ARRAY[v], 2), '{0}') AS zero FROM unnest('{0,-0,5}'::float8[]) v;
-- as large as numbers may be, and so small that their squares are nothing
SELECT centroids, sizes, explained_variance FROM (SELECT (rfmseg.kmeans(ARRAY[v], 2)).* FROM unnest('{1e100,-1e100,0}'::float8[]) v) m;
SELECT centroids, sizes, inertia, total_ss FROM (SELECT (rfmseg.kmeans(ARRAY[v], 2, '{"standardize": false}')).* FROM unnest('{1e100,-1e100,0}'::float8[]) v) m;
SELECT centroids, sizes, explained_variance FROM (SELECT (rfmseg.kmeans(ARRAY[v], 2)).* FROM unnest('{1e-150,3e-150,2e-140}'::float8[]) v) m;
SELECT standardize, outcome(format('SELECT rfmseg.kmeans(ARRAY[v], 2, %L) FROM unnest(''{1e-200,2e-200}''::float8[]) v', jsonb_build_object('standardize', standardize))) FROM unnest('{true,false}'::boolean[]) standardize;
SELECT centroids, sizes, inertia, distinct_points, explained_variance FROM (SELECT (rfmseg.kmeans(ARRAY[v], 1, '{"standardize": false}')).* FROM unnest('{1e-200,1e-200}'::float8[]) v) m;
-- far from zero, close together: the mean is right to the last bits, the variance too
SELECT centroids, feature_means, feature_scales, explained_variance FROM (SELECT (rfmseg.kmeans(ARRAY[v], 2)).* FROM unnest('{1000000000000001,1000000000000003,1000000000000001,1000000000000003}'::float8[]) v) m;

--
-- Against plain SQL
--

-- Squared distances of a row from the centres of a model, in the space clustered
CREATE FUNCTION distances(model rfmseg.kmeans_model, f float8[]) RETURNS float8[] LANGUAGE sql AS $$
	SELECT array_agg(distance ORDER BY c) FROM (
		SELECT c, sum(((f[j] - model.feature_means[j]) / model.feature_scales[j] - model.positions[c][j]) ^ 2) AS distance
		FROM generate_series(1, model.k) c, generate_series(1, model.dimensions) j GROUP BY c) s
$$;
CREATE FUNCTION nearest(distances float8[]) RETURNS int LANGUAGE sql AS $$ SELECT i::int FROM unnest(distances) WITH ORDINALITY u (d, i) ORDER BY d, i LIMIT 1 $$;

CREATE TABLE models AS
SELECT standardize, k, rfmseg.kmeans(f, k, jsonb_build_object('tol', 0, 'standardize', standardize, 'silhouette', true, 'silhouette_sample', 240))::jsonb AS model
FROM clouds, unnest('{1,2,3,4,7}'::int[]) k, unnest('{true,false}'::boolean[]) standardize GROUP BY standardize, k;
CREATE TABLE assigned AS
SELECT standardize, k, m, i, truth, f, d, nearest(d) AS cluster, ARRAY(SELECT (f[j] - (m).feature_means[j]) / (m).feature_scales[j] FROM generate_series(1, 2) j) AS z
FROM (SELECT standardize, k, model::rfmseg.kmeans_model AS m FROM models OFFSET 0) s, clouds, LATERAL (SELECT distances(m, f) AS d) l;
-- every row is predicted to be in the cluster with the nearest centre
SELECT count(*) AS rows, count(*) FILTER (WHERE rfmseg.kmeans_predict(m, f) <> cluster) AS differ FROM assigned;
-- means and scales are those of the rows, or 0 and 1
SELECT standardize, count(*) AS features, count(*) FILTER (WHERE is_close((m).feature_means[j], mean) AND is_close((m).feature_scales[j], scale)) AS right
FROM (SELECT standardize, m, j, CASE WHEN standardize THEN avg(f[j]) ELSE 0 END AS mean, CASE WHEN standardize THEN stddev_pop(f[j]) ELSE 1 END AS scale
	FROM assigned, generate_series(1, 2) j WHERE k = 3 GROUP BY standardize, m, j) s GROUP BY standardize ORDER BY standardize;
-- size, mean and sum of squares of each cluster: a fixed point of Lloyd's algorithm, as tol is 0
SELECT standardize, k, count(*) AS clusters, bool_and((m).sizes[cluster] = n) AS sizes, bool_and(is_close((m).within_ss[cluster], within)) AS within_ss,
	bool_and(is_close((m).centroids[cluster][1], x) AND is_close((m).centroids[cluster][2], y)) AS centroids,
	bool_and(abs((m).positions[cluster][1] - zx) < 1e-12 * scale AND abs((m).positions[cluster][2] - zy) < 1e-12 * scale) AS positions,
	(SELECT array_agg(c) FROM rfmseg.kmeans_centroids(m) c) = array_agg((cluster, (m).sizes[cluster], ARRAY[(m).centroids[cluster][1], (m).centroids[cluster][2]], (m).within_ss[cluster])
		ORDER BY cluster) AS kmeans_centroids
FROM (SELECT standardize, k, m, cluster, count(*) AS n, avg(f[1]) AS x, avg(f[2]) AS y, avg(z[1]) AS zx, avg(z[2]) AS zy, sum(d[cluster]) AS within, max(abs(z[1])) + max(abs(z[2])) AS scale
	FROM assigned GROUP BY standardize, k, m, cluster) s
GROUP BY standardize, k, m ORDER BY standardize, k;
-- sums over all, ratios and silhouettes
CREATE TABLE silhouettes AS
SELECT standardize, k, i, CASE WHEN bool_or(own AND other > 0) THEN (min(mean) FILTER (WHERE NOT own) - max(mean) FILTER (WHERE own)) / greatest(min(mean) FILTER (WHERE NOT own), max(mean) FILTER (WHERE own)) ELSE 0 END AS silhouette
FROM (SELECT a.standardize, a.k, a.i, a.cluster = b.cluster AS own, count(*) FILTER (WHERE a.i <> b.i) AS other,
		sum(sqrt((a.z[1] - b.z[1]) ^ 2 + (a.z[2] - b.z[2]) ^ 2)) / nullif(count(*) FILTER (WHERE a.i <> b.i), 0) AS mean
	FROM assigned a JOIN assigned b USING (standardize, k) WHERE k IN (2, 3, 7) GROUP BY a.standardize, a.k, a.i, b.cluster, own) s
GROUP BY standardize, k, i;
SELECT standardize, k, (m).row_count, (m).distinct_points, (m).total_weight, (m).converged,
	is_close((m).inertia, inertia) AS inertia, (m).inertia = (SELECT sum(w) FROM unnest((m).within_ss) w) AS sum_of_within, is_close((m).total_ss, total) AS total_ss,
	(m).explained_variance = 1 - (m).inertia / (m).total_ss AS explained_variance, is_close((m).calinski_harabasz, (total - inertia) / nullif(k - 1, 0) / (inertia / (240 - k))) AS calinski_harabasz,
	is_close((m).simplified_silhouette, simplified) AS simplified_silhouette, is_close((m).sample_silhouette, (SELECT avg(silhouette) FROM silhouettes s WHERE s.standardize = a.standardize AND s.k = a.k)) AS sample_silhouette,
	cardinality((m).inertia_history) = (m).iterations + 1 AS history, (m).inertia_history[(m).iterations + 1] = (m).inertia AS last_of_history,
	(SELECT bool_and(h <= before * (1 + 1e-12)) FROM (SELECT h, lag(h) OVER (ORDER BY n) AS before FROM unnest((m).inertia_history) WITH ORDINALITY u (h, n)) s) AS descending
FROM (
	SELECT standardize, k, m, sum(d[cluster]) AS inertia, (var_pop(z[1]) + var_pop(z[2])) * 240 AS total,
		avg((SELECT (sqrt(b) - sqrt(a)) / sqrt(b) FROM (SELECT min(e) AS a, (array_agg(e ORDER BY e))[2] AS b FROM unnest(d) e) s)) AS simplified
	FROM assigned GROUP BY standardize, k, m) a
ORDER BY standardize, k;

-- Lloyd's algorithm, step by step: a run that may go one iteration further has gone the step of plain SQL from where the other one ended
CREATE TABLE runs AS
SELECT n, rfmseg.kmeans(f, 6, jsonb_build_object('n_init', 1, 'tol', 0, 'max_iter', n, 'seed', 3)) AS m FROM clouds, generate_series(1, 40) n GROUP BY n;
SELECT max((m).iterations) BETWEEN 5 AND 35 AS some_iterations, bool_and((m).iterations = n) FILTER (WHERE NOT (m).converged) AS as_many_as_allowed,
	count(DISTINCT digest(m)) FILTER (WHERE (m).converged) > 0 AS some_end, count(DISTINCT (m).centroids) FILTER (WHERE (m).converged) AS ends FROM runs;
SELECT count(*) AS steps, count(*) FILTER (WHERE (SELECT bool_and(is_close(expected, actual))
	FROM (SELECT (next).centroids[rank][1] AS actual, mean AS expected
		FROM (SELECT row_number() OVER (ORDER BY avg(f[1])) AS rank, avg(f[1]) AS mean FROM clouds GROUP BY nearest(distances(m, f))) s) r)) AS as_by_sql,
	count(*) FILTER (WHERE (next).inertia_history[:n] = (m).inertia_history[:n] AND is_close((next).inertia_history[n + 1], (m).inertia)) AS same_history
FROM (SELECT n, m, lead(m) OVER (ORDER BY n) AS next FROM runs) s WHERE n < 40 AND NOT (m).converged;

-- The first centres lie apart: as many as there are points, they are all of them, whatever the seed and the number of leaves of points
SELECT n, count(*) AS seeds, count(*) FILTER (WHERE (m).inertia_history[1] = 0 AND (m).iterations = 1) AS at_once
FROM (SELECT n, rfmseg.kmeans(ARRAY[v % n], n, jsonb_build_object('n_init', 1, 'standardize', false, 'seed', s)) AS m
	FROM generate_series(1, 120) v, unnest('{3,4,10,32,33,100}'::int[]) n, generate_series(1, 10) s GROUP BY n, s) r
GROUP BY n ORDER BY n;

-- The best there is: in one dimension clusters are intervals, and all partitions into three can be tried
CREATE TABLE small AS SELECT sample, row_number() OVER (PARTITION BY sample ORDER BY v) AS i, v
FROM (SELECT sample, floor(uniform(sample || ' ' || i) * 1000) AS v FROM generate_series(1, 25) sample, generate_series(1, 14) i) s;
WITH parts AS (
	SELECT sample, a, b, var_pop(v) * count(*) AS ss FROM small, generate_series(1, 14) a, generate_series(a, 14) b WHERE i BETWEEN a AND b GROUP BY sample, a, b
), best AS (
	SELECT sample, min(p.ss + q.ss + r.ss) AS inertia FROM parts p JOIN parts q USING (sample) JOIN parts r USING (sample)
	WHERE p.a = 1 AND q.a = p.b + 1 AND r.a = q.b + 1 AND r.b = 14 GROUP BY sample
), found AS (
	SELECT sample, (rfmseg.kmeans(ARRAY[v], 3, '{"n_init": 50, "standardize": false, "tol": 0}')).inertia FROM small GROUP BY sample
)
SELECT count(*) AS samples, count(*) FILTER (WHERE is_close(f.inertia, b.inertia)) AS best FROM best b JOIN found f USING (sample);

-- Weights are as good as repeated rows
SELECT rfmseg.kmeans(f, 4, '{"silhouette": true, "silhouette_sample": 50}', i % 5)::jsonb - 'row_count' = (
		SELECT rfmseg.kmeans(f, 4, '{"silhouette": true, "silhouette_sample": 50}')::jsonb - 'row_count' FROM clouds, generate_series(1, i % 5)) AS same,
	(rfmseg.kmeans(f, 4, NULL, i % 5)).row_count, (rfmseg.kmeans(f, 4, NULL, i % 5)).total_weight, (rfmseg.kmeans(f, 4, NULL, i % 5)).distinct_points
FROM clouds;
-- a weight of 1 is none; and weights count by their proportions
SELECT digest(rfmseg.kmeans(f, 4, '{}', 1)) = digest(rfmseg.kmeans(f, 4, '{}')) AS same, digest(rfmseg.kmeans(f, 4, '{}')) = digest(rfmseg.kmeans(f, 4)) AS no_options,
	digest(rfmseg.kmeans(f, 4, NULL)) = digest(rfmseg.kmeans(f, 4)) AS null_options,
	(rfmseg.kmeans(f, 4, '{}', i * 1024)).positions = (rfmseg.kmeans(f, 4, '{}', i)).positions AS in_proportion,
	(rfmseg.kmeans(f, 4, '{}', i)).positions <> (rfmseg.kmeans(f, 4)).positions AS differ FROM clouds;

-- Clusters against the truth: the adjusted Rand index (Hubert & Arabie 1985) of three clouds, standardized or not
CREATE FUNCTION adjusted_rand(pairs numeric, of_a numeric, of_b numeric, n numeric) RETURNS numeric LANGUAGE sql AS $$
	SELECT round((pairs - of_a * of_b / (n * (n - 1) / 2)) / ((of_a + of_b) / 2 - of_a * of_b / (n * (n - 1) / 2)), 3) $$;
SELECT standardize, adjusted_rand(
	(SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*)::numeric AS n FROM assigned a WHERE a.standardize = s.standardize AND k = 3 GROUP BY cluster, truth) c),
	(SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*)::numeric AS n FROM assigned a WHERE a.standardize = s.standardize AND k = 3 GROUP BY cluster) c),
	(SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*)::numeric AS n FROM clouds GROUP BY truth) c), 240)
FROM unnest('{true,false}'::boolean[]) AS s (standardize);

--
-- Options
--

SELECT (rfmseg.kmeans(f, 3)).options FROM clouds;
SELECT (rfmseg.kmeans(f, 3, '{"n_init": 1, "max_iter": 10000, "tol": 0.1, "seed": -9223372036854775808, "standardize": false, "silhouette": true, "silhouette_sample": 20}')).options FROM clouds;
SELECT (rfmseg.kmeans(f, 3, '{"seed": 9223372036854775807, "n_init": 1.0, "tol": 0}')).options FROM clouds;
-- each has an effect, and the options of a model make that model
SELECT count(DISTINCT digest(m)) AS models, count(DISTINCT (m).positions) AS positions, bool_and(digest(m) = digest(again)) AS same_again
FROM (SELECT rfmseg.kmeans(f, 8, o) AS m, o FROM clouds, unnest('{"{}", "{\"seed\": 1, \"n_init\": 1}", "{\"seed\": 2, \"n_init\": 1}", "{\"n_init\": 1}", "{\"max_iter\": 1}", "{\"tol\": 0.5}",
	"{\"standardize\": false}", "{\"silhouette\": true}", "{\"silhouette_sample\": 30}"}'::jsonb[]) o GROUP BY o) s,
	LATERAL (SELECT rfmseg.kmeans(f, 8, (m).options) AS again FROM clouds) r;
-- the best of more runs is no worse, and sometimes better
SELECT count(*) FILTER (WHERE inertia > before) AS worse, count(*) FILTER (WHERE inertia < before) > 0 AS better
FROM (SELECT n, inertia, lag(inertia) OVER (ORDER BY n) AS before
	FROM (SELECT n, (rfmseg.kmeans(f, 8, jsonb_build_object('n_init', n))).inertia FROM clouds, generate_series(1, 20) n GROUP BY n) r) s;
-- with a tolerance of nearly everything a run ends as soon as it can
SELECT (rfmseg.kmeans(f, 3, '{"tol": 1e9}')).iterations, (rfmseg.kmeans(f, 3, '{"tol": 1e9}')).converged,
	(rfmseg.kmeans(f, 6, '{"tol": 0, "max_iter": 1}')).iterations, (rfmseg.kmeans(f, 6, '{"tol": 0, "max_iter": 1}')).converged FROM clouds;
-- a sample of fewer points: of a systematic sample, the silhouette in plain SQL is not far, and there are no more points than rows
SELECT abs((rfmseg.kmeans(f, 3, '{"silhouette_sample": 60}')).sample_silhouette - (rfmseg.kmeans(f, 3, '{"silhouette_sample": 240}')).sample_silhouette) < 0.05 AS near,
	(rfmseg.kmeans(f, 3, '{"silhouette_sample": 60}')).sample_silhouette <> (rfmseg.kmeans(f, 3, '{"silhouette_sample": 240}')).sample_silhouette AS differ,
	(rfmseg.kmeans(f, 3, '{"silhouette_sample": 20000}')).sample_silhouette = (rfmseg.kmeans(f, 3, '{"silhouette_sample": 240}')).sample_silhouette AS of_all FROM clouds;
-- what is wrong with others
SELECT options, outcome(format('SELECT rfmseg.kmeans(f, 3, %L) FROM kmeans_test.clouds', options)) FROM unnest(ARRAY[
	'{"n_init": 0}', '{"n_init": 1001}', '{"n_init": 1.5}', '{"n_init": "10"}', '{"n_init": null}', '{"n_init": true}', '{"n_init": [1]}', '{"n_init": {"n_init": 1}}', '{"n_init": 1e100}',
	'{"max_iter": 0}', '{"max_iter": 10001}', '{"max_iter": -1}', '{"tol": -1e-9}', '{"tol": 1e400}', '{"tol": "0"}', '{"tol": null}',
	'{"seed": 9223372036854775808}', '{"seed": -9223372036854775809}', '{"seed": 0.5}', '{"seed": "x"}', '{"standardize": 1}', '{"standardize": null}', '{"standardize": "true"}',
	'{"silhouette": 0}', '{"silhouette": []}', '{"silhouette_sample": -1}', '{"silhouette_sample": 20001}', '{"silhouette_sample": true}',
	'{"seed": 1, "Seed": 2}', '{"": 1}', '{"k": 3}', '{"seed": 1, "colour": {"seed": [1, 2]}}', '[]', '[{"seed": 1}]', '1', '"seed"', 'null', 'true']) options;
-- they are checked with the first row, NULL or not, and in a sweep
SELECT outcome($$SELECT rfmseg.kmeans(NULL, 3, '{"n_init": 0}')$$);
SELECT outcome($$SELECT rfmseg.kmeans_sweep('{1}', 1, 1, '{"n_init": 0}')$$);

--
-- Rows, groups, order
--

-- no rows, or none of any weight
SELECT rfmseg.kmeans(f, 3) IS NOT DISTINCT FROM NULL AS kmeans, rfmseg.kmeans_sweep(f, 1, 3) IS NOT DISTINCT FROM NULL AS sweep FROM clouds WHERE false;
SELECT rfmseg.kmeans(f, 3, '{}', 0) IS NOT DISTINCT FROM NULL AS kmeans, rfmseg.kmeans_sweep(f, 1, 3, '{}', 0) IS NOT DISTINCT FROM NULL AS sweep FROM clouds;
SELECT count(*) AS groups FROM (SELECT rfmseg.kmeans(f, 3) FROM clouds WHERE false GROUP BY truth) s;
-- FILTER, DISTINCT and ORDER BY
SELECT digest(rfmseg.kmeans(f, 2) FILTER (WHERE truth = 1)) = (SELECT digest(rfmseg.kmeans(f, 2)) FROM clouds WHERE truth = 1) AS filter,
	digest(rfmseg.kmeans(f, 2 ORDER BY f[2] DESC)) = digest(rfmseg.kmeans(f, 2 ORDER BY i)) AS order_by FROM clouds;
SELECT (rfmseg.kmeans(DISTINCT f, 2)).row_count, (rfmseg.kmeans(f, 2)).row_count AS of_all FROM clouds, generate_series(1, 2);
-- groups are clustered on their own
SELECT truth, digest(model) = (SELECT digest(rfmseg.kmeans(f, 2)) FROM clouds c WHERE c.truth = g.truth) AS same FROM (SELECT truth, rfmseg.kmeans(f, 2) AS model FROM clouds GROUP BY truth) g ORDER BY truth;
SELECT grouping(truth) AS of_all, (rfmseg.kmeans(f, 2)).row_count FROM clouds GROUP BY ROLLUP (truth) ORDER BY 1, truth;
-- k and options of each group's own
SELECT truth, (model).k, (model).options->'seed' AS seed FROM (SELECT truth, rfmseg.kmeans(f, truth, jsonb_build_object('seed', truth)) AS model FROM clouds GROUP BY truth) g ORDER BY truth;
-- over a window the state is added to after it was finished
SELECT i, (running).row_count, (running).centroids, (moving).centroids AS of_two
FROM (SELECT i, rfmseg.kmeans(ARRAY[v], 1) OVER (ORDER BY i) AS running, rfmseg.kmeans(ARRAY[v], 1) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS moving
	FROM unnest('{5,3,10,1}'::float8[]) WITH ORDINALITY u (v, i)) s ORDER BY i;
SELECT bool_and(digest(running) = (SELECT digest(rfmseg.kmeans(f, 2)) FROM clouds c WHERE c.i <= s.i)) AS same
FROM (SELECT i, rfmseg.kmeans(f, 2) FILTER (WHERE i > 0) OVER (ORDER BY (i + 19) / 20) AS running FROM clouds) s WHERE i % 20 = 0;
-- arrays that begin elsewhere are as good
SELECT (rfmseg.kmeans(f, 1)).centroids, rfmseg.kmeans_predict(rfmseg.kmeans(f, 1), '[-5:-4]={1,2}') FROM (SELECT '[0:1]={1,2}'::float8[] AS f) c;
-- 32 features are the most
SELECT (rfmseg.kmeans(array_fill(v, ARRAY[32]), 2)).dimensions, (rfmseg.kmeans(array_fill(v, ARRAY[32]), 2)).sizes FROM unnest('{1,2,2}'::float8[]) v;

-- what is the same for all rows
SELECT outcome(statement) FROM unnest(ARRAY[
	$$SELECT rfmseg.kmeans(ARRAY[v], v) FROM generate_series(1, 2) v$$,
	$$SELECT rfmseg.kmeans_sweep(ARRAY[v], v, 2) FROM generate_series(1, 2) v$$,
	$$SELECT rfmseg.kmeans_sweep(ARRAY[v], 1, v) FROM generate_series(1, 2) v$$,
	$$SELECT rfmseg.kmeans(ARRAY[v], 1, jsonb_build_object('seed', v)) FROM generate_series(1, 2) v$$,
	$$SELECT rfmseg.kmeans(ARRAY[v], 1, CASE v WHEN 1 THEN '{}'::jsonb END) FROM generate_series(1, 2) v$$,
	$$SELECT rfmseg.kmeans(ARRAY[v], 1, CASE v WHEN 2 THEN '{}'::jsonb END) FROM generate_series(1, 2) v$$,
	$$SELECT rfmseg.kmeans(CASE v WHEN 1 THEN '{1}'::float8[] ELSE '{1,2}' END, 1) FROM generate_series(1, 2) v$$,
	$$SELECT rfmseg.kmeans(CASE v WHEN 1 THEN '{NaN}'::float8[] ELSE '{1,2}' END, 1) FROM generate_series(1, 2) v$$,
	$$SELECT rfmseg.kmeans(CASE v WHEN 1 THEN '{1}'::float8[] ELSE '{1,2}' END, 1, '{}', 0) FROM generate_series(1, 2) v$$]) statement;
-- k
SELECT outcome(format('SELECT rfmseg.kmeans(''{1}'', %s)', k)) FROM unnest('{"NULL",0,1001,-2147483648,2}'::text[]) k;
SELECT outcome($$SELECT rfmseg.kmeans(ARRAY[v % 3], 4) FROM generate_series(1, 100) v$$);
SELECT outcome(format('SELECT rfmseg.kmeans_sweep(''{1}'', %s)', k)) FROM unnest('{"NULL, 2","2, NULL","0, 2","1, 1001","3, 2","1, 2"}'::text[]) k;
-- features: rows that cannot be clustered are counted, and not shown
SELECT features, outcome(format($$SELECT rfmseg.kmeans(CASE WHEN v = 4711 THEN %L::float8[] ELSE ARRAY[v, 1] END, 1) FROM generate_series(4710, 4712) v$$, features))
FROM unnest(ARRAY[NULL, '{1,NULL}', '{NaN,1}', '{Infinity,1}', '{1,-Infinity}', '{1.0000001e100,1}', '{1,-1e300}', '{}', '{{1,2},{3,4}}', '{{1}}', '{1,2,3}']) features;
SELECT outcome($$SELECT rfmseg.kmeans(CASE WHEN v % 7 = 0 THEN '{NaN}' WHEN v % 7 < 5 THEN ARRAY[v]::float8[] END, 1) FROM generate_series(1, 1000) v$$);
SELECT outcome($$SELECT rfmseg.kmeans_sweep(NULL, 1, 1)$$);
SELECT outcome($$SELECT rfmseg.kmeans(array_fill(1.0::float8, ARRAY[33]), 1)$$);
SELECT outcome($$SELECT rfmseg.kmeans(NULL, 1) FILTER (WHERE false)$$);
-- weights
SELECT outcome(format($$SELECT rfmseg.kmeans(ARRAY[v], 1, '{}', CASE v WHEN 2 THEN %s::float8 ELSE 1 END) FROM generate_series(1, 3) v$$, weight))
FROM unnest(ARRAY['NULL', '-1', '-1e-90', '9.99e-91', '''NaN''', '''Infinity''', '''-Infinity''', '1.0000001e90']) weight;
SELECT (rfmseg.kmeans(ARRAY[v], 1, '{}', v - 1)).*, ((rfmseg.kmeans_sweep(ARRAY[v], 1, 1, '{}', v - 1))[1]).row_count AS in_sweep FROM generate_series(1, 3) v \gx

-- memory is checked before it is taken, with the first rows that would be too many
SHOW rfmseg.max_model_memory;
SELECT substr(outcome($$SET rfmseg.max_model_memory = '1023kB'$$), 1, 5) AS too_little;
SET rfmseg.max_model_memory = '1MB';
CREATE SEQUENCE counted;
SELECT outcome($$SELECT rfmseg.kmeans(ARRAY[nextval('kmeans_test.counted'), 2, 3], 5) FROM generate_series(1, 100000)$$);
SELECT outcome($$SELECT rfmseg.kmeans_sweep(ARRAY[nextval('kmeans_test.counted'), 2, 3], 1, 5) FROM generate_series(1, 100000)$$);
SELECT last_value < 50000 AS early FROM counted;
SELECT (rfmseg.kmeans(ARRAY[v], 5)).row_count FROM generate_series(1, 5000) v;
-- also what only a great k takes
SELECT k, (rfmseg.kmeans(ARRAY[v, v, v], k, '{"n_init": 1, "max_iter": 1}')).row_count FROM generate_series(1, 13700) v, unnest('{1,50}'::int[]) k GROUP BY k ORDER BY k;
SELECT outcome($$SELECT rfmseg.kmeans(ARRAY[v, v, v], 1000) FROM generate_series(1, 13700) v$$);
RESET rfmseg.max_model_memory;
-- nobody may set what there is not
SET rfmseg.max_modle_memory = 1;

--
-- The same to the last bit, however the rows come and whatever the session has set
--

CREATE TABLE points WITH (parallel_workers = 4) AS
SELECT i, ARRAY[uniform('x ' || i) + i % 4, floor(uniform('y ' || i) * 50), 1 / (1 + uniform('z ' || i))] AS f, i % 3 + 0.1 AS w FROM generate_series(1, 5000) i;
CREATE TABLE shuffled WITH (parallel_workers = 4) AS SELECT * FROM points ORDER BY md5(i::text);
ANALYZE points, shuffled;
CREATE TABLE digests (what text, workers int, plan text, digest text);
CREATE FUNCTION plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan text;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN concat_ws(', ', CASE WHEN plan LIKE '%"Partial Mode": "Partial"%' THEN 'partial' END, CASE WHEN plan LIKE '%"Partial Mode": "Finalize"%' THEN 'final' END,
		CASE WHEN plan LIKE '%"Node Type": "Gather%' THEN 'gathered' END);
END $$;
CREATE FUNCTION take(what text, model text, VARIADIC sources text[] DEFAULT '{points 0, shuffled 0, shuffled 2}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	source text;
	workers text;
	statement text;
	result text;
BEGIN
	FOREACH source IN ARRAY sources LOOP
		workers := split_part(source, ' ', 2);
		PERFORM set_config('max_parallel_workers_per_gather', workers, true);
		statement := format('SELECT string_agg(kmeans_test.digest(m), '','' ORDER BY (m).k) FROM (SELECT unnest(ARRAY[r]) AS m FROM (SELECT %s FROM kmeans_test.%I) s (r)) t',
			model, split_part(source, ' ', 1));
		EXECUTE statement INTO result;
		INSERT INTO kmeans_test.digests VALUES (what, workers::int, kmeans_test.plan(statement), CASE WHEN length(result) > 32 THEN md5(result) ELSE result END);
	END LOOP;
END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT take('plain', 'rfmseg.kmeans(f, 6)', 'points 0', 'shuffled 0', 'points 2', 'shuffled 2', 'points 4', 'shuffled 4');
SELECT take('options', $$rfmseg.kmeans(f, 6, '{"standardize": false, "silhouette": true, "silhouette_sample": 300, "n_init": 3}')$$);
SELECT take('weights', $$rfmseg.kmeans(f, 6, '{"silhouette": true, "silhouette_sample": 300}', w)$$);
SELECT take('ties', $$rfmseg.kmeans(ARRAY[floor(f[1]), floor(f[2] / 5)], 6, '{"silhouette": true, "silhouette_sample": 300}', w)$$);
SELECT take('many', $$rfmseg.kmeans(f, 100, '{"n_init": 1}')$$);
SELECT take('sweep', $$rfmseg.kmeans_sweep(f, 1, 4, '{"n_init": 2}', w)$$);
SELECT what, count(*) AS runs, count(*) FILTER (WHERE plan = 'partial, final, gathered') AS parallel, count(*) FILTER (WHERE workers > 0) AS parallel_wanted, count(DISTINCT digest) AS different
FROM digests GROUP BY what ORDER BY what COLLATE "C";
-- one parallel by group, and with rows that only some workers have
SELECT count(*) AS groups, count(DISTINCT digest(a)) AS models, bool_and(digest(a) = digest(b)) AS same FROM (SELECT i % 5 AS g, rfmseg.kmeans(f, 3, NULL, CASE WHEN i < 4900 THEN 0 ELSE w END) AS a FROM points GROUP BY 1) s
JOIN (SELECT i % 5 AS g, rfmseg.kmeans(f, 3, NULL, CASE WHEN i < 4900 THEN 0 ELSE w END) AS b FROM shuffled GROUP BY 1) t USING (g);
-- what does not go together is found when parts are combined, and unusable rows are counted over all of them
SELECT outcome($$SELECT rfmseg.kmeans(CASE WHEN i = 4999 THEN NULL WHEN i % 1000 = 0 THEN '{NaN,1,1}' ELSE f END, 3) FROM kmeans_test.points$$);
CREATE TABLE parts (part int, f float8[], k int, options jsonb) PARTITION BY LIST (part);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2);
INSERT INTO parts SELECT i % 2 + 1, f, 2, '{"seed": 7}' FROM points;
ANALYZE parts;
SET max_parallel_workers_per_gather = 0;
SET enable_partitionwise_aggregate = on;
SELECT plan('SELECT rfmseg.kmeans(f, k, options) FROM kmeans_test.parts');
SELECT digest(rfmseg.kmeans(f, k, options)) = (SELECT digest(rfmseg.kmeans(f, 2, '{"seed": 7}')) FROM points) AS same FROM parts;
UPDATE parts SET k = 3 WHERE part = 2;
SELECT outcome('SELECT rfmseg.kmeans(f, k, options) FROM kmeans_test.parts');
UPDATE parts SET k = 2, options = '{"seed": 8}' WHERE part = 2;
SELECT outcome('SELECT rfmseg.kmeans(f, k, options) FROM kmeans_test.parts');
UPDATE parts SET options = NULL WHERE part = 2;
SELECT outcome('SELECT rfmseg.kmeans(f, k, options) FROM kmeans_test.parts');
UPDATE parts SET options = '{"seed": 7}', f = f[1:2] WHERE part = 2;
SELECT outcome('SELECT rfmseg.kmeans(f, k, options) FROM kmeans_test.parts');
-- a part of which no row counts, or none can be clustered, or none is there
UPDATE parts SET f = NULL WHERE part = 2;
SELECT outcome('SELECT rfmseg.kmeans(f, k, options) FROM kmeans_test.parts');
SELECT outcome($$SELECT rfmseg.kmeans(coalesce(f, '{1,2,3}'), k, options, part - 1) FROM kmeans_test.parts$$);
SELECT (rfmseg.kmeans(coalesce(f, '{1,2,3}'), k, options, 2 - part)).row_count FROM parts;
TRUNCATE part_2;
SELECT (rfmseg.kmeans(f, k, options)).row_count FROM parts;
TRUNCATE part_1;
SELECT rfmseg.kmeans(f, k, options) IS NOT DISTINCT FROM NULL AS none FROM parts;
RESET enable_partitionwise_aggregate;
RESET max_parallel_workers_per_gather;
-- memory is checked for all parts together
SET rfmseg.max_model_memory = '1MB';
SET max_parallel_workers_per_gather = 4;
SELECT outcome('SELECT rfmseg.kmeans(f || f || f || f, 3) FROM kmeans_test.points') LIKE '53400 k-means of % rows needs more memory than rfmseg.max_model_memory allows / It takes % MB, and the limit is 1 MB.%' AS refused;
RESET rfmseg.max_model_memory;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
-- settings of the session
CREATE TABLE kept AS SELECT rfmseg.kmeans(f, 5)::jsonb AS model FROM points;
SET extra_float_digits = -15;
SET TimeZone = 'Pacific/Kiritimati';
SET DateStyle = 'SQL, MDY';
SET IntervalStyle = 'iso_8601';
SET work_mem = '64kB';
SET bytea_output = 'escape';
INSERT INTO kept SELECT rfmseg.kmeans(f, 5)::jsonb FROM points;
SELECT count(*), count(DISTINCT model) AS different FROM kept;
INSERT INTO kept SELECT model::rfmseg.kmeans_model::jsonb FROM kept;
RESET extra_float_digits;
RESET TimeZone;
RESET DateStyle;
RESET IntervalStyle;
RESET work_mem;
RESET bytea_output;
SELECT count(*), count(DISTINCT model) AS different, count(DISTINCT digest(model::rfmseg.kmeans_model)) AS different_models,
	bool_and(digest(model::rfmseg.kmeans_model) = (SELECT digest(rfmseg.kmeans(f, 5)) FROM points)) AS same FROM kept;
-- and of the version of PostgreSQL, the compiler and the processor
SELECT what, min(digest) AS digest FROM digests GROUP BY what ORDER BY what COLLATE "C";
SELECT standardize, k, digest(model::rfmseg.kmeans_model) FROM models ORDER BY standardize, k;
SELECT md5(string_agg(rfmseg.kmeans_predict(m, f)::text, '' ORDER BY i)) FROM points, (SELECT rfmseg.kmeans(f, 5) AS m FROM points) s;

--
-- Prediction
--

-- of the rows a model was made of, as many are predicted to be in each cluster as were counted in it: also of points on a grid, where many are as
-- far from one centre as from another, of what was kept as jsonb, and with weights
CREATE TABLE cases AS
SELECT 'points' AS what, rfmseg.kmeans(f, 7) AS m, array_agg(f ORDER BY i) IS NULL AS grid FROM points
UNION ALL SELECT 'points, not standardized', rfmseg.kmeans(f, 7, '{"standardize": false}'), false FROM points
UNION ALL SELECT 'points, far from done', rfmseg.kmeans(f, 50, '{"n_init": 1, "max_iter": 1}'), false FROM points
UNION ALL SELECT 'grid', rfmseg.kmeans(ARRAY[i % 20, i / 20 % 20], 7), true FROM points
UNION ALL SELECT 'grid, not standardized', rfmseg.kmeans(ARRAY[i % 20, i / 20 % 20], 4, '{"standardize": false}'), true FROM points
UNION ALL SELECT 'grid, far from done', rfmseg.kmeans(ARRAY[i % 20, i / 20 % 20], 30, '{"standardize": false, "n_init": 1, "max_iter": 1}'), true FROM points;
SET extra_float_digits = -15;
CREATE TABLE cases_kept AS SELECT what, m::jsonb AS model, grid FROM cases;
CREATE TABLE cases_back AS SELECT what, model::rfmseg.kmeans_model AS m, grid FROM cases_kept;
RESET extra_float_digits;
SELECT source, what, sum(n) AS rows, bool_and((m).sizes[cluster] = n) AND count(*) = (m).k AS as_counted
FROM (SELECT 'made' AS source, * FROM cases UNION ALL SELECT 'kept', * FROM cases_back) c,
	LATERAL (SELECT rfmseg.kmeans_predict(m, CASE WHEN grid THEN ARRAY[i % 20, i / 20 % 20] ELSE f END) AS cluster, count(*) AS n FROM points GROUP BY 1) s
GROUP BY source, what, m ORDER BY source COLLATE "C", what COLLATE "C";
SELECT bool_and((m).sizes[cluster] = w) AS as_counted FROM (SELECT m, rfmseg.kmeans_predict(m, f) AS cluster, sum(i % 3) AS w FROM points,
	(SELECT rfmseg.kmeans(f, 5, NULL, i % 3) AS m FROM points) s WHERE i % 3 > 0 GROUP BY 1, 2) t;
-- the rows of several models, which change from row to row; and one model for all
SELECT count(*) AS rows, count(*) FILTER (WHERE alternating <> rfmseg.kmeans_predict((SELECT m FROM cases WHERE what = 'points'), f) AND what = 'points') AS differ,
	count(DISTINCT alternating) AS clusters, count(*) FILTER (WHERE alternating <> nearest(distances(m, f))) AS differ_from_sql
FROM (SELECT i, what, m, f, rfmseg.kmeans_predict(m, f) AS alternating FROM (SELECT i, f, what, m FROM points, cases WHERE NOT grid AND i <= 200 ORDER BY i, what OFFSET 0) r) s;
-- models of the same length and other content
SELECT v, (m).centroids, rfmseg.kmeans_predict(m, '{5}') FROM (SELECT v, rfmseg.kmeans(ARRAY[v + p], 2) AS m FROM generate_series(1, 7) v, unnest('{0,1}'::int[]) p GROUP BY v) s ORDER BY v;
-- NULL: a model, features, one of these
SELECT rfmseg.kmeans_predict(NULL, '{1}') AS model, rfmseg.kmeans_predict(m, NULL) AS features, rfmseg.kmeans_predict(m, '{NULL,1}') AS feature, rfmseg.kmeans_predict(m, '{1,NULL}') AS other,
	rfmseg.kmeans_predict(m, '{NULL,NaN}') AS beside_nan, rfmseg.kmeans_predict(m, '{3,4}') AS one
FROM (SELECT rfmseg.kmeans(ARRAY[v, v], 2) AS m FROM generate_series(1, 2) v) s;
-- features that the model has not, or that are no numbers
SELECT features, outcome(format($$SELECT rfmseg.kmeans_predict(m, %L) FROM (SELECT rfmseg.kmeans(ARRAY[v, v], 2) AS m FROM generate_series(1, 2) v) s$$, features))
FROM unnest(ARRAY['{1}', '{1,2,3}', '{}', '{{1,2}}', '{{1},{2}}', '{NULL}', '{1,NaN}', '{Infinity,1}', '{1,-Infinity}', '{1e100,-1e100}', '{1.0000001e100,1}']) features;

--
-- Models as jsonb
--

SELECT rfmseg.kmeans(ARRAY[v], 2, '{"standardize": false}')::jsonb FROM unnest('{1,2,10}'::float8[]) v;
SELECT NULL::jsonb::rfmseg.kmeans_model IS NOT DISTINCT FROM NULL AS model, NULL::rfmseg.kmeans_model::jsonb IS NOT DISTINCT FROM NULL AS jsonb,
	rfmseg.kmeans_model(NULL::jsonb) IS NOT DISTINCT FROM NULL AS by_function, rfmseg.jsonb(NULL::rfmseg.kmeans_model) IS NOT DISTINCT FROM NULL AS back;
-- in an assignment the cast to jsonb is implicit, the other one never is
CREATE TABLE assigned_to (model jsonb);
INSERT INTO assigned_to SELECT rfmseg.kmeans(f, 2) FROM clouds;
SELECT outcome($$SELECT rfmseg.kmeans_predict((SELECT model FROM kmeans_test.assigned_to), '{1,2}')$$) LIKE '42883 function rfmseg.kmeans_predict(jsonb, unknown) does not exist%' AS refused;
SELECT rfmseg.kmeans_predict((SELECT model::rfmseg.kmeans_model FROM assigned_to), '{1,2}');
-- columns that there are not are left out, as jsonb_populate_record does
SELECT rfmseg.kmeans_predict((model || '{"more": 1}')::rfmseg.kmeans_model, '{1,2}') FROM assigned_to;
SELECT model, substr(outcome(format('SELECT %L::jsonb::rfmseg.kmeans_model', model)), 1, 5) AS state FROM unnest(ARRAY['[]', '1', 'null', '{"k": "x"}', '{"k": 1e10}', '{"positions": [[1], [1, 2]]}']) model;

-- forged ones: what is missing or makes no sense is an error
CREATE TABLE forged AS SELECT rfmseg.kmeans(f, 2)::jsonb AS model FROM clouds;
SELECT change, outcome(format('SELECT rfmseg.kmeans_predict(%L::jsonb::rfmseg.kmeans_model, ''{1,2}'')', (SELECT model FROM forged) || change)) FROM unnest(ARRAY[
	'{}', '{"k": 0}', '{"k": -1}', '{"k": 1}', '{"k": 3}', '{"k": 1000}', '{"k": 1001}', '{"k": 2147483647}', '{"k": -2147483648}', '{"k": null}',
	'{"dimensions": 0}', '{"dimensions": 1}', '{"dimensions": 3}', '{"dimensions": 33}', '{"dimensions": 2147483647}', '{"dimensions": null}', '{"k": 65536, "dimensions": 65536}',
	'{"positions": null}', '{"positions": []}', '{"positions": [1, 2, 3, 4]}', '{"positions": [[1, 2]]}', '{"positions": [[1, 2], [3, null]]}', '{"positions": [[1], [2]]}',
	'{"positions": [[1, 2], [3, "NaN"]]}', '{"positions": [[1, 2], [3, "Infinity"]]}', '{"positions": [[1, 2], [3, 1e200]]}', '{"positions": [[[1, 2], [3, 4]]]}', '{"positions": [[1, 2], [3, 4], [5, 6]]}',
	'{"feature_means": null}', '{"feature_means": []}', '{"feature_means": [1]}', '{"feature_means": [1, 2, 3]}', '{"feature_means": [1, null]}', '{"feature_means": ["NaN", 1]}', '{"feature_means": [[1, 2]]}',
	'{"feature_scales": null}', '{"feature_scales": [1]}', '{"feature_scales": [1, 0]}', '{"feature_scales": [1, -1]}', '{"feature_scales": ["NaN", 1]}', '{"feature_scales": ["-Infinity", 1]}', '{"feature_scales": [1, null]}']::jsonb[]) change;
-- what predicting does not need may be missing
SELECT rfmseg.kmeans_predict(('{"k": 2, "dimensions": 1, "positions": [[1], [5]], "feature_means": [0], "feature_scales": [1]}'::jsonb)::rfmseg.kmeans_model, '{4}');
SELECT outcome($$SELECT rfmseg.kmeans_predict('{}'::jsonb::rfmseg.kmeans_model, '{1}')$$);
-- of distances that are beyond numbers, the first again
SELECT rfmseg.kmeans_predict(('{"k": 2, "dimensions": 1, "positions": [[1], [5]], "feature_means": [0], "feature_scales": [1e-200]}'::jsonb)::rfmseg.kmeans_model, '{1e100}') AS any_of_them;
SELECT outcome($$SELECT rfmseg.kmeans_predict(ROW(2, 1, 2, 2, 2, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, 1, true, NULL, '{0}', '{1}', '{{1},{5}}', NULL)::rfmseg.kmeans_model, '{4}')$$) AS good,
	outcome($$SELECT rfmseg.kmeans_predict(ROW(2, 1, 2, 2, 2, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, 1, true, NULL, '{0}', '{1}', '[0:1][3:3]={{1},{5}}', NULL)::rfmseg.kmeans_model, '{4}')$$) AS elsewhere,
	outcome($$SELECT rfmseg.kmeans_predict(ROW(1000, 32, 2, 2, 2, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, 1, true, NULL, '{0}', '{1}', '{{1},{5}}', NULL)::rfmseg.kmeans_model, '{4}')$$) AS bad,
	outcome($$SELECT rfmseg.kmeans_predict(ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.kmeans_model, '{4}')$$) AS empty;
-- after an error the next model is read anew
CREATE TABLE some_bad AS SELECT n, model || CASE n WHEN 2 THEN '{"k": 0}' ELSE '{}' END::jsonb AS model FROM forged, generate_series(1, 3) n;
SELECT outcome($$SELECT sum(rfmseg.kmeans_predict(model::rfmseg.kmeans_model, '{1,2}')) FROM kmeans_test.some_bad$$);
CREATE FUNCTION predicted(model jsonb) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN rfmseg.kmeans_predict(model::rfmseg.kmeans_model, '{1,2}'); EXCEPTION WHEN invalid_parameter_value THEN RETURN NULL; END $$;
SELECT n, predicted(model) FROM some_bad ORDER BY n;
-- the clusters of a model of which parts are missing
SELECT * FROM rfmseg.kmeans_centroids(NULL);
SELECT * FROM rfmseg.kmeans_centroids((SELECT (model || '{"sizes": null, "within_ss": [1], "centroids": [[1, 2]]}')::rfmseg.kmeans_model FROM forged));

--
-- Several numbers of clusters
--

SELECT bool_and(digest(m) = (SELECT digest(rfmseg.kmeans(f, n::int)) FROM clouds)) AS same, array_agg((m).k ORDER BY n) AS k
FROM (SELECT n, s[n] AS m FROM (SELECT rfmseg.kmeans_sweep(f, 1, 8) AS s FROM clouds) r, generate_subscripts(s, 1) n) u;
SELECT bool_and(digest(m) = (SELECT digest(rfmseg.kmeans(f, (m).k, '{"seed": 5, "silhouette": true, "standardize": false}', i % 4)) FROM clouds)) AS same, array_agg((m).k ORDER BY n) AS k
FROM (SELECT n, s[n] AS m FROM (SELECT rfmseg.kmeans_sweep(f, 4, 6, '{"seed": 5, "silhouette": true, "standardize": false}', i % 4) AS s FROM clouds) r, generate_subscripts(s, 1) n) u;
SELECT array_length(s, 1) AS models, array_lower(s, 1) AS first, (s[1]).k, (s[1]).simplified_silhouette FROM (SELECT rfmseg.kmeans_sweep(f, 3, 3) AS s FROM clouds) r;
-- the clouds are three, by each of the measures
SELECT criterion, rfmseg.best_k(s, criterion) FROM (SELECT rfmseg.kmeans_sweep(f, 1, 9, '{"silhouette": true, "silhouette_sample": 100}') AS s FROM clouds) r,
	unnest('{silhouette,sample_silhouette,calinski_harabasz,elbow}'::text[]) criterion;
SELECT rfmseg.best_k(rfmseg.kmeans_sweep(f, 2, 6, '{"silhouette": true}')) AS by_default, rfmseg.best_k(models => rfmseg.kmeans_sweep(f, 2, 6), criterion => 'elbow') AS named FROM clouds;
-- models by hand: the greatest, of equal ones that of the least k, in whatever order, those without a value not
CREATE FUNCTION by_hand(k int[], measure float8[], field text) RETURNS rfmseg.kmeans_model[] LANGUAGE sql AS $$
	SELECT array_agg(jsonb_build_object('k', m.k, field, m.measure)::rfmseg.kmeans_model) FROM unnest(k, measure) m (k, measure) $$;
SELECT field, rfmseg.best_k(by_hand('{2,3,4,5}', '{0.1,0.7,0.3,0.2}', field), criterion) AS greatest, rfmseg.best_k(by_hand('{5,4,3,2}', '{0.7,0.3,0.7,0.2}', field), criterion) AS tie,
	rfmseg.best_k(by_hand('{1,2,3}', '{NULL,-0.5,-0.6}', field), criterion) AS below_zero, rfmseg.best_k(by_hand('{8}', '{0}', field), criterion) AS one
FROM (VALUES ('simplified_silhouette', 'silhouette'), ('sample_silhouette', 'sample_silhouette'), ('calinski_harabasz', 'calinski_harabasz')) c (field, criterion);
-- elbow: 100, 40, 30, 20, 10, 0 is farthest below the line 100..0 at the second; a straight line has none, and gives the least; one or two models too; inertia that does not fall
SELECT rfmseg.best_k(by_hand('{1,2,3,4,5,6}', '{100,40,30,20,10,0}', 'inertia'), 'elbow') AS second, rfmseg.best_k(by_hand('{6,4,2,1,3,5}', '{0,20,40,100,30,10}', 'inertia'), 'elbow') AS in_any_order,
	rfmseg.best_k(by_hand('{2,3,4,5}', '{9,6,3,0}', 'inertia'), 'elbow') AS straight, rfmseg.best_k(by_hand('{4,7}', '{9,6}', 'inertia'), 'elbow') AS two,
	rfmseg.best_k(by_hand('{4}', '{9}', 'inertia'), 'elbow') AS one, rfmseg.best_k(by_hand('{4,5,6}', '{9,9,9}', 'inertia'), 'elbow') AS level,
	rfmseg.best_k(by_hand('{1,2,3,4,5}', '{80,40,20,20,0}', 'inertia'), 'elbow') AS tie, rfmseg.best_k(by_hand('{1,2,3,4,5}', '{100,70,20,10,0}', 'inertia'), 'elbow') AS third;
-- no models
SELECT rfmseg.best_k(NULL) AS of_null, rfmseg.best_k('{}') AS of_none, rfmseg.best_k(NULL, 'elbow') AS elbow, rfmseg.best_k('{}', 'elbow') AS elbow_of_none;
SELECT outcome(statement) FROM unnest(ARRAY[
	$$SELECT rfmseg.best_k(rfmseg.kmeans_sweep(f, 2, 3)) FROM kmeans_test.clouds$$,
	$$SELECT rfmseg.best_k(rfmseg.kmeans_sweep(f, 1, 1, '{"silhouette": true}')) FROM kmeans_test.clouds$$,
	$$SELECT rfmseg.best_k(rfmseg.kmeans_sweep(f, 1, 1), 'calinski_harabasz') FROM kmeans_test.clouds$$,
	$$SELECT rfmseg.best_k(rfmseg.kmeans_sweep(f, 2, 3), 'sample_silhouette') FROM kmeans_test.clouds$$,
	$$SELECT rfmseg.best_k('{}', 'gap')$$, $$SELECT rfmseg.best_k('{}', 'Elbow')$$, $$SELECT rfmseg.best_k('{}', '')$$, $$SELECT rfmseg.best_k('{}', NULL)$$,
	$$SELECT rfmseg.best_k('{}', 'it''s')$$]) statement;

--
-- States are not to be had outside of the aggregates
--

SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.proname ~ '^_kmeans_' AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[]);
-- calling them is an error, the server's own or ours
SELECT p.proname AS function, p.pronargs AS arguments, substr(outcome(format('SELECT %s(%s) IS NULL', p.oid::regproc,
	(SELECT string_agg(CASE t WHEN 'internal'::regtype THEN 'NULL' ELSE 'NULL::' || format_type(t, NULL) END, ', ' ORDER BY n)
	FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a (t, n)))), 1, 5) IN ('42883', '0A000') AS refused
FROM (SELECT *, proname COLLATE "C" AS name FROM pg_proc) p WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.proname ~ '^_kmeans_' ORDER BY name, arguments;
SELECT statement, substr(outcome(statement), 1, 5) IN ('42846', '0A000') AS refused
FROM unnest(ARRAY[$$SELECT rfmseg._kmeans_final('x'::internal)$$, $$SELECT rfmseg._kmeans_sweep_final(4711::internal)$$, $$SELECT rfmseg._kmeans_deserialize('\x00', NULL::internal)$$]) statement;
-- states of another aggregate, which a superuser can bring together
CREATE AGGREGATE cut_points_then_kmeans(float8, int) (SFUNC = rfmseg._cut_points_transition, STYPE = internal, FINALFUNC = rfmseg._kmeans_final);
CREATE AGGREGATE cut_points_then_sweep(float8, int) (SFUNC = rfmseg._cut_points_transition, STYPE = internal, FINALFUNC = rfmseg._kmeans_sweep_final);
CREATE AGGREGATE cut_points_then_bytes(float8, int) (SFUNC = rfmseg._cut_points_transition, STYPE = internal, FINALFUNC = rfmseg._kmeans_serialize);
CREATE AGGREGATE kmeans_then_cut_points(float8[], int) (SFUNC = rfmseg._kmeans_transition, STYPE = internal, FINALFUNC = rfmseg._cut_points_final);
SELECT outcome(statement) FROM unnest(ARRAY['SELECT kmeans_test.cut_points_then_kmeans(v, 4) FROM generate_series(1, 9) v', 'SELECT kmeans_test.cut_points_then_sweep(v, 4) FROM generate_series(1, 9) v',
	'SELECT kmeans_test.cut_points_then_bytes(v, 4) FROM generate_series(1, 9) v', 'SELECT kmeans_test.kmeans_then_cut_points(ARRAY[v], 4) FROM generate_series(1, 9) v']) statement;
-- a serialized state, cut off at any length or with a byte too many: see aggregate_states
CREATE FUNCTION keep(internal, bytea) RETURNS internal LANGUAGE internal IMMUTABLE PARALLEL SAFE AS 'xmlconcat2';
CREATE FUNCTION send(internal) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'byteasend';
CREATE AGGREGATE kmeans_of_bytes(bytea) (SFUNC = keep, STYPE = internal, COMBINEFUNC = rfmseg._kmeans_combine,
	SERIALFUNC = send, DESERIALFUNC = rfmseg._kmeans_deserialize, FINALFUNC = rfmseg._kmeans_final, PARALLEL = SAFE);
CREATE AGGREGATE bytes_of_kmeans(float8[], int, jsonb, float8) (SFUNC = rfmseg._kmeans_transition, STYPE = internal, FINALFUNC = rfmseg._kmeans_serialize);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers = 0;
CREATE FUNCTION received(bytes bytea) RETURNS text LANGUAGE sql AS $$
	SELECT kmeans_test.outcome(format('SELECT kmeans_test.digest(kmeans_test.kmeans_of_bytes(CASE i WHEN 1 THEN %L::bytea END)) FROM kmeans_test.points', bytes)) $$;
SELECT plan('SELECT kmeans_test.kmeans_of_bytes(CASE i WHEN 1 THEN ''\x00''::bytea END) FROM kmeans_test.points');
CREATE TABLE state AS SELECT bytes_of_kmeans(ARRAY[v], 2, '{"seed": 7}', v) AS bytes, digest(rfmseg.kmeans(ARRAY[v], 2, '{"seed": 7}', v)) AS result FROM generate_series(1, 3) v;
SELECT received(bytes) = 'no error: ' || result AS true_state FROM state;
SELECT count(*) > 60 AS many, count(*) FILTER (WHERE outcome LIKE 'no error%') AS accepted, array_agg(DISTINCT outcome) AS errors
FROM (SELECT received(CASE WHEN length <= length(bytes) THEN substr(bytes, 1, length) ELSE bytes || '\x00' END) AS outcome FROM state, generate_series(0, length(bytes) + 1) length WHERE length <> length(bytes)) s;
SELECT count(*) AS bits, array_agg(DISTINCT received(set_bit(bytes, bit, 1 - get_bit(bytes, bit)))) AS errors FROM state, generate_series(0, 31) bit;
RESET max_parallel_workers;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

--
-- What the catalogue says
--

SELECT p.oid::regprocedure AS function, p.prokind AS kind, p.provolatile AS volatility, p.proparallel AS parallel, p.proisstrict AS strict
FROM (SELECT *, proname COLLATE "C" AS name FROM pg_proc) p WHERE p.pronamespace = 'rfmseg'::regnamespace AND (p.proname ~ '^_?(kmeans|best_k)' OR p.oid = 'rfmseg.jsonb(rfmseg.kmeans_model)'::regprocedure)
ORDER BY name, p.pronargs;
-- comments: on functions and aggregates, the type, its columns, the casts
SELECT p.oid::regprocedure AS function FROM pg_proc p WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.proname ~ '^_?(kmeans|best_k|jsonb)' AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT attname FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE t.oid = 'rfmseg.kmeans_model'::regtype AND col_description(a.attrelid, a.attnum) IS NULL;
SELECT obj_description('rfmseg.kmeans_model'::regtype, 'pg_type') IS NOT NULL AS type,
	(SELECT count(*) FROM pg_cast WHERE 'rfmseg.kmeans_model'::regtype IN (castsource, casttarget) AND obj_description(oid, 'pg_cast') IS NOT NULL) AS casts;
SELECT castsource::regtype AS source, casttarget::regtype AS target, castcontext AS context FROM pg_cast WHERE 'rfmseg.kmeans_model'::regtype IN (castsource, casttarget) ORDER BY castcontext;
SELECT name, setting, unit, context, vartype, min_val, short_desc FROM pg_settings WHERE name LIKE 'rfmseg.max%';

--
-- Points on which the order of points is hard to make
--

-- so many features that the curve has but one bit for each
SELECT d, n, (rfmseg.kmeans(array_fill(v, ARRAY[d]), 2, '{"n_init": 2}')).sizes FROM (VALUES (32, 50), (32, 26), (29, 1000), (23, 50)) u (d, n), LATERAL (SELECT generate_series(0, n - 1)::float8 AS v) g GROUP BY d, n ORDER BY d, n;
CREATE TABLE wide AS SELECT i, ARRAY(SELECT uniform(i || ' ' || j) + i % 2 FROM generate_series(1, 32) j ORDER BY j) AS f FROM generate_series(1, 3000) i;
SELECT (rfmseg.kmeans(f, 2)).sizes, digest(rfmseg.kmeans(f, 7, '{"n_init": 1}')) = digest(rfmseg.kmeans(f, 7, '{"n_init": 1}' ORDER BY -i)) AS same FROM wide;
-- one number in each of many features: every level of the curve parts few of the rows
SELECT (rfmseg.kmeans(ARRAY(SELECT CASE j WHEN i % 32 THEN i ELSE 0 END FROM generate_series(0, 31) j ORDER BY j), 2, '{"n_init": 1, "max_iter": 1}')).distinct_points FROM generate_series(1, 3000) i;
-- the smallest numbers: their range has no inverse
SELECT (rfmseg.kmeans(ARRAY[i * 5e-324], 1)).distinct_points AS least, (rfmseg.kmeans(ARRAY[i * 1e-310, i * 1e-300], 1)).distinct_points AS small, (rfmseg.kmeans(ARRAY[i * 1e-310, i], 2)).sizes AS one_of_two FROM generate_series(1, 100) i;
SELECT outcome($$SELECT rfmseg.kmeans(ARRAY[i * 5e-324], 2) FROM generate_series(1, 100) i$$);
-- the least and the greatest weights, of the greatest numbers, and of equal points
SELECT w, (rfmseg.kmeans('{1}', 1, NULL, i * w)).distinct_points, (rfmseg.kmeans(ARRAY[i % 2], 2, NULL, i * w)).centroids FROM generate_series(1, 100) i, unnest('{1e-90,1e88}'::float8[]) w GROUP BY w ORDER BY w;
SELECT w, standardize, (m).centroids, round((m).explained_variance::numeric, 12) AS explained_variance, (m).sizes
FROM (SELECT w, standardize, rfmseg.kmeans(ARRAY[v], 2, jsonb_build_object('standardize', standardize), w) AS m
	FROM unnest('{1e100,-1e100,0}'::float8[]) v, unnest('{1e-90,1e90}'::float8[]) w, unnest('{true,false}'::boolean[]) standardize GROUP BY w, standardize) s ORDER BY w, standardize;
-- numbers of all sizes
SELECT (rfmseg.kmeans(ARRAY[s * power(2::float8, i)], 3, '{"standardize": false}')).distinct_points, digest(rfmseg.kmeans(ARRAY[s * power(2::float8, i)], 3)) = digest(rfmseg.kmeans(ARRAY[s * power(2::float8, i)], 3 ORDER BY i)) AS same
FROM generate_series(-1000, 332) i, unnest('{-1,1}'::int[]) s;

SET client_min_messages = warning;
DROP SCHEMA kmeans_test CASCADE;
