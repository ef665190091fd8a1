/*
 * SipHash-2-4: the test vectors of its authors, of texts 00, 00 01, 00 01 02 ...
 * under the key 00 01 ... 0f; and what sets two hashes apart.
 */
#include "siphash.h"

#include <string.h>

#include "tap.h"

static const struct
{
	size_t length;
	uint64_t hash;
} vectors[] = {{0, UINT64_C(0x726FDB47DD0E0E31)}, {1, UINT64_C(0x74F839C593DC67FD)},
			   {2, UINT64_C(0x0D6C8009D9A94F5A)}, {7, UINT64_C(0xAB0200F58B01D137)},
			   {8, UINT64_C(0x93F5F5799A932462)}, {15, UINT64_C(0xA129CA6149BE45E5)}};

int
main(void)
{
	unsigned char key[RFMSEG_SIPHASH_KEY];
	unsigned char bytes[RFMSEG_SIPHASH_KEY];
	unsigned char zeros[RFMSEG_SIPHASH_KEY] = {0};
	uint64_t hash;
	size_t i;

	for (i = 0; i < RFMSEG_SIPHASH_KEY; i++)
		key[i] = bytes[i] = (unsigned char) i;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		ok(rfmseg_siphash(bytes, vectors[i].length, key) == vectors[i].hash, "hash of %zu bytes",
		   vectors[i].length);

	hash = rfmseg_siphash(bytes, sizeof(bytes), key);
	for (i = 0; i < RFMSEG_SIPHASH_KEY; i++)
	{
		key[i] ^= 1;
		ok(rfmseg_siphash(bytes, sizeof(bytes), key) != hash, "byte %zu of the key counts", i);
		key[i] ^= 1;
		bytes[i] ^= 1;
		ok(rfmseg_siphash(bytes, sizeof(bytes), key) != hash, "byte %zu of the text counts", i);
		bytes[i] ^= 1;
	}
	ok(rfmseg_siphash(zeros, 3, key) != rfmseg_siphash(zeros, 4, key), "so does its length");
	return done();
}
