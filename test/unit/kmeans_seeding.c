/*
 * First centres: the points that plain loops pick with the same random numbers,
 * and in the proportions that the paper has.
 */
#include "kmeans/seeding.h"

#include "kmeans_cases.h"
#include "statistics.h"
#include "tap.h"

#define STREAM 7

static bool
seed_centres(const Built *built, int k, uint64_t seed, double *centres)
{
	void *room = claim(rfmseg_seeding_size(built->points.n));
	RfmsegRandom random;
	bool good;

	rfmseg_random_start(&random, seed, STREAM, 0);
	good = rfmseg_seed_centres(&built->tree, k, &random, centres, room);
	free(room);
	return good;
}

/* The same points are picked by the same random numbers. */
static bool
seeds_as_loops_do(Prng *prng)
{
	uint64_t seed = prng_next(prng);
	RfmsegRandom random;
	double *centres, *expected;
	Cloud cloud, points;
	Built built;
	bool good, alike;
	int k;

	cloud_unequal(prng, &cloud, (Style) (LATTICE + prng_below(prng, STYLES - LATTICE)));
	build(&built, &cloud, false);
	cloud_of_points(&points, &built.points);
	k = prng_clusters(prng, cloud.n);
	centres = claim_doubles((size_t) (k * cloud.d));
	expected = claim_doubles((size_t) (k * cloud.d));
	rfmseg_random_start(&random, seed, STREAM, 0);
	good = naive_seed(&points, k, &random, expected);
	alike = seed_centres(&built, k, seed, centres) == good &&
		(!good || are_same_bits(centres, expected, (size_t) (k * cloud.d)));
	if (!alike)
		printf("# %zu rows of %d dimensions, %d centres\n", cloud.n, cloud.d, k);
	free(centres);
	free(expected);
	cloud_free(&points);
	cloud_free(&cloud);
	built_free(&built);
	return alike;
}

/* Also where there are many rows, and a deep tree. */
static void
test_large_seeding(void)
{
	enum
	{
		N = 20000,
		K = 100
	};
	Prng prng = {7};
	RfmsegRandom random;
	static double centres[K * 2], expected[K * 2];
	Cloud cloud, points;
	Built built;

	cloud_init(&cloud, N, 2, true);
	cloud_fill(&prng, &cloud, BLOBS);
	build(&built, &cloud, false);
	cloud_of_points(&points, &built.points);
	rfmseg_random_start(&random, 5, STREAM, 0);
	ok(naive_seed(&points, K, &random, expected) && seed_centres(&built, K, 5, centres) &&
		   are_same_bits(centres, expected, K * 2),
	   "so it does of %d rows", N);
	cloud_free(&points);
	cloud_free(&cloud);
	built_free(&built);
}

#define FIVE 5
#define SEEDS 40000

static const double five[] = {0, 0, 3, 10, 1, 1, 1, 11, 2, 12, 9, 2, 5, 6, 4}; /* with weights */

static double
distance_in_five(int a, int b)
{
	return naive_distance(five + 3 * a, five + 3 * b, 2);
}

static double
weight_in_five(int i)
{
	return five[3 * i + 2];
}

static int
index_in_five(const double *centre)
{
	int i = 0;

	while (i < FIVE && naive_distance(five + 3 * i, centre, 2) > 0)
		i++;
	return i;
}

/* What is left of squared distances with two centres. */
static double
left_in_five(int a, int b)
{
	double left = 0;
	int i;

	for (i = 0; i < FIVE; i++)
		left += weight_in_five(i) * fmin(distance_in_five(i, a), distance_in_five(i, b));
	return left;
}

/*
 * How often b comes after a: the second of two centres is the better of two
 * draws, so it is drawn twice, or once and the other one would leave more.
 */
static double
share_in_five(int a, int b)
{
	double draw = weight_in_five(b) * distance_in_five(a, b);
	double worse = 0;
	double total = 0;
	int i;

	for (i = 0; i < FIVE; i++)
	{
		double other = weight_in_five(i) * distance_in_five(a, i);

		total += other;
		worse += left_in_five(a, i) > left_in_five(a, b) ? other : 0;
	}
	return draw / total * (draw + 2 * worse) / total;
}

static void
test_shares(void)
{
	double values[3 * FIVE];
	double weights[FIVE], shares[FIVE * FIVE];
	long first[FIVE] = {0}, both[FIVE * FIVE] = {0};
	Cloud cloud = {FIVE, 2, true, values};
	double centres[4];
	int a, b, i;
	Built built;

	memcpy(values, five, sizeof(values));
	for (a = 0; a < FIVE; a++)
	{
		weights[a] = weight_in_five(a);
		for (b = 0; b < FIVE; b++)
			shares[a * FIVE + b] = weights[a] * share_in_five(a, b);
	}
	build(&built, &cloud, false);
	for (i = 0; i < SEEDS; i++)
	{
		seed_centres(&built, 2, (uint64_t) i, centres);
		a = index_in_five(centres);
		b = index_in_five(centres + 2);
		if (a == FIVE || b == FIVE)
			break;
		first[a]++;
		both[a * FIVE + b]++;
	}
	ok(i == SEEDS, "first centres are points");
	ok(shares_are(first, weights, FIVE), "the first one is drawn by weight");
	ok(shares_are(both, shares, FIVE * FIVE),
	   "the second one is the better of two drawn by weight and squared distance");
	built_free(&built);
}

/* Of the two ends, which leave as much, the one that was drawn first stays. */
static void
test_equal_candidates(void)
{
	double values[] = {-10, 1, 0, 100, 10, 1};
	Cloud cloud = {3, 1, true, values};
	Built built;
	double centres[2], expected[2];
	bool same = true;
	uint64_t seed;

	build(&built, &cloud, false);
	for (seed = 0; seed < 200; seed++)
	{
		RfmsegRandom random;

		rfmseg_random_start(&random, seed, STREAM, 0);
		naive_seed(&cloud, 2, &random, expected);
		seed_centres(&built, 2, seed, centres);
		same = same && are_same_bits(centres, expected, 2);
	}
	ok(same, "of candidates that are as good the first one is taken");
	built_free(&built);
}

int
main(void)
{
	ok(always(seeds_as_loops_do, 500), "seeding picks the points that plain loops pick");
	test_large_seeding();
	test_shares();
	test_equal_candidates();
	return done();
}
