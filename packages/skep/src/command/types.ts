import { writeFileSync } from "node:fs";
import { type Invocation, STATUS } from "#cli";
import { display, kernelTypes } from "#run";
import { fileError } from "./files.ts";
import { textOf } from "./values.ts";

/** `skep types [-o FILE] [--btf FILE] [STRUCT|FILE.ts …]`. */
export async function run(call: Invocation): Promise<number> {
	const { text, from } = kernelTypes(textOf(call, "btf"), call.rest);
	const output = call.flags.get("output") ?? "kernel.d.ts";
	if (output === "-") {
		process.stdout.write(text);
		return STATUS.ok;
	}
	try {
		writeFileSync(String(output), text);
	} catch (error) {
		throw fileError(error, String(output));
	}
	process.stdout.write(`${display(String(output))}: ${text.length} characters, from ${from}\n`);
	return STATUS.ok;
}
