// The questions that the dashboards ask of a deployment: each is stated once, here, and both Grafana and Metabase
// are made from it.
//
// A question has a title, a description for a marketer, one SQL query, and the columns that this query returns, in
// order, each with a label and a kind, from which units and formats follow:
//
//   text  count  money  percent (0 to 100)  share (0 to 1)  days  seconds  number  time  boolean  color
//
// Three placeholders stand in the SQL; render() fills them in, as each tool wants them:
//
//   {{schema}}         the published schema, quoted as an identifier
//   {{segment}}        a condition: segment_name is one of those chosen
//   {{period:column}}  a condition: the column is within the period chosen
//
// Only published views are read, so the role needs the level "viewer" and no more.

const column = ([name, label, kind]) => ({ name, label, kind });

function question(id, title, description, columns, sql) {
	return { id, title, description, columns: columns.map(column), sql: sql.trim().replace(/^\t\t/gm, '') };
}

const segment = ['segment_name', 'Segment', 'text'];
const color = ['segment_color', 'Colour', 'color'];
const customers = ['customer_count', 'Customers', 'count'];
const revenue = ['total_revenue', 'Revenue', 'money'];

// What is known of the customers, one question a dimension
const dimensions = [
	['age_bracket', 'Age', 'How old the customers are, in brackets.'],
	['income_bracket', 'Income', 'Which bracket of income the customers are in.'],
	['gender', 'Gender', 'The customers\' gender.'],
	['state', 'State or region', 'Where the customers live: the 15 states or regions with the most of them.'],
	['preferred_channel', 'Preferred channel', 'How the customers like to be reached.'],
	['behavioral_segment', 'Behavioural segment', 'How the customers shop, whatever they are worth: bargain hunters, frequent shoppers and so on.'],
];

// Grafana and Metabase alike can draw flows and matrices of two different sets of names only
const flow = `
		SELECT coalesce(m.from_segment, 'No customer') || ' (before)' AS from_segment,
			coalesce(m.to_segment, 'No customer') || ' (after)' AS to_segment, m.customer_count
		FROM {{schema}}.segment_migration m
		LEFT JOIN {{schema}}.segment_profiles f ON f.segment_name = m.from_segment
		LEFT JOIN {{schema}}.segment_profiles t ON t.segment_name = m.to_segment
		WHERE m.from_as_of IS NOT NULL AND m.to_as_of = (SELECT max(to_as_of) FROM {{schema}}.segment_migration)
		ORDER BY f.segment_order, t.segment_order, 1, 2`;

export const questions = [

	// Size and worth

	question('customers', 'Customers', 'Everyone who ever bought something, as of the last refresh.',
		[['customers', 'Customers', 'count']], `
		SELECT customers FROM {{schema}}.runs WHERE is_current`),

	question('revenue', 'Revenue', 'What all these customers have spent, less what they sent back, within the period that counts.',
		[revenue], `
		SELECT total_revenue FROM {{schema}}.runs WHERE is_current`),

	question('revenue_per_customer', 'Revenue per customer', 'Revenue divided by customers: what one has spent on average.',
		[['revenue_per_customer', 'Revenue per customer', 'money']], `
		SELECT round(total_revenue / nullif(customers, 0), 2) AS revenue_per_customer FROM {{schema}}.runs WHERE is_current`),

	question('data_age', 'Days since the last purchase',
		'How old the newest purchase is that the segments know of. If it grows from day to day, purchases do not arrive, or nothing refreshes.',
		[['data_age_days', 'Days', 'days']], `
		SELECT floor(extract(epoch FROM now() - last_purchase_at) / 86400)::int AS data_age_days FROM {{schema}}.runs WHERE is_current`),

	question('customers_by_segment', 'Customers by segment', 'How the customers are spread over the segments.',
		[segment, customers, ['customer_percentage', 'Share of customers', 'percent'], color], `
		SELECT segment_name, customer_count, customer_percentage, segment_color
		FROM {{schema}}.customer_distribution WHERE {{segment}} ORDER BY segment_order`),

	question('revenue_by_segment', 'Revenue by segment',
		'Where the money comes from. Compare it with the customers by segment: a small segment may carry the shop.',
		[segment, revenue, ['revenue_percentage', 'Share of revenue', 'percent'], color], `
		SELECT segment_name, total_revenue, revenue_percentage, segment_color
		FROM {{schema}}.revenue_distribution WHERE {{segment}} ORDER BY segment_order`),

	question('segment_profiles', 'Segment profiles', 'Each segment at a glance: size, worth, habits, and what is most common in it. Empty cells: not known.',
		[segment, customers, ['segment_percentage', 'Share of customers', 'percent'], revenue,
			['revenue_percentage', 'Share of revenue', 'percent'], ['avg_days_since_purchase', 'Days since last purchase', 'days'],
			['avg_transaction_frequency', 'Purchases', 'number'], ['avg_order_value', 'Order value', 'money'],
			['avg_discount_usage', 'Orders with discount', 'share'], ['weekend_shopping_rate', 'Weekend orders', 'share'],
			['top_category', 'Top category', 'text'], ['most_common_age', 'Age', 'text'], ['most_common_income', 'Income', 'text'],
			['preferred_channel', 'Channel', 'text']], `
		SELECT segment_name, customer_count, segment_percentage, total_revenue, revenue_percentage, avg_days_since_purchase,
			avg_transaction_frequency, avg_order_value, avg_discount_usage, weekend_shopping_rate, top_category, most_common_age,
			most_common_income, preferred_channel
		FROM {{schema}}.segment_profiles WHERE {{segment}} ORDER BY segment_order`),

	question('performance', 'Mean and median',
		'Means beside medians. A mean far above its median says that a few customers buy much more than the rest.',
		[segment, ['avg_order_value', 'Order value, mean', 'money'], ['median_order_value', 'Order value, median', 'money'],
			['avg_frequency', 'Purchases, mean', 'number'], ['median_frequency', 'Purchases, median', 'number'],
			['avg_monetary', 'Spent, mean', 'money'], ['median_monetary', 'Spent, median', 'money'],
			['avg_recency_days', 'Days since last purchase, mean', 'days'],
			['median_recency_days', 'Days since last purchase, median', 'days']], `
		SELECT segment_name, avg_order_value, median_order_value, avg_frequency, median_frequency, avg_monetary, median_monetary,
			avg_recency_days, median_recency_days
		FROM {{schema}}.performance_metrics WHERE {{segment}} ORDER BY segment_order`),

	question('value_spread', 'Spread of recency, frequency and monetary value',
		'What a box plot would show: least, quartiles and greatest. Half of a segment lies between the lower and the upper quartile. '
		+ 'Recency is in days, frequency in purchases, monetary value in money.',
		[['measure', 'Measure', 'text'], segment, ['min', 'Least', 'number'], ['q1', 'Lower quartile', 'number'],
			['median', 'Median', 'number'], ['q3', 'Upper quartile', 'number'], ['max', 'Greatest', 'number']], `
		SELECT CASE measure WHEN 'recency_days' THEN 'Recency' WHEN 'frequency' THEN 'Frequency' ELSE 'Monetary value' END AS measure,
			segment_name, min, q1, median, q3, max
		FROM {{schema}}.value_distribution WHERE {{segment}}
		ORDER BY array_position(ARRAY['recency_days', 'frequency', 'monetary'], value_distribution.measure), segment_order`),

	question('rfm_grid', 'Customers by recency and frequency score',
		'Where the customers are. Rows are recency scores, the most recent on top; columns are frequency scores, the most frequent on the right.',
		[['r_score', 'Recency score', 'number'], ['f_score', 'Frequency score', 'number'], customers], `
		SELECT r_score, f_score, customer_count FROM {{schema}}.rfm_grid ORDER BY r_score DESC, f_score`),

	question('rfm_grid_value', 'Revenue per customer by recency and frequency score',
		'What a customer in each cell has spent on average. Much money in the lower rows is money that is leaving.',
		[['r_score', 'Recency score', 'number'], ['f_score', 'Frequency score', 'number'], ['revenue_per_customer', 'Revenue per customer', 'money']], `
		SELECT r_score, f_score, round(total_revenue / nullif(customer_count, 0), 2) AS revenue_per_customer
		FROM {{schema}}.rfm_grid ORDER BY r_score DESC, f_score`),

	question('recommendations', 'What to do',
		'An action for each segment, and what is at stake: what these customers have spent a year so far. The words are the owner\'s to edit.',
		[segment, ['action', 'What to do', 'text'], ['rationale', 'Why', 'text'], customers, ['revenue_at_stake', 'A year at stake', 'money']], `
		SELECT segment_name, action, rationale, customer_count, revenue_at_stake
		FROM {{schema}}.recommendations WHERE kind = 'rfm' AND {{segment}} ORDER BY segment_order`),

	// Customers

	...dimensions.map(([id, title, description]) => question(id, title, description,
		[['value', title, 'text'], customers, ['customer_percentage', 'Share of customers', 'percent'], revenue], `
		SELECT coalesce(value, 'Not known') AS value, customer_count, customer_percentage, total_revenue
		FROM {{schema}}.demographics WHERE dimension = '${id}' ORDER BY customer_count DESC NULLS LAST, 1 LIMIT 15`)),

	question('customer_list', 'Customers, by what they spent',
		'The 200 customers who spent most, each with the reason for their segment. No names here: look the number up in your own system.',
		[['customer_id', 'Customer', 'text'], segment, ['behavioral_segment', 'Behavioural segment', 'text'],
			['recency_days', 'Days since last purchase', 'days'], ['frequency', 'Purchases', 'count'], ['monetary', 'Spent', 'money'],
			['rfm_code', 'RFM', 'text'], ['p_alive', 'Still a customer', 'share'], ['clv_12m', 'Expected in 12 months', 'money'],
			['segment_reason', 'Why', 'text']], `
		SELECT customer_id::text AS customer_id, segment_name, behavioral_segment, recency_days, frequency, round(monetary, 2) AS monetary,
			rfm_code, p_alive, round(clv_12m::numeric, 2) AS clv_12m, segment_reason
		FROM {{schema}}.customer_segments WHERE {{segment}} ORDER BY customer_segments.monetary DESC, customer_segments.customer_id LIMIT 200`),

	question('overdue', 'Worth a call',
		'Customers who have stayed away longer than they use to, those with the greatest expected value first. '
		+ 'Overdue: by how many days the time since their last purchase exceeds their usual gap.',
		[['customer_id', 'Customer', 'text'], segment, ['days_overdue', 'Overdue', 'days'], ['median_gap_days', 'Usual gap', 'days'],
			['monetary', 'Spent', 'money'], ['p_alive', 'Still a customer', 'share'], ['clv_12m', 'Expected in 12 months', 'money']], `
		SELECT customer_id::text AS customer_id, segment_name, days_overdue, median_gap_days, round(monetary, 2) AS monetary, p_alive,
			round(clv_12m::numeric, 2) AS clv_12m
		FROM {{schema}}.customer_segments WHERE days_overdue > 0 AND {{segment}}
		ORDER BY customer_segments.clv_12m DESC NULLS LAST, customer_segments.monetary DESC, customer_segments.customer_id LIMIT 50`),

	question('customer_scatter', 'Recency and money spent, customer by customer',
		'One point a customer, at most 1,000 of them, drawn by chance but always the same. Those on the right have been away long; high up, they were worth much.',
		[['recency_days', 'Days since last purchase', 'days'], ['monetary', 'Spent', 'money'], segment], `
		SELECT recency_days, round(monetary, 2) AS monetary, segment_name
		FROM {{schema}}.customer_segments WHERE recency_days IS NOT NULL AND {{segment}} ORDER BY md5(customer_id::text) LIMIT 1000`),

	// Value

	question('expected_value', 'Expected in the next 12 months',
		'What all customers together are expected to spend, by the lifetime model; later money counts for less.',
		[['total_clv_12m', 'Expected', 'money']], `
		SELECT sum(total_clv_12m) AS total_clv_12m FROM {{schema}}.lifetime_value WHERE {{segment}}`),

	question('plain_guess', 'The same, by a plain guess',
		'What they have spent a year so far. A guess beside which the model must prove itself: it knows nothing of who has left.',
		[['total_naive_annual_value', 'Plain guess', 'money']], `
		SELECT sum(total_naive_annual_value) AS total_naive_annual_value FROM {{schema}}.lifetime_value WHERE {{segment}}`),

	question('still_customers', 'Still customers', 'How many of the customers are expected to buy again: their probabilities, added up.',
		[['still_customers', 'Still customers', 'count']], `
		SELECT round(sum(avg_p_alive * customer_count)) AS still_customers FROM {{schema}}.lifetime_value WHERE {{segment}}`),

	question('value_by_segment', 'Expected in the next 12 months, by segment', 'Where the money of the next 12 months is expected to come from.',
		[segment, ['total_clv_12m', 'Expected in 12 months', 'money'], color], `
		SELECT segment_name, total_clv_12m, segment_color FROM {{schema}}.lifetime_value WHERE {{segment}} ORDER BY segment_order`),

	question('lifetime_value', 'Lifetime value by segment',
		'What one customer of a segment is expected to spend in the next 12 months, beside what such a customer has spent a year so far.',
		[segment, customers, ['avg_p_alive', 'Still a customer', 'share'], ['avg_clv_12m', 'Expected, mean', 'money'],
			['median_clv_12m', 'Expected, median', 'money'], ['naive_annual_value', 'A year so far', 'money'],
			['total_clv_12m', 'Expected, total', 'money'], ['expected_purchases_12m', 'Expected days with purchases', 'number']], `
		SELECT segment_name, customer_count, avg_p_alive, avg_clv_12m, median_clv_12m, naive_annual_value, total_clv_12m, expected_purchases_12m
		FROM {{schema}}.lifetime_value WHERE {{segment}} ORDER BY segment_order`),

	question('roi', 'Return on a campaign to each segment',
		'Cost, and the return to expect: by what a campaign with a control group has measured, or else on assumptions. The last column says which. '
		+ 'The shipped assumptions are round numbers and nobody\'s experience until the owner replaces them.',
		[segment, ['customers_targeted', 'Customers contacted', 'number'], ['cost', 'Cost', 'money'], ['expected_return', 'Expected return', 'money'],
			['roi_percentage', 'Return on investment', 'percent'], ['expected_lift', 'Lift', 'share'], ['basis', 'What it rests on', 'text']], `
		SELECT segment_name, customers_targeted, cost, expected_return, roi_percentage, expected_lift, basis
		FROM {{schema}}.roi_analysis WHERE {{segment}} ORDER BY segment_order`),

	question('cost_and_return', 'Cost and expected return', 'The same figures as a picture: a campaign pays where the return is higher than its cost.',
		[segment, ['cost', 'Cost', 'money'], ['expected_return', 'Expected return', 'money']], `
		SELECT segment_name, cost, expected_return FROM {{schema}}.roi_analysis WHERE {{segment}} ORDER BY segment_order`),

	question('holdout', 'How well the model foretold the past',
		'The lifetime model was shown the past only, and its forecast compared with what came. Error: by how much it was off, beside the plain guess. '
		+ 'Empty until the owner has run rfmseg.holdout().',
		[['class', 'Customers', 'text'], ['customers', 'Number', 'count'], ['observed_purchases', 'Bought', 'count'],
			['expected_purchases', 'Expected', 'number'], ['naive_purchases', 'Plain guess', 'number'], ['error_percent', 'Error', 'percent'],
			['naive_error_percent', 'Error of the plain guess', 'percent']], `
		SELECT CASE breakdown WHEN 'all' THEN 'All' ELSE 'Bought again before: ' || class END AS class, customers, observed_purchases,
			expected_purchases, naive_purchases, error_percent, naive_error_percent
		FROM {{schema}}.lifetime_holdout WHERE breakdown IN ('all', 'frequency') ORDER BY breakdown, class_order`),

	question('campaigns', 'What campaigns have brought',
		'The customers contacted against those whom chance held out, as they were assigned. Lift: by how much more the former spent, with the range that '
		+ 'holds the truth 95 times in 100. No forecast is in it. Too small to tell: the range contains no lift at all. Empty until a campaign was started.',
		[['campaign', 'Campaign', 'text'], ['target', 'Customers of', 'text'], ['revenue_lift', 'Lift of revenue', 'share'], ['revenue_lift_low', 'At least', 'share'],
			['revenue_lift_high', 'At most', 'share'], ['conversion_lift', 'Lift of buyers', 'share'], ['incremental_revenue', 'Revenue it brought', 'money'],
			['verdict', 'Verdict', 'text']], `
		SELECT campaign, coalesce(segment_name, behavioral_segment, 'all segments') AS target, revenue_lift, revenue_lift_low, revenue_lift_high, conversion_lift,
			incremental_revenue, verdict
		FROM {{schema}}.campaign_results WHERE arm = 'treated' ORDER BY starts_at DESC, campaign`),

	question('campaign_arms', 'Campaigns, by arm', 'What both arms of each campaign did in its days: those contacted, and the control.',
		[['campaign', 'Campaign', 'text'], ['arm', 'Arm', 'text'], ['customers', 'Customers', 'count'], ['buyers', 'Buyers', 'count'],
			['conversion', 'Share who bought', 'share'], ['revenue_per_head', 'Revenue per head', 'money'], ['status', 'Status', 'text']], `
		SELECT campaign, arm, customers, buyers, conversion, revenue_per_head, status
		FROM {{schema}}.campaign_results ORDER BY starts_at DESC, campaign, arm`),

	// Trends

	question('cohorts', 'Who still buys, by month of the first purchase',
		'Of the customers who came in a month, the share who bought again so many months later. The last month of each row may not be over yet.',
		[['cohort', 'First purchase', 'text'], ['months_since', 'Months since', 'number'], ['retention_rate', 'Share who bought', 'share']], `
		SELECT to_char(cohort_month, 'YYYY-MM') AS cohort, months_since, retention_rate
		FROM {{schema}}.cohort_retention WHERE months_since <= 12 ORDER BY cohort_month, months_since`),

	question('customer_trend', 'Customers by segment over time',
		'How the segments grow and shrink, from one refresh to the next. With a single refresh so far there is one point: a backfill adds the past.',
		[['time', 'Time', 'time'], ['metric', 'Segment', 'text'], customers], `
		SELECT as_of AS "time", segment_name AS metric, customer_count
		FROM {{schema}}.segment_trend WHERE {{period:as_of}} AND {{segment}} ORDER BY as_of, segment_order`),

	question('revenue_trend', 'Revenue by segment over time', 'What the customers of each segment had spent by then.',
		[['time', 'Time', 'time'], ['metric', 'Segment', 'text'], revenue], `
		SELECT as_of AS "time", segment_name AS metric, total_revenue
		FROM {{schema}}.segment_trend WHERE {{period:as_of}} AND {{segment}} ORDER BY as_of, segment_order`),

	question('migration', 'Who went where, at the last refresh',
		'Rows: the segment at the refresh before. Columns: the segment now. Those who stayed are counted, too. Empty with a single refresh so far.',
		[['from_segment', 'Before', 'text'], ['to_segment', 'After', 'text'], customers], flow),

	question('changes', 'Why they went',
		'Customers who changed segments at the last refresh, by where they went and why, those with the most money at risk first.',
		[['from_segment', 'From', 'text'], ['to_segment', 'To', 'text'], ['cause', 'Why', 'text'], ['customers', 'Customers', 'count'],
			['revenue_at_risk', 'Revenue at risk', 'money']], `
		SELECT coalesce(from_segment, 'No customer') AS from_segment, coalesce(to_segment, 'No customer') AS to_segment,
			CASE cause WHEN 'purchase' THEN 'They bought' WHEN 'refund' THEN 'They sent something back' WHEN 'time' THEN 'Nothing but days went by'
				WHEN 'recut' THEN 'Cut points, rules or settings changed' WHEN 'removed' THEN 'The source has them no more' ELSE 'Not known' END AS cause,
			count(*) AS customers, round(sum(revenue_at_risk), 2) AS revenue_at_risk
		FROM {{schema}}.segment_changes WHERE as_of = (SELECT as_of FROM {{schema}}.runs WHERE is_current)
		GROUP BY 1, 2, 3 ORDER BY sum(revenue_at_risk) DESC NULLS LAST, count(*) DESC, 1, 2, 3 LIMIT 50`),

	// Clusters

	question('cluster_sizes', 'Customers by cluster',
		'Kinds of customers that k-means found in the numbers, without rules. A cluster is named after the segment that it is nearest to. '
		+ 'Empty until a model is trained.',
		[['cluster_name', 'Cluster', 'text'], ['size', 'Customers', 'count']], `
		SELECT cluster_name, size FROM {{schema}}.cluster_profiles ORDER BY cluster_id`),

	question('cluster_profiles', 'Cluster profiles', 'Each cluster at a glance: size, worth, and the customer in its middle.',
		[['cluster_name', 'Cluster', 'text'], ['size', 'Customers', 'count'], ['customer_percentage', 'Share of customers', 'percent'], revenue,
			['revenue_percentage', 'Share of revenue', 'percent'], ['median_recency_days', 'Days since last purchase, median', 'days'],
			['median_frequency', 'Purchases, median', 'number'], ['median_monetary', 'Spent, median', 'money'],
			['median_order_value', 'Order value, median', 'money'], ['most_common_segment', 'Most common segment', 'text'],
			['top_category', 'Top category', 'text']], `
		SELECT cluster_name, size, customer_percentage, total_revenue, revenue_percentage, median_recency_days, median_frequency,
			median_monetary, median_order_value, most_common_segment, top_category
		FROM {{schema}}.cluster_profiles ORDER BY cluster_id`),

	question('cluster_segments', 'Clusters and segments',
		'How many customers of each cluster are in each segment. Where a row is spread over several columns, numbers and rules see different things.',
		[['cluster_name', 'Cluster', 'text'], segment, ['customers', 'Customers', 'count']], `
		SELECT cluster_name, segment_name, count(*) AS customers
		FROM {{schema}}.customer_segments WHERE cluster_id IS NOT NULL
		GROUP BY cluster_id, cluster_name, segment_order, segment_name ORDER BY cluster_id, segment_order`),

	question('cluster_inertia', 'How many clusters: tightness',
		'Squared distances within clusters for each number of clusters tried. More clusters are always tighter: look for the bend.',
		[['k', 'Number of clusters', 'number'], ['inertia', 'Inertia', 'number']], `
		SELECT k, inertia FROM {{schema}}.cluster_elbow ORDER BY k`),

	question('cluster_silhouette', 'How many clusters: separation',
		'The silhouette, -1 to 1: the higher, the better the clusters are parted.',
		[['k', 'Number of clusters', 'number'], ['silhouette', 'Silhouette', 'number']], `
		SELECT k, silhouette FROM {{schema}}.cluster_elbow ORDER BY k`),

	question('clusters_chosen', 'Clusters in use', 'The number of clusters of the model in use.', [['k', 'Clusters', 'count']], `
		SELECT k FROM {{schema}}.cluster_elbow WHERE chosen`),

	// Data quality and runs

	question('failed_runs', 'Failed runs, last 30 days', 'Refreshes that failed or were interrupted. The segments stay those of the last one that succeeded.',
		[['failed_runs', 'Failed runs', 'count']], `
		SELECT count(*) AS failed_runs FROM {{schema}}.runs WHERE status IN ('failed', 'interrupted') AND started_at > now() - interval '30 days'`),

	question('unattributed', 'Share of revenue without a customer',
		'Guests: revenue that no segment knows of, because the source names no customer.',
		[['unattributed_percentage', 'Without a customer', 'percent']], `
		SELECT round(100 * sum(amount) FILTER (WHERE check_name = 'unattributed') / nullif(sum(amount) FILTER (WHERE check_name = 'source'), 0), 2)
			AS unattributed_percentage
		FROM {{schema}}.data_quality WHERE run_id = (SELECT run_id FROM {{schema}}.runs WHERE is_current)`),

	question('cut_drift', 'Drift of the scores',
		'Share of customers whose scores would differ with cut points made anew. If it stays high, ask the owner for rfmseg.recut().',
		[['time', 'Time', 'time'], ['cut_drift', 'Drift', 'share']], `
		SELECT as_of AS "time", cut_drift FROM {{schema}}.runs WHERE status = 'succeeded' AND cut_drift IS NOT NULL AND {{period:as_of}} ORDER BY as_of, run_id`),

	question('run_seconds', 'How long refreshes take', 'Seconds from the start to the end of each refresh.',
		[['time', 'Time', 'time'], ['seconds', 'Duration', 'seconds']], `
		SELECT started_at AS "time", extract(epoch FROM duration)::float8 AS seconds
		FROM {{schema}}.runs WHERE duration IS NOT NULL AND {{period:started_at}} ORDER BY started_at`),

	question('runs', 'Runs', 'The last 50 refreshes: what they found, and whether they succeeded.',
		[['run_id', 'Run', 'number'], ['status', 'Status', 'text'], ['error_code', 'Error', 'text'], ['started_at', 'Started', 'time'],
			['seconds', 'Duration', 'seconds'], ['as_of', 'As of', 'time'], ['ruleset', 'Ruleset', 'text'], ['cut_version', 'Cut points', 'number'],
			['source_rows', 'Rows of the source', 'count'], ['customers', 'Customers', 'count'], ['purchases', 'Purchases', 'count'], revenue,
			['cut_drift', 'Drift', 'share']], `
		SELECT run_id, status, error_code, started_at, extract(epoch FROM duration)::float8 AS seconds, as_of, ruleset, cut_version,
			source_rows, customers, purchases, total_revenue, cut_drift
		FROM {{schema}}.runs ORDER BY runs.run_id DESC LIMIT 50`),

	question('reconciliation', 'Every row and penny',
		'What became of the source\'s rows and money. The lines between "source" and "unexplained" add up to the source; "unexplained" is what they do not.',
		[['check_name', 'Line', 'text'], ['amount', 'Money', 'money'], ['row_count', 'Rows', 'count'], ['note', 'What it means', 'text']], `
		SELECT check_name, amount, row_count, note
		FROM {{schema}}.data_quality WHERE check_order <= 100 AND run_id = (SELECT run_id FROM {{schema}}.runs WHERE is_current) ORDER BY check_order`),

	question('expectations', 'Expectations',
		'What is expected of the rows, how many broke it, and what became of them: warned, dropped, or the run failed. Skipped: a column of it is not mapped.',
		[['dataset', 'Data', 'text'], ['expectation', 'Expectation', 'text'], ['status', 'Status', 'text'], ['row_count', 'Broke it', 'count'],
			['checked_rows', 'Rows checked', 'count'], ['action', 'If broken', 'text']], `
		SELECT dataset, expectation, status, row_count, checked_rows, action
		FROM {{schema}}.data_quality WHERE check_order > 100 AND run_id = (SELECT run_id FROM {{schema}}.runs WHERE is_current) ORDER BY check_order`),
];

// Colours of the shipped rulesets' segments. What can take colours from the data does so; the rest takes these.
export const segmentColors = {
	'Champions': '#1b7837', 'Loyal': '#5aae61', 'Regular': '#2166ac', 'New Customers': '#67a9cf', 'At Risk': '#f1a340', 'Churned': '#b2182b',
	'Loyal Customers': '#5aae61', 'Potential Loyalists': '#a6dba0', 'Promising': '#2166ac', 'Need Attention': '#8073ac',
	'About To Sleep': '#fee391', 'Cannot Lose Them': '#d6604d', 'Hibernating': '#969696', 'Lost': '#b2182b',
};

export function questionNamed(id) {
	const found = questions.find((q) => q.id === id);
	if (!found)
		throw new Error(`no question is named "${id}"`);
	return found;
}

export function quoteIdentifier(name) {
	return `"${name.replaceAll('"', '""')}"`;
}

// The SQL of a question, its placeholders filled in by the tool's own: { schema, segment, period: (column) => condition }
export function render(sql, { schema, segment, period }) {
	return sql
		.replaceAll('{{schema}}', () => schema)
		.replaceAll('{{segment}}', () => segment)
		.replaceAll(/\{\{period:(\w+)\}\}/g, (_, name) => period(name));
}
