/*
 * lifetime_history.c
 *		Histories of customers in arguments: reading and refusing them.
 */
#include "postgres.h"

#include "common/shortest_dec.h"

#include "core/lifetime/fit.h"
#include "lifetime_history.h"

/* Minus zero becomes zero, which it equals. */
RfmsegHistoryRow
rfmseg_purchase_arguments(FunctionCallInfo fcinfo, int first)
{
	return (RfmsegHistoryRow){.frequency_repeat = PG_GETARG_INT32(first),
							  .recency_btyd = PG_GETARG_FLOAT8(first + 1) + 0.0,
							  .t_age = PG_GETARG_FLOAT8(first + 2) + 0.0,
							  .weight = 1};
}

/* Times are not given, so they are some that so many purchases can have. */
RfmsegHistoryRow
rfmseg_spending_arguments(FunctionCallInfo fcinfo, int first)
{
	double frequency = PG_GETARG_INT32(first);

	return (RfmsegHistoryRow){.frequency_repeat = frequency,
							  .recency_btyd = frequency,
							  .t_age = frequency,
							  .monetary_value = PG_GETARG_FLOAT8(first + 1) + 0.0,
							  .weight = 1};
}

const char *
rfmseg_shown(double value)
{
	char *text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(value, text);
	return text;
}

static void
refuse(const RfmsegHistoryRow *row, RfmsegHistoryStatus status)
{
	double x = row->frequency_repeat;

	switch (status)
	{
		case RFMSEG_HISTORY_OK:
			break;
		case RFMSEG_HISTORY_FREQUENCY:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("frequency_repeat is %.0f", x),
					 errhint("It is the number of repeat purchases, those after the first day, from 0 to %d.", RFMSEG_MAX_FREQUENCY)));
			break;
		case RFMSEG_HISTORY_AGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("t_age is %s", rfmseg_shown(row->t_age)),
					 errhint("It is the time from the first purchase to the end of what was observed, from 0 to %g.", RFMSEG_MOST_AGE)));
			break;
		case RFMSEG_HISTORY_RECENCY:
			if (row->recency_btyd > row->t_age)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("recency_btyd %s is above t_age %s", rfmseg_shown(row->recency_btyd), rfmseg_shown(row->t_age)),
						 errhint("The last purchase cannot be later than the end of what was observed. Both are counted from the first purchase.")));
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("recency_btyd is %s", rfmseg_shown(row->recency_btyd)),
					 errhint("It is the time from the first purchase to the last, from 0 to t_age.")));
			break;
		case RFMSEG_HISTORY_REPEATS_AT_ONCE:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("frequency_repeat is %.0f, but recency_btyd is 0", x),
					 errhint("Who bought again did so later than at first. Purchases of one day count as one, as in rfmseg.rfm().")));
			break;
		case RFMSEG_HISTORY_ONE_TIMER_RECENCY:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("frequency_repeat is 0, but recency_btyd is %s", rfmseg_shown(row->recency_btyd)),
					 errhint("The last purchase of who bought once is the first. frequency_repeat does not count the first purchase, and recency_btyd is not the time since the last one.")));
			break;
		case RFMSEG_HISTORY_MONEY:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("monetary_value is %s", rfmseg_shown(row->monetary_value)),
					 errhint("It is the mean value of the repeat purchases, from 0 to %g. Where returns outweigh purchases, leave the customer out, FILTER (WHERE monetary_value > 0), or give greatest(monetary_value, 0).", RFMSEG_MOST_MONEY)));
			break;
	}
}

void
rfmseg_check_history_arguments(const RfmsegHistoryRow *row)
{
	RfmsegHistoryStatus status = rfmseg_check_history(row);

	if (unlikely(status != RFMSEG_HISTORY_OK))
		refuse(row, status);
}
