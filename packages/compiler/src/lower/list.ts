import { encodeUtf8 } from "@skep/bpf/base";
import type { Node } from "#frontend";
import { sizeOf, type Type } from "#ir";
import { boundedIndex } from "./bounds.ts";
import type { Lowering } from "./lowering.ts";
import { elementAt, place, readPlace } from "./place.ts";
import { type IntValue, type ListValue, least, most, POISON, type Value } from "./value.ts";

/** How a list of constants stands in `.rodata`; undefined: its elements are no constants of one kind. */
interface Table {
	readonly element: Type;
	/** Each element as its bytes. */
	readonly values: readonly Uint8Array[];
	readonly range?: readonly [bigint, bigint];
	/** Numbers whose sign is still open, as literals have it. */
	readonly like?: IntValue;
}

const number = (value: bigint, size: number): Uint8Array =>
	Uint8Array.from({ length: size }, (_, i) => Number((BigInt.asUintN(64, value) >> BigInt(8 * i)) & 0xffn));

function tableOf(list: ListValue): Table | undefined {
	const { elements } = list;
	const first = elements[0];
	if (first?.kind === "int") {
		const ints = elements.filter((e): e is IntValue => e.kind === "int" && e.constant !== undefined);
		if (ints.length !== elements.length || ints.some((e) => (e.bits === 64) !== (first.bits === 64))) return undefined;
		const low = ints.map((e) => e.constant!).reduce(least);
		const high = ints.map((e) => e.constant!).reduce(most);
		const bits = first.bits === 64 ? 64 : 32;
		const signed = low < 0n;
		if (signed && high >= 1n << BigInt(bits - 1)) return undefined;
		const element: Type = { kind: "int", bits, signed };
		const open = ints.every((e) => e.open);
		const closed = ints.find((e) => !e.open);
		return {
			element,
			values: ints.map((e) => number(e.constant!, bits / 8)),
			range: [low, high],
			like: { kind: "int", bits, signed: closed?.signed ?? high < 1n << BigInt(bits - 1), open },
		};
	}
	if (first?.kind === "bool" && elements.every((e) => e.kind === "bool" && e.constant !== undefined))
		return {
			element: { kind: "bool" },
			values: elements.map((e) => Uint8Array.of(e.kind === "bool" && e.constant ? 1 : 0)),
		};
	if (
		first?.kind === "be" &&
		elements.every((e) => e.kind === "be" && e.bits === first.bits && e.constant !== undefined)
	)
		return {
			element: { kind: "be", bits: first.bits },
			values: elements.map((e) => number(e.kind === "be" ? e.constant! : 0n, first.bits / 8)),
		};
	if (first?.kind === "text" && elements.every((e) => e.kind === "text")) {
		const texts = elements.map((e) => encodeUtf8(e.kind === "text" ? e.text : ""));
		const size = Math.max(...texts.map((t) => t.length)) + 1;
		return {
			element: { kind: "chars", size },
			values: texts.map((t) => {
				const bytes = new Uint8Array(size);
				bytes.set(t);
				return bytes;
			}),
		};
	}
	return undefined;
}

/** `LIST[i]` of a constant array, `i` known to be within it when running: the list stands in `.rodata`. */
export function listElement(l: Lowering, list: ListValue, index: IntValue, node: Node): Value {
	const table = tableOf(list);
	if (!table)
		return l.notYet(
			node,
			"an element, chosen at run time, of an array whose elements are not constants of one kind",
			"give it a type: const list: arr<u32, 4> = [ … ]",
		);
	const { length } = list.elements;
	const i = boundedIndex(l, node["property"], index, length, node, l.text(node["object"]));
	if (!i || !("inst" in i)) return POISON;
	const size = sizeOf(table.element);
	const bytes = new Uint8Array(size * length);
	for (const [k, v] of table.values.entries()) bytes.set(v, k * size);
	const variable = l.constantTable({ kind: "array", element: table.element, length }, bytes);
	const whole = place(table.element, variable, 0, "map_value", 8, { writable: false });
	const v = readPlace(l, elementAt(l, whole, table.element, i.inst), node);
	if (v.kind !== "int" || !table.range || !table.like) return v;
	return { ...table.like, inst: v.inst!, min: table.range[0], max: table.range[1] };
}
