/*
 * lifetime_model.c
 *		The composite types of models of customer lifetime value: making and
 *		reading them.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "composite_argument.h"
#include "core/lifetime/beta_geometric.h"
#include "core/lifetime/gamma_gamma.h"
#include "core/lifetime/pareto.h"
#include "core/lifetime/predict.h"
#include "lifetime_history.h"
#include "lifetime_model.h"

/* The columns after the parameters, in their order */
enum
{
	LOG_LIKELIHOOD,
	N,
	CONVERGED,
	STATUS,
	ITERATIONS,
	GRADIENT_NORM,
	STANDARD_ERRORS,
	FURTHER_COLUMNS
};

#define MOST_COLUMNS (RFMSEG_LIFETIME_PARAMETERS + FURTHER_COLUMNS)

static const RfmsegLifetimeModel *const models[] = {&rfmseg_bgnbd, &rfmseg_mbgnbd, &rfmseg_pnbd,
													&rfmseg_gamma_gamma};

/* Types are named after their models, so that functions overloaded on them need no more code. */
const RfmsegLifetimeModel *
rfmseg_lifetime_model_of(Oid type)
{
	const char *name = get_rel_name(get_typ_typrelid(type));
	int i;

	for (i = 0; i < lengthof(models); i++)
		if (name != NULL && strcmp(name, psprintf("%s_model", models[i]->name)) == 0)
			return models[i];
	elog(ERROR, "type %u is no model of customer lifetime value", type);
}

/*
 * Making
 */

static const char *
status_in_words(RfmsegFitStatus status)
{
	switch (status)
	{
		case RFMSEG_FIT_CONVERGED:
			return "converged";
		case RFMSEG_FIT_NO_ROWS:
			return "no rows";
		case RFMSEG_FIT_NO_REPEATERS:
			return "no repeat purchases";
		case RFMSEG_FIT_NO_MAXIMUM:
			return "no maximum";
		case RFMSEG_FIT_STUCK:
			return "stuck";
	}
	return NULL; /* not reached */
}

static void
set_unless_nan(Datum *value, bool *null, double number)
{
	*value = Float8GetDatum(number);
	*null = isnan(number);
}

static Datum
array_of(const double *numbers, int n)
{
	Datum elements[RFMSEG_LIFETIME_PARAMETERS];
	int i;

	for (i = 0; i < n; i++)
		elements[i] = Float8GetDatum(numbers[i]);
	return PointerGetDatum(
		construct_array(elements, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum
rfmseg_make_lifetime_model(Oid type, const RfmsegLifetimeModel *model, const RfmsegFit *fit)
{
	TupleDesc columns = lookup_rowtype_tupdesc_copy(type, -1);
	Datum values[MOST_COLUMNS];
	bool nulls[MOST_COLUMNS] = {0};
	Datum *further = values + model->n_parameters;
	bool *further_nulls = nulls + model->n_parameters;
	bool converged = fit->status == RFMSEG_FIT_CONVERGED;
	int i;

	if (columns->natts != model->n_parameters + FURTHER_COLUMNS)
		elog(ERROR, "%s_model has %d columns", model->name, columns->natts);
	for (i = 0; i < model->n_parameters; i++)
		set_unless_nan(&values[i], &nulls[i], fit->parameters[i]);
	set_unless_nan(&further[LOG_LIKELIHOOD], &further_nulls[LOG_LIKELIHOOD], fit->log_likelihood);
	further[N] = Int64GetDatum((int64) fit->customers);
	further[CONVERGED] = BoolGetDatum(converged);
	further[STATUS] = CStringGetTextDatum(status_in_words(fit->status));
	further[ITERATIONS] = Int32GetDatum(fit->iterations);
	set_unless_nan(&further[GRADIENT_NORM], &further_nulls[GRADIENT_NORM], fit->gradient_norm);
	further_nulls[STANDARD_ERRORS] = !converged;
	if (converged)
		further[STANDARD_ERRORS] = array_of(fit->standard_errors, model->n_parameters);
	return HeapTupleGetDatum(heap_form_tuple(columns, values, nulls));
}

/*
 * Reading
 */

static void
refuse_parameter(const RfmsegLifetimeModel *model, int parameter, const Datum *values,
				 const bool *nulls)
{
	const char *name = model->parameter_names[parameter];

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the %s_model is not valid", model->name),
			 nulls[parameter] ? errdetail("Its %s is NULL.", name)
							  : errdetail("Its %s is %s.", name, rfmseg_shown(DatumGetFloat8(values[parameter]))),
			 errhint("Parameters are numbers from %g to %g.", 1 / RFMSEG_FIT_MOST, RFMSEG_FIT_MOST)));
}

/* A model of which nobody says whether it converged is one of a paper, say. */
static void
check_converged(const RfmsegLifetimeModel *model, const Datum *values, const bool *nulls)
{
	const Datum *further = values + model->n_parameters;
	const bool *further_nulls = nulls + model->n_parameters;

	if (!further_nulls[CONVERGED] && !DatumGetBool(further[CONVERGED]))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the %s_model has not converged", model->name),
				 further_nulls[STATUS] ? 0 : errdetail("Its status is: %s.", TextDatumGetCString(further[STATUS])),
				 errhint("Its parameters are where the fit ended, not the best there are. Fit more customers, a longer history or another model.")));
}

static void *
read_model(HeapTupleHeader given)
{
	RfmsegFittedModel *fitted = palloc(sizeof(RfmsegFittedModel));
	const RfmsegLifetimeModel *model = rfmseg_lifetime_model_of(HeapTupleHeaderGetTypeId(given));
	Datum values[MOST_COLUMNS];
	bool nulls[MOST_COLUMNS];
	int i;

	rfmseg_deform_composite(given, model->n_parameters + FURTHER_COLUMNS, values, nulls);
	check_converged(model, values, nulls);
	fitted->model = model;
	for (i = 0; i < model->n_parameters; i++)
	{
		fitted->parameters[i] = nulls[i] ? NAN : DatumGetFloat8(values[i]);
		if (!rfmseg_is_parameter(fitted->parameters[i]))
			refuse_parameter(model, i, values, nulls);
	}
	return fitted;
}

const RfmsegFittedModel *
rfmseg_lifetime_argument(FunctionCallInfo fcinfo, int arg)
{
	return rfmseg_composite_argument(fcinfo, arg, read_model);
}
