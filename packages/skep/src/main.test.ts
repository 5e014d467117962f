// The launcher, as every Node meets it.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "skep-launcher-"));
after(() => rmSync(work, { recursive: true, force: true }));

/** A package with nothing but the launcher and an entry of ours. */
function packageWith(name: string, main: string): string {
	const folder = join(work, name);
	mkdirSync(join(folder, "dist"), { recursive: true });
	cpSync(join(home, "bin"), join(folder, "bin"), { recursive: true });
	writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
	writeFileSync(join(folder, "dist/main.js"), main);
	return folder;
}

/** Says to be an older Node. */
function pretending(version: string): string[] {
	const file = join(work, `old-${version}.cjs`);
	writeFileSync(
		file,
		`Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });`,
	);
	return ["--require", file];
}

const launcher = (folder: string) => join(folder, "bin/skep");

test("an old Node is told which is needed and how to get it", () => {
	const folder = packageWith("alone", "export function main() { console.log('ran'); }");
	for (const version of ["12.0.0", "20.20.2", "22.14.0"]) {
		const { status, stdout, stderr } = spawnSync(process.execPath, [...pretending(version), launcher(folder), "help"], {
			encoding: "utf8",
		});
		assert.equal(status, 1);
		assert.equal(stdout, "");
		assert.match(
			stderr,
			new RegExp(`^skep: needs Node 22\\.15 or later, this is Node ${version.replaceAll(".", "\\.")} `),
		);
		assert.match(stderr, /npm install node@26/);
	}
	assert.equal(
		spawnSync(process.execPath, [...pretending("22.15.0"), launcher(folder)], { encoding: "utf8" }).stdout,
		"ran\n",
	);
});

test("an old Node hands over to the package of a newer one: words, status and signals pass", async () => {
	const folder = packageWith(
		"handed",
		`export function main(words) {
			process.on("SIGTERM", () => process.exit(9));
			console.log(JSON.stringify(words));
			if (words[0] === "wait") { setInterval(() => {}, 1000); return; }
			if (words[0] === "die") process.kill(process.pid, "SIGKILL");
			process.exitCode = 7;
		}`,
	);
	mkdirSync(join(folder, "node_modules/node/bin"), { recursive: true });
	// Another path of the same executable: the launcher does not hand over to itself.
	symlinkSync(process.execPath, join(folder, "node_modules/node/bin/node"));
	const old = [...pretending("20.20.2"), launcher(folder)];
	const plain = spawnSync(process.execPath, [...old, "a b", "--c"], { encoding: "utf8" });
	assert.deepEqual([plain.stdout, plain.status], ['["a b","--c"]\n', 7]);
	assert.equal(spawnSync(process.execPath, [...old, "die"]).signal, "SIGKILL");
	const waiting = spawn(process.execPath, [...old, "wait"], { stdio: ["ignore", "pipe", "inherit"] });
	await new Promise((resolve) => waiting.stdout.once("data", resolve));
	waiting.kill("SIGTERM");
	assert.equal(await new Promise((resolve) => waiting.once("exit", resolve)), 9);
});

test("killed, the launcher takes the newer Node with it", async (t) => {
	if (!existsSync("/proc/self/stat")) return t.skip("needs /proc, to see a process end");
	const folder = packageWith(
		"killed",
		"export function main() { console.log(process.pid); setInterval(() => {}, 1000); }",
	);
	mkdirSync(join(folder, "node_modules/node/bin"), { recursive: true });
	symlinkSync(process.execPath, join(folder, "node_modules/node/bin/node"));
	const run = spawn(process.execPath, [...pretending("20.20.2"), launcher(folder)], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	const pid = Number(await new Promise<Buffer>((resolve) => run.stdout.once("data", resolve)));
	assert.notEqual(pid, run.pid);
	run.kill("SIGKILL");
	while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
});

function isRunning(pid: number): boolean {
	try {
		return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
	} catch {
		return false;
	}
}

test("a bundle older than its sources is left alone", () => {
	const folder = packageWith("stale", "export function main() { console.log('bundle'); }");
	mkdirSync(join(folder, "src"));
	const run = () => spawnSync(process.execPath, [launcher(folder)], { encoding: "utf8" }).stdout;
	writeFileSync(join(folder, "src/main.ts"), "export function main(): void { console.log('sources'); }");
	writeFileSync(join(folder, "dist/main.js"), readFileSync(join(folder, "dist/main.js")));
	writeFileSync(join(folder, "dist/inputs.json"), '["src/main.ts"]');
	assert.equal(run(), "bundle\n");
	const later = new Date(Date.now() + 5000);
	spawnSync("touch", ["-d", later.toISOString(), join(folder, "src/main.ts")]);
	assert.equal(run(), "sources\n");
	writeFileSync(join(folder, "dist/inputs.json"), '["src/gone.ts"]');
	assert.equal(run(), "sources\n");
});

test("nouns with a bundle of their own", () => {
	const folder = packageWith("quick", "export function main() { console.log('whole'); }");
	writeFileSync(join(folder, "dist/quick.js"), "export function main(words) { console.log(words.join()); }");
	const run = (...words: string[]) =>
		spawnSync(process.execPath, [launcher(folder), ...words], { encoding: "utf8" }).stdout;
	assert.equal(run("prog", "list"), "whole\n");
	writeFileSync(join(folder, "dist/quick.json"), '["prog"]');
	assert.equal(run("-j", "prog", "list"), "-j,prog,list\n");
	assert.equal(run("run", "prog"), "whole\n");
	assert.equal(run(), "whole\n");
});

test("an entry that fails is told in a line", () => {
	const folder = packageWith("broken", "throw new Error('broken')");
	const { status, stderr } = spawnSync(process.execPath, [launcher(folder)], { encoding: "utf8" });
	assert.equal(status, 1);
	assert.equal(stderr, "skep: broken\n");
});

test("the version is the package's", async () => {
	const { VERSION } = await import("#command");
	assert.equal(VERSION, JSON.parse(readFileSync(join(home, "package.json"), "utf8")).version);
});
