// Pictures of the pages in dist.
//
// usage: npm run pictures [FOLDER]     FOLDER: ../../docs/pictures, where those of the documents go
//        ALL=yes                       each page, light, dark and on a phone

import {mkdir} from "node:fs/promises";
import {join} from "node:path";
import {desktop, launch, open, pages, phone} from "./browser.js";
import {serve} from "./serve.js";

const folder = process.argv[2] ?? "../../docs/pictures";
const small = {...desktop, width: 1240, height: 720};
const wanted = process.env.ALL ? pages.flatMap((page) => [
	{page, name: page, fullPage: true}, {page, name: `${page}-dark`, scheme: "dark", fullPage: true}, {page, name: `${page}-phone`, viewport: phone, fullPage: true}]) : [
	{page: "index", name: "dashboard-segments", viewport: small},
	{page: "customers", name: "dashboard-customers", viewport: small, scheme: "dark"},
	{page: "trend", name: "dashboard-trend", viewport: {...small, height: 860}},
	{page: "index", name: "dashboard-phone", viewport: phone}
];

await mkdir(folder, {recursive: true});
const server = await serve("dist", 0);
const browser = await launch();
for (const {page, name, fullPage = false, ...options} of wanted) {
	const tab = await open(browser, `http://127.0.0.1:${server.address().port}/${page}.html`, {...options, onProblem: (text) => console.error(`${name}: ${text}`)});
	await tab.screenshot({path: join(folder, `${name}.png`), fullPage});
	await tab.close();
}
await browser.close();
server.close();
