import type { Node } from "#frontend";
import { arithmetic, boolInst, instOf, type Operator } from "./integer.ts";
import type { Lowering } from "./lowering.ts";
import { requirePresent } from "./optional.ts";
import { describe, type IntValue, POISON, type Value } from "./value.ts";

/** An integer operand; undefined after a report. */
export function integerOperand(l: Lowering, v: Value, node: Node, what: string): IntValue | undefined {
	const p = requirePresent(l, v, node);
	if (p.kind === "int") return p;
	if (p.kind === "poison") return undefined;
	if (p.kind === "text" || (p.kind === "place" && p.type.kind === "chars")) {
		if (what === "+")
			l.error(
				"SK1008",
				node,
				"`+` on strings does not exist in kernel code",
				"write a template: `${a}${b}` where text is assigned",
			);
		else l.error("SK1009", node, `${describe(p)} is no number`);
		return undefined;
	}
	if (p.kind === "be") {
		l.error(
			"SK1009",
			node,
			`be${p.bits} is in network order: no arithmetic`,
			p.bits === 16 ? "write ntohs(…)" : p.bits === 32 ? "write ntohl(…)" : "write be64ToCpu(…)",
		);
		return undefined;
	}
	l.error(
		"SK1009",
		node,
		`${describe(p, l.target.kernel)} is no number`,
		p.kind === "bool" ? "write u32(…)" : undefined,
	);
	return undefined;
}

/** `a op b` on values. */
export function arithmeticOf(l: Lowering, op: Operator, a: Value, b: Value, node: Node): Value {
	const left = node["left"] ?? node["argument"] ?? node;
	const right = node["right"] ?? node;
	if (a.kind === "poison" || b.kind === "poison") return POISON;
	const x = integerOperand(l, a, left, op);
	const y = x && integerOperand(l, b, right, op);
	return x && y ? arithmetic(l, op, x, y, node) : POISON;
}

/** A scalar as a 64-bit argument of a helper. */
export function argument(l: Lowering, v: Value) {
	if (v.kind === "int") {
		const i = instOf(l, v);
		return v.bits === 64
			? i
			: l.b.emit({ op: "extend", from: 32, signed: v.signed && v.constant === undefined }, [i], 64);
	}
	return v.kind === "bool" ? boolInst(l, v) : l.constant(0, 64);
}
