/*
 * feature_array.c
 *		What is done to numbers that are to be points, and how arrays of them are
 *		checked.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"

#include "core/portable_math.h"
#include "feature_array.h"

PG_FUNCTION_INFO_V1(rfmseg_signed_log);

int
rfmseg_dimensions_of(ArrayType *features)
{
	int n;

	if (ARR_NDIM(features) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("features have %d dimensions", ARR_NDIM(features)),
				 errdetail("The features of a row are an array of numbers, not of arrays.")));
	n = ARR_NDIM(features) == 0 ? 0 : ARR_DIMS(features)[0];
	if (n < 1 || n > RFMSEG_MAX_DIMENSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("there are %d features", n),
				 errhint("There must be from 1 to %d.", RFMSEG_MAX_DIMENSIONS)));
	return n;
}

bool
rfmseg_are_coordinates(const double *values, int n)
{
	int i;

	/* false for NaN */
	for (i = 0; i < n; i++)
		if (!(fabs(values[i]) <= RFMSEG_MAX_COORDINATE))
			return false;
	return true;
}

/* signed_log(value float8) returns float8 */
Datum
rfmseg_signed_log(PG_FUNCTION_ARGS)
{
	double value = PG_GETARG_FLOAT8(0);

	if (isnan(value) || isinf(value))
		PG_RETURN_FLOAT8(value);
	PG_RETURN_FLOAT8(copysign(rfmseg_log1p(fabs(value)), value));
}
