/*
 * kmeans_model.h
 *		The composite type kmeans_model, which is both result and argument.
 */
#ifndef RFMSEG_KMEANS_MODEL_H
#define RFMSEG_KMEANS_MODEL_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"

#include "core/kmeans/kmeans.h"
#include "kmeans_options.h"

typedef struct RfmsegQuality
{
	double total;			  /* squared distances from the mean of all */
	double silhouette;		  /* simplified; NaN for none */
	double sample_silhouette; /* likewise */
} RfmsegQuality;

/* A kmeans_model of what was found. */
extern Datum rfmseg_make_kmeans_model(TupleDesc type, const RfmsegPoints *points, uint64 rows,
									  const RfmsegKmeans *found, const RfmsegQuality *quality,
									  const RfmsegClusteringOptions *options);

#endif
