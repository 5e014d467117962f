import { ERRNO } from "@skep/bpf/kernel";
import { hash } from "./hash.ts";
import type { InnerShape, MapHandler, MapShape, MapState } from "./map.ts";

/** Hashes of maps: an entry's value is the id of the map in it, which `objects` puts there for a descriptor. */
export const hashOfMaps: MapHandler = {
	...hash,
	check: (map, copies) => (map.valueSize === 4 ? hash.check(map, copies) : -ERRNO.EINVAL),
};

/** What of a map another one must have to stand in its place. */
export const innerShape = (map: MapShape): InnerShape => ({
	type: map.type,
	keySize: map.keySize,
	valueSize: map.valueSize,
	maxEntries: map.maxEntries,
	flags: map.flags,
});

const INNER_MAP = 1 << 12;

/** Whether a map fits in where others of this shape are. Arrays may differ in length if they were made for that. */
export function fitsInner(shape: InnerShape, map: MapState): boolean {
	const isSame =
		map.type === shape.type &&
		map.keySize === shape.keySize &&
		map.valueSize === shape.valueSize &&
		map.flags === shape.flags;
	if (!isSame) return false;
	return shape.type !== "array" || (shape.flags & INNER_MAP) !== 0 || map.maxEntries === shape.maxEntries;
}
