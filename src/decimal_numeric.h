/*
 * decimal_numeric.h
 *		Between the server's numeric and the core's decimal.
 */
#ifndef RFMSEG_DECIMAL_NUMERIC_H
#define RFMSEG_DECIMAL_NUMERIC_H

#include "postgres.h"

#include "utils/numeric.h"

#include "core/decimal.h"

/* "what" names the value in error messages */
extern RfmsegDecimal rfmseg_decimal_of_numeric(Numeric num, const char *what);
/* Only of a number, and only where that is fast: false where it is not. */
extern bool rfmseg_decimal_of_small_numeric(Numeric num, RfmsegDecimal *d);
extern Numeric rfmseg_numeric_of_decimal(const RfmsegDecimal *d);
extern void rfmseg_decimal_overflow(const char *what) __attribute__((noreturn));

#endif
