import type { Btf } from "./btf.ts";
import { CLayout } from "./c-layout.ts";
import { CNames } from "./c-names.ts";
import { CSpelling } from "./c-spelling.ts";
import { TypeGraph } from "./graph.ts";
import { TextSink } from "./text-sink.ts";
import { KIND_NUMBER } from "./wire.ts";

export interface CFormatOptions {
	/** Only these types and what they need. Default: all own ones. */
	readonly ids?: readonly number[] | undefined;
}

const K = KIND_NUMBER;
/** Of a definition; 0: not begun. */
const OPEN = 1;
const DONE = 2;
/** A kernel's types need a few dozen; a chain that is longer is not C. */
const MAX_NESTING = 400;
const MAX_CHAIN = 1000;
const TABS = Array.from({ length: 16 }, (_, i) => "\t".repeat(i));
/** A kernel's types take half their size as C; small ones a little more. */
const TEXT_USUAL = 0.6;
const TEXT_ROOM = 1 << 12;
const TEXT_PER_BYTE = 64;
const TEXT_LEAST = 1 << 20;

const HEAD = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

`;
const TAIL = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`;

/**
 * A C header of the types (vmlinux.h): each after what it needs, structs that are only pointed at declared before, padding
 * and `packed` where BTF's offsets ask for them, second owners of a name as `name___2`, and every record under
 * `preserve_access_index`, so that clang writes CO-RE relocations.
 * @throws FormatError for types that C cannot say: a struct that holds itself, typedefs in a circle.
 */
export function formatC(btf: Btf, options: CFormatOptions = {}): string {
	return HEAD + new CWriter(btf).write(options.ids) + TAIL;
}

class CWriter {
	readonly #btf: Btf;
	readonly #graph: TypeGraph;
	readonly #kinds: Uint8Array;
	readonly #targets: Int32Array;
	readonly #names: CNames;
	readonly #layout: CLayout;
	readonly #spelling: CSpelling;
	/** Of definitions: 0, OPEN (what it needs is being written), DONE. */
	readonly #state: Uint8Array;
	/** 1: `struct x;` has been written, or the definition. */
	readonly #declared: Uint8Array;
	/** So many bytes may be written. */
	#limit: number;
	#nesting = 0;
	readonly #out: TextSink;
	/** By type: where what stands before a name was written first, and its bytes. Never at 0: a record's head is before. */
	readonly #placed: Uint32Array;
	readonly #sizes: Uint32Array;
	/** For records and enums in place, by nesting; kept for the next. */
	readonly #sinks: TextSink[] = [];
	#inPlace = 0;

	constructor(btf: Btf) {
		this.#btf = btf;
		this.#limit = TEXT_LEAST;
		for (let b: Btf | undefined = btf; b; b = b.base) this.#limit += b.bytes.length * TEXT_PER_BYTE;
		this.#out = new TextSink(btf.bytes.length * TEXT_USUAL + TEXT_ROOM);
		this.#graph = new TypeGraph(btf);
		this.#kinds = this.#graph.kinds;
		this.#targets = this.#graph.targets;
		this.#names = new CNames(btf);
		this.#layout = new CLayout(btf, this.#graph);
		this.#state = new Uint8Array(btf.count + 1);
		this.#declared = new Uint8Array(btf.count + 1);
		this.#placed = new Uint32Array(btf.count + 1);
		this.#sizes = new Uint32Array(btf.count + 1);
		this.#spelling = new CSpelling(btf, this.#graph, this.#names, {
			record: (id, indent) => this.#apart((out) => this.#writeRecord(out, id, indent)),
			enumeration: (id, indent) => this.#apart((out) => this.#writeEnum(out, id, indent)),
		});
	}

	write(ids: readonly number[] | undefined): string {
		if (ids) for (const id of ids) this.#root(id, true);
		else for (let id = this.#btf.firstId; id <= this.#btf.count; id++) this.#root(id, false);
		return this.#out.toString();
	}

	/** Ends a declaration. */
	#end(): void {
		this.#out.text(";\n\n");
		this.#check(this.#out);
	}

	/** What is written in place, as text: it stands in the middle of a declaration. */
	#apart(write: (out: TextSink) => void): string {
		const place = this.#inPlace++;
		this.#sinks[place] ??= new TextSink(TEXT_ROOM);
		const out = this.#sinks[place];
		out.clear();
		write(out);
		this.#inPlace--;
		return out.toString();
	}

	/** Records in records, each twice in the next, would fill any memory. */
	#check(out: TextSink): void {
		if (out.length > this.#limit)
			throw this.#btf.malformed("types", `as C they take more than ${TEXT_PER_BYTE} times their size`);
	}

	#root(id: number, asked: boolean): void {
		switch (this.#kinds[id]!) {
			case K.struct:
			case K.union:
				if (this.#graph.named(id)) this.#define(id);
				else if (asked) {
					this.#need(id, true);
					this.#out.text(this.#spelling.declare(id, "", 0));
					this.#end();
				}
				return;
			case K.enum:
			case K.enum64:
				// One without a name that a member or typedef holds is written there.
				if (asked || this.#graph.named(id) || !this.#graph.referenced(id)) this.#defineEnum(id);
				return;
			case K.fwd:
				this.#declare(id);
				return;
			case K.typedef:
				this.#typedef(id);
				if (asked) this.#need(id, true);
				return;
			case K.var:
			case K.func:
			case K.datasec:
			case K.decl_tag:
				return;
			default:
				if (asked) this.#need(id, true);
		}
	}

	/** Writes what a use of the type wants before it. `whole`: by value, not behind a pointer. */
	#need(id: number, whole: boolean): void {
		const kinds = this.#kinds;
		const targets = this.#targets;
		for (let steps = 0; ; steps++) {
			if (steps > MAX_CHAIN) throw this.#circle(id);
			switch (kinds[id]!) {
				case K.ptr:
					whole = false;
					id = targets[id]!;
					continue;
				case K.array:
					// Also behind a pointer C wants the elements complete.
					whole = true;
					id = targets[id]!;
					continue;
				case K.const:
				case K.volatile:
				case K.restrict:
				case K.type_tag:
					id = targets[id]!;
					continue;
				case K.typedef:
					if (this.#state[id] !== DONE) this.#typedef(id);
					if (!whole && !this.#names.isBuiltin(id)) return;
					id = targets[id]!;
					continue;
				case K.struct:
				case K.union:
					if (this.#state[id] === DONE) return;
					if (!this.#graph.named(id)) this.#needMembers(id);
					else if (whole) this.#define(id);
					else if (this.#declared[id] === 0) this.#declare(id);
					return;
				case K.fwd:
					if (this.#declared[id] === 0) this.#declare(id);
					return;
				case K.enum:
				case K.enum64:
					if (this.#state[id] !== DONE && this.#graph.named(id)) this.#defineEnum(id);
					return;
				case K.func_proto:
					this.#needPrototype(id);
					return;
				case K.int:
				case K.float: {
					const alias = this.#names.aliasOf(id);
					if (alias !== undefined) this.#out.text(alias);
					return;
				}
				default:
					return;
			}
		}
	}

	#circle(id: number): Error {
		return this.#btf.malformed(
			`Type[${id}]`,
			"a type that needs itself, or a longer chain of others than C can say",
			id,
		);
	}

	#open(id: number): void {
		if (this.#state[id] === OPEN) throw this.#circle(id);
		if (++this.#nesting > MAX_NESTING)
			throw this.#btf.malformed(`Type[${id}]`, `types nested more than ${MAX_NESTING} deep`, id);
		this.#state[id] = OPEN;
	}

	#close(id: number): void {
		this.#nesting--;
		this.#state[id] = DONE;
	}

	#needMembers(id: number): void {
		this.#open(id);
		const { words, at } = this.#btf.record(id);
		for (let m = at + 4, end = m + (words[at + 1]! & 0xffff) * 3; m < end; m += 3) this.#need(words[m]!, true);
		this.#close(id);
	}

	#needPrototype(id: number): void {
		if (this.#state[id] === DONE) return;
		this.#open(id);
		const { words, at } = this.#btf.record(id);
		for (let p = at + 4, end = p + (words[at + 1]! & 0xffff) * 2; p < end; p += 2) this.#need(words[p]!, false);
		this.#need(words[at + 2]!, false);
		this.#close(id);
	}

	#define(id: number): void {
		if (this.#state[id] === DONE) return;
		this.#needMembers(id);
		this.#declared[id] = 1;
		this.#writeRecord(this.#out, id, 0);
		this.#end();
	}

	#declare(id: number): void {
		if (this.#declared[id] !== 0) return;
		this.#declared[id] = 1;
		this.#out.text(this.#names.tag(id));
		this.#end();
	}

	#defineEnum(id: number): void {
		if (this.#state[id] === DONE) return;
		this.#state[id] = DONE;
		this.#writeEnum(this.#out, id, 0);
		this.#end();
	}

	#typedef(id: number): void {
		if (this.#state[id] === DONE) return;
		this.#open(id);
		const target = this.#targets[id]!;
		this.#need(target, false);
		this.#close(id);
		if (this.#names.isBuiltin(id)) return;
		// Its name is given out before those of enumerators in place.
		const name = this.#names.ordinary(id);
		const before = this.#spelling.before(target, "", 0);
		this.#out.text("typedef ").text(before).text(name).text(this.#spelling.after);
		this.#end();
	}

	#writeEnum(out: TextSink, id: number, indent: number): void {
		const { words, at } = this.#btf.record(id);
		const info = words[at + 1]!;
		const wide = this.#kinds[id] === K.enum64;
		const signed = info >>> 31 === 1;
		const tabs = TABS[indent] ?? "\t".repeat(indent);
		out.text(this.#graph.named(id) ? this.#names.tag(id) : "enum").text(" {\n");
		for (let i = 0, v = at + 3; i < (info & 0xffff); i++, v += wide ? 3 : 2) {
			const low = words[v + 1]!;
			out.text(tabs).text("\t").text(this.#names.enumerator(words[v]!)).text(" = ");
			if (wide) out.text(`${word64(low, words[v + 2]!, signed)}${signed ? "LL" : "ULL"}`);
			else out.number(signed ? low | 0 : low);
			out.text(",\n");
		}
		out.text(tabs).text("}").text(this.#layout.enumMode(id));
	}

	#writeRecord(out: TextSink, id: number, indent: number): void {
		const { words, at } = this.#btf.record(id);
		const info = words[at + 1]!;
		const isStruct = this.#kinds[id] === K.struct;
		const flag = info >>> 31 === 1;
		const layout = this.#layout;
		const spelling = this.#spelling;
		const head = this.#graph.named(id) ? this.#names.tag(id) : isStruct ? "struct" : "union";
		const packed = layout.packed(id);
		const tabs = TABS[indent] ?? "\t".repeat(indent);
		let bit = 0;
		let most = 0;
		const first = at + 3;
		const end = first + (info & 0xffff) * 3;
		out.text(head).text(" {\n");
		const empty = out.length;
		for (let m = first; m < end; m += 3) {
			const type = words[m + 1]!;
			layout.place(type, words[m + 2]!, flag);
			const { bitOffset, bitSize } = layout;
			if (isStruct) {
				if (bit !== bitOffset && layout.natural(type, bitSize, bit, packed) < bitOffset)
					out.text(padding(bit, bitOffset, tabs));
				bit = bitOffset + (bitSize > 0 ? bitSize : layout.sizeOf(type) * 8);
			} else most = Math.max(most, layout.sizeOf(type) * 8);
			const before = spelling.before(type, "", indent + 1);
			out.text(tabs).text("\t");
			if (words[m] === 0) out.text(before.trimEnd());
			else {
				if (out === this.#out) this.#before(type, before);
				else out.text(before);
				this.#names.writePlain(out, words[m]!);
			}
			out.text(spelling.after);
			if (bitSize > 0) out.text(": ").number(bitSize);
			out.text(";\n");
			this.#check(out);
		}
		out.text(this.#filling(isStruct, words[at + 2]!, isStruct ? bit : most, packed ? 8 : layout.alignOf(id) * 8, tabs));
		if (out.length === empty) out.back(1);
		else out.text(tabs);
		out.text(packed ? "} __attribute__((packed))" : "}");
	}

	/** Writes what stands before a member's name; copied from where it stands already, which is quicker than from a string. */
	#before(type: number, text: string): void {
		const out = this.#out;
		const known = this.#placed[type]!;
		if (known > 0) {
			out.again(known, this.#sizes[type]!);
			return;
		}
		const start = out.length;
		out.text(text);
		if (!this.#spelling.isKept(type)) return;
		this.#placed[type] = start;
		this.#sizes[type] = out.length - start;
	}

	/** What makes the record as large as BTF says, where its members alone, up to `bit`, do not. */
	#filling(isStruct: boolean, size: number, bit: number, align: number, tabs: string): string {
		if (Math.ceil(bit / align) * align >= size * 8) return "";
		if (isStruct) return padding(bit, size * 8, tabs);
		return size <= 8 ? `${tabs}\tlong: ${size * 8};\n` : `${tabs}\tchar __size[${size}];\n`;
	}
}

const word64 = (low: number, high: number, signed: boolean): bigint => {
	const value = (BigInt(high) << 32n) | BigInt(low);
	return signed ? BigInt.asIntN(64, value) : value;
};

/** Most lines of padding in one gap; a larger one is an array. */
const MAX_PADS = 64;

/** Unnamed bit-fields from one bit to another: they take room and ask for no alignment. */
function padding(from: number, to: number, tabs: string): string {
	let out = "";
	if (to - from > MAX_PADS * 64) {
		const start = Math.ceil(from / 64) * 64;
		if (start > from) out += padding(from, start, tabs);
		const bytes = Math.floor((to - start) / 8);
		out += `${tabs}\tchar __gap_${start / 8}[${bytes}];\n`;
		return to > start + bytes * 8 ? out + padding(start + bytes * 8, to, tabs) : out;
	}
	for (let bit = from; bit < to; ) {
		// Inside one 64-bit unit, or it would move to the next one.
		const end = Math.min(to, (Math.floor(bit / 64) + 1) * 64);
		out += `${tabs}\tlong: ${end - bit};\n`;
		bit = end;
	}
	return out;
}
