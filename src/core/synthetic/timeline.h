/*
 * timeline.h
 *		When a made-up customer buys.
 */
#ifndef RFMSEG_TIMELINE_H
#define RFMSEG_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "../random.h"
#include "shopper.h"

/* An order's number is that of its customer, and behind it that of the order. */
#define RFMSEG_ORDERS_OF_CUSTOMER 100000

typedef struct RfmsegTimeline
{
	const RfmsegShop *shop;
	const RfmsegShopper *shopper;
	RfmsegRandom random;
	double now;		/* of demand since the calendar began; in the pure mode, days */
	double leaves;	/* the day on which they drop out; Pareto/NBD alone */
	int32_t orders; /* so far */
	bool active;	/* not dropped out */
} RfmsegTimeline;

typedef struct RfmsegOrder
{
	int64_t order_id;
	int32_t day;	/* counted from the calendar's first */
	int32_t second; /* of the day; -1: any at which the channel is open */
} RfmsegOrder;

extern void rfmseg_timeline_start(RfmsegTimeline *timeline, const RfmsegShop *shop,
								  const RfmsegShopper *shopper);

/* The next order; false, once, if there is no more within the calendar: then the timeline has ended. */
extern bool rfmseg_timeline_next(RfmsegTimeline *timeline, RfmsegOrder *order);

#endif
