/*
 * decimal.c
 *		Exact decimal money.  See decimal.h.
 */
#include "decimal.h"

/* 10^38 - 1 is the largest magnitude held: any 38 digits fit, no 39 do. */
static RfmsegInt128
largest(void)
{
	const RfmsegInt128 ten19 = (RfmsegInt128) UINT64_C(10000000000000000000);

	return ten19 * ten19 - 1;
}

bool
rfmseg_decimal_in_range(RfmsegInt128 units)
{
	return units <= largest() && units >= -largest();
}

RfmsegDecimal
rfmseg_decimal_make(RfmsegInt128 units, int scale, int shown)
{
	RfmsegDecimal d;

	d.low = (uint64_t) units;
	d.high = (int64_t) (units >> 64);
	d.scale = (int16_t) scale;
	d.shown = (int16_t) shown;
	return d;
}

RfmsegInt128
rfmseg_decimal_units(const RfmsegDecimal *d)
{
	return (RfmsegInt128) d->high * ((RfmsegInt128) 1 << 64) + (RfmsegInt128) d->low;
}

bool
rfmseg_decimal_shift(RfmsegInt128 *units, int digits)
{
	RfmsegInt128 shifted = *units;

	if (shifted == 0)
		return true;
	for (; digits > 0; digits--)
	{
		if (shifted > largest() / 10 || shifted < -(largest() / 10))
			return false;
		shifted *= 10;
	}
	*units = shifted;
	return true;
}

bool
rfmseg_decimal_add(RfmsegDecimal *sum, const RfmsegDecimal *term)
{
	RfmsegInt128 a = rfmseg_decimal_units(sum);
	RfmsegInt128 b = rfmseg_decimal_units(term);
	int scale = sum->scale > term->scale ? sum->scale : term->scale;

	if (!rfmseg_decimal_shift(&a, scale - sum->scale) ||
		!rfmseg_decimal_shift(&b, scale - term->scale) ||
		(b > 0 ? a > largest() - b : a < -largest() - b))
		return false;

	*sum = rfmseg_decimal_make(a + b, scale, sum->shown > term->shown ? sum->shown : term->shown);
	return true;
}

int
rfmseg_decimal_sign(const RfmsegDecimal *d)
{
	if (d->high < 0)
		return -1;
	return d->high > 0 || d->low > 0 ? 1 : 0;
}

/*
 * Integer to double rounds once, the division once more: both as IEEE 754
 * prescribes, so the result is the same on every machine.  10^22 is the last
 * power of ten that a double holds exactly; smaller scales, that is all real
 * money, lose nothing in the divisor.
 */
double
rfmseg_decimal_to_double(const RfmsegDecimal *d)
{
	double power = 1.0;
	int i;

	for (i = 0; i < d->scale; i++)
		power *= 10.0;
	return (double) rfmseg_decimal_units(d) / power;
}
