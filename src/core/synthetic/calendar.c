/*
 * calendar.c
 *		How much is bought on which day.  See calendar.h.
 */
#include "calendar.h"

enum
{
	MONDAY,
	TUESDAY,
	WEDNESDAY,
	THURSDAY,
	FRIDAY,
	SATURDAY,
	SUNDAY,
	WEEK
};

enum
{
	JANUARY,
	FEBRUARY,
	MARCH,
	APRIL,
	MAY,
	JUNE,
	JULY,
	AUGUST,
	SEPTEMBER,
	OCTOBER,
	NOVEMBER,
	DECEMBER
};

/* 2000-01-01 was a Saturday */
#define WEEKDAY_OF_DAY_0 SATURDAY
/* 2000-01-01 in days since 0000-03-01, from which leap days come last in the year */
#define DAY_0_OF_MARCH_0 730425
#define DAYS_OF_400_YEARS 146097

/* Demand relative to the average day */
static const double of_month[12] = {0.87, 0.89, 0.94, 0.95, 0.97, 0.96,
									0.96, 0.97, 0.94, 0.99, 1.12, 1.33};
static const double of_weekday[RFMSEG_RHYTHMS][WEEK] = {
	[RFMSEG_RHYTHM_STEADY] = {0.95, 0.90, 0.92, 0.97, 1.08, 1.18, 1.00},
	[RFMSEG_RHYTHM_WEEKENDS] = {0.30, 0.30, 0.30, 0.35, 0.75, 2.80, 2.20},
	[RFMSEG_RHYTHM_GIFTS] = {0.95, 0.90, 0.92, 0.97, 1.08, 1.18, 1.00},
};

/* So that a year's mean demand is 1, whatever the rhythm */
static const double mean_demand[RFMSEG_RHYTHMS] = {
	[RFMSEG_RHYTHM_STEADY] = 1.0071,
	[RFMSEG_RHYTHM_WEEKENDS] = 1.0061,
	[RFMSEG_RHYTHM_GIFTS] = 1.1340,
};

typedef struct Date
{
	int year;
	int month;	 /* 0 is January */
	int day;	 /* 1 is the first of the month */
	int weekday; /* 0 is Monday */
} Date;

/* The civil calendar, by years that begin in March (Hinnant's "chrono-compatible" algorithm). */
static Date
date_of(int32_t day)
{
	int32_t since = day + DAY_0_OF_MARCH_0;
	int32_t era = (since >= 0 ? since : since - (DAYS_OF_400_YEARS - 1)) / DAYS_OF_400_YEARS;
	int32_t of_era = since - era * DAYS_OF_400_YEARS;
	int32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int32_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int32_t month = (5 * of_year + 2) / 153; /* 0 is March */
	Date date;

	date.day = of_year - (153 * month + 2) / 5 + 1;
	date.month = month < 10 ? month + 2 : month - 10;
	date.year = year + era * 400 + (date.month <= FEBRUARY ? 1 : 0);
	date.weekday = ((day % WEEK) + WEEK + WEEKDAY_OF_DAY_0) % WEEK;
	return date;
}

int
rfmseg_year_of(int32_t day)
{
	return date_of(day).year;
}

/* Whether a date is the n-th such weekday of its month, shifted by some days after it. */
static bool
is_nth(Date date, int month, int n, int weekday, int shift)
{
	int day = date.day - shift;

	return date.month == month && (date.weekday - shift % WEEK + WEEK) % WEEK == weekday &&
		day > (n - 1) * WEEK && day <= n * WEEK;
}

static bool
is_between(Date date, int month, int first, int last)
{
	return date.month == month && date.day >= first && date.day <= last;
}

/* Days from Thanksgiving, the fourth Thursday of November; the month has to be near it. */
static int
after_thanksgiving(Date date)
{
	int of_november = date.day + (date.month == DECEMBER ? 30 : 0);
	/* the weekday of November 1 */
	int first = ((date.weekday - (of_november - 1)) % WEEK + WEEK) % WEEK;

	return of_november - (1 + (THURSDAY - first + WEEK) % WEEK + 3 * WEEK);
}

typedef struct Occasion
{
	double demand; /* relative to an ordinary day of its month */
	bool on_sale;
	bool shops_closed;
} Occasion;

static Occasion
occasion_of(Date date)
{
	Occasion ordinary = {1, false, false};

	if (date.month == NOVEMBER || date.month == DECEMBER)
	{
		switch (after_thanksgiving(date))
		{
			case 0:
				return (Occasion){0.7, true, true};
			case 1: /* Black Friday */
				return (Occasion){2.6, true, false};
			case 2:
				return (Occasion){1.6, true, false};
			case 3:
				return (Occasion){1.4, true, false};
			case 4: /* Cyber Monday */
				return (Occasion){2.4, true, false};
			default:
				break;
		}
		if (date.month == DECEMBER && date.day == 24)
			return (Occasion){0.7, false, false};
		if (date.month == DECEMBER && date.day == 25)
			return (Occasion){0.25, false, true};
		if (is_between(date, DECEMBER, 26, 31))
			return (Occasion){0.9, true, false};
		return ordinary;
	}
	if (date.month == JANUARY && date.day == 1)
		return (Occasion){0.5, false, true};
	if (is_between(date, FEBRUARY, 8, 13)) /* before Valentine's Day */
		return (Occasion){1.25, false, false};
	if (date.month == JULY && date.day == 4)
		return (Occasion){0.75, true, false};
	if (is_between(date, JULY, 10, 13)) /* the summer sale */
		return (Occasion){1.3, true, false};
	if (is_nth(date, SEPTEMBER, 1, MONDAY, 0)) /* Labor Day */
		return (Occasion){1.25, true, false};
	if (date.month == MAY)
	{
		int i;

		/* the week before Mother's Day, the second Sunday */
		for (i = 1; i < WEEK; i++)
			if (is_nth(date, MAY, 2, SUNDAY, -i))
				return (Occasion){1.2, false, false};
		/* Memorial Day, the last Monday */
		if (date.weekday == MONDAY && date.day > 31 - WEEK)
			return (Occasion){1.25, true, false};
	}
	return ordinary;
}

/* How those who buy gifts differ. */
static double
gift_demand(Date date, const Occasion *occasion)
{
	if (is_between(date, NOVEMBER, 15, 30) || is_between(date, DECEMBER, 1, 23))
		return 5;
	if ((date.month == FEBRUARY || date.month == MAY) && occasion->demand > 1)
		return 3;
	return 0.35;
}

void
rfmseg_calendar_fill(RfmsegCalendar *calendar)
{
	double total[RFMSEG_RHYTHMS] = {0};
	int32_t i;
	int rhythm;

	for (i = 0; i <= calendar->n_days; i++)
	{
		RfmsegDay *day = &calendar->day[i];
		Date date = date_of(calendar->first + i);
		Occasion occasion = occasion_of(date);

		day->month = (uint8_t) date.month;
		day->weekday = (uint8_t) date.weekday;
		day->on_sale = occasion.on_sale;
		day->shops_closed = occasion.shops_closed;
		for (rhythm = 0; rhythm < RFMSEG_RHYTHMS; rhythm++)
		{
			double demand =
				of_month[date.month] * of_weekday[rhythm][date.weekday] * occasion.demand;

			if (rhythm == RFMSEG_RHYTHM_GIFTS)
				demand *= gift_demand(date, &occasion);
			day->before[rhythm] = total[rhythm];
			total[rhythm] += demand / mean_demand[rhythm];
		}
	}
}

int32_t
rfmseg_calendar_find(const RfmsegCalendar *calendar, RfmsegRhythm rhythm, double demand)
{
	int32_t low = 0;
	int32_t high = calendar->n_days;

	if (demand >= calendar->day[high].before[rhythm])
		return high;

	/* the last day before which no more than that has passed */
	while (high - low > 1)
	{
		int32_t middle = low + (high - low) / 2;

		if (calendar->day[middle].before[rhythm] <= demand)
			low = middle;
		else
			high = middle;
	}
	return low;
}
