import type { BinaryOp, Condition, Width } from "#ir";

/** What an operation gives for constants, as the instruction set defines it. Operands are taken modulo the width. */
export function evaluateBinary(operator: BinaryOp, width: Width, left: bigint, right: bigint): bigint {
	const a = BigInt.asUintN(width, left);
	const b = BigInt.asUintN(width, right);
	const sa = BigInt.asIntN(width, a);
	const sb = BigInt.asIntN(width, b);
	const count = right & BigInt(width - 1);
	const wrap = (v: bigint): bigint => BigInt.asUintN(width, v);
	switch (operator) {
		case "add":
			return wrap(a + b);
		case "sub":
			return wrap(a - b);
		case "mul":
			return wrap(a * b);
		case "udiv":
			return b === 0n ? 0n : a / b;
		case "umod":
			return b === 0n ? a : a % b;
		case "sdiv":
			return sb === 0n ? 0n : wrap(sa / sb);
		case "smod":
			return sb === 0n ? a : wrap(sa % sb);
		case "and":
			return a & b;
		case "or":
			return a | b;
		case "xor":
			return a ^ b;
		case "shl":
			return wrap(a << count);
		case "lshr":
			return a >> count;
		case "ashr":
			return wrap(sa >> count);
	}
}

export function evaluateCondition(condition: Condition, on: Width, left: bigint, right: bigint): boolean {
	const a = BigInt.asUintN(on, left);
	const b = BigInt.asUintN(on, right);
	const sa = BigInt.asIntN(on, a);
	const sb = BigInt.asIntN(on, b);
	switch (condition) {
		case "eq":
			return a === b;
		case "ne":
			return a !== b;
		case "ult":
			return a < b;
		case "ule":
			return a <= b;
		case "ugt":
			return a > b;
		case "uge":
			return a >= b;
		case "slt":
			return sa < sb;
		case "sle":
			return sa <= sb;
		case "sgt":
			return sa > sb;
		case "sge":
			return sa >= sb;
		case "set":
			return (a & b) !== 0n;
	}
}

export function evaluateSwap(bits: 16 | 32 | 64, value: bigint): bigint {
	let v = BigInt.asUintN(bits, value);
	let r = 0n;
	for (let k = 0; k < bits; k += 8) {
		r = (r << 8n) | (v & 255n);
		v >>= 8n;
	}
	return r;
}

export const evaluateExtend = (from: 8 | 16 | 32, signed: boolean, width: Width, value: bigint): bigint =>
	BigInt.asUintN(width, signed ? BigInt.asIntN(from, value) : BigInt.asUintN(from, value));

export const NEGATED: Readonly<Partial<Record<Condition, Condition>>> = {
	eq: "ne",
	ne: "eq",
	ult: "uge",
	uge: "ult",
	ule: "ugt",
	ugt: "ule",
	slt: "sge",
	sge: "slt",
	sle: "sgt",
	sgt: "sle",
};
export const MIRRORED: Readonly<Record<Condition, Condition>> = {
	eq: "eq",
	ne: "ne",
	ult: "ugt",
	ugt: "ult",
	ule: "uge",
	uge: "ule",
	slt: "sgt",
	sgt: "slt",
	sle: "sge",
	sge: "sle",
	set: "set",
};
