/*
 * Exact decimals, against pen and paper: sums of columns of digits.
 */
#include "decimal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decimal_text.h"
#include "prng.h"
#include "tap.h"

#define DIGITS 38
#define POINT RFMSEG_DECIMAL_MAX_SCALE /* the column of whole ones */
#define COLUMNS (POINT + DIGITS + 3)

/* how often random sums did and did not fit; shares were rounded, and compared numbers alike */
static int fitted = 0;
static int overflowed = 0;
static int rounded[2] = {0, 0};
static int alike = 0;

/* Adds a number's digits to columns, of which [0] is worth the least. */
static void
write_down(const char *text, int *column)
{
	const char *point = strchr(text, '.');
	int whole = point == NULL ? (int) strlen(text) : (int) (point - text);
	int sign = text[0] == '-' ? -1 : 1;
	int i;

	for (i = 0; text[i] != '\0'; i++)
		if (text[i] >= '0' && text[i] <= '9')
			column[POINT + (i < whole ? whole - 1 - i : whole - i)] += sign * (text[i] - '0');
}

/* Leaves one digit in each column but the highest, which is negative if the number is. */
static void
carry(int *column)
{
	int i;

	for (i = 0; i < COLUMNS - 1; i++)
	{
		int digit = (column[i] % 10 + 10) % 10;

		column[i + 1] += (column[i] - digit) / 10;
		column[i] = digit;
	}
}

static int
scale_of(const char *text)
{
	const char *point = strchr(text, '.');

	return point == NULL ? 0 : (int) strlen(point + 1);
}

/* The highest column with a digit, or that of whole ones. */
static int
top_of(const int *column)
{
	int top = COLUMNS - 1;

	while (top > POINT && column[top] == 0)
		top--;
	return top;
}

static bool
has_room(const char *text, int last)
{
	int column[COLUMNS] = {0};

	write_down(text[0] == '-' ? text + 1 : text, column);
	return top_of(column) - last < DIGITS;
}

/* The sum as text; false where it, or a term, has over 38 digits with the decimals of both. */
static bool
pen_and_paper(const char *a, const char *b, char *sum)
{
	int column[COLUMNS] = {0};
	int last = POINT - (scale_of(a) > scale_of(b) ? scale_of(a) : scale_of(b));
	const char *begin = sum;
	int i;

	write_down(a, column);
	write_down(b, column);
	carry(column);
	if (column[COLUMNS - 1] < 0)
	{
		*sum++ = '-';
		for (i = 0; i < COLUMNS; i++)
			column[i] = -column[i];
		carry(column);
	}

	for (i = top_of(column); i >= last; i--)
	{
		if (i == POINT - 1)
			*sum++ = '.';
		*sum++ = (char) ('0' + column[i]);
	}
	*sum = '\0';
	return has_room(a, last) && has_room(b, last) && has_room(begin, last);
}

static bool
same_decimal(const RfmsegDecimal *a, const RfmsegDecimal *b)
{
	return a->high == b->high && a->low == b->low && a->scale == b->scale && a->shown == b->shown;
}

/* Up to that many digits and decimals: any, all nines, a power of ten, a round number. */
static void
random_text(Prng *prng, int max_digits, int max_scale, char *text)
{
	int digits = 1 + prng_below(prng, max_digits);
	int scale = prng_below(prng, max_scale + 1);
	int style = prng_below(prng, 4);
	int zeros_from = prng_below(prng, digits + 1);
	int i;

	if (prng_below(prng, 2) == 0)
		*text++ = '-';
	for (i = scale >= digits ? digits - scale - 1 : 0; i < digits; i++)
	{
		int digit = prng_below(prng, 10);

		if (style == 1)
			digit = 9;
		if (style == 2)
			digit = i == 0;
		if (i < 0 || (style == 3 && i >= zeros_from))
			digit = 0;
		if (i == digits - scale)
			*text++ = '.';
		*text++ = (char) ('0' + digit);
	}
	*text = '\0';
}

static bool
sum_is_as_on_paper(Prng *prng, const char *a, const char *b)
{
	char expected[2 * DECIMAL_TEXT_SIZE]; /* room for an overflow too */
	char got[DECIMAL_TEXT_SIZE];
	RfmsegDecimal sum;
	RfmsegDecimal before;
	RfmsegDecimal term;
	int shown;

	sum = decimal_of_text(a);
	sum.shown = (int16_t) (sum.shown + prng_below(prng, 3));
	term = decimal_of_text(b);
	term.shown = (int16_t) (term.shown + prng_below(prng, 3));
	shown = sum.shown > term.shown ? sum.shown : term.shown;
	before = sum;

	if (!pen_and_paper(a, b, expected))
	{
		overflowed++;
		return !rfmseg_decimal_add(&sum, &term) && same_decimal(&sum, &before);
	}
	fitted++;
	if (!rfmseg_decimal_add(&sum, &term))
		return false;
	text_of_decimal(&sum, got);
	return strcmp(got, expected) == 0 && sum.shown == shown;
}

static bool
adds_as_on_paper(Prng *prng)
{
	char a[DECIMAL_TEXT_SIZE];
	char b[DECIMAL_TEXT_SIZE];

	random_text(prng, DIGITS, RFMSEG_DECIMAL_MAX_SCALE, a);
	random_text(prng, DIGITS, RFMSEG_DECIMAL_MAX_SCALE, b);
	return sum_is_as_on_paper(prng, a, b);
}

/* 38 digits of the same scale each, or nearly as many. */
static bool
adds_alike_as_on_paper(Prng *prng)
{
	int scale = prng_below(prng, RFMSEG_DECIMAL_MAX_SCALE + 1);
	char text[2][DECIMAL_TEXT_SIZE];
	int k;

	for (k = 0; k < 2; k++)
	{
		RfmsegInt128 units = RFMSEG_DECIMAL_LARGEST / (1 + prng_below(prng, 4));

		units -= prng_below(prng, 3);
		text_of_units(prng_below(prng, 2) == 0 ? units : -units, scale, text[k]);
	}
	return sum_is_as_on_paper(prng, text[0], text[1]);
}

static void
test_random_sums(void)
{
	ok(always(adds_as_on_paper, 100000), "a sum is that of the digits, and unchanged if over 38");
	ok(fitted > 10000 && overflowed > 10000, "random sums both fit and overflow");
	fitted = overflowed = 0;
	ok(always(adds_alike_as_on_paper, 20000), "so are sums of one scale about the limit");
	ok(fitted > 2000 && overflowed > 2000, "which both fit and overflow, too");
}

#define E18 "000000000000000000"
#define E36 E18 E18
#define NINES18 "999999999999999999"
#define NINES36 NINES18 NINES18

static void
test_sum(const char *a, const char *b, const char *expected, const char *fact)
{
	RfmsegDecimal sum = decimal_of_text(a);
	RfmsegDecimal term = decimal_of_text(b);
	RfmsegDecimal before = sum;
	char got[DECIMAL_TEXT_SIZE];
	bool fits = rfmseg_decimal_add(&sum, &term);

	text_of_decimal(&sum, got);
	if (expected == NULL)
		ok(!fits && same_decimal(&sum, &before), "%s", fact);
	else
		ok(fits && strcmp(got, expected) == 0, "%s", fact);
}

static void
test_hard_sums(void)
{
	test_sum("0.1", "0.2", "0.3", "a tenth and two are three");
	test_sum("9007199254740992", "1", "9007199254740993", "2^53 + 1 is kept");
	test_sum("18446744073709551615", "1", "18446744073709551616", "the lower half carries over");
	test_sum("-18446744073709551616", "1", "-18446744073709551615", "and borrows");
	test_sum("1", "-1.00", "0.00", "what cancels leaves zero, with its decimals");
	test_sum("0", "0.000", "0.000", "nothing and nothing is nothing");
	test_sum("1.50", "2.5000", "4.0000", "trailing zeros stay");
	test_sum("-0.05", "0.02", "-0.03", "less than a whole one, and below zero");
	test_sum("0." E36 "1", "9", "9." E36 "1", "37 decimals leave room for one digit");
	test_sum("0." E36 "1", "10", NULL, "and for no second");
	test_sum("-10", "0." E36 "1", NULL, "below zero neither");
	test_sum("1" E36, "0.1", "1" E36 ".1", "37 digits leave room for one decimal");
	test_sum("10" E36, "0.1", NULL, "38 digits leave none");
	test_sum("0.1", "10" E36, NULL, "whichever comes first");
	test_sum("10" E36, "-9" E36 ".1", NULL, "nor if the sum alone would fit");
	test_sum("99" NINES36, "0", "99" NINES36, "38 nines fit");
	test_sum("99" NINES36, "1", NULL, "one more does not");
	test_sum("-99" NINES36, "-1", NULL, "nor one less below zero");
	test_sum("-99" NINES36, "0", "-99" NINES36, "38 nines fit below zero");
	test_sum("99" NINES36, "-99" NINES36, "0", "38 nines cancel");
	test_sum("50" E36, "50" E36, NULL, "two halves of 10^38 overflow");
	test_sum("50" E36, "49" NINES36, "99" NINES36, "one less fits");
	test_sum("-0." NINES36 "9", "0." E36 "1", "-0." NINES36 "8", "37 decimals of both");
	test_sum("99" NINES36, "99" NINES36, NULL, "38 nines twice overflow");
	test_sum("-99" NINES36, "-99" NINES36, NULL, "so they do below zero");
}

static RfmsegInt128
power_of_ten(int digits)
{
	RfmsegInt128 power = 1;

	while (digits-- > 0)
		power *= 10;
	return power;
}

static bool
unpacks(RfmsegInt128 units, int scale, int shown)
{
	RfmsegDecimal d = rfmseg_decimal_make(units, scale, shown);

	return rfmseg_decimal_units(&d) == units && d.scale == scale && d.shown == shown;
}

static RfmsegInt128
random_int128(Prng *prng)
{
	RfmsegInt128 high = (RfmsegInt128) (int64_t) prng_next(prng) >> prng_below(prng, 64);

	return high * ((RfmsegInt128) 1 << 64) + (RfmsegInt128) prng_next(prng);
}

static bool
unpacks_any(Prng *prng)
{
	return unpacks(random_int128(prng), prng_below(prng, 38), prng_below(prng, 1000));
}

static void
test_packing(void)
{
	const RfmsegInt128 two63 = (RfmsegInt128) 1 << 63;
	const RfmsegInt128 two64 = two63 * 2;
	const RfmsegInt128 greatest = (two64 / 2 - 1) * two64 + (two64 - 1);

	ok(always(unpacks_any, 10000), "units, scale and shown come back");
	ok(unpacks(0, 0, 0) && unpacks(-1, 2, 2) && unpacks(1, 37, 37), "so do 0, -1 and 1");
	ok(unpacks(two63, 0, 0) && unpacks(-two63, 0, 0) && unpacks(two63 - 1, 0, 0) &&
		   unpacks(two64, 0, 0) && unpacks(-two64, 0, 0) && unpacks(two64 - 1, 0, 0),
	   "so do numbers about the seam of the halves");
	ok(unpacks(greatest, 0, 0) && unpacks(-greatest - 1, 0, 0), "so do the 128-bit extremes");
}

static void
test_range(void)
{
	const RfmsegInt128 ten38 = power_of_ten(38);

	ok(rfmseg_decimal_in_range(ten38 - 1) && rfmseg_decimal_in_range(1 - ten38),
	   "38 nines are in range");
	ok(!rfmseg_decimal_in_range(ten38) && !rfmseg_decimal_in_range(-ten38), "10^38 is not");
	ok(!rfmseg_decimal_in_range(-(ten38 + (ten38 / 2))) && rfmseg_decimal_in_range(0),
	   "zero is, the lowest numbers are not");
}

static bool
shifts_as_zeros_are_written(Prng *prng)
{
	char text[2 * DECIMAL_TEXT_SIZE];
	char got[DECIMAL_TEXT_SIZE];
	int zeros = prng_below(prng, 39);
	RfmsegDecimal d;
	RfmsegInt128 before;
	RfmsegInt128 units;
	bool fits;
	int i;

	random_text(prng, DIGITS, 0, text);
	d = decimal_of_text(text);
	before = units = rfmseg_decimal_units(&d);
	fits = rfmseg_decimal_shift(&units, zeros);

	text_of_units(before, 0, text);
	if (before != 0)
		for (i = 0; i < zeros; i++)
			strcat(text, "0");
	if ((int) strlen(text) - (before < 0) > DIGITS)
		return !fits && units == before;
	text_of_units(units, 0, got);
	return fits && strcmp(got, text) == 0;
}

static bool
shifts(RfmsegInt128 units, int digits, RfmsegInt128 expected)
{
	return rfmseg_decimal_shift(&units, digits) && units == expected;
}

static bool
refuses(RfmsegInt128 units, int digits)
{
	RfmsegInt128 shifted = units;

	return !rfmseg_decimal_shift(&shifted, digits) && shifted == units;
}

static void
test_shifts(void)
{
	ok(always(shifts_as_zeros_are_written, 20000), "a shift writes zeros after the digits");
	ok(shifts(1, 37, power_of_ten(37)) && shifts(-1, 37, -power_of_ten(37)), "1 shifts by 37");
	ok(refuses(1, 38) && refuses(-1, 38), "but not by 38");
	ok(shifts(0, 38, 0) && shifts(0, 1000, 0), "zero shifts by anything");
	ok(shifts(power_of_ten(37) - 1, 1, power_of_ten(38) - 10) && refuses(power_of_ten(37), 1),
	   "37 nines shift once, 10^37 does not");
	ok(shifts(power_of_ten(38) - 1, 0, power_of_ten(38) - 1), "38 nines shift by nothing");
}

static int
sign_of(RfmsegInt128 units)
{
	RfmsegDecimal d = rfmseg_decimal_make(units, 0, 0);

	return rfmseg_decimal_sign(&d);
}

static bool
has_its_sign(Prng *prng)
{
	RfmsegInt128 units = random_int128(prng);

	return sign_of(units) == (units > 0) - (units < 0);
}

static void
test_signs(void)
{
	const RfmsegInt128 two64 = (RfmsegInt128) 1 << 64;

	ok(always(has_its_sign, 10000), "the sign is that of the units");
	ok(sign_of(0) == 0 && sign_of(1) == 1 && sign_of(-1) == -1, "of 0, 1 and -1 too");
	ok(sign_of(two64) == 1 && sign_of(-two64) == -1 && sign_of(two64 / 2) == 1 &&
		   sign_of(two64 - 1) == 1,
	   "and where one half is zero or has its top bit set");
}

/* 15 digits and a power of ten up to 10^22 are exact, so only one rounding is left. */
static bool
money_is_the_nearest_double(Prng *prng)
{
	char text[DECIMAL_TEXT_SIZE];
	RfmsegDecimal d;

	random_text(prng, 15, 22, text);
	d = decimal_of_text(text);
	return rfmseg_decimal_to_double(&d) == strtod(text, NULL);
}

static bool
any_is_near_its_double(Prng *prng)
{
	char text[DECIMAL_TEXT_SIZE];
	RfmsegDecimal d;
	double exact;

	random_text(prng, DIGITS, RFMSEG_DECIMAL_MAX_SCALE, text);
	d = decimal_of_text(text);
	exact = strtod(text, NULL);
	return fabs(rfmseg_decimal_to_double(&d) - exact) <= 4e-15 * fabs(exact);
}

static double
double_of(const char *text)
{
	RfmsegDecimal d = decimal_of_text(text);

	return rfmseg_decimal_to_double(&d);
}

static void
test_doubles(void)
{
	ok(always(money_is_the_nearest_double, 50000), "up to 15 digits become the nearest double");
	ok(always(any_is_near_its_double, 50000), "more digits become one next to it");
	ok(double_of("0.1") == 0.1 && double_of("-1234567.89") == -1234567.89, "so do usual amounts");
	ok(double_of("0.00") == 0.0, "zero is zero");
	ok(double_of("9007199254740993") == 9007199254740992.0, "2^53 + 1 rounds to even");
	ok(double_of("99" NINES36) == 1e38 && double_of("-99" NINES36) == -1e38, "38 nines are 1e38");
}

/* -1, 0 or 1, digit by digit from the highest; both numbers times something. */
static int
compare_on_paper(const char *a, int times_a, const char *b, int times_b)
{
	int column[2][COLUMNS] = {{0}};
	int i;

	write_down(a, column[0]);
	write_down(b, column[1]);
	for (i = 0; i < COLUMNS; i++)
	{
		column[0][i] *= times_a;
		column[1][i] *= times_b;
	}
	carry(column[0]);
	carry(column[1]);
	for (i = COLUMNS - 1; i >= 0; i--)
		if (column[0][i] != column[1][i])
			return column[0][i] > column[1][i] ? 1 : -1;
	return 0;
}

static int
compare_texts(const char *a, const char *b)
{
	RfmsegDecimal x = decimal_of_text(a);
	RfmsegDecimal y = decimal_of_text(b);

	return rfmseg_decimal_compare(&x, &y);
}

/* Some are alike but for zeros at the end. */
static bool
compares_as_on_paper(Prng *prng)
{
	char a[DECIMAL_TEXT_SIZE];
	char b[DECIMAL_TEXT_SIZE];
	int digits = prng_below(prng, 2) == 0 ? 2 : 20;
	int expected;

	random_text(prng, DIGITS, RFMSEG_DECIMAL_MAX_SCALE, a);
	random_text(prng, DIGITS, RFMSEG_DECIMAL_MAX_SCALE, b);
	if (prng_below(prng, 3) == 0)
	{
		random_text(prng, digits, digits - 1, a);
		strcpy(b, a);
		if (strchr(b, '.') != NULL)
			strcat(b, prng_below(prng, 2) == 0 ? "000" : "001");
	}
	expected = compare_on_paper(a, 1, b, 1);
	alike += expected == 0;
	return compare_texts(a, b) == expected && compare_texts(b, a) == -expected;
}

static void
test_comparisons(void)
{
	ok(always(compares_as_on_paper, 50000), "numbers compare as their digits do");
	ok(alike > 2000, "some of which were alike (%d)", alike);
	ok(compare_texts("1.0", "1.0000") == 0 && compare_texts("0", "0.0000") == 0,
	   "zeros at the end make no difference");
	ok(compare_texts("10", "0." E36 "1") == 1 && compare_texts("0." E36 "1", "10") == -1 &&
		   compare_texts("-10", "0." E36 "1") == -1 && compare_texts("-0." E36 "1", "-10") == 1,
	   "nor does it where one does not fit beside the decimals of the other");
	ok(compare_texts("99" NINES36, "-99" NINES36) == 1 &&
		   compare_texts("99" NINES36, "0." NINES36 "9") == 1 &&
		   compare_texts("0", "-0." E36 "1") == 1,
	   "the remotest numbers do, too");
}

static bool
negates(Prng *prng)
{
	char text[DECIMAL_TEXT_SIZE];
	char negated[DECIMAL_TEXT_SIZE];
	RfmsegDecimal d;
	RfmsegDecimal n;

	random_text(prng, DIGITS, RFMSEG_DECIMAL_MAX_SCALE, text + 1);
	text[0] = '-';
	d = decimal_of_text(text[1] == '-' ? text + 1 : text);
	d.shown = (int16_t) (d.shown + prng_below(prng, 3));
	n = rfmseg_decimal_negate(&d);
	if (d.scale != n.scale || d.shown != n.shown)
		return false;
	text_of_decimal(&d, text);
	text_of_decimal(&n, negated);
	if (rfmseg_decimal_units(&d) != 0 && strcmp(text + 1, negated) != 0)
		return false;
	n = rfmseg_decimal_negate(&n);
	return same_decimal(&n, &d);
}

static void
test_negation(void)
{
	RfmsegDecimal zero = decimal_of_text("0.00");
	RfmsegDecimal negated = rfmseg_decimal_negate(&zero);
	RfmsegDecimal half = rfmseg_decimal_make((RfmsegInt128) 1 << 64, 1, 3);

	ok(always(negates, 20000), "a negated number has a minus more, or one less");
	ok(same_decimal(&zero, &negated), "zero has none");
	negated = rfmseg_decimal_negate(&half);
	ok(rfmseg_decimal_units(&negated) == -((RfmsegInt128) 1 << 64) && negated.scale == 1 &&
		   negated.shown == 3,
	   "the seam of the halves is no trouble");
}

/* The whole number nearest to a fraction: of two as near, the one further from zero. */
static bool
is_nearest(RfmsegInt128 q, RfmsegInt128 numerator, RfmsegInt128 denominator)
{
	RfmsegInt128 off = 2 * (numerator - q * denominator);

	if (off == denominator || off == -denominator)
		return numerator > 0 ? off < 0 : off > 0;
	return off < denominator && off > -denominator;
}

static bool
quotient_is_nearest(Prng *prng)
{
	RfmsegInt128 denominator = 1 + prng_below(prng, prng_below(prng, 2) == 0 ? 12 : 1000000000);
	RfmsegInt128 numerator = prng_below(prng, 2000000001) - 1000000000;

	if (prng_below(prng, 2) == 0)
		numerator = numerator % (5 * denominator);
	if (prng_below(prng, 4) == 0)
	{
		numerator *= (RfmsegInt128) 1 << 64;
		denominator += (RfmsegInt128) 1 << prng_below(prng, 90);
	}
	return is_nearest(rfmseg_rounded_quotient(numerator, denominator), numerator, denominator);
}

static void
test_quotients(void)
{
	const RfmsegInt128 most = RFMSEG_DECIMAL_LARGEST;
	const RfmsegInt128 greatest = (((RfmsegInt128) 1 << 126) - 1) * 2 + 1;

	ok(always(quotient_is_nearest, 100000), "a quotient is the nearest whole number");
	ok(rfmseg_rounded_quotient(1, 2) == 1 && rfmseg_rounded_quotient(-1, 2) == -1 &&
		   rfmseg_rounded_quotient(3, 2) == 2 && rfmseg_rounded_quotient(-5, 2) == -3,
	   "halves go away from zero");
	ok(rfmseg_rounded_quotient(49, 99) == 0 && rfmseg_rounded_quotient(50, 99) == 1 &&
		   rfmseg_rounded_quotient(-49, 99) == 0 && rfmseg_rounded_quotient(-50, 99) == -1,
	   "an odd denominator has none");
	ok(rfmseg_rounded_quotient(most, most) == 1 && rfmseg_rounded_quotient(-most, most) == -1 &&
		   rfmseg_rounded_quotient(0, most) == 0 && rfmseg_rounded_quotient(most, 1) == most,
	   "of 38 nines, too");
	ok(rfmseg_rounded_quotient(greatest, greatest) == 1 &&
		   rfmseg_rounded_quotient(greatest - 1, greatest) == 1 &&
		   rfmseg_rounded_quotient(-greatest, greatest) == -1 &&
		   rfmseg_rounded_quotient(greatest / 2, greatest) == 0 &&
		   rfmseg_rounded_quotient(greatest / 2 + 1, greatest) == 1,
	   "nor does anything overflow at the 128-bit extremes");
}

static int64_t
share_of(const char *part, const char *whole)
{
	RfmsegDecimal a = decimal_of_text(part);
	RfmsegDecimal b = decimal_of_text(whole);

	return rfmseg_decimal_share(&a, &b);
}

/* The largest k for which k - 1/2 ten-thousandths of the whole are no more than the part. */
static int
share_on_paper(const char *part, const char *whole)
{
	int low = 0;
	int high = 10000;

	while (low < high)
	{
		int k = (low + high + 1) / 2;

		if (compare_on_paper(whole, 2 * k - 1, part, 20000) <= 0)
			low = k;
		else
			high = k - 1;
	}
	return low;
}

/* Of any numbers of up to so many digits; the larger one is the whole. */
static bool
share_is_as_on_paper(Prng *prng, int digits, int max_scale)
{
	char text[2][DECIMAL_TEXT_SIZE + 1];
	const char *part = text[0];
	const char *whole = text[1];
	int expected;

	random_text(prng, digits, max_scale, text[0]);
	random_text(prng, digits, max_scale, text[1]);
	part += part[0] == '-';
	whole += whole[0] == '-';
	if (compare_on_paper(part, 1, whole, 1) > 0)
	{
		const char *larger = part;

		part = whole;
		whole = larger;
	}
	if (compare_on_paper(whole, 1, "0", 1) == 0)
		return true;
	expected = share_on_paper(part, whole);
	rounded[compare_on_paper(whole, expected, part, 10000) > 0] += expected > 0;
	return share_of(part, whole) == expected;
}

static bool
share_of_money_is_as_on_paper(Prng *prng)
{
	return share_is_as_on_paper(prng, 1 + prng_below(prng, 15), 4);
}

static bool
share_of_anything_is_as_on_paper(Prng *prng)
{
	return share_is_as_on_paper(prng, DIGITS, RFMSEG_DECIMAL_MAX_SCALE);
}

/* Odd numbers of half ten-thousandths, that is ties, or next to one. */
static bool
share_of_a_tie_goes_up(Prng *prng)
{
	int k = 1 + prng_below(prng, 10000);
	RfmsegInt128 unit = 1 + prng_below(prng, 1000000000);
	int scale = prng_below(prng, 5);
	char part[DECIMAL_TEXT_SIZE];
	char less[DECIMAL_TEXT_SIZE];
	char whole[DECIMAL_TEXT_SIZE];

	text_of_units((2 * k - 1) * unit, scale, part);
	text_of_units((2 * k - 1) * unit - 1, scale, less);
	text_of_units(20000 * unit, scale, whole);
	return share_of(part, whole) == k && share_of(less, whole) == k - 1;
}

static void
test_shares(void)
{
	ok(always(share_of_money_is_as_on_paper, 50000), "a share of money is that of its digits");
	ok(rounded[0] > 1000 && rounded[1] > 1000, "some of which were rounded up, and some down");
	ok(always(share_of_anything_is_as_on_paper, 50000), "so is that of up to 38 digits");
	ok(always(share_of_a_tie_goes_up, 20000), "a tie goes up, what is less goes down");
	ok(share_of("0", "5") == 0 && share_of("0.000", "0.1") == 0 && share_of("5", "5.0000") == 10000,
	   "nothing has no share, everything has all");
	ok(share_of("99" NINES36, "99" NINES36) == 10000 &&
		   share_of("0." E36 "1", "0." E36 "1") == 10000,
	   "also of the largest and the least number");
	ok(share_of("1", "99" NINES36) == 0 && share_of("33" E36, "99" NINES36) == 3300 &&
		   share_of("0." E36 "1", "99" NINES36) == 0,
	   "parts of 38 nines, of any scale");
	ok(share_of("1", "0" NINES36 "9") == 0 && share_of("0." E36 "5", "1") == 0 &&
		   share_of("0.5", "1." E36) == 5000,
	   "and wholes with 37 digits, or decimals");
	ok(share_of("0.0001", "2") == 1 && share_of("0.00005", "1") == 1 &&
		   share_of("0.00004999", "1") == 0 && share_of("0.99995", "1") == 10000,
	   "half a ten-thousandth is one");
}

int
main(void)
{
	test_packing();
	test_range();
	test_shifts();
	test_signs();
	test_doubles();
	test_hard_sums();
	test_random_sums();
	test_comparisons();
	test_negation();
	test_quotients();
	test_shares();
	return done();
}
