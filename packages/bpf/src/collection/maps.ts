import { LinkError, SyscallError } from "#base";
import type { Kernel } from "#kernel";
import { BPFFS, BpfMap, type Fd, type MapBlueprint } from "#live";
import type { CollectionSpec, MapSpec, VariableSpec } from "#spec";
import type { MapType } from "#uapi";
import type { LoadOptions, VariableValue } from "./options.ts";
import { pinnedMap } from "./pinning.ts";

/** Map types that the kernel does not want BTF for. */
// biome-ignore format: table
const WITHOUT_BTF: ReadonlySet<MapType> = new Set([
	"perf_event_array", "cgroup_array", "stack_trace", "array_of_maps", "hash_of_maps", "devmap", "devmap_hash", "cpumap",
	"xskmap", "sockmap", "sockhash", "queue", "stack", "arena", "prog_array", "ringbuf", "user_ringbuf",
] as const);

/**
 * One map of a spec: the one that is pinned under its name where the spec says so and there is one, else a new one. `onUndo`
 * takes what must be done to the bpffs if loading fails later.
 */
export function openMap(
	kernel: Kernel,
	spec: CollectionSpec,
	map: MapSpec,
	btf: Fd | undefined,
	options: LoadOptions,
	onUndo: (undo: () => void) => void,
): BpfMap {
	const create = () => createMap(kernel, spec, map, btf, options);
	if (map.pinning === "none") return create();
	const wanted = { maxEntries: entriesOf(kernel, map, options.maxEntries?.[map.name]) };
	const pinned = pinnedMap(kernel, map, options.pinPath ?? BPFFS, wanted, create);
	onUndo(pinned.undo);
	return pinned.map;
}

/** Creates one map of a spec, fills it and freezes it where the spec says so. */
function createMap(
	kernel: Kernel,
	spec: CollectionSpec,
	map: MapSpec,
	btf: Fd | undefined,
	options: LoadOptions,
): BpfMap {
	const inner = map.innerMap && createBare(kernel, map.innerMap, undefined, undefined, options);
	let live: BpfMap;
	try {
		live = createBare(kernel, map, btf, inner?.fd.number, options);
	} finally {
		inner?.close();
	}
	try {
		const contents = contentsOf(spec, map, options.variables ?? {});
		if (contents) live.update(new Uint8Array(map.keySize), contents);
		if (map.frozen) live.freeze();
	} catch (error) {
		live.close();
		throw error;
	}
	return live;
}

function createBare(
	kernel: Kernel,
	map: MapSpec,
	btf: Fd | undefined,
	innerFd: number | undefined,
	options: LoadOptions,
): BpfMap {
	const typed = btf && (map.keyType !== 0 || map.valueType !== 0) && !WITHOUT_BTF.has(map.type);
	const blueprint: MapBlueprint = {
		name: map.name,
		type: map.type,
		keySize: map.keySize,
		valueSize: map.valueSize,
		maxEntries: entriesOf(kernel, map, options.maxEntries?.[map.name]),
		flags: map.flags,
		innerFd,
		numaNode: map.numaNode,
		extra: map.mapExtra,
	};
	if (!typed) return BpfMap.create(kernel, blueprint);
	try {
		return BpfMap.create(kernel, { ...blueprint, btf: { fd: btf.number, key: map.keyType, value: map.valueType } });
	} catch (error) {
		// A kernel that does not take these types for this map: it works without them as well.
		if (error instanceof SyscallError && (error.code === "EINVAL" || error.code === "ENOTSUPP")) {
			return BpfMap.create(kernel, blueprint);
		}
		throw error;
	}
}

function entriesOf(kernel: Kernel, map: MapSpec, wanted: number | undefined): number {
	const entries = wanted ?? map.maxEntries;
	if (map.type === "perf_event_array" && entries === 0) return kernel.possibleCpus;
	if (map.type !== "ringbuf" && map.type !== "user_ringbuf") return entries;
	// The kernel takes powers of two that are whole pages.
	let size = kernel.pageSize;
	while (size < entries) size *= 2;
	return size;
}

/** First bytes of a data section with the given variables written over them; undefined: nothing to write. */
function contentsOf(
	spec: CollectionSpec,
	map: MapSpec,
	values: Readonly<Record<string, VariableValue>>,
): Uint8Array | undefined {
	const mine = Object.entries(values).filter(([name]) => spec.variables.get(name)?.map === map.name);
	if (mine.length === 0) return map.contents;
	const bytes = new Uint8Array(map.valueSize);
	if (map.contents) bytes.set(map.contents);
	for (const [name, value] of mine) {
		const variable = spec.variables.get(name)!;
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
