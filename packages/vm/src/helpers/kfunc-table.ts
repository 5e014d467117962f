import { VmFault } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu } from "#machine";
import { allocatePages, freePages, type MapState } from "#maps";
import { give, giveUnsigned, low, mapOf, u32, wide, writable } from "./arguments.ts";
import * as dynptr from "./dynptr.ts";
import type { Environment } from "./environment.ts";
import { forOwner } from "./owner.ts";
import type { HelperFunction } from "./table.ts";
import * as timer from "./timer.ts";

/** A program's bpf_throw: it leaves all functions at once. */
export class ProgramException extends Error {
	readonly cookie: bigint;
	constructor(cookie: bigint) {
		super(`the program threw ${cookie}`);
		this.name = "ProgramException";
		this.cookie = cookie;
	}
}

/** Marks a section, which where one program runs at a time needs nothing done. */
const mark: HelperFunction = (_env, cpu) => give(cpu, 0);
/** Gives its argument back. */
const same: HelperFunction = (_env, cpu) => {
	cpu.registers[0] = cpu.registers[2]!;
	cpu.registers[1] = cpu.registers[3]!;
};

function throwException(_env: Environment, cpu: Cpu): undefined {
	throw new ProgramException(wide(cpu, 1));
}

/** Most numbers that one iterator runs through. */
const MOST_ROUNDS = 1 << 23;

/** iter_num_new(iterator, start, end): two 32-bit numbers, the one before the next and the end. */
function newNumbers(env: Environment, cpu: Cpu): undefined {
	const at = writable(env, cpu, 1, 8);
	const start = low(cpu, 2);
	const end = low(cpu, 3);
	const { view } = env.memory;
	view.setBigUint64(at, 0n, true);
	if (start > end) return give(cpu, -ERRNO.EINVAL);
	if (end - start > MOST_ROUNDS) return give(cpu, -ERRNO.E2BIG);
	view.setInt32(at, start - 1, true);
	view.setInt32(at + 4, end, true);
	give(cpu, 0);
}

/** iter_num_next(iterator): address of the number; 0: that was all. */
function nextNumber(env: Environment, cpu: Cpu): undefined {
	const at = writable(env, cpu, 1, 8);
	const { view } = env.memory;
	const next = (view.getInt32(at, true) + 1) | 0;
	if (next >= view.getInt32(at + 4, true)) {
		view.setBigUint64(at, 0n, true);
		return give(cpu, 0);
	}
	view.setInt32(at, next, true);
	giveUnsigned(cpu, at);
}

function endNumbers(env: Environment, cpu: Cpu): undefined {
	env.memory.view.setBigUint64(writable(env, cpu, 1, 8), 0n, true);
	give(cpu, 0);
}

function arenaOf(env: Environment, cpu: Cpu): MapState {
	const map = mapOf(env, cpu, 1);
	if (map.type !== "arena")
		throw new VmFault("reference", cpu.pc, `argument 1 of kernel function is a map of type ${map.type}, not arena`);
	return map;
}

/** arena_alloc_pages(map, address or 0, pages, node, flags): their address in user space, or 0. */
function arenaAllocate(env: Environment, cpu: Cpu): undefined {
	const map = arenaOf(env, cpu);
	forOwner(env, "pages of an arena");
	if (wide(cpu, 5) !== 0n || (low(cpu, 4) !== -1 && low(cpu, 4) !== 0)) return give(cpu, 0);
	const address = allocatePages(map, env.memory, u32(cpu, 2), u32(cpu, 3));
	cpu.registers[0] = address;
	cpu.registers[1] = address === 0 ? 0 : Number(BigInt.asIntN(32, map.userStart >> 32n));
}

/** arena_free_pages(map, address, pages). */
function arenaFree(env: Environment, cpu: Cpu): undefined {
	forOwner(env, "pages of an arena");
	freePages(arenaOf(env, cpu), env.memory, u32(cpu, 2), u32(cpu, 3));
	give(cpu, 0);
}

const taskFromPid: HelperFunction = (env, cpu) => giveUnsigned(cpu, env.taskOf(low(cpu, 1)));

/** Kernel functions that this kernel has, by name. One row a function. */
// biome-ignore format: table
const ROWS: Readonly<Record<string, HelperFunction>> = {
	bpf_rcu_read_lock: mark,
	bpf_rcu_read_unlock: mark,
	bpf_preempt_disable: mark,
	bpf_preempt_enable: mark,
	bpf_local_irq_save: mark,
	bpf_local_irq_restore: mark,
	bpf_throw: throwException,
	bpf_iter_num_new: newNumbers,
	bpf_iter_num_next: nextNumber,
	bpf_iter_num_destroy: endNumbers,
	bpf_arena_alloc_pages: arenaAllocate,
	bpf_arena_free_pages: arenaFree,
	bpf_wq_init: timer.initWork,
	bpf_wq_set_callback_impl: timer.setCallback,
	bpf_wq_start: timer.startWork,
	bpf_dynptr_from_xdp: dynptr.fromPacket,
	bpf_dynptr_from_skb: dynptr.fromPacket,
	bpf_dynptr_slice: dynptr.dynptrSlice,
	bpf_dynptr_slice_rdwr: dynptr.dynptrSliceWritable,
	bpf_dynptr_adjust: dynptr.adjustDynptr,
	bpf_dynptr_is_null: dynptr.dynptrIsNull,
	bpf_dynptr_is_rdonly: dynptr.dynptrIsReadOnly,
	bpf_dynptr_size: dynptr.dynptrSize,
	bpf_dynptr_clone: dynptr.cloneDynptr,
	bpf_rdonly_cast: same,
	bpf_cast_to_kern_ctx: same,
	bpf_task_acquire: same,
	bpf_task_release: mark,
	bpf_task_from_pid: taskFromPid,
	bpf_cgroup_acquire: same,
	bpf_cgroup_release: mark,
};

/** By the kernel's name; undefined: this kernel does not have it. */
export const kernelFunction = (name: string): HelperFunction | undefined =>
	Object.hasOwn(ROWS, name) ? ROWS[name] : undefined;
