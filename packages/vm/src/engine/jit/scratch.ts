import { type Memory, NULL_PAGE } from "#machine";

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
		tail: base + 96,
	};
}

/** The same as indices of `Memory.words`. */
export function scratchWords(scratch: Scratch): Scratch {
	const { registers, fuel, mayGoto, stackEnd, processor, tail } = scratch;
	return {
		registers: registers >> 2,
		fuel: fuel >> 2,
		mayGoto: mayGoto >> 2,
		stackEnd: stackEnd >> 2,
		processor: processor >> 2,
		tail: tail >> 2,
	};
}

const WINDOWS = 4096;
const WINDOW_SIZE = 16;
const READ_WAYS = 16;
const WRITE_WAYS = 8;
const SIZES: readonly number[] = [1, 2, 4, 8];
const WRITTEN = SIZES.length * READ_WAYS;
const SET_SIZE = (WRITTEN + SIZES.length * WRITE_WAYS) * WINDOW_SIZE;
/** Workers that have a set each; those above have one window for loads and one for stores. */
const SETS = 16;
const FEW_SIZE = 2 * WINDOW_SIZE;

/** What an access is compared with. */
export interface Window {
	/** Address of its two 64-bit words; see `Memory.remember`. */
	readonly address: number;
	/** Bytes of the accesses that it is for; less than 0: of stores. */
	readonly kind: number;
}

/**
 * Windows: what generated code compares accesses with before it asks. Each access has one of its own as long as there are
 * enough of its kind, and all programs of a worker share them.
 */
export class Windows {
	readonly #counts = new Map<number, number>();
	readonly #processor: number;

	constructor(processor: number) {
		this.#processor = processor;
	}

	/** What whoever was this processor before has left in them: its regions are none of this memory's table. */
	static clear({ words, processor }: Memory): void {
		const ofSets = Math.min(processor, SETS) * SET_SIZE;
		const start = WINDOWS + ofSets + Math.max(processor - SETS, 0) * FEW_SIZE;
		words.fill(0, start >> 2, (start + (processor < SETS ? SET_SIZE : FEW_SIZE)) >> 2);
	}

	/** For another access of 1, 2, 4 or 8 bytes. */
	next(size: number, writes: boolean): Window {
		if (this.#processor >= SETS) {
			const set = WINDOWS + SETS * SET_SIZE + (this.#processor - SETS) * FEW_SIZE;
			return { address: set + (writes ? WINDOW_SIZE : 0), kind: writes ? -8 : 8 };
		}
		const kind = writes ? -size : size;
		const count = this.#counts.get(kind) ?? 0;
		this.#counts.set(kind, count + 1);
		const row = SIZES.indexOf(size);
		const place = writes ? WRITTEN + row * WRITE_WAYS + (count % WRITE_WAYS) : row * READ_WAYS + (count % READ_WAYS);
		return { address: WINDOWS + this.#processor * SET_SIZE + place * WINDOW_SIZE, kind };
	}
}
