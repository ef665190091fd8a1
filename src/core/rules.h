/*
 * rules.h
 *		Which segment a customer's scores belong to.
 */
#ifndef RFMSEG_RULES_H
#define RFMSEG_RULES_H

#include <stdint.h>

/* Both ends belong to the range. */
typedef struct RfmsegRange
{
	int64_t min;
	int64_t max;
} RfmsegRange;

/* A rule holds where all four ranges do. */
typedef struct RfmsegRule
{
	RfmsegRange r; /* scores, 1..bins */
	RfmsegRange f;
	RfmsegRange m;
	RfmsegRange frequency; /* purchases ever made */
} RfmsegRule;

/* The index of the first rule that holds, or -1. */
extern int rfmseg_first_rule(const RfmsegRule *rules, int n, int r, int f, int m,
							 int64_t frequency);

#endif
