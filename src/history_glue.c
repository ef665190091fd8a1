/*
 * history_glue.c
 *		Memory for the core's histories and names, and the loops over them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "aggregate.h"
#include "decimal_numeric.h"
#include "history_glue.h"

/* Memory that may exceed a gigabyte, new or enlarged. */
static void *
enlarge(MemoryContext context, void *old, Size size)
{
	return old == NULL ? MemoryContextAllocHuge(context, size) : repalloc_huge(old, size);
}

/* Empty slots for that many things, in place of the old ones. */
static uint32 *
new_slots(MemoryContext context, uint32 *old, uint32 capacity, uint32 *nslots)
{
	if (old != NULL)
		pfree(old);
	*nslots = capacity * 2;
	return MemoryContextAllocExtended(context, (Size) *nslots * sizeof(uint32),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* How many things there will be room for next. */
static uint32
next_capacity(uint32 capacity, const char *what)
{
	if (capacity > PG_INT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u %s in one group", capacity, what),
				 errhint("Group the rows by customer.")));
	return capacity == 0 ? 4 : capacity * 2;
}

static void
enlarge_purchases(RfmsegHistory *h, MemoryContext context)
{
	uint32 i;

	h->capacity = next_capacity(h->capacity, "purchases");
	h->purchases = enlarge(context, h->purchases, (Size) h->capacity * sizeof(RfmsegPurchase));
	if (h->capacity <= RFMSEG_UNHASHED)
		return;
	h->slots = new_slots(context, h->slots, h->capacity, &h->nslots);
	for (i = 0; i < h->n; i++)
	{
		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		rfmseg_history_enter(h, i);
	}
}

static void
enlarge_keys(RfmsegHistory *h, MemoryContext context, uint32 key_length)
{
	size_t capacity = Max(h->keys_capacity * 2, 64);

	while (capacity - h->keys_used < key_length)
		capacity *= 2;
	if (h->keys_used + key_length >= PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than 4 GB of order keys in one group"),
				 errhint("Group the rows by customer.")));
	h->keys = enlarge(context, h->keys, capacity);
	h->keys_capacity = capacity;
}

void
rfmseg_history_make_room(RfmsegHistory *h, MemoryContext context, uint32 key_length)
{
	if (rfmseg_history_has_room(h, key_length))
		return;
	if (h->n >= h->capacity)
		enlarge_purchases(h, context);
	if (h->keys_capacity - h->keys_used < key_length)
		enlarge_keys(h, context, key_length);
}

void
rfmseg_names_make_room(RfmsegNames *set, MemoryContext context)
{
	uint32 i;

	if (rfmseg_names_has_room(set))
		return;
	set->capacity = next_capacity(set->capacity, "products or categories");
	set->names = enlarge(context, set->names, (Size) set->capacity * sizeof(RfmsegName));
	if (set->capacity <= RFMSEG_UNHASHED)
		return;
	set->slots = new_slots(context, set->slots, set->capacity, &set->nslots);
	for (i = 0; i < set->n; i++)
	{
		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		rfmseg_names_enter(set, i);
	}
}

RfmsegScratch *
rfmseg_new_scratch(MemoryContext context)
{
	RfmsegScratch *scratch = MemoryContextAlloc(context, sizeof(RfmsegScratch));

	scratch->context = context;
	scratch->keys = scratch->room = scratch->gaps = NULL;
	scratch->capacity = scratch->ngaps = 0;
	return scratch;
}

static void
free_keys(RfmsegScratch *scratch)
{
	if (scratch->keys != NULL)
	{
		pfree(scratch->keys);
		pfree(scratch->room);
	}
	scratch->keys = scratch->room = NULL;
	scratch->capacity = 0;
}

void
rfmseg_free_scratch(RfmsegScratch *scratch)
{
	free_keys(scratch);
	pfree(scratch);
}

static void
reserve_keys(RfmsegScratch *scratch, Size n)
{
	Size capacity = Max(scratch->capacity, 64);

	if (scratch->capacity >= n)
		return;
	while (capacity < n)
		capacity *= 2;
	free_keys(scratch);
	scratch->keys = MemoryContextAllocHuge(scratch->context, capacity * sizeof(uint64));
	scratch->room = MemoryContextAllocHuge(scratch->context, capacity * sizeof(uint64));
	scratch->capacity = capacity;
}

/* Sorts n keys that are in scratch->keys; the result may lie in either room. */
static uint64 *
sort_keys(RfmsegScratch *scratch, uint64 *keys, Size n)
{
	rfmseg_sorter_init(&scratch->sorter, keys,
					   keys == scratch->keys ? scratch->room : scratch->keys, n);
	while (!rfmseg_sorter_step(&scratch->sorter, RFMSEG_INTERRUPT_EVERY))
		CHECK_FOR_INTERRUPTS();
	return scratch->sorter.from;
}

void
rfmseg_summarize_history(const RfmsegHistory *h, RfmsegSummary *summary, RfmsegScratch *scratch)
{
	uint64 *keys;
	uint32 nkeys = 0;
	uint32 i;

	reserve_keys(scratch, h->n);
	keys = scratch->keys;
	rfmseg_summary_begin(summary);
	for (i = 0; i < h->n; i++)
	{
		bool counts;

		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		if (!rfmseg_summary_take(summary, h, i, &keys[nkeys], &counts))
			rfmseg_decimal_overflow("the total of a customer");
		nkeys += counts;
	}
	keys = sort_keys(scratch, keys, nkeys);

	/* a gap takes the place of a key that was folded */
	scratch->ngaps = 0;
	for (i = 0; i < nkeys; i++)
	{
		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		if (!rfmseg_summary_fold(summary, h, keys[i]))
			rfmseg_decimal_overflow("the total of a day");
		if (summary->gap > 0)
			keys[scratch->ngaps++] = (uint64) summary->gap;
	}
	if (!rfmseg_summary_end(summary))
		rfmseg_decimal_overflow("the total of a customer");
	scratch->gaps = sort_keys(scratch, keys, scratch->ngaps);
}
