import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { Btf, BtfBuilder } from "@skep/bpf/btf";
import { encode, type Instruction, insn } from "@skep/bpf/isa";
import { readObject } from "@skep/bpf/object";
import type { Manifest } from "@skep/bpf/spec";
import { Builder, type CoreAccess, type Func, type Module, type StructType, type Type } from "#ir";
import { writeCollection } from "./collection.ts";
import type { CompiledFunction } from "./output.ts";

const VMLINUX = "/sys/kernel/btf/vmlinux";
let kernel: Btf | undefined;
before(() => {
	if (existsSync(VMLINUX)) kernel = Btf.decode(readFileSync(VMLINUX));
});

const u8: Type = { kind: "int", bits: 8, signed: false };
const u32: Type = { kind: "int", bits: 32, signed: false };
const u64: Type = { kind: "int", bits: 64, signed: false };
const i32: Type = { kind: "int", bits: 32, signed: true };

const record: StructType = {
	kind: "struct",
	name: "ExecEvent",
	size: 48,
	align: 8,
	fields: [
		{ name: "time", type: u64, offset: 0 },
		{ name: "pid", type: i32, offset: 8 },
		{ name: "comm", type: { kind: "chars", size: 16 }, offset: 12 },
		{ name: "address", type: { kind: "array", element: u8, length: 4 }, offset: 28 },
		{ name: "port", type: { kind: "be", bits: 16 }, offset: 32 },
		{ name: "ok", type: { kind: "bool" }, offset: 34 },
		{ name: "low", type: u8, offset: 35, bits: { shift: 0, size: 4 } },
		{ name: "high", type: u8, offset: 35, bits: { shift: 4, size: 4 } },
	],
};

const manifest: Manifest = {
	version: 1,
	producer: "skep 0.1.0",
	source: "hand.ts",
	modules: ["hand.ts"],
	userHalf: false,
	options: [{ name: "min", type: "duration", help: "", default: "5", variable: "opt_min" }],
	maps: [{ name: "events", word: "ringbuf", record: "ExecEvent", lost: { map: "skep_lost", key: 0 } }],
	programs: [{ name: "exec", word: "tracepoint", attach: true, target: {} }],
	handles: [],
};

const funcOf = (name: string, section: string, more: Partial<Func> = {}): Func => {
	const params = section === ".text" ? [{ name: "x", type: u32 }] : [{ name: "ctx", type: { kind: "ctx" as const } }];
	const b = new Builder({
		name,
		section,
		global: false,
		params,
		result: section === ".text" ? u32 : undefined,
		position: undefined,
		...more,
	});
	b.terminate({ op: "return", args: [b.constant(0, 64)], position: undefined });
	return b.finish();
};

const compiled = (
	func: Func,
	list: Instruction[],
	more: Partial<Pick<CompiledFunction, "references" | "core">> = {},
): CompiledFunction => ({
	func,
	insns: encode(list),
	references: [],
	core: [],
	lines: [
		{ slot: 0, position: { file: 0, line: 1, column: 3 } },
		{ slot: 2, position: { file: 0, line: 2, column: 5 } },
	],
	stack: 0,
	...more,
});

/** Path of members by name through the kernel's BTF. */
function access(btf: Btf, struct: string, names: string[], kind: CoreAccess["kind"] = "field_byte_offset"): CoreAccess {
	const root = btf.find(struct, "struct");
	assert.ok(root !== undefined, struct);
	const path = [0];
	let id = root;
	for (const name of names) {
		const type = btf.type(btf.resolve(id));
		if (type.kind === "array") {
			path.push(Number(name));
			id = type.type;
			continue;
		}
		assert.ok(type.kind === "struct" || type.kind === "union");
		const index = type.members.findIndex((m) => (m.name || "?") === name);
		assert.ok(index >= 0, `${struct}.${name}`);
		path.push(index);
		id = type.members[index]!.type;
	}
	return { kind, root, path };
}

/** Number of the member, in bytes. */
function offsetOf(btf: Btf, a: CoreAccess): number {
	let id = a.root;
	let bits = 0;
	for (const index of a.path.slice(1)) {
		const type = btf.type(btf.resolve(id));
		if (type.kind === "array") {
			bits += index * btf.sizeOf(type.type) * 8;
			id = type.type;
			continue;
		}
		assert.ok(type.kind === "struct" || type.kind === "union");
		bits += type.members[index]!.bitOffset;
		id = type.members[index]!.type;
	}
	return bits / 8;
}

function module(btf: Btf): { module: Module; functions: CompiledFunction[]; accesses: CoreAccess[] } {
	const tgid = access(btf, "task_struct", ["tgid"]);
	const parent = access(btf, "task_struct", ["real_parent"]);
	const comm = access(btf, "task_struct", ["comm", "2"]);
	const vruntime = access(btf, "task_struct", ["se", "vruntime"]);
	const exists = access(btf, "task_struct", ["pid"], "field_exists");
	const size: CoreAccess = { kind: "type_size", root: btf.find("task_struct", "struct")!, path: [] };
	const bit = access(btf, "task_struct", ["no_cgroup_migration"], "field_lshift_u64");
	const hue = btf.find("bpf_map_type", "enum");
	assert.ok(hue !== undefined);
	const value: CoreAccess = { kind: "enumval_value", root: hue, path: [2] };
	const flavoured: CoreAccess = { ...tgid, kind: "field_exists", flavour: "task_struct___old" };
	const accesses = [parent, tgid, comm, vruntime, exists, size, bit, value, flavoured];
	const at = (a: CoreAccess) => insn.alu("add", 64, 1, { imm: offsetOf(btf, a) });
	const list: Instruction[] = [
		insn.call(35), // get_current_task
		insn.mov(64, 6, { reg: 0 }), // 1
		insn.mov(64, 1, { reg: 6 }), // 2
		at(parent), // 3
		insn.mov(64, 1, { reg: 6 }),
		at(tgid), // 5
		insn.mov(64, 1, { reg: 6 }),
		at(comm), // 7
		insn.mov(64, 1, { reg: 6 }),
		at(vruntime), // 9
		insn.mov(64, 3, { imm: 1 }), // 10: exists
		insn.mov(64, 3, { imm: btf.sizeOf(size.root) }), // 11: size
		insn.mov(64, 3, { imm: 0 }), // 12: bit-field
		insn.mov(64, 3, { imm: 2 }), // 13: enum value
		insn.mov(64, 3, { imm: 1 }), // 14: flavour exists
		insn.loadImm64(7, 0), // 15: global
		insn.load(8, 8, 7, 0), // 17
		insn.store(4, 10, -4, { imm: 0 }), // 18
		insn.mov(64, 2, { reg: 10 }),
		insn.alu("add", 64, 2, { imm: -4 }),
		insn.loadImm64(1, 0), // 21: map
		insn.call(1), // 23
		insn.mov(64, 1, { imm: 4 }),
		insn.callFunction(0), // 25
		insn.mov(32, 0, { imm: 0 }),
		insn.exit(),
	];
	const functions = [
		compiled(funcOf("helper", ".text"), [insn.mov(32, 0, { reg: 1 }), insn.alu("add", 32, 0, { imm: 1 }), insn.exit()]),
		compiled(funcOf("exec", "tracepoint/sched/sched_process_exec"), list, {
			references: [
				{ slot: 15, kind: "global", variable: "opt_min" },
				{ slot: 21, kind: "map", map: "skep_lost" },
				{ slot: 25, kind: "function", function: "helper" },
			],
			core: [
				[3, parent],
				[5, tgid],
				[7, comm],
				[9, vruntime],
				[10, exists],
				[11, size],
				[12, bit],
				[13, value],
				[14, flavoured],
			].map(([slot, a]) => ({ slot: slot as number, access: a as CoreAccess })),
		}),
		compiled(
			funcOf("filter", "xdp", { params: [{ name: "ctx", type: { kind: "ctx", struct: "xdp_md" } }] }),
			[
				insn.loadImm64(1, 0),
				insn.mov(64, 2, { imm: 1 }),
				insn.store(8, 1, 0, { reg: 2 }),
				insn.mov(32, 0, { imm: 2 }),
				insn.exit(),
			],
			{ references: [{ slot: 0, kind: "global", variable: "seen" }] },
		),
	];
	return {
		functions,
		accesses,
		module: {
			files: [{ path: "hand.ts", text: "const task = current.task;\n\tcount(task.tgid);\n" }],
			license: "GPL",
			functions: functions.map((f) => f.func),
			maps: [
				{
					name: "events",
					type: "ringbuf",
					key: undefined,
					value: undefined,
					record,
					maxEntries: 4096,
					flags: 0,
					pinned: false,
					position: undefined,
				},
				{
					name: "counts",
					type: "hash",
					key: record,
					value: u64,
					maxEntries: 64,
					flags: 1,
					pinned: false,
					position: undefined,
				},
				{
					name: "skep_lost",
					type: "percpu_array",
					key: u32,
					value: u64,
					maxEntries: 1,
					flags: 0,
					pinned: false,
					position: undefined,
				},
			],
			globals: [
				{ name: "opt_flag", section: ".rodata", type: { kind: "bool" }, initial: Uint8Array.of(1) },
				{ name: "opt_min", section: ".rodata", type: u64, initial: Uint8Array.of(5) },
				{ name: "opt_comm", section: ".rodata", type: { kind: "chars", size: 16 }, initial: Uint8Array.of(98, 97) },
				{ name: "seen", section: ".bss", type: u64, initial: new Uint8Array(0) },
				{ name: "ratio", section: ".data", type: i32, initial: Uint8Array.of(255, 255, 255, 255) },
			],
			manifest,
		},
	};
}

const object = (): Uint8Array => {
	const m = module(kernel!);
	return writeCollection(m.module, m.functions, kernel!);
};

const needsKernelBtf = (t: TestContext): boolean => {
	if (!kernel) t.skip(`needs the kernel's BTF: no ${VMLINUX}`);
	return kernel !== undefined;
};

/** Runs a tool on the object; undefined and a skip where it is not installed. */
function tool(t: TestContext, name: string, args: (path: string) => string[], bytes = object()): string | undefined {
	const folder = mkdtempSync(join(tmpdir(), "skep-object-"));
	try {
		const path = join(folder, "hand");
		writeFileSync(path, bytes);
		const run = spawnSync(name, args(path), { encoding: "utf8" });
		if (run.error) {
			t.skip(`needs ${name}: ${run.error.message}`);
			return undefined;
		}
		assert.equal(run.status, 0, `${name}: ${run.stderr}${run.stdout}`);
		return run.stdout + run.stderr;
	} finally {
		rmSync(folder, { recursive: true });
	}
}

test("what is written is read back", (t) => {
	if (!needsKernelBtf(t)) return;
	const spec = readObject(object(), { name: "hand" });
	assert.deepEqual([...spec.programs.keys()], ["exec", "filter"]);
	assert.deepEqual([...spec.functions.keys()], ["helper"]);
	assert.equal(spec.license, "GPL");
	assert.deepEqual(spec.manifest, manifest);
	const exec = spec.programs.get("exec")!;
	assert.equal(exec.type, "tracepoint");
	assert.equal(exec.attachTo, "sched/sched_process_exec");
	assert.deepEqual(exec.references, [
		{ slot: 15, kind: "map-value", map: ".rodata", offset: 8 },
		{ slot: 21, kind: "map", map: "skep_lost" },
		{ slot: 25, kind: "function", function: "helper" },
	]);
	assert.deepEqual(exec.lines[0], { slot: 0, file: "hand.ts", text: "const task = current.task;", line: 1, column: 3 });
	assert.equal(spec.btf!.type(exec.btfFunc).kind, "func");
	const counts = spec.maps.get("counts")!;
	assert.equal(counts.keySize, 48);
	assert.equal(counts.valueSize, 8);
	assert.deepEqual(
		[...spec.maps.get(".rodata")!.contents!.slice(0, 26)],
		[1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 98, 97, 0, 0, 0, 0, 0, 0, 0, 0],
	);
	assert.equal(spec.variables.get("opt_comm")!.offset, 16);
	const local = spec.btf!.type(spec.btf!.find("ExecEvent", "struct")!);
	assert.ok(local.kind === "struct");
	assert.deepEqual(local.members.map((m) => [m.name, m.bitOffset, m.bitSize]).slice(-2), [
		["low", 280, 4],
		["high", 284, 4],
	]);
});

test("a CO-RE access means the same member in the object's BTF as in the kernel's", (t) => {
	if (!needsKernelBtf(t)) return;
	const { accesses } = module(kernel!);
	const spec = readObject(object());
	const core = spec.programs.get("exec")!.core;
	assert.equal(core.length, accesses.length);
	for (const [i, a] of accesses.entries()) {
		const c = core[i]!;
		assert.equal(c.kind, a.kind);
		const path = c.access.split(":").map(Number);
		if (c.kind.startsWith("type_")) assert.deepEqual(path, [0]);
		else if (c.kind.startsWith("enumval_")) {
			const type = spec.btf!.type(c.type);
			assert.ok(type.kind === "enum");
			assert.equal(type.values[path[0]!]!.name, "BPF_MAP_TYPE_ARRAY");
		} else {
			const root = { kind: c.kind, root: c.type, path };
			assert.equal(offsetOf(spec.btf!, root), offsetOf(kernel!, a), c.access);
		}
	}
	assert.equal(spec.btf!.name(core.at(-1)!.type), "task_struct___old");
	const task = spec.btf!.type(core[0]!.type);
	assert.ok(task.kind === "struct");
	assert.equal(task.size, kernel!.sizeOf(kernel!.find("task_struct", "struct")!));
	assert.ok(task.members.length <= 6, "only what is used is copied");
});

test("an unknown variable is a LinkError", () => {
	const builder = new BtfBuilder();
	const empty = builder.finish();
	const f = compiled(funcOf("one", "xdp"), [insn.loadImm64(1, 0), insn.mov(32, 0, { imm: 0 }), insn.exit()], {
		references: [{ slot: 0, kind: "global", variable: "nowhere" }],
	});
	const m: Module = { files: [], license: "GPL", functions: [f.func], maps: [], globals: [], manifest };
	assert.throws(() => writeCollection(m, [f], empty), { code: "ERR_LINK", message: /"nowhere"/ });
});

test("an object without CO-RE needs nothing of the kernel's BTF", () => {
	const f = compiled(funcOf("one", "xdp", { params: [{ name: "ctx", type: { kind: "ctx", struct: "xdp_md" } }] }), [
		insn.mov(32, 0, { imm: 2 }),
		insn.exit(),
	]);
	const m: Module = {
		files: [{ path: "a.ts", text: "x" }],
		license: "GPL",
		functions: [f.func],
		maps: [],
		globals: [],
		manifest,
	};
	const spec = readObject(writeCollection(m, [f], new BtfBuilder().finish()));
	assert.deepEqual([...spec.programs.keys()], ["one"]);
});

test("bpftool reads the BTF", (t) => {
	if (!needsKernelBtf(t)) return;
	const text = tool(t, "bpftool", (path) => ["btf", "dump", "file", path]);
	if (text === undefined) return;
	assert.match(text, /STRUCT 'ExecEvent' size=48 vlen=8/);
	assert.match(text, /DATASEC '\.maps' size=192 vlen=3/);
	assert.match(text, /STRUCT 'task_struct' size=\d+ vlen=[1-6]\b/);
});

test("llvm-objdump shows the lines of the source", (t) => {
	if (!needsKernelBtf(t)) return;
	const text = tool(t, "llvm-objdump-19", (path) => ["-S", "-r", path]);
	if (text === undefined) return;
	assert.match(text, /count\(task\.tgid\);/);
	assert.match(text, /R_BPF_64_64\s+skep_lost/);
	assert.match(text, /R_BPF_64_32\s+helper/);
});

test("llvm-readelf finds nothing to complain about", (t) => {
	if (!needsKernelBtf(t)) return;
	const text = tool(t, "llvm-readelf-19", (path) => ["-a", "-W", path]);
	if (text === undefined) return;
	assert.doesNotMatch(text, /warning|error/i);
});

/** Runs shell lines on the object with a bpffs of their own at `$d`; undefined: skipped. libbpf turns dots of a pin path into underscores, so the folder has none. */
function withBpffs(t: TestContext, lines: readonly string[], bytes: Uint8Array): string | undefined {
	if (process.getuid?.() !== 0) {
		t.skip("needs CAP_BPF and CAP_SYS_ADMIN: not root");
		return undefined;
	}
	if (spawnSync("unshare", ["-m", "true"]).status !== 0) {
		t.skip("needs a mount namespace of its own: unshare -m is refused");
		return undefined;
	}
	const script = [
		`d="$0-pins"`,
		'mkdir "$d" && mount -t bpf bpf "$d"',
		'bpftool -d prog loadall "$0" "$d/p" pinmaps "$d/m" >"$0.log" 2>&1 || { tail -60 "$0.log"; exit 1; }',
		...lines,
		'umount "$d"',
	];
	return tool(t, "unshare", (path) => ["-m", "sh", "-c", script.join("\n"), path], bytes);
}

test("bpftool and libbpf load it into the kernel", (t) => {
	if (!needsKernelBtf(t)) return;
	const text = withBpffs(
		t,
		['bpftool prog dump xlated pinned "$d/p/exec" linum', 'bpftool map dump pinned "$d/m/skep_lost"'],
		object(),
	);
	if (text === undefined) return;
	assert.match(text, /count\(task\.tgid\);/);
	assert.match(text, /hand\.ts/);
	assert.match(text, /"key": 0/);
});

test("libbpf loads kernel functions, callbacks and global functions", (t) => {
	if (!needsKernelBtf(t)) return;
	if (kernel!.find("bpf_task_from_pid", "func") === undefined)
		return t.skip("needs the kernel function bpf_task_from_pid");
	const pair: StructType = {
		kind: "struct",
		name: "Pair",
		size: 8,
		align: 4,
		fields: [
			{ name: "a", type: u32, offset: 0 },
			{ name: "b", type: { kind: "bool" }, offset: 4 },
		],
	};
	const index = { name: "i", type: u32 };
	const functions = [
		compiled(
			funcOf("task", "tp_btf/sched_process_exec"),
			[
				insn.mov(32, 1, { imm: 1 }),
				insn.callKfunc(0), // 1
				insn.jump("eq", 64, 0, { imm: 0 }, 2),
				insn.mov(64, 1, { reg: 0 }),
				insn.callKfunc(0), // 4
				insn.mov(32, 0, { imm: 0 }),
				insn.exit(),
			],
			{
				references: [
					{ slot: 1, kind: "kfunc", name: "bpf_task_from_pid" },
					{ slot: 4, kind: "kfunc", name: "bpf_task_release" },
				],
			},
		),
		compiled(funcOf("first", ".text"), [insn.mov(64, 0, { imm: 0 }), insn.mov(64, 0, { imm: 0 }), insn.exit()]),
		compiled(
			funcOf("step", ".text", {
				params: [index, { name: "context", type: { kind: "ctx" } }],
				result: { kind: "int", bits: 64, signed: true },
			}),
			[insn.mov(64, 0, { imm: 0 }), insn.mov(64, 0, { imm: 0 }), insn.exit()],
		),
		compiled(funcOf("sum", ".text", { global: true, params: [index, { name: "pair", type: pair }], result: i32 }), [
			insn.mov(32, 0, { reg: 1 }),
			insn.jump("eq", 64, 2, { imm: 0 }, 2),
			insn.load(4, 3, 2, 0),
			insn.alu("add", 32, 0, { reg: 3 }),
			insn.exit(),
		]),
		compiled(
			funcOf("looper", "tp_btf/sched_process_exit"),
			[
				insn.mov(32, 1, { imm: 4 }),
				insn.mov(64, 3, { imm: 0 }),
				insn.loadImm64(2, 0), // 2: the callback
				insn.mov(64, 4, { imm: 0 }),
				insn.call(181), // loop
				insn.mov(32, 1, { imm: 2 }),
				insn.mov(64, 2, { imm: 0 }),
				insn.callFunction(0), // 8
				insn.mov(32, 1, { imm: 2 }),
				insn.callFunction(0), // 10
				insn.mov(32, 0, { imm: 0 }),
				insn.exit(),
			],
			{
				references: [
					{ slot: 2, kind: "function", function: "step" },
					{ slot: 8, kind: "function", function: "sum" },
					{ slot: 10, kind: "function", function: "first" },
				],
			},
		),
	];
	const bytes = writeCollection({ ...module(kernel!).module, maps: [], globals: [] }, functions, kernel!);
	const spec = readObject(bytes);
	assert.deepEqual(spec.programs.get("looper")!.references, functions[4]!.references);
	assert.deepEqual(
		spec.programs.get("task")!.references.map((r) => r.kind === "kfunc" && r.name),
		["bpf_task_from_pid", "bpf_task_release"],
	);
	const text = withBpffs(
		t,
		['bpftool prog dump xlated pinned "$d/p/task"', 'bpftool prog dump xlated pinned "$d/p/looper"'],
		bytes,
	);
	if (text === undefined) return;
	assert.match(text, /call bpf_task_from_pid#/);
	assert.match(text, /sum\(__u32 i, struct Pair \* ?pair\)/);
});

/** Paths at random through well-known structs of the kernel, each to a member with a name, with its offset in bits. */
function randomAccesses(btf: Btf, count: number): { access: CoreAccess; bits: number }[] {
	let state = 7;
	const below = (n: number): number => {
		state = (Math.imul(state, 1103515245) + 12345) >>> 0;
		return (state >>> 8) % n;
	};
	const roots = ["task_struct", "sk_buff", "file", "inode", "sock", "cred", "dentry", "mm_struct", "signal_struct"];
	const found: { access: CoreAccess; bits: number }[] = [];
	while (found.length < count) {
		const root = btf.find(roots[below(roots.length)]!, "struct")!;
		const path = [0];
		let id = root;
		let bits = 0;
		let end = { name: "", bitSize: 0 };
		for (;;) {
			const type = btf.type(btf.resolve(id));
			if ((type.kind === "struct" || type.kind === "union") && type.members.length && (path.length < 2 || below(4))) {
				const index = below(type.members.length);
				end = type.members[index]!;
				path.push(index);
				bits += type.members[index]!.bitOffset;
				id = type.members[index]!.type;
			} else if (type.kind === "array" && type.length > 0 && below(3)) {
				const index = below(type.length);
				path.push(index);
				bits += index * btf.sizeOf(type.type) * 8;
				id = type.type;
				end = { name: "element", bitSize: 0 };
			} else break;
		}
		const kind = end.bitSize ? "field_lshift_u64" : below(2) ? "field_exists" : "field_byte_offset";
		if (end.name !== "") found.push({ access: { kind, root, path }, bits });
	}
	return found;
}

test("libbpf finds every member that a copied path names", (t) => {
	if (!needsKernelBtf(t)) return;
	const accesses = randomAccesses(kernel!, 200);
	const number = ({ access: a, bits }: { access: CoreAccess; bits: number }): number =>
		a.kind === "field_exists" ? 1 : a.kind === "field_byte_offset" ? bits / 8 : 0;
	const f = compiled(
		funcOf("all", "raw_tp/sched_process_exec"),
		[...accesses.map((a) => insn.mov(64, 1, { imm: number(a) })), insn.mov(32, 0, { imm: 0 }), insn.exit()],
		{ core: accesses.map((a, slot) => ({ slot, access: a.access })) },
	);
	const bytes = writeCollection({ ...module(kernel!).module, maps: [], globals: [] }, [f], kernel!);
	const text = withBpffs(t, ['grep "patched insn" "$0.log"'], bytes);
	if (text === undefined) return;
	const patched = [...text.matchAll(/patched insn #(\d+) .* imm (-?\d+) -> (-?\d+)/g)];
	assert.equal(patched.length, accesses.length);
	for (const [line, slot, , value] of patched) {
		const a = accesses[Number(slot)]!;
		if (a.access.kind !== "field_lshift_u64") assert.equal(Number(value), number(a), line);
	}
});

test("bpftool links it and makes a skeleton of it", (t) => {
	if (!needsKernelBtf(t)) return;
	const linked = tool(t, "bpftool", (path) => ["gen", "object", `${path}.linked`, path]);
	if (linked === undefined) return;
	const skeleton = tool(t, "bpftool", (path) => ["gen", "skeleton", path, "name", "hand"])!;
	assert.match(skeleton, /char opt_comm\[16\];/);
	assert.match(skeleton, /struct bpf_program \*exec;/);
});
