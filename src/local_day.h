/*
 * local_day.h
 *		Which day an instant falls on, in a given time zone.
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

#endif
