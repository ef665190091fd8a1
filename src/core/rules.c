/*
 * rules.c
 *		Which segment a customer's scores belong to.  See rules.h.
 */
#include "rules.h"

#include <stdbool.h>

static bool
within(const RfmsegRange *range, int64_t value)
{
	return value >= range->min && value <= range->max;
}

int
rfmseg_first_rule(const RfmsegRule *rules, int n, int r, int f, int m, int64_t frequency)
{
	int i;

	for (i = 0; i < n; i++)
		if (within(&rules[i].r, r) && within(&rules[i].f, f) && within(&rules[i].m, m) &&
			within(&rules[i].frequency, frequency))
			return i;
	return -1;
}
