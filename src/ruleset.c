/*
 * ruleset.c
 *		segment(): the segment that a ruleset gives to a customer's scores.
 *
 * The rules are read once and kept for as long as the caller's snapshot, not
 * looked up for every customer.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "core/rules.h"

typedef struct Ruleset
{
	char *name;
	char *deployment; /* whose copy it is, or NULL: the shipped one */
	int bins;
	int n;			   /* number of rules */
	RfmsegRule *rules; /* in order of priority */
	text **segments;   /* the segment each rule gives */
} Ruleset;

/* What a query keeps in fn_extra: the last ruleset asked for, and for whom. */
typedef struct RulesetCache
{
	MemoryContext context; /* of the ruleset, emptied for the next */
	Ruleset *ruleset;
	Oid user;		   /* who may read it */
	CommandId command; /* with the ids: the snapshot it was read in */
	TransactionId xmin;
	TransactionId xmax;
	uint32 in_progress;
} RulesetCache;

enum
{
	ARG_R,
	ARG_F,
	ARG_M,
	ARG_FREQUENCY,
	ARG_RULESET,
	ARG_DEPLOYMENT
};

PG_FUNCTION_INFO_V1(rfmseg_segment);

/* Where a ruleset's tables are, as SQL. */
static char *
table_name(const Ruleset *set, const char *table)
{
	if (set->deployment == NULL)
		return psprintf("rfmseg.%s", table);
	return quote_qualified_identifier(psprintf("%s_core", set->deployment), table);
}

static int64
int_column(int row, int column, int64 if_null)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	if (isnull)
		return if_null;
	return DatumGetInt64(value);
}

static RfmsegRange
range_columns(int row, int column)
{
	RfmsegRange range;

	range.min = int_column(row, column, PG_INT64_MIN);
	range.max = int_column(row, column + 1, PG_INT64_MAX);
	return range;
}

static uint64
read_table(const char *query, const char *name)
{
	Oid types[] = {TEXTOID};
	Datum values[] = {CStringGetTextDatum(name)};

	if (SPI_execute_with_args(query, 1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read ruleset \"%s\"", name);
	return SPI_processed;
}

/*
 * A deployment's tables may be views that run its owner's code, with the rights
 * of whoever reads them: nobody but the owner does that here.
 */
static void
check_deployment(const char *deployment)
{
	Oid schema = get_namespace_oid(psprintf("%s_core", deployment), true);
	HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("deployment \"%s\" does not exist", deployment),
				 errhint("rfmseg.deployments() lists those there are.")));
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	if (owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("deployment \"%s\" belongs to role \"%s\"",
						deployment,
						GetUserNameFromId(owner, false)),
				 errhint("Its published views show the segments to others.")));
}

/* Reads a ruleset into the given context. */
static Ruleset *
read_ruleset(MemoryContext context, const char *name, const char *deployment)
{
	Ruleset *set = MemoryContextAllocZero(context, sizeof(Ruleset));
	char *query;
	int i;

	set->name = MemoryContextStrdup(context, name);
	set->deployment = deployment == NULL ? NULL : MemoryContextStrdup(context, deployment);
	if (deployment != NULL)
		check_deployment(deployment);

	SPI_connect();
	query = psprintf("SELECT bins::pg_catalog.int8 FROM %s WHERE ruleset OPERATOR(pg_catalog.=) $1",
					 table_name(set, "rulesets"));
	if (read_table(query, name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("ruleset \"%s\" does not exist", name),
				 errhint("%s lists the rulesets there are.", table_name(set, "rulesets"))));
	set->bins = (int) int_column(0, 1, 0);

	query = psprintf("SELECT segment_name::pg_catalog.text, r_min::pg_catalog.int8,"
					 " r_max::pg_catalog.int8, f_min::pg_catalog.int8, f_max::pg_catalog.int8,"
					 " m_min::pg_catalog.int8, m_max::pg_catalog.int8,"
					 " frequency_min::pg_catalog.int8, frequency_max::pg_catalog.int8 FROM %s"
					 " WHERE ruleset OPERATOR(pg_catalog.=) $1 ORDER BY priority, rule_id",
					 table_name(set, "rules"));
	set->n = (int) read_table(query, name);
	set->rules = MemoryContextAlloc(context, sizeof(RfmsegRule) * (set->n + 1));
	set->segments = MemoryContextAlloc(context, sizeof(text *) * (set->n + 1));
	for (i = 0; i < set->n; i++)
	{
		char *segment = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext spi;

		if (segment == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a rule of ruleset \"%s\" gives no segment", name)));
		spi = MemoryContextSwitchTo(context);
		set->segments[i] = cstring_to_text(segment);
		MemoryContextSwitchTo(spi);
		set->rules[i].r = range_columns(i, 2);
		set->rules[i].f = range_columns(i, 4);
		set->rules[i].m = range_columns(i, 6);
		set->rules[i].frequency = range_columns(i, 8);
	}
	SPI_finish();
	return set;
}

static bool
is_current(const RulesetCache *cache, const char *name, const char *deployment, Snapshot snapshot)
{
	const Ruleset *set = cache->ruleset;

	return set != NULL && strcmp(set->name, name) == 0 &&
		(set->deployment == NULL) == (deployment == NULL) &&
		(deployment == NULL || strcmp(set->deployment, deployment) == 0) &&
		cache->user == GetUserId() && cache->command == snapshot->curcid &&
		cache->xmin == snapshot->xmin && cache->xmax == snapshot->xmax &&
		cache->in_progress == snapshot->xcnt;
}

static Ruleset *
get_ruleset(FunctionCallInfo fcinfo, const char *name, const char *deployment)
{
	RulesetCache *cache = fcinfo->flinfo->fn_extra;
	Snapshot snapshot = GetActiveSnapshot();

	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RulesetCache));
		cache->context =
			AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "rfmseg ruleset", ALLOCSET_SMALL_SIZES);
		fcinfo->flinfo->fn_extra = cache;
	}
	if (!is_current(cache, name, deployment, snapshot))
	{
		cache->ruleset = NULL;
		MemoryContextReset(cache->context);
		cache->ruleset = read_ruleset(cache->context, name, deployment);
		cache->user = GetUserId();
		cache->command = snapshot->curcid;
		cache->xmin = snapshot->xmin;
		cache->xmax = snapshot->xmax;
		cache->in_progress = snapshot->xcnt;
	}
	return cache->ruleset;
}

static int
score_argument(FunctionCallInfo fcinfo, int arg, const char *what, const Ruleset *set)
{
	int score = PG_GETARG_INT32(arg);

	if (score < 1 || score > set->bins)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between 1 and %d for ruleset \"%s\", not %d",
						what, set->bins, set->name, score)));
	return score;
}

/*
 * segment(r int, f int, m int, frequency bigint, ruleset text, deployment text)
 * returns text; NULL where a score is unknown or no rule holds
 */
Datum
rfmseg_segment(PG_FUNCTION_ARGS)
{
	Ruleset *set;
	int rule;
	int arg;

	for (arg = ARG_R; arg <= ARG_RULESET; arg++)
		if (PG_ARGISNULL(arg))
			PG_RETURN_NULL();
	if (PG_GETARG_INT64(ARG_FREQUENCY) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("frequency must not be negative")));

	set = get_ruleset(
		fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(ARG_RULESET)),
		PG_ARGISNULL(ARG_DEPLOYMENT) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(ARG_DEPLOYMENT)));
	rule =
		rfmseg_first_rule(set->rules, set->n, score_argument(fcinfo, ARG_R, "r", set),
						  score_argument(fcinfo, ARG_F, "f", set),
						  score_argument(fcinfo, ARG_M, "m", set), PG_GETARG_INT64(ARG_FREQUENCY));
	if (rule < 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(set->segments[rule]);
}
