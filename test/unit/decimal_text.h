/*
 * Decimals as people write them: "-12.50" is -1250 of scale 2.
 */
#ifndef DECIMAL_TEXT_H
#define DECIMAL_TEXT_H

#include <stdlib.h>
#include <string.h>

#include "decimal.h"

/* 128 bits are 39 digits; a sign, a point, a zero before it, a NUL */
#define DECIMAL_TEXT_SIZE 48

static inline RfmsegDecimal
decimal_of_text(const char *text)
{
	const char *point = strchr(text, '.');
	int scale = point == NULL ? 0 : (int) strlen(point + 1);
	RfmsegInt128 units = 0;
	const char *c;

	for (c = text; *c != '\0'; c++)
		if (*c >= '0' && *c <= '9')
			units = units * 10 + (*c - '0');
	return rfmseg_decimal_make(text[0] == '-' ? -units : units, scale, scale);
}

/* Without needless zeros before the point, and with all that the scale has after it. */
static inline void
text_of_units(RfmsegInt128 units, int scale, char *text)
{
	char reversed[DECIMAL_TEXT_SIZE];
	bool negative = units < 0;
	int n = 0;
	int places;

	for (places = 0; places <= scale || units != 0; places++)
	{
		if (places == scale && scale > 0)
			reversed[n++] = '.';
		reversed[n++] = (char) ('0' + abs((int) (units % 10)));
		units /= 10;
	}
	if (negative)
		reversed[n++] = '-';
	while (n > 0)
		*text++ = reversed[--n];
	*text = '\0';
}

static inline void
text_of_decimal(const RfmsegDecimal *d, char *text)
{
	text_of_units(rfmseg_decimal_units(d), d->scale, text);
}

#endif
