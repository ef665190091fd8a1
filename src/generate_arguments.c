/*
 * generate_arguments.c
 *		What the generators are asked for, checked.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "generate_arguments.h"
#include "json_value.h"

static void
refuse_null(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name)));
}

int64
rfmseg_number_argument(FunctionCallInfo fcinfo, int arg, const char *name, int64 least, int64 most)
{
	int64 value;

	refuse_null(fcinfo, arg, name);
	value = PG_GETARG_INT64(arg);
	if (value < least || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is %lld", name, (long long) value),
				 errhint("It must lie between %lld and %lld.", (long long) least,
						 (long long) most)));
	return value;
}

uint64
rfmseg_seed_argument(FunctionCallInfo fcinfo, int arg)
{
	refuse_null(fcinfo, arg, "seed");
	return (uint64) PG_GETARG_INT64(arg);
}

text *
rfmseg_text_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	refuse_null(fcinfo, arg, name);
	return PG_GETARG_TEXT_PP(arg);
}

/* For a message: the dates of a calendar are finite, other dates may not be. */
static const char *
date_text(DateADT date)
{
	return DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(date)));
}

static DateADT
date_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	DateADT date;

	refuse_null(fcinfo, arg, name);
	date = PG_GETARG_DATEADT(arg);
	if (date < RFMSEG_CALENDAR_FIRST || date > RFMSEG_CALENDAR_LAST)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_FIELD_OVERFLOW),
				 errmsg("%s is %s", name, date_text(date)),
				 errhint("It must lie in the years 1900 to 2199.")));
	return date;
}

static void
make_calendar(RfmsegCalendar *calendar, DateADT start, DateADT end)
{
	if (end < start)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("end_date %s is before start_date %s", date_text(end), date_text(start))));
	if (end - start >= RFMSEG_MAX_CALENDAR)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("from start_date %s to end_date %s are more than %d days", date_text(start),
						date_text(end), RFMSEG_MAX_CALENDAR),
				 errhint("A calendar is at most a hundred years long.")));
	calendar->first = start;
	calendar->n_days = end - start + 1;
	calendar->day = palloc(sizeof(RfmsegDay) * (calendar->n_days + 1));
	rfmseg_calendar_fill(calendar);
}

/*
 * The population, from a jsonb object
 */

typedef struct Parameter
{
	const char *name;
	size_t offset; /* in the population */
	int models;	   /* those that need it: a bit each */
} Parameter;

#define LEAST_PARAMETER 1e-9
#define GREATEST_PARAMETER 1e9

#define BETA_GEOMETRIC (1 << RFMSEG_BGNBD | 1 << RFMSEG_MBGNBD)
#define ALL_MODELS (BETA_GEOMETRIC | 1 << RFMSEG_PNBD)

static const Parameter parameters[] = {
	{"r", offsetof(RfmsegPopulation, r), ALL_MODELS},
	{"alpha", offsetof(RfmsegPopulation, alpha), ALL_MODELS},
	{"a", offsetof(RfmsegPopulation, a), BETA_GEOMETRIC},
	{"b", offsetof(RfmsegPopulation, b), BETA_GEOMETRIC},
	{"s", offsetof(RfmsegPopulation, s), 1 << RFMSEG_PNBD},
	{"beta", offsetof(RfmsegPopulation, beta), 1 << RFMSEG_PNBD},
	{"p", offsetof(RfmsegPopulation, p), ALL_MODELS},
	{"q", offsetof(RfmsegPopulation, q), ALL_MODELS},
	{"v", offsetof(RfmsegPopulation, v), ALL_MODELS},
};

static const char *const model_names[] = {
	[RFMSEG_BGNBD] = "bgnbd", [RFMSEG_MBGNBD] = "mbgnbd", [RFMSEG_PNBD] = "pnbd"};

#define POPULATION_HINT                                                                           \
	errhint("For example: {\"model\": \"bgnbd\", \"r\": 0.25, \"alpha\": 30, \"a\": 0.8, \"b\": " \
			"2.5, \"p\": 6, \"q\": 4, \"v\": 15}. "                                               \
			"Models are bgnbd, mbgnbd, and pnbd, which takes s and beta instead of a and b.")

static RfmsegDropout
model_of(JsonbValue *value)
{
	int i;

	if (value->type == jbvString)
		for (i = 0; i < (int) lengthof(model_names); i++)
			if (value->val.string.len == (int) strlen(model_names[i]) &&
				memcmp(value->val.string.val, model_names[i], value->val.string.len) == 0)
				return (RfmsegDropout) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("model %s of the population is not known", rfmseg_json_text(value)),
			 POPULATION_HINT));
}

/* A parameter's number; whatever lies beyond these is no shop's, and strains the arithmetic. */
static double
parameter_of(JsonbValue *value, const char *name)
{
	double number = rfmseg_json_number(value);

	if (!(number >= LEAST_PARAMETER && number <= GREATEST_PARAMETER))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" of the population is %s", name, rfmseg_json_text(value)),
				 errhint("It must be a number between %g and %g.", LEAST_PARAMETER, GREATEST_PARAMETER)));
	return number;
}

static RfmsegPopulation *
population_of_jsonb(Jsonb *jsonb)
{
	RfmsegPopulation *population = palloc0(sizeof(RfmsegPopulation));
	JsonbIterator *iterator = JsonbIteratorInit(&jsonb->root);
	JsonbValue value;
	uint32 given = 0;
	char *name;
	int i;

	population->dropout = RFMSEG_BGNBD;
	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("population is no JSON object"),
				 POPULATION_HINT));

	while ((name = rfmseg_json_next(&iterator, &value)) != NULL)
	{
		double number;

		if (strcmp(name, "model") == 0)
		{
			population->dropout = model_of(&value);
			continue;
		}
		for (i = 0; i < (int) lengthof(parameters); i++)
			if (strcmp(name, parameters[i].name) == 0)
				break;
		if (i == lengthof(parameters))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("population has no parameter \"%s\"", name), POPULATION_HINT));
		number = parameter_of(&value, name);
		memcpy((char *) population + parameters[i].offset, &number, sizeof(number));
		given |= 1 << i;
	}

	for (i = 0; i < (int) lengthof(parameters); i++)
	{
		bool needed = (parameters[i].models & 1 << population->dropout) != 0;

		if (needed != ((given & 1 << i) != 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 needed ? errmsg("population lacks parameter \"%s\"", parameters[i].name)
							: errmsg("parameter \"%s\" is not of model %s", parameters[i].name,
									 model_names[population->dropout]),
					 POPULATION_HINT));
	}
	return population;
}

void
rfmseg_shop_arguments(FunctionCallInfo fcinfo, int seed_arg, int start_arg, int population_arg,
					  RfmsegShop *shop)
{
	DateADT start = date_argument(fcinfo, start_arg, "start_date");
	DateADT end = date_argument(fcinfo, start_arg + 1, "end_date");

	shop->seed = rfmseg_seed_argument(fcinfo, seed_arg);
	make_calendar(&shop->calendar, start, end);
	shop->population = PG_ARGISNULL(population_arg)
		? NULL
		: population_of_jsonb(PG_GETARG_JSONB_P(population_arg));
	memset(&shop->catalogue, 0, sizeof(shop->catalogue));
}

void
rfmseg_shop_products(RfmsegShop *shop, int32 n)
{
	shop->catalogue.n = n;
	shop->catalogue.product = palloc(sizeof(RfmsegProduct) * n);
	shop->catalogue.by_category = palloc(sizeof(int32) * n);
	rfmseg_catalogue_fill(&shop->catalogue, shop->seed);
}
