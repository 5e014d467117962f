import { closeSync, openSync } from "node:fs";
import { syscall } from "./ffi.ts";
import { syscallNumbers } from "./syscalls.ts";
import { errnoOf } from "./tracefs.ts";

const NR = syscallNumbers(process.arch);
const CLONE_NEWNET = 0x4000_0000;

/**
 * Runs `body` with this thread in a network namespace of its own. Nothing else runs on the thread meanwhile, and other threads
 * stay where they are. -errno where none can be made (EPERM without CAP_SYS_ADMIN).
 * @throws Error where the thread cannot go back, which leaves it useless for the network
 */
export function inNetworkNamespace<T extends object>(body: () => T): T | number {
	let own: number;
	try {
		own = openSync("/proc/thread-self/ns/net", "r");
	} catch (error) {
		return -errnoOf(error);
	}
	try {
		const made = syscall(NR.unshare, CLONE_NEWNET);
		if (made < 0) return made;
		try {
			return body();
		} finally {
			goBack(own);
		}
	} finally {
		closeSync(own);
	}
}

function goBack(own: number): void {
	const back = syscall(NR.setns, own, CLONE_NEWNET);
	if (back < 0) throw new Error(`setns: errno ${-back}: this thread cannot go back to its network namespace`);
}
