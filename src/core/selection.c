/*
 * selection.c
 *		Order statistics in little memory.  See selection.h.
 */
#include "selection.h"

#include <string.h>

void
rfmseg_selection_begin(RfmsegSelection *s, const uint64_t *ranks, int n)
{
	int i;

	s->n = n;
	for (i = 0; i < n; i++)
	{
		s->selected[i].rank = ranks[i];
		s->selected[i].key = 0;
	}
}

/* What a key begins with before the byte of this pass; nothing in the first. */
static uint64_t
beginning_of(const RfmsegSelection *s, uint64_t key)
{
	return s->shift == 56 ? 0 : key >> (s->shift + 8);
}

void
rfmseg_selection_begin_pass(RfmsegSelection *s, int pass)
{
	int i;
	int b;

	s->shift = 8 * (RFMSEG_SELECTION_PASSES - 1 - pass);
	s->beginnings = 0;
	for (i = 0; i < s->n; i++)
	{
		uint64_t beginning = beginning_of(s, s->selected[i].key);

		for (b = 0; b < s->beginnings; b++)
			if (s->beginning[b] == beginning)
				break;
		if (b == s->beginnings)
			s->beginning[s->beginnings++] = beginning;
		s->selected[i].counted_in = b;
	}
	memset(s->counts, 0, sizeof(s->counts));
}

void
rfmseg_selection_count(RfmsegSelection *s, const uint64_t *keys, size_t n)
{
	size_t i;
	int b;

	for (i = 0; i < n; i++)
	{
		uint64_t beginning = beginning_of(s, keys[i]);

		for (b = 0; b < s->beginnings; b++)
			if (s->beginning[b] == beginning)
			{
				s->counts[b][keys[i] >> s->shift & 0xFF]++;
				break;
			}
	}
}

void
rfmseg_selection_end_pass(RfmsegSelection *s)
{
	int i;

	for (i = 0; i < s->n; i++)
	{
		RfmsegSelected *selected = &s->selected[i];
		const uint64_t *counts = s->counts[selected->counted_in];
		uint64_t byte = 0;

		while (selected->rank >= counts[byte])
			selected->rank -= counts[byte++];
		selected->key |= byte << s->shift;
	}
}
