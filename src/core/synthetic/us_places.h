/*
 * us_places.h
 *		The states of the United States and their largest cities.
 */
#ifndef RFMSEG_US_PLACES_H
#define RFMSEG_US_PLACES_H

#include <stdint.h>

#define RFMSEG_STATES 51 /* with the District of Columbia */
#define RFMSEG_CITIES 275
#define RFMSEG_ALL_INHABITANTS 331449281 /* of all states */

typedef struct RfmsegState
{
	const char *name;
	uint32_t inhabitants;
	int first_city; /* of rfmseg_cities */
	int n_cities;	/* its largest, at least one */
} RfmsegState;

typedef struct RfmsegCity
{
	const char *name;
	uint32_t inhabitants;
	int32_t latitude; /* of its centre, in 1/10000 degrees */
	int32_t longitude;
} RfmsegCity;

extern const RfmsegState rfmseg_states[RFMSEG_STATES];
extern const RfmsegCity rfmseg_cities[RFMSEG_CITIES];

#endif
