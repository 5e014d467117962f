import { Bytes } from "./bytes.ts";
import { type I32, type I64, OP, VOID } from "./opcodes.ts";

/** One opcode in two bytes. */
const TABLE_SIZE = [0xfc, 16] as const;

/** A place to branch to: how many blocks were open when it was opened, itself included. */
export type Label = number;

/** The body of one WebAssembly function, written front to back. */
export class Writer {
	readonly #code = new Bytes();
	readonly #locals: number[] = [];
	readonly #params: number;
	/** Where in the code an if or a branch is that is hardly ever taken. */
	readonly #unlikely: number[] = [];
	#depth = 0;

	/** @param params number of the function's parameters: locals begin behind them */
	constructor(params: number) {
		this.#params = params;
	}

	/** A new local: its index. */
	local(type: typeof I32 | typeof I64): number {
		this.#locals.push(type);
		return this.#params + this.#locals.length - 1;
	}
	op(...opcodes: number[]): void {
		for (const opcode of opcodes) this.#code.byte(opcode);
	}
	get(local: number): void {
		this.#code.byte(OP.local_get);
		this.#code.unsigned(local);
	}
	set(local: number): void {
		this.#code.byte(OP.local_set);
		this.#code.unsigned(local);
	}
	tee(local: number): void {
		this.#code.byte(OP.local_tee);
		this.#code.unsigned(local);
	}
	i32(value: number): void {
		this.#code.byte(OP.i32_const);
		this.#code.signed(value);
	}
	/** Both words; the high one is the low one's sign by default. */
	i64(low: number, high = low >> 31): void {
		this.#code.byte(OP.i64_const);
		this.#code.signed64(low, high);
	}
	/** A load or store at the address on the stack, plus `offset`. */
	access(opcode: number, offset: number): void {
		this.#code.byte(opcode);
		this.#code.byte(0);
		this.#code.unsigned(offset);
	}
	/** An atomic instruction at the address on the stack, which is a multiple of 2^`align`. */
	atomic(opcode: number, align: number): void {
		this.op(OP.atomic, opcode, align, 0);
	}
	call(index: number): void {
		this.#code.byte(OP.call);
		this.#code.unsigned(index);
	}

	/** Calls a function in this one's place. */
	tailCall(index: number): void {
		this.op(OP.return_call);
		this.#code.unsigned(index);
	}
	/** Calls a function of the table, of the module's first type, by the number on the stack. */
	callTable(opcode: typeof OP.call_indirect | typeof OP.return_call_indirect): void {
		this.op(opcode);
		this.#code.unsigned(0);
		this.#code.unsigned(0);
	}
	/** Pushes how many functions the table has. */
	tableSize(): void {
		this.op(...TABLE_SIZE);
		this.#code.unsigned(0);
	}

	/** Opens a block, a loop or an if. */
	open(opcode: typeof OP.block | typeof OP.loop | typeof OP.if, type: number = VOID): Label {
		this.op(opcode, type);
		return ++this.#depth;
	}
	/** An if that hardly ever holds. */
	openUnlikely(type: number = VOID): Label {
		this.#unlikely.push(this.#code.length);
		return this.open(OP.if, type);
	}
	end(): void {
		this.op(OP.end);
		this.#depth--;
	}
	branch(opcode: typeof OP.br | typeof OP.br_if, to: Label): void {
		this.op(opcode);
		this.#code.unsigned(this.#depth - to);
	}
	/** Branches where what is on the stack holds, as it hardly ever does. */
	branchUnlikely(to: Label): void {
		this.#unlikely.push(this.#code.length);
		this.branch(OP.br_if, to);
	}
	/** Branches to one of the labels by the number on the stack; the last is for all others. */
	table(to: readonly Label[]): void {
		this.op(OP.br_table);
		this.#code.unsigned(to.length - 1);
		for (const label of to) this.#code.unsigned(this.#depth - label);
	}

	/** The function as the code section has it. Gives the places of branches that are hardly ever taken, from its beginning. */
	finish(into: Bytes): readonly number[] {
		const all = new Bytes();
		// Runs of one type.
		const runs: [type: number, count: number][] = [];
		for (const type of this.#locals) {
			const last = runs.at(-1);
			if (last?.[0] === type) last[1]++;
			else runs.push([type, 1]);
		}
		all.unsigned(runs.length);
		for (const [type, count] of runs) {
			all.unsigned(count);
			all.byte(type);
		}
		const before = all.length;
		all.append(this.#code);
		all.byte(OP.end);
		into.sized(all);
		return this.#unlikely.map((at) => before + at);
	}
}

export interface Signature {
	readonly params: readonly number[];
	readonly results: readonly number[];
}
