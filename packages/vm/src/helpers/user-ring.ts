import { VmFault } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import { RINGBUF } from "@skep/bpf/uapi";
import type { Cpu } from "#machine";
import { consumeUserRecord, HEADER, headerWord, peekUserRecord } from "#maps";
import { give, high, low, mapOf } from "./arguments.ts";
import { DYNPTR_ROOM, READ_ONLY_DYNPTR, setDynptr } from "./dynptr.ts";
import type { Environment } from "./environment.ts";

const WAKEUPS = RINGBUF.BPF_RB_NO_WAKEUP | RINGBUF.BPF_RB_FORCE_WAKEUP;
/** Records that one call takes. */
const MOST = 128 * 1024;

/** drain(map, callback, context, flags): records that user space wrote, each as a dynptr to the callback, whose 1 stops. */
export function drainUserRing(env: Environment, cpu: Cpu): undefined {
	const map = mapOf(env, cpu, 1);
	if (map.type !== "user_ringbuf")
		throw new VmFault("reference", cpu.pc, `argument 1 of helper is a map of type ${map.type}, not user_ringbuf`);
	if (high(cpu, 4) !== 0 || (low(cpu, 4) & ~WAKEUPS) !== 0) return give(cpu, -ERRNO.EINVAL);
	// A record's callback must not read further itself.
	const busy = headerWord(map, HEADER.made);
	if (Atomics.compareExchange(env.memory.words, busy, 0, 1) !== 0) return give(cpu, -ERRNO.EBUSY);
	const { registers } = cpu;
	const [callbackLow, callbackHigh, contextLow, contextHigh] = registers.slice(4, 8);
	const dynptr = env.memory.allocate(DYNPTR_ROOM, "kernel", false);
	if (dynptr === undefined) {
		Atomics.store(env.memory.words, busy, 0);
		return give(cpu, -ERRNO.ENOMEM);
	}
	let taken = 0;
	let failed = 0;
	try {
		for (let turn = 0; turn < MOST; turn++) {
			const { error, address, size, skip } = peekUserRecord(map, env.memory);
			if (error === -ERRNO.EAGAIN) {
				consumeUserRecord(map, env.memory, skip);
				continue;
			}
			if (error !== 0) {
				failed = error === -ERRNO.ENODATA ? 0 : error;
				break;
			}
			setDynptr(env, dynptr, address, READ_ONLY_DYNPTR, size);
			registers[2] = dynptr;
			registers[3] = 0;
			registers[4] = contextLow!;
			registers[5] = contextHigh!;
			env.callback(callbackLow!, callbackHigh!, cpu);
			consumeUserRecord(map, env.memory, skip);
			taken++;
			if (registers[0] !== 0 || registers[1] !== 0) break;
		}
	} finally {
		Atomics.store(env.memory.words, busy, 0);
		env.memory.free(dynptr);
	}
	give(cpu, failed !== 0 ? failed : taken);
}
