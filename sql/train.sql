-- Clusters of a deployment's customers: train(), promote(), and what a refresh makes of them.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;

-- The logarithm that takes refunds too, and the same bits everywhere
SELECT x, rfmseg.signed_log(x) AS signed_log FROM unnest('{0,1,-1,1.718281828459045,-99,1e-300,1e300,Infinity,-Infinity,NaN}'::float8[]) AS x;
SELECT rfmseg.signed_log(NULL) IS NULL AS is_null, md5(string_agg(rfmseg.signed_log(i / 7.0 - 1000)::text, ',' ORDER BY i)) FROM generate_series(1, 20000) AS i;

-- Names: those of the nearest segments, never twice, with what sets the others apart
CREATE FUNCTION census(VARIADIC rows text[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_agg(jsonb_build_object('cluster', nullif(f[1], '-')::int, 'old_cluster', nullif(f[2], '-')::int, 'segment', replace(f[3], '_', ' '),
		'n', f[4]::int, 'r', f[4]::int * f[5]::int, 'f', f[4]::int * f[6]::int, 'm', f[4]::int * f[7]::int))
	FROM unnest(rows) AS row, string_to_array(row, ' ') AS f
$$;
SELECT rfmseg._cluster_names(census('1 - Champions 10 4 4 4', '2 - Churned 10 1 1 1'), 2, NULL);
SELECT rfmseg._cluster_names(census('1 - Loyal 10 3 4 4', '2 - Loyal 10 3 3 4', '3 - Loyal 10 3 4 2', '4 - Loyal 10 1 3 3', '5 - Loyal 10 3 2 3', '6 - Loyal 10 4 3 3', '7 - Loyal 1 3 3 3'), 7, NULL);
-- whoever is in no cluster counts for the segment, and a cluster without customers has no scores
SELECT rfmseg._cluster_names(census('1 - At_Risk 10 2 3 3', '- - Churned 5 1 1 1'), 3, NULL);
-- a cluster that has kept most of its customers keeps its name, whatever its scores say now
SELECT rfmseg._cluster_names(census('1 2 Champions 60 4 4 4', '1 1 Champions 20 4 4 4', '2 1 Churned 70 1 1 1', '2 2 Churned 10 1 1 1'), 2, '{First,Second}') AS kept,
	rfmseg._cluster_names(census('1 1 Champions 50 4 4 4', '1 2 Champions 50 4 4 4', '2 2 Churned 70 1 1 1'), 2, '{First,Second}') AS half_is_not_most,
	rfmseg._cluster_names(census('1 2 Champions 60 4 4 4', '2 1 Churned 70 1 1 1', '3 - Champions 5 4 4 3'), 3, '{Churned,Champions}') AS taken;
DROP FUNCTION census;

-- Before there are customers
SELECT rfmseg.deploy('shop');
CALL rfmseg.train('shop');
SELECT rfmseg.promote('shop', 1);
SELECT status, error_code, error_message, version FROM shop_core.model_runs;

-- Trained: a version, the first of which is the champion
SELECT row_count FROM rfmseg.generate('shop', 600) WHERE kind = 'good' ORDER BY dataset;
CALL rfmseg.refresh('shop');
SELECT count(*) AS customers, count(cluster_id) AS with_cluster, count(cluster_name) AS with_name FROM shop.customer_segments;
SELECT count(*) FROM shop.cluster_profiles;
CALL rfmseg.train('shop');
SELECT run_id, model, status, seed, refresh_run_id, as_of, dataset_rows, dataset_digest, version, error_code FROM shop_core.model_runs ORDER BY run_id;
SELECT parameters, dataset_query FROM shop_core.model_runs WHERE version = 1;
SELECT model, version, features, transforms, cluster_names FROM shop_core.champions;
SELECT metric, count(*), min(step), max(step) FROM shop_core.model_metrics GROUP BY metric ORDER BY metric COLLATE "C";
SELECT model, alias, version, promoted_by = session_user AS by_me FROM shop_core.model_promotions;

-- what was measured is what the model says
SELECT count(*) AS wrong FROM shop_core.model_versions v, jsonb_array_elements(v.fitted -> 'inertia_history') WITH ORDINALITY AS h (inertia, i)
LEFT JOIN shop_core.model_metrics m ON m.metric = 'inertia_by_iteration' AND m.step = h.i - 1
WHERE m.value IS DISTINCT FROM h.inertia::float8;

-- and a refresh puts customers into its clusters
CALL rfmseg.refresh('shop');
SELECT run_id, cluster_version FROM shop.runs ORDER BY run_id;
SELECT cluster_id, cluster_name, size, customer_percentage, total_revenue, revenue_percentage, currency, median_recency_days, median_frequency, median_monetary,
	median_order_value, most_common_segment, top_category, version FROM shop.cluster_profiles ORDER BY cluster_id;
SELECT k, round(inertia::numeric, 6) AS inertia, round(silhouette::numeric, 9) AS silhouette, chosen, version FROM shop.cluster_elbow ORDER BY k;
SELECT count(*) AS wrong FROM shop.customer_segments s, shop_core.champions c
WHERE s.cluster_id IS DISTINCT FROM CASE WHEN s.recency_days IS NOT NULL THEN rfmseg.kmeans_predict(c.fitted::rfmseg.kmeans_model,
		ARRAY[rfmseg.signed_log(s.recency_days), rfmseg.signed_log(s.frequency), rfmseg.signed_log(s.monetary::float8)]) END
	OR s.cluster_name IS DISTINCT FROM c.cluster_names[s.cluster_id];
SELECT (fitted ->> 'sizes')::jsonb = (SELECT jsonb_agg(size ORDER BY cluster_id) FROM shop.cluster_profiles) AS sizes_are_those_of_training FROM shop_core.champions;
SELECT sum(size) AS in_clusters, (SELECT count(*) FROM shop.customer_segments WHERE recency_days IS NOT NULL) AS customers, sum(total_revenue) = (SELECT sum(monetary) FROM shop.customer_segments) AS revenue_adds_up
FROM shop.cluster_profiles;
-- everything is explained
SELECT c.oid::regclass, a.attname FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.oid IN ('shop.cluster_profiles'::regclass, 'shop.cluster_elbow'::regclass, 'shop_core.champions'::regclass, 'shop_core.model_runs'::regclass,
	'shop_core.model_versions'::regclass, 'shop_core.model_metrics'::regclass, 'shop_core.model_promotions'::regclass, 'shop_core.run_clusters'::regclass)
	AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL);

-- The same again is the same, to the last bit; it is no champion by itself
CALL rfmseg.train('shop');
SELECT count(DISTINCT fitted) AS fitted, count(DISTINCT cluster_names) AS names, count(DISTINCT r.dataset_digest) AS digests
FROM shop_core.model_versions v JOIN shop_core.model_runs r USING (run_id);
SELECT version FROM shop_core.champions;

-- k, features and transforms of one's own; names follow the customers
CALL rfmseg.train('shop', k => 6, promote => true);
CALL rfmseg.train('shop', k => 7, options => '{"seed": 1, "n_init": 3}');
CALL rfmseg.train('shop', k => 6, features => '{avg_order_value,unique_categories_purchased,discount_usage_rate}', transform => 'none');
CALL rfmseg.train('shop', k_min => 2, k_max => 4, criterion => 'elbow', transform => 'signed_log');
SELECT version, features, transforms, cluster_names FROM shop_core.model_versions ORDER BY version;
SELECT version, parameters -> 'k' AS k, parameters -> 'chosen_k' AS chosen, seed, (SELECT array_agg(step ORDER BY step) FROM shop_core.model_metrics m WHERE m.run_id = r.run_id AND metric = 'inertia_by_k') AS tried
FROM shop_core.model_runs r WHERE version IS NOT NULL ORDER BY version;
CALL rfmseg.refresh('shop');
SELECT cluster_name, size, most_common_segment FROM shop.cluster_profiles ORDER BY cluster_id;

-- Back to an earlier one, and a look back, which writes history alone
SELECT rfmseg.promote('shop', 1);
CALL rfmseg.refresh('shop');
SELECT cluster_name, size FROM shop.cluster_profiles ORDER BY cluster_id;
CALL rfmseg.refresh('shop', as_of => '2025-07-01 00:00+00');
SELECT run_id, as_of, is_current, r.cluster_version, (SELECT array_agg(customer_count ORDER BY cluster_id) FROM shop_core.run_clusters c WHERE c.run_id = r.run_id) AS sizes
FROM shop.runs r ORDER BY run_id;
SELECT promotion_id, alias, version FROM shop_core.model_promotions ORDER BY 1;

-- In a transaction block
BEGIN;
CALL rfmseg.train('shop', k => 3);
SELECT max(version) FROM shop_core.model_versions;
ROLLBACK;
SELECT max(version) FROM shop_core.model_versions;

-- Clusters against the truth: adjusted Rand index of clusters, and of segments
CREATE VIEW against_truth AS
WITH t AS (SELECT s.cluster_id, s.segment_name, g.archetype FROM shop.customer_segments s JOIN shop_raw.ground_truth g USING (customer_id) WHERE s.cluster_id IS NOT NULL),
cells AS (SELECT sum(n * (n - 1) / 2) AS s FROM (SELECT count(*)::numeric AS n FROM t GROUP BY cluster_id, archetype) AS c),
a AS (SELECT sum(n * (n - 1) / 2) AS s FROM (SELECT count(*)::numeric AS n FROM t GROUP BY cluster_id) AS c),
b AS (SELECT sum(n * (n - 1) / 2) AS s FROM (SELECT count(*)::numeric AS n FROM t GROUP BY archetype) AS c),
n AS (SELECT count(*)::numeric * (count(*) - 1) / 2 AS s FROM t)
SELECT round((cells.s - a.s * b.s / n.s) / ((a.s + b.s) / 2 - a.s * b.s / n.s), 3) AS adjusted_rand_index FROM cells, a, b, n;
SELECT * FROM against_truth;
DROP VIEW against_truth;

-- Errors, which are on record
\set VERBOSITY default
CALL rfmseg.train('nowhere');
CALL rfmseg.train('shop', k => 0);
CALL rfmseg.train('shop', k => 1001);
CALL rfmseg.train('shop', k => 590);
CALL rfmseg.train('shop', k_min => 0);
CALL rfmseg.train('shop', k_min => 5, k_max => 4);
CALL rfmseg.train('shop', k_max => 1001);
CALL rfmseg.train('shop', k_max => NULL);
CALL rfmseg.train('shop', features => NULL);
CALL rfmseg.train('shop', features => '{}');
CALL rfmseg.train('shop', features => '{r_score}');
CALL rfmseg.train('shop', features => '{segment_name}');
CALL rfmseg.train('shop', features => '{monetary,monetary}');
CALL rfmseg.train('shop', features => '{monetary,NULL}');
CALL rfmseg.train('shop', features => '{"monetary) OR true --"}');
CALL rfmseg.train('shop', transform => 'log');
CALL rfmseg.train('shop', transform => NULL);
CALL rfmseg.train('shop', criterion => 'gut feeling');
CALL rfmseg.train('shop', options => '{"n_init": 0}');
CALL rfmseg.train('shop', options => '{}');
CALL rfmseg.train('shop', k => 2, options => '{"max_iter": 1}');
SELECT rfmseg.promote('shop', 99);
SELECT rfmseg.promote('shop', NULL);
SELECT rfmseg.promote('shop', 1, 'value');
SET client_min_messages = notice;
SELECT rfmseg.promote('shop', 1);
SET client_min_messages = warning;
SELECT run_id, status, error_code, error_message FROM shop_core.model_runs WHERE version IS NULL ORDER BY run_id;

-- More clusters than distinct customers are not tried
SELECT rfmseg.undeploy('shop', with_data => true);
SELECT rfmseg.deploy('shop');
INSERT INTO shop_raw.transactions (customer_id, transaction_date, total_amount) VALUES
	(1, '2025-01-01', 10), (2, '2025-01-01', 10), (3, '2025-02-01', 20), (4, '2025-02-01', 20);
CALL rfmseg.refresh('shop');
CALL rfmseg.train('shop');
CALL rfmseg.train('shop', features => '{frequency}');
SELECT version, cluster_names, fitted -> 'sizes' AS sizes, fitted -> 'inertia' AS inertia FROM shop_core.model_versions ORDER BY version;
CALL rfmseg.train('shop', features => '{discount_usage_rate}');
CALL rfmseg.refresh('shop');
SELECT customer_id, cluster_id, cluster_name FROM shop.customer_segments ORDER BY customer_id;
SELECT rfmseg.undeploy('shop', with_data => true);
