/*
 * predict.c
 *		What a fitted model says of a customer.  See predict.h.
 */
#include "predict.h"

#include <float.h>

#include "../portable_math.h"
#include "fit.h"
#include "gamma_gamma.h"
#include "special.h"

bool
rfmseg_is_parameter(double value)
{
	/* exp(ln) may be a few units in the last place beyond what a fit is bounded by */
	double most = RFMSEG_FIT_MOST * (1 + 1e-12);

	return value >= 1 / most && value <= most;
}

bool
rfmseg_are_parameters(const RfmsegLifetimeModel *model, const double *parameters)
{
	int i;

	for (i = 0; i < model->n_parameters; i++)
		if (!rfmseg_is_parameter(parameters[i]))
			return false;
	return true;
}

double
rfmseg_p_alive(const RfmsegLifetimeModel *model, const double *parameters,
			   const RfmsegHistoryRow *row)
{
	return model->p_alive(parameters, row);
}

double
rfmseg_expected_purchases(const RfmsegLifetimeModel *model, const double *parameters,
						  const RfmsegHistoryRow *row, double days)
{
	double if_alive;

	model->expected_if_alive(parameters, row, &days, 1, &if_alive);
	return model->p_alive(parameters, row) * if_alive;
}

double
rfmseg_expected_purchases_new(const RfmsegLifetimeModel *model, const double *parameters,
							  double days)
{
	RfmsegHistoryRow row = {0, 0, 0, 0, 1};

	return rfmseg_expected_purchases(model, parameters, &row, days);
}

double
rfmseg_discounted_purchases(const RfmsegLifetimeModel *model, const double *parameters,
							const RfmsegHistoryRow *row, double days, double annual_rate)
{
	double period = days / RFMSEG_VALUE_PERIODS;
	double log_discount = -rfmseg_log1p(annual_rate) * (period / RFMSEG_DAYS_OF_YEAR);
	double ends[RFMSEG_VALUE_PERIODS];
	double if_alive[RFMSEG_VALUE_PERIODS];
	double before = 0;
	double sum = 0;
	int i;

	for (i = 0; i < RFMSEG_VALUE_PERIODS; i++)
		ends[i] = (i + 1) * period;
	model->expected_if_alive(parameters, row, ends, RFMSEG_VALUE_PERIODS, if_alive);
	for (i = 0; i < RFMSEG_VALUE_PERIODS; i++)
		/* where there is nothing more to come, rounding may say a little less */
		if (if_alive[i] > before)
		{
			sum += (if_alive[i] - before) * rfmseg_exp((i + 1) * log_discount);
			before = if_alive[i];
		}
	sum = sum < DBL_MAX ? sum : DBL_MAX;
	return model->p_alive(parameters, row) * sum;
}

double
rfmseg_customer_lifetime_value(const RfmsegLifetimeModel *model, const double *parameters,
							   const double *of_gamma_gamma, const RfmsegHistoryRow *row,
							   double days, double annual_rate)
{
	double value =
		rfmseg_expected_average_value(of_gamma_gamma, row->frequency_repeat, row->monetary_value) *
		rfmseg_discounted_purchases(model, parameters, row, days, annual_rate);

	return value < DBL_MAX ? value : DBL_MAX;
}
