/*
 * kmeans_options.h
 *		How clusters are to be found.
 */
#ifndef RFMSEG_KMEANS_OPTIONS_H
#define RFMSEG_KMEANS_OPTIONS_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/kmeans/kmeans.h"

#define RFMSEG_MAX_SILHOUETTE_SAMPLE 20000

typedef struct RfmsegClusteringOptions
{
	RfmsegKmeansOptions fit;
	bool standardize;
	bool silhouette;	   /* the simplified one */
	int silhouette_sample; /* points for the other; 0: none */
} RfmsegClusteringOptions;

/* Options as given, or NULL for none; an error where they are wrong. */
extern void rfmseg_read_clustering_options(Jsonb *jsonb, RfmsegClusteringOptions *options);

#endif
