/*
 * decimal_numeric.c
 *		Between the server's numeric and the core's decimal.
 *
 * A numeric is read where it lies. Its layout is not in a public header, but is
 * that of the data files, which pg_upgrade keeps as they are: one or two
 * 16-bit words of head, then the digits in base 10000. It is built by the
 * server's own functions, from 64-bit integers or from the protocol's form.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
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

/* A numeric, taken apart. */
typedef struct Parts
{
	bool negative;
	int dscale;			 /* decimals shown */
	int weight;			 /* of the first digit: 10000^weight */
	int ndigits;		 /* in base 10000 */
	const uint16 *digit; /* may lie at an odd address */
} Parts;

/* The first word of a numeric that is a number says which form the head has. */
#define IS_LONG(head) (((head) &0x8000) == 0)

static uint16
word(const uint16 *at)
{
	uint16 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static Parts
take_apart(Numeric num)
{
	const uint16 *words = (const uint16 *) VARDATA_ANY(num);
	int nwords = VARSIZE_ANY_EXHDR(num) / sizeof(uint16);
	uint16 head = word(words);
	Parts parts;

	if (IS_LONG(head))
	{
		parts.negative = (head & 0xC000) == 0x4000;
		parts.dscale = head & 0x3FFF;
		parts.weight = (int16) word(words + 1);
		parts.digit = words + 2;
		parts.ndigits = nwords - 2;
	}
	else
	{
		parts.negative = (head & 0x2000) != 0;
		parts.dscale = (head & 0x1F80) >> 7;
		parts.weight = (head & 0x003F) - (head & 0x0040);
		parts.digit = words + 1;
		parts.ndigits = nwords - 1;
	}
	return parts;
}

/* Sixteen decimal digits surely fit 64 bits, and that is all real money. */
static bool
read_small(const Parts *parts, RfmsegDecimal *d)
{
	int scale = (parts->ndigits - 1 - parts->weight) * BASE_DIGITS;
	int64 units = 0;
	int i;

	if (parts->ndigits == 0)
		scale = 0;
	if (parts->ndigits > 4 || parts->weight > 3 || scale > 2 * BASE_DIGITS)
		return false;
	for (i = 0; i < parts->ndigits; i++)
		units = units * BASE + word(parts->digit + i);
	for (; scale < 0; scale += BASE_DIGITS)
		units *= BASE;
	/* decimals beyond those shown are zeros */
	for (; scale > parts->dscale; scale--)
		units /= 10;
	*d = rfmseg_decimal_make(parts->negative ? -units : units, scale, parts->dscale);
	return true;
}

bool
rfmseg_decimal_of_small_numeric(Numeric num, RfmsegDecimal *d)
{
	Parts parts = take_apart(num);

	return read_small(&parts, d);
}

/* The exact value; NaN, infinities and more than 38 digits are errors. */
RfmsegDecimal
rfmseg_decimal_of_numeric(Numeric num, const char *what)
{
	Parts parts;
	RfmsegDecimal d;
	int scale;
	int i;
	RfmsegInt128 units = 0;

	if (numeric_is_nan(num) || numeric_is_inf(num))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be NaN or infinite", what),
				 errhint("Leave such rows out, or map an expression that gives a number.")));

	parts = take_apart(num);
	if (read_small(&parts, &d))
		return d;

	/*
	 * The digits make a whole number of units of 10000^-(ndigits - 1 - weight).
	 * Of its decimals only those that the display scale shows can differ from
	 * zero, so the rest is divided away again.
	 */
	for (i = 0; i < parts.ndigits; i++)
	{
		int digit = word(parts.digit + i);
		int places = (i - parts.weight) * BASE_DIGITS; /* decimals up to here */
		int keep = BASE_DIGITS;

		if (places > parts.dscale)
			for (; places > parts.dscale && keep > 0; places--, keep--)
				digit /= 10;
		if (!rfmseg_decimal_shift(&units, keep))
			rfmseg_decimal_overflow(what);
		units += digit;
	}

	scale = parts.ndigits == 0 ? 0 : (parts.ndigits - 1 - parts.weight) * BASE_DIGITS;
	if (scale > parts.dscale)
		scale = parts.dscale;
	if (scale < 0)
	{
		if (!rfmseg_decimal_shift(&units, -scale))
			rfmseg_decimal_overflow(what);
		scale = 0;
	}
	if (scale > RFMSEG_DECIMAL_MAX_SCALE)
		rfmseg_decimal_overflow(what);

	return rfmseg_decimal_make(parts.negative ? -units : units, scale,
							   Min(parts.dscale, PG_INT16_MAX));
}

/* Where the value, with all decimals shown, is a 64-bit number. */
static Numeric
build_small(const RfmsegDecimal *d)
{
	RfmsegInt128 units = rfmseg_decimal_units(d);

	if (d->shown > RFMSEG_DECIMAL_MAX_SCALE || !rfmseg_decimal_shift(&units, d->shown - d->scale) ||
		units > PG_INT64_MAX || units < PG_INT64_MIN)
		return NULL;
	return int64_div_fast_to_numeric((int64) units, d->shown);
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
	Numeric small = build_small(d);

	if (small != NULL)
		return small;
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
