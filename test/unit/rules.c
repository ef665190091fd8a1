/*
 * The first rule that holds, against all rules that do.
 */
#include "rules.h"

#include "prng.h"
#include "tap.h"

#define MAX_RULES 30
#define DIMENSIONS 4

static const RfmsegRange any = {INT64_MIN, INT64_MAX};

/* Around the scores 1..5; one end may be open, and the ends the wrong way round. */
static RfmsegRange
random_range(Prng *prng)
{
	RfmsegRange range = {prng_below(prng, 7), prng_below(prng, 7)};

	if (prng_below(prng, 2) == 0)
		range.min = INT64_MIN;
	if (prng_below(prng, 2) == 0)
		range.max = INT64_MAX;
	return range;
}

/* Any of several frequencies, the extreme ones among them. */
static int64_t
random_frequency(Prng *prng)
{
	static const int64_t extremes[] = {INT64_MIN, -1, 0, INT64_C(1) << 32, INT64_MAX};

	return prng_below(prng, 3) == 0 ? extremes[prng_below(prng, 5)] : prng_below(prng, 7);
}

static RfmsegRange *
dimension(RfmsegRule *rule, int d)
{
	RfmsegRange *ranges[DIMENSIONS] = {&rule->r, &rule->f, &rule->m, &rule->frequency};

	return ranges[d];
}

/* From the last to the first: whichever held last is the first. */
static int
first_of_all_that_hold(RfmsegRule *rules, int n, const int64_t *values)
{
	int found = -1;

	while (n-- > 0)
	{
		int outside = 0;
		int d;

		for (d = 0; d < DIMENSIONS; d++)
			if (values[d] < dimension(&rules[n], d)->min ||
				values[d] > dimension(&rules[n], d)->max)
				outside++;
		if (outside == 0)
			found = n;
	}
	return found;
}

static int
first_rule(const RfmsegRule *rules, int n, const int64_t *values)
{
	return rfmseg_first_rule(rules, n, (int) values[0], (int) values[1], (int) values[2],
							 values[3]);
}

static bool
finds_the_first(Prng *prng)
{
	RfmsegRule rules[MAX_RULES];
	int n = prng_below(prng, MAX_RULES + 1);
	int64_t values[DIMENSIONS];
	int i;

	for (i = 0; i < n; i++)
	{
		rules[i].r = random_range(prng);
		rules[i].f = random_range(prng);
		rules[i].m = random_range(prng);
		rules[i].frequency = random_range(prng);
	}
	for (i = 0; i < 3; i++)
		values[i] = 1 + prng_below(prng, 5);
	values[3] = random_frequency(prng);
	return first_rule(rules, n, values) == first_of_all_that_hold(rules, n, values);
}

static void
test_random_rules(void)
{
	ok(always(finds_the_first, 50000), "the first of all rules that hold is found");
}

/* A rule of 2..4 in one dimension, and of anything in the others. */
static bool
holds_in(int d, int64_t value)
{
	static const RfmsegRange middle = {2, 4};
	RfmsegRule rule = {any, any, any, any};
	int64_t values[DIMENSIONS] = {1, 1, 1, 1};

	*dimension(&rule, d) = middle;
	values[d] = value;
	return first_rule(&rule, 1, values) == 0;
}

static void
test_ends(void)
{
	static const char *const names[DIMENSIONS] = {"r", "f", "m", "frequency"};
	int d;

	for (d = 0; d < DIMENSIONS; d++)
		ok(!holds_in(d, 1) && holds_in(d, 2) && holds_in(d, 3) && holds_in(d, 4) && !holds_in(d, 5),
		   "both ends belong to the range of %s, and nothing beyond", names[d]);
}

static void
test_named_rules(void)
{
	const RfmsegRange champion = {4, 5};
	const RfmsegRange once = {1, 1};
	const RfmsegRule rules[] = {
		{champion, champion, champion, any},
		{champion, champion, any, any},
		{any, any, any, once},
	};
	const RfmsegRule all = {any, any, any, any};

	ok(rfmseg_first_rule(rules, 0, 5, 5, 5, 1) == -1, "without rules none holds");
	ok(rfmseg_first_rule(rules, 3, 5, 5, 5, 1) == 0, "of three that hold the first wins");
	ok(rfmseg_first_rule(rules, 3, 5, 5, 1, 1) == 1, "of two too");
	ok(rfmseg_first_rule(rules, 3, 1, 1, 1, 1) == 2, "the last is reached");
	ok(rfmseg_first_rule(rules, 3, 1, 1, 1, 2) == -1, "where none holds it is -1");
	ok(rfmseg_first_rule(rules, 2, 1, 1, 1, 1) == -1, "rules past the end are not read");
	ok(rfmseg_first_rule(&all, 1, 1, 1, 1, INT64_MAX) == 0 &&
		   rfmseg_first_rule(&all, 1, 1, 1, 1, INT64_MIN) == 0 &&
		   rfmseg_first_rule(&all, 1, INT32_MIN, INT32_MAX, 0, 0) == 0,
	   "open ranges hold everything");
}

int
main(void)
{
	test_named_rules();
	test_ends();
	test_random_rules();
	return done();
}
