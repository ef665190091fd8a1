/*
 * rises.h
 *		Sums over the purchases of a customer whose rate is gamma(r, alpha).
 *
 * Counts are whole numbers, so that ln gamma(r + x) - ln gamma(r) and its
 * derivatives are sums of x terms.  They are kept for all counts so far.
 */
#ifndef RFMSEG_LIFETIME_RISES_H
#define RFMSEG_LIFETIME_RISES_H

#include "../portable_math.h"

#define RFMSEG_RISES 2048 /* those of higher counts are added up anew, being rare */

/* Over j = 0 .. count - 1 */
typedef struct RfmsegRises
{
	double log;	  /* ln((r + j) / alpha) */
	double first; /* its derivatives by ln r */
	double second;
} RfmsegRises;

typedef struct RfmsegRisesTable
{
	double r;
	double alpha;
	int filled;
	RfmsegRises of[RFMSEG_RISES + 1];
} RfmsegRisesTable;

static inline void
rfmseg_rises_start(RfmsegRisesTable *table, double r, double alpha)
{
	table->r = r;
	table->alpha = alpha;
	table->filled = 0;
	table->of[0] = (RfmsegRises){0, 0, 0};
}

static inline RfmsegRises
rfmseg_rises_add(const RfmsegRisesTable *table, RfmsegRises rises, int j)
{
	double r_j = table->r + j;

	rises.log += rfmseg_log(r_j / table->alpha);
	rises.first += table->r / r_j;
	rises.second += table->r / r_j * (j / r_j);
	return rises;
}

static inline RfmsegRises
rfmseg_rises(RfmsegRisesTable *table, int count)
{
	RfmsegRises rises;
	int j;

	for (; table->filled < count && table->filled < RFMSEG_RISES; table->filled++)
		table->of[table->filled + 1] =
			rfmseg_rises_add(table, table->of[table->filled], table->filled);
	rises = table->of[count < RFMSEG_RISES ? count : RFMSEG_RISES];
	for (j = RFMSEG_RISES; j < count; j++)
		rises = rfmseg_rises_add(table, rises, j);
	return rises;
}

#endif
