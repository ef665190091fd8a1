/*
 * fit.h
 *		The parameters under which histories are most likely.
 *
 * Newton's method on the logarithms of the parameters, damped as by Levenberg
 * and Marquardt, from several places (start() of each model) on a systematic
 * sample of at most RFMSEG_FIT_SAMPLE rows or so, then on all rows from where it
 * was best.  Where the sample has no optimum, the starts are tried on all rows.
 * What is found follows from the rows and their order alone.
 */
#ifndef RFMSEG_LIFETIME_FIT_H
#define RFMSEG_LIFETIME_FIT_H

#include "model.h"

#define RFMSEG_FIT_SAMPLE 20000
#define RFMSEG_FIT_MAX_ITERATIONS 100 /* from one place */

/* Parameters lie within it and its inverse; what is found there is no optimum. */
#define RFMSEG_FIT_MOST 1e10

/*
 * An optimum: the gradient per customer is no more than the first, a full Newton
 * step moves no logarithm of a parameter by more than the second, and the
 * Hessian is negative definite.
 */
#define RFMSEG_FIT_GRADIENT 1e-9
#define RFMSEG_FIT_STEP 1e-8

typedef enum RfmsegFitStatus
{
	RFMSEG_FIT_CONVERGED,
	RFMSEG_FIT_NO_ROWS,		 /* none with weight that the model uses */
	RFMSEG_FIT_NO_REPEATERS, /* nobody came back: rates could be anything */
	RFMSEG_FIT_NO_MAXIMUM,	 /* likelihood rises as parameters go to 0 or infinity, or is flat */
	RFMSEG_FIT_STUCK		 /* the iterations are used up, or no step leads up */
} RfmsegFitStatus;

typedef struct RfmsegFit
{
	RfmsegFitStatus status;
	double parameters[RFMSEG_LIFETIME_PARAMETERS];
	double standard_errors[RFMSEG_LIFETIME_PARAMETERS]; /* NaN unless converged */
	double covariance[RFMSEG_LIFETIME_PARAMETERS][RFMSEG_LIFETIME_PARAMETERS]; /* likewise */
	double log_likelihood;
	double customers;	  /* the weight of the rows that were used */
	double gradient_norm; /* largest derivative by the log of a parameter, per customer */
	int iterations;		  /* on all rows */
	int starts_converged; /* of RFMSEG_FIT_STARTS */
} RfmsegFit;

extern RfmsegHistoryStatus rfmseg_check_history(const RfmsegHistoryRow *row);

extern bool rfmseg_uses_history(const RfmsegLifetimeModel *model, const RfmsegHistoryRow *row);

/* Bytes that a fit works in. */
extern size_t rfmseg_fit_room_size(const RfmsegLifetimeModel *model);

/*
 * Fits a model.  Rows pass rfmseg_check_history, and weights are above 0; those
 * that rfmseg_uses_history denies count for nothing.
 */
extern RfmsegFitStatus rfmseg_fit(const RfmsegLifetimeModel *model, const RfmsegHistoryRow *rows,
								  size_t n, RfmsegFit *fit, void *room, RfmsegLifetimePause pause);

/* The same, from one place alone and on all rows. */
extern RfmsegFitStatus rfmseg_fit_from(const RfmsegLifetimeModel *model,
									   const RfmsegHistoryRow *rows, size_t n, const double *start,
									   RfmsegFit *fit, void *room, RfmsegLifetimePause pause);

#endif
