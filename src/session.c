/*
 * session.c
 *		What a refresh has to know of its surroundings and SQL cannot tell:
 *		whether it may commit, and whether anyone still reads old rows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "storage/procarray.h"
#include "utils/xid8.h"

PG_FUNCTION_INFO_V1(rfmseg_may_commit);
PG_FUNCTION_INFO_V1(rfmseg_is_past_all);

/*
 * may_commit(INOUT allowed boolean), a procedure: whether a COMMIT in the
 * procedure that calls it would work.  It does not within BEGIN ... COMMIT, nor
 * where the CALL is one of several statements sent at once.
 */
Datum
rfmseg_may_commit(PG_FUNCTION_ARGS)
{
	bool allowed = fcinfo->context != NULL && IsA(fcinfo->context, CallContext) &&
		!castNode(CallContext, fcinfo->context)->atomic;
	TupleDesc row_type;
	Datum values[1];
	bool nulls[1] = {false};

	if (get_call_result_type(fcinfo, NULL, &row_type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "may_commit must be a procedure");
	values[0] = BoolGetDatum(allowed);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row_type), values, nulls)));
}

/*
 * is_past_all(xid8, regclass) returns boolean: whether every snapshot that may
 * read that table sees the transaction's outcome, so that what it replaced can go.
 */
Datum
rfmseg_is_past_all(PG_FUNCTION_ARGS)
{
	FullTransactionId xid = PG_GETARG_FULLTRANSACTIONID(0);
	FullTransactionId next = ReadNextFullTransactionId();
	Relation table = table_open(PG_GETARG_OID(1), AccessShareLock);
	TransactionId horizon = GetOldestNonRemovableTransactionId(table);
	uint32 behind;

	table_close(table, NoLock);

	/* an id from before a dump: its transaction belongs to another server */
	if (!FullTransactionIdPrecedes(xid, next))
		PG_RETURN_BOOL(true);

	/* the horizon is less than 2^31 behind the next id */
	behind = XidFromFullTransactionId(next) - horizon;
	PG_RETURN_BOOL(U64FromFullTransactionId(xid) + behind < U64FromFullTransactionId(next));
}
