/*
 * history.h
 *		One customer's purchases, and what they say of recency, frequency,
 *		monetary value and the "buy till you die" (BTYD) view.
 *
 * The rules, cited below and in the code by number:
 *
 *	1.	A purchase is an order: all lines with the same key.  A line without a
 *		key belongs to its local day, which then is the order.
 *	2.	A line with a negative amount is a return.  It lowers the total of its
 *		order and of the customer, and moves no date and no count.
 *	3.	An order with no line but returns is no purchase.  Neither is one that
 *		was wholly refunded: it has returns, and its total is zero or less.  A
 *		day without keys may hold returns of earlier purchases, so there only a
 *		total of exactly zero says that the day's purchases were undone.
 *	4.	A purchase happens on the local day of its first line that is no return.
 *	5.	BTYD: purchases of one day are one repeat.  x counts the days after the
 *		first, t_x is the last less the first, T is as_of less the first, and
 *		the mean value is that of the x repeat days' totals (a total below
 *		zero, possible without keys only, counts as zero).  Fader, Hardie & Lee,
 *		"Counting your customers the easy way", Marketing Science 24 (2005).
 *
 * The memory is the caller's: see rfmseg_history_has_room().
 */
#ifndef RFMSEG_HISTORY_H
#define RFMSEG_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decimal.h"
#include "slots.h"

/* key_length of a purchase that has a day for its key */
#define RFMSEG_KEY_IS_DAY UINT32_MAX

typedef struct RfmsegPurchase
{
	RfmsegDecimal total; /* of all its lines, returns included */
	int64_t first_at;	 /* first and last line that is no return, in */
	int64_t last_at;	 /* microseconds of the caller's epoch */
	int32_t day;		 /* local day of first_at, or the day that is the key; */
						 /* of returns alone, the first one's */
	uint32_t key_offset; /* where the order's key begins in keys, */
	uint32_t key_length; /* and its length; or RFMSEG_KEY_IS_DAY */
	uint32_t hash;		 /* of the key */
	bool has_sale;		 /* has a line that is no return */
	bool has_return;	 /* has a line that is one */
	bool knows_discount; /* has such a line of which a discount, or none, is known */
	bool has_discount;	 /* has one with a discount */
} RfmsegPurchase;

typedef struct RfmsegHistory
{
	RfmsegPurchase *purchases; /* in order of arrival */
	uint32_t n;				   /* how many there are */
	uint32_t capacity;		   /* how many there is room for */
	uint32_t *slots;		   /* see slots.h */
	uint32_t nslots;		   /* at least twice the capacity; or 0 */
	char *keys;				   /* the keys' bytes, one after another */
	size_t keys_used;		   /* bytes in use; stays below UINT32_MAX */
	size_t keys_capacity;	   /* bytes there is room for */
} RfmsegHistory;

/* One line of a purchase. */
typedef struct RfmsegLine
{
	const char *key;	 /* the order's key, or NULL */
	uint32_t key_length; /* in bytes */
	int32_t day;		 /* local day, counted from any Saturday */
	int64_t at;			 /* microseconds of any fixed epoch */
	bool knows_discount; /* whether it is known if there was a discount, */
	bool has_discount;	 /* and there was */
	RfmsegDecimal amount;
} RfmsegLine;

/* Rule 3. */
extern bool rfmseg_is_purchase(const RfmsegPurchase *p);

/*
 * Whether one more purchase with a key of that length fits.  If not the caller
 * enlarges purchases, keys and slots (zeroed), and then enters all purchases
 * again with rfmseg_history_enter().
 */
extern bool rfmseg_history_has_room(const RfmsegHistory *h, uint32_t key_length);
extern void rfmseg_history_enter(RfmsegHistory *h, uint32_t index);

/* Forgets all purchases and keeps the memory. */
extern void rfmseg_history_reset(RfmsegHistory *h);

/* Both need room; false where a total does not fit a decimal. */
extern bool rfmseg_history_add(RfmsegHistory *h, const RfmsegLine *line);
extern bool rfmseg_history_merge(RfmsegHistory *h, const RfmsegHistory *other, uint32_t index);

/* What a history says. */
typedef struct RfmsegSummary
{
	int64_t frequency; /* purchases */
	int64_t first_at;  /* valid if frequency > 0, as all below but monetary */
	int64_t last_at;
	RfmsegDecimal monetary; /* of all lines */
	int32_t first_day;
	int32_t last_day;
	int64_t days;				/* distinct days with purchases */
	RfmsegDecimal repeat_total; /* of the days after the first */
	int64_t weekend;			/* purchases on Saturdays and Sundays */
	int64_t with_discount;		/* purchases with a discount */
	bool knows_discount;		/* whether that is known of any purchase */

	/* while folding */
	RfmsegDecimal day_total; /* of the day being added up */
	int64_t gap; /* days since the last one with purchases, if this began another; or 0 */
} RfmsegSummary;

/*
 * Summarizing takes three loops, so that the caller can check for interrupts:
 * rfmseg_summary_take() every purchase, which gives a key for those that count;
 * sort the keys; rfmseg_summary_fold() them in that order and rfmseg_summary_end().
 */
extern void rfmseg_summary_begin(RfmsegSummary *s);
extern bool rfmseg_summary_take(RfmsegSummary *s, const RfmsegHistory *h, uint32_t index,
								uint64_t *key, bool *counts);
extern bool rfmseg_summary_fold(RfmsegSummary *s, const RfmsegHistory *h, uint64_t key);
extern bool rfmseg_summary_end(RfmsegSummary *s);

/* Mean of the repeat days' totals; 0 where there are none. */
extern double rfmseg_summary_repeat_value(const RfmsegSummary *s);

#endif
