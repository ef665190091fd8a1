/*
 * Whether a sample is one of the distribution that it should be of.
 *
 * Samples are the same in every run, so that what passes once passes always;
 * the limits are those which a right program exceeds in one of 10,000 samples,
 * or fewer.
 */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define LEAST_P 1e-4
#define MOST_ERRORS 5 /* standard errors of a mean */
#define LEAST_EXPECTED 5

/* A mean, and what it takes to say how sure it is. */
typedef struct Moments
{
	double n;
	double mean;
	double squares; /* of the differences from the mean, added up */
} Moments;

static inline void
moments_add(Moments *moments, double x)
{
	double off = x - moments->mean;

	moments->n++;
	moments->mean += off / moments->n;
	moments->squares += off * (x - moments->mean);
}

/* A sample that does not scatter has no standard error, and is refused. */
static inline bool
mean_is(const Moments *moments, double expected)
{
	double error = sqrt(moments->squares / (moments->n - 1) / moments->n);
	double errors = (moments->mean - expected) / error;

	if (fabs(errors) <= MOST_ERRORS)
		return true;
	printf("# mean %.9g of %.0f instead of %.9g: %.2f standard errors\n", moments->mean, moments->n,
		   expected, errors);
	return false;
}

/* Whether an event that came so often has that probability. */
static inline bool
share_is(long seen, long of, double probability)
{
	double expected = (double) of * probability;
	double errors = ((double) seen - expected) / sqrt(expected * (1 - probability));

	if (fabs(errors) <= MOST_ERRORS)
		return true;
	printf("# %ld of %ld instead of %.1f: %.2f standard errors\n", seen, of, expected, errors);
	return false;
}

/* The gamma distribution of scale 1: the series of the incomplete gamma function. */
static inline double
gamma_cdf(double shape, double log_x)
{
	double x = exp(log_x);
	double term = 1;
	double sum = 1;
	int n;

	/* where nothing that a double can tell from 1 is left */
	if (x > shape + 50 + 12 * sqrt(shape))
		return 1;
	for (n = 1; term > sum * 1e-17; n++)
	{
		term *= x / (shape + n);
		sum += term;
	}
	return sum * exp(shape * log_x - x - lgamma(shape + 1));
}

static inline bool
is_likely(double p, const char *test, double statistic)
{
	if (p >= LEAST_P)
		return true;
	printf("# %s %.6g has a probability of %.2g\n", test, statistic, p);
	return false;
}

/*
 * Pearson's chi-square test: whether counts are in proportion to shares, which
 * need not add up to 1.  What has no share must not have been seen.
 */
static inline bool
shares_are(const long *seen, const double *shares, int n)
{
	double statistic = 0;
	double total = 0;
	double all = 0;
	int cells = 0;
	int i;

	for (i = 0; i < n; i++)
	{
		total += (double) seen[i];
		all += shares[i];
	}
	for (i = 0; i < n; i++)
	{
		double expected = total * shares[i] / all;
		double off = (double) seen[i] - expected;

		if (shares[i] <= 0 ? seen[i] != 0 : expected < LEAST_EXPECTED)
		{
			printf("# cell %d has %ld, expected %.2f\n", i, seen[i], expected);
			return false;
		}
		if (shares[i] > 0)
		{
			statistic += off * off / expected;
			cells++;
		}
	}
	return is_likely(1 - gamma_cdf((cells - 1) / 2.0, log(statistic / 2)), "chi-square", statistic);
}

/* Whether counts are alike. */
static inline bool
counts_are_even(const long *seen, int n)
{
	double *shares = malloc((size_t) n * sizeof(double));
	bool even;
	int i;

	if (shares == NULL)
		abort();
	for (i = 0; i < n; i++)
		shares[i] = 1;
	even = shares_are(seen, shares, n);
	free(shares);
	return even;
}

static inline int
compare_values(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

/* The test of Kolmogorov & Smirnov; sorts the sample. */
static inline bool
sample_is_of(double *sample, int n, double (*cdf)(double x, double a, double b), double a, double b)
{
	double distance = 0;
	double lambda;
	double p = 0;
	int i;

	qsort(sample, (size_t) n, sizeof(double), compare_values);
	for (i = 0; i < n; i++)
	{
		double at = cdf(sample[i], a, b);

		distance = fmax(distance, fmax(at - (double) i / n, (i + 1.0) / n - at));
	}
	lambda = distance * (sqrt(n) + 0.12 + 0.11 / sqrt(n));
	for (i = 1; i <= 100; i++)
		p += (i % 2 == 1 ? 2 : -2) * exp(-2.0 * i * i * lambda * lambda);

	/* the series does not converge where the distance is next to nothing */
	return is_likely(lambda < 0.2 ? 1 : p, "distance", distance);
}

#endif
