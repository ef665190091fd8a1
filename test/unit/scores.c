/*
 * Scores, against the definition of the intervals between the cuts.
 */
#include "scores.h"

#include <math.h>

#include "prng.h"
#include "tap.h"

#define MAX_CUTS 9

/* Few different values, so that cuts coincide and values equal cuts. */
static double
random_value(Prng *prng)
{
	static const double values[] = {-1e308, -5e-324, -0.0, 0.0, 5e-324, 1e308};

	if (prng_below(prng, 4) == 0)
		return values[prng_below(prng, 6)];
	return (prng_below(prng, 21) - 10) / 2.0;
}

static RfmsegCuts
random_cuts(Prng *prng, double *cut)
{
	RfmsegCuts cuts;
	int i;

	cuts.cut = cut;
	cuts.n = 1 + prng_below(prng, MAX_CUTS);
	cuts.higher_is_better = prng_below(prng, 2) == 0;
	cuts.left_closed = prng_below(prng, 2) == 0;
	for (i = 0; i < cuts.n; i++)
	{
		double value = random_value(prng);
		int at;

		for (at = i; at > 0 && cut[at - 1] > value; at--)
			cut[at] = cut[at - 1];
		cut[at] = value;
	}
	return cuts;
}

/* Whether the value lies in that interval: [low, high) or (low, high]. */
static bool
lies_in(double value, int interval, const RfmsegCuts *cuts)
{
	double low = interval > 0 ? cuts->cut[interval - 1] : -INFINITY;
	double high = interval < cuts->n ? cuts->cut[interval] : INFINITY;

	if (cuts->left_closed)
		return value >= low && (value < high || interval == cuts->n);
	return (value > low || interval == 0) && value <= high;
}

/* There is one interval that has it; empty ones, between equal cuts, have none. */
static int
interval_with(double value, const RfmsegCuts *cuts)
{
	int found = -1;
	int i;

	for (i = 0; i <= cuts->n; i++)
		if (lies_in(value, i, cuts))
		{
			if (found >= 0)
				return -1;
			found = i;
		}
	return found;
}

static bool
scores_by_interval(double value, const RfmsegCuts *cuts)
{
	int interval = interval_with(value, cuts);
	int expected = cuts->higher_is_better ? 1 + interval : cuts->n + 1 - interval;
	int score = rfmseg_score_of(value, cuts);

	return interval >= 0 && score == expected && score >= 1 && score <= cuts->n + 1 &&
		rfmseg_interval_of_score(score, cuts) == interval;
}

static bool
scores_any_value(Prng *prng)
{
	double cut[MAX_CUTS];
	RfmsegCuts cuts = random_cuts(prng, cut);
	double at = cut[prng_below(prng, cuts.n)];

	return scores_by_interval(random_value(prng), &cuts) && scores_by_interval(at, &cuts) &&
		scores_by_interval(nextafter(at, -INFINITY), &cuts) &&
		scores_by_interval(nextafter(at, INFINITY), &cuts) &&
		scores_by_interval(-INFINITY, &cuts) && scores_by_interval(INFINITY, &cuts);
}

static bool
better_is_never_lower(Prng *prng)
{
	double cut[MAX_CUTS];
	RfmsegCuts cuts = random_cuts(prng, cut);
	double a = random_value(prng);
	double b = random_value(prng);
	int score_a = rfmseg_score_of(a, &cuts);
	int score_b = rfmseg_score_of(b, &cuts);

	if (a == b)
		return score_a == score_b;
	return (a > b) == cuts.higher_is_better ? score_a >= score_b : score_a <= score_b;
}

/* Seen in a mirror, less is more, and right is left. */
static bool
mirrors(Prng *prng)
{
	double cut[MAX_CUTS];
	double mirrored[MAX_CUTS];
	RfmsegCuts cuts = random_cuts(prng, cut);
	RfmsegCuts mirror = cuts;
	double value = random_value(prng);
	int i;

	for (i = 0; i < cuts.n; i++)
		mirrored[i] = -cut[cuts.n - 1 - i];
	mirror.cut = mirrored;
	mirror.higher_is_better = !cuts.higher_is_better;
	mirror.left_closed = !cuts.left_closed;
	return rfmseg_score_of(value, &cuts) == rfmseg_score_of(-value, &mirror);
}

/* Every score has an interval of its own. */
static bool
scores_and_intervals_pair(Prng *prng)
{
	double cut[MAX_CUTS];
	RfmsegCuts cuts = random_cuts(prng, cut);
	int step = cuts.higher_is_better ? 1 : -1;
	int score;

	for (score = 1; score <= cuts.n; score++)
		if (rfmseg_interval_of_score(score + 1, &cuts) !=
			rfmseg_interval_of_score(score, &cuts) + step)
			return false;
	return rfmseg_interval_of_score(cuts.higher_is_better ? 1 : cuts.n + 1, &cuts) == 0;
}

static void
test_random_scores(void)
{
	ok(always(scores_any_value, 20000), "a score is that of the interval with the value");
	ok(always(better_is_never_lower, 20000), "better is never scored lower, equal is the same");
	ok(always(mirrors, 20000), "mirrored values have mirrored scores");
	ok(always(scores_and_intervals_pair, 1000), "scores and intervals pair");
}

static int
score(double value, bool higher_is_better, bool left_closed)
{
	static const double cut[] = {10, 20, 20, 30};
	RfmsegCuts cuts = {cut, 4, higher_is_better, left_closed};

	return rfmseg_score_of(value, &cuts);
}

static void
test_named_scores(void)
{
	ok(score(10, true, false) == 1 && score(10, true, true) == 2,
	   "a value at a cut is below it, or above with left_closed");
	ok(score(10, false, false) == 5 && score(10, false, true) == 4,
	   "so it is when fewer is better");
	ok(score(20, true, false) == 2 && score(20, true, true) == 4,
	   "of coinciding cuts all are passed or none");
	ok(score(20, false, false) == 4 && score(20, false, true) == 2, "when fewer is better too");
	ok(score(0, true, false) == 1 && score(99, true, false) == 5, "the most is best");
	ok(score(0, false, false) == 5 && score(99, false, false) == 1, "or the fewest");
}

static bool
ascend(int n, const double *cut)
{
	RfmsegCuts cuts = {cut, n, true, false};

	return rfmseg_cuts_ascend(&cuts);
}

static bool
random_cuts_ascend(Prng *prng)
{
	double cut[MAX_CUTS];
	RfmsegCuts cuts = random_cuts(prng, cut);

	return rfmseg_cuts_ascend(&cuts);
}

/* Sorted cuts of which one is spoilt. */
static bool
spoilt_cuts_do_not_ascend(Prng *prng)
{
	double cut[MAX_CUTS];
	RfmsegCuts cuts = random_cuts(prng, cut);
	int spoilt = prng_below(prng, cuts.n);
	int how = prng_below(prng, 4);

	if (how == 0)
		cut[spoilt] = NAN;
	else if (how == 1)
		cut[spoilt] = INFINITY;
	else if (how == 2)
		cut[spoilt] = -INFINITY;
	else
	{
		if (spoilt == 0)
			return true;
		cut[spoilt] = nextafter(cut[spoilt - 1], -INFINITY);
	}
	return !rfmseg_cuts_ascend(&cuts);
}

static void
test_ascent(void)
{
	ok(always(random_cuts_ascend, 5000), "sorted cuts ascend, equal ones among them");
	ok(always(spoilt_cuts_do_not_ascend, 5000),
	   "with one infinite, NaN or out of order they do not");
	ok(ascend(3, (const double[]){1, 1, 1}), "equal cuts ascend");
	ok(!ascend(3, (const double[]){3, 2, 1}), "descending ones do not");
	ok(!ascend(2, (const double[]){2, 1}) && !ascend(3, (const double[]){1, 3, 2}),
	   "nor where the last alone descends");
	ok(!ascend(1, (const double[]){NAN}) && !ascend(1, (const double[]){INFINITY}) &&
		   !ascend(1, (const double[]){-INFINITY}),
	   "one cut must be finite too");
	ok(!ascend(3, (const double[]){1, NAN, 3}), "NaN between numbers is no number");
	ok(!ascend(2, (const double[]){-INFINITY, 0}) && !ascend(2, (const double[]){0, INFINITY}),
	   "infinities at the ends do not do");
}

int
main(void)
{
	test_named_scores();
	test_random_scores();
	test_ascent();
	return done();
}
