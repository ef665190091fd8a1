--
-- Customer lifetime value: bgnbd_fit(), mbgnbd_fit(), pnbd_fit(), gamma_gamma_fit(), and what their models say
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS rfmseg;
RESET client_min_messages;
\set SHOW_CONTEXT never
\pset null '(null)'
CREATE SCHEMA lifetime_test;
SET search_path = lifetime_test, pg_catalog;

-- All that an error says, or the result
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement INTO result;
	RETURN 'no error: ' || coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
-- A model to the last bit
CREATE FUNCTION digest(model anyelement) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SET extra_float_digits = 3 AS $$ SELECT md5(model::text) $$;

-- Four thousand customers, of the days of whose purchases hashes decide
CREATE TABLE customers WITH (parallel_workers = 4) AS
SELECT i, (m).frequency_repeat AS x, (m).recency_btyd AS t_x, (m).t_age AS t, (m).monetary_value AS money FROM (
	SELECT customer_id AS i, rfmseg.rfm(transaction_date, total_amount, '2025-06-30 00:00 UTC', order_id::text) AS m
	FROM rfmseg.generate_transactions(4000, 7, '2024-01-01', '2025-06-29', population => '{"model": "mbgnbd", "r": 0.7, "alpha": 40, "a": 0.9, "b": 3, "p": 6, "q": 4, "v": 50}')
	GROUP BY customer_id) s WHERE (m).frequency > 0;
CREATE TABLE shuffled WITH (parallel_workers = 4) AS SELECT * FROM customers ORDER BY md5(i::text);
ANALYZE customers, shuffled;
SELECT count(*) AS customers, count(*) FILTER (WHERE x > 0) AS with_repeats, count(DISTINCT (x, t_x, t)) < count(*) AS some_alike FROM customers;

--
-- Models that are published: CDNOW, in weeks
--
CREATE TABLE published AS
SELECT ROW(0.2425929072, 4.4135315612, 0.7928861481, 2.4257534365, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.bgnbd_model AS bgnbd,
	ROW(0.553276, 10.577612, 0.606214, 11.667910, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.pnbd_model AS pnbd,
	'{"r": 0.524838, "alpha": 6.182993, "a": 0.891356, "b": 1.613999}'::jsonb::rfmseg.mbgnbd_model AS mbgnbd,
	ROW(6.2488024891, 3.7445884534, 15.4477480114, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.gamma_gamma_model AS gamma_gamma;
-- Fader, Hardie & Lee (2005): 1.226 purchases in 39 weeks of the customer with x 2, t_x 30.43, T 38.86
SELECT round(rfmseg.expected_purchases(bgnbd, 2, 30.43, 38.86, 39)::numeric, 6) AS purchases, round(rfmseg.p_alive(bgnbd, 2, 30.43, 38.86)::numeric, 6) AS alive FROM published;
-- new customers
SELECT weeks, round(rfmseg.expected_purchases_new(bgnbd, weeks)::numeric, 4) AS bgnbd, round(rfmseg.expected_purchases_new(mbgnbd, weeks)::numeric, 4) AS mbgnbd,
	round(rfmseg.expected_purchases_new(pnbd, weeks)::numeric, 4) AS pnbd FROM published, unnest('{0,0.1429,1,3,31.8571,1e9}'::float8[]) weeks ORDER BY weeks;
-- Pareto/NBD of R's BTYD: x 26, t_x 30.86, T 31
SELECT round(rfmseg.expected_purchases(pnbd, 26, 30.86, 31, 52)::numeric, 2) AS purchases, round(rfmseg.p_alive(pnbd, 26, 30.86, 31)::numeric, 4) AS alive FROM published;
-- who never came back is alive for certain by BG/NBD alone
SELECT t, rfmseg.p_alive(bgnbd, 0, 0, t) AS bgnbd, round(rfmseg.p_alive(mbgnbd, 0, 0, t)::numeric, 6) AS mbgnbd, round(rfmseg.p_alive(pnbd, 0, 0, t)::numeric, 6) AS pnbd
FROM published, unnest('{0,1,38.86,1e12}'::float8[]) t ORDER BY t;
-- the same by their formulae in SQL
SELECT x, t_x, t, abs(rfmseg.p_alive(bgnbd, x, t_x, t) - 1 / (1 + (bgnbd).a / ((bgnbd).b + x - 1) * (((bgnbd).alpha + t) / ((bgnbd).alpha + t_x)) ^ ((bgnbd).r + x))) < 1e-13 AS bgnbd,
	abs(rfmseg.p_alive(mbgnbd, x, t_x, t) - 1 / (1 + (mbgnbd).a / ((mbgnbd).b + x) * (((mbgnbd).alpha + t) / ((mbgnbd).alpha + t_x)) ^ ((mbgnbd).r + x))) < 1e-13 AS mbgnbd
FROM published, (VALUES (1, 5, 5), (1, 5, 30.5), (7, 20, 38), (40, 38, 38.2)) v (x, t_x, t);
-- spending: p (v + x m) / (p x + q - 1), whatever the value where there is no repeat purchase
SELECT x, m, round(rfmseg.expected_average_value(gamma_gamma, x, m)::numeric, 6) AS value,
	abs(rfmseg.expected_average_value(gamma_gamma, x, m) / ((gamma_gamma).p * ((gamma_gamma).v + x * m) / ((gamma_gamma).p * x + (gamma_gamma).q - 1)) - 1) < 1e-14 AS as_sql
FROM published, (VALUES (0, 0), (1, 0), (1, 20), (2, 20), (50, 20), (100000, 20)) v (x, m);
SELECT count(DISTINCT rfmseg.expected_average_value(gamma_gamma, 0, m)) AS different FROM published, unnest('{0,1,1e100}'::float8[]) m;
-- lifetime value: of 12 equal periods, each discounted from its end
CREATE FUNCTION value_in_sql(model rfmseg.mbgnbd_model, gamma_gamma rfmseg.gamma_gamma_model, x int, t_x float8, t float8, m float8, horizon float8, rate float8) RETURNS float8 LANGUAGE sql AS $$
	SELECT rfmseg.expected_average_value(gamma_gamma, x, m) * sum(
		(rfmseg.expected_purchases(model, x, t_x, t, horizon * k / 12) - rfmseg.expected_purchases(model, x, t_x, t, horizon * (k - 1) / 12)) / (1 + rate) ^ (horizon * k / 12 / 365.25))
	FROM generate_series(1, 12) k $$;
SELECT x, t_x, t, m, horizon, rate, round(rfmseg.customer_lifetime_value(mbgnbd, gamma_gamma, x, t_x, t, m, horizon, rate)::numeric, 4) AS value,
	abs(rfmseg.customer_lifetime_value(mbgnbd, gamma_gamma, x, t_x, t, m, horizon, rate) - value_in_sql(mbgnbd, gamma_gamma, x, t_x, t, m, horizon, rate)) < 1e-9 AS as_sql
FROM published, (VALUES (2, 30.43, 38.86, 20, 365.25, 0.1), (2, 30.43, 38.86, 20, 365.25, 0), (2, 30.43, 38.86, 20, 365.25, -0.5), (0, 0, 12, 0, 90, 0.1), (9, 30, 38, 60, 3652.5, 1e9), (9, 30, 38, 60, 0, 0.1)) v (x, t_x, t, m, horizon, rate);
-- without a discount it is the product of the two
SELECT bool_and(abs(rfmseg.customer_lifetime_value(bgnbd, gamma_gamma, 3, 20, 30, 25, h, 0) - rfmseg.expected_purchases(bgnbd, 3, 20, 30, h) * rfmseg.expected_average_value(gamma_gamma, 3, 25)) < 1e-9) AS bgnbd,
	bool_and(abs(rfmseg.customer_lifetime_value(pnbd, gamma_gamma, 3, 20, 30, 25, h, 0) - rfmseg.expected_purchases(pnbd, 3, 20, 30, h) * rfmseg.expected_average_value(gamma_gamma, 3, 25)) < 1e-9) AS pnbd
FROM published, unnest('{0,1,100,1000}'::float8[]) h;
-- NULL in any argument gives NULL
SELECT rfmseg.p_alive(NULL::rfmseg.bgnbd_model, 1, 1, 1) AS model, rfmseg.p_alive(bgnbd, NULL, 1, 1) AS x, rfmseg.expected_purchases(pnbd, 1, NULL, 1, 1) AS t_x, rfmseg.expected_purchases(mbgnbd, 1, 1, 1, NULL) AS horizon,
	rfmseg.expected_purchases_new(pnbd, NULL) AS of_new, rfmseg.expected_average_value(gamma_gamma, 1, NULL) AS m, rfmseg.customer_lifetime_value(mbgnbd, NULL, 1, 1, 1, 1, 1, 0) AS gamma_gamma FROM published;

--
-- Fits
--

CREATE TABLE fits AS SELECT rfmseg.bgnbd_fit(x, t_x, t) AS bgnbd, rfmseg.mbgnbd_fit(x, t_x, t) AS mbgnbd, rfmseg.pnbd_fit(x, t_x, t) AS pnbd, rfmseg.gamma_gamma_fit(x, money) AS gamma_gamma FROM customers;
SELECT (bgnbd).n, (bgnbd).converged, (bgnbd).status, (bgnbd).gradient_norm < 1e-9 AS flat, (bgnbd).iterations > 0 AS some_iterations, array_length((bgnbd).standard_errors, 1) AS errors,
	round((bgnbd).r::numeric, 6) AS r, round((bgnbd).alpha::numeric, 4) AS alpha, round((bgnbd).a::numeric, 6) AS a, round((bgnbd).b::numeric, 5) AS b, round((bgnbd).log_likelihood::numeric, 6) AS log_likelihood FROM fits;
SELECT (mbgnbd).n, (mbgnbd).converged, (mbgnbd).status, (mbgnbd).gradient_norm < 1e-9 AS flat, (mbgnbd).iterations > 0 AS some_iterations, array_length((mbgnbd).standard_errors, 1) AS errors,
	round((mbgnbd).r::numeric, 6) AS r, round((mbgnbd).alpha::numeric, 4) AS alpha, round((mbgnbd).a::numeric, 6) AS a, round((mbgnbd).b::numeric, 5) AS b, round((mbgnbd).log_likelihood::numeric, 6) AS log_likelihood FROM fits;
SELECT (pnbd).n, (pnbd).converged, (pnbd).status, (pnbd).gradient_norm < 1e-9 AS flat, (pnbd).iterations > 0 AS some_iterations, array_length((pnbd).standard_errors, 1) AS errors,
	round((pnbd).r::numeric, 6) AS r, round((pnbd).alpha::numeric, 4) AS alpha, round((pnbd).s::numeric, 6) AS s, round((pnbd).beta::numeric, 4) AS beta, round((pnbd).log_likelihood::numeric, 6) AS log_likelihood FROM fits;
SELECT (gamma_gamma).n, (gamma_gamma).converged, (gamma_gamma).status, (gamma_gamma).gradient_norm < 1e-9 AS flat, (gamma_gamma).iterations > 0 AS some_iterations, array_length((gamma_gamma).standard_errors, 1) AS errors,
	round((gamma_gamma).p::numeric, 5) AS p, round((gamma_gamma).q::numeric, 5) AS q, round((gamma_gamma).v::numeric, 4) AS v, round((gamma_gamma).log_likelihood::numeric, 6) AS log_likelihood FROM fits;
-- the truth is within four standard errors
SELECT bool_and(abs(found - truth) < 4 * error) AS recovered
FROM fits, unnest(ARRAY[(mbgnbd).r, (mbgnbd).alpha, (mbgnbd).a, (mbgnbd).b], '{0.7,40,0.9,3}'::float8[], (mbgnbd).standard_errors) u (found, truth, error);
-- no place near the maximum is more likely: the likelihood of MBG/NBD in SQL
CREATE FUNCTION rising(c float8, n int) RETURNS float8 LANGUAGE sql AS $$ SELECT coalesce(sum(ln(c + j)), 0) FROM generate_series(0, n - 1) j $$;
CREATE FUNCTION log_likelihood(r float8, alpha float8, a float8, b float8) RETURNS float8 LANGUAGE sql AS $$
	SELECT sum(n * (rising(r, x) + r * ln(alpha) + rising(b, x + 1) - rising(a + b, x + 1) + ln((alpha + t) ^ -(r + x) + a / (b + x) * (alpha + t_x) ^ -(r + x))))
	FROM (SELECT x, t_x, t, count(*) AS n FROM lifetime_test.customers GROUP BY 1, 2, 3) s $$;
SELECT abs(log_likelihood((mbgnbd).r, (mbgnbd).alpha, (mbgnbd).a, (mbgnbd).b) / (mbgnbd).log_likelihood - 1) < 1e-12 AS same,
	(SELECT bool_and(log_likelihood((mbgnbd).r * (1 + i), (mbgnbd).alpha * (1 + j), (mbgnbd).a * (1 + k), (mbgnbd).b * (1 + l)) < (mbgnbd).log_likelihood)
		FROM (VALUES (0.01, 0, 0, 0), (-0.01, 0, 0, 0), (0, 0.01, 0, 0), (0, -0.01, 0, 0), (0, 0, 0.01, 0), (0, 0, -0.01, 0), (0, 0, 0, 0.01), (0, 0, 0, -0.01)) d (i, j, k, l)) AS highest
FROM fits;
-- in another unit of time all is the same but that unit
SELECT abs((w.m).r / (mbgnbd).r - 1) < 1e-6 AS r, abs((w.m).alpha * 7 / (mbgnbd).alpha - 1) < 1e-6 AS alpha, abs((w.m).a / (mbgnbd).a - 1) < 1e-6 AS a, abs((w.m).b / (mbgnbd).b - 1) < 1e-6 AS b,
	abs(rfmseg.expected_purchases(w.m, 3, 10, 20, 5) / rfmseg.expected_purchases(mbgnbd, 3, 70, 140, 35) - 1) < 1e-6 AS purchases
FROM fits, (SELECT rfmseg.mbgnbd_fit(x, t_x / 7, t / 7) AS m FROM customers) w;
-- rows with a NULL are ignored, and Gamma-Gamma takes no notice of those who never came back or paid nothing
SELECT (rfmseg.mbgnbd_fit(x, t_x, t)).n, digest(rfmseg.mbgnbd_fit(x, t_x, t)) = (SELECT digest(mbgnbd) FROM fits) AS same
FROM (SELECT x, t_x, t FROM customers UNION ALL VALUES (NULL, 1, 1), (1, NULL, 1), (1, 1, NULL), (-1, NULL, float8 'NaN')) s;
SELECT digest(rfmseg.gamma_gamma_fit(x, money)) = (SELECT digest(gamma_gamma) FROM fits) AS same
FROM (SELECT x, money FROM customers WHERE x > 0 UNION ALL VALUES (NULL, 1), (1, NULL), (0, 0), (0, 77), (5, 0), (5, 1e-101)) s;
-- no rows
SELECT rfmseg.bgnbd_fit(x, t_x, t) IS NOT DISTINCT FROM NULL AS bgnbd, rfmseg.mbgnbd_fit(x, t_x, t) IS NOT DISTINCT FROM NULL AS mbgnbd, rfmseg.pnbd_fit(x, t_x, t) IS NOT DISTINCT FROM NULL AS pnbd,
	rfmseg.gamma_gamma_fit(x, money) IS NOT DISTINCT FROM NULL AS gamma_gamma FROM customers WHERE false;
SELECT rfmseg.mbgnbd_fit(NULL, t_x, t) IS NOT DISTINCT FROM NULL AS all_null FROM customers;
SELECT count(*) AS groups FROM (SELECT rfmseg.mbgnbd_fit(x, t_x, t) FROM customers WHERE false GROUP BY i) s;
-- nobody came back
SELECT outcome(statement) FROM unnest(ARRAY[
	'SELECT rfmseg.bgnbd_fit(0, 0, 10)', 'SELECT rfmseg.mbgnbd_fit(0, 0, t) FROM lifetime_test.customers', 'SELECT rfmseg.pnbd_fit(0, 0, 0)',
	'SELECT rfmseg.gamma_gamma_fit(0, 0)', 'SELECT rfmseg.gamma_gamma_fit(3, 0)']) statement;
-- no maximum: one customer, customers who are all alike, who all buy to the end
SELECT (m).n, (m).converged, (m).status, (m).standard_errors, (m).r > 0 AND (m).alpha > 0 AND (m).a > 0 AND (m).b > 0 AS parameters, (m).log_likelihood > '-Infinity' AS log_likelihood
FROM (SELECT rfmseg.mbgnbd_fit(3, 20, 30) AS m) s;
SELECT (m).n, (m).converged, (m).status FROM (SELECT rfmseg.bgnbd_fit(5, 30, 30) AS m FROM generate_series(1, 100)) s;
SELECT (m).n, (m).converged, (m).status FROM (SELECT rfmseg.pnbd_fit(5, 30, 30) AS m FROM generate_series(1, 100)) s;
SELECT (m).n, (m).converged, (m).status FROM (SELECT rfmseg.gamma_gamma_fit(4, 9.5) AS m FROM generate_series(1, 100)) s;
-- and predictions refuse what is found then
SET client_min_messages = error;
CREATE TABLE alike AS SELECT rfmseg.mbgnbd_fit(5, 30, 30) AS mbgnbd, rfmseg.bgnbd_fit(5, 30, 30) AS bgnbd, rfmseg.pnbd_fit(5, 30, 30) AS pnbd, rfmseg.gamma_gamma_fit(4, 9.5) AS gamma_gamma FROM generate_series(1, 100);
RESET client_min_messages;
SELECT outcome(statement) FROM unnest(ARRAY[
	'SELECT rfmseg.p_alive(mbgnbd, 1, 1, 1) FROM lifetime_test.alike',
	'SELECT rfmseg.expected_purchases(bgnbd, 1, 1, 1, 1) FROM lifetime_test.alike',
	'SELECT rfmseg.expected_purchases_new(pnbd, 1) FROM lifetime_test.alike',
	'SELECT rfmseg.expected_average_value(gamma_gamma, 1, 1) FROM lifetime_test.alike',
	'SELECT rfmseg.customer_lifetime_value(f.mbgnbd, a.gamma_gamma, 1, 1, 1, 1, 1, 0) FROM lifetime_test.alike a, lifetime_test.fits f',
	'SELECT rfmseg.customer_lifetime_value(a.mbgnbd, f.gamma_gamma, 1, 1, 1, 1, 1, 0) FROM lifetime_test.alike a, lifetime_test.fits f']) statement;
-- groups, FILTER, DISTINCT and ORDER BY; over a window the state is added to after it was finished
SELECT g, digest(m) = (SELECT digest(rfmseg.mbgnbd_fit(x, t_x, t)) FROM customers c WHERE c.i % 2 = g) AS same FROM (SELECT i % 2 AS g, rfmseg.mbgnbd_fit(x, t_x, t) AS m FROM customers GROUP BY 1) s ORDER BY g;
SELECT digest(rfmseg.mbgnbd_fit(x, t_x, t) FILTER (WHERE i % 2 = 1)) = (SELECT digest(rfmseg.mbgnbd_fit(x, t_x, t)) FROM customers WHERE i % 2 = 1) AS filter,
	digest(rfmseg.mbgnbd_fit(x, t_x, t ORDER BY t DESC, t_x, x)) = (SELECT digest(mbgnbd) FROM fits) AS order_by,
	(rfmseg.mbgnbd_fit(DISTINCT x, t_x, t)).n = count(DISTINCT (x, t_x, t)) AS "distinct" FROM customers;
SELECT part, digest(running) = (SELECT digest(rfmseg.mbgnbd_fit(x, t_x, t)) FROM customers c WHERE c.i <= s.i) AS same
FROM (SELECT i, i / 1000 AS part, rfmseg.mbgnbd_fit(x, t_x, t) OVER (ORDER BY (i + 999) / 1000) AS running FROM customers) s WHERE i IN (SELECT max(i) FROM customers GROUP BY (i + 999) / 1000) ORDER BY i;

--
-- What no customer can have done, in fits and predictions
--

CREATE TABLE impossible (x text, t_x text, t text);
INSERT INTO impossible VALUES (-1, 0, 10), (-2147483648, 0, 10), (100001, 5, 10), (2147483647, 5, 10), (1, 'NaN', 10), (1, 5, 'NaN'), (1, 'Infinity', 10), (1, 5, 'Infinity'), (1, '-Infinity', 10), (1, 5, '-Infinity'),
	(1, -0.5, 10), (1, 5, -10), (0, 0, -1), (1, 10.000000000000002, 10), (0, 11, 10), (1, 0, 10), (1, '-0', 10), (0, 5, 10), (0, '5e-324', 10), (1, 5, 1.0000001e12);
SELECT x, t_x, t, outcome(format('SELECT rfmseg.mbgnbd_fit(%L, %L, %L)', x, t_x, t)) FROM impossible;
SELECT count(*) AS cases, count(*) FILTER (WHERE fit LIKE 'no error%') AS accepted, count(*) FILTER (WHERE others <> ARRAY[fit, fit, fit, fit, fit, fit, fit, fit, fit]) AS otherwise
FROM (SELECT outcome(format('SELECT rfmseg.mbgnbd_fit(%L, %L, %L)', x, t_x, t)) AS fit, ARRAY(SELECT outcome(format(f, x, t_x, t)) FROM unnest(ARRAY[
	'SELECT rfmseg.bgnbd_fit(%L, %L, %L)', 'SELECT rfmseg.pnbd_fit(%L, %L, %L)',
	'SELECT rfmseg.p_alive(bgnbd, %L, %L, %L) FROM lifetime_test.fits', 'SELECT rfmseg.p_alive(mbgnbd, %L, %L, %L) FROM lifetime_test.fits', 'SELECT rfmseg.p_alive(pnbd, %L, %L, %L) FROM lifetime_test.fits',
	'SELECT rfmseg.expected_purchases(bgnbd, %L, %L, %L, 1) FROM lifetime_test.fits', 'SELECT rfmseg.expected_purchases(mbgnbd, %L, %L, %L, 1) FROM lifetime_test.fits',
	'SELECT rfmseg.expected_purchases(pnbd, %L, %L, %L, 1) FROM lifetime_test.fits',
	'SELECT rfmseg.customer_lifetime_value(pnbd, gamma_gamma, %L, %L, %L, 1, 1, 0) FROM lifetime_test.fits']) f) AS others FROM impossible) s;
SELECT x, m, outcome(format('SELECT rfmseg.gamma_gamma_fit(%L, %L)', x, m)) AS fit,
	outcome(format('SELECT rfmseg.gamma_gamma_fit(%L, %L)', x, m)) = outcome(format('SELECT rfmseg.expected_average_value(gamma_gamma, %L, %L) FROM lifetime_test.fits', x, m)) AS by_function
FROM (VALUES ('1', '-0.01'), ('0', '-0.01'), ('1', 'NaN'), ('1', 'Infinity'), ('1', '-Infinity'), ('1', '1.0000001e100'), ('-1', '1'), ('100001', '1')) v (x, m);
SELECT m, outcome(format('SELECT rfmseg.customer_lifetime_value(bgnbd, gamma_gamma, 1, 1, 1, %L, 1, 0) FROM lifetime_test.fits', m)) FROM unnest('{-1,NaN,Infinity,1e101}'::text[]) m;
-- the horizon, the rate of discount
SELECT horizon, outcome(format('SELECT rfmseg.expected_purchases(mbgnbd, 1, 1, 1, %L) FROM lifetime_test.fits', horizon)) AS expected_purchases,
	outcome(format('SELECT rfmseg.expected_purchases(mbgnbd, 1, 1, 1, %L) FROM lifetime_test.fits', horizon)) = ALL (ARRAY[outcome(format('SELECT rfmseg.expected_purchases_new(mbgnbd, %L) FROM lifetime_test.fits', horizon)),
		outcome(format('SELECT rfmseg.customer_lifetime_value(mbgnbd, gamma_gamma, 1, 1, 1, 1, %L, 0) FROM lifetime_test.fits', horizon))]) AS others_too
FROM unnest('{-1,-1e-300,NaN,Infinity,-Infinity,1000000001}'::text[]) horizon;
SELECT rate, outcome(format('SELECT rfmseg.customer_lifetime_value(mbgnbd, gamma_gamma, 1, 1, 1, 1, 1, %L) FROM lifetime_test.fits', rate)) FROM unnest('{-1,-1.5,NaN,Infinity,-Infinity}'::text[]) rate;
-- who first bought at the very end, and zeros of either sign, are possible
SELECT round(rfmseg.p_alive(mbgnbd, 0, 0, 0)::numeric, 6) AS p_alive, rfmseg.p_alive(mbgnbd, 0, '-0', '-0') = rfmseg.p_alive(mbgnbd, 0, 0, 0) AS same, rfmseg.expected_purchases(mbgnbd, 0, 0, 0, '-0') AS none,
	rfmseg.expected_purchases(mbgnbd, 0, 0, 0, 30) = rfmseg.expected_purchases_new(mbgnbd, 30) AS as_new, rfmseg.expected_average_value(gamma_gamma, 1, '-0') = rfmseg.expected_average_value(gamma_gamma, 1, 0) AS value FROM fits;
SELECT digest(rfmseg.mbgnbd_fit(x, CASE t_x WHEN 0 THEN '-0' ELSE t_x END, CASE t WHEN 0 THEN '-0' ELSE t END)) = (SELECT digest(mbgnbd) FROM fits) AS mbgnbd,
	digest(rfmseg.gamma_gamma_fit(x, CASE money WHEN 0 THEN '-0' ELSE money END)) = (SELECT digest(gamma_gamma) FROM fits) AS gamma_gamma FROM customers;

--
-- Models
--

-- all digits survive, whatever the session shows of them
SET extra_float_digits = -15;
CREATE TABLE kept AS SELECT bgnbd::jsonb, mbgnbd::jsonb, pnbd::jsonb, gamma_gamma::jsonb FROM fits;
RESET extra_float_digits;
SELECT digest(k.bgnbd::rfmseg.bgnbd_model) = digest(f.bgnbd) AS bgnbd, digest(k.mbgnbd::rfmseg.mbgnbd_model) = digest(f.mbgnbd) AS mbgnbd,
	digest(k.pnbd::rfmseg.pnbd_model) = digest(f.pnbd) AS pnbd, digest(k.gamma_gamma::rfmseg.gamma_gamma_model) = digest(f.gamma_gamma) AS gamma_gamma FROM kept k, fits f;
-- as text too
SELECT bgnbd::text::rfmseg.bgnbd_model = bgnbd AS bgnbd, mbgnbd::text::rfmseg.mbgnbd_model = mbgnbd AS mbgnbd, pnbd::text::rfmseg.pnbd_model = pnbd AS pnbd, gamma_gamma::text::rfmseg.gamma_gamma_model = gamma_gamma AS gamma_gamma FROM fits;
SELECT NULL::jsonb::rfmseg.pnbd_model IS NOT DISTINCT FROM NULL AS model, NULL::rfmseg.pnbd_model::jsonb IS NOT DISTINCT FROM NULL AS jsonb, array_agg(key ORDER BY key COLLATE "C") AS keys FROM kept, jsonb_object_keys(pnbd) key;
-- in an assignment the cast to jsonb is implicit, the other one never is
CREATE TABLE assigned_to (model jsonb);
INSERT INTO assigned_to SELECT mbgnbd FROM fits;
SELECT outcome('SELECT rfmseg.p_alive((SELECT model FROM lifetime_test.assigned_to), 1, 1, 1)') LIKE '42883 function rfmseg.p_alive(jsonb, integer, integer, integer) does not exist%' AS refused;
SELECT rfmseg.p_alive((SELECT model::rfmseg.mbgnbd_model FROM assigned_to), 3, 30, 60) = rfmseg.p_alive(mbgnbd, 3, 30, 60) AS same FROM fits;
-- the type decides: the same parameters in another model say something else
SELECT round(rfmseg.p_alive(j::rfmseg.bgnbd_model, 3, 30, 60)::numeric, 6) AS bgnbd, round(rfmseg.p_alive(j::rfmseg.mbgnbd_model, 3, 30, 60)::numeric, 6) AS mbgnbd, outcome('SELECT rfmseg.p_alive(model::rfmseg.pnbd_model, 3, 30, 60) FROM lifetime_test.assigned_to') AS pnbd
FROM (SELECT '{"r": 1, "alpha": 20, "a": 0.5, "b": 2}'::jsonb AS j) s;
-- forged ones: what is missing or makes no sense is an error
SELECT change, outcome(format('SELECT rfmseg.p_alive(%L::jsonb::rfmseg.mbgnbd_model, 3, 30, 60)', mbgnbd || change)) FROM kept, unnest(ARRAY[
	'{"r": null}', '{"r": 0}', '{"r": -1}', '{"r": "NaN"}', '{"r": "Infinity"}', '{"alpha": 9e-11}', '{"a": 1.1e10}', '{"b": "-Infinity"}', '{"b": null}', '{"converged": false}', '{"converged": false, "status": null}',
	'{"converged": false, "r": null}', '{"r": 1e10, "alpha": 1e-10, "a": 1e10, "b": 1e-10}', '{"converged": null, "status": "stuck", "n": null, "standard_errors": null}', '{"more": 1}', '{"r": "x"}']::jsonb[]) change;
SELECT change, outcome(format('SELECT rfmseg.expected_average_value(%L::jsonb::rfmseg.gamma_gamma_model, 3, 30)', gamma_gamma || change)) FROM kept, unnest(ARRAY[
	'{"p": null}', '{"q": 0}', '{"q": 1}', '{"q": 0.5}', '{"v": "NaN"}', '{"converged": false}', '{"q": 1.0000000000000002, "p": 1, "v": 1}']::jsonb[]) change;
SELECT outcome(format('SELECT rfmseg.customer_lifetime_value(mbgnbd, %L::jsonb::rfmseg.gamma_gamma_model, 1, 1, 1, 1, 1, 0) FROM lifetime_test.fits', gamma_gamma || '{"q": 0.5}')) FROM kept;
SELECT outcome('SELECT rfmseg.p_alive(''{}''::jsonb::rfmseg.bgnbd_model, 1, 1, 1)') AS empty, outcome('SELECT rfmseg.p_alive(ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.bgnbd_model, 1, 1, 1)') AS all_null;
-- models that change from row to row, of equal length too; after an error the next one is read anew
SELECT r, round(rfmseg.p_alive(ROW(r, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.mbgnbd_model, 0, 0, 9)::numeric, 6) AS p_alive, round(1 / (1 + 10.0 ^ r), 6) AS expected FROM unnest('{1,2,2,3,1}'::numeric[]) r;
SELECT round(rfmseg.customer_lifetime_value(ROW(r, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.mbgnbd_model, ROW(2, 3, v, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.gamma_gamma_model, 0, 0, 0, 0, 1, 0)::numeric / v, 6) AS value
FROM (VALUES (1, 1), (1, 2), (2, 2), (2, 1)) m (r, v);
CREATE FUNCTION alive(model rfmseg.mbgnbd_model) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RETURN rfmseg.p_alive(model, 0, 0, 9); EXCEPTION WHEN invalid_parameter_value THEN RETURN NULL; END $$;
SELECT r, round(alive(ROW(r, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL))::numeric, 6) AS alive FROM unnest('{1,0,2,0,1}'::float8[]) r;
-- a variable that is changed in place, in one expression of PL/pgSQL
CREATE FUNCTION alive_as_r_grows() RETURNS numeric[] LANGUAGE plpgsql AS $$
DECLARE
	model rfmseg.mbgnbd_model := ROW(1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
	result numeric[] := '{}';
BEGIN
	FOR i IN 1..3 LOOP
		model.r := i;
		result := result || round(rfmseg.p_alive(model, 0, 0, 9)::numeric, 6);
	END LOOP;
	RETURN result;
END $$;
SELECT alive_as_r_grows();
-- the same of clusters
CREATE FUNCTION cluster_as_centres_move() RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
	model rfmseg.kmeans_model := '{"k": 2, "dimensions": 1, "positions": [[1], [5]], "feature_means": [0], "feature_scales": [1]}'::jsonb::rfmseg.kmeans_model;
	result int[] := '{}';
BEGIN
	FOR i IN 1..3 LOOP
		model.positions := ARRAY[ARRAY[i], ARRAY[5]]::float8[];
		result := result || rfmseg.kmeans_predict(model, '{3.4}');
	END LOOP;
	RETURN result;
END $$;
SELECT cluster_as_centres_move();

-- valid models of any kind, customers of any kind: never NaN, infinite or negative, and probabilities are no more than 1
CREATE TABLE hard AS SELECT p, q, r, s
FROM unnest('{1e-10,1e-3,1,40,1e10}'::float8[]) p, unnest('{1e-10,1,1e10}'::float8[]) q, unnest('{1e-10,1e-2,1,100,1e10}'::float8[]) r, unnest('{1e-10,1,1e10}'::float8[]) s;
CREATE TABLE any_customer (x int, t_x float8, t float8, m float8);
INSERT INTO any_customer VALUES (0, 0, 0, 0), (0, 0, 1, 0), (0, 0, 1e12, 0), (1, 1e-9, 1, 1), (1, 5e-324, 5e-324, 1e-100), (1, 500, 500, 20), (3, 30, 1e12, 1e100), (50, 100, 120, 0), (100000, 1e12, 1e12, 1e100), (100000, 1e-300, 1e12, 5);
SELECT count(*) AS cases, count(*) FILTER (WHERE NOT alive BETWEEN 0 AND 1) AS p_alive, count(*) FILTER (WHERE NOT (purchases >= 0 AND purchases < 'Infinity')) AS expected_purchases,
	count(*) FILTER (WHERE NOT (of_new >= 0 AND of_new < 'Infinity')) AS expected_purchases_new, count(*) FILTER (WHERE NOT (value >= 0 AND value < 'Infinity')) AS customer_lifetime_value
FROM (SELECT rfmseg.p_alive(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.bgnbd_model, x, t_x, t) AS alive,
		rfmseg.expected_purchases(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.bgnbd_model, x, t_x, t, h) AS purchases,
		rfmseg.expected_purchases_new(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.bgnbd_model, h) AS of_new,
		rfmseg.customer_lifetime_value(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.bgnbd_model, ROW(p, 1 + q, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.gamma_gamma_model, x, t_x, t, m, h, rate) AS value
	FROM (SELECT p, CASE q WHEN 1e10 THEN 1e9 ELSE q END AS q, r, s FROM hard) k, any_customer, (VALUES (0, 0), (30, -0.9999), (1e9, -0.5), (1e9, 1e300)) v (h, rate)) s;
SELECT count(*) AS cases, count(*) FILTER (WHERE NOT alive BETWEEN 0 AND 1) AS p_alive, count(*) FILTER (WHERE NOT (purchases >= 0 AND purchases < 'Infinity')) AS expected_purchases,
	count(*) FILTER (WHERE NOT (of_new >= 0 AND of_new < 'Infinity')) AS expected_purchases_new
FROM (SELECT rfmseg.p_alive(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.mbgnbd_model, x, t_x, t) AS alive,
		rfmseg.expected_purchases(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.mbgnbd_model, x, t_x, t, h) AS purchases,
		rfmseg.expected_purchases_new(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.mbgnbd_model, h) AS of_new
	FROM hard, any_customer, unnest('{0,30,1e9}'::float8[]) h) s;
SELECT count(*) AS cases, count(*) FILTER (WHERE NOT alive BETWEEN 0 AND 1) AS p_alive, count(*) FILTER (WHERE NOT (purchases >= 0 AND purchases < 'Infinity')) AS expected_purchases,
	count(*) FILTER (WHERE NOT (of_new >= 0 AND of_new < 'Infinity')) AS expected_purchases_new
FROM (SELECT rfmseg.p_alive(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.pnbd_model, x, t_x, t) AS alive,
		rfmseg.expected_purchases(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.pnbd_model, x, t_x, t, h) AS purchases,
		rfmseg.expected_purchases_new(ROW(p, q, r, s, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.pnbd_model, h) AS of_new
	FROM hard, any_customer, unnest('{0,30,1e9}'::float8[]) h) s;

--
-- The same to the last bit, however the rows come
--

CREATE TABLE digests (workers int, source text, parallel boolean, bgnbd text, mbgnbd text, pnbd text, gamma_gamma text);
CREATE FUNCTION take(source text, workers int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT rfmseg.bgnbd_fit(x, t_x, t) AS bgnbd, rfmseg.mbgnbd_fit(x, t_x, t) AS mbgnbd, rfmseg.pnbd_fit(x, t_x, t) AS pnbd, rfmseg.gamma_gamma_fit(x, money) AS gamma_gamma FROM lifetime_test.%I', source);
	plan text;
BEGIN
	PERFORM set_config('max_parallel_workers_per_gather', workers::text, true);
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || statement INTO plan;
	EXECUTE format('INSERT INTO lifetime_test.digests SELECT %s, %L, %L, lifetime_test.digest(bgnbd), lifetime_test.digest(mbgnbd), lifetime_test.digest(pnbd), lifetime_test.digest(gamma_gamma) FROM (%s) s',
		workers, source, plan LIKE '%"Partial Mode": "Partial"%' AND plan LIKE '%"Node Type": "Gather%', statement);
END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT take(source, workers) FROM unnest('{customers,shuffled}'::text[]) source, unnest('{0,2,4}'::int[]) workers;
SELECT count(*) AS runs, count(*) FILTER (WHERE parallel) AS parallel, count(DISTINCT bgnbd) AS bgnbd, count(DISTINCT mbgnbd) AS mbgnbd, count(DISTINCT pnbd) AS pnbd, count(DISTINCT gamma_gamma) AS gamma_gamma FROM digests;
SELECT count(*) AS rows, bool_and(s.p = c.p) AS same FROM (SELECT i, rfmseg.expected_purchases((SELECT mbgnbd FROM fits), x, t_x, t, 90) AS p FROM customers) c JOIN (SELECT i, rfmseg.expected_purchases((SELECT mbgnbd FROM fits), x, t_x, t, 90) AS p FROM shuffled) s USING (i);
-- an impossible row is found by workers too
SELECT outcome('SELECT rfmseg.mbgnbd_fit(CASE i WHEN 4000 THEN -1 ELSE x END, t_x, t) FROM lifetime_test.customers') LIKE '22003 frequency_repeat is -1%' AS refused;
-- parts with no rows, and with NULL alone
SET max_parallel_workers_per_gather = 4;
SELECT digest(rfmseg.mbgnbd_fit(CASE WHEN i <= 500 THEN x END, t_x, t)) = (SELECT digest(rfmseg.mbgnbd_fit(x, t_x, t)) FROM customers WHERE i <= 500) AS same FROM customers;
SELECT rfmseg.mbgnbd_fit(NULL, t_x, t) IS NOT DISTINCT FROM NULL AS none FROM customers;
-- memory is checked before it is taken, for all parts together
SET rfmseg.max_model_memory = '1MB';
SELECT outcome('SELECT rfmseg.mbgnbd_fit(x, t_x, t) FROM (SELECT * FROM lifetime_test.customers UNION ALL SELECT * FROM lifetime_test.shuffled UNION ALL SELECT * FROM lifetime_test.shuffled) s') LIKE
	'53400 a fit of % customers needs more memory than rfmseg.max_model_memory allows / It takes % MB, and the limit is 1 MB. / Raise %' AS refused;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
CREATE SEQUENCE counted;
SELECT outcome($$SELECT rfmseg.mbgnbd_fit((nextval('lifetime_test.counted') % 3 + 1)::int, 5, 10) FROM generate_series(1, 100000)$$);
SELECT outcome($$SELECT rfmseg.gamma_gamma_fit((nextval('lifetime_test.counted') % 3 + 1)::int, 5) FROM generate_series(1, 100000)$$);
SELECT last_value < 50000 AS early FROM counted;
RESET rfmseg.max_model_memory;

--
-- States are not to be had outside of the aggregates
--

SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.proname ~ '^_(histories_|(bgnbd|mbgnbd|pnbd|gamma_gamma)_final)' AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[]);
SELECT p.proname AS function, p.pronargs AS arguments, substr(outcome(format('SELECT %s(%s) IS NULL', p.oid::regproc,
	(SELECT string_agg(CASE t WHEN 'internal'::regtype THEN 'NULL' ELSE 'NULL::' || format_type(t, NULL) END, ', ' ORDER BY n)
	FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a (t, n)))), 1, 5) IN ('42883', '0A000') AS refused
FROM (SELECT *, proname COLLATE "C" AS name FROM pg_proc) p WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.proname ~ '^_(histories_|(bgnbd|mbgnbd|pnbd|gamma_gamma)_final)' ORDER BY name, arguments;
-- nor are states of another aggregate, which a superuser can bring together
CREATE AGGREGATE purchases_then_spending(int, float8, float8) (SFUNC = rfmseg._histories_transition, STYPE = internal, FINALFUNC = rfmseg._gamma_gamma_final);
CREATE AGGREGATE spending_then_purchases(int, float8) (SFUNC = rfmseg._histories_transition, STYPE = internal, FINALFUNC = rfmseg._pnbd_final);
CREATE AGGREGATE clusters_then_purchases(float8[], int) (SFUNC = rfmseg._kmeans_transition, STYPE = internal, FINALFUNC = rfmseg._bgnbd_final);
CREATE AGGREGATE purchases_then_clusters(int, float8, float8) (SFUNC = rfmseg._histories_transition, STYPE = internal, FINALFUNC = rfmseg._kmeans_final);
SELECT outcome(statement) FROM unnest(ARRAY['SELECT lifetime_test.purchases_then_spending(1, 1, 1)', 'SELECT lifetime_test.spending_then_purchases(1, 1)',
	$$SELECT lifetime_test.clusters_then_purchases('{1}', 1)$$, 'SELECT lifetime_test.purchases_then_clusters(1, 1, 1)']) statement;

-- nor are forged ones from a worker: cut short, too long, with another kind, number of values or of rows
CREATE FUNCTION keep(internal, bytea) RETURNS internal LANGUAGE internal IMMUTABLE PARALLEL SAFE AS 'xmlconcat2';
CREATE FUNCTION send(internal) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'byteasend';
CREATE AGGREGATE fit_of_bytes(bytea) (SFUNC = keep, STYPE = internal, COMBINEFUNC = rfmseg._histories_combine,
	SERIALFUNC = send, DESERIALFUNC = rfmseg._histories_deserialize, FINALFUNC = rfmseg._mbgnbd_final, PARALLEL = SAFE);
CREATE AGGREGATE bytes_of_fit(int, float8, float8) (SFUNC = rfmseg._histories_transition, STYPE = internal, FINALFUNC = rfmseg._histories_serialize);
CREATE TABLE state AS SELECT bytes_of_fit(x, t_x, t) AS bytes, digest(rfmseg.mbgnbd_fit(x, t_x, t)) AS result FROM customers WHERE i <= 300;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers = 0;
CREATE FUNCTION received(bytes bytea) RETURNS text LANGUAGE sql AS $$
	SELECT lifetime_test.outcome(format('SELECT lifetime_test.digest(lifetime_test.fit_of_bytes(CASE i WHEN 1 THEN %L::bytea END)) FROM lifetime_test.customers', bytes)) $$;
SELECT received(bytes) = 'no error: ' || result AS true_state FROM state;
SELECT length, received(CASE WHEN length <= length(bytes) THEN substr(bytes, 1, length) ELSE bytes || '\x00' END) AS outcome
FROM state, LATERAL unnest(ARRAY[0, 3, 4, 7, 8, 15, 16, 17, length(bytes) - 1, length(bytes) + 1]) WITH ORDINALITY u (length, n) ORDER BY n;
SELECT count(*) AS bits, array_agg(DISTINCT received(set_bit(bytes, bit, 1 - get_bit(bytes, bit)))) AS errors FROM state, generate_series(0, 127) bit;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers;

--
-- What the catalogue says
--

-- discounted purchases: no discount leaves them as they are; times the value of one they are the lifetime value
SELECT count(*) AS customers, count(*) FILTER (WHERE abs(rfmseg.discounted_purchases(p, x, t_x, 400, 365, 0) - rfmseg.expected_purchases(p, x, t_x, 400, 365)) > 1e-12) AS other_undiscounted,
	count(*) FILTER (WHERE abs(rfmseg.discounted_purchases(p, x, t_x, 400, 365, 0.1) * rfmseg.expected_average_value(g, x, 20)
		- rfmseg.customer_lifetime_value(p, g, x, t_x, 400, 20, 365, 0.1)) > 1e-9) AS other_value,
	count(*) FILTER (WHERE rfmseg.discounted_purchases(p, x, t_x, 400, 365, 0.1) >= rfmseg.expected_purchases(p, x, t_x, 400, 365)) AS not_less
FROM generate_series(1, 40) AS x, unnest('{100,200,399}'::float8[]) AS t_x,
	(SELECT '{"r": 0.8, "alpha": 40, "s": 0.6, "beta": 120}'::jsonb::rfmseg.pnbd_model AS p, '{"p": 6, "q": 4, "v": 15}'::jsonb::rfmseg.gamma_gamma_model AS g) AS m;
SELECT rfmseg.discounted_purchases('{"r": 0.8, "alpha": 40, "s": 0.6, "beta": 120}'::jsonb::rfmseg.pnbd_model, 1, 10, 20, 365, -1);

-- types and their columns have comments, functions in C cost something and are strict
SELECT t.typname AS type, obj_description(t.oid, 'pg_type') IS NOT NULL AS commented, count(*) AS columns, count(col_description(a.attrelid, a.attnum)) AS commented_columns
FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE t.typnamespace = 'rfmseg'::regnamespace AND t.typname IN ('bgnbd_model', 'mbgnbd_model', 'pnbd_model', 'gamma_gamma_model') GROUP BY t.oid, t.typname ORDER BY t.typname COLLATE "C";
SELECT p.proname AS function, count(*) AS models, bool_and(p.proisstrict AND p.provolatile = 'i' AND p.proparallel = 's' AND p.procost > 1) AS as_should_be FROM pg_proc p
WHERE p.pronamespace = 'rfmseg'::regnamespace AND p.proname IN ('p_alive', 'expected_purchases', 'expected_purchases_new', 'discounted_purchases', 'expected_average_value', 'customer_lifetime_value') GROUP BY p.proname ORDER BY p.proname COLLATE "C";
SELECT count(*) AS casts, count(obj_description(c.oid, 'pg_cast')) AS commented FROM pg_cast c, pg_type t WHERE t.oid IN (c.castsource, c.casttarget) AND t.typnamespace = 'rfmseg'::regnamespace AND t.typname ~ '^(bgnbd|mbgnbd|pnbd|gamma_gamma)_model$';

SET client_min_messages = warning;
DROP SCHEMA lifetime_test CASCADE;
