import { STACK_FRAME_SIZE, type WasmHost, type WasmMemory, type WasmTable } from "#machine";
import { assembleModule } from "./assembly.ts";
import type { Settings } from "./emitter.ts";
import { ENTRANCE } from "./entrances.ts";
import { I32, I64, OP } from "./opcodes.ts";
import { Writer } from "./writer.ts";

/**
 * Enters the program in a slot of the table on a processor's empty stack, with r1 (both words) and fuel; r0 is in memory
 * then, its low word the result.
 */
export type Enter = (slot: number, processor: number, base: number, low: number, high: number, fuel: number) => number;

/** The same so many times, at least once; the word at an address is 0 before each. */
export type EnterAgain = (...args: [...Parameters<Enter>, times: number, cleared: number]) => number;

const FEW = 16;

/**
 * How JavaScript enters programs: by one function for all of a machine, which calls them by a table. So there is one place
 * of one call of WebAssembly, which V8 compiles into the caller: 1 ns and a call in place of 10.
 */
export class Gate {
	readonly enter: Enter;
	readonly enterAgain: EnterAgain;
	readonly #table: WasmTable;
	/** Whose each slot is; undefined: nobody's. */
	readonly owners: (object | undefined)[] = [];
	readonly #slots = new Map<number, number>();
	readonly #free: number[] = [];

	/** @throws what the host throws where it does not take the module */
	constructor(host: WasmHost, memory: WasmMemory, { scratch, shared, fuel }: Settings) {
		const [slot, processor, base, low, high, given, times, cleared] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
		const enter = (w: Writer, result: number): void => {
			w.i32(0);
			w.get(processor);
			w.access(OP.i32_store, scratch.processor);
			w.i32(0);
			w.get(base);
			w.i32(STACK_FRAME_SIZE);
			w.op(OP.i32_add);
			w.access(OP.i32_store, scratch.stackEnd);
			if (fuel) {
				w.i32(0);
				w.get(given);
				w.access(OP.i32_store, scratch.fuel);
			}
			w.get(base);
			w.get(low);
			w.op(OP.i64_extend_u);
			w.get(high);
			w.op(OP.i64_extend_u);
			w.i64(32);
			w.op(OP.i64_shl, OP.i64_or);
			for (let register = 2; register <= 5; register++) w.i64(0);
			w.get(slot);
			w.callTable(OP.call_indirect);
			w.set(result);
		};
		const leave = (w: Writer, result: number): void => {
			w.i32(0);
			w.get(result);
			w.access(OP.i64_store, scratch.registers);
			w.get(result);
			w.op(OP.i32_wrap);
		};
		const once = new Writer(6);
		const result = once.local(I64);
		enter(once, result);
		leave(once, result);
		const again = new Writer(8);
		const last = again.local(I64);
		const loop = again.open(OP.loop);
		again.get(cleared);
		again.i32(0);
		again.access(OP.i32_store, 0);
		enter(again, last);
		again.get(times);
		again.i32(1);
		again.op(OP.i32_sub);
		again.tee(times);
		again.branch(OP.br_if, loop);
		again.end();
		leave(again, last);
		const params = [I32, I32, I32, I32, I32, I32];
		const bytes = assembleModule(
			[],
			[
				{ params, results: [I32], body: once, exportAs: "enter" },
				{ params: [...params, I32, I32], results: [I32], body: again, exportAs: "enterAgain" },
			],
			shared,
			ENTRANCE,
		);
		this.#table = new host.Table({ element: "anyfunc", initial: FEW }, undefined);
		const instance = new host.Instance(new host.Module(bytes), { m: { memory, table: this.#table } });
		this.enter = instance.exports["enter"] as Enter;
		this.enterAgain = instance.exports["enterAgain"] as EnterAgain;
	}

	/** Gives the program of this id a slot; whoever had it before has none any more. */
	put(id: number, entrance: unknown, owner: object): number {
		const slot = this.#slots.get(id) ?? this.#free.pop() ?? this.owners.length;
		if (slot >= this.#table.length) this.#table.grow(slot, undefined);
		this.#table.set(slot, entrance);
		this.#slots.set(id, slot);
		this.owners[slot] = owner;
		return slot;
	}
	/** The program of this id is gone. */
	forget(id: number): void {
		const slot = this.#slots.get(id);
		if (slot === undefined) return;
		this.#slots.delete(id);
		this.#free.push(slot);
		this.owners[slot] = undefined;
		this.#table.set(slot, null);
	}
}
