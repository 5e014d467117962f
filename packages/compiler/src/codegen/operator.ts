import type { Condition } from "#ir";
import type { AluOperator, JumpCondition } from "./machine.ts";

/** The IR's words in the machine's. */
export const ALU: Partial<Record<string, AluOperator>> = {
	add: "add",
	sub: "sub",
	mul: "mul",
	udiv: "div",
	sdiv: "sdiv",
	umod: "mod",
	smod: "smod",
	and: "and",
	or: "or",
	xor: "xor",
	shl: "lsh",
	lshr: "rsh",
	ashr: "arsh",
};
export const JUMP: Record<Condition, JumpCondition> = {
	eq: "eq",
	ne: "ne",
	ult: "lt",
	ule: "le",
	ugt: "gt",
	uge: "ge",
	slt: "slt",
	sle: "sle",
	sgt: "sgt",
	sge: "sge",
	set: "set",
};
export const SWAPPED: Record<JumpCondition, JumpCondition> = {
	eq: "eq",
	ne: "ne",
	lt: "gt",
	le: "ge",
	gt: "lt",
	ge: "le",
	slt: "sgt",
	sle: "sge",
	sgt: "slt",
	sge: "sle",
	set: "set",
};
export const COMMUTES = new Set(["add", "mul", "and", "or", "xor"]);
/** Whether a number is an immediate operand. */
export const fits = (v: bigint): boolean => v === BigInt.asIntN(32, v);
