import type { Node } from "#frontend";
import { copyArray } from "./kernel.ts";
import type { Lowering } from "./lowering.ts";
import { member } from "./member.ts";
import { POISON, type Value } from "./value.ts";

const unwrap = (node: Node): Node =>
	node.type === "ParenthesizedExpression" || node.type === "TSNonNullExpression" ? unwrap(node["expression"]) : node;

/**
 * `tryRead(chain)`: undefined where the last read faulted. A fault on the way gives a null pointer, which makes the last
 * one fault too, so only that one goes through a helper and is tested.
 */
export function tryRead(l: Lowering, node: Node): Value {
	const argument: Node | undefined = node["arguments"][0];
	if (!argument) return l.error("SK1009", node, "tryRead takes what is read: tryRead(task.mm.start_stack)");
	const chain = unwrap(argument);
	// What stands before the last dot is read as always.
	const object = chain.type === "MemberExpression" ? l.expression(chain["object"]) : undefined;
	const outer = l.tested;
	const tested: NonNullable<Lowering["tested"]> = { result: undefined };
	l.tested = tested;
	let value = object ? member(l, chain, {}, object) : l.expression(chain);
	if (value.kind === "kernel-array" && value.text) value = copyArray(l, value, node);
	l.tested = outer;
	if (value.kind === "poison") return POISON;
	if (!tested.result)
		return l.error(
			"SK1009",
			argument,
			`${l.text(argument)} reads no kernel or user memory`,
			"tryRead takes a chain that ends in a value: tryRead(task.mm.start_stack)",
		);
	l.at(node);
	const flag = l.b.emit({ op: "compare", condition: "sge", on: 64 }, [tested.result, l.constant(0, 64)], 32);
	const scalar = value.kind === "int" || value.kind === "bool" || value.kind === "be";
	return { kind: "optional", flag, value, copied: scalar };
}
