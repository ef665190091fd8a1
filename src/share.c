/*
 * share.c
 *		Rates and shares in ten-thousandths as SQL values.
 */
#include "postgres.h"

#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

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

/* In the order of a jsonb object's keys: by length, then by bytes. */
static int
compare_keys(const void *a, const void *b)
{
	const RfmsegName *x = *(const RfmsegName *const *) a;
	const RfmsegName *y = *(const RfmsegName *const *) b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return memcmp(x->bytes, y->bytes, x->length);
}

static const RfmsegName **
sorted_categories(const RfmsegNames *categories)
{
	const RfmsegName **sorted = palloc(categories->n * sizeof(RfmsegName *));
	uint32 i;

	for (i = 0; i < categories->n; i++)
		sorted[i] = &categories->names[i];
	qsort(sorted, categories->n, sizeof(RfmsegName *), compare_keys);
	return sorted;
}

/* Notes a child that ends at "end", "length" bytes after the one before. */
static void
note_child(JsonbContainer *object, uint32 child, uint32 type, Size length, Size end)
{
	object->children[child] = child % JB_OFFSET_STRIDE == 0 ? type | (uint32) end | JENTRY_HAS_OFF
															: type | (uint32) length;
}

/* Bytes that an object with these keys and a numeric for each may take. */
static Size
object_room(const RfmsegNames *categories)
{
	Size room = offsetof(Jsonb, root.children) + categories->n * 2 * sizeof(JEntry);
	uint32 i;

	for (i = 0; i < categories->n; i++)
		room += (Size) categories->names[i].length + 32;
	if (room > JENTRY_OFFLENMASK)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the categories of one customer are longer than %d bytes",
						JENTRY_OFFLENMASK)));
	return room;
}

/*
 * Written as jsonb lies on disk, which pg_upgrade keeps as it is: for every
 * customer an object of a dozen keys, the server's own functions take ten times
 * as long.
 */
Jsonb *
rfmseg_category_shares(RfmsegShares *shares, const RfmsegCustomer *customer, Numeric *largest)
{
	const RfmsegNames *categories = &customer->categories;
	const RfmsegName **sorted = sorted_categories(categories);
	Jsonb *json = palloc0(object_room(categories));
	uint32 n = categories->n;
	char *data = (char *) &json->root.children[2 * n];
	RfmsegDecimal total;
	bool has_total = rfmseg_customer_spent(customer, &total);
	int64 most = 0;
	Size end = 0;
	uint32 i;

	json->root.header = n | JB_FOBJECT;
	for (i = 0; i < n; i++)
	{
		memcpy(data + end, sorted[i]->bytes, sorted[i]->length);
		end += sorted[i]->length;
		note_child(&json->root, i, JENTRY_ISSTRING, sorted[i]->length, end);
	}
	for (i = 0; i < n; i++)
	{
		Size begin = end;

		if (has_total)
		{
			int64 share =
				rfmseg_decimal_share(&customer->spent[sorted[i] - categories->names], &total);
			Numeric number = rfmseg_share(shares, share);

			most = Max(most, share);
			end = INTALIGN(end);
			memcpy(data + end, number, VARSIZE(number));
			end += VARSIZE(number);
		}
		note_child(&json->root, n + i, has_total ? JENTRY_ISNUMERIC : JENTRY_ISNULL, end - begin,
				   end);
	}
	SET_VARSIZE(json, data + end - (char *) json);
	*largest = has_total ? rfmseg_share(shares, most) : NULL;
	return json;
}
