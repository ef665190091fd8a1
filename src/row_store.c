/*
 * row_store.c
 *		Rows of numbers that an aggregate keeps until its end.
 */
#include "postgres.h"

#ifndef WIN32
#include <sys/mman.h>
#endif

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "aggregate.h"
#include "row_store.h"

#define LARGE_PAGE (2 * 1024 * 1024)
#define FEWEST_ROWS 1024

/*
 * Large pages where the system has them on request: most of what a new
 * allocation costs is to make its pages, and fits jump about in them.
 */
static void
ask_for_large_pages(void *memory, Size size)
{
#ifdef MADV_HUGEPAGE
	char *start = (char *) TYPEALIGN(LARGE_PAGE, memory);
	char *end = (char *) TYPEALIGN_DOWN(LARGE_PAGE, (char *) memory + size);

	/* if it fails, pages are small */
	if (start < end)
		(void) madvise(start, end - start, MADV_HUGEPAGE);
#endif
}

void *
rfmseg_alloc_large(Size size)
{
	void *memory = palloc_extended(size, MCXT_ALLOC_HUGE);

	ask_for_large_pages(memory, size);
	return memory;
}

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
	ask_for_large_pages(rows->values, size_of(rows, capacity));
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
