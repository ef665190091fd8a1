/*
 * seeding.c
 *		Greedy k-means++ on the tree.
 *
 * Each node knows the nearest centre of all of its points, if that is the same
 * one; the sum of squared distances then follows from the node alone.  A new
 * centre concerns only nodes that are not wholly nearer to another one.
 */
#include "seeding.h"

#include "../portable_math.h"

#define NO_OWNER (-1)
#define PAUSE_EVERY 256 /* leaves */

typedef struct Seeding
{
	const RfmsegTree *tree;
	double *centres;	/* chosen so far */
	double *potentials; /* of nodes: weighted squared distances from the nearest centres */
	double
		*distances;	 /* of points, squared, from the nearest centre; only in leaves without owner */
	int32_t *owners; /* of nodes: the nearest centre of all points, or NO_OWNER */
	int32_t *rivals; /* of nodes without owner: a centre near the middle */
	unsigned visits;
} Seeding;

size_t
rfmseg_seeding_size(size_t rows)
{
	size_t leaves = (rows + RFMSEG_LEAF - 1) / RFMSEG_LEAF;

	return 2 * leaves * (sizeof(double) + 2 * sizeof(int32_t)) +
		leaves * RFMSEG_LEAF * sizeof(double);
}

static const double *
centre_of(const Seeding *s, int32_t i)
{
	return s->centres + (size_t) i * (size_t) s->tree->d;
}

static void
breathe(Seeding *s)
{
	if (++s->visits % PAUSE_EVERY == 0)
		s->tree->pause();
}

/* The distances of a leaf's points from the nearest centre, whoever owns it. */
static const double *
leaf_distances(const Seeding *s, RfmsegNode node, int32_t owner, double *room)
{
	const RfmsegTree *tree = s->tree;

	if (owner == NO_OWNER)
		return s->distances + node.leaf * RFMSEG_LEAF;
	rfmseg_leaf_distances(rfmseg_leaf(tree->points, node.leaf), tree->d, centre_of(s, owner), room);
	return room;
}

/* The potential of a leaf once there is another centre; "distances" may be where those so far are. */
RFMSEG_BY_LEAF static double
leaf_potential(const Seeding *s, RfmsegNode node, int32_t owner, const double *centre,
			   double *distances)
{
	const RfmsegTree *tree = s->tree;
	const double *leaf = rfmseg_leaf(tree->points, node.leaf);
	const double *weights = leaf + tree->d * RFMSEG_LEAF;
	double room[RFMSEG_LEAF];
	const double *old = leaf_distances(s, node, owner, room);
	double new[RFMSEG_LEAF];
	double potential = 0;
	int i;

	rfmseg_leaf_distances(leaf, tree->d, centre, new);
	for (i = 0; i < RFMSEG_LEAF; i++)
		distances[i] = new[i] < old[i] ? new[i] : old[i];
	for (i = 0; i < RFMSEG_LEAF; i++)
		potential += weights[i] * distances[i];
	return potential;
}

/* What is known of a node: its owner, which may be an ancestor's, and its potential. */
static double
potential_of(const Seeding *s, RfmsegNode node, int32_t inherited, int32_t *owner)
{
	if (inherited != NO_OWNER)
	{
		*owner = inherited;
		return rfmseg_node_inertia(s->tree, node, centre_of(s, inherited));
	}
	*owner = s->owners[node.index];
	return s->potentials[node.index];
}

/* The potential that a node would have if there was another centre. */
static double
potential_with(Seeding *s, RfmsegNode node, int32_t inherited, const double *centre)
{
	int32_t owner;
	double potential = potential_of(s, node, inherited, &owner);
	int32_t rival = owner == NO_OWNER ? s->rivals[node.index] : owner;
	double room[RFMSEG_LEAF];

	breathe(s);
	if (rfmseg_is_nearer(s->tree, node, centre_of(s, rival), centre))
		return potential;
	if (owner != NO_OWNER && rfmseg_is_nearer(s->tree, node, centre, centre_of(s, owner)))
		return rfmseg_node_inertia(s->tree, node, centre);
	if (node.leaves == 1)
		return leaf_potential(s, node, owner, centre, room);
	return potential_with(s, rfmseg_left(node), owner, centre) +
		potential_with(s, rfmseg_right(node), owner, centre);
}

/* Twice the middle of the box is as good as the middle. */
static double
distance_from_middle(const RfmsegTree *tree, RfmsegNode node, const double *centre)
{
	const double *low = rfmseg_low(tree, node);
	const double *high = rfmseg_high(tree, node);
	double sum = 0;
	int j;

	for (j = 0; j < tree->d; j++)
	{
		double off = (centre[j] - low[j]) + (centre[j] - high[j]);

		sum += off * off;
	}
	return sum;
}

/* Makes the centre number "added" one of those there are. */
static double
add_centre(Seeding *s, RfmsegNode node, int32_t inherited, int32_t added)
{
	const double *centre = centre_of(s, added);
	int32_t owner;
	double potential = potential_of(s, node, inherited, &owner);
	int32_t rival = owner == NO_OWNER ? s->rivals[node.index] : owner;

	breathe(s);
	if (rfmseg_is_nearer(s->tree, node, centre_of(s, rival), centre))
	{
		s->owners[node.index] = owner;
		s->potentials[node.index] = potential;
		return potential;
	}
	if (owner != NO_OWNER && rfmseg_is_nearer(s->tree, node, centre, centre_of(s, owner)))
	{
		s->owners[node.index] = added;
		potential = rfmseg_node_inertia(s->tree, node, centre);
	}
	else
	{
		s->rivals[node.index] = distance_from_middle(s->tree, node, centre) <
				distance_from_middle(s->tree, node, centre_of(s, rival))
			? added
			: rival;
		potential = node.leaves == 1
			? leaf_potential(s, node, owner, centre, s->distances + node.leaf * RFMSEG_LEAF)
			: add_centre(s, rfmseg_left(node), owner, added) +
				add_centre(s, rfmseg_right(node), owner, added);
		s->owners[node.index] = NO_OWNER;
	}
	s->potentials[node.index] = potential;
	return potential;
}

/* The first point at which the sum of shares is above what is sought; else the last that has any. */
static int
find_in_leaf(const double *shares, double sought)
{
	int found = 0;
	int i;

	for (i = 0; i < RFMSEG_LEAF; i++)
		if (shares[i] > 0)
		{
			found = i;
			if (sought < shares[i])
				break;
			sought -= shares[i];
		}
	return found;
}

static void
copy_point(const RfmsegTree *tree, size_t leaf, int i, double *centre)
{
	int j;

	for (j = 0; j < tree->d; j++)
		centre[j] = rfmseg_leaf(tree->points, leaf)[j * RFMSEG_LEAF + i];
}

/* Draws a point in proportion to its weight. */
static void
draw_by_weight(const RfmsegTree *tree, RfmsegRandom *random, double *centre)
{
	RfmsegNode node = rfmseg_root(tree);
	double sought = rfmseg_random_uniform(random) * rfmseg_weight(tree, node);

	while (node.leaves > 1)
	{
		double left = rfmseg_weight(tree, rfmseg_left(node));

		if (sought < left)
			node = rfmseg_left(node);
		else
		{
			sought -= left;
			node = rfmseg_right(node);
		}
	}
	copy_point(tree, node.leaf,
			   find_in_leaf(rfmseg_leaf(tree->points, node.leaf) + tree->d * RFMSEG_LEAF, sought),
			   centre);
}

/* Draws a point in proportion to its weighted squared distance from the nearest centre. */
static void
draw_by_distance(const Seeding *s, RfmsegRandom *random, double *centre)
{
	const RfmsegTree *tree = s->tree;
	RfmsegNode node = rfmseg_root(tree);
	int32_t owner;
	double sought = rfmseg_random_uniform(random) * potential_of(s, node, NO_OWNER, &owner);
	double room[RFMSEG_LEAF];
	double shares[RFMSEG_LEAF];
	const double *weights;
	const double *distances;
	int i;

	while (node.leaves > 1)
	{
		RfmsegNode left = rfmseg_left(node);
		int32_t owner_of_left;
		double potential = potential_of(s, left, owner, &owner_of_left);

		if (sought < potential)
		{
			node = left;
			owner = owner_of_left;
		}
		else
		{
			sought -= potential;
			node = rfmseg_right(node);
			if (owner == NO_OWNER)
				owner = s->owners[node.index];
		}
	}
	weights = rfmseg_leaf(tree->points, node.leaf) + tree->d * RFMSEG_LEAF;
	distances = leaf_distances(s, node, owner, room);
	for (i = 0; i < RFMSEG_LEAF; i++)
		shares[i] = weights[i] * distances[i];
	copy_point(tree, node.leaf, find_in_leaf(shares, sought), centre);
}

static int
trials_of(int k)
{
	return 2 + (int) rfmseg_log(k);
}

static void
choose(Seeding *s, int chosen, int trials, RfmsegRandom *random)
{
	const RfmsegTree *tree = s->tree;
	double *next = s->centres + (size_t) chosen * (size_t) tree->d;
	double candidate[RFMSEG_MAX_DIMENSIONS];
	double least = 0;
	int trial, j;

	for (trial = 0; trial < trials; trial++)
	{
		double potential;

		draw_by_distance(s, random, candidate);
		potential = potential_with(s, rfmseg_root(tree), NO_OWNER, candidate);
		if (trial > 0 && !(potential < least))
			continue;
		least = potential;
		for (j = 0; j < tree->d; j++)
			next[j] = candidate[j];
	}
	add_centre(s, rfmseg_root(tree), NO_OWNER, chosen);
}

bool
rfmseg_seed_centres(const RfmsegTree *tree, int k, RfmsegRandom *random, double *centres,
					void *room)
{
	Seeding s;
	int trials = trials_of(k);
	int chosen;

	s.tree = tree;
	s.centres = centres;
	s.potentials = room;
	s.distances = s.potentials + tree->n_nodes;
	s.owners = (void *) (s.distances + tree->points->leaves * RFMSEG_LEAF);
	s.rivals = s.owners + tree->n_nodes;
	s.visits = 0;

	draw_by_weight(tree, random, centres);
	s.owners[0] = 0;
	s.potentials[0] = rfmseg_node_inertia(tree, rfmseg_root(tree), centres);
	for (chosen = 1; chosen < k; chosen++)
	{
		if (!(s.potentials[0] > 0))
			return false;
		choose(&s, chosen, trials, random);
	}
	return true;
}
