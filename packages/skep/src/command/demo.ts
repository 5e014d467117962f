import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BpfError } from "@skep/bpf/base";
import { type Invocation, UsageError, writeError } from "#cli";
import { display } from "#run";
import { runFile } from "./execute.ts";
import { secondsOf } from "./values.ts";

const SECONDS = 10;
/** Harmless, on every machine, and over at once. */
const COMMANDS: readonly (readonly [string, ...string[]])[] = [
	["true"],
	["uname", "-r"],
	["date", "+%s"],
	["sh", "-c", "echo from a shell"],
	["id", "-u"],
];

/** `skep demo`: the exec example, live, with a few commands started so that there is something to see. */
export async function run(call: Invocation): Promise<number> {
	if (call.rest.length > 0) throw new UsageError(`demo takes no arguments, "${call.rest[0]}" was given`, "demo");
	const text = (name: string) => {
		const value = call.flags.get(name);
		return typeof value === "string" ? value : undefined;
	};
	const json = call.flags.has("json");
	const duration = secondsOf("demo", text("duration")) ?? SECONDS;
	const file = display(example());
	if (!json)
		writeError(
			`${file}: each program that starts, for ${duration} s; the demo itself starts ${COMMANDS.map(([c]) => c).join(", ")}`,
		);
	const timers: NodeJS.Timeout[] = [];
	try {
		return await runFile({
			file,
			words: [],
			json,
			kernel: text("kernel") ?? "auto",
			btf: undefined,
			duration,
			limit: undefined,
			ownOptions: [],
			pinPath: undefined,
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

function startQuietly([command, ...args]: readonly [string, ...string[]]): void {
	// A machine without one of them has less to see, no more.
	spawn(command, args, { stdio: "ignore" }).on("error", () => {});
}

/** In a checkout at its root; as installed, in the package. */
function example(): string {
	for (const place of [
		"../examples/exec/exec.ts",
		"../../examples/exec/exec.ts",
		"../../../../examples/exec/exec.ts",
		"../../../../../examples/exec/exec.ts",
	]) {
		const path = fileURLToPath(new URL(place, import.meta.url));
		if (existsSync(path)) return path;
	}
	throw new BpfError("ERR_FILE", "examples/exec/exec.ts is missing: this installation is not whole");
}
