import { ERRNO } from "@skep/bpf/kernel";
import { MAP_TYPES, type MapType } from "@skep/bpf/uapi";
import type { Memory } from "#machine";
import { HEADER_BYTES } from "./header.ts";
import type { MapShape, MapState } from "./map.ts";
import { mapHandler } from "./table.ts";

/** `enum bpf_map_type` to the type's name. */
export const MAP_TYPE_NAMES: ReadonlyMap<number, MapType> = new Map(
	Object.entries(MAP_TYPES).map(([name, row]) => [row.value, name as MapType]),
);

const PER_CPU: ReadonlySet<MapType> = new Set<MapType>(["percpu_hash", "percpu_array", "lru_percpu_hash"]);

export interface MapLabels {
	readonly id: number;
	readonly name: string;
	readonly btf: number;
	readonly keyType: number;
	readonly valueType: number;
}

/** Checks the shape as Linux does and takes the memory; the map, or -errno. */
export function createMap(shape: MapShape, labels: MapLabels, memory: Memory, cpus: number): MapState | number {
	const handler = mapHandler(shape.type);
	if (!handler) return -ERRNO.EINVAL;
	const copies = PER_CPU.has(shape.type) ? cpus : 1;
	const wrong = handler.check(shape, copies);
	if (wrong !== 0) return wrong;
	const header = memory.allocate(HEADER_BYTES, "kernel", false, HEADER_BYTES);
	if (header === undefined) return -ERRNO.ENOMEM;
	const map: MapState = {
		...shape,
		...labels,
		copies,
		stride: Math.ceil(shape.valueSize / 8) * 8,
		references: 0,
		frozen: false,
		writers: 0,
		header,
		data: 0,
		directory: 0,
		mostBlocks: 0,
		blockShift: 0,
		bucketMask: 0,
		headBytes: 0,
		slots: [],
		userStart: 0n,
	};
	const failed = handler.allocate(map, memory);
	if (failed === 0) return map;
	memory.free(header);
	return failed;
}

/** Gives all memory of a map back. */
export function releaseMap(map: MapState, memory: Memory): void {
	mapHandler(map.type)?.release(map, memory);
	memory.free(map.header);
}
