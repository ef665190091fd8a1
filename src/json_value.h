/*
 * json_value.h
 *		Values of jsonb objects that hold options.
 */
#ifndef RFMSEG_JSON_VALUE_H
#define RFMSEG_JSON_VALUE_H

#include "postgres.h"

#include "utils/jsonb.h"

/* A value as JSON, for a message. */
extern const char *rfmseg_json_text(JsonbValue *value);

/* A number; NaN for what is no number, infinite for one that no double holds. */
extern double rfmseg_json_number(JsonbValue *value);

/* A whole number; false for what is none, or does not fit. */
extern bool rfmseg_json_integer(JsonbValue *value, int64 *number);

/*
 * Walks through the keys of an object, without those inside of its values:
 * JsonbIteratorInit(), then this until it returns NULL.
 */
extern char *rfmseg_json_next(JsonbIterator **iterator, JsonbValue *value);

#endif
