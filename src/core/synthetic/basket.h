/*
 * basket.h
 *		What is in an order of a made-up customer: its lines, and which of them
 *		are sent back.
 */
#ifndef RFMSEG_BASKET_H
#define RFMSEG_BASKET_H

#include <stdbool.h>
#include <stdint.h>

#include "shopper.h"
#include "timeline.h"

#define RFMSEG_BASKET_LINES 20
/* A line's number is that of its order, and behind it that of the line; a return's is this higher. */
#define RFMSEG_LINES_OF_ORDER 100
#define RFMSEG_RETURN_LINES 50

typedef struct RfmsegSale
{
	int64_t transaction_id;
	int64_t order_id;
	int64_t customer_id;
	int64_t at;			/* local time, in seconds since 2000-01-01 */
	int64_t product_id; /* 0: none, as in the pure mode */
	int category;		/* -1: none */
	int32_t quantity;	/* below 0 for a return, and so are all totals */
	int64_t unit_cost;	/* all money is in cents */
	int64_t unit_price;
	int64_t total_cost;
	int64_t before_discount;
	int64_t discount;
	int64_t total;
	int channel; /* -1: none */
	bool is_return;
} RfmsegSale;

/* An order's lines and its returns within the calendar; returns how many. */
extern int rfmseg_basket(const RfmsegShop *shop, const RfmsegShopper *shopper,
						 const RfmsegOrder *order, RfmsegSale sales[2 * RFMSEG_BASKET_LINES]);

#endif
