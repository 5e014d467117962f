import assert from "node:assert/strict";
import { test } from "node:test";
import { Btf, BtfBuilder } from "#btf";
import { encode, type Instruction, insn } from "#isa";
import type { Kernel } from "#kernel";
import { PSEUDO_LOAD } from "#uapi";
import {
	attachIterator,
	BpfMap,
	IteratorReader,
	loadBtf,
	PerfBufferReader,
	Program,
	type ProgramBlueprint,
	type Timers,
	UserRingBuffer,
} from "../index.ts";
import { onKernel, u32, u64 } from "../kernel.test-support.ts";

const CALL = { perfEventOutput: 25, seqWrite: 127, dynptrRead: 201, userRingbufDrain: 209 };
const reg = (n: number) => ({ reg: n });
const imm = (n: number) => ({ imm: n });

function load(kernel: Kernel, insns: readonly Instruction[], more: Partial<ProgramBlueprint>): Program {
	return Program.load(kernel, {
		name: "reader",
		type: "raw_tracepoint",
		license: "GPL",
		insns: encode([...insns]),
		...more,
	});
}

/** Writes its first argument, and `length - 8` bytes of 7, to the perf buffer. */
const sampler = (map: BpfMap, length: number) => [
	insn.mov(64, 6, reg(1)),
	insn.load(8, 7, 1, 0),
	insn.loadImm64(2, 0x0707_0707_0707_0707n),
	...Array.from({ length: length / 8 }, (_, i) => insn.store(8, 10, i * 8 - length, reg(i === 0 ? 7 : 2))),
	insn.mov(64, 1, reg(6)),
	insn.loadPseudo(2, PSEUDO_LOAD.BPF_PSEUDO_MAP_FD, map.fd.number),
	insn.loadImm64(3, 0xffff_ffffn),
	insn.mov(64, 4, reg(10)),
	insn.alu("add", 64, 4, imm(-length)),
	insn.mov(64, 5, imm(length)),
	insn.call(CALL.perfEventOutput),
	insn.exit(),
];

const events = (kernel: Kernel) =>
	BpfMap.create(kernel, {
		name: "events",
		type: "perf_event_array",
		keySize: 4,
		valueSize: 4,
		maxEntries: kernel.possibleCpus,
	});

test(
	"a perf buffer gives each sample once, from the CPU that wrote it, over the end of the ring too; what was lost is counted",
	onKernel((kernel) => {
		using map = events(kernel);
		using reader = new PerfBufferReader(map, { pages: 1 });
		assert.ok(reader.cpus.length >= 1);
		// 200 bytes: 216 in the ring, which does not divide 4096.
		using program = load(kernel, sampler(map, 200), {});
		const run = (mark: bigint, cpu: number) => program.testRun({ ctx: u64(mark), cpu }).retval;
		let mark = 0n;
		for (let round = 0; round < 60; round++) {
			const expected: [bigint, number][] = [];
			for (const cpu of reader.cpus) {
				for (let i = 0; i < 10; i++) {
					assert.equal(run(mark, cpu), 0);
					expected.push([mark++, cpu]);
				}
			}
			assert.ok(reader.fill > 0.4 && reader.fill < 0.7, `${reader.fill}`);
			const seen: [bigint, number][] = [];
			reader.drain((view, offset, length, cpu) => {
				assert.ok(length >= 200 && length < 208, `${length}`);
				seen.push([view.getBigUint64(offset, true), cpu]);
				for (let i = 8; i < 200; i++) assert.equal(view.getUint8(offset + i), 7);
			});
			assert.deepEqual(seen, expected);
		}
		assert.equal(reader.lost, 0);
		for (let i = 0; i < 30; i++) run(BigInt(i), 0);
		assert.equal(
			reader.drain(() => {}),
			18,
			"as many as fit",
		);
		// The kernel tells of losses with the next sample that fits.
		run(1n, 0);
		assert.equal(
			reader.drain(() => {}),
			1,
		);
		assert.equal(reader.lost, 12);
		for (let i = 0; i < 5; i++) run(BigInt(i), 0);
		const some: bigint[] = [];
		const sink = (view: DataView, offset: number) => void some.push(view.getBigUint64(offset, true));
		assert.deepEqual([reader.drain(sink, 2), reader.drain(sink, 2), reader.drain(sink)], [2, 2, 1]);
		assert.deepEqual(some, [0n, 1n, 2n, 3n, 4n]);
		run(1n, 0);
		run(2n, 0);
		assert.throws(
			() =>
				reader.drain(() => {
					throw new RangeError("mine");
				}),
			/mine/,
		);
		assert.equal(
			reader.drain(() => reader.close()),
			1,
		);
		assert.equal(reader.closed, true);
		assert.equal(run(1n, 0) >>> 0, 2 ** 32 - 2, "ENOENT: nobody reads");
		assert.throws(() => new PerfBufferReader(map, { pages: 3 }), /no power of two/);
	}),
);

test(
	"an overwritten perf buffer holds the newest samples",
	onKernel((kernel) => {
		using map = events(kernel);
		using reader = new PerfBufferReader(map, { pages: 1, overwrite: true });
		using program = load(kernel, sampler(map, 200), {});
		for (let i = 0; i < 100; i++) program.testRun({ ctx: u64(BigInt(i)), cpu: 0 });
		for (let again = 0; again < 2; again++) {
			const seen: number[] = [];
			const count = reader.snapshot((view, offset, _length, cpu) => {
				if (cpu === 0) seen.push(view.getUint32(offset, true));
			});
			assert.equal(count, 18);
			assert.deepEqual(
				seen,
				Array.from({ length: 18 }, (_, i) => 99 - i),
			);
			assert.throws(() => reader.drain(() => {}), /read them by snapshot/);
		}
		program.testRun({ ctx: u64(500n), cpu: 0 });
		let newest = -1;
		reader.snapshot((view, offset) => {
			if (newest < 0) newest = view.getUint32(offset, true);
		});
		assert.equal(newest, 500, "it goes on after a snapshot");
	}),
);

/** BTF of two functions without arguments that matter: callbacks want to be known by it. */
function functions(): { bytes: Uint8Array; main: number; callback: number } {
	const builder = new BtfBuilder();
	const int = builder.add({
		kind: "int",
		name: "int",
		size: 4,
		offset: 0,
		bits: 32,
		signed: true,
		char: false,
		bool: false,
	});
	const pointer = builder.add({ kind: "ptr", type: 0 });
	const proto = builder.add({ kind: "func_proto", ret: int, params: [{ name: "ctx", type: pointer }] });
	const two = builder.add({
		kind: "func_proto",
		ret: int,
		params: [
			{ name: "record", type: pointer },
			{ name: "ctx", type: pointer },
		],
	});
	const main = builder.add({ kind: "func", name: "main", type: proto, linkage: "global" });
	const callback = builder.add({ kind: "func", name: "each", type: two, linkage: "static" });
	return { bytes: builder.encode(), main, callback };
}

/** Drains the user ring buffer and returns the sum of the records' first 8 bytes. */
function drainer(kernel: Kernel, map: BpfMap): Program {
	const types = functions();
	using btf = loadBtf(kernel, types.bytes);
	const main = [
		insn.store(8, 10, -8, imm(0)),
		insn.loadPseudo(1, PSEUDO_LOAD.BPF_PSEUDO_MAP_FD, map.fd.number),
		// Slot 3; the callback begins at slot 11.
		insn.loadPseudo(2, PSEUDO_LOAD.BPF_PSEUDO_FUNC, 11 - 3 - 1),
		insn.mov(64, 3, reg(10)),
		insn.alu("add", 64, 3, imm(-8)),
		insn.mov(64, 4, imm(0)),
		insn.call(CALL.userRingbufDrain),
		insn.load(8, 0, 10, -8),
		insn.exit(),
	];
	const callback = [
		insn.mov(64, 6, reg(2)),
		insn.mov(64, 3, reg(1)),
		insn.mov(64, 1, reg(10)),
		insn.alu("add", 64, 1, imm(-8)),
		insn.mov(64, 2, imm(8)),
		insn.mov(64, 4, imm(0)),
		insn.mov(64, 5, imm(0)),
		insn.store(8, 10, -8, imm(0)),
		insn.call(CALL.dynptrRead),
		insn.load(8, 1, 10, -8),
		insn.load(8, 2, 6, 0),
		insn.alu("add", 64, 2, reg(1)),
		insn.store(8, 6, 0, reg(2)),
		insn.mov(64, 0, imm(0)),
		insn.exit(),
	];
	const slots = main.reduce((sum, each) => sum + (each.opcode === 0x18 ? 2 : 1), 0);
	assert.equal(slots, 11);
	return load(kernel, [...main, ...callback], {
		btf: {
			fd: btf.number,
			funcInfo: u32(0, types.main, slots, types.callback),
			funcRecordSize: 8,
			lineInfo: new Uint8Array(0),
			lineRecordSize: 16,
		},
	});
}

test(
	"programs drain what user space writes into a user ring buffer, in order, discarded records aside",
	onKernel(async (kernel) => {
		using map = BpfMap.create(kernel, {
			name: "user",
			type: "user_ringbuf",
			keySize: 0,
			valueSize: 0,
			maxEntries: 4096,
		});
		using ring = new UserRingBuffer(map);
		using program = drainer(kernel, map);
		const drain = () => program.testRun({ ctx: u64(0n) }).retval;
		assert.equal(drain(), 0);
		for (let round = 0; round < 50; round++) {
			assert.equal(ring.write(u64(1n)), true);
			const first = ring.reserve(100)!;
			const second = ring.reserve(24)!;
			second.bytes.set(u64(100n));
			second.discard();
			ring.write(u64(1000n));
			assert.equal(drain(), 1, "what is still being written holds up what is behind it");
			first.bytes.set(u64(10n));
			first.submit();
			assert.throws(() => first.submit(), { code: "ERR_CLOSED" });
			assert.equal(drain(), 1010);
			assert.equal(ring.pending, 0);
		}
		// Full: 256 records of 16 bytes.
		let written = 0;
		while (ring.write(u64(1n))) written++;
		assert.equal(written, 256);
		assert.equal(ring.room, 0);
		const timers: Timers = { set: (callback, milliseconds) => setTimeout(callback, milliseconds), clear: () => {} };
		const waiting = ring.reserveWhenFree(8, timers);
		assert.equal(drain(), 256);
		const late = await waiting;
		late.bytes.set(u64(5n));
		late.submit();
		assert.equal(drain(), 5);
		assert.throws(() => ring.reserve(4096), /does not fit into the ring of 4096/);
		assert.equal(ring.reserve(4088)?.bytes.length, 4088);
		ring.close();
		assert.throws(() => ring.reserve(8), { code: "ERR_CLOSED" });
	}),
);

test(
	"an iterator's output comes as bytes, text and lines, as often as it is read",
	onKernel(async (kernel) => {
		const btf = Btf.decode(kernel.btf() as Uint8Array, { section: "vmlinux" });
		using map = BpfMap.create(kernel, { name: "words", type: "hash", keySize: 4, valueSize: 4, maxEntries: 20_000 });
		const count = 20_000;
		const keys = Array.from({ length: count }, (_, i) => i);
		map.updateMany(u32(...keys), u32(...keys.map((i) => 0x0a30_3030 + (i % 10) + ((i >> 4) % 10) * 256)));
		// ctx: meta, map, key, value; the last three are 0 at the end.
		using program = load(
			kernel,
			[
				insn.load(8, 2, 1, 0),
				insn.load(8, 3, 1, 24),
				insn.jump("eq", 64, 3, imm(0), 7),
				insn.load(8, 1, 2, 0),
				insn.load(4, 4, 3, 0),
				insn.store(4, 10, -4, reg(4)),
				insn.mov(64, 2, reg(10)),
				insn.alu("add", 64, 2, imm(-4)),
				insn.mov(64, 3, imm(4)),
				insn.call(CALL.seqWrite),
				insn.mov(64, 0, imm(0)),
				insn.exit(),
			],
			{ type: "tracing", attachType: "trace_iter", attachBtfId: btf.find("bpf_iter_bpf_map_elem", "func")! },
		);
		using link = attachIterator(program, { map }, "bpf_map_elem");
		const soon = () => new Promise<void>((resolve) => void setImmediate(resolve));
		const lines: string[] = [];
		for await (const line of new IteratorReader(link, { soon }).lines()) lines.push(line);
		assert.equal(lines.length, count);
		assert.deepEqual(
			lines.filter((line) => !/^\d\d0$/.test(line)),
			[],
		);
		assert.equal(new IteratorReader(link).text(), `${lines.join("\n")}\n`);
		let bytes = 0;
		for await (const chunk of new IteratorReader(link, { chunk: 100 })) {
			bytes += chunk.length;
			assert.ok(chunk.length <= 100);
		}
		assert.equal(bytes, count * 4);
		for (const _ of new IteratorReader(link)) break;
		assert.throws(() => new IteratorReader({ fd: program.fd }), { code: "EINVAL" });
	}),
);
