/*
 * kmeans_options.c
 *		The options of kmeans() and kmeans_sweep(), from a jsonb object.
 */
#include "postgres.h"

#include <math.h>

#include "json_value.h"
#include "kmeans_options.h"

#define OPTIONS_HINT                                                                             \
	errhint("Options with their defaults: {\"n_init\": 10, \"max_iter\": 300, \"tol\": 0.0001, " \
			"\"seed\": 42, \"standardize\": true, \"silhouette\": false, "                       \
			"\"silhouette_sample\": 0}.")

static void
refuse(const char *name, JsonbValue *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" is %s", name, rfmseg_json_text(value)),
			 errhint("%s", hint)));
}

static int64
integer_option(const char *name, JsonbValue *value, int64 least, int64 most)
{
	int64 number;

	if (!rfmseg_json_integer(value, &number) || number < least || number > most)
		refuse(name, value,
			   psprintf("It must be a whole number from %lld to %lld.", (long long) least,
						(long long) most));
	return number;
}

static double
tolerance_option(const char *name, JsonbValue *value)
{
	double number = rfmseg_json_number(value);

	if (!(number >= 0) || isinf(number))
		refuse(name, value, "It must be a number of 0 or more.");
	return number;
}

static bool
boolean_option(const char *name, JsonbValue *value)
{
	if (value->type != jbvBool)
		refuse(name, value, "It must be true or false.");
	return value->val.boolean;
}

static void
read_option(const char *name, JsonbValue *value, RfmsegClusteringOptions *options)
{
	if (strcmp(name, "n_init") == 0)
		options->fit.n_init = (int) integer_option(name, value, 1, RFMSEG_MAX_RUNS);
	else if (strcmp(name, "max_iter") == 0)
		options->fit.max_iter = (int) integer_option(name, value, 1, RFMSEG_MAX_ITERATIONS);
	else if (strcmp(name, "tol") == 0)
		options->fit.tol = tolerance_option(name, value);
	else if (strcmp(name, "seed") == 0)
		options->fit.seed = (uint64) integer_option(name, value, PG_INT64_MIN, PG_INT64_MAX);
	else if (strcmp(name, "standardize") == 0)
		options->standardize = boolean_option(name, value);
	else if (strcmp(name, "silhouette") == 0)
		options->silhouette = boolean_option(name, value);
	else if (strcmp(name, "silhouette_sample") == 0)
		options->silhouette_sample =
			(int) integer_option(name, value, 0, RFMSEG_MAX_SILHOUETTE_SAMPLE);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no option \"%s\"", name), OPTIONS_HINT));
}

void
rfmseg_read_clustering_options(Jsonb *jsonb, RfmsegClusteringOptions *options)
{
	JsonbIterator *iterator;
	JsonbValue value;
	char *name;

	memset(options, 0, sizeof(*options));
	options->fit.n_init = 10;
	options->fit.max_iter = 300;
	options->fit.tol = 1e-4;
	options->fit.seed = 42;
	options->standardize = true;
	if (jsonb == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options are no JSON object"),
				 OPTIONS_HINT));
	iterator = JsonbIteratorInit(&jsonb->root);
	while ((name = rfmseg_json_next(&iterator, &value)) != NULL)
		read_option(name, &value, options);
}
