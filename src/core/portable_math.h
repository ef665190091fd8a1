/*
 * portable_math.h
 *		exp and log that give the same bits on every machine: libm's differ
 *		from one processor to the next.
 *
 * Made of +, -, * and / alone, which IEEE 754 rounds alike everywhere, and so
 * not to be compiled with fused multiply-adds.  Within 2 units in the last place.
 */
#ifndef RFMSEG_PORTABLE_MATH_H
#define RFMSEG_PORTABLE_MATH_H

#include <float.h>

#if FLT_EVAL_METHOD != 0
#error \
	"rfmseg needs a processor that computes in double precision (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

/* Of a number above 0; of an infinite one it is infinite. */
extern double rfmseg_log(double x);

/* Infinite above 709.78, 0 below -745.13. */
extern double rfmseg_exp(double x);

/* ln(1 + x), of x > -1, and exp(x) - 1: to 1e-15, relative, also where they are small. */
extern double rfmseg_log1p(double x);
extern double rfmseg_expm1(double x);

#endif
