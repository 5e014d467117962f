import {
	type Attributes,
	type BtfInfo,
	ERRNO,
	type LinkInfo,
	type MapInfo,
	type ObjGetInfoByFd,
	type ProgInfo,
} from "@skep/bpf/kernel";
import { ATTACH_TYPES, LINK_TYPES, MAP_TYPES, PROGRAM_TYPES, PSEUDO_LOAD } from "@skep/bpf/uapi";
import { openDescriptor } from "./descriptors.ts";
import { codeOf, engineOf } from "./run.ts";
import type { System } from "./system.ts";
import type { LinkState, ObjectKind, ProgramState } from "./tables.ts";
import { tracepointOf } from "./tracepoints.ts";

const KINDS: Readonly<Record<ObjGetInfoByFd["kind"], ObjectKind>> = {
	map: "map",
	prog: "program",
	btf: "btf",
	link: "link",
};
const FUNC_RECORD = 8;
const LINE_RECORD = 16;

export function getInfo(system: System, attr: Attributes["OBJ_GET_INFO_BY_FD"]): number {
	const held = system.tables.descriptors.get(attr.bpf_fd);
	if (!held) return -ERRNO.EBADFD;
	if (held.kind !== KINDS[attr.kind]) return -ERRNO.EINVAL;
	switch (attr.kind) {
		case "map":
			mapInfo(system, held.id, attr.info);
			return 0;
		case "prog":
			programInfo(system, system.tables.programs.get(held.id)!, attr.info);
			return 0;
		case "btf":
			btfInfo(system, held.id, attr.info);
			return 0;
		case "link":
			linkInfo(system, system.tables.links.get(held.id)!, attr.info);
			return 0;
	}
}

function mapInfo(system: System, id: number, info: Partial<MapInfo>): void {
	const map = system.tables.maps.get(id)!;
	Object.assign(info, {
		type: MAP_TYPES[map.type].value,
		id,
		key_size: map.keySize,
		value_size: map.valueSize,
		max_entries: map.maxEntries,
		map_flags: map.flags,
		name: map.name,
		ifindex: 0,
		btf_vmlinux_value_type_id: 0,
		btf_id: map.btf,
		btf_key_type_id: map.keyType,
		btf_value_type_id: map.valueType,
		map_extra: map.extra,
		netns_dev: 0n,
		netns_ino: 0n,
		btf_vmlinux_id: 0,
	} satisfies MapInfo);
}

/** Copies as much as the caller's buffer takes. */
function fill(to: Uint8Array | undefined, from: Uint8Array): void {
	if (to) to.set(from.subarray(0, to.length));
}

const NO_CODE = new Uint8Array(0);

/** The WebAssembly module that a program becomes; empty where it is interpreted. */
function machineCode(system: System, program: ProgramState): Uint8Array {
	const code = system.tracing ? undefined : codeOf(system, program.id);
	return (code && engineOf(system).wasm(code)) ?? NO_CODE;
}

/** Instructions as Linux gives them back: wide loads name maps by id, where descriptors of the loader stood. */
function translated({ insns, mapAt }: ProgramState): Uint8Array {
	const out = insns.slice();
	const view = new DataView(out.buffer);
	for (const [slot, id] of Object.entries(mapAt)) {
		const at = Number(slot) * 8;
		const source = out[at + 1]! >> 4;
		const kind = BY_DESCRIPTOR.get(source) ?? source;
		out[at + 1] = (out[at + 1]! & 0xf) | (kind << 4);
		view.setInt32(at + 4, id, true);
	}
	return out;
}

/** What references by an index into `fd_array` are shown as. */
const BY_DESCRIPTOR: ReadonlyMap<number, number> = new Map([
	[PSEUDO_LOAD.BPF_PSEUDO_MAP_IDX, PSEUDO_LOAD.BPF_PSEUDO_MAP_FD],
	[PSEUDO_LOAD.BPF_PSEUDO_MAP_IDX_VALUE, PSEUDO_LOAD.BPF_PSEUDO_MAP_VALUE],
]);

function programInfo(system: System, program: ProgramState, info: Partial<ProgInfo>): void {
	// Made where somebody asks for it: programs are translated when they have run for a while, or never.
	const code = info.jited_prog_insns ? machineCode(system, program) : NO_CODE;
	fill(info.jited_prog_insns, code);
	if (info.xlated_prog_insns) fill(info.xlated_prog_insns, translated(program));
	fill(info.func_info, program.funcInfo);
	fill(info.line_info, program.lineInfo);
	fill(info.map_ids, new Uint8Array(new Uint32Array(program.maps).buffer));
	Object.assign(info, {
		type: PROGRAM_TYPES[program.type].value,
		id: program.id,
		tag: program.tag,
		jited_prog_len: code.length,
		xlated_prog_len: program.insns.length,
		load_time: program.loaded,
		created_by_uid: 0,
		nr_map_ids: program.maps.length,
		name: program.name,
		ifindex: 0,
		gpl_compatible: program.gpl ? 1 : 0,
		netns_dev: 0n,
		netns_ino: 0n,
		nr_jited_ksyms: 0,
		nr_jited_func_lens: 0,
		btf_id: program.btf,
		func_info_rec_size: FUNC_RECORD,
		nr_func_info: program.funcInfo.length / FUNC_RECORD,
		nr_line_info: program.lineInfo.length / LINE_RECORD,
		nr_jited_line_info: 0,
		line_info_rec_size: LINE_RECORD,
		jited_line_info_rec_size: 8,
		nr_prog_tags: 0,
		run_time_ns: BigInt(Math.round(program.runTime)),
		run_cnt: BigInt(program.runs),
		recursion_misses: 0n,
		verified_insns: program.insns.length / 8,
		attach_btf_obj_id: program.attachBtf === 0 ? 0 : system.btfId,
		attach_btf_id: program.attachBtf,
	} satisfies Partial<ProgInfo>);
}

function btfInfo(system: System, id: number, info: Partial<BtfInfo>): void {
	const btf = system.tables.btfs.get(id)!;
	fill(info.btf, btf.bytes);
	info.btf_size = btf.bytes.length;
	info.id = id;
	info.name = btf.name;
	info.kernel_btf = btf.kernel ? 1 : 0;
}

function linkInfo(system: System, link: LinkState, info: Partial<LinkInfo>): void {
	info.type = LINK_TYPES[link.kind].value;
	info.id = link.id;
	info.prog_id = link.detached ? 0 : link.program;
	const cookie = link.cookie === 0n ? {} : { cookie: link.cookie };
	switch (link.kind) {
		case "raw_tracepoint":
			info.raw_tracepoint = { tp_name: link.tracepoint, ...cookie };
			return;
		case "xdp":
			info.xdp = { ifindex: link.ifindex };
			return;
		case "tcx":
			info.tcx = { ifindex: link.ifindex, attach_type: link.hook };
			return;
		case "cgroup":
			info.cgroup = { cgroup_id: BigInt(link.cgroup), attach_type: link.hook };
			return;
		case "perf_event": {
			const event = system.tables.events.get(link.event);
			const name = tracepointOf(system, event?.tracepoint ?? 0)?.name ?? "";
			info.perf_event = { kind: "tracepoint", name, cookie: link.cookie };
			return;
		}
		case "iter": {
			const name = system.tables.programs.get(link.program)?.attachTo ?? "";
			info.iter = { target_name: name, ...(name === "task" && link.filter ? { task: { ...link.filter } } : {}) };
			return;
		}
		case "tracing":
			info.tracing = {
				attach_type: ATTACH_TYPES.trace_raw_tp,
				target_obj_id: system.btfId,
				target_btf_id: system.tables.programs.get(link.program)?.attachBtf ?? 0,
				...cookie,
			};
	}
}

type Kind = "map" | "program" | "btf" | "link";

const rowsOf = (system: System, kind: Kind): ReadonlyMap<number, unknown> =>
	({ map: system.tables.maps, program: system.tables.programs, btf: system.tables.btfs, link: system.tables.links })[
		kind
	];

export function nextId(system: System, attr: Attributes["MAP_GET_NEXT_ID"], kind: Kind): number {
	let next = Number.POSITIVE_INFINITY;
	if (attr.start_id >= 0x7fff_ffff) return -ERRNO.EINVAL;
	for (const id of rowsOf(system, kind).keys()) if (id > attr.start_id && id < next) next = id;
	if (next === Number.POSITIVE_INFINITY) return -ERRNO.ENOENT;
	attr.next_id = next;
	return 0;
}

export function openById(system: System, attr: Attributes["MAP_GET_FD_BY_ID"], kind: Kind): number {
	const flags = attr.open_flags ?? 0;
	const RDONLY_WRONLY = 8 | 16;
	if (kind === "map" ? (flags & ~RDONLY_WRONLY) !== 0 || (flags & RDONLY_WRONLY) === RDONLY_WRONLY : flags !== 0)
		return -ERRNO.EINVAL;
	if (!rowsOf(system, kind).has(attr.id)) return -ERRNO.ENOENT;
	return openDescriptor(system, kind, attr.id, flags);
}
