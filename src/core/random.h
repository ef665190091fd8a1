/*
 * random.h
 *		Random numbers that are a function of where they are used.
 *
 * Philox4x32-10 of Salmon, Moraes, Dror & Shaw, "Parallel Random Numbers: As
 * Easy as 1, 2, 3" (SC'11).  It enciphers a counter, so that there is no state
 * to hand on: the numbers of a row follow from (seed, stream, row) alone,
 * whatever came before it and whoever computes it.  The draws use +, -, *, / and
 * sqrt, which IEEE 754 rounds alike everywhere, and portable_math.h.
 */
#ifndef RFMSEG_RANDOM_H
#define RFMSEG_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct RfmsegRandom
{
	uint32_t key[2];	 /* the seed */
	uint32_t counter[4]; /* blocks drawn, stream, row */
	uint32_t block[4];	 /* the last one */
	int left;			 /* numbers of it not used yet */
} RfmsegRandom;

/* Four numbers of a counter and a key. */
extern void rfmseg_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The numbers of one row of a stream; streams are independent of each other. */
extern void rfmseg_random_start(RfmsegRandom *random, uint64_t seed, uint32_t stream, uint64_t row);

extern uint32_t rfmseg_random_bits(RfmsegRandom *random);

/* Between 0 and 1, never either. */
extern double rfmseg_random_uniform(RfmsegRandom *random);

/* 0 .. n-1, each as likely; n > 0. */
extern uint32_t rfmseg_random_below(RfmsegRandom *random, uint32_t n);

/* Whether what has this probability happens; 0 never does, 1 always. */
extern bool rfmseg_random_chance(RfmsegRandom *random, double probability);

/* Standard normal. */
extern double rfmseg_random_normal(RfmsegRandom *random);

/* Exponential with mean 1. */
extern double rfmseg_random_exponential(RfmsegRandom *random);

/*
 * The logarithm of a gamma variate with that shape, > 0, and scale 1: the
 * variate itself is too small for a double where the shape is.
 */
extern double rfmseg_random_log_gamma(RfmsegRandom *random, double shape);

/* Beta with these parameters, > 0. */
extern double rfmseg_random_beta(RfmsegRandom *random, double a, double b);

/* Failures before the first success, by trying: at most limit, which is small. */
extern uint32_t rfmseg_random_geometric(RfmsegRandom *random, double success, uint32_t limit);

/* An index of the weights, in proportion to them; their sum is above 0. */
extern int rfmseg_random_pick(RfmsegRandom *random, const uint32_t *weights, uint32_t sum);

#endif
