/*
 * row_store.h
 *		Rows of numbers that an aggregate keeps until its end.
 */
#ifndef RFMSEG_ROW_STORE_H
#define RFMSEG_ROW_STORE_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct RfmsegRowStore
{
	MemoryContext context;
	int numbers;		  /* of a row; set before there are any rows */
	double *values;		  /* row by row */
	const char *received; /* instead, in a state from another process: its bytes, not aligned */
	uint64 n;
	uint64 capacity;
} RfmsegRowStore;

/* Whether there is room for so many more rows; and making it, once memory is checked. */
static inline bool
rfmseg_rows_have_room(const RfmsegRowStore *rows, uint64 more)
{
	return rows->n + more <= rows->capacity;
}

extern void rfmseg_rows_enlarge(RfmsegRowStore *rows, uint64 more);

/* A new row, for which there is room. */
static inline double *
rfmseg_rows_add(RfmsegRowStore *rows)
{
	return rows->values + rows->n++ * rows->numbers;
}

/* Another store's rows, for which there is room; they have as many numbers. */
extern void rfmseg_rows_add_all(RfmsegRowStore *rows, const RfmsegRowStore *others);

/*
 * The last part of a serialized state, for processes of one machine.  What is
 * received is left where it is, and lives no longer than the bytes.
 */
extern void rfmseg_rows_send(StringInfo buf, const RfmsegRowStore *rows);
extern void rfmseg_rows_receive(StringInfo buf, RfmsegRowStore *rows);

#endif
