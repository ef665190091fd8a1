/*
 * predict.h
 *		What a fitted model says of a customer.
 *
 * Parameters pass rfmseg_are_parameters, histories rfmseg_check_history; models
 * are all but Gamma-Gamma.  Nothing is NaN, infinite or below 0.
 */
#ifndef RFMSEG_LIFETIME_PREDICT_H
#define RFMSEG_LIFETIME_PREDICT_H

#include "model.h"

#define RFMSEG_MOST_DAYS 1e9 /* of a horizon */
#define RFMSEG_DAYS_OF_YEAR 365.25
#define RFMSEG_VALUE_PERIODS RFMSEG_HORIZONS

/* Whether they are finite, above 0 and within the bounds of a fit; one, and all of a model. */
extern bool rfmseg_is_parameter(double value);
extern bool rfmseg_are_parameters(const RfmsegLifetimeModel *model, const double *parameters);

/* The probability of not having dropped out by the end of what was observed. */
extern double rfmseg_p_alive(const RfmsegLifetimeModel *model, const double *parameters,
							 const RfmsegHistoryRow *row);

/* Purchases in the days after; 0 .. RFMSEG_MOST_DAYS. */
extern double rfmseg_expected_purchases(const RfmsegLifetimeModel *model, const double *parameters,
										const RfmsegHistoryRow *row, double days);

/* Repeat purchases in the days after the first, of a customer of whom nothing is known. */
extern double rfmseg_expected_purchases_new(const RfmsegLifetimeModel *model,
											const double *parameters, double days);

/*
 * Expected purchases, those in each of RFMSEG_VALUE_PERIODS equal parts of the
 * horizon discounted from that part's end at an annual effective rate, > -1.
 * No more than DBL_MAX, which rates below 0 could lead beyond.
 */
extern double rfmseg_discounted_purchases(const RfmsegLifetimeModel *model,
										  const double *parameters, const RfmsegHistoryRow *row,
										  double days, double annual_rate);

/* These times the expected average value; the parameters of Gamma-Gamma have a mean. */
extern double rfmseg_customer_lifetime_value(const RfmsegLifetimeModel *model,
											 const double *parameters, const double *of_gamma_gamma,
											 const RfmsegHistoryRow *row, double days,
											 double annual_rate);

#endif
