import type { Node } from "#frontend";
import { type Field, type Inst, type Size, type Space, sizeOf, type Type } from "#ir";
import type { Lowering } from "./lowering.ts";
import { bool, type IntValue, int, type PlaceValue, POISON, type Value } from "./value.ts";

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

/** The element of an array at an index (64 bit) that is known to be within it. */
export function elementAt(l: Lowering, p: PlaceValue, element: Type, index: Inst): PlaceValue {
	const size = sizeOf(element);
	const amount = size === 1 ? index : l.binary("mul", index, l.constant(size, 64), 64);
	const base = l.b.emit({ op: "offset", offset: 0 }, [l.address(p), amount], 64, p.space);
	return { ...p, type: element, base, offset: 0, boxed: false, temporary: false, align: alignmentAt(p.align, size) };
}

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
