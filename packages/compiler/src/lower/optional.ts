import type { Node } from "#frontend";
import type { Join, Lowering } from "./lowering.ts";
import { describe, POISON, type Value } from "./value.ts";

export const mayBeMissing = (v: Value): boolean =>
	v.kind === "undefined" || v.kind === "optional" || ((v.kind === "place" || v.kind === "kernel") && v.nullable);

/** The value where it is there. */
export function present(v: Value): Value {
	if (v.kind === "optional") return v.value;
	if (v.kind === "place" || v.kind === "kernel") return v.nullable ? { ...v, nullable: false } : v;
	return v;
}

/** The name by which a person would check the value. */
function checkable(l: Lowering, node: Node): string {
	const text = l.text(node);
	return /^[\w.$?!]+$/.test(text) ? text.replaceAll("?.", ".").replaceAll("!", "") : "x";
}

/** The value, which must be known to be there: SK3008 with the line to add. */
export function requirePresent(l: Lowering, v: Value, node: Node): Value {
	if (!mayBeMissing(v)) return v;
	const name = checkable(l, node);
	const leave = l.program.word === "xdp" ? "return XDP.PASS" : "return";
	const check = v.kind === "optional" && v.copied ? `if (${name} === undefined) ${leave};` : `if (!${name}) ${leave};`;
	l.error(
		"SK3008",
		node,
		v.kind === "undefined"
			? "undefined has no value here"
			: `${name === "x" ? "this" : name} may be undefined (${describe(v, l.target.kernel)})`,
		name === "x" ? `keep it in a const x and check it: ${check}` : `check it before: ${check}`,
	);
	return present(v).kind === "undefined" ? POISON : present(v);
}

/** Branches on whether the value is there. */
export function branchOnPresence(l: Lowering, v: Value, yes: Join, no: Join, key: string | undefined): void {
	switch (v.kind) {
		case "undefined":
			l.goto(no);
			return;
		case "optional":
			l.branch(
				"ne",
				32,
				v.flag,
				l.constant(0, 32),
				yes,
				no,
				l.withFact(key, { present: true }),
				l.withFact(key, { present: false }),
			);
			return;
		case "place":
		case "kernel":
			if (v.nullable || (v.kind === "kernel" && !v.embedded)) {
				const address = v.kind === "place" ? l.address(v) : v.base;
				l.branch(
					"ne",
					64,
					address,
					l.constant(0, 64),
					yes,
					no,
					l.withFact(key, { present: true }),
					l.withFact(key, { present: false }),
				);
				return;
			}
			l.goto(yes);
			return;
		default:
			l.goto(yes);
			return;
	}
}
