// The committed files by themselves: what the generator makes, of the shape that Grafana expects, laid out properly

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { questionNamed, questions } from '../../queries/questions.mjs';
import { dashboards } from '../dashboards.mjs';
import { generate } from '../generate.mjs';
import { files, load, text } from './grafana.mjs';
import { dashboardValidator, panelValidators } from './schema.mjs';

const root = new URL('../', import.meta.url);

test('the committed dashboards are what the generator makes', () => {
	const made = generate();
	assert.deepEqual(files, Object.keys(made).sort());
	for (const file of files)
		assert.equal(text(file), made[file], `${file}: run "npm run generate"`);
});

test('every question is on a dashboard', () => {
	const asked = new Set(dashboards.flatMap((d) => d.panels.map(([id]) => id)));
	assert.deepEqual(questions.map((q) => q.id).filter((id) => !asked.has(id)), []);
	assert.throws(() => questionNamed('no such'), /no question is named/);
});

const valid = dashboardValidator();

for (const file of files) {
	const dashboard = load(file);

	test(`${file}: of the SDK's type Dashboard`, () => {
		assert.ok(valid(dashboard), JSON.stringify(valid.errors));
		assert.equal(dashboard.schemaVersion, 42);
	});

	test(`${file}: panels have the options that their kind knows`, () => {
		for (const panel of dashboard.panels) {
			const { options, custom } = panelValidators(panel.type);
			assert.ok(options(panel.options), `${panel.title}: ${JSON.stringify(options.errors)}`);
			if (custom && panel.fieldConfig.defaults.custom)
				assert.ok(custom(panel.fieldConfig.defaults.custom), `${panel.title}: ${JSON.stringify(custom.errors)}`);
		}
	});

	test(`${file}: every panel has a title and a description, and a number of its own`, () => {
		for (const panel of dashboard.panels) {
			assert.match(panel.title, /\S/);
			assert.match(panel.description, /\S.*\.$/, panel.title);
		}
		assert.equal(new Set(dashboard.panels.map((p) => p.id)).size, dashboard.panels.length);
	});

	test(`${file}: panels are in the grid and do not overlap`, () => {
		const taken = new Map();
		for (const { title, gridPos: { x, y, w, h } } of dashboard.panels) {
			assert.ok(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 24, title);
			for (let column = x; column < x + w; column++)
				for (let row = y; row < y + h; row++) {
					const cell = `${column},${row}`;
					assert.equal(taken.get(cell), undefined, `${title} and ${taken.get(cell)}`);
					taken.set(cell, title);
				}
		}
	});

	test(`${file}: variables are declared and used`, () => {
		const declared = dashboard.templating.list.map((v) => v.name);
		const sql = JSON.stringify([dashboard.panels, dashboard.templating]);
		const used = [...new Set([...sql.matchAll(/\$\{(\w+)(?::\w+)?\}/g)].map((match) => match[1]))];
		assert.deepEqual(declared.sort(), used.sort());
	});

	test(`${file}: a time range to choose, if and only if a query asks for it`, () => {
		const asks = dashboard.panels.some((p) => p.targets.some((t) => t.rawSql.includes('$__timeFilter')));
		assert.equal(dashboard.timepicker.hidden, !asks);
	});
}

test('dashboards are told apart', () => {
	assert.equal(new Set(files.map((file) => load(file).uid)).size, files.length);
	assert.equal(new Set(files.map((file) => load(file).title)).size, files.length);
});

// That the schema rejects is what makes its "valid" worth something
const breakages = {
	'a gridPos that is no number': (d) => { d.panels[0].gridPos.x = 'left'; },
	'a gridPos without height': (d) => { delete d.panels[0].gridPos.h; },
	'a schemaVersion that is no number': (d) => { d.schemaVersion = '42'; },
	'an unknown key': (d) => { d.panles = []; },
	'an unknown key of a panel': (d) => { d.panels[0].descripton = 'x'; },
	'an unknown format of a query': (d) => { d.panels[0].targets[0].format = 'tables'; },
	'a query without SQL': (d) => { delete d.panels[0].targets[0].rawSql; },
	'another data source': (d) => { d.panels[0].targets[0].datasource.type = 'postgres'; },
	'a panel without type': (d) => { delete d.panels[0].type; },
	'an unknown colour mode': (d) => { d.panels[0].fieldConfig.defaults.color = { mode: 'rainbow' }; },
	'a variable of an unknown type': (d) => { d.templating.list[0].type = 'guess'; },
};
for (const [what, breakIt] of Object.entries(breakages)) {
	test(`rejected: ${what}`, () => {
		const dashboard = load(files[0]);
		breakIt(dashboard);
		assert.equal(valid(dashboard), false);
	});
}

test('rejected: an option that a kind of panel does not know', () => {
	const pie = load('rfmseg-segments.json').panels.find((p) => p.type === 'piechart');
	assert.equal(panelValidators('piechart').options({ ...pie.options, pieTyp: 'donut' }), false);
	assert.equal(panelValidators('piechart').options({ ...pie.options, pieType: 'cake' }), false);
});

test('colours of one\'s own', () => {
	const folder = mkdtempSync(join(tmpdir(), 'rfmseg-grafana-'));
	try {
		writeFileSync(join(folder, 'colors.json'), '{"Gold": "#ffd700"}');
		const run = (...args) => spawnSync(process.execPath, [fileURLToPath(new URL('generate.mjs', root)), ...args], { encoding: 'utf8' });
		const good = run('--colors', join(folder, 'colors.json'), '--out', join(folder, 'out'));
		assert.equal(good.status, 0, good.stderr);
		assert.deepEqual(readdirSync(join(folder, 'out')).sort(), files);
		const trend = JSON.parse(readFileSync(join(folder, 'out', 'rfmseg-trends.json'), 'utf8')).panels.find((p) => p.type === 'timeseries');
		assert.deepEqual(trend.fieldConfig.overrides.map((o) => [o.matcher.options, o.properties[0].value.fixedColor]), [['Gold', '#ffd700']]);
		assert.notEqual(run('--colours', 'x').status, 0);
		assert.notEqual(run('--colors', join(folder, 'nothing.json')).status, 0);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

// Grafana puts the environment in when it reads these files
function provisioning(path, environment) {
	const raw = readFileSync(new URL(`provisioning/${path}`, root), 'utf8').replaceAll(/^ *#.*$/gm, '');
	return parse(raw.replaceAll(/\$(\w+)/g, (_, name) => {
		assert.ok(name in environment, `${path}: $${name} is not documented`);
		return environment[name];
	}));
}

const environment = {
	RFMSEG_HOST: 'db.example.org:5432', RFMSEG_DATABASE: 'crm', RFMSEG_USER: 'grafana', RFMSEG_PASSWORD: 'p4ss', RFMSEG_SSLMODE: 'verify-full',
	RFMSEG_DASHBOARDS: fileURLToPath(new URL('dashboards', root)),
};

test('provisioning: the data source', () => {
	const { apiVersion, datasources: [source, ...others] } = provisioning('datasources/rfmseg.yaml', environment);
	assert.equal(apiVersion, 1);
	assert.equal(others.length, 0);
	assert.equal(source.type, load(files[0]).panels[0].datasource.type);
	assert.equal(source.url, 'db.example.org:5432');
	assert.equal(source.user, 'grafana');
	assert.equal(source.jsonData.database, 'crm');
	assert.equal(source.jsonData.sslmode, 'verify-full');
	assert.deepEqual(source.secureJsonData, { password: 'p4ss' });
});

test('provisioning: no secret is in a file', () => {
	assert.match(readFileSync(new URL('provisioning/datasources/rfmseg.yaml', root), 'utf8'), /password: \$RFMSEG_PASSWORD\n/);
});

test('provisioning: the dashboards are where it looks', () => {
	const { apiVersion, providers: [provider, ...others] } = provisioning('dashboards/rfmseg.yaml', environment);
	assert.equal(apiVersion, 1);
	assert.equal(others.length, 0);
	assert.equal(provider.type, 'file');
	assert.ok(existsSync(provider.options.path));
	assert.deepEqual(readdirSync(provider.options.path).sort(), files);
});

test('provisioning: docs/grafana.md names what must be set', () => {
	const page = readFileSync(new URL('../../docs/grafana.md', root), 'utf8');
	for (const name of Object.keys(environment))
		assert.ok(page.includes(name), name);
});
