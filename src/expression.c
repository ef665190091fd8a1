/*
 * expression.c
 *		check_expression(): whether a text is one SQL expression and no more.
 *
 * Mappings hold expressions that become part of a view.  They run with their
 * author's own rights, but an expression that ends the statement, or adds a
 * FROM clause, would make a view of something else than what the mapping says.
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(rfmseg_check_expression);

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
