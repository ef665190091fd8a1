/*
 * tree.h
 *		A binary tree over the leaves of points: what every node says of the
 *		points beneath it, so that most need not be looked at.
 *
 * The filtering of Kanungo, Mount, Netanyahu, Piatko, Silverman & Wu, "An
 * Efficient k-Means Clustering Algorithm: Analysis and Implementation" (IEEE
 * TPAMI 24, 2002), and of Pelleg & Moore (KDD 1999): where a box lies nearer to
 * one centre than to another, so do all of its points.
 *
 * Nodes are in pre-order: the left child of a node comes next, then its
 * descendants, then the right child.
 */
#ifndef RFMSEG_KMEANS_TREE_H
#define RFMSEG_KMEANS_TREE_H

#include "points.h"

typedef struct RfmsegTree
{
	const RfmsegPoints *points;
	int d;
	size_t n_nodes;
	size_t stride; /* doubles of a node */
	double *nodes;
	double margin; /* differences of squared distances below it may be rounding */
	RfmsegPause pause;
} RfmsegTree;

/* A node, and the leaves beneath it. */
typedef struct RfmsegNode
{
	size_t index;
	size_t leaf;   /* the first */
	size_t leaves; /* how many */
} RfmsegNode;

extern size_t rfmseg_tree_size(size_t rows, int d);
extern void rfmseg_tree_init(RfmsegTree *tree, const RfmsegPoints *points, double *nodes,
							 RfmsegPause pause);

/* Levels of a tree of so many leaves. */
extern int rfmseg_tree_depth(size_t leaves);

static inline RfmsegNode
rfmseg_root(const RfmsegTree *tree)
{
	RfmsegNode root = {0, 0, tree->points->leaves};

	return root;
}

static inline RfmsegNode
rfmseg_left(RfmsegNode node)
{
	RfmsegNode left = {node.index + 1, node.leaf, node.leaves / 2};

	return left;
}

static inline RfmsegNode
rfmseg_right(RfmsegNode node)
{
	size_t left = node.leaves / 2;
	RfmsegNode right = {node.index + 2 * left, node.leaf + left, node.leaves - left};

	return right;
}

/* Of a node: the bounding box, the weighted sum of the points, their weight */
static inline const double *
rfmseg_low(const RfmsegTree *tree, RfmsegNode node)
{
	return tree->nodes + node.index * tree->stride;
}

static inline const double *
rfmseg_high(const RfmsegTree *tree, RfmsegNode node)
{
	return rfmseg_low(tree, node) + tree->d;
}

static inline const double *
rfmseg_sum(const RfmsegTree *tree, RfmsegNode node)
{
	return rfmseg_low(tree, node) + 2 * tree->d;
}

static inline double
rfmseg_weight(const RfmsegTree *tree, RfmsegNode node)
{
	return rfmseg_low(tree, node)[3 * tree->d];
}

/* and the squared distances of the points from their own mean, weighted. */
static inline double
rfmseg_scatter(const RfmsegTree *tree, RfmsegNode node)
{
	return rfmseg_low(tree, node)[3 * tree->d + 1];
}

/* The squared distances of a node's points from a centre, weighted and added up. */
static inline double
rfmseg_node_inertia(const RfmsegTree *tree, RfmsegNode node, const double *centre)
{
	const double *sum = rfmseg_sum(tree, node);
	double weight = rfmseg_weight(tree, node);
	double per_weight = 1 / weight;
	double off = 0;
	int j;

	for (j = 0; j < tree->d; j++)
	{
		double difference = sum[j] * per_weight - centre[j];

		off += difference * difference;
	}
	return rfmseg_scatter(tree, node) + weight * off;
}

/*
 * Whether every point of the node is farther from "far" than from "near", also
 * as distances are computed: that is so if the corner of the box is which lies
 * most toward "far", as the difference of the squared distances is linear.
 */
static inline bool
rfmseg_is_nearer(const RfmsegTree *tree, RfmsegNode node, const double *near, const double *far)
{
	const double *low = rfmseg_low(tree, node);
	const double *high = low + tree->d;
	double difference = 0;
	int j;

	for (j = 0; j < tree->d; j++)
	{
		double apart = far[j] - near[j];
		double corner = apart > 0 ? high[j] : low[j];

		difference += apart * ((far[j] - corner) + (near[j] - corner));
	}
	return difference > tree->margin;
}

#endif
