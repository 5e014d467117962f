import type { Btf } from "./btf.ts";
import type { BtfMember } from "./types.ts";
import { MAX_DEPTH } from "./wire.ts";

/** Most members that are looked at in one struct, its anonymous ones included. */
const MAX_MEMBERS = 1 << 17;

const alignments = new WeakMap<Btf, Map<number, number>>();

/**
 * Alignment in bytes as C gives it on 64-bit machines, deduced from the members (BTF does not say `aligned(…)`).
 * Functions, forward declarations and void: 1.
 * @throws FormatError for a type that holds itself.
 */
export function alignOf(btf: Btf, id: number): number {
	let known = alignments.get(btf);
	if (!known) {
		known = new Map();
		alignments.set(btf, known);
	}
	return alignment(btf, id, known, 0);
}

function alignment(btf: Btf, id: number, known: Map<number, number>, depth: number): number {
	if (depth > MAX_DEPTH) throw btf.malformed(`Type[${id}]`, `types nested more than ${MAX_DEPTH} deep`);
	const real = btf.resolve(id);
	const t = btf.type(real);
	switch (t.kind) {
		case "ptr":
			return 8;
		case "int":
		case "enum":
		case "enum64":
		case "float":
			// long double has 16 bytes and is aligned so; nothing is aligned to more.
			return Math.min(16, 1 << Math.floor(Math.log2(t.size || 1)));
		case "array":
			return alignment(btf, t.type, known, depth + 1);
		case "struct":
		case "union": {
			const before = known.get(real);
			if (before !== undefined) return before;
			const aligns = t.members.map((m) => alignment(btf, m.type, known, depth + 1));
			let align = Math.max(1, ...new Set(aligns));
			// A packed struct: a member or the size does not stand where natural alignment would put it.
			const fits = () =>
				t.size % align === 0 &&
				t.members.every((m, i) => m.bitSize > 0 || m.bitOffset % (8 * Math.min(align, aligns[i]!)) === 0);
			while (align > 1 && !fits()) align >>= 1;
			known.set(real, align);
			return align;
		}
		default:
			return 1;
	}
}

/**
 * Where a member's bits are: from the start of its struct, and how many; size 0: whole bytes of its type. Knows the older
 * way too, where the int type itself says bits and offset.
 */
export function memberBits(btf: Btf, member: BtfMember): { readonly bitOffset: number; readonly bitSize: number } {
	if (member.bitSize > 0) return { bitOffset: member.bitOffset, bitSize: member.bitSize };
	const t = btf.type(btf.resolve(member.type));
	if (t.kind === "int" && (t.bits !== t.size * 8 || t.offset !== 0) && t.bits > 0)
		return { bitOffset: member.bitOffset + t.offset, bitSize: t.bits };
	if ((t.kind === "int" || t.kind === "enum" || t.kind === "enum64") && member.bitOffset % 8 !== 0)
		return { bitOffset: member.bitOffset, bitSize: t.size * 8 };
	return { bitOffset: member.bitOffset, bitSize: 0 };
}

export interface FoundMember {
	readonly member: BtfMember;
	/** Member indexes from the struct through anonymous members down to this one. */
	readonly path: readonly number[];
	/** Of the member from the start of the outermost struct. */
	readonly bitOffset: number;
}

/**
 * A member by name, looked for in anonymous members too. `id`: a struct or union, or a typedef of one.
 * undefined: there is none, or `id` is neither.
 */
export function findMember(btf: Btf, id: number, name: string): FoundMember | undefined {
	return find(btf, id, name, { left: MAX_MEMBERS }, 0);
}

function find(btf: Btf, id: number, name: string, budget: { left: number }, depth: number): FoundMember | undefined {
	if (depth > MAX_DEPTH) throw btf.malformed(`Type[${id}]`, `anonymous members nested more than ${MAX_DEPTH} deep`);
	const t = btf.type(btf.resolve(id));
	if (t.kind !== "struct" && t.kind !== "union") return undefined;
	budget.left -= t.members.length;
	if (budget.left < 0) throw btf.malformed(`Type[${id}]`, `more than ${MAX_MEMBERS} members`);
	for (let i = 0; i < t.members.length; i++) {
		const m = t.members[i]!;
		if (m.name === name) return { member: m, path: [i], bitOffset: m.bitOffset };
	}
	for (let i = 0; i < t.members.length; i++) {
		const m = t.members[i]!;
		if (m.name !== "") continue;
		const inner = find(btf, m.type, name, budget, depth + 1);
		if (inner) return { member: inner.member, path: [i, ...inner.path], bitOffset: m.bitOffset + inner.bitOffset };
	}
	return undefined;
}

export interface FlatMember extends FoundMember {
	readonly name: string;
}

/**
 * All named members, those of anonymous members at their place.
 * @throws FormatError for a type that holds itself.
 */
export function flattenMembers(btf: Btf, id: number): FlatMember[] {
	const out: FlatMember[] = [];
	let visited = 0;
	const walk = (at: number, path: readonly number[], bits: number): void => {
		if (path.length > MAX_DEPTH)
			throw btf.malformed(`Type[${id}]`, `anonymous members nested more than ${MAX_DEPTH} deep`);
		const t = btf.type(btf.resolve(at));
		if (t.kind !== "struct" && t.kind !== "union") return;
		for (let i = 0; i < t.members.length; i++) {
			if (++visited > MAX_MEMBERS) throw btf.malformed(`Type[${id}]`, `more than ${MAX_MEMBERS} members`);
			const m = t.members[i]!;
			if (m.name !== "") out.push({ name: m.name, member: m, path: [...path, i], bitOffset: bits + m.bitOffset });
			else walk(m.type, [...path, i], bits + m.bitOffset);
		}
	};
	walk(id, [], 0);
	return out;
}
