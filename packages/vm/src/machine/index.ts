/**
 * The machine that programs run on, as data: memory, processors, tasks and a clock. Nothing here runs a program.
 *
 * `Memory` is one linear memory with a table of regions; a guest address is a byte offset in it, high half 0.
 * Workers may share it: `lock` and `unlock` are theirs.
 * `Cpu` holds the registers as pairs of 32-bit words and the frames of calls; `registerOf`/`setRegister` are for
 * whoever is not in a hurry. `Clock` goes only when told to. `Tasks` is a plain table. `ReplayState`
 * is what a recorded run got, while it is run again.
 * `Callables` is what the engine calls out through: it knows no helper and no map.
 */
export {
	type Callables,
	CODE_TAG,
	codeAddress,
	type Executable,
	type KnownArguments,
	LEFT,
	type RoutineShortcut,
	type Shortcut,
} from "./call.ts";
export { CLOCK_WORDS, Clock, type ClockState } from "./clock.ts";
export {
	CALLEE_SAVED,
	type Cpu,
	FRAME_WORDS,
	MAX_FRAMES,
	MAY_GOTO_LIMIT,
	newCpu,
	R0,
	R1,
	R2,
	R3,
	R4,
	R5,
	R6,
	R10,
	registerOf,
	STACK_FRAME_SIZE,
	setRegister,
} from "./cpu.ts";
export { holderOf, type Locked, lock, unlock } from "./lock.ts";
export { Memory, type MemoryState, NULL_PAGE, type Region, type RegionKind, type SharedMemory } from "./memory.ts";
export {
	type EmittedRecord,
	noteRecord,
	type ReplayOutcome,
	type ReplayRead,
	type ReplayResult,
	type ReplayState,
	takeFailure,
	takeRead,
	takeResult,
} from "./replay.ts";
export { RUN_WORDS, RUN_WORDS_SIZE, runWord } from "./run-words.ts";
export { type Task, Tasks } from "./tasks.ts";
export { type WasmHost, type WasmMemory, type WasmTable, wasmHost, wasmRefusal } from "./wasm.ts";
