/**
 * Objects of the virtual kernel: bpf(2)'s commands arrive here, by a table; file descriptors, ids, references, pins; loading,
 * attaching, raising events and test runs. All of it works on one `System`: memory, clock, tasks and tables of plain rows
 * with ids. Also the kernel's own types: laid out so that no offset is a real kernel's, and objects placed by them.
 */

export { assembleSystem } from "./assemble.ts";
export { makeCgroup } from "./cgroups.ts";
export { COMMANDS } from "./commands.ts";
export { closeDescriptor, drop, hold, idOf } from "./descriptors.ts";
export { controlPerfEvent, mapRing, openPerfEvent, unmapRing } from "./events.ts";
export { readIterator } from "./iterators.ts";
export { mapMemory, unmapMemory } from "./maps.ts";
export { isBpffs, listFolder, removeFolder, unpin } from "./pins.ts";
export { placesOf } from "./places.ts";
export { claimProcessor, forOwner, leaveMachine, releaseProcessor, workersOf } from "./processors.ts";
export {
	type Argument,
	become,
	type MachineEvent,
	type Raised,
	raise,
	runPacket,
	runVerdict,
	type Verdict,
} from "./raise.ts";
export { repeater } from "./repeat.ts";
export { type ReplayEvent, type Replayed, type ReplayObject, type ReplayShape, replay } from "./replay.ts";
export { engineOf, enter, executed, newRun, resumeRun, startTracing } from "./run.ts";
export { restoreSystem, type Snapshot, saveSystem } from "./snapshot.ts";
export { type KernelValue, type StructValue, StructWriter } from "./structs.ts";
export type { RunEnvironment, System, Tracing } from "./system.ts";
export { newTables, type ProgramState, type Tables } from "./tables.ts";
export { endTask, setTask, taskStruct } from "./tasks.ts";
export { advance } from "./timers.ts";
export { tracepointId } from "./tracepoints.ts";
export { virtualBtf } from "./virtual-btf.ts";
export {
	checkCommand,
	followSystem,
	type JoinOptions,
	joinSystem,
	type SharedMachine,
	shareSystem,
} from "./workers.ts";
