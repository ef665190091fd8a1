/*
 * quality.c
 *		Silhouettes, and the ratio of variances.
 */
#include "quality.h"

#include <math.h>

#define PAUSE_EVERY 4096 /* coordinates of centres, or points */

static double
silhouette_of(double a, double b)
{
	double greater = a > b ? a : b;

	return greater > 0 ? (b - a) / greater : 0;
}

/* The least and the second least squared distance of each point */
RFMSEG_BY_LEAF static void
find_two_nearest(const RfmsegTree *tree, const double *leaf, const double *centres, int k,
				 double *restrict nearest, double *restrict second)
{
	double distances[RFMSEG_LEAF];
	int c, i;

	for (i = 0; i < RFMSEG_LEAF; i++)
		nearest[i] = second[i] = INFINITY;
	for (c = 0; c < k; c++)
	{
		rfmseg_leaf_distances(leaf, tree->d, centres + (size_t) c * (size_t) tree->d, distances);
		for (i = 0; i < RFMSEG_LEAF; i++)
		{
			double farther = distances[i] < nearest[i] ? nearest[i] : distances[i];

			second[i] = farther < second[i] ? farther : second[i];
			nearest[i] = distances[i] < nearest[i] ? distances[i] : nearest[i];
		}
	}
}

double
rfmseg_simplified_silhouette(const RfmsegTree *tree, const double *centres, int k)
{
	const RfmsegPoints *points = tree->points;
	double total = 0;
	int work = 0;
	size_t leaf;
	int i;

	if (k < 2)
		return NAN;
	for (leaf = 0; leaf < points->leaves; leaf++)
	{
		const double *at = rfmseg_leaf(points, leaf);
		double nearest[RFMSEG_LEAF];
		double second[RFMSEG_LEAF];
		double sum = 0;

		work += k * tree->d;
		if (work >= PAUSE_EVERY)
		{
			tree->pause();
			work = 0;
		}
		find_two_nearest(tree, at, centres, k, nearest, second);
		for (i = 0; i < RFMSEG_LEAF; i++)
			sum += at[tree->d * RFMSEG_LEAF + i] * silhouette_of(sqrt(nearest[i]), sqrt(second[i]));
		total += sum;
	}
	return total / points->weight;
}

int
rfmseg_nearest_centre(const double *point, const double *centres, int k, int d)
{
	double least = rfmseg_squared_distance(point, centres, d);
	int nearest = 0;
	int i;

	for (i = 1; i < k; i++)
	{
		double distance = rfmseg_squared_distance(point, centres + (size_t) i * (size_t) d, d);

		if (distance < least)
		{
			least = distance;
			nearest = i;
		}
	}
	return nearest;
}

/*
 * Silhouette of a sample
 */

typedef struct Sample
{
	size_t n;
	int d;
	int k;
	double *points;
	double *distances; /* by cluster: of one point from all others, added up */
	size_t *sizes;	   /* by cluster */
	int *clusters;	   /* of the points */
} Sample;

size_t
rfmseg_sample_size(size_t sample, int d, int k)
{
	return sample * ((size_t) d * sizeof(double) + sizeof(int)) +
		(size_t) k * (sizeof(double) + sizeof(size_t));
}

/* Takes the points at (i + 1/2) / n of the weight; heavy ones more than once. */
static void
take_sample(const RfmsegTree *tree, Sample *sample)
{
	const RfmsegPoints *points = tree->points;
	double step = points->weight / (double) sample->n;
	double passed = 0;
	size_t taken = 0;
	size_t i;
	int j;

	for (i = 0; i < points->n && taken < sample->n; i++)
	{
		const double *at = rfmseg_leaf(points, i / RFMSEG_LEAF) + i % RFMSEG_LEAF;

		if (i % PAUSE_EVERY == 0)
			tree->pause();
		passed += at[points->d * RFMSEG_LEAF];
		while (taken < sample->n && (((double) taken + 0.5) * step < passed || i + 1 == points->n))
		{
			for (j = 0; j < points->d; j++)
				sample->points[taken * (size_t) points->d + (size_t) j] = at[j * RFMSEG_LEAF];
			taken++;
		}
	}
}

static double
silhouette_in(const Sample *sample, size_t i)
{
	int own = sample->clusters[i];
	double a;
	double b = INFINITY;
	size_t other;
	int c;

	if (sample->sizes[own] < 2)
		return 0;
	for (c = 0; c < sample->k; c++)
		sample->distances[c] = 0;
	for (other = 0; other < sample->n; other++)
		sample->distances[sample->clusters[other]] +=
			sqrt(rfmseg_squared_distance(sample->points + i * (size_t) sample->d,
										 sample->points + other * (size_t) sample->d, sample->d));
	a = sample->distances[own] / (double) (sample->sizes[own] - 1);
	for (c = 0; c < sample->k; c++)
		if (c != own && sample->sizes[c] > 0)
		{
			double mean = sample->distances[c] / (double) sample->sizes[c];

			b = mean < b ? mean : b;
		}
	return silhouette_of(a, b);
}

double
rfmseg_sample_silhouette(const RfmsegTree *tree, const double *centres, int k, size_t n, void *room)
{
	Sample sample = {n, tree->d, k, room, NULL, NULL, NULL};
	double sum = 0;
	int clusters = 0;
	size_t i;
	int c;

	sample.distances = sample.points + n * (size_t) tree->d;
	sample.sizes = (void *) (sample.distances + k);
	sample.clusters = (int *) (sample.sizes + k);
	take_sample(tree, &sample);
	for (c = 0; c < k; c++)
		sample.sizes[c] = 0;
	for (i = 0; i < n; i++)
	{
		tree->pause();
		sample.clusters[i] =
			rfmseg_nearest_centre(sample.points + i * (size_t) tree->d, centres, k, tree->d);
		clusters += sample.sizes[sample.clusters[i]]++ == 0;
	}
	if (clusters < 2)
		return NAN;
	for (i = 0; i < n; i++)
	{
		tree->pause();
		sum += silhouette_in(&sample, i);
	}
	return sum / (double) n;
}

double
rfmseg_calinski_harabasz(const RfmsegPoints *points, int k, double inertia, double total)
{
	if (k < 2 || points->n <= (size_t) k || !(points->weight > k) || !(inertia > 0))
		return NAN;
	return (total - inertia) / (k - 1) / (inertia / (points->weight - k));
}
