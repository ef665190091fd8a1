/*
 * lloyd.h
 *		Lloyd's algorithm: points go to the nearest centre, centres to the mean of
 *		their points.
 *
 * Lloyd, "Least Squares Quantization in PCM" (IEEE Transactions on Information
 * Theory 28, 1982).  Of two centres that are as near, a point goes to the one
 * with the lower number.
 */
#ifndef RFMSEG_KMEANS_LLOYD_H
#define RFMSEG_KMEANS_LLOYD_H

#include "tree.h"

/* What the points nearest to each centre add up to. */
typedef struct RfmsegAssignment
{
	double *sums;	/* k x d: of coordinates, weighted */
	double *sizes;	/* k: weights */
	double *within; /* k: squared distances from the centre, weighted */
	double inertia; /* the sum of these */
} RfmsegAssignment;

/* Bytes that assigning works in. */
extern size_t rfmseg_assign_size(size_t leaves, int k);

/* Assigns all points to the nearest centres. */
extern void rfmseg_assign(const RfmsegTree *tree, const double *centres, int k,
						  RfmsegAssignment *assignment, void *room);

/*
 * Moves centres to the means of their points; returns the sum of the squares
 * of how far they moved.  Those without points stay.
 */
extern double rfmseg_move_centres(const RfmsegAssignment *assignment, double *centres, int k,
								  int d);

/*
 * Gives each centre without points the one that is farthest from all centres,
 * the first such point of the order; true if there was such a centre, and a
 * point for it.
 */
extern bool rfmseg_fill_empty(const RfmsegTree *tree, const RfmsegAssignment *assignment,
							  double *centres, int k, void *room);

#endif
