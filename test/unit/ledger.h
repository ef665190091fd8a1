/*
 * A list of lines, and what history.h's rules say of it, worked out the slow
 * way: for each question all lines are read again.
 *
 * All amounts are whole ten-thousandths, so that 64-bit integers add them up.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "history.h"
#include "prng.h"

#define LEDGER_MAX 100

typedef struct LedgerLine
{
	RfmsegLine line;
	int64_t worth; /* its amount, in ten-thousandths */
} LedgerLine;

typedef struct Ledger
{
	LedgerLine lines[LEDGER_MAX];
	int n;
} Ledger;

/* A summary's fields; of no purchase, zeros. */
typedef struct LedgerFacts
{
	int64_t frequency;
	int64_t first_at;
	int64_t last_at;
	int64_t days;
	int32_t first_day;
	int32_t last_day;
	int64_t monetary; /* in ten-thousandths, as the one below */
	int64_t repeat_total;
	int scale; /* of monetary, and the decimals to show of it */
	int shown;
	int64_t weekend;
	int64_t with_discount;
	bool knows_discount;
	int64_t gaps[LEDGER_MAX]; /* from each day with purchases to the next */
	int ngaps;
} LedgerFacts;

/* What the lines of one order, found by its first line, come to. */
typedef struct LedgerOrder
{
	int64_t total;
	int64_t first_at;
	int64_t last_at;
	int32_t day;
	bool counts; /* is a purchase */
	bool knows_discount;
	bool has_discount;
} LedgerOrder;

/* How often random ledgers had what the rules are about. */
typedef struct LedgerKinds
{
	int return_only;	/* orders with no line but returns */
	int refunded;		/* with a key, a sale, and a total of zero or less */
	int undone_days;	/* without keys: a sale, a return, and nothing left */
	int indebted_days;	/* without keys: a sale, a return, and less than nothing left */
	int worthless_days; /* after the first, whose total counts as zero */
	int many_orders;	/* ledgers with more orders than are searched one by one */
} LedgerKinds;

static inline bool
ledger_same_order(const RfmsegLine *a, const RfmsegLine *b)
{
	if (a->key == NULL || b->key == NULL)
		return a->key == b->key && a->day == b->day;
	return a->key_length == b->key_length && memcmp(a->key, b->key, a->key_length) == 0;
}

/* Whether no earlier line has the same order. */
static inline bool
ledger_begins_order(const Ledger *l, int i)
{
	int j;

	for (j = 0; j < i; j++)
		if (ledger_same_order(&l->lines[j].line, &l->lines[i].line))
			return false;
	return true;
}

static inline LedgerOrder
ledger_order(const Ledger *l, int first, LedgerKinds *kinds)
{
	bool by_day = l->lines[first].line.key == NULL;
	LedgerOrder order = {0};
	int sales = 0;
	int returns = 0;
	int i;

	for (i = first; i < l->n; i++)
	{
		const RfmsegLine *line = &l->lines[i].line;

		if (!ledger_same_order(line, &l->lines[first].line))
			continue;
		order.total += l->lines[i].worth;
		if (l->lines[i].worth < 0)
		{
			if (sales == 0 && (returns == 0 || line->day < order.day))
				order.day = line->day; /* in case there is no sale */
			returns++;
			continue;
		}
		if (sales == 0 || line->at < order.first_at)
		{
			order.first_at = line->at;
			order.day = line->day;
		}
		if (sales == 0 || line->at > order.last_at)
			order.last_at = line->at;
		if (line->knows_discount)
			order.knows_discount = true;
		if (line->has_discount)
			order.has_discount = true;
		sales++;
	}

	order.counts = sales > 0;
	if (returns > 0 && (by_day ? order.total == 0 : order.total <= 0))
		order.counts = false;
	kinds->return_only += sales == 0;
	kinds->refunded += sales > 0 && !by_day && !order.counts;
	kinds->undone_days += sales > 0 && by_day && !order.counts;
	kinds->indebted_days += sales > 0 && by_day && order.total < 0;
	return order;
}

/* Counts each day at its first purchase, and adds up all purchases of that day. */
static inline void
ledger_days(const LedgerOrder *purchases, int n, LedgerFacts *facts, LedgerKinds *kinds)
{
	int i;
	int j;

	for (i = 0; i < n; i++)
	{
		int64_t total = 0;
		bool seen = false;

		for (j = 0; j < n; j++)
			if (purchases[j].day == purchases[i].day)
			{
				total += purchases[j].total;
				seen = seen || j < i;
			}
		if (seen)
			continue;
		facts->days++;
		if (purchases[i].day == facts->first_day)
			continue;
		kinds->worthless_days += total < 0;
		facts->repeat_total += total > 0 ? total : 0;
	}
}

/* From the first day on, each time to the next later one. */
static inline void
ledger_gaps(const LedgerOrder *purchases, int n, LedgerFacts *facts)
{
	int64_t day = facts->first_day;
	int i;

	while (n > 0 && day < facts->last_day)
	{
		int64_t next = facts->last_day;

		for (i = 0; i < n; i++)
			if (purchases[i].day > day && purchases[i].day < next)
				next = purchases[i].day;
		facts->gaps[facts->ngaps++] = next - day;
		day = next;
	}
}

/* Day 0 is a Saturday: so is whichever is whole weeks from it, and the day after is a Sunday. */
static inline bool
ledger_is_weekend(int32_t day)
{
	int64_t weeks = INT64_C(7) * 400000000;

	return (day + weeks) % 7 < 2;
}

static inline LedgerFacts
ledger_facts(const Ledger *l, LedgerKinds *kinds)
{
	LedgerFacts facts = {0};
	LedgerOrder purchases[LEDGER_MAX];
	int orders = 0;
	int n = 0;
	int i;

	for (i = 0; i < l->n; i++)
	{
		const RfmsegDecimal *amount = &l->lines[i].line.amount;

		facts.monetary += l->lines[i].worth;
		facts.scale = amount->scale > facts.scale ? amount->scale : facts.scale;
		facts.shown = amount->shown > facts.shown ? amount->shown : facts.shown;
		if (!ledger_begins_order(l, i))
			continue;
		orders++;
		purchases[n] = ledger_order(l, i, kinds);
		if (purchases[n].counts)
			n++;
	}
	kinds->many_orders += orders > RFMSEG_UNHASHED;

	for (i = 0; i < n; i++)
	{
		const LedgerOrder *p = &purchases[i];

		facts.first_at = i == 0 || p->first_at < facts.first_at ? p->first_at : facts.first_at;
		facts.last_at = i == 0 || p->last_at > facts.last_at ? p->last_at : facts.last_at;
		facts.first_day = i == 0 || p->day < facts.first_day ? p->day : facts.first_day;
		facts.last_day = i == 0 || p->day > facts.last_day ? p->day : facts.last_day;
		facts.weekend += ledger_is_weekend(p->day) ? 1 : 0;
		facts.with_discount += p->has_discount ? 1 : 0;
		facts.knows_discount = facts.knows_discount || p->knows_discount;
	}
	facts.frequency = n;
	ledger_gaps(purchases, n, &facts);
	ledger_days(purchases, n, &facts, kinds);
	return facts;
}

/* In ten-thousandths. */
static inline int64_t
ledger_worth_of(const RfmsegDecimal *d)
{
	RfmsegInt128 units = rfmseg_decimal_units(d);
	int i;

	for (i = d->scale; i < 4; i++)
		units *= 10;
	return (int64_t) units;
}

static inline bool
ledger_matches(const RfmsegSummary *s, const LedgerFacts *facts)
{
	double repeats = (double) (facts->days - 1);

	return s->frequency == facts->frequency && s->first_at == facts->first_at &&
		s->last_at == facts->last_at && s->first_day == facts->first_day &&
		s->last_day == facts->last_day && s->days == facts->days &&
		ledger_worth_of(&s->monetary) == facts->monetary && s->monetary.scale == facts->scale &&
		s->monetary.shown == facts->shown &&
		ledger_worth_of(&s->repeat_total) == facts->repeat_total && s->weekend == facts->weekend &&
		s->with_discount == facts->with_discount && s->knows_discount == facts->knows_discount &&
		rfmseg_summary_repeat_value(s) ==
		(facts->days > 1 ? (double) facts->repeat_total / 1e4 / repeats : 0.0);
}

static inline bool
ledger_has_gaps(const LedgerFacts *facts, const int64_t *gaps, int ngaps)
{
	int i;

	for (i = 0; i < ngaps && i < facts->ngaps; i++)
		if (gaps[i] != facts->gaps[i])
			return false;
	return ngaps == facts->ngaps;
}

/*
 * Random keys: all texts of up to three letters out of three, one of which is
 * NUL.  Many begin alike, and the zeroth is empty.
 */
#define LEDGER_KEYS 40

static inline uint32_t
ledger_key(int number, char *key)
{
	static const char letters[] = {'\0', 'a', 'b'};
	int texts = 1; /* of the length tried */
	uint32_t length = 0;
	uint32_t i;

	while (number >= texts)
	{
		number -= texts;
		texts *= 3;
		length++;
	}
	for (i = 0; i < length; i++, number /= 3)
		key[i] = letters[number % 3];
	return length;
}

/* That many ten-thousandths, often with more decimals than they need. */
static inline RfmsegDecimal
ledger_decimal(Prng *prng, int64_t worth)
{
	RfmsegInt128 units;
	int scale = 4;

	for (units = worth; scale > 0 && units % 10 == 0 && prng_below(prng, 4) > 0; scale--)
		units /= 10;
	return rfmseg_decimal_make(units, scale, scale + prng_below(prng, 2));
}

/* Many amounts are alike, so that some cancel. */
static inline void
ledger_random_amount(Prng *prng, LedgerLine *l)
{
	static const int64_t usual[] = {0, 2500, 50000, 100000, 100000, 150000};

	l->worth = prng_below(prng, 4) == 0 ? prng_below(prng, 10000000) : usual[prng_below(prng, 6)];
	if (prng_below(prng, 3) == 0)
		l->worth = -l->worth;
	l->line.amount = ledger_decimal(prng, l->worth);
}

/* Up to LEDGER_MAX lines with keys from number first_key on, or with none. */
static inline void
ledger_random(Prng *prng, int first_key, Ledger *l)
{
	static char texts[LEDGER_KEYS][3];
	int keys = 1 + prng_below(prng, LEDGER_KEYS - first_key);
	int days = 1 + prng_below(prng, 40);
	int keyless = prng_below(prng, 11); /* in ten */
	int known = prng_below(prng, 3);	/* discounts: of none, of few, of half the lines */
	int i;

	l->n = prng_below(prng, LEDGER_MAX + 1);
	for (i = 0; i < l->n; i++)
	{
		RfmsegLine *line = &l->lines[i].line;
		int key = first_key + prng_below(prng, keys);

		line->key = NULL;
		line->key_length = 0;
		line->knows_discount = line->has_discount = false;
		if (prng_below(prng, 10) >= keyless)
		{
			line->key = texts[key];
			line->key_length = ledger_key(key, texts[key]);
		}
		line->day = prng_below(prng, days) - days / 2;
		line->at = line->day * INT64_C(86400000000) + prng_below(prng, 4) * INT64_C(21600000000);
		line->knows_discount = known > 0 && prng_below(prng, known == 1 ? 40 : 2) == 0;
		line->has_discount = line->knows_discount && prng_below(prng, 3) == 0;
		ledger_random_amount(prng, &l->lines[i]);
	}
}

#endif
