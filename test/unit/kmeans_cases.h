/*
 * Rows to cluster, and k-means as the textbook has it: row by row, centre by
 * centre, with no order, no tree and no bounds.
 */
#ifndef KMEANS_CASES_H
#define KMEANS_CASES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kmeans/kmeans.h"
#include "kmeans/seeding.h"
#include "claim.h"
#include "prng.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static inline double *
claim_doubles(size_t n)
{
	return claim(n * sizeof(double));
}

static inline bool
is_close(double found, double expected, double tolerance)
{
	return fabs(found - expected) <= tolerance;
}

static inline bool
are_same_bits(const double *a, const double *b, size_t n)
{
	return memcmp(a, b, n * sizeof(double)) == 0;
}

/* From -1 up to 1 */
static inline double
prng_real(Prng *prng)
{
	return (double) (prng_next(prng) >> 11) / 4503599627370496.0 - 1;
}

/*
 * Rows
 */

typedef struct Cloud
{
	size_t n;
	int d;
	bool weighted;
	double *values; /* as those of RfmsegRows */
} Cloud;

typedef enum Style
{
	GRID,	 /* small whole numbers: many are equal, or as near to one centre as to another */
	LATTICE, /* whole numbers so large that few are, with sums that are still exact */
	REALS,	 /* any numbers from -1 to 1, some rows equal */
	BLOBS,	 /* the same around a few places */
	STYLES
} Style;

static inline size_t
stride_of(const Cloud *cloud)
{
	return (size_t) cloud->d + cloud->weighted;
}

static inline double *
row_of(const Cloud *cloud, size_t i)
{
	return cloud->values + i * stride_of(cloud);
}

static inline double
weight_of(const Cloud *cloud, size_t i)
{
	return cloud->weighted ? row_of(cloud, i)[cloud->d] : 1;
}

static inline void
cloud_init(Cloud *cloud, size_t n, int d, bool weighted)
{
	cloud->n = n;
	cloud->d = d;
	cloud->weighted = weighted;
	cloud->values = claim_doubles(n * stride_of(cloud));
}

static inline void
cloud_free(Cloud *cloud)
{
	free(cloud->values);
}

static inline double
prng_coordinate(Prng *prng, Style style)
{
	switch (style)
	{
		case GRID:
			return prng_below(prng, 7) - 3;
		case LATTICE:
			return prng_below(prng, 1 << 20) - (1 << 19);
		case BLOBS:
			return prng_below(prng, 5) * 10 + prng_real(prng);
		default:
			return prng_real(prng);
	}
}

/* Weights are small whole numbers, so that sums of them are exact. */
static inline void
cloud_fill(Prng *prng, Cloud *cloud, Style style)
{
	size_t i;
	int j;

	for (i = 0; i < cloud->n; i++)
	{
		double *row = row_of(cloud, i);

		if (i > 0 && prng_below(prng, 8) == 0)
			memcpy(row, row_of(cloud, (size_t) prng_below(prng, (int) i)),
				   (size_t) cloud->d * sizeof(double));
		else
			for (j = 0; j < cloud->d; j++)
				row[j] = prng_coordinate(prng, style);
		if (cloud->weighted)
			row[cloud->d] = 1 + prng_below(prng, 5);
	}
}

/* Around the sizes at which another leaf begins, or any size. */
static inline size_t
prng_size(Prng *prng)
{
	static const int sizes[] = {1, 2, 3, 24, 25, 31, 32, 33, 63, 64, 65, 96, 97, 128, 129};

	return (size_t) (prng_below(prng, 2) == 0 ? sizes[prng_below(prng, (int) LENGTH(sizes))]
											  : 1 + prng_below(prng, 300));
}

static inline int
prng_dimensions(Prng *prng)
{
	return prng_below(prng, 6) == 0 ? 1 + prng_below(prng, RFMSEG_MAX_DIMENSIONS)
									: 1 + prng_below(prng, 8);
}

/* From 1 to n, mostly a few */
static inline int
prng_clusters(Prng *prng, size_t n)
{
	int most = prng_below(prng, 4) == 0 || n < 12 ? (int) n : 12;

	return 1 + prng_below(prng, most);
}

static inline void
cloud_random(Prng *prng, Cloud *cloud, Style style)
{
	size_t n = prng_size(prng);
	int d = prng_dimensions(prng);

	cloud_init(cloud, n, d, prng_below(prng, 2) == 0);
	cloud_fill(prng, cloud, style);
}

/*
 * Rows with weights that are seldom equal.  Of two rows that are nearest to each
 * other and have one weight, either is as good a centre for both, and rounding
 * would decide which.
 */
static inline void
cloud_unequal(Prng *prng, Cloud *cloud, Style style)
{
	size_t i;

	cloud_init(cloud, prng_size(prng), prng_dimensions(prng), true);
	cloud_fill(prng, cloud, style);
	for (i = 0; i < cloud->n; i++)
		row_of(cloud, i)[cloud->d] = 1 + prng_below(prng, 1000000);
}

/*
 * Points and their tree
 */

typedef struct Built
{
	RfmsegPoints points;
	RfmsegTree tree; /* has the address of the points */
	double *blocks;
	double *nodes;
} Built;

static inline void
build_points(Built *built, const Cloud *cloud, bool standardize)
{
	RfmsegRows rows = {cloud->values, cloud->n, cloud->d, cloud->weighted};
	void *room = claim(rfmseg_points_room_size(cloud->n));

	built->blocks = claim(rfmseg_points_size(cloud->n, cloud->d));
	built->nodes = NULL;
	rfmseg_points_init(&built->points, &rows, standardize, built->blocks, room, count_pause);
	free(room);
}

static inline void
build(Built *built, const Cloud *cloud, bool standardize)
{
	build_points(built, cloud, standardize);
	built->nodes = claim(rfmseg_tree_size(built->points.n, cloud->d));
	rfmseg_tree_init(&built->tree, &built->points, built->nodes, count_pause);
}

static inline void
built_free(Built *built)
{
	free(built->blocks);
	free(built->nodes);
}

/* The points in their order, as rows with weights. */
static inline void
cloud_of_points(Cloud *cloud, const RfmsegPoints *points)
{
	size_t i;
	int j;

	cloud_init(cloud, points->n, points->d, true);
	for (i = 0; i < points->n; i++)
		for (j = 0; j <= points->d; j++)
			row_of(cloud, i)[j] =
				rfmseg_leaf(points, i / RFMSEG_LEAF)[(size_t) j * RFMSEG_LEAF + i % RFMSEG_LEAF];
}

static inline void
assignment_init(RfmsegAssignment *a, int k, int d)
{
	a->sums = claim_doubles((size_t) k * (size_t) d);
	a->sizes = claim_doubles((size_t) k);
	a->within = claim_doubles((size_t) k);
}

static inline void
assignment_free(RfmsegAssignment *a)
{
	free(a->sums);
	free(a->sizes);
	free(a->within);
}

/*
 * The reference
 */

static inline double *
centre_of(double *centres, int i, int d)
{
	return centres + (size_t) i * (size_t) d;
}

static inline double
naive_distance(const double *a, const double *b, int d)
{
	double sum = 0;
	int j;

	for (j = 0; j < d; j++)
		sum += (a[j] - b[j]) * (a[j] - b[j]);
	return sum;
}

static inline int
naive_nearest(const double *row, const double *centres, int k, int d)
{
	int nearest = 0;
	int i;

	for (i = 1; i < k; i++)
		if (naive_distance(row, centres + (size_t) i * (size_t) d, d) <
			naive_distance(row, centres + (size_t) nearest * (size_t) d, d))
			nearest = i;
	return nearest;
}

static inline void
naive_assign(const Cloud *cloud, double *centres, int k, RfmsegAssignment *a)
{
	size_t i;
	int c, j;

	for (c = 0; c < k; c++)
	{
		a->sizes[c] = a->within[c] = 0;
		for (j = 0; j < cloud->d; j++)
			centre_of(a->sums, c, cloud->d)[j] = 0;
	}
	for (i = 0; i < cloud->n; i++)
	{
		const double *row = row_of(cloud, i);
		double weight = weight_of(cloud, i);

		c = naive_nearest(row, centres, k, cloud->d);
		for (j = 0; j < cloud->d; j++)
			centre_of(a->sums, c, cloud->d)[j] += weight * row[j];
		a->sizes[c] += weight;
		a->within[c] += weight * naive_distance(row, centre_of(centres, c, cloud->d), cloud->d);
	}
	a->inertia = 0;
	for (c = 0; c < k; c++)
		a->inertia += a->within[c];
}

static inline double
naive_move(const RfmsegAssignment *a, double *centres, int k, int d)
{
	double moved = 0;
	int c, j;

	for (c = 0; c < k; c++)
		for (j = 0; j < d && a->sizes[c] > 0; j++)
		{
			double mean = centre_of(a->sums, c, d)[j] / a->sizes[c];
			double off = mean - centre_of(centres, c, d)[j];

			moved += off * off;
			centre_of(centres, c, d)[j] = mean;
		}
	return moved;
}

/* Gives an empty cluster the farthest point from the centres that are settled, and settles it. */
static inline bool
naive_fill(const Cloud *points, const RfmsegAssignment *a, double *centres, int k)
{
	bool *settled = claim((size_t) k * sizeof(bool));
	bool filled = false;
	size_t i;
	int c, other;

	for (c = 0; c < k; c++)
		settled[c] = a->sizes[c] > 0;
	for (c = 0; c < k; c++)
	{
		double greatest = 0;
		size_t farthest = 0;

		if (a->sizes[c] > 0)
			continue;
		for (i = 0; i < points->n; i++)
		{
			double least = INFINITY;

			for (other = 0; other < k; other++)
				if (settled[other])
					least = fmin(least,
								 naive_distance(row_of(points, i),
												centre_of(centres, other, points->d), points->d));
			if (least > greatest)
			{
				greatest = least;
				farthest = i;
			}
		}
		if (!(greatest > 0))
			continue;
		memcpy(centre_of(centres, c, points->d), row_of(points, farthest),
			   (size_t) points->d * sizeof(double));
		settled[c] = filled = true;
	}
	free(settled);
	return filled;
}

/* The first row at which the sum of shares is above what is sought. */
static inline size_t
naive_pick(const double *shares, size_t n, double total, RfmsegRandom *random)
{
	double sought = rfmseg_random_uniform(random) * total;
	size_t i;

	for (i = 0; i + 1 < n; i++)
	{
		if (sought < shares[i])
			break;
		sought -= shares[i];
	}
	return i;
}

/* Squared distances from the nearest centre, or from another one where that is less. */
static inline double
naive_potential(const Cloud *points, const double *distances, const double *centre, double *with)
{
	double potential = 0;
	size_t i;

	for (i = 0; i < points->n; i++)
	{
		with[i] = fmin(distances[i], naive_distance(row_of(points, i), centre, points->d));
		potential += weight_of(points, i) * with[i];
	}
	return potential;
}

/* Greedy k-means++ on points in their order */
static inline bool
naive_seed(const Cloud *points, int k, RfmsegRandom *random, double *centres)
{
	size_t n = points->n;
	double *distances = claim_doubles(n);
	double *with = claim_doubles(n);
	double *shares = claim_doubles(n);
	int trials = 2 + (int) floor(log(k));
	double total = 0;
	size_t best = 0;
	size_t i;
	int c, trial;

	for (i = 0; i < n; i++)
	{
		distances[i] = INFINITY;
		shares[i] = weight_of(points, i);
		total += shares[i];
	}
	for (c = 0; c < k && total > 0; c++)
	{
		double least = INFINITY;

		for (trial = 0; trial < (c == 0 ? 1 : trials); trial++)
		{
			size_t picked = naive_pick(shares, n, total, random);
			double potential = naive_potential(points, distances, row_of(points, picked), with);

			if (potential < least)
			{
				least = potential;
				best = picked;
			}
		}
		memcpy(centre_of(centres, c, points->d), row_of(points, best),
			   (size_t) points->d * sizeof(double));
		total = naive_potential(points, distances, row_of(points, best), with);
		for (i = 0; i < n; i++)
		{
			distances[i] = with[i];
			shares[i] = weight_of(points, i) * with[i];
		}
	}
	free(distances);
	free(with);
	free(shares);
	return c == k;
}

/* How many rows are unlike all others before them. */
static inline size_t
count_distinct(const Cloud *cloud)
{
	size_t distinct = 0;
	size_t i, other;

	for (i = 0; i < cloud->n; i++)
	{
		for (other = 0; other < i; other++)
			if (naive_distance(row_of(cloud, i), row_of(cloud, other), cloud->d) == 0)
				break;
		distinct += other == i;
	}
	return distinct;
}

/* All runs, one after the other; false if there are not as many clusters. */
static inline bool
make_all_runs(const RfmsegTree *tree, int k, const RfmsegKmeansOptions *options, void *at,
			  RfmsegKmeans **best, void *room)
{
	int run;

	*best = rfmseg_kmeans_init(at, tree->d, k);
	for (run = 0; run < options->n_init; run++)
		rfmseg_kmeans_run(tree, options, run, *best, room);
	return rfmseg_kmeans_finish(tree, *best, room);
}

#endif
