/*
 * local_day.h
 *		Between instants and the local time of a given zone.
 */
#ifndef RFMSEG_LOCAL_DAY_H
#define RFMSEG_LOCAL_DAY_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

/* The zone of that name; an unknown one is an error. */
extern pg_tz *rfmseg_zone(const char *name);

/* The zone where none is named: UTC, never the session's. */
extern pg_tz *rfmseg_default_zone(void);

/* Days since 2000-01-01 of a finite instant. */
extern int32 rfmseg_local_day(TimestampTz at, pg_tz *zone);

/* The instant at which the zone's clocks show a time, as AT TIME ZONE has it. */
extern TimestampTz rfmseg_instant_of(Timestamp local, pg_tz *zone);

#endif
