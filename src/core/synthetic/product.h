/*
 * product.h
 *		The catalogue of a made-up shop.
 */
#ifndef RFMSEG_PRODUCT_H
#define RFMSEG_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RFMSEG_CATEGORIES 7
#define RFMSEG_PRODUCT_NAME_SIZE 64

typedef enum RfmsegSeason
{
	RFMSEG_ALL_YEAR,
	RFMSEG_SPRING, /* March to May */
	RFMSEG_SUMMER, /* June to August */
	RFMSEG_AUTUMN, /* September to November */
	RFMSEG_WINTER  /* November to January */
} RfmsegSeason;

/* What a purchase has to know of a product. */
typedef struct RfmsegProduct
{
	int32_t price; /* in cents */
	int32_t cost;  /* in cents */
	uint8_t category;
	uint8_t season; /* an RfmsegSeason */
} RfmsegProduct;

/* The first so many products, which are numbered from 1. */
typedef struct RfmsegCatalogue
{
	int32_t n;
	RfmsegProduct *product;					 /* room for n: that of id is product[id - 1] */
	int32_t *by_category;					 /* room for n: ids, one category after the other */
	int32_t first_of[RFMSEG_CATEGORIES + 1]; /* place in it; those of the next come then */
} RfmsegCatalogue;

extern const char *const rfmseg_category_names[RFMSEG_CATEGORIES];

/* Fills in everything but n. */
extern void rfmseg_catalogue_fill(RfmsegCatalogue *catalogue, uint64_t seed);

extern RfmsegProduct rfmseg_product(uint64_t seed, int64_t product_id);

/* Its name and brand; returns the brand. */
extern const char *rfmseg_product_name(uint64_t seed, int64_t product_id,
									   char name[RFMSEG_PRODUCT_NAME_SIZE]);

extern bool rfmseg_in_season(RfmsegSeason season, int month);

#endif
