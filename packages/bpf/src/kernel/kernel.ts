import type { Attributes, CommandName } from "./attributes.ts";
import type { Folders } from "./bpffs.ts";
import type { Diagnose } from "./diagnosis.ts";
import type { Host, Places } from "./host.ts";
import type { PerfEventAttr, PerfEventRequest } from "./perf-event.ts";

/**
 * THE CONTRACT: the system calls that everything above speaks, implemented by `@skep/linux` (bpf(2) by FFI) and by
 * `@skep/vm` (a kernel of its own). Synchronous. A result below zero is -errno; the contract itself never throws.
 * Buffers in attributes stay the caller's; a kernel reads or fills them during the call only.
 */
export interface Kernel {
	readonly name: "linux" | "virtual";
	/** As `uname -r` says: `6.18.44-fc-v669`. */
	readonly release: string;
	/** The version that it was built from, where the release says less (Debian's 6.1.0-18 is 6.1.76). Absent: the release. */
	readonly version?: string;
	/** Possible CPUs: how many values a per-CPU map has. */
	readonly possibleCpus: number;
	/** Bytes of a page: what offsets and lengths of mmap are multiples of. */
	readonly pageSize: number;
	/** bpf(2). Result: fd, count or 0; -errno. */
	bpf<C extends CommandName>(command: C, attr: Attributes[C]): number;
	/** perf_event_open(2). */
	perfEventOpen(attr: PerfEventAttr, pid: number, cpu: number, groupFd: number, flags: number): number;
	/** ioctl(2) on a perf event. `argument`: program fd for SET_BPF, 1 or 0 for PAUSE_OUTPUT, else 0. */
	perfEventIoctl(fd: number, request: PerfEventRequest, argument: number): number;
	/** read(2) of an iterator's fd (ITER_CREATE), into `bytes` from its start. How many bytes came, 0 at the end; -errno. */
	read(fd: number, bytes: Uint8Array): number;
	/** mmap(2) of the fd of a map or a perf event, shared; `address`: where an arena demands to be. -errno as a number. Bytes stay valid until `unmap`; writing to a read-only one kills the process. */
	mmap(fd: number, offset: number, length: number, writable: boolean, address?: number): Mapping | number;
	close(fd: number): number;
	/** Id of a tracepoint by `category`, `name`; -errno (ENOENT: no such event; EACCES). */
	tracepointId(category: string, name: string): number;
	/** Index of a network device in the caller's namespace; -ENODEV. */
	interfaceIndex(name: string): number;
	/** What a descriptor that OBJ_GET gave is; -errno (EINVAL: none of these). */
	objectKind(fd: number): ObjectKind | number;
	/** 1: `path` lies in a bpffs, where objects can be pinned; 0: in another file system; -errno. */
	isBpffs(path: string): number;
	/** unlink(2): takes a pin away. 0; -errno. */
	unlink(path: string): number;
	/** What pins stand in. */
	readonly folders: Folders;
	/** Why it said EPERM or EACCES, where this kernel can find out. */
	readonly diagnose?: Diagnose | undefined;
	/** Raw BTF of the kernel (`vmlinux`); -errno. */
	btf(): Uint8Array | number;
	/** Text of the configuration that the kernel was built with (`CONFIG_HZ=250` lines); -errno. Absent: nobody knows. */
	config?(): string | number;
	/** Addresses of kernel symbols; those that are not there, or hidden from the caller, are missing. Absent: nobody knows. */
	symbols?(names: ReadonlySet<string>): ReadonlyMap<string, bigint>;
	/** Cgroups and network devices that programs are attached to. Absent: this kernel has none. */
	readonly places?: Places | undefined;
	/** What stands around the kernel and attaching needs: files, functions, sockets, routing. Absent: this kernel has none of it. */
	readonly host?: Host | undefined;
}

/** What can be pinned, or has ids: as OBJ_GET_INFO_BY_FD tells them apart. */
export type ObjectKind = "map" | "prog" | "link" | "btf";

/**
 * Mapped memory: touching `buffer` after `unmap` kills the process. A kernel whose own memory is the buffer may exchange it
 * when that grows: whoever keeps views compares `buffer` before he uses them.
 */
export interface Mapping {
	/** A SharedArrayBuffer where the kernel's memory is shared between workers. */
	readonly buffer: ArrayBufferLike;
	/** Where the mapped bytes begin in `buffer`. Absent: at 0. */
	readonly offset?: number;
	/** User space address of the first mapped byte, where there is such a thing: what pointers into an arena are relative to. */
	readonly address?: number | undefined;
	unmap(): void;
}
