// Where it stops and what it tells, against what a look at every instruction says.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { VmFault } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import { encode, type Instruction, insn, PSEUDO } from "@skep/bpf/isa";
import { BpfMap, Program } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { compile } from "@skep/compiler";
import { decodeTracepoints } from "@skep/compiler/declare";
import { VirtualKernel, virtualBtf } from "@skep/vm";
import { registerOf } from "../machine/index.ts";
import { startTracing } from "../objects/index.ts";
import { Debugger, Inspector } from "./index.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const data = join(root, "packages/compiler/data");

/** A DNS query, an ICMP echo, a frame of no known protocol: what the filter tells apart. */
const PACKETS = [
	[
		...new Array(12).fill(0),
		8,
		0,
		0x45,
		...new Array(8).fill(0),
		17,
		...new Array(10).fill(0),
		0,
		9,
		0,
		53,
		0,
		8,
		0,
		0,
	],
	[...new Array(12).fill(0), 8, 0, 0x45, ...new Array(8).fill(0), 1, ...new Array(10).fill(0), 8, 0, 0, 0, 0, 0, 0, 0],
	[...new Array(12).fill(0), 8, 6, ...new Array(30).fill(1)],
].map((bytes) => Uint8Array.from(bytes));

/** The XDP example on a machine of its own. */
function filter() {
	const kernelTypes = Btf.decode(readFileSync(join(data, "kernel.btf")));
	const tracepoints = decodeTracepoints(JSON.parse(readFileSync(join(data, "tracepoints.json"), "utf8")));
	const kernel = new VirtualKernel({ btf: virtualBtf(kernelTypes) });
	const entry = join(root, "examples/xdp-filter/xdp-filter.ts");
	const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);
	const { object } = compile({ entry, read, kernel: kernelTypes, tracepoints });
	const collection = Collection.load(kernel, readObject(object!, { name: "xdp-filter" }));
	const fd = collection.program("filter").fd.number;
	const events = { count: PACKETS.length, run: (i: number) => void kernel.packet(fd, PACKETS[i]!) };
	return { kernel, collection, events, read: () => read(entry)!.split("\n") };
}

interface Seen {
	readonly event: number;
	readonly n: number;
	readonly program: number;
	readonly slot: number;
	readonly depth: number;
	readonly registers: readonly bigint[];
}

/** Every instruction of all events, in order. */
function everything(kernel: VirtualKernel, events: { readonly count: number; run(i: number): void }): Seen[] {
	const seen: Seen[] = [];
	for (let event = 0; event < events.count; event++) {
		let n = 0;
		const stop = startTracing(kernel.system, (cpu) => {
			const registers = Array.from({ length: 11 }, (_, r) => registerOf(cpu, r));
			seen.push({ event, n: n++, program: cpu.code, slot: cpu.pc, depth: cpu.depth, registers });
		});
		try {
			events.run(event);
		} catch (error) {
			if (!(error instanceof VmFault)) throw error;
		}
		stop();
	}
	return seen;
}

const at = ({ position }: Debugger) => `${position.event}:${position.instruction}`;

test("breakpoints by line stop where the line information says, forwards and backwards", () => {
	const seen = (() => {
		const { kernel, events } = filter();
		return everything(kernel, events);
	})();
	const { kernel, events, read } = filter();
	const debug = new Debugger(kernel.system, events);
	const symbols = debug.symbols(debug.place!.program)!;
	assert.ok(symbols.lines.length > 20);
	const numbers = [
		...new Set(symbols.lines.filter(({ file }) => file.endsWith("/xdp-filter.ts")).map(({ line }) => line)),
	];
	for (const line of numbers) {
		const id = debug.break({ kind: "line", file: "xdp-filter.ts", line });
		const { places, line: found } = debug.breakpoints.get(id)!;
		assert.equal(found, line);
		for (const { slot } of places) {
			const source = symbols.lineAt(slot)!;
			assert.equal(source.line, line);
			assert.equal(source.text.trim(), read()[line - 1]!.trim());
		}
		const slots = new Set(places.map(({ slot }) => slot));
		const expected = seen.filter(({ slot }) => slots.has(slot)).map(({ event, n }) => `${event}:${n}`);
		debug.goto(0, 0);
		const forward = expected.includes("0:0") ? ["0:0"] : [];
		while (debug.continue().kind === "breakpoint") forward.push(at(debug));
		assert.deepEqual(forward, expected, `line ${line}`);
		assert.equal(debug.reason.kind, "end");
		const backward: string[] = [];
		while (debug.reverseContinue().kind === "breakpoint") backward.unshift(at(debug));
		assert.deepEqual(backward, expected, `line ${line}, backwards`);
		debug.delete(id);
	}
	assert.throws(() => debug.break({ kind: "line", file: "xdp-filter.ts", line: 9999 }), /no code at line 9999/);
	assert.throws(() => debug.break({ kind: "function", name: "nobody" }), /there are .*filter/);
});

test("a watch finds the instruction that wrote: a register, a map", () => {
	const { kernel, events } = filter();
	const seen = everything(kernel, events);
	const changes = seen.flatMap((now, i) => {
		const before = seen[i - 1];
		return before?.event === now.event && before.registers[6] !== now.registers[6]
			? [`${now.event}:${now.n} by ${before.slot}`]
			: [];
	});
	const own = filter();
	const debug = new Debugger(own.kernel.system, own.events);
	const id = debug.watch({ kind: "register", register: 6 });
	const found: string[] = [];
	for (let reason = debug.continue(); reason.kind === "watch"; reason = debug.continue())
		found.push(`${at(debug)} by ${reason.slot}`);
	assert.deepEqual(found, changes);
	const back: string[] = [];
	for (let reason = debug.reverseContinue(); reason.kind === "watch"; reason = debug.reverseContinue()) {
		assert.equal(debug.place!.slot, reason.slot, "backwards it stands before the instruction");
		back.unshift(`${debug.position.event}:${debug.position.instruction + 1} by ${reason.slot}`);
	}
	assert.deepEqual(back, changes);
	debug.delete(id);

	const inspector = new Inspector(own.kernel.system);
	const map = inspector.maps().find(({ name }) => name === "packets")!;
	debug.goto(0, 0);
	debug.watch({ kind: "map", map: map.id });
	const writers: string[] = [];
	for (let reason = debug.continue(); reason.kind === "watch"; reason = debug.continue())
		writers.push(
			`${debug.symbols(reason.program)!.lineAt(reason.slot)!.text.trim()} ${inspector.map(map.id)!.entries.length}`,
		);
	assert.deepEqual(writers, ["packets.add(proto, 1n); 1", "packets.add(proto, 1n); 2"]);
});

test("lines: step, next and back again are the same places", () => {
	const { kernel, events } = filter();
	const debug = new Debugger(kernel.system, events);
	const forward = [at(debug)];
	while (debug.stepLine().kind === "step") forward.push(at(debug));
	assert.equal(debug.reason.kind, "event-end");
	assert.ok(forward.length > 8);
	const backward: string[] = [];
	while (debug.reverseStepLine().kind === "step") backward.unshift(at(debug));
	assert.deepEqual(backward.length > 0 ? ["0:0", ...backward.filter((each) => each !== "0:0")] : [], forward);
});

const HELPER = { loop: 181 };

/** `entry` calls `outer`, which calls bpf_loop with `round`; each writes to the stack it was given. */
function nested(): Instruction[] {
	return [
		insn.mov(64, 6, { imm: 11 }), // 0 entry
		insn.mov(64, 1, { imm: 5 }),
		insn.callFunction(2), // → 5
		insn.mov(64, 0, { imm: 2 }),
		insn.exit(),
		insn.mov(64, 6, { imm: 22 }), // 5 outer
		insn.store(8, 10, -8, { imm: 0 }),
		insn.mov(64, 1, { imm: 3 }),
		insn.loadPseudo(2, PSEUDO.code, 7), // 8: two slots → 16
		insn.mov(64, 3, { reg: 10 }), // 10
		insn.alu("add", 64, 3, { imm: -8 }),
		insn.mov(64, 4, { imm: 0 }),
		insn.call(HELPER.loop), // 13
		insn.mov(64, 0, { imm: 0 }),
		insn.exit(),
		insn.load(8, 6, 2, 0), // 16 round
		insn.alu("add", 64, 6, { imm: 1 }),
		insn.store(8, 2, 0, { reg: 6 }), // 18
		insn.mov(64, 0, { imm: 0 }),
		insn.exit(),
	];
}

test("the call stack in subprograms and callbacks, and what a caller gets back", () => {
	const kernel = new VirtualKernel();
	using program = Program.load(kernel, { name: "nested", type: "xdp", insns: encode(nested()), license: "GPL" });
	const { id } = program.info();
	const bytes = new Uint8Array(64);
	const debug = new Debugger(kernel.system, { count: 1, run: () => void kernel.packet(program.fd.number, bytes) });
	debug.break({ kind: "slot", program: id, slot: 18 });
	for (let round = 0; round < 3; round++) {
		assert.equal(debug.continue().kind, "breakpoint");
		assert.deepEqual(
			debug.frames().map(({ slot }) => slot),
			[18, 13, 2],
		);
		assert.equal(debug.registers(0)[6], BigInt(round + 1));
		assert.equal(debug.registers(1)[6], 22n);
		assert.equal(debug.registers(2)[6], 11n);
		assert.equal(debug.registers(2)[10], BigInt(debug.frames()[2]!.stack.end));
		assert.equal(debug.registers(2)[1], undefined);
	}
	const inside = debug.position.instruction;
	debug.finish();
	assert.deepEqual(
		[debug.place!.slot, debug.place!.depth],
		[14, 1],
		"the last round comes back behind the helper's call",
	);
	debug.reverseFinish();
	assert.deepEqual([debug.place!.slot, debug.place!.depth], [2, 0]);
	debug.goto(0, inside);
	assert.equal(debug.reverseFinish().kind, "step");
	assert.deepEqual([debug.place!.slot, debug.place!.depth], [13, 1]);
	assert.equal(debug.continue().kind, "breakpoint");
	const word = debug.frames()[1]!.stack.end - 8;
	debug.goto(0, 0);
	debug.delete(debug.breakpoints.list[0]!.id);
	debug.watch({ kind: "memory", address: word, size: 8 });
	const writers: number[] = [];
	for (let reason = debug.continue(); reason.kind === "watch"; reason = debug.continue()) writers.push(reason.slot);
	assert.deepEqual(writers, [18, 18, 18]);
});

test("a fault stops before its instruction, once, and the event after it goes on", () => {
	const kernel = new VirtualKernel();
	using map = BpfMap.create(kernel, { name: "m", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 });
	assert.ok(map);
	const insns = [insn.load(4, 2, 1, 0), insn.mov(64, 3, { imm: 64 }), insn.load(8, 0, 3, 0), insn.exit()];
	using program = Program.load(kernel, { name: "wild", type: "xdp", insns: encode(insns), license: "GPL" });
	const bytes = new Uint8Array(64);
	const debug = new Debugger(kernel.system, { count: 2, run: () => void kernel.packet(program.fd.number, bytes) });
	for (const event of [0, 1]) {
		assert.equal(debug.continue().kind, "fault");
		assert.deepEqual(debug.position, { event, instruction: 2, ended: false });
	}
	assert.equal(debug.continue().kind, "end");
	assert.equal(debug.back().kind, "fault");
	const fresh = new Debugger(kernel.system, { count: 2, run: () => void kernel.packet(program.fd.number, bytes) });
	// That it faults is known once it was tried.
	assert.equal(fresh.step(2).kind, "step");
	assert.equal(fresh.step().kind, "fault");
	assert.equal(fresh.step().kind, "event-end");
	assert.equal(fresh.step().kind, "step");
	assert.deepEqual(fresh.position, { event: 1, instruction: 0, ended: false });
});
