import { ERRNO, PERF_TYPE, type PerfEventAttr, type PerfEventRequest } from "@skep/bpf/kernel";
import { descriptorOf, drop, hold, idOf, openDescriptor } from "./descriptors.ts";
import type { System } from "./system.ts";
import { tracepointOf } from "./tracepoints.ts";

/** PERF_COUNT_SW_BPF_OUTPUT. */
const BPF_OUTPUT = 10n;
const PAGE = 4096;
/** Where in the first page of a ring it says where the data begin, and how many. */
const DATA_OFFSET = 1040;
const DATA_SIZE = 1048;

/** perf_event_open(2): tracepoints, and the software event that a perf event array takes. */
export function openPerfEvent(system: System, attr: PerfEventAttr, pid: number, cpu: number): number {
	if (pid === -1 && cpu === -1) return -ERRNO.EINVAL;
	if (cpu >= system.cpus.length || pid < -1) return -ERRNO.EINVAL;
	// Rings that are overwritten grow the other way.
	if (attr.write_backward) return -ERRNO.EOPNOTSUPP;
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
		isOutput: attr.type === PERF_TYPE.SOFTWARE && attr.config === BPF_OUTPUT,
		cpu,
		paused: false,
		ring: 0,
		ringSize: 0,
		lost: 0,
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
	if (request === "PAUSE_OUTPUT") {
		if (event.ring === 0) return -ERRNO.EINVAL;
		event.paused = argument !== 0;
		return 0;
	}
	if (request !== "SET_BPF") {
		event.enabled = request === "ENABLE";
		system.attached.clear();
		return 0;
	}
	const id = idOf(system, argument, "program");
	if (id < 0) return id;
	if (event.program !== 0 || event.link !== 0) return -ERRNO.EEXIST;
	if (event.tracepoint === 0 || system.tables.programs.get(id)!.type !== "tracepoint") return -ERRNO.EINVAL;
	event.program = id;
	system.attached.clear();
	hold(system, "program", id);
	return 0;
}

/** mmap(2) of a perf event's descriptor: a page, and a power of two of them behind it for records. Guest address, or -errno. */
export function mapRing(system: System, fd: number, offset: number, length: number): number {
	const event = system.tables.events.get(idOf(system, fd, "event"));
	if (!event) return -ERRNO.EBADF;
	const pages = Math.ceil(length / PAGE) - 1;
	if (offset !== 0 || pages < 0 || (pages & (pages - 1)) !== 0) return -ERRNO.EINVAL;
	if (event.ring !== 0) return event.ringSize === pages * PAGE ? event.ring : -ERRNO.EINVAL;
	const ring = system.memory.allocate((pages + 1) * PAGE, "kernel", false, PAGE);
	if (ring === undefined) return -ERRNO.ENOMEM;
	system.memory.view.setBigUint64(ring + DATA_OFFSET, BigInt(PAGE), true);
	system.memory.view.setBigUint64(ring + DATA_SIZE, BigInt(pages * PAGE), true);
	event.ring = ring;
	event.ringSize = pages * PAGE;
	hold(system, "event", event.id);
	return ring;
}

/** Undoes `mapRing`. */
export function unmapRing(system: System, id: number): void {
	const event = system.tables.events.get(id);
	if (!event || event.ring === 0) return;
	system.memory.free(event.ring);
	event.ring = 0;
	drop(system, "event", id);
}
