import type { Btf, BtfMember } from "@skep/bpf/btf";

/** What stands for a pointer to a function of a type: its prototype's id and the pointer. Absent: the number. */
export type FunctionText = (proto: number, value: bigint) => string;

/** The value of a type at an offset, as JSON text. */
export type JsonReader = (view: DataView, at: number) => string;

const UTF8 = new TextDecoder("utf-8", { fatal: true });
const UNPRINTABLE = /\p{C}/u;

/**
 * Code that writes values of a type as bpftool's JSON has them: enums by name, arrays of chars as text where they are one (bpftool: only of ASCII), bit-fields as
 * hex texts, variables of a section as objects of one member each; 64 bits exact. Made once a type, for many values.
 */
export function jsonReader(btf: Btf, id: number, functions?: FunctionText): JsonReader {
	const type = btf.type(id);
	switch (type.kind) {
		case "int":
			return intReader(Math.min(type.bits, type.size * 8), type.signed, type.bool, type.char);
		case "float":
			return type.size === 4
				? (view, at) => number(view.getFloat32(at, true))
				: type.size === 8
					? (view, at) => number(view.getFloat64(at, true))
					: () => "null";
		case "ptr": {
			const to = btf.resolve(type.type);
			if (functions && to !== 0 && btf.type(to).kind === "func_proto")
				return (view, at) => JSON.stringify(functions(to, view.getBigUint64(at, true)));
			return (view, at) => String(view.getBigUint64(at, true));
		}
		case "enum":
		case "enum64": {
			const names = new Map<number | bigint, string>();
			for (const { name, value } of type.values) if (!names.has(value)) names.set(value, JSON.stringify(name));
			const read = ENUM[type.size];
			if (!read) return () => "null";
			return (view, at) => {
				const value = read(view, at, type.signed);
				return names.get(type.kind === "enum" ? Number(value) : BigInt(value)) ?? String(value);
			};
		}
		case "array": {
			const element = btf.resolve(type.type);
			const size = btf.sizeOf(type.type);
			const of = btf.type(withoutQualifiers(btf, type.type));
			const read = jsonReader(btf, type.type, functions);
			const chars = of.kind === "int" && (of.char || of.name === "char") && btf.sizeOf(element) === 1;
			const { length } = type;
			return (view, at) => {
				if (chars) {
					const text = textAt(view, at, length);
					if (text !== undefined) return text;
				}
				let out = "[";
				for (let i = 0; i < length; i++) out += (i === 0 ? "" : ",") + read(view, at + i * size);
				return `${out}]`;
			};
		}
		case "struct":
		case "union": {
			const members = type.members.map((member) => memberReader(btf, member, functions));
			return (view, at) => {
				let out = "{";
				for (const [i, read] of members.entries()) out += (i === 0 ? "" : ",") + read(view, at);
				return `${out}}`;
			};
		}
		case "datasec": {
			const variables = type.vars.map((each) => {
				const read = jsonReader(btf, each.type, functions);
				return (view: DataView, at: number) => read(view, at + each.offset);
			});
			const head = `{${JSON.stringify(type.name)}:[`;
			return (view, at) => `${head}${variables.map((read) => read(view, at)).join(",")}]}`;
		}
		case "var": {
			const read = jsonReader(btf, type.type, functions);
			const name = JSON.stringify(type.name);
			return (view, at) => `{${name}:${read(view, at)}}`;
		}
		case "typedef":
		case "const":
		case "volatile":
		case "restrict":
		case "type_tag":
			return jsonReader(btf, type.type, functions);
		default:
			return () => "null";
	}
}

type ReadEnum = (view: DataView, at: number, signed: boolean) => number | bigint;
const ENUM: Readonly<Record<number, ReadEnum>> = {
	1: (view, at, signed) => (signed ? view.getInt8(at) : view.getUint8(at)),
	2: (view, at, signed) => (signed ? view.getInt16(at, true) : view.getUint16(at, true)),
	4: (view, at, signed) => (signed ? view.getInt32(at, true) : view.getUint32(at, true)),
	8: (view, at, signed) => (signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true)),
};

function withoutQualifiers(btf: Btf, id: number): number {
	for (let at = id; ; ) {
		const type = btf.type(at);
		if (type.kind !== "const" && type.kind !== "volatile" && type.kind !== "restrict" && type.kind !== "type_tag")
			return at;
		at = type.type;
	}
}

function memberReader(btf: Btf, member: BtfMember, functions: FunctionText | undefined): JsonReader {
	const name = `${JSON.stringify(member.name)}:`;
	const type = btf.type(btf.resolve(member.type));
	const bits = member.bitSize || (type.kind === "int" && type.bits < type.size * 8 ? type.bits : 0);
	if (bits > 0) return (view, at) => `${name}"0x${bitsAt(view, at * 8 + member.bitOffset, bits).toString(16)}"`;
	const read = jsonReader(btf, member.type, functions);
	const offset = member.bitOffset / 8;
	return (view, at) => name + read(view, at + offset);
}

/** `bits` bits from a bit position of the memory, little-endian. */
function bitsAt(view: DataView, position: number, bits: number): bigint {
	let value = 0n;
	const first = Math.floor(position / 8);
	const last = Math.floor((position + bits - 1) / 8);
	for (let i = last; i >= first; i--) value = (value << 8n) | BigInt(view.getUint8(i));
	return BigInt.asUintN(bits, value >> BigInt(position % 8));
}

function intReader(bits: number, signed: boolean, bool: boolean, char: boolean): JsonReader {
	if (bool) return (view, at) => (view.getUint8(at) === 0 ? "false" : "true");
	if (char && bits === 8) {
		return (view, at) => {
			const code = view.getUint8(at);
			return code >= 0x20 && code < 0x7f
				? JSON.stringify(String.fromCharCode(code))
				: `"\\u00${code.toString(16).padStart(2, "0")}"`;
		};
	}
	switch (bits) {
		case 8:
			return signed ? (view, at) => String(view.getInt8(at)) : (view, at) => String(view.getUint8(at));
		case 16:
			return signed ? (view, at) => String(view.getInt16(at, true)) : (view, at) => String(view.getUint16(at, true));
		case 32:
			return signed ? (view, at) => String(view.getInt32(at, true)) : (view, at) => String(view.getUint32(at, true));
		case 64:
			return (view, at) => {
				// Most numbers are small, and a bigint costs ten times as much.
				const high = signed ? view.getInt32(at + 4, true) : view.getUint32(at + 4, true);
				const low = view.getUint32(at, true);
				if (high < 0x1f_ffff && high > -0x1f_ffff) return String(high * 0x1_0000_0000 + low);
				return String(signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true));
			};
		case 128:
			return (view, at) => `"0x${bitsAt(view, at * 8, 128).toString(16)}"`;
		default:
			return (view, at) => `"0x${bitsAt(view, at * 8, bits).toString(16)}"`;
	}
}

const number = (value: number): string => (Number.isFinite(value) ? String(value) : "null");

/** Printable text that ends within the array; undefined: it is none, and is shown as numbers. */
function textAt(view: DataView, at: number, length: number): string | undefined {
	for (let i = 0; i < length; i++) {
		const code = view.getUint8(at + i);
		if (code === 0) return utf8Of(new Uint8Array(view.buffer, view.byteOffset + at, i));
		if (code <= 0x1f || code === 0x7f) return undefined;
	}
	return undefined;
}

function utf8Of(bytes: Uint8Array): string | undefined {
	try {
		const text = UTF8.decode(bytes);
		return UNPRINTABLE.test(text) ? undefined : JSON.stringify(text);
	} catch {
		return undefined; // cut in the midst of a character, or in another encoding
	}
}
