/*
 * summarize_partition.c
 *		One partition of the lines after the other: put in memory, its lines
 *		brought together by customer, and each customer summed up.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "aggregate.h"
#include "core/hash.h"
#include "summarize.h"

/* Lines of one partition, in memory. */
typedef struct Partition
{
	char **lines; /* packed */
	uint32 *next; /* another line of the same customer + 1, or 0 */
	uint32 nlines;
	uint32 *first; /* by customer's number: one of their lines + 1 */
	uint32 guest;  /* one of the guests' lines + 1, if lines have ids */
	RfmsegNames customers;
} Partition;

static uint64
lines_in(List *spools, uint32 number, RfmsegPartition *all)
{
	ListCell *cell;

	memset(all, 0, sizeof(*all));
	all->least_hash = PG_UINT32_MAX;
	foreach (cell, spools)
	{
		const RfmsegPartition *p = rfmseg_spool_partition(lfirst(cell), number);

		all->lines += p->lines;
		all->bytes += p->bytes;
		all->least_hash = Min(all->least_hash, p->least_hash);
		all->greatest_hash = Max(all->greatest_hash, p->greatest_hash);
	}
	return all->lines;
}

/* Memory that it takes to sum up a partition, in bytes. */
static uint64
memory_for(const RfmsegPartition *partition)
{
	const Size line = sizeof(char *) + 2 * sizeof(uint32);
	const Size customer = sizeof(RfmsegName) + 4 * sizeof(uint32);

	return partition->bytes + partition->lines * (line + customer);
}

static uint32
slots_for(uint32 n)
{
	uint32 nslots = 16;

	while (nslots < 2 * n)
		nslots *= 2;
	return nslots;
}

/* Brings lines of a customer together. */
static void
add_to_partition(RfmsegSummarizing *s, Partition *p, char *line)
{
	RfmsegRecord record;
	RfmsegName name;
	uint32 known = p->customers.n;
	uint32 number;

	rfmseg_record_peek(line, &record);
	if (record.keys[RFMSEG_CUSTOMER].bytes == NULL)
	{
		if (record.keys[RFMSEG_LINE].bytes == NULL)
		{
			rfmseg_add_line(s, line, 0);
			return;
		}
		p->lines[p->nlines] = line;
		p->next[p->nlines] = p->guest;
		p->guest = ++p->nlines;
		return;
	}
	name.bytes = record.keys[RFMSEG_CUSTOMER].bytes;
	name.length = record.keys[RFMSEG_CUSTOMER].length;
	name.hash = record.hash;
	number = rfmseg_names_number(&p->customers, &name);
	p->lines[p->nlines] = line;
	p->next[p->nlines] = number == known ? 0 : p->first[number];
	p->first[number] = ++p->nlines;
}

static void
load_partition(RfmsegSummarizing *s, Partition *p, List *spools, uint32 number, uint64 lines)
{
	MemoryContext context = s->partition;
	MemoryContext old = MemoryContextSwitchTo(context); /* comparing keys may take some */
	ListCell *cell;

	if (lines > PG_INT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d lines of one customer", PG_INT32_MAX / 4)));
	p->nlines = 0;
	p->guest = 0;
	p->lines = MemoryContextAllocHuge(context, lines * sizeof(char *));
	p->next = MemoryContextAllocHuge(context, lines * sizeof(uint32));
	p->first = MemoryContextAllocHuge(context, lines * sizeof(uint32));
	memset(&p->customers, 0, sizeof(p->customers));
	p->customers.capacity = (uint32) lines;
	p->customers.names = MemoryContextAllocHuge(context, lines * sizeof(RfmsegName));
	p->customers.nslots = slots_for((uint32) lines);
	p->customers.slots = MemoryContextAllocExtended(
		context, (Size) p->customers.nslots * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	p->customers.equal = rfmseg_key_equal(&s->key);
	p->customers.equal_arg = &s->key;

	foreach (cell, spools)
	{
		RfmsegSpoolReader reader;
		Size size;
		char *line;

		rfmseg_spool_read(&reader, lfirst(cell), number);
		while ((line = rfmseg_spool_next(&reader, context, &size)) != NULL)
		{
			char *end = line + size;

			CHECK_FOR_INTERRUPTS();
			for (; line < end; line += rfmseg_packed_size(line))
				add_to_partition(s, p, line);
		}
	}
	MemoryContextSwitchTo(old);
}

/* Customers in the order of their hashes: in that of no plan. */
static int
compare_customers(const void *a, const void *b)
{
	const RfmsegName *x = *(RfmsegName *const *) a;
	const RfmsegName *y = *(RfmsegName *const *) b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return rfmseg_name_compare(x, y);
}

static RfmsegName **
sorted_customers(RfmsegSummarizing *s, const Partition *p)
{
	RfmsegName **sorted =
		MemoryContextAllocHuge(s->partition, Max(p->customers.n, 1) * sizeof(RfmsegName *));
	uint32 i;

	for (i = 0; i < p->customers.n; i++)
		sorted[i] = &p->customers.names[i];
	qsort(sorted, p->customers.n, sizeof(RfmsegName *), compare_customers);
	return sorted;
}

/* Notes which lines of a chain have the id of another. */
static void
note_repeated(RfmsegRepeats *repeats, MemoryContext context, const Partition *p, uint32 line,
			  bool with_time)
{
	uint32 n = 0;

	for (; line != 0; line = p->next[line - 1])
	{
		if (n++ % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		rfmseg_repeats_make_room(repeats, context);
		rfmseg_repeats_add(repeats, p->lines[line - 1], with_time);
	}
}

/*
 * Guests are nobody's, and are in a partition by their time: so lines of guests
 * with one id are told to be the same only if they have the same time.
 */
static void
add_guests(RfmsegSummarizing *s, const Partition *p)
{
	RfmsegRepeats repeats;
	uint32 line;
	uint32 n = 0;

	memset(&repeats, 0, sizeof(repeats));
	note_repeated(&repeats, s->partition, p, p->guest, true);
	for (line = p->guest; line != 0; line = p->next[line - 1])
	{
		if (n++ % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		rfmseg_add_line(s, p->lines[line - 1], 0);
	}
}

static void
sum_up_customer(RfmsegSummarizing *s, const Partition *p, const RfmsegName *name)
{
	uint64 hash = rfmseg_hash_bytes(name->bytes, name->length, 1);
	uint32 line = p->first[name - p->customers.names];
	uint32 n = 0;

	rfmseg_begin_customer(s);
	if (s->has_ids)
		note_repeated(&s->repeats, s->customers, p, line, false);
	for (; line != 0; line = p->next[line - 1])
	{
		if (n++ % RFMSEG_INTERRUPT_EVERY == 0)
			CHECK_FOR_INTERRUPTS();
		rfmseg_add_line(s, p->lines[line - 1], hash);
	}
	if (s->customer->ever.n > 0)
		rfmseg_put_customer(s, name);
}

static void
sum_up_in_memory(RfmsegSummarizing *s, List *spools, uint32 number, uint64 lines)
{
	Partition p;
	RfmsegName **customers;
	uint32 i;

	load_partition(s, &p, spools, number, lines);
	add_guests(s, &p);
	customers = sorted_customers(s, &p);
	for (i = 0; i < p.customers.n; i++)
		sum_up_customer(s, &p, customers[i]);
	MemoryContextReset(s->partition);
}

/* Parts the lines of a partition by the next bits of their hashes. */
static void
part_again(RfmsegSummarizing *s, List *spools, uint32 number, int shift)
{
	int bits = Min(s->pass->bits, shift);
	RfmsegSpool *parts =
		rfmseg_spool_new(s->pass->context, bits, shift - bits, s->pass->memory / 2, NULL, 0);
	ListCell *cell;
	List *one;

	foreach (cell, spools)
	{
		RfmsegSpoolReader reader;
		Size size;
		char *line;

		rfmseg_spool_read(&reader, lfirst(cell), number);
		while ((line = rfmseg_spool_next(&reader, NULL, &size)) != NULL)
		{
			char *end = line + size;

			for (; line < end; line += rfmseg_packed_size(line))
			{
				RfmsegRecord record;

				rfmseg_record_peek(line, &record);
				rfmseg_spool_put_packed(parts, record.hash, line, rfmseg_packed_size(line));
			}
			CHECK_FOR_INTERRUPTS();
		}
	}
	one = list_make1(parts);
	rfmseg_sum_up(s, one, bits, shift - bits);
	list_free(one);
	rfmseg_spool_free(parts);
}

/* Sums up all partitions of spools that part by the same bits. */
void
rfmseg_sum_up(RfmsegSummarizing *s, List *spools, int bits, int shift)
{
	ListCell *cell;
	uint32 i;

	foreach (cell, spools)
		rfmseg_spool_settle(lfirst(cell));
	for (i = 0; i < (uint32) 1 << bits; i++)
	{
		RfmsegPartition all;
		uint64 lines = lines_in(spools, i, &all);

		if (lines == 0)
			continue;
		if (memory_for(&all) > s->pass->memory && all.least_hash != all.greatest_hash && shift > 0)
			part_again(s, spools, i, shift);
		else
			sum_up_in_memory(s, spools, i, lines);
	}
}
