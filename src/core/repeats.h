/*
 * repeats.h
 *		Lines that have the same id: of each id the latest line is the one, and
 *		the others are noted to be repeated.
 *
 * Which is the latest depends on the lines alone, see rfmseg_packed_compare(),
 * so that it does not matter in which order they come.
 */
#ifndef RFMSEG_REPEATS_H
#define RFMSEG_REPEATS_H

#include <stdbool.h>

#include "names.h"

typedef struct RfmsegRepeats
{
	RfmsegNames ids;
	char **latest; /* by number of the id: its packed line; room for ids.capacity */
} RfmsegRepeats;

/* Forgets all ids and keeps the memory. */
extern void rfmseg_repeats_reset(RfmsegRepeats *repeats);

/*
 * Adds a packed line, for which ids must have room; the line must stay where it
 * is.  with_time: ids are the same only at the same time.  A line without id
 * repeats nothing.
 */
extern void rfmseg_repeats_add(RfmsegRepeats *repeats, char *line, bool with_time);

#endif
