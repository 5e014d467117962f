import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { BpfError, FormatError } from "#base";
import { BtfBuilder } from "#btf";
import { type ElfSection, readElf, SHF, SHT, writeElf } from "#elf";
import { decode, encode, format, insn } from "#isa";
import { type ObjectModel, readObject, writeObject } from "#object";
import type { Manifest } from "#spec";
import { ATTACH_TYPES, PROGRAM_TYPES, sectionMeaning } from "#uapi";

const folder = new URL("../../testdata/", import.meta.url).pathname;
const golden = readdirSync(folder)
	.filter((f) => f.endsWith(".o"))
	.map((f) => [f, readFileSync(join(folder, f))] as const);
const bytesOf = (name: string): Uint8Array => golden.find(([f]) => f === name)![1];
const kitchen = readObject(bytesOf("kitchen.bpf.o"), { name: "kitchen" });

test("programs: several a section, type and flags by the section's name", () => {
	const { first, second, third } = Object.fromEntries(kitchen.programs);
	assert.ok(first && second && third);
	assert.deepEqual([...kitchen.programs.keys()], ["first", "second", "third"]);
	assert.equal(first.section, second.section);
	assert.equal(first.type, "tracepoint");
	assert.equal(first.attachTo, "syscalls/sys_enter_write");
	assert.equal(first.autoload, true);
	assert.deepEqual(
		[third.type, third.attachType, third.attachTo, third.flags, third.autoload],
		["xdp", "xdp", undefined, 1 << 5, false],
	);
	assert.equal(kitchen.license, "Dual BSD/GPL");
	assert.equal(kitchen.btf!.name(first.btfFunc), "first");
});

test("subprograms: global, static by relocation, static by distance, callbacks", () => {
	assert.deepEqual([...kitchen.functions.keys()].sort(), ["step", "thrice", "twice"]);
	const calls = (name: string) =>
		(kitchen.programs.get(name) ?? kitchen.functions.get(name))!.references.flatMap((r) =>
			r.kind === "function" ? [r.function] : [],
		);
	assert.deepEqual(calls("first"), ["thrice"]);
	assert.deepEqual(calls("second"), ["step", "twice"]);
	assert.deepEqual(calls("thrice"), ["twice"]);
});

test("maps: by type, by size, nested, pinned", () => {
	const counts = kitchen.maps.get("counts")!;
	assert.deepEqual(
		[counts.type, counts.keySize, counts.valueSize, counts.maxEntries, counts.flags, counts.pinning],
		["hash", 20, 8, 1024, 1, "by-name"],
	);
	assert.equal(kitchen.btf!.name(counts.keyType), "key");
	assert.deepEqual([kitchen.maps.get("perf")!.keySize, kitchen.maps.get("perf")!.valueSize], [4, 4]);
	const outer = kitchen.maps.get("outer")!;
	assert.deepEqual(
		[outer.type, outer.valueSize, outer.innerMap!.type, outer.innerMap!.maxEntries],
		["array_of_maps", 4, "array", 4],
	);
});

test("variables: windows into the maps of their sections", () => {
	const limit = kitchen.variables.get("limit")!;
	assert.deepEqual([limit.map, limit.offset, limit.size], [".rodata", 0, 4]);
	assert.equal(kitchen.variables.get("motto")!.map, ".rodata.motto");
	assert.equal(kitchen.variables.get("hidden")!.map, ".bss");
	const rodata = kitchen.maps.get(".rodata")!;
	assert.deepEqual([rodata.frozen, rodata.flags, [...rodata.contents!]], [true, 128 | 1024, [7, 0, 0, 0]]);
	assert.equal(kitchen.maps.get(".bss")!.flags, 0, "only a static variable: not mapped");
	assert.equal(kitchen.maps.get(".bss")!.contents, undefined);
});

test("CO-RE and lines stand at slots of their function", () => {
	const { core, lines, insns } = kitchen.programs.get("first")!;
	assert.deepEqual(
		core.map((c) => [c.kind, c.access, kitchen.btf!.name(c.type)]),
		[
			["field_byte_offset", "0:2", "task_struct"],
			["field_byte_offset", "0:1", "task_struct"],
			["field_exists", "0:0", "task_struct"],
		],
	);
	assert.equal(format(decode(insns.subarray(core[0]!.slot * 8, core[0]!.slot * 8 + 8))[0]!), "r1 = 8");
	assert.equal(lines[0]!.slot, 0);
	assert.equal(lines[0]!.text, "int first(void *ctx)");
	assert.equal(kitchen.programs.get("second")!.core[0]!.kind, "enumval_value");
});

test("kernel functions are references by name; what is asked of the configuration is a window into a map", () => {
	const spec = readObject(bytesOf("externs.bpf.o"));
	const names = (p: string) => spec.programs.get(p)!.references.map((r) => r.kind === "kfunc" && [r.name, r.weak]);
	const both = [
		["bpf_rcu_read_lock", false],
		["bpf_rcu_read_unlock", true],
	];
	assert.deepEqual(names("locked"), both);
	assert.deepEqual(names("unlocked"), both);
	assert.equal(spec.programs.get("unlocked")!.flags, 1 << 4);
	const kconfig = readObject(bytesOf("kconfig.bpf.o"));
	assert.deepEqual(
		[...kconfig.externs!.values()].map((e) => [
			e.name,
			e.kind,
			e.kind === "kconfig" && [e.value, e.offset, e.size, e.weak],
		]),
		[["LINUX_KERNEL_VERSION", "kconfig", ["int", 0, 4, false]]],
	);
	assert.deepEqual([kconfig.maps.get(".kconfig")!.valueSize, kconfig.maps.get(".kconfig")!.frozen], [4, true]);
});

test("a big-endian object says the same", () => {
	const big = readObject(bytesOf("kitchen-eb.bpf.o"), { name: "kitchen" });
	assert.equal(big.byteOrder, "big");
	for (const [name, p] of kitchen.programs) {
		const { insns, ...rest } = p;
		const { insns: theirs, ...other } = big.programs.get(name)!;
		assert.deepEqual(other, rest);
		assert.deepEqual(theirs, insns);
	}
	assert.deepEqual([...big.variables.values()], [...kitchen.variables.values()]);
});

test("the result does not share memory with the input", () => {
	const bytes = new Uint8Array(bytesOf("kitchen.bpf.o"));
	const spec = readObject(bytes);
	const before = spec.programs.get("first")!.insns.slice();
	bytes.fill(0);
	assert.deepEqual(spec.programs.get("first")!.insns, before);
});

const manifest: Manifest = {
	version: 1,
	producer: "skep 0.1.0",
	source: "a.ts",
	modules: ["a.ts", "lib/b.ts"],
	userHalf: true,
	options: [
		{
			name: "min",
			type: "duration",
			help: "least",
			default: "1000",
			short: "m",
			variable: "opt_min",
			present: "opt_min_set",
		},
		{ name: "mode", type: "string", help: "", choices: ["a", "b"], max: 8, positional: true, required: true },
	],
	maps: [
		{ name: "events", word: "ringbuf", record: "E", lost: { map: "skep_lost", key: 0 } },
		{ name: "h", word: "histogram", histogram: { keyed: false, scale: { from: 0, to: 100, step: 10 } } },
		{ name: "l", word: "histogram", histogram: { keyed: true, scale: "log2" } },
		{ name: "skep_lost", word: "percpuArray", internal: true },
	],
	programs: [
		{
			name: "p",
			word: "xdp",
			attach: true,
			optional: true,
			target: { dev: { option: "dev" }, x: { value: "lo" } },
			wants: "dev",
			mode: "generic",
		},
	],
	handles: [
		{
			kind: "shared",
			word: "shared",
			name: "s",
			module: 1,
			line: 3,
			column: 7,
			hash: "811c9dc5",
			variables: { a: "s_a" },
		},
	],
};

/** A small model: a map, variables, two programs that share a subprogram and a callback. */
function model(more: Partial<ObjectModel> = {}): ObjectModel {
	const btf = new BtfBuilder();
	const u32 = btf.add({
		kind: "int",
		name: "unsigned int",
		size: 4,
		bits: 32,
		offset: 0,
		signed: false,
		char: false,
		bool: false,
	});
	const ptr = btf.add({ kind: "ptr", type: 0 });
	const proto = btf.add({ kind: "func_proto", ret: u32, params: [{ name: "ctx", type: ptr }] });
	const func = (name: string) => btf.add({ kind: "func", name, type: proto, linkage: "global" });
	const core = btf.add({
		kind: "struct",
		name: "task_struct",
		size: 64,
		members: [{ name: "pid", type: u32, bitOffset: 32, bitSize: 0 }],
	});
	const line = { file: "a.ts", text: "x", line: 1, column: 2 };
	const common = { core: [], lines: [{ slot: 0, ...line }], global: true };
	return {
		license: "GPL",
		kernelVersion: 0x061200,
		btf,
		functions: [
			{
				...common,
				name: "one",
				section: "raw_tp/sched_switch",
				insns: encode([
					insn.loadImm64(1, 0),
					insn.loadImm64(2, 0),
					insn.callFunction(0),
					insn.alu("add", 64, 1, { imm: 4 }),
					insn.exit(),
				]),
				references: [
					{ slot: 0, kind: "map", map: "m" },
					{ slot: 2, kind: "map-value", map: ".data", offset: 6 },
					{ slot: 4, kind: "function", function: "sub" },
				],
				core: [{ slot: 5, type: core, access: "0:0", kind: "field_byte_offset" }],
				lines: [
					{ slot: 0, ...line },
					{ slot: 5, ...line, line: 7 },
				],
				btfFunc: func("one"),
			},
			{
				...common,
				name: "two",
				section: "raw_tp/sched_switch",
				insns: encode([insn.loadImm64(1, 0), insn.call(0), insn.exit()]),
				references: [
					{ slot: 0, kind: "function", function: "sub" },
					{ slot: 2, kind: "kfunc", name: "bpf_kf", weak: true },
				],
				btfFunc: func("two"),
			},
			{
				...common,
				name: "sub",
				section: ".text",
				global: false,
				insns: encode([insn.exit()]),
				references: [],
				btfFunc: func("sub"),
			},
		],
		maps: [
			{
				name: "m",
				type: "hash",
				keySize: 4,
				valueSize: 4,
				maxEntries: 8,
				flags: 1,
				keyType: u32,
				valueType: u32,
				pinning: "by-name",
				numaNode: 0,
				mapExtra: 3n,
			},
			{
				name: "sized",
				type: "array",
				keySize: 4,
				valueSize: 24,
				maxEntries: 2,
				flags: 0,
				keyType: 0,
				valueType: 0,
				pinning: "none",
			},
		],
		data: [
			{
				name: ".data",
				size: 12,
				contents: Uint8Array.of(1, 2, 3),
				variables: [
					{ name: "a", offset: 0, size: 4, type: u32 },
					{ name: "b", offset: 4, size: 8, type: u32 },
				],
			},
			{ name: ".bss", size: 4, contents: new Uint8Array(0), variables: [{ name: "z", offset: 0, size: 4, type: u32 }] },
		],
		kfuncs: [
			{ name: "bpf_kf", type: btf.add({ kind: "func", name: "bpf_kf", type: proto, linkage: "extern" }), weak: true },
		],
		manifest: JSON.stringify(manifest),
		...more,
	};
}

test("readObject(writeObject(model)) says what the model says", () => {
	const m = model();
	const spec = readObject(writeObject(m), { name: "m" });
	assert.equal(spec.license, "GPL");
	assert.equal(spec.kernelVersion, 0x061200);
	assert.deepEqual(spec.manifest, manifest);
	for (const f of m.functions) {
		const read = spec.programs.get(f.name) ?? spec.functions.get(f.name)!;
		assert.deepEqual(read.references, f.references);
		assert.deepEqual(read.core, f.core);
		assert.deepEqual(read.lines, f.lines);
		assert.equal(read.btfFunc, f.btfFunc);
	}
	for (const d of m.maps) {
		const { frozen, ...read } = spec.maps.get(d.name)!;
		assert.equal(frozen, false);
		assert.deepEqual(read, d);
	}
	assert.deepEqual([...spec.maps.get(".data")!.contents!], [1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
	assert.deepEqual(spec.variables.get("b"), {
		name: "b",
		map: ".data",
		offset: 4,
		size: 8,
		type: m.data[0]!.variables[1]!.type,
	});
});

test("a model that refers to nothing is a LinkError", () => {
	const m = model();
	const f = m.functions[0]!;
	const broken = (reference: (typeof f.references)[number]): ObjectModel => ({
		...m,
		functions: [{ ...f, references: [reference] }],
	});
	assert.throws(() => writeObject(broken({ slot: 0, kind: "map", map: "none" })), /refers to "none"/);
	assert.throws(() => writeObject(broken({ slot: 0, kind: "map-value", map: ".data", offset: 99 })), /no variable/);
	assert.throws(() => writeObject(broken({ slot: 4, kind: "map", map: "m" })), /cannot refer/);
	assert.throws(() => writeObject(broken({ slot: 99, kind: "map", map: "m" })), /outside/);
	assert.throws(() => writeObject({ ...m, maps: [m.maps[0]!, m.maps[0]!] }), /two things of the object are named "m"/);
});

test("a manifest of strangers is checked field by field", () => {
	const bad: readonly (readonly [change: object, path: RegExp])[] = [
		[{ version: 2 }, /version/],
		[{ producer: 5 }, /producer/],
		[{ modules: "a" }, /modules/],
		[{ options: [{ ...manifest.options[0], type: "u128" }] }, /options\[0\]\/type/],
		[{ options: [{ ...manifest.options[0], default: 5 }] }, /options\[0\]\/default/],
		[{ options: [{ ...manifest.options[0], default: "0x5" }] }, /options\[0\]\/default/],
		[{ maps: [{ name: "a" }] }, /maps\[0\]\/word/],
		[{ maps: [{ ...manifest.maps[0], lost: { map: "a", key: -1 } }] }, /maps\[0\]\/lost\/key/],
		[{ programs: [{ ...manifest.programs[0], target: [] }] }, /programs\[0\]\/target/],
		[{ programs: [{ ...manifest.programs[0], target: { dev: {} } }] }, /target\/dev\/option/],
		[{ handles: [{ ...manifest.handles[0], module: 2 }] }, /handles\[0\]\/module/],
		[{ handles: [{ ...manifest.handles[0], kind: "__proto__" }] }, /handles\[0\]\/kind/],
		[{ handles: null }, /handles/],
	];
	for (const [change, path] of bad)
		assert.throws(
			() => readObject(writeObject(model({ manifest: JSON.stringify({ ...manifest, ...change }) }))),
			(e) => e instanceof FormatError && e.place.section === ".skep" && path.test(e.place.path),
			JSON.stringify(change),
		);
	assert.throws(() => readObject(writeObject(model({ manifest: "{" }))), /no JSON/);
	fc.assert(
		fc.property(fc.json(), (json) => {
			try {
				readObject(writeObject(model({ manifest: json })));
			} catch (e) {
				assert.ok(e instanceof FormatError, String(e));
			}
		}),
		{ numRuns: 100, seed: 1 },
	);
});

test("what is not understood is refused by the section's name", () => {
	const elf = readElf(bytesOf("kitchen.bpf.o"));
	const extra = (name: string, more: Partial<ElfSection> = {}): Uint8Array =>
		writeElf({
			...elf,
			sections: [
				...elf.sections,
				{
					name,
					type: SHT.progbits,
					flags: 3,
					align: 8,
					entrySize: 0,
					size: 8,
					data: new Uint8Array(8),
					relocations: [],
					...more,
				},
			],
		});
	for (const name of ["maps", ".struct_ops", ".struct_ops.link", ".addr_space.1"])
		assert.throws(
			() => readObject(extra(name)),
			(e) => e instanceof FormatError && e.place.section === name,
			name,
		);
	const renamed = (from: string, to: string): Uint8Array =>
		writeElf({ ...elf, sections: elf.sections.map((s) => (s.name === from ? { ...s, name: to } : s)) });
	assert.throws(() => readObject(renamed("?xdp.frags", "xdpp")), /section "xdpp" is not supported: no program type/);
	assert.equal(
		readObject(renamed("?xdp.frags", "xdpp"), {
			programType: (name) => (name === "xdpp" ? { type: "xdp" } : undefined),
		}).programs.get("third")!.type,
		"xdp",
	);
	assert.match(
		readObject(extra(".data.more", { relocations: [{ offset: 0, symbol: 0, type: 2 }] })).notes!.join(),
		/section \.data\.more holds 1 addresses/,
	);
});

test("section names as libbpf reads them", () => {
	const cases: readonly (readonly [string, Partial<ReturnType<typeof sectionMeaning>> | undefined])[] = [
		["xdp", { type: "xdp", attachType: "xdp", attachOptional: true, autoload: true }],
		["xdp/devmap", { type: "xdp", attachType: "xdp_devmap" }],
		["xdp/eth0", undefined],
		[
			"?tp_btf/sched_switch",
			{ type: "tracing", attachType: "trace_raw_tp", target: "sched_switch", btf: true, autoload: false },
		],
		["tp_btf", { type: "tracing" }],
		["tp_btf/", undefined],
		["tracepoint/a/b", { type: "tracepoint", target: "a/b" }],
		["fentry.s/x", { type: "tracing", sleepable: true, target: "x" }],
		["cgroup/connect4", { type: "cgroup_sock_addr", attachType: "cgroup_inet4_connect" }],
		["cgroup/nothing", undefined],
		["kprobe.multi/tcp_*", { type: "kprobe", attachType: "trace_kprobe_multi", target: "tcp_*" }],
		["tc", { type: "sched_cls" }],
		["tracepoints/a", undefined],
		["", undefined],
		["?", undefined],
	];
	for (const [name, expected] of cases) {
		const meaning = sectionMeaning(name);
		if (!expected) assert.equal(meaning, undefined, name);
		else assert.deepEqual({ ...meaning, ...expected }, meaning, name);
		if (meaning) {
			assert.ok(meaning.type in PROGRAM_TYPES);
			assert.ok(meaning.attachType === undefined || meaning.attachType in ATTACH_TYPES);
		}
	}
});

test("mutations and truncations of real objects are a value or an error of ours", () => {
	const seeds: Uint8Array[] = [...golden.map(([, b]) => b), writeObject(model())];
	const change = fc.tuple(
		fc.nat(),
		fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })),
	);
	fc.assert(
		fc.property(
			fc.constantFrom(...seeds),
			fc.array(change, { minLength: 1, maxLength: 6 }),
			fc.boolean(),
			fc.nat(),
			(bytes, changes, cut, at) => {
				const copy = new Uint8Array(bytes);
				for (const [where, value] of changes) copy[where % copy.length] = value;
				try {
					readObject(cut ? copy.subarray(0, at % copy.length) : copy);
				} catch (e) {
					assert.ok(e instanceof BpfError, String(e));
				}
			},
		),
		{ numRuns: 2500, seed: 6 },
	);
});

test("the golden objects are what their sources give", (t) => {
	const clang = spawnSync("clang-19", ["--version"], { encoding: "utf8" });
	if (clang.error) return t.skip(`needs clang-19: ${clang.error.message}`);
	if (!existsSync("/usr/include/bpf/bpf_helpers.h"))
		return t.skip("needs libbpf's headers: no /usr/include/bpf/bpf_helpers.h");
	const out = mkdtempSync(join(tmpdir(), "skep-golden-"));
	try {
		const run = spawnSync("sh", [join(folder, "build.sh"), out], { encoding: "utf8" });
		assert.equal(run.status, 0, run.stderr);
		// Types may differ with the machine's headers, code may not.
		for (const [file, committed] of golden) {
			const code = (bytes: Uint8Array) =>
				readElf(bytes)
					.sections.filter((s) => s.flags & SHF.exec)
					.map((s) => [s.name, s.data, s.relocations.map((r) => r.offset)]);
			assert.deepEqual(code(readFileSync(join(out, file))), code(committed), file);
		}
	} finally {
		rmSync(out, { recursive: true });
	}
});

test("every section's bytes at random: a value or an error of ours", () => {
	const elf = readElf(writeObject(model()));
	fc.assert(
		fc.property(fc.nat(elf.sections.length - 1), fc.uint8Array({ maxLength: 200 }), (index, data) => {
			const sections = elf.sections.map((s, i) =>
				i === index && s.type !== SHT.nobits
					? { ...s, data, size: data.length, relocations: s.relocations.filter((r) => r.offset < data.length) }
					: s,
			);
			try {
				readObject(writeElf({ ...elf, sections }));
			} catch (e) {
				assert.ok(e instanceof BpfError, String(e));
			}
		}),
		{ numRuns: 500, seed: 7 },
	);
});
