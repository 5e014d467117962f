import { NotSupportedError } from "#base";
import { ERRNO, PERF_FLAG_FD_CLOEXEC, PERF_TYPE, type PerfEventAttr } from "#kernel";
import { ATTACH_TYPES } from "#uapi";
import { Fd } from "../fd.ts";
import type { Program } from "../program.ts";
import type { Attachment } from "./attachment.ts";
import { refuseAttach, tryLink } from "./bpf-link.ts";
import { Link } from "./link.ts";

/**
 * Attaches a program to an open perf event, which it takes over: by a bpf_link where the kernel has them (≥ 5.15),
 * else by the event's own ioctls. `cookie` is what `bpf_get_attach_cookie` returns and needs the former.
 * @throws PermissionError, SyscallError
 */
export function attachToPerfEvent(program: Program, event: Fd, target: string, cookie = 0n): Attachment {
	const kernel = program.kernel;
	try {
		const result = tryLink(program, {
			target_fd: event.number,
			attach_type: ATTACH_TYPES.perf_event,
			perf_event: { bpf_cookie: cookie },
		});
		if (result >= 0) return { way: "bpf_link", fds: [new Fd(kernel, result, `link to ${target}`)], under: [event] };
		if (result !== -ERRNO.EINVAL || cookie !== 0n) throw refuseAttach(program, target, -result, "LINK_CREATE");
		for (const [request, argument] of [
			["SET_BPF", program.fd.number],
			["ENABLE", 0],
		] as const) {
			const set = kernel.perfEventIoctl(event.number, request, argument);
			if (set < 0) throw refuseAttach(program, target, -set, "ioctl");
		}
		const note = `the running kernel ${kernel.release} has no bpf_link for perf events: the program is set on the event itself`;
		const undo = () => void kernel.perfEventIoctl(event.number, "DISABLE", 0);
		return { way: "perf_ioctl", fds: [event], undo, note };
	} catch (error) {
		event.close();
		throw error;
	}
}

/** perf_event_open for one target. `pid` -1: every process, on `cpu`. @throws PermissionError, SyscallError */
export function openEvent(program: Program, target: string, attr: PerfEventAttr, pid = -1, cpu = pid < 0 ? 0 : -1): Fd {
	const kernel = program.kernel;
	const event = kernel.perfEventOpen(attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0) throw refuseAttach(program, target, -event, "perf_event_open");
	return new Fd(kernel, event, `perf event of ${target}`);
}

/** Software events of `enum perf_sw_ids`, hardware events of `enum perf_hw_id`: name, type, number. One row an event. */
// biome-ignore format: table
const EVENTS = {
	"cpu-clock": [PERF_TYPE.SOFTWARE, 0n],
	"task-clock": [PERF_TYPE.SOFTWARE, 1n],
	"page-faults": [PERF_TYPE.SOFTWARE, 2n],
	"context-switches": [PERF_TYPE.SOFTWARE, 3n],
	"cpu-migrations": [PERF_TYPE.SOFTWARE, 4n],
	"minor-faults": [PERF_TYPE.SOFTWARE, 5n],
	"major-faults": [PERF_TYPE.SOFTWARE, 6n],
	"alignment-faults": [PERF_TYPE.SOFTWARE, 7n],
	"emulation-faults": [PERF_TYPE.SOFTWARE, 8n],
	"cgroup-switches": [PERF_TYPE.SOFTWARE, 11n],
	cycles: [PERF_TYPE.HARDWARE, 0n],
	instructions: [PERF_TYPE.HARDWARE, 1n],
	"cache-references": [PERF_TYPE.HARDWARE, 2n],
	"cache-misses": [PERF_TYPE.HARDWARE, 3n],
	branches: [PERF_TYPE.HARDWARE, 4n],
	"branch-misses": [PERF_TYPE.HARDWARE, 5n],
	"bus-cycles": [PERF_TYPE.HARDWARE, 6n],
	"stalled-cycles-frontend": [PERF_TYPE.HARDWARE, 7n],
	"stalled-cycles-backend": [PERF_TYPE.HARDWARE, 8n],
	"ref-cycles": [PERF_TYPE.HARDWARE, 9n],
} as const satisfies Readonly<Record<string, readonly [number, bigint]>>;
export type PerfEventName = keyof typeof EVENTS;

/** Names of the events that `attachPerfEvent` knows. */
export const PERF_EVENT_NAMES = Object.keys(EVENTS) as readonly PerfEventName[];

/** What samples, and how often. */
export interface PerfSampling {
	/** By name, or by numbers as `struct perf_event_attr` has them (hardware caches, raw events). */
	readonly event: PerfEventName | { readonly type: number; readonly config: bigint };
	/** Times a second. Default 99, where no `period` is given. */
	readonly frequency?: number;
	/** Once every so many events instead. */
	readonly period?: number;
	/** Only this process (and with `inherit` its children), on every CPU. */
	readonly pid?: number;
	readonly inherit?: boolean;
	/** CPUs to sample on. Default: all that may be there. */
	readonly cpus?: readonly number[];
	readonly cookie?: bigint;
}

const DEFAULT_FREQUENCY = 99;

/**
 * Runs a program of type perf_event on samples: an event on each CPU, or one that follows a process.
 * @throws NotSupportedError where this machine has no such event (hardware counters in a virtual machine); PermissionError; SyscallError
 */
export function attachPerfEvent(program: Program, sampling: PerfSampling): Link {
	const named = typeof sampling.event === "string" ? sampling.event : undefined;
	const [type, config] = numbersOf(sampling.event);
	const rate =
		sampling.period === undefined
			? { freq: true, sample_freq: sampling.frequency ?? DEFAULT_FREQUENCY }
			: { sample_period: sampling.period };
	const target = `perf event ${named ?? `${type}:${config}`}${sampling.pid === undefined ? "" : ` of process ${sampling.pid}`}`;
	const attr: PerfEventAttr = { type, config, inherit: sampling.inherit ?? false, ...rate };
	return Link.attach(program, target, (each) => {
		const { kernel } = each;
		const parts: Attachment[] = [];
		try {
			const all = Array.from({ length: kernel.possibleCpus }, (_, cpu) => cpu);
			for (const cpu of sampling.pid === undefined ? (sampling.cpus ?? all) : [-1]) {
				const opened = kernel.perfEventOpen(attr, sampling.pid ?? -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
				// A CPU that may be there but is not.
				if (opened === -ERRNO.ENODEV && sampling.cpus === undefined) continue;
				if (opened === -ERRNO.ENOENT || opened === -ERRNO.EOPNOTSUPP) {
					throw new NotSupportedError(
						target,
						"this machine has no such event (virtual machines often have no hardware counters)",
					);
				}
				if (opened < 0) throw refuseAttach(each, target, -opened, "perf_event_open");
				parts.push(attachToPerfEvent(each, new Fd(kernel, opened, `${target}, CPU ${cpu}`), target, sampling.cookie));
			}
		} catch (error) {
			for (const part of parts) closeAll(part);
			throw error;
		}
		return together(parts);
	});
}

function numbersOf(event: PerfSampling["event"]): readonly [type: number, config: bigint] {
	if (typeof event !== "string") return [event.type, event.config];
	const found: readonly [number, bigint] | undefined = EVENTS[event];
	if (found) return found;
	throw new RangeError(`no perf event ${event}; there are: ${PERF_EVENT_NAMES.join(", ")}`);
}

/** Several attachments of one kind as one. At least one. */
export function together(parts: readonly Attachment[], undo?: () => void): Attachment {
	return {
		way: parts[0]?.way ?? "bpf_link",
		fds: parts.flatMap((part) => part.fds),
		under: parts.flatMap((part) => part.under ?? []),
		undo: () => {
			for (const part of parts) part.undo?.();
			undo?.();
		},
		note: parts[0]?.note,
	};
}

/** Undoes one attachment that no link owns yet. */
export function closeAll(part: Attachment): void {
	part.undo?.();
	for (const fd of [...part.fds, ...(part.under ?? [])]) fd.close();
}
