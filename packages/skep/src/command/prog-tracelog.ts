import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { errnoName } from "@skep/bpf/kernel";
import { tracefsRoot } from "#backend";
import { STATUS } from "#cli";
import { toJson } from "#output";
import { onSignals } from "#run";
import type { Task } from "./desk.ts";

/** How long nothing is looked at, ms. */
const PAUSE = 50;

/** `tracelog`: the kernel's trace pipe, until Ctrl-C. Each line is given to one reader only. */
export const tracelog: Task = async (words, desk) => {
	words.end();
	if (desk.kernel.name !== "linux") throw new NotSupportedError("tracelog", "only Linux has a trace pipe");
	const root = tracefsRoot();
	if (typeof root === "number")
		throw new BpfError(errnoName(root), `the trace pipe cannot be read: tracefs says ${errnoName(root)}`);
	let file: FileHandle;
	try {
		file = await open(`${root}/trace_pipe`, constants.O_RDONLY | constants.O_NONBLOCK);
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code ?? "EIO";
		const why = code === "EBUSY" ? "somebody else reads it" : code;
		throw new BpfError(code, `cannot open ${root}/trace_pipe: ${why}`);
	}
	let stopped = false;
	const off = onSignals(() => {
		stopped = true;
	});
	const buffer = Buffer.alloc(1 << 16);
	let rest = "";
	try {
		while (!stopped) {
			const got = await file.read(buffer, 0, buffer.length).then(
				({ bytesRead }) => bytesRead,
				(error: NodeJS.ErrnoException) => {
					if (error.code === "EAGAIN") return 0;
					throw error;
				},
			);
			if (got === 0) {
				await new Promise((resolve) => setTimeout(resolve, PAUSE));
				continue;
			}
			if (!desk.json) desk.write(buffer.toString("utf8", 0, got));
			else {
				const lines = (rest + buffer.toString("utf8", 0, got)).split("\n");
				rest = lines.pop()!;
				desk.write(lines.map((line) => `${toJson(line)}\n`).join(""));
			}
		}
	} finally {
		off();
		await file.close();
	}
	return STATUS.ok;
};
