/*
 * generate_arguments.h
 *		What the generators are asked for, checked.
 */
#ifndef RFMSEG_GENERATE_ARGUMENTS_H
#define RFMSEG_GENERATE_ARGUMENTS_H

#include "postgres.h"

#include "fmgr.h"

#include "core/synthetic/shopper.h"

/* Numbers of products and customers; beyond the latter, those of lines would not fit. */
#define RFMSEG_MAX_ID INT64CONST(10000000000)
/* Those that are sold are kept in memory, 16 bytes each */
#define RFMSEG_MAX_PRODUCTS 100000

/* All are errors that name the argument where it is NULL or out of range. */
extern int64 rfmseg_number_argument(FunctionCallInfo fcinfo, int arg, const char *name, int64 least,
									int64 most);
extern uint64 rfmseg_seed_argument(FunctionCallInfo fcinfo, int arg);
extern text *rfmseg_text_argument(FunctionCallInfo fcinfo, int arg, const char *name);

/*
 * A shop of the seed, with its calendar from the two dates, the first in that
 * argument, and the population, if any, in the other; without products yet.
 */
extern void rfmseg_shop_arguments(FunctionCallInfo fcinfo, int seed_arg, int start_arg,
								  int population_arg, RfmsegShop *shop);

/* The first so many products of the shop's seed. */
extern void rfmseg_shop_products(RfmsegShop *shop, int32 n);

#endif
