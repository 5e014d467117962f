import type { Memory } from "#machine";
import { contextRoom, type Input, NO_MEMORY, type Scratch } from "./context.ts";

/** As many as a tracepoint can have. */
export const MOST_ARGUMENTS = 12;

/** Raw and typed tracepoints: the context is an array of the event's arguments, 64 bits each. */
export function argumentsInput(memory: Memory, scratch: Scratch, args: readonly bigint[]): Input {
	const size = args.length * 8;
	const context = contextRoom(memory, scratch, size, false);
	if (context === 0) return NO_MEMORY;
	for (const [i, arg] of args.entries()) memory.view.setBigUint64(context + i * 8, BigInt.asUintN(64, arg), true);
	return { context, contextSize: size, packetStart: 0, packetEnd: 0 };
}
