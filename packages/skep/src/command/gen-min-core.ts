import { writeFileSync } from "node:fs";
import { readObject } from "@skep/bpf/object";
import { minCoreBtf } from "@skep/bpf/relocate";
import { STATUS } from "#cli";
import { display, readBytes } from "#run/files";
import { readTypes } from "./btf-source.ts";
import { type Task, writeJson } from "./desk.ts";
import { fileError } from "./files.ts";

/** `min_core_btf INPUT OUTPUT OBJ …`. */
export const minCore: Task = (words, desk) => {
	const input = words.next("a kernel's types");
	const output = words.next("the file to write");
	const objects = [words.next("the first object"), ...words.rest()];
	const types = readTypes(input);
	const specs = objects.map((name) => readObject(readBytes(name), { name }));
	const bytes = minCoreBtf(types, specs);
	try {
		writeFileSync(output, bytes);
	} catch (error) {
		throw fileError(error, output);
	}
	if (desk.json) writeJson(desk, { file: output, bytes: bytes.length, of: types.bytes.length, objects });
	else {
		const what = objects.length === 1 ? "one object" : `${objects.length} objects`;
		desk.write(`${display(output)}: ${bytes.length} of ${types.bytes.length} bytes, for ${what}\n`);
	}
	return STATUS.ok;
};
