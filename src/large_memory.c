/*
 * large_memory.c
 *		Large pages where the system has them on request: most of what a new
 *		allocation costs is to make its pages, and who jumps about in it finds
 *		fewer of them sooner.
 */
#include "postgres.h"

#ifndef WIN32
#include <sys/mman.h>
#endif

#include "large_memory.h"

#define LARGE_PAGE (2 * 1024 * 1024)

void
rfmseg_ask_for_large_pages(void *memory, Size size)
{
#ifdef MADV_HUGEPAGE
	char *start = (char *) TYPEALIGN(LARGE_PAGE, memory);
	char *end = (char *) TYPEALIGN_DOWN(LARGE_PAGE, (char *) memory + size);

	/* if it fails, pages are small */
	if (start < end)
		(void) madvise(start, end - start, MADV_HUGEPAGE);
#endif
}

void *
rfmseg_alloc_large(Size size)
{
	void *memory = palloc_extended(size, MCXT_ALLOC_HUGE);

	rfmseg_ask_for_large_pages(memory, size);
	return memory;
}
