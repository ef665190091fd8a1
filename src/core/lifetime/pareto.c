/*
 * pareto.c
 *		Pareto/NBD.  See pareto.h.
 *
 * The likelihood of a customer is a sum over all times at which the customer
 * may have dropped out:
 *
 *	prod over j < x of (r + j) / alpha, times
 *	  (1 + T / alpha)^-(r + x) (1 + T / beta)^-s +
 *	  integral from t_x to T of
 *	    (1 + y / alpha)^-(r + x) (1 + y / beta)^-(s + 1) s / beta dy.
 *
 * Its closed form is a difference of two hypergeometric functions; in the
 * integral all is positive, and derivatives are means over y.  It is taken by
 * Gauss's rule of twelve points over pieces of v = ln(m + y), where m is the lesser
 * of alpha and beta: there the integrand is log-concave, and analytic as far as pi
 * from the line.  Errors are below 1e-12.
 */
#include "pareto.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "../portable_math.h"
#include "rises.h"
#include "special.h"

enum
{
	R,
	ALPHA,
	S,
	BETA,
	PARAMETERS
};

#define ROWS_A_PAUSE 512
#define POINTS 6		  /* on either side of a piece's middle */
#define LONGEST_PIECE 3	  /* of v */
#define STEEPEST_PIECE 10 /* of the logarithm of the integrand */
#define MOST_PIECES 1000
#define NEGLIGIBLE 45 /* below the highest such logarithm */

static const double points[POINTS] = {0.1252334085114689, 0.3678314989981802, 0.5873179542866175,
									  0.7699026741943047, 0.9041172563704749, 0.9815606342467192};
static const double weights[POINTS] = {0.24914704581340277, 0.2334925365383548,
									   0.20316742672306592, 0.16007832854334622,
									   0.10693932599531843, 0.04717533638651183};

/* One customer's integral */
typedef struct Dropout
{
	double n; /* r + x */
	double alpha, s, beta;
	double low;		 /* the lesser of alpha and beta */
	double high;	 /* the greater */
	double log_from; /* ln(1 + t_x / low) */
	double log_rate; /* ln(s low / beta) */
	double from;	 /* t_x */
	double until;	 /* T */
	double length;	 /* of v, from t_x to T */
	double alive;	 /* logarithm of the term of those who have not dropped out */
} Dropout;

/* A time of dropping out: days, and how likely it is per unit of v */
typedef struct Time
{
	double y;
	double log_alpha; /* ln(1 + y / alpha) */
	double log_beta;
	double log_density;
} Time;

/* The time at which v is so much more than at t_x. */
static Time
time_at(const Dropout *dropout, double v)
{
	double log_low = dropout->log_from + v;
	double log_high;
	Time time;

	time.y = dropout->from + (dropout->low + dropout->from) * rfmseg_expm1(v);
	log_high = rfmseg_log1p(time.y / dropout->high);
	time.log_alpha = dropout->alpha == dropout->low ? log_low : log_high;
	time.log_beta = dropout->alpha == dropout->low ? log_high : log_low;
	time.log_density = dropout->log_rate + log_low - dropout->n * time.log_alpha -
		(dropout->s + 1) * time.log_beta;
	return time;
}

/* The end of what was observed; its density is not used. */
static Time
end_of(const Dropout *dropout, double t_age)
{
	Time time;

	time.y = t_age;
	time.log_alpha = rfmseg_log1p(t_age / dropout->alpha);
	time.log_beta = rfmseg_log1p(t_age / dropout->beta);
	time.log_density = 0;
	return time;
}

/* How the logarithm of the density changes with v. */
static double
slope_at(const Dropout *dropout, double y)
{
	return 1 - dropout->n * (dropout->low + y) / (dropout->alpha + y) -
		(dropout->s + 1) * (dropout->low + y) / (dropout->beta + y);
}

static void
set_dropout(const double *parameters, const RfmsegHistoryRow *row, Dropout *dropout, Time *end)
{
	dropout->n = parameters[R] + row->frequency_repeat;
	dropout->alpha = parameters[ALPHA];
	dropout->s = parameters[S];
	dropout->beta = parameters[BETA];
	dropout->low = fmin(parameters[ALPHA], parameters[BETA]);
	dropout->high = fmax(parameters[ALPHA], parameters[BETA]);
	dropout->from = row->recency_btyd;
	dropout->until = row->t_age;
	dropout->log_from = rfmseg_log1p(row->recency_btyd / dropout->low);
	dropout->log_rate = rfmseg_log(parameters[S] * (dropout->low / parameters[BETA]));
	dropout->length =
		rfmseg_log1p((row->t_age - row->recency_btyd) / (dropout->low + row->recency_btyd));
	*end = end_of(dropout, row->t_age);
	dropout->alive = -dropout->n * end->log_alpha - dropout->s * end->log_beta;
}

/* Where the density is highest, if it rises at first */
static double
peak_of(const Dropout *dropout)
{
	double low = 0;
	double high = dropout->length;
	double peak = 0;
	int i;

	for (i = 0; i < 60; i++)
	{
		peak = (low + high) / 2;
		if (slope_at(dropout, time_at(dropout, peak).y) > 0)
			low = peak;
		else
			high = peak;
	}
	return peak;
}

/* How far out from the peak the density is not below that: to the end, or a little beyond. */
static double
reach(const Dropout *dropout, double peak, double end, double log_density)
{
	int i;

	if (time_at(dropout, end).log_density >= log_density)
		return end;
	for (i = 0; i < 30; i++)
	{
		double middle = (peak + end) / 2;

		if (time_at(dropout, middle).log_density >= log_density)
			peak = middle;
		else
			end = middle;
	}
	return end;
}

/* What is left without what is negligible at either end; returns in how many pieces. */
static int
cut(const Dropout *dropout, double *from, double *length)
{
	double first = slope_at(dropout, dropout->from);
	double steep = fmax(fabs(first), fabs(slope_at(dropout, dropout->until)));
	double pieces;

	*from = 0;
	*length = dropout->length;
	if (steep * *length > NEGLIGIBLE)
	{
		double peak = first > 0 ? peak_of(dropout) : 0;
		double enough = time_at(dropout, peak).log_density - NEGLIGIBLE;
		double end = reach(dropout, peak, dropout->length, enough);

		*from = reach(dropout, peak, 0, enough);
		*length = end - *from;
		steep = fmax(fabs(slope_at(dropout, time_at(dropout, *from).y)),
					 fabs(slope_at(dropout, time_at(dropout, end).y)));
	}
	pieces = ceil(fmax(*length / LONGEST_PIECE, *length * steep / STEEPEST_PIECE));
	return *length > 0 ? (int) fmax(1, fmin(pieces, MOST_PIECES)) : 0;
}

/* Sums over all times of dropping out, and over being alive */
typedef struct Sums
{
	double all;
	double first[PARAMETERS];			   /* derivatives, */
	double second[PARAMETERS][PARAMETERS]; /* second ones, and products of first ones */
	double reference;					   /* logarithm of 1 */
} Sums;

/* Adds a time of dropping out, or the end of what was observed. */
static void
add_time(const Dropout *dropout, double r, const Time *time, double share, bool is_alive,
		 const double *centre, Sums *sums)
{
	double s = dropout->s;
	double of_s = is_alive ? s : s + 1;
	double part_alpha = time->y / (dropout->alpha + time->y);
	double part_beta = time->y / (dropout->beta + time->y);
	double by[PARAMETERS];
	int i, j;

	by[R] = -r * time->log_alpha - centre[R];
	by[ALPHA] = dropout->n * part_alpha - centre[ALPHA];
	by[S] = (is_alive ? 0 : 1) - s * time->log_beta - centre[S];
	by[BETA] = (is_alive ? 0 : -1) + of_s * part_beta - centre[BETA];
	sums->all += share;
	for (i = 0; i < PARAMETERS; i++)
	{
		sums->first[i] += share * by[i];
		for (j = 0; j <= i; j++)
			sums->second[i][j] += share * by[i] * by[j];
	}
	sums->second[R][R] -= share * r * time->log_alpha;
	sums->second[ALPHA][R] += share * r * part_alpha;
	sums->second[ALPHA][ALPHA] -= share * dropout->n * part_alpha * (1 - part_alpha);
	sums->second[S][S] -= share * s * time->log_beta;
	sums->second[BETA][S] += share * s * part_beta;
	sums->second[BETA][BETA] -= share * of_s * part_beta * (1 - part_beta);
}

/* Without a centre, adds up their likelihood alone.  If t_x is T there is none. */
static void
add_dropouts(const Dropout *dropout, double r, const double *centre, Sums *sums)
{
	double from, length;
	int pieces = cut(dropout, &from, &length);
	double half = pieces > 0 ? length / pieces / 2 : 0;
	int i, k;

	for (k = 0; k < pieces; k++)
		for (i = -POINTS; i < POINTS; i++)
		{
			int point = i < 0 ? -1 - i : i;
			double place = i < 0 ? 1 - points[point] : 1 + points[point];
			Time time = time_at(dropout, from + half * (2 * k + place));
			double share = weights[point] * half * rfmseg_exp(time.log_density - sums->reference);

			if (centre != NULL)
				add_time(dropout, r, &time, share, false, centre, sums);
			else
				sums->all += share;
		}
}

/* No term is above e^70 of this one: over v, densities rise by no more than its length. */
static double
reference_of(const Dropout *dropout)
{
	return fmax(dropout->alive, time_at(dropout, 0).log_density);
}

/*
 * The likelihood
 */

static void
likelihood_of(RfmsegRisesTable *table, const double *parameters, const RfmsegHistoryRow *row,
			  RfmsegLikelihood *likelihood)
{
	RfmsegRises rises = rfmseg_rises(table, (int) row->frequency_repeat);
	double centre[PARAMETERS]; /* what derivatives are compared with, so that squares stay small */
	Sums sums = {0};
	Dropout dropout;
	Time end;
	int i, j;

	set_dropout(parameters, row, &dropout, &end);
	centre[R] = -parameters[R] * end.log_alpha;
	centre[ALPHA] = dropout.n * (row->t_age / (dropout.alpha + row->t_age));
	centre[S] = -dropout.s * end.log_beta;
	centre[BETA] = dropout.s * (row->t_age / (dropout.beta + row->t_age));

	sums.reference = reference_of(&dropout);
	add_time(&dropout, parameters[R], &end, rfmseg_exp(dropout.alive - sums.reference), true,
			 centre, &sums);
	add_dropouts(&dropout, parameters[R], centre, &sums);

	likelihood->value = rises.log + sums.reference + rfmseg_log(sums.all);
	for (i = 0; i < PARAMETERS; i++)
	{
		likelihood->gradient[i] = centre[i] + sums.first[i] / sums.all;
		for (j = 0; j <= i; j++)
			likelihood->hessian[i][j] = sums.second[i][j] / sums.all -
				sums.first[i] / sums.all * (sums.first[j] / sums.all);
	}
	likelihood->gradient[R] += rises.first;
	likelihood->gradient[ALPHA] -= row->frequency_repeat;
	likelihood->hessian[R][R] += rises.second;
}

static void
likelihood_of_all(const RfmsegHistories *histories, const double *parameters,
				  RfmsegLikelihood *likelihood, void *room, RfmsegLifetimePause pause)
{
	RfmsegRisesTable *table = room;
	size_t done = 0;
	size_t i;

	rfmseg_rises_start(table, parameters[R], parameters[ALPHA]);
	memset(likelihood, 0, sizeof(*likelihood));
	for (i = 0; i < histories->n; i += histories->step)
	{
		RfmsegLikelihood one;

		if (++done % ROWS_A_PAUSE == 0)
			pause();
		if (!(histories->rows[i].weight > 0))
			continue;
		likelihood_of(table, parameters, &histories->rows[i], &one);
		rfmseg_likelihood_add(likelihood, &one, histories->rows[i].weight, PARAMETERS);
	}
}

static bool
uses(const RfmsegHistoryRow *row)
{
	(void) row;
	return true;
}

/* Rates of either kind that differ much, or little, between customers. */
static void
start(const RfmsegHistoryTotals *totals, int which, double *parameters)
{
	static const double shapes[RFMSEG_FIT_STARTS][2] = {
		{0.5, 0.5}, {1, 1}, {0.1, 0.2}, {5, 2}, {20, 5}};
	double rate = totals->frequency / totals->age; /* a lower bound, as many have dropped out */

	parameters[R] = shapes[which][0];
	parameters[ALPHA] = parameters[R] / (2 * rate);
	parameters[S] = shapes[which][1];
	parameters[BETA] = parameters[S] * totals->age / totals->weight;
}

/*
 * Predictions
 */

static double
p_alive(const double *parameters, const RfmsegHistoryRow *row)
{
	Sums sums = {0};
	Dropout dropout;
	Time end;
	double alive;

	set_dropout(parameters, row, &dropout, &end);
	sums.reference = reference_of(&dropout);
	alive = rfmseg_exp(dropout.alive - sums.reference);
	sums.all = alive;
	add_dropouts(&dropout, parameters[R], NULL, &sums);
	return alive / sums.all;
}

/*
 * The rate is (r + x) / (alpha + T); the time in which it lasts is
 * (1 - ((beta + T) / (beta + T + t))^(s - 1)) (beta + T) / (s - 1), so written
 * that s = 1 is no exception.
 */
static void
expected_if_alive(const double *parameters, const RfmsegHistoryRow *row, const double *days, int n,
				  double *expected)
{
	double rate = (parameters[R] + row->frequency_repeat) / (parameters[ALPHA] + row->t_age);
	double until = parameters[BETA] + row->t_age;
	int i;

	for (i = 0; i < n; i++)
	{
		double log_t = rfmseg_log1p(days[i] / until);

		expected[i] = rate * until * log_t * rfmseg_mean_decay((parameters[S] - 1) * log_t);
	}
}

const RfmsegLifetimeModel rfmseg_pnbd = {"pnbd",
										 PARAMETERS,
										 {"r", "alpha", "s", "beta"},
										 sizeof(RfmsegRisesTable),
										 uses,
										 start,
										 likelihood_of_all,
										 p_alive,
										 expected_if_alive};
