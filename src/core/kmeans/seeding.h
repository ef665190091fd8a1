/*
 * seeding.h
 *		Greedy k-means++: first centres that lie apart.
 *
 * Arthur & Vassilvitskii, "k-means++: The Advantages of Careful Seeding" (SODA
 * 2007), in the greedy form of their paper's last section: every centre but the
 * first is the best of 2 + floor(ln k) points, each drawn in proportion to its
 * weight and its squared distance from the nearest centre.  The best is the one
 * that leaves the least sum of squared distances, the earlier one if two do.
 */
#ifndef RFMSEG_KMEANS_SEEDING_H
#define RFMSEG_KMEANS_SEEDING_H

#include "../random.h"
#include "tree.h"

/* Bytes that seeding works in. */
extern size_t rfmseg_seeding_size(size_t rows);

/*
 * Chooses k centres, row by row; false if all points coincide with fewer than
 * that, as far as squares of their distances can tell.
 */
extern bool rfmseg_seed_centres(const RfmsegTree *tree, int k, RfmsegRandom *random,
								double *centres, void *room);

#endif
