import { NULL_PAGE } from "#machine";

/**
 * Where generated code and JavaScript hand over what is no 32-bit number: a few words that no program may touch, in the
 * page at 0, of each worker its own. Byte addresses.
 */
export interface Scratch {
	/** r0 … r9, 8 bytes each. */
	readonly registers: number;
	/** Instruction slots that may still run. */
	readonly fuel: number;
	readonly mayGoto: number;
	/** End of the stack of the processor that runs. */
	readonly stackEnd: number;
	/** Its number. */
	readonly processor: number;
	/** Lowest address of the region found last, 64 bits. */
	readonly windowLow: number;
	/** How far above that an access of 8 bytes may lie, 64 bits. */
	readonly windowReach: number;
	/** Id of the code that takes the running one's place; 0: none. */
	readonly tail: number;
}

const FIRST = NULL_PAGE - 256;
/** From one worker's words to the next one's, downwards: 128 of them end above the words of runs. */
const SIZE = 184;

/** The words of whoever uses the memory as this processor. */
export function scratchOf(processor: number): Scratch {
	const base = FIRST - processor * SIZE;
	return {
		registers: base,
		fuel: base + 80,
		mayGoto: base + 84,
		stackEnd: base + 88,
		processor: base + 92,
		windowLow: base + 96,
		windowReach: base + 104,
		tail: base + 112,
	};
}

/** The same as indices of `Memory.words`. */
export function scratchWords(scratch: Scratch): Scratch {
	const { registers, fuel, mayGoto, stackEnd, processor, windowLow, windowReach, tail } = scratch;
	return {
		registers: registers >> 2,
		fuel: fuel >> 2,
		mayGoto: mayGoto >> 2,
		stackEnd: stackEnd >> 2,
		processor: processor >> 2,
		windowLow: windowLow >> 2,
		windowReach: windowReach >> 2,
		tail: tail >> 2,
	};
}
