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
