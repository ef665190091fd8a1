/*
 * kmeans_model.c
 *		The composite type kmeans_model: making one, and predicting by a caller's.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "composite_argument.h"
#include "core/kmeans/quality.h"
#include "feature_array.h"
#include "kmeans_model.h"

/* The columns, in their order */
enum
{
	K,
	DIMENSIONS,
	ROW_COUNT,
	DISTINCT_POINTS,
	TOTAL_WEIGHT,
	CENTROIDS,
	SIZES,
	WITHIN_SS,
	INERTIA,
	TOTAL_SS,
	EXPLAINED_VARIANCE,
	CALINSKI_HARABASZ,
	SIMPLIFIED_SILHOUETTE,
	SAMPLE_SILHOUETTE,
	ITERATIONS,
	CONVERGED,
	INERTIA_HISTORY,
	FEATURE_MEANS,
	FEATURE_SCALES,
	POSITIONS,
	OPTIONS,
	MODEL_COLUMNS
};

/* What predicting needs of a model. */
typedef struct Model
{
	int k;
	int d;
	double *means;
	double *scales;
	double *positions;
} Model;

PG_FUNCTION_INFO_V1(rfmseg_kmeans_predict);

/*
 * Making
 */

static Datum
array_of(const double *values, int n_dims, int *dims)
{
	int lower[2] = {1, 1};
	int n = n_dims == 1 ? dims[0] : dims[0] * dims[1];
	Datum *elements = palloc(sizeof(Datum) * n);
	int i;

	for (i = 0; i < n; i++)
		elements[i] = Float8GetDatum(values[i]);
	return PointerGetDatum(construct_md_array(elements, NULL, n_dims, dims, lower, FLOAT8OID,
											  sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
vector(const double *values, int n)
{
	int dims[1] = {n};

	return array_of(values, 1, dims);
}

static Datum
matrix(const double *values, int rows, int columns)
{
	int dims[2] = {rows, columns};

	return array_of(values, 2, dims);
}

/* Means of the rows' own values, which the centres are of the points'. */
static Datum
centroids_of(const RfmsegPoints *points, const RfmsegKmeans *found)
{
	double *centroids = palloc(sizeof(double) * found->k * points->d);
	int i;

	for (i = 0; i < found->k * points->d; i++)
		centroids[i] =
			found->centres[i] * points->scale[i % points->d] + points->offset[i % points->d];
	return matrix(centroids, found->k, points->d);
}

static Datum
options_as_jsonb(const RfmsegClusteringOptions *options)
{
	char tol[DOUBLE_SHORTEST_DECIMAL_LEN];
	char *text;

	double_to_shortest_decimal_buf(options->fit.tol, tol);
	text = psprintf("{\"n_init\": %d, \"max_iter\": %d, \"tol\": %s, \"seed\": %lld, "
					"\"standardize\": %s, \"silhouette\": %s, \"silhouette_sample\": %d}",
					options->fit.n_init, options->fit.max_iter, tol, (long long) options->fit.seed,
					options->standardize ? "true" : "false", options->silhouette ? "true" : "false",
					options->silhouette_sample);

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

static void
set_unless_nan(Datum *values, bool *nulls, int column, double value)
{
	values[column] = Float8GetDatum(value);
	nulls[column] = isnan(value);
}

Datum
rfmseg_make_kmeans_model(TupleDesc type, const RfmsegPoints *points, uint64 rows,
						 const RfmsegKmeans *found, const RfmsegQuality *quality,
						 const RfmsegClusteringOptions *options)
{
	Datum values[MODEL_COLUMNS];
	bool nulls[MODEL_COLUMNS] = {0};
	const RfmsegAssignment *assignment = &found->assignment;
	double inertia = assignment->inertia;

	if (type->natts != MODEL_COLUMNS)
		elog(ERROR, "kmeans_model has %d columns", type->natts);
	values[K] = Int32GetDatum(found->k);
	values[DIMENSIONS] = Int32GetDatum(points->d);
	values[ROW_COUNT] = Int64GetDatum((int64) rows);
	values[DISTINCT_POINTS] = Int64GetDatum((int64) points->n);
	values[TOTAL_WEIGHT] = Float8GetDatum(points->weight);
	values[CENTROIDS] = centroids_of(points, found);
	values[SIZES] = vector(assignment->sizes, found->k);
	values[WITHIN_SS] = vector(assignment->within, found->k);
	values[INERTIA] = Float8GetDatum(inertia);
	values[TOTAL_SS] = Float8GetDatum(quality->total);
	set_unless_nan(values, nulls, EXPLAINED_VARIANCE,
				   quality->total > 0 ? 1 - inertia / quality->total : NAN);
	set_unless_nan(values, nulls, CALINSKI_HARABASZ,
				   rfmseg_calinski_harabasz(points, found->k, inertia, quality->total));
	set_unless_nan(values, nulls, SIMPLIFIED_SILHOUETTE, quality->silhouette);
	set_unless_nan(values, nulls, SAMPLE_SILHOUETTE, quality->sample_silhouette);
	values[ITERATIONS] = Int32GetDatum(found->iterations);
	values[CONVERGED] = BoolGetDatum(found->converged);
	values[INERTIA_HISTORY] = vector(found->history, found->iterations + 1);
	values[FEATURE_MEANS] = vector(points->offset, points->d);
	values[FEATURE_SCALES] = vector(points->scale, points->d);
	values[POSITIONS] = matrix(found->centres, found->k, points->d);
	values[OPTIONS] = options_as_jsonb(options);
	return HeapTupleGetDatum(heap_form_tuple(type, values, nulls));
}

/*
 * Reading
 */

static void
refuse_model(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the kmeans_model is not valid"),
			 errdetail_internal("%s", detail), errhint("Models are made by rfmseg.kmeans().")));
}

/* The numbers of an array with these dimensions; columns 0: of one dimension. */
static double *
numbers_of(const Datum *values, const bool *nulls, int column, int rows, int columns,
		   const char *name)
{
	ArrayType *array;
	double *numbers;
	int n = rows * Max(columns, 1);

	if (nulls[column])
		refuse_model(psprintf("Its %s are NULL.", name));
	array = DatumGetArrayTypeP(values[column]);
	if (ARR_NDIM(array) != (columns > 0 ? 2 : 1) || ARR_DIMS(array)[0] != rows ||
		(columns > 0 && ARR_DIMS(array)[1] != columns) || ARR_HASNULL(array))
		refuse_model(columns > 0
						 ? psprintf("Its %s are not %d times %d numbers.", name, rows, columns)
						 : psprintf("Its %s are not %d numbers.", name, rows));
	numbers = palloc(sizeof(double) * n);
	memcpy(numbers, ARR_DATA_PTR(array), sizeof(double) * n);
	if (!rfmseg_are_coordinates(numbers, n))
		refuse_model(psprintf("Not all of its %s are finite, or they are too large.", name));
	return numbers;
}

static int
count_of(const Datum *values, const bool *nulls, int column, int most, const char *name)
{
	int count = nulls[column] ? 0 : DatumGetInt32(values[column]);

	if (count < 1 || count > most)
		refuse_model(psprintf("Its %s is not from 1 to %d.", name, most));
	return count;
}

static void *
read_model(HeapTupleHeader given)
{
	Model *model = palloc(sizeof(Model));
	Datum values[MODEL_COLUMNS];
	bool nulls[MODEL_COLUMNS];
	int i;

	rfmseg_deform_composite(given, MODEL_COLUMNS, values, nulls);
	model->k = count_of(values, nulls, K, RFMSEG_MAX_CLUSTERS, "k");
	model->d = count_of(values, nulls, DIMENSIONS, RFMSEG_MAX_DIMENSIONS, "number of dimensions");
	model->means = numbers_of(values, nulls, FEATURE_MEANS, model->d, 0, "feature_means");
	model->scales = numbers_of(values, nulls, FEATURE_SCALES, model->d, 0, "feature_scales");
	model->positions = numbers_of(values, nulls, POSITIONS, model->k, model->d, "positions");
	for (i = 0; i < model->d; i++)
		if (!(model->scales[i] > 0))
			refuse_model("Not all of its feature_scales are above 0.");
	return model;
}

/* kmeans_predict(model kmeans_model, features float8[]) returns int */
Datum
rfmseg_kmeans_predict(PG_FUNCTION_ARGS)
{
	const Model *model = rfmseg_composite_argument(fcinfo, 0, read_model);
	ArrayType *features = PG_GETARG_ARRAYTYPE_P(1);
	int d = rfmseg_dimensions_of(features);
	double point[RFMSEG_MAX_DIMENSIONS];
	int i;

	if (d != model->d)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("there are %d features, and the model has %d", d, model->d)));
	if (ARR_HASNULL(features) && array_contains_nulls(features))
		PG_RETURN_NULL();
	memcpy(point, ARR_DATA_PTR(features), sizeof(double) * d);
	if (!rfmseg_are_coordinates(point, d))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a feature is NaN, infinite or beyond %g", RFMSEG_MAX_COORDINATE)));
	for (i = 0; i < d; i++)
		point[i] = (point[i] - model->means[i]) / model->scales[i];
	PG_RETURN_INT32(1 + rfmseg_nearest_centre(point, model->positions, model->k, d));
}
