import type { FormatError } from "#base";
import { type Btf, BtfBuilder, type BtfType } from "#btf";
import type { CollectionSpec, CoreRelocation } from "#spec";
import { CoreResolver } from "./core.ts";
import {
	type Access,
	essentialName,
	isComposite,
	isEnum,
	matchAccess,
	parseAccess,
	typesCompatible,
	typesMatch,
} from "./match.ts";

const MAX_DEPTH = 64;

/**
 * BTF with only what the CO-RE relocations of these objects ask of `target`: as their target it gives the same instructions
 * (but for a type's id, which is another here). Structs keep their size and lose members that nobody asks for.
 * @throws LinkError, FormatError for malformed relocations
 */
export function minCoreBtf(target: Btf, specs: readonly CollectionSpec[]): Uint8Array {
	const kept = new Kept(target);
	for (const spec of specs) {
		if (!spec.btf) continue;
		const resolver = new CoreResolver(spec.btf, target);
		const seen = new Set<string>();
		for (const f of [...spec.programs.values(), ...spec.functions.values()]) {
			for (const r of f.core) {
				const key = `${r.kind} ${r.type} ${r.access}`;
				if (seen.has(key) || r.kind === "type_id_local") continue;
				seen.add(key);
				// What is malformed or ambiguous is said here, as at loading.
				resolver.resolve(r, { symbol: f.name, insn: r.slot });
				keep(kept, spec.btf, target, resolver, r);
			}
		}
	}
	return kept.encode();
}

function keep(
	kept: Kept,
	local: Btf,
	target: Btf,
	resolver: CoreResolver,
	{ kind, type, access }: CoreRelocation,
): void {
	const candidates = resolver.candidatesOf(type).map((c) => c.id);
	switch (kind) {
		case "type_id_local":
			return;
		case "type_matches":
			for (const id of candidates) if (typesMatch(local, type, target, id)) kept.whole(id);
			return;
		case "type_id_target":
		case "type_exists":
		case "type_size":
			for (const id of candidates) if (typesCompatible(local, type, target, id)) kept.shape(id);
			return;
		case "enumval_exists":
		case "enumval_value": {
			const t = local.type(local.resolve(type));
			const name = isEnum(t) ? essentialName(t.values[Number(access)]!.name) : "";
			for (const id of candidates) {
				const found = target.type(target.resolve(id));
				if (isEnum(found) && found.values.some((v) => essentialName(v.name) === name)) kept.shape(id);
			}
			return;
		}
		default: {
			const wanted = parseAccess(local, type, access);
			for (const id of candidates) {
				const found = matchAccess(wanted, target, id);
				if (found) kept.access(found);
			}
		}
	}
}

/** Types of a target that are kept, and of records which members. */
class Kept {
	readonly #btf: Btf;
	/** Indexes of members, by the id of the record; of other types empty. */
	readonly #types = new Map<number, Set<number>>();
	readonly #wholes = new Set<number>();

	constructor(btf: Btf) {
		this.#btf = btf;
	}

	#add(id: number): Set<number> {
		let members = this.#types.get(id);
		if (!members) {
			members = new Set();
			this.#types.set(id, members);
		}
		return members;
	}

	#tooDeep(id: number): FormatError {
		return this.#btf.malformed(`Type[${id}]`, `types nested more than ${MAX_DEPTH} deep`, id);
	}

	/**
	 * A type as it is used by value: what it is called and how large it is. Of records no member, behind pointers nothing
	 * unless `pointers` says so.
	 */
	shape(id: number, pointers = true, depth = 0): void {
		if (depth > MAX_DEPTH) throw this.#tooDeep(id);
		if (id === 0) return;
		const t = this.#btf.type(id);
		this.#add(id);
		switch (t.kind) {
			case "ptr":
				if (pointers) this.shape(t.type, pointers, depth + 1);
				return;
			case "typedef":
			case "const":
			case "volatile":
			case "restrict":
			case "type_tag":
				this.shape(t.type, pointers, depth + 1);
				return;
			case "array":
				this.shape(t.type, pointers, depth + 1);
				this.shape(t.index, pointers, depth + 1);
				return;
			case "func_proto":
				for (const p of t.params) this.shape(p.type, pointers, depth + 1);
				this.shape(t.ret, pointers, depth + 1);
				return;
		}
	}

	/** A type with all that a comparison of its members may look at. */
	whole(id: number, behind = false, depth = 0): void {
		if (depth > MAX_DEPTH) throw this.#tooDeep(id);
		if (id === 0 || (!behind && this.#wholes.has(id))) return;
		const t = this.#btf.type(id);
		const members = this.#add(id);
		if (!behind) this.#wholes.add(id);
		switch (t.kind) {
			case "ptr":
				this.whole(t.type, true, depth + 1);
				return;
			case "typedef":
			case "const":
			case "volatile":
			case "restrict":
			case "type_tag":
				this.whole(t.type, behind, depth + 1);
				return;
			case "array":
				this.whole(t.type, behind, depth + 1);
				this.shape(t.index);
				return;
			case "func_proto":
				for (const p of t.params) this.whole(p.type, behind, depth + 1);
				this.whole(t.ret, behind, depth + 1);
				return;
			case "struct":
			case "union":
				if (behind) return;
				for (const [i, m] of t.members.entries()) {
					members.add(i);
					this.whole(m.type, false, depth + 1);
				}
		}
	}

	/** The members on the way of an access, and the last one's type. */
	access(access: Access): void {
		this.shape(access.root, false);
		let id = this.#btf.resolve(access.root);
		for (const step of access.steps.slice(1)) {
			if (step.member) {
				if (!this.#member(id, step.type, step.index, 0)) throw this.#tooDeep(id);
				id = this.#btf.resolve(step.member.type);
			} else id = step.type;
		}
	}

	/** A member of `owner`, which is the record `id` or lies in its anonymous members. False: it is not there. */
	#member(id: number, owner: number, index: number, depth: number): boolean {
		if (depth > MAX_DEPTH) throw this.#tooDeep(id);
		const t = this.#btf.type(id);
		if (!isComposite(t)) return false;
		const take = (i: number): true => {
			this.#add(id).add(i);
			this.shape(t.members[i]!.type, false);
			return true;
		};
		if (id === owner) return take(index);
		return t.members.some(
			(m, i) => m.name === "" && this.#member(this.#btf.resolve(m.type), owner, index, depth + 1) && take(i),
		);
	}

	encode(): Uint8Array {
		const ids = [...this.#types.keys()].sort((a, b) => a - b);
		const renamed = new Map(ids.map((id, i) => [id, i + 1]));
		// What nobody asks for is void: the other end of a pointer that is only compared as a pointer.
		const ref = (id: number): number => renamed.get(id) ?? 0;
		const builder = new BtfBuilder();
		for (const id of ids) builder.add(withReferences(this.#btf.type(id), this.#types.get(id)!, ref));
		return builder.encode();
	}
}

function withReferences(t: BtfType, members: ReadonlySet<number>, ref: (id: number) => number): BtfType {
	switch (t.kind) {
		case "struct":
		case "union":
			return {
				...t,
				members: t.members.filter((_, i) => members.has(i)).map((m) => ({ ...m, type: ref(m.type) })),
			};
		case "array":
			return { ...t, type: ref(t.type), index: ref(t.index) };
		case "func_proto":
			return { ...t, ret: ref(t.ret), params: t.params.map((p) => ({ ...p, type: ref(p.type) })) };
		case "ptr":
		case "typedef":
		case "const":
		case "volatile":
		case "restrict":
		case "type_tag":
			return { ...t, type: ref(t.type) };
		default:
			return t;
	}
}
