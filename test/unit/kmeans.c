/*
 * k-means as a whole: where it starts, where it ends, and that what it finds
 * follows from the points alone.
 */
#include "kmeans/kmeans.h"

#include "kmeans/quality.h"
#include "kmeans_cases.h"
#include "tap.h"

#define STREAM UINT32_C(0x6B6D6E73) /* another one gives everybody other clusters */

static const RfmsegKmeansOptions usual = {3, 300, 1e-4, 1};

/* A result, and the memory that it is in. */
typedef struct Fit
{
	RfmsegKmeans found;
	void *at;
	bool exists;
} Fit;

static void
fit_tree(Fit *fit, const RfmsegTree *tree, int k, const RfmsegKmeansOptions *options)
{
	void *room = claim(rfmseg_kmeans_room_size(tree->points->n, tree->d, k, options->max_iter));
	RfmsegKmeans *found;

	fit->at = claim(rfmseg_kmeans_size(tree->d, k, options->max_iter));
	fit->exists = make_all_runs(tree, k, options, fit->at, &found, room);
	fit->found = *found;
	free(room);
}

static void
fit_cloud(Fit *fit, const Cloud *cloud, int k, const RfmsegKmeansOptions *options)
{
	Built built;

	build(&built, cloud, false);
	fit_tree(fit, &built.tree, k, options);
	built_free(&built);
}

static void
fit_free(Fit *fit)
{
	free(fit->at);
}

static bool
are_same_fits(const Fit *a, const Fit *b, int d)
{
	size_t k = (size_t) a->found.k;

	if (!a->exists || !b->exists)
		return a->exists == b->exists;
	return a->found.k == b->found.k && a->found.iterations == b->found.iterations &&
		a->found.converged == b->found.converged &&
		are_same_bits(a->found.centres, b->found.centres, k * (size_t) d) &&
		are_same_bits(a->found.assignment.sums, b->found.assignment.sums, k * (size_t) d) &&
		are_same_bits(a->found.assignment.sizes, b->found.assignment.sizes, k) &&
		are_same_bits(a->found.assignment.within, b->found.assignment.within, k) &&
		are_same_bits(&a->found.assignment.inertia, &b->found.assignment.inertia, 1) &&
		are_same_bits(a->found.history, b->found.history, (size_t) a->found.iterations + 1);
}

static RfmsegKmeansOptions
random_options(Prng *prng)
{
	RfmsegKmeansOptions options = usual;

	options.n_init = 1 + prng_below(prng, 4);
	options.max_iter = prng_below(prng, 4) == 0 ? prng_below(prng, 4) : 300;
	options.tol = prng_below(prng, 2) == 0 ? 0 : 1e-3;
	options.seed = prng_next(prng);
	return options;
}

/*
 * The same by loops
 */

static int dimensions; /* of the centres that are compared */

static int
compare_centres(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;
	int j;

	for (j = 0; j < dimensions; j++)
		if (x[j] != y[j])
			return x[j] < y[j] ? -1 : 1;
	return 0;
}

typedef struct NaiveFit
{
	double *centres;
	RfmsegAssignment assignment;
	int iterations;
	bool converged;
} NaiveFit;

static void
naive_fit_free(NaiveFit *fit)
{
	free(fit->centres);
	assignment_free(&fit->assignment);
}

static bool
naive_run(const Cloud *points, int k, const RfmsegKmeansOptions *options, int run, double enough,
		  NaiveFit *fit)
{
	bool stand_still = false;
	bool full;
	RfmsegRandom random;
	int c;

	fit->centres = claim_doubles((size_t) k * (size_t) points->d);
	assignment_init(&fit->assignment, k, points->d);
	fit->iterations = 0;
	rfmseg_random_start(&random, options->seed, STREAM, (uint64_t) run);
	if (!naive_seed(points, k, &random, fit->centres))
		return false;
	for (;;)
	{
		double moved;
		bool filled;

		naive_assign(points, fit->centres, k, &fit->assignment);
		full = true;
		for (c = 0; c < k; c++)
			full = full && fit->assignment.sizes[c] > 0;
		fit->converged = stand_still && full;
		if (fit->converged || fit->iterations == options->max_iter)
			return true;
		moved = naive_move(&fit->assignment, fit->centres, k, points->d);
		filled = naive_fill(points, &fit->assignment, fit->centres, k);
		stand_still = !filled && moved <= enough;
		fit->iterations++;
	}
}

static bool
naive_kmeans(const Built *built, int k, const RfmsegKmeansOptions *options, NaiveFit *best)
{
	bool exists = true;
	Cloud points;
	int i;

	cloud_of_points(&points, &built->points);
	for (i = 0; i < options->n_init && exists; i++)
	{
		NaiveFit fit;

		exists =
			naive_run(&points, k, options, i, options->tol * built->points.mean_variance, &fit);
		if (i > 0 && exists && fit.assignment.inertia >= best->assignment.inertia)
			naive_fit_free(&fit);
		else
		{
			if (i > 0)
				naive_fit_free(best);
			*best = fit;
		}
	}
	dimensions = points.d;
	qsort(best->centres, (size_t) k, (size_t) points.d * sizeof(double), compare_centres);
	naive_assign(&points, best->centres, k, &best->assignment);
	cloud_free(&points);
	return exists;
}

/*
 * Sums of whole numbers are exact, and so are the centres.  Runs that end in the
 * same clusters differ by rounding alone, so which of several won is not asked.
 */
static bool
fits_as_loops_do(Prng *prng)
{
	Style style = prng_below(prng, 2) == 0 ? LATTICE : prng_below(prng, 2) == 0 ? REALS : BLOBS;
	RfmsegKmeansOptions options = random_options(prng);
	NaiveFit expected = {0};
	Cloud cloud;
	Built built;
	bool alike;
	int k, i;
	Fit fit;

	if (style != LATTICE && options.tol == 0)
		options.tol = 1e-9;
	cloud_unequal(prng, &cloud, style);
	k = prng_clusters(prng, cloud.n < 40 ? cloud.n : 40);
	build(&built, &cloud, false);
	fit_tree(&fit, &built.tree, k, &options);
	alike = fit.exists == naive_kmeans(&built, k, &options, &expected) &&
		fit.exists == ((size_t) k <= count_distinct(&cloud));
	if (fit.exists && alike)
	{
		alike = fit.found.k == k &&
			are_same_bits(fit.found.assignment.sizes, expected.assignment.sizes, (size_t) k) &&
			is_close(fit.found.assignment.inertia, expected.assignment.inertia,
					 1e-11 * expected.assignment.inertia + 1e-16 * built.points.weight) &&
			fit.found.history[fit.found.iterations] == fit.found.assignment.inertia &&
			(options.n_init > 1 ||
			 (fit.found.iterations == expected.iterations &&
			  fit.found.converged == expected.converged));
		for (i = 0; i < k * cloud.d; i++)
			alike = alike &&
				(style == LATTICE ? fit.found.centres[i] == expected.centres[i]
								  : is_close(fit.found.centres[i], expected.centres[i], 1e-9));
	}
	if (!alike)
		printf("# style %d: %zu rows of %d dimensions, %d clusters\n", style, cloud.n, cloud.d, k);
	naive_fit_free(&expected);
	fit_free(&fit);
	built_free(&built);
	cloud_free(&cloud);
	return alike;
}

/* Inertia before every move of the centres, and after the last one. */
static bool
history_is_right(Prng *prng)
{
	RfmsegKmeansOptions options = random_options(prng);
	Cloud cloud;
	Built built;
	bool right;
	int k, i;
	Fit fit;

	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	k = prng_clusters(prng, cloud.n);
	build(&built, &cloud, false);
	fit_tree(&fit, &built.tree, k, &options);
	right = !fit.exists ||
		(fit.found.iterations <= options.max_iter &&
		 (fit.found.converged || fit.found.iterations == options.max_iter));
	for (i = 1; right && fit.exists && i <= fit.found.iterations; i++)
		right = fit.found.history[i] <=
			fit.found.history[i - 1] * (1 + 1e-12) + 1e-10 * built.points.weight;
	fit_free(&fit);
	built_free(&built);
	cloud_free(&cloud);
	return right;
}

/*
 * What does not matter
 */

/* Rows that are equal but for their weights, whose sums depend on the order. */
static void
weigh_at_random(Prng *prng, Cloud *cloud)
{
	size_t i;

	for (i = 0; i < cloud->n; i++)
		row_of(cloud, i)[cloud->d] = exp(6 * prng_real(prng));
}

static bool
order_does_not_matter(Prng *prng)
{
	RfmsegKmeansOptions options = random_options(prng);
	Cloud cloud;
	bool same = true;
	Fit fit, other;
	int k, i;

	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	if (cloud.weighted)
		weigh_at_random(prng, &cloud);
	k = prng_clusters(prng, cloud.n);
	claim_fill = 0;
	fit_cloud(&fit, &cloud, k, &options);
	for (i = 0; i < 2; i++)
	{
		claim_fill = i == 0 ? 0xFF : prng_below(prng, 256);
		prng_shuffle(prng, cloud.values, (int) cloud.n, stride_of(&cloud) * sizeof(double));
		fit_cloud(&other, &cloud, k, &options);
		same = same && are_same_fits(&fit, &other, cloud.d);
		fit_free(&other);
	}
	claim_fill = 0xA5;
	fit_free(&fit);
	cloud_free(&cloud);
	return same;
}

/* The run of least inertia, the first of several. */
static int
first_of_the_best(const RfmsegTree *tree, int k, const RfmsegKmeansOptions *options, void *room)
{
	void *at = claim(rfmseg_kmeans_size(tree->d, k, options->max_iter));
	double least = INFINITY;
	int first = RFMSEG_NO_RUN;
	int i;

	for (i = 0; i < options->n_init; i++)
	{
		RfmsegKmeans *result = rfmseg_kmeans_init(at, tree->d, k);

		rfmseg_kmeans_run(tree, options, i, result, room);
		if (result->run != i || !(result->assignment.inertia < least))
			continue;
		least = result->assignment.inertia;
		first = i;
	}
	free(at);
	return first;
}

/*
 * Runs in any order, shared out among processes: these are places for results,
 * which move before they are compared, as memory lies elsewhere in another process.
 */
static bool
who_makes_a_run_does_not_matter(Prng *prng)
{
	enum
	{
		RUNS = 12,
		PROCESSES = 4
	};
	RfmsegKmeansOptions options = random_options(prng);
	int runs[RUNS];
	RfmsegKmeans *results[PROCESSES];
	void *moved[PROCESSES];
	Cloud cloud;
	Built built;
	Fit fit, shared;
	size_t size;
	void *room;
	bool same;
	int k, i;

	options.n_init = 1 + prng_below(prng, RUNS);
	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	k = prng_clusters(prng, cloud.n) + (prng_below(prng, 8) == 0);
	build(&built, &cloud, false);
	fit_tree(&fit, &built.tree, k, &options);

	size = rfmseg_kmeans_size(cloud.d, k, options.max_iter);
	room = claim(rfmseg_kmeans_room_size(built.points.n, cloud.d, k, options.max_iter));
	for (i = 0; i < PROCESSES; i++)
		results[i] = rfmseg_kmeans_init(claim(size), cloud.d, k);
	for (i = 0; i < options.n_init; i++)
		runs[i] = i;
	prng_shuffle(prng, runs, options.n_init, sizeof(int));
	for (i = 0; i < options.n_init; i++)
		rfmseg_kmeans_run(&built.tree, &options, runs[i], results[prng_below(prng, PROCESSES)],
						  room);
	for (i = 0; i < PROCESSES; i++)
	{
		moved[i] = claim(size);
		memcpy(moved[i], results[i], size);
		memset(results[i], 0xFF, size);
		free(results[i]);
		results[i] = rfmseg_kmeans_open(moved[i], cloud.d);
		if (i > 0)
			rfmseg_kmeans_merge(results[0], results[i], cloud.d);
	}
	shared.exists = rfmseg_kmeans_finish(&built.tree, results[0], room);
	shared.found = *results[0];
	same = are_same_fits(&fit, &shared, cloud.d) &&
		(!fit.exists || shared.found.run == first_of_the_best(&built.tree, k, &options, room));
	for (i = 0; i < PROCESSES; i++)
		free(moved[i]);
	free(room);
	fit_free(&fit);
	built_free(&built);
	cloud_free(&cloud);
	return same;
}

/*
 * Weights are whole.  In up to three dimensions the order of some hundred rows
 * does not depend on how many there are, and all is the same to the last bit.
 */
static bool
weights_are_repeats(Prng *prng)
{
	Cloud cloud, repeated;
	Built weighted, plain;
	bool same;
	size_t rows = 0;
	size_t i;
	int k, w;
	Fit fit, other;

	cloud_init(&cloud, 24 + prng_size(prng), 1 + prng_below(prng, 3), true);
	cloud_fill(prng, &cloud, (Style) prng_below(prng, STYLES));
	k = prng_clusters(prng, cloud.n);
	for (i = 0; i < cloud.n; i++)
		rows += (size_t) weight_of(&cloud, i);
	cloud_init(&repeated, rows, cloud.d, false);
	rows = 0;
	for (i = 0; i < cloud.n; i++)
		for (w = 0; w < weight_of(&cloud, i); w++)
			memcpy(row_of(&repeated, rows++), row_of(&cloud, i), (size_t) cloud.d * sizeof(double));
	build(&weighted, &cloud, false);
	build(&plain, &repeated, false);
	fit_tree(&fit, &weighted.tree, k, &usual);
	fit_tree(&other, &plain.tree, k, &usual);
	same = plain.points.n == weighted.points.n && are_same_fits(&fit, &other, cloud.d) &&
		is_close(plain.points.mean_variance, weighted.points.mean_variance,
				 1e-12 * plain.points.mean_variance);
	fit_free(&fit);
	fit_free(&other);
	built_free(&weighted);
	built_free(&plain);
	cloud_free(&repeated);
	cloud_free(&cloud);
	return same;
}

/*
 * A power of two changes no digit: not of coordinates as large as they may be,
 * nor of weights as large or as small.
 */
static bool
scale_does_not_matter(Prng *prng)
{
	static const int scales[] = {-230, -100, 0, 100, 327};
	static const int weights[] = {-296, 0, 296};
	int scale = scales[prng_below(prng, (int) LENGTH(scales))];
	int weight = weights[prng_below(prng, (int) LENGTH(weights))];
	RfmsegKmeansOptions options = random_options(prng);
	Cloud cloud;
	Fit fit, other;
	bool same;
	size_t i;
	int k, j;

	cloud_init(&cloud, prng_size(prng), prng_dimensions(prng), true);
	cloud_fill(prng, &cloud, prng_below(prng, 2) == 0 ? GRID : REALS);
	k = prng_clusters(prng, cloud.n);
	fit_cloud(&fit, &cloud, k, &options);
	for (i = 0; i < cloud.n; i++)
		for (j = 0; j <= cloud.d; j++)
			row_of(&cloud, i)[j] = ldexp(row_of(&cloud, i)[j], j < cloud.d ? scale : weight);
	fit_cloud(&other, &cloud, k, &options);
	for (j = 0; j < k * cloud.d && other.exists; j++)
	{
		other.found.centres[j] = ldexp(other.found.centres[j], -scale);
		other.found.assignment.sums[j] =
			ldexp(ldexp(other.found.assignment.sums[j], -scale), -weight);
	}
	for (j = 0; j < k && other.exists; j++)
	{
		other.found.assignment.sizes[j] = ldexp(other.found.assignment.sizes[j], -weight);
		other.found.assignment.within[j] =
			ldexp(other.found.assignment.within[j], -2 * scale - weight);
	}
	for (j = 0; other.exists && j <= other.found.iterations; j++)
		other.found.history[j] = ldexp(other.found.history[j], -2 * scale - weight);
	other.found.assignment.inertia = ldexp(other.found.assignment.inertia, -2 * scale - weight);
	same = are_same_fits(&fit, &other, cloud.d);
	if (!same)
		printf("# scales 2^%d and 2^%d of weights: %zu rows of %d dimensions, %d clusters\n", scale,
			   weight, cloud.n, cloud.d, k);
	fit_free(&fit);
	fit_free(&other);
	cloud_free(&cloud);
	return same;
}

/*
 * What is found
 */

/* Ascending, none like another; and who goes by the nearest centre counts the same sizes. */
static bool
numbers_are_right(Prng *prng)
{
	Cloud cloud;
	double *sizes;
	bool right = true;
	size_t i;
	int k, c;
	Fit fit;

	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	k = prng_clusters(prng, cloud.n);
	sizes = claim_doubles((size_t) k);
	fit_cloud(&fit, &cloud, k, &usual);
	dimensions = cloud.d;
	for (c = 0; c < k; c++)
		sizes[c] = 0;
	for (i = 0; i < cloud.n && fit.exists; i++)
		sizes[rfmseg_nearest_centre(row_of(&cloud, i), fit.found.centres, k, cloud.d)] +=
			weight_of(&cloud, i);
	for (c = 1; c < k && fit.exists; c++)
		right = right &&
			compare_centres(centre_of(fit.found.centres, c - 1, cloud.d),
							centre_of(fit.found.centres, c, cloud.d)) < 0;
	right = right && (!fit.exists || are_same_bits(sizes, fit.found.assignment.sizes, (size_t) k));
	free(sizes);
	fit_free(&fit);
	cloud_free(&cloud);
	return right;
}

static bool
runs_do_not_harm(Prng *prng)
{
	RfmsegKmeansOptions options = usual;
	double least = INFINITY;
	bool better = true;
	Cloud cloud;
	int k;

	options.seed = prng_next(prng);
	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	k = prng_clusters(prng, cloud.n);
	for (options.n_init = 1; options.n_init <= 6; options.n_init++)
	{
		Fit fit;

		fit_cloud(&fit, &cloud, k, &options);
		if (fit.exists)
		{
			better = better && fit.found.assignment.inertia <= least * (1 + 1e-12) + 1e-10;
			least = fit.found.assignment.inertia;
		}
		fit_free(&fit);
	}
	cloud_free(&cloud);
	return better;
}

static bool
one_cluster_has_the_mean(Prng *prng)
{
	Cloud cloud;
	bool right;
	int j;
	Fit fit;

	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	fit_cloud(&fit, &cloud, 1, &usual);
	right = fit.exists && fit.found.converged;
	for (j = 0; j < cloud.d && right; j++)
	{
		double sum = 0;
		double weight = 0;
		size_t i;

		for (i = 0; i < cloud.n; i++)
		{
			sum += weight_of(&cloud, i) * row_of(&cloud, i)[j];
			weight += weight_of(&cloud, i);
		}
		right = is_close(fit.found.centres[j], sum / weight, 1e-9) &&
			fit.found.assignment.sizes[0] == weight;
	}
	fit_free(&fit);
	cloud_free(&cloud);
	return right;
}

/* As many clusters as points, and one more */
static bool
points_may_be_clusters(Prng *prng)
{
	Cloud cloud;
	int distinct;
	bool right;
	Fit fit;

	cloud_random(prng, &cloud, (Style) prng_below(prng, STYLES));
	distinct = (int) count_distinct(&cloud);
	fit_cloud(&fit, &cloud, distinct, &usual);
	right = fit.exists && fit.found.converged && fit.found.assignment.inertia <= 1e-18;
	fit_free(&fit);
	fit_cloud(&fit, &cloud, distinct + 1, &usual);
	right = right && !fit.exists;
	if (!right)
		printf("# %zu rows of %d dimensions, %d of them distinct\n", cloud.n, cloud.d, distinct);
	fit_free(&fit);
	cloud_free(&cloud);
	return right;
}

/* Blobs with at least five times their width between them are told apart. */
static bool
blobs_are_found(Prng *prng)
{
	enum
	{
		EACH = 50
	};
	RfmsegKmeansOptions options = usual;
	int k = 2 + prng_below(prng, 7);
	int d = 2 + prng_below(prng, 4);
	bool found = true;
	Cloud cloud;
	int i, j, c;
	Fit fit;

	options.n_init = 10;
	options.seed = prng_next(prng);
	cloud_init(&cloud, (size_t) (k * EACH), d, false);
	for (i = 0; i < k * EACH; i++)
		for (j = 0; j < d; j++)
			row_of(&cloud, (size_t) i)[j] =
				(j == 0 ? 12 * (i / EACH) : 7 * (i / EACH % 3)) + prng_real(prng);
	fit_cloud(&fit, &cloud, k, &options);
	for (c = 0; c < k && fit.exists; c++)
		found = found && fit.found.assignment.sizes[c] == EACH;
	for (i = 0; i < k * EACH && fit.exists; i++)
		found = found &&
			rfmseg_nearest_centre(row_of(&cloud, (size_t) i), fit.found.centres, k, d) == i / EACH;
	found = found && fit.exists;
	fit_free(&fit);
	cloud_free(&cloud);
	return found;
}

/* The least inertia of all ways to part so few rows, as numbers to base k. */
static double
least_inertia(const Cloud *cloud, int k)
{
	int n = (int) cloud->n;
	int ways = (int) (pow(k, n) + 0.5);
	double least = INFINITY;
	int way, c, i, j;

	for (way = 0; way < ways / k; way++)
	{
		double inertia = 0;

		for (c = 0; c < k; c++)
			for (j = 0; j < cloud->d; j++)
			{
				double sum = 0, squares = 0, members = 0;
				int rest = way;

				for (i = 0; i < n; i++, rest /= k)
					if (rest % k == c)
					{
						double x = row_of(cloud, (size_t) i)[j];

						sum += x;
						squares += x * x;
						members++;
					}
				inertia += members > 0 ? squares - sum * sum / members : 0;
			}
		least = fmin(least, inertia);
	}
	return least;
}

static int best_found = 0;

/* No way is better than the best one; not every best one has a start that leads there. */
static bool
the_best_is_the_best(Prng *prng)
{
	RfmsegKmeansOptions options = usual;
	int k = 2 + prng_below(prng, 2);
	double least;
	Cloud cloud;
	bool good;
	Fit fit;

	options.n_init = 50;
	options.tol = 0;
	options.seed = prng_next(prng);
	cloud_init(&cloud, (size_t) (k == 2 ? 10 : 8), 1 + prng_below(prng, 3), false);
	cloud_fill(prng, &cloud, REALS);
	least = least_inertia(&cloud, k);
	fit_cloud(&fit, &cloud, k, &options);
	good = fit.exists && fit.found.assignment.inertia >= least - 1e-12;
	best_found += fit.exists && is_close(fit.found.assignment.inertia, least, 1e-12);
	fit_free(&fit);
	cloud_free(&cloud);
	return good;
}

/*
 * Rows too few, or too near
 */

static void
test_too_few(void)
{
	double equal[] = {0.1, 0.1, 0.1};
	double near[] = {1e-170, 2e-170, 3e-170};
	Cloud cloud = {3, 1, false, equal};
	Fit fit;

	fit_cloud(&fit, &cloud, 2, &usual);
	ok(!fit.exists, "equal rows are not two clusters");
	fit_free(&fit);
	cloud.values = near;
	fit_cloud(&fit, &cloud, 2, &usual);
	ok(!fit.exists, "neither are rows whose squared distances vanish");
	fit_free(&fit);
	fit_cloud(&fit, &cloud, 1, &usual);
	ok(fit.exists && fit.found.assignment.sizes[0] == 3, "they are one");
	fit_free(&fit);
}

static void
test_no_iterations(void)
{
	RfmsegKmeansOptions options = {1, 0, 0, 3};
	double values[] = {1, 2, 4, 8, 16};
	Cloud cloud = {5, 1, false, values};
	bool points = true;
	int i;
	Fit fit;

	fit_cloud(&fit, &cloud, 3, &options);
	for (i = 0; i < 3; i++)
		points = points && memchr("\1\2\4\10\20", (int) fit.found.centres[i], 5) != NULL;
	ok(fit.exists && points && fit.found.iterations == 0 && !fit.found.converged,
	   "without iterations the first centres are the result");
	fit_free(&fit);
}

/* To change this changes the clusters that anybody has found. */
static void
test_fingerprint(void)
{
	uint64_t hash = UINT64_C(0xCBF29CE484222325);
	Prng prng = {11};
	Cloud cloud;
	int i;
	Fit fit;

	cloud_init(&cloud, 1000, 3, true);
	cloud_fill(&prng, &cloud, BLOBS);
	fit_cloud(&fit, &cloud, 7, &usual);
	for (i = 0; i < 7 * 3; i++)
	{
		uint64_t bits;

		memcpy(&bits, &fit.found.centres[i], sizeof(bits));
		hash = (hash ^ bits) * UINT64_C(0x100000001B3);
	}
	ok(hash == UINT64_C(0xa2d8d0eb6c8c11f9), "the same bits on every machine (%016llx)",
	   (unsigned long long) hash);
	fit_free(&fit);
	cloud_free(&cloud);
}

int
main(void)
{
	ok(always(fits_as_loops_do, 250), "finds what plain loops find");
	ok(always(history_is_right, 300), "inertia never grows, and there is an end");
	ok(always(order_does_not_matter, 200), "neither the order of rows nor old memory matters");
	ok(always(who_makes_a_run_does_not_matter, 300), "nor who makes which run, and when");
	ok(always(weights_are_repeats, 200), "a weight is as good as so many rows");
	ok(always(scale_does_not_matter, 200), "neither does the scale of coordinates and weights");
	ok(always(numbers_are_right, 300),
	   "clusters are numbered by their centres, and hold who is near");
	ok(always(runs_do_not_harm, 100), "more runs are never worse");
	ok(always(one_cluster_has_the_mean, 200), "one cluster has the mean of all");
	ok(always(blobs_are_found, 60), "blobs that lie apart are found");
	ok(always(the_best_is_the_best, 60), "no inertia is below the least of all ways to part rows");
	ok(best_found >= 57, "which is nearly always found (%d of 60)", best_found);
	test_no_iterations();
	test_fingerprint();
	test_too_few();
	ok(always(points_may_be_clusters, 300), "distinct points are as many clusters, and no more");
	return done();
}
