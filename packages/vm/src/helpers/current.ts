import { encodeUtf8 } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu } from "#machine";
import { give, giveUnsigned, giveWide, low, u32, writable } from "./arguments.ts";
import type { Environment } from "./environment.ts";

/** Families: the current task, time, the processor, chance. */

export function pidTgid(env: Environment, cpu: Cpu): undefined {
	cpu.registers[0] = env.task.pid;
	cpu.registers[1] = env.task.tgid;
}

export function uidGid(env: Environment, cpu: Cpu): undefined {
	cpu.registers[0] = env.task.uid;
	cpu.registers[1] = env.task.gid;
}

/** Bytes of a task's name, the NUL among them. */
export const COMM = 16;

export function comm(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 2);
	const to = writable(env, cpu, 1, size);
	const name = env.replay ? env.replay.comm : encodeUtf8(env.task.comm);
	const text = name.subarray(0, Math.min(COMM, size) - 1);
	env.memory.u8.fill(0, to, to + size);
	env.memory.u8.set(text, to);
	give(cpu, size === 0 ? -ERRNO.EINVAL : 0);
}

export const task = (env: Environment, cpu: Cpu): undefined => giveUnsigned(cpu, env.taskAddress());
export const cgroupId = (env: Environment, cpu: Cpu): undefined => giveWide(cpu, env.task.cgroupId);

/** The machine's cgroups stand one below the root: level 0 is the root, level 1 the task's own. */
export function ancestorCgroupId(env: Environment, cpu: Cpu): undefined {
	const level = low(cpu, 1);
	const { cgroupId: own } = env.task;
	giveWide(cpu, level === 0 ? ROOT_CGROUP : level === 1 && own !== ROOT_CGROUP ? own : 0n);
}
const ROOT_CGROUP = 1n;

/** ns_pid and ns_tgid of the one pid namespace that this machine has; anything else is refused. */
export function nsPidTgid(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 4);
	const to = writable(env, cpu, 3, size);
	env.memory.u8.fill(0, to, to + size);
	if (size !== 8) return give(cpu, -ERRNO.EINVAL);
	env.memory.view.setUint32(to, env.task.pid, true);
	env.memory.view.setUint32(to + 4, env.task.tgid, true);
	give(cpu, 0);
}

export const ktime = (env: Environment, cpu: Cpu): undefined => giveWide(cpu, env.clock.monotonic());
export const bootTime = (env: Environment, cpu: Cpu): undefined => giveWide(cpu, env.clock.boot());
export const realTime = (env: Environment, cpu: Cpu): undefined => giveWide(cpu, env.clock.real());
/** A tick of 4 ms, as HZ=250 has it. */
export const jiffies = (env: Environment, cpu: Cpu): undefined => giveWide(cpu, env.clock.monotonic() / 4_000_000n);

export const processor = (_env: Environment, cpu: Cpu): undefined => give(cpu, cpu.id);
export const node = (_env: Environment, cpu: Cpu): undefined => give(cpu, 0);
export const cookie = (env: Environment, cpu: Cpu): undefined => giveWide(cpu, env.run.cookie);

/** One step of a 32-bit counter-based generator (a Weyl sequence, well mixed): the same seed gives the same numbers. */
export function random(env: Environment, cpu: Cpu): undefined {
	env.random = (env.random + RANDOM.step) | 0;
	let word = env.random;
	for (const [shift, factor] of RANDOM.rounds) word = Math.imul(word ^ (word >>> shift), factor);
	giveUnsigned(cpu, (word ^ (word >>> RANDOM.last)) >>> 0);
}

export const RANDOM = {
	step: 0x9e37_79b9 | 0,
	rounds: [
		[16, 0x21f0_aaad],
		[15, 0x735a_2d97],
	],
	last: 15,
} as const;

/** Signals and addresses of functions: this machine has none to send or show. */
export const refuse = (_env: Environment, cpu: Cpu): undefined => give(cpu, -ERRNO.EPERM);
export const nothing = (_env: Environment, cpu: Cpu): undefined => give(cpu, 0);
