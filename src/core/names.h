/*
 * names.h
 *		Numbers byte strings from 0 in the order in which they first come.
 *
 * The bytes stay where they are: they must live as long as the numbers.  The
 * memory is the caller's: see rfmseg_names_has_room().
 */
#ifndef RFMSEG_NAMES_H
#define RFMSEG_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "slots.h"

typedef struct RfmsegName
{
	const char *bytes;
	uint32_t length; /* in bytes */
	uint32_t hash;	 /* equal for equal names */
} RfmsegName;

/* Whether two names of the same hash are equal, where that is not "the same bytes". */
typedef bool (*RfmsegNameEqual)(const RfmsegName *a, const RfmsegName *b, void *arg);

typedef struct RfmsegNames
{
	RfmsegName *names;	   /* by number */
	uint32_t n;			   /* how many there are */
	uint32_t capacity;	   /* how many there is room for */
	uint32_t *slots;	   /* see slots.h */
	uint32_t nslots;	   /* at least twice the capacity; or 0 */
	RfmsegNameEqual equal; /* NULL: the same bytes */
	void *equal_arg;
} RfmsegNames;

/*
 * Whether one more name fits.  If not the caller enlarges names and slots
 * (zeroed), and then enters all names again with rfmseg_names_enter().
 */
extern bool rfmseg_names_has_room(const RfmsegNames *set);
extern void rfmseg_names_enter(RfmsegNames *set, uint32_t number);

/*
 * The number of a name; it needs room.  Of equal names that differ in their
 * bytes the least is kept, so that it does not matter which came first.
 */
extern uint32_t rfmseg_names_number(RfmsegNames *set, const RfmsegName *name);

/* Forgets all names and keeps the memory. */
extern void rfmseg_names_reset(RfmsegNames *set);

/* Below, at or above zero in the order of the bytes, a shorter name before a longer one that begins with it. */
extern int rfmseg_name_compare(const RfmsegName *a, const RfmsegName *b);

#endif
