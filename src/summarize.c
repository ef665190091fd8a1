/*
 * summarize.c
 *		summarize_customers(): a query's purchases in, a row for each customer out.
 *
 * The lines are read once and set aside by customer (line_pass.h).  Then one
 * partition after the other is put in memory, its lines brought together by
 * customer, and each customer summed up (core/customer.h).  A partition that is
 * too large for its memory is parted again, by further bits of the hash.
 */
#include "postgres.h"

#include <inttypes.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "decimal_numeric.h"
#include "line_query.h"
#include "local_day.h"
#include "summarize.h"

PG_FUNCTION_INFO_V1(rfmseg_summarize_customers);
PG_FUNCTION_INFO_V1(rfmseg_summarize_into);

enum
{
	ARG_CUSTOMER_TYPE,
	ARG_QUERY,
	ARG_AS_OF,
	ARG_TIME_ZONE,
	ARG_LOOKBACK,
	ARG_RETURNS,
	ARG_KNOWN_AT,
	ARG_REPEATED,
	ARG_TARGET /* of summarize_into() */
};

/*
 * Which lines count
 */

/* The midnight after an instant. */
static TimestampTz
midnight_after(TimestampTz at, pg_tz *zone)
{
	return rfmseg_instant_of(((Timestamp) rfmseg_local_day(at, zone) + 1) * USECS_PER_DAY, zone);
}

static TimestampTz
earlier_by(TimestampTz at, Interval *by, pg_tz *zone)
{
	Datum local = DirectFunctionCall2(
		timestamptz_zone, CStringGetTextDatum(pg_get_timezone_name(zone)), TimestampTzGetDatum(at));

	return rfmseg_instant_of(
		DatumGetTimestamp(DirectFunctionCall2(timestamp_mi_interval, local, IntervalPGetDatum(by))),
		zone);
}

/* Decides as_of where it is not given; false where there is no purchase to go by. */
static bool
set_terms(RfmsegSummarizing *s)
{
	TimestampTz last = s->pass->intake.last_purchase;

	s->terms.until = s->as_of;
	if (!s->has_as_of)
	{
		if (last == DT_NOBEGIN)
			return false;
		s->as_of = midnight_after(last, s->zone);
		s->terms.until = Min(s->as_of, s->known_at);
	}
	s->terms.has_lookback = s->lookback != NULL;
	if (s->lookback != NULL)
		s->terms.since = earlier_by(s->as_of, s->lookback, s->zone);
	return true;
}

/*
 * The row of the source as a whole
 */

static const char *const fate_names[RFMSEG_FATES] = {
	[RFMSEG_FORGOTTEN] = "forgotten", [RFMSEG_UNDATED] = "undated",
	[RFMSEG_UNPRICED] = "unpriced",	  [RFMSEG_NEGATIVE] = "negative",
	[RFMSEG_EXCLUDED] = "excluded",	  [RFMSEG_LATER] = "later",
	[RFMSEG_DROPPED] = "dropped",	  [RFMSEG_OLDER] = "older",
	[RFMSEG_COUNTED] = "counted",	  [RFMSEG_GUEST] = "guests",
	[RFMSEG_RETURNED] = "returned",	  [RFMSEG_REPEATED] = "repeated",
	[RFMSEG_SOURCE] = "source"};

void
rfmseg_push_string(JsonbParseState **state, JsonbIteratorToken what, const char *string)
{
	JsonbValue value;

	value.type = string == NULL ? jbvNull : jbvString;
	value.val.string.val = unconstify(char *, string);
	value.val.string.len = string == NULL ? 0 : (int) strlen(string);
	pushJsonbValue(state, what, &value);
}

void
rfmseg_push_number(JsonbParseState **state, const char *key, Numeric number)
{
	JsonbValue value;

	rfmseg_push_string(state, WJB_KEY, key);
	value.type = jbvNumeric;
	value.val.numeric = number;
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
push_tally(JsonbParseState **state, int64 lines, const RfmsegDecimal *amount)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	rfmseg_push_number(state, "rows", int64_to_numeric(lines));
	rfmseg_push_number(state, "amount", rfmseg_numeric_of_decimal(amount));
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* Of each rule, up to the last that is broken. */
static void
push_rules(JsonbParseState **state, const RfmsegRuleTally *rules)
{
	int n = RFMSEG_RULES;
	int i;

	while (n > 0 && rules->lines[n - 1] == 0)
		n--;
	rfmseg_push_string(state, WJB_KEY, "broken");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < n; i++)
		push_tally(state, rules->lines[i], &rules->amount[i]);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Whether the query has the columns that lines have this fate by. */
static bool
may_have(const RfmsegSummarizing *s, RfmsegFate fate)
{
	return fate == RFMSEG_FORGOTTEN ? s->has_rules
		: fate == RFMSEG_EXCLUDED	? s->has_rules || s->has_ids
		: fate == RFMSEG_REPEATED	? s->has_ids
									: true;
}

static char *
fingerprint(const RfmsegSummarizing *s)
{
	return psprintf("%016" PRIx64 "%016" PRIx64 INT64_FORMAT, s->fingerprint[1], s->fingerprint[0],
					s->fingerprinted);
}

static void
put_source(RfmsegSummarizing *s)
{
	const RfmsegIntake *intake = &s->pass->intake;
	JsonbParseState *state = NULL;
	Datum values[COLUMNS];
	bool nulls[COLUMNS];
	Jsonb *cohorts;
	int i;

	if (!rfmseg_tally_merge(&s->tally, &intake->tally))
		rfmseg_decimal_overflow("the total of the source");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	rfmseg_push_string(&state, WJB_KEY, "currency");
	rfmseg_push_string(&state, WJB_VALUE, intake->least_currency);
	rfmseg_push_string(&state, WJB_KEY, "fingerprint");
	rfmseg_push_string(&state, WJB_VALUE, fingerprint(s));
	for (i = 0; i < RFMSEG_FATES; i++)
		if (may_have(s, i))
		{
			rfmseg_push_string(&state, WJB_KEY, fate_names[i]);
			push_tally(&state, s->tally.lines[i], &s->tally.amount[i]);
		}
	if (s->has_rules)
		push_rules(&state, &intake->rules);

	memset(nulls, true, sizeof(nulls));
	values[AS_OF] = TimestampTzGetDatum(s->as_of);
	nulls[AS_OF] = !s->has_as_of && intake->last_purchase == DT_NOBEGIN;
	values[LAST_PURCHASE_AT] = TimestampTzGetDatum(intake->last_purchase);
	nulls[LAST_PURCHASE_AT] = intake->last_purchase == DT_NOBEGIN;
	values[SOURCE_TOTALS] =
		JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	nulls[SOURCE_TOTALS] = false;
	cohorts = rfmseg_cohorts_json(s);
	values[COHORTS] = JsonbPGetDatum(cohorts);
	nulls[COHORTS] = cohorts == NULL;
	rfmseg_put_row(s, values, nulls);
}

/*
 * The function
 */

static TimestampTz
timestamp_argument(FunctionCallInfo fcinfo, int arg, const char *what)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(arg);

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be infinite", what),
				 errhint("Give the instant from which recency counts.")));
	return at;
}

static bool
drops_returns(text *returns)
{
	char *word = text_to_cstring(returns);

	if (strcmp(word, "net") != 0 && strcmp(word, "drop") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("returns must be 'net' or 'drop', not '%s'", word),
				 errdetail("With 'net' returns lower what was spent, with 'drop' they are left out.")));
	return word[0] == 'd';
}

static bool
drops_repeated(text *repeated)
{
	char *word = text_to_cstring(repeated);

	if (strcmp(word, "keep") != 0 && strcmp(word, "drop") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("repeated must be 'keep' or 'drop', not '%s'", word),
				 errdetail("With 'drop' only the latest of a customer's lines with one transaction_id counts.")));
	return word[0] == 'd';
}

static void
read_arguments(FunctionCallInfo fcinfo, RfmsegSummarizing *s)
{
	if (PG_ARGISNULL(ARG_QUERY))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be NULL")));
	s->has_as_of = !PG_ARGISNULL(ARG_AS_OF);
	if (s->has_as_of)
		s->as_of = timestamp_argument(fcinfo, ARG_AS_OF, "as_of");
	s->zone = PG_ARGISNULL(ARG_TIME_ZONE)
		? rfmseg_default_zone()
		: rfmseg_zone(text_to_cstring(PG_GETARG_TEXT_PP(ARG_TIME_ZONE)));
	if (!PG_ARGISNULL(ARG_LOOKBACK))
		s->lookback = PG_GETARG_INTERVAL_P(ARG_LOOKBACK);
	s->terms.drops_returns =
		!PG_ARGISNULL(ARG_RETURNS) && drops_returns(PG_GETARG_TEXT_PP(ARG_RETURNS));
	s->known_at = DT_NOEND;
	if (!PG_ARGISNULL(ARG_KNOWN_AT))
		s->known_at = timestamp_argument(fcinfo, ARG_KNOWN_AT, "known_at");
	s->terms.drops_repeated =
		!PG_ARGISNULL(ARG_REPEATED) && drops_repeated(PG_GETARG_TEXT_PP(ARG_REPEATED));
}

static void
read_and_sum_up(RfmsegSummarizing *s, char *query, Oid customer_type)
{
	Oid types[RFMSEG_COLUMNS];
	Oid collation;

	SPI_connect();
	collation = rfmseg_examine_query(query, customer_type, types);
	s->has_rules = OidIsValid(types[RFMSEG_BROKEN]);
	s->has_ids = OidIsValid(types[RFMSEG_TRANSACTION_ID]);
	rfmseg_key_type_of_customer(&s->key, customer_type, collation, s->context);
	s->pass = rfmseg_pass_begin(s->context, s->known_at, collation);
	PG_TRY();
	{
		rfmseg_read_lines(s->pass, rfmseg_statement_of(query), types);
		SPI_finish();
		rfmseg_check_intake(&s->pass->intake);
		if (set_terms(s))
			rfmseg_sum_up(s, s->pass->spools, s->pass->bits, 32 - s->pass->bits);
		put_source(s);
	}
	PG_CATCH();
	{
		rfmseg_pass_forget(s->pass);
		PG_RE_THROW();
	}
	PG_END_TRY();
	rfmseg_pass_end(s->pass);
}

static void
summarize(FunctionCallInfo fcinfo, RfmsegSummarizing *s)
{
	s->context =
		AllocSetContextCreate(CurrentMemoryContext, "rfmseg summarize", ALLOCSET_DEFAULT_SIZES);
	read_arguments(fcinfo, s);
	s->partition = AllocSetContextCreate(s->context, "rfmseg partition", ALLOCSET_DEFAULT_SIZES);
	s->row = AllocSetContextCreate(s->context, "rfmseg row", ALLOCSET_DEFAULT_SIZES);
	s->customers = AllocSetContextCreate(s->context, "rfmseg customer", ALLOCSET_DEFAULT_SIZES);
	s->shares = rfmseg_new_shares(s->context);
	read_and_sum_up(s, text_to_cstring(PG_GETARG_TEXT_PP(ARG_QUERY)),
					getBaseType(get_fn_expr_argtype(fcinfo->flinfo, ARG_CUSTOMER_TYPE)));
	MemoryContextDelete(s->context);
}

/*
 * summarize_customers(customer_type anyelement, query text, as_of timestamptz,
 *					   time_zone text, lookback interval, returns text,
 *					   known_at timestamptz, repeated text) returns setof record
 */
Datum
rfmseg_summarize_customers(PG_FUNCTION_ARGS)
{
	RfmsegSummarizing s = {0};

	InitMaterializedSRF(fcinfo, 0);
	s.result = (ReturnSetInfo *) fcinfo->resultinfo;
	summarize(fcinfo, &s);
	return (Datum) 0;
}

/* The rows' type, as the SQL declaration has it. */
static TupleDesc
row_type(Oid customer_type)
{
	static const Oid types[COLUMNS] = {
		[AS_OF] = TIMESTAMPTZOID,
		[FIRST_PURCHASE_AT] = TIMESTAMPTZOID,
		[LAST_PURCHASE_AT] = TIMESTAMPTZOID,
		[LAST_PURCHASE_DATE] = DATEOID,
		[RECENCY_DAYS] = INT4OID,
		[LIFETIME_FREQUENCY] = INT8OID,
		[LIFETIME_MONETARY] = NUMERICOID,
		[FREQUENCY] = INT8OID,
		[MONETARY] = NUMERICOID,
		[AVG_ORDER_VALUE] = NUMERICOID,
		[FREQUENCY_REPEAT] = INT4OID,
		[RECENCY_BTYD] = FLOAT8OID,
		[T_AGE] = FLOAT8OID,
		[MONETARY_VALUE] = FLOAT8OID,
		[AVG_MONTHLY_FREQUENCY] = NUMERICOID,
		[TOTAL_ITEMS_PURCHASED] = NUMERICOID,
		[UNIQUE_PRODUCTS_PURCHASED] = INT8OID,
		[UNIQUE_CATEGORIES_PURCHASED] = INT8OID,
		[DISCOUNT_USAGE_RATE] = NUMERICOID,
		[AVG_DISCOUNT_AMOUNT] = NUMERICOID,
		[WEEKEND_SHOPPING_RATE] = NUMERICOID,
		[MEDIAN_GAP_DAYS] = NUMERICOID,
		[TOP_CATEGORY] = TEXTOID,
		[TOP_CATEGORY_SHARE] = NUMERICOID,
		[CATEGORY_SHARES] = JSONBOID,
		[SOURCE_TOTALS] = JSONBOID,
		[COHORTS] = JSONBOID,
	};
	TupleDesc desc = CreateTemplateTupleDesc(COLUMNS);
	int i;

	for (i = 0; i < COLUMNS; i++)
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), NULL,
						   i == CUSTOMER_ID ? customer_type : types[i], -1, 0);
	return desc;
}

/*
 * The same with one more argument, the table that the rows are put into; returns
 * nothing, as a set would be kept before it is written.
 */
Datum
rfmseg_summarize_into(PG_FUNCTION_ARGS)
{
	RfmsegSummarizing s = {0};

	if (PG_ARGISNULL(ARG_TARGET))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("target must not be NULL")));
	s.table = rfmseg_bulk_begin(PG_GETARG_OID(ARG_TARGET));
	rfmseg_bulk_check(s.table, row_type(get_fn_expr_argtype(fcinfo->flinfo, ARG_CUSTOMER_TYPE)));
	summarize(fcinfo, &s);
	rfmseg_bulk_end(s.table);
	PG_RETURN_VOID();
}
