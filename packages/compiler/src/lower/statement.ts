import type { Node } from "#frontend";
import { membersRead } from "./alias.ts";
import { coerce } from "./coercion.ts";
import { declare } from "./local.ts";
import type { Join, Lowering, Want } from "./lowering.ts";
import { bind } from "./pattern.ts";
import { relateValues } from "./relation.ts";
import { copyToTemporary } from "./store.ts";
import { sized } from "./type-of.ts";
import { POISON, UNDEFINED, type Value } from "./value.ts";

/** Statements of a block, in a scope of their own. */
export function block(l: Lowering, node: Node, labels: readonly string[]): void {
	if (labels.length === 0) {
		l.inner(() => statements(l, node["body"]));
		return;
	}
	const end = l.join();
	l.frame.breakables.push({ labels, plain: false, onBreak: end, onContinue: undefined });
	block(l, node, []);
	l.frame.breakables.pop();
	l.goto(end);
	l.enter(end);
}

function statements(l: Lowering, list: readonly Node[]): void {
	// Functions can be called before they are declared.
	for (const s of list)
		if (s.type === "FunctionDeclaration") {
			if (s["async"] || s["generator"])
				l.error("SK1001", s, "async functions and generators do not exist in kernel code");
			else
				l.scope!.declare(s["id"]["name"], {
					kind: "closure",
					node: s,
					module: l.module,
					scope: l.scope,
					name: s["id"]["name"],
				});
		}
	for (const s of list) l.statement(s);
}

/** Declarations that are known already, or are types only. */
export function nothing(): void {}

export function expressionStatement(l: Lowering, node: Node): void {
	if (!node["directive"]) l.expression(node["expression"], { unused: true });
}

export function labelled(l: Lowering, node: Node, labels: readonly string[]): void {
	l.statement(node["body"], [...labels, node["label"]["name"]]);
}

export function variables(l: Lowering, node: Node): void {
	const kind: string = node["kind"];
	if (kind === "using" || kind === "await using") {
		l.notYet(node, "`using`");
		// The names are there, so that no later message is about them.
		for (const d of node["declarations"] as Node[]) bind(l, d["id"], POISON, true, undefined, l.frame.node);
		return;
	}
	if (kind === "var") l.error("SK1001", node, "`var` does not exist in kernel code", "write let or const");
	for (const d of node["declarations"] as Node[]) {
		l.at(d);
		const annotation: Node | undefined = d["id"]["typeAnnotation"]?.typeAnnotation;
		const type = annotation ? l.analysis.resolveType(l.module, annotation) : undefined;
		let want: Want = sized(type) ? { type } : {};
		if (kind === "const" && !type && d["id"].type === "Identifier" && d["init"]?.type === "CallExpression") {
			const members = membersRead(l, d["id"]);
			if (members) want = { members };
		}
		let value: Value = UNDEFINED;
		if (d["init"]) {
			value = l.expression(d["init"], want);
			if (type && value.kind !== "poison") {
				value = coerce(l, value, type, d["init"]);
				// `const s: Stat = other` is another name for the same struct; a literal has its own bytes.
				if (value.kind === "kernel-array" && type.kind === "chars") value = copyToTemporary(l, value, type, d["init"]);
			}
			if (value.kind === "void") value = UNDEFINED;
		} else if (sized(type) && d["id"].type === "Identifier") {
			// Declared without a value: memory or register of its type, zero.
			if (type.kind === "struct" || type.kind === "array" || type.kind === "chars")
				value = l.temporary(d["id"]["name"], type, true);
			else if (type.kind === "int")
				value = {
					kind: "int",
					bits: type.bits,
					signed: type.signed,
					open: false,
					inst: l.constant(0, type.bits === 64 ? 64 : 32),
				};
			else if (type.kind === "bool") value = { kind: "bool", inst: l.constant(0, 32) };
			else value = { kind: "be", bits: type.bits, inst: l.constant(0, type.bits === 64 ? 64 : 32) };
		}
		if (!l.reachable && !d["init"]) value = POISON;
		if (d["id"].type === "Identifier")
			declare(l, l.scope!, d["id"]["name"], value, d["id"], kind === "const", type, l.frame.node);
		else bind(l, d["id"], value, kind === "const", undefined, l.frame.node);
	}
}

export function ifStatement(l: Lowering, node: Node): void {
	const yes = l.join();
	const no = l.join();
	const end = l.join();
	l.condition(node["test"], yes, no);
	l.enter(yes);
	if (l.reachable) l.inner(() => l.statement(node["consequent"]));
	l.goto(end);
	l.enter(no);
	if (l.reachable && node["alternate"]) l.inner(() => l.statement(node["alternate"]));
	l.goto(end);
	l.enter(end);
}

export function returnStatement(l: Lowering, node: Node): void {
	const type = l.frame.result;
	const value = node["argument"] ? l.expression(node["argument"], type ? { type } : {}) : UNDEFINED;
	if (!l.b.block) return;
	l.frame.exits.push({ block: l.b.block, facts: l.facts, value, node: node["argument"] ?? node });
	l.b.block = undefined;
}

export function leave(l: Lowering, node: Node): void {
	const label: string | undefined = node["label"]?.name;
	const isBreak = node.type === "BreakStatement";
	const all = l.frame.breakables;
	for (let i = all.length - 1; i >= 0; i--) {
		const b = all[i]!;
		if (label !== undefined ? !b.labels.includes(label) : isBreak ? !b.plain : b.onContinue === undefined) continue;
		const to = isBreak ? b.onBreak : b.onContinue;
		if (to) l.goto(to);
		return;
	}
	l.error("SK1001", node, `${l.text(node)} leaves no loop here`);
}

export function switchStatement(l: Lowering, node: Node, labels: readonly string[]): void {
	const value = l.expression(node["discriminant"]);
	const cases: Node[] = node["cases"];
	const end = l.join();
	const bodies: Join[] = cases.map(() => l.join());
	let otherwise = end;
	for (const [i, c] of cases.entries()) {
		if (!c["test"]) {
			otherwise = bodies[i]!;
			continue;
		}
		if (!l.reachable) break;
		const test = l.expression(c["test"]);
		const next = l.join();
		if (value.kind === "poison" || test.kind === "poison") {
			bodies[i]!.incoming.push(l.facts);
			next.incoming.push(l.facts);
			l.b.terminate({
				op: "branch",
				condition: "ne",
				on: 32,
				args: [l.constant(0, 32), l.constant(0, 32)],
				then: bodies[i]!.block,
				else: next.block,
				position: l.b.position,
			});
		} else
			relateValues(
				l,
				"===",
				value,
				test,
				{ ...c["test"], left: node["discriminant"], right: c["test"] } as Node,
				bodies[i]!,
				next,
			);
		l.enter(next);
	}
	l.goto(otherwise);
	l.b.block = undefined;
	l.frame.breakables.push({ labels, plain: true, onBreak: end, onContinue: undefined });
	l.inner(() => {
		for (const [i, c] of cases.entries()) {
			// Falling through from the case above is one more way here.
			l.goto(bodies[i]!);
			l.enter(bodies[i]!);
			if (l.reachable) statements(l, c["consequent"]);
		}
	});
	l.frame.breakables.pop();
	l.goto(end);
	l.enter(end);
}
