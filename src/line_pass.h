/*
 * line_pass.h
 *		One pass over a query's lines: all of them are read once, by as many
 *		processes as the planner gives, and set aside by customer.
 *
 * The process that runs the query begins a pass and hands its number to the
 * internal aggregate _set_aside(), which does the work wherever its rows are.
 */
#ifndef RFMSEG_LINE_PASS_H
#define RFMSEG_LINE_PASS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "core/customer.h"
#include "line_spool.h"

/* The columns of a line, in the order of _set_aside()'s arguments. */
typedef enum RfmsegColumn
{
	RFMSEG_CUSTOMER_ID,
	RFMSEG_TRANSACTION_DATE,
	RFMSEG_TOTAL_AMOUNT,
	RFMSEG_ORDER_ID,
	RFMSEG_PRODUCT_ID,
	RFMSEG_LINE_CATEGORY,
	RFMSEG_QUANTITY,
	RFMSEG_DISCOUNT_AMOUNT,
	RFMSEG_IS_RETURN,
	RFMSEG_CURRENCY,
	RFMSEG_TRANSACTION_ID,
	RFMSEG_BROKEN,
	RFMSEG_COLUMNS
} RfmsegColumn;

/* What all lines together say. */
typedef struct RfmsegIntake
{
	RfmsegTally tally;		   /* of all lines, and of those left out */
	RfmsegRuleTally rules;	   /* of the lines that break them */
	int64 infinite;			   /* lines with an infinite date */
	int64 unnumbered;		   /* lines with an amount that is NaN or infinite */
	TimestampTz last_purchase; /* no return, not after known_at; DT_NOBEGIN if none */
	char *least_currency;	   /* in byte order; NULL if none is given */
	char *greatest_currency;
} RfmsegIntake;

typedef struct RfmsegPass
{
	uint64 number;		   /* the aggregate's argument */
	MemoryContext context; /* of everything below */
	struct dsm_segment *segment;
	struct RfmsegSharedPass *shared;
	Size memory;		 /* bytes that lines may take in memory */
	int bits;			 /* of the spools */
	List *spools;		 /* RfmsegSpool: what was set aside */
	RfmsegIntake intake; /* what was seen */
	struct RfmsegPass *outer;
} RfmsegPass;

/* known_at: later lines are no last purchase.  collation: of the customers' keys. */
extern RfmsegPass *rfmseg_pass_begin(MemoryContext context, TimestampTz known_at, Oid collation);
extern void rfmseg_pass_end(RfmsegPass *pass);

/* In place of the end, after an error. */
extern void rfmseg_pass_forget(RfmsegPass *pass);

#endif
