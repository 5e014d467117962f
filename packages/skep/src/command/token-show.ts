import { STATUS } from "#cli";
import { delegationText } from "#inspect";
import { type Task, writeJson } from "./desk.ts";

/** `show`. */
export const show: Task = (words, desk) => {
	words.end();
	const rows = desk.machine.delegations();
	if (desk.json) writeJson(desk, rows);
	else desk.write(rows.map(delegationText).join(""));
	return STATUS.ok;
};
