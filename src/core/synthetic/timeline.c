/*
 * timeline.c
 *		When a made-up customer buys.  See timeline.h.
 *
 * Orders come at the customer's own rate; after each the customer drops out
 * with the customer's own probability.  That is the BG/NBD model's story, told
 * on a clock of demand (calendar.h) by customers of several archetypes.
 */
#include "timeline.h"

#include <math.h>

#include "streams.h"

#define SECONDS_OF_DAY 86400
/* Most new customers order on the day on which they join, */
#define AT_ONCE 0.8
/* the others that many days later, in the mean */
#define LATER 6

/* Customers of the pure mode begin evenly over the first half of the calendar. */
#define PURE_BEGIN 0.5

void
rfmseg_timeline_start(RfmsegTimeline *timeline, const RfmsegShop *shop,
					  const RfmsegShopper *shopper)
{
	timeline->shop = shop;
	timeline->shopper = shopper;
	timeline->orders = 0;
	timeline->active = shopper->archetype != RFMSEG_NEVER_BUYER;
	timeline->now = 0;
	timeline->leaves = HUGE_VAL;
	rfmseg_random_start(&timeline->random, shop->seed, RFMSEG_STREAM_TIMELINE,
						(uint64_t) shopper->customer_id);
}

/* How long to the next order, at a rate */
static double
wait(RfmsegTimeline *timeline, double rate)
{
	return rate > 0 ? rfmseg_random_exponential(&timeline->random) / rate : HUGE_VAL;
}

/* Moves the clock to the first order. */
static void
begin(RfmsegTimeline *timeline)
{
	const RfmsegShopper *shopper = timeline->shopper;
	const RfmsegCalendar *calendar = &timeline->shop->calendar;

	if (timeline->shop->population != NULL)
	{
		timeline->now = rfmseg_random_uniform(&timeline->random) * PURE_BEGIN * calendar->n_days;
		if (timeline->shop->population->dropout == RFMSEG_PNBD)
			timeline->leaves = timeline->now + wait(timeline, shopper->dropout_rate);
	}
	else if (shopper->joined < 0)
		timeline->now = wait(timeline, shopper->purchase_rate);
	else
	{
		const RfmsegDay *day = &calendar->day[shopper->joined];

		/* within the day itself, so that the clock is not before it */
		timeline->now = day[0].before[shopper->rhythm] +
			rfmseg_random_uniform(&timeline->random) *
				(day[1].before[shopper->rhythm] - day[0].before[shopper->rhythm]);
		if (!rfmseg_random_chance(&timeline->random, AT_ONCE))
			timeline->now += wait(timeline, 1.0 / LATER);
	}
}

static bool
drops_out(RfmsegTimeline *timeline)
{
	const RfmsegPopulation *population = timeline->shop->population;

	if (population != NULL && population->dropout == RFMSEG_PNBD)
		return false;
	if (population != NULL && population->dropout == RFMSEG_BGNBD && timeline->orders == 1)
		return false;
	return rfmseg_random_chance(&timeline->random, timeline->shopper->dropout_probability);
}

bool
rfmseg_timeline_next(RfmsegTimeline *timeline, RfmsegOrder *order)
{
	const RfmsegShopper *shopper = timeline->shopper;
	const RfmsegCalendar *calendar = &timeline->shop->calendar;

	if (!timeline->active || timeline->orders == RFMSEG_ORDERS_OF_CUSTOMER - 1)
		return false;
	if (timeline->orders == 0)
		begin(timeline);
	else
		timeline->now += wait(timeline, shopper->purchase_rate);

	if (timeline->now > timeline->leaves)
	{
		/* whoever would leave after the calendar's end has not left */
		timeline->active = timeline->leaves >= calendar->n_days;
		return false;
	}
	if (timeline->shop->population != NULL)
	{
		if (timeline->now >= calendar->n_days)
			return false;
		order->day = (int32_t) timeline->now;
		order->second = (int32_t) ((timeline->now - order->day) * SECONDS_OF_DAY);
	}
	else
	{
		order->day = rfmseg_calendar_find(calendar, shopper->rhythm, timeline->now);
		order->second = -1;
		if (order->day >= calendar->n_days)
			return false;
	}
	timeline->orders++;
	order->order_id = shopper->customer_id * RFMSEG_ORDERS_OF_CUSTOMER + timeline->orders;
	timeline->active = !drops_out(timeline);
	return true;
}
