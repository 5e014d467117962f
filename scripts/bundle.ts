// Makes packages/skep/dist: what `skep` runs in a checkout. One ES bundle, commands as chunks that load when asked for,
// so that a start costs little more than an empty Node. `inputs.json` lists the sources; the launcher compares times.
// `--if-stale`: only if it has to be.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const skep = join(root, "packages/skep");
const dist = join(skep, "dist");

/** The doors of the package: `import … from "skep"` must give the very modules that the command itself uses. */
const ENTRIES = [
	"main",
	"skep",
	"program/net",
	"program/uapi",
	"program/kernel",
	"run/register",
	"harness/test",
	"harness/register",
];

const entryPoints = ENTRIES.map((name) => join(skep, `src/${name}.ts`)).filter((file) => existsSync(file));
if (process.argv.includes("--if-stale") && isFresh()) process.exit();
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
try {
	const result = await build({
		entryPoints,
		outbase: join(skep, "src"),
		outdir: dist,
		bundle: true,
		splitting: true,
		chunkNames: "chunks/[name]-[hash]",
		format: "esm",
		platform: "node",
		target: "node22.15",
		external: ["koffi", "esbuild", "node:*"],
		minifySyntax: true,
		minifyWhitespace: true,
		metafile: true,
		logLevel: "silent",
		absWorkingDir: root,
	});
	const inputs = Object.keys(result.metafile.inputs)
		.filter((input) => input.startsWith("packages/"))
		.map((input) => relative(skep, join(root, input)))
		.sort();
	writeFileSync(join(dist, "inputs.json"), `${JSON.stringify(inputs, null, "\t")}\n`);
	// A first run leaves compiled code beside the bundle, so that the user's first one is as quick as the second.
	const example = join(root, "examples/exec/exec.ts");
	spawnSync(process.execPath, [join(skep, "bin/skep"), "build", example, "-o", "/dev/null"], { stdio: "ignore" });
} catch (error) {
	// Without a bundle the launcher runs the sources: slower, not broken. An install must not fail for it.
	rmSync(dist, { recursive: true, force: true });
	console.warn(`bundle: not made, skep will run from its sources\n${(error as Error).message}`);
	if (process.argv.includes("--strict")) process.exitCode = 1;
}

/** As the launcher sees it: none of the sources is newer than the bundle, or gone. */
function isFresh(): boolean {
	try {
		const made = statSync(join(dist, "main.js")).mtimeMs;
		const inputs = JSON.parse(readFileSync(join(dist, "inputs.json"), "utf8")) as string[];
		return inputs.every((input) => statSync(join(skep, input)).mtimeMs <= made);
	} catch {
		return false;
	}
}
