/*
 * Names: numbers in order of arrival, whatever the hashes; room asked for at the
 * right time; equality other than that of bytes; forgetting; the hash of bytes.
 */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "prng.h"
#include "tap.h"

#define TEXTS 500
#define TEXT_ROOM 16

static char texts[TEXTS][TEXT_ROOM];

static void *
resize(void *old, size_t size)
{
	void *resized = realloc(old, size);

	if (resized == NULL)
		abort();
	return resized;
}

/* No more than is asked for, so that sanitizers see what is beyond. */
static void
make_room(RfmsegNames *set)
{
	uint32_t i;

	if (rfmseg_names_has_room(set))
		return;
	set->capacity = set->n + 1;
	set->names = resize(set->names, set->capacity * sizeof(RfmsegName));
	if (set->capacity <= RFMSEG_UNHASHED)
		return;
	for (set->nslots = 1; set->nslots < 2 * set->capacity;)
		set->nslots *= 2;
	free(set->slots);
	set->slots = resize(NULL, set->nslots * sizeof(uint32_t));
	memset(set->slots, 0, set->nslots * sizeof(uint32_t));
	for (i = 0; i < set->n; i++)
		rfmseg_names_enter(set, i);
}

static void
free_names(RfmsegNames *set)
{
	free(set->names);
	free(set->slots);
	memset(set, 0, sizeof(*set));
}

/* hash_bits: how many bits of the hash there are, to make collisions common */
static uint32_t
number(RfmsegNames *set, const char *text, int hash_bits)
{
	RfmsegName name;

	name.bytes = text;
	name.length = (uint32_t) strlen(text);
	name.hash = (uint32_t) (rfmseg_hash_bytes(text, name.length, 0) & ((1U << hash_bits) - 1));
	make_room(set);
	return rfmseg_names_number(set, &name);
}

/* Random texts against a list that is searched from its beginning. */
static int
agrees_with_list(Prng *prng, RfmsegNames *set, int hash_bits)
{
	const char *list[TEXTS];
	int n = 0;
	int i;
	int j;

	for (i = 0; i < 3 * TEXTS; i++)
	{
		const char *text = texts[prng_below(prng, 1 + i % TEXTS)];

		for (j = 0; j < n && strcmp(list[j], text) != 0; j++)
			;
		if (j == n)
			list[n++] = text;
		if (number(set, text, hash_bits) != (uint32_t) j || set->n != (uint32_t) n)
			return 0;
	}
	return 1;
}

static bool
same_letters(const RfmsegName *a, const RfmsegName *b, void *arg)
{
	uint32_t i;

	(*(int *) arg)++;
	if (a->length != b->length)
		return false;
	for (i = 0; i < a->length; i++)
		if ((a->bytes[i] | 0x20) != (b->bytes[i] | 0x20))
			return false;
	return true;
}

static void
test_equal(void)
{
	static const char *const orders[3][3] = {
		{"abc", "Abc", "ABC"}, {"ABC", "Abc", "abc"}, {"Abc", "abc", "ABC"}};
	int good = 0;
	int i;
	int j;

	for (i = 0; i < 3; i++)
	{
		RfmsegNames set = {0};
		int asked = 0;

		set.equal = same_letters;
		set.equal_arg = &asked;
		for (j = 0; j < 3; j++)
		{
			RfmsegName name = {orders[i][j], 3, 7};

			make_room(&set);
			good += rfmseg_names_number(&set, &name) == 0;
		}
		good += set.n == 1 && memcmp(set.names[0].bytes, "ABC", 3) == 0 && asked > 0;
		free_names(&set);
	}
	ok(good == 12, "of names held equal there is one, and the least in byte order is kept");
}

static void
test_compare(void)
{
	static const char *const ascending[] = {"", "A", "AB", "B", "a", "\xC3\xA9"};
	int good = 0;
	int i;
	int j;

	for (i = 0; i < 6; i++)
		for (j = 0; j < 6; j++)
		{
			RfmsegName a = {ascending[i], (uint32_t) strlen(ascending[i]), 0};
			RfmsegName b = {ascending[j], (uint32_t) strlen(ascending[j]), 0};
			int order = rfmseg_name_compare(&a, &b);

			good += i < j ? order < 0 : i > j ? order > 0 : order == 0;
		}
	ok(good == 36, "names compare as their bytes, the shorter before the longer");
}

/* One before the other by the first byte that differs, counted from 0 to 255. */
static int
compare_slowly(const RfmsegName *a, const RfmsegName *b)
{
	uint32_t i;

	for (i = 0; i < a->length && i < b->length; i++)
		if ((unsigned char) a->bytes[i] != (unsigned char) b->bytes[i])
			return (unsigned char) a->bytes[i] < (unsigned char) b->bytes[i] ? -1 : 1;
	if (a->length == b->length)
		return 0;
	return a->length < b->length ? -1 : 1;
}

/* Few different bytes, in memory of just their number; hashes of few bits, but of letters alike. */
static RfmsegName
random_name(Prng *prng, int max_length)
{
	static const char bytes[] = {'\0', 'a', 'A', 'b', '\x7F', '\x80', '\xFF'};
	RfmsegName name = {NULL, (uint32_t) prng_below(prng, max_length + 1), 0};
	char *copy = name.length > 0 ? resize(NULL, name.length) : NULL;
	uint32_t i;

	for (i = 0; i < name.length; i++)
	{
		copy[i] = bytes[prng_below(prng, 7)];
		name.hash += (uint32_t) (unsigned char) (copy[i] | 0x20) & 3;
	}
	name.bytes = copy;
	return name;
}

static bool
compares_as_bytes(Prng *prng)
{
	RfmsegName a = random_name(prng, 4);
	RfmsegName b = random_name(prng, 4);
	int order = rfmseg_name_compare(&a, &b);
	int back = rfmseg_name_compare(&b, &a);
	bool good = (order > 0) - (order < 0) == compare_slowly(&a, &b) &&
		(back > 0) - (back < 0) == compare_slowly(&b, &a);

	free((void *) (uintptr_t) a.bytes);
	free((void *) (uintptr_t) b.bytes);
	return good;
}

#define NAMES 60

/* Only names of one hash may be held equal. */
static bool
same_letters_and_hash(const RfmsegName *a, const RfmsegName *b, void *arg)
{
	if (a->hash != b->hash)
		abort();
	return same_letters(a, b, arg);
}

/* Whether the names, of which many are equal, have the numbers that a list gives them. */
static bool
are_numbered(RfmsegNames *set, const RfmsegName *names)
{
	int asked = 0;
	uint32_t first[NAMES]; /* of each number: the first name of its kind, and the least */
	RfmsegName least[NAMES];
	uint32_t n = 0;
	uint32_t i;
	uint32_t k;

	set->equal_arg = &asked;
	for (i = 0; i < NAMES; i++)
	{
		for (k = 0; k < n; k++)
			if (set->equal == NULL ? compare_slowly(&names[first[k]], &names[i]) == 0
								   : same_letters(&names[first[k]], &names[i], &asked))
				break;
		if (k == n)
		{
			first[n++] = i;
			least[k] = names[i];
		}
		else if (compare_slowly(&names[i], &least[k]) < 0)
			least[k] = names[i];
		make_room(set);
		if (rfmseg_names_number(set, &names[i]) != k || set->n != n ||
			compare_slowly(&set->names[k], &least[k]) != 0)
			return false;
	}
	return true;
}

/* Twice, in the memory of the first time. */
static bool
any_names_are_numbered(Prng *prng)
{
	RfmsegName names[NAMES];
	RfmsegNames set = {0};
	RfmsegNames before;
	bool good = true;
	int length = prng_below(prng, 5);
	int round;
	uint32_t i;

	for (i = 0; i < NAMES; i++)
		names[i] = random_name(prng, length);
	set.equal = prng_below(prng, 2) == 0 ? NULL : same_letters_and_hash;
	for (round = 0; round < 2; round++)
	{
		good = good && are_numbered(&set, names);
		before = set;
		rfmseg_names_reset(&set);
		for (i = 0; i < set.nslots; i++)
			good = good && set.slots[i] == 0;
		good = good && set.n == 0 && set.names == before.names && set.slots == before.slots &&
			set.capacity == before.capacity && set.nslots == before.nslots;
		prng_shuffle(prng, names, NAMES, sizeof(names[0]));
	}
	for (i = 0; i < NAMES; i++)
		free((void *) (uintptr_t) names[i].bytes);
	free_names(&set);
	return good;
}

static void
test_random_names(void)
{
	ok(always(compares_as_bytes, 50000), "any bytes compare as numbers from 0 to 255");
	ok(always(any_names_are_numbered, 5000),
	   "bytes of all kinds, or none, are numbered as in a list, whatever is held equal");
}

static void
test_room(void)
{
	RfmsegNames set = {0};

	ok(!rfmseg_names_has_room(&set), "no memory, no room");
	set.capacity = RFMSEG_UNHASHED;
	set.n = RFMSEG_UNHASHED - 1;
	ok(rfmseg_names_has_room(&set), "a few names need no slots");
	set.n = RFMSEG_UNHASHED;
	ok(!rfmseg_names_has_room(&set), "what is full has no room");
	set.capacity = 16;
	ok(!rfmseg_names_has_room(&set), "more names need slots");
	set.nslots = 16;
	ok(!rfmseg_names_has_room(&set), "not fewer than twice the names there is room for");
	set.nslots = 32;
	ok(rfmseg_names_has_room(&set), "and twice as many will do");
	set.capacity = UINT32_C(1) << 31;
	ok(!rfmseg_names_has_room(&set), "also where twice as many is more than 32 bits hold");
}

static bool
has_hash(const char *bytes, size_t length, uint64_t expected)
{
	/* at an odd address, and with nothing after it */
	char *copy = resize(NULL, length + 1);
	bool good;

	if (length > 0)
		memcpy(copy + 1, bytes, length);
	good = rfmseg_hash_bytes(copy + 1, length, 0) == expected;
	free(copy);
	return good;
}

/* A bit more or less anywhere, another seed, a zero at the end: another hash. */
static bool
every_bit_counts(Prng *prng)
{
	char bytes[33] = {0};
	size_t length = (size_t) prng_below(prng, 33);
	uint64_t seed = prng_next(prng);
	uint64_t hash;
	bool good;
	size_t i;

	for (i = 0; i < length; i++)
		bytes[i] = (char) prng_below(prng, 128);
	hash = rfmseg_hash_bytes(bytes, length, seed);
	good = hash != rfmseg_hash_bytes(bytes, length, seed + 1) &&
		(uint32_t) hash != (uint32_t) rfmseg_hash_bytes(bytes, length + 1, seed);
	for (i = 0; i < 8 * length && good; i++)
	{
		bytes[i / 8] = (char) (bytes[i / 8] ^ 1 << i % 8);
		good = (uint32_t) hash != (uint32_t) rfmseg_hash_bytes(bytes, length, seed);
		bytes[i / 8] = (char) (bytes[i / 8] ^ 1 << i % 8);
	}
	return good;
}

/* Worked out by another program; on disk there are orders of rows that depend on them. */
static void
test_hashes(void)
{
	static const char ones[] = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
	char bytes[256];
	int i;

	for (i = 0; i < 256; i++)
		bytes[i] = (char) (unsigned char) i;
	ok(rfmseg_mix(0) == 0 && rfmseg_mix(1) == UINT64_C(0xB456BCFC34C2CB2C) &&
		   rfmseg_mix(UINT64_MAX) == UINT64_C(0x64B5720B4B825F21),
	   "numbers are mixed as MurmurHash3 does");
	ok(has_hash("", 0, UINT64_C(0x9CA066F1A4AB2EEA)) &&
		   has_hash("\0", 1, UINT64_C(0x11F63537CA6B2AE2)) &&
		   has_hash("a", 1, UINT64_C(0xE06236F2DD2BBC00)) &&
		   has_hash("order 1", 7, UINT64_C(0x4A279FEF8961DF18)) &&
		   has_hash("order 12", 8, UINT64_C(0x6F45959B6481790D)) &&
		   has_hash("order 123", 9, UINT64_C(0x86419CB5B7953280)) &&
		   has_hash(ones, 16, UINT64_C(0x037E8B993318638C)) &&
		   has_hash(bytes, 256, UINT64_C(0xD7A8ECA482B4A061)),
	   "hashes are the same on every machine");
	ok(rfmseg_hash_bytes("a", 1, 1) == UINT64_C(0xA46110F922C2621C) &&
		   rfmseg_hash_bytes(NULL, 0, UINT64_MAX) == UINT64_C(0x25B775FAECA8F520),
	   "with seeds, too");
	ok(always(every_bit_counts, 2000), "every bit counts");
}

int
main(void)
{
	Prng prng = {1};
	RfmsegNames set = {0};
	int bits;
	int i;

	for (i = 0; i < TEXTS; i++)
		snprintf(texts[i], TEXT_ROOM, "%.*s%d", i % 4, "xxxx", i / 4);
	texts[0][0] = '\0';

	for (bits = 0; bits <= 30; bits += 6)
	{
		ok(agrees_with_list(&prng, &set, bits), "numbers in order of arrival, hashes of %d bits",
		   bits);
		rfmseg_names_reset(&set);
		ok(agrees_with_list(&prng, &set, bits), "and again after forgetting");
		free_names(&set);
	}
	test_equal();
	test_compare();
	test_random_names();
	test_room();
	test_hashes();
	return done();
}
