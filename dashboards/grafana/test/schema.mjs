// JSON schemas made from the types of Grafana's Foundation SDK, for dashboards and for the options of each kind of panel

import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const sdk = new URL('../node_modules/@grafana/grafana-foundation-sdk/dist/', import.meta.url);

function schemaOf(module, type) {
	return createGenerator({
		path: fileURLToPath(new URL(`${module}/index.d.ts`, sdk)),
		tsconfig: fileURLToPath(new URL('tsconfig.json', import.meta.url)),
		type,
		skipTypeCheck: true,
		additionalProperties: false,
	}).createSchema(type);
}

const ajv = new Ajv({ allErrors: true, strict: false });

// The SDK leaves queries open, as each data source has its own
export function dashboardValidator() {
	const schema = schemaOf('dashboard', 'Dashboard');
	const name = Object.keys(schema.definitions).find((key) => key.endsWith('Dataquery'));
	if (!name)
		throw new Error('the SDK has another type of queries now');
	schema.definitions[name] = {
		type: 'object',
		properties: {
			refId: { type: 'string', minLength: 1 },
			datasource: {
				type: 'object',
				properties: { type: { const: 'grafana-postgresql-datasource' }, uid: { const: '${datasource}' } },
				required: ['type', 'uid'],
				additionalProperties: false,
			},
			editorMode: { const: 'code' },
			format: { enum: ['table', 'time_series'] },
			rawQuery: { const: true },
			rawSql: { type: 'string', minLength: 1 },
		},
		required: ['refId', 'datasource', 'editorMode', 'format', 'rawQuery', 'rawSql'],
		additionalProperties: false,
	};
	return ajv.compile(schema);
}

export function panelValidators(kind) {
	const compiled = (type) => ajv.compile(schemaOf(kind, type));
	return { options: compiled('Options'), custom: kind === 'stat' || kind === 'bargauge' ? null : compiled('FieldConfig') };
}
