/*
 * person.h
 *		Who a made-up customer is: age, income, name, address.
 *
 * Shares are those of the tables in person.c; docs/generators.md gives them.
 */
#ifndef RFMSEG_PERSON_H
#define RFMSEG_PERSON_H

#include <stdbool.h>
#include <stdint.h>

#define RFMSEG_GENDERS 3
#define RFMSEG_INCOMES 6
#define RFMSEG_CHANNELS 3
#define RFMSEG_AGE_BANDS 5
#define RFMSEG_YOUNGEST 18
#define RFMSEG_OLDEST 84

#define RFMSEG_EMAIL_SIZE 80

enum
{
	RFMSEG_WEB,
	RFMSEG_MOBILE_APP,
	RFMSEG_IN_STORE
};

extern const char *const rfmseg_gender_names[RFMSEG_GENDERS];
extern const char *const rfmseg_income_names[RFMSEG_INCOMES];
extern const char *const rfmseg_channel_names[RFMSEG_CHANNELS];

/* What bears on how people buy */
typedef struct RfmsegPerson
{
	int age;	  /* at the end of the calendar */
	int age_band; /* 18-24, 25-34, 35-49, 50-65, 66-84 */
	int gender;
	int income;	 /* bracket, from the lowest */
	int channel; /* the one preferred */
	bool consent;
} RfmsegPerson;

typedef struct RfmsegAddress
{
	const char *first_name;
	const char *last_name;
	char email[RFMSEG_EMAIL_SIZE];
	const char *city;
	const char *state;
	int32_t latitude; /* in 1/10000 degrees, some kilometres around the city's centre */
	int32_t longitude;
} RfmsegAddress;

extern void rfmseg_person(uint64_t seed, int64_t customer_id, RfmsegPerson *person);

/* The year is that of the calendar's end, in which the person has that age. */
extern void rfmseg_address(uint64_t seed, int64_t customer_id, const RfmsegPerson *person, int year,
						   RfmsegAddress *address);

#endif
