import type { Node } from "#frontend";
import type { Forms, Lowering } from "./lowering.ts";
import type { Value } from "./value.ts";

/** What is wrong with a construct and what to write instead. */
type Refusal = readonly [message: string | ((l: Lowering, node: Node) => string), remedy?: string];

const text = (l: Lowering, node: Node): string => `${l.text(node)} does not exist in kernel code`;
const CLASSES: Refusal = ["classes do not exist in kernel code", "use interfaces and functions"];
const WAITING = "the kernel half runs to its end; wait in the user half";

const EXPRESSIONS: Readonly<Record<string, Refusal>> = {
	ThisExpression: ["`this` does not exist in kernel code", "use names"],
	NewExpression: [
		(l, node) => `new ${l.text(node["callee"])}() does not exist in kernel code: there is no heap`,
		"declare a map at the top of the module, or a local struct",
	],
	AwaitExpression: ["await does not exist in kernel code", WAITING],
	YieldExpression: ["yield does not exist in kernel code", WAITING],
	ClassExpression: CLASSES,
	TaggedTemplateExpression: ["tagged templates do not exist in kernel code"],
	ImportExpression: [text],
	MetaProperty: [text],
	SpreadElement: ["`...` is only known in object literals here"],
};

const STATEMENTS: Readonly<Record<string, Refusal>> = {
	ForInStatement: ["for…in does not exist in kernel code", "write for…of, or a counted loop"],
	TryStatement: ["try does not exist in kernel code: nothing throws", "what can fail gives undefined, false or -errno"],
	ThrowStatement: ["throw does not exist in kernel code", "return"],
	ClassDeclaration: CLASSES,
	DebuggerStatement: ["debugger does not exist in kernel code", "printk(`…`)"],
};

const refuse =
	([message, remedy]: Refusal) =>
	(l: Lowering, node: Node): Value =>
		l.error("SK1001", node, typeof message === "string" ? message : message(l, node), remedy);

const all = (rows: Readonly<Record<string, Refusal>>) =>
	Object.fromEntries(Object.entries(rows).map(([type, refusal]) => [type, refuse(refusal)]));

/** Constructs of JavaScript that kernel code has not: SK1001. */
export const REFUSED_EXPRESSIONS: Forms["expressions"] = all(EXPRESSIONS);
export const REFUSED_STATEMENTS: Forms["statements"] = all(STATEMENTS);
