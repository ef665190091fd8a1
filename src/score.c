/*
 * score.c
 *		score(): the score of a value, and score_range(): a score in words.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "core/quantiles.h"
#include "decimal_numeric.h"
#include "score.h"

PG_FUNCTION_INFO_V1(rfmseg_score);
PG_FUNCTION_INFO_V1(rfmseg_score_range);
PG_FUNCTION_INFO_V1(rfmseg_as_float8);

static bool
is_left_closed(text *closed)
{
	const char *word = VARDATA_ANY(closed);
	int length = VARSIZE_ANY_EXHDR(closed);

	if (length == 5 && memcmp(word, "right", 5) == 0)
		return false;
	if (length == 4 && memcmp(word, "left", 4) == 0)
		return true;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("closed must be 'left' or 'right', not '%s'", text_to_cstring(closed)),
			 errdetail("With 'right' a value equal to a cut point belongs to the lower interval, with 'left' to the upper.")));
}

RfmsegCuts
rfmseg_cuts_of(ArrayType *array, bool higher_is_better, text *closed)
{
	RfmsegCuts cuts;

	if (ARR_NDIM(array) != 1 || ARR_LBOUND(array)[0] != 1 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cuts must be a plain list of numbers"),
				 errdetail("It must have one dimension, begin at index 1 and hold at least one number and no NULL.")));

	cuts.cut = (const double *) ARR_DATA_PTR(array);
	cuts.n = ARR_DIMS(array)[0];
	cuts.higher_is_better = higher_is_better;
	cuts.left_closed = is_left_closed(closed);

	if (cuts.n < RFMSEG_MIN_BINS - 1 || cuts.n > RFMSEG_MAX_BINS - 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cuts must have between %d and %d numbers, not %d",
						RFMSEG_MIN_BINS - 1, RFMSEG_MAX_BINS - 1, cuts.n)));
	if (!rfmseg_cuts_ascend(&cuts))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cuts must be finite and in ascending order")));
	return cuts;
}

/* The arguments (cuts float8[], higher_is_better boolean, closed text), which are the second to fourth. */
static RfmsegCuts
cuts_arguments(FunctionCallInfo fcinfo)
{
	return rfmseg_cuts_of(PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_BOOL(2), PG_GETARG_TEXT_PP(3));
}

/* score(value float8, cuts float8[], higher_is_better boolean, closed text) returns int */
Datum
rfmseg_score(PG_FUNCTION_ARGS)
{
	double value = PG_GETARG_FLOAT8(0);
	RfmsegCuts cuts = cuts_arguments(fcinfo);

	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a NaN or infinite value has no score")));
	PG_RETURN_INT32(rfmseg_score_of(value, &cuts));
}

/* A cut as people write it: with two decimals if that says enough, no trailing zeros. */
static char *
cut_text(double cut)
{
	char *s;
	char *end;

	if (cut != 0 && fabs(cut) < 0.01)
		return psprintf("%.2g", cut);
	s = psprintf("%.2f", cut);
	end = s + strlen(s) - 1;
	while (*end == '0')
		*end-- = '\0';
	if (*end == '.')
		*end = '\0';
	return s;
}

void
rfmseg_append_score_range(StringInfo words, int score, const RfmsegCuts *cuts)
{
	int interval;

	if (score < 1 || score > cuts->n + 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("score must be between 1 and %d, not %d", cuts->n + 1, score)));

	interval = rfmseg_interval_of_score(score, cuts);
	if (interval > 0 && interval < cuts->n && cuts->cut[interval - 1] == cuts->cut[interval])
	{
		appendStringInfoString(words, "no value");
		return;
	}
	if (interval > 0)
		appendStringInfo(words, "%s %s", cuts->left_closed ? "at least" : "more than",
						 cut_text(cuts->cut[interval - 1]));
	if (interval > 0 && interval < cuts->n)
		appendStringInfoString(words, ", ");
	if (interval < cuts->n)
		appendStringInfo(words, "%s %s", cuts->left_closed ? "less than" : "at most",
						 cut_text(cuts->cut[interval]));
}

/* score_range(score int, cuts float8[], higher_is_better boolean, closed text) returns text */
Datum
rfmseg_score_range(PG_FUNCTION_ARGS)
{
	RfmsegCuts cuts = cuts_arguments(fcinfo);
	StringInfoData words;

	initStringInfo(&words);
	rfmseg_append_score_range(&words, PG_GETARG_INT32(0), &cuts);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(words.data, words.len));
}

/*
 * as_float8(numeric) returns float8: the cast's result, to the last bit.
 *
 * The cast goes through text.  Where the digits make an integer that a double
 * holds exactly, and so does the power of ten beneath, the one rounding of a
 * division is the right one.
 */
Datum
rfmseg_as_float8(PG_FUNCTION_ARGS)
{
	const RfmsegInt128 exact = (RfmsegInt128) 1 << 53;
	Numeric number = PG_GETARG_NUMERIC(0);
	RfmsegDecimal decimal;

	if (!numeric_is_nan(number) && !numeric_is_inf(number) &&
		rfmseg_decimal_of_small_numeric(number, &decimal) &&
		rfmseg_decimal_units(&decimal) <= exact && rfmseg_decimal_units(&decimal) >= -exact)
		PG_RETURN_FLOAT8(rfmseg_decimal_to_double(&decimal));
	PG_RETURN_DATUM(DirectFunctionCall1(numeric_float8, NumericGetDatum(number)));
}
