/*
 * lifetime_fit.c
 *		bgnbd_fit(), mbgnbd_fit(), pnbd_fit() and gamma_gamma_fit(): aggregates that
 *		keep all histories, and fit a model to them at the end.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "aggregate.h"
#include "core/kmeans/points.h"
#include "core/lifetime/gamma_gamma.h"
#include "core/lifetime/histories.h"
#include "large_memory.h"
#include "lifetime_history.h"
#include "lifetime_model.h"
#include "row_store.h"
#include "settings.h"

typedef struct HistoriesState
{
	RfmsegStateKind kind;
	RfmsegRowStore rows; /* RFMSEG_PURCHASE_NUMBERS of each, or RFMSEG_SPENDING_NUMBERS */
} HistoriesState;

PG_FUNCTION_INFO_V1(rfmseg_histories_transition);
PG_FUNCTION_INFO_V1(rfmseg_histories_combine);
PG_FUNCTION_INFO_V1(rfmseg_histories_serialize);
PG_FUNCTION_INFO_V1(rfmseg_histories_deserialize);
PG_FUNCTION_INFO_V1(rfmseg_lifetime_final);

static void
check_for_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Rows
 */

/* What a fit needs for so many rows, if no two are equal. */
static void
check_memory(const HistoriesState *state, uint64 rows)
{
	int numbers = state->rows.numbers;
	double needed = (double) rows * (numbers * sizeof(double) + sizeof(RfmsegHistoryRow)) +
		rfmseg_merge_room_size(rows, numbers);

	if (rows > RFMSEG_MAX_POINTS || needed > (double) rfmseg_max_model_memory * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("a fit of %llu customers needs more memory than rfmseg.max_model_memory allows", (unsigned long long) rows),
				 errdetail("It takes %.0f MB, and the limit is %d MB.", ceil(needed / 1048576),
						   rfmseg_max_model_memory / 1024),
				 errhint("Raise rfmseg.max_model_memory if the server has the memory, or fit a sample of the customers: the model applies to all.")));
}

static void
make_room(HistoriesState *state, uint64 more)
{
	if (rfmseg_rows_have_room(&state->rows, more))
		return;
	check_memory(state, state->rows.n + more);
	rfmseg_rows_enlarge(&state->rows, more);
}

static HistoriesState *
new_state(MemoryContext context, int numbers)
{
	HistoriesState *state = MemoryContextAllocZero(context, sizeof(HistoriesState));

	state->kind = RFMSEG_STATE_HISTORIES;
	state->rows.context = context;
	state->rows.numbers = numbers;
	return state;
}

/* One aggregate's purchases are no other's spending. */
static void
check_numbers(const HistoriesState *state, int numbers)
{
	if (state->rows.numbers != numbers)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the state is of another aggregate")));
}

static bool
has_null(FunctionCallInfo fcinfo)
{
	int i;

	for (i = 1; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i))
			return true;
	return false;
}

static void
add_row(HistoriesState *state, const RfmsegHistoryRow *row)
{
	double *numbers;

	make_room(state, 1);
	numbers = rfmseg_rows_add(&state->rows);
	numbers[0] = row->frequency_repeat;
	if (state->rows.numbers == RFMSEG_PURCHASE_NUMBERS)
	{
		numbers[1] = row->recency_btyd;
		numbers[2] = row->t_age;
	}
	else
		numbers[1] = row->monetary_value;
}

/*
 * histories_transition(internal, frequency_repeat int, recency_btyd float8, t_age float8)
 * histories_transition(internal, frequency_repeat int, monetary_value float8)
 */
Datum
rfmseg_histories_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	HistoriesState *state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_HISTORIES);
	int numbers = PG_NARGS() - 1;
	RfmsegHistoryRow row;

	if (has_null(fcinfo))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	row = numbers == RFMSEG_PURCHASE_NUMBERS ? rfmseg_purchase_arguments(fcinfo, 1)
											 : rfmseg_spending_arguments(fcinfo, 1);
	rfmseg_check_history_arguments(&row);
	if (state == NULL)
		state = new_state(context, numbers);
	check_numbers(state, numbers);
	add_row(state, &row);
	PG_RETURN_POINTER(state);
}

/*
 * Partial aggregation
 */

Datum
rfmseg_histories_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	HistoriesState *into = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_HISTORIES);
	HistoriesState *other = rfmseg_state_argument(fcinfo, 1, RFMSEG_STATE_HISTORIES);

	if (other == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
		into = new_state(context, other->rows.numbers);
	check_numbers(other, into->rows.numbers);
	make_room(into, other->rows.n);
	rfmseg_rows_add_all(&into->rows, &other->rows);
	PG_RETURN_POINTER(into);
}

/* Serialized: kind, numbers of a row, rows. */
Datum
rfmseg_histories_serialize(PG_FUNCTION_ARGS)
{
	HistoriesState *state;
	StringInfoData buf;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_HISTORIES);
	rfmseg_state_begin(&buf, RFMSEG_STATE_HISTORIES);
	pq_sendint32(&buf, state->rows.numbers);
	rfmseg_rows_send(&buf, &state->rows);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Only what this server has serialized is read back, so rows were checked. */
Datum
rfmseg_histories_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	HistoriesState *state;
	int numbers;

	(void) rfmseg_aggregate_context(fcinfo);
	rfmseg_state_read(&buf, PG_GETARG_BYTEA_PP(0), RFMSEG_STATE_HISTORIES);
	numbers = (int) pq_getmsgint(&buf, 4);
	if (numbers != RFMSEG_PURCHASE_NUMBERS && numbers != RFMSEG_SPENDING_NUMBERS)
		rfmseg_state_corrupt();
	state = new_state(CurrentMemoryContext, numbers);
	rfmseg_rows_receive(&buf, &state->rows);
	PG_RETURN_POINTER(state);
}

/*
 * Fitting
 */

/* In a context of its own that is gone afterwards */
static void
fit_rows(const HistoriesState *state, const RfmsegLifetimeModel *model, RfmsegFit *fit)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "lifetime value", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	uint64 n = state->rows.n;
	RfmsegHistoryRow *rows = rfmseg_alloc_large(n * sizeof(RfmsegHistoryRow));
	void *room = rfmseg_alloc_large(rfmseg_merge_room_size(n, state->rows.numbers));
	size_t left = rfmseg_merge_histories(state->rows.values, n, state->rows.numbers, rows, room,
										 check_for_interrupts);

	pfree(room);
	rfmseg_fit(model, rows, left, fit, palloc(rfmseg_fit_room_size(model)), check_for_interrupts);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* What is no model is an error; a model not to be used comes with a warning. */
static void
report(const RfmsegLifetimeModel *model, const RfmsegFit *fit, uint64 rows)
{
	switch (fit->status)
	{
		case RFMSEG_FIT_CONVERGED:
			break;
		case RFMSEG_FIT_NO_ROWS:
		case RFMSEG_FIT_NO_REPEATERS:
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 model == &rfmseg_gamma_gamma ? errmsg("no customer has repeat purchases of some value")
												  : errmsg("no customer has repeat purchases"),
					 errdetail_plural("%s_fit was given %llu customer.", "%s_fit was given %llu customers.", rows, model->name, (unsigned long long) rows),
					 errhint("Rates follow from customers who came back: fit a longer history, or more customers.")));
			break;
		case RFMSEG_FIT_NO_MAXIMUM:
			ereport(WARNING,
					(errmsg("%s_fit: the likelihood has no maximum", model->name),
					 errdetail("It rises, or is flat, as parameters go to 0 or to infinity: the customers do not tell how they differ, or differ otherwise than the model has it."),
					 errhint("The model has converged = false, and predictions refuse it. Fit more customers, a longer history or another model.")));
			break;
		case RFMSEG_FIT_STUCK:
			ereport(WARNING,
					(errmsg("%s_fit has not converged", model->name),
					 errdetail("It ended after %d iterations, with a gradient of %g per customer.", fit->iterations, fit->gradient_norm),
					 errhint("The model has converged = false, and predictions refuse it. Fit more customers, a longer history or another model.")));
			break;
	}
}

/* For all four: the type of the result tells which model it is. */
Datum
rfmseg_lifetime_final(PG_FUNCTION_ARGS)
{
	HistoriesState *state;
	Oid type = get_func_rettype(fcinfo->flinfo->fn_oid);
	const RfmsegLifetimeModel *model = rfmseg_lifetime_model_of(type);
	RfmsegFit fit;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_HISTORIES);
	if (state == NULL)
		PG_RETURN_NULL();
	check_numbers(state,
				  model == &rfmseg_gamma_gamma ? RFMSEG_SPENDING_NUMBERS : RFMSEG_PURCHASE_NUMBERS);
	check_memory(state, state->rows.n);
	fit_rows(state, model, &fit);
	report(model, &fit, state->rows.n);
	PG_RETURN_DATUM(rfmseg_make_lifetime_model(type, model, &fit));
}
