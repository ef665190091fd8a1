/*
 * quantiles.c
 *		Cut points of a sample.  See quantiles.h.
 */
#include "quantiles.h"

#include <math.h>

RfmsegPlace
rfmseg_cut_place(uint64_t n, int i, int bins)
{
	double at = (double) i / bins * (double) (n - 1);
	uint64_t parts = (uint64_t) bins;
	RfmsegPlace place;

	place.below = (uint64_t) floor(at);
	place.share = at - floor(at);

	/*
	 * Where the quantile is an observation, it is just that one.  Computed in
	 * floating point its place may come out a hair off, the cut a hair below
	 * the value it stands for, and the score of every tie with it wrong.
	 * (Stated without i * (n - 1), which could overflow.)
	 */
	if ((n - 1) % parts * (uint64_t) i % parts == 0)
	{
		place.below = (n - 1) / parts * (uint64_t) i + (n - 1) % parts * (uint64_t) i / parts;
		place.share = 0;
	}
	place.above = place.share > 0 && place.below + 1 < n ? place.below + 1 : place.below;
	return place;
}

/* Bit for bit what percentile_cont computes, unless the cut is an observation. */
double
rfmseg_cut_between(const RfmsegPlace *place, double low, double high)
{
	if (place->above == place->below)
		return low;
	if (isfinite(high - low))
		return low + place->share * (high - low);
	return low * (1 - place->share) + high * place->share; /* the difference overflows */
}
