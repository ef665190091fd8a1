-- History: which customer was in which segment when, and who went where; backfill; what history keeps.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
SET IntervalStyle = 'postgres';
CREATE EXTENSION IF NOT EXISTS rfmseg;
SELECT rfmseg.deploy('shop');
SELECT count(*) FROM shop.segment_migration;
SELECT row_count FROM rfmseg.generate('shop', 300) WHERE dataset = 'transactions' AND kind = 'good';

-- Each run's segments, as they were: what history must tell again
CREATE SCHEMA history_test;
CREATE TABLE history_test.seen (as_of timestamptz, customer_id bigint, segment_name text, monetary numeric);
CREATE PROCEDURE history_test.see(instant timestamptz) LANGUAGE plpgsql AS $$
BEGIN
	-- a deployment of its own with the same cut points, so that its rows can be read
	CALL rfmseg.refresh('other', instant);
	DELETE FROM history_test.seen WHERE as_of = instant;
	INSERT INTO history_test.seen SELECT as_of, customer_id, segment_name, monetary FROM other.customer_segments;
	PERFORM rfmseg.undeploy('other', with_data => true);
END $$;
CREATE FUNCTION history_test.other() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM rfmseg.deploy('other');
	PERFORM rfmseg.map_transactions('other', source => 'shop_raw.transactions', customer_id => 'customer_id', event_at => 'transaction_date',
		amount => 'total_amount', order_id => 'order_id', is_return => 'is_return');
	PERFORM rfmseg.configure('other', r_cuts => c.r_cuts, f_cuts => c.f_cuts, m_cuts => c.m_cuts) FROM shop_core.cut_points c ORDER BY version DESC LIMIT 1;
END $$;
-- each customer is counted once for each as_of; what goes in at one end comes out at the other
CREATE VIEW history_test.flows AS
SELECT m.to_as_of, m.from_as_of IS NOT DISTINCT FROM lag(m.to_as_of) OVER (ORDER BY m.to_as_of) AS follows, m.to_customers = t.customers AS all_there,
	m.from_customers IS NOT DISTINCT FROM lag(t.customers) OVER (ORDER BY m.to_as_of) AS all_from_before, m.revenue IS NULL OR m.revenue = t.revenue AS same_revenue,
	m.revenue IS NULL AS unknown_revenue
FROM (SELECT from_as_of, to_as_of, sum(customer_count) FILTER (WHERE to_segment IS NOT NULL) AS to_customers,
		sum(customer_count) FILTER (WHERE from_segment IS NOT NULL) AS from_customers, CASE WHEN count(revenue) = count(*) THEN sum(revenue) END AS revenue
	FROM shop.segment_migration GROUP BY from_as_of, to_as_of) AS m
JOIN (SELECT as_of, sum(customer_count) AS customers, sum(total_revenue) AS revenue FROM shop.segment_trend GROUP BY as_of) AS t ON t.as_of = m.to_as_of ORDER BY m.to_as_of;
-- by segment too: who is there has come from somewhere
CREATE VIEW history_test.by_segment AS
SELECT count(*) AS segments, count(*) FILTER (WHERE t.customer_count IS DISTINCT FROM coalesce(m.came, 0)) AS other_came
FROM shop.segment_trend t LEFT JOIN (SELECT to_as_of, to_segment, sum(customer_count) AS came FROM shop.segment_migration GROUP BY 1, 2) AS m ON m.to_as_of = t.as_of AND m.to_segment = t.segment_name;
-- The first run, and the second one, with which time passes
CALL rfmseg.refresh('shop', '2025-03-01 UTC');
SELECT from_as_of, to_as_of, from_segment, to_segment, customer_count, revenue IS NOT NULL AS has_revenue, currency FROM shop.segment_migration ORDER BY to_segment COLLATE "C";
-- what history says at each as_of that was seen, and how it differs
CREATE VIEW history_test.wrong AS
SELECT s.as_of, s.customers,
	(SELECT count(*) FROM (SELECT * FROM shop_core.segment_history h WHERE h.as_of <= s.as_of AND (h.as_of_to IS NULL OR h.as_of_to > s.as_of)) AS h
	 FULL JOIN (SELECT * FROM history_test.seen x WHERE x.as_of = s.as_of) AS x USING (customer_id) WHERE h.segment_name IS DISTINCT FROM x.segment_name) AS different
FROM (SELECT as_of, count(*) AS customers FROM history_test.seen GROUP BY as_of) AS s ORDER BY s.as_of;
-- rows are changes, and lead from one to the next
CREATE VIEW history_test.chains AS
SELECT count(*) FILTER (WHERE segment_name IS NOT DISTINCT FROM previous_segment AND (segment_name IS NOT NULL OR n = 1)) AS no_change,
	count(*) FILTER (WHERE as_of_to IS DISTINCT FROM next_as_of) AS broken, count(*) FILTER (WHERE previous_segment IS DISTINCT FROM prior) AS other_previous
FROM (SELECT *, lead(as_of) OVER w AS next_as_of, lag(segment_name) OVER w AS prior, row_number() OVER w AS n FROM shop_core.segment_history
	WINDOW w AS (PARTITION BY customer_id ORDER BY as_of)) AS h;
-- what is published tells each customer's last change, whatever was looked back at since
CREATE VIEW history_test.published AS
SELECT count(*) AS customers, count(DISTINCT c.segment_since) AS instants,
	count(*) FILTER (WHERE (c.previous_segment, c.segment_since) IS DISTINCT FROM (h.previous_segment, h.as_of)) AS other_than_history
FROM shop.customer_segments c
LEFT JOIN shop_core.segment_history h ON h.customer_id = c.customer_id AND h.as_of <= c.as_of AND (h.as_of_to IS NULL OR h.as_of_to > c.as_of);
SELECT * FROM history_test.published;
SELECT history_test.other();
CALL history_test.see('2025-03-01 UTC');
CALL rfmseg.refresh('shop', '2025-07-01 UTC');
SELECT history_test.other();
CALL history_test.see('2025-07-01 UTC');
SELECT * FROM history_test.wrong;
SELECT count(*) FILTER (WHERE previous_segment IS NOT NULL) > 0 AS some_moved, count(*) FILTER (WHERE segment_since = '2025-03-01 UTC') > 0 AS some_stayed,
	count(*) FILTER (WHERE segment_since IS NULL OR segment_since > as_of) AS wrong_since FROM shop.customer_segments;

-- Between the two, before the first, and anew at an as_of that was there, with other data
CALL rfmseg.refresh('shop', '2025-05-01 UTC');
CALL rfmseg.refresh('shop', '2025-01-01 UTC');
SELECT history_test.other();
CALL history_test.see('2025-05-01 UTC');
SELECT history_test.other();
CALL history_test.see('2025-01-01 UTC');
SELECT * FROM history_test.wrong;
SELECT * FROM history_test.flows;
SELECT * FROM history_test.by_segment;
SELECT * FROM history_test.chains;
SELECT * FROM history_test.published;
DELETE FROM shop_raw.transactions WHERE customer_id % 10 = 3 AND transaction_date < '2025-05-01 UTC';
INSERT INTO shop_raw.transactions (transaction_id, order_id, customer_id, transaction_date, total_amount)
SELECT 10000000000 + i, 10000000000 + i, i, '2025-04-20 12:00 UTC', 500 FROM generate_series(1, 300, 7) AS i;
CALL rfmseg.refresh('shop', '2025-05-01 UTC');
SELECT history_test.other();
CALL history_test.see('2025-05-01 UTC');
SELECT * FROM history_test.wrong;
SELECT * FROM history_test.flows;
SELECT * FROM history_test.by_segment;
SELECT * FROM history_test.chains;
SELECT * FROM history_test.published;
SELECT count(*) FILTER (WHERE segment_name IS NULL) > 0 AS some_gone FROM shop_core.segment_history;
-- the published run anew, too
CALL rfmseg.refresh('shop', '2025-07-01 UTC');
SELECT history_test.other();
CALL history_test.see('2025-07-01 UTC');
SELECT * FROM history_test.wrong WHERE different > 0;
SELECT * FROM history_test.flows WHERE to_as_of = '2025-07-01 UTC';
SELECT * FROM history_test.by_segment;
SELECT * FROM history_test.chains;
SELECT * FROM history_test.published;

-- Ten refreshes as time goes on, then backfill of what was before
CALL rfmseg.refresh('shop', '2025-08-01 UTC');
CALL rfmseg.refresh('shop', '2025-09-01 UTC');
CALL rfmseg.refresh('shop', '2025-10-01 UTC');
-- the same once more writes no row of history anew
CREATE TABLE history_test.kept AS SELECT ctid AS place, xmin::text AS written FROM shop_core.segment_history;
CALL rfmseg.refresh('shop', '2025-10-01 UTC');
SELECT count(*) FILTER (WHERE h.as_of = '2025-10-01 UTC') > 0 AS some, count(*) FILTER (WHERE k.written IS NULL) AS anew
FROM shop_core.segment_history h LEFT JOIN history_test.kept k ON k.place = h.ctid AND k.written = h.xmin::text;
SELECT * FROM history_test.published;
SET client_min_messages = error;
CALL rfmseg.backfill('shop', '2024-03-01 UTC', '2024-12-31 UTC', '2 months');
SET client_min_messages = warning;
SELECT count(DISTINCT as_of) AS as_ofs, min(as_of), max(as_of) FROM shop.segment_trend;
SELECT count(*) FILTER (WHERE NOT (follows AND all_there AND all_from_before AND same_revenue)) AS wrong, count(*) FILTER (WHERE unknown_revenue) AS unknown_revenue FROM history_test.flows;
SELECT * FROM history_test.by_segment;
SELECT * FROM history_test.chains;
SELECT * FROM history_test.published;
SELECT as_of, is_current FROM shop.runs WHERE is_current;
CALL rfmseg.backfill('shop', NULL);
CALL rfmseg.backfill('shop', '2024-03-01 UTC', step => NULL);
CALL rfmseg.backfill('shop', '2024-03-01 UTC', step => '1 hour');
CALL rfmseg.backfill('shop', '2026-03-01 UTC');
CALL rfmseg.backfill('shop', '2024-03-01 UTC', '2024-02-01 UTC');
CALL rfmseg.backfill('shop', '-infinity');
-- months are those of the deployment's zone, summer or winter
SELECT rfmseg.deploy('zoned');
SELECT rfmseg.configure('zoned', time_zone => 'Europe/Paris');
SELECT row_count FROM rfmseg.generate('zoned', 60) WHERE dataset = 'transactions' AND kind = 'good';
CALL rfmseg.backfill('zoned', '2024-03-01 Europe/Paris');
CALL rfmseg.refresh('zoned');
CALL rfmseg.backfill('zoned', '2025-02-01 Europe/Paris', '2025-05-01 Europe/Paris');
SELECT as_of AT TIME ZONE 'Europe/Paris' AS as_of, count(*) FROM zoned.segment_trend GROUP BY 1 ORDER BY 1;
SELECT rfmseg.undeploy('zoned', with_data => true);

-- An as_of ahead of its time, then one before it that is published all the same: by the data
CALL rfmseg.refresh('shop', '2026-06-01 UTC');
SELECT * FROM history_test.published;
CALL rfmseg.refresh('shop');
SELECT is_current, as_of < '2026-06-01 UTC' AS is_earlier FROM shop.runs ORDER BY run_id DESC LIMIT 1;
SELECT * FROM history_test.published;
SELECT * FROM history_test.chains;
SELECT * FROM history_test.by_segment;

-- History goes back as far as it is told to
SELECT rfmseg.configure('shop', history_keep => '0 days');
SELECT rfmseg.configure('shop', history_keep => '3 months');
SELECT history_keep FROM shop_core.settings;
CALL rfmseg.refresh('shop', '2025-11-01 UTC');
SELECT count(*) FILTER (WHERE as_of_to < '2025-08-01 UTC') AS older, count(*) FILTER (WHERE as_of_to IS NULL) = (SELECT count(*) FROM shop.customer_segments) AS all_there FROM shop_core.segment_history WHERE segment_name IS NOT NULL;
SELECT rfmseg.configure('shop', history_keep => 'all');
SELECT history_keep FROM shop_core.settings;

DROP SCHEMA history_test CASCADE;
SELECT rfmseg.undeploy('shop', with_data => true);
