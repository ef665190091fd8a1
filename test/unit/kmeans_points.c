/*
 * The order of points, what becomes of equal ones, and the tree over them.
 */
#include "kmeans/points.h"

#include <float.h>

#include "kmeans_cases.h"
#include "tap.h"

/*
 * Rows become points
 */

static int compared; /* values of the rows that are compared */

static int
compare_rows(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;
	int j;

	for (j = 0; j < compared; j++)
		if (x[j] != y[j])
			return x[j] < y[j] ? -1 : 1;
	return 0;
}

/* Each row once, sorted, with the weights of its equals added up. */
static void
merge_rows(Cloud *merged, const Cloud *cloud)
{
	size_t coordinates = (size_t) cloud->d * sizeof(double);
	size_t i;

	cloud_init(merged, cloud->n, cloud->d, true);
	for (i = 0; i < cloud->n; i++)
	{
		memcpy(row_of(merged, i), row_of(cloud, i), coordinates);
		row_of(merged, i)[cloud->d] = weight_of(cloud, i);
	}
	compared = cloud->d;
	qsort(merged->values, cloud->n, stride_of(merged) * sizeof(double), compare_rows);
	merged->n = 0;
	for (i = 0; i < cloud->n; i++)
		if (i > 0 && compare_rows(row_of(merged, i), row_of(merged, merged->n - 1)) == 0)
			row_of(merged, merged->n - 1)[cloud->d] += weight_of(merged, i);
		else
			memmove(row_of(merged, merged->n++), row_of(merged, i),
					stride_of(merged) * sizeof(double));
}

/* What is missing in the last leaf has the coordinates of the last point, and no weight. */
static bool
padding_is_right(const RfmsegPoints *points)
{
	const double *leaf = rfmseg_leaf(points, points->leaves - 1);
	size_t last = (points->n - 1) % RFMSEG_LEAF;
	size_t i;
	int j;

	for (i = last + 1; i < RFMSEG_LEAF; i++)
		for (j = 0; j <= points->d; j++)
			if (leaf[(size_t) j * RFMSEG_LEAF + i] !=
				(j < points->d ? leaf[(size_t) j * RFMSEG_LEAF + last] : 0))
				return false;
	return points->leaves == (points->n + RFMSEG_LEAF - 1) / RFMSEG_LEAF;
}

/* Weights are whole, so that their sums are exact. */
static bool
points_are_rows(const Cloud *cloud, const RfmsegPoints *points)
{
	Cloud merged, found;
	double weight = 0;
	bool same;
	size_t i;

	merge_rows(&merged, cloud);
	cloud_of_points(&found, points);
	for (i = 0; i < cloud->n; i++)
		weight += weight_of(cloud, i);
	compared = cloud->d;
	qsort(found.values, found.n, stride_of(&found) * sizeof(double), compare_rows);
	same = found.n == merged.n &&
		memcmp(found.values, merged.values, found.n * stride_of(&found) * sizeof(double)) == 0 &&
		points->weight == weight && padding_is_right(points);
	if (!same)
		printf("# %zu rows of %d dimensions: %zu points, not %zu\n", cloud->n, cloud->d, found.n,
			   merged.n);
	cloud_free(&merged);
	cloud_free(&found);
	return same;
}

static bool
rows_become_points(Prng *prng)
{
	Cloud cloud;
	Built built;
	bool right;

	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	build_points(&built, &cloud, false);
	right = points_are_rows(&cloud, &built.points);
	built_free(&built);
	cloud_free(&cloud);
	return right;
}

/*
 * The order
 */

static bool
are_same_points(const RfmsegPoints *a, const RfmsegPoints *b)
{
	size_t size = (size_t) (a->d + 1) * a->leaves * RFMSEG_LEAF * sizeof(double);

	return a->n == b->n && a->leaves == b->leaves && memcmp(a->blocks, b->blocks, size) == 0 &&
		a->mean_variance == b->mean_variance &&
		memcmp(a->offset, b->offset, (size_t) a->d * sizeof(double)) == 0 &&
		memcmp(a->scale, b->scale, (size_t) a->d * sizeof(double)) == 0;
}

/* Shuffles rows, and whatever was in memory. */
static bool
order_is_of_values(Prng *prng, Cloud *cloud, bool standardize)
{
	Built first, second;
	bool same;

	claim_fill = prng_below(prng, 256);
	build_points(&first, cloud, standardize);
	prng_shuffle(prng, cloud->values, (int) cloud->n, stride_of(cloud) * sizeof(double));
	claim_fill = prng_below(prng, 256);
	build_points(&second, cloud, standardize);
	claim_fill = 0xA5;
	same = are_same_points(&first.points, &second.points);
	if (!same)
		printf("# %zu rows of %d dimensions\n", cloud->n, cloud->d);
	built_free(&first);
	built_free(&second);
	return same;
}

/* Equal rows have other weights, whose sum depends on which comes first. */
static bool
any_rows_have_one_order(Prng *prng)
{
	Cloud cloud;
	bool same;
	size_t i;

	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	if (cloud.d > 1 && prng_below(prng, 4) == 0)
		for (i = 0; i < cloud.n; i++)
			row_of(&cloud, i)[1] = 5;
	for (i = 0; i < cloud.n && cloud.weighted; i++)
		row_of(&cloud, i)[cloud.d] = exp(20 * prng_real(prng));
	same = order_is_of_values(prng, &cloud, prng_below(prng, 2) == 0);
	cloud_free(&cloud);
	return same;
}

/* A thousand of few kinds: more equal rows than are sorted by insertion. */
static bool
equal_rows_have_one_order(Prng *prng)
{
	Cloud cloud;
	bool same;
	size_t i;
	int j;

	cloud_init(&cloud, 1000, 1 + prng_below(prng, 4), true);
	for (i = 0; i < cloud.n; i++)
	{
		for (j = 0; j < cloud.d; j++)
			row_of(&cloud, i)[j] = prng_below(prng, 2);
		row_of(&cloud, i)[cloud.d] = exp(20 * prng_real(prng));
	}
	same = order_is_of_values(prng, &cloud, false);
	cloud_free(&cloud);
	return same;
}

/* Half of all in a millionth of the room, half of these in a millionth of that, and so on. */
static void
test_skew(void)
{
	Prng prng = {5};
	Cloud cloud;
	size_t i;
	int j;

	cloud_init(&cloud, 20000, 3, false);
	for (i = 0; i < cloud.n; i++)
	{
		double width = 1;

		while (width > 1e-80 && prng_below(&prng, 2) == 0)
			width *= 1e-6;
		for (j = 0; j < cloud.d; j++)
			row_of(&cloud, i)[j] = width * prng_real(&prng);
	}
	row_of(&cloud, 7)[0] = RFMSEG_MAX_COORDINATE;
	ok(order_is_of_values(&prng, &cloud, false), "rows crowded in a corner have one order");
	cloud_free(&cloud);
}

/* Neighbours in the order are neighbours in space: boxes of leaves are small. */
static void
test_locality(void)
{
	Prng prng = {6};
	double sides = 0;
	Cloud cloud;
	Built built;
	size_t leaf;
	int i, j;

	cloud_init(&cloud, 32768, 2, false);
	cloud_fill(&prng, &cloud, REALS);
	build_points(&built, &cloud, false);
	for (leaf = 0; leaf < built.points.leaves; leaf++)
		for (j = 0; j < 2; j++)
		{
			const double *x = rfmseg_leaf(&built.points, leaf) + j * RFMSEG_LEAF;
			double low = x[0];
			double high = x[0];

			for (i = 1; i < RFMSEG_LEAF; i++)
			{
				low = fmin(low, x[i]);
				high = fmax(high, x[i]);
			}
			sides += high - low;
		}
	/* 2 / 32 are the sides of a thousand squares that share the whole */
	sides /= 2 * (double) built.points.leaves;
	ok(sides < 0.13, "leaves have points that are near each other (sides of %.3f)", sides);
	built_free(&built);
	cloud_free(&cloud);
}

static void
test_equal_rows(void)
{
	Cloud cloud;
	Built built;
	size_t i;

	cloud_init(&cloud, 100000, 2, false);
	for (i = 0; i < cloud.n; i++)
	{
		row_of(&cloud, i)[0] = 3;
		row_of(&cloud, i)[1] = -7;
	}
	build_points(&built, &cloud, false);
	ok(built.points.n == 1 && built.points.leaves == 1 && built.points.weight == 100000 &&
		   built.points.blocks[(size_t) 2 * RFMSEG_LEAF] == 100000 &&
		   padding_is_right(&built.points),
	   "many equal rows are one point");
	ok(built.points.mean_variance == 0 && built.points.constant[0] && built.points.constant[1],
	   "which has no variance");
	built_free(&built);
	cloud_free(&cloud);
}

/* The glue makes zeros positive; if it did not, only their signs would be by chance. */
static void
test_zeros(void)
{
	Prng prng = {8};
	bool same = true;
	Cloud cloud, points;
	Built built;
	size_t i;
	int j;

	cloud_init(&cloud, 200, 2, false);
	for (i = 0; i < cloud.n; i++)
		for (j = 0; j < 2; j++)
			row_of(&cloud, i)[j] = (prng_below(&prng, 2) == 0 ? 1.0 : -1.0) * prng_below(&prng, 2);
	build_points(&built, &cloud, false);
	cloud_of_points(&points, &built.points);
	for (i = 1; i < points.n; i++)
		for (j = 0; j < (int) i; j++)
			same = same && naive_distance(row_of(&points, i), row_of(&points, (size_t) j), 2) > 0;
	ok(same && points.n == 9, "both zeros are one value");
	cloud_free(&points);
	built_free(&built);
	cloud_free(&cloud);
}

/*
 * The tree
 */

static bool
node_is_right(const Built *built, RfmsegNode node)
{
	const RfmsegTree *tree = &built->tree;
	double weight = 0;
	double scatter = 0;
	double size = 0;
	size_t leaf;
	int i, j;

	for (j = 0; j < tree->d; j++)
	{
		double low = INFINITY, high = -INFINITY, sum = 0, total = 0;

		for (leaf = node.leaf; leaf < node.leaf + node.leaves; leaf++)
			for (i = 0; i < RFMSEG_LEAF; i++)
			{
				double x = rfmseg_leaf(tree->points, leaf)[j * RFMSEG_LEAF + i];
				double w = rfmseg_leaf(tree->points, leaf)[tree->d * RFMSEG_LEAF + i];

				low = fmin(low, x);
				high = fmax(high, x);
				sum += w * x;
				total += w;
			}
		for (leaf = node.leaf; leaf < node.leaf + node.leaves; leaf++)
			for (i = 0; i < RFMSEG_LEAF; i++)
			{
				double x = rfmseg_leaf(tree->points, leaf)[j * RFMSEG_LEAF + i];
				double w = rfmseg_leaf(tree->points, leaf)[tree->d * RFMSEG_LEAF + i];

				scatter += w * (x - sum / total) * (x - sum / total);
			}
		weight = total;
		size = fmax(size, fmax(fabs(low), fabs(high)));
		if (rfmseg_low(tree, node)[j] != low || rfmseg_high(tree, node)[j] != high ||
			!is_close(rfmseg_sum(tree, node)[j], sum, 1e-13 * total * fmax(fabs(low), fabs(high))))
			return false;
	}
	return rfmseg_weight(tree, node) == weight &&
		is_close(rfmseg_scatter(tree, node), scatter,
				 1e-12 * scatter + 1e-25 * weight * size * size);
}

/* Counts the nodes; none if one is wrong. */
static size_t
count_nodes(const Built *built, RfmsegNode node, int depth)
{
	size_t left, right;

	if (!node_is_right(built, node) || depth > rfmseg_tree_depth(built->points.leaves))
		return 0;
	if (node.leaves == 1)
		return 1;
	left = count_nodes(built, rfmseg_left(node), depth + 1);
	right = count_nodes(built, rfmseg_right(node), depth + 1);
	return left > 0 && right > 0 && rfmseg_left(node).index == node.index + 1 &&
			rfmseg_right(node).index == node.index + 1 + left
		? left + 1 + right
		: 0;
}

static bool
tree_is_right(Prng *prng)
{
	Cloud cloud;
	Built built;
	bool right;

	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	build(&built, &cloud, false);
	right = count_nodes(&built, rfmseg_root(&built.tree), 1) == built.tree.n_nodes &&
		built.tree.n_nodes == 2 * built.points.leaves - 1;
	built_free(&built);
	cloud_free(&cloud);
	return right;
}

/* A box is on the one side if all of its points are, also as distances are computed. */
static bool
nearer_is_right(Prng *prng)
{
	const double *near, *far;
	bool right = true;
	Cloud cloud, points;
	Built built;
	size_t i;

	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	build(&built, &cloud, false);
	cloud_of_points(&points, &built.points);
	near = row_of(&points, (size_t) prng_below(prng, (int) points.n));
	far = row_of(&points, (size_t) prng_below(prng, (int) points.n));
	for (i = 0; i < points.n; i++)
	{
		RfmsegNode node = rfmseg_root(&built.tree);

		while (node.leaves > 1)
			node =
				i / RFMSEG_LEAF < rfmseg_right(node).leaf ? rfmseg_left(node) : rfmseg_right(node);
		if (rfmseg_is_nearer(&built.tree, node, near, far))
			right = right &&
				naive_distance(row_of(&points, i), near, cloud.d) <
					naive_distance(row_of(&points, i), far, cloud.d);
	}
	cloud_free(&points);
	built_free(&built);
	cloud_free(&cloud);
	return right;
}

static void
test_depth(void)
{
	ok(rfmseg_tree_depth(1) == 1 && rfmseg_tree_depth(2) == 2 && rfmseg_tree_depth(3) == 3 &&
		   rfmseg_tree_depth(4) == 3 && rfmseg_tree_depth(5) == 4 && rfmseg_tree_depth(8) == 4,
	   "a tree has as many levels as halving the leaves takes");
}

/*
 * Standardising
 */

typedef struct Spread
{
	double mean;
	double variance;
} Spread;

static Spread
spread_of(const Cloud *cloud, int j)
{
	Spread spread = {0, 0};
	double weight = 0;
	double sum = 0;
	size_t i;

	/* off the first value, so that large ones lose no digits */
	for (i = 0; i < cloud->n; i++)
	{
		sum += weight_of(cloud, i) * (row_of(cloud, i)[j] - row_of(cloud, 0)[j]);
		weight += weight_of(cloud, i);
	}
	spread.mean = row_of(cloud, 0)[j] + sum / weight;
	for (i = 0; i < cloud->n; i++)
		spread.variance += weight_of(cloud, i) * pow(row_of(cloud, i)[j] - spread.mean, 2) / weight;
	return spread;
}

/* Dimensions of any size and place; the mean of large numbers is a double, off by half a unit. */
static bool
standardizes(Prng *prng)
{
	static const double offsets[] = {0, 0, 1, -1e4, 1e9};
	static const double widths[] = {1e-100, 1e-3, 1, 1e5, 1e95};
	int d = prng_dimensions(prng);
	double variances = 0;
	Cloud cloud, points;
	Built plain, built;
	bool right = true;
	size_t i;
	int j;

	cloud_init(&cloud, 2 + prng_size(prng), d, prng_below(prng, 2) == 0);
	cloud_fill(prng, &cloud, REALS);
	for (j = 0; j < d; j++)
	{
		double offset = offsets[prng_below(prng, (int) LENGTH(offsets))];
		double width = fabs(offset) > 0 ? fabs(offset) / 1e4 : widths[prng_below(prng, 5)];

		for (i = 0; i < cloud.n; i++)
			row_of(&cloud, i)[j] = offset + width * row_of(&cloud, i)[j];
	}
	build_points(&plain, &cloud, false);
	build_points(&built, &cloud, true);
	cloud_of_points(&points, &built.points);
	for (j = 0; j < d; j++)
	{
		Spread before = spread_of(&cloud, j);
		Spread after = spread_of(&points, j);

		variances += before.variance / d;
		if (built.points.constant[j])
			continue;
		right = right && is_close(after.mean, 0, 1e-9) && is_close(after.variance, 1, 1e-9) &&
			is_close(built.points.offset[j], before.mean,
					 1e-12 * fabs(before.mean) + 1e-12 * sqrt(before.variance)) &&
			is_close(built.points.scale[j], sqrt(before.variance), 1e-9 * sqrt(before.variance)) &&
			plain.points.offset[j] == 0 && plain.points.scale[j] == 1;
	}
	right = right && is_close(plain.points.mean_variance, variances, 1e-9 * variances) &&
		(plain.points.n < 2 || is_close(built.points.mean_variance, 1, 1e-9));
	cloud_free(&points);
	built_free(&plain);
	built_free(&built);
	cloud_free(&cloud);
	return right;
}

static void
test_constant_dimension(void)
{
	double values[] = {1, 0.1, 3, 0.1, 5, 0.1};
	Cloud cloud = {3, 2, false, values};
	bool zero = true;
	Built built;
	int i;

	build_points(&built, &cloud, true);
	for (i = 0; i < RFMSEG_LEAF; i++)
		zero = zero && built.blocks[RFMSEG_LEAF + i] == 0;
	ok(zero && built.points.constant[1] && !built.points.constant[0] &&
		   built.points.scale[1] == 1 && built.points.offset[1] == 0.1,
	   "a constant dimension is 0 everywhere");
	ok(is_close(built.points.mean_variance, 0.5, 1e-15), "it counts for the mean of variances");
	built_free(&built);
}

/* Too near each other for squares: moved, and not stretched. */
static void
test_vanishing_variance(void)
{
	double values[] = {1e-170, 3e-170};
	Cloud cloud = {2, 1, false, values};
	Built built;

	build_points(&built, &cloud, true);
	ok(built.points.scale[0] == 1 && !built.points.constant[0] && built.points.n == 2 &&
		   is_close(built.blocks[0], -1e-170, 1e-180) && is_close(built.blocks[1], 1e-170, 1e-180),
	   "a dimension whose variance vanishes is not scaled");
	built_free(&built);
}

/*
 * Rows that are hard to tell apart.  Every one of these has to end, in little
 * of the stack.
 */

/* Where the stack is: sanitizers may keep variables elsewhere. */
#define HERE ((const char *) __builtin_frame_address(0))

static const char *stack_top;
static size_t deepest;

static void
measure_stack(void)
{
	size_t depth = (size_t) (stack_top - HERE);

	if (depth > deepest)
		deepest = depth;
}

/* Whether they are parted, and in what order of bytes of stack; sanitizers take more of it. */
static bool
parts(const char *what, const Cloud *cloud, size_t most)
{
	RfmsegRows rows = {cloud->values, cloud->n, cloud->d, cloud->weighted};
	void *room = claim(rfmseg_points_room_size(cloud->n));
	double *blocks = claim(rfmseg_points_size(cloud->n, cloud->d));
	RfmsegPoints points;
	bool right;

	stack_top = HERE;
	deepest = 0;
	rfmseg_points_init(&points, &rows, false, blocks, room, measure_stack);
	right = points_are_rows(cloud, &points);
	if (deepest > most)
		printf("# %s: %zu bytes of stack\n", what, deepest);
	free(room);
	free(blocks);
	return right && deepest <= most;
}

/* One bit of a dimension is all there is room for in a key, or two. */
static void
test_many_dimensions(void)
{
	static const int dimensions[] = {20, 24, 29, 30, 31, 32};
	bool all = true;
	size_t i;

	for (i = 0; i < LENGTH(dimensions); i++)
	{
		Prng prng = {i};
		Cloud cloud;

		cloud_init(&cloud, 20000, dimensions[i], false);
		cloud_fill(&prng, &cloud, REALS);
		all = parts("many dimensions", &cloud, 200000) && all;
		cloud_free(&cloud);
	}
	ok(all, "rows of many dimensions are parted in few levels");
}

/* Two values of one dimension, whose reciprocal difference times itself may be below 1. */
static void
test_two_values(void)
{
	bool all = true;
	int range;

	for (range = 1; range <= 200; range++)
	{
		Cloud cloud;
		size_t i;
		int j;

		cloud_init(&cloud, 50, 32, false);
		for (i = 0; i < cloud.n; i++)
			for (j = 0; j < 32; j++)
				row_of(&cloud, i)[j] = j == range % 32 && i % 2 == 0 ? range / 7.0 : 0;
		all = parts("two values", &cloud, 50000) && all;
		cloud_free(&cloud);
	}
	ok(all, "two values of one dimension are parted at once");
}

static void
test_denormals(void)
{
	static const double units[] = {5e-324, 1e-320, 1e-310, 1e-308, 1e-304, 1e-300};
	bool all = true;
	size_t unit;

	for (unit = 0; unit < LENGTH(units); unit++)
	{
		Cloud cloud;
		size_t i;

		cloud_init(&cloud, 1000, 1, false);
		for (i = 0; i < cloud.n; i++)
			row_of(&cloud, i)[0] = (double) (i % 100) * units[unit];
		all = parts("tiny values", &cloud, 50000) && all;
		cloud_free(&cloud);
	}
	ok(all, "so are denormal numbers");
}

static void
test_largest(void)
{
	Prng prng = {9};
	Cloud cloud;
	size_t i;
	int j;

	cloud_init(&cloud, 3000, 32, false);
	for (i = 0; i < cloud.n; i++)
		for (j = 0; j < 32; j++)
		{
			static const double values[] = {
				-RFMSEG_MAX_COORDINATE, RFMSEG_MAX_COORDINATE, 0, 1e-300, -1e-300, 5e-324, 1};

			row_of(&cloud, i)[j] = values[prng_below(&prng, (int) LENGTH(values))];
		}
	ok(parts("the largest values", &cloud, 1000000),
	   "so are the largest coordinates and the least");
	cloud_free(&cloud);
}

/* Each value is the half of another one: a level of bits parts no more than one from the rest. */
static void
test_geometric(int d, size_t most)
{
	Cloud cloud;
	size_t i;
	int j;

	cloud_init(&cloud, 1407, d, false);
	for (i = 0; i < cloud.n; i++)
		for (j = 0; j < d; j++)
			row_of(&cloud, i)[j] = ldexp(1, (int) i - 1074);
	ok(parts("halves", &cloud, most), "halves of halves in %d dimensions are parted", d);
	cloud_free(&cloud);
}

int
main(void)
{
	ok(always(rows_become_points, 1000), "each row is in a point, with its weight");
	ok(always(any_rows_have_one_order, 1000), "points do not depend on the order of rows");
	ok(always(equal_rows_have_one_order, 20), "neither do sums of the weights of equal rows");
	test_skew();
	test_locality();
	test_equal_rows();
	test_zeros();
	ok(always(tree_is_right, 300), "nodes of the tree say what is beneath them");
	ok(always(nearer_is_right, 1000), "all points of a leaf are as near as its box says");
	test_depth();
	ok(always(standardizes, 500), "standardised dimensions have mean 0 and standard deviation 1");
	test_constant_dimension();
	test_vanishing_variance();
	test_geometric(1, 500000);
	test_geometric(3, 500000);
	test_denormals();
	test_many_dimensions();
	test_largest();
	test_two_values();
	test_geometric(32, 5000000);
	return done();
}
