import type { Btf } from "./btf.ts";
import { INT_BOOL, INT_CHAR, INT_SIGNED, KINDS } from "./wire.ts";

export interface RawFormatOptions {
	/** Only these types, in this order. Default: all own ones (of split BTF without the base's). */
	readonly ids?: readonly number[] | undefined;
}

const KIND_WORDS = KINDS.map((k) => k.toUpperCase());
const LINKAGE_WORDS = ["static", "global", "extern"];
const ANONYMOUS = "(anon)";

const encodingOf = (bits: number): string => {
	switch ((bits >>> 24) & 0xf) {
		case 0:
			return "(none)";
		case INT_SIGNED:
			return "SIGNED";
		case INT_CHAR:
			return "CHAR";
		case INT_BOOL:
			return "BOOL";
		default:
			return "UNKN";
	}
};

const word64 = (low: number, high: number, signed: boolean): bigint => {
	const value = (BigInt(high) << 32n) | BigInt(low);
	return signed ? BigInt.asIntN(64, value) : value;
};

/**
 * One type a line (`[1] INT 'int' size=4 …`), its members on lines behind a tab: the text that bpftool prints, byte for
 * byte. @throws RangeError for an id that is not there, FormatError for a string that is not there.
 */
export function formatRaw(btf: Btf, options: RawFormatOptions = {}): string {
	let out = "";
	const { ids } = options;
	if (ids) for (const id of ids) out += rawType(btf, id);
	else for (let id = btf.firstId; id <= btf.count; id++) out += rawType(btf, id);
	return out;
}

function rawType(btf: Btf, id: number): string {
	if (id === 0) return "[0] UNKNOWN '(anon)'\n";
	const { words, at } = btf.record(id);
	const name = (word: number): string => {
		const offset = words[word]!;
		return offset === 0 ? ANONYMOUS : btf.string(offset) || ANONYMOUS;
	};
	const info = words[at + 1]!;
	const kind = (info >>> 24) & 0x1f;
	const flag = info >>> 31 === 1;
	const vlen = info & 0xffff;
	const size = words[at + 2]!;
	const more = at + 3;
	let out = `[${id}] ${KIND_WORDS[kind]} '${name(at)}'`;
	switch (KINDS[kind]!) {
		case "int": {
			const bits = words[more]!;
			return `${out} size=${size} bits_offset=${(bits >>> 16) & 0xff} nr_bits=${bits & 0xff} encoding=${encodingOf(bits)}\n`;
		}
		case "ptr":
		case "const":
		case "volatile":
		case "restrict":
		case "typedef":
		case "type_tag":
			return `${out} type_id=${size}\n`;
		case "array":
			return `${out} type_id=${words[more]} index_type_id=${words[more + 1]} nr_elems=${words[more + 2]}\n`;
		case "struct":
		case "union":
			out += ` size=${size} vlen=${vlen}\n`;
			for (let m = more, end = more + 3 * vlen; m < end; m += 3) {
				const offset = words[m + 2]!;
				out += `\t'${name(m)}' type_id=${words[m + 1]} bits_offset=${flag ? offset & 0xffffff : offset}`;
				out += flag && offset >>> 24 !== 0 ? ` bitfield_size=${offset >>> 24}\n` : "\n";
			}
			return out;
		case "enum":
			out += ` encoding=${flag ? "SIGNED" : "UNSIGNED"} size=${size} vlen=${vlen}\n`;
			for (let v = more, end = more + 2 * vlen; v < end; v += 2)
				out += `\t'${name(v)}' val=${flag ? words[v + 1]! | 0 : words[v + 1]}\n`;
			return out;
		case "enum64":
			out += ` encoding=${flag ? "SIGNED" : "UNSIGNED"} size=${size} vlen=${vlen}\n`;
			for (let v = more, end = more + 3 * vlen; v < end; v += 3)
				out += `\t'${name(v)}' val=${word64(words[v + 1]!, words[v + 2]!, flag)}${flag ? "LL" : "ULL"}\n`;
			return out;
		case "fwd":
			return `${out} fwd_kind=${flag ? "union" : "struct"}\n`;
		case "func":
			return `${out} type_id=${size} linkage=${LINKAGE_WORDS[vlen] ?? "(unknown)"}\n`;
		case "func_proto":
			out += ` ret_type_id=${size} vlen=${vlen}\n`;
			for (let p = more, end = more + 2 * vlen; p < end; p += 2) out += `\t'${name(p)}' type_id=${words[p + 1]}\n`;
			return out;
		case "var":
			return `${out} type_id=${size}, linkage=${LINKAGE_WORDS[words[more]!] ?? "(unknown)"}\n`;
		case "datasec":
			out += ` size=${size} vlen=${vlen}\n`;
			for (let v = more, end = more + 3 * vlen; v < end; v += 3) {
				const type = words[v]!;
				const what = type <= btf.count ? ` (${btf.kind(type).toUpperCase()} '${btf.name(type) || ANONYMOUS}')` : "";
				out += `\ttype_id=${type} offset=${words[v + 1]} size=${words[v + 2]}${what}\n`;
			}
			return out;
		case "float":
			return `${out} size=${size}\n`;
		case "decl_tag":
			return `${out} type_id=${size} component_idx=${words[more]! | 0}\n`;
		case "void":
			return `${out}\n`;
	}
}

/**
 * The same as JSON, with bpftool's member names: `{"types":[{"id":1,"kind":"INT",…}]}`, without a newline at the end.
 * Unsigned enumerators from 2^31 are the numbers they are (bpftool 7.1 prints them as 2^64 - n).
 */
export function formatRawJson(btf: Btf, options: RawFormatOptions = {}): string {
	let out = '{"types":[';
	let separator = "";
	const add = (id: number): void => {
		out += separator + rawTypeJson(btf, id);
		separator = ",";
	};
	const { ids } = options;
	if (ids) for (const id of ids) add(id);
	else for (let id = btf.firstId; id <= btf.count; id++) add(id);
	return `${out}]}`;
}

/** Names need escaping almost never. */
const PLAIN = /^[ !#-[\]-~]*$/;
const quote = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

function rawTypeJson(btf: Btf, id: number): string {
	if (id === 0) return '{"id":0,"kind":"UNKNOWN","name":"(anon)"}';
	const { words, at } = btf.record(id);
	const name = (word: number): string => {
		const offset = words[word]!;
		return offset === 0 ? '"(anon)"' : quote(btf.string(offset) || ANONYMOUS);
	};
	const info = words[at + 1]!;
	const kind = (info >>> 24) & 0x1f;
	const flag = info >>> 31 === 1;
	const vlen = info & 0xffff;
	const size = words[at + 2]!;
	const more = at + 3;
	let out = `{"id":${id},"kind":"${KIND_WORDS[kind]}","name":${name(at)}`;
	switch (KINDS[kind]!) {
		case "int": {
			const bits = words[more]!;
			return `${out},"size":${size},"bits_offset":${(bits >>> 16) & 0xff},"nr_bits":${bits & 0xff},"encoding":"${encodingOf(bits)}"}`;
		}
		case "ptr":
		case "const":
		case "volatile":
		case "restrict":
		case "typedef":
		case "type_tag":
			return `${out},"type_id":${size}}`;
		case "array":
			return `${out},"type_id":${words[more]},"index_type_id":${words[more + 1]},"nr_elems":${words[more + 2]}}`;
		case "struct":
		case "union":
			out += `,"size":${size},"vlen":${vlen},"members":[`;
			for (let m = more, end = more + 3 * vlen; m < end; m += 3) {
				const offset = words[m + 2]!;
				out += `${m === more ? "" : ","}{"name":${name(m)},"type_id":${words[m + 1]},"bits_offset":${flag ? offset & 0xffffff : offset}`;
				out += flag && offset >>> 24 !== 0 ? `,"bitfield_size":${offset >>> 24}}` : "}";
			}
			return `${out}]}`;
		case "enum":
			out += `,"encoding":"${flag ? "SIGNED" : "UNSIGNED"}","size":${size},"vlen":${vlen},"values":[`;
			for (let v = more, end = more + 2 * vlen; v < end; v += 2)
				out += `${v === more ? "" : ","}{"name":${name(v)},"val":${flag ? words[v + 1]! | 0 : words[v + 1]}}`;
			return `${out}]}`;
		case "enum64":
			out += `,"encoding":"${flag ? "SIGNED" : "UNSIGNED"}","size":${size},"vlen":${vlen},"values":[`;
			for (let v = more, end = more + 3 * vlen; v < end; v += 3)
				out += `${v === more ? "" : ","}{"name":${name(v)},"val":${word64(words[v + 1]!, words[v + 2]!, flag)}}`;
			return `${out}]}`;
		case "fwd":
			return `${out},"fwd_kind":"${flag ? "union" : "struct"}"}`;
		case "func":
			return `${out},"type_id":${size},"linkage":"${LINKAGE_WORDS[vlen] ?? "(unknown)"}"}`;
		case "func_proto":
			out += `,"ret_type_id":${size},"vlen":${vlen},"params":[`;
			for (let p = more, end = more + 2 * vlen; p < end; p += 2)
				out += `${p === more ? "" : ","}{"name":${name(p)},"type_id":${words[p + 1]}}`;
			return `${out}]}`;
		case "var":
			return `${out},"type_id":${size},"linkage":"${LINKAGE_WORDS[words[more]!] ?? "(unknown)"}"}`;
		case "datasec":
			out += `,"size":${size},"vlen":${vlen},"vars":[`;
			for (let v = more, end = more + 3 * vlen; v < end; v += 3)
				out += `${v === more ? "" : ","}{"type_id":${words[v]},"offset":${words[v + 1]},"size":${words[v + 2]}}`;
			return `${out}]}`;
		case "float":
			return `${out},"size":${size}}`;
		case "decl_tag":
			return `${out},"type_id":${size},"component_idx":${words[more]! | 0}}`;
		case "void":
			return `${out}}`;
	}
}
