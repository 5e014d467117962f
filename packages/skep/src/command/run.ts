import { type Command, type Invocation, UsageError } from "#cli";
import { coreBtf } from "./core-btf.ts";
import { runFile } from "./execute.ts";
import { kernelChecks, trusting } from "./trust.ts";
import { countOf, secondsOf, textOf } from "./values.ts";

/** `skep run [options] FILE [options of the file]`. */
export async function run(call: Invocation, commands: readonly Command[]): Promise<number> {
	const [file, ...words] = call.rest;
	if (file === undefined) throw new UsageError("run wants a file: FILE.ts or FILE.o", "run");
	const pcap = textOf(call, "pcap");
	const program = textOf(call, "program");
	const keyring = textOf(call, "keyring");
	const replay = textOf(call, "replay");
	const core = textOf(call, "core-btf");
	const kernel = textOf(call, "kernel") ?? "auto";
	if (replay !== undefined && pcap !== undefined)
		throw new UsageError("--replay gives recorded events, --pcap packets: one of them", "run");
	if (replay !== undefined && kernel === "linux")
		throw new UsageError("--replay is for the virtual kernel: what happened cannot happen again on Linux", "run");
	if (core !== undefined && (replay !== undefined || kernel === "virtual"))
		throw new UsageError("--core-btf is for Linux: the virtual kernel has its own types", "run");
	if (program !== undefined && pcap === undefined)
		throw new UsageError("--program says which program gets the packets of --pcap FILE, which is missing", "run");
	return runFile({
		file,
		words,
		json: call.flags.has("json"),
		kernel,
		btf: textOf(call, "btf"),
		coreBtf: core === undefined ? undefined : coreBtf(core),
		duration: secondsOf("run", textOf(call, "duration")),
		limit: countOf("run", "limit", textOf(call, "limit")),
		packets: pcap === undefined ? undefined : { pcap, program },
		replay: replay === undefined ? undefined : { file: replay },
		ownOptions: commands.flatMap((c) => (c.name === "run" ? c.flags.map((flag) => `--${flag.name}`) : [])),
		pinPath: textOf(call, "pin-path"),
		signed: keyring === undefined ? undefined : kernelChecks(file, keyring, "run"),
		verify: call.flags.has("require-signed") ? trusting(file, textOf(call, "trusted")) : undefined,
		started: () => {},
	});
}
