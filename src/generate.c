/*
 * generate.c
 *		The generators: made-up customers, products, purchases, and the truth
 *		behind them.
 *
 * What they make follows from the arguments alone (core/random.h).  Memory is
 * that of one customer, the calendar and the products' prices.  The rows go to
 * the executor's tuplestore, which spills beyond work_mem, or into a table.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "bulk_insert.h"
#include "core/synthetic/basket.h"
#include "core/synthetic/timeline.h"
#include "generate_arguments.h"
#include "local_day.h"

PG_FUNCTION_INFO_V1(rfmseg_draw);
PG_FUNCTION_INFO_V1(rfmseg_generate_customers);
PG_FUNCTION_INFO_V1(rfmseg_generate_products);
PG_FUNCTION_INFO_V1(rfmseg_generate_transactions);
PG_FUNCTION_INFO_V1(rfmseg_generate_transactions_into);
PG_FUNCTION_INFO_V1(rfmseg_generate_ground_truth);

/* as many as a row of any generator has */
#define MAX_COLUMNS 16
/* rows are made in memory that is freed after so many */
#define ROWS_AT_ONCE 1000

/* Where rows go */
typedef struct Sink
{
	RfmsegBulk *table; /* or, where it is NULL, */
	Tuplestorestate *store;
	TupleDesc row_type;
	MemoryContext rows; /* what the present rows' values live in */
	int n;				/* in it */
	int64 total;
	Datum values[MAX_COLUMNS];
	bool nulls[MAX_COLUMNS];
} Sink;

static void
sink_start(Sink *sink)
{
	memset(sink, 0, sizeof(*sink));
	sink->rows =
		AllocSetContextCreate(CurrentMemoryContext, "rfmseg generator", ALLOCSET_DEFAULT_SIZES);
}

/* Rows are the function's result. */
static void
sink_open(Sink *sink, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result;

	sink_start(sink);
	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	sink->store = result->setResult;
	sink->row_type = result->setDesc;
}

static void
sink_put(Sink *sink)
{
	if (sink->table != NULL)
		rfmseg_bulk_put(sink->table, sink->values, sink->nulls);
	else
		tuplestore_putvalues(sink->store, sink->row_type, sink->values, sink->nulls);
	sink->total++;
	if (++sink->n == ROWS_AT_ONCE)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(sink->rows);
		sink->n = 0;
	}
}

/* A value, or NULL where there is none */
static void
set(Sink *sink, int column, Datum value, bool is_there)
{
	sink->values[column] = value;
	sink->nulls[column] = !is_there;
}

static Datum *
text_datums(const char *const *texts, int n)
{
	Datum *datums = palloc(sizeof(Datum) * n);
	int i;

	for (i = 0; i < n; i++)
		datums[i] = CStringGetTextDatum(texts[i]);
	return datums;
}

static Datum
money(int64 cents)
{
	return NumericGetDatum(int64_div_fast_to_numeric(cents, 2));
}

/*
 * Customers
 */

/* The day on which a customer joined; in the pure mode, that of the first order. */
static int32_t
signup_day(const RfmsegShop *shop, const RfmsegShopper *shopper)
{
	RfmsegTimeline timeline;
	RfmsegOrder order;

	if (shop->population == NULL)
		return shopper->joined;
	rfmseg_timeline_start(&timeline, shop, shopper);
	return rfmseg_timeline_next(&timeline, &order) ? order.day : 0;
}

Datum
rfmseg_generate_customers(PG_FUNCTION_ARGS)
{
	int64 n = rfmseg_number_argument(fcinfo, 0, "n", 0, RFMSEG_MAX_ID);
	int64 first = rfmseg_number_argument(fcinfo, 5, "first_customer", 1, RFMSEG_MAX_ID);
	RfmsegShop shop;
	Sink sink;
	Datum *genders, *incomes, *channels;
	int year;
	int64 i;

	rfmseg_shop_arguments(fcinfo, 1, 2, 4, &shop);
	sink_open(&sink, fcinfo);
	genders = text_datums(rfmseg_gender_names, RFMSEG_GENDERS);
	incomes = text_datums(rfmseg_income_names, RFMSEG_INCOMES);
	channels = text_datums(rfmseg_channel_names, RFMSEG_CHANNELS);
	year = rfmseg_year_of(shop.calendar.first + shop.calendar.n_days - 1);

	for (i = first; i < first + n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(sink.rows);
		RfmsegShopper shopper;
		RfmsegAddress address;

		CHECK_FOR_INTERRUPTS();
		rfmseg_shopper(&shop, i, &shopper);
		rfmseg_address(shop.seed, i, &shopper.person, year, &address);
		sink.values[0] = Int64GetDatum(i);
		sink.values[1] = CStringGetTextDatum(address.first_name);
		sink.values[2] = CStringGetTextDatum(address.last_name);
		sink.values[3] = CStringGetTextDatum(address.email);
		sink.values[4] = Int32GetDatum(shopper.person.age);
		sink.values[5] = genders[shopper.person.gender];
		sink.values[6] = incomes[shopper.person.income];
		sink.values[7] = CStringGetTextDatum(address.city);
		sink.values[8] = CStringGetTextDatum(address.state);
		sink.values[9] = Float8GetDatum(address.latitude / 1e4);
		sink.values[10] = Float8GetDatum(address.longitude / 1e4);
		sink.values[11] = DateADTGetDatum(shop.calendar.first + signup_day(&shop, &shopper));
		sink.values[12] = channels[shopper.person.channel];
		sink.values[13] = BoolGetDatum(shopper.person.consent);
		MemoryContextSwitchTo(old);
		sink_put(&sink);
	}
	return (Datum) 0;
}

/*
 * Products
 */

Datum
rfmseg_generate_products(PG_FUNCTION_ARGS)
{
	int64 n = rfmseg_number_argument(fcinfo, 0, "n", 0, RFMSEG_MAX_ID);
	uint64 seed = rfmseg_seed_argument(fcinfo, 1);
	Sink sink;
	Datum *categories;
	int64 i;

	sink_open(&sink, fcinfo);
	categories = text_datums(rfmseg_category_names, RFMSEG_CATEGORIES);
	for (i = 1; i <= n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(sink.rows);
		RfmsegProduct product = rfmseg_product(seed, i);
		char name[RFMSEG_PRODUCT_NAME_SIZE];
		const char *brand = rfmseg_product_name(seed, i, name);

		sink.values[0] = Int64GetDatum(i);
		sink.values[1] = CStringGetTextDatum(name);
		sink.values[2] = categories[product.category];
		sink.values[3] = money(product.price);
		sink.values[4] = money(product.cost);
		sink.values[5] = CStringGetTextDatum(brand);
		sink.values[6] = BoolGetDatum(product.season != RFMSEG_ALL_YEAR);
		MemoryContextSwitchTo(old);
		sink_put(&sink);
	}
	return (Datum) 0;
}

/*
 * Transactions
 */

#define SMALL_QUANTITIES 32

/*
 * Making numerics is a large part of the work, so those that come again are kept:
 * products' prices and costs, in a table in which a product has one place.
 */
#define KEPT_PRODUCTS 4096
#define NUMERIC_SIZE 16 /* enough for any number of cents in 32 bits */

typedef struct Prices
{
	int64 product_id; /* 0: none yet */
	union
	{
		char bytes[NUMERIC_SIZE];
		int32 alignment;
	} cost, price;
} Prices;

/* What rows of a call share */
typedef struct Common
{
	pg_tz *zone;
	Datum *categories;
	Datum *channels;
	Datum currency;
	Datum quantities[SMALL_QUANTITIES];
	Datum no_money;
	Prices *prices;		 /* by product_id % KEPT_PRODUCTS */
	int64 at;			 /* the last local time, in seconds, */
	TimestampTz instant; /* and the instant that it is */
} Common;

static void
common_make(Common *common, text *zone, text *currency)
{
	int i;

	common->zone = rfmseg_zone(text_to_cstring(zone));
	common->categories = text_datums(rfmseg_category_names, RFMSEG_CATEGORIES);
	common->channels = text_datums(rfmseg_channel_names, RFMSEG_CHANNELS);
	common->currency = PointerGetDatum(currency);
	for (i = 0; i < SMALL_QUANTITIES; i++)
		common->quantities[i] = NumericGetDatum(int64_to_numeric(i));
	common->no_money = money(0);
	common->prices = palloc0(sizeof(Prices) * KEPT_PRODUCTS);
	common->at = PG_INT64_MIN;
	common->instant = 0;
}

static void
keep(char *place, Datum numeric)
{
	Size size = VARSIZE(DatumGetPointer(numeric));

	if (size > NUMERIC_SIZE)
		elog(ERROR, "a price takes %zu bytes", size);
	memcpy(place, DatumGetPointer(numeric), size);
}

static Prices *
prices_of(Common *common, const RfmsegSale *sale)
{
	Prices *prices = &common->prices[sale->product_id % KEPT_PRODUCTS];

	if (prices->product_id != sale->product_id)
	{
		prices->product_id = sale->product_id;
		keep(prices->cost.bytes, money(sale->unit_cost));
		keep(prices->price.bytes, money(sale->unit_price));
	}
	return prices;
}

/* The columns that a line of a product has, and one of the pure mode has not */
static void
set_product(Sink *sink, Common *common, const RfmsegSale *sale)
{
	bool is_product = sale->product_id > 0;
	Datum cost = 0;
	Datum total_cost = 0;
	Datum price;

	if (is_product)
	{
		Prices *prices = prices_of(common, sale);

		cost = PointerGetDatum(prices->cost.bytes);
		price = PointerGetDatum(prices->price.bytes);
		total_cost = sale->quantity == 1 ? cost : money(sale->total_cost);
	}
	else
		price = money(sale->unit_price);
	set(sink, 4, Int64GetDatum(sale->product_id), is_product);
	set(sink, 6, is_product ? common->categories[sale->category] : (Datum) 0, is_product);
	set(sink, 7, cost, is_product);
	sink->values[8] = price;
	set(sink, 9, total_cost, is_product);
	set(sink, 13, is_product ? common->channels[sale->channel] : (Datum) 0, is_product);
}

/* Most lines are of one piece without a discount. */
static void
put_sale(Sink *sink, Common *common, const RfmsegSale *sale)
{
	Datum before_discount;

	if (sale->at != common->at)
	{
		common->at = sale->at;
		common->instant = rfmseg_instant_of(sale->at * USECS_PER_SEC, common->zone);
	}
	set_product(sink, common, sale);
	before_discount = sale->quantity == 1 ? sink->values[8] : money(sale->before_discount);
	sink->values[0] = Int64GetDatum(sale->transaction_id);
	sink->values[1] = Int64GetDatum(sale->order_id);
	sink->values[2] = Int64GetDatum(sale->customer_id);
	sink->values[3] = TimestampTzGetDatum(common->instant);
	sink->values[5] = sale->quantity >= 0 && sale->quantity < SMALL_QUANTITIES
		? common->quantities[sale->quantity]
		: NumericGetDatum(int64_to_numeric(sale->quantity));
	sink->values[10] = before_discount;
	sink->values[11] = sale->discount == 0 ? common->no_money : money(sale->discount);
	sink->values[12] = sale->discount == 0 ? before_discount : money(sale->total);
	sink->values[14] = BoolGetDatum(sale->is_return);
	sink->values[15] = common->currency;
}

static void
put_order(Sink *sink, Common *common, const RfmsegSale *sales, int n)
{
	int i;

	for (i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(sink->rows);

		put_sale(sink, common, &sales[i]);
		MemoryContextSwitchTo(old);
		sink_put(sink);
	}
}

/* The arguments of a call but the last one of transactions_into() */
typedef struct Request
{
	int64 first;
	int64 n;
	RfmsegShop shop;
	Common common;
} Request;

static void
read_request(FunctionCallInfo fcinfo, Request *request)
{
	int64 products;
	text *zone, *currency;

	request->n = rfmseg_number_argument(fcinfo, 0, "customers", 0, RFMSEG_MAX_ID);
	products = rfmseg_number_argument(fcinfo, 4, "products", 1, RFMSEG_MAX_PRODUCTS);
	zone = rfmseg_text_argument(fcinfo, 5, "time_zone");
	currency = rfmseg_text_argument(fcinfo, 6, "currency");
	request->first = rfmseg_number_argument(fcinfo, 8, "first_customer", 1, RFMSEG_MAX_ID);
	rfmseg_shop_arguments(fcinfo, 1, 2, 7, &request->shop);
	rfmseg_shop_products(&request->shop, (int32) products);
	common_make(&request->common, zone, currency);
}

static void
generate_transactions(Request *request, Sink *sink)
{
	const RfmsegShop *shop = &request->shop;
	int64 i;

	for (i = request->first; i < request->first + request->n; i++)
	{
		RfmsegShopper shopper;
		RfmsegTimeline timeline;
		RfmsegOrder order;

		CHECK_FOR_INTERRUPTS();
		rfmseg_shopper(shop, i, &shopper);
		rfmseg_timeline_start(&timeline, shop, &shopper);
		while (rfmseg_timeline_next(&timeline, &order))
		{
			RfmsegSale sales[2 * RFMSEG_BASKET_LINES];
			int n = rfmseg_basket(shop, &shopper, &order, sales);

			put_order(sink, &request->common, sales, n);
		}
	}
}

Datum
rfmseg_generate_transactions(PG_FUNCTION_ARGS)
{
	Request request;
	Sink sink;

	read_request(fcinfo, &request);
	sink_open(&sink, fcinfo);
	generate_transactions(&request, &sink);
	return (Datum) 0;
}

/*
 * transactions_into(..., target regclass) returns bigint: puts them into a plain
 * table that has their columns; how many.
 */
Datum
rfmseg_generate_transactions_into(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {INT8OID,	INT8OID,	INT8OID,	TIMESTAMPTZOID,
								INT8OID,	NUMERICOID, TEXTOID,	NUMERICOID,
								NUMERICOID, NUMERICOID, NUMERICOID, NUMERICOID,
								NUMERICOID, TEXTOID,	BOOLOID,	TEXTOID};
	TupleDesc row_type = CreateTemplateTupleDesc(lengthof(types));
	Request request;
	Sink sink;
	int i;

	for (i = 0; i < (int) lengthof(types); i++)
		TupleDescInitEntry(row_type, i + 1, NULL, types[i], -1, 0);
	read_request(fcinfo, &request);
	if (PG_ARGISNULL(9))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("target must not be NULL")));
	sink_start(&sink);
	sink.table = rfmseg_bulk_begin(PG_GETARG_OID(9));
	rfmseg_bulk_check(sink.table, row_type);
	generate_transactions(&request, &sink);
	rfmseg_bulk_end(sink.table);
	PG_RETURN_INT64(sink.total);
}

/*
 * The truth
 */

Datum
rfmseg_generate_ground_truth(PG_FUNCTION_ARGS)
{
	int64 n = rfmseg_number_argument(fcinfo, 0, "customers", 0, RFMSEG_MAX_ID);
	int64 first = rfmseg_number_argument(fcinfo, 5, "first_customer", 1, RFMSEG_MAX_ID);
	RfmsegShop shop;
	Sink sink;
	Datum *archetypes, *rhythms, *categories;
	int64 i;

	rfmseg_shop_arguments(fcinfo, 1, 2, 4, &shop);
	sink_open(&sink, fcinfo);
	archetypes = text_datums(rfmseg_archetype_names, RFMSEG_ARCHETYPES + 1);
	rhythms = text_datums(rfmseg_rhythm_names, RFMSEG_RHYTHMS);
	categories = text_datums(rfmseg_category_names, RFMSEG_CATEGORIES);

	for (i = first; i < first + n; i++)
	{
		bool pure = shop.population != NULL;
		bool dropout_by_day = pure && shop.population->dropout == RFMSEG_PNBD;
		RfmsegShopper shopper;
		RfmsegTimeline timeline;
		RfmsegOrder order;

		CHECK_FOR_INTERRUPTS();
		rfmseg_shopper(&shop, i, &shopper);
		rfmseg_timeline_start(&timeline, &shop, &shopper);
		while (rfmseg_timeline_next(&timeline, &order))
			CHECK_FOR_INTERRUPTS();

		sink.values[0] = Int64GetDatum(i);
		sink.values[1] = archetypes[shopper.archetype];
		sink.values[2] = Float8GetDatum(shopper.purchase_rate);
		set(&sink, 3, Float8GetDatum(shopper.dropout_probability), !dropout_by_day);
		set(&sink, 4, Float8GetDatum(shopper.dropout_rate), dropout_by_day);
		set(&sink, 5, Float8GetDatum(shopper.mean_order_value), pure);
		set(&sink, 6, Float8GetDatum(shopper.lines), !pure);
		set(&sink, 7, Float8GetDatum(shopper.discount_rate), !pure);
		set(&sink, 8, Float8GetDatum(shopper.return_rate), !pure);
		set(&sink, 9, categories[shopper.favorite], !pure);
		set(&sink, 10, Float8GetDatum(shopper.affinity), !pure);
		set(&sink, 11, rhythms[shopper.rhythm], !pure);
		sink.values[12] = Int32GetDatum(timeline.orders);
		sink.values[13] = BoolGetDatum(timeline.active);
		sink_put(&sink);
	}
	return (Datum) 0;
}

/* draw(seed bigint, stream int, row bigint) returns bigint: 63 random bits */
Datum
rfmseg_draw(PG_FUNCTION_ARGS)
{
	RfmsegRandom random;
	uint64 high;

	rfmseg_random_start(&random, (uint64) PG_GETARG_INT64(0), (uint32) PG_GETARG_INT32(1),
						(uint64) PG_GETARG_INT64(2));
	high = rfmseg_random_bits(&random);
	PG_RETURN_INT64((int64) ((high << 32 | rfmseg_random_bits(&random)) >> 1));
}
