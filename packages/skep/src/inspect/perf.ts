import { readdirSync, readlinkSync } from "node:fs";
import type { Kernel } from "@skep/bpf/kernel";
import { queryTaskFd, type TaskFd } from "@skep/bpf/live";
import type { Machine } from "./machine.ts";
import { attempt, readSmall } from "./proc.ts";

/** A descriptor of a process. */
export interface ProcessFd {
	readonly pid: number;
	readonly comm: string;
	readonly fd: number;
}

/** What /proc/PID/fd calls descriptors that programs may hang on: raw tracepoints are links since 5.8. */
const EVENTS: ReadonlySet<string> = new Set([
	"anon_inode:[perf_event]",
	"anon_inode:bpf-raw-tracepoint",
	"anon_inode:bpf_link",
	"anon_inode:bpf-link",
]);

/** Descriptors that programs may hang on, of all processes that we may look at, in the order of their numbers. */
export function* processEvents(): Generator<ProcessFd, void, undefined> {
	const pids = (attempt(() => readdirSync("/proc")) ?? []).filter((name) => /^\d+$/.test(name)).map(Number);
	for (const pid of pids.sort((a, b) => a - b)) {
		const fds = (attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []).map(Number).sort((a, b) => a - b);
		for (const fd of fds) {
			if (!EVENTS.has(attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "")) continue;
			yield { pid, comm: (readSmall(`/proc/${pid}/comm`, "utf8") ?? "").trimEnd(), fd };
		}
	}
}

/** A program behind a process's descriptor: a perf event or a raw tracepoint. bpftool's keys; which ones, by `fd_type`. */
export interface PerfRow {
	readonly pid: number;
	readonly fd: number;
	readonly prog_id: number;
	readonly fd_type: TaskFd["type"];
	/** tracepoint, raw_tracepoint. */
	readonly tracepoint?: string;
	/** kprobe, kretprobe: the function and how far into it, or the address. */
	readonly func?: string;
	readonly addr?: bigint;
	/** uprobe, uretprobe. */
	readonly filename?: string;
	readonly offset?: bigint;
	/** Of the process. */
	readonly comm: string;
}

/** Programs that processes hold by perf events and raw tracepoints, by process and descriptor. @throws PermissionError */
export function perfRows(kernel: Kernel, machine: Machine): PerfRow[] {
	const rows: PerfRow[] = [];
	for (const { pid, comm, fd } of machine.events()) {
		let found: TaskFd | undefined;
		try {
			found = queryTaskFd(kernel, pid, fd);
		} catch (error) {
			// The process or its descriptor is gone since they were listed.
			const { code } = error as { code?: string };
			if (code === "ENOENT" || code === "EBADF") continue;
			throw error;
		}
		if (found) rows.push({ pid, fd, prog_id: found.programId, fd_type: found.type, ...placeOf(found), comm });
	}
	return rows;
}

function placeOf({ type, name, offset, address }: TaskFd): Partial<PerfRow> {
	switch (type) {
		case "tracepoint":
		case "raw_tracepoint":
			return { tracepoint: name };
		case "kprobe":
		case "kretprobe":
			return name === "" ? { addr: address } : { func: name, offset };
		case "uprobe":
		case "uretprobe":
			return { filename: name, offset };
	}
}

/** A row of the table. */
export const perfCells = (row: PerfRow): object => ({
	pid: row.pid,
	process: row.comm,
	fd: row.fd,
	program: row.prog_id,
	type: row.fd_type,
	"attached to":
		row.tracepoint ??
		(row.addr === undefined
			? `${row.func ?? row.filename}${row.offset ? `+0x${row.offset.toString(16)}` : ""}`
			: `0x${row.addr.toString(16)}`),
});
