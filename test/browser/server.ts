import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
	".html": "text/html; charset=utf-8",
	".js": "text/javascript; charset=utf-8",
	".json": "application/json",
};

/** Own scripts and own files; no code made from text. */
const STRICT = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:";

/** What a page is served with that may share memory with its workers. */
const ISOLATED = {
	"cross-origin-opener-policy": "same-origin",
	"cross-origin-embedder-policy": "require-corp",
};

export interface Server extends AsyncDisposable {
	/** `http://127.0.0.1:PORT/` */
	readonly address: string;
	/** Paths that were asked for and are not there. */
	readonly missing: readonly string[];
}

/**
 * Serves files by their paths, on 127.0.0.1 only. Under `strict/` pages have a content security policy without unsafe-eval,
 * under `isolated/` they are cross-origin isolated.
 */
export async function serve(files: ReadonlyMap<string, string>): Promise<Server> {
	const missing: string[] = [];
	const server = createServer((request, response) => {
		const path = decodeURIComponent(new URL(request.url ?? "/", "http://127.0.0.1").pathname).slice(1);
		const strict = path.startsWith("strict/");
		const isolated = path.startsWith("isolated/");
		const name = strict || isolated ? path.slice(path.indexOf("/") + 1) : path;
		const file = files.get(name);
		if (file === undefined) {
			missing.push(path);
			response.writeHead(404).end();
			return;
		}
		response.writeHead(200, {
			"content-type": TYPES[extname(name)] ?? "application/octet-stream",
			...(strict ? { "content-security-policy": STRICT } : {}),
			...(isolated ? ISOLATED : {}),
		});
		response.end(readFileSync(file));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
		missing,
		async [Symbol.asyncDispose]() {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
