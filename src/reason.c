/*
 * reason.c
 *		segment_reason(): why a customer is in a segment, in words.
 *
 * A query over all customers asks for a million of them, and all have the same
 * cut points: what these say of each score is written once and kept.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "core/quantiles.h"
#include "decimal_numeric.h"
#include "score.h"

/* What a query keeps in fn_extra of each of the three scores. */
typedef struct ScoreWords
{
	struct varlena *cuts; /* as they were handed over */
	struct varlena *closed;
	int bins;
	char *words[RFMSEG_MAX_BINS]; /* from the score of 1 on */
} ScoreWords;

typedef enum
{
	RECENCY,
	FREQUENCY,
	MONETARY
} Dimension;

#define DIMENSIONS (MONETARY + 1)

typedef struct ReasonCache
{
	MemoryContext context[DIMENSIONS]; /* of the words, emptied for others */
	ScoreWords *score[DIMENSIONS];
} ReasonCache;

enum
{
	ARG_SEGMENT,
	ARG_RECENCY,
	ARG_FREQUENCY,
	ARG_MONETARY,
	ARG_CURRENCY,
	ARG_SCORE,						   /* the first of three */
	ARG_CUTS = ARG_SCORE + DIMENSIONS, /* and of three pairs of cuts and closed */
	ARG_LIFETIME = ARG_CUTS + 2 * DIMENSIONS
};

static const char *const dimension_names[DIMENSIONS] = {"recency", "frequency", "monetary"};

PG_FUNCTION_INFO_V1(rfmseg_segment_reason);

static bool
same_bytes(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static struct varlena *
copy_bytes(const struct varlena *value)
{
	struct varlena *copy = palloc(VARSIZE_ANY(value));

	memcpy(copy, value, VARSIZE_ANY(value));
	return copy;
}

/* The words of one of the scores, those written for the last row if its cut points were the same */
static const ScoreWords *
score_words(FunctionCallInfo fcinfo, Dimension dimension)
{
	ReasonCache *cache = fcinfo->flinfo->fn_extra;
	int arg = ARG_CUTS + 2 * dimension;
	struct varlena *cuts = PG_GETARG_VARLENA_PP(arg);
	struct varlena *closed = PG_GETARG_VARLENA_PP(arg + 1);
	ScoreWords *score;
	MemoryContext caller;
	RfmsegCuts unpacked;

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ReasonCache));
		for (int i = 0; i < DIMENSIONS; i++)
			cache->context[i] = AllocSetContextCreate(
				fcinfo->flinfo->fn_mcxt, "rfmseg segment_reason", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	score = cache->score[dimension];
	if (score != NULL && same_bytes(score->cuts, cuts) && same_bytes(score->closed, closed))
		return score;

	unpacked = rfmseg_cuts_of(PG_GETARG_ARRAYTYPE_P(arg), dimension != RECENCY, (text *) closed);
	cache->score[dimension] = NULL;
	MemoryContextReset(cache->context[dimension]);
	caller = MemoryContextSwitchTo(cache->context[dimension]);
	score = palloc(sizeof(ScoreWords));
	score->cuts = copy_bytes(cuts);
	score->closed = copy_bytes(closed);
	score->bins = unpacked.n + 1;
	for (int i = 1; i <= score->bins; i++)
	{
		StringInfoData words;

		initStringInfo(&words);
		appendStringInfo(&words, " (%s score %d of %d: ", dimension_names[dimension], i,
						 score->bins);
		rfmseg_append_score_range(&words, i, &unpacked);
		appendStringInfoChar(&words, ')');
		score->words[i - 1] = words.data;
	}
	MemoryContextSwitchTo(caller);
	cache->score[dimension] = score;
	return score;
}

/* Nothing of a score that is not to be seen */
static void
append_score(StringInfo reason, FunctionCallInfo fcinfo, Dimension dimension)
{
	int arg = ARG_CUTS + 2 * dimension;
	const ScoreWords *score;
	int value;

	if (PG_ARGISNULL(ARG_SCORE + dimension) || PG_ARGISNULL(arg) || PG_ARGISNULL(arg + 1))
		return;
	score = score_words(fcinfo, dimension);
	value = PG_GETARG_INT32(ARG_SCORE + dimension);
	if (value >= 1 && value <= score->bins)
		appendStringInfoString(reason, score->words[value - 1]);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s score must be between 1 and %d, not %d", dimension_names[dimension],
						score->bins, value)));
}

static void
append_text(StringInfo reason, const text *value)
{
	appendBinaryStringInfo(reason, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

static void
append_count(StringInfo reason, int64 count)
{
	char digits[MAXINT8LEN + 1];

	appendBinaryStringInfo(reason, digits, pg_lltoa(count, digits));
}

/* Money with two decimals, as round(money, 2) shows it */
static void
append_money(StringInfo reason, Numeric money)
{
	RfmsegDecimal decimal;

	if (!numeric_is_nan(money) && !numeric_is_inf(money) &&
		rfmseg_decimal_of_small_numeric(money, &decimal) && decimal.high == 0 &&
		decimal.low <= INT64_MAX / 100 && decimal.scale >= 0 && decimal.scale <= 2)
	{
		int64 cents = (int64) decimal.low;

		for (int i = decimal.scale; i < 2; i++)
			cents *= 10;
		append_count(reason, cents / 100);
		appendStringInfoCharMacro(reason, '.');
		appendStringInfoCharMacro(reason, (char) ('0' + cents / 10 % 10));
		appendStringInfoCharMacro(reason, (char) ('0' + cents % 10));
	}
	else
	{
		Datum rounded =
			DirectFunctionCall2(numeric_round, NumericGetDatum(money), Int32GetDatum(2));

		appendStringInfoString(reason, DatumGetCString(DirectFunctionCall1(numeric_out, rounded)));
	}
}

/*
 * segment_reason(segment_name text, recency_days int, frequency bigint,
 *		monetary numeric, currency text, r_score int, f_score int, m_score int,
 *		r_cuts float8[], r_closed text, f_cuts float8[], f_closed text,
 *		m_cuts float8[], m_closed text, lifetime_frequency bigint) returns text
 */
Datum
rfmseg_segment_reason(PG_FUNCTION_ARGS)
{
	StringInfoData reason;
	int recency;
	int64 frequency;
	int64 lifetime;

	if (PG_ARGISNULL(ARG_SEGMENT) || PG_ARGISNULL(ARG_LIFETIME))
		PG_RETURN_NULL();
	lifetime = PG_GETARG_INT64(ARG_LIFETIME);
	if (lifetime != 0 &&
		(PG_ARGISNULL(ARG_RECENCY) || PG_ARGISNULL(ARG_FREQUENCY) || PG_ARGISNULL(ARG_MONETARY)))
		PG_RETURN_NULL();

	/* the result is built in place, behind its header */
	initStringInfo(&reason);
	appendStringInfoSpaces(&reason, VARHDRSZ);
	append_text(&reason, PG_GETARG_TEXT_PP(ARG_SEGMENT));
	if (lifetime == 0)
		appendStringInfoString(&reason, ": nothing was bought that was not refunded.");
	else
	{
		recency = PG_GETARG_INT32(ARG_RECENCY);
		frequency = PG_GETARG_INT64(ARG_FREQUENCY);
		appendStringInfoString(&reason, ": last purchase ");
		append_count(&reason, recency);
		appendStringInfoString(&reason, recency == 1 ? " day ago" : " days ago");
		append_score(&reason, fcinfo, RECENCY);
		appendStringInfoString(&reason, ", ");
		append_count(&reason, frequency);
		appendStringInfoString(&reason, frequency == 1 ? " purchase" : " purchases");
		if (frequency < lifetime)
			appendStringInfoString(&reason, " within the lookback");
		else if (frequency == 1)
			appendStringInfoString(&reason, " ever");
		append_score(&reason, fcinfo, FREQUENCY);
		appendStringInfoString(&reason, ", ");
		if (!PG_ARGISNULL(ARG_CURRENCY))
		{
			append_text(&reason, PG_GETARG_TEXT_PP(ARG_CURRENCY));
			appendStringInfoCharMacro(&reason, ' ');
		}
		append_money(&reason, PG_GETARG_NUMERIC(ARG_MONETARY));
		appendStringInfoString(&reason, " spent");
		append_score(&reason, fcinfo, MONETARY);
		appendStringInfoCharMacro(&reason, '.');
	}
	SET_VARSIZE(reason.data, reason.len);
	PG_RETURN_TEXT_P((text *) reason.data);
}
