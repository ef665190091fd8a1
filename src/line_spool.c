/*
 * line_spool.c
 *		Packed lines set aside by the hash of their customer.  See line_spool.h.
 */
#include "postgres.h"

#include <fcntl.h>

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "line_spool.h"

/* A block has a whole number of the file's pages; one, unless a line is longer. */
#define PAGE BLCKSZ
#define NO_PAGE PG_UINT32_MAX

/* more partitions would be written to in too small pieces, fewer be too large */
#define MIN_BITS 2
#define MAX_BITS 10

/* What a block is in the file. */
typedef struct Page
{
	uint32 previous; /* page of the partition's block before it, or NO_PAGE */
	uint32 used;	 /* bytes of lines */
	uint32 pages;	 /* of the block */
	char lines[FLEXIBLE_ARRAY_MEMBER];
} Page;

struct RfmsegBlock
{
	RfmsegBlock *next; /* in memory */
	Page page;
};

#define HEADER offsetof(Page, lines)
#define ROOM(block) ((Size) (block)->page.pages * PAGE - HEADER)

typedef struct Chain
{
	RfmsegPartition content;
	RfmsegBlock *filling; /* first in memory, and the only one with room */
	uint32 last;		  /* page of the last block in the file, or NO_PAGE */
} Chain;

struct RfmsegSpool
{
	MemoryContext context; /* of all its memory */
	int bits;
	int shift;
	Size limit;	 /* bytes for blocks in memory */
	Size memory; /* bytes they take */
	FileSet *fileset;
	uint32 number; /* of the file in its set */
	BufFile *file; /* NULL: all in memory */
	uint32 npages; /* of the file */
	Chain chains[FLEXIBLE_ARRAY_MEMBER];
};

int
rfmseg_spool_bits(Size memory)
{
	int bits = MIN_BITS;

	/* a block for each partition in half of it; the rest is for whole ones */
	while (bits < MAX_BITS && ((Size) PAGE << (bits + 1)) <= memory / 2)
		bits++;
	return bits;
}

RfmsegSpool *
rfmseg_spool_new(MemoryContext context, int bits, int shift, Size memory, FileSet *fileset,
				 uint32 number)
{
	uint32 n = (uint32) 1 << bits;
	RfmsegSpool *spool =
		MemoryContextAllocZero(context, offsetof(RfmsegSpool, chains) + n * sizeof(Chain));
	uint32 i;

	spool->context = context;
	spool->bits = bits;
	spool->shift = shift;
	spool->limit = memory;
	spool->fileset = fileset;
	spool->number = number;
	for (i = 0; i < n; i++)
	{
		spool->chains[i].last = NO_PAGE;
		spool->chains[i].content.least_hash = PG_UINT32_MAX;
	}
	return spool;
}

static void
free_blocks(RfmsegSpool *spool, RfmsegBlock *block)
{
	while (block != NULL)
	{
		RfmsegBlock *next = block->next;

		spool->memory -= (Size) block->page.pages * PAGE;
		pfree(block);
		block = next;
	}
}

void
rfmseg_spool_free(RfmsegSpool *spool)
{
	uint32 i;

	for (i = 0; i < (uint32) 1 << spool->bits; i++)
		free_blocks(spool, spool->chains[i].filling);
	if (spool->file != NULL)
		BufFileClose(spool->file);
	pfree(spool);
}

static RfmsegBlock *
new_block(MemoryContext context, uint32 pages)
{
	RfmsegBlock *block = MemoryContextAllocExtended(
		context, offsetof(RfmsegBlock, page) + (Size) pages * PAGE, MCXT_ALLOC_HUGE);

	block->next = NULL;
	block->page.used = 0;
	block->page.pages = pages;
	return block;
}

static void
file_name(char *name, uint32 number)
{
	snprintf(name, MAXPGPATH, "rfmseg.%u", number);
}

static void
create_file(RfmsegSpool *spool)
{
	MemoryContext old = MemoryContextSwitchTo(spool->context);

	if (spool->fileset == NULL)
		spool->file = BufFileCreateTemp(false);
	else
	{
		char name[MAXPGPATH];

		file_name(name, spool->number);
		spool->file = BufFileCreateFileSet(spool->fileset, name);
	}
	MemoryContextSwitchTo(old);
}

static void
write_block(RfmsegSpool *spool, Chain *chain, RfmsegBlock *block)
{
	Size size = (Size) block->page.pages * PAGE;

	CHECK_FOR_INTERRUPTS();
	if (NO_PAGE - spool->npages <= block->page.pages)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the temporary file of one process would exceed %u pages", NO_PAGE)));
	block->page.previous = chain->last;
	memset(block->page.lines + block->page.used, 0, ROOM(block) - block->page.used);
	BufFileWrite(spool->file, &block->page, size);
	chain->last = spool->npages;
	spool->npages += block->page.pages;
	block->page.used = 0;
}

/* Writes a chain's blocks; those that are full alone, or the one being filled too. */
static void
write_chain(RfmsegSpool *spool, Chain *chain, bool all)
{
	RfmsegBlock *block;

	if (chain->filling == NULL)
		return;
	for (block = chain->filling->next; block != NULL; block = block->next)
		write_block(spool, chain, block);
	free_blocks(spool, chain->filling->next);
	chain->filling->next = NULL;
	if (all)
	{
		if (chain->filling->page.used > 0)
			write_block(spool, chain, chain->filling);
		free_blocks(spool, chain->filling);
		chain->filling = NULL;
	}
}

static void
write_all(RfmsegSpool *spool, bool all)
{
	uint32 i;

	if (spool->file == NULL)
		create_file(spool);
	for (i = 0; i < (uint32) 1 << spool->bits; i++)
		write_chain(spool, &spool->chains[i], all);
}

/* Gives a chain a block with room for a line of that size. */
static void
next_block(RfmsegSpool *spool, Chain *chain, Size size)
{
	uint32 pages = (uint32) ((size + HEADER + PAGE - 1) / PAGE);
	RfmsegBlock *full = chain->filling;

	/* once there is a file, full blocks go there */
	if (full != NULL && spool->file != NULL)
	{
		write_block(spool, chain, full);
		if (full->page.pages == pages)
			return;
		free_blocks(spool, full);
		chain->filling = full = NULL;
	}
	if (spool->file == NULL && spool->memory + (Size) pages * PAGE > spool->limit)
	{
		write_all(spool, true);
		full = NULL;
	}
	chain->filling = new_block(spool->context, pages);
	chain->filling->next = full;
	spool->memory += (Size) pages * PAGE;
}

void
rfmseg_spool_put_packed(RfmsegSpool *spool, uint32 hash, const char *line, Size size)
{
	Chain *chain = &spool->chains[hash >> spool->shift & (((uint32) 1 << spool->bits) - 1)];

	if (chain->filling == NULL || ROOM(chain->filling) - chain->filling->page.used < size)
		next_block(spool, chain, size);
	memcpy(chain->filling->page.lines + chain->filling->page.used, line, size);
	chain->filling->page.used += (uint32) size;
	chain->content.lines++;
	chain->content.bytes += size;
	chain->content.least_hash = Min(chain->content.least_hash, hash);
	chain->content.greatest_hash = Max(chain->content.greatest_hash, hash);
}

void
rfmseg_spool_put(RfmsegSpool *spool, const RfmsegRecord *line)
{
	Size room = rfmseg_record_room(line);
	char few[512];
	char *packed;
	size_t size;

	if (room == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the keys of a line are longer than a gigabyte")));
	if (room > sizeof(few))
	{
		char *many = MemoryContextAllocHuge(spool->context, room);

		packed = rfmseg_record_pack(line, many, &size);
		rfmseg_spool_put_packed(spool, line->hash, packed, size);
		pfree(many);
		return;
	}
	packed = rfmseg_record_pack(line, few, &size);
	rfmseg_spool_put_packed(spool, line->hash, packed, size);
}

void
rfmseg_spool_settle(RfmsegSpool *spool)
{
	if (spool->file != NULL)
		write_all(spool, true);
}

void
rfmseg_spool_send(RfmsegSpool *spool, StringInfo buf)
{
	uint32 i;

	write_all(spool, true);
	BufFileExportFileSet(spool->file);
	pq_sendint32(buf, spool->number);
	pq_sendint32(buf, spool->bits);
	pq_sendint32(buf, spool->shift);
	pq_sendint32(buf, spool->npages);
	for (i = 0; i < (uint32) 1 << spool->bits; i++)
	{
		const Chain *chain = &spool->chains[i];

		pq_sendint32(buf, chain->last);
		pq_sendint64(buf, chain->content.lines);
		pq_sendint64(buf, chain->content.bytes);
		pq_sendint32(buf, chain->content.least_hash);
		pq_sendint32(buf, chain->content.greatest_hash);
	}
}

RfmsegSpool *
rfmseg_spool_receive(MemoryContext context, StringInfo buf, FileSet *fileset)
{
	uint32 number = pq_getmsgint(buf, 4);
	int bits = (int) pq_getmsgint(buf, 4);
	int shift = (int) pq_getmsgint(buf, 4);
	RfmsegSpool *spool = rfmseg_spool_new(context, bits, shift, 0, fileset, number);
	MemoryContext old;
	char name[MAXPGPATH];
	uint32 i;

	spool->npages = pq_getmsgint(buf, 4);
	for (i = 0; i < (uint32) 1 << bits; i++)
	{
		Chain *chain = &spool->chains[i];

		chain->last = pq_getmsgint(buf, 4);
		chain->content.lines = pq_getmsgint64(buf);
		chain->content.bytes = pq_getmsgint64(buf);
		chain->content.least_hash = pq_getmsgint(buf, 4);
		chain->content.greatest_hash = pq_getmsgint(buf, 4);
	}
	file_name(name, number);
	old = MemoryContextSwitchTo(context);
	spool->file = BufFileOpenFileSet(fileset, name, O_RDONLY, false);
	MemoryContextSwitchTo(old);
	return spool;
}

const RfmsegPartition *
rfmseg_spool_partition(const RfmsegSpool *spool, uint32 number)
{
	return &spool->chains[number].content;
}

void
rfmseg_spool_read(RfmsegSpoolReader *reader, RfmsegSpool *spool, uint32 number)
{
	reader->spool = spool;
	reader->in_memory = spool->chains[number].filling;
	reader->in_file = spool->chains[number].last;
	reader->buffer = NULL;
}

static void
read_bytes(RfmsegSpool *spool, void *to, Size size)
{
	if (BufFileRead(spool->file, to, size) != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from temporary file")));
}

/* A block from the file, its first page known by its number. */
static RfmsegBlock *
read_block(RfmsegSpoolReader *reader, MemoryContext context)
{
	RfmsegSpool *spool = reader->spool;
	RfmsegBlock *block = context == NULL ? reader->buffer : NULL;

	CHECK_FOR_INTERRUPTS();
	if (block != NULL && block->page.pages > 1)
	{
		pfree(block);
		block = NULL;
	}
	if (BufFileSeekBlock(spool->file, reader->in_file) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in temporary file")));
	if (block == NULL)
		block = new_block(context != NULL ? context : spool->context, 1);
	read_bytes(spool, &block->page, PAGE);
	if (block->page.pages > 1)
	{
		RfmsegBlock *longer =
			new_block(context != NULL ? context : spool->context, block->page.pages);

		memcpy(&longer->page, &block->page, PAGE);
		read_bytes(spool, (char *) &longer->page + PAGE, (Size) (longer->page.pages - 1) * PAGE);
		pfree(block);
		block = longer;
	}
	reader->in_file = block->page.previous;
	reader->buffer = context == NULL ? block : NULL;
	return block;
}

char *
rfmseg_spool_next(RfmsegSpoolReader *reader, MemoryContext context, Size *size)
{
	RfmsegBlock *block = reader->in_memory;

	if (block != NULL)
		reader->in_memory = block->next;
	else if (reader->in_file != NO_PAGE)
		block = read_block(reader, context);
	else
	{
		if (reader->buffer != NULL)
			pfree(reader->buffer);
		return NULL;
	}
	*size = block->page.used;
	return block->page.lines;
}
