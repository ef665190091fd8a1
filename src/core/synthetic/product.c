/*
 * product.c
 *		The catalogue of a made-up shop.  See product.h.
 *
 * A product is a kind of thing, such as an air fryer, in a variant.  Kind,
 * category and variant follow from its number; price, cost and brand are drawn.
 */
#include "product.h"

#include <stdio.h>

#include "../portable_math.h"
#include "../random.h"
#include "streams.h"

#define KINDS 14
#define VARIANTS 10
#define BRANDS 4

typedef struct Kind
{
	const char *name;
	int32_t price; /* typical, in cents */
	RfmsegSeason season;
} Kind;

typedef struct Category
{
	const char *before; /* stands before the variant in a name */
	const char *after;	/* stands after the kind */
	double margin;		/* share of the price that is not cost */
	const char *brands[BRANDS];
	const char *variants[VARIANTS];
	Kind kinds[KINDS];
} Category;

enum
{
	ELECTRONICS,
	CLOTHING,
	HOME_AND_GARDEN,
	BOOKS,
	SPORTS,
	BEAUTY,
	FOOD_AND_GROCERY
};

const char *const rfmseg_category_names[RFMSEG_CATEGORIES] = {
	"Electronics", "Clothing", "Home & Garden", "Books", "Sports", "Beauty", "Food & Grocery"};

/* The brands are invented. */
static const Category categories[RFMSEG_CATEGORIES] =
	{
		[ELECTRONICS] = {"",
						 "",
						 0.24,
						 {"Voltara", "Nimbrix", "Aurelix", "Kitewave"},
						 {"Compact", "Pro", "Slim", "Premium", "Essential", "Ultra", "Portable",
						  "Smart", "Classic", "Travel"},
						 {{"Wireless Earbuds", 7999, 0},
						  {"USB-C Charger", 2499, 0},
						  {"Bluetooth Speaker", 5999, 0},
						  {"Phone Case", 1999, 0},
						  {"Power Bank", 3499, 0},
						  {"Fitness Tracker", 8999, 0},
						  {"Headphones", 14999, 0},
						  {"Webcam", 6499, 0},
						  {"Keyboard", 7499, 0},
						  {"Monitor", 22999, 0},
						  {"Tablet", 29999, 0},
						  {"Air Purifier", 15999, 0},
						  {"Laptop", 79999, 0},
						  {"Holiday Light Projector", 4499, RFMSEG_WINTER}}},
		[CLOTHING] = {"",
					  "",
					  0.55,
					  {"Larkspun", "Hollin & Reed", "Threadmoor", "Maren Vale"},
					  {"Everyday", "Classic", "Relaxed", "Soft", "Vintage", "Weekend", "Premium",
					   "Essential", "Heritage", "Modern"},
					  {{"T-Shirt", 1999, 0},
					   {"Jeans", 5499, 0},
					   {"Socks (3-Pack)", 1299, 0},
					   {"Hoodie", 4499, 0},
					   {"Polo Shirt", 2999, 0},
					   {"Leggings", 3499, 0},
					   {"Winter Parka", 12999, RFMSEG_WINTER},
					   {"Sneakers", 6999, 0},
					   {"Summer Dress", 4999, RFMSEG_SUMMER},
					   {"Cardigan", 5499, 0},
					   {"Knit Scarf", 2499, RFMSEG_WINTER},
					   {"Shorts", 2999, RFMSEG_SUMMER},
					   {"Pajama Set", 3999, 0},
					   {"Rain Jacket", 7999, RFMSEG_SPRING}}},
		[HOME_AND_GARDEN] = {"",
							 "",
							 0.45,
							 {"Oakfern", "Casa Lindell", "Brightmoor", "Hearthly"},
							 {"Modern", "Rustic", "Large", "Nordic", "Cozy", "Classic", "Handmade",
							  "Minimalist", "Vintage", "Coastal"},
							 {{"Mug Set", 2499, 0},
							  {"Throw Blanket", 3999, 0},
							  {"Storage Basket", 2299, 0},
							  {"Table Lamp", 4999, 0},
							  {"Picture Frame", 1699, 0},
							  {"Planter", 2799, RFMSEG_SPRING},
							  {"Bath Towel", 1899, 0},
							  {"Wall Clock", 3499, 0},
							  {"Serving Bowl", 2999, 0},
							  {"Patio Chair", 8999, RFMSEG_SUMMER},
							  {"Candle", 1799, 0},
							  {"Area Rug", 12999, 0},
							  {"Wreath", 3499, RFMSEG_WINTER},
							  {"Side Table", 9999, 0}}},
		[BOOKS] = {"The ",
				   " (Paperback)",
				   0.40,
				   {"Lantern House", "Quillmark Press", "Harrow Lane Books", "Blue Finch"},
				   {"Quiet", "Last", "Hidden", "Winter", "Distant", "Golden", "Silent", "Long",
					"Secret", "Broken"},
				   {{"Harbor", 1699, 0},
					{"Orchard", 1599, 0},
					{"Lighthouse", 1799, 0},
					{"Letter", 1499, 0},
					{"Garden", 1899, 0},
					{"Mapmaker", 1799, 0},
					{"River", 1599, 0},
					{"Inheritance", 1899, 0},
					{"Crossing", 1699, 0},
					{"Kitchen", 2499, 0},
					{"Witness", 1599, 0},
					{"Island", 1799, 0},
					{"Neighbor", 1499, 0},
					{"Promise", 1699, 0}}},
		[SPORTS] = {"",
					"",
					0.42,
					{"Ridgeway Trail", "Summitara", "Paceline", "Torrent Peak"},
					{"Pro", "Training", "Performance", "Premium", "Club", "Adventure", "Essential",
					 "Classic", "Elite", "Active"},
					{{"Yoga Mat", 3499, 0},
					 {"Water Bottle", 1999, 0},
					 {"Resistance Bands", 1799, 0},
					 {"Backpack", 6999, 0},
					 {"Dumbbell Pair", 4999, 0},
					 {"Running Belt", 2299, 0},
					 {"Camping Tent", 17999, RFMSEG_SUMMER},
					 {"Bike Helmet", 5999, 0},
					 {"Soccer Ball", 2499, 0},
					 {"Jump Rope", 1499, 0},
					 {"Sled", 4999, RFMSEG_WINTER},
					 {"Swim Goggles", 1899, RFMSEG_SUMMER},
					 {"Gym Bag", 4499, 0},
					 {"Hiking Poles", 5999, 0}}},
		[BEAUTY] = {"",
					"",
					0.60,
					{"Veloura", "Petalis", "Rosewyn", "Clarimel"},
					{"Rose", "Lavender", "Citrus", "Vanilla", "Jasmine", "Coconut", "Almond",
					 "Green Tea", "Honey", "Cedar"},
					{{"Face Cream", 2899, 0},
					 {"Hand Lotion", 1299, 0},
					 {"Shampoo", 1499, 0},
					 {"Lip Balm Set", 999, 0},
					 {"Face Serum", 3499, 0},
					 {"Body Wash", 1199, 0},
					 {"Cleanser", 1999, 0},
					 {"Hair Mask", 1899, 0},
					 {"Sunscreen SPF 50", 1799, RFMSEG_SUMMER},
					 {"Eye Cream", 3299, 0},
					 {"Bath Salts", 1599, 0},
					 {"Eau de Parfum", 6499, 0},
					 {"Gift Set", 3999, RFMSEG_WINTER},
					 {"Body Scrub", 2199, 0}}},
		[FOOD_AND_GROCERY] = {"",
							  "",
							  0.30,
							  {"Hillcrop", "Greenhollow", "Tinfield Pantry", "Marlow Mills"},
							  {"Organic", "Family-Size", "Artisan", "Country", "Original",
							   "Reserve", "Small-Batch", "Farmhouse", "Classic", "Heritage"},
							  {{"Coffee Beans", 1599, 0},
							   {"Granola", 799, 0},
							   {"Olive Oil", 1499, 0},
							   {"Mixed Nuts", 1199, 0},
							   {"Pasta Sauce", 699, 0},
							   {"Tea Sampler", 1299, 0},
							   {"Protein Bars", 1899, 0},
							   {"Crackers", 499, 0},
							   {"Almond Butter", 1099, 0},
							   {"Rice", 899, 0},
							   {"Dark Chocolate", 599, 0},
							   {"Pumpkin Bread Mix", 799, RFMSEG_AUTUMN},
							   {"Cookie Tin", 1699, RFMSEG_WINTER},
							   {"Lemonade Mix", 699, RFMSEG_SUMMER}}},
};

/* Categories of twenty products in turn: their shares of the catalogue */
#define CYCLE 20
static const uint8_t cycle[CYCLE] = {
	CLOTHING,	 HOME_AND_GARDEN, ELECTRONICS,	   FOOD_AND_GROCERY, BOOKS,
	CLOTHING,	 BEAUTY,		  HOME_AND_GARDEN, SPORTS,			 CLOTHING,
	ELECTRONICS, HOME_AND_GARDEN, BOOKS,		   FOOD_AND_GROCERY, CLOTHING,
	BEAUTY,		 ELECTRONICS,	  SPORTS,		   HOME_AND_GARDEN,	 CLOTHING};

/* Of the first n places of the cycle */
static int
in_cycle(int category, int n)
{
	int count = 0;
	int i;

	for (i = 0; i < n; i++)
		count += cycle[i] == category;
	return count;
}

/* Where a product stands among those of its category */
static int64_t
place_of(int64_t product_id)
{
	int64_t before = product_id - 1;
	int category = cycle[before % CYCLE];

	return before / CYCLE * in_cycle(category, CYCLE) + in_cycle(category, (int) (before % CYCLE));
}

/*
 * Prices scatter around what is typical, end as prices in shops do, and leave a
 * margin that is about that of the category.
 */
RfmsegProduct
rfmseg_product(uint64_t seed, int64_t product_id)
{
	static const uint32_t shares[] = {60, 20, 15, 5}; /* in percent */
	static const int32_t endings[] = {99, 49, 95, 0};
	int category = cycle[(product_id - 1) % CYCLE];
	const Category *its = &categories[category];
	const Kind *kind = &its->kinds[place_of(product_id) % KINDS];
	RfmsegRandom random;
	RfmsegProduct product;
	double scatter;

	rfmseg_random_start(&random, seed, RFMSEG_STREAM_PRODUCT, (uint64_t) product_id);
	scatter = rfmseg_random_normal(&random);
	if (scatter > 2.5 || scatter < -2.5)
		scatter /= 4;
	product.price = (int32_t) (kind->price * rfmseg_exp(0.22 * scatter)) / 100 * 100 +
		endings[rfmseg_random_pick(&random, shares, 100)];
	product.cost = (int32_t) (product.price *
							  (1 - its->margin + 0.08 * (rfmseg_random_uniform(&random) - 0.5)));
	product.category = (uint8_t) category;
	product.season = (uint8_t) kind->season;
	return product;
}

const char *
rfmseg_product_name(uint64_t seed, int64_t product_id, char name[RFMSEG_PRODUCT_NAME_SIZE])
{
	const Category *its = &categories[cycle[(product_id - 1) % CYCLE]];
	int64_t place = place_of(product_id);
	int64_t round = place / KINDS;
	int kind = (int) (place % KINDS);
	/* kinds begin with different variants, and take them all before one comes again */
	const char *variant = its->variants[(kind * 3 + round) % VARIANTS];
	int64_t series = round / VARIANTS + 1;
	RfmsegRandom random;

	if (series == 1)
		snprintf(name, RFMSEG_PRODUCT_NAME_SIZE, "%s%s %s%s", its->before, variant,
				 its->kinds[kind].name, its->after);
	else
		snprintf(name, RFMSEG_PRODUCT_NAME_SIZE, "%s%s %s%s No. %lld", its->before, variant,
				 its->kinds[kind].name, its->after, (long long) series);

	rfmseg_random_start(&random, seed, RFMSEG_STREAM_BRAND, (uint64_t) product_id);
	return its->brands[rfmseg_random_below(&random, BRANDS)];
}

bool
rfmseg_in_season(RfmsegSeason season, int month)
{
	switch (season)
	{
		case RFMSEG_SPRING:
			return month >= 2 && month <= 4;
		case RFMSEG_SUMMER:
			return month >= 5 && month <= 7;
		case RFMSEG_AUTUMN:
			return month >= 8 && month <= 10;
		case RFMSEG_WINTER:
			return month >= 10 || month == 0;
		case RFMSEG_ALL_YEAR:
			break;
	}
	return true;
}

void
rfmseg_catalogue_fill(RfmsegCatalogue *catalogue, uint64_t seed)
{
	int32_t place = 0;
	int32_t i;
	int category;

	for (i = 0; i < catalogue->n; i++)
		catalogue->product[i] = rfmseg_product(seed, i + 1);
	for (category = 0; category < RFMSEG_CATEGORIES; category++)
	{
		catalogue->first_of[category] = place;
		for (i = 0; i < catalogue->n; i++)
			if (catalogue->product[i].category == category)
				catalogue->by_category[place++] = i + 1;
	}
	catalogue->first_of[RFMSEG_CATEGORIES] = place;
}
