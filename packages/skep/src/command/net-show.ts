import { STATUS } from "#cli";
import { networkRows, networkText } from "#inspect";
import { type Task, writeJson } from "./desk.ts";

/** `show [dev NAME]`. */
export const show: Task = (words, desk) => {
	const device = words.skip("dev") ? words.next("the device") : undefined;
	words.end();
	const rows = networkRows(desk.kernel, device);
	// In an array, though it is one, as with bpftool.
	if (desk.json) writeJson(desk, [rows]);
	else desk.write(networkText(rows));
	return STATUS.ok;
};
