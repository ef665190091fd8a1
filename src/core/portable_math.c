/*
 * portable_math.c
 *		exp and log that give the same bits on every machine.  See
 *		portable_math.h.
 */
#include "portable_math.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* ln 2 in two parts: the first has 21 trailing zero bits, so k times it is exact */
#define LN2_HIGH 0x1.62e42fefp-1
#define LN2_LOW 0x1.473de6af278edp-34
#define ONE_OVER_LN2 0x1.71547652b82fep+0

#define EXPONENT_BIAS 1023
#define MANTISSA_BITS 52

static double
of_bits(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* 2 to the k, as a normal number */
static double
power_of_two(int k)
{
	return of_bits((uint64_t) (k + EXPONENT_BIAS) << MANTISSA_BITS);
}

/*
 * x = 2^k * m with m near 1, and ln m = 2 artanh((m - 1) / (m + 1)), a series
 * whose argument is at most 0.172: eleven terms.
 */
double
rfmseg_log(double x)
{
	uint64_t bits;
	int k = 0;
	double m, f, s, z, series;

	if (isinf(x))
		return x;
	if (x < DBL_MIN)
	{
		x *= 0x1p54;
		k = -54;
	}
	memcpy(&bits, &x, sizeof(bits));
	k += (int) (bits >> MANTISSA_BITS) - EXPONENT_BIAS;
	m = of_bits((bits & (((uint64_t) 1 << MANTISSA_BITS) - 1)) |
				(uint64_t) EXPONENT_BIAS << MANTISSA_BITS);
	if (m > 1.4142135623730951)
	{
		m *= 0.5;
		k++;
	}

	f = m - 1;
	s = f / (2 + f);
	z = s * s;
	series = 1.0 / 21;
	series = series * z + 1.0 / 19;
	series = series * z + 1.0 / 17;
	series = series * z + 1.0 / 15;
	series = series * z + 1.0 / 13;
	series = series * z + 1.0 / 11;
	series = series * z + 1.0 / 9;
	series = series * z + 1.0 / 7;
	series = series * z + 1.0 / 5;
	series = series * z + 1.0 / 3;
	series *= z;

	/* ln m = f - s * (f - 2 * series): the leading f is exact */
	return k * LN2_HIGH + (f - (s * (f - 2 * series) - k * LN2_LOW));
}

static const double inverse_factorial[] = {1.0,
										   1.0,
										   1.0 / 2,
										   1.0 / 6,
										   1.0 / 24,
										   1.0 / 120,
										   1.0 / 720,
										   1.0 / 5040,
										   1.0 / 40320,
										   1.0 / 362880,
										   1.0 / 3628800,
										   1.0 / 39916800,
										   1.0 / 479001600,
										   1.0 / 6227020800.0};

/* x = k ln 2 + r, and the series of exp(r) with |r| <= 0.347: fourteen terms. */
double
rfmseg_exp(double x)
{
	double r, series;
	int k, i;

	if (x > 709.79)
		return HUGE_VAL;
	if (x < -745.14)
		return 0;
	k = (int) (x * ONE_OVER_LN2 + (x < 0 ? -0.5 : 0.5));
	r = (x - k * LN2_HIGH) - k * LN2_LOW;
	series = inverse_factorial[13];
	for (i = 12; i >= 0; i--)
		series = series * r + inverse_factorial[i];

	/* in two steps, as 2^k may be no normal number where the result is one */
	return series * power_of_two(k / 2) * power_of_two(k - k / 2);
}

double
rfmseg_log1p(double x)
{
	double u = 1 + x;

	/* what rounding did to u, the quotient takes back (Kahan) */
	return u == 1 ? x : rfmseg_log(u) * (x / (u - 1));
}

double
rfmseg_expm1(double x)
{
	double sum = 0;
	int i;

	if (x < -0.35 || x > 0.35)
		return rfmseg_exp(x) - 1;
	for (i = 13; i > 1; i--)
		sum = (sum + inverse_factorial[i]) * x;
	return x + x * sum;
}
