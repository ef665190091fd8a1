/*
 * record.h
 *		One line of a purchase with all that a customer's summary needs of it,
 *		and its packed form, in which lines are set aside by the million: some
 *		forty bytes each, as writing and reading them is most of the work.
 */
#ifndef RFMSEG_RECORD_H
#define RFMSEG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decimal.h"
#include "names.h"

/* Bytes that lie elsewhere; NULL: not known. */
typedef struct RfmsegBytes
{
	const char *bytes;
	uint32_t length;
} RfmsegBytes;

typedef enum RfmsegKey
{
	RFMSEG_CUSTOMER, /* not known: a guest */
	RFMSEG_ORDER,
	RFMSEG_PRODUCT,
	RFMSEG_CATEGORY,
	RFMSEG_LINE, /* identifies the line itself */
	RFMSEG_KEYS
} RfmsegKey;

typedef struct RfmsegRecord
{
	RfmsegBytes keys[RFMSEG_KEYS];
	uint32_t hash;	 /* of the customer, or of a guest's line */
	bool keeps_hash; /* it is not that of the key's bytes, and must be packed */
	int64_t at;		 /* microseconds of any fixed epoch */
	bool is_return;
	bool is_repeated; /* set in the packed form: another line has its id */
	bool has_quantity;
	bool has_discount;
	RfmsegDecimal amount; /* of a return zero or less */
	RfmsegDecimal quantity;
	RfmsegDecimal discount;
} RfmsegRecord;

/* Sets the hash by the key's bytes. */
extern void rfmseg_record_hash(RfmsegRecord *record);

/* Bytes that packing may take; 0 if that is more than a gigabyte. */
extern size_t rfmseg_record_room(const RfmsegRecord *record);

/* Packs somewhere into that room; where, and how many bytes. */
extern char *rfmseg_record_pack(const RfmsegRecord *record, char *room, size_t *size);

/* Size of a packed record. */
extern size_t rfmseg_packed_size(const char *from);

/* The customer, the hash, the line's id and the time. */
extern void rfmseg_record_peek(const char *from, RfmsegRecord *record);

/* All of it; the keys point into the packed record. */
extern void rfmseg_record_unpack(const char *from, RfmsegRecord *record);

/*
 * The line's id as a name in bytes of the packed record, or the id and the time
 * together: equal if these are.  false if it has no id.
 */
extern bool rfmseg_packed_id(const char *from, bool with_time, RfmsegName *id);

/* Below, at or above zero: by time, then by amount, then by bytes. */
extern int rfmseg_packed_compare(const char *a, const char *b);

/* Notes in a packed record that another line has its id. */
extern void rfmseg_packed_set_repeated(char *from);

#endif
