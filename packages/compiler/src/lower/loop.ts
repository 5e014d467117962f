import type { Node } from "#frontend";
import { type Inst, sizeOf } from "#ir";
import { assignTo } from "./assignment.ts";
import { localKey } from "./fact-key.ts";
import { assign, instOf } from "./integer.ts";
import { assignedIn } from "./local.ts";
import type { Lowering } from "./lowering.ts";
import { integerOperand } from "./operand.ts";
import { requirePresent } from "./optional.ts";
import { bind } from "./pattern.ts";
import { elementAt, part, readPlace } from "./place.ts";
import { Scope } from "./scope.ts";
import { constant, describe, type IntValue, int, knownRange, type Local, type Value } from "./value.ts";

/** Turns the verifier walks without tiring. */
const MAX_TURNS = 1_000_000n;

/** Copies of a body that `unroll` and constant arrays may make. */
const MAX_COPIES = 256;

const unwrap = (node: Node): Node => (node.type === "ParenthesizedExpression" ? unwrap(node["expression"]) : node);

/** Before a body that may run again: what it changes is not known any more. */
function forgetAssigned(l: Lowering, node: Node): void {
	for (const name of assignedIn(node)) {
		const found = l.scope?.find(name);
		if (!found || "kind" in found) continue;
		l.forget(localKey(found));
		if (found.cell?.variables.length === 0) found.early = true;
	}
}

/** `for`, `while`, `do`: each keeps its shape; its bound is proved here, or SK3002 says what is missing. */
export function counted(l: Lowering, node: Node, labels: readonly string[]): void {
	l.inner(() => keptLoop(l, node, labels));
}

function keptLoop(l: Lowering, node: Node, labels: readonly string[]): void {
	if (node["init"]) {
		if (node["init"].type === "VariableDeclaration") l.statement(node["init"]);
		else l.expression(node["init"], { unused: true });
	}
	if (!l.reachable) return;
	const bound = proveBound(l, node);
	if (!bound) {
		l.error(
			"SK3002",
			node.type === "DoWhileStatement" ? node : { ...node, end: node["body"].start },
			"no bound: nothing says that this loop ends",
			"count with a constant bound (for (let i = 0; i < 16; i++)), or write for (const i of range(n))",
		);
	}
	forgetAssigned(l, node);
	if (bound) {
		// The counter never passes where it began.
		if (bound.up && bound.start !== undefined) l.learn(localKey(bound.local), { min: bound.start });
		if (!bound.up && bound.start !== undefined) l.learn(localKey(bound.local), { max: bound.start });
	}
	const head = l.join();
	const body = l.join();
	const next = l.join();
	const end = l.join();
	if (node.type === "DoWhileStatement") {
		l.goto(body);
		l.b.enter(body.block);
	} else {
		l.goto(head);
		l.b.enter(head.block);
		if (node["test"]) l.condition(node["test"], body, end);
		else l.goto(body);
		l.enter(body);
	}
	l.frame.breakables.push({ labels, plain: true, onBreak: end, onContinue: next });
	if (l.reachable) l.inner(() => l.statement(node["body"]));
	l.frame.breakables.pop();
	l.goto(next);
	l.enter(next);
	if (node.type === "DoWhileStatement") {
		if (l.reachable) l.condition(node["test"], body, end);
		l.b.seal(body.block);
	} else {
		if (l.reachable && node["update"]) l.expression(node["update"], { unused: true });
		l.goto(head);
		l.b.seal(head.block);
	}
	l.enter(end);
}

interface Bound {
	readonly local: Local;
	readonly up: boolean;
	/** Lowest (up) or highest (down) value of the counter. */
	readonly start: bigint | undefined;
}

/** Changes of a local: `i++`, `i += 2`, `i--`; undefined: another one. */
function stepOf(node: Node, name: string): bigint | undefined {
	const n = unwrap(node);
	if (n.type === "UpdateExpression" && n["argument"]["name"] === name) return n["operator"] === "++" ? 1n : -1n;
	if (n.type === "AssignmentExpression" && n["left"]["name"] === name) {
		const literal = (x: Node): bigint | undefined => {
			if (x.type !== "Literal") return undefined;
			if (typeof x["bigint"] === "string") return BigInt(x["bigint"]);
			return typeof x["value"] === "number" && Number.isInteger(x["value"]) ? BigInt(x["value"]) : undefined;
		};
		if (n["operator"] === "+=") return literal(n["right"]);
		if (n["operator"] === "-=") {
			const v = literal(n["right"]);
			return v === undefined ? undefined : -v;
		}
		if (n["operator"] === "=" && n["right"].type === "BinaryExpression" && n["right"]["left"]["name"] === name) {
			const v = literal(n["right"]["right"]);
			if (n["right"]["operator"] === "+") return v;
			if (n["right"]["operator"] === "-" && v !== undefined) return -v;
		}
	}
	return undefined;
}

const changes = (node: unknown, name: string): number => {
	if (Array.isArray(node)) return node.reduce((sum: number, n) => sum + changes(n, name), 0);
	if (!node || typeof node !== "object" || typeof (node as Node).type !== "string") return 0;
	const n = node as Node;
	const here =
		(n.type === "AssignmentExpression" && n["left"]["name"] === name) ||
		(n.type === "UpdateExpression" && n["argument"]["name"] === name)
			? 1
			: 0;
	return here + Object.keys(n).reduce((sum, key) => (key === "type" ? sum : sum + changes(n[key], name)), 0);
};

const hasContinue = (node: unknown, nested = false): boolean => {
	if (Array.isArray(node)) return node.some((n) => hasContinue(n, nested));
	if (!node || typeof node !== "object" || typeof (node as Node).type !== "string") return false;
	const n = node as Node;
	if (n.type === "ContinueStatement") return !nested || n["label"] !== null;
	const inner = nested || /^(For|While|DoWhile)/.test(n.type);
	return Object.keys(n).some((key) => key !== "type" && hasContinue(n[key], inner));
};

/** Conditions that must all hold for the loop to go on. */
const conjuncts = (node: Node | null | undefined): Node[] => {
	if (!node) return [];
	const n = unwrap(node);
	return n.type === "LogicalExpression" && n["operator"] === "&&"
		? [...conjuncts(n["left"]), ...conjuncts(n["right"])]
		: [n];
};

const FLIP: Record<string, string> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "!==": "!==", "===": "===" };

const NOT: Record<string, string> = { "<": ">=", "<=": ">", ">": "<=", ">=": "<", "===": "!==" };

/** Finds the counter that ends the loop: one step a turn, always the same way, against a bound that is known. */
function proveBound(l: Lowering, node: Node): Bound | undefined {
	const body: Node[] = node["body"].type === "BlockStatement" ? node["body"]["body"] : [node["body"]];
	const tests: { left: Node; operator: string; right: Node }[] = [];
	for (const c of conjuncts(node["test"]))
		if (c.type === "BinaryExpression") tests.push({ left: c["left"], operator: c["operator"], right: c["right"] });
	// What stands at the top level of the body before the first `continue` is passed in every turn.
	const first = body.findIndex((s) => hasContinue(s));
	const passed = first < 0 ? body : body.slice(0, first);
	// `if (i >= n) break;` there ends the loop as well.
	for (const s of passed) {
		if (s.type !== "IfStatement" || s["alternate"]) continue;
		const then: Node =
			s["consequent"].type === "BlockStatement"
				? s["consequent"]["body"][s["consequent"]["body"].length - 1]
				: s["consequent"];
		if (!then || (then.type !== "BreakStatement" && then.type !== "ReturnStatement") || then["label"]) continue;
		const t = unwrap(s["test"]);
		if (t.type === "BinaryExpression" && NOT[t["operator"]])
			tests.push({ left: t["left"], operator: NOT[t["operator"]]!, right: t["right"] });
	}
	for (const t of tests)
		for (const [counter, operator, limit] of [
			[unwrap(t.left), t.operator, unwrap(t.right)],
			[unwrap(t.right), FLIP[t.operator] ?? "", unwrap(t.left)],
		] as const) {
			if (counter.type !== "Identifier") continue;
			const name: string = counter["name"];
			const local = l.scope?.find(name);
			if (!local || "kind" in local || !local.mutable) continue;
			const steps = [
				...(node["update"] ? conjunctSteps(node["update"]) : []),
				...passed.filter((s) => s.type === "ExpressionStatement").flatMap((s) => conjunctSteps(s["expression"])),
			];
			const step = steps.map((s) => stepOf(s, name)).find((s) => s !== undefined && s !== 0n);
			if (
				step === undefined ||
				changes(node["body"], name) + changes(node["update"], name) !== 1 + changes(node["test"], name)
			)
				continue;
			const start = startOf(l, local);
			const range = limitRange(l, limit, node);
			if (!range) continue;
			const up = step > 0n;
			const [from, to] = up ? [start[0], range[1]] : [start[1], range[0]];
			if (
				operator === "!==" &&
				(step === 1n || step === -1n) &&
				range[0] === range[1] &&
				(up ? start[1] <= range[0] : start[0] >= range[0])
			)
				return { local, up, start: from };
			if (up ? operator !== "<" && operator !== "<=" : operator !== ">" && operator !== ">=") continue;
			const turns = up ? (to - from) / step : (from - to) / -step;
			if (turns > MAX_TURNS) continue;
			// Down to 0 and below never comes for an unsigned counter.
			if (!up && !(local.sign !== "unsigned") && operator === ">=" && to <= 0n) continue;
			return { local, up, start: from };
		}
	return undefined;
}

const conjunctSteps = (node: Node): Node[] => (node.type === "SequenceExpression" ? node["expressions"] : [node]);

/** Where the counter may begin. */
function startOf(l: Lowering, local: Local): [bigint, bigint] {
	const shape = local.cell?.shape;
	const fact = l.facts.known.get(localKey(local));
	if (fact?.min !== undefined && fact.max !== undefined) return [fact.min, fact.max];
	const bits = shape?.kind === "int" ? shape.bits : 32;
	const signed = local.sign === "signed";
	const [low, high] = knownRange({ kind: "int", bits, signed, open: false });
	return [fact?.min ?? low, fact?.max ?? high];
}

/** What the limit may be; it must not change in the loop, or be bounded by its type. */
function limitRange(l: Lowering, node: Node, loopNode: Node): [bigint, bigint] | undefined {
	if (node.type === "Identifier" && assignedIn(loopNode).has(node["name"])) return undefined;
	// Looking at it emits instructions; those of a block that nothing leads to vanish.
	const block = l.b.block;
	const facts = l.facts;
	const before = l.report.list().length;
	const aside = l.b.newBlock();
	aside.sealed = true;
	if (block) aside.predecessors.push(block);
	l.b.enter(aside);
	const v = l.expression(node);
	l.b.block = block;
	l.facts = facts;
	if (l.report.list().length !== before || v.kind !== "int") return undefined;
	return knownRange(v);
}

/** `for…of` over arrays, constant lists, `range` and `unroll`. */
export function forOf(l: Lowering, node: Node, labels: readonly string[]): void {
	if (node["await"])
		return void l.error("SK1001", node, "for await does not exist in kernel code", "read records in the user half");
	const right = unwrap(node["right"]);
	if (right.type === "CallExpression" && right["callee"].type === "Identifier") {
		const b = l.lookup(right["callee"]["name"]);
		if (b && "kind" in b && b.kind === "vocabulary" && (b.name === "range" || b.name === "unroll")) {
			b.name === "range" ? range(l, node, right, labels) : unroll(l, node, right, labels);
			return;
		}
	}
	const raw = l.expression(right);
	const v = requirePresent(l, raw, right);
	switch (v.kind) {
		case "poison":
			return;
		case "list":
			if (v.elements.length > MAX_COPIES)
				return void l.error(
					"SK3002",
					node,
					`${v.elements.length} copies of the body are too many`,
					"count over an array in a map",
				);
			copies(l, node, labels, v.elements.length, (i) => bindElement(l, v.elements[i]!, node));
			return;
		case "place":
			if (v.type.kind === "array") {
				const { element, length } = v.type;
				// Neither the context nor a checked packet pointer may be moved by a variable.
				if (v.space === "ctx" || (v.space === "packet" && length <= MAX_COPIES)) {
					copies(l, node, labels, length, (i) =>
						bindElement(l, readPlace(l, part(v, element, i * sizeOf(element)), node), node),
					);
					return;
				}
				turns(l, node, labels, constant(0, 32, false), constant(length, 32, false), (i) => {
					const wide = l.b.emit({ op: "extend", from: 32, signed: false }, [i], 64);
					bindElement(l, readPlace(l, elementAt(l, v, element, wide), node), node);
				});
				return;
			}
			break;
		case "map":
			return void l.notYet(
				node,
				"for…of over a map in kernel code (bpf_for_each_map_elem)",
				"walk the map in the user half",
			);
	}
	l.error("SK1009", node["right"], `${describe(v, l.target.kernel)} cannot be walked`);
}

/** What each turn gives: to a name of its own, or into what exists. */
function bindElement(l: Lowering, v: Value, node: Node): void {
	const left: Node = node["left"];
	if (left.type !== "VariableDeclaration") {
		assignTo(l, left, v, node["right"]);
		return;
	}
	const pattern: Node = left["declarations"][0]["id"];
	const isConst = left["kind"] === "const" || !assignedIn(node["body"]).has(pattern["name"]);
	bind(l, pattern, v, isConst, undefined, node);
}

/** `for (const i of range(n))`: a plain loop. */
function range(l: Lowering, node: Node, call: Node, labels: readonly string[]): void {
	const args: Node[] = call["arguments"];
	const values = args.map((a) => integerOperand(l, l.expression(a), a, "range"));
	if (values.some((v) => !v) || values.length === 0) return;
	const fitted = values.map((v, i) => assign(l, v!, { kind: "int", bits: 32, signed: false }, args[i]!));
	if (fitted.some((v) => v.kind !== "int")) return;
	const ints = fitted as IntValue[];
	const start = ints.length === 2 ? ints[0]! : constant(0, 32, false);
	const end = ints[ints.length - 1]!;
	if (knownRange(end)[1] > MAX_TURNS)
		return void l.error(
			"SK3002",
			call,
			`nothing says how large ${l.text(args[args.length - 1]!)} is`,
			`mask it: range(${l.text(args[args.length - 1]!)} & 0xff), or check it before: if (n < 1000) …`,
		);
	turns(l, node, labels, start, end, (i) => {
		const high = knownRange(end)[1] - 1n;
		bindElement(l, int(32, false, i, { min: knownRange(start)[0], max: high < 0n ? 0n : high }), node);
	});
}

/** start ≤ i < end, as a loop. */
function turns(
	l: Lowering,
	node: Node,
	labels: readonly string[],
	start: IntValue,
	end: IntValue,
	enter: (i: Inst) => void,
): void {
	const i = { name: "i", width: 32, space: "scalar" } as const;
	l.at(node);
	l.b.write(i, instOf(l, start));
	const limit = instOf(l, end);
	forgetAssigned(l, node);
	const head = l.join();
	const body = l.join();
	const next = l.join();
	const done = l.join();
	l.goto(head);
	l.b.enter(head.block);
	l.branch("ult", 32, l.b.read(i), limit, body, done);
	l.enter(body);
	l.frame.breakables.push({ labels, plain: true, onBreak: done, onContinue: next });
	const outer = l.scope;
	l.scope = new Scope(outer);
	enter(l.b.read(i));
	l.statement(node["body"]);
	l.scope = outer;
	l.frame.breakables.pop();
	l.goto(next);
	l.enter(next);
	if (l.reachable) l.b.write(i, l.binary("add", l.b.read(i), l.constant(1, 32), 32));
	l.goto(head);
	l.b.seal(head.block);
	l.enter(done);
}

/** `for (const i of unroll(n))`: n copies. */
function unroll(l: Lowering, node: Node, call: Node, labels: readonly string[]): void {
	const n = call["arguments"][0] ? l.expression(call["arguments"][0]) : undefined;
	if (n?.kind !== "int" || n.constant === undefined) {
		if (n?.kind !== "poison")
			l.error("SK3002", call, "unroll takes a constant", "write range(n) for a count that is only known when running");
		return;
	}
	if (n.constant < 0n || n.constant > BigInt(MAX_COPIES))
		return void l.error("SK3002", call, `${n.constant} copies of the body are too many`, "write range(n)");
	copies(l, node, labels, Number(n.constant), (i) => bindElement(l, constant(i, 32, false), node));
}

function copies(l: Lowering, node: Node, labels: readonly string[], count: number, enter: (i: number) => void): void {
	const done = l.join();
	for (let i = 0; i < count && l.reachable; i++) {
		const next = l.join();
		l.frame.breakables.push({ labels, plain: true, onBreak: done, onContinue: next });
		const outer = l.scope;
		l.scope = new Scope(outer);
		enter(i);
		l.statement(node["body"]);
		l.scope = outer;
		l.frame.breakables.pop();
		l.goto(next);
		l.enter(next);
	}
	l.goto(done);
	l.enter(done);
}
