/*
 * The calendar, against one that counts days one by one; holidays of years that
 * an almanac lists; demand as the tables say; and the search for the day of a
 * demand against a walk from the first day.
 */
#include "synthetic/calendar.h"

#include <math.h>
#include <stdlib.h>

#include "prng.h"
#include "statistics.h"
#include "tap.h"

#define FIRST_YEAR 1900
#define LAST_YEAR 2199
#define DAYS (RFMSEG_CALENDAR_LAST - RFMSEG_CALENDAR_FIRST + 1)

enum
{
	MONDAY,
	THURSDAY = 3,
	FRIDAY,
	SATURDAY,
	SUNDAY
};

enum
{
	JANUARY = 1,
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

typedef struct Date
{
	int year;
	int month; /* 1 is January */
	int day;
	int weekday;
} Date;

/* Every day of the years 1900 to 2199. */
static Date dates[DAYS];

static int
days_of_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == FEBRUARY && leap ? 29 : days[month - 1];
}

/* Returns how many days there are. */
static int
count_days(void)
{
	Date date = {FIRST_YEAR, JANUARY, 1, MONDAY};
	int n = 0;

	while (date.year <= LAST_YEAR && n < DAYS)
	{
		dates[n++] = date;
		date.weekday = (date.weekday + 1) % 7;
		if (++date.day > days_of_month(date.year, date.month))
		{
			date.day = 1;
			if (++date.month > DECEMBER)
			{
				date.month = JANUARY;
				date.year++;
			}
		}
	}
	return date.year == LAST_YEAR + 1 ? n : -1;
}

/* Counted from 2000-01-01 */
static int32_t
day_of(int year, int month, int day)
{
	int i = (int) ((year - FIRST_YEAR) * 365.2425) - 2;

	for (i = i < 0 ? 0 : i; i < DAYS; i++)
		if (dates[i].year == year && dates[i].month == month && dates[i].day == day)
			return RFMSEG_CALENDAR_FIRST + i;
	abort();
}

/* In memory of its exact size, so that the sanitizer sees what is beyond */
static RfmsegCalendar
calendar_of(int32_t first, int32_t n_days)
{
	RfmsegCalendar calendar = {first, n_days, NULL};

	calendar.day = malloc(((size_t) n_days + 1) * sizeof(RfmsegDay));
	if (calendar.day == NULL)
		abort();
	rfmseg_calendar_fill(&calendar);
	return calendar;
}

static double
demand_of(const RfmsegCalendar *calendar, int32_t i, RfmsegRhythm rhythm)
{
	return calendar->day[i + 1].before[rhythm] - calendar->day[i].before[rhythm];
}

/*
 * Demand, as documented
 */

static const double of_month[] = {0.87, 0.89, 0.94, 0.95, 0.97, 0.96,
								  0.96, 0.97, 0.94, 0.99, 1.12, 1.33};
static const double of_weekday[] = {0.95, 0.90, 0.92, 0.97, 1.08, 1.18, 1.00};
static const double of_weekend_buyers[] = {0.30, 0.30, 0.30, 0.35, 0.75, 2.80, 2.20};

typedef struct Occasion
{
	double demand;
	bool on_sale;
	bool shops_closed;
} Occasion;

/* The date so many days before or after; beyond the last, the last. */
static const Date *
from(const Date *date, int days)
{
	int i = (int) (date - dates) + days;

	return &dates[i < 0 ? 0 : i >= DAYS ? DAYS - 1 : i];
}

static bool
is(const Date *date, int month, int day)
{
	return date->month == month && date->day == day;
}

static bool
is_nth_weekday(const Date *date, int month, int n, int weekday)
{
	return date->month == month && date->weekday == weekday && (date->day + 6) / 7 == n;
}

static bool
is_thanksgiving(const Date *date)
{
	return is_nth_weekday(date, NOVEMBER, 4, THURSDAY);
}

static bool
is_last_monday_of_may(const Date *date)
{
	return date->month == MAY && date->weekday == MONDAY && from(date, 7)->month != MAY;
}

static bool
is_week_before_mothers_day(const Date *date)
{
	int i;

	for (i = 1; i <= 6; i++)
		if (is_nth_weekday(from(date, i), MAY, 2, SUNDAY))
			return true;
	return false;
}

static Occasion
occasion_of(const Date *date)
{
	static const double after_thanksgiving[] = {0.7, 2.6, 1.6, 1.4, 2.4};
	int i;

	for (i = 0; i < 5; i++)
		if (is_thanksgiving(from(date, -i)))
			return (Occasion){after_thanksgiving[i], true, i == 0};
	if (is(date, DECEMBER, 24))
		return (Occasion){0.7, false, false};
	if (is(date, DECEMBER, 25))
		return (Occasion){0.25, false, true};
	if (date->month == DECEMBER && date->day > 25)
		return (Occasion){0.9, true, false};
	if (is(date, JANUARY, 1))
		return (Occasion){0.5, false, true};
	if (date->month == FEBRUARY && date->day >= 8 && date->day < 14)
		return (Occasion){1.25, false, false};
	if (is_week_before_mothers_day(date))
		return (Occasion){1.2, false, false};
	if (is_last_monday_of_may(date) || is_nth_weekday(date, SEPTEMBER, 1, MONDAY))
		return (Occasion){1.25, true, false};
	if (is(date, JULY, 4))
		return (Occasion){0.75, true, false};
	if (date->month == JULY && date->day >= 10 && date->day <= 13)
		return (Occasion){1.3, true, false};
	return (Occasion){1, false, false};
}

/* Those who buy gifts do so before Christmas, Valentine's and Mother's Day. */
static double
of_gift_buyers(const Date *date, const Occasion *occasion)
{
	if ((date->month == NOVEMBER && date->day >= 15) || (date->month == DECEMBER && date->day < 24))
		return 5;
	if ((date->month == FEBRUARY || date->month == MAY) && occasion->demand > 1)
		return 3;
	return 0.35;
}

/* Up to the factor that makes the mean 1 */
static double
expected_demand(const Date *date, const Occasion *occasion, int rhythm)
{
	const double *weekdays = rhythm == RFMSEG_RHYTHM_WEEKENDS ? of_weekend_buyers : of_weekday;
	double demand = of_month[date->month - 1] * weekdays[date->weekday] * occasion->demand;

	return rhythm == RFMSEG_RHYTHM_GIFTS ? demand * of_gift_buyers(date, occasion) : demand;
}

/*
 * Every day of three centuries
 */

typedef struct Faults
{
	int years, dates, occasions, demands;
} Faults;

static void
compare_day(const RfmsegCalendar *calendar, int32_t i, const double *scale, Faults *faults)
{
	const RfmsegDay *day = &calendar->day[i];
	const Date *date = &dates[calendar->first + i - RFMSEG_CALENDAR_FIRST];
	Occasion occasion = occasion_of(date);
	int rhythm;

	faults->years += rfmseg_year_of(calendar->first + i) != date->year;
	faults->dates += day->month != date->month - 1 || day->weekday != date->weekday;
	faults->occasions +=
		day->on_sale != occasion.on_sale || day->shops_closed != occasion.shops_closed;
	for (rhythm = 0; rhythm < RFMSEG_RHYTHMS; rhythm++)
	{
		double expected = expected_demand(date, &occasion, rhythm) * scale[rhythm];
		double off = demand_of(calendar, i, (RfmsegRhythm) rhythm) / expected - 1;

		faults->demands += !(fabs(off) < 1e-6);
	}
}

static void
test_century(int year, int32_t n_days)
{
	int32_t first = day_of(year, JANUARY, 1);
	RfmsegCalendar calendar = calendar_of(first, n_days);
	Faults faults = {0};
	double scale[RFMSEG_RHYTHMS];
	int rhythm;
	int32_t i;

	for (rhythm = 0; rhythm < RFMSEG_RHYTHMS; rhythm++)
	{
		double mean = rfmseg_calendar_total(&calendar, (RfmsegRhythm) rhythm) / n_days;
		Occasion occasion = {1, false, false};

		ok(fabs(mean - 1) < 0.005, "from %d: mean demand %.5f of rhythm %d", year, mean, rhythm);

		/* the second of January is no holiday: by it, others are measured */
		scale[rhythm] = demand_of(&calendar, 1, (RfmsegRhythm) rhythm) /
			expected_demand(&dates[first + 1 - RFMSEG_CALENDAR_FIRST], &occasion, rhythm);
	}
	for (i = 0; i < n_days; i++)
		compare_day(&calendar, i, scale, &faults);
	ok(faults.years == 0, "from %d: years (%d wrong)", year, faults.years);
	ok(faults.dates == 0, "months and weekdays (%d wrong)", faults.dates);
	ok(faults.occasions == 0, "sales and closed shops (%d wrong)", faults.occasions);
	ok(faults.demands == 0, "demand (%d wrong)", faults.demands);
	free(calendar.day);
}

static void
test_centuries(void)
{
	ok(count_days() == DAYS, "from the first day to the last are 300 years");
	ok(day_of(2000, JANUARY, 1) == 0, "2000-01-01 is day 0");
	test_century(1900, RFMSEG_MAX_CALENDAR - 1);
	test_century(2000, RFMSEG_MAX_CALENDAR);
	test_century(2100, RFMSEG_MAX_CALENDAR - 1);
	ok(rfmseg_year_of(RFMSEG_CALENDAR_FIRST - 1) == 1899 &&
		   rfmseg_year_of(RFMSEG_CALENDAR_LAST + 1) == 2200,
	   "before them is 1899, after them 2200");
}

/*
 * Holidays of the almanac
 */

/* A day's demand relative to that of another, with the same month and weekday */
static double
relative_demand(int year, int month, int day, int ordinary_day)
{
	RfmsegCalendar a = calendar_of(day_of(year, month, day), 1);
	RfmsegCalendar b = calendar_of(day_of(year, month, ordinary_day), 1);
	double demand = rfmseg_calendar_total(&a, RFMSEG_RHYTHM_STEADY) /
		rfmseg_calendar_total(&b, RFMSEG_RHYTHM_STEADY);

	free(a.day);
	free(b.day);
	return demand;
}

static bool
is_about(double x, double expected)
{
	return fabs(x - expected) < 1e-9;
}

static void
test_thanksgiving(void)
{
	/* November days; a week and two before, nothing is going on */
	static const int thanksgiving[][2] = {{1950, 23}, {1999, 25}, {2007, 22}, {2018, 22},
										  {2019, 28}, {2020, 26}, {2021, 25}, {2022, 24},
										  {2023, 23}, {2024, 28}, {2025, 27}, {2101, 24}};
	int i;

	for (i = 0; i < 12; i++)
	{
		int year = thanksgiving[i][0];
		int day = thanksgiving[i][1];
		RfmsegCalendar calendar = calendar_of(day_of(year, NOVEMBER, day), 5);

		ok(is_about(relative_demand(year, NOVEMBER, day, day - 14), 0.7) &&
			   calendar.day[0].shops_closed && calendar.day[0].weekday == THURSDAY,
		   "Thanksgiving of %d is on November %d", year, day);
		ok(is_about(relative_demand(year, NOVEMBER, day + 1, day - 13), 2.6) &&
			   calendar.day[1].on_sale && !calendar.day[1].shops_closed,
		   "the next day is Black Friday");
		ok(calendar.day[4].on_sale && calendar.day[4].weekday == MONDAY && !calendar.day[5].on_sale,
		   "sales end on Cyber Monday");
		free(calendar.day);
	}
	ok(is_about(relative_demand(2023, NOVEMBER, 27, 13), 2.4), "Cyber Monday in November");
	ok(is_about(relative_demand(2024, DECEMBER, 2, 9), 2.4), "and in December");
}

static void
test_spring_and_summer(void)
{
	/* year, Mother's Day, Memorial Day, both in May, Labor Day in September */
	static const int days[][4] = {{2020, 10, 25, 7}, {2021, 9, 31, 6},	{2022, 8, 30, 5},
								  {2023, 14, 29, 4}, {2024, 12, 27, 2}, {2025, 11, 26, 1}};
	int i;

	for (i = 0; i < 6; i++)
	{
		int year = days[i][0];
		int mothers_day = days[i][1];
		int memorial_day = days[i][2];
		int labor_day = days[i][3];

		ok(is_about(relative_demand(year, MAY, mothers_day - 1, mothers_day + 6), 1.2) &&
			   is_about(relative_demand(year, MAY, mothers_day - 6, mothers_day + 8), 1.2) &&
			   is_about(relative_demand(year, MAY, mothers_day, mothers_day + 7), 1),
		   "gifts are bought in the week before May %d of %d", mothers_day, year);
		ok(is_about(relative_demand(year, MAY, memorial_day, memorial_day - 7), 1.25),
		   "Memorial Day of %d is on May %d", year, memorial_day);
		ok(is_about(relative_demand(year, SEPTEMBER, labor_day, labor_day + 7), 1.25),
		   "Labor Day of %d is on September %d", year, labor_day);
	}
}

/*
 * The day of a demand
 */

static int32_t
walk(const RfmsegCalendar *calendar, RfmsegRhythm rhythm, double demand)
{
	int32_t i;

	for (i = 0; i < calendar->n_days; i++)
		if (demand < calendar->day[i + 1].before[rhythm])
			return i;
	return calendar->n_days;
}

static bool
finds(const RfmsegCalendar *calendar, RfmsegRhythm rhythm, double demand)
{
	return rfmseg_calendar_find(calendar, rhythm, demand) == walk(calendar, rhythm, demand);
}

static bool
finds_any_day(Prng *prng)
{
	int32_t n_days = 1 + prng_below(prng, prng_below(prng, 2) == 0 ? 5 : 800);
	RfmsegCalendar calendar = calendar_of(prng_below(prng, 60000) - 30000, n_days);
	RfmsegRhythm rhythm = (RfmsegRhythm) prng_below(prng, RFMSEG_RHYTHMS);
	double total = rfmseg_calendar_total(&calendar, rhythm);
	double boundary = calendar.day[prng_below(prng, n_days + 1)].before[rhythm];
	bool found = finds(&calendar, rhythm, total * prng_below(prng, 1 << 30) * 0x1p-30) &&
		finds(&calendar, rhythm, boundary) &&
		finds(&calendar, rhythm, nextafter(boundary, HUGE_VAL)) &&
		(boundary <= 0 || finds(&calendar, rhythm, nextafter(boundary, 0)));

	free(calendar.day);
	return found;
}

static void
test_find(void)
{
	RfmsegCalendar calendar = calendar_of(day_of(2024, JANUARY, 1), 366);
	RfmsegCalendar one = calendar_of(day_of(2024, DECEMBER, 25), 1);
	double total = rfmseg_calendar_total(&calendar, RFMSEG_RHYTHM_GIFTS);
	double of_one = rfmseg_calendar_total(&one, RFMSEG_RHYTHM_STEADY);

	ok(always(finds_any_day, 3000), "the day of a demand, at boundaries and next to them");
	ok(rfmseg_calendar_find(&calendar, RFMSEG_RHYTHM_GIFTS, 0) == 0, "no demand: the first day");
	ok(rfmseg_calendar_find(&calendar, RFMSEG_RHYTHM_GIFTS, nextafter(total, 0)) == 365,
	   "almost all of it: the last");
	ok(rfmseg_calendar_find(&calendar, RFMSEG_RHYTHM_GIFTS, total) == 366 &&
		   rfmseg_calendar_find(&calendar, RFMSEG_RHYTHM_GIFTS, total * 2) == 366 &&
		   rfmseg_calendar_find(&calendar, RFMSEG_RHYTHM_GIFTS, HUGE_VAL) == 366,
	   "all of it, or more: none");
	ok(of_one > 0 && rfmseg_calendar_find(&one, RFMSEG_RHYTHM_STEADY, 0) == 0 &&
		   rfmseg_calendar_find(&one, RFMSEG_RHYTHM_STEADY, nextafter(of_one, 0)) == 0 &&
		   rfmseg_calendar_find(&one, RFMSEG_RHYTHM_STEADY, of_one) == 1,
	   "so it is with a single day");
	free(calendar.day);
	free(one.day);
}

int
main(void)
{
	test_centuries();
	test_thanksgiving();
	test_spring_and_summer();
	test_find();
	return done();
}
