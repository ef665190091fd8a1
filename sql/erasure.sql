-- Customers who are forgotten: what is deleted, what is left out from then on, and the way back.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TIME ZONE 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;

-- Customer 7 is in all tables that there are: with an expectation broken, a line that says of
-- nobody, mended to be theirs, history, and made-up truth.
SELECT rfmseg.deploy('shop');
SELECT kind, row_count > 0 AS some FROM rfmseg.generate('shop', 150, dirty => 0.02, products => 20) WHERE dataset = 'transactions' ORDER BY kind;
SELECT rfmseg.expect('shop', 'transactions', 'id_of_100', 'transaction_id % 100 <> 1 OR customer_id <> 7', 'drop');
UPDATE shop_raw.customers SET age = 12 WHERE customer_id = 7;
CALL rfmseg.refresh('shop', as_of => '2025-06-01');
CALL rfmseg.refresh('shop');
CALL rfmseg.train('shop', k => 3);
CALL rfmseg.refresh('shop');
SELECT dataset, count(*) FROM shop_core.quarantine WHERE "row" ->> 'customer_id' = '7' GROUP BY 1 ORDER BY 1;
INSERT INTO shop_core.quarantine (dataset, row_digest, copy, "row", expectations, mend, run_id, first_run_id, first_seen_at)
	VALUES ('transactions', 'x', 1, '{"customer_id": null}', '{}', '{"customer_id": 7}', 3, 1, now());

-- All that a deployment has of single customers is in the list of what is deleted from.
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'customer_id' AND NOT a.attisdropped
WHERE n.nspname ~ '^shop(_|$)' AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
	AND NOT EXISTS (SELECT FROM rfmseg._customer_relations('shop') r WHERE r.schema = n.nspname AND r.relation = c.relname);
SELECT r.schema, r.relation, r.column_name FROM rfmseg._customer_relations('shop') r
WHERE rfmseg._type_of_column(format('%I.%I', r.schema, r.relation), r.column_name) IS NULL;

SELECT sum(total_amount) AS spent, count(*) AS lines FROM shop_raw.transactions WHERE customer_id = 7 \gset
CREATE TABLE kept AS SELECT * FROM shop_raw.transactions;
CREATE TABLE kept_customers AS SELECT * FROM shop_raw.customers;
SELECT count(*) AS other_rows FROM shop.customer_segments WHERE customer_id <> 7 \gset
SET client_min_messages = notice;
SELECT relation, row_count > 0 AS deleted, note FROM rfmseg.forget('shop', 7);
SET client_min_messages = warning;
SELECT count(*) FROM shop_raw.transactions WHERE customer_id = 7;
SELECT count(*) = :other_rows AS others_are_there, count(*) FILTER (WHERE customer_id = 7) AS forgotten FROM shop.customer_segments;
-- No table holds the key any more.
CREATE FUNCTION pg_temp.naming(key text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE relation regclass; found_one boolean;
BEGIN
	FOR relation IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname ~ '^shop(_|$)' AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition ORDER BY 1
	LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE to_jsonb(t) ->> ''customer_id'' = $1 OR to_jsonb(t) #>> ''{row,customer_id}'' = $1 OR to_jsonb(t) #>> ''{mend,customer_id}'' = $1)', relation)
			INTO found_one USING key;
		IF found_one THEN RETURN NEXT relation; END IF;
	END LOOP;
END $$;
SELECT * FROM pg_temp.naming('7');
SELECT digest <> 7 AS not_the_key, requested_by = session_user AS by_us FROM shop_core.suppressions;

-- Loaded once more, the customer stays out, in whatever reads the sources; the source still adds up.
INSERT INTO shop_raw.transactions SELECT * FROM kept WHERE customer_id = 7;
INSERT INTO shop_raw.customers SELECT * FROM kept_customers WHERE customer_id = 7;
INSERT INTO shop_raw.transactions (customer_id, transaction_date, total_amount, is_return, currency)
	VALUES (7, NULL, 5, false, 'EUR'), (7, 'infinity', 'NaN', false, 'USD'), (7, '2025-01-01', -3, false, 'USD'), (7, '2025-01-01', NULL, NULL, NULL), (7, '2025-01-01', 2, true, NULL);
CALL rfmseg.refresh('shop');
CALL rfmseg.backfill('shop', '2025-03-01', '2025-04-01');
SELECT * FROM pg_temp.naming('7');
SELECT amount = :spent + 5 - 3 - 2 AS all_their_money, row_count = :lines + 5 AS all_their_lines
FROM shop.data_quality WHERE check_name = 'forgotten' AND run_id = (SELECT run_id FROM shop.runs WHERE is_current);
SELECT run_id, amount, row_count FROM shop.data_quality WHERE check_name = 'unexplained' ORDER BY run_id;
SELECT check_order, check_name FROM shop.data_quality WHERE run_id = 1 AND check_order < 100 ORDER BY 1;
SELECT count(*) FILTER (WHERE customer_id = 7) AS forgotten, count(*) = (SELECT sum(customer_count) FROM shop.segment_profiles) AS totals_are_without
FROM shop.customer_segments;
SELECT * FROM rfmseg.replay('shop') WHERE dataset = 'customers';
SELECT customers AS held_out FROM rfmseg.holdout('shop') WHERE breakdown = 'all' \gset
SELECT count(*) = :held_out AS holdouts_too FROM shop.customer_segments WHERE first_purchase_at < (SELECT min(as_of) FROM shop.lifetime_holdout);
-- Nor is an expectation told of their rows, or shown by one of them.
SELECT checked_rows = (SELECT count(*) FROM shop_raw.customers WHERE customer_id IS DISTINCT FROM 7) AS of_the_others
FROM shop.data_quality WHERE expectation = 'age_18_or_over' AND run_id = (SELECT run_id FROM shop.runs WHERE is_current);
SELECT rfmseg.expect('shop', 'customers', 'no_seven', 'customer_id <> 7', 'fail');
SELECT rfmseg.expect('shop', 'transactions', 'no_seven', 'customer_id <> 7', 'fail');
CALL rfmseg.refresh('shop');
SELECT rfmseg.unexpect('shop', 'customers', 'no_seven');
SELECT rfmseg.unexpect('shop', 'transactions', 'no_seven');
-- It works without any expectation of lines as well.
UPDATE shop_core.expectations SET is_enabled = false;
CALL rfmseg.refresh('shop');
SELECT row_count = :lines + 5 AS all_their_lines FROM shop.data_quality WHERE check_name = 'forgotten' AND run_id = (SELECT run_id FROM shop.runs WHERE is_current);
SELECT * FROM pg_temp.naming('7');
UPDATE shop_core.expectations SET is_enabled = true;

-- Twice is once; what was loaded meanwhile goes.
SELECT relation, row_count > 0 AS deleted, note FROM rfmseg.forget('shop', '7');
SELECT count(*) FROM shop_core.suppressions;
-- Somebody who is not there, and will not be
SET client_min_messages = notice;
SELECT sum(row_count), count(note) FROM rfmseg.forget('shop', 4711);
SET client_min_messages = warning;
SELECT rfmseg.is_forgotten('shop', 4711), rfmseg.is_forgotten('shop', '4711'), rfmseg.is_forgotten('shop', 4712);
INSERT INTO shop_raw.transactions (customer_id, transaction_date, total_amount) VALUES (4711, '2025-05-01', 10), (4712, '2025-05-01', 10);
CALL rfmseg.refresh('shop');
SELECT customer_id FROM shop.customer_segments WHERE customer_id IN (4711, 4712);

-- Those who may read the clean views go on reading them, without; a role with a row filter reads nothing of them.
CREATE ROLE regress_forget_ann;
CREATE ROLE regress_forget_sam;
CREATE ROLE regress_forget_vic;
SELECT rfmseg.grant_access('shop', 'regress_forget_ann', 'analyst'), rfmseg.grant_access('shop', 'regress_forget_sam', 'steward'), rfmseg.grant_access('shop', 'regress_forget_vic', 'viewer');
SELECT level, relation, columns FROM rfmseg.grants('shop') WHERE via IS NULL AND level <> 'engineer' AND relation ~ 'suppressions|settings' ORDER BY 1, 2;
SELECT * FROM rfmseg.verify_governance('shop') WHERE object ~ 'suppressions|settings';
SET ROLE regress_forget_ann;
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE customer_id IN (7, 4711)) AS forgotten FROM shop_core.transaction_lines;
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE customer_id IN (7, 4711)) AS forgotten FROM shop_core.customers_clean;
SET ROLE regress_forget_sam;
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE customer_id IN (7, 4711)) AS forgotten FROM shop_core.transactions;
SET ROLE regress_forget_vic;
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE customer_id IN (7, 4711)) AS forgotten FROM shop.customer_segments;
SELECT count(*) FROM shop_core.suppressions;
RESET ROLE;
CREATE TABLE people AS SELECT * FROM shop_raw.customers;
GRANT SELECT ON people TO regress_forget_ann;
DELETE FROM shop_raw.customers;
SELECT rfmseg.map_customers('shop', 'people', customer_id => 'customer_id', age => 'age', filter => 'customer_id < 10');
SELECT rfmseg.add_row_filter('shop', 'regress_forget_ann', 'customer_id < 10');
SET ROLE regress_forget_ann;
SELECT count(*) > 0 AS some, bool_and(customer_id < 10) AS by_filter FROM shop.customer_segments;
SELECT count(*) FROM shop_core.customers_clean;
RESET ROLE;
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE customer_id = 7) AS forgotten FROM shop_core.customers_clean;
SELECT rfmseg.remove_row_filter('shop', 'regress_forget_ann');
DROP OWNED BY regress_forget_ann, regress_forget_sam, regress_forget_vic;
DROP ROLE regress_forget_ann, regress_forget_sam, regress_forget_vic;

-- The way back: what the sources have counts again.
SELECT rfmseg.unforget('shop', 4711), rfmseg.unforget('shop', 4712);
CALL rfmseg.refresh('shop');
SELECT customer_id, frequency, previous_segment FROM shop.customer_segments WHERE customer_id IN (4711, 4712) ORDER BY 1;
SELECT rfmseg.unforget('shop', '7');
-- Nobody is forgotten now, and nothing is asked of any line.
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'shop_core'::regnamespace AND c.relkind = 'v' AND pg_get_viewdef(c.oid) ~ 'suppress';
SELECT rfmseg._lines_query('shop') ~ 'suppress' AS asks;
CALL rfmseg.refresh('shop');
SELECT amount, row_count FROM shop.data_quality WHERE check_name = 'forgotten' AND run_id = (SELECT run_id FROM shop.runs WHERE is_current);

-- Errors do not quote the key.
SELECT rfmseg.forget('shop', NULL::text);
SELECT rfmseg.forget('shop', 'abc-4711');
SELECT rfmseg.forget('shop', 99999999999999999999);
SELECT rfmseg.unforget('shop', NULL);
SELECT rfmseg.is_forgotten('shop', 'abc-4711');
SELECT rfmseg.forget('none', 7);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT rfmseg.forget('shop', 7);
ROLLBACK;
SELECT count(*) FROM shop_core.suppressions;
-- The secret is in no run's record.
SELECT count(*) FROM shop_core.runs WHERE settings ? 'suppression_key';
SELECT rfmseg.undeploy('shop', with_data => true);
DROP TABLE kept, kept_customers, people;

-- Keys of every type, in a source that is mapped: rows there are left, and left out.
CREATE TYPE mood AS ENUM ('1', 'sad');
CREATE TABLE keys (kind text, key text);
INSERT INTO keys VALUES ('bigint', '9007199254740993'), ('int', '-5'), ('numeric', '42.50'), ('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
	('text', 'Zo"é'' \ x'), ('character(12)', 'ab'), ('varchar(3)', 'ab'), ('mood', 'sad');
CREATE FUNCTION pg_temp.try(kind text, key text) RETURNS TABLE (mapped text, gone bigint, left_out bigint, note text, lines bigint, people bigint, back boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE buys AS SELECT k AS who, i AS bill, date ''2024-01-01'' + i * 7 AS day, i AS price FROM (VALUES (%1$L::%2$s), (%3$L::%2$s)) AS v (k), generate_series(1, 5) i',
		key, kind, CASE WHEN kind = 'uuid' THEN gen_random_uuid()::text ELSE '1' END);
	PERFORM rfmseg.deploy('keyed');
	PERFORM rfmseg.map_transactions('keyed', 'buys', customer_id => 'who', event_at => 'day', amount => 'price', order_id => 'bill');
	PERFORM rfmseg.map_customers('keyed', 'buys', customer_id => CASE kind WHEN 'numeric' THEN 'who' ELSE 'who::text' END, filter => 'bill = 1');
	CALL rfmseg.refresh('keyed');
	EXECUTE format('SELECT (SELECT count(*) FROM keyed.customer_segments WHERE customer_id = %L::%s)', key, kind) INTO people;
	ASSERT people = 1;
	SELECT sum(f.row_count), string_agg(f.note, ' ' ORDER BY f.note) INTO gone, note FROM rfmseg.forget('keyed', key) f;
	CALL rfmseg.refresh('keyed');
	SELECT d.row_count INTO left_out FROM keyed.data_quality d WHERE d.check_name = 'forgotten' AND d.run_id = 2;
	mapped := format_type((SELECT atttypid FROM pg_attribute WHERE attrelid = 'keyed_core.segment_history'::regclass AND attname = 'customer_id'), -1);
	SELECT count(*) INTO lines FROM keyed_core.transaction_lines;
	SELECT count(*) INTO people FROM keyed_core.customers_clean;
	back := rfmseg.unforget('keyed', key);
	PERFORM rfmseg.undeploy('keyed');
	DROP TABLE buys;
	RETURN NEXT;
END $$;
SELECT k.kind, t.* FROM keys k, pg_temp.try(k.kind, k.key) t;
-- Others cannot be told by their text.
CREATE TABLE buys AS SELECT date '2024-01-01' AS who, now() AS day, 1 AS price;
SELECT rfmseg.deploy('keyed');
SELECT rfmseg.map_transactions('keyed', 'buys', customer_id => 'who', event_at => 'day', amount => 'price');
SELECT rfmseg.forget('keyed', '2024-01-01'::date);
SELECT rfmseg.undeploy('keyed');
DROP TABLE buys, keys;
DROP TYPE mood;

-- The digest is SipHash-2-4 of the bytes in UTF-8, as another implementation gives it.
SELECT to_hex(rfmseg._key_digest('9007199254740993', '00010203-0405-0607-0809-0a0b0c0d0e0f')) AS number,
	to_hex(rfmseg._key_digest(U&'Zo\00EB', '00010203-0405-0607-0809-0a0b0c0d0e0f')) AS name;

-- summarize_customers leaves such lines out before it asks anything else of them: bit 62 alone.
SELECT customer_id, frequency, t.key AS fate, t.value AS lines
FROM rfmseg.summarize_customers(NULL::int, $$SELECT * FROM (VALUES
	(1, timestamptz '2024-01-01', 10::numeric, NULL::boolean, 'USD', NULL::bigint), (1, '2024-01-02', 10, NULL, 'USD', 1 | (1::bigint << 62)),
	(2, '2024-01-01', 20, NULL, 'EUR', 1::bigint << 62), (2, 'infinity', 'NaN', false, NULL, 1::bigint << 62), (2, NULL, 4, true, NULL, 1::bigint << 62),
	(2, '2024-01-03', -1, false, NULL, 1::bigint << 62), (2, '2024-01-03', NULL, NULL, NULL, 1::bigint << 62), (NULL, '2024-01-03', 0.5, NULL, NULL, 1::bigint << 62))
	AS l (customer_id, transaction_date, total_amount, is_return, currency, broken)$$) s
LEFT JOIN LATERAL jsonb_each(s.source_totals) t ON t.key IN ('source', 'forgotten', 'counted', 'excluded', 'undated', 'unpriced', 'negative', 'currency', 'broken')
ORDER BY customer_id, t.key;
