import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu, Memory } from "#machine";
import { give, high, readable, u32, writable } from "./arguments.ts";
import type { Environment } from "./environment.ts";
import { replayRead } from "./replay.ts";

/**
 * Family: reading what a program may not load. `kernel` reads the kernel's memory, `user` the process's, and neither the
 * other's; where nothing is, the destination becomes zero and the result -EFAULT or, of the kernel's memory at a
 * process's address, -ERANGE.
 */
type Side = "kernel" | "user" | "both";

function reaches(memory: Memory, address: number, size: number, side: Side): boolean {
	if (!memory.find(address, size)) return false;
	const isUser = memory.region(address)?.kind === "user";
	return side === "both" || isUser === (side === "user");
}

/** Where the kernel's half of the addresses begins, as a high word. */
const KERNEL_HALF = 0xffff_8000;

/** Linux does not even try to read the kernel's memory at an address that no kernel's can be. */
function failed(cpu: Cpu, side: Side): number {
	return side === "kernel" && high(cpu, 3) >>> 0 < KERNEL_HALF ? -ERRNO.ERANGE : -ERRNO.EFAULT;
}

function read(env: Environment, cpu: Cpu, side: Side): undefined {
	const size = u32(cpu, 2);
	const to = writable(env, cpu, 1, size);
	const from = u32(cpu, 3);
	const { u8 } = env.memory;
	if (size === 0) return give(cpu, 0);
	if (env.replay && side !== "kernel" && replayRead(env, env.replay, cpu, false)) return;
	if (high(cpu, 3) === 0 && reaches(env.memory, from, size, side)) {
		u8.copyWithin(to, from, from + size);
		return give(cpu, 0);
	}
	if (env.replay && side === "kernel" && replayRead(env, env.replay, cpu, false)) return;
	u8.fill(0, to, to + size);
	give(cpu, failed(cpu, side));
}

function readText(env: Environment, cpu: Cpu, side: Side): undefined {
	const size = u32(cpu, 2);
	const to = writable(env, cpu, 1, size);
	const from = u32(cpu, 3);
	const { memory } = env;
	if (size === 0) return give(cpu, 0);
	if (env.replay && side !== "kernel" && replayRead(env, env.replay, cpu, true)) return;
	const { u8 } = memory;
	if (high(cpu, 3) !== 0 || !reaches(memory, from, 1, side)) {
		if (env.replay && side === "kernel" && replayRead(env, env.replay, cpu, true)) return;
		u8.fill(0, to, to + size);
		return give(cpu, failed(cpu, side));
	}
	const room = Math.min(size, memory.foundEnd - from);
	let length = 0;
	while (length < room && u8[from + length] !== 0) length++;
	if (length === room && room < size) {
		// It ran off its region before a NUL came.
		u8.fill(0, to, to + size);
		return give(cpu, failed(cpu, side));
	}
	const text = Math.min(length, size - 1);
	u8.copyWithin(to, from, from + text);
	u8[to + text] = 0;
	give(cpu, text + 1);
}

/** probe_write_user(address, from, size). */
export function writeUser(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 3);
	const from = readable(env, cpu, 2, size);
	const to = u32(cpu, 1);
	if (high(cpu, 1) !== 0 || !reaches(env.memory, to, size, "user")) return give(cpu, -ERRNO.EFAULT);
	env.memory.u8.copyWithin(to, from, from + size);
	give(cpu, 0);
}

export const readKernel = (env: Environment, cpu: Cpu): undefined => read(env, cpu, "kernel");
export const readUser = (env: Environment, cpu: Cpu): undefined => read(env, cpu, "user");
export const readAny = (env: Environment, cpu: Cpu): undefined => read(env, cpu, "both");
export const readKernelText = (env: Environment, cpu: Cpu): undefined => readText(env, cpu, "kernel");
export const readUserText = (env: Environment, cpu: Cpu): undefined => readText(env, cpu, "user");
export const readAnyText = (env: Environment, cpu: Cpu): undefined => readText(env, cpu, "both");
