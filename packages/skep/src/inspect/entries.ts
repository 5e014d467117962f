import { Btf } from "@skep/bpf/btf";
import { type BpfMap, btfOf } from "@skep/bpf/live";
import { parseJson, toPrettyJson } from "#output";
import { ByteText } from "./byte-text.ts";
import { type SumReader, sumReader } from "./sums.ts";
import { type JsonReader, jsonReader } from "./typed-json.ts";

/** Types of a map's keys and values, where the kernel knows them. 0: it has none. */
export interface EntryTypes {
	readonly btf: Btf;
	readonly key: number;
	readonly value: number;
}

/** Undefined where the map was made without BTF. */
export function entryTypes(map: BpfMap): EntryTypes | undefined {
	const info = map.info();
	// A struct_ops map's value is a type of the kernel's.
	if (info.btf_vmlinux_value_type_id > 0) {
		const bytes = map.kernel.btf();
		if (typeof bytes === "number") return undefined;
		return { btf: Btf.decode(bytes, { section: "vmlinux" }), key: 0, value: info.btf_vmlinux_value_type_id };
	}
	if (info.btf_id === 0 || info.btf_value_type_id === 0) return undefined;
	const btf = btfOf(map.kernel, info.btf_id, `map ${map.name}`);
	return { btf, key: info.btf_key_type_id, value: info.btf_value_type_id };
}

/** How entries of one map are written. */
export type EntryWriter = (keys: Uint8Array, keyAt: number, values: Uint8Array, valueAt: number) => void;

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface EntryShape {
	readonly map: BpfMap;
	readonly cpus: number;
	readonly key: JsonReader | undefined;
	readonly value: JsonReader | undefined;
	/** Of per-CPU values. */
	readonly sum: SumReader | undefined;
}

/** Maps whose values are ids of objects: what the id is of. */
const HOLDS: ReadonlyMap<string, string> = new Map([
	["array_of_maps", "inner_map_id"],
	["hash_of_maps", "inner_map_id"],
	["prog_array", "prog_id"],
]);

function shapeOf(map: BpfMap, types: EntryTypes | undefined): EntryShape {
	return {
		map,
		cpus: map.perCpu ? map.kernel.possibleCpus : 0,
		key: types && types.key > 0 ? jsonReader(types.btf, types.key) : undefined,
		value: types && jsonReader(types.btf, types.value),
		sum: types && map.perCpu ? sumReader(types.btf, types.value) : undefined,
	};
}

/**
 * One entry as an object: `key` and `value` (per-CPU: `values`) as bytes, and `formatted` by the types. bpftool's keys, and
 * besides the ids that maps of objects hold, and sums of per-CPU values.
 */
function jsonEntries(out: ByteText, map: BpfMap, types: EntryTypes | undefined): EntryWriter {
	const shape = shapeOf(map, types);
	const { keySize, valueSize, stride } = map;
	const holds = HOLDS.get(map.type);
	return (keys, keyAt, values, valueAt) => {
		out.text(`{"key":`);
		out.hexArray(keys, keyAt, keySize);
		if (shape.cpus === 0) {
			out.text(`,"value":`);
			out.hexArray(values, valueAt, valueSize);
		} else {
			for (let cpu = 0; cpu < shape.cpus; cpu++) {
				out.text(`${cpu === 0 ? `,"values":[` : ","}{"cpu":${cpu},"value":`);
				out.hexArray(values, valueAt + cpu * stride, valueSize);
				out.text("}");
			}
			out.text("]");
		}
		if (holds) out.text(`,"${holds}":${view(values).getUint32(valueAt, true)}`);
		if (shape.value) {
			out.text(`,"formatted":`);
			formatted(out, shape, keys, keyAt, values, valueAt);
		}
		out.text("}");
	};
}

/**
 * Entries as a verb shows them: JSON where it is wanted, over several lines where that is; else by the map's types, and bytes
 * where it has none. `indent`: of the lines after an entry's first.
 */
export function entryWriter(
	out: ByteText,
	map: BpfMap,
	types: EntryTypes | undefined,
	{ json, pretty }: { readonly json: boolean; readonly pretty: boolean },
	indent = "",
): EntryWriter {
	if (!json) return types ? typedEntries(out, map, types) : plainEntries(out, map);
	if (!pretty) return jsonEntries(out, map, types);
	let text = "";
	const entry = new ByteText((bytes) => {
		text += Buffer.from(bytes).toString("utf8");
	});
	const write = jsonEntries(entry, map, types);
	return (...at) => {
		text = "";
		write(...at);
		entry.flush();
		out.text(toPrettyJson(parseJson(text), indent));
	};
}

/** One entry as an object by the map's types alone. */
function typedEntries(out: ByteText, map: BpfMap, types: EntryTypes): EntryWriter {
	const shape = shapeOf(map, types);
	return (keys, keyAt, values, valueAt) => formatted(out, shape, keys, keyAt, values, valueAt);
}

function formatted(
	out: ByteText,
	{ map, cpus, key, value, sum }: EntryShape,
	keys: Uint8Array,
	keyAt: number,
	values: Uint8Array,
	valueAt: number,
): void {
	out.text("{");
	if (key) out.text(`"key":${key(view(keys), keyAt)},`);
	const at = view(values);
	if (cpus === 0) out.text(`"value":${value!(at, valueAt)}}`);
	else {
		out.text(`"values":[`);
		for (let cpu = 0; cpu < cpus; cpu++)
			out.text(`${cpu === 0 ? "" : ","}{"cpu":${cpu},"value":${value!(at, valueAt + cpu * map.stride)}}`);
		out.text(sum ? `],"sum":${sum(at, valueAt, map.stride, cpus)}}` : "]}");
	}
}

/** A key by its type, as JSON; undefined: it has none. */
export const typedKey = (types: EntryTypes | undefined, key: Uint8Array): string | undefined =>
	types && types.key > 0 ? jsonReader(types.btf, types.key)(view(key), 0) : undefined;

/** One entry as bytes in hex, as bpftool lays them out. */
function plainEntries(out: ByteText, map: BpfMap): EntryWriter {
	const { keySize, valueSize, stride, perCpu } = map;
	const long = keySize > 16 || valueSize > 16;
	const oneLine = keySize + valueSize <= 24 && !long;
	const after = long ? "\n" : " ";
	const holds = HOLDS.get(map.type);
	const keyHead = perCpu ? "key:\n" : `key:${after}`;
	const keyEnd = oneLine && !perCpu ? "  " : "\n";
	const valueHead = `${holds ?? "value"}:${after}`;
	const cpus = perCpu ? map.kernel.possibleCpus : 0;
	return (keys, keyAt, values, valueAt) => {
		if (keySize > 0) {
			out.text(keyHead);
			out.hexLines(keys, keyAt, keySize);
			out.text(keyEnd);
		}
		if (holds) out.text(`${valueHead}${view(values).getUint32(valueAt, true)} \n`);
		else if (cpus === 0) {
			out.text(valueHead);
			out.hexLines(values, valueAt, valueSize);
			out.text("\n");
		}
		for (let cpu = 0; cpu < cpus; cpu++) {
			out.text(`value (CPU ${String(cpu).padStart(2, "0")}):${valueSize > 16 ? "\n" : " "}`);
			out.hexLines(values, valueAt + cpu * stride, valueSize);
			out.text("\n");
		}
	};
}
