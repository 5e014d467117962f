/**
 * Helpers of the virtual kernel: a table by the kernel's names and numbers, and a file a family. A helper is a plain
 * function of the environment (`Environment`: memory, maps, clock, current task, the run) and the processor: arguments in
 * r1 … r5, result in r0. Pointers are checked against the machine's regions; one that leads elsewhere is a VmFault.
 */
export { COMM } from "./current.ts";
export {
	type Environment,
	MAP_TAG,
	type PerfRing,
	type RunState,
	type SequenceState,
	type TimerState,
	type Timers,
} from "./environment.ts";
export { kernelFunction, ProgramException } from "./kfunc-table.ts";
export { abandonLock } from "./lock.ts";
export { loadAbsolute } from "./packet.ts";
export { replayResult } from "./replay.ts";
export { abandonRecords } from "./ring-buffer.ts";
export { helperRoutine } from "./routines.ts";
export { type HelperFunction, helperFits, helperFunction } from "./table.ts";
export { MOST_TAIL_CALLS } from "./tail-call.ts";
export { endTimer, isAlive } from "./timer.ts";
