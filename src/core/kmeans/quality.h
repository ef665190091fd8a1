/*
 * quality.h
 *		How well clusters are parted.
 */
#ifndef RFMSEG_KMEANS_QUALITY_H
#define RFMSEG_KMEANS_QUALITY_H

#include "tree.h"

/*
 * The mean over all points of (b - a) / max(a, b), where a is the distance from
 * the own centre and b that from the nearest other one: the simplified
 * silhouette of Hruschka, de Castro & Campello (2004).  It runs above the
 * silhouette itself.  NaN for one cluster.
 */
extern double rfmseg_simplified_silhouette(const RfmsegTree *tree, const double *centres, int k);

/* Bytes that a sample of so many points takes. */
extern size_t rfmseg_sample_size(size_t sample, int d, int k);

/*
 * The silhouette of Rousseeuw (1987), of a sample: a is the mean distance from
 * the other points of the own cluster, b the least of the mean distances from
 * the points of another; 0 for a point that is alone in its cluster.  The
 * sample is systematic: points at equal steps of weight along their order.
 * NaN where it has points of one cluster alone.
 */
extern double rfmseg_sample_silhouette(const RfmsegTree *tree, const double *centres, int k,
									   size_t sample, void *room);

/* The nearest centre, the first of several. */
extern int rfmseg_nearest_centre(const double *point, const double *centres, int k, int d);

/*
 * Calinski & Harabasz (1974): the ratio of the variances between and within
 * clusters; NaN for one cluster, or as many as distinct points, or as their weight.
 */
extern double rfmseg_calinski_harabasz(const RfmsegPoints *points, int k, double inertia,
									   double total);

#endif
