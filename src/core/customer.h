/*
 * customer.h
 *		What is to be known of one customer, from all lines of theirs; and what
 *		became of every line, so that nothing is lost unseen.
 *
 * Purchases follow the rules of history.h.  What a customer bought (products,
 * categories, pieces, discounts) is counted from lines that are no returns.
 */
#ifndef RFMSEG_CUSTOMER_H
#define RFMSEG_CUSTOMER_H

#include <stdbool.h>
#include <stdint.h>

#include "decimal.h"
#include "history.h"
#include "names.h"
#include "record.h"

/* Which lines count. */
typedef struct RfmsegTerms
{
	int64_t until;	   /* later lines do not count yet */
	int64_t since;	   /* the lookback: older lines count for lifetime values alone, */
	bool has_lookback; /* if there is one */
	bool drops_returns;
	bool drops_repeated; /* lines whose id a later one has */
} RfmsegTerms;

/* What becomes of a line of the source. */
typedef enum RfmsegFate
{
	RFMSEG_FORGOTTEN, /* left out before anything else is asked of it */
	RFMSEG_UNDATED,	  /* without date: left out */
	RFMSEG_UNPRICED,  /* without amount: left out */
	RFMSEG_NEGATIVE,  /* negative and no return: left out */
	RFMSEG_EXCLUDED,  /* breaks a rule that is said to leave it out */
	RFMSEG_LATER,	  /* later than terms.until: waits */
	RFMSEG_DROPPED,	  /* a return that is dropped, or one of nothing */
	RFMSEG_OLDER,	  /* before the lookback */
	RFMSEG_COUNTED,	  /* counts for its customer */
	RFMSEG_GUEST,	  /* counts, but is nobody's */
	RFMSEG_RETURNED,  /* contained in the two above: returns */
	RFMSEG_REPEATED,  /* contained in those above: another line has their id */
	RFMSEG_SOURCE,	  /* all lines */
	RFMSEG_FATES
} RfmsegFate;

/* How many lines had each fate, and their money. */
typedef struct RfmsegTally
{
	int64_t lines[RFMSEG_FATES];
	RfmsegDecimal amount[RFMSEG_FATES];
} RfmsegTally;

/* false, as for all below, where money does not fit a decimal */
extern bool rfmseg_tally_add(RfmsegTally *tally, RfmsegFate fate, const RfmsegDecimal *amount);
extern bool rfmseg_tally_merge(RfmsegTally *tally, const RfmsegTally *other);

/*
 * Rules about lines, numbered from 0, of which the caller says which each line
 * breaks: a bit each.  One more bit says that the line is to be left out; alone,
 * it says so of a line that nothing else is to be asked of.
 */
#define RFMSEG_RULES 62
#define RFMSEG_LEAVE_OUT (UINT64_C(1) << RFMSEG_RULES)

/* How many lines broke each rule, and their money. */
typedef struct RfmsegRuleTally
{
	int64_t lines[RFMSEG_RULES];
	RfmsegDecimal amount[RFMSEG_RULES];
} RfmsegRuleTally;

extern bool rfmseg_rules_add(RfmsegRuleTally *tally, uint64_t broken, const RfmsegDecimal *amount);
extern bool rfmseg_rules_merge(RfmsegRuleTally *tally, const RfmsegRuleTally *other);

/* The fate of a line with date and amount. */
extern RfmsegFate rfmseg_fate_of(const RfmsegRecord *record, const RfmsegTerms *terms);

typedef struct RfmsegCustomer
{
	RfmsegHistory ever;		/* purchases */
	RfmsegHistory recent;	/* those within the lookback; empty if there is none */
	RfmsegNames products;	/* the rest is of lines within the lookback, no returns */
	RfmsegNames categories; /* with what was spent in each: */
	RfmsegDecimal *spent;	/* by number, room for categories.capacity */
	RfmsegDecimal items;	/* sum of quantities, of the lines that have one: */
	int64_t item_lines;
	RfmsegDecimal discounts; /* sum of discounts, of the lines that have one: */
	int64_t discount_lines;
	int64_t recent_lines; /* lines within the lookback, returns too */
} RfmsegCustomer;

/* Forgets everything and keeps the memory. */
extern void rfmseg_customer_reset(RfmsegCustomer *customer);

/* Whether one more line fits; if not the caller enlarges what is full. */
extern bool rfmseg_customer_has_room(const RfmsegCustomer *customer, uint32_t order_length);

/* Adds a line that is COUNTED or OLDER.  day: its local day, as in RfmsegLine. */
extern bool rfmseg_customer_add(RfmsegCustomer *customer, const RfmsegRecord *record,
								RfmsegFate fate, bool has_lookback, int32_t day);

/* What was spent in all categories; false also where that is not above zero. */
extern bool rfmseg_customer_spent(const RfmsegCustomer *customer, RfmsegDecimal *total);

/* Number of the category with the most money; among equals the first in byte order. */
extern uint32_t rfmseg_customer_top_category(const RfmsegCustomer *customer);

/*
 * Purchases after the first a month of 365.25 / 12 days, from the first day to
 * the last, in ten-thousandths; -1 where that is a single day.
 */
extern int64_t rfmseg_monthly_frequency(const RfmsegSummary *summary);

/* Twice the median of sorted numbers. */
extern int64_t rfmseg_twice_median(const uint64_t *sorted, uint64_t n);

#endif
