import { SyscallError } from "@skep/bpf/base";
import type { BpfMap } from "@skep/bpf/live";
import type { RawMap } from "#program";

const MODES = { any: "any", noexist: "create", exist: "exist" } as const;

/** 0, or -errno where the language's types promise a number instead of an exception. */
function errnoOf(work: () => number): number {
	try {
		return work();
	} catch (error) {
		if (error instanceof SyscallError) return -error.errno;
		throw error;
	}
}

const ENOENT = 2;
const EEXIST = 17;

/** A live map as handles see it. */
export function rawMap(map: BpfMap): RawMap {
	const stride = map.stride;
	return {
		get fd() {
			return map.fd.number;
		},
		lookup: (key) => map.lookup(key),
		lookupCpus: (key) => map.lookupPerCpu(key),
		update: (key, value, mode) =>
			errnoOf(() => (map.update(key, value, MODES[mode]) ? 0 : mode === "noexist" ? -EEXIST : -ENOENT)),
		updateCpus: (key, value) =>
			errnoOf(() => {
				map.update(
					key,
					Array.from({ length: map.valueBytes / stride }, () => value),
				);
				return 0;
			}),
		delete: (key) => errnoOf(() => (map.delete(key) ? 0 : -ENOENT)),
		keys: () => [...map.keys()],
		entries: () => [...map.entries()],
		entriesCpus: () => Array.from(map.entries(), ([key, all]) => [key, map.split(all)]),
		pin: (path) => map.pin(path),
	};
}
