/*
 * bulk_insert.c
 *		Rows into a plain table, many at a time.
 *
 * As COPY does it, and for the same reason: a page that is filled at once is
 * locked once and logged once.  CREATE TABLE AS goes row by row.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "bulk_insert.h"

/* as many rows as COPY keeps before it writes them */
#define MOST_ROWS 1000
#define MOST_BYTES 65536

struct RfmsegBulk
{
	Relation table;
	CommandId command;
	int options;
	BulkInsertState state;
	MemoryContext context; /* of the slots */
	MemoryContext rows;	   /* of the rows kept, and of what writing them takes */
	TupleTableSlot *slots[MOST_ROWS];
	int n;
	Size bytes;
};

PG_FUNCTION_INFO_V1(rfmseg_fill);

static bool
is_owner(Oid table)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, table, GetUserId());
#else
	return pg_class_ownercheck(table, GetUserId());
#endif
}

/* Plain is a table without what each row would have to be checked against. */
static void
check_table(Relation table)
{
	/* a temporary table may be written even where nothing else may */
	if (table->rd_rel->relpersistence != RELPERSISTENCE_TEMP)
		PreventCommandIfReadOnly("INSERT");
	if (!is_owner(RelationGetRelid(table)))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, RelationGetRelationName(table));
	if (table->rd_rel->relkind != RELKIND_RELATION || table->rd_rel->relhasindex ||
		table->rd_rel->relhastriggers || table->rd_rel->relhasrules ||
		table->rd_rel->relispartition || table->rd_rel->relrowsecurity ||
		table->rd_att->constr != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" is not a plain table",
						RelationGetRelationName(table))));
}

RfmsegBulk *
rfmseg_bulk_begin(Oid table)
{
	RfmsegBulk *bulk = palloc0(sizeof(RfmsegBulk));

	bulk->table = table_open(table, RowExclusiveLock);
	check_table(bulk->table);
	bulk->command = GetCurrentCommandId(true);
	bulk->options = TABLE_INSERT_SKIP_FSM;
	/* an unlogged table is for this transaction alone: no row needs looking into */
	if (bulk->table->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED &&
		bulk->table->rd_createSubid == GetCurrentSubTransactionId())
		bulk->options |= TABLE_INSERT_FROZEN;
	bulk->state = GetBulkInsertState();
	bulk->context = CurrentMemoryContext;
	bulk->rows =
		AllocSetContextCreate(CurrentMemoryContext, "rfmseg bulk insert", ALLOCSET_DEFAULT_SIZES);
	return bulk;
}

void
rfmseg_bulk_check(RfmsegBulk *bulk, TupleDesc desc)
{
	TupleDesc wanted = RelationGetDescr(bulk->table);
	int i;

	for (i = 0; i < Max(desc->natts, wanted->natts); i++)
		if (i >= desc->natts || i >= wanted->natts || TupleDescAttr(wanted, i)->attisdropped ||
			TupleDescAttr(wanted, i)->atttypid != TupleDescAttr(desc, i)->atttypid)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("rows do not have the columns of table \"%s\"",
							RelationGetRelationName(bulk->table))));
}

static void
flush(RfmsegBulk *bulk)
{
	MemoryContext old = MemoryContextSwitchTo(bulk->rows);
	int i;

	if (bulk->n > 0)
		table_multi_insert(bulk->table, bulk->slots, bulk->n, bulk->command, bulk->options,
						   bulk->state);
	MemoryContextSwitchTo(old);
	for (i = 0; i < bulk->n; i++)
		ExecClearTuple(bulk->slots[i]);
	MemoryContextReset(bulk->rows);
	bulk->n = 0;
	bulk->bytes = 0;
	CHECK_FOR_INTERRUPTS();
}

/* The slot for the next row. */
static TupleTableSlot *
next_slot(RfmsegBulk *bulk)
{
	TupleTableSlot **slot = &bulk->slots[bulk->n];

	if (*slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(bulk->context);

		*slot = MakeSingleTupleTableSlot(RelationGetDescr(bulk->table), &TTSOpsHeapTuple);
		MemoryContextSwitchTo(old);
	}
	return *slot;
}

/* Keeps a copy: the caller's memory may be gone before the row is written. */
void
rfmseg_bulk_put(RfmsegBulk *bulk, const Datum *values, const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(bulk->rows);
	HeapTuple tuple = heap_form_tuple(RelationGetDescr(bulk->table), unconstify(Datum *, values),
									  unconstify(bool *, nulls));

	MemoryContextSwitchTo(old);
	ExecStoreHeapTuple(tuple, next_slot(bulk), false);
	bulk->bytes += tuple->t_len;
	bulk->n++;
	if (bulk->n == MOST_ROWS || bulk->bytes > MOST_BYTES)
		flush(bulk);
}

void
rfmseg_bulk_put_slot(RfmsegBulk *bulk, TupleTableSlot *row)
{
	slot_getallattrs(row);
	rfmseg_bulk_put(bulk, row->tts_values, row->tts_isnull);
}

void
rfmseg_bulk_end(RfmsegBulk *bulk)
{
	int i;

	flush(bulk);
	for (i = 0; i < MOST_ROWS && bulk->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(bulk->slots[i]);
	FreeBulkInsertState(bulk->state);
	table_finish_bulk_insert(bulk->table, bulk->options);
	table_close(bulk->table, NoLock);
	MemoryContextDelete(bulk->rows);
	pfree(bulk);
}

/* A destination for a query's rows. */
typedef struct Receiver
{
	DestReceiver base;
	RfmsegBulk *bulk;
} Receiver;

static void
receive_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	rfmseg_bulk_check(((Receiver *) self)->bulk, desc);
}

static bool
receive_row(TupleTableSlot *row, DestReceiver *self)
{
	rfmseg_bulk_put_slot(((Receiver *) self)->bulk, row);
	return true;
}

static void
receive_nothing(DestReceiver *self)
{
}

/* fill(target regclass, query text) returns bigint: the rows inserted */
Datum
rfmseg_fill(PG_FUNCTION_ARGS)
{
	char *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Receiver receiver;
	SPIExecuteOptions options = {0};
	int64 rows;

	memset(&receiver, 0, sizeof(receiver));
	receiver.base.receiveSlot = receive_row;
	receiver.base.rStartup = receive_startup;
	receiver.base.rShutdown = receive_nothing;
	receiver.base.rDestroy = receive_nothing;
	receiver.base.mydest = DestTuplestore; /* SPI takes DestNone for a query without rows */
	SPI_connect();
	receiver.bulk = rfmseg_bulk_begin(PG_GETARG_OID(0));
	options.read_only = true;
	options.dest = &receiver.base;
	if (SPI_execute_extended(query, &options) != SPI_OK_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query must be one SELECT")));
	rows = (int64) SPI_processed;
	rfmseg_bulk_end(receiver.bulk);
	SPI_finish();
	PG_RETURN_INT64(rows);
}
