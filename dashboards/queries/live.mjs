// Deployments to try the dashboards' queries on, in a database of their own on the server that PG* names, and a role
// of the level "viewer" that reads them. All is removed afterwards.

import assert from 'node:assert/strict';
import { questionNamed, questions, quoteIdentifier, render } from './questions.mjs';

// Client: that of npm's pg, which each package that tests brings along
export async function withDeployments(Client, use) {
	const database = `rfmseg_dashboards_${process.pid}`;
	const role = `rfmseg_dashboards_viewer_${process.pid}`;
	const names = {
		demo: `shop_${process.pid}`,
		// Three columns are mapped, one run, and a name that needs care
		bare: `O'Hara "${process.pid}" & Sons`,
	};
	const server = new Client();
	let owner;
	let viewer;
	await server.connect();
	try {
		await server.query(`CREATE DATABASE ${database}`);
		await server.query(`CREATE ROLE ${role}`);
		owner = new Client({ database });
		await owner.connect();
		await owner.query('SET client_min_messages = error; CREATE EXTENSION rfmseg');
		await makeDemo(owner, names.demo);
		await makeBare(owner, names.bare);
		for (const name of [...Object.values(names)])
			await owner.query('SELECT rfmseg.grant_access($1, $2, $3)', [name, role, 'viewer']);
		await owner.query('SELECT rfmseg.deploy($1)', [`empty_${process.pid}`]);
		await owner.query('SELECT rfmseg.grant_access($1, $2, $3)', [`empty_${process.pid}`, role, 'viewer']);
		await owner.query('SELECT rfmseg.deploy($1)', [`secret_${process.pid}`]);

		viewer = new Client({ database });
		await viewer.connect();
		await viewer.query(`SET ROLE ${role}; SET default_transaction_read_only = on; SET statement_timeout = '60s'`);
		return await use({ owner, viewer, names, run: (sql) => run(viewer, sql) });
	} finally {
		await viewer?.end();
		if (owner) {
			const made = await owner.query('SELECT deployment FROM rfmseg.deployments()').catch(() => ({ rows: [] }));
			for (const { deployment } of made.rows)
				await owner.query('SELECT rfmseg.undeploy($1, with_data => true)', [deployment]);
			await owner.end();
		}
		await server.query(`DROP DATABASE IF EXISTS ${database}`);
		await server.query(`DROP ROLE IF EXISTS ${role}`);
		await server.end();
	}
}

// All that there can be: customers, products, clusters, some months of history, a holdout, a campaign that is over
async function makeDemo(owner, name) {
	await owner.query('SELECT rfmseg.deploy($1)', [name]);
	await owner.query('SELECT count(*) FROM rfmseg.generate($1, customers => 400)', [name]);
	await owner.query(`UPDATE ${quoteIdentifier(`${name}_raw`)}.customers SET marketing_consent = true`);
	await owner.query(`CALL rfmseg.refresh($1, '2025-09-01')`, [name]);
	await owner.query(`SELECT count(*) FROM rfmseg.start_campaign($1, 'autumn', holdout => 0.4, days => 60, effect => 5)`, [name]);
	await owner.query(`SELECT rfmseg.generate_campaign_effect($1, 'autumn', 0.5)`, [name]);
	await owner.query('CALL rfmseg.refresh($1)', [name]);
	await owner.query('CALL rfmseg.train($1)', [name]);
	await owner.query('CALL rfmseg.refresh($1)', [name]);
	await owner.query(`CALL rfmseg.backfill($1, '2025-09-01')`, [name]);
	await owner.query('SELECT count(*) FROM rfmseg.holdout($1)', [name]);
}

async function makeBare(owner, name) {
	await owner.query(`
		CREATE TABLE purchases AS
		SELECT nullif(i % 40, 0) AS buyer, timestamptz '2025-01-01' + i * interval '29 hours' AS at, (10 + i % 7)::numeric AS money
		FROM generate_series(1, 120) i`);
	await owner.query('SELECT rfmseg.deploy($1)', [name]);
	await owner.query(`SELECT rfmseg.map_transactions($1, source => 'purchases', customer_id => 'buyer', event_at => 'at', amount => 'money')`, [name]);
	await owner.query('CALL rfmseg.refresh($1)', [name]);
}

const families = { N: 'number', S: 'text', D: 'time', B: 'boolean' };

// The rows of a query, and its columns as { name, family }, where family is number, text, time, boolean or other
export async function run(client, sql) {
	const { rows, fields } = await client.query(sql);
	const types = await client.query('SELECT oid::int, typcategory FROM pg_catalog.pg_type WHERE oid = ANY ($1)', [fields.map((f) => f.dataTypeID)]);
	const categories = new Map(types.rows.map((type) => [type.oid, type.typcategory]));
	return { rows, columns: fields.map((f) => ({ name: f.name, family: families[categories.get(f.dataTypeID)] ?? 'other' })) };
}

export function familyOf(kind) {
	return { text: 'text', color: 'text', time: 'time', boolean: 'boolean' }[kind] ?? 'number';
}

function ask(live, question, name) {
	return live.run(render(question.sql, { schema: quoteIdentifier(name), segment: 'true', period: () => 'true' }));
}

// Each question returns the columns that it declares; where there is all that it asks for, it returns rows.
export async function checkQuestions(live, test) {
	for (const [which, name] of Object.entries(live.names)) {
		for (const question of questions) {
			await test(`${question.id}: columns, ${which} deployment`, async () => {
				const { rows, columns } = await ask(live, question, name);
				assert.deepEqual(columns, question.columns.map((c) => ({ name: c.name, family: familyOf(c.kind) })));
				if (which === 'demo')
					assert.notEqual(rows.length, 0);
			});
		}
	}

	// A campaign that still runs has rows, too, but nothing to show in them
	await test('campaigns: that of the demo deployment is over, the bare one has none', async () => {
		const { rows: [found, ...others] } = await ask(live, questionNamed('campaigns'), live.names.demo);
		assert.equal(found.campaign, 'autumn');
		assert.equal(others.length, 0);
		const [low, lift, high] = [found.revenue_lift_low, found.revenue_lift, found.revenue_lift_high].map((x) => x === null ? NaN : Number(x));
		assert.ok(low < lift && lift < high, `${low}, ${lift}, ${high}`);
		assert.notEqual(found.incremental_revenue, null);
		assert.equal(found.verdict, low > 0 ? 'more revenue' : high < 0 ? 'less revenue' : 'too small to tell');

		const arms = (await ask(live, questionNamed('campaign_arms'), live.names.demo)).rows;
		assert.deepEqual(arms.map((row) => [row.arm, row.status]), [['control', 'ended'], ['treated', 'ended']]);
		for (const row of arms)
			assert.ok(Math.abs(row.conversion - row.buyers / row.customers) < 1e-4, row.arm);

		for (const id of ['campaigns', 'campaign_arms'])
			assert.deepEqual((await ask(live, questionNamed(id), live.names.bare)).rows, []);
	});

	// A matrix has its columns in the order in which they come: those of the oldest cohort, which must have them all
	await test('cohorts: the oldest has each month, and all of it bought in the first', async () => {
		for (const name of Object.values(live.names)) {
			const { rows } = await ask(live, questionNamed('cohorts'), name);
			const oldest = rows.filter((row) => row.cohort === rows[0].cohort).map((row) => row.months_since);
			assert.deepEqual(oldest, [...new Set(rows.map((row) => row.months_since))].sort((a, b) => a - b));
			assert.deepEqual(oldest, oldest.map((_, i) => i));
			assert.ok(rows.every((row) => row.months_since > 0 || Number(row.retention_rate) === 1));
		}
	});
}
