// Random programs that a verifier accepts: between items every register r0 … r9 holds a scalar and eight words of stack
// hold data; an item may take pointers, call, branch, and leaves it so. What instructions there are comes from the table.
import { type Instruction, insn, PSEUDO } from "@skep/bpf/isa";
import { callItem, FUNCTION } from "./calls.test-support.ts";
import { access, accesses, alu, JUMPS, mapInto, STACK, slots } from "./pieces.test-support.ts";
import { immediate, type Random } from "./random.test-support.ts";
import type { Scene, SceneType } from "./scene.test-support.ts";
import { LAYOUT, MAPS, mapNumber, WORDS } from "./world.test-support.ts";

/** A piece of a program that can be taken out without harm to the rest. `over`: it jumps over so many items. */
export type Item =
	| { readonly insns: readonly Instruction[] }
	| { readonly jump: Instruction; readonly over: number }
	| { readonly rounds: number; readonly mayGoto: boolean; readonly body: readonly Item[] };

/** A function that items may call: only its body can be made shorter. */
export interface Callee {
	readonly before: readonly Instruction[];
	readonly body: readonly (readonly Instruction[])[];
	readonly after: readonly Instruction[];
}

export interface Generated {
	readonly type: SceneType;
	readonly items: readonly Item[];
	/** By the numbers of FUNCTION. */
	readonly functions: readonly Callee[];
	/** Items of the program that a tail call leads to. */
	readonly tail: readonly Item[];
}

const ROUNDS = 5;
/** Holds a loop's counter: its body leaves it alone. */
const COUNTER = 9;
const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

interface Context {
	readonly random: Random;
	readonly type: SceneType;
	readonly registers: readonly number[];
	/** Within a loop: nothing that jumps over other items. */
	readonly straight: boolean;
}

/** Somewhere in the map's memory, known only at run time. The pointer is never in r0, which cmpxchg overwrites. */
function atDistance({ random, registers }: Context): Instruction[] {
	const pointer = random.pick(registers.filter((r) => r !== 0));
	const index = random.pick(registers);
	const others = registers.filter((r) => r !== pointer && r !== 0);
	const other = pointer === index ? (others[0] ?? 1) : index;
	return [
		insn.alu("and", 64, other, { imm: 56 }),
		insn.loadPseudo(pointer, PSEUDO.mapValue, mapNumber("io"), LAYOUT.memory),
		insn.alu("add", 64, pointer, { reg: other }),
		...access(random, { base: pointer, low: 0, room: 8 }, others),
		insn.mov(64, pointer, { imm: immediate(random) }),
	];
}

function jump({ random, registers }: Context): Item {
	const over = 1 + random.below(4);
	// One that is never taken here: Linux allows 8 million, or a quarter of a second.
	if (random.oneIn(12)) return { jump: insn.mayGoto(0), over };
	const row = random.pick(JUMPS);
	return {
		jump: {
			opcode: row.opcode,
			dst: random.pick(registers),
			src: row.shape === "jump_reg" ? random.pick(registers) : 0,
			offset: 0,
			imm: row.shape === "jump_imm" ? immediate(random) : 0,
		},
		over,
	};
}

function item(context: Context): Item {
	const { random, registers, straight } = context;
	const kind = random.below(straight ? 22 : 27);
	if (kind < 9) return { insns: [alu(random, registers)] };
	if (kind < 12) return { insns: access(random, { base: 10, low: STACK.words, room: 64 }, registers) };
	if (kind === 12) {
		const value = (BigInt(random.word()) << 32n) | BigInt(random.word() >>> 0);
		return { insns: [insn.loadImm64(random.pick(registers), value)] };
	}
	if (kind === 13) return { insns: atDistance(context) };
	if (kind < 22) return { insns: callItem(context, straight) };
	if (kind < 26) return jump(context);
	const inside = { ...context, registers: registers.filter((r) => r !== COUNTER), straight: true };
	const body = Array.from({ length: 1 + random.below(4) }, () => item(inside));
	return { rounds: 1 + random.below(ROUNDS), mayGoto: random.oneIn(3), body };
}

/** Functions: of scalars; of the caller's words at r1; a round of a loop; one entry of a map. */
function functions(random: Random): Callee[] {
	const some = (most: number, make: () => Instruction[]) => Array.from({ length: random.below(most) }, make);
	const scalars = [0, 1, 2, 3, 4, 5];
	const mixed =
		(registers: readonly number[], ...bases: readonly (readonly [number, number, number])[]) =>
		(): Instruction[] => {
			if (random.oneIn(3)) return [alu(random, registers)];
			const [base, low, room] = random.pick(bases);
			return accesses(random, { base, low, room }, registers, 1);
		};
	const own = [insn.store(8, 10, -8, { reg: 2 }), insn.store(8, 10, -16, { reg: 1 })];
	const nested = random.oneIn(2)
		? [insn.callFunction(FUNCTION.scalar), ...[1, 2, 3, 4, 5].map((r) => insn.mov(64, r, { reg: 0 }))]
		: [];
	const bit = [insn.alu("and", 64, 0, { imm: 1 }), insn.exit()];
	return [
		{
			before: [insn.mov(64, 0, { reg: random.pick([1, 2, 3, 4, 5]) })],
			body: some(8, () => [alu(random, scalars)]),
			after: [insn.exit()],
		},
		{
			before: [
				insn.mov(64, 6, { reg: 1 }),
				insn.mov(64, 0, { reg: 3 }),
				insn.mov(64, 1, { reg: 4 }),
				...own,
				...nested,
			],
			body: some(8, mixed(scalars, [6, 0, 64], [10, -16, 16])),
			after: [insn.exit()],
		},
		{
			// r1: which round, r2: the caller's words.
			before: [insn.mov(64, 6, { reg: 2 }), ...[0, 2, 3, 4, 5].map((r) => insn.mov(64, r, { reg: 1 })), ...own],
			body: some(5, mixed(scalars, [6, 0, 64], [10, -16, 16])),
			after: bit,
		},
		{
			// r1: map, r2: key, r3: value, r4: the caller's words.
			before: [
				insn.mov(64, 6, { reg: 3 }),
				insn.mov(64, 7, { reg: 4 }),
				insn.load(4, 0, 2, 0),
				...[1, 2, 3, 4, 5].map((r) => insn.mov(64, r, { reg: 0 })),
			],
			body: some(5, mixed(scalars, [6, 0, 24], [7, 0, 64])),
			after: bit,
		},
	];
}

/** A program of 4 to 30 items. */
export function generate(random: Random): Generated {
	const type = random.oneIn(3) ? "socket_filter" : "xdp";
	const context: Context = { random, type, registers: ALL, straight: false };
	const list = (least: number, range: number) =>
		Array.from({ length: least + random.below(range) }, () => item(context));
	return { type, items: list(4, 27), functions: functions(random), tail: list(1, 4) };
}

function flatten(items: readonly Item[]): Instruction[] {
	const parts = items.map((one): Instruction[] => {
		if ("insns" in one) return [...one.insns];
		if ("jump" in one) return [one.jump];
		const inside = flatten(one.body);
		const body = one.mayGoto ? [insn.mayGoto(slots(inside) + 2), ...inside] : inside;
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
		const distance = slots(parts.slice(index + 1, index + 1 + one.over).flat());
		return [{ ...one.jump, offset: distance }];
	});
}

const isCall = (i: Instruction): boolean => i.opcode === 0x85 && i.src === 1;
const isAddress = (i: Instruction): boolean => i.opcode === 0x18 && i.src === PSEUDO.code;

/** Registers and stack begin with the input of map `io` and end in its output; r0 ends as it is. */
function main(items: readonly Item[]): Instruction[] {
	const words = (register: number, i: number) => insn.load(8, register, 1, LAYOUT.input + i * 8);
	const before = [
		insn.store(8, 10, STACK.context, { reg: 1 }),
		insn.loadPseudo(1, PSEUDO.mapValue, mapNumber("io"), 0),
	];
	for (let k = 0; k < 8; k++) before.push(words(0, k), insn.store(8, 10, STACK.words + k * 8, { reg: 0 }));
	for (const r of [0, 2, 3, 4, 5, 6, 7, 8, 9, 1]) before.push(words(r, 8 + r));
	const after: Instruction[] = [];
	for (let r = 0; r < 10; r++) after.push(insn.store(8, 10, STACK.registers + r * 8, { reg: r }));
	after.push(insn.loadPseudo(1, PSEUDO.mapValue, mapNumber("io"), LAYOUT.output));
	for (let k = 0; k < WORDS; k++) {
		const from = k < 10 ? STACK.registers + k * 8 : STACK.words + (k - 10) * 8;
		after.push(insn.load(8, 0, 10, from), insn.store(8, 1, k * 8, { reg: 0 }));
	}
	after.push(insn.load(8, 0, 10, STACK.registers), insn.exit());
	return [...before, ...flatten(items), ...after];
}

/** Puts behind a program the functions that it calls, and distances in place of their numbers. */
function link(code: readonly Instruction[], callees: readonly Callee[]): Instruction[] {
	const at = new Map<number, number>();
	const all = [...code];
	for (let i = 0; i < all.length; i++) {
		const one = all[i]!;
		if ((!isCall(one) && !isAddress(one)) || at.has(one.imm)) continue;
		at.set(one.imm, slots(all));
		const { before, body, after } = callees[one.imm]!;
		all.push(...before, ...body.flat(), ...after);
	}
	let slot = 0;
	return all.map((one) => {
		const here = slot;
		slot += slots([one]);
		return isCall(one) || isAddress(one) ? { ...one, imm: at.get(one.imm)! - here - 1 } : one;
	});
}

/** The whole scene. What no tail call leads to is no part of it. */
export function assembleScene(program: Generated): Scene {
	const code = link(main(program.items), program.functions);
	const programs = new Map([["main", code]]);
	const slotsOfPrograms = mapInto(0, program.type === "xdp" ? "next_xdp" : "next_skb").imm;
	if (code.some((one) => one.opcode === 0x18 && one.src === PSEUDO.mapFd && one.imm === slotsOfPrograms))
		programs.set("tail", link(main(program.tail), program.functions));
	return { type: program.type, maps: MAPS, programs };
}

/** Smaller programs with the same bad habit: items are taken out for as long as `differs` says so. */
export function shrink(program: Generated, differs: (smaller: Generated) => boolean): Generated {
	let best = program;
	const attempt = (smaller: Generated): boolean => {
		if (!differs(smaller)) return false;
		best = smaller;
		return true;
	};
	const takeOut = (part: "items" | "tail"): void => {
		for (let size = Math.max(best[part].length >> 1, 1); size >= 1; size >>= 1)
			for (let at = 0; at < best[part].length; )
				if (!attempt({ ...best, [part]: best[part].toSpliced(at, size) })) at += size;
	};
	takeOut("items");
	takeOut("tail");
	// Loops once, or their bodies in place of them.
	for (let at = 0; at < best.items.length; at++) {
		const one = best.items[at]!;
		if (!("rounds" in one)) continue;
		if (attempt({ ...best, items: best.items.toSpliced(at, 1, ...one.body) })) continue;
		attempt({ ...best, items: best.items.with(at, { ...one, rounds: 1 }) });
	}
	takeOut("items");
	for (const [which] of program.functions.entries())
		for (let at = 0; at < best.functions[which]!.body.length; ) {
			const callee = best.functions[which]!;
			const shorter = { ...callee, body: callee.body.toSpliced(at, 1) };
			if (!attempt({ ...best, functions: best.functions.with(which, shorter) })) at++;
		}
	return best;
}
