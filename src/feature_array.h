/*
 * feature_array.h
 *		Points as SQL has them: one-dimensional arrays of float8.
 */
#ifndef RFMSEG_FEATURE_ARRAY_H
#define RFMSEG_FEATURE_ARRAY_H

#include "postgres.h"

#include "utils/array.h"

#include "core/kmeans/points.h"

/* How many numbers an array has; an error if it is none of 1 to 32 in one dimension. */
extern int rfmseg_dimensions_of(ArrayType *features);

/* Whether numbers can be coordinates: finite, and none whose square is not. */
extern bool rfmseg_are_coordinates(const double *values, int n);

#endif
