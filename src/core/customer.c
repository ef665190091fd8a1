/*
 * customer.c
 *		What is to be known of one customer.  See customer.h.
 */
#include "customer.h"

#include <string.h>

#include "hash.h"

bool
rfmseg_tally_add(RfmsegTally *tally, RfmsegFate fate, const RfmsegDecimal *amount)
{
	tally->lines[fate]++;
	return rfmseg_decimal_add(&tally->amount[fate], amount);
}

bool
rfmseg_tally_merge(RfmsegTally *tally, const RfmsegTally *other)
{
	int i;

	for (i = 0; i < RFMSEG_FATES; i++)
	{
		tally->lines[i] += other->lines[i];
		if (!rfmseg_decimal_add(&tally->amount[i], &other->amount[i]))
			return false;
	}
	return true;
}

bool
rfmseg_rules_add(RfmsegRuleTally *tally, uint64_t broken, const RfmsegDecimal *amount)
{
	int i;

	for (i = 0; i < RFMSEG_RULES; i++)
		if (broken >> i & 1)
		{
			tally->lines[i]++;
			if (!rfmseg_decimal_add(&tally->amount[i], amount))
				return false;
		}
	return true;
}

bool
rfmseg_rules_merge(RfmsegRuleTally *tally, const RfmsegRuleTally *other)
{
	int i;

	for (i = 0; i < RFMSEG_RULES; i++)
	{
		tally->lines[i] += other->lines[i];
		if (!rfmseg_decimal_add(&tally->amount[i], &other->amount[i]))
			return false;
	}
	return true;
}

RfmsegFate
rfmseg_fate_of(const RfmsegRecord *record, const RfmsegTerms *terms)
{
	if (record->is_repeated && terms->drops_repeated)
		return RFMSEG_EXCLUDED;
	if (record->at > terms->until)
		return RFMSEG_LATER;
	if (record->is_return && (terms->drops_returns || rfmseg_decimal_sign(&record->amount) == 0))
		return RFMSEG_DROPPED;
	if (terms->has_lookback && record->at <= terms->since)
		return RFMSEG_OLDER;
	return record->keys[RFMSEG_CUSTOMER].bytes != NULL ? RFMSEG_COUNTED : RFMSEG_GUEST;
}

void
rfmseg_customer_reset(RfmsegCustomer *customer)
{
	const RfmsegDecimal zero = {0};

	rfmseg_history_reset(&customer->ever);
	rfmseg_history_reset(&customer->recent);
	rfmseg_names_reset(&customer->products);
	rfmseg_names_reset(&customer->categories);
	customer->items = customer->discounts = zero;
	customer->item_lines = customer->discount_lines = customer->recent_lines = 0;
}

bool
rfmseg_customer_has_room(const RfmsegCustomer *customer, uint32_t order_length)
{
	return rfmseg_history_has_room(&customer->ever, order_length) &&
		rfmseg_history_has_room(&customer->recent, order_length) &&
		rfmseg_names_has_room(&customer->products) && rfmseg_names_has_room(&customer->categories);
}

static uint32_t
number_of(RfmsegNames *set, const RfmsegBytes *key)
{
	RfmsegName name;

	name.bytes = key->bytes;
	name.length = key->length;
	name.hash = (uint32_t) rfmseg_hash_bytes(key->bytes, key->length, 0);
	return rfmseg_names_number(set, &name);
}

/* What a line that is no return says of the customer's taste. */
static bool
add_sale(RfmsegCustomer *customer, const RfmsegRecord *record)
{
	if (record->keys[RFMSEG_PRODUCT].bytes != NULL)
		(void) number_of(&customer->products, &record->keys[RFMSEG_PRODUCT]);

	if (record->keys[RFMSEG_CATEGORY].bytes != NULL)
	{
		uint32_t known = customer->categories.n;
		uint32_t category = number_of(&customer->categories, &record->keys[RFMSEG_CATEGORY]);

		if (category == known)
			customer->spent[category] = record->amount;
		else if (!rfmseg_decimal_add(&customer->spent[category], &record->amount))
			return false;
	}
	if (record->has_quantity)
	{
		customer->item_lines++;
		if (!rfmseg_decimal_add(&customer->items, &record->quantity))
			return false;
	}
	if (record->has_discount)
	{
		customer->discount_lines++;
		if (!rfmseg_decimal_add(&customer->discounts, &record->discount))
			return false;
	}
	return true;
}

bool
rfmseg_customer_add(RfmsegCustomer *customer, const RfmsegRecord *record, RfmsegFate fate,
					bool has_lookback, int32_t day)
{
	RfmsegLine line;

	line.key = record->keys[RFMSEG_ORDER].bytes;
	line.key_length = record->keys[RFMSEG_ORDER].length;
	line.day = day;
	line.at = record->at;
	line.amount = record->amount;
	line.knows_discount = record->has_discount;
	line.has_discount = record->has_discount && rfmseg_decimal_sign(&record->discount) > 0;
	if (!rfmseg_history_add(&customer->ever, &line))
		return false;
	if (fate == RFMSEG_OLDER)
		return true;

	customer->recent_lines++;
	if (has_lookback && !rfmseg_history_add(&customer->recent, &line))
		return false;
	return record->is_return || add_sale(customer, record);
}

bool
rfmseg_customer_spent(const RfmsegCustomer *customer, RfmsegDecimal *total)
{
	uint32_t i;

	memset(total, 0, sizeof(*total));
	for (i = 0; i < customer->categories.n; i++)
		if (!rfmseg_decimal_add(total, &customer->spent[i]))
			return false;
	return rfmseg_decimal_sign(total) > 0;
}

uint32_t
rfmseg_customer_top_category(const RfmsegCustomer *customer)
{
	uint32_t top = 0;
	uint32_t i;

	for (i = 1; i < customer->categories.n; i++)
	{
		int order = rfmseg_decimal_compare(&customer->spent[i], &customer->spent[top]);

		if (order > 0 ||
			(order == 0 &&
			 rfmseg_name_compare(&customer->categories.names[i], &customer->categories.names[top]) <
				 0))
			top = i;
	}
	return top;
}

int64_t
rfmseg_monthly_frequency(const RfmsegSummary *summary)
{
	int64_t days = (int64_t) summary->last_day - summary->first_day;

	/* 365.25 / 12 days are 30.4375 */
	if (days == 0)
		return -1;
	return (int64_t) rfmseg_rounded_quotient((RfmsegInt128) (summary->frequency - 1) * 304375,
											 days);
}

int64_t
rfmseg_twice_median(const uint64_t *sorted, uint64_t n)
{
	return (int64_t) (sorted[(n - 1) / 2] + sorted[n / 2]);
}
