// Makes packages/skep/dist: what `skep` runs in a checkout. One ES bundle, commands as chunks that load when asked for,
// so that a start costs little more than an empty Node. `inputs.json` lists the sources; the launcher compares times.
// `quick.js` has the verbs that show what a kernel holds in one file, for each chunk costs a start a millisecond or two.
// `--if-stale`: only if it has to be.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Plugin } from "esbuild";

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

/** What `quick.js` has of packages/skep/src/command. */
const QUICK: ReadonlySet<string> = new Set(
	["desk", "show", "map-dump", "map-entry", "btf-list", "net-show", "cgroup-show"].map((name) => `./${name}.ts`),
);
/** Nouns whose verbs these are: the launcher starts `quick.js` for them. */
const QUICK_NOUNS = ["prog", "map", "link", "btf", "net", "cgroup"];

/** Whatever else is asked for: the whole command runs in place of what was to be loaded, which never comes. */
const elsewhere: Plugin = {
	name: "elsewhere",
	setup({ onResolve, onLoad }) {
		onResolve({ filter: /^\.\/.*\.ts$/ }, ({ kind, path, importer }) =>
			kind === "dynamic-import" && importer.includes("/src/command/") && !QUICK.has(path)
				? { path, namespace: "elsewhere" }
				: undefined,
		);
		onResolve({ filter: /^\.\/main\.js$/, namespace: "elsewhere" }, ({ path }) => ({ path, external: true }));
		onLoad({ filter: /.*/, namespace: "elsewhere" }, () => ({
			contents: `import { main } from "./main.js"; await main(process.argv.slice(2)); await new Promise(() => {});`,
		}));
	},
};

const entryPoints = ENTRIES.map((name) => join(skep, `src/${name}.ts`)).filter((file) => existsSync(file));
if (process.argv.includes("--if-stale") && isFresh()) process.exit();
// Somebody may be running it, and leave compiled code meanwhile.
rmSync(dist, { recursive: true, force: true, maxRetries: 5 });
mkdirSync(dist, { recursive: true });
try {
	const common = {
		bundle: true,
		format: "esm",
		platform: "node",
		target: "node22.15",
		external: ["koffi", "esbuild", "node:*"],
		minifySyntax: true,
		minifyWhitespace: true,
		logLevel: "silent",
		absWorkingDir: root,
	} as const satisfies BuildOptions;
	const result = await build({
		...common,
		entryPoints,
		outbase: join(skep, "src"),
		outdir: dist,
		splitting: true,
		chunkNames: "chunks/[name]-[hash]",
		metafile: true,
	});
	const [main] = entryPoints;
	await build({ ...common, entryPoints: [main!], outfile: join(dist, "quick.js"), plugins: [elsewhere] });
	writeFileSync(join(dist, "quick.json"), JSON.stringify(QUICK_NOUNS));
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
