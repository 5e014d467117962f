import type { Btf } from "./btf.ts";
import { BtfBuilder } from "./builder.ts";
import { coarsestPartition } from "./partition.ts";
import type { BtfType } from "./types.ts";
import { KIND_NUMBER } from "./wire.ts";

/** Forward declarations that turn out ambiguous make others so: after this many rounds all are left as they are. */
const MAX_ROUNDS = 8;

export interface Deduplicated {
	/** Holds the types; `string` is there for what refers to strings beside them (`.BTF.ext`). */
	readonly builder: BtfBuilder;
	/** By old id: the new one. */
	readonly ids: Uint32Array;
}

/**
 * The same types, each once. Two types are one where nothing tells them apart: kind, name, size, members and values, and
 * what these refer to, cycles included. A forward declaration becomes the type of that name where exactly one such type is
 * there, an `enum` without values likewise. Variables are one only where they also stand at the same offset of sections of
 * one name: they are places, not shapes. Of equal types the first stays, and the order is kept.
 *
 * Split BTF: types that the base has are taken from there; the base itself is not changed.
 * @throws FormatError for malformed types
 */
export function dedup(btf: Btf): Deduplicated {
	const graph = flatten(btf);
	const labels = labelsOf(graph);
	const forwards = new Forwards(btf, graph, labels);
	let edges = forwards.redirect(graph.edges);
	let classes = coarsestPartition({ labels, edgesAt: graph.edgesAt, edges });
	for (let round = 1; forwards.dropAmbiguous(classes, round === MAX_ROUNDS); round++) {
		edges = forwards.redirect(graph.edges);
		classes = coarsestPartition({ labels, edgesAt: graph.edgesAt, edges });
	}
	return rebuild(btf, classes, forwards.aliases);
}

interface Graph {
	readonly count: number;
	/** What types say of themselves, as words: `words[wordsAt[id]]` to `words[wordsAt[id + 1]]`. */
	readonly words: Int32Array;
	readonly wordsAt: Int32Array;
	/** The ids that they refer to. */
	readonly edges: Int32Array;
	readonly edgesAt: Int32Array;
}

/** A list of 32-bit words that grows. */
class Words {
	#list = new Int32Array(4096);
	length = 0;
	push(value: number): void {
		if (this.length === this.#list.length) {
			const grown = new Int32Array(this.#list.length * 2);
			grown.set(this.#list);
			this.#list = grown;
		}
		this.#list[this.length++] = value;
	}
	finish(): Int32Array {
		return this.#list.subarray(0, this.length);
	}
}

function flatten(btf: Btf): Graph {
	const count = btf.count + 1;
	const words = new Words();
	const edges = new Words();
	const wordsAt = new Int32Array(count + 1);
	const edgesAt = new Int32Array(count + 1);
	const names = new Map<string, number>();
	const name = (text: string): void => {
		let number = names.get(text);
		if (number === undefined) {
			number = names.size;
			names.set(text, number);
		}
		words.push(number);
	};
	const places = placesOf(btf);
	for (let id = 0; id < count; id++) {
		wordsAt[id] = words.length;
		edgesAt[id] = edges.length;
		const t = btf.type(id);
		words.push(KIND_NUMBER[t.kind]);
		switch (t.kind) {
			case "void":
				break;
			case "int":
				name(t.name);
				words.push(t.size);
				words.push((t.bits << 16) | (t.offset << 8) | (t.signed ? 1 : 0) | (t.char ? 2 : 0) | (t.bool ? 4 : 0));
				break;
			case "ptr":
			case "const":
			case "volatile":
			case "restrict":
				edges.push(t.type);
				break;
			case "array":
				words.push(t.length);
				edges.push(t.type);
				edges.push(t.index);
				break;
			case "struct":
			case "union":
				name(t.name);
				words.push(t.size);
				for (const m of t.members) {
					name(m.name);
					words.push(m.bitOffset);
					words.push(m.bitSize);
					edges.push(m.type);
				}
				break;
			case "enum":
				name(t.name);
				words.push((t.size << 1) | (t.signed ? 1 : 0));
				for (const v of t.values) {
					name(v.name);
					words.push(v.value);
				}
				break;
			case "enum64":
				name(t.name);
				words.push((t.size << 1) | (t.signed ? 1 : 0));
				for (const v of t.values) {
					name(v.name);
					words.push(Number(v.value & 0xffffffffn));
					words.push(Number((v.value >> 32n) & 0xffffffffn));
				}
				break;
			case "fwd":
				name(t.name);
				words.push(t.union ? 1 : 0);
				break;
			case "typedef":
			case "type_tag":
				name(t.name);
				edges.push(t.type);
				break;
			case "func":
				name(t.name);
				words.push(t.linkage === "static" ? 0 : t.linkage === "global" ? 1 : 2);
				edges.push(t.type);
				break;
			case "func_proto":
				edges.push(t.ret);
				for (const p of t.params) {
					name(p.name);
					edges.push(p.type);
				}
				break;
			case "var": {
				const place = places.get(id);
				name(t.name);
				name(t.linkage);
				if (place) {
					name(place.section);
					words.push(place.offset);
				} else words.push(id);
				edges.push(t.type);
				break;
			}
			case "datasec":
				name(t.name);
				words.push(t.size);
				for (const v of t.vars) {
					words.push(v.offset);
					words.push(v.size);
					edges.push(v.type);
				}
				break;
			case "float":
				name(t.name);
				words.push(t.size);
				break;
			case "decl_tag":
				name(t.name);
				words.push(t.component);
				edges.push(t.type);
				break;
		}
	}
	wordsAt[count] = words.length;
	edgesAt[count] = edges.length;
	return { count, words: words.finish(), wordsAt, edges: edges.finish(), edgesAt };
}

/** Where variables stand; those that stand nowhere, or twice, are not there. */
function placesOf(btf: Btf): Map<number, { readonly section: string; readonly offset: number }> {
	const places = new Map<number, { section: string; offset: number }>();
	const twice = new Set<number>();
	for (const id of btf.ofKind("datasec")) {
		const t = btf.type(id);
		if (t.kind !== "datasec") continue;
		for (const v of t.vars) {
			if (places.has(v.type)) twice.add(v.type);
			places.set(v.type, { section: t.name, offset: v.offset });
		}
	}
	for (const id of twice) places.delete(id);
	return places;
}

/** Numbers types by their words: equal words, equal number. */
function labelsOf({ count, words, wordsAt }: Graph): Int32Array {
	const labels = new Int32Array(count);
	const size = 1 << (33 - Math.clz32(count));
	const table = new Int32Array(size).fill(-1);
	let next = 0;
	const same = (a: number, b: number): boolean => {
		const from = wordsAt[a]!;
		const to = wordsAt[b]!;
		const n = wordsAt[a + 1]! - from;
		if (wordsAt[b + 1]! - to !== n) return false;
		for (let i = 0; i < n; i++) if (words[from + i] !== words[to + i]) return false;
		return true;
	};
	for (let id = 0; id < count; id++) {
		let h = 0x811c9dc5;
		for (let i = wordsAt[id]!; i < wordsAt[id + 1]!; i++) {
			h = Math.imul(h ^ words[i]!, 0x01000193);
			h ^= h >>> 15;
		}
		let slot = h & (size - 1);
		while (table[slot]! >= 0 && !same(table[slot]!, id)) slot = (slot + 1) & (size - 1);
		if (table[slot]! < 0) {
			table[slot] = id;
			labels[id] = next++;
		} else labels[id] = labels[table[slot]!]!;
	}
	return labels;
}

/** Forward declarations, and the types that they are taken for. */
class Forwards {
	/** By id: the type that takes its place; 0: none. */
	readonly aliases: Int32Array;
	readonly #groups: { readonly forwards: readonly number[]; readonly candidates: readonly number[] }[] = [];

	constructor(btf: Btf, graph: Graph, labels: Int32Array) {
		this.aliases = new Int32Array(graph.count);
		const forwards = new Map<string, number[]>();
		for (let id = btf.firstId; id < graph.count; id++) {
			const key = forwardKey(btf.type(id));
			if (key === undefined) continue;
			const list = forwards.get(key);
			if (list) list.push(id);
			else forwards.set(key, [id]);
		}
		if (forwards.size === 0) return;
		const full = new Map<string, number[]>();
		for (let id = 1; id < graph.count; id++) {
			const key = fullKey(btf.type(id));
			if (key === undefined || !forwards.has(key)) continue;
			const list = full.get(key);
			if (list) list.push(id);
			else full.set(key, [id]);
		}
		for (const [key, candidates] of full) {
			if (candidates.some((c) => labels[c] !== labels[candidates[0]!])) continue;
			const group = { forwards: forwards.get(key)!, candidates };
			this.#groups.push(group);
			for (const f of group.forwards) this.aliases[f] = candidates[0]!;
		}
	}

	/** The edges, those to forward declarations led on. */
	redirect(edges: Int32Array): Int32Array {
		return this.#groups.length === 0 ? edges : edges.map((to) => this.aliases[to] || to);
	}

	/** Takes back what was taken for one type but turned out to be several (`all`: if so, all); true: there was such. */
	dropAmbiguous(classes: Int32Array, all: boolean): boolean {
		let dropped = false;
		for (let i = this.#groups.length - 1; i >= 0; i--) {
			const { forwards, candidates } = this.#groups[i]!;
			if (candidates.every((c) => classes[c] === classes[candidates[0]!])) continue;
			if (all) {
				this.aliases.fill(0);
				this.#groups.length = 0;
				return true;
			}
			for (const f of forwards) this.aliases[f] = 0;
			this.#groups.splice(i, 1);
			dropped = true;
		}
		return dropped;
	}
}

function forwardKey(t: BtfType): string | undefined {
	if (t.kind === "fwd") return `${t.union ? "union" : "struct"} ${t.name}`;
	if (t.kind === "enum" && t.values.length === 0 && t.name !== "") return `enum ${t.name}`;
	return undefined;
}

function fullKey(t: BtfType): string | undefined {
	if (t.kind === "struct" || t.kind === "union") return `${t.kind} ${t.name}`;
	if ((t.kind === "enum" || t.kind === "enum64") && t.values.length > 0) return `enum ${t.name}`;
	return undefined;
}

function rebuild(btf: Btf, classes: Int32Array, aliases: Int32Array): Deduplicated {
	const builder = new BtfBuilder(btf.base ? { base: btf.base } : {});
	const ids = new Uint32Array(btf.count + 1);
	const byClass = new Map<number, number>();
	const kept: number[] = [];
	for (let id = 0; id <= btf.count; id++) {
		if (aliases[id]) continue;
		const known = byClass.get(classes[id]!);
		if (known !== undefined) {
			ids[id] = known;
			continue;
		}
		const renamed = id < btf.firstId ? id : builder.reserve();
		byClass.set(classes[id]!, renamed);
		ids[id] = renamed;
		if (id >= btf.firstId) kept.push(id);
	}
	for (let id = btf.firstId; id <= btf.count; id++) if (aliases[id]) ids[id] = ids[aliases[id]!]!;
	for (const id of kept)
		builder.set(
			ids[id]!,
			renumber(btf.type(id), (t) => ids[t]!),
		);
	return { builder, ids };
}

/** The type with what it refers to renamed. */
export function renumber(t: BtfType, id: (old: number) => number): BtfType {
	switch (t.kind) {
		case "ptr":
		case "const":
		case "volatile":
		case "restrict":
		case "typedef":
		case "type_tag":
		case "func":
		case "var":
		case "decl_tag":
			return { ...t, type: id(t.type) };
		case "array":
			return { ...t, type: id(t.type), index: id(t.index) };
		case "struct":
		case "union":
			return { ...t, members: t.members.map((m) => ({ ...m, type: id(m.type) })) };
		case "func_proto":
			return { ...t, ret: id(t.ret), params: t.params.map((p) => ({ ...p, type: id(p.type) })) };
		case "datasec":
			return { ...t, vars: t.vars.map((v) => ({ ...v, type: id(v.type) })) };
		default:
			return t;
	}
}
