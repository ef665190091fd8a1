// Chromium without a window, for tests and pictures.

import {existsSync} from "node:fs";
import puppeteer from "puppeteer-core";

export const pages = ["index", "customers", "demographics", "value", "campaigns", "trend", "behaviour", "quality"];
export const desktop = {width: 1280, height: 800};
export const phone = {width: 375, height: 740, isMobile: true, hasTouch: true};

const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];
export const chromium = places.find((path) => path && existsSync(path));

export const launch = () => puppeteer.launch({executablePath: chromium, args: [
	"--disable-dev-shm-usage", "--hide-scrollbars",
	// Chromium refuses to run as root in its sandbox
	...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])]});

/** Opens a page, and waits until its charts are drawn. Calls back for what goes wrong and for each request. */
export async function open(browser, address, {viewport = desktop, scheme = "light", onProblem = () => {}, mayLoad = () => true}) {
	const page = await browser.newPage();
	await page.setViewport(viewport);
	await page.emulateMediaFeatures([{name: "prefers-color-scheme", value: scheme}]);
	page.on("pageerror", (error) => onProblem(`error: ${error.message}`));
	page.on("console", (message) => ["error", "warn", "warning"].includes(message.type()) && onProblem(`console: ${message.text()}`));
	page.on("requestfailed", (request) => onProblem(`failed: ${request.url()}`));
	await page.setRequestInterception(true);
	page.on("request", (request) => mayLoad(request.url()) ? request.continue() : request.abort());
	// all data are loaded when nothing more is asked for
	const response = await page.goto(address, {waitUntil: "networkidle0"});
	if (!response.ok()) throw new Error(`${address}: ${response.status()}`);
	await page.waitForFunction(() => document.querySelector(".state") && !document.querySelector("observablehq-loading") &&
		[...document.querySelectorAll(".chart")].every((chart) => chart.firstElementChild));
	return page;
}
