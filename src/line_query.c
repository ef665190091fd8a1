/*
 * line_query.c
 *		The query that gives the lines: what it must look like, and its one run.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "line_query.h"

static const char *const column_names[RFMSEG_COLUMNS] = {
	"customer_id", "transaction_date", "total_amount", "order_id", "product_id",	 "category",
	"quantity",	   "discount_amount",  "is_return",	   "currency", "transaction_id", "broken"};

bool
rfmseg_column_fits(RfmsegColumn column, Oid type)
{
	switch (column)
	{
		case RFMSEG_TRANSACTION_DATE:
			return type == TIMESTAMPTZOID;
		case RFMSEG_TOTAL_AMOUNT:
		case RFMSEG_QUANTITY:
		case RFMSEG_DISCOUNT_AMOUNT:
			return type == NUMERICOID || type == INT2OID || type == INT4OID || type == INT8OID;
		case RFMSEG_IS_RETURN:
			return type == BOOLOID;
		case RFMSEG_CURRENCY:
			return type == TEXTOID || type == VARCHAROID;
		case RFMSEG_BROKEN:
			return type == INT8OID;
		default: /* a key may be of any type */
			return true;
	}
}

/* The type of the NULL that stands for a column that the query has not. */
static const char *
type_of_absent(RfmsegColumn column)
{
	switch (column)
	{
		case RFMSEG_QUANTITY:
		case RFMSEG_DISCOUNT_AMOUNT:
			return "numeric";
		case RFMSEG_IS_RETURN:
			return "bool";
		case RFMSEG_BROKEN:
			return "int8";
		default:
			return "text";
	}
}

static void
refuse_type(RfmsegColumn column, Oid type, Oid customer_type)
{
	const char *wanted = column == RFMSEG_CUSTOMER_ID ? format_type_be(customer_type)
		: column == RFMSEG_TRANSACTION_DATE			  ? "timestamp with time zone"
		: column == RFMSEG_IS_RETURN				  ? "boolean"
		: column == RFMSEG_CURRENCY					  ? "text"
		: column == RFMSEG_BROKEN					  ? "bigint"
													  : "numeric";

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column %s of the query is of type %s, not %s",
					column_names[column], format_type_be(type), wanted),
			 column == RFMSEG_CUSTOMER_ID
				 ? errhint("Let the first argument be NULL::%s.", format_type_be(type))
				 : errhint("Convert it in the query.")));
}

/* The type of each column, InvalidOid where the query has none. */
static Oid
find_columns(TupleDesc desc, Oid customer_type, Oid *types)
{
	Oid collation = InvalidOid;
	int column;
	int i;

	for (column = 0; column < RFMSEG_COLUMNS; column++)
	{
		types[column] = InvalidOid;
		for (i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute attribute = TupleDescAttr(desc, i);

			if (strcmp(NameStr(attribute->attname), column_names[column]) != 0)
				continue;
			types[column] = getBaseType(attribute->atttypid);
			if (column == RFMSEG_CUSTOMER_ID)
				collation = attribute->attcollation;
			if (!rfmseg_column_fits(column, types[column]) ||
				(column == RFMSEG_CUSTOMER_ID && types[column] != customer_type))
				refuse_type(column, types[column], customer_type);
		}
		if (!OidIsValid(types[column]) && column <= RFMSEG_TOTAL_AMOUNT)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the query has no column %s", column_names[column]),
					 errdetail("Of each line it must give customer_id, transaction_date and total_amount."),
					 errhint("Name the columns with AS.")));
	}
	return collation;
}

/* So a semicolon goes, and a comment after it. Of a text of several, all of it comes back. */
char *
rfmseg_statement_of(char *query)
{
	List *statements = raw_parser(query, RAW_PARSE_DEFAULT);
	RawStmt *only = list_length(statements) == 1 ? linitial_node(RawStmt, statements) : NULL;

	if (only == NULL || only->stmt_len == 0)
		return query;
	return pnstrdup(query + Max(only->stmt_location, 0), only->stmt_len);
}

Oid
rfmseg_examine_query(const char *query, Oid customer_type, Oid *types)
{
	SPIPlanPtr plan = SPI_prepare(query, 0, NULL);
	List *sources;
	CachedPlanSource *source;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	sources = SPI_plan_get_plan_sources(plan);
	source = list_length(sources) == 1 ? linitial(sources) : NULL;
	if (source != NULL && source->resultDesc != NULL && SPI_is_cursor_plan(plan) &&
		source->commandTag == CMDTAG_SELECT)
		return find_columns(source->resultDesc, customer_type, types);
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("query must be one SELECT or TABLE"),
			 errhint("To read all of a table, give TABLE and its name.")));
}

void
rfmseg_read_lines(const RfmsegPass *pass, const char *query, const Oid *types)
{
	StringInfoData sql;
	Oid argument_types[] = {INT8OID};
	Datum arguments[] = {Int64GetDatum((int64) pass->number)};
	int column;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT rfmseg._set_aside($1");
	for (column = 0; column < RFMSEG_COLUMNS; column++)
		if (!OidIsValid(types[column]))
			appendStringInfo(&sql, ", NULL::pg_catalog.%s", type_of_absent(column));
		else
			appendStringInfo(&sql, ", lines.%s", column_names[column]);
	appendStringInfo(&sql, ") FROM (%s\n) AS lines", query);
	if (SPI_execute_with_args(sql.data, 1, argument_types, arguments, NULL, true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "the query could not be run");
}

/* What makes any result impossible, found when all lines have been seen. */
void
rfmseg_check_intake(const RfmsegIntake *intake)
{
	if (intake->infinite > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("infinite transaction_date in %lld row(s) of the source",
						(long long) intake->infinite),
				 errhint("Leave them out with a filter in the mapping, or mend them.")));
	if (intake->unnumbered > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount that is NaN or infinite in %lld row(s) of the source",
						(long long) intake->unnumbered),
				 errhint("Leave them out with a filter in the mapping, or mend them.")));
	if (intake->greatest_currency != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the source's amounts have no common currency: %s, %s",
						intake->least_currency, intake->greatest_currency),
				 errhint("Map fx_rate, the factor to the deployment's currency for every row.")));
}
