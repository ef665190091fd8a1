/*
 * All of the work stops now and then to ask whether to go on, and whoever asks
 * need not come back.
 */
#include <setjmp.h>

#include "kmeans/quality.h"
#include "kmeans_cases.h"
#include "tap.h"

#define ROWS 200000
#define SAMPLE 500

/*
 * How often
 */

static long
pauses_since(long before)
{
	return pauses - before;
}

/* Rows that do not fall into clusters, so that many leaves are looked at. */
static void
test_often(void)
{
	enum
	{
		D = 4,
		K = 30
	};
	static double centres[K * D];
	RfmsegKmeansOptions options = {1, 5, 0, 1};
	RfmsegRandom random;
	Prng prng = {4};
	RfmsegAssignment a;
	RfmsegKmeans *fit;
	Cloud cloud;
	Built built;
	void *room, *at;
	long before, since;

	cloud_init(&cloud, ROWS, D, false);
	cloud_fill(&prng, &cloud, REALS);

	before = pauses;
	build_points(&built, &cloud, true);
	since = pauses_since(before);
	/* all rows are read in bounding, locating, sorting, merging and measuring */
	ok(since >= 5 * ROWS / 4096, "ordering pauses every few thousand rows (%ld times)", since);

	built.nodes = claim(rfmseg_tree_size(built.points.n, D));
	before = pauses;
	rfmseg_tree_init(&built.tree, &built.points, built.nodes, count_pause);
	since = pauses_since(before);
	ok(since >= ROWS / 4096, "building the tree does (%ld)", since);

	room = claim(rfmseg_kmeans_room_size(built.points.n, D, K, options.max_iter));
	before = pauses;
	rfmseg_random_start(&random, 1, 1, 1);
	if (!rfmseg_seed_centres(&built.tree, K, &random, centres, room))
		abort();
	since = pauses_since(before);
	ok(since >= K, "seeding does (%ld)", since);

	assignment_init(&a, K, D);
	before = pauses;
	rfmseg_assign(&built.tree, centres, K, &a, room);
	since = pauses_since(before);
	ok(since >= ROWS / 4096, "assigning does (%ld)", since);

	a.sizes[3] = 0;
	before = pauses;
	rfmseg_fill_empty(&built.tree, &a, centres, K, room);
	since = pauses_since(before);
	ok(since >= ROWS / 4096, "looking for the farthest point does (%ld)", since);

	at = claim(rfmseg_kmeans_size(D, K, options.max_iter));
	before = pauses;
	if (!make_all_runs(&built.tree, K, &options, at, &fit, room))
		abort();
	since = pauses_since(before);
	ok(since >= K + 5 * ROWS / 4096, "so does the whole of it (%ld)", since);

	before = pauses;
	rfmseg_simplified_silhouette(&built.tree, centres, K);
	since = pauses_since(before);
	ok(since >= ROWS / 4096, "the simplified silhouette does (%ld)", since);

	free(room);
	room = claim(rfmseg_sample_size(SAMPLE, D, K));
	before = pauses;
	rfmseg_sample_silhouette(&built.tree, centres, K, SAMPLE, room);
	since = pauses_since(before);
	ok(since >= SAMPLE, "that of a sample does (%ld)", since);

	free(room);
	free(at);
	assignment_free(&a);
	built_free(&built);
	cloud_free(&cloud);
}

/* A sample that is all of one cluster is put down as such, which takes its time too. */
static void
test_one_sided_sample(void)
{
	enum
	{
		D = 2,
		K = 200,
		SIZE = 20000
	};
	static double centres[K * D];
	Prng prng = {14};
	Cloud cloud;
	Built built;
	void *room;
	long before, since;
	int i;

	cloud_init(&cloud, ROWS / 4, D, false);
	cloud_fill(&prng, &cloud, REALS);
	build(&built, &cloud, false);
	for (i = 1; i < K; i++)
		centres[i * D] = 100 + i;
	room = claim(rfmseg_sample_size(SIZE, D, K));
	before = pauses;
	if (!isnan(rfmseg_sample_silhouette(&built.tree, centres, K, SIZE, room)))
		abort();
	since = pauses_since(before);
	ok(since >= SIZE / 4096, "finding the clusters of a sample pauses (%ld times)", since);
	free(room);
	built_free(&built);
	cloud_free(&cloud);
}

/* Rows that are all equal, or apart in one dimension alone */
static void
test_dull_rows(void)
{
	Cloud cloud;
	Built built;
	long before, since;
	size_t i;

	cloud_init(&cloud, ROWS, 1, true);
	for (i = 0; i < cloud.n; i++)
	{
		row_of(&cloud, i)[0] = 1;
		row_of(&cloud, i)[1] = (double) (i % 7 + 1);
	}
	before = pauses;
	build_points(&built, &cloud, true);
	since = pauses_since(before);
	ok(since >= 4 * ROWS / 4096, "ordering equal rows by weight pauses too (%ld times)", since);
	built_free(&built);
	cloud_free(&cloud);
}

/*
 * Not coming back
 */

static jmp_buf way_out;
static long left;

static void
leave_in_time(void)
{
	if (--left == 0)
		longjmp(way_out, 1);
}

/* Memory of one piece of work after the other, so that leaving it loses none */
typedef struct Work
{
	Cloud cloud;
	int k;
	RfmsegKmeansOptions options;
	RfmsegPoints points;
	RfmsegTree tree;
	RfmsegKmeans *fit;
	double *blocks, *nodes;
	void *ordering, *fitting, *result, *sampling;
	double silhouettes[2];
} Work;

static void
work_init(Work *w)
{
	Prng prng = {12};

	cloud_init(&w->cloud, 6000, 2, true);
	cloud_fill(&prng, &w->cloud, REALS);
	w->k = 8;
	w->options = (RfmsegKmeansOptions){2, 10, 0, 1};
	w->blocks = claim(rfmseg_points_size(w->cloud.n, w->cloud.d));
	w->nodes = claim(rfmseg_tree_size(w->cloud.n, w->cloud.d));
	w->ordering = claim(rfmseg_points_room_size(w->cloud.n));
	w->fitting = claim(rfmseg_kmeans_room_size(w->cloud.n, w->cloud.d, w->k, w->options.max_iter));
	w->result = claim(rfmseg_kmeans_size(w->cloud.d, w->k, w->options.max_iter));
	w->sampling = claim(rfmseg_sample_size(50, w->cloud.d, w->k));
}

static void
work_free(Work *w)
{
	cloud_free(&w->cloud);
	free(w->blocks);
	free(w->nodes);
	free(w->ordering);
	free(w->fitting);
	free(w->result);
	free(w->sampling);
}

static void
work_all(Work *w)
{
	RfmsegRows rows = {w->cloud.values, w->cloud.n, w->cloud.d, w->cloud.weighted};

	rfmseg_points_init(&w->points, &rows, true, w->blocks, w->ordering, leave_in_time);
	rfmseg_tree_init(&w->tree, &w->points, w->nodes, leave_in_time);
	if (!make_all_runs(&w->tree, w->k, &w->options, w->result, &w->fit, w->fitting))
		abort();
	w->silhouettes[0] = rfmseg_simplified_silhouette(&w->tree, w->fit->centres, w->k);
	w->silhouettes[1] = rfmseg_sample_silhouette(&w->tree, w->fit->centres, w->k, 50, w->sampling);
}

/* True if it came to the end; it may be left at the pause of that number. */
static bool
work_until(Work *w, long pause)
{
	left = pause;
	if (setjmp(way_out) != 0)
		return false;
	work_all(w);
	return true;
}

/* Left at every pause in turn, and begun again each time with what was left behind. */
static void
test_leaving(void)
{
	static double centres[8 * 2];
	static Work work;
	double silhouettes[2];
	long pause = 1;

	work_init(&work);
	work_until(&work, 0);
	memcpy(centres, work.fit->centres, sizeof(centres));
	memcpy(silhouettes, work.silhouettes, sizeof(silhouettes));
	while (!work_until(&work, pause))
		pause++;
	ok(pause > 100, "work is left at each of %ld pauses", pause - 1);
	ok(are_same_bits(centres, work.fit->centres, 8 * 2) &&
		   are_same_bits(silhouettes, work.silhouettes, 2),
	   "and gives the same in the end");
	work_free(&work);
}

int
main(void)
{
	test_often();
	test_dull_rows();
	test_one_sided_sample();
	test_leaving();
	return done();
}
