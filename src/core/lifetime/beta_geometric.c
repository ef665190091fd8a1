/*
 * beta_geometric.c
 *		BG/NBD and MBG/NBD.  See beta_geometric.h.
 *
 * The two differ in how many purchases a customer may have dropped out after:
 * all but the first, or all.  Let that be n, and
 *
 *	S1 = sum over j < x of ln((r + j) / alpha)
 *	S2 = sum over j < n of ln((b + j) / (a + b + j))
 *	A3 = -(r + x) ln(1 + T / alpha)
 *	A4 = ln a - ln(b + n - 1) - (r + x) ln(1 + t_x / alpha), if n > 0.
 *
 * The log-likelihood of a customer is S1 + S2 + ln(exp(A3) + exp(A4)): that of
 * the papers, so written that nothing large cancels when parameters are.
 */
#include "beta_geometric.h"

#include <math.h>
#include <string.h>

#include "../portable_math.h"
#include "rises.h"
#include "special.h"

enum
{
	R,
	ALPHA,
	A,
	B,
	PARAMETERS
};

#define ROWS_A_PAUSE 4096

/* Sums over j = 0 .. count - 1: ln((b + j) / (a + b + j)), and its derivatives by ln a and ln b */
typedef struct Survivals
{
	double log;
	double a, b;
	double aa, ab, bb;
} Survivals;

#define SURVIVALS 2048 /* those of higher counts are added up anew, being rare */

typedef struct Table
{
	RfmsegRisesTable rises;
	double a, b;
	int filled;
	Survivals of[SURVIVALS + 1];
} Table;

static void
add_survival(const Table *table, int j, Survivals *sums)
{
	double b_j = table->b + j;
	double ab_j = table->a + b_j;
	double share = table->a / ab_j;
	double other = table->b / ab_j;

	sums->log -= rfmseg_log1p(table->a / b_j);
	sums->a -= share;
	sums->b += share * (table->b / b_j);
	sums->aa -= share * (b_j / ab_j);
	sums->ab += share * other;
	sums->bb += share * other * ((j / b_j) * ((2 * b_j + table->a) / b_j) - 1);
}

static Survivals
survivals(Table *table, int count)
{
	Survivals sums;
	int j;

	for (; table->filled < count && table->filled < SURVIVALS; table->filled++)
	{
		table->of[table->filled + 1] = table->of[table->filled];
		add_survival(table, table->filled, &table->of[table->filled + 1]);
	}
	sums = table->of[count < SURVIVALS ? count : SURVIVALS];
	for (j = SURVIVALS; j < count; j++)
		add_survival(table, j, &sums);
	return sums;
}

/* Of one customer; "first" tells how many more purchases may have been the last. */
static void
likelihood_of(Table *table, const RfmsegHistoryRow *row, int first, RfmsegLikelihood *likelihood)
{
	double r = table->rises.r;
	double alpha = table->rises.alpha;
	double x = row->frequency_repeat;
	int n = (int) x + first;
	double log_3 = rfmseg_log1p(row->t_age / alpha);
	double share_3 = row->t_age / (alpha + row->t_age);
	RfmsegRises rises = rfmseg_rises(&table->rises, (int) x);
	double *gradient = likelihood->gradient;

	memset(likelihood, 0, sizeof(*likelihood));
	likelihood->value = rises.log - (r + x) * log_3;
	gradient[R] = rises.first - r * log_3;
	gradient[ALPHA] = -x + (r + x) * share_3;
	likelihood->hessian[R][R] = rises.second - r * log_3;
	likelihood->hessian[ALPHA][R] = r * share_3;
	likelihood->hessian[ALPHA][ALPHA] = -(r + x) * share_3 * (1 - share_3);

	if (n > 0)
	{
		Survivals survived = survivals(table, n);
		double b_n = table->b + n - 1;
		double log_4 = rfmseg_log1p(row->recency_btyd / alpha);
		double share_4 = row->recency_btyd / (alpha + row->recency_btyd);
		double more = rfmseg_log(table->a / b_n) + (r + x) * (log_3 - log_4);
		double w = rfmseg_logistic(more);
		double by[PARAMETERS]; /* derivatives of A4 - A3 */
		int i, j;

		by[R] = r * (log_3 - log_4);
		by[ALPHA] = (r + x) * (share_4 - share_3);
		by[A] = 1;
		by[B] = -table->b / b_n;

		likelihood->value += survived.log + rfmseg_log_sum(0, more);
		gradient[A] = survived.a;
		gradient[B] = survived.b;
		likelihood->hessian[A][A] = survived.aa;
		likelihood->hessian[B][A] = survived.ab;
		likelihood->hessian[B][B] = survived.bb - w * (table->b / b_n) * ((n - 1) / b_n);
		likelihood->hessian[R][R] += w * by[R];
		likelihood->hessian[ALPHA][R] += w * r * (share_4 - share_3);
		likelihood->hessian[ALPHA][ALPHA] +=
			w * (r + x) * (share_3 * (1 - share_3) - share_4 * (1 - share_4));
		for (i = 0; i < PARAMETERS; i++)
		{
			gradient[i] += w * by[i];
			for (j = 0; j <= i; j++)
				likelihood->hessian[i][j] += w * (1 - w) * by[i] * by[j];
		}
	}
}

static void
likelihood_of_all(const RfmsegHistories *histories, const double *parameters, int first,
				  RfmsegLikelihood *likelihood, Table *table, RfmsegLifetimePause pause)
{
	size_t done = 0;
	size_t i;

	rfmseg_rises_start(&table->rises, parameters[R], parameters[ALPHA]);
	table->a = parameters[A];
	table->b = parameters[B];
	table->filled = 0;
	memset(&table->of[0], 0, sizeof(Survivals));
	memset(likelihood, 0, sizeof(*likelihood));
	for (i = 0; i < histories->n; i += histories->step)
	{
		RfmsegLikelihood one;

		if (++done % ROWS_A_PAUSE == 0)
			pause();
		if (!(histories->rows[i].weight > 0))
			continue;
		likelihood_of(table, &histories->rows[i], first, &one);
		rfmseg_likelihood_add(likelihood, &one, histories->rows[i].weight, PARAMETERS);
	}
}

static void
bgnbd_likelihood(const RfmsegHistories *histories, const double *parameters,
				 RfmsegLikelihood *likelihood, void *room, RfmsegLifetimePause pause)
{
	likelihood_of_all(histories, parameters, 0, likelihood, room, pause);
}

static void
mbgnbd_likelihood(const RfmsegHistories *histories, const double *parameters,
				  RfmsegLikelihood *likelihood, void *room, RfmsegLifetimePause pause)
{
	likelihood_of_all(histories, parameters, 1, likelihood, room, pause);
}

static bool
uses(const RfmsegHistoryRow *row)
{
	(void) row;
	return true;
}

/* Rates that differ much, or little, between customers; dropout that is rare, or common. */
static void
start(const RfmsegHistoryTotals *totals, int which, double *parameters)
{
	static const double shapes[RFMSEG_FIT_STARTS][3] = {
		{0.5, 0.8, 2.5}, {1, 0.1, 2}, {0.1, 3, 3}, {5, 0.5, 10}, {30, 5, 50}};
	double rate = totals->frequency / totals->age; /* a lower bound, as many have dropped out */

	parameters[R] = shapes[which][0];
	parameters[ALPHA] = shapes[which][0] / (2 * rate);
	parameters[A] = shapes[which][1];
	parameters[B] = shapes[which][2];
}

/*
 * Predictions
 */

static double
p_alive(const double *parameters, const RfmsegHistoryRow *row, int first)
{
	double n = row->frequency_repeat + first;

	if (n == 0)
		return 1;
	return rfmseg_logistic(-rfmseg_log(parameters[A] / (parameters[B] + n - 1)) -
						   (parameters[R] + row->frequency_repeat) *
							   rfmseg_log1p((row->t_age - row->recency_btyd) /
											(parameters[ALPHA] + row->recency_btyd)));
}

static double
bgnbd_p_alive(const double *parameters, const RfmsegHistoryRow *row)
{
	return p_alive(parameters, row, 0);
}

static double
mbgnbd_p_alive(const double *parameters, const RfmsegHistoryRow *row)
{
	return p_alive(parameters, row, 1);
}

/*
 * What a customer with a purchase rate of gamma(r, 1), who drops out after a
 * purchase with a probability of beta(a, b), buys until then in a time of t.
 * The closed form subtracts what is infinite at a = 1 and at a + b + x = 1; two
 * other ones have but positive terms.
 */
typedef struct Outlook
{
	double r, a, b;
	double t; /* of the integral */
} Outlook;

#define SERIES_MOST_T 20
#define SERIES_MOST_PURCHASES 300
#define NEGLIGIBLE 1e-17

/*
 * Where t is not long.  If nobody dropped out, purchases would have a negative
 * binomial distribution; of k of them, the j-th is made with probability
 * (b)_j / (a + b)_j.  The last of n horizons, which rise, takes the most terms.
 */
static void
expected_by_series(const Outlook *o, const double *t, int n, double *expected)
{
	double z[RFMSEG_HORIZONS] = {0};
	double probability[RFMSEG_HORIZONS] = {0};
	double reached = 1;
	double made = 0;
	double k;
	int i;

	for (i = 0; i < n; i++)
	{
		z[i] = t[i] / (1 + t[i]);
		probability[i] = rfmseg_exp(-o->r * rfmseg_log1p(t[i]));
		expected[i] = 0;
	}
	for (k = 1;; k++)
	{
		double ratio = (o->r + k - 1) / k;
		double next = z[n - 1] * (1 + o->r / k); /* no less than that of the terms after */

		made += reached;
		reached *= (o->b + k - 1) / (o->a + o->b + k - 1);
		for (i = 0; i < n; i++)
		{
			probability[i] *= z[i] * ratio;
			expected[i] += probability[i] * made;
		}
		if (next < 1 &&
			probability[n - 1] * made * next <= NEGLIGIBLE * (1 - next) * expected[n - 1])
			return;
	}
}

/* A place on the line of y = ln(p / (1 - p)): how likely it is, and what is bought there. */
typedef struct Place
{
	double weight;
	double product; /* of weight and purchases */
} Place;

static double
log_density(const Outlook *o, double y)
{
	double log_p = y > 0 ? -rfmseg_log1p(rfmseg_exp(-y)) : y - rfmseg_log1p(rfmseg_exp(y));

	return o->a * log_p + o->b * (log_p - y);
}

static Place
place_at(const Outlook *o, double y, double highest)
{
	double p = rfmseg_logistic(y);
	double exponent = o->r * rfmseg_log1p(p * o->t);
	Place place;

	place.weight = rfmseg_exp(log_density(o, y) - highest);
	/* (1 - (1 + p t)^-r) / p */
	place.product = place.weight * (-rfmseg_expm1(-exponent) / p);
	return place;
}

/*
 * Adds places at equal steps up or down, until nothing is left: weight and
 * product are log-concave in y, so that each falls at least as fast as before.
 */
static void
add_places(const Outlook *o, double from, double step, double highest, Place *sum)
{
	/* beyond them p, or 1 - p, is next to nothing beside all else: what is left is geometric */
	double top = 40 + rfmseg_log1p(o->a + o->r);
	double bottom = 40 + rfmseg_log1p(o->b + o->r * o->t);
	Place last = {0, 0};
	double y = from;
	int i;

	for (i = 0;; i++, y += step)
	{
		Place place = place_at(o, y, highest);

		sum->weight += place.weight;
		sum->product += place.product;
		if (step > 0 ? y > top : y < -bottom)
		{
			double rest = 1 / rfmseg_expm1((step > 0 ? o->b : o->a) * fabs(step));

			sum->weight += place.weight * rest;
			sum->product += place.product * rest;
			return;
		}
		if (i > 0 && place.weight <= last.weight && place.product <= last.product)
		{
			double ratio = last.weight > 0 ? place.weight / last.weight : 0;
			double of_product = last.product > 0 ? place.product / last.product : 0;

			if (place.weight * ratio <= NEGLIGIBLE * (1 - ratio) * sum->weight &&
				place.product * of_product <= NEGLIGIBLE * (1 - of_product) * sum->product)
				return;
		}
		last = place;
	}
}

/*
 * The mean of (1 - (1 + p t)^-r) / p over p, by the trapezoidal rule on the line
 * of ln(p / (1 - p)), where it converges exponentially as the integrand is
 * analytic about the line (Trefethen & Weideman, SIAM Review 56, 2014).
 */
static double
expected_by_integral(const Outlook *o)
{
	double mode = rfmseg_log(o->a / o->b);
	double highest = log_density(o, mode);
	double narrow = 0.6 * sqrt(1 / o->a + 1 / o->b);
	double step = narrow < 0.25 ? narrow : 0.25;
	Place sum = {0, 0};

	add_places(o, mode, step, highest, &sum);
	add_places(o, mode - step, -step, highest, &sum);
	return sum.product / sum.weight;
}

static void
expected_if_alive(const double *parameters, const RfmsegHistoryRow *row, int first,
				  const double *days, int n, double *expected)
{
	double t[RFMSEG_HORIZONS];
	int by_series = 0;
	Outlook o;
	int i;

	o.r = parameters[R] + row->frequency_repeat;
	o.a = parameters[A];
	o.b = parameters[B] + row->frequency_repeat + first;
	for (i = 0; i < n; i++)
	{
		t[i] = days[i] / (parameters[ALPHA] + row->t_age);
		by_series += t[i] <= SERIES_MOST_T && o.r * t[i] <= SERIES_MOST_PURCHASES;
	}
	if (by_series > 0)
		expected_by_series(&o, t, by_series, expected);
	for (i = by_series; i < n; i++)
	{
		o.t = t[i];
		expected[i] = expected_by_integral(&o);
	}
}

static void
bgnbd_expected(const double *parameters, const RfmsegHistoryRow *row, const double *days, int n,
			   double *expected)
{
	expected_if_alive(parameters, row, 0, days, n, expected);
}

static void
mbgnbd_expected(const double *parameters, const RfmsegHistoryRow *row, const double *days, int n,
				double *expected)
{
	expected_if_alive(parameters, row, 1, days, n, expected);
}

const RfmsegLifetimeModel rfmseg_bgnbd = {"bgnbd",			PARAMETERS,	   {"r", "alpha", "a", "b"},
										  sizeof(Table),	uses,		   start,
										  bgnbd_likelihood, bgnbd_p_alive, bgnbd_expected};

const RfmsegLifetimeModel rfmseg_mbgnbd = {
	"mbgnbd", PARAMETERS,		 {"r", "alpha", "a", "b"}, sizeof(Table),  uses,
	start,	  mbgnbd_likelihood, mbgnbd_p_alive,		   mbgnbd_expected};
