/*
 * Cut points, against the definition in whole numbers and against the formula
 * of PostgreSQL's percentile_cont.
 *
 * The i-th of the cut points is at place i * (n - 1) / bins of the sorted
 * sample, counted from 0.  Divided as whole numbers it says exactly between
 * which observations that is, and whether it is one.
 */
#include "quantiles.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "prng.h"
#include "radix_sort.h"
#include "selection.h"
#include "tap.h"

#define MAX_N 2000

typedef struct Sample
{
	double value[MAX_N]; /* ascending */
	uint64_t key[MAX_N]; /* of the same */
	int n;
} Sample;

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
sort_sample(Sample *s)
{
	int i;

	qsort(s->value, (size_t) s->n, sizeof(double), compare_doubles);
	for (i = 0; i < s->n; i++)
		s->key[i] = rfmseg_key_of_double(s->value[i]);
}

/* The cut point of keys that are counted in two pieces, the later one first. */
static double
cut_point(const uint64_t *keys, size_t n, int i, int bins)
{
	RfmsegPlace place = rfmseg_cut_place(n, i, bins);
	uint64_t ranks[2];
	RfmsegSelection selection;
	size_t half = n / 2;
	int pass;

	ranks[0] = place.below;
	ranks[1] = place.above;
	rfmseg_selection_begin(&selection, ranks, 2);
	for (pass = 0; pass < RFMSEG_SELECTION_PASSES; pass++)
	{
		rfmseg_selection_begin_pass(&selection, pass);
		rfmseg_selection_count(&selection, keys + half, n - half);
		rfmseg_selection_count(&selection, keys, half);
		rfmseg_selection_end_pass(&selection);
	}
	return rfmseg_cut_between(&place, rfmseg_double_of_key(selection.selected[0].key),
							  rfmseg_double_of_key(selection.selected[1].key));
}

/* In a buffer of its exact size, so that the sanitizer sees what is beyond. */
static double
cut_of(const Sample *s, int i, int bins)
{
	size_t size = (size_t) s->n * sizeof(uint64_t);
	uint64_t *keys = malloc(size);
	double cut;

	if (keys == NULL)
		abort();
	memcpy(keys, s->key, size);
	cut = cut_point(keys, (size_t) s->n, i, bins);
	free(keys);
	return cut;
}

static double
percentile_cont(const Sample *s, double percentile)
{
	double place = percentile * (s->n - 1);
	double low = s->value[(int) floor(place)];
	double high = s->value[(int) ceil(place)];

	return low + (place - floor(place)) * (high - low);
}

/* Money with ties, days, or any magnitude that does not overflow. */
static void
random_sample(Prng *prng, int max_n, Sample *s)
{
	int style = prng_below(prng, 3);
	int i;

	s->n = 1 + prng_below(prng, max_n);
	for (i = 0; i < s->n; i++)
	{
		if (style == 0)
			s->value[i] = (prng_below(prng, 20000) - 5000) / 100.0;
		else if (style == 1)
			s->value[i] = prng_below(prng, 30);
		else
			s->value[i] =
				ldexp(prng_below(prng, 1 << 30) - (1 << 29), prng_below(prng, 1800) - 900);
	}
	sort_sample(s);
}

static bool
cut_is_type_7(const Sample *s, int i, int bins)
{
	int below = i * (s->n - 1) / bins;
	int rest = i * (s->n - 1) % bins;
	double cut = cut_of(s, i, bins);
	long double low = s->value[below];
	long double exact;
	double magnitude;

	if (rest == 0)
		return cut == s->value[below];
	exact = low + (s->value[below + 1] - low) * rest / bins;
	magnitude = fabs(s->value[below]) + fabs(s->value[below + 1]);

	/* the place, in floating point, loses a little of each whole observation */
	return fabs((double) (cut - exact)) <= magnitude * s->n * DBL_EPSILON &&
		cut == percentile_cont(s, (double) i / bins);
}

static bool
cuts_are_type_7(Prng *prng)
{
	Sample s;
	int bins;
	int i;

	random_sample(prng, 60, &s);
	for (bins = RFMSEG_MIN_BINS; bins <= RFMSEG_MAX_BINS; bins++)
		for (i = 1; i < bins; i++)
			if (!cut_is_type_7(&s, i, bins))
				return false;
	return true;
}

/* Even where observations differ so much that their differences overflow. */
static bool
cuts_ascend_within_the_sample(Prng *prng)
{
	Sample s;
	int bins = RFMSEG_MIN_BINS + prng_below(prng, RFMSEG_MAX_BINS - RFMSEG_MIN_BINS + 1);
	double last;
	int i;

	random_sample(prng, 12, &s);
	if (prng_below(prng, 2) == 0)
	{
		for (i = 0; i < s.n; i++)
			do
				s.value[i] = prng_bits(prng);
			while (isinf(s.value[i]));
		s.value[0] = -DBL_MAX;
		s.value[s.n - 1] = DBL_MAX;
		sort_sample(&s);
	}

	last = s.value[0];
	for (i = 1; i < bins; i++)
	{
		double cut = cut_of(&s, i, bins);

		if (!(cut >= last && cut <= s.value[s.n - 1]))
			return false;
		last = cut;
	}
	return true;
}

static void
test_random_samples(void)
{
	ok(always(cuts_are_type_7, 3000), "cuts are observations or, bit for bit, percentile_cont");
	ok(always(cuts_ascend_within_the_sample, 20000), "cuts ascend, from the least to the greatest");
}

/* Places that are whole numbers, though floating point says otherwise. */
static void
test_observations(void)
{
	Sample s;
	int astray = 0;
	int wrong = 0;
	int bins;
	int i;

	for (i = 0; i < MAX_N; i++)
		s.value[i] = i * 0.1 + 1.0 / (i + 3);
	s.n = MAX_N;
	sort_sample(&s);

	for (s.n = 1; s.n <= MAX_N; s.n++)
		for (bins = RFMSEG_MIN_BINS; bins <= RFMSEG_MAX_BINS; bins++)
			for (i = 1; i < bins; i++)
			{
				int place = i * (s.n - 1) / bins;

				if (i * (s.n - 1) % bins != 0 || (double) i / bins * (s.n - 1) == place)
					continue;
				astray++;
				wrong += cut_point(s.key, (size_t) s.n, i, bins) != s.value[place];
			}
	ok(astray > 10, "there are places that floating point misses (%d)", astray);
	ok(wrong == 0, "the cut is the observation there too (%d wrong)", wrong);
}

static Sample
sample_of(int n, const double *values)
{
	Sample s;

	s.n = n;
	memcpy(s.value, values, (size_t) n * sizeof(double));
	sort_sample(&s);
	return s;
}

static void
test_named_samples(void)
{
	static const double ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	static const double tied[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.7};
	static const double far[] = {-1e308, 1e308};
	static const double farthest[] = {-DBL_MAX, DBL_MAX};
	Sample s = sample_of(10, ten);

	ok(cut_of(&s, 1, 4) == 3.25 && cut_of(&s, 2, 4) == 5.5 && cut_of(&s, 3, 4) == 7.75,
	   "the quartiles of 1..10");
	ok(cut_of(&s, 1, 2) == 5.5 && cut_of(&s, 1, 3) == 4 && cut_of(&s, 2, 3) == 7,
	   "the median and the thirds of 1..10");

	s = sample_of(7, tied);
	ok(cut_of(&s, 1, 5) == 0.1 && cut_of(&s, 4, 5) == 0.1, "a cut among ties is what they are");
	ok(cut_of(&s, 9, 10) > 0.1 && cut_of(&s, 9, 10) < 0.7, "the last tenth is past them");

	s = sample_of(1, ten);
	ok(cut_of(&s, 1, 2) == 1 && cut_of(&s, 1, 10) == 1 && cut_of(&s, 9, 10) == 1,
	   "a single observation is every cut");

	s = sample_of(2, far);
	ok(cut_of(&s, 1, 2) == 0, "between -1e308 and 1e308 lies 0");
	ok(fabs(cut_of(&s, 1, 4) / -5e307 - 1) < 1e-15 && fabs(cut_of(&s, 9, 10) / 8e307 - 1) < 1e-15,
	   "and every other cut where it belongs");
	s = sample_of(2, farthest);
	ok(cut_of(&s, 1, 2) == 0 && isfinite(cut_of(&s, 1, 10)) && isfinite(cut_of(&s, 9, 10)),
	   "as between the farthest doubles");
}

int
main(void)
{
	test_named_samples();
	test_observations();
	test_random_samples();
	return done();
}
