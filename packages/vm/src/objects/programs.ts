import { encodeUtf8, fnv1a } from "@skep/bpf/base";
import type { Instruction } from "@skep/bpf/isa";
import { type Attributes, ERRNO } from "@skep/bpf/kernel";
import {
	ATTACH_TYPES,
	type AttachType,
	GPL_LICENSES,
	PROG_FLAGS,
	PROGRAM_TYPES,
	type ProgramType,
	PSEUDO_LOAD,
} from "@skep/bpf/uapi";
import { HOOKS } from "#hooks";
import { mapHandler } from "#maps";
import { checkStructure, type Objection } from "./check.ts";
import { hold, idOf, openDescriptor } from "./descriptors.ts";
import { exceptionCallback } from "./exceptions.ts";
import { isObjectName } from "./name.ts";
import type { System } from "./system.ts";
import type { ProgramState } from "./tables.ts";
import { hasIterator } from "./walks.ts";

const TYPE_NAMES: ReadonlyMap<number, ProgramType> = new Map(
	Object.entries(PROGRAM_TYPES).map(([name, row]) => [row.value, name as ProgramType]),
);
const ATTACH_NAMES = Object.keys(ATTACH_TYPES) as AttachType[];
const KNOWN_FLAGS = Object.values(PROG_FLAGS).reduce((all, flag) => all | flag, 0);
/** 1 the path, 2 every state, 4 statistics. */
const LOG_LEVELS = 7;
/** Instructions that a program may have. */
const MOST_INSNS = 1_000_000;
const PAGE = 4096;

export function loadProgram(system: System, attr: Attributes["PROG_LOAD"]): number {
	const refused = early(attr);
	if (refused !== 0) return refused;
	const type = TYPE_NAMES.get(attr.prog_type);
	const hook = type && HOOKS[type];
	if (!hook) return -ERRNO.EINVAL;
	if (!isObjectName(attr.prog_name ?? "")) return -ERRNO.EINVAL;
	const described = (attr.func_info_cnt ?? 0) !== 0 || (attr.line_info_cnt ?? 0) !== 0;
	const btf = described ? idOf(system, attr.prog_btf_fd ?? 0, "btf") : 0;
	if (btf < 0) return btf;
	if (type === "syscall" && ((attr.prog_flags ?? 0) & PROG_FLAGS.BPF_F_SLEEPABLE) === 0) return -ERRNO.EINVAL;
	const way = ATTACH_NAMES[attr.expected_attach_type ?? 0];
	// What tracing programs attach to is said in the log.
	if (type !== "tracing" && hook.attachTypes && !(way && hook.attachTypes.includes(way))) return -ERRNO.EINVAL;
	const log = new Log(attr);
	const target = attachTarget(system, attr, type);
	const mapAt: Record<number, number> = {};
	const gpl = GPL_LICENSES.has(attr.license);
	const objection =
		("text" in target ? target : undefined) ??
		checkStructure({
			insns: attr.insns,
			type,
			gpl,
			handler: exceptionCallback(system, btf, attr.func_info),
			kfuncName: (id) => functionName(system, id),
			mapFault: (insn, slot) => mapFault(system, attr, insn, slot, mapAt),
		});
	if (objection) {
		log.say(
			`${objection.text}\nprocessed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n`,
		);
		return log.end(-objection.errno);
	}
	const arenas = [...new Set(Object.values(mapAt))].filter((id) => system.tables.maps.get(id)!.type === "arena");
	const noArena = arenaFault(system, arenas);
	if (noArena) {
		log.say(`${noArena.text}\n`);
		return log.end(-noArena.errno);
	}
	const count = attr.insns.length / 8;
	log.say(`processed ${count} insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n`);
	const full = log.end(0);
	if (full !== 0) return full;
	const { tables } = system;
	const program: ProgramState = {
		id: tables.next.program++,
		name: attr.prog_name ?? "",
		type,
		attachType: hook.attachTypes ? ATTACH_NAMES[attr.expected_attach_type ?? 0] : undefined,
		insns: attr.insns.slice(),
		mapAt,
		maps: [...new Set(Object.values(mapAt))],
		arena: arenas[0] ?? 0,
		gpl,
		flags: attr.prog_flags ?? 0,
		tag: tagOf(attr.insns),
		btf,
		funcInfo: attr.func_info?.slice() ?? new Uint8Array(0),
		lineInfo: attr.line_info?.slice() ?? new Uint8Array(0),
		attachBtf: "name" in target ? target.id : 0,
		attachTo: "name" in target ? target.name : "",
		loaded: system.clock.state.monotonic,
		references: 0,
		runs: 0,
		runTime: 0,
		faults: 0,
	};
	tables.programs.set(program.id, program);
	for (const map of program.maps) hold(system, "map", map);
	if (btf !== 0) hold(system, "btf", btf);
	return openDescriptor(system, "program", program.id);
}

/** What Linux refuses before it looks at the instructions. */
function early(attr: Attributes["PROG_LOAD"]): number {
	if (((attr.prog_flags ?? 0) & ~KNOWN_FLAGS) !== 0) return -ERRNO.EINVAL;
	const level = attr.log_level ?? 0;
	if (attr.insns.length % 8 !== 0) return -ERRNO.EINVAL;
	const count = attr.insns.length / 8;
	if (count === 0 || count > MOST_INSNS) return -ERRNO.E2BIG;
	if ((level & ~LOG_LEVELS) !== 0) return -ERRNO.EINVAL;
	const records = (size: number | undefined, entries: number | undefined, least: number) =>
		(entries ?? 0) === 0 || ((size ?? 0) >= least && (size ?? 0) % 4 === 0 && (size ?? 0) <= 252);
	if (!records(attr.func_info_rec_size, attr.func_info_cnt, 8)) return -ERRNO.EINVAL;
	if (!records(attr.line_info_rec_size, attr.line_info_cnt, 16)) return -ERRNO.EINVAL;
	return 0;
}

/** The text that the caller asked for: cut where its buffer ends, which is said by -ENOSPC. */
class Log {
	readonly #attr: Attributes["PROG_LOAD"];
	#text = "";
	constructor(attr: Attributes["PROG_LOAD"]) {
		this.#attr = attr;
	}
	say(text: string): void {
		this.#text += text;
	}
	/** Writes the log; the result, or -ENOSPC. */
	end(result: number): number {
		const { log_buf, log_level = 0 } = this.#attr;
		if (log_level === 0 || !log_buf) return result;
		const bytes = encodeUtf8(`${this.#text}\0`);
		this.#attr.log_true_size = bytes.length;
		if (bytes.length <= log_buf.length) {
			log_buf.set(bytes);
			return result;
		}
		log_buf.set(bytes.subarray(0, log_buf.length - 1));
		log_buf[log_buf.length - 1] = 0;
		return -ERRNO.ENOSPC;
	}
}

type Target = { readonly id: number; readonly name: string } | Objection | Record<never, never>;

/** tracing: the tracepoint that attach_btf_id means. */
function attachTarget(system: System, attr: Attributes["PROG_LOAD"], type: ProgramType): Target {
	const id = attr.attach_btf_id ?? 0;
	if (type !== "tracing") return {};
	const fault = (text: string, errno: number = ERRNO.EINVAL): Objection => ({ slot: 0, text, errno });
	const way = ATTACH_NAMES[attr.expected_attach_type ?? 0];
	if (id === 0) return fault("Tracing programs must provide btf_id");
	if (!way || !HOOKS.tracing?.attachTypes?.includes(way)) {
		return fault(
			`attach type ${way ?? attr.expected_attach_type}: the virtual kernel has typed tracepoints (trace_raw_tp) and iterators (trace_iter) only`,
			ERRNO.ENOTSUPP,
		);
	}
	const btf = system.btf;
	if (!btf || id > btf.count) return fault(`attach_btf_id ${id} is invalid`);
	const found = btf.type(id);
	if (way === "trace_iter") {
		const name =
			found.kind === "func" && found.name.startsWith("bpf_iter_") ? found.name.slice("bpf_iter_".length) : "";
		if (name === "") return fault(`attach_btf_id ${id} is not an iterator`);
		if (hasIterator(name)) return { id, name };
		return fault(`the virtual kernel walks over tasks, maps, programs and links, not ${name}`, ERRNO.ENOTSUPP);
	}
	if (found.kind !== "typedef") return fault(`attach_btf_id ${id} is not a typedef`);
	if (!found.name.startsWith("btf_trace_")) return fault(`attach_btf_id ${id} points to wrong type name ${found.name}`);
	return { id, name: found.name.slice("btf_trace_".length) };
}

export function functionName(system: System, id: number): string | undefined {
	if (!system.btf || id <= 0 || id > system.btf.count) return undefined;
	const type = system.btf.type(id);
	return type.kind === "func" ? type.name : undefined;
}

/** What is wrong with a program's arenas: it has one, which has an address. */
function arenaFault(system: System, arenas: readonly number[]): Objection | undefined {
	if (arenas.length > 1) return { slot: 0, text: "Program already has arena", errno: ERRNO.EBUSY };
	const map = system.tables.maps.get(arenas[0] ?? 0);
	if (map?.userStart !== 0n) return undefined;
	return { slot: 0, text: "arena's user address must be set via map_extra or mmap()", errno: ERRNO.EINVAL };
}

/** Finds the map of a wide load and notes it by slot; what is wrong with it otherwise. */
function mapFault(
	system: System,
	attr: Attributes["PROG_LOAD"],
	insn: Instruction,
	slot: number,
	mapAt: Record<number, number>,
): Objection | undefined {
	const byIndex = insn.src === PSEUDO_LOAD.BPF_PSEUDO_MAP_IDX || insn.src === PSEUDO_LOAD.BPF_PSEUDO_MAP_IDX_VALUE;
	const isValue = insn.src === PSEUDO_LOAD.BPF_PSEUDO_MAP_VALUE || insn.src === PSEUDO_LOAD.BPF_PSEUDO_MAP_IDX_VALUE;
	const fault = (text: string, errno: number = ERRNO.EINVAL): Objection => ({ slot, text, errno });
	let fd = insn.imm;
	if (byIndex) {
		const { fd_array } = attr;
		if (!fd_array) return fault("fd_idx without fd_array is invalid", ERRNO.EPROTO);
		if (fd < 0 || (fd + 1) * 4 > fd_array.length) return fault(`fd_idx ${fd} is outside of fd_array`, ERRNO.EFAULT);
		fd = new DataView(fd_array.buffer, fd_array.byteOffset).getInt32(fd * 4, true);
	}
	if (!isValue && insn.immHigh !== 0) return fault("unrecognized bpf_ld_imm64 insn");
	const id = idOf(system, fd, "map");
	if (id < 0) return fault(`fd ${fd} is not pointing to valid bpf_map`, -id);
	const map = system.tables.maps.get(id)!;
	if (isValue) {
		if (map.type !== "arena" && (map.type !== "array" || map.maxEntries !== 1))
			return fault(`no direct value access support for this map type (${map.type})`);
		const offset = (insn.immHigh ?? 0) >>> 0;
		const size = map.type === "arena" ? map.maxEntries * PAGE : map.valueSize;
		if (offset >= size) return fault(`invalid access to map value pointer, value_size=${map.valueSize} off=${offset}`);
	}
	if (!mapHandler(map.type)) return fault(`map type ${map.type} is not supported`);
	mapAt[slot] = id;
	return undefined;
}

/** Eight bytes in hex that tell programs apart. Linux takes a cryptographic hash. */
function tagOf(insns: Uint8Array): string {
	const text = String.fromCharCode(...insns.subarray(0, 4096), ...(insns.length > 4096 ? insns.subarray(-4096) : []));
	return fnv1a(text) + fnv1a(`${insns.length}:${text}`);
}
