/*
 * slots.h
 *		A hash table of the numbers of things that lie elsewhere.
 *
 * A slot holds a number + 1, or 0 where it is empty; there are a power of two of
 * them, at least twice as many as things, and they are probed in line.
 */
#ifndef RFMSEG_SLOTS_H
#define RFMSEG_SLOTS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Up to this many things are searched one by one; beyond it the caller must
 * give slots.  Most customers never get there.
 */
#define RFMSEG_UNHASHED 8

/* Enters a number that is not there yet. */
static inline void
rfmseg_slots_enter(uint32_t *slots, uint32_t nslots, uint32_t hash, uint32_t number)
{
	uint32_t i = hash & (nslots - 1);

	while (slots[i] != 0)
		i = (i + 1) & (nslots - 1);
	slots[i] = number + 1;
}

/* Empties the slot of a number, of which nothing may be looked up any more. */
static inline void
rfmseg_slots_clear(uint32_t *slots, uint32_t nslots, uint32_t hash, uint32_t number)
{
	uint32_t i = hash & (nslots - 1);

	while (slots[i] != number + 1)
		i = (i + 1) & (nslots - 1);
	slots[i] = 0;
}

#endif
