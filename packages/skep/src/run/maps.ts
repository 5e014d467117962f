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

/** A live map as handles see it. `written` is called before a handle changes it. */
export function rawMap(map: BpfMap, written: () => void = () => {}): RawMap {
	const stride = map.stride;
	const changing = (work: () => number): number => {
		written();
		return errnoOf(work);
	};
	return {
		get fd() {
			return map.fd.number;
		},
		lookup: (key) => map.lookup(key),
		lookupCpus: (key) => map.lookupPerCpu(key),
		update: (key, value, mode) =>
			changing(() => (map.update(key, value, MODES[mode]) ? 0 : mode === "noexist" ? -EEXIST : -ENOENT)),
		updateCpus: (key, value) =>
			changing(() => {
				map.update(
					key,
					Array.from({ length: map.valueBytes / stride }, () => value),
				);
				return 0;
			}),
		delete: (key) => changing(() => (map.delete(key) ? 0 : -ENOENT)),
		keys: () => [...map.keys()],
		entries: () => [...map.entries()],
		entriesCpus: () => Array.from(map.entries(), ([key, all]) => [key, map.split(all)]),
		pin: (path) => map.pin(path),
	};
}
