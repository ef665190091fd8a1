// What Grafana does with a panel's query before it sends it, as far as these dashboards need it: variables and macros
// are replaced as text.

import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../dashboards/', import.meta.url);

export const files = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();

export function load(file) {
	return JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
}

export function text(file) {
	return readFileSync(new URL(file, folder), 'utf8');
}

export const always = { from: '0001-01-01T00:00:00Z', to: '9999-01-01T00:00:00Z' };

// schema: the variable's value; segments: the names chosen, or null for All; period: the dashboard's time range
export function expand(sql, { schema, segments = null, period = always }) {
	const chosen = segments === null ? 'segment_name' : segments.map((name) => `'${name.replaceAll("'", "''")}'`).join(',');
	const expanded = sql
		.replaceAll('${schema:raw}', () => schema)
		.replaceAll('${segment:sqlstring}', () => chosen)
		.replaceAll(/\$__timeFilter\(([^)]*)\)/g, (_, column) => `${column} BETWEEN '${period.from}' AND '${period.to}'`);
	if (/\$\{|\$__|\[\[/.test(expanded))
		throw new Error(`not all variables and macros are known here: ${expanded}`);
	return expanded;
}
