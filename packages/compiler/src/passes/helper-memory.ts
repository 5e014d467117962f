import { type Inst, sizeOf } from "#ir";
import type { PassContext } from "./context.ts";

/** What a call does to the memory behind one argument. */
export interface ArgumentEffect {
	/** Index in the call's args. */
	readonly argument: number;
	/** `text`: written up to a NUL, the rest stays. */
	readonly kind: "read" | "write" | "text" | "both";
	/** Bytes; undefined: not known. */
	readonly size: number | undefined;
}

/** `argument kind size`: the size is an argument's constant (`#1`), or that of the map's key or value. */
type Rule = readonly [argument: number, kind: "read" | "write" | "text", size: number | "key" | "value"];

/** Helpers by number whose pointers are known to be read or written as said, and nothing else. Sources: linux/bpf.h. */
// biome-ignore format: table
const RULES: Readonly<Record<number, readonly Rule[]>> = {
	1: [[1, "read", "key"]], // map_lookup_elem
	2: [[1, "read", "key"], [2, "read", "value"]], // map_update_elem
	3: [[1, "read", "key"]], // map_delete_elem
	4: [[0, "write", 1]], // probe_read
	5: [], // ktime_get_ns
	7: [], // get_prandom_u32
	8: [], // get_smp_processor_id
	14: [], // get_current_pid_tgid
	15: [], // get_current_uid_gid
	16: [[0, "text", 1]], // get_current_comm: older kernels (6.1) do not pad
	25: [[3, "read", 4]], // perf_event_output
	26: [[2, "write", 3]], // skb_load_bytes
	27: [], // get_stackid
	35: [], // get_current_task
	42: [], // get_numa_node_id
	45: [[0, "text", 1]], // probe_read_str
	80: [], // get_current_cgroup_id
	112: [[0, "write", 1]], // probe_read_user
	113: [[0, "write", 1]], // probe_read_kernel
	114: [[0, "text", 1]], // probe_read_user_str
	115: [[0, "text", 1]], // probe_read_kernel_str
	118: [], // jiffies64
	125: [], // ktime_get_boot_ns
	127: [[1, "read", 2]], // seq_write
	130: [[1, "read", 2]], // ringbuf_output
	131: [], // ringbuf_reserve
	133: [], // ringbuf_discard: nobody looks at the record
	158: [], // get_current_task_btf
	195: [[1, "read", "key"]], // map_lookup_percpu_elem
};

/** Helpers that change no memory besides what RULES says and no map. */
const QUIET = new Set([
	1, 4, 5, 7, 8, 14, 15, 16, 26, 35, 42, 45, 80, 112, 113, 114, 115, 118, 125, 127, 131, 132, 133, 158, 195,
]);

export const changesMaps = (call: Inst & { op: "call" }): boolean =>
	call.callee.kind !== "helper" || !QUIET.has(call.callee.id);

/** What a call does behind its arguments; those not listed are not followed. Unknown callees read and write all. */
export function callEffects(call: Inst & { op: "call" }, context: PassContext): ArgumentEffect[] {
	const rules = call.callee.kind === "helper" ? RULES[call.callee.id] : undefined;
	if (!rules) return call.args.map((_, argument) => ({ argument, kind: "both", size: undefined }));
	return rules.map(([argument, kind, size]) => ({ argument, kind, size: sizeOfRule(call, size, context) }));
}

function sizeOfRule(
	call: Inst & { op: "call" },
	size: number | "key" | "value",
	context: PassContext,
): number | undefined {
	if (typeof size === "number") {
		const n = call.args[size];
		return n?.op === "const" ? Number(n.value) : undefined;
	}
	const map = call.args[0]?.op === "map" ? context.maps.get(call.args[0].map) : undefined;
	const type = size === "key" ? map?.key : map?.value;
	return type && sizeOf(type);
}

export const isHelper = (i: Inst, id: number): i is Inst & { op: "call" } =>
	i.op === "call" && i.callee.kind === "helper" && i.callee.id === id;
