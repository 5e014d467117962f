import type { Btf } from "./btf.ts";
import type { CSpelling } from "./c-spelling.ts";
import { flattenMembers, memberBits } from "./layout.ts";
import { spelling } from "./record-layout.ts";
import type { BtfKind } from "./types.ts";

/** What is compared: types that have a name of their own. */
const COMPARED = ["struct", "union", "enum", "enum64", "typedef", "func", "var"] as const satisfies readonly BtfKind[];

/** What differs in a type that both sides have. `before` or `after` absent: that side has no such part. */
export interface TypeChange {
	/** `size`, `type`, `linkage`, or a member or enumerator. */
	readonly part: "size" | "type" | "linkage" | "field" | "value";
	/** Of the member (`sk.__sk_common`) or enumerator. */
	readonly name?: string;
	readonly before?: PartState;
	readonly after?: PartState;
}

/** One side of a change: what of it there is to say. */
export interface PartState {
	/** As C spells it. */
	readonly type?: string;
	/** In bits from the start of the record. */
	readonly bitOffset?: number;
	/** Of a bit-field. */
	readonly bitSize?: number;
	/** In bytes. */
	readonly size?: number;
	readonly value?: number | bigint;
}

export interface NamedType {
	readonly kind: string;
	readonly name: string;
}

export interface BtfDifference {
	readonly added: readonly NamedType[];
	readonly removed: readonly NamedType[];
	readonly changed: readonly (NamedType & { readonly changes: readonly TypeChange[] })[];
}

/**
 * Types by name: which only `after` has, which only `before` has, and what changed in those that both have. Of several with
 * one name the first of each side is compared; enum and enum64 are one kind. `fits` chooses names.
 */
export function diffTypes(before: Btf, after: Btf, fits: (name: string) => boolean = () => true): BtfDifference {
	const a = new Side(before, fits);
	const b = new Side(after, fits);
	const added: NamedType[] = [];
	const removed: NamedType[] = [];
	const changed: (NamedType & { changes: TypeChange[] })[] = [];
	for (const [key, id] of a.types) {
		const other = b.types.get(key);
		const named = nameOf(key);
		if (other === undefined) removed.push(named);
		else {
			const changes = compare(a.describe(id), b.describe(other));
			if (changes.length > 0) changed.push({ ...named, changes });
		}
	}
	for (const key of b.types.keys()) if (!a.types.has(key)) added.push(nameOf(key));
	const order = (x: NamedType, y: NamedType) => (x.name < y.name ? -1 : x.name > y.name ? 1 : x.kind < y.kind ? -1 : 1);
	return { added: added.sort(order), removed: removed.sort(order), changed: changed.sort(order) };
}

const nameOf = (key: string): NamedType => {
	const space = key.indexOf(" ");
	return { kind: key.slice(0, space), name: key.slice(space + 1) };
};

type Parts = Map<string, { readonly part: TypeChange["part"]; readonly state: PartState }>;

class Side {
	/** Ids by `kind name`. */
	readonly types = new Map<string, number>();
	readonly #btf: Btf;
	readonly #spelling: CSpelling;

	constructor(btf: Btf, fits: (name: string) => boolean) {
		this.#btf = btf;
		this.#spelling = spelling(btf);
		for (const kind of COMPARED) {
			for (const id of btf.ofKind(kind)) {
				const name = btf.name(id);
				if (name === "" || !fits(name)) continue;
				const key = `${kind === "enum64" ? "enum" : kind} ${name}`;
				if (!this.types.has(key)) this.types.set(key, id);
			}
		}
	}

	/** Everything about a type that a change can be in, by part and name. */
	describe(id: number): Parts {
		const parts: Parts = new Map();
		const t = this.#btf.type(id);
		const type = (of: number) => ({ type: this.#spelling.declare(of, "", 0) });
		const say = (part: TypeChange["part"], state: PartState, name = "") =>
			parts.set(`${part} ${name}`, { part, state });
		switch (t.kind) {
			case "struct":
			case "union": {
				say("size", { size: t.size });
				const seen = new Map<string, number>();
				for (const f of flattenMembers(this.#btf, id)) {
					const { bitSize } = memberBits(this.#btf, f.member);
					const state = { ...type(f.member.type), bitOffset: f.bitOffset };
					// Arms of unions may use a name twice.
					const times = (seen.get(f.name) ?? 0) + 1;
					seen.set(f.name, times);
					say("field", bitSize > 0 ? { ...state, bitSize } : state, times > 1 ? `${f.name}#${times}` : f.name);
				}
				break;
			}
			case "enum":
			case "enum64":
				say("size", { size: t.size });
				for (const v of t.values) say("value", { value: v.value }, v.name);
				break;
			case "func":
			case "var":
				say("linkage", { type: t.linkage });
				say("type", type(t.type));
				break;
			case "typedef":
				say("type", type(t.type));
				break;
		}
		return parts;
	}
}

function compare(before: Parts, after: Parts): TypeChange[] {
	const out: TypeChange[] = [];
	const named = (key: string) => {
		const name = key.slice(key.indexOf(" ") + 1);
		return name === "" ? {} : { name };
	};
	for (const [key, { part, state }] of before) {
		const other = after.get(key);
		if (!other) out.push({ part, ...named(key), before: state });
		else if (!same(state, other.state)) out.push({ part, ...named(key), before: state, after: other.state });
	}
	for (const [key, { part, state }] of after) if (!before.has(key)) out.push({ part, ...named(key), after: state });
	return out;
}

const same = (a: PartState, b: PartState): boolean =>
	a.type === b.type &&
	a.bitOffset === b.bitOffset &&
	a.bitSize === b.bitSize &&
	a.size === b.size &&
	(a.value === b.value || (a.value !== undefined && b.value !== undefined && BigInt(a.value) === BigInt(b.value)));
