/*
 * bulk_insert.h
 *		Rows into a plain table, many at a time.
 */
#ifndef RFMSEG_BULK_INSERT_H
#define RFMSEG_BULK_INSERT_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "executor/tuptable.h"

typedef struct RfmsegBulk RfmsegBulk;

/*
 * Whoever calls this must own the table, which has no index, trigger, rule,
 * constraint, default or row security.
 */
extern RfmsegBulk *rfmseg_bulk_begin(Oid table);

/* An error unless its columns are of the same types. */
extern void rfmseg_bulk_check(RfmsegBulk *bulk, TupleDesc desc);

extern void rfmseg_bulk_put(RfmsegBulk *bulk, const Datum *values, const bool *nulls);
extern void rfmseg_bulk_put_slot(RfmsegBulk *bulk, TupleTableSlot *row);
extern void rfmseg_bulk_end(RfmsegBulk *bulk);

#endif
