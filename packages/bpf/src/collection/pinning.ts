import { BpfError, LinkError } from "#base";
import type { Kernel } from "#kernel";
import { BpfMap, unpin } from "#live";
import type { MapSpec } from "#spec";
import { MAP_FLAGS, type MapType } from "#uapi";

/** A map that is pinned under its name. */
export interface PinnedMap {
	readonly map: BpfMap;
	/** Undoes what loading did to the bpffs: takes a pin away that was not there before. */
	undo(): void;
}

/** Flags that the kernel adds by itself. */
const ADDED: ReadonlyMap<MapType, number> = new Map([
	["devmap", MAP_FLAGS.BPF_F_RDONLY_PROG],
	["devmap_hash", MAP_FLAGS.BPF_F_RDONLY_PROG],
]);

/**
 * The map that is pinned in `folder` under the name of `map`, or a new one, pinned there. `wanted` is what the blueprint
 * becomes on this kernel. @throws LinkError where what is pinned differs from it; BpfError ERR_NO_BPFFS; PermissionError
 */
export function pinnedMap(
	kernel: Kernel,
	map: MapSpec,
	folder: string,
	wanted: { readonly maxEntries: number },
	create: () => BpfMap,
): PinnedMap {
	// A bpffs takes no dots.
	const path = `${folder.replace(/\/+$/, "")}/${map.name.replaceAll(".", "_")}`;
	const there = reused(kernel, map, path, wanted);
	if (there) return { map: there, undo: () => {} };
	const made = create();
	try {
		made.pin(path);
		return { map: made, undo: () => unpin(kernel, path) };
	} catch (error) {
		made.close();
		// Somebody else was faster: theirs is the one.
		const theirs = error instanceof BpfError && error.code === "EEXIST" && reused(kernel, map, path, wanted);
		if (theirs) return { map: theirs, undo: () => {} };
		throw error;
	}
}

function reused(
	kernel: Kernel,
	map: MapSpec,
	path: string,
	wanted: { readonly maxEntries: number },
): BpfMap | undefined {
	const live = BpfMap.fromPin(kernel, path);
	if (!live) return undefined;
	const ignored = ADDED.get(map.type) ?? 0;
	const rows: readonly (readonly [what: string, there: string | number, asked: string | number])[] = [
		["type", live.type, map.type],
		["key_size", live.keySize, map.keySize],
		["value_size", live.valueSize, map.valueSize],
		["max_entries", live.maxEntries, wanted.maxEntries],
		["map_flags", live.flags & ~ignored, map.flags & ~ignored],
	];
	const differences = rows.filter(([, there, asked]) => there !== asked);
	if (differences.length === 0) return live;
	live.close();
	const texts = differences.map(([what, there, asked]) => `${what} ${there} (the object wants ${asked})`);
	throw new LinkError(
		`map ${map.name}: the map pinned at ${path} is another: ${texts.join(", ")}; unpin it (rm ${path}), or load with another pinPath`,
		{ symbol: map.name },
	);
}
