import type { MapInfo } from "@skep/bpf/kernel";
import { type Holders, holdersOf, type View } from "./context.ts";
import { mapType, programType } from "./names.ts";
import { infoOf } from "./objects.ts";
import { ownerCells, ownerLines } from "./owners.ts";

/** A map as `bpftool -j map show` tells it: its keys, in its order. */
export interface MapRow extends Holders {
	readonly id: number;
	readonly type: string | number;
	readonly name?: string | undefined;
	readonly flags: number;
	readonly bytes_key: number;
	readonly bytes_value: number;
	readonly max_entries: number;
	readonly bytes_memlock?: number | undefined;
	/** prog_array: what may stand in it. */
	readonly owner_prog_type?: string | number | undefined;
	readonly owner_jited?: boolean | undefined;
	readonly frozen?: number | undefined;
	readonly btf_id?: number | undefined;
}

/** What there is to tell of the map behind a descriptor. @throws BpfError */
export function mapRow(view: View, fd: number): MapRow {
	const info: MapInfo = infoOf(view.kernel, "map", fd);
	const told = view.machine.fdinfo(fd);
	const number = (name: string) => {
		const text = told(name);
		return text === undefined ? undefined : Number(text);
	};
	const [memlock, owner, jited, frozen] = ["memlock", "owner_prog_type", "owner_jited", "frozen"].map(number);
	return {
		id: info.id,
		type: mapType(info.type),
		...(info.name === "" ? {} : { name: info.name }),
		flags: info.map_flags,
		bytes_key: info.key_size,
		bytes_value: info.value_size,
		max_entries: info.max_entries,
		...(memlock === undefined ? {} : { bytes_memlock: memlock }),
		...(owner === undefined ? {} : { owner_prog_type: programType(owner) }),
		...(jited === undefined ? {} : { owner_jited: jited !== 0 }),
		...(frozen === undefined ? {} : { frozen }),
		...(info.btf_id > 0 ? { btf_id: info.btf_id } : {}),
		...holdersOf(view, `map ${info.id}`),
	};
}

/** One map, as bpftool writes it. */
export function mapText(row: MapRow): string {
	const sizes = [
		`key ${row.bytes_key}B`,
		`value ${row.bytes_value}B`,
		`max_entries ${row.max_entries}`,
		...(row.bytes_memlock === undefined ? [] : [`memlock ${row.bytes_memlock}B`]),
	];
	const owner = [
		...(row.owner_prog_type === undefined ? [] : [`owner_prog_type ${row.owner_prog_type}`]),
		...(row.owner_jited === undefined ? [] : [`owner${row.owner_jited ? "" : " not"} jited`]),
	];
	const more = [...(row.btf_id === undefined ? [] : [`btf_id ${row.btf_id}`]), ...(row.frozen ? ["frozen"] : [])];
	const lines = [
		`${row.id}: ${row.type}${row.name === undefined ? "" : `  name ${row.name}`}  flags 0x${row.flags.toString(16)}`,
		sizes.join("  "),
		owner.join("  "),
		...(row.pinned ?? []).map((path) => `pinned ${path}`),
		more.join("  "),
		...ownerLines(row.pids),
	];
	return `${lines.filter((line) => line !== "").join("\n\t")}\n`;
}

/** A row of the table of all maps. */
export function mapCells(row: MapRow): object {
	return {
		id: row.id,
		type: row.type,
		name: row.name,
		flags: `0x${row.flags.toString(16)}`,
		key: row.bytes_key,
		value: row.bytes_value,
		entries: row.max_entries,
		memlock: row.bytes_memlock,
		btf: row.btf_id,
		...(row.frozen ? { frozen: "yes" } : {}),
		...(row.pinned?.length ? { pinned: row.pinned.join(" ") } : {}),
		...ownerCells(row.pids),
	};
}
