/*
 * Lloyd's algorithm on the tree, against the same without one; and what is said
 * of the quality of clusters, against the definitions.
 */
#include "kmeans/lloyd.h"

#include "kmeans/quality.h"
#include "kmeans_cases.h"
#include "tap.h"

#define MOST_ITERATIONS 200

/* First centres, so that there are ties and empty clusters. */
typedef enum Start
{
	ROWS,	  /* some rows, the same one more than once now and then */
	BETWEEN,  /* halfway between two of them */
	SOME_FAR, /* some rows, and places where nobody is */
	ALL_FAR,  /* one such place for all */
	STARTS
} Start;

static double *
first_centres(Prng *prng, const Cloud *cloud, int k, Start start, double far)
{
	double *centres = claim_doubles((size_t) k * (size_t) cloud->d);
	int c, j;

	for (c = 0; c < k; c++)
	{
		const double *a = row_of(cloud, (size_t) prng_below(prng, (int) cloud->n));
		const double *b = row_of(cloud, (size_t) prng_below(prng, (int) cloud->n));
		bool away = start == ALL_FAR || (start == SOME_FAR && prng_below(prng, 2) == 0);

		for (j = 0; j < cloud->d; j++)
			centre_of(centres, c, cloud->d)[j] = away ? far
				: start == BETWEEN					  ? (a[j] + b[j]) / 2
													  : a[j];
	}
	return centres;
}

/* A case: rows, the tree, centres to start from, and both assignments to them. */
typedef struct Case
{
	Cloud cloud;
	Cloud points;
	Built built;
	int k;
	double *centres;
	double *naive_centres;
	RfmsegAssignment found;
	RfmsegAssignment expected;
	void *room;
	double rounding; /* what inertia may be off by, beside a share of itself */
} Case;

/* Means are off by units of rounding of coordinates, distances by that times their length. */
static double
rounding_of(const Built *built)
{
	const double *low = rfmseg_low(&built->tree, rfmseg_root(&built->tree));
	const double *high = low + built->tree.d;
	double rounding = 0;
	int j;

	for (j = 0; j < built->tree.d; j++)
	{
		double greatest = fmax(fabs(low[j]), fabs(high[j]));

		rounding += 1e-15 * (high[j] - low[j]) * (high[j] - low[j]) + 1e-28 * greatest * greatest;
	}
	return rounding * built->points.weight;
}

static void
case_init(Case *c, Prng *prng, Style style, Start start)
{
	size_t size;

	cloud_random(prng, &c->cloud, style);
	build(&c->built, &c->cloud, false);
	cloud_of_points(&c->points, &c->built.points);
	c->k = prng_clusters(prng, c->cloud.n);
	/* means of equal real points are off them by rounding, so that one may seem to be left over */
	if (style != GRID && c->k > (int) c->points.n)
		c->k = (int) c->points.n;
	c->centres = first_centres(prng, &c->cloud, c->k, start, 1 << 22);
	size = (size_t) c->k * (size_t) c->cloud.d * sizeof(double);
	c->naive_centres = claim(size);
	memcpy(c->naive_centres, c->centres, size);
	assignment_init(&c->found, c->k, c->cloud.d);
	assignment_init(&c->expected, c->k, c->cloud.d);
	c->room = claim(rfmseg_assign_size(c->built.points.leaves, c->k));
	c->rounding = rounding_of(&c->built);
}

static void
case_free(Case *c)
{
	cloud_free(&c->cloud);
	cloud_free(&c->points);
	built_free(&c->built);
	free(c->centres);
	free(c->naive_centres);
	assignment_free(&c->found);
	assignment_free(&c->expected);
	free(c->room);
}

static void
assign_both(Case *c)
{
	rfmseg_assign(&c->built.tree, c->centres, c->k, &c->found, c->room);
	naive_assign(&c->cloud, c->naive_centres, c->k, &c->expected);
}

/* Where the sums are exact they are the same; else as near as rounding leaves them. */
static bool
are_alike(const Case *c, bool exact)
{
	int d = c->cloud.d;
	int i, j;

	if (!is_close(c->found.inertia, c->expected.inertia, 1e-12 * c->expected.inertia + c->rounding))
		return false;
	for (i = 0; i < c->k; i++)
	{
		if (c->found.sizes[i] != c->expected.sizes[i] ||
			!is_close(c->found.within[i], c->expected.within[i],
					  1e-12 * c->expected.within[i] + c->rounding))
			return false;
		for (j = 0; j < d; j++)
		{
			double sum = centre_of(c->found.sums, i, d)[j];
			double expected = centre_of(c->expected.sums, i, d)[j];

			if (exact ? sum != expected
					  : !is_close(sum, expected, 1e-12 * c->built.points.weight * 41))
				return false;
		}
	}
	return true;
}

/*
 * One assignment
 */

static bool
assigns(Prng *prng, Style style, Start start)
{
	Case c;
	bool alike;

	case_init(&c, prng, style, start);
	assign_both(&c);
	alike = are_alike(&c, style == GRID || style == LATTICE);
	if (!alike)
		printf("# style %d, start %d: %zu rows of %d dimensions, %d centres\n", style, start,
			   c.cloud.n, c.cloud.d, c.k);
	case_free(&c);
	return alike;
}

static bool
assigns_with_ties(Prng *prng)
{
	return assigns(prng, GRID, (Start) prng_below(prng, STARTS));
}

static bool
assigns_whole_numbers(Prng *prng)
{
	return assigns(prng, LATTICE, (Start) prng_below(prng, STARTS));
}

/* Centres lie among the points, as those that the core makes do. */
static bool
assigns_reals(Prng *prng)
{
	return assigns(prng, prng_below(prng, 2) == 0 ? REALS : BLOBS,
				   prng_below(prng, 2) == 0 ? ROWS : BETWEEN);
}

static bool
assigns_at_scale(Prng *prng, int exponent)
{
	double scale = ldexp(1, exponent);
	Case c;
	size_t i;
	int j;
	bool alike = true;

	case_init(&c, prng, prng_below(prng, 2) == 0 ? GRID : REALS, ROWS);
	for (i = 0; i < c.cloud.n; i++)
		for (j = 0; j < c.cloud.d; j++)
			row_of(&c.cloud, i)[j] *= scale;
	for (j = 0; j < c.k * c.cloud.d; j++)
		c.naive_centres[j] = c.centres[j] *= scale;
	built_free(&c.built);
	build(&c.built, &c.cloud, false);
	assign_both(&c);
	for (j = 0; j < c.k; j++)
		alike = alike && c.found.sizes[j] == c.expected.sizes[j];
	/* smaller ones have no squares of full precision */
	if (exponent > -480)
		alike = alike &&
			is_close(c.found.inertia / scale, c.expected.inertia / scale,
					 1e-12 * c.expected.inertia / scale + c.rounding * scale);
	if (!alike)
		printf("# scale %g: %zu rows of %d dimensions, %d centres\n", scale, c.cloud.n, c.cloud.d,
			   c.k);
	case_free(&c);
	return alike;
}

static bool
assigns_at_any_scale(Prng *prng)
{
	static const int exponents[] = {330, 200, -300, -470, -500, -520};

	return assigns_at_scale(prng, exponents[prng_below(prng, (int) LENGTH(exponents))]);
}

/* Squares have few digits left, or none. */
static bool
assigns_the_tiniest(Prng *prng)
{
	static const int exponents[] = {-530, -532, -534, -535, -536, -537, -538, -540, -1000, -1070};

	return assigns_at_scale(prng, exponents[prng_below(prng, (int) LENGTH(exponents))]);
}

/* The point in the middle goes to the lower number, wherever that one lies. */
static void
test_tie(void)
{
	double values[] = {0, 1, 2, 3, 4};
	double centres[][3] = {{0, 4, 4}, {4, 0, 0}, {0, 0, 4}};
	double sizes[][3] = {{3, 2, 0}, {3, 2, 0}, {3, 0, 2}};
	Cloud cloud = {5, 1, false, values};
	RfmsegAssignment found;
	bool alike = true;
	Built built;
	void *room;
	size_t i;

	build(&built, &cloud, false);
	room = claim(rfmseg_assign_size(1, 3));
	assignment_init(&found, 3, 1);
	for (i = 0; i < LENGTH(centres); i++)
	{
		rfmseg_assign(&built.tree, centres[i], 3, &found, room);
		alike = alike && memcmp(found.sizes, sizes[i], sizeof(sizes[i])) == 0;
	}
	ok(alike, "a point goes to the first of the nearest centres");
	assignment_free(&found);
	free(room);
	built_free(&built);
}

/*
 * Whole runs
 */

static bool
have_points(const RfmsegAssignment *a, int k)
{
	int i;

	for (i = 0; i < k; i++)
		if (!(a->sizes[i] > 0))
			return false;
	return true;
}

static bool
centres_are_alike(const Case *c, bool exact)
{
	int i;

	if (exact)
		return memcmp(c->centres, c->naive_centres,
					  (size_t) c->k * (size_t) c->cloud.d * sizeof(double)) == 0;
	for (i = 0; i < c->k * c->cloud.d; i++)
		if (!is_close(c->centres[i], c->naive_centres[i], 1e-11))
			return false;
	return true;
}

/* Once no cluster is empty, moving the centres cannot make it worse. */
static bool
grows(const Case *c, double before)
{
	return c->found.inertia > before + 1e-12 * before + 2 * c->rounding;
}

/* Both until the centres stand still; they go the same way. */
static bool
run_both(Case *c, bool exact)
{
	double before = INFINITY;
	bool stand_still = false;
	int i;

	for (i = 0; i < MOST_ITERATIONS; i++)
	{
		double moved, naive_moved;
		bool filled;

		assign_both(c);
		if (!are_alike(c, exact) || grows(c, before))
			return false;
		if (stand_still)
			return have_points(&c->found, c->k) || (size_t) c->k > c->points.n;
		before = have_points(&c->found, c->k) ? c->found.inertia : INFINITY;
		moved = rfmseg_move_centres(&c->found, c->centres, c->k, c->cloud.d);
		naive_moved = naive_move(&c->expected, c->naive_centres, c->k, c->cloud.d);
		filled = rfmseg_fill_empty(&c->built.tree, &c->found, c->centres, c->k, c->room);
		if (filled != naive_fill(&c->points, &c->expected, c->naive_centres, c->k) &&
			(size_t) c->k <= c->points.n)
			return false;
		if (!is_close(moved, naive_moved, 1e-11 * naive_moved + 1e-20) ||
			!centres_are_alike(c, exact))
			return false;
		stand_still = !filled && moved <= (exact ? 0 : 1e-20);
	}
	printf("# no end after %d iterations\n", i);
	return false;
}

static bool
runs(Prng *prng, Style style, Start start)
{
	Case c;
	bool alike;

	case_init(&c, prng, style, start);
	alike = run_both(&c, style == GRID || style == LATTICE);
	if (!alike)
		printf("# style %d, start %d: %zu rows of %d dimensions, %d centres\n", style, start,
			   c.cloud.n, c.cloud.d, c.k);
	case_free(&c);
	return alike;
}

static bool
runs_with_ties(Prng *prng)
{
	return runs(prng, GRID, (Start) prng_below(prng, STARTS));
}

static bool
runs_on_whole_numbers(Prng *prng)
{
	return runs(prng, LATTICE, (Start) prng_below(prng, STARTS));
}

static bool
runs_on_reals(Prng *prng)
{
	return runs(prng, prng_below(prng, 2) == 0 ? REALS : BLOBS, (Start) prng_below(prng, STARTS));
}

/*
 * Empty clusters
 */

/* Two of four centres have points; the others get the ends of the line, the first end first. */
static void
test_fill_empty(void)
{
	double values[] = {0, 4, 5, 6, 10};
	double centres[] = {1000, 4.5, -1000, 5.5};
	double sizes[] = {0, 2, 0, 3};
	double expected[] = {0, 4.5, 10, 5.5};
	Cloud cloud = {5, 1, false, values};
	RfmsegAssignment a = {NULL, sizes, NULL, 0};
	Built built;
	void *room;

	build(&built, &cloud, false);
	room = claim(rfmseg_assign_size(1, 4));
	ok(rfmseg_fill_empty(&built.tree, &a, centres, 4, room) &&
		   memcmp(centres, expected, sizeof(centres)) == 0,
	   "centres without points get the farthest points, one after the other");
	sizes[0] = sizes[2] = 1;
	ok(!rfmseg_fill_empty(&built.tree, &a, centres, 4, room) &&
		   memcmp(centres, expected, sizeof(centres)) == 0,
	   "nothing moves if all have points");
	free(room);
	built_free(&built);
}

/* Where every point is a centre there is nothing to give. */
static void
test_nothing_to_fill_with(void)
{
	double values[] = {7, 7, 7};
	double centres[] = {7, 100};
	double sizes[] = {3, 0};
	Cloud cloud = {3, 1, false, values};
	RfmsegAssignment a = {NULL, sizes, NULL, 0};
	Built built;
	void *room;

	build(&built, &cloud, false);
	room = claim(rfmseg_assign_size(1, 2));
	ok(!rfmseg_fill_empty(&built.tree, &a, centres, 2, room) && centres[0] == 7 &&
		   centres[1] == 100,
	   "a centre without points stays if all points are centres");
	free(room);
	built_free(&built);
}

static void
test_move(void)
{
	double sums[] = {6, 9, 1, 1, -4, 0};
	double sizes[] = {3, 0, 2};
	double centres[] = {2, 1, 50, 60, 0, 3};
	double expected[] = {2, 3, 50, 60, -2, 0};
	RfmsegAssignment a = {sums, sizes, NULL, 0};

	ok(rfmseg_move_centres(&a, centres, 3, 2) == 4 + 4 + 9 &&
		   memcmp(centres, expected, sizeof(centres)) == 0,
	   "centres move to the means of their points, those without stay");
}

/*
 * Quality
 */

/* Every row as often as its weight says, in the order of the points. */
static void
repeat_by_weight(Cloud *repeated, const Cloud *points)
{
	size_t n = 0;
	size_t i;
	int w;

	for (i = 0; i < points->n; i++)
		n += (size_t) weight_of(points, i);
	cloud_init(repeated, n, points->d, false);
	n = 0;
	for (i = 0; i < points->n; i++)
		for (w = 0; w < weight_of(points, i); w++)
			memcpy(row_of(repeated, n++), row_of(points, i), (size_t) points->d * sizeof(double));
}

/* Whether no place of the sample is at the border of two points, where rounding decides. */
static bool
is_clear_sample(size_t n, size_t sample)
{
	size_t i;

	for (i = 0; i < sample; i++)
		if ((2 * i + 1) * n % (2 * sample) == 0)
			return false;
	return true;
}

static double
silhouette_of(double a, double b)
{
	return a == b ? 0 : (b - a) / fmax(a, b);
}

static double
naive_simplified_silhouette(const Cloud *cloud, double *centres, int k)
{
	double sum = 0;
	size_t i;
	int c;

	if (k < 2)
		return NAN;
	for (i = 0; i < cloud->n; i++)
	{
		int own = naive_nearest(row_of(cloud, i), centres, k, cloud->d);
		double a = naive_distance(row_of(cloud, i), centre_of(centres, own, cloud->d), cloud->d);
		double b = INFINITY;

		for (c = 0; c < k; c++)
			if (c != own)
				b = fmin(
					b, naive_distance(row_of(cloud, i), centre_of(centres, c, cloud->d), cloud->d));
		sum += silhouette_of(sqrt(a), sqrt(b));
	}
	return sum / (double) cloud->n;
}

/* Of some of the rows: those at (i + 1/2) / n of all. */
static double
naive_silhouette(const Cloud *cloud, double *centres, int k, size_t sample)
{
	size_t *rows = claim(sample * sizeof(size_t));
	double sum = 0;
	int clusters = 0;
	size_t i, other;
	int c;

	for (i = 0; i < sample; i++)
		rows[i] = (2 * i + 1) * cloud->n / (2 * sample);
	for (i = 0; i < sample; i++)
	{
		int own = naive_nearest(row_of(cloud, rows[i]), centres, k, cloud->d);
		double a = 0;
		double b = INFINITY;
		bool alone = true;

		clusters = own + 1 > clusters ? own + 1 : clusters;
		for (c = 0; c < k; c++)
		{
			double total = 0;
			double members = 0;

			for (other = 0; other < sample; other++)
				if (other != i &&
					naive_nearest(row_of(cloud, rows[other]), centres, k, cloud->d) == c)
				{
					total += sqrt(naive_distance(row_of(cloud, rows[i]), row_of(cloud, rows[other]),
												 cloud->d));
					members++;
				}
			if (members > 0 && c == own)
				a = total / members;
			else if (members > 0)
				b = fmin(b, total / members);
			alone = alone && !(members > 0 && c == own);
		}
		if (isinf(b))
		{
			free(rows);
			return NAN;
		}
		sum += alone ? 0 : silhouette_of(a, b);
	}
	free(rows);
	return sum / (double) sample;
}

static bool
is_same_number(double found, double expected)
{
	if (isnan(expected) || isnan(found))
		return isnan(expected) && isnan(found);
	return is_close(found, expected, 1e-11);
}

static bool
silhouettes_are_right(Prng *prng)
{
	Cloud repeated;
	size_t sample;
	void *room;
	bool right;
	Case c;

	do
	{
		case_init(&c, prng, (Style) prng_below(prng, STYLES), (Start) prng_below(prng, SOME_FAR));
		if (c.cloud.n > 70 || c.k > 10)
			case_free(&c);
	} while (c.cloud.n > 70 || c.k > 10);
	repeat_by_weight(&repeated, &c.points);
	do
		sample =
			prng_below(prng, 2) == 0 ? repeated.n : 1 + (size_t) prng_below(prng, (int) repeated.n);
	while (!is_clear_sample(repeated.n, sample));
	room = claim(rfmseg_sample_size(sample, c.cloud.d, c.k));
	right = is_same_number(rfmseg_simplified_silhouette(&c.built.tree, c.centres, c.k),
						   naive_simplified_silhouette(&repeated, c.centres, c.k)) &&
		is_same_number(rfmseg_sample_silhouette(&c.built.tree, c.centres, c.k, sample, room),
					   naive_silhouette(&repeated, c.centres, c.k, sample));
	if (!right)
		printf("# %zu rows of %d dimensions, %d centres, a sample of %zu\n", c.cloud.n, c.cloud.d,
			   c.k, sample);
	free(room);
	cloud_free(&repeated);
	case_free(&c);
	return right;
}

/* Of the weight 100 the one at 0 has 90: so it has 9 of a sample of 10. */
static void
test_heavy_sample(void)
{
	double values[] = {0, 90, 10, 4, 13, 6};
	double centres[] = {0, 11};
	Cloud cloud = {3, 1, true, values};
	void *room = claim(rfmseg_sample_size(10, 1, 2));
	Built built;

	build(&built, &cloud, false);
	ok(is_close(rfmseg_sample_silhouette(&built.tree, centres, 2, 10, room), 0.9, 1e-15),
	   "a heavy point is in the sample more than once, one of a kind counts 0");
	ok(isnan(rfmseg_sample_silhouette(&built.tree, centres, 2, 1, room)),
	   "a sample of one has no silhouette");
	ok(isnan(rfmseg_sample_silhouette(&built.tree, centres, 1, 10, room)) &&
		   isnan(rfmseg_simplified_silhouette(&built.tree, centres, 1)),
	   "neither have samples and points of one cluster");
	free(room);
	built_free(&built);
}

/* Centres that coincide part nothing; points on both of them count 0. */
static void
test_equal_centres(void)
{
	double values[] = {3, 3, 5};
	double centres[] = {3, 3};
	Cloud cloud = {3, 1, false, values};
	Built built;

	build(&built, &cloud, false);
	ok(rfmseg_simplified_silhouette(&built.tree, centres, 2) == 0,
	   "the simplified silhouette of equal centres is 0");
	built_free(&built);
}

static double
calinski_harabasz(size_t distinct, double weight, int k, double inertia, double total)
{
	RfmsegPoints points = {.n = distinct, .weight = weight};

	return rfmseg_calinski_harabasz(&points, k, inertia, total);
}

static void
test_calinski_harabasz(void)
{
	ok(is_close(calinski_harabasz(140, 150, 3, 78.5, 681.5), (603 / 2.0) / (78.5 / 147), 1e-9),
	   "Calinski and Harabasz's ratio is (B / (k - 1)) / (W / (n - k))");
	ok(isnan(calinski_harabasz(140, 150, 1, 681.5, 681.5)), "it is NaN for one cluster");
	ok(isnan(calinski_harabasz(3, 9, 3, 1e-30, 10)) && isnan(calinski_harabasz(4, 3, 3, 1, 10)),
	   "and for as many as points, or as their weight");
	ok(isnan(calinski_harabasz(9, 10, 3, 0, 10)), "and where nothing is left within");
}

static bool
nearest_is_right(Prng *prng)
{
	bool right = true;
	size_t i;
	Case c;

	case_init(&c, prng, (Style) prng_below(prng, STYLES), (Start) prng_below(prng, STARTS));
	for (i = 0; i < c.cloud.n; i++)
		right = right &&
			rfmseg_nearest_centre(row_of(&c.cloud, i), c.centres, c.k, c.cloud.d) ==
				naive_nearest(row_of(&c.cloud, i), c.centres, c.k, c.cloud.d);
	case_free(&c);
	return right;
}

int
main(void)
{
	test_tie();
	ok(always(assigns_with_ties, 1000), "assigns rows with ties as a plain loop does");
	ok(always(assigns_whole_numbers, 500), "so it does large whole numbers, to the last bit");
	ok(always(assigns_reals, 1000), "and real ones, sizes exactly");
	ok(always(assigns_at_any_scale, 300), "at any scale");
	ok(always(assigns_the_tiniest, 600), "and where squares are next to nothing, as they are");
	test_move();
	test_fill_empty();
	test_nothing_to_fill_with();
	ok(always(runs_with_ties, 200), "whole runs have the same centres, bit for bit, with ties");
	ok(always(runs_on_whole_numbers, 100), "so they have with large whole numbers");
	ok(always(runs_on_reals, 100), "and with real ones, to rounding; inertia never grows");
	ok(always(nearest_is_right, 200), "the nearest centre is the first of the nearest");
	ok(always(silhouettes_are_right, 250), "silhouettes are as defined, of all and of samples");
	test_heavy_sample();
	test_equal_centres();
	test_calinski_harabasz();
	return done();
}
