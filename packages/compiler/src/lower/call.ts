import { didYouMean } from "#declare";
import type { Node } from "#frontend";
import { inline } from "./function.ts";
import { sequenceMethod } from "./iterator.ts";
import type { Lowering, Want } from "./lowering.ts";
import { mapMethod } from "./map.ts";
import { endsEarly, optionalChain } from "./member.ts";
import { mayBeMissing, requirePresent } from "./optional.ts";
import { cursorMethod, packetMethod } from "./packet.ts";
import { pointerMethod } from "./pointer.ts";
import { fill, isPredicate, predicate } from "./predicate.ts";
import { isText, textMethod } from "./text.ts";
import { asValue } from "./truth.ts";
import { describe, POISON, type Value } from "./value.ts";
import { callWord, mathCall } from "./word.ts";

/** A call: of the vocabulary, of a handle's member, or of a function of the source, which is inlined. */
export function call(l: Lowering, node: Node, want: Want): Value {
	const callee: Node = unwrap(node["callee"]);
	const args: Node[] = node["arguments"];
	for (const a of args)
		if (a.type === "SpreadElement")
			return l.error("SK1001", a, "`...` in a call does not exist in kernel code", "write the arguments out");
	if (callee.type === "MemberExpression") return method(l, node, callee, want);
	if (callee.type === "Super" || callee.type === "Import")
		return l.error("SK1001", callee, `${l.text(callee)} does not exist in kernel code`);
	const f = l.expression(callee);
	return apply(l, f, node, want);
}

const unwrap = (node: Node): Node =>
	node.type === "ParenthesizedExpression" || node.type === "TSNonNullExpression" || node.type === "ChainExpression"
		? unwrap(node["expression"])
		: node;

function apply(l: Lowering, f: Value, node: Node, want: Want): Value {
	const args: Node[] = node["arguments"];
	switch (f.kind) {
		case "poison":
			// The arguments' own mistakes are told too; functions are not looked at without their call.
			for (const a of args)
				if (a.type !== "ArrowFunctionExpression" && a.type !== "FunctionExpression") l.expression(a);
			return POISON;
		case "closure": {
			const values = args.map((a) => l.expression(a));
			if (!l.reachable) return POISON;
			l.at(node);
			return inline(l, f, values, node);
		}
		case "word":
			if (f.module === "js") return mathCall(l, f.name, node);
			return callWord(l, f.name, node, want);
		default:
			return l.error(
				"SK1007",
				node,
				`${describe(f, l.target.kernel)} is no function that can be called here`,
				"functions are known when compiling: call them by name",
			);
	}
}

function method(l: Lowering, node: Node, callee: Node, want: Want): Value {
	const objectNode: Node = callee["object"];
	if (callee["computed"]) return l.error("SK1007", callee, "functions are called by name");
	const name: string = callee["property"]["name"];
	const object = l.expression(objectNode);
	if (object.kind === "poison") return apply(l, POISON, node, want);
	if (mayBeMissing(object) && endsEarly(callee, objectNode))
		return optionalChain(l, callee, object, (v) => methodOf(l, node, callee, v, name, want));
	return methodOf(l, node, callee, object, name, want);
}

function methodOf(l: Lowering, node: Node, callee: Node, raw: Value, name: string, want: Want): Value {
	const object = requirePresent(l, raw, callee["object"]);
	l.at(node);
	switch (object.kind) {
		case "poison":
			return POISON;
		case "map":
			return mapMethod(l, object.map, name, node, want);
		case "cursor":
			return cursorMethod(l, object, name, node);
		case "sequence":
			return sequenceMethod(l, object, name, node);
		case "context":
			if (l.program.word === "xdp") return packetMethod(l, name, node, want);
			break;
		case "kernel-pointer":
		case "user-pointer":
		case "dynamic-text":
			return pointerMethod(l, object, name, node, want);
		case "word":
			if (object.module === "js") return apply(l, l.expression(callee), node, want);
			break;
		case "record": {
			const f = object.members.get(name);
			if (f) return apply(l, f, node, want);
			break;
		}
		case "list":
			if (name === "includes") return asValue(l, node, (yes, no) => predicate(l, object, node, yes, no));
			break;
	}
	if (isText(object)) {
		if (isPredicate(name)) return asValue(l, node, (yes, no) => predicate(l, object, node, yes, no));
		return textMethod(l, object, name, node, want);
	}
	if (object.kind === "place" && object.type.kind === "array") {
		if (name === "includes") return asValue(l, node, (yes, no) => predicate(l, object, node, yes, no));
		if (name === "fill") return fill(l, object, node);
		return l.error("SK1004", callee["property"], `arr has no ${name} in kernel code`, "write a loop");
	}
	if (object.kind === "kernel-array")
		return l.error("SK1009", node, `${describe(object)} has no ${name}`, "read its elements");
	const near = didYouMean(name, ["readString", "read", "at"]);
	return l.error(
		"SK1009",
		callee["property"],
		`${describe(object, l.target.kernel)} has no member ${name}`,
		near ? `did you mean ${near}?` : undefined,
	);
}
