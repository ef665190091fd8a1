-------------------------------------------------------------------------------
-- summarize_customers(): all customers of a query in one pass
-------------------------------------------------------------------------------

CREATE FUNCTION rfmseg._set_aside_transition(internal, bigint, VARIADIC "any")
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_set_aside_transition'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_transition(internal, bigint, VARIADIC "any") IS 'Internal to summarize_customers.';

CREATE FUNCTION rfmseg._set_aside_combine(internal, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_set_aside_combine'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_combine(internal, internal) IS 'Internal to summarize_customers.';

CREATE FUNCTION rfmseg._set_aside_serialize(internal)
RETURNS bytea AS 'MODULE_PATHNAME', 'rfmseg_set_aside_serialize'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_serialize(internal) IS 'Internal to summarize_customers.';

CREATE FUNCTION rfmseg._set_aside_deserialize(bytea, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_set_aside_deserialize'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_deserialize(bytea, internal) IS 'Internal to summarize_customers.';

CREATE FUNCTION rfmseg._set_aside_final(internal)
RETURNS bigint AS 'MODULE_PATHNAME', 'rfmseg_set_aside_final'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._set_aside_final(internal) IS 'Internal to summarize_customers.';

CREATE AGGREGATE rfmseg._set_aside(pass bigint, VARIADIC columns "any") (
	SFUNC = rfmseg._set_aside_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._set_aside_combine,
	SERIALFUNC = rfmseg._set_aside_serialize,
	DESERIALFUNC = rfmseg._set_aside_deserialize,
	FINALFUNC = rfmseg._set_aside_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg._set_aside(bigint, VARIADIC "any") IS
'Internal to summarize_customers: sets the lines of its query aside, by customer; an error anywhere else.';

CREATE FUNCTION rfmseg.summarize_customers(
	customer_type anyelement,
	query text,
	as_of timestamptz DEFAULT NULL,
	time_zone text DEFAULT 'UTC',
	lookback interval DEFAULT NULL,
	returns text DEFAULT 'net',
	known_at timestamptz DEFAULT NULL,
	repeated text DEFAULT 'keep',
	OUT customer_id anyelement,
	OUT as_of timestamptz,
	OUT first_purchase_at timestamptz,
	OUT last_purchase_at timestamptz,
	OUT last_purchase_date date,
	OUT recency_days int,
	OUT lifetime_frequency bigint,
	OUT lifetime_monetary numeric,
	OUT frequency bigint,
	OUT monetary numeric,
	OUT avg_order_value numeric,
	OUT frequency_repeat int,
	OUT recency_btyd float8,
	OUT t_age float8,
	OUT monetary_value float8,
	OUT avg_monthly_frequency numeric,
	OUT total_items_purchased numeric,
	OUT unique_products_purchased bigint,
	OUT unique_categories_purchased bigint,
	OUT discount_usage_rate numeric,
	OUT avg_discount_amount numeric,
	OUT weekend_shopping_rate numeric,
	OUT median_gap_days numeric,
	OUT top_category text,
	OUT top_category_share numeric,
	OUT category_shares jsonb,
	OUT source_totals jsonb,
	OUT cohorts jsonb)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'rfmseg_summarize_customers'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000 ROWS 100000;
COMMENT ON FUNCTION rfmseg.summarize_customers(anyelement, text, timestamptz, text, interval, text, timestamptz, text) IS
'One row a customer of a query''s purchases: recency, frequency, monetary value, the BTYD view, habits and taste, in one pass in which parallel workers share, in memory or beyond it in temporary files. customer_type: a NULL of the type of customer_id. query: a SELECT or TABLE with the columns customer_id, transaction_date (timestamptz), total_amount, and any of order_id, product_id, category, quantity, discount_amount, is_return, currency, transaction_id, broken (bigint, a bit for each rule that the line breaks, bit 62 if it is to be left out). as_of: the instant recency is counted from, by default the midnight after the last purchase; later lines do not count. time_zone: of the local days. lookback: older lines count for lifetime values alone. returns: net or drop. known_at: later lines set no as_of, and where it is not given do not count. repeated: of a customer''s lines with one transaction_id keep all, or drop all but the latest. One more row, without customer, has in source_totals what became of all lines and their money. In cohorts it has an array of objects, one for each cohort (customers by the local month of their first purchase, cohort_month) and month in which they ordered or returned something (months_since, 0 for that month itself): active_customers with a purchase, seen_customers with a purchase or a return, and revenue; of all purchases ever, as lifetime values are; NULL if there are some 262144 such pairs or more. Errors: missing columns and wrong types, infinite dates, amounts that are NaN or infinite, more than one currency, more than 38 digits.';

CREATE FUNCTION rfmseg._summarize_into(
	customer_type anyelement,
	query text,
	as_of timestamptz,
	time_zone text,
	lookback interval,
	returns text,
	known_at timestamptz,
	repeated text,
	target regclass)
RETURNS void AS 'MODULE_PATHNAME', 'rfmseg_summarize_into'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION rfmseg._summarize_into(anyelement, text, timestamptz, text, interval, text, timestamptz, text, regclass) IS
'Internal: puts the rows of summarize_customers into a plain table that has nothing to mind, see _fill.';
