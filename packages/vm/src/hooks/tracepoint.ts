import type { Memory } from "#machine";
import { contextRoom, type Input, NO_MEMORY, type Scratch } from "./context.ts";

/** Tracepoints: the context is the event's record, with the eight bytes of common fields before and whatever `__data_loc` names. */
export function tracepointInput(memory: Memory, scratch: Scratch, record: Uint8Array): Input {
	const context = contextRoom(memory, scratch, record.length, false);
	if (context === 0) return NO_MEMORY;
	memory.u8.set(record, context);
	return { context, contextSize: record.length, packetStart: 0, packetEnd: 0 };
}
