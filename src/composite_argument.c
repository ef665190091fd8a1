/*
 * composite_argument.c
 *		Composite types as arguments: read once, for all the rows of a query.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "composite_argument.h"

/* An argument of the last call */
typedef struct Kept
{
	MemoryContext context; /* of all of it; NULL if there is none */
	struct varlena *given; /* a copy, maybe compressed */
	void *made;
} Kept;

static Kept *
kept_argument(FunctionCallInfo fcinfo, int arg)
{
	FmgrInfo *flinfo = fcinfo->flinfo;

	Assert(arg < RFMSEG_COMPOSITE_ARGUMENTS);
	if (flinfo->fn_extra == NULL)
		flinfo->fn_extra =
			MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(Kept) * RFMSEG_COMPOSITE_ARGUMENTS);
	return (Kept *) flinfo->fn_extra + arg;
}

static void
make(Kept *kept, const struct varlena *given, Size size, RfmsegReadComposite read)
{
	MemoryContext old = MemoryContextSwitchTo(kept->context);

	kept->given = palloc(size);
	memcpy(kept->given, given, size);
	kept->made = read(DatumGetHeapTupleHeader(PointerGetDatum(kept->given)));
	MemoryContextSwitchTo(old);
}

const void *
rfmseg_composite_argument(FunctionCallInfo fcinfo, int arg, RfmsegReadComposite read)
{
	Kept *kept = kept_argument(fcinfo, arg);
	struct varlena *given = (struct varlena *) PG_GETARG_POINTER(arg);
	Size size;

	/* a pointer to a variable of PL/pgSQL stays as it is when the variable changes */
	if (VARATT_IS_EXTERNAL_EXPANDED(given))
		given = (struct varlena *) PG_DETOAST_DATUM(PointerGetDatum(given));
	size = VARSIZE_ANY(given);
	if (kept->made != NULL && VARSIZE_ANY(kept->given) == size &&
		memcmp(kept->given, given, size) == 0)
		return kept->made;

	/* if it cannot be read, nothing is kept */
	kept->made = NULL;
	if (kept->context != NULL)
		MemoryContextReset(kept->context);
	else
		kept->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "rfmseg composite argument",
											  ALLOCSET_SMALL_SIZES);
	make(kept, given, size, read);
	return kept->made;
}

void
rfmseg_deform_composite(HeapTupleHeader given, int columns, Datum *values, bool *nulls)
{
	TupleDesc type =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(given), HeapTupleHeaderGetTypMod(given));
	HeapTupleData tuple;

	if (type->natts != columns)
		elog(ERROR, "a composite argument has %d columns", type->natts);
	tuple.t_len = HeapTupleHeaderGetDatumLength(given);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = given;
	heap_deform_tuple(&tuple, type, values, nulls);
	ReleaseTupleDesc(type);
}
