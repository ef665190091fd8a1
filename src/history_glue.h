/*
 * history_glue.h
 *		Memory for the core's histories and names, and the loops over them in
 *		which interrupts are looked for.
 */
#ifndef RFMSEG_HISTORY_GLUE_H
#define RFMSEG_HISTORY_GLUE_H

#include "postgres.h"

#include "core/history.h"
#include "core/names.h"
#include "core/radix_sort.h"

/* Make sure that one more fits. */
extern void rfmseg_history_make_room(RfmsegHistory *h, MemoryContext context, uint32 key_length);
extern void rfmseg_names_make_room(RfmsegNames *set, MemoryContext context);

/* What summarizing needs, again and again. */
typedef struct RfmsegScratch
{
	MemoryContext context; /* of the keys */
	uint64 *keys;		   /* room for "capacity" keys, twice */
	uint64 *room;
	Size capacity;
	uint64 *gaps; /* days from each day with purchases to the next, sorted */
	Size ngaps;
	RfmsegSorter sorter;
} RfmsegScratch;

extern RfmsegScratch *rfmseg_new_scratch(MemoryContext context);
extern void rfmseg_free_scratch(RfmsegScratch *scratch);

/* What a history says; its gaps are in the scratch until the next call. */
extern void rfmseg_summarize_history(const RfmsegHistory *h, RfmsegSummary *summary,
									 RfmsegScratch *scratch);

#endif
