/*
 * aggregate.h
 *		What all aggregates' support functions check.
 */
#ifndef RFMSEG_AGGREGATE_H
#define RFMSEG_AGGREGATE_H

#include "postgres.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "fmgr.h"
#include "libpq/pqformat.h"

/*
 * An aggregate's state begins with a number of its kind, so that a state of
 * another aggregate is refused, in memory as in its serialized form.
 */
typedef enum RfmsegStateKind
{
	RFMSEG_STATE_RFM = 0x52464D01,
	RFMSEG_STATE_CUT_POINTS = 0x52464D02,
	RFMSEG_STATE_LINES = 0x52464D03,
	RFMSEG_STATE_TALLY = 0x52464D04,
	RFMSEG_STATE_KMEANS = 0x52464D05,
	RFMSEG_STATE_HISTORIES = 0x52464D06
} RfmsegStateKind;

/* how often long loops look for interrupts: well within a millisecond of work */
#define RFMSEG_INTERRUPT_EVERY 8192

/* The context that states live in; an error outside of an aggregate. */
extern MemoryContext rfmseg_aggregate_context(FunctionCallInfo fcinfo);

/* The state in an argument, or NULL; an error where it is of another kind. */
extern void *rfmseg_state_argument(FunctionCallInfo fcinfo, int arg, RfmsegStateKind kind);

/* The head of a serialized state, written and checked. */
extern void rfmseg_state_begin(StringInfo buf, RfmsegStateKind kind);
extern void rfmseg_state_read(StringInfo buf, bytea *bytes, RfmsegStateKind kind);
extern void rfmseg_state_corrupt(void) __attribute__((noreturn));

#endif
