import { readFileSync } from "node:fs";
import { NotSupportedError } from "@skep/bpf/base";

const POSSIBLE = "/sys/devices/system/cpu/possible";

/** How many CPUs a list of the kernel names: `0-3,8` five. */
export function countCpus(list: string): number {
	return list
		.trim()
		.split(",")
		.reduce((count, range) => {
			const [first = 0, last = first] = range.split("-").map(Number);
			return count + last - first + 1;
		}, 0);
}

/**
 * CPUs that this system may ever have, online or not: a per-CPU map has a value for each, one after another, whatever the
 * numbers of the CPUs are. @throws NotSupportedError where sysfs cannot be read
 */
export function possibleCpus(): number {
	try {
		return countCpus(readFileSync(POSSIBLE, "utf8"));
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		throw new NotSupportedError("eBPF", `the number of CPUs cannot be read (${why}); it wants sysfs at /sys`);
	}
}
