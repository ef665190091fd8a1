/*
 * us_names.h
 *		First names by decade of birth, and last names, of the United States.
 */
#ifndef RFMSEG_US_NAMES_H
#define RFMSEG_US_NAMES_H

#include "weighted.h"

#define RFMSEG_NAMES_SINCE 1940 /* the first decade of birth */
#define RFMSEG_NAME_DECADES 7
#define RFMSEG_FIRST_NAMES 100
#define RFMSEG_LAST_NAMES 1000
#define RFMSEG_ALL_LAST_NAMES 120848141 /* their bearers */

/* by decade, and by sex: women's, men's */
extern const RfmsegWeighted *const rfmseg_first_names[RFMSEG_NAME_DECADES][2];
extern const uint32_t rfmseg_all_first_names[RFMSEG_NAME_DECADES][2]; /* births with these names */
extern const RfmsegWeighted rfmseg_last_names[RFMSEG_LAST_NAMES];

#endif
