import { BpfError } from "@skep/bpf/base";
import { type Attributes, ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS, type MapType, UPDATE_FLAGS } from "@skep/bpf/uapi";
import { lock, unlock } from "#machine";
import {
	ALL_CPUS,
	askFilter,
	createMap,
	drop as dropFirst,
	fitsInner,
	guarded,
	type InnerShape,
	innerShape,
	MAP_TYPE_NAMES,
	type MapState,
	mapHandler,
	readValue,
	type SpecialField,
	setSlot,
	slotOf,
	slotsOf,
} from "#maps";
import { descriptorOf, drop, hold, idOf, openDescriptor } from "./descriptors.ts";
import { decodedBtf, specialFields } from "./fields.ts";
import { isObjectName } from "./name.ts";
import { forOwner } from "./processors.ts";
import type { System } from "./system.ts";

const TOKEN = MAP_FLAGS.BPF_F_TOKEN_FD;

export function createMapCommand(system: System, attr: Attributes["MAP_CREATE"]): number {
	const flags = (attr.map_flags ?? 0) >>> 0;
	if ((attr.btf_vmlinux_value_type_id ?? 0) !== 0) return -ERRNO.EINVAL;
	const type = MAP_TYPE_NAMES.get(attr.map_type);
	if (attr.map_extra !== undefined && attr.map_extra !== 0n && type !== "bloom_filter" && type !== "arena")
		return -ERRNO.EINVAL;
	if ((attr.btf_key_type_id ?? 0) !== 0 && (attr.btf_value_type_id ?? 0) === 0) return -ERRNO.EINVAL;
	if ((flags & TOKEN) !== 0) return -ERRNO.EBADF;
	if ((flags & MAP_FLAGS.BPF_F_RDONLY) !== 0 && (flags & MAP_FLAGS.BPF_F_WRONLY) !== 0) return -ERRNO.EINVAL;
	if ((flags & MAP_FLAGS.BPF_F_NUMA_NODE) !== 0 && (attr.numa_node ?? 0) !== 0) return -ERRNO.EINVAL;
	if (type === undefined || !mapHandler(type)) return -ERRNO.EINVAL;
	if (!isObjectName(attr.map_name ?? "")) return -ERRNO.EINVAL;
	let btf = 0;
	if ((attr.btf_key_type_id ?? 0) !== 0 || (attr.btf_value_type_id ?? 0) !== 0) {
		btf = idOf(system, attr.btf_fd ?? 0, "btf");
		if (btf < 0) return btf;
		if (WITHOUT_TYPES.has(type)) return -ERRNO.ENOTSUPP;
	}
	const { tables } = system;
	const inner = nestedShape(system, type, attr.inner_map_fd ?? 0);
	if (typeof inner === "number") return inner;
	const asked = {
		type,
		keySize: attr.key_size,
		valueSize: attr.value_size,
		maxEntries: attr.max_entries,
		flags,
		extra: attr.map_extra ?? 0n,
	};
	// Linux looks at types last.
	const wrong = mapHandler(type)!.check(asked, system.cpus.length);
	if (wrong !== 0) return wrong;
	const fields = btf === 0 ? undefined : fieldsOf(system, btf, attr, type);
	if (typeof fields === "number") return fields;
	if (btf === 0 && STORAGE.has(type)) return -ERRNO.EINVAL;
	const map = createMap(
		{ ...asked, inner, fields },
		{
			id: tables.next.map,
			name: attr.map_name ?? "",
			btf,
			keyType: attr.btf_key_type_id ?? 0,
			valueType: attr.btf_value_type_id ?? 0,
		},
		system.memory,
		system.cpus.length,
	);
	if (typeof map === "number") return map;
	tables.next.map++;
	tables.maps.set(map.id, map);
	if (btf !== 0) hold(system, "btf", btf);
	return openDescriptor(system, "map", map.id, flags);
}

/** Types that take no BTF for keys and values. */
const WITHOUT_TYPES: ReadonlySet<MapType> = new Set<MapType>([
	"prog_array",
	"perf_event_array",
	"ringbuf",
	"queue",
	"stack",
	"array_of_maps",
	"hash_of_maps",
	"user_ringbuf",
	"bloom_filter",
]);
/** Types that want it. */
const STORAGE: ReadonlySet<MapType> = new Set<MapType>(["task_storage", "cgrp_storage"]);
/** Types without an element that could be looked up, and what they say to that. */
const WITHOUT_ELEMENTS: Partial<Readonly<Record<MapType, number>>> = {
	ringbuf: ERRNO.ENOTSUPP,
	user_ringbuf: ERRNO.ENOTSUPP,
	arena: ERRNO.EINVAL,
	task_storage: ERRNO.EBADF,
	cgrp_storage: ERRNO.EBADF,
};

const isNested = (type: MapType): boolean => type === "array_of_maps" || type === "hash_of_maps";

/** What the maps in a map of maps must be, after the map of `fd`; undefined for other types; -errno. */
function nestedShape(system: System, type: MapType, fd: number): InnerShape | undefined | number {
	if (!isNested(type)) return undefined;
	const id = idOf(system, fd, "map");
	if (id < 0) return id;
	const map = system.tables.maps.get(id)!;
	if (isNested(map.type)) return -ERRNO.EINVAL;
	if (map.type === "prog_array" || map.fields?.some((field) => field.kind === "spin_lock")) return -ERRNO.ENOTSUPP;
	return innerShape(map);
}

/** What in the values is the kernel's own, after the map's BTF; -errno where that does not fit the map. */
function fieldsOf(
	system: System,
	btfId: number,
	attr: Attributes["MAP_CREATE"],
	type: MapType,
): readonly SpecialField[] | undefined | number {
	const btf = decodedBtf(system, btfId);
	const found = btf && specialFields(btf, attr, type);
	if (found === undefined) return -ERRNO.EINVAL;
	return typeof found === "number" || found.length > 0 ? found : undefined;
}

/** The map of a descriptor, or -errno; `need` refuses descriptors that may not read or write. */
function mapOf(system: System, fd: number, need?: "read" | "write"): MapState | number {
	const held = descriptorOf(system, fd);
	if (held?.kind !== "map") return idOf(system, fd, "map");
	const map = system.tables.maps.get(held.id)!;
	if (need === "read" && !held.readable) return -ERRNO.EPERM;
	if (need === "write" && (!held.writable || map.frozen)) return -ERRNO.EPERM;
	return map;
}

/** What is in the slots of a map; undefined: it has none. */
const SLOTS: Partial<Readonly<Record<MapType, "program" | "event" | "map">>> = {
	prog_array: "program",
	perf_event_array: "event",
	array_of_maps: "map",
};

/** A key as long as the map's; -EFAULT where it is missing or short, -EINVAL where the map has none. */
function keyFault(map: MapState, key: Uint8Array | undefined): number {
	if (map.keySize === 0) return key === undefined ? 0 : -ERRNO.EINVAL;
	return key === undefined || key.length < map.keySize ? -ERRNO.EFAULT : 0;
}

const valueBytes = (map: MapState): number => (map.copies === 1 ? map.valueSize : map.stride * map.copies);

/** Flag of lookup and update: under the spin lock in the value, if there is one. */
const LOCK = UPDATE_FLAGS.BPF_F_LOCK;
const hasLock = (map: MapState): boolean => map.fields?.some((field) => field.kind === "spin_lock") ?? false;

function readInto(system: System, map: MapState, address: number, to: Uint8Array, at: number): void {
	const { memory } = system;
	const { valueSize } = map;
	if (map.copies === 1) {
		readValue(memory, address, valueSize, to, at);
		for (const field of map.fields ?? []) to.fill(0, at + field.offset, at + field.offset + field.size);
		return;
	}
	// What stands between the copies of different CPUs is nothing: zero.
	for (let cpu = 0; cpu < map.copies; cpu++) {
		const from = address + cpu * map.stride;
		to.fill(0, at + cpu * map.stride + valueSize, at + (cpu + 1) * map.stride);
		readValue(memory, from, valueSize, to, at + cpu * map.stride);
	}
}

export function lookupElement(system: System, attr: Attributes["MAP_LOOKUP_ELEM"]): number {
	const { key, value } = attr;
	const flags = attr.flags ?? 0;
	if ((flags & ~LOCK) !== 0) return -ERRNO.EINVAL;
	const map = mapOf(system, attr.map_fd, "read");
	if (typeof map === "number") return map;
	if ((flags & LOCK) !== 0 && !hasLock(map)) return -ERRNO.EINVAL;
	const wrong = keyFault(map, key);
	if (wrong !== 0) return wrong;
	const none = WITHOUT_ELEMENTS[map.type];
	if (none !== undefined) return -none;
	if (map.type === "bloom_filter") {
		return value.length < map.valueSize ? -ERRNO.EFAULT : askFilter(map, system.memory, value, 0);
	}
	if (SLOTS[map.type] !== undefined) {
		if (map.type === "perf_event_array") return -ERRNO.ENOTSUPP;
		const id = slotOf(map, system.memory, new DataView(key!.buffer, key!.byteOffset).getUint32(0, true));
		if (id === 0) return -ERRNO.ENOENT;
		new DataView(value.buffer, value.byteOffset).setUint32(0, id, true);
		return 0;
	}
	// An array's values stay where they are; another's are read while nobody takes them out.
	if (!system.memory.shared || map.type === "array") return lookupFound(system, map, key, value, flags);
	return guarded(map, system.memory, () => lookupFound(system, map, key, value, flags));
}

function lookupFound(
	system: System,
	map: MapState,
	key: Uint8Array | undefined,
	value: Uint8Array,
	flags: number,
): number {
	const address = mapHandler(map.type)!.lookup(map, system.memory, key, 0, false);
	if (address === 0) return -ERRNO.ENOENT;
	if (value.length < valueBytes(map)) return -ERRNO.EFAULT;
	if (flags === 0) {
		readInto(system, map, address, value, 0);
		return 0;
	}
	return withLock(system, map, address, flags, () => {
		readInto(system, map, address, value, 0);
		return 0;
	});
}

/** Does something with the value at an address, with the spin lock in it where `flags` ask for that. */
function withLock(system: System, map: MapState, address: number, flags: number, act: () => number): number {
	const { memory } = system;
	const field = (flags & LOCK) === 0 ? undefined : map.fields?.find(({ kind }) => kind === "spin_lock");
	if (!field || !memory.shared) return act();
	if (lock(memory, address + field.offset, memory.processor + 1) !== "taken")
		throw new BpfError("ERR_LOCK", `the lock in a value of map ${map.name || map.id} is not given back`);
	try {
		return act();
	} finally {
		unlock(memory, address + field.offset);
	}
}

export function updateElement(system: System, attr: Attributes["MAP_UPDATE_ELEM"]): number {
	const { key, value } = attr;
	const flags = attr.flags ?? 0;
	const map = mapOf(system, attr.map_fd, "write");
	if (typeof map === "number") return map;
	if ((flags & LOCK) !== 0 && !hasLock(map)) return -ERRNO.EINVAL;
	const wrong = keyFault(map, key);
	if (wrong !== 0) return wrong;
	if (value.length < valueBytes(map)) return -ERRNO.EFAULT;
	if ((flags & LOCK) !== 0 && system.memory.shared) return updateLocked(system, map, key, value, flags);
	return put(system, map, key, 0, value, 0, hasLock(map) ? flags & ~LOCK : flags);
}

function updateLocked(
	system: System,
	map: MapState,
	key: Uint8Array | undefined,
	value: Uint8Array,
	flags: number,
): number {
	const write = () => put(system, map, key, 0, value, 0, flags & ~LOCK);
	return guarded(map, system.memory, () => {
		const address = mapHandler(map.type)!.lookup(map, system.memory, key, 0, false);
		return address === 0 ? write() : withLock(system, map, address, flags, write);
	});
}

/** Puts an element in; of maps that hold objects the value is a descriptor, whose object they hold from then on. */
function put(
	system: System,
	map: MapState,
	key: Uint8Array | undefined,
	keyAt: number,
	value: Uint8Array,
	valueAt: number,
	flags: number,
): number {
	const handler = mapHandler(map.type)!;
	const kind = SLOTS[map.type];
	if (kind === undefined && map.type !== "hash_of_maps")
		return handler.update(map, system.memory, key, keyAt, value, valueAt, flags >>> 0, ALL_CPUS);
	forOwner(system, "maps of programs, maps and perf events");
	const descriptor = new DataView(value.buffer, value.byteOffset).getInt32(valueAt, true);
	if (kind === undefined) return putInner(system, map, key!, keyAt, descriptor, flags);
	if (flags !== 0) return -ERRNO.EINVAL;
	const index = new DataView(key!.buffer, key!.byteOffset).getUint32(keyAt, true);
	if (index >= map.maxEntries) return -ERRNO.E2BIG;
	const id = idOf(system, descriptor, kind);
	if (id < 0) return kind === "event" ? -ERRNO.EBADF : id;
	if (kind === "program" && !sameKind(system, map, id)) return -ERRNO.EINVAL;
	if (kind === "map" && !fitsInner(map.inner!, system.tables.maps.get(id)!)) return -ERRNO.EINVAL;
	hold(system, kind, id);
	const before = setSlot(map, system.memory, index, id);
	if (before > 0) drop(system, kind, before);
	return 0;
}

/** Puts a map into a hash of maps. */
function putInner(
	system: System,
	map: MapState,
	key: Uint8Array,
	keyAt: number,
	descriptor: number,
	flags: number,
): number {
	const { memory, tables } = system;
	const handler = mapHandler(map.type)!;
	const id = idOf(system, descriptor, "map");
	if (id < 0) return id;
	if (!fitsInner(map.inner!, tables.maps.get(id)!)) return -ERRNO.EINVAL;
	const at = handler.lookup(map, memory, key, keyAt, false);
	const before = at === 0 ? 0 : memory.view.getUint32(at, true);
	const value = new Uint8Array(Uint32Array.of(id).buffer);
	const result = handler.update(map, memory, key, keyAt, value, 0, flags >>> 0, ALL_CPUS);
	if (result !== 0) return result;
	hold(system, "map", id);
	if (before !== 0) drop(system, "map", before);
	return 0;
}

/** Takes an element out, and lets go of the object in it. */
function remove(system: System, map: MapState, key: Uint8Array | undefined, keyAt: number): number {
	const handler = mapHandler(map.type)!;
	const kind = SLOTS[map.type];
	if (kind !== undefined || map.type === "hash_of_maps") forOwner(system, "maps of programs, maps and perf events");
	if (kind !== undefined) {
		const index = new DataView(key!.buffer, key!.byteOffset).getUint32(keyAt, true);
		if (index >= map.maxEntries) return -ERRNO.E2BIG;
		const before = slotOf(map, system.memory, index);
		if (before === 0) return -ERRNO.ENOENT;
		setSlot(map, system.memory, index, 0);
		drop(system, kind, before);
		return 0;
	}
	const at = map.type === "hash_of_maps" ? handler.lookup(map, system.memory, key, keyAt, false) : 0;
	const before = at === 0 ? 0 : system.memory.view.getUint32(at, true);
	const result = handler.delete(map, system.memory, key, keyAt);
	if (result === 0 && before !== 0) drop(system, "map", before);
	return result;
}

/** A program array takes programs of one type only: those that may follow each other. */
function sameKind(system: System, map: MapState, id: number): boolean {
	const { programs } = system.tables;
	const other = slotsOf(map, system.memory).find((each) => each !== 0);
	return other === undefined || programs.get(other)?.type === programs.get(id)?.type;
}

export function deleteElement(system: System, attr: Attributes["MAP_DELETE_ELEM"]): number {
	const map = mapOf(system, attr.map_fd, "write");
	if (typeof map === "number") return map;
	const wrong = keyFault(map, attr.key);
	if (wrong !== 0) return wrong;
	return remove(system, map, attr.key, 0);
}

export function nextKey(system: System, attr: Attributes["MAP_GET_NEXT_KEY"]): number {
	const map = mapOf(system, attr.map_fd, "read");
	if (typeof map === "number") return map;
	if (attr.key !== undefined && attr.key.length < map.keySize) return -ERRNO.EFAULT;
	if (attr.next_key.length < map.keySize) return -ERRNO.EFAULT;
	return mapHandler(map.type)!.nextKey(map, system.memory, attr.key, attr.next_key);
}

export function takeElement(system: System, attr: Attributes["MAP_LOOKUP_AND_DELETE_ELEM"]): number {
	const flags = attr.flags ?? 0;
	if ((flags & ~LOCK) !== 0) return -ERRNO.EINVAL;
	const id = idOf(system, attr.map_fd, "map");
	if (id < 0) return id;
	const map = system.tables.maps.get(id)!;
	const held = descriptorOf(system, attr.map_fd)!;
	if (!held.readable || !held.writable || map.frozen) return -ERRNO.EPERM;
	const handler = mapHandler(map.type)!;
	if (handler.keyless && handler.takes && flags !== 0) return -ERRNO.EINVAL;
	if ((flags & LOCK) !== 0 && !hasLock(map)) return -ERRNO.EINVAL;
	const wrong = keyFault(map, attr.key);
	if (wrong !== 0) return wrong;
	if (!handler.takes || map.type === "hash_of_maps") return -ERRNO.ENOTSUPP;
	return system.memory.shared
		? guarded(map, system.memory, () => takeOut(system, map, attr))
		: takeOut(system, map, attr);
}

function takeOut(system: System, map: MapState, attr: Attributes["MAP_LOOKUP_AND_DELETE_ELEM"]): number {
	const handler = mapHandler(map.type)!;
	const address = handler.lookup(map, system.memory, attr.key, 0, false);
	if (address === 0) return -ERRNO.ENOENT;
	if (attr.value.length < valueBytes(map)) return -ERRNO.EFAULT;
	readInto(system, map, address, attr.value, 0);
	if (handler.keyless) dropFirst(map, system.memory);
	else remove(system, map, attr.key, 0);
	return 0;
}

export function freezeMap(system: System, attr: Attributes["MAP_FREEZE"]): number {
	const map = mapOf(system, attr.map_fd, "write");
	if (typeof map === "number") return map;
	if (map.writers > 0) return -ERRNO.EBUSY;
	map.frozen = true;
	return 0;
}

/** Count of a batch that may be read or written, and whether the type has batches. 0 or -errno. */
function batchFault(
	map: MapState,
	attr: { readonly flags?: number; readonly elem_flags?: number },
	lookup: boolean,
): number {
	const handler = mapHandler(map.type)!;
	if (!handler.batch) return -ERRNO.ENOTSUPP;
	if (((attr.elem_flags ?? 0) & ~LOCK) !== 0) return -ERRNO.EINVAL;
	if (((attr.elem_flags ?? 0) & LOCK) !== 0 && !hasLock(map)) return -ERRNO.EINVAL;
	return lookup && (attr.flags ?? 0) !== 0 && map.type.includes("hash") ? -ERRNO.EINVAL : 0;
}

export function lookupBatch(system: System, attr: Attributes["MAP_LOOKUP_BATCH"], take: boolean): number {
	const map = mapOf(system, attr.map_fd, "read");
	if (typeof map === "number") return map;
	if (take && (!descriptorOf(system, attr.map_fd)!.writable || map.frozen)) return -ERRNO.EPERM;
	const handler = mapHandler(map.type)!;
	if (take && !handler.takes) return -ERRNO.ENOTSUPP;
	const wrong = batchFault(map, attr, true);
	if (wrong !== 0) return wrong;
	const asked = attr.count;
	if (asked === 0) return 0;
	attr.count = 0;
	if (attr.in_batch !== undefined && attr.in_batch.length < 4) return -ERRNO.EFAULT;
	const from = attr.in_batch ? new DataView(attr.in_batch.buffer, attr.in_batch.byteOffset).getUint32(0, true) : 0;
	if (attr.keys.length < asked * map.keySize || attr.values.length < asked * valueBytes(map)) return -ERRNO.EFAULT;
	return guarded(map, system.memory, () => readBatch(system, map, attr, from, asked, take));
}

function readBatch(
	system: System,
	map: MapState,
	attr: Attributes["MAP_LOOKUP_BATCH"],
	from: number,
	asked: number,
	take: boolean,
): number {
	const size = valueBytes(map);
	const found = mapHandler(map.type)!.batch!(map, system.memory, from, asked);
	if (typeof found === "number") return found;
	const { u8 } = system.memory;
	const keys = new DataView(attr.keys.buffer, attr.keys.byteOffset);
	for (const [i, key] of found.keys.entries()) {
		if (found.indexed) keys.setUint32(i * 4, key, true);
		else attr.keys.set(u8.subarray(key, key + map.keySize), i * map.keySize);
		if (found.plain)
			new DataView(attr.values.buffer, attr.values.byteOffset).setUint32(i * size, found.values[i]!, true);
		else readInto(system, map, found.values[i]!, attr.values, i * size);
	}
	attr.count = found.keys.length;
	if (take) {
		for (let i = 0; i < found.keys.length; i++) remove(system, map, attr.keys, i * map.keySize);
	}
	if (attr.out_batch.length >= 4) {
		const position = found.next ?? (found.indexed ? map.maxEntries : map.bucketMask + 1);
		new DataView(attr.out_batch.buffer, attr.out_batch.byteOffset).setUint32(0, position, true);
	}
	return found.next === undefined ? -ERRNO.ENOENT : 0;
}

export function updateBatch(system: System, attr: Attributes["MAP_UPDATE_BATCH"]): number {
	const map = mapOf(system, attr.map_fd, "write");
	if (typeof map === "number") return map;
	const wrong = batchFault(map, attr, false);
	if (wrong !== 0) return wrong;
	const asked = attr.count;
	const size = valueBytes(map);
	if (asked === 0) return 0;
	attr.count = 0;
	const flags = (attr.elem_flags ?? 0) & ~LOCK;
	for (let i = 0; i < asked; i++) {
		if (attr.keys.length < (i + 1) * map.keySize || attr.values.length < (i + 1) * size) return -ERRNO.EFAULT;
		const result = put(system, map, attr.keys, i * map.keySize, attr.values, i * size, flags);
		if (result !== 0) return result;
		attr.count = i + 1;
	}
	return 0;
}

export function deleteBatch(system: System, attr: Attributes["MAP_DELETE_BATCH"]): number {
	const map = mapOf(system, attr.map_fd, "write");
	if (typeof map === "number") return map;
	if (!mapHandler(map.type)!.takes && map.type !== "lpm_trie") return -ERRNO.ENOTSUPP;
	const wrong = batchFault(map, attr, false);
	if (wrong !== 0) return wrong;
	const asked = attr.count;
	if (asked === 0) return 0;
	attr.count = 0;
	for (let i = 0; i < asked; i++) {
		if (attr.keys.length < (i + 1) * map.keySize) return -ERRNO.EFAULT;
		const result = remove(system, map, attr.keys, i * map.keySize);
		if (result !== 0) return result;
		attr.count = i + 1;
	}
	return 0;
}

/** mmap(2) of a map's descriptor: guest address of the bytes, or -errno. The mapping holds the map. */
export function mapMemory(system: System, fd: number, offset: number, length: number, writable: boolean): number {
	const id = idOf(system, fd, "map");
	if (id < 0) return id === -ERRNO.EINVAL ? -ERRNO.ENODEV : id;
	const map = system.tables.maps.get(id)!;
	if (length <= 0 || offset % 4096 !== 0) return -ERRNO.EINVAL;
	const handler = mapHandler(map.type)!;
	if (!handler.mapping) return -ERRNO.ENOTSUPP;
	const held = descriptorOf(system, fd)!;
	// A shared mapping wants a descriptor that may do what the mapping may.
	if (!held.readable || (writable && !held.writable)) return -ERRNO.EACCES;
	if (writable && (map.frozen || (map.flags & MAP_FLAGS.BPF_F_RDONLY_PROG) !== 0)) {
		return map.frozen ? -ERRNO.EPERM : -ERRNO.EACCES;
	}
	const address = handler.mapping(map, offset, length, writable, system.memory);
	if (address < 0) return address;
	hold(system, "map", id);
	if (writable) map.writers++;
	return address;
}

export function unmapMemory(system: System, map: MapState, writable: boolean): void {
	if (writable) map.writers--;
	drop(system, "map", map.id);
}
