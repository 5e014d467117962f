import type { Btf } from "./btf.ts";
import { CSpelling, type SpellingNames } from "./c-spelling.ts";
import { TypeGraph } from "./graph.ts";
import { memberBits } from "./layout.ts";
import type { BtfType } from "./types.ts";
import { MAX_DEPTH } from "./wire.ts";

/** One member of a record, and what is left free behind it. */
export interface LayoutMember {
	/** Empty: anonymous. */
	readonly name: string;
	/** As C declares it, the name included: `int (*fn)(void)`, `char comm[16]`. Of a record in place only its keyword. */
	readonly declaration: string;
	/** From the start of the outermost record, in bytes; of a bit-field: of the unit of its type that holds it. */
	readonly offset: number;
	/** In bytes; of a bit-field: of its type. */
	readonly size: number;
	/** Of a bit-field: its first bit in that unit, and how many it has. */
	readonly bit?: { readonly offset: number; readonly size: number };
	/** Of a record without a name, written in place. */
	readonly members?: readonly LayoutMember[];
	/** Bytes that nothing uses between this member and the next one. */
	readonly hole: number;
	/** Bits of a bit-field's unit that nothing uses before the next member. */
	readonly bitHole: number;
	/** Bytes at the end of this member's own struct that nothing uses. */
	readonly padding: number;
}

export interface RecordLayout {
	readonly kind: "struct" | "union";
	readonly name: string;
	readonly size: number;
	readonly members: readonly LayoutMember[];
	/** Bytes of all members that are no bit-fields. */
	readonly sumMembers: number;
	readonly holes: number;
	readonly sumHoles: number;
	/** Bits of all bit-fields. */
	readonly sumBits: number;
	readonly bitHoles: number;
	readonly sumBitHoles: number;
	/** Bytes behind the last member. */
	readonly padding: number;
	/** Bits behind the last bit-field in its unit. */
	readonly bitPadding: number;
	/** Members whose own struct ends with padding, and its sum. */
	readonly paddings: number;
	readonly sumPaddings: number;
}

/** Most members that one layout looks at, those of its members' structs included. */
const MAX_MEMBERS = 1 << 17;

type RecordType = Extract<BtfType, { kind: "struct" | "union" }>;

/** Spells types, each by the name it has. */
export function spelling(btf: Btf): CSpelling {
	const names: SpellingNames = {
		tag(id) {
			const t = btf.type(id);
			const keyword = t.kind === "fwd" ? (t.union ? "union" : "struct") : t.kind === "enum64" ? "enum" : t.kind;
			return `${keyword} ${btf.name(id)}`;
		},
		ordinary: (id) => btf.name(id),
		scalar: (id) => btf.name(id),
		plain: (offset) => btf.string(offset),
		isBuiltin: () => false,
	};
	return new CSpelling(btf, new TypeGraph(btf), names, {
		record: (id) => `${btf.kind(id)} {…}`,
		enumeration: () => "enum {…}",
	});
}

/** Where a struct or union has its members, holes and padding, anonymous records in place; typedefs of one are followed. */
export class Layouts {
	readonly #btf: Btf;
	readonly #spelling: CSpelling;
	readonly #paddings = new Map<number, number>();
	/** Members that may still be looked at for one layout. */
	#left = 0;

	constructor(btf: Btf) {
		this.#btf = btf;
		this.#spelling = spelling(btf);
	}

	/** undefined: the type is no record. @throws FormatError for records that hold themselves. */
	of(id: number): RecordLayout | undefined {
		const t = this.#btf.type(this.#btf.resolve(id));
		this.#left = MAX_MEMBERS;
		return t.kind === "struct" || t.kind === "union" ? this.#layout(t, 0, 0) : undefined;
	}

	#layout(t: RecordType, base: number, depth: number): RecordLayout {
		if (depth > MAX_DEPTH) throw this.#btf.malformed(`${t.kind} ${t.name}`, `nested more than ${MAX_DEPTH} deep`);
		this.#left -= t.members.length;
		if (this.#left < 0) throw this.#btf.malformed(`${t.kind} ${t.name}`, `more than ${MAX_MEMBERS} members`);
		const gaps = new Gaps(t.size);
		const members: { -readonly [K in keyof LayoutMember]: LayoutMember[K] }[] = [];
		let sumMembers = 0;
		let sumBits = 0;
		let paddings = 0;
		let sumPaddings = 0;
		let holes = 0;
		let sumHoles = 0;
		let bitHoles = 0;
		let sumBitHoles = 0;
		for (const m of t.members) {
			const { bitOffset, bitSize } = memberBits(this.#btf, m);
			const size = this.#btf.sizeOf(m.type);
			const unit = size * 8;
			const start = bitSize > 0 && unit > 0 ? Math.floor(bitOffset / unit) * unit : Math.floor(bitOffset / 8) * 8;
			if (t.kind === "struct") {
				const gap = gaps.next(bitOffset, bitSize, start, size);
				const last = members.at(-1);
				if (last) {
					last.hole = gap.bytes;
					last.bitHole = gap.bits;
				}
				if (gap.bytes > 0) {
					holes++;
					sumHoles += gap.bytes;
				}
				if (gap.bits > 0) {
					bitHoles++;
					sumBitHoles += gap.bits;
				}
			}
			if (bitSize > 0) sumBits += bitSize;
			else sumMembers += size;
			const padding = bitSize > 0 ? 0 : this.#paddingOf(m.type, depth + 1);
			if (padding > 0) {
				paddings++;
				sumPaddings += padding;
			}
			const inner = this.#inPlace(m.type);
			members.push({
				name: m.name,
				declaration: this.#spelling.declare(m.type, m.name, 0),
				offset: base + start / 8,
				size,
				...(bitSize > 0 ? { bit: { offset: bitOffset - start, size: bitSize } } : {}),
				...(inner ? { members: this.#layout(inner, base + start / 8, depth + 1).members } : {}),
				hole: 0,
				bitHole: 0,
				padding,
			});
		}
		const end = t.kind === "struct" ? gaps.end() : unionEnd(t.size, members);
		return {
			kind: t.kind,
			name: t.name,
			size: t.size,
			members,
			sumMembers,
			holes,
			sumHoles,
			sumBits,
			bitHoles,
			sumBitHoles,
			padding: end.bytes,
			bitPadding: end.bits,
			paddings,
			sumPaddings,
		};
	}

	/** The record without a name that a member has, also as elements of an array. */
	#inPlace(id: number): RecordType | undefined {
		for (let n = 0; n < MAX_DEPTH; n++) {
			const t = this.#btf.type(id);
			switch (t.kind) {
				case "array":
				case "const":
				case "volatile":
				case "type_tag":
					id = t.type;
					continue;
				case "struct":
				case "union":
					return t.name === "" ? t : undefined;
				default:
					return undefined;
			}
		}
		return undefined;
	}

	#paddingOf(id: number, depth: number): number {
		const real = this.#btf.resolve(id);
		const known = this.#paddings.get(real);
		if (known !== undefined) return known;
		const t = this.#btf.type(real);
		const padding = t.kind === "struct" ? this.#layout(t, 0, depth).padding : 0;
		this.#paddings.set(real, padding);
		return padding;
	}
}

function unionEnd(size: number, members: readonly LayoutMember[]): { bytes: number; bits: number } {
	return { bytes: size - members.reduce((most, m) => Math.max(most, m.size), 0), bits: 0 };
}

/** Walks a struct's members in order and tells what is free between them: bits of a bit-field's unit, and bytes. */
class Gaps {
	readonly #size: number;
	/** First bit behind what was seen. */
	#free = 0;
	/** The last member's unit, if it was a bit-field. */
	#unitEnd = -1;
	#unitSize = 0;

	constructor(size: number) {
		this.#size = size;
	}

	next(bit: number, bits: number, unit: number, size: number): { bytes: number; bits: number } {
		let free = this.#free;
		let bitHole = 0;
		if (this.#unitEnd >= 0) {
			const end = Math.min(bit, this.#unitEnd);
			bitHole += end - free;
			free = end;
		}
		let bytes = 0;
		if (bits === 0) bytes = Math.floor(bit / 8) - Math.floor(free / 8);
		else {
			if (free < unit && unit <= bit) {
				bytes = unit / 8 - Math.floor(free / 8);
				free = unit;
			}
			bitHole += bit - free;
		}
		this.#free = bit + (bits > 0 ? bits : size * 8);
		if (bits === 0) {
			this.#unitEnd = -1;
			this.#unitSize = 0;
		} else if (this.#free > this.#unitEnd || size > this.#unitSize) {
			this.#unitSize = size;
			this.#unitEnd = unit + size * 8;
			// Packed: it reaches into the next unit.
			if (this.#free > this.#unitEnd) this.#unitEnd += size * 8;
		}
		return { bytes: Math.max(0, bytes), bits: Math.max(0, bitHole) };
	}

	end(): { bytes: number; bits: number } {
		let free = this.#free;
		let bits = 0;
		if (this.#unitEnd >= 0) {
			const end = Math.min(this.#size * 8, this.#unitEnd);
			bits = Math.max(0, end - free);
			free = Math.max(end, free);
		}
		return { bytes: Math.max(0, this.#size - Math.floor(free / 8)), bits };
	}
}

const CACHE_LINE = 64;
const COMMENT_AT = 48;

/** A layout as text: C with an offset and size behind each member, holes and cache lines said where they are. */
export function formatLayout(layout: RecordLayout): string {
	const out: string[] = [`${layout.kind} ${layout.name === "" ? "" : `${layout.name} `}{`];
	const lines = { next: CACHE_LINE };
	writeMembers(out, layout.members, 1, lines, layout.kind === "struct");
	const note = (text: string) => out.push(`\t/* ${text} */`);
	out.push("");
	note(`size: ${layout.size}, cachelines: ${Math.ceil(layout.size / CACHE_LINE)}, members: ${layout.members.length}`);
	if (layout.holes > 0 || layout.bitHoles > 0) {
		const holes = layout.holes > 0 ? `, holes: ${layout.holes}, sum holes: ${layout.sumHoles}` : "";
		note(`sum members: ${layout.sumMembers}${holes}`);
	}
	if (layout.bitHoles > 0)
		note(
			`sum bitfield members: ${layout.sumBits} bits, bit holes: ${layout.bitHoles}, sum bit holes: ${layout.sumBitHoles} bits`,
		);
	if (layout.padding > 0) note(`padding: ${layout.padding}`);
	if (layout.paddings > 0) note(`paddings: ${layout.paddings}, sum paddings: ${layout.sumPaddings}`);
	if (layout.bitPadding > 0) note(`bit_padding: ${layout.bitPadding} bits`);
	const last = layout.size % CACHE_LINE;
	if (last > 0) note(`last cacheline: ${last} bytes`);
	out.push("};");
	return `${out.join("\n")}\n`;
}

function writeMembers(
	out: string[],
	members: readonly LayoutMember[],
	indent: number,
	lines: { next: number },
	inStruct: boolean,
): void {
	const tabs = "\t".repeat(indent);
	const row = (text: string, place: string) =>
		out.push(`${tabs}${text.padEnd(Math.max(0, COMMENT_AT - 8 * indent))} /* ${place} */`);
	for (const m of members) {
		if (inStruct && m.offset >= lines.next) {
			const line = Math.floor(m.offset / CACHE_LINE);
			const ago = m.offset - line * CACHE_LINE;
			const was = ago > 0 ? ` was ${ago} bytes ago` : "";
			out.push(`${tabs}/* --- cacheline ${line} boundary (${line * CACHE_LINE} bytes)${was} --- */`);
			lines.next = (line + 1) * CACHE_LINE;
		}
		const place = m.bit
			? `${String(m.offset).padStart(5)}:${String(m.bit.offset).padStart(2)} ${String(m.size).padStart(2)}`
			: `${String(m.offset).padStart(5)} ${String(m.size).padStart(5)}`;
		if (m.members) {
			const [head = "", tail = ""] = m.declaration.split("{…}");
			out.push(`${tabs}${head}{`);
			writeMembers(out, m.members, indent + 1, lines, head.startsWith("struct"));
			row(`}${tail};`, place);
		} else row(`${m.declaration}${m.bit ? `:${m.bit.size}` : ""};`, place);
		const some = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
		const padding = inStruct ? m.padding : 0;
		if (padding > 0) out.push("", `${tabs}/* XXX last struct has ${some(padding, "byte")} of padding */`);
		if (m.bitHole > 0) out.push("", `${tabs}/* XXX ${some(m.bitHole, "bit")} hole, try to pack */`);
		if (m.hole > 0) out.push("", `${tabs}/* XXX ${some(m.hole, "byte")} hole, try to pack */`);
		if (padding + m.bitHole + m.hole > 0) out.push("");
	}
}
