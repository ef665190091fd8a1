/*
 * share.h
 *		Rates and shares in ten-thousandths as SQL values.
 */
#ifndef RFMSEG_SHARE_H
#define RFMSEG_SHARE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "core/customer.h"

/* Those from 0 to 1 are made once and kept. */
typedef struct RfmsegShares
{
	MemoryContext context;
	Numeric known[10001];
} RfmsegShares;

extern RfmsegShares *rfmseg_new_shares(MemoryContext context);

/* The numeric, with four decimals. */
extern Numeric rfmseg_share(RfmsegShares *shares, int64 tenthousandths);

/*
 * {"category": share, ...} of what was spent in each, null for a share of
 * nothing; and the largest share, NULL likewise.
 */
extern Jsonb *rfmseg_category_shares(RfmsegShares *shares, const RfmsegCustomer *customer,
									 Numeric *largest);

#endif
