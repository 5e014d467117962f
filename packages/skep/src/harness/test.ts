/**
 * `import … from "skep/test"`: tests of programs on a virtual kernel, without root. `test` is node:test's own; `machine`
 * makes a kernel with a module's programs and handles on it; `packet` builds packets.
 */
import { deepStrictEqual } from "node:assert/strict";

export { test } from "node:test";
export { Machine, machine } from "./machine.ts";
export { MachineInUseError } from "./machines.ts";
export { packet } from "./packet.ts";

/** The same value, members and all. @throws AssertionError with both, from the caller's line */
export function equal<T>(actual: T, expected: T): void {
	try {
		deepStrictEqual(actual, expected);
	} catch (error) {
		if (error instanceof Error) Error.captureStackTrace(error, equal);
		throw error;
	}
}
