import type { Node } from "#frontend";
import { relational } from "./condition.ts";
import { arithmetic, instOf, type Operator } from "./integer.ts";
import type { Lowering, Want } from "./lowering.ts";
import { arithmeticOf, integerOperand } from "./operand.ts";
import { constant, int, POISON, UNDEFINED, type Value } from "./value.ts";

const ARITHMETIC = new Set(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", ">>>"]);

export function binary(l: Lowering, node: Node): Value {
	const op: string = node["operator"];
	if (!ARITHMETIC.has(op)) {
		if (op === "**" || op === "in" || op === "instanceof")
			return l.error(
				"SK1001",
				node,
				`\`${op}\` does not exist in kernel code`,
				op === "**" ? "multiply, or shift" : undefined,
			);
		return relational(l, node);
	}
	const a = l.expression(node["left"]);
	const b = l.expression(node["right"]);
	return arithmeticOf(l, op as Operator, a, b, node);
}

export function unary(l: Lowering, node: Node): Value {
	const op: string = node["operator"];
	const argument: Node = node["argument"];
	switch (op) {
		case "!":
			return relational(l, node);
		case "-": {
			const v = l.expression(argument);
			if (v.kind === "int" && v.constant !== undefined && v.open) {
				const value = -v.constant;
				if (value < (v.bits === 64 ? -(1n << 63n) : -(1n << 31n)))
					return l.error("SK2003", node, `${value} does not fit ${v.bits === 64 ? "i64" : "i32"}`);
				return value === 0n ? v : constant(value, v.bits, true);
			}
			const i = integerOperand(l, v, argument, "-");
			if (!i) return POISON;
			const zero = constant(0, i.bits === 64 ? 64 : 32, true, true);
			return arithmetic(
				l,
				"-",
				zero,
				i.bits < 32 && !i.signed ? int(32, true, instOf(l, i), { min: 0n, max: (1n << BigInt(i.bits)) - 1n }) : i,
				node,
			);
		}
		case "~": {
			const i = integerOperand(l, l.expression(argument), argument, "~");
			if (!i) return POISON;
			if (i.constant !== undefined && i.open) return constant(~i.constant, i.bits, true);
			return arithmetic(
				l,
				"^",
				i,
				constant(
					i.bits === 64 ? (i.signed ? -1n : (1n << 64n) - 1n) : i.signed ? -1n : 0xffff_ffffn,
					i.bits === 64 ? 64 : 32,
					i.signed,
				),
				node,
			);
		}
		case "+": {
			const v = l.expression(argument);
			const i = integerOperand(l, v, argument, "unary +");
			if (i?.bits === 64) return l.error("SK1009", node, "unary + on a bigint", "leave the + out, or write u32(…)");
			return i ?? POISON;
		}
		case "void":
			l.expression(argument, { unused: true });
			return UNDEFINED;
		default:
			return l.error(
				"SK1001",
				node,
				`\`${op}\` does not exist in kernel code`,
				op === "typeof" ? "types are known when compiling" : op === "delete" ? "write map.delete(key)" : undefined,
			);
	}
}

/** `a, b`. */
export function sequence(l: Lowering, node: Node, want: Want): Value {
	const list: Node[] = node["expressions"];
	for (const e of list.slice(0, -1)) l.expression(e, { unused: true });
	return l.expression(list[list.length - 1]!, want);
}
