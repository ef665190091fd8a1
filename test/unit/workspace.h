/*
 * A history with memory of its own, enlarged as history.h asks for.
 */
#ifndef WORKSPACE_H
#define WORKSPACE_H

#include <stdlib.h>
#include <string.h>

#include "history.h"

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

static inline void
workspace_enlarge_purchases(Workspace *w)
{
	RfmsegHistory *h = &w->history;
	uint32_t i;

	h->capacity = w->tight ? h->n + 1 : (h->capacity == 0 ? 4 : 2 * h->capacity);
	h->purchases = workspace_resize(h->purchases, h->capacity * sizeof(RfmsegPurchase));
	if (h->capacity <= RFMSEG_UNHASHED)
		return;

	h->nslots = 1;
	while (h->nslots < 2 * h->capacity)
		h->nslots *= 2;
	free(h->slots);
	h->slots = workspace_resize(NULL, h->nslots * sizeof(uint32_t));
	memset(h->slots, 0, h->nslots * sizeof(uint32_t));
	for (i = 0; i < h->n; i++)
		rfmseg_history_enter(h, i);
}

static inline void
workspace_make_room(Workspace *w, uint32_t key_length)
{
	RfmsegHistory *h = &w->history;

	if (rfmseg_history_has_room(h, key_length))
		return;
	if (h->n >= h->capacity)
		workspace_enlarge_purchases(w);
	if (h->keys_capacity - h->keys_used < key_length)
	{
		h->keys_capacity = h->keys_used + key_length + (w->tight ? 0 : h->keys_used + 64);
		h->keys = workspace_resize(h->keys, h->keys_capacity);
	}
	if (!rfmseg_history_has_room(h, key_length))
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
	workspace_make_room(w, row.key_length);
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

		workspace_make_room(w, length == RFMSEG_KEY_IS_DAY ? 0 : length);
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

/* Takes all purchases, sorts the keys of those that count, and folds them. */
static inline bool
workspace_summarize(const Workspace *w, RfmsegSummary *s)
{
	const RfmsegHistory *h = &w->history;
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
		fits = rfmseg_summary_fold(s, h, keys[k]);
	fits = fits && rfmseg_summary_end(s);
	free(keys);
	return fits;
}

static inline void
workspace_free(Workspace *w)
{
	free(w->history.purchases);
	free(w->history.slots);
	free(w->history.keys);
	memset(w, 0, sizeof(*w));
}

#endif
