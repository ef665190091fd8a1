/*
 * Customers: every line has one fate, and what is said of a customer is what a
 * slow reading of the same lines says, in any order of the lines and in memory
 * of any size; money that overflows.
 */
#include "customer.h"

#include <stdlib.h>
#include <string.h>

#include "decimal_text.h"
#include "ledger.h"
#include "prng.h"
#include "tap.h"
#include "workspace.h"

#define LINES 40
#define KEYS 6

/* Room for the most that the lines can need. */
static RfmsegPurchase purchases[2][LINES];
static uint32_t purchase_slots[2][128];
static char keys[2][LINES * 8];
static RfmsegName products[LINES];
static uint32_t product_slots[128];
static RfmsegName categories[LINES];
static uint32_t category_slots[128];
static RfmsegDecimal spent[LINES];

static const char *const letters[KEYS] = {"a", "b", "c", "d", "e", "f"};

static void
give_room(RfmsegCustomer *c)
{
	RfmsegHistory *histories[2];
	int i;

	memset(c, 0, sizeof(*c));
	histories[0] = &c->ever;
	histories[1] = &c->recent;
	for (i = 0; i < 2; i++)
	{
		histories[i]->purchases = purchases[i];
		histories[i]->capacity = LINES;
		histories[i]->slots = purchase_slots[i];
		histories[i]->nslots = 128;
		histories[i]->keys = keys[i];
		histories[i]->keys_capacity = sizeof(keys[i]);
	}
	memset(purchase_slots, 0, sizeof(purchase_slots));
	memset(product_slots, 0, sizeof(product_slots));
	memset(category_slots, 0, sizeof(category_slots));
	c->products.names = products;
	c->products.slots = product_slots;
	c->categories.names = categories;
	c->categories.slots = category_slots;
	c->products.capacity = c->categories.capacity = LINES;
	c->products.nslots = c->categories.nslots = 128;
	c->spent = spent;
}

static RfmsegBytes
random_key(Prng *prng)
{
	RfmsegBytes key = {NULL, 0};

	if (prng_below(prng, 4) > 0)
	{
		key.bytes = letters[prng_below(prng, KEYS)];
		key.length = 1;
	}
	return key;
}

static RfmsegRecord
random_line(Prng *prng)
{
	RfmsegRecord r;

	memset(&r, 0, sizeof(r));
	r.keys[RFMSEG_CUSTOMER] = (RfmsegBytes){"me", 2};
	r.keys[RFMSEG_ORDER] = random_key(prng);
	r.keys[RFMSEG_PRODUCT] = random_key(prng);
	r.keys[RFMSEG_CATEGORY] = random_key(prng);
	r.at = prng_below(prng, 100);
	r.is_return = prng_below(prng, 5) == 0;
	r.amount = rfmseg_decimal_make(prng_below(prng, 50) * (r.is_return ? -1 : 1), 2, 2);
	r.has_quantity = prng_below(prng, 2) == 0;
	if (r.has_quantity)
		r.quantity = rfmseg_decimal_make(prng_below(prng, 5), 0, 0);
	r.has_discount = prng_below(prng, 2) == 0;
	if (r.has_discount)
		r.discount = rfmseg_decimal_make(prng_below(prng, 3), 1, 1);
	return r;
}

/* The fates, in words of their own. */
static RfmsegFate
fate_by_rules(const RfmsegRecord *r, const RfmsegTerms *t)
{
	bool nothing = r->amount.high == 0 && r->amount.low == 0;

	if (r->at > t->until)
		return RFMSEG_LATER;
	if (r->is_return && (t->drops_returns || nothing))
		return RFMSEG_DROPPED;
	if (t->has_lookback && !(r->at > t->since))
		return RFMSEG_OLDER;
	return RFMSEG_COUNTED;
}

static int
distinct(const RfmsegRecord *lines, const RfmsegFate *fates, int n, RfmsegKey which)
{
	int seen = 0;
	int k;
	int i;

	for (k = 0; k < KEYS; k++)
		for (i = 0; i < n; i++)
			if (fates[i] == RFMSEG_COUNTED && !lines[i].is_return &&
				lines[i].keys[which].bytes == letters[k])
			{
				seen++;
				break;
			}
	return seen;
}

/* Money in a category, in cents; -1 where nothing was bought in it. */
static int64_t
spent_in(const RfmsegRecord *lines, const RfmsegFate *fates, int n, int k)
{
	int64_t sum = -1;
	int i;

	for (i = 0; i < n; i++)
		if (fates[i] == RFMSEG_COUNTED && !lines[i].is_return &&
			lines[i].keys[RFMSEG_CATEGORY].bytes == letters[k])
			sum = (sum < 0 ? 0 : sum) + (int64_t) lines[i].amount.low;
	return sum;
}

static bool
taste_is_right(const RfmsegCustomer *c, const RfmsegRecord *lines, const RfmsegFate *fates, int n)
{
	int top = -1;
	uint32_t i;
	int k;

	for (k = 0; k < KEYS; k++)
		if (spent_in(lines, fates, n, k) >= 0 &&
			(top < 0 || spent_in(lines, fates, n, k) > spent_in(lines, fates, n, top)))
			top = k;
	for (i = 0; i < c->categories.n; i++)
		if ((int64_t) c->spent[i].low !=
			spent_in(lines, fates, n, c->categories.names[i].bytes[0] - 'a'))
			return false;
	return c->categories.n == 0 ||
		c->categories.names[rfmseg_customer_top_category(c)].bytes[0] == letters[top][0];
}

static bool
is_right(const RfmsegCustomer *c, const RfmsegRecord *lines, const RfmsegFate *fates, int n)
{
	int64_t items = 0;
	int64_t item_lines = 0;
	int64_t discounts = 0;
	int64_t discount_lines = 0;
	int64_t recent = 0;
	int i;

	for (i = 0; i < n; i++)
	{
		bool sale = fates[i] == RFMSEG_COUNTED && !lines[i].is_return;

		recent += fates[i] == RFMSEG_COUNTED;
		item_lines += sale && lines[i].has_quantity;
		items += sale && lines[i].has_quantity ? (int64_t) lines[i].quantity.low : 0;
		discount_lines += sale && lines[i].has_discount;
		discounts += sale && lines[i].has_discount ? (int64_t) lines[i].discount.low : 0;
	}
	return c->recent_lines == recent && c->item_lines == item_lines &&
		(int64_t) c->items.low == items && c->discount_lines == discount_lines &&
		(int64_t) c->discounts.low == discounts &&
		c->products.n == (uint32_t) distinct(lines, fates, n, RFMSEG_PRODUCT) &&
		c->categories.n == (uint32_t) distinct(lines, fates, n, RFMSEG_CATEGORY) &&
		taste_is_right(c, lines, fates, n);
}

static void
test_random(void)
{
	Prng prng = {3};
	RfmsegCustomer c;
	int good_fates = 0;
	int good = 0;
	int all = 0;
	int round;

	give_room(&c);
	for (round = 0; round < 3000; round++)
	{
		RfmsegTerms terms = {prng_below(&prng, 110), prng_below(&prng, 60),
							 prng_below(&prng, 2) == 0, prng_below(&prng, 3) == 0, false};
		RfmsegRecord lines[LINES];
		RfmsegFate fates[LINES];
		int n = prng_below(&prng, LINES + 1);
		int i;

		rfmseg_customer_reset(&c);
		for (i = 0; i < n; i++)
		{
			lines[i] = random_line(&prng);
			fates[i] = rfmseg_fate_of(&lines[i], &terms);
			good_fates += fates[i] == fate_by_rules(&lines[i], &terms);
			all++;
			if (fates[i] != RFMSEG_COUNTED && fates[i] != RFMSEG_OLDER)
				continue;
			if (!rfmseg_customer_has_room(&c, lines[i].keys[RFMSEG_ORDER].length) ||
				!rfmseg_customer_add(&c, &lines[i], fates[i], terms.has_lookback,
									 (int32_t) lines[i].at))
				abort();
		}
		good += is_right(&c, lines, fates, n);
	}
	ok(good_fates == all, "every line has the fate that the rules give it (%d lines)", all);
	ok(good == 3000, "what is said of random customers is what their lines say");
}

static void
test_shares(void)
{
	RfmsegCustomer c;
	RfmsegDecimal total;
	RfmsegRecord r;

	give_room(&c);
	ok(!rfmseg_customer_spent(&c, &total), "nothing was spent where there is no category");
	memset(&r, 0, sizeof(r));
	r.keys[RFMSEG_CATEGORY] = (RfmsegBytes){"x", 1};
	if (!rfmseg_customer_add(&c, &r, RFMSEG_COUNTED, false, 0))
		abort();
	ok(!rfmseg_customer_spent(&c, &total), "nor where all of it was free");
	r.amount = rfmseg_decimal_make(1, 2, 2);
	if (!rfmseg_customer_add(&c, &r, RFMSEG_COUNTED, false, 0))
		abort();
	ok(rfmseg_customer_spent(&c, &total) && total.low == 1, "a cent is something");
}

static void
test_tally(void)
{
	RfmsegTally a = {0};
	RfmsegTally b = {0};
	RfmsegDecimal most = rfmseg_decimal_make(RFMSEG_DECIMAL_LARGEST, 0, 0);
	RfmsegDecimal one = rfmseg_decimal_make(1, 0, 0);

	ok(rfmseg_tally_add(&a, RFMSEG_GUEST, &one) && rfmseg_tally_add(&b, RFMSEG_GUEST, &most) &&
		   a.lines[RFMSEG_GUEST] == 1 && a.lines[RFMSEG_COUNTED] == 0,
	   "a tally counts each fate by itself");
	ok(!rfmseg_tally_merge(&a, &b), "and says when money does not fit");
}

static void
test_numbers(void)
{
	static const uint64_t sorted[] = {1, 2, 4, 7, 100};
	RfmsegSummary s = {0};

	ok(rfmseg_twice_median(sorted, 5) == 8 && rfmseg_twice_median(sorted, 4) == 6 &&
		   rfmseg_twice_median(sorted, 1) == 2 && rfmseg_twice_median(sorted, 2) == 3,
	   "medians of odd and even numbers of gaps");
	s.frequency = 3;
	ok(rfmseg_monthly_frequency(&s) == -1, "no frequency a month within a single day");
	s.last_day = 35;
	s.frequency = 8;
	ok(rfmseg_monthly_frequency(&s) == 60875, "7 purchases in 35 days are 6.0875 a month");
	s.last_day = 3;
	s.frequency = 2;
	ok(rfmseg_monthly_frequency(&s) == 101458, "rounded half away from zero");
}

/* A ledger's lines with all else that is known of them; amounts in ten-thousandths. */
typedef struct Lines
{
	Ledger ledger;
	RfmsegRecord records[LEDGER_MAX];
	int64_t quantities[LEDGER_MAX];
	int64_t discounts[LEDGER_MAX];
	RfmsegTerms terms;
	Ledger ever; /* those that count, and those that do within the lookback */
	Ledger recent;
	int sales[LEDGER_MAX]; /* of the latter, those that are no returns */
	int nsales;
} Lines;

/* How often random lines had what is hard about them. */
static int older = 0;
static int many_products = 0;
static int tied = 0;
static int many_categories = 0;

/* Text number n of ledger.h, in memory of just its length; or none. */
static RfmsegBytes
text_key(int n)
{
	static char *known[LEDGER_KEYS];
	RfmsegBytes key = {NULL, 0};
	char text[8];

	if (n < 0)
		return key;
	key.length = ledger_key(n, text);
	if (known[n] == NULL)
	{
		known[n] = workspace_resize(NULL, key.length > 0 ? key.length : 1);
		memcpy(known[n], text, key.length);
	}
	key.bytes = known[n];
	return key;
}

static void
random_details(Prng *prng, Lines *l, int i, int variety)
{
	const LedgerLine *line = &l->ledger.lines[i];
	RfmsegRecord *r = &l->records[i];

	memset(r, 0, sizeof(*r));
	r->keys[RFMSEG_CUSTOMER] = text_key(3);
	r->keys[RFMSEG_ORDER].bytes = line->line.key;
	r->keys[RFMSEG_ORDER].length = line->line.key_length;
	r->keys[RFMSEG_PRODUCT] = text_key(prng_below(prng, variety + 1) - 1);
	r->keys[RFMSEG_CATEGORY] = text_key(prng_below(prng, variety / 3 + 2) - 1);
	r->at = line->line.at;
	r->amount = line->line.amount;
	r->is_return = line->worth < 0 || (line->worth == 0 && prng_below(prng, 5) == 0);
	r->has_quantity = prng_below(prng, 3) > 0;
	l->quantities[i] = prng_below(prng, 4) * INT64_C(10000) + 5000 * prng_below(prng, 2);
	r->quantity = ledger_decimal(prng, r->has_quantity ? l->quantities[i] : 0);
	r->has_discount = line->line.knows_discount;
	l->discounts[i] = line->line.has_discount ? 1 + prng_below(prng, 30000) : 0;
	r->discount = ledger_decimal(prng, r->has_discount ? l->discounts[i] : 0);
}

/* The lines that count, read one by one. */
static void
sort_out(Lines *l)
{
	int i;

	l->ever.n = l->recent.n = l->nsales = 0;
	for (i = 0; i < l->ledger.n; i++)
	{
		const LedgerLine *line = &l->ledger.lines[i];

		if (line->line.at > l->terms.until)
			continue;
		if (l->records[i].is_return && (line->worth == 0 || l->terms.drops_returns))
			continue;
		l->ever.lines[l->ever.n++] = *line;
		if (l->terms.has_lookback && line->line.at <= l->terms.since)
			continue;
		l->recent.lines[l->recent.n++] = *line;
		if (!l->records[i].is_return)
			l->sales[l->nsales++] = i;
	}
}

static void
random_lines(Prng *prng, Lines *l)
{
	int variety = 1 + prng_below(prng, LEDGER_KEYS - 1);
	int i;

	ledger_random(prng, 0, &l->ledger);
	for (i = 0; i < l->ledger.n; i++)
		random_details(prng, l, i, variety);
	l->terms.has_lookback = prng_below(prng, 3) > 0;
	l->terms.drops_returns = prng_below(prng, 3) == 0;
	l->terms.until = l->terms.since = INT64_MAX;
	if (l->ledger.n > 0 && prng_below(prng, 2) == 0)
		l->terms.until = l->records[prng_below(prng, l->ledger.n)].at;
	if (l->ledger.n > 0)
		l->terms.since = l->records[prng_below(prng, l->ledger.n)].at;
	sort_out(l);
}

static void
make_customer_room(RfmsegCustomer *c, bool tight, uint32_t order_length)
{
	uint32_t capacity = c->categories.capacity;

	if (rfmseg_customer_has_room(c, order_length))
		return;
	workspace_make_room(&c->ever, tight, order_length);
	workspace_make_room(&c->recent, tight, order_length);
	workspace_make_name_room(&c->products, tight);
	workspace_make_name_room(&c->categories, tight);
	if (c->categories.capacity != capacity)
		c->spent = workspace_resize(c->spent, c->categories.capacity * sizeof(RfmsegDecimal));
	if (!rfmseg_customer_has_room(c, order_length))
		abort();
}

/* The order's key is gone afterwards; names stay where they are. */
static bool
add_record(RfmsegCustomer *c, const RfmsegRecord *record, RfmsegFate fate, bool has_lookback,
		   int32_t day, bool tight)
{
	RfmsegRecord row = *record;
	RfmsegBytes *order = &row.keys[RFMSEG_ORDER];
	char *key = NULL;
	bool fits;

	if (order->bytes != NULL)
	{
		key = workspace_resize(NULL, order->length > 0 ? order->length : 1);
		memcpy(key, order->bytes, order->length);
		order->bytes = key;
	}
	make_customer_room(c, tight, order->length);
	fits = rfmseg_customer_add(c, &row, fate, has_lookback, day);
	free(key);
	return fits;
}

static bool
add_lines(RfmsegCustomer *c, const Lines *l, const int *order, bool tight)
{
	int i;

	for (i = 0; i < l->ledger.n; i++)
	{
		const RfmsegRecord *record = &l->records[order[i]];
		RfmsegFate fate = rfmseg_fate_of(record, &l->terms);

		if ((fate == RFMSEG_COUNTED || fate == RFMSEG_OLDER) &&
			!add_record(c, record, fate, l->terms.has_lookback, l->ledger.lines[order[i]].line.day,
						tight))
			return false;
	}
	return true;
}

static void
free_customer(RfmsegCustomer *c)
{
	workspace_free_history(&c->ever);
	workspace_free_history(&c->recent);
	workspace_free_names(&c->products);
	workspace_free_names(&c->categories);
	free(c->spent);
	memset(c, 0, sizeof(*c));
}

static bool
history_is_right(const RfmsegHistory *h, const Ledger *l)
{
	LedgerKinds kinds = {0};
	LedgerFacts facts = ledger_facts(l, &kinds);
	RfmsegSummary s;
	int64_t gaps[LEDGER_MAX];
	int ngaps = 0;

	return workspace_fold(h, &s, gaps, &ngaps) && ledger_matches(&s, &facts) &&
		ledger_has_gaps(&facts, gaps, ngaps);
}

static bool
is_key(const RfmsegBytes *key, const RfmsegName *name)
{
	return key->bytes != NULL && key->length == name->length &&
		memcmp(key->bytes, name->bytes, key->length) == 0;
}

/* Whether the names are those of the sales, each once. */
static bool
names_are_right(const RfmsegNames *set, const Lines *l, RfmsegKey which)
{
	uint32_t i;
	int k;

	for (k = 0; k < l->nsales; k++)
	{
		const RfmsegBytes *key = &l->records[l->sales[k]].keys[which];
		int found = 0;

		for (i = 0; i < set->n; i++)
			found += is_key(key, &set->names[i]);
		if (found != (key->bytes != NULL))
			return false;
	}
	for (i = 0; i < set->n; i++)
	{
		int found = 0;

		for (k = 0; k < l->nsales; k++)
			found += is_key(&l->records[l->sales[k]].keys[which], &set->names[i]);
		if (found == 0)
			return false;
	}
	return true;
}

static int64_t
worth_in(const Lines *l, const RfmsegName *category)
{
	int64_t worth = 0;
	int k;

	for (k = 0; k < l->nsales; k++)
		if (is_key(&l->records[l->sales[k]].keys[RFMSEG_CATEGORY], category))
			worth += l->ledger.lines[l->sales[k]].worth;
	return worth;
}

/* No category has more money than the top one, and none of as much comes before it. */
static bool
top_is_right(const RfmsegCustomer *c, const Lines *l)
{
	const RfmsegName *top = &c->categories.names[rfmseg_customer_top_category(c)];
	int64_t most = worth_in(l, top);
	uint32_t i;

	for (i = 0; i < c->categories.n; i++)
	{
		const RfmsegName *other = &c->categories.names[i];
		int64_t worth = worth_in(l, other);
		uint32_t common = other->length < top->length ? other->length : top->length;
		int order = memcmp(other->bytes, top->bytes, common);

		if (worth > most)
			return false;
		if (worth < most || other == top)
			continue;
		tied++;
		if (order < 0 || (order == 0 && other->length < top->length))
			return false;
	}
	return true;
}

static bool
categories_are_right(const RfmsegCustomer *c, const Lines *l)
{
	int64_t sum = 0;
	RfmsegDecimal total;
	bool is_something;
	uint32_t i;

	for (i = 0; i < c->categories.n; i++)
	{
		int64_t worth = worth_in(l, &c->categories.names[i]);

		sum += worth;
		if (ledger_worth_of(&c->spent[i]) != worth)
			return false;
	}
	is_something = rfmseg_customer_spent(c, &total);
	return is_something == (sum > 0) && ledger_worth_of(&total) == sum &&
		(c->categories.n == 0 || top_is_right(c, l));
}

static bool
sums_are_right(const RfmsegCustomer *c, const Lines *l)
{
	int64_t items = 0;
	int64_t item_lines = 0;
	int64_t discounts = 0;
	int64_t discount_lines = 0;
	int k;

	for (k = 0; k < l->nsales; k++)
	{
		int i = l->sales[k];

		if (l->records[i].has_quantity)
		{
			item_lines++;
			items += l->quantities[i];
		}
		if (l->records[i].has_discount)
		{
			discount_lines++;
			discounts += l->discounts[i];
		}
	}
	return c->item_lines == item_lines && ledger_worth_of(&c->items) == items &&
		c->discount_lines == discount_lines && ledger_worth_of(&c->discounts) == discounts &&
		c->recent_lines == l->recent.n;
}

static bool
customer_is_right(const RfmsegCustomer *c, const Lines *l)
{
	static const Ledger none = {.n = 0};

	older += l->ever.n > l->recent.n;
	many_products += c->products.n > RFMSEG_UNHASHED;
	many_categories += c->categories.n > RFMSEG_UNHASHED;
	return history_is_right(&c->ever, &l->ever) &&
		history_is_right(&c->recent, l->terms.has_lookback ? &l->recent : &none) &&
		names_are_right(&c->products, l, RFMSEG_PRODUCT) &&
		names_are_right(&c->categories, l, RFMSEG_CATEGORY) && categories_are_right(c, l) &&
		sums_are_right(c, l);
}

/* As they come and shuffled, one customer after another in the same memory. */
static bool
any_lines_are_read_right(Prng *prng)
{
	static Lines l;
	RfmsegCustomer c = {.item_lines = 0};
	bool tight = prng_below(prng, 2) == 0;
	bool good = true;
	int order[LEDGER_MAX];
	int round;
	int i;

	for (round = 0; round < 3 && good; round++)
	{
		random_lines(prng, &l);
		for (i = 0; i < l.ledger.n; i++)
			order[i] = i;
		good = add_lines(&c, &l, order, tight) && customer_is_right(&c, &l);
		rfmseg_customer_reset(&c);
		prng_shuffle(prng, order, l.ledger.n, sizeof(order[0]));
		good = good && add_lines(&c, &l, order, tight) && customer_is_right(&c, &l);
		rfmseg_customer_reset(&c);
		good = good && c.ever.n == 0 && c.recent.n == 0 && c.products.n == 0 &&
			c.categories.n == 0 && c.recent_lines == 0;
	}
	free_customer(&c);
	return good;
}

static void
test_random_lines(void)
{
	ok(always(any_lines_are_read_right, 3000),
	   "purchases, products, categories, pieces and discounts are those of the lines");
	ok(older > 1000 && many_products > 1000 && tied > 200 && many_categories > 1000,
	   "random lines were older ones, too, had many names, and tied categories");
}

typedef struct FateCase
{
	const char *fact;
	int64_t at; /* the terms are until 20 and, if there is a lookback, since 10 */
	bool is_return;
	const char *amount;
	bool is_guest;
	bool has_lookback;
	bool drops_returns;
	RfmsegFate fate;
} FateCase;

static const FateCase fates[] = {
	{"the last instant counts", 20, false, "5", false, true, false, RFMSEG_COUNTED},
	{"a later line waits", 21, false, "5", false, true, false, RFMSEG_LATER},
	{"so does a guest's", 21, false, "5", true, true, false, RFMSEG_LATER},
	{"so does a return that will be dropped", 21, true, "-5", false, true, true, RFMSEG_LATER},
	{"the lookback begins after its instant", 10, false, "5", false, true, false, RFMSEG_OLDER},
	{"right after", 11, false, "5", false, true, false, RFMSEG_COUNTED},
	{"without one nothing is older", 10, false, "5", false, false, false, RFMSEG_COUNTED},
	{"not even the oldest", INT64_MIN, false, "5", true, false, false, RFMSEG_GUEST},
	{"a guest's line may be older", 10, false, "5", true, true, false, RFMSEG_OLDER},
	{"or count", 11, false, "5", true, true, false, RFMSEG_GUEST},
	{"returns count", 15, true, "-5", false, true, false, RFMSEG_COUNTED},
	{"a guest's, too", 15, true, "-5", true, true, false, RFMSEG_GUEST},
	{"or are older", 5, true, "-5", false, true, false, RFMSEG_OLDER},
	{"or are dropped", 15, true, "-5", false, true, true, RFMSEG_DROPPED},
	{"older ones, too", 5, true, "-5", true, true, true, RFMSEG_DROPPED},
	{"a return of nothing is dropped", 15, true, "0.00", false, true, false, RFMSEG_DROPPED},
	{"a gift is not", 15, false, "0.00", false, true, true, RFMSEG_COUNTED},
};

static void
test_fates(void)
{
	size_t i;

	for (i = 0; i < sizeof(fates) / sizeof(fates[0]); i++)
	{
		const FateCase *f = &fates[i];
		RfmsegTerms terms = {20, 10, f->has_lookback, f->drops_returns, false};
		RfmsegRecord r;

		memset(&r, 0, sizeof(r));
		r.keys[RFMSEG_CUSTOMER] = text_key(f->is_guest ? -1 : 0);
		r.at = f->at;
		r.is_return = f->is_return;
		r.amount = decimal_of_text(f->amount);
		ok(rfmseg_fate_of(&r, &terms) == f->fate, "fates: %s", f->fact);
	}
}

static void
test_room(void)
{
	RfmsegCustomer c;

	memset(&c, 0, sizeof(c));
	make_customer_room(&c, true, 3);
	ok(rfmseg_customer_has_room(&c, 3) && !rfmseg_customer_has_room(&c, 4),
	   "a customer has room for an order's key of that length");
	c.ever.n++;
	ok(!rfmseg_customer_has_room(&c, 0), "but not where purchases are full,");
	c.ever.n--;
	c.recent.n++;
	ok(!rfmseg_customer_has_room(&c, 0), "recent ones,");
	c.recent.n--;
	c.products.n++;
	ok(!rfmseg_customer_has_room(&c, 0), "products,");
	c.products.n--;
	c.categories.n++;
	ok(!rfmseg_customer_has_room(&c, 0), "or categories");
	c.categories.n--;
	ok(rfmseg_customer_has_room(&c, 0), "though each may be filled");
	free_customer(&c);
}

#define PARTS 4

/* Lines dealt to some tallies that are merged, against sums of each fate. */
static bool
tallies_add_up(Prng *prng)
{
	RfmsegTally parts[PARTS];
	int64_t lines[RFMSEG_FATES] = {0};
	int64_t worths[RFMSEG_FATES] = {0};
	bool fits = true;
	int i;

	memset(parts, 0, sizeof(parts));
	for (i = prng_below(prng, 60); i > 0; i--)
	{
		int fate = prng_below(prng, RFMSEG_FATES);
		int64_t worth = prng_below(prng, 20000000) - 10000000;
		RfmsegDecimal amount = ledger_decimal(prng, worth);

		lines[fate]++;
		worths[fate] += worth;
		fits =
			fits && rfmseg_tally_add(&parts[prng_below(prng, PARTS)], (RfmsegFate) fate, &amount);
	}
	for (i = PARTS - 1; i > 0; i--)
		fits = fits && rfmseg_tally_merge(&parts[prng_below(prng, i)], &parts[i]);
	for (i = 0; i < RFMSEG_FATES; i++)
		fits = fits && parts[0].lines[i] == lines[i] &&
			ledger_worth_of(&parts[0].amount[i]) == worths[i];
	return fits;
}

#define HALF "50000000000000000000000000000000000000"

/* A line with that order, category, amount, and where they are not NULL quantity and discount. */
static bool
adds(RfmsegCustomer *c, int order, int category, const char *amount, const char *quantity,
	 const char *discount, RfmsegFate fate)
{
	RfmsegRecord r;

	memset(&r, 0, sizeof(r));
	r.keys[RFMSEG_CUSTOMER] = text_key(1);
	r.keys[RFMSEG_ORDER] = text_key(order);
	r.keys[RFMSEG_CATEGORY] = text_key(category);
	r.amount = decimal_of_text(amount);
	r.is_return = amount[0] == '-';
	r.has_quantity = quantity != NULL;
	r.has_discount = discount != NULL;
	r.quantity = decimal_of_text(quantity != NULL ? quantity : "0");
	r.discount = decimal_of_text(discount != NULL ? discount : "0");
	return add_record(c, &r, fate, true, 1, true);
}

static void
test_overflow(void)
{
	RfmsegCustomer c;
	RfmsegDecimal total;

	memset(&c, 0, sizeof(c));
	ok(adds(&c, 1, -1, HALF, NULL, NULL, RFMSEG_OLDER) &&
		   !adds(&c, 1, -1, HALF, NULL, NULL, RFMSEG_OLDER),
	   "the total of an order overflows, before the lookback");
	rfmseg_customer_reset(&c);
	ok(adds(&c, 1, -1, "-" HALF, NULL, NULL, RFMSEG_OLDER) &&
		   adds(&c, 1, -1, HALF, NULL, NULL, RFMSEG_COUNTED) &&
		   !adds(&c, 1, -1, HALF, NULL, NULL, RFMSEG_COUNTED),
	   "within the lookback alone");
	rfmseg_customer_reset(&c);
	ok(adds(&c, 1, 1, HALF, NULL, NULL, RFMSEG_COUNTED) &&
		   !adds(&c, 2, 1, HALF, NULL, NULL, RFMSEG_COUNTED),
	   "what was spent in a category overflows");
	rfmseg_customer_reset(&c);
	ok(adds(&c, 1, 1, HALF, NULL, NULL, RFMSEG_COUNTED) &&
		   adds(&c, 2, 2, HALF, NULL, NULL, RFMSEG_COUNTED) && !rfmseg_customer_spent(&c, &total),
	   "and in all of them");
	rfmseg_customer_reset(&c);
	ok(adds(&c, 1, -1, "1", HALF, NULL, RFMSEG_COUNTED) &&
		   !adds(&c, 1, -1, "1", HALF, NULL, RFMSEG_COUNTED),
	   "pieces overflow");
	rfmseg_customer_reset(&c);
	ok(adds(&c, 1, -1, "1", NULL, HALF, RFMSEG_COUNTED) &&
		   !adds(&c, 1, -1, "1", NULL, HALF, RFMSEG_COUNTED),
	   "so do discounts");
	rfmseg_customer_reset(&c);
	ok(adds(&c, 1, 1, "-1", HALF, HALF, RFMSEG_COUNTED) &&
		   adds(&c, 1, 1, "-1", HALF, HALF, RFMSEG_COUNTED) &&
		   adds(&c, 1, 1, "1", HALF, HALF, RFMSEG_OLDER) && c.item_lines == 0 &&
		   c.discount_lines == 0 && c.categories.n == 0,
	   "those of returns and of older lines do not, as they do not count");
	free_customer(&c);
}

/* Where more than one has the most: bytes are numbers from 0 to 255. */
static void
test_top_category(void)
{
	static const char *const texts[] = {"b\x80", "b\x7F", "b", "a"};
	static const char *const amounts[] = {"1.0", "1.000", "1", "0.99"};
	RfmsegCustomer c;
	bool good = true;
	int first;
	int i;

	memset(&c, 0, sizeof(c));
	for (first = 0; first < 4; first++)
	{
		for (i = 0; i < 4; i++)
		{
			int k = (first + i) % 4;
			RfmsegRecord r;

			memset(&r, 0, sizeof(r));
			r.keys[RFMSEG_CATEGORY].bytes = texts[k];
			r.keys[RFMSEG_CATEGORY].length = (uint32_t) strlen(texts[k]);
			r.amount = decimal_of_text(amounts[k]);
			good = good && add_record(&c, &r, RFMSEG_COUNTED, false, 1, true);
			if (first == 0 && i < 3)
				good =
					good && c.categories.names[rfmseg_customer_top_category(&c)].bytes == texts[k];
		}
		good = good && c.categories.names[rfmseg_customer_top_category(&c)].bytes == texts[2];
		rfmseg_customer_reset(&c);
	}
	ok(good, "of categories with as much money the first in byte order is on top");
	free_customer(&c);
}

/* r ten-thousandths, of 10,000 * 365.25 / 12 (f - 1) / days: half of one is the next. */
static bool
monthly_frequency_is_nearest(Prng *prng)
{
	RfmsegSummary s = {0};
	int64_t days;
	int64_t n;
	int64_t d;
	int64_t r;

	s.frequency = 1 + prng_below(prng, prng_below(prng, 2) == 0 ? 50 : 1000000);
	s.first_day = prng_below(prng, 20000) - 10000;
	s.last_day = s.first_day + 1 + prng_below(prng, prng_below(prng, 2) == 0 ? 500 : 100000);
	if (prng_below(prng, 10) == 0)
	{
		s.first_day = INT32_MIN;
		s.last_day = INT32_MAX;
	}
	days = (int64_t) s.last_day - s.first_day;
	n = (s.frequency - 1) * 14610000; /* 4 * 365.25 * 10,000 */
	d = 48 * days;					  /* 4 * 12 */
	r = rfmseg_monthly_frequency(&s);
	return 2 * n >= (2 * r - 1) * d && 2 * n < (2 * r + 1) * d;
}

/* The least and the greatest cancel each other until one or two are left. */
static bool
median_is_in_the_middle(Prng *prng)
{
	int n = 1 + prng_below(prng, 30);
	uint64_t *sorted = workspace_resize(NULL, (size_t) n * sizeof(uint64_t));
	uint64_t sum = 0;
	int low = 0;
	int high = n - 1;
	bool good;
	int i;

	for (i = 0; i < n; i++)
		sorted[i] = sum += (uint64_t) prng_below(prng, 3) * (uint64_t) prng_below(prng, 100);
	while (high - low > 1)
	{
		low++;
		high--;
	}
	good = (uint64_t) rfmseg_twice_median(sorted, (uint64_t) n) == sorted[low] + sorted[high];
	free(sorted);
	return good;
}

int
main(void)
{
	test_random();
	test_shares();
	test_tally();
	test_numbers();
	test_fates();
	test_room();
	test_random_lines();
	test_top_category();
	test_overflow();
	ok(always(tallies_add_up, 5000), "tallies merged in any way add up");
	ok(always(monthly_frequency_is_nearest, 50000), "a monthly frequency is the nearest");
	ok(always(median_is_in_the_middle, 5000), "a median is in the middle");
	return done();
}
