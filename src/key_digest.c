/*
 * key_digest.c
 *		_key_digest(): what is kept of the key of a customer who was forgotten.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/uuid.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "core/siphash.h"

StaticAssertDecl(UUID_LEN == RFMSEG_SIPHASH_KEY, "a uuid must be a key of SipHash");

PG_FUNCTION_INFO_V1(rfmseg_key_digest);

/* _key_digest(key text, secret uuid) -> bigint */
Datum
rfmseg_key_digest(PG_FUNCTION_ARGS)
{
	text *key = PG_GETARG_TEXT_PP(0);
	pg_uuid_t *secret = PG_GETARG_UUID_P(1);
	const char *bytes = VARDATA_ANY(key);
	int length = VARSIZE_ANY_EXHDR(key);

	/* digests go to other databases in dumps, which may have another encoding */
	char *converted = pg_server_to_any(bytes, length, PG_UTF8);

	if (converted != bytes)
		length = (int) strlen(converted);
	PG_RETURN_INT64(
		(int64) rfmseg_siphash((const unsigned char *) converted, length, secret->data));
}
