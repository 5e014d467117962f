import type { Cpu } from "#machine";
import { OPERATION } from "./operations.ts";
import type { Code } from "./prepare.ts";

/**
 * Stepping without a look at anything in the interpreter's loop: in code that is traced, every slot's operation is `trap`.
 * A trap announces its instruction and puts the operation back, so that it runs next; the one before becomes a trap again.
 * So one instruction at most is open, in all codes of a machine.
 */
export interface Trace {
	/** Words of the code whose instruction is open; undefined: none is. */
	words: Int32Array | undefined;
	slot: number;
	/** Instructions that may still run unannounced. */
	quiet: number;
	/** Told before an instruction; `cpu.code`, `pc` and `fuel` are right. What it throws ends the run. */
	readonly observe: (cpu: Cpu) => void;
}

export const newTrace = (observe: (cpu: Cpu) => void): Trace => ({ words: undefined, slot: 0, quiet: 0, observe });

/** To be called before a run: the last instruction of the one before is a trap again. */
export function closeTrap(trace: Trace): void {
	if (trace.words === undefined) return;
	const at = trace.slot * 4;
	trace.words[at] = (trace.words[at]! & ~255) | OPERATION.trap;
	trace.words = undefined;
}

/** Makes every instruction of `words` a trap; gives each slot's own first word. `begins`: 1 where an instruction begins. */
export function setTraps(words: Int32Array, begins: Uint8Array): Int32Array {
	const bare = new Int32Array(words.length / 4);
	for (let slot = 0; slot < bare.length; slot++) {
		const at = slot * 4;
		bare[slot] = words[at]!;
		const isOutside = (words[at]! & 255) === OPERATION.outside;
		if (!isOutside && (slot >= begins.length || begins[slot] === 1)) words[at] = (words[at]! & ~255) | OPERATION.trap;
	}
	return bare;
}

/** At a trap: announces the instruction at `cpu.pc` and opens it. @throws whatever `observe` throws; then it stays closed */
export function openTrap(code: Code, cpu: Cpu): void {
	const { trace, bare } = code.traced!;
	const slot = cpu.pc;
	closeTrap(trace);
	// Behind the program's end are detours of jumps to themselves, which are no instructions.
	if (slot < code.slots) {
		if (trace.quiet > 0) trace.quiet--;
		else trace.observe(cpu);
	}
	code.words[slot * 4] = bare[slot]!;
	trace.words = code.words;
	trace.slot = slot;
}
