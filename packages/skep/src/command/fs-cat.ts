import { resolve } from "node:path";
import { BpfError } from "@skep/bpf/base";
import { IteratorReader } from "@skep/bpf/live";
import { STATUS, Words } from "#cli";
import { pinRow } from "#inspect";
import { type Task, writeJson } from "./desk.ts";
import { dump } from "./map-dump.ts";
import { showLinks, showPrograms } from "./show.ts";

/** `cat PATH`: entries of a map by its types, the output of an iterator, the row of a program or link. */
export const cat: Task = async (words, desk) => {
	const path = resolve(words.next("the path"));
	words.end();
	const row = pinRow(desk.kernel, path);
	if (!row) throw new BpfError("ERR_PIN_KIND", `${path} is a folder: skep fs ls tells what is in it`);
	const pinned = () => new Words(words.of, ["pinned", path]);
	switch (row.kind) {
		case "map":
			return dump(pinned(), desk);
		case "program":
			return showPrograms(pinned(), desk);
		case "link": {
			if (row.type !== "iter") return showLinks(pinned(), desk);
			const reader = IteratorReader.fromPin(desk.kernel, path);
			if (!reader) throw new BpfError("ERR_NOT_FOUND", `nothing is pinned at ${path} any more`);
			// Lines of text are what iterators that are pinned give.
			if (desk.json) writeJson(desk, reader.text().replace(/\n$/, "").split("\n"));
			else for (const bytes of reader) desk.write(bytes);
			return STATUS.ok;
		}
		default:
			throw new BpfError(
				"ERR_PIN_KIND",
				`${path} is ${row.kind === "symlink" ? `a symlink to ${row.target}: name that` : `no pin that can be opened: ${row.why}`}`,
			);
	}
};
