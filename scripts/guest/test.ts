// Tests that this machine's kernel refuses, in guests: `npm run test:guest -- VERSION… [PATTERN…]`.
// Boots Debian's kernel of each version and runs there every `*.guest.test.ts`, or the test files that a pattern names.
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Outcome } from "./reporter.ts";

const VERSIONS = ["5.10", "6.1", "6.12", "6.18", "7.3"];
const root = fileURLToPath(new URL("../..", import.meta.url));
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const usage = `Usage: npm run test:guest -- [--limit MINUTES] [--json] VERSION… [PATTERN…]

Runs tests under QEMU (emulated, no KVM needed) on Debian's kernel of each VERSION (${VERSIONS.join(", ")}; all).
Without a PATTERN: all \`*.guest.test.ts\`. With: the test files whose path contains one.
  --limit MINUTES  ends a guest that takes longer; 30 unless given
  --json           what came of each test as one JSON document on stdout, and the progress on stderr
Wants root, Debian and about 200 MB of download for each version, once (kept in $SKEP_KERNELS or ~/.cache/skep-kernels).
Status: 0 all passed or were skipped with a reason, 1 not so, 2 usage.

Example: npm run test:guest -- 6.12 6.18 link/tracing`;

function refuse(message: string): never {
	console.error(`test:guest: ${message}`);
	process.exit(2);
}

function parsed() {
	try {
		return parseArgs({
			allowPositionals: true,
			options: {
				limit: { type: "string", default: "30" },
				json: { type: "boolean", default: false },
				help: { type: "boolean", short: "h", default: false },
			},
		});
	} catch (error) {
		return refuse((error as Error).message);
	}
}

/** What came of one guest. */
interface Guest {
	readonly version: string;
	/** As `uname -r` said; absent: it did not come so far. */
	readonly release?: string;
	readonly ended: "passed" | "failed" | "out of time" | "died";
	readonly seconds: number;
	readonly tests: readonly Outcome[];
}

const count = ({ tests }: Guest, result: Outcome["result"]): number => tests.filter((t) => t.result === result).length;

const { values, positionals } = parsed();
if (values.help || positionals.length === 0) {
	(values.help ? console.log : console.error)(usage);
	process.exit(values.help ? 0 : 2);
}
const say = values.json ? console.error : console.log;
const versions = positionals.includes("all") ? VERSIONS : positionals.filter((w) => VERSIONS.includes(w));
const patterns = positionals.filter((w) => !VERSIONS.includes(w) && w !== "all");
const limit = Number(values.limit);
if (!(limit > 0)) refuse(`--limit wants minutes, not ${values.limit}`);
if (versions.length === 0) refuse(`no kernel named; there are ${VERSIONS.join(", ")}`);
if (process.getuid?.() !== 0) refuse("wants root: the guest shares this machine's root folder, and apt installs QEMU");
const files = globSync(["packages/*/src/**/*.test.ts", "test/**/*.test.ts"], { cwd: root })
	.filter((f) => (patterns.length === 0 ? f.endsWith(".guest.test.ts") : patterns.some((p) => f.includes(p))))
	.sort();
if (files.length === 0) refuse(`no test file matches ${patterns.join(" ")}`);

function tell({ file, name, result, why, seconds }: Outcome): void {
	if (result === "passed") say(`  ✔ ${name} (${seconds} s)`);
	else if (result === "skipped") say(`  ﹣ ${name}: ${why}`);
	else say(`  ✖ ${file}: ${name}\n${why?.replace(/^/gm, "      ")}`);
}

/** All modules without types, where `stripped.js` finds them. */
function strip(folder: string): void {
	for (const file of globSync(["packages/*/{src,bin,types}/**/*.ts", "{test,scripts,examples}/**/*.ts"], {
		cwd: root,
	})) {
		mkdirSync(dirname(join(folder, file)), { recursive: true });
		try {
			writeFileSync(join(folder, file), stripTypeScriptTypes(readFileSync(join(root, file), "utf8")));
		} catch {
			// Gone, or being written: Node in the guest says so, if any test wants it.
		}
	}
}

/** Boots one version, tells what happens while it does, and kills it when its time is over. */
async function run(version: string): Promise<Guest> {
	const out = mkdtempSync(join(tmpdir(), "skep-guest-"));
	const text = (name: string) => (existsSync(join(out, name)) ? readFileSync(join(out, name), "utf8") : "");
	strip(join(out, "js"));
	// One process for all files: under emulation each start of Node costs seconds. A test that fails may leave it something to wait for.
	writeFileSync(
		join(out, "run.sh"),
		`cd ${root}
uname -r >/mnt/out/release
export SKEP_GUEST=${version} NODE_COMPILE_CACHE=/tmp/node-compile-cache NODE_OPTIONS=--import=${here("stripped.js")}
keyctl session - node_modules/.bin/node --test --test-isolation=none --test-timeout=600000 --test-force-exit \\
	--test-reporter=./scripts/guest/reporter.ts \\
	${files.join(" \\\n\t")} >/mnt/out/tests 2>/mnt/out/output
`,
	);
	say(`Linux ${version}: ${files.length} test file${files.length === 1 ? "" : "s"}`);
	const began = performance.now();
	const seconds = () => Math.round((performance.now() - began) / 1000);
	// In a group of its own: QEMU is a child of the script, and has to end with it.
	const child = spawn(here("guest"), [version, join(out, "run.sh"), out], { stdio: "pipe", detached: true });
	const kill = () => {
		if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
	};
	process.once("exit", kill);
	let console = "";
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (chunk) => (console = (console + chunk).slice(-4000)));
	let over = false;
	child.once("close", () => (over = true));

	const tests: Outcome[] = [];
	let seen = 0;
	const take = (whole: string) => {
		const lines = whole.split("\n").slice(seen, -1);
		for (const line of lines) {
			seen++;
			// Tests may print something, too.
			if (!line.startsWith('{"file":')) continue;
			const outcome = JSON.parse(line) as Outcome;
			tests.push(outcome);
			tell(outcome);
		}
		return lines.length > 0;
	};
	let late = false;
	let told = 0;
	while (!over) {
		await setTimeout(500);
		if (take(text("tests"))) told = seconds();
		else if (seconds() >= told + 10) {
			told = seconds();
			say(`  … ${told} s: ${existsSync(join(out, ".guest-started")) ? "testing" : "booting"}`);
		}
		if (!late && seconds() > limit * 60) {
			late = true;
			kill();
		}
	}
	take(text("tests"));
	process.off("exit", kill);
	const release = text("release").trim();
	const status = child.exitCode;
	const bad = status !== 0 || tests.length === 0 || tests.some((t) => t.result === "failed");
	const died = !existsSync(join(out, ".guest-status"));
	const guest: Guest = {
		version,
		...(release ? { release } : {}),
		ended: late ? "out of time" : died ? "died" : bad ? "failed" : "passed",
		seconds: seconds(),
		tests,
	};
	// What a failure may have printed, and what a kernel says that dies.
	if (bad) say((text("output") + console).trim().slice(-4000).replace(/^/gm, "  | "));
	rmSync(out, { recursive: true, force: true });
	return guest;
}

for (const [signal, status] of [
	["SIGINT", 130],
	["SIGTERM", 143],
] as const)
	process.once(signal, () => process.exit(status));
const guests: Guest[] = [];
for (const version of versions) guests.push(await run(version));

const rows = [["kernel", "", "passed", "failed", "skipped", "seconds"]];
for (const guest of guests) {
	const counts = (["passed", "failed", "skipped"] as const).map((result) => String(count(guest, result)));
	rows.push([guest.release ?? guest.version, guest.ended, ...counts, String(guest.seconds)]);
}
const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
say("");
for (const row of rows)
	say(row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "));
if (values.json)
	console.log(JSON.stringify({ date: new Date().toISOString().slice(0, 10), files, guests }, undefined, "\t"));
process.exit(guests.every((guest) => guest.ended === "passed") ? 0 : 1);
