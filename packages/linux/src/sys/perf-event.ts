import { ERRNO, type PerfEventAttr } from "@skep/bpf/kernel";
import { syscall } from "./ffi.ts";
import { PERF_ATTR, PERF_BITS } from "./layout.ts";
import { address, encode, INFO_AT, release, view } from "./slab.ts";
import { PERF_IOCTL, syscallNumbers } from "./syscalls.ts";

const NR = syscallNumbers(process.arch);
const SIGNAL_TRIES = 100;

/** perf_event_open(2). The event's descriptor, or -errno. */
export function perfEventOpen(attr: PerfEventAttr, pid: number, cpu: number, groupFd: number, flags: number): number {
	const value = attr as unknown as Readonly<Record<string, unknown>>;
	encode(INFO_AT, PERF_ATTR, value);
	view.setUint32(INFO_AT + 4, PERF_ATTR.size, true);
	let bits = 0;
	for (const [name, bit] of PERF_BITS) if (value[name] === true) bits |= 1 << bit;
	view.setUint32(INFO_AT + 40, bits, true);
	let result = 0;
	for (let tries = 0; tries < SIGNAL_TRIES; tries++) {
		result = syscall(NR.perf_event_open, address + INFO_AT, pid, cpu, groupFd, flags);
		if (result !== -ERRNO.EINTR) break;
	}
	release();
	return result;
}

/** ioctl(2) on a perf event. */
export function perfEventIoctl(fd: number, request: keyof typeof PERF_IOCTL, argument: number): number {
	return syscall(NR.ioctl, fd, PERF_IOCTL[request], argument);
}
