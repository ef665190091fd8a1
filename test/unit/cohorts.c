/*
 * Cohorts: the month of a day against a calendar walked day by day; random
 * customers against a slow tally of the same orders, in any order of theirs and
 * in memory of any size; where money goes that has no month; money that overflows.
 */
#include "cohorts.h"

#include <stdlib.h>
#include <string.h>

#include "decimal_text.h"
#include "ledger.h"
#include "prng.h"
#include "tap.h"
#include "workspace.h"

/*
 * The calendar
 */

static int
length_of_month(int64_t year, int month)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return lengths[month] + (month == 1 && leap ? 1 : 0);
}

/* From January 2000 on, or back from it, as many days. */
static bool
calendar_agrees(int days, int step)
{
	int64_t year = 2000;
	int month = 0;
	int of_month = 0;
	int32_t expected = 0;
	int32_t day;

	for (day = 0; day != days * step; day += step)
	{
		if (rfmseg_month_of(day) != expected)
			return false;
		of_month += step;
		if (of_month >= 0 && of_month < length_of_month(year, month))
			continue;
		expected += step;
		month += step;
		if (month < 0 || month > 11)
		{
			year += step;
			month = month < 0 ? 11 : 0;
		}
		of_month = step > 0 ? 0 : length_of_month(year, month) - 1;
	}
	return true;
}

static void
test_months(void)
{
	ok(calendar_agrees(3000000, 1), "days from 2000 to the year 10213 are in their months");
	ok(calendar_agrees(2451000, -1), "and so are those back to 4711 before our era");
	ok(rfmseg_month_of(INT32_MAX) ==
			   rfmseg_month_of(INT32_MAX % 146097) + INT32_MAX / 146097 * 4800 &&
		   rfmseg_month_of(INT32_MIN) ==
			   rfmseg_month_of(INT32_MIN % 146097) + INT32_MIN / 146097 * 4800,
	   "no day is too far away");
}

/*
 * Orders of random customers
 */

#define MONTHS 72 /* from 1997 to 2002: all that random days can be in */
#define FIRST_MONTH (-36)
#define CUSTOMERS 6

typedef struct Tally
{
	int64_t revenue[MONTHS][MONTHS]; /* by cohort and month; in ten-thousandths */
	int active[MONTHS][MONTHS];
	int seen[MONTHS][MONTHS];
} Tally;

static int
place_of(int32_t month)
{
	int place = month - FIRST_MONTH;

	if (place < 0 || place >= MONTHS)
		abort();
	return place;
}

/* Orders of one customer, added up the slow way. */
static void
tally_slowly(Tally *tally, const Ledger *ledger)
{
	LedgerKinds kinds = {0};
	bool active[MONTHS] = {false};
	bool seen[MONTHS] = {false};
	int64_t revenue[MONTHS] = {0};
	int cohort = MONTHS;
	int m;
	int i;

	for (i = 0; i < ledger->n; i++)
		if (ledger_begins_order(ledger, i))
		{
			LedgerOrder order = ledger_order(ledger, i, &kinds);

			m = place_of(rfmseg_month_of(order.day));
			seen[m] = true;
			revenue[m] += order.total;
			if (order.counts)
			{
				active[m] = true;
				cohort = m < cohort ? m : cohort;
			}
		}
	if (cohort == MONTHS)
		return;
	for (m = 0; m < cohort; m++)
	{
		seen[cohort] = seen[cohort] || seen[m];
		revenue[cohort] += revenue[m];
	}
	for (m = cohort; m < MONTHS; m++)
	{
		tally->revenue[cohort][m] += revenue[m];
		tally->active[cohort][m] += active[m] ? 1 : 0;
		tally->seen[cohort][m] += seen[m] ? 1 : 0;
	}
}

static void
make_room(RfmsegCohorts *cohorts, bool tight)
{
	uint32_t i;

	if (rfmseg_cohorts_has_room(cohorts))
		return;
	cohorts->capacity = tight ? cohorts->n + 1 : 2 * cohorts->n + 4;
	cohorts->cells = workspace_resize(cohorts->cells, cohorts->capacity * sizeof(RfmsegCohortCell));
	cohorts->slots = workspace_slots(cohorts->slots, cohorts->capacity, &cohorts->nslots);
	for (i = 0; i < cohorts->n; i++)
		rfmseg_cohorts_enter(cohorts, i);
	if (!rfmseg_cohorts_has_room(cohorts))
		abort();
}

static bool
add_customer(RfmsegCohorts *cohorts, const RfmsegHistory *history, bool tight, Prng *prng)
{
	RfmsegPurchase orders[LEDGER_MAX];
	RfmsegSummary summary;
	uint32_t i;

	if (!workspace_fold(history, &summary, NULL, NULL))
		return false;
	if (summary.frequency == 0)
		return true;
	if (history->n > 0)
		memcpy(orders, history->purchases, history->n * sizeof(RfmsegPurchase));
	prng_shuffle(prng, orders, (int) history->n, sizeof(RfmsegPurchase));
	rfmseg_cohorts_begin_customer(cohorts, summary.first_day);
	for (i = 0; i < history->n; i++)
	{
		make_room(cohorts, tight);
		if (!rfmseg_cohorts_add(cohorts, &orders[i]))
			return false;
	}
	return true;
}

static void
free_cohorts(RfmsegCohorts *cohorts)
{
	free(cohorts->cells);
	free(cohorts->slots);
	memset(cohorts, 0, sizeof(*cohorts));
}

/* Days of a few weeks become days of months or years, the time of day stays. */
static void
stretch(Ledger *ledger, int32_t by, int32_t shift)
{
	const int64_t day = INT64_C(86400000000);
	int i;

	for (i = 0; i < ledger->n; i++)
	{
		RfmsegLine *line = &ledger->lines[i].line;
		int64_t of_day = line->at - line->day * day;

		line->day = line->day * by + shift;
		line->at = line->day * day + of_day;
	}
}

/* Cells in order, none twice, none that is empty, and each as the slow tally has it. */
static bool
cells_agree(RfmsegCohorts *cohorts, Tally *tally)
{
	bool good = true;
	uint32_t i;
	int c;
	int m;

	if (cohorts->n > 0)
		qsort(cohorts->cells, cohorts->n, sizeof(RfmsegCohortCell), rfmseg_cohorts_compare);
	for (i = 0; i < cohorts->n; i++)
	{
		const RfmsegCohortCell *cell = &cohorts->cells[i];

		c = place_of(cell->cohort);
		m = place_of(cell->month);
		good = good && (i == 0 || rfmseg_cohorts_compare(cell - 1, cell) < 0) && m >= c &&
			cell->seen > 0 && cell->seen == tally->seen[c][m] &&
			cell->active == tally->active[c][m] &&
			ledger_worth_of(&cell->revenue) == tally->revenue[c][m];
		tally->seen[c][m] = 0;
	}
	for (c = 0; c < MONTHS; c++)
		for (m = 0; m < MONTHS; m++)
			good = good && tally->seen[c][m] == 0;
	return good;
}

static bool
cohorts_agree(Prng *prng)
{
	static Tally tally;
	RfmsegCohorts cohorts = {0};
	bool tight = prng_below(prng, 2) == 0;
	bool good = true;
	int i;
	int k;

	memset(&tally, 0, sizeof(tally));
	for (k = 0; k < CUSTOMERS && good; k++)
	{
		static Ledger ledger;
		Workspace w = {{0}, true};

		ledger_random(prng, 0, &ledger);
		stretch(&ledger, 1 + prng_below(prng, 30), prng_below(prng, 400) - 200);
		for (i = 0; i < ledger.n; i++)
			good = good && workspace_add(&w, &ledger.lines[i].line);
		tally_slowly(&tally, &ledger);
		good = good && add_customer(&cohorts, &w.history, tight, prng);
		workspace_free(&w);
	}
	good = good && cells_agree(&cohorts, &tally);
	free_cohorts(&cohorts);
	return good;
}

/*
 * Cases
 */

static RfmsegPurchase
order(int32_t day, const char *total, bool has_sale, bool has_return)
{
	RfmsegPurchase p;

	memset(&p, 0, sizeof(p));
	p.day = day;
	p.total = decimal_of_text(total);
	p.has_sale = has_sale;
	p.has_return = has_return;
	return p;
}

static bool
add(RfmsegCohorts *cohorts, RfmsegPurchase p)
{
	make_room(cohorts, true);
	return rfmseg_cohorts_add(cohorts, &p);
}

static bool
is_cell(const RfmsegCohorts *cohorts, uint32_t i, int32_t month, int active, int seen,
		const char *revenue)
{
	const RfmsegCohortCell *cell = &cohorts->cells[i];
	RfmsegDecimal expected = decimal_of_text(revenue);

	return i < cohorts->n && cell->cohort == 1 && cell->month == month && cell->active == active &&
		cell->seen == seen && rfmseg_decimal_compare(&cell->revenue, &expected) == 0;
}

static void
test_cases(void)
{
	RfmsegCohorts c = {0};

	ok(!rfmseg_cohorts_has_room(&c), "no memory, no room");
	rfmseg_cohorts_begin_customer(&c, 40); /* February 2000 */
	add(&c, order(40, "10.00", true, false));
	add(&c, order(59, "5", true, false));
	ok(c.n == 1 && is_cell(&c, 0, 1, 1, 1, "15"), "a customer is counted once a month");
	add(&c, order(60, "3", true, true));
	ok(c.n == 2 && is_cell(&c, 1, 2, 1, 1, "3"), "the next month is another cell");
	add(&c, order(3, "-2", false, true));
	ok(c.n == 2 && is_cell(&c, 0, 1, 1, 1, "13"),
	   "what is before the cohort's month belongs to it");
	add(&c, order(100, "-1", false, true));
	ok(c.n == 3 && is_cell(&c, 2, 3, 0, 1, "-1"), "whoever but returns is seen, and not active");
	add(&c, order(101, "0", true, true));
	ok(is_cell(&c, 2, 3, 0, 1, "-1"), "nor is whoever was refunded");
	add(&c, order(102, "0", true, false));
	ok(is_cell(&c, 2, 3, 1, 1, "-1"), "whoever was given something is active");
	rfmseg_cohorts_begin_customer(&c, 31);
	add(&c, order(31, "1", true, false));
	ok(is_cell(&c, 0, 1, 2, 2, "14"), "the next customer of the month is of the same cohort");
	rfmseg_cohorts_begin_customer(&c, 60);
	add(&c, order(60, "1", true, false));
	ok(c.n == 4 && c.cells[3].cohort == 2 && c.cells[3].month == 2 && is_cell(&c, 1, 2, 1, 1, "3"),
	   "one of another month is of another, in the same month too");
	ok(add(&c, order(60, "99999999999999999999999999999999999998", true, false)) &&
		   !add(&c, order(60, "1", true, false)),
	   "39 digits are too many");
	free_cohorts(&c);
}

int
main(void)
{
	test_months();
	test_cases();
	ok(always(cohorts_agree, 3000), "random customers are tallied as slowly as one likes");
	return done();
}
