/*
 * What tests of code that works in given memory share: memory of its exact
 * size, full of rubbish, and a count of the pauses.
 */
#ifndef CLAIM_H
#define CLAIM_H

#include <stdlib.h>
#include <string.h>

/* What new memory is full of. */
static int claim_fill = 0xA5;

/* How often the core has asked whether to go on. */
static long pauses = 0;

static inline void
count_pause(void)
{
	pauses++;
}

/* Memory of its exact size, so that the sanitizer sees what is beyond. */
static inline void *
claim(size_t size)
{
	void *memory = malloc(size > 0 ? size : 1);

	if (memory == NULL)
		abort();
	memset(memory, claim_fill, size);
	return memory;
}

#endif
