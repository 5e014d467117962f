// Random programs that a verifier accepts: scalars in r0 to r9, eight words of stack, 64 bytes of a map, jumps forward,
// loops of a few rounds, a function. What instructions there are comes from the table.
import { INSTRUCTIONS, type Instruction, type InstructionRow, insn, PSEUDO, rowOf, slotsOf } from "@skep/bpf/isa";

/** A small generator of pseudo-random numbers: the same seed gives the same programs everywhere. */
export class Random {
	#state: number;
	constructor(seed: number) {
		this.#state = (seed ^ 0x9e3779b9) | 0;
		for (let i = 0; i < 4; i++) this.word();
	}
	/** 32 bits, signed. */
	word(): number {
		this.#state = (this.#state + 0x6d2b79f5) | 0;
		let x = this.#state;
		x = Math.imul(x ^ (x >>> 15), x | 1);
		x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
		return x ^ (x >>> 14);
	}
	below(limit: number): number {
		return (this.word() >>> 0) % limit;
	}
	pick<T>(list: readonly T[]): T {
		return list[this.below(list.length)]!;
	}
}

/** A piece of a program that can be taken out without harm to the rest. `over`: it jumps over so many items. */
export type Item =
	| { readonly insns: readonly Instruction[] }
	| { readonly jump: Instruction; readonly over: number }
	| { readonly rounds: number; readonly body: readonly Item[] };

export interface Generated {
	readonly items: readonly Item[];
	/** Body of the one function that items may call. */
	readonly callee: readonly Instruction[];
}

/** Where things are in the value of the one map: what registers and stack begin with, what they end with, memory. */
export const LAYOUT = { input: 0, output: 144, memory: 288, size: 352 } as const;
export const WORDS = 18;

const EDGES = [0, 1, -1, 2, 7, 31, 32, 63, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -0x80000000, -2];
const EDGES_64 = EDGES.flatMap((low) => [BigInt(low), BigInt(low) << 32n, (BigInt(low) << 32n) | 0xffffffffn]);

/** Values that registers, stack and memory begin with: many at the edges. */
export function inputs(random: Random): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(LAYOUT.size);
	const view = new DataView(bytes.buffer);
	for (let at = 0; at < LAYOUT.size; at += 8) {
		if (at >= LAYOUT.output && at < LAYOUT.memory) continue;
		if (random.below(3) > 0) view.setBigInt64(at, BigInt.asIntN(64, random.pick(EDGES_64)), true);
		else {
			view.setInt32(at, random.word(), true);
			view.setInt32(at + 4, random.word(), true);
		}
	}
	return bytes;
}

const ofShape = (...shapes: readonly InstructionRow["shape"][]): InstructionRow[] =>
	INSTRUCTIONS.filter((row) => shapes.includes(row.shape) && row.since !== "");
const ALU = ofShape("alu_imm", "alu_reg", "unary", "extend", "endian");
const JUMPS = ofShape("jump_imm", "jump_reg");
const MEMORY = ofShape("load", "store_imm", "store_reg", "atomic", "atomic_load");
const ROUNDS = 5;
/** Holds a loop's counter: its body leaves it alone. */
const COUNTER = 9;

const immediate = (random: Random): number => (random.below(2) === 0 ? random.pick(EDGES) : random.word());

function alu(random: Random, registers: readonly number[]): Instruction {
	const row = random.pick(ALU);
	const { src = 0, offset = 0, imm = 0 } = row.fixed;
	const of = { opcode: row.opcode, dst: random.pick(registers), src, offset, imm };
	if (row.shape === "alu_reg" || row.shape === "extend") return { ...of, src: random.pick(registers) };
	if (row.shape !== "alu_imm") return of;
	const value = immediate(random);
	if (/^.sh|^arsh/.test(row.name)) return { ...of, imm: value & (row.name.includes("64") ? 63 : 31) };
	// A verifier takes no division by a constant 0.
	return { ...of, imm: /div|mod/.test(row.name) && value === 0 ? 3 : value };
}

const sizeOf = (name: string): number => (/_dw$/.test(name) ? 8 : /_w$/.test(name) ? 4 : /_h$/.test(name) ? 2 : 1);

/** An access to [base + low, base + low + 64), aligned. */
function access(random: Random, base: number, low: number, registers: readonly number[]): Instruction {
	const row = random.pick(MEMORY);
	const { imm = 0 } = row.fixed;
	const offset = low + random.below(64 / sizeOf(row.name)) * sizeOf(row.name);
	const register = random.pick(registers);
	if (row.shape === "load" || row.shape === "atomic_load")
		return { opcode: row.opcode, dst: register, src: base, offset, imm };
	if (row.shape === "store_imm") return { opcode: row.opcode, dst: base, src: 0, offset, imm: immediate(random) };
	return { opcode: row.opcode, dst: base, src: register, offset, imm };
}

function item(random: Random, registers: readonly number[], fd: number, straight: boolean): Item {
	const kind = random.below(straight ? 16 : 22);
	if (kind < 10) return { insns: [alu(random, registers)] };
	if (kind < 14) return { insns: settled(access(random, 10, -64, registers)) };
	if (kind === 14) {
		const value = (BigInt(random.word()) << 32n) | BigInt(random.word() >>> 0);
		return { insns: [insn.loadImm64(random.pick(registers), value)] };
	}
	if (kind === 15) {
		// Somewhere in the map's memory, known only at run time. The pointer does not outlive the item; it is never in r0,
		// which cmpxchg overwrites.
		const pointer = random.pick(registers.filter((r) => r !== 0));
		const index = random.pick(registers);
		const others = registers.filter((r) => r !== pointer && r !== 0);
		const other = pointer === index ? (others[0] ?? 1) : index;
		const at = access(random, pointer, 0, others);
		const scaled = { ...at, offset: at.offset & 7 };
		return {
			insns: [
				insn.alu("and", 64, other, { imm: 56 }),
				insn.loadPseudo(pointer, PSEUDO.mapValue, fd, LAYOUT.memory),
				insn.alu("add", 64, pointer, { reg: other }),
				...settled(scaled),
				insn.mov(64, pointer, { imm: immediate(random) }),
			],
		};
	}
	if (kind < 20) {
		const row = random.pick(JUMPS);
		const jump = {
			opcode: row.opcode,
			dst: random.pick(registers),
			src: row.shape === "jump_reg" ? random.pick(registers) : 0,
			offset: 0,
			imm: row.shape === "jump_imm" ? immediate(random) : 0,
		};
		return { jump, over: 1 + random.below(4) };
	}
	if (kind === 20) {
		const inside = registers.filter((r) => r !== COUNTER);
		const body = Array.from({ length: 1 + random.below(5) }, () => item(random, inside, fd, true));
		return { rounds: 1 + random.below(ROUNDS), body };
	}
	// The callee leaves r1 to r5 undefined: they begin anew.
	const fresh = [1, 2, 3, 4, 5].map((r) => insn.mov(64, r, { reg: random.pick([0, 6, 7, 8, 9]) }));
	return { insns: [insn.callFunction(0), ...fresh] };
}

/**
 * Linux 6.18 on x86-64 forgets to clear the upper half of r0 behind a 32-bit cmpxchg that succeeds, where its verifier
 * prunes the path that reads all of r0 (found by this generator): the programs clear it themselves.
 */
function settled(one: Instruction): Instruction[] {
	const clears = rowOf(one).name === "atomic_cmpxchg_w";
	return clears ? [one, insn.mov(32, 0, { reg: 0 })] : [one];
}

/** A program of 4 to 30 items. `fd`: what its wide loads name the map by. */
export function generate(random: Random, fd: number): Generated {
	const registers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
	const items = Array.from({ length: 4 + random.below(27) }, () => item(random, registers, fd, false));
	const inside = [0, 1, 2, 3, 4, 5];
	const callee = [
		insn.mov(64, 0, { reg: random.pick([1, 2, 3, 4, 5]) }),
		...Array.from({ length: random.below(8) }, () => alu(random, inside)),
	];
	return { items, callee };
}

const slots = (list: readonly Instruction[]): number => list.reduce((sum, i) => sum + slotsOf(i), 0);
const isCall = (i: Instruction): boolean => i.opcode === 0x85;

function flatten(items: readonly Item[]): Instruction[] {
	const parts = items.map((one): Instruction[] => {
		if ("insns" in one) return [...one.insns];
		if ("jump" in one) return [one.jump];
		const body = flatten(one.body);
		return [
			insn.mov(64, COUNTER, { imm: one.rounds }),
			...body,
			insn.alu("add", 64, COUNTER, { imm: -1 }),
			insn.jump("ne", 64, COUNTER, { imm: 0 }, -(slots(body) + 2)),
		];
	});
	return parts.flatMap((part, index) => {
		const one = items[index]!;
		if (!("jump" in one)) return part;
		return [{ ...one.jump, offset: slots(parts.slice(index + 1, index + 1 + one.over).flat()) }];
	});
}

/** The whole program: registers and stack begin with the map's input and end in its output; r0 is 0. */
export function assembleProgram(program: Generated, fd: number): Instruction[] {
	const words = (register: number, i: number) => insn.load(8, register, 1, LAYOUT.input + i * 8);
	const before = [insn.loadPseudo(1, PSEUDO.mapValue, fd, 0)];
	for (let k = 0; k < 8; k++) before.push(words(0, k), insn.store(8, 10, -64 + k * 8, { reg: 0 }));
	for (const r of [0, 2, 3, 4, 5, 6, 7, 8, 9, 1]) before.push(words(r, 8 + r));
	const after: Instruction[] = [];
	for (let r = 0; r < 10; r++) after.push(insn.store(8, 10, -144 + r * 8, { reg: r }));
	after.push(insn.loadPseudo(1, PSEUDO.mapValue, fd, LAYOUT.output));
	for (let k = 0; k < WORDS; k++) after.push(insn.load(8, 0, 10, -144 + k * 8), insn.store(8, 1, k * 8, { reg: 0 }));
	after.push(insn.mov(64, 0, { imm: 0 }), insn.exit());
	const main = [...before, ...flatten(program.items), ...after];
	const end = slots(main);
	let at = 0;
	let called = false;
	const linked = main.map((i) => {
		const result = isCall(i) ? insn.callFunction(end - at - 1) : i;
		called ||= isCall(i);
		at += slotsOf(i);
		return result;
	});
	// Linux refuses what is never reached.
	return called ? [...linked, ...program.callee, insn.exit()] : linked;
}

/** Smaller programs with the same bad habit: items are taken out for as long as `differs` says so. */
export function shrink(program: Generated, differs: (smaller: Generated) => boolean): Generated {
	let best = program;
	const attempt = (smaller: Generated): boolean => {
		if (!differs(smaller)) return false;
		best = smaller;
		return true;
	};
	const takeOut = (): void => {
		for (let size = Math.max(best.items.length >> 1, 1); size >= 1; size >>= 1)
			for (let at = 0; at < best.items.length; )
				if (!attempt({ ...best, items: best.items.toSpliced(at, size) })) at += size;
	};
	takeOut();
	// Loops once, or their bodies in place of them.
	for (let at = 0; at < best.items.length; at++) {
		const one = best.items[at]!;
		if (!("rounds" in one)) continue;
		if (attempt({ ...best, items: best.items.toSpliced(at, 1, ...one.body) })) continue;
		attempt({ ...best, items: best.items.with(at, { ...one, rounds: 1 }) });
	}
	takeOut();
	for (let at = 1; at < best.callee.length; ) if (!attempt({ ...best, callee: best.callee.toSpliced(at, 1) })) at++;
	return best;
}
