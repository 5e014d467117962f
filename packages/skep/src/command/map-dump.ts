import { BpfError } from "@skep/bpf/base";
import { BpfMap } from "@skep/bpf/live";
import { STATUS, type Words } from "#cli";
import {
	ByteText,
	type EntryWriter,
	entryTypes,
	jsonEntries,
	openAll,
	plainEntries,
	takeSelector,
	typedEntries,
} from "#inspect";
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

function dumpOne(map: BpfMap, desk: Desk, out: ByteText): void {
	const types = entryTypes(map);
	const array = desk.json || types !== undefined;
	const write = desk.json
		? jsonEntries(out, map, types)
		: types
			? typedEntries(out, map, types)
			: plainEntries(out, map);
	if (map.keySize === 0 && (map.type === "queue" || map.type === "stack"))
		desk.note(`note: what is in map ${map.name} (${map.type}) has no keys: map peek shows the next, map pop takes it`);
	const between = desk.pretty ? ",\n" : desk.json ? "," : ",\n ";
	if (array) out.text("[");
	let count = 0;
	const each: EntryWriter = (keys, keyAt, values, valueAt) => {
		if (array && count > 0) out.text(between);
		write(keys, keyAt, values, valueAt);
		count++;
	};
	if (UNREADABLE.has(map.type)) unreadable(map, desk, out, array);
	else if (map.keySize > 0) {
		for (const { keys, values, count: here } of map.chunks()) {
			for (let i = 0; i < here; i++) each(keys, i * map.keySize, values, i * map.valueBytes);
		}
	}
	if (!array) out.text(`Found ${count} element${count === 1 ? "" : "s"}\n`);
	else out.text(desk.json ? "]" : "]\n");
}

/** Types with keys whose values user space cannot read. */
const UNREADABLE: ReadonlySet<string> = new Set(["perf_event_array", "cgroup_array", "reuseport_sockarray"]);

/** The keys, and instead of a value what the kernel says. */
function unreadable(map: BpfMap, desk: Desk, out: ByteText, array: boolean): void {
	let first = true;
	for (const key of map.keys()) {
		const why = whyNot(map, key);
		if (why === undefined) continue;
		if (!array) {
			out.text("key: ");
			out.hexLines(key, 0, key.length);
			out.text(`  value: ${why}\n`);
			continue;
		}
		out.text(`${first ? "" : ","}{"key":`);
		out.hexArray(key, 0, key.length);
		out.text(`,"value":{"error":${toJson(why)}}}`);
		first = false;
	}
}

function whyNot(map: BpfMap, key: Uint8Array): string | undefined {
	try {
		return map.lookup(key) === undefined ? undefined : "not shown";
	} catch (error) {
		if (error instanceof BpfError) return error.code;
		throw error;
	}
}
