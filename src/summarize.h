/*
 * summarize.h
 *		What the parts of summarize_customers() share: summarize.c, which begins
 *		and ends, summarize_partition.c and summarize_customer.c.
 */
#ifndef RFMSEG_SUMMARIZE_H
#define RFMSEG_SUMMARIZE_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "pgtime.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "bulk_insert.h"
#include "core/cohorts.h"
#include "core/customer.h"
#include "core/repeats.h"
#include "history_glue.h"
#include "line_key.h"
#include "line_pass.h"
#include "share.h"

/* Columns of the result. */
enum
{
	CUSTOMER_ID,
	AS_OF,
	FIRST_PURCHASE_AT,
	LAST_PURCHASE_AT,
	LAST_PURCHASE_DATE,
	RECENCY_DAYS,
	LIFETIME_FREQUENCY,
	LIFETIME_MONETARY,
	FREQUENCY,
	MONETARY,
	AVG_ORDER_VALUE,
	FREQUENCY_REPEAT,
	RECENCY_BTYD,
	T_AGE,
	MONETARY_VALUE,
	AVG_MONTHLY_FREQUENCY,
	TOTAL_ITEMS_PURCHASED,
	UNIQUE_PRODUCTS_PURCHASED,
	UNIQUE_CATEGORIES_PURCHASED,
	DISCOUNT_USAGE_RATE,
	AVG_DISCOUNT_AMOUNT,
	WEEKEND_SHOPPING_RATE,
	MEDIAN_GAP_DAYS,
	TOP_CATEGORY,
	TOP_CATEGORY_SHARE,
	CATEGORY_SHARES,
	SOURCE_TOTALS,
	COHORTS,
	COLUMNS
};

typedef struct RfmsegSummarizing
{
	/* what is asked for */
	pg_tz *zone;
	bool has_as_of;
	TimestampTz as_of;
	TimestampTz known_at; /* DT_NOEND: whenever */
	Interval *lookback;	  /* NULL: none */
	RfmsegTerms terms;
	RfmsegKeyType key;
	bool has_rules; /* the query says which rules a line breaks */
	bool has_ids;	/* and what identifies it */

	/* what it takes */
	MemoryContext context; /* of all that lasts until the end */
	RfmsegPass *pass;
	MemoryContext partition; /* of the partition being summed up */
	MemoryContext row;		 /* of the row being made */
	MemoryContext customers; /* of the customer that is filled again and again */
	RfmsegCustomer *customer;
	RfmsegScratch *scratch;
	RfmsegRepeats repeats; /* of the customer, in the same memory */
	RfmsegShares *shares;
	ReturnSetInfo *result; /* where rows go, */
	RfmsegBulk *table;	   /* or if that is NULL, here */

	/* what it comes to */
	RfmsegTally tally;
	uint64 fingerprint[2]; /* sum of the lines' hashes, low half first */
	int64 fingerprinted;   /* lines in it */
	RfmsegCohorts cohorts; /* of all customers, */
	bool too_many_cohorts; /* unless they have more cells than are kept */
} RfmsegSummarizing;

/* Sums up all partitions of spools that part by the same bits of the hash. */
extern void rfmseg_sum_up(RfmsegSummarizing *s, List *spools, int bits, int shift);

/* Forgets the customer before, whose memory is used again. */
extern void rfmseg_begin_customer(RfmsegSummarizing *s);

/* Room for one more id. */
extern void rfmseg_repeats_make_room(RfmsegRepeats *repeats, MemoryContext context);

/* Tells a line's fate, counts it, and adds it to the customer if it has one. */
extern void rfmseg_add_line(RfmsegSummarizing *s, const char *line, uint64 customer_hash);

/* The row of a customer with lines that count. */
extern void rfmseg_put_customer(RfmsegSummarizing *s, const RfmsegName *name);

/* Adds the orders of the customer, whose first purchase was on that day, to their cohort. */
extern void rfmseg_add_to_cohorts(RfmsegSummarizing *s, int32 first_day);

/* The cohorts' cells, as jsonb; NULL if there are too many. */
extern Jsonb *rfmseg_cohorts_json(RfmsegSummarizing *s);

/* What is put into jsonb, piece by piece; a NULL string is null. */
extern void rfmseg_push_string(JsonbParseState **state, JsonbIteratorToken what,
							   const char *string);
extern void rfmseg_push_number(JsonbParseState **state, const char *key, Numeric number);

extern void rfmseg_put_row(RfmsegSummarizing *s, const Datum *values, const bool *nulls);

#endif
