import { ERRNO, type Kernel, type TaskFdQuery } from "#kernel";
import { check } from "./refusal.ts";

/** `enum bpf_task_fd_type`, in its order. */
const TYPES = ["raw_tracepoint", "tracepoint", "kprobe", "kretprobe", "uprobe", "uretprobe"] as const;
export type TaskFdType = (typeof TYPES)[number];

/** What a descriptor of some process has attached. */
export interface TaskFd {
	readonly programId: number;
	readonly type: TaskFdType;
	/** Tracepoint, function, or path of the file that is probed; empty where the kernel has none. */
	readonly name: string;
	/** From the function, or in the file. */
	readonly offset: bigint;
	/** Of a kprobe without a name. */
	readonly address: bigint;
}

const ROOM = 256;
const MOST = 8192;
const UTF8 = new TextDecoder();

/**
 * TASK_FD_QUERY: what hangs on descriptor `fd` of process `pid`: a perf event with a program, or a raw tracepoint. Undefined where
 * that descriptor has no program. @throws PermissionError; SyscallError ENOENT: no such process
 */
export function queryTaskFd(kernel: Kernel, pid: number, fd: number): TaskFd | undefined {
	for (let room = ROOM; ; room *= 4) {
		const attr: TaskFdQuery = { pid, fd, buf: new Uint8Array(room) };
		const result = kernel.bpf("TASK_FD_QUERY", attr);
		if (result === -ERRNO.ENOSPC && room < MOST) continue;
		// Descriptors of other kinds, and events that no program is on.
		if (result === -ERRNO.ENOTSUPP || result === -ERRNO.EOPNOTSUPP || result === -ERRNO.EINVAL) return undefined;
		check(kernel, result, `ask about descriptor ${fd} of process ${pid}`, "TASK_FD_QUERY");
		const type = TYPES[attr.fd_type ?? -1];
		if (!type || !attr.prog_id) return undefined;
		return {
			programId: attr.prog_id,
			type,
			name: UTF8.decode(attr.buf.subarray(0, Math.max(0, attr.buf.indexOf(0)))),
			offset: attr.probe_offset ?? 0n,
			address: attr.probe_addr ?? 0n,
		};
	}
}
