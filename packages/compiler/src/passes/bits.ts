import type { Inst } from "#ir";

/** Deepest chain that is followed. */
const DEPTH = 8;

/**
 * How many low bits of a value may be set: all above are surely zero. At most its width. Knows no more than the
 * verifier does (which learns nothing from divisions and byte swaps), so that a mask or a check that the verifier
 * needs is never found superfluous.
 */
export function significantBits(i: Inst, depth = 0): number {
	if (depth > DEPTH) return i.width;
	const of = (k: number): number => {
		const a = i.args[k]!;
		return Math.min(significantBits(a, depth + 1), a.width);
	};
	return Math.min(i.width, raw(i, of));
}

function raw(i: Inst, of: (k: number) => number): number {
	switch (i.op) {
		case "const":
			return i.value === 0n ? 0 : i.value.toString(2).length;
		case "load":
			return i.signed ? i.width : i.size * 8;
		case "extend":
			return i.signed ? (of(0) < i.from ? of(0) : i.width) : Math.min(i.from, of(0));
		case "truncate":
			return Math.min(32, of(0));
		case "swap":
			return i.width;
		case "compare":
			return 1;
		case "core":
			return i.width;
		case "atomic":
			return i.size * 8;
		case "binary":
			return binary(i, of);
		default:
			return 64;
	}
}

function binary(i: Inst & { op: "binary" }, of: (k: number) => number): number {
	const [, b] = i.args;
	const count = b?.op === "const" ? Number(b.value & BigInt(i.width - 1)) : undefined;
	// The verifier forgets all about a value that is shifted by a count that it does not know.
	const follows = count !== undefined;
	switch (i.operator) {
		case "and":
			return Math.min(of(0), of(1));
		case "or":
		case "xor":
			return Math.max(of(0), of(1));
		case "add":
			return Math.max(of(0), of(1)) + 1;
		case "mul":
			// Products of larger factors might overflow: older verifiers do not look closer.
			return of(0) <= i.width / 2 && of(1) <= i.width / 2 ? of(0) + of(1) : 64;
		case "lshr": {
			if (!follows) return 64;
			const n = Math.min(of(0), i.width);
			return count === undefined ? n : Math.max(0, n - count);
		}
		case "shl":
			return count === undefined ? 64 : of(0) + count;
		case "ashr":
			return follows && of(0) < i.width ? Math.max(0, of(0) - (count ?? 0)) : i.width;
		default:
			return 64;
	}
}

/** Whether a value is surely below 2^bits. */
export const isNarrow = (i: Inst, bits: number): boolean => (i.width <= bits ? true : significantBits(i) <= bits);
