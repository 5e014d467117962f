import { CONSTANT, divisor, type Facts, isAddress, ORIGIN, RANGE, UNKNOWN } from "./facts.ts";
import type { Step } from "./forms.ts";

// What arithmetic and branches tell of numbers: intervals with steps, `low`, `low + step` … `top`, of 64-bit numbers that
// are 32-bit ones with their sign. Addresses that are known but for a number are such intervals too.

/** Numbers from `low` to `top`, `step` apart; one number has step 0. */
interface Interval {
	low: number;
	top: number;
	step: number;
}

const LOWEST = -0x8000_0000;
const HIGHEST = 0x7fff_ffff;
/** Distances from what an address belongs to are small. */
const FARTHEST = 1 << 28;

/** Whether a register holds a number that is known to be one of some; see the top of this file. */
export const isNumber = (facts: Facts, register: number): boolean =>
	facts.kinds[register] === RANGE ||
	(facts.kinds[register] === CONSTANT && facts.high[register] === facts.low[register]! >> 31);

const intervalOf = (facts: Facts, register: number): Interval | undefined =>
	isNumber(facts, register)
		? { low: facts.low[register]!, top: facts.top[register]!, step: facts.step[register]! }
		: undefined;

/** Leaves an interval in a register; one that is none is forgotten. */
function leave(facts: Facts, register: number, found: Interval | undefined, wide: boolean): void {
	const lowest = wide ? LOWEST : 0;
	if (!found || found.low < lowest || found.top > HIGHEST) facts.put(register, UNKNOWN);
	else facts.putRange(register, found.low, found.top, found.step);
}

const upTo = (top: number, step = 1): Interval => ({ low: 0, top: top - (top % step), step });

/** What an instruction of arithmetic makes of what is known. */
export function compute(facts: Facts, { form, dst, src, imm }: Step): void {
	const { wide, verb } = form;
	const second: Interval | undefined = form.immediate
		? { low: imm, top: imm, step: 0 }
		: form.shape === "alu_reg"
			? intervalOf(facts, src)
			: undefined;
	if (verb === "mov") {
		if (form.immediate) facts.put(dst, CONSTANT, imm, wide ? imm >> 31 : 0);
		else if (wide) facts.move(dst, src);
		else leave(facts, dst, second, false);
		return;
	}
	if (wide && (verb === "add" || verb === "sub")) {
		if (isAddress(facts.kinds[dst]!)) {
			shift(facts, dst, dst, second, verb === "sub");
			return;
		}
		if (verb === "add" && form.shape === "alu_reg" && isAddress(facts.kinds[src]!)) {
			shift(facts, dst, src, intervalOf(facts, dst), false);
			return;
		}
	}
	const first = intervalOf(facts, dst);
	leave(facts, dst, first && second ? combine(verb, first, second) : cut(verb, wide, second), wide);
}

/** An address some bytes above or below another. */
function shift(facts: Facts, dst: number, from: number, by: Interval | undefined, isBelow: boolean): void {
	if (!by) {
		facts.put(dst, UNKNOWN);
		return;
	}
	const low = facts.low[from]! + (isBelow ? -by.top : by.low);
	const top = facts.top[from]! + (isBelow ? -by.low : by.top);
	if (low < -FARTHEST || top > FARTHEST) facts.put(dst, UNKNOWN);
	else facts.putAddress(dst, facts.kinds[from]!, facts.high[from]!, low, top, divisor(facts.step[from]!, by.step));
}

/** Of two intervals; undefined: it is none that is worth knowing. */
function combine(verb: string, one: Interval, two: Interval): Interval | undefined {
	const { low, top, step } = one;
	// By one number, not negative.
	const by = two.step === 0 && two.low >= 0 ? two.low : -1;
	switch (verb) {
		case "add":
			return { low: low + two.low, top: top + two.top, step: divisor(step, two.step) };
		case "sub":
			return { low: low - two.top, top: top - two.low, step: divisor(step, two.step) };
		case "mul":
			return by >= 0 ? { low: low * by, top: top * by, step: step * by } : undefined;
		case "lsh":
			return by >= 0 && by < 31 ? { low: low * 2 ** by, top: top * 2 ** by, step: step * 2 ** by } : undefined;
		case "rsh":
			return by >= 0 && by < 32 && low >= 0 ? { low: low >> by, top: top >> by, step: 1 } : undefined;
		case "div":
			return by > 0 && low >= 0 ? { low: Math.floor(low / by), top: Math.floor(top / by), step: 1 } : undefined;
		case "mod":
			return by > 0 && low >= 0 ? (top < by ? one : upTo(by - 1)) : undefined;
		case "and":
			if (by < 0) return undefined;
			// A mask of all bits there may be changes nothing.
			return low >= 0 && top <= by && ((by + 1) & by) === 0 ? one : upTo(by, by & -by || 1);
		default:
			return undefined;
	}
}

/** Of a number of which nothing is known but what it is cut by. */
function cut(verb: string, wide: boolean, second: Interval | undefined): Interval | undefined {
	const by = second?.step === 0 ? second.low : -1;
	if (by < 0) return undefined;
	const bits = wide ? 64 : 32;
	switch (verb) {
		case "and":
			return upTo(by, by & -by || 1);
		case "mod":
			return by > 0 ? upTo(by - 1) : undefined;
		case "rsh":
			return by < bits && bits - by <= 31 ? upTo(2 ** (bits - by) - 1) : undefined;
		default:
			return undefined;
	}
}

/** What a load of one or two bytes may give. */
export function loaded(facts: Facts, { form, dst, slot }: Step): void {
	const bits = form.size * 8;
	if (bits > 16) facts.putOrigin(dst, slot);
	else if (form.signed) facts.putRange(dst, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 1);
	else facts.putRange(dst, 0, 2 ** bits - 1, 1);
}

const OPPOSITE: Readonly<Record<string, string>> = {
	eq: "ne",
	ne: "eq",
	gt: "le",
	le: "gt",
	ge: "lt",
	lt: "ge",
	sgt: "sle",
	sle: "sgt",
	sge: "slt",
	slt: "sge",
};

/** What a branch on a number tells of it, where it was taken or not. */
export function compare(facts: Facts, { form, dst, src, imm }: Step, taken: boolean): void {
	const { wide, verb } = form;
	const by = form.immediate ? imm : isNumber(facts, src) && facts.step[src] === 0 ? facts.low[src]! : undefined;
	const what = taken ? verb : OPPOSITE[verb];
	if (by === undefined || what === undefined || dst > 9) return;
	const isSigned = what.startsWith("s");
	if (!isNumber(facts, dst)) {
		// Of 64 bits, nothing is below 0 and little is below a small number.
		const isAny = facts.kinds[dst] === UNKNOWN || facts.kinds[dst] === ORIGIN;
		if (!wide || !isAny || by < 0) return;
		if (what === "eq") facts.put(dst, CONSTANT, by, 0);
		else if (what === "le") facts.putRange(dst, 0, by, 1);
		else if (what === "lt" && by > 0) facts.putRange(dst, 0, by - 1, 1);
		return;
	}
	let low = facts.low[dst]!;
	let top = facts.top[dst]!;
	const step = facts.step[dst]! || 1;
	// Without a sign negative numbers are large ones; of the low word alone likewise.
	if (!(isSigned || what === "eq" || what === "ne") && (low < 0 || by < 0)) return;
	if (!wide && (low < 0 || by < 0)) return;
	switch (isSigned ? what.slice(1) : what) {
		case "eq":
			if (by >= low && by <= top) low = top = by;
			break;
		case "ne":
			if (low === by) low += step;
			if (top === by) top -= step;
			break;
		case "gt":
			low = above(low, by + 1, step);
			break;
		case "ge":
			low = above(low, by, step);
			break;
		case "lt":
			top = below(top, by - 1, step);
			break;
		case "le":
			top = below(top, by, step);
			break;
	}
	// Else control does not get there.
	if (low <= top) facts.putRange(dst, low, top, step);
}

/** The first number of an interval from `low` on that is not below a bound. */
const above = (low: number, bound: number, step: number): number =>
	bound <= low ? low : low + Math.ceil((bound - low) / step) * step;
const below = (top: number, bound: number, step: number): number =>
	bound >= top ? top : top - Math.ceil((top - bound) / step) * step;
