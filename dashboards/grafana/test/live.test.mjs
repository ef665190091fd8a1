// Every query of every panel and variable, as a role of the level "viewer", on a deployment with all there can be and on
// one with three columns mapped, no clusters, one run, and a name that needs quoting

import assert from 'node:assert/strict';
import test from 'node:test';
import pg from 'pg';
import { checkQuestions, withDeployments } from '../../queries/live.mjs';
import { segmentColors } from '../../queries/questions.mjs';
import { expand, files, load } from './grafana.mjs';

const families = (columns) => columns.map((c) => c.family);
const names = (columns) => columns.map((c) => c.name);
const number = (value) => assert.ok(value === null || Number.isFinite(Number(value)), `${value} is no number`);

// What a kind of panel needs of its data, after the queries that set units and colours are taken out
const needs = {
	stat(panel, { columns, rows }) {
		assert.deepEqual(families(columns), ['number']);
		assert.ok(rows.length <= 1);
	},
	piechart: oneFieldARow,
	bargauge: oneFieldARow,
	barchart(panel, { columns, rows }) {
		const [x, ...bars] = columns;
		assert.deepEqual(x, { name: panel.options.xField, family: 'text' });
		assert.ok(bars.length > 0 && bars.every((c) => c.family === 'number'));
		assertDistinct(rows.map((row) => row[x.name]));
	},
	table(panel, { columns, rows }) {
		assert.ok(columns.every((c) => c.family !== 'other'));
		const matrix = transformation(panel, 'groupingToMatrix');
		if (matrix) {
			const { rowField, columnField, valueField } = matrix.options;
			assert.deepEqual(names(columns).sort(), [rowField, columnField, valueField].sort());
			assert.equal(columns.find((c) => c.name === valueField).family, 'number');
			assertDistinct(rows.map((row) => JSON.stringify([row[rowField], row[columnField]])));
			assert.ok(rows.every((row) => row[rowField] !== null && row[columnField] !== null));
		}
	},
	timeseries(panel, { columns, rows }) {
		assert.equal(panel.targets[0].format, 'time_series');
		assert.deepEqual(columns[0], { name: 'time', family: 'time' });
		// Grafana takes the names of series from a column "metric" only if there are three columns
		if (columns.length > 2)
			assert.deepEqual(columns.slice(1).map((c) => c.name === 'metric' ? 'metric' : c.family), ['metric', 'number']);
		else
			assert.deepEqual(families(columns), ['time', 'number']);
		const times = rows.map((row) => row.time.getTime());
		assert.deepEqual(times, [...times].sort((a, b) => a - b));
	},
	trend(panel, { columns, rows }) {
		assert.deepEqual(families(columns), ['number', 'number']);
		assert.equal(columns[0].name, panel.options.xField);
		const x = rows.map((row) => Number(row[panel.options.xField]));
		assert.deepEqual(x, [...new Set(x)].sort((a, b) => a - b));
	},
	xychart(panel, { columns }) {
		for (const axis of ['x', 'y'])
			assert.equal(columns.find((c) => c.name === panel.options.series[0][axis].matcher.options)?.family, 'number');
	},
};

function oneFieldARow(panel, { columns, rows }) {
	const { mappings } = transformation(panel, 'rowsToFields').options;
	assert.deepEqual(mappings.map((m) => m.fieldName), names(columns));
	const column = (key) => columns.find((c) => c.name === mappings.find((m) => m.handlerKey === key)?.fieldName);
	assert.equal(column('field.name').family, 'text');
	assert.equal(column('field.value').family, 'number');
	assertDistinct(rows.map((row) => row[column('field.name').name]));
	if (column('color'))
		for (const row of rows)
			assert.match(row[column('color').name], /^#[0-9a-f]{6}$/);
}

function assertDistinct(values) {
	assert.equal(new Set(values).size, values.length, 'two fields of one name');
}

function transformation(panel, id) {
	return panel.transformations?.find((t) => t.id === id);
}

// Overrides and settings from data that name a field which is not there do nothing, and Grafana does not tell
function checkNames(panel, { columns }) {
	const matrix = transformation(panel, 'groupingToMatrix')?.options;
	const known = new Set([...names(columns), ...(matrix ? [`${matrix.rowField}\\${matrix.columnField}`] : Object.keys(segmentColors))]);
	for (const override of panel.fieldConfig.overrides)
		assert.ok(known.has(override.matcher.options), override.matcher.options);
	for (const { id, options } of panel.transformations ?? [])
		if (id === 'configFromData') {
			assert.ok(panel.targets.some((t) => t.refId === options.configRefId), options.configRefId);
			for (const name of options.applyTo.options.names ?? [])
				assert.ok(names(columns).includes(name), name);
		}
}

test('on a server', async (t) => {
	await withDeployments(pg.Client, async (live) => {
		const quoted = async (name) => (await live.owner.query('SELECT quote_ident($1) AS q', [name])).rows[0].q;
		const demo = await quoted(live.names.demo);

		await checkQuestions(live, (name, body) => t.test(name, body));

		for (const file of files) {
			const dashboard = load(file);
			for (const [which, name] of Object.entries(live.names)) {
				const schema = await quoted(name);
				for (const panel of dashboard.panels) {
					await t.test(`${file}, "${panel.title}", ${which} deployment`, async () => {
						const [data, ...settings] = panel.targets;
						const result = await live.run(expand(data.rawSql, { schema }));
						needs[panel.type](panel, result);
						checkNames(panel, result);
						for (const row of result.rows)
							for (const column of result.columns)
								if (column.family === 'number')
									number(row[column.name]);
						if (which === 'demo')
							assert.notEqual(result.rows.length, 0);
						for (const { refId, rawSql } of settings) {
							const { rows, columns } = await live.run(expand(rawSql, { schema }));
							const mappings = panel.transformations.find((x) => x.options.configRefId === refId).options.mappings;
							assert.deepEqual(mappings.map((m) => m.fieldName), names(columns));
							assert.notEqual(rows.length, 0);
						}
					});
				}
			}
		}

		await t.test('variable "schema": what the role can read, and nothing else', async () => {
			for (const file of files) {
				const { query } = load(file).templating.list.find((v) => v.name === 'schema');
				const { rows } = await live.run(expand(query, {}));
				assert.deepEqual(rows.map((r) => r.__text).sort(), Object.values(live.names).sort());
				for (const row of rows)
					assert.equal(row.__value, await quoted(row.__text));
			}
		});

		await t.test('variable "segment": the segments, in order', async () => {
			const { query } = load('rfmseg-segments.json').templating.list.find((v) => v.name === 'segment');
			const { rows } = await live.run(expand(query, { schema: demo }));
			assert.deepEqual(rows.map((r) => r.segment_name), ['Champions', 'Loyal', 'Regular', 'New Customers', 'At Risk', 'Churned']);
		});

		const filtered = files.flatMap((file) => load(file).panels.map((panel) => ({ file, panel })))
			.filter(({ panel }) => panel.targets[0].rawSql.includes('${segment'));
		await t.test('two segments chosen: these alone; all of them one by one: everything', async () => {
			assert.notEqual(filtered.length, 0);
			for (const { panel } of filtered) {
				const { rows } = await live.run(expand(panel.targets[0].rawSql, { schema: demo, segments: ['Champions', 'At Risk'] }));
				const found = new Set(rows.flatMap((row) => row.segment_name ?? row.metric ?? []));
				assert.deepEqual([...found].filter((name) => !['Champions', 'At Risk'].includes(name)), [], panel.title);
				const all = Object.keys(segmentColors);
				assert.deepEqual((await live.run(expand(panel.targets[0].rawSql, { schema: demo, segments: all }))).rows,
					(await live.run(expand(panel.targets[0].rawSql, { schema: demo }))).rows, panel.title);
			}
		});

		await t.test('the name of a segment cannot end the string that it is in', async () => {
			for (const { panel } of filtered) {
				const { rows } = await live.run(expand(panel.targets[0].rawSql, { schema: demo, segments: ["x') OR true --", "O'Hara's"] }));
				assert.deepEqual(rows.flatMap((row) => row.segment_name ?? row.metric ?? []), [], panel.title);
			}
		});

		await t.test('the time range chosen holds', async () => {
			const timed = files.flatMap((file) => load(file).panels).filter((panel) => panel.targets[0].rawSql.includes('$__timeFilter'));
			assert.notEqual(timed.length, 0);
			for (const panel of timed) {
				const period = { from: '1999-01-01T00:00:00Z', to: '1999-02-01T00:00:00Z' };
				assert.deepEqual((await live.run(expand(panel.targets[0].rawSql, { schema: demo, period }))).rows, [], panel.title);
			}
		});

		await t.test('money is shown in the deployment\'s currency', async () => {
			const sql = load('rfmseg-segments.json').panels.flatMap((p) => p.targets).find((x) => x.refId === 'currency').rawSql;
			for (const [currency, unit] of [['GBP', 'currencyGBP'], ['KES', 'currency:KES ']]) {
				await live.owner.query('SELECT rfmseg.configure($1, currency => $2)', [live.names.bare, currency]);
				await live.owner.query('CALL rfmseg.refresh($1)', [live.names.bare]);
				assert.deepEqual((await live.run(expand(sql, { schema: await quoted(live.names.bare) }))).rows, [{ unit }]);
			}
		});

		await t.test('guests are told apart', async () => {
			const sql = load('rfmseg-quality.json').panels.find((p) => p.title.includes('without a customer')).targets[0].rawSql;
			const { rows: [truth] } = await live.owner.query('SELECT round(100 * sum(money) FILTER (WHERE buyer IS NULL) / sum(money), 2) AS share FROM purchases');
			const { rows: [shown] } = await live.run(expand(sql, { schema: await quoted(live.names.bare) }));
			assert.notEqual(Number(truth.share), 0);
			assert.equal(shown.unattributed_percentage, truth.share);
		});

		await t.test('colours are those of the shipped rulesets', async () => {
			const { rows } = await live.run('SELECT segment_name, segment_color FROM rfmseg.segments ORDER BY 1');
			const shipped = new Set(rows.map((row) => `${row.segment_name} ${row.segment_color}`));
			assert.deepEqual(new Set(Object.entries(segmentColors).map((pair) => pair.join(' '))), shipped);
		});

		await t.test('the role reads what is published, and no more', async () => {
			await assert.rejects(live.run(`SELECT * FROM "${live.names.demo}_raw".customers`), { code: '42501' });
			await assert.rejects(live.run(`DELETE FROM "${live.names.demo}_core".runs`), (error) => ['42501', '25006'].includes(error.code));
		});
	});
});
