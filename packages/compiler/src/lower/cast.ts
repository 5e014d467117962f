import type { Node } from "#frontend";
import { assign } from "./integer.ts";
import type { Lowering, Want } from "./lowering.ts";
import { requirePresent } from "./optional.ts";
import type { Value } from "./value.ts";

export function cast(l: Lowering, node: Node, want: Want): Value {
	const annotation: Node = node["typeAnnotation"];
	const v = l.expression(node["expression"], want);
	if (annotation.type === "TSTypeReference" && annotation["typeName"]?.name === "const") return v;
	const type = l.analysis.resolveType(l.module, annotation);
	if (!type || v.kind === "poison") return v;
	if (v.kind === "int" && type.kind === "int") return assign(l, v, type, node);
	if (v.kind === "kernel" || v.kind === "place" || v.kind === "user-pointer" || v.kind === "kernel-pointer") {
		const same =
			(v.kind === "place" &&
				type.kind === v.type.kind &&
				(type.kind !== "struct" || (v.type.kind === "struct" && v.type.name === type.name))) ||
			(v.kind === "kernel" &&
				type.kind === "kernel" &&
				l.target.kernel.name(v.type) === type.name.replace(/___.*/, "")) ||
			(v.kind === "user-pointer" && type.kind === "user-ptr") ||
			(v.kind === "kernel-pointer" && (type.kind === "kernel-ptr" || type.kind === "vocabulary"));
		if (!same && type.kind !== "optional")
			return l.error("SK3007", node, "`as` never changes what a pointer points to", "write cast<T>(pointer)");
	}
	return v;
}

/** `x!`: tsc believes it, the verifier does not. */
export function nonNull(l: Lowering, node: Node, want: Want): Value {
	return requirePresent(l, l.expression(node["expression"], want), node["expression"]);
}
