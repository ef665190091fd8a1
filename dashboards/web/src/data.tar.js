// Everything that the pages show, as one archive of JSON files. One transaction
// reads it all, so that a refresh in the meantime cannot mix two runs. Only the
// published schema is read: the level "viewer" is enough.
//
// PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD  the database
// DEPLOYMENT                                      the deployment, "rfm" by default
// CUSTOMERS                                       how many of them at most, 5000 by default

import pg from "pg";
import {pack} from "tar-stream";

const deployment = process.env.DEPLOYMENT || "rfm";
const schema = pg.escapeIdentifier(deployment);

// Too many customers make pages slow. The digest of the key picks the same ones
// each time, and knows nothing of what they bought.
const sampleSize = Number(process.env.CUSTOMERS || 5000);

const queries = {
	segment_profiles: `SELECT * FROM ${schema}.segment_profiles ORDER BY segment_order`,
	recommendations: `SELECT * FROM ${schema}.recommendations ORDER BY kind DESC, segment_order`,
	customers: `
		SELECT customer_id::text, segment_name, segment_order, segment_color, recency_days, frequency, monetary, rfm_code,
			segment_reason, p_alive, clv_12m
		FROM ${schema}.customer_segments ORDER BY md5(customer_id::text), customer_id LIMIT ${pg.escapeLiteral(String(sampleSize))}`,
	value_distribution: `SELECT * FROM ${schema}.value_distribution ORDER BY measure, segment_order`,
	rfm_grid: `SELECT * FROM ${schema}.rfm_grid ORDER BY r_score, f_score`,
	demographics: `SELECT * FROM ${schema}.demographics ORDER BY dimension, customer_count DESC NULLS LAST, value`,
	lifetime_value: `SELECT * FROM ${schema}.lifetime_value ORDER BY segment_order`,
	lifetime_holdout: `SELECT * FROM ${schema}.lifetime_holdout ORDER BY breakdown, class_order`,
	roi_analysis: `SELECT * FROM ${schema}.roi_analysis ORDER BY segment_order`,
	campaign_results: `SELECT * FROM ${schema}.campaign_results ORDER BY starts_at DESC, campaign, arm`,
	segment_trend: `SELECT * FROM ${schema}.segment_trend ORDER BY as_of, segment_order`,
	segment_migration: `SELECT * FROM ${schema}.segment_migration ORDER BY to_as_of, from_segment, to_segment`,
	cohort_retention: `SELECT * FROM ${schema}.cohort_retention ORDER BY cohort_month, months_since`,
	cluster_profiles: `SELECT * FROM ${schema}.cluster_profiles ORDER BY cluster_id`,
	cluster_elbow: `SELECT * FROM ${schema}.cluster_elbow ORDER BY k`,
	runs: `
		SELECT run_id, kind, status, is_current, requested_by, started_at, extract(epoch FROM duration) AS seconds, as_of, ruleset,
			cut_version, cut_drift, cluster_version, lifetime_method, source_rows, customers, purchases, total_revenue, error_code
		FROM ${schema}.runs ORDER BY run_id DESC LIMIT 50`,
	data_quality: `
		SELECT q.* FROM ${schema}.data_quality AS q JOIN ${schema}.runs AS r USING (run_id) WHERE r.is_current ORDER BY check_order`
};

const about = `
	SELECT c.as_of, c.refreshed_at, c.currency, r.time_zone, r.run_id, r.customers, r.total_revenue, r.purchases, now() AS read_at,
		(SELECT count(*) FROM ${schema}.customer_segments) AS readable_customers
	FROM (SELECT) AS one
	LEFT JOIN (SELECT as_of, refreshed_at, currency FROM ${schema}.customer_segments LIMIT 1) AS c ON true
	LEFT JOIN (SELECT run_id, customers, total_revenue, purchases, settings ->> 'time_zone' AS time_zone
		FROM ${schema}.runs WHERE is_current) AS r ON true`;

// Days stay days, whatever the zone of this machine; numbers are numbers
const {types} = pg;
types.setTypeParser(types.builtins.DATE, (text) => text);
types.setTypeParser(types.builtins.INT8, Number);
types.setTypeParser(types.builtins.NUMERIC, Number);

// What a reader is not granted, or an older deployment has not, is left out,
// and its chart says so
const absent = ["42501", "42P01"];

async function rows(client, query) {
	await client.query("SAVEPOINT one");
	try {
		return (await client.query(query)).rows;
	} catch (error) {
		if (!absent.includes(error.code)) throw error;
		await client.query("ROLLBACK TO SAVEPOINT one");
		return [];
	}
}

const client = new pg.Client();
try {
	await client.connect();
	await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
	const {rows: [found]} = await client.query(
		"SELECT to_regclass($1) IS NOT NULL AS refreshed, to_regclass($2) IS NOT NULL AS deployed, current_user AS reader",
		[`${schema}.customer_segments`, `${schema}.runs`]);
	if (!found.refreshed) {
		throw new Error(found.deployed ? `deployment "${deployment}" has no refresh yet` :
			`there is no deployment "${deployment}" that ${found.reader} may read; DEPLOYMENT names another`);
	}
	const archive = pack();
	archive.pipe(process.stdout);
	const add = (name, content) => archive.entry({name: `${name}.json`}, JSON.stringify(content));
	for (const [name, query] of Object.entries(queries)) add(name, await rows(client, query));
	add("deployment", {name: deployment, ...(await rows(client, about))[0]});
	archive.finalize();
} catch (error) {
	console.error(`rfmseg dashboard: ${error.message}`);
	process.exitCode = 1;
} finally {
	await client.end();
}
