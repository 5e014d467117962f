import { KernelHalfError } from "./errors.ts";

/**
 * Words of the kernel half. They exist in JavaScript so that a file's import of them resolves; the hook blanks the
 * bodies that use them, and who calls one from user code is told.
 */
const kernelOnly =
	(word: string, instead?: string) =>
	(..._args: readonly unknown[]): never => {
		throw new KernelHalfError(word, instead);
	};

const kernelNames = (word: string, instead?: string): object =>
	new Proxy(
		{},
		{
			get(_target, member) {
				if (typeof member === "symbol") return undefined;
				throw new KernelHalfError(`${word}.${member}`, instead);
			},
		},
	);

export const exists = kernelOnly("exists()");
export const typeExists = kernelOnly("typeExists()");
export const sizeOf = kernelOnly("sizeOf()");
export const offsetOf = kernelOnly("offsetOf()");
export const containerOf = kernelOnly("containerOf()");
export const cast = kernelOnly("cast()");
export const addressOf = kernelOnly("addressOf()");
export const tryRead = kernelOnly("tryRead()");
export const userPtr = kernelOnly("userPtr()");
export const kconfig = kernelOnly("kconfig()");
export const ksym = kernelOnly("ksym()");
export const dPath = kernelOnly("dPath()");
export const zero = kernelOnly("zero()");
export const equals = kernelOnly("equals()", "compare the members");
export const ktime = kernelOnly("ktime()", "process.hrtime.bigint() is the same clock");
export const bootTime = kernelOnly("bootTime()");
export const jiffies = kernelOnly("jiffies()");
export const random = kernelOnly("random()", "use Math.random()");
export const printk = kernelOnly("printk()", "use console.log()");
export const lock = kernelOnly("lock()");
export const rcuReadLock = kernelOnly("rcuReadLock()");
export const preemptOff = kernelOnly("preemptOff()");

export const helper = kernelNames("helper");
export const kfunc = kernelNames("kfunc");
export const current = kernelNames("current", "process.pid and its like are this process's");
export const cpu = kernelNames("cpu");

/** Leaves a `loop`. */
export const BREAK: unique symbol = Symbol("skep.BREAK");

// Functions that both halves reach stay JavaScript, and these have a plain meaning there.

export function* range(start: number, end?: number): Generator<number> {
	const [from, to] = end === undefined ? [0, start] : [start, end];
	for (let i = from; i < to; i++) yield i;
}

export const unroll = (count: number): Generator<number> => range(count);

/** How often the body ran, as bpf_loop counts. */
export function loop(count: number, body: (i: number) => unknown): number {
	for (let i = 0; i < count; i++) if (body(i) === BREAK) return i + 1;
	return count;
}

/** The function itself: what keeps it from being inlined is the compiler's matter. */
export function subprogram(first: unknown, second?: unknown): unknown {
	return typeof first === "function" ? first : second;
}

/** Text cut to `max` bytes of UTF-8, whole characters only. */
export function chars(text: string, max: number): string {
	let bytes = 0;
	let end = 0;
	for (const character of text) {
		bytes += Buffer.byteLength(character);
		if (bytes > max) break;
		end += character.length;
	}
	return text.slice(0, end);
}

export const XDP = { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 } as const;
export const TC = { NEXT: -1, PASS: 0, DROP: 2, REDIRECT: 7 } as const;
export const SK = { DROP: 0, PASS: 1 } as const;
