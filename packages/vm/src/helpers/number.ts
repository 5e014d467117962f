import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu } from "#machine";
import { give, high, low, readable, u32, writable } from "./arguments.ts";
import type { Environment } from "./environment.ts";

/** Family: numbers out of text. */
const BASE = 0x1f;
const BASES: readonly number[] = [0, 8, 10, 16];
/** As much of a number's text as Linux looks at. */
const MOST_TEXT = 63;

const isSpace = (code: number): boolean => code === 0x20 || (code >= 9 && code <= 13) || code === 0xa0;

interface Parsed {
	/** Characters that it took, with what stood before it. */
	readonly consumed: number;
	readonly isNegative: boolean;
	readonly magnitude: bigint;
}

/** The number at the beginning of a text; -EINVAL: there is none; -ERANGE: more than 64 bits. */
function parsed(text: Uint8Array, flags: number): Parsed | number {
	let base = flags & BASE;
	if (text.length === 0 || !BASES.includes(base) || (flags & ~BASE) !== 0) return -ERRNO.EINVAL;
	let at = 0;
	while (at < text.length && isSpace(text[at]!)) at++;
	const isNegative = text[at] === 0x2d;
	if (isNegative) at++;
	const digits = String.fromCharCode(...text.subarray(at, at + MOST_TEXT));
	const isHex = /^0x/i.test(digits);
	if (base === 0) base = /^0x[0-9a-f]/i.test(digits) ? 16 : digits.startsWith("0") ? 8 : 10;
	const prefix = base === 16 && isHex ? 2 : 0;
	const form = base === 16 ? /^[0-9a-f]+/i : base === 10 ? /^[0-9]+/ : /^[0-7]+/;
	const number = form.exec(digits.slice(prefix))?.[0];
	if (number === undefined) return -ERRNO.EINVAL;
	const magnitude = BigInt(base === 16 ? `0x${number}` : base === 8 ? `0o${number}` : number);
	if (magnitude >= 2n ** 64n) return -ERRNO.ERANGE;
	return { consumed: at + prefix + number.length, isNegative, magnitude };
}

function convert(env: Environment, cpu: Cpu, signed: boolean): undefined {
	const size = u32(cpu, 2);
	const from = readable(env, cpu, 1, size);
	const to = writable(env, cpu, 4, 8);
	const { u8, view } = env.memory;
	const flags = high(cpu, 3) === 0 ? low(cpu, 3) : -1;
	// Before it reads: the two may overlap.
	view.setBigInt64(to, 0n, true);
	const found = parsed(u8.subarray(from, from + size), flags);
	if (typeof found === "number") return give(cpu, found);
	const { isNegative, magnitude, consumed } = found;
	if (!signed && isNegative) return give(cpu, -ERRNO.EINVAL);
	if (signed && magnitude > (isNegative ? 2n ** 63n : 2n ** 63n - 1n)) return give(cpu, -ERRNO.ERANGE);
	view.setBigInt64(to, BigInt.asIntN(64, isNegative ? -magnitude : magnitude), true);
	give(cpu, consumed);
}

/** strtol(text, size, base, result): characters that the number takes. */
export const strtol = (env: Environment, cpu: Cpu): undefined => convert(env, cpu, true);
export const strtoul = (env: Environment, cpu: Cpu): undefined => convert(env, cpu, false);
