-- Audiences: who may be contacted, who may see that, and what is on record.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
CREATE ROLE audience_marketer;
CREATE ROLE audience_viewer;
CREATE ROLE audience_outsider;
SELECT rfmseg.deploy('shop');
SELECT rfmseg.grant_access('shop', 'audience_marketer', 'marketer');
SELECT rfmseg.grant_access('shop', 'audience_viewer', 'viewer');
SELECT * FROM rfmseg.audience('shop');
SELECT row_count FROM rfmseg.generate('shop', 400) WHERE dataset = 'customers' AND kind = 'good';
CALL rfmseg.refresh('shop');

-- Those who agreed, and nobody else; most valuable first
SET ROLE audience_marketer;
SELECT count(*) AS customers, count(DISTINCT customer_id) AS once, bool_and(clv_12m >= next_clv IS NOT FALSE) AS in_order
FROM (SELECT *, lead(clv_12m) OVER () AS next_clv FROM rfmseg.audience('shop')) AS a;
SELECT segment_name, count(*) > 0 AS some, min(clv_12m) >= 100 AS worth_it, min(p_alive) >= 0.5 AS alive
FROM rfmseg.audience('shop', segment => 'Champions', min_clv => 100, min_p_alive => 0.5) GROUP BY 1;
SELECT DISTINCT behavioral_segment_name FROM rfmseg.audience('shop', behavioral_segment => 'Occasional Buyers');
SELECT count(*) FROM rfmseg.audience('shop', cluster_id => 1);
SELECT count(*) FROM rfmseg.audience('shop', max_customers => 7);
COPY (SELECT customer_id, segment_name, currency FROM rfmseg.audience('shop', 'Champions', max_customers => 2)) TO STDOUT (FORMAT csv, HEADER);
RESET ROLE;
CREATE TEMP TABLE expected AS
SELECT c.customer_id::text FROM shop.customer_segments c JOIN shop_raw.customers r USING (customer_id) WHERE r.marketing_consent;
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE a.customer_id IS NULL OR e.customer_id IS NULL) AS different
FROM rfmseg.audience('shop') a FULL JOIN expected e USING (customer_id);
SELECT count(*) AS wrong FROM rfmseg.audience('shop') a JOIN shop_raw.customers r ON r.customer_id::text = a.customer_id
WHERE (a.email, a.first_name, a.last_name, a.city, a.state) IS DISTINCT FROM (r.email, r.first_name, r.last_name, r.city, r.state);

-- On record: who, when, what, how many, whom
SELECT exported_by = session_user AS by_me, as_role = 'audience_marketer' AS as_marketer, criteria, customers > 0 AS some, customers = (SELECT count(*) FROM shop_core.audience_members m WHERE m.export_id = e.export_id) AS all_of_them
FROM shop_core.audience_exports e ORDER BY export_id;

-- Contacts are shown to whoever has put them on record in this very transaction
SET ROLE audience_marketer;
SELECT count(*) FROM shop_core.contacts;
BEGIN;
SELECT count(*) FROM rfmseg.audience('shop', max_customers => 3);
SELECT count(*) FROM shop_core.contacts;
COMMIT;
SELECT count(*) FROM shop_core.contacts;
-- not in somebody else's name, and no record goes away; nor is there another way
INSERT INTO shop_core.audience_exports (run_id, criteria, customers, exported_by) VALUES (1, '{}', 1, 'postgres');
INSERT INTO shop_core.audience_exports (run_id, criteria, customers, transaction_id) VALUES (1, '{}', 1, '1');
DELETE FROM shop_core.audience_exports;
UPDATE shop_core.audience_exports SET customers = 0;
SELECT email FROM shop_raw.customers LIMIT 1;
SELECT age FROM shop_core.customers_clean LIMIT 1;
RESET ROLE;

-- A viewer and an outsider see none of it
SET ROLE audience_viewer;
SELECT count(*) FROM rfmseg.audience('shop');
SELECT count(*) FROM shop_core.contacts;
SELECT count(*) FROM shop_core.contactable_customers;
SELECT count(*) FROM shop_core.audience_members;
SELECT count(*) FROM shop_core.audience_exports;
SET ROLE audience_outsider;
SELECT count(*) FROM rfmseg.audience('shop');
SELECT count(*) FROM rfmseg.audience('nowhere');
SELECT count(*) FROM rfmseg.audience(NULL);
RESET ROLE;

-- Consent is asked for at that moment, of every row of the customer's; who breaks an expectation that drops is out
SELECT customer_id AS one FROM rfmseg.audience('shop', max_customers => 1) \gset
UPDATE shop_raw.customers SET marketing_consent = false WHERE customer_id = :one;
SELECT count(*) FROM rfmseg.audience('shop') WHERE customer_id = :'one';
UPDATE shop_raw.customers SET marketing_consent = NULL WHERE customer_id = :one;
SELECT count(*) FROM rfmseg.audience('shop') WHERE customer_id = :'one';
UPDATE shop_raw.customers SET marketing_consent = true WHERE customer_id = :one;
SELECT count(*) FROM rfmseg.audience('shop') WHERE customer_id = :'one';
INSERT INTO shop_raw.customers (customer_id, marketing_consent) VALUES (:one, false);
SELECT count(*) FROM rfmseg.audience('shop') WHERE customer_id = :'one';
DELETE FROM shop_raw.customers WHERE customer_id = :one AND email IS NULL;
UPDATE shop_raw.customers SET age = 12 WHERE customer_id = :one;
SELECT rfmseg.expect('shop', 'customers', 'adult', 'age >= 18', 'drop');
SELECT count(*) FROM rfmseg.audience('shop') WHERE customer_id = :'one';
UPDATE shop_raw.customers SET age = 40 WHERE customer_id = :one;
SELECT count(*) FROM rfmseg.audience('shop') WHERE customer_id = :'one';

-- A role with a row filter gets no contacts, by no way
SELECT rfmseg.add_row_filter('shop', 'audience_marketer', 'state = ''Texas''');
SET ROLE audience_marketer;
SELECT count(*) FROM rfmseg.audience('shop');
SELECT count(*) FROM shop_core.contactable_customers;
INSERT INTO shop_core.audience_exports (run_id, criteria, customers) VALUES (1, '{}', 1);
RESET ROLE;
SELECT * FROM rfmseg.verify_governance('shop');
SELECT rfmseg.remove_row_filter('shop', 'audience_marketer');

-- What cannot be asked for
SELECT count(*) FROM rfmseg.audience('shop', 'Nobody');
SELECT count(*) FROM rfmseg.audience('shop', behavioral_segment => 'Champions');
SELECT count(*) FROM rfmseg.audience('shop', campaign => 'none');
SELECT count(*) FROM rfmseg.audience('shop', min_clv => 'NaN');
SELECT count(*) FROM rfmseg.audience('shop', min_p_alive => 2);
SELECT count(*) FROM rfmseg.audience('shop', max_customers => 0);
SELECT count(*) FROM rfmseg.audience('shop', include_holdouts => NULL);
BEGIN READ ONLY;
SELECT count(*) FROM rfmseg.audience('shop');
ROLLBACK;
SELECT * FROM rfmseg.verify_governance('shop');
SELECT rfmseg.revoke_access('shop', 'audience_marketer', 'marketer');
SET ROLE audience_marketer;
SELECT count(*) FROM rfmseg.audience('shop');
RESET ROLE;
SELECT rfmseg.undeploy('shop', with_data => true);

-- Keys of any type, of another type among customers, and no consent at all
CREATE SCHEMA audience_test;
CREATE TABLE audience_test.orders (who char(6), at timestamptz, amount numeric);
INSERT INTO audience_test.orders SELECT 'c' || i, '2025-01-01'::timestamptz + i * interval '1 day', 10 + i FROM generate_series(1, 9) AS i;
CREATE TABLE audience_test.people (who varchar, mail text, agreed boolean);
INSERT INTO audience_test.people SELECT 'c' || i, 'c' || i || '@example.org', i % 3 = 0 FROM generate_series(1, 9) AS i;
SELECT rfmseg.deploy('shop');
SELECT rfmseg.map_transactions('shop', source => 'audience_test.orders', customer_id => 'who', event_at => 'at', amount => 'amount');
CALL rfmseg.refresh('shop');
SET client_min_messages = notice;
SELECT count(*) FROM rfmseg.audience('shop');
SELECT count(*) FROM rfmseg.audience('shop', min_clv => 5);
SET client_min_messages = warning;
SELECT rfmseg.map_customers('shop', source => 'audience_test.people', customer_id => 'who', email => 'mail', marketing_consent => 'agreed');
SELECT customer_id, email, segment_name FROM rfmseg.audience('shop');
CALL rfmseg.refresh('shop');
SELECT customer_id, email, recency_days, frequency, monetary, currency, clv_12m FROM rfmseg.audience('shop');
SELECT rfmseg.undeploy('shop');
DROP SCHEMA audience_test CASCADE;
DROP ROLE audience_marketer, audience_viewer, audience_outsider;
