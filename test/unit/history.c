/*
 * Histories: the numbered rules of history.h case by case, then random ledgers
 * against a slow reading of the same rules; lines in any order and histories
 * merged in any way say the same; memory that grows; totals that overflow.
 */
#include "history.h"

#include <stdlib.h>
#include <string.h>

#include "decimal_text.h"
#include "hash.h"
#include "ledger.h"
#include "prng.h"
#include "tap.h"
#include "workspace.h"

/* One line of a named case; its instant is the day's, in hours. */
typedef struct Row
{
	const char *key;
	int32_t day;
	const char *amount; /* NULL after the last row */
} Row;

#define MAX_ROWS 6

typedef struct Outcome
{
	int64_t frequency;
	int64_t days;
	int32_t first_day;
	int32_t last_day;
	const char *monetary;
	const char *repeat_total;
} Outcome;

typedef struct Case
{
	const char *fact;
	Row rows[MAX_ROWS + 1];
	Outcome outcome;
} Case;

static const Case cases[] = {
	/* what an order is */
	{"rule 1: lines with one key are one purchase",
	 {{"A", 1, "10.00"}, {"B", 1, "1.00"}, {"A", 1, "5.00"}},
	 {2, 1, 1, 1, "16.00", "0"}},
	{"rule 1: so they are on different days, of which the first counts",
	 {{"A", 3, "10.00"}, {"A", 4, "5.00"}},
	 {1, 1, 3, 3, "15.00", "0"}},
	{"rule 1: two keys are two purchases",
	 {{"A", 1, "10.00"}, {"B", 1, "5.00"}},
	 {2, 1, 1, 1, "15.00", "0"}},
	{"rule 1: keys that begin alike are two",
	 {{"AB", 1, "10.00"}, {"A", 1, "5.00"}, {"ABC", 1, "1.00"}},
	 {3, 1, 1, 1, "16.00", "0"}},
	{"rule 1: lines without a key are one purchase a day",
	 {{NULL, 1, "10.00"}, {NULL, 1, "5.00"}, {NULL, 2, "7.00"}},
	 {2, 2, 1, 2, "22.00", "7.00"}},
	{"rule 1: a key and none are two purchases of one day",
	 {{NULL, 1, "10.00"}, {"A", 1, "5.00"}},
	 {2, 1, 1, 1, "15.00", "0"}},
	{"rule 1: a key that reads like the day is a key",
	 {{NULL, 5, "10"}, {"5", 5, "5"}, {"5", 6, "1"}},
	 {2, 1, 5, 5, "16", "0"}},
	{"rule 1: no lines, no purchases", {{NULL, 0, NULL}}, {0, 0, 0, 0, "0", "0"}},

	/* returns */
	{"rule 2: a return lowers totals and moves no date",
	 {{"A", 1, "10.00"}, {"A", 5, "-4.00"}},
	 {1, 1, 1, 1, "6.00", "0"}},
	{"rule 2: not even one that is dated before its purchase",
	 {{"A", 5, "10.00"}, {"A", 1, "-4.00"}},
	 {1, 1, 5, 5, "6.00", "0"}},
	{"rule 2: a line of zero is no return", {{"A", 1, "0.00"}}, {1, 1, 1, 1, "0.00", "0"}},
	{"rule 2: a tenth of a cent is one, if negative",
	 {{"A", 1, "-0.001"}},
	 {0, 0, 0, 0, "-0.001", "0"}},
	{"rule 2: a return without a key lowers the purchase of its day",
	 {{NULL, 1, "10"}, {NULL, 2, "10"}, {NULL, 2, "-4"}},
	 {2, 2, 1, 2, "16", "6"}},

	/* what is no purchase */
	{"rule 3: an order of returns is no purchase",
	 {{"A", 1, "10.00"}, {"R", 2, "-3.00"}},
	 {1, 1, 1, 1, "7.00", "0"}},
	{"rule 3: nor is a day of returns",
	 {{NULL, 1, "10.00"}, {NULL, 2, "-3.00"}},
	 {1, 1, 1, 1, "7.00", "0"}},
	{"rule 3: a customer may have nothing but returns",
	 {{"A", 1, "-3.00"}, {NULL, 2, "-1.00"}},
	 {0, 0, 0, 0, "-4.00", "0"}},
	{"rule 3: an order wholly refunded later is none",
	 {{"A", 1, "10.00"}, {"B", 2, "5.00"}, {"A", 9, "-10.00"}},
	 {1, 1, 2, 2, "5.00", "0"}},
	{"rule 3: nor is one refunded in parts",
	 {{"A", 1, "10"}, {"A", 2, "-4"}, {"A", 3, "-6.00"}},
	 {0, 0, 0, 0, "0.00", "0"}},
	{"rule 3: nor is one refunded by more than it cost",
	 {{"A", 1, "10.00"}, {"B", 2, "5.00"}, {"A", 9, "-12.00"}},
	 {1, 1, 2, 2, "3.00", "0"}},
	{"rule 3: one refunded but for a cent is",
	 {{"A", 1, "10.00"}, {"A", 9, "-9.99"}},
	 {1, 1, 1, 1, "0.01", "0"}},
	{"rule 3: a refund under another key does not undo it",
	 {{"A", 1, "10.00"}, {"R", 1, "-10.00"}},
	 {1, 1, 1, 1, "0.00", "0"}},
	{"rule 3: a gift and a return with one key are none",
	 {{"A", 1, "0"}, {"A", 2, "-5"}},
	 {0, 0, 0, 0, "-5", "0"}},
	{"rule 3: gifts alone are one", {{"A", 1, "0"}, {"A", 2, "0"}}, {1, 1, 1, 1, "0", "0"}},
	{"rule 3: a day cancelled to zero is none",
	 {{NULL, 1, "10.00"}, {NULL, 1, "-10.00"}, {NULL, 2, "5"}},
	 {1, 1, 2, 2, "5.00", "0"}},
	{"rule 3: a day below zero is one",
	 {{NULL, 1, "10"}, {NULL, 2, "5"}, {NULL, 2, "-8"}},
	 {2, 2, 1, 2, "7", "0"}},
	{"rule 3: so is a day of a gift and a return",
	 {{NULL, 1, "0"}, {NULL, 1, "-5"}},
	 {1, 1, 1, 1, "-5", "0"}},
	{"rule 3: and a day of gifts", {{NULL, 1, "0"}, {NULL, 1, "0"}}, {1, 1, 1, 1, "0", "0"}},

	/* when a purchase happens */
	{"rule 4: a purchase happens at its first line that is no return",
	 {{"A", 1, "-2"}, {"A", 3, "10"}, {"A", 4, "1"}},
	 {1, 1, 3, 3, "9", "0"}},
	{"rule 4: a line of zero will do",
	 {{"A", 2, "0"}, {"A", 3, "10"}, {"A", 1, "-1"}},
	 {1, 1, 2, 2, "9", "0"}},
	{"rule 4: the last purchase is the one that began last",
	 {{"A", 1, "1"}, {"B", 2, "1"}, {"A", 9, "1"}},
	 {2, 2, 1, 2, "3", "1"}},

	/* repeats */
	{"rule 5: purchases of one day are one repeat",
	 {{"A", 1, "10"}, {"B", 2, "5"}, {"C", 2, "7"}, {"D", 4, "3"}},
	 {4, 3, 1, 4, "25", "15"}},
	{"rule 5: those of the first day are none",
	 {{"A", 1, "100"}, {"B", 1, "50"}, {"C", 2, "8"}},
	 {3, 2, 1, 2, "158", "8"}},
	{"rule 5: one day has no repeats", {{"A", 1, "1"}, {"B", 1, "2"}}, {2, 1, 1, 1, "3", "0"}},
	{"rule 5: a day below zero counts as zero",
	 {{NULL, 1, "10"}, {NULL, 2, "5"}, {NULL, 2, "-8"}, {NULL, 3, "4"}},
	 {3, 3, 1, 3, "11", "4"}},
	{"rule 5: the last day too",
	 {{NULL, 1, "10"}, {NULL, 2, "4"}, {NULL, 3, "5"}, {NULL, 3, "-8"}},
	 {3, 3, 1, 3, "11", "4"}},
	{"rule 5: but not before its purchases are added up",
	 {{"A", 1, "1"}, {NULL, 2, "5"}, {NULL, 2, "-8"}, {"B", 2, "10"}},
	 {3, 2, 1, 2, "8", "7"}},
	{"rule 5: a first day below zero takes nothing from the repeats",
	 {{NULL, 1, "5"}, {NULL, 1, "-8"}, {NULL, 2, "4"}},
	 {2, 2, 1, 2, "1", "4"}},
	{"rule 5: what is refunded is in no repeat",
	 {{"A", 1, "10"}, {"B", 2, "5"}, {"C", 2, "9"}, {"C", 2, "-12"}},
	 {2, 2, 1, 2, "12", "5"}},
	{"rule 5: nor is an order of returns",
	 {{"A", 1, "10"}, {"B", 2, "5"}, {"R", 2, "-3"}},
	 {2, 2, 1, 2, "12", "5"}},
	{"rule 5: a return under its key lowers the repeat",
	 {{"A", 1, "10"}, {"B", 2, "5.00"}, {"B", 7, "-3.00"}},
	 {2, 2, 1, 2, "12.00", "2.00"}},
	{"rule 5: days before the epoch come first",
	 {{"A", 1, "8"}, {"B", -1, "2"}, {"C", 0, "4"}, {"D", -2, "1"}},
	 {4, 4, -2, 1, "15", "14"}},
	{"rule 5: so do the remotest days",
	 {{"A", INT32_MAX, "8"}, {NULL, INT32_MIN, "2"}, {"C", 0, "4"}, {NULL, INT32_MAX, "1"}},
	 {4, 3, INT32_MIN, INT32_MAX, "15", "13"}},
};

static RfmsegLine
line_of(const char *key, int32_t day, int64_t at, const char *amount)
{
	RfmsegLine line = {0};

	line.key = key;
	line.key_length = key == NULL ? 0 : (uint32_t) strlen(key);
	line.day = day;
	line.at = at;
	line.amount = decimal_of_text(amount);
	return line;
}

static bool
is_amount(const RfmsegDecimal *d, const char *expected)
{
	char text[DECIMAL_TEXT_SIZE];

	text_of_decimal(d, text);
	return strcmp(text, expected) == 0;
}

static bool
comes_out(const Workspace *w, const Outcome *o)
{
	double repeats = (double) (o->days - 1);
	RfmsegSummary s;

	return workspace_summarize(w, &s) && s.frequency == o->frequency && s.days == o->days &&
		s.first_day == o->first_day && s.last_day == o->last_day &&
		is_amount(&s.monetary, o->monetary) && is_amount(&s.repeat_total, o->repeat_total) &&
		rfmseg_summary_repeat_value(&s) ==
		(o->days > 1 ? strtod(o->repeat_total, NULL) / repeats : 0.0);
}

/* Lines one after another, or each as a history of its own that is merged. */
static bool
comes_out_of_lines(const Case *c, bool backwards, bool merged)
{
	Workspace w = {.tight = true};
	bool good = true;
	int n = 0;
	int i;

	while (c->rows[n].amount != NULL)
		n++;
	for (i = 0; i < n; i++)
	{
		const Row *row = &c->rows[backwards ? n - 1 - i : i];
		RfmsegLine line = line_of(row->key, row->day, row->day * INT64_C(24), row->amount);
		Workspace one = {.tight = true};

		if (merged)
			good = good && workspace_add(&one, &line) && workspace_merge(&w, &one.history);
		else
			good = good && workspace_add(&w, &line);
		workspace_free(&one);
	}
	good = good && comes_out(&w, &c->outcome);
	workspace_free(&w);
	return good;
}

static void
test_rules(void)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(comes_out_of_lines(&cases[i], false, false) &&
			   comes_out_of_lines(&cases[i], true, false) &&
			   comes_out_of_lines(&cases[i], false, true) &&
			   comes_out_of_lines(&cases[i], true, true),
		   "%s", cases[i].fact);
}

static void
add(Workspace *w, const char *key, int32_t day, int64_t at, const char *amount)
{
	RfmsegLine line = line_of(key, day, at, amount);

	if (!workspace_add(w, &line))
		abort();
}

static void
test_instants(void)
{
	Workspace w = {.tight = true};
	RfmsegSummary s;

	add(&w, "A", 1, 30, "5");
	add(&w, "A", 1, 25, "5");
	add(&w, "A", 2, 70, "-1");
	add(&w, "R", 0, 3, "-1");
	workspace_summarize(&w, &s);
	ok(s.frequency == 1 && s.first_at == 25 && s.last_at == 30,
	   "an invoice with two time stamps has a first and a last, and no return is either");

	add(&w, "B", 1, 26, "5");
	add(&w, "C", 1, 20, "5");
	add(&w, "C", 1, 21, "-5");
	workspace_summarize(&w, &s);
	ok(s.frequency == 2 && s.first_at == 25 && s.last_at == 30,
	   "the last line of any purchase is the last instant; what was refunded has none");

	add(&w, "D", -106751992, INT64_MIN, "1");
	add(&w, "D", 106751991, INT64_MAX, "1");
	workspace_summarize(&w, &s);
	ok(s.frequency == 3 && s.first_at == INT64_MIN && s.last_at == INT64_MAX &&
		   s.first_day == -106751992 && s.last_day == 1,
	   "instants may be as far apart as can be");
	workspace_free(&w);
}

static bool
same_decimal(const RfmsegDecimal *a, const RfmsegDecimal *b)
{
	return a->high == b->high && a->low == b->low && a->scale == b->scale && a->shown == b->shown;
}

static bool
same_summary(const RfmsegSummary *a, const RfmsegSummary *b)
{
	return a->frequency == b->frequency && a->first_at == b->first_at && a->last_at == b->last_at &&
		a->first_day == b->first_day && a->last_day == b->last_day && a->days == b->days &&
		same_decimal(&a->monetary, &b->monetary) &&
		same_decimal(&a->repeat_total, &b->repeat_total) && a->weekend == b->weekend &&
		a->with_discount == b->with_discount && a->knows_discount == b->knows_discount;
}

static bool
add_ledger(Workspace *w, const Ledger *l)
{
	int i;

	for (i = 0; i < l->n; i++)
		if (!workspace_add(w, &l->lines[i].line))
			return false;
	return true;
}

static bool
summarize_ledger(const Ledger *l, bool tight, RfmsegSummary *s)
{
	Workspace w = {.tight = tight};
	bool fits = add_ledger(&w, l) && workspace_summarize(&w, s);

	workspace_free(&w);
	return fits;
}

static LedgerKinds kinds;

/* How often random ledgers had what their summaries are about. */
static int weekends = 0;
static int discounted = 0;
static int unknown = 0;
static int uneven = 0;

static bool
says_what_ledger_says(const RfmsegHistory *h, const Ledger *l)
{
	LedgerFacts facts = ledger_facts(l, &kinds);
	RfmsegSummary s;
	int64_t gaps[LEDGER_MAX];
	int ngaps = 0;

	weekends += facts.weekend > 0 && facts.weekend < facts.frequency;
	discounted += facts.with_discount > 0 && facts.with_discount < facts.frequency;
	unknown += !facts.knows_discount && facts.frequency > 0;
	uneven += facts.ngaps > 1 && facts.gaps[0] != facts.gaps[1];
	return workspace_fold(h, &s, gaps, &ngaps) && ledger_matches(&s, &facts) &&
		ledger_has_gaps(&facts, gaps, ngaps);
}

static bool
any_ledger_agrees(Prng *prng, int first_key)
{
	Ledger l;
	Workspace w = {.tight = prng_below(prng, 2) == 0};
	bool agrees;

	ledger_random(prng, first_key, &l);
	agrees = add_ledger(&w, &l) && says_what_ledger_says(&w.history, &l);
	workspace_free(&w);
	return agrees;
}

static bool
any_order_is_the_same(Prng *prng, int first_key)
{
	Ledger l;
	RfmsegSummary s;
	RfmsegSummary shuffled;

	ledger_random(prng, first_key, &l);
	if (!summarize_ledger(&l, false, &s))
		return false;
	prng_shuffle(prng, l.lines, l.n, sizeof(l.lines[0]));
	return summarize_ledger(&l, true, &shuffled) && same_summary(&s, &shuffled);
}

#define MAX_PARTS 5

/* Lines dealt to 2..5 histories, some of which may stay empty, merged two at a time. */
static bool
any_partition_is_the_same(Prng *prng, int first_key)
{
	Ledger l;
	RfmsegSummary s;
	RfmsegSummary merged;
	Workspace parts[MAX_PARTS] = {{.tight = false}};
	int n = 2 + prng_below(prng, MAX_PARTS - 1);
	bool fits = true;
	int i;

	ledger_random(prng, first_key, &l);
	for (i = 0; i < n; i++)
		parts[i].tight = prng_below(prng, 2) == 0;
	for (i = 0; i < l.n; i++)
		fits = fits && workspace_add(&parts[prng_below(prng, n)], &l.lines[i].line);

	while (n > 1)
	{
		prng_shuffle(prng, parts, n, sizeof(parts[0]));
		n--;
		fits = fits && workspace_merge(&parts[0], &parts[n].history);
		workspace_free(&parts[n]);
	}
	fits = fits && workspace_summarize(&parts[0], &merged);
	workspace_free(&parts[0]);
	return fits && summarize_ledger(&l, false, &s) && same_summary(&s, &merged);
}

static bool
ledger_agrees(Prng *prng)
{
	return any_ledger_agrees(prng, 1);
}

static bool
order_is_the_same(Prng *prng)
{
	return any_order_is_the_same(prng, 1);
}

static bool
partition_is_the_same(Prng *prng)
{
	return any_partition_is_the_same(prng, 1);
}

static void
test_random_ledgers(void)
{
	ok(always(ledger_agrees, 20000), "a history says what a slow reading of its lines says");
	ok(kinds.return_only > 1000 && kinds.refunded > 1000 && kinds.undone_days > 1000 &&
		   kinds.indebted_days > 1000 && kinds.worthless_days > 1000 && kinds.many_orders > 1000,
	   "random lines had orders of every kind");
	ok(weekends > 1000 && discounted > 1000 && unknown > 1000 && uneven > 1000,
	   "on weekends and other days, with discounts, none and unknown ones, and uneven gaps");
	ok(always(order_is_the_same, 10000), "lines in any order say the same, to the bit");
	ok(always(partition_is_the_same, 10000), "so do histories merged in any way");
}

/* The empty text is a key like any other; its bytes are nowhere. */
static bool
with_empty_keys(Prng *prng)
{
	return any_ledger_agrees(prng, 0) && any_order_is_the_same(prng, 0) &&
		any_partition_is_the_same(prng, 0);
}

static void
test_empty_key(void)
{
	static const Case merged = {"", {{"", 1, "1"}, {"", 2, "2"}}, {1, 1, 1, 1, "3", "0"}};
	static const Case mixed = {
		"", {{"", 1, "1"}, {NULL, 1, "2"}, {"A", 2, "4"}, {"", 2, "8"}}, {3, 2, 1, 2, "15", "4"}};

	ok(comes_out_of_lines(&merged, false, true) && comes_out_of_lines(&merged, true, true),
	   "an empty key is a key, not a day, after merging too");
	ok(comes_out_of_lines(&merged, false, false) && comes_out_of_lines(&merged, true, false),
	   "lines with an empty key are one purchase");
	ok(comes_out_of_lines(&mixed, false, false) && comes_out_of_lines(&mixed, true, false) &&
		   comes_out_of_lines(&mixed, false, true) && comes_out_of_lines(&mixed, true, true),
	   "an empty key is neither none nor another");
	ok(always(with_empty_keys, 3000), "among random lines too");
}

/* The first byte is NUL: who compares keys as strings finds all alike. */
#define HASHED_LENGTH 7
#define HASHED_KEYS 200000

typedef struct HashedKey
{
	uint32_t hash;
	char bytes[HASHED_LENGTH];
} HashedKey;

static int
compare_hashes(const void *a, const void *b)
{
	const HashedKey *x = a;
	const HashedKey *y = b;

	if (x->hash != y->hash)
		return x->hash > y->hash ? 1 : -1;
	return memcmp(x->bytes, y->bytes, HASHED_LENGTH);
}

static RfmsegLine
line_with_key(const char *bytes, uint32_t length)
{
	RfmsegLine line = line_of("", 1, 24, "1");

	line.key = bytes;
	line.key_length = length;
	return line;
}

static uint32_t
hash_of_line(const RfmsegLine *line)
{
	Workspace w = {.tight = true};
	uint32_t hash;

	if (!workspace_add(&w, line))
		abort();
	hash = w.history.purchases[0].hash;
	workspace_free(&w);
	return hash;
}

/* They share a hash, and are two purchases whichever comes first, after merging too. */
static bool
are_two_by_key_alone(const RfmsegLine *a, const RfmsegLine *b)
{
	Workspace w = {.tight = true};
	Workspace other = {.tight = true};
	bool two = hash_of_line(a) == hash_of_line(b) && workspace_add(&w, a) && workspace_add(&w, b) &&
		workspace_add(&w, a) && workspace_add(&other, b) && workspace_add(&other, a) &&
		workspace_merge(&w, &other.history) && w.history.n == 2 && other.history.n == 2;

	workspace_free(&w);
	workspace_free(&other);
	return two;
}

/* By the birthday paradox, some of so many keys share all 32 bits. */
static void
test_keys_with_equal_hashes(void)
{
	Prng prng = {7};
	HashedKey *keys = workspace_resize(NULL, HASHED_KEYS * sizeof(HashedKey));
	int pairs = 0;
	bool two = true;
	int i;
	int k;

	for (i = 0; i < HASHED_KEYS; i++)
	{
		RfmsegLine line = line_with_key(keys[i].bytes, HASHED_LENGTH);

		keys[i].bytes[0] = '\0';
		for (k = 1; k < HASHED_LENGTH; k++)
			keys[i].bytes[k] = (char) ('a' + prng_below(&prng, 26));
		keys[i].hash = hash_of_line(&line);
	}
	qsort(keys, HASHED_KEYS, sizeof(HashedKey), compare_hashes);
	for (i = 1; i < HASHED_KEYS; i++)
	{
		RfmsegLine a = line_with_key(keys[i - 1].bytes, HASHED_LENGTH);
		RfmsegLine b = line_with_key(keys[i].bytes, HASHED_LENGTH);

		if (keys[i].hash != keys[i - 1].hash || compare_hashes(&keys[i], &keys[i - 1]) == 0)
			continue;
		pairs++;
		two = two && are_two_by_key_alone(&a, &b);
	}
	free(keys);
	ok(pairs > 0 && two, "keys that share a hash are two purchases (%d pairs)", pairs);
}

/* Whether a line is another purchase than one that is given the line's hash. */
static bool
is_another_of_equal_hash(const RfmsegLine *known, const RfmsegLine *line)
{
	Workspace w = {.tight = true};
	bool another;

	if (!workspace_add(&w, known))
		abort();
	w.history.purchases[0].hash = hash_of_line(line);
	another = workspace_add(&w, line) && w.history.n == 2;
	workspace_free(&w);
	return another;
}

/* What rfmseg_mix() makes a hash of: h ^ h >> 33 undoes itself, a product its inverse. */
static uint64_t
unmix(uint64_t h)
{
	static const uint64_t factors[] = {UINT64_C(0xC4CEB9FE1A85EC53), UINT64_C(0xFF51AFD7ED558CCD)};
	int i;
	int k;

	for (i = 0; i < 2; i++)
	{
		uint64_t inverse = factors[i];

		/* Newton's method doubles the number of right bits, at first three */
		for (k = 0; k < 5; k++)
			inverse *= 2 - factors[i] * inverse;
		h = (h ^ h >> 33) * inverse;
	}
	return h ^ h >> 33;
}

/* Eight bytes that take a hash from one state to another. */
static void
bytes_between(uint64_t from, uint64_t to, char *bytes)
{
	uint64_t block = from ^ unmix(to);
	int i;

	for (i = 0; i < 8; i++)
		bytes[i] = (char) (unsigned char) (block >> 8 * i);
}

/* What rfmseg_hash_bytes() begins with, and what it makes of a length in the end. */
#define HASH_ORIGIN UINT64_C(0x9E3779B97F4A7C15)
#define HASH_LENGTH(length) ((uint64_t) (length) << 56)

/* The longer key goes on to where it has the hash of the shorter one, all 64 bits of it. */
static void
test_key_that_goes_on(void)
{
	char bytes[16] = "an order";
	RfmsegLine a = line_with_key(bytes, 8);
	RfmsegLine b = line_with_key(bytes, 16);
	uint64_t state = rfmseg_mix(HASH_ORIGIN ^ rfmseg_load((const unsigned char *) bytes));

	bytes_between(state, state ^ HASH_LENGTH(8) ^ HASH_LENGTH(16), bytes + 8);
	ok(rfmseg_hash_bytes(bytes, 8, 0) == rfmseg_hash_bytes(bytes, 16, 0),
	   "a key may go on and keep its hash");
	ok(are_two_by_key_alone(&a, &b) && are_two_by_key_alone(&b, &a), "and is another one then");
}

/* Whether a key that has the hash of its day is no purchase of that day. */
static bool
is_no_day(int32_t day)
{
	RfmsegLine a;
	RfmsegLine b = line_of(NULL, day, 24, "1");
	char bytes[8];

	bytes_between(HASH_ORIGIN, ((uint64_t) (uint32_t) day + 1) ^ HASH_LENGTH(8), bytes);
	a = line_with_key(bytes, 8);
	a.day = day;
	return are_two_by_key_alone(&a, &b) && are_two_by_key_alone(&b, &a);
}

static void
test_equal_hashes(void)
{
	RfmsegLine a = line_with_key("order", 5);
	RfmsegLine b = line_with_key("order 1", 7);

	test_keys_with_equal_hashes();
	test_key_that_goes_on();
	ok(is_no_day(1) && is_no_day(0) && is_no_day(-1) && is_no_day(9000) && is_no_day(INT32_MIN) &&
		   is_no_day(INT32_MAX),
	   "so is a key that has the hash of its day");
	ok(is_another_of_equal_hash(&a, &b) && is_another_of_equal_hash(&b, &a),
	   "so they are if one begins with the other");

	b = line_of(NULL, a.day, 24, "1");
	ok(is_another_of_equal_hash(&a, &b) && is_another_of_equal_hash(&b, &a),
	   "and if one is a key, and one its day");

	b = a;
	ok(!is_another_of_equal_hash(&a, &b), "while the same key is the same purchase");
}

#define MANY 100000

/* Order number i, or the day i if that is to be its key. */
static RfmsegLine
numbered_line(int i, char *key, const char *amount)
{
	RfmsegLine line = {0};

	sprintf(key, "order %d", i);
	line = line_of(i % 4 == 0 ? NULL : key, i, i * INT64_C(24), amount);
	return line;
}

static bool
add_many(Workspace *w, const int *numbers, const char *amount)
{
	bool fits = true;
	char key[32];
	int i;

	for (i = 0; i < MANY; i++)
	{
		RfmsegLine line = numbered_line(numbers[i], key, amount);

		fits = fits && workspace_add(w, &line);
	}
	return fits;
}

static bool
is_summary_of_many(const Workspace *w, const char *monetary, const char *repeat_total)
{
	RfmsegSummary s;

	return workspace_summarize(w, &s) && w->history.n == MANY && s.frequency == MANY &&
		s.days == MANY && s.first_day == 0 && s.last_day == MANY - 1 && s.first_at == 0 &&
		s.last_at == (MANY - 1) * INT64_C(24) && is_amount(&s.monetary, monetary) &&
		is_amount(&s.repeat_total, repeat_total);
}

static void
test_many_orders(void)
{
	Prng prng = {11};
	int *numbers = workspace_resize(NULL, MANY * sizeof(int));
	Workspace w = {.tight = false};
	Workspace other = {.tight = false};
	int i;

	for (i = 0; i < MANY; i++)
		numbers[i] = i;
	ok(add_many(&w, numbers, "0.01") && is_summary_of_many(&w, "1000.00", "999.99"),
	   "a hundred thousand orders");
	prng_shuffle(&prng, numbers, MANY, sizeof(int));
	ok(add_many(&w, numbers, "0.02") && is_summary_of_many(&w, "3000.00", "2999.97"),
	   "each is found again, in any order");
	ok(add_many(&other, numbers, "0.03") && workspace_merge(&other, &w.history) &&
		   is_summary_of_many(&other, "6000.00", "5999.94"),
	   "and once more in merging");
	workspace_free(&w);
	workspace_free(&other);
	free(numbers);
}

static void
test_room(void)
{
	RfmsegHistory h = {0};

	ok(!rfmseg_history_has_room(&h, 0), "an empty history has no room");
	h.capacity = 4;
	ok(rfmseg_history_has_room(&h, 0), "with room for purchases it takes one without a key");
	ok(!rfmseg_history_has_room(&h, 1), "but none with a key");
	h.keys_capacity = 10;
	h.keys_used = 7;
	ok(rfmseg_history_has_room(&h, 3) && !rfmseg_history_has_room(&h, 4), "a key may just fit");
	h.n = 3;
	ok(rfmseg_history_has_room(&h, 0), "so may a purchase");
	h.n = 4;
	ok(!rfmseg_history_has_room(&h, 0), "and one more not");
	h.capacity = 16;
	h.n = RFMSEG_UNHASHED - 1;
	ok(rfmseg_history_has_room(&h, 0), "a few purchases need no slots");
	h.n = RFMSEG_UNHASHED;
	ok(!rfmseg_history_has_room(&h, 0), "more do");
	h.nslots = 16;
	ok(!rfmseg_history_has_room(&h, 0), "not fewer than twice the purchases there is room for");
	h.nslots = 32;
	ok(rfmseg_history_has_room(&h, 0), "and twice as many will do");
	h.capacity = UINT32_C(1) << 31;
	ok(!rfmseg_history_has_room(&h, 0), "also where twice as many is more than 32 bits hold");
}

#define NINES "99999999999999999999999999999999999999"
#define HALF "50000000000000000000000000000000000000"

static bool
adds(Workspace *w, const char *key, int32_t day, const char *amount)
{
	RfmsegLine line = line_of(key, day, day * INT64_C(24), amount);

	return workspace_add(w, &line);
}

static bool
summarizes(const Workspace *w)
{
	RfmsegSummary s;

	return workspace_summarize(w, &s);
}

static void
test_order_overflow(void)
{
	Workspace w = {.tight = true};
	Workspace other = {.tight = true};

	ok(adds(&w, "A", 1, NINES) && summarizes(&w), "an order may have a total of 38 nines");
	ok(!adds(&w, "A", 1, "1"), "one more overflows, and says so");
	ok(is_amount(&w.history.purchases[0].total, NINES), "the total is as it was");
	ok(adds(&other, "A", 1, "1") && !workspace_merge(&w, &other.history), "so it is in merging");
	workspace_free(&w);
	workspace_free(&other);
}

/* Returns let each total fit while another does not. */
static void
test_summary_overflow(void)
{
	Workspace w = {.tight = true};
	RfmsegSummary s;

	ok(adds(&w, "A", 1, HALF) && adds(&w, "B", 2, HALF) && !summarizes(&w),
	   "the customer's total overflows");
	workspace_free(&w);

	ok(adds(&w, "A", 1, HALF) && adds(&w, "R", 1, "-" HALF) && adds(&w, "B", 1, HALF) &&
		   !summarizes(&w),
	   "the total of a day overflows");
	workspace_free(&w);

	ok(adds(&w, "A", 2, HALF) && adds(&w, "R", 2, "-" HALF) && adds(&w, "B", 3, HALF) &&
		   workspace_summarize(&w, &s) && is_amount(&s.repeat_total, HALF),
	   "the repeats' total fits without the first day");
	ok(adds(&w, "C", 1, "0") && !summarizes(&w), "and overflows on the last day with it");
	ok(adds(&w, "D", 4, "0") && !summarizes(&w), "or on a day before the last");
	workspace_free(&w);
}

static int64_t
weekend_of(int32_t day)
{
	Workspace w = {.tight = true};
	RfmsegSummary s = {0};

	add(&w, "A", day, 0, "1");
	workspace_summarize(&w, &s);
	workspace_free(&w);
	return s.weekend;
}

static void
test_weekends(void)
{
	Workspace w = {.tight = true};
	RfmsegSummary s;

	ok(weekend_of(INT32_MAX) == 1 && weekend_of(INT32_MAX - 1) == 1 &&
		   weekend_of(INT32_MAX - 2) == 0 && weekend_of(INT32_MIN) == 0 &&
		   weekend_of(INT32_MIN + 1) == 0 && weekend_of(INT32_MIN + 2) == 1,
	   "the remotest days are a Thursday and a Sunday");
	add(&w, "A", 7, 168, "5");
	add(&w, "A", 9, 216, "5");
	add(&w, "B", 7, 168, "5");
	add(&w, "C", 6, 144, "5");
	add(&w, "C", 7, 168, "5");
	workspace_summarize(&w, &s);
	ok(s.weekend == 2 && s.frequency == 3, "a weekend has the purchases that began on it");
	add(&w, "B", 9, 216, "-5");
	add(&w, "R", 8, 192, "-1");
	workspace_summarize(&w, &s);
	ok(s.weekend == 1 && s.frequency == 2, "but neither returns nor what was refunded");
	workspace_free(&w);
}

static bool
are_gaps(const Workspace *w, const int64_t *expected, int n)
{
	RfmsegSummary s;
	int64_t gaps[MAX_ROWS];
	int ngaps = 0;

	return workspace_fold(&w->history, &s, gaps, &ngaps) && ngaps == n &&
		(n == 0 || memcmp(gaps, expected, (size_t) n * sizeof(int64_t)) == 0);
}

static void
test_gaps(void)
{
	static const int64_t two[] = {1, 9};
	static const int64_t widest[] = {INT64_C(1) << 31, (INT64_C(1) << 31) - 1};
	static const int64_t whole = (INT64_C(1) << 32) - 1;
	Workspace w = {.tight = true};

	ok(are_gaps(&w, NULL, 0), "no purchases have no gaps");
	add(&w, "A", -1, -24, "5");
	add(&w, "B", -1, -24, "5");
	ok(are_gaps(&w, NULL, 0), "nor do those of one day");
	add(&w, "C", 9, 216, "5");
	add(&w, NULL, 0, 0, "5");
	add(&w, "D", 9, 216, "5");
	add(&w, "R", 4, 96, "-5");
	ok(are_gaps(&w, two, 2), "gaps are between days with purchases, across the epoch too");
	workspace_free(&w);

	add(&w, "A", INT32_MAX, 2, "5");
	add(&w, "C", INT32_MIN, 0, "5");
	ok(are_gaps(&w, &whole, 1), "the widest one fits");
	add(&w, "B", 0, 1, "5");
	ok(are_gaps(&w, widest, 2), "and may be cut in two");
	workspace_free(&w);
}

typedef enum Discount
{
	UNKNOWN,
	NONE,
	SOME
} Discount;

static void
add_with_discount(Workspace *w, const char *key, const char *amount, Discount discount)
{
	RfmsegLine line = line_of(key, 1, 24, amount);

	line.knows_discount = discount != UNKNOWN;
	line.has_discount = discount == SOME;
	if (!workspace_add(w, &line))
		abort();
}

/* Merged into nothing and then once more, too. */
static bool
has_discounts(const Workspace *w, int64_t with_discount, bool knows_discount)
{
	Workspace merged = {.tight = true};
	RfmsegSummary s;
	RfmsegSummary t;
	bool good = workspace_summarize(w, &s) && workspace_merge(&merged, &w->history) &&
		workspace_merge(&merged, &w->history) && workspace_summarize(&merged, &t) &&
		s.with_discount == with_discount && s.knows_discount == knows_discount &&
		t.with_discount == with_discount && t.knows_discount == knows_discount;

	workspace_free(&merged);
	return good;
}

static void
test_discounts(void)
{
	Workspace w = {.tight = true};

	ok(has_discounts(&w, 0, false), "of no purchase a discount is known");
	add_with_discount(&w, "A", "5", UNKNOWN);
	ok(has_discounts(&w, 0, false), "nor of one of which it is not");
	add_with_discount(&w, "A", "-1", SOME);
	add_with_discount(&w, "R", "-1", SOME);
	add_with_discount(&w, "S", "-1", NONE);
	ok(has_discounts(&w, 0, false), "what returns know does not matter");
	add_with_discount(&w, "B", "5", SOME);
	add_with_discount(&w, "B", "-5", UNKNOWN);
	ok(has_discounts(&w, 0, false), "nor what was refunded");
	add_with_discount(&w, "C", "5", NONE);
	ok(has_discounts(&w, 0, true), "of one purchase it is known that there was none");
	add_with_discount(&w, "C", "5", UNKNOWN);
	add_with_discount(&w, "C", "0", SOME);
	add_with_discount(&w, "C", "5", NONE);
	add_with_discount(&w, "C", "5", SOME);
	ok(has_discounts(&w, 1, true), "one line with a discount will do, and counts once");
	add_with_discount(&w, NULL, "5", SOME);
	ok(has_discounts(&w, 2, true), "so it does without a key");
	workspace_free(&w);
}

static bool
keeps_memory_alone(const RfmsegHistory *h, const RfmsegHistory *before)
{
	return h->n == 0 && h->keys_used == 0 && workspace_is_empty(h->slots, h->nslots) &&
		h->purchases == before->purchases && h->capacity == before->capacity &&
		h->slots == before->slots && h->nslots == before->nslots && h->keys == before->keys &&
		h->keys_capacity == before->keys_capacity;
}

/* Ledger after ledger in the same memory. */
static bool
any_reset_history_agrees(Prng *prng)
{
	Workspace w = {.tight = prng_below(prng, 2) == 0};
	bool agrees = true;
	int i;

	for (i = 0; i < 5; i++)
	{
		Ledger l;
		RfmsegHistory before;

		ledger_random(prng, 0, &l);
		agrees = agrees && add_ledger(&w, &l) && says_what_ledger_says(&w.history, &l);
		before = w.history;
		rfmseg_history_reset(&w.history);
		agrees = agrees && keeps_memory_alone(&w.history, &before);
	}
	workspace_free(&w);
	return agrees;
}

/* Saturday is day 0. */
static void
test_habits(void)
{
	Workspace w = {.tight = true};
	RfmsegSummary s;
	int32_t day;
	int good = 0;

	for (day = -15; day <= 15; day++)
	{
		int32_t weekday = (day % 7 + 7) % 7;

		add(&w, NULL, day, day * INT64_C(24), "1");
		if (!workspace_summarize(&w, &s))
			abort();
		good += s.weekend == (weekday < 2 ? 1 : 0);
		rfmseg_history_reset(&w.history);
	}
	ok(good == 31, "days 0 and 1 of each week are its end, before the epoch too");

	{
		static const int32_t days[] = {-3, -3, 4, 5, 50};
		static const int64_t gaps[] = {0, 0, 7, 1, 45};
		uint64_t key;
		bool counts;
		int i;

		for (i = 0; i < 5; i++)
		{
			char order[2] = {(char) ('a' + i), '\0'};
			RfmsegLine line = line_of(order, days[i], days[i] * INT64_C(24), "1");

			line.knows_discount = i > 0;
			line.has_discount = i == 2 || i == 3;
			if (!workspace_add(&w, &line))
				abort();
		}
		rfmseg_summary_begin(&s);
		for (i = 0, good = 0; i < 5; i++)
		{
			if (!rfmseg_summary_take(&s, &w.history, (uint32_t) i, &key, &counts) ||
				!rfmseg_summary_fold(&s, &w.history, key))
				abort();
			good += s.gap == gaps[i];
		}
		ok(good == 5, "a gap lies between one day with purchases and the next");
		ok(s.knows_discount && s.with_discount == 2, "purchases with a discount are counted");
	}

	{
		RfmsegLine sale = line_of("x", 1, 24, "5");
		RfmsegLine back = line_of("x", 2, 48, "-1");
		Workspace merged = {.tight = true};

		rfmseg_history_reset(&w.history);
		back.knows_discount = back.has_discount = true;
		if (!workspace_add(&w, &sale) || !workspace_add(&w, &back))
			abort();
		ok(w.history.n == 1 && !w.history.purchases[0].knows_discount,
		   "a return's discount says nothing");
		sale.knows_discount = true;
		if (!workspace_add(&w, &sale) || !workspace_merge(&merged, &w.history))
			abort();
		ok(merged.history.purchases[0].knows_discount && !merged.history.purchases[0].has_discount,
		   "what is known of a discount is merged");
		workspace_free(&merged);
	}
	workspace_free(&w);
}

/* A history with slots that is emptied is as good as a new one. */
static void
test_reset(void)
{
	Workspace w = {.tight = false};
	int round;
	int good = 0;

	for (round = 0; round < 50; round++)
	{
		int n = 1 + round * 7 % 90;
		int i;

		for (i = 0; i < 2 * n; i++)
		{
			char key[24];
			RfmsegLine line = numbered_line((i % n) * 50 + round, key, "1");

			if (!workspace_add(&w, &line))
				abort();
		}
		good += w.history.n == (uint32_t) n;
		rfmseg_history_reset(&w.history);
		for (i = 0; i < (int) w.history.nslots; i++)
			good -= w.history.slots[i] != 0;
	}
	ok(good == 50, "a history that was reset knows nothing of what it held");
	ok(always(any_reset_history_agrees, 2000), "it keeps its memory, and serves random lines");
	workspace_free(&w);
}

int
main(void)
{
	test_rules();
	test_instants();
	test_room();
	test_equal_hashes();
	test_many_orders();
	test_random_ledgers();
	test_order_overflow();
	test_summary_overflow();
	test_empty_key();
	test_weekends();
	test_gaps();
	test_discounts();
	test_habits();
	test_reset();
	return done();
}
