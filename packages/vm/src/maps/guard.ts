import { BpfError } from "@skep/bpf/base";
import { lock, type Memory, unlock } from "#machine";
import { HEADER } from "./header.ts";
import type { MapState } from "./map.ts";

/**
 * Who changes a map of a shared machine has its lock meanwhile. Lookups take none: see `hash.ts`. Where nobody shares the
 * memory there is nothing to guard.
 */

/** Takes a map's lock. True: this call did, and `release` has to give it back; false: it was had already, or needs not be. */
export function seize(map: MapState, memory: Memory): boolean {
	if (!memory.shared) return false;
	const result = lock(memory, map.header + HEADER.lock, memory.processor + 1);
	if (result === "stuck")
		throw new BpfError("ERR_LOCK", `map ${map.name || map.id}: whoever changes it does not come to an end`);
	return result === "taken";
}

export function release(map: MapState, memory: Memory, isSeized: boolean): void {
	if (isSeized) unlock(memory, map.header + HEADER.lock);
}

/** Does something with a map's lock. */
export function guarded<T>(map: MapState, memory: Memory, act: () => T): T {
	if (!memory.shared) return act();
	const isSeized = seize(map, memory);
	try {
		return act();
	} finally {
		release(map, memory, isSeized);
	}
}
