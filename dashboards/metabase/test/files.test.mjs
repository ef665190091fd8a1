// The committed YAML files by themselves

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { validateSchema } from '@metabase/representations';
import { parse, stringify } from 'yaml';
import { questions } from '../../queries/questions.mjs';
import { tabs } from '../dashboard.mjs';
import { generate } from '../generate.mjs';

const folder = fileURLToPath(new URL('../export', import.meta.url));
const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.yaml')).sort();
const read = (file) => readFileSync(join(folder, file), 'utf8');
const entities = files.map((file) => ({ file, ...parse(read(file)) }));
const of = (model) => entities.filter((e) => e['serdes/meta'].at(-1).model === model);

test('the committed files are what the generator makes', () => {
	const made = generate();
	assert.deepEqual(files, Object.keys(made).sort());
	for (const file of files)
		assert.equal(read(file), made[file], `${file}: run "npm run generate"`);
});

test('they are of Metabase\'s serialization form', () => {
	const { results, passed, failed } = validateSchema({ folder });
	assert.deepEqual(results.filter((r) => r.status !== 'ok'), []);
	assert.equal(passed, files.length);
	assert.equal(failed, 0);
});

const breakages = {
	'a card of an unknown display': ['customers.yaml', (card) => { card.display = 'cake'; }],
	'a card without a query': ['customers.yaml', (card) => { delete card.dataset_query; }],
	'an entity_id that is none': ['customers.yaml', (card) => { card.entity_id = 'short'; }],
	'a dashboard with a card outside the grid': ['dashboard.yaml', (dashboard) => { dashboard.dashcards[0].col = 24; }],
	'a variable wired to nothing': ['dashboard.yaml', (d) => { d.dashcards.find((c) => c.parameter_mappings.length > 0).parameter_mappings[0].target = ['variable', 'segment']; }],
};
for (const [what, [name, breakIt]] of Object.entries(breakages)) {
	test(`rejected: ${what}`, () => {
		const copy = mkdtempSync(join(tmpdir(), 'rfmseg-metabase-'));
		try {
			cpSync(folder, copy, { recursive: true });
			const file = files.find((f) => f.endsWith(`/${name}`));
			const entity = parse(read(file));
			breakIt(entity);
			writeFileSync(join(copy, file), stringify(entity));
			assert.deepEqual(validateSchema({ folder: copy }).results.filter((r) => r.status !== 'ok').map((r) => r.file), [file]);
		} finally {
			rmSync(copy, { recursive: true });
		}
	});
}

test('every question is on the dashboard, once', () => {
	assert.deepEqual(tabs.flatMap(([, placed]) => placed.map(([id]) => id)).sort(), questions.map((q) => q.id).sort());
});

// import.mjs finds them by name
test('cards have names of their own, and descriptions', () => {
	const names = of('Card').map((card) => card.name);
	assert.equal(new Set(names).size, names.length);
	for (const card of of('Card'))
		assert.match(card.description, /\S.*\.$/, card.name);
});

test('identifiers are unique and lead somewhere', () => {
	const [dashboard] = of('Dashboard');
	const cards = new Set(of('Card').map((card) => card.entity_id));
	const collections = new Set(of('Collection').map((c) => c.entity_id));
	assert.equal(new Set(entities.map((e) => e.entity_id)).size, entities.length);
	for (const card of [...of('Card'), dashboard])
		assert.ok(collections.has(card.collection_id));
	for (const dashcard of dashboard.dashcards) {
		assert.ok(cards.has(dashcard.card_id));
		assert.ok(dashboard.tabs.some((tab) => tab.entity_id === dashcard.dashboard_tab_id[1]));
	}
	assert.ok(cards.has(dashboard.parameters[0].values_source_config.card_id));
});

test('cards that ask for a segment are wired to the filter, and only they', () => {
	const [dashboard] = of('Dashboard');
	for (const card of of('Card')) {
		const [stage] = card.dataset_query.stages;
		const asks = stage.native.includes('{{segment}}');
		const { parameter_mappings: mappings } = dashboard.dashcards.find((d) => d.card_id === card.entity_id);
		assert.deepEqual(stage['template-tags'].map((tag) => tag.name), asks ? ['segment'] : [], card.name);
		assert.deepEqual(mappings.map((m) => [m.card_id, m.parameter_id]), asks ? [[card.entity_id, dashboard.parameters[0].id]] : [], card.name);
	}
});

test('cards do not overlap', () => {
	const taken = new Map();
	for (const { card_id: card, dashboard_tab_id: [, tab], row, col, size_x: width, size_y: height } of of('Dashboard')[0].dashcards) {
		assert.ok(col + width <= 24);
		for (let x = col; x < col + width; x++)
			for (let y = row; y < row + height; y++) {
				assert.equal(taken.get(`${tab} ${x} ${y}`), undefined, card);
				taken.set(`${tab} ${x} ${y}`, card);
			}
	}
});

test('another deployment has files and identifiers of its own', () => {
	const other = generate({ deployment: 'other', database: 'Warehouse', currency: 'GBP' });
	const ids = (made) => Object.values(made).map((yaml) => parse(yaml).entity_id);
	const shop = new Set(ids(generate()));
	assert.deepEqual(ids(other).filter((id) => shop.has(id)), []);
	const card = parse(Object.entries(other).find(([path]) => path.endsWith('/revenue.yaml'))[1]);
	assert.equal(card.dataset_query.database, 'Warehouse');
	assert.match(card.dataset_query.stages[0].native, /"other"\.runs/);
	assert.equal(card.visualization_settings.column_settings['["name","total_revenue"]'].currency, 'GBP');
});
