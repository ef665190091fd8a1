// import.mjs against a fake of Metabase's REST API. No Metabase has run it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { content } from '../content.mjs';
import { withFake } from './fake.mjs';

const script = fileURLToPath(new URL('../import.mjs', import.meta.url));
const shop = ['--deployment', 'shop', '--database', 'Shop'];

// Not spawnSync: the fake answers in this process
function run(environment, ...args) {
	const child = spawn(process.execPath, [script, ...args], { env: { PATH: process.env.PATH, ...environment } });
	const result = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr'])
		child[name].on('data', (piece) => { result[name] += piece; });
	return new Promise((done) => child.on('close', (status) => done({ ...result, status })));
}

test('into an empty Metabase, then once more', async () => {
	await withFake(async (url, state) => {
		const wanted = content({ deployment: 'shop' });
		const first = await run({ METABASE_URL: url, METABASE_API_KEY: 'right' }, ...shop);
		assert.ifError(state.failure);
		assert.equal(first.status, 0, first.stderr);
		assert.equal(state.cards.size, wanted.cards.length);
		assert.equal(state.dashboards.size, 1);
		const [[id, dashboard]] = state.dashboards;
		assert.equal(dashboard.dashcards.length, wanted.cards.length);
		assert.deepEqual(dashboard.tabs.map((tab) => tab.name), wanted.dashboard.tabs);
		assert.match(first.stdout, new RegExp(`${url}/dashboard/${id}\n$`));
		for (const card of wanted.cards) {
			const made = [...state.cards.values()].find((c) => c.name === card.name);
			assert.equal(made.dataset_query.native.query, card.sql);
			assert.equal(made.dataset_query.database, 7);
		}
		const source = state.cards.get(dashboard.parameters[0].values_source_config.card_id);
		assert.equal(source.name, 'Customers by segment');

		const before = JSON.stringify([[...state.cards], [...state.dashboards], state.collections]);
		state.requests = [];
		const second = await run({ METABASE_URL: url, METABASE_API_KEY: 'right' }, ...shop);
		assert.ifError(state.failure);
		assert.equal(second.status, 0, second.stderr);
		assert.deepEqual(state.requests.filter((r) => r.method === 'POST'), []);
		assert.equal(JSON.stringify([[...state.cards], [...state.dashboards], state.collections]), before);
	});
});

test('what was changed by hand is put right, what is not ours stays', async () => {
	await withFake(async (url, state) => {
		await run({ METABASE_URL: url, METABASE_API_KEY: 'right' }, ...shop);
		const [[, dashboard]] = state.dashboards;
		const [[id, card]] = state.cards;
		state.cards.set(id, { ...card, dataset_query: { ...card.dataset_query, native: { query: 'SELECT 1', 'template-tags': {} } } });
		state.cards.set(9999, { name: 'Mine', collection_id: card.collection_id });
		dashboard.dashcards.pop();
		dashboard.tabs.pop();
		const { status, stderr } = await run({ METABASE_URL: url, METABASE_API_KEY: 'right' }, ...shop);
		assert.ifError(state.failure);
		assert.equal(status, 0, stderr);
		assert.deepEqual(state.cards.get(id), card);
		assert.deepEqual(state.cards.get(9999), { name: 'Mine', collection_id: card.collection_id });
		const wanted = content({ deployment: 'shop' });
		const [[, now]] = state.dashboards;
		assert.equal(now.dashcards.length, wanted.cards.length);
		assert.deepEqual(now.tabs.map((tab) => tab.name), wanted.dashboard.tabs);
		assert.ok(now.dashcards.every((d) => now.tabs.some((tab) => tab.id === d.dashboard_tab_id)));
	});
});

test('two deployments side by side; by user and password; another currency', async () => {
	await withFake(async (url, state) => {
		await run({ METABASE_URL: `${url}/`, METABASE_API_KEY: 'right' }, ...shop);
		const login = { METABASE_URL: url, METABASE_USER: 'ada@example.org', METABASE_PASSWORD: 'right' };
		const { status, stderr } = await run(login, '--deployment', 'O"Hara', '--database', 'Shop', '--currency', 'GBP');
		assert.ifError(state.failure);
		assert.equal(status, 0, stderr);
		assert.equal(state.dashboards.size, 2);
		const card = [...state.cards.values()].findLast((c) => c.name === 'Revenue');
		assert.match(card.dataset_query.native.query, /FROM "O""Hara"\.runs/);
		assert.equal(card.visualization_settings.column_settings['["name","total_revenue"]'].currency, 'GBP');
	});
});

const key = { METABASE_API_KEY: 'right' };
const failures = [
	['no URL', {}, shop, /METABASE_URL is not set/, false],
	['no key', {}, shop, /set METABASE_API_KEY, or METABASE_USER and METABASE_PASSWORD/],
	['a user without password', { METABASE_USER: 'ada@example.org' }, shop, /set METABASE_API_KEY/],
	['a wrong key', { METABASE_API_KEY: 'wrong' }, shop, /Metabase answered 401; is the key/],
	['a wrong password', { METABASE_USER: 'ada@example.org', METABASE_PASSWORD: 'wrong' }, shop, /POST \/api\/session: Metabase answered 401/],
	['no deployment', key, ['--database', 'Shop'], /--deployment is missing/],
	['no database', key, ['--deployment', 'shop'], /--database is missing/],
	['an unknown option', key, [...shop, '--color', 'red'], /--color/],
	['a deployment named like a variable', key, ['--deployment', '{{shop}}', '--database', 'Shop'], /variables/],
	['a database that is not there', key, ['--deployment', 'shop', '--database', 'Shpo'], /no database named "Shpo"; it has: Shop, Sheets/],
	['a database that is not PostgreSQL', key, ['--deployment', 'shop', '--database', 'Sheets'], /not PostgreSQL, but h2/],
	['a permission that lacks', key, shop, /answered 403; the key's group/, true, (state) => { state.break = 403; }],
	['an error of Metabase\'s', key, shop, /GET \/api\/database: Metabase answered 500 "the fake says 500"/, true, (state) => { state.break = 500; }],
	['something else at that address', key, shop, /the answer is no JSON/, true, (state) => { state.break = '<html>'; }],
	['two collections of that name', key, shop, /there are 2 collections named "Customer segments of shop"/, true,
		(state) => { state.collections.push(...[1, 2].map((id) => ({ id, name: 'Customer segments of shop', location: '/' }))); }],
];
for (const [what, environment, args, message, withUrl = true, prepare = () => {}] of failures) {
	test(`said clearly, and nothing is made: ${what}`, async () => {
		await withFake(async (url, state) => {
			prepare(state);
			const { status, stdout, stderr } = await run({ ...(withUrl ? { METABASE_URL: url } : {}), ...environment }, ...args);
			assert.equal(status, 1);
			assert.match(stderr, message);
			assert.match(stderr, /^import\.mjs: .*\n$/);
			assert.equal(stdout, '');
			assert.deepEqual(state.requests.filter((r) => r.method !== 'GET' && r.path !== '/api/session'), []);
		});
	});
}

test('said clearly: nobody at that address, or no address', async () => {
	const away = await withFake((url) => url);
	for (const [url, message] of [[away, /cannot reach Metabase at http:/], ['metabase', /METABASE_URL is no URL: metabase/]]) {
		const { status, stderr } = await run({ METABASE_URL: url, ...key }, ...shop);
		assert.equal(status, 1);
		assert.match(stderr, message);
	}
});
