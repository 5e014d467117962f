import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { BpfError, FormatError } from "#base";
import { type ElfFile, readElf, SHT, STT, writeElf } from "#elf";
import { readObject } from "./index.ts";

const folder = new URL("../../testdata/objects/", import.meta.url);
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(`${name}.bpf.o`, folder)));
const read = (name: string) => readObject(bytesOf(name), { name });
const names = readdirSync(folder)
	.filter((f) => f.endsWith(".bpf.o"))
	.map((f) => f.slice(0, -6));

test("the golden objects are what their sources give", (t) => {
	if (spawnSync("clang-19", ["--version"]).status !== 0) return t.skip("needs clang-19");
	const out = mkdtempSync(join(tmpdir(), "skep-objects-"));
	try {
		execFileSync(new URL("build.sh", folder).pathname, [out]);
		for (const name of names)
			assert.deepEqual(new Uint8Array(readFileSync(join(out, `${name}.bpf.o`))), bytesOf(name), name);
	} finally {
		rmSync(out, { recursive: true, force: true });
	}
});

test("struct_ops: a map for each variable, members that are programs by name", () => {
	const spec = read("struct-ops");
	const linked = spec.maps.get("linked")!;
	assert.deepEqual(
		[linked.type, linked.keySize, linked.valueSize, linked.maxEntries, linked.flags, linked.autocreate],
		["struct_ops", 4, 48, 1, 1 << 13, undefined],
	);
	assert.deepEqual(
		[linked.structOps!.typeName, linked.structOps!.link, spec.btf!.name(linked.structOps!.type)],
		["tcp_congestion_ops", true, "tcp_congestion_ops"],
	);
	assert.deepEqual(linked.structOps!.programs, [
		{ member: "ssthresh", offset: 0, program: "skep_ssthresh" },
		{ member: "cong_avoid", offset: 8, program: "skep_cong_avoid" },
		{ member: "undo_cwnd", offset: 16, program: "skep_undo_cwnd" },
	]);
	assert.equal(new TextDecoder().decode(linked.contents!.subarray(24, 38)), "skep_test_link");
	const { flags, structOps } = spec.maps.get("written")!;
	assert.deepEqual([flags, structOps!.link], [0, false]);
	assert.equal(spec.maps.get("absent")!.autocreate, false, "?.struct_ops");
	const program = spec.programs.get("skep_ssthresh")!;
	assert.deepEqual([program.type, program.hook, program.attachTo], ["struct_ops", "struct_ops", "ssthresh"]);
	assert.equal(spec.programs.get("skep_undo_cwnd")!.attachTo, undefined);
});

test("maps: first values, numbers beyond 32 bits, NUMA nodes", () => {
	for (const name of ["values", "values-eb"]) {
		const { maps } = read(name);
		assert.deepEqual(maps.get("outer")!.values, [
			{ index: 0, kind: "map", name: "first" },
			{ index: 3, kind: "map", name: "second" },
		]);
		assert.deepEqual(maps.get("jumps")!.values, [{ index: 2, kind: "program", name: "tail" }]);
		const bloom = maps.get("bloom")!;
		assert.deepEqual([bloom.mapExtra, bloom.numaNode, bloom.flags, bloom.keySize], [3n, 0, 4, 0]);
		assert.deepEqual([maps.get("outer")!.innerMap!.valueSize, maps.get("outer")!.valueSize], [8, 4]);
	}
});

test("externs: configuration by shape, functions and variables of the kernel, typed or not, weak or not", () => {
	const spec = read("kernel");
	const rows = [...spec.externs!.values()].map((e) =>
		e.kind === "kconfig" ? [e.name, e.value, e.offset, e.size, e.weak] : [e.name, e.kind, e.type !== 0, e.weak],
	);
	assert.deepEqual(
		rows.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)),
		[
			["CONFIG_BPF_JIT", "char", 20, 1, false],
			["CONFIG_BPF_SYSCALL", "bool", 21, 1, false],
			["CONFIG_DEFAULT_HOSTNAME", "string", 25, 8, false],
			["CONFIG_HZ", "int", 0, 8, false],
			["CONFIG_NET", "tristate", 8, 4, false],
			["CONFIG_NO_SUCH_THING", "int", 12, 4, true],
			["LINUX_HAS_BPF_COOKIE", "bool", 22, 1, false],
			["LINUX_HAS_NO_SUCH_THING", "bool", 23, 1, true],
			["LINUX_HAS_SYSCALL_WRAPPER", "bool", 24, 1, true],
			["LINUX_KERNEL_VERSION", "int", 16, 4, false],
			["bpf_no_such_kfunc", "ksym-function", true, true],
			["bpf_rcu_read_lock", "ksym-function", true, false],
			["bpf_rcu_read_unlock", "ksym-function", true, true],
			["no_such_symbol", "ksym-variable", false, true],
			["no_such_variable", "ksym-variable", true, true],
			["vfs_unlink", "ksym-variable", false, false],
		],
	);
	const map = spec.maps.get(".kconfig")!;
	assert.deepEqual([map.valueSize, map.frozen, map.flags], [33, true, 1 << 7]);
	assert.equal(spec.variables.get("CONFIG_HZ")!.map, ".kconfig");
	const kinds = new Set(spec.programs.get("look")!.references.map((r) => `${r.kind}`));
	assert.deepEqual([...kinds].sort(), ["kfunc", "ksym", "map-value"]);
});

test("arenas: variables are windows into the map, which holds their first bytes", () => {
	const spec = read("arena");
	const map = spec.maps.get("memory")!;
	assert.deepEqual([map.type, map.maxEntries, map.flags, map.contents!.length], ["arena", 4, 1 << 10, 24]);
	const number = spec.variables.get("number")!;
	assert.equal(number.map, "memory");
	assert.equal(new DataView(map.contents!.buffer, map.contents!.byteOffset).getBigUint64(number.offset, true), 41n);
	assert.ok(spec.programs.get("count")!.references.some((r) => r.kind === "map-value" && r.offset === number.offset));
	const elf = readElf(bytesOf("arena"));
	const renamed = {
		...elf,
		sections: elf.sections.map((s) => (s.name === ".addr_space.1" ? { ...s, name: ".data" } : s)),
	};
	assert.equal(readObject(writeElf(renamed)).variables.get("number")!.map, ".data");
});

test("exception callbacks belong to the function whose tag names them; visibility is told", () => {
	const spec = read("exception");
	assert.equal(spec.programs.get("thrower")!.exceptionCallback, "caught");
	const functions = [...spec.functions.values()].map((f) => [f.name, f.hidden ?? false]);
	assert.deepEqual(functions.sort(), [
		["caught", false],
		["hidden", true],
		["quiet", false],
		["weak", false],
	]);
});

test("legacy maps: any size from 20 with a zero tail, iproute2's; no BTF at all", () => {
	for (const [name, pinning] of [
		["legacy", "none"],
		["legacy-samples", "none"],
		["legacy-iproute2", "by-name"],
		["legacy-eb", "none"],
	] as const) {
		const spec = read(name);
		assert.equal(spec.btf, undefined);
		assert.equal(spec.kernelVersion, 0x60102, name);
		const { legacy, type, keySize, valueSize, maxEntries, flags } = spec.maps.get("seen")!;
		assert.deepEqual([legacy, type, keySize, valueSize, maxEntries, flags], [true, "hash", 4, 4, 16, 1], name);
		assert.equal(spec.maps.get("seen")!.pinning, pinning);
		assert.deepEqual(
			spec.programs.get("prog")!.references.map((r) => r.kind === "map" && r.map),
			["counts", "seen"],
		);
	}
	const elf = readElf(bytesOf("legacy-samples"));
	const tail = elf.sections.map((s) =>
		s.name === "maps" ? { ...s, data: s.data.map((b, i) => (i === 24 ? 1 : b)) } : s,
	);
	assert.throws(
		() => readObject(writeElf({ ...elf, sections: tail })),
		/its definition of 28 bytes uses members behind/,
	);
	const odd = elf.sections.map((s) => (s.name === "maps" ? { ...s, data: s.data.subarray(0, 30), size: 30 } : s));
	assert.throws(
		() => readObject(writeElf({ ...elf, sections: odd })),
		(e) => e instanceof FormatError && e.place.section === "maps" && /15 each/.test(e.message),
	);
});

test("sections as they were named before libbpf 1.0 are read, and that is said", () => {
	const elf = readElf(bytesOf("legacy"));
	const named = (name: string) =>
		readObject(writeElf({ ...elf, sections: elf.sections.map((s) => (s.name === "xdp" ? { ...s, name } : s)) }));
	const cases = [
		["xdp_pass", "xdp", "xdp"],
		["classifier/ingress", "classifier", "sched_cls"],
		["socket1", "socket", "socket_filter"],
		["cgroup/skb1", "cgroup/skb", "cgroup_skb"],
		["?sk_skb/stream_verdict/a", "sk_skb/stream_verdict", "sk_skb"],
	] as const;
	for (const [section, hook, type] of cases) {
		const spec = named(section);
		const program = spec.programs.get("prog")!;
		assert.deepEqual([program.section, program.hook, program.type], [section, hook, type]);
		assert.deepEqual(spec.notes, [`section ${section} is read as ${hook}, as loaders before libbpf 1.0 did`]);
	}
	for (const section of ["xdpass", "nothing", "kprobe_x"])
		assert.throws(() => named(section), /no program type is known/);
});

/** The same object with addends in the relocations (RELA) instead of the instructions and data. */
const withAddends = (elf: ElfFile): ElfFile => ({
	...elf,
	sections: elf.sections.map((s) => {
		if (!s.relocations.length || s.name.startsWith(".BTF")) return s;
		const view = new DataView(s.data.buffer, s.data.byteOffset, s.data.byteLength);
		return {
			...s,
			relocations: s.relocations.map((r) => {
				const addend = r.type === 2 ? view.getBigInt64(r.offset, true) : BigInt(view.getInt32(r.offset + 4, true));
				return { ...r, addend };
			}),
		};
	}),
});

test("RELA says what REL says", () => {
	for (const name of ["values", "struct-ops", "kernel", "exception", "legacy", "arena"]) {
		const elf = readElf(bytesOf(name));
		const rela = readObject(writeElf(withAddends(elf)), { name });
		const rel = read(name);
		for (const [key, { references }] of rel.programs)
			assert.deepEqual(rela.programs.get(key)!.references, references, `${name}/${key}`);
		for (const [key, { values, structOps }] of rel.maps)
			assert.deepEqual([rela.maps.get(key)!.values, rela.maps.get(key)!.structOps], [values, structOps]);
	}
});

test("functions without type and size, as compilers before LLVM 6 wrote them", () => {
	const elf = readElf(bytesOf("legacy"));
	const symbols = elf.symbols.map((s) => (s.type === STT.func ? { ...s, type: STT.notype, size: 0 } : s));
	const old = readObject(writeElf({ ...elf, symbols }));
	assert.deepEqual(old.programs.get("prog")!.insns, read("legacy").programs.get("prog")!.insns);
});

const total = (value: unknown): number =>
	value instanceof Map
		? [...value.values()].reduce((n: number, v) => n + total(v), 0)
		: value instanceof Uint8Array
			? value.length
			: 0;

test("mutated, cut and reordered objects of every form: a value or an error of ours that says where", () => {
	const originals = names.map((name) => bytesOf(name));
	const check = (bytes: Uint8Array) => {
		try {
			const spec = readObject(bytes, { name: "fuzz" });
			assert.ok(total(spec.programs) <= bytes.length);
		} catch (error) {
			if (!(error instanceof BpfError)) throw error;
			if (error instanceof FormatError) assert.ok(error.place.offset >= 0 && error.place.path !== "", String(error));
		}
	};
	fc.assert(
		fc.property(
			fc.nat(originals.length - 1),
			fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { minLength: 1, maxLength: 6 }),
			(which, changes) => {
				const bytes = originals[which]!.slice();
				for (const [at, value] of changes) bytes[Math.floor(at * (bytes.length - 1))] = value;
				check(bytes);
			},
		),
		{ seed: 4, numRuns: 1500 },
	);
	for (const original of originals)
		for (let i = 0; i <= 24; i++) check(original.subarray(0, Math.floor((original.length * i) / 24)));
});

test("words of headers, symbols and relocations at their limits: bounded time and memory", () => {
	const limits = [0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff];
	for (const name of ["struct-ops", "kernel", "legacy", "arena"]) {
		const original = bytesOf(name);
		const view = new DataView(original.buffer, original.byteOffset);
		const table = Number(view.getBigUint64(40, true));
		const places: number[] = [];
		for (let at = 32; at < 64; at += 4) places.push(at);
		// Of the smallest every word: symbols and definitions too.
		for (let at = name === "legacy" ? 64 : table; at + 4 <= original.length; at += 4) places.push(at);
		for (const at of places)
			for (const limit of limits) {
				const bytes = original.slice();
				new DataView(bytes.buffer).setUint32(at, limit, true);
				try {
					readObject(bytes);
				} catch (error) {
					if (!(error instanceof BpfError)) throw error;
				}
			}
	}
});

test("sections that overlap share bytes and are read, a file of nothing but sections is not slow", () => {
	const elf = readElf(bytesOf("values"));
	const many = Array.from({ length: 5000 }, (_, i) => ({
		name: `.data.${i % 7}x${i}`,
		type: SHT.progbits,
		flags: 3,
		align: 1,
		entrySize: 0,
		size: 1,
		data: new Uint8Array(1),
		relocations: [],
	}));
	assert.equal(readObject(writeElf({ ...elf, sections: [...elf.sections, ...many] })).maps.size, 5 + 5000);
	const bytes = writeElf(elf);
	const view = new DataView(bytes.buffer, bytes.byteOffset);
	const table = Number(view.getBigUint64(40, true));
	const count = view.getUint16(60, true);
	for (let i = 1; i < count; i++) {
		const copy = bytes.slice();
		// Every section over the file's first bytes.
		new DataView(copy.buffer).setBigUint64(table + i * 64 + 24, 0n, true);
		try {
			readObject(copy);
		} catch (error) {
			if (!(error instanceof BpfError)) throw error;
		}
	}
});
