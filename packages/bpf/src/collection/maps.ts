import { BpfError, LinkError, NotSupportedError, SyscallError } from "#base";
import type { Btf } from "#btf";
import { type Kernel, versionCode } from "#kernel";
import { BPFFS, BpfMap, type Fd, has, type MapBlueprint, type MappedMap } from "#live";
import type { CollectionSpec, MapSpec, VariableSpec } from "#spec";
import { MAP_FLAGS, type MapType } from "#uapi";
import { kconfigContents } from "./kconfig.ts";
import type { LoadOptions, VariableValue } from "./options.ts";
import { pinnedMap } from "./pinning.ts";
import type { KernelStructOps } from "./struct-ops.ts";

/** The map that the reader makes of what an object asks of the kernel's configuration. */
const KCONFIG = ".kconfig";

/** Map types that the kernel does not want BTF for. */
// biome-ignore format: table
const WITHOUT_BTF: ReadonlySet<MapType> = new Set([
	"perf_event_array", "cgroup_array", "stack_trace", "array_of_maps", "hash_of_maps", "devmap", "devmap_hash", "cpumap",
	"xskmap", "sockmap", "sockhash", "queue", "stack", "arena", "prog_array", "ringbuf", "user_ringbuf",
] as const);

/** Map types whose max_entries is none of the object's business. */
// biome-ignore format: table
const WITHOUT_ENTRIES: ReadonlySet<MapType> = new Set([
	"sk_storage", "inode_storage", "task_storage", "cgrp_storage", "cgroup_storage", "percpu_cgroup_storage", "perf_event_array", "ringbuf",
	"user_ringbuf", "struct_ops",
] as const);

/** What maps are made with, beside their spec. */
export interface MapParts {
	readonly spec: CollectionSpec;
	readonly btf: Fd | undefined;
	readonly options: LoadOptions;
	/** Kernel's side of a struct_ops map. */
	structOps(map: MapSpec): KernelStructOps;
	/** Takes what must be done to the bpffs if loading fails later. */
	onUndo(undo: () => void): void;
	/** Takes the memory of an arena. */
	mapped(name: string, memory: MappedMap): void;
}

/**
 * One map of a spec: the one that is pinned under its name where the spec says so and there is one, else a new one. `fresh`:
 * it was made here, so that its first values are to be written.
 */
export function openMap(kernel: Kernel, map: MapSpec, parts: MapParts): { map: BpfMap; fresh: boolean } {
	const { options } = parts;
	let fresh = false;
	const create = () => {
		fresh = true;
		return createMap(kernel, map, parts);
	};
	const given = options.reuse?.get(map.name);
	if (given) return { map: fitting(given, map), fresh };
	if (map.pinning === "none") return { map: create(), fresh };
	const wanted = { maxEntries: entriesOf(kernel, map, options.maxEntries?.[map.name]) };
	const pinned = pinnedMap(kernel, map, options.pinPath ?? BPFFS, wanted, create);
	parts.onUndo(pinned.undo);
	return { map: pinned.map, fresh };
}

/** A map that was given instead of a new one: programs compute with its sizes. @throws LinkError */
function fitting(given: BpfMap, map: MapSpec): BpfMap {
	const rows = [
		["type", given.type, map.type],
		["key_size", given.keySize, map.keySize],
		["value_size", given.valueSize, map.valueSize],
	] as const;
	const wrong = rows.filter(([, there, asked]) => there !== asked);
	if (wrong.length === 0) return given;
	const texts = wrong.map(([what, there, asked]) => `${what} ${there} (the object wants ${asked})`);
	throw new LinkError(`map ${map.name}: the map that is given for it is another: ${texts.join(", ")}`, {
		symbol: map.name,
	});
}

/** Creates one map of a spec, fills it and freezes it where the spec says so. */
function createMap(kernel: Kernel, map: MapSpec, parts: MapParts): BpfMap {
	const inner = map.innerMap && createBare(kernel, map.innerMap, undefined, parts);
	let live: BpfMap;
	try {
		live = createBare(kernel, map, inner?.fd.number, parts);
	} finally {
		inner?.close();
	}
	try {
		if (map.type === "arena") fillArena(live, map, parts);
		else if (map.type !== "struct_ops") {
			const contents = contentsOf(kernel, map, parts);
			if (contents) live.update(new Uint8Array(map.keySize), contents);
		}
		if (map.frozen) freeze(live);
	} catch (error) {
		live.close();
		throw error;
	}
	return live;
}

/** The verifier wants to know where an arena is in user space: its map_extra says so, or the mapping that is kept. */
function fillArena(live: BpfMap, map: MapSpec, parts: MapParts): void {
	if (map.mapExtra && !map.contents) return;
	const mapped = live.mmap();
	if (map.contents) mapped.bytes.set(map.contents);
	parts.mapped(map.name, mapped);
}

/** Kernels before 5.2 cannot freeze: the contents are as constant as the object's author is honest. */
function freeze(live: BpfMap): void {
	try {
		live.freeze();
	} catch (error) {
		if (!(error instanceof SyscallError && error.code === "EINVAL")) throw error;
	}
}

function createBare(kernel: Kernel, map: MapSpec, innerFd: number | undefined, parts: MapParts): BpfMap {
	const { btf, options } = parts;
	const inner = parts.spec.maps.get(map.name) !== map;
	const typed = btf && !inner && (map.keyType !== 0 || map.valueType !== 0) && !WITHOUT_BTF.has(map.type);
	const maxEntries = entriesOf(kernel, map, options.maxEntries?.[map.name]);
	if (maxEntries === 0 && !WITHOUT_ENTRIES.has(map.type))
		throw new BpfError(
			"ERR_MAP_SIZE",
			`map ${map.name} (${map.type}): the object leaves max_entries open, for its user half to set; give it (option maxEntries)`,
		);
	const blueprint: MapBlueprint = {
		name: options.mapName?.(map.name) ?? map.name,
		type: map.type,
		keySize: map.keySize,
		valueSize: map.valueSize,
		maxEntries,
		flags: map.flags,
		innerFd,
		numaNode: map.numaNode,
		extra: map.mapExtra,
	};
	if (map.type === "struct_ops") {
		const { value, valueSize } = parts.structOps(map);
		const flags = map.flags | (value.module ? MAP_FLAGS.BPF_F_VTYPE_BTF_OBJ_FD : 0);
		const kernelValue = { type: value.id, ...(value.module ? { btfFd: value.module.fd.number } : {}) };
		// The object's BTF has no say in it, but the kernel wants to see some.
		const own = btf && { fd: btf.number, key: 0, value: 0 };
		try {
			return BpfMap.create(kernel, { ...blueprint, valueSize, flags, kernelValue, btf: own });
		} catch (error) {
			const early = map.structOps?.link && versionCode(kernel.release) < versionCode("6.4");
			if (!early || !(error instanceof SyscallError) || error.code !== "EINVAL") throw error;
			throw new NotSupportedError(
				`struct_ops map ${map.name}`,
				`this kernel ${kernel.release} knows no tables that links register (.struct_ops.link)`,
				"6.4",
			);
		}
	}
	if (typed)
		try {
			return BpfMap.create(kernel, { ...blueprint, btf: { fd: btf.number, key: map.keyType, value: map.valueType } });
		} catch (error) {
			// A kernel that does not take these types for this map: it works without them as well.
			if (!(error instanceof SyscallError && (error.code === "EINVAL" || error.code === "ENOTSUPP"))) throw error;
		}
	// Sections of variables are mapped where the kernel can (5.5); they work without.
	const section = map.contents !== undefined || map.name.startsWith(".");
	const older = section && (map.flags & MAP_FLAGS.BPF_F_MMAPABLE) !== 0 && !has(kernel, "mmapable");
	return BpfMap.create(kernel, older ? { ...blueprint, flags: map.flags & ~MAP_FLAGS.BPF_F_MMAPABLE } : blueprint);
}

function entriesOf(kernel: Kernel, map: MapSpec, wanted: number | undefined): number {
	const entries = wanted ?? map.maxEntries;
	if (map.type === "perf_event_array" && entries === 0) return kernel.possibleCpus;
	if (map.type !== "ringbuf" && map.type !== "user_ringbuf") return entries;
	// The kernel takes powers of two that are whole pages.
	let size = kernel.pageSize;
	while (size < entries) size *= 2;
	// More than 32 bits hold is the kernel's to refuse.
	return size > 0x8000_0000 ? entries : size;
}

/**
 * Puts maps and programs into the maps that hold them from the start. What is not loaded stays out.
 * @returns what was left out, in words
 */
export function fillValues(
	spec: CollectionSpec,
	kind: "map" | "program",
	maps: ReadonlyMap<string, BpfMap>,
	fresh: ReadonlySet<string>,
	fdOf: (name: string) => Fd | undefined,
): string[] {
	const left: string[] = [];
	for (const [name, map] of spec.maps) {
		const live = maps.get(name);
		if (!live || !fresh.has(name)) continue;
		for (const value of map.values ?? []) {
			if (value.kind !== kind) continue;
			const fd = fdOf(value.name);
			if (!fd) {
				left.push(`map ${name}: slot ${value.index} stays empty, ${value.name} is not loaded`);
				continue;
			}
			const key = new Uint8Array(live.keySize);
			new DataView(key.buffer).setUint32(0, value.index, true);
			live.put(key, fd);
		}
	}
	return left;
}

/** First bytes of a data section with the given variables written over them; undefined: nothing to write. */
function contentsOf(kernel: Kernel, map: MapSpec, { spec, options }: MapParts): Uint8Array | undefined {
	const values = options.variables ?? {};
	const first = map.name === KCONFIG ? kconfigContents(kernel, spec, options, map.valueSize) : map.contents;
	const mine = Object.entries(values).filter(([name]) => spec.variables.get(name)?.map === map.name);
	if (mine.length === 0) return first;
	const bytes = new Uint8Array(map.valueSize);
	if (first) bytes.set(first);
	for (const [name, value] of mine) {
		const variable = spec.variables.get(name)!;
		if (typeof value === "string" && variable.type !== 0 && spec.btf && !holdsText(spec.btf, variable.type))
			throw new RangeError(`variable ${name} is no array of characters: "${value}" is text`);
		bytes.set(valueBytes(variable, value), variable.offset);
	}
	return bytes;
}

/** Every named variable must be in the object. @throws LinkError */
export function checkVariables(spec: CollectionSpec, values: Readonly<Record<string, VariableValue>>): void {
	for (const name of Object.keys(values)) {
		if (!spec.variables.has(name)) {
			throw new LinkError(
				`${spec.name} has no variable ${name}; there are: ${[...spec.variables.keys()].join(", ") || "none"}`,
				{
					symbol: name,
				},
			);
		}
	}
}

function holdsText(btf: Btf, type: number): boolean {
	const array = btf.type(btf.resolve(type));
	if (array.kind !== "array") return false;
	const element = btf.type(btf.resolve(array.type));
	return element.kind === "int" && element.size === 1;
}

/** A value as bytes of the variable's size, little-endian. @throws RangeError where it does not fit */
function valueBytes(variable: VariableSpec, value: VariableValue): Uint8Array {
	const { name, size } = variable;
	const bytes = new Uint8Array(size);
	if (typeof value === "string" || value instanceof Uint8Array) {
		const given = typeof value === "string" ? new TextEncoder().encode(value) : value;
		if (given.length > size) throw new RangeError(`variable ${name} has ${size} bytes, the value ${given.length}`);
		bytes.set(given);
		return bytes;
	}
	if (typeof value === "number" && !Number.isInteger(value)) {
		throw new RangeError(`variable ${name} is an integer of ${size} bytes: ${value} does not fit`);
	}
	const number = BigInt(value);
	const bits = BigInt(size * 8);
	if (size > 8 || number >= 1n << bits || number < -(1n << (bits - 1n))) {
		throw new RangeError(`variable ${name} has ${size} bytes: ${value} does not fit`);
	}
	for (let i = 0, rest = BigInt.asUintN(Number(bits), number); i < size; i++, rest >>= 8n)
		bytes[i] = Number(rest & 255n);
	return bytes;
}
