// A static site out of src/. Nothing on a page may come from another machine:
// no fonts of Google's, and no import that begins with "npm:".
const deployment = process.env.DEPLOYMENT || "rfm";

export default {
	root: "src",
	output: process.env.OUTPUT || "dist",
	title: `${deployment}: customer segments`,
	pages: [
		{name: "Segments", path: "/index"},
		{name: "Customers", path: "/customers"},
		{name: "Demographics", path: "/demographics"},
		{name: "Value", path: "/value"},
		{name: "Campaigns", path: "/campaigns"},
		{name: "Trend", path: "/trend"},
		{name: "Behaviour and clusters", path: "/behaviour"},
		{name: "Data quality and runs", path: "/quality"}
	],
	head: '<link rel="icon" href="data:,">',
	style: "style.css",
	globalStylesheets: [],
	search: false,
	toc: false,
	footer: "Made with <a href='https://observablehq.com/framework/'>Observable Framework</a> from what rfmseg publishes.",
	// Any static file server will do then, one that knows nothing of clean addresses too
	preserveIndex: true,
	preserveExtension: true
};
