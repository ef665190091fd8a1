/*
 * lloyd.c
 *		Assigning points by filtering centres down the tree.
 */
#include "lloyd.h"

#include <math.h>
#include <string.h>

#define PAUSE_EVERY 4096 /* coordinates of candidates */

typedef struct Filter
{
	const RfmsegTree *tree;
	const double *centres;
	RfmsegAssignment *assignment;
	int work; /* since the last pause */
} Filter;

size_t
rfmseg_assign_size(size_t leaves, int k)
{
	/* all centres, and those left on each level */
	return ((size_t) rfmseg_tree_depth(leaves) + 1) * (size_t) k * sizeof(int);
}

static void
breathe(Filter *f, int candidates)
{
	f->work += candidates * f->tree->d;
	if (f->work < PAUSE_EVERY)
		return;
	f->tree->pause();
	f->work = 0;
}

static void
add_node(Filter *f, RfmsegNode node, int centre)
{
	const RfmsegTree *tree = f->tree;
	RfmsegAssignment *a = f->assignment;
	const double *sum = rfmseg_sum(tree, node);
	size_t at = (size_t) centre * (size_t) tree->d;
	int j;

	for (j = 0; j < tree->d; j++)
		a->sums[at + (size_t) j] += sum[j];
	a->sizes[centre] += rfmseg_weight(tree, node);
	a->within[centre] += rfmseg_node_inertia(tree, node, f->centres + at);
}

/* Of a leaf's points, the nearest of the candidates, which are in ascending order */
RFMSEG_BY_LEAF static void
find_nearest(const Filter *f, const double *leaf, const int *candidates, int n,
			 double *restrict nearest, int64_t *restrict owners)
{
	int d = f->tree->d;
	double distances[RFMSEG_LEAF];
	int c, i;

	rfmseg_leaf_distances(leaf, d, f->centres + (size_t) candidates[0] * (size_t) d, nearest);
	for (i = 0; i < RFMSEG_LEAF; i++)
		owners[i] = candidates[0];
	for (c = 1; c < n; c++)
	{
		int64_t candidate = candidates[c];

		rfmseg_leaf_distances(leaf, d, f->centres + (size_t) candidate * (size_t) d, distances);
		for (i = 0; i < RFMSEG_LEAF; i++)
		{
			owners[i] = distances[i] < nearest[i] ? candidate : owners[i];
			nearest[i] = distances[i] < nearest[i] ? distances[i] : nearest[i];
		}
	}
}

static void
add_leaf(Filter *f, RfmsegNode node, const int *candidates, int n)
{
	const RfmsegTree *tree = f->tree;
	RfmsegAssignment *a = f->assignment;
	const double *leaf = rfmseg_leaf(tree->points, node.leaf);
	const double *weights = leaf + tree->d * RFMSEG_LEAF;
	double nearest[RFMSEG_LEAF];
	int64_t owners[RFMSEG_LEAF];
	int i, j;

	breathe(f, n);
	find_nearest(f, leaf, candidates, n, nearest, owners);
	for (i = 0; i < RFMSEG_LEAF; i++)
	{
		double *sum = a->sums + owners[i] * tree->d;

		for (j = 0; j < tree->d; j++)
			sum[j] += weights[i] * leaf[j * RFMSEG_LEAF + i];
		a->sizes[owners[i]] += weights[i];
		a->within[owners[i]] += weights[i] * nearest[i];
	}
}

static int
nearest_to_middle(const Filter *f, RfmsegNode node, const int *candidates, int n)
{
	const double *low = rfmseg_low(f->tree, node);
	const double *high = rfmseg_high(f->tree, node);
	int d = f->tree->d;
	int nearest = candidates[0];
	double least = INFINITY;
	int c, j;

	for (c = 0; c < n; c++)
	{
		const double *centre = f->centres + (size_t) candidates[c] * (size_t) d;
		double sum = 0;

		for (j = 0; j < d; j++)
		{
			double off = (centre[j] - low[j]) + (centre[j] - high[j]);

			sum += off * off;
		}
		if (sum < least)
		{
			least = sum;
			nearest = candidates[c];
		}
	}
	return nearest;
}

/* Only candidates can be nearest to points of the node; "room" is for those of its children. */
static void
filter(Filter *f, RfmsegNode node, const int *candidates, int n, int *room)
{
	const RfmsegTree *tree = f->tree;
	int best = nearest_to_middle(f, node, candidates, n);
	int left = 0;
	int c;

	breathe(f, n);
	for (c = 0; c < n; c++)
		if (candidates[c] == best ||
			!rfmseg_is_nearer(tree, node, f->centres + (size_t) best * (size_t) tree->d,
							  f->centres + (size_t) candidates[c] * (size_t) tree->d))
			room[left++] = candidates[c];
	if (left == 1)
		add_node(f, node, best);
	else if (node.leaves == 1)
		add_leaf(f, node, room, left);
	else
	{
		filter(f, rfmseg_left(node), room, left, room + left);
		filter(f, rfmseg_right(node), room, left, room + left);
	}
}

void
rfmseg_assign(const RfmsegTree *tree, const double *centres, int k, RfmsegAssignment *assignment,
			  void *room)
{
	Filter f = {tree, centres, assignment, 0};
	int *all = room;
	int i;

	memset(assignment->sums, 0, (size_t) k * (size_t) tree->d * sizeof(double));
	memset(assignment->sizes, 0, (size_t) k * sizeof(double));
	memset(assignment->within, 0, (size_t) k * sizeof(double));
	for (i = 0; i < k; i++)
		all[i] = i;
	filter(&f, rfmseg_root(tree), all, k, all + k);
	assignment->inertia = 0;
	for (i = 0; i < k; i++)
		assignment->inertia += assignment->within[i];
}

double
rfmseg_move_centres(const RfmsegAssignment *assignment, double *centres, int k, int d)
{
	double moved = 0;
	int i, j;

	for (i = 0; i < k; i++)
	{
		if (!(assignment->sizes[i] > 0))
			continue;
		for (j = 0; j < d; j++)
		{
			size_t at = (size_t) i * (size_t) d + (size_t) j;
			double mean = assignment->sums[at] / assignment->sizes[i];

			moved += (mean - centres[at]) * (mean - centres[at]);
			centres[at] = mean;
		}
	}
	return moved;
}

/*
 * Centres without points
 */

/* The squared distance of the point that is farthest from the centres which have points. */
static double
find_farthest(const RfmsegTree *tree, const double *centres, const int *with_points, int n,
			  double *farthest)
{
	Filter f = {tree, centres, NULL, 0};
	double greatest = 0;
	size_t leaf;
	int i, j;

	for (leaf = 0; leaf < tree->points->leaves; leaf++)
	{
		const double *points = rfmseg_leaf(tree->points, leaf);
		double nearest[RFMSEG_LEAF];
		int64_t owners[RFMSEG_LEAF];

		breathe(&f, n);
		find_nearest(&f, points, with_points, n, nearest, owners);
		for (i = 0; i < RFMSEG_LEAF; i++)
			if (nearest[i] > greatest)
			{
				greatest = nearest[i];
				for (j = 0; j < tree->d; j++)
					farthest[j] = points[j * RFMSEG_LEAF + i];
			}
	}
	return greatest;
}

bool
rfmseg_fill_empty(const RfmsegTree *tree, const RfmsegAssignment *assignment, double *centres,
				  int k, void *room)
{
	double farthest[RFMSEG_MAX_DIMENSIONS];
	int *others = room;
	int n = 0;
	int i;

	for (i = 0; i < k; i++)
		if (assignment->sizes[i] > 0)
			others[n++] = i;
	if (n == k)
		return false;
	for (i = 0; i < k; i++)
	{
		if (assignment->sizes[i] > 0)
			continue;
		if (!(find_farthest(tree, centres, others, n, farthest) > 0))
			return false;
		memcpy(centres + (size_t) i * (size_t) tree->d, farthest,
			   (size_t) tree->d * sizeof(double));
		others[n++] = i;
	}
	return true;
}
