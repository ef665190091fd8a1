/*
 * rfmseg.c
 *		The module's identity, and its settings.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "utils/guc.h"

#include "settings.h"

PG_MODULE_MAGIC;

int rfmseg_max_model_memory = 1024 * 1024;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable(
		"rfmseg.max_model_memory", "Sets the memory that fitting one model may take.",
		"A fit that needs more is refused before it begins, or while its rows are read.",
		&rfmseg_max_model_memory, rfmseg_max_model_memory, 1024, INT_MAX, PGC_USERSET, GUC_UNIT_KB,
		NULL, NULL, NULL);
	MarkGUCPrefixReserved("rfmseg");
}
