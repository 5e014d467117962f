import type { Btf } from "./btf.ts";
import { TextSink } from "./text-sink.ts";
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

const word64 = (low: number, high: number, signed: boolean): string => {
	const value = (BigInt(high) << 32n) | BigInt(low);
	return String(signed ? BigInt.asIntN(64, value) : value);
};

/**
 * One type a line (`[1] INT 'int' size=4 …`), its members on lines behind a tab: the text that bpftool prints, byte for
 * byte. @throws RangeError for an id that is not there, FormatError for a string that is not there.
 */
export function formatRaw(btf: Btf, options: RawFormatOptions = {}): string {
	const out = new TextSink();
	const { ids } = options;
	if (ids) for (const id of ids) rawType(out, btf, id);
	else for (let id = btf.firstId; id <= btf.count; id++) rawType(out, btf, id);
	return out.toString();
}

const nameAt = (btf: Btf, offset: number): string => (offset === 0 ? ANONYMOUS : btf.string(offset) || ANONYMOUS);

function rawType(out: TextSink, btf: Btf, id: number): void {
	if (id === 0) {
		out.text("[0] UNKNOWN '(anon)'\n");
		return;
	}
	const { words, at } = btf.record(id);
	const info = words[at + 1]!;
	const kind = (info >>> 24) & 0x1f;
	const flag = info >>> 31 === 1;
	const vlen = info & 0xffff;
	const size = words[at + 2]!;
	const more = at + 3;
	out.text("[").number(id).text("] ").text(KIND_WORDS[kind]!).text(" '").text(nameAt(btf, words[at]!)).text("'");
	switch (KINDS[kind]!) {
		case "int": {
			const bits = words[more]!;
			out
				.text(" size=")
				.number(size)
				.text(" bits_offset=")
				.number((bits >>> 16) & 0xff);
			out
				.text(" nr_bits=")
				.number(bits & 0xff)
				.text(" encoding=")
				.text(encodingOf(bits));
			break;
		}
		case "ptr":
		case "const":
		case "volatile":
		case "restrict":
		case "typedef":
		case "type_tag":
			out.text(" type_id=").number(size);
			break;
		case "array":
			out
				.text(" type_id=")
				.number(words[more]!)
				.text(" index_type_id=")
				.number(words[more + 1]!);
			out.text(" nr_elems=").number(words[more + 2]!);
			break;
		case "struct":
		case "union":
			out.text(" size=").number(size).text(" vlen=").number(vlen);
			for (let m = more, end = more + 3 * vlen; m < end; m += 3) {
				const offset = words[m + 2]!;
				out
					.text("\n\t'")
					.text(nameAt(btf, words[m]!))
					.text("' type_id=")
					.number(words[m + 1]!);
				out.text(" bits_offset=").number(flag ? offset & 0xffffff : offset);
				if (flag && offset >>> 24 !== 0) out.text(" bitfield_size=").number(offset >>> 24);
			}
			break;
		case "enum":
			out
				.text(flag ? " encoding=SIGNED size=" : " encoding=UNSIGNED size=")
				.number(size)
				.text(" vlen=")
				.number(vlen);
			for (let v = more, end = more + 2 * vlen; v < end; v += 2) {
				const value = words[v + 1]!;
				out
					.text("\n\t'")
					.text(nameAt(btf, words[v]!))
					.text("' val=")
					.number(flag ? value | 0 : value);
			}
			break;
		case "enum64":
			out
				.text(flag ? " encoding=SIGNED size=" : " encoding=UNSIGNED size=")
				.number(size)
				.text(" vlen=")
				.number(vlen);
			for (let v = more, end = more + 3 * vlen; v < end; v += 3) {
				out.text("\n\t'").text(nameAt(btf, words[v]!)).text("' val=");
				out.text(word64(words[v + 1]!, words[v + 2]!, flag)).text(flag ? "LL" : "ULL");
			}
			break;
		case "fwd":
			out.text(flag ? " fwd_kind=union" : " fwd_kind=struct");
			break;
		case "func":
			out
				.text(" type_id=")
				.number(size)
				.text(" linkage=")
				.text(LINKAGE_WORDS[vlen] ?? "(unknown)");
			break;
		case "func_proto":
			out.text(" ret_type_id=").number(size).text(" vlen=").number(vlen);
			for (let p = more, end = more + 2 * vlen; p < end; p += 2)
				out
					.text("\n\t'")
					.text(nameAt(btf, words[p]!))
					.text("' type_id=")
					.number(words[p + 1]!);
			break;
		case "var":
			out
				.text(" type_id=")
				.number(size)
				.text(", linkage=")
				.text(LINKAGE_WORDS[words[more]!] ?? "(unknown)");
			break;
		case "datasec":
			out.text(" size=").number(size).text(" vlen=").number(vlen);
			for (let v = more, end = more + 3 * vlen; v < end; v += 3) {
				const type = words[v]!;
				out
					.text("\n\ttype_id=")
					.number(type)
					.text(" offset=")
					.number(words[v + 1]!);
				out.text(" size=").number(words[v + 2]!);
				if (type <= btf.count)
					out
						.text(` (${btf.kind(type).toUpperCase()} '`)
						.text(btf.name(type) || ANONYMOUS)
						.text("')");
			}
			break;
		case "float":
			out.text(" size=").number(size);
			break;
		case "decl_tag":
			out
				.text(" type_id=")
				.number(size)
				.text(" component_idx=")
				.number(words[more]! | 0);
			break;
	}
	out.text("\n");
}

/**
 * The same as JSON, with bpftool's member names: `{"types":[{"id":1,"kind":"INT",…}]}`, without a newline at the end.
 * Unsigned enumerators from 2^31 are the numbers they are (bpftool 7.1 prints n as 2^64 - 2^32 + n).
 */
export function formatRawJson(btf: Btf, options: RawFormatOptions = {}): string {
	const out = new TextSink().text('{"types":[');
	const { ids } = options;
	const count = ids ? ids.length : btf.count - btf.firstId + 1;
	for (let i = 0; i < count; i++) {
		if (i > 0) out.text(",");
		rawTypeJson(out, btf, ids ? ids[i]! : btf.firstId + i);
	}
	return out.text("]}").toString();
}

/** A name in quotes. Names need escaping almost never. */
function quoted(out: TextSink, name: string): TextSink {
	for (let i = 0; i < name.length; i++) {
		const c = name.charCodeAt(i);
		if (c < 0x20 || c === 0x22 || c === 0x5c || c >= 0x7f) return out.text(JSON.stringify(name));
	}
	return out.text('"').text(name).text('"');
}

function rawTypeJson(out: TextSink, btf: Btf, id: number): void {
	if (id === 0) {
		out.text('{"id":0,"kind":"UNKNOWN","name":"(anon)"}');
		return;
	}
	const { words, at } = btf.record(id);
	const info = words[at + 1]!;
	const kind = (info >>> 24) & 0x1f;
	const flag = info >>> 31 === 1;
	const vlen = info & 0xffff;
	const size = words[at + 2]!;
	const more = at + 3;
	out.text('{"id":').number(id).text(',"kind":"').text(KIND_WORDS[kind]!).text('","name":');
	quoted(out, nameAt(btf, words[at]!));
	/** Begins the list that a kind has: each entry is an object with its name first. */
	const entry = (first: boolean, offset: number): TextSink =>
		quoted(out.text(first ? '{"name":' : ',{"name":'), nameAt(btf, offset));
	switch (KINDS[kind]!) {
		case "int": {
			const bits = words[more]!;
			out
				.text(',"size":')
				.number(size)
				.text(',"bits_offset":')
				.number((bits >>> 16) & 0xff);
			out
				.text(',"nr_bits":')
				.number(bits & 0xff)
				.text(',"encoding":"')
				.text(encodingOf(bits))
				.text('"');
			break;
		}
		case "ptr":
		case "const":
		case "volatile":
		case "restrict":
		case "typedef":
		case "type_tag":
			out.text(',"type_id":').number(size);
			break;
		case "array":
			out
				.text(',"type_id":')
				.number(words[more]!)
				.text(',"index_type_id":')
				.number(words[more + 1]!);
			out.text(',"nr_elems":').number(words[more + 2]!);
			break;
		case "struct":
		case "union":
			out.text(',"size":').number(size).text(',"vlen":').number(vlen).text(',"members":[');
			for (let m = more, end = more + 3 * vlen; m < end; m += 3) {
				const offset = words[m + 2]!;
				entry(m === more, words[m]!)
					.text(',"type_id":')
					.number(words[m + 1]!);
				out.text(',"bits_offset":').number(flag ? offset & 0xffffff : offset);
				if (flag && offset >>> 24 !== 0) out.text(',"bitfield_size":').number(offset >>> 24);
				out.text("}");
			}
			out.text("]");
			break;
		case "enum":
		case "enum64": {
			const wide = KINDS[kind] === "enum64";
			out.text(flag ? ',"encoding":"SIGNED","size":' : ',"encoding":"UNSIGNED","size":').number(size);
			out.text(',"vlen":').number(vlen).text(',"values":[');
			const step = wide ? 3 : 2;
			for (let v = more, end = more + step * vlen; v < end; v += step) {
				const low = words[v + 1]!;
				entry(v === more, words[v]!).text(',"val":');
				if (wide) out.text(word64(low, words[v + 2]!, flag));
				else out.number(flag ? low | 0 : low);
				out.text("}");
			}
			out.text("]");
			break;
		}
		case "fwd":
			out.text(flag ? ',"fwd_kind":"union"' : ',"fwd_kind":"struct"');
			break;
		case "func":
			out
				.text(',"type_id":')
				.number(size)
				.text(`,"linkage":"${LINKAGE_WORDS[vlen] ?? "(unknown)"}"`);
			break;
		case "func_proto":
			out.text(',"ret_type_id":').number(size).text(',"vlen":').number(vlen).text(',"params":[');
			for (let p = more, end = more + 2 * vlen; p < end; p += 2)
				entry(p === more, words[p]!)
					.text(',"type_id":')
					.number(words[p + 1]!)
					.text("}");
			out.text("]");
			break;
		case "var":
			out
				.text(',"type_id":')
				.number(size)
				.text(`,"linkage":"${LINKAGE_WORDS[words[more]!] ?? "(unknown)"}"`);
			break;
		case "datasec":
			out.text(',"size":').number(size).text(',"vlen":').number(vlen).text(',"vars":[');
			for (let v = more, end = more + 3 * vlen; v < end; v += 3) {
				out.text(v === more ? '{"type_id":' : ',{"type_id":').number(words[v]!);
				out
					.text(',"offset":')
					.number(words[v + 1]!)
					.text(',"size":')
					.number(words[v + 2]!)
					.text("}");
			}
			out.text("]");
			break;
		case "float":
			out.text(',"size":').number(size);
			break;
		case "decl_tag":
			out
				.text(',"type_id":')
				.number(size)
				.text(',"component_idx":')
				.number(words[more]! | 0);
			break;
	}
	out.text("}");
}
