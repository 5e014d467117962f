import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readObject } from "@skep/bpf/object";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const launcher = join(root, "packages/skep/bin/skep");
const objects = join(root, "packages/bpf/testdata/linker");
let folder = "";
before(() => {
	folder = mkdtempSync(join(tmpdir(), "skep-gen-"));
});
after(() => rmSync(folder, { recursive: true }));

function skep(...words: readonly string[]) {
	const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...words], {
		cwd: folder,
		encoding: "utf8",
	});
	return { status, stdout, stderr };
}
const main = join(objects, "main.bpf.o");
const part = join(objects, "part.bpf.o");

test("gen object links, and says what it wrote", () => {
	const { status, stdout, stderr } = skep("gen", "object", "out.o", main, part);
	assert.deepEqual([status, stderr], [0, ""]);
	assert.match(stdout, /^out\.o: \d+ bytes, of 2 objects\n$/);
	assert.ok(readObject(readFileSync(join(folder, "out.o"))).programs.has("first"));
	const json = JSON.parse(skep("gen", "obj", "--json", "out.o", main, part).stdout);
	assert.deepEqual([json.file, json.linked, json.notes], ["out.o", [main, part], []]);
});

test("objects of skep's own compiler are linked; their manifests are left out, which is said", () => {
	for (const name of ["exec", "xdp-filter"])
		assert.equal(skep("build", join(root, `examples/${name}/${name}.ts`), "-o", `${name}.o`).status, 0);
	const { status, stderr } = skep("gen", "object", "own.o", "exec.o", "xdp-filter.o");
	assert.equal(status, 0, stderr);
	assert.match(stderr, /^exec\.o: its manifest .*\nxdp-filter\.o: its manifest/);
	const spec = readObject(readFileSync(join(folder, "own.o")));
	assert.deepEqual([...spec.programs.keys()].sort(), ["filter", "sched_process_exec"]);
	assert.equal(spec.manifest, undefined);
});

test("what cannot be linked names the symbol and both files", () => {
	const { status, stdout, stderr } = skep("gen", "object", "none.o", main, main);
	assert.deepEqual([status, stdout], [1, ""]);
	assert.match(
		stderr,
		/^skep: "first" is defined in .*main\.bpf\.o and .*main\.bpf\.o, and neither definition is weak\n$/,
	);
	assert.match(skep("gen", "object", "none.o").stderr, /the first object to link is missing/);
	assert.match(skep("gen", "objct", "x").stderr, /no "gen objct", did you mean object\?/);
	assert.equal(skep("gen").status, 2);
});

test("gen skeleton writes a module that loads the object beside it and runs", () => {
	assert.equal(skep("gen", "object", "tool.o", main, part).status, 0);
	const { status, stdout, stderr } = skep("gen", "skeleton", "tool.o", "name", "my-tool", "--path", "./tool.o");
	assert.deepEqual([status, stderr], [0, ""]);
	assert.match(stdout, /export class MyTool extends Skeleton<MyToolMaps, MyToolPrograms>/);
	writeFileSync(join(folder, "tool.skel.ts"), stdout);
	writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
	symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
	writeFileSync(
		join(folder, "use.ts"),
		`import { VirtualKernel } from "@skep/vm";
import { MyTool } from "./tool.skel.ts";
using tool = MyTool.open({ kernel: new VirtualKernel(), kconfig: "" , programs: (p) => p.name === "first" });
tool.rodata.factor = 30;
tool.load();
const { retval } = tool.programs.first.testRun({ data: new Uint8Array(64) });
console.log(retval, tool.maps.counts.lookup(1), tool.data.total);
`,
	);
	const run = spawnSync(process.execPath, [join(folder, "use.ts")], { encoding: "utf8" });
	assert.equal(run.stderr, "");
	assert.equal(run.stdout, "15113 30n 11n\n");
	assert.equal(skep("gen", "skeleton", "tool.o", "nome", "x").status, 2);
});
