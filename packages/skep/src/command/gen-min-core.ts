import { writeFileSync } from "node:fs";
import { readObject } from "@skep/bpf/object";
import { minCoreBtf } from "@skep/bpf/relocate";
import { type Invocation, STATUS, UsageError } from "#cli";
import { display, readBytes } from "#run/files";
import { readTypes } from "./btf-source.ts";
import { fileError } from "./files.ts";

/** `skep gen min_core_btf INPUT OUTPUT OBJ …`. */
export async function run(call: Invocation): Promise<number> {
	const [input, output, ...objects] = call.rest;
	if (input === undefined || output === undefined || objects.length === 0)
		throw new UsageError(
			"gen min_core_btf wants a kernel's types, the file to write, then objects: INPUT OUTPUT OBJ …",
			"gen",
		);
	const types = readTypes(input);
	const specs = objects.map((name) => readObject(readBytes(name), { name }));
	const bytes = minCoreBtf(types, specs);
	try {
		writeFileSync(output, bytes);
	} catch (error) {
		throw fileError(error, output);
	}
	const made = { file: output, bytes: bytes.length, of: types.bytes.length, objects };
	process.stdout.write(
		call.flags.has("json")
			? `${JSON.stringify(made)}\n`
			: `${display(output)}: ${bytes.length} of ${types.bytes.length} bytes, for ${objects.length === 1 ? "one object" : `${objects.length} objects`}\n`,
	);
	return STATUS.ok;
}
