import type { MapType } from "@skep/bpf/uapi";
import { arena } from "./arena.ts";
import { array } from "./array.ts";
import { bloomFilter } from "./bloom-filter.ts";
import { hash } from "./hash.ts";
import { lpmTrie } from "./lpm-trie.ts";
import type { MapHandler } from "./map.ts";
import { hashOfMaps } from "./nested.ts";
import { mapArray, objectArray } from "./object-array.ts";
import { queue } from "./queue.ts";
import { ringBuffer, userRingBuffer } from "./ring-buffer.ts";
import { storage } from "./storage.ts";

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
	array_of_maps: mapArray,
	hash_of_maps: hashOfMaps,
	ringbuf: ringBuffer,
	user_ringbuf: userRingBuffer,
	queue,
	stack: queue,
	lpm_trie: lpmTrie,
	bloom_filter: bloomFilter,
	task_storage: storage,
	cgrp_storage: storage,
	arena,
};

/** What a type of map does; undefined: this kernel does not have it. */
export const mapHandler = (type: MapType): MapHandler | undefined => HANDLERS[type];
