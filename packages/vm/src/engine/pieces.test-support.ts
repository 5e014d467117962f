// What items of random programs are made of.
import { INSTRUCTIONS, type Instruction, type InstructionRow, insn, PSEUDO, rowOf, slotsOf } from "@skep/bpf/isa";
import { immediate, type Random } from "./random.test-support.ts";
import { type MapName, mapNumber } from "./world.test-support.ts";

/** Distances from r10 in every program: eight words of data, the context's address, a key, a value, one pointer, room, a dynptr. */
export const STACK = {
	words: -64,
	context: -72,
	key: -80,
	value: -104,
	pointer: -112,
	registers: -192,
	dynptr: -208,
} as const;

const ofShape = (...shapes: readonly InstructionRow["shape"][]): InstructionRow[] =>
	INSTRUCTIONS.filter((row) => shapes.includes(row.shape) && row.since !== "");
const ALU = ofShape("alu_imm", "alu_reg", "unary", "extend", "endian");
export const JUMPS = ofShape("jump_imm", "jump_reg");
const MEMORY = ofShape("load", "store_imm", "store_reg", "atomic", "atomic_load");
const PLAIN_MEMORY = MEMORY.filter(
	(row) => ["load", "store_imm", "store_reg"].includes(row.shape) && !/^(load_|store_)/.test(row.name),
);
/** Scalars that outlive a call. */
export const KEPT = [6, 7, 8, 9] as const;

export function alu(random: Random, registers: readonly number[]): Instruction {
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

/** Where an access may be: [base + low, base + low + room). */
export interface Place {
	readonly base: number;
	readonly low: number;
	readonly room: number;
	/** Packets: no atomic operations, and at any distance. */
	readonly isPacket?: boolean;
}

/** One access there, and what makes its result one that may be compared. */
export function access(random: Random, place: Place, registers: readonly number[]): Instruction[] {
	const { base, low, room, isPacket } = place;
	const row = random.pick((isPacket ? PLAIN_MEMORY : MEMORY).filter((each) => sizeOf(each.name) <= room));
	const { imm = 0 } = row.fixed;
	const size = sizeOf(row.name);
	const offset = low + (isPacket ? random.below(room - size + 1) : random.below(Math.floor(room / size)) * size);
	const register = random.pick(registers);
	if (row.shape === "load" || row.shape === "atomic_load")
		return [{ opcode: row.opcode, dst: register, src: base, offset, imm }];
	if (row.shape === "store_imm") return [{ opcode: row.opcode, dst: base, src: 0, offset, imm: immediate(random) }];
	return settled({ opcode: row.opcode, dst: base, src: register, offset, imm });
}

/**
 * Two bugs of Linux that this generator has found, and what programs do so that they do not matter.
 *
 * 6.18 on x86-64 forgets to clear the upper half of r0 behind a 32-bit cmpxchg that succeeds, where its verifier prunes the
 * path that reads all of r0: the programs clear it themselves.
 *
 * Verifiers before 7.0 take what an atomic operation fetches from the stack for a constant where it is one on the path
 * that they walk first, and may prune the others (CVE-2026-43009; packages/vm/testdata/conformance/scenes.data has a
 * case): divided by 1 it is the same, and no verifier of those knows it then.
 */
function settled(one: Instruction): Instruction[] {
	const { name } = rowOf(one);
	const isCompared = name.startsWith("atomic_cmpxchg");
	const clears = name === "atomic_cmpxchg_w" ? [insn.mov(32, 0, { reg: 0 })] : [];
	if (!isCompared && !/^atomic_(fetch|xchg)/.test(name)) return [one];
	return [one, ...clears, insn.alu("div", 64, isCompared ? 0 : one.src, { imm: 1 })];
}

/** Some accesses one after another. */
export const accesses = (random: Random, place: Place, registers: readonly number[], most = 3): Instruction[] =>
	Array.from({ length: 1 + random.below(most) }, () => access(random, place, registers)).flat();

export const slots = (list: readonly Instruction[]): number => list.reduce((sum, i) => sum + slotsOf(i), 0);

/** `then` where register `r` is not 0, else `otherwise`. */
export const unlessZero = (
	random: Random,
	r: number,
	then: readonly Instruction[],
	otherwise: readonly Instruction[],
): Instruction[] => [
	insn.jump("eq", 64, r, { imm: 0 }, slots(then) + 1),
	...then,
	random.oneIn(2) ? insn.ja(slots(otherwise)) : insn.jaLong(slots(otherwise)),
	...otherwise,
];

/** A call leaves r1 to r5 undefined: they begin anew, from what outlived it. */
export const fresh = (random: Random): Instruction[] =>
	[1, 2, 3, 4, 5].map((r) => insn.mov(64, r, { reg: random.pick([0, ...KEPT]) }));

export const mapInto = (register: number, name: MapName): Instruction =>
	insn.loadPseudo(register, PSEUDO.mapFd, mapNumber(name));

/** register = r10 + distance. */
export const stackInto = (register: number, distance: number): Instruction[] => [
	insn.mov(64, register, { reg: 10 }),
	insn.alu("add", 64, register, { imm: distance }),
];
export const contextInto = (register: number): Instruction => insn.load(8, register, 10, STACK.context);
