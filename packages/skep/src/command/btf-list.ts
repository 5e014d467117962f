import type { Kernel } from "@skep/bpf/kernel";
import { Fd, ids, openById } from "@skep/bpf/live";
import { STATUS } from "#cli";
import { everyObject, infoOf, noSuchId, type Owner, ownerCells } from "#inspect";
import { renderTable } from "#output";
import { type Task, writeJson } from "./desk.ts";

/** BTF in the kernel, as `bpftool -j btf show` tells it. */
interface BtfRow {
	readonly id: number;
	readonly size: number;
	readonly prog_ids: readonly number[];
	readonly map_ids: readonly number[];
	readonly kernel: boolean;
	readonly name?: string;
	readonly pids?: readonly Owner[];
}

/** `show [id N]`: who uses it is found by looking at all programs and maps. */
export const list: Task = (words, desk) => {
	const only = words.skip("id") ? words.number("id") : undefined;
	words.end();
	const { kernel } = desk;
	const programs = users(kernel, "prog");
	const maps = users(kernel, "map");
	const owners = desk.machine.owners();
	const rows: BtfRow[] = [];
	for (const id of only === undefined ? ids(kernel, "btf") : [only]) {
		const fd = openById(kernel, "btf", id);
		if (fd === undefined && only !== undefined) throw noSuchId(kernel, "btf", id);
		if (fd === undefined) continue;
		using held = new Fd(kernel, fd, `BTF ${id}`);
		const info = infoOf(kernel, "btf", held.number);
		const pids = owners.get(`btf ${id}`);
		rows.push({
			id,
			size: info.btf_size,
			prog_ids: programs.get(id) ?? [],
			map_ids: maps.get(id) ?? [],
			kernel: info.kernel_btf === 1,
			...(info.name ? { name: info.name } : {}),
			...(pids ? { pids } : {}),
		});
	}
	// One that is asked for by its id is not in an array, as with bpftool.
	if (desk.json) writeJson(desk, only === undefined ? rows : rows[0]);
	else desk.write(renderTable(rows.map(cells), desk.screen, ["in cgroup"]));
	return STATUS.ok;
};

const cells = (row: BtfRow): object => ({
	id: row.id,
	name: row.name ?? (row.kernel ? "" : "<anon>"),
	size: row.size,
	programs: row.prog_ids.join(","),
	maps: row.map_ids.join(","),
	...ownerCells(row.pids),
});

/** Ids of the objects of a kind by the id of their BTF. */
function users(kernel: Kernel, kind: "prog" | "map"): Map<number, number[]> {
	const found = new Map<number, number[]>();
	for (const fd of everyObject(kernel, kind)) {
		const { id, btf_id } = infoOf(kernel, kind, fd);
		if (btf_id > 0) found.set(btf_id, [...(found.get(btf_id) ?? []), id]);
	}
	return found;
}
