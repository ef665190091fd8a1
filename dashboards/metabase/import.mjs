// Puts the questions and the dashboard of one deployment into a Metabase, through its REST API, which every edition has.
// Run again, it brings what it made up to date. It needs Node 20 and no package.
//
// usage: METABASE_URL=... METABASE_API_KEY=... node import.mjs --deployment NAME --database NAME [--currency CODE]
//
//   METABASE_URL                          where Metabase is, such as https://metabase.example.org
//   METABASE_API_KEY                      an API key of a group that may write to the collection and run SQL on the database
//   METABASE_USER, METABASE_PASSWORD      instead of a key, a user who may
//   --deployment                          the deployment
//   --database                            what its database is called in Metabase
//   --currency                            currency of the money; USD
//
// What is there is found by its name: the collection at the top level, cards and the dashboard in that collection.
// Their descriptions, queries and looks are replaced, and so is what is on the dashboard; other things in the collection are left alone.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { content } from './content.mjs';
import { uuid } from './identity.mjs';

// What the user can do something about
export class ImportError extends Error {}

export class Metabase {
	constructor(url) {
		try {
			this.url = new URL(url.endsWith('/') ? url : `${url}/`);
		} catch {
			throw new ImportError(`METABASE_URL is no URL: ${url}`);
		}
		this.headers = { 'content-type': 'application/json' };
	}

	async logIn({ apiKey, user, password }) {
		if (apiKey)
			this.headers['x-api-key'] = apiKey;
		else
			this.headers['x-metabase-session'] = (await this.send('POST', 'api/session', { username: user, password })).id;
	}

	async send(method, path, body) {
		const what = `${method} /${path}`;
		let response;
		try {
			response = await fetch(new URL(path, this.url), {
				method, headers: this.headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(60_000), redirect: 'error',
			});
		} catch (error) {
			throw new ImportError(`cannot reach Metabase at ${this.url.href}: ${error.cause?.message ?? error.message}`);
		}
		const text = await response.text();
		if (!response.ok) {
			const hint = { 401: '; is the key, or the user and password, right?', 403: '; the key\'s group, or the user, lacks the permission' }[response.status] ?? '';
			throw new ImportError(`${what}: Metabase answered ${response.status}${hint} ${text.slice(0, 500)}`.trim());
		}
		try {
			return text === '' ? null : JSON.parse(text);
		} catch {
			throw new ImportError(`${what}: the answer is no JSON; is METABASE_URL the address of a Metabase?`);
		}
	}

	get(path) {
		return this.send('GET', path);
	}
}

// The one of that name, or none
function theOne(things, name, what) {
	const found = things.filter((thing) => thing.name === name);
	if (found.length > 1)
		throw new ImportError(`there are ${found.length} ${what}s named "${name}"; rename or archive all but one`);
	return found[0];
}

async function findDatabase(metabase, name) {
	const answer = await metabase.get('api/database');
	const databases = answer.data ?? answer;
	const database = theOne(databases, name, 'database');
	if (!database)
		throw new ImportError(`Metabase has no database named "${name}"; it has: ${databases.map((d) => d.name).join(', ') || 'none'}`);
	if (database.engine !== 'postgres')
		throw new ImportError(`the database "${name}" is not PostgreSQL, but ${database.engine}`);
	return database.id;
}

async function findOrMakeCollection(metabase, collection, log) {
	const all = await metabase.get('api/collection');
	const found = theOne(all.filter((c) => !c.archived && (c.location ?? '/') === '/'), collection.name, 'collection');
	if (found)
		return found.id;
	log(`created collection "${collection.name}"`);
	return (await metabase.send('POST', 'api/collection', { ...collection, parent_id: null })).id;
}

async function itemsOf(metabase, collection) {
	const items = [];
	for (;;) {
		const { data, total } = await metabase.get(`api/collection/${collection}/items?models=card&models=dashboard&limit=100&offset=${items.length}`);
		items.push(...data);
		if (data.length === 0 || items.length >= total)
			return items;
	}
}

export async function importAll(metabase, { deployment, database, currency }, log) {
	const { collection, cards, dashboard } = content({ deployment, currency });
	const databaseId = await findDatabase(metabase, database);
	const collectionId = await findOrMakeCollection(metabase, collection, log);
	const items = await itemsOf(metabase, collectionId);
	const save = async (model, name, body) => {
		const found = theOne(items.filter((item) => item.model === model), name, model);
		const saved = found ? await metabase.send('PUT', `api/${model}/${found.id}`, body) : await metabase.send('POST', `api/${model}`, body);
		log(`${found ? 'updated' : 'created'} ${model} "${name}"`);
		return found?.id ?? saved.id;
	};

	const cardIds = new Map();
	for (const card of cards) {
		const tag = { type: 'text', name: 'segment', id: uuid(deployment, card.key, 'segment'), 'display-name': 'Segment', required: false };
		cardIds.set(card.key, await save('card', card.name, {
			name: card.name,
			description: card.description,
			collection_id: collectionId,
			type: 'question',
			display: card.display,
			dataset_query: { type: 'native', database: databaseId, native: { query: card.sql, 'template-tags': card.bySegment ? { segment: tag } : {} } },
			parameters: card.bySegment ? [{ id: tag.id, name: 'Segment', slug: 'segment', type: 'string/=', target: ['variable', ['template-tag', 'segment']] }] : [],
			visualization_settings: card.settings,
		}));
	}

	const parameter = {
		id: uuid(deployment, 'parameter', 'segment'), name: 'Segment', slug: 'segment', type: 'string/=', sectionId: 'string', isMultiSelect: false,
		values_query_type: 'list', values_source_type: 'card',
		values_source_config: { card_id: cardIds.get(dashboard.segmentsFrom), value_field: ['field', 'segment_name', { 'base-type': 'type/Text' }] },
	};
	const dashboardId = await save('dashboard', dashboard.name, {
		name: dashboard.name, description: dashboard.description, collection_id: collectionId, parameters: [parameter],
	});

	// New tabs and places have negative numbers until Metabase gives them others; those that are there keep theirs
	const there = await metabase.get(`api/dashboard/${dashboardId}`);
	const tabIds = new Map(dashboard.tabs.map((name, i) => [name, there.tabs?.find((tab) => tab.name === name)?.id ?? -1 - i]));
	const bySegment = new Set(cards.filter((card) => card.bySegment).map((card) => card.key));
	await metabase.send('PUT', `api/dashboard/${dashboardId}`, {
		width: 'full',
		tabs: dashboard.tabs.map((name) => ({ id: tabIds.get(name), name })),
		dashcards: dashboard.dashcards.map(({ card, tab, ...place }, i) => ({
			id: there.dashcards?.find((d) => d.card_id === cardIds.get(card))?.id ?? -1 - i,
			card_id: cardIds.get(card),
			dashboard_tab_id: tabIds.get(tab),
			...place,
			parameter_mappings: bySegment.has(card)
				? [{ card_id: cardIds.get(card), parameter_id: parameter.id, target: ['variable', ['template-tag', 'segment']] }] : [],
			series: [],
			visualization_settings: {},
		})),
	});
	log(`the dashboard is at ${new URL(`dashboard/${dashboardId}`, metabase.url).href}`);
	return dashboardId;
}

async function main() {
	const text = { type: 'string' };
	let options;
	try {
		options = parseArgs({ options: { deployment: text, database: text, currency: text } }).values;
	} catch (error) {
		throw new ImportError(error.message);
	}
	for (const name of ['deployment', 'database'])
		if (!options[name])
			throw new ImportError(`--${name} is missing`);
	if (/\{\{|\[\[/.test(options.deployment))
		throw new ImportError('Metabase would take {{ and [[ in the name of the deployment for variables');
	const { METABASE_URL: url, METABASE_API_KEY: apiKey, METABASE_USER: user, METABASE_PASSWORD: password } = process.env;
	if (!url)
		throw new ImportError('METABASE_URL is not set');
	if (!apiKey && !(user && password))
		throw new ImportError('set METABASE_API_KEY, or METABASE_USER and METABASE_PASSWORD');
	const metabase = new Metabase(url);
	await metabase.logIn({ apiKey, user, password });
	await importAll(metabase, options, console.log);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	try {
		await main();
	} catch (error) {
		if (!(error instanceof ImportError))
			throw error;
		console.error(`import.mjs: ${error.message}`);
		process.exitCode = 1;
	}
}
