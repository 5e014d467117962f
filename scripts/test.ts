// All tests: `npm test [-- PATTERN …]`. Patterns are parts of paths. Works with root and without.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const patterns = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const flags = process.argv.slice(2).filter((a) => a.startsWith("--"));
const files = globSync(
	["packages/*/src/**/*.test.ts", "packages/skep/types/*.test.ts", "scripts/**/*.test.ts", "test/**/*.test.ts"],
	{ cwd: root },
)
	.filter((f) => patterns.length === 0 || patterns.some((p) => f.includes(p)))
	.sort();
if (files.length === 0) {
	console.error(`no test file matches ${patterns.join(" ")}`);
	process.exit(1);
}
// Tests start the command hundreds of times: from its sources each start takes four times as long.
spawnSync(process.execPath, [`${root}scripts/bundle.ts`, "--if-stale"], { stdio: "ignore" });
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env; // costs 70 ms at each start of a Node 20
const run = spawnSync(
	process.execPath,
	[
		"--test",
		"--test-concurrency=2",
		"--test-timeout=300000",
		`--test-reporter=${root}scripts/test-reporter.ts`,
		"--test-reporter-destination=stdout",
		...flags,
		...files,
	],
	{ cwd: root, stdio: "inherit", env },
);
process.exit(run.status ?? 1);
