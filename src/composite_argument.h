/*
 * composite_argument.h
 *		Composite types as arguments: read once, for all the rows of a query.
 */
#ifndef RFMSEG_COMPOSITE_ARGUMENT_H
#define RFMSEG_COMPOSITE_ARGUMENT_H

#include "postgres.h"

#include "fmgr.h"

/* A function's first arguments can be composites; its fn_extra is then taken. */
#define RFMSEG_COMPOSITE_ARGUMENTS 2

/* Makes what a function needs of a composite, in the current context; an error if it is not valid. */
typedef void *(*RfmsegReadComposite)(HeapTupleHeader given);

/*
 * What "read" has made of an argument.  It is read again only if it is another
 * one than in the last call: most of what it takes is to detoast and check it.
 */
extern const void *rfmseg_composite_argument(FunctionCallInfo fcinfo, int arg,
											 RfmsegReadComposite read);

/* The columns of a composite, of which there are so many. */
extern void rfmseg_deform_composite(HeapTupleHeader given, int columns, Datum *values, bool *nulls);

#endif
