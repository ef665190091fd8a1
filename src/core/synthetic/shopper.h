/*
 * shopper.h
 *		How a made-up customer buys: the truth behind the data.
 *
 * By default customers are of several archetypes.  In the pure mode they are of
 * one population, whose rates are drawn from the distributions that the models
 * of customer lifetime value assume.
 */
#ifndef RFMSEG_SHOPPER_H
#define RFMSEG_SHOPPER_H

#include <stdbool.h>
#include <stdint.h>

#include "calendar.h"
#include "person.h"
#include "product.h"

/* Which archetypes there are: shopper.c has their numbers. */
typedef enum RfmsegArchetype
{
	RFMSEG_BIG_SPENDER,
	RFMSEG_FREQUENT,
	RFMSEG_REGULAR,
	RFMSEG_DISCOUNT_HUNTER,
	RFMSEG_GIFT_BUYER,
	RFMSEG_SPECIALIST,
	RFMSEG_BULK_BUYER,
	RFMSEG_ONE_TIME,
	RFMSEG_NEVER_BUYER,
	RFMSEG_ARCHETYPES,
	RFMSEG_PURE = RFMSEG_ARCHETYPES /* none of them: the pure mode */
} RfmsegArchetype;

extern const char *const rfmseg_archetype_names[RFMSEG_ARCHETYPES + 1];
extern const char *const rfmseg_rhythm_names[RFMSEG_RHYTHMS];

/* How customers of the pure mode drop out. */
typedef enum RfmsegDropout
{
	RFMSEG_BGNBD,  /* after a repeat purchase, with a probability of beta(a, b) */
	RFMSEG_MBGNBD, /* after any purchase, the first one too */
	RFMSEG_PNBD	   /* at any time, at a rate of gamma(s, beta) */
} RfmsegDropout;

/* The pure mode's distributions; rates are by day. */
typedef struct RfmsegPopulation
{
	RfmsegDropout dropout;
	double r, alpha; /* purchase rates are gamma: shape, rate */
	double a, b;	 /* BG/NBD and MBG/NBD */
	double s, beta;	 /* Pareto/NBD: shape, rate */
	double p, q, v;	 /* an order is worth gamma(p, nu), nu is gamma(q, v), in money */
} RfmsegPopulation;

/* A made-up shop: all that its customers and their orders follow from. */
typedef struct RfmsegShop
{
	uint64_t seed;
	RfmsegCalendar calendar;
	RfmsegCatalogue catalogue;			/* may be empty where no basket is asked for */
	const RfmsegPopulation *population; /* NULL: archetypes */
} RfmsegShop;

typedef struct RfmsegShopper
{
	int64_t customer_id;
	RfmsegPerson person;
	RfmsegArchetype archetype;
	int32_t joined; /* day, counted from the calendar's first; may lie before it */
	RfmsegRhythm rhythm;
	double purchase_rate;		/* orders a day while active, of average demand */
	double dropout_probability; /* after each order */
	double dropout_rate;		/* by day; Pareto/NBD alone */
	double mean_order_value;	/* in money; pure mode alone */
	double lines;				/* mean number in an order */
	int bulk;					/* mean quantity of a line is about that many times the usual */
	double taste;				/* of two products takes the dearer with it; below 0, the cheaper */
	double discount_rate;		/* share of orders at a discount, on ordinary days */
	double return_rate;			/* share of lines sent back, in an average category */
	int favorite;				/* category */
	double affinity;			/* share of lines that are of it, beside what chance adds */
} RfmsegShopper;

extern void rfmseg_shopper(const RfmsegShop *shop, int64_t customer_id, RfmsegShopper *shopper);

#endif
