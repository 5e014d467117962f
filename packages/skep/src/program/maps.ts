import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { KernelHalfError } from "./errors.ts";
import { bindLate, type MapBinding } from "./session.ts";
import { formatSite, keepSite, type Site, siteOf } from "./site.ts";

const bytesView = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What every map handle has. A binding is looked up by the place of the constructor's call. */
abstract class MapHandle {
	protected readonly bound: () => MapBinding;
	protected readonly word: string;
	constructor(word: string, site: Site) {
		this.word = word;
		this.bound = bindLate(`${word}() of ${formatSite(site)}`, (session) => session.map(site, word));
		keepSite(this, site);
	}
	get fd(): number {
		return this.bound().raw.fd;
	}
	pin(path: string): void {
		this.bound().raw.pin(path);
	}
	/** The run owns the map: nothing to do before its end. */
	[Symbol.dispose](): void {}

	protected keyBytes(key: unknown): Uint8Array {
		return this.bound().key.encode(key);
	}
	protected decodeKey(bytes: Uint8Array): unknown {
		return this.bound().key.decode(bytesView(bytes), 0);
	}
	protected decodeValue(bytes: Uint8Array): unknown {
		return this.bound().value.decode(bytesView(bytes), 0);
	}
	protected kernelHalf(method: string, instead?: string): never {
		throw new KernelHalfError(`${this.word}.${method}()`, instead);
	}
}

class HashHandle extends MapHandle {
	get(key: unknown): unknown {
		const value = this.bound().raw.lookup(this.keyBytes(key));
		return value === undefined ? undefined : this.decodeValue(value);
	}
	set(key: unknown, value: unknown, mode: "any" | "noexist" | "exist" = "any"): number {
		return this.bound().raw.update(this.keyBytes(key), this.bound().value.encode(value), mode);
	}
	delete(key: unknown): number {
		return this.bound().raw.delete(this.keyBytes(key));
	}
	take(key: unknown): unknown {
		const value = this.get(key);
		if (value !== undefined) this.delete(key);
		return value;
	}
	entries(): [unknown, unknown][] {
		return this.bound()
			.raw.entries()
			.map(([key, value]) => [this.decodeKey(key), this.decodeValue(value)]);
	}
	keys(): unknown[] {
		return this.bound()
			.raw.keys()
			.map((key) => this.decodeKey(key));
	}
	*[Symbol.iterator](): Iterator<[unknown, unknown]> {
		for (const [key, value] of this.bound().raw.entries()) yield [this.decodeKey(key), this.decodeValue(value)];
	}
	clear(): void {
		const { raw } = this.bound();
		for (const key of raw.keys()) raw.delete(key);
	}
	get size(): number {
		return this.bound().raw.keys().length;
	}
	ref(_key: unknown): never {
		return this.kernelHalf("ref", "use get() and set()");
	}
	refOrInsert(_key: unknown, _value: unknown): never {
		return this.kernelHalf("refOrInsert", "use get() and set()");
	}
	add(_key: unknown, _n: unknown): never {
		return this.kernelHalf("add", "use get() and set(), which are not atomic together");
	}
}

class ArrayHandle extends HashHandle {
	get length(): number {
		return this.bound().length;
	}
}

class PerCpuHandle extends MapHandle {
	cpus(key: unknown): unknown[] | undefined {
		return this.bound()
			.raw.lookupCpus(this.keyBytes(key))
			?.map((value) => this.decodeValue(value));
	}
	sum(key: unknown): unknown {
		const values = this.cpus(key);
		return values === undefined ? undefined : total(values);
	}
	/** The same value on every CPU. */
	set(key: unknown, value: unknown): number {
		return this.bound().raw.updateCpus(this.keyBytes(key), this.bound().value.encode(value));
	}
	delete(key: unknown): number {
		return this.bound().raw.delete(this.keyBytes(key));
	}
	entries(): [unknown, unknown[]][] {
		return this.bound()
			.raw.entriesCpus()
			.map(([key, values]) => [this.decodeKey(key), values.map((value) => this.decodeValue(value))]);
	}
	sums(): [unknown, unknown][] {
		return this.entries().map(([key, values]) => [key, total(values)]);
	}
	ref(_key: unknown): never {
		return this.kernelHalf("ref", "use cpus()");
	}
	refOrInsert(_key: unknown, _value: unknown): never {
		return this.kernelHalf("refOrInsert", "use set()");
	}
	refOn(_cpu: unknown, _key: unknown): never {
		return this.kernelHalf("refOn", "use cpus()");
	}
	add(_key: unknown, _n: unknown): never {
		return this.kernelHalf("add");
	}
}

/**
 * Total over CPUs: numbers are added, structs member by member, arrays element by element; what cannot be added (text,
 * flags) is the first CPU's.
 */
export function total(values: readonly unknown[]): unknown {
	const [first] = values;
	if (typeof first === "bigint") return (values as readonly bigint[]).reduce((a, b) => a + b, 0n);
	if (typeof first === "number") return (values as readonly number[]).reduce((a, b) => a + b, 0);
	if (Array.isArray(first)) return first.map((_, i) => total((values as readonly unknown[][]).map((v) => v[i])));
	if (typeof first === "object" && first !== null) {
		const members = values as readonly Readonly<Record<string, unknown>>[];
		return Object.fromEntries(Object.keys(first).map((name) => [name, total(members.map((m) => m[name]))]));
	}
	return first;
}

function checkSize(word: string, max: unknown): void {
	if (typeof max !== "number" || !Number.isInteger(max) || max <= 0) {
		throw new BpfError("ERR_ARGUMENT", `${word}(${String(max)}): a positive number of entries is expected`);
	}
}

export function hash(max: number): HashHandle {
	checkSize("hash", max);
	return new HashHandle("hash", siteOf(hash));
}
export function lruHash(max: number): HashHandle {
	checkSize("lruHash", max);
	return new HashHandle("lruHash", siteOf(lruHash));
}
export function array(max: number): ArrayHandle {
	checkSize("array", max);
	return new ArrayHandle("array", siteOf(array));
}
export function perCpuHash(max: number): PerCpuHandle {
	checkSize("perCpuHash", max);
	return new PerCpuHandle("perCpuHash", siteOf(perCpuHash));
}
export function perCpuArray(max: number): PerCpuHandle {
	checkSize("perCpuArray", max);
	return new PerCpuHandle("perCpuArray", siteOf(perCpuArray));
}

/** Words of the language whose handles come with a later version: the compiler refuses them by number before this is met. */
const later = (word: string) => (): never => {
	throw new NotSupportedError(word, "this version of skep does not build it yet");
};
export const lpmTrie = later("lpmTrie");
export const queue = later("queue");
export const stack = later("stack");
export const bloomFilter = later("bloomFilter");
export const userRingbuf = later("userRingbuf");
export const perfEventArray = later("perfEventArray");
export const stackTrace = later("stackTrace");
export const taskStorage = later("taskStorage");
export const cgroupStorage = later("cgroupStorage");
export const sockStorage = later("sockStorage");
export const inodeStorage = later("inodeStorage");
export const sockMap = later("sockMap");
export const sockHash = later("sockHash");
export const devMap = later("devMap");
export const progArray = later("progArray");
export const hashOf = later("hashOf");

export { ArrayHandle, HashHandle, MapHandle, PerCpuHandle };
