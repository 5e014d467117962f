import type { Node } from "#frontend";
import type { Lowering } from "./lowering.ts";
import type { Local } from "./value.ts";

/** The name under which facts about an expression are kept: locals, options, members of locals. undefined: none. */
export function keyOf(l: Lowering, node: Node | undefined): string | undefined {
	if (!node) return undefined;
	switch (node.type) {
		case "ParenthesizedExpression":
		case "ChainExpression":
		case "TSNonNullExpression":
			return keyOf(l, node["expression"]);
		case "Identifier": {
			const found = l.lookup(node["name"]);
			if (!found) return undefined;
			if (!("kind" in found)) return localKey(found);
			if (found.kind === "vocabulary" && found.name.startsWith("enums")) return found.name;
			return found.kind === "options" && "options" in found ? `O${found.options.name}` : undefined;
		}
		case "AssignmentExpression":
			return node["operator"] === "=" ? keyOf(l, node["left"]) : undefined;
		case "MemberExpression": {
			if (node["computed"]) return undefined;
			const object = keyOf(l, node["object"]);
			return object === undefined ? undefined : `${object}.${node["property"]["name"]}`;
		}
		default:
			return undefined;
	}
}

export const localKey = (local: Local): string => `L${local.id}`;
