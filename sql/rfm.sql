--
-- rfm(): recency, frequency, monetary value and the BTYD view of one customer
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
\set SHOW_CONTEXT never
\pset null '(null)'
SET datestyle = ISO;
CREATE SCHEMA rfm_test;
SET search_path = rfm_test, pg_catalog;

-- The metrics of one customer, whose lines are given as 'time in UTC, amount, order key; ...'
CREATE FUNCTION shown(m rfmseg.rfm_metrics)
RETURNS TABLE (first timestamp, last timestamp, recency int, frequency bigint, monetary numeric, average numeric,
	x int, t_x float8, t float8, z numeric)
LANGUAGE sql AS $$
	SELECT m.first_purchase_at AT TIME ZONE 'UTC', m.last_purchase_at AT TIME ZONE 'UTC', m.recency_days, m.frequency,
		m.monetary, round(m.avg_order_value, 4), m.frequency_repeat, m.recency_btyd, m.t_age, round(m.monetary_value::numeric, 4)
$$;
CREATE FUNCTION metrics(lines text, as_of timestamptz DEFAULT '2024-02-01 00:00 UTC', zone text DEFAULT NULL)
RETURNS rfmseg.rfm_metrics LANGUAGE sql AS $$
	SELECT rfmseg.rfm((part[1] || ' UTC')::timestamptz, part[2]::numeric, as_of, part[3], zone)
	FROM regexp_split_to_table(lines, '; *') line, regexp_split_to_array(line, ', *') part
$$;

--
-- What a purchase is
--

-- without an order key a purchase is a day: three lines on two days are two
SELECT frequency, monetary FROM shown((SELECT rfmseg.rfm(at, amount, '2024-02-01 00:00 UTC') FROM (VALUES
	('2024-01-05 10:00 UTC'::timestamptz, 10.00), ('2024-01-05 23:59 UTC', 5.50), ('2024-01-06 00:00 UTC', 1)) l (at, amount)));
-- with an order key it is an order: the same three lines are three orders, or one
SELECT array_agg((rfm).frequency ORDER BY same) AS frequencies FROM (
	SELECT same, rfmseg.rfm(at, amount, '2024-02-01 00:00 UTC', CASE WHEN same THEN 'A' ELSE key END) FROM (VALUES
	('2024-01-05 10:00 UTC'::timestamptz, 10.00, 'A'), ('2024-01-05 23:59 UTC', 5.50, 'B'), ('2024-01-06 00:00 UTC', 1, 'C'))
	l (at, amount, key), (VALUES (true), (false)) s (same) GROUP BY same) g;
-- the fifth argument names the zone of the days: in Auckland all three fall on one day
SELECT frequency FROM shown((SELECT rfmseg.rfm(at, amount, '2024-02-01 00:00 UTC', NULL, 'Pacific/Auckland') FROM (VALUES
	('2024-01-05 11:00 UTC'::timestamptz, 10.00), ('2024-01-05 23:59 UTC', 5.50), ('2024-01-06 00:00 UTC', 1)) l (at, amount)));
-- the three forms agree where there is no key and the zone is UTC
SELECT count(DISTINCT m::text) AS different, count(m) AS forms FROM (
	SELECT unnest(ARRAY[rfmseg.rfm(at, 7.25, '2024-02-01 00:00 UTC'), rfmseg.rfm(at, 7.25, '2024-02-01 00:00 UTC', NULL),
		rfmseg.rfm(at, 7.25, '2024-02-01 00:00 UTC', NULL, NULL), rfmseg.rfm(at, 7.25, '2024-02-01 00:00 UTC', NULL, 'UTC')]) AS m
	FROM generate_series('2024-01-01 00:00 UTC'::timestamptz, '2024-01-20 00:00 UTC', '7 hours') at) f;
-- one purchase: first and last are the same, nothing is repeated
SELECT * FROM shown(metrics('2024-01-05 10:00, 10.00, A'));
-- lines are not purchases: an order of four lines counts once, its total is theirs, and equal lines all count
SELECT * FROM shown(metrics('2024-01-05 10:00, 10, A; 2024-01-05 10:00, 10, A; 2024-01-05 10:00, 2.5, A; 2024-01-05 10:00, 7, A'));
-- two orders on one day are two purchases, and one day of the BTYD view
SELECT * FROM shown(metrics('2024-01-05 10:00, 10, A; 2024-01-05 18:00, 20, B'));
-- a line without a key among keyed ones belongs to its day, apart from the orders of that day
SELECT * FROM shown(metrics('2024-01-05 10:00, 10, A; 2024-01-05 11:00, 1; 2024-01-05 12:00, 2; 2024-01-06 09:00, 4'));
-- an empty key is a key, and keys differ by their bytes
SELECT frequency FROM shown((SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, '2024-02-01 00:00 UTC', key)
	FROM unnest(ARRAY['', 'a', 'A', 'a ', 'aa', '', 'a', NULL]) key));
-- an order whose lines span midnight is one purchase, on the day of its first line; last_purchase_at is its last line
SELECT * FROM shown(metrics('2024-01-06 00:10, 5, A; 2024-01-05 23:50, 10, A'));
-- an amount of zero is a purchase like any other, with and without a key
SELECT * FROM shown(metrics('2024-01-05 10:00, 0, A; 2024-01-08 10:00, 0'));
-- the order of the rows does not matter
SELECT count(DISTINCT metrics(lines)::text) AS different FROM (VALUES
	('2024-01-05 10:00, 10, A; 2024-01-09 10:00, 20, B; 2024-01-12 10:00, -10, A; 2024-01-07 10:00, 3'),
	('2024-01-07 10:00, 3; 2024-01-12 10:00, -10, A; 2024-01-09 10:00, 20, B; 2024-01-05 10:00, 10, A'),
	('2024-01-12 10:00, -10, A; 2024-01-05 10:00, 10, A; 2024-01-07 10:00, 3; 2024-01-09 10:00, 20, B')) v (lines);

--
-- Returns
--

-- a part returned lowers monetary and the order's total, and moves no date and no count
SELECT * FROM shown(metrics('2024-01-05 10:00, 10, A; 2024-01-09 10:00, 20, B; 2024-01-20 10:00, -5, B'));
-- an order wholly returned is no purchase; the last purchase is the one before
SELECT * FROM shown(metrics('2024-01-05 10:00, 10, A; 2024-01-09 10:00, 20, B; 2024-01-20 10:00, -20, B'));
-- so is one for which more was given back than paid
SELECT * FROM shown(metrics('2024-01-05 10:00, 10, A; 2024-01-09 10:00, 20, B; 2024-01-20 10:00, -25, B'));
-- a return under a key of its own lowers monetary and leaves both orders what they were
SELECT * FROM shown(metrics('2024-01-05 10:00, 10, A; 2024-01-09 10:00, 20, B; 2024-01-20 10:00, -20, C-B'));
-- a return never moves recency, be it the newest line or the oldest, keyed or not
SELECT lines, recency, frequency, x, t_x, t FROM (VALUES
	('2024-01-09 10:00, 20, B; 2024-01-31 10:00, -5, B'), ('2024-01-09 10:00, 20, B; 2024-01-01 10:00, -5, B'),
	('2024-01-09 10:00, 20, B; 2024-01-31 10:00, -5, R'), ('2024-01-09 10:00, 20; 2024-01-31 10:00, -5'),
	('2024-01-09 10:00, 20; 2024-01-01 10:00, -5')) v (lines), shown(metrics(lines));
-- without keys a return on a later day leaves the earlier day what it was, even if it undoes it
SELECT * FROM shown(metrics('2024-01-05 10:00, 10; 2024-01-09 10:00, -10'));
-- a day without keys that nets to exactly zero is no purchase
SELECT * FROM shown(metrics('2024-01-05 10:00, 10; 2024-01-09 10:00, 20; 2024-01-09 11:00, -20.00'));
-- one that nets below zero stays one, as it may hold returns of earlier days
SELECT * FROM shown(metrics('2024-01-05 10:00, 10; 2024-01-09 10:00, 20; 2024-01-09 11:00, -25'));
-- a total of zero without any return is a purchase (see above), with one it is none
SELECT * FROM shown(metrics('2024-01-05 10:00, 0, A; 2024-01-05 10:00, 3, B; 2024-01-05 10:00, -3, B'));
-- nothing but returns: no purchases and no dates, monetary below zero
SELECT * FROM shown(metrics('2024-01-05 10:00, -10, A; 2024-01-09 10:00, -2.50'));
-- everything refunded: no purchases and no dates, monetary zero
SELECT * FROM shown(metrics('2024-01-05 10:00, 10, A; 2024-01-09 10:00, -10, A'));

--
-- What is ignored
--

-- events after as_of are ignored, to the microsecond; one exactly at as_of counts
SELECT * FROM shown(metrics('2024-01-31 10:00, 10, A; 2024-02-01 00:00:00, 20, B; 2024-02-01 00:00:00.000001, 40, C'));
-- a refund after as_of has not happened yet
SELECT frequency, monetary FROM shown(metrics('2024-01-31 10:00, 10, A; 2024-02-02 10:00, -10, A'));
-- lines whose time or amount is NULL are ignored, whatever their as_of is
SELECT * FROM shown((SELECT rfmseg.rfm(at, amount, as_of, 'A') FROM (VALUES
	('2024-01-05 10:00 UTC'::timestamptz, 10, '2024-02-01 00:00 UTC'::timestamptz),
	(NULL, 20, '2024-02-01 00:00 UTC'), ('2024-01-06 10:00 UTC', NULL, '2024-02-01 00:00 UTC'), (NULL, NULL, NULL)) l (at, amount, as_of)));
-- no rows, none but ignored rows, none but later rows: NULL
SELECT rfmseg.rfm(at, 1, '2024-02-01 00:00 UTC') IS NOT DISTINCT FROM NULL AS no_rows
FROM generate_series('2024-01-01 00:00 UTC'::timestamptz, '2023-01-01 00:00 UTC', '1 day') at;
SELECT rfmseg.rfm(NULL, 1, '2024-02-01 00:00 UTC') IS NOT DISTINCT FROM NULL AS null_time,
	rfmseg.rfm('2024-01-05 10:00 UTC', NULL, '2024-02-01 00:00 UTC') IS NOT DISTINCT FROM NULL AS null_amount,
	rfmseg.rfm('2024-03-05 10:00 UTC', 1, '2024-02-01 00:00 UTC') IS NOT DISTINCT FROM NULL AS later
FROM generate_series(1, 3);

--
-- Money is exact
--

-- cents that binary floating point loses: 2^53 + 1, and a tenth ten times
SELECT (rfmseg.rfm('2024-01-05 10:00 UTC', 9007199254740993, '2024-02-01 00:00 UTC')).monetary;
SELECT (rfmseg.rfm('2024-01-05 10:00 UTC', 0.1, '2024-02-01 00:00 UTC')).monetary FROM generate_series(1, 10);
-- twenty decimals are kept
SELECT monetary, average FROM shown(metrics('2024-01-05 10:00, 0.00000000000000000001, A; 2024-01-06 10:00, 123456789012345.5, B'));
-- as many decimals are shown as sum(numeric) shows, and avg_order_value is monetary / frequency
SELECT amounts, (m).monetary, (m).monetary::text = total::text AS same, (m).frequency, (m).avg_order_value::text = (total / nullif((m).frequency, 0))::text AS same_average
FROM (VALUES ('{10}'::numeric[]), ('{10.00}'), ('{1.5,2.500}'), ('{1.5,2.50,-4.0000}'), ('{0.00000}'), ('{100000,0.0001}'),
	('{-0.5}'), ('{12345678901234567890.0000000000000000000000000000000000000000}'), ('{1e-37}'), ('{1e30,7}'), ('{10000.0001,9999,0.9999}'))
	v (amounts),
	LATERAL (SELECT rfmseg.rfm('2024-01-05 10:00 UTC', a, '2024-02-01 00:00 UTC', a::text) AS m, sum(a) AS total FROM unnest(amounts) a) s;
-- 38 digits fit, as one amount, as a total, with decimals, and below zero
SELECT (m).monetary, (m).monetary = total AS same
FROM (VALUES (ARRAY[repeat('9', 38)::numeric]), (ARRAY[repeat('9', 37)::numeric * 10, 9]), (ARRAY[(repeat('9', 20) || '.' || repeat('9', 18))::numeric]),
	(ARRAY[-repeat('9', 38)::numeric]), (ARRAY[('0.' || repeat('9', 37))::numeric])) v (amounts),
	LATERAL (SELECT rfmseg.rfm('2024-01-05 10:00 UTC', a, '2024-02-01 00:00 UTC') AS m, sum(a) AS total FROM unnest(amounts) a) s;
-- 39 do not: as one amount,
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1e38, '2024-02-01 00:00 UTC');
\echo :SQLSTATE
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', -1e200, '2024-02-01 00:00 UTC');
\echo :SQLSTATE
-- as an amount of 38 decimals,
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1e-38, '2024-02-01 00:00 UTC');
\echo :SQLSTATE
-- as the total of an order,
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', a, '2024-02-01 00:00 UTC', 'A') FROM unnest(ARRAY[repeat('9', 38)::numeric, 1]) a;
\echo :SQLSTATE
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', a, '2024-02-01 00:00 UTC', 'A') FROM unnest(ARRAY[1e37, 0.01]) a;
\echo :SQLSTATE
-- as the total of a customer,
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', a, '2024-02-01 00:00 UTC', a::text) FROM unnest(ARRAY[repeat('9', 38)::numeric, 1]) a;
\echo :SQLSTATE
-- as the total of a day whose orders a return under another key offsets
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', a, '2024-02-01 00:00 UTC', n::text) FROM unnest(ARRAY[9e37, -9e37, 9e37]) WITH ORDINALITY u (a, n);
\echo :SQLSTATE

--
-- Errors
--

-- NaN and infinite amounts
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 'NaN', '2024-02-01 00:00 UTC');
\echo :SQLSTATE
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 'Infinity', '2024-02-01 00:00 UTC');
\echo :SQLSTATE
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', '-Infinity', '2024-02-01 00:00 UTC');
\echo :SQLSTATE
-- infinite times, later than as_of or not
SELECT rfmseg.rfm('infinity', 1, '2024-02-01 00:00 UTC');
\echo :SQLSTATE
SELECT rfmseg.rfm('-infinity', 1, '2024-02-01 00:00 UTC');
\echo :SQLSTATE
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, 'infinity');
\echo :SQLSTATE
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, '-infinity');
\echo :SQLSTATE
-- no as_of
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, NULL);
\echo :SQLSTATE
-- an as_of that differs within the group
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, as_of) FROM (VALUES ('2024-02-01 00:00 UTC'::timestamptz), ('2024-02-02 00:00 UTC')) v (as_of);
\echo :SQLSTATE
-- the same where one of the lines is later than its as_of, whichever comes first
SELECT rfmseg.rfm(at, 1, as_of) FROM (VALUES ('2024-01-05 10:00 UTC'::timestamptz, '2024-02-01 00:00 UTC'::timestamptz),
	('2024-01-06 10:00 UTC', '2024-01-01 00:00 UTC')) v (at, as_of);
\echo :SQLSTATE
SELECT rfmseg.rfm(at, 1, as_of) FROM (VALUES ('2024-01-06 10:00 UTC'::timestamptz, '2024-01-01 00:00 UTC'::timestamptz),
	('2024-01-05 10:00 UTC', '2024-02-01 00:00 UTC')) v (at, as_of);
\echo :SQLSTATE
-- a zone that differs within the group; NULL means UTC
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, '2024-02-01 00:00 UTC', NULL, zone) FROM unnest(ARRAY['UTC', 'Europe/London']) zone;
\echo :SQLSTATE
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, '2024-02-01 00:00 UTC', NULL, zone) FROM unnest(ARRAY['Europe/London', NULL]) zone;
\echo :SQLSTATE
-- names of one zone in capitals and not, and NULL beside UTC, are no difference
SELECT frequency FROM shown((SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, '2024-02-01 00:00 UTC', NULL, zone)
	FROM unnest(ARRAY['Europe/London', 'europe/london', 'EUROPE/LONDON']) zone));
SELECT frequency FROM shown((SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, '2024-02-01 00:00 UTC', NULL, zone) FROM unnest(ARRAY[NULL, 'UTC', 'utc']) zone));
-- unknown zones
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, '2024-02-01 00:00 UTC', NULL, 'Mars/Olympus');
\echo :SQLSTATE
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, '2024-02-01 00:00 UTC', NULL, '');
\echo :SQLSTATE
SELECT rfmseg.rfm('2024-01-05 10:00 UTC', 1, '2024-02-01 00:00 UTC', NULL, '../UTC');
\echo :SQLSTATE

--
-- Days
--

-- the same instants are two days in Kiritimati (UTC+14) and one in Pago Pago (UTC-11) and in UTC
SELECT zone, recency, frequency, x, t_x, t FROM (VALUES ('Pacific/Kiritimati'), ('UTC'), ('Pacific/Pago_Pago')) v (zone),
	shown(metrics('2024-01-01 09:59, 1; 2024-01-01 10:00, 1', '2024-01-10 00:00 UTC', zone));
-- the session's zone has no part in it, neither in what falls on a day nor where no zone is given
CREATE FUNCTION seen() RETURNS TABLE (session text, result text) LANGUAGE sql AS $$
	SELECT current_setting('TimeZone'), string_agg(s::text, ' ' ORDER BY zone COLLATE "C") ||
		(SELECT shown(rfmseg.rfm(at, 1, '2024-01-10 09:59 UTC'))
		 FROM unnest('{2024-01-01 09:59 UTC,2024-01-01 10:00 UTC,2024-01-01 11:00 UTC}'::timestamptz[]) at)::text
	FROM (VALUES ('Pacific/Kiritimati'), ('UTC'), ('Pacific/Pago_Pago')) v (zone),
		shown(metrics('2024-01-01 09:59, 1; 2024-01-01 10:00, 1; 2024-01-01 11:00, 1', '2024-01-10 00:00 UTC', zone)) s
$$;
SELECT session, result FROM seen() \gset default_
SET TimeZone = 'Pacific/Kiritimati';
SELECT session, result = :'default_result' AS same FROM seen();
SELECT recency, frequency FROM shown((SELECT rfmseg.rfm(at, 1, '2024-01-10 09:59 UTC')
	FROM unnest('{2024-01-01 09:59 UTC,2024-01-01 10:00 UTC}'::timestamptz[]) at));
SET TimeZone = 'Pacific/Pago_Pago';
SELECT session, result = :'default_result' AS same FROM seen();
SELECT recency, frequency FROM shown((SELECT rfmseg.rfm(at, 1, '2024-01-10 09:59 UTC')
	FROM unnest('{2024-01-01 09:59 UTC,2024-01-01 10:00 UTC}'::timestamptz[]) at));
RESET TimeZone;
-- summer time begins: London's 31 March 2024 has 23 hours, and lies wholly between two purchases 23 hours and a second apart
SELECT recency, frequency, t_x, t FROM shown(metrics('2024-03-30 23:59:59, 1; 2024-03-31 23:00:00, 1', '2024-04-01 12:00 UTC', 'Europe/London'));
-- it ends: 27 October 2024 has 25 hours, and two purchases a second less apart share that day
SELECT recency, frequency, t_x, t FROM shown(metrics('2024-10-26 23:00:00, 1; 2024-10-27 23:59:59, 1', '2024-10-28 00:00 UTC', 'Europe/London'));
-- in UTC neither is so
SELECT recency, frequency, t_x, t FROM shown(metrics('2024-03-30 23:59:59, 1; 2024-03-31 23:00:00, 1', '2024-04-01 12:00 UTC', 'UTC'));
SELECT recency, frequency, t_x, t FROM shown(metrics('2024-10-26 23:00:00, 1; 2024-10-27 23:59:59, 1', '2024-10-28 00:00 UTC', 'UTC'));
-- recency is a difference of dates, not of hours: a minute before midnight to a minute after it is one day
SELECT recency, t FROM shown(metrics('2024-01-31 23:59, 1', '2024-02-01 00:01 UTC'));
-- on the day of the purchase itself recency is zero
SELECT recency, t FROM shown(metrics('2024-02-01 00:01, 1', '2024-02-01 23:59 UTC'));
-- dates before Christ: the day after 31 December 1 BC is 1 January 1 AD
SELECT * FROM shown(metrics('0044-03-15 12:00 BC, 5; 0001-12-31 12:00 BC, 7', '0001-01-01 12:00 UTC'));
-- the year 5000, whose summer time follows the last known rule: 23:30 in UTC is the next day in London
SELECT recency, t FROM shown(metrics('5000-07-01 23:30, 5', '5000-07-03 12:00 UTC', 'Europe/London'));
-- the first and the last instant there are, in zones that put them outside of the range
SELECT zone, recency, frequency, t FROM (VALUES ('Pacific/Pago_Pago'), ('Pacific/Kiritimati')) v (zone),
	shown(metrics('4714-11-24 00:00 BC, 1', '294276-12-31 23:59:59.999999 UTC', zone));

--
-- The BTYD view
--

-- days 1, 8 and 22 with 30, 36 and 14: x = 2, t_x = 21, T = 31 to 1 February, z = (36 + 14) / 2
SELECT * FROM shown(metrics('2024-01-01 09:00, 10, A; 2024-01-01 17:00, 20, B; 2024-01-08 09:00, 30, C; 2024-01-08 09:00, 6, C; 2024-01-22 23:59, 14, D'));
-- a return lowers the value of the day of its order
SELECT x, t_x, t, z FROM shown(metrics('2024-01-01 09:00, 10, A; 2024-01-08 09:00, 36, C; 2024-01-22 09:00, 14, D; 2024-01-29 09:00, -6, C'));
-- an order wholly returned is none of the days; the first day may so become a later one
SELECT x, t_x, t, z FROM shown(metrics('2024-01-01 09:00, 10, A; 2024-01-08 09:00, 36, C; 2024-01-22 09:00, 14, D; 2024-01-29 09:00, -10, A'));
-- a repeat day below zero counts as zero: (0 + 14) / 2
SELECT x, t_x, t, z FROM shown(metrics('2024-01-01 09:00, 10; 2024-01-08 09:00, 36; 2024-01-08 10:00, -40; 2024-01-22 09:00, 14'));

--
-- As an aggregate
--

CREATE TABLE lines AS
SELECT 'c' || i % 60 AS customer, timestamptz '2023-01-01 00:00 UTC' + i * 10007 % 31536000 * interval '1 second' AS at,
	CASE i % 23 WHEN 0 THEN NULL WHEN 1 THEN 0 WHEN 2 THEN -round(i % 997 / 8.0, 2)
		ELSE round(i * 7919 % 100003 / 100.0, 2) END AS amount,
	CASE WHEN i % 7 > 1 THEN 'o' || i % 60 || '-' || i / 60 % 40 END AS key,
	i
FROM generate_series(1, 12000) i;
-- few days, few orders and small amounts, so that many cancel out
INSERT INTO lines SELECT 's' || i % 300, timestamptz '2023-06-01 00:00 UTC' + i * 10007 % 600 * interval '1 hour', i * 31 % 7 - 3,
	CASE WHEN i % 2 = 0 THEN 'o' || i * 7919 % 5 END, i
FROM generate_series(1, 3000) i;
-- 900 orders, of which 100 are wholly returned; and one customer whose only line is later
INSERT INTO lines SELECT 'many', timestamptz '2023-01-01 00:00 UTC' + i % 900 * interval '8 hours', CASE WHEN i < 900 THEN 10.5 ELSE -10.5 END, 'm' || i % 900, i
FROM generate_series(0, 999) i;
INSERT INTO lines VALUES ('later', '2024-01-01 00:00 UTC', 10, 'l', 1);

-- all metrics of all customers are what SQL makes of the rules: see src/core/history.h
CREATE FUNCTION by_rules(as_of timestamptz, zone text)
RETURNS TABLE (customer text, first timestamptz, last timestamptz, recency int, frequency bigint, monetary numeric, x int, t_x float8, t float8, z numeric)
LANGUAGE sql AS $$
	WITH line AS (
		SELECT customer, at, amount, key, CASE WHEN key IS NULL THEN (at AT TIME ZONE zone)::date END AS key_day
		FROM lines WHERE at <= as_of AND amount IS NOT NULL
	), an_order AS (
		SELECT customer, key IS NULL AS keyless, sum(amount) AS total, bool_or(amount < 0) AS has_return,
			min(at) FILTER (WHERE amount >= 0) AS first, max(at) FILTER (WHERE amount >= 0) AS last
		FROM line GROUP BY customer, key, key_day
	), purchase AS (
		SELECT *, (first AT TIME ZONE zone)::date AS day FROM an_order
		WHERE first IS NOT NULL AND (NOT has_return OR total > 0 OR keyless AND total < 0)
	), day AS (
		SELECT customer, day, greatest(sum(total), 0) AS total, row_number() OVER (PARTITION BY customer ORDER BY day) AS n
		FROM purchase GROUP BY customer, day
	), days AS (
		SELECT customer, count(*)::int - 1 AS x, max(day) - min(day) AS t_x, (as_of AT TIME ZONE zone)::date - min(day) AS t,
			coalesce(avg(total) FILTER (WHERE n > 1), 0) AS z
		FROM day GROUP BY customer
	), purchases AS (
		SELECT customer, min(first) AS first, max(last) AS last, count(*) AS frequency FROM purchase GROUP BY customer
	)
	SELECT customer, first, last, (as_of AT TIME ZONE zone)::date - (last AT TIME ZONE zone)::date, coalesce(frequency, 0), monetary,
		x, t_x::float8, t::float8, round(z, 9)
	FROM (SELECT customer, sum(amount) AS monetary FROM line GROUP BY customer) m
	LEFT JOIN purchases USING (customer) LEFT JOIN days USING (customer)
$$;
CREATE FUNCTION by_rfm(as_of timestamptz, zone text)
RETURNS TABLE (customer text, first timestamptz, last timestamptz, recency int, frequency bigint, monetary numeric, x int, t_x float8, t float8, z numeric)
LANGUAGE sql AS $$
	SELECT customer, (m).first_purchase_at, (m).last_purchase_at, (m).recency_days, (m).frequency, (m).monetary,
		(m).frequency_repeat, (m).recency_btyd, (m).t_age, round((m).monetary_value::numeric, 9)
	FROM (SELECT customer, rfmseg.rfm(at, amount, as_of, key, zone) AS m FROM lines GROUP BY customer) g
	WHERE m IS DISTINCT FROM NULL
$$;
SELECT zone,
	(SELECT count(*) FROM by_rules(as_of, zone)) AS customers,
	(SELECT count(*) FROM by_rules(as_of, zone) WHERE frequency = 0) AS without_purchase,
	(SELECT frequency FROM by_rfm(as_of, zone) WHERE customer = 'many') AS many,
	(SELECT count(*) FROM (SELECT * FROM by_rules(as_of, zone) EXCEPT ALL SELECT * FROM by_rfm(as_of, zone)) d) AS missing,
	(SELECT count(*) FROM (SELECT * FROM by_rfm(as_of, zone) EXCEPT ALL SELECT * FROM by_rules(as_of, zone)) d) AS unexpected
FROM (VALUES ('UTC', timestamptz '2023-12-15 12:00 UTC'), ('Asia/Kolkata', '2023-12-15 20:00 UTC'), ('America/New_York', '2023-06-20 03:59 UTC')) v (zone, as_of);
-- money is what sum(numeric) says, to the digit shown
SELECT count(*) AS customers, count(*) FILTER (WHERE (m).monetary::text <> total::text) AS different FROM (
	SELECT customer, rfmseg.rfm(at, amount, '2025-01-01 00:00 UTC', key) AS m, sum(amount) AS total FROM lines GROUP BY customer) g;

-- FILTER leaves lines out, all of them if it must
SELECT (rfmseg.rfm(at, amount, '2024-02-01 00:00 UTC') FILTER (WHERE amount < 20)).monetary,
	rfmseg.rfm(at, amount, '2024-02-01 00:00 UTC') FILTER (WHERE amount < 0) IS NOT DISTINCT FROM NULL AS none
FROM (VALUES ('2024-01-05 10:00 UTC'::timestamptz, 10), ('2024-01-06 10:00 UTC', 20), ('2024-01-07 10:00 UTC', 7)) l (at, amount);
-- DISTINCT leaves out repeated lines, here three of one
SELECT frequency, monetary FROM shown((SELECT rfmseg.rfm(DISTINCT at, amount, '2024-02-01 00:00 UTC') FROM (VALUES
	('2024-01-05 10:00 UTC'::timestamptz, 10), ('2024-01-05 10:00 UTC', 10), ('2024-01-05 10:00 UTC', 10)) l (at, amount)));
-- ORDER BY within the aggregate changes nothing
SELECT count(*) AS different FROM (
	SELECT rfmseg.rfm(at, amount, '2023-12-15 12:00 UTC', key ORDER BY amount, at) AS a, rfmseg.rfm(at, amount, '2023-12-15 12:00 UTC', key) AS b
	FROM lines GROUP BY customer) g WHERE a::text <> b::text;
-- over a window: running metrics, and those of the two latest lines, are those of the same lines as a group
CREATE TABLE numbered AS SELECT *, row_number() OVER (PARTITION BY customer ORDER BY i) AS place FROM lines WHERE customer IN ('s1', 's2', 's3', 'c7');
SELECT count(*) AS rows,
	count(*) FILTER (WHERE running::text IS DISTINCT FROM (SELECT rfmseg.rfm(at, amount, '2023-12-15 12:00 UTC', key)::text FROM numbered b
		WHERE b.customer = a.customer AND b.place <= a.place)) AS running_differs,
	count(*) FILTER (WHERE moving::text IS DISTINCT FROM (SELECT rfmseg.rfm(at, amount, '2023-12-15 12:00 UTC', key)::text FROM numbered b
		WHERE b.customer = a.customer AND b.place BETWEEN a.place - 1 AND a.place)) AS moving_differs
FROM (SELECT *, rfmseg.rfm(at, amount, '2023-12-15 12:00 UTC', key) OVER (PARTITION BY customer ORDER BY place) AS running,
	rfmseg.rfm(at, amount, '2023-12-15 12:00 UTC', key) OVER (PARTITION BY customer ORDER BY place ROWS 1 PRECEDING) AS moving
	FROM numbered) a;
SET client_min_messages = warning;
DROP SCHEMA rfm_test CASCADE;
