/*
 * cohorts.h
 *		Cohort retention: customers by the month of their first purchase, and what
 *		each such cohort did in the months that followed.
 *
 * A cell is a cohort in a month.  What an order comes to, its returns included,
 * belongs to the month of the order's day (history.h, rule 4): so an order that
 * was refunded later lowers the month it was placed in, and a wholly refunded
 * one leaves nothing.  An order with no line but returns belongs to the month of
 * its first one.  Before the cohort's month there is none: what is dated earlier,
 * such as a return of something bought before the first line known, belongs to
 * the cohort's month.  So the cells of a cohort add up to its customers' money.
 *
 * Only cells in which something happened are kept, so memory grows with those and
 * not with the span of the dates.  It is the caller's: see rfmseg_cohorts_has_room().
 */
#ifndef RFMSEG_COHORTS_H
#define RFMSEG_COHORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "decimal.h"
#include "history.h"

/* Sixty years of months, each with a cohort that is active in all that follow, have as many. */
#define RFMSEG_MAX_COHORT_CELLS (1 << 18)

typedef struct RfmsegCohortCell
{
	RfmsegDecimal revenue; /* of all orders of the month */
	int64_t active;		   /* customers with a purchase in the month */
	int64_t seen;		   /* customers with an order in it, purchase or not */
	int64_t last_active;   /* numbers of the customers counted last */
	int64_t last_seen;
	int32_t cohort; /* months since January 2000 */
	int32_t month;	/* as the cohort's, and not before it */
} RfmsegCohortCell;

typedef struct RfmsegCohorts
{
	RfmsegCohortCell *cells; /* in order of arrival */
	uint32_t n;				 /* how many there are */
	uint32_t capacity;		 /* how many there is room for */
	uint32_t *slots;		 /* see slots.h */
	uint32_t nslots;		 /* at least twice the capacity */
	int64_t customer;		 /* number of the customer being added, from 1 */
	int32_t cohort;			 /* and their cohort */
} RfmsegCohorts;

/* Months from January 2000 to that of a day, which is counted from 2000-01-01. */
extern int32_t rfmseg_month_of(int32_t day);

/*
 * Whether one more cell fits.  If not the caller enlarges cells and slots
 * (zeroed), and then enters all cells again with rfmseg_cohorts_enter().
 */
extern bool rfmseg_cohorts_has_room(const RfmsegCohorts *cohorts);
extern void rfmseg_cohorts_enter(RfmsegCohorts *cohorts, uint32_t index);

/* Begins a customer, whose first purchase was on that day. */
extern void rfmseg_cohorts_begin_customer(RfmsegCohorts *cohorts, int32_t first_day);

/* Adds one of the customer's orders.  Needs room; false where money does not fit a decimal. */
extern bool rfmseg_cohorts_add(RfmsegCohorts *cohorts, const RfmsegPurchase *order);

/* Orders cells by cohort and month: a comparison for qsort(). */
extern int rfmseg_cohorts_compare(const void *a, const void *b);

#endif
