import assert from "node:assert/strict";
import { test } from "node:test";
import { VmFault } from "@skep/bpf/base";
import { encode, format, type Instruction, insn } from "@skep/bpf/isa";
import { Memory, newCpu, registerOf, setRegister } from "#machine";
import { type EngineOptions, newEngine, prepare } from "../index.ts";
import { Random } from "../random.test-support.ts";

const PROGRAMS = 800;
const SIZES = [1, 2, 4, 8] as const;

/** An instruction, perhaps with a label; jumps name theirs. */
interface Line {
	readonly insn: Instruction | { readonly jump: Instruction; readonly to: string };
	readonly label?: string;
}

/** r6: 64 bytes, r7: 32 read-only ones, r8: 4, r9: 64 on the stack. r1 counts, r2 is an address, r3 a number. */
class Body {
	readonly lines: Line[] = [];
	#labels = 0;

	add(...list: Instruction[]): void {
		for (const one of list) this.lines.push({ insn: one });
	}
	label(): string {
		return `l${this.#labels++}`;
	}
	mark(label: string): void {
		this.lines.push({ insn: insn.mov(64, 5, { reg: 5 }), label });
	}
	jump(jump: Instruction, to: string): void {
		this.lines.push({ insn: { jump, to } });
	}
	finish(): Instruction[] {
		const at = new Map(this.lines.flatMap(({ label }, i) => (label === undefined ? [] : [[label, i] as const])));
		return this.lines.map(({ insn: one }, i) =>
			"jump" in one ? { ...one.jump, offset: at.get(one.to)! - i - 1 } : one,
		);
	}
}

/** A number in a register that has bounds, by arithmetic. */
function bounded(random: Random, body: Body, register: number): void {
	const width = random.pick([32, 64] as const);
	body.add(insn.load(random.pick(SIZES), register, 9, -8 * random.below(2)));
	for (let i = random.below(3) + 1; i > 0; i--)
		body.add(
			random.pick([
				insn.alu("and", width, register, { imm: random.pick([7, 15, 31, 63, 24, 0x38, -8]) }),
				insn.alu("mod", width, register, { imm: random.pick([5, 8, 60]) }),
				insn.alu("rsh", width, register, { imm: random.pick([1, 3, 58, 60, 28]) }),
				insn.alu("lsh", width, register, { imm: random.pick([1, 2, 3]) }),
				insn.alu("mul", width, register, { imm: random.pick([2, 4, 12]) }),
				insn.alu("add", width, register, { imm: random.pick([1, 4, -4, 8]) }),
				insn.alu("sub", width, register, { imm: random.pick([1, 8]) }),
				insn.mov(width, register, { reg: register }),
			]),
		);
}

function access(random: Random, body: Body): void {
	const size = random.pick(SIZES);
	const offset = random.pick([0, 0, 1, 4, 8, -4, 16, 24, 28, 31, 48, 56, 60]);
	if (random.oneIn(3)) body.add(insn.store(size, 2, offset, random.oneIn(2) ? { imm: 3 } : { reg: 3 }));
	else body.add(insn.load(size, 4, 2, offset), insn.alu("add", 64, 0, { reg: 4 }));
}

const pointer = (random: Random): number => random.pick([6, 6, 6, 7, 8, 9]);

/** Accesses at a pointer and a number. */
function reach(random: Random, body: Body, index: number): void {
	const base = pointer(random);
	if (random.oneIn(4)) body.add(insn.mov(64, 2, { reg: index }), insn.alu("add", 64, 2, { reg: base }));
	else body.add(insn.mov(64, 2, { reg: base }), insn.alu("add", 64, 2, { reg: index }));
	if (random.oneIn(6)) body.add(insn.alu("add", 64, 2, { imm: random.pick([4, -4, 8]) }));
	for (let i = random.below(2) + 1; i > 0; i--) access(random, body);
}

function loop(random: Random, body: Body, depth: number): void {
	const index = depth === 0 ? 1 : 5;
	const stride = random.pick([1, 1, 2, 4, 8, 12, -4, -1]);
	const rounds = random.below(9) + 1;
	const start = random.pick([0, 0, 0, 4, 8, stride < 0 ? 32 : 0]);
	const end = start + stride * rounds;
	const head = body.label();
	const out = body.label();
	body.add(insn.mov(64, index, { imm: start }));
	body.mark(head);
	if (random.oneIn(4)) {
		// A way out on the way, and a bound that is a comparison's.
		body.jump(insn.jump(random.pick(["gt", "ge", "sgt"]), 64, index, { imm: random.pick([20, 31, 40]) }, 0), out);
	}
	if (depth === 0 && random.oneIn(3)) loop(random, body, 1);
	reach(random, body, index);
	if (random.oneIn(5)) body.add(insn.call(1));
	if (random.oneIn(6)) body.add(insn.mov(64, 6, { reg: random.pick([6, 7]) }));
	body.add(insn.alu("add", random.oneIn(4) ? 32 : 64, index, { imm: stride }));
	const less = stride > 0 ? (["ne", "lt", "slt"] as const) : (["ne", "gt", "sgt"] as const);
	body.jump(insn.jump(random.pick(less), random.oneIn(5) ? 32 : 64, index, { imm: end }, 0), head);
	body.mark(out);
}

function program(random: Random): Instruction[] {
	const body = new Body();
	for (let i = random.below(3) + 1; i > 0; i--)
		switch (random.below(4)) {
			case 0: {
				bounded(random, body, 3);
				reach(random, body, 3);
				break;
			}
			case 1: {
				bounded(random, body, 3);
				const out = body.label();
				const bound = { imm: random.pick([3, 8, 24, 28, 40]) };
				body.jump(insn.jump(random.pick(["gt", "ge", "lt", "le", "eq", "ne", "sgt", "slt"]), 64, 3, bound, 0), out);
				reach(random, body, 3);
				body.mark(out);
				break;
			}
			default:
				loop(random, body, 0);
		}
	body.add(insn.exit());
	return body.finish();
}

/** Result or fault, what is left of the fuel, and all bytes that the program may have changed. */
function outcome(list: readonly Instruction[], seed: number, options: EngineOptions): string {
	const memory = new Memory(1 << 20);
	const cpu = newCpu(0, memory.allocate(4096, "stack")!);
	const wide = memory.allocate(64, "map")!;
	const locked = memory.allocate(32, "map", false)!;
	const few = memory.allocate(4, "map")!;
	for (let i = 0; i < 64; i++) memory.u8[wide + i] = i * 37;
	const helper = (_: number, at: typeof cpu) => {
		setRegister(at, 0, 5n);
		return true;
	};
	const engine = newEngine(memory, { helper }, options);
	const begin = [
		...[0, 1, 2, 3, 4, 5, wide, locked, few].map((value, r) => insn.mov(64, r, { imm: value })),
		insn.mov(64, 9, { reg: 10 }),
		insn.alu("add", 64, 9, { imm: -64 }),
		insn.store(8, 9, 0, { imm: seed * 77 }),
		insn.store(8, 9, -8, { imm: seed }),
		// Addresses as programs have them: loaded.
		insn.store(8, 10, -8, { reg: 6 }),
		insn.load(8, 6, 10, -8),
	];
	const code = prepare(encode([...begin, ...list]), { id: 1 });
	cpu.fuel = 4000;
	let what = "";
	try {
		engine.run(code, cpu);
		what = `r0 ${registerOf(cpu, 0)}, fuel ${cpu.fuel}`;
	} catch (error) {
		if (!(error instanceof VmFault)) throw error;
		what = `${error.kind} ${error.pc} ${error.message}`;
	}
	return `${what}\n${memory.u8.slice(wide, wide + 64)}`;
}

test("accesses at numbers with bounds: generated code and the interpreter are one", () => {
	let faults = 0;
	for (let seed = 1; seed <= PROGRAMS; seed++) {
		const list = program(new Random(seed));
		const expected = outcome(list, seed, { engine: "interpreter" });
		const found = outcome(list, seed, { engine: "jit" });
		if (!expected.startsWith("r0")) faults++;
		assert.equal(found, expected, `seed ${seed}\n${list.map((one) => format(one)).join("\n")}`);
	}
	assert.ok(faults > PROGRAMS / 10 && faults < (PROGRAMS * 9) / 10, `${faults} of ${PROGRAMS} end with a fault`);
});
