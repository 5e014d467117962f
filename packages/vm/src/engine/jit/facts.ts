/** What is known of a register before an instruction, on every way there. */
export const UNKNOWN = 0;
/** It holds `low` and `high`. */
export const CONSTANT = 1;
/** It points `low` … `top` bytes above r10. */
export const STACK = 2;
/** It points `low` … `top` bytes into a value like that which the instruction at slot `high` found first. */
export const VALUE = 3;
/** It is 0 or points to the beginning of such a value, of slot `low`; what has the same `high`, but -1, is the same. */
export const MAYBE = 4;
/** It points `low` … `top` bytes above where the register pointed by which the access at slot `high` went; see `Groups`. */
export const CHECKED = 5;
/** It is `low` … `top` more than what the instruction at slot `high` gave when it ran last. */
export const ORIGIN = 7;
/** It is one of the numbers from `low` to `top` that are `step` apart. */
export const RANGE = 6;

/** A map's value as far as accesses must know it. */
export interface ValueFact {
	readonly size: number;
	readonly writable: boolean;
	/** For constant addresses: bytes from the value's beginning. */
	readonly offset?: number;
	/** Slot of the first that finds such values: all that are alike have the same. */
	readonly alike: number;
}

const REGISTERS = 11;
/** Words of all facts at one place. */
export const SIZE = 5 * REGISTERS;

/** Facts of all registers at one place. */
export class Facts {
	readonly #all = new Int32Array(SIZE);
	readonly kinds = this.#all.subarray(0, REGISTERS);
	readonly low = this.#all.subarray(REGISTERS, 2 * REGISTERS);
	readonly high = this.#all.subarray(2 * REGISTERS, 3 * REGISTERS);
	readonly top = this.#all.subarray(3 * REGISTERS, 4 * REGISTERS);
	readonly step = this.#all.subarray(4 * REGISTERS);

	constructor() {
		this.put(10, STACK, 0);
	}
	put(register: number, kind: number, low = 0, high = 0): void {
		this.kinds[register] = kind;
		this.low[register] = low;
		this.high[register] = high;
		this.top[register] = low;
		this.step[register] = 0;
	}
	/** A number of an interval. */
	putRange(register: number, low: number, top: number, step: number): void {
		this.put(register, low === top ? CONSTANT : RANGE, low, low === top ? low >> 31 : 0);
		if (low === top) return;
		this.top[register] = top;
		this.step[register] = step;
	}
	putAddress(register: number, kind: number, high: number, low: number, top: number, step: number): void {
		this.put(register, kind, low, high);
		this.top[register] = top;
		this.step[register] = low === top ? 0 : step;
	}
	/** What an instruction at a slot gives that runs once more is another now. */
	putOrigin(register: number, slot: number): void {
		for (let r = 0; r < 10; r++) if (this.kinds[r] === ORIGIN && this.high[r] === slot) this.put(r, UNKNOWN);
		this.put(register, ORIGIN, 0, slot);
	}
	move(to: number, from: number): void {
		for (let i = 0; i < SIZE; i += REGISTERS) this.#all[i + to] = this.#all[i + from]!;
	}
	copy(from: Facts): void {
		this.#all.set(from.#all);
	}
	/** What a table says of a block. */
	take(table: FactsTable, block: number): void {
		const at = block * SIZE;
		for (let i = 0; i < SIZE; i++) this.#all[i] = table.words[at + i]!;
	}
	/** Keeps in a table what it and this know of a block; whether anything changed. */
	meet(table: FactsTable, block: number): boolean {
		const { words } = table;
		const at = block * SIZE;
		const visit = table.reached[block]!;
		if (visit <= MOST_VISITS) table.reached[block] = visit + 1;
		if (visit === 0) {
			for (let i = 0; i < SIZE; i++) words[at + i] = this.#all[i]!;
			return true;
		}
		let changed = false;
		for (let r = 0; r < 10; r++) {
			if (words[at + r] === UNKNOWN || this.#isThere(words, at + r, r)) continue;
			if (this.#join(table, at + r, r, visit, table.headers[block] === 1)) changed = true;
		}
		return changed;
	}

	#isThere(words: Int32Array, at: number, r: number): boolean {
		for (let i = 0; i < SIZE; i += REGISTERS) if (words[at + i] !== this.#all[i + r]) return false;
		return true;
	}

	/** Puts into a row of the table what it and this register have in common; whether that is other than it was. */
	#join(table: FactsTable, at: number, r: number, visit: number, isHeader: boolean): boolean {
		const { words } = table;
		const kind = words[at]!;
		const [atLow, atHigh, atTop, atStep] = [at + REGISTERS, at + 2 * REGISTERS, at + 3 * REGISTERS, at + 4 * REGISTERS];
		const isNumber = isSmall(kind, words[atLow]!, words[atHigh]!);
		const same = kind === this.kinds[r];
		const areNumbers = isNumber && isSmall(this.kinds[r]!, this.low[r]!, this.high[r]!);
		const areAddresses = same && isAddress(kind) && words[atHigh] === this.high[r];
		if (same && kind === MAYBE && words[atLow] === this.low[r]) {
			const changed = words[atHigh] !== -1;
			words[atHigh] = -1;
			return changed;
		}
		if (!areNumbers && !areAddresses) return clear(words, at);
		const [low, top, step] = [words[atLow]!, words[atTop]!, words[atStep]!];
		const common = divisor(divisor(step, this.step[r]!), Math.abs(low - this.low[r]!));
		let least = Math.min(low, this.low[r]!);
		let most = Math.max(top, this.top[r]!);
		if (least === low && most === top && common === step) return false;
		if (visit > (isHeader ? FEW_VISITS : MOST_VISITS)) return clear(words, at);
		if (areNumbers && isHeader && visit > 1) {
			// Where a loop goes on to, some comparison says: to the next number that one is with, or to none.
			if (most > top) most = table.bounds.find((bound) => bound >= most) ?? NONE;
			if (least < low) least = table.bounds.findLast((bound) => bound <= least) ?? -NONE;
			if (most === NONE || least === -NONE) return clear(words, at);
			most = this.low[r]! + Math.floor((most - this.low[r]!) / common) * common;
			least = this.low[r]! - Math.floor((this.low[r]! - least) / common) * common;
		}
		words[at] = areNumbers ? RANGE : kind;
		words[atLow] = least;
		if (areNumbers) words[atHigh] = 0;
		words[atTop] = most;
		words[atStep] = common;
		return true;
	}
}

/** More than a 32-bit number. */
const NONE = 2 ** 40;
/** What is still other each time after so many visits of a loop's header, or of another block, is not known. */
const FEW_VISITS = 12;
const MOST_VISITS = 60;

/** Whether it is something that is known but for how far it is from there. */
export const isAddress = (kind: number): boolean =>
	kind === STACK || kind === VALUE || kind === CHECKED || kind === ORIGIN;

/** Greatest common divisor. */
export function divisor(a: number, b: number): number {
	let [one, two] = [a, b];
	while (two !== 0) [one, two] = [two, one % two];
	return one;
}

const isSmall = (kind: number, low: number, high: number): boolean =>
	kind === RANGE || (kind === CONSTANT && high === low >> 31);

function clear(words: Int32Array, at: number): boolean {
	for (let i = 0; i < SIZE; i += REGISTERS) words[at + i] = 0;
	return true;
}

/** Facts at the beginning of each block. */
export interface FactsTable {
	readonly words: Int32Array;
	/** How often control was followed there; 0: it does not get there. */
	readonly reached: Uint8Array;
	/** 1: of a loop. */
	readonly headers: Uint8Array;
	/** Numbers that something is compared with, and their neighbours, sorted. */
	readonly bounds: readonly number[];
}
