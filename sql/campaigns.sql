-- Campaigns with control groups: arms, what is measured, and what it is worth.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET DateStyle = 'ISO, YMD';
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS rfmseg;
SELECT rfmseg.deploy('shop');
SELECT * FROM rfmseg.start_campaign('shop', 'early');
SELECT row_count FROM rfmseg.generate('shop', 4000, 5) WHERE dataset = 'customers' AND kind = 'good';
UPDATE shop_raw.customers SET marketing_consent = customer_id % 10 <> 0;
CALL rfmseg.refresh('shop', '2025-10-01');

-- Too small to tell anything: it says how many it takes, and those are enough
SELECT * FROM rfmseg.start_campaign('shop', 'small', 'Champions', holdout => 0.1, days => 30, seed => 7);
SELECT * FROM rfmseg.start_campaign('shop', 'small', 'Champions', holdout => 0.01, effect => 50);
SELECT * FROM rfmseg.start_campaign('shop', 'small', min_clv => 1e9);
SELECT count(*) FROM shop_core.campaigns;
SELECT c.n, s.smallest, rfmseg._smallest_effect(c.n, 10, 900, 0.25) / 2 AS quarter_as_many_show_twice
FROM (VALUES (1600), (6400)) AS c (n), LATERAL (SELECT round(rfmseg._smallest_effect(c.n, 10, 900, 0.25)::numeric, 4)) AS s (smallest);
SELECT rfmseg._check_power('x', 7200, 10, 900, 0.25, 0.23, 30);
SELECT rfmseg._check_power('x', 7130, 10, 900, 0.25, 0.23, 30);
SELECT rfmseg._check_power('x', 7120, 10, 900, 0.25, 0.23, 30);
SELECT rfmseg._check_power('x', 100, 0, 0, 0.25, 0.23, 30);

-- The audience is frozen; arms are even in value; the same seed, the same arms
SELECT arm, customers, expected_revenue_per_head > 0 AS expects, smallest_effect < 0.5 AS can_tell
FROM rfmseg.start_campaign('shop', 'all', holdout => 0.3, days => 60, seed => 1, effect => 0.5);
SELECT arm, customers FROM rfmseg.start_campaign('shop', 'again', holdout => 0.3, days => 60, seed => 2, effect => 0.5);
SELECT count(*) - count(*) FILTER (WHERE r.marketing_consent) AS without_consent, count(DISTINCT stratum) AS strata,
	max(share) - min(share) < 0.03 AS shares_alike
FROM shop_core.campaign_members m JOIN shop_raw.customers r USING (customer_id)
JOIN (SELECT stratum, avg((arm = 'control')::int) AS share FROM shop_core.campaign_members WHERE campaign_id = 1 GROUP BY 1) AS s USING (stratum) WHERE campaign_id = 1;
SELECT max(w) / min(w) < 1.15 AS even FROM (SELECT avg(c.clv_12m) AS w FROM shop_core.campaign_members m JOIN shop.customer_segments c USING (customer_id) WHERE campaign_id = 1 GROUP BY arm) AS a;
-- two seeds are independent of each other
SELECT round(corr((a.arm = 'control')::int, (b.arm = 'control')::int)::numeric, 1) AS correlation
FROM shop_core.campaign_members a JOIN shop_core.campaign_members b USING (customer_id) WHERE a.campaign_id = 1 AND b.campaign_id = 2;
CREATE TEMP TABLE first_arms AS SELECT customer_id, arm, stratum FROM shop_core.campaign_members WHERE campaign_id = 1;
DELETE FROM shop_core.campaigns WHERE campaign IN ('all', 'again');
SELECT count(*) FROM shop_core.campaign_members;
SELECT arm, customers FROM rfmseg.start_campaign('shop', 'all', holdout => 0.3, days => 60, seed => 1, effect => 0.5);
SELECT count(*) AS different FROM (TABLE first_arms EXCEPT SELECT customer_id, arm, stratum FROM shop_core.campaign_members) AS d;

-- Those to contact are the treated; a running campaign's control stays out of other audiences
SELECT count(*) FILTER (WHERE m.arm = 'treated') = count(*) AS treated_alone, count(*) > 0 AS some
FROM rfmseg.audience('shop', campaign => 'all') a LEFT JOIN shop_core.campaign_members m ON m.customer_id::text = a.customer_id;
SELECT count(*) FILTER (WHERE m.arm = 'control') AS controls FROM rfmseg.audience('shop') a LEFT JOIN shop_core.campaign_members m ON m.customer_id::text = a.customer_id;
SELECT count(*) FILTER (WHERE m.arm = 'control') > 0 AS controls
FROM rfmseg.audience('shop', include_holdouts => true) a LEFT JOIN shop_core.campaign_members m ON m.customer_id::text = a.customer_id;
-- and whoever withdraws consent is out of an audience frozen before
SELECT customer_id AS one FROM rfmseg.audience('shop', campaign => 'all', max_customers => 1) \gset
UPDATE shop_raw.customers SET marketing_consent = false WHERE customer_id = :one;
SELECT count(*) FROM rfmseg.audience('shop', campaign => 'all') WHERE customer_id = :'one';

-- as is whoever is forgotten, from the campaign itself too
SELECT customer_id AS other FROM rfmseg.audience('shop', campaign => 'all', max_customers => 1) \gset
SELECT relation, row_count > 0 AS some FROM rfmseg.forget('shop', :other) WHERE relation ~ 'members';
SELECT count(*) FROM rfmseg.audience('shop', campaign => 'all') WHERE customer_id = :'other';
SELECT count(*) FROM shop_core.contactable_customers WHERE customer_id = :other;

-- No results yet, then those of both arms; the difference when it is over
SELECT * FROM rfmseg.campaign_results('shop', 'all');
SELECT * FROM rfmseg.campaign_results('shop', 'none');
SELECT rfmseg.generate_campaign_effect('shop', 'all', 0.5, 3) > 0 AS planted;
SELECT rfmseg.generate_campaign_effect('shop', 'all', 0.5, 3);
CALL rfmseg.refresh('shop', '2025-10-15');
SELECT arm, status, customers, buyers < customers AS some_buy, revenue > 0 AS spend, revenue_lift, verdict FROM rfmseg.campaign_results('shop', 'all');
CALL rfmseg.refresh('shop', '2025-12-15');
SELECT arm, status, verdict, revenue_lift BETWEEN revenue_lift_low AND revenue_lift_high AS inside, 0.5 BETWEEN revenue_lift_low AND revenue_lift_high AS covers_the_truth,
	conversion_lift > 0 AS more_buy, incremental_revenue BETWEEN incremental_revenue_low AND incremental_revenue_high AS inside_too
FROM rfmseg.campaign_results('shop', 'all');
SELECT planted_lift FROM shop_core.campaigns;

-- Arms, and the lift, against plain SQL over the landing table
CREATE TEMP TABLE spent AS
SELECT m.arm, m.stratum, m.customer_id, coalesce(sum(t.total_amount), 0) AS spent, coalesce(bool_or(t.total_amount > 0), false) AS bought
FROM shop_core.campaign_members m LEFT JOIN shop_raw.transactions t ON t.customer_id = m.customer_id
	AND t.transaction_date >= '2025-10-01 UTC' AND t.transaction_date < '2025-11-30 UTC'
GROUP BY m.arm, m.stratum, m.customer_id;
SELECT r.arm, r.customers = s.customers AS same_customers, r.revenue = s.revenue AS same_revenue, abs(r.buyers - s.buyers) <= 0.01 * s.buyers AS same_buyers_but_refunded,
	r.conversion = round(r.buyers::numeric / r.customers, 4) AS same_conversion, r.revenue_per_head = round(s.revenue / s.customers, 2) AS same_per_head
FROM shop.campaign_results r JOIN (SELECT arm, count(*) AS customers, sum(spent) AS revenue, count(*) FILTER (WHERE bought) AS buyers FROM spent GROUP BY arm) AS s USING (arm) ORDER BY arm;
WITH cell AS (
	SELECT stratum, count(*) AS n, avg(spent) FILTER (WHERE arm = 'treated') AS t, avg(spent) FILTER (WHERE arm = 'control') AS c,
		var_samp(spent) FILTER (WHERE arm = 'treated') / count(*) FILTER (WHERE arm = 'treated') AS vt,
		var_samp(spent) FILTER (WHERE arm = 'control') / count(*) FILTER (WHERE arm = 'control') AS vc
	FROM spent GROUP BY stratum
), mean AS (
	SELECT sum(n * t) / sum(n) AS t, sum(n * c) / sum(n) AS c, sum(n * n * vt) / sum(n) ^ 2 AS vt, sum(n * n * vc) / sum(n) ^ 2 AS vc FROM cell
)
SELECT abs(r.revenue_lift - (m.t / m.c - 1)) < 1e-5 AS same_lift,
	abs(r.revenue_lift_low - (m.t / m.c * exp(-1.959964 * sqrt(m.vt / m.t ^ 2 + m.vc / m.c ^ 2)) - 1)) < 1e-5 AS same_low,
	abs(r.revenue_lift_high - (m.t / m.c * exp(1.959964 * sqrt(m.vt / m.t ^ 2 + m.vc / m.c ^ 2)) - 1)) < 1e-5 AS same_high,
	abs(r.incremental_revenue - r.customers * (m.t - m.c)) < 0.01 AS same_increment
FROM shop.campaign_results r, mean m WHERE r.arm = 'treated';

-- What it measured is what the return is reckoned with, for the segment that it went to as a whole
SELECT count(*) AS by_campaign FROM shop.roi_analysis WHERE campaign IS NOT NULL;
UPDATE shop_core.campaigns SET segment_name = 'Loyal';
SELECT segment_name, campaign, expected_lift = (SELECT revenue_lift FROM shop.campaign_results WHERE arm = 'treated') AS measured,
	abs(expected_return - customers_targeted * (SELECT incremental_revenue / customers FROM shop.campaign_results WHERE arm = 'treated')) < 1 AS by_head,
	basis ~ '^Measured: campaign ''all'' brought USD [0-9.]+ a head in 60 days' AS says_so
FROM shop.roi_analysis WHERE segment_name IN ('Loyal', 'Champions') ORDER BY 1;
UPDATE shop_core.campaign_arms SET revenue_lift_low = -0.1 WHERE arm = 'treated';
SELECT verdict FROM shop.campaign_results WHERE arm = 'treated';
SELECT segment_name, campaign, basis ~ '^Assumed' AS assumed FROM shop.roi_analysis WHERE segment_name = 'Loyal';

-- Small arms are left out of what is published
SELECT rfmseg.configure('shop', min_cell_size => 100000);
CALL rfmseg.refresh('shop', '2025-12-16');
SELECT arm, customers, buyers, revenue, revenue_per_head, revenue_lift, incremental_revenue, verdict FROM shop.campaign_results ORDER BY arm;
SELECT rfmseg.configure('shop', min_cell_size => 0);

-- Long after its end a campaign stays as it was measured
CALL rfmseg.refresh('shop', '2025-12-17');
SELECT as_of FROM rfmseg.campaign_results('shop', 'all');
CALL rfmseg.refresh('shop', '2026-04-01');
SELECT as_of FROM rfmseg.campaign_results('shop', 'all');

-- What cannot be
SELECT * FROM rfmseg.start_campaign('shop', NULL);
SELECT * FROM rfmseg.start_campaign('shop', ' ');
SELECT * FROM rfmseg.start_campaign('shop', 'all');
SELECT * FROM rfmseg.start_campaign('shop', 'b', 'Nobody');
SELECT * FROM rfmseg.start_campaign('shop', 'b', holdout => 0);
SELECT * FROM rfmseg.start_campaign('shop', 'b', holdout => 'NaN');
SELECT * FROM rfmseg.start_campaign('shop', 'b', days => 0);
SELECT * FROM rfmseg.start_campaign('shop', 'b', effect => 0);
SELECT * FROM rfmseg.start_campaign('shop', 'b', seed => NULL);
SELECT * FROM rfmseg.start_campaign('shop', 'b', starts_at => '2025-01-01');
SELECT * FROM rfmseg.start_campaign('shop', 'b', starts_at => 'infinity');
SELECT rfmseg.generate_campaign_effect('shop', 'b', 0.1);
SELECT rfmseg.generate_campaign_effect('shop', 'all', -0.1);
SELECT rfmseg.generate_campaign_effect('shop', 'all', NULL);
SELECT * FROM rfmseg.campaign_results('nowhere', 'all');
SELECT * FROM rfmseg.campaign_results(NULL, 'all');
SELECT * FROM rfmseg._relative_lift(10, 0.1, 0, 0);
SELECT * FROM rfmseg._relative_lift(-1, 0.1, 5, 0.1);
SELECT * FROM rfmseg._relative_lift(11, 0, 10, 0);

-- A viewer reads the results, and no audience; no prediction is in them
CREATE ROLE campaign_viewer;
SELECT rfmseg.grant_access('shop', 'campaign_viewer', 'viewer');
SET ROLE campaign_viewer;
SELECT count(*) FROM rfmseg.campaign_results('shop', 'all');
SELECT count(*) FROM shop_core.campaign_members;
SELECT * FROM rfmseg.start_campaign('shop', 'mine');
RESET ROLE;
SELECT * FROM rfmseg.verify_governance('shop');
SELECT rfmseg.undeploy('shop', with_data => true);

-- Days are local ones; a mapped source has no made-up effect
CREATE SCHEMA campaign_test;
CREATE TABLE campaign_test.orders AS SELECT c AS who, '2025-01-01 12:00 UTC'::timestamptz + (c % 7 + 40 * n) * interval '1 day' AS at, (10 + c % 5)::numeric AS amount
	FROM generate_series(1, 600) AS c, generate_series(0, 3) AS n;
CREATE TABLE campaign_test.people AS SELECT c AS who, true AS agreed FROM generate_series(1, 600) AS c;
SELECT rfmseg.deploy('shop');
SELECT rfmseg.configure('shop', time_zone => 'Europe/Berlin');
SELECT rfmseg.map_transactions('shop', source => 'campaign_test.orders', customer_id => 'who', event_at => 'at', amount => 'amount');
SELECT rfmseg.map_customers('shop', source => 'campaign_test.people', customer_id => 'who', marketing_consent => 'agreed');
CALL rfmseg.refresh('shop', '2025-03-25 Europe/Berlin');
SELECT arm, customers FROM rfmseg.start_campaign('shop', 'spring', holdout => 0.5, days => 7, effect => 5);
SELECT starts_at AT TIME ZONE 'Europe/Berlin' AS starts, ends_at AT TIME ZONE 'Europe/Berlin' AS ends FROM shop_core.campaigns;
SELECT rfmseg.generate_campaign_effect('shop', 'spring', 0.1);
CALL rfmseg.refresh('shop', '2025-04-01 Europe/Berlin');
SELECT arm, status, customers, verdict FROM rfmseg.campaign_results('shop', 'spring');
-- whoever is worth the same buys the same here, so that arms within a stratum must be alike, however many share a value
SELECT count(*) AS strata, count(*) FILTER (WHERE kinds = 2) <= 6 AS few_are_mixed, bool_and(kinds = 1 OR abs(treated - control) < 0.6) AS alike
FROM (SELECT stratum, count(DISTINCT customer_id % 7 >= 3) AS kinds, avg((customer_id % 7 >= 3)::int) FILTER (WHERE arm = 'treated') AS treated,
	avg((customer_id % 7 >= 3)::int) FILTER (WHERE arm = 'control') AS control FROM shop_core.campaign_members GROUP BY stratum) AS s;
SELECT rfmseg.undeploy('shop');
DROP ROLE campaign_viewer;
DROP SCHEMA campaign_test CASCADE;
