// The same code in a page: bundled for browsers, in headless Chromium, against what the command prints for the same files.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { NotSupportedError, PermissionError } from "@skep/bpf/base";
import { build } from "esbuild";
import { chooseKernel } from "../packages/skep/src/backend/choose.ts";
import { Chromium, findChromium } from "./browser/chromium.ts";
import { type Server, serve } from "./browser/server.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const launcher = join(root, "packages/skep/bin/skep");
const filter = "examples/xdp-filter/xdp-filter.ts";
const headers = "test/browser/headers.ts";
const capture = "examples/xdp-filter/packets.pcapng";
/** What the page may ask for besides itself, by path in the repository. */
const FILES = [
	filter,
	"examples/xdp-filter/lib/parse.ts",
	headers,
	capture,
	"packages/compiler/data/kernel.btf",
	"packages/compiler/data/tracepoints.json",
];

const file = findChromium();
const work = mkdtempSync(join(tmpdir(), "skep-browser-"));
let server: Server | undefined;
let chromium: Chromium | undefined;
let inputs: string[] = [];

before(async () => {
	const script = join(work, "page.js");
	const result = await build({
		entryPoints: [join(root, "test/browser/page.ts")],
		outfile: script,
		bundle: true,
		format: "esm",
		platform: "browser",
		target: "es2022",
		metafile: true,
		logLevel: "silent",
		absWorkingDir: root,
	});
	inputs = Object.keys(result.metafile.inputs);
	if (file === undefined) return;
	server = await serve(
		new Map([
			["page.html", join(root, "test/browser/page.html")],
			["page.js", script],
			...FILES.map((path): [string, string] => [path, join(root, path)]),
		]),
	);
	chromium = new Chromium(file);
});

after(async () => {
	await chromium?.[Symbol.asyncDispose]();
	await server?.[Symbol.asyncDispose]();
	rmSync(work, { recursive: true, force: true });
});

test("what the page runs is bpf, vm, compiler and its parser, for browsers as it stands", () => {
	const parts = inputs.map(
		(input) => /^packages\/[a-z]+|^node_modules\/(?:@[^/]+\/)?[^/]+|^test\/browser/.exec(input)?.[0],
	);
	assert.deepEqual([...new Set(parts)].sort(), [
		"node_modules/@sveltejs/acorn-typescript",
		"node_modules/acorn",
		"packages/bpf",
		"packages/compiler",
		"packages/vm",
		"test/browser",
	]);
});

interface Shown {
	readonly packets: readonly string[][];
	readonly records: readonly string[][];
	readonly maps: readonly string[][];
}

/** Cells of the table whose body has this id. */
function table(html: string, id: string): string[][] {
	const body = new RegExp(`<tbody id="${id}">(.*?)</tbody>`, "s").exec(html)?.[1] ?? assert.fail(html);
	return [...body.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) =>
		[...row!.matchAll(/<td>(.*?)<\/td>/gs)].map(([, cell]) => cell!),
	);
}

const element = (html: string, id: string): string | undefined =>
	new RegExp(`<(\\w+) id="${id}">(.*?)</\\1>`, "s").exec(html)?.[2];

/** Undefined: there is no browser, and the test is skipped. */
async function inPage(t: TestContext, entry: string, strict: boolean): Promise<Shown | undefined> {
	if (chromium === undefined || server === undefined) {
		t.skip("needs chromium: it is not in PATH");
		return undefined;
	}
	const query = new URLSearchParams({ entry, capture });
	const html = await chromium.read(`${server.address}${strict ? "strict/" : ""}page.html?${query}`, "state");
	assert.equal(element(html, "state"), "done");
	assert.equal(element(html, "code"), String(!strict), "whether code may be made from text");
	assert.deepEqual(server.missing, []);
	return { packets: table(html, "packets"), records: table(html, "records"), maps: table(html, "maps") };
}

const printed = new Map<string, Shown>();

/** What the command prints, as the page's tables have it. */
function byCommand(kernel: "linux" | "virtual", entry: string): Shown {
	const name = `${kernel} ${entry}`;
	const shown = printed.get(name) ?? runCommand(kernel, entry);
	printed.set(name, shown);
	return shown;
}

function runCommand(kernel: "linux" | "virtual", entry: string): Shown {
	const words = ["run", "--json", "--kernel", kernel, "--pcap", capture, entry];
	const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...words], { cwd: root, encoding: "utf8" });
	assert.equal(status, 0, stderr);
	const packets: string[][] = [];
	const records: string[][] = [];
	const maps: string[][] = [];
	for (const text of stdout.trimEnd().split("\n")) {
		const line = JSON.parse(text) as Record<string, string | number | boolean | Record<string, unknown>>;
		const { index, length, verdict, map, key, value, record } = line;
		if (record !== undefined) {
			const members = Object.entries(record).map(([name, member]) => `${name} ${member}`);
			records.push([String(map), String(index), members.join(", ")]);
		} else if (map !== undefined) maps.push([String(map), String(key), String(value)]);
		else packets.push([String(index), String(length), String(verdict ?? "refused: EINVAL")]);
	}
	return { packets, records, maps };
}

/** With the virtual kernel's run, and with Linux's where it may be had. */
function agrees(t: TestContext, shown: Shown, entry: string): void {
	assert.deepEqual(shown, byCommand("virtual", entry));
	try {
		chooseKernel("linux");
	} catch (error) {
		if (!(error instanceof PermissionError || error instanceof NotSupportedError)) throw error;
		t.diagnostic(`not compared with Linux: ${error.message.split("\n")[0]}`);
		return;
	}
	assert.deepEqual(shown, byCommand("linux", entry));
}

for (const strict of [false, true]) {
	const policy = strict ? "a policy without unsafe-eval" : "no policy";

	test(`xdp-filter in a page with ${policy}: verdicts and maps are the command's`, async (t) => {
		const shown = await inPage(t, filter, strict);
		if (shown === undefined) return;
		assert.equal(shown.packets.length, 13);
		assert.deepEqual(shown.packets[0], ["0", "71", "DROP"]);
		agrees(t, shown, filter);
	});

	test(`records of packets in a page with ${policy} are the command's`, async (t) => {
		const shown = await inPage(t, headers, strict);
		if (shown === undefined) return;
		assert.equal(shown.records.length, 12);
		assert.deepEqual(shown.records[0], ["headers", "0", "length 71, proto 2048, nanoseconds 56800000000, ip true"]);
		agrees(t, shown, headers);
	});
}
