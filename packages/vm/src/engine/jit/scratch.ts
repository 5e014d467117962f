import { NULL_PAGE } from "#machine";

/**
 * Where generated code and JavaScript hand over what is no 32-bit number: a few words that no program may touch, in the
 * page at 0. Byte addresses.
 */
const BASE = NULL_PAGE - 256;
export const SCRATCH = {
	/** r0 … r9, 8 bytes each. */
	registers: BASE,
	/** Instruction slots that may still run. */
	fuel: BASE + 80,
	mayGoto: BASE + 84,
	/** End of the stack of the processor that runs. */
	stackEnd: BASE + 88,
	/** Its number. */
	processor: BASE + 92,
	/** Lowest address of the region found last, 64 bits. */
	windowLow: BASE + 96,
	/** How far above that an access of 8 bytes may lie, 64 bits. */
	windowReach: BASE + 104,
	/** Id of the code that takes the running one's place; 0: none. */
	tail: BASE + 112,
} as const;

/** Index of a scratch word in `Memory.words`. */
export const word = (address: number): number => address >> 2;
