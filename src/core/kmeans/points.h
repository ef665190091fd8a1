/*
 * points.h
 *		The points to cluster, in an order that depends on their values alone.
 *
 * Points lie along a Morton (Z-order) curve, so that neighbours in space are
 * mostly neighbours in memory; the points of one cell of the curve's grid lie
 * along a finer curve within their own bounding box, and so on.  Equal points
 * become one, with their weights added.  The order, and so every sum taken in
 * it, is the same however the rows came.
 *
 * Points are kept in leaves of RFMSEG_LEAF: a row of that many values for each
 * dimension, then a row of weights.  What is missing in the last leaf repeats
 * the last point with weight 0.
 */
#ifndef RFMSEG_KMEANS_POINTS_H
#define RFMSEG_KMEANS_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RFMSEG_LEAF 32
#define RFMSEG_MAX_DIMENSIONS 32
#define RFMSEG_MAX_POINTS (UINT64_C(1) << 32)

/* squares of such numbers, with such weights and very many of them, add up to doubles */
#define RFMSEG_MAX_COORDINATE 1e100
#define RFMSEG_MAX_WEIGHT 1e90
#define RFMSEG_MIN_WEIGHT 1e-90

/*
 * What works on all points of a leaf at once, with the wider registers where
 * the processor has them.  That changes no bit: each point is computed by itself,
 * and nothing is fused.
 */
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && \
	!defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define RFMSEG_BY_LEAF __attribute__((target_clones("avx2", "default")))
#else
#define RFMSEG_BY_LEAF
#endif

/* Called every millisecond or so of work; need not return. */
typedef void (*RfmsegPause)(void);

typedef struct RfmsegRows
{
	const double *values; /* row by row: the coordinates, then the weight if there is one */
	size_t n;
	int d;
	bool weighted; /* weights are from RFMSEG_MIN_WEIGHT to RFMSEG_MAX_WEIGHT */
} RfmsegRows;

typedef struct RfmsegPoints
{
	int d;
	size_t n; /* distinct points */
	size_t leaves;
	double *blocks; /* leaves x (d + 1) x RFMSEG_LEAF */
	double weight;	/* of all */

	/* a point is (coordinate - offset) / scale of a row */
	double offset[RFMSEG_MAX_DIMENSIONS];
	double scale[RFMSEG_MAX_DIMENSIONS];
	double mean_variance;				  /* of the dimensions, as the points are */
	bool constant[RFMSEG_MAX_DIMENSIONS]; /* all rows have the same value */
} RfmsegPoints;

/* Bytes of the leaves, and of the room that putting rows in order takes beside them. */
extern size_t rfmseg_points_size(size_t rows, int d);
extern size_t rfmseg_points_room_size(size_t rows);

/*
 * Makes the points of at least one row; all coordinates are finite, none is
 * beyond RFMSEG_MAX_COORDINATE.  "standardize" gives each dimension mean 0 and
 * standard deviation 1 (of the population); a constant one stays constant.
 */
extern void rfmseg_points_init(RfmsegPoints *points, const RfmsegRows *rows, bool standardize,
							   double *blocks, void *room, RfmsegPause pause);

/* What is at a place of the order. */
static inline const double *
rfmseg_leaf(const RfmsegPoints *points, size_t leaf)
{
	return points->blocks + leaf * (size_t) (points->d + 1) * RFMSEG_LEAF;
}

/* The squared distances of a leaf's points from a centre, summed up over dimensions in order. */
static inline void
rfmseg_leaf_distances(const double *leaf, int d, const double *centre, double *restrict distances)
{
	int i, j;

	for (i = 0; i < RFMSEG_LEAF; i++)
		distances[i] = (leaf[i] - centre[0]) * (leaf[i] - centre[0]);
	for (j = 1; j < d; j++)
	{
		const double *x = leaf + j * RFMSEG_LEAF;
		double c = centre[j];

		for (i = 0; i < RFMSEG_LEAF; i++)
			distances[i] += (x[i] - c) * (x[i] - c);
	}
}

/* The same of one point, to the last bit. */
static inline double
rfmseg_squared_distance(const double *a, const double *b, int d)
{
	double sum = (a[0] - b[0]) * (a[0] - b[0]);
	int j;

	for (j = 1; j < d; j++)
		sum += (a[j] - b[j]) * (a[j] - b[j]);
	return sum;
}

#endif
