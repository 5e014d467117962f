import type { Btf } from "./btf.ts";
import { KIND_NUMBER } from "./wire.ts";

const K = KIND_NUMBER;

/** Every type's kind and what it refers to, as plain numbers by id: for walks over all types that make no objects. */
export class TypeGraph {
	/** Numbers of kinds (`KIND_NUMBER`). */
	readonly kinds: Uint8Array;
	/** What pointers, modifiers, typedefs, variables and functions refer to; of arrays the element; of prototypes the result. */
	readonly targets: Int32Array;
	/** 1: has a name. */
	readonly #named: Uint8Array;
	/** 1: a type by value, pointer or typedef leads to it. */
	readonly #referenced: Uint8Array;

	/** @throws FormatError for a reference beyond the last type. */
	constructor(btf: Btf) {
		const n = btf.count + 1;
		const kinds = new Uint8Array(n);
		const targets = new Int32Array(n);
		const named = new Uint8Array(n);
		const referenced = new Uint8Array(n);
		const check = (target: number, id: number): number => {
			if (target >= n) throw btf.malformed(`Type[${id}]`, `type id ${target}, the highest is ${n - 1}`, id);
			return target;
		};
		const refer = (target: number, id: number): number => {
			referenced[check(target, id)] = 1;
			return target;
		};
		btf.eachRecord((id, words, at) => {
			const info = words[at + 1]!;
			const kind = (info >>> 24) & 0x1f;
			kinds[id] = kind;
			if (words[at] !== 0) named[id] = 1;
			switch (kind) {
				case K.ptr:
				case K.typedef:
				case K.volatile:
				case K.const:
				case K.restrict:
				case K.type_tag:
				case K.var:
				case K.func:
					targets[id] = refer(words[at + 2]!, id);
					break;
				case K.decl_tag:
					targets[id] = check(words[at + 2]!, id);
					break;
				case K.array:
					targets[id] = refer(words[at + 3]!, id);
					break;
				case K.func_proto:
					targets[id] = refer(words[at + 2]!, id);
					for (let i = 0, p = at + 4; i < (info & 0xffff); i++, p += 2) refer(words[p]!, id);
					break;
				case K.struct:
				case K.union:
					for (let i = 0, m = at + 4; i < (info & 0xffff); i++, m += 3) refer(words[m]!, id);
					break;
			}
		});
		this.kinds = kinds;
		this.targets = targets;
		this.#named = named;
		this.#referenced = referenced;
	}

	named(id: number): boolean {
		return this.#named[id] === 1;
	}

	referenced(id: number): boolean {
		return this.#referenced[id] === 1;
	}
}
