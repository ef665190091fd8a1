/*
 * repeats.c
 *		Lines that have the same id.  See repeats.h.
 */
#include "repeats.h"

#include "record.h"

void
rfmseg_repeats_reset(RfmsegRepeats *repeats)
{
	rfmseg_names_reset(&repeats->ids);
}

void
rfmseg_repeats_add(RfmsegRepeats *repeats, char *line, bool with_time)
{
	RfmsegName id;
	uint32_t known = repeats->ids.n;
	uint32_t number;

	if (!rfmseg_packed_id(line, with_time, &id))
		return;
	number = rfmseg_names_number(&repeats->ids, &id);
	if (number == known)
		repeats->latest[number] = line;
	else if (rfmseg_packed_compare(line, repeats->latest[number]) > 0)
	{
		rfmseg_packed_set_repeated(repeats->latest[number]);
		repeats->latest[number] = line;
	}
	else
		rfmseg_packed_set_repeated(line);
}
