/*
 * history.c
 *		One customer's purchases.  See history.h, whose rules are cited here.
 */
#include "history.h"

#include <string.h>

#include "hash.h"

static uint32_t
hash_of_key(const char *key, uint32_t length, int32_t day)
{
	return (uint32_t) (key != NULL ? rfmseg_hash_bytes(key, length, 0)
								   : rfmseg_mix((uint64_t) (uint32_t) day + 1));
}

static bool
has_key(const RfmsegHistory *h, const RfmsegPurchase *p, const char *key, uint32_t length,
		int32_t day, uint32_t hash)
{
	if (p->hash != hash)
		return false;
	if (key == NULL)
		return p->key_length == RFMSEG_KEY_IS_DAY && p->day == day;
	return p->key_length == length &&
		(length == 0 || memcmp(h->keys + p->key_offset, key, length) == 0);
}

static RfmsegPurchase *
find(const RfmsegHistory *h, const char *key, uint32_t length, int32_t day, uint32_t hash)
{
	uint32_t i;

	/* lines of an order mostly come one after another */
	if (h->n > 0 && has_key(h, &h->purchases[h->n - 1], key, length, day, hash))
		return &h->purchases[h->n - 1];

	if (h->nslots == 0)
	{
		for (i = 0; i < h->n; i++)
			if (has_key(h, &h->purchases[i], key, length, day, hash))
				return &h->purchases[i];
		return NULL;
	}

	for (i = hash & (h->nslots - 1); h->slots[i] != 0; i = (i + 1) & (h->nslots - 1))
		if (has_key(h, &h->purchases[h->slots[i] - 1], key, length, day, hash))
			return &h->purchases[h->slots[i] - 1];
	return NULL;
}

void
rfmseg_history_enter(RfmsegHistory *h, uint32_t index)
{
	if (h->nslots > 0)
		rfmseg_slots_enter(h->slots, h->nslots, h->purchases[index].hash, index);
}

void
rfmseg_history_reset(RfmsegHistory *h)
{
	uint32_t i;

	if (h->nslots > 0)
		for (i = 0; i < h->n; i++)
			rfmseg_slots_clear(h->slots, h->nslots, h->purchases[i].hash, i);
	h->n = 0;
	h->keys_used = 0;
}

bool
rfmseg_history_has_room(const RfmsegHistory *h, uint32_t key_length)
{
	return h->n < h->capacity &&
		(h->n < RFMSEG_UNHASHED || h->nslots >= 2 * (size_t) h->capacity) &&
		h->keys_capacity - h->keys_used >= key_length;
}

/* A new purchase with no line yet. */
static RfmsegPurchase *
append(RfmsegHistory *h, const char *key, uint32_t length, int32_t day, uint32_t hash)
{
	RfmsegPurchase *p = &h->purchases[h->n++];

	memset(p, 0, sizeof(*p));
	p->day = day;
	p->hash = hash;
	if (key == NULL)
		p->key_length = RFMSEG_KEY_IS_DAY;
	else
	{
		p->key_offset = (uint32_t) h->keys_used;
		p->key_length = length;
		if (length > 0)
			memcpy(h->keys + h->keys_used, key, length);
		h->keys_used += length;
	}
	rfmseg_history_enter(h, h->n - 1);
	return p;
}

static RfmsegPurchase *
find_or_append(RfmsegHistory *h, const char *key, uint32_t length, int32_t day)
{
	uint32_t hash = hash_of_key(key, length, day);
	RfmsegPurchase *p = find(h, key, length, day, hash);

	return p != NULL ? p : append(h, key, length, day, hash);
}

/* Lets a sale between two instants move the dates of a purchase. */
static void
extend(RfmsegPurchase *p, int64_t first_at, int64_t last_at, int32_t first_day)
{
	if (!p->has_sale || first_at < p->first_at)
	{
		p->first_at = first_at;
		p->day = first_day; /* rule 4 */
	}
	if (!p->has_sale || last_at > p->last_at)
		p->last_at = last_at;
	p->has_sale = true;
}

/* Lets a return of that day date an order that has no line but returns. */
static void
date_returns(RfmsegPurchase *p, int32_t day)
{
	if (!p->has_sale && day < p->day)
		p->day = day;
}

bool
rfmseg_history_add(RfmsegHistory *h, const RfmsegLine *line)
{
	RfmsegPurchase *p = find_or_append(h, line->key, line->key_length, line->day);

	if (rfmseg_decimal_sign(&line->amount) < 0)
	{
		p->has_return = true; /* rule 2 */
		date_returns(p, line->day);
	}
	else
	{
		extend(p, line->at, line->at, line->day);
		p->knows_discount |= line->knows_discount;
		p->has_discount |= line->has_discount;
	}
	return rfmseg_decimal_add(&p->total, &line->amount);
}

bool
rfmseg_history_merge(RfmsegHistory *h, const RfmsegHistory *other, uint32_t index)
{
	const RfmsegPurchase *q = &other->purchases[index];
	const char *key = NULL;
	RfmsegPurchase *p;

	/* an empty key is a key, though there may be no bytes of keys at all */
	if (q->key_length != RFMSEG_KEY_IS_DAY)
		key = q->key_length == 0 ? "" : other->keys + q->key_offset;
	p = find_or_append(h, key, q->key_length, q->day);

	if (q->has_sale)
		extend(p, q->first_at, q->last_at, q->day);
	else
		date_returns(p, q->day);
	p->has_return |= q->has_return;
	p->knows_discount |= q->knows_discount;
	p->has_discount |= q->has_discount;
	return rfmseg_decimal_add(&p->total, &q->total);
}

bool
rfmseg_is_purchase(const RfmsegPurchase *p)
{
	int sign = rfmseg_decimal_sign(&p->total);

	if (!p->has_sale)
		return false;
	if (!p->has_return)
		return true;
	return p->key_length == RFMSEG_KEY_IS_DAY ? sign != 0 : sign > 0;
}

void
rfmseg_summary_begin(RfmsegSummary *s)
{
	memset(s, 0, sizeof(*s));
}

bool
rfmseg_summary_take(RfmsegSummary *s, const RfmsegHistory *h, uint32_t index, uint64_t *key,
					bool *counts)
{
	const RfmsegPurchase *p = &h->purchases[index];

	*counts = rfmseg_is_purchase(p);
	if (*counts)
	{
		if (s->frequency == 0 || p->first_at < s->first_at)
			s->first_at = p->first_at;
		if (s->frequency == 0 || p->last_at > s->last_at)
			s->last_at = p->last_at;
		s->frequency++;

		/* days before the epoch sort before it; the index finds the purchase again */
		*key = (uint64_t) ((uint32_t) p->day ^ UINT32_C(0x80000000)) << 32 | index;
	}
	return rfmseg_decimal_add(&s->monetary, &p->total);
}

/* Rule 5: closes the day being added up. */
static bool
end_day(RfmsegSummary *s)
{
	bool fits = true;

	if (s->days > 1 && rfmseg_decimal_sign(&s->day_total) > 0)
		fits = rfmseg_decimal_add(&s->repeat_total, &s->day_total);
	memset(&s->day_total, 0, sizeof(s->day_total));
	return fits;
}

/* Days are counted from a Saturday. */
static bool
is_weekend(int32_t day)
{
	int weekday = day % 7;

	return weekday == 0 || weekday == 1 || weekday == -6;
}

bool
rfmseg_summary_fold(RfmsegSummary *s, const RfmsegHistory *h, uint64_t key)
{
	const RfmsegPurchase *p = &h->purchases[(uint32_t) key];

	s->weekend += is_weekend(p->day);
	s->with_discount += p->has_discount;
	s->knows_discount |= p->knows_discount;

	s->gap = 0;
	if (s->days == 0 || p->day != s->last_day)
	{
		if (!end_day(s))
			return false;
		if (s->days++ == 0)
			s->first_day = p->day;
		else
			s->gap = (int64_t) p->day - s->last_day;
		s->last_day = p->day;
	}
	return rfmseg_decimal_add(&s->day_total, &p->total);
}

bool
rfmseg_summary_end(RfmsegSummary *s)
{
	return end_day(s);
}

double
rfmseg_summary_repeat_value(const RfmsegSummary *s)
{
	return s->days > 1 ? rfmseg_decimal_to_double(&s->repeat_total) / (double) (s->days - 1) : 0.0;
}
