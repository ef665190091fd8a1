/*
 * kmeans.c
 *		kmeans() and kmeans_sweep(): aggregates that keep all points, and cluster
 *		them at the end.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "aggregate.h"
#include "core/kmeans/kmeans.h"
#include "core/kmeans/quality.h"
#include "feature_array.h"
#include "kmeans_model.h"
#include "kmeans_options.h"
#include "kmeans_workers.h"
#include "large_memory.h"
#include "row_store.h"
#include "settings.h"

typedef struct KmeansState
{
	RfmsegStateKind kind;
	MemoryContext context;
	int k_min;
	int k_max; /* equal to k_min but for a sweep */
	int d;	   /* 0 before the first row that has points */
	bool weighted;
	bytea *given; /* the options as they came, or NULL */
	RfmsegClusteringOptions options;
	RfmsegRowStore rows; /* the coordinates, then the weight if there is one */
	uint64 unusable;	 /* rows with a feature that is NULL, NaN, infinite or too large */
} KmeansState;

/* Where the arguments of an aggregate are */
typedef struct Arguments
{
	int k_max; /* after features and k */
	int options;
	int weight;
} Arguments;

PG_FUNCTION_INFO_V1(rfmseg_kmeans_transition);
PG_FUNCTION_INFO_V1(rfmseg_kmeans_sweep_transition);
PG_FUNCTION_INFO_V1(rfmseg_kmeans_combine);
PG_FUNCTION_INFO_V1(rfmseg_kmeans_serialize);
PG_FUNCTION_INFO_V1(rfmseg_kmeans_deserialize);
PG_FUNCTION_INFO_V1(rfmseg_kmeans_final);
PG_FUNCTION_INFO_V1(rfmseg_kmeans_sweep_final);

static void
check_for_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Memory
 */

/* What a fit needs for so many rows, without the results, which are small. */
static double
memory_for(const KmeansState *state, double rows)
{
	size_t n = (size_t) rows;
	size_t in_order = rfmseg_points_room_size(n);
	size_t fitting =
		rfmseg_kmeans_room_size(n, state->d, state->k_max, state->options.fit.max_iter);

	return rows * state->rows.numbers * sizeof(double) + rfmseg_points_size(n, state->d) +
		rfmseg_tree_size(n, state->d) + Max(in_order, fitting);
}

static void
check_memory(const KmeansState *state, uint64 rows)
{
	double needed = memory_for(state, (double) rows);

	if (rows > RFMSEG_MAX_POINTS || needed > (double) rfmseg_max_model_memory * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("k-means of %llu rows needs more memory than rfmseg.max_model_memory allows", (unsigned long long) rows),
				 errdetail("It takes %.0f MB, and the limit is %d MB.", ceil(needed / 1048576),
						   rfmseg_max_model_memory / 1024),
				 errhint("Raise rfmseg.max_model_memory if the server has the memory, or fit a sample of the rows (TABLESAMPLE) and use kmeans_predict for all.")));
}

/* Makes room for more rows; checks the memory that clustering them will take. */
static void
make_room(KmeansState *state, uint64 more)
{
	if (rfmseg_rows_have_room(&state->rows, more))
		return;
	check_memory(state, state->rows.n + more);
	rfmseg_rows_enlarge(&state->rows, more);
}

/*
 * Rows
 */

static int
clusters_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	int k;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name)));
	k = PG_GETARG_INT32(arg);
	if (k < 1 || k > RFMSEG_MAX_CLUSTERS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is %d", name, k),
				 errhint("It must lie between 1 and %d.", RFMSEG_MAX_CLUSTERS)));
	return k;
}

static void
set_options(KmeansState *state, Jsonb *given)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);

	if (given != NULL)
	{
		state->given = palloc(VARSIZE(given));
		memcpy(state->given, given, VARSIZE(given));
	}
	rfmseg_read_clustering_options(given, &state->options);
	MemoryContextSwitchTo(old);
}

static KmeansState *
new_state(MemoryContext context, int k_min, int k_max, bool weighted, Jsonb *options)
{
	KmeansState *state = MemoryContextAllocZero(context, sizeof(KmeansState));

	if (k_min > k_max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k_min %d is above k_max %d", k_min, k_max)));
	state->kind = RFMSEG_STATE_KMEANS;
	state->context = context;
	state->rows.context = context;
	state->k_min = k_min;
	state->k_max = k_max;
	state->weighted = weighted;
	set_options(state, options);
	return state;
}

static bool
are_same_options(const bytea *a, const bytea *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static void
check_same(const KmeansState *state, int k_min, int k_max, const bytea *options)
{
	if (state->k_min != k_min || state->k_max != k_max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of clusters must be the same for all rows of a group")));
	if (!are_same_options(state->given, options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be the same for all rows of a group")));
}

static double
weight_argument(FunctionCallInfo fcinfo, int arg)
{
	double weight;

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("weight must not be NULL"),
				 errhint("A row of weight 0 is left out.")));
	weight = PG_GETARG_FLOAT8(arg);
	if (weight != 0 && !(weight >= RFMSEG_MIN_WEIGHT && weight <= RFMSEG_MAX_WEIGHT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a weight is negative, NaN, too small or too large"),
				 errhint("Weights are 0, which leaves the row out, or from %g to %g.",
						 RFMSEG_MIN_WEIGHT, RFMSEG_MAX_WEIGHT)));
	return weight;
}

static void
set_dimensions(KmeansState *state, int d)
{
	if (state->d == 0)
	{
		state->d = d;
		state->rows.numbers = d + state->weighted;
	}
	if (state->d != d)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("a row has %d features, another one %d", d, state->d)));
}

static void
add_row(KmeansState *state, ArrayType *features, double weight)
{
	const double *values;
	double *row;
	int i;

	set_dimensions(state, rfmseg_dimensions_of(features));
	values = (const double *) ARR_DATA_PTR(features);
	if ((ARR_HASNULL(features) && array_contains_nulls(features)) ||
		!rfmseg_are_coordinates(values, state->d))
	{
		state->unusable++;
		return;
	}
	if (weight == 0)
		return;
	make_room(state, 1);
	row = rfmseg_rows_add(&state->rows);
	/* minus zero becomes zero, which it equals */
	for (i = 0; i < state->d; i++)
		row[i] = values[i] + 0.0;
	if (state->weighted)
		row[state->d] = weight;
}

static Datum
transition(FunctionCallInfo fcinfo, Arguments at)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	KmeansState *state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_KMEANS);
	bool is_sweep = at.k_max > 0;
	int k_min = clusters_argument(fcinfo, 2, is_sweep ? "k_min" : "k");
	int k_max = is_sweep ? clusters_argument(fcinfo, at.k_max, "k_max") : k_min;
	Jsonb *options =
		PG_NARGS() <= at.options || PG_ARGISNULL(at.options) ? NULL : PG_GETARG_JSONB_P(at.options);
	bool weighted = PG_NARGS() > at.weight;
	double weight = weighted ? weight_argument(fcinfo, at.weight) : 1;

	if (state == NULL)
		state = new_state(context, k_min, k_max, weighted, options);
	else
		check_same(state, k_min, k_max, (const bytea *) options);
	if (PG_ARGISNULL(1))
		state->unusable++;
	else
		add_row(state, PG_GETARG_ARRAYTYPE_P(1), weight);
	PG_RETURN_POINTER(state);
}

/* kmeans_transition(internal, features float8[], k int [, options jsonb [, weight float8]]) */
Datum
rfmseg_kmeans_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, (Arguments){.options = 3, .weight = 4});
}

/* kmeans_sweep_transition(internal, features float8[], k_min int, k_max int [, options jsonb [, weight float8]]) */
Datum
rfmseg_kmeans_sweep_transition(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, (Arguments){.k_max = 3, .options = 4, .weight = 5});
}

/*
 * Partial aggregation
 */

Datum
rfmseg_kmeans_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	KmeansState *into = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_KMEANS);
	KmeansState *other = rfmseg_state_argument(fcinfo, 1, RFMSEG_STATE_KMEANS);

	if (other == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
		into =
			new_state(context, other->k_min, other->k_max, other->weighted, (Jsonb *) other->given);
	check_same(into, other->k_min, other->k_max, other->given);
	into->unusable += other->unusable;
	if (other->d > 0)
		set_dimensions(into, other->d);
	if (other->rows.n > 0)
	{
		make_room(into, other->rows.n);
		rfmseg_rows_add_all(&into->rows, &other->rows);
	}
	PG_RETURN_POINTER(into);
}

/*
 * Serialized: kind, cluster numbers, dimensions, whether weighted, options,
 * unusable rows, rows; the last as they are in memory, for processes of one machine.
 */
Datum
rfmseg_kmeans_serialize(PG_FUNCTION_ARGS)
{
	KmeansState *state;
	StringInfoData buf;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_KMEANS);

	rfmseg_state_begin(&buf, RFMSEG_STATE_KMEANS);
	pq_sendint32(&buf, state->k_min);
	pq_sendint32(&buf, state->k_max);
	pq_sendint32(&buf, state->d);
	pq_sendbyte(&buf, state->weighted);
	pq_sendint32(&buf, state->given == NULL ? 0 : VARSIZE(state->given));
	if (state->given != NULL)
		pq_sendbytes(&buf, (const char *) state->given, VARSIZE(state->given));
	pq_sendint64(&buf, state->unusable);
	rfmseg_rows_send(&buf, &state->rows);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/*
 * Only what this server has serialized is read back, so its options need no
 * check.  The state lives no longer than the bytes, so rows are left in them.
 */
Datum
rfmseg_kmeans_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	KmeansState *state;
	int k_min;
	int k_max;
	int d;
	bool weighted;
	int size;
	bytea *given = NULL;

	(void) rfmseg_aggregate_context(fcinfo);
	rfmseg_state_read(&buf, PG_GETARG_BYTEA_PP(0), RFMSEG_STATE_KMEANS);
	k_min = (int) pq_getmsgint(&buf, 4);
	k_max = (int) pq_getmsgint(&buf, 4);
	d = (int) pq_getmsgint(&buf, 4);
	weighted = pq_getmsgbyte(&buf) != 0;
	size = (int) pq_getmsgint(&buf, 4);
	if (size > 0)
	{
		given = palloc(size);
		pq_copymsgbytes(&buf, (char *) given, size);
	}
	state = new_state(CurrentMemoryContext, k_min, k_max, weighted, (Jsonb *) given);
	if (d < 0 || d > RFMSEG_MAX_DIMENSIONS)
		rfmseg_state_corrupt();
	if (d > 0)
		set_dimensions(state, d);
	state->unusable = pq_getmsgint64(&buf);
	rfmseg_rows_receive(&buf, &state->rows);
	PG_RETURN_POINTER(state);
}

/*
 * Clustering
 */

typedef struct Clustering
{
	const KmeansState *state;
	RfmsegPoints points;
	RfmsegTree tree;
	void *room; /* for fitting */
	TupleDesc model_type;
} Clustering;

static void
refuse_unusable(const KmeansState *state)
{
	if (state->unusable > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_plural("%llu row has features that cannot be clustered",
							   "%llu rows have features that cannot be clustered",
							   state->unusable, (unsigned long long) state->unusable),
				 errdetail("A feature is NULL, NaN, infinite or beyond %g.", RFMSEG_MAX_COORDINATE),
				 errhint("Leave such rows out with a FILTER clause, or replace the values.")));
}

static void
report_constant_features(const RfmsegPoints *points)
{
	int j;

	for (j = 0; j < points->d; j++)
		if (points->constant[j] && points->n > 1)
			ereport(NOTICE,
					(errmsg("feature %d is the same in all rows", j + 1),
					 errhint("It does not part the rows; leave it out.")));
}

static void
refuse_clusters(const RfmsegPoints *points, int k)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%d clusters of %llu distinct points", k, (unsigned long long) points->n),
			 errdetail("There must be as many distinct points as clusters, and their squared distances must not vanish."),
			 errhint("Ask for fewer clusters.")));
}

static void
begin_clustering(Clustering *clustering, const KmeansState *state)
{
	RfmsegRows rows = {state->rows.values, state->rows.n, state->d, state->weighted};
	RfmsegPoints *points = &clustering->points;
	double *blocks;
	double *nodes;
	void *room;

	check_memory(state, state->rows.n);
	blocks = rfmseg_alloc_large(rfmseg_points_size(state->rows.n, state->d));
	room = rfmseg_alloc_large(rfmseg_points_room_size(state->rows.n));
	rfmseg_points_init(points, &rows, state->options.standardize, blocks, room,
					   check_for_interrupts);
	pfree(room);
	report_constant_features(points);
	/* before any of the work for those that there can be */
	if (points->n < state->k_max)
		refuse_clusters(points, Max(state->k_min, (int) points->n + 1));

	nodes = rfmseg_alloc_large(rfmseg_tree_size(points->n, state->d));
	rfmseg_tree_init(&clustering->tree, points, nodes, check_for_interrupts);
	clustering->state = state;
	clustering->room = rfmseg_alloc_large(
		rfmseg_kmeans_room_size(points->n, state->d, state->k_max, state->options.fit.max_iter));
}

static void
measure_quality(const Clustering *clustering, const RfmsegKmeans *found, RfmsegQuality *quality)
{
	const RfmsegClusteringOptions *options = &clustering->state->options;
	size_t sample = options->silhouette_sample;

	quality->total = rfmseg_scatter(&clustering->tree, rfmseg_root(&clustering->tree));
	quality->silhouette = quality->sample_silhouette = NAN;
	if (options->silhouette)
		quality->silhouette =
			rfmseg_simplified_silhouette(&clustering->tree, found->centres, found->k);
	/* no more than there are: as a sample of fewer rows would take some twice */
	if (sample > clustering->points.weight)
		sample = (size_t) clustering->points.weight;
	if (sample > 0)
		quality->sample_silhouette = rfmseg_sample_silhouette(
			&clustering->tree, found->centres, found->k, sample,
			palloc(rfmseg_sample_size(sample, clustering->points.d, found->k)));
}

static Datum
make_model(Clustering *clustering, RfmsegKmeans *found)
{
	const KmeansState *state = clustering->state;
	RfmsegQuality quality;

	if (!rfmseg_kmeans_finish(&clustering->tree, found, clustering->room))
		refuse_clusters(&clustering->points, found->k);
	measure_quality(clustering, found, &quality);
	return rfmseg_make_kmeans_model(clustering->model_type, &clustering->points, state->rows.n,
									found, &quality, &state->options);
}

/* The models of all k, in a context of their own that is gone afterwards */
static Datum *
cluster_all(const KmeansState *state, Oid model_type)
{
	MemoryContext result = CurrentMemoryContext;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "k-means", ALLOCSET_DEFAULT_SIZES);
	int count = state->k_max - state->k_min + 1;
	Datum *models = palloc(sizeof(Datum) * count);
	Clustering clustering;
	RfmsegKmeansJob job = {&clustering.tree, &state->options.fit, state->k_min, state->k_max};
	RfmsegKmeans **found;
	int i;

	MemoryContextSwitchTo(context);
	clustering.model_type = lookup_rowtype_tupdesc_copy(model_type, -1);
	begin_clustering(&clustering, state);
	found = rfmseg_make_kmeans_runs(
		&job, (double) rfmseg_max_model_memory * 1024 - memory_for(state, (double) state->rows.n),
		clustering.room);
	for (i = 0; i < count; i++)
	{
		Datum model = make_model(&clustering, found[i]);

		MemoryContextSwitchTo(result);
		models[i] = datumCopy(model, false, -1);
		MemoryContextSwitchTo(context);
	}
	MemoryContextSwitchTo(result);
	MemoryContextDelete(context);
	return models;
}

/* The state, if it has rows that can be clustered */
static KmeansState *
final_state(FunctionCallInfo fcinfo)
{
	KmeansState *state;

	(void) rfmseg_aggregate_context(fcinfo);
	state = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_KMEANS);
	if (state == NULL)
		return NULL;
	refuse_unusable(state);
	return state->rows.n > 0 ? state : NULL;
}

Datum
rfmseg_kmeans_final(PG_FUNCTION_ARGS)
{
	KmeansState *state = final_state(fcinfo);

	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(cluster_all(state, get_func_rettype(fcinfo->flinfo->fn_oid))[0]);
}

Datum
rfmseg_kmeans_sweep_final(PG_FUNCTION_ARGS)
{
	KmeansState *state = final_state(fcinfo);
	Oid model_type;

	if (state == NULL)
		PG_RETURN_NULL();
	model_type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	PG_RETURN_ARRAYTYPE_P(construct_array(cluster_all(state, model_type),
										  state->k_max - state->k_min + 1, model_type, -1, false,
										  TYPALIGN_DOUBLE));
}
