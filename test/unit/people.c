/*
 * Customers' age, income, name and address: the tables they are drawn from, and
 * that they are drawn as the tables say.
 */
#include "synthetic/person.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prng.h"
#include "statistics.h"
#include "synthetic/us_names.h"
#include "synthetic/us_places.h"
#include "tap.h"

#define SEED 2005
#define PEOPLE 200000
#define MOST_CUSTOMERS INT64_C(10000000000)
#define YEAR 2025

/*
 * Who they are: the shares in percent, as documented
 */

static const double gender_shares[RFMSEG_GENDERS] = {51, 47, 2};
static const double age_shares[RFMSEG_AGE_BANDS] = {13, 23, 29, 23, 12};
static const int oldest_of[RFMSEG_AGE_BANDS] = {24, 34, 49, 65, 84};
static const double income_shares[RFMSEG_AGE_BANDS][RFMSEG_INCOMES] = {
	{38, 22, 20, 13, 5, 2},	 {15, 14, 20, 26, 15, 10}, {9, 9, 14, 24, 20, 24},
	{10, 9, 14, 23, 19, 25}, {24, 17, 20, 19, 10, 10},
};
static const double channel_shares[RFMSEG_AGE_BANDS][RFMSEG_CHANNELS] = {
	{34, 56, 10}, {43, 43, 14}, {49, 30, 21}, {47, 17, 36}, {38, 7, 55}};
static const double consent_shares[RFMSEG_AGE_BANDS] = {72, 70, 66, 60, 52};

static RfmsegPerson people[PEOPLE];

static int
band_of(int age)
{
	int band = 0;

	while (age > oldest_of[band])
		band++;
	return band;
}

/* Returns how many are of an age or a band that they cannot have. */
static int
make_people(void)
{
	int wrong = 0;
	int i;

	for (i = 0; i < PEOPLE; i++)
	{
		rfmseg_person(SEED, i + 1, &people[i]);
		wrong += people[i].age < 18 || people[i].age > 84 ||
			people[i].age_band != band_of(people[i].age);
	}
	return wrong;
}

static void
test_genders_and_ages(void)
{
	long seen[RFMSEG_GENDERS * RFMSEG_AGE_BANDS] = {0};
	double shares[RFMSEG_GENDERS * RFMSEG_AGE_BANDS];
	long by_age[RFMSEG_OLDEST + 1] = {0};
	double age_share[RFMSEG_OLDEST + 1] = {0};
	int youngest = RFMSEG_YOUNGEST;
	int band, gender, age, i;

	for (i = 0; i < PEOPLE; i++)
	{
		seen[people[i].gender * RFMSEG_AGE_BANDS + people[i].age_band]++;
		by_age[people[i].age]++;
	}
	for (gender = 0; gender < RFMSEG_GENDERS; gender++)
		for (band = 0; band < RFMSEG_AGE_BANDS; band++)
			shares[gender * RFMSEG_AGE_BANDS + band] = gender_shares[gender] * age_shares[band];
	for (band = 0; band < RFMSEG_AGE_BANDS; band++)
	{
		for (age = youngest; age <= oldest_of[band]; age++)
			age_share[age] = age_shares[band] / (oldest_of[band] - youngest + 1);
		youngest = oldest_of[band] + 1;
	}
	ok(shares_are(seen, shares, RFMSEG_GENDERS * RFMSEG_AGE_BANDS),
	   "genders and ages have their shares, whatever the other");
	ok(shares_are(by_age, age_share, RFMSEG_OLDEST + 1), "the years of an age band are alike");
}

/* Income and channel both depend on age, and not on each other. */
static void
test_band(int band)
{
	long seen[RFMSEG_INCOMES * RFMSEG_CHANNELS] = {0};
	double shares[RFMSEG_INCOMES * RFMSEG_CHANNELS];
	long of_band = 0;
	long consent = 0;
	int income, channel, i;

	for (i = 0; i < PEOPLE; i++)
		if (people[i].age_band == band)
		{
			seen[people[i].income * RFMSEG_CHANNELS + people[i].channel]++;
			consent += people[i].consent;
			of_band++;
		}
	for (income = 0; income < RFMSEG_INCOMES; income++)
		for (channel = 0; channel < RFMSEG_CHANNELS; channel++)
			shares[income * RFMSEG_CHANNELS + channel] =
				income_shares[band][income] * channel_shares[band][channel];
	ok(shares_are(seen, shares, RFMSEG_INCOMES * RFMSEG_CHANNELS),
	   "incomes and channels up to age %d", oldest_of[band]);
	ok(share_is(consent, of_band, consent_shares[band] / 100), "and consent");
}

static bool
same_person(const RfmsegPerson *a, const RfmsegPerson *b)
{
	return a->age == b->age && a->age_band == b->age_band && a->gender == b->gender &&
		a->income == b->income && a->channel == b->channel && a->consent == b->consent;
}

static bool
person_is_the_same(Prng *prng)
{
	int i = prng_below(prng, PEOPLE);
	RfmsegPerson person;

	rfmseg_person(SEED, i + 1, &person);
	return same_person(&person, &people[i]);
}

static void
test_people(void)
{
	long same = 0;
	int wrong = make_people();
	int band, i;

	ok(wrong == 0, "ages are from 18 to 84, and of their bands (%d not)", wrong);
	test_genders_and_ages();
	for (band = 0; band < RFMSEG_AGE_BANDS; band++)
		test_band(band);
	ok(always(person_is_the_same, 1000), "who a customer is does not depend on who came before");
	for (i = 0; i < 1000; i++)
	{
		RfmsegPerson person;

		rfmseg_person(SEED + 1, i + 1, &person);
		same += same_person(&person, &people[i]);
	}
	ok(same < 20, "with another seed they are others (%ld the same)", same);
	ok(strcmp(rfmseg_gender_names[0], "F") == 0 && strcmp(rfmseg_gender_names[1], "M") == 0,
	   "the first gender is women, whose names come first too");
}

/*
 * Tables of names
 */

static bool
is_name(const char *name)
{
	return *name >= 'A' && *name <= 'Z' &&
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'") == strlen(name);
}

static int
place_of(const char *name, const RfmsegWeighted *names, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i].name, name) == 0)
			break;
	return i;
}

/* Names are well formed, come once, the most frequent first, and add up. */
static bool
table_is_right(const RfmsegWeighted *names, int n, uint32_t all)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < n; i++)
	{
		sum += names[i].weight;
		if (!is_name(names[i].name) || names[i].weight == 0 ||
			place_of(names[i].name, names, n) != i ||
			(i > 0 && names[i].weight > names[i - 1].weight))
		{
			printf("# name %d, %s, is wrong\n", i, names[i].name);
			return false;
		}
	}
	return sum == all;
}

static void
test_name_tables(void)
{
	int decade, sex;

	for (decade = 0; decade < RFMSEG_NAME_DECADES; decade++)
		for (sex = 0; sex < 2; sex++)
			ok(table_is_right(rfmseg_first_names[decade][sex], RFMSEG_FIRST_NAMES,
							  rfmseg_all_first_names[decade][sex]),
			   "names of %s born from %d on", sex == 0 ? "women" : "men",
			   RFMSEG_NAMES_SINCE + decade * 10);
	ok(table_is_right(rfmseg_last_names, RFMSEG_LAST_NAMES, RFMSEG_ALL_LAST_NAMES), "last names");
	ok(strcmp(rfmseg_first_names[0][0][0].name, "Mary") == 0 &&
		   strcmp(rfmseg_first_names[1][1][0].name, "James") == 0 &&
		   strcmp(rfmseg_first_names[3][0][0].name, "Jennifer") == 0 &&
		   strcmp(rfmseg_first_names[4][1][0].name, "Michael") == 0 &&
		   strcmp(rfmseg_first_names[6][0][0].name, "Emily") == 0 &&
		   strcmp(rfmseg_last_names[0].name, "Smith") == 0,
	   "the most frequent ones are those that are known to be");
}

/*
 * First names
 */

static RfmsegAddress
address_of(int64_t customer_id, int gender, int age, int year)
{
	RfmsegPerson person = {.age = age, .gender = gender};
	RfmsegAddress address;

	rfmseg_address(SEED, customer_id, &person, year, &address);
	return address;
}

static int
decade_of(int born)
{
	int decade = 0;

	while (decade < RFMSEG_NAME_DECADES - 1 && born >= RFMSEG_NAMES_SINCE + 10 * (decade + 1))
		decade++;
	return decade;
}

static bool
is_among(const char *name, int decade, int sex)
{
	return place_of(name, rfmseg_first_names[decade][sex], RFMSEG_FIRST_NAMES) < RFMSEG_FIRST_NAMES;
}

/* In any year, from before the first names to after the last. */
static bool
name_fits_birth(Prng *prng)
{
	int year = 1900 + prng_below(prng, 300);
	int age = 18 + prng_below(prng, 67);
	int gender = prng_below(prng, 3);
	RfmsegAddress address = address_of(1 + prng_below(prng, 1000000), gender, age, year);
	int decade = decade_of(year - age);

	return (gender != 1 && is_among(address.first_name, decade, 0)) ||
		(gender != 0 && is_among(address.first_name, decade, 1));
}

static void
test_frequency_of_first_names(int decade, int sex)
{
	long seen[RFMSEG_FIRST_NAMES + 1] = {0};
	double shares[RFMSEG_FIRST_NAMES];
	int born = RFMSEG_NAMES_SINCE + decade * 10;
	int i;

	for (i = 0; i < RFMSEG_FIRST_NAMES; i++)
		shares[i] = rfmseg_first_names[decade][sex][i].weight;
	for (i = 0; i < 10000; i++)
	{
		/* the first and the last year of the decade */
		RfmsegAddress address = address_of(i + 1, sex, 40, 40 + born + (i % 2) * 9);

		seen[place_of(address.first_name, rfmseg_first_names[decade][sex], RFMSEG_FIRST_NAMES)]++;
	}
	ok(seen[RFMSEG_FIRST_NAMES] == 0 && shares_are(seen, shares, RFMSEG_FIRST_NAMES),
	   "names of %s born from %d on are as frequent as in the table", sex == 0 ? "women" : "men",
	   born);
}

static void
test_first_names(void)
{
	long women = 0, men = 0;
	int decade, i;

	ok(always(name_fits_birth, 20000), "first names are of the decade of birth, and of the gender");
	for (decade = 0; decade < RFMSEG_NAME_DECADES; decade++)
	{
		test_frequency_of_first_names(decade, 0);
		test_frequency_of_first_names(decade, 1);
	}
	for (i = 0; i < 10000; i++)
	{
		RfmsegAddress address = address_of(i + 1, 2, 30, YEAR);
		bool is_woman = is_among(address.first_name, decade_of(YEAR - 30), 0);

		/* a few names are of both */
		if (is_woman != is_among(address.first_name, decade_of(YEAR - 30), 1))
			*(is_woman ? &women : &men) += 1;
	}
	ok(women + men > 9000 && fabs((double) (women - men)) < 700,
	   "of neither gender are names of both (%ld of women, %ld of men)", women, men);
}

/*
 * E-mail addresses
 */

static char *
put_letters(char *at, const char *name)
{
	for (; *name != '\0'; name++)
		if (strchr("' ", *name) == NULL)
			*at++ = (char) (*name | 0x20);
	*at = '\0';
	return at;
}

enum
{
	PATTERNS = 3,
	DOMAINS = 3
};

/* Which of the pattern and domains it is; PATTERNS * DOMAINS for none. */
static int
pattern_of(const RfmsegAddress *address, int64_t customer_id)
{
	static const char *const domains[DOMAINS] = {"com", "net", "org"};
	char first[RFMSEG_EMAIL_SIZE], last[RFMSEG_EMAIL_SIZE], expected[3 * RFMSEG_EMAIL_SIZE];
	int pattern, domain;

	put_letters(first, address->first_name);
	put_letters(last, address->last_name);
	for (pattern = 0; pattern < PATTERNS; pattern++)
		for (domain = 0; domain < DOMAINS; domain++)
		{
			/* mary.smith1@, msmith1@, mary_smith1@ */
			snprintf(expected, sizeof(expected), "%.*s%s%s%lld@example.%s",
					 pattern == 1 ? 1 : (int) strlen(first), first,
					 pattern == 0 ? "." : (pattern == 1 ? "" : "_"), last, (long long) customer_id,
					 domains[domain]);
			if (strcmp(expected, address->email) == 0)
				return pattern * DOMAINS + domain;
		}
	return PATTERNS * DOMAINS;
}

/* By the characters alone, whatever the patterns are */
static bool
is_email_of_its_own(const char *email, int64_t customer_id)
{
	static const char *const ends[] = {"@example.com", "@example.net", "@example.org"};
	const char *digits = email + strspn(email, "abcdefghijklmnopqrstuvwxyz._");
	char *end;
	int i;

	if (digits == email || strtoll(digits, &end, 10) != customer_id)
		return false;
	for (i = 0; i < 3; i++)
		if (strcmp(end, ends[i]) == 0)
			return true;
	return false;
}

static bool
email_is_right(Prng *prng)
{
	uint64_t bits = prng_next(prng);
	int64_t id = 1 + (int64_t) ((bits >> 8) % (uint64_t) MOST_CUSTOMERS >> bits % 32);
	RfmsegAddress address = address_of(id, prng_below(prng, 3), 18 + prng_below(prng, 67), YEAR);

	return is_email_of_its_own(address.email, id) && pattern_of(&address, id) < PATTERNS * DOMAINS;
}

static size_t
longest(const RfmsegWeighted *names, int n)
{
	size_t length = 0;
	int i;

	for (i = 0; i < n; i++)
		if (strlen(names[i].name) > length)
			length = strlen(names[i].name);
	return length;
}

static void
test_emails(void)
{
	static const double pattern_shares[PATTERNS] = {50, 30, 20};
	static const double domain_shares[DOMAINS] = {60, 25, 15};
	long seen[PATTERNS * DOMAINS + 1] = {0};
	double shares[PATTERNS * DOMAINS];
	size_t first = 0;
	size_t last = longest(rfmseg_last_names, RFMSEG_LAST_NAMES);
	int i;

	ok(always(email_is_right, 20000),
	   "an address has the customer's name and number, so that no two are the same");
	for (i = 0; i < 20000; i++)
	{
		RfmsegAddress address = address_of(i + 1, people[i].gender, people[i].age, YEAR);

		seen[pattern_of(&address, i + 1)]++;
	}
	for (i = 0; i < PATTERNS * DOMAINS; i++)
		shares[i] = pattern_shares[i / DOMAINS] * domain_shares[i % DOMAINS];
	ok(seen[PATTERNS * DOMAINS] == 0 && shares_are(seen, shares, PATTERNS * DOMAINS),
	   "patterns and domains have their shares");

	for (i = 0; i < RFMSEG_NAME_DECADES * 2; i++)
	{
		size_t length = longest(rfmseg_first_names[i / 2][i % 2], RFMSEG_FIRST_NAMES);

		first = length > first ? length : first;
	}
	ok(first + last + strlen("_9223372036854775807@example.com") < RFMSEG_EMAIL_SIZE,
	   "the longest names, %zu and %zu letters, leave room for any number", first, last);
}

/*
 * Places
 */

/* Boxes around the states, in degrees: south, north, west, east */
static const struct
{
	const char *state;
	double south, north, west, east;
} boxes[RFMSEG_STATES] = {
	{"California", 32.5, 42.1, -124.5, -114.1},
	{"Texas", 25.8, 36.6, -106.7, -93.5},
	{"Florida", 24.4, 31.1, -87.7, -79.9},
	{"New York", 40.4, 45.1, -79.8, -71.8},
	{"Pennsylvania", 39.7, 42.3, -80.6, -74.6},
	{"Illinois", 36.9, 42.6, -91.6, -87.0},
	{"Ohio", 38.4, 42.0, -84.9, -80.5},
	{"Georgia", 30.3, 35.1, -85.7, -80.8},
	{"North Carolina", 33.8, 36.6, -84.4, -75.4},
	{"Michigan", 41.6, 48.4, -90.5, -82.3},
	{"New Jersey", 38.9, 41.4, -75.6, -73.8},
	{"Virginia", 36.5, 39.5, -83.7, -75.2},
	{"Washington", 45.5, 49.1, -124.9, -116.9},
	{"Arizona", 31.3, 37.1, -114.9, -109.0},
	{"Massachusetts", 41.2, 42.9, -73.6, -69.9},
	{"Tennessee", 34.9, 36.7, -90.4, -81.6},
	{"Indiana", 37.7, 41.8, -88.1, -84.7},
	{"Maryland", 37.8, 39.8, -79.5, -75.0},
	{"Missouri", 35.9, 40.7, -95.8, -89.0},
	{"Wisconsin", 42.4, 47.1, -92.9, -86.7},
	{"Colorado", 36.9, 41.1, -109.1, -102.0},
	{"Minnesota", 43.4, 49.4, -97.3, -89.4},
	{"South Carolina", 32.0, 35.3, -83.4, -78.4},
	{"Alabama", 30.1, 35.1, -88.5, -84.8},
	{"Louisiana", 28.9, 33.1, -94.1, -88.8},
	{"Kentucky", 36.4, 39.2, -89.6, -81.9},
	{"Oregon", 41.9, 46.3, -124.6, -116.4},
	{"Oklahoma", 33.6, 37.1, -103.1, -94.4},
	{"Connecticut", 40.9, 42.1, -73.8, -71.7},
	{"Utah", 36.9, 42.1, -114.1, -109.0},
	{"Iowa", 40.3, 43.6, -96.7, -90.1},
	{"Nevada", 35.0, 42.1, -120.1, -114.0},
	{"Arkansas", 33.0, 36.6, -94.7, -89.6},
	{"Mississippi", 30.1, 35.1, -91.7, -88.0},
	{"Kansas", 36.9, 40.1, -102.1, -94.5},
	{"New Mexico", 31.3, 37.1, -109.1, -103.0},
	{"Nebraska", 39.9, 43.1, -104.1, -95.3},
	{"Idaho", 41.9, 49.1, -117.3, -111.0},
	{"West Virginia", 37.2, 40.7, -82.7, -77.7},
	{"Hawaii", 18.9, 22.3, -160.3, -154.8},
	{"New Hampshire", 42.6, 45.4, -72.6, -70.6},
	{"Maine", 42.9, 47.5, -71.1, -66.9},
	{"Rhode Island", 41.1, 42.1, -71.9, -71.1},
	{"Montana", 44.3, 49.1, -116.1, -104.0},
	{"Delaware", 38.4, 39.9, -75.8, -75.0},
	{"South Dakota", 42.4, 46.0, -104.1, -96.4},
	{"North Dakota", 45.9, 49.1, -104.1, -96.5},
	{"Alaska", 51.2, 71.5, -180.0, -129.9},
	{"District of Columbia", 38.7, 39.1, -77.2, -76.9},
	{"Vermont", 42.7, 45.1, -73.5, -71.4},
	{"Wyoming", 40.9, 45.1, -111.1, -104.0},
};

static bool
is_in_state(const RfmsegCity *city, int state)
{
	return strcmp(rfmseg_states[state].name, boxes[state].state) == 0 &&
		city->latitude > boxes[state].south * 1e4 && city->latitude < boxes[state].north * 1e4 &&
		city->longitude > boxes[state].west * 1e4 && city->longitude < boxes[state].east * 1e4;
}

/* Every city is of one state, whose largest one comes first. */
static void
test_place_tables(void)
{
	uint64_t inhabitants = 0;
	int next = 0;
	int wrong_lists = 0;
	int astray = 0;
	int state, i;

	for (state = 0; state < RFMSEG_STATES; state++)
	{
		const RfmsegState *its = &rfmseg_states[state];

		inhabitants += its->inhabitants;
		wrong_lists += its->first_city != next || its->n_cities < 1;
		wrong_lists += state > 0 && its->inhabitants > rfmseg_states[state - 1].inhabitants;
		next += its->n_cities;
		for (i = its->first_city; i < its->first_city + its->n_cities; i++)
		{
			wrong_lists += i > its->first_city &&
				(rfmseg_cities[i].inhabitants > rfmseg_cities[i - 1].inhabitants ||
				 strcmp(rfmseg_cities[i].name, rfmseg_cities[i - 1].name) == 0);
			astray += !is_in_state(&rfmseg_cities[i], state);
		}
	}
	ok(RFMSEG_ALL_INHABITANTS == 331449281 && inhabitants == RFMSEG_ALL_INHABITANTS,
	   "the states have the inhabitants of the 2020 Census");
	ok(wrong_lists == 0 && next == RFMSEG_CITIES,
	   "states list all cities, the largest first (%d wrong)", wrong_lists);
	ok(astray == 0, "cities lie in their states (%d do not)", astray);
}

static int
find_state(const char *name)
{
	int i;

	for (i = 0; i < RFMSEG_STATES; i++)
		if (strcmp(rfmseg_states[i].name, name) == 0)
			break;
	return i;
}

/* RFMSEG_CITIES for one that is not of the state */
static int
find_city(const char *name, int state)
{
	const RfmsegState *its = &rfmseg_states[state];
	int i;

	for (i = its->first_city; i < its->first_city + its->n_cities; i++)
		if (strcmp(rfmseg_cities[i].name, name) == 0)
			return i;
	return RFMSEG_CITIES;
}

/* Of a state's inhabitants, all live in its cities, the more the larger. */
static void
set_shares(double *of_states, double *of_cities)
{
	int state, i;

	for (state = 0; state < RFMSEG_STATES; state++)
	{
		const RfmsegState *its = &rfmseg_states[state];
		double in_cities = 0;

		of_states[state] = its->inhabitants;
		for (i = its->first_city; i < its->first_city + its->n_cities; i++)
			in_cities += rfmseg_cities[i].inhabitants;
		for (i = its->first_city; i < its->first_city + its->n_cities; i++)
			of_cities[i] = its->inhabitants * (rfmseg_cities[i].inhabitants / in_cities);
	}
}

/* The difference of two whole numbers from 0 to 599, which are all as likely */
static void
test_scatter(const Moments *offsets, const Moments *squares, int farthest, const char *coordinate)
{
	ok(mean_is(offsets, 0) && mean_is(squares, 2 * (600.0 * 600 - 1) / 12),
	   "%s scatters around the centre", coordinate);
	ok(farthest > 570 && farthest < 600, "by less than 0.06 degrees (%d)", farthest);
}

static void
test_addresses(void)
{
	static double of_states[RFMSEG_STATES], of_cities[RFMSEG_CITIES], of_names[RFMSEG_LAST_NAMES];
	static long in_states[RFMSEG_STATES + 1], in_cities[RFMSEG_CITIES + 1];
	static long names[RFMSEG_LAST_NAMES + 1];
	Moments offsets[2] = {{0}}, squares[2] = {{0}}, products = {0};
	int farthest[2] = {0};
	int i, k;

	for (i = 0; i < PEOPLE; i++)
	{
		RfmsegAddress address = address_of(i + 1, people[i].gender, people[i].age, YEAR);
		int state = find_state(address.state);
		int city = state < RFMSEG_STATES ? find_city(address.city, state) : RFMSEG_CITIES;
		int off[2];

		in_states[state]++;
		in_cities[city]++;
		names[place_of(address.last_name, rfmseg_last_names, RFMSEG_LAST_NAMES)]++;
		if (city == RFMSEG_CITIES)
			continue;
		off[0] = address.latitude - rfmseg_cities[city].latitude;
		off[1] = address.longitude - rfmseg_cities[city].longitude;
		moments_add(&products, off[0] * off[1]);
		for (k = 0; k < 2; k++)
		{
			moments_add(&offsets[k], off[k]);
			moments_add(&squares[k], off[k] * off[k]);
			farthest[k] = abs(off[k]) > farthest[k] ? abs(off[k]) : farthest[k];
		}
	}
	set_shares(of_states, of_cities);
	for (i = 0; i < RFMSEG_LAST_NAMES; i++)
		of_names[i] = rfmseg_last_names[i].weight;
	ok(in_states[RFMSEG_STATES] == 0 && shares_are(in_states, of_states, RFMSEG_STATES),
	   "states have customers as they have inhabitants");
	ok(in_cities[RFMSEG_CITIES] == 0 && shares_are(in_cities, of_cities, RFMSEG_CITIES),
	   "so have the cities of a state, and no state has another's");
	ok(names[RFMSEG_LAST_NAMES] == 0 && shares_are(names, of_names, RFMSEG_LAST_NAMES),
	   "last names are as frequent as in the table");
	test_scatter(&offsets[0], &squares[0], farthest[0], "latitude");
	test_scatter(&offsets[1], &squares[1], farthest[1], "longitude");
	ok(mean_is(&products, 0), "latitude and longitude scatter apart");
}

static bool
address_is_the_same(Prng *prng)
{
	int64_t id = 1 + prng_below(prng, 1000000);
	RfmsegAddress a = address_of(id, 0, 40, YEAR);
	RfmsegAddress b;

	address_of(id + 1, 1, 30, YEAR);
	b = address_of(id, 0, 40, YEAR);
	return strcmp(a.email, b.email) == 0 && a.city == b.city && a.latitude == b.latitude &&
		a.longitude == b.longitude;
}

int
main(void)
{
	test_people();
	test_name_tables();
	test_first_names();
	test_emails();
	test_place_tables();
	test_addresses();
	ok(always(address_is_the_same, 1000), "an address does not depend on what was asked before");
	return done();
}
