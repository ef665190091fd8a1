-- cohort_retention, and the cohorts that summarize_customers() tallies for it.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TIME ZONE 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
CREATE SCHEMA cohorts_test;
SET search_path = cohorts_test, public;

-- The same in plain SQL, of lines whose returns are negative.
CREATE FUNCTION simple_cohorts(lines regclass, as_of timestamptz, time_zone text, returns text)
RETURNS TABLE (cohort_month date, months_since int, active_customers bigint, seen_customers bigint, revenue numeric) LANGUAGE plpgsql AS $body$
BEGIN
	RETURN QUERY EXECUTE format($query$
	WITH line AS (
		SELECT l.*, (transaction_date AT TIME ZONE %3$L)::date AS day FROM %1$s l
		WHERE customer_id IS NOT NULL AND transaction_date <= %2$L AND (total_amount >= 0 OR %4$L = 'net')
	), placed AS (
		SELECT customer_id, sum(total_amount) AS total,
			coalesce(min(transaction_date) FILTER (WHERE total_amount >= 0), min(transaction_date)) AT TIME ZONE %3$L AS at,
			bool_or(total_amount >= 0) AND (NOT bool_or(total_amount < 0) OR CASE WHEN order_id IS NULL THEN sum(total_amount) <> 0 ELSE sum(total_amount) > 0 END) AS is_purchase
		FROM line GROUP BY customer_id, order_id, CASE WHEN order_id IS NULL THEN day END
	), first AS (
		SELECT customer_id, date_trunc('month', min(at)) AS month FROM placed WHERE is_purchase GROUP BY customer_id
	), dated AS (
		SELECT p.*, f.month AS cohort, greatest(date_trunc('month', p.at), f.month) AS month FROM placed p JOIN first f USING (customer_id)
	)
	SELECT cohort::date, ((extract(year FROM month) - extract(year FROM cohort)) * 12 + extract(month FROM month) - extract(month FROM cohort))::int,
		count(DISTINCT customer_id) FILTER (WHERE is_purchase), count(DISTINCT customer_id), sum(total)
	FROM dated GROUP BY cohort, month$query$, lines, as_of, time_zone, returns);
END
$body$;
CREATE FUNCTION cohorts(query text, as_of timestamptz DEFAULT NULL, time_zone text DEFAULT 'UTC', returns text DEFAULT 'net', lookback interval DEFAULT NULL)
RETURNS TABLE (cohort_month date, months_since int, active_customers bigint, seen_customers bigint, revenue numeric) LANGUAGE sql AS $body$
	SELECT c.* FROM rfmseg.summarize_customers(NULL::bigint, query, as_of, time_zone, lookback, returns) s,
		jsonb_to_recordset(s.cohorts) AS c (cohort_month date, months_since int, active_customers bigint, seen_customers bigint, revenue numeric)
$body$;

-- Orders with and without keys, some over several months; returns alone, also
-- before any purchase; whole refunds, months later; gifts; guests.
CREATE TABLE lines AS
SELECT CASE WHEN i % 41 > 0 THEN 1 + h % 700 END AS customer_id,
	timestamptz '2022-11-30 12:00+00' + (h % 700) * interval '26 hours' + (h / 700 % 9000) * interval '1 hour' AS transaction_date,
	CASE WHEN h / 11 % 17 = 0 THEN -(h % 90) - 0.5 WHEN h % 13 = 0 THEN 0 ELSE (ARRAY[0.1, 19.90, 20, 1e15 + 0.2, 0.000000001])[1 + i % 5] END AS total_amount,
	CASE WHEN h % 5 > 0 THEN h % 700 * 100 + h / 7 % 60 END AS order_id
FROM (SELECT i, abs(hashint4(i))::bigint AS h FROM generate_series(1, 15000) i) AS numbers;
INSERT INTO lines SELECT customer_id, max(transaction_date) + interval '40 days', -sum(total_amount), order_id
FROM lines WHERE order_id % 9 = 0 GROUP BY customer_id, order_id HAVING sum(total_amount) > 0;
INSERT INTO lines SELECT customer_id, min(transaction_date) - interval '100 days', -7, 9000000 + customer_id FROM lines WHERE customer_id % 50 = 0 GROUP BY customer_id;
INSERT INTO lines VALUES (8001, '2023-05-05', -5, 1), (8002, '2030-01-01', 5, 2), (8003, '2023-05-05', 5, 3), (8003, '2023-06-05', -5, 3);
-- whole cohorts of a few who came once: of some, two or eight return something months later; one had returned a lot before
INSERT INTO lines SELECT 10000 + i, timestamptz '2021-01-15' + i / 10 * interval '1 month', 8, 9100000 + i FROM generate_series(0, 119) i;
INSERT INTO lines SELECT 10000 + i, timestamptz '2021-05-15' + i / 10 * interval '1 month', -1, 9200000 + i FROM generate_series(0, 119) i WHERE i % 10 < CASE i / 10 % 3 WHEN 1 THEN 2 WHEN 2 THEN 8 ELSE 0 END;
INSERT INTO lines SELECT customer_id, transaction_date - interval '5 days', -800, 9300000 + customer_id FROM lines WHERE customer_id IN (10050, 10060);
DELETE FROM lines WHERE customer_id BETWEEN 10001 AND 10007;

SELECT z AS time_zone, r AS returns, d.* FROM unnest('{UTC,Europe/London,Pacific/Kiritimati,America/Sao_Paulo}'::text[]) z, unnest('{net,drop}'::text[]) r,
	LATERAL (SELECT count(*) AS cells, count(*) FILTER (WHERE c.active_customers = 0) AS of_returns, count(*) FILTER (WHERE to_jsonb(s) IS DISTINCT FROM to_jsonb(c)) AS differences
		FROM cohorts('TABLE lines', '2024-06-30 20:00+00', z, r) c FULL JOIN simple_cohorts('lines', '2024-06-30 20:00+00', z, r) s USING (cohort_month, months_since)) AS d;
-- with returns there are cells that nobody bought in, and months before the first purchase
SELECT count(*) FILTER (WHERE active_customers = 0) > 0 AS of_returns, count(*) FILTER (WHERE months_since = 0 AND revenue < 0) > 0 AS below_zero FROM cohorts('TABLE lines');
-- They are of all purchases ever, whatever the lookback, and hold all money of all who bought
SELECT count(*) > 0 AND bool_and(to_jsonb(a) = to_jsonb(b)) AS same_with_lookback FROM cohorts('TABLE lines') a FULL JOIN cohorts('TABLE lines', lookback => '10 days') b USING (cohort_month, months_since);
SELECT sum(revenue) = (SELECT sum(lifetime_monetary) FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines') WHERE lifetime_frequency > 0) AS all_money,
	sum(active_customers) FILTER (WHERE months_since = 0) = (SELECT count(*) FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines') WHERE lifetime_frequency > 0) AS all_customers
FROM cohorts('TABLE lines');
-- in any memory and order, to the byte
SELECT md5(cohorts::text) AS expected FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines') WHERE source_totals IS NOT NULL \gset
SET work_mem = '64kB';
SELECT md5(cohorts::text) = :'expected' AS same FROM rfmseg.summarize_customers(NULL::bigint, 'SELECT * FROM lines ORDER BY md5(lines::text)') WHERE source_totals IS NOT NULL;
RESET work_mem;
SELECT count(*) FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines') WHERE cohorts IS NOT NULL AND customer_id IS NOT NULL;

-- No line, one line, guests, returns alone; before as_of, and at that instant
CREATE TABLE one (customer_id bigint, transaction_date timestamptz, total_amount numeric, order_id text);
SELECT cohorts FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE one');
SELECT cohorts FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE one', '2024-01-01') WHERE customer_id IS NULL;
INSERT INTO one VALUES (1, '2024-01-31 23:30+00', 12.50, 'A');
SELECT jsonb_pretty(cohorts) FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE one') WHERE customer_id IS NULL;
SELECT cohorts FROM rfmseg.summarize_customers(NULL::bigint, 'SELECT NULL::bigint AS customer_id, transaction_date, total_amount FROM one') WHERE customer_id IS NULL;
SELECT cohorts FROM rfmseg.summarize_customers(NULL::bigint, 'SELECT customer_id, transaction_date, -total_amount AS total_amount FROM one', '2025-01-01') WHERE customer_id IS NULL;
SELECT (SELECT count(*) FROM cohorts('TABLE one', '2024-01-31 23:29:59.999999+00')) AS before, (SELECT count(*) FROM cohorts('TABLE one', '2024-01-31 23:30+00')) AS at;
-- The month is the zone's
SELECT z, c.* FROM unnest('{UTC,Europe/Berlin,America/New_York}'::text[]) z, cohorts('TABLE one', '2024-03-01', z) c;
-- A purchase goes by its order's first line, and so does what is refunded of it; what was undone is nothing
INSERT INTO one VALUES (1, '2024-03-02', 1, 'A'), (1, '2024-03-03', -2.50, 'A'), (1, '2024-04-01', 8, 'B'), (1, '2024-06-01', -8, 'B'), (1, '2024-05-01', -1, 'C'), (1, '2024-04-30', -1, 'C'),
	(2, '2024-01-01', -3, 'D'), (2, '2024-02-01', 3, 'E');
SELECT * FROM cohorts('TABLE one', '2025-01-01') ORDER BY 1, 2;
SELECT * FROM cohorts('TABLE one', '2024-05-15') ORDER BY 1, 2;
SELECT * FROM cohorts('TABLE one', '2025-01-01', returns => 'drop') ORDER BY 1, 2;
-- Far away, and large
SELECT c.* FROM cohorts($$SELECT 1::bigint AS customer_id, d AS transaction_date, a AS total_amount FROM (VALUES
	(timestamptz '4713-01-01 BC', 99999999999999999999999999999999999998), ('0001-01-01', 0), ('99999-12-31', 1)) AS v (d, a)$$, '100000-01-01') c ORDER BY 1, 2;
-- the customer's total fits, that of the month does not, as the return is of another
SELECT count(*) FROM cohorts($$SELECT 1::bigint AS customer_id, d AS transaction_date, a AS total_amount, o AS order_id FROM (VALUES
	(timestamptz '2024-01-01', 9e37, 'A'), ('2024-02-01', -9e37, 'B'), ('2024-01-02', 9e37, 'C')) AS v (d, a, o)$$, '2024-03-01');
-- Of too many pairs of months none is kept
CREATE FUNCTION triangle(months int) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT c AS customer_id, timestamptz ''1950-01-01'' + m * interval ''1 month'' AS transaction_date, 1 AS total_amount FROM generate_series(1::bigint, %s) c, generate_series(c, %s) m', months, months)
$$;
SELECT jsonb_array_length(cohorts) FROM rfmseg.summarize_customers(NULL::bigint, triangle(723)) WHERE source_totals IS NOT NULL;
SELECT cohorts, source_totals -> 'counted' -> 'rows' AS counted FROM rfmseg.summarize_customers(NULL::bigint, triangle(725)) WHERE source_totals IS NOT NULL;
SET statement_timeout = '1ms';
SELECT count(*) FROM cohorts(triangle(700));
RESET statement_timeout;

--
-- A deployment
--
SELECT rfmseg.deploy('shop');
SELECT rfmseg.configure('shop', time_zone => 'America/New_York', currency => 'GBP');
SELECT count(*) FROM shop.cohort_retention;
SELECT rfmseg.map_transactions('shop', source => 'cohorts_test.lines', customer_id => 'customer_id', event_at => 'transaction_date', amount => 'total_amount', order_id => 'order_id');
CALL rfmseg.refresh('shop', '2024-06-30 20:00+00');

-- Every month from the cohort's to that of as_of, as plain SQL says it
CREATE FUNCTION wrong(as_of timestamptz, time_zone text, last_month date, returns text DEFAULT 'net', OUT cells bigint, OUT empty bigint, OUT wrong bigint) LANGUAGE sql AS $body$
	WITH simple AS (
		SELECT * FROM simple_cohorts('lines', as_of, time_zone, returns)
	), grid AS (
		SELECT s.cohort_month, g.place - 1 AS months_since, s.active_customers AS customers FROM simple s,
			generate_series(s.cohort_month::timestamp, last_month, '1 month') WITH ORDINALITY AS g (month, place) WHERE s.months_since = 0
	)
	SELECT count(*), count(*) FILTER (WHERE c.active_customers = 0),
		count(*) FILTER (WHERE (g.customers, coalesce(s.active_customers, 0), round(coalesce(s.active_customers, 0)::numeric / g.customers, 4), coalesce(round(s.revenue, 2), 0))
			IS DISTINCT FROM (c.customers, c.active_customers, c.retention_rate, c.revenue) OR c.as_of <> $1 OR c.currency <> 'GBP')
	FROM grid g LEFT JOIN simple s USING (cohort_month, months_since) FULL JOIN shop.cohort_retention c USING (cohort_month, months_since)
$body$;
SELECT * FROM wrong('2024-06-30 20:00+00', 'America/New_York', '2024-06-01');
SELECT count(*) = count(DISTINCT (cohort_month, months_since)) AS no_cell_twice, bool_and(retention_rate = 1) FILTER (WHERE months_since = 0) AS all_begin, max(retention_rate) <= 1 AS no_more_than_all FROM shop.cohort_retention;
SELECT sum(customers) FILTER (WHERE months_since = 0) = (SELECT count(*) FROM shop_core.scored_customers WHERE lifetime_frequency > 0) AS all_customers FROM shop.cohort_retention;
-- money, to the penny: all but what those who never bought returned
SELECT round(sum(revenue), 2) - (SELECT round(sum(monetary), 2) FROM shop.customer_segments WHERE first_purchase_at IS NOT NULL) AS off, (SELECT sum(monetary) FROM shop.customer_segments WHERE first_purchase_at IS NULL) AS returned_alone
FROM (SELECT sum(revenue) AS revenue FROM shop_core.run_cohorts) r;

-- A look back is history's alone; so is what backfill does
SELECT md5(string_agg(c::text, ',' ORDER BY cohort_month, months_since)) AS published FROM shop.cohort_retention c \gset
CALL rfmseg.refresh('shop', '2024-01-01 UTC');
CALL rfmseg.backfill('shop', '2023-09-01 UTC');
SELECT md5(string_agg(c::text, ',' ORDER BY cohort_month, months_since)) = :'published' AS still_published, (SELECT count(DISTINCT run_id) FROM shop_core.run_cohorts) AS runs FROM shop.cohort_retention c;
-- what fails leaves it too
UPDATE shop_core.settings SET ruleset = 'none';
CALL rfmseg.refresh('shop');
UPDATE shop_core.settings SET ruleset = 'standard';
SELECT md5(string_agg(c::text, ',' ORDER BY cohort_month, months_since)) = :'published' AS still_published FROM shop.cohort_retention c;

-- In another zone, without returns, and with a lookback, of which the past is independent. At midnight a month has not begun
SELECT rfmseg.configure('shop', time_zone => 'Pacific/Kiritimati', returns => 'drop', lookback => '30 days');
CALL rfmseg.refresh('shop', '2024-08-01 Pacific/Kiritimati');
SELECT last_month FROM shop_core.current_run;
SELECT * FROM wrong('2024-08-01 Pacific/Kiritimati', 'Pacific/Kiritimati', '2024-07-01', 'drop');
-- unless somebody bought at that instant
INSERT INTO lines VALUES (9001, '2024-09-01 Pacific/Kiritimati', 5, NULL);
CALL rfmseg.refresh('shop', '2024-09-01 Pacific/Kiritimati');
SELECT last_month FROM shop_core.current_run;
SELECT * FROM wrong('2024-09-01 Pacific/Kiritimati', 'Pacific/Kiritimati', '2024-09-01', 'drop');

-- Small cells
SELECT rfmseg.configure('shop', returns => 'net', lookback => 'all', min_cell_size => 6);
CALL rfmseg.refresh('shop', '2024-09-01 12:00 Pacific/Kiritimati');
SELECT count(*) FILTER (WHERE months_since = 0 AND customers IS NULL) > 1 AS cohorts_left_out, count(*) FILTER (WHERE months_since = 0 AND customers >= 6) > 1 AS cohorts_shown,
	count(*) FILTER (WHERE active_customers = 0) > 0 AS zeros_shown, count(*) FILTER (WHERE customers < 6 OR active_customers BETWEEN 1 AND 5) AS small,
	count(*) FILTER (WHERE customers IS NULL AND num_nonnulls(active_customers, retention_rate, revenue) > 0 OR active_customers IS NULL AND num_nonnulls(retention_rate, revenue) > 0) AS betrayed
FROM shop.cohort_retention;
SELECT count(*) FILTER (WHERE seen_customers < 6) AS small, count(*) FILTER (WHERE active_customers IS NULL AND num_nonnulls(seen_customers, revenue) > 0) AS betrayed,
	count(*) FILTER (WHERE months_since > 0 AND active_customers IS NOT NULL AND cohort_month IN (SELECT cohort_month FROM shop_core.run_cohorts WHERE months_since = 0 AND active_customers IS NULL)) AS betrayed_by_later_months
FROM shop_core.run_cohorts;
-- a month in which nobody bought and few returned is none that shows zeros
SELECT count(*) > 0 AS there_are, count(c.active_customers) AS shown, count(c.revenue) AS with_revenue
FROM simple_cohorts('lines', '2024-09-01 12:00 Pacific/Kiritimati', 'Pacific/Kiritimati', 'net') s JOIN shop.cohort_retention c USING (cohort_month, months_since) WHERE s.active_customers = 0 AND s.seen_customers < 6;
-- one cohort alone, or one cell alone, could be told from the total
CREATE TABLE few AS SELECT c AS customer_id, timestamptz '2024-01-10' + m * interval '1 month' AS transaction_date, 10 AS total_amount
	FROM generate_series(1::bigint, 30) c, generate_series(0, 3) m WHERE (c - 1) / 10 <= m AND (c, m) NOT IN ((1, 2), (2, 2), (11, 3));
SELECT rfmseg.map_transactions('shop', source => 'cohorts_test.few', customer_id => 'customer_id', event_at => 'transaction_date', amount => 'total_amount');
SELECT rfmseg.configure('shop', min_cell_size => 9, time_zone => 'UTC');
CALL rfmseg.refresh('shop');
SELECT cohort_month, months_since, customers, active_customers, retention_rate, revenue FROM shop.cohort_retention ORDER BY 1, 2;
DELETE FROM few WHERE customer_id IN (29, 30);
CALL rfmseg.refresh('shop');
SELECT cohort_month, months_since, customers, active_customers, retention_rate, revenue FROM shop.cohort_retention ORDER BY 1, 2;

-- Too many pairs of months: nothing is told, and a warning says so
CREATE TABLE long AS SELECT c AS customer_id, timestamptz '1950-01-01' + m * interval '1 month' AS transaction_date, 1 AS total_amount FROM generate_series(1::bigint, 725) c, generate_series(c, 725) m;
SELECT rfmseg.map_transactions('shop', source => 'cohorts_test.long', customer_id => 'customer_id', event_at => 'transaction_date', amount => 'total_amount');
SELECT rfmseg.configure('shop', min_cell_size => 0);
CALL rfmseg.refresh('shop');
SELECT (SELECT count(*) FROM shop.cohort_retention) AS told, (SELECT sum(customer_count) FROM shop.segment_profiles) AS customers;
SELECT rfmseg.undeploy('shop', with_data => true);
DROP SCHEMA cohorts_test CASCADE;
