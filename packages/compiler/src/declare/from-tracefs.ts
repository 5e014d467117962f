import type { Type } from "#ir";
import type { Tracepoint, TracepointField, TracepointType } from "./tracepoints.ts";

/** Elements of `__data_loc T[]`, by C name: what cannot be told from the field's own size. Bits; negative: signed. */
const ELEMENT_BITS: Readonly<Record<string, number>> = {
	u8: 8,
	__u8: 8,
	"unsigned char": 8,
	s8: -8,
	u16: 16,
	__u16: 16,
	"unsigned short": 16,
	s16: -16,
	u32: 32,
	__u32: 32,
	"unsigned int": 32,
	unsigned: 32,
	int: -32,
	s32: -32,
	u64: 64,
	__u64: 64,
	"unsigned long": 64,
	long: -64,
	s64: -64,
};

const intOf = (size: number, signed: boolean): Type | undefined =>
	size === 1 || size === 2 || size === 4 || size === 8
		? { kind: "int", bits: (size * 8) as 8 | 16 | 32 | 64, signed }
		: undefined;

const elementOf = (ctype: string): Type | undefined => {
	const bits = ELEMENT_BITS[ctype.replace(/\bconst\b/g, "").trim()];
	return bits === undefined ? undefined : intOf(Math.abs(bits) / 8, bits < 0);
};

/**
 * What a field is, by its C type as tracefs writes it, its size and sign.
 * @param syscall arguments of system calls: pointers are the process's, numbers are whole registers
 */
export function classifyField(
	name: string,
	ctype: string,
	size: number,
	signed: boolean,
	syscall: boolean,
): TracepointType {
	const dynamic = /^__(?:data|rel)_loc (.*?)(?: ?\[\])?$/.exec(ctype);
	if (dynamic) {
		// __rel_loc counts from the field's end: not the same word, and no event of the shipped kernels has one.
		if (ctype.startsWith("__rel_loc")) return { kind: "opaque", what: ctype };
		return dynamic[1] === "char" ? { kind: "dynstr" } : { kind: "dynarr", element: elementOf(dynamic[1]!) };
	}
	const plain = ctype
		.replace(/\b(?:const|volatile|__seg_gs)\b/g, "")
		.replace(/\s+/g, " ")
		.trim();
	const array = /^(.*?) ?\[(\d*)\]$/.exec(plain);
	if (array) {
		const length = Number(array[2]);
		const of = array[1]!;
		if (length === 0 || size === 0) return { kind: "opaque", what: ctype };
		if (of === "char") return { kind: "chars", size: length };
		// The kernel's records hold addresses as bytes in network order, under these names.
		if (length === 4 && /^[su]8$|^__u8$/.test(of) && /^[sd]addr$/.test(name)) return { kind: "be", bits: 32 };
		if (length === 16 && of === "__u8" && /^[sd]addr_v6$/.test(name))
			return { kind: "array", element: { kind: "be", bits: 32 }, length: 4 };
		const element = intOf(size / length, signed);
		return element ? { kind: "array", element, length } : { kind: "opaque", what: ctype };
	}
	if (plain.endsWith("*")) {
		const to = plain.slice(0, -1).trim();
		if (syscall) return { kind: "user-ptr", to: userTarget(to) };
		if (to === "char") return { kind: "cstr" };
		const struct = /^struct (\w+)$/.exec(to)?.[1];
		if (struct) return { kind: "kernel-ptr", struct };
		const element = elementOf(to);
		return element ? { kind: "kernel-ptr", to: element } : { kind: "kernel-ptr" };
	}
	if (plain === "bool" && size === 1) return { kind: "bool" };
	if (/^(?:struct|union) /.test(plain)) return { kind: "opaque", what: ctype };
	return intOf(size, signed) ?? { kind: "opaque", what: ctype };
}

const userTarget = (to: string): TracepointType | undefined => {
	if (to.endsWith("*")) return { kind: "user-ptr", to: userTarget(to.slice(0, -1).trim()) };
	return to === "char" ? { kind: "int", bits: 8, signed: false } : elementOf(to);
};

/** The name at the end of a C declaration without function pointers, and the type around it. */
function splitDeclaration(text: string): { name: string; ctype: string } | undefined {
	const m = /^(.*?)\s*\b(\w+)\s*(\[[^\]]*\])?$/.exec(text.trim());
	if (!m?.[1]) return undefined;
	return { name: m[2]!, ctype: m[3] === undefined ? m[1] : `${m[1]} ${m[3]}` };
}

/** A field as `format` files and the shipped table have it; `offset` and `size` in bytes. */
export interface RawField {
	readonly name: string;
	readonly ctype: string;
	readonly offset: number;
	readonly size: number;
	readonly signed: boolean;
}

export const completeField = (f: RawField, category: string): TracepointField => ({
	...f,
	type: classifyField(f.name, f.ctype, f.size, f.signed, category === "syscalls" && f.size === 8 && f.name !== "ret"),
});

/**
 * Reads the text of events/CATEGORY/EVENT/format. The `common_…` fields are left out.
 * undefined: the text is no such file's.
 */
export function parseFormat(category: string, text: string): Tracepoint | undefined {
	const event = /^name: (\S+)/m.exec(text)?.[1];
	if (event === undefined) return undefined;
	const fields: TracepointField[] = [];
	for (const m of text.matchAll(/^\s*field:(.*);\s*offset:(\d+);\s*size:(\d+);\s*signed:([01]);/gm)) {
		const d = splitDeclaration(m[1]!);
		if (!d || d.name.startsWith("common_")) continue;
		fields.push(completeField({ ...d, offset: Number(m[2]), size: Number(m[3]), signed: m[4] === "1" }, category));
	}
	return { category, event, fields };
}

/** How tracefs is read; the caller has the file system. Paths are relative to its `events` folder. */
export interface TracefsReader {
	/** Names in a folder; empty where it cannot be listed. */
	list(path: string): readonly string[];
	/** undefined: no such file. */
	read(path: string): string | undefined;
}

/** All tracepoints of a mounted tracefs. */
export function readTracefs(reader: TracefsReader): Tracepoint[] {
	const out: Tracepoint[] = [];
	for (const category of reader.list(""))
		for (const event of reader.list(category)) {
			const text = reader.read(`${category}/${event}/format`);
			const t = text === undefined ? undefined : parseFormat(category, text);
			if (t) out.push(t);
		}
	return out;
}
