import { NotSupportedError } from "@skep/bpf/base";

/** Numbers of the system calls that skep makes, by architecture. One row a call. */
// biome-ignore format: table
const NUMBERS = {
	bpf: { x64: 321, arm64: 280 },
	perf_event_open: { x64: 298, arm64: 241 },
	ioctl: { x64: 16, arm64: 29 },
	read: { x64: 0, arm64: 63 },
	mmap: { x64: 9, arm64: 222 },
	munmap: { x64: 11, arm64: 215 },
	close: { x64: 3, arm64: 57 },
	socket: { x64: 41, arm64: 198 },
	sendto: { x64: 44, arm64: 206 },
	recvfrom: { x64: 45, arm64: 207 },
	setsockopt: { x64: 54, arm64: 208 },
	prlimit64: { x64: 302, arm64: 261 },
	unshare: { x64: 272, arm64: 97 },
	setns: { x64: 308, arm64: 268 },
	capget: { x64: 125, arm64: 90 },
	capset: { x64: 126, arm64: 91 },
	mount: { x64: 165, arm64: 40 },
	fsopen: { x64: 430, arm64: 430 },
	fsconfig: { x64: 431, arm64: 431 },
	fsmount: { x64: 432, arm64: 432 },
} as const;
export type SyscallName = keyof typeof NUMBERS;

/** The numbers for this process. @throws NotSupportedError on other architectures than x64 and arm64 */
export function syscallNumbers(arch: string): Readonly<Record<SyscallName, number>> {
	if (arch !== "x64" && arch !== "arm64") {
		throw new NotSupportedError(`architecture ${arch}`, "skep carries system call numbers for x64 and arm64");
	}
	const entries = Object.entries(NUMBERS).map(([name, row]) => [name, row[arch]]);
	return Object.fromEntries(entries) as Record<SyscallName, number>;
}

/** ioctls of perf events. */
export const PERF_IOCTL = { ENABLE: 0x2400, DISABLE: 0x2401, SET_BPF: 0x4004_2408, PAUSE_OUTPUT: 0x4004_2409 } as const;
