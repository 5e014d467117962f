import { UNNAMED_ENUMS } from "#declare";
import type { Node } from "#frontend";
import { keyOf } from "./fact-key.ts";
import { kernelTypes } from "./kernel.ts";
import type { Join, Lowering } from "./lowering.ts";

/** `exists(task.state)`, `exists(enums.T.V)`: a CO-RE question that the loader answers, and what it proves. */
export function existsBranch(l: Lowering, node: Node, yes: Join, no: Join): boolean {
	const callee: Node = node["callee"];
	if (callee.type !== "Identifier") return false;
	const b = l.lookup(callee["name"]);
	if (!b || !("kind" in b) || b.kind !== "vocabulary" || b.name !== "exists") return false;
	const what: Node | undefined = node["arguments"][0];
	l.at(node);
	if (what?.type !== "MemberExpression") {
		l.error(
			"SK1009",
			node,
			"exists() asks for a member of a kernel struct or an enumerator",
			"write exists(task.__state)",
		);
		l.goto(yes);
		return true;
	}
	const object = l.expression(what["object"]);
	const name: string = what["property"]["name"];
	if (object.kind === "kernel") {
		const m = kernelTypes(l).member(object.type, name);
		if (!m) {
			// Not in the BTF this is compiled against: nothing could be relocated, the member is absent.
			l.goto(no);
			return true;
		}
		const inst = l.b.emit(
			{
				op: "core",
				core: { kind: "field_exists", root: object.root, path: [0, ...object.path, ...m.path] },
				value: 1n,
			},
			[],
			32,
		);
		l.branch("ne", 32, inst, l.constant(0, 32), yes, no, l.withFact(keyOf(l, what), { present: true }), l.facts);
		return true;
	}
	if (object.kind === "word" && object.name.startsWith("enums.")) {
		const type = object.name.slice(6);
		const e = kernelTypes(l).enumerator(type, name);
		if (!e) {
			l.goto(UNNAMED_ENUMS[type]?.[name] === undefined ? no : yes);
			return true;
		}
		const inst = l.b.emit(
			{ op: "core", core: { kind: "enumval_exists", root: e.id, path: [e.index] }, value: 1n },
			[],
			32,
		);
		l.branch("ne", 32, inst, l.constant(0, 32), yes, no, l.withFact(keyOf(l, what), { present: true }), l.facts);
		return true;
	}
	if (object.kind !== "poison")
		l.error("SK1009", node, "exists() asks for a member of a kernel struct or an enumerator");
	l.goto(yes);
	return true;
}
