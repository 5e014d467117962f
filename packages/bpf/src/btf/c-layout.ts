import type { Btf } from "./btf.ts";
import type { TypeGraph } from "./graph.ts";
import { memberBits } from "./layout.ts";
import { KIND_NUMBER, MAX_DEPTH } from "./wire.ts";

const K = KIND_NUMBER;

/**
 * Where a C compiler puts members by itself, so that a header need say only what differs: a record is `packed` where a
 * member or its end stands at no multiple of its alignment, and has then alignment 1.
 */
export class CLayout {
	readonly #btf: Btf;
	readonly #kinds: Uint8Array;
	readonly #targets: Int32Array;
	/** 0: not known yet. */
	readonly #aligns: Uint8Array;
	readonly #packed: Uint8Array;
	/** Of records, plus one; 0: not known yet. */
	readonly #sizes: Float64Array;

	constructor(btf: Btf, graph: TypeGraph) {
		this.#btf = btf;
		this.#kinds = graph.kinds;
		this.#targets = graph.targets;
		this.#aligns = new Uint8Array(btf.count + 1);
		this.#packed = new Uint8Array(btf.count + 1);
		this.#sizes = new Float64Array(btf.count + 1);
	}

	sizeOf(id: number): number {
		const known = this.#sizes[id]!;
		if (known > 0) return known - 1;
		const size = this.#plainSize(id) ?? this.#btf.sizeOf(id);
		this.#sizes[id] = size + 1;
		return size;
	}

	/** From the record alone: most types need not be made for it. undefined: of an array, or something odd. */
	#plainSize(id: number): number | undefined {
		for (let steps = 0; steps < MAX_DEPTH; steps++) {
			switch (this.#kinds[id]!) {
				case K.ptr:
					return 8;
				case K.int:
				case K.struct:
				case K.union:
				case K.enum:
				case K.enum64:
				case K.float: {
					const { words, at } = this.#btf.record(id);
					return words[at + 2]!;
				}
				case K.typedef:
				case K.const:
				case K.volatile:
				case K.restrict:
				case K.type_tag:
					id = this.#targets[id]!;
					continue;
				default:
					return undefined;
			}
		}
		return undefined;
	}

	packed(id: number): boolean {
		this.alignOf(id);
		return this.#packed[id] === 1;
	}

	alignOf(id: number, depth = 0): number {
		const known = this.#aligns[id]!;
		if (known > 0) return known;
		const align = this.#align(id, depth);
		this.#aligns[id] = align;
		return align;
	}

	#align(id: number, depth: number): number {
		if (depth > MAX_DEPTH) throw this.#btf.malformed(`Type[${id}]`, `types nested more than ${MAX_DEPTH} deep`, id);
		switch (this.#kinds[id]!) {
			case K.ptr:
				return 8;
			case K.typedef:
			case K.const:
			case K.volatile:
			case K.restrict:
			case K.type_tag:
			case K.array:
				return this.alignOf(this.#targets[id]!, depth + 1);
			case K.int:
			case K.float:
			case K.enum:
			case K.enum64: {
				const size = this.sizeOf(id);
				return size >= 16 ? 16 : size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
			}
			case K.struct:
			case K.union: {
				const { words, at } = this.#btf.record(id);
				const flag = words[at + 1]! >>> 31 === 1;
				const size = words[at + 2]!;
				let most = 1;
				let fits = true;
				for (let m = at + 3, end = m + (words[at + 1]! & 0xffff) * 3; m < end; m += 3) {
					const type = words[m + 1]!;
					const align = this.alignOf(type, depth + 1);
					if (align > most) most = align;
					this.place(type, words[m + 2]!, flag);
					if (this.bitSize === 0) fits &&= this.bitOffset % (align * 8) === 0;
					else {
						const unit = this.sizeOf(type) * 8;
						fits &&= (this.bitOffset % unit) + this.bitSize <= unit;
					}
				}
				if (fits && size % most === 0) return most;
				this.#packed[id] = 1;
				return 1;
			}
			default:
				return 1;
		}
	}

	/** Where the member stands that `place` was last asked for. */
	bitOffset = 0;
	/** Bits of that member if it is a bit-field; 0: it is none. */
	bitSize = 0;

	/** Finds out about a member of this type, with this word of its record and its struct's kind_flag. */
	place(type: number, word: number, flag: boolean): void {
		this.bitOffset = flag ? word & 0xffffff : word;
		this.bitSize = flag ? word >>> 24 : 0;
		if (this.bitSize === 0 && this.#odd(type, this.bitOffset)) {
			// Bit-fields of older compilers, whose integer type itself says how many bits it has.
			const bits = memberBits(this.#btf, { name: "", type, bitOffset: this.bitOffset, bitSize: 0 });
			this.bitOffset = bits.bitOffset;
			this.bitSize = bits.bitSize;
		}
	}

	#odd(type: number, bitOffset: number): boolean {
		if (bitOffset % 8 !== 0) return true;
		if (this.#kinds[type] !== K.int) return false;
		const { words, at } = this.#btf.record(type);
		return (words[at + 3]! & 0xff) !== words[at + 2]! * 8;
	}

	/** The bit at which a member would stand without padding, with `bit` the first free one. `bits`: of a bit-field. */
	natural(type: number, bits: number, bit: number, packed: boolean): number {
		if (packed) return bits > 0 ? bit : Math.ceil(bit / 8) * 8;
		if (bits === 0) {
			const align = this.alignOf(type) * 8;
			return Math.ceil(bit / align) * align;
		}
		const unit = this.sizeOf(type) * 8;
		return (bit % unit) + bits > unit ? Math.ceil(bit / unit) * unit : bit;
	}

	/** An attribute where the compiler would give an enum another size. */
	enumMode(id: number): string {
		const { words, at } = this.#btf.record(id);
		const size = words[at + 2]!;
		if (size === 4 && this.#kinds[id] === K.enum) return "";
		const t = this.#btf.type(id);
		if (t.kind !== "enum" && t.kind !== "enum64") return "";
		const wide = t.values.some((v) => v.value > 0xffffffffn || v.value < -0x80000000n);
		if (size === (wide ? 8 : 4)) return "";
		return ` __attribute__((mode(${size === 1 ? "QI" : size === 2 ? "HI" : size === 4 ? "SI" : "DI"})))`;
	}
}
