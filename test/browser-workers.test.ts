// One virtual kernel in a page and its workers, in headless Chromium: where the page is cross-origin isolated, and where it is not.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Chromium, findChromium } from "./browser/chromium.ts";
import { serve } from "./browser/server.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const file = findChromium();

test("a page and two workers on one machine", async (t) => {
	if (file === undefined) return t.skip("needs chromium: it is not in PATH");
	const folder = mkdtempSync(join(tmpdir(), "skep-browser-"));
	try {
		const script = join(folder, "workers.js");
		await build({
			entryPoints: [join(root, "test/browser/workers.ts")],
			outfile: script,
			bundle: true,
			format: "esm",
			platform: "browser",
			target: "es2022",
			logLevel: "silent",
			absWorkingDir: root,
		});
		await using server = await serve(
			new Map([
				["workers.html", join(root, "test/browser/workers.html")],
				["workers.js", script],
			]),
		);
		await using chromium = new Chromium(file);
		const shown = async (path: string): Promise<string | undefined> =>
			/<p id="state">(.*?)<\/p>/s.exec(await chromium.read(`${server.address}${path}`, "state"))?.[1];
		assert.equal(await shown("isolated/workers.html"), "6000 runs of 6000, keys 1 2, jit");
		assert.match((await shown("workers.html"))!, /no shared memory \(a page must be cross-origin isolated\)/);
		assert.deepEqual(server.missing, []);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});
