import { type AccessSize, encode, type Instruction, insn, type JumpOp, type Operand } from "@skep/bpf/isa";

/**
 * What a helper does, to one map for one, as instructions that an engine may run in its place: see `RoutineShortcut` of the
 * machine. The function in JavaScript beside it does the same, and does what is left over.
 */
export interface Routine {
	readonly insns: Uint8Array;
	/** It may give `LEFT` and change nothing. */
	readonly leaves: boolean;
}

/** A register that is used for another thing all the time. */
export const reg = (register: number): Operand => ({ reg: register });
export const imm = (value: number): Operand => ({ imm: value });

/** Writes a routine: instructions whose jumps go to labels. */
export class RoutineWriter {
	readonly #list: Instruction[] = [];
	readonly #jumps: (readonly [at: number, label: string])[] = [];
	readonly #labels = new Map<string, number>();
	#named = 0;
	#leaves = false;

	mov(dst: number, value: Operand): void {
		this.#list.push(insn.mov(64, dst, value));
	}
	/** On 32 bits; the upper ones become 0. */
	alu(op: Parameters<typeof insn.alu>[0], dst: number, value: Operand): void {
		this.#list.push(insn.alu(op, 32, dst, value));
	}
	add64(dst: number, value: Operand): void {
		this.#list.push(insn.alu("add", 64, dst, value));
	}
	load(size: AccessSize, dst: number, base: number, offset: number): void {
		this.#list.push(insn.load(size, dst, base, offset));
	}
	store(size: AccessSize, base: number, offset: number, value: Operand): void {
		this.#list.push(insn.store(size, base, offset, value));
	}
	/** On 64 bits. */
	jump(op: JumpOp, dst: number, value: Operand, label: string): void {
		this.#jumps.push([this.#list.length, label]);
		this.#list.push(insn.jump(op, 64, dst, value, 0));
	}
	go(label: string): void {
		this.#jumps.push([this.#list.length, label]);
		this.#list.push(insn.ja(0));
	}
	label(name: string): void {
		this.#labels.set(name, this.#list.length);
	}
	/** A name that no other label has. */
	newLabel(): string {
		return `${++this.#named}`;
	}
	exit(value?: Operand): void {
		if (value) this.mov(0, value);
		this.#list.push(insn.exit());
	}
	/** Ends with `LEFT`: the helper has to be called. */
	leave(): void {
		this.#leaves = true;
		this.mov(0, imm(1));
		this.#list.push(insn.alu("lsh", 64, 0, imm(63)));
		this.exit();
	}

	done(): Routine {
		const list = [...this.#list];
		for (const [at, label] of this.#jumps) list[at] = { ...list[at]!, offset: this.#labels.get(label)! - at - 1 };
		return { insns: encode(list), leaves: this.#leaves };
	}
}

/** The sizes of accesses that make up so many bytes, the widest first, and where each is. */
export function* chunks(size: number): Generator<readonly [at: number, size: AccessSize]> {
	let at = 0;
	for (const each of [8, 4, 2, 1] as const) for (; size - at >= each; at += each) yield [at, each];
}
