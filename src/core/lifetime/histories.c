/*
 * histories.c
 *		Putting histories in order and merging equal ones.  See histories.h.
 *
 * It is what k-means does with its points, so that does it: a history is a point
 * of two or three dimensions.
 */
#include "histories.h"

#include "../kmeans/points.h"

#define LEAVES_A_PAUSE 128

size_t
rfmseg_merge_room_size(size_t n, int numbers)
{
	return rfmseg_points_size(n, numbers) + rfmseg_points_room_size(n);
}

/* A place of a leaf, with the weight behind the numbers. */
static RfmsegHistoryRow
row_of(const double *leaf, size_t i, int numbers)
{
	RfmsegHistoryRow row = {.frequency_repeat = leaf[i],
							.weight = leaf[(size_t) numbers * RFMSEG_LEAF + i]};

	if (numbers == RFMSEG_PURCHASE_NUMBERS)
	{
		row.recency_btyd = leaf[RFMSEG_LEAF + i];
		row.t_age = leaf[2 * RFMSEG_LEAF + i];
	}
	else
		row.monetary_value = leaf[RFMSEG_LEAF + i];
	return row;
}

size_t
rfmseg_merge_histories(const double *values, size_t n, int numbers, RfmsegHistoryRow *rows,
					   void *room, RfmsegLifetimePause pause)
{
	RfmsegRows given = {values, n, numbers, false};
	RfmsegPoints points;
	double *blocks = room;
	size_t i;

	rfmseg_points_init(&points, &given, false, blocks,
					   (char *) room + rfmseg_points_size(n, numbers), pause);
	for (i = 0; i < points.n; i++)
	{
		if (i % (LEAVES_A_PAUSE * RFMSEG_LEAF) == 0)
			pause();
		rows[i] = row_of(rfmseg_leaf(&points, i / RFMSEG_LEAF), i % RFMSEG_LEAF, numbers);
	}
	return points.n;
}
