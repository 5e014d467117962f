import { STATUS } from "#cli";
import { netOverview, networkRows, networkText, overviewText, ownedNetwork } from "#inspect";
import { type Task, viewOf, writeJson } from "./desk.ts";

/** `show [dev NAME]`. */
export const show: Task = (words, desk) => {
	const device = words.skip("dev") ? words.next("the device") : undefined;
	words.end();
	const rows = ownedNetwork(viewOf(desk), networkRows(desk.kernel, device));
	// In an array, though it is one, as with bpftool.
	if (desk.json) writeJson(desk, [rows]);
	else desk.write(networkText(rows));
	return STATUS.ok;
};

/** `overview`: what hangs where packets pass, on the whole machine. */
export const overview: Task = (words, desk) => {
	words.end();
	const found = netOverview(viewOf(desk));
	if (desk.json) writeJson(desk, found);
	else desk.write(overviewText(found, desk.screen) || "nothing hangs on the network\n");
	return STATUS.ok;
};
