/*
 * Products: names that are each one's own, prices and costs as documented, and
 * a catalogue that lists each product once.
 */
#include "synthetic/product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "statistics.h"
#include "tap.h"

#define SEED 2005
#define PRODUCTS 20000
#define MOST_PRODUCTS INT64_C(10000000000)

/* Places of rfmseg_category_names */
#define CLOTHING 1
#define BOOKS 3

/* Of twenty products in a row */
static const int of_twenty[RFMSEG_CATEGORIES] = {3, 5, 4, 2, 2, 2, 2};

typedef struct Item
{
	char name[RFMSEG_PRODUCT_NAME_SIZE];
	const char *brand;
	RfmsegProduct product;
} Item;

/* The first products of the seed */
static Item items[PRODUCTS];

static void
make_items(void)
{
	int i;

	for (i = 0; i < PRODUCTS; i++)
	{
		items[i].brand = rfmseg_product_name(SEED, i + 1, items[i].name);
		items[i].product = rfmseg_product(SEED, i + 1);
	}
}

/*
 * Names
 */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void
test_names_differ(void)
{
	static const char *names[PRODUCTS];
	int equal = 0;
	int i;

	for (i = 0; i < PRODUCTS; i++)
		names[i] = items[i].name;
	qsort(names, PRODUCTS, sizeof(names[0]), compare_names);
	for (i = 1; i < PRODUCTS; i++)
		equal += strcmp(names[i - 1], names[i]) == 0;
	ok(equal == 0, "the first %d products have names of their own (%d not)", PRODUCTS, equal);
}

/* Written into memory of its exact size; a name that was cut off would fill it. */
static bool
name_fits(Prng *prng)
{
	char *name = malloc(RFMSEG_PRODUCT_NAME_SIZE);
	int digits = 1 + prng_below(prng, 10);
	int64_t id = 1 + (int64_t) (prng_next(prng) % (uint64_t) pow(10, digits));
	bool fits;

	if (name == NULL)
		abort();
	memset(name, 'x', RFMSEG_PRODUCT_NAME_SIZE);
	rfmseg_product_name(SEED, id, name);
	fits = memchr(name, '\0', RFMSEG_PRODUCT_NAME_SIZE - 1) != NULL;
	free(name);
	return fits;
}

/* The last 1400 products are of every kind in every variant, with the longest numbers. */
static int
count_long_names(void)
{
	char name[RFMSEG_PRODUCT_NAME_SIZE];
	int count = 0;
	int64_t id;

	for (id = MOST_PRODUCTS - 1399; id <= MOST_PRODUCTS; id++)
	{
		rfmseg_product_name(SEED, id, name);
		count += strlen(name) >= RFMSEG_PRODUCT_NAME_SIZE - 1 || strstr(name, " No. ") == NULL;
	}
	return count;
}

/* Of a category's 140 products without a number, all have another kind or variant. */
static void
test_series(void)
{
	int without[RFMSEG_CATEGORIES] = {0};
	int wrong = 0;
	int i;

	for (i = 0; i < PRODUCTS; i++)
	{
		int category = items[i].product.category;
		int64_t series = without[category]++ / 140 + 1;
		const char *number = strstr(items[i].name, " No. ");

		if (series == 1)
			wrong += number != NULL;
		else
			wrong += number == NULL || atoll(number + strlen(" No. ")) != series;
	}
	ok(wrong == 0, "names are numbered once kinds and variants are used up (%d wrong)", wrong);
}

static int
count_wrong_titles(void)
{
	int wrong = 0;
	int i;

	for (i = 0; i < PRODUCTS; i++)
	{
		bool is_title = strncmp(items[i].name, "The ", 4) == 0;
		bool is_book = strstr(items[i].name, " (Paperback)") != NULL;

		wrong += is_book != is_title || is_book != (items[i].product.category == BOOKS);
	}
	return wrong;
}

static void
test_names(void)
{
	char name[RFMSEG_PRODUCT_NAME_SIZE];

	test_names_differ();
	test_series();
	ok(always(name_fits, 20000), "names fit, those of any number up to 10^10");
	ok(count_long_names() == 0, "and those of the largest numbers");
	rfmseg_product_name(SEED, 1, name);
	ok(strcmp(name, "Everyday T-Shirt") == 0, "the first is an %s", name);
	rfmseg_product_name(SEED + 1, 1, name);
	ok(strcmp(name, "Everyday T-Shirt") == 0, "whatever the seed");
	rfmseg_product_name(SEED, 5, name);
	ok(strcmp(name, "The Quiet Harbor (Paperback)") == 0, "the first book is %s", name);
	ok(count_wrong_titles() == 0, "books have titles, and nothing else has");
}

/*
 * Brands
 */

static int
index_of(const char *brand, const char **brands, int *n)
{
	int i;

	for (i = 0; i < *n; i++)
		if (strcmp(brands[i], brand) == 0)
			return i;
	if (i < RFMSEG_CATEGORIES * 4)
		brands[(*n)++] = brand;
	return i;
}

/* Each category has four, which no other has. */
static void
test_brands(void)
{
	const char *brands[RFMSEG_CATEGORIES * 4];
	int category_of[RFMSEG_CATEGORIES * 4 + 1] = {0};
	long seen[RFMSEG_CATEGORIES * 4 + 1] = {0};
	double shares[RFMSEG_CATEGORIES * 4];
	int strays = 0;
	int n = 0;
	int i;

	for (i = 0; i < PRODUCTS; i++)
	{
		int category = items[i].product.category;
		int brand = index_of(items[i].brand, brands, &n);

		if (seen[brand]++ == 0)
			category_of[brand] = category;
		strays += category_of[brand] != category;
	}
	for (i = 0; i < n; i++)
		shares[i] = of_twenty[category_of[i]];
	ok(n == RFMSEG_CATEGORIES * 4 && seen[n] == 0, "there are %d brands", n);
	ok(strays == 0, "each of one category (%d products are of another)", strays);
	ok(shares_are(seen, shares, n), "with as many products as the other three");
}

/*
 * Prices
 */

static void
test_endings(void)
{
	static const double shares[] = {60, 20, 15, 5};
	long seen[4] = {0};
	int others = 0;
	int i;

	for (i = 0; i < PRODUCTS; i++)
		switch (items[i].product.price % 100)
		{
			case 99:
				seen[0]++;
				break;
			case 49:
				seen[1]++;
				break;
			case 95:
				seen[2]++;
				break;
			case 0:
				seen[3]++;
				break;
			default:
				others++;
		}
	ok(others == 0, "prices end in 99, 49, 95 or 00 cents (%d do not)", others);
	ok(shares_are(seen, shares, 4), "60, 20, 15 and 5 %% of them");
}

/* The margin of a product is that of its category, give or take four in a hundred. */
static void
test_margins(void)
{
	static const double expected[RFMSEG_CATEGORIES] = {0.24, 0.55, 0.45, 0.40, 0.42, 0.60, 0.30};
	Moments margins[RFMSEG_CATEGORIES] = {{0}};
	Moments squares = {0};
	int wrong = 0;
	int astray = 0;
	int i;

	for (i = 0; i < PRODUCTS; i++)
	{
		const RfmsegProduct *product = &items[i].product;
		/* costs are rounded down to whole cents: half a cent is added back */
		double margin = 1 - (product->cost + 0.5) / product->price;
		double off = margin - expected[product->category];

		wrong += product->price <= 0 || product->cost <= 0 || product->cost >= product->price;
		astray += fabs(off) > 0.04 + 0.5 / product->price;
		moments_add(&margins[product->category], margin);
		moments_add(&squares, off * off);
	}
	ok(wrong == 0, "prices and costs are above 0, and costs below prices (%d not)", wrong);
	ok(astray == 0, "margins are about those of the category (%d not)", astray);
	for (i = 0; i < RFMSEG_CATEGORIES; i++)
		ok(mean_is(&margins[i], expected[i]), "%s: the mean margin is %.2f",
		   rfmseg_category_names[i], expected[i]);
	ok(mean_is(&squares, 0.08 * 0.08 / 12), "they scatter evenly");
}

/*
 * The logarithm of a price scatters by 0.22 around that of what is typical,
 * without what is beyond 2.5 times as much; then the price gets its ending, so
 * that only dear things say exactly how.
 */
static void
test_prices(void)
{
	static const struct
	{
		const char *kind;
		double typical;
	} dear[] = {{"Laptop", 79999}, {"Tablet", 29999}, {"Camping Tent", 17999}, {"Area Rug", 12999}};
	/* 0.9062 is the variance of a standard normal variate that is divided by 4 beyond 2.5 */
	const double clipped = 0.22 * 0.22 * 0.9062;
	int kind;

	for (kind = 0; kind < 4; kind++)
	{
		Moments logs = {0}, squares = {0};
		int beyond = 0;
		int i;

		for (i = 0; i < PRODUCTS; i++)
		{
			/* prices lose 50 cents on average where they are cut, and end in 83 on average */
			double off = log((items[i].product.price - 33) / dear[kind].typical);

			if (strstr(items[i].name, dear[kind].kind) == NULL)
				continue;
			moments_add(&logs, off);
			moments_add(&squares, off * off);
			beyond += fabs(off) > 2.5 * 0.22 + 0.01;
		}
		ok(logs.n > 100 && mean_is(&logs, 0), "%s: around %.0f cents", dear[kind].kind,
		   dear[kind].typical);
		ok(mean_is(&squares, clipped), "%s: scattered as much as it should be", dear[kind].kind);
		ok(beyond == 0, "%s: none is far from it (%d are)", dear[kind].kind, beyond);
	}
}

/*
 * Categories and seasons
 */

static void
test_shares(void)
{
	int wrong = 0;
	int seen[RFMSEG_CATEGORIES] = {0};
	int i, category;

	for (i = 0; i < PRODUCTS; i++)
	{
		seen[items[i].product.category]++;
		if ((i + 1) % 20 == 0)
			for (category = 0; category < RFMSEG_CATEGORIES; category++)
				wrong += seen[category] != (i + 1) / 20 * of_twenty[category];
	}
	ok(wrong == 0, "categories have their shares of every twenty (%d wrong)", wrong);
	ok(strcmp(rfmseg_category_names[items[0].product.category], "Clothing") == 0 &&
		   strcmp(rfmseg_category_names[items[4].product.category], "Books") == 0,
	   "a T-shirt is clothing, a harbor a book");
	memset(seen, 0, sizeof(seen));
	for (i = 0; i < 9; i++)
		seen[items[i].product.category]++;
	ok(memcmp(seen, (int[]){1, 2, 2, 1, 1, 1, 1}, sizeof(seen)) == 0,
	   "the first nine are of all categories");
}

static void
test_seasons_of_kinds(void)
{
	static const struct
	{
		const char *kind;
		RfmsegSeason season;
	} seasonal[] = {{"Holiday Light Projector", RFMSEG_WINTER},
					{"Winter Parka", RFMSEG_WINTER},
					{"Knit Scarf", RFMSEG_WINTER},
					{"Wreath", RFMSEG_WINTER},
					{"Sled", RFMSEG_WINTER},
					{"Gift Set", RFMSEG_WINTER},
					{"Cookie Tin", RFMSEG_WINTER},
					{"Rain Jacket", RFMSEG_SPRING},
					{"Planter", RFMSEG_SPRING},
					{"Summer Dress", RFMSEG_SUMMER},
					{"Shorts", RFMSEG_SUMMER},
					{"Patio Chair", RFMSEG_SUMMER},
					{"Camping Tent", RFMSEG_SUMMER},
					{"Swim Goggles", RFMSEG_SUMMER},
					{"Sunscreen", RFMSEG_SUMMER},
					{"Lemonade Mix", RFMSEG_SUMMER},
					{"Pumpkin Bread Mix", RFMSEG_AUTUMN}};
	enum
	{
		SEASONAL = sizeof(seasonal) / sizeof(seasonal[0])
	};
	int seen[SEASONAL] = {0};
	int wrong = 0;
	int unseen = 0;
	int i, k;

	for (i = 0; i < PRODUCTS; i++)
	{
		RfmsegSeason season = RFMSEG_ALL_YEAR;

		for (k = 0; k < SEASONAL; k++)
			if (strstr(items[i].name, seasonal[k].kind) != NULL)
			{
				season = seasonal[k].season;
				seen[k]++;
			}
		wrong += items[i].product.season != season;
	}
	for (k = 0; k < SEASONAL; k++)
		unseen += seen[k] == 0;
	ok(wrong == 0 && unseen == 0, "kinds of products have their seasons (%d wrong)", wrong);
}

/* One letter a month: S where the season is on */
static bool
season_is(RfmsegSeason season, const char *months)
{
	int month;

	for (month = 0; month < 12; month++)
		if (rfmseg_in_season(season, month) != (months[month] == 'S'))
			return false;
	return true;
}

static void
test_seasons(void)
{
	/*                              JFMAMJJASOND */
	ok(season_is(RFMSEG_ALL_YEAR, "SSSSSSSSSSSS"), "all year");
	ok(season_is(RFMSEG_SPRING, "..SSS......."), "spring is from March to May");
	ok(season_is(RFMSEG_SUMMER, ".....SSS...."), "summer from June to August");
	ok(season_is(RFMSEG_AUTUMN, "........SSS."), "autumn from September to November");
	ok(season_is(RFMSEG_WINTER, "S.........SS"), "winter from November to January");
}

/*
 * The catalogue
 */

static RfmsegCatalogue
catalogue_of(int32_t n, uint64_t seed)
{
	RfmsegCatalogue catalogue = {.n = n};

	catalogue.product = malloc((size_t) n * sizeof(RfmsegProduct));
	catalogue.by_category = malloc((size_t) n * sizeof(int32_t));
	if (catalogue.product == NULL || catalogue.by_category == NULL)
		abort();
	rfmseg_catalogue_fill(&catalogue, seed);
	return catalogue;
}

static void
free_catalogue(RfmsegCatalogue *catalogue)
{
	free(catalogue->product);
	free(catalogue->by_category);
}

static bool
same_product(const RfmsegProduct *a, const RfmsegProduct *b)
{
	return a->price == b->price && a->cost == b->cost && a->category == b->category &&
		a->season == b->season;
}

/* Every product once, under its category, in the order of numbers */
static bool
lists_each_once(const RfmsegCatalogue *catalogue)
{
	int32_t listed = 0;
	int category;

	for (category = 0; category < RFMSEG_CATEGORIES; category++)
	{
		int32_t last = 0;
		int32_t i;

		if (catalogue->first_of[category] != listed)
			return false;
		for (i = listed; i < catalogue->first_of[category + 1]; i++, listed++)
		{
			int32_t id = catalogue->by_category[i];

			if (id <= last || id > catalogue->n || catalogue->product[id - 1].category != category)
				return false;
			last = id;
		}
	}
	return listed == catalogue->n && catalogue->first_of[RFMSEG_CATEGORIES] == listed;
}

static bool
catalogue_is_right(Prng *prng)
{
	RfmsegCatalogue catalogue = catalogue_of(1 + prng_below(prng, 400), SEED);
	bool right = lists_each_once(&catalogue);
	int i;

	for (i = 0; i < catalogue.n; i++)
		right = right && same_product(&catalogue.product[i], &items[i].product);
	free_catalogue(&catalogue);
	return right;
}

static void
test_catalogue(void)
{
	RfmsegCatalogue one = catalogue_of(1, SEED);
	RfmsegCatalogue other = catalogue_of(1000, SEED + 1);
	int same = 0;
	int i;

	ok(always(catalogue_is_right, 500),
	   "each product is listed once, and is the same in a catalogue of any size");
	ok(lists_each_once(&one) && one.first_of[CLOTHING] == 0 && one.first_of[CLOTHING + 1] == 1,
	   "so it is with one product");
	for (i = 0; i < other.n; i++)
		same += other.product[i].price == items[i].product.price;
	ok(lists_each_once(&other) && same < 300, "another seed has other prices (%d the same)", same);
	free_catalogue(&one);
	free_catalogue(&other);
}

int
main(void)
{
	make_items();
	test_names();
	test_brands();
	test_endings();
	test_margins();
	test_prices();
	test_shares();
	test_seasons_of_kinds();
	test_seasons();
	test_catalogue();
	return done();
}
