// A small server that answers as Metabase's REST API does, as far as import.mjs uses it, checks what it is sent, and
// remembers it. It is no Metabase: what it accepts is what Metabase's documents say.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';

export async function withFake(use, { databases = [{ id: 7, name: 'Shop', engine: 'postgres' }, { id: 8, name: 'Sheets', engine: 'h2' }] } = {}) {
	const state = { requests: [], collections: [{ id: 'root', name: 'Our analytics' }], cards: new Map(), dashboards: new Map(), next: 100, break: null };

	const only = (body, allowed) => assert.deepEqual(Object.keys(body).filter((key) => !allowed.includes(key)), []);
	const parameters = (list) => list.forEach((p) => assert.ok(p.id && p.type));

	function card(body) {
		only(body, ['name', 'description', 'collection_id', 'type', 'display', 'dataset_query', 'parameters', 'visualization_settings']);
		assert.match(body.name, /\S/);
		assert.match(body.description, /\S/);
		assert.equal(body.type, 'question');
		assert.ok(state.collections.some((c) => c.id === body.collection_id));
		assert.equal(typeof body.visualization_settings, 'object');
		const { type, database, native } = body.dataset_query;
		assert.equal(type, 'native');
		assert.ok(databases.some((d) => d.id === database));
		assert.deepEqual(Object.keys(native['template-tags']), [...new Set(native.query.match(/(?<=\{\{)\w+(?=\}\})/g))]);
		parameters(body.parameters);
		return body;
	}

	function dashboard(body, old = { dashcards: [], tabs: [] }) {
		only(body, ['name', 'description', 'collection_id', 'parameters', 'width', 'tabs', 'dashcards']);
		parameters(body.parameters ?? []);
		const made = { ...old, ...body };
		if (body.tabs) {
			const numbers = new Map(body.tabs.map((tab) => [tab.id, tab.id < 0 ? state.next++ : tab.id]));
			body.tabs.filter((tab) => tab.id > 0).forEach((tab) => assert.ok(old.tabs.some((known) => known.id === tab.id)));
			made.tabs = body.tabs.map((tab) => ({ ...tab, id: numbers.get(tab.id) }));
			assert.equal(new Set(body.dashcards.map((d) => d.id)).size, body.dashcards.length);
			made.dashcards = body.dashcards.map((placed) => {
				only(placed, ['id', 'card_id', 'dashboard_tab_id', 'row', 'col', 'size_x', 'size_y', 'parameter_mappings', 'series', 'visualization_settings']);
				assert.ok(state.cards.has(placed.card_id));
				assert.ok(placed.id < 0 || old.dashcards.some((known) => known.id === placed.id));
				for (const mapping of placed.parameter_mappings) {
					assert.equal(mapping.card_id, placed.card_id);
					assert.ok(made.parameters.some((p) => p.id === mapping.parameter_id));
				}
				return { ...placed, id: placed.id < 0 ? state.next++ : placed.id, dashboard_tab_id: numbers.get(placed.dashboard_tab_id) };
			});
		}
		return made;
	}

	function answer(method, path, query, body) {
		const [, kind, id, more] = path.match(/^\/api\/(\w+)(?:\/(\w+))?(?:\/(\w+))?$/);
		const things = { card: state.cards, dashboard: state.dashboards }[kind];
		const check = { card, dashboard }[kind];
		if (method === 'POST' && kind === 'session')
			return body.username === 'ada@example.org' && body.password === 'right' ? { id: 'token' } : 401;
		if (method === 'GET' && kind === 'database')
			return { data: databases, total: databases.length };
		if (method === 'GET' && kind === 'collection' && !id)
			return state.collections;
		if (method === 'GET' && kind === 'collection' && more === 'items') {
			const all = ['card', 'dashboard'].flatMap((model) => [...{ card: state.cards, dashboard: state.dashboards }[model]]
				.filter(([, thing]) => thing.collection_id === Number(id)).map(([number, thing]) => ({ id: number, model, name: thing.name })));
			const offset = Number(query.get('offset'));
			return { data: all.slice(offset, offset + 20), total: all.length };	// pages smaller than asked for
		}
		if (method === 'POST' && kind === 'collection') {
			only(body, ['name', 'description', 'parent_id']);
			state.collections.push({ ...body, id: state.next++, location: '/', archived: false });
			return state.collections.at(-1);
		}
		if (method === 'POST' && things) {
			things.set(state.next, check(body));
			return { ...body, id: state.next++ };
		}
		if (method === 'PUT' && things?.has(Number(id))) {
			things.set(Number(id), check(body, things.get(Number(id))));
			return { ...body, id: Number(id) };
		}
		if (method === 'GET' && things?.has(Number(id)))
			return { ...things.get(Number(id)), id: Number(id) };
		return 404;
	}

	const server = createServer(async (request, response) => {
		let text = '';
		for await (const piece of request)
			text += piece;
		const { pathname, searchParams } = new URL(request.url, 'http://fake');
		const body = text === '' ? undefined : JSON.parse(text);
		state.requests.push({ method: request.method, path: pathname, body });
		let result;
		try {
			if (state.break)
				result = state.break;
			else if (pathname !== '/api/session' && request.headers['x-api-key'] !== 'right' && request.headers['x-metabase-session'] !== 'token')
				result = 401;
			else
				result = answer(request.method, pathname, searchParams, body);
		} catch (error) {
			state.failure ??= error;
			result = 400;
		}
		response.writeHead(typeof result === 'number' ? result : 200, { 'content-type': 'application/json' });
		response.end(typeof result === 'number' ? `"the fake says ${result}"` : typeof result === 'string' ? result : JSON.stringify(result));
	});
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	try {
		return await use(`http://127.0.0.1:${server.address().port}`, state);
	} finally {
		server.close();
	}
}
