import type { Node } from "#frontend";
import { coerce } from "./coercion.ts";
import type { Frame, Lowering } from "./lowering.ts";
import { merge } from "./merge.ts";
import { bind } from "./pattern.ts";
import { Scope } from "./scope.ts";
import { type ClosureValue, UNDEFINED, type Value } from "./value.ts";

const annotationOf = (pattern: Node): Node | undefined => {
	const p = pattern.type === "AssignmentPattern" ? pattern["left"] : pattern;
	return p["typeAnnotation"]?.typeAnnotation;
};

/** Lowers a function's body where it is called; gives the ends of its ways, each with its value. */
export function inlineBody(l: Lowering, fn: ClosureValue, args: readonly Value[], node: Node): Frame["exits"] {
	const f = fn.node;
	if (f["async"] || f["generator"]) {
		l.error("SK1001", node, `${fn.name} is ${f["async"] ? "async" : "a generator"}, which kernel code has not`);
		return [];
	}
	if (l.frames.some((frame) => frame.node === f)) {
		l.error(
			"SK3001",
			node,
			`${fn.name} calls itself${l.frame.node === f ? "" : ` by way of ${l.frame.name}`}; the kernel has no stack for recursion`,
			"write a loop with a bound",
		);
		return l.b.block ? [{ block: l.b.block, facts: l.facts, value: { kind: "poison" }, node }] : [];
	}
	const outer = { scope: l.scope, module: l.module, position: l.b.position };
	l.module = fn.module;
	l.scope = new Scope(fn.scope);
	const frame: Frame = { node: f, name: fn.name, exits: [], breakables: [], result: undefined };
	l.frames.push(frame);
	const params: Node[] = f["params"];
	for (const [i, p] of params.entries()) {
		if (p.type === "RestElement") {
			l.error("SK1001", p, "rest parameters do not exist in kernel code");
			continue;
		}
		const annotation = annotationOf(p);
		const type = annotation && l.analysis.resolveType(l.module, annotation);
		const given: Value = args[i] ?? UNDEFINED;
		bind(
			l,
			p,
			type && type.kind !== "void" && p.type === "Identifier" && given.kind !== "undefined"
				? coerce(l, given, type, p)
				: given,
			false,
			p.type === "Identifier" ? type : undefined,
			f,
		);
	}
	const resultNode: Node | undefined = f["returnType"]?.typeAnnotation;
	const resultType =
		resultNode && resultNode.type !== "TSTypePredicate" ? l.analysis.resolveType(l.module, resultNode) : undefined;
	if (f["body"].type === "BlockStatement") {
		l.statement(f["body"]);
		if (l.b.block) frame.exits.push({ block: l.b.block, facts: l.facts, value: UNDEFINED, node: f["body"] });
	} else {
		const value = l.expression(f["body"], resultType && resultType.kind === "chars" ? { type: resultType } : {});
		if (l.b.block) frame.exits.push({ block: l.b.block, facts: l.facts, value, node: f["body"] });
	}
	if (resultType && resultType.kind !== "void") {
		for (const x of frame.exits) {
			if (x.value.kind === "undefined" && resultType.kind !== "optional") {
				if (x.node === f["body"])
					l.error("SK1009", f["body"], `${fn.name} ends without a value on one way`, "return one");
				continue;
			}
			l.b.enter(x.block);
			l.facts = x.facts;
			(x as { value: Value }).value = coerce(l, x.value, resultType, x.node);
			(x as { block: typeof x.block }).block = l.b.block!;
		}
	}
	l.frames.pop();
	l.scope = outer.scope;
	l.module = outer.module;
	l.b.position = outer.position;
	return frame.exits;
}

/** A call of a function of the source. */
export function inline(l: Lowering, fn: ClosureValue, args: readonly Value[], node: Node): Value {
	return merge(l, inlineBody(l, fn, args, node), node);
}

/** A function as a value: lowered where it is called. */
export function closure(l: Lowering, node: Node): Value {
	if (node["async"] || node["generator"])
		return l.error(
			"SK1001",
			node,
			"async functions and generators do not exist in kernel code",
			"write an ordinary function",
		);
	return { kind: "closure", node, module: l.module, scope: l.scope, name: node["id"]?.name ?? "a function" };
}
