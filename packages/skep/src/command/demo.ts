import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BpfError, NotSupportedError, PermissionError } from "@skep/bpf/base";
import { type Invocation, UsageError, writeError } from "#cli";
import { display } from "#run";
import { runFile } from "./execute.ts";
import { secondsOf, textOf } from "./values.ts";

const SECONDS = 10;
/** Harmless, on every machine, and over at once. */
const COMMANDS: readonly (readonly [string, ...string[]])[] = [
	["true"],
	["uname", "-r"],
	["date", "+%s"],
	["sh", "-c", "echo from a shell"],
	["id", "-u"],
];

/** `skep demo`: the exec example, live, with a few commands started so that there is something to see; else recorded. */
export async function run(call: Invocation): Promise<number> {
	if (call.rest.length > 0) throw new UsageError(`demo takes no arguments, "${call.rest[0]}" was given`, "demo");
	const json = call.flags.has("json");
	const duration = secondsOf("demo", textOf(call, "duration")) ?? SECONDS;
	const file = display(example("exec.ts"));
	const kernel = textOf(call, "kernel") ?? "auto";
	const why = await whyNotLive(kernel);
	const common = {
		file,
		words: [],
		json,
		kernel,
		btf: undefined,
		limit: undefined,
		ownOptions: [],
		pinPath: undefined,
	};
	if (why !== undefined) {
		const recording = display(example("exec.rec"));
		if (!json) writeError(`${file}: no live events here, so ${recording} is replayed, which was recorded on Linux`);
		return runFile({ ...common, duration: undefined, replay: { file: recording, why }, started: () => {} });
	}
	if (!json)
		writeError(
			`${file}: each program that starts, for ${duration} s; the demo itself starts ${COMMANDS.map(([c]) => c).join(", ")}`,
		);
	const timers: NodeJS.Timeout[] = [];
	try {
		return await runFile({
			...common,
			duration,
			started: () => {
				const step = Math.min(1000, (duration * 1000) / (COMMANDS.length + 1));
				COMMANDS.forEach((command, i) => {
					timers.push(setTimeout(() => startQuietly(command), step * (i + 0.5)).unref());
				});
			},
		});
	} finally {
		for (const timer of timers) clearTimeout(timer);
	}
}

/** Why a recording has to do; undefined: Linux shows what happens. */
async function whyNotLive(kernel: string): Promise<string | undefined> {
	if (kernel === "virtual") return "asked for";
	if (kernel !== "auto") return undefined;
	const { chooseKernel } = await import("#backend");
	try {
		chooseKernel("linux", "real", ["tracepoint"]);
		return undefined;
	} catch (error) {
		if (error instanceof PermissionError) return `no permission for Linux: ${error.missing.join(", ")}`;
		if (error instanceof NotSupportedError) return error.message;
		throw error;
	}
}

function startQuietly([command, ...args]: readonly [string, ...string[]]): void {
	// A machine without one of them has less to see, no more.
	spawn(command, args, { stdio: "ignore" }).on("error", () => {});
}

/** A file of the exec example: in a checkout at its root; as installed, in the package. */
function example(name: string): string {
	for (const folder of ["..", "../..", "../../../..", "../../../../.."]) {
		const path = fileURLToPath(new URL(`${folder}/examples/exec/${name}`, import.meta.url));
		if (existsSync(path)) return path;
	}
	throw new BpfError("ERR_FILE", `examples/exec/${name} is missing: this installation is not whole`);
}
