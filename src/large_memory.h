/*
 * large_memory.h
 *		Allocations of many megabytes.
 */
#ifndef RFMSEG_LARGE_MEMORY_H
#define RFMSEG_LARGE_MEMORY_H

#include "postgres.h"

/* palloc for any size, on large pages. */
extern void *rfmseg_alloc_large(Size size);

/* Asks for large pages for memory that there is already, but not yet used. */
extern void rfmseg_ask_for_large_pages(void *memory, Size size);

/* Makes the pages of shared memory that is about to be filled. */
extern void rfmseg_make_pages(void *memory, Size size);

#endif
