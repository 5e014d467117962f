import { HELPERS } from "@skep/bpf/uapi";
import type { Cpu } from "#machine";
import { strncmp } from "./compare.ts";
import * as current from "./current.ts";
import * as dynptr from "./dynptr.ts";
import type { Environment } from "./environment.ts";
import * as lock from "./lock.ts";
import * as map from "./map.ts";
import * as number from "./number.ts";
import * as packet from "./packet.ts";
import { perfOutput } from "./perf.ts";
import * as print from "./print.ts";
import * as probe from "./probe.ts";
import * as ring from "./ring-buffer.ts";
import * as storage from "./storage.ts";
import { tailCall } from "./tail-call.ts";
import * as timer from "./timer.ts";
import { drainUserRing } from "./user-ring.ts";

/** What a helper does: arguments in r1 … r5, the result in r0. @throws VmFault where an argument is not what it must be */
export type HelperFunction = (env: Environment, cpu: Cpu) => void;

/** Kinds of program that may call it, where not all may. */
const XDP = ["xdp"] as const;
const NETWORK = ["xdp", "sched_cls", "sched_act"] as const;
const SKB = ["socket_filter", "sched_cls", "sched_act", "cgroup_skb"] as const;

interface Row {
	readonly run: HelperFunction;
	readonly only?: readonly string[];
}

/** Helpers that this kernel has, by the kernel's name without `bpf_`. One row a helper. */
// biome-ignore format: table
const ROWS: Readonly<Record<string, Row>> = {
	map_lookup_elem: { run: map.lookup },
	map_update_elem: { run: map.update },
	map_delete_elem: { run: map.remove },
	map_lookup_percpu_elem: { run: map.lookupPercpu },
	map_push_elem: { run: map.pushElement },
	map_pop_elem: { run: map.popElement },
	map_peek_elem: { run: map.peekElement },
	for_each_map_elem: { run: map.forEachElement },
	loop: { run: map.loop },
	spin_lock: { run: lock.spinLock },
	spin_unlock: { run: lock.spinUnlock },
	timer_init: { run: timer.initTimer },
	timer_set_callback: { run: timer.setCallback },
	timer_start: { run: timer.startTimer },
	timer_cancel: { run: timer.cancelTimer },
	task_storage_get: { run: storage.getStorage },
	task_storage_delete: { run: storage.deleteStorage },
	cgrp_storage_get: { run: storage.getStorage },
	cgrp_storage_delete: { run: storage.deleteStorage },
	tail_call: { run: tailCall },
	ringbuf_output: { run: ring.output },
	ringbuf_reserve: { run: ring.reserve },
	ringbuf_submit: { run: ring.submit },
	ringbuf_discard: { run: ring.discard },
	ringbuf_query: { run: ring.query },
	ringbuf_reserve_dynptr: { run: dynptr.reserveDynptr },
	ringbuf_submit_dynptr: { run: dynptr.submitDynptr },
	ringbuf_discard_dynptr: { run: dynptr.discardDynptr },
	user_ringbuf_drain: { run: drainUserRing },
	dynptr_from_mem: { run: dynptr.fromMemory },
	dynptr_read: { run: dynptr.readDynptr },
	dynptr_write: { run: dynptr.writeDynptr },
	dynptr_data: { run: dynptr.dynptrData },
	perf_event_output: { run: perfOutput },
	ktime_get_ns: { run: current.ktime },
	ktime_get_boot_ns: { run: current.bootTime },
	ktime_get_coarse_ns: { run: current.ktime },
	ktime_get_tai_ns: { run: current.realTime },
	jiffies64: { run: current.jiffies },
	get_prandom_u32: { run: current.random },
	get_smp_processor_id: { run: current.processor },
	get_numa_node_id: { run: current.node },
	get_current_pid_tgid: { run: current.pidTgid },
	get_ns_current_pid_tgid: { run: current.nsPidTgid },
	get_current_uid_gid: { run: current.uidGid },
	get_current_comm: { run: current.comm },
	get_current_task: { run: current.task },
	get_current_task_btf: { run: current.task },
	get_current_cgroup_id: { run: current.cgroupId },
	get_current_ancestor_cgroup_id: { run: current.ancestorCgroupId },
	get_attach_cookie: { run: current.cookie },
	probe_read: { run: probe.readAny },
	probe_read_str: { run: probe.readAnyText },
	probe_read_kernel: { run: probe.readKernel },
	probe_read_kernel_str: { run: probe.readKernelText },
	probe_read_user: { run: probe.readUser },
	probe_read_user_str: { run: probe.readUserText },
	copy_from_user: { run: probe.readUser },
	probe_write_user: { run: probe.writeUser },
	trace_printk: { run: print.tracePrintk },
	trace_vprintk: { run: print.traceVprintk },
	snprintf: { run: print.snprintf },
	seq_printf: { run: print.seqPrintf, only: ["tracing"] },
	seq_write: { run: print.seqWrite, only: ["tracing"] },
	strncmp: { run: strncmp },
	strtol: { run: number.strtol },
	strtoul: { run: number.strtoul },
	csum_diff: { run: packet.csumDiff, only: NETWORK },
	redirect: { run: packet.redirect, only: NETWORK },
	xdp_adjust_head: { run: packet.adjustHead, only: XDP },
	xdp_adjust_tail: { run: packet.adjustTail, only: XDP },
	xdp_adjust_meta: { run: packet.adjustMeta, only: XDP },
	xdp_get_buff_len: { run: packet.xdpLength, only: XDP },
	xdp_load_bytes: { run: packet.loadXdp, only: XDP },
	xdp_store_bytes: { run: packet.storeXdp, only: XDP },
	skb_load_bytes: { run: packet.loadSkb, only: SKB },
};

const BY_ID: readonly (Row | undefined)[] = [undefined, ...HELPERS.map((each) => ROWS[each.name])];

/** By the kernel's number; undefined: this kernel does not have it. */
export const helperFunction = (id: number): HelperFunction | undefined => BY_ID[id]?.run;

/** Whether a program of this type may call helper `id`. */
export function helperFits(id: number, programType: string): boolean {
	const row = BY_ID[id];
	return row !== undefined && (row.only === undefined || row.only.includes(programType));
}
