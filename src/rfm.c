/*
 * rfm.c
 *		rfm(): the aggregate of one customer's purchases.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "aggregate.h"
#include "core/history.h"
#include "decimal_numeric.h"
#include "history_glue.h"
#include "local_day.h"

typedef struct RfmState
{
	RfmsegStateKind kind;
	MemoryContext context; /* of all memory below */
	TimestampTz as_of;	   /* later events are ignored */
	pg_tz *zone;		   /* of the local days */
	RfmsegHistory history;
} RfmState;

/* arguments of the transition function */
enum
{
	ARG_STATE,
	ARG_EVENT_AT,
	ARG_AMOUNT,
	ARG_AS_OF,
	ARG_ORDER_KEY,
	ARG_TIME_ZONE
};

/* fields of rfmseg.rfm_metrics */
enum
{
	FIRST_PURCHASE_AT,
	LAST_PURCHASE_AT,
	RECENCY_DAYS,
	FREQUENCY,
	MONETARY,
	AVG_ORDER_VALUE,
	FREQUENCY_REPEAT,
	RECENCY_BTYD,
	T_AGE,
	MONETARY_VALUE,
	METRICS
};

PG_FUNCTION_INFO_V1(rfmseg_rfm_transition);
PG_FUNCTION_INFO_V1(rfmseg_rfm_combine);
PG_FUNCTION_INFO_V1(rfmseg_rfm_serialize);
PG_FUNCTION_INFO_V1(rfmseg_rfm_deserialize);
PG_FUNCTION_INFO_V1(rfmseg_rfm_final);

static RfmState *
new_state(MemoryContext context, TimestampTz as_of, pg_tz *zone)
{
	RfmState *state = MemoryContextAllocZero(context, sizeof(RfmState));

	state->kind = RFMSEG_STATE_RFM;
	state->context = context;
	state->as_of = as_of;
	state->zone = zone;
	return state;
}

static TimestampTz
finite_timestamp(TimestampTz at, const char *what)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be infinite", what),
				 errhint("Leave such rows out, or give the date that is meant.")));
	return at;
}

/* as_of and the zone are one customer's as a whole, though passed row by row */
static void
check_same(const RfmState *state, TimestampTz as_of, pg_tz *zone)
{
	if (state->as_of != as_of)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of must be the same for all rows of a group")));
	if (state->zone != zone)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time_zone must be the same for all rows of a group")));
}

static pg_tz *
zone_argument(FunctionCallInfo fcinfo, const RfmState *state)
{
	text *name;

	if (PG_NARGS() <= ARG_TIME_ZONE || PG_ARGISNULL(ARG_TIME_ZONE))
		return state != NULL && PG_NARGS() <= ARG_TIME_ZONE ? state->zone : rfmseg_default_zone();

	/* mostly it is the name that the last row had */
	name = PG_GETARG_TEXT_PP(ARG_TIME_ZONE);
	if (state != NULL)
	{
		const char *known = pg_get_timezone_name(state->zone);

		if (strlen(known) == VARSIZE_ANY_EXHDR(name) &&
			memcmp(known, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
			return state->zone;
	}
	return rfmseg_zone(text_to_cstring(name));
}

/*
 * rfm_transition(internal, event_at timestamptz, amount numeric, as_of timestamptz
 *				  [, order_key text [, time_zone text]]) returns internal
 */
Datum
rfmseg_rfm_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	RfmState *state = rfmseg_state_argument(fcinfo, ARG_STATE, RFMSEG_STATE_RFM);
	text *key = NULL;
	RfmsegLine line = {0};
	TimestampTz as_of;
	pg_tz *zone;

	if (PG_ARGISNULL(ARG_EVENT_AT) || PG_ARGISNULL(ARG_AMOUNT))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (PG_ARGISNULL(ARG_AS_OF))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("as_of must not be NULL"),
				 errhint("Give the instant from which recency is counted, such as the midnight after the last purchase.")));

	as_of = finite_timestamp(PG_GETARG_TIMESTAMPTZ(ARG_AS_OF), "as_of");
	zone = zone_argument(fcinfo, state);
	if (state != NULL)
		check_same(state, as_of, zone);

	line.at = finite_timestamp(PG_GETARG_TIMESTAMPTZ(ARG_EVENT_AT), "event_at");
	line.amount = rfmseg_decimal_of_numeric(PG_GETARG_NUMERIC(ARG_AMOUNT), "amount");
	if (state == NULL)
		state = new_state(context, as_of, zone);
	if (line.at > as_of)
		PG_RETURN_POINTER(state);

	if (PG_NARGS() > ARG_ORDER_KEY && !PG_ARGISNULL(ARG_ORDER_KEY))
	{
		key = PG_GETARG_TEXT_PP(ARG_ORDER_KEY);
		line.key = VARDATA_ANY(key);
		line.key_length = VARSIZE_ANY_EXHDR(key);
	}
	line.day = rfmseg_local_day(line.at, zone);

	rfmseg_history_make_room(&state->history, state->context, line.key_length);
	if (!rfmseg_history_add(&state->history, &line))
		rfmseg_decimal_overflow("the total of an order");

	PG_RETURN_POINTER(state);
}

Datum
rfmseg_rfm_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	RfmState *into = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_RFM);
	RfmState *other = rfmseg_state_argument(fcinfo, 1, RFMSEG_STATE_RFM);
	uint32 i;

	if (other == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
		into = new_state(context, other->as_of, other->zone);
	check_same(into, other->as_of, other->zone);

	for (i = 0; i < other->history.n; i++)
	{
		const RfmsegPurchase *p = &other->history.purchases[i];

		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		rfmseg_history_make_room(&into->history, into->context,
								 p->key_length == RFMSEG_KEY_IS_DAY ? 0 : p->key_length);
		if (!rfmseg_history_merge(&into->history, &other->history, i))
			rfmseg_decimal_overflow("the total of an order");
	}
	PG_RETURN_POINTER(into);
}

/*
 * Serialized: kind, as_of, length and name of the zone, number of purchases,
 * and of each its total, dates, flags, and key: all in network byte order.
 */
#define FLAG_SALE 1
#define FLAG_RETURN 2
#define FLAG_DAY_KEY 4

static void
send_purchase(StringInfo buf, const RfmsegHistory *h, const RfmsegPurchase *p)
{
	bool by_day = p->key_length == RFMSEG_KEY_IS_DAY;

	pq_sendint64(buf, p->total.high);
	pq_sendint64(buf, p->total.low);
	pq_sendint16(buf, p->total.scale);
	pq_sendint16(buf, p->total.shown);
	pq_sendint64(buf, p->first_at);
	pq_sendint64(buf, p->last_at);
	pq_sendint32(buf, p->day);
	pq_sendint8(buf,
				(p->has_sale ? FLAG_SALE : 0) | (p->has_return ? FLAG_RETURN : 0) |
					(by_day ? FLAG_DAY_KEY : 0));
	if (!by_day)
	{
		pq_sendint32(buf, p->key_length);
		pq_sendbytes(buf, h->keys + p->key_offset, p->key_length);
	}
}

/*
 * Reads one purchase as a history of one, which combining merges like any
 * other; what cannot be is refused.
 */
static void
receive_purchase(StringInfo buf, RfmState *state)
{
	RfmsegPurchase p = {0};
	RfmsegHistory one = {0};
	RfmsegInt128 units;
	int flags;

	p.total.high = pq_getmsgint64(buf);
	p.total.low = pq_getmsgint64(buf);
	p.total.scale = (int16) pq_getmsgint(buf, 2);
	p.total.shown = (int16) pq_getmsgint(buf, 2);
	p.first_at = pq_getmsgint64(buf);
	p.last_at = pq_getmsgint64(buf);
	p.day = (int32) pq_getmsgint(buf, 4);
	flags = pq_getmsgbyte(buf);
	p.has_sale = (flags & FLAG_SALE) != 0;
	p.has_return = (flags & FLAG_RETURN) != 0;
	p.key_length = flags & FLAG_DAY_KEY ? RFMSEG_KEY_IS_DAY : pq_getmsgint(buf, 4);
	one.purchases = &p;
	one.n = one.capacity = 1;
	if (!(flags & FLAG_DAY_KEY))
	{
		if (p.key_length > PG_INT32_MAX)
			rfmseg_state_corrupt();
		one.keys = unconstify(char *, pq_getmsgbytes(buf, (int) p.key_length));
	}

	units = rfmseg_decimal_units(&p.total);
	if ((flags & ~(FLAG_SALE | FLAG_RETURN | FLAG_DAY_KEY)) != 0 || !(p.has_sale || p.has_return) ||
		p.total.scale < 0 || p.total.scale > RFMSEG_DECIMAL_MAX_SCALE ||
		p.total.shown < p.total.scale || !rfmseg_decimal_in_range(units) ||
		(p.has_sale &&
		 (p.first_at > p.last_at || p.last_at > state->as_of || !IS_VALID_TIMESTAMP(p.first_at))))
		rfmseg_state_corrupt();

	if (p.has_sale && p.day != rfmseg_local_day(p.first_at, state->zone))
		rfmseg_state_corrupt();
	rfmseg_history_make_room(&state->history, state->context,
							 flags & FLAG_DAY_KEY ? 0 : p.key_length);
	if (!rfmseg_history_merge(&state->history, &one, 0))
		rfmseg_state_corrupt();
}

Datum
rfmseg_rfm_serialize(PG_FUNCTION_ARGS)
{
	RfmState *state;
	const char *zone;
	StringInfoData buf;
	uint32 i;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_RFM);
	zone = pg_get_timezone_name(state->zone);

	rfmseg_state_begin(&buf, RFMSEG_STATE_RFM);
	pq_sendint64(&buf, state->as_of);
	pq_sendint32(&buf, strlen(zone));
	pq_sendbytes(&buf, zone, strlen(zone));
	pq_sendint32(&buf, state->history.n);
	for (i = 0; i < state->history.n; i++)
	{
		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		send_purchase(&buf, &state->history, &state->history.purchases[i]);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
rfmseg_rfm_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	RfmState *state;
	TimestampTz as_of;
	int length;
	char *zone;
	uint32 n;
	uint32 i;

	(void) rfmseg_aggregate_context(fcinfo);
	rfmseg_state_read(&buf, PG_GETARG_BYTEA_PP(0), RFMSEG_STATE_RFM);

	as_of = pq_getmsgint64(&buf);
	length = (int) pq_getmsgint(&buf, 4);
	if (length < 0 || length > TZ_STRLEN_MAX || !IS_VALID_TIMESTAMP(as_of))
		rfmseg_state_corrupt();
	zone = pnstrdup(pq_getmsgbytes(&buf, length), length);
	n = pq_getmsgint(&buf, 4);

	state = new_state(CurrentMemoryContext, as_of, rfmseg_zone(zone));
	for (i = 0; i < n; i++)
	{
		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		receive_purchase(&buf, state);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* The row type of the result, looked up once a query. */
static TupleDesc
metrics_row_type(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		TupleDesc desc;

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
			desc->natts != METRICS)
			elog(ERROR, "rfm must return rfmseg.rfm_metrics");
		fcinfo->flinfo->fn_extra = BlessTupleDesc(CreateTupleDescCopy(desc));
		MemoryContextSwitchTo(old);
	}
	return fcinfo->flinfo->fn_extra;
}

Datum
rfmseg_rfm_final(PG_FUNCTION_ARGS)
{
	RfmState *state;
	RfmsegSummary summary;
	RfmsegScratch *scratch;
	TupleDesc row_type;
	Datum values[METRICS];
	bool nulls[METRICS];
	int32 as_of_day;
	Datum count;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_RFM);
	if (state == NULL || state->history.n == 0)
		PG_RETURN_NULL();

	row_type = metrics_row_type(fcinfo);
	scratch = rfmseg_new_scratch(CurrentMemoryContext);
	rfmseg_summarize_history(&state->history, &summary, scratch);
	rfmseg_free_scratch(scratch);
	as_of_day = rfmseg_local_day(state->as_of, state->zone);

	/* a customer whose purchases all were refunded has no dates */
	memset(nulls, summary.frequency == 0, sizeof(nulls));
	nulls[FREQUENCY] = nulls[MONETARY] = false;
	values[FREQUENCY] = Int64GetDatum(summary.frequency);
	values[MONETARY] = NumericGetDatum(rfmseg_numeric_of_decimal(&summary.monetary));
	if (summary.frequency > 0)
	{
		count = NumericGetDatum(int64_to_numeric(summary.frequency));
		values[FIRST_PURCHASE_AT] = TimestampTzGetDatum(summary.first_at);
		values[LAST_PURCHASE_AT] = TimestampTzGetDatum(summary.last_at);
		values[RECENCY_DAYS] =
			Int32GetDatum(as_of_day - rfmseg_local_day(summary.last_at, state->zone));
		values[AVG_ORDER_VALUE] = DirectFunctionCall2(numeric_div, values[MONETARY], count);
		values[FREQUENCY_REPEAT] = Int32GetDatum((int32) (summary.days - 1));
		values[RECENCY_BTYD] = Float8GetDatum((double) summary.last_day - summary.first_day);
		values[T_AGE] = Float8GetDatum((double) as_of_day - summary.first_day);
		values[MONETARY_VALUE] = Float8GetDatum(rfmseg_summary_repeat_value(&summary));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(row_type, values, nulls)));
}
