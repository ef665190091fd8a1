/*
 * points.c
 *		Putting rows in order, merging and standardising them.
 */
#include "points.h"

#include <math.h>
#include <string.h>

#include "../radix_sort.h"

#define FEW 24			 /* rows sorted by insertion */
#define SORT_STEP 65536	 /* keys moved between pauses */
#define PAUSE_EVERY 4096 /* rows */
#define SPREAD_BYTE 256
#define TINY 1e-250
#define AHEAD 16 /* rows */

#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void) (address))
#endif

/*
 * A key has the number of its row in the lowest bits, and in the others its
 * place on the curve: the sorter knows no more than keys.
 */
typedef struct Ordering
{
	const RfmsegRows *rows;
	size_t stride; /* values of a row */
	int row_bits;
	uint64_t row_mask;
	uint64_t *room;
	RfmsegPause pause;
	size_t cells; /* gone through */
	RfmsegSorter sorter;
} Ordering;

size_t
rfmseg_points_size(size_t rows, int d)
{
	size_t leaves = (rows + RFMSEG_LEAF - 1) / RFMSEG_LEAF;

	return leaves * RFMSEG_LEAF * (size_t) (d + 1) * sizeof(double);
}

size_t
rfmseg_points_room_size(size_t rows)
{
	return sizeof(Ordering) + rows * sizeof(uint64_t);
}

static const double *
row_of(const Ordering *o, uint64_t key)
{
	return o->rows->values + (key & o->row_mask) * o->stride;
}

/*
 * The order of rows of one cell
 */

static bool
comes_before(const Ordering *o, uint64_t a, uint64_t b)
{
	const double *x = row_of(o, a);
	const double *y = row_of(o, b);
	size_t j;

	for (j = 0; j < o->stride; j++)
		if (x[j] != y[j])
			return x[j] < y[j];
	return false;
}

static void
insert_few(const Ordering *o, uint64_t *keys, size_t n)
{
	size_t i, k;

	for (i = 1; i < n; i++)
	{
		uint64_t key = keys[i];

		for (k = i; k > 0 && comes_before(o, key, keys[k - 1]); k--)
			keys[k] = keys[k - 1];
		keys[k] = key;
	}
}

/*
 * The bounding box of rows in the columns from "first" up to "end"; false if
 * all of them are equal there.
 */
static bool
bound(const Ordering *o, const uint64_t *keys, size_t n, int first, int end, double *lo, double *hi)
{
	bool differ = false;
	size_t i;
	int j;

	for (j = first; j < end; j++)
		lo[j] = hi[j] = row_of(o, keys[0])[j];
	for (i = 1; i < n; i++)
	{
		const double *row = row_of(o, keys[i]);

		if (i % PAUSE_EVERY == 0)
			o->pause();
		for (j = first; j < end; j++)
		{
			lo[j] = row[j] < lo[j] ? row[j] : lo[j];
			hi[j] = row[j] > hi[j] ? row[j] : hi[j];
		}
	}
	for (j = first; j < end; j++)
		differ |= lo[j] < hi[j];
	return differ;
}

/* Where the bits of each byte go, if there are so many dimensions. */
static void
make_spread(uint64_t *spread, int dimensions)
{
	int byte, bit;

	for (byte = 0; byte < SPREAD_BYTE; byte++)
	{
		spread[byte] = 0;
		for (bit = 0; bit < 8 && bit * dimensions < 64; bit++)
			spread[byte] |= (uint64_t) (byte >> bit & 1) << (bit * dimensions);
	}
}

/* Gives keys the place of their rows on the curve through the box. */
static void
locate(const Ordering *o, uint64_t *keys, size_t n, int first, int end, const double *lo,
	   const double *hi)
{
	uint64_t spread[SPREAD_BYTE];
	double up[RFMSEG_MAX_DIMENSIONS + 1];
	double cells[RFMSEG_MAX_DIMENSIONS + 1];
	int dimensions = end - first;
	int bits = (64 - o->row_bits) / dimensions;
	uint64_t last;
	size_t i;
	int j;

	if (bits > 16)
		bits = 16;
	last = (UINT64_C(1) << bits) - 1;
	make_spread(spread, dimensions);
	for (j = first; j < end; j++)
	{
		double width = hi[j] - lo[j];

		/* one over a width that is next to nothing would be infinite */
		up[j] = width < TINY ? 1 / TINY : 1;
		cells[j] = width > 0 ? (double) (last + 1) / (width * up[j]) : 0;
	}
	for (i = 0; i < n; i++)
	{
		const double *row = row_of(o, keys[i]);
		uint64_t place = 0;

		if (i % PAUSE_EVERY == 0)
			o->pause();
		for (j = first; j < end; j++)
		{
			uint64_t cell = (uint64_t) ((row[j] - lo[j]) * up[j] * cells[j]);
			uint64_t bits_of_cell;

			cell = cell < last ? cell : last;
			bits_of_cell = spread[cell & 255];

			if (bits > 8)
				bits_of_cell |= spread[cell >> 8 & 255] << (8 * dimensions);
			place |= bits_of_cell << (j - first);
		}
		keys[i] = place << o->row_bits | (keys[i] & o->row_mask);
	}
}

static void
sort_keys(Ordering *o, uint64_t *keys, size_t n)
{
	/* the order of rows of one cell comes later, so their numbers need none */
	rfmseg_sorter_init(&o->sorter, keys, o->room, n);
	o->sorter.first_byte = o->row_bits / 8;
	while (!rfmseg_sorter_step(&o->sorter, SORT_STEP))
		o->pause();
	if (o->sorter.from != keys)
		memcpy(keys, o->sorter.from, n * sizeof(uint64_t));
}

/*
 * Puts rows in order by these columns.  Rows that are equal in all coordinates
 * are put in order by weight, as sums of these depend on it.
 *
 * Every level halves each dimension at least, and parts the rows with its least
 * value from those with its greatest.  So there are no more levels than halvings
 * from the greatest double to the least, some 2,000; mostly there are two or three.
 */
static void
order(Ordering *o, uint64_t *keys, size_t n, int first, int end)
{
	double lo[RFMSEG_MAX_DIMENSIONS + 1];
	double hi[RFMSEG_MAX_DIMENSIONS + 1];
	size_t from, to;

	if (n <= FEW)
	{
		insert_few(o, keys, n);
		return;
	}
	if (!bound(o, keys, n, first, end, lo, hi))
	{
		if (end < (int) o->stride)
			order(o, keys, n, end, end + 1);
		return;
	}
	locate(o, keys, n, first, end, lo, hi);
	sort_keys(o, keys, n);
	for (from = 0; from < n; from = to)
	{
		if (++o->cells % PAUSE_EVERY == 0)
			o->pause();
		for (to = from + 1; to < n && keys[to] >> o->row_bits == keys[from] >> o->row_bits; to++)
			;
		if (to - from > 1)
			order(o, keys + from, to - from, first, end);
	}
}

/*
 * Leaves
 */

static double *
place_of(RfmsegPoints *points, size_t i)
{
	return points->blocks + i / RFMSEG_LEAF * (size_t) (points->d + 1) * RFMSEG_LEAF +
		i % RFMSEG_LEAF;
}

static void
put(RfmsegPoints *points, size_t i, const double *coordinates, double weight)
{
	double *place = place_of(points, i);
	int j;

	for (j = 0; j < points->d; j++)
		place[j * RFMSEG_LEAF] = coordinates[j];
	place[points->d * RFMSEG_LEAF] = weight;
}

static bool
are_equal(const double *a, const double *b, int d)
{
	int j;

	for (j = 0; j < d; j++)
		if (a[j] != b[j])
			return false;
	return true;
}

/* Copies the rows in their order, equal ones as one. */
static void
merge(RfmsegPoints *points, const Ordering *o, const uint64_t *keys)
{
	const RfmsegRows *rows = o->rows;
	const double *last = NULL;
	size_t i;

	points->n = 0;
	points->weight = 0;
	for (i = 0; i < rows->n; i++)
	{
		const double *row = row_of(o, keys[i]);
		double weight = rows->weighted ? row[rows->d] : 1;

		if (i % PAUSE_EVERY == 0)
			o->pause();
		/* rows lie about: ask for those to come in good time */
		PREFETCH(row_of(o, keys[i + AHEAD < rows->n ? i + AHEAD : i]));
		points->weight += weight;
		if (last != NULL && are_equal(row, last, rows->d))
			place_of(points, points->n - 1)[rows->d * RFMSEG_LEAF] += weight;
		else
			put(points, points->n++, row, weight);
		last = row;
	}
	points->leaves = (points->n + RFMSEG_LEAF - 1) / RFMSEG_LEAF;
	for (i = points->n; i < points->leaves * RFMSEG_LEAF; i++)
		put(points, i, last, 0);
}

/*
 * Standardising
 */

/* The weighted sum of a function of a dimension's values, leaf by leaf. */
static double
sum_of(const RfmsegPoints *points, int j, double centre, int power, RfmsegPause pause)
{
	double sum = 0;
	size_t leaf;
	int i;

	for (leaf = 0; leaf < points->leaves; leaf++)
	{
		const double *x = rfmseg_leaf(points, leaf) + j * RFMSEG_LEAF;
		const double *w = rfmseg_leaf(points, leaf) + points->d * RFMSEG_LEAF;
		double part = 0;

		if (leaf % (PAUSE_EVERY / RFMSEG_LEAF) == 0)
			pause();
		for (i = 0; i < RFMSEG_LEAF; i++)
			part += w[i] * (power == 1 ? x[i] - centre : (x[i] - centre) * (x[i] - centre));
		sum += part;
	}
	return sum;
}

static bool
is_constant(const RfmsegPoints *points, int j, RfmsegPause pause)
{
	double first = rfmseg_leaf(points, 0)[j * RFMSEG_LEAF];
	size_t leaf;
	int i;

	for (leaf = 0; leaf < points->leaves; leaf++)
	{
		if (leaf % (PAUSE_EVERY / RFMSEG_LEAF) == 0)
			pause();
		for (i = 0; i < RFMSEG_LEAF; i++)
			if (rfmseg_leaf(points, leaf)[j * RFMSEG_LEAF + i] != first)
				return false;
	}
	return true;
}

static void
scale_dimension(RfmsegPoints *points, int j, RfmsegPause pause)
{
	size_t leaf;
	int i;

	for (leaf = 0; leaf < points->leaves; leaf++)
	{
		double *x = place_of(points, leaf * RFMSEG_LEAF) + j * RFMSEG_LEAF;

		if (leaf % (PAUSE_EVERY / RFMSEG_LEAF) == 0)
			pause();
		for (i = 0; i < RFMSEG_LEAF; i++)
			x[i] = (x[i] - points->offset[j]) / points->scale[j];
	}
}

static void
measure(RfmsegPoints *points, bool standardize, RfmsegPause pause)
{
	double variances = 0;
	int j;

	for (j = 0; j < points->d; j++)
	{
		double mean = rfmseg_leaf(points, 0)[j * RFMSEG_LEAF];
		double variance = 0;

		points->offset[j] = 0;
		points->scale[j] = 1;
		points->constant[j] = is_constant(points, j, pause);
		if (!points->constant[j])
		{
			/* the first value is near enough for a mean that is right to the last bits */
			mean += sum_of(points, j, mean, 1, pause) / points->weight;
			mean += sum_of(points, j, mean, 1, pause) / points->weight;
			variance = sum_of(points, j, mean, 2, pause) / points->weight;
		}
		if (standardize)
		{
			points->offset[j] = mean;
			/* differences that have no squares are left as they are */
			if (variance > 0)
				points->scale[j] = sqrt(variance);
			scale_dimension(points, j, pause);
		}
		variances += variance / (points->scale[j] * points->scale[j]);
	}
	points->mean_variance = variances / points->d;
}

void
rfmseg_points_init(RfmsegPoints *points, const RfmsegRows *rows, bool standardize, double *blocks,
				   void *room, RfmsegPause pause)
{
	Ordering *o = room;
	uint64_t *keys = (uint64_t *) (o + 1);
	size_t i;

	o->rows = rows;
	o->stride = (size_t) (rows->d + rows->weighted);
	for (o->row_bits = 0; (rows->n - 1) >> o->row_bits > 0; o->row_bits++)
		;
	o->row_mask = (UINT64_C(1) << o->row_bits) - 1;
	o->room = (void *) blocks; /* which are not filled yet */
	o->pause = pause;
	o->cells = 0;
	for (i = 0; i < rows->n; i++)
		keys[i] = i;
	order(o, keys, rows->n, 0, rows->d);

	points->d = rows->d;
	points->blocks = blocks;
	merge(points, o, keys);
	measure(points, standardize, pause);
}
