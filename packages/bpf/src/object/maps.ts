import { NotSupportedError } from "#base";
import type { Btf, BtfMember } from "#btf";
import { type ElfSymbol, R_BPF } from "#elf";
import type { MapSpec, MapValue } from "#spec";
import { MAP_TYPES, type MapType } from "#uapi";
import type { Functions } from "./functions.ts";
import type { Source } from "./source.ts";

const NAME_OF = new Map<number, MapType>(
	Object.entries(MAP_TYPES).map(([name, { value }]) => [value, name as MapType]),
);
/** Types whose values are maps or programs: the value is an id of 4 bytes, whatever the definition says. */
const HOLDS_FDS: ReadonlySet<MapType> = new Set(["array_of_maps", "hash_of_maps", "prog_array", "perf_event_array"]);
/** Map types whose definitions may say what records go through them. */
const BUFFERS: ReadonlySet<MapType> = new Set(["ringbuf", "user_ringbuf", "perf_event_array"]);
/** A variable of the DATASEC with its symbol, and what it is called here. */
interface Place {
	readonly name: string;
	/** Of the VAR. */
	readonly type: number;
	readonly symbol: ElfSymbol;
}

export interface Maps {
	readonly maps: ReadonlyMap<string, MapSpec>;
	/** By offset in `.maps`. */
	readonly bySymbol: ReadonlyMap<number, string>;
	/** What is called otherwise here than in its file. */
	readonly notes: readonly string[];
}

/** BTF-defined maps: variables of the DATASEC `.maps`, placed by the symbols of their names. */
export function readMaps(source: Source, btf: Btf | undefined, functions: Functions): Maps {
	const maps = new Map<string, MapSpec>();
	const bySymbol = new Map<number, string>();
	const notes: string[] = [];
	const section = source.section(".maps");
	if (!section || section.size === 0) return { maps, bySymbol, notes };
	const place = (path: string) => ({ section: ".maps", path });
	if (!btf) throw source.error(place("maps"), "the object defines maps but has no .BTF that says what they are");
	const datasec = btf.find(".maps", "datasec");
	const type = datasec === undefined ? undefined : btf.type(datasec);
	if (type?.kind !== "datasec") throw source.error(place("maps"), "the BTF has no DATASEC .maps");
	const symbols = new Map<string, ElfSymbol[]>();
	for (const symbol of source.symbolsOf(source.sectionIndex(".maps"))) {
		const twins = symbols.get(symbol.name);
		if (twins) twins.push(symbol);
		else symbols.set(symbol.name, [symbol]);
	}
	const places: Place[] = [];
	for (const [i, v] of type.vars.entries()) {
		const variable = btf.type(v.type);
		if (variable.kind !== "var") throw source.error(place(`vars[${i}]`), `type ${v.type} is no variable`);
		const twins = symbols.get(variable.name) ?? [];
		// Static maps of linked files may have one name; where they are the linker wrote into the DATASEC.
		const symbol = twins.length > 1 ? twins.find(({ value }) => value === v.offset) : twins[0];
		if (!symbol) throw source.error(place(`vars[${i}]`), `map "${variable.name}" has no symbol`);
		if (bySymbol.has(symbol.value))
			throw source.error(
				{ section: ".maps", offset: symbol.value, path: `vars[${i}]` },
				`maps "${bySymbol.get(symbol.value)}" and "${variable.name}" begin at the same byte`,
			);
		const name = maps.has(variable.name) ? `${variable.name}@.maps+${symbol.value}` : variable.name;
		if (name !== variable.name) notes.push(`map ${variable.name} of another file is called ${name} here`);
		maps.set(name, new Definition(source, btf, name).read(variable.type));
		bySymbol.set(symbol.value, name);
		places.push({ name, type: variable.type, symbol });
	}
	for (const [name, values] of initialValues(source, btf, places, bySymbol, functions))
		maps.set(name, { ...maps.get(name)!, values });
	return { maps, bySymbol, notes };
}

/** `values = { [2] = &inner }`: relocations inside of the definitions, by map. */
function initialValues(
	source: Source,
	btf: Btf,
	defined: readonly Place[],
	bySymbol: ReadonlyMap<number, string>,
	functions: Functions,
): Map<string, MapValue[]> {
	const found = new Map<string, MapValue[]>();
	const section = source.section(".maps")!;
	if (!section.relocations.length) return found;
	const own = source.sectionIndex(".maps");
	/** Where each map's values begin and what they are. */
	const places = defined.flatMap(({ name, type, symbol }) => {
		const shape = btf.type(btf.resolve(type));
		if (shape.kind !== "struct") return [];
		const start = symbol.value;
		const member = shape.members.find((m) => m.name === "values");
		const end = Math.max(start + shape.size, start + symbol.size);
		return [{ name, start, end, values: member && start + member.bitOffset / 8 }];
	});
	for (const r of section.relocations) {
		const fail = (message: string) => source.error({ section: ".maps", offset: r.offset, path: "relocation" }, message);
		const place = places.find((p) => r.offset >= p.start && r.offset < p.end);
		if (!place || place.values === undefined || r.offset < place.values)
			throw fail(`byte ${r.offset} belongs to the values of no map`);
		const { name, values: first } = place;
		if (r.type !== R_BPF.abs64) throw fail(`relocation of type ${r.type}, expected ${R_BPF.abs64}`);
		if ((r.offset - first) % 8 !== 0) throw fail(`byte ${r.offset - first} of the values is no slot's first`);
		const symbol = source.elf.symbols[r.symbol];
		if (!symbol || typeof symbol.section !== "number")
			throw fail("the value is something that the object does not have");
		const at = symbol.value + Number(r.addend ?? 0n);
		const map = symbol.section === own ? bySymbol.get(at) : undefined;
		const target = map ?? functions.at(symbol.section, at)?.name;
		if (target === undefined) throw fail(`"${symbol.name}" is neither a map nor a program`);
		const list = found.get(name) ?? [];
		list.push({ index: (r.offset - first) / 8, kind: map === undefined ? "program" : "map", name: target });
		found.set(name, list);
	}
	return found;
}

/** One definition: a struct whose members' types say numbers (`int (*)[N]`) and types (`T *`). */
class Definition {
	readonly #source: Source;
	readonly #btf: Btf;
	readonly #name: string;

	constructor(source: Source, btf: Btf, name: string) {
		this.#source = source;
		this.#btf = btf;
		this.#name = name;
	}

	#fail(member: string, message: string) {
		return this.#source.error({ section: ".maps", path: `${this.#name}/${member}` }, message);
	}

	read(typeId: number, inner = false): MapSpec {
		const struct = this.#btf.type(this.#btf.resolve(typeId));
		if (struct.kind !== "struct") throw this.#fail("", `a map definition is a ${struct.kind}, expected a struct`);
		const n = new Map<string, number>();
		let keyType = 0;
		let valueType = 0;
		let innerMap: MapSpec | undefined;
		let mapExtra: bigint | undefined;
		for (const m of struct.members) {
			switch (m.name) {
				case "type":
				case "max_entries":
				case "map_flags":
				case "numa_node":
				case "key_size":
				case "value_size":
				case "pinning":
					n.set(m.name, this.#number(m));
					break;
				case "map_extra":
					mapExtra = this.#wide(m);
					break;
				case "key":
					keyType = this.#pointee(m);
					break;
				case "value":
					valueType = this.#pointee(m);
					break;
				case "values":
					innerMap = this.#values(m, inner);
					break;
				default:
					throw new NotSupportedError(
						`member "${m.name}" of map "${this.#name}" in section ".maps"`,
						"no such attribute is known",
					);
			}
		}
		const type = this.#type(n.get("type"));
		// The types of what goes through a buffer say what its records are, and nothing of the map.
		const buffer = BUFFERS.has(type);
		const keySize = this.#size("key", buffer ? 0 : keyType, n.get("key_size"));
		const valueSize = this.#size("value", buffer ? 0 : valueType, n.get("value_size")) || (HOLDS_FDS.has(type) ? 4 : 0);
		const pinning = n.get("pinning") ?? 0;
		if (pinning > 1) throw this.#fail("pinning", `pinning ${pinning}, expected 0 or 1 (by name)`);
		const numaNode = n.get("numa_node");
		return {
			name: this.#name,
			type,
			keySize: keySize || (type === "prog_array" || type === "perf_event_array" ? 4 : 0),
			valueSize,
			maxEntries: n.get("max_entries") ?? 0,
			flags: n.get("map_flags") ?? 0,
			keyType,
			valueType,
			pinning: pinning === 1 ? "by-name" : "none",
			...(numaNode === undefined ? {} : { numaNode }),
			...(mapExtra === undefined ? {} : { mapExtra }),
			...(innerMap === undefined ? {} : { innerMap }),
			frozen: false,
		};
	}

	#type(value: number | undefined): MapType {
		if (value === undefined) throw this.#fail("type", "the definition has no type");
		const type = NAME_OF.get(value);
		if (!type) throw new NotSupportedError(`map "${this.#name}" in section ".maps"`, `map type ${value} is not known`);
		return type;
	}

	/** `int (*)[N]` says N, as an enum its first value does (`__ulong`). */
	#number(m: BtfMember): number {
		const n = this.#wide(m);
		if (n < 0n || n > 0xffffffffn) throw this.#fail(m.name, `${n}, expected 0 to 4294967295`);
		return Number(n);
	}

	#wide(m: BtfMember): bigint {
		const pointer = this.#btf.type(this.#btf.resolve(m.type));
		if (pointer.kind === "enum" || pointer.kind === "enum64") {
			const [first, ...more] = pointer.values;
			if (first && !more.length) return BigInt.asUintN(64, BigInt(first.value));
			throw this.#fail(m.name, `an enum of ${pointer.values.length} values, expected one`);
		}
		const array = pointer.kind === "ptr" ? this.#btf.type(this.#btf.resolve(pointer.type)) : undefined;
		if (array?.kind === "array") return BigInt(array.length);
		throw this.#fail(m.name, `a ${pointer.kind}, expected a pointer to an array whose length is the number`);
	}

	#pointee(m: BtfMember): number {
		const pointer = this.#btf.type(this.#btf.resolve(m.type));
		if (pointer.kind !== "ptr") throw this.#fail(m.name, `a ${pointer.kind}, expected a pointer to the type`);
		return pointer.type;
	}

	#size(what: "key" | "value", type: number, given: number | undefined): number {
		if (!type) return given ?? 0;
		const size = this.#btf.sizeOf(type);
		if (given !== undefined && given !== size)
			throw this.#fail(`${what}_size`, `${given} bytes, but its type has ${size}`);
		return size;
	}

	/** `T *values[]`: T is the inner map's definition, or a function for arrays of programs. */
	#values(m: BtfMember, inner: boolean): MapSpec | undefined {
		const array = this.#btf.type(this.#btf.resolve(m.type));
		const pointer = array.kind === "array" ? this.#btf.type(this.#btf.resolve(array.type)) : undefined;
		if (pointer?.kind !== "ptr") throw this.#fail("values", "expected an array of pointers");
		const target = this.#btf.resolve(pointer.type);
		if (this.#btf.type(target).kind === "func_proto") return undefined;
		if (inner) throw this.#fail("values", "a map of maps inside a map of maps");
		const spec = new Definition(this.#source, this.#btf, `${this.#name}.inner`).read(target, true);
		return spec;
	}
}
