/*
 * lifetime_predict.c
 *		What models of customer lifetime value say of customers.
 *
 * The functions are overloaded on the type of the model.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "core/lifetime/gamma_gamma.h"
#include "core/lifetime/predict.h"
#include "lifetime_history.h"
#include "lifetime_model.h"

PG_FUNCTION_INFO_V1(rfmseg_lifetime_p_alive);
PG_FUNCTION_INFO_V1(rfmseg_lifetime_expected_purchases);
PG_FUNCTION_INFO_V1(rfmseg_lifetime_expected_purchases_new);
PG_FUNCTION_INFO_V1(rfmseg_lifetime_discounted_purchases);
PG_FUNCTION_INFO_V1(rfmseg_lifetime_expected_average_value);
PG_FUNCTION_INFO_V1(rfmseg_lifetime_customer_value);

static double
horizon_argument(FunctionCallInfo fcinfo, int arg)
{
	double horizon = PG_GETARG_FLOAT8(arg);

	/* so written that NaN is refused */
	if (!(horizon >= 0 && horizon <= RFMSEG_MOST_DAYS))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("horizon is %s", rfmseg_shown(horizon)),
				 errhint("It is the time to look ahead, from 0 to %g.", RFMSEG_MOST_DAYS)));
	return horizon;
}

static double
discount_rate_argument(FunctionCallInfo fcinfo, int arg)
{
	double rate = PG_GETARG_FLOAT8(arg);

	if (!(rate > -1) || isinf(rate))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("discount_rate is %s", rfmseg_shown(rate)),
				 errhint("It is a share of a year, above -1: 0.1 is ten percent a year, 0 is no discount.")));
	return rate;
}

static const RfmsegFittedModel *
gamma_gamma_argument(FunctionCallInfo fcinfo, int arg)
{
	const RfmsegFittedModel *fitted = rfmseg_lifetime_argument(fcinfo, arg);

	if (!rfmseg_gamma_gamma_has_mean(fitted->parameters))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the gamma_gamma_model has no mean"),
				 errdetail("Its q is %s; mean values exist only above 1.", rfmseg_shown(fitted->parameters[1])),
				 errhint("A few customers spent very much more than the others. Fit without them, or use the mean of what customers spent.")));
	return fitted;
}

/* p_alive(model, frequency_repeat int, recency_btyd float8, t_age float8) returns float8 */
Datum
rfmseg_lifetime_p_alive(PG_FUNCTION_ARGS)
{
	const RfmsegFittedModel *fitted = rfmseg_lifetime_argument(fcinfo, 0);
	RfmsegHistoryRow row = rfmseg_purchase_arguments(fcinfo, 1);

	rfmseg_check_history_arguments(&row);
	PG_RETURN_FLOAT8(rfmseg_p_alive(fitted->model, fitted->parameters, &row));
}

/* expected_purchases(model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8) returns float8 */
Datum
rfmseg_lifetime_expected_purchases(PG_FUNCTION_ARGS)
{
	const RfmsegFittedModel *fitted = rfmseg_lifetime_argument(fcinfo, 0);
	RfmsegHistoryRow row = rfmseg_purchase_arguments(fcinfo, 1);
	double horizon = horizon_argument(fcinfo, 4);

	rfmseg_check_history_arguments(&row);
	PG_RETURN_FLOAT8(rfmseg_expected_purchases(fitted->model, fitted->parameters, &row, horizon));
}

/* expected_purchases_new(model, horizon float8) returns float8 */
Datum
rfmseg_lifetime_expected_purchases_new(PG_FUNCTION_ARGS)
{
	const RfmsegFittedModel *fitted = rfmseg_lifetime_argument(fcinfo, 0);
	double horizon = horizon_argument(fcinfo, 1);

	PG_RETURN_FLOAT8(rfmseg_expected_purchases_new(fitted->model, fitted->parameters, horizon));
}

/* discounted_purchases(model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8, discount_rate float8) returns float8 */
Datum
rfmseg_lifetime_discounted_purchases(PG_FUNCTION_ARGS)
{
	const RfmsegFittedModel *fitted = rfmseg_lifetime_argument(fcinfo, 0);
	RfmsegHistoryRow row = rfmseg_purchase_arguments(fcinfo, 1);
	double horizon = horizon_argument(fcinfo, 4);
	double rate = discount_rate_argument(fcinfo, 5);

	rfmseg_check_history_arguments(&row);
	PG_RETURN_FLOAT8(
		rfmseg_discounted_purchases(fitted->model, fitted->parameters, &row, horizon, rate));
}

/* expected_average_value(model gamma_gamma_model, frequency_repeat int, monetary_value float8) returns float8 */
Datum
rfmseg_lifetime_expected_average_value(PG_FUNCTION_ARGS)
{
	const RfmsegFittedModel *fitted = gamma_gamma_argument(fcinfo, 0);
	RfmsegHistoryRow row = rfmseg_spending_arguments(fcinfo, 1);

	rfmseg_check_history_arguments(&row);
	PG_RETURN_FLOAT8(rfmseg_expected_average_value(fitted->parameters, row.frequency_repeat,
												   row.monetary_value));
}

/*
 * customer_lifetime_value(model, gamma_gamma gamma_gamma_model, frequency_repeat int, recency_btyd float8,
 * t_age float8, monetary_value float8, horizon float8, discount_rate float8) returns float8
 */
Datum
rfmseg_lifetime_customer_value(PG_FUNCTION_ARGS)
{
	const RfmsegFittedModel *fitted = rfmseg_lifetime_argument(fcinfo, 0);
	const RfmsegFittedModel *spending = gamma_gamma_argument(fcinfo, 1);
	RfmsegHistoryRow row = rfmseg_purchase_arguments(fcinfo, 2);
	double horizon = horizon_argument(fcinfo, 6);
	double rate = discount_rate_argument(fcinfo, 7);

	row.monetary_value = PG_GETARG_FLOAT8(5) + 0.0;
	rfmseg_check_history_arguments(&row);
	PG_RETURN_FLOAT8(rfmseg_customer_lifetime_value(fitted->model, fitted->parameters,
													spending->parameters, &row, horizon, rate));
}
