import { resolve } from "node:path";
import { BpfError } from "@skep/bpf/base";
import { BPFFS } from "@skep/bpf/live";
import { STATUS } from "#cli";
import { bpffsMounts, type PinRow, type PinTree, pinCells, pinLabel, pinRow, pinRows, pinTree } from "#inspect";
import { renderTable } from "#output";
import { type Desk, type Task, writeJson } from "./desk.ts";

/** Columns that go first where the screen is too narrow. */
const SPARE = ["owner", "mode", "object"];

/** What people mean who name no path: every bpffs that is mounted. @throws BpfError ERR_NO_BPFFS */
function roots({ kernel }: Desk): readonly string[] {
	const found = kernel.name === "linux" ? bpffsMounts() : [BPFFS];
	if (found.length > 0) return found;
	throw new BpfError("ERR_NO_BPFFS", "no bpffs is mounted: skep fs mount");
}

/** `ls [PATH …]`: a folder's pins, or those that are named. */
export const list: Task = (words, desk) => {
	const named = words.rest();
	const paths = named.length > 0 ? named.map((path) => resolve(path)) : roots(desk);
	const told: { folder: string; entries: PinRow[] }[] = [];
	for (const path of paths) {
		const one = pinRow(desk.kernel, path);
		const rows = one ? [one] : pinRows(desk.kernel, path);
		told.push({ folder: path, entries: rows });
	}
	const several = told.length > 1;
	if (desk.json) writeJson(desk, several ? told : told[0]!.entries);
	else {
		const texts = told.map(({ folder, entries }) => {
			const table = renderTable(entries.map(pinCells), desk.screen, SPARE);
			return several ? `${folder}:\n${table}` : table;
		});
		desk.write(texts.join("\n"));
	}
	return STATUS.ok;
};

/** `tree [PATH]`. */
export const tree: Task = (words, desk) => {
	const given = words.empty ? undefined : resolve(words.next("the folder"));
	words.end();
	const paths = given === undefined ? roots(desk) : [given];
	const told = paths.map((path) => ({ folder: path, entries: pinTree(desk.kernel, path) }));
	if (desk.json) writeJson(desk, given === undefined ? told : told[0]!.entries);
	else desk.write(told.map(({ folder, entries }) => `${folder}\n${branches(entries, "")}`).join(""));
	return STATUS.ok;
};

function branches(entries: readonly PinTree[], margin: string): string {
	return entries
		.map((entry, i) => {
			const last = i === entries.length - 1;
			const line = `${margin}${last ? "└── " : "├── "}${pinLabel(entry)}\n`;
			return line + branches(entry.entries ?? [], `${margin}${last ? "    " : "│   "}`);
		})
		.join("");
}
