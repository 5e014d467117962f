import type { Node } from "#frontend";
import { type Size, sizeOf, type Variable } from "#ir";
import { copyArray } from "./kernel.ts";
import type { Join, Lowering } from "./lowering.ts";
import { requirePresent } from "./optional.ts";
import { alignmentAt, checkAlive, elementAt, part, readPlace } from "./place.ts";
import { relateValues } from "./relation.ts";
import { storeValue } from "./store.ts";
import { isText, textPredicate } from "./text.ts";
import { describe, type PlaceValue, type Value } from "./value.ts";

const PREDICATES = new Set(["startsWith", "endsWith", "includes"]);
/** Comparisons in a row that an array in the context or a packet may take. */
const MAX_COPIES = 256;

export const isPredicate = (name: string): boolean => PREDICATES.has(name);

/** `x.startsWith(…)`, `x.endsWith(…)`, `x.includes(…)` as a branch; false: the call is none of these. */
export function predicateBranch(l: Lowering, node: Node, yes: Join, no: Join): boolean {
	const callee: Node = node["callee"];
	if (callee.type !== "MemberExpression" || callee["computed"] || callee["optional"]) return false;
	if (!PREDICATES.has(callee["property"]["name"])) return false;
	predicate(l, requirePresent(l, l.expression(callee["object"]), callee["object"]), node, yes, no);
	return true;
}

/** The same, with the value that it is asked of. */
export function predicate(l: Lowering, v: Value, node: Node, yes: Join, no: Join): void {
	const name: string = node["callee"]["property"]["name"];
	const args: Node[] = node["arguments"];
	if (v.kind === "poison" || args.length !== 1) {
		if (v.kind !== "poison") l.error("SK1009", node, `${name} takes one value`);
		l.goto(yes);
		return;
	}
	if (isText(v)) {
		textPredicate(l, v, name, node, yes, no);
		return;
	}
	if (name === "includes" && (v.kind === "list" || (v.kind === "place" && v.type.kind === "array"))) {
		includes(l, v, node, yes, no);
		return;
	}
	l.error("SK1009", node, `${describe(v, l.target.kernel)} has no ${name}`);
	l.goto(yes);
}

/** `array.includes(x)`: compared one by one, as `===` does. */
function includes(l: Lowering, v: Extract<Value, { kind: "list" | "place" }>, node: Node, yes: Join, no: Join): void {
	const argument: Node = node["arguments"][0];
	let wanted = l.expression(argument);
	if (wanted.kind === "kernel-array" && wanted.text) wanted = copyArray(l, wanted, argument);
	if (wanted.kind === "poison") {
		l.goto(yes);
		return;
	}
	const compare = (element: Value, next: Join) =>
		relateValues(l, "===", wanted, element, { ...node, left: argument, right: node }, yes, next);
	if (v.kind === "list") {
		oneByOne(l, v.elements.length, (i) => v.elements[i]!, compare, no);
		return;
	}
	if (v.type.kind !== "array") return;
	const { element, length } = v.type;
	if ((v.space === "ctx" || v.space === "packet") && length <= MAX_COPIES) {
		oneByOne(l, length, (i) => readPlace(l, part(v, element, i * sizeOf(element)), node), compare, no);
		return;
	}
	eachElement(l, v, (p, next) => compare(readPlace(l, p, node), next), no);
}

function oneByOne(
	l: Lowering,
	count: number,
	element: (i: number) => Value,
	compare: (element: Value, next: Join) => void,
	no: Join,
): void {
	for (let i = 0; i < count && l.reachable; i++) {
		const next = l.join();
		compare(element(i), next);
		l.enter(next);
	}
	l.goto(no);
}

/** Runs `body` for the elements of an array in a loop; it goes on to `next`, or elsewhere. Ends in `done`. */
function eachElement(l: Lowering, v: PlaceValue, body: (p: PlaceValue, next: Join) => void, done: Join): void {
	if (v.type.kind !== "array") return;
	const i: Variable = { name: "i", width: 64, space: "scalar" };
	l.b.write(i, l.constant(0, 64));
	const [head, inside, next] = [l.join(), l.join(), l.join()];
	l.goto(head);
	l.b.enter(head.block);
	l.branch("ult", 64, l.b.read(i), l.constant(v.type.length, 64), inside, done);
	l.enter(inside);
	body(elementAt(l, v, v.type.element, l.b.read(i)), next);
	l.enter(next);
	if (l.reachable) l.b.write(i, l.binary("add", l.b.read(i), l.constant(1, 64), 64));
	l.goto(head);
	l.b.seal(head.block);
	l.b.block = undefined;
}

/** `array.fill(x)`: all elements. The array itself is the value. */
export function fill(l: Lowering, v: PlaceValue, node: Node): Value {
	const args: Node[] = node["arguments"];
	if (v.type.kind !== "array" || !args[0]) return l.error("SK1009", node, "fill takes the value");
	if (args.length > 1) return l.notYet(node, "fill of a part of an array", "write a loop");
	if (!v.writable) return l.error("SK1009", node, `${l.text(node["callee"]["object"])} is read-only here`);
	const { element } = v.type;
	const value = requirePresent(l, l.expression(args[0], { type: element }), args[0]);
	if (value.kind === "poison" || !checkAlive(l, v, node)) return value;
	l.at(node);
	if ((value.kind === "int" || value.kind === "be") && value.constant === 0n)
		l.zero(v.base, v.offset, sizeOf(v.type), alignmentAt(v.align, 0) as Size);
	else {
		const done = l.join();
		eachElement(
			l,
			v,
			(p, next) => {
				storeValue(l, p, value, args[0]!);
				l.goto(next);
			},
			done,
		);
		l.enter(done);
	}
	return v;
}
