/*
 * lifetime_history.h
 *		Histories of customers in arguments.
 */
#ifndef RFMSEG_LIFETIME_HISTORY_H
#define RFMSEG_LIFETIME_HISTORY_H

#include "postgres.h"

#include "fmgr.h"

#include "core/lifetime/model.h"

/* The arguments frequency_repeat int, recency_btyd float8, t_age float8, from the first on. */
extern RfmsegHistoryRow rfmseg_purchase_arguments(FunctionCallInfo fcinfo, int first);

/* The arguments frequency_repeat int, monetary_value float8. */
extern RfmsegHistoryRow rfmseg_spending_arguments(FunctionCallInfo fcinfo, int first);

/* Refuses what no customer can have done. */
extern void rfmseg_check_history_arguments(const RfmsegHistoryRow *row);

/* A number with all its digits, for messages. */
extern const char *rfmseg_shown(double value);

#endif
