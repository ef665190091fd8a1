/*
 * fit.c
 *		The parameters under which histories are most likely.  See fit.h.
 */
#include "fit.h"

#include <math.h>
#include <string.h>

#include "../portable_math.h"

#define MOST RFMSEG_LIFETIME_PARAMETERS
#define LONGEST_STEP 2.0	/* of a logarithm */
#define FIRST_DAMPING 1e-3	/* of the Hessian per customer, after a step that led down */
#define LEAST_DAMPING 1e-10 /* where the Hessian is next to nothing itself */
#define MOST_DAMPING 1e12	/* with which no step leads anywhere */
#define GOOD_ENOUGH 1e-4	/* share of the expected rise that makes a step worth taking */
#define ROUNDING 1e-12		/* differences of log-likelihoods, relative, that tell nothing */
#define FAR_OFF 1e6			/* of a parameter, or of its inverse */
#define FLAT 1e-6			/* of the gradient per customer */
#define LONG_WAY 0.5		/* of a logarithm's full step */
#define LEAST_PIVOT 1e-10	/* relative, of a matrix that is definite in spite of rounding */

/* A place, and the likelihood there. */
typedef struct Point
{
	double logs[MOST]; /* of the parameters */
	RfmsegLikelihood at;
} Point;

typedef struct Climb
{
	const RfmsegLifetimeModel *model;
	RfmsegHistories histories;
	double weight;
	RfmsegLifetimePause pause;
	void *room;
	Point here;
	double damping;
	int iterations;
	RfmsegFitStatus status;
} Climb;

RfmsegHistoryStatus
rfmseg_check_history(const RfmsegHistoryRow *row)
{
	double x = row->frequency_repeat;

	/* so written that NaN is none of these */
	if (!(x >= 0 && x <= RFMSEG_MAX_FREQUENCY && floor(x) == x))
		return RFMSEG_HISTORY_FREQUENCY;
	if (!(row->t_age >= 0 && row->t_age <= RFMSEG_MOST_AGE))
		return RFMSEG_HISTORY_AGE;
	if (!(row->recency_btyd >= 0 && row->recency_btyd <= row->t_age))
		return RFMSEG_HISTORY_RECENCY;
	if (x > 0 && row->recency_btyd == 0)
		return RFMSEG_HISTORY_REPEATS_AT_ONCE;
	if (x == 0 && row->recency_btyd > 0)
		return RFMSEG_HISTORY_ONE_TIMER_RECENCY;
	if (!(row->monetary_value >= 0 && row->monetary_value <= RFMSEG_MOST_MONEY))
		return RFMSEG_HISTORY_MONEY;
	return RFMSEG_HISTORY_OK;
}

bool
rfmseg_uses_history(const RfmsegLifetimeModel *model, const RfmsegHistoryRow *row)
{
	return row->weight > 0 && model->uses(row);
}

size_t
rfmseg_fit_room_size(const RfmsegLifetimeModel *model)
{
	return model->room_size;
}

/*
 * Small symmetric matrices, of which the lower half is kept
 */

/*
 * Cholesky's factor of a positive definite matrix; false if it is not that.  The
 * pivots are compared with what was on the diagonal.
 */
static bool
factorize(double from[MOST][MOST], int n, double factor[MOST][MOST])
{
	int i, j, k;

	for (i = 0; i < n; i++)
		for (j = 0; j <= i; j++)
		{
			double sum = from[i][j];

			for (k = 0; k < j; k++)
				sum -= factor[i][k] * factor[j][k];
			if (i > j)
				factor[i][j] = sum / factor[j][j];
			else if (sum > LEAST_PIVOT * from[i][i] && sum <= DBL_MAX)
				factor[i][i] = sqrt(sum);
			else
				return false;
		}
	return true;
}

static void
solve(double factor[MOST][MOST], int n, const double *right, double *solution)
{
	int i, k;

	for (i = 0; i < n; i++)
	{
		solution[i] = right[i];
		for (k = 0; k < i; k++)
			solution[i] -= factor[i][k] * solution[k];
		solution[i] /= factor[i][i];
	}
	for (i = n - 1; i >= 0; i--)
	{
		for (k = i + 1; k < n; k++)
			solution[i] -= factor[k][i] * solution[k];
		solution[i] /= factor[i][i];
	}
}

static double
largest(const double *values, int n)
{
	double most = 0;
	int i;

	for (i = 0; i < n; i++)
		most = fabs(values[i]) > most ? fabs(values[i]) : most;
	return most;
}

/*
 * Climbing
 */

static void
evaluate(const Climb *climb, Point *point)
{
	double parameters[MOST];
	int i;

	for (i = 0; i < climb->model->n_parameters; i++)
		parameters[i] = rfmseg_exp(point->logs[i]);
	climb->model->likelihood(&climb->histories, parameters, &point->at, climb->room, climb->pause);
}

/* The negative Hessian per customer, with more on the diagonal. */
static void
curvature(const Climb *climb, double damping, double out[MOST][MOST])
{
	int i, j;

	for (i = 0; i < climb->model->n_parameters; i++)
		for (j = 0; j <= i; j++)
			out[i][j] = (i == j ? damping : 0) - climb->here.at.hessian[i][j] / climb->weight;
}

/* The step to where the quadratic model has its maximum; false if it has none. */
static bool
newton_step(const Climb *climb, double damping, double *step)
{
	double negative[MOST][MOST];
	double factor[MOST][MOST];
	double gradient[MOST] = {0};
	int n = climb->model->n_parameters;
	int i;

	curvature(climb, damping, negative);
	if (!factorize(negative, n, factor))
		return false;
	for (i = 0; i < n; i++)
		gradient[i] = climb->here.at.gradient[i] / climb->weight;
	solve(factor, n, gradient, step);
	return true;
}

/* The damped step, no longer than it may be and within bounds; false if it leads nowhere. */
static bool
choose_step(Climb *climb, double *step)
{
	double bound = rfmseg_log(RFMSEG_FIT_MOST);
	int n = climb->model->n_parameters;
	double length;
	int i;

	while (!newton_step(climb, climb->damping, step))
	{
		climb->damping = climb->damping > 0 ? climb->damping * 4 : LEAST_DAMPING;
		if (climb->damping > MOST_DAMPING)
			return false;
	}
	length = largest(step, n);
	for (i = 0; i < n; i++)
	{
		double to = climb->here.logs[i] +
			(length > LONGEST_STEP ? step[i] * (LONGEST_STEP / length) : step[i]);

		to = to > bound ? bound : to < -bound ? -bound : to;
		step[i] = to - climb->here.logs[i];
	}
	return largest(step, n) > 0;
}

/* By how much the quadratic model says that a step leads up. */
static double
expected_rise(const Climb *climb, const double *step)
{
	const RfmsegLikelihood *at = &climb->here.at;
	double rise = 0;
	int i, j;

	for (i = 0; i < climb->model->n_parameters; i++)
	{
		rise += step[i] * (at->gradient[i] + 0.5 * at->hessian[i][i] * step[i]);
		for (j = 0; j < i; j++)
			rise += step[i] * step[j] * at->hessian[i][j];
	}
	return rise;
}

static double
gradient_norm(const Climb *climb, const Point *point)
{
	return largest(point->at.gradient, climb->model->n_parameters) / climb->weight;
}

/*
 * Whether to take a step.  Close to the top the likelihood cannot tell up from
 * down any more; there the gradient decides.
 */
static bool
is_better(const Climb *climb, const Point *there, double rise, double expected)
{
	double noise = ROUNDING * (fabs(climb->here.at.value) + climb->weight);

	if (expected > 10 * noise)
		return rise > GOOD_ENOUGH * expected;
	return rise > -noise && gradient_norm(climb, there) < gradient_norm(climb, &climb->here);
}

/* How far the parameter that is the farthest from 1 is from it. */
static double
farthest(const Climb *climb)
{
	return rfmseg_exp(largest(climb->here.logs, climb->model->n_parameters));
}

static bool
is_optimum(const Climb *climb)
{
	double step[MOST];

	return gradient_norm(climb, &climb->here) <= RFMSEG_FIT_GRADIENT &&
		newton_step(climb, 0, step) && largest(step, climb->model->n_parameters) <= RFMSEG_FIT_STEP;
}

/*
 * Whether there is no top to be found: the likelihood rises up to the bounds, or
 * far off it hardly rises any more, and yet there is a long way to go.
 */
static bool
is_ridge(const Climb *climb)
{
	double step[MOST];

	if (farthest(climb) >= RFMSEG_FIT_MOST * (1 - 1e-9))
		return true;
	return farthest(climb) >= FAR_OFF && gradient_norm(climb, &climb->here) <= FLAT &&
		(!newton_step(climb, 0, step) || largest(step, climb->model->n_parameters) >= LONG_WAY);
}

/* Evaluates one step, and takes it if it leads up; false once there is no more to do. */
static bool
climb_on(Climb *climb)
{
	Point there = climb->here;
	double step[MOST];
	double expected, rise;
	int i;

	if (is_optimum(climb))
	{
		climb->status = RFMSEG_FIT_CONVERGED;
		return false;
	}
	if (is_ridge(climb))
	{
		climb->status = RFMSEG_FIT_NO_MAXIMUM;
		return false;
	}
	if (climb->iterations == RFMSEG_FIT_MAX_ITERATIONS || climb->damping > MOST_DAMPING ||
		!choose_step(climb, step))
	{
		climb->status = farthest(climb) >= FAR_OFF ? RFMSEG_FIT_NO_MAXIMUM : RFMSEG_FIT_STUCK;
		return false;
	}
	for (i = 0; i < climb->model->n_parameters; i++)
		there.logs[i] += step[i];
	evaluate(climb, &there);
	climb->iterations++;

	rise = there.at.value - climb->here.at.value;
	expected = expected_rise(climb, step);
	if (is_better(climb, &there, rise, expected))
	{
		climb->here = there;
		if (rise > 0.75 * expected)
			climb->damping = climb->damping > LEAST_DAMPING ? climb->damping / 8 : 0;
		else if (rise < 0.25 * expected)
			climb->damping = climb->damping > 0 ? climb->damping * 2 : LEAST_DAMPING;
	}
	else
		climb->damping = climb->damping * 4 > FIRST_DAMPING ? climb->damping * 4 : FIRST_DAMPING;
	return true;
}

static void
climb_up(Climb *climb)
{
	climb->damping = 0;
	climb->iterations = 0;
	evaluate(climb, &climb->here);
	while (climb_on(climb))
		;
}

/*
 * Results
 */

static RfmsegHistoryTotals
totals_of(const RfmsegLifetimeModel *model, const RfmsegHistories *histories)
{
	RfmsegHistoryTotals totals = {0};
	size_t i;

	for (i = 0; i < histories->n; i += histories->step)
	{
		const RfmsegHistoryRow *row = &histories->rows[i];

		if (!rfmseg_uses_history(model, row))
			continue;
		totals.weight += row->weight;
		totals.repeaters += row->frequency_repeat > 0 ? row->weight : 0;
		totals.frequency += row->weight * row->frequency_repeat;
		totals.age += row->weight * row->t_age;
		totals.money += row->weight * row->frequency_repeat * row->monetary_value;
	}
	return totals;
}

/* By the delta method from the inverse of the negative Hessian by the logarithms. */
static void
set_covariance(const Climb *climb, RfmsegFit *fit)
{
	double negative[MOST][MOST];
	double factor[MOST][MOST];
	int n = climb->model->n_parameters;
	int i, j;

	curvature(climb, 0, negative);
	if (!factorize(negative, n, factor))
		return;
	for (i = 0; i < n; i++)
	{
		double unit[MOST] = {0};
		double column[MOST];

		unit[i] = 1;
		solve(factor, n, unit, column);
		for (j = 0; j < n; j++)
			fit->covariance[j][i] =
				fit->parameters[i] * fit->parameters[j] * column[j] / climb->weight;
		fit->standard_errors[i] = sqrt(fit->covariance[i][i]);
	}
}

static void
set_result(const Climb *climb, RfmsegFit *fit)
{
	int i;

	fit->status = climb->status;
	fit->log_likelihood = climb->here.at.value;
	fit->gradient_norm = gradient_norm(climb, &climb->here);
	fit->iterations = climb->iterations;
	for (i = 0; i < climb->model->n_parameters; i++)
		fit->parameters[i] = rfmseg_exp(climb->here.logs[i]);
	if (fit->status == RFMSEG_FIT_CONVERGED)
		set_covariance(climb, fit);
}

/* What is not known yet is NaN; returns whether the rows can be fitted. */
static bool
begin(Climb *climb, const RfmsegLifetimeModel *model, const RfmsegHistoryRow *rows, size_t n,
	  RfmsegFit *fit, void *room, RfmsegLifetimePause pause)
{
	RfmsegHistoryTotals totals;
	int i, j;

	memset(climb, 0, sizeof(*climb));
	climb->model = model;
	climb->room = room;
	climb->pause = pause;
	climb->histories = (RfmsegHistories){rows, n, 1};
	totals = totals_of(model, &climb->histories);
	climb->weight = totals.weight;

	memset(fit, 0, sizeof(*fit));
	fit->customers = totals.weight;
	fit->log_likelihood = fit->gradient_norm = NAN;
	for (i = 0; i < MOST; i++)
	{
		fit->parameters[i] = fit->standard_errors[i] = NAN;
		for (j = 0; j < MOST; j++)
			fit->covariance[i][j] = NAN;
	}
	fit->status = !(totals.weight > 0) ? RFMSEG_FIT_NO_ROWS
		: !(totals.repeaters > 0)	   ? RFMSEG_FIT_NO_REPEATERS
									   : RFMSEG_FIT_STUCK;
	return fit->status == RFMSEG_FIT_STUCK;
}

static void
set_logs(Climb *climb, const double *parameters)
{
	double bound = rfmseg_log(RFMSEG_FIT_MOST);
	int i;

	for (i = 0; i < climb->model->n_parameters; i++)
		climb->here.logs[i] = fmax(-bound, fmin(bound, rfmseg_log(parameters[i])));
}

RfmsegFitStatus
rfmseg_fit_from(const RfmsegLifetimeModel *model, const RfmsegHistoryRow *rows, size_t n,
				const double *start, RfmsegFit *fit, void *room, RfmsegLifetimePause pause)
{
	Climb climb;

	if (begin(&climb, model, rows, n, fit, room, pause))
	{
		set_logs(&climb, start);
		climb_up(&climb);
		set_result(&climb, fit);
	}
	return fit->status;
}

/* Whether one end is above another or, being as high but for rounding, alone is a top. */
static bool
is_higher(const Climb *climb, const Climb *than)
{
	double rise = climb->here.at.value - than->here.at.value;

	if (fabs(rise) > 1e-9 * fabs(than->here.at.value))
		return rise > 0;
	return climb->status == RFMSEG_FIT_CONVERGED && than->status != RFMSEG_FIT_CONVERGED;
}

/* The best of climbs from all starts on those rows; returns how many of them found a top. */
static int
climb_from_all_starts(const Climb *of, const RfmsegHistories *histories, Climb *best)
{
	RfmsegHistoryTotals totals = totals_of(of->model, histories);
	int converged = 0;
	int which;

	for (which = 0; which < RFMSEG_FIT_STARTS; which++)
	{
		Climb climb = *of;
		double start[MOST];

		climb.histories = *histories;
		climb.weight = totals.weight;
		climb.model->start(&totals, which, start);
		set_logs(&climb, start);
		climb_up(&climb);
		converged += climb.status == RFMSEG_FIT_CONVERGED;
		if (which == 0 || is_higher(&climb, best))
			*best = climb;
	}
	return converged;
}

RfmsegFitStatus
rfmseg_fit(const RfmsegLifetimeModel *model, const RfmsegHistoryRow *rows, size_t n, RfmsegFit *fit,
		   void *room, RfmsegLifetimePause pause)
{
	RfmsegHistories sample = {rows, n, (n + RFMSEG_FIT_SAMPLE - 1) / RFMSEG_FIT_SAMPLE};
	Climb all;
	Climb best;

	if (!begin(&all, model, rows, n, fit, room, pause))
		return fit->status;

	best = all;
	best.status = RFMSEG_FIT_STUCK;
	if (sample.step > 1 && totals_of(model, &sample).repeaters > 0)
	{
		fit->starts_converged = climb_from_all_starts(&all, &sample, &best);
		if (best.status == RFMSEG_FIT_CONVERGED)
		{
			memcpy(all.here.logs, best.here.logs, sizeof(all.here.logs));
			climb_up(&all);
			best = all;
		}
	}
	/* a sample may be too small to have an optimum where all rows have one */
	if (best.status != RFMSEG_FIT_CONVERGED)
		fit->starts_converged = climb_from_all_starts(&all, &all.histories, &best);
	set_result(&best, fit);
	return fit->status;
}
