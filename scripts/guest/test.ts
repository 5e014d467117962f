// Tests that this machine's kernel refuses, in guests: `npm run test:guest -- VERSION… [-- PATTERN…]`.
// Boots Debian's kernel of each version and runs there every `*.guest.test.ts`, and what else a pattern names.
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSIONS = ["5.10", "6.1", "6.12", "6.18", "7.3"];
const root = fileURLToPath(new URL("../..", import.meta.url));

const usage = `Usage: npm run test:guest -- VERSION… [PATTERN…]

Runs tests under QEMU (emulated, no KVM needed) on Debian's kernel of each VERSION (${VERSIONS.join(", ")}; all).
Without a PATTERN: all \`*.guest.test.ts\`. With: the test files whose path contains it.
Wants root, Debian and about 200 MB of download for each version, once (kept in $SKEP_KERNELS or ~/.cache/skep-kernels).

Example: npm run test:guest -- 6.12 6.18 link/trampoline`;

const words = process.argv.slice(2);
if (words.length === 0 || words.includes("--help") || words.includes("-h")) {
	console.log(usage);
	process.exit(words.length === 0 ? 2 : 0);
}
const versions = words.includes("all") ? VERSIONS : words.filter((w) => VERSIONS.includes(w));
const patterns = words.filter((w) => !VERSIONS.includes(w) && w !== "all");
const refuse = (message: string): never => {
	console.error(`test:guest: ${message}`);
	process.exit(2);
};
if (versions.length === 0) refuse(`no kernel named; there are ${VERSIONS.join(", ")}`);
if (process.getuid?.() !== 0) refuse("wants root: the guest shares this machine's root folder, and apt installs QEMU");
const files = globSync(["packages/*/src/**/*.test.ts", "test/**/*.test.ts"], { cwd: root })
	.filter((f) => (patterns.length === 0 ? f.endsWith(".guest.test.ts") : patterns.some((p) => f.includes(p))))
	.sort();
if (files.length === 0) refuse(`no test file matches ${patterns.join(" ")}`);

let worst = 0;
for (const version of versions) {
	const out = mkdtempSync(join(tmpdir(), "skep-guest-"));
	// One process for all files: under emulation each start of Node costs seconds.
	writeFileSync(
		join(out, "run.sh"),
		`cd ${root}
export SKEP_GUEST=${version} NODE_COMPILE_CACHE=/tmp/node-compile-cache
keyctl session - node_modules/.bin/node --test --test-isolation=none --test-timeout=600000 --test-reporter=spec \\
	${files.join(" \\\n\t")} >/mnt/out/report 2>&1
`,
	);
	console.log(`Linux ${version}: ${files.length} test files …`);
	const boot = spawnSync(fileURLToPath(new URL("guest", import.meta.url)), [version, join(out, "run.sh"), out], {
		stdio: ["ignore", "pipe", "inherit"],
		timeout: 40 * 60_000,
		killSignal: "SIGKILL",
		maxBuffer: 2 ** 28,
	});
	const report = join(out, "report");
	if (existsSync(report)) process.stdout.write(readFileSync(report));
	else process.stdout.write(boot.stdout.subarray(-4000));
	console.log(`Linux ${version}: ${boot.status === 0 ? "passed" : `failed (status ${boot.status ?? boot.signal})`}`);
	if (boot.status !== 0) worst = 1;
	rmSync(out, { recursive: true, force: true });
}
process.exit(worst);
