import { BpfError } from "#base";
import type { Value } from "#btf";
import type { Kernel } from "#kernel";
import {
	attachStructOps,
	type BpfMap,
	DataSection,
	explainWith,
	type Fd,
	type Link,
	type MappedMap,
	type Program,
	TypedMap,
} from "#live";
import type { CollectionSpec } from "#spec";
import { attachPlanned } from "./attach.ts";
import { loadAll, type ReadyStructOps } from "./load.ts";
import type { LoadOptions } from "./options.ts";
import { type AttachTarget, planAttach } from "./plan.ts";

/** Maps and programs of one object on one kernel, and the links made through it. Owns them all. */
export class Collection implements Disposable {
	readonly kernel: Kernel;
	readonly spec: CollectionSpec;
	readonly maps: ReadonlyMap<string, BpfMap>;
	readonly programs: ReadonlyMap<string, Program>;
	/** BTF of the object in the kernel, where it has some. */
	readonly btf: Fd | undefined;
	readonly #notes: string[];
	/** Tables of functions that are ready to be registered, by map. */
	readonly structOps: ReadonlyMap<string, ReadyStructOps>;
	/** Memory of arenas that were mapped to load them (their addresses chosen, or first values written), by map. */
	readonly arenas: ReadonlyMap<string, MappedMap>;
	readonly #links: Link[] = [];
	readonly #sections = new Map<string, DataSection>();

	private constructor(kernel: Kernel, spec: CollectionSpec, loaded: ReturnType<typeof loadAll>) {
		this.kernel = kernel;
		this.spec = spec;
		this.maps = loaded.maps;
		this.programs = loaded.programs;
		this.btf = loaded.btf;
		this.#notes = [...loaded.notes];
		this.structOps = loaded.structOps;
		this.arenas = loaded.arenas;
	}

	/**
	 * Relocates the spec against the kernel's BTF, creates maps, loads programs. If one step fails, what was made before is
	 * closed. @throws VerifierError, PermissionError, LinkError, NotSupportedError, SyscallError, BpfError
	 */
	static load(kernel: Kernel, spec: CollectionSpec, options: LoadOptions = {}): Collection {
		if (options.diagnose) explainWith(kernel, options.diagnose);
		return new Collection(kernel, spec, loadAll(kernel, spec, options));
	}

	/** @throws RangeError where the object has no such map */
	map(name: string): BpfMap {
		return found(this.maps.get(name), "map", name, this.maps.keys());
	}

	/**
	 * A map whose keys and values are plain values by the object's types, also where the kernel keeps none with it.
	 * @throws RangeError where the object has no such map; BpfError ERR_NO_BTF where it does not say the types
	 */
	typed<K = Value, V = Value>(name: string): TypedMap<K, V> {
		const map = this.map(name);
		const spec = this.spec.maps.get(name);
		const { btf } = this.spec;
		if (!spec || !btf || spec.valueType === 0) {
			throw new BpfError("ERR_NO_BTF", `map ${name} of ${this.spec.name} has no types: its definition has none`);
		}
		return TypedMap.of<K, V>(map, { btf, key: map.keySize === 0 ? 0 : spec.keyType, value: spec.valueType });
	}

	/** The variables of a data section by its map: `.data`, `.bss`, `.rodata`, `.data.NAME`. Closed with the collection. @throws RangeError */
	section(name: string): DataSection {
		let section = this.#sections.get(name);
		if (!section) {
			const places = [...this.spec.variables.values()].filter((each) => each.map === name);
			section = new DataSection(this.map(name), places, this.spec.btf);
			this.#sections.set(name, section);
		}
		return section;
	}

	/** @throws RangeError where the object has no such program, or it was not loaded */
	program(name: string): Program {
		return found(this.programs.get(name), "program", name, this.programs.keys());
	}

	/** What was done otherwise than the object or `attach` asked, in words. */
	get notes(): readonly string[] {
		return this.#notes;
	}

	/** Links made so far and not closed. */
	get links(): readonly Link[] {
		return this.#links.filter((link) => !link.closed);
	}

	/**
	 * Attaches a program where its section, or `target`, says; or registers a struct_ops map, by its name. The collection keeps
	 * the link; closing it alone is fine.
	 * @throws BpfError ERR_NO_TARGET where something must be said first; NotSupportedError; PermissionError; SyscallError
	 */
	attach(name: string, target: AttachTarget = {}): Link {
		const table = this.structOps.get(name);
		const link = table ? attachStructOps(table.map, table.value) : this.#attach(this.program(name), name, target);
		this.#links.push(link);
		if (link.note !== undefined) this.#notes.push(`${name}, ${link.target}: ${link.note}`);
		return link;
	}

	/** Detaches and closes everything, the last made first; what is pinned stays. Idempotent. */
	close(): void {
		for (const link of this.#links.splice(0).reverse()) link.close();
		for (const program of [...this.programs.values()].reverse()) program.close();
		for (const section of this.#sections.values()) section.close();
		for (const memory of this.arenas.values()) memory.close();
		for (const map of [...this.maps.values()].reverse()) map.close();
		this.btf?.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#attach(program: Program, name: string, target: AttachTarget): Link {
		const spec = this.spec.programs.get(name);
		if (!spec) throw new RangeError(`no program ${name} in ${this.spec.name}`);
		return attachPlanned(program, planAttach(spec, target), target, this.maps);
	}
}

function found<T>(value: T | undefined, what: string, name: string, names: Iterable<string>): T {
	if (value !== undefined) return value;
	throw new RangeError(`no ${what} ${name} is loaded; there are: ${[...names].join(", ") || "none"}`);
}
