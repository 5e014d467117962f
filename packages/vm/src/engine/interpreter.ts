import type { Callables, Cpu, Memory } from "#machine";
import type { Code } from "./prepare.ts";

/**
 * Runs a program from its first instruction to exit. Arguments in r1 … r5 of `cpu.registers`, result in r0; `cpu.fuel`
 * is set by the caller and counted down; r10 is set here. The cpu must not be running (`depth` 0); for callbacks see below.
 * @throws VmFault, and whatever `calls` throws
 */
export declare function run(code: Code, cpu: Cpu, memory: Memory, calls: Callables<Code>): void;

/**
 * Calls a function by its code address from within a helper, in the next frame of the stack. Arguments in r1 … r5,
 * result in r0; r6 … r10, pc and depth are afterwards as before; r1 … r5 are lost.
 * @throws VmFault, and whatever `calls` throws
 */
export declare function callback(low: number, high: number, cpu: Cpu, memory: Memory, calls: Callables<Code>): void;
