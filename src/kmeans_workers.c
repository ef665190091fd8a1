/*
 * kmeans_workers.c
 *		The runs of k-means, shared out among parallel workers.
 *
 * No run needs to know of another one.  So the process that clusters, the
 * leader, copies the points and their tree to where workers can read them, and
 * all processes take one run after the other from a common counter.  Each keeps
 * its own best results; the leader compares these in the end.  Which process
 * makes which run is a matter of chance, and of no consequence.
 */
#include "postgres.h"

#ifndef WIN32
#include <sys/statvfs.h>
#endif

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/dsm_impl.h"
#include "storage/shm_toc.h"

#include "kmeans_workers.h"
#include "large_memory.h"

#define KEY_SEGMENT UINT64CONST(0x6B6D6E7301)
#define SPARE (16 * 1024 * 1024.0)	/* bytes of shared memory to leave to others */
#define COPY_STEP (4 * 1024 * 1024) /* bytes between looks for interrupts */

/*
 * Work below which launching workers may take longer than they save: half a
 * second with three features, more with eight.  That is for a slow and busy
 * machine, where a worker takes 50 ms to launch and the copy 3 ms a megabyte.
 */
#define WORTH_WORKERS 5e8

/*
 * What processes share begins with this.  The leaves of points follow, then the
 * nodes of the tree, then the results of each worker.  Pointers in here are the
 * leader's; workers set their own.
 */
typedef struct Shared
{
	pg_atomic_uint64 next;	  /* run to be made, of all of the job */
	pg_atomic_uint32 at_work; /* workers that have made a run */
	RfmsegPoints points;
	RfmsegTree tree;
	RfmsegKmeansOptions options;
	int k_min;
	int k_max;
} Shared;

extern PGDLLEXPORT void rfmseg_kmeans_worker(dsm_segment *segment, shm_toc *toc);

static void
check_for_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Runs
 */

static uint64
runs_of(const RfmsegKmeansJob *job)
{
	return (uint64) (job->k_max - job->k_min + 1) * job->options->n_init;
}

/*
 * Makes runs until none is left; returns how many.  Those of the most clusters
 * take longest and come first, so that all processes end at about the same time.
 */
static uint64
make_runs(const RfmsegKmeansJob *job, pg_atomic_uint64 *next, RfmsegKmeans **best, void *room)
{
	uint64 n_init = job->options->n_init;
	uint64 made = 0;
	uint64 number;

	while ((number = pg_atomic_fetch_add_u64(next, 1)) < runs_of(job))
	{
		int k = job->k_max - (int) (number / n_init);

		rfmseg_kmeans_run(job->tree, job->options, (int) (number % n_init), best[k - job->k_min],
						  room);
		made++;
	}
	return made;
}

static Size
result_size(const RfmsegKmeansJob *job, int k)
{
	return MAXALIGN(rfmseg_kmeans_size(job->tree->d, k, job->options->max_iter));
}

/* Bytes of a process's results. */
static Size
results_size(const RfmsegKmeansJob *job)
{
	Size size = 0;
	int k;

	for (k = job->k_min; k <= job->k_max; k++)
		size = add_size(size, result_size(job, k));
	return size;
}

/* Results in memory of that size: new ones, or those that a process has put there. */
static RfmsegKmeans **
results_in(const RfmsegKmeansJob *job, char *at, bool are_new)
{
	RfmsegKmeans **results = palloc(sizeof(RfmsegKmeans *) * (job->k_max - job->k_min + 1));
	int k;

	for (k = job->k_min; k <= job->k_max; k++)
	{
		results[k - job->k_min] = are_new ? rfmseg_kmeans_init(at, job->tree->d, k)
										  : rfmseg_kmeans_open(at, job->tree->d);
		at += result_size(job, k);
	}
	return results;
}

/*
 * Memory that is shared
 */

static Size
blocks_size(const RfmsegPoints *points)
{
	return rfmseg_points_size(points->n, points->d);
}

static Size
nodes_size(const RfmsegPoints *points)
{
	return rfmseg_tree_size(points->n, points->d);
}

static double *
shared_blocks(Shared *shared)
{
	return (double *) ((char *) shared + MAXALIGN(sizeof(Shared)));
}

static double *
shared_nodes(Shared *shared)
{
	return (double *) ((char *) shared_blocks(shared) + blocks_size(&shared->points));
}

static char *
shared_results(Shared *shared, const RfmsegKmeansJob *job, int worker)
{
	return (char *) shared_nodes(shared) + nodes_size(&shared->points) + worker * results_size(job);
}

static Size
shared_size(const RfmsegKmeansJob *job, int workers)
{
	Size size = MAXALIGN(sizeof(Shared));

	size = add_size(size, blocks_size(job->tree->points));
	size = add_size(size, nodes_size(job->tree->points));
	return add_size(size, mul_size(workers, results_size(job)));
}

static void
copy(void *to, const void *from, Size size)
{
	Size done, step;

	for (done = 0; done < size; done += step)
	{
		CHECK_FOR_INTERRUPTS();
		step = Min(size - done, COPY_STEP);
		rfmseg_make_pages((char *) to + done, step);
		memcpy((char *) to + done, (const char *) from + done, step);
	}
}

static void
fill_shared(Shared *shared, const RfmsegKmeansJob *job, int workers)
{
	const RfmsegTree *tree = job->tree;
	int i;

	pg_atomic_init_u64(&shared->next, 0);
	pg_atomic_init_u32(&shared->at_work, 0);
	shared->points = *tree->points;
	shared->tree = *tree;
	shared->options = *job->options;
	shared->k_min = job->k_min;
	shared->k_max = job->k_max;
	copy(shared_blocks(shared), tree->points->blocks, blocks_size(tree->points));
	copy(shared_nodes(shared), tree->nodes, nodes_size(tree->points));
	for (i = 0; i < workers; i++)
		pfree(results_in(job, shared_results(shared, job, i), true));
}

/*
 * How many workers
 */

/*
 * Whether so much shared memory can be had, with as much to spare.  To ask for
 * more than there is would be an error.  On Linux it comes out of a file
 * system that tells how much is left, and that is small in many containers;
 * elsewhere, and of the other kinds of shared memory, there is nothing to ask.
 */
static bool
is_there_shared_memory(Size size)
{
#if defined(__linux__) && defined(USE_DSM_POSIX)
	struct statvfs left;

	return dynamic_shared_memory_type == DSM_IMPL_POSIX && statvfs("/dev/shm", &left) == 0 &&
		(double) left.f_bavail * left.f_frsize >= size + Max(size, SPARE);
#else
	return false;
#endif
}

/* Of points by centres by runs; the more dimensions, the less of the tree can be skipped. */
static double
work_of(const RfmsegKmeansJob *job)
{
	double d = job->tree->d;
	double centres = 0;
	int k;

	for (k = job->k_min; k <= job->k_max; k++)
		centres += k;
	return centres * job->options->n_init * job->tree->points->n * d * d;
}

/* As many as the settings allow beside any Gather, as there are runs for, and as memory allows. */
static int
choose_workers(const RfmsegKmeansJob *job, double memory)
{
	const RfmsegTree *tree = job->tree;
	int workers = Min(max_parallel_workers_per_gather, max_parallel_workers);
	double each = results_size(job) +
		rfmseg_kmeans_room_size(tree->points->n, tree->d, job->k_max, job->options->max_iter);

	/* workers launch no others; without a postmaster there are none */
	if (IsParallelWorker() || !IsUnderPostmaster || work_of(job) < WORTH_WORKERS)
		return 0;
	workers = (int) Min((uint64) workers, runs_of(job) - 1);
	workers = (int) Max(Min(workers, (memory - shared_size(job, 0)) / each), 0);
	return workers > 0 && is_there_shared_memory(shared_size(job, workers)) ? workers : 0;
}

/*
 * Leader and workers
 */

/* Starts workers, as many as there are to be had. */
static ParallelContext *
launch(dsm_segment *segment, int workers)
{
	ParallelContext *context = CreateParallelContext("rfmseg", "rfmseg_kmeans_worker", workers);
	dsm_handle *handle;

	shm_toc_estimate_chunk(&context->estimator, sizeof(dsm_handle));
	shm_toc_estimate_keys(&context->estimator, 1);
	InitializeParallelDSM(context);
	handle = shm_toc_allocate(context->toc, sizeof(dsm_handle));
	*handle = dsm_segment_handle(segment);
	shm_toc_insert(context->toc, KEY_SEGMENT, handle);
	LaunchParallelWorkers(context);
	return context;
}

/*
 * Makes all runs with the help of workers; returns how many processes it were.
 *
 * In parallel mode a transaction must not write, take an id, or change
 * settings; between entering and leaving it here nothing runs but the core,
 * which does no such thing.  Workers compute, and read no table.  So it does not
 * matter what the transaction has done before, or is about to do.  The mode
 * nests: a Gather below may be in it.  After an error the end of the transaction,
 * or of the subtransaction, leaves it, stops the workers, and frees the segment.
 *
 * Points have a segment of their own, because that of a parallel context comes
 * from private memory where there is none, and may not be of any size then.
 */
static int
make_runs_with_workers(const RfmsegKmeansJob *job, int workers, RfmsegKmeans **best, void *room)
{
	dsm_segment *segment = dsm_create(shared_size(job, workers), DSM_CREATE_NULL_IF_MAXSEGMENTS);
	ParallelContext *context;
	Shared *shared;
	int processes;
	int i, k;

	if (segment == NULL)
		return 0;
	shared = dsm_segment_address(segment);
	fill_shared(shared, job, workers);

	EnterParallelMode();
	context = launch(segment, workers);
	processes = make_runs(job, &shared->next, best, room) > 0;
	WaitForParallelWorkersToFinish(context);
	for (i = 0; i < context->nworkers_launched; i++)
	{
		RfmsegKmeans **found = results_in(job, shared_results(shared, job, i), false);

		for (k = job->k_min; k <= job->k_max; k++)
			rfmseg_kmeans_merge(best[k - job->k_min], found[k - job->k_min], job->tree->d);
		pfree(found);
	}
	processes += (int) pg_atomic_read_u32(&shared->at_work);
	DestroyParallelContext(context);
	ExitParallelMode();
	dsm_detach(segment);
	return processes;
}

RfmsegKmeans **
rfmseg_make_kmeans_runs(const RfmsegKmeansJob *job, double memory, void *room)
{
	RfmsegKmeans **best = results_in(job, rfmseg_alloc_large(results_size(job)), true);
	int workers = choose_workers(job, memory);
	int processes = workers > 0 ? make_runs_with_workers(job, workers, best, room) : 0;

	if (processes == 0)
	{
		pg_atomic_uint64 next;

		pg_atomic_init_u64(&next, 0);
		make_runs(job, &next, best, room);
		processes = 1;
	}
	elog(DEBUG1, "k-means: %llu runs, processes: %d", (unsigned long long) runs_of(job), processes);
	return best;
}

/* What a worker does. */
void
rfmseg_kmeans_worker(dsm_segment *context_segment, shm_toc *toc)
{
	dsm_handle *handle = shm_toc_lookup(toc, KEY_SEGMENT, false);
	dsm_segment *segment = dsm_attach(*handle);
	Shared *shared;
	RfmsegPoints points;
	RfmsegTree tree;
	RfmsegKmeansJob job;
	RfmsegKmeans **best;
	void *room;

	if (segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not map dynamic shared memory segment")));
	shared = dsm_segment_address(segment);
	points = shared->points;
	points.blocks = shared_blocks(shared);
	tree = shared->tree;
	tree.points = &points;
	tree.nodes = shared_nodes(shared);
	tree.pause = check_for_interrupts;
	job = (RfmsegKmeansJob){&tree, &shared->options, shared->k_min, shared->k_max};
	best = results_in(&job, shared_results(shared, &job, ParallelWorkerNumber), false);
	room = rfmseg_alloc_large(
		rfmseg_kmeans_room_size(points.n, tree.d, job.k_max, job.options->max_iter));
	if (make_runs(&job, &shared->next, best, room) > 0)
		pg_atomic_fetch_add_u32(&shared->at_work, 1);
	dsm_detach(segment);
}
