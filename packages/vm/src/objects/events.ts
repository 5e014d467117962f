import { ERRNO, PERF_TYPE, type PerfEventAttr, type PerfEventRequest } from "@skep/bpf/kernel";
import { descriptorOf, hold, idOf, openDescriptor } from "./descriptors.ts";
import type { System } from "./system.ts";
import { tracepointOf } from "./tracepoints.ts";

/** perf_event_open(2): tracepoints, and the software event that a perf event array takes. */
export function openPerfEvent(system: System, attr: PerfEventAttr, pid: number, cpu: number): number {
	if (pid === -1 && cpu === -1) return -ERRNO.EINVAL;
	if (cpu >= system.cpus.length || pid < -1) return -ERRNO.EINVAL;
	const isTracepoint = attr.type === PERF_TYPE.TRACEPOINT;
	if (!isTracepoint && attr.type !== PERF_TYPE.SOFTWARE) return -ERRNO.ENOENT;
	const tracepoint = isTracepoint ? tracepointOf(system, Number(attr.config)) : undefined;
	if (isTracepoint && !tracepoint) return -ERRNO.EINVAL;
	const { tables } = system;
	const id = tables.next.event++;
	tables.events.set(id, {
		id,
		tracepoint: tracepoint?.id ?? 0,
		enabled: attr.disabled !== true,
		program: 0,
		link: 0,
		references: 0,
	});
	return openDescriptor(system, "event", id);
}

/** ioctl(2) on a perf event. */
export function controlPerfEvent(system: System, fd: number, request: PerfEventRequest, argument: number): number {
	const held = descriptorOf(system, fd);
	if (!held) return -ERRNO.EBADF;
	if (held.kind !== "event") return -ERRNO.ENOTTY;
	const event = system.tables.events.get(held.id)!;
	// There is no ring that output could stop going to.
	if (request === "PAUSE_OUTPUT") return -ERRNO.EINVAL;
	if (request !== "SET_BPF") {
		event.enabled = request === "ENABLE";
		return 0;
	}
	const id = idOf(system, argument, "program");
	if (id < 0) return id;
	if (event.program !== 0 || event.link !== 0) return -ERRNO.EEXIST;
	if (event.tracepoint === 0 || system.tables.programs.get(id)!.type !== "tracepoint") return -ERRNO.EINVAL;
	event.program = id;
	hold(system, "program", id);
	return 0;
}
