/*
 * cut_points.c
 *		cut_points(): the aggregate of the quantiles that part scores.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "aggregate.h"
#include "core/quantiles.h"
#include "core/radix_sort.h"

typedef struct CutPointsState
{
	RfmsegStateKind kind;
	int bins;			   /* cut points + 1 */
	MemoryContext context; /* of the keys */
	uint64 *keys;		   /* the values, as keys that sort as they do */
	size_t n;
	size_t capacity;
} CutPointsState;

PG_FUNCTION_INFO_V1(rfmseg_cut_points_transition);
PG_FUNCTION_INFO_V1(rfmseg_cut_points_combine);
PG_FUNCTION_INFO_V1(rfmseg_cut_points_serialize);
PG_FUNCTION_INFO_V1(rfmseg_cut_points_deserialize);
PG_FUNCTION_INFO_V1(rfmseg_cut_points_final);

static CutPointsState *
new_state(MemoryContext context, int bins)
{
	CutPointsState *state = MemoryContextAllocZero(context, sizeof(CutPointsState));

	state->kind = RFMSEG_STATE_CUT_POINTS;
	state->bins = bins;
	state->context = context;
	return state;
}

static void
make_room(CutPointsState *state, size_t more)
{
	size_t capacity = Max(state->capacity, 64);

	if (state->capacity - state->n >= more)
		return;
	if (more > MaxAllocHugeSize / sizeof(uint64) / 4 - state->n)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many values for cut_points")));
	while (capacity - state->n < more)
		capacity *= 2;
	state->keys = state->keys == NULL
		? MemoryContextAllocHuge(state->context, capacity * sizeof(uint64))
		: repalloc_huge(state->keys, capacity * sizeof(uint64));
	state->capacity = capacity;
}

static int
check_bins(int bins)
{
	if (bins < RFMSEG_MIN_BINS || bins > RFMSEG_MAX_BINS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bins must be between %d and %d, not %d",
						RFMSEG_MIN_BINS, RFMSEG_MAX_BINS, bins)));
	return bins;
}

static void
check_same_bins(const CutPointsState *state, int bins)
{
	if (state->bins != bins)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bins must be the same for all rows of a group, not %d and %d",
						state->bins, bins)));
}

/* cut_points_transition(internal, value float8, bins int) returns internal */
Datum
rfmseg_cut_points_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	CutPointsState *state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_CUT_POINTS);
	int bins;
	double value;

	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("bins must not be NULL")));
	bins = check_bins(PG_GETARG_INT32(2));
	if (state == NULL)
		state = new_state(context, bins);
	check_same_bins(state, bins);

	if (!PG_ARGISNULL(1))
	{
		value = PG_GETARG_FLOAT8(1);
		if (!isfinite(value))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cut_points cannot rank NaN or infinite values"),
					 errhint("Leave such rows out with a FILTER clause.")));
		make_room(state, 1);
		state->keys[state->n++] = rfmseg_key_of_double(value);
	}

	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
rfmseg_cut_points_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	CutPointsState *into = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_CUT_POINTS);
	CutPointsState *other = rfmseg_state_argument(fcinfo, 1, RFMSEG_STATE_CUT_POINTS);

	if (other == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
		into = new_state(context, other->bins);
	check_same_bins(into, other->bins);
	make_room(into, other->n);
	if (other->n > 0)
		memcpy(into->keys + into->n, other->keys, other->n * sizeof(uint64));
	into->n += other->n;
	PG_RETURN_POINTER(into);
}

/* Serialized: kind, bins, number of keys, the keys. */
Datum
rfmseg_cut_points_serialize(PG_FUNCTION_ARGS)
{
	CutPointsState *state;
	StringInfoData buf;
	size_t i;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_CUT_POINTS);

	rfmseg_state_begin(&buf, RFMSEG_STATE_CUT_POINTS);
	pq_sendint32(&buf, state->bins);
	pq_sendint64(&buf, state->n);
	for (i = 0; i < state->n; i++)
	{
		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		pq_sendint64(&buf, state->keys[i]);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
rfmseg_cut_points_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	CutPointsState *state;
	size_t n;

	(void) rfmseg_aggregate_context(fcinfo);
	rfmseg_state_read(&buf, PG_GETARG_BYTEA_PP(0), RFMSEG_STATE_CUT_POINTS);

	state = new_state(CurrentMemoryContext, check_bins((int) pq_getmsgint(&buf, 4)));
	n = pq_getmsgint64(&buf);
	if (n != (buf.len - buf.cursor) / sizeof(uint64))
		rfmseg_state_corrupt();
	make_room(state, n);
	while (state->n < n)
	{
		uint64 key = pq_getmsgint64(&buf);

		if (!isfinite(rfmseg_double_of_key(key)))
			rfmseg_state_corrupt();
		if (state->n % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		state->keys[state->n++] = key;
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/*
 * Sorts the state in place: the values stay the same, so that it can be added
 * to and finished again, as a window does.
 */
Datum
rfmseg_cut_points_final(PG_FUNCTION_ARGS)
{
	CutPointsState *state;
	RfmsegSorter *sorter;
	uint64 *room;
	Datum cuts[RFMSEG_MAX_BINS - 1];
	int i;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_CUT_POINTS);
	if (state == NULL || state->n == 0)
		PG_RETURN_NULL();

	room = MemoryContextAllocHuge(state->context, state->capacity * sizeof(uint64));
	sorter = palloc(sizeof(RfmsegSorter));
	rfmseg_sorter_init(sorter, state->keys, room, state->n);
	while (!rfmseg_sorter_step(sorter, RFMSEG_INTERRUPT_EVERY))
		CHECK_FOR_INTERRUPTS();
	state->keys = sorter->from;
	pfree(sorter->to);
	pfree(sorter);

	for (i = 1; i < state->bins; i++)
		cuts[i - 1] = Float8GetDatum(rfmseg_cut_point(state->keys, state->n, i, state->bins));

	PG_RETURN_ARRAYTYPE_P(construct_array(cuts, state->bins - 1, FLOAT8OID, sizeof(float8),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
