import type { Memory } from "#machine";
import { contextRoom, type Input, NO_MEMORY, type Scratch } from "./context.ts";

/** As many as a tracepoint can have. */
export const MOST_ARGUMENTS = 12;

/** Raw and typed tracepoints: the context is an array of the event's arguments, 64 bits each. */
export function argumentsInput(memory: Memory, scratch: Scratch, args: readonly (number | bigint)[]): Input {
	const size = args.length * 8;
	const context = contextRoom(memory, scratch, size, false);
	if (context === 0) return NO_MEMORY;
	const { view } = memory;
	for (let i = 0; i < args.length; i++) {
		const arg = args[i]!;
		const at = context + i * 8;
		if (typeof arg === "bigint") view.setBigUint64(at, arg, true);
		else {
			if (!Number.isInteger(arg)) throw new RangeError(`argument ${i} is ${arg}, no whole number`);
			view.setInt32(at, arg, true);
			view.setInt32(at + 4, Math.floor(arg / 2 ** 32), true);
		}
	}
	return { context, contextSize: size, packetStart: 0, packetEnd: 0 };
}
