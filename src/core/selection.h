/*
 * selection.h
 *		Order statistics of numbers that are read again and again, in little
 *		memory: eight passes, each of which finds one more byte of every one.
 *
 * The keys may come in any order and in pieces, the same ones in each pass.
 */
#ifndef RFMSEG_SELECTION_H
#define RFMSEG_SELECTION_H

#include <stddef.h>
#include <stdint.h>

/* most that can be selected at once: two for each cut point */
#define RFMSEG_SELECTION_MAX 18
#define RFMSEG_SELECTION_PASSES 8

typedef struct RfmsegSelected
{
	uint64_t rank;	/* from 0, among the keys that begin as this one does */
	uint64_t key;	/* as far as it is known; after the last pass, all of it */
	int counted_in; /* which counters have those keys */
} RfmsegSelected;

typedef struct RfmsegSelection
{
	RfmsegSelected selected[RFMSEG_SELECTION_MAX];
	int n;	   /* how many are selected */
	int shift; /* of the byte that this pass finds */
	int beginnings;
	uint64_t beginning[RFMSEG_SELECTION_MAX]; /* different beginnings of the keys selected */
	uint64_t counts[RFMSEG_SELECTION_MAX][256];
} RfmsegSelection;

/* Selects the keys of those ranks, each below the number of keys. */
extern void rfmseg_selection_begin(RfmsegSelection *s, const uint64_t *ranks, int n);

/* A pass: begin, count all keys, end. */
extern void rfmseg_selection_begin_pass(RfmsegSelection *s, int pass);
extern void rfmseg_selection_count(RfmsegSelection *s, const uint64_t *keys, size_t n);
extern void rfmseg_selection_end_pass(RfmsegSelection *s);

#endif
