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
