/*
 * line_key.c
 *		Keys of any type as byte strings, and back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "core/hash.h"
#include "line_key.h"

static bool
is_deterministic(Oid collation)
{
	return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

/* Types whose values are equal if, and only if, their bytes are. */
static bool
equal_by_bytes(Oid type, Oid collation)
{
	switch (type)
	{
		case BOOLOID:
		case CHAROID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
		case UUIDOID:
		case BYTEAOID:
		case MACADDROID:
		case MACADDR8OID:
			return true;
		case TEXTOID:
		case VARCHAROID:
			return is_deterministic(collation);
		default:
			return type_is_enum(type);
	}
}

static void
set_type(RfmsegKeyType *key, Oid type, Oid collation)
{
	memset(key, 0, sizeof(*key));
	key->type = getBaseType(type);
	key->collation = collation;
	get_typlenbyval(key->type, &key->length, &key->by_value);
	key->kind = RFMSEG_KEY_BYTES;
}

void
rfmseg_key_type_of_customer(RfmsegKeyType *key, Oid type, Oid collation, MemoryContext context)
{
	TypeCacheEntry *entry;

	set_type(key, type, collation);
	if (equal_by_bytes(key->type, collation))
		return;

	entry =
		lookup_type_cache(key->type, TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_EXTENDED_PROC_FINFO);
	if (!OidIsValid(entry->eq_opr_finfo.fn_oid) ||
		!OidIsValid(entry->hash_extended_proc_finfo.fn_oid) || key->length == -2)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("customer_id is of type %s, which cannot be hashed", format_type_be(type)),
				 errhint("Convert it, for example to text.")));
	key->kind = RFMSEG_KEY_EQUALS;
	fmgr_info_copy(&key->equal, &entry->eq_opr_finfo, context);
	fmgr_info_copy(&key->hash, &entry->hash_extended_proc_finfo, context);
}

void
rfmseg_key_type_of_shown(RfmsegKeyType *key, Oid type, MemoryContext context)
{
	Oid output;
	bool is_varlena;

	set_type(key, type, InvalidOid);
	if (key->type == TEXTOID || key->type == VARCHAROID)
		return;
	key->kind = RFMSEG_KEY_TEXT;
	getTypeOutputInfo(key->type, &output, &is_varlena);
	fmgr_info_cxt(output, &key->output, context);
}

void
rfmseg_key_type_of_text(RfmsegKeyType *key, Oid type, MemoryContext context)
{
	if (equal_by_bytes(getBaseType(type), InvalidOid))
		set_type(key, type, InvalidOid);
	else
		rfmseg_key_type_of_shown(key, type, context);
}

/*
 * A value's bytes, least first on every machine, without the zeros at the end:
 * most numbers are small.
 */
static RfmsegBytes
word_bytes(Datum value, int length, uint64 *word)
{
	unsigned char *to = (unsigned char *) word;
	uint64 rest = (uint64) value;
	RfmsegBytes bytes;
	uint32 n;

	if (length < (int) sizeof(uint64))
		rest &= (UINT64CONST(1) << 8 * length) - 1;
	for (n = 0; rest != 0; rest >>= 8)
		to[n++] = (unsigned char) rest;
	bytes.bytes = (const char *) word;
	bytes.length = n;
	return bytes;
}

RfmsegBytes
rfmseg_key_bytes(RfmsegKeyType *key, Datum value, uint64 *word)
{
	RfmsegBytes bytes;

	if (key->kind == RFMSEG_KEY_TEXT)
	{
		bytes.bytes = OutputFunctionCall(&key->output, value);
		bytes.length = (uint32) strlen(bytes.bytes);
	}
	else if (key->by_value)
		return word_bytes(value, key->length, word);
	else if (key->length == -1)
	{
		struct varlena *flat = PG_DETOAST_DATUM_PACKED(value);

		bytes.bytes = VARDATA_ANY(flat);
		bytes.length = VARSIZE_ANY_EXHDR(flat);
	}
	else
	{
		bytes.bytes = DatumGetPointer(value);
		bytes.length = (uint32) key->length;
	}
	return bytes;
}

bool
rfmseg_key_keeps_hash(const RfmsegKeyType *key)
{
	return key->kind == RFMSEG_KEY_EQUALS;
}

uint32
rfmseg_key_hash(RfmsegKeyType *key, Datum value)
{
	return (uint32) rfmseg_mix(
		DatumGetUInt64(FunctionCall2Coll(&key->hash, key->collation, value, Int64GetDatum(0))));
}

Datum
rfmseg_key_value(const RfmsegKeyType *key, const char *bytes, uint32 length)
{
	char *copy;

	if (key->by_value)
	{
		uint64 word = 0;

		while (length > 0)
			word = word << 8 | (unsigned char) bytes[--length];
		return (Datum) word;
	}
	if (key->length == -1)
		return PointerGetDatum(cstring_to_text_with_len(bytes, (int) length));
	copy = palloc(length);
	memcpy(copy, bytes, length);
	return PointerGetDatum(copy);
}

static bool
equal_values(const RfmsegName *a, const RfmsegName *b, void *arg)
{
	RfmsegKeyType *key = arg;

	return DatumGetBool(FunctionCall2Coll(&key->equal, key->collation,
										  rfmseg_key_value(key, a->bytes, a->length),
										  rfmseg_key_value(key, b->bytes, b->length)));
}

RfmsegNameEqual
rfmseg_key_equal(const RfmsegKeyType *key)
{
	return key->kind == RFMSEG_KEY_EQUALS ? equal_values : NULL;
}
