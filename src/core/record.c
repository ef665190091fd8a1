/*
 * record.c
 *		Packed lines.  See record.h.
 *
 * In this order: the number of bytes that follow, flags, the customer's key and
 * if it is kept its hash, the line's own id if it has one, the time, the
 * decimals, the other keys.  Numbers are
 * written seven bits a byte, least first (LEB128), signed ones with their sign
 * in the lowest bit.
 */
#include "record.h"

#include <string.h>

#include "hash.h"

enum
{
	IS_RETURN = 1,
	HAS_QUANTITY = 2,
	HAS_DISCOUNT = 4,
	KEEPS_HASH = 8,
	IS_WHOLE = 16, /* the time is one of whole seconds, and counted in them */
	IS_WIDE = 32,  /* decimals as they are, not as numbers */
	HAS_ID = 64,
	IS_REPEATED = 128
};

#define SECOND 1000000

/* most bytes of a number, and of the rest of a record that has no key */
#define NUMBER_ROOM 10
#define FIXED_ROOM                                                                  \
	(NUMBER_ROOM + 1 + sizeof(uint32_t) + NUMBER_ROOM + 3 * sizeof(RfmsegDecimal) + \
	 RFMSEG_KEYS * NUMBER_ROOM)
#define MOST_BYTES (UINT64_C(1) << 30)

/* a small decimal has its scale in the lowest bits of its number */
#define SCALE_BITS 4
#define SMALL_UNITS (INT64_C(1) << 58)

static char *
put_number(char *to, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*to++ = (char) (unsigned char) (number | 0x80);
	*to++ = (char) number;
	return to;
}

static const char *
get_number(const char *from, uint64_t *number)
{
	unsigned char byte = (unsigned char) *from++;
	int shift;

	*number = byte & 0x7F;
	for (shift = 7; byte >= 0x80; shift += 7)
	{
		byte = (unsigned char) *from++;
		*number |= (uint64_t) (byte & 0x7F) << shift;
	}
	return from;
}

static uint64_t
with_sign(int64_t number)
{
	return number < 0 ? ~((uint64_t) number << 1) : (uint64_t) number << 1;
}

static int64_t
without_sign(uint64_t number)
{
	return (int64_t) (number & 1 ? ~(number >> 1) : number >> 1);
}

/* Whether a decimal, with all its decimals shown, is a small number; which. */
static bool
is_small(const RfmsegDecimal *d, uint64_t *number)
{
	RfmsegInt128 units = rfmseg_decimal_units(d);

	if (d->shown >= 1 << SCALE_BITS || !rfmseg_decimal_shift(&units, d->shown - d->scale) ||
		units >= SMALL_UNITS || units <= -SMALL_UNITS)
		return false;
	*number = with_sign((int64_t) units) << SCALE_BITS | (uint64_t) d->shown;
	return true;
}

static RfmsegDecimal
small_decimal(uint64_t number)
{
	int scale = (int) (number & ((1 << SCALE_BITS) - 1));

	return rfmseg_decimal_make(without_sign(number >> SCALE_BITS), scale, scale);
}

/* 0: not known; else the length and one. */
static char *
put_key(char *to, const RfmsegBytes *key)
{
	if (key->bytes == NULL)
		return put_number(to, 0);
	to = put_number(to, (uint64_t) key->length + 1);
	if (key->length > 0)
		memcpy(to, key->bytes, key->length);
	return to + key->length;
}

static const char *
get_key(const char *from, RfmsegBytes *key)
{
	uint64_t length;

	from = get_number(from, &length);
	key->bytes = length == 0 ? NULL : from;
	key->length = length == 0 ? 0 : (uint32_t) (length - 1);
	return from + key->length;
}

/* Guests are nobody's, but there may be many: they go by their time. */
void
rfmseg_record_hash(RfmsegRecord *record)
{
	const RfmsegBytes *customer = &record->keys[RFMSEG_CUSTOMER];

	record->hash = (uint32_t) (customer->bytes != NULL
								   ? rfmseg_hash_bytes(customer->bytes, customer->length, 0)
								   : rfmseg_mix((uint64_t) record->at));
}

size_t
rfmseg_record_room(const RfmsegRecord *record)
{
	uint64_t room = FIXED_ROOM;
	int i;

	for (i = 0; i < RFMSEG_KEYS; i++)
		room += record->keys[i].length;
	return room > MOST_BYTES ? 0 : (size_t) room;
}

/* Decimals as numbers if all are small, else as they are. */
static char *
put_decimals(char *to, const RfmsegRecord *record, unsigned *flags)
{
	const RfmsegDecimal *decimals[3];
	uint64_t numbers[3];
	int n = 0;
	int i;

	decimals[n++] = &record->amount;
	if (record->has_quantity)
		decimals[n++] = &record->quantity;
	if (record->has_discount)
		decimals[n++] = &record->discount;
	for (i = 0; i < n && (*flags & IS_WIDE) == 0; i++)
		if (!is_small(decimals[i], &numbers[i]))
			*flags |= IS_WIDE;
	for (i = 0; i < n; i++)
		if (*flags & IS_WIDE)
		{
			memcpy(to, decimals[i], sizeof(RfmsegDecimal));
			to += sizeof(RfmsegDecimal);
		}
		else
			to = put_number(to, numbers[i]);
	return to;
}

static const char *
get_decimal(const char *from, bool wide, RfmsegDecimal *d)
{
	uint64_t number;

	if (wide)
	{
		memcpy(d, from, sizeof(*d));
		return from + sizeof(*d);
	}
	from = get_number(from, &number);
	*d = small_decimal(number);
	return from;
}

char *
rfmseg_record_pack(const RfmsegRecord *record, char *room, size_t *size)
{
	char *start = room + NUMBER_ROOM;
	char *to = start + 1;
	char length[NUMBER_ROOM];
	size_t bytes;
	unsigned flags = (record->is_return ? IS_RETURN : 0U) |
		(record->has_quantity ? HAS_QUANTITY : 0U) | (record->has_discount ? HAS_DISCOUNT : 0U) |
		(record->keeps_hash ? KEEPS_HASH : 0U) | (record->at % SECOND == 0 ? IS_WHOLE : 0U) |
		(record->keys[RFMSEG_LINE].bytes != NULL ? HAS_ID : 0U) |
		(record->is_repeated ? IS_REPEATED : 0U);

	to = put_key(to, &record->keys[RFMSEG_CUSTOMER]);
	if (record->keeps_hash)
	{
		memcpy(to, &record->hash, sizeof(record->hash));
		to += sizeof(record->hash);
	}
	if (flags & HAS_ID)
		to = put_key(to, &record->keys[RFMSEG_LINE]);
	to = put_number(to, with_sign(flags & IS_WHOLE ? record->at / SECOND : record->at));
	to = put_decimals(to, record, &flags);
	to = put_key(to, &record->keys[RFMSEG_ORDER]);
	to = put_key(to, &record->keys[RFMSEG_PRODUCT]);
	to = put_key(to, &record->keys[RFMSEG_CATEGORY]);
	*start = (char) flags;

	bytes = (size_t) (put_number(length, (uint64_t) (to - start)) - length);
	memcpy(start - bytes, length, bytes);
	*size = bytes + (size_t) (to - start);
	return start - bytes;
}

size_t
rfmseg_packed_size(const char *from)
{
	uint64_t length;
	const char *start = get_number(from, &length);

	return (size_t) (start - from) + (size_t) length;
}

/* Reads up to the line's id. */
static const char *
begin(const char *from, unsigned *flags, RfmsegRecord *record)
{
	uint64_t number;

	from = get_number(from, &number);
	*flags = (unsigned char) *from++;
	from = get_key(from, &record->keys[RFMSEG_CUSTOMER]);
	record->keeps_hash = (*flags & KEEPS_HASH) != 0;
	if (record->keeps_hash)
	{
		memcpy(&record->hash, from, sizeof(record->hash));
		from += sizeof(record->hash);
	}
	return from;
}

/* Reads on, up to the time. */
static const char *
get_id_and_time(const char *from, unsigned flags, RfmsegRecord *record)
{
	RfmsegBytes *id = &record->keys[RFMSEG_LINE];
	uint64_t number;

	id->bytes = NULL;
	id->length = 0;
	if (flags & HAS_ID)
		from = get_key(from, id);
	from = get_number(from, &number);
	record->at = without_sign(number) * (flags & IS_WHOLE ? SECOND : 1);
	return from;
}

void
rfmseg_record_peek(const char *from, RfmsegRecord *record)
{
	unsigned flags;

	from = begin(from, &flags, record);
	(void) get_id_and_time(from, flags, record);
	if (!record->keeps_hash)
		rfmseg_record_hash(record);
}

void
rfmseg_record_unpack(const char *from, RfmsegRecord *record)
{
	const RfmsegDecimal zero = {0, 0, 0, 0};
	unsigned flags;
	bool wide;

	from = begin(from, &flags, record);
	from = get_id_and_time(from, flags, record);
	if (!record->keeps_hash)
		rfmseg_record_hash(record);
	record->is_repeated = (flags & IS_REPEATED) != 0;
	record->is_return = (flags & IS_RETURN) != 0;
	record->has_quantity = (flags & HAS_QUANTITY) != 0;
	record->has_discount = (flags & HAS_DISCOUNT) != 0;
	wide = (flags & IS_WIDE) != 0;
	from = get_decimal(from, wide, &record->amount);
	record->quantity = record->discount = zero;
	if (record->has_quantity)
		from = get_decimal(from, wide, &record->quantity);
	if (record->has_discount)
		from = get_decimal(from, wide, &record->discount);
	from = get_key(from, &record->keys[RFMSEG_ORDER]);
	from = get_key(from, &record->keys[RFMSEG_PRODUCT]);
	(void) get_key(from, &record->keys[RFMSEG_CATEGORY]);
}

bool
rfmseg_packed_id(const char *from, bool with_time, RfmsegName *id)
{
	RfmsegRecord record;
	const char *start;
	const char *end;
	unsigned flags;

	start = begin(from, &flags, &record);
	if ((flags & HAS_ID) == 0)
		return false;
	end = get_id_and_time(start, flags, &record);
	id->bytes = record.keys[RFMSEG_LINE].bytes;
	id->length = record.keys[RFMSEG_LINE].length;
	if (with_time)
	{
		/* the length before the id tells it from the time */
		id->bytes = start;
		id->length = (uint32_t) (end - start);
	}
	/* a second and a microsecond are the same bytes, and have other hashes */
	id->hash = (uint32_t) rfmseg_hash_bytes(id->bytes, id->length, 0) ^
		(with_time && (flags & IS_WHOLE) != 0);
	return true;
}

int
rfmseg_packed_compare(const char *a, const char *b)
{
	size_t a_size = rfmseg_packed_size(a);
	size_t b_size = rfmseg_packed_size(b);
	RfmsegRecord x;
	RfmsegRecord y;
	int order;

	rfmseg_record_unpack(a, &x);
	rfmseg_record_unpack(b, &y);
	if (x.at != y.at)
		return x.at < y.at ? -1 : 1;
	order = rfmseg_decimal_compare(&x.amount, &y.amount);
	if (order != 0)
		return order;
	order = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

void
rfmseg_packed_set_repeated(char *from)
{
	uint64_t length;
	size_t flags = (size_t) (get_number(from, &length) - from);

	from[flags] = (char) ((unsigned char) from[flags] | IS_REPEATED);
}
