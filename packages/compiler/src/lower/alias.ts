import type { Node } from "#frontend";
import type { Lowering } from "./lowering.ts";

/** Methods that give a copy of what a map holds. */
const COPYING = new Set(["get", "take"]);

/**
 * Whether copying the struct that `right` gives into the local `target` is the same as naming it: nobody could tell the
 * two apart, because the value has no other name, or because neither name is ever written through.
 */
export function mayBeCopied(l: Lowering, right: Node, target: string): boolean {
	switch (right.type) {
		case "ObjectExpression":
		case "ArrayExpression":
			return true;
		case "ParenthesizedExpression":
		case "TSNonNullExpression":
		case "TSAsExpression":
		case "TSSatisfiesExpression":
			return mayBeCopied(l, right["expression"], target);
		case "ConditionalExpression":
			return mayBeCopied(l, right["consequent"], target) && mayBeCopied(l, right["alternate"], target);
		case "LogicalExpression":
			return mayBeCopied(l, right["left"], target) && mayBeCopied(l, right["right"], target);
		case "CallExpression": {
			const callee: Node = right["callee"];
			if (callee.type === "MemberExpression") return !callee["computed"] && COPYING.has(callee["property"]["name"]);
			const names = (right["arguments"] as Node[]).flatMap((a) => namesIn(a));
			return names.every((name) => isOnlyRead(l, name)) && (names.length === 0 || isOnlyRead(l, target));
		}
		case "Identifier":
			return isOnlyRead(l, right["name"]) && isOnlyRead(l, target);
		default:
			return false;
	}
}

const isNode = (n: unknown): n is Node => typeof n === "object" && n !== null && typeof (n as Node).type === "string";

function namesIn(node: Node): string[] {
	const names: string[] = [];
	const walk = (n: unknown): void => {
		if (Array.isArray(n)) for (const x of n) walk(x);
		else if (isNode(n)) {
			if (n.type === "Identifier") names.push(n["name"]);
			for (const key of Object.keys(n)) if (key !== "type") walk(n[key]);
		}
	};
	walk(node);
	return names;
}

/** Whether nothing in the function writes through the name, gives it to a function of the source, or names it anew. */
function isOnlyRead(l: Lowering, name: string): boolean {
	const root = (n: Node): string | undefined =>
		n.type === "MemberExpression" ? root(n["object"]) : n.type === "Identifier" ? n["name"] : undefined;
	const written = (n: Node): boolean => n.type === "MemberExpression" && root(n) === name;
	let fine = true;
	const walk = (n: unknown): void => {
		if (!fine) return;
		if (Array.isArray(n)) {
			for (const x of n) walk(x);
			return;
		}
		if (!isNode(n)) return;
		if (n.type === "AssignmentExpression" && written(n["left"])) fine = false;
		else if (n.type === "UpdateExpression" && written(n["argument"])) fine = false;
		else if ((n.type === "ObjectPattern" || n.type === "ArrayPattern") && namesIn(n).includes(name)) fine = false;
		else if (n.type === "VariableDeclarator" && n["init"] && root(n["init"]) === name) fine = false;
		else if (n.type === "CallExpression") {
			const callee: Node = n["callee"];
			if (callee.type === "MemberExpression" && root(callee) === name) fine = false;
			else if (callee.type === "Identifier" && (n["arguments"] as Node[]).some((a) => root(a) === name)) {
				const found = l.lookup(callee["name"]);
				fine = found !== undefined && "kind" in found && found.kind === "vocabulary";
			}
		}
		for (const key of Object.keys(n)) if (key !== "type") walk(n[key]);
	};
	walk(scopeOf(l, name));
	return fine;
}

/** The innermost block that declares the name; the function where that is not known. */
function scopeOf(l: Lowering, name: string): Node {
	const local = l.scope?.find(name);
	return !local || "kind" in local ? l.frame.node : blockAround(l, local.node);
}

function blockAround(l: Lowering, node: Node): Node {
	const inside = (n: Node): boolean => n.start <= node.start && node.end <= n.end;
	let found = l.frames.find((f) => inside(f.node))?.node ?? l.frame.node;
	const walk = (n: unknown): void => {
		if (Array.isArray(n)) for (const x of n) walk(x);
		else if (isNode(n) && inside(n)) {
			if (n.type === "BlockStatement" || /^For/.test(n.type)) found = n;
			for (const key of Object.keys(n)) if (key !== "type") walk(n[key]);
		}
	};
	walk(found);
	return found;
}

/**
 * Members of the struct that a constant holds, where nothing but single members is ever read of it and it is tested for
 * being there. undefined: it is used as a whole somewhere, or written through.
 */
export function membersRead(l: Lowering, id: Node): ReadonlySet<string> | undefined {
	const members = new Set<string>();
	let fine = true;
	const nothing = (n: Node): boolean =>
		(n.type === "Identifier" && n["name"] === "undefined") || (n.type === "Literal" && n["raw"] === "null");
	/** A use of the name itself; `above` are the nodes it stands in, the nearest last. */
	const use = (n: Node, above: readonly Node[]): boolean => {
		const parent = above.at(-1)!;
		switch (parent.type) {
			case "MemberExpression": {
				if (parent["object"] !== n) return !parent["computed"];
				if (parent["computed"]) return false;
				let top = above.length - 1;
				while (above[top - 1]?.type === "MemberExpression" && above[top - 1]!["object"] === above[top]) top--;
				const around = above[top - 1];
				if (around?.type === "AssignmentExpression" && around["left"] === above[top]) return false;
				if (around?.type === "UpdateExpression" || around?.type === "ArrayPattern") return false;
				if (around?.type === "Property" && above[top - 2]?.type === "ObjectPattern") return false;
				members.add(parent["property"]["name"]);
				return true;
			}
			case "Property":
				return parent["key"] === n && parent["value"] !== n && !parent["computed"];
			case "UnaryExpression":
				return parent["operator"] === "!";
			case "IfStatement":
			case "ConditionalExpression":
				return parent["test"] === n;
			case "LogicalExpression":
				return parent["operator"] === "&&" && parent["left"] === n;
			case "BinaryExpression":
				return nothing(parent["left"]) || nothing(parent["right"]);
			default:
				return false;
		}
	};
	const walk = (n: unknown, above: readonly Node[]): void => {
		if (!fine) return;
		if (Array.isArray(n)) {
			for (const x of n) walk(x, above);
			return;
		}
		if (!isNode(n)) return;
		if (n.type === "Identifier" && n["name"] === id["name"] && n !== id) fine = use(n, above);
		for (const key of Object.keys(n)) if (key !== "type") walk(n[key], [...above, n]);
	};
	walk(blockAround(l, id), []);
	return fine ? members : undefined;
}
