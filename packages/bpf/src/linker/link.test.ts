import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openLinux } from "@skep/linux";
import { FormatError, LinkError } from "#base";
import { Btf, decodeExt } from "#btf";
import { Collection } from "#collection";
import { R_BPF, readElf, SHF, STB, STT, writeElf } from "#elf";
import { ERRNO } from "#kernel";
import { readObject } from "#object";
import { contentOf, typesOf } from "./compare.test-support.ts";
import { link } from "./index.ts";
import { type Made, makeObject, section } from "./make.test-support.ts";

const folder = fileURLToPath(new URL("../../testdata/", import.meta.url));
const golden = (name: string) => ({ name, bytes: new Uint8Array(readFileSync(join(folder, name))) });
const MAIN = ["linker/main.bpf.o", "linker/part.bpf.o"];
const VALUES = ["linker/values.bpf.o", "linker/strong.bpf.o"];
const made = (lists: readonly (readonly Made[])[]) =>
	lists.map((l, i) => ({ name: `${"abc"[i]}.o`, bytes: makeObject(l) }));
const symbolsOf = (bytes: Uint8Array) => new Map(readElf(bytes).symbols.map((s) => [s.name, s]));

function refused(lists: readonly (readonly Made[])[], pattern: RegExp, symbol: string): void {
	assert.throws(
		() => link(made(lists)),
		(e) =>
			e instanceof LinkError &&
			pattern.test(e.message) &&
			/a\.o/.test(e.message) &&
			/b\.o/.test(e.message) &&
			e.symbol === symbol,
		String(pattern),
	);
}

const f = (name: string, rest: Partial<Made> = {}): Made => ({ name, kind: "function", ...rest });
const v = (name: string, rest: Partial<Made> = {}): Made => ({ name, kind: "variable", ...rest });
const m = (name: string, rest: Partial<Made> = {}): Made => ({ name, kind: "map", ...rest });

test("two strong definitions of a name are refused, whatever they define", () => {
	refused([[f("go")], [f("go")]], /"go" is defined in a\.o and b\.o, and neither definition is weak/, "go");
	refused([[v("x")], [v("x")]], /neither definition is weak/, "x");
	refused([[m("x")], [m("x")]], /neither definition is weak/, "x");
});

test("of a weak and a strong definition the strong one counts, of two weak ones the first", () => {
	const weak = { binding: STB.weak };
	for (const [first, second, at, binding] of [
		[weak, {}, 16, STB.global],
		[{}, weak, 0, STB.global],
		[weak, weak, 0, STB.weak],
	] as const) {
		const out = link(made([[f("go", first)], [f("go", second)]]));
		const symbol = symbolsOf(out).get("go")!;
		assert.deepEqual([symbol.value, symbol.binding], [at, binding]);
		assert.equal(readElf(out).symbols.filter((s) => s.name === "go").length, 1);
	}
});

test("a declaration is satisfied by a definition before or behind it and makes a weak one strong", () => {
	for (const lists of [
		[[f("go", { extern: true })], [f("go", { binding: STB.weak })]],
		[[f("go", { binding: STB.weak })], [f("go", { extern: true })]],
	]) {
		const symbol = symbolsOf(link(made(lists))).get("go")!;
		assert.deepEqual([symbol.type, symbol.binding, typeof symbol.section], [STT.func, STB.global, "number"]);
	}
	const open = symbolsOf(link(made([[f("go", { extern: true, binding: STB.weak })], [f("go", { extern: true })]]))).get(
		"go",
	)!;
	assert.deepEqual([open.section, open.binding], ["undefined", STB.global]);
});

test("static maps of one name are two, each at its place", () => {
	const map = (size: number): Made => ({ name: "m", kind: "map", binding: STB.local, size });
	const spec = readObject(link(made([[map(5)], [map(6)]])));
	const told = [...spec.maps.values()].map(({ name, maxEntries }) => [name, maxEntries]);
	assert.deepEqual(told, [
		["m", 5],
		[told[1]![0], 6],
	]);
	assert.match(String(told[1]![0]), /^m@\.maps\+\d+$/);
	assert.match(spec.notes![0]!, /^map m of another file is called m@/);
});

test("local symbols stay each file's own", () => {
	const out = link(made([[v("x", { binding: STB.local })], [v("x", { binding: STB.local })], [v("x")]]));
	const elf = readElf(out);
	assert.deepEqual(
		elf.symbols.filter((s) => s.name === "x").map((s) => [s.binding, s.value]),
		[
			[STB.local, 0],
			[STB.local, 8],
			[STB.global, 16],
		],
	);
	const btf = Btf.decode(elf.sections.find((s) => s.name === ".BTF")!.data);
	const data = btf.type(btf.find(".data", "datasec")!);
	assert.ok(data.kind === "datasec");
	assert.deepEqual(
		data.vars.map((x) => x.offset),
		[0, 8, 16],
	);
});

test("the strictest visibility holds: internal, hidden, protected, default", () => {
	const INTERNAL = 1;
	const HIDDEN = 2;
	const PROTECTED = 3;
	for (const [a, b, strictest] of [
		[0, HIDDEN, HIDDEN],
		[HIDDEN, 0, HIDDEN],
		[INTERNAL, HIDDEN, INTERNAL],
		[PROTECTED, HIDDEN, HIDDEN],
		[PROTECTED, 0, PROTECTED],
	] as const) {
		const out = link(made([[f("go", { visibility: a })], [f("go", { extern: true, visibility: b })]]));
		assert.equal(symbolsOf(out).get("go")!.other, strictest);
	}
});

test("types of one symbol must agree", () => {
	refused(
		[[f("go")], [f("go", { extern: true, size: 2 })]],
		/different types in a\.o and b\.o: 4 and 2 parameters/,
		"go",
	);
	refused([[v("x")], [v("x", { extern: true, size: 8 })]], /int4 of 4 bytes and int8 of 8/, "x");
	refused([[v("x", { struct: "s" })], [v("x", { extern: true, struct: "t" })]], /struct s and struct t/, "x");
	refused(
		[[v("x", { struct: "s" })], [v("x", { extern: true, struct: "s", size: 8 })]],
		/struct s of 4 and 8 bytes/,
		"x",
	);
	refused([[v("x", { elements: 3 })], [v("x", { extern: true, elements: 4 })]], /arrays of 3 and 4 elements/, "x");
	refused([[v("x", { binding: STB.weak, elements: 3 })], [v("x", { elements: 4 })]], /arrays of 3 and 4 elements/, "x");
	refused([[f("x")], [v("x", { binding: STB.weak })]], /a function in a\.o and a variable in b\.o/, "x");
	refused([[m("x")], [v("x", { binding: STB.weak })]], /a map in a\.o and a variable in b\.o/, "x");
	link(made([[v("x", { elements: 3 })], [v("x", { extern: true, elements: 0 })]]));
});

test("definitions of one map must agree", () => {
	const weak = { binding: STB.weak };
	refused(
		[[m("x", weak)], [m("x", { ...weak, size: 8 })]],
		/map "x" is defined differently in a\.o and b\.o: max_entries 4 and 8/,
		"x",
	);
	refused([[m("x")], [m("x", { extern: true, size: 8 })]], /max_entries 4 and 8/, "x");
	const out = link(made([[m("x", weak)], [m("x", weak)], [m("x", { extern: true })]]));
	assert.deepEqual(
		[...readObject(out).maps.keys()].filter((name) => !name.startsWith(".")),
		["x"],
	);
});

test("license and version are said once and must agree", () => {
	const object = (license: string, version?: number) =>
		makeObject([], { license, ...(version === undefined ? {} : { version }) });
	const pair = (a: Uint8Array, b: Uint8Array) => [
		{ name: "a.o", bytes: a },
		{ name: "b.o", bytes: b },
	];
	assert.equal(readObject(link(pair(object("GPL"), object("GPL")))).license, "GPL");
	assert.throws(
		() => link(pair(object("GPL"), object("Dual BSD/GPL"))),
		(e) =>
			e instanceof LinkError &&
			e.section === "license" &&
			/"GPL" in a\.o, "Dual BSD\/GPL" in b\.o; they must agree/.test(e.message),
	);
	assert.throws(() => link(pair(object("GPL", 1), object("GPL", 2))), /section "version" differs.*a\.o.*b\.o/);
	assert.equal(readObject(link(pair(object("GPL", 5), object("GPL", 5)))).kernelVersion, 5);
});

test("what cannot be linked is refused: nothing, mixed byte orders, sections that are not alike, half the types", () => {
	assert.throws(() => link([]), /nothing to link/);
	assert.throws(
		() => link([golden("linker/main.bpf.o"), golden("linker/part-eb.bpf.o")]),
		/main\.bpf\.o is little-endian, .*part-eb\.bpf\.o is big-endian/,
	);
	const withSection = (flags: number) =>
		writeElf({ littleEndian: true, flags: 0, symbols: [], sections: [section("x", new Uint8Array(8), flags)] });
	assert.throws(
		() =>
			link([
				{ name: "a.o", bytes: withSection(SHF.alloc) },
				{ name: "b.o", bytes: withSection(SHF.alloc | SHF.exec) },
			]),
		/section "x" is not alike in a\.o .* and b\.o/,
	);
	assert.throws(
		() =>
			link([
				{ name: "a.o", bytes: makeObject([f("go")]) },
				{ name: "b.o", bytes: makeObject([f("go", { extern: true })], { btf: false }) },
			]),
		/"go" is in a\.o and b\.o, but the BTF of b\.o has no type for it/,
	);
	assert.throws(() => link([{ name: "a.o", bytes: new Uint8Array(100) }]), FormatError);
});

test("a reference to a section counts from the file's part of it, in code and in data, with addend and without", () => {
	const object = (addend: bigint | undefined) =>
		writeElf({
			littleEndian: true,
			flags: 0,
			symbols: [
				{ name: "", binding: STB.local, type: STT.section, other: 0, section: 0, value: 0, size: 0 },
				{ name: "", binding: STB.local, type: STT.section, other: 0, section: 1, value: 0, size: 0 },
			],
			sections: [
				// call +1; r1 = 4 ll; exit
				section(
					".text",
					Uint8Array.of(
						0x85,
						0x10,
						0,
						0,
						1,
						0,
						0,
						0,
						0x18,
						1,
						0,
						0,
						4,
						0,
						0,
						0,
						0,
						0,
						0,
						0,
						0,
						0,
						0,
						0,
						0x95,
						0,
						0,
						0,
						0,
						0,
						0,
						0,
					),
					SHF.alloc | SHF.exec,
					8,
					[
						{ offset: 0, symbol: 0, type: R_BPF.call, ...(addend === undefined ? {} : { addend }) },
						{ offset: 8, symbol: 1, type: R_BPF.ld64, ...(addend === undefined ? {} : { addend }) },
					],
				),
				section(".data", Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0), SHF.alloc | SHF.write, 4, [
					{ offset: 0, symbol: 1, type: R_BPF.abs64, ...(addend === undefined ? {} : { addend }) },
					{ offset: 8, symbol: 1, type: R_BPF.abs32, ...(addend === undefined ? {} : { addend }) },
				]),
			],
		});
	const plain = readElf(
		link([
			{ name: "a.o", bytes: object(undefined) },
			{ name: "b.o", bytes: object(undefined) },
		]),
	);
	const text = new DataView(plain.sections[0]!.data.buffer, plain.sections[0]!.data.byteOffset);
	assert.deepEqual(
		[text.getInt32(4, true), text.getInt32(12, true), text.getInt32(36, true), text.getInt32(44, true)],
		[1, 4, 5, 16],
	);
	const data = new DataView(plain.sections[1]!.data.buffer, plain.sections[1]!.data.byteOffset);
	assert.deepEqual(
		[data.getUint32(0, true), data.getUint32(8, true), data.getUint32(12, true), data.getUint32(20, true)],
		[3, 5, 15, 17],
	);
	const rela = readElf(
		link([
			{ name: "a.o", bytes: object(1n) },
			{ name: "b.o", bytes: object(1n) },
		]),
	);
	assert.deepEqual(
		rela.sections.map((s) => s.relocations.map((r) => [r.offset, r.addend])),
		[
			[
				[0, 1n],
				[8, 1n],
				[32, 33n],
				[40, 13n],
			],
			[
				[0, 1n],
				[8, 1n],
				[12, 13n],
				[20, 13n],
			],
		],
	);
});

test("linking one object, or a linked one again, changes nothing that a loader sees", () => {
	for (const names of [
		MAIN,
		["kitchen.bpf.o"],
		["externs.bpf.o"],
		["kconfig.bpf.o"],
		["collection/exec.bpf.o"],
		["relocate/core.o"],
	]) {
		const once = link(names.map(golden));
		assert.deepEqual(link([{ name: "again.o", bytes: once }]), once, names.join(" "));
	}
	const kitchen = golden("kitchen.bpf.o");
	const before = readObject(kitchen.bytes, { name: "k" });
	const after = readObject(link([kitchen]), { name: "k" });
	const shown = (spec: typeof before) => ({
		maps: [...spec.maps.values()].map((x) => ({ ...x, keyType: 0, valueType: 0, innerMap: x.innerMap?.maxEntries })),
		programs: [...spec.programs.values()].map((p) => ({
			...p,
			btfFunc: 0,
			core: p.core.map((c) => ({ ...c, type: spec.btf!.name(c.type) })),
		})),
		functions: [...spec.functions.values()].map((p) => ({ ...p, btfFunc: spec.btf!.name(p.btfFunc), core: [] })),
		variables: [...spec.variables.values()]
			.map((x) => ({ ...x, type: 0 }))
			.sort((x, y) => x.name.localeCompare(y.name)),
	});
	assert.deepEqual(shown(after), shown(before));
});

test("lines, functions and CO-RE accesses go along with their instructions", () => {
	const linked = readElf(link(MAIN.map(golden)));
	const data = (elf: typeof linked, name: string) => elf.sections.find((s) => s.name === name)!.data;
	const extOf = (elf: typeof linked) => {
		const btf = Btf.decode(data(elf, ".BTF"));
		return { btf, ext: decodeExt(data(elf, ".BTF.ext"), (o) => btf.string(o)) };
	};
	const whole = extOf(linked);
	const symbols = new Map(linked.symbols.map((s) => [s.name, s]));
	for (const [i, name] of MAIN.entries()) {
		const elf = readElf(golden(name).bytes);
		const part = extOf(elf);
		const by = i === 0 ? 0 : symbols.get("second")!.value - elf.symbols.find((s) => s.name === "second")!.value;
		const own = (part.ext.lines.find((s) => s.section === "socket")?.records ?? []).map((r) => ({
			...r,
			offset: r.offset + by,
		}));
		const all = whole.ext.lines.find((s) => s.section === "socket")!.records;
		for (const r of own)
			assert.ok(
				all.some((x) => x.offset === r.offset && x.line === r.line && x.text === r.text),
				`${name} ${r.offset}`,
			);
		for (const s of part.ext.core)
			for (const r of s.records) {
				const found = whole.ext.core
					.find((x) => x.section === s.section)!
					.records.find((x) => x.offset === r.offset + by);
				assert.deepEqual(
					[whole.btf.name(found!.type), found!.access, found!.kind],
					[part.btf.name(r.type), r.access, r.kind],
				);
			}
	}
	for (const s of whole.ext.funcs)
		for (const r of s.records) {
			const at = linked.symbols.find(
				(x) =>
					x.type === STT.func &&
					x.value === r.offset &&
					typeof x.section === "number" &&
					linked.sections[x.section]!.name === s.section,
			);
			// The weak function that lost its name is left as it was; its type is the winner's.
			if (at) assert.equal(whole.btf.name(r.type), at.name);
			else assert.equal(whole.btf.name(r.type), "maybe");
		}
});

test("big-endian objects are linked to the same object in the other byte order", () => {
	const little = link(MAIN.map(golden));
	const big = link(MAIN.map((name) => golden(name.replace(".bpf.o", "-eb.bpf.o"))));
	assert.equal(readElf(big).littleEndian, false);
	const [a, b] = [contentOf(little), contentOf(big)];
	assert.deepEqual(b.symbols, a.symbols);
	assert.deepEqual(b.relocations, a.relocations);
	assert.deepEqual(b.types, a.types);
	const ext = (bytes: Uint8Array) => {
		const elf = readElf(bytes);
		const btf = Btf.decode(elf.sections.find((s) => s.name === ".BTF")!.data);
		return decodeExt(elf.sections.find((s) => s.name === ".BTF.ext")!.data, (o) => btf.string(o));
	};
	assert.deepEqual(ext(big), ext(little));
	assert.deepEqual(
		[...readObject(big).programs.values()].map((p) => [p.name, p.references]),
		[...readObject(little).programs.values()].map((p) => [p.name, p.references]),
	);
});

test("a manifest stays with a single object and is left out of several, which is said", () => {
	const withManifest = (name: string) => {
		const elf = readElf(makeObject([f(name)]));
		return writeElf({ ...elf, sections: [...elf.sections, section(".skep", Uint8Array.of(0x7b, 0x7d), 0, 1)] });
	};
	const notes: string[] = [];
	const note = (text: string) => void notes.push(text);
	const a = { name: "a.o", bytes: withManifest("x") };
	assert.ok(readElf(link([a], { note })).sections.some((s) => s.name === ".skep"));
	assert.deepEqual(notes, []);
	const both = link([a, { name: "b.o", bytes: withManifest("y") }], { note });
	assert.ok(!readElf(both).sections.some((s) => s.name === ".skep"));
	assert.match(notes.join("\n"), /^a\.o: its manifest .*\nb\.o: its manifest/);
});

test("an extern of the kernel's is not to be defined, and is the same extern in every file", () => {
	const notDefined = golden("linker/main.bpf.o");
	const definer = { name: "b.o", bytes: makeObject([v("LINUX_KERNEL_VERSION")]) };
	assert.throws(
		() => link([notDefined, definer]),
		(e) => e instanceof LinkError && e.symbol === "LINUX_KERNEL_VERSION" && /main\.bpf\.o.*b\.o/.test(e.message),
	);
});

test("an extern is the kernel's in one way only", () => {
	const kconfig = v("x", { extern: true, kernel: ".kconfig" });
	const ksym = v("x", { extern: true, kernel: ".ksyms" });
	refused([[kconfig], [ksym]], /"x" is an extern of section "\.kconfig" in a\.o and of "\.ksyms" in b\.o/, "x");
	refused([[kconfig], [v("x")]], /extern of section "\.kconfig" in a\.o, but b\.o defines it in "\.data"/, "x");
	refused([[v("x")], [ksym]], /extern of section "\.ksyms" in b\.o, but a\.o defines it/, "x");
	const linked = readElf(link(made([[kconfig], [kconfig]])));
	const btf = Btf.decode(linked.sections.find((s) => s.name === ".BTF")!.data);
	const section = btf.type(btf.find(".kconfig", "datasec")!);
	assert.ok(section.kind === "datasec");
	assert.equal(section.vars.length, 1);
	assert.equal(linked.symbols.filter((s) => s.name === "x").length, 1);
});

function inTemporaryFolder(body: (folder: string) => void): void {
	const out = mkdtempSync(join(tmpdir(), "skep-link-"));
	try {
		body(out);
	} finally {
		rmSync(out, { recursive: true });
	}
}

test("the result is bpftool's: symbols, contents, relocations, types", (t) => {
	if (spawnSync("bpftool", ["version"]).error) return t.skip("needs bpftool");
	inTemporaryFolder((out) => {
		for (const names of [
			MAIN,
			[MAIN[1]!, MAIN[0]!],
			VALUES,
			[...VALUES].reverse(),
			["kitchen.bpf.o", "externs.bpf.o"],
			["externs.bpf.o"],
			["collection/exec.bpf.o"],
			["relocate/core.o", ...MAIN],
		]) {
			const file = join(out, "theirs.o");
			const run = spawnSync("bpftool", ["gen", "object", file, ...names.map((n) => join(folder, n))], {
				encoding: "utf8",
			});
			if (run.status !== 0) {
				assert.throws(() => link(names.map(golden)), LinkError, `${names.join(" ")}: ${run.stderr}`);
				continue;
			}
			const ours = contentOf(link(names.map(golden)));
			const theirs = contentOf(new Uint8Array(readFileSync(file)));
			assert.deepEqual(ours.symbols, theirs.symbols);
			assert.deepEqual(ours.sections, theirs.sections);
			assert.deepEqual(ours.relocations, theirs.relocations);
			assert.ok(
				ours.typeCount <= theirs.typeCount,
				`${names.join(" ")}: ${ours.typeCount} types, bpftool's ${theirs.typeCount}`,
			);
			const only = (a: readonly string[], b: readonly string[]) => a.filter((x) => !b.includes(x));
			// bpftool keeps forward declarations of what is there and types that only a declaration used.
			const known = /^\{"kind":"fwd"|^\{"kind":"int".*\[0\]$|^\(.*\) \{/;
			// What was declared or weak before it was defined stays, in its DATASECs, at the offset that it first had.
			const stale =
				names[0] === MAIN[1] ? /^datasec \.maps / : names[0] === VALUES[0] ? /^datasec \.(data|rodata) / : /^$/;
			assert.deepEqual(
				only(theirs.types, ours.types).filter((x) => !known.test(x) && !stale.test(x)),
				[],
				names.join(" "),
			);
			assert.deepEqual(
				only(ours.types, theirs.types).filter((x) => !stale.test(x)),
				[],
				names.join(" "),
			);
		}
	});
	return undefined;
});

/** What `first` of main.bpf.c returns: 14 by the other file's functions, 11 by its strong `maybe`, 10 its table, 3 calls. */
const FIRST = 15113;

function onLinux(t: TestContext): ReturnType<typeof openLinux> | undefined {
	if (process.platform !== "linux") return void t.skip(`needs Linux, this is ${process.platform}`);
	const kernel = openLinux();
	const fd = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
	if (fd === -ERRNO.EPERM) return void t.skip("needs CAP_BPF: bpf(MAP_CREATE) says EPERM");
	kernel.close(fd);
	return kernel;
}

test("a program calls the other file's functions and uses its variables and maps: loaded by skep", (t) => {
	const kernel = onLinux(t);
	if (!kernel) return;
	for (const names of [MAIN, [...MAIN].reverse()]) {
		const spec = readObject(link(names.map(golden)), { name: "linked" });
		using collection = Collection.load(kernel, spec);
		const run = (name: string) => collection.program(name).testRun({ data: new Uint8Array(64) }).retval;
		assert.deepEqual([run("first"), run("kernel"), run("kernel_too"), run("second")], [FIRST, 1, 2, 95]);
		const entries = [...collection.map("counts").entries()].map(([, value]) =>
			new DataView(value.buffer, value.byteOffset).getBigUint64(0, true),
		);
		assert.deepEqual(entries, [0n, 3n, 47n, 0n]);
		assert.equal([...collection.map("both").entries()].length, 1);
	}
});

test("strong variables take the place of weak ones, and maps keep what they hold from the start", (t) => {
	const kernel = onLinux(t);
	if (!kernel) return;
	for (const names of [VALUES, [...VALUES].reverse()]) {
		using collection = Collection.load(kernel, readObject(link(names.map(golden)), { name: "linked" }));
		const run = (name: string) => collection.program(name).testRun({ data: new Uint8Array(64) }).retval;
		assert.deepEqual([run("calls"), run("called"), run("adds")], [87, 87, 84], names.join(" "));
	}
});

test("a linked object is loaded by bpftool and does the same", (t) => {
	if (!onLinux(t)) return;
	if (spawnSync("bpftool", ["version"]).error) return t.skip("needs bpftool");
	if (spawnSync("unshare", ["-m", "true"]).status !== 0) return t.skip("needs a private mount namespace");
	inTemporaryFolder((out) => {
		const file = join(out, "linked.o");
		const packet = join(out, "packet");
		writeFileSync(file, link(MAIN.map(golden)));
		writeFileSync(packet, new Uint8Array(64));
		const pins = join(out, "pins");
		mkdirSync(pins);
		const script = `mount -t bpf bpf "$1" && bpftool prog loadall "$2" "$1/x" && bpftool -j prog run pinned "$1/x/first" data_in "$3"`;
		const run = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", pins, file, packet], {
			encoding: "utf8",
			timeout: 30_000,
		});
		assert.equal(run.status, 0, run.stderr);
		assert.equal(JSON.parse(run.stdout).retval, FIRST);
	});
	return undefined;
});

test("types are told apart by what they are, not by where they came from", () => {
	const [a, b] = MAIN.map((name) => readElf(golden(name).bytes).sections.find((s) => s.name === ".BTF")!.data);
	const linked = readElf(link(MAIN.map(golden))).sections.find((s) => s.name === ".BTF")!.data;
	const lines = typesOf(Btf.decode(linked));
	assert.equal(new Set(lines).size, lines.length - lines.filter((l, i) => lines.indexOf(l) !== i).length);
	const before = [...typesOf(Btf.decode(a!)), ...typesOf(Btf.decode(b!))];
	for (const line of before.filter((l) => /^(struct|union|enum|typedef) \w/.test(l)))
		assert.ok(lines.includes(line), line);
});

test("the golden objects are what clang makes of their sources", (t) => {
	if (spawnSync("clang-19", ["--version"]).error || spawnSync("llvm-strip-19", ["--version"]).error)
		return t.skip("needs clang-19 and llvm-strip-19");
	inTemporaryFolder((out) => {
		const run = spawnSync("sh", [join(folder, "linker/build.sh"), out], { encoding: "utf8" });
		assert.equal(run.status, 0, run.stderr);
		for (const name of ["main", "part", "values", "strong"].flatMap((n) => [n, `${n}-eb`]))
			assert.deepEqual(
				readFileSync(join(out, `${name}.bpf.o`)),
				readFileSync(join(folder, `linker/${name}.bpf.o`)),
				name,
			);
	});
	return undefined;
});
