import type { Node, TypeRef } from "#frontend";
import { sizeOf, type Type } from "#ir";
import type { Lowering } from "./lowering.ts";

export const sized = (t: TypeRef | undefined): t is Type =>
	t !== undefined &&
	(t.kind === "int" ||
		t.kind === "be" ||
		t.kind === "bool" ||
		t.kind === "chars" ||
		t.kind === "array" ||
		t.kind === "struct");

export function sameType(a: Type, b: Type): boolean {
	if (a === b) return true;
	if (a.kind === "int") return b.kind === "int" && a.bits === b.bits && a.signed === b.signed;
	if (a.kind === "be") return b.kind === "be" && a.bits === b.bits;
	if (a.kind === "bool") return b.kind === "bool";
	if (a.kind === "chars") return b.kind === "chars" && a.size === b.size;
	if (a.kind === "array") return b.kind === "array" && a.length === b.length && sameType(a.element, b.element);
	return b.kind === "struct" && a.name === b.name && a.size === b.size;
}

/** Whether a struct has bytes that no member covers. */
export function hasPadding(t: Type): boolean {
	if (t.kind === "array") return hasPadding(t.element);
	if (t.kind !== "struct") return false;
	let end = 0;
	for (const f of t.fields) {
		if (f.offset > end || hasPadding(f.type)) return true;
		end = Math.max(end, f.offset + sizeOf(f.type));
	}
	return end < t.size;
}

/** The type in `next<T>()`; undefined after a report. */
export function typeArgument(l: Lowering, node: Node): Type | undefined {
	const t = rawTypeArgument(l, node);
	if (t === undefined) return undefined;
	if (sized(t)) return t;
	l.error("SK2101", node, `${t.kind === "kernel" ? t.name : t.kind} has no size here`);
	return undefined;
}

export function rawTypeArgument(l: Lowering, node: Node) {
	const list: Node[] | undefined = (node["typeArguments"] ?? node["typeParameters"])?.params;
	if (list?.length !== 1) {
		l.error("SK1009", node, "which type?", `write ${l.text(node["callee"])}<T>(…)`);
		return undefined;
	}
	return l.analysis.resolveType(l.module, list[0]!);
}
