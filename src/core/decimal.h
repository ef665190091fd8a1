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

/* 10^38 - 1 is the largest magnitude held: any 38 digits fit, no 39 do. */
#define RFMSEG_DECIMAL_LARGEST \
	((RfmsegInt128) UINT64_C(10000000000000000000) * UINT64_C(10000000000000000000) - 1)

static inline RfmsegDecimal
rfmseg_decimal_make(RfmsegInt128 units, int scale, int shown)
{
	RfmsegDecimal d;

	d.low = (uint64_t) units;
	d.high = (int64_t) (units >> 64);
	d.scale = (int16_t) scale;
	d.shown = (int16_t) shown;
	return d;
}

static inline RfmsegInt128
rfmseg_decimal_units(const RfmsegDecimal *d)
{
	return (RfmsegInt128) d->high * ((RfmsegInt128) 1 << 64) + (RfmsegInt128) d->low;
}

static inline int
rfmseg_decimal_sign(const RfmsegDecimal *d)
{
	if (d->high < 0)
		return -1;
	return d->high > 0 || d->low > 0 ? 1 : 0;
}

/* *sum += *term where their scales differ */
extern bool rfmseg_decimal_add_scaled(RfmsegDecimal *sum, const RfmsegDecimal *term);

/* *sum += *term; false, and *sum as it was, where 38 digits do not suffice */
static inline bool
rfmseg_decimal_add(RfmsegDecimal *sum, const RfmsegDecimal *term)
{
	RfmsegInt128 a;
	RfmsegInt128 b;

	if (sum->scale != term->scale)
		return rfmseg_decimal_add_scaled(sum, term);

	a = rfmseg_decimal_units(sum);
	b = rfmseg_decimal_units(term);
	if (b > 0 ? a > RFMSEG_DECIMAL_LARGEST - b : a < -RFMSEG_DECIMAL_LARGEST - b)
		return false;
	*sum =
		rfmseg_decimal_make(a + b, sum->scale, sum->shown > term->shown ? sum->shown : term->shown);
	return true;
}

extern RfmsegDecimal rfmseg_decimal_negate(const RfmsegDecimal *d);

/* units * 10^digits into *units; false on overflow */
extern bool rfmseg_decimal_shift(RfmsegInt128 *units, int digits);

/* whether 38 digits suffice */
extern bool rfmseg_decimal_in_range(RfmsegInt128 units);

/* -1, 0 or 1 */
extern int rfmseg_decimal_compare(const RfmsegDecimal *a, const RfmsegDecimal *b);

extern double rfmseg_decimal_to_double(const RfmsegDecimal *d);

/*
 * part / whole in ten-thousandths, rounded half away from zero, of a part that
 * is no larger than the whole, which is above zero.
 */
extern int64_t rfmseg_decimal_share(const RfmsegDecimal *part, const RfmsegDecimal *whole);

/* numerator / denominator, which is above zero, rounded half away from zero */
extern RfmsegInt128 rfmseg_rounded_quotient(RfmsegInt128 numerator, RfmsegInt128 denominator);

#endif
