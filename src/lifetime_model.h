/*
 * lifetime_model.h
 *		The composite types of models of customer lifetime value, which are both
 *		results and arguments.
 */
#ifndef RFMSEG_LIFETIME_MODEL_TYPES_H
#define RFMSEG_LIFETIME_MODEL_TYPES_H

#include "postgres.h"

#include "fmgr.h"

#include "core/lifetime/fit.h"

/* A caller's model, whose parameters make sense */
typedef struct RfmsegFittedModel
{
	const RfmsegLifetimeModel *model;
	double parameters[RFMSEG_LIFETIME_PARAMETERS];
} RfmsegFittedModel;

/* Which model a composite type is of. */
extern const RfmsegLifetimeModel *rfmseg_lifetime_model_of(Oid type);

/* A composite of that type of what was found. */
extern Datum rfmseg_make_lifetime_model(Oid type, const RfmsegLifetimeModel *model,
										const RfmsegFit *fit);

/* The model in an argument, one of the first two. */
extern const RfmsegFittedModel *rfmseg_lifetime_argument(FunctionCallInfo fcinfo, int arg);

#endif
