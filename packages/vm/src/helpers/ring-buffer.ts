import { VmFault } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import { RINGBUF } from "@skep/bpf/uapi";
import { type Cpu, noteRecord, takeFailure } from "#machine";
import {
	finishRecord,
	isReserved,
	type MapState,
	outputRecord,
	queryRing,
	recordSize,
	reserveRecord,
	ringOfRecord,
} from "#maps";
import { give, giveUnsigned, high, low, mapOf, readable, u32, u64, wide } from "./arguments.ts";
import type { Environment } from "./environment.ts";

const WAKEUPS = RINGBUF.BPF_RB_NO_WAKEUP | RINGBUF.BPF_RB_FORCE_WAKEUP;
const MOST = 0x3fff_ffff;

export function ringOf(env: Environment, cpu: Cpu): MapState {
	const map = mapOf(env, cpu, 1);
	if (map.type !== "ringbuf")
		throw new VmFault("reference", cpu.pc, `argument 1 of helper is a map of type ${map.type}, not ringbuf`);
	return map;
}

export function reserve(env: Environment, cpu: Cpu): undefined {
	const map = ringOf(env, cpu);
	const size = u64(cpu, 2);
	const failed = u64(cpu, 3) !== 0 || size > MOST || (env.replay !== undefined && takeFailure(env.replay, map.id));
	const record = failed ? 0 : reserveRecord(map, env.memory, size);
	if (record !== 0) env.run.reserved.push(record);
	else if (env.replay && !failed) env.replay.refused++;
	giveUnsigned(cpu, record);
}

function finish(env: Environment, cpu: Cpu, discard: boolean): undefined {
	const record = u32(cpu, 1);
	const { memory, run } = env;
	const map = high(cpu, 1) === 0 && memory.find(record - 8, 8) ? env.maps.get(ringOfRecord(memory, record)) : undefined;
	if (map?.type !== "ringbuf" || !isReserved(map, memory, record)) {
		throw new VmFault("reference", cpu.pc, "argument 1 of helper is no reserved record of a ring buffer", wide(cpu, 1));
	}
	const at = run.reserved.indexOf(record);
	if (at >= 0) run.reserved.splice(at, 1);
	if (env.replay && !discard)
		noteRecord(env.replay, map.id, memory.u8.slice(record, record + recordSize(memory, record)));
	finishRecord(map, memory, record, discard);
	give(cpu, 0);
}
export const submit = (env: Environment, cpu: Cpu): undefined => finish(env, cpu, false);
export const discard = (env: Environment, cpu: Cpu): undefined => finish(env, cpu, true);

export function output(env: Environment, cpu: Cpu): undefined {
	const map = ringOf(env, cpu);
	const size = u64(cpu, 3);
	if (high(cpu, 4) !== 0 || (low(cpu, 4) & ~WAKEUPS) !== 0) return give(cpu, -ERRNO.EINVAL);
	if (size > MOST || (env.replay && takeFailure(env.replay, map.id))) return give(cpu, -ERRNO.EAGAIN);
	const from = readable(env, cpu, 2, size);
	const result = outputRecord(map, env.memory, from, size);
	if (env.replay && result === 0) noteRecord(env.replay, map.id, env.memory.u8.slice(from, from + size));
	else if (env.replay) env.replay.refused++;
	give(cpu, result);
}

export function query(env: Environment, cpu: Cpu): undefined {
	giveUnsigned(cpu, queryRing(ringOf(env, cpu), env.memory, u64(cpu, 2)));
}

/** A run is over: what it reserved and never finished is thrown away, so that the ring goes on. */
export function abandonRecords(env: Environment): undefined {
	for (const record of env.run.reserved.splice(0)) {
		const map = env.maps.get(ringOfRecord(env.memory, record));
		if (map && isReserved(map, env.memory, record)) finishRecord(map, env.memory, record, true);
	}
}
