import type { MapType } from "@skep/bpf/uapi";
import { array } from "./array.ts";
import { hash } from "./hash.ts";
import type { MapHandler } from "./map.ts";
import { objectArray } from "./object-array.ts";
import { queue } from "./queue.ts";
import { ringBuffer } from "./ring-buffer.ts";

/** Types of maps that this kernel has. One row a type. */
const HANDLERS: Partial<Readonly<Record<MapType, MapHandler>>> = {
	hash,
	percpu_hash: hash,
	lru_hash: hash,
	lru_percpu_hash: hash,
	array,
	percpu_array: array,
	prog_array: objectArray,
	perf_event_array: objectArray,
	ringbuf: ringBuffer,
	queue,
	stack: queue,
};

/** What a type of map does; undefined: this kernel does not have it. */
export const mapHandler = (type: MapType): MapHandler | undefined => HANDLERS[type];
