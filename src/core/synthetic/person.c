/*
 * person.c
 *		Who a made-up customer is.  See person.h.
 */
#include "person.h"

#include <stdio.h>
#include <string.h>

#include "../random.h"
#include "streams.h"
#include "us_names.h"
#include "us_places.h"

const char *const rfmseg_gender_names[RFMSEG_GENDERS] = {"F", "M", "X"};
const char *const rfmseg_income_names[RFMSEG_INCOMES] = {"Under 25K", "25-34K", "35-49K",
														 "50-74K",	  "75-99K", "100K+"};
const char *const rfmseg_channel_names[RFMSEG_CHANNELS] = {
	[RFMSEG_WEB] = "Web", [RFMSEG_MOBILE_APP] = "Mobile App", [RFMSEG_IN_STORE] = "In-Store"};

/* All shares are in percent. */
static const uint32_t gender_shares[RFMSEG_GENDERS] = {51, 47, 2};
static const uint32_t age_shares[RFMSEG_AGE_BANDS] = {13, 23, 29, 23, 12};
static const int youngest_of[RFMSEG_AGE_BANDS + 1] = {RFMSEG_YOUNGEST,	25, 35, 50, 66,
													  RFMSEG_OLDEST + 1};

/* Incomes rise to the middle of life and fall with retirement. */
static const uint32_t income_shares[RFMSEG_AGE_BANDS][RFMSEG_INCOMES] = {
	{38, 22, 20, 13, 5, 2},	 {15, 14, 20, 26, 15, 10}, {9, 9, 14, 24, 20, 24},
	{10, 9, 14, 23, 19, 25}, {24, 17, 20, 19, 10, 10},
};

/* The younger, the more by phone; the older, the more in the shop. */
static const uint32_t channel_shares[RFMSEG_AGE_BANDS][RFMSEG_CHANNELS] = {
	{34, 56, 10}, {43, 43, 14}, {49, 30, 21}, {47, 17, 36}, {38, 7, 55},
};

/* Who may be contacted */
static const uint32_t consent_shares[RFMSEG_AGE_BANDS] = {72, 70, 66, 60, 52};

void
rfmseg_person(uint64_t seed, int64_t customer_id, RfmsegPerson *person)
{
	RfmsegRandom random;
	int band;

	rfmseg_random_start(&random, seed, RFMSEG_STREAM_PERSON, (uint64_t) customer_id);
	person->gender = rfmseg_random_pick(&random, gender_shares, 100);
	band = rfmseg_random_pick(&random, age_shares, 100);
	person->age_band = band;
	person->age = youngest_of[band] +
		(int) rfmseg_random_below(&random, (uint32_t) (youngest_of[band + 1] - youngest_of[band]));
	person->income = rfmseg_random_pick(&random, income_shares[band], 100);
	person->channel = rfmseg_random_pick(&random, channel_shares[band], 100);
	person->consent = rfmseg_random_below(&random, 100) < consent_shares[band];
}

/* Letters only, in lower case */
static char *
put_letters(char *at, const char *name, size_t at_most)
{
	for (; *name != '\0' && at_most > 0; name++, at_most--)
		if (*name >= 'A' && *name <= 'Z')
			*at++ = (char) (*name - 'A' + 'a');
		else if (*name >= 'a' && *name <= 'z')
			*at++ = *name;
	return at;
}

/*
 * An address of its own, as the number is in it, and under a domain that is kept
 * for examples (RFC 2606): mail to it reaches nobody.
 */
static void
put_email(RfmsegRandom *random, int64_t customer_id, RfmsegAddress *address)
{
	static const char *const domains[] = {"example.com", "example.net", "example.org"};
	static const uint32_t domain_shares[] = {60, 25, 15};
	static const uint32_t pattern_shares[] = {50, 30, 20};
	int pattern = rfmseg_random_pick(random, pattern_shares, 100);
	char *at = address->email;

	at = put_letters(at, address->first_name, pattern == 1 ? 1 : SIZE_MAX);
	if (pattern == 0)
		*at++ = '.';
	else if (pattern == 2)
		*at++ = '_';
	at = put_letters(at, address->last_name, SIZE_MAX);
	snprintf(at, RFMSEG_EMAIL_SIZE - (size_t) (at - address->email), "%lld@%s",
			 (long long) customer_id, domains[rfmseg_random_pick(random, domain_shares, 100)]);
}

/* A place between 0 and n - 1 on either side of 0, the nearer the likelier */
static int32_t
scatter(RfmsegRandom *random, uint32_t n)
{
	return (int32_t) rfmseg_random_below(random, n) - (int32_t) rfmseg_random_below(random, n);
}

void
rfmseg_address(uint64_t seed, int64_t customer_id, const RfmsegPerson *person, int year,
			   RfmsegAddress *address)
{
	RfmsegRandom random;
	int born = year - person->age;
	int decade;
	int sex;
	uint32_t place;
	int i;

	rfmseg_random_start(&random, seed, RFMSEG_STREAM_ADDRESS, (uint64_t) customer_id);

	decade = born < RFMSEG_NAMES_SINCE ? 0 : (born - RFMSEG_NAMES_SINCE) / 10;
	if (decade >= RFMSEG_NAME_DECADES)
		decade = RFMSEG_NAME_DECADES - 1;
	sex = person->gender < 2 ? person->gender : (int) rfmseg_random_below(&random, 2);
	address->first_name = rfmseg_pick_weighted(&random, rfmseg_first_names[decade][sex],
											   rfmseg_all_first_names[decade][sex]);
	address->last_name = rfmseg_pick_weighted(&random, rfmseg_last_names, RFMSEG_ALL_LAST_NAMES);
	put_email(&random, customer_id, address);

	place = rfmseg_random_below(&random, RFMSEG_ALL_INHABITANTS);
	for (i = 0; place >= rfmseg_states[i].inhabitants; i++)
		place -= rfmseg_states[i].inhabitants;
	address->state = rfmseg_states[i].name;
	{
		const RfmsegCity *city = &rfmseg_cities[rfmseg_states[i].first_city];
		int n_cities = rfmseg_states[i].n_cities;
		uint32_t inhabitants = 0;

		for (i = 0; i < n_cities; i++)
			inhabitants += city[i].inhabitants;
		place = rfmseg_random_below(&random, inhabitants);
		for (; place >= city->inhabitants; city++)
			place -= city->inhabitants;
		address->city = city->name;
		address->latitude = city->latitude + scatter(&random, 600);
		address->longitude = city->longitude + scatter(&random, 600);
	}
}
