-------------------------------------------------------------------------------
-- rfm(): recency, frequency and monetary value of one customer's purchases
-------------------------------------------------------------------------------

CREATE TYPE rfmseg.rfm_metrics AS (
	first_purchase_at timestamptz,
	last_purchase_at timestamptz,
	recency_days int,
	frequency bigint,
	monetary numeric,
	avg_order_value numeric,
	frequency_repeat int,
	recency_btyd float8,
	t_age float8,
	monetary_value float8
);
COMMENT ON TYPE rfmseg.rfm_metrics IS
'What rfm() says of one customer. frequency_repeat, recency_btyd, t_age and monetary_value are the "buy till you die" (BTYD) view: in days, purchases of one day merged.';
COMMENT ON COLUMN rfmseg.rfm_metrics.first_purchase_at IS 'First line of a purchase; NULL if nothing was bought or all of it refunded.';
COMMENT ON COLUMN rfmseg.rfm_metrics.last_purchase_at IS 'Last line of a purchase.';
COMMENT ON COLUMN rfmseg.rfm_metrics.recency_days IS 'Local date of as_of less that of the last purchase, in days.';
COMMENT ON COLUMN rfmseg.rfm_metrics.frequency IS 'Number of purchases: distinct order keys, or without them distinct local days.';
COMMENT ON COLUMN rfmseg.rfm_metrics.monetary IS 'Exact sum of all amounts, returns included.';
COMMENT ON COLUMN rfmseg.rfm_metrics.avg_order_value IS 'monetary / frequency.';
COMMENT ON COLUMN rfmseg.rfm_metrics.frequency_repeat IS 'BTYD x: days with purchases after the first such day.';
COMMENT ON COLUMN rfmseg.rfm_metrics.recency_btyd IS 'BTYD t_x: days from the first to the last day with purchases.';
COMMENT ON COLUMN rfmseg.rfm_metrics.t_age IS 'BTYD T: days from the first day with purchases to as_of.';
COMMENT ON COLUMN rfmseg.rfm_metrics.monetary_value IS 'BTYD mean total of the repeat days; 0 where there are none.';

CREATE FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz, text)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz, text) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz, text, text)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_transition(internal, timestamptz, numeric, timestamptz, text, text) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_combine(internal, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_combine(internal, internal) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_serialize(internal)
RETURNS bytea AS 'MODULE_PATHNAME', 'rfmseg_rfm_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_serialize(internal) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_deserialize(bytea, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_rfm_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_deserialize(bytea, internal) IS 'Internal to the aggregate rfm.';

CREATE FUNCTION rfmseg._rfm_final(internal)
RETURNS rfmseg.rfm_metrics AS 'MODULE_PATHNAME', 'rfmseg_rfm_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._rfm_final(internal) IS 'Internal to the aggregate rfm.';

CREATE AGGREGATE rfmseg.rfm(event_at timestamptz, amount numeric, as_of timestamptz) (
	SFUNC = rfmseg._rfm_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._rfm_combine,
	SERIALFUNC = rfmseg._rfm_serialize,
	DESERIALFUNC = rfmseg._rfm_deserialize,
	FINALFUNC = rfmseg._rfm_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.rfm(timestamptz, numeric, timestamptz) IS
'RFM metrics of one customer (GROUP BY customer), a purchase being a distinct day in UTC. event_at: time of a line; amount: its money, negative for a return; as_of: the instant recency is counted from, later lines are ignored. NULL times and amounts are ignored; no lines give NULL. Errors: NaN or infinite amounts and times, as_of that is NULL or differs within the group, more than 38 digits.';

CREATE AGGREGATE rfmseg.rfm(event_at timestamptz, amount numeric, as_of timestamptz, order_key text) (
	SFUNC = rfmseg._rfm_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._rfm_combine,
	SERIALFUNC = rfmseg._rfm_serialize,
	DESERIALFUNC = rfmseg._rfm_deserialize,
	FINALFUNC = rfmseg._rfm_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.rfm(timestamptz, numeric, timestamptz, text) IS
'As rfm(event_at, amount, as_of), a purchase being a distinct order_key; a line whose order_key is NULL belongs to its day. An order with returns whose total is zero or less is no purchase.';

CREATE AGGREGATE rfmseg.rfm(event_at timestamptz, amount numeric, as_of timestamptz, order_key text, time_zone text) (
	SFUNC = rfmseg._rfm_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._rfm_combine,
	SERIALFUNC = rfmseg._rfm_serialize,
	DESERIALFUNC = rfmseg._rfm_deserialize,
	FINALFUNC = rfmseg._rfm_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.rfm(timestamptz, numeric, timestamptz, text, text) IS
'As rfm(event_at, amount, as_of, order_key), with the time zone of the local days, such as Europe/London; NULL means UTC. The session''s zone has no part in it.';
