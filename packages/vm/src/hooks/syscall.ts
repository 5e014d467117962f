import type { Memory } from "#machine";
import { contextRoom, type Input, NO_MEMORY, type Scratch } from "./context.ts";

/** Most bytes that a test run of a syscall program may bring. */
export const MOST_BYTES = 0xffff;

/** Syscall programs: the context is whatever the caller brought, and the program may write there. */
export function bytesInput(memory: Memory, scratch: Scratch, bytes: Uint8Array): Input {
	const context = contextRoom(memory, scratch, bytes.length, true);
	if (context === 0) return NO_MEMORY;
	memory.u8.set(bytes, context);
	return { context, contextSize: bytes.length, packetStart: 0, packetEnd: 0 };
}
