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
export const inNetworkNamespace = <T extends object>(body: () => T): T | number =>
	elsewhere(() => syscall(NR.unshare, CLONE_NEWNET), body);

/**
 * Runs `body` with this thread in the network namespace that a file is (`/run/netns/blue`, `/proc/7/ns/net`). -errno where the
 * file cannot be opened or the namespace not be entered (EPERM without CAP_SYS_ADMIN, EINVAL where it is another kind of file).
 * @throws Error as above
 */
export function inNetworkNamespaceOf<T extends object>(path: string, body: () => T): T | number {
	let file: number;
	try {
		file = openSync(path, "r");
	} catch (error) {
		return -errnoOf(error);
	}
	try {
		return elsewhere(() => syscall(NR.setns, file, CLONE_NEWNET), body);
	} finally {
		closeSync(file);
	}
}

function elsewhere<T extends object>(enter: () => number, body: () => T): T | number {
	let own: number;
	try {
		own = openSync("/proc/thread-self/ns/net", "r");
	} catch (error) {
		return -errnoOf(error);
	}
	try {
		const entered = enter();
		if (entered < 0) return entered;
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
