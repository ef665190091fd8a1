/*
 * aggregate.c
 *		What all aggregates' support functions check.
 */
#include "postgres.h"

#include "aggregate.h"

MemoryContext
rfmseg_aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("support function of an aggregate called outside of one"),
				 errhint("Call the aggregate itself.")));
	return context;
}

void *
rfmseg_state_argument(FunctionCallInfo fcinfo, int arg, RfmsegStateKind kind)
{
	void *state;

	if (PG_ARGISNULL(arg))
		return NULL;
	state = PG_GETARG_POINTER(arg);
	if (*(RfmsegStateKind *) state != kind)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the state is of another aggregate")));
	return state;
}

void
rfmseg_state_begin(StringInfo buf, RfmsegStateKind kind)
{
	pq_begintypsend(buf);
	pq_sendint32(buf, kind);
}

void
rfmseg_state_read(StringInfo buf, bytea *bytes, RfmsegStateKind kind)
{
	buf->data = VARDATA_ANY(bytes);
	buf->len = buf->maxlen = VARSIZE_ANY_EXHDR(bytes);
	buf->cursor = 0;
	if (pq_getmsgint(buf, 4) != kind)
		rfmseg_state_corrupt();
}

void
rfmseg_state_corrupt(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("the serialized aggregate state is not valid")));
}
