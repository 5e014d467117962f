import type { Binding } from "./analysis.ts";
import type { ResolvedModule } from "./resolve.ts";
import { freeReferences } from "./scope.ts";
import { isFunction, type Node, unwrap } from "./tree.ts";

/** A reference to a name of a module's top, and where it stands. */
export interface Reference {
	readonly module: ResolvedModule;
	readonly name: string;
	readonly node: Node;
	/** Direct parents, nearest last; a copy of the last three. */
	readonly parents: readonly Node[];
	readonly binding: Binding | undefined;
}

export interface Halves {
	/** Functions that kernel code reaches, in order of reach; those handed to program constructors first. */
	readonly kernel: ReadonlyMap<Node, ResolvedModule>;
	/** Module-level functions that user code reaches, or that nothing in the kernel half does. */
	readonly user: ReadonlySet<Node>;
	readonly kernelReferences: readonly Reference[];
	readonly userReferences: readonly Reference[];
}

type Lookup = (module: ResolvedModule, name: string) => Binding | undefined;

/** Functions that stand at the top of a module under a name. */
export function* moduleFunctions(module: ResolvedModule, lookup: Lookup): Generator<{ node: Node; name: string }> {
	for (const [name, symbol] of module.values) {
		if (symbol.kind === "import") continue;
		const b = lookup(module, name);
		if (b?.kind === "function" && b.module === module) yield { node: b.node, name };
	}
}

/** Splits the functions of all modules into halves. `roots`: the functions handed to program constructors. */
export function splitHalves(
	modules: readonly ResolvedModule[],
	roots: readonly { readonly node: Node; readonly module: ResolvedModule }[],
	lookup: Lookup,
): Halves {
	const kernel = new Map<Node, ResolvedModule>();
	const kernelReferences: Reference[] = [];
	const collect = (module: ResolvedModule, root: Node, into: Reference[], skip?: (n: Node) => boolean): void =>
		freeReferences(
			root,
			(node, parents) =>
				into.push({
					module,
					name: node["name"],
					node,
					parents: parents.slice(-3),
					binding: lookup(module, node["name"]),
				}),
			skip && ((n) => !skip(n)),
		);

	const work = [...roots];
	for (let f = work.shift(); f; f = work.shift()) {
		if (kernel.has(f.node)) continue;
		kernel.set(f.node, f.module);
		const found: Reference[] = [];
		collect(f.module, f.node, found);
		kernelReferences.push(...found);
		for (const r of found)
			if (r.binding?.kind === "function")
				work.push({ node: r.binding.node, module: r.binding.module as ResolvedModule });
	}

	// User half: the tops of evaluated modules without the functions, then what these reach, then functions nobody reaches.
	const user = new Set<Node>();
	const userReferences: Reference[] = [];
	const functions = modules
		.filter((m) => m.evaluated)
		.flatMap((module) => [...moduleFunctions(module, lookup)].map((f) => ({ ...f, module })));
	const own = new Set(functions.map((f) => f.node));
	const rootNodes = new Set(roots.map((r) => r.node));
	const userWork: { node: Node; module: ResolvedModule }[] = [];
	const follow = (found: readonly Reference[]): void => {
		userReferences.push(...found);
		for (const r of found)
			if (r.binding?.kind === "function" && !isHandedOver(r))
				userWork.push({ node: r.binding.node, module: r.binding.module as ResolvedModule });
	};
	/** `tracepoint("…", fn)`: naming a function there does not run it in the user half. */
	const isHandedOver = (r: Reference): boolean => {
		const parent = r.parents.at(-1);
		return (
			parent?.type === "CallExpression" &&
			rootNodes.has((r.binding as { node: Node }).node) &&
			parent["callee"] !== r.node &&
			isConstructor(r.module, parent, lookup)
		);
	};
	for (const m of modules) {
		if (!m.evaluated) continue;
		const found: Reference[] = [];
		collect(m, m.program, found, (n) => isFunction(n) && (own.has(n) || rootNodes.has(n)));
		follow(found);
	}
	for (const f of functions) if (!kernel.has(f.node)) userWork.push(f);
	for (let f = userWork.shift(); f; f = userWork.shift()) {
		if (user.has(f.node)) continue;
		user.add(f.node);
		const found: Reference[] = [];
		collect(f.module, f.node, found);
		follow(found);
	}
	return { kernel, user, kernelReferences, userReferences };
}

/** Whether a call's callee is a constructor word of the vocabulary. */
export function isConstructor(module: ResolvedModule, call: Node, lookup: Lookup): boolean {
	const callee = unwrap(call["callee"]);
	if (callee.type !== "Identifier") return false;
	const b = lookup(module, callee["name"]);
	return b?.kind === "vocabulary" && b.module === "skep";
}

/**
 * Text with the bodies of functions blanked: same length, same lines and columns. A block keeps its braces, an
 * expression becomes an empty block, or `0` where there is room for one character only.
 */
export function blankBodies(text: string, bodies: readonly { readonly start: number; readonly end: number }[]): string {
	let out = "";
	let at = 0;
	for (const { start, end } of [...bodies].sort((a, b) => a.start - b.start)) {
		if (start < at) continue;
		const inner = text.slice(start, end).replace(/[^\r\n\u2028\u2029]/g, " ");
		out += text.slice(at, start) + (inner.length < 2 ? "0" : `{${inner.slice(1, -1)}}`);
		at = end;
	}
	return out + text.slice(at);
}
