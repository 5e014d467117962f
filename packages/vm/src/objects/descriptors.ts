import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS } from "@skep/bpf/uapi";
import { endTimer, isAlive } from "#helpers";
import type { Memory } from "#machine";
import { type MapState, mapHandler, releaseMap, slotsOf } from "#maps";
import { takeFromChain } from "./chains.ts";
import { forgetCode, type System } from "./system.ts";
import type { Descriptor, ObjectKind } from "./tables.ts";

/** 0, 1 and 2 are taken in every process. */
const FIRST = 3;
/** Those that a worker opens itself: no number of the owner's is among them. */
export const WORKERS_FIRST = 1 << 19;
/** RLIMIT_NOFILE as large as systems set it. */
const MOST = 1 << 20;

/** What a descriptor's flags (BPF_F_RDONLY, BPF_F_WRONLY) let its holder do. */
export const access = (flags: number): { readonly readable: boolean; readonly writable: boolean } => ({
	readable: (flags & MAP_FLAGS.BPF_F_WRONLY) === 0,
	writable: (flags & MAP_FLAGS.BPF_F_RDONLY) === 0,
});

/** A new descriptor of an object, which it holds: the lowest number that is free, or -EMFILE. */
export function openDescriptor(system: System, kind: ObjectKind, id: number, flags = 0): number {
	const { descriptors } = system.tables;
	let fd = system.environment.isWorker ? WORKERS_FIRST : FIRST;
	while (descriptors.has(fd)) fd++;
	if (fd >= MOST) return -ERRNO.EMFILE;
	descriptors.set(fd, { kind, id, ...access(flags) });
	hold(system, kind, id);
	return fd;
}

/** 0, or -EBADF. */
export function closeDescriptor(system: System, fd: number): number {
	const held = system.tables.descriptors.get(fd);
	if (!held) return -ERRNO.EBADF;
	system.tables.descriptors.delete(fd);
	drop(system, held.kind, held.id);
	return 0;
}

/** Id of the object of this kind behind a descriptor; -EBADF: it is not open; -EINVAL: of another kind. */
export function idOf(system: System, fd: number, kind: ObjectKind): number {
	const held = system.tables.descriptors.get(fd);
	// Standard input and output are open, and no object of this kernel.
	if (!held) return fd >= 0 && fd < FIRST ? -ERRNO.EINVAL : -ERRNO.EBADF;
	return held.kind === kind ? held.id : -ERRNO.EINVAL;
}

export const descriptorOf = (system: System, fd: number): Descriptor | undefined => system.tables.descriptors.get(fd);

function rowOf(system: System, kind: ObjectKind, id: number): { references: number } | undefined {
	const { tables } = system;
	switch (kind) {
		case "map":
			return tables.maps.get(id);
		case "program":
			return tables.programs.get(id);
		case "btf":
			return tables.btfs.get(id);
		case "link":
			return tables.links.get(id);
		case "event":
			return tables.events.get(id);
		case "iterator":
			return tables.iterators.get(id);
		case "statistics":
		case "cgroup":
		case "namespace":
			return undefined;
	}
}

/** One more holder. */
export function hold(system: System, kind: ObjectKind, id: number): void {
	if (kind === "statistics") system.tables.statistics++;
	const row = rowOf(system, kind, id);
	if (row) row.references++;
}

/** One holder less; the last one takes the object with it, and what that held. */
export function drop(system: System, kind: ObjectKind, id: number): void {
	const { tables } = system;
	if (kind === "statistics") tables.statistics--;
	const row = rowOf(system, kind, id);
	if (!row) return;
	row.references--;
	// Objects of a machine that another worker owns are not this one's to end.
	if (system.environment.isWorker) return;
	if (row.references === 0) end(system, kind, id);
	else if (kind === "map" && !system.sharing.held.has(`map ${id}`)) emptyUnseen(system, id);
}

/** A map that no descriptor and no pin leads to forgets its programs and timers: they may be what holds it. */
function emptyUnseen(system: System, id: number): void {
	const { tables } = system;
	const map = tables.maps.get(id);
	if (!map || (map.type !== "prog_array" && !map.fields)) return;
	for (const each of tables.descriptors.values()) if (each.kind === "map" && each.id === id) return;
	for (const each of tables.pins.values()) if (each.kind === "map" && each.id === id) return;
	endTimersOf(system, id);
	if (map.type !== "prog_array") return;
	for (const program of takeSlots(map, system.memory)) if (program !== 0) drop(system, "program", program);
}

function endTimersOf(system: System, map: number): void {
	const { environment, memory } = system;
	for (const row of [...environment.timers.rows.values()]) {
		if (row.map !== map) continue;
		if (isAlive(environment, row)) memory.view.setUint32(row.at, 0, true);
		endTimer(environment, row);
	}
}

/** What a map holds: programs, perf events, maps. Slots are empty afterwards. */
function heldBy(system: System, map: MapState): (readonly [ObjectKind, number])[] {
	const { view } = system.memory;
	switch (map.type) {
		case "prog_array":
		case "perf_event_array":
		case "array_of_maps": {
			const kind = map.type === "prog_array" ? "program" : map.type === "array_of_maps" ? "map" : "event";
			return takeSlots(map, system.memory).flatMap((id) => (id === 0 ? [] : [[kind, id] as const]));
		}
		case "hash_of_maps": {
			const all = mapHandler(map.type)!.batch!(map, system.memory, 0, 0x7fff_ffff);
			return typeof all === "number" ? [] : all.values.map((at) => ["map", view.getUint32(at, true)] as const);
		}
		default:
			return [];
	}
}

/** The ids in a map's slots, which are empty afterwards. */
function takeSlots(map: MapState, memory: Memory): number[] {
	const slots = slotsOf(map, memory);
	const taken = [...slots];
	slots.fill(0);
	return taken;
}

function end(system: System, kind: ObjectKind, id: number): void {
	const { tables, memory } = system;
	switch (kind) {
		case "map": {
			const map = tables.maps.get(id)!;
			if (map.fields) endTimersOf(system, id);
			tables.maps.delete(id);
			for (const [kind, held] of heldBy(system, map)) drop(system, kind, held);
			releaseMap(map, memory);
			if (map.btf !== 0) drop(system, "btf", map.btf);
			return;
		}
		case "program": {
			const program = tables.programs.get(id)!;
			tables.programs.delete(id);
			forgetCode(system, id);
			for (const map of program.maps) drop(system, "map", map);
			if (program.btf !== 0) drop(system, "btf", program.btf);
			return;
		}
		case "link":
			detachLink(system, id);
			tables.links.delete(id);
			return;
		case "event": {
			const event = tables.events.get(id)!;
			tables.events.delete(id);
			system.attached.clear();
			if (event.program !== 0) drop(system, "program", event.program);
			return;
		}
		case "iterator": {
			const { program } = tables.iterators.get(id)!;
			tables.iterators.delete(id);
			drop(system, "program", program);
			return;
		}
		case "btf":
			tables.btfs.delete(id);
			return;
		case "statistics":
		case "cgroup":
		case "namespace":
			return;
	}
}

/** The link stays as an object, its program runs no more. */
export function detachLink(system: System, id: number): void {
	const link = system.tables.links.get(id);
	if (!link || link.detached) return;
	link.detached = true;
	system.attached.clear();
	takeFromChain(system.tables, id);
	link.ifindex = 0;
	link.cgroup = 0;
	const event = system.tables.events.get(link.event);
	if (event) {
		event.link = 0;
		drop(system, "event", link.event);
	}
	drop(system, "program", link.program);
}
