/*
 * kmeans.h
 *		The best of several runs of Lloyd's algorithm.
 *
 * What is found follows from the points, k and the options alone: random
 * numbers are keyed on the seed and the number of the run, and every sum is
 * taken in the order of the points.
 */
#ifndef RFMSEG_KMEANS_H
#define RFMSEG_KMEANS_H

#include "lloyd.h"

#define RFMSEG_MAX_CLUSTERS 1000
#define RFMSEG_MAX_ITERATIONS 10000
#define RFMSEG_MAX_RUNS 1000

typedef struct RfmsegKmeansOptions
{
	int n_init;	  /* runs, each from other first centres */
	int max_iter; /* of a run */
	double tol;	  /* a run ends once the centres' squared moves add up to no more than this, times
				   * the mean variance of the dimensions */
	uint64_t seed;
} RfmsegKmeansOptions;

typedef struct RfmsegKmeans
{
	int k;
	double *centres;			 /* k x d, by the first coordinate, then by the second, and so on */
	RfmsegAssignment assignment; /* to these */
	int iterations;
	bool converged;
	double *history; /* inertia after 0, 1, ... iterations moves of the centres */
} RfmsegKmeans;

/* Bytes of a result, and of what finding it works in. */
extern size_t rfmseg_kmeans_size(int d, int k, int max_iter);
extern size_t rfmseg_kmeans_room_size(size_t rows, int d, int k, int max_iter);

/*
 * Finds k clusters; "at" is memory for the result.  The run of least inertia
 * wins, the first of several.  False if the points are too few, or too close
 * to tell apart.
 */
extern bool rfmseg_kmeans(const RfmsegTree *tree, int k, const RfmsegKmeansOptions *options,
						  void *at, RfmsegKmeans *best, void *room);

#endif
