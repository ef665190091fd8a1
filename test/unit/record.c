/*
 * Packed records: what is packed is unpacked, at every limit of the encoding;
 * records one after another; the room asked for is enough.
 */
#include "record.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "prng.h"
#include "tap.h"

/* Lengths and numbers around those at which the encoding grows by a byte. */
static const uint32_t lengths[] = {0, 1, 7, 8, 9, 126, 127, 128, 255, 16382, 16383, 16384, 70000};
static const int64_t times[] = {0,
								1,
								-1,
								1000000,
								-1000000,
								999999,
								INT64_C(63000000) * 1000000,
								127,
								128,
								-128,
								-129,
								INT64_C(820000000) * 1000000,
								INT64_C(820000000) * 1000000 + 1,
								INT64_MAX,
								INT64_MIN + 1,
								INT64_MIN,
								INT64_C(-9223372036854000000),
								INT64_C(9223372036854000000),
								INT64_C(9223371331199999999),
								INT64_C(-211813488000000000)};

#define COUNT(array) ((int) (sizeof(array) / sizeof((array)[0])))

static char filler[70000];

static RfmsegDecimal
random_decimal(Prng *prng)
{
	int bits = prng_below(prng, 127);
	RfmsegInt128 units = (RfmsegInt128) (prng_next(prng) >> 1) << 63 | (prng_next(prng) >> 1);
	int scale = prng_below(prng, 3) == 0 ? prng_below(prng, 38) : 2;

	units = bits == 0 ? 0 : units >> (126 - bits);
	if (units > RFMSEG_DECIMAL_LARGEST)
		units = RFMSEG_DECIMAL_LARGEST;
	if (prng_below(prng, 3) == 0)
		units = -units;
	return rfmseg_decimal_make(units, scale, scale + (prng_below(prng, 3) == 0 ? 5 : 0));
}

static RfmsegRecord
random_record(Prng *prng)
{
	RfmsegRecord record;
	int i;

	memset(&record, 0, sizeof(record));
	for (i = 0; i < RFMSEG_KEYS; i++)
	{
		uint32_t length = prng_below(prng, 20) == 0 ? lengths[prng_below(prng, COUNT(lengths))]
													: (uint32_t) prng_below(prng, 12);

		if (prng_below(prng, 4) == 0)
			continue;
		record.keys[i].bytes = filler + prng_below(prng, 70000 - (int) length + 1);
		record.keys[i].length = length;
		if (length == 70000)
			record.keys[i].bytes = filler;
	}
	record.at = prng_below(prng, 2) == 0 ? times[prng_below(prng, COUNT(times))]
										 : (int64_t) prng_next(prng);
	record.is_return = prng_below(prng, 2) == 0;
	record.has_quantity = prng_below(prng, 2) == 0;
	record.has_discount = prng_below(prng, 2) == 0;
	record.amount = random_decimal(prng);
	if (record.has_quantity)
		record.quantity = random_decimal(prng);
	if (record.has_discount)
		record.discount = random_decimal(prng);
	record.keeps_hash = prng_below(prng, 4) == 0;
	if (record.keeps_hash)
		record.hash = (uint32_t) prng_next(prng);
	else
		rfmseg_record_hash(&record);
	return record;
}

/* The same value that shows the same decimals. */
static bool
same_decimal(const RfmsegDecimal *a, const RfmsegDecimal *b)
{
	return rfmseg_decimal_compare(a, b) == 0 && a->shown == b->shown && b->scale <= b->shown &&
		b->scale <= RFMSEG_DECIMAL_MAX_SCALE;
}

static bool
same_key(const RfmsegBytes *a, const RfmsegBytes *b)
{
	return (a->bytes == NULL) == (b->bytes == NULL) && a->length == b->length &&
		(a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static bool
same_record(const RfmsegRecord *a, const RfmsegRecord *b)
{
	int i;

	for (i = 0; i < RFMSEG_KEYS; i++)
		if (!same_key(&a->keys[i], &b->keys[i]))
			return false;
	return a->hash == b->hash && a->keeps_hash == b->keeps_hash && a->at == b->at &&
		a->is_return == b->is_return && a->has_quantity == b->has_quantity &&
		a->has_discount == b->has_discount && same_decimal(&a->amount, &b->amount) &&
		same_decimal(&a->quantity, &b->quantity) && same_decimal(&a->discount, &b->discount);
}

/* Packs into memory of just the room asked for; the caller frees it. */
static char *
pack(const RfmsegRecord *record, char **packed, size_t *size)
{
	size_t room = rfmseg_record_room(record);
	char *memory = malloc(room);

	if (memory == NULL)
		abort();
	*packed = rfmseg_record_pack(record, memory, size);
	if (*packed < memory || *packed + *size > memory + room)
		abort();
	return memory;
}

/* Through memory of just the packed size. */
static bool
comes_back(const RfmsegRecord *record)
{
	char *packed;
	size_t size;
	char *memory = pack(record, &packed, &size);
	char *exact = malloc(size);
	RfmsegRecord back;
	RfmsegRecord peeked;
	bool same;

	if (exact == NULL)
		abort();
	memcpy(exact, packed, size);
	free(memory);
	memset(&back, 0x5A, sizeof(back));
	rfmseg_record_unpack(exact, &back);
	rfmseg_record_peek(exact, &peeked);
	same = rfmseg_packed_size(exact) == size && same_record(record, &back) &&
		peeked.hash == record->hash &&
		same_key(&peeked.keys[RFMSEG_CUSTOMER], &record->keys[RFMSEG_CUSTOMER]);
	free(exact);
	return same;
}

static void
test_random(void)
{
	Prng prng = {7};
	int good = 0;
	int i;

	for (i = 0; i < 20000; i++)
	{
		RfmsegRecord record = random_record(&prng);

		good += comes_back(&record);
	}
	ok(good == 20000, "random records come back as they were");
}

static void
test_limits(void)
{
	RfmsegRecord record;
	int good = 0;
	int bad = 0;
	int i;
	int j;

	memset(&record, 0, sizeof(record));
	for (i = 0; i < COUNT(lengths); i++)
		for (j = 0; j < RFMSEG_KEYS; j++)
		{
			memset(record.keys, 0, sizeof(record.keys));
			record.keys[j].bytes = filler;
			record.keys[j].length = lengths[i];
			rfmseg_record_hash(&record);
			good += comes_back(&record);
		}
	ok(good == COUNT(lengths) * RFMSEG_KEYS, "keys of all lengths, each by itself");

	memset(&record, 0, sizeof(record));
	for (i = 0; i < COUNT(times); i++)
	{
		record.at = times[i];
		rfmseg_record_hash(&record);
		bad += !comes_back(&record);
	}
	ok(bad == 0, "times at the ends and at whole seconds");

	for (i = 0; i <= 120; i++)
		for (j = -1; j <= 1; j++)
		{
			RfmsegInt128 units = ((RfmsegInt128) 1 << i) + j;

			record.amount = rfmseg_decimal_make(units, 3, 3);
			bad += !comes_back(&record);
			record.amount = rfmseg_decimal_make(-units, 0, 15);
			bad += !comes_back(&record);
			record.amount = rfmseg_decimal_make(units, 16, 16);
			bad += !comes_back(&record);
		}
	ok(bad == 0, "amounts of all sizes, small or wide");

	record.keys[RFMSEG_ORDER].length = UINT32_MAX;
	ok(rfmseg_record_room(&record) == 0, "what is longer than a gigabyte has no room");
}

static void
test_sizes(void)
{
	RfmsegRecord usual;
	char *packed;
	size_t size;

	memset(&usual, 0, sizeof(usual));
	usual.keys[RFMSEG_CUSTOMER] = (RfmsegBytes){"\1\2\3", 3};
	usual.keys[RFMSEG_ORDER] = (RfmsegBytes){"\1\2\3\4", 4};
	usual.keys[RFMSEG_PRODUCT] = (RfmsegBytes){"\1\2", 2};
	usual.keys[RFMSEG_CATEGORY] = (RfmsegBytes){"Electronics", 11};
	usual.at = INT64_C(820000000) * 1000000;
	usual.has_quantity = usual.has_discount = true;
	usual.amount = rfmseg_decimal_make(19999, 2, 2);
	usual.quantity = rfmseg_decimal_make(3, 0, 0);
	usual.discount = rfmseg_decimal_make(250, 2, 2);
	free(pack(&usual, &packed, &size));
	ok(size <= 40, "a usual line takes some forty bytes (%d)", (int) size);
}

/* The most that numbers without a loss of their bits may take. */
#define SMALL_UNITS ((RfmsegInt128) 1 << 58)

/* In bytes, of that amount alone. */
static size_t
size_with(RfmsegInt128 units, int scale, int shown)
{
	RfmsegRecord record;
	char *packed;
	size_t size;

	memset(&record, 0, sizeof(record));
	record.amount = rfmseg_decimal_make(units, scale, shown);
	rfmseg_record_hash(&record);
	if (!comes_back(&record))
		return 0;
	free(pack(&record, &packed, &size));
	return size;
}

/* Length, flags, no key, the time, four bytes in all; the amount; three more keys. */
static void
test_amounts(void)
{
	const size_t wide = 7 + sizeof(RfmsegDecimal);

	ok(size_with(0, 0, 0) == 8 && size_with(3, 0, 0) == 8 && size_with(-400, 0, 15) == wide,
	   "a small amount of whole ones takes a byte, one that would grow large is wide");
	ok(size_with(SMALL_UNITS - 1, 0, 0) == 16 && size_with(1 - SMALL_UNITS, 15, 15) == 16 &&
		   size_with((SMALL_UNITS - 1) / 1000 * 1000, 2, 2) == 16,
	   "the largest small ones take nine");
	ok(size_with(SMALL_UNITS, 0, 0) == wide && size_with(-SMALL_UNITS, 15, 15) == wide &&
		   size_with(SMALL_UNITS / 10 + 1, 0, 1) == wide && size_with(1, 0, 16) == wide &&
		   size_with(1, 37, 37) == wide && size_with(0, 0, 16383) == wide,
	   "larger ones, and those with many decimals, are wide");
	ok(size_with(RFMSEG_DECIMAL_LARGEST, 37, 16383) == wide &&
		   size_with(-RFMSEG_DECIMAL_LARGEST, 0, 37) == wide,
	   "so are 38 nines");
}

/* Keys in memory of their own, of just their length. */
static void
own_keys(RfmsegRecord *record)
{
	int i;

	for (i = 0; i < RFMSEG_KEYS; i++)
		if (record->keys[i].bytes != NULL)
		{
			char *copy = malloc(record->keys[i].length);

			if (copy == NULL && record->keys[i].length > 0)
				abort();
			if (record->keys[i].length > 0)
				memcpy(copy, record->keys[i].bytes, record->keys[i].length);
			record->keys[i].bytes = copy;
		}
}

static void
disown_keys(RfmsegRecord *record)
{
	int i;

	for (i = 0; i < RFMSEG_KEYS; i++)
		free((void *) (uintptr_t) record->keys[i].bytes);
}

#define ROW 20

/* One after another in a piece of memory, where each one's size leads to the next. */
static bool
row_comes_back(Prng *prng)
{
	RfmsegRecord records[ROW];
	char *row = NULL;
	size_t end = 0;
	size_t at = 0;
	bool good = true;
	int i;

	for (i = 0; i < ROW; i++)
	{
		char *packed;
		size_t size;
		char *memory;

		records[i] = random_record(prng);
		own_keys(&records[i]);
		memory = pack(&records[i], &packed, &size);
		row = realloc(row, end + size);
		if (row == NULL)
			abort();
		memcpy(row + end, packed, size);
		end += size;
		free(memory);
	}
	for (i = 0; i < ROW && good; i++)
	{
		RfmsegRecord back;
		RfmsegRecord peeked;

		memset(&back, 0x5A, sizeof(back));
		memset(&peeked, 0x5A, sizeof(peeked));
		rfmseg_record_peek(row + at, &peeked);
		rfmseg_record_unpack(row + at, &back);
		good = same_record(&records[i], &back) && peeked.hash == records[i].hash &&
			same_key(&peeked.keys[RFMSEG_CUSTOMER], &records[i].keys[RFMSEG_CUSTOMER]);
		at += rfmseg_packed_size(row + at);
	}
	for (i = 0; i < ROW; i++)
		disown_keys(&records[i]);
	free(row);
	return good && at == end;
}

/* Lengths at which a key's own, or that of the record, takes a byte more. */
static void
test_lengths(void)
{
	static const size_t ends[] = {0, 1, 126, 127, 128, 16382, 16383, 16384};
	RfmsegRecord record;
	size_t key_bytes;
	size_t own_bytes;
	char *packed;
	size_t size;
	size_t last = 0;
	bool good = true;
	uint32_t length;
	int i;

	memset(&record, 0, sizeof(record));
	record.keys[RFMSEG_ORDER].bytes = filler;
	rfmseg_record_hash(&record);
	for (i = 0; i < COUNT(ends); i++)
	{
		record.keys[RFMSEG_ORDER].length = (uint32_t) ends[i];
		free(pack(&record, &packed, &size));
		/* six bytes are none of the key: flags, time, amount, three other keys */
		key_bytes = ends[i] + (ends[i] < 127 ? 1 : (ends[i] < 16383 ? 2 : 3));
		own_bytes = 6 + key_bytes < 128 ? 1 : (6 + key_bytes < 16384 ? 2 : 3);
		good = good && size == own_bytes + 6 + key_bytes && comes_back(&record);
	}
	ok(good, "a length takes a byte more from 128 and from 16384 on");

	for (length = 0; length < 300 && good; length++)
	{
		record.keys[RFMSEG_ORDER].length = length;
		free(pack(&record, &packed, &size));
		good = size > last && comes_back(&record);
		last = size;
	}
	for (length = 16300; length < 16500 && good; length++)
	{
		record.keys[RFMSEG_ORDER].length = length;
		good = comes_back(&record);
	}
	ok(good, "any length about there comes back");
}

/* The most bytes of keys that have a room, whichever keys they are of. */
static void
test_room(void)
{
	RfmsegRecord record;
	uint32_t most;
	int i;

	memset(&record, 0, sizeof(record));
	most = (UINT32_C(1) << 30) - (uint32_t) rfmseg_record_room(&record);
	for (i = 0; i < RFMSEG_KEYS; i++)
		record.keys[i].length = most / RFMSEG_KEYS;
	record.keys[0].length += most % RFMSEG_KEYS;
	ok(rfmseg_record_room(&record) == (size_t) 1 << 30, "a room may be of a gigabyte");
	record.keys[3].length++;
	ok(rfmseg_record_room(&record) == 0, "and of no byte more");
	for (i = 0; i < RFMSEG_KEYS; i++)
		record.keys[i].length = UINT32_MAX;
	ok(rfmseg_record_room(&record) == 0, "keys of four gigabytes each have none");
}

static bool
hash_is_of_customer_or_time(Prng *prng)
{
	RfmsegRecord record = random_record(prng);
	const RfmsegBytes *customer = &record.keys[RFMSEG_CUSTOMER];

	rfmseg_record_hash(&record);
	if (customer->bytes == NULL)
		return record.hash == (uint32_t) rfmseg_mix((uint64_t) record.at);
	return record.hash == (uint32_t) rfmseg_hash_bytes(customer->bytes, customer->length, 0);
}

/* A customer's hash tells guests' lines apart by time, and customers by key alone. */
static void
test_hash(void)
{
	RfmsegRecord a;
	RfmsegRecord b;

	memset(&a, 0, sizeof(a));
	a.at = 1;
	b = a;
	b.at = 2;
	rfmseg_record_hash(&a);
	rfmseg_record_hash(&b);
	ok(a.hash != b.hash, "guests go by their time");
	a.keys[RFMSEG_CUSTOMER] = b.keys[RFMSEG_CUSTOMER] = (RfmsegBytes){"x", 1};
	rfmseg_record_hash(&a);
	rfmseg_record_hash(&b);
	ok(a.hash == b.hash, "customers do not");
	ok(rfmseg_hash_bytes("", 0, 0) != rfmseg_hash_bytes("\0", 1, 0) &&
		   rfmseg_hash_bytes("12345678", 8, 0) != rfmseg_hash_bytes("12345678\0", 9, 0),
	   "zeros at the end of a key count");
}

int
main(void)
{
	int i;

	for (i = 0; i < (int) sizeof(filler); i++)
		filler[i] = (char) (i * 31 + i / 251);
	test_random();
	test_limits();
	test_sizes();
	test_amounts();
	test_lengths();
	test_room();
	test_hash();
	ok(always(hash_is_of_customer_or_time, 5000), "nothing else is in the hash");
	ok(always(row_comes_back, 1000), "records in a row are read one after another");
	return done();
}
