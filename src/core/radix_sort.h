/*
 * radix_sort.h
 *		Sorting of 64-bit keys in small steps.
 *
 * Least significant digit first, a byte a pass; passes in which all keys have
 * the same byte are left out, so that whole numbers of days cost two or three.
 * A few keys are sorted by insertion.
 * A step does a bounded amount of work: the caller checks for interrupts
 * between steps.
 */
#ifndef RFMSEG_RADIX_SORT_H
#define RFMSEG_RADIX_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct RfmsegSorter
{
	uint64_t *from;		   /* the keys; after the last step, sorted */
	uint64_t *to;		   /* as much room again */
	size_t n;			   /* number of keys */
	size_t at;			   /* next key of the current pass */
	int pass;			   /* -1 while counting, then the byte sorted on */
	int first_byte;		   /* those below do not matter; 0 unless set after the start */
	size_t offset[8][256]; /* per byte: where the next key with it goes */
} RfmsegSorter;

extern void rfmseg_sorter_init(RfmsegSorter *s, uint64_t *keys, uint64_t *room, size_t n);

/* Moves at most "budget" keys; true once sorted, the result then in s->from. */
extern bool rfmseg_sorter_step(RfmsegSorter *s, size_t budget);

/* A key that sorts as the double does (not for NaN), and the way back. */
extern uint64_t rfmseg_key_of_double(double value);
extern double rfmseg_double_of_key(uint64_t key);

#endif
