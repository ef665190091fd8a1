/*
 * Histories and names with memory of their own, enlarged as history.h and
 * names.h ask for.
 */
#ifndef WORKSPACE_H
#define WORKSPACE_H

#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "names.h"

typedef struct Workspace
{
	RfmsegHistory history;
	bool tight; /* grows by no more than asked for, so that sanitizers see what is beyond */
} Workspace;

static inline void *
workspace_resize(void *old, size_t size)
{
	void *resized = realloc(old, size);

	if (resized == NULL)
		abort();
	return resized;
}

/* Empty slots for that many things, in place of the old ones. */
static inline uint32_t *
workspace_slots(uint32_t *old, uint32_t capacity, uint32_t *nslots)
{
	uint32_t *slots;

	*nslots = 1;
	while (*nslots < 2 * capacity)
		*nslots *= 2;
	free(old);
	slots = workspace_resize(NULL, *nslots * sizeof(uint32_t));
	memset(slots, 0, *nslots * sizeof(uint32_t));
	return slots;
}

/* Whether all slots are empty. */
static inline bool
workspace_is_empty(const uint32_t *slots, uint32_t nslots)
{
	uint32_t i;

	for (i = 0; i < nslots; i++)
		if (slots[i] != 0)
			return false;
	return true;
}

static inline uint32_t
workspace_next_capacity(uint32_t n, uint32_t capacity, bool tight)
{
	if (tight)
		return n + 1;
	return capacity == 0 ? 4 : 2 * capacity;
}

static inline void
workspace_enlarge_purchases(RfmsegHistory *h, bool tight)
{
	uint32_t i;

	h->capacity = workspace_next_capacity(h->n, h->capacity, tight);
	h->purchases = workspace_resize(h->purchases, h->capacity * sizeof(RfmsegPurchase));
	if (h->capacity <= RFMSEG_UNHASHED)
		return;
	h->slots = workspace_slots(h->slots, h->capacity, &h->nslots);
	for (i = 0; i < h->n; i++)
		rfmseg_history_enter(h, i);
}

static inline void
workspace_make_room(RfmsegHistory *h, bool tight, uint32_t key_length)
{
	if (rfmseg_history_has_room(h, key_length))
		return;
	if (h->n >= h->capacity)
		workspace_enlarge_purchases(h, tight);
	if (h->keys_capacity - h->keys_used < key_length)
	{
		h->keys_capacity = h->keys_used + key_length + (tight ? 0 : h->keys_used + 64);
		h->keys = workspace_resize(h->keys, h->keys_capacity);
	}
	if (!rfmseg_history_has_room(h, key_length))
		abort();
}

/* For one more name. */
static inline void
workspace_make_name_room(RfmsegNames *set, bool tight)
{
	uint32_t i;

	if (rfmseg_names_has_room(set))
		return;
	set->capacity = workspace_next_capacity(set->n, set->capacity, tight);
	set->names = workspace_resize(set->names, set->capacity * sizeof(RfmsegName));
	if (set->capacity > RFMSEG_UNHASHED)
	{
		set->slots = workspace_slots(set->slots, set->capacity, &set->nslots);
		for (i = 0; i < set->n; i++)
			rfmseg_names_enter(set, i);
	}
	if (!rfmseg_names_has_room(set))
		abort();
}

/* The key is gone afterwards, as that of a row is. */
static inline bool
workspace_add(Workspace *w, const RfmsegLine *line)
{
	RfmsegLine row = *line;
	char *key = NULL;
	bool fits;

	if (line->key != NULL)
	{
		key = workspace_resize(NULL, line->key_length > 0 ? line->key_length : 1);
		memcpy(key, line->key, line->key_length);
		row.key = key;
	}
	workspace_make_room(&w->history, w->tight, row.key_length);
	fits = rfmseg_history_add(&w->history, &row);
	free(key);
	return fits;
}

static inline bool
workspace_merge(Workspace *w, const RfmsegHistory *other)
{
	uint32_t i;

	for (i = 0; i < other->n; i++)
	{
		uint32_t length = other->purchases[i].key_length;

		workspace_make_room(&w->history, w->tight, length == RFMSEG_KEY_IS_DAY ? 0 : length);
		if (!rfmseg_history_merge(&w->history, other, i))
			return false;
	}
	return true;
}

static inline int
workspace_compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a;
	uint64_t y = *(const uint64_t *) b;

	return (x > y) - (x < y);
}

/*
 * Takes all purchases, sorts the keys of those that count, and folds them.  The
 * gaps, if they are asked for, need room for all purchases.
 */
static inline bool
workspace_fold(const RfmsegHistory *h, RfmsegSummary *s, int64_t *gaps, int *ngaps)
{
	uint64_t *keys = workspace_resize(NULL, (h->n + (size_t) 1) * sizeof(uint64_t));
	size_t n = 0;
	bool fits = true;
	uint32_t i;
	size_t k;

	rfmseg_summary_begin(s);
	for (i = 0; i < h->n && fits; i++)
	{
		bool counts;

		fits = rfmseg_summary_take(s, h, i, &keys[n], &counts);
		if (counts)
			n++;
	}
	qsort(keys, n, sizeof(uint64_t), workspace_compare_keys);
	for (k = 0; k < n && fits; k++)
	{
		fits = rfmseg_summary_fold(s, h, keys[k]);
		if (gaps != NULL && s->gap != 0)
			gaps[(*ngaps)++] = s->gap;
	}
	fits = fits && rfmseg_summary_end(s);
	free(keys);
	return fits;
}

static inline bool
workspace_summarize(const Workspace *w, RfmsegSummary *s)
{
	return workspace_fold(&w->history, s, NULL, NULL);
}

static inline void
workspace_free_history(RfmsegHistory *h)
{
	free(h->purchases);
	free(h->slots);
	free(h->keys);
	memset(h, 0, sizeof(*h));
}

static inline void
workspace_free_names(RfmsegNames *set)
{
	free(set->names);
	free(set->slots);
	memset(set, 0, sizeof(*set));
}

static inline void
workspace_free(Workspace *w)
{
	workspace_free_history(&w->history);
	memset(w, 0, sizeof(*w));
}

#endif
