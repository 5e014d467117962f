import type { Node } from "#frontend";
import { declare } from "./local.ts";
import type { Lowering } from "./lowering.ts";
import { member } from "./member.ts";
import { mayBeMissing } from "./optional.ts";
import { type Local, POISON, type Value } from "./value.ts";

/** What a pattern takes out of a value: where each part goes, and how it is read. */
export function partsOf(l: Lowering, pattern: Node): { target: Node; take: (value: Value) => Value }[] {
	const parts: { target: Node; take: (value: Value) => Value }[] = [];
	const part = (target: Node, key: Node, computed: boolean): void => {
		const { start, end } = computed ? target : key;
		const node: Node = { type: "MemberExpression", start, end, object: pattern, property: key, computed };
		parts.push({ target, take: (value) => (value.kind === "poison" ? POISON : member(l, node, {}, value)) });
	};
	if (pattern.type === "ObjectPattern")
		for (const p of pattern["properties"] as Node[]) {
			if (p.type === "RestElement" || p["computed"])
				l.error("SK1001", p, "`...` in a pattern does not exist in kernel code");
			else part(p["value"], p["key"], false);
		}
	else
		for (const [i, e] of (pattern["elements"] as (Node | null)[]).entries()) {
			if (e?.type === "RestElement") l.error("SK1001", e, "`...` in a pattern does not exist in kernel code");
			else if (e) part(e, { type: "Literal", start: e.start, end: e.end, value: i, raw: String(i) }, true);
		}
	return parts;
}

/** A pattern or name of a declaration. */
export function bind(
	l: Lowering,
	pattern: Node,
	value: Value,
	isConst: boolean,
	type: Local["type"],
	body: Node,
): void {
	const scope = l.scope!;
	switch (pattern.type) {
		case "Identifier":
			declare(l, scope, pattern["name"], value, pattern, isConst, type, body);
			return;
		case "AssignmentPattern":
			if (value.kind === "undefined") {
				bind(l, pattern["left"], l.expression(pattern["right"]), isConst, type, body);
				return;
			}
			if (mayBeMissing(value)) {
				l.notYet(pattern, "a default for a value that may be undefined", "write `?? value`");
				bind(l, pattern["left"], POISON, isConst, type, body);
				return;
			}
			bind(l, pattern["left"], value, isConst, type, body);
			return;
		case "ObjectPattern":
		case "ArrayPattern":
			for (const p of partsOf(l, pattern)) bind(l, p.target, p.take(value), isConst, undefined, body);
			return;
		default:
			l.error("SK1001", pattern, `${pattern.type} is not in the subset of kernel code`);
	}
}
