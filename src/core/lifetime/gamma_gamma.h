/*
 * gamma_gamma.h
 *		The Gamma-Gamma model: what customers spend on a purchase is gamma(p, nu),
 *		and nu differs between them as gamma(q, v).
 *
 * Fader & Hardie, "The Gamma-Gamma Model of Monetary Value" (2013,
 * brucehardie.com/notes/025).  Of customers with repeat purchases of some value;
 * it has spending independent of how often they buy.
 *
 * Parameters: p, q, v (money).
 */
#ifndef RFMSEG_GAMMA_GAMMA_H
#define RFMSEG_GAMMA_GAMMA_H

#include "model.h"

extern const RfmsegLifetimeModel rfmseg_gamma_gamma;

/* Whether mean values exist: q > 1.  What the model says of them is used only if they do. */
extern bool rfmseg_gamma_gamma_has_mean(const double *parameters);

/*
 * The mean value of a purchase expected of a customer with so many repeat
 * purchases of that mean value: a weighted mean of it and all customers' one.
 * Without repeat purchases it is the latter, whatever the value.
 */
extern double rfmseg_expected_average_value(const double *parameters, double frequency_repeat,
											double monetary_value);

#endif
