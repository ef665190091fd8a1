/*
 * histories.h
 *		Histories as they come, put in order and equal ones merged.
 *
 * Most customers share their history with others: days are whole, and many
 * bought once.  What a fit takes grows with the histories that differ.  Their
 * order depends on their values alone, so sums over them do not depend on how
 * the rows came; neighbours are alike, so every so-many-th is a fair sample.
 */
#ifndef RFMSEG_LIFETIME_HISTORIES_H
#define RFMSEG_LIFETIME_HISTORIES_H

#include "model.h"

/* The numbers of a row, by what is modelled */
#define RFMSEG_PURCHASE_NUMBERS 3 /* frequency_repeat, recency_btyd, t_age */
#define RFMSEG_SPENDING_NUMBERS 2 /* frequency_repeat, monetary_value */

/* Bytes that merging works in, beside the rows. */
extern size_t rfmseg_merge_room_size(size_t n, int numbers);

/*
 * Merges n > 0 histories of so many numbers each, row by row; there is room for
 * as many rows.  They are finite, none is beyond RFMSEG_MOST_MONEY, and none is
 * minus zero.  Returns how many rows are left, in "rows", whose other values are 0.
 */
extern size_t rfmseg_merge_histories(const double *values, size_t n, int numbers,
									 RfmsegHistoryRow *rows, void *room, RfmsegLifetimePause pause);

#endif
