/*
 * decimal_numeric.c
 *		Between the server's numeric and the core's decimal.
 *
 * Numerics are read and built through their binary protocol form
 * (numeric_send, numeric_recv), because their layout in memory is private to
 * the server: int16 number of digits, weight of the first, sign, display
 * scale, then the digits in base 10000.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "decimal_numeric.h"

#define BASE 10000
#define BASE_DIGITS 4
#define SIGN_POSITIVE 0x0000
#define SIGN_NEGATIVE 0x4000
/* 38 decimal digits and the display scale's zeros never need more */
#define MAX_DIGITS 24

void
rfmseg_decimal_overflow(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s does not fit 38 decimal digits", what),
			 errhint("Round the amounts to the decimals of their currency, or leave out the rows with such amounts.")));
}

/* The exact value; NaN, infinities and more than 38 digits are errors. */
RfmsegDecimal
rfmseg_decimal_of_numeric(Numeric num, const char *what)
{
	StringInfoData buf;
	bytea *wire;
	int ndigits;
	int weight;
	int sign;
	int dscale;
	int scale;
	int i;
	RfmsegInt128 units = 0;

	if (numeric_is_nan(num) || numeric_is_inf(num))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be NaN or infinite", what),
				 errhint("Leave such rows out, or map an expression that gives a number.")));

	wire = DatumGetByteaPP(DirectFunctionCall1(numeric_send, NumericGetDatum(num)));
	buf.data = VARDATA_ANY(wire);
	buf.len = buf.maxlen = VARSIZE_ANY_EXHDR(wire);
	buf.cursor = 0;
	ndigits = (int) pq_getmsgint(&buf, 2);
	weight = (int16) pq_getmsgint(&buf, 2);
	sign = (int) pq_getmsgint(&buf, 2);
	dscale = (int) pq_getmsgint(&buf, 2);

	/*
	 * The digits make a whole number of units of 10000^-(ndigits - 1 - weight).
	 * Of its decimals only those that the display scale shows can differ from
	 * zero, so the rest is divided away again.
	 */
	for (i = 0; i < ndigits; i++)
	{
		int digit = (int) pq_getmsgint(&buf, 2);
		int places = (i - weight) * BASE_DIGITS; /* decimals up to here */
		int keep = BASE_DIGITS;

		if (places > dscale)
			for (; places > dscale && keep > 0; places--, keep--)
				digit /= 10;
		if (!rfmseg_decimal_shift(&units, keep))
			rfmseg_decimal_overflow(what);
		units += digit;
	}
	pfree(wire);

	scale = ndigits == 0 ? 0 : (ndigits - 1 - weight) * BASE_DIGITS;
	if (scale > dscale)
		scale = dscale;
	if (scale < 0)
	{
		if (!rfmseg_decimal_shift(&units, -scale))
			rfmseg_decimal_overflow(what);
		scale = 0;
	}
	if (scale > RFMSEG_DECIMAL_MAX_SCALE)
		rfmseg_decimal_overflow(what);
	if (sign == SIGN_NEGATIVE)
		units = -units;

	return rfmseg_decimal_make(units, scale, Min(dscale, PG_INT16_MAX));
}

Numeric
rfmseg_numeric_of_decimal(const RfmsegDecimal *d)
{
	StringInfoData buf;
	RfmsegInt128 units = rfmseg_decimal_units(d);
	bool negative = units < 0;
	int fraction = (d->scale + BASE_DIGITS - 1) / BASE_DIGITS; /* digits after the point */
	int16 digits[MAX_DIGITS];
	int ndigits = 0;
	int i;
	Datum result;

	if (negative)
		units = -units;

	/* the last digit may be partly filled: split it off, as units * 10 may overflow */
	if (d->scale % BASE_DIGITS != 0)
	{
		int filled = 1;

		for (i = 0; i < d->scale % BASE_DIGITS; i++)
			filled *= 10;
		digits[ndigits++] = (int16) ((int) (units % filled) * (BASE / filled));
		units /= filled;
	}
	while (units > 0)
	{
		digits[ndigits++] = (int16) (units % BASE);
		units /= BASE;
	}
	while (ndigits < fraction + 1)
		digits[ndigits++] = 0;

	initStringInfo(&buf);
	pq_sendint16(&buf, (uint16) ndigits);
	pq_sendint16(&buf, (uint16) (ndigits - 1 - fraction));
	pq_sendint16(&buf, negative ? SIGN_NEGATIVE : SIGN_POSITIVE);
	pq_sendint16(&buf, (uint16) d->shown);
	for (i = ndigits - 1; i >= 0; i--)
		pq_sendint16(&buf, (uint16) digits[i]);

	result = DirectFunctionCall3(numeric_recv, PointerGetDatum(&buf), ObjectIdGetDatum(InvalidOid),
								 Int32GetDatum(-1));
	pfree(buf.data);
	return DatumGetNumeric(result);
}
