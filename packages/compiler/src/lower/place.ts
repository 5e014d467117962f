import { encodeUtf8 } from "@skep/bpf/base";
import type { Node } from "#frontend";
import { alignOf, type Field, type Inst, type Size, type Space, sizeOf, type Type } from "#ir";
import { assign, boolInst, instOf } from "./integer.ts";
import { readArrayInto } from "./kernel.ts";
import type { Lowering } from "./lowering.ts";
import { sameType } from "./merge.ts";
import { requirePresent } from "./optional.ts";
import {
	bool,
	describe,
	type IntValue,
	int,
	type KernelArrayValue,
	type PlaceValue,
	POISON,
	typeName,
	type Value,
} from "./value.ts";

/** The largest power of two that divides both, at most 8. */
export const alignmentAt = (align: number, offset: number): number => {
	let a = Math.min(align, 8);
	while (a > 1 && offset % a !== 0) a /= 2;
	return a;
};

/** A place in the memory at `base`. */
export const place = (
	type: Type,
	base: Inst,
	offset: number,
	space: Space,
	align: number,
	more: Partial<PlaceValue> = {},
): PlaceValue => ({
	kind: "place",
	type,
	base,
	offset,
	space,
	shared: false,
	nullable: false,
	boxed: false,
	writable: true,
	align: alignmentAt(align, offset),
	...more,
});

/** A part of a place. */
export const part = (p: PlaceValue, type: Type, offset: number): PlaceValue => ({
	...p,
	type,
	offset: p.offset + offset,
	boxed: false,
	temporary: false,
	align: alignmentAt(p.align, offset),
});

const stackMisaligned = (p: PlaceValue, size: number) => p.space === "stack" && p.align < size && p.align < 8;

/** Loads `size` bytes at the place as an unsigned number; the stack is only read in aligned pieces. */
export function loadBytes(l: Lowering, p: PlaceValue, offset: number, size: Size, signed = false): Inst {
	const align = alignmentAt(p.align, offset) as Size;
	if (!stackMisaligned({ ...p, align }, size)) return l.load(p.base, p.offset + offset, size, signed, p.shared);
	const width = size === 8 ? 64 : 32;
	let result: Inst | undefined;
	for (let i = 0; i < size; i += align) {
		let piece = l.load(p.base, p.offset + offset + i, align);
		if (width === 64) piece = l.b.emit({ op: "extend", from: 32, signed: false }, [piece], 64);
		if (i > 0) piece = l.binary("shl", piece, l.constant(i * 8, width), width);
		result = result ? l.binary("or", result, piece, width) : piece;
	}
	return signed && size < 4
		? l.b.emit({ op: "extend", from: (size * 8) as 8 | 16, signed: true }, [result!], 32)
		: result!;
}

export function storeBytes(l: Lowering, p: PlaceValue, offset: number, size: Size, value: Inst): void {
	const align = alignmentAt(p.align, offset) as Size;
	if (!stackMisaligned({ ...p, align }, size)) {
		l.store(p.base, p.offset + offset, size, value);
		return;
	}
	for (let i = 0; i < size; i += align) {
		const width = size === 8 ? 64 : 32;
		l.store(
			p.base,
			p.offset + offset + i,
			align,
			i === 0 ? value : l.binary("lshr", value, l.constant(i * 8, width), width),
		);
	}
}

/** Reports what may not be touched any more. */
export function checkAlive(l: Lowering, p: PlaceValue, node: Node): boolean {
	if (p.epoch !== undefined && p.epoch < l.facts.epoch) {
		l.error(
			"SK3005",
			node,
			"this reference into the packet is from before a call that moved the packet",
			"take it again with packet.at() or a new cursor after the call",
		);
		return false;
	}
	if (p.emission?.over) {
		l.error(
			"SK3010",
			node,
			"the record belongs to the ring buffer once emit() has ended",
			"copy what is needed into a local inside the function given to emit",
		);
		return false;
	}
	return true;
}

/** What reading the place gives: scalars are loaded, the rest stays where it is. */
export function readPlace(l: Lowering, p: PlaceValue, node: Node): Value {
	if (!checkAlive(l, p, node)) return POISON;
	l.at(node);
	const t = p.type;
	switch (t.kind) {
		case "int":
			return int(t.bits, t.signed, loadBytes(l, p, 0, (t.bits / 8) as Size, t.signed && t.bits < 32));
		case "be":
			return { kind: "be", bits: t.bits, inst: loadBytes(l, p, 0, (t.bits / 8) as Size) };
		case "bool":
			return bool(loadBytes(l, p, 0, 1));
		default:
			return p;
	}
}

/** A member of a struct, as a value. */
export function readField(l: Lowering, p: PlaceValue, f: Field, node: Node): Value {
	const at = part(p, f.type, f.offset);
	if (!f.bits) return readPlace(l, at, node);
	if (!checkAlive(l, p, node)) return POISON;
	l.at(node);
	const bits = sizeOf(f.type) === 8 ? 64 : 32;
	let v = loadBytes(l, at, 0, sizeOf(f.type) as Size);
	if (f.bits.shift > 0) v = l.binary("lshr", v, l.constant(f.bits.shift, bits), bits);
	if (f.bits.shift + f.bits.size < sizeOf(f.type) * 8)
		v = l.binary("and", v, l.constant((1n << BigInt(f.bits.size)) - 1n, bits), bits);
	const size = sizeOf(f.type) * 8;
	return int(size as IntValue["bits"], false, v, { min: 0n, max: (1n << BigInt(f.bits.size)) - 1n });
}

/** Writes constant bytes; `size` in all, the rest zero. */
export function storeText(l: Lowering, p: PlaceValue, bytes: Uint8Array, size: number): void {
	const view = new DataView(new ArrayBuffer(Math.ceil(size / 8) * 8 + 8));
	for (const [i, b] of bytes.entries()) view.setUint8(i, b);
	const used = Math.min(size, bytes.length);
	let at = 0;
	while (at < used) {
		let step: Size = 8;
		while (step > 1 && (at + step > size || alignmentAt(p.align, at) < step)) step = (step / 2) as Size;
		const value =
			step === 8
				? view.getBigUint64(at, true)
				: step === 4
					? BigInt(view.getUint32(at, true))
					: step === 2
						? BigInt(view.getUint16(at, true))
						: BigInt(view.getUint8(at));
		l.store(p.base, p.offset + at, step, l.constant(value, step === 8 ? 64 : 32));
		at += step;
	}
	if (at < size) l.zero(p.base, p.offset + at, size - at, alignmentAt(p.align, at) as Size);
}

/** Copies bytes from one place to another. */
export function copy(l: Lowering, to: PlaceValue, from: PlaceValue, size: number): void {
	l.b.emit(
		{
			op: "copy",
			toOffset: to.offset,
			fromOffset: from.offset,
			size,
			align: Math.min(to.align, from.align, 8) as Size,
		},
		[to.base, from.base],
		64,
	);
}

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
	const t = l.temporary(name, type, false);
	storeValue(l, t, v, node);
	return t;
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

export const naturalAlign = (t: Type): number => (t.kind === "chars" ? 1 : alignOf(t));
