// What only the virtual kernel has: events, faults, its own types, and how long its objects live.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { VmFault } from "@skep/bpf/base";
import { Btf, findMember } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import { encode, type Instruction, insn } from "@skep/bpf/isa";
import { attachRawTracepoint, attachTracepoint, attachXdp, BpfMap, Program, RingBufferReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import type { ProgramType } from "@skep/bpf/uapi";
import { VirtualKernel, virtualBtf } from "./virtual-kernel.ts";

const reg = (n: number) => ({ reg: n });
const imm = (n: number) => ({ imm: n });
const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);

const load = (kernel: VirtualKernel, insns: readonly Instruction[], type: ProgramType = "xdp"): Program =>
	Program.load(kernel, { name: "test", type, insns: encode(insns), license: "GPL" });
const give = (value: number) => [insn.mov(64, 0, imm(value)), insn.exit()];

test("an object that clang made: attached two ways, its records arrive with the options in them", () => {
	const source = new URL("../../bpf/testdata/collection/exec.bpf.o", import.meta.url);
	const spec = readObject(readFileSync(source), { name: "exec.bpf.o" });
	const kernel = new VirtualKernel({ tracepoints: ["sched:sched_process_exec"] });
	kernel.task({ pid: 7, tgid: 7, comm: "true", uid: 0, gid: 0, parent: 1, cgroupId: 1n });
	// The typed one wants types with its tracepoint in them.
	const names = ["on_exec", "on_raw", "filter"];
	const options = { programs: (program: { name: string }) => names.includes(program.name) };
	using collection = Collection.load(kernel, spec, { ...options, variables: { opt_mark: 77, opt_mark_set: true } });
	using reader = new RingBufferReader(collection.map("events"));
	for (const name of ["on_exec", "on_raw"]) collection.attach(name);
	for (let i = 0; i < 3; i++)
		kernel.raise({ tracepoint: "sched:sched_process_exec", record: new Uint8Array(32), args: [1, 2, 3], pid: 7 });
	const comms: string[] = [];
	reader.drain((view, offset, length) => {
		assert.equal(length, 32);
		assert.equal(view.getUint32(offset + 8, true), 7);
		assert.equal(view.getUint32(offset + 12, true), 77);
		comms.push(String.fromCharCode(...Array.from({ length: 4 }, (_, i) => view.getUint8(offset + 16 + i))));
	});
	assert.deepEqual(comms, ["true", "true", "true"]);
	assert.equal(new DataView(collection.map(".bss").lookup(u32(0))!.buffer).getUint32(0, true), 3 | (3 << 16));
	assert.equal(collection.program("filter").testRun({ data: new Uint8Array(64) }).retval, 2);
	assert.throws(
		() => Collection.load(kernel, spec, { programs: (program) => program.name === "no_event" }).attach("no_event"),
		/no such tracepoint/,
	);
});

test("a wild access is a fault for whoever made the event, and the others still run", () => {
	const kernel = new VirtualKernel();
	using wild = load(kernel, [insn.mov(64, 1, imm(8)), insn.load(8, 0, 1, 0), insn.exit()], "raw_tracepoint");
	using tame = load(kernel, give(5), "raw_tracepoint");
	using _ = attachRawTracepoint(wild, "sched_switch");
	using __ = attachRawTracepoint(tame, "sched_switch");
	using held = new Statistics(kernel);
	assert.throws(
		() => kernel.raise({ tracepoint: "sched:sched_switch", args: [] }),
		(error) => error instanceof VmFault && error.kind === "access" && error.pc === 1 && error.address === 8n,
	);
	const rows = [...kernel.system.tables.programs.values()];
	assert.deepEqual(
		rows.map((row) => [row.runs, row.faults]),
		[
			[1, 1],
			[1, 0],
		],
	);
	assert.ok(held.open);
});

/** Statistics on, so that runs are counted. */
class Statistics implements Disposable {
	readonly #kernel: VirtualKernel;
	readonly #fd: number;
	constructor(kernel: VirtualKernel) {
		this.#kernel = kernel;
		this.#fd = kernel.bpf("ENABLE_STATS", { type: 0 });
	}
	get open(): boolean {
		return this.#fd > 0;
	}
	[Symbol.dispose](): void {
		this.#kernel.close(this.#fd);
	}
}

test("a loop for ever, and memory without end, end with an error", () => {
	const kernel = new VirtualKernel({ fuel: 100_000, memory: 1 << 20 });
	using loop = load(kernel, [insn.mov(64, 0, imm(0)), insn.jump("eq", 64, 0, imm(0), -1), insn.exit()]);
	assert.throws(
		() => kernel.packet(loop.fd.number, new Uint8Array(64)),
		(error) => error instanceof VmFault && error.kind === "fuel",
	);
	const create = (type: number, max_entries: number) =>
		kernel.bpf("MAP_CREATE", { map_type: type, key_size: 4, value_size: 8, max_entries });
	assert.equal(create(2, 0xffff_ffff), -12);
	assert.equal(create(1, 0xffff_ffff), -7);
	assert.equal(create(6, 0xffff_ffff), -12);
	assert.equal(create(1, 1 << 20), -12);
});

test("a record that a fault left behind does not stop the ring", () => {
	const kernel = new VirtualKernel();
	using ring = BpfMap.create(kernel, { name: "ring", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 });
	const reserve = [
		insn.loadPseudo(1, 1, ring.fd.number),
		insn.mov(64, 2, imm(16)),
		insn.mov(64, 3, imm(0)),
		insn.call(131),
	];
	using broken = load(kernel, [...reserve, insn.mov(64, 1, imm(1)), insn.store(8, 1, 0, imm(0)), ...give(0)]);
	using whole = load(kernel, [
		...reserve,
		insn.store(8, 0, 0, imm(9)),
		insn.mov(64, 1, reg(0)),
		insn.mov(64, 2, imm(0)),
		insn.call(132),
		...give(2),
	]);
	using reader = new RingBufferReader(ring);
	assert.throws(() => kernel.packet(broken.fd.number, new Uint8Array(64)), VmFault);
	// The machine's memory grows meanwhile, and the reader follows.
	using large = BpfMap.create(kernel, { name: "large", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 << 20 });
	assert.equal(kernel.packet(whole.fd.number, new Uint8Array(64)).verdict, 2);
	const seen: number[] = [];
	assert.equal(
		reader.drain((view, offset) => seen.push(view.getUint32(offset, true))),
		1,
	);
	assert.deepEqual(seen, [9]);
	assert.equal(large.maxEntries, 1 << 20);
});

test("objects live as long as something holds them", () => {
	const kernel = new VirtualKernel();
	const { tables } = kernel.system;
	const map = BpfMap.create(kernel, { name: "kept", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 });
	const program = load(kernel, [insn.loadPseudo(1, 1, map.fd.number), ...give(2)]);
	map.close();
	assert.equal(tables.maps.size, 1, "the program holds it");
	const link = attachXdp(program, kernel.interfaceIndex("lo"));
	assert.equal(kernel.bpf("OBJ_PIN", { pathname: "/sys/fs/bpf/kept", bpf_fd: program.fd.number }), 0);
	program.close();
	link.close();
	assert.equal(tables.programs.size, 1, "the pin holds it");
	const again = kernel.bpf("OBJ_GET", { pathname: "/sys/fs/bpf/kept" });
	assert.equal(kernel.unlink("/sys/fs/bpf/kept"), 0);
	assert.equal(tables.programs.size, 1);
	kernel.close(again);
	assert.deepEqual([tables.programs.size, tables.maps.size, tables.links.size], [0, 0, 0]);
});

test("tail calls go on in the other program, at most 33 times", () => {
	const kernel = new VirtualKernel();
	using array = BpfMap.create(kernel, { name: "next", type: "prog_array", keySize: 4, valueSize: 4, maxEntries: 2 });
	const jump = (index: number) => [insn.loadPseudo(2, 1, array.fd.number), insn.mov(64, 3, imm(index)), insn.call(12)];
	using counter = BpfMap.create(kernel, { name: "count", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 });
	const count = [insn.loadPseudo(4, 2, counter.fd.number), insn.mov(64, 5, imm(1)), insn.atomic("add", 8, 4, 0, 5)];
	using self = load(kernel, [...count, ...jump(0), ...give(7)]);
	using first = load(kernel, [...jump(1), ...give(3)]);
	assert.equal(kernel.packet(first.fd.number, new Uint8Array(64)).verdict, 3, "an empty slot: it goes on");
	array.update(u32(0), u32(self.fd.number));
	assert.equal(kernel.packet(self.fd.number, new Uint8Array(64)).verdict, 7);
	assert.equal(new DataView(counter.lookup(u32(0))!.buffer).getUint32(0, true), 34);
});

test("an LRU map keeps what was used last", () => {
	const kernel = new VirtualKernel();
	using map = BpfMap.create(kernel, { name: "lru", type: "lru_hash", keySize: 4, valueSize: 4, maxEntries: 3 });
	for (const key of [1, 2, 3]) map.update(u32(key), u32(key));
	map.update(u32(1), u32(10));
	map.update(u32(4), u32(4));
	const keys = [...map.keys()].map((key) => key[0]).sort();
	assert.deepEqual(keys, [1, 3, 4]);
});

test("the same seed and time give the same run", () => {
	const run = (seed: number) => {
		const kernel = new VirtualKernel({ seed, time: 42n });
		using random = load(kernel, [insn.call(7), insn.exit()]);
		return Array.from({ length: 4 }, () => kernel.packet(random.fd.number, new Uint8Array(64)).verdict);
	};
	assert.deepEqual(run(1), run(1));
	assert.notDeepEqual(run(1), run(2));
});

test("a tracepoint's record is the program's context, to the byte", () => {
	const kernel = new VirtualKernel();
	using program = load(kernel, [insn.load(8, 0, 1, 8), insn.exit()], "tracepoint");
	using _ = attachTracepoint(program, "made", "up");
	const record = new Uint8Array(16);
	new DataView(record.buffer).setUint32(8, 1234, true);
	assert.deepEqual(
		kernel.raise({ tracepoint: "made:up", record }).runs.map((each) => each.result),
		[1234],
	);
	assert.throws(() => kernel.raise({ tracepoint: "made:up", record: record.subarray(0, 12) }), VmFault);
});

test("its types have no offset of the source's, but the names, kinds and ids", () => {
	const source = Btf.decode(readFileSync(new URL("../../compiler/data/kernel.btf", import.meta.url)));
	const own = Btf.decode(virtualBtf(source));
	assert.equal(own.count, source.count);
	for (const [struct, member] of [
		["task_struct", "real_parent"],
		["task_struct", "tgid"],
		["task_struct", "comm"],
		["linux_binprm", "file"],
		["inode", "i_ino"],
		["dentry", "d_name"],
	] as const) {
		const id = source.find(struct, "struct")!;
		assert.equal(own.find(struct, "struct"), id);
		assert.notEqual(
			findMember(own, id, member)!.bitOffset,
			findMember(source, id, member)!.bitOffset,
			`${struct}.${member}`,
		);
	}
	const limit = source.find("rlimit", "struct")!;
	assert.equal(own.sizeOf(limit), source.sizeOf(limit), "a step through an array is as wide as ever");
	assert.notEqual(findMember(own, limit, "rlim_cur")!.bitOffset, findMember(source, limit, "rlim_cur")!.bitOffset);
	const tcp = source.find("tcphdr", "struct");
	if (tcp !== undefined) assert.deepEqual(own.type(tcp), source.type(tcp), "what goes over wires stays");
	for (let id = 1; id <= own.count; id++) {
		const type = own.type(id);
		if (type.kind !== "struct" && type.kind !== "union") continue;
		for (const member of type.members) {
			const end =
				member.bitSize > 0 ? member.bitOffset + member.bitSize : member.bitOffset + own.sizeOf(member.type) * 8;
			assert.ok(end <= type.size * 8, `${type.name}.${member.name}: ${end} of ${type.size * 8} bits`);
		}
	}
});
