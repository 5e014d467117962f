import type { Node } from "#frontend";
import type { Inst } from "#ir";
import { keyOf } from "./fact-key.ts";
import { boolInst, type Relation, relation } from "./integer.ts";
import { kernelAddressOf } from "./kernel.ts";
import type { Join, Lowering } from "./lowering.ts";
import { branchOnPresence, mayBeMissing, requirePresent } from "./optional.ts";
import { isText, textEquals } from "./text.ts";
import { truth } from "./truth.ts";
import { describe, type IntValue, knownRange, least, most, POISON, type Value } from "./value.ts";

export const RELATIONS = new Set(["===", "!==", "<", "<=", ">", ">="]);

const NEGATED: Record<Relation, Relation> = { "===": "!==", "!==": "===", "<": ">=", "<=": ">", ">": "<=", ">=": "<" };

const SWAPPED: Record<Relation, Relation> = { "===": "===", "!==": "!==", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

/** Branches on `a op b`. */
export function relateValues(l: Lowering, op: Relation, a: Value, b: Value, node: Node, yes: Join, no: Join): void {
	const equality = op === "===" || op === "!==";
	const leftNode: Node = node["left"] ?? node["discriminant"] ?? node;
	const rightNode: Node = node["right"] ?? node;
	l.at(node);
	if (a.kind === "optional" || b.kind === "optional") {
		// A missing value equals no value.
		const [o, other, oNode] =
			a.kind === "optional" ? [a, b, leftNode] : [b as Extract<Value, { kind: "optional" }>, a, rightNode];
		if (other.kind === "optional") {
			const v = requirePresent(l, other, rightNode);
			relateValues(l, op, a, v, node, yes, no);
			return;
		}
		const there = l.join();
		const [same, different] = op === "===" ? [yes, no] : [no, yes];
		branchOnPresence(l, o, there, different, keyOf(l, oNode));
		l.enter(there);
		relateValues(l, "===", o.value, other, node, same, different);
		return;
	}
	if (a.kind === "int" && b.kind === "int") {
		const r = relation(l, op, a, b, node);
		if (r === undefined) {
			truth(l, POISON, node, yes, no);
			return;
		}
		if (typeof r === "boolean") {
			l.goto(r ? yes : no);
			return;
		}
		const facts = (o: Relation) => {
			const before = l.facts;
			learnRange(l, keyOf(l, leftNode), o, a, b);
			learnRange(l, keyOf(l, rightNode), SWAPPED[o], b, a);
			const after = l.facts;
			l.facts = before;
			return after;
		};
		l.branch(r.condition, r.on, r.a, r.b, yes, no, facts(op), facts(NEGATED[op]));
		return;
	}
	if (!equality) {
		l.error(
			"SK1009",
			node,
			`\`${op}\` orders numbers; here are ${describe(a, l.target.kernel)} and ${describe(b, l.target.kernel)}`,
			a.kind === "be" ? "write ntohs(…) or ntohl(…)" : undefined,
		);
		truth(l, POISON, node, yes, no);
		return;
	}
	const [same, different] = op === "===" ? [yes, no] : [no, yes];
	if (a.kind === "bool" && b.kind === "bool") {
		if (a.constant !== undefined && b.constant !== undefined) {
			l.goto(a.constant === b.constant ? same : different);
			return;
		}
		if (b.constant !== undefined) {
			b.constant ? truth(l, a, node, same, different) : truth(l, a, node, different, same);
			return;
		}
		l.branch("eq", 32, boolInst(l, a), boolInst(l, b), same, different);
		return;
	}
	if (a.kind === "be" && b.kind === "be") {
		if (a.bits !== b.bits) {
			l.error("SK1009", node, `be${a.bits} and be${b.bits} never equal`);
			truth(l, POISON, node, yes, no);
			return;
		}
		if (a.constant !== undefined && b.constant !== undefined) {
			l.goto(a.constant === b.constant ? same : different);
			return;
		}
		const width = a.bits === 64 ? 64 : 32;
		l.branch(
			"eq",
			width,
			a.inst ?? l.constant(a.constant!, width),
			b.inst ?? l.constant(b.constant!, width),
			same,
			different,
		);
		return;
	}
	if (isText(a) && isText(b)) {
		textEquals(l, requirePresent(l, a, leftNode), requirePresent(l, b, rightNode), node, same, different);
		return;
	}
	const pointer = (v: Value): Inst | undefined =>
		v.kind === "kernel"
			? kernelAddressOf(l, v)
			: v.kind === "kernel-pointer" || v.kind === "user-pointer"
				? v.inst
				: v.kind === "place" && v.space === "map_value" && !v.temporary
					? l.address(v)
					: undefined;
	const x = pointer(a);
	const y = pointer(b);
	if (x && y && a.kind === b.kind) {
		l.branch("eq", 64, x, y, same, different);
		return;
	}
	if (a.kind === "place" && b.kind === "place" && a.type.kind !== "chars") {
		l.error(
			"SK2102",
			node,
			`\`${op}\` on two ${describe(a)} values compares references, which are never the same`,
			`write equals(${l.text(leftNode)}, ${l.text(rightNode)})`,
		);
		truth(l, POISON, node, yes, no);
		return;
	}
	if (mayBeMissing(a) || mayBeMissing(b)) {
		const p = requirePresent(l, a, leftNode);
		const q = requirePresent(l, b, rightNode);
		if (p !== a || q !== b) {
			truth(l, POISON, node, yes, no);
			return;
		}
	}
	const be = a.kind === "be" ? a : b.kind === "be" ? b : undefined;
	if (be) {
		const [to, back] =
			be.bits === 16 ? ["htons", "ntohs"] : be.bits === 32 ? ["htonl", "ntohl"] : ["cpuToBe64", "be64ToCpu"];
		l.error(
			"SK1009",
			node,
			`network order compared with ${describe(a.kind === "be" ? b : a)}`,
			`write === ${to}(…), or ${back}(…) === …`,
		);
	} else l.error("SK1009", node, `${describe(a, l.target.kernel)} and ${describe(b, l.target.kernel)} are never equal`);
	truth(l, POISON, node, yes, no);
}

/** What `key op other` being true says about the range of `v`. */
function learnRange(l: Lowering, key: string | undefined, op: Relation, v: IntValue, other: IntValue): void {
	if (key === undefined || v.constant !== undefined) return;
	const [low, high] = knownRange(other);
	const [min, max] = knownRange(v);
	switch (op) {
		case "===":
			l.learn(key, { min: most(low, min), max: least(high, max) });
			return;
		case "<":
			l.learn(key, { min, max: high - 1n });
			return;
		case "<=":
			l.learn(key, { min, max: high });
			return;
		case ">":
			l.learn(key, { min: low + 1n, max });
			return;
		case ">=":
			l.learn(key, { min: low, max });
			return;
		default:
			return;
	}
}
