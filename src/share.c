/*
 * share.c
 *		Rates and shares in ten-thousandths as SQL values.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "decimal_numeric.h"
#include "share.h"

RfmsegShares *
rfmseg_new_shares(MemoryContext context)
{
	RfmsegShares *shares = MemoryContextAllocZero(context, sizeof(RfmsegShares));

	shares->context = context;
	return shares;
}

Numeric
rfmseg_share(RfmsegShares *shares, int64 tenthousandths)
{
	MemoryContext old;

	if (tenthousandths < 0 || tenthousandths > 10000)
		return int64_div_fast_to_numeric(tenthousandths, 4);
	if (shares->known[tenthousandths] == NULL)
	{
		old = MemoryContextSwitchTo(shares->context);
		shares->known[tenthousandths] = int64_div_fast_to_numeric(tenthousandths, 4);
		MemoryContextSwitchTo(old);
	}
	return shares->known[tenthousandths];
}

Jsonb *
rfmseg_category_shares(RfmsegShares *shares, const RfmsegCustomer *customer, Numeric *largest)
{
	JsonbParseState *state = NULL;
	JsonbValue *object;
	RfmsegDecimal total;
	int64 most = 0;
	bool has_total = rfmseg_customer_spent(customer, &total);
	uint32 i;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < customer->categories.n; i++)
	{
		JsonbValue value;

		value.type = jbvString;
		value.val.string.val = unconstify(char *, customer->categories.names[i].bytes);
		value.val.string.len = (int) customer->categories.names[i].length;
		pushJsonbValue(&state, WJB_KEY, &value);
		value.type = jbvNull;
		if (has_total)
		{
			int64 share = rfmseg_decimal_share(&customer->spent[i], &total);

			most = Max(most, share);
			value.type = jbvNumeric;
			value.val.numeric = rfmseg_share(shares, share);
		}
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	*largest = has_total ? rfmseg_share(shares, most) : NULL;
	return JsonbValueToJsonb(object);
}
