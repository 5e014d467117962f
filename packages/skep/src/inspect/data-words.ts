import { type Btf, BtfBuilder, writeValue } from "@skep/bpf/btf";
import type { BpfMap } from "@skep/bpf/live";
import type { Words } from "#cli";
import { parseJson } from "#output";
import { type EntryTypes, entryTypes } from "./entries.ts";
import { fromJson, isPlainObject } from "./from-json.ts";

/**
 * Bytes of a key or value as the words say them: `1 0 0 0`, `hex 01 00 00 00`, `0x01 …`, or `json VALUE` by the map's types.
 * @throws UsageError for another number of bytes than the map has, and for a value that is none of the type
 */
export function takeData(words: Words, map: BpfMap, part: "key" | "value"): Uint8Array {
	const size = part === "key" ? map.keySize : map.valueSize;
	if (words.peek !== "json") return takeBytes(words, map, part, size);
	const { types, id, value } = takeJson(words, map, part);
	return encoded(words, part, types.btf, id, size, value);
}

/** Makes the bytes of an update, of all CPUs where there is a value for each. `current`: what the map has there now. */
export type ValueData = (current: () => Uint8Array | undefined) => Uint8Array;

/**
 * A value as the words say it. Of a map with a value for each CPU one is for all of them; in JSON several may be given, as an
 * array with one a CPU or as dumps show them (`{"values":[{"cpu":0,"value":…}]}`): those that are not named stay. So do
 * variables of a section that are not named.
 */
export function takeValueData(words: Words, map: BpfMap): ValueData {
	if (words.peek !== "json") {
		const one = takeBytes(words, map, "value", map.valueSize);
		return () => forAll(map, () => one);
	}
	const { types, id, value } = takeJson(words, map, "value");
	const one = (from: unknown) => encoded(words, "value", types.btf, id, map.valueSize, from);
	if (types.btf.type(types.btf.resolve(id)).kind === "datasec")
		return (current) => section(words, types.btf, id, current() ?? new Uint8Array(map.valueBytes), value);
	const given = map.perCpu ? perCpuValues(words, map, types.btf, id, value) : undefined;
	if (!given) {
		const bytes = one(value);
		return () => forAll(map, () => bytes);
	}
	const values = new Map([...given].map(([cpu, each]) => [cpu, one(each)]));
	return (current) => {
		const now = values.size === map.kernel.possibleCpus ? undefined : current();
		return forAll(
			map,
			(cpu) =>
				values.get(cpu) ??
				now?.subarray(cpu * map.stride, cpu * map.stride + map.valueSize) ??
				new Uint8Array(map.valueSize),
		);
	};
}

function forAll(map: BpfMap, value: (cpu: number) => Uint8Array): Uint8Array {
	if (!map.perCpu) return value(0);
	const all = new Uint8Array(map.valueBytes);
	for (let cpu = 0; cpu < map.kernel.possibleCpus; cpu++) all.set(value(cpu), cpu * map.stride);
	return all;
}

function takeBytes(words: Words, map: BpfMap, part: "key" | "value", size: number): Uint8Array {
	const hex = words.peek === "hex";
	if (hex) words.next("hex");
	const bytes: number[] = [];
	while (bytes.length < size && words.peek !== undefined && !KEYWORDS.has(words.peek)) bytes.push(byteOf(words, hex));
	if (bytes.length < size) throw words.wrong(`${part}: map ${map.name} has ${size} bytes, ${bytes.length} were given`);
	if (words.peek !== undefined && /^(0x)?[0-9a-f]{1,3}$/i.test(words.peek) && !KEYWORDS.has(words.peek))
		throw words.wrong(`${part}: map ${map.name} has ${size} bytes, more were given`);
	return new Uint8Array(bytes);
}

/** What may follow data. */
const KEYWORDS: ReadonlySet<string> = new Set(["key", "value", "any", "exist", "noexist"]);

function byteOf(words: Words, hex: boolean): number {
	const word = words.next("a byte");
	const text = word.replace(/^0x/i, "");
	const base = hex || text !== word ? 16 : /^0\d/.test(word) ? 8 : 10;
	const digits = base === 16 ? /^[0-9a-f]{1,2}$/i : base === 8 ? /^[0-7]+$/ : /^\d{1,3}$/;
	const value = digits.test(text) ? Number.parseInt(text, base) : Number.NaN;
	if (value <= 255) return value;
	throw words.wrong(
		`"${word}" is no byte${hex ? " in hex" : ": 0 to 255, 0x00 to 0xff; hex before them makes all of them hex"}`,
	);
}

/** Types whose keys are indices, also where they have no BTF or, as sections of an object, none for their key. */
// biome-ignore format: table
const INDEXED: ReadonlySet<string> = new Set([
	"array", "percpu_array", "prog_array", "perf_event_array", "cgroup_array", "array_of_maps", "devmap", "cpumap", "xskmap",
	"sockmap", "reuseport_sockarray",
]);
const INDEX = indexTypes();

function indexTypes(): EntryTypes {
	const builder = new BtfBuilder();
	const u32 = { size: 4, bits: 32, offset: 0, signed: false, char: false, bool: false };
	const key = builder.add({ kind: "int", name: "unsigned int", ...u32 });
	return { btf: builder.finish(), key, value: 0 };
}

/** `json VALUE`, and the type that it is to be of. */
function takeJson(words: Words, map: BpfMap, part: "key" | "value"): { types: EntryTypes; id: number; value: unknown } {
	words.next("json");
	const text = words.next(`the ${part} as JSON`);
	const types = entryTypes(map);
	const id = types?.[part] ?? 0;
	const value = jsonOf(words, text);
	if (types && id > 0) return { types, id, value };
	if (part === "key" && INDEXED.has(map.type)) return { types: INDEX, id: INDEX.key, value };
	const why = types ? `the ${part}s of map ${map.name} have no type` : `map ${map.name} was made without BTF`;
	throw words.wrong(`${why}: say its ${part} as bytes`);
}

function encoded(words: Words, part: string, btf: Btf, id: number, size: number, value: unknown): Uint8Array {
	const bytes = new Uint8Array(size);
	try {
		writeValue(btf, id, new DataView(bytes.buffer), 0, fromJson(btf, id, value));
	} catch (error) {
		if (error instanceof RangeError || error instanceof TypeError) throw words.wrong(`${part}: ${error.message}`);
		throw error;
	}
	return bytes;
}

/** Values by CPU; undefined: one for all. */
function perCpuValues(
	words: Words,
	map: BpfMap,
	btf: Btf,
	id: number,
	value: unknown,
): ReadonlyMap<number, unknown> | undefined {
	const cpus = map.kernel.possibleCpus;
	// Where a value is itself an array, only the dumps' form can tell several apart.
	if (Array.isArray(value) && btf.type(btf.resolve(id)).kind !== "array") {
		if (value.length === cpus) return new Map(value.entries());
		throw words.wrong(`value: an array of ${value.length}, map ${map.name} has one for each of ${cpus} CPUs`);
	}
	if (!isPlainObject(value) || Object.keys(value).join() !== "values" || !Array.isArray(value["values"]))
		return undefined;
	const found = new Map<number, unknown>();
	for (const each of value["values"] as unknown[]) {
		if (!isPlainObject(each) || !("value" in each) || typeof each["cpu"] !== "number") return undefined;
		const cpu = each["cpu"];
		if (!(Number.isInteger(cpu) && cpu >= 0 && cpu < cpus))
			throw words.wrong(`value: there is no CPU ${cpu}, they are 0 to ${cpus - 1}`);
		found.set(cpu, each["value"]);
	}
	return found;
}

/** `{"x": 1}`, or as dumps show it: `{".data": [{"x": 1}, …]}`. */
function section(words: Words, btf: Btf, id: number, current: Uint8Array, value: unknown): Uint8Array {
	const type = btf.type(btf.resolve(id));
	if (type.kind !== "datasec") throw words.wrong("value: the map's value is no section");
	const shown = isPlainObject(value) && Array.isArray(value[type.name]) ? (value[type.name] as unknown[]) : [value];
	if (!shown.every(isPlainObject)) throw words.wrong(`value: section ${type.name} wants an object of its variables`);
	const bytes = current.slice();
	const variables = new Map(type.vars.map((each) => [btf.name(each.type), each]));
	for (const [name, given] of shown.flatMap((each) => Object.entries(each))) {
		const variable = variables.get(name);
		if (!variable)
			throw words.wrong(`value: section ${type.name} has no ${name}; there are ${[...variables.keys()].join(", ")}`);
		const held = btf.type(variable.type);
		const of = held.kind === "var" ? held.type : variable.type;
		bytes.set(encoded(words, `value: ${name}`, btf, of, btf.sizeOf(of), given), variable.offset);
	}
	return bytes;
}

function jsonOf(words: Words, text: string): unknown {
	try {
		return parseJson(text);
	} catch (error) {
		throw words.wrong(`${text} is no JSON: ${(error as Error).message}`);
	}
}
