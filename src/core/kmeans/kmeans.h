/*
 * kmeans.h
 *		The best of several runs of Lloyd's algorithm.
 *
 * What is found follows from the points, k and the options alone: random
 * numbers are keyed on the seed and the number of the run, and every sum is
 * taken in the order of the points.  So it does not matter which process makes
 * which run.
 */
#ifndef RFMSEG_KMEANS_H
#define RFMSEG_KMEANS_H

#include "lloyd.h"

#define RFMSEG_MAX_CLUSTERS 1000
#define RFMSEG_MAX_ITERATIONS 10000
#define RFMSEG_MAX_RUNS 1000
#define RFMSEG_NO_RUN (-1)

typedef struct RfmsegKmeansOptions
{
	int n_init;	  /* runs, each from other first centres */
	int max_iter; /* of a run */
	double tol;	  /* a run ends once the centres' squared moves add up to no more than this, times
				   * the mean variance of the dimensions */
	uint64_t seed;
} RfmsegKmeansOptions;

/* The best of some runs; in memory that other processes may read too. */
typedef struct RfmsegKmeans
{
	int k;
	int run;		 /* its number, from 0; RFMSEG_NO_RUN if there was none yet */
	bool impossible; /* the points are too few, or too close to tell apart */
	bool converged;
	int iterations;
	double *centres;			 /* k x d */
	RfmsegAssignment assignment; /* to these */
	double *history;			 /* inertia after 0, 1, ... iterations moves of the centres */
} RfmsegKmeans;

/* Bytes of a result, and of what a run works in. */
extern size_t rfmseg_kmeans_size(int d, int k, int max_iter);
extern size_t rfmseg_kmeans_room_size(size_t rows, int d, int k, int max_iter);

/* A result of no run so far, in such memory. */
extern RfmsegKmeans *rfmseg_kmeans_init(void *at, int d, int k);

/* A result that another process has left in memory shared with it; pointers become this one's. */
extern RfmsegKmeans *rfmseg_kmeans_open(void *at, int d);

/*
 * Makes the run of that number, below n_init, and keeps the better result.
 * Runs may be made in any order, and by any number of processes that each have
 * a "best" of their own.
 */
extern void rfmseg_kmeans_run(const RfmsegTree *tree, const RfmsegKmeansOptions *options, int run,
							  RfmsegKmeans *best, void *room);

/* Keeps the better of two results of as many clusters: of less inertia, or else of the earlier run. */
extern void rfmseg_kmeans_merge(RfmsegKmeans *best, const RfmsegKmeans *other, int d);

/*
 * Gives the clusters of the best of all runs their numbers: by the first
 * coordinate of their centres, then by the second, and so on.  False if it is
 * impossible to have so many.
 */
extern bool rfmseg_kmeans_finish(const RfmsegTree *tree, RfmsegKmeans *best, void *room);

#endif
