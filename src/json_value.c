/*
 * json_value.c
 *		Reading jsonb objects that hold options.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "json_value.h"

const char *
rfmseg_json_text(JsonbValue *value)
{
	Jsonb *jsonb = JsonbValueToJsonb(value);

	return JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
}

double
rfmseg_json_number(JsonbValue *value)
{
	if (value->type != jbvNumeric)
		return NAN;
	return DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
}

bool
rfmseg_json_integer(JsonbValue *value, int64 *number)
{
	Numeric whole;

	if (value->type != jbvNumeric)
		return false;
	whole = DatumGetNumeric(
		DirectFunctionCall2(numeric_trunc, NumericGetDatum(value->val.numeric), Int32GetDatum(0)));
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(value->val.numeric),
										  NumericGetDatum(whole))) ||
		DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(whole),
										  NumericGetDatum(int64_to_numeric(PG_INT64_MAX)))) > 0 ||
		DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(whole),
										  NumericGetDatum(int64_to_numeric(PG_INT64_MIN)))) < 0)
		return false;
	*number = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(whole)));
	return true;
}

char *
rfmseg_json_next(JsonbIterator **iterator, JsonbValue *value)
{
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(iterator, value, true)) != WJB_DONE)
		if (token == WJB_KEY)
		{
			char *name = pnstrdup(value->val.string.val, value->val.string.len);

			(void) JsonbIteratorNext(iterator, value, true);
			return name;
		}
	return NULL;
}
