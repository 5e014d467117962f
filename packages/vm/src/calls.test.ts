// What programs call, where a case file cannot say it: rings of perf events, exception callbacks, work, storage, arenas' other side.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VmFault } from "@skep/bpf/base";
import { Btf, BtfBuilder } from "@skep/bpf/btf";
import { encode, type Instruction, insn, PSEUDO } from "@skep/bpf/isa";
import { BpfMap, loadBtf, PerfBufferReader, Program, type ProgramBtf } from "@skep/bpf/live";
import { HELPERS, MAP_FLAGS, type ProgramType } from "@skep/bpf/uapi";
import { VirtualKernel } from "./virtual-kernel.ts";

const helper = (name: string): Instruction => insn.call(HELPERS.find((row) => row.name === name)!.id);
const imm = (value: number) => ({ imm: value });
const map = (register: number, of: BpfMap): Instruction => insn.loadPseudo(register, PSEUDO.mapFd, of.fd.number);
const stack = (register: number, at: number): Instruction[] => [
	insn.mov(64, register, { reg: 10 }),
	insn.alu("add", 64, register, imm(at)),
];

const KFUNCS = [
	"bpf_throw",
	"bpf_wq_init",
	"bpf_wq_set_callback_impl",
	"bpf_wq_start",
	"bpf_arena_alloc_pages",
] as const;
const TYPES = (() => {
	const builder = new BtfBuilder();
	const type = builder.add({ kind: "func_proto", ret: 0, params: [] });
	for (const name of KFUNCS) builder.add({ kind: "func", name, type, linkage: "static" });
	return builder.encode();
})();
const kfunc = (name: (typeof KFUNCS)[number]): Instruction => insn.callKfunc(Btf.decode(TYPES).find(name, "func")!);

const load = (kernel: VirtualKernel, type: ProgramType, insns: readonly Instruction[], btf?: ProgramBtf): Program =>
	Program.load(kernel, { name: "calls", type, insns: encode(insns), license: "GPL", btf });

const end = [insn.mov(64, 0, imm(2)), insn.exit()];

test("perf_event_output: samples in order, what found no room is told", () => {
	const kernel = new VirtualKernel({ btf: TYPES });
	using events = BpfMap.create(kernel, {
		name: "e",
		type: "perf_event_array",
		keySize: 4,
		valueSize: 4,
		maxEntries: 2,
	});
	using program = load(kernel, "xdp", [
		insn.mov(64, 6, { reg: 1 }),
		insn.load(4, 2, 1, 0),
		insn.load(1, 2, 2, 0),
		insn.store(8, 10, -16, { reg: 2 }),
		map(2, events),
		insn.loadImm64(3, 0x4_ffff_ffffn),
		...stack(4, -16),
		insn.mov(64, 5, imm(12)),
		helper("perf_event_output"),
		insn.exit(),
	]);
	using reader = new PerfBufferReader(events, { pages: 1 });
	const seen: string[] = [];
	const drain = () =>
		reader.drain((view, at, length, cpu) =>
			seen.push(`${cpu}:${length}:${view.getUint8(at)}:${view.getUint8(at + 12)}`),
		);
	const send = (first: number, cpu: number) =>
		kernel.packet(program.fd.number, new Uint8Array(64).fill(first), { cpu }).verdict | 0;
	assert.equal(send(7, 0), 0);
	assert.equal(send(8, 1), 0);
	// What the machine keeps grows meanwhile.
	kernel.bytes(new Uint8Array(1 << 20));
	assert.equal(send(9, 0), 0);
	drain();
	assert.deepEqual(seen.splice(0), ["0:20:7:7", "0:20:9:9", "1:20:8:8"]);
	const results = Array.from({ length: 200 }, (_, i) => send(i, 0));
	assert.ok(results.includes(-28), "ENOSPC once it is full");
	drain();
	assert.equal(send(1, 0), 0);
	drain();
	assert.equal(reader.consumed + reader.lost, 204);
	assert.ok(reader.lost > 0);
});

test("bpf_throw: the exception callback makes the result of the cookie", () => {
	const kernel = new VirtualKernel({ btf: TYPES });
	const builder = new BtfBuilder();
	const int = builder.add({
		kind: "int",
		name: "int",
		size: 4,
		bits: 32,
		offset: 0,
		signed: true,
		char: false,
		bool: false,
	});
	const proto = builder.add({ kind: "func_proto", ret: int, params: [] });
	const main = builder.add({ kind: "func", name: "main", type: proto, linkage: "global" });
	const handler = builder.add({ kind: "func", name: "handler", type: proto, linkage: "global" });
	builder.add({ kind: "decl_tag", name: "exception_callback:handler", type: main, component: -1 });
	using types = loadBtf(kernel, builder.encode());
	const insns = [
		insn.mov(64, 1, imm(40)),
		insn.callFunction(2),
		...end,
		kfunc("bpf_throw"),
		insn.exit(),
		insn.mov(64, 0, { reg: 1 }),
		insn.alu("add", 64, 0, imm(2)),
		insn.exit(),
	];
	const funcInfo = new Uint8Array(Uint32Array.of(0, main, 6, handler).buffer);
	const btf = { fd: types.number, funcInfo, funcRecordSize: 8, lineInfo: new Uint8Array(0), lineRecordSize: 16 };
	using program = load(kernel, "xdp", insns, btf);
	assert.equal(kernel.verdict(program.fd.number, new Uint8Array(64)), 42);
	using plain = load(kernel, "xdp", insns.slice(0, 6));
	assert.equal(kernel.verdict(plain.fd.number, new Uint8Array(64)), 40);
});

/** A map of one value: a timer or work item, then three words. */
function fieldMap(kernel: VirtualKernel, name: "bpf_timer" | "bpf_wq"): BpfMap {
	const builder = new BtfBuilder();
	const word = builder.add({
		kind: "int",
		name: "long",
		size: 8,
		bits: 64,
		offset: 0,
		signed: true,
		char: false,
		bool: false,
	});
	const index = builder.add({
		kind: "int",
		name: "int",
		size: 4,
		bits: 32,
		offset: 0,
		signed: true,
		char: false,
		bool: false,
	});
	const member = (called: string, type: number, at: number) => ({ name: called, type, bitOffset: at * 8, bitSize: 0 });
	const own = builder.add({ kind: "struct", name, size: 16, members: [member("a", word, 0), member("b", word, 8)] });
	const members = [member("own", own, 0), member("x", word, 16), member("y", word, 24), member("z", word, 32)];
	const value = builder.add({ kind: "struct", name: "value", size: 40, members });
	using btf = loadBtf(kernel, builder.encode());
	const types = { fd: btf.number, key: index, value };
	return BpfMap.create(kernel, { name: "f", type: "array", keySize: 4, valueSize: 40, maxEntries: 1, btf: types });
}

/** r6 = the value of the map's first key. */
const first = (of: BpfMap): Instruction[] => [
	insn.store(4, 10, -4, imm(0)),
	...stack(2, -4),
	map(1, of),
	helper("map_lookup_elem"),
	insn.mov(64, 6, { reg: 0 }),
];
const wordsOf = (of: BpfMap): bigint[] => [...new BigUint64Array(of.lookup(new Uint8Array(4))!.slice(16).buffer)];

test("work: it runs when the program is over, once", () => {
	const kernel = new VirtualKernel({ btf: TYPES });
	using field = fieldMap(kernel, "bpf_wq");
	const start = [insn.mov(64, 1, { reg: 6 }), insn.mov(64, 2, imm(0)), kfunc("bpf_wq_start")];
	const before = [
		...first(field),
		insn.mov(64, 1, { reg: 6 }),
		map(2, field),
		insn.mov(64, 3, imm(0)),
		kfunc("bpf_wq_init"),
		insn.mov(64, 1, { reg: 6 }),
	];
	const after = [
		insn.mov(64, 3, imm(0)),
		insn.mov(64, 4, imm(0)),
		kfunc("bpf_wq_set_callback_impl"),
		...start,
		...start,
		insn.load(8, 0, 6, 16),
		insn.exit(),
	];
	using program = load(kernel, "xdp", [
		...before,
		insn.loadPseudo(2, PSEUDO.code, after.length + 1),
		...after,
		insn.load(8, 1, 3, 16),
		insn.alu("add", 64, 1, imm(1)),
		insn.store(8, 3, 16, { reg: 1 }),
		insn.mov(64, 0, imm(0)),
		insn.exit(),
	]);
	assert.equal(kernel.verdict(program.fd.number, new Uint8Array(64)), 0, "not while the program runs");
	assert.deepEqual(wordsOf(field), [1n, 0n, 0n]);
});

/** A timer in `field`, `due` after now, whose callback writes the time and then does `more`. */
function timerProgram(kernel: VirtualKernel, field: BpfMap, due: number, more: readonly Instruction[]): Program {
	const before = [
		...first(field),
		insn.mov(64, 1, { reg: 6 }),
		map(2, field),
		insn.mov(64, 3, imm(1)),
		helper("timer_init"),
		insn.mov(64, 1, { reg: 6 }),
	];
	const after = [
		helper("timer_set_callback"),
		insn.mov(64, 1, { reg: 6 }),
		insn.mov(64, 2, imm(due)),
		insn.mov(64, 3, imm(0)),
		helper("timer_start"),
		...end,
	];
	return load(kernel, "xdp", [
		...before,
		insn.loadPseudo(2, PSEUDO.code, after.length + 1),
		...after,
		insn.mov(64, 6, { reg: 3 }),
		helper("ktime_get_ns"),
		insn.store(8, 6, 16, { reg: 0 }),
		...more,
		insn.mov(64, 0, imm(0)),
		insn.exit(),
	]);
}

test("timers: each at its time, and none when nobody can reach the map any more", () => {
	const kernel = new VirtualKernel({ btf: TYPES, time: 1000n });
	using field = fieldMap(kernel, "bpf_timer");
	using program = timerProgram(kernel, field, 500, []);
	const packet = new Uint8Array(64);
	kernel.verdict(program.fd.number, packet);
	kernel.advance(499n);
	assert.deepEqual(wordsOf(field), [0n, 0n, 0n]);
	kernel.advance(10_000n);
	assert.deepEqual(wordsOf(field), [1500n, 0n, 0n], "the time it was due at");
	assert.equal(kernel.clock.monotonic(), 11_499n);
	kernel.verdict(program.fd.number, packet);
	field.close();
	kernel.advance(10_000n);
	assert.equal(kernel.system.tables.timers.rows.size, 0);
	program.close();
	assert.equal(kernel.system.tables.programs.size, 0, "nothing holds the program");
});

test("timers: one that faults is told, and time goes on", () => {
	const kernel = new VirtualKernel({ btf: TYPES, time: 0n });
	using field = fieldMap(kernel, "bpf_timer");
	using program = timerProgram(kernel, field, 5, [insn.mov(64, 1, imm(0)), insn.load(8, 1, 1, 0)]);
	kernel.verdict(program.fd.number, new Uint8Array(64));
	assert.throws(() => kernel.advance(100n), VmFault);
	assert.equal(kernel.clock.monotonic(), 100n);
	assert.deepEqual(wordsOf(field), [5n, 0n, 0n]);
});

test("storage: a value for each owner", () => {
	const kernel = new VirtualKernel({ btf: TYPES });
	const builder = new BtfBuilder();
	const int = { kind: "int", offset: 0, char: false, bool: false, signed: true } as const;
	const key = builder.add({ ...int, name: "int", size: 4, bits: 32 });
	const value = builder.add({ ...int, name: "long", size: 8, bits: 64 });
	using btf = loadBtf(kernel, builder.encode());
	const flags = MAP_FLAGS.BPF_F_NO_PREALLOC;
	const shape = { name: "s", type: "task_storage", keySize: 4, valueSize: 8, maxEntries: 0, flags } as const;
	using storage = BpfMap.create(kernel, { ...shape, btf: { fd: btf.number, key, value } });
	const get = (create: number): Instruction[] => [
		map(1, storage),
		insn.mov(64, 2, { reg: 6 }),
		...stack(3, -8),
		insn.mov(64, 4, imm(create)),
		helper("task_storage_get"),
	];
	using program = load(kernel, "xdp", [
		insn.mov(64, 6, { reg: 1 }),
		insn.store(8, 10, -8, imm(5)),
		...get(0),
		insn.mov(64, 7, { reg: 0 }),
		...get(1),
		insn.load(8, 8, 0, 0),
		insn.store(8, 0, 0, imm(9)),
		...get(0),
		insn.load(8, 9, 0, 0),
		map(1, storage),
		insn.mov(64, 2, { reg: 6 }),
		helper("task_storage_delete"),
		insn.alu("add", 64, 7, { reg: 0 }),
		map(1, storage),
		insn.mov(64, 2, { reg: 6 }),
		helper("task_storage_delete"),
		insn.alu("sub", 64, 7, { reg: 0 }),
		insn.alu("lsh", 64, 8, imm(8)),
		insn.alu("lsh", 64, 9, imm(16)),
		insn.mov(64, 0, { reg: 7 }),
		insn.alu("or", 64, 0, { reg: 8 }),
		insn.alu("or", 64, 0, { reg: 9 }),
		insn.exit(),
	]);
	// None at first, then 5, then 9; gone with the first deletion, ENOENT with the second.
	assert.equal(kernel.verdict(program.fd.number, new Uint8Array(64)), 0x090502);
});

test("arena: user space and a program see the same pages", () => {
	const kernel = new VirtualKernel({ btf: TYPES });
	const shape = { name: "a", type: "arena", keySize: 0, valueSize: 0, maxEntries: 8 } as const;
	using arena = BpfMap.create(kernel, { ...shape, flags: MAP_FLAGS.BPF_F_MMAPABLE });
	const insns = [
		map(1, arena),
		insn.mov(64, 2, imm(0)),
		insn.mov(64, 3, imm(1)),
		insn.mov(64, 4, imm(-1)),
		insn.mov(64, 5, imm(0)),
		kfunc("bpf_arena_alloc_pages"),
		insn.addrSpaceCast(1, 0, 0, 1),
		insn.store(8, 1, 8, { reg: 0 }),
		insn.load(8, 0, 1, 4096),
		insn.exit(),
	];
	assert.throws(() => load(kernel, "xdp", insns), /arena's user address must be set/);
	using mapping = arena.mmap();
	const word = (at: number) => new DataView(mapping.buffer, mapping.bytes.byteOffset + at, 8);
	word(4096).setBigUint64(0, 77n, true);
	using program = load(kernel, "xdp", insns);
	assert.equal(kernel.verdict(program.fd.number, new Uint8Array(64)), 77);
	assert.equal(word(8).getBigUint64(0, true), BigInt(mapping.address!), "its first page, as user space has it");
	// The second page is user space's: the third is next.
	assert.equal(kernel.verdict(program.fd.number, new Uint8Array(64)), 0);
	assert.equal(word(8192 + 8).getBigUint64(0, true), BigInt(mapping.address!) + 8192n);
});
