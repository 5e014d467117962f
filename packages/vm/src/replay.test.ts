// Runs that were recorded, made by hand: what helpers gave, memory of processes at 64-bit addresses, objects by their names.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VmFault } from "@skep/bpf/base";
import { BtfBuilder } from "@skep/bpf/btf";
import { encode, type Instruction, insn } from "@skep/bpf/isa";
import { BpfMap, Program, RingBufferReader } from "@skep/bpf/live";
import { type ReplayEvent, VirtualKernel } from "./virtual-kernel.ts";

const KTIME = 5;
const RANDOM = 7;
const COMM = 16;
const CURRENT_TASK = 158;
const READ_USER = 112;
const READ_USER_TEXT = 114;
const OUTPUT = 130;

const imm = (value: number) => ({ imm: value });
const reg = (n: number) => ({ reg: n });
/** Helper `id` with up to three numbers, of which an address on the stack is one below 0. */
const call = (id: number, ...args: readonly number[]): Instruction[] => [
	...args.flatMap((arg, i) =>
		arg < 0 ? [insn.mov(64, i + 1, reg(10)), insn.alu("add", 64, i + 1, imm(arg))] : [insn.mov(64, i + 1, imm(arg))],
	),
	insn.call(id),
];
/** r0 to the stack. */
const keep = (offset: number) => insn.store(8, 10, offset, reg(0));

const EVENT: ReplayEvent = {
	cpu: 5,
	clock: 1_000n,
	task: {
		pid: 11,
		tgid: 10,
		uid: 1,
		gid: 2,
		cgroup: 3n,
		comm: Uint8Array.from([0xff, 0xfe, ...new Array(14).fill(0)]),
	},
	current: undefined,
	context: new Uint8Array(16),
	pointers: [],
	objects: [],
	reads: [],
	results: [],
	outcomes: [],
};

/** A kernel, a ring buffer, and a program that ends with giving `size` bytes of its stack to it. */
function machine(body: readonly Instruction[], size: number, btf?: Uint8Array) {
	const kernel = new VirtualKernel({ cpus: 2, btf });
	const map = BpfMap.create(kernel, { name: "events", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 });
	const program = Program.load(kernel, {
		name: "it",
		type: "raw_tracepoint",
		license: "GPL",
		insns: encode([
			insn.mov(64, 6, reg(1)),
			...body,
			insn.loadPseudo(1, insn.PSEUDO.mapFd, map.fd.number),
			insn.mov(64, 2, reg(10)),
			insn.alu("add", 64, 2, imm(-size)),
			insn.mov(64, 3, imm(size)),
			insn.mov(64, 4, imm(0)),
			insn.call(OUTPUT),
			insn.exit(),
		]),
	});
	const run = (event: Partial<ReplayEvent>) => kernel.replay(program.fd.number, { ...EVENT, ...event });
	const record = (event: Partial<ReplayEvent>) => {
		const { emitted } = run(event);
		assert.equal(emitted.length, 1);
		assert.equal(emitted[0]!.map, map.info().id);
		return emitted[0]!.record;
	};
	return { kernel, map, run, record };
}

const numbers = (bytes: Uint8Array): bigint[] => [...new BigUint64Array(bytes.slice().buffer)];

test("clocks and chance give what they gave; asked more often, the machine's own answer", () => {
	const body = [KTIME, RANDOM, KTIME, KTIME].flatMap((id, i) => [...call(id), keep(-32 + i * 8)]);
	const { record } = machine(body, 32);
	const results = [
		{ helper: KTIME, value: 0xffff_ffff_0000_0001n },
		{ helper: KTIME, value: 2n },
		{ helper: RANDOM, value: 3n },
	];
	assert.deepEqual(numbers(record({ results })), [0xffff_ffff_0000_0001n, 3n, 2n, 1_000n]);
});

test("the task is the recorded one, its name to the byte; afterwards nothing of it is left", () => {
	const { record, kernel } = machine([...call(14), keep(-24), ...call(COMM, -16, 16)], 24);
	const { tasks, environment } = kernel.system;
	const before = tasks.rows().length;
	const bytes = record({});
	assert.deepEqual(numbers(bytes)[0], (10n << 32n) | 11n);
	assert.deepEqual([...bytes.subarray(8, 11)], [0xff, 0xfe, 0]);
	assert.deepEqual([tasks.rows().length, environment.task.pid, environment.replay], [before, 0, undefined]);
});

test("memory of processes is at its own addresses, of 64 bits", () => {
	const address = 0x7ffd_1234_5678_9abcn;
	const zeroed = [-8, -16, -24, -32].map((at) => insn.store(8, 10, at, imm(0)));
	const read = (id: number, to: number, size: number) => [
		insn.mov(64, 1, reg(10)),
		insn.alu("add", 64, 1, imm(to)),
		insn.mov(64, 2, imm(size)),
		insn.load(8, 3, 6, 0),
		insn.call(id),
	];
	const body = [...zeroed, ...read(READ_USER_TEXT, -24, 8), keep(-32), ...read(READ_USER, -8, 4), keep(-16)];
	const { record } = machine(body, 32);
	const context = new Uint8Array(8);
	new DataView(context.buffer).setBigUint64(0, address, true);
	const text = new TextEncoder().encode("/etc\0");
	const reads = [
		{ address, result: 5, bytes: text, text: true },
		{ address, result: 0, bytes: Uint8Array.of(1, 2, 3, 4), text: false },
	];
	const found = record({ context, reads });
	assert.deepEqual(numbers(found)[0], 5n);
	assert.deepEqual(found.subarray(8, 13), text);
	assert.deepEqual([...found.subarray(16)], [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0]);
	// It failed then, with its own number; and where the recorded run never looked, nothing is.
	const failed = record({ context, reads: [{ address, result: -7, bytes: new Uint8Array(0), text: true }] });
	assert.deepEqual(
		numbers(failed).map((n) => BigInt.asIntN(64, n)),
		[-7n, 0n, -14n, 0n],
	);
	// A shorter buffer than then.
	const long = record({
		context,
		reads: [{ address, result: 12, bytes: new TextEncoder().encode("/etc/passwd\0"), text: true }],
	});
	assert.deepEqual(new TextDecoder().decode(long.subarray(8, 16)), "/etc/pa\0");
});

/** task_struct { char *name; char comm[16]; task_struct *real_parent; int tgid; unsigned low:3, high:5 }, from byte 8 on. */
function types(): Uint8Array {
	const btf = new BtfBuilder();
	const number = { kind: "int", bits: 32, offset: 0, size: 4, char: false, bool: false, signed: true } as const;
	const int = btf.add({ ...number, name: "int" });
	const char = btf.add({ ...number, name: "char", size: 1, bits: 8, char: true });
	const unsigned = btf.add({ ...number, name: "unsigned int", signed: false });
	const comm = btf.add({ kind: "array", type: char, index: int, length: 16 });
	const text = btf.add({ kind: "ptr", type: char });
	const parent = btf.add({ kind: "ptr", type: 7 });
	const member = (name: string, type: number, offset: number, bitSize = 0) => {
		return { name, type, bitOffset: offset * 8, bitSize };
	};
	btf.add({
		kind: "struct",
		name: "task_struct",
		size: 48,
		members: [
			member("name", text, 8),
			member("comm", comm, 16),
			member("real_parent", parent, 32),
			member("tgid", int, 40),
			member("low", unsigned, 44, 3),
			{ ...member("high", unsigned, 44, 5), bitOffset: 44 * 8 + 3 },
		],
	});
	return btf.encode();
}

const shape = (...path: string[]) => ({ struct: "task_struct", path, signed: true });

test("objects are laid out by this kernel's types, linked by number, and gone afterwards", () => {
	const body = [
		...call(CURRENT_TASK),
		insn.mov(64, 7, reg(0)),
		insn.load(8, 8, 7, 32),
		insn.load(8, 9, 8, 40),
		insn.store(8, 10, -40, reg(9)),
		insn.load(8, 9, 8, 32),
		insn.store(8, 10, -32, reg(9)),
		insn.load(8, 3, 8, 8),
		insn.mov(64, 1, reg(10)),
		insn.alu("add", 64, 1, imm(-24)),
		insn.mov(64, 2, imm(8)),
		insn.call(115),
		insn.load(8, 9, 7, 17),
		insn.store(8, 10, -16, reg(9)),
		insn.load(8, 9, 6, 8),
		insn.store(8, 10, -8, reg(9)),
	];
	const { record, run, kernel } = machine(body, 40, types());
	const objects = [
		{
			fields: [
				{ shape: shape("real_parent"), value: 1 },
				{ shape: shape("comm", "[1]"), value: Uint8Array.of(0x41) },
			],
			bytes: undefined,
		},
		{
			fields: [
				{ shape: shape("tgid"), value: Uint8Array.of(0xfe, 0xff) },
				{ shape: shape("high"), value: Uint8Array.of(0x15, 0, 0, 0, 0, 0, 0, 0) },
				{ shape: shape("name"), value: 2 },
				{ shape: shape("real_parent"), value: 3 },
				// What these types lack is left out.
				{ shape: shape("no_such"), value: Uint8Array.of(1) },
				{ shape: shape("comm", "[16]"), value: Uint8Array.of(1) },
				{ shape: shape("tgid", "deeper"), value: Uint8Array.of(1) },
				{ shape: { struct: "none", path: ["x"], signed: false }, value: Uint8Array.of(1) },
			],
			bytes: undefined,
		},
		{ fields: [], bytes: new TextEncoder().encode("name\0") },
		{ fields: [], bytes: undefined },
	];
	const event = { current: 0, objects, context: new Uint8Array(16), pointers: [{ offset: 8, object: 1 }] };
	run(event);
	const used = kernel.system.memory.used;
	const found = record(event);
	assert.equal(kernel.system.memory.used, used);
	const [tgid, grandparent, name, , context] = numbers(found);
	assert.equal(tgid, 0xa8_ffff_fffen);
	assert.ok(grandparent! >= 1n << 63n, "of which nothing is known is an address where nothing is");
	assert.equal(name, 0x65_6d61_6en);
	assert.equal(found[24], 0x41);
	assert.ok(context! > 0n && context! < 1n << 31n);
});

test("a reservation that failed fails again; one that finds no room here is counted", () => {
	const { run, map } = machine([insn.store(8, 10, -504, imm(7))], 504);
	const id = map.info().id;
	const outcome = (failed: boolean) => ({ map: id, failed });
	const failed = run({ outcomes: [outcome(true)] });
	assert.deepEqual([failed.emitted.length, failed.refused, failed.result | 0], [0, 0, -11]);
	for (let i = 0; i < 7; i++) assert.equal(run({ outcomes: [outcome(false)] }).emitted.length, 1);
	const full = run({ outcomes: [outcome(false)] });
	assert.deepEqual([full.emitted.length, full.refused], [0, 1]);
	using reader = new RingBufferReader(map);
	let records = 0;
	reader.drain(() => records++);
	assert.equal(records, 7);
});

test("a fault ends the run, not the machine; other types of programs are refused", () => {
	const { kernel, run } = machine([insn.load(8, 0, 6, 4096), keep(-8)], 8);
	const used = kernel.system.memory.used;
	assert.throws(
		() => run({ objects: [{ fields: [], bytes: new Uint8Array(100) }], context: new Uint8Array(8) }),
		VmFault,
	);
	assert.equal(kernel.system.environment.replay, undefined);
	assert.ok(kernel.system.memory.used <= used + 8);
	assert.throws(() => run({ objects: [{ fields: [], bytes: new Uint8Array(2 ** 29) }] }), /no memory left/);
	using xdp = Program.load(kernel, {
		name: "x",
		type: "xdp",
		license: "GPL",
		insns: encode([insn.mov(64, 0, imm(2)), insn.exit()]),
	});
	assert.throws(() => kernel.replay(xdp.fd.number, EVENT), /recordings are of tracepoints/);
	assert.throws(() => kernel.replay(9999, EVENT), /no program/);
});
