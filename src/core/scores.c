/*
 * scores.c
 *		Scores 1..bins from cut points.  See scores.h.
 */
#include "scores.h"

#include <math.h>

bool
rfmseg_cuts_ascend(const RfmsegCuts *cuts)
{
	int i;

	for (i = 0; i < cuts->n; i++)
		if (!isfinite(cuts->cut[i]) || (i > 0 && cuts->cut[i] < cuts->cut[i - 1]))
			return false;
	return true;
}

int
rfmseg_score_of(double value, const RfmsegCuts *cuts)
{
	int interval = 0;

	while (interval < cuts->n &&
		   (cuts->left_closed ? value >= cuts->cut[interval] : value > cuts->cut[interval]))
		interval++;
	return cuts->higher_is_better ? interval + 1 : cuts->n + 1 - interval;
}

int
rfmseg_interval_of_score(int score, const RfmsegCuts *cuts)
{
	return cuts->higher_is_better ? score - 1 : cuts->n + 1 - score;
}
