/*
 * quantiles.c
 *		Cut points of a sorted sample.  See quantiles.h.
 */
#include "quantiles.h"

#include <math.h>

#include "radix_sort.h"

double
rfmseg_cut_point(const uint64_t *sorted, size_t n, int i, int bins)
{
	double place = (double) i / bins * (double) (n - 1);
	size_t below = (size_t) floor(place);
	double share = place - floor(place);
	double low;
	double high;

	/*
	 * Where the quantile is an observation, it is just that one.  Computed in
	 * floating point its place may come out a hair off, the cut a hair below
	 * the value it stands for, and the score of every tie with it wrong.
	 * (Stated without i * (n - 1), which could overflow.)
	 */
	if ((n - 1) % (size_t) bins * (size_t) i % (size_t) bins == 0)
	{
		below = (n - 1) / (size_t) bins * (size_t) i +
			(n - 1) % (size_t) bins * (size_t) i / (size_t) bins;
		return rfmseg_double_of_key(sorted[below]);
	}

	/* Everywhere else, bit for bit what percentile_cont computes. */
	low = rfmseg_double_of_key(sorted[below]);
	high = rfmseg_double_of_key(sorted[below + 1 < n ? below + 1 : below]);
	if (isfinite(high - low))
		return low + share * (high - low);
	return low * (1 - share) + high * share; /* the difference overflows */
}
