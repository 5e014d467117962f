import { BpfError } from "#base";
import { readValue, type Value, writeValue } from "#btf";
import { type AttachTarget, Collection, type LoadOptions, planAttach } from "#collection";
import type { Kernel } from "#kernel";
import { type BpfMap, DataSection, type Link, TypedMap } from "#live";
import { readObject } from "#object";
import type { CollectionSpec, VariableSpec } from "#spec";
import { decodeBase64 } from "./base64.ts";
import { isSection, isTyped } from "./generate.ts";
import { isRing, type RecordNames, Records, recordType } from "./records.ts";

/** What a generated module is about: the object's bytes, or their Base64. */
export interface SkeletonObject {
	readonly name: string;
	readonly object: Uint8Array | string;
	/** Structs of what goes through ring buffers, where the object does not say it. */
	readonly records?: RecordNames;
}

/** How to load. Variables are set on the skeleton itself. */
export interface SkeletonOptions extends Omit<LoadOptions, "variables"> {
	/** Linux (`openLinux()` of @skep/linux) or a virtual one. */
	readonly kernel: Kernel;
}

/**
 * What every generated skeleton is: an object that is opened, loaded, attached and closed. `Maps` and `Programs` are
 * interfaces by their names.
 */
export class Skeleton<Maps extends object, Programs extends object> implements Disposable {
	readonly kernel: Kernel;
	readonly spec: CollectionSpec;
	readonly #options: SkeletonOptions;
	readonly #records: RecordNames | undefined;
	readonly #rings: Records<unknown>[] = [];
	readonly #sections = new Map<string, Section>();
	#collection: Collection | undefined;
	#maps: Maps | undefined;
	#programs: Programs | undefined;

	/** @throws FormatError, NotSupportedError for the object */
	protected constructor({ name, object, records }: SkeletonObject, options: SkeletonOptions) {
		this.kernel = options.kernel;
		this.spec = readObject(typeof object === "string" ? decodeBase64(object) : object, { name });
		this.#options = options;
		this.#records = records;
	}

	/** The maps by name: those whose keys and values have types speak plain values, ring buffers give records. @throws BpfError ERR_NOT_LOADED */
	get maps(): Maps {
		return this.#maps ?? this.#missing("maps");
	}

	/** The loaded programs by name. @throws BpfError ERR_NOT_LOADED */
	get programs(): Programs {
		return this.#programs ?? this.#missing("programs");
	}

	/** The loaded whole, for what has no name of its own here. @throws BpfError ERR_NOT_LOADED */
	get collection(): Collection {
		return this.#collection ?? this.#missing("collection");
	}

	/** Creates maps and loads programs, with the variables as they are set now. Once. */
	load(): this {
		if (this.#collection) throw new BpfError("ERR_LOADED", `${this.spec.name} is loaded already`);
		const { kernel, ...options } = this.#options;
		const maps = new Map(this.spec.maps);
		for (const [name, section] of this.#sections) {
			const map = maps.get(name);
			if (map && section.changed) maps.set(name, { ...map, contents: section.contents });
		}
		const collection = Collection.load(kernel, { ...this.spec, maps }, options);
		this.#collection = collection;
		for (const [name, section] of this.#sections) {
			const map = collection.maps.get(name);
			if (map) section.bind(new DataSection(map, section.places, this.spec.btf));
		}
		this.#maps = this.#mapsOf(collection.maps);
		this.#programs = Object.fromEntries(collection.programs) as Programs;
		return this;
	}

	/**
	 * Attaches every loaded program that says by its section where, or that `targets` names; then registers tables of
	 * functions. Links are closed with the skeleton. Programs that want to be told more stay as they are.
	 */
	attach(targets: { readonly [P in keyof Programs]?: AttachTarget } = {}): readonly Link[] {
		const { collection } = this;
		const links: Link[] = [];
		const said = new Map<string, AttachTarget>(Object.entries(targets) as [string, AttachTarget][]);
		for (const name of collection.programs.keys()) {
			const spec = this.spec.programs.get(name);
			const target = said.get(name);
			if (spec && (target || planAttach(spec, {}).way !== "none")) links.push(collection.attach(name, target));
		}
		for (const name of collection.structOps.keys()) links.push(collection.attach(name));
		return links;
	}

	/** Detaches and closes all. Idempotent. */
	[Symbol.dispose](): void {
		for (const section of this.#sections.values()) section.close();
		for (const ring of this.#rings) ring.close();
		this.#collection?.close();
	}

	/** The variables of a data section, as properties: before loading those that it will begin with, afterwards the live ones. */
	protected section<T extends object>(name: string): T {
		let section = this.#sections.get(name);
		if (!section) {
			section = new Section(name, this.spec);
			this.#sections.set(name, section);
		}
		return section.variables as T;
	}

	#mapsOf(live: ReadonlyMap<string, BpfMap>): Maps {
		const found: [string, unknown][] = [];
		for (const [name, map] of live) {
			if (isSection(name)) continue;
			const spec = this.spec.maps.get(name);
			const { btf } = this.spec;
			if (spec && isRing(spec)) {
				const ring = new Records(map, btf, recordType(spec, this.spec, this.#records));
				this.#rings.push(ring);
				found.push([name, ring]);
				continue;
			}
			const typed = spec && btf && isTyped(spec, this.spec);
			found.push([name, typed ? new TypedMap(map, { btf, key: spec.keyType, value: spec.valueType }) : map]);
		}
		return Object.fromEntries(found) as Maps;
	}

	#missing(what: string): never {
		throw new BpfError("ERR_NOT_LOADED", `${this.spec.name} has no ${what} before load()`);
	}
}

/** A data section: bytes to begin with, then the map. */
class Section {
	readonly contents: Uint8Array<ArrayBuffer>;
	/** Something was set before loading. */
	changed = false;
	readonly variables: object;
	readonly places: readonly VariableSpec[];
	readonly #name: string;
	readonly #frozen: boolean;
	readonly #spec: CollectionSpec;
	#live: DataSection | undefined;

	constructor(name: string, spec: CollectionSpec) {
		const map = spec.maps.get(name);
		this.#name = name;
		this.#frozen = map?.frozen ?? false;
		this.#spec = spec;
		this.contents = new Uint8Array(map?.valueSize ?? 0);
		if (map?.contents) this.contents.set(map.contents);
		this.places = [...spec.variables.values()].filter((v) => v.map === name);
		this.variables = Object.defineProperties(
			{},
			Object.fromEntries(
				this.places.map((place) => [
					place.name,
					{
						enumerable: true,
						get: () => this.#get(place),
						set: (value: unknown) => this.#set(place, value),
					},
				]),
			),
		);
	}

	bind(live: DataSection): void {
		this.#live = live;
	}

	close(): void {
		this.#live?.close();
	}

	#get(place: VariableSpec): Value | Uint8Array {
		if (this.#live) return this.#live.get(place.name);
		const { btf } = this.#spec;
		if (!btf || place.type === 0) return this.contents.slice(place.offset, place.offset + place.size);
		return readValue(btf, place.type, new DataView(this.contents.buffer), place.offset);
	}

	#set(place: VariableSpec, value: unknown): void {
		if (this.#live) {
			if (this.#frozen)
				throw new BpfError("ERR_FROZEN", `${place.name}: ${this.#name} is constant once ${this.#spec.name} is loaded`);
			this.#live.set(place.name, value);
			return;
		}
		const { btf } = this.#spec;
		if (value instanceof Uint8Array && value.length === place.size) this.contents.set(value, place.offset);
		else if (btf && place.type !== 0)
			writeValue(btf, place.type, new DataView(this.contents.buffer), place.offset, value);
		else throw new TypeError(`${place.name} has no type: it takes ${place.size} bytes`);
		this.changed = true;
	}
}
