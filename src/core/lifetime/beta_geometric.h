/*
 * beta_geometric.h
 *		BG/NBD and MBG/NBD: customers buy at a rate of gamma(r, alpha), and drop
 *		out after a purchase with a probability of beta(a, b).
 *
 * Fader, Hardie & Lee, "Counting Your Customers the Easy Way: An Alternative to
 * the Pareto/NBD Model" (Marketing Science 24, 2005).  There nobody drops out
 * after the first purchase; in the model of Batislam, Denizel & Filiztekin
 * (IJRM 24, 2007) that purchase is like the others, and so, unlike in BG/NBD,
 * those who never came back need not be alive.
 *
 * Parameters: r, alpha (days), a, b.
 */
#ifndef RFMSEG_BETA_GEOMETRIC_H
#define RFMSEG_BETA_GEOMETRIC_H

#include "model.h"

extern const RfmsegLifetimeModel rfmseg_bgnbd;
extern const RfmsegLifetimeModel rfmseg_mbgnbd;

#endif
