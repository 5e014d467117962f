import { ERRNO } from "@skep/bpf/kernel";
import { ATTACH_FLAGS } from "@skep/bpf/uapi";
import type { ChainEntry, ChainState, Tables } from "./tables.ts";

/** What a chain of programs hangs on. XDP has one a device that takes a single program. */
export type PlaceKind = "cgroup" | "device" | "xdp";

/** `hook`: number of the attach type. */
export const chainKey = (kind: PlaceKind, id: number, hook: number): string => `${kind}:${id}:${hook}`;

/** BPF_MPROG_MAX and BPF_CGROUP_MAX_PROGS. */
export const MOST_IN_CHAIN = 64;

const EMPTY: ChainState = { flags: 0, revision: 1, entries: [] };

/** What hangs there; not to be changed. */
export const chainOf = (tables: Tables, key: string): Readonly<ChainState> => tables.chains.get(key) ?? EMPTY;

/** The same, to be changed. */
export function openChain(tables: Tables, key: string): ChainState {
	let chain = tables.chains.get(key);
	if (!chain) {
		chain = { flags: 0, revision: 1, entries: [] };
		tables.chains.set(key, chain);
	}
	return chain;
}

/** What a link holds in its chain goes. */
export function takeFromChain(tables: Tables, link: number): void {
	for (const chain of tables.chains.values()) {
		const at = chain.entries.findIndex((each) => each.link === link);
		if (at >= 0) takeEntry(chain, at);
	}
}

/** @returns the entry that was there */
export function takeEntry(chain: ChainState, at: number): ChainEntry {
	const [taken] = chain.entries.splice(at, 1);
	chain.revision++;
	// The last one takes its terms with it.
	if (chain.entries.length === 0) chain.flags = 0;
	return taken!;
}

/** The program of a link's entry, exchanged. */
export function replaceInChain(tables: Tables, link: number, program: number): void {
	for (const chain of tables.chains.values()) {
		const entry = chain.entries.find((each) => each.link === link);
		if (!entry) continue;
		entry.program = program;
		chain.revision++;
	}
}

/** Where a new entry goes. `neighbour`: entry of the program or link that was named; -1: none was. `revision` 0n: any. */
export interface Position {
	readonly flags: number;
	readonly neighbour: number;
	readonly revision: bigint;
}

/** Index at which to put it in; -errno. */
export function placeIn(chain: Readonly<ChainState>, { flags, neighbour, revision }: Position): number {
	if (revision !== 0n && revision !== BigInt(chain.revision)) return -ERRNO.ESTALE;
	const before = (flags & ATTACH_FLAGS.BPF_F_BEFORE) !== 0;
	const after = (flags & ATTACH_FLAGS.BPF_F_AFTER) !== 0;
	if (before && after) return -ERRNO.EINVAL;
	if (before) return neighbour < 0 ? 0 : neighbour;
	return neighbour < 0 || !after ? chain.entries.length : neighbour + 1;
}
