// What pages are made of, charts apart: header, counters, tables, cards.

import {deployment, formats, isNumber} from "./format.js";

/** h("p.hint", {id: "x"}, "text", child): text is never read as markup. */
export function h(name, properties = {}, ...children) {
	const [tag, ...classes] = name.split(".");
	const element = document.createElement(tag);
	element.className = classes.join(" ");
	for (const [key, value] of Object.entries(properties)) {
		if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
		else if (value != null) element.setAttribute(key, value);
	}
	element.append(...children.filter((child) => child != null));
	return element;
}

/** The line beneath a page's title: what it shows, and how old that is. */
export function state() {
	const {name, as_of, refreshed_at, time_zone, currency, readable_customers, customers} = deployment;
	const facts = [`Deployment ${name}`];
	if (as_of) facts.push(`as of ${formats.time(as_of)}`, `refreshed ${formats.time(refreshed_at)}`, `times in ${time_zone ?? "UTC"}`, `money in ${currency}`);
	if (customers == null || readable_customers < customers) facts.push(`${formats.count(readable_customers)} customers that the reader may see`);
	return h("p.state", {}, `${facts.join(" · ")}.`);
}

/** Marks an element as one value of a published relation, which is what the tests look for. */
const source = (relation, column, key) => ({"data-relation": relation, "data-column": column, "data-key": key});

/** One value in a text. */
export const value = (relation, column, key, row, kind = "text") => h("span", source(relation, column, key), formats[kind](row[column]));

export function counter(relation, column, key, {label, value, kind = "count", note, color}) {
	const element = h("div.counter", {}, h("div", {}, label),
		h("div.number", source(relation, column, key), formats[kind](value)), note ? h("div.hint", {}, note) : null);
	if (color) element.style.setProperty("--counter-color", color);
	return element;
}

export const counters = (...children) => h("div.counters", {}, ...children);

export function swatch(color) {
	const element = h("span.swatch", {"aria-hidden": "true"});
	element.style.backgroundColor = color ?? "transparent";
	return element;
}

/** A titled box with a sentence about it. Without content it says why. */
export function card(title, sentence, content, without = "There is nothing to show.") {
	const empty = !content;
	return h("section.card", {}, h("h2", {}, title), h("p.hint", {}, empty ? without : sentence), empty ? null : content);
}

function cell(row, {name, kind = "text", note}, relation, key) {
	const text = kind === "segment" || kind === "prose" ? formats.text(row[name]) : formats[kind](row[name]);
	return h(isNumber(kind) ? "td.number" : kind === "prose" ? "td.prose" : "td", {...source(relation, name, key), title: note?.(row)},
		kind === "segment" ? h("span", {}, swatch(row.segment_color), text) : text);
}

const order = (name, direction) => (a, b) => {
	const [x, y] = [a[name], b[name]];
	if (x == null || y == null) return (x == null) - (y == null);
	return direction * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", {numeric: true}));
};

/**
 * A table of a relation's rows that sorts by its headings. columns: {name, label,
 * kind}; key: what tells a row from another, for tests; limit: rows at a time.
 */
export function table(relation, rows, columns, {key, limit = 50, caption} = {}) {
	const body = h("tbody");
	const more = h("button.more", {type: "button", onclick: () => show(shown + limit)}, "Show more");
	let shown = limit;
	let sorted = rows;

	function show(count) {
		shown = count;
		body.replaceChildren(...sorted.slice(0, shown).map((row) =>
			h("tr", {}, ...columns.map((column) => cell(row, column, relation, key(row))))));
		more.hidden = sorted.length <= shown;
	}

	const headings = columns.map(({name, label, kind = "text"}) => {
		const heading = h(isNumber(kind) ? "th.number" : "th", {scope: "col"}, h("button", {type: "button", onclick: () => {
			const direction = heading.getAttribute("aria-sort") === (isNumber(kind) ? "descending" : "ascending") ? "opposite" : "first";
			const ascending = (direction === "first") !== isNumber(kind);
			for (const other of headings) other.removeAttribute("aria-sort");
			heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
			sorted = [...sorted].sort(order(name, ascending ? 1 : -1));
			show(limit);
		}}, label));
		return heading;
	});

	show(limit);
	const element = h("div", {}, h("div.scroll", {tabindex: "0", role: "region", "aria-label": caption},
		h("table", {}, h("thead", {}, h("tr", {}, ...headings)), body)), more);
	return Object.assign(element, {replace(other) { sorted = other; show(limit); }});
}

/** A table with a field above it that keeps the rows that contain what is typed. */
export function searchableTable(relation, rows, columns, options) {
	const list = table(relation, rows, columns, options);
	const found = h("span.hint", {role: "status"});
	const text = new Map(rows.map((row) => [row, columns.map(({name}) => row[name] ?? "").join(" ").toLowerCase()]));
	const input = h("input", {type: "search", placeholder: "Search", "aria-label": `Search ${options.caption}`, oninput: search});

	function search() {
		const words = input.value.toLowerCase().split(/\s+/);
		const kept = rows.filter((row) => words.every((word) => text.get(row).includes(word)));
		list.replace(kept);
		found.textContent = `${formats.count(kept.length)} of ${formats.count(rows.length)}`;
	}
	search();
	return h("div", {}, h("div.tools", {}, input, found), list);
}

/** What to do about each segment of a kind. */
export function advice(rows) {
	return h("ul.advice", {}, ...rows.map((row) => {
		const key = `${row.kind}/${row.segment_name}`;
		const its = (column, kind) => value("recommendations", column, key, row, kind);
		return h("li", {},
			h("strong", {}, row.segment_color ? swatch(row.segment_color) : null, row.segment_name),
			h("div", {}, h("div.action", {}, row.action), h("div.hint", {}, row.rationale)),
			h("div", {}, its("customer_count", "count"), " customers", h("br"),
				h("span.hint", {}, its("revenue_at_stake", "money"), " a year at stake")));
	}));
}
