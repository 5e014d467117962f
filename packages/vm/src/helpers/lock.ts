import { VmFault } from "@skep/bpf/base";
import type { Cpu } from "#machine";
import { give, writable } from "./arguments.ts";
import type { Environment } from "./environment.ts";

/** Family: spin locks in values. One program runs at a time, so that a lock that is taken is taken by the one that asks. */
function change(env: Environment, cpu: Cpu, to: number): undefined {
	const at = writable(env, cpu, 1, 4);
	const { view } = env.memory;
	if (view.getInt32(at, true) === to)
		throw new VmFault("reference", cpu.pc, `the lock at 0x${at.toString(16)} is ${to === 1 ? "taken" : "free"}`);
	view.setInt32(at, to, true);
	give(cpu, 0);
}
export const spinLock = (env: Environment, cpu: Cpu): undefined => change(env, cpu, 1);
export const spinUnlock = (env: Environment, cpu: Cpu): undefined => change(env, cpu, 0);
