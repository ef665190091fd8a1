/*
 * siphash.h
 *		SipHash-2-4, a hash under a secret key, of short texts above all: who has
 *		not the key can neither foretell a hash nor try texts against it.
 *
 * Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.  The same on
 * every machine, as hashes are kept.
 */
#ifndef RFMSEG_SIPHASH_H
#define RFMSEG_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define RFMSEG_SIPHASH_KEY 16 /* bytes */

extern uint64_t rfmseg_siphash(const unsigned char *bytes, size_t length,
							   const unsigned char key[RFMSEG_SIPHASH_KEY]);

#endif
