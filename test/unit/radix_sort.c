/*
 * The sorter, against qsort(), and the keys of doubles.
 */
#include "radix_sort.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "tap.h"

typedef uint64_t (*KeySource)(Prng *prng);

static uint64_t
any_key(Prng *prng)
{
	return prng_next(prng);
}

static uint64_t
any_double(Prng *prng)
{
	return rfmseg_key_of_double(prng_bits(prng));
}

static uint64_t
day(Prng *prng)
{
	return rfmseg_key_of_double(prng_below(prng, 1000));
}

static uint64_t
money(Prng *prng)
{
	return rfmseg_key_of_double((prng_below(prng, 2000000) - 500000) / 100.0);
}

/* few different ones, as alike as can be */
static uint64_t
near_zero(Prng *prng)
{
	static const double values[] = {-DBL_MIN, -5e-324, -0.0, 0.0, 5e-324, DBL_MIN};

	return rfmseg_key_of_double(values[prng_below(prng, 6)]);
}

static uint64_t
same(Prng *prng)
{
	(void) prng;
	return rfmseg_key_of_double(-12.5);
}

static const KeySource sources[] = {any_key, any_double, day, money, near_zero, same};
static const size_t sizes[] = {0, 1, 2, 3, 63, 64, 65, 255, 256, 257, 1000};
static const size_t budgets[] = {1, 2, 7, 255, 256, 1000, SIZE_MAX};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int
compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a;
	uint64_t y = *(const uint64_t *) b;

	return (x > y) - (x < y);
}

/* No larger than asked for, so that the sanitizer sees what is beyond. */
static void *
room_for(size_t n)
{
	void *room = malloc(n > 0 ? n * sizeof(uint64_t) : 1);

	if (room == NULL)
		abort();
	return room;
}

/* Steps to the end; false if a step took more keys than its budget, or one was left undone. */
static bool
sort_in_steps(RfmsegSorter *s, size_t budget, size_t *steps)
{
	bool sorted = false;

	/* a count and eight passes; any more would never end */
	for (*steps = 0; !sorted && *steps <= 9 * s->n + 1; (*steps)++)
	{
		size_t before = s->at;
		int pass = s->pass;

		sorted = rfmseg_sorter_step(s, budget);
		if (s->pass == pass && s->at - before > budget)
			return false;
		if (s->pass != pass && s->n - before > budget)
			return false;
	}
	return sorted && rfmseg_sorter_step(s, budget);
}

static bool
sorts(Prng *prng, KeySource source, size_t n, size_t budget)
{
	RfmsegSorter s;
	uint64_t *keys = room_for(n);
	uint64_t *room = room_for(n);
	uint64_t *expected = room_for(n);
	size_t steps;
	size_t i;
	bool good;

	for (i = 0; i < n; i++)
		expected[i] = keys[i] = source(prng);
	qsort(expected, n, sizeof(uint64_t), compare_keys);

	rfmseg_sorter_init(&s, keys, room, n);
	good = sort_in_steps(&s, budget, &steps) &&
		((s.from == keys && s.to == room) || (s.from == room && s.to == keys)) &&
		memcmp(s.from, expected, n * sizeof(uint64_t)) == 0;
	free(keys);
	free(room);
	free(expected);
	return good;
}

/* Every size with every budget, from every source. */
static bool
sorts_in_any_steps(Prng *prng)
{
	size_t source;
	size_t size;
	size_t budget;

	for (source = 0; source < LENGTH(sources); source++)
		for (size = 0; size < LENGTH(sizes); size++)
			for (budget = 0; budget < LENGTH(budgets); budget++)
				if (!sorts(prng, sources[source], sizes[size], budgets[budget]))
					return false;
	return true;
}

static bool
sorts_any_number(Prng *prng)
{
	return sorts(prng, sources[prng_below(prng, (int) LENGTH(sources))],
				 (size_t) prng_below(prng, 100), (size_t) prng_below(prng, 100) + 1);
}

/* Up to here keys are inserted, in one step and where they are. */
#define FEW 64

/* All sequences of six keys out of four, the extreme ones among them. */
static bool
inserts_any_sequence(void)
{
	static const uint64_t values[] = {0, 1, UINT64_C(1) << 63, UINT64_MAX};
	int number;

	for (number = 0; number < 4096; number++)
	{
		uint64_t *keys = room_for(6);
		uint64_t expected[6];
		RfmsegSorter s;
		bool good;
		int i;

		for (i = 0; i < 6; i++)
			expected[i] = keys[i] = values[number >> 2 * i & 3];
		qsort(expected, 6, sizeof(uint64_t), compare_keys);
		rfmseg_sorter_init(&s, keys, NULL, 6);
		good = rfmseg_sorter_step(&s, 1) && s.from == keys &&
			memcmp(keys, expected, sizeof(expected)) == 0;
		free(keys);
		if (!good)
			return false;
	}
	return true;
}

/* Needs neither the other room nor the counters, and may be asked again. */
static bool
inserts_few(Prng *prng)
{
	size_t n = (size_t) prng_below(prng, FEW + 1);
	KeySource source = sources[prng_below(prng, (int) LENGTH(sources))];
	uint64_t *keys = room_for(n);
	uint64_t *expected = room_for(n);
	RfmsegSorter s;
	size_t i;
	bool good;

	memset(&s, 0xA5, sizeof(s));
	for (i = 0; i < n; i++)
		expected[i] = keys[i] = source(prng);
	qsort(expected, n, sizeof(uint64_t), compare_keys);
	rfmseg_sorter_init(&s, keys, NULL, n);
	good = rfmseg_sorter_step(&s, 1 + (size_t) prng_below(prng, 100)) &&
		rfmseg_sorter_step(&s, 1) && s.from == keys &&
		memcmp(keys, expected, n * sizeof(uint64_t)) == 0;
	free(keys);
	free(expected);
	return good;
}

static size_t
steps_for(KeySource source, size_t n, size_t budget)
{
	Prng prng = {1};
	RfmsegSorter s;
	uint64_t *keys = room_for(n);
	uint64_t *room = room_for(n);
	size_t steps;
	size_t i;

	for (i = 0; i < n; i++)
		keys[i] = source(&prng);
	rfmseg_sorter_init(&s, keys, room, n);
	if (!sort_in_steps(&s, budget, &steps))
		steps = 0;
	free(keys);
	free(room);
	return steps;
}

static void
test_sorting(void)
{
	ok(always(sorts_in_any_steps, 3), "sorts as qsort does, in steps of any budget");
	ok(always(sorts_any_number, 5000), "so it does with any number of keys");
	ok(steps_for(any_key, 1000, 1000) == 9, "any keys take a count and eight passes");
	ok(steps_for(any_key, 1000, 100) == 90, "in ten times the steps with a tenth of the budget");
	ok(steps_for(day, 1000, 1000) <= 4, "whole days take a count and at most three passes");
	ok(steps_for(same, 1000, 1000) == 1, "equal keys take a count alone");
	ok(steps_for(any_key, FEW, 1) == 1 && steps_for(any_key, 0, 1) == 1, "a few keys take a step");
	ok(steps_for(any_key, FEW + 1, FEW + 1) == 9, "one more key takes passes");
	ok(inserts_any_sequence(), "a few keys are sorted, in whatever sequence");
	ok(always(inserts_few, 20000), "so are up to 64, where they are and without more room");
}

static uint64_t
bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static bool
ordered_alike(double a, double b)
{
	uint64_t x = rfmseg_key_of_double(a);
	uint64_t y = rfmseg_key_of_double(b);

	return (a < b) == (x < y) && (a == b) == (x == y);
}

static bool
keys_are_ordered_as_doubles(Prng *prng)
{
	double a = prng_bits(prng);

	return ordered_alike(a, prng_bits(prng)) && ordered_alike(a, -a) &&
		ordered_alike(a, nextafter(a, 0)) && ordered_alike(nextafter(a, INFINITY), a);
}

static bool
doubles_come_back(Prng *prng)
{
	double value = prng_bits(prng);

	return value == 0.0 ||
		bits_of(rfmseg_double_of_key(rfmseg_key_of_double(value))) == bits_of(value);
}

static void
test_keys(void)
{
	static const double values[] = {-INFINITY, -DBL_MAX, -1e300, -1.5,	-1.0,	 -DBL_MIN,
									-1e-310,   -5e-324,	 -0.0,	 0.0,	5e-324,	 1e-310,
									DBL_MIN,   1.0,		 1.5,	 1e300, DBL_MAX, INFINITY};
	bool ordered = true;
	bool back = true;
	size_t i;
	size_t j;

	for (i = 0; i < LENGTH(values); i++)
	{
		for (j = 0; j < LENGTH(values); j++)
			ordered = ordered && ordered_alike(values[i], values[j]);
		back = back && rfmseg_double_of_key(rfmseg_key_of_double(values[i])) == values[i];
	}
	ok(ordered, "keys of extreme doubles are ordered as they are");
	ok(back, "extreme doubles come back from their keys");
	ok(always(keys_are_ordered_as_doubles, 50000), "keys of any doubles are ordered as they are");
	ok(always(doubles_come_back, 50000), "any double comes back from its key, bit for bit");
	ok(rfmseg_key_of_double(-0.0) == rfmseg_key_of_double(0.0), "both zeros have one key");
	ok(bits_of(rfmseg_double_of_key(rfmseg_key_of_double(-0.0))) == bits_of(0.0),
	   "which is that of the positive one");
}

int
main(void)
{
	test_keys();
	test_sorting();
	return done();
}
