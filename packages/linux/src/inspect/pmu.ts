import { readFileSync } from "node:fs";
import { ERRNO, type Pmu } from "@skep/bpf/kernel";
import { errnoOf } from "#sys";
import { textOf } from "./settings.ts";

const DEVICES = "/sys/bus/event_source/devices";

/** A dynamic PMU of perf by its name; -ENOENT. */
export function findPmu(name: string): Pmu | number {
	if (!/^\w+$/.test(name)) return -ERRNO.ENOENT;
	try {
		const type = Number.parseInt(readFileSync(`${DEVICES}/${name}/type`, "utf8"), 10);
		const retprobeBit = configBit(textOf(`${DEVICES}/${name}/format/retprobe`));
		const refCounterBit = configBit(textOf(`${DEVICES}/${name}/format/ref_ctr_offset`));
		return {
			type,
			...(retprobeBit === undefined ? {} : { retprobeBit }),
			...(refCounterBit === undefined ? {} : { refCounterBit }),
		};
	} catch (error) {
		return -errnoOf(error);
	}
}

/** `config:32-63` begins at bit 32. */
function configBit(format: string | undefined): number | undefined {
	const found = format === undefined ? null : /^config:(\d+)/.exec(format);
	return found ? Number(found[1]) : undefined;
}
