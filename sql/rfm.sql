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
	FROM unnest(ARRAY['', 'a', 'A', 'a ', 'ä', '', 'a', NULL]) key));
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
SELECT amounts, (m).monetary, (m).monetary::text = total::text AS same, (m).avg_order_value::text = (total / (m).frequency)::text AS same_average
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
-- the session's zone has no part in it
SET TimeZone = 'Pacific/Kiritimati';
SELECT md5(string_agg(metrics('2024-01-01 09:59, 1; 2024-01-01 10:00, 2', '2024-01-10 00:00 UTC', zone)::text, ' ' ORDER BY place)) AS with_zones,
	extract(epoch FROM (rfmseg.rfm('2024-01-01 10:00 UTC', 1, '2024-01-10 00:00 UTC')).last_purchase_at)::bigint AS last,
	(rfmseg.rfm('2024-01-01 10:00 UTC', 1, '2024-01-10 09:59 UTC')).recency_days AS without_zone
FROM (VALUES (1, 'Pacific/Kiritimati'), (2, 'UTC'), (3, 'Pacific/Pago_Pago')) v (place, zone) \gset kiritimati_
SET TimeZone = 'Pacific/Pago_Pago';
SELECT md5(string_agg((m).frequency::text || (m).recency_days || (m).t_age, ' ' ORDER BY place)) AS digest,
	max(without_zone) AS without_zone
FROM (SELECT place, metrics('2024-01-01 09:59, 1; 2024-01-01 10:00, 2', '2024-01-10 00:00 UTC', zone) AS m,
	(SELECT (rfmseg.rfm('2024-01-01 10:00 UTC', 1, '2024-01-10 09:59 UTC')).recency_days) AS without_zone
	FROM (VALUES (1, 'Pacific/Kiritimati'), (2, 'UTC'), (3, 'Pacific/Pago_Pago')) v (place, zone)) s;
RESET TimeZone;
