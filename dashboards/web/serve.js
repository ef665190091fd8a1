// Serves a folder of static files on the loopback address: browsers do not load
// modules from file: addresses.
//
// usage: node serve.js [FOLDER] [PORT]      FOLDER: dist; PORT: 8080, 0 for any that is free

import {createReadStream} from "node:fs";
import {stat} from "node:fs/promises";
import {createServer} from "node:http";
import {extname, join, normalize} from "node:path";
import {pathToFileURL} from "node:url";

const types = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png"};

/** Resolves to the server, once it listens. */
export function serve(folder, port) {
	const server = createServer(async (request, response) => {
		try {
			const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
			const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
			if (!(await stat(file)).isFile()) throw new Error("not a file");
			response.setHeader("content-type", `${types[extname(file)] ?? "application/octet-stream"}; charset=utf-8`);
			createReadStream(file).pipe(response);
		} catch {
			response.writeHead(404).end("Not found");
		}
	});
	return new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", () => resolve(server)));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
	const [folder = "dist", port = "8080"] = process.argv.slice(2);
	const server = await serve(folder, Number(port));
	console.log(`http://127.0.0.1:${server.address().port}/   (Ctrl-C ends it)`);
}
