/*
 * calendar.h
 *		How much is bought on which day: months, weekdays and holidays of a shop
 *		in the United States.
 *
 * Purchases are made on a clock that runs faster on busy days: its time is
 * demand, in days of average demand.  So what recurs at a steady rate on that
 * clock follows the seasons on the calendar (the time change of an inhomogeneous
 * Poisson process).
 */
#ifndef RFMSEG_CALENDAR_H
#define RFMSEG_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

/* Days are counted from 2000-01-01. */
#define RFMSEG_CALENDAR_FIRST (-36524) /* 1900-01-01 */
#define RFMSEG_CALENDAR_LAST 73048	   /* 2199-12-31 */
#define RFMSEG_MAX_CALENDAR 36525	   /* days: a hundred years */

/* Whose calendar: everybody's, those who buy at weekends, those who buy gifts. */
typedef enum RfmsegRhythm
{
	RFMSEG_RHYTHM_STEADY,
	RFMSEG_RHYTHM_WEEKENDS,
	RFMSEG_RHYTHM_GIFTS,
	RFMSEG_RHYTHMS
} RfmsegRhythm;

typedef struct RfmsegDay
{
	double before[RFMSEG_RHYTHMS]; /* demand of all days before it */
	uint8_t month;				   /* 0 is January */
	uint8_t weekday;			   /* 0 is Monday */
	bool on_sale;				   /* a day of discounts for everybody */
	bool shops_closed;
} RfmsegDay;

typedef struct RfmsegCalendar
{
	int32_t first;	/* day */
	int32_t n_days; /* 1 .. RFMSEG_MAX_CALENDAR */
	RfmsegDay *day; /* n_days and one more, for all demand */
} RfmsegCalendar;

/* Fills in days, of which there is room for n_days + 1. */
extern void rfmseg_calendar_fill(RfmsegCalendar *calendar);

/* The day, counted from the first, on which that much demand has passed; n_days if none. */
extern int32_t rfmseg_calendar_find(const RfmsegCalendar *calendar, RfmsegRhythm rhythm,
									double demand);

/* All demand of the calendar. */
static inline double
rfmseg_calendar_total(const RfmsegCalendar *calendar, RfmsegRhythm rhythm)
{
	return calendar->day[calendar->n_days].before[rhythm];
}

/* The year of a day. */
extern int rfmseg_year_of(int32_t day);

#endif
