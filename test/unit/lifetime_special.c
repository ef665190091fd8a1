/*
 * The functions of the models of customer lifetime value against libm's in long
 * double, against sums and known values, and where arguments are large.
 */
#define _POSIX_C_SOURCE 200809L

#include "lifetime/special.h"
#include "portable_math.h"

#include "lifetime_cases.h"

#define CASES 20000
#define EXPECTED_BITS UINT64_C(0xBE7DC561930D2EDE)

/* Of the greater of 1 and the result */
static double
error_of(double found, long double expected)
{
	return (double) (fabsl((long double) found - expected) / fmaxl(1, fabsl(expected)));
}

/* Below 1 too */
static double
relative_error(double found, long double expected)
{
	return (double) fabsl(((long double) found - expected) / expected);
}

/* By the recurrence, then the asymptotic series: with more room than a double needs */
static long double
digamma(long double x)
{
	long double sum = 0;
	long double square;

	for (; x < 40; x++)
		sum -= 1 / x;
	square = 1 / (x * x);
	return sum + logl(x) - 0.5L / x -
		square *
		(1.0L / 12 -
		 square * (1.0L / 120 - square * (1.0L / 252 - square * (1.0L / 240 - square / 132))));
}

static long double
trigamma(long double x)
{
	long double sum = 0;
	long double square;

	for (; x < 40; x++)
		sum += 1 / (x * x);
	square = 1 / (x * x);
	return sum + 1 / x + 0.5L * square +
		square / x *
		(1.0L / 6 -
		 square * (1.0L / 30 - square * (1.0L / 42 - square * (1.0L / 30 - square * 5.0L / 66))));
}

/* So written that NaN is the worst of all */
static void
note(double *worst, double error)
{
	if (!(error <= *worst))
		*worst = error;
}

static void
test_elementary(void)
{
	Prng prng = {1};
	double log1p_error = 0, expm1_error = 0, sum_error = 0, logistic_error = 0, decay_error = 0;
	int i;

	for (i = 0; i < CASES; i++)
	{
		double x = prng_log_uniform(&prng, 1e-18, 1e12);
		double y = prng_log_uniform(&prng, 1e-18, 600);
		double small = prng_log_uniform(&prng, 1e-18, 0.999);

		note(&log1p_error, relative_error(rfmseg_log1p(x), log1pl(x)));
		note(&log1p_error, relative_error(rfmseg_log1p(-small), log1pl(-small)));
		note(&expm1_error, relative_error(rfmseg_expm1(y), expm1l(y)));
		note(&expm1_error, relative_error(rfmseg_expm1(-y), expm1l(-y)));
		note(&sum_error, error_of(rfmseg_log_sum(y, -y), y + log1pl(expl(-2 * (long double) y))));
		note(&sum_error, error_of(rfmseg_log_sum(-y, y), y + log1pl(expl(-2 * (long double) y))));
		note(&logistic_error, relative_error(rfmseg_logistic(y), 1 / (1 + expl(-(long double) y))));
		note(&logistic_error, relative_error(rfmseg_logistic(-y), 1 / (1 + expl(y))));
		note(&decay_error, relative_error(rfmseg_mean_decay(y), -expm1l(-(long double) y) / y));
		note(&decay_error, relative_error(rfmseg_mean_decay(-y), expm1l(y) / y));
	}
	ok(log1p_error < 1e-15, "log1p is right (%.2g)", log1p_error);
	ok(expm1_error < 1e-15, "expm1 is right (%.2g)", expm1_error);
	ok(sum_error < 1e-15, "log_sum is right (%.2g)", sum_error);
	ok(logistic_error < 1e-15, "logistic is right (%.2g)", logistic_error);
	ok(decay_error < 1e-15, "mean_decay is right (%.2g)", decay_error);
	ok(rfmseg_log1p(0) == 0 && rfmseg_expm1(0) == 0 && rfmseg_mean_decay(0) == 1 &&
		   rfmseg_logistic(0) == 0.5 && rfmseg_logistic(-1e6) == 0 && rfmseg_logistic(1e6) == 1 &&
		   rfmseg_log_sum(0, -1e6) == 0,
	   "they are exact where they can be");
}

static void
test_gammas(void)
{
	Prng prng = {2};
	double errors[3] = {0};
	int i;

	for (i = 0; i < CASES; i++)
	{
		double x = prng_log_uniform(&prng, i % 2 == 0 ? 1e-10 : 0.1, i % 2 == 0 ? 1e12 : 30);

		note(&errors[0], error_of(rfmseg_log_gamma(x), lgammal(x)));
		note(&errors[1], error_of(rfmseg_digamma(x), digamma(x)));
		note(&errors[2], error_of(rfmseg_trigamma(x), trigamma(x)));
	}
	ok(errors[0] < 2e-14, "log_gamma is right (%.2g)", errors[0]);
	ok(errors[1] < 5e-15, "digamma is right (%.2g)", errors[1]);
	ok(errors[2] < 5e-15, "trigamma is right (%.2g)", errors[2]);
	ok(fabs(rfmseg_log_gamma(0.5) - 0.57236494292470008707) < 2e-15 &&
		   fabs(rfmseg_digamma(1) + 0.57721566490153286061) < 2e-15 &&
		   fabs(rfmseg_trigamma(1) - 1.64493406684822643647) < 2e-15 &&
		   fabs(rfmseg_digamma(0.25) + 4.22745353337626540809) < 5e-15,
	   "known values are met");
	ok(fabs(rfmseg_log_gamma(1)) < 5e-15 && fabs(rfmseg_log_gamma(2)) < 5e-15,
	   "log_gamma vanishes at 1 and 2");
}

static void
test_beta(void)
{
	Prng prng = {3};
	double errors[4] = {0};
	int i;

	for (i = 0; i < CASES; i++)
	{
		double c = prng_log_uniform(&prng, 1e-6, 1e3);
		double q = prng_log_uniform(&prng, 1e-6, 1e3);
		long double sum = (long double) c + q;

		note(&errors[0], error_of(rfmseg_log_beta(c, q), lgammal(c) + lgammal(q) - lgammal(sum)));
		note(&errors[1], error_of(rfmseg_digamma_step(c, q), digamma(sum) - digamma(c)));
		note(&errors[2], error_of(rfmseg_trigamma_step(c, q), trigamma(sum) - trigamma(c)));
		if (rfmseg_log_beta(c, q) != rfmseg_log_beta(q, c))
			note(&errors[3], error_of(rfmseg_log_beta(c, q), rfmseg_log_beta(q, c)));
	}
	ok(errors[0] < 2e-14, "log_beta is right (%.2g)", errors[0]);
	ok(errors[1] < 5e-15, "digamma_step is right (%.2g)", errors[1]);
	ok(errors[2] < 5e-15, "trigamma_step is right (%.2g)", errors[2]);
	ok(errors[3] < 1e-14, "log_beta is symmetric (%.2g)", errors[3]);
}

/* Where a difference of large numbers would leave nothing: B(c, 1) = 1 / c, and so on. */
static void
test_large(void)
{
	double worst = 0;
	double c;

	for (c = 1e3; c < 1e14; c *= 7)
	{
		long double exact = c;

		note(&worst, relative_error(rfmseg_log_beta(c, 1), -logl(exact)));
		note(&worst, relative_error(rfmseg_log_beta(c, 2), -logl(exact) - log1pl(exact)));
		note(&worst, relative_error(rfmseg_digamma_step(c, 1), 1 / exact));
		note(&worst, relative_error(rfmseg_digamma_step(c, 2), 1 / exact + 1 / (exact + 1)));
		note(&worst, relative_error(rfmseg_trigamma_step(c, 1), -1 / (exact * exact)));
	}
	ok(worst < 1e-13, "large arguments leave digits (%.2g)", worst);
}

/* FNV-1a, by words, of the bits of all results */
static uint64_t
hash_of(uint64_t hash, double c, double q)
{
	double results[] = {rfmseg_log1p(c),		   rfmseg_expm1(-c),	  rfmseg_log_sum(c, q),
						rfmseg_logistic(c - q),	   rfmseg_log_gamma(c),	  rfmseg_digamma(c),
						rfmseg_trigamma(c),		   rfmseg_log_beta(c, q), rfmseg_digamma_step(c, q),
						rfmseg_trigamma_step(c, q)};
	size_t i;

	for (i = 0; i < LENGTH(results); i++)
	{
		uint64_t bits;

		memcpy(&bits, &results[i], sizeof(bits));
		hash = (hash ^ bits) * UINT64_C(1099511628211);
	}
	return hash;
}

/* The very bits that every machine must compute */
static void
test_bits(void)
{
	Prng prng = {11};
	uint64_t hash = UINT64_C(14695981039346656037);
	int i, j;

	for (i = 0; i < 2000; i++)
	{
		int parts[4]; /* drawn one by one, as compilers differ in the order of arguments */
		double c, q;

		for (j = 0; j < 4; j++)
			parts[j] = prng_below(&prng, j % 2 == 0 ? 1 << 20 : 30);
		c = ldexp(1.0 + parts[0], parts[1] - 25);
		q = ldexp(1.0 + parts[2], parts[3] - 25);
		hash = hash_of(hash, c, q);
	}
	ok(hash == EXPECTED_BITS, "bits are as they must be everywhere (%016llX)",
	   (unsigned long long) hash);
}

int
main(void)
{
	test_elementary();
	test_gammas();
	test_beta();
	test_large();
	test_bits();
	return done();
}
