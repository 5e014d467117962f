import { MAX_FRAMES, STACK_FRAME_SIZE } from "#machine";
import { I32, I64, OP } from "./opcodes.ts";
import type { Scratch, Windows } from "./scratch.ts";
import { type Label, Writer } from "./writer.ts";

/** Functions that generated code imports, by their numbers. */
export const IMPORT = {
	helper0: 0,
	helper1: 1,
	helper2: 2,
	helper3: 3,
	helper: 4,
	kfunc: 5,
	packet: 6,
	reach: 7,
	leave: 8,
	tail: 9,
} as const;
/** The module's own first function, where accesses are compared: see `reachBody`. */
export const REACH = Object.keys(IMPORT).length;

/** What a function's code is made with; all of it is the same for the whole module. */
export interface Settings {
	/** Accesses are compared with the regions of memory. */
	readonly checked: boolean;
	/** Instruction slots are counted. */
	readonly fuel: boolean;
	/** The host has calls that take the caller's place; else they nest, which the number of tail calls bounds. */
	readonly tailCalls: boolean;
	/** Other workers use the memory too. */
	readonly shared: boolean;
	/** Where it hands over. */
	readonly scratch: Scratch;
	/** As `Callables.argumentCounts`. */
	readonly argumentCounts: readonly number[];
}

/** Where a function's frame and registers are, while it or a function that is written in its place is written. */
interface Frame {
	/** Local: lowest address of the function's stack. The function's own: a parameter. */
	readonly base: number;
	/** Locals of r0 … r9. */
	readonly registers: readonly number[];
	/** Where the interpreter takes over, at the slot in `pc`. */
	readonly leaving: Label;
	/** Where its caller goes on; undefined: it is the function itself, which returns. */
	readonly after: Label | undefined;
}

/** One function while it is written: its locals, and what everything that writes needs. */
export class Emitter {
	readonly w: Writer;
	readonly settings: Settings;
	#frame: Frame;
	/** Instruction slots of the code that count as one more round: while there are more, no count can run out. */
	readonly margin: number;
	readonly address: number;
	readonly value: number;
	readonly index: number;
	readonly fuel: number;
	readonly pc: number;
	readonly mayGoto: number;
	readonly windows: Windows;
	readonly #flags = new Map<object, number>();
	/** Instructions that ran and were not yet counted. */
	pending = 0;
	/** Whether the frame's function leaves for the interpreter anywhere. */
	#leaves = false;

	/** @param parameters registers r1 … r5 that the function takes, as bits */
	constructor(settings: Settings, windows: Windows, parameters: number, margin: number) {
		const taken = [1, 2, 3, 4, 5].filter((r) => (parameters & (1 << r)) !== 0);
		const w = new Writer(1 + taken.length);
		this.w = w;
		this.settings = settings;
		this.windows = windows;
		this.margin = margin;
		const registers: number[] = [];
		for (let r = 0; r < 10; r++) registers.push(taken.includes(r) ? 1 + taken.indexOf(r) : w.local(I64));
		this.#frame = { base: 0, registers, leaving: 0, after: undefined };
		this.address = w.local(I64);
		this.value = w.local(I64);
		this.index = w.local(I32);
		this.fuel = w.local(I32);
		this.pc = w.local(I32);
		this.mayGoto = w.local(I32);
	}

	get base(): number {
		return this.#frame.base;
	}

	/** Local that tells whether a comparison before a loop has held. */
	flagOf(hoist: object): number {
		let flag = this.#flags.get(hoist);
		if (flag === undefined) {
			flag = this.w.local(I32);
			this.#flags.set(hoist, flag);
		}
		return flag;
	}

	/** Before the first instruction. */
	begin(entry: number, mayGotoLimit: number | undefined): void {
		const { w } = this;
		this.#frame = { ...this.#frame, leaving: w.open(OP.block) };
		if (mayGotoLimit !== undefined) {
			w.i32(mayGotoLimit);
			w.set(this.mayGoto);
		}
		if (this.settings.fuel) this.reloadFuel(entry);
	}

	/** Behind the last instruction: where the interpreter takes over. */
	finish(): void {
		const { w } = this;
		w.op(OP.unreachable);
		w.end();
		if (this.#leaves) this.#takeOver();
		else w.op(OP.unreachable);
	}

	/**
	 * Writes a function where it is called: on the next frame, with registers of its own but those of `shared`. Undefined
	 * `slot`: whoever asks looks after the fuel; else the caller goes on there.
	 */
	inline(entry: number, shared: number, slot: number | undefined, write: (registers: readonly number[]) => void): void {
		const { w } = this;
		const outer = this.#frame;
		const leaves = this.#leaves;
		this.count();
		const base = w.local(I32);
		w.get(outer.base);
		w.i32(STACK_FRAME_SIZE);
		w.op(OP.i32_sub);
		w.set(base);
		const registers = outer.registers.map((own, r) => ((shared & (1 << r)) !== 0 ? own : w.local(I64)));
		const after = w.open(OP.block);
		this.#frame = { base, registers, leaving: w.open(OP.block), after };
		this.#leaves = false;
		this.checkFuel(entry);
		write(registers);
		w.op(OP.unreachable);
		w.end();
		if (this.#leaves) {
			this.#takeOver();
			this.set(0);
			this.#frame = outer;
			this.#loadFuel();
			if (slot !== undefined) this.checkFuel(slot);
		} else w.op(OP.unreachable);
		this.#frame = outer;
		this.pending = 0;
		// The check of the caller's fuel may have been the first way out of it.
		this.#leaves = leaves || (this.settings.fuel && slot !== undefined);
		w.end();
	}

	/** The interpreter goes on to the end of the function; pushes its result. */
	#takeOver(): void {
		const { w } = this;
		for (const [r, local] of this.#frame.registers.entries()) {
			w.i32(0);
			w.get(local);
			w.access(OP.i64_store, this.settings.scratch.registers + r * 8);
		}
		for (const [at, local] of [
			[this.settings.scratch.fuel, this.fuel],
			[this.settings.scratch.mayGoto, this.mayGoto],
		] as const) {
			if (at === this.settings.scratch.fuel && !this.settings.fuel) continue;
			w.i32(0);
			w.get(local);
			w.access(OP.i32_store, at);
		}
		w.get(this.pc);
		w.get(this.base);
		w.call(IMPORT.leave);
		this.loadResult();
	}

	/** Pushes a register. */
	get(register: number): void {
		if (register < 10) {
			this.w.get(this.#frame.registers[register]!);
			return;
		}
		this.w.get(this.base);
		this.w.i32(STACK_FRAME_SIZE);
		this.w.op(OP.i32_add, OP.i64_extend_u);
	}
	/** Pushes a register's low word. */
	get32(register: number): void {
		if (register < 10) {
			this.w.get(this.#frame.registers[register]!);
			this.w.op(OP.i32_wrap);
			return;
		}
		this.w.get(this.base);
		this.w.i32(STACK_FRAME_SIZE);
		this.w.op(OP.i32_add);
	}
	/** Pops a register. r10 is nobody's to write: what would be written is dropped. */
	set(register: number): void {
		this.w.set(register < 10 ? this.#frame.registers[register]! : this.value);
	}
	/** Pops a 32-bit number into a register. */
	set32(register: number): void {
		this.w.op(OP.i64_extend_u);
		this.set(register);
	}

	/** Leaves for the interpreter, to go on at a slot. */
	leave(slot: number): void {
		this.count();
		this.leaveCounted(slot);
	}
	/** The same where what ran is counted on this way only. */
	leaveHere(slot: number): void {
		const { pending } = this;
		this.leave(slot);
		this.pending = pending;
	}
	private leaveCounted(slot: number): void {
		this.w.i32(slot);
		this.w.set(this.pc);
		this.w.branch(OP.br, this.#frame.leaving);
		this.#leaves = true;
	}

	/** Takes what ran from the fuel. */
	count(): void {
		this.countTo(0);
	}
	/** The same but for so many, which stay to be counted. */
	countTo(rest: number): void {
		if (this.settings.fuel && this.pending !== rest) {
			this.w.get(this.fuel);
			this.w.i32(this.pending - rest);
			this.w.op(OP.i32_sub);
			this.w.set(this.fuel);
		}
		this.pending = rest;
	}
	/** Where so little is left that an instruction may be the last one, the interpreter goes on at `slot`. */
	checkFuel(slot: number): void {
		if (!this.settings.fuel) return;
		this.w.get(this.fuel);
		this.w.i32(this.margin + this.pending);
		this.w.op(OP.i32_lt_s);
		this.w.openUnlikely();
		this.leaveHere(slot);
		this.w.end();
	}
	/** Where the stack may not have so many frames, the interpreter goes on, which finds out. */
	checkHeight(slot: number, height: number): void {
		const { w } = this;
		w.get(this.base);
		w.i32(0);
		w.access(OP.i32_load, this.settings.scratch.stackEnd);
		w.i32((MAX_FRAMES - height + 1) * STACK_FRAME_SIZE);
		w.op(OP.i32_sub, OP.i32_lt_u);
		w.openUnlikely();
		this.leaveCounted(slot);
		w.end();
	}
	storeFuel(): void {
		this.count();
		if (!this.settings.fuel) return;
		this.w.i32(0);
		this.w.get(this.fuel);
		this.w.access(OP.i32_store, this.settings.scratch.fuel);
	}
	reloadFuel(slot: number): void {
		this.#loadFuel();
		this.checkFuel(slot);
	}
	#loadFuel(): void {
		if (!this.settings.fuel) return;
		this.w.i32(0);
		this.w.access(OP.i32_load, this.settings.scratch.fuel);
		this.w.set(this.fuel);
	}

	/** Pushes the result that JavaScript left. */
	loadResult(): void {
		const { w } = this;
		// As it was stored: a load that is wider than the stores before it waits for them.
		w.i32(0);
		w.access(OP.i64_load32_u, this.settings.scratch.registers);
		w.i32(0);
		w.access(OP.i64_load32_u, this.settings.scratch.registers + 4);
		w.i64(32);
		w.op(OP.i64_shl, OP.i64_or);
	}

	/** exit: r0 is the result. */
	exit(): void {
		const { after } = this.#frame;
		if (after !== undefined) {
			this.count();
			this.w.branch(OP.br, after);
			return;
		}
		this.storeFuel();
		this.get(0);
		this.w.op(OP.return);
	}
}
