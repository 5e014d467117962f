import { BpfError } from "@skep/bpf/base";
import { BpfMap, type UpdateMode } from "@skep/bpf/live";
import { STATUS, type Words } from "#cli";
import {
	ByteText,
	type EntryTypes,
	entryTypes,
	entryWriter,
	openOne,
	takeData,
	takeSelector,
	takeValueData,
	typedKey,
	type ValueData,
} from "#inspect";
import { parseJson } from "#output";
import { type Desk, done, type Task, writeJson } from "./desk.ts";

/** Opens the map that the words name, and closes it behind the work. */
function withMap(words: Words, desk: Desk, work: (map: BpfMap) => number): number {
	using map = BpfMap.fromFd(desk.kernel, openOne(desk.kernel, "map", takeSelector("map", words)).release());
	return work(map);
}

const MAPS_OF_MAPS: ReadonlySet<string> = new Set(["array_of_maps", "hash_of_maps"]);
const MODES = { any: "any", exist: "exist", noexist: "create" } as const satisfies Record<string, UpdateMode>;

/** `key DATA`, `value DATA|MAP|PROG` and the mode, in any order. */
function takeEntry(words: Words, map: BpfMap, wants: readonly ("key" | "value" | "mode")[]) {
	let key: Uint8Array | undefined;
	let value: ValueData | undefined;
	let mode: UpdateMode = "any";
	while (!words.empty) {
		if (wants.includes("key") && key === undefined && words.skip("key")) {
			if (map.keySize === 0) throw words.wrong(`map ${map.name} (${map.type}) has no keys`);
			key = takeData(words, map, "key");
		} else if (wants.includes("value") && value === undefined && words.skip("value")) value = takeValue(words, map);
		else if (wants.includes("mode")) mode = MODES[words.oneOf(["any", "exist", "noexist"], "mode of update")];
		else throw words.wrong(`"${words.peek}" is one word too many`);
	}
	return { key, value, mode };
}

/** Data; for maps of maps and programs the descriptor of an object that is named. */
function takeValue(words: Words, map: BpfMap): ValueData {
	const kind = MAPS_OF_MAPS.has(map.type) ? "map" : map.type === "prog_array" ? "prog" : undefined;
	if (kind === undefined) return takeValueData(words, map);
	const fd = openOne(map.kernel, kind, takeSelector(kind, words));
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, fd.number, true);
	opened.push(fd);
	return () => bytes;
}

/** Objects whose descriptors stand in a value until it is written. */
const opened: Disposable[] = [];

/** `update MAP [key DATA] [value VALUE] [any|exist|noexist]`. */
export const update: Task = (words, desk) =>
	withMap(words, desk, (map) => {
		try {
			const { key, value, mode } = takeEntry(words, map, ["key", "value", "mode"]);
			if (value === undefined) throw words.wrong("value DATA is missing");
			if (map.keySize === 0) {
				if (!map.push(value(() => undefined))) throw full(map);
				return done(desk);
			}
			const at = wanted(words, map, key);
			if (
				map.update(
					at,
					value(() => map.lookup(at)),
					mode,
				)
			)
				return done(desk);
			throw new BpfError(
				mode === "create" ? "EEXIST" : "ENOENT",
				mode === "create" ? `map ${map.name} has this key already` : `map ${map.name} has no such key to be updated`,
			);
		} finally {
			for (const each of opened.splice(0)) each[Symbol.dispose]();
		}
	});

function wanted(words: Words, map: BpfMap, key: Uint8Array | undefined): Uint8Array {
	if (key) return key;
	throw words.wrong(`key DATA is missing: map ${map.name} has keys of ${map.keySize} bytes`);
}

const full = (map: BpfMap): BpfError => new BpfError("E2BIG", `map ${map.name} is full (${map.maxEntries} entries)`);

/** `lookup MAP key DATA`. */
export const lookup: Task = (words, desk) =>
	withMap(words, desk, (map) => {
		const { key } = takeEntry(words, map, ["key"]);
		const bytes = wanted(words, map, key);
		const value = map.lookup(bytes);
		if (value) {
			writeEntry(desk, map, entryTypes(map), bytes, value);
			return STATUS.ok;
		}
		if (desk.json) writeJson(desk, null);
		else writeHex(desk, [["key", bytes]], "\nNot found\n");
		return STATUS.error;
	});

function writeEntry(desk: Desk, map: BpfMap, types: EntryTypes | undefined, key: Uint8Array, value: Uint8Array): void {
	const out = new ByteText((bytes) => desk.write(bytes));
	entryWriter(out, map, types, desk)(key, 0, value, 0);
	if (desk.json || types) out.text("\n");
	out.flush();
}

/** Names with bytes below them. */
function writeHex(
	desk: Desk,
	parts: readonly (readonly [name: string, bytes: Uint8Array | undefined])[],
	end = "",
): void {
	const out = new ByteText((bytes) => desk.write(bytes));
	for (const [name, bytes] of parts) {
		out.text(bytes ? `${name}:\n` : `${name}: None\n`);
		if (!bytes) continue;
		out.hexLines(bytes, 0, bytes.length);
		out.text("\n");
	}
	out.text(end);
	out.flush();
}

/** A value as JSON, and, by the map's types, `formatted`, which is JSON already. */
function writeTyped(desk: Desk, value: object, formatted: string | undefined): void {
	writeJson(desk, formatted === undefined ? value : { ...value, formatted: parseJson(formatted) });
}

/** Bytes as bpftool's JSON has them. */
const hexBytes = (bytes: Uint8Array): string[] =>
	Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, "0")}`);

/** `getnext MAP [key DATA]`. */
export const getNext: Task = (words, desk) =>
	withMap(words, desk, (map) => {
		const { key } = takeEntry(words, map, ["key"]);
		const next = map.nextKey(key);
		if (!next)
			throw new BpfError("ENOENT", key ? `map ${map.name} has no key after this one` : `map ${map.name} is empty`);
		const types = entryTypes(map);
		const typed = typedKey(types, next);
		const formatted = typed && `{"key":${(key && typedKey(types, key)) ?? null},"next_key":${typed}}`;
		const shown = { key: key ? hexBytes(key) : null, next_key: hexBytes(next) };
		if (desk.json) writeTyped(desk, shown, formatted);
		else if (formatted) desk.write(`${formatted}\n`);
		else
			writeHex(desk, [
				["key", key],
				["next key", next],
			]);
		return STATUS.ok;
	});

/** `delete MAP key DATA`. */
export const remove: Task = (words, desk) =>
	withMap(words, desk, (map) => {
		const { key } = takeEntry(words, map, ["key"]);
		if (map.delete(wanted(words, map, key))) return done(desk);
		throw new BpfError("ENOENT", `map ${map.name} has no such key`);
	});

/** `push MAP value DATA`, `enqueue`. */
export const push: Task = (words, desk) =>
	withMap(words, desk, (map) => {
		const { value } = takeEntry(words, map, ["value"]);
		if (value === undefined) throw words.wrong("value DATA is missing");
		keyless(words, map);
		if (!map.push(value(() => undefined))) throw full(map);
		return done(desk);
	});

/** `peek MAP`. */
export const peek: Task = (words, desk) => next(words, desk, (map) => map.peek());
/** `pop MAP`, `dequeue`. */
export const pop: Task = (words, desk) => next(words, desk, (map) => map.pop());

/** An empty map is no refusal, but no success either. */
function next(words: Words, desk: Desk, take: (map: BpfMap) => Uint8Array | undefined): number {
	return withMap(words, desk, (map) => {
		words.end();
		keyless(words, map);
		const value = take(map);
		// By bytes: kernels take no BTF for maps without keys.
		if (desk.json) writeJson(desk, value ? { key: [], value: hexBytes(value) } : null);
		else if (value) writeHex(desk, [["value", value]]);
		else desk.write("empty map\n");
		return value ? STATUS.ok : STATUS.error;
	});
}

function keyless(words: Words, map: BpfMap): void {
	if (map.keySize > 0) throw words.wrong(`map ${map.name} (${map.type}) has keys: that is for queues and stacks`);
}

/** `freeze MAP`. */
export const freeze: Task = (words, desk) =>
	withMap(words, desk, (map) => {
		words.end();
		map.freeze();
		return done(desk);
	});
