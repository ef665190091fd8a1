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
