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
