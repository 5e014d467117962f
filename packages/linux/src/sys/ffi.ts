import koffi from "koffi";

/**
 * The only file that knows koffi. Five functions of libc, addresses of buffers and views of memory; numbers throughout:
 * user space addresses stay below 2^47.
 *
 * An address says nothing to the garbage collector: whoever passes one keeps the buffer reachable until the call is over.
 */
const libc = koffi.load(null);
const raw = libc.func("long syscall(long nr, long a, long b, long c, long d, long e, long f)");
const raw3 = libc.func("long syscall(long nr, long a, long b, long c)");
const nameToIndex = libc.func("unsigned int if_nametoindex(const char *name)");
const getPageSize = libc.func("int getpagesize()");
const errno: () => number = koffi.errno;

/** A system call by number. The result, or -errno. */
export function syscall(nr: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): number {
	const result = raw(nr, a, b, c, d, e, f);
	// In the very next statement: any other call may change it.
	return result === -1 ? -errno() : result;
}

/** The same with three arguments: bpf(2) needs no more, and is called often. */
export function syscall3(nr: number, a: number, b: number, c: number): number {
	const result = raw3(nr, a, b, c);
	return result === -1 ? -errno() : result;
}

/** if_nametoindex(3), in the calling thread's network namespace. -errno. */
export function interfaceIndex(name: string): number {
	const index: number = nameToIndex(name);
	return index === 0 ? -errno() : index;
}

/** Bytes of a page. */
export function pageSize(): number {
	return getPageSize();
}

/** Address of a buffer's first byte; stable as long as the buffer is reachable. */
export function addressOf(bytes: Uint8Array): number {
	return Number(koffi.address(bytes));
}

/** Memory as an ArrayBuffer that owns nothing. Touching it after munmap kills the process. */
export function memoryAt(address: number, length: number): ArrayBuffer {
	return koffi.view(address, length);
}
