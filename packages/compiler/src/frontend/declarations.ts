import type { Binding, Constant } from "./analysis.ts";
import type { ResolvedModule } from "./resolve.ts";
import { isFunction, type Node, propertyName, unwrap } from "./tree.ts";
import type { Types } from "./types.ts";

/** What reading declarations needs from its surroundings. */
export interface DeclarationContext {
	readonly types: Types;
	lookup(module: ResolvedModule, name: string): Binding | undefined;
	evaluate(module: ResolvedModule, node: Node): Constant | undefined;
	/** A symbol's name that nothing else in the object has. */
	uniqueSymbol(wanted: string): string;
	/** Told of every function that is handed to a program's constructor, even where the declaration is refused. */
	programFunction(node: Node, module: ResolvedModule): void;
	refuse(
		code: "SK2101" | "SK5001" | "SK5006" | "SK1007",
		module: ResolvedModule,
		node: Node,
		message: string,
		remedy: string,
	): void;
}

/** A call of a constructor at the top of a module. `name`: of the constant that holds it. */
export interface HandleCall {
	readonly module: ResolvedModule;
	readonly word: string;
	readonly call: Node;
	readonly name: string | undefined;
}

/** Members of a literal object of options, by name. Reports what is not constant. */
export function literalMembers(
	context: DeclarationContext,
	module: ResolvedModule,
	node: Node,
	what: string,
): Map<string, Node> | undefined {
	const object = unwrap(node);
	const refuse = (at: Node): undefined => {
		context.refuse(
			"SK5001",
			module,
			at,
			`the options of \`${what}\` are not written out here`,
			"write an object literal with constant members",
		);
		return undefined;
	};
	if (object.type !== "ObjectExpression") return refuse(node);
	const members = new Map<string, Node>();
	for (const p of object["properties"] as Node[]) {
		const name = p.type === "Property" ? propertyName(p) : undefined;
		if (name === undefined || p["kind"] !== "init") return refuse(p);
		members.set(name, p["value"]);
	}
	return members;
}

/** The function that an expression names or is. */
export function functionOf(
	context: Pick<DeclarationContext, "lookup">,
	module: ResolvedModule,
	node: Node,
): { node: Node; module: ResolvedModule } | undefined {
	const inner = unwrap(node);
	if (isFunction(inner)) return { node: inner, module };
	const b = inner.type === "Identifier" ? context.lookup(module, inner["name"]) : undefined;
	return b?.kind === "function" ? { node: b.node, module: b.module as ResolvedModule } : undefined;
}
