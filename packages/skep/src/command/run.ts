import { type Command, type Invocation, UsageError } from "#cli";
import { runFile } from "./execute.ts";
import { trusting } from "./trust.ts";
import { countOf, secondsOf } from "./values.ts";

/** `skep run [options] FILE [options of the file]`. */
export async function run(call: Invocation, commands: readonly Command[]): Promise<number> {
	const [file, ...words] = call.rest;
	if (file === undefined) throw new UsageError("run wants a file: FILE.ts or FILE.o", "run");
	const pcap = textOf(call, "pcap");
	const program = textOf(call, "program");
	if (program !== undefined && pcap === undefined)
		throw new UsageError("--program says which program gets the packets of --pcap FILE, which is missing", "run");
	return runFile({
		file,
		words,
		json: call.flags.has("json"),
		kernel: textOf(call, "kernel") ?? "auto",
		btf: textOf(call, "btf"),
		duration: secondsOf("run", textOf(call, "duration")),
		limit: countOf("run", "limit", textOf(call, "limit")),
		packets: pcap === undefined ? undefined : { pcap, program },
		ownOptions: commands.flatMap((c) => (c.name === "run" ? c.flags.map((flag) => `--${flag.name}`) : [])),
		pinPath: textOf(call, "pin-path"),
		verify: call.flags.has("require-signed") ? trusting(file, textOf(call, "trusted")) : undefined,
		started: () => {},
	});
}

function textOf(call: Invocation, name: string): string | undefined {
	const value = call.flags.get(name);
	return typeof value === "string" ? value : undefined;
}
