/*
 * line_spool.h
 *		Packed lines set aside by the hash of their customer, until all have come.
 *
 * A spool has a number of partitions, a power of two; a line's is told by some
 * bits of its hash.  Lines lie in blocks, a chain of them for each partition:
 * in memory up to a limit, and then all but the blocks being filled in a
 * temporary file.  A file of a shared set can be read by other processes.
 */
#ifndef RFMSEG_LINE_SPOOL_H
#define RFMSEG_LINE_SPOOL_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "storage/fileset.h"

#include "core/record.h"

typedef struct RfmsegSpool RfmsegSpool;
typedef struct RfmsegBlock RfmsegBlock;

/* Bits for as many partitions as that much memory has room for. */
extern int rfmseg_spool_bits(Size memory);

/*
 * bits: log2 of the number of partitions; shift: where they are in the hash.
 * Blocks take up to "memory" bytes.  fileset: of the file, or NULL for one of
 * this process alone; number: tells files of a set apart.
 */
extern RfmsegSpool *rfmseg_spool_new(MemoryContext context, int bits, int shift, Size memory,
									 FileSet *fileset, uint32 number);
extern void rfmseg_spool_free(RfmsegSpool *spool);

extern void rfmseg_spool_put(RfmsegSpool *spool, const RfmsegRecord *line);

/* Puts a line that is packed already. */
extern void rfmseg_spool_put_packed(RfmsegSpool *spool, uint32 hash, const char *line, Size size);

/* Leaves no more in memory, if anything is in a file. */
extern void rfmseg_spool_settle(RfmsegSpool *spool);

/* Puts everything into the file, for the process that receives what is sent. */
extern void rfmseg_spool_send(RfmsegSpool *spool, StringInfo buf);
extern RfmsegSpool *rfmseg_spool_receive(MemoryContext context, StringInfo buf, FileSet *fileset);

/* What is in a partition. */
typedef struct RfmsegPartition
{
	uint64 lines;
	uint64 bytes;
	uint32 least_hash; /* the same as the greatest: it cannot be parted */
	uint32 greatest_hash;
} RfmsegPartition;

extern const RfmsegPartition *rfmseg_spool_partition(const RfmsegSpool *spool, uint32 number);

/* Reads a partition block by block; a block's lines lie one after another. */
typedef struct RfmsegSpoolReader
{
	RfmsegSpool *spool;
	RfmsegBlock *in_memory; /* next block there, or NULL */
	uint32 in_file;			/* next block in the file, or none */
	RfmsegBlock *buffer;	/* for blocks from the file that need not stay */
} RfmsegSpoolReader;

extern void rfmseg_spool_read(RfmsegSpoolReader *reader, RfmsegSpool *spool, uint32 number);

/*
 * The next block's lines, or NULL after the last.  What comes from the file
 * stays where "context" says, or if that is NULL until the next call.
 */
extern char *rfmseg_spool_next(RfmsegSpoolReader *reader, MemoryContext context, Size *size);

#endif
