/*
 * pareto.h
 *		Pareto/NBD: customers buy at a rate of gamma(r, alpha), and drop out at a
 *		rate of gamma(s, beta).
 *
 * Schmittlein, Morrison & Colombo, "Counting Your Customers" (Management Science
 * 33, 1987); Fader & Hardie, "A Note on Deriving the Pareto/NBD Model" (2005,
 * brucehardie.com/notes/009).
 *
 * Parameters: r, alpha (days), s, beta (days).
 */
#ifndef RFMSEG_PARETO_H
#define RFMSEG_PARETO_H

#include "model.h"

extern const RfmsegLifetimeModel rfmseg_pnbd;

#endif
