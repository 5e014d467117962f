import { BpfError, VmFault } from "@skep/bpf/base";
import { type Cpu, holderOf, lock, unlock } from "#machine";
import { give, writable } from "./arguments.ts";
import type { Environment } from "./environment.ts";

/**
 * Family: spin locks in values. The word holds the processor's number + 1. Where one program runs at a time, a lock that is
 * taken is taken by the one that asks; workers wait for each other.
 */
function lockAt(env: Environment, cpu: Cpu): number {
	const at = writable(env, cpu, 1, 4);
	if (at % 4 !== 0) throw fault(cpu, at, "at no multiple of 4");
	return at;
}

const fault = (cpu: Cpu, at: number, what: string): VmFault =>
	new VmFault("reference", cpu.pc, `the lock at 0x${at.toString(16)} is ${what}`);

export function spinLock(env: Environment, cpu: Cpu): undefined {
	const at = lockAt(env, cpu);
	if (!env.memory.shared && holderOf(env.memory, at) !== 0) throw fault(cpu, at, "taken");
	const result = lock(env.memory, at, cpu.id + 1);
	if (result === "own") throw fault(cpu, at, "taken");
	if (result === "stuck")
		throw new BpfError("ERR_LOCK", `the lock at 0x${at.toString(16)} is not given back by whoever has it`);
	env.run.lock = at;
	give(cpu, 0);
}

export function spinUnlock(env: Environment, cpu: Cpu): undefined {
	const at = lockAt(env, cpu);
	if (holderOf(env.memory, at) !== cpu.id + 1)
		throw fault(cpu, at, holderOf(env.memory, at) === 0 ? "free" : "another processor's");
	unlock(env.memory, at);
	env.run.lock = 0;
	give(cpu, 0);
}

/** A run is over: a lock that it took and never gave back is free again. */
export function abandonLock(env: Environment): void {
	if (env.run.lock !== 0) unlock(env.memory, env.run.lock);
	env.run.lock = 0;
}
