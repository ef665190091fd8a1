-- summarize_customers(): all customers of a query in one pass.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TIME ZONE 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
CREATE SCHEMA summarize_test;
SET search_path = summarize_test, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set simple_path :abs_srcdir '/test/simple_path.sql'
\i :simple_path

-- Ties, returns, refunds, orders without keys, guests, rows without date or
-- amount, undeclared negatives, amounts of many scales, one large customer.
CREATE TABLE lines AS
SELECT CASE WHEN i % 37 > 0 THEN CASE WHEN i % 7 = 0 THEN 1 ELSE 1 + i * 7919 % 1500 END END::bigint AS customer_id,
	CASE WHEN i % 211 > 0 THEN timestamptz '2023-01-01 00:00+00' + (i * 104729 % 17000) * interval '1 hour' + (i % 3 - 1) * interval '1 microsecond' END AS transaction_date,
	CASE WHEN i % 199 = 0 THEN NULL WHEN i % 23 = 0 THEN 0 WHEN i % 19 = 0 THEN -(i % 50) - 0.5
		ELSE (ARRAY[0.1, 19.90, 20.00, 1e15 + 0.2, 3, 0.000000000001, 7.10])[1 + i % 7] * (1 + i % 3) END AS total_amount,
	CASE WHEN i % 5 > 0 THEN i / 3 WHEN i % 10 = 0 THEN NULL ELSE i / 40 END AS order_id,
	CASE WHEN i % 11 > 0 THEN i % 97 END AS product_id,
	CASE WHEN i % 13 > 0 THEN (ARRAY['tea', 'Tee', 'thé', '', 'a longer category, of many words', 'coffee'])[1 + i * 31 % 6] END AS category,
	CASE WHEN i % 3 > 0 THEN 1 + i % 5 END::numeric AS quantity,
	CASE i % 4 WHEN 0 THEN 0 WHEN 1 THEN 1.50 WHEN 2 THEN NULL ELSE 0.333 END AS discount_amount,
	CASE WHEN i % 29 = 0 THEN true WHEN i % 31 = 0 THEN false END AS is_return,
	'GBP'::text AS currency
FROM generate_series(1, 20000) i;
-- whole refunds, with and without keys
INSERT INTO lines SELECT customer_id, transaction_date + interval '1 day', -abs(total_amount), order_id, product_id, category, 1, NULL, NULL, 'GBP'
FROM lines WHERE customer_id % 9 = 0 AND transaction_date IS NOT NULL;
-- a customer of returns alone, and one of the future
INSERT INTO lines VALUES (8001, '2023-05-05', -5, 1, NULL, NULL, NULL, NULL, NULL, 'GBP'), (8002, '2030-01-01', 5, 2, NULL, NULL, NULL, NULL, NULL, 'GBP');
ANALYZE lines;

-- The same as plain SQL says, digit by digit.
SELECT z AS time_zone, l AS lookback, r AS returns, d.*
FROM unnest('{UTC,Europe/London,Pacific/Apia}'::text[]) z, unnest('{NULL,90 days}'::interval[]) l, unnest('{net,drop}'::text[]) r,
	LATERAL differences(NULL::bigint, 'lines', '2024-12-01 12:00+00', z, l, r) d;

-- The same with keys that are text: none at all, long ones, and very long ones.
CREATE TABLE text_lines AS
SELECT CASE customer_id % 150 WHEN 2 THEN '' WHEN 3 THEN repeat('k', 300) WHEN 4 THEN repeat('é', 50000) ELSE 'c' || customer_id END AS customer_id,
	transaction_date, total_amount,
	CASE order_id % 40 WHEN 0 THEN '' WHEN 1 THEN repeat('o', 300) || order_id ELSE order_id::text END AS order_id,
	CASE product_id % 10 WHEN 0 THEN '' ELSE product_id::text END AS product_id,
	CASE WHEN category = 'coffee' THEN '茶 ☕' ELSE category END AS category, quantity, discount_amount, is_return, currency
FROM lines;
SELECT l AS lookback, r AS returns, d.*
FROM unnest('{NULL,90 days}'::interval[]) l, unnest('{net,drop}'::text[]) r,
	LATERAL differences(NULL::text, 'text_lines', '2024-12-01 12:00+00', 'Europe/London', l, r) d;

-- Rows and money add up.
CREATE VIEW totals AS
SELECT key AS fate, (value ->> 'rows')::bigint AS rows, (value ->> 'amount')::numeric AS amount
FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines', '2024-12-01 12:00+00', lookback => '90 days'), jsonb_each(source_totals)
WHERE jsonb_typeof(value) = 'object';
SELECT fate, rows FROM totals ORDER BY fate COLLATE "C";
SELECT sum(rows) FILTER (WHERE fate NOT IN ('source', 'returned')) - sum(rows) FILTER (WHERE fate = 'source') AS rows,
	sum(amount) FILTER (WHERE fate NOT IN ('source', 'returned')) - sum(amount) FILTER (WHERE fate = 'source') AS amount FROM totals;

-- Whatever the memory, the workers and the order of the rows: the same rows, in
-- the same order.
CREATE FUNCTION digest(query text DEFAULT 'TABLE lines') RETURNS text LANGUAGE sql AS
'SELECT count(*) || '' '' || md5(string_agg(s::text, '''' ORDER BY n)) FROM rfmseg.summarize_customers(NULL::bigint, query, lookback => ''400 days'') WITH ORDINALITY AS s (customer_id, a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, r, t, u, v, w, x, y, z, aa, bb, cc, n)';
SELECT digest() AS expected \gset
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT digest() = :'expected' AS same_in_little_memory;
SELECT digest('SELECT * FROM lines ORDER BY md5(lines::text)') = :'expected' AS same_in_another_order;
RESET work_mem;
RESET hash_mem_multiplier;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ALTER TABLE lines SET (parallel_workers = 4);
SET max_parallel_workers_per_gather = 4;
SELECT digest() = :'expected' AS same_with_workers;
SET parallel_leader_participation = off;
SET work_mem = '64kB';
SELECT digest() = :'expected' AS same_with_workers_alone;
RESET work_mem;
-- (what workers share lies in folders, which pg_ls_tmpdir() does not show)
SELECT count(*) AS files_left FROM pg_ls_dir('base/pgsql_tmp', true, false);
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET parallel_leader_participation;

-- One customer whose lines are more than the memory; very long keys.
SET work_mem = '64kB';
SELECT customer_id, frequency, monetary, unique_products_purchased FROM rfmseg.summarize_customers(NULL::int,
	'SELECT CASE WHEN i % 1000 = 0 THEN 2 ELSE 1 END AS customer_id, timestamptz ''2024-01-01'' + i * interval ''1 minute'' AS transaction_date, 1 AS total_amount,
		i AS order_id, i % 5000 AS product_id FROM generate_series(1, 100000) i')
WHERE source_totals IS NULL ORDER BY 1;
SELECT length(customer_id), frequency, length(top_category), category_shares = jsonb_build_object(top_category, 1) AS one_share
FROM rfmseg.summarize_customers(NULL::text,
	'SELECT repeat(chr(96 + i / 2), 100000 * (i / 2)) AS customer_id, timestamptz ''2024-01-01'' AS transaction_date, 1 AS total_amount,
		repeat(''order'' || i, 30000) AS order_id, repeat(''x'', i / 2 * 20000) AS category FROM generate_series(2, 7) i')
WHERE source_totals IS NULL ORDER BY 1;
RESET work_mem;

-- Keys of any type that can be hashed.
CREATE TYPE mood AS ENUM ('fine', 'well');
CREATE DOMAIN code AS text;
CREATE FUNCTION by_type(key anyelement, expression text) RETURNS TABLE (type regtype, customer text, purchases bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT pg_typeof(customer_id), customer_id::text, s.frequency FROM rfmseg.summarize_customers(key,
		format('SELECT %s AS customer_id, timestamptz ''2024-01-01'' + i * interval ''1 day'' AS transaction_date, 1 AS total_amount FROM generate_series(1, 6) i', expression)) s
	WHERE source_totals IS NULL ORDER BY 2;
END $$;
SELECT * FROM by_type(NULL::bigint, '(i % 2 - 1) * 5000000000');
SELECT * FROM by_type(NULL::int, 'i % 2 - 1');
SELECT * FROM by_type(NULL::smallint, '(i % 2 - 1)::smallint');
SELECT * FROM by_type(NULL::text, '''k'' || i % 2');
SELECT * FROM by_type(NULL::code, '(''k'' || i % 2)::code');
SELECT * FROM by_type(NULL::varchar, '(''k'' || i % 2)::varchar');
SELECT * FROM by_type(NULL::uuid, 'lpad((i % 2)::text, 32, ''0'')::uuid');
SELECT * FROM by_type(NULL::numeric, 'CASE WHEN i > 3 THEN 1.0 ELSE 1.00 END');
SELECT * FROM by_type(NULL::float8, 'CASE WHEN i > 3 THEN 0.0::float8 ELSE -0.0::float8 END');
SELECT * FROM by_type(NULL::bpchar, 'CASE WHEN i > 3 THEN ''a '' ELSE ''a'' END::bpchar');
SELECT * FROM by_type(NULL::date, 'date ''1999-12-31'' + i % 2');
SELECT * FROM by_type(NULL::mood, 'CASE i % 2 WHEN 0 THEN ''fine'' ELSE ''well'' END::mood');
SELECT * FROM by_type(NULL::boolean, 'i % 2 = 0');
SELECT * FROM by_type(NULL::jsonb, 'CASE WHEN i > 3 THEN ''{"a": 1.0}'' ELSE ''{"a": 1.00}'' END::jsonb');
SELECT * FROM by_type(NULL::text, 'CASE WHEN i > 3 THEN '''' ELSE '' '' END');
SELECT * FROM by_type(NULL::timestamptz, 'timestamptz ''infinity''');
SELECT * FROM by_type(NULL::interval, 'CASE WHEN i > 3 THEN interval ''1 month'' ELSE ''30 days'' END');
SELECT * FROM by_type(NULL::int[], 'ARRAY[i % 2, NULL]');
CREATE TYPE pair AS (a int, b text);
SELECT type, length(customer), purchases FROM by_type(NULL::pair, 'ROW(i % 2, repeat(''b'', 5000))::pair');
SELECT * FROM by_type(NULL::bit(3), '''101''::bit(3)');
SELECT * FROM by_type(NULL::json, '''1''::json');

-- So may be those of orders, products and categories: a category is shown as text.
SELECT frequency, unique_products_purchased, top_category, category_shares FROM rfmseg.summarize_customers(NULL::int,
	'SELECT 1 AS customer_id, timestamptz ''2024-01-01'' AS transaction_date, 1 AS total_amount, i % 2 AS order_id, i::float8 AS product_id, 199 + i AS category FROM generate_series(1, 3) i')
WHERE source_totals IS NULL;
SELECT frequency, unique_products_purchased, top_category, category_shares FROM rfmseg.summarize_customers(NULL::int,
	'SELECT 1 AS customer_id, timestamptz ''2024-01-01'' AS transaction_date, 1 AS total_amount, date ''2024-01-01'' AS order_id, ''\x00ff''::bytea AS product_id, date ''2024-01-01'' AS category')
WHERE source_totals IS NULL;

-- A category of any type is shown as its text.
SELECT top_category, category_shares FROM rfmseg.summarize_customers(NULL::int,
	'SELECT 1 AS customer_id, timestamptz ''2024-01-01'' AS transaction_date, i AS total_amount, 64 + i AS category, date ''2024-01-01'' + i AS product_id FROM generate_series(0, 2) i')
WHERE source_totals IS NULL;

-- Few rows.
CREATE VIEW one AS SELECT 1 AS customer_id, timestamptz '2024-01-01' AS transaction_date, 5.00 AS total_amount;
SELECT customer_id, as_of, recency_days, frequency, monetary, frequency_repeat, avg_monthly_frequency, median_gap_days, category_shares FROM rfmseg.summarize_customers(NULL::int, 'TABLE one');
SELECT customer_id, as_of, last_purchase_at, source_totals -> 'source' AS source FROM rfmseg.summarize_customers(NULL::int, 'SELECT * FROM one WHERE false');
SELECT customer_id, as_of, source_totals -> 'guests' AS guests FROM rfmseg.summarize_customers(NULL::int, 'SELECT NULL::int AS customer_id, transaction_date, total_amount FROM one');
SELECT customer_id, as_of, source_totals -> 'counted' AS counted FROM rfmseg.summarize_customers(NULL::int, 'SELECT customer_id, transaction_date, -total_amount AS total_amount FROM one');
SELECT customer_id, frequency, monetary FROM rfmseg.summarize_customers(NULL::int, 'SELECT customer_id, transaction_date, -total_amount AS total_amount FROM one', '2024-02-01') WHERE source_totals IS NULL;
-- later lines
CREATE VIEW two AS SELECT * FROM one UNION ALL SELECT 2, '2025-01-01', 7;
SELECT customer_id, as_of, frequency FROM rfmseg.summarize_customers(NULL::int, 'TABLE two') ORDER BY 1;
SELECT customer_id, as_of, frequency, source_totals -> 'later' AS later FROM rfmseg.summarize_customers(NULL::int, 'TABLE two', known_at => '2024-06-01') ORDER BY 1;
SELECT customer_id, as_of, frequency FROM rfmseg.summarize_customers(NULL::int, 'TABLE two', '2026-01-01', known_at => '2024-06-01') ORDER BY 1;
-- a day is the zone's
SELECT as_of, last_purchase_date, recency_days FROM rfmseg.summarize_customers(NULL::int, 'TABLE one', time_zone => 'America/New_York') WHERE source_totals IS NULL;

-- Queries of any form.
SELECT count(*) FROM rfmseg.summarize_customers(NULL::int, 'TABLE one; ');
SELECT count(*) FROM rfmseg.summarize_customers(NULL::int, 'SELECT * FROM one -- all of it');
SELECT count(*) FROM rfmseg.summarize_customers(NULL::int, 'SELECT * FROM one /* all; */ ;; ');
SELECT count(*) FROM rfmseg.summarize_customers(NULL::int, 'SELECT * FROM one; -- all of it');
SELECT (rfmseg.summarize_customers(NULL::int, 'TABLE one')).customer_id;
SELECT count(*) FROM rfmseg.summarize_customers(NULL::int, 'WITH w AS (TABLE two) SELECT * FROM w');
SELECT count(*) FROM rfmseg.summarize_customers(NULL::int, 'SELECT * FROM (VALUES (1, now(), 1.5)) AS v (customer_id, transaction_date, total_amount)');
SELECT customer_id, monetary FROM rfmseg.summarize_customers(NULL::int,
	'SELECT customer_id, last_purchase_at AS transaction_date, monetary AS total_amount FROM rfmseg.summarize_customers(NULL::int, ''TABLE two'')') WHERE source_totals IS NULL ORDER BY 1;
BEGIN READ ONLY;
SELECT count(*) FROM rfmseg.summarize_customers(NULL::int, 'TABLE two');
COMMIT;

-- Errors, each its own.
SELECT * FROM rfmseg.summarize_customers(NULL::int, NULL);
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'DELETE FROM lines');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'TABLE one; TABLE one');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'TABLE one) AS x, (TABLE one');
SELECT * FROM rfmseg.summarize_customers(NULL::int, '');
SELECT * FROM rfmseg.summarize_customers(NULL::int, '-- nothing');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELEKT');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELECT * INTO made FROM one');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'EXPLAIN TABLE one');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELECT *, $1 AS category FROM one');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'VALUES (1, now(), 1)');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELECT 1 AS customer_id, 2 AS total_amount');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELECT 1 AS customer_id, now()::timestamp AS transaction_date, 2 AS total_amount');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELECT 1 AS customer_id, now() AS transaction_date, 2::float8 AS total_amount');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELECT *, 1 AS is_return FROM one');
SELECT * FROM rfmseg.summarize_customers(NULL::text, 'TABLE one');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'TABLE one', time_zone => 'Mars/Olympus');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'TABLE one', returns => 'maybe');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'TABLE one', 'infinity');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'TABLE one', known_at => '-infinity');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'TABLE one UNION ALL SELECT 1, ''infinity'', 1');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'TABLE one UNION ALL SELECT 1, now(), unnest(''{NaN,Infinity,-Infinity}''::numeric[])');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELECT *, ''EUR'' AS currency FROM one UNION ALL SELECT *, ''GBP'' FROM two');
-- whichever comes first, and how often
SELECT customer_id, monetary FROM rfmseg.summarize_customers(NULL::int, 'SELECT *, ''GBP'' AS currency FROM one UNION ALL SELECT *, ''EUR'' FROM one');
SELECT customer_id, monetary FROM rfmseg.summarize_customers(NULL::int, 'SELECT *, unnest(''{USD,NULL,GBP,EUR}''::text[]) AS currency FROM one');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'TABLE one UNION ALL SELECT 1, now(), 1e38');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELECT *, ''NaN''::numeric AS quantity FROM one');
SELECT * FROM rfmseg.summarize_customers(NULL::int, 'SELECT 1 / 0 AS customer_id, now() AS transaction_date, 1 AS total_amount');

-- The parts are of no use alone.
SELECT rfmseg._set_aside(1, 2);
SELECT rfmseg._set_aside(NULL, 1, now(), 1, 1, 1, 'x'::text, 1, 1, true, 'x'::text);
SELECT rfmseg._set_aside_final(NULL);
CREATE TABLE kept (customer_id int PRIMARY KEY);
SELECT rfmseg._fill('kept', 'SELECT 1');
SELECT rfmseg._fill('pg_class', 'SELECT 1');
SELECT rfmseg._fill('one', 'TABLE one');
CREATE TABLE defaulted (customer_id int DEFAULT 1);
SELECT rfmseg._fill('defaulted', 'SELECT 1');
CREATE TABLE secured (customer_id int);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
SELECT rfmseg._fill('secured', 'SELECT 1');
CREATE TABLE ruled (customer_id int);
CREATE RULE nothing AS ON INSERT TO ruled DO INSTEAD NOTHING;
SELECT rfmseg._fill('ruled', 'SELECT 1');
CREATE TABLE plain (customer_id int);
SELECT rfmseg._fill('plain', 'SELECT 1');
BEGIN READ ONLY;
SELECT rfmseg._fill('plain', 'SELECT 1');
ROLLBACK;
SELECT * FROM plain;
SELECT rfmseg._summarize_into(NULL::int, 'TABLE one', NULL, NULL, NULL, NULL, NULL, NULL, 'ruled');
SELECT rfmseg._summarize_into(NULL::int, 'TABLE one', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
BEGIN;
CREATE TABLE fresh (customer_id int);
SAVEPOINT before;
SELECT rfmseg._fill('fresh', 'SELECT 1::bigint');
ROLLBACK TO before;
SELECT rfmseg._fill('fresh', 'SELECT 1, 2');
ROLLBACK TO before;
SELECT rfmseg._fill('fresh', 'DELETE FROM kept');
ROLLBACK TO before;
SELECT rfmseg._summarize_into(NULL::int, 'TABLE one', NULL, NULL, NULL, NULL, NULL, NULL, 'fresh');
ROLLBACK TO before;
SELECT rfmseg._fill('fresh', 'SELECT i FROM generate_series(1, 3000) i');
SELECT count(*), sum(customer_id) FROM fresh;
ROLLBACK TO before;
CREATE TABLE summary AS SELECT * FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines') WITH NO DATA;
SELECT rfmseg._summarize_into(NULL::int, 'SELECT customer_id::int, transaction_date, total_amount FROM lines', NULL, NULL, NULL, NULL, NULL, NULL, 'summary');
ROLLBACK TO before;
CREATE TABLE summary AS SELECT * FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines') WITH NO DATA;
SELECT rfmseg._summarize_into(NULL::bigint, 'TABLE lines', NULL, 'UTC', '90 days', 'net', NULL, NULL, 'summary');
SELECT (SELECT md5(string_agg(s::text, '' ORDER BY ctid)) FROM summary s) =
	(SELECT md5(string_agg(ROW(s.*)::text, '')) FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines', lookback => '90 days') s) AS same_rows;
ROLLBACK;

-- What fails, or is stopped, leaves all as it was; also one within another.
DO $$
BEGIN
	FOR i IN 1..20 LOOP
		BEGIN
			PERFORM FROM rfmseg.summarize_customers(NULL::int, 'SELECT customer_id, as_of AS transaction_date, 1 / (frequency - 1) AS total_amount FROM rfmseg.summarize_customers(NULL::int, ''TABLE two'')');
			RAISE EXCEPTION 'no error';
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
END $$;
SET statement_timeout = '200ms';
SELECT count(*) FROM rfmseg.summarize_customers(NULL::bigint, 'SELECT l.* FROM lines l, generate_series(1, 10000)');
RESET statement_timeout;
SELECT digest() = :'expected' AS same_afterwards, (SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false)) AS files_left;

-- Rights are the caller's.
CREATE ROLE rfmseg_reader;
GRANT USAGE ON SCHEMA summarize_test TO rfmseg_reader;
SET ROLE rfmseg_reader;
SELECT count(*) FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines');
SELECT rfmseg._fill('lines', 'SELECT 1');
SELECT rfmseg._summarize_into(NULL::int, 'SELECT 1', NULL, NULL, NULL, NULL, NULL, NULL, 'lines');
RESET ROLE;
GRANT SELECT ON lines TO rfmseg_reader;
ALTER TABLE lines ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON lines USING (customer_id < 10);
SET ROLE rfmseg_reader;
SELECT count(*) FROM rfmseg.summarize_customers(NULL::bigint, 'TABLE lines') WHERE source_totals IS NULL;
RESET ROLE;

-- The most common, and mean shares, as plain SQL has them.
CREATE TABLE shares AS SELECT i % 10 AS g, CASE WHEN i % 3 > 0 THEN 'c' || i * 7 % 13 END AS category,
	CASE WHEN i % 5 > 0 THEN jsonb_build_object('a', round(i % 7 / 7.0, 4), 'b' || i % 4, round(i % 3 / 3.0, 4), 'n', NULL) END AS shares
FROM generate_series(1, 5000) i;
SELECT count(*), count(*) FILTER (WHERE most_common IS DISTINCT FROM mode) AS different FROM (
	SELECT g, rfmseg._most_common(category) AS most_common, mode() WITHIN GROUP (ORDER BY category COLLATE "C") AS mode FROM shares GROUP BY g) x;
SELECT count(*), count(*) FILTER (WHERE m.mean ->> key IS DISTINCT FROM round(sum, 4)::text) AS different
FROM (SELECT g, key, sum(value::numeric) / (SELECT count(shares) FROM shares c WHERE c.g = s.g) AS sum FROM shares s, jsonb_each_text(shares) GROUP BY g, key) p
JOIN (SELECT g, rfmseg._mean_shares(shares) AS mean FROM shares GROUP BY g) m USING (g);
SELECT rfmseg._most_common(NULL), rfmseg._mean_shares(NULL);
SELECT rfmseg._mean_shares('{"a": "b"}');
SELECT rfmseg._mean_shares('[1]'), rfmseg._mean_shares('{}');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ALTER TABLE shares SET (parallel_workers = 2);
SELECT rfmseg._most_common(category) = (SELECT mode() WITHIN GROUP (ORDER BY category COLLATE "C") FROM shares) AS same,
	md5(rfmseg._mean_shares(shares)::text) FROM shares;
SET max_parallel_workers_per_gather = 0;
SELECT md5(rfmseg._mean_shares(shares)::text) FROM shares;

DROP SCHEMA summarize_test CASCADE;
DROP ROLE rfmseg_reader;
