/*
 * weighted.h
 *		Names, and how often each is met.
 */
#ifndef RFMSEG_WEIGHTED_H
#define RFMSEG_WEIGHTED_H

#include <stdint.h>

#include "../random.h"

typedef struct RfmsegWeighted
{
	const char *name;
	uint32_t weight;
} RfmsegWeighted;

/* One of the items, in proportion to their weights, of which this is the sum. */
static inline const char *
rfmseg_pick_weighted(RfmsegRandom *random, const RfmsegWeighted *items, uint32_t sum)
{
	uint32_t place = rfmseg_random_below(random, sum);

	for (; place >= items->weight; items++)
		place -= items->weight;
	return items->name;
}

#endif
