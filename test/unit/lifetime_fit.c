/*
 * The models' likelihoods and their derivatives; and what is found as their
 * maximum: on CDNOW against what is published, on made-up histories against the
 * truth, and where there is none.
 */
#define _POSIX_C_SOURCE 200809L

#include "lifetime/beta_geometric.h"
#include "lifetime/gamma_gamma.h"
#include "lifetime/pareto.h"
#include "lifetime_cases.h"

static const RfmsegLifetimeModel *const models[] = {&rfmseg_bgnbd, &rfmseg_mbgnbd,
													&rfmseg_gamma_gamma, &rfmseg_pnbd};

/*
 * Likelihoods
 */

/* As the papers have it, in long double */
static long double
bgnbd_as_published(const RfmsegHistoryRow *row, const double *parameters, int first)
{
	long double r = parameters[0], alpha = parameters[1], a = parameters[2], b = parameters[3];
	long double x = row->frequency_repeat;
	long double n = x + first;
	long double sum = powl(alpha + row->t_age, -(r + x));

	if (n > 0)
		sum += a / (b + n - 1) * powl(alpha + row->recency_btyd, -(r + x));
	return lgammal(r + x) - lgammal(r) + r * logl(alpha) + lgammal(a + b) + lgammal(b + n) -
		lgammal(b) - lgammal(a + b + n) + logl(sum);
}

static long double
gamma_gamma_as_published(const RfmsegHistoryRow *row, const double *parameters)
{
	long double p = parameters[0], q = parameters[1], v = parameters[2];
	long double x = row->frequency_repeat, m = row->monetary_value;

	return lgammal(p * x + q) - lgammal(p * x) - lgammal(q) + q * logl(v) + (p * x - 1) * logl(m) +
		p * x * logl(x) - (p * x + q) * logl(x * m + v);
}

/* Gauss's hypergeometric function, 0 <= z < 1 */
static long double
hypergeometric(long double a, long double b, long double c, long double z)
{
	long double term = 1;
	long double sum = 1;
	int n;

	for (n = 0; term > sum * 1e-22L && n < 1000000; n++)
	{
		term *= (a + n) * (b + n) / ((c + n) * (1 + n)) * z;
		sum += term;
	}
	return sum;
}

/* Fader & Hardie's closed form; alpha >= beta or the other way around */
static long double
pareto_as_published(const RfmsegHistoryRow *row, const double *parameters)
{
	long double r = parameters[0], alpha = parameters[1], s = parameters[2], beta = parameters[3];
	long double x = row->frequency_repeat;
	long double all = r + s + x;
	long double most = fmaxl(alpha, beta);
	long double which = alpha >= beta ? s + 1 : r + x;
	long double difference[2];
	int i;

	for (i = 0; i < 2; i++)
	{
		long double until = most + (i == 0 ? row->recency_btyd : row->t_age);

		difference[i] =
			hypergeometric(all, which, all + 1, fabsl(alpha - beta) / until) * powl(until, -all);
	}
	return lgammal(r + x) - lgammal(r) + r * logl(alpha) + s * logl(beta) +
		logl(powl(alpha + row->t_age, -(r + x)) * powl(beta + row->t_age, -s) +
			 s / all * (difference[0] - difference[1]));
}

static long double
as_published(const RfmsegLifetimeModel *model, const RfmsegHistoryRow *row,
			 const double *parameters)
{
	return model == &rfmseg_gamma_gamma ? gamma_gamma_as_published(row, parameters)
		: model == &rfmseg_pnbd			? pareto_as_published(row, parameters)
								: bgnbd_as_published(row, parameters, model == &rfmseg_mbgnbd);
}

static RfmsegHistoryRow
prng_history(Prng *prng)
{
	RfmsegHistoryRow row = {.weight = 1 + prng_below(prng, 3)};

	row.frequency_repeat = prng_below(prng, 3) == 0 ? 0 : prng_below(prng, 30);
	row.t_age = prng_log_uniform(prng, 0.1, 1000);
	if (row.frequency_repeat > 0)
		row.recency_btyd =
			prng_below(prng, 8) == 0 ? row.t_age : row.t_age * prng_log_uniform(prng, 0.01, 1);
	row.monetary_value = prng_log_uniform(prng, 1, 1000);
	return row;
}

static double
log_likelihood(const RfmsegLifetimeModel *model, const RfmsegHistoryRow *row,
			   const double *parameters)
{
	RfmsegHistoryRow copy = *row;
	Histories one = {&copy, 1};

	return likelihood_at(model, &one, parameters).value;
}

static void
test_published_form(const RfmsegLifetimeModel *model)
{
	Prng prng = {4};
	double worst = 0;
	int i, j;

	for (i = 0; i < 2000; i++)
	{
		RfmsegHistoryRow row = prng_history(&prng);
		double parameters[4];
		double found, expected, error;

		for (j = 0; j < 4; j++)
			parameters[j] = prng_log_uniform(&prng, 0.02, 50);
		if (!rfmseg_uses_history(model, &row))
			continue;
		found = log_likelihood(model, &row, parameters) / row.weight;
		expected = (double) as_published(model, &row, parameters);
		error = fabs(found - expected) / fmax(1, fabs(expected));
		worst = error <= worst ? worst : error;
	}
	ok(worst < 1e-12, "%s: the likelihood is that of the paper (%.2g)", model->name, worst);
}

static void
test_example(void)
{
	static const double example[] = {0.25, 4, 0.8, 2.5};
	RfmsegHistoryRow one_timer = history(0, 0, 40);

	ok(fabs(log_likelihood(&rfmseg_bgnbd, &one_timer, example) + 0.59947382) < 5e-9,
	   "bgnbd: the example is met");
}

/* By Richardson's extrapolation of central differences; h is of a logarithm. */
static void
shift(const double *parameters, int i, double by, double *out)
{
	memcpy(out, parameters, RFMSEG_LIFETIME_PARAMETERS * sizeof(double));
	out[i] *= exp(by);
}

static double
difference(const RfmsegLifetimeModel *model, const Histories *histories, const double *parameters,
		   int i, int of)
{
	static const double steps[] = {2e-3, 1e-3};
	double slopes[2];
	int k;

	for (k = 0; k < 2; k++)
	{
		double up[4], down[4];
		RfmsegLikelihood above, below;

		shift(parameters, i, steps[k], up);
		shift(parameters, i, -steps[k], down);
		above = likelihood_at(model, histories, up);
		below = likelihood_at(model, histories, down);
		slopes[k] = (of < 0 ? above.value - below.value : above.gradient[of] - below.gradient[of]) /
			(2 * steps[k]);
	}
	return (4 * slopes[1] - slopes[0]) / 3;
}

static void
test_derivatives(const RfmsegLifetimeModel *model)
{
	Prng prng = {5};
	double worst_slope = 0;
	double worst_bend = 0;
	int i, j, k;

	for (k = 0; k < 400; k++)
	{
		RfmsegHistoryRow row = prng_history(&prng);
		Histories one = {&row, 1};
		double parameters[4] = {0};
		RfmsegLikelihood at;

		for (i = 0; i < model->n_parameters; i++)
			parameters[i] = prng_log_uniform(&prng, 0.02, 50);
		at = likelihood_at(model, &one, parameters);
		for (i = 0; i < model->n_parameters; i++)
		{
			double slope = difference(model, &one, parameters, i, -1);
			double off = fabs(at.gradient[i] - slope) / (1 + fabs(slope) + 1e-3 * fabs(at.value));

			worst_slope = off <= worst_slope ? worst_slope : off;
			for (j = 0; j <= i; j++)
			{
				double bend = difference(model, &one, parameters, j, i);

				off = fabs(at.hessian[i][j] - bend) / (1 + fabs(bend));
				worst_bend = off <= worst_bend ? worst_bend : off;
			}
		}
	}
	ok(worst_slope < 1e-8, "%s: gradients are those of the likelihood (%.2g)", model->name,
	   worst_slope);
	ok(worst_bend < 1e-8, "%s: Hessians are those of the gradients (%.2g)", model->name,
	   worst_bend);
}

/*
 * CDNOW
 */

static void
check_optimum(const RfmsegLifetimeModel *model, const Histories *histories, const RfmsegFit *fit,
			  const char *where)
{
	RfmsegLikelihood at = likelihood_at(model, histories, fit->parameters);
	double lowest = HUGE_VAL;
	int i;

	/* a hundredth of a standard error away in any direction, it is less likely */
	for (i = 0; i < 2 * model->n_parameters; i++)
	{
		double away[4];
		int which = i / 2;
		double by = 0.01 * fit->standard_errors[which] / fit->parameters[which];

		shift(fit->parameters, which, i % 2 == 0 ? by : -by, away);
		lowest = fmin(lowest, at.value - likelihood_at(model, histories, away).value);
	}
	ok(fit->status == RFMSEG_FIT_CONVERGED && fit->gradient_norm <= RFMSEG_FIT_GRADIENT &&
		   lowest > 0 && at.value == fit->log_likelihood,
	   "%s: an optimum is found %s (status %d, %d iterations, gradient %.2g)", model->name, where,
	   (int) fit->status, fit->iterations, fit->gradient_norm);
}

/* The covariance of the logarithms times the negative Hessian by them is the identity. */
static void
check_covariance(const RfmsegLifetimeModel *model, const Histories *histories, const RfmsegFit *fit)
{
	RfmsegLikelihood at = likelihood_at(model, histories, fit->parameters);
	const double *p = fit->parameters;
	double worst = 0;
	int i, j, k;

	for (i = 0; i < model->n_parameters; i++)
		for (j = 0; j < model->n_parameters; j++)
		{
			double sum = i == j ? -1 : 0;

			for (k = 0; k < model->n_parameters; k++)
				sum -= (i >= k ? at.hessian[i][k] : at.hessian[k][i]) *
					(fit->covariance[k][j] / (p[k] * p[j]));
			worst = fabs(sum) <= worst ? worst : fabs(sum);
		}
	ok(worst < 1e-10 && off_by(sqrt(fit->covariance[1][1]), fit->standard_errors[1]) < 1e-14,
	   "%s: the covariance is the inverse of the information (%.2g)", model->name, worst);
}

static bool
are_close(const double *found, const double *expected, int n, double tolerance)
{
	int i;

	for (i = 0; i < n; i++)
		if (!(off_by(found[i], expected[i]) <= tolerance))
		{
			printf("# %.12g instead of %.12g\n", found[i], expected[i]);
			return false;
		}
	return true;
}

static void
test_cdnow(const RfmsegLifetimeModel *model, const Histories *histories, const double *starts,
		   int n_starts)
{
	Histories distinct = collapse(histories);
	RfmsegFit fit = fit_all(model, histories);
	RfmsegFit of_distinct = fit_all(model, &distinct);
	int n = model->n_parameters;
	int i;

	printf("# %s: LL %.10f at %.10g %.10g %.10g %.10g, errors %.8g %.8g %.8g %.8g\n", model->name,
		   fit.log_likelihood, fit.parameters[0], fit.parameters[1], fit.parameters[2],
		   fit.parameters[3], fit.standard_errors[0], fit.standard_errors[1],
		   fit.standard_errors[2], fit.standard_errors[3]);
	check_optimum(model, histories, &fit, "on CDNOW");
	check_covariance(model, histories, &fit);
	ok(fit.starts_converged == RFMSEG_FIT_STARTS, "%s: every start leads there (%d)", model->name,
	   fit.starts_converged);
	for (i = 0; i < n_starts; i++)
	{
		RfmsegFit other = fit_from(model, histories, starts + i * n);

		ok(other.status == RFMSEG_FIT_CONVERGED &&
			   are_close(other.parameters, fit.parameters, n, 1e-6) &&
			   off_by(other.log_likelihood, fit.log_likelihood) < 1e-12,
		   "%s: so it is from far away (start %d: status %d, %d iterations)", model->name, i,
		   (int) other.status, other.iterations);
	}
	ok(are_close(of_distinct.parameters, fit.parameters, n, 1e-9) &&
		   are_close(of_distinct.standard_errors, fit.standard_errors, n, 1e-6) &&
		   of_distinct.customers == fit.customers,
	   "%s: weights stand for equal rows (%zu of %zu)", model->name, distinct.n, histories->n);
	free(distinct.rows);
}

/* Time and money in other units */
static void
test_units(const RfmsegLifetimeModel *model, const Histories *histories, double unit)
{
	Histories other = {claim(histories->n * sizeof(RfmsegHistoryRow)), histories->n};
	RfmsegFit fit = fit_all(model, histories);
	RfmsegFit of_other;
	size_t i;

	for (i = 0; i < other.n; i++)
	{
		other.rows[i] = histories->rows[i];
		other.rows[i].recency_btyd *= unit;
		other.rows[i].t_age *= unit;
		other.rows[i].monetary_value *= unit;
	}
	of_other = fit_all(model, &other);
	if (model == &rfmseg_gamma_gamma)
		fit.parameters[2] *= unit;
	else
		fit.parameters[1] *= unit;
	if (model == &rfmseg_pnbd)
		fit.parameters[3] *= unit;
	ok(of_other.status == RFMSEG_FIT_CONVERGED &&
		   are_close(of_other.parameters, fit.parameters, model->n_parameters, 1e-6),
	   "%s: units of %g lead to the same model (status %d)", model->name, unit,
	   (int) of_other.status);
	free(other.rows);
}

static void
test_published_numbers(const Histories *histories)
{
	static const double starts[] = {1,	1,	1,	 1,	  0.01, 0.1, 0.05, 0.05, 50, 500,
									20, 20, 0.1, 100, 10,	0.1, 5,	   0.05, 1,	 200};
	static const double bgnbd[] = {.2425929072, 4.4135315612, .7928861481, 2.4257534365};
	static const double bgnbd_errors[] = {.01255732, .37822142, .18571914, .70534576};
	static const double gamma_gamma[] = {6.2488024891, 3.7445884534, 15.4477480114};
	static const double pareto[] = {.553276, 10.577612, .606214, 11.667910};
	RfmsegFit fit = fit_all(&rfmseg_bgnbd, histories);
	size_t i;

	ok(are_close(fit.parameters, bgnbd, 4, 1e-6) &&
		   off_by(fit.log_likelihood, -9582.42556057) < 1e-10,
	   "bgnbd: parameters and likelihood on CDNOW are those of the reference");
	ok(are_close(fit.standard_errors, bgnbd_errors, 4, 1e-6), "bgnbd: so are the standard errors");
	test_cdnow(&rfmseg_bgnbd, histories, starts, 5);
	test_cdnow(&rfmseg_mbgnbd, histories, starts, 5);
	test_cdnow(&rfmseg_pnbd, histories, starts, 5);
	test_cdnow(&rfmseg_gamma_gamma, histories, starts, 5);
	for (i = 0; i < LENGTH(models); i++)
	{
		test_units(models[i], histories, 604800);
		test_units(models[i], histories, 1e-7);
	}

	fit = fit_all(&rfmseg_gamma_gamma, histories);
	ok(are_close(fit.parameters, gamma_gamma, 3, 1e-6) &&
		   off_by(fit.log_likelihood, -4055.92324350) < 1e-10 && fit.customers == 946,
	   "gamma_gamma: parameters and likelihood on CDNOW are those of the reference");
	fit = fit_all(&rfmseg_pnbd, histories);
	ok(are_close(fit.parameters, pareto, 4, 1e-6) && off_by(fit.log_likelihood, -9594.97393) < 1e-9,
	   "pnbd: parameters and likelihood on CDNOW are those of the reference");
}

/*
 * Where there is no optimum, and whatever comes
 */

static void
fill(Histories *histories, size_t n, RfmsegHistoryRow row)
{
	size_t i;

	histories->rows = claim(n * sizeof(RfmsegHistoryRow));
	histories->n = n;
	for (i = 0; i < n; i++)
		histories->rows[i] = row;
}

static void
test_no_optimum(const RfmsegLifetimeModel *model)
{
	Histories histories;
	RfmsegFit fit;

	fill(&histories, 50, (RfmsegHistoryRow){4, 80, 100, 10, 1});
	fit = fit_all(model, &histories);
	ok(fit.status == RFMSEG_FIT_NO_MAXIMUM && fit.parameters[0] > 0 &&
		   isnan(fit.standard_errors[0]) && isnan(fit.covariance[0][0]),
	   "%s: equal customers have no distribution (status %d)", model->name, (int) fit.status);
	histories.n = 0;
	fit = fit_all(model, &histories);
	ok(fit.status == RFMSEG_FIT_NO_ROWS && isnan(fit.parameters[0]) && isnan(fit.log_likelihood) &&
		   fit.customers == 0,
	   "%s: no rows are told", model->name);
	free(histories.rows);

	fill(&histories, 50, (RfmsegHistoryRow){0, 0, 100, 0, 1});
	fit = fit_all(model, &histories);
	ok(fit.status ==
			   (model == &rfmseg_gamma_gamma ? RFMSEG_FIT_NO_ROWS : RFMSEG_FIT_NO_REPEATERS) &&
		   isnan(fit.parameters[0]),
	   "%s: no repeaters are told", model->name);
	free(histories.rows);

	/* one that came back, and others of whom nothing is known */
	fill(&histories, 50, (RfmsegHistoryRow){0, 0, 0, 0, 1});
	histories.rows[0] = (RfmsegHistoryRow){1, 1e-9, 1e-9, 1e-9, 1};
	fit = fit_all(model, &histories);
	ok(fit.status != RFMSEG_FIT_CONVERGED && isnan(fit.standard_errors[0]),
	   "%s: too little does not converge (status %d)", model->name, (int) fit.status);
	free(histories.rows);
}

static bool
is_finite(const RfmsegLikelihood *likelihood, int n)
{
	bool finite = isfinite(likelihood->value);
	int i, j;

	for (i = 0; i < n; i++)
	{
		finite = finite && isfinite(likelihood->gradient[i]);
		for (j = 0; j <= i; j++)
			finite = finite && isfinite(likelihood->hessian[i][j]);
	}
	return finite;
}

/* Parameters anywhere within bounds, and the oddest histories */
static void
test_extremes(const RfmsegLifetimeModel *model)
{
	RfmsegHistoryRow odd[] = {
		{0, 0, 0, 0, 1},		   {0, 0, 1e9, 0, 1},		   {1, 1e-300, 1e-300, 1e-100, 1},
		{1000, 1, 1000, 1e100, 1}, {1000, 1000, 1000, 1, 1},   {1, 400, 400, 5, 1},
		{1, 1e-9, 4000, 1e-9, 1},  {5000, 4000, 4001, 7, 1e9}, {3, 1e9, 1e9, 1e9, 1e-9}};
	Prng prng = {9};
	long wrong = 0;
	size_t i;
	int j, k;

	for (k = 0; k < 2000; k++)
		for (i = 0; i < LENGTH(odd); i++)
		{
			Histories one = {&odd[i], 1};
			double parameters[4];
			RfmsegLikelihood likelihood;

			if (k > 20 && odd[i].frequency_repeat == 5000)
				continue;
			for (j = 0; j < 4; j++)
				parameters[j] = k < 16 ? (k >> j & 1 ? RFMSEG_FIT_MOST : 1 / RFMSEG_FIT_MOST)
									   : prng_log_uniform(&prng, 1e-13, 1e13);
			likelihood = likelihood_at(model, &one, parameters);
			if (!is_finite(&likelihood, model->n_parameters) && wrong++ == 0)
				printf("# not so for %g %g %g %g of row %zu\n", parameters[0], parameters[1],
					   parameters[2], parameters[3], i);
		}
	ok(wrong == 0, "%s: likelihoods and derivatives are finite (%ld are not)", model->name, wrong);
}

/* The same rows, the same bits; in memory full of something else */
static void
test_determinism(const RfmsegLifetimeModel *model)
{
	Histories histories;
	Prng prng = {10};
	RfmsegFit fits[2];
	size_t i;
	int k;

	fill(&histories, 500, history(0, 0, 0));
	for (i = 0; i < histories.n; i++)
		histories.rows[i] = prng_history(&prng);
	for (k = 0; k < 2; k++)
	{
		size_t size = rfmseg_fit_room_size(model);
		void *room = claim(size);

		memset(room, k == 0 ? 0xFF : 0x3F, size);
		memset(&fits[k], 0, sizeof(fits[k]));
		rfmseg_fit(model, histories.rows, histories.n, &fits[k], room, count_pause);
		free(room);
	}
	ok(memcmp(fits[0].parameters, fits[1].parameters, sizeof(fits[0].parameters)) == 0 &&
		   fits[0].log_likelihood == fits[1].log_likelihood &&
		   fits[0].iterations == fits[1].iterations,
	   "%s: the same rows have the same fit", model->name);
	free(histories.rows);
}

static void
test_checks(void)
{
	static const double money[] = {-1, NAN, HUGE_VAL, 1e101};
	static const struct
	{
		double x, t_x, t_age;
		RfmsegHistoryStatus status;
	} cases[] = {
		{0, 0, 0, RFMSEG_HISTORY_OK},
		{2, 5, 5, RFMSEG_HISTORY_OK},
		{RFMSEG_MAX_FREQUENCY, 1, 2, RFMSEG_HISTORY_OK},
		{-1, 1, 2, RFMSEG_HISTORY_FREQUENCY},
		{1.5, 1, 2, RFMSEG_HISTORY_FREQUENCY},
		{NAN, 1, 2, RFMSEG_HISTORY_FREQUENCY},
		{RFMSEG_MAX_FREQUENCY + 1, 1, 2, RFMSEG_HISTORY_FREQUENCY},
		{1, 1, -1, RFMSEG_HISTORY_AGE},
		{1, 1, NAN, RFMSEG_HISTORY_AGE},
		{1, 1, HUGE_VAL, RFMSEG_HISTORY_AGE},
		{1, 1, 2e12, RFMSEG_HISTORY_AGE},
		{1, 3, 2, RFMSEG_HISTORY_RECENCY},
		{1, -1, 2, RFMSEG_HISTORY_RECENCY},
		{1, NAN, 2, RFMSEG_HISTORY_RECENCY},
		{1, 0, 2, RFMSEG_HISTORY_REPEATS_AT_ONCE},
		{0, 1, 2, RFMSEG_HISTORY_ONE_TIMER_RECENCY},
	};
	size_t wrong = 0;
	size_t i;

	for (i = 0; i < LENGTH(cases); i++)
	{
		RfmsegHistoryRow row = history(cases[i].x, cases[i].t_x, cases[i].t_age);

		wrong += rfmseg_check_history(&row) != cases[i].status;
	}
	for (i = 0; i < LENGTH(money); i++)
	{
		RfmsegHistoryRow row = {2, 5, 6, money[i], 1};

		wrong += rfmseg_check_history(&row) != RFMSEG_HISTORY_MONEY;
	}
	ok(wrong == 0, "histories that cannot be are told (%zu are not)", wrong);
}

int
main(void)
{
	Histories histories = cdnow();
	size_t i;

	test_checks();
	test_example();
	for (i = 0; i < LENGTH(models); i++)
	{
		test_published_form(models[i]);
		test_derivatives(models[i]);
		test_no_optimum(models[i]);
		test_extremes(models[i]);
		test_determinism(models[i]);
	}
	if (histories.n > 0)
		test_published_numbers(&histories);
	free(histories.rows);
	return done();
}
