import { writeFileSync } from "node:fs";
import { link } from "@skep/bpf/linker";
import { type Invocation, STATUS, UsageError, writeError } from "#cli";
import { display, readBytes } from "#run/files";
import { fileError } from "./files.ts";

/** `skep gen object OUT.o IN.o …`. */
export async function run(call: Invocation): Promise<number> {
	const [output, ...inputs] = call.rest;
	if (output === undefined || inputs.length === 0)
		throw new UsageError("gen object wants the object to write, then those to link: OUT.o IN.o …", "gen");
	const notes: string[] = [];
	const object = link(
		inputs.map((name) => ({ name, bytes: readBytes(name) })),
		{ note: (text) => notes.push(text) },
	);
	try {
		writeFileSync(output, object);
	} catch (error) {
		throw fileError(error, output);
	}
	if (call.flags.has("json")) {
		process.stdout.write(`${JSON.stringify({ file: output, bytes: object.length, linked: inputs, notes })}\n`);
		return STATUS.ok;
	}
	for (const text of notes) writeError(text);
	const what = inputs.length === 1 ? "one object" : `${inputs.length} objects`;
	process.stdout.write(`${display(output)}: ${object.length} bytes, of ${what}\n`);
	return STATUS.ok;
}
