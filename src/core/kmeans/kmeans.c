/*
 * kmeans.c
 *		Restarts, stopping, and the numbering of clusters.
 */
#include "kmeans.h"

#include <string.h>

#include "seeding.h"

#define STREAM UINT32_C(0x6B6D6E73) /* of random numbers: these, and none of the generators' */

static size_t
doubles_of(int d, int k, int max_iter)
{
	return (size_t) k * (2 * (size_t) d + 2) + (size_t) max_iter + 1;
}

size_t
rfmseg_kmeans_size(int d, int k, int max_iter)
{
	return doubles_of(d, k, max_iter) * sizeof(double);
}

static size_t
aligned(size_t size)
{
	return (size + sizeof(double) - 1) / sizeof(double) * sizeof(double);
}

size_t
rfmseg_kmeans_room_size(size_t rows, int d, int k, int max_iter)
{
	return rfmseg_kmeans_size(d, k, max_iter) + aligned(rfmseg_seeding_size(rows)) +
		rfmseg_assign_size((rows + RFMSEG_LEAF - 1) / RFMSEG_LEAF, k);
}

static void
init_result(RfmsegKmeans *result, int d, int k, void *at)
{
	size_t coordinates = (size_t) k * (size_t) d;

	result->k = k;
	result->centres = at;
	result->assignment.sums = result->centres + coordinates;
	result->assignment.sizes = result->assignment.sums + coordinates;
	result->assignment.within = result->assignment.sizes + k;
	result->history = result->assignment.within + k;
	result->iterations = 0;
	result->converged = false;
}

static bool
all_have_points(const RfmsegKmeans *run)
{
	int i;

	for (i = 0; i < run->k; i++)
		if (!(run->assignment.sizes[i] > 0))
			return false;
	return true;
}

/* Lloyd's iterations, from the centres as they are; ends with an assignment. */
static void
iterate(const RfmsegTree *tree, const RfmsegKmeansOptions *options, RfmsegKmeans *run, void *room)
{
	double enough = options->tol * tree->points->mean_variance;
	bool stand_still = false;

	for (;;)
	{
		double moved;
		bool filled;

		rfmseg_assign(tree, run->centres, run->k, &run->assignment, room);
		run->history[run->iterations] = run->assignment.inertia;
		run->converged = stand_still && all_have_points(run);
		if (run->converged || run->iterations == options->max_iter)
			break;
		moved = rfmseg_move_centres(&run->assignment, run->centres, run->k, tree->d);
		filled = rfmseg_fill_empty(tree, &run->assignment, run->centres, run->k, room);
		stand_still = !filled && moved <= enough;
		run->iterations++;
	}
}

/*
 * The numbering
 */

static bool
comes_before(const double *a, const double *b, int d)
{
	int j;

	for (j = 0; j < d; j++)
		if (a[j] != b[j])
			return a[j] < b[j];
	return false;
}

static void
swap(double *a, double *b, int d)
{
	int j;

	for (j = 0; j < d; j++)
	{
		double value = a[j];

		a[j] = b[j];
		b[j] = value;
	}
}

static void
sort_centres(double *centres, int k, int d)
{
	int i, c;

	for (i = 1; i < k; i++)
		for (c = i; c > 0; c--)
		{
			double *centre = centres + (size_t) c * (size_t) d;

			if (!comes_before(centre, centre - d, d))
				break;
			swap(centre, centre - d, d);
		}
}

/* Assigns once more, so that of centres as near the first of the new order has a point. */
static void
number_clusters(const RfmsegTree *tree, RfmsegKmeans *best, void *room)
{
	sort_centres(best->centres, best->k, tree->d);
	rfmseg_assign(tree, best->centres, best->k, &best->assignment, room);
	best->history[best->iterations] = best->assignment.inertia;
}

bool
rfmseg_kmeans(const RfmsegTree *tree, int k, const RfmsegKmeansOptions *options, void *at,
			  RfmsegKmeans *best, void *room)
{
	size_t size = rfmseg_kmeans_size(tree->d, k, options->max_iter);
	void *seeding_room = (char *) room + size;
	void *assign_room = (char *) seeding_room + aligned(rfmseg_seeding_size(tree->points->n));
	RfmsegKmeans run;
	int i;

	if (tree->points->n < (size_t) k)
		return false;
	init_result(best, tree->d, k, at);
	init_result(&run, tree->d, k, room);
	for (i = 0; i < options->n_init; i++)
	{
		RfmsegRandom random;

		run.iterations = 0;
		rfmseg_random_start(&random, options->seed, STREAM, (uint64_t) i);
		if (!rfmseg_seed_centres(tree, k, &random, run.centres, seeding_room))
			return false;
		iterate(tree, options, &run, assign_room);
		if (i == 0 || run.assignment.inertia < best->assignment.inertia)
		{
			RfmsegKmeans beaten = *best;

			*best = run;
			run = beaten;
		}
	}
	if (best->centres != at)
	{
		RfmsegKmeans copy = *best;

		memcpy(at, best->centres, size);
		init_result(best, tree->d, k, at);
		best->assignment.inertia = copy.assignment.inertia;
		best->iterations = copy.iterations;
		best->converged = copy.converged;
	}
	number_clusters(tree, best, assign_room);
	return true;
}
