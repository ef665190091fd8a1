/*
 * summarize_customer.c
 *		One customer's lines in, one row out.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "core/hash.h"
#include "decimal_numeric.h"
#include "local_day.h"
#include "summarize.h"

static void
make_room(RfmsegSummarizing *s, uint32 order_length)
{
	RfmsegCustomer *c = s->customer;

	if (rfmseg_customer_has_room(c, order_length))
		return;
	rfmseg_history_make_room(&c->ever, s->customers, order_length);
	rfmseg_history_make_room(&c->recent, s->customers, order_length);
	rfmseg_names_make_room(&c->products, s->customers);
	if (!rfmseg_names_has_room(&c->categories))
	{
		rfmseg_names_make_room(&c->categories, s->customers);
		c->spent = c->spent == NULL
			? MemoryContextAllocHuge(s->customers, c->categories.capacity * sizeof(RfmsegDecimal))
			: repalloc_huge(c->spent, c->categories.capacity * sizeof(RfmsegDecimal));
	}
}

void
rfmseg_repeats_make_room(RfmsegRepeats *repeats, MemoryContext context)
{
	if (rfmseg_names_has_room(&repeats->ids))
		return;
	rfmseg_names_make_room(&repeats->ids, context);
	repeats->latest = repeats->latest == NULL
		? MemoryContextAllocHuge(context, repeats->ids.capacity * sizeof(char *))
		: repalloc_huge(repeats->latest, repeats->ids.capacity * sizeof(char *));
}

/* Much memory for one customer is not kept for the others. */
#define LARGE_CUSTOMER 1024

void
rfmseg_begin_customer(RfmsegSummarizing *s)
{
	if (s->customer != NULL && s->customer->ever.capacity <= LARGE_CUSTOMER &&
		s->customer->products.capacity <= LARGE_CUSTOMER &&
		s->repeats.ids.capacity <= LARGE_CUSTOMER)
	{
		rfmseg_customer_reset(s->customer);
		rfmseg_repeats_reset(&s->repeats);
		return;
	}
	MemoryContextReset(s->customers);
	s->customer = MemoryContextAllocZero(s->customers, sizeof(RfmsegCustomer));
	s->scratch = rfmseg_new_scratch(s->customers);
	memset(&s->repeats, 0, sizeof(s->repeats));
}

/* Adds the line to the digest of all lines that count, whatever their order. */
static void
add_fingerprint(RfmsegSummarizing *s, const RfmsegRecord *record, uint64 customer_hash)
{
	const RfmsegBytes *order = &record->keys[RFMSEG_ORDER];
	RfmsegInt128 units = rfmseg_decimal_units(&record->amount);
	int scale = record->amount.scale;
	uint64 hash = order->bytes == NULL
		? rfmseg_mix(customer_hash)
		: rfmseg_hash_bytes(order->bytes, order->length, customer_hash);

	while (scale > 0 && units % 10 == 0)
	{
		units /= 10;
		scale--;
	}
	hash = rfmseg_mix(hash ^ (uint64) record->at);
	hash = rfmseg_mix(hash ^ (uint64) units);
	hash = rfmseg_mix(hash ^ (uint64) (units >> 64) ^ (uint64) scale << 32);
	s->fingerprint[0] += hash;
	s->fingerprint[1] += s->fingerprint[0] < hash;
	s->fingerprinted++;
}

static void
tally(RfmsegSummarizing *s, RfmsegFate fate, const RfmsegRecord *record)
{
	if (!rfmseg_tally_add(&s->tally, fate, &record->amount) ||
		(record->is_return && (fate == RFMSEG_COUNTED || fate == RFMSEG_GUEST) &&
		 !rfmseg_tally_add(&s->tally, RFMSEG_RETURNED, &record->amount)) ||
		(record->is_repeated && !rfmseg_tally_add(&s->tally, RFMSEG_REPEATED, &record->amount)))
		rfmseg_decimal_overflow("the total of the source");
}

/* Tells a line's fate, counts it, and adds it to the customer if it has one. */
void
rfmseg_add_line(RfmsegSummarizing *s, const char *line, uint64 customer_hash)
{
	RfmsegRecord record;
	RfmsegFate fate;

	rfmseg_record_unpack(line, &record);
	fate = rfmseg_fate_of(&record, &s->terms);
	tally(s, fate, &record);
	if (fate == RFMSEG_LATER || fate == RFMSEG_DROPPED || fate == RFMSEG_EXCLUDED)
		return;
	add_fingerprint(s, &record, customer_hash);
	if (record.keys[RFMSEG_CUSTOMER].bytes == NULL)
		return;
	make_room(s, record.keys[RFMSEG_ORDER].length);
	if (!rfmseg_customer_add(s->customer, &record, fate, s->terms.has_lookback,
							 rfmseg_local_day(record.at, s->zone)))
		rfmseg_decimal_overflow("the total of a customer");
}

static Datum
rate(RfmsegSummarizing *s, int64 part, int64 whole)
{
	return NumericGetDatum(rfmseg_share(
		s->shares, (int64) rfmseg_rounded_quotient((RfmsegInt128) part * 10000, whole)));
}

/* Lifetime values: of all purchases ever. */
static void
set_lifetime(RfmsegSummarizing *s, const RfmsegSummary *ever, Datum *values, bool *nulls)
{
	int32 as_of_day = rfmseg_local_day(s->as_of, s->zone);
	int32 last_day;

	values[LIFETIME_FREQUENCY] = Int64GetDatum(ever->frequency);
	values[LIFETIME_MONETARY] = NumericGetDatum(rfmseg_numeric_of_decimal(&ever->monetary));
	nulls[LIFETIME_FREQUENCY] = nulls[LIFETIME_MONETARY] = false;
	if (ever->frequency == 0)
		return;
	last_day = rfmseg_local_day(ever->last_at, s->zone);
	values[FIRST_PURCHASE_AT] = TimestampTzGetDatum(ever->first_at);
	values[LAST_PURCHASE_AT] = TimestampTzGetDatum(ever->last_at);
	values[LAST_PURCHASE_DATE] = DateADTGetDatum(last_day);
	values[RECENCY_DAYS] = Int32GetDatum(as_of_day - last_day);
	values[FREQUENCY_REPEAT] = Int32GetDatum((int32) (ever->days - 1));
	values[RECENCY_BTYD] = Float8GetDatum((double) ever->last_day - ever->first_day);
	values[T_AGE] = Float8GetDatum((double) as_of_day - ever->first_day);
	values[MONETARY_VALUE] = Float8GetDatum(rfmseg_summary_repeat_value(ever));
	nulls[FIRST_PURCHASE_AT] = nulls[LAST_PURCHASE_AT] = nulls[LAST_PURCHASE_DATE] = false;
	nulls[RECENCY_DAYS] = nulls[FREQUENCY_REPEAT] = nulls[RECENCY_BTYD] = false;
	nulls[T_AGE] = nulls[MONETARY_VALUE] = false;
}

/* The purchases within the lookback. */
static void
set_recent(RfmsegSummarizing *s, const RfmsegSummary *recent, Datum *values, bool *nulls)
{
	int64 monthly;

	values[FREQUENCY] = Int64GetDatum(recent->frequency);
	values[MONETARY] = NumericGetDatum(rfmseg_numeric_of_decimal(&recent->monetary));
	nulls[FREQUENCY] = nulls[MONETARY] = false;
	if (recent->frequency == 0)
		return;
	values[AVG_ORDER_VALUE] = DirectFunctionCall2(
		numeric_div, values[MONETARY], NumericGetDatum(int64_to_numeric(recent->frequency)));
	nulls[AVG_ORDER_VALUE] = false;
	monthly = rfmseg_monthly_frequency(recent);
	if (monthly >= 0)
	{
		values[AVG_MONTHLY_FREQUENCY] = NumericGetDatum(rfmseg_share(s->shares, monthly));
		nulls[AVG_MONTHLY_FREQUENCY] = false;
	}
	if (recent->knows_discount)
	{
		values[DISCOUNT_USAGE_RATE] = rate(s, recent->with_discount, recent->frequency);
		nulls[DISCOUNT_USAGE_RATE] = false;
	}
	values[WEEKEND_SHOPPING_RATE] = rate(s, recent->weekend, recent->frequency);
	nulls[WEEKEND_SHOPPING_RATE] = false;
	if (s->scratch->ngaps > 0)
	{
		int64 twice = rfmseg_twice_median(s->scratch->gaps, s->scratch->ngaps);

		values[MEDIAN_GAP_DAYS] = NumericGetDatum(
			twice % 2 == 0 ? int64_to_numeric(twice / 2) : int64_div_fast_to_numeric(twice * 5, 1));
		nulls[MEDIAN_GAP_DAYS] = false;
	}
}

/* What was bought, from lines that are no returns. */
static void
set_taste(RfmsegSummarizing *s, Datum *values, bool *nulls)
{
	const RfmsegCustomer *c = s->customer;

	if (c->item_lines > 0)
	{
		values[TOTAL_ITEMS_PURCHASED] = NumericGetDatum(rfmseg_numeric_of_decimal(&c->items));
		nulls[TOTAL_ITEMS_PURCHASED] = false;
	}
	if (c->products.n > 0)
	{
		values[UNIQUE_PRODUCTS_PURCHASED] = Int64GetDatum(c->products.n);
		nulls[UNIQUE_PRODUCTS_PURCHASED] = false;
	}
	if (c->discount_lines > 0)
	{
		Datum total = NumericGetDatum(rfmseg_numeric_of_decimal(&c->discounts));
		Datum lines = NumericGetDatum(int64_to_numeric(c->discount_lines));

		values[AVG_DISCOUNT_AMOUNT] = DirectFunctionCall2(
			numeric_round, DirectFunctionCall2(numeric_div, total, lines), Int32GetDatum(4));
		nulls[AVG_DISCOUNT_AMOUNT] = false;
	}
	if (c->categories.n > 0)
	{
		const RfmsegName *top = &c->categories.names[rfmseg_customer_top_category(c)];
		Numeric share;

		values[UNIQUE_CATEGORIES_PURCHASED] = Int64GetDatum(c->categories.n);
		values[TOP_CATEGORY] = PointerGetDatum(cstring_to_text_with_len(top->bytes, top->length));
		values[CATEGORY_SHARES] = JsonbPGetDatum(rfmseg_category_shares(s->shares, c, &share));
		values[TOP_CATEGORY_SHARE] = NumericGetDatum(share);
		nulls[UNIQUE_CATEGORIES_PURCHASED] = nulls[TOP_CATEGORY] = nulls[CATEGORY_SHARES] = false;
		nulls[TOP_CATEGORY_SHARE] = share == NULL;
	}
}

void
rfmseg_put_row(RfmsegSummarizing *s, const Datum *values, const bool *nulls)
{
	if (s->result != NULL)
		tuplestore_putvalues(s->result->setResult, s->result->setDesc, unconstify(Datum *, values),
							 unconstify(bool *, nulls));
	else
		rfmseg_bulk_put(s->table, values, nulls);
}

/* The row of a customer with lines that count. */
void
rfmseg_put_customer(RfmsegSummarizing *s, const RfmsegName *name)
{
	RfmsegSummary summary;
	Datum values[COLUMNS];
	bool nulls[COLUMNS];
	MemoryContext old = MemoryContextSwitchTo(s->row);

	memset(nulls, true, sizeof(nulls));
	values[CUSTOMER_ID] = rfmseg_key_value(&s->key, name->bytes, name->length);
	values[AS_OF] = TimestampTzGetDatum(s->as_of);
	nulls[CUSTOMER_ID] = nulls[AS_OF] = false;

	rfmseg_summarize_history(&s->customer->ever, &summary, s->scratch);
	set_lifetime(s, &summary, values, nulls);
	if (summary.frequency > 0)
		rfmseg_add_to_cohorts(s, summary.first_day);
	if (s->terms.has_lookback)
		rfmseg_summarize_history(&s->customer->recent, &summary, s->scratch);
	set_recent(s, &summary, values, nulls);
	set_taste(s, values, nulls);

	MemoryContextSwitchTo(old);
	rfmseg_put_row(s, values, nulls);
	MemoryContextReset(s->row);
}
