/*
 * large_memory.c
 *		Most of what a large allocation costs is to make its pages.  They are large
 *		where the system has such on request, which is also good for jumping about.
 */
#include "postgres.h"

#ifndef WIN32
#include <sys/mman.h>
#include <unistd.h>
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

/* Pages of shared memory are small; to make them all at once takes half as long as one by one. */
void
rfmseg_make_pages(void *memory, Size size)
{
#ifdef MADV_POPULATE_WRITE
	char *start = (char *) TYPEALIGN_DOWN(sysconf(_SC_PAGESIZE), memory);

	/* if it fails, they are made as they are touched */
	(void) madvise(start, (char *) memory + size - start, MADV_POPULATE_WRITE);
#endif
}
