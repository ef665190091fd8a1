/*
 * shopper.c
 *		How a made-up customer buys.  See shopper.h.
 */
#include "shopper.h"

#include <math.h>

#include "../portable_math.h"
#include "../random.h"
#include "streams.h"

#define DAYS_OF_YEAR 365.25

const char *const rfmseg_archetype_names[RFMSEG_ARCHETYPES + 1] = {
	[RFMSEG_BIG_SPENDER] = "big spender", [RFMSEG_FREQUENT] = "frequent",
	[RFMSEG_REGULAR] = "regular",		  [RFMSEG_DISCOUNT_HUNTER] = "discount hunter",
	[RFMSEG_GIFT_BUYER] = "gift buyer",	  [RFMSEG_SPECIALIST] = "specialist",
	[RFMSEG_BULK_BUYER] = "bulk buyer",	  [RFMSEG_ONE_TIME] = "one-time",
	[RFMSEG_NEVER_BUYER] = "never buyer", [RFMSEG_PURE] = "pure",
};
const char *const rfmseg_rhythm_names[RFMSEG_RHYTHMS] = {"steady", "weekends", "gifts"};

/*
 * What customers of an archetype have in common.  Each one's rates scatter
 * around these: orders a year by a gamma, dropout by a beta distribution.
 */
typedef struct Traits
{
	uint32_t share;			/* in 1/1000, at an average income */
	int by_income;			/* the share rises (1) or falls (-1) with income */
	double orders_a_year;	/* mean */
	double orders_shape;	/* of the gamma */
	double dropout;			/* mean, after an order */
	double dropout_certain; /* a + b of the beta */
	double lines;
	int bulk;
	double taste;
	double discount_rate;
	double return_rate;
	double affinity;
} Traits;

static const Traits traits[RFMSEG_ARCHETYPES] = {
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

/* In percent, by income bracket */
static const uint32_t rises[RFMSEG_INCOMES] = {25, 45, 70, 95, 130, 200};
static const uint32_t falls[RFMSEG_INCOMES] = {160, 140, 120, 100, 80, 50};

/* Customers from before the calendar's first day, and how long before at most */
#define OLD_SHARE 0.45
#define OLD_DAYS 1095
/* The last day brings so much more new customers than the first, for each year between */
#define GROWTH_A_YEAR 0.3
#define WEEKEND_SHARE 0.12

/* Where a rate or a mean is held to end */
#define LARGEST 1e12

/*
 * What is told of a customer is what was used, to the last digit: so it is
 * rounded to nine digits, which every setting of the server shows in full.
 */
static double
rounded(double x)
{
	double scale = 1;

	if (!(x < LARGEST))
		return LARGEST;
	/* powers of ten up to here are exact, so that the quotient is the nearest double */
	while (x * scale < 1e8 && scale < 1e22)
		scale *= 10;
	return floor(x * scale + 0.5) / scale;
}

static int
pick_archetype(RfmsegRandom *random, int income)
{
	uint32_t weights[RFMSEG_ARCHETYPES];
	uint32_t sum = 0;
	int i;

	for (i = 0; i < RFMSEG_ARCHETYPES; i++)
	{
		weights[i] = traits[i].share *
			(traits[i].by_income > 0	   ? rises[income]
				 : traits[i].by_income < 0 ? falls[income]
										   : 100);
		sum += weights[i];
	}
	return rfmseg_random_pick(random, weights, sum);
}

/* The day on which a new customer joins: more on busy days, and from year to year. */
static int32_t
pick_joined(RfmsegRandom *random, const RfmsegCalendar *calendar)
{
	double total = rfmseg_calendar_total(calendar, RFMSEG_RHYTHM_STEADY);
	double growth = GROWTH_A_YEAR * calendar->n_days / DAYS_OF_YEAR;

	for (;;)
	{
		double demand = rfmseg_random_uniform(random) * total;
		double share = demand / total;

		if (rfmseg_random_uniform(random) * (1 + growth) < 1 + growth * share)
			return rfmseg_calendar_find(calendar, RFMSEG_RHYTHM_STEADY, demand);
	}
}

static void
be_of_archetypes(const RfmsegShop *shop, RfmsegRandom *random, RfmsegShopper *shopper)
{
	const Traits *its;
	double scatter;

	shopper->archetype = (RfmsegArchetype) pick_archetype(random, shopper->person.income);
	its = &traits[shopper->archetype];

	if (shopper->archetype != RFMSEG_ONE_TIME && rfmseg_random_chance(random, OLD_SHARE))
	{
		double ago = rfmseg_random_uniform(random);

		shopper->joined = -1 - (int32_t) (OLD_DAYS * ago * ago);
	}
	else
		shopper->joined = pick_joined(random, &shop->calendar);

	shopper->rhythm = shopper->archetype == RFMSEG_GIFT_BUYER ? RFMSEG_RHYTHM_GIFTS
		: rfmseg_random_chance(random, WEEKEND_SHARE)		  ? RFMSEG_RHYTHM_WEEKENDS
															  : RFMSEG_RHYTHM_STEADY;

	scatter = rfmseg_exp(rfmseg_random_log_gamma(random, its->orders_shape)) / its->orders_shape;
	shopper->purchase_rate = rounded(its->orders_a_year / DAYS_OF_YEAR * scatter);
	shopper->dropout_probability = its->dropout == 1
		? 1
		: rounded(rfmseg_random_beta(random, its->dropout * its->dropout_certain,
									 (1 - its->dropout) * its->dropout_certain));

	scatter = rfmseg_random_normal(random);
	shopper->lines = rounded(1 + (its->lines - 1) * rfmseg_exp(0.3 * scatter - 0.045));
	shopper->bulk = its->bulk;
	shopper->taste = its->taste;
	shopper->discount_rate = its->discount_rate;
	shopper->return_rate = its->return_rate;
	shopper->favorite = (int) rfmseg_random_below(random, RFMSEG_CATEGORIES);
	shopper->affinity = its->affinity;
}

static void
be_of_population(const RfmsegShop *shop, RfmsegRandom *random, RfmsegShopper *shopper)
{
	const RfmsegPopulation *population = shop->population;

	shopper->archetype = RFMSEG_PURE;
	shopper->joined = 0; /* the first order tells: timeline.c */
	shopper->purchase_rate =
		rounded(rfmseg_exp(rfmseg_random_log_gamma(random, population->r)) / population->alpha);
	shopper->mean_order_value = rounded(population->p * population->v /
										rfmseg_exp(rfmseg_random_log_gamma(random, population->q)));
	if (population->dropout == RFMSEG_PNBD)
		shopper->dropout_rate =
			rounded(rfmseg_exp(rfmseg_random_log_gamma(random, population->s)) / population->beta);
	else
		shopper->dropout_probability =
			rounded(rfmseg_random_beta(random, population->a, population->b));
}

void
rfmseg_shopper(const RfmsegShop *shop, int64_t customer_id, RfmsegShopper *shopper)
{
	RfmsegRandom random;

	*shopper = (RfmsegShopper){.customer_id = customer_id};
	rfmseg_person(shop->seed, customer_id, &shopper->person);
	rfmseg_random_start(&random, shop->seed, RFMSEG_STREAM_SHOPPER, (uint64_t) customer_id);
	if (shop->population != NULL)
		be_of_population(shop, &random, shopper);
	else
		be_of_archetypes(shop, &random, shopper);
}
