/*
 * line_key.h
 *		Keys of any type as byte strings, and back.
 */
#ifndef RFMSEG_LINE_KEY_H
#define RFMSEG_LINE_KEY_H

#include "postgres.h"

#include "fmgr.h"

#include "core/names.h"
#include "core/record.h"

typedef enum RfmsegKeyKind
{
	RFMSEG_KEY_BYTES,  /* equal if its bytes are */
	RFMSEG_KEY_EQUALS, /* equal if its type's operator says so */
	RFMSEG_KEY_TEXT	   /* taken for its text */
} RfmsegKeyKind;

typedef struct RfmsegKeyType
{
	Oid type;
	RfmsegKeyKind kind;
	int16 length; /* as typlen */
	bool by_value;
	Oid collation;
	FmgrInfo output; /* of KEY_TEXT */
	FmgrInfo hash;	 /* of KEY_EQUALS, as the next */
	FmgrInfo equal;
} RfmsegKeyType;

/* of a customer: values that the type holds equal are one */
extern void rfmseg_key_type_of_customer(RfmsegKeyType *key, Oid type, Oid collation,
										MemoryContext context);
/* of an order or product: values with the same text are one */
extern void rfmseg_key_type_of_text(RfmsegKeyType *key, Oid type, MemoryContext context);
/* of a category, whose bytes are shown: they must be its text */
extern void rfmseg_key_type_of_shown(RfmsegKeyType *key, Oid type, MemoryContext context);

/* word: where a value that is passed by value is put */
extern RfmsegBytes rfmseg_key_bytes(RfmsegKeyType *key, Datum value, uint64 *word);

/* Whether a customer's hash is not that of the bytes, and then the hash. */
extern bool rfmseg_key_keeps_hash(const RfmsegKeyType *key);
extern uint32 rfmseg_key_hash(RfmsegKeyType *key, Datum value);

/* The value again, of a customer's key. */
extern Datum rfmseg_key_value(const RfmsegKeyType *key, const char *bytes, uint32 length);

/* For rfmseg_names: NULL where equal bytes are what counts. */
extern RfmsegNameEqual rfmseg_key_equal(const RfmsegKeyType *key);

#endif
