import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { openLinux } from "@skep/linux";
import { VirtualKernel } from "@skep/vm";
import fc from "fast-check";
import { BpfError } from "#base";
import { ERRNO, type Kernel } from "#kernel";
import { link } from "#linker";
import type { Program, TypedMap } from "#live";
import { readObject } from "#object";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { generateSkeleton, type Records, type Skeleton, type SkeletonOptions } from "./index.ts";
import { className, identifier, Names, propertyName } from "./names.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const golden = (name: string) => new Uint8Array(readFileSync(join(root, "packages/bpf/testdata", name)));
const linked = () => link(["linker/main.bpf.o", "linker/part.bpf.o"].map((name) => ({ name, bytes: golden(name) })));

let folder = "";
before(() => {
	folder = mkdtempSync(join(tmpdir(), "skep-skeleton-"));
	// As if the packages were installed there.
	symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
	writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
after(() => rmSync(folder, { recursive: true }));

function write(
	name: string,
	object: Uint8Array,
	text = generateSkeleton(readObject(object, { name }), { object }),
): string {
	const file = join(folder, `${name}.skel.ts`);
	writeFileSync(file, text);
	return file;
}

function check(files: Readonly<Record<string, string>>): string {
	for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
	writeFileSync(
		join(folder, "tsconfig.json"),
		JSON.stringify({
			extends: join(root, "tsconfig.base.json"),
			compilerOptions: { types: ["node"], typeRoots: [join(root, "node_modules/@types")] },
			files: Object.keys(files),
		}),
	);
	return execute(join(root, "node_modules/.bin/tsc"), ["-p", "."]);
}

const execute = (file: string, args: readonly string[]) => {
	const run = spawnSync(file, args, { cwd: folder, encoding: "utf8" });
	return `${run.stdout}${run.stderr}`;
};

test("stock tsc accepts the modules of all kinds of objects, and knows what is in them", () => {
	const objects: Record<string, Uint8Array> = {
		exec: golden("collection/exec.bpf.o"),
		kitchen: golden("kitchen.bpf.o"),
		externs: golden("externs.bpf.o"),
		core: golden("relocate/core.o"),
		"9-lives.of a.cat": linked(),
		odd: golden("skeleton/odd.bpf.o"),
		instructions: golden("instructions.bpf.o"),
	};
	const texts: Record<string, string> = {};
	for (const [name, bytes] of Object.entries(objects)) {
		const spec = readObject(bytes, { name });
		texts[`${identifier(name)}.skel.ts`] = generateSkeleton(spec, { object: bytes });
	}
	const exec = readObject(objects["exec"]!, { name: "exec" });
	texts["path.skel.ts"] = generateSkeleton(exec, { path: "./exec.o", records: { events: "event" } });
	texts["bytes.skel.ts"] = generateSkeleton(exec);
	texts["use.ts"] = `
import type { Kernel } from "@skep/bpf/kernel";
import { Exec } from "./exec.skel.ts";
import { Exec as FromBytes } from "./bytes.skel.ts";
import { Exec as FromPath } from "./path.skel.ts";
import { Odd } from "./odd.skel.ts";
declare const kernel: Kernel;
using exec = Exec.open({ kernel });
exec.rodata.opt_mark = 3;
exec.rodata.opt_name = "text";
exec.bss.seen = 4n;
exec.load().attach({ filter: { device: "lo" } });
exec.attach();
const count: bigint | undefined = exec.maps.counts.lookup(3);
const lost: bigint[] | undefined = exec.maps.lost.lookup(0);
exec.programs.on_exec.testRun();
using path = FromPath.open({ kernel });
path.maps.events.drain((record) => record.comm satisfies string);
for await (const record of path.maps.events.stream({ set: setTimeout, clear: clearTimeout })) record.pid satisfies number;
exec.maps.events.drain((record) => record satisfies Uint8Array);
// @ts-expect-error: no such member
path.maps.events.drain((record) => record.name);
FromBytes.open({ kernel, object: new Uint8Array() });
using odd = Odd.open({ kernel });
odd.data_1st_part.function = odd.rodata.let;
odd.maps.new.update({ class: 1, text: "a", bytes: [1, 2, 3, 4] }, odd.maps.new.lookup({ class: 0, text: "", bytes: [] })!);
odd.programs.class.testRun();
// @ts-expect-error: the variable is 64 bits
exec.bss.seen = 4;
// @ts-expect-error: no such map
exec.maps.count;
// @ts-expect-error: no such program
exec.attach({ nothing: {} });
// @ts-expect-error: a key is a struct
odd.maps.new.lookup(1);
// @ts-expect-error: it is loaded only if asked for
odd.programs.var.testRun();
// @ts-expect-error: bytes are wanted
FromBytes.open({ kernel });
export { count, lost };
`;
	assert.equal(check(texts), "");
});

test("names: keywords, digits, dots, quotes, what is taken", () => {
	assert.deepEqual(["a-b.c", "9lives", "", "µ", "class"].map(identifier), ["a_b_c", "_9lives", "_", "µ", "class"]);
	assert.deepEqual(["my-tool.bpf", "9lives", "a_b", "..."].map(className), ["MyToolBpf", "_9lives", "AB", "Skeleton"]);
	assert.deepEqual(["a", "class", "a-b", "__proto__", '"'].map(propertyName), [
		"a",
		"class",
		'"a-b"',
		'"__proto__"',
		'"\\""',
	]);
	const names = new Names(["Maps"]);
	assert.deepEqual(
		["Maps", "class", "x", "x", "x", "string"].map((n) => names.take(n)),
		["Maps_2", "class_", "x", "x_2", "x_3", "string_"],
	);
});

test("whatever an object calls its things, nothing of it is read as code", () => {
	const bytes = golden("collection/exec.bpf.o");
	const spec = readObject(bytes, { name: "x" });
	const evil = "*/ process.exit(1); /*\u2028process.exit(2);\n`${process.exit(3)}`";
	const [map] = spec.maps.values();
	const [program] = spec.programs.values();
	const [variable] = spec.variables.values();
	const text = generateSkeleton(
		{
			...spec,
			name: evil,
			maps: new Map([
				...spec.maps,
				[evil, { ...map!, name: evil }],
				[`.data.${evil}`, { ...map!, name: `.data.${evil}` }],
			]),
			programs: new Map([[evil, { ...program!, name: evil, section: evil }]]),
			variables: new Map([[evil, { ...variable!, name: evil, map: `.data.${evil}` }]]),
		},
		{ from: evil, object: bytes },
	);
	assert.equal(check({ "evil.skel.ts": text }), "");
	const run = spawnSync(process.execPath, [join(folder, "evil.skel.ts")], { encoding: "utf8" });
	assert.equal(run.status, 0, run.stderr);
});

test("Base64 there and back", () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
			const text = encodeBase64(bytes);
			assert.equal(text, Buffer.from(bytes).toString("base64"));
			assert.deepEqual(decodeBase64(text.replace(/.{7}/g, "$&\n")), bytes);
		}),
		{ seed: 1 },
	);
	assert.throws(() => decodeBase64("ab!="), /"!" is no character of Base64/);
});

interface Opened<M, P, S> {
	open(options: SkeletonOptions): Skeleton<M & object, P & object> & S;
}

async function open<M, P, S>(name: string, object: Uint8Array, kernel: Kernel, records?: Record<string, string>) {
	const spec = readObject(object, { name });
	const text = generateSkeleton(spec, { object, ...(records ? { records } : {}) });
	const module = (await import(pathToFileURL(write(name, object, text)).href)) as Record<string, Opened<M, P, S>>;
	return Object.values(module)[0]!.open({ kernel });
}

function linux(t: TestContext): Kernel | undefined {
	if (process.platform !== "linux") return void t.skip(`needs Linux, this is ${process.platform}`);
	const kernel = openLinux();
	const fd = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
	if (fd === -ERRNO.EPERM) return void t.skip("needs CAP_BPF: bpf(MAP_CREATE) says EPERM");
	kernel.close(fd);
	return kernel;
}

interface OddParts {
	readonly rodata: { let: number; big: bigint };
	readonly rodata_motto_1: { motto: string };
	readonly data_1st_part: { function: number; typeof_: { total: bigint; state: number } };
	readonly data: { hidden: number; maps: bigint[] };
	readonly bss: { yes: boolean };
	readonly data_2: { load: { x: number } };
}

/** Everything that odd.bpf.c does, seen through its module. */
async function runOdd(kernel: Kernel): Promise<void> {
	type Maps = { new: TypedMap<object, Record<string, unknown>>; delete: TypedMap<number, object[]>; await: Records };
	type Programs = { class: Program; var: Program | undefined };
	using odd = await open<Maps, Programs, OddParts>("odd", golden("skeleton/odd.bpf.o"), kernel);
	assert.throws(
		() => odd.maps,
		(e) => e instanceof BpfError && e.code === "ERR_NOT_LOADED",
	);
	assert.deepEqual([odd.rodata.let, odd.rodata.big, odd.rodata_motto_1.motto], [1, 1n << 32n, "first"]);
	assert.deepEqual([odd.data.maps, odd.data_1st_part.function, odd.bss.yes], [[5n, 6n], 3, false]);
	odd.rodata.let = 40;
	odd.rodata_motto_1.motto = "other";
	odd.data.maps = [50n, 60n];
	odd.load();
	assert.throws(() => odd.load(), /odd is loaded already/);
	assert.throws(
		() => {
			odd.rodata.let = 1;
		},
		(e) => e instanceof BpfError && e.code === "ERR_FROZEN",
	);
	assert.equal(odd.programs.var, undefined, "not asked for");
	odd.data_1st_part.function = 2;
	const run = odd.programs.class.testRun({ data: new Uint8Array(64) });
	assert.equal(run.retval, 42);
	assert.deepEqual([odd.data.maps, odd.data.hidden, odd.bss.yes, odd.data_2.load], [[50n, 61n], 8, true, { x: 7 }]);
	assert.deepEqual(odd.data_1st_part.typeof_, { total: 1n << 32n, state: 0 });
	const value = odd.maps.new.lookup({ class: 40, text: "o", bytes: [0, 0, 0, 0] });
	assert.ok(value);
	assert.deepEqual(
		[value["whole"], value["low"], value["high"], value["flags"], value["yes"], value["point"]],
		[(1n << 32n) | 2n, 2, 1, 5, true, { x: 1, y: -2 }],
	);
	assert.equal(odd.maps.delete.lookup(0)?.length, kernel.possibleCpus);
	const records: Uint8Array[] = [];
	assert.equal(
		odd.maps.await.drain((bytes) => records.push(bytes)),
		1,
	);
	assert.deepEqual(records, [new Uint8Array(4)], "nobody says their type");
}

test("a generated module runs: variables before and after loading, typed maps, programs", async (t) => {
	const kernel = linux(t);
	if (kernel) await runOdd(kernel);
});

test("the same module runs on the virtual kernel", () => runOdd(new VirtualKernel()));

test("a generated module attaches by section, and what it counts is read", async (t) => {
	const kernel = linux(t);
	if (!kernel) return;
	type Parts = { readonly bss: { seen: bigint }; readonly rodata: { opt_mark: number; opt_mark_set: number } };
	type Maps = { counts: TypedMap<number, bigint>; events: Records<{ pid: number; comm: string }> };
	using exec = await open<Maps, { on_exec: Program }, Parts>("exec", golden("collection/exec.bpf.o"), kernel, {
		events: "event",
	});
	exec.rodata.opt_mark = 9;
	exec.rodata.opt_mark_set = 1;
	let links: readonly unknown[];
	try {
		links = exec.load().attach();
	} catch (error) {
		if (error instanceof BpfError && error.code === "ENOENT") return t.skip(`needs tracefs: ${error.message}`);
		throw error;
	}
	assert.ok(links.length >= 1, `${links.length} links`);
	execFileSync("true");
	assert.ok(exec.bss.seen >= 1n, `${exec.bss.seen} seen`);
	const timers = { set: setTimeout, clear: clearTimeout };
	for await (const record of exec.maps.events.stream(timers)) {
		assert.ok(record.pid > 0 && record.comm !== "", `${record.pid} ${record.comm}`);
		break;
	}
	exec[Symbol.dispose]();
	for await (const record of exec.maps.events.stream(timers)) assert.fail(`a closed ring gave ${record.pid}`);
});

test("records: of what struct they are, and what is none", () => {
	const bytes = golden("skeleton/odd.bpf.o");
	const spec = readObject(bytes, { name: "odd" });
	assert.match(generateSkeleton(spec, { records: { await: "string" } }), /readonly await: Records<string_>;/);
	assert.throws(
		() => generateSkeleton(spec, { records: { await: "strings" } }),
		/odd has no struct strings for records of await/,
	);
	assert.throws(
		() => generateSkeleton(spec, { records: { delete: "string" } }),
		/no ring buffer delete; there are: await/,
	);
	const said = {
		...spec,
		maps: new Map(
			[...spec.maps].map(([name, map]) => [name, { ...map, valueType: spec.btf!.find("string", "struct")! }]),
		),
	};
	assert.match(generateSkeleton(said), /readonly await: Records<string_>;/);
});

test("a record that is shorter than its type is refused", async () => {
	using odd = await open<{ await: Records<object> }, { class: Program }, object>(
		"odd-short",
		golden("skeleton/odd.bpf.o"),
		new VirtualKernel(),
		{ await: "Odd" },
	);
	odd.load().programs.class.testRun({ data: new Uint8Array(64) });
	assert.throws(() => odd.maps.await.drain(() => {}), /a record of 4 bytes in await, its type has \d+/);
});

test("the golden object is what clang makes of its source", (t) => {
	if (spawnSync("clang-19", ["--version"]).error || spawnSync("llvm-strip-19", ["--version"]).error)
		return t.skip("needs clang-19 and llvm-strip-19");
	const run = spawnSync("sh", [join(root, "packages/bpf/testdata/skeleton/build.sh"), folder], { encoding: "utf8" });
	assert.equal(run.status, 0, run.stderr);
	assert.deepEqual(new Uint8Array(readFileSync(join(folder, "odd.bpf.o"))), golden("skeleton/odd.bpf.o"));
	return undefined;
});
