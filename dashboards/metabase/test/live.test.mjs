// Every card's query, as a role of the level "viewer", with its variable expanded as Metabase does; and that it returns
// the columns which the card's settings name

import assert from 'node:assert/strict';
import test from 'node:test';
import pg from 'pg';
import { checkQuestions, withDeployments } from '../../queries/live.mjs';
import { content } from '../content.mjs';

// Optional clauses are left out where their variable has no value
function expand(sql, segment) {
	const quoted = segment && `'${segment.replaceAll("'", "''")}'`;
	const expanded = sql
		.replaceAll(/\[\[(.*?)\]\]/g, (_, clause) => quoted ? clause : '')
		.replaceAll('{{segment}}', () => quoted);
	assert.doesNotMatch(expanded, /\{\{|\[\[/);
	return expanded;
}

// Columns that the settings name, by what they must be
function needs(settings) {
	const list = (key) => [settings[key] ?? []].flat();
	return {
		any: [...list('graph.dimensions'), ...list('table.pivot_column'), ...Object.keys(settings.column_settings).map((key) => JSON.parse(key)[1])],
		text: [...list('pie.dimension'), ...list('sankey.source'), ...list('sankey.target')],
		number: [...list('graph.metrics'), ...list('pie.metric'), ...list('scalar.field'), ...list('table.cell_column'), ...list('sankey.value')],
	};
}

test('on a server', async (t) => {
	await withDeployments(pg.Client, async (live) => {
		await checkQuestions(live, (name, body) => t.test(name, body));

		for (const [which, deployment] of Object.entries(live.names)) {
			for (const card of content({ deployment }).cards) {
				await t.test(`"${card.name}", ${which} deployment`, async () => {
					const { rows, columns } = await live.run(expand(card.sql));
					if (which === 'demo')
						assert.notEqual(rows.length, 0);
					for (const [family, names] of Object.entries(needs(card.settings)))
						for (const name of names) {
							const column = columns.find((c) => c.name === name);
							assert.ok(column, `there is no column ${name}`);
							if (family !== 'any')
								assert.equal(column.family, family, name);
						}
					if (card.display === 'scalar')
						assert.ok(rows.length <= 1);
					// Metabase turns a table of exactly three columns
					if (card.settings['table.pivot'])
						assert.equal(columns.length, 3);
					// A flow that leads back to where it came from cannot be drawn
					if (card.display === 'sankey')
						assert.deepEqual(rows.filter((row) => rows.some((other) => other.from_segment === row.to_segment)), []);
				});
			}
		}

		await t.test('a segment chosen: that one alone', async () => {
			const filtered = content({ deployment: live.names.demo }).cards.filter((card) => card.bySegment);
			assert.notEqual(filtered.length, 0);
			for (const card of filtered) {
				const of = (rows) => new Set(rows.flatMap((row) => row.segment_name ?? row.metric ?? []));
				const { rows } = await live.run(expand(card.sql, 'At Risk'));
				assert.deepEqual([...of(rows)].filter((name) => name !== 'At Risk'), [], card.name);
				assert.deepEqual([...of((await live.run(expand(card.sql, "O'Hara' OR true --"))).rows)], [], card.name);
			}
		});
	});
});
