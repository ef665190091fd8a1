/*
 * Random cases that are the same in every run and on every machine.
 *
 * The generator is splitmix64: Steele, Lea & Flood, "Fast Splittable
 * Pseudorandom Number Generators", OOPSLA 2014.
 */
#ifndef PRNG_H
#define PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct Prng
{
	uint64_t state;
} Prng;

static inline uint64_t
prng_next(Prng *prng)
{
	uint64_t z = prng->state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* 0..n-1; the tiny bias of the remainder does not matter here */
static inline int
prng_below(Prng *prng, int n)
{
	return (int) (prng_next(prng) % (uint64_t) n);
}

/* Any double but NaN, all bit patterns alike: denormals, infinities, zeros. */
static inline double
prng_bits(Prng *prng)
{
	double value;

	do
	{
		uint64_t bits = prng_next(prng);

		memcpy(&value, &bits, sizeof(value));
	} while (value != value);
	return value;
}

/* Puts n elements of that size in random order. */
static inline void
prng_shuffle(Prng *prng, void *elements, int n, size_t size)
{
	char *bytes = elements;
	int i;

	for (i = n - 1; i > 0; i--)
	{
		char *a = bytes + (size_t) i * size;
		char *b = bytes + (size_t) prng_below(prng, i + 1) * size;
		size_t k;

		for (k = 0; k < size; k++)
		{
			char c = a[k];

			a[k] = b[k];
			b[k] = c;
		}
	}
}

/* Whether the property holds in that many random cases; names the first where it does not. */
static inline bool
always(bool (*property)(Prng *prng), int cases)
{
	Prng prng = {2005};
	int i;

	for (i = 0; i < cases; i++)
		if (!property(&prng))
		{
			printf("# false in random case %d\n", i);
			return false;
		}
	return true;
}

#endif
