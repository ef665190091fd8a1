/*
 * text_tally.c
 *		_most_common() and _mean_shares(): aggregates that add something up for
 *		each of a few texts, without sorting the rows.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "aggregate.h"
#include "core/decimal.h"
#include "core/hash.h"
#include "core/names.h"
#include "decimal_numeric.h"
#include "history_glue.h"

typedef struct Tally
{
	RfmsegStateKind kind;
	MemoryContext context;
	int64 rows;			 /* that were not NULL */
	RfmsegNames names;	 /* the texts, */
	RfmsegDecimal *sums; /* and what was added up for each */
} Tally;

PG_FUNCTION_INFO_V1(rfmseg_most_common_transition);
PG_FUNCTION_INFO_V1(rfmseg_most_common_final);
PG_FUNCTION_INFO_V1(rfmseg_mean_shares_transition);
PG_FUNCTION_INFO_V1(rfmseg_mean_shares_final);
PG_FUNCTION_INFO_V1(rfmseg_text_tally_combine);
PG_FUNCTION_INFO_V1(rfmseg_text_tally_serialize);
PG_FUNCTION_INFO_V1(rfmseg_text_tally_deserialize);

static Tally *
new_tally(MemoryContext context)
{
	Tally *tally = MemoryContextAllocZero(context, sizeof(Tally));

	tally->kind = RFMSEG_STATE_TALLY;
	tally->context = context;
	return tally;
}

static void
make_room(Tally *tally)
{
	if (rfmseg_names_has_room(&tally->names))
		return;
	rfmseg_names_make_room(&tally->names, tally->context);
	tally->sums = tally->sums == NULL
		? MemoryContextAllocHuge(tally->context, tally->names.capacity * sizeof(RfmsegDecimal))
		: repalloc_huge(tally->sums, tally->names.capacity * sizeof(RfmsegDecimal));
}

/* The bytes of a new text are copied. */
static void
add(Tally *tally, const char *bytes, uint32 length, const RfmsegDecimal *amount)
{
	RfmsegName name;
	uint32 known = tally->names.n;
	uint32 number;

	make_room(tally);
	name.bytes = bytes;
	name.length = length;
	name.hash = (uint32) rfmseg_hash_bytes(bytes, length, 0);
	number = rfmseg_names_number(&tally->names, &name);
	if (number == known)
	{
		char *copy = MemoryContextAllocHuge(tally->context, Max(length, 1));

		memcpy(copy, bytes, length);
		tally->names.names[number].bytes = copy;
		tally->sums[number] = *amount;
	}
	else if (!rfmseg_decimal_add(&tally->sums[number], amount))
		rfmseg_decimal_overflow("a sum by text");
}

/* most_common_transition(internal, value text) returns internal */
Datum
rfmseg_most_common_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	Tally *tally = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_TALLY);
	const RfmsegDecimal one = rfmseg_decimal_make(1, 0, 0);

	if (tally == NULL)
		tally = new_tally(context);
	if (!PG_ARGISNULL(1))
	{
		text *value = PG_GETARG_TEXT_PP(1);

		tally->rows++;
		add(tally, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), &one);
	}
	PG_RETURN_POINTER(tally);
}

/* mean_shares_transition(internal, shares jsonb) returns internal */
Datum
rfmseg_mean_shares_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	Tally *tally = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_TALLY);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;

	if (tally == NULL)
		tally = new_tally(context);
	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(tally);

	tally->rows++;
	iterator = JsonbIteratorInit(&PG_GETARG_JSONB_P(1)->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		RfmsegDecimal share;

		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type == jbvNull)
			continue;
		if (value.type != jbvNumeric)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("shares must be numbers")));
		share = rfmseg_decimal_of_numeric(value.val.numeric, "a share");
		add(tally, key.val.string.val, (uint32) key.val.string.len, &share);
	}
	PG_RETURN_POINTER(tally);
}

Datum
rfmseg_text_tally_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	Tally *into = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_TALLY);
	Tally *other = rfmseg_state_argument(fcinfo, 1, RFMSEG_STATE_TALLY);
	uint32 i;

	if (into == NULL)
		into = new_tally(context);
	if (other == NULL)
		PG_RETURN_POINTER(into);
	into->rows += other->rows;
	for (i = 0; i < other->names.n; i++)
	{
		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		add(into, other->names.names[i].bytes, other->names.names[i].length, &other->sums[i]);
	}
	PG_RETURN_POINTER(into);
}

/* Serialized: kind, rows, number of texts, and of each its sum and bytes. */
Datum
rfmseg_text_tally_serialize(PG_FUNCTION_ARGS)
{
	Tally *tally;
	StringInfoData buf;
	uint32 i;

	(void) rfmseg_aggregate_context(fcinfo);
	tally = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_TALLY);
	rfmseg_state_begin(&buf, RFMSEG_STATE_TALLY);
	pq_sendint64(&buf, tally->rows);
	pq_sendint32(&buf, tally->names.n);
	for (i = 0; i < tally->names.n; i++)
	{
		const RfmsegName *name = &tally->names.names[i];

		CHECK_FOR_INTERRUPTS();
		pq_sendint64(&buf, tally->sums[i].high);
		pq_sendint64(&buf, tally->sums[i].low);
		pq_sendint16(&buf, tally->sums[i].scale);
		pq_sendint16(&buf, tally->sums[i].shown);
		pq_sendint32(&buf, name->length);
		pq_sendbytes(&buf, name->bytes, name->length);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
rfmseg_text_tally_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	Tally *tally;
	uint32 n;

	(void) rfmseg_aggregate_context(fcinfo);
	rfmseg_state_read(&buf, PG_GETARG_BYTEA_PP(0), RFMSEG_STATE_TALLY);
	tally = new_tally(CurrentMemoryContext);
	tally->rows = pq_getmsgint64(&buf);
	for (n = pq_getmsgint(&buf, 4); n > 0; n--)
	{
		RfmsegDecimal sum;
		uint32 length;

		CHECK_FOR_INTERRUPTS();
		sum.high = pq_getmsgint64(&buf);
		sum.low = pq_getmsgint64(&buf);
		sum.scale = (int16) pq_getmsgint(&buf, 2);
		sum.shown = (int16) pq_getmsgint(&buf, 2);
		length = pq_getmsgint(&buf, 4);
		if (length > PG_INT32_MAX || sum.scale < 0 || sum.scale > RFMSEG_DECIMAL_MAX_SCALE ||
			sum.shown < sum.scale || !rfmseg_decimal_in_range(rfmseg_decimal_units(&sum)))
			rfmseg_state_corrupt();
		add(tally, pq_getmsgbytes(&buf, (int) length), length, &sum);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(tally);
}

/* The text with the largest sum; among equals the first in byte order. */
Datum
rfmseg_most_common_final(PG_FUNCTION_ARGS)
{
	Tally *tally;
	const RfmsegName *names;
	uint32 top = 0;
	uint32 i;

	(void) rfmseg_aggregate_context(fcinfo);
	tally = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_TALLY);
	if (tally == NULL || tally->names.n == 0)
		PG_RETURN_NULL();
	names = tally->names.names;
	for (i = 1; i < tally->names.n; i++)
	{
		int order = rfmseg_decimal_compare(&tally->sums[i], &tally->sums[top]);

		if (order > 0 || (order == 0 && rfmseg_name_compare(&names[i], &names[top]) < 0))
			top = i;
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(names[top].bytes, (int) names[top].length));
}

/* {"text": sum / rows, ...}, rounded to four decimals */
Datum
rfmseg_mean_shares_final(PG_FUNCTION_ARGS)
{
	Tally *tally;
	JsonbParseState *state = NULL;
	Datum rows;
	uint32 i;

	(void) rfmseg_aggregate_context(fcinfo);
	tally = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_TALLY);
	if (tally == NULL || tally->names.n == 0)
		PG_RETURN_NULL();
	rows = NumericGetDatum(int64_to_numeric(tally->rows));
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < tally->names.n; i++)
	{
		Datum sum = NumericGetDatum(rfmseg_numeric_of_decimal(&tally->sums[i]));
		JsonbValue value;

		value.type = jbvString;
		value.val.string.val = unconstify(char *, tally->names.names[i].bytes);
		value.val.string.len = (int) tally->names.names[i].length;
		pushJsonbValue(&state, WJB_KEY, &value);
		value.type = jbvNumeric;
		value.val.numeric = DatumGetNumeric(DirectFunctionCall2(
			numeric_round, DirectFunctionCall2(numeric_div, sum, rows), Int32GetDatum(4)));
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
