// Makes the packages as they are published: `node scripts/pack.ts FOLDER` leaves a tarball of each there.
//
// Node refuses to strip types under node_modules, so what is published is built: dist/ by tsc with declarations, and a
// package.json whose doors lead there. Types, data, the launcher and the demo's example go along.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { writeManPages } from "./man.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const PACKAGES = ["bpf", "vm", "linux", "compiler", "skep"] as const;
/** What goes along beside dist/, where it is there. */
const EXTRAS = ["bin", "data", "types", "tools"];

type Json = { [name: string]: unknown };

/** Builds and packs all packages; returns the tarballs. */
export function pack(target: string): string[] {
	mkdirSync(target, { recursive: true });
	const stage = mkdtempSync(join(tmpdir(), "skep-pack-"));
	try {
		// Built where the workspace's links resolve: each package is compiled in place, into the stage.
		return PACKAGES.map((name) => packOne(name, join(stage, name), resolve(target)));
	} finally {
		rmSync(stage, { recursive: true, force: true });
	}
}

function packOne(name: string, stage: string, target: string): string {
	const source = join(root, "packages", name);
	build(source, join(stage, "dist"));
	for (const extra of EXTRAS) {
		if (!existsSync(join(source, extra))) continue;
		cpSync(join(source, extra), join(stage, extra), {
			recursive: true,
			filter: (file) => !/\.test\.ts$|\/tsconfig\.json$/.test(file),
		});
	}
	// What `skep demo` shows, live or recorded.
	if (name === "skep")
		for (const file of ["examples/exec/exec.ts", "examples/exec/exec.rec"]) cpSync(join(root, file), join(stage, file));
	for (const file of ["LICENSE", "README.md"])
		if (existsSync(join(root, file))) cpSync(join(root, file), join(stage, file));
	const man = name === "skep" ? writeManPages(join(stage, "man")) : [];
	const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as Json;
	writeFileSync(join(stage, "package.json"), `${JSON.stringify(published(manifest, man), null, "\t")}\n`);
	const packed = run("npm", ["pack", "--json", "--pack-destination", target], stage);
	const listed = JSON.parse(packed) as readonly { filename: string }[] | Record<string, { filename: string }>;
	const [{ filename }] = (Array.isArray(listed) ? listed : Object.values(listed)) as [{ filename: string }];
	return join(target, filename.replace("@", "").replace("/", "-"));
}

function build(source: string, out: string): void {
	const config = join(source, `tsconfig.pack-${process.pid}.json`);
	writeFileSync(
		config,
		JSON.stringify({
			extends: "./tsconfig.json",
			compilerOptions: {
				noEmit: false,
				outDir: out,
				rootDir: join(source, "src"),
				declaration: true,
				sourceMap: false,
			},
			exclude: ["src/**/*.test.ts", "src/**/*.test-support.ts"],
		}),
	);
	try {
		run(join(root, "node_modules/.bin/tsc"), ["-p", config], source);
	} finally {
		rmSync(config, { force: true });
	}
}

/** The checkout's package.json with its doors turned from sources to what was built, and its man pages. */
function published(manifest: Json, man: readonly string[]): Json {
	const files = ["dist", ...EXTRAS, "examples", ...(man.length > 0 ? ["man"] : [])];
	return {
		...manifest,
		...(manifest["imports"] ? { imports: builtDoors(manifest["imports"], false) } : {}),
		exports: builtDoors(manifest["exports"], true),
		...(man.length > 0 ? { man: man.map((file) => `./man/${file}`) } : {}),
		files,
	};
}

function builtDoors(door: unknown, typed: boolean): unknown {
	if (typeof door === "string") {
		if (!door.startsWith("./src/")) return door;
		const js = door.replace("./src/", "./dist/").replace(/\.ts$/, ".js");
		return typed ? { types: js.replace(/\.js$/, ".d.ts"), default: js } : js;
	}
	const entries = Object.entries(door as Json);
	const conditions = entries.every(([key]) => !key.startsWith(".") && !key.startsWith("#"));
	return Object.fromEntries(entries.map(([key, value]) => [key, builtDoors(value, typed && !conditions)]));
}

function run(command: string, args: readonly string[], cwd: string): string {
	const result = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 1 << 26 });
	if (result.status !== 0)
		throw new Error(`${command} ${args.join(" ")}\n${result.error?.message ?? ""}${result.stdout}${result.stderr}`);
	return result.stdout;
}

if (import.meta.main) {
	const [target] = process.argv.slice(2);
	if (target === undefined) {
		console.error("usage: node scripts/pack.ts FOLDER");
		process.exit(2);
	}
	for (const file of pack(target)) console.log(file);
}
