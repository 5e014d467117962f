/**
 * Runs as a child in a mount namespace of its own (`unshare --mount`), where a bpffs may be mounted: loads an object whose
 * map is pinned by name, again, and with other sizes, and prints what happened as JSON. The folder to mount on is the first
 * argument, the object the second.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { openLinux } from "@skep/linux";
import { BpfMap, traceFds } from "#live";
import { readObject } from "#object";
import type { MapSpec } from "#spec";
import { Collection } from "./index.ts";

const [pinPath, file] = process.argv.slice(2) as [string, string];
execFileSync("mount", ["-t", "bpf", "bpf", pinPath]);
const kernel = openLinux();
const tracer = traceFds();
const spec = readObject(readFileSync(file), { name: "exec.bpf.o" });
const counts = spec.maps.get("counts")!;
const load = (change: Partial<MapSpec>, programs: readonly string[] = ["filter"]) =>
	Collection.load(
		kernel,
		{ ...spec, maps: new Map([...spec.maps, ["counts", { ...counts, pinning: "by-name", ...change }]]) },
		{ pinPath, programs: ({ name }) => programs.includes(name) },
	);
const refused = (change: Partial<MapSpec>, programs?: readonly string[]): string => {
	try {
		load(change, programs).close();
	} catch (error) {
		return error instanceof Error ? `${error.name} ${error.message}` : "?";
	}
	return "loaded";
};

/** A fresh bpffs holds two preloaded iterators, `maps.debug` and `progs.debug`. */
const pins = () => readdirSync(pinPath).filter((name) => !name.includes("."));

const result: Record<string, unknown> = {};
result["failed"] = refused({}, ["unchecked"]);
result["undone"] = pins();
{
	using first = load({});
	const map = first.map("counts");
	map.update(new Uint8Array(map.keySize).fill(5), new Uint8Array(map.valueBytes).fill(9));
	result["id"] = map.info().id;
}
{
	using second = load({});
	result["same"] = second.map("counts").info().id === result["id"];
	result["kept"] = second.map("counts").lookup(new Uint8Array(counts.keySize).fill(5))?.[0];
	delete result["id"];
}
result["others"] = [
	refused({ maxEntries: counts.maxEntries * 2 }),
	refused({ type: "lru_hash", flags: counts.flags | 2 }),
	refused({ keySize: counts.keySize + 4, keyType: 0, valueType: 0 }),
];
result["failedAgain"] = refused({}, ["unchecked"]);
result["names"] = pins();
BpfMap.fromPin(kernel, `${pinPath}/counts`)?.close();
result["open"] = tracer.open().map((each) => each.what);
execFileSync("umount", [pinPath]);
console.log(JSON.stringify(result));
