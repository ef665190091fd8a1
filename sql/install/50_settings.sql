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
