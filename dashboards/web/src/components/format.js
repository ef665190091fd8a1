// Numbers and times as the deployment's currency and time zone have them.
// What is not known is a dash, never a zero.

import {FileAttachment} from "observablehq:stdlib";

export const deployment = await FileAttachment("../data/deployment.json").json();

const unknown = "–";
const known = (format) => (value) => value == null ? unknown : format(value);
const numbers = (options) => known(new Intl.NumberFormat("en", options).format);
const times = (options) => {
	const format = new Intl.DateTimeFormat("en-GB", {timeZone: deployment.time_zone ?? "UTC", ...options});
	return known((value) => format.format(new Date(value)));
};

// Only codes of three letters are currencies to a browser; a deployment may use others
const inMoney = (options) => {
	const currency = deployment.currency ?? "";
	return /^[A-Za-z]{3}$/.test(currency) ? numbers({style: "currency", currency, ...options}) :
		known((value) => `${new Intl.NumberFormat("en", {maximumFractionDigits: 2, ...options}).format(value)} ${currency}`);
};

const wholeMoney = inMoney({maximumFractionDigits: 0});
const exactMoney = inMoney({});

/** kind of a column → how it is written */
export const formats = {
	text: known(String),
	count: numbers({maximumFractionDigits: 0}),
	number: numbers({maximumFractionDigits: 1}),
	fine: numbers({maximumFractionDigits: 3}),
	money: (value) => Math.abs(value) >= 1000 ? wholeMoney(value) : exactMoney(value),
	exact: exactMoney,
	percent: known((value) => `${new Intl.NumberFormat("en", {maximumFractionDigits: 1}).format(value)}%`),
	change: known((value) => `${new Intl.NumberFormat("en", {maximumFractionDigits: 1, signDisplay: "exceptZero"}).format(value)}%`),
	rate: numbers({style: "percent", maximumFractionDigits: 1}),
	lift: numbers({style: "percent", maximumFractionDigits: 1, signDisplay: "exceptZero"}),
	date: times({dateStyle: "medium"}),
	time: times({dateStyle: "medium", timeStyle: "short"})
};

/** An axis has room for "$1.2M" only. */
export const shortMoney = inMoney({notation: "compact", maximumFractionDigits: 1});
export const shortCount = numbers({notation: "compact", maximumFractionDigits: 1});

export const isNumber = (kind) => !["text", "segment", "prose", "date", "time"].includes(kind);
