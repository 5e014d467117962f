import type { Node } from "#frontend";
import { declare } from "./local.ts";
import type { Lowering } from "./lowering.ts";
import { member } from "./member.ts";
import { mayBeMissing } from "./optional.ts";
import { type Local, POISON, type Value } from "./value.ts";

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
			for (const p of pattern["properties"] as Node[]) {
				if (p.type === "RestElement" || p["computed"]) {
					l.error("SK1001", p, "`...` in a pattern does not exist in kernel code");
					continue;
				}
				const v =
					value.kind === "poison"
						? POISON
						: member(
								l,
								{
									type: "MemberExpression",
									start: p["key"].start,
									end: p["key"].end,
									object: pattern,
									property: p["key"],
									computed: false,
								},
								{},
								value,
							);
				bind(l, p["value"], v, isConst, undefined, body);
			}
			return;
		case "ArrayPattern":
			for (const [i, e] of (pattern["elements"] as (Node | null)[]).entries()) {
				if (!e) continue;
				if (e.type === "RestElement") {
					l.error("SK1001", e, "`...` in a pattern does not exist in kernel code");
					continue;
				}
				const index: Node = { type: "Literal", start: e.start, end: e.end, value: i, raw: String(i) };
				const v =
					value.kind === "poison"
						? POISON
						: member(
								l,
								{
									type: "MemberExpression",
									start: e.start,
									end: e.end,
									object: pattern,
									property: index,
									computed: true,
								},
								{},
								value,
							);
				bind(l, e, v, isConst, undefined, body);
			}
			return;
		default:
			l.error("SK1001", pattern, `${pattern.type} is not in the subset of kernel code`);
	}
}
