/*
 * Lines with the same id: of each id the latest line is the one, whatever the
 * order in which they come; and rules are counted bit by bit.
 */
#include "repeats.h"

#include <string.h>

#include "customer.h"
#include "prng.h"
#include "tap.h"

#define LINES 60
#define ROOM 400

static char rooms[LINES][ROOM];
static char *packed[LINES];
static RfmsegRecord records[LINES];

static RfmsegName names[LINES];
static char *latest[LINES];
static uint32_t slots[4 * LINES];

static RfmsegRepeats
new_repeats(void)
{
	RfmsegRepeats repeats;

	memset(&repeats, 0, sizeof(repeats));
	memset(slots, 0, sizeof(slots));
	repeats.ids.names = names;
	repeats.ids.capacity = LINES;
	repeats.ids.slots = slots;
	repeats.ids.nslots = 4 * LINES;
	while (repeats.ids.nslots & (repeats.ids.nslots - 1))
		repeats.ids.nslots &= repeats.ids.nslots - 1;
	repeats.latest = latest;
	return repeats;
}

static RfmsegRecord
random_line(Prng *prng)
{
	static const char *const ids[] = {"",	"1",	"2",
									  "22", "\0\0", "a long one, of more than the others"};
	RfmsegRecord r;
	int which = prng_below(prng, 8);

	memset(&r, 0, sizeof(r));
	r.keys[RFMSEG_CUSTOMER] = (RfmsegBytes){"me", 2};
	if (which < 6)
		r.keys[RFMSEG_LINE] =
			(RfmsegBytes){ids[which], which == 4 ? 2U : (uint32_t) strlen(ids[which])};
	r.keys[RFMSEG_ORDER] = (RfmsegBytes){"o1", (uint32_t) prng_below(prng, 3)};
	r.at = prng_below(prng, 3) * 1000000 + prng_below(prng, 2);
	r.amount = rfmseg_decimal_make(prng_below(prng, 3) - 1, 0, 0);
	rfmseg_record_hash(&r);
	return r;
}

static bool
same_id(const RfmsegRecord *a, const RfmsegRecord *b, bool with_time)
{
	const RfmsegBytes *x = &a->keys[RFMSEG_LINE];
	const RfmsegBytes *y = &b->keys[RFMSEG_LINE];

	return x->bytes != NULL && y->bytes != NULL && x->length == y->length &&
		memcmp(x->bytes, y->bytes, x->length) == 0 && (!with_time || a->at == b->at);
}

/* Of lines with one id all but one are noted, and none that is later than that one. */
static bool
notes_all_but_the_latest(Prng *prng, bool with_time)
{
	int n = 1 + prng_below(prng, LINES);
	RfmsegRepeats repeats = new_repeats();
	RfmsegRecord back[LINES];
	int i;
	int j;

	for (i = 0; i < n; i++)
	{
		size_t size;

		records[i] = random_line(prng);
		packed[i] = rfmseg_record_pack(&records[i], rooms[i], &size);
	}
	for (i = 0; i < n; i++)
		rfmseg_repeats_add(&repeats, packed[i], with_time);
	for (i = 0; i < n; i++)
		rfmseg_record_unpack(packed[i], &back[i]);
	for (i = 0; i < n; i++)
	{
		int kept = 0;

		if (back[i].keys[RFMSEG_LINE].bytes == NULL && back[i].is_repeated)
			return false;
		for (j = 0; j < n; j++)
			if (same_id(&records[i], &records[j], with_time))
			{
				kept += !back[j].is_repeated;
				if (!back[i].is_repeated &&
					(back[j].at > back[i].at ||
					 (back[j].at == back[i].at &&
					  rfmseg_decimal_compare(&back[j].amount, &back[i].amount) > 0)))
					return false;
			}
		if (records[i].keys[RFMSEG_LINE].bytes != NULL && kept != 1)
			return false;
		/* and nothing else of the line has changed */
		if (back[i].at != records[i].at || back[i].hash != records[i].hash ||
			rfmseg_decimal_compare(&back[i].amount, &records[i].amount) != 0 ||
			back[i].keys[RFMSEG_ORDER].length != records[i].keys[RFMSEG_ORDER].length)
			return false;
	}
	return true;
}

/* Lines that differ in anything have an order, which is the other way round for them exchanged. */
static bool
has_an_order(Prng *prng)
{
	int i;

	for (i = 0; i < 2; i++)
	{
		size_t size;

		records[i] = random_line(prng);
		packed[i] = rfmseg_record_pack(&records[i], rooms[i], &size);
	}
	i = rfmseg_packed_compare(packed[0], packed[1]);
	if (i == 0)
		return rfmseg_packed_size(packed[0]) == rfmseg_packed_size(packed[1]) &&
			memcmp(packed[0], packed[1], rfmseg_packed_size(packed[0])) == 0;
	return (i > 0) == (rfmseg_packed_compare(packed[1], packed[0]) < 0);
}

static void
test_fate(void)
{
	RfmsegTerms terms = {100, 0, false, false, false};
	RfmsegRecord line;

	memset(&line, 0, sizeof(line));
	line.keys[RFMSEG_CUSTOMER] = (RfmsegBytes){"me", 2};
	line.is_repeated = true;
	ok(rfmseg_fate_of(&line, &terms) == RFMSEG_COUNTED, "a repeated line counts");
	terms.drops_repeated = true;
	ok(rfmseg_fate_of(&line, &terms) == RFMSEG_EXCLUDED, "unless it is to be dropped,");
	line.at = 200;
	ok(rfmseg_fate_of(&line, &terms) == RFMSEG_EXCLUDED, "a later one too");
	line.is_repeated = false;
	ok(rfmseg_fate_of(&line, &terms) == RFMSEG_LATER, "and only those");
}

static void
test_rules(void)
{
	static RfmsegRuleTally one;
	static RfmsegRuleTally two;
	RfmsegDecimal money = rfmseg_decimal_make(250, 2, 2);
	RfmsegDecimal most = rfmseg_decimal_make(RFMSEG_DECIMAL_LARGEST, 0, 0);
	int64_t others = 0;
	int i;

	ok(rfmseg_rules_add(&one, 1 | UINT64_C(1) << 61 | RFMSEG_LEAVE_OUT, &money) &&
		   rfmseg_rules_add(&one, 1, &money) && rfmseg_rules_add(&two, 3, &money) &&
		   rfmseg_rules_merge(&one, &two),
	   "broken rules are counted and merged");
	for (i = 2; i < 61; i++)
		others += one.lines[i];
	ok(one.lines[0] == 3 && one.lines[1] == 1 && one.lines[61] == 1 && others == 0,
	   "each bit by itself");
	ok(one.amount[0].low == 750 && one.amount[1].low == 250 && one.amount[61].low == 250,
	   "with the money of their lines");
	ok(rfmseg_rules_add(&two, 4, &most) && !rfmseg_rules_add(&two, 4, &most),
	   "money that does not fit is told");
	ok(!rfmseg_rules_merge(&two, &two), "in merging too");
}

int
main(void)
{
	Prng prng = {42};
	int apart = 0;
	int together = 0;
	int ordered = 0;
	int i;

	for (i = 0; i < 5000; i++)
	{
		apart += notes_all_but_the_latest(&prng, false);
		together += notes_all_but_the_latest(&prng, true);
		ordered += has_an_order(&prng);
	}
	ok(apart == 5000, "of each id the latest line is the one");
	ok(together == 5000, "or of each id at each time");
	ok(ordered == 5000, "lines have an order");
	test_fate();
	test_rules();
	return done();
}
