import { STATUS, type Words } from "#cli";
import {
	everyObject,
	linkCells,
	linkJson,
	linkRow,
	linkText,
	mapCells,
	mapRow,
	mapText,
	openAll,
	programCells,
	programRow,
	programText,
	type ShownKind,
	takeSelector,
	type View,
} from "#inspect";
import { renderTable } from "#output";
import { type Desk, type Task, viewOf, writeJson } from "./desk.ts";

/** How a kind of object is shown: gathered once, then as JSON, as text, or as a row of a table. */
interface Kind<R> {
	row(view: View, fd: number): R;
	json(row: R): object;
	text(row: R): string;
	cells(row: R): object;
	/** Columns that go first where the screen is too narrow. */
	readonly spare: readonly string[];
}

const PROGRAMS: Kind<ReturnType<typeof programRow>> = {
	row: programRow,
	json: (row) => row,
	text: programText,
	cells: programCells,
	spare: ["uid", "memlock", "in cgroup", "btf", "loaded", "tag", "jited", "xlated", "maps"],
};
const MAPS: Kind<ReturnType<typeof mapRow>> = {
	row: mapRow,
	json: (row) => row,
	text: mapText,
	cells: mapCells,
	spare: ["in cgroup", "btf", "memlock", "flags", "frozen", "value", "key", "entries"],
};
const LINKS: Kind<ReturnType<typeof linkRow>> = {
	row: linkRow,
	json: linkJson,
	text: linkText,
	cells: linkCells,
	spare: ["in cgroup", "pids"],
};

/** `show [PROG]`, `list`. */
export const showPrograms: Task = (words, desk) => show("prog", PROGRAMS, words, desk);
/** `show [MAP]`, `list`. */
export const showMaps: Task = (words, desk) => show("map", MAPS, words, desk);
/** `show [LINK]`, `list`. */
export const showLinks: Task = (words, desk) => show("link", LINKS, words, desk);

/** Those that are named, in full; or all, as a table. */
function show<R>(kind: ShownKind, how: Kind<R>, words: Words, desk: Desk): number {
	if (words.empty) return list(kind, how, desk);
	const selector = takeSelector(kind, words);
	words.end();
	const found = openAll(desk.kernel, kind, selector);
	try {
		const view = viewOf(desk);
		const rows = found.map((fd) => how.row(view, fd.number));
		if (!desk.json) desk.write(rows.map(how.text).join(""));
		// One that can only be one is not in an array, as with bpftool.
		else writeJson(desk, rows.length === 1 ? how.json(rows[0]!) : rows.map(how.json));
	} finally {
		for (const fd of found) fd.close();
	}
	return STATUS.ok;
}

function list<R>(kind: ShownKind, how: Kind<R>, desk: Desk): number {
	const view = viewOf(desk);
	const rows: R[] = [];
	for (const fd of everyObject(desk.kernel, kind)) rows.push(how.row(view, fd));
	if (desk.json) writeJson(desk, rows.map(how.json));
	else desk.write(renderTable(rows.map(how.cells), desk.screen, how.spare));
	return STATUS.ok;
}
