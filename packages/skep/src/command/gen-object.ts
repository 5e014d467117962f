import { writeFileSync } from "node:fs";
import { link } from "@skep/bpf/linker";
import { STATUS } from "#cli";
import { display, readBytes } from "#run/files";
import { type Task, writeJson } from "./desk.ts";
import { fileError } from "./files.ts";

/** `object OUT.o IN.o …`. */
export const object: Task = (words, desk) => {
	const output = words.next("the object to write");
	const first = words.next("the first object to link");
	const linked = [first, ...words.rest()];
	const notes: string[] = [];
	const bytes = link(
		linked.map((name) => ({ name, bytes: readBytes(name) })),
		{ note: (text) => notes.push(text) },
	);
	try {
		writeFileSync(output, bytes);
	} catch (error) {
		throw fileError(error, output);
	}
	if (desk.json) writeJson(desk, { file: output, bytes: bytes.length, linked, notes });
	else {
		for (const text of notes) desk.note(text);
		const what = linked.length === 1 ? "one object" : `${linked.length} objects`;
		desk.write(`${display(output)}: ${bytes.length} bytes, of ${what}\n`);
	}
	return STATUS.ok;
};
