import type { Condition, Inst, Width } from "#ir";
import { evaluateCondition, evaluateSwap, MIRRORED, NEGATED } from "./arithmetic.ts";
import { isNarrow, significantBits } from "./bits.ts";
import type { Folder } from "./fold.ts";

export interface Comparison {
	condition: Condition;
	on: Width;
	a: Inst;
	b: Inst;
	/** The result is the opposite; only where the caller can invert. */
	inverted?: boolean;
	/** Decided already. */
	known?: boolean;
}

/**
 * Simplifies a comparison: constants to the right, comparisons of comparisons, tests of bits, swapped constants,
 * 32 bits where 64 tell no more. The value that is compared stays the value that others use.
 */
export function simplifyComparison(f: Folder, given: Comparison, mayInvert: boolean): Comparison {
	let c = given;
	for (let steps = 0; steps < 8; steps++) {
		const next = step(f, c, mayInvert);
		if (!next) break;
		c = { ...next, ...((next.inverted ?? false) !== (c.inverted ?? false) ? { inverted: true } : { inverted: false }) };
	}
	return c;
}

function step(f: Folder, c: Comparison, mayInvert: boolean): Comparison | undefined {
	const { a, b, condition, on } = c;
	const plain = { condition, on, a, b };
	if (a.op === "const" && b.op !== "const") return { ...plain, a: b, b: a, condition: MIRRORED[condition] };
	if (a === b && condition !== "set" && a.op !== "const")
		return decide(
			f,
			condition === "eq" || condition === "ule" || condition === "uge" || condition === "sle" || condition === "sge",
		);
	if (b.op !== "const") return sameExtension(f, c);
	if (a.op === "const")
		return c.known === undefined ? decide(f, evaluateCondition(condition, on, a.value, b.value)) : undefined;
	const value = BigInt.asUintN(on, b.value);
	const range = ranged(a, on, condition, value);
	if (range !== undefined) return decide(f, range);
	// (x cc y) != 0
	if (a.op === "compare") {
		const truth =
			condition === "ne" && value === 0n
				? true
				: condition === "eq" && value === 1n
					? true
					: condition === "set" && value === 1n
						? true
						: condition === "eq" && value === 0n
							? false
							: condition === "ne" && value === 1n
								? false
								: undefined;
		if (truth !== undefined) {
			const inner = { condition: a.condition, on: a.on, a: a.args[0]!, b: a.args[1]! };
			if (truth) return inner;
			const opposite = NEGATED[a.condition];
			if (opposite) return { ...inner, condition: opposite };
			if (mayInvert) return { ...inner, inverted: true };
		}
	}
	if (
		a.op === "binary" &&
		a.operator === "xor" &&
		value === 0n &&
		significantBits(a) <= 1 &&
		isOne(a.args[1]) &&
		(condition === "eq" || condition === "ne")
	)
		return { ...plain, a: a.args[0]!, condition: condition === "eq" ? "ne" : "eq" };
	const zero = (n: Condition): Comparison => ({ ...plain, condition: n, b: value === 0n ? b : f.constant(0n, on) });
	if ((condition === "ugt" && value === 0n) || (condition === "uge" && value === 1n)) return zero("ne");
	if ((condition === "ule" && value === 0n) || (condition === "ult" && value === 1n)) return zero("eq");
	if (
		value === 0n &&
		a.op === "binary" &&
		a.operator === "and" &&
		a.args[1]!.op === "const" &&
		f.single(a) &&
		a.width <= on
	) {
		const bits: Comparison = { condition: "set", on: a.width, a: a.args[0]!, b: a.args[1]! };
		if (condition === "ne") return bits;
		if (condition === "eq" && mayInvert) return { ...bits, inverted: true };
	}
	if (
		a.op === "swap" &&
		(condition === "eq" || condition === "ne") &&
		isNarrow(a.args[0]!, a.bits) &&
		value < 1n << BigInt(a.bits) &&
		on >= a.bits
	)
		return { ...plain, a: a.args[0]!, b: f.constant(evaluateSwap(a.bits, value), on) };
	if (on === 64 && isNarrow(a, 32) && value > 0x7fffffffn && value <= 0xffffffffn && !condition.startsWith("s"))
		return { ...plain, on: 32, b: f.constant(value, 32) };
	if (on === 64 && signExtended(f, a) && BigInt.asIntN(64, value) === BigInt.asIntN(32, value) && condition !== "set")
		return { ...plain, on: 32, a: a.args[0]!, b: f.constant(value, 32) };
	return undefined;
}

const isOne = (i: Inst | undefined): boolean => i?.op === "const" && i.value === 1n;
const signExtended = (f: Folder, i: Inst): boolean =>
	i.op === "extend" && i.signed && i.from === 32 && i.args[0]!.width === 32 && f.single(i);

function sameExtension(f: Folder, c: Comparison): Comparison | undefined {
	if (c.on === 64 && c.condition !== "set" && signExtended(f, c.a) && signExtended(f, c.b))
		return { condition: c.condition, on: 32, a: c.a.args[0]!, b: c.b.args[0]! };
	return undefined;
}

function decide(f: Folder, known: boolean): Comparison {
	const zero = f.constant(0n, 32);
	return { condition: known ? "eq" : "ne", on: 32, a: zero, b: zero, known };
}

/** What the number of significant bits alone decides. */
function ranged(a: Inst, on: Width, condition: Condition, value: bigint): boolean | undefined {
	if (on === 32 && !isNarrow(a, 32))
		return condition === "ult" && value === 0n ? false : condition === "uge" && value === 0n ? true : undefined;
	const bits = significantBits(a);
	const top = (1n << BigInt(bits)) - 1n;
	switch (condition) {
		case "ult":
			return value === 0n ? false : top < value ? true : undefined;
		case "ule":
			return top <= value ? true : undefined;
		case "ugt":
			return top <= value ? false : undefined;
		case "uge":
			return value === 0n ? true : top < value ? false : undefined;
		case "eq":
			return top < value ? false : undefined;
		case "ne":
			return top < value ? true : undefined;
		case "set":
			return (top & value) === 0n ? false : undefined;
		case "slt":
			return bits < on && BigInt.asIntN(on, value) <= 0n ? false : undefined;
		case "sge":
			return bits < on && BigInt.asIntN(on, value) <= 0n ? true : undefined;
		default:
			return undefined;
	}
}
