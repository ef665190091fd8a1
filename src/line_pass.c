/*
 * line_pass.c
 *		_set_aside(): the aggregate that reads a query's lines once and sets them
 *		aside by customer.  See line_pass.h.
 *
 * Its state belongs to a pass that a function of ours began in this process or,
 * in a parallel worker, in the one that leads it; called by anybody else, it is
 * an error.  The processes share a small segment of memory, which names the set
 * of temporary files.  What a worker hands over is not the lines, but where in
 * its file they are: so there may be more of them than fit memory or a datum.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/proc.h"
#include "storage/sharedfileset.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "aggregate.h"
#include "core/hash.h"
#include "decimal_numeric.h"
#include "line_key.h"
#include "line_pass.h"
#include "line_query.h"

#define SHARED_PASS_MAGIC 0x52464D53

typedef struct RfmsegSharedPass
{
	uint32 magic;
	int leader; /* process id */
	int bits;	/* of the spools */
	Oid collation;
	TimestampTz known_at;
	pg_atomic_uint32 files; /* numbers given to files so far */
	SharedFileSet fileset;
} RfmsegSharedPass;

/* The aggregate's state. */
typedef struct Lines
{
	RfmsegStateKind kind;
	RfmsegSharedPass *shared;
	MemoryContext context; /* of what must outlive the query in its leader */
	RfmsegSpool *spool;	   /* NULL in a state that was received */
	List *received;		   /* RfmsegSpool, of other processes */
	RfmsegIntake intake;
	Oid types[RFMSEG_COLUMNS];
	RfmsegKeyType keys[RFMSEG_KEYS];
} Lines;

/* The passes of this process, the innermost first. */
static RfmsegPass *passes = NULL;

PG_FUNCTION_INFO_V1(rfmseg_set_aside_transition);
PG_FUNCTION_INFO_V1(rfmseg_set_aside_combine);
PG_FUNCTION_INFO_V1(rfmseg_set_aside_serialize);
PG_FUNCTION_INFO_V1(rfmseg_set_aside_deserialize);
PG_FUNCTION_INFO_V1(rfmseg_set_aside_final);

static const RfmsegColumn key_columns[RFMSEG_KEYS] = {RFMSEG_CUSTOMER_ID, RFMSEG_ORDER_ID,
													  RFMSEG_PRODUCT_ID, RFMSEG_LINE_CATEGORY,
													  RFMSEG_TRANSACTION_ID};

RfmsegPass *
rfmseg_pass_begin(MemoryContext context, TimestampTz known_at, Oid collation)
{
	RfmsegPass *pass = MemoryContextAllocZero(context, sizeof(RfmsegPass));

	pass->context = context;
	pass->memory = get_hash_memory_limit();
	pass->bits = rfmseg_spool_bits(pass->memory);
	pass->intake.last_purchase = DT_NOBEGIN;
	pass->segment = dsm_create(sizeof(RfmsegSharedPass), 0);
	pass->number = dsm_segment_handle(pass->segment);
	pass->shared = dsm_segment_address(pass->segment);
	pass->shared->magic = SHARED_PASS_MAGIC;
	pass->shared->leader = MyProcPid;
	pass->shared->bits = pass->bits;
	pass->shared->collation = collation;
	pass->shared->known_at = known_at;
	pg_atomic_init_u32(&pass->shared->files, 0);
	SharedFileSetInit(&pass->shared->fileset, pass->segment);
	pass->outer = passes;
	passes = pass;
	return pass;
}

/* After an error, what the pass held is given back with the transaction. */
void
rfmseg_pass_forget(RfmsegPass *pass)
{
	passes = pass->outer;
}

void
rfmseg_pass_end(RfmsegPass *pass)
{
	ListCell *cell;

	foreach (cell, pass->spools)
		rfmseg_spool_free(lfirst(cell));
	dsm_detach(pass->segment);
	rfmseg_pass_forget(pass);
}

/* The pass of that number in this process, or NULL. */
static RfmsegPass *
find_pass(uint64 number)
{
	RfmsegPass *pass = passes;

	while (pass != NULL && pass->number != number)
		pass = pass->outer;
	return pass;
}

static void no_such_pass(void) __attribute__((noreturn));

static void
no_such_pass(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("_set_aside() works within summarize_customers() only")));
}

/* The pass that this process's leader began. */
static RfmsegSharedPass *
attach(uint64 number)
{
	static uint64 attached_number = 0;
	static RfmsegSharedPass *attached = NULL;
	PGPROC *leader = MyProc->lockGroupLeader;
	dsm_segment *segment;
	RfmsegSharedPass *shared;

	if (attached != NULL && attached_number == number)
		return attached;
	if (!IsParallelWorker() || leader == NULL || number == 0 || number > PG_UINT32_MAX ||
		dsm_find_mapping((dsm_handle) number) != NULL)
		no_such_pass();
	segment = dsm_attach((dsm_handle) number);
	if (segment == NULL || dsm_segment_map_length(segment) < sizeof(RfmsegSharedPass))
		no_such_pass();
	shared = dsm_segment_address(segment);
	if (shared->magic != SHARED_PASS_MAGIC || shared->leader != leader->pid)
		no_such_pass();

	/* a worker has one leader, and ends with its query */
	dsm_pin_mapping(segment);
	SharedFileSetAttach(&shared->fileset, segment);
	attached_number = number;
	attached = shared;
	return attached;
}

static Lines *
new_lines(MemoryContext context, RfmsegSharedPass *shared)
{
	Lines *lines = MemoryContextAllocZero(context, sizeof(Lines));

	lines->kind = RFMSEG_STATE_LINES;
	lines->context = context;
	lines->shared = shared;
	lines->intake.last_purchase = DT_NOBEGIN;
	return lines;
}

static void
set_types(Lines *lines, FunctionCallInfo fcinfo)
{
	int i;

	/* the query was made by us, but whoever guesses a pass's number may call this */
	for (i = 0; i < RFMSEG_COLUMNS; i++)
	{
		lines->types[i] = getBaseType(get_fn_expr_argtype(fcinfo->flinfo, i + 2));
		if (!rfmseg_column_fits(i, lines->types[i]))
			no_such_pass();
	}
	rfmseg_key_type_of_customer(&lines->keys[RFMSEG_CUSTOMER], lines->types[RFMSEG_CUSTOMER_ID],
								lines->shared->collation, lines->context);
	rfmseg_key_type_of_text(&lines->keys[RFMSEG_ORDER], lines->types[RFMSEG_ORDER_ID],
							lines->context);
	rfmseg_key_type_of_text(&lines->keys[RFMSEG_PRODUCT], lines->types[RFMSEG_PRODUCT_ID],
							lines->context);
	rfmseg_key_type_of_shown(&lines->keys[RFMSEG_CATEGORY], lines->types[RFMSEG_LINE_CATEGORY],
							 lines->context);
	rfmseg_key_type_of_text(&lines->keys[RFMSEG_LINE], lines->types[RFMSEG_TRANSACTION_ID],
							lines->context);
}

/* The state for the first line of this process. */
static Lines *
first_lines(FunctionCallInfo fcinfo, MemoryContext context)
{
	uint64 number = PG_ARGISNULL(1) ? 0 : (uint64) PG_GETARG_INT64(1);
	RfmsegPass *pass = find_pass(number);
	RfmsegSharedPass *shared;
	Lines *lines;

	if (PG_NARGS() != RFMSEG_COLUMNS + 2)
		no_such_pass();
	shared = pass != NULL ? pass->shared : attach(number);
	lines = new_lines(pass != NULL ? pass->context : context, shared);
	set_types(lines, fcinfo);
	lines->spool =
		rfmseg_spool_new(lines->context, shared->bits, 32 - shared->bits, get_hash_memory_limit(),
						 &shared->fileset.fs, pg_atomic_fetch_add_u32(&shared->files, 1));
	return lines;
}

static RfmsegDecimal
decimal_of(Oid type, Datum value, const char *what)
{
	switch (type)
	{
		case INT2OID:
			return rfmseg_decimal_make(DatumGetInt16(value), 0, 0);
		case INT4OID:
			return rfmseg_decimal_make(DatumGetInt32(value), 0, 0);
		case INT8OID:
			return rfmseg_decimal_make(DatumGetInt64(value), 0, 0);
		default:
			return rfmseg_decimal_of_numeric(DatumGetNumeric(value), what);
	}
}

static bool
is_number(Oid type, Datum value)
{
	return type != NUMERICOID ||
		!(numeric_is_nan(DatumGetNumeric(value)) || numeric_is_inf(DatumGetNumeric(value)));
}

static void
tally(RfmsegIntake *intake, RfmsegFate fate, const RfmsegDecimal *amount)
{
	if (!rfmseg_tally_add(&intake->tally, fate, amount))
		rfmseg_decimal_overflow("the total of the source");
}

/* Which rules the line breaks. */
static uint64
broken_rules(FunctionCallInfo fcinfo)
{
	int64 broken = PG_ARGISNULL(RFMSEG_BROKEN + 2) ? 0 : PG_GETARG_INT64(RFMSEG_BROKEN + 2);

	if (broken < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("column broken of the query is negative"),
				 errdetail("It has a bit for each rule that the line breaks, from 0 to %d, and bit %d if it is to be left out.",
						   RFMSEG_RULES - 1, RFMSEG_RULES)));
	return (uint64) broken;
}

/* Counts a line of the source, of all fates, with what it breaks. */
static void
tally_source(RfmsegIntake *intake, uint64 broken, const RfmsegDecimal *amount)
{
	tally(intake, RFMSEG_SOURCE, amount);
	if (broken != 0 && !rfmseg_rules_add(&intake->rules, broken, amount))
		rfmseg_decimal_overflow("the total of the source");
}

/* A line that is as good as not there; its money is told, or the source would not add up. */
static void
tally_forgotten(Lines *lines, FunctionCallInfo fcinfo)
{
	Oid type = lines->types[RFMSEG_TOTAL_AMOUNT];
	Datum value = PG_GETARG_DATUM(RFMSEG_TOTAL_AMOUNT + 2);
	RfmsegDecimal amount = {0};

	if (!PG_ARGISNULL(RFMSEG_TOTAL_AMOUNT + 2) && is_number(type, value))
		amount = decimal_of(type, value, "amount");
	if (!PG_ARGISNULL(RFMSEG_IS_RETURN + 2) && PG_GETARG_BOOL(RFMSEG_IS_RETURN + 2) &&
		rfmseg_decimal_sign(&amount) > 0)
		amount = rfmseg_decimal_negate(&amount);
	tally(&lines->intake, RFMSEG_SOURCE, &amount);
	tally(&lines->intake, RFMSEG_FORGOTTEN, &amount);
}

/* Keeps the least and the greatest currency, in byte order. */
static void
see_currency(Lines *lines, const char *bytes, int length)
{
	RfmsegIntake *intake = &lines->intake;
	char *copy;

	if (intake->least_currency != NULL && strncmp(intake->least_currency, bytes, length) == 0 &&
		intake->least_currency[length] == '\0')
		return;
	copy = MemoryContextAlloc(lines->context, length + 1);
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	if (intake->least_currency == NULL)
		intake->least_currency = copy;
	else if (strcmp(copy, intake->least_currency) < 0)
	{
		if (intake->greatest_currency == NULL)
			intake->greatest_currency = intake->least_currency;
		intake->least_currency = copy;
	}
	else if (intake->greatest_currency == NULL || strcmp(copy, intake->greatest_currency) > 0)
		intake->greatest_currency = copy;
	else
		pfree(copy);
}

/*
 * A line's id is never shown, only compared: of a long one a digest of 128 bits
 * goes with the line.
 */
#define DIGEST_WORDS 2

static void
shorten_id(RfmsegBytes *id, uint64 *digest)
{
	int i;

	if (id->length <= DIGEST_WORDS * sizeof(uint64))
		return;
	for (i = 0; i < DIGEST_WORDS; i++)
		digest[i] = rfmseg_hash_bytes(id->bytes, id->length, (uint64) i);
	id->bytes = (const char *) digest;
	id->length = DIGEST_WORDS * sizeof(uint64);
}

static void
set_aside(Lines *lines, FunctionCallInfo fcinfo, RfmsegRecord *record)
{
	uint64 words[RFMSEG_KEYS];
	uint64 digest[DIGEST_WORDS];
	int i;

	for (i = 0; i < RFMSEG_KEYS; i++)
	{
		int arg = key_columns[i] + 2;

		record->keys[i].bytes = NULL;
		record->keys[i].length = 0;
		if (!PG_ARGISNULL(arg))
			record->keys[i] = rfmseg_key_bytes(&lines->keys[i], PG_GETARG_DATUM(arg), &words[i]);
	}
	shorten_id(&record->keys[RFMSEG_LINE], digest);
	record->is_repeated = false;

	record->keeps_hash = record->keys[RFMSEG_CUSTOMER].bytes != NULL &&
		rfmseg_key_keeps_hash(&lines->keys[RFMSEG_CUSTOMER]);
	if (record->keeps_hash)
		record->hash =
			rfmseg_key_hash(&lines->keys[RFMSEG_CUSTOMER], PG_GETARG_DATUM(RFMSEG_CUSTOMER_ID + 2));
	else
		rfmseg_record_hash(record);
	rfmseg_spool_put(lines->spool, record);
}

static void
add_line(Lines *lines, FunctionCallInfo fcinfo)
{
	RfmsegIntake *intake = &lines->intake;
	const RfmsegDecimal zero = {0};
	RfmsegRecord record;
	bool has_date = !PG_ARGISNULL(RFMSEG_TRANSACTION_DATE + 2);
	bool has_amount = !PG_ARGISNULL(RFMSEG_TOTAL_AMOUNT + 2);
	Datum amount = PG_GETARG_DATUM(RFMSEG_TOTAL_AMOUNT + 2);
	uint64 broken = broken_rules(fcinfo);
	bool left_out = (broken & RFMSEG_LEAVE_OUT) != 0;
	int sign;

	if (broken == RFMSEG_LEAVE_OUT)
	{
		tally_forgotten(lines, fcinfo);
		return;
	}

	/* a line that is left out may be as wrong as it likes */
	if (!PG_ARGISNULL(RFMSEG_CURRENCY + 2) && !left_out)
	{
		text *currency = PG_GETARG_TEXT_PP(RFMSEG_CURRENCY + 2);

		see_currency(lines, VARDATA_ANY(currency), VARSIZE_ANY_EXHDR(currency));
	}
	if (has_date)
		record.at = PG_GETARG_TIMESTAMPTZ(RFMSEG_TRANSACTION_DATE + 2);
	intake->infinite += has_date && !left_out && TIMESTAMP_NOT_FINITE(record.at);
	if (has_amount && !is_number(lines->types[RFMSEG_TOTAL_AMOUNT], amount))
	{
		if (left_out)
		{
			tally_source(intake, broken, &zero);
			tally(intake, RFMSEG_EXCLUDED, &zero);
		}
		else
			intake->unnumbered++;
		return;
	}
	if (!has_amount)
	{
		tally_source(intake, broken, &zero);
		tally(intake, has_date ? RFMSEG_UNPRICED : RFMSEG_UNDATED, &zero);
		return;
	}

	record.amount = decimal_of(lines->types[RFMSEG_TOTAL_AMOUNT], amount, "amount");
	sign = rfmseg_decimal_sign(&record.amount);
	record.is_return =
		PG_ARGISNULL(RFMSEG_IS_RETURN + 2) ? sign < 0 : PG_GETARG_BOOL(RFMSEG_IS_RETURN + 2);
	if (record.is_return && sign > 0)
		record.amount = rfmseg_decimal_negate(&record.amount);
	tally_source(intake, broken, &record.amount);
	if (!has_date)
	{
		tally(intake, RFMSEG_UNDATED, &record.amount);
		return;
	}
	if (sign < 0 && !record.is_return)
	{
		tally(intake, RFMSEG_NEGATIVE, &record.amount);
		return;
	}
	if (left_out)
	{
		tally(intake, RFMSEG_EXCLUDED, &record.amount);
		return;
	}
	if (TIMESTAMP_NOT_FINITE(record.at))
		return;

	if (!record.is_return && record.at > intake->last_purchase &&
		record.at <= lines->shared->known_at)
		intake->last_purchase = record.at;
	record.quantity = record.discount = zero;
	record.has_quantity = !PG_ARGISNULL(RFMSEG_QUANTITY + 2);
	if (record.has_quantity)
		record.quantity = decimal_of(lines->types[RFMSEG_QUANTITY],
									 PG_GETARG_DATUM(RFMSEG_QUANTITY + 2), "quantity");
	record.has_discount = !PG_ARGISNULL(RFMSEG_DISCOUNT_AMOUNT + 2);
	if (record.has_discount)
		record.discount =
			decimal_of(lines->types[RFMSEG_DISCOUNT_AMOUNT],
					   PG_GETARG_DATUM(RFMSEG_DISCOUNT_AMOUNT + 2), "discount_amount");
	set_aside(lines, fcinfo, &record);
}

/*
 * set_aside_transition(internal, pass bigint, VARIADIC "any") returns internal
 */
Datum
rfmseg_set_aside_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context = rfmseg_aggregate_context(fcinfo);
	Lines *lines = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_LINES);

	if (lines == NULL)
		lines = first_lines(fcinfo, context);
	add_line(lines, fcinfo);
	PG_RETURN_POINTER(lines);
}

static void
merge_intake(Lines *into, const RfmsegIntake *other)
{
	RfmsegIntake *intake = &into->intake;

	if (!rfmseg_tally_merge(&intake->tally, &other->tally) ||
		!rfmseg_rules_merge(&intake->rules, &other->rules))
		rfmseg_decimal_overflow("the total of the source");
	intake->infinite += other->infinite;
	intake->unnumbered += other->unnumbered;
	intake->last_purchase = Max(intake->last_purchase, other->last_purchase);
	if (other->least_currency != NULL)
		see_currency(into, other->least_currency, strlen(other->least_currency));
	if (other->greatest_currency != NULL)
		see_currency(into, other->greatest_currency, strlen(other->greatest_currency));
}

Datum
rfmseg_set_aside_combine(PG_FUNCTION_ARGS)
{
	Lines *into = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_LINES);
	Lines *other = rfmseg_state_argument(fcinfo, 1, RFMSEG_STATE_LINES);
	MemoryContext old;

	(void) rfmseg_aggregate_context(fcinfo);
	if (into == NULL || other == NULL)
	{
		if (into == NULL && other == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into != NULL ? into : other);
	}
	merge_intake(into, &other->intake);
	old = MemoryContextSwitchTo(into->context);
	into->received = list_concat(into->received, other->received);
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(into);
}

static void
send_string(StringInfo buf, const char *string)
{
	pq_sendint32(buf, string == NULL ? (uint32) -1 : strlen(string));
	if (string != NULL)
		pq_sendbytes(buf, string, strlen(string));
}

static char *
receive_string(StringInfo buf, MemoryContext context)
{
	int length = (int) pq_getmsgint(buf, 4);
	char *string;

	if (length < 0)
		return NULL;
	string = MemoryContextAllocZero(context, length + 1);
	memcpy(string, pq_getmsgbytes(buf, length), length);
	return string;
}

/*
 * Serialized: kind, the pass, what was seen, where the lines are.  It goes from
 * a process to the one that leads it and nowhere else.
 */
Datum
rfmseg_set_aside_serialize(PG_FUNCTION_ARGS)
{
	Lines *lines;
	StringInfoData buf;

	(void) rfmseg_aggregate_context(fcinfo);
	lines = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_LINES);
	if (lines->spool == NULL)
		elog(ERROR, "lines set aside are handed over once");

	rfmseg_state_begin(&buf, RFMSEG_STATE_LINES);
	pq_sendbytes(&buf, (const char *) &lines->shared->fileset.fs, sizeof(FileSet));
	pq_sendbytes(&buf, (const char *) &lines->intake.tally, sizeof(RfmsegTally));
	pq_sendbytes(&buf, (const char *) &lines->intake.rules, sizeof(RfmsegRuleTally));
	pq_sendint64(&buf, lines->intake.infinite);
	pq_sendint64(&buf, lines->intake.unnumbered);
	pq_sendint64(&buf, lines->intake.last_purchase);
	send_string(&buf, lines->intake.least_currency);
	send_string(&buf, lines->intake.greatest_currency);
	rfmseg_spool_send(lines->spool, &buf);
	rfmseg_spool_free(lines->spool);
	lines->spool = NULL;
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* The pass of this process that a set of files belongs to. */
static RfmsegPass *
pass_of(const char *fileset)
{
	RfmsegPass *pass = passes;

	while (pass != NULL && memcmp(&pass->shared->fileset.fs, fileset, sizeof(FileSet)) != 0)
		pass = pass->outer;
	if (pass == NULL)
		no_such_pass();
	return pass;
}

Datum
rfmseg_set_aside_deserialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;
	RfmsegPass *pass;
	Lines *lines;
	MemoryContext old;

	(void) rfmseg_aggregate_context(fcinfo);
	rfmseg_state_read(&buf, PG_GETARG_BYTEA_PP(0), RFMSEG_STATE_LINES);
	pass = pass_of(pq_getmsgbytes(&buf, sizeof(FileSet)));
	lines = new_lines(pass->context, pass->shared);
	memcpy(&lines->intake.tally, pq_getmsgbytes(&buf, sizeof(RfmsegTally)), sizeof(RfmsegTally));
	memcpy(&lines->intake.rules, pq_getmsgbytes(&buf, sizeof(RfmsegRuleTally)),
		   sizeof(RfmsegRuleTally));
	lines->intake.infinite = pq_getmsgint64(&buf);
	lines->intake.unnumbered = pq_getmsgint64(&buf);
	lines->intake.last_purchase = pq_getmsgint64(&buf);
	lines->intake.least_currency = receive_string(&buf, pass->context);
	lines->intake.greatest_currency = receive_string(&buf, pass->context);
	old = MemoryContextSwitchTo(pass->context);
	lines->received =
		list_make1(rfmseg_spool_receive(pass->context, &buf, &pass->shared->fileset.fs));
	MemoryContextSwitchTo(old);
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(lines);
}

/* Leaves with the pass what was set aside and seen; how many lines that are. */
Datum
rfmseg_set_aside_final(PG_FUNCTION_ARGS)
{
	Lines *lines;
	RfmsegPass *pass;
	MemoryContext old;

	(void) rfmseg_aggregate_context(fcinfo);
	lines = rfmseg_state_argument(fcinfo, 0, RFMSEG_STATE_LINES);
	if (lines == NULL)
		PG_RETURN_INT64(0);
	pass = pass_of((const char *) &lines->shared->fileset.fs);
	old = MemoryContextSwitchTo(pass->context);
	pass->intake = lines->intake;
	pass->spools = list_copy(lines->received);
	if (lines->spool != NULL)
		pass->spools = lappend(pass->spools, lines->spool);
	MemoryContextSwitchTo(old);
	PG_RETURN_INT64(lines->intake.tally.lines[RFMSEG_SOURCE]);
}
