/*
 * hash.h
 *		Hashes of byte strings: the same on every machine, as fingerprints and
 *		the order of rows depend on them.
 */
#ifndef RFMSEG_HASH_H
#define RFMSEG_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The finalizer of MurmurHash3 (Austin Appleby): every bit moves every other. */
static inline uint64_t
rfmseg_mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xFF51AFD7ED558CCD);
	h ^= h >> 33;
	h *= UINT64_C(0xC4CEB9FE1A85EC53);
	return h ^ h >> 33;
}

/* Eight bytes as a number, whatever the machine's byte order. */
static inline uint64_t
rfmseg_load(const unsigned char *b)
{
	return (uint64_t) b[0] | (uint64_t) b[1] << 8 | (uint64_t) b[2] << 16 | (uint64_t) b[3] << 24 |
		(uint64_t) b[4] << 32 | (uint64_t) b[5] << 40 | (uint64_t) b[6] << 48 |
		(uint64_t) b[7] << 56;
}

/* Eight bytes a step, and the length in the end, so that "" and "\0" differ. */
static inline uint64_t
rfmseg_hash_bytes(const char *bytes, size_t length, uint64_t seed)
{
	const unsigned char *b = (const unsigned char *) bytes;
	uint64_t h = seed + UINT64_C(0x9E3779B97F4A7C15);
	uint64_t rest = 0;
	size_t n;

	for (n = length; n >= 8; n -= 8, b += 8)
		h = rfmseg_mix(h ^ rfmseg_load(b));
	while (n > 0)
		rest = rest << 8 | b[--n];
	return rfmseg_mix(h ^ rest ^ (uint64_t) length << 56);
}

#endif
