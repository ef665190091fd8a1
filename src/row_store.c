/*
 * row_store.c
 *		Rows of numbers that an aggregate keeps until its end.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "aggregate.h"
#include "large_memory.h"
#include "row_store.h"

#define FEWEST_ROWS 1024

static Size
size_of(const RfmsegRowStore *rows, uint64 n)
{
	return n * rows->numbers * sizeof(double);
}

void
rfmseg_rows_enlarge(RfmsegRowStore *rows, uint64 more)
{
	uint64 capacity = Max(rows->capacity * 2, Max(rows->n + more, FEWEST_ROWS));

	CHECK_FOR_INTERRUPTS();
	if (capacity > MaxAllocHugeSize / size_of(rows, 1))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many rows")));
	rows->values = rows->values == NULL
		? MemoryContextAllocHuge(rows->context, size_of(rows, capacity))
		: repalloc_huge(rows->values, size_of(rows, capacity));
	rows->capacity = capacity;
	rfmseg_ask_for_large_pages(rows->values, size_of(rows, capacity));
}

void
rfmseg_rows_add_all(RfmsegRowStore *rows, const RfmsegRowStore *others)
{
	if (others->n == 0)
		return;
	memcpy(rows->values + rows->n * rows->numbers,
		   others->received != NULL ? others->received : (const char *) others->values,
		   size_of(others, others->n));
	rows->n += others->n;
}

void
rfmseg_rows_send(StringInfo buf, const RfmsegRowStore *rows)
{
	Size size = size_of(rows, rows->n);

	pq_sendint64(buf, rows->n);
	if (size > MaxAllocSize - buf->len - 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows for one parallel worker"),
				 errhint("SET max_parallel_workers_per_gather = 0, or to more than now.")));
	pq_sendbytes(buf, (const char *) rows->values, (int) size);
}

void
rfmseg_rows_receive(StringInfo buf, RfmsegRowStore *rows)
{
	rows->n = pq_getmsgint64(buf);
	/* not so many that their size is beyond what a number can be, and none without numbers */
	if (rows->n > (rows->numbers > 0 ? MaxAllocSize : 0) ||
		size_of(rows, rows->n) != (Size) (buf->len - buf->cursor))
		rfmseg_state_corrupt();
	rows->received = pq_getmsgbytes(buf, buf->len - buf->cursor);
	pq_getmsgend(buf);
}
