/*
 * siphash.c
 *		SipHash-2-4.  See siphash.h; names are the paper's.
 */
#include "siphash.h"

#include "hash.h"

typedef struct State
{
	uint64_t v0;
	uint64_t v1;
	uint64_t v2;
	uint64_t v3;
} State;

static uint64_t
rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void
sip_rounds(State *s, int n)
{
	while (n-- > 0)
	{
		s->v0 += s->v1;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v2 = rotate(s->v2, 32);
	}
}

static void
compress(State *s, uint64_t m)
{
	s->v3 ^= m;
	sip_rounds(s, 2);
	s->v0 ^= m;
}

uint64_t
rfmseg_siphash(const unsigned char *bytes, size_t length,
			   const unsigned char key[RFMSEG_SIPHASH_KEY])
{
	uint64_t k0 = rfmseg_load(key);
	uint64_t k1 = rfmseg_load(key + 8);
	State s = {k0 ^ UINT64_C(0x736F6D6570736575), k1 ^ UINT64_C(0x646F72616E646F6D),
			   k0 ^ UINT64_C(0x6C7967656E657261), k1 ^ UINT64_C(0x7465646279746573)};
	uint64_t rest = 0;
	size_t n;

	for (n = length; n >= 8; n -= 8, bytes += 8)
		compress(&s, rfmseg_load(bytes));
	while (n > 0)
		rest = rest << 8 | bytes[--n];
	compress(&s, rest | (uint64_t) length << 56);

	s.v2 ^= 0xFF;
	sip_rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
