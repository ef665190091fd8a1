/*
 * radix_sort.c
 *		Sorting of 64-bit keys in small steps.  See radix_sort.h.
 */
#include "radix_sort.h"

#include <string.h>

/* up to here inserting is faster than counting */
#define FEW 64

#define SIGN_BIT (UINT64_C(1) << 63)

static unsigned
byte_of(uint64_t key, int pass)
{
	return (unsigned) (key >> (8 * pass)) & 0xFF;
}

void
rfmseg_sorter_init(RfmsegSorter *s, uint64_t *keys, uint64_t *room, size_t n)
{
	s->from = keys;
	s->to = room;
	s->n = n;
	s->at = 0;
	s->pass = -1;
	s->first_byte = 0;
	if (n > FEW)
		memset(s->offset, 0, sizeof(s->offset));
}

/* Fewer keys than a pass has counters are put in their place one by one. */
static void
insert_few(uint64_t *keys, size_t n)
{
	size_t i;
	size_t j;

	for (i = 1; i < n; i++)
	{
		uint64_t key = keys[i];

		for (j = i; j > 0 && keys[j - 1] > key; j--)
			keys[j] = keys[j - 1];
		keys[j] = key;
	}
}

/* Turns the counts of one byte into places; false if all keys share it. */
static bool
place(RfmsegSorter *s, int pass)
{
	size_t next = 0;
	int b;

	for (b = 0; b < 256; b++)
	{
		size_t count = s->offset[pass][b];

		if (count == s->n)
			return false;
		s->offset[pass][b] = next;
		next += count;
	}
	return true;
}

/* On to the next byte that tells keys apart; false when there is none. */
static bool
next_pass(RfmsegSorter *s)
{
	s->at = 0;
	for (s->pass = s->pass < s->first_byte ? s->first_byte : s->pass + 1; s->pass < 8; s->pass++)
		if (place(s, s->pass))
			return true;
	return false;
}

bool
rfmseg_sorter_step(RfmsegSorter *s, size_t budget)
{
	size_t end = s->n - s->at > budget ? s->at + budget : s->n;

	if (s->n <= FEW)
	{
		insert_few(s->from, s->n);
		return true;
	}
	if (s->pass >= 8)
		return true;

	if (s->pass < 0)
	{
		for (; s->at < end; s->at++)
		{
			int b;

			for (b = s->first_byte; b < 8; b++)
				s->offset[b][byte_of(s->from[s->at], b)]++;
		}
	}
	else
	{
		size_t *offset = s->offset[s->pass];

		for (; s->at < end; s->at++)
			s->to[offset[byte_of(s->from[s->at], s->pass)]++] = s->from[s->at];
		if (s->at == s->n)
		{
			uint64_t *sorted = s->to;

			s->to = s->from;
			s->from = sorted;
		}
	}
	return s->at == s->n && !next_pass(s);
}

/*
 * IEEE 754 doubles sort as sign-magnitude integers: flip all bits of the
 * negative ones, the sign bit of the others.
 */
uint64_t
rfmseg_key_of_double(double value)
{
	uint64_t bits;

	value += 0.0; /* minus zero becomes zero */
	memcpy(&bits, &value, sizeof(bits));
	return bits & SIGN_BIT ? ~bits : bits | SIGN_BIT;
}

double
rfmseg_double_of_key(uint64_t key)
{
	uint64_t bits = key & SIGN_BIT ? key & ~SIGN_BIT : ~key;
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}
