import assert from "node:assert/strict";
import { test } from "node:test";
import { VmFault } from "@skep/bpf/base";
import { encode, format, type Instruction, insn } from "@skep/bpf/isa";
import { Memory, newCpu, registerOf, setRegister } from "#machine";
import { type EngineOptions, newEngine, prepare } from "../index.ts";
import { Random } from "../random.test-support.ts";

const PROGRAMS = 1200;
const OFFSETS = [0, 4, 8, 16, 24, 40, 56, 60, 62, -4, -8, 28, 3] as const;
const BASES = [6, 6, 6, 6, 1, 2, 7, 8, 9, 10, 3] as const;

/** One instruction that no verifier has seen: r6 … r9 begin as pointers to 64, 32 (read-only) and 4 bytes and to the stack. */
function one(random: Random, at: number): Instruction {
	const base = random.pick(BASES);
	const offset = random.pick(OFFSETS);
	const size = random.pick([1, 2, 4, 8] as const);
	const register = random.below(10);
	switch (random.below(9)) {
		case 0:
		case 1:
		case 2:
			return insn.load(size, random.pick([0, 0, 3, 4, 5]), base, offset);
		case 3:
			return insn.store(size, base, offset, random.oneIn(2) ? { imm: 7 } : { reg: register });
		case 4:
			return insn.mov(64, random.pick([1, 2, 3]), { reg: random.pick([6, 7, 8, 9, 10, 1]) });
		case 5:
			return insn.alu("add", 64, random.pick([1, 2, 3, 6]), { imm: random.pick([4, 8, -4, 16]) });
		case 6: {
			const distance = random.oneIn(5) ? -random.below(Math.min(at, 4) + 1) : random.below(4);
			return insn.jump(random.pick(["eq", "gt", "ne"]), 64, register, { imm: random.pick([0, 1, 7]) }, distance);
		}
		case 7:
			return random.oneIn(3)
				? insn.call(1)
				: insn.alu(random.pick(["sub", "or", "lsh", "div"]), 64, random.pick([0, 3, 4, 5]), { reg: register });
		default:
			return insn.atomic(random.pick(["add", "xchg", "cmpxchg"]), random.pick([4, 8]), base, offset, register % 6, {
				fetch: random.oneIn(2),
			});
	}
}

/** An immediate that stands for what a register begins with. */
const PLACE = 0x7000_0000;

/** Registers as a function begins with them; r1 … r5 are its caller's. */
const begin = (first: number): Instruction[] => [
	...[0, 1, 2, 3, 4, 5, 6, 7, 8].filter((r) => r === 0 || r >= first).map((r) => insn.mov(64, r, { imm: PLACE + r })),
	insn.mov(64, 9, { reg: 10 }),
	insn.alu("add", 64, 9, { imm: -64 }),
];

/** What jumps at the end of a function may lead to. */
const end: readonly Instruction[] = [...Array.from({ length: 4 }, () => insn.mov(64, 0, { reg: 0 })), insn.exit()];

/** A program that may call some functions which call nothing. */
function program(random: Random): Instruction[] {
	const leaves = Array.from({ length: random.below(3) }, () => [
		...begin(6),
		...Array.from({ length: 1 + random.below(12) }, (_, at) => without(random, at)),
		...end,
	]);
	const list = begin(1);
	const calls: [at: number, leaf: number][] = [];
	for (let left = 4 + random.below(24); left > 0; left--) {
		if (leaves.length === 0 || !random.oneIn(8)) {
			list.push(one(random, list.length - begin(1).length));
			continue;
		}
		calls.push([list.length, random.below(leaves.length)]);
		// Afterwards r1 … r5 are nobody's.
		list.push(insn.callFunction(0), ...begin(1).slice(1, 6));
	}
	list.push(...end);
	const starts = leaves.map((leaf) => list.push(...leaf) - leaf.length);
	for (const [at, leaf] of calls) list[at] = insn.callFunction(starts[leaf]! - at - 1);
	return list;
}

/** The same, but no call. */
function without(random: Random, at: number): Instruction {
	const made = one(random, at);
	return made.opcode === insn.call(1).opcode ? insn.mov(64, 0, { imm: 5 }) : made;
}

/** A worker that is one of many has few windows, which accesses of all sizes use. */
const MANY = 17;

/** Result or fault, what is left of the fuel, and all bytes that the program may have changed. */
function outcome(list: readonly Instruction[], probe: boolean, processor: number, options: EngineOptions): string {
	const memory = new Memory(1 << 20, processor > 0, processor);
	const cpu = newCpu(processor, memory.allocate(4096, "stack")!);
	const wide = memory.allocate(64, "map")!;
	const locked = memory.allocate(32, "map", false)!;
	const few = memory.allocate(4, "map")!;
	for (let i = 0; i < 64; i++) memory.u8[wide + i] = i * 37;
	let calls = 0;
	const helper = (_: number, at: typeof cpu) => {
		setRegister(at, 0, 5n);
		// Less may be touched, and all of it again.
		memory.narrow(wide, wide, wide + (calls++ % 2 === 0 ? 32 : 64));
		return true;
	};
	const engine = newEngine(memory, { helper }, options);
	const values = [0, wide, locked, 3, 4, 5, wide, locked, few];
	const code = prepare(
		encode(list.map((each) => (each.imm >= PLACE ? { ...each, imm: values[each.imm - PLACE]! } : each))),
		{
			id: 1,
			probe,
		},
	);
	cpu.fuel = 3000;
	let what = "";
	try {
		engine.run(code, cpu);
		what = `r0 ${registerOf(cpu, 0)}, fuel ${cpu.fuel}`;
	} catch (error) {
		if (!(error instanceof VmFault)) throw error;
		what = `${error.kind} at ${error.pc}, ${error.address}: ${error.message}`;
	}
	const hex = (from: number, to: number) => Buffer.from(memory.u8.subarray(from, to)).toString("hex");
	return `${what}\n${hex(wide, few + 4)}\n${hex(cpu.stack, cpu.stack + 4096)}`;
}

test("programs that no verifier has seen fail in the JIT where and as they fail in the interpreter", () => {
	const kinds = new Set<string>();
	for (let seed = 1; seed <= PROGRAMS; seed++) {
		const random = new Random(seed);
		const list = program(random);
		const probe = seed % 3 === 0;
		const processor = seed % 4 === 0 ? MANY : 0;
		const expected = outcome(list, probe, processor, { engine: "interpreter" });
		kinds.add(expected.split(" ")[0]!);
		assert.equal(
			outcome(list, probe, processor, { engine: "jit" }),
			expected,
			`seed ${seed}\n${list.map(format).join("\n")}`,
		);
	}
	assert.deepEqual([...kinds].sort(), ["access", "fuel", "misaligned", "r0", "read-only"]);
});

test("a worker goes by its own regions, not by those of the one that was this processor before", () => {
	const owner = new Memory(1 << 20, true);
	const start = owner.reserve(1 << 16, 64)!;
	const joined = { ...owner.share(), room: { start, end: start + (1 << 16) } };
	const code = () => prepare(encode([insn.load(4, 0, 1, 32), insn.exit()]), { id: 1 });
	for (const processor of [1, MANY])
		for (const size of [64, 8]) {
			const memory = new Memory(undefined, joined, processor);
			const cpu = newCpu(processor, memory.allocate(4096, "stack")!);
			setRegister(cpu, 1, BigInt(memory.allocate(size, "packet")!));
			cpu.fuel = 100;
			const engine = newEngine(memory, { helper: () => false }, { engine: "jit" });
			if (size === 64) engine.run(code(), cpu);
			else assert.throws(() => engine.run(code(), cpu), VmFault, `processor ${processor}`);
		}
});
