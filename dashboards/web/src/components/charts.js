// The charts. Each takes rows as they are published, and is drawn anew when the
// width of its place changes. Colours of segments are the data's; beside each
// colour stands a name.

import * as Plot from "@observablehq/plot";
import {sankey as layOutSankey, sankeyLinkHorizontal} from "d3-sankey";
import {arc, pie} from "d3-shape";
import {formats, shortCount, shortMoney} from "./format.js";
import {h} from "./page.js";
import {stateCode, tiles} from "./us_states.js";

/** A drawing that fits its place: draw(width) gives the SVG. */
export function chart(label, draw) {
	const place = h("div.chart");
	let drawn = 0;
	new ResizeObserver(([{contentRect: {width}}]) => {
		if (!width || Math.abs(width - drawn) < 1) return;
		drawn = width;
		const drawing = draw(Math.floor(width));
		drawing.setAttribute("role", "img");
		drawing.setAttribute("aria-label", label);
		place.replaceChildren(drawing);
	}).observe(place);
	return place;
}

const plot = (label, options) => chart(label, (width) => {
	const {marks, ...rest} = typeof options === "function" ? options(width) : options;
	return Plot.plot({width, ...rest, marks: marks.filter(Boolean)});
});

const longest = (texts, least = 40) => Math.min(190, Math.max(least, ...texts.map((text) => 12 + 6.6 * String(text).length)));
const names = (rows) => rows.map(({segment_name}) => segment_name);
const colors = (rows) => {
	const bySegment = new Map(rows.map(({segment_name, segment_color}) => [segment_name, segment_color]));
	return {domain: [...bySegment.keys()], range: [...bySegment.values()].map((color) => color ?? "var(--theme-foreground-faint)")};
};
const halo = {stroke: "var(--theme-background)", strokeWidth: 3, paintOrder: "stroke"};
const accent = "var(--theme-foreground-focus)";

// Room for a label to the right of the longest bar, and to the left of one below 0
const range = (values, start, end) => {
	const least = Math.min(0, ...values);
	const greatest = Math.max(0, ...values);
	const span = greatest - least || 1;
	return [least - (least < 0 ? start * span : 0), greatest + end * span];
};

/** Estimates with their intervals, against a line at 0; hollow where the interval contains it. */
export function whiskers(label, rows, {name, value, low, high, kind}) {
	const format = formats[kind];
	return plot(label, (width) => {
		const beside = width >= 460;
		return {
			height: 44 * rows.length + 34,
			marginLeft: longest(rows.map((row) => row[name])),
			marginRight: beside ? 165 : 24,
			marginTop: 8,
			x: {label: null, grid: true, zero: true, nice: true, ticks: Math.max(2, Math.floor(width / 130)), tickFormat: format},
			y: {label: null, domain: rows.map((row) => row[name]), tickSize: 0, padding: 0.3},
			marks: [
				Plot.ruleX([0], {stroke: "currentColor", strokeWidth: 1.5}),
				Plot.ruleY(rows, {x1: low, x2: high, y: name, stroke: accent, strokeWidth: 2.5}),
				Plot.dot(rows, {x: value, y: name, r: 5.5, stroke: accent, strokeWidth: 2,
					fill: (row) => row[low] > 0 || row[high] < 0 ? accent : "var(--theme-background)"}),
				Plot.text(rows, {...beside ? {frameAnchor: "right", textAnchor: "start", dx: 12} : {x: value, dy: -15}, y: name,
					text: (row) => beside ? `${format(row[value])} (${format(row[low])} to ${format(row[high])})` : format(row[value]), fill: "var(--theme-foreground)", ...halo, stroke: "var(--theme-background-alt)"})
			]
		};
	});
}

/** Horizontal bars in the order of the rows, each with its name and value. */
export function bars(label, rows, {name = "segment_name", value, kind = "count", fill = "segment_color", detail}) {
	const format = formats[kind];
	return plot(label, (width) => ({
		height: 28 * rows.length + 10,
		marginLeft: longest(rows.map((row) => row[name])),
		marginTop: 5,
		marginBottom: 5,
		x: {axis: null, domain: range(rows.map((row) => row[value] ?? 0), 0.25, width < 450 ? 0.5 : 0.3)},
		y: {label: null, domain: rows.map((row) => row[name]), tickSize: 0, padding: 0.25},
		marks: [
			Plot.barX(rows, {x: value, y: name, fill: (row) => row[fill] ?? accent}),
			Plot.text(rows.filter((row) => !(row[value] < 0)), {x: (row) => row[value] ?? 0, y: name, dx: 5, textAnchor: "start",
				text: (row) => width < 400 || !detail ? format(row[value]) : `${format(row[value])} · ${detail(row)}`}),
			Plot.text(rows.filter((row) => row[value] < 0), {x: value, y: name, dx: -5, textAnchor: "end", text: (row) => format(row[value])}),
			Plot.ruleX([0])
		]
	}));
}

/** Bars side by side: for each row one a series, {label, value, fill}. */
export function comparedBars(label, rows, series, {name = "segment_name", kind}) {
	const long = rows.flatMap((row) => series.map((one) => ({row, name: row[name], series: one.label, value: row[one.value], fill: one.fill(row), opacity: one.opacity ?? 1})));
	return plot(label, (width) => ({
		height: (18 * series.length + 14) * rows.length + 10,
		marginLeft: longest(rows.map((row) => row[name])),
		marginTop: 5,
		marginBottom: 5,
		x: {axis: null, domain: range(long.map(({value}) => value ?? 0), 0.25, width < 450 ? 1.1 : 0.4)},
		fy: {label: null, domain: rows.map((row) => row[name]), axis: "left", padding: 0.15},
		y: {axis: null, domain: series.map((one) => one.label), padding: 0.1},
		marks: [
			Plot.barX(long, {x: "value", y: "series", fy: "name", fill: "fill", fillOpacity: "opacity"}),
			Plot.text(long, {x: (one) => Math.max(0, one.value ?? 0), y: "series", fy: "name", dx: 5, textAnchor: "start", text: (one) => `${formats[kind](one.value)} ${one.series}`}),
			Plot.ruleX([0])
		]
	}));
}

/** A ring of shares, named at the outside; on a narrow screen, and for thin slices, the names stand below. */
export function donut(label, rows, {value, share}) {
	return chart(label, (width) => {
		const narrow = width < 330;
		const radius = narrow ? Math.min(110, width / 2 - 50) : Math.min(120, width / 2 - 110);
		const thin = ({startAngle, endAngle}) => endAngle - startAngle < 0.2;
		const ring = arc().innerRadius(radius * 0.58).outerRadius(radius).padAngle(0.01);
		const around = arc().innerRadius(radius + 22).outerRadius(radius + 22);
		const slices = pie().sort(null).value((row) => row[value] ?? 0)(rows);
		const named = slices.filter((slice) => narrow || thin(slice));
		const middle = radius + 38;
		const height = 2 * middle + 20 * named.length;
		const svg = element("svg", {width, height, viewBox: [-width / 2, -middle, width, height].join(" ")});
		for (const slice of slices) {
			const path = element("path", {d: ring(slice), fill: slice.data.segment_color ?? "gray"});
			path.append(element("title", {}, `${slice.data.segment_name}: ${formats.count(slice.data[value])} customers, ${formats.percent(slice.data[share])}`));
			svg.append(path);
			if (thin(slice)) continue;
			const [x, y] = around.centroid(slice);
			const place = {x, y, "text-anchor": narrow || Math.abs(x) < radius * 0.2 ? "middle" : x < 0 ? "end" : "start", "font-size": 12, fill: "currentColor"};
			if (!narrow) svg.append(element("text", {...place, dy: "-0.25em", "font-weight": 600}, slice.data.segment_name));
			svg.append(element("text", {...place, dy: narrow ? "0.35em" : "0.95em"}, formats.percent(slice.data[share])));
		}
		named.forEach(({data}, index) => {
			const y = middle + 20 * index + 8;
			svg.append(element("rect", {x: 10 - width / 2, y: y - 9, width: 10, height: 10, rx: 2, fill: data.segment_color ?? "gray"}),
				element("text", {x: 28 - width / 2, y, "font-size": 12, fill: "currentColor"}, `${data.segment_name} ${formats.percent(data[share])}`));
		});
		return svg;
	});
}

function element(name, attributes, text) {
	const made = document.createElementNS("http://www.w3.org/2000/svg", name);
	for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
	if (text != null) made.append(text);
	return made;
}

/** Customers by days since the last purchase and money spent. */
export function scatter(label, rows) {
	return plot(label, (width) => ({
		height: Math.min(480, Math.max(320, width * 0.5)),
		marginLeft: 60,
		inset: 12,
		x: {label: "Days since the last purchase →", grid: true},
		y: {type: "log", label: "↑ Money spent", grid: true, tickFormat: shortMoney, ticks: powersOfTen(rows, "monetary", "monetary")},
		color: colors([...rows].sort((a, b) => a.segment_order - b.segment_order)),
		marks: [
			Plot.dot(rows, {x: "recency_days", y: "monetary", fill: "segment_name", r: rows.length > 2000 ? 2 : 3, fillOpacity: 0.7}),
			// each segment's name, where the middle of it is
			Plot.text(rows, {...Plot.groupZ({x: "median", y: "median", text: "first"}, {x: "recency_days", y: "monetary", z: "segment_name", text: "segment_name"}), fontWeight: 600, fontSize: 13, fill: "var(--theme-foreground)", ...halo}),
			Plot.tip(rows, Plot.pointer({x: "recency_days", y: "monetary", lineWidth: 30,
				title: (row) => `Customer ${row.customer_id}\n${row.segment_reason}`, fill: "var(--theme-background)"}))
		]
	}));
}

// The powers of ten between two columns' least and greatest value, below 0 too
function powersOfTen(rows, least, greatest) {
	const [start, end] = [Math.min(...rows.map((row) => row[least])), Math.max(...rows.map((row) => row[greatest]))];
	const powers = Array.from({length: 13}, (_, exponent) => 10 ** exponent);
	const ticks = [...powers.map((power) => -power), 0, ...powers].filter((tick) => tick >= start && tick <= end);
	const step = Math.ceil(ticks.length / 5);
	return ticks.filter((_, index) => (ticks.length - 1 - index) % step === 0);
}

/** Least, quartiles and greatest; on a logarithmic axis where that can be. */
export function boxes(label, rows, {kind, logarithmic}) {
	const positive = logarithmic && rows.every(({min}) => min > 0);
	const format = kind === "money" ? shortMoney : shortCount;
	return plot(label, {
		height: 34 * rows.length + 40,
		marginLeft: longest(names(rows)),
		marginRight: 62,
		x: {type: positive ? "log" : logarithmic ? "symlog" : "linear", label: null, grid: true, tickFormat: format,
			ticks: logarithmic ? powersOfTen(rows, "min", "max") : 4},
		y: {label: null, domain: names(rows), tickSize: 0, padding: 0.35},
		marks: [
			Plot.ruleY(rows, {x1: "min", x2: "max", y: "segment_name", strokeOpacity: 0.6}),
			Plot.barX(rows, {x1: "q1", x2: "q3", y: "segment_name", fill: (row) => row.segment_color ?? accent}),
			Plot.tickX(rows, {x: "median", y: "segment_name", stroke: "currentColor", strokeWidth: 2.5}),
			Plot.text(rows, {frameAnchor: "right", y: "segment_name", text: (row) => formats[kind](row.median), textAnchor: "start", dx: 8}),
			Plot.tip(rows, Plot.pointerY({x: "median", y: "segment_name", fill: "var(--theme-background)", title: (row) =>
				["min", "q1", "median", "q3", "max"].map((name) => `${name} ${formats[kind](row[name])}`).join("\n")}))
		]
	});
}

/** Cells of two scales, the fuller the stronger; each says its number. */
export function heatMap(label, rows, {x, y, xLabel, yLabel, strength, text, title, xDomain, yDomain, cell = 52, reverse = false}) {
	return plot(label, (width) => ({
		height: cell * new Set(rows.map((row) => row[y])).size + 60,
		marginLeft: 70,
		marginBottom: 45,
		x: {label: xLabel, domain: xDomain, tickSize: 0, type: "band", labelAnchor: "center", tickFormat: String},
		y: {label: yLabel, domain: yDomain, tickSize: 0, type: "band", reverse, tickFormat: String},
		opacity: {range: [0.04, 0.62], type: "linear"},
		marks: [
			Plot.cell(rows, {x, y, fill: accent, fillOpacity: {value: strength, scale: "opacity"}, inset: 1, rx: 3}),
			Plot.text(rows, {x, y, text: (row) => text(row, width)}),
			Plot.tip(rows, Plot.pointer({x, y, title, fill: "var(--theme-background)"}))
		]
	}));
}

/** States of the USA as tiles. */
export function stateTiles(label, rows) {
	const counted = new Map(rows.map((row) => [stateCode(row.value), row]));
	const cells = tiles.map((tile) => ({...tile, row: counted.get(tile.code)}));
	return plot(label, (width) => ({
		height: Math.min(width, 640) * 0.72,
		margin: 2,
		x: {axis: null, type: "band", padding: 0.06},
		y: {axis: null, type: "band", padding: 0.06},
		opacity: {range: [0.04, 0.7], type: "sqrt"},
		marks: [
			Plot.cell(cells, {x: "x", y: "y", fill: accent, fillOpacity: (tile) => tile.row?.customer_count ?? 0, stroke: "var(--theme-foreground-faintest)", rx: 4}),
			Plot.text(cells, {x: "x", y: "y", text: "code", fontWeight: 600, dy: width < 420 ? 0 : -7}),
			width >= 420 && Plot.text(cells, {x: "x", y: "y", text: (tile) => tile.row ? formats.count(tile.row.customer_count) : "", dy: 8}),
			Plot.tip(cells, Plot.pointer({x: "x", y: "y", fill: "var(--theme-background)", title: (tile) => tile.row ?
				`${tile.row.value}: ${formats.count(tile.row.customer_count)} customers, ${formats.money(tile.row.total_revenue)}` : `${tile.code}: none`}))
		]
	}));
}

/** Segments over time, stacked or as lines, named at the right end. */
export function timeline(label, rows, {value, stacked, format}) {
	const dated = rows.map((row) => ({...row, as_of: new Date(row.as_of)}));
	const last = Math.max(...dated.map(({as_of}) => +as_of));
	const ends = dated.filter(({as_of}) => +as_of === last);
	const options = {x: "as_of", order: "segment_order", reverse: true};
	return plot(label, (width) => ({
		height: 360,
		marginLeft: 60,
		marginRight: longest(names(ends)) + 8,
		x: {label: null, type: "utc", ticks: Math.max(2, Math.floor(width / 110))},
		y: {label: null, grid: true, tickFormat: format, ticks: 6, zero: true},
		color: colors(ends),
		marks: stacked ? [
			Plot.areaY(dated, Plot.stackY({...options, y: value, fill: "segment_name", fillOpacity: 0.85, tip: {fill: "var(--theme-background)"}})),
			Plot.text(ends.filter((row) => row[value] > 0.02 * ends.reduce((sum, other) => sum + other[value], 0)),
				Plot.stackY({...options, y: value, text: "segment_name", textAnchor: "start", dx: 6}))
		] : [
			Plot.lineY(dated, {x: "as_of", y: value, stroke: "segment_name", strokeWidth: 2, tip: {fill: "var(--theme-background)"}}),
			Plot.text(spread(ends, value, Math.max(...dated.map((row) => row[value])) / 22), {x: "as_of", y: "at", text: "segment_name", textAnchor: "start", dx: 6})
		]
	}));
}

// Names at the ends of lines must not lie on each other
function spread(ends, value, gap) {
	let at = -Infinity;
	return [...ends].sort((a, b) => a[value] - b[value]).map((row) => ({...row, at: at = Math.max(row[value], at + gap)}));
}

/** Who went from which segment to which; the names that both sides share have their segments' colours. */
export function migration(label, rows, segments) {
	const color = new Map(segments.map(({segment_name, segment_color}) => [segment_name, segment_color]));
	const place = new Map(segments.map(({segment_name}, index) => [segment_name, index]));
	const nodes = new Map();
	const node = (side, segment, name) => {
		const id = `${side}/${name}`;
		if (!nodes.has(id)) nodes.set(id, {id, side, name, color: color.get(segment) ?? "var(--theme-foreground-faint)", place: place.get(segment) ?? Infinity});
		return id;
	};
	const links = rows.filter(({customer_count}) => customer_count > 0).map((row) => ({
		source: node("from", row.from_segment, row.from_segment ?? "Not yet customers"),
		target: node("to", row.to_segment, row.to_segment ?? "No customers any more"),
		value: row.customer_count
	}));
	return chart(label, (width) => {
		const height = 420;
		const narrow = width < 480;
		const side = narrow ? 0 : longest([...nodes.values()].map(({name}) => `${name} 00000`));
		const laidOut = layOutSankey().nodeId(({id}) => id).nodeWidth(14).nodePadding(14).extent([[side, 8], [width - side, height - 8]])
			.nodeSort((a, b) => a.place - b.place)({nodes: [...nodes.values()].map((one) => ({...one})), links: links.map((one) => ({...one}))});
		const svg = element("svg", {width, height, viewBox: `0 0 ${width} ${height}`});
		for (const link of laidOut.links) {
			const path = element("path", {d: sankeyLinkHorizontal()(link), fill: "none", stroke: link.source.color,
				"stroke-opacity": link.source.name === link.target.name ? 0.25 : 0.55, "stroke-width": Math.max(1, link.width)});
			path.append(element("title", {}, `${link.source.name} → ${link.target.name}: ${formats.count(link.value)} customers`));
			svg.append(path);
		}
		for (const one of laidOut.nodes) {
			// beside the nodes, or on the flows where there is no room beside
			const left = (one.side === "from") !== narrow;
			svg.append(element("rect", {x: one.x0, y: one.y0, width: one.x1 - one.x0, height: Math.max(1, one.y1 - one.y0), fill: one.color}),
				element("text", {x: left ? one.x0 - 6 : one.x1 + 6, y: (one.y0 + one.y1) / 2, dy: "0.35em", "text-anchor": left ? "end" : "start",
					"font-size": 12, fill: "currentColor", stroke: "var(--theme-background-alt)", "stroke-width": 3, "paint-order": "stroke"},
					`${one.name} ${formats.count(one.value)}`));
		}
		return svg;
	});
}

/** How well each number of clusters fits. */
export function elbow(label, rows, {value, format}) {
	return plot(label, (width) => ({
		height: 240,
		marginLeft: 55,
		x: {label: "Number of clusters →", ticks: rows.map(({k}) => k), tickFormat: String, inset: 20},
		y: {label: null, grid: true, ticks: 5, tickFormat: format, inset: 12},
		marks: [
			Plot.lineY(rows, {x: "k", y: value, stroke: accent}),
			Plot.dot(rows, {x: "k", y: value, fill: ({chosen}) => chosen ? accent : "var(--theme-background)", stroke: accent, r: ({chosen}) => chosen ? 7 : 4}),
			Plot.text(rows.filter(({chosen}) => chosen), {x: "k", y: value, text: ({k}) => `${k} chosen`, textAnchor: "start", dx: 8, dy: -10, fontWeight: 600})
		]
	}));
}
