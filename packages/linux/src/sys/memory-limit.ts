import { release } from "node:os";
import { addressOf, syscall } from "./ffi.ts";
import { syscallNumbers } from "./syscalls.ts";

const NR = syscallNumbers(process.arch);
const RLIMIT_MEMLOCK = 8;
const UNLIMITED = 0xffff_ffff_ffff_ffffn;

/** RLIMIT_MEMLOCK of this process in bytes; `Infinity` for none. */
export interface MemoryLimit {
	readonly soft: number;
	/** What the process may raise `soft` to without CAP_SYS_RESOURCE. */
	readonly hard: number;
}

/** Before Linux 5.11 maps and programs count as locked memory; since then as memory of the cgroup. */
export function countsLockedMemory(kernelRelease: string = release()): boolean {
	const [major = 0, minor = 0] = kernelRelease.split(".").map((part) => Number.parseInt(part, 10));
	return major < 5 || (major === 5 && minor < 11);
}

/** The limit as it is now. */
export function memoryLimit(): MemoryLimit {
	const old = new BigUint64Array(2);
	prlimit(undefined, old);
	const size = (bytes: bigint) => (bytes === UNLIMITED ? Number.POSITIVE_INFINITY : Number(bytes));
	return { soft: size(old[0]!), hard: size(old[1]!) };
}

/**
 * Takes the limit away where this kernel has maps and programs count against it, as far as the process may. True where
 * there is more room than before: what was refused is worth another try.
 */
export function raiseMemoryLimit(): boolean {
	if (!countsLockedMemory()) return false;
	const old = new BigUint64Array(2);
	if (prlimit(undefined, old) < 0 || old[0] === UNLIMITED) return false;
	if (prlimit(BigUint64Array.of(UNLIMITED, UNLIMITED)) === 0) return true;
	return old[0]! < old[1]! && prlimit(BigUint64Array.of(old[1]!, old[1]!)) === 0;
}

/** prlimit64(2) on this process; the pair is soft, hard. 0, or -errno. */
function prlimit(set: BigUint64Array<ArrayBuffer> | undefined, old?: BigUint64Array<ArrayBuffer>): number {
	const given = set && new Uint8Array(set.buffer);
	const taken = old && new Uint8Array(old.buffer);
	const result = syscall(NR.prlimit64, 0, RLIMIT_MEMLOCK, given ? addressOf(given) : 0, taken ? addressOf(taken) : 0);
	// Both are read after the call, so that neither is collected while only its address is known.
	return (given?.length ?? 16) + (taken?.length ?? 16) === 32 ? result : -1;
}
