/*
 * basket.c
 *		What is in an order of a made-up customer.  See basket.h.
 */
#include "basket.h"

#include "../portable_math.h"
#include "../random.h"
#include "streams.h"

#define SECONDS_OF_HOUR 3600
#define SECONDS_OF_DAY 86400

/* Orders by hour of the day, in 1/1000; shops are open from nine to nine. */
static const uint32_t by_hour[RFMSEG_CHANNELS][24] = {
	[RFMSEG_WEB] = {13, 7,	4,	3,	3,	5,	12, 24, 38, 52, 62, 66,
					70, 66, 60, 56, 54, 54, 58, 66, 76, 72, 52, 27},
	[RFMSEG_MOBILE_APP] = {18, 10, 6,  4,  4,  8,  22, 42, 48, 44, 42, 46,
						   60, 52, 44, 42, 46, 58, 66, 78, 90, 84, 58, 28},
	[RFMSEG_IN_STORE] = {0,	  0,  0,  0,  0,  0,   0,	0,	0,	35, 70, 95,
						 110, 95, 85, 85, 95, 110, 100, 75, 45, 0,	0,	0},
};

/*
 * Lines by category in each month, in 1/1000: Electronics, Clothing, Home &
 * Garden, Books, Sports, Beauty, Food & Grocery
 */
static const uint32_t by_month[12][RFMSEG_CATEGORIES] = {
	{140, 220, 185, 120, 140, 95, 100}, {130, 240, 180, 110, 110, 130, 100},
	{130, 265, 210, 100, 100, 95, 100}, {125, 255, 250, 90, 95, 90, 95},
	{120, 240, 250, 85, 100, 110, 95},	{135, 245, 220, 95, 115, 95, 95},
	{150, 235, 200, 100, 120, 95, 100}, {150, 265, 180, 110, 100, 95, 100},
	{140, 260, 190, 120, 90, 95, 105},	{140, 260, 205, 110, 80, 95, 110},
	{210, 225, 175, 100, 75, 100, 115}, {210, 195, 165, 115, 85, 115, 115},
};

/* The chance that one is not enough, for each that comes on top */
static const double more_than_one[RFMSEG_CATEGORIES] = {0.06, 0.18, 0.16, 0.10, 0.10, 0.18, 0.45};

/* How often lines are sent back, relative to the customer's rate */
static const double sent_back[RFMSEG_CATEGORIES] = {1.3, 2.0, 0.8, 0.3, 0.9, 0.5, 0.1};

#define MOST_OF_A_LINE 12
/* Who does not use the preferred channel uses any */
#define PREFERRED_CHANNEL 0.75
/* On days of sales so many of the other orders are discounted too */
#define ON_SALE 0.45
#define OUT_OF_SEASON_TRIES 3
#define RETURN_AFTER_DAYS 3
#define RETURN_WITHIN_DAYS 25
/* What an order of the pure mode is worth at most, in cents */
#define MOST_CENTS 1e14

static int64_t
second_of(const RfmsegShop *shop, int32_t day, int32_t second)
{
	return ((int64_t) shop->calendar.first + day) * SECONDS_OF_DAY + second;
}

static int32_t
pick_second(RfmsegRandom *random, int channel)
{
	int hour = rfmseg_random_pick(random, by_hour[channel], 1000);

	return hour * SECONDS_OF_HOUR + (int32_t) rfmseg_random_below(random, SECONDS_OF_HOUR);
}

static int
pick_channel(RfmsegRandom *random, const RfmsegShopper *shopper, const RfmsegDay *day)
{
	static const uint32_t shares[RFMSEG_CHANNELS] = {
		[RFMSEG_WEB] = 45, [RFMSEG_MOBILE_APP] = 30, [RFMSEG_IN_STORE] = 25};
	int channel = rfmseg_random_chance(random, PREFERRED_CHANNEL)
		? shopper->person.channel
		: rfmseg_random_pick(random, shares, 100);

	return channel == RFMSEG_IN_STORE && day->shops_closed ? RFMSEG_WEB : channel;
}

/* What the order's lines are discounted by, in percent. */
static int
pick_discount(RfmsegRandom *random, const RfmsegShopper *shopper, const RfmsegDay *day)
{
	static const int percent[] = {5, 10, 15, 20, 25, 30, 40};
	static const uint32_t ordinary[] = {10, 34, 20, 20, 8, 6, 2};
	static const uint32_t on_sale[] = {0, 8, 16, 30, 20, 16, 10};
	double chance = shopper->discount_rate;

	if (day->on_sale)
		chance += (1 - chance) * ON_SALE;
	if (!rfmseg_random_chance(random, chance))
		return 0;
	return percent[rfmseg_random_pick(random, day->on_sale ? on_sale : ordinary, 100)];
}

static int
pick_category(RfmsegRandom *random, const RfmsegShopper *shopper, int month)
{
	if (rfmseg_random_chance(random, shopper->affinity))
		return shopper->favorite;
	return rfmseg_random_pick(random, by_month[month], 1000);
}

/* The first of a category sell best, as the square of a uniform number is small. */
static int32_t
pick_best_seller(RfmsegRandom *random, const RfmsegCatalogue *catalogue, int category)
{
	double u = (double) rfmseg_random_bits(random) * 0x1p-32;
	int32_t first = catalogue->first_of[category];
	int32_t n = catalogue->first_of[category + 1] - first;

	/* a small catalogue may have none of a category */
	if (n == 0)
		return 1 + (int32_t) (u * catalogue->n);
	return catalogue->by_category[first + (int32_t) (u * u * n)];
}

static bool
is_in_season(const RfmsegCatalogue *catalogue, int32_t product_id, int month)
{
	return rfmseg_in_season((RfmsegSeason) catalogue->product[product_id - 1].season, month);
}

static int32_t
pick_product(RfmsegRandom *random, const RfmsegCatalogue *catalogue, const RfmsegShopper *shopper,
			 int month)
{
	int category = pick_category(random, shopper, month);
	int32_t chosen = pick_best_seller(random, catalogue, category);
	int tries;

	for (tries = 0; tries < OUT_OF_SEASON_TRIES && !is_in_season(catalogue, chosen, month); tries++)
		chosen = pick_best_seller(random, catalogue, category);

	if (shopper->taste != 0 &&
		rfmseg_random_chance(random, shopper->taste > 0 ? shopper->taste : -shopper->taste))
	{
		int32_t other = pick_best_seller(random, catalogue, category);
		bool dearer = catalogue->product[other - 1].price > catalogue->product[chosen - 1].price;

		if (dearer == (shopper->taste > 0) && is_in_season(catalogue, other, month))
			chosen = other;
	}
	return chosen;
}

static void
price_line(RfmsegSale *sale, const RfmsegProduct *product, int32_t quantity, int percent)
{
	sale->category = product->category;
	sale->quantity = quantity;
	sale->unit_cost = product->cost;
	sale->unit_price = product->price;
	sale->total_cost = sale->unit_cost * quantity;
	sale->before_discount = sale->unit_price * quantity;
	sale->discount = (sale->before_discount * percent + 50) / 100;
	sale->total = sale->before_discount - sale->discount;
}

/* Sends a line back, or a part of it; false where that falls after the calendar's end. */
static bool
send_back(RfmsegRandom *random, const RfmsegShop *shop, const RfmsegOrder *order,
		  const RfmsegSale *sale, RfmsegSale *back)
{
	int32_t day = order->day + RETURN_AFTER_DAYS +
		(int32_t) rfmseg_random_below(random, RETURN_WITHIN_DAYS - RETURN_AFTER_DAYS + 1);
	int32_t quantity = sale->quantity;

	if (quantity > 1 && rfmseg_random_chance(random, 0.5))
		quantity = 1 + (int32_t) rfmseg_random_below(random, (uint32_t) quantity - 1);
	if (day < shop->calendar.n_days && sale->channel == RFMSEG_IN_STORE &&
		shop->calendar.day[day].shops_closed)
		day++;
	if (day >= shop->calendar.n_days)
		return false;

	*back = *sale;
	back->transaction_id += RFMSEG_RETURN_LINES;
	back->at = second_of(shop, day, pick_second(random, sale->channel));
	back->is_return = true;
	back->quantity = -quantity;
	back->total_cost = -sale->unit_cost * quantity;
	back->before_discount = -sale->unit_price * quantity;
	back->discount = -sale->discount * quantity / sale->quantity;
	back->total = back->before_discount - back->discount;
	return true;
}

/* An order of the pure mode is one line, and of nothing but money. */
static int
pure_basket(RfmsegRandom *random, const RfmsegShop *shop, const RfmsegShopper *shopper,
			const RfmsegOrder *order, RfmsegSale *sale)
{
	double p = shop->population->p;
	double cents =
		100 * shopper->mean_order_value * rfmseg_exp(rfmseg_random_log_gamma(random, p)) / p;
	int64_t amount = cents < MOST_CENTS ? (int64_t) (cents + 0.5) : (int64_t) MOST_CENTS;

	/* nothing is for nothing */
	if (amount < 1)
		amount = 1;
	*sale = (RfmsegSale){
		.transaction_id = order->order_id * RFMSEG_LINES_OF_ORDER + 1,
		.order_id = order->order_id,
		.customer_id = shopper->customer_id,
		.at = second_of(shop, order->day, order->second),
		.category = -1,
		.quantity = 1,
		.unit_price = amount,
		.before_discount = amount,
		.total = amount,
		.channel = -1,
	};
	return 1;
}

static bool
is_among(const RfmsegSale *sales, int n, int64_t product_id)
{
	int i;

	for (i = 0; i < n; i++)
		if (sales[i].product_id == product_id)
			return true;
	return false;
}

int
rfmseg_basket(const RfmsegShop *shop, const RfmsegShopper *shopper, const RfmsegOrder *order,
			  RfmsegSale sales[2 * RFMSEG_BASKET_LINES])
{
	const RfmsegDay *day = &shop->calendar.day[order->day];
	RfmsegRandom random;
	RfmsegSale common = {.order_id = order->order_id, .customer_id = shopper->customer_id};
	int percent;
	int wanted;
	int lines = 0;
	int returns = 0;
	int i;

	rfmseg_random_start(&random, shop->seed, RFMSEG_STREAM_BASKET, (uint64_t) order->order_id);
	if (shop->population != NULL)
		return pure_basket(&random, shop, shopper, order, sales);

	common.channel = pick_channel(&random, shopper, day);
	common.at = second_of(shop, order->day, pick_second(&random, common.channel));
	percent = pick_discount(&random, shopper, day);
	wanted =
		1 + (int) rfmseg_random_geometric(&random, 1 / shopper->lines, RFMSEG_BASKET_LINES - 1);

	for (i = 0; i < wanted; i++)
	{
		int32_t product_id = pick_product(&random, &shop->catalogue, shopper, day->month);
		const RfmsegProduct *product = &shop->catalogue.product[product_id - 1];
		int32_t quantity;

		/* what is in the basket already is not put in twice */
		if (is_among(sales, lines, product_id))
			continue;
		quantity = 1 +
			(int32_t) rfmseg_random_geometric(&random, 1 - more_than_one[product->category],
											  MOST_OF_A_LINE - 1);
		if (shopper->bulk > 1)
			quantity *=
				1 + (int32_t) rfmseg_random_below(&random, 2 * (uint32_t) shopper->bulk - 1);

		sales[lines] = common;
		sales[lines].transaction_id = order->order_id * RFMSEG_LINES_OF_ORDER + lines + 1;
		sales[lines].product_id = product_id;
		price_line(&sales[lines], product, quantity, percent);
		lines++;
	}
	for (i = 0; i < lines; i++)
		if (rfmseg_random_chance(&random, shopper->return_rate * sent_back[sales[i].category]) &&
			send_back(&random, shop, order, &sales[i], &sales[lines + returns]))
			returns++;
	return lines + returns;
}
