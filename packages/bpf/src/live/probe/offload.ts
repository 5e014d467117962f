import type { Kernel } from "#kernel";
import { MAP_TYPES } from "#uapi";
import { load, RETURN_0 } from "./ask.ts";
import { create } from "./map.ts";

/** What a network device's hardware takes: the types that can be offloaded, each tried by one program or map made for it. */
export interface Offload {
	readonly programs: { readonly sched_cls: boolean; readonly xdp: boolean };
	readonly maps: { readonly hash: boolean; readonly array: boolean };
}

/** Asks the device `ifindex` of the caller's network namespace. */
export function probeOffload(kernel: Kernel, ifindex: number): Offload {
	const taken = (result: number): boolean => {
		if (result >= 0) kernel.close(result);
		return result >= 0;
	};
	const program = (type: "sched_cls" | "xdp") => taken(load(kernel, type, RETURN_0, { prog_ifindex: ifindex }).result);
	const map = (type: "hash" | "array") => {
		const map_type = MAP_TYPES[type].value;
		return taken(create(kernel, { map_type, key_size: 4, value_size: 4, max_entries: 1, map_ifindex: ifindex }));
	};
	return {
		programs: { sched_cls: program("sched_cls"), xdp: program("xdp") },
		maps: { hash: map("hash"), array: map("array") },
	};
}
