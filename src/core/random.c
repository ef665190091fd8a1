/*
 * random.c
 *		Random numbers that are a function of where they are used.  See random.h.
 */
#include "random.h"

#include <math.h>

#include "portable_math.h"

#define ROUNDS 10

void
rfmseg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
	uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
	uint32_t k0 = key[0], k1 = key[1];
	int i;

	for (i = 0; i < ROUNDS; i++)
	{
		uint64_t p0 = (uint64_t) UINT32_C(0xD2511F53) * c0;
		uint64_t p1 = (uint64_t) UINT32_C(0xCD9E8D57) * c2;

		c0 = (uint32_t) (p1 >> 32) ^ c1 ^ k0;
		c1 = (uint32_t) p1;
		c2 = (uint32_t) (p0 >> 32) ^ c3 ^ k1;
		c3 = (uint32_t) p0;
		k0 += UINT32_C(0x9E3779B9);
		k1 += UINT32_C(0xBB67AE85);
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

void
rfmseg_random_start(RfmsegRandom *random, uint64_t seed, uint32_t stream, uint64_t row)
{
	random->key[0] = (uint32_t) seed;
	random->key[1] = (uint32_t) (seed >> 32);
	random->counter[0] = 0;
	random->counter[1] = stream;
	random->counter[2] = (uint32_t) row;
	random->counter[3] = (uint32_t) (row >> 32);
	random->left = 0;
}

uint32_t
rfmseg_random_bits(RfmsegRandom *random)
{
	if (random->left == 0)
	{
		rfmseg_philox(random->counter, random->key, random->block);
		random->counter[0]++;
		random->left = 4;
	}
	return random->block[4 - random->left--];
}

double
rfmseg_random_uniform(RfmsegRandom *random)
{
	uint64_t high = rfmseg_random_bits(random);
	uint64_t bits = (high << 32 | rfmseg_random_bits(random)) >> 12;

	/* the middle of one of 2^52 equal parts */
	return ((double) bits + 0.5) * 0x1p-52;
}

/* Lemire, "Fast Random Integer Generation in an Interval" (TOMACS 29, 2019). */
uint32_t
rfmseg_random_below(RfmsegRandom *random, uint32_t n)
{
	uint64_t product = (uint64_t) rfmseg_random_bits(random) * n;

	if ((uint32_t) product < n)
	{
		uint32_t unfair = (uint32_t) -n % n;

		while ((uint32_t) product < unfair)
			product = (uint64_t) rfmseg_random_bits(random) * n;
	}
	return (uint32_t) (product >> 32);
}

bool
rfmseg_random_chance(RfmsegRandom *random, double probability)
{
	return (double) rfmseg_random_bits(random) < probability * 0x1p32;
}

/* The polar method of Marsaglia & Bray (SIAM Review 6, 1964). */
double
rfmseg_random_normal(RfmsegRandom *random)
{
	for (;;)
	{
		double x = 2 * rfmseg_random_uniform(random) - 1;
		double y = 2 * rfmseg_random_uniform(random) - 1;
		double square = x * x + y * y;

		if (square < 1)
			return x * sqrt(-2 * rfmseg_log(square) / square);
	}
}

double
rfmseg_random_exponential(RfmsegRandom *random)
{
	return -rfmseg_log(rfmseg_random_uniform(random));
}

/* Marsaglia & Tsang, "A Simple Method for Generating Gamma Variables" (TOMS 26, 2000). */
double
rfmseg_random_log_gamma(RfmsegRandom *random, double shape)
{
	double boost = 0;
	double d, c;

	/* a variate of shape a is one of shape a + 1, times a uniform one to the 1/a */
	if (shape < 1)
	{
		boost = rfmseg_log(rfmseg_random_uniform(random)) / shape;
		shape += 1;
	}
	d = shape - 1.0 / 3;
	c = 1 / sqrt(9 * d);
	for (;;)
	{
		double x = rfmseg_random_normal(random);
		double root = 1 + c * x;
		double log_v;

		if (root <= 0)
			continue;
		log_v = 3 * rfmseg_log(root);
		if (rfmseg_log(rfmseg_random_uniform(random)) <
			0.5 * x * x + d * (1 - root * root * root + log_v))
			return boost + rfmseg_log(d) + log_v;
	}
}

double
rfmseg_random_beta(RfmsegRandom *random, double a, double b)
{
	double x = rfmseg_random_log_gamma(random, a);
	double y = rfmseg_random_log_gamma(random, b);

	return 1 / (1 + rfmseg_exp(y - x));
}

uint32_t
rfmseg_random_geometric(RfmsegRandom *random, double success, uint32_t limit)
{
	uint32_t failures = 0;

	while (failures < limit && !rfmseg_random_chance(random, success))
		failures++;
	return failures;
}

int
rfmseg_random_pick(RfmsegRandom *random, const uint32_t *weights, uint32_t sum)
{
	uint32_t place = rfmseg_random_below(random, sum);
	int i;

	for (i = 0; place >= weights[i]; i++)
		place -= weights[i];
	return i;
}
