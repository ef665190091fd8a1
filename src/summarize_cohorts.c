/*
 * summarize_cohorts.c
 *		Cohort retention beside the customers' rows: their orders are tallied
 *		while they are in memory anyway (core/cohorts.h).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "aggregate.h"
#include "decimal_numeric.h"
#include "summarize.h"

#define FEWEST_CELLS 256

static void
enlarge(RfmsegCohorts *cohorts, MemoryContext context)
{
	uint32 i;

	cohorts->capacity = cohorts->n == 0 ? FEWEST_CELLS : cohorts->n * 2;
	cohorts->nslots = cohorts->capacity * 2;
	if (cohorts->n == 0)
		cohorts->cells = MemoryContextAlloc(context, cohorts->capacity * sizeof(RfmsegCohortCell));
	else
	{
		cohorts->cells = repalloc(cohorts->cells, cohorts->capacity * sizeof(RfmsegCohortCell));
		pfree(cohorts->slots);
	}
	cohorts->slots = MemoryContextAllocZero(context, cohorts->nslots * sizeof(uint32));
	for (i = 0; i < cohorts->n; i++)
		rfmseg_cohorts_enter(cohorts, i);
}

static void
forget(RfmsegSummarizing *s)
{
	pfree(s->cohorts.cells);
	pfree(s->cohorts.slots);
	memset(&s->cohorts, 0, sizeof(s->cohorts));
	s->too_many_cohorts = true;
}

void
rfmseg_add_to_cohorts(RfmsegSummarizing *s, int32 first_day)
{
	const RfmsegHistory *orders = &s->customer->ever;
	uint32 i;

	if (s->too_many_cohorts)
		return;
	rfmseg_cohorts_begin_customer(&s->cohorts, first_day);
	for (i = 0; i < orders->n; i++)
	{
		if (i % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		if (!rfmseg_cohorts_has_room(&s->cohorts))
		{
			if (s->cohorts.n >= RFMSEG_MAX_COHORT_CELLS)
			{
				forget(s);
				return;
			}
			enlarge(&s->cohorts, s->context);
		}
		if (!rfmseg_cohorts_add(&s->cohorts, &orders->purchases[i]))
			rfmseg_decimal_overflow("the revenue of a cohort");
	}
}

/* The first day of a month, counted from January 2000. */
static char *
first_day_of(int32 month, char *text)
{
	struct pg_tm tm = {0};
	int of_year = (month % 12 + 12) % 12;

	tm.tm_year = 2000 + (month - of_year) / 12;
	tm.tm_mon = of_year + 1;
	tm.tm_mday = 1;
	EncodeDateOnly(&tm, USE_ISO_DATES, text);
	return text;
}

static void
push_cell(JsonbParseState **state, const RfmsegCohortCell *cell)
{
	char text[MAXDATELEN + 1];

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	rfmseg_push_string(state, WJB_KEY, "cohort_month");
	rfmseg_push_string(state, WJB_VALUE, pstrdup(first_day_of(cell->cohort, text)));
	rfmseg_push_number(state, "months_since", int64_to_numeric((int64) cell->month - cell->cohort));
	rfmseg_push_number(state, "active_customers", int64_to_numeric(cell->active));
	rfmseg_push_number(state, "seen_customers", int64_to_numeric(cell->seen));
	rfmseg_push_number(state, "revenue", rfmseg_numeric_of_decimal(&cell->revenue));
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* The cohorts' cells, as jsonb; NULL if there are too many. */
Jsonb *
rfmseg_cohorts_json(RfmsegSummarizing *s)
{
	RfmsegCohorts *cohorts = &s->cohorts;
	JsonbParseState *state = NULL;
	uint32 i;

	if (s->too_many_cohorts)
		return NULL;
	if (cohorts->n > 0)
		qsort(cohorts->cells, cohorts->n, sizeof(RfmsegCohortCell), rfmseg_cohorts_compare);
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < cohorts->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		push_cell(&state, &cohorts->cells[i]);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}
