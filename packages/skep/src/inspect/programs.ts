import type { Btf } from "@skep/bpf/btf";
import type { Kernel, ProgInfo } from "@skep/bpf/kernel";
import { btfOf } from "@skep/bpf/live";
import { type Holders, holdersOf, type View } from "./context.ts";
import { programType } from "./names.ts";
import { infoOf } from "./objects.ts";
import { ownerCells, ownerLines } from "./owners.ts";

/** A program as `bpftool -j prog show` tells it: its keys, in its order. */
export interface ProgramRow extends Holders {
	readonly id: number;
	readonly type: string | number;
	readonly name?: string | undefined;
	readonly tag: string;
	readonly gpl_compatible: boolean;
	readonly run_time_ns?: bigint | undefined;
	readonly run_cnt?: bigint | undefined;
	readonly recursion_misses?: bigint | undefined;
	/** Unix time in seconds. */
	readonly loaded_at?: number | undefined;
	readonly uid?: number | undefined;
	readonly bytes_xlated: number;
	readonly jited: boolean;
	readonly bytes_jited?: number | undefined;
	readonly bytes_memlock?: number | undefined;
	readonly map_ids?: readonly number[] | undefined;
	readonly btf_id?: number | undefined;
}

/** More than nearly all programs use; who uses more is asked twice. */
const MAPS = 32;
const IDS = new Uint8Array(MAPS * 4);

/** What the kernel tells of the program behind a descriptor, and the ids of its maps. @throws BpfError */
export function programInfo(kernel: Kernel, fd: number): { readonly info: ProgInfo; readonly maps: readonly number[] } {
	let map_ids: Uint8Array = IDS;
	let info = infoOf(kernel, "prog", fd, { map_ids });
	if (info.nr_map_ids > MAPS) {
		map_ids = new Uint8Array(info.nr_map_ids * 4);
		info = infoOf(kernel, "prog", fd, { map_ids });
	}
	const words = new DataView(map_ids.buffer, map_ids.byteOffset);
	const count = Math.min(info.nr_map_ids, map_ids.length / 4);
	return { info, maps: Array.from({ length: count }, (_, i) => words.getUint32(i * 4, true)) };
}

/** What there is to tell of the program behind a descriptor. @throws BpfError */
export function programRow(view: View, fd: number): ProgramRow {
	const { kernel } = view;
	const { info, maps } = programInfo(kernel, fd);
	const memlock = view.machine.fdinfo(fd)("memlock");
	const { booted } = view;
	const ran = info.run_time_ns > 0n;
	const name = fullName(kernel, fd, info);
	return {
		id: info.id,
		type: programType(info.type),
		...(name === "" ? {} : { name }),
		tag: info.tag,
		gpl_compatible: info.gpl_compatible !== 0,
		...(ran ? { run_time_ns: info.run_time_ns, run_cnt: info.run_cnt } : {}),
		...(info.recursion_misses > 0n ? { recursion_misses: info.recursion_misses } : {}),
		...(info.load_time > 0n
			? {
					...(booted === undefined ? {} : { loaded_at: Math.floor(booted + Number(info.load_time) / 1e9) }),
					uid: info.created_by_uid,
				}
			: {}),
		bytes_xlated: info.xlated_prog_len,
		jited: info.jited_prog_len > 0,
		...(info.jited_prog_len > 0 ? { bytes_jited: info.jited_prog_len } : {}),
		...(memlock === undefined ? {} : { bytes_memlock: Number(memlock) }),
		...(maps.length > 0 ? { map_ids: maps } : {}),
		...(info.btf_id > 0 ? { btf_id: info.btf_id } : {}),
		...holdersOf(view, `prog ${info.id}`),
	};
}

/** The kernel keeps 15 characters; the program's BTF has them all. */
function fullName(kernel: Kernel, fd: number, info: ProgInfo): string {
	if (info.name.length < 15 || info.btf_id === 0 || info.nr_func_info === 0) return info.name;
	try {
		const [first] = functionsOf(kernel, fd, info, btfOf(kernel, info.btf_id, `program ${info.name}`));
		return first?.name.startsWith(info.name) ? first.name : info.name;
	} catch {
		return info.name;
	}
}

/** Functions of a program: instruction slot, type, name. */
export function functionsOf(
	kernel: Kernel,
	fd: number,
	info: ProgInfo,
	btf: Btf,
): { readonly slot: number; readonly type: number; readonly name: string }[] {
	const size = info.func_info_rec_size;
	const func_info = new Uint8Array(info.nr_func_info * size);
	infoOf(kernel, "prog", fd, { func_info, nr_func_info: info.nr_func_info, func_info_rec_size: size });
	const view = new DataView(func_info.buffer);
	return Array.from({ length: info.nr_func_info }, (_, i) => {
		const type = view.getUint32(i * size + 4, true);
		return { slot: view.getUint32(i * size, true), type, name: btf.name(type) };
	});
}

/** One program, as bpftool writes it: a line, and what else there is below it. */
export function programText(row: ProgramRow): string {
	const head = [`${row.id}: ${row.type}`, row.name && `name ${row.name}`, `tag ${row.tag}`];
	const runs = [
		row.gpl_compatible && "gpl",
		row.run_time_ns && `run_time_ns ${row.run_time_ns} run_cnt ${row.run_cnt}`,
		row.recursion_misses && `recursion_misses ${row.recursion_misses}`,
	];
	const sizes = [
		`xlated ${row.bytes_xlated}B`,
		row.bytes_jited ? `jited ${row.bytes_jited}B` : "not jited",
		row.bytes_memlock !== undefined && `memlock ${row.bytes_memlock}B`,
		row.map_ids && `map_ids ${row.map_ids.join(",")}`,
	];
	const lines = [
		[join(head, "  "), join(runs, " ")].filter((part) => part !== "").join("  "),
		join(
			[
				row.loaded_at !== undefined && `loaded_at ${timeText(row.loaded_at)}`,
				row.uid !== undefined && `uid ${row.uid}`,
			],
			"  ",
		),
		join(sizes, "  "),
		...(row.pinned ?? []).map((path) => `pinned ${path}`),
		row.btf_id === undefined ? "" : `btf_id ${row.btf_id}`,
		...ownerLines(row.pids),
	];
	return `${lines.filter((line) => line !== "").join("\n\t")}\n`;
}

const join = (parts: readonly (string | false | undefined | 0n | "")[], by: string): string =>
	parts.filter(Boolean).join(by);

/** `2026-11-22T05:58:53+0000`, in the local time. */
export function timeText(seconds: number): string {
	const date = new Date(seconds * 1000);
	const two = (n: number) => String(n).padStart(2, "0");
	const zone = -date.getTimezoneOffset();
	const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
	const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
	const offset = `${zone < 0 ? "-" : "+"}${two(Math.floor(Math.abs(zone) / 60))}${two(Math.abs(zone) % 60)}`;
	return `${day}T${time}${offset}`;
}

/** A row of the table of all programs. */
export function programCells(row: ProgramRow): object {
	return {
		id: row.id,
		type: row.type,
		name: row.name,
		tag: row.tag,
		...(row.run_cnt === undefined ? {} : { runs: row.run_cnt, "ns/run": row.run_time_ns! / (row.run_cnt || 1n) }),
		loaded: row.loaded_at === undefined ? undefined : timeText(row.loaded_at).slice(0, 19).replace("T", " "),
		uid: row.uid,
		xlated: row.bytes_xlated,
		jited: row.bytes_jited,
		memlock: row.bytes_memlock,
		maps: row.map_ids?.join(","),
		btf: row.btf_id,
		...(row.pinned?.length ? { pinned: row.pinned.join(" ") } : {}),
		...ownerCells(row.pids),
	};
}
