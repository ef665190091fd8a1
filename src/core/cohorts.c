/*
 * cohorts.c
 *		Cohort retention.  See cohorts.h.
 */
#include "cohorts.h"

#include <string.h>

#include "hash.h"
#include "slots.h"

/*
 * A year that begins in March has its leap day last, and its months, 31 days
 * and 30 by turns but for July and August, December and January, begin on day
 * (153 m + 2) / 5.  Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
int32_t
rfmseg_month_of(int32_t day)
{
	const int64_t days_of_400_years = 146097;
	int64_t since = day + INT64_C(730425); /* 0000-03-01 */
	int64_t era = (since >= 0 ? since : since - (days_of_400_years - 1)) / days_of_400_years;
	int64_t of_era = since - era * days_of_400_years;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* 0 is March */

	return (int32_t) ((era * 400 + year - 2000) * 12 + month + 2);
}

static uint32_t
hash_of(int32_t cohort, int32_t month)
{
	return (uint32_t) rfmseg_mix((uint64_t) (uint32_t) cohort << 32 | (uint32_t) month);
}

bool
rfmseg_cohorts_has_room(const RfmsegCohorts *cohorts)
{
	return cohorts->n < cohorts->capacity && cohorts->nslots >= 2 * (uint64_t) cohorts->capacity;
}

void
rfmseg_cohorts_enter(RfmsegCohorts *cohorts, uint32_t index)
{
	const RfmsegCohortCell *cell = &cohorts->cells[index];

	rfmseg_slots_enter(cohorts->slots, cohorts->nslots, hash_of(cell->cohort, cell->month), index);
}

void
rfmseg_cohorts_begin_customer(RfmsegCohorts *cohorts, int32_t first_day)
{
	cohorts->customer++;
	cohorts->cohort = rfmseg_month_of(first_day);
}

static RfmsegCohortCell *
find_or_append(RfmsegCohorts *cohorts, int32_t month)
{
	uint32_t i = hash_of(cohorts->cohort, month) & (cohorts->nslots - 1);
	RfmsegCohortCell *cell;

	for (; cohorts->slots[i] != 0; i = (i + 1) & (cohorts->nslots - 1))
	{
		cell = &cohorts->cells[cohorts->slots[i] - 1];
		if (cell->cohort == cohorts->cohort && cell->month == month)
			return cell;
	}
	cell = &cohorts->cells[cohorts->n++];
	memset(cell, 0, sizeof(*cell));
	cell->cohort = cohorts->cohort;
	cell->month = month;
	cohorts->slots[i] = cohorts->n;
	return cell;
}

bool
rfmseg_cohorts_add(RfmsegCohorts *cohorts, const RfmsegPurchase *order)
{
	int32_t month = rfmseg_month_of(order->day);
	RfmsegCohortCell *cell =
		find_or_append(cohorts, month > cohorts->cohort ? month : cohorts->cohort);

	/* a customer is counted once, in whatever order their orders come */
	if (cell->last_seen != cohorts->customer)
	{
		cell->last_seen = cohorts->customer;
		cell->seen++;
	}
	if (cell->last_active != cohorts->customer && rfmseg_is_purchase(order))
	{
		cell->last_active = cohorts->customer;
		cell->active++;
	}
	return rfmseg_decimal_add(&cell->revenue, &order->total);
}

int
rfmseg_cohorts_compare(const void *a, const void *b)
{
	const RfmsegCohortCell *x = a;
	const RfmsegCohortCell *y = b;

	if (x->cohort != y->cohort)
		return x->cohort < y->cohort ? -1 : 1;
	return (x->month > y->month) - (x->month < y->month);
}
