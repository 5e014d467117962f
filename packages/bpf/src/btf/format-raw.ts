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

/** What stands between the parts of a type: one walk writes both forms. */
interface Dialect {
	readonly json: boolean;
	/** Around words that are no numbers. */
	readonly quote: string;
	/** Before the first entry of a list, and before each later one; they end with what begins a name. */
	readonly first: string;
	readonly next: string;
	/** The same, where entries have no name. */
	readonly firstBare: string;
	readonly nextBare: string;
	readonly entryEnd: string;
	readonly listEnd: string;
	readonly end: string;
	readonly label: Readonly<Record<Label, string>>;
}

const LABELS = [
	"size",
	"bits_offset",
	"nr_bits",
	"encoding",
	"type_id",
	"index_type_id",
	"nr_elems",
	"vlen",
	"bitfield_size",
	"fwd_kind",
	"linkage",
	"ret_type_id",
	"offset",
	"component_idx",
	"val",
] as const;
type Label = (typeof LABELS)[number];
const labels = (of: (name: Label) => string) =>
	Object.fromEntries(LABELS.map((name) => [name, of(name)])) as Record<Label, string>;

const TEXT: Dialect = {
	json: false,
	quote: "",
	first: "\n\t",
	next: "\n\t",
	firstBare: "\n\ttype_id=",
	nextBare: "\n\ttype_id=",
	entryEnd: "",
	listEnd: "",
	end: "\n",
	label: labels((name) => ` ${name}=`),
};
const JSON_TEXT: Dialect = {
	json: true,
	quote: '"',
	first: '{"name":',
	next: ',{"name":',
	firstBare: '{"type_id":',
	nextBare: ',{"type_id":',
	entryEnd: "}",
	listEnd: "]",
	end: "}",
	label: labels((name) => `,"${name}":`),
};

/**
 * One type a line (`[1] INT 'int' size=4 …`), its members on lines behind a tab: the text that bpftool prints, byte for
 * byte. @throws RangeError for an id that is not there, FormatError for a string that is not there.
 */
export function formatRaw(btf: Btf, options: RawFormatOptions = {}): string {
	const out = new TextSink();
	const { ids } = options;
	if (ids) for (const id of ids) writeType(out, btf, id, TEXT);
	else for (let id = btf.firstId; id <= btf.count; id++) writeType(out, btf, id, TEXT);
	return out.toString();
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
		writeType(out, btf, ids ? ids[i]! : btf.firstId + i, JSON_TEXT);
	}
	return out.text("]}").toString();
}

/** A name in its quotes. In JSON names need escaping almost never. */
function named(out: TextSink, btf: Btf, offset: number, json: boolean): TextSink {
	if (!json) {
		const start = out.text("'").length;
		if (offset !== 0) btf.writeString(out, offset);
		return out.text(out.length === start ? "(anon)'" : "'");
	}
	const name = offset === 0 ? ANONYMOUS : btf.string(offset) || ANONYMOUS;
	for (let i = 0; i < name.length; i++) {
		const c = name.charCodeAt(i);
		if (c < 0x20 || c === 0x22 || c === 0x5c || c >= 0x7f) return out.text(JSON.stringify(name));
	}
	return out.text('"').text(name).text('"');
}

function writeType(out: TextSink, btf: Btf, id: number, dialect: Dialect): void {
	const { json, label, quote } = dialect;
	if (id === 0) {
		out.text(json ? '{"id":0,"kind":"UNKNOWN","name":"(anon)"}' : "[0] UNKNOWN '(anon)'\n");
		return;
	}
	const { words, at } = btf.record(id);
	const info = words[at + 1]!;
	const kind = (info >>> 24) & 0x1f;
	const flag = info >>> 31 === 1;
	const vlen = info & 0xffff;
	const size = words[at + 2]!;
	const more = at + 3;
	const field = (name: Label, value: number): TextSink => out.text(label[name]).number(value);
	const word = (name: Label, value: string): TextSink => out.text(label[name]).text(quote).text(value).text(quote);
	/** Begins the list that a kind has. */
	const list = (name: string): void => {
		field("vlen", vlen);
		if (json) out.text(`,"${name}":[`);
	};
	const entry = (first: boolean, offset: number): TextSink =>
		named(out.text(first ? dialect.first : dialect.next), btf, offset, json);
	if (json) out.text('{"id":').number(id).text(',"kind":"').text(KIND_WORDS[kind]!).text('","name":');
	else out.text("[").number(id).text("] ").text(KIND_WORDS[kind]!).text(" ");
	named(out, btf, words[at]!, json);
	switch (KINDS[kind]!) {
		case "int": {
			const bits = words[more]!;
			field("size", size);
			field("bits_offset", (bits >>> 16) & 0xff);
			field("nr_bits", bits & 0xff);
			word("encoding", encodingOf(bits));
			break;
		}
		case "ptr":
		case "const":
		case "volatile":
		case "restrict":
		case "typedef":
		case "type_tag":
			field("type_id", size);
			break;
		case "array":
			field("type_id", words[more]!);
			field("index_type_id", words[more + 1]!);
			field("nr_elems", words[more + 2]!);
			break;
		case "struct":
		case "union":
			field("size", size);
			list("members");
			for (let m = more, end = more + 3 * vlen; m < end; m += 3) {
				const offset = words[m + 2]!;
				entry(m === more, words[m]!);
				field("type_id", words[m + 1]!);
				field("bits_offset", flag ? offset & 0xffffff : offset);
				if (flag && offset >>> 24 !== 0) field("bitfield_size", offset >>> 24);
				out.text(dialect.entryEnd);
			}
			out.text(dialect.listEnd);
			break;
		case "enum":
		case "enum64": {
			const wide = KINDS[kind] === "enum64";
			word("encoding", flag ? "SIGNED" : "UNSIGNED");
			field("size", size);
			list("values");
			const step = wide ? 3 : 2;
			for (let v = more, end = more + step * vlen; v < end; v += step) {
				const low = words[v + 1]!;
				entry(v === more, words[v]!).text(label.val);
				if (wide) out.text(word64(low, words[v + 2]!, flag)).text(json ? "" : flag ? "LL" : "ULL");
				else out.number(flag ? low | 0 : low);
				out.text(dialect.entryEnd);
			}
			out.text(dialect.listEnd);
			break;
		}
		case "fwd":
			word("fwd_kind", flag ? "union" : "struct");
			break;
		case "func":
			field("type_id", size);
			word("linkage", LINKAGE_WORDS[vlen] ?? "(unknown)");
			break;
		case "func_proto":
			field("ret_type_id", size);
			list("params");
			for (let p = more, end = more + 2 * vlen; p < end; p += 2) {
				entry(p === more, words[p]!);
				field("type_id", words[p + 1]!).text(dialect.entryEnd);
			}
			out.text(dialect.listEnd);
			break;
		case "var":
			field("type_id", size);
			// bpftool has a comma here, and here only.
			if (!json) out.text(",");
			word("linkage", LINKAGE_WORDS[words[more]!] ?? "(unknown)");
			break;
		case "datasec":
			field("size", size);
			list("vars");
			for (let v = more, end = more + 3 * vlen; v < end; v += 3) {
				const type = words[v]!;
				out.text(v === more ? dialect.firstBare : dialect.nextBare).number(type);
				field("offset", words[v + 1]!);
				field("size", words[v + 2]!).text(dialect.entryEnd);
				if (!json && type <= btf.count)
					out
						.text(` (${btf.kind(type).toUpperCase()} '`)
						.text(btf.name(type) || ANONYMOUS)
						.text("')");
			}
			out.text(dialect.listEnd);
			break;
		case "float":
			field("size", size);
			break;
		case "decl_tag":
			field("type_id", size);
			field("component_idx", words[more]! | 0);
			break;
	}
	out.text(dialect.end);
}
