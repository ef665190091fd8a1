/*
 * kmeans.c
 *		Restarts, stopping, and the numbering of clusters.
 */
#include "kmeans.h"

#include <string.h>

#include "seeding.h"

#define STREAM UINT32_C(0x6B6D6E73) /* of random numbers: these, and none of the generators' */

static size_t
aligned(size_t size)
{
	return (size + sizeof(double) - 1) / sizeof(double) * sizeof(double);
}

/* Of a result after so many iterations: centres, sums, sizes, squared distances, history */
static size_t
doubles_of(int d, int k, int iterations)
{
	return (size_t) k * (2 * (size_t) d + 2) + (size_t) iterations + 1;
}

size_t
rfmseg_kmeans_size(int d, int k, int max_iter)
{
	return aligned(sizeof(RfmsegKmeans)) + doubles_of(d, k, max_iter) * sizeof(double);
}

size_t
rfmseg_kmeans_room_size(size_t rows, int d, int k, int max_iter)
{
	return rfmseg_kmeans_size(d, k, max_iter) + aligned(rfmseg_seeding_size(rows)) +
		rfmseg_assign_size((rows + RFMSEG_LEAF - 1) / RFMSEG_LEAF, k);
}

RfmsegKmeans *
rfmseg_kmeans_open(void *at, int d)
{
	RfmsegKmeans *result = at;
	size_t coordinates = (size_t) result->k * (size_t) d;

	result->centres = (void *) ((char *) at + aligned(sizeof(RfmsegKmeans)));
	result->assignment.sums = result->centres + coordinates;
	result->assignment.sizes = result->assignment.sums + coordinates;
	result->assignment.within = result->assignment.sizes + result->k;
	result->history = result->assignment.within + result->k;
	return result;
}

RfmsegKmeans *
rfmseg_kmeans_init(void *at, int d, int k)
{
	RfmsegKmeans *result = at;

	result->k = k;
	result->run = RFMSEG_NO_RUN;
	result->impossible = false;
	result->converged = false;
	result->iterations = 0;
	result->assignment.inertia = 0;
	return rfmseg_kmeans_open(at, d);
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
 * The best run
 */

static bool
is_better(const RfmsegKmeans *a, const RfmsegKmeans *b)
{
	if (a->run == RFMSEG_NO_RUN || b->run == RFMSEG_NO_RUN)
		return a->run != RFMSEG_NO_RUN;
	if (a->assignment.inertia != b->assignment.inertia)
		return a->assignment.inertia < b->assignment.inertia;
	return a->run < b->run;
}

void
rfmseg_kmeans_merge(RfmsegKmeans *best, const RfmsegKmeans *other, int d)
{
	best->impossible |= other->impossible;
	if (!is_better(other, best))
		return;
	best->run = other->run;
	best->converged = other->converged;
	best->iterations = other->iterations;
	best->assignment.inertia = other->assignment.inertia;
	memcpy(best->centres, other->centres,
		   doubles_of(d, best->k, other->iterations) * sizeof(double));
}

void
rfmseg_kmeans_run(const RfmsegTree *tree, const RfmsegKmeansOptions *options, int run,
				  RfmsegKmeans *best, void *room)
{
	RfmsegKmeans *result = rfmseg_kmeans_init(room, tree->d, best->k);
	void *seeding_room = (char *) room + rfmseg_kmeans_size(tree->d, best->k, options->max_iter);
	void *assign_room = (char *) seeding_room + aligned(rfmseg_seeding_size(tree->points->n));
	RfmsegRandom random;

	if (best->impossible)
		return;
	rfmseg_random_start(&random, options->seed, STREAM, (uint64_t) run);
	if (tree->points->n < (size_t) best->k ||
		!rfmseg_seed_centres(tree, best->k, &random, result->centres, seeding_room))
	{
		best->impossible = true;
		return;
	}
	iterate(tree, options, result, assign_room);
	result->run = run;
	rfmseg_kmeans_merge(best, result, tree->d);
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
bool
rfmseg_kmeans_finish(const RfmsegTree *tree, RfmsegKmeans *best, void *room)
{
	if (best->impossible)
		return false;
	sort_centres(best->centres, best->k, tree->d);
	rfmseg_assign(tree, best->centres, best->k, &best->assignment, room);
	best->history[best->iterations] = best->assignment.inertia;
	return true;
}
