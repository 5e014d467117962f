import { encodeUtf8 } from "#base";
import type { BtfType } from "./types.ts";
import {
	BTF_HEADER_SIZE,
	BTF_MAGIC,
	BTF_VERSION,
	ENTRY_SIZE,
	FIXED_SIZE,
	INT_BOOL,
	INT_CHAR,
	INT_SIGNED,
	KIND_NUMBER,
	LINKAGES,
	TYPE_SIZE,
} from "./wire.ts";

/** Strings of a BTF that is being made, each once. Offset 0 is the empty string. */
export class StringTable {
	readonly #offsets = new Map<string, number>();
	readonly #parts: Uint8Array[] = [];
	readonly #first: number;
	#size: number;

	/** `first`: where own offsets begin (split BTF: after the base's strings). */
	constructor(first = 0) {
		this.#first = first;
		this.#size = 0;
		if (first === 0) this.#append("");
	}

	#append(text: string): number {
		const bytes = encodeUtf8(`${text}\0`);
		const offset = this.#first + this.#size;
		this.#parts.push(bytes);
		this.#size += bytes.length;
		this.#offsets.set(text, offset);
		return offset;
	}

	/** Offset of the string, added where it is not there yet. @throws RangeError for a string that holds NUL. */
	add(text: string): number {
		if (text === "") return 0;
		const known = this.#offsets.get(text);
		if (known !== undefined) return known;
		if (text.includes("\0")) throw new RangeError(`a BTF string cannot hold NUL: ${JSON.stringify(text)}`);
		return this.#append(text);
	}

	/** In bytes. */
	get size(): number {
		return this.#size;
	}

	writeTo(target: Uint8Array, at: number): void {
		for (const part of this.#parts) {
			target.set(part, at);
			at += part.length;
		}
	}
}

/** Records behind `struct btf_type`. */
const entriesOf = (t: BtfType): number => {
	switch (t.kind) {
		case "struct":
		case "union":
			return t.members.length;
		case "enum":
		case "enum64":
			return t.values.length;
		case "func_proto":
			return t.params.length;
		case "datasec":
			return t.vars.length;
		default:
			return 0;
	}
};

/** Bytes of one type. */
export const encodedSize = (t: BtfType): number => {
	const kind = KIND_NUMBER[t.kind];
	return TYPE_SIZE + FIXED_SIZE[kind]! + ENTRY_SIZE[kind]! * entriesOf(t);
};

/**
 * A whole BTF, little-endian: header, types in order, strings. `inBase` may tell where the base of a split BTF has a
 * string already.
 * @throws RangeError where a number does not fit its field (more than 65,535 members, a bit offset past 2^24 …).
 */
export function encodeTypes(
	types: Iterable<BtfType>,
	strings: StringTable,
	inBase: (text: string) => number | undefined = () => undefined,
): Uint8Array {
	const list = [...types];
	let typesSize = 0;
	for (const t of list) typesSize += encodedSize(t);
	const body = new DataView(new ArrayBuffer(typesSize));
	const name = (text: string): number => (text === "" ? 0 : (inBase(text) ?? strings.add(text)));
	let at = 0;
	for (const t of list) at = encodeType(body, at, t, name);
	const out = new Uint8Array(BTF_HEADER_SIZE + typesSize + strings.size);
	const header = new DataView(out.buffer);
	header.setUint16(0, BTF_MAGIC, true);
	out[2] = BTF_VERSION;
	header.setUint32(4, BTF_HEADER_SIZE, true);
	header.setUint32(12, typesSize, true);
	header.setUint32(16, typesSize, true);
	header.setUint32(20, strings.size, true);
	out.set(new Uint8Array(body.buffer), BTF_HEADER_SIZE);
	strings.writeTo(out, BTF_HEADER_SIZE + typesSize);
	return out;
}

function encodeType(view: DataView, at: number, t: BtfType, name: (text: string) => number): number {
	const entries = entriesOf(t);
	if (entries > 0xffff) throw new RangeError(`${t.kind} with ${entries} entries, BTF holds at most 65535`);
	const u32 = (offset: number, value: number) => view.setUint32(offset, value, true);
	const start = (nameOffset: number, vlen: number, flag: boolean, sizeOrType: number): void => {
		u32(at, nameOffset);
		u32(at + 4, ((flag ? 0x80000000 : 0) | (KIND_NUMBER[t.kind] << 24) | vlen) >>> 0);
		u32(at + 8, sizeOrType);
	};
	const more = at + TYPE_SIZE;
	switch (t.kind) {
		case "void":
			throw new RangeError("void is type 0 and is not written");
		case "int":
			start(name(t.name), 0, false, t.size);
			u32(
				more,
				(((t.signed ? INT_SIGNED : 0) | (t.char ? INT_CHAR : 0) | (t.bool ? INT_BOOL : 0)) << 24) |
					(t.offset << 16) |
					t.bits,
			);
			break;
		case "ptr":
		case "volatile":
		case "const":
		case "restrict":
			start(0, 0, false, t.type);
			break;
		case "typedef":
			start(name(t.name), 0, false, t.type);
			break;
		case "type_tag":
			start(name(t.name), 0, t.attribute === true, t.type);
			break;
		case "array":
			start(0, 0, false, 0);
			u32(more, t.type);
			u32(more + 4, t.index);
			u32(more + 8, t.length);
			break;
		case "struct":
		case "union": {
			const flag = t.members.some((m) => m.bitSize > 0);
			start(name(t.name), entries, flag, t.size);
			t.members.forEach((m, i) => {
				const o = more + i * 12;
				if (flag && (m.bitOffset > 0xffffff || m.bitSize > 0xff))
					throw new RangeError(
						`${t.name || t.kind}.${m.name}: bit ${m.bitOffset}, a struct with bit-fields reaches to 2^24`,
					);
				u32(o, name(m.name));
				u32(o + 4, m.type);
				u32(o + 8, flag ? ((m.bitSize << 24) | m.bitOffset) >>> 0 : m.bitOffset);
			});
			break;
		}
		case "enum":
			start(name(t.name), entries, t.signed, t.size);
			t.values.forEach((v, i) => {
				u32(more + i * 8, name(v.name));
				u32(more + i * 8 + 4, v.value >>> 0);
			});
			break;
		case "enum64":
			start(name(t.name), entries, t.signed, t.size);
			t.values.forEach((v, i) => {
				const raw = BigInt.asUintN(64, v.value);
				u32(more + i * 12, name(v.name));
				u32(more + i * 12 + 4, Number(raw & 0xffffffffn));
				u32(more + i * 12 + 8, Number(raw >> 32n));
			});
			break;
		case "fwd":
			start(name(t.name), 0, t.union, 0);
			break;
		case "func":
			start(name(t.name), LINKAGES.indexOf(t.linkage), false, t.type);
			break;
		case "func_proto":
			start(0, entries, false, t.ret);
			t.params.forEach((p, i) => {
				u32(more + i * 8, name(p.name));
				u32(more + i * 8 + 4, p.type);
			});
			break;
		case "var":
			start(name(t.name), 0, false, t.type);
			u32(more, LINKAGES.indexOf(t.linkage));
			break;
		case "datasec":
			start(name(t.name), entries, false, t.size);
			t.vars.forEach((v, i) => {
				u32(more + i * 12, v.type);
				u32(more + i * 12 + 4, v.offset);
				u32(more + i * 12 + 8, v.size);
			});
			break;
		case "float":
			start(name(t.name), 0, false, t.size);
			break;
		case "decl_tag":
			start(name(t.name), 0, t.attribute === true, t.type);
			view.setInt32(more, t.component, true);
			break;
	}
	return at + encodedSize(t);
}
