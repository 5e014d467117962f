import { BpfError } from "@skep/bpf/base";
import { STATUS } from "#cli";
import { cgroupCells, cgroupRows, cgroupsBelow, withOwners } from "#inspect";
import { renderTable } from "#output";
import { type Task, viewOf, writeJson } from "./desk.ts";

/** Owners' cgroups go first where the screen is too narrow. */
const SPARE = ["in cgroup"];

/** `show CGROUP [effective]`. */
export const show: Task = (words, desk) => {
	const path = words.next("the cgroup's folder");
	const effective = words.skip("effective");
	words.end();
	const view = viewOf(desk);
	const rows = cgroupRows(desk.kernel, path, effective).map((row) => withOwners(view, row));
	if (desk.json) writeJson(desk, rows);
	else desk.write(renderTable(rows.map(cgroupCells), desk.screen, SPARE));
	return STATUS.ok;
};

/** `tree [CGROUP] [effective]`: those without programs are not shown. */
export const tree: Task = (words, desk) => {
	const given = words.peek?.startsWith("/") ? words.next("the cgroup's folder") : undefined;
	const effective = words.skip("effective");
	words.end();
	const told: { cgroup: string; programs: ReturnType<typeof cgroupRows> }[] = [];
	const view = viewOf(desk);
	const all = cgroupsBelow(desk.kernel, given);
	for (const cgroup of all) {
		try {
			const programs = cgroupRows(desk.kernel, cgroup, effective).map((row) => withOwners(view, row));
			if (programs.length > 0) told.push({ cgroup, programs });
		} catch (error) {
			// Gone since its parent was read.
			if (cgroup === all[0] || !(error instanceof BpfError) || error.code !== "ERR_NO_TARGET") throw error;
		}
	}
	if (desk.json) writeJson(desk, told);
	else {
		const rows = told.flatMap(({ cgroup, programs }) => programs.map((row) => ({ cgroup, ...cgroupCells(row) })));
		desk.write(renderTable(rows, desk.screen, SPARE));
	}
	return STATUS.ok;
};
