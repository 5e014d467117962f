import type { Node, TypeRef } from "#frontend";
import { assign } from "./integer.ts";
import type { Lowering } from "./lowering.ts";
import { mayBeMissing, requirePresent } from "./optional.ts";
import { copyToTemporary } from "./store.ts";
import type { Value } from "./value.ts";

/** A value where a type is written: annotated locals, parameters, results. References stay references. */
export function coerce(l: Lowering, value: Value, type: TypeRef, node: Node): Value {
	if (value.kind === "poison") return value;
	if (type.kind === "optional") {
		if (value.kind === "undefined") return value;
		if (value.kind === "optional") return { ...value, value: coerce(l, value.value, type.type, node) };
		if (mayBeMissing(value)) return value;
		return coerce(l, value, type.type, node);
	}
	const v = mayBeMissing(value) && type.kind !== "void" ? requirePresent(l, value, node) : value;
	if (type.kind === "int" && v.kind === "int") return assign(l, v, type, node);
	if (type.kind === "chars" && v.kind === "text") return copyToTemporary(l, v, type, node);
	if (type.kind === "chars" && v.kind === "place" && v.type.kind === "chars" && v.type.size !== type.size)
		return copyToTemporary(l, v, type, node);
	if ((type.kind === "struct" || type.kind === "array") && (v.kind === "record" || v.kind === "list"))
		return copyToTemporary(l, v, type, node);
	return v;
}
