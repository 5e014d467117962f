import type { Node } from "#frontend";
import { type AtomicOp, sizeOf, type Type } from "#ir";
import { findVariable, type GlobalVariable } from "./global.ts";
import { arithmetic, assign, instOf, type Operator } from "./integer.ts";
import { mentions } from "./literal.ts";
import { readLocal, writeLocal } from "./local.ts";
import type { Lowering, Want } from "./lowering.ts";
import { memberPlace } from "./member.ts";
import { arithmeticOf } from "./operand.ts";
import { branchOnPresence, mayBeMissing, requirePresent } from "./optional.ts";
import { partsOf } from "./pattern.ts";
import { checkAlive, readPlace } from "./place.ts";
import { copyToTemporary, storeValue } from "./store.ts";
import { truth } from "./truth.ts";
import { int, type ListValue, type Local, literal, type PlaceValue, POISON, type Value, VOID } from "./value.ts";

type Goal =
	| { kind: "local"; local: Local }
	| { kind: "place"; place: PlaceValue }
	| { kind: "global"; variable: GlobalVariable };

/** What stands left of `=`; undefined after a report. */
function goal(l: Lowering, node: Node): Goal | undefined {
	switch (node.type) {
		case "ParenthesizedExpression":
		case "TSNonNullExpression":
			return goal(l, node["expression"]);
		case "Identifier": {
			const found = l.lookup(node["name"]);
			if (found && !("kind" in found)) return { kind: "local", local: found };
			if (found?.kind === "variable" && "module" in found) {
				const variable = findVariable(l, found, node);
				return variable && { kind: "global", variable };
			}
			if (found)
				l.error("SK1009", node, `${node["name"]} is a constant and cannot be assigned`, "declare a local with let");
			else l.error("SK1004", node, `${node["name"]} is not declared`, `let ${node["name"]} = …`);
			return undefined;
		}
		case "MemberExpression": {
			const place = memberPlace(l, node);
			if (!place) return undefined;
			if (!place.writable) {
				l.error("SK1009", node, `${l.text(node)} is read-only here`);
				return undefined;
			}
			return checkAlive(l, place, node) ? { kind: "place", place } : undefined;
		}
		default:
			l.error("SK1001", node, `${l.text(node)} cannot be assigned`);
			return undefined;
	}
}

const read = (l: Lowering, g: Goal, node: Node): Value =>
	g.kind === "local"
		? readLocal(l, g.local, node)
		: g.kind === "place"
			? readPlace(l, g.place, node)
			: readPlace(l, g.variable.place(l), node);

function write(l: Lowering, g: Goal, value: Value, node: Node): Value {
	if (g.kind === "local") return writeLocal(l, g.local, value, node);
	storeValue(l, g.kind === "place" ? g.place : g.variable.place(l), value, node);
	return value;
}

const goalType = (g: Goal): Type | undefined =>
	g.kind === "place"
		? g.place.type
		: g.kind === "global"
			? g.variable.type
			: g.local.type && g.local.type.kind !== "kernel"
				? (g.local.type as Type)
				: undefined;

export function assignment(l: Lowering, node: Node, want: Want): Value {
	const op: string = node["operator"];
	const left: Node = node["left"];
	const right: Node = node["right"];
	if (left.type === "ObjectPattern" || left.type === "ArrayPattern") {
		const v = l.expression(right);
		l.at(node);
		destructure(l, left, v.kind === "list" ? apart(l, v, node) : requirePresent(l, v, right), right);
		return v;
	}
	if (op === "=") {
		const g = goal(l, left);
		if (!g) {
			l.expression(right);
			return POISON;
		}
		if (g.kind === "place" && !g.place.boxed && !mentions(l, right, left, g.place)) {
			// Structs and text are built where they are wanted, unless the right side reads what it overwrites.
			const v = l.expression(right, { type: g.place.type, into: g.place });
			l.at(node);
			storeValue(l, g.place, v, right);
			return v;
		}
		const type = goalType(g);
		const v = l.expression(right, type ? { type } : {});
		l.at(node);
		return write(l, g, v, right);
	}
	const operator = op.slice(0, -1);
	if (operator === "&&" || operator === "||" || operator === "??") return conditionalAssignment(l, node, operator);
	if (operator === "**") return l.error("SK1001", node, "`**=` does not exist in kernel code", "multiply, or shift");
	const g = goal(l, left);
	// The left side's value counts as it is before the right side runs; an atomic operation takes place after it.
	const old = g && !isAtomic(l, g, operator as Operator) ? read(l, g, left) : undefined;
	const b = l.expression(right);
	if (!g || b.kind === "poison") return POISON;
	return compound(l, g, operator as Operator, b, old, node, left, right, want.unused === true, false);
}

/** Bytes of their own for what stands in memory: `[a, b] = [b, a]` reads both before it writes one. */
const apart = (l: Lowering, list: ListValue, node: Node): ListValue => ({
	...list,
	elements: list.elements.map((e) =>
		e.kind === "place" && !e.nullable && !e.boxed ? copyToTemporary(l, e, e.type, node) : e,
	),
});

/** `({ a, b: s.c } = value)`, `[a, b] = value`: into what exists already. */
function destructure(l: Lowering, pattern: Node, value: Value, node: Node): void {
	for (const { target, take } of partsOf(l, pattern)) {
		if (target.type === "ObjectPattern" || target.type === "ArrayPattern") destructure(l, target, take(value), node);
		else if (target.type === "AssignmentPattern") {
			const v = take(value);
			if (mayBeMissing(v) && v.kind !== "undefined")
				l.notYet(target, "a default for a value that may be undefined", "write `?? value`");
			else writeTo(l, target["left"], v.kind === "undefined" ? l.expression(target["right"]) : v, node);
		} else writeTo(l, target, take(value), node);
	}
}

/** A value into what exists already: a name, a member, a pattern of these. */
export function assignTo(l: Lowering, target: Node, value: Value, node: Node): void {
	if (target.type === "ObjectPattern" || target.type === "ArrayPattern") destructure(l, target, value, node);
	else writeTo(l, target, value, node);
}

function writeTo(l: Lowering, target: Node, value: Value, node: Node): void {
	const g = goal(l, target);
	if (g && value.kind !== "poison") write(l, g, value, node);
}

function conditionalAssignment(l: Lowering, node: Node, operator: string): Value {
	const set = l.join();
	const end = l.join();
	// The left side is looked at once: its index may have effects.
	const g = goal(l, node["left"]);
	const v = g ? read(l, g, node["left"]) : POISON;
	if (!g || v.kind === "poison") return POISON;
	if (operator === "??") branchOnPresence(l, v, end, set, undefined);
	else if (operator === "&&") truth(l, v, node, set, end);
	else truth(l, v, node, end, set);
	l.enter(set);
	if (l.reachable) write(l, g, l.expression(node["right"]), node["right"]);
	l.goto(end);
	l.enter(end);
	return VOID;
}

const ATOMIC: Partial<Record<Operator, AtomicOp>> = { "+": "add", "-": "add", "&": "and", "|": "or", "^": "xor" };

function isAtomic(l: Lowering, g: Goal, op: Operator): boolean {
	const place = g.kind === "place" ? g.place : g.kind === "global" ? g.variable.place(l) : undefined;
	return place?.shared === true && place.type.kind === "int" && ATOMIC[op] !== undefined;
}

/** `goal op= b`. `before`: the goal's value where it counts as of earlier. `postfix`: the result is the value before. */
function compound(
	l: Lowering,
	g: Goal,
	op: Operator,
	b: Value,
	before: Value | undefined,
	node: Node,
	leftNode: Node,
	rightNode: Node,
	unused: boolean,
	postfix: boolean,
): Value {
	l.at(node);
	const place = g.kind === "place" ? g.place : g.kind === "global" ? g.variable.place(l) : undefined;
	const atomic = ATOMIC[op];
	if (place?.shared && place.type.kind === "int" && atomic) {
		const t = place.type;
		if (t.bits < 32)
			return l.error(
				"SK2011",
				node,
				`\`${op}=\` on memory that other CPUs see is atomic, which 8 and 16 bit do not have`,
				`make it u32, or write ${l.text(leftNode)} = u${t.bits}(${l.text(leftNode)} ${op} …), which is not atomic`,
			);
		const operand = requirePresent(l, b, rightNode);
		if (operand.kind !== "int")
			return arithmeticOf(l, op, int(t.bits, t.signed, l.constant(0, t.bits === 64 ? 64 : 32)), operand, node);
		const v = assign(l, operand, t, rightNode);
		if (v.kind !== "int") return v;
		const width = t.bits === 64 ? 64 : 32;
		let amount = v.constant !== undefined ? l.constant(op === "-" ? -v.constant : v.constant, width) : instOf(l, v);
		if (op === "-" && v.constant === undefined) amount = l.binary("sub", l.constant(0, width), amount, width);
		const fetched = l.b.emit(
			{ op: "atomic", operator: atomic, size: (t.bits / 8) as 4 | 8, offset: place.offset, fetch: !unused },
			[place.base, amount],
			width,
		);
		if (unused) return VOID;
		const old = int(t.bits, t.signed, fetched);
		return postfix ? old : arithmetic(l, op, old, v, node);
	}
	const old = before ?? read(l, g, leftNode);
	const value = arithmeticOf(l, op, old, b, { ...node, type: "BinaryExpression", left: leftNode, right: rightNode });
	if (value.kind === "poison") return POISON;
	write(l, g, value, node);
	return postfix ? old : value;
}

/** `++` and `--`, before and after. */
export function update(l: Lowering, node: Node, want: Want): Value {
	const g = goal(l, node["argument"]);
	if (!g) return POISON;
	const type = g.kind === "local" ? readLocal(l, g.local, node) : undefined;
	const bits =
		type?.kind === "int"
			? type.bits
			: g.kind === "place"
				? sizeOf(g.place.type) * 8
				: g.kind === "global"
					? sizeOf(g.variable.type) * 8
					: 32;
	return compound(
		l,
		g,
		node["operator"] === "++" ? "+" : "-",
		literal(1n, bits === 64),
		undefined,
		node,
		node["argument"],
		node,
		want.unused === true,
		!node["prefix"],
	);
}
