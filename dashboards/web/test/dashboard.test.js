// Builds the site as a role that has the level "viewer" and nothing else, opens
// every page in a browser, and compares its numbers with SQL's.
//
// usage: npm test        PGHOST, ...: a server for tests, and a superuser of it

import assert from "node:assert/strict";
import {execFileSync, spawnSync} from "node:child_process";
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import test, {after, before} from "node:test";
import pg from "pg";
import {chromium, launch, open, pages, phone} from "../browser.js";
import {serve} from "../serve.js";

const root = new URL("..", import.meta.url).pathname;
const work = mkdtempSync(join(tmpdir(), "rfmseg-dashboard."));
const demo = "web_demo";
const own = 'Web "own"';
const superuser = new pg.Client();
const viewer = "web_viewer";
const bound = "web_bound";
const sql = async (query, values) => (await superuser.query(query, values)).rows;
const id = pg.escapeIdentifier;
const sites = {};
let browser;

function build(name, deployment, user, more = {}) {
	execFileSync("npm", ["run", "--silent", "build"], {cwd: root, stdio: "pipe",
		env: {...process.env, PGUSER: user, DEPLOYMENT: deployment, OUTPUT: join(work, name), OBSERVABLE_TELEMETRY_DISABLE: "true", ...more}});
}

async function site(name) {
	sites[name] ??= await serve(join(work, name), 0);
	return `http://127.0.0.1:${sites[name].address().port}`;
}

/** Opens a page that must raise nothing and load nothing from elsewhere, and hands it to a visitor. */
async function visit(name, page, options, visitor = () => {}) {
	const base = await site(name);
	const problems = [];
	const tab = await open(browser, `${base}/${page}.html`, {...options,
		onProblem: (text) => problems.push(text),
		mayLoad: (url) => {
			const here = url.startsWith(`${base}/`) || url.startsWith("data:");
			if (!here) problems.push(`request to ${url}`);
			return here;
		}});
	try {
		await visitor(tab);
		assert.deepEqual(problems, [], `${name}/${page}`);
	} finally {
		await tab.close();
	}
}

before(async () => {
	await superuser.connect();
	await sql("SET client_min_messages = error");
	await sql("CREATE EXTENSION IF NOT EXISTS rfmseg");
	await sql(`CREATE ROLE ${viewer} LOGIN; CREATE ROLE ${bound} LOGIN`);

	// Two campaigns: one that has ended, and one that is still running, with
	// markup for a name
	for (const statement of ["SELECT rfmseg.deploy($1)", "SELECT rfmseg.configure($1, currency => 'EUR', time_zone => 'Pacific/Auckland')",
		"SELECT rfmseg.generate($1, 300)", `UPDATE ${demo}_raw.customers SET marketing_consent = true`,
		"CALL rfmseg.refresh($1, '2025-09-01 Pacific/Auckland')", "SELECT rfmseg.start_campaign($1, 'autumn', holdout => 0.4, days => 60, effect => 3)",
		"SELECT rfmseg.generate_campaign_effect($1, 'autumn', 0.3)",
		"CALL rfmseg.refresh($1, '2025-12-01 Pacific/Auckland')", "SELECT rfmseg.start_campaign($1, '<b>late</b>', holdout => 0.4, days => 300, min_clv => 10, effect => 3)",
		"CALL rfmseg.refresh($1)", "CALL rfmseg.train($1)", "CALL rfmseg.refresh($1)",
		"CALL rfmseg.backfill($1, '2025-06-01')", "SELECT rfmseg.holdout($1)"]) await sql(statement, statement.includes("$1") ? [demo] : []);
	await sql(`SELECT rfmseg.grant_access('${demo}', '${viewer}', 'viewer')`);

	// Three columns, one refresh, a currency that is none, a key that would be
	// markup, a customer who sent back more than they bought
	await sql(`CREATE TABLE web_orders AS SELECT 'c' || n % 12 AS who, timestamp '2025-01-01' + n * interval '5 days' AS at, 10 + n AS paid FROM generate_series(1, 40) AS n
		UNION ALL SELECT '<img src=x onerror=alert(1)>', '2025-02-01', 5 UNION ALL SELECT 'c3', '2025-06-01', -500`);
	await sql("SELECT rfmseg.deploy($1)", [own]);
	await sql("SELECT rfmseg.configure($1, currency => 'points')", [own]);
	await sql("SELECT rfmseg.map_transactions($1, source => 'web_orders', customer_id => 'who', event_at => 'at', amount => 'paid')", [own]);
	await sql("CALL rfmseg.refresh($1)", [own]);
	await sql("SELECT rfmseg.grant_access($1, $2, 'viewer'), rfmseg.grant_access($1, $3, 'viewer')", [own, viewer, bound]);
	await sql("SELECT rfmseg.add_row_filter($1, $2, 'frequency > 3')", [own, bound]);
	await sql("SELECT rfmseg.deploy('web_empty')");

	if (chromium) browser = await launch();
});

after(async () => {
	await browser?.close();
	for (const server of Object.values(sites)) server.close();
	await superuser.query(`SELECT rfmseg.undeploy(deployment, with_data => true) FROM rfmseg.deployments() WHERE deployment IN ('${demo}', 'web_empty', $1)`, [own]);
	await sql(`DROP TABLE web_orders; DROP OWNED BY ${viewer}, ${bound}; DROP ROLE ${viewer}; DROP ROLE ${bound}`);
	await superuser.end();
	rmSync(work, {recursive: true});
});

test("the site is built by a role that may only view", async () => {
	const [{level}] = await sql("SELECT string_agg(DISTINCT level, ',') AS level FROM rfmseg.grants($1) WHERE role_name = $2", [demo, viewer]);
	assert.equal(level, "viewer");
	build("demo", demo, viewer);
	build("own", own, viewer, {CUSTOMERS: "5"});
	build("bound", own, bound);
});

const load = (deployment, user) => spawnSync("node", ["src/data.tar.js"], {cwd: root, env: {...process.env, DEPLOYMENT: deployment, PGUSER: user}});

test("the data say what is wrong with a deployment", async () => {
	for (const [deployment, user, message] of [
		["web_none", process.env.PGUSER, /no deployment "web_none"/],
		["web_empty", process.env.PGUSER, /"web_empty" has no refresh yet/],
		["x\"; DROP TABLE web_orders; --", process.env.PGUSER, /no deployment/],
		[demo, bound, /permission denied|may read/],
		[demo, "web_nobody", /web_nobody/]
	]) {
		const {status, stderr, stdout} = load(deployment, user);
		assert.equal(status, 1, `${deployment}: ${stdout}`);
		assert.match(String(stderr), message);
	}
});

test("the same data give the same customers", () => {
	const customers = () => /\[{"customer_id".*?}\]/.exec(String(load(demo, viewer).stdout))[0];
	assert.equal(customers(), customers());
});

// What tells the rows of a relation from one another on the pages
const keys = {
	segment_profiles: "segment_name",
	recommendations: "kind || '/' || segment_name",
	customer_segments: "customer_id",
	demographics: "dimension || '/' || coalesce(value, '')",
	lifetime_value: "segment_name",
	lifetime_holdout: "breakdown || '/' || class",
	roi_analysis: "segment_name",
	campaign_results: "campaign || '/' || arm",
	segment_migration: "to_char(to_as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"/') || concat(from_segment, '/', to_segment)",
	cohort_retention: "cohort_month || '/' || months_since",
	cluster_profiles: "cluster_id",
	runs: "run_id",
	data_quality: "check_order"
};
const where = {data_quality: (schema) => `WHERE run_id = (SELECT run_id FROM ${schema}.runs WHERE is_current)`};

/** How many values the page shows as SQL has them; a value that differs is a failure. */
async function compare(tab, deployment) {
	const shown = await tab.$$eval("[data-relation]", (cells) => cells.map(({dataset, textContent}) => ({...dataset, text: textContent})));
	const relations = {};
	let equal = 0;
	for (const {relation, column, key, text} of shown) {
		relations[relation] ??= Object.fromEntries((await sql(`SELECT (${keys[relation]})::text AS its_key, to_jsonb(r) AS r
			FROM ${id(deployment)}.${relation} AS r ${where[relation]?.(id(deployment)) ?? ""}`)).map((row) => [row.its_key, row.r]));
		const row = relations[relation][key];
		assert.ok(row, `${relation} has no row ${key}`);
		const value = row[column];
		if (value === undefined || typeof value === "boolean") continue;
		const what = `${relation}.${column} of ${key}: "${text}" for ${value}`;
		if (value === null) assert.equal(text, "–", what);
		else if (typeof value === "number") {
			const [digits] = /-?[\d,.]+/.exec(text.replace(/^-[^\d]*/, "-").replace(/^[^\d-]+/, ""));
			const decimals = (digits.split(".")[1] ?? "").length;
			const scale = text.includes("%") && !/percent/.test(column) ? 100 : 1;
			const number = Number(digits.replaceAll(",", ""));
			assert.ok(Math.abs(number - value * scale) <= 0.5000001 * 10 ** -decimals, what);
			equal++;
		} else if (!/^\d{4}-\d\d-\d\dT/.test(value)) assert.equal(text, value, what);
	}
	return equal;
}

/** Nothing may stick out to the right: tables scroll in boxes of their own. */
async function fits(tab, what) {
	const [content, screen] = await tab.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
	assert.ok(content <= screen, `${what}: ${content} pixels on a screen of ${screen}`);
}

const skip = !chromium && "there is no Chromium; CHROMIUM names one that is elsewhere";
const views = {light: {}, dark: {scheme: "dark"}, phone: {viewport: phone}};
const charts = {index: 3, customers: 5, demographics: 5, value: 3, campaigns: 1, trend: 4, behaviour: 7, quality: 0};

for (const page of pages) {
	test(`${page}: charts, and numbers that are SQL's, light, dark and on a phone`, {skip}, async () => {
		for (const [view, options] of Object.entries(views)) {
			await visit("demo", page, options, async (tab) => {
				const drawn = await tab.$$eval(".chart", (all) => all.map((chart) => {
					const marks = [...chart.querySelectorAll("rect, path, circle, line")].filter((mark) => {
						const {width, height} = mark.getBoundingClientRect();
						return width > 0 || height > 0;
					});
					return {label: chart.firstElementChild.getAttribute("aria-label"), marks: marks.length, width: chart.firstElementChild.getBoundingClientRect().width};
				}));
				assert.equal(drawn.length, charts[page], `${view}: charts`);
				for (const {label, marks, width} of drawn) {
					assert.ok(label?.length > 10, `${view}: a chart without a name`);
					assert.ok(marks >= 3 && width > 150, `${view}: ${label}: ${marks} marks, ${width} wide`);
				}
				await fits(tab, `${page}, ${view}`);
				const equal = await compare(tab, demo);
				assert.ok(equal >= 10, `${equal} numbers`);
			});
		}
	});
}

test("the state of the data is in the deployment's own time", {skip}, async () => {
	const [{text}] = await sql(`SELECT to_char(as_of AT TIME ZONE 'Pacific/Auckland', 'FMDD Mon YYYY, HH24:MI') AS text FROM ${demo}.runs WHERE is_current`);
	await visit("demo", "index", {}, async (tab) => {
		const state = await tab.$eval(".state", ({textContent}) => textContent);
		assert.ok(state.includes(text) && state.includes("Pacific/Auckland") && state.includes("EUR"), `${state} has no ${text}`);
	});
});

test("bars are as long as their values, dots as many as customers", {skip}, async () => {
	const revenue = (await sql(`SELECT total_revenue::float8 AS value FROM ${demo}.segment_profiles ORDER BY segment_order`)).map(({value}) => value);
	await visit("demo", "index", {}, async (tab) => {
		const widths = await tab.$$eval("[aria-label='Bar chart: revenue by segment'] rect", (bars) => bars.map((bar) => Number(bar.getAttribute("width"))));
		assert.equal(widths.length, revenue.length);
		widths.forEach((width, index) => assert.ok(Math.abs(width / Math.max(...widths) - revenue[index] / Math.max(...revenue)) < 0.01));
	});
	const [{dots}] = await sql(`SELECT count(*)::int AS dots FROM ${demo}.customer_segments WHERE monetary > 0 AND recency_days IS NOT NULL`);
	await visit("demo", "customers", {}, async (tab) => {
		assert.equal(await tab.$$eval("[aria-label^='Scatter plot'] circle", ({length}) => length), dots);
	});
});

test("customers can be searched and sorted", {skip}, async () => {
	const [{found}] = await sql(`SELECT count(*)::int AS found FROM ${demo}.customer_segments WHERE segment_name = 'At Risk'`);
	const [{least}] = await sql(`SELECT min(recency_days)::text AS least FROM ${demo}.customer_segments WHERE segment_name = 'At Risk'`);
	await visit("demo", "customers", {}, async (tab) => {
		await tab.type("input[type=search]", "at risk:");
		assert.match(await tab.$eval("[role=status]", ({textContent}) => textContent), new RegExp(`^${found} of `));
		const first = () => tab.$eval("td[data-column=recency_days]", ({textContent}) => textContent);
		const heading = (await tab.$$("th button"))[2];
		await heading.click();
		const most = Number(await first());
		await heading.click();
		assert.equal(await first(), least);
		assert.ok(most > Number(least));
		assert.equal(await tab.$eval("th[aria-sort]", (th) => th.getAttribute("aria-sort")), "ascending");
	});
});

test("the flow between segments can be chosen by date", {skip}, async () => {
	const steps = await sql(`SELECT DISTINCT to_as_of FROM ${demo}.segment_migration WHERE from_as_of IS NOT NULL ORDER BY 1`);
	await visit("demo", "trend", {}, async (tab) => {
		const choices = await tab.$$eval("option", (options) => options.map(({value}) => value));
		assert.deepEqual(choices, steps.map(({to_as_of}) => to_as_of.toISOString()).reverse());
		await tab.select("select", choices.at(-1));
		const key = await tab.$eval("[data-relation=segment_migration]", ({dataset}) => dataset.key);
		assert.ok(key.startsWith(choices.at(-1)), key);
		await compare(tab, demo);
	});
});

test("the heat map has a cell for each month of each cohort", {skip}, async () => {
	const [{cells}] = await sql(`SELECT count(*)::int AS cells FROM ${demo}.cohort_retention WHERE retention_rate IS NOT NULL`);
	assert.ok(cells > 20);
	await visit("demo", "trend", {}, async (tab) => {
		assert.equal(await tab.$$eval("[aria-label^='Heat map: retention'] [aria-label=cell] rect", ({length}) => length), cells);
	});
});

test("a campaign that has ended has its lift, drawn to scale, and one that is running has none", {skip}, async () => {
	const [ended, running] = await sql(`SELECT *, (SELECT count(*) FROM ${demo}.campaign_results)::int AS arms FROM ${demo}.campaign_results WHERE arm = 'treated' ORDER BY starts_at`);
	assert.deepEqual([ended.status, running.status, ended.arms], ["ended", "running", 4]);
	await visit("demo", "campaigns", {}, async (tab) => {
		const cards = await tab.$$eval(".card", (all) => all.map((card) => ({title: card.querySelector("h2").textContent, text: card.textContent,
			columns: [...new Set([...card.querySelectorAll("[data-column]")].map(({dataset}) => dataset.column))]})));
		assert.deepEqual(cards.map(({title}) => title), [running.campaign, ended.campaign]);
		for (const measure of ["revenue_lift", "conversion_lift", "incremental_revenue"]) {
			for (const column of [measure, `${measure}_low`, `${measure}_high`]) {
				assert.ok(cards[1].columns.includes(column), column);
				assert.ok(!cards[0].columns.includes(column), `${column} of a running campaign`);
			}
		}
		assert.match(cards[0].text, /a lifetime value of at least €10.* running .*not over yet: lift is told when/s);
		assert.match(cards[1].text, /all customers who may be contacted · 60 days, 1 Sept? 2025 to 30 Oct 2025 · ended/);
		assert.match(cards[1].text, {"more revenue": /spent more a head/, "less revenue": /spent less a head/, "too small to tell": /contains no lift at all/}[ended.verdict]);
		assert.match(await tab.$eval("#observablehq-main", ({textContent}) => textContent), /count where chance put them.*no prediction is/s);

		const [zero, lines, dots] = await tab.$eval("[aria-label^='Dot-and-whisker']", (chart) => {
			const numbers = (group, names) => [...group.children].map((mark) => names.map((name) => Number(mark.getAttribute(name))));
			const [line, intervals] = chart.querySelectorAll("[aria-label=rule]");
			return [numbers(line, ["x1"]), numbers(intervals, ["x1", "x2"]), numbers(chart.querySelector("[aria-label=dot]"), ["cx"])];
		});
		const labels = await tab.$$eval("[aria-label^='Dot-and-whisker'] [aria-label=text] text", (texts) => texts.map((text) => ({text: text.textContent, fill: getComputedStyle(text).fill, edge: getComputedStyle(text).stroke})));
		assert.equal(labels.length, 2);
		for (const {text, fill, edge} of labels) assert.ok(/^[+-]?[\d.]+%/.test(text) && fill !== "none" && fill !== edge, `${text} is ${fill} on ${edge}`);
		assert.deepEqual([zero.length, lines.length, dots.length], [1, 2, 2]);
		const scale = (lines[0][1] - lines[0][0]) / (ended.revenue_lift_high - ended.revenue_lift_low);
		["revenue_lift", "conversion_lift"].forEach((measure, index) => {
			for (const [at, column] of [[lines[index][0], `${measure}_low`], [dots[index][0], measure], [lines[index][1], `${measure}_high`]]) {
				assert.ok(Math.abs(at - zero[0][0] - scale * ended[column]) < 1, `${column}: ${at} for ${ended[column]}`);
			}
		});
	});
});

test("text stands out from what is behind it", {skip}, async () => {
	for (const scheme of ["light", "dark"]) {
		await visit("demo", "index", {scheme}, async (tab) => {
			const ratios = await tab.evaluate(() => {
				const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
				const luminance = (color, behind) => {
					for (const fill of [behind, color].filter(Boolean)) { context.fillStyle = fill; context.fillRect(0, 0, 1, 1); }
					const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
					return 0.2126 * r + 0.7152 * g + 0.0722 * b;
				};
				const background = (element) => {
					for (let at = element; at; at = at.parentElement) {
						const color = getComputedStyle(at).backgroundColor;
						if (!/, 0\)$|transparent/.test(color)) return color;
					}
				};
				return ["h1", ".state", ".hint", "td", "th", ".counter .number", ".chart text"].map((selector) => {
					const element = document.querySelector(selector);
					const style = getComputedStyle(element);
					const behind = background(element);
					const [low, high] = [luminance(style.color, behind), luminance(behind)].sort((a, b) => a - b);
					return [selector, (high + 0.05) / (low + 0.05)];
				});
			});
			for (const [selector, ratio] of ratios) assert.ok(ratio >= 4.5, `${scheme}: ${selector} has a contrast of ${ratio.toFixed(2)}`);
		});
	}
});

test("with three columns, one refresh and nothing else every page opens", {skip}, async () => {
	const said = {};
	for (const page of pages) {
		for (const options of [{}, {viewport: phone}]) {
			await visit("own", page, options, async (tab) => {
				said[page] = await tab.$eval("#observablehq-main", ({textContent}) => textContent);
				await compare(tab, own);
				assert.equal(await tab.$("img"), null, "a customer's key is no markup");
				await fits(tab, page);
			});
		}
	}
	assert.match(said.index, /points/);
	assert.match(said.customers, /5 of 13 customers/);
	assert.match(said.demographics, /Demographics are not mapped/);
	assert.match(said.value, /There are no lifetime values/);
	assert.match(said.campaigns, /There is no campaign with a result yet/);
	assert.match(said.trend, /There is one date so far/);
	assert.match(said.behaviour, /There are no clusters/);
});

test("a reader with a row filter sees his customers, and is told about totals", {skip}, async () => {
	const [{customers}] = await sql(`SELECT count(*)::int AS customers FROM ${id(own)}.customer_segments WHERE frequency > 3`);
	assert.ok(customers > 0 && customers < 13);
	for (const page of pages) {
		await visit("bound", page, {}, async (tab) => {
			const text = await tab.$eval("#observablehq-main", ({textContent}) => textContent);
			if (page === "customers") assert.match(text, new RegExp(`${customers} of ${customers}`));
			else assert.match(text, /a part of the customers only|may not see totals|too few/, page);
		});
	}
});
