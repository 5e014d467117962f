import { BpfError } from "#base";
import { type Btf, readValue, recordDecoder, type Value, writeValue } from "#btf";
import type { BatchResult, ChunkOptions } from "./batch.ts";
import { btfOf } from "./kernel-btf.ts";
import { lpmKey } from "./lpm.ts";
import type { BpfMap, UpdateMode } from "./map.ts";

/** Types of a map's keys and values: ids in `btf`. `key` is 0 for maps without keys. */
export interface MapTypes {
	readonly btf: Btf;
	readonly key: number;
	readonly value: number;
}

/**
 * A map whose keys and values are plain values by its types: structs are objects, 64-bit integers bigint, text strings. A
 * per-CPU map's value is an array with one a possible CPU. The map stays the caller's.
 */
export class TypedMap<K = Value, V = Value> {
	readonly map: BpfMap;
	readonly types: MapTypes;
	/** Made when much is read. */
	#read: { readonly key: Reader; readonly value: Reader } | undefined;

	/** @throws RangeError where the types' sizes are not the map's */
	constructor(map: BpfMap, types: MapTypes) {
		this.map = map;
		this.types = types;
		const rows = [
			["key", map.keySize],
			["value", map.valueSize],
		] as const;
		for (const [what, size] of rows) {
			const has = types[what] === 0 ? 0 : types.btf.sizeOf(types[what]);
			if (has !== size) throw new RangeError(`map ${map.name}: its ${what}s have ${size} bytes, the type ${has}`);
		}
	}

	/**
	 * A map with the types that the kernel knows of it, or with `types`. @throws BpfError ERR_NO_BTF where it knows none: maps
	 * made without BTF, and queues, stacks and others that take none
	 */
	static of<K = Value, V = Value>(map: BpfMap, types?: MapTypes): TypedMap<K, V> {
		if (types) return new TypedMap(map, types);
		const info = map.info();
		const btf = btfOf(map.kernel, info.btf_id, `map ${map.name} (${map.type})`);
		return new TypedMap(map, { btf, key: info.btf_key_type_id, value: info.btf_value_type_id });
	}

	lookup(key: K): V | undefined {
		const bytes = this.map.lookup(this.#key(key));
		return bytes && this.#valueOf(bytes);
	}

	/**
	 * The CPUs' values added up: numbers, and those in arrays and structs. 64 bits wrap as the kernel's do.
	 * @throws TypeError where the map is not per-CPU, or has values that are no numbers
	 */
	sum(key: K): Value | undefined {
		if (!this.map.perCpu)
			throw new TypeError(`map ${this.map.name} (${this.map.type}) has one value a key: nothing to sum`);
		const bytes = this.map.lookup(this.#key(key));
		return bytes && this.#sumOf(bytes);
	}

	/** False: `create` found the key, or `exist` did not. */
	update(key: K, value: V, mode: UpdateMode = "any"): boolean {
		return this.map.update(this.#key(key), this.#value(value), mode);
	}

	/** Per-CPU maps: the same value for every CPU. */
	updateAll(key: K, value: Value, mode: UpdateMode = "any"): boolean {
		const one = this.#one(value);
		return this.map.update(
			this.#key(key),
			Array.from({ length: this.map.kernel.possibleCpus }, () => one),
			mode,
		);
	}

	/** False where the key is missing. */
	delete(key: K): boolean {
		return this.map.delete(this.#key(key));
	}

	/** The value, which leaves the map. */
	lookupAndDelete(key: K): V | undefined {
		const bytes = this.map.lookupAndDelete(this.#key(key));
		return bytes && this.#valueOf(bytes);
	}

	/** The key after `key`, the first without one; undefined at the end. */
	nextKey(key?: K): K | undefined {
		const bytes = this.map.nextKey(key === undefined ? undefined : this.#key(key));
		return bytes && this.#keyOf(bytes, 0);
	}

	*keys(): Generator<K, void, undefined> {
		for (const key of this.map.keys()) yield this.#keyOf(key, 0);
	}

	/** Every entry, read in batches. With `take` entries leave the map. */
	*entries(options: ChunkOptions = {}): Generator<[key: K, value: V], void, undefined> {
		const { keySize, valueBytes, perCpu } = this.map;
		this.#read ??= { key: reader(this.types.btf, this.types.key), value: reader(this.types.btf, this.types.value) };
		const { key, value } = this.#read;
		for (const { keys, values, count } of this.map.chunks(options)) {
			const keyView = view(keys);
			const valueView = view(values);
			for (let i = 0; i < count; i++) {
				const at = i * valueBytes;
				const whole = perCpu ? this.#perCpu(valueView, at) : value(valueView, at);
				yield [key(keyView, i * keySize) as K, whole as V];
			}
		}
	}

	/** Every key with its CPUs' values added up. @throws TypeError as `sum` */
	*sums(options: ChunkOptions = {}): Generator<[key: K, value: Value], void, undefined> {
		const { keySize, valueBytes } = this.map;
		for (const { keys, values, count } of this.map.chunks(options)) {
			for (let i = 0; i < count; i++) {
				yield [this.#keyOf(keys, i * keySize), this.#sumOf(values.subarray(i * valueBytes, (i + 1) * valueBytes))];
			}
		}
	}

	/** Writes many entries at once. The result says which way it went. */
	updateMany(entries: Iterable<readonly [key: K, value: V]>): BatchResult {
		const all = [...entries];
		const { keySize, valueBytes } = this.map;
		const keys = new Uint8Array(all.length * keySize);
		const values = new Uint8Array(all.length * valueBytes);
		for (const [i, [key, value]] of all.entries()) {
			keys.set(this.#key(key), i * keySize);
			values.set(this.#value(value), i * valueBytes);
		}
		return this.map.updateMany(keys, values);
	}

	/** Deletes many keys at once. */
	deleteMany(keys: Iterable<K>): BatchResult {
		const all = [...keys];
		const bytes = new Uint8Array(all.length * this.map.keySize);
		for (const [i, key] of all.entries()) bytes.set(this.#key(key), i * this.map.keySize);
		return this.map.deleteMany(bytes);
	}

	/** Queue or stack: false where it is full. Bloom filter: adds. */
	push(value: V): boolean {
		return this.map.push(this.#value(value));
	}

	/** Queue or stack: takes out the next. */
	pop(): V | undefined {
		const bytes = this.map.pop();
		return bytes && this.#valueOf(bytes);
	}

	/** Queue or stack: looks at the next. */
	peek(): V | undefined {
		const bytes = this.map.peek();
		return bytes && this.#valueOf(bytes);
	}

	/** Bloom filter: false where the value was surely never pushed. */
	contains(value: V): boolean {
		return this.map.contains(this.#value(value));
	}

	/** A key as bytes. Keys of prefix tries may be given as text: `10.0.0.0/8`. */
	#key(key: K): Uint8Array {
		const { map, types } = this;
		if (map.type === "lpm_trie" && typeof key === "string") return lpmKey(key, map.keySize);
		if (types.key === 0) throw new TypeError(`map ${map.name} (${map.type}) has no keys`);
		const bytes = new Uint8Array(map.keySize);
		writeValue(types.btf, types.key, view(bytes), 0, key);
		return bytes;
	}

	#keyOf(bytes: Uint8Array, at: number): K {
		return this.#keyAt(view(bytes), at);
	}

	#keyAt(bytes: DataView, at: number): K {
		return readValue(this.types.btf, this.types.key, bytes, at) as K;
	}

	#one(value: unknown): Uint8Array {
		const bytes = new Uint8Array(this.map.valueSize);
		writeValue(this.types.btf, this.types.value, view(bytes), 0, value);
		return bytes;
	}

	#value(value: V): Uint8Array {
		if (!this.map.perCpu) return this.#one(value);
		const cpus = this.map.kernel.possibleCpus;
		if (!Array.isArray(value) || value.length !== cpus) {
			const given = Array.isArray(value) ? `an array of ${value.length}` : typeof value;
			throw new TypeError(`map ${this.map.name} has a value a CPU: it takes an array of ${cpus}, not ${given}`);
		}
		const all = new Uint8Array(this.map.valueBytes);
		for (const [cpu, each] of value.entries()) all.set(this.#one(each), cpu * this.map.stride);
		return all;
	}

	#valueOf(bytes: Uint8Array): V {
		return this.#valueAt(view(bytes), 0);
	}

	#valueAt(bytes: DataView, at: number): V {
		return (this.map.perCpu ? this.#perCpu(bytes, at) : readValue(this.types.btf, this.types.value, bytes, at)) as V;
	}

	#perCpu(bytes: DataView, at: number): Value[] {
		const { btf, value } = this.types;
		const { stride } = this.map;
		return Array.from({ length: this.map.kernel.possibleCpus }, (_, cpu) =>
			readValue(btf, value, bytes, at + cpu * stride),
		);
	}

	#sumOf(bytes: Uint8Array): Value {
		return this.#perCpu(view(bytes), 0).reduce((sum, value) => add(sum, value, this.map.name));
	}
}

type Reader = (view: DataView, offset: number) => Value;

/** Structs are read by code that is made for them. */
function reader(btf: Btf, id: number): Reader {
	const { kind } = btf.type(btf.resolve(id));
	if (kind === "struct" || kind === "union") return recordDecoder(btf, id);
	return (view, offset) => readValue(btf, id, view, offset);
}

function view(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function add(a: Value, b: Value, map: string): Value {
	if (typeof a === "number" && typeof b === "number") return a + b;
	if (typeof a === "bigint" && typeof b === "bigint") return BigInt.asUintN(64, a + b) === a + b ? a + b : wrap(a, b);
	if (Array.isArray(a) && Array.isArray(b)) return a.map((each, i) => add(each, b[i]!, map));
	if (typeof a === "object" && typeof b === "object" && !Array.isArray(a) && !Array.isArray(b)) {
		return Object.fromEntries(Object.entries(a).map(([name, each]) => [name, add(each, b[name]!, map)]));
	}
	throw new TypeError(`map ${map}: values with ${typeof a} in them cannot be added up`);
}

/** Sums beyond 64 bits, and negative ones: which of both it is shows in the operands. */
function wrap(a: bigint, b: bigint): bigint {
	return a < 0n || b < 0n ? BigInt.asIntN(64, a + b) : BigInt.asUintN(64, a + b);
}

/** @throws BpfError ERR_NO_BTF */
export function mapTypes(map: BpfMap): MapTypes {
	const { btf_id, btf_key_type_id: key, btf_value_type_id: value } = map.info();
	if (value === 0) throw new BpfError("ERR_NO_BTF", `map ${map.name} (${map.type}) has no types`);
	return { btf: btfOf(map.kernel, btf_id, `map ${map.name}`), key, value };
}
