import { encodeUtf8 } from "@skep/bpf/base";
import type { Node } from "#frontend";
import { type Size, sizeOf, type Type } from "#ir";
import { assign, boolInst, instOf } from "./integer.ts";
import { readArrayInto } from "./kernel.ts";
import type { Lowering } from "./lowering.ts";
import { requirePresent } from "./optional.ts";
import { alignmentAt, checkAlive, copy, part, storeBytes, storeText } from "./place.ts";
import { hasPadding, sameType } from "./type-of.ts";
import { describe, type KernelArrayValue, type PlaceValue, typeName, type Value } from "./value.ts";

/** Writes a value into memory: scalars by store, structs, arrays and text by copy. */
export function storeValue(l: Lowering, to: PlaceValue, value: Value, node: Node): void {
	if (value.kind === "poison" || !checkAlive(l, to, node)) return;
	const t = to.type;
	const v = requirePresent(l, value, node);
	if (v.kind === "poison") return;
	l.at(node);
	const wrong = () => void l.error("SK1009", node, `${describe(v, l.target.kernel)} where ${typeName(t)} is wanted`);
	switch (t.kind) {
		case "int": {
			if (v.kind === "bool") {
				storeBytes(l, to, 0, (t.bits / 8) as Size, boolInst(l, v));
				return;
			}
			if (v.kind !== "int") {
				wrong();
				return;
			}
			const fitted = assign(l, v, t, node);
			if (fitted.kind === "int") storeBytes(l, to, 0, (t.bits / 8) as Size, instOf(l, fitted));
			return;
		}
		case "bool":
			if (v.kind !== "bool") {
				wrong();
				return;
			}
			storeBytes(l, to, 0, 1, boolInst(l, v));
			return;
		case "be":
			if (v.kind !== "be" || v.bits !== t.bits) {
				wrong();
				return;
			}
			storeBytes(l, to, 0, (t.bits / 8) as Size, v.inst ?? l.constant(v.constant ?? 0n, t.bits === 64 ? 64 : 32));
			return;
		case "chars": {
			if (v.kind === "text") {
				const bytes = encodeUtf8(v.text);
				if (bytes.length > t.size - 1)
					return void l.error(
						"SK2201",
						node,
						`the text has ${bytes.length} bytes; chars<${t.size}> holds ${t.size - 1} and the NUL`,
						`shorten it, or write chars(text, ${t.size}) to cut it`,
					);
				storeText(l, to, bytes, t.size);
				return;
			}
			if (v.kind === "kernel-array" && v.text) {
				readArrayInto(l, v as KernelArrayValue, to, node);
				return;
			}
			if (v.kind !== "place" || v.type.kind !== "chars") {
				wrong();
				return;
			}
			if (!checkAlive(l, v, node)) return;
			if (v.base === to.base && v.offset === to.offset) return;
			if (v.type.size > t.size)
				return void l.error(
					"SK2201",
					node,
					`chars<${v.type.size}> into chars<${t.size}>`,
					`write chars(text, ${t.size}) to cut it`,
				);
			copy(l, to, v, v.type.size);
			if (v.type.size < t.size)
				l.zero(to.base, to.offset + v.type.size, t.size - v.type.size, alignmentAt(to.align, v.type.size) as Size);
			return;
		}
		case "array": {
			if (v.kind === "list") {
				if (v.elements.length !== t.length)
					return void l.error(
						"SK1009",
						node,
						`an array of ${v.elements.length} elements where ${typeName(t)} is wanted`,
					);
				for (const [i, e] of v.elements.entries()) storeValue(l, part(to, t.element, i * sizeOf(t.element)), e, node);
				return;
			}
			if (v.kind === "kernel-array" && v.elementSize === sizeOf(t.element) && v.length >= t.length) {
				readArrayInto(l, v, to, node);
				return;
			}
			break;
		}
		case "struct":
			if (v.kind === "record") {
				for (const f of t.fields) {
					const m = v.members.get(f.name);
					if (m) storeValue(l, part(to, f.type, f.offset), m, node);
				}
				return;
			}
			break;
	}
	if (v.kind !== "place" || !sameType(v.type, t)) {
		wrong();
		return;
	}
	if (!checkAlive(l, v, node)) return;
	if (v.base === to.base && v.offset === to.offset) return;
	copy(l, to, v, sizeOf(t));
}

/** A copy on the stack, padding included. */
export function copyToTemporary(l: Lowering, v: Value, type: Type, node: Node, name = "copy"): PlaceValue {
	// A bundle of values has members only: what lies between them is to say nothing of the stack.
	const bundle = v.kind === "record" || v.kind === "list";
	const t = l.temporary(name, type, bundle && hasPadding(type));
	storeValue(l, t, v, node);
	return t;
}
