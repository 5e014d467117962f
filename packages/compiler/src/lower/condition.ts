import type { Node } from "#frontend";
import { existsBranch } from "./exists.ts";
import { keyOf } from "./fact-key.ts";
import { type Relation, relation, swapBytes } from "./integer.ts";
import type { Join, Lowering, Want } from "./lowering.ts";
import { type Arm, arms, merge } from "./merge.ts";
import { branchOnPresence, mayBeMissing, present, requirePresent } from "./optional.ts";
import { predicateBranch } from "./predicate.ts";
import { RELATIONS, relateValues } from "./relation.ts";
import { asValue, truth } from "./truth.ts";
import { bool, boolConstant, POISON, UNDEFINED, type Value } from "./value.ts";

const unwrap = (node: Node): Node => {
	let n = node;
	while (n.type === "ParenthesizedExpression" || n.type === "ChainExpression" || n.type === "TSSatisfiesExpression")
		n = n["expression"];
	return n;
};

/** Branches on an expression's truth; each way knows what it means for locals, options and members. */
export function condition(l: Lowering, raw: Node, yes: Join, no: Join): void {
	const node = unwrap(raw);
	if (!l.reachable) return;
	if (node.type === "UnaryExpression" && node["operator"] === "!") {
		l.condition(node["argument"], no, yes);
		return;
	}
	if (node.type === "LogicalExpression" && node["operator"] !== "??") {
		const right = l.join();
		if (node["operator"] === "&&") l.condition(node["left"], right, no);
		else l.condition(node["left"], yes, right);
		l.enter(right);
		if (l.reachable) l.condition(node["right"], yes, no);
		return;
	}
	if (node.type === "BinaryExpression") {
		const op: string = node["operator"];
		if (op === "==" || op === "!=") {
			const nullish = (n: Node) =>
				n.type === "Literal" && n["value"] === null && !n["regex"] && n["bigint"] === undefined;
			if (!nullish(node["right"]) && !nullish(node["left"]))
				l.error("SK1003", node, `\`${op}\` compares after conversions`, `write ${op}=`);
			else {
				const operand: Node = nullish(node["right"]) ? node["left"] : node["right"];
				const v = l.expression(operand);
				op === "=="
					? branchOnPresence(l, v, no, yes, keyOf(l, operand))
					: branchOnPresence(l, v, yes, no, keyOf(l, operand));
				return;
			}
			l.expression(node["left"]);
			l.expression(node["right"]);
			// Both ways are looked at: the mistake says nothing of what comes after it.
			truth(l, POISON, node, yes, no);
			return;
		}
		if (RELATIONS.has(op)) {
			relationBranch(l, op as Relation, node, yes, no);
			return;
		}
	}
	if (node.type === "CallExpression") {
		if (existsBranch(l, node, yes, no)) return;
		if (predicateBranch(l, node, yes, no)) return;
	}
	const v = l.expression(node);
	if (l.reachable) truth(l, v, node, yes, no, keyOf(l, node));
}

/** `ntohs(x) === 53` is `x === htons(53)`: the constant is swapped, not the packet's bytes. */
function swappedConstant(l: Lowering, node: Node, other: Value): { operand: Node; constant: Value } | undefined {
	const n = unwrap(node);
	if (
		n.type !== "CallExpression" ||
		n["callee"].type !== "Identifier" ||
		other.kind !== "int" ||
		other.constant === undefined
	)
		return undefined;
	const b = l.lookup(n["callee"]["name"]);
	if (!b || !("kind" in b) || b.kind !== "vocabulary") return undefined;
	const bits = b.name === "ntohs" ? 16 : b.name === "ntohl" ? 32 : b.name === "be64ToCpu" ? 64 : 0;
	if (
		bits === 0 ||
		other.constant < 0n ||
		other.constant >= 1n << BigInt(bits) ||
		(other.bits === 64) !== (bits === 64)
	)
		return undefined;
	return {
		operand: n["arguments"][0],
		constant: { kind: "be", bits: bits as 16 | 32 | 64, constant: swapBytes(other.constant, bits) },
	};
}

function relationBranch(l: Lowering, op: Relation, node: Node, yes: Join, no: Join): void {
	const leftNode: Node = node["left"];
	const rightNode: Node = node["right"];
	const equality = op === "===" || op === "!==";
	const isUndefined = (n: Node) => unwrap(n).type === "Identifier" && unwrap(n)["name"] === "undefined";
	if (equality && (isUndefined(leftNode) || isUndefined(rightNode))) {
		const operand = isUndefined(rightNode) ? leftNode : rightNode;
		const v = l.expression(operand);
		if (v.kind === "poison") {
			truth(l, v, node, yes, no);
			return;
		}
		op === "==="
			? branchOnPresence(l, v, no, yes, keyOf(l, operand))
			: branchOnPresence(l, v, yes, no, keyOf(l, operand));
		return;
	}
	const literalRight = unwrap(rightNode).type === "Literal" || unwrap(rightNode).type === "Identifier";
	if (equality && literalRight) {
		const other = l.expression(rightNode);
		const swapped = swappedConstant(l, leftNode, other);
		if (swapped) {
			relateValues(l, op, l.expression(swapped.operand), swapped.constant, node, yes, no);
			return;
		}
	}
	let a = l.expression(leftNode);
	const b = l.expression(rightNode);
	if (a.kind === "poison" || b.kind === "poison") {
		truth(l, POISON, node, yes, no);
		return;
	}
	if (equality) {
		const swapped = swappedConstant(l, rightNode, a);
		if (swapped) {
			relateValues(l, op, l.expression(swapped.operand), swapped.constant, node, yes, no);
			return;
		}
	} else {
		a = requirePresent(l, a, leftNode);
		const right = requirePresent(l, b, rightNode);
		if (a.kind === "poison" || right.kind === "poison") {
			truth(l, POISON, node, yes, no);
			return;
		}
		relateValues(l, op, a, right, node, yes, no);
		return;
	}
	relateValues(l, op, a, b, node, yes, no);
}

/** A comparison or negation as a value. */
export function relational(l: Lowering, node: Node): Value {
	const op: string = node["operator"];
	// One instruction where both sides are numbers.
	if (RELATIONS.has(op) && node.type === "BinaryExpression") {
		const simple = (n: Node) => {
			const u = unwrap(n);
			return !(u.type === "Identifier" && u["name"] === "undefined") && u.type !== "CallExpression";
		};
		if (simple(node["left"]) && simple(node["right"])) {
			const a = l.expression(node["left"]);
			const b = l.expression(node["right"]);
			if (a.kind === "int" && b.kind === "int") {
				const r = relation(l, op as Relation, a, b, node);
				return r === undefined
					? POISON
					: typeof r === "boolean"
						? boolConstant(r)
						: bool(l.b.emit({ op: "compare", condition: r.condition, on: r.on }, [r.a, r.b], 32));
			}
			if (a.kind === "poison" || b.kind === "poison") return POISON;
			return asValue(l, node, (yes, no) => relateValues(l, op as Relation, a, b, node, yes, no));
		}
	}
	return asValue(l, node, (yes, no) => l.condition(node, yes, no));
}

/** `a && b`, `a || b`, `a ?? b` as a value. */
export function logical(l: Lowering, node: Node, want: Want): Value {
	const op: string = node["operator"];
	const left: Node = node["left"];
	const right: Node = node["right"];
	const inner: Want = want.type ? { type: want.type } : {};
	const list: Arm[] = [];
	const arm = (value: Value, n: Node) => {
		if (l.b.block) list.push({ block: l.b.block, facts: l.facts, value, node: n });
	};
	const rest = l.join();
	if (op === "??") {
		const v = l.expression(left, inner);
		if (v.kind === "poison") {
			l.expression(right, inner);
			return POISON;
		}
		if (!mayBeMissing(v)) return v;
		const there = l.join();
		branchOnPresence(l, v, there, rest, keyOf(l, left));
		l.enter(there);
		arm(present(v), left);
	} else if (want.unused || booleanOnly(node)) {
		// A condition: `a && b` of booleans, or one that is only run for what it does.
		const yes = l.join();
		const no = l.join();
		if (want.unused) {
			if (op === "&&") l.condition(left, yes, no);
			else l.condition(left, no, yes);
			l.enter(yes);
			if (l.reachable) l.expression(right, { unused: true });
			l.goto(no);
			l.enter(no);
			return UNDEFINED;
		}
		return asValue(l, node, (y, n) => l.condition(node, y, n));
	} else {
		// The value of the left side where it decides, else that of the right.
		const v = l.expression(left, inner);
		if (v.kind === "poison") {
			l.expression(right, inner);
			return POISON;
		}
		const decided = l.join();
		if (op === "&&") truth(l, v, left, rest, decided, keyOf(l, left));
		else truth(l, v, left, decided, rest, keyOf(l, left));
		l.enter(decided);
		if (l.reachable) arm(op === "||" ? present(v) : falsy(v), left);
	}
	l.enter(rest);
	if (l.reachable) arm(l.expression(right, inner), right);
	return merge(l, list, node);
}

const falsy = (v: Value): Value => (v.kind === "bool" ? boolConstant(false) : mayBeMissing(v) ? UNDEFINED : v);

/** Comparisons, negations and what joins them: the value is a boolean whatever the operands are. */
function booleanOnly(raw: Node): boolean {
	const node = unwrap(raw);
	if (node.type === "LogicalExpression")
		return node["operator"] !== "??" && booleanOnly(node["left"]) && booleanOnly(node["right"]);
	if (node.type === "UnaryExpression") return node["operator"] === "!";
	if (node.type === "BinaryExpression")
		return RELATIONS.has(node["operator"]) || node["operator"] === "==" || node["operator"] === "!=";
	return node.type === "Literal" && typeof node["value"] === "boolean";
}

/** `c ? a : b`. */
export function conditional(l: Lowering, node: Node, want: Want): Value {
	const yes = l.join();
	const no = l.join();
	const inner: Want = want.type ? { type: want.type } : {};
	l.condition(node["test"], yes, no);
	return arms(l, node, [
		{ join: yes, value: () => l.expression(node["consequent"], inner), node: node["consequent"] },
		{ join: no, value: () => l.expression(node["alternate"], inner), node: node["alternate"] },
	]);
}
