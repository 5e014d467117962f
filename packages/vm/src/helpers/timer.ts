import { VmFault } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu } from "#machine";
import type { MapState, SpecialField } from "#maps";
import { give, high, low, mapOf, u32, wide, writable } from "./arguments.ts";
import type { Environment, TimerState } from "./environment.ts";
import { forOwner } from "./owner.ts";

/**
 * Family: timers and work items in values of maps. The field in the value holds the number of a row of `timers`, so that a
 * row whose field holds another number is of a value that is gone, and never runs.
 */
const CLOCKS: readonly number[] = [0, 1, 7];
const ABSOLUTE = 1;
const PINNED = 2;

/** The row of a field, as long as it is in its value; undefined: the field was not initialised. */
function rowAt(env: Environment, at: number): TimerState | undefined {
	const row = env.timers.rows.get(env.memory.view.getUint32(at, true));
	return row?.at === at ? row : undefined;
}

/** Whether a row is still in its value. */
export const isAlive = (env: Environment, row: TimerState): boolean =>
	env.maps.has(row.map) && env.memory.view.getUint32(row.at, true) === row.id;

/** Forgets a row, and lets go of its program. */
export function endTimer(env: Environment, row: TimerState): void {
	env.timers.rows.delete(row.id);
	if (row.program !== 0) env.dropProgram(row.program);
}

/** The field of this kind that argument 1 points at, and the value around it. @throws VmFault where it is none of the map's */
function fieldOf(env: Environment, cpu: Cpu, map: MapState, kind: SpecialField["kind"]): { at: number; value: number } {
	const at = writable(env, cpu, 1, 8);
	const field = map.fields?.find((each) => each.kind === kind);
	if (!field) throw new VmFault("reference", cpu.pc, `the map's values have no field for a ${kind}`, BigInt(at));
	return { at, value: at - field.offset };
}

function init(env: Environment, cpu: Cpu, kind: TimerState["kind"]): undefined {
	forOwner(env, "timers and work items");
	const map = mapOf(env, cpu, 2);
	const { at, value } = fieldOf(env, cpu, map, kind);
	const flags = u32(cpu, 3);
	if (kind === "timer" ? !CLOCKS.includes(flags) || high(cpu, 3) !== 0 : flags !== 0) return give(cpu, -ERRNO.EINVAL);
	if (rowAt(env, at)) return give(cpu, -ERRNO.EBUSY);
	const id = ++env.timers.made;
	const none = { program: 0, low: 0, high: 0, due: undefined, order: 0, cpu: cpu.id };
	env.timers.rows.set(id, { id, kind, map: map.id, value, at, clock: kind === "timer" ? flags : 1, ...none });
	env.memory.view.setUint32(at, id, true);
	give(cpu, 0);
}
/** timer_init(timer, map, clock). */
export const initTimer = (env: Environment, cpu: Cpu): undefined => init(env, cpu, "timer");
/** wq_init(work, map, flags). */
export const initWork = (env: Environment, cpu: Cpu): undefined => init(env, cpu, "wq");

/** Which program a code address is of: the engine keeps it in the high word. */
const PROGRAM = 0x00ff_ffff;

/** set_callback(timer or work, function). */
export function setCallback(env: Environment, cpu: Cpu): undefined {
	forOwner(env, "timers and work items");
	const row = rowAt(env, writable(env, cpu, 1, 8));
	if (!row) return give(cpu, -ERRNO.EINVAL);
	const program = high(cpu, 2) & PROGRAM;
	env.holdProgram(program);
	if (row.program !== 0) env.dropProgram(row.program);
	row.program = program;
	row.low = low(cpu, 2);
	row.high = high(cpu, 2);
	give(cpu, 0);
}

/** timer_start(timer, nanoseconds, flags). */
export function startTimer(env: Environment, cpu: Cpu): undefined {
	forOwner(env, "timers and work items");
	const row = rowAt(env, writable(env, cpu, 1, 8));
	const flags = u32(cpu, 3);
	if (high(cpu, 3) !== 0 || (flags & ~(ABSOLUTE | PINNED)) !== 0 || !row || row.program === 0)
		return give(cpu, -ERRNO.EINVAL);
	const after = wide(cpu, 2);
	const { monotonic, realOffset, bootOffset } = env.clock.state;
	const ahead = row.clock === 0 ? realOffset : row.clock === 7 ? bootOffset : 0n;
	row.due = (flags & ABSOLUTE) !== 0 ? after - ahead : monotonic + after;
	row.order = ++env.timers.made;
	row.cpu = cpu.id;
	give(cpu, 0);
}

/** timer_cancel(timer): 1: it was started. It needs a callback again. */
export function cancelTimer(env: Environment, cpu: Cpu): undefined {
	forOwner(env, "timers and work items");
	const row = rowAt(env, writable(env, cpu, 1, 8));
	if (!row) return give(cpu, -ERRNO.EINVAL);
	if (env.run.timer === row.id) return give(cpu, -ERRNO.EDEADLK);
	const wasStarted = row.due !== undefined;
	row.due = undefined;
	if (row.program !== 0) env.dropProgram(row.program);
	row.program = 0;
	give(cpu, wasStarted ? 1 : 0);
}

/** wq_start(work, flags): it runs as soon as what runs now is over. */
export function startWork(env: Environment, cpu: Cpu): undefined {
	forOwner(env, "timers and work items");
	const row = rowAt(env, writable(env, cpu, 1, 8));
	if (u32(cpu, 2) !== 0 || !row || row.program === 0) return give(cpu, -ERRNO.EINVAL);
	row.cpu = cpu.id;
	if (!env.timers.work.includes(row.id)) env.timers.work.push(row.id);
	give(cpu, 0);
}
