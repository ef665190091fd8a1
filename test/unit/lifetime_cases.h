/*
 * Histories of customers: those of CDNOW, and made-up ones; and integrals in
 * long double.
 *
 * Files that include it define _POSIX_C_SOURCE first, for popen().
 */
#ifndef LIFETIME_CASES_H
#define LIFETIME_CASES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lifetime/fit.h"
#include "claim.h"
#include "prng.h"
#include "tap.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* How far it is from what it should be, relative to that */
static inline double
off_by(double found, double expected)
{
	return fabs(found - expected) / fabs(expected);
}

typedef struct Histories
{
	RfmsegHistoryRow *rows;
	size_t n;
} Histories;

static inline RfmsegHistoryRow
history(double x, double t_x, double t_age)
{
	RfmsegHistoryRow row = {x, t_x, t_age, 0, 1};

	return row;
}

/* CDNOW's 2,357 customers, in weeks; no rows, and a line that says so, where the file is not. */
static inline Histories
cdnow(void)
{
	const char *where = getenv("SHARED_DATA");
	Histories histories = {claim(2357 * sizeof(RfmsegHistoryRow)), 0};
	char command[1000];
	char line[200];
	FILE *file;

	snprintf(command, sizeof(command), "gzip -dc '%s/cdnow_summary.csv.gz' 2>/dev/null",
			 where != NULL ? where : "../shared/data");
	file = popen(command, "r");
	if (file != NULL)
	{
		while (fgets(line, sizeof(line), file) != NULL)
		{
			RfmsegHistoryRow row = {.weight = 1};

			if (histories.n < 2357 &&
				sscanf(line, "%*d,%lf,%lf,%lf,%lf", &row.frequency_repeat, &row.recency_btyd,
					   &row.t_age, &row.monetary_value) == 4)
				histories.rows[histories.n++] = row;
		}
		pclose(file);
	}
	if (histories.n != 2357)
	{
		histories.n = 0;
		ok(1, "CDNOW # SKIP no cdnow_summary.csv.gz in SHARED_DATA or ../shared/data");
	}
	return histories;
}

/* The same rows, those that are equal as one. */
static inline Histories
collapse(const Histories *histories)
{
	Histories out = {claim(histories->n * sizeof(RfmsegHistoryRow)), 0};
	size_t i, j;

	for (i = 0; i < histories->n; i++)
	{
		const RfmsegHistoryRow *row = &histories->rows[i];

		for (j = 0; j < out.n; j++)
			if (out.rows[j].frequency_repeat == row->frequency_repeat &&
				out.rows[j].recency_btyd == row->recency_btyd && out.rows[j].t_age == row->t_age &&
				out.rows[j].monetary_value == row->monetary_value)
				break;
		if (j == out.n)
			out.rows[out.n++] = *row;
		else
			out.rows[j].weight += row->weight;
	}
	return out;
}

/* From low to high, evenly on a logarithmic scale */
static inline double
prng_log_uniform(Prng *prng, double low, double high)
{
	double share = (double) (prng_next(prng) >> 11) / 9007199254740992.0;

	return low * exp(share * log(high / low));
}

typedef long double (*Integrand)(long double at, const void *with);

/*
 * The integral from low to high by the tanh-sinh rule (Takahasi & Mori 1974):
 * it minds no singularity at the ends.
 */
static inline long double
integral(Integrand f, const void *with, long double low, long double high)
{
	const long double half_pi = 1.57079632679489661923L;
	long double step = 1.0L / 64;
	long double sum = 0;
	int i;

	for (i = -64 * 7; i <= 64 * 7; i++)
	{
		long double s = half_pi * sinhl(i * step);
		long double c = coshl(s);
		long double weight = half_pi * coshl(i * step) / (c * c);
		/* from the nearer end, so that it is not lost beside the other */
		long double from_end = (high - low) / (1 + expl(2 * fabsl(s)));
		long double at = s < 0 ? low + from_end : high - from_end;

		if (at > low && at < high)
			sum += weight * f(at, with);
	}
	return sum * step * (high - low) / 2;
}

static inline RfmsegFit
fit_all(const RfmsegLifetimeModel *model, const Histories *histories)
{
	void *room = claim(rfmseg_fit_room_size(model));
	RfmsegFit fit;

	rfmseg_fit(model, histories->rows, histories->n, &fit, room, count_pause);
	free(room);
	return fit;
}

static inline RfmsegFit
fit_from(const RfmsegLifetimeModel *model, const Histories *histories, const double *start)
{
	void *room = claim(rfmseg_fit_room_size(model));
	RfmsegFit fit;

	rfmseg_fit_from(model, histories->rows, histories->n, start, &fit, room, count_pause);
	free(room);
	return fit;
}

static inline RfmsegLikelihood
likelihood_at(const RfmsegLifetimeModel *model, const Histories *histories,
			  const double *parameters)
{
	/* fits have memory of its exact size; here it is too often needed */
	static double room[1 << 15];
	RfmsegHistories all = {histories->rows, histories->n, 1};
	RfmsegLikelihood likelihood;

	if (model->room_size > sizeof(room))
		abort();
	model->likelihood(&all, parameters, &likelihood, room, count_pause);
	return likelihood;
}

#endif
