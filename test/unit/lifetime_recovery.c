/*
 * Made-up customers whose rates are of the models' own distributions: the fit
 * finds these again, as far as its standard errors say that it can; and
 * predictions come true.
 */
#define _POSIX_C_SOURCE 200809L

#include "lifetime/beta_geometric.h"
#include "lifetime/gamma_gamma.h"
#include "lifetime/pareto.h"
#include "lifetime/predict.h"
#include "lifetime_cases.h"
#include "portable_math.h"
#include "statistics.h"
#include "synthetic/timeline.h"

#define CUSTOMERS 3000
#define DAYS 1461
#define CALIBRATION 1096 /* days, of those who began in the first half of the calendar */
#define SEEDS 20
#define EXPECTED_BITS UINT64_C(0x6F42C84902C474E9)
#define MOST_MISSED 1 /* of the seeds, by more than three standard errors */
#define SECONDS_OF_DAY 86400.0
#define STREAM_OF_MONEY 1000 /* beyond those of the generator */

static RfmsegDay days[DAYS + 1];
static RfmsegHistoryRow rows[CUSTOMERS];
static long later[CUSTOMERS]; /* orders after the calibration */

typedef struct Truth
{
	const RfmsegLifetimeModel *model;
	RfmsegPopulation population;
	double parameters[4];
	double start[4]; /* far from it */
} Truth;

static const Truth truths[] = {
	{&rfmseg_bgnbd,
	 {RFMSEG_BGNBD, .r = 0.7, .alpha = 40, .a = 0.9, .b = 3, .p = 6, .q = 4, .v = 50},
	 {0.7, 40, 0.9, 3},
	 {5, 10, 10, 0.5}},
	{&rfmseg_mbgnbd,
	 {RFMSEG_MBGNBD, .r = 0.7, .alpha = 40, .a = 0.9, .b = 3, .p = 6, .q = 4, .v = 50},
	 {0.7, 40, 0.9, 3},
	 {5, 10, 10, 0.5}},
	{&rfmseg_pnbd,
	 {RFMSEG_PNBD, .r = 0.7, .alpha = 40, .s = 0.8, .beta = 200, .p = 6, .q = 4, .v = 50},
	 {0.7, 40, 0.8, 200},
	 {5, 10, 5, 1000}},
	{&rfmseg_gamma_gamma,
	 {RFMSEG_BGNBD, .r = 0.7, .alpha = 40, .a = 0.9, .b = 3, .p = 6, .q = 4, .v = 50},
	 {6, 4, 50, 0},
	 {0.5, 30, 1000, 0}},
};

/* The mean value of so many orders, as the model has it */
static double
money_of(const RfmsegShop *shop, const RfmsegShopper *shopper, double orders)
{
	double p = shop->population->p;
	RfmsegRandom random;

	rfmseg_random_start(&random, shop->seed, STREAM_OF_MONEY, (uint64_t) shopper->customer_id);
	return rfmseg_exp(rfmseg_random_log_gamma(&random, p * orders)) * shopper->mean_order_value /
		(p * orders);
}

/* Times are to the second, not to the day, as the models have them. */
static void
make_histories(const RfmsegPopulation *population, uint64_t seed)
{
	RfmsegShop shop = {.seed = seed, .calendar = {0, DAYS, days}, .population = population};
	int i;

	for (i = 0; i < CUSTOMERS; i++)
	{
		RfmsegShopper shopper;
		RfmsegTimeline timeline;
		RfmsegOrder order;
		RfmsegHistoryRow row = {.frequency_repeat = -1, .weight = 1};
		double first = 0;

		later[i] = 0;
		rfmseg_shopper(&shop, i + 1, &shopper);
		rfmseg_timeline_start(&timeline, &shop, &shopper);
		while (rfmseg_timeline_next(&timeline, &order))
		{
			double at = order.day + order.second / SECONDS_OF_DAY;

			if (row.frequency_repeat < 0)
				first = at;
			if (at >= CALIBRATION)
				later[i]++;
			else
			{
				row.frequency_repeat++;
				row.recency_btyd = at - first;
			}
		}
		row.t_age = CALIBRATION - first;
		if (row.frequency_repeat > 0)
			row.monetary_value = money_of(&shop, &shopper, row.frequency_repeat);
		rows[i] = row;
	}
}

static void
test_recovery(const Truth *truth)
{
	const RfmsegLifetimeModel *model = truth->model;
	Histories histories = {rows, CUSTOMERS};
	Moments squares[4] = {{0}};
	double means[4] = {0};
	int converged = 0;
	int missed = 0;
	int seed, i;
	bool honest = true;

	for (seed = 1; seed <= SEEDS; seed++)
	{
		RfmsegFit fit;
		double worst = 0;

		make_histories(&truth->population, (uint64_t) seed);
		fit = fit_from(model, &histories, truth->start);
		converged += fit.status == RFMSEG_FIT_CONVERGED;
		for (i = 0; i < model->n_parameters; i++)
		{
			double errors = (fit.parameters[i] - truth->parameters[i]) / fit.standard_errors[i];

			moments_add(&squares[i], errors * errors);
			means[i] += fit.parameters[i] / SEEDS;
			worst = fabs(errors) <= worst ? worst : fabs(errors);
		}
		missed += !(worst <= 3);
	}
	ok(converged == SEEDS, "%s: the fit converges for every seed (%d)", model->name, converged);
	ok(missed <= MOST_MISSED,
	   "%s: the truth lies within three standard errors for all but %d seeds (%d)", model->name,
	   MOST_MISSED, missed);
	/* were standard errors twice as large as the errors are, this would be 1/4 */
	for (i = 0; i < model->n_parameters; i++)
		honest = honest && squares[i].mean > 0.4 && squares[i].mean < 2.2;
	ok(honest, "%s: errors are about as large as the fit says (%.2f %.2f %.2f %.2f)", model->name,
	   squares[0].mean, squares[1].mean, squares[2].mean, squares[3].mean);
	printf("# %s: means %.4g %.4g %.4g %.4g\n", model->name, means[0], means[1], means[2],
		   means[3]);
}

/* Orders of the days after the calibration, by those who did and did not come back before */
static void
test_predictions(const Truth *truth)
{
	Moments off = {0};
	Moments off_of_one_timers = {0};
	Moments alive = {0};
	double bought = 0;
	double expected = 0;
	int i;

	make_histories(&truth->population, 77);
	for (i = 0; i < CUSTOMERS; i++)
	{
		double purchases = rfmseg_expected_purchases(truth->model, truth->parameters, &rows[i],
													 DAYS - CALIBRATION);

		moments_add(rows[i].frequency_repeat > 0 ? &off : &off_of_one_timers,
					(double) later[i] - purchases);
		moments_add(&alive, rfmseg_p_alive(truth->model, truth->parameters, &rows[i]));
		bought += (double) later[i];
		expected += purchases;
	}
	ok(mean_is(&off, 0) && mean_is(&off_of_one_timers, 0),
	   "%s: predictions come true (%.0f orders, %.1f expected, P(alive) %.3f)", truth->model->name,
	   bought, expected, alive.mean);
}

static void
test_average_values(const Truth *truth)
{
	RfmsegShop shop = {.seed = 78, .calendar = {0, DAYS, days}, .population = &truth->population};
	Moments off = {0};
	int i;

	make_histories(&truth->population, shop.seed);
	for (i = 0; i < CUSTOMERS; i++)
	{
		RfmsegShopper shopper;

		rfmseg_shopper(&shop, i + 1, &shopper);
		moments_add(&off,
					shopper.mean_order_value -
						rfmseg_expected_average_value(truth->parameters, rows[i].frequency_repeat,
													  rows[i].monetary_value));
	}
	ok(mean_is(&off, 0), "gamma_gamma: expected values are the true means (off by %.3g)", off.mean);
}

/* The sample of a large fit leads to the same optimum as all rows. */
static void
test_sample(void)
{
	enum
	{
		COPIES = 15
	};
	Histories many = {claim(COPIES * CUSTOMERS * sizeof(RfmsegHistoryRow)), 0};
	RfmsegFit of_all, from_one;
	int copy;

	for (copy = 0; copy < COPIES; copy++)
	{
		make_histories(&truths[1].population, 100 + (uint64_t) copy);
		memcpy(many.rows + many.n, rows, sizeof(rows));
		many.n += CUSTOMERS;
	}
	pauses = 0;
	of_all = fit_all(&rfmseg_mbgnbd, &many);
	ok(of_all.status == RFMSEG_FIT_CONVERGED && of_all.iterations <= 4 && of_all.customers == 45000,
	   "mbgnbd: from the optimum of a sample it is not far (%d iterations)", of_all.iterations);
	ok(pauses > 50, "mbgnbd: meanwhile others have their turn (%ld times)", pauses);
	from_one = fit_from(&rfmseg_mbgnbd, &many, truths[1].start);
	ok(off_by(of_all.parameters[0], from_one.parameters[0]) < 1e-6 &&
		   off_by(of_all.parameters[3], from_one.parameters[3]) < 1e-6,
	   "mbgnbd: it is the same as without a sample");
	free(many.rows);
}

/* FNV-1a, by words */
static uint64_t
hash_of(uint64_t hash, const double *results, int n)
{
	int i;

	for (i = 0; i < n; i++)
	{
		uint64_t bits;

		memcpy(&bits, &results[i], sizeof(bits));
		hash = (hash ^ bits) * UINT64_C(1099511628211);
	}
	return hash;
}

/* The very bits that every machine must compute, of fits and of predictions from them */
static void
test_bits(void)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	double of_money[4] = {6, 4, 50, 0};
	Histories histories = {rows, CUSTOMERS};
	size_t i, k;

	for (k = 0; k < LENGTH(truths); k++)
	{
		const RfmsegLifetimeModel *model = truths[k].model;
		RfmsegFit fit;

		make_histories(&truths[k].population, 5);
		fit = fit_all(model, &histories);
		hash = hash_of(hash, fit.parameters, model->n_parameters);
		hash = hash_of(hash, fit.standard_errors, model->n_parameters);
		hash = hash_of(hash, &fit.log_likelihood, 1);
		for (i = 0; i < CUSTOMERS && model != &rfmseg_gamma_gamma; i += 10)
		{
			double said[3];

			said[0] = rfmseg_p_alive(model, fit.parameters, &rows[i]);
			said[1] =
				rfmseg_expected_purchases(model, fit.parameters, &rows[i], i % 20 == 0 ? 100 : 1e7);
			said[2] = rfmseg_customer_lifetime_value(model, fit.parameters, of_money, &rows[i],
													 365.25, 0.1);
			hash = hash_of(hash, said, 3);
		}
	}
	ok(hash == EXPECTED_BITS, "bits are as they must be everywhere (%016llX)",
	   (unsigned long long) hash);
}

int
main(void)
{
	RfmsegCalendar calendar = {0, DAYS, days};
	size_t i;

	rfmseg_calendar_fill(&calendar);
	for (i = 0; i < LENGTH(truths); i++)
	{
		test_recovery(&truths[i]);
		if (truths[i].model != &rfmseg_gamma_gamma)
			test_predictions(&truths[i]);
		else
			test_average_values(&truths[i]);
	}
	test_sample();
	test_bits();
	return done();
}
