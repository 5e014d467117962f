import { children, isFunction, type Node } from "./tree.ts";

/** Names that a pattern binds. */
export function* boundNames(pattern: Node | null | undefined): Generator<Node> {
	if (!pattern) return;
	switch (pattern.type) {
		case "Identifier":
			yield pattern;
			return;
		case "ObjectPattern":
			for (const p of pattern["properties"] as Node[])
				yield* boundNames(p.type === "RestElement" ? p["argument"] : p["value"]);
			return;
		case "ArrayPattern":
			for (const e of pattern["elements"] as (Node | null)[]) yield* boundNames(e);
			return;
		case "AssignmentPattern":
			yield* boundNames(pattern["left"]);
			return;
		case "RestElement":
			yield* boundNames(pattern["argument"]);
			return;
		case "TSParameterProperty":
			yield* boundNames(pattern["parameter"]);
			return;
	}
}

/** Names that a list of statements declares in its own block. */
function blockNames(statements: readonly Node[], into: Set<string>): void {
	for (const raw of statements) {
		const s: Node = raw.type === "ExportNamedDeclaration" && raw["declaration"] ? raw["declaration"] : raw;
		if (s.type === "VariableDeclaration") {
			for (const d of s["declarations"] as Node[]) for (const n of boundNames(d["id"])) into.add(n["name"]);
		} else if (
			(s.type === "FunctionDeclaration" || s.type === "ClassDeclaration" || s.type === "TSEnumDeclaration") &&
			s["id"]
		)
			into.add(s["id"]["name"]);
	}
}

/** `var` of a function, wherever it stands in it. */
function hoistedNames(node: Node, into: Set<string>): void {
	for (const child of children(node)) {
		if (isFunction(child)) continue;
		if (child.type === "VariableDeclaration" && child["kind"] === "var")
			for (const d of child["declarations"] as Node[]) for (const n of boundNames(d["id"])) into.add(n["name"]);
		hoistedNames(child, into);
	}
}

/** Called for each name that is not bound within the walked tree. `parents`: from the root down; live, copy to keep. */
export type ReferenceVisitor = (identifier: Node, parents: readonly Node[]) => void;
/** Called for every value node before its children; `false` leaves the node out. */
export type NodeVisitor = (node: Node, parents: readonly Node[]) => boolean | undefined;

/** Walks the value part of a tree (types are left out) and reports the names that come from outside of it. */
export function freeReferences(
	root: Node,
	visit: ReferenceVisitor,
	enter?: NodeVisitor,
	outer: ReadonlySet<string> = new Set(),
): void {
	const scopes: ReadonlySet<string>[] = [outer];
	const parents: Node[] = [];
	const bound = (name: string): boolean => scopes.some((s) => s.has(name));

	const inScope = (names: ReadonlySet<string>, body: () => void): void => {
		scopes.push(names);
		body();
		scopes.pop();
	};
	const all = (list: readonly (Node | null | undefined)[]): void => {
		for (const n of list) go(n);
	};
	/** The values inside a pattern: defaults, computed keys; assignments: the targets too. */
	const pattern = (p: Node | null | undefined, assigned: boolean): void => {
		if (!p) return;
		switch (p.type) {
			case "Identifier":
				if (assigned) go(p);
				return;
			case "ObjectPattern":
				for (const q of p["properties"] as Node[]) {
					if (q["computed"]) go(q["key"]);
					pattern(q.type === "RestElement" ? q["argument"] : q["value"], assigned);
				}
				return;
			case "ArrayPattern":
				for (const e of p["elements"] as (Node | null)[]) pattern(e, assigned);
				return;
			case "AssignmentPattern":
				pattern(p["left"], assigned);
				go(p["right"]);
				return;
			case "RestElement":
				pattern(p["argument"], assigned);
				return;
			case "TSParameterProperty":
				pattern(p["parameter"], assigned);
				return;
			default:
				go(p);
		}
	};

	const go = (node: Node | null | undefined): void => {
		if (!node) return;
		if (enter?.(node, parents) === false) return;
		if (node.type === "Identifier") {
			if (!bound(node["name"])) visit(node, parents);
			return;
		}
		parents.push(node);
		step(node);
		parents.pop();
	};

	const step = (node: Node): void => {
		switch (node.type) {
			case "FunctionDeclaration":
			case "FunctionExpression":
			case "ArrowFunctionExpression": {
				const names = new Set<string>(node.type === "ArrowFunctionExpression" ? [] : ["arguments"]);
				if (node["id"]) names.add(node["id"]["name"]);
				for (const p of node["params"] as Node[]) for (const n of boundNames(p)) names.add(n["name"]);
				if (node["body"]) {
					hoistedNames(node["body"], names);
					if (node["body"].type === "BlockStatement") blockNames(node["body"]["body"], names);
				}
				inScope(names, () => {
					for (const p of node["params"] as Node[]) pattern(p, false);
					if (node["body"]?.type === "BlockStatement") {
						if (enter?.(node["body"], parents) !== false) all(node["body"]["body"]);
					} else go(node["body"]);
				});
				return;
			}
			case "BlockStatement":
			case "StaticBlock":
			case "TSModuleBlock": {
				const names = new Set<string>();
				blockNames(node["body"], names);
				inScope(names, () => all(node["body"]));
				return;
			}
			case "ForStatement":
			case "ForOfStatement":
			case "ForInStatement": {
				const names = new Set<string>();
				const head: Node | null = node["init"] ?? node["left"] ?? null;
				if (head?.type === "VariableDeclaration") blockNames([head], names);
				inScope(names, () => {
					if (head && head.type !== "VariableDeclaration" && node.type !== "ForStatement") pattern(head, true);
					else go(head);
					all([node["test"], node["update"], node["right"], node["body"]]);
				});
				return;
			}
			case "SwitchStatement": {
				const names = new Set<string>();
				for (const c of node["cases"] as Node[]) blockNames(c["consequent"], names);
				go(node["discriminant"]);
				inScope(names, () => all(node["cases"]));
				return;
			}
			case "CatchClause": {
				const names = new Set<string>();
				for (const n of boundNames(node["param"])) names.add(n["name"]);
				inScope(names, () => {
					pattern(node["param"], false);
					go(node["body"]);
				});
				return;
			}
			case "ClassDeclaration":
			case "ClassExpression":
				inScope(new Set(node["id"] ? [node["id"]["name"]] : []), () => all([node["superClass"], node["body"]]));
				return;
			case "VariableDeclarator":
				pattern(node["id"], false);
				go(node["init"]);
				return;
			case "AssignmentExpression":
				pattern(node["left"], true);
				go(node["right"]);
				return;
			case "MemberExpression":
				go(node["object"]);
				if (node["computed"]) go(node["property"]);
				return;
			case "Property":
			case "MethodDefinition":
			case "PropertyDefinition":
			case "AccessorProperty":
				if (node["computed"]) go(node["key"]);
				go(node["value"]);
				return;
			case "LabeledStatement":
				go(node["body"]);
				return;
			case "BreakStatement":
			case "ContinueStatement":
			case "MetaProperty":
			case "ImportDeclaration":
			case "ExportAllDeclaration":
				return;
			case "ExportNamedDeclaration":
				go(node["declaration"]);
				return;
			case "TSAsExpression":
			case "TSSatisfiesExpression":
			case "TSNonNullExpression":
			case "TSTypeAssertion":
			case "TSInstantiationExpression":
			case "TSExportAssignment":
				go(node["expression"]);
				return;
			case "TSEnumDeclaration":
				for (const m of node["members"] as Node[]) go(m["initializer"]);
				return;
			case "TSModuleDeclaration":
				go(node["body"]);
				return;
		}
		if (node.type.startsWith("TS")) return;
		for (const key in node) {
			if (TYPE_KEYS.has(key)) continue;
			const value: unknown = node[key];
			if (Array.isArray(value)) {
				for (const v of value) if (v && typeof v === "object" && "type" in v) go(v as Node);
			} else if (value && typeof value === "object" && "type" in value && "start" in value) go(value as Node);
		}
	};
	go(root);
}

const TYPE_KEYS = new Set([
	"loc",
	"typeAnnotation",
	"typeParameters",
	"typeArguments",
	"returnType",
	"superTypeParameters",
	"implements",
]);
