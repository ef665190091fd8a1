/*
 * cut_points.c
 *		cut_points(): the aggregate of the quantiles that part scores.
 *
 * Values are kept as keys that sort as they do, in memory up to the limit that
 * the server has for hash tables, and beyond it in a temporary file; the cut
 * points are selected from them without sorting (core/selection.h).
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "aggregate.h"
#include "core/quantiles.h"
#include "core/radix_sort.h"
#include "core/selection.h"

typedef struct CutPointsState
{
	RfmsegStateKind kind;
	int bins;			   /* cut points + 1 */
	MemoryContext context; /* of the keys */
	bool may_spill;		   /* keys may go to a file */
	uint64 *keys;		   /* of the latest values */
	size_t n;			   /* how many these are */
	size_t capacity;
	BufFile *file; /* the keys before them, or NULL */
	uint64 nfile;  /* how many these are */
} CutPointsState;

/* Reads all keys of a state piece by piece. */
typedef struct KeyReader
{
	CutPointsState *state;
	uint64 left;	/* in the file */
	bool in_memory; /* those were given out */
	uint64 buffer[RFMSEG_INTERRUPT_EVERY / 8];
} KeyReader;

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
close_file(Datum arg)
{
	CutPointsState *state = (CutPointsState *) DatumGetPointer(arg);

	if (state->file != NULL)
		BufFileClose(state->file);
	state->file = NULL;
}

/* The first state of a group, which is told when the group is done with. */
static CutPointsState *
first_state(FunctionCallInfo fcinfo, MemoryContext context, int bins)
{
	CutPointsState *state = new_state(context, bins);

	/* in a window nobody would tell */
	if (AggCheckCallContext(fcinfo, NULL) == AGG_CONTEXT_AGGREGATE)
	{
		AggRegisterCallback(fcinfo, close_file, PointerGetDatum(state));
		state->may_spill = true;
	}
	return state;
}

static void
write_keys(CutPointsState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);

	/* keys are written a power of two at a time, at least 32 kB: whole blocks */
	if (state->file == NULL)
		state->file = BufFileCreateTemp(false);
	if (BufFileSeekBlock(state->file, state->nfile * sizeof(uint64) / BLCKSZ) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in temporary file")));
	BufFileWrite(state->file, state->keys, state->n * sizeof(uint64));
	state->nfile += state->n;
	state->n = 0;
	MemoryContextSwitchTo(old);
}

/* Makes room for one more key. */
static void
make_room(CutPointsState *state)
{
	size_t capacity = Max(state->capacity * 2, 64);

	if (state->n < state->capacity)
		return;
	CHECK_FOR_INTERRUPTS();
	if (state->may_spill && capacity * sizeof(uint64) > get_hash_memory_limit() / 2 &&
		state->capacity > 0)
	{
		write_keys(state);
		return;
	}
	if (capacity > MaxAllocHugeSize / sizeof(uint64) / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many values for cut_points")));
	state->keys = state->keys == NULL
		? MemoryContextAllocHuge(state->context, capacity * sizeof(uint64))
		: repalloc_huge(state->keys, capacity * sizeof(uint64));
	state->capacity = capacity;
}

static void
add_key(CutPointsState *state, uint64 key)
{
	make_room(state);
	state->keys[state->n++] = key;
}

static uint64
number_of_keys(const CutPointsState *state)
{
	return state->nfile + state->n;
}

static void
begin_reading(KeyReader *reader, CutPointsState *state)
{
	reader->state = state;
	reader->left = state->nfile;
	reader->in_memory = false;
	if (state->file != NULL && BufFileSeek(state->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in temporary file")));
}

/* Another piece of keys, or NULL. */
static const uint64 *
read_keys(KeyReader *reader, size_t *n)
{
	CutPointsState *state = reader->state;

	CHECK_FOR_INTERRUPTS();
	if (reader->left > 0)
	{
		*n = Min(reader->left, lengthof(reader->buffer));
		if (BufFileRead(state->file, reader->buffer, *n * sizeof(uint64)) != *n * sizeof(uint64))
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read from temporary file")));
		reader->left -= *n;
		return reader->buffer;
	}
	if (reader->in_memory || state->n == 0)
		return NULL;
	reader->in_memory = true;
	*n = state->n;
	return state->keys;
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
		state = first_state(fcinfo, context, bins);
	check_same_bins(state, bins);

	if (!PG_ARGISNULL(1))
	{
		value = PG_GETARG_FLOAT8(1);
		if (!isfinite(value))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cut_points cannot rank NaN or infinite values"),
					 errhint("Leave such rows out with a FILTER clause.")));
		add_key(state, rfmseg_key_of_double(value));
	}
	PG_RETURN_POINTER(state);
}

Datum
rfmseg_cut_points_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	CutPointsState *into = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_CUT_POINTS);
	CutPointsState *other = rfmseg_state_argument(fcinfo, 1, RFMSEG_STATE_CUT_POINTS);
	KeyReader reader;
	const uint64 *keys;
	size_t n;
	size_t i;

	if (other == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
		into = first_state(fcinfo, context, other->bins);
	check_same_bins(into, other->bins);
	begin_reading(&reader, other);
	while ((keys = read_keys(&reader, &n)) != NULL)
		for (i = 0; i < n; i++)
		{
			if (i % RFMSEG_INTERRUPT_EVERY == 0)
				CHECK_FOR_INTERRUPTS();
			add_key(into, keys[i]);
		}
	PG_RETURN_POINTER(into);
}

/* Serialized: kind, bins, number of keys, the keys. */
Datum
rfmseg_cut_points_serialize(PG_FUNCTION_ARGS)
{
	CutPointsState *state;
	StringInfoData buf;
	KeyReader reader;
	const uint64 *keys;
	size_t n;
	size_t i;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_CUT_POINTS);

	rfmseg_state_begin(&buf, RFMSEG_STATE_CUT_POINTS);
	pq_sendint32(&buf, state->bins);
	pq_sendint64(&buf, number_of_keys(state));
	begin_reading(&reader, state);
	while ((keys = read_keys(&reader, &n)) != NULL)
		for (i = 0; i < n; i++)
		{
			if (i % RFMSEG_INTERRUPT_EVERY == 0)
				CHECK_FOR_INTERRUPTS();
			pq_sendint64(&buf, keys[i]);
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
	while (state->n < n)
	{
		uint64 key = pq_getmsgint64(&buf);

		if (!isfinite(rfmseg_double_of_key(key)))
			rfmseg_state_corrupt();
		if (state->n % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		add_key(state, key);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* Finds the values that the cut points lie between. */
static void
select_keys(CutPointsState *state, const RfmsegPlace *places, RfmsegSelection *selection)
{
	uint64 ranks[2 * (RFMSEG_MAX_BINS - 1)] = {0};
	KeyReader reader;
	const uint64 *keys;
	size_t n;
	size_t done;
	int i;
	int pass;

	for (i = 0; i < state->bins - 1; i++)
	{
		ranks[2 * i] = places[i].below;
		ranks[2 * i + 1] = places[i].above;
	}
	rfmseg_selection_begin(selection, ranks, 2 * (state->bins - 1));
	for (pass = 0; pass < RFMSEG_SELECTION_PASSES; pass++)
	{
		rfmseg_selection_begin_pass(selection, pass);
		begin_reading(&reader, state);
		while ((keys = read_keys(&reader, &n)) != NULL)
			for (done = 0; done < n; done += RFMSEG_INTERRUPT_EVERY)
			{
				CHECK_FOR_INTERRUPTS();
				rfmseg_selection_count(selection, keys + done,
									   Min(n - done, RFMSEG_INTERRUPT_EVERY));
			}
		rfmseg_selection_end_pass(selection);
	}
}

/* Leaves the state as it is, so that it can be added to, as a window does. */
Datum
rfmseg_cut_points_final(PG_FUNCTION_ARGS)
{
	CutPointsState *state;
	RfmsegSelection *selection;
	RfmsegPlace places[RFMSEG_MAX_BINS - 1];
	Datum cuts[RFMSEG_MAX_BINS - 1];
	int i;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_CUT_POINTS);
	if (state == NULL || number_of_keys(state) == 0)
		PG_RETURN_NULL();

	for (i = 0; i < state->bins - 1; i++)
		places[i] = rfmseg_cut_place(number_of_keys(state), i + 1, state->bins);
	selection = palloc(sizeof(RfmsegSelection));
	select_keys(state, places, selection);
	for (i = 0; i < state->bins - 1; i++)
		cuts[i] = Float8GetDatum(
			rfmseg_cut_between(&places[i], rfmseg_double_of_key(selection->selected[2 * i].key),
							   rfmseg_double_of_key(selection->selected[2 * i + 1].key)));
	pfree(selection);

	PG_RETURN_ARRAYTYPE_P(construct_array(cuts, state->bins - 1, FLOAT8OID, sizeof(float8),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
