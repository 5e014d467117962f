import type { Node } from "#frontend";
import type { Inst } from "#ir";
import { existsBranch } from "./exists.ts";
import { expression, type Want } from "./expression.ts";
import { keyOf } from "./fact-key.ts";
import { boolInst, instOf, type Relation, relation } from "./integer.ts";
import { kernelAddressOf } from "./kernel.ts";
import type { Join, Lowering } from "./lowering.ts";
import { type Arm, merge } from "./merge.ts";
import { arms, branchOnPresence, mayBeMissing, present, requirePresent } from "./optional.ts";
import { loadBytes } from "./place.ts";
import { isText, textBranch, textEquals } from "./text.ts";
import {
	bool,
	boolConstant,
	describe,
	type IntValue,
	knownRange,
	least,
	most,
	POISON,
	UNDEFINED,
	type Value,
} from "./value.ts";

const RELATIONS = new Set(["===", "!==", "<", "<=", ">", ">="]);
const NEGATED: Record<Relation, Relation> = { "===": "!==", "!==": "===", "<": ">=", "<=": ">", ">": "<=", ">=": "<" };
const SWAPPED: Record<Relation, Relation> = { "===": "===", "!==": "!==", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

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
		condition(l, node["argument"], no, yes);
		return;
	}
	if (node.type === "LogicalExpression" && node["operator"] !== "??") {
		const right = l.join();
		if (node["operator"] === "&&") condition(l, node["left"], right, no);
		else condition(l, node["left"], yes, right);
		l.enter(right);
		if (l.reachable) condition(l, node["right"], yes, no);
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
				const v = expression(l, operand);
				op === "=="
					? branchOnPresence(l, v, no, yes, keyOf(l, operand))
					: branchOnPresence(l, v, yes, no, keyOf(l, operand));
				return;
			}
			expression(l, node["left"]);
			expression(l, node["right"]);
			l.goto(yes);
			return;
		}
		if (RELATIONS.has(op)) {
			relationBranch(l, op as Relation, node, yes, no);
			return;
		}
	}
	if (node.type === "CallExpression") {
		if (existsBranch(l, node, yes, no)) return;
		if (textBranch(l, node, yes, no)) return;
	}
	const v = expression(l, node);
	if (l.reachable) truth(l, v, node, yes, no, keyOf(l, node));
}

/** Branches on a value's truth as JavaScript has it. */
export function truth(l: Lowering, v: Value, node: Node, yes: Join, no: Join, key?: string): void {
	l.at(node);
	switch (v.kind) {
		case "int":
			if (v.constant !== undefined) {
				l.goto(v.constant !== 0n ? yes : no);
				return;
			}
			l.branch("ne", v.bits === 64 ? 64 : 32, instOf(l, v), l.constant(0, v.bits === 64 ? 64 : 32), yes, no);
			return;
		case "bool": {
			if (v.constant !== undefined) {
				l.goto(v.constant ? yes : no);
				return;
			}
			const inst = v.inst!;
			if (inst.op === "compare") {
				l.branch(inst.condition, inst.on, inst.args[0]!, inst.args[1]!, yes, no);
				return;
			}
			l.branch("ne", 32, inst, l.constant(0, 32), yes, no);
			return;
		}
		case "text":
			l.goto(v.text !== "" ? yes : no);
			return;
		case "undefined":
		case "void":
			l.goto(no);
			return;
		case "poison":
			// Both ways are looked at, so that their errors are reported too.
			yes.incoming.push(l.facts);
			no.incoming.push(l.facts);
			l.b.terminate({
				op: "branch",
				condition: "ne",
				on: 32,
				args: [l.constant(0, 32), l.constant(0, 32)],
				then: yes.block,
				else: no.block,
				position: l.b.position,
			});
			return;
		case "optional": {
			const inner = v.value;
			if (v.copied && inner.kind !== "place") {
				l.error(
					"SK2103",
					node,
					`truthiness of a copied ${describe(inner)}: zero and missing look alike`,
					`write ${l.text(node)} !== undefined, or ${l.text(node)} ?? 0`,
				);
				branchOnPresence(l, v, yes, no, key);
				return;
			}
			if (inner.kind === "place" && inner.type.kind === "struct") {
				branchOnPresence(l, v, yes, no, key);
				return;
			}
			const there = l.join();
			branchOnPresence(l, v, there, no, key);
			l.enter(there);
			truth(l, inner, node, yes, no, key);
			return;
		}
		case "place":
			if (v.nullable) {
				branchOnPresence(l, v, yes, no, key);
				return;
			}
			if (v.type.kind === "chars" && !v.boxed) {
				l.branch("ne", 32, loadBytes(l, v, 0, 1), l.constant(0, 32), yes, no);
				return;
			}
			l.goto(yes);
			return;
		case "kernel":
			branchOnPresence(l, v, yes, no, key);
			return;
		case "kernel-pointer":
		case "user-pointer":
			l.branch("ne", 64, v.inst, l.constant(0, 64), yes, no);
			return;
		case "kernel-array":
		case "be":
			l.error("SK1009", node, `${describe(v)} has no truth`, v.kind === "be" ? "compare it: !== htons(0)" : undefined);
			l.goto(yes);
			return;
		default:
			l.goto(yes);
			return;
	}
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

export function swapBytes(value: bigint, bits: number): bigint {
	let out = 0n;
	for (let i = 0; i < bits; i += 8) out = (out << 8n) | ((value >> BigInt(i)) & 0xffn);
	return out;
}

function relationBranch(l: Lowering, op: Relation, node: Node, yes: Join, no: Join): void {
	const leftNode: Node = node["left"];
	const rightNode: Node = node["right"];
	const equality = op === "===" || op === "!==";
	const isUndefined = (n: Node) => unwrap(n).type === "Identifier" && unwrap(n)["name"] === "undefined";
	if (equality && (isUndefined(leftNode) || isUndefined(rightNode))) {
		const operand = isUndefined(rightNode) ? leftNode : rightNode;
		const v = expression(l, operand);
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
		const other = expression(l, rightNode);
		const swapped = swappedConstant(l, leftNode, other);
		if (swapped) {
			relateValues(l, op, expression(l, swapped.operand), swapped.constant, node, yes, no);
			return;
		}
	}
	let a = expression(l, leftNode);
	const b = expression(l, rightNode);
	if (a.kind === "poison" || b.kind === "poison") {
		truth(l, POISON, node, yes, no);
		return;
	}
	if (equality) {
		const swapped = swappedConstant(l, rightNode, a);
		if (swapped) {
			relateValues(l, op, expression(l, swapped.operand), swapped.constant, node, yes, no);
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
	if (a.kind === "be" || b.kind === "be")
		l.error(
			"SK1009",
			node,
			`network order compared with ${describe(a.kind === "be" ? b : a)}`,
			"write === htons(…), or ntohs(…) === …",
		);
	else l.error("SK1009", node, `${describe(a, l.target.kernel)} and ${describe(b, l.target.kernel)} are never equal`);
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
			const a = expression(l, node["left"]);
			const b = expression(l, node["right"]);
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
	return asValue(l, node, (yes, no) => condition(l, node, yes, no));
}

/** A branch as a boolean. */
export function asValue(l: Lowering, node: Node, branch: (yes: Join, no: Join) => void): Value {
	const yes = l.join();
	const no = l.join();
	branch(yes, no);
	return arms(l, node, [
		{ join: yes, value: () => boolConstant(true), node },
		{ join: no, value: () => boolConstant(false), node },
	]);
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
		const v = expression(l, left, inner);
		if (v.kind === "poison") {
			expression(l, right, inner);
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
			if (op === "&&") condition(l, left, yes, no);
			else condition(l, left, no, yes);
			l.enter(yes);
			if (l.reachable) expression(l, right, { unused: true });
			l.goto(no);
			l.enter(no);
			return UNDEFINED;
		}
		return asValue(l, node, (y, n) => condition(l, node, y, n));
	} else {
		// The value of the left side where it decides, else that of the right.
		const v = expression(l, left, inner);
		if (v.kind === "poison") {
			expression(l, right, inner);
			return POISON;
		}
		const decided = l.join();
		if (op === "&&") truth(l, v, left, rest, decided, keyOf(l, left));
		else truth(l, v, left, decided, rest, keyOf(l, left));
		l.enter(decided);
		if (l.reachable) arm(op === "||" ? present(v) : falsy(v), left);
	}
	l.enter(rest);
	if (l.reachable) arm(expression(l, right, inner), right);
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
	condition(l, node["test"], yes, no);
	return arms(l, node, [
		{ join: yes, value: () => expression(l, node["consequent"], inner), node: node["consequent"] },
		{ join: no, value: () => expression(l, node["alternate"], inner), node: node["alternate"] },
	]);
}
