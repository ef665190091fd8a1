/*
 * What models say of a customer: against integrals, against closed forms where
 * these are sound, against published numbers, and over all that may be asked.
 */
#define _POSIX_C_SOURCE 200809L

#include "lifetime/predict.h"

#include <float.h>

#include "lifetime/beta_geometric.h"
#include "lifetime/gamma_gamma.h"
#include "lifetime/pareto.h"
#include "lifetime_cases.h"

static const RfmsegLifetimeModel *const models[] = {&rfmseg_bgnbd, &rfmseg_mbgnbd, &rfmseg_pnbd};

static void
note(double *worst, double error)
{
	if (!(error <= *worst))
		*worst = error;
}

/*
 * Integrals
 */

/* Purchases in t, each of rate gamma(r, 1), by customers who drop out with p of beta(a, b) */
typedef struct Outlook
{
	long double r, a, b, t;
	bool from_above; /* the argument is 1 - p */
	bool weigh;		 /* the density alone */
} Outlook;

static long double
bought(long double at, const void *with)
{
	const Outlook *o = with;
	long double p = o->from_above ? 1 - at : at;
	long double log_p = o->from_above ? log1pl(-at) : logl(at);
	long double log_rest = o->from_above ? logl(at) : log1pl(-at);
	long double density = expl((o->a - 1) * log_p + (o->b - 1) * log_rest);

	return o->weigh ? density : density * -expm1l(-o->r * log1pl(p * o->t)) / p;
}

static long double
over_dropout(Outlook outlook, bool weigh)
{
	long double below;

	outlook.weigh = weigh;
	outlook.from_above = false;
	below = integral(bought, &outlook, 0, 0.5L);
	outlook.from_above = true;
	return below + integral(bought, &outlook, 0, 0.5L);
}

static double
bgnbd_by_integral(const double *parameters, const RfmsegHistoryRow *row, double days, int first)
{
	Outlook outlook = {.r = parameters[0] + row->frequency_repeat,
					   .a = parameters[2],
					   .b = parameters[3] + row->frequency_repeat + first,
					   .t = days / ((long double) parameters[1] + row->t_age)};

	return (double) (over_dropout(outlook, false) / over_dropout(outlook, true));
}

typedef struct Lasting
{
	long double until, s;
} Lasting;

static long double
still_active(long double at, const void *with)
{
	const Lasting *lasting = with;

	return powl(1 + at / lasting->until, -lasting->s);
}

static double
pareto_by_integral(const double *parameters, const RfmsegHistoryRow *row, double days)
{
	Lasting lasting = {(long double) parameters[3] + row->t_age, parameters[2]};
	long double rate = (parameters[0] + row->frequency_repeat) / (parameters[1] + row->t_age);

	return (double) (rate * integral(still_active, &lasting, 0, days));
}

static double
by_integral(const RfmsegLifetimeModel *model, const double *parameters, const RfmsegHistoryRow *row,
			double days)
{
	return model == &rfmseg_pnbd
		? pareto_by_integral(parameters, row, days)
		: bgnbd_by_integral(parameters, row, days, model == &rfmseg_mbgnbd);
}

/* Where closed forms have their poles, or next to nothing away, as often as elsewhere */
static double
prng_shape(Prng *prng)
{
	static const double off[] = {0, 1e-15, -1e-12, 1e-8, -1e-5};

	if (prng_below(prng, 3) == 0)
		return 1 + off[prng_below(prng, (int) LENGTH(off))];
	return prng_log_uniform(prng, 0.05, 20);
}

static RfmsegHistoryRow
prng_history(Prng *prng)
{
	RfmsegHistoryRow row = {.weight = 1};

	row.frequency_repeat = prng_below(prng, 2) == 0 ? 0 : prng_below(prng, 50);
	row.t_age = prng_below(prng, 5) == 0 && row.frequency_repeat == 0
		? 0
		: prng_log_uniform(prng, 0.1, 1000);
	if (row.frequency_repeat > 0)
		row.recency_btyd =
			prng_below(prng, 5) == 0 ? row.t_age : row.t_age * prng_log_uniform(prng, 0.01, 1);
	return row;
}

static void
test_expectations(const RfmsegLifetimeModel *model)
{
	Prng prng = {6};
	double worst = 0;
	int i;

	for (i = 0; i < 300; i++)
	{
		RfmsegHistoryRow row = prng_history(&prng);
		double parameters[4];
		double days = prng_log_uniform(&prng, 0.01, 1e5);
		double found;

		parameters[0] = prng_log_uniform(&prng, 0.05, 20);
		parameters[1] = prng_log_uniform(&prng, 1, 100);
		parameters[2] = prng_shape(&prng);
		parameters[3] = prng_shape(&prng);
		/* a + b + x = 1 */
		if (model != &rfmseg_pnbd && prng_below(&prng, 10) == 0)
		{
			row.frequency_repeat = row.recency_btyd = 0;
			parameters[2] = prng_log_uniform(&prng, 0.05, 0.9);
			parameters[3] = 1 - parameters[2];
		}
		model->expected_if_alive(parameters, &row, &days, 1, &found);
		note(&worst, off_by(found, by_integral(model, parameters, &row, days)));
	}
	ok(worst < 1e-12, "%s: expected purchases are the integral (%.2g)", model->name, worst);
}

/* The share of the likelihood that is due to those who have not dropped out */
static void
test_p_alive(const RfmsegLifetimeModel *model)
{
	static double room[1 << 15];
	Prng prng = {7};
	double worst = 0;
	int i, j;

	for (i = 0; i < 2000; i++)
	{
		RfmsegHistoryRow row = prng_history(&prng);
		RfmsegHistories one = {&row, 1, 1};
		RfmsegLikelihood likelihood;
		double parameters[4];
		double x = row.frequency_repeat;
		double n = x + (model == &rfmseg_mbgnbd);
		double alive, r, alpha, c, d;

		for (j = 0; j < 4; j++)
			parameters[j] = prng_log_uniform(&prng, 0.05, 50);
		r = parameters[0];
		alpha = parameters[1];
		c = parameters[2];
		d = parameters[3];
		model->likelihood(&one, parameters, &likelihood, room, count_pause);
		alive = lgamma(r + x) - lgamma(r) + r * log(alpha) - (r + x) * log(alpha + row.t_age);
		if (model == &rfmseg_pnbd)
			alive += c * (log(d) - log(d + row.t_age));
		else
			alive += lgamma(c + d) - lgamma(d) + lgamma(d + n) - lgamma(c + d + n);
		note(&worst, fabs(rfmseg_p_alive(model, parameters, &row) - exp(alive - likelihood.value)));
	}
	ok(worst < 1e-11, "%s: P(alive) is its share of the likelihood (%.2g)", model->name, worst);
}

/*
 * Published numbers
 */

static void
test_published_numbers(void)
{
	static const double bgnbd[] = {.2425929072, 4.4135315612, .7928861481, 2.4257534365};
	static const double pareto[] = {.553, 10.578, .606, 11.669};
	static const double gamma_gamma[] = {6.25, 3.74, 15.44};
	static const double weeks[] = {.1429, 1, 3, 31.8571};
	static const double of_new[] = {.0078, .0532, .1506, 1.0405};
	RfmsegHistoryRow row = history(2, 30.43, 38.86);
	double found;
	int i;

	found = rfmseg_expected_purchases(&rfmseg_bgnbd, bgnbd, &row, 39);
	ok(off_by(found, 1.2259104521) < 1e-9, "bgnbd: E[Y(39)] is that of the reference (%.12g)",
	   found);
	found = rfmseg_p_alive(&rfmseg_bgnbd, bgnbd, &row);
	ok(off_by(found, .7266091516) < 1e-9, "bgnbd: so is P(alive) (%.12g)", found);
	for (i = 0; i < (int) LENGTH(weeks); i++)
	{
		found = rfmseg_expected_purchases_new(&rfmseg_bgnbd, bgnbd, weeks[i]);
		ok(fabs(found - of_new[i]) < 5.1e-5, "bgnbd: E[X(%g)] is that published (%.8f)", weeks[i],
		   found);
	}
	row = history(26, 30.86, 31);
	found = rfmseg_expected_purchases(&rfmseg_pnbd, pareto, &row, 52);
	ok(fabs(found - 25.46) < 5e-3, "pnbd: E[Y(52)] is that published (%.8f)", found);
	found = rfmseg_p_alive(&rfmseg_pnbd, pareto, &row);
	ok(fabs(found - .9979) < 5e-5, "pnbd: so is P(alive) (%.8f)", found);
	found = rfmseg_expected_average_value(gamma_gamma, 1, 20);
	ok(off_by(found, 6.25 * (15.44 + 20) / (6.25 + 3.74 - 1)) < 1e-15 &&
		   off_by(rfmseg_expected_average_value(gamma_gamma, 0, 0), 6.25 * 15.44 / 2.74) < 1e-15 &&
		   rfmseg_expected_average_value(gamma_gamma, 0, 1e9) ==
			   rfmseg_expected_average_value(gamma_gamma, 0, 0),
	   "gamma_gamma: the expected average value is that of the paper (%.8f)", found);
	ok(rfmseg_gamma_gamma_has_mean(gamma_gamma) &&
		   !rfmseg_gamma_gamma_has_mean((const double[]){6, 1, 15}),
	   "gamma_gamma: there is a mean for q above 1 alone");
}

/* CDNOW's days with repeat purchases in the 39 weeks after the calibration; -1: no data. */
static long
cdnow_later(void)
{
	const char *where = getenv("SHARED_DATA");
	char command[1000];
	char line[200];
	char last_date[20] = "";
	long last = 0;
	long later = -1;
	FILE *file;

	snprintf(command, sizeof(command), "gzip -dc '%s/cdnow_sample.csv.gz' 2>/dev/null",
			 where != NULL ? where : "../shared/data");
	file = popen(command, "r");
	if (file == NULL)
		return -1;
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char date[20];
		long customer;

		if (sscanf(line, "%*d,%ld,%10[0-9-]", &customer, date) != 2)
			continue;
		later = later < 0 ? 0 : later;
		if (strcmp(date, "1997-09-30") > 0 && (customer != last || strcmp(date, last_date) != 0))
			later++;
		last = customer;
		strcpy(last_date, date);
	}
	pclose(file);
	return later;
}

/*
 * What the papers plot: repeat purchases until week 78, of all since their first.
 * Of those in the last 39 weeks alone, all models expect too few: the holdout has
 * 1,882, where the calibration had 2,457.
 */
static void
test_holdout(void)
{
	static const double within[] = {0.05, 0.07, 0.05};
	Histories histories = cdnow();
	long later = cdnow_later();
	size_t i, k;

	for (k = 0; k < LENGTH(models) && histories.n > 0 && later >= 0; k++)
	{
		RfmsegFit fit = fit_all(models[k], &histories);
		double so_far = 0;
		double conditional = 0;
		double total = 0;

		for (i = 0; i < histories.n; i++)
		{
			const RfmsegHistoryRow *row = &histories.rows[i];

			so_far += row->frequency_repeat;
			conditional += rfmseg_expected_purchases(models[k], fit.parameters, row, 39);
			total += rfmseg_expected_purchases_new(models[k], fit.parameters, row->t_age + 39);
		}
		ok(later == 1882 && off_by(total, so_far + (double) later) < within[k],
		   "%s: CDNOW is tracked within %g %% until week 78 (%.1f of %.0f)", models[k]->name,
		   100 * within[k], total, so_far + (double) later);
		ok(off_by(conditional, (double) later) < 0.2,
		   "%s: its holdout alone within 20 %% (%.1f of %ld)", models[k]->name, conditional, later);
	}
	free(histories.rows);
}

/*
 * Lifetime value
 */

static void
test_value(const RfmsegLifetimeModel *model)
{
	static const double parameters[] = {.25, 30, .8, 25};
	static const double gamma_gamma[] = {6.25, 3.74, 15.44};
	RfmsegHistoryRow row = {2, 200, 270, 40, 1};
	double mean = rfmseg_expected_average_value(gamma_gamma, 2, 40);
	double sum = 0;
	double before = 0;
	double found, undiscounted, least;
	int month;

	for (month = 1; month <= 12; month++)
	{
		double until = rfmseg_expected_purchases(model, parameters, &row, month * 365.25 / 12);

		sum += (until - before) / pow(1.1, month / 12.0);
		before = until;
	}
	found = rfmseg_customer_lifetime_value(model, parameters, gamma_gamma, &row, 365.25, 0.1);
	ok(off_by(found, mean * sum) < 1e-13,
	   "%s: a year's value is that of twelve months, discounted from their ends", model->name);

	undiscounted = rfmseg_customer_lifetime_value(model, parameters, gamma_gamma, &row, 1000, 0);
	ok(off_by(undiscounted, mean * rfmseg_expected_purchases(model, parameters, &row, 1000)) <
		   1e-13,
	   "%s: at no rate it is the value of all purchases", model->name);
	found = rfmseg_customer_lifetime_value(model, parameters, gamma_gamma, &row, 1000, 0.5);
	least = undiscounted * pow(1.5, -1000 / 365.25);
	ok(found > least && found < undiscounted * pow(1.5, -1000 / 365.25 / 12),
	   "%s: a rate takes as much as between the first and the last period", model->name);
	ok(rfmseg_customer_lifetime_value(model, parameters, gamma_gamma, &row, 0, 0.1) == 0,
	   "%s: no time has no value", model->name);
	found = rfmseg_discounted_purchases(model, parameters, &row, 1e9, -0.999);
	ok(found > 1e300 && found <= DBL_MAX &&
		   rfmseg_customer_lifetime_value(model, parameters, gamma_gamma, &row, 1e9, -0.999) ==
			   DBL_MAX,
	   "%s: what would be infinite is the largest number", model->name);
}

/*
 * All that may be asked
 */

static bool
is_sound(double value)
{
	return value >= 0 && value <= DBL_MAX;
}

typedef struct Findings
{
	long asked;
	long unsound;
	long above_bound; /* more than at the mean rate, without dropout */
	long falling;	  /* less in a longer time */
} Findings;

static void
ask(const RfmsegLifetimeModel *model, const double *parameters, const RfmsegHistoryRow *row,
	Findings *findings)
{
	static const double horizons[] = {0, 1e-300, 1, 365.25, 1e9};
	static const double rates[] = {0, 1e6, 0, 0.1, -0.99};
	static const double gamma_gamma[] = {6.25, 1.0000001, 15.44};
	double rate = (parameters[0] + row->frequency_repeat) / (parameters[1] + row->t_age);
	double p_alive = rfmseg_p_alive(model, parameters, row);
	double before = 0;
	size_t i;

	findings->unsound += !(p_alive >= 0 && p_alive <= 1);
	for (i = 0; i < LENGTH(horizons); i++)
	{
		double found = rfmseg_expected_purchases(model, parameters, row, horizons[i]);
		double value = rfmseg_customer_lifetime_value(model, parameters, gamma_gamma, row,
													  horizons[i], rates[i % LENGTH(rates)]);
		int sound = is_sound(found) && is_sound(value) && (horizons[i] > 0 || found == 0);

		findings->asked++;
		findings->unsound += !sound;
		findings->above_bound += found > p_alive * rate * horizons[i] * (1 + 1e-9);
		findings->falling += found < before * (1 - 1e-9);
		before = found;
	}
}

static void
test_grid(const RfmsegLifetimeModel *model)
{
	static const double scales[] = {1e-6, 0.5, 1e6};
	static const double shapes[] = {1e-6, 0.3, 0.7, 1, 1 + 1e-12, 1e3};
	Findings findings = {0};
	size_t i, j, k, l, m;

	for (i = 0; i < LENGTH(scales); i++)
		for (j = 0; j < LENGTH(scales); j++)
			for (k = 0; k < LENGTH(shapes); k++)
				for (l = 0; l < LENGTH(shapes); l++)
				{
					const double parameters[] = {scales[i], scales[j], shapes[k], shapes[l]};
					const RfmsegHistoryRow rows[] = {
						history(0, 0, 0),		   history(0, 0, 400),
						history(1, 1e-9, 400),	   history(3, 400, 400),
						history(1000, 1, 1000),	   history(1000, 1000, 1000),
						history(100000, 9e4, 1e5), {2, 1e-300, 1e-300, 1e12, 1}};

					for (m = 0; m < LENGTH(rows); m++)
						ask(model, parameters, &rows[m], &findings);
				}
	ok(findings.asked > 10000 && findings.unsound == 0,
	   "%s: nothing is NaN, infinite or below 0 (%ld of %ld)", model->name, findings.unsound,
	   findings.asked);
	ok(findings.above_bound == 0, "%s: nobody buys more than without dropout (%ld)", model->name,
	   findings.above_bound);
	ok(findings.falling == 0, "%s: nobody buys less in a longer time (%ld)", model->name,
	   findings.falling);
}

/* Parameters from one bound of a fit to the other */
static void
test_bounds(const RfmsegLifetimeModel *model)
{
	Prng prng = {8};
	Findings findings = {0};
	double parameters[4];
	int i, j;

	for (i = 0; i < 1000; i++)
	{
		RfmsegHistoryRow row = prng_history(&prng);

		for (j = 0; j < 4; j++)
			parameters[j] = prng_log_uniform(&prng, 1 / RFMSEG_FIT_MOST, RFMSEG_FIT_MOST);
		if (!rfmseg_are_parameters(model, parameters))
			findings.unsound++;
		ask(model, parameters, &row, &findings);
	}
	ok(findings.unsound == 0, "%s: nor for any parameters within bounds (%ld of %ld)", model->name,
	   findings.unsound, findings.asked);
	parameters[1] = NAN;
	ok(!rfmseg_are_parameters(model, parameters) &&
		   !rfmseg_are_parameters(model, (const double[]){1, 0, 1, 1}) &&
		   !rfmseg_are_parameters(model, (const double[]){1, 1, 1, -1}) &&
		   !rfmseg_are_parameters(model, (const double[]){1, 1, HUGE_VAL, 1}),
	   "%s: parameters that cannot be are told", model->name);
}

int
main(void)
{
	size_t i;

	test_published_numbers();
	test_holdout();
	for (i = 0; i < LENGTH(models); i++)
	{
		test_p_alive(models[i]);
		test_expectations(models[i]);
		test_value(models[i]);
		test_grid(models[i]);
		test_bounds(models[i]);
	}
	return done();
}
