/*
 * tree.c
 *		Building the tree of points.
 */
#include "tree.h"

#include <float.h>

#define PAUSE_EVERY 64 /* leaves */

static size_t
stride_of(int d)
{
	return 3 * (size_t) d + 2;
}

static size_t
nodes_of(size_t leaves)
{
	return 2 * leaves - 1;
}

size_t
rfmseg_tree_size(size_t rows, int d)
{
	return nodes_of((rows + RFMSEG_LEAF - 1) / RFMSEG_LEAF) * stride_of(d) * sizeof(double);
}

int
rfmseg_tree_depth(size_t leaves)
{
	int depth = 1;

	/* the right child is never smaller than the left */
	for (; leaves > 1; leaves -= leaves / 2)
		depth++;
	return depth;
}

static void
describe_leaf(RfmsegTree *tree, RfmsegNode node, double *at)
{
	const double *leaf = rfmseg_leaf(tree->points, node.leaf);
	const double *weights = leaf + tree->d * RFMSEG_LEAF;
	double weight = 0;
	double scatter = 0;
	int i, j;

	for (i = 0; i < RFMSEG_LEAF; i++)
		weight += weights[i];
	for (j = 0; j < tree->d; j++)
	{
		const double *x = leaf + j * RFMSEG_LEAF;
		double low = x[0];
		double high = x[0];
		double sum = 0;
		double mean;

		for (i = 0; i < RFMSEG_LEAF; i++)
		{
			low = x[i] < low ? x[i] : low;
			high = x[i] > high ? x[i] : high;
			sum += weights[i] * x[i];
		}
		mean = sum / weight;
		for (i = 0; i < RFMSEG_LEAF; i++)
			scatter += weights[i] * (x[i] - mean) * (x[i] - mean);
		at[j] = low;
		at[tree->d + j] = high;
		at[2 * tree->d + j] = sum;
	}
	at[3 * tree->d] = weight;
	at[3 * tree->d + 1] = scatter;
}

static void
join(int d, const double *left, const double *right, double *at)
{
	double a = left[3 * d];
	double b = right[3 * d];
	double off = 0;
	int j;

	for (j = 0; j < d; j++)
	{
		double between = left[2 * d + j] / a - right[2 * d + j] / b;

		at[j] = left[j] < right[j] ? left[j] : right[j];
		at[d + j] = left[d + j] > right[d + j] ? left[d + j] : right[d + j];
		at[2 * d + j] = left[2 * d + j] + right[2 * d + j];
		off += between * between;
	}
	at[3 * d] = a + b;
	at[3 * d + 1] = left[3 * d + 1] + right[3 * d + 1] + off * (a * (b / (a + b)));
}

static void
describe(RfmsegTree *tree, RfmsegNode node)
{
	double *at = tree->nodes + node.index * tree->stride;

	if (node.leaves == 1)
	{
		if (node.leaf % PAUSE_EVERY == 0)
			tree->pause();
		describe_leaf(tree, node, at);
	}
	else
	{
		RfmsegNode left = rfmseg_left(node);
		RfmsegNode right = rfmseg_right(node);

		describe(tree, left);
		describe(tree, right);
		join(tree->d, tree->nodes + left.index * tree->stride,
			 tree->nodes + right.index * tree->stride, at);
	}
}

/*
 * A computed squared distance is off by less than d + 2 units of rounding of
 * it, or of the least double, and none is above the square of the diagonal of
 * the box of all, in which centres lie too, up to rounding.
 */
static double
margin_of(const RfmsegTree *tree)
{
	RfmsegNode root = rfmseg_root(tree);
	double diagonal =
		rfmseg_squared_distance(rfmseg_low(tree, root), rfmseg_high(tree, root), tree->d);

	return 8 * (tree->d + 4) * (DBL_EPSILON * diagonal + DBL_EPSILON * DBL_MIN);
}

void
rfmseg_tree_init(RfmsegTree *tree, const RfmsegPoints *points, double *nodes, RfmsegPause pause)
{
	tree->points = points;
	tree->d = points->d;
	tree->n_nodes = nodes_of(points->leaves);
	tree->stride = stride_of(points->d);
	tree->nodes = nodes;
	tree->pause = pause;
	describe(tree, rfmseg_root(tree));
	tree->margin = margin_of(tree);
}
