/*
 * log and exp: close to libm's in long double, which has bits to spare on most
 * machines; exact where they can be; and the very bits that they must have on
 * all of them.
 */
#include "portable_math.h"

#include <math.h>
#include <string.h>

#include "prng.h"
#include "tap.h"

#define MOST_ULPS 2
#define LN2 0.69314718055994530942

/* How far a result is from the true one, in units in the last place of a double. */
static double
ulps_off(double result, long double exact)
{
	int exponent;

	if (result == exact)
		return 0;
	frexpl(exact, &exponent);
	exponent = exponent < DBL_MIN_EXP ? DBL_MIN_EXP : exponent;
	return (double) (fabsl(result - exact) / ldexpl(1, exponent - DBL_MANT_DIG));
}

/* The worst of some arguments, and where it is */
typedef struct Worst
{
	double ulps;
	double x;
} Worst;

static void
compare(Worst *worst, double x, double result, long double exact)
{
	double ulps = ulps_off(result, exact);

	/* so written that NaN is the worst of all */
	if (!(ulps <= worst->ulps))
	{
		worst->ulps = ulps;
		worst->x = x;
	}
}

static void
compare_log(Worst *worst, double x)
{
	compare(worst, x, rfmseg_log(x), logl(x));
}

static void
compare_exp(Worst *worst, double x)
{
	compare(worst, x, rfmseg_exp(x), expl(x));
}

#define ok_worst(worst, where)                                                              \
	ok((worst).ulps <= MOST_ULPS, "%s: at most %.3f units off, at %a", where, (worst).ulps, \
	   (worst).x)

/*
 * log
 */

static double
positive_double(Prng *prng)
{
	for (;;)
	{
		double x = fabs(prng_bits(prng));

		if (x > 0 && !isinf(x))
			return x;
	}
}

static void
test_log(void)
{
	Worst octaves = {0, 0}, near_1 = {0, 0}, around = {0, 0}, any = {0, 0};
	Prng prng = {1};
	int exponent, i;
	double above = 1, below = 1;

	for (exponent = DBL_MIN_EXP - DBL_MANT_DIG; exponent < DBL_MAX_EXP; exponent++)
		for (i = 0; i < 128; i++)
			compare_log(&octaves, ldexp(1 + i / 128.0, exponent));
	ok_worst(octaves, "log from the least double to the greatest");

	for (i = 0; i < 20000; i++)
	{
		above = nextafter(above, 2);
		below = nextafter(below, 0);
		compare_log(&near_1, above);
		compare_log(&near_1, below);
	}
	ok_worst(near_1, "log next to 1");

	for (i = 0; i < 200000; i++)
		compare_log(&around, 0.4 + i * 1e-5);
	ok_worst(around, "log around 1");

	for (i = 0; i < 200000; i++)
		compare_log(&any, positive_double(&prng));
	ok_worst(any, "log of any double");
}

static void
test_log_in_order(void)
{
	double x = 1.4142;
	double last = rfmseg_log(x);
	int wrong = 0;
	int i;

	/* across the place at which the series' argument turns from positive to negative */
	for (i = 0; i < 100000; i++)
	{
		double next;

		x += 1e-9;
		next = rfmseg_log(x);
		wrong += next <= last;
		last = next;
	}
	last = -HUGE_VAL;
	for (i = 1; i < 400000; i++)
	{
		double next = rfmseg_log(i * 0x1p-17);

		wrong += next <= last;
		last = next;
	}
	ok(wrong == 0, "log rises (%d times it does not)", wrong);
}

static void
test_special_logs(void)
{
	ok(rfmseg_log(1) == 0 && !signbit(rfmseg_log(1)), "log 1 is 0");
	ok(rfmseg_log(HUGE_VAL) == HUGE_VAL, "of infinity, infinity");
	ok(rfmseg_log(2) == LN2 && rfmseg_log(0.5) == -LN2, "log 2 is correct");
	ok(fabs(rfmseg_log(DBL_MAX) - 709.782712893384) < 1e-12, "log of the greatest double");
	ok(fabs(rfmseg_log(5e-324) + 744.4400719213812) < 1e-12, "of the least");
}

/*
 * exp
 */

static void
test_exp(void)
{
	Worst wide = {0, 0}, near_0 = {0, 0}, tiny = {0, 0}, denormal = {0, 0}, large = {0, 0};
	int i;

	for (i = 0; i <= 400000; i++)
		compare_exp(&wide, -745.1 + i * (745.1 + 709.7) / 400000);
	ok_worst(wide, "exp over all its range");

	for (i = -100000; i <= 100000; i++)
		compare_exp(&near_0, i * 1e-5);
	ok_worst(near_0, "exp around 0");

	for (i = 0; i > DBL_MIN_EXP - DBL_MANT_DIG; i--)
	{
		compare_exp(&tiny, ldexp(1.7, i));
		compare_exp(&tiny, -ldexp(1.7, i));
	}
	ok_worst(tiny, "exp next to 0");

	for (i = 0; i < 100000; i++)
	{
		compare_exp(&denormal, -745.13 + i * (745.13 - 708.3) / 100000);
		compare_exp(&large, 709.0 + i * 0.78e-5);
	}
	ok_worst(denormal, "exp where it is a denormal number");
	ok_worst(large, "exp where it is the largest");
}

/* Around half of ln 2, where the power of two changes */
static void
test_exp_in_order(void)
{
	double last = 0;
	int wrong = 0;
	int i;

	for (i = 0; i < 100000; i++)
	{
		double next = rfmseg_exp(0.34652 + i * 1e-9);

		wrong += next <= last;
		last = next;
	}
	last = 0;
	for (i = -200000; i < 200000; i++)
	{
		double next = rfmseg_exp(i * 0x1p-14);

		wrong += next <= last;
		last = next;
	}
	ok(wrong == 0, "exp rises (%d times it does not)", wrong);
}

static void
test_special_exps(void)
{
	ok(rfmseg_exp(0) == 1 && rfmseg_exp(-0.0) == 1, "exp 0 is 1");
	ok(rfmseg_exp(5e-324) == 1 && rfmseg_exp(-5e-324) == 1, "and so it is next to 0");
	ok(rfmseg_exp(HUGE_VAL) == HUGE_VAL && rfmseg_exp(DBL_MAX) == HUGE_VAL,
	   "of infinity, infinity; of the greatest double too");
	ok(rfmseg_exp(-HUGE_VAL) == 0 && rfmseg_exp(-DBL_MAX) == 0, "of minus infinity, 0");
	ok(isfinite(rfmseg_exp(709.782712893384)) && isinf(rfmseg_exp(709.7827128933841)),
	   "it overflows where it must");
	ok(rfmseg_exp(709.785) == HUGE_VAL && rfmseg_exp(709.8) == HUGE_VAL &&
		   rfmseg_exp(1e5) == HUGE_VAL,
	   "and beyond");
	ok(rfmseg_exp(-745.13) == 5e-324 && rfmseg_exp(-745.1332191019412) == 0,
	   "it underflows where it must");
	ok(rfmseg_exp(-745.135) == 0 && rfmseg_exp(-745.2) == 0 && rfmseg_exp(-1e5) == 0, "and beyond");
}

static bool
undoes(Prng *prng)
{
	double x = (prng_below(prng, 1400000) - 700000) / 1000.0;
	double y = rfmseg_log(rfmseg_exp(x));

	return fabs(y - x) <= 4 * DBL_EPSILON * fmax(1, fabs(x));
}

/*
 * The same bits everywhere
 */

typedef struct Known
{
	double x;
	double result;
} Known;

static int
count_wrong(const Known *known, size_t n, double (*function)(double))
{
	int wrong = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (function(known[i].x) != known[i].result)
		{
			printf("# of %a: %a instead of %a\n", known[i].x, function(known[i].x),
				   known[i].result);
			wrong++;
		}
	return wrong;
}

/* FNV-1a of the bits of many results, at steps that are exact */
static uint64_t
fingerprint(double (*function)(double), double from, double step)
{
	uint64_t hash = UINT64_C(0xCBF29CE484222325);
	int i;

	for (i = 0; i < 100000; i++)
	{
		double result = function(from + i * step);
		uint64_t bits;

		memcpy(&bits, &result, sizeof(bits));
		hash = (hash ^ bits) * UINT64_C(0x100000001B3);
	}
	return hash;
}

/* To change one of these changes all data that anybody has generated. */
static void
test_bits(void)
{
	static const Known logs[] = {
		{0x0.0000000000001p-1022, -0x1.74385446d71c3p+9},
		{0x1p-1022, -0x1.6232bdd7abcd2p+9},
		{0x1.4f8b588e368f1p-17, -0x1.7069e2aa2aa5bp+3},
		{0x1.999999999999ap-4, -0x1.26bb1bbb55515p+1},
		{0x1.fffffffffffffp-1, -0x1p-53},
		{0x1.0000000000001p+0, 0x1.fffffffffffffp-53},
		{0x1.8p+0, 0x1.9f323ecbf984cp-2},
		{0x1.6a09e667f3bcdp+0, 0x1.62e42fefa39fp-2},
		{0x1.6a09e667f3bcep+0, 0x1.62e42fefa39f3p-2},
		{0x1.921fb54442d18p+1, 0x1.250d048e7a1bdp+0},
		{0x1.2a05f2p+33, 0x1.7069e2aa2aa5bp+4},
		{0x1.fffffffffffffp+1023, 0x1.62e42fefa39efp+9},
	};
	static const Known exps[] = {
		{-0x1.748p+9, 0x0.0000000000001p-1022},
		{-0x1.624p+9, 0x0.e6cf6d08897acp-1022},
		{-0x1.92p+5, 0x1.6b30390494d8ep-73},
		{-0x1p+0, 0x1.78b56362cef38p-2},
		{-0x1.999999999999ap-4, 0x1.cf46d99d52b3ap-1},
		{0x1.12e0be826d695p-30, 0x1.000000044b83p+0},
		{0x1.62e42fefa39eep-2, 0x1.6a09e667f3bccp+0},
		{0x1.62e42fefa39fp-2, 0x1.6a09e667f3bcdp+0},
		{0x1p-1, 0x1.a61298e1e069cp+0},
		/* one unit off what is nearest: within the tolerance, and no less fixed */
		{0x1p+0, 0x1.5bf0a8b14576ap+1},
		{0x1.9p+6, 0x1.3494a9b171bf5p+144},
		{0x1.62e3d70a3d70ap+9, 0x1.fe9ce5c4c52b4p+1023},
	};
	uint64_t found;

	ok(count_wrong(logs, sizeof(logs) / sizeof(logs[0]), rfmseg_log) == 0, "the bits of logs");
	ok(count_wrong(exps, sizeof(exps) / sizeof(exps[0]), rfmseg_exp) == 0, "the bits of exps");
	found = fingerprint(rfmseg_log, 0x1p-16, 0x1p-15);
	ok(found == UINT64_C(0xebd409e6a177a8b3), "of many logs (%016llx)", (unsigned long long) found);
	found = fingerprint(rfmseg_exp, -740, 0x1p-7);
	ok(found == UINT64_C(0xde1a50de6757b3fa), "of many exps (%016llx)", (unsigned long long) found);
}

int
main(void)
{
	test_log();
	test_log_in_order();
	test_special_logs();
	test_exp();
	test_exp_in_order();
	test_special_exps();
	ok(always(undoes, 20000), "log undoes exp");
	test_bits();
	return done();
}
