/*
 * kmeans_workers.h
 *		The runs of k-means, by as many processes as pay.
 */
#ifndef RFMSEG_KMEANS_WORKERS_H
#define RFMSEG_KMEANS_WORKERS_H

#include "postgres.h"

#include "core/kmeans/kmeans.h"

/* The runs to be made: n_init of each number of clusters */
typedef struct RfmsegKmeansJob
{
	const RfmsegTree *tree;
	const RfmsegKmeansOptions *options;
	int k_min;
	int k_max;
} RfmsegKmeansJob;

/*
 * The best runs for all numbers of clusters, from k_min up.  They are the same
 * however many processes there are; "memory" is what other processes may take
 * in bytes, and "room" is for the runs of this one.
 */
extern RfmsegKmeans **rfmseg_make_kmeans_runs(const RfmsegKmeansJob *job, double memory,
											  void *room);

#endif
