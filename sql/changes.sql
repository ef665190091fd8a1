-- Who changed segments, and why.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
SELECT rfmseg.deploy('shop');

-- One customer a cause, with cut points that say what will become of them
CREATE SCHEMA changes_test;
CREATE TABLE changes_test.orders (id int, customer text, bought_at timestamptz, amount numeric);
INSERT INTO changes_test.orders VALUES
	(1, 'buys', '2025-01-10', 100), (2, 'refunds', '2025-01-20', 60), (3, 'refunds', '2025-02-20', 900),
	(4, 'waits', '2025-02-25', 50), (5, 'leaves', '2025-02-01', 80), (6, 'stays', '2025-02-20', 70), (7, 'stays', '2025-01-20', 70);
SELECT rfmseg.map_transactions('shop', source => 'changes_test.orders', customer_id => 'customer', event_at => 'bought_at', amount => 'amount', order_id => 'id');
SELECT rfmseg.configure('shop', r_cuts => '{30,60,90}', f_cuts => '{1,2,3}', m_cuts => '{75,150,300}');
CALL rfmseg.refresh('shop', '2025-03-01');
SELECT customer_id, from_segment, to_segment, cause, revenue_at_risk FROM shop.segment_changes ORDER BY 1;
INSERT INTO changes_test.orders VALUES (8, 'buys', '2025-03-15', 300), (9, 'comes', '2025-03-20', 10), (3, 'refunds', '2025-03-02', -900);
DELETE FROM changes_test.orders WHERE customer = 'leaves';
CALL rfmseg.refresh('shop', '2025-05-05');
SELECT run_id, customer_id, from_segment, to_segment, cause, revenue_at_risk, currency, as_of FROM shop.segment_changes WHERE run_id = 2 ORDER BY 2;
-- nothing changes at the same as_of, and the causes stay
CREATE TABLE changes_test.seen AS SELECT customer_id, from_segment, to_segment, cause, revenue_at_risk FROM shop.segment_changes;
CALL rfmseg.refresh('shop', '2025-05-05');
SELECT count(*) AS lost FROM (TABLE changes_test.seen EXCEPT SELECT customer_id, from_segment, to_segment, cause, revenue_at_risk FROM shop.segment_changes) AS l;
-- other cut points: who moves is said to by them, unless time had moved them too
SELECT rfmseg.configure('shop', r_cuts => '{10,20,30}');
CALL rfmseg.refresh('shop', '2025-05-06');
SELECT customer_id, from_segment, to_segment, cause FROM shop.segment_changes WHERE run_id = 4 ORDER BY 1;
-- a rule edited under its old name, on the same day
UPDATE shop_core.rules SET r_min = NULL, r_max = NULL WHERE segment_name = 'New Customers';
CALL rfmseg.refresh('shop', '2025-05-06');
SELECT customer_id, from_segment, to_segment, cause FROM shop.segment_changes WHERE run_id = 5 ORDER BY 1;
-- looked back: nobody knows why
CALL rfmseg.refresh('shop', '2025-03-20');
SELECT customer_id, from_segment, to_segment, cause, revenue_at_risk FROM shop.segment_changes WHERE run_id = 6 ORDER BY 1;

-- Counted, they are the ways of segment_migration, at every as_of
CREATE FUNCTION changes_test.differences() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*)
		FROM (SELECT as_of, from_segment, to_segment, count(*) AS n FROM shop.segment_changes GROUP BY 1, 2, 3) AS c
		FULL JOIN (SELECT as_of, from_segment, to_segment, customer_count AS n FROM shop.segment_migration WHERE from_segment IS DISTINCT FROM to_segment) AS m
		ON (m.as_of, coalesce(m.from_segment, ''), coalesce(m.to_segment, '')) = (c.as_of, coalesce(c.from_segment, ''), coalesce(c.to_segment, ''))
		WHERE c.n IS DISTINCT FROM m.n);
END $$;
SELECT changes_test.differences();
SELECT rfmseg.undeploy('shop');
SELECT rfmseg.deploy('shop');
SELECT row_count FROM rfmseg.generate('shop', 300) WHERE dataset = 'transactions' AND kind = 'good';
CALL rfmseg.refresh('shop', '2025-03-01');
CALL rfmseg.refresh('shop', '2025-05-01');
CALL rfmseg.refresh('shop', '2025-07-01');
SET client_min_messages = error;
CALL rfmseg.backfill('shop', '2024-09-01', '2025-06-30', '2 months');
SET client_min_messages = warning;
SELECT rfmseg.recut('shop');
CALL rfmseg.refresh('shop', '2025-08-01');
SELECT changes_test.differences();
SELECT count(DISTINCT as_of) AS as_ofs, count(DISTINCT cause) AS causes, count(*) FILTER (WHERE revenue_at_risk < 0 OR (revenue_at_risk IS NULL) <> (cause IS NULL OR from_segment IS NULL)) AS wrong_risk
FROM shop.segment_changes;
-- by what they bought: purchases come with a later last purchase, time with none
SELECT c.cause, bool_and(EXISTS (SELECT FROM shop_raw.transactions t
	WHERE t.customer_id = c.customer_id AND NOT t.is_return AND t.transaction_date >= '2025-07-01' AND t.transaction_date < '2025-08-01')) AS bought, count(*) > 0 AS some
FROM shop.segment_changes c WHERE c.as_of = '2025-08-01' AND c.cause IN ('purchase', 'time') GROUP BY 1 ORDER BY 1;

-- Whose key is masked elsewhere has none here, and readers have no right to that of history
SELECT rfmseg.mask_column('shop', 'customer_segments', 'customer_id', 'hash');
SELECT count(*) > 0 AS some, count(customer_id) AS with_key FROM shop.segment_changes;
CREATE ROLE changes_viewer;
SELECT rfmseg.grant_access('shop', 'changes_viewer', 'viewer');
SET ROLE changes_viewer;
SELECT count(*) > 0 AS some FROM shop.segment_changes;
SELECT customer_id FROM shop_core.segment_history LIMIT 1;
RESET ROLE;
SELECT rfmseg.unmask_column('shop', 'customer_segments', 'customer_id');
SELECT count(customer_id) > 0 AS with_key FROM shop.segment_changes;
SELECT rfmseg.undeploy('shop', with_data => true);
DROP ROLE changes_viewer;
DROP SCHEMA changes_test CASCADE;
