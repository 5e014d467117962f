import { ERRNO } from "@skep/bpf/kernel";
import { LINK_TYPES, MAP_TYPES, PROGRAM_TYPES } from "@skep/bpf/uapi";
import type { StructValue, StructWriter } from "./structs.ts";
import type { System } from "./system.ts";
import type { LinkState } from "./tables.ts";
import { known, taskStruct } from "./tasks.ts";

/** What a link says of what is walked over: one thread, or one process; 0: all. */
export interface TaskFilter {
	readonly tid: number;
	readonly pid: number;
}

/** The things that are walked over, each as the address of its struct; what was laid out for it goes with `writer`. */
export type Walk = (system: System, writer: StructWriter, filter: TaskFilter) => Iterable<number>;

/** As on Linux a walk holds what it shows meanwhile. */
const held = ({ references }: { readonly references: number }): StructValue => ({ counter: references + 1 });

/** Structs of the kernel's objects are laid out for the call: what they name of themselves is in tables. */
function mapStruct(system: System, writer: StructWriter, id: number): number {
	const map = system.tables.maps.get(id)!;
	return writer.place(
		"bpf_map",
		known(system, "bpf_map", {
			id,
			name: map.name,
			map_type: MAP_TYPES[map.type].value,
			key_size: map.keySize,
			value_size: map.valueSize,
			max_entries: map.maxEntries,
			map_flags: map.flags,
			map_extra: map.extra,
			frozen: map.frozen,
			btf_key_type_id: map.keyType,
			btf_value_type_id: map.valueType,
			refcnt: held(map),
		}),
	);
}

function programStruct(system: System, writer: StructWriter, id: number): number {
	const program = system.tables.programs.get(id)!;
	const aux = writer.place(
		"bpf_prog_aux",
		known(system, "bpf_prog_aux", {
			id,
			name: program.name,
			used_map_cnt: program.maps.length,
			load_time: program.loaded,
			attach_btf_id: program.attachBtf,
			attach_func_name: nameOf(system, program.attachBtf),
			refcnt: held(program),
		}),
	);
	const tag = Uint8Array.from({ length: 8 }, (_, i) => Number.parseInt(program.tag.slice(i * 2, i * 2 + 2), 16));
	return writer.place(
		"bpf_prog",
		known(system, "bpf_prog", {
			type: PROGRAM_TYPES[program.type].value,
			len: program.insns.length / 8,
			gpl_compatible: program.gpl,
			tag,
			aux,
		}),
	);
}

const nameOf = (system: System, id: number): string => (id === 0 ? "" : (system.btf?.name(id) ?? ""));

function linkStruct(system: System, writer: StructWriter, link: LinkState): number {
	const type = LINK_TYPES[link.kind].value;
	const prog = link.detached ? 0 : programStruct(system, writer, link.program);
	const value: StructValue = { id: link.id, type, prog, refcnt: held(link) };
	return writer.place("bpf_link", known(system, "bpf_link", value));
}

function* each<T>(ids: Iterable<number>, make: (id: number) => T): Generator<T> {
	for (const id of [...ids].sort((a, b) => a - b)) yield make(id);
}

/** Whom a walk over tasks meets; the idle task is none of them, as on Linux. */
function* tasks(system: System, { tid, pid }: TaskFilter): Generator<number> {
	for (const task of system.tasks.rows()) {
		if (task.pid === 0 || (tid !== 0 && task.pid !== tid) || (pid !== 0 && task.tgid !== pid)) continue;
		yield taskStruct(system, task.pid);
	}
}

/** Iterators of this kernel, by their names. One row an iterator. */
export const WALKS: Readonly<Record<string, Walk>> = {
	task: (system, _writer, filter) => tasks(system, filter),
	bpf_map: (system, writer) => each(system.tables.maps.keys(), (id) => mapStruct(system, writer, id)),
	bpf_prog: (system, writer) => each(system.tables.programs.keys(), (id) => programStruct(system, writer, id)),
	bpf_link: (system, writer) =>
		each(system.tables.links.keys(), (id) => linkStruct(system, writer, system.tables.links.get(id)!)),
};

export const hasIterator = (name: string): boolean => name in WALKS;

/** `union bpf_iter_link_info` of an iterator over tasks; -errno. */
export function taskFilter(name: string, info: Uint8Array | undefined): TaskFilter | number {
	if (!info) return { tid: 0, pid: 0 };
	if (name !== "task") return -ERRNO.EINVAL;
	const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
	const at = (offset: number) => (offset + 4 <= info.length ? view.getUint32(offset, true) : 0);
	// By pidfd: there are none here.
	if (at(8) !== 0) return -ERRNO.EBADF;
	if (at(0) !== 0 && at(4) !== 0) return -ERRNO.EINVAL;
	return { tid: at(0), pid: at(4) };
}
