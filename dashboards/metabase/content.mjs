// What is to be in Metabase for one deployment: a collection, cards and a dashboard, in a neutral form from which the YAML
// files and the requests to the REST API are made. Things refer to each other by key.

import { questionNamed, quoteIdentifier, render, segmentColors } from '../queries/questions.mjs';
import { tabs } from './dashboard.mjs';

// An optional clause: Metabase leaves out what is in [[ ]] where no segment is chosen
const segmentClause = 'true [[AND segment_name = {{segment}}]]';

const formats = (currency) => ({
	money: { number_style: 'currency', currency, currency_style: 'symbol', decimals: 2 },
	percent: { suffix: ' %' },
	share: { number_style: 'percent', decimals: 1 },
	seconds: { suffix: ' s' },
	days: { decimals: 0 },
});

function columnSettings(question, currency) {
	return Object.fromEntries(question.columns.filter((c) => c.kind !== 'color')
		.map((c) => [JSON.stringify(['name', c.name]), { column_title: c.label, ...formats(currency)[c.kind] }]));
}

// Settings of each display. "matrix" is a table that Metabase turns, one column a value of another
const displays = {
	scalar: (question) => ({ 'scalar.field': question.columns[0].name }),
	table: () => ({}),
	matrix: (_, { column, cell }) => ({ 'table.pivot': true, 'table.pivot_column': column, 'table.cell_column': cell }),
	pie: (_, { dimension, metric }) => ({ 'pie.dimension': dimension, 'pie.metric': metric, 'pie.colors': segmentColors }),
	row: graph,
	bar: graph,
	line: graph,
	scatter: graph,
	sankey: (_, { source, target, value }) => ({ 'sankey.source': source, 'sankey.target': target, 'sankey.value': value }),
};

function graph(question, { dimensions, metrics }) {
	const series = dimensions.length > 1
		? { series_settings: Object.fromEntries(Object.entries(segmentColors).map(([name, color]) => [name, { color }])) } : {};
	const numeric = question.columns.find((c) => c.name === dimensions[0]).kind === 'number' ? { 'graph.x_axis.scale': 'linear' } : {};
	return { 'graph.dimensions': dimensions, 'graph.metrics': metrics, ...numeric, ...series };
}

export function content({ deployment, currency = 'USD' }) {
	const cards = [];
	const dashcards = [];
	for (const [tab, placed] of tabs) {
		let col = 0;
		let row = 0;
		let tallest = 0;
		for (const [id, display, sizeX, sizeY, roles = {}] of placed) {
			const question = questionNamed(id);
			cards.push({
				key: id,
				name: question.title,
				description: question.description,
				display: display === 'matrix' ? 'table' : display,
				sql: render(question.sql, { schema: quoteIdentifier(deployment), segment: segmentClause, period: () => 'true' }),
				bySegment: question.sql.includes('{{segment}}'),
				settings: { ...displays[display](question, roles), column_settings: columnSettings(question, currency) },
			});
			if (col + sizeX > 24) {
				col = 0;
				row += tallest;
				tallest = 0;
			}
			dashcards.push({ card: id, tab, row, col, size_x: sizeX, size_y: sizeY });
			col += sizeX;
			tallest = Math.max(tallest, sizeY);
		}
	}
	return {
		collection: { name: `Customer segments of ${deployment}`, description: `What rfmseg publishes of the deployment ${deployment}.` },
		cards,
		dashboard: {
			name: `Customer segments of ${deployment}`,
			description: 'Who the customers are, what they are worth, where they go, and whether to believe it.',
			tabs: tabs.map(([name]) => name),
			dashcards,
			// The names to choose from are those of this card
			segmentsFrom: 'customers_by_segment',
		},
	};
}
