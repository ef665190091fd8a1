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
