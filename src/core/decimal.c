/*
 * decimal.c
 *		Exact decimal money.  See decimal.h.
 */
#include "decimal.h"

bool
rfmseg_decimal_in_range(RfmsegInt128 units)
{
	return units <= RFMSEG_DECIMAL_LARGEST && units >= -RFMSEG_DECIMAL_LARGEST;
}

bool
rfmseg_decimal_shift(RfmsegInt128 *units, int digits)
{
	RfmsegInt128 shifted = *units;

	if (shifted == 0)
		return true;
	for (; digits > 0; digits--)
	{
		if (shifted > RFMSEG_DECIMAL_LARGEST / 10 || shifted < -(RFMSEG_DECIMAL_LARGEST / 10))
			return false;
		shifted *= 10;
	}
	*units = shifted;
	return true;
}

bool
rfmseg_decimal_add_scaled(RfmsegDecimal *sum, const RfmsegDecimal *term)
{
	RfmsegInt128 a = rfmseg_decimal_units(sum);
	RfmsegInt128 b = rfmseg_decimal_units(term);
	int scale = sum->scale > term->scale ? sum->scale : term->scale;

	if (!rfmseg_decimal_shift(&a, scale - sum->scale) ||
		!rfmseg_decimal_shift(&b, scale - term->scale) ||
		(b > 0 ? a > RFMSEG_DECIMAL_LARGEST - b : a < -RFMSEG_DECIMAL_LARGEST - b))
		return false;

	*sum = rfmseg_decimal_make(a + b, scale, sum->shown > term->shown ? sum->shown : term->shown);
	return true;
}

RfmsegDecimal
rfmseg_decimal_negate(const RfmsegDecimal *d)
{
	return rfmseg_decimal_make(-rfmseg_decimal_units(d), d->scale, d->shown);
}

/*
 * Integer to double rounds once, the division once more: both as IEEE 754
 * prescribes, so the result is the same on every machine.  10^22 is the last
 * power of ten that a double holds exactly; smaller scales, that is all real
 * money, lose nothing in the divisor.  Zeros at the end go first, so that the
 * result is that of the value, whatever decimals it was added up from.
 */
double
rfmseg_decimal_to_double(const RfmsegDecimal *d)
{
	RfmsegInt128 units = rfmseg_decimal_units(d);
	double power = 1.0;
	int scale = d->scale;

	for (; scale > 0 && units % 10 == 0; scale--)
		units /= 10;
	for (; scale > 0; scale--)
		power *= 10.0;
	return (double) units / power;
}

int
rfmseg_decimal_compare(const RfmsegDecimal *a, const RfmsegDecimal *b)
{
	RfmsegInt128 x = rfmseg_decimal_units(a);
	RfmsegInt128 y = rfmseg_decimal_units(b);

	/* what does not fit at the other's scale is larger than all that does */
	if (!rfmseg_decimal_shift(&x, b->scale - a->scale))
		return rfmseg_decimal_sign(a);
	if (!rfmseg_decimal_shift(&y, a->scale - b->scale))
		return -rfmseg_decimal_sign(b);
	return (x > y) - (x < y);
}

RfmsegInt128
rfmseg_rounded_quotient(RfmsegInt128 numerator, RfmsegInt128 denominator)
{
	RfmsegInt128 quotient = numerator / denominator;
	RfmsegInt128 rest = numerator % denominator;

	if (rest < 0)
		return -rest >= denominator + rest ? quotient - 1 : quotient;
	return rest >= denominator - rest ? quotient + 1 : quotient;
}

/*
 * Both are brought to one scale, and where the product with 10,000 would not
 * fit, to 33 digits: that much of a share's place decides nothing but a tie
 * that is none in the 29th decimal.
 */
int64_t
rfmseg_decimal_share(const RfmsegDecimal *part, const RfmsegDecimal *whole)
{
	const RfmsegInt128 most = RFMSEG_DECIMAL_LARGEST / 100000;
	RfmsegInt128 a = rfmseg_decimal_units(part);
	RfmsegInt128 b = rfmseg_decimal_units(whole);
	int scale;

	/* the whole, a sum of such parts, has the larger scale */
	for (scale = part->scale; scale < whole->scale; scale++)
		a *= 10;
	for (scale = whole->scale; scale < part->scale && b <= most; scale++)
		b *= 10;
	for (; scale < part->scale; scale++)
		a /= 10;
	while (b > most)
	{
		a /= 10;
		b /= 10;
	}
	return (int64_t) rfmseg_rounded_quotient(a * 10000, b);
}
