import { type Btf, readValue, type Value, writeValue } from "#btf";
import { MAP_FLAGS } from "#uapi";
import type { BpfMap, MappedMap } from "./map.ts";
import { type MapTypes, mapTypes } from "./typed-map.ts";

/** A window into the single value of a data section's map. */
export interface VariablePlace {
	readonly name: string;
	/** In bytes. */
	readonly offset: number;
	readonly size: number;
	/** Id in the section's BTF; 0: not known, then it is bytes. */
	readonly type: number;
}

/** One global variable of a loaded object. */
export class Variable {
	readonly name: string;
	readonly place: VariablePlace;
	readonly #section: DataSection;

	constructor(section: DataSection, place: VariablePlace) {
		this.name = place.name;
		this.place = place;
		this.#section = section;
	}

	/** The value by its type; without one a copy of its bytes. */
	get(): Value | Uint8Array {
		return this.#section.read(this.place);
	}

	/** @throws SyscallError EPERM where the section is frozen (`.rodata`); RangeError, TypeError where the value does not fit */
	set(value: unknown): void {
		this.#section.write(this.place, value);
	}
}

/**
 * `.data`, `.bss`, `.rodata`, `.data.NAME` of a loaded object: its variables by name. Mapped where the map can be: then reading
 * and writing cost nanoseconds and no system call. The map stays the caller's.
 */
export class DataSection implements Disposable {
	readonly map: BpfMap;
	readonly variables: ReadonlyMap<string, Variable>;
	/** Reads and writes go straight to the memory that programs use. */
	readonly mapped: boolean;
	readonly #btf: Btf | undefined;
	#memory: MappedMap | undefined;

	constructor(map: BpfMap, places: Iterable<VariablePlace>, btf?: Btf) {
		this.map = map;
		this.#btf = btf;
		this.variables = new Map([...places].map((place) => [place.name, new Variable(this, place)]));
		const mapable = (map.flags & MAP_FLAGS.BPF_F_MMAPABLE) !== 0;
		// What programs cannot write is written once, by the loader, and then frozen: no mapping may stand in the way.
		const writable = (map.flags & MAP_FLAGS.BPF_F_RDONLY_PROG) === 0;
		this.#memory = mapable ? map.mmap(writable) : undefined;
		this.mapped = mapable;
	}

	/** The section of a map by the types that the kernel knows of it, or by `types`, whose value is a DATASEC. @throws BpfError ERR_NO_BTF */
	static of(map: BpfMap, types: Pick<MapTypes, "btf" | "value"> = mapTypes(map)): DataSection {
		return new DataSection(map, places(types.btf, types.value, map.name), types.btf);
	}

	/** @throws RangeError where there is no such variable */
	variable(name: string): Variable {
		const found = this.variables.get(name);
		if (found) return found;
		throw new RangeError(
			`map ${this.map.name} has no variable ${name}; there are: ${[...this.variables.keys()].join(", ") || "none"}`,
		);
	}

	get(name: string): Value | Uint8Array {
		return this.variable(name).get();
	}

	set(name: string, value: unknown): void {
		this.variable(name).set(value);
	}

	read(place: VariablePlace): Value | Uint8Array {
		const bytes = this.#memory ? this.#memory.bytes : this.#whole();
		if (!this.#btf || place.type === 0) return bytes.slice(place.offset, place.offset + place.size);
		return readValue(this.#btf, place.type, view(bytes), place.offset);
	}

	write(place: VariablePlace, value: unknown): void {
		const encoded = this.#encode(place, value);
		if (this.#memory?.writable) {
			const bytes = this.#memory.bytes;
			// One store where the machine has one: a program must not see half a number.
			if (place.size === 8 && place.offset % 8 === 0)
				view(bytes).setBigUint64(place.offset, view(encoded).getBigUint64(0, true), true);
			else if (place.size === 4 && place.offset % 4 === 0)
				view(bytes).setUint32(place.offset, view(encoded).getUint32(0, true), true);
			else bytes.set(encoded, place.offset);
			return;
		}
		const whole = this.#whole();
		whole.set(encoded, place.offset);
		this.map.update(new Uint8Array(this.map.keySize), whole);
	}

	close(): void {
		this.#memory?.close();
		this.#memory = undefined;
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#whole(): Uint8Array<ArrayBuffer> {
		const bytes = this.map.lookup(new Uint8Array(this.map.keySize));
		if (!bytes) throw new RangeError(`map ${this.map.name} has no value`);
		return bytes;
	}

	#encode(place: VariablePlace, value: unknown): Uint8Array {
		const bytes = new Uint8Array(place.size);
		if (value instanceof Uint8Array && (place.type === 0 || value.length === place.size)) {
			if (value.length > place.size)
				throw new RangeError(`variable ${place.name} has ${place.size} bytes, the value ${value.length}`);
			bytes.set(value);
			return bytes;
		}
		if (!this.#btf || place.type === 0) throw new TypeError(`variable ${place.name} has no type: it takes bytes`);
		writeValue(this.#btf, place.type, view(bytes), 0, value);
		return bytes;
	}
}

function view(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function* places(btf: Btf, section: number, map: string): Generator<VariablePlace, void, undefined> {
	const type = btf.type(btf.resolve(section));
	if (type.kind !== "datasec") throw new TypeError(`map ${map}: its value is no data section but ${type.kind}`);
	for (const { type: id, offset, size } of type.vars) {
		const variable = btf.type(id);
		if (variable.kind === "var") yield { name: variable.name, offset, size, type: variable.type };
	}
}
