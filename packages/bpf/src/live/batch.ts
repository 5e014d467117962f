import { NotSupportedError } from "#base";
import { type CommandName, ERRNO, type Kernel } from "#kernel";
import type { MapType } from "#uapi";
import type { Fd } from "./fd.ts";
import { refuse } from "./refusal.ts";
import { Walk } from "./walk.ts";

/** How many entries were moved: by the kernel's batches, or, where it has none for the type, element by element. */
export type BatchWay = "batch" | "one by one";

/** What batches have to know of a map. */
export interface BatchMap {
	readonly kernel: Kernel;
	readonly fd: Fd;
	readonly name: string;
	readonly type: MapType;
	readonly keySize: number;
	/** Of a whole value: all CPUs' for per-CPU maps. */
	readonly valueBytes: number;
	readonly maxEntries: number;
}

/** A part of a map: the first `count` keys and values, one after another. The bytes are overwritten by the next part. */
export interface MapChunk {
	readonly keys: Uint8Array<ArrayBuffer>;
	readonly values: Uint8Array<ArrayBuffer>;
	readonly count: number;
	readonly way: BatchWay;
}

export interface ChunkOptions {
	/** Entries a chunk. Default: 4096, or as many as fit into a megabyte. */
	readonly count?: number;
	/** Take what is read out of the map. */
	readonly take?: boolean;
	/** How to go. Default: by batches where the kernel has them. */
	readonly way?: BatchWay;
}

export interface BatchResult {
	/** Entries that were written, or deleted. */
	readonly count: number;
	readonly way: BatchWay;
}

const CHUNK = 4096;
const CHUNK_BYTES = 1 << 20;

/** How kernels say that a map type, or they themselves, have no batches: 524, the same in user space's words, unknown command. */
const LACKS_BATCH: ReadonlySet<number> = new Set([ERRNO.ENOTSUPP, ERRNO.EOPNOTSUPP, ERRNO.EINVAL]);

/**
 * All of a map in constant memory. A hash bucket that holds more than a chunk makes the kernel ask for more room: it is given.
 * Whatever changes meanwhile is seen or not; what stays is seen once (hash tables that are walked one by one: see `Walk`).
 * @throws SyscallError; NotSupportedError for types that cannot be walked at all
 */
export function* chunks(map: BatchMap, options: ChunkOptions = {}): Generator<MapChunk, void, undefined> {
	const entry = Math.max(1, map.keySize + map.valueBytes);
	const fit = Math.max(1, Math.min(CHUNK, Math.floor(CHUNK_BYTES / entry), Math.max(1, map.maxEntries)));
	const asked = options.count ?? fit;
	if (!Number.isInteger(asked) || asked < 1) throw new RangeError(`map ${map.name}: a chunk of ${asked} entries`);
	const take = options.take === true;
	if (options.way === "one by one") return yield* oneByOne(map, asked, take);
	const command = take ? "MAP_LOOKUP_AND_DELETE_BATCH" : "MAP_LOOKUP_BATCH";
	const token = Math.max(map.keySize, 4);
	let next = new Uint8Array(token);
	let from: Uint8Array<ArrayBuffer> | undefined;
	let room = asked;
	let keys = new Uint8Array(room * map.keySize);
	let values = new Uint8Array(room * map.valueBytes);
	for (;;) {
		const attr = { map_fd: map.fd.number, in_batch: from, out_batch: next, keys, values, count: room };
		const result = map.kernel.bpf(command, attr);
		if (result === -ERRNO.ENOSPC && room < Math.max(map.maxEntries, asked)) {
			room = Math.min(room * 4, Math.max(map.maxEntries, asked));
			keys = new Uint8Array(room * map.keySize);
			values = new Uint8Array(room * map.valueBytes);
			continue;
		}
		if (result < 0 && from === undefined && LACKS_BATCH.has(-result)) return yield* oneByOne(map, asked, take);
		if (result < 0 && result !== -ERRNO.ENOENT) throw refusal(map, result, "read a batch of", command);
		if (attr.count > 0) yield { keys, values, count: attr.count, way: "batch" };
		if (result < 0) return;
		const before = from ?? new Uint8Array(token);
		from = next;
		next = before;
	}
}

function* oneByOne(map: BatchMap, room: number, take: boolean): Generator<MapChunk, void, undefined> {
	const keys = new Uint8Array(room * map.keySize);
	const values = new Uint8Array(room * map.valueBytes);
	let count = 0;
	for (const [key, value] of new Walk(map).entries()) {
		if (take && !taken(map, key)) continue;
		keys.set(key, count * map.keySize);
		values.set(value, count * map.valueBytes);
		if (++count < room) continue;
		yield { keys, values, count, way: "one by one" };
		count = 0;
	}
	if (count > 0) yield { keys, values, count, way: "one by one" };
}

function taken(map: BatchMap, key: Uint8Array): boolean {
	const result = map.kernel.bpf("MAP_DELETE_ELEM", { map_fd: map.fd.number, key });
	if (result === 0) return true;
	if (result === -ERRNO.ENOENT) return false;
	if (result === -ERRNO.EINVAL)
		throw new NotSupportedError(`taking entries out of map ${map.name}`, `those of type ${map.type} cannot be deleted`);
	throw refusal(map, result, "delete from", "MAP_DELETE_ELEM");
}

/** Writes `count` entries, keys and values one after another; `flags` other than 0 go one by one. @throws SyscallError with how far it came */
export function updateMany(map: BatchMap, keys: Uint8Array, values: Uint8Array, count: number): BatchResult {
	if (count === 0) return { count: 0, way: "batch" };
	const attr = { map_fd: map.fd.number, keys, values, count };
	const result = map.kernel.bpf("MAP_UPDATE_BATCH", attr);
	if (result === 0) return { count: attr.count, way: "batch" };
	if (!LACKS_BATCH.has(-result)) {
		throw refusal(map, result, `write entry ${attr.count + 1} of ${count} of a batch to`, "MAP_UPDATE_BATCH");
	}
	for (let i = 0; i < count; i++) {
		const key = keys.subarray(i * map.keySize, (i + 1) * map.keySize);
		const value = values.subarray(i * map.valueBytes, (i + 1) * map.valueBytes);
		const one = map.kernel.bpf("MAP_UPDATE_ELEM", { map_fd: map.fd.number, key, value });
		if (one < 0) throw refusal(map, one, `write entry ${i + 1} of ${count} to`, "MAP_UPDATE_ELEM");
	}
	return { count, way: "one by one" };
}

/** Deletes `count` keys that stand one after another; those that are missing are passed over. @throws SyscallError */
export function deleteMany(map: BatchMap, keys: Uint8Array, count: number): BatchResult {
	let deleted = 0;
	for (let at = 0; at < count; ) {
		const attr = { map_fd: map.fd.number, keys: keys.subarray(at * map.keySize), count: count - at };
		const result = map.kernel.bpf("MAP_DELETE_BATCH", attr);
		if (result < 0 && at === 0 && LACKS_BATCH.has(-result)) return deleteOneByOne(map, keys, count);
		if (result < 0 && result !== -ERRNO.ENOENT) throw refusal(map, result, "delete a batch from", "MAP_DELETE_BATCH");
		deleted += attr.count;
		// The kernel stops at the first key that is missing: behind it, it goes on.
		at += attr.count + (result < 0 ? 1 : 0);
	}
	return { count: deleted, way: "batch" };
}

function deleteOneByOne(map: BatchMap, keys: Uint8Array, count: number): BatchResult {
	let deleted = 0;
	for (let i = 0; i < count; i++) {
		if (taken(map, keys.subarray(i * map.keySize, (i + 1) * map.keySize))) deleted++;
	}
	return { count: deleted, way: "one by one" };
}

function refusal(map: BatchMap, result: number, verb: string, command: CommandName) {
	return refuse(map.kernel, { syscall: "bpf", command, errno: -result, what: `${verb} map ${map.name}` });
}
