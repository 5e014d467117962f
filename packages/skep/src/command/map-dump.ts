import { BpfError } from "@skep/bpf/base";
import { BpfMap } from "@skep/bpf/live";
import { STATUS, type Words } from "#cli";
import { ByteText, type EntryWriter, entryTypes, entryWriter, openAll, takeSelector } from "#inspect";
import { toJson } from "#output";
import type { Desk, Task } from "./desk.ts";

/** `dump MAP`: all entries, in constant memory; of several maps of a name each. */
export const dump: Task = (words: Words, desk: Desk) => {
	const selector = takeSelector("map", words);
	words.end();
	const maps = openAll(desk.kernel, "map", selector).map((fd) => BpfMap.fromFd(desk.kernel, fd.release()));
	const out = new ByteText((bytes) => desk.write(bytes));
	try {
		if (desk.json && maps.length > 1) out.text("[");
		for (const [i, map] of maps.entries()) {
			if (desk.json && i > 0) out.text(",");
			dumpOne(map, desk, out);
		}
		if (desk.json) out.text(maps.length > 1 ? "]\n" : "\n");
		out.flush();
	} finally {
		for (const map of maps) map.close();
	}
	return STATUS.ok;
};

/** Before the lines of an entry where JSON is to be pretty. */
const INDENT = "    ";

function dumpOne(map: BpfMap, desk: Desk, out: ByteText): void {
	const types = entryTypes(map);
	const array = desk.json || types !== undefined;
	const write = entryWriter(out, map, types, desk, INDENT);
	if (map.keySize === 0 && (map.type === "queue" || map.type === "stack"))
		desk.note(`note: what is in map ${map.name} (${map.type}) has no keys: map peek shows the next, map pop takes it`);
	const line = desk.pretty ? `\n${INDENT}` : "";
	const between = desk.json ? `,${line}` : ",\n ";
	if (array) out.text("[");
	let count = 0;
	const separate = () => {
		if (array) out.text(count > 0 ? between : line);
	};
	const each: EntryWriter = (keys, keyAt, values, valueAt) => {
		separate();
		write(keys, keyAt, values, valueAt);
		count++;
	};
	const without = () => {
		separate();
		if (array) count++;
	};
	if (SPARSE.has(map.type)) sparse(map, out, array, each, without);
	else if (map.keySize > 0) {
		for (const { keys, values, count: here } of map.chunks()) {
			for (let i = 0; i < here; i++) each(keys, i * map.keySize, values, i * map.valueBytes);
		}
	}
	if (!array) out.text(`Found ${count} element${count === 1 ? "" : "s"}\n`);
	else out.text(desk.pretty && count > 0 ? "\n]" : desk.json ? "]" : "]\n");
}

/** Types whose keys are there without a value, or with one that user space cannot read. */
const SPARSE: ReadonlySet<string> = new Set([
	"perf_event_array",
	"cgroup_array",
	"reuseport_sockarray",
	"devmap",
	"cpumap",
	"xskmap",
	"sockmap",
]);

/** What bpftool's JSON says instead of a value. */
const ERRORS: Readonly<Record<string, string>> = {
	ENOENT: "No such file or directory",
	EOPNOTSUPP: "Operation not supported",
	ENOSPC: "No space left on device",
	ENOTSUPP: "Unknown error 524",
};

/** Every key with its value, or with why there is none to show. `separate` stands before those without. */
function sparse(map: BpfMap, out: ByteText, array: boolean, write: EntryWriter, separate: () => unknown): void {
	for (const key of map.keys()) {
		const found = lookUp(map, key);
		if (typeof found !== "string") {
			write(key, 0, found, 0);
			continue;
		}
		separate();
		if (array) {
			out.text(`{"key":`);
			out.hexArray(key, 0, key.length);
			out.text(`,"value":{"error":${toJson(ERRORS[found] ?? found)}}}`);
		} else {
			out.text("key: ");
			out.hexLines(key, 0, key.length);
			out.text(`  value: ${found === "ENOENT" ? "<no entry>" : (ERRORS[found] ?? found)}\n`);
		}
	}
}

/** A value, or the name of the errno. */
function lookUp(map: BpfMap, key: Uint8Array): Uint8Array | string {
	try {
		return map.lookup(key) ?? "ENOENT";
	} catch (error) {
		if (error instanceof BpfError) return error.code;
		throw error;
	}
}
