/*
 * Random numbers: Philox against its published answers; that numbers follow
 * from seed, stream and row alone; and every distribution against its moments
 * and its distribution function, as libm computes it.
 */
#include "random.h"

#include <math.h>
#include <string.h>

#include "portable_math.h"
#include "statistics.h"
#include "tap.h"

#define SEED UINT64_C(0x123456789ABCDEF0)
#define DRAWS 100000
#define MANY 1000000
#define ROW_DRAWS 5 /* so many of a row, then the next */

static RfmsegRandom
started(uint64_t seed, uint32_t stream, uint64_t row)
{
	RfmsegRandom random;

	rfmseg_random_start(&random, seed, stream, row);
	return random;
}

/* One that is about to give these numbers. */
static RfmsegRandom
rigged(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	RfmsegRandom random = started(SEED, 0, 0);
	const uint32_t block[4] = {a, b, c, d};

	memcpy(random.block, block, sizeof(block));
	random.left = 4;
	return random;
}

static bool
enciphers(const uint32_t counter[4], const uint32_t key[2], const uint32_t expected[4])
{
	uint32_t out[4];

	rfmseg_philox(counter, key, out);
	return memcmp(out, expected, sizeof(out)) == 0;
}

/* kat_vectors of Random123, for philox4x32 with 10 rounds */
static void
test_known_answers(void)
{
	static const uint32_t zeros[4] = {0};
	static const uint32_t ones[4] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
	static const uint32_t pi[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
	static const uint32_t pi_key[2] = {0xa4093822, 0x299f31d0};

	ok(enciphers(zeros, zeros, (const uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}),
	   "Philox of zeros");
	ok(enciphers(ones, ones, (const uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}),
	   "Philox of ones");
	ok(enciphers(pi, pi_key, (const uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}),
	   "Philox of pi");
}

/* The numbers of a row are Philox of (block, stream, row), one block after the other. */
static bool
row_is_of_blocks(uint64_t seed, uint32_t stream, uint64_t row, int blocks)
{
	RfmsegRandom random = started(seed, stream, row);
	const uint32_t key[2] = {(uint32_t) seed, (uint32_t) (seed >> 32)};
	int i, k;

	for (i = 0; i < blocks; i++)
	{
		const uint32_t counter[4] = {(uint32_t) i, stream, (uint32_t) row, (uint32_t) (row >> 32)};
		uint32_t block[4];

		rfmseg_philox(counter, key, block);
		for (k = 0; k < 4; k++)
			if (rfmseg_random_bits(&random) != block[k])
				return false;
	}
	return true;
}

static void
test_rows(void)
{
	ok(row_is_of_blocks(0, 0, 0, 100), "a row goes on, block after block");
	ok(row_is_of_blocks(SEED, 7, UINT64_C(0xFEDCBA9876543210), 100),
	   "the whole of seed, stream and row is used");
	ok(row_is_of_blocks(UINT64_MAX, UINT32_MAX, UINT64_MAX, 3), "and so are the largest");
}

static int
compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a;
	uint64_t y = *(const uint64_t *) b;

	return (x > y) - (x < y);
}

/* Neighbours in seed, stream and row, and those that differ in a high bit alone */
static void
test_no_two_alike(void)
{
	static const uint64_t values[] = {0,
									  1,
									  2,
									  3,
									  UINT64_C(1) << 31,
									  UINT64_C(1) << 32,
									  (UINT64_C(1) << 32) + 1,
									  UINT64_C(1) << 63,
									  UINT64_MAX};
	static uint64_t seen[9 * 9 * 9];
	int n = 0;
	int equal = 0;
	int i, k;
	uint32_t stream;

	for (i = 0; i < 9; i++)
		for (k = 0; k < 9; k++)
			for (stream = 0; stream < 9; stream++)
			{
				RfmsegRandom random = started(values[i], stream, values[k]);
				uint64_t high = rfmseg_random_bits(&random);

				seen[n++] = high << 32 | rfmseg_random_bits(&random);
			}
	qsort(seen, (size_t) n, sizeof(uint64_t), compare_numbers);
	for (i = 1; i < n; i++)
		equal += seen[i] == seen[i - 1];
	ok(equal == 0, "other seeds, streams and rows have other numbers (%d of %d alike)", equal, n);
}

/* How the first numbers of neighbours go together */
static void
test_neighbours(void)
{
	Moments rows = {0}, streams = {0}, seeds = {0};
	uint64_t i;

	for (i = 0; i < DRAWS; i++)
	{
		RfmsegRandom random = started(SEED, 1, i);
		RfmsegRandom next_row = started(SEED, 1, i + 1);
		RfmsegRandom next_stream = started(SEED, 2, i);
		RfmsegRandom next_seed = started(SEED + 1, 1, i);
		double x = rfmseg_random_uniform(&random) - 0.5;

		moments_add(&rows, x * (rfmseg_random_uniform(&next_row) - 0.5));
		moments_add(&streams, x * (rfmseg_random_uniform(&next_stream) - 0.5));
		moments_add(&seeds, x * (rfmseg_random_uniform(&next_seed) - 0.5));
	}
	ok(mean_is(&rows, 0), "neighbouring rows are not correlated");
	ok(mean_is(&streams, 0), "neither are streams");
	ok(mean_is(&seeds, 0), "nor seeds");
}

static void
test_uniform(void)
{
	RfmsegRandom least = rigged(0, 0, 0, 0);
	RfmsegRandom most = rigged(UINT32_MAX, UINT32_MAX, 0, 0);
	RfmsegRandom half = rigged(UINT32_C(1) << 31, 0, 0, 0);
	RfmsegRandom low = rigged(0, UINT32_C(1) << 12, 0, 0);

	ok(rfmseg_random_uniform(&least) == 0x1p-53, "the least uniform number is above 0");
	ok(rfmseg_random_uniform(&most) == 1 - 0x1p-53, "the greatest is below 1");
	ok(rfmseg_random_uniform(&half) == 0.5 + 0x1p-53, "the first number has the high bits");
	ok(rfmseg_random_uniform(&low) == 0x1p-52 + 0x1p-53, "the second the low ones");
}

/* How many of the numbers below n fall into each of equal parts, or classes modulo them. */
static bool
below_is_even(uint32_t n, int parts, bool modulo)
{
	long seen[1000] = {0};
	RfmsegRandom random = started(SEED, 11, n);
	long i;

	for (i = 0; i < MANY; i++)
	{
		uint32_t number = rfmseg_random_below(&random, n);

		if (number >= n)
			return false;
		seen[modulo ? number % (uint32_t) parts : (uint64_t) number * (uint32_t) parts / n]++;
	}
	return counts_are_even(seen, parts);
}

static void
test_below(void)
{
	RfmsegRandom fair = rigged(1, 2, 3, 4);
	RfmsegRandom unfair = rigged(0, UINT32_C(0x55555556), UINT32_MAX, 0);

	ok(below_is_even(3, 3, false) && below_is_even(7, 7, false), "below 3 and 7 all are as likely");
	ok(below_is_even(1000, 1000, false), "and below 1000");
	ok(below_is_even((UINT32_C(1) << 31) + 1, 2, false), "both halves below 2^31 + 1 are");
	/* multiplication alone would take every third of these numbers twice as often */
	ok(below_is_even(UINT32_C(3) << 30, 3, true), "every third number below 3 * 2^30 too");
	ok(below_is_even(UINT32_MAX, 1000, true), "and every thousandth below 2^32 - 1");

	/* 2^32 is 3 * 0x55555555 + 1: one of its numbers is in nobody's share */
	ok(rfmseg_random_below(&unfair, 3) == 1 && unfair.left == 2,
	   "a number beyond the equal shares is passed over");
	ok(rfmseg_random_below(&fair, 3) == 0 && fair.left == 3, "and no other");
	ok(rfmseg_random_below(&fair, 1) == 0, "below 1 is 0");
}

static long
happened(double probability)
{
	RfmsegRandom random = started(SEED, 12, 1);
	long count = 0;
	long i;

	for (i = 0; i < MANY; i++)
		count += rfmseg_random_chance(&random, probability);
	return count;
}

static void
test_chance(void)
{
	static const double probabilities[] = {1e-5, 0.02, 1.0 / 3, 0.5, 0.97};
	RfmsegRandom least = rigged(0, 0, 0, 0);
	RfmsegRandom most = rigged(UINT32_MAX, UINT32_MAX, 0, 0);
	int i;

	ok(!rfmseg_random_chance(&least, 0), "what has no chance never happens");
	ok(rfmseg_random_chance(&least, 0x1p-32), "what has the least does at the least number");
	ok(rfmseg_random_chance(&most, 1), "what is certain always happens");
	ok(!rfmseg_random_chance(&most, 1 - 0x1p-32), "what is almost certain does not");
	ok(happened(0) == 0 && happened(1) == MANY, "so it is in a million draws");
	for (i = 0; i < 5; i++)
		ok(share_is(happened(probabilities[i]), MANY, probabilities[i]), "a chance of %g",
		   probabilities[i]);
}

/*
 * Continuous distributions
 */

typedef struct Distribution
{
	const char *name;
	double (*draw)(RfmsegRandom *random, double a, double b);
	double (*cdf)(double x, double a, double b);
	double a, b;
	double mean, variance;
} Distribution;

static double
draw_uniform(RfmsegRandom *random, double a, double b)
{
	return a + (b - a) * rfmseg_random_uniform(random);
}

static double
uniform_cdf(double x, double a, double b)
{
	return (x - a) / (b - a);
}

static double
draw_normal(RfmsegRandom *random, double mean, double deviation)
{
	return mean + deviation * rfmseg_random_normal(random);
}

static double
normal_cdf(double x, double mean, double deviation)
{
	return erfc((mean - x) / deviation / sqrt(2)) / 2;
}

static double
draw_exponential(RfmsegRandom *random, double origin, double scale)
{
	return origin + scale * rfmseg_random_exponential(random);
}

static double
exponential_cdf(double x, double origin, double scale)
{
	return x < origin ? 0 : 1 - exp((origin - x) / scale);
}

static double
draw_log_gamma(RfmsegRandom *random, double shape, double log_scale)
{
	return log_scale + rfmseg_random_log_gamma(random, shape);
}

static double
log_gamma_cdf(double x, double shape, double log_scale)
{
	return gamma_cdf(shape, x - log_scale);
}

static double
draw_gamma(RfmsegRandom *random, double shape, double scale)
{
	return scale * exp(rfmseg_random_log_gamma(random, shape));
}

static double
gamma_of_scale_cdf(double x, double shape, double scale)
{
	return gamma_cdf(shape, log(x / scale));
}

static double
draw_beta(RfmsegRandom *random, double a, double b)
{
	return rfmseg_random_beta(random, a, b);
}

/* Of whole a and b: that at least a of a + b - 1 uniform numbers are below x */
static double
beta_cdf(double x, double a, double b)
{
	double n = a + b - 1;
	double p = 0;
	double k;

	for (k = a; k <= n; k++)
		p += exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) * pow(x, k) * pow(1 - x, n - k);
	return p;
}

/* Of b = 1 */
static double
power_cdf(double x, double a, double b)
{
	return pow(x, a * b);
}

static const Distribution distributions[] = {
	{"uniform", draw_uniform, uniform_cdf, 0, 1, 0.5, 1.0 / 12},
	{"normal", draw_normal, normal_cdf, 0, 1, 0, 1},
	{"exponential", draw_exponential, exponential_cdf, 0, 1, 1, 1},
	/* digamma(0.001), trigamma(0.001): most of these are too small for a double */
	{"log gamma 0.001", draw_log_gamma, log_gamma_cdf, 0.001, 0, -1000.5755719, 1000001.6425},
	{"gamma 0.05", draw_gamma, gamma_of_scale_cdf, 0.05, 1, 0.05, 0.05},
	{"gamma 0.3", draw_gamma, gamma_of_scale_cdf, 0.3, 1, 0.3, 0.3},
	{"gamma 1", draw_gamma, gamma_of_scale_cdf, 1, 1, 1, 1},
	{"gamma 2.5", draw_gamma, gamma_of_scale_cdf, 2.5, 1, 2.5, 2.5},
	{"gamma 40", draw_gamma, gamma_of_scale_cdf, 40, 1, 40, 40},
	{"beta 0.05, 1", draw_beta, power_cdf, 0.05, 1, 1 / 21.0, 0.05 / (1.05 * 1.05 * 2.05)},
	{"beta 1, 1", draw_beta, beta_cdf, 1, 1, 0.5, 1.0 / 12},
	{"beta 2, 5", draw_beta, beta_cdf, 2, 5, 2 / 7.0, 10 / (49 * 8.0)},
	{"beta 30, 10", draw_beta, beta_cdf, 30, 10, 0.75, 300 / (1600 * 41.0)},
};

/* A few numbers of each row */
static void
draw_sample(const Distribution *distribution, uint32_t stream, double *sample)
{
	RfmsegRandom random = started(SEED, stream, 0);
	int i;

	for (i = 0; i < DRAWS; i++)
	{
		if (i % ROW_DRAWS == 0)
			random = started(SEED, stream, (uint64_t) i);
		sample[i] = distribution->draw(&random, distribution->a, distribution->b);
	}
}

static void
test_distribution(const Distribution *distribution, uint32_t stream)
{
	static double sample[DRAWS];
	Moments values = {0}, squares = {0}, products = {0};
	double mean = distribution->mean;
	int i;

	draw_sample(distribution, stream, sample);
	for (i = 0; i < DRAWS; i++)
	{
		moments_add(&values, sample[i]);
		moments_add(&squares, (sample[i] - mean) * (sample[i] - mean));
		if (i % ROW_DRAWS > 0)
			moments_add(&products, (sample[i] - mean) * (sample[i - 1] - mean));
	}
	ok(mean_is(&values, mean), "%s: the mean", distribution->name);
	ok(mean_is(&squares, distribution->variance), "%s: the variance", distribution->name);
	ok(mean_is(&products, 0), "%s: successive ones are not correlated", distribution->name);
	ok(sample_is_of(sample, DRAWS, distribution->cdf, distribution->a, distribution->b),
	   "%s: the distribution", distribution->name);
}

static void
test_distributions(void)
{
	size_t i;

	for (i = 0; i < sizeof(distributions) / sizeof(distributions[0]); i++)
		test_distribution(&distributions[i], 100 + (uint32_t) i);
}

/* Shapes at which gamma variates are no doubles */
static void
test_extreme_shapes(void)
{
	static const double shapes[] = {5e-324, 1e-300, 1e-12, 1e-6, 1e6, 1e17, 1e300};
	RfmsegRandom random = started(SEED, 14, 1);
	int wrong_gammas = 0;
	int wrong_betas = 0;
	int infinite = 0;
	int i, k, n;

	for (n = 0; n < 1000; n++)
		for (i = 0; i < 7; i++)
		{
			double log_gamma = rfmseg_random_log_gamma(&random, shapes[i]);

			wrong_gammas += isnan(log_gamma) || log_gamma > 700;
			infinite += shapes[i] >= 1e-300 && isinf(log_gamma);
			/* two denormal shapes have no ratio: their variates are both 0 */
			for (k = 0; k < 7; k++)
			{
				double beta = rfmseg_random_beta(&random, shapes[i], shapes[k]);

				wrong_betas += i + k > 0 && !(beta >= 0 && beta <= 1);
			}
		}
	ok(wrong_gammas == 0, "gamma variates of extreme shapes are numbers (%d not)", wrong_gammas);
	ok(infinite == 0, "finite ones from 1e-300 on (%d not)", infinite);
	ok(wrong_betas == 0, "so are beta variates, from 0 to 1 (%d not)", wrong_betas);
}

/* Where a is next to nothing beta is 0 or 1, in the ratio of a and b */
static void
test_tiny_beta(void)
{
	RfmsegRandom random = started(SEED, 15, 1);
	long ones = 0;
	int between = 0;
	int i;

	for (i = 0; i < DRAWS; i++)
	{
		double beta = rfmseg_random_beta(&random, 1e-6, 3e-6);

		ones += beta > 0.5;
		between += beta > 1e-9 && beta < 1 - 1e-9;
	}
	ok(share_is(ones, DRAWS, 0.25), "a beta with tiny a and b is 1 as often as it should be");
	ok(between <= 20, "else it is 0 (%d between)", between);
}

/*
 * Discrete distributions
 */

static void
test_geometric(void)
{
	enum
	{
		LIMIT = 6
	};
	RfmsegRandom random = started(SEED, 16, 1);
	long seen[LIMIT + 1] = {0};
	double shares[LIMIT + 1];
	int i;

	for (i = 0; i < DRAWS; i++)
	{
		uint32_t failures = rfmseg_random_geometric(&random, 0.3, LIMIT);

		seen[failures <= LIMIT ? failures : 0]++;
	}
	for (i = 0; i < LIMIT; i++)
		shares[i] = 0.3 * pow(0.7, i);
	shares[LIMIT] = pow(0.7, LIMIT);
	ok(shares_are(seen, shares, LIMIT + 1), "failures before a success; the limit has the rest");
	ok(rfmseg_random_geometric(&random, 1, LIMIT) == 0, "none where success is certain");
	ok(rfmseg_random_geometric(&random, 0, LIMIT) == LIMIT, "the limit where it is impossible");
	ok(rfmseg_random_geometric(&random, 0, 0) == 0, "none where none are allowed");
}

static void
test_pick(void)
{
	static const uint32_t weights[] = {0, 3, 0, 0, 10, 1, 86, 0};
	static const double shares[] = {0, 3, 0, 0, 10, 1, 86, 0};
	static const uint32_t large[] = {UINT32_C(1) << 31, UINT32_C(1) << 30, (UINT32_C(1) << 30) - 1};
	static const double large_shares[] = {2, 1, 1};
	RfmsegRandom random = started(SEED, 17, 1);
	long seen[8] = {0};
	long large_seen[3] = {0};
	int i;

	for (i = 0; i < DRAWS; i++)
	{
		seen[rfmseg_random_pick(&random, weights, 100)]++;
		large_seen[rfmseg_random_pick(&random, large, UINT32_MAX)]++;
	}
	ok(shares_are(seen, shares, 8), "picks are in proportion to the weights, never one of 0");
	ok(shares_are(large_seen, large_shares, 3), "to large ones too");
	ok(rfmseg_random_pick(&random, weights + 1, 3) == 0, "one of one is the first");
}

/*
 * The same bits everywhere
 */

/* FNV-1a of the bits of what is drawn */
static uint64_t
fingerprint(double (*draw)(RfmsegRandom *random, double a, double b), double a, double b)
{
	uint64_t hash = UINT64_C(0xCBF29CE484222325);
	uint64_t row;

	for (row = 0; row < 2000; row++)
	{
		RfmsegRandom random = started(SEED, 18, row);
		double value = draw(&random, a, b);
		uint64_t bits;

		memcpy(&bits, &value, sizeof(bits));
		hash = (hash ^ bits) * UINT64_C(0x100000001B3);
	}
	return hash;
}

static double
draw_portable_gamma(RfmsegRandom *random, double shape, double scale)
{
	return scale * rfmseg_exp(rfmseg_random_log_gamma(random, shape));
}

/* To change one of these changes all data that anybody has generated. */
static void
test_fingerprints(void)
{
	static const struct
	{
		const char *name;
		double (*draw)(RfmsegRandom *random, double a, double b);
		double a, b;
		uint64_t expected;
	} known[] = {
		{"uniform", draw_uniform, 0, 1, UINT64_C(0x9e7b54155c36b3c4)},
		{"normal", draw_normal, 0, 1, UINT64_C(0x386a4ea24a27e1da)},
		{"exponential", draw_exponential, 0, 1, UINT64_C(0x5b049ee12e423816)},
		{"gamma 0.3", draw_portable_gamma, 0.3, 1, UINT64_C(0x1cbd3786411e2131)},
		{"gamma 2.5", draw_portable_gamma, 2.5, 1, UINT64_C(0x9e9c774c78bf023e)},
		{"beta 0.7, 2", draw_beta, 0.7, 2, UINT64_C(0x2d0c874f16059789)},
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		uint64_t found = fingerprint(known[i].draw, known[i].a, known[i].b);

		ok(found == known[i].expected, "%s: the same bits on every machine (%016llx)",
		   known[i].name, (unsigned long long) found);
	}
}

int
main(void)
{
	test_known_answers();
	test_rows();
	test_no_two_alike();
	test_neighbours();
	test_uniform();
	test_below();
	test_chance();
	test_distributions();
	test_extreme_shapes();
	test_tiny_beta();
	test_geometric();
	test_pick();
	test_fingerprints();
	return done();
}
