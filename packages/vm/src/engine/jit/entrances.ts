import type { WasmHost, WasmMemory, WasmTable } from "#machine";
import { assembleModule } from "./assembly.ts";
import type { Settings } from "./emitter.ts";
import { I32, I64, OP } from "./opcodes.ts";
import { type Signature, Writer } from "./writer.ts";

/** Of a function in the table: it takes its frame's lowest address and r1 … r5. The first type of a module that calls such. */
export const ENTRANCE: Signature = { params: [I32, I64, I64, I64, I64, I64], results: [I64] };

/** Goes on in the program whose id is in memory, with registers that are there too. */
export type GoOn = (base: number) => void;

const FEW = 16;

/** Whether the host has calls that take the caller's place. */
export function hasTailCalls(host: WasmHost): boolean {
	const w = new Writer(0);
	w.tailCall(0);
	try {
		new host.Module(assembleModule([], [{ params: [], results: [], body: w }], false));
		return true;
	} catch {
		return false;
	}
}

/**
 * Where programs are entered from the generated code of others: one table of functions for all modules of a machine, by
 * the programs' ids. A cache: what is not in it goes on through JavaScript.
 */
export class Entrances {
	readonly table: WasmTable;
	readonly #elsewhere: unknown;

	/** @throws what the host throws where it does not take the module */
	constructor(host: WasmHost, memory: WasmMemory, settings: Settings, goOn: GoOn) {
		const w = new Writer(ENTRANCE.params.length);
		for (let register = 1; register <= 5; register++) {
			w.i32(0);
			w.get(register);
			w.access(OP.i64_store, settings.scratch.registers + register * 8);
		}
		w.get(0);
		w.call(0);
		w.i32(0);
		w.access(OP.i64_load, settings.scratch.registers);
		const bytes = assembleModule(
			[{ name: "goOn", params: [I32], results: [] }],
			[{ ...ENTRANCE, body: w, exportAs: "elsewhere" }],
			settings.shared,
		);
		const instance = new host.Instance(new host.Module(bytes), { m: { memory, goOn } });
		this.#elsewhere = instance.exports["elsewhere"];
		this.table = new host.Table({ element: "anyfunc", initial: FEW }, this.#elsewhere);
	}

	/** From now on a program is entered there. */
	put(id: number, entrance: unknown): void {
		const { table } = this;
		if (id >= table.length) table.grow(Math.max(id + 1 - table.length, table.length), this.#elsewhere);
		table.set(id, entrance);
	}
	/** A program is gone, or another has its id. */
	forget(id: number): void {
		if (id < this.table.length) this.table.set(id, this.#elsewhere);
	}
}
