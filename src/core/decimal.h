/*
 * decimal.h
 *		Exact decimal money: a 128-bit integer and a power of ten.
 *
 * Money is added up exactly; binary floating point would lose cents (2^53 + 1
 * has no double).  38 significant digits are kept, as the widest decimal of
 * most databases has; what does not fit is an overflow, never a rounding.
 */
#ifndef RFMSEG_DECIMAL_H
#define RFMSEG_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/* no more fractional digits than this can be held beside a whole digit */
#define RFMSEG_DECIMAL_MAX_SCALE 37

__extension__ typedef __int128 RfmsegInt128;

/*
 * value = (high * 2^64 + low) / 10^scale.  Kept as two halves because memory
 * from the server is aligned to 8 bytes and __int128 wants 16.
 */
typedef struct RfmsegDecimal
{
	int64_t high;  /* upper half, with the sign */
	uint64_t low;  /* lower half */
	int16_t scale; /* fractional digits in the integer above */
	int16_t shown; /* fractional digits to print; >= scale */
} RfmsegDecimal;

extern RfmsegDecimal rfmseg_decimal_make(RfmsegInt128 units, int scale, int shown);
extern RfmsegInt128 rfmseg_decimal_units(const RfmsegDecimal *d);

/* *sum += *term; false, and *sum as it was, where 38 digits do not suffice */
extern bool rfmseg_decimal_add(RfmsegDecimal *sum, const RfmsegDecimal *term);

/* units * 10^digits into *units; false on overflow */
extern bool rfmseg_decimal_shift(RfmsegInt128 *units, int digits);

/* whether 38 digits suffice */
extern bool rfmseg_decimal_in_range(RfmsegInt128 units);

extern int rfmseg_decimal_sign(const RfmsegDecimal *d);
extern double rfmseg_decimal_to_double(const RfmsegDecimal *d);

#endif
