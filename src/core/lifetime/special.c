/*
 * special.c
 *		Functions of the models of customer lifetime value.  See special.h.
 *
 * From LARGE on, log-gamma and its derivatives are their asymptotic series
 * (Abramowitz & Stegun, 6.1.41, 6.3.18 and 6.4.12), of which eight terms are
 * enough; below, the recurrences lead there.
 */
#include "special.h"

#include "../portable_math.h"

#define LARGE 10
#define HALF_LN_2PI 0.91893853320467274178

double
rfmseg_log_sum(double a, double b)
{
	double most = a > b ? a : b;
	double least = a > b ? b : a;

	return most + rfmseg_log1p(rfmseg_exp(least - most));
}

double
rfmseg_logistic(double x)
{
	double small = rfmseg_exp(x > 0 ? -x : x);

	return (x > 0 ? 1 : small) / (1 + small);
}

double
rfmseg_mean_decay(double x)
{
	return x == 0 ? 1 : -rfmseg_expm1(-x) / x;
}

/* A polynomial of eight terms */
static double
series(const double *terms, double x)
{
	double sum = 0;
	int i;

	for (i = 7; i >= 0; i--)
		sum = sum * x + terms[i];
	return sum;
}

/* What Stirling's formula leaves out of ln gamma(1 / inverse) */
static double
log_gamma_rest(double inverse)
{
	static const double terms[] = {1.0 / 12,   1.0 / -360,		1.0 / 1260, 1.0 / -1680,
								   1.0 / 1188, -691.0 / 360360, 1.0 / 156,	-3617.0 / 122400};

	return inverse * series(terms, inverse * inverse);
}

/* ln x - digamma(x), less its first term */
static double
digamma_rest(double inverse)
{
	static const double terms[] = {1.0 / 12,  1.0 / -120,	  1.0 / 252, 1.0 / -240,
								   1.0 / 132, -691.0 / 32760, 1.0 / 12,	 -3617.0 / 8160};
	double square = inverse * inverse;

	return square * series(terms, square);
}

/* trigamma(x), less its first two terms */
static double
trigamma_rest(double inverse)
{
	static const double terms[] = {1.0 / 6,	 1.0 / -30,		1.0 / 42, 1.0 / -30,
								   5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
	double square = inverse * inverse;

	return square * inverse * series(terms, square);
}

double
rfmseg_log_gamma(double x)
{
	double product = 1;

	for (; x < LARGE; x++)
		product *= x;
	return (x - 0.5) * rfmseg_log(x) - x + HALF_LN_2PI + log_gamma_rest(1 / x) -
		rfmseg_log(product);
}

double
rfmseg_digamma(double x)
{
	double sum = 0;

	for (; x < LARGE; x++)
		sum += 1 / x;
	return rfmseg_log(x) - 0.5 / x - digamma_rest(1 / x) - sum;
}

double
rfmseg_trigamma(double x)
{
	double sum = 0;

	for (; x < LARGE; x++)
		sum += 1 / (x * x);
	return 1 / x + 0.5 / (x * x) + trigamma_rest(1 / x) + sum;
}

/* ln gamma(c + q) - ln gamma(c) where c is large */
static double
log_gamma_step(double c, double q)
{
	return (c - 0.5) * rfmseg_log1p(q / c) + q * rfmseg_log(c + q) - q +
		log_gamma_rest(1 / (c + q)) - log_gamma_rest(1 / c);
}

double
rfmseg_log_beta(double c, double q)
{
	double large = c > q ? c : q;
	double small = c > q ? q : c;

	if (small >= LARGE)
		return HALF_LN_2PI - 0.5 * rfmseg_log(q) - (c - 0.5) * rfmseg_log1p(q / c) -
			q * rfmseg_log1p(c / q) + log_gamma_rest(1 / c) + log_gamma_rest(1 / q) -
			log_gamma_rest(1 / (c + q));
	if (large >= LARGE)
		return rfmseg_log_gamma(small) - log_gamma_step(large, small);
	return rfmseg_log_gamma(c) + rfmseg_log_gamma(q) - rfmseg_log_gamma(c + q);
}

double
rfmseg_digamma_step(double c, double q)
{
	double sum = 0;

	for (; c < LARGE; c++)
		sum += q / (c * (c + q));
	return sum + rfmseg_log1p(q / c) + 0.5 * q / (c * (c + q)) - digamma_rest(1 / (c + q)) +
		digamma_rest(1 / c);
}

double
rfmseg_trigamma_step(double c, double q)
{
	double sum = 0;
	double less;

	for (; c < LARGE; c++)
		sum -= q / (c * (c + q)) * (1 / c + 1 / (c + q));
	less = q / (c * (c + q));
	return sum - less - 0.5 * less * (1 / c + 1 / (c + q)) + trigamma_rest(1 / (c + q)) -
		trigamma_rest(1 / c);
}
