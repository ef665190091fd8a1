/*
 * How customers buy: their archetypes, when they order, what is in the orders
 * and comes back; and the pure mode against the formulas of its models.
 *
 * What is documented is told here again, and samples are held against it.
 */
#include "synthetic/basket.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "statistics.h"
#include "synthetic/timeline.h"
#include "tap.h"

/* The shop of which the documentation says what comes out */
#define SEED 42
#define CUSTOMERS 77000
#define PRODUCTS 100
#define START 8766 /* 2024-01-01, and to the end of 2025 */
#define DAYS 731
#define DAY_0_OF_2025 366
#define BLACK_FRIDAY_OF_2025 697
#define CHRISTMAS_OF_2025 724

#define SECONDS_OF_DAY 86400
#define DAYS_OF_YEAR 365.25
#define MOST_CUSTOMERS INT64_C(20000000000)

enum
{
	ELECTRONICS,
	CLOTHING,
	HOME_AND_GARDEN,
	BOOKS,
	SPORTS,
	BEAUTY,
	FOOD
};

enum
{
	JANUARY,
	FEBRUARY,
	MARCH,
	APRIL,
	MAY,
	JUNE,
	AUGUST = 7,
	SEPTEMBER,
	NOVEMBER = 10,
	DECEMBER
};

typedef struct Documented
{
	double weight;
	int by_income; /* the weight rises (1) or falls (-1) with it */
	double orders_a_year, orders_shape;
	double dropout, dropout_certain;
	double lines;
	int bulk;
	double taste, discount_rate, return_rate, affinity;
} Documented;

static const Documented documented[RFMSEG_ARCHETYPES] = {
	[RFMSEG_BIG_SPENDER] = {55, 1, 15, 4, 0.012, 60, 2.6, 1, 0.8, 0.08, 0.05, 0.35},
	[RFMSEG_FREQUENT] = {95, 0, 19, 4, 0.018, 50, 1.6, 1, 0, 0.12, 0.04, 0.30},
	[RFMSEG_REGULAR] = {270, 0, 5.5, 2.5, 0.07, 20, 1.9, 1, 0, 0.15, 0.05, 0.25},
	[RFMSEG_DISCOUNT_HUNTER] = {125, -1, 5.5, 2.5, 0.08, 20, 2.2, 1, -0.6, 0.75, 0.07, 0.15},
	[RFMSEG_GIFT_BUYER] = {95, 0, 3.2, 3, 0.07, 20, 2.6, 1, 0.2, 0.20, 0.05, 0.10},
	[RFMSEG_SPECIALIST] = {90, 0, 5, 2.5, 0.06, 20, 1.8, 1, 0.2, 0.12, 0.04, 0.90},
	[RFMSEG_BULK_BUYER] = {12, 1, 8, 3, 0.03, 40, 3.5, 6, 0.2, 0.30, 0.02, 0.50},
	[RFMSEG_ONE_TIME] = {225, 0, 1, 1, 1, 0, 1.5, 1, -0.1, 0.35, 0.08, 0.20},
	[RFMSEG_NEVER_BUYER] = {33, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0},
};
static const double rises[RFMSEG_INCOMES] = {0.25, 0.45, 0.7, 0.95, 1.3, 2};
static const double falls[RFMSEG_INCOMES] = {1.6, 1.4, 1.2, 1, 0.8, 0.5};
static const double more_than_one[RFMSEG_CATEGORIES] = {0.06, 0.18, 0.16, 0.10, 0.10, 0.18, 0.45};
static const double sent_back[RFMSEG_CATEGORIES] = {1.3, 2.0, 0.8, 0.3, 0.9, 0.5, 0.1};

static RfmsegShop shop;
static RfmsegShopper shoppers[CUSTOMERS];

/*
 * Shops
 */

/* In memory of its exact size, so that the sanitizer sees what is beyond */
static RfmsegShop
shop_of(uint64_t seed, int32_t start, int32_t n_days, int32_t products)
{
	RfmsegShop made = {
		.seed = seed, .calendar = {start, n_days, NULL}, .catalogue = {.n = products}};

	made.calendar.day = malloc(((size_t) n_days + 1) * sizeof(RfmsegDay));
	made.catalogue.product = malloc((size_t) products * sizeof(RfmsegProduct));
	made.catalogue.by_category = malloc((size_t) products * sizeof(int32_t));
	if (made.calendar.day == NULL || made.catalogue.product == NULL ||
		made.catalogue.by_category == NULL)
		abort();
	rfmseg_calendar_fill(&made.calendar);
	rfmseg_catalogue_fill(&made.catalogue, seed);
	return made;
}

static void
close_shop(RfmsegShop *closed)
{
	free(closed->calendar.day);
	free(closed->catalogue.product);
	free(closed->catalogue.by_category);
}

static RfmsegShopper
shopper_of(const RfmsegShop *its_shop, int64_t customer_id)
{
	RfmsegShopper shopper;

	rfmseg_shopper(its_shop, customer_id, &shopper);
	return shopper;
}

static bool
same_person(const RfmsegPerson *a, const RfmsegPerson *b)
{
	return a->age == b->age && a->age_band == b->age_band && a->gender == b->gender &&
		a->income == b->income && a->channel == b->channel && a->consent == b->consent;
}

static bool
same_shopper(const RfmsegShopper *a, const RfmsegShopper *b)
{
	return a->customer_id == b->customer_id && same_person(&a->person, &b->person) &&
		a->archetype == b->archetype && a->joined == b->joined && a->rhythm == b->rhythm &&
		a->purchase_rate == b->purchase_rate && a->dropout_probability == b->dropout_probability &&
		a->dropout_rate == b->dropout_rate && a->mean_order_value == b->mean_order_value &&
		a->lines == b->lines && a->bulk == b->bulk && a->taste == b->taste &&
		a->discount_rate == b->discount_rate && a->return_rate == b->return_rate &&
		a->favorite == b->favorite && a->affinity == b->affinity;
}

/*
 * Distribution functions
 */

static double
uniform_cdf(double x, double from, double to)
{
	return (x - from) / (to - from);
}

static double
normal_cdf(double x, double mean, double deviation)
{
	return erfc((mean - x) / deviation / sqrt(2)) / 2;
}

static double
gamma_of_rate_cdf(double x, double shape, double rate)
{
	return gamma_cdf(shape, log(x * rate));
}

static double
log_beta(double a, double b)
{
	return lgamma(a) + lgamma(b) - lgamma(a + b);
}

/* The series of the incomplete beta function, on the side where it is short */
static double
beta_cdf(double x, double a, double b)
{
	double term = 1;
	double sum = 1;
	int n;

	if (x <= 0 || x >= 1)
		return x <= 0 ? 0 : 1;
	if (x > (a + 1) / (a + b + 2))
		return 1 - beta_cdf(1 - x, b, a);
	for (n = 0; term > sum * 1e-17; n++)
	{
		term *= (a + b + n) / (a + 1 + n) * x;
		sum += term;
	}
	return sum * exp(a * log(x) + b * log1p(-x) - log_beta(a, b)) / a;
}

/*
 * Who buys how
 */

static void
test_shares(void)
{
	long seen[RFMSEG_INCOMES][RFMSEG_ARCHETYPES] = {{0}};
	int income, i;

	for (i = 0; i < CUSTOMERS; i++)
		seen[shoppers[i].person.income][shoppers[i].archetype]++;
	for (income = 0; income < RFMSEG_INCOMES; income++)
	{
		double shares[RFMSEG_ARCHETYPES];

		for (i = 0; i < RFMSEG_ARCHETYPES; i++)
			shares[i] = documented[i].weight *
				(documented[i].by_income > 0	   ? rises[income]
					 : documented[i].by_income < 0 ? falls[income]
												   : 1);
		ok(shares_are(seen[income], shares, RFMSEG_ARCHETYPES),
		   "archetypes have their shares of income %d", income);
	}
}

/* What is not drawn is as documented; what an archetype does not have is 0. */
static void
test_habits(void)
{
	int wrong = 0;
	int i;

	for (i = 0; i < CUSTOMERS; i++)
	{
		const RfmsegShopper *shopper = &shoppers[i];
		const Documented *its = &documented[shopper->archetype];

		wrong += shopper->customer_id != i + 1 || shopper->bulk != its->bulk ||
			shopper->taste != its->taste || shopper->discount_rate != its->discount_rate ||
			shopper->return_rate != its->return_rate || shopper->affinity != its->affinity ||
			shopper->dropout_rate != 0 || shopper->mean_order_value != 0;
	}
	ok(wrong == 0, "habits are those of the archetype (%d are not)", wrong);
}

static double sample[CUSTOMERS];

typedef double (*Trait)(const RfmsegShopper *shopper);

/* Fills the sample with what those of an archetype have; returns how many. */
static int
sample_of(int archetype, Trait trait)
{
	int n = 0;
	int i;

	for (i = 0; i < CUSTOMERS; i++)
		if ((int) shoppers[i].archetype == archetype)
			sample[n++] = trait(&shoppers[i]);
	return n;
}

static double
rate_of(const RfmsegShopper *shopper)
{
	return shopper->purchase_rate;
}

static double
dropout_of(const RfmsegShopper *shopper)
{
	return shopper->dropout_probability;
}

/* Those that come on top of the first, relative to what is typical */
static double
log_lines_of(const RfmsegShopper *shopper)
{
	return log((shopper->lines - 1) / (documented[shopper->archetype].lines - 1));
}

static void
test_rates(int archetype)
{
	const Documented *its = &documented[archetype];
	const char *name = rfmseg_archetype_names[archetype];
	double rate = its->orders_shape * DAYS_OF_YEAR / its->orders_a_year;

	ok(sample_is_of(sample, sample_of(archetype, rate_of), gamma_of_rate_cdf, its->orders_shape,
					rate),
	   "%s: purchase rates are gamma distributed", name);
	if (archetype != RFMSEG_ONE_TIME)
		ok(sample_is_of(sample, sample_of(archetype, dropout_of), beta_cdf,
						its->dropout * its->dropout_certain,
						(1 - its->dropout) * its->dropout_certain),
		   "%s: dropout probabilities are beta distributed", name);
	/* a log-normal number of mean 1 */
	ok(sample_is_of(sample, sample_of(archetype, log_lines_of), normal_cdf, -0.3 * 0.3 / 2, 0.3),
	   "%s: mean lines are log-normal", name);
}

static bool
has_nine_digits(double x)
{
	char text[40];

	snprintf(text, sizeof(text), "%.9g", x);
	return strtod(text, NULL) == x;
}

static void
test_one_timers_and_digits(void)
{
	int wrong_ends = 0;
	int wrong_nevers = 0;
	int more_digits = 0;
	int i;

	for (i = 0; i < CUSTOMERS; i++)
	{
		const RfmsegShopper *shopper = &shoppers[i];

		wrong_ends += (shopper->dropout_probability == 1) !=
			(shopper->archetype == RFMSEG_ONE_TIME || shopper->archetype == RFMSEG_NEVER_BUYER);
		wrong_nevers += (shopper->purchase_rate == 0 || shopper->lines == 1) !=
			(shopper->archetype == RFMSEG_NEVER_BUYER);
		more_digits += !has_nine_digits(shopper->purchase_rate) ||
			!has_nine_digits(shopper->dropout_probability) || !has_nine_digits(shopper->lines);
	}
	ok(wrong_ends == 0, "who buys once drops out for sure, and nobody else (%d)", wrong_ends);
	ok(wrong_nevers == 0, "who never buys has no rate, and nobody else (%d)", wrong_nevers);
	ok(more_digits == 0, "nine digits tell all of a rate (%d have more)", more_digits);
}

static void
test_favorites_and_rhythms(void)
{
	static const double even[RFMSEG_CATEGORIES] = {1, 1, 1, 1, 1, 1, 1};
	long favorites[RFMSEG_ARCHETYPES][RFMSEG_CATEGORIES] = {{0}};
	long others = 0;
	long weekends = 0;
	int wrong = 0;
	int i;

	for (i = 0; i < CUSTOMERS; i++)
	{
		favorites[shoppers[i].archetype][shoppers[i].favorite]++;
		wrong += (shoppers[i].archetype == RFMSEG_GIFT_BUYER) !=
			(shoppers[i].rhythm == RFMSEG_RHYTHM_GIFTS);
		others += shoppers[i].archetype != RFMSEG_GIFT_BUYER;
		weekends += shoppers[i].rhythm == RFMSEG_RHYTHM_WEEKENDS;
	}
	for (i = 0; i < RFMSEG_ARCHETYPES; i++)
		ok(shares_are(favorites[i], even, RFMSEG_CATEGORIES),
		   "%s: each category is the favourite of as many", rfmseg_archetype_names[i]);
	ok(wrong == 0, "gift buyers, and no others, have the rhythm of gifts (%d wrong)", wrong);
	ok(share_is(weekends, others, 0.12), "12 %% of the others buy at weekends");
}

/* How long ago is 1095 days times the square of a uniform number, in days begun. */
static void
test_old_customers(void)
{
	enum
	{
		CELLS = 15,
		DAYS_OF_CELL = 1095 / CELLS
	};
	long seen[CELLS] = {0};
	double shares[CELLS];
	long old = 0;
	long not_once = 0;
	int wrong = 0;
	int i;

	for (i = 0; i < CUSTOMERS; i++)
	{
		int32_t joined = shoppers[i].joined;
		bool once = shoppers[i].archetype == RFMSEG_ONE_TIME;

		wrong += joined < -1095 || joined >= DAYS || (once && joined < 0);
		not_once += !once;
		old += joined < 0;
		if (joined < 0)
			seen[(-1 - joined) / DAYS_OF_CELL]++;
	}
	for (i = 0; i < CELLS; i++)
		shares[i] = sqrt((i + 1.0) / CELLS) - sqrt((double) i / CELLS);
	ok(wrong == 0, "who joined did so within three years or the calendar (%d not)", wrong);
	ok(share_is(old, not_once, 0.45), "of all but the one-timers, 45 %% are old");
	ok(shares_are(seen, shares, CELLS), "most of them joined not long before");
}

/* By demand; and where s is the share of all demand before, in proportion to 1 + growth * s. */
static void
test_new_customers(void)
{
	const RfmsegDay *day = shop.calendar.day;
	double total = rfmseg_calendar_total(&shop.calendar, RFMSEG_RHYTHM_STEADY);
	double growth = 0.3 * DAYS / DAYS_OF_YEAR;
	long seen[DAYS] = {0};
	double shares[DAYS];
	Moments passed = {0}; /* share of all demand that had come when they joined */
	int i;

	for (i = 0; i < CUSTOMERS; i++)
		if (shoppers[i].joined >= 0)
		{
			seen[shoppers[i].joined]++;
			moments_add(&passed,
						(day[shoppers[i].joined].before[RFMSEG_RHYTHM_STEADY] +
						 day[shoppers[i].joined + 1].before[RFMSEG_RHYTHM_STEADY]) /
							2 / total);
		}
	for (i = 0; i < DAYS; i++)
	{
		double from = day[i].before[RFMSEG_RHYTHM_STEADY] / total;
		double to = day[i + 1].before[RFMSEG_RHYTHM_STEADY] / total;

		shares[i] = (to - from) * (1 + growth * (from + to) / 2);
	}
	ok(shares_are(seen, shares, DAYS), "new ones join on busy days");
	ok(mean_is(&passed, (1.0 / 2 + growth / 3) / (1 + growth / 2)), "and more of them in time");
}

static bool
shopper_is_the_same(Prng *prng)
{
	int i = prng_below(prng, CUSTOMERS);
	RfmsegShopper shopper = shopper_of(&shop, i + 1);

	return same_shopper(&shopper, &shoppers[i]);
}

/* A calendar bears on new customers alone: on when they join, and on what is drawn after that. */
static void
test_other_shops(void)
{
	RfmsegShop other = shop_of(SEED, START - 1000, 100, 1);
	RfmsegShop catalogue = shop_of(SEED, START, DAYS, 3);
	RfmsegShop seed = shop_of(SEED + (UINT64_C(1) << 32), START, DAYS, 3);
	int differ = 0;
	int same = 0;
	int i;

	for (i = 0; i < 2000; i++)
	{
		RfmsegShopper a = shopper_of(&other, i + 1);
		RfmsegShopper b = shopper_of(&catalogue, i + 1);
		RfmsegShopper c = shopper_of(&seed, i + 1);
		RfmsegPerson person;

		rfmseg_person(SEED, i + 1, &person);
		differ += !same_person(&person, &shoppers[i].person) || !same_shopper(&b, &shoppers[i]);
		differ += a.archetype != shoppers[i].archetype || !same_person(&person, &a.person);
		differ += shoppers[i].joined < 0 ? !same_shopper(&a, &shoppers[i]) : a.joined < 0;
		same += c.favorite == shoppers[i].favorite && c.archetype == shoppers[i].archetype &&
			c.joined == shoppers[i].joined;
	}
	ok(differ == 0, "customers are the same in another shop of the seed (%d are not)", differ);
	ok(same < 10, "and others where the seed's upper half differs (%d the same)", same);
	close_shop(&other);
	close_shop(&catalogue);
	close_shop(&seed);
}

static void
test_shoppers(void)
{
	int i;

	for (i = 0; i < CUSTOMERS; i++)
		shoppers[i] = shopper_of(&shop, i + 1);
	test_shares();
	test_habits();
	for (i = 0; i < RFMSEG_NEVER_BUYER; i++)
		test_rates(i);
	test_one_timers_and_digits();
	test_favorites_and_rhythms();
	test_old_customers();
	test_new_customers();
	ok(always(shopper_is_the_same, 2000), "a customer does not depend on who came before");
	test_other_shops();
	ok(strcmp(rfmseg_archetype_names[RFMSEG_DISCOUNT_HUNTER], "discount hunter") == 0 &&
		   strcmp(rfmseg_archetype_names[RFMSEG_PURE], "pure") == 0 &&
		   strcmp(rfmseg_rhythm_names[RFMSEG_RHYTHM_GIFTS], "gifts") == 0,
	   "archetypes and rhythms have their names");
}

/*
 * When they order
 */

/* Number and day, and that the clock is within the day */
static bool
order_is_right(const RfmsegTimeline *timeline, const RfmsegOrder *order, int32_t earliest)
{
	const RfmsegShopper *shopper = timeline->shopper;
	const RfmsegDay *day = &timeline->shop->calendar.day[order->day];

	return order->order_id == shopper->customer_id * 100000 + timeline->orders &&
		order->day >= earliest && order->day < timeline->shop->calendar.n_days &&
		order->second == -1 && day[0].before[shopper->rhythm] <= timeline->now &&
		timeline->now < day[1].before[shopper->rhythm];
}

/*
 * Waits at a rate, as numbers that are uniform if the waits are exponential.
 * Of a wait that lasts beyond the calendar's end only that much is known; it
 * gets any number that is left.
 */
typedef struct Waits
{
	double *uniform;
	int n;
	Prng prng;
} Waits;

static void
waits_add(Waits *waits, double rate, double wait, bool lasts)
{
	double left = exp(-rate * wait);

	if (lasts)
		left *= ((double) (prng_next(&waits->prng) >> 12) + 0.5) * 0x1p-52;
	waits->uniform[waits->n++] = left;
}

static Waits
waits_make(int most, uint64_t state)
{
	Waits waits = {malloc((size_t) most * sizeof(double)), 0, {state}};

	if (waits.uniform == NULL)
		abort();
	return waits;
}

static void
test_waits(Waits *waits, const char *what)
{
	ok(waits->n > 5000 && sample_is_of(waits->uniform, waits->n, uniform_cdf, 0, 1), "%s (%d)",
	   what, waits->n);
	free(waits->uniform);
}

/* What all timelines of the shop come to */
typedef struct Timelines
{
	int wrong;
	int resumed; /* after an end */
	Waits old, new, next;
	Moments at_once;
	Moments dropouts[RFMSEG_ARCHETYPES];
	long orders[RFMSEG_ARCHETYPES];
	long active[RFMSEG_ARCHETYPES];
	long by_day[DAYS];
	int of_one_timers; /* who did not order once, but could have */
} Timelines;

/* How the first order comes, or that there is none within the calendar */
static void
first_wait(Timelines *all, const RfmsegTimeline *timeline, bool ordered)
{
	const RfmsegShopper *shopper = timeline->shopper;
	const RfmsegDay *day = shop.calendar.day;
	int rhythm = shopper->rhythm;
	double end = day[DAYS].before[rhythm];
	double day_end, demand, same_day;
	bool later;

	if (shopper->joined < 0)
	{
		waits_add(&all->old, shopper->purchase_rate, ordered ? timeline->now : end, !ordered);
		return;
	}
	day_end = day[shopper->joined + 1].before[rhythm];
	demand = day_end - day[shopper->joined].before[rhythm];
	later = !ordered || timeline->now >= day_end;
	/* 80 % at once, and who waits may still do so on that day; from any time of it, 6 in the mean */
	same_day = 0.8 + 0.2 * (1 - (1 - exp(-demand / 6)) * 6 / demand);
	moments_add(&all->at_once, !later - same_day);
	if (later)
		waits_add(&all->new, 1.0 / 6, (ordered ? timeline->now : end) - day_end, !ordered);
}

static void
follow(Timelines *all, const RfmsegShopper *shopper)
{
	double end = rfmseg_calendar_total(&shop.calendar, shopper->rhythm);
	RfmsegTimeline timeline;
	RfmsegOrder order;
	double last = 0;
	int32_t earliest = shopper->joined > 0 ? shopper->joined : 0;
	bool was_active = true;

	rfmseg_timeline_start(&timeline, &shop, shopper);
	while (rfmseg_timeline_next(&timeline, &order))
	{
		all->wrong += !order_is_right(&timeline, &order, earliest) || !was_active;
		if (timeline.orders == 1)
			first_wait(all, &timeline, true);
		else
			waits_add(&all->next, shopper->purchase_rate, timeline.now - last, false);
		moments_add(&all->dropouts[shopper->archetype],
					!timeline.active - shopper->dropout_probability);
		all->orders[shopper->archetype]++;
		all->by_day[order.day]++;
		earliest = order.day;
		last = timeline.now;
		was_active = timeline.active;
	}
	if (timeline.orders > 0 && timeline.active)
		waits_add(&all->next, shopper->purchase_rate, end - last, true);
	if (timeline.orders == 0 && timeline.active)
		first_wait(all, &timeline, false);
	all->active[shopper->archetype] += timeline.active;
	all->of_one_timers += shopper->archetype == RFMSEG_ONE_TIME &&
		(timeline.orders > 1 || (timeline.orders == 0) != timeline.active);
	if (timeline.orders > 0)
		all->resumed += rfmseg_timeline_next(&timeline, &order);
}

/* Of 2025, when it has been going on for a while */
static void
test_extreme_days(const long *by_day)
{
	int most = DAY_0_OF_2025;
	int least = DAY_0_OF_2025;
	long by_month[12] = {0};
	int i;

	for (i = DAY_0_OF_2025; i < DAYS; i++)
	{
		most = by_day[i] > by_day[most] ? i : most;
		least = by_day[i] < by_day[least] ? i : least;
		by_month[shop.calendar.day[i].month] += by_day[i];
	}
	ok(most == BLACK_FRIDAY_OF_2025 && least == CHRISTMAS_OF_2025,
	   "most orders are of Black Friday, fewest of Christmas (days %d and %d)", most, least);
	for (i = 0; i < DECEMBER; i++)
		if (by_month[i] >= by_month[DECEMBER] ||
			(i < NOVEMBER && by_month[i] >= by_month[NOVEMBER]))
			break;
	ok(i == DECEMBER, "no month has as many as December, then November");
}

static void
test_timelines(void)
{
	Timelines all = {
		.old = waits_make(CUSTOMERS, 1),
		.new = waits_make(CUSTOMERS, 2),
		.next = waits_make(20 * CUSTOMERS, 3),
	};
	int i;

	for (i = 0; i < CUSTOMERS; i++)
		follow(&all, &shoppers[i]);
	ok(all.wrong == 0, "orders are numbered, in order, and not before the customer joined (%d not)",
	   all.wrong);
	ok(all.resumed == 0, "after the last one there is none (%d)", all.resumed);
	test_waits(&all.old, "old customers buy as if they had never stopped");
	ok(mean_is(&all.at_once, 0), "80 %% of the new ones order at once");
	test_waits(&all.new, "the others later, after 6 days of demand in the mean");
	test_waits(&all.next, "the next order comes at the customer's rate");
	for (i = 0; i < RFMSEG_ONE_TIME; i++)
		ok(mean_is(&all.dropouts[i], 0), "%s: they drop out with their probability",
		   rfmseg_archetype_names[i]);
	ok(all.of_one_timers == 0 && all.orders[RFMSEG_ONE_TIME] > 10000,
	   "one-timers order once, unless it is too late (%d do not)", all.of_one_timers);
	ok(all.orders[RFMSEG_NEVER_BUYER] == 0 && all.active[RFMSEG_NEVER_BUYER] == 0,
	   "never buyers never");
	test_extreme_days(all.by_day);
}

/* Who neither joins nor leaves orders in proportion to the day's demand. */
static void
test_rhythm(RfmsegRhythm rhythm)
{
	long seen[DAYS] = {0};
	double shares[DAYS];
	long orders = 0;
	int64_t id;
	int i;

	for (id = 1; id <= 400; id++)
	{
		RfmsegShopper shopper = {
			.customer_id = id, .joined = -1, .rhythm = rhythm, .purchase_rate = 0.5};
		RfmsegTimeline timeline;
		RfmsegOrder order;

		rfmseg_timeline_start(&timeline, &shop, &shopper);
		while (rfmseg_timeline_next(&timeline, &order))
			seen[order.day]++;
		orders += timeline.orders;
	}
	for (i = 0; i < DAYS; i++)
		shares[i] = shop.calendar.day[i + 1].before[rhythm] - shop.calendar.day[i].before[rhythm];
	ok(shares_are(seen, shares, DAYS), "%s: orders by day are as demand is",
	   rfmseg_rhythm_names[rhythm]);
	/* a Poisson number, whose variance is its mean */
	ok(fabs((double) orders / 400 / 0.5 - rfmseg_calendar_total(&shop.calendar, rhythm)) <
		   MOST_ERRORS * sqrt((double) orders) / 400 / 0.5,
	   "and as many as there should be (%ld)", orders);
}

/* The most and the fewest orders of customers who never drop out */
static void
test_limits_of_timelines(void)
{
	RfmsegShopper frequent = {.customer_id = MOST_CUSTOMERS, .joined = 0, .purchase_rate = 1e12};
	RfmsegShopper idle = {.customer_id = 1, .joined = -1};
	RfmsegTimeline timeline;
	RfmsegOrder order = {0};
	int64_t n = 0;

	rfmseg_timeline_start(&timeline, &shop, &frequent);
	while (rfmseg_timeline_next(&timeline, &order))
		n++;
	ok(n == RFMSEG_ORDERS_OF_CUSTOMER - 1 && order.order_id == MOST_CUSTOMERS * 100000 + 99999 &&
		   !rfmseg_timeline_next(&timeline, &order),
	   "numbers of orders do not run into the next customer's (%lld)", (long long) n);
	rfmseg_timeline_start(&timeline, &shop, &idle);
	ok(!rfmseg_timeline_next(&timeline, &order) && timeline.orders == 0 && timeline.active,
	   "at no rate no order comes");
}

/*
 * What is in an order
 */

/* Counted from 2000-01-01, before which seconds are below 0 */
static int64_t
day_of(const RfmsegSale *sale)
{
	int64_t second = (sale->at % SECONDS_OF_DAY + SECONDS_OF_DAY) % SECONDS_OF_DAY;

	return (sale->at - second) / SECONDS_OF_DAY;
}

static bool
is_open(const RfmsegShop *its_shop, const RfmsegSale *sale)
{
	int64_t day = day_of(sale) - its_shop->calendar.first;
	int64_t hour = (sale->at - day_of(sale) * SECONDS_OF_DAY) / 3600;

	return day >= 0 && day < its_shop->calendar.n_days &&
		(sale->channel != RFMSEG_IN_STORE ||
		 (hour >= 9 && hour < 21 && !its_shop->calendar.day[day].shops_closed));
}

static bool
is_percent(int64_t percent)
{
	return percent == 0 || percent == 40 || (percent % 5 == 0 && percent >= 5 && percent <= 30);
}

/* In the nearest percent, which is exact but for cheap things */
static int64_t
percent_of(const RfmsegSale *sale)
{
	return (100 * sale->discount + sale->before_discount / 2) / sale->before_discount;
}

static bool
money_adds_up(const RfmsegSale *sale)
{
	return sale->unit_price > 0 && sale->total_cost == sale->unit_cost * sale->quantity &&
		sale->before_discount == sale->unit_price * sale->quantity &&
		sale->total == sale->before_discount - sale->discount;
}

static bool
line_is_right(const RfmsegShop *its_shop, const RfmsegOrder *order, const RfmsegSale *sales, int i)
{
	const RfmsegSale *sale = &sales[i];
	const RfmsegProduct *product;
	int k;

	if (sale->product_id < 1 || sale->product_id > its_shop->catalogue.n)
		return false;
	product = &its_shop->catalogue.product[sale->product_id - 1];
	for (k = 0; k < i; k++)
		if (sales[k].product_id == sale->product_id)
			return false;
	return sale->transaction_id == order->order_id * 100 + i + 1 && !sale->is_return &&
		sale->quantity > 0 && sale->category == product->category &&
		sale->unit_price == product->price && sale->unit_cost == product->cost &&
		money_adds_up(sale) && sale->at == sales[0].at && is_percent(percent_of(&sales[0])) &&
		/* half a cent, of 100 percent */
		llabs(100 * sale->discount - percent_of(&sales[0]) * sale->before_discount) <= 50 &&
		sale->channel == sales[0].channel && sale->channel >= 0 && sale->channel < RFMSEG_CHANNELS;
}

/* It is the negative of the line or of a part of it; no cent more comes back than was paid. */
static bool
return_is_right(const RfmsegSale *back, const RfmsegSale *sale)
{
	int64_t days = day_of(back) - day_of(sale);
	int64_t discount = sale->discount * -back->quantity / sale->quantity;

	return back->transaction_id == sale->transaction_id + 50 && back->is_return &&
		back->quantity < 0 && -back->quantity <= sale->quantity &&
		back->product_id == sale->product_id && back->category == sale->category &&
		back->unit_price == sale->unit_price && back->unit_cost == sale->unit_cost &&
		back->channel == sale->channel && money_adds_up(back) && back->discount == -discount &&
		(back->quantity + sale->quantity != 0 || back->total == -sale->total) && days >= 3 &&
		days <= (back->channel == RFMSEG_IN_STORE ? 26 : 25);
}

/* Lines, then returns; returns how many lines there are, or -1. */
static int
count_lines(const RfmsegShop *its_shop, const RfmsegOrder *order, const RfmsegSale *sales, int n)
{
	int lines = 0;
	int i;

	while (lines < n && !sales[lines].is_return)
		lines++;
	if (lines < 1 || lines > RFMSEG_BASKET_LINES ||
		day_of(&sales[0]) != its_shop->calendar.first + order->day)
		return -1;
	for (i = 0; i < n; i++)
	{
		int64_t line = sales[i].transaction_id - order->order_id * 100;

		if (sales[i].order_id != order->order_id || !is_open(its_shop, &sales[i]) ||
			sales[i].customer_id != order->order_id / 100000 ||
			(i > 0 && sales[i].transaction_id <= sales[i - 1].transaction_id))
			return -1;
		if (i < lines
				? !line_is_right(its_shop, order, sales, i)
				: line < 51 || line > 50 + lines || !return_is_right(&sales[i], &sales[line - 51]))
			return -1;
	}
	return lines;
}

/* All that is in a sale, in a number */
static uint64_t
digest_of(uint64_t digest, const RfmsegSale *sale)
{
	const int64_t all[] = {
		sale->transaction_id, sale->order_id,	sale->customer_id,	   sale->at,
		sale->product_id,	  sale->category,	sale->quantity,		   sale->unit_cost,
		sale->unit_price,	  sale->total_cost, sale->before_discount, sale->discount,
		sale->total,		  sale->channel,	sale->is_return};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		digest = (digest ^ (uint64_t) all[i]) * UINT64_C(0x9E3779B97F4A7C15) ^ digest >> 29;
	return digest;
}

/* What all customers bought */
typedef struct Purchases
{
	int wrong;
	int lines, returns, orders, buyers;
	int64_t revenue;
	int in_2024; /* orders */
	long orders_of[RFMSEG_ARCHETYPES];
	int64_t spent_by[RFMSEG_ARCHETYPES];
	long active[RFMSEG_ARCHETYPES];
	long ordinary[RFMSEG_ARCHETYPES];	/* orders of days without a sale, */
	long discounted[RFMSEG_ARCHETYPES]; /* and those at a discount */
	long favorite[RFMSEG_ARCHETYPES];	/* lines */
	long lines_of[RFMSEG_ARCHETYPES];
	Moments sent_back[RFMSEG_ARCHETYPES]; /* less what is expected */
} Purchases;

static Purchases purchases;
static uint64_t digests[CUSTOMERS];

static void
add_order(const RfmsegShopper *shopper, const RfmsegOrder *order, const RfmsegSale *sales, int n)
{
	int lines = count_lines(&shop, order, sales, n);
	int kind = shopper->archetype;
	bool back[RFMSEG_BASKET_LINES + 1] = {false};
	int i;

	if (lines < 0)
	{
		purchases.wrong++;
		return;
	}
	purchases.lines += n;
	purchases.returns += n - lines;
	purchases.orders++;
	purchases.in_2024 += order->day < DAY_0_OF_2025;
	purchases.orders_of[kind]++;
	purchases.ordinary[kind] += !shop.calendar.day[order->day].on_sale;
	purchases.discounted[kind] += !shop.calendar.day[order->day].on_sale && sales[0].discount > 0;
	for (i = 0; i < n; i++)
	{
		purchases.revenue += sales[i].total;
		purchases.spent_by[kind] += sales[i].total;
		if (i >= lines)
			back[sales[i].transaction_id % 100 - 51] = true;
	}
	for (i = 0; i < lines; i++)
	{
		double expected = shopper->return_rate * sent_back[sales[i].category];

		purchases.lines_of[kind]++;
		purchases.favorite[kind] += sales[i].category == shopper->favorite;
		if (order->day + 26 < DAYS)
			moments_add(&purchases.sent_back[kind], back[i] - expected);
	}
}

typedef struct Bought
{
	uint64_t digest;
	int orders;
	bool active;
} Bought;

static Bought
buy(const RfmsegShop *its_shop, const RfmsegShopper *shopper,
	void (*add)(const RfmsegShopper *, const RfmsegOrder *, const RfmsegSale *, int))
{
	RfmsegTimeline timeline;
	RfmsegOrder order;
	RfmsegSale sales[2 * RFMSEG_BASKET_LINES];
	Bought bought = {0};

	rfmseg_timeline_start(&timeline, its_shop, shopper);
	while (rfmseg_timeline_next(&timeline, &order))
	{
		int n = rfmseg_basket(its_shop, shopper, &order, sales);
		int i;

		for (i = 0; i < n; i++)
			bought.digest = digest_of(bought.digest, &sales[i]);
		if (add != NULL)
			add(shopper, &order, sales, n);
	}
	bought.orders = timeline.orders;
	bought.active = timeline.active;
	return bought;
}

static bool
purchases_are_the_same(Prng *prng)
{
	int i = prng_below(prng, CUSTOMERS);
	RfmsegShopper shopper = shopper_of(&shop, i + 1);

	return buy(&shop, &shopper, NULL).digest == digests[i];
}

static bool
is_about(double x, double expected, double off)
{
	if (fabs(x - expected) <= off)
		return true;
	printf("# %.9g instead of %.9g\n", x, expected);
	return false;
}

/* To the digits that are given */
static void
test_what_comes_out(void)
{
	static const struct
	{
		double share, orders, active, spent;
	} of[RFMSEG_ARCHETYPES] = {
		[RFMSEG_BIG_SPENDER] = {5.3, 19.1, 82, 2722},	 [RFMSEG_FREQUENT] = {9.4, 21.1, 71, 1512},
		[RFMSEG_REGULAR] = {26.8, 5.9, 65, 491},		 [RFMSEG_BULK_BUYER] = {1.1, 9.4, 78, 8537},
		[RFMSEG_DISCOUNT_HUNTER] = {13.4, 5.6, 62, 391}, [RFMSEG_GIFT_BUYER] = {9.4, 4.4, 73, 545},
		[RFMSEG_SPECIALIST] = {8.9, 5.8, 71, 458},		 [RFMSEG_ONE_TIME] = {22.4, 1, 0, 61},
		[RFMSEG_NEVER_BUYER] = {3.3, 0, 0, 0},
	};
	int i, kind;

	ok(purchases.orders == 506313 && purchases.buyers == 73983, "%d orders of %d customers",
	   purchases.orders, purchases.buyers);
	ok(purchases.lines == 1021376 && purchases.returns == 45155, "%d lines, %d of them returns",
	   purchases.lines, purchases.returns);
	ok(purchases.revenue == INT64_C(5160026230), "revenue of %lld cents",
	   (long long) purchases.revenue);
	ok(purchases.in_2024 == 228794, "%d orders of the first year", purchases.in_2024);
	for (kind = 0; kind < RFMSEG_ARCHETYPES; kind++)
	{
		double customers = 0;

		for (i = 0; i < CUSTOMERS; i++)
			customers += (int) shoppers[i].archetype == kind;
		ok(is_about(100 * customers / CUSTOMERS, of[kind].share, 0.051) &&
			   is_about((double) purchases.orders_of[kind] / customers, of[kind].orders, 0.051) &&
			   is_about(100 * (double) purchases.active[kind] / customers, of[kind].active, 0.51) &&
			   is_about((double) purchases.spent_by[kind] / 100 / customers, of[kind].spent, 0.51),
		   "%s: as many, who order, stay and spend as much as documented",
		   rfmseg_archetype_names[kind]);
	}
}

static void
test_purchases(void)
{
	int kind, i;

	for (i = 0; i < CUSTOMERS; i++)
	{
		Bought bought = buy(&shop, &shoppers[i], add_order);

		digests[i] = bought.digest;
		purchases.buyers += bought.orders > 0;
		purchases.active[shoppers[i].archetype] += bought.active;
	}
	ok(purchases.wrong == 0, "lines and returns are right (of %d orders not)", purchases.wrong);
	test_what_comes_out();
	for (kind = 0; kind < RFMSEG_NEVER_BUYER; kind++)
	{
		const char *name = rfmseg_archetype_names[kind];

		ok(share_is(purchases.discounted[kind], purchases.ordinary[kind],
					documented[kind].discount_rate),
		   "%s: orders at a discount, on days without a sale", name);
		ok(mean_is(&purchases.sent_back[kind], 0), "%s: lines sent back", name);
	}
	for (kind = 0; kind < RFMSEG_NEVER_BUYER; kind++)
		if (kind != RFMSEG_SPECIALIST &&
			purchases.favorite[kind] * 10 >= purchases.lines_of[kind] * 7)
			break;
	ok(kind == RFMSEG_NEVER_BUYER &&
		   purchases.favorite[RFMSEG_SPECIALIST] * 10 > purchases.lines_of[RFMSEG_SPECIALIST] * 8,
	   "specialists alone keep to their category");
	ok(always(purchases_are_the_same, 2000), "purchases do not depend on who else buys");
}

/*
 * Baskets of customers made for the purpose, in a shop where a product hardly
 * comes twice
 */

#define MANY_PRODUCTS 20000
#define BASKETS 40000

static RfmsegShop large;
static RfmsegSale firsts[BASKETS]; /* the first line of each basket, */
static RfmsegSale backs[BASKETS];  /* and its return, or quantity 0 */

/* Of one line and nothing special */
static const RfmsegShopper plain = {
	.customer_id = 1, .joined = -1, .lines = 1, .bulk = 1, .favorite = BOOKS, .affinity = 1};

/* Each time of another customer: the same one's orders have the same random numbers. */
static void
fill_baskets(const RfmsegShopper *like, int32_t day)
{
	static int64_t customers = 0;
	RfmsegShopper shopper = *like;
	int i;

	shopper.customer_id = ++customers;

	for (i = 0; i < BASKETS; i++)
	{
		RfmsegOrder order = {shopper.customer_id * 100000 + i + 1, day, -1};
		RfmsegSale sales[2 * RFMSEG_BASKET_LINES];
		int n = rfmseg_basket(&large, &shopper, &order, sales);
		int lines = count_lines(&large, &order, sales, n);

		if (lines < 0)
		{
			/* what is counted of it could be out of all bounds */
			ok(false, "basket %d is wrong", i);
			abort();
		}
		firsts[i] = sales[0];
		if (lines < n && sales[lines].transaction_id == sales[0].transaction_id + 50)
			backs[i] = sales[lines];
		else
			backs[i] = (RfmsegSale){0};
	}
}

/* One on which nothing is going on */
static int32_t
ordinary_day(int month)
{
	int32_t i = 0;

	while (large.calendar.day[i].month != month || large.calendar.day[i].on_sale ||
		   large.calendar.day[i].shops_closed)
		i++;
	return i;
}

static int32_t
nth_closed_day(int n)
{
	int32_t i;

	for (i = 0; n > 0 || !large.calendar.day[i].shops_closed; i++)
		n -= large.calendar.day[i].shops_closed;
	return i;
}

static void
test_channels(void)
{
	static const double others[RFMSEG_CHANNELS] = {45, 30, 25};
	int preferred, channel, i;

	for (preferred = 0; preferred < RFMSEG_CHANNELS; preferred++)
	{
		RfmsegShopper shopper = plain;
		long open[RFMSEG_CHANNELS] = {0}, closed[RFMSEG_CHANNELS] = {0};
		double shares[RFMSEG_CHANNELS];

		for (channel = 0; channel < RFMSEG_CHANNELS; channel++)
			shares[channel] = 0.25 * others[channel] + (channel == preferred ? 75 : 0);
		shopper.person.channel = preferred;
		fill_baskets(&shopper, ordinary_day(MARCH));
		for (i = 0; i < BASKETS; i++)
			open[firsts[i].channel]++;
		ok(shares_are(open, shares, RFMSEG_CHANNELS), "%s: it is preferred to others",
		   rfmseg_channel_names[preferred]);

		/* Thanksgiving, when most returns are of open days */
		fill_baskets(&shopper, nth_closed_day(1));
		for (i = 0; i < BASKETS; i++)
			closed[firsts[i].channel]++;
		shares[RFMSEG_WEB] += shares[RFMSEG_IN_STORE];
		shares[RFMSEG_IN_STORE] = 0;
		ok(shares_are(closed, shares, RFMSEG_CHANNELS), "where shops are closed Web stands in");
	}
}

static int
busiest(const long *hours, int from, int to)
{
	int busiest_hour = from;
	int i;

	for (i = from; i < to; i++)
		busiest_hour = hours[i] > hours[busiest_hour] ? i : busiest_hour;
	return busiest_hour;
}

static void
test_hours(void)
{
	long hours[RFMSEG_CHANNELS][24] = {{0}};
	long minutes[60] = {0}, seconds[60] = {0};
	int channel, i;

	for (channel = 0; channel < RFMSEG_CHANNELS; channel++)
	{
		RfmsegShopper shopper = plain;

		shopper.person.channel = channel;
		fill_baskets(&shopper, ordinary_day(MARCH));
		for (i = 0; i < BASKETS; i++)
		{
			hours[firsts[i].channel][firsts[i].at / 3600 % 24]++;
			minutes[firsts[i].at / 60 % 60]++;
			seconds[firsts[i].at % 60]++;
		}
	}
	ok(busiest(hours[RFMSEG_WEB], 0, 24) == 20, "Web has its peak at eight in the evening");
	ok(busiest(hours[RFMSEG_MOBILE_APP], 0, 24) == 20 &&
		   busiest(hours[RFMSEG_MOBILE_APP], 8, 17) == 12,
	   "so has the app, and another at noon");
	for (i = 9; i < 21 && hours[RFMSEG_IN_STORE][i] > 0; i++)
		;
	ok(i == 21, "the shop sells in each hour that it is open");
	ok(counts_are_even(minutes, 60) && counts_are_even(seconds, 60),
	   "minutes and seconds are alike");
}

/* The rest of a distribution goes into one cell, so that it is not too rare. */
static bool
quantities_are(const long *seen, const double *shares, int n)
{
	long grouped[140] = {0};
	double expected[140] = {0};
	double rest = 0;
	double all = 0;
	int cells = 0;
	int i;

	for (i = 0; i < n; i++)
	{
		all += (double) seen[i];
		rest += shares[i];
	}
	if (fabs(rest - 1) > 1e-9)
		return false;
	for (i = 0; i < n; i++)
	{
		grouped[cells] += seen[i];
		expected[cells] += shares[i];
		rest -= shares[i];
		if (expected[cells] * all >= LEAST_EXPECTED && rest * all >= LEAST_EXPECTED)
			cells++;
	}
	return shares_are(grouped, expected, cells + 1);
}

/* Pieces of a line, from 1; the twelfth share is of all that would be more. */
static void
share_pieces(double more, double shares[13])
{
	int i;

	shares[0] = 0;
	for (i = 1; i < 12; i++)
		shares[i] = pow(more, i - 1) * (1 - more);
	shares[12] = pow(more, 11);
}

static void
test_quantities(void)
{
	double shares[13];
	double bulk[133] = {0};
	long many[133] = {0};
	RfmsegShopper shopper = plain;
	int i, k;

	for (shopper.favorite = 0; shopper.favorite < RFMSEG_CATEGORIES; shopper.favorite++)
	{
		long seen[13] = {0};
		int others = 0;

		fill_baskets(&shopper, ordinary_day(MARCH));
		share_pieces(more_than_one[shopper.favorite], shares);
		for (i = 0; i < BASKETS; i++)
		{
			others += firsts[i].category != shopper.favorite || firsts[i].quantity > 12;
			seen[firsts[i].quantity > 12 ? 12 : firsts[i].quantity]++;
		}
		ok(others == 0 && (shopper.favorite != FOOD || seen[12] > 0) &&
			   quantities_are(seen, shares, 13),
		   "%s: pieces of a line, 1 to 12", rfmseg_category_names[shopper.favorite]);
	}

	/* 1 to 11 times as many */
	shopper.favorite = FOOD;
	shopper.bulk = 6;
	fill_baskets(&shopper, ordinary_day(MARCH));
	share_pieces(more_than_one[FOOD], shares);
	for (i = 1; i <= 12; i++)
		for (k = 1; k <= 11; k++)
			bulk[i * k] += shares[i] / 11;
	for (i = 0; i < BASKETS; i++)
		many[firsts[i].quantity]++;
	ok(quantities_are(many, bulk, 133), "of those who buy in bulk, 1 to 11 times as many");
}

static void
test_categories(void)
{
	static const struct
	{
		int category, month;
		double share;
	} months[] = {{ELECTRONICS, MAY, 0.12},
				  {ELECTRONICS, NOVEMBER, 0.21},
				  {ELECTRONICS, DECEMBER, 0.21},
				  {CLOTHING, DECEMBER, 0.195},
				  {CLOTHING, MARCH, 0.265},
				  {CLOTHING, AUGUST, 0.265},
				  {HOME_AND_GARDEN, APRIL, 0.25},
				  {HOME_AND_GARDEN, MAY, 0.25},
				  {HOME_AND_GARDEN, DECEMBER, 0.165},
				  {BOOKS, MAY, 0.085},
				  {BOOKS, JANUARY, 0.12},
				  {BOOKS, SEPTEMBER, 0.12},
				  {SPORTS, NOVEMBER, 0.075},
				  {SPORTS, JANUARY, 0.14},
				  {BEAUTY, APRIL, 0.09},
				  {BEAUTY, FEBRUARY, 0.13},
				  {FOOD, APRIL, 0.095},
				  {FOOD, JUNE, 0.095},
				  {FOOD, NOVEMBER, 0.115},
				  {FOOD, DECEMBER, 0.115}};
	long seen[12][RFMSEG_CATEGORIES] = {{0}};
	RfmsegShopper shopper = plain;
	int wrong = 0;
	size_t k;
	int month, i;

	shopper.affinity = 0;
	for (month = 0; month < 12; month++)
	{
		fill_baskets(&shopper, ordinary_day(month));
		for (i = 0; i < BASKETS; i++)
			seen[month][firsts[i].category]++;
	}
	for (k = 0; k < sizeof(months) / sizeof(months[0]); k++)
		wrong += !share_is(seen[months[k].month][months[k].category], BASKETS, months[k].share);
	ok(wrong == 0, "categories have their lowest and highest months (%d wrong)", wrong);

	shopper.affinity = 0.9;
	fill_baskets(&shopper, ordinary_day(JANUARY));
	for (i = 0, k = 0; i < BASKETS; i++)
		k += firsts[i].category == BOOKS;
	ok(share_is((long) k, BASKETS, 0.9 + 0.1 * 0.12), "a favourite comes beside what chance adds");
}

/* The chance of a place in a category's list is that the square of a uniform number is there. */
static double
chance_of_place(int32_t place, int32_t n)
{
	return sqrt((place + 1.0) / n) - sqrt((double) place / n);
}

static void
test_best_sellers(void)
{
	const RfmsegCatalogue *catalogue = &large.catalogue;
	const int32_t *clothes = &catalogue->by_category[catalogue->first_of[CLOTHING]];
	int32_t n = catalogue->first_of[CLOTHING + 1] - catalogue->first_of[CLOTHING];
	static int32_t place_of[MANY_PRODUCTS + 1];
	long tenths[10] = {0};
	long out = 0;
	double out_of_season = 0;
	RfmsegShopper shopper = plain;
	int32_t i;

	/* 2000 books, which have no season: the first 20, 80, 180 sell as the next of these do */
	for (i = 0; i < 2000; i++)
		place_of[catalogue->by_category[catalogue->first_of[BOOKS] + i]] = i;
	fill_baskets(&shopper, ordinary_day(MARCH));
	for (i = 0; i < BASKETS; i++)
		tenths[(int) sqrt(place_of[firsts[i].product_id] / 20.0 + 1e-9)]++;
	ok(catalogue->first_of[BOOKS + 1] - catalogue->first_of[BOOKS] == 2000 &&
		   counts_are_even(tenths, 10),
	   "the first products of a category sell best");

	shopper.favorite = CLOTHING;
	fill_baskets(&shopper, ordinary_day(MARCH));
	for (i = 0; i < n; i++)
		if (!rfmseg_in_season((RfmsegSeason) catalogue->product[clothes[i] - 1].season, MARCH))
			out_of_season += chance_of_place(i, n);
	for (i = 0; i < BASKETS; i++)
		out += !rfmseg_in_season((RfmsegSeason) catalogue->product[firsts[i].product_id - 1].season,
								 MARCH);
	ok(share_is(out, BASKETS, pow(out_of_season, 4)),
	   "what is out of season is drawn again, three times at most");
}

/* The mean price of a book, where one of two is taken by its price as often as the taste says */
static double
mean_price(double taste)
{
	const RfmsegCatalogue *catalogue = &large.catalogue;
	const int32_t *books = &catalogue->by_category[catalogue->first_of[BOOKS]];
	int32_t n = catalogue->first_of[BOOKS + 1] - catalogue->first_of[BOOKS];
	double one = 0;
	double two = 0;
	int i, k;

	for (i = 0; i < n; i++)
	{
		double price = catalogue->product[books[i] - 1].price;

		one += chance_of_place(i, n) * price;
		for (k = 0; k < n; k++)
		{
			double other = catalogue->product[books[k] - 1].price;

			two += chance_of_place(i, n) * chance_of_place(k, n) *
				(taste > 0 ? fmax(price, other) : fmin(price, other));
		}
	}
	return (1 - fabs(taste)) * one + fabs(taste) * two;
}

static void
test_taste(void)
{
	static const double tastes[] = {0.8, 0.2, 0, -0.1, -0.6};
	int i, k;

	for (k = 0; k < 5; k++)
	{
		Moments prices = {0};
		RfmsegShopper shopper = plain;

		shopper.taste = tastes[k];
		fill_baskets(&shopper, ordinary_day(MARCH));
		for (i = 0; i < BASKETS; i++)
			moments_add(&prices, (double) firsts[i].unit_price);
		ok(mean_is(&prices, mean_price(tastes[k])), "a taste of %.1f: mean price %.2f cents",
		   tastes[k], prices.mean);
	}
}

/* A geometric number, but for the few that were in the basket already */
static void
test_lines(void)
{
	enum
	{
		ORDERS = 10000
	};
	RfmsegShopper shopper = plain;
	RfmsegSale sales[2 * RFMSEG_BASKET_LINES];
	Moments of_three = {0};
	int most = 0;
	int least = RFMSEG_BASKET_LINES;
	int others = 0;
	int i;

	shopper.affinity = 0;
	for (i = 0; i < ORDERS; i++)
	{
		RfmsegOrder order = {100001 + i, ordinary_day(MARCH), -1};
		int n;

		shopper.lines = 1;
		others += rfmseg_basket(&large, &shopper, &order, sales) != 1;
		shopper.lines = 3;
		moments_add(&of_three, rfmseg_basket(&large, &shopper, &order, sales));
		shopper.lines = 1e9;
		n = rfmseg_basket(&large, &shopper, &order, sales);
		most = n > most ? n : most;
		least = n < least ? n : least;
	}
	ok(others == 0, "a mean of one line is one line (%d are not)", others);
	ok(mean_is(&of_three, 3), "a mean of three lines");
	ok(most == RFMSEG_BASKET_LINES && least > RFMSEG_BASKET_LINES - 6,
	   "no basket has more than twenty, however many are wanted (%d to %d)", least, most);
}

static void
test_discounts(void)
{
	static const double of_ordinary_days[] = {10, 34, 20, 20, 8, 6, 0, 2};
	static const double of_sales[] = {0, 8, 16, 30, 20, 16, 0, 10};
	int on_sale, i;

	for (on_sale = 0; on_sale < 2; on_sale++)
	{
		RfmsegShopper shopper = plain;
		long seen[8] = {0};
		long discounted = 0;

		shopper.discount_rate = 0.12;
		/* the day after Thanksgiving */
		fill_baskets(&shopper, on_sale ? nth_closed_day(1) + 1 : ordinary_day(NOVEMBER));
		for (i = 0; i < BASKETS; i++)
			if (firsts[i].discount > 0)
			{
				seen[percent_of(&firsts[i]) / 5 - 1]++;
				discounted++;
			}
		ok(share_is(discounted, BASKETS, on_sale ? 0.12 + 0.88 * 0.45 : 0.12),
		   "%s: orders at a discount", on_sale ? "a sale" : "an ordinary day");
		ok(shares_are(seen, on_sale ? of_sales : of_ordinary_days, 8), "and how large it is");
	}
}

static void
test_returns_of_categories(void)
{
	RfmsegShopper shopper = plain;
	long days[26] = {0};
	double of_days[26] = {0};
	long of_two[2] = {0}, of_three[3] = {0};
	int i;

	shopper.return_rate = 0.4;
	for (shopper.favorite = 0; shopper.favorite < RFMSEG_CATEGORIES; shopper.favorite++)
	{
		long back = 0;

		fill_baskets(&shopper, ordinary_day(MARCH));
		for (i = 0; i < BASKETS; i++)
		{
			const RfmsegSale *its = &backs[i];

			if (its->quantity == 0)
				continue;
			back++;
			days[day_of(its) - day_of(&firsts[i])]++;
			if (firsts[i].quantity == 2)
				of_two[-its->quantity - 1]++;
			if (firsts[i].quantity == 3)
				of_three[-its->quantity - 1]++;
		}
		ok(share_is(back, BASKETS, 0.4 * sent_back[shopper.favorite]), "%s: lines sent back",
		   rfmseg_category_names[shopper.favorite]);
	}
	/* no shop is closed from March to October */
	for (i = 3; i <= 25; i++)
		of_days[i] = 1;
	ok(shares_are(days, of_days, 26), "3 to 25 days later");
	ok(counts_are_even(of_two, 2) && shares_are(of_three, (const double[]){1, 1, 2}, 3),
	   "of several pieces half of the returns are of a part, of any size");
}

static long
count_returns(void)
{
	long n = 0;
	int i;

	for (i = 0; i < BASKETS; i++)
		n += backs[i].quantity != 0;
	return n;
}

static void
test_times_of_returns(void)
{
	RfmsegShopper shopper = plain;
	int32_t closed = nth_closed_day(1);
	long on_day = 0;
	long of_shop = 0;
	int i;

	shopper.return_rate = 0.5;
	shopper.favorite = CLOTHING;
	fill_baskets(&shopper, DAYS - 3);
	ok(count_returns() == 0, "nothing comes back after the end");
	/* everything does, within 3 to 25 days; 3 to 12 of these are left */
	fill_baskets(&shopper, DAYS - 13);
	ok(share_is(count_returns(), BASKETS, 10.0 / 23), "so that the last weeks have fewer returns");

	shopper.person.channel = RFMSEG_IN_STORE;
	fill_baskets(&shopper, closed - 25);
	for (i = 0; i < BASKETS; i++)
		if (firsts[i].channel == RFMSEG_IN_STORE)
		{
			of_shop++;
			on_day += day_of(&backs[i]) == START + closed + 1;
		}
	ok(count_returns() == BASKETS && share_is(on_day, of_shop, 1.0 / 23),
	   "where shops are closed they are a day later");
}

/*
 * Small shops
 */

static RfmsegShop small;
static int wrong_orders;
static int orders_of_small;

static void
check_order(const RfmsegShopper *shopper, const RfmsegOrder *order, const RfmsegSale *sales, int n)
{
	int lines = count_lines(&small, order, sales, n);

	wrong_orders += lines < 0 || lines > small.catalogue.n || order->day < shopper->joined ||
		order->day >= small.calendar.n_days;
}

/* Some catalogues lack most categories; customers have any number that there may be. */
static bool
small_shop_is_right(Prng *prng)
{
	int32_t start = prng_below(prng, 60000) - 30000;
	int64_t id = 1 + (int64_t) (prng_next(prng) % (uint64_t) (MOST_CUSTOMERS - 50));
	int i;

	small = shop_of(prng_next(prng), start, 1 + prng_below(prng, 60), 1 + prng_below(prng, 12));
	wrong_orders = 0;
	for (i = 0; i < 50; i++)
	{
		RfmsegShopper shopper = shopper_of(&small, id + i);

		orders_of_small += buy(&small, &shopper, check_order).orders;
	}
	close_shop(&small);
	return wrong_orders == 0;
}

static void
test_smallest_shop(void)
{
	int wrong = 0;
	int lines = 0;
	int i;

	small = shop_of(SEED, START, 1, 1);
	for (i = 0; i < 20000; i++)
	{
		RfmsegShopper shopper = shopper_of(&small, i + 1);
		RfmsegTimeline timeline;
		RfmsegOrder order;
		RfmsegSale sales[2 * RFMSEG_BASKET_LINES];

		wrong += shopper.joined > 0;
		rfmseg_timeline_start(&timeline, &small, &shopper);
		while (rfmseg_timeline_next(&timeline, &order))
		{
			wrong += order.day != 0 || rfmseg_basket(&small, &shopper, &order, sales) != 1 ||
				count_lines(&small, &order, sales, 1) != 1;
			lines++;
		}
	}
	ok(wrong == 0 && lines > 5000, "a day, a product: %d orders of one line (%d wrong)", lines,
	   wrong);
	close_shop(&small);
}

/* The first book is the fifth product; the four before it have no season. */
static void
test_missing_category(void)
{
	long seen[4] = {0};
	int i;

	small = shop_of(SEED, START, DAYS, 4);
	for (i = 0; i < BASKETS; i++)
	{
		RfmsegOrder order = {100001 + i, ordinary_day(MAY), -1};
		RfmsegSale sales[2 * RFMSEG_BASKET_LINES];

		rfmseg_basket(&small, &plain, &order, sales);
		seen[sales[0].product_id - 1]++;
	}
	ok(counts_are_even(seen, 4), "where there are no books any product is bought instead");
	close_shop(&small);
}

static void
test_baskets(void)
{
	large = shop_of(SEED, START, DAYS, MANY_PRODUCTS);
	ok(strcmp(rfmseg_category_names[ELECTRONICS], "Electronics") == 0 &&
		   strcmp(rfmseg_category_names[BOOKS], "Books") == 0 &&
		   strcmp(rfmseg_category_names[FOOD], "Food & Grocery") == 0,
	   "categories are those meant here");
	test_channels();
	test_hours();
	test_quantities();
	test_categories();
	test_best_sellers();
	test_taste();
	test_lines();
	test_discounts();
	test_returns_of_categories();
	test_times_of_returns();
	test_missing_category();
	close_shop(&large);
	test_smallest_shop();
	ok(always(small_shop_is_right, 300), "small shops are right too");
	ok(orders_of_small > 10000, "and sell something (%d orders)", orders_of_small);
}

/*
 * The pure mode: what its models expect
 */

/* Gauss's hypergeometric function, 0 <= z < 1 */
static double
hypergeometric(double a, double b, double c, double z)
{
	double term = 1;
	double sum = 1;
	int k;

	for (k = 0; fabs(term) > fabs(sum) * 1e-16; k++)
	{
		term *= (a + k) * (b + k) / (c + k) / (k + 1) * z;
		sum += term;
	}
	return sum;
}

/* Repeat orders of a new customer within t, in the mean; BG/NBD: Fader, Hardie & Lee 2005, (9) */
static double
expected_repeats(const RfmsegPopulation *its, double t)
{
	double a = its->a;
	double b = its->b;
	double gone = pow(its->alpha / (its->alpha + t), its->r);
	double z = t / (its->alpha + t);

	switch (its->dropout)
	{
		case RFMSEG_BGNBD:
			return (a + b - 1) / (a - 1) * (1 - gone * hypergeometric(its->r, b, a + b - 1, z));
		case RFMSEG_MBGNBD:
			return b / (a - 1) * (1 - gone * hypergeometric(its->r, b + 1, a + b, z));
		default:
			return its->r * its->beta / its->alpha / (its->s - 1) *
				(1 - pow(its->beta / (its->beta + t), its->s - 1));
	}
}

/* That a customer has x repeat orders within t; BG/NBD: Fader, Hardie & Lee 2005, (8) */
static double
bgnbd_chance(const RfmsegPopulation *its, double b, double t, int x)
{
	double z = t / (its->alpha + t);
	double fewer = 0;
	double chance = 0;
	int j;

	for (j = 0; j <= x; j++)
	{
		chance = exp(lgamma(its->r + j) - lgamma(its->r) - lgamma(j + 1.0) + its->r * log1p(-z) +
					 j * log(z));
		if (j < x)
			fewer += chance;
	}
	chance *= exp(log_beta(its->a, b + x) - log_beta(its->a, b));
	if (x > 0)
		chance += exp(log_beta(its->a + 1, b + x - 1) - log_beta(its->a, b)) * (1 - fewer);
	return chance;
}

/* MBG/NBD: gone after the first order, or else as in the BG/NBD, knowing that */
static double
chance_of(const RfmsegPopulation *its, double t, int x)
{
	if (its->dropout == RFMSEG_BGNBD)
		return bgnbd_chance(its, its->b, t, x);
	return (its->b * bgnbd_chance(its, its->b + 1, t, x) + (x == 0 ? its->a : 0)) /
		(its->a + its->b);
}

/* With the CDNOW customers' parameters, as published */
static void
test_formulas(void)
{
	static const RfmsegPopulation cdnow = {
		RFMSEG_BGNBD, 0.2425929072, 4.4135315612, 0.7928861481, 2.4257534365, 0, 0, 0, 0, 0};
	static const RfmsegPopulation modified = {RFMSEG_MBGNBD, 0.5, 6, 1.9, 3.1, 0, 0, 0, 0, 0};
	double mean = 0;
	double all = 0;
	int x;

	ok(is_about(expected_repeats(&cdnow, 0.1429), 0.0078, 5.1e-5) &&
		   is_about(expected_repeats(&cdnow, 1), 0.0532, 5.1e-5) &&
		   is_about(expected_repeats(&cdnow, 3), 0.1506, 5.1e-5) &&
		   is_about(expected_repeats(&cdnow, 31.8571), 1.0405, 5.1e-5),
	   "the formula gives the published numbers of repeat orders");
	for (x = 0; x < 500; x++)
	{
		all += chance_of(&modified, 20, x);
		mean += x * chance_of(&modified, 20, x);
	}
	ok(is_about(all, 1, 1e-9) && is_about(mean, expected_repeats(&modified, 20), 1e-9),
	   "chances add up, and have that mean");
}

/*
 * What its customers do
 */

#define PURE_CUSTOMERS 60000
#define SHORT 30
#define LONG 365 /* everybody's first order is in the calendar's first half */

static const char *const model_names[] = {
	[RFMSEG_BGNBD] = "BG/NBD", [RFMSEG_MBGNBD] = "MBG/NBD", [RFMSEG_PNBD] = "Pareto/NBD"};

typedef struct Life
{
	RfmsegShopper shopper;
	double first; /* in days */
	int within_short, within_long;
	double amount; /* of the first order, in cents */
	bool active;
} Life;

static Life lives[PURE_CUSTOMERS];
static Moments pure_dropouts; /* less what is expected */

/* A payment and nothing else */
static bool
payment_is_right(const RfmsegShop *its_shop, const RfmsegOrder *order, const RfmsegSale *sale)
{
	return sale->transaction_id == order->order_id * 100 + 1 && sale->order_id == order->order_id &&
		sale->customer_id == order->order_id / 100000 &&
		sale->at ==
		((int64_t) its_shop->calendar.first + order->day) * SECONDS_OF_DAY + order->second &&
		sale->product_id == 0 && sale->category == -1 && sale->channel == -1 &&
		sale->quantity == 1 && sale->unit_cost == 0 && sale->total_cost == 0 &&
		sale->discount == 0 && sale->total >= 1 && sale->total <= INT64_C(100000000000000) &&
		money_adds_up(sale) && !sale->is_return;
}

/* The time of an order, in days; -1 where something is wrong with it. */
static double
pure_time(const RfmsegTimeline *timeline, const RfmsegOrder *order, double last)
{
	double now = order->day + (double) order->second / SECONDS_OF_DAY;

	return order->order_id == timeline->shopper->customer_id * 100000 + timeline->orders &&
			order->second >= 0 && order->second < SECONDS_OF_DAY && order->day >= 0 &&
			order->day < timeline->shop->calendar.n_days && now >= last &&
			/* without what is less than a second */
			timeline->now >= now && timeline->now < now + 1.001 / SECONDS_OF_DAY
		? now
		: -1;
}

/* Returns how many orders are wrong. */
static int
live(Life *life)
{
	RfmsegDropout dropout = shop.population->dropout;
	RfmsegTimeline timeline;
	RfmsegOrder order;
	RfmsegSale sales[2 * RFMSEG_BASKET_LINES];
	double last = 0;
	int wrong = 0;

	rfmseg_timeline_start(&timeline, &shop, &life->shopper);
	while (rfmseg_timeline_next(&timeline, &order))
	{
		double now = pure_time(&timeline, &order, last);

		wrong += now < 0 || rfmseg_basket(&shop, &life->shopper, &order, sales) != 1 ||
			!payment_is_right(&shop, &order, &sales[0]);
		if (timeline.orders == 1)
		{
			life->first = now;
			life->amount = (double) sales[0].total;
		}
		else
		{
			life->within_short += now - life->first <= SHORT;
			life->within_long += now - life->first <= LONG;
		}
		if (dropout == RFMSEG_MBGNBD || (dropout == RFMSEG_BGNBD && timeline.orders > 1))
			moments_add(&pure_dropouts, !timeline.active - life->shopper.dropout_probability);
		else
			wrong += !timeline.active;
		last = now;
	}
	life->active = timeline.active;
	return wrong + (timeline.orders == 0);
}

static void
test_lives(const RfmsegPopulation *population)
{
	int wrong = 0;
	int i;

	pure_dropouts = (Moments){0};
	for (i = 0; i < PURE_CUSTOMERS; i++)
	{
		lives[i] = (Life){.shopper = shopper_of(&shop, i + 1)};
		wrong += live(&lives[i]);
		wrong += lives[i].shopper.archetype != RFMSEG_PURE || lives[i].shopper.joined != 0;
		wrong += !same_person(&lives[i].shopper.person, &shoppers[i].person);
	}
	ok(wrong == 0, "%s: all have an order, and orders are right (%d not)",
	   model_names[population->dropout], wrong);
	for (i = 0; i < PURE_CUSTOMERS; i++)
		sample[i] = lives[i].first;
	ok(sample_is_of(sample, PURE_CUSTOMERS, uniform_cdf, 0, DAYS / 2.0),
	   "the first is at any time of the first half");
}

static void
test_drawn_rates(const RfmsegPopulation *population)
{
	int more_digits = 0;
	int i;

	for (i = 0; i < PURE_CUSTOMERS; i++)
	{
		const RfmsegShopper *shopper = &lives[i].shopper;

		sample[i] = shopper->purchase_rate;
		more_digits += shopper->purchase_rate > 1e-14 && !has_nine_digits(shopper->purchase_rate);
		more_digits +=
			!has_nine_digits(shopper->mean_order_value) || !has_nine_digits(shopper->dropout_rate);
	}
	ok(more_digits == 0, "nine digits tell all of them (%d have more)", more_digits);
	ok(sample_is_of(sample, PURE_CUSTOMERS, gamma_of_rate_cdf, population->r, population->alpha),
	   "purchase rates are gamma distributed");
	for (i = 0; i < PURE_CUSTOMERS; i++)
		sample[i] = population->dropout == RFMSEG_PNBD ? lives[i].shopper.dropout_rate
													   : lives[i].shopper.dropout_probability;
	ok(population->dropout == RFMSEG_PNBD
		   ? sample_is_of(sample, PURE_CUSTOMERS, gamma_of_rate_cdf, population->s,
						  population->beta)
		   : sample_is_of(sample, PURE_CUSTOMERS, beta_cdf, population->a, population->b),
	   "so are dropout rates, or probabilities are beta distributed");
	for (i = 0; i < PURE_CUSTOMERS; i++)
		sample[i] = population->p / lives[i].shopper.mean_order_value;
	ok(sample_is_of(sample, PURE_CUSTOMERS, gamma_of_rate_cdf, population->q, population->v),
	   "and what orders are worth");
}

/* Gamma-gamma: mean p v / (q - 1), and each customer's orders are gamma around the own mean */
static void
test_spend(const RfmsegPopulation *population)
{
	Moments amounts = {0};
	int i;

	for (i = 0; i < PURE_CUSTOMERS; i++)
	{
		moments_add(&amounts, lives[i].amount / 100);
		sample[i] = lives[i].amount / 100 / lives[i].shopper.mean_order_value;
	}
	ok(mean_is(&amounts, population->p * population->v / (population->q - 1)),
	   "an order is worth %.2f in the mean", amounts.mean);
	ok(sample_is_of(sample, PURE_CUSTOMERS, gamma_of_rate_cdf, population->p, population->p),
	   "scattered around the customer's mean");
}

static void
test_repeats(const RfmsegPopulation *population)
{
	Moments soon = {0}, later = {0};
	int i;

	for (i = 0; i < PURE_CUSTOMERS; i++)
	{
		moments_add(&soon, lives[i].within_short);
		moments_add(&later, lives[i].within_long);
	}
	ok(mean_is(&soon, expected_repeats(population, SHORT)), "%.4f repeat orders in a month",
	   soon.mean);
	ok(mean_is(&later, expected_repeats(population, LONG)), "%.4f in a year", later.mean);
}

/* Those who do not return are the first of them. */
static void
test_numbers_of_repeats(const RfmsegPopulation *population)
{
	enum
	{
		MOST = 40
	};
	long seen[MOST + 1] = {0};
	double shares[MOST + 1];
	double rest = 1;
	int x, i;

	for (i = 0; i < PURE_CUSTOMERS; i++)
		seen[lives[i].within_long < MOST ? lives[i].within_long : MOST]++;
	for (x = 0; x < MOST; x++)
	{
		shares[x] = chance_of(population, LONG, x);
		rest -= shares[x];
	}
	shares[MOST] = rest;
	ok(share_is(seen[0], PURE_CUSTOMERS, shares[0]), "%ld of %d do not return within a year",
	   seen[0], PURE_CUSTOMERS);
	ok(quantities_are(seen, shares, MOST + 1), "and as many return once, twice, and so on");
	ok(mean_is(&pure_dropouts, 0), "they drop out with their probability");
}

/* Pareto/NBD, knowing the rates: who does not return, how often others do, and who is left */
static void
test_known_rates(void)
{
	Moments silent = {0}, repeats = {0}, active = {0};
	int i;

	for (i = 0; i < PURE_CUSTOMERS; i++)
	{
		double buys = lives[i].shopper.purchase_rate;
		double leaves = lives[i].shopper.dropout_rate;
		double both = buys + leaves;
		double gone = leaves * LONG > 1e-9 ? -expm1(-leaves * LONG) / leaves : LONG;

		moments_add(&silent,
					(lives[i].within_long == 0) - (leaves + buys * exp(-both * LONG)) / both);
		moments_add(&repeats, lives[i].within_long - buys * gone);
		moments_add(&active, lives[i].active - exp(-leaves * (DAYS - lives[i].first)));
	}
	ok(mean_is(&silent, 0), "as many do not return as should");
	ok(mean_is(&repeats, 0), "others do as often as they should");
	ok(mean_is(&active, 0), "and as many are left in the end");
}

static void
test_populations(void)
{
	/* r, alpha; a, b; s, beta; p, q, v */
	static const RfmsegPopulation populations[] = {
		{RFMSEG_BGNBD, 0.25, 30, 0.8, 2.5, 0, 0, 6, 4, 15},
		{RFMSEG_MBGNBD, 0.9, 25, 1.7, 5, 0, 0, 2, 5, 80},
		{RFMSEG_PNBD, 0.55, 20, 0, 0, 0.6, 60, 0.8, 6, 90},
	};
	int i;

	test_formulas();
	for (i = 0; i < 3; i++)
	{
		shop.population = &populations[i];
		test_lives(&populations[i]);
		test_drawn_rates(&populations[i]);
		test_spend(&populations[i]);
		test_repeats(&populations[i]);
		if (populations[i].dropout == RFMSEG_PNBD)
			test_known_rates();
		else
			test_numbers_of_repeats(&populations[i]);
	}
	shop.population = NULL;
}

/*
 * The limits of the pure mode
 */

static bool
is_from_0_to(double x, double most)
{
	return x >= 0 && x <= most;
}

static RfmsegPopulation
extreme_population(Prng *prng)
{
	static const double extremes[] = {1e-9, 1e-9, 1e-4, 1, 1e4, 1e9, 1e9};
	double x[9];
	int i;

	for (i = 0; i < 9; i++)
		x[i] = extremes[prng_below(prng, 7)];
	return (RfmsegPopulation){
		(RfmsegDropout) prng_below(prng, 3), x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8]};
}

static bool
extreme_population_is_right(Prng *prng)
{
	RfmsegPopulation population = extreme_population(prng);
	RfmsegShop extreme = shop;
	RfmsegShopper shopper;
	RfmsegTimeline timeline;
	RfmsegOrder order;
	double last = 0;

	extreme.population = &population;
	extreme.catalogue = (RfmsegCatalogue){0};
	/* a calendar is also one of its first days alone */
	extreme.calendar.n_days = 1 + prng_below(prng, DAYS);
	shopper = shopper_of(&extreme, 1 + (int64_t) (prng_next(prng) % (uint64_t) MOST_CUSTOMERS));
	if (!is_from_0_to(shopper.purchase_rate, 1e12) || !is_from_0_to(shopper.dropout_rate, 1e12) ||
		!is_from_0_to(shopper.mean_order_value, 1e12) ||
		!is_from_0_to(shopper.dropout_probability, 1))
		return false;
	rfmseg_timeline_start(&timeline, &extreme, &shopper);
	while (timeline.orders < 100 && rfmseg_timeline_next(&timeline, &order))
	{
		RfmsegSale sales[2 * RFMSEG_BASKET_LINES];

		last = pure_time(&timeline, &order, last);
		if (last < 0 || rfmseg_basket(&extreme, &shopper, &order, sales) != 1 ||
			!payment_is_right(&extreme, &order, &sales[0]))
			return false;
	}
	return timeline.orders > 0;
}

static void
test_limits_of_populations(void)
{
	static const RfmsegPopulation dear = {RFMSEG_BGNBD, 1, 1, 1, 1, 0, 0, 1e9, 1e-9, 1e9};
	static const RfmsegPopulation cheap = {RFMSEG_BGNBD, 1e9, 1e-9, 1e-9, 1e9, 0, 0,
										   1e-9,		 1e9, 1e-9};
	RfmsegOrder order = {100001, 0, 0};
	RfmsegShopper shopper;
	RfmsegTimeline timeline;
	RfmsegSale sales[2 * RFMSEG_BASKET_LINES];

	ok(always(extreme_population_is_right, 20000), "extreme parameters are no trouble");
	shop.population = &dear;
	shopper = shopper_of(&shop, 1);
	rfmseg_basket(&shop, &shopper, &order, sales);
	ok(shopper.mean_order_value == 1e12 && sales[0].total <= INT64_C(100000000000000) &&
		   sales[0].total > INT64_C(99900000000000),
	   "an order is worth a million millions at most (%lld cents)", (long long) sales[0].total);
	shop.population = &cheap;
	shopper = shopper_of(&shop, 1);
	rfmseg_basket(&shop, &shopper, &order, sales);
	ok(sales[0].total == 1 && sales[0].before_discount == 1, "and a cent at least");
	rfmseg_timeline_start(&timeline, &shop, &shopper);
	while (rfmseg_timeline_next(&timeline, &order))
		;
	ok(shopper.purchase_rate == 1e12 && timeline.orders == RFMSEG_ORDERS_OF_CUSTOMER - 1 &&
		   order.order_id == 199999,
	   "orders end before the next customer's numbers begin");
	shop.population = NULL;
}

int
main(void)
{
	shop = shop_of(SEED, START, DAYS, PRODUCTS);
	test_shoppers();
	test_timelines();
	test_rhythm(RFMSEG_RHYTHM_STEADY);
	test_rhythm(RFMSEG_RHYTHM_WEEKENDS);
	test_rhythm(RFMSEG_RHYTHM_GIFTS);
	test_limits_of_timelines();
	test_purchases();
	test_baskets();
	test_populations();
	test_limits_of_populations();
	close_shop(&shop);
	return done();
}
