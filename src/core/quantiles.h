/*
 * quantiles.h
 *		Cut points of a sorted sample.
 */
#ifndef RFMSEG_QUANTILES_H
#define RFMSEG_QUANTILES_H

#include <stddef.h>
#include <stdint.h>

/* fewer bins tell nothing apart, more no reader can name */
#define RFMSEG_MIN_BINS 2
#define RFMSEG_MAX_BINS 10

/*
 * The i-th of the bins-1 cut points (1 <= i < bins) of n >= 1 sorted keys (see
 * radix_sort.h): the i/bins quantile of Hyndman & Fan's type 7 ("Sample
 * Quantiles in Statistical Packages", The American Statistician 50, 1996),
 * which R, NumPy and percentile_cont use too.
 */
extern double rfmseg_cut_point(const uint64_t *sorted, size_t n, int i, int bins);

#endif
