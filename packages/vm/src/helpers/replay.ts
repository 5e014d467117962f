import { ERRNO } from "@skep/bpf/kernel";
import { type Cpu, type ReplayState, takeRead, takeResult } from "#machine";
import { give, giveWide, u32, wide, writable } from "./arguments.ts";
import type { Environment } from "./environment.ts";

/** Answers as the recorded run got it. False: it did not ask this helper, or not as often. */
export function replayResult(state: ReplayState, helper: number, cpu: Cpu): boolean {
	if (state.results.length === 0) return false;
	const value = takeResult(state, helper);
	if (value === undefined) return false;
	giveWide(cpu, value);
	return true;
}

/** Reads what the recorded run found at this address, which may be any of 64 bits. False: it did not look there. */
export function replayRead(env: Environment, state: ReplayState, cpu: Cpu, text: boolean): boolean {
	const found = takeRead(state, wide(cpu, 3), text);
	if (!found) return false;
	const size = u32(cpu, 2);
	const to = writable(env, cpu, 1, size);
	const { u8 } = env.memory;
	const { bytes, result } = found;
	if (result < 0 || (!text && bytes.length < size)) {
		u8.fill(0, to, to + size);
		give(cpu, result < 0 ? result : -ERRNO.EFAULT);
		return true;
	}
	const length = Math.min(bytes.length, size);
	u8.set(bytes.subarray(0, length), to);
	if (text && length < bytes.length && length > 0) u8[to + length - 1] = 0;
	give(cpu, text ? length : 0);
	return true;
}
