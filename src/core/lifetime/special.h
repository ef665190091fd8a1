/*
 * special.h
 *		Functions of the models of customer lifetime value that give the same bits
 *		on every machine: made of +, -, *, / and portable_math.h.
 *
 * Errors are at most 5e-15 times the greater of 1 and the result, those of
 * log_gamma and log_beta 2e-14.  Arguments are above 0 unless said otherwise.
 */
#ifndef RFMSEG_SPECIAL_H
#define RFMSEG_SPECIAL_H

/* ln(exp(a) + exp(b)) */
extern double rfmseg_log_sum(double a, double b);

/* 1 / (1 + exp(-x)) */
extern double rfmseg_logistic(double x);

/* (1 - exp(-x)) / x of any x, 1 at 0; infinite below -709. */
extern double rfmseg_mean_decay(double x);

extern double rfmseg_log_gamma(double x);
extern double rfmseg_digamma(double x);
extern double rfmseg_trigamma(double x);

/*
 * ln B(c, q); digamma(c + q) - digamma(c), and likewise trigamma.  Not by
 * differences of large numbers, so that they hold for arguments of any size.
 */
extern double rfmseg_log_beta(double c, double q);
extern double rfmseg_digamma_step(double c, double q);
extern double rfmseg_trigamma_step(double c, double q);

#endif
