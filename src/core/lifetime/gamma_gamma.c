/*
 * gamma_gamma.c
 *		The Gamma-Gamma model.  See gamma_gamma.h.
 *
 * With x purchases of mean m the log-likelihood is
 *
 *	-ln B(p x, q) - ln m - q ln(1 + x m / v) - p x ln(1 + v / (x m)):
 *
 * that of the paper, so written that nothing large cancels.
 */
#include "gamma_gamma.h"

#include <string.h>

#include "../portable_math.h"
#include "special.h"

enum
{
	P,
	Q,
	V,
	PARAMETERS
};

#define ROWS_A_PAUSE 1024

static bool
uses(const RfmsegHistoryRow *row)
{
	return row->frequency_repeat > 0 && row->monetary_value >= RFMSEG_LEAST_MONEY;
}

static void
likelihood_of(const double *parameters, const RfmsegHistoryRow *row, RfmsegLikelihood *likelihood)
{
	double q = parameters[Q];
	double px = parameters[P] * row->frequency_repeat;
	double spent = row->frequency_repeat * row->monetary_value;
	double of_spent = rfmseg_log1p(parameters[V] / spent);
	double of_v = rfmseg_log1p(spent / parameters[V]);
	double share = parameters[V] / (spent + parameters[V]);
	double other = spent / (spent + parameters[V]);
	double *gradient = likelihood->gradient;

	likelihood->value =
		-rfmseg_log_beta(px, q) - rfmseg_log(row->monetary_value) - q * of_v - px * of_spent;
	gradient[P] = px * (rfmseg_digamma_step(px, q) - of_spent);
	gradient[Q] = q * (rfmseg_digamma_step(q, px) - of_v);
	gradient[V] = q * other - px * share;
	likelihood->hessian[P][P] = gradient[P] + px * px * rfmseg_trigamma_step(px, q);
	likelihood->hessian[Q][P] = px * q * rfmseg_trigamma(px + q);
	likelihood->hessian[Q][Q] = gradient[Q] + q * q * rfmseg_trigamma_step(q, px);
	likelihood->hessian[V][P] = -px * share;
	likelihood->hessian[V][Q] = q * other;
	likelihood->hessian[V][V] = -(q + px) * share * other;
}

static void
likelihood_of_all(const RfmsegHistories *histories, const double *parameters,
				  RfmsegLikelihood *likelihood, void *room, RfmsegLifetimePause pause)
{
	size_t done = 0;
	size_t i;

	(void) room;
	memset(likelihood, 0, sizeof(*likelihood));
	for (i = 0; i < histories->n; i += histories->step)
	{
		const RfmsegHistoryRow *row = &histories->rows[i];
		RfmsegLikelihood one;

		if (++done % ROWS_A_PAUSE == 0)
			pause();
		if (!(row->weight > 0) || !uses(row))
			continue;
		likelihood_of(parameters, row, &one);
		rfmseg_likelihood_add(likelihood, &one, row->weight, PARAMETERS);
	}
}

/* Spending that scatters much, or little, within and between customers. */
static void
start(const RfmsegHistoryTotals *totals, int which, double *parameters)
{
	static const double shapes[RFMSEG_FIT_STARTS][2] = {
		{5, 4}, {1, 2}, {0.3, 10}, {20, 1.5}, {30, 30}};
	double mean = totals->money / totals->frequency;

	parameters[P] = shapes[which][0];
	parameters[Q] = shapes[which][1];
	parameters[V] = mean * (parameters[Q] - 1) / parameters[P];
}

const RfmsegLifetimeModel rfmseg_gamma_gamma = {
	"gamma_gamma", PARAMETERS, {"p", "q", "v"}, 0, uses, start, likelihood_of_all, NULL, NULL};

bool
rfmseg_gamma_gamma_has_mean(const double *parameters)
{
	return parameters[Q] > 1;
}

double
rfmseg_expected_average_value(const double *parameters, double frequency_repeat,
							  double monetary_value)
{
	double p = parameters[P];
	double px = p * frequency_repeat;
	double spent = frequency_repeat > 0 ? frequency_repeat * monetary_value : 0;

	return p * (parameters[V] + spent) / (px + (parameters[Q] - 1));
}
