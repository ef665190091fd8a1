-- Made-up customers, products and purchases.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
CREATE SCHEMA generators_test;
SET search_path = generators_test, public;

-- Twenty of each, to be read.
SELECT customer_id, first_name, last_name, age, gender, income_bracket, city, state, signup_date, preferred_channel, marketing_consent
FROM rfmseg.generate_customers(20, 42);
SELECT email, latitude, longitude FROM rfmseg.generate_customers(3, 42);
SELECT * FROM rfmseg.generate_products(20, 42);
SELECT transaction_id, transaction_date, product_id, quantity, total_cost, pre_discount_amount, discount_amount, total_amount, channel, is_return
FROM rfmseg.generate_transactions(3, 42) LIMIT 20;
SELECT * FROM rfmseg.generate_ground_truth(3, 42) \gx

-- Their columns are those of the landing tables.
CREATE TABLE customers AS SELECT * FROM rfmseg.generate_customers(20000, 7);
CREATE TABLE products AS SELECT * FROM rfmseg.generate_products(100, 7);
CREATE TABLE transactions AS SELECT * FROM rfmseg.generate_transactions(20000, 7);
CREATE TABLE truth AS SELECT * FROM rfmseg.generate_ground_truth(20000, 7);
SELECT l.dataset, l.column_name, l.data_type, a.attnum, a.atttypid::regtype
FROM rfmseg._landing_columns l
FULL JOIN pg_attribute a ON a.attrelid = to_regclass('generators_test.' || l.dataset) AND a.attname = l.column_name
WHERE (l.dataset IS NOT NULL OR (a.attrelid::regclass::text IN ('customers', 'products', 'transactions') AND a.attnum > 0))
	AND (l.place, l.data_type::regtype) IS DISTINCT FROM (a.attnum::int, a.atttypid::regtype);

--
-- The same bytes: these digests hold on every version and machine
--

CREATE FUNCTION digest(relation text, key text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT count(*) || '' '' || md5(string_agg(t::text, '''' ORDER BY %s)) FROM %s t', key, relation) INTO result;
	RETURN result;
END $$;
SELECT digest('customers', 'customer_id'), digest('products', 'product_id'), digest('truth', 'customer_id'), digest('transactions', 'transaction_id') \gx

-- whatever the session is set to
CREATE TABLE settings_tried (settings text, customers text, transactions text, truth text);
DO $$
DECLARE
	attempt text;
BEGIN
	FOREACH attempt IN ARRAY ARRAY[
		'SET TimeZone = ''Pacific/Auckland''', 'SET DateStyle = ''SQL, DMY''', 'SET extra_float_digits = -4', 'SET work_mem = ''64kB''',
		'SET IntervalStyle = ''iso_8601''', 'SET jit_above_cost = 0', 'SET lc_numeric = ''C'''] LOOP
		EXECUTE attempt;
		CREATE TEMP TABLE c AS SELECT * FROM rfmseg.generate_customers(300, 7);
		CREATE TEMP TABLE t AS SELECT * FROM rfmseg.generate_transactions(300, 7);
		CREATE TEMP TABLE g AS SELECT * FROM rfmseg.generate_ground_truth(300, 7);
		EXECUTE 'RESET ' || split_part(attempt, ' ', 2);
		SET DateStyle = 'ISO, YMD';
		SET TimeZone = 'UTC';
		INSERT INTO settings_tried VALUES (attempt, digest('c', 'customer_id'), digest('t', 'transaction_id'), digest('g', 'customer_id'));
		DROP TABLE c, t, g;
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT (customers, transactions, truth)) AS different FROM settings_tried;
SELECT digest('(SELECT * FROM customers WHERE customer_id <= 300)', 'customer_id') = customers AS customers,
	digest('(SELECT * FROM transactions WHERE customer_id <= 300)', 'transaction_id') = transactions AS transactions,
	digest('(SELECT * FROM truth WHERE customer_id <= 300)', 'customer_id') = truth AS truth
FROM settings_tried LIMIT 1;
-- rates are told to nine digits, which all settings show
SELECT digest('truth', 'customer_id') AS in_full \gset
SET extra_float_digits = 0;
SELECT digest('truth', 'customer_id') = :'in_full' AS same;
RESET extra_float_digits;

-- however many are asked for
SELECT count(*) FROM (SELECT * FROM rfmseg.generate_customers(1000000, 7) LIMIT 1000) AS first
JOIN customers AS c ON first = ROW(c.*);
SELECT count(*) FROM ((TABLE transactions) EXCEPT ALL SELECT * FROM rfmseg.generate_transactions(20001, 7)) AS missing;
SELECT count(*) FROM (SELECT * FROM rfmseg.generate_products(5000, 7) WHERE product_id <= 100 EXCEPT TABLE products) AS other;

-- and in parts, each in a worker if need be
CREATE TABLE parts AS SELECT i AS part, 1 + (i - 1) * 1000 AS first_customer FROM generate_series(1, 20) i;
ANALYZE parts;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		IF line ~ 'Gather' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT is_parallel('SELECT t.* FROM parts, LATERAL rfmseg.generate_transactions(1000, 7, first_customer => parts.first_customer) t');
CREATE TABLE in_parts AS SELECT t.* FROM parts, LATERAL rfmseg.generate_transactions(1000, 7, first_customer => parts.first_customer) t;
SELECT digest('in_parts', 'transaction_id') = digest('transactions', 'transaction_id') AS same;
CREATE TABLE people_in_parts AS SELECT c.* FROM parts, LATERAL rfmseg.generate_customers(1000, 7, first_customer => parts.first_customer) c;
SELECT digest('people_in_parts', 'customer_id') = digest('customers', 'customer_id') AS same;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE in_parts, people_in_parts;

-- but others with another seed, all of whose bits count
SELECT count(*) FROM rfmseg.generate_customers(1000, 7) a JOIN rfmseg.generate_customers(1000, 8) b USING (customer_id, first_name, last_name);
SELECT count(DISTINCT c.last_name || c.first_name || c.latitude) FROM (VALUES (0), (1), (-1), (4294967296), (9223372036854775807), (-9223372036854775808)) AS seeds (seed),
	LATERAL rfmseg.generate_customers(1, seed) c;

-- in a SELECT list too
SELECT (rfmseg.generate_products(2, 42)).product_name;

--
-- What holds of the rows
--

SELECT count(*) AS lines, count(DISTINCT transaction_id) AS ids, count(DISTINCT order_id) AS orders, count(DISTINCT customer_id) AS buyers,
	bool_and(transaction_date >= '2024-01-01' AND transaction_date < '2026-01-01') AS in_time FROM transactions;
SELECT count(*) AS wrong FROM transactions t LEFT JOIN products p USING (product_id)
WHERE (t.category, t.per_unit_msrp, t.per_unit_cost) IS DISTINCT FROM (p.category, p.price, p.cost)
	OR total_cost <> quantity * per_unit_cost OR pre_discount_amount <> quantity * per_unit_msrp OR total_amount <> pre_discount_amount - discount_amount
	OR is_return <> (total_amount < 0) OR is_return <> (quantity < 0) OR quantity = 0 OR currency <> 'USD' OR channel IS NULL
	OR abs(discount_amount) > 0.41 * abs(pre_discount_amount) OR scale(total_amount) <> 2;
SELECT count(*) AS wrong FROM transactions b LEFT JOIN transactions s ON s.transaction_id = b.transaction_id - 50
WHERE b.is_return AND NOT coalesce(NOT s.is_return AND (s.order_id, s.product_id) = (b.order_id, b.product_id) AND s.quantity >= -b.quantity
	AND s.total_amount >= -b.total_amount AND b.transaction_date > s.transaction_date + interval '2 days' AND b.transaction_date < s.transaction_date + interval '28 days', false);
SELECT count(*) AS in_wrong_order FROM (SELECT order_id FROM transactions WHERE NOT is_return GROUP BY order_id
	HAVING count(DISTINCT transaction_date) > 1 OR count(DISTINCT product_id) < count(*) OR count(DISTINCT customer_id) > 1) AS orders;
SELECT count(*) AS wrong FROM truth g LEFT JOIN (SELECT customer_id, count(DISTINCT order_id) AS orders FROM transactions GROUP BY 1) t USING (customer_id)
WHERE g.orders <> coalesce(t.orders, 0) OR (archetype = 'one-time' AND g.orders > 1) OR (archetype = 'never buyer' AND g.orders > 0) OR (dropout_probability = 1 AND is_active AND g.orders > 0);
-- nobody buys before joining; shops are open from nine to nine, and closed at Christmas
SELECT count(*) AS wrong FROM transactions t JOIN customers c USING (customer_id)
WHERE transaction_date < signup_date OR (t.channel = 'In-Store' AND (extract(hour FROM transaction_date) NOT BETWEEN 9 AND 20
	OR to_char(transaction_date, 'MM-DD') IN ('12-25', '01-01')));

--
-- What the documentation says of them
--

-- the chi-square statistic of counts that should be in proportion to weights
CREATE FUNCTION chi_square(observed bigint[], weights numeric[]) RETURNS numeric LANGUAGE sql AS $$
	SELECT round(sum((o - e) ^ 2 / e), 1)
	FROM (SELECT o, w * sum(o) OVER () / sum(w) OVER () AS e FROM unnest(observed, weights) AS c (o, w)) AS cells $$;

-- seasons: far from even over months (11 degrees of freedom: 31.3 at 0.1 %) and weekdays (6: 22.5), more from year to year
CREATE TABLE orders AS SELECT DISTINCT order_id, customer_id, transaction_date AS at FROM transactions WHERE NOT is_return;
SELECT chi_square(array_agg(n ORDER BY m), array_agg(days ORDER BY m)) > 31.3 AS months_differ
FROM (SELECT extract(month FROM at) AS m, count(*) AS n, count(DISTINCT at::date)::numeric AS days FROM orders GROUP BY 1) AS by_month;
SELECT chi_square(array_agg(n ORDER BY d), array_agg(days ORDER BY d)) > 22.5 AS weekdays_differ
FROM (SELECT extract(isodow FROM at) AS d, count(*) AS n, count(DISTINCT at::date)::numeric AS days FROM orders GROUP BY 1) AS by_weekday;
SELECT max(n) FILTER (WHERE m = 12) = max(n) AS december_is_best, min(n) FILTER (WHERE m IN (1, 2)) = min(n) AS winter_is_worst
FROM (SELECT extract(month FROM at) AS m, count(*) AS n FROM orders GROUP BY 1) AS by_month;
SELECT count(*) FILTER (WHERE at::date IN ('2024-11-29', '2025-11-28')) > 3 * count(*) FILTER (WHERE at::date IN ('2024-11-08', '2025-11-07')) AS black_friday,
	count(*) FILTER (WHERE at >= '2025-01-01') > 1.1 * count(*) FILTER (WHERE at < '2025-01-01') AS growth FROM orders;
-- sales
SELECT avg((t.discount_amount > 0)::int) FILTER (WHERE at::date IN ('2024-11-29', '2025-11-28')) > avg((t.discount_amount > 0)::int) + 0.2 AS on_sale
FROM transactions t JOIN orders USING (order_id);

-- people: chi-square at 0.01 %, of 4, 2, 50 degrees of freedom
SELECT chi_square(array_agg(n ORDER BY band), '{13,23,29,23,12}') < 23.5 AS ages
FROM (SELECT width_bucket(age, '{18,25,35,50,66,85}'::int[]) AS band, count(*) AS n FROM customers GROUP BY 1) AS bands;
SELECT chi_square(array_agg(n ORDER BY gender), '{51,47,2}') < 18.4 AS genders FROM (SELECT gender, count(*) AS n FROM customers GROUP BY 1) AS genders;
SELECT width_bucket(age, '{18,25,35,50,66,85}'::int[]) AS age_band,
	chi_square(array_agg(n ORDER BY place), CASE width_bucket(age, '{18,25,35,50,66,85}'::int[])
		WHEN 1 THEN '{38,22,20,13,5,2}' WHEN 2 THEN '{15,14,20,26,15,10}' WHEN 3 THEN '{9,9,14,24,20,24}' WHEN 4 THEN '{10,9,14,23,19,25}' ELSE '{24,17,20,19,10,10}' END::numeric[]) < 25.7 AS incomes
FROM (SELECT min(age) AS age, array_position('{Under 25K,25-34K,35-49K,50-74K,75-99K,100K+}', income_bracket) AS place, count(*) AS n
	FROM customers GROUP BY width_bucket(age, '{18,25,35,50,66,85}'::int[]), 2) AS incomes GROUP BY 1 ORDER BY 1;
SELECT state, round(100.0 * count(*) / 20000, 1) AS share FROM customers GROUP BY state ORDER BY count(*) DESC LIMIT 5;
SELECT count(DISTINCT state) AS states, count(DISTINCT (state, city)) AS cities, count(DISTINCT last_name) > 900 AS last_names, count(DISTINCT email) AS emails,
	bool_and(email ~ '^[a-z]+[._]?[a-z]+[0-9]+@example\.(com|net|org)$') AS reserved FROM customers;
SELECT preferred_channel, round(avg(age)) AS age FROM customers GROUP BY 1 ORDER BY 2;

-- archetypes, those who drop out, taste
SELECT archetype, round(100.0 * count(*) / 20000) AS share, round(avg(orders), 1) AS orders, round(avg(is_active::int), 1) AS still_active,
	round(avg(spent)) AS spent, round(100 * sum(spent) / sum(sum(spent)) OVER ()) AS of_revenue
FROM truth LEFT JOIN (SELECT customer_id, sum(total_amount) AS spent FROM transactions GROUP BY 1) AS t USING (customer_id)
GROUP BY archetype ORDER BY 2 DESC, 1;
SELECT round(avg((t.category = g.favorite_category)::int) FILTER (WHERE archetype = 'specialist'), 2) AS specialists,
	round(avg((t.category = g.favorite_category)::int) FILTER (WHERE archetype = 'regular'), 2) AS regulars,
	round(avg((t.discount_amount <> 0)::int) FILTER (WHERE archetype = 'discount hunter'), 2) AS hunters_discounts,
	round(avg((t.discount_amount <> 0)::int) FILTER (WHERE archetype = 'regular'), 2) AS regulars_discounts
FROM transactions t JOIN truth g USING (customer_id);

-- tails: of the buyers a third buys once; a tenth and a fifth have most of the revenue
WITH spending AS (
	SELECT sum(total_amount) AS spent, count(DISTINCT order_id) AS orders, percent_rank() OVER (ORDER BY sum(total_amount) DESC) AS place
	FROM transactions GROUP BY customer_id
)
SELECT round(100 * avg((orders = 1)::int)) AS once, round(100 * avg((orders >= 20)::int)) AS twenty_or_more,
	round(100 * sum(spent) FILTER (WHERE place <= 0.01) / sum(spent)) AS top_1, round(100 * sum(spent) FILTER (WHERE place <= 0.1) / sum(spent)) AS top_10,
	round(100 * sum(spent) FILTER (WHERE place <= 0.2) / sum(spent)) AS top_20, round(avg(spent) / percentile_cont(0.5) WITHIN GROUP (ORDER BY spent)::numeric, 1) AS mean_to_median
FROM spending;
SELECT round(avg(is_return::int), 3) AS returned FROM transactions;

--
-- Other calendars, zones, currencies
--

SELECT count(*), min(transaction_date) >= '2025-03-15' AS from_start, max(transaction_date) < '2025-03-16' AS to_end FROM rfmseg.generate_transactions(1000, 1, '2025-03-15', '2025-03-15');
SELECT count(*) > 0 AS century, min(extract(year FROM transaction_date)) AS first, max(extract(year FROM transaction_date)) AS last FROM rfmseg.generate_transactions(200, 1, '1900-01-01', '1999-12-31');
SELECT count(*) FROM rfmseg.generate_transactions(0, 1);
SELECT count(*) FROM rfmseg.generate_customers(0, 1);
SELECT count(*) FROM rfmseg.generate_products(0, 1);
SELECT count(*), count(DISTINCT product_id) FROM rfmseg.generate_transactions(100, 1, products => 1);
-- the same local times, at other instants
SELECT count(*) AS lines, count(*) FILTER (WHERE a.transaction_date = b.transaction_date) AS same_instant,
	count(*) FILTER (WHERE a.transaction_date AT TIME ZONE 'UTC' = b.transaction_date AT TIME ZONE 'America/New_York') AS same_local_time
FROM rfmseg.generate_transactions(200, 1) a JOIN rfmseg.generate_transactions(200, 1, time_zone => 'America/New_York', currency => 'EUR') b USING (transaction_id);
SELECT DISTINCT currency FROM rfmseg.generate_transactions(20, 1, currency => 'EUR');

--
-- One population
--

CREATE FUNCTION population() RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"model": "bgnbd", "r": 0.6, "alpha": 20, "a": 0.8, "b": 2.5, "p": 6, "q": 4, "v": 15}'::jsonb $$;
CREATE TABLE pure AS SELECT * FROM rfmseg.generate_transactions(20000, 3, population => population());
CREATE TABLE pure_truth AS SELECT * FROM rfmseg.generate_ground_truth(20000, 3, population => population());
CREATE TABLE pure_customers AS SELECT * FROM rfmseg.generate_customers(20000, 3, population => population());
SELECT digest('pure', 'transaction_id'), digest('pure_truth', 'customer_id') \gx
SELECT * FROM pure WHERE customer_id = 5 \gx
SELECT * FROM pure_truth WHERE customer_id = 5 \gx
-- everybody buys, first on the day of joining, in the first half of the time
SELECT count(DISTINCT customer_id) AS buyers, max(transaction_date) < '2026-01-01' AS in_time FROM pure;
SELECT count(*) AS wrong FROM (SELECT customer_id, min(transaction_date) AS first FROM pure GROUP BY 1) AS f JOIN pure_customers c USING (customer_id)
WHERE f.first::date <> c.signup_date OR f.first >= timestamptz '2024-01-01' + 365.5 * interval '1 day';
-- the means are those of the distributions: r / alpha = 0.03, a / (a + b) = 0.2424, p v / (q - 1) = 30
SELECT round(avg(purchase_rate)::numeric, 3) AS rate, round(avg(dropout_probability)::numeric, 2) AS dropout, round(avg(mean_order_value)::numeric, 1) AS value, count(dropout_rate) AS others FROM pure_truth;
SELECT round(avg(total_amount)) AS value FROM (SELECT DISTINCT ON (customer_id) total_amount FROM pure ORDER BY customer_id, transaction_id) AS first_orders;
SELECT count(*) > 0 AS mbgnbd FROM rfmseg.generate_transactions(100, 3, population => population() || '{"model": "mbgnbd"}');
SELECT round(avg(dropout_rate)::numeric, 3) AS rate, count(dropout_probability) AS others
FROM rfmseg.generate_ground_truth(20000, 3, population => '{"model": "pnbd", "r": 0.6, "alpha": 20, "s": 0.6, "beta": 50, "p": 6, "q": 4, "v": 15}');
-- far-off parameters end, and make no nonsense
SELECT count(*) > 0 AS some, bool_and(total_amount > 0 AND total_amount <= 1e12) AS positive FROM rfmseg.generate_transactions(100, 3, population => population() || '{"r": 1e-6, "q": 1e-3, "p": 1e-3}');
SELECT max(n) FROM (SELECT count(*) AS n FROM rfmseg.generate_transactions(2, 3, population => population() || '{"alpha": 1e-6, "a": 1e-9}') GROUP BY customer_id) AS capped;

--
-- Errors
--

\set VERBOSITY default
SELECT * FROM rfmseg.generate_customers(-1, 42);
SELECT * FROM rfmseg.generate_customers(10000000001, 42);
SELECT * FROM rfmseg.generate_customers(NULL, 42);
SELECT * FROM rfmseg.generate_customers(1, NULL);
SELECT * FROM rfmseg.generate_customers(1, 42, NULL);
SELECT * FROM rfmseg.generate_customers(1, 42, '2025-01-01', NULL);
SELECT * FROM rfmseg.generate_customers(1, 42, '2025-01-02', '2025-01-01');
SELECT * FROM rfmseg.generate_customers(1, 42, '-infinity', '2025-01-01');
SELECT * FROM rfmseg.generate_customers(1, 42, '2025-01-01', 'infinity');
SELECT * FROM rfmseg.generate_customers(1, 42, '1899-12-31', '1900-01-01');
SELECT * FROM rfmseg.generate_customers(1, 42, '2199-01-01', '2200-01-01');
SELECT * FROM rfmseg.generate_customers(1, 42, '1900-01-01', '2000-01-02');
SELECT * FROM rfmseg.generate_customers(1, 42, first_customer => 0);
SELECT * FROM rfmseg.generate_customers(1, 42, first_customer => NULL);
SELECT * FROM rfmseg.generate_products(-1, 42);
SELECT * FROM rfmseg.generate_products(1, NULL);
SELECT * FROM rfmseg.generate_transactions(-1, 42);
SELECT * FROM rfmseg.generate_transactions(1, NULL);
SELECT * FROM rfmseg.generate_transactions(1, 42, products => 0);
SELECT * FROM rfmseg.generate_transactions(1, 42, products => 100001);
SELECT * FROM rfmseg.generate_transactions(1, 42, products => NULL);
SELECT * FROM rfmseg.generate_transactions(1, 42, time_zone => 'Nowhere');
SELECT * FROM rfmseg.generate_transactions(1, 42, time_zone => NULL);
SELECT * FROM rfmseg.generate_transactions(1, 42, currency => NULL);
SELECT * FROM rfmseg.generate_ground_truth(-1, 42);
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => '[]');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => '{}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"model": "nbd"}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"model": 3}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"gamma": 3}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"s": 3}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"model": "pnbd"}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"r": 0}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"alpha": -1}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"q": "four"}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"v": 1e400}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"v": 1e-400}');
SELECT * FROM rfmseg.generate_ground_truth(1, 42, population => population() || '{"v": {"p": 1}}');
-- only a plain table of one's own can be filled directly
CREATE TABLE target (LIKE transactions);
SELECT rfmseg._generate_transactions_into(1, 42, '2024-01-01', '2025-12-31', 100, 'UTC', 'USD', NULL, 1, NULL);
SELECT rfmseg._generate_transactions_into(1, 42, '2024-01-01', '2025-12-31', 100, 'UTC', 'USD', NULL, 1, 'customers');
SELECT rfmseg._generate_transactions_into(1, 42, '2024-01-01', '2025-12-31', 100, 'UTC', 'USD', NULL, 1, 'pg_class');
SELECT rfmseg._generate_transactions_into(20000, 7, '2024-01-01', '2025-12-31', 100, 'UTC', 'USD', NULL, 1, 'target') = (SELECT count(*) FROM transactions) AS as_many;
SELECT digest('target', 'transaction_id') = digest('transactions', 'transaction_id') AS same;

DROP SCHEMA generators_test CASCADE;
