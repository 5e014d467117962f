import type { Memory } from "./memory.ts";

/**
 * Locks in the machine's memory: a 32-bit word, 0 while nobody has it, else the holder, a number from 1 on, and the top bit
 * where others sleep until it is given back.
 */
const HOLDER = 0x7fff_ffff;
const SLEEPERS = 1 << 31;

/** How often a lock is looked at before sleeping: it is held for short. */
const TURNS = 200;
/** How long one sleep takes at most, in milliseconds, and how many may end without the lock being given back. */
const SLEEP = 100;
const MOST_SLEEPS = 300;
/** Where sleeping is not allowed, as on a page's main thread: how often it is looked at in all. */
const MOST_TURNS = 1 << 29;

/** `taken`: by this call. `own`: the holder has it already. `stuck`: whoever has it has not given it back for very long. */
export type Locked = "taken" | "own" | "stuck";

/** Takes a lock at an address, for a holder; waits until it is free. */
export function lock({ words }: Memory, address: number, holder: number): Locked {
	const at = address >> 2;
	const seen = Atomics.compareExchange(words, at, 0, holder);
	if (seen === 0) return "taken";
	if ((seen & HOLDER) === holder) return "own";
	for (let turn = 0; turn < TURNS; turn++)
		if (Atomics.load(words, at) === 0 && Atomics.compareExchange(words, at, 0, holder) === 0) return "taken";
	for (let sleeps = 0; sleeps < MOST_SLEEPS; ) {
		// Others may sleep as well: whoever gives it back looks for them.
		const before = Atomics.compareExchange(words, at, 0, holder | SLEEPERS);
		if (before === 0) return "taken";
		const marked = before | SLEEPERS;
		if (before !== marked && Atomics.compareExchange(words, at, before, marked) !== before) continue;
		try {
			// Whoever is woken and comes too late has waited for others in turn: that does not count.
			if (Atomics.wait(words, at, marked, SLEEP) === "timed-out") sleeps++;
		} catch {
			return spin(words, at, holder);
		}
	}
	return "stuck";
}

function spin(words: Int32Array, at: number, holder: number): Locked {
	for (let turn = 0; turn < MOST_TURNS; turn++)
		if (Atomics.load(words, at) === 0 && Atomics.compareExchange(words, at, 0, holder | SLEEPERS) === 0) return "taken";
	return "stuck";
}

/** Gives a lock back. The holder that it had; 0: it was free. */
export function unlock({ words }: Memory, address: number): number {
	const at = address >> 2;
	const before = Atomics.exchange(words, at, 0);
	if (before < 0) Atomics.notify(words, at, 1);
	return before & HOLDER;
}

/** Who has a lock; 0: nobody. */
export const holderOf = ({ words }: Memory, address: number): number => Atomics.load(words, address >> 2) & HOLDER;
