/** Word indices of registers in `Cpu.registers`: the low word; the high one follows. */
export const R0 = 0;
export const R1 = 2;
export const R2 = 4;
export const R3 = 6;
export const R4 = 8;
export const R5 = 10;
export const R6 = 12;
export const R10 = 20;

/** Bytes of a function's stack. */
export const STACK_FRAME_SIZE = 512;
/** Functions that may be active at once, as in Linux. */
export const MAX_FRAMES = 8;
/** Words that a frame keeps for its caller: code id, slot to return to, r6 … r9, the count of may_goto. */
export const FRAME_WORDS = 12;
/** Where r6 … r9 begin in a frame's words. */
export const CALLEE_SAVED = 2;
/** How often may_goto goes on in one run, as in Linux. */
export const MAY_GOTO_LIMIT = 8 * 1024 * 1024;

/** A processor: all that a run changes besides memory. Plain data; one run at a time, callbacks nest on it. */
export interface Cpu {
	readonly id: number;
	/** r0 low, r0 high, r1 low, …, r10 high. */
	readonly registers: Int32Array;
	/** Lowest guest address of the stack; MAX_FRAMES * STACK_FRAME_SIZE bytes. The first frame is the highest. */
	readonly stack: number;
	/** FRAME_WORDS for each active caller. */
	readonly frames: Int32Array;
	/** Callers that are active; 0 outside of calls. */
	depth: number;
	/** Id of the code that runs. */
	code: number;
	/** Slot that runs; right whenever the engine calls out or has thrown. */
	pc: number;
	/** Instruction slots that may still run (counted at jumps, calls and exits). */
	fuel: number;
	/** How often may_goto may still go on. */
	mayGoto: number;
	/** Callbacks that are under way: runs of the engine inside helpers, whose state is not all data. */
	nested: number;
	/** Set by a helper: id of the code that takes this function's place; 0: none. */
	tail: number;
}

/** `stack`: guest address of MAX_FRAMES * STACK_FRAME_SIZE bytes. */
export const newCpu = (id: number, stack: number): Cpu => ({
	id,
	registers: new Int32Array(22),
	stack,
	frames: new Int32Array(MAX_FRAMES * FRAME_WORDS),
	depth: 0,
	code: 0,
	pc: 0,
	fuel: 0,
	mayGoto: 0,
	nested: 0,
	tail: 0,
});

/** A register (0 … 10) as an unsigned 64-bit number. */
export const registerOf = (cpu: Cpu, register: number): bigint =>
	(BigInt(cpu.registers[register * 2 + 1]! >>> 0) << 32n) | BigInt(cpu.registers[register * 2]! >>> 0);

/** Sets both words; taken modulo 2^64. */
export const setRegister = (cpu: Cpu, register: number, value: bigint): void => {
	cpu.registers[register * 2] = Number(BigInt.asIntN(32, value));
	cpu.registers[register * 2 + 1] = Number(BigInt.asIntN(32, value >> 32n));
};
