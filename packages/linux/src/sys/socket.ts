import type { SocketOption } from "@skep/bpf/kernel";
import { addressOf, syscall } from "./ffi.ts";
import { syscallNumbers } from "./syscalls.ts";

const NR = syscallNumbers(process.arch);
const SOL_SOCKET = 1;
/** `asm-generic/socket.h`. One row an option. */
// biome-ignore format: table
const OPTIONS: Readonly<Record<SocketOption, number>> = {
	SO_ATTACH_BPF: 50,
	SO_ATTACH_REUSEPORT_EBPF: 52,
	SO_DETACH_BPF: 27,
	SO_DETACH_REUSEPORT_BPF: 68,
};

/** setsockopt(2) with a program's descriptor. 0, or -errno. */
export function setSocketProgram(socket: number, option: SocketOption, program: number): number {
	const value = new Uint8Array(new Int32Array([program]).buffer);
	const result = syscall(NR.setsockopt, socket, SOL_SOCKET, OPTIONS[option], addressOf(value), value.length);
	// The value is read after the call, so that it is not collected while only its address is known.
	return value.length === 4 ? result : -1;
}

const AF_INET = 2;
const SO_REUSEPORT = 15;
const SOCK_CLOEXEC = 0o2_000_000;
const KINDS = { tcp: 1, udp: 2 } as const;

/** A socket of IPv4 that may share its port with others. -errno. */
export function openSocket(type: keyof typeof KINDS): number {
	const socket = syscall(NR.socket, AF_INET, KINDS[type] | SOCK_CLOEXEC, 0);
	if (socket < 0) return socket;
	const value = new Uint8Array(new Int32Array([1]).buffer);
	const set = syscall(NR.setsockopt, socket, SOL_SOCKET, SO_REUSEPORT, addressOf(value), value.length);
	if (set >= 0) return socket;
	syscall(NR.close, socket);
	return set;
}
