import { BpfError, NotSupportedError } from "#base";
import { ERRNO, type Kernel, type MapInfo, type Mapping } from "#kernel";
import { MAP_FLAGS, MAP_TYPES, type MapType, UPDATE_FLAGS } from "#uapi";
import { type BatchResult, type ChunkOptions, chunks, deleteMany, type MapChunk, updateMany } from "./batch.ts";
import { Fd } from "./fd.ts";
import { type Access, accessFlags } from "./ids.ts";
import { objectName } from "./name.ts";
import { openPin, pin } from "./pins.ts";
import { check, refuse, refuseTooNew } from "./refusal.ts";
import { Walk } from "./walk.ts";

/** What MAP_CREATE is asked; sizes in bytes. */
export interface MapBlueprint {
	readonly name: string;
	readonly type: MapType;
	readonly keySize: number;
	readonly valueSize: number;
	readonly maxEntries: number;
	/** BPF_F_… of map creation. */
	readonly flags?: number;
	/** BTF that key and value types are ids of. */
	readonly btf?: { readonly fd: number; readonly key: number; readonly value: number } | undefined;
	/** For array_of_maps and hash_of_maps: a map like those that will be put in. */
	readonly innerFd?: number | undefined;
	readonly numaNode?: number | undefined;
	readonly extra?: bigint | undefined;
	/** struct_ops: type of the value in the kernel's BTF, or in that of a module. */
	readonly kernelValue?: { readonly type: number; readonly btfFd?: number } | undefined;
	/** A token (`createToken`) by which a process in a user namespace may make it. */
	readonly token?: Fd | undefined;
}

/** `any`: insert or replace; `create`: only where the key is missing; `exist`: only where it is there. */
export type UpdateMode = "any" | "create" | "exist";

const MODES: Readonly<Record<UpdateMode, number>> = {
	any: UPDATE_FLAGS.BPF_ANY,
	create: UPDATE_FLAGS.BPF_NOEXIST,
	exist: UPDATE_FLAGS.BPF_EXIST,
};

const TYPE_NAMES: ReadonlyMap<number, MapType> = new Map(
	Object.entries(MAP_TYPES).map(([name, row]) => [row.value as number, name as MapType]),
);

// biome-ignore format: table
const PER_CPU: ReadonlySet<MapType> = new Set(["percpu_hash", "percpu_array", "lru_percpu_hash", "percpu_cgroup_storage"] as const);
/** Their values are fds on the way in and ids on the way out: 4 bytes. */
// biome-ignore format: table
const FD_VALUED: ReadonlySet<MapType> = new Set(["prog_array", "perf_event_array", "cgroup_array", "array_of_maps", "hash_of_maps"] as const);
/** A mapped array: the values themselves, `stride` bytes apart. Touch `bytes` only until `close()`. */
export class MappedMap implements Disposable {
	readonly stride: number;
	readonly writable: boolean;
	#mapping: Mapping | undefined;
	#length: number;

	constructor(mapping: Mapping, length: number, stride: number, writable: boolean) {
		this.#mapping = mapping;
		this.#length = length;
		this.stride = stride;
		this.writable = writable;
	}

	/** The whole memory. Writing to one that is not `writable` kills the process, so do not. @throws BpfError ERR_CLOSED after `close()` */
	get bytes(): Uint8Array {
		return new Uint8Array(this.buffer, this.#mapping?.offset ?? 0, this.#length);
	}

	/** Where the first byte is in user space, which pointers in an arena count from; undefined on kernels without such. */
	get address(): number | undefined {
		return this.#mapping?.address;
	}

	get buffer(): ArrayBufferLike {
		if (!this.#mapping) throw new BpfError("ERR_CLOSED", "the mapping is closed");
		return this.#mapping.buffer;
	}

	close(): void {
		this.#mapping?.unmap();
		this.#mapping = undefined;
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

/** A live map. Keys and values are bytes in the kernel's byte order; the methods speak the field's words. */
export class BpfMap implements Disposable {
	readonly kernel: Kernel;
	readonly fd: Fd;
	readonly name: string;
	readonly type: MapType;
	readonly keySize: number;
	/** Of one value; a per-CPU map has `possibleCpus` of them. */
	readonly valueSize: number;
	readonly maxEntries: number;
	readonly flags: number;
	/** A value a CPU. */
	readonly perCpu: boolean;
	/** From one CPU's value to the next: `valueSize` rounded up to 8. For other maps `valueSize`. */
	readonly stride: number;
	/** What a lookup fills: `stride × possibleCpus` for per-CPU maps, else `valueSize`. */
	readonly valueBytes: number;

	private constructor(
		fd: Fd,
		map: { name: string; type: MapType; keySize: number; valueSize: number; maxEntries: number; flags: number },
	) {
		this.kernel = fd.kernel;
		this.fd = fd;
		this.name = map.name;
		this.type = map.type;
		this.keySize = map.keySize;
		this.valueSize = FD_VALUED.has(map.type) ? 4 : map.valueSize;
		this.maxEntries = map.maxEntries;
		this.flags = map.flags;
		this.perCpu = PER_CPU.has(map.type);
		this.stride = this.perCpu ? (this.valueSize + 7) & ~7 : this.valueSize;
		this.valueBytes = this.perCpu ? this.stride * this.kernel.possibleCpus : this.valueSize;
	}

	/**
	 * Creates a map. Its name is fitted to what the kernel takes. @throws PermissionError, SyscallError; RangeError for a size
	 * that is no number of 32 bits
	 */
	static create(kernel: Kernel, map: MapBlueprint): BpfMap {
		for (const what of ["keySize", "valueSize", "maxEntries"] as const) {
			const size = map[what];
			if (size >>> 0 !== size) throw new RangeError(`map ${map.name}: ${what} is ${size}, not 0 to 4294967295`);
		}
		const result = kernel.bpf("MAP_CREATE", {
			map_type: MAP_TYPES[map.type].value,
			key_size: map.keySize,
			value_size: map.valueSize,
			max_entries: map.maxEntries,
			map_flags: (map.flags ?? 0) | (map.token ? MAP_FLAGS.BPF_F_TOKEN_FD : 0),
			...(map.token ? { map_token_fd: map.token.number } : {}),
			map_name: objectName(map.name),
			...(map.innerFd === undefined ? {} : { inner_map_fd: map.innerFd }),
			...(map.numaNode === undefined ? {} : { numa_node: map.numaNode }),
			...(map.extra === undefined ? {} : { map_extra: map.extra }),
			...(map.btf === undefined
				? {}
				: { btf_fd: map.btf.fd, btf_key_type_id: map.btf.key, btf_value_type_id: map.btf.value }),
			...(map.kernelValue === undefined ? {} : { btf_vmlinux_value_type_id: map.kernelValue.type }),
			...(map.kernelValue?.btfFd === undefined ? {} : { value_type_btf_obj_fd: map.kernelValue.btfFd }),
		});
		const what = `create map ${map.name} (${map.type}, ${map.maxEntries} entries)`;
		refuseTooNew(kernel, result, what, `map type ${map.type}`, MAP_TYPES[map.type].since);
		check(kernel, result, what, "MAP_CREATE");
		return new BpfMap(new Fd(kernel, result, `map ${map.name}`), { ...map, flags: map.flags ?? 0 });
	}

	/** Takes ownership of a map's descriptor, also where it throws, and asks the kernel what it is. */
	static fromFd(kernel: Kernel, number: number): BpfMap {
		return Fd.adopt(kernel, number, () => {
			const info = mapInfo(kernel, number, `map fd ${number}`);
			const type = TYPE_NAMES.get(info.type);
			if (!type) throw new NotSupportedError(`map type ${info.type}`, "skep does not know it");
			return new BpfMap(new Fd(kernel, number, `map ${info.name}`), {
				name: info.name,
				type,
				keySize: info.key_size,
				valueSize: info.value_size,
				maxEntries: info.max_entries,
				flags: info.map_flags,
			});
		});
	}

	/** Opens a map by its id. `access`: for reading or writing only. */
	static byId(kernel: Kernel, id: number, access?: Access): BpfMap {
		const attr = { id, ...(access ? { open_flags: accessFlags(access) } : {}) };
		const result = check(kernel, kernel.bpf("MAP_GET_FD_BY_ID", attr), `open map ${id}`, "MAP_GET_FD_BY_ID");
		return BpfMap.fromFd(kernel, result);
	}

	/** Opens a pinned map; undefined where nothing is pinned. `access`: for reading or writing only. @throws BpfError ERR_NO_BPFFS, ERR_PIN_KIND; PermissionError */
	static fromPin(kernel: Kernel, path: string, access?: Access): BpfMap | undefined {
		const number = openPin(kernel, path, "map", access);
		return number === undefined ? undefined : BpfMap.fromFd(kernel, number);
	}

	/** The value of `key` as new bytes (all CPUs' values for a per-CPU map); undefined where there is none. */
	lookup(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
		const value = new Uint8Array(this.valueBytes);
		return this.lookupInto(key, value) ? value : undefined;
	}

	/** Fills `value` (`valueBytes` long); false where the key is missing. The cheap form. */
	lookupInto(key: Uint8Array, value: Uint8Array): boolean {
		this.#fits(key, value);
		const result = this.kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: this.fd.number, key, value });
		if (result === 0) return true;
		if (result === -ERRNO.ENOENT) return false;
		throw this.#refusal(result, "look up in", "MAP_LOOKUP_ELEM");
	}

	/** One view a CPU of the value of `key`. @throws TypeError where the map is not per-CPU */
	lookupPerCpu(key: Uint8Array): Uint8Array<ArrayBuffer>[] | undefined {
		if (!this.perCpu) throw new TypeError(`map ${this.name} (${this.type}) has one value a key, not one a CPU`);
		const all = this.lookup(key);
		return all && this.split(all);
	}

	/** The values of a per-CPU lookup, one view a CPU. */
	split(all: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
		return Array.from({ length: this.perCpu ? this.kernel.possibleCpus : 1 }, (_, cpu) =>
			all.subarray(cpu * this.stride, cpu * this.stride + this.valueSize),
		);
	}

	/**
	 * Writes a value; for a per-CPU map bytes of all CPUs (`valueBytes`) or an array with one a CPU. False: `create` found
	 * the key, or `exist` did not. @throws SyscallError E2BIG where the map is full, EPERM where it is frozen
	 */
	update(key: Uint8Array, value: Uint8Array | readonly Uint8Array[], mode: UpdateMode = "any"): boolean {
		const bytes = value instanceof Uint8Array ? value : this.#joined(value);
		this.#fits(key, bytes);
		const result = this.kernel.bpf("MAP_UPDATE_ELEM", {
			map_fd: this.fd.number,
			key,
			value: bytes,
			flags: MODES[mode],
		});
		if (result === 0) return true;
		if (mode === "create" && result === -ERRNO.EEXIST) return false;
		if (mode === "exist" && result === -ERRNO.ENOENT) return false;
		throw this.#refusal(result, "update", "MAP_UPDATE_ELEM");
	}

	/** False where the key is missing. */
	delete(key: Uint8Array): boolean {
		this.#fits(key);
		const result = this.kernel.bpf("MAP_DELETE_ELEM", { map_fd: this.fd.number, key });
		if (result === 0) return true;
		if (result === -ERRNO.ENOENT) return false;
		throw this.#refusal(result, "delete from", "MAP_DELETE_ELEM");
	}

	/** Takes the value out (queues and stacks: without a key). Undefined where there is none. */
	lookupAndDelete(key?: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
		const value = new Uint8Array(this.valueBytes);
		this.#fits(key, value);
		const result = this.kernel.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd: this.fd.number, key, value });
		if (result === 0) return value;
		if (result === -ERRNO.ENOENT) return undefined;
		if (key && (result === -ERRNO.ENOTSUPP || result === -ERRNO.EINVAL || result === -ERRNO.EOPNOTSUPP)) {
			// Hash maps learned it in 5.14: two steps instead, which is not atomic but all that older kernels have.
			const found = this.lookup(key);
			return found && this.delete(key) ? found : undefined;
		}
		throw this.#refusal(result, "take from", "MAP_LOOKUP_AND_DELETE_ELEM");
	}

	/** Queue or stack: takes out the next value; undefined where it is empty. */
	pop(): Uint8Array<ArrayBuffer> | undefined {
		return this.lookupAndDelete();
	}

	/** Queue or stack: the value that `pop` would take; it stays. */
	peek(): Uint8Array<ArrayBuffer> | undefined {
		const value = new Uint8Array(this.valueBytes);
		this.#fits(undefined, value);
		const result = this.kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: this.fd.number, value });
		if (result === 0) return value;
		if (result === -ERRNO.ENOENT) return undefined;
		throw this.#refusal(result, "look into", "MAP_LOOKUP_ELEM");
	}

	/** Bloom filter: false where `value` was surely never pushed. @throws TypeError for other maps */
	contains(value: Uint8Array): boolean {
		if (this.type !== "bloom_filter") throw new TypeError(`map ${this.name} (${this.type}) is no bloom filter`);
		this.#fits(undefined, value);
		const result = this.kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: this.fd.number, value });
		if (result === 0 || result === -ERRNO.ENOENT) return result === 0;
		throw this.#refusal(result, "ask", "MAP_LOOKUP_ELEM");
	}

	/**
	 * Puts an object into a map of such: a program into a prog_array, a map into a map of maps, a socket into a sockmap, a cgroup
	 * into a cgroup_array, a perf event … `object` is its descriptor, or what owns one. The map holds it from now on.
	 */
	put(key: Uint8Array, object: { readonly fd: Fd } | Fd | number, mode: UpdateMode = "any"): boolean {
		const fd = typeof object === "number" ? object : object instanceof Fd ? object.number : object.fd.number;
		// The first 32 bits, whatever follows them: sockmaps may have values of 8 bytes.
		const value = new Uint8Array(this.valueBytes);
		new DataView(value.buffer).setUint32(0, fd, true);
		return this.update(key, value, mode);
	}

	/** Id of the program or map that stands in a prog_array or map of maps; undefined where there is none. */
	idAt(key: Uint8Array): number | undefined {
		if (!FD_VALUED.has(this.type)) throw new TypeError(`map ${this.name} (${this.type}) holds no objects`);
		const value = this.lookup(key);
		return value && new DataView(value.buffer).getUint32(0, true);
	}

	/** Queue or stack: adds at the end. False: full. Bloom filter: adds. */
	push(value: Uint8Array): boolean {
		this.#fits(undefined, value);
		const result = this.kernel.bpf("MAP_UPDATE_ELEM", { map_fd: this.fd.number, value });
		if (result === 0) return true;
		if (result === -ERRNO.E2BIG) return false;
		throw this.#refusal(result, "push to", "MAP_UPDATE_ELEM");
	}

	/** The key after `key`, the first without one; undefined at the end. A key that is gone starts anew. */
	nextKey(key?: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
		if (key) this.#fits(key);
		const next = new Uint8Array(this.keySize);
		const result = this.kernel.bpf("MAP_GET_NEXT_KEY", { map_fd: this.fd.number, key, next_key: next });
		if (result === 0) return next;
		if (result === -ERRNO.ENOENT) return undefined;
		throw this.#refusal(result, "walk", "MAP_GET_NEXT_KEY");
	}

	/** Every key, each in bytes of its own; the one that was just given may be deleted. Ends even if others change the map meanwhile. */
	keys(): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
		return new Walk(this).keys();
	}

	/** Every entry that is there when it is read; by batches where the kernel has them for this type, else key by key. */
	*entries(
		options: ChunkOptions = {},
	): Generator<[key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>], void, undefined> {
		for (const { keys, values, count } of chunks(this, options)) {
			for (let i = 0; i < count; i++) {
				yield [
					keys.slice(i * this.keySize, (i + 1) * this.keySize),
					values.slice(i * this.valueBytes, (i + 1) * this.valueBytes),
				];
			}
		}
	}

	/**
	 * All of the map, part by part, in constant memory: the cheapest way to read much. A part's bytes are overwritten by the
	 * next. With `take`, entries leave the map as they are read. Each part says whether the kernel's batches gave it.
	 */
	chunks(options: ChunkOptions = {}): Generator<MapChunk, void, undefined> {
		return chunks(this, options);
	}

	/**
	 * Writes many entries; keys and values one after another. By batches where the kernel has them, else one by one: the result
	 * says which. @throws SyscallError, whose message says how far it came; RangeError
	 */
	updateMany(keys: Uint8Array, values: Uint8Array): BatchResult {
		const count = this.#count(keys);
		if (values.length !== count * this.valueBytes) {
			const sizes = `${keys.length} bytes of keys (${this.keySize} each), ${values.length} of values (${this.valueBytes} each)`;
			throw new RangeError(`map ${this.name}: keys and values do not belong together: ${sizes}`);
		}
		return updateMany(this, keys, values, count);
	}

	/** Deletes many keys that stand one after another; `count` of the result says how many were there. */
	deleteMany(keys: Uint8Array): BatchResult {
		return deleteMany(this, keys, this.#count(keys));
	}

	#count(keys: Uint8Array): number {
		const count = this.keySize === 0 ? Number.NaN : keys.length / this.keySize;
		if (Number.isInteger(count)) return count;
		throw new RangeError(`map ${this.name}: ${keys.length} bytes are not keys of ${this.keySize} bytes each`);
	}

	/**
	 * Maps an array created with BPF_F_MMAPABLE (reading a value costs nanoseconds), or an arena (writable, whole, where its
	 * map_extra says, `stride` bytes a page). Of an arena, touching a page that no program allocated allocates it, or, with
	 * BPF_F_SEGV_ON_FAULT, kills the process. @throws TypeError for other maps; SyscallError
	 */
	mmap(writable: boolean = this.type === "arena"): MappedMap {
		const arena = this.type === "arena";
		if (!arena && (this.type !== "array" || !(this.flags & MAP_FLAGS.BPF_F_MMAPABLE))) {
			throw new TypeError(`map ${this.name} (${this.type}) cannot be mapped: it wants type array and BPF_F_MMAPABLE`);
		}
		const stride = arena ? this.kernel.pageSize : (this.valueSize + 7) & ~7;
		const length = stride * this.maxEntries;
		const address = arena ? Number(this.info().map_extra) : 0;
		const mapping = this.kernel.mmap(this.fd.number, 0, length, writable, address);
		if (typeof mapping === "number") {
			throw refuse(this.kernel, { syscall: "mmap", errno: -mapping, what: `map the memory of ${this.name}` });
		}
		return new MappedMap(mapping, length, stride, writable);
	}

	/** From now on user space cannot write. @throws SyscallError EBUSY while a writable mapping exists */
	freeze(): void {
		const result = this.kernel.bpf("MAP_FREEZE", { map_fd: this.fd.number });
		check(this.kernel, result, `freeze map ${this.name}`, "MAP_FREEZE");
	}

	/** Pins the map at `path` in a bpffs. @throws BpfError ERR_NO_BPFFS, PermissionError, SyscallError */
	pin(path: string): void {
		pin(this.fd, path);
	}

	info(): MapInfo {
		return mapInfo(this.kernel, this.fd.number, `map ${this.name}`);
	}

	close(): void {
		this.fd.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#joined(values: readonly Uint8Array[]): Uint8Array {
		if (!this.perCpu) throw new TypeError(`map ${this.name} (${this.type}) takes one value, not one a CPU`);
		const cpus = this.kernel.possibleCpus;
		if (values.length !== cpus || values.some((value) => value.length !== this.valueSize)) {
			const given = `${values.length} of ${[...new Set(values.map((value) => value.length))].join(", ") || 0} bytes`;
			throw new RangeError(`map ${this.name} takes ${cpus} values of ${this.valueSize} bytes, not ${given}`);
		}
		const all = new Uint8Array(this.valueBytes);
		for (const [cpu, value] of values.entries()) all.set(value, cpu * this.stride);
		return all;
	}

	/** The kernel reads and writes as many bytes as the map says, whatever the buffer's length: so check it here. */
	#fits(key: Uint8Array | undefined, value?: Uint8Array): void {
		const keyLength = key?.length ?? 0;
		if (keyLength !== this.keySize) {
			throw new RangeError(`map ${this.name}: a key has ${this.keySize} bytes, not ${keyLength}`);
		}
		if (value && value.length !== this.valueBytes) {
			throw new RangeError(`map ${this.name}: a value has ${this.valueBytes} bytes, not ${value.length}`);
		}
	}

	#refusal(result: number, verb: string, command: Parameters<typeof check>[3]) {
		return refuse(this.kernel, { syscall: "bpf", command, errno: -result, what: `${verb} map ${this.name}` });
	}
}

function mapInfo(kernel: Kernel, number: number, what: string): MapInfo {
	const info: Partial<MapInfo> = {};
	const result = kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: number, kind: "map", info });
	check(kernel, result, `ask about ${what}`, "OBJ_GET_INFO_BY_FD");
	return info as MapInfo;
}
