// Makes dashboards/*.json: Classic JSON dashboards for Grafana, built with Grafana's Foundation SDK.
//
// usage: node generate.mjs [--colors FILE] [--out DIRECTORY]
//
//   --colors FILE      JSON object of segment names and colours, for rulesets of one's own
//   --out DIRECTORY    where to write; dashboards/ beside this file

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as barchart from '@grafana/grafana-foundation-sdk/barchart';
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as piechart from '@grafana/grafana-foundation-sdk/piechart';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import * as trend from '@grafana/grafana-foundation-sdk/trend';
import * as xychart from '@grafana/grafana-foundation-sdk/xychart';
import { questionNamed, render, segmentColors } from '../queries/questions.mjs';
import { dashboards } from './dashboards.mjs';

const datasource = { type: 'grafana-postgresql-datasource', uid: '${datasource}' };

// The value of the variable "schema" is quoted as an identifier already, by the query that lists the schemas: so it is
// put in raw. That of "segment" becomes SQL strings, doubling the quotes in them; for "All" it is the column itself.
const placeholders = {
	schema: '${schema:raw}',
	segment: 'segment_name IN (${segment:sqlstring})',
	period: (column) => `$__timeFilter(${column})`,
};

const schemasThatCanBeRead = `
SELECT d.deployment AS __text, quote_ident(d.deployment) AS __value
FROM rfmseg.deployments() d
JOIN pg_catalog.pg_namespace n ON n.nspname = d.deployment
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'segment_profiles'
WHERE has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
ORDER BY 1`.trim();

const segmentsOfSchema = 'SELECT segment_name FROM ${schema:raw}.segment_profiles ORDER BY segment_order';

// Two settings come from the data: the unit of money, from the deployment's currency, and the segments' colours.
// Grafana knows these currencies by name; of others it shows the code.
const grafanaCurrencies = ['USD', 'GBP', 'EUR', 'JPY', 'BRL', 'DKK', 'ISK', 'NOK', 'SEK', 'CZK', 'CHF', 'PLN', 'ZAR', 'INR', 'KRW', 'IDR', 'PHP',
	'VND', 'TRY', 'MYR', 'UAH', 'RUB'];
const moneyUnit = `
SELECT CASE WHEN currency IN (${grafanaCurrencies.map((code) => `'${code}'`).join(', ')})
	THEN 'currency' || currency ELSE 'currency:' || currency || ' ' END AS unit
FROM {{schema}}.runs WHERE is_current`.trim();
const colorsOfSegments = 'SELECT segment_name, segment_color FROM {{schema}}.segment_profiles ORDER BY segment_order';

function target(refId, sql, format = 'table') {
	const query = { refId, datasource, editorMode: 'code', format, rawQuery: true, rawSql: render(sql, placeholders) };
	return { build: () => query };
}

// Takes a setting of the fields named, or of all numbers, from the result of another query of the panel
function configFrom(configRefId, mappings, names) {
	return {
		id: 'configFromData',
		options: {
			configRefId,
			applyTo: names ? { id: 'byNames', options: { mode: 'include', names } } : { id: 'byType', options: 'number' },
			mappings: Object.entries(mappings).map(([fieldName, handlerKey]) => ({ fieldName, handlerKey })),
		},
	};
}

function useMoneyUnit(panel, names) {
	panel.withTarget(target('currency', moneyUnit)).withTransformation(configFrom('currency', { unit: 'unit' }, names));
}

// Of a query with one row a name, makes one field a name, in the colour of the row if it has one
function rowsToFields(panel, question, name, value) {
	const roles = { [name]: 'field.name', [value]: 'field.value', segment_color: 'color' };
	panel.withTransformation({
		id: 'rowsToFields',
		options: { mappings: question.columns.map((c) => ({ fieldName: c.name, handlerKey: roles[c.name] ?? '__ignore' })) },
	});
	if (kindOf(question, value) === 'money')
		useMoneyUnit(panel);
	else
		panel.unit(units[kindOf(question, value)]);
}

const units = { count: 'locale', percent: 'percent', share: 'percentunit', days: 'locale', seconds: 's', number: 'locale' };

function kindOf(question, name) {
	return question.columns.find((c) => c.name === name).kind;
}

function moneyColumns(question) {
	return question.columns.filter((c) => c.kind === 'money').map((c) => c.name);
}

const tableTooltip = () => new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.None);
const legend = (shown) => new common.VizLegendOptionsBuilder().displayMode(common.LegendDisplayMode.List)
	.placement(common.LegendPlacement.Bottom).showLegend(shown).calcs([]);
const lastOfEach = () => new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false);

// One function a kind of panel; each gives the panel's builder its query and looks
const kinds = {
	stat(question) {
		const [column] = question.columns;
		const panel = new stat.PanelBuilder().withTarget(target('A', question.sql)).reduceOptions(lastOfEach())
			.graphMode(common.BigValueGraphMode.None).colorMode(common.BigValueColorMode.None).noValue('not known');
		if (column.kind === 'money')
			useMoneyUnit(panel);
		else
			panel.unit(units[column.kind]);
		return panel;
	},

	pie(question, { name, value }) {
		const panel = new piechart.PanelBuilder().withTarget(target('A', question.sql)).pieType(piechart.PieChartType.Donut)
			.displayLabels([piechart.PieChartLabels.Percent]).reduceOptions(lastOfEach())
			.legend(new piechart.PieChartLegendOptionsBuilder().displayMode(common.LegendDisplayMode.Table)
				.placement(common.LegendPlacement.Right).showLegend(true).calcs([])
				.values([piechart.PieChartLegendValues.Value, piechart.PieChartLegendValues.Percent]));
		rowsToFields(panel, question, name, value);
		return panel;
	},

	bars(question, { name, value }) {
		const panel = new bargauge.PanelBuilder().withTarget(target('A', question.sql)).reduceOptions(lastOfEach())
			.orientation(common.VizOrientation.Horizontal).displayMode(common.BarGaugeDisplayMode.Basic)
			.valueMode(common.BarGaugeValueMode.Text).showUnfilled(false).min(0)
			.colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Fixed).fixedColor('#67a9cf'));
		rowsToFields(panel, question, name, value);
		return panel;
	},

	barchart(question, { x }) {
		const panel = new barchart.PanelBuilder().withTarget(target('A', question.sql)).xField(x).legend(legend(true)).tooltip(tableTooltip());
		nameColumns(panel, question);
		useMoneyUnit(panel, moneyColumns(question));
		return panel;
	},

	table(question, { wrap = [], widths = {} }) {
		const panel = new table.PanelBuilder().withTarget(target('A', question.sql)).noValue('–').cellHeight(common.TableCellHeight.Sm);
		nameColumns(panel, question, (column) => [
			...(column.kind === 'money' ? [{ id: 'decimals', value: 2 }] : []),
			...(wrap.includes(column.name) ? [{ id: 'custom.cellOptions', value: { type: 'auto', wrapText: true } }] : []),
			...(column.name === 'segment_name' ? [{ id: 'custom.cellOptions', value: { type: 'color-text' } }] : []),
			...(widths[column.name] ? [{ id: 'custom.width', value: widths[column.name] }] : []),
		]);
		if (moneyColumns(question).length > 0)
			useMoneyUnit(panel, moneyColumns(question));
		if (question.columns.some((c) => c.name === 'segment_name'))
			panel.withTarget(target('colors', colorsOfSegments))
				.withTransformation(configFrom('colors', { segment_name: 'mappings.value', segment_color: 'mappings.color' }, ['segment_name']));
		return panel;
	},

	// Core Grafana's heat map wants time on its x axis: so a table, a row and a column for each value, coloured by the cells
	matrix(question, { row, column, value, corner }) {
		const panel = new table.PanelBuilder().withTarget(target('A', question.sql)).noValue('–').cellHeight(common.TableCellHeight.Md)
			.colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.ContinuousBlues))
			.cellOptions({ type: common.TableCellDisplayMode.ColorBackground, mode: common.TableCellBackgroundDisplayMode.Basic })
			.overrideByName(`${row}\\${column}`, [{ id: 'displayName', value: corner }, { id: 'custom.cellOptions', value: { type: 'auto' } }]);
		if (kindOf(question, value) === 'money')
			useMoneyUnit(panel, [value]);
		else
			panel.unit(units[kindOf(question, value)]);
		return panel.withTransformation({
			id: 'groupingToMatrix',
			options: { rowField: row, columnField: column, valueField: value, emptyValue: 'null' },
		});
	},

	timeseries(question, { points = false }, colors) {
		const value = question.columns.at(-1);
		const bySegment = question.columns.some((c) => c.name === 'metric');
		const panel = new timeseries.PanelBuilder().withTarget(target('A', question.sql, 'time_series')).min(0)
			.legend(legend(bySegment)).tooltip(tableTooltip()).lineWidth(2).fillOpacity(0)
			.showPoints(common.VisibilityMode.Always).drawStyle(points ? common.GraphDrawStyle.Points : common.GraphDrawStyle.Line);
		if (bySegment)
			for (const [name, color] of Object.entries(colors))
				panel.overrideByName(name, [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }]);
		else
			nameColumns(panel, question);
		if (value.kind === 'money')
			useMoneyUnit(panel);
		else
			panel.unit(units[value.kind]);
		return panel;
	},

	trend(question, { x }) {
		const panel = new trend.PanelBuilder().withTarget(target('A', question.sql)).xField(x).legend(legend(false)).tooltip(tableTooltip())
			.lineWidth(2).showPoints(common.VisibilityMode.Always);
		nameColumns(panel, question);
		return panel;
	},

	scatter(question, { x, y }) {
		const byName = (name) => ({ matcher: { id: 'byName', options: name } });
		const panel = new xychart.PanelBuilder().withTarget(target('A', question.sql)).mapping(xychart.SeriesMapping.Manual)
			.series([new xychart.XYSeriesConfigBuilder().frame({ matcher: { id: 'byIndex', options: 0 } }).x(byName(x)).y(byName(y))])
			.legend(legend(false)).tooltip(tableTooltip()).show(xychart.XYShowMode.Points).pointSize({ fixed: 4 });
		nameColumns(panel, question);
		useMoneyUnit(panel, moneyColumns(question));
		return panel;
	},
};

// Money has its unit from the data, and an override would go before that
function nameColumns(panel, question, more = () => []) {
	for (const column of question.columns)
		panel.overrideByName(column.name, [
			{ id: 'displayName', value: column.label },
			...(units[column.kind] ? [{ id: 'unit', value: units[column.kind] }] : []),
			...more(column),
		]);
}

const variables = {
	datasource: () => new dashboard.DatasourceVariableBuilder('datasource').label('Data source').type(datasource.type),
	schema: () => new dashboard.QueryVariableBuilder('schema').label('Shop').datasource(datasource).query(schemasThatCanBeRead)
		.definition(schemasThatCanBeRead).refresh(dashboard.VariableRefresh.OnDashboardLoad).allowCustomValue(false)
		.description('The deployments that the data source\'s role can read'),
	segment: () => new dashboard.QueryVariableBuilder('segment').label('Segment').datasource(datasource).query(segmentsOfSchema)
		.definition(segmentsOfSchema).refresh(dashboard.VariableRefresh.OnDashboardLoad).allowCustomValue(false)
		.multi(true).includeAll(true).allValue('segment_name').current({ text: ['All'], value: ['$__all'] })
		.description('Segments to show; All also shows customers of segments that the rules have no more'),
};

function build({ uid, title, description, time = false, panels }, colors) {
	const made = new dashboard.DashboardBuilder(title).uid(uid).description(description).tags(['rfmseg']).timezone('browser').editable()
		.time({ from: 'now-3y', to: 'now' }).timepicker(new dashboard.TimePickerBuilder().hidden(!time)).refresh('')
		.link(new dashboard.DashboardLinkBuilder('rfmseg').type(dashboard.DashboardLinkType.Dashboards).tags(['rfmseg'])
			.asDropdown(true).includeVars(true).keepTime(true));
	const used = panels.some(([id]) => questionNamed(id).sql.includes('{{segment}}')) ? ['datasource', 'schema', 'segment'] : ['datasource', 'schema'];
	for (const name of used)
		made.withVariable(variables[name]());

	let x = 0;
	let y = 0;
	let tallest = 0;
	panels.forEach(([id, kind, width, height, options = {}], index) => {
		if (x + width > 24) {
			x = 0;
			y += tallest;
			tallest = 0;
		}
		const question = questionNamed(id);
		made.withPanel(kinds[kind](question, options, colors).id(index + 1).title(question.title).description(question.description)
			.datasource(datasource).gridPos({ x, y, w: width, h: height }));
		x += width;
		tallest = Math.max(tallest, height);
	});
	return `${JSON.stringify(made.build(), null, '\t')}\n`;
}

// The files, by name
export function generate(colors = segmentColors) {
	return Object.fromEntries(dashboards.map((spec) => [`${spec.uid}.json`, build(spec, colors)]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const { values } = parseArgs({ options: { colors: { type: 'string' }, out: { type: 'string' } } });
	const out = values.out ?? fileURLToPath(new URL('dashboards', import.meta.url));
	const colors = values.colors ? JSON.parse(readFileSync(values.colors, 'utf8')) : undefined;
	mkdirSync(out, { recursive: true });
	for (const [name, text] of Object.entries(generate(colors)))
		writeFileSync(join(out, name), text);
}
