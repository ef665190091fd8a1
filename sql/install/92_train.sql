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
