/*
 * feature_array.c
 *		Checking arrays that are to be points.
 */
#include "postgres.h"

#include <math.h>

#include "feature_array.h"

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
