/*
 * expression.c
 *		check_expression(): whether a text is one SQL expression and no more;
 *		predicate_columns(): whether it can be an expectation, and over what.
 *
 * Mappings hold expressions that become part of a view.  They run with their
 * author's own rights, but an expression that ends the statement, or adds a
 * FROM clause, would make a view of something else than what the mapping says.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(rfmseg_check_expression);
PG_FUNCTION_INFO_V1(rfmseg_predicate_columns);

/* Whether the only thing in the SELECT is one unnamed target. */
static bool
is_one_target(const SelectStmt *stmt)
{
	const ResTarget *target;

	if (stmt->op != SETOP_NONE || list_length(stmt->targetList) != 1 ||
		stmt->distinctClause != NIL || stmt->intoClause != NULL || stmt->fromClause != NIL ||
		stmt->whereClause != NULL || stmt->groupClause != NIL || stmt->havingClause != NULL ||
		stmt->windowClause != NIL || stmt->valuesLists != NIL || stmt->sortClause != NIL ||
		stmt->limitOffset != NULL || stmt->limitCount != NULL || stmt->lockingClause != NIL ||
		stmt->withClause != NULL)
		return false;
	target = linitial_node(ResTarget, stmt->targetList);
	return target->name == NULL && target->indirection == NIL;
}

/* Whether a text is a SELECT of one thing; a syntax error is raised. */
static bool
is_one_select(const char *query)
{
	List *statements = raw_parser(query, RAW_PARSE_DEFAULT);
	Node *stmt;

	if (list_length(statements) != 1)
		return false;
	stmt = linitial_node(RawStmt, statements)->stmt;
	return IsA(stmt, SelectStmt) && is_one_target((SelectStmt *) stmt);
}

/*
 * check_expression(expression text) returns boolean; a syntax error is raised
 *
 * It must be an expression as it stands, and within parentheses, as it will be
 * used: "1) + (1" is only the second, "*" only the first.  The line end keeps a
 * comment from swallowing what follows.
 */
Datum
rfmseg_check_expression(PG_FUNCTION_ARGS)
{
	char *expression = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_BOOL(is_one_select(psprintf("SELECT %s\n", expression)) &&
				   is_one_select(psprintf("SELECT (%s\n)", expression)));
}

/*
 * A predicate is about one row, and says the same of it whenever it is asked
 * within a statement.
 */
static void
check_predicate(const Query *query, Node *predicate)
{
	const char *held = query->hasSubLinks ? "a subquery"
		: query->hasAggs				  ? "an aggregate"
		: query->hasWindowFuncs			  ? "a window function"
		: query->hasTargetSRFs			  ? "a function that returns a set"
										  : NULL;

	if (held != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a predicate must not hold %s", held),
				 errdetail("It is about the columns of one row.")));
	if (getBaseType(exprType(predicate)) != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a predicate must be of type boolean, not %s",
						format_type_be(exprType(predicate)))));
	if (contain_volatile_functions(predicate))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a predicate must not be volatile"),
				 errdetail("It holds a function that may answer otherwise when asked again."),
				 errhint("If the function does not, declare it STABLE or IMMUTABLE.")));
}

/* The names of the columns that an expression over one relation reads. */
static ArrayType *
column_names(Oid relation, Node *expression)
{
	List *vars = pull_var_clause(expression, 0);
	Datum *names = palloc(Max(list_length(vars), 1) * sizeof(Datum));
	int n = 0;
	ListCell *cell;

	foreach (cell, vars)
	{
		AttrNumber column = lfirst_node(Var, cell)->varattno;

		if (column <= InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a predicate must name the columns that it is about"),
					 errdetail("It takes the row as a whole, or a system column.")));
		names[n++] = CStringGetTextDatum(get_attname(relation, column, false));
	}
	return construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * predicate_columns(relation regclass, predicate text) returns text[]
 *
 * The predicate is one expression: see above.
 */
Datum
rfmseg_predicate_columns(PG_FUNCTION_ARGS)
{
	Oid relation = PG_GETARG_OID(0);
	char *name = get_rel_name(relation);
	char *sql;
	Query *query;
	Node *predicate;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the relation does not exist")));
	sql =
		psprintf("SELECT (%s\n) FROM %s AS source", text_to_cstring(PG_GETARG_TEXT_PP(1)),
				 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name));
	query = parse_analyze_fixedparams(linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT)),
									  sql, NULL, 0, NULL);
	predicate = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
	check_predicate(query, predicate);
	PG_RETURN_ARRAYTYPE_P(column_names(relation, predicate));
}
