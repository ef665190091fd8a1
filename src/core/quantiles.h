/*
 * quantiles.h
 *		Cut points of a sample.
 */
#ifndef RFMSEG_QUANTILES_H
#define RFMSEG_QUANTILES_H

#include <stdint.h>

/* fewer bins tell nothing apart, more no reader can name */
#define RFMSEG_MIN_BINS 2
#define RFMSEG_MAX_BINS 10

/*
 * The i-th of the bins-1 cut points (1 <= i < bins) of n >= 1 values: the
 * i/bins quantile of Hyndman & Fan's type 7 ("Sample Quantiles in Statistical
 * Packages", The American Statistician 50, 1996), which R, NumPy and
 * percentile_cont use too.
 *
 * It lies between the values of two ranks, counted from 0, or on the first.
 */
typedef struct RfmsegPlace
{
	uint64_t below;
	uint64_t above;
	double share; /* of the way from below to above, 0 to 1 */
} RfmsegPlace;

extern RfmsegPlace rfmseg_cut_place(uint64_t n, int i, int bins);

/* The cut point, of the values of the two ranks. */
extern double rfmseg_cut_between(const RfmsegPlace *place, double low, double high);

#endif
