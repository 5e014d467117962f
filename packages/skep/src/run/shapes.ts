import type { Btf } from "@skep/bpf/btf";
import { flattenMembers, readValue, recordDecoder, writeValue } from "@skep/bpf/btf";
import type { Shape } from "#output";
import type { Codec } from "#program";

/** The shape of a BTF type: what output needs to line up columns and to turn network order round. */
export function shapeOf(btf: Btf, id: number): Shape {
	for (let t = btf.type(id); ; t = btf.type(t.type)) {
		if (t.kind === "typedef") {
			const network = /^__be(16|32|64)$/.exec(t.name);
			if (network) return { kind: "be", bits: Number(network[1]) as 16 | 32 | 64 };
		} else if (t.kind !== "const" && t.kind !== "volatile" && t.kind !== "restrict" && t.kind !== "type_tag") break;
	}
	const resolved = btf.resolve(id);
	const type = btf.type(resolved);
	switch (type.kind) {
		case "int":
			return type.bool ? { kind: "bool" } : { kind: "int", bits: type.bits, signed: type.signed };
		case "enum":
		case "enum64":
			return { kind: "int", bits: type.size * 8, signed: type.signed };
		case "ptr":
			return { kind: "int", bits: 64, signed: false };
		case "array": {
			const element = btf.type(btf.resolve(type.type));
			if (element.kind === "int" && element.size === 1 && (element.char || element.name === "char")) {
				return { kind: "chars", length: type.length };
			}
			return { kind: "array", of: shapeOf(btf, type.type), length: type.length };
		}
		case "struct":
		case "union": {
			const members = flattenMembers(btf, resolved).map((m) => ({ name: m.name, shape: shapeOf(btf, m.member.type) }));
			return { kind: "struct", name: type.name, members };
		}
		default:
			return { kind: "opaque", size: sizeOrZero(btf, resolved) };
	}
}

function sizeOrZero(btf: Btf, id: number): number {
	try {
		return btf.sizeOf(id);
	} catch {
		return 0;
	}
}

/** Bytes of a BTF type to JavaScript and back. */
export function codecOf(btf: Btf, id: number): Codec {
	const size = btf.sizeOf(id);
	return {
		size,
		decode: (view, offset) => readValue(btf, id, view, offset),
		encode: (value) => {
			const bytes = new Uint8Array(size);
			writeValue(btf, id, new DataView(bytes.buffer), 0, value);
			return bytes;
		},
	};
}

/** Sizes of whole numbers. */
const WORDS: ReadonlySet<number> = new Set([1, 2, 4, 8]);

/** The shape of what `opaqueCodec` gives. */
export const opaqueShape = (size: number, words: boolean): Shape =>
	words && WORDS.has(size) ? { kind: "int", bits: size * 8, signed: false } : { kind: "opaque", size };

/** Where nothing is known of a type: its bytes as numbers; with `words`, those of the size of a whole number as one. */
export function opaqueCodec(size: number, words = false): Codec {
	if (words && WORDS.has(size)) return wordCodec(size);
	return {
		size,
		decode: (view, offset) => Array.from({ length: size }, (_, i) => view.getUint8(offset + i)),
		encode: (value) => Uint8Array.from(value as ArrayLike<number>),
	};
}

function wordCodec(size: number): Codec {
	return {
		size,
		decode: (view, offset) => {
			let value = 0n;
			for (let i = size; i-- > 0; ) value = (value << 8n) | BigInt(view.getUint8(offset + i));
			return size > 4 ? value : Number(value);
		},
		encode: (value) => {
			const bytes = new Uint8Array(8);
			new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value as number | bigint)), true);
			return bytes.subarray(0, size);
		},
	};
}

/** The fast road for records of a ring buffer: code made for the type. */
export function recordReader(btf: Btf, id: number): (view: DataView, offset: number, length: number) => unknown {
	const type = btf.type(btf.resolve(id));
	if (type.kind === "struct" || type.kind === "union") return recordDecoder(btf, id);
	return (view, offset) => readValue(btf, id, view, offset);
}
