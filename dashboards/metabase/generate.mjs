// Makes export/: the collection, questions and dashboard as YAML files in Metabase's serialization form, for
// editions that can import it. For the open-source edition see import.mjs.
//
// usage: node generate.mjs [--deployment NAME] [--database NAME] [--currency CODE] [--out DIRECTORY]
//
//   --deployment    the deployment; shop
//   --database      what the database is called in Metabase; Shop
//   --currency      currency of the money; USD
//   --out           where to write; export/ beside this file

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { content } from './content.mjs';
import { entityId, uuid } from './identity.mjs';

const creator = 'internal@metabase.com';

const slug = (name) => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_').replaceAll(/^_|_$/g, '');

// The files, by path
export function generate({ deployment = 'shop', database = 'Shop', currency = 'USD' } = {}) {
	const { collection, cards, dashboard } = content({ deployment, currency });
	const id = (...parts) => entityId(deployment, ...parts);
	const meta = (model, key, name) => ({ 'serdes/meta': [{ id: key, label: slug(name), model }] });
	const collectionId = id('collection');
	const dashboardId = id('dashboard');
	const parameterId = uuid(deployment, 'parameter', 'segment');
	const folder = `collections/main/${slug(collection.name)}`;
	const files = {};
	const write = (path, entity) => {
		files[`${path}.yaml`] = stringify(entity, { lineWidth: 0 });
	};

	write(folder, { ...collection, entity_id: collectionId, slug: slug(collection.name), ...meta('Collection', collectionId, collection.name) });

	for (const card of cards) {
		const cardId = id('card', card.key);
		const tag = { type: 'text', name: 'segment', id: uuid(deployment, card.key, 'segment'), 'display-name': 'Segment' };
		write(`${folder}/${card.key}`, {
			name: card.name,
			description: card.description,
			entity_id: cardId,
			type: 'question',
			display: card.display,
			creator_id: creator,
			collection_id: collectionId,
			dataset_query: {
				'lib/type': 'mbql/query',
				database,
				stages: [{ 'lib/type': 'mbql.stage/native', native: card.sql, 'template-tags': card.bySegment ? [tag] : [] }],
			},
			parameters: card.bySegment ? [{ id: tag.id, name: 'Segment', slug: 'segment', type: 'string/=' }] : [],
			parameter_mappings: [],
			visualization_settings: card.settings,
			...meta('Card', cardId, card.name),
		});
	}

	write(`${folder}/dashboard`, {
		name: dashboard.name,
		description: dashboard.description,
		entity_id: dashboardId,
		creator_id: creator,
		collection_id: collectionId,
		width: 'full',
		auto_apply_filters: true,
		parameters: [{
			id: parameterId, name: 'Segment', slug: 'segment', type: 'string/=', sectionId: 'string', isMultiSelect: false,
			values_query_type: 'list', values_source_type: 'card',
			values_source_config: { card_id: id('card', dashboard.segmentsFrom), value_field: ['field', 'segment_name', { 'base-type': 'type/Text' }] },
		}],
		tabs: dashboard.tabs.map((name, position) => ({ entity_id: id('tab', name), name, position })),
		dashcards: dashboard.dashcards.map(({ card, tab, ...place }) => {
			const dashcardId = id('dashcard', card);
			const cardId = id('card', card);
			return {
				entity_id: dashcardId,
				card_id: cardId,
				dashboard_tab_id: [dashboardId, id('tab', tab)],
				...place,
				parameter_mappings: cards.find((c) => c.key === card).bySegment
					? [{ card_id: cardId, parameter_id: parameterId, target: ['variable', ['template-tag', 'segment']] }] : [],
				series: [],
				visualization_settings: {},
				'serdes/meta': [{ id: dashboardId, model: 'Dashboard' }, { id: dashcardId, model: 'DashboardCard' }],
			};
		}),
		...meta('Dashboard', dashboardId, dashboard.name),
	});
	return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const text = { type: 'string' };
	const { values: { out, ...options } } = parseArgs({ options: { deployment: text, database: text, currency: text, out: text } });
	for (const [path, yaml] of Object.entries(generate(options))) {
		const file = join(out ?? fileURLToPath(new URL('export', import.meta.url)), path);
		mkdirSync(dirname(file), { recursive: true });
		writeFileSync(file, yaml);
	}
}
