/*
 * local_day.c
 *		Between instants and the local time of a given zone.
 */
#include "postgres.h"

#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "local_day.h"

/*
 * A zone's offset from UTC changes twice a year, so the spans between changes
 * are remembered: two years of purchases lie in five of them.
 */
typedef struct Span
{
	const pg_tz *zone; /* NULL: none yet */
	pg_time_t from;	   /* first and last second, since 1970, of which the */
	pg_time_t to;	   /* offset is known */
	int64 offset;	   /* microseconds east of UTC */
} Span;

#define SPANS 8

static Span spans[SPANS];
static int next_span = 0;

pg_tz *
rfmseg_zone(const char *name)
{
	pg_tz *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", name),
				 errhint("The view pg_timezone_names lists the names that are known.")));
	return zone;
}

pg_tz *
rfmseg_default_zone(void)
{
	return rfmseg_zone("UTC");
}

/*
 * Remembers the span from an instant to the next change of the zone's offset.
 * One that ends there too begins earlier than was known.
 */
static const Span *
new_span(pg_time_t at, pg_tz *zone)
{
	long int before;
	long int after;
	int before_isdst;
	int after_isdst;
	pg_time_t boundary;
	int found =
		pg_next_dst_boundary(&at, &before, &before_isdst, &boundary, &after, &after_isdst, zone);
	pg_time_t to = found == 0 ? PG_INT64_MAX : boundary - 1;
	int i;

	if (found < 0)
		return NULL;
	for (i = 0; i < SPANS; i++)
		if (spans[i].zone == zone && spans[i].to == to)
			break;
	if (i == SPANS)
	{
		i = next_span;
		next_span = (next_span + 1) % SPANS;
	}
	spans[i].zone = zone;
	spans[i].from = at;
	spans[i].to = to;
	spans[i].offset = (int64) before * USECS_PER_SEC;
	return &spans[i];
}

/* The span that an instant lies in, or NULL. */
static const Span *
find_span(pg_time_t at, pg_tz *zone)
{
	int i;

	for (i = 0; i < SPANS; i++)
		if (spans[i].zone == zone && at >= spans[i].from && at <= spans[i].to)
			return &spans[i];
	return new_span(at, zone);
}

/* What the server itself says, step by step. */
static int32
slow_local_day(TimestampTz at, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t fsec;
	int offset;

	if (timestamp2tm(at, &offset, &tm, &fsec, NULL, zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
}

static int64
floor_div(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

int32
rfmseg_local_day(TimestampTz at, pg_tz *zone)
{
	static const Span *last = &spans[0];
	const int64 epoch = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY;
	pg_time_t seconds = floor_div(at, USECS_PER_SEC) + epoch;

	if (last->zone != zone || seconds < last->from || seconds > last->to)
	{
		const Span *span = find_span(seconds, zone);

		if (span == NULL)
			return slow_local_day(at, zone);
		last = span;
	}
	return (int32) floor_div(at + last->offset, USECS_PER_DAY);
}

TimestampTz
rfmseg_instant_of(Timestamp local, pg_tz *zone)
{
	TimestampTz instant = local;
	struct pg_tm tm;
	fsec_t fsec;
	bool fits = true;

	if (!TIMESTAMP_NOT_FINITE(local))
	{
		fits = timestamp2tm(local, NULL, &tm, &fsec, NULL, NULL) == 0;
		if (fits)
			instant = local + DetermineTimeZoneOffset(&tm, zone) * USECS_PER_SEC;
		fits = fits && IS_VALID_TIMESTAMP(instant);
	}
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return instant;
}
