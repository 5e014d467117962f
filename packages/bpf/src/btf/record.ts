import type { FormatError } from "#base";
import type { BtfStrings } from "./strings.ts";
import type { BtfMember, BtfType } from "./types.ts";
import { INT_BOOL, INT_CHAR, INT_SIGNED, KINDS, LINKAGES } from "./wire.ts";

/** What the records of one BTF refer to. */
export interface RecordSource {
	/** The types as words of the host's byte order. */
	readonly words: Uint32Array;
	readonly strings: BtfStrings;
	/** Highest id. */
	readonly count: number;
	/** FormatError at a word, for a part of the type. */
	fail(word: number, id: number, part: string, message: string): FormatError;
}

export const VOID: BtfType = { kind: "void" };

/** The type of a record that begins at word `at`. @throws FormatError where it refers to what is not there. */
export function makeType(source: RecordSource, id: number, at: number): BtfType {
	const { words } = source;
	const info = words[at + 1]!;
	const kind = KINDS[(info >>> 24) & 0x1f]!;
	const flag = info >>> 31 === 1;
	const vlen = info & 0xffff;
	const name = text(source, at, id, "name");
	const more = at + 3;
	const size = words[at + 2]!;
	switch (kind) {
		case "int": {
			const bits = words[more]!;
			const encoding = (bits >>> 24) & 0xf;
			const width = bits & 0xff;
			if (size === 0 || size > 16 || (size & (size - 1)) !== 0)
				throw source.fail(at + 2, id, "size", `int of ${size} bytes, expected 1, 2, 4, 8 or 16`);
			if (width > size * 8) throw source.fail(more, id, "bits", `int of ${width} bits in ${size} bytes`);
			return {
				kind,
				name,
				size,
				bits: width,
				offset: (bits >>> 16) & 0xff,
				signed: (encoding & INT_SIGNED) !== 0,
				char: (encoding & INT_CHAR) !== 0,
				bool: (encoding & INT_BOOL) !== 0,
			};
		}
		case "ptr":
		case "volatile":
		case "const":
		case "restrict":
			return { kind, type: reference(source, at + 2, id, "type") };
		case "typedef":
			return { kind, name, type: reference(source, at + 2, id, "type") };
		case "type_tag": {
			const type = reference(source, at + 2, id, "type");
			return flag ? { kind, name, type, attribute: true } : { kind, name, type };
		}
		case "array":
			return {
				kind,
				type: reference(source, more, id, "type"),
				index: reference(source, more + 1, id, "index"),
				length: words[more + 2]!,
			};
		case "struct":
		case "union":
			return { kind, name, size, members: membersOf(source, id, more, vlen, flag) };
		case "enum": {
			const values: { name: string; value: number }[] = new Array(vlen);
			for (let i = 0, v = more; i < vlen; i++, v += 2)
				values[i] = { name: text(source, v, id, "values", i), value: flag ? words[v + 1]! | 0 : words[v + 1]! };
			checkEnumSize(source, at, id, size);
			return { kind, name, size, signed: flag, values };
		}
		case "enum64": {
			const values: { name: string; value: bigint }[] = new Array(vlen);
			for (let i = 0, v = more; i < vlen; i++, v += 3) {
				const raw = (BigInt(words[v + 2]!) << 32n) | BigInt(words[v + 1]!);
				values[i] = { name: text(source, v, id, "values", i), value: flag ? BigInt.asIntN(64, raw) : raw };
			}
			checkEnumSize(source, at, id, size);
			return { kind, name, size, signed: flag, values };
		}
		case "fwd":
			return { kind, name, union: flag };
		case "func":
			return { kind, name, type: reference(source, at + 2, id, "type"), linkage: linkage(source, vlen, at + 1, id) };
		case "func_proto": {
			const params: { name: string; type: number }[] = new Array(vlen);
			for (let i = 0, p = more; i < vlen; i++, p += 2)
				params[i] = { name: text(source, p, id, "params", i), type: reference(source, p + 1, id, "params", i) };
			return { kind, ret: reference(source, at + 2, id, "ret"), params };
		}
		case "var":
			return {
				kind,
				name,
				type: reference(source, at + 2, id, "type"),
				linkage: linkage(source, words[more]!, more, id),
			};
		case "datasec": {
			const vars: { type: number; offset: number; size: number }[] = new Array(vlen);
			for (let i = 0, v = more; i < vlen; i++, v += 3)
				vars[i] = { type: reference(source, v, id, "vars", i), offset: words[v + 1]!, size: words[v + 2]! };
			return { kind, name, size, vars };
		}
		case "float":
			return { kind, name, size };
		case "decl_tag": {
			const type = reference(source, at + 2, id, "type");
			const component = words[more]! | 0;
			return flag ? { kind, name, type, component, attribute: true } : { kind, name, type, component };
		}
		case "void":
			// The index refuses kind 0.
			return VOID;
	}
}

function membersOf(source: RecordSource, id: number, more: number, vlen: number, flag: boolean): BtfMember[] {
	const { words } = source;
	const members: BtfMember[] = new Array(vlen);
	for (let i = 0, m = more; i < vlen; i++, m += 3) {
		const offset = words[m + 2]!;
		members[i] = {
			name: text(source, m, id, "members", i),
			type: reference(source, m + 1, id, "members", i),
			bitOffset: flag ? offset & 0xffffff : offset,
			bitSize: flag ? offset >>> 24 : 0,
		};
	}
	return members;
}

function text(source: RecordSource, word: number, id: number, part: string, index = -1): string {
	const offset = source.words[word]!;
	if (offset === 0) return "";
	const found = source.strings.at(offset);
	if (found !== undefined) return found;
	throw source.fail(
		word,
		id,
		index < 0 ? part : `${part}[${index}]/name`,
		`string offset ${offset}, the strings have ${source.strings.end} bytes`,
	);
}

function reference(source: RecordSource, word: number, id: number, part: string, index = -1): number {
	const type = source.words[word]!;
	if (type <= source.count) return type;
	throw source.fail(
		word,
		id,
		index < 0 ? part : `${part}[${index}]`,
		`type id ${type}, the highest is ${source.count}`,
	);
}

function checkEnumSize(source: RecordSource, at: number, id: number, size: number): void {
	if (size !== 1 && size !== 2 && size !== 4 && size !== 8)
		throw source.fail(at + 2, id, "size", `enum of ${size} bytes, expected 1, 2, 4 or 8`);
}

function linkage(source: RecordSource, value: number, word: number, id: number): "static" | "global" | "extern" {
	const l = LINKAGES[value];
	if (!l) throw source.fail(word, id, "linkage", `linkage ${value}, expected 0, 1 or 2`);
	return l;
}
