/*
 * line_query.h
 *		The query that gives the lines.
 */
#ifndef RFMSEG_LINE_QUERY_H
#define RFMSEG_LINE_QUERY_H

#include "postgres.h"

#include "line_pass.h"

/* Whether a column of that type, no domain, can be what it should. */
extern bool rfmseg_column_fits(RfmsegColumn column, Oid type);

/* The one statement of a text, without what ends it. */
extern char *rfmseg_statement_of(char *query);

/*
 * Checks the query, within SPI. *types receives the type of each of its columns,
 * InvalidOid where it has none; the result is the collation of the customers.
 */
extern Oid rfmseg_examine_query(const char *query, Oid customer_type, Oid *types);

/* Runs it, within SPI: what it gives is then with the pass. */
extern void rfmseg_read_lines(const RfmsegPass *pass, const char *query, const Oid *types);

/* An error for what makes any result impossible, when all lines have been seen. */
extern void rfmseg_check_intake(const RfmsegIntake *intake);

#endif
