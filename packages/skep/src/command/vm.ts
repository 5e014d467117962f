import { readFileSync } from "node:fs";
import { hexBytes, runPlugin } from "#backend/plugin";
import { type Invocation, STATUS, UsageError } from "#cli";

/** `skep vm plugin [--interpreter|--unchecked] [MEMORY]`: a plugin of bpf_conformance_runner. */
export async function run(call: Invocation): Promise<number> {
	const [verb, memory = "", ...more] = call.rest;
	if (verb !== "plugin") throw new UsageError(verb === undefined ? "what of it?" : `no "vm ${verb}"`, "vm");
	if (more.length > 0) throw new UsageError(`one argument of memory, not ${more.length + 1}`, "vm");
	const program = hexBytes(readFileSync(0, "latin1"), "program");
	const [engine, checked] = [
		call.flags.has("interpreter") ? "interpreter" : "jit",
		!call.flags.has("unchecked"),
	] as const;
	if (engine === "interpreter" && !checked) throw new UsageError("the interpreter compares all accesses", "vm");
	const r0 = runPlugin(program, hexBytes(memory, "memory"), { engine, checked });
	process.stdout.write(`${r0.toString(16)}\n`);
	return STATUS.ok;
}
