/*
 * scores.h
 *		Scores 1..bins from cut points.
 */
#ifndef RFMSEG_SCORES_H
#define RFMSEG_SCORES_H

#include <stdbool.h>

typedef struct RfmsegCuts
{
	const double *cut;	   /* ascending, finite; equal neighbours allowed */
	int n;				   /* number of cuts: bins - 1 */
	bool higher_is_better; /* false for recency: fewer days, better score */
	bool left_closed;	   /* a value equal to a cut belongs to the upper interval */
} RfmsegCuts;

/* Whether the cuts are finite and ascend. */
extern bool rfmseg_cuts_ascend(const RfmsegCuts *cuts);

/*
 * The score of a value that is no NaN: equal values share it, better values
 * never have a lower one.
 */
extern int rfmseg_score_of(double value, const RfmsegCuts *cuts);

/* Which interval of the cuts, counted from 0 at the lowest, has that score. */
extern int rfmseg_interval_of_score(int score, const RfmsegCuts *cuts);

#endif
