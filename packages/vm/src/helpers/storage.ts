import { VmFault } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu } from "#machine";
import { type MapState, store, stored, unstore } from "#maps";
import { give, giveUnsigned, high, mapOf, readable, u32, wide } from "./arguments.ts";
import type { Environment } from "./environment.ts";
import { forOwner } from "./owner.ts";

/** Family: values at tasks and cgroups, in maps of type task_storage and cgrp_storage. */
const CREATE = 1n;

function storageOf(env: Environment, cpu: Cpu): MapState {
	const map = mapOf(env, cpu, 1);
	if (map.type !== "task_storage" && map.type !== "cgrp_storage")
		throw new VmFault("reference", cpu.pc, `argument 1 of helper is a map of type ${map.type}, not storage`);
	return map;
}

/** get(map, owner, initial value or 0, flags): address of the owner's value; 0: there is none. */
export function getStorage(env: Environment, cpu: Cpu): undefined {
	const map = storageOf(env, cpu);
	const flags = wide(cpu, 4);
	if ((flags & ~CREATE) !== 0n || wide(cpu, 2) === 0n) return give(cpu, 0);
	const owner = readable(env, cpu, 2, 1);
	const before = stored(map, owner);
	if (before !== 0 || flags === 0n) return giveUnsigned(cpu, before);
	forOwner(env, "storage that is not there yet");
	const from = u32(cpu, 3) === 0 && high(cpu, 3) === 0 ? 0 : readable(env, cpu, 3, map.valueSize);
	giveUnsigned(cpu, store(map, env.memory, owner, from));
}

export function deleteStorage(env: Environment, cpu: Cpu): undefined {
	const map = storageOf(env, cpu);
	forOwner(env, "deleting storage");
	if (wide(cpu, 2) === 0n) return give(cpu, -ERRNO.EINVAL);
	give(cpu, unstore(map, env.memory, readable(env, cpu, 2, 1)));
}
