/*
 * names.c
 *		Numbers byte strings.  See names.h.
 */
#include "names.h"

#include <string.h>

int
rfmseg_name_compare(const RfmsegName *a, const RfmsegName *b)
{
	uint32_t common = a->length < b->length ? a->length : b->length;
	int order = common > 0 ? memcmp(a->bytes, b->bytes, common) : 0;

	if (order == 0)
		order = (a->length > b->length) - (a->length < b->length);
	return order;
}

static bool
is_name(const RfmsegNames *set, const RfmsegName *known, const RfmsegName *name)
{
	if (known->hash != name->hash)
		return false;
	if (known->length == name->length &&
		(name->length == 0 || memcmp(known->bytes, name->bytes, name->length) == 0))
		return true;
	return set->equal != NULL && set->equal(known, name, set->equal_arg);
}

/* The number of a name, or that of the next new one. */
static uint32_t
find(const RfmsegNames *set, const RfmsegName *name)
{
	uint32_t i;

	if (set->nslots == 0)
	{
		for (i = 0; i < set->n; i++)
			if (is_name(set, &set->names[i], name))
				return i;
		return set->n;
	}

	for (i = name->hash & (set->nslots - 1); set->slots[i] != 0; i = (i + 1) & (set->nslots - 1))
		if (is_name(set, &set->names[set->slots[i] - 1], name))
			return set->slots[i] - 1;
	return set->n;
}

bool
rfmseg_names_has_room(const RfmsegNames *set)
{
	return set->n < set->capacity &&
		(set->n < RFMSEG_UNHASHED || set->nslots >= 2 * (uint64_t) set->capacity);
}

void
rfmseg_names_enter(RfmsegNames *set, uint32_t number)
{
	if (set->nslots > 0)
		rfmseg_slots_enter(set->slots, set->nslots, set->names[number].hash, number);
}

uint32_t
rfmseg_names_number(RfmsegNames *set, const RfmsegName *name)
{
	uint32_t number = find(set, name);

	if (number == set->n)
	{
		set->names[set->n++] = *name;
		rfmseg_names_enter(set, number);
	}
	else if (set->equal != NULL && rfmseg_name_compare(name, &set->names[number]) < 0)
		set->names[number] = *name;
	return number;
}

void
rfmseg_names_reset(RfmsegNames *set)
{
	uint32_t i;

	if (set->nslots > 0)
		for (i = 0; i < set->n; i++)
			rfmseg_slots_clear(set->slots, set->nslots, set->names[i].hash, i);
	set->n = 0;
}
