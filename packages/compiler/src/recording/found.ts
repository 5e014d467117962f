import type { Btf } from "@skep/bpf/btf";
import type { RecordingSite } from "@skep/bpf/spec";
import type { CoreAccess, Func, Inst } from "#ir";
import { bitFieldBits, fieldSite } from "./sites.ts";

export type BitField = Inst & { op: "load" };

/** What takes several instructions and so must be found before others are put between. */
export interface Found {
	/** Loads of bit-fields, by the second of the two shifts that cut them out. */
	readonly bitFields: ReadonlyMap<Inst, BitField>;
	readonly elements: Elements;
}

export const find = (func: Func, kernel: Btf): Found => ({
	bitFields: bitFields(func, kernel),
	elements: new Elements(func, kernel),
});

function bitFields(func: Func, kernel: Btf): Map<Inst, BitField> {
	const found = new Map<Inst, BitField>();
	const shiftBy = (i: Inst, kind: string): boolean => {
		const by = i.args[1]?.op === "extend" ? i.args[1].args[0] : i.args[1];
		return i.op === "binary" && by?.op === "core" && by.core.kind === kind;
	};
	for (const b of func.blocks)
		for (const i of b.insts) {
			if (!shiftBy(i, "field_rshift_u64")) continue;
			const up = i.args[0]!;
			if (!shiftBy(up, "field_lshift_u64")) continue;
			const load = up.args[0]!.op === "extend" ? up.args[0]!.args[0]! : up.args[0]!;
			if (load.op === "load" && load.core && bitFieldBits(kernel, load.core) > 0) found.set(i, load);
		}
	return found;
}

/** Reads of array elements whose index is computed: start of the array, from a struct on, plus a distance. */
export class Elements {
	readonly #kernel: Btf;
	/** Typed pointers that were made numbers by a read of the stack, by the slot that has the number. */
	readonly #numbers = new Map<Inst, Inst>();

	constructor(func: Func, kernel: Btf) {
		this.#kernel = kernel;
		const stored = new Map<Inst, Inst[]>();
		const read = new Map<Inst, Inst[]>();
		const add = (map: Map<Inst, Inst[]>, key: Inst, value: Inst): void => {
			const list = map.get(key);
			if (list) list.push(value);
			else map.set(key, [value]);
		};
		for (const b of func.blocks)
			for (const i of b.insts) {
				if (i.op === "store" && i.args[0]!.op === "slot") add(stored, i.args[0]!, i.args[1]!);
				if (i.op !== "call" || i.callee.kind !== "helper" || i.callee.id !== 113) continue;
				const [to, , from] = i.args;
				if (to?.op === "slot" && from?.op === "slot") add(read, to, from);
			}
		for (const [to, sources] of read) {
			const values = sources.length === 1 ? stored.get(sources[0]!) : undefined;
			if (values?.length === 1) this.#numbers.set(to, values[0]!);
		}
	}

	/** `address`: what is read, `size` bytes of it. */
	of(address: Inst, size: number): { site: RecordingSite; base: Inst; distance: Inst } | undefined {
		const member = address.op === "offset" && address.core && address.args.length === 1 ? address : undefined;
		const place = member ? member.args[0]! : address;
		if (place.op !== "binary" || place.operator !== "add") return undefined;
		const array = this.#array(place.args[0]!);
		if (!array) return undefined;
		const { base, core } = array;
		const first: CoreAccess = { ...core, path: [...core.path, 0] };
		const of = fieldSite(this.#kernel, first, size);
		const what = member ? fieldSite(this.#kernel, member.core!, size) : of;
		const stride = strideOf(this.#kernel, core);
		if (stride === undefined) return undefined;
		return {
			site: {
				kind: "element",
				struct: of.struct,
				path: of.path.slice(0, -1),
				stride,
				member: member ? what.path : [],
				size,
				...(what.pointsTo === undefined ? {} : { pointsTo: what.pointsTo }),
				...(what.signed === undefined ? {} : { signed: what.signed }),
			},
			base,
			distance: place.args[1]!,
		};
	}

	#array(start: Inst): { base: Inst; core: CoreAccess } | undefined {
		const pointer = start.op === "load" ? this.#numbers.get(start.args[0]!) : start;
		if (pointer?.op !== "offset" || !pointer.core || pointer.args.length !== 1) return undefined;
		return { base: pointer.args[0]!, core: pointer.core };
	}
}

/** Bytes of an element of the array that an access ends in. */
function strideOf(kernel: Btf, core: CoreAccess): number | undefined {
	let at = kernel.resolve(core.root);
	for (const index of core.path.slice(1)) {
		const type = kernel.type(at);
		if (type.kind === "array") at = kernel.resolve(type.type);
		else if (type.kind === "struct" || type.kind === "union") at = kernel.resolve(type.members[index]!.type);
	}
	const type = kernel.type(at);
	return type.kind === "array" ? kernel.sizeOf(type.type) : undefined;
}
