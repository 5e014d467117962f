import { STATUS } from "#cli";
import { perfCells, perfRows } from "#inspect";
import { renderTable } from "#output";
import { type Task, writeJson } from "./desk.ts";

/** `show`. */
export const show: Task = (words, desk) => {
	words.end();
	const rows = perfRows(desk.kernel, desk.machine);
	if (desk.json) writeJson(desk, rows);
	else desk.write(renderTable(rows.map(perfCells), desk.screen));
	return STATUS.ok;
};
