/*
 * model.h
 *		What models of customer lifetime value have in common.
 *
 * Names are the field's.  Days may be any unit of time, and money any currency,
 * as long as one fit and all that follows from it keep to one.
 */
#ifndef RFMSEG_LIFETIME_MODEL_H
#define RFMSEG_LIFETIME_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#define RFMSEG_LIFETIME_PARAMETERS 4 /* at most */
#define RFMSEG_MAX_FREQUENCY 100000	 /* days with a repeat purchase: 274 years of them */
#define RFMSEG_MOST_AGE 1e12		 /* days, or seconds */

/* Values below the first are as good as none: Gamma-Gamma leaves them out. */
#define RFMSEG_LEAST_MONEY 1e-100
#define RFMSEG_MOST_MONEY 1e100

/* Called every millisecond or so of work; need not return. */
typedef void (*RfmsegLifetimePause)(void);

/* A customer, or several with the same history. */
typedef struct RfmsegHistoryRow
{
	double frequency_repeat; /* x: repeat purchases, a whole number */
	double recency_btyd;	 /* t_x: days from the first purchase to the last */
	double t_age;			 /* T: days from the first purchase to the end of what was observed */
	double monetary_value;	 /* mean value of the repeat purchases; Gamma-Gamma alone */
	double weight;			 /* how many customers */
} RfmsegHistoryRow;

typedef enum RfmsegHistoryStatus
{
	RFMSEG_HISTORY_OK,
	RFMSEG_HISTORY_FREQUENCY,		  /* not a whole number from 0 to RFMSEG_MAX_FREQUENCY */
	RFMSEG_HISTORY_AGE,				  /* not from 0 to RFMSEG_MOST_AGE */
	RFMSEG_HISTORY_RECENCY,			  /* not from 0 to the age */
	RFMSEG_HISTORY_REPEATS_AT_ONCE,	  /* repeat purchases, but no time between first and last */
	RFMSEG_HISTORY_ONE_TIMER_RECENCY, /* no repeat purchase, but a last one after the first */
	RFMSEG_HISTORY_MONEY			  /* not from 0 to RFMSEG_MOST_MONEY */
} RfmsegHistoryStatus;

/* Sums over rows that a model can use. */
typedef struct RfmsegHistoryTotals
{
	double weight;
	double repeaters; /* with at least one repeat purchase */
	double frequency;
	double age;
	double money; /* of repeat purchases */
} RfmsegHistoryTotals;

/* Rows to fit: every step-th. */
typedef struct RfmsegHistories
{
	const RfmsegHistoryRow *rows;
	size_t n;
	size_t step;
} RfmsegHistories;

/*
 * A log-likelihood, and its derivatives by the logarithms of the parameters:
 * parameters are above 0, and of any size.
 */
typedef struct RfmsegLikelihood
{
	double value;
	double gradient[RFMSEG_LIFETIME_PARAMETERS];
	double hessian[RFMSEG_LIFETIME_PARAMETERS][RFMSEG_LIFETIME_PARAMETERS];
} RfmsegLikelihood;

typedef struct RfmsegLifetimeModel
{
	const char *name;
	int n_parameters;
	const char *parameter_names[RFMSEG_LIFETIME_PARAMETERS];
	size_t room_size; /* bytes that the likelihood works in */

	/* whether a row tells anything; the others are left out */
	bool (*uses)(const RfmsegHistoryRow *row);
	/* where to start from: RFMSEG_FIT_STARTS places, far apart */
	void (*start)(const RfmsegHistoryTotals *totals, int which, double *parameters);
	void (*likelihood)(const RfmsegHistories *histories, const double *parameters,
					   RfmsegLikelihood *likelihood, void *room, RfmsegLifetimePause pause);

	/* not of Gamma-Gamma: */
	double (*p_alive)(const double *parameters, const RfmsegHistoryRow *row);
	/* purchases to come of a customer who is still active, in each of n horizons in rising order */
	void (*expected_if_alive)(const double *parameters, const RfmsegHistoryRow *row,
							  const double *days, int n, double *expected);
} RfmsegLifetimeModel;

#define RFMSEG_FIT_STARTS 5
#define RFMSEG_HORIZONS 12 /* at most, at once */

/* Adds a row's likelihood to that of others. */
static inline void
rfmseg_likelihood_add(RfmsegLikelihood *sum, const RfmsegLikelihood *one, double weight, int n)
{
	int i, j;

	sum->value += weight * one->value;
	for (i = 0; i < n; i++)
	{
		sum->gradient[i] += weight * one->gradient[i];
		for (j = 0; j <= i; j++)
			sum->hessian[i][j] += weight * one->hessian[i][j];
	}
}

#endif
