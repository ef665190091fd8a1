/*
 * Merging equal histories: none is lost or made up, and order and bits are the
 * same however the rows came.
 */
#define _POSIX_C_SOURCE 200809L

#include "lifetime/beta_geometric.h"
#include "lifetime/histories.h"
#include "lifetime_cases.h"

#define MOST 100000

static size_t
merge(const double *values, size_t n, int numbers, RfmsegHistoryRow *rows)
{
	double *exact = claim(n * (size_t) numbers * sizeof(double));
	void *room = claim(rfmseg_merge_room_size(n, numbers));
	size_t left;

	memcpy(exact, values, n * (size_t) numbers * sizeof(double));
	left = rfmseg_merge_histories(exact, n, numbers, rows, room, count_pause);
	free(room);
	free(exact);
	return left;
}

static void
shuffle(double *values, size_t n, int numbers, Prng *prng)
{
	size_t width = (size_t) numbers;
	size_t i, j;

	for (i = n; i > 1; i--)
	{
		size_t other = (size_t) (prng_next(prng) % i);

		for (j = 0; j < width; j++)
		{
			double swapped = values[(i - 1) * width + j];

			values[(i - 1) * width + j] = values[other * width + j];
			values[other * width + j] = swapped;
		}
	}
}

/* A customer of a shop: whole days, or a time to the second. */
static void
make_purchases(double *row, Prng *prng, bool whole_days)
{
	double age = whole_days ? (double) (prng_next(prng) % 730)
							: (double) (prng_next(prng) % 63072000) / 86400;
	double x = (double) (prng_next(prng) % 10);

	row[0] = x < 5 || age < 1 ? 0 : x - 4;
	row[2] = age;
	row[1] = row[0] == 0 ? 0
		: whole_days	 ? 1 + (double) (prng_next(prng) % (uint64_t) age)
						 : age * (1 + (double) (prng_next(prng) % 1000)) / 1001;
}

static void
make_spending(double *row, Prng *prng)
{
	row[0] = (double) (prng_next(prng) % 4);
	row[1] = row[0] == 0 ? 0 : (double) (1 + prng_next(prng) % 3000) / 100 / row[0];
}

static bool
are_same(const RfmsegHistoryRow *a, const RfmsegHistoryRow *b)
{
	return a->frequency_repeat == b->frequency_repeat && a->recency_btyd == b->recency_btyd &&
		a->t_age == b->t_age && a->monetary_value == b->monetary_value;
}

static RfmsegHistoryRow
unpacked(const double *row, int numbers)
{
	RfmsegHistoryRow out = {.frequency_repeat = row[0]};

	if (numbers == RFMSEG_PURCHASE_NUMBERS)
	{
		out.recency_btyd = row[1];
		out.t_age = row[2];
	}
	else
		out.monetary_value = row[1];
	return out;
}

/* Each history is there once, with as many as it came. */
static bool
is_counted(const double *values, size_t n, int numbers, const RfmsegHistoryRow *rows, size_t left)
{
	double *counted = claim(left * sizeof(double));
	bool right = true;
	size_t i, j;

	memset(counted, 0, left * sizeof(double));
	for (i = 0; i < n; i++)
	{
		RfmsegHistoryRow row = unpacked(values + i * (size_t) numbers, numbers);

		for (j = 0; j < left && !are_same(&row, &rows[j]); j++)
			;
		if (j < left)
			counted[j]++;
		right &= j < left;
	}
	for (j = 0; j < left; j++)
		right &= counted[j] == rows[j].weight && counted[j] > 0;
	free(counted);
	return right;
}

static void
test_counts(int numbers, bool whole_days)
{
	static const size_t sizes[] = {1, 2, 24, 25, 31, 32, 33, 64, 65, 300, 2000};
	static double values[2000 * RFMSEG_PURCHASE_NUMBERS];
	static RfmsegHistoryRow rows[2000];
	static RfmsegHistoryRow again[2000];
	Prng prng = {4711};
	size_t s, i;

	for (s = 0; s < LENGTH(sizes); s++)
	{
		size_t n = sizes[s];
		size_t left, left_again;

		for (i = 0; i < n; i++)
			if (numbers == RFMSEG_PURCHASE_NUMBERS)
				make_purchases(values + i * 3, &prng, whole_days);
			else
				make_spending(values + i * 2, &prng);
		left = merge(values, n, numbers, rows);
		ok(is_counted(values, n, numbers, rows, left), "%d numbers%s: %zu histories are %zu rows",
		   numbers, whole_days ? "" : ", to the second", n, left);
		shuffle(values, n, numbers, &prng);
		left_again = merge(values, n, numbers, again);
		ok(left_again == left && memcmp(rows, again, left * sizeof(*rows)) == 0,
		   "the same of %zu in another order", n);
	}
}

static void
test_extremes(void)
{
	double one[] = {3, 5, 8, 3, 5, 8, 3, 5, 8};
	double far[] = {0,		0,	  1e12, 0, 0, 0, 1, 1e-300, 1e12,
					100000, 1e12, 1e12, 0, 0, 0, 0, 0,		5e-324};
	double money[] = {1, 1e100, 1, 1e-100, 1, 0, 1, 1e100};
	RfmsegHistoryRow rows[6];

	ok(merge(one, 3, 3, rows) == 1 && rows[0].weight == 3 && rows[0].frequency_repeat == 3 &&
		   rows[0].recency_btyd == 5 && rows[0].t_age == 8 && rows[0].monetary_value == 0,
	   "equal histories are one");
	ok(merge(far, 6, 3, rows) == 5 && is_counted(far, 6, 3, rows, 5), "histories of any size");
	ok(merge(money, 4, 2, rows) == 3 && is_counted(money, 4, 2, rows, 3), "money of any size");
}

/* Above 0, up to 1 */
static double
share(Prng *prng)
{
	return (double) ((prng_next(prng) >> 11) + 1) / 9007199254740992.0;
}

/* As the model has it, but for the whole days: six kinds of customers, who differ in rate and dropout. */
static void
make_buyer(double *row, Prng *prng)
{
	static const double gaps[] = {10, 60, 400};
	static const double dropout[] = {0.1, 0.5};
	double gap = gaps[prng_next(prng) % 3];
	double drop = dropout[prng_next(prng) % 2];
	double at = 0;

	row[0] = row[1] = 0;
	row[2] = (double) (100 + prng_next(prng) % 600);
	while (share(prng) > drop)
	{
		at += ceil(-gap * log(share(prng)) + 1e-9);
		if (at > row[2])
			break;
		row[0]++;
		row[1] = at;
	}
}

/* What is fitted does not depend on the order either; and the pauses come often enough. */
static void
test_fits(void)
{
	double *values = claim(MOST * RFMSEG_PURCHASE_NUMBERS * sizeof(double));
	Histories histories = {claim(MOST * sizeof(RfmsegHistoryRow)), 0};
	Prng prng = {1};
	RfmsegFit first, second;
	long before;
	size_t i;

	for (i = 0; i < MOST; i++)
		make_buyer(values + i * 3, &prng);
	before = pauses;
	histories.n = merge(values, MOST, 3, histories.rows);
	ok(pauses - before > MOST / 10000, "%ld pauses while %d histories become %zu rows",
	   pauses - before, MOST, histories.n);
	first = fit_all(&rfmseg_mbgnbd, &histories);
	shuffle(values, MOST, 3, &prng);
	histories.n = merge(values, MOST, 3, histories.rows);
	second = fit_all(&rfmseg_mbgnbd, &histories);
	ok(first.status == RFMSEG_FIT_CONVERGED && first.customers == MOST &&
		   memcmp(first.parameters, second.parameters, sizeof(first.parameters)) == 0 &&
		   first.log_likelihood == second.log_likelihood,
	   "the fit is the same to the last bit in another order");
	free(histories.rows);
	free(values);
}

int
main(void)
{
	test_counts(RFMSEG_PURCHASE_NUMBERS, true);
	test_counts(RFMSEG_PURCHASE_NUMBERS, false);
	test_counts(RFMSEG_SPENDING_NUMBERS, true);
	test_extremes();
	test_fits();
	return done();
}
