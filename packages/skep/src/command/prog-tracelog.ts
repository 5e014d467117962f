import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { ERRNO, errnoName } from "@skep/bpf/kernel";
import { refuse } from "@skep/bpf/live";
import { tracefsRoot } from "#backend";
import { STATUS, type Words } from "#cli";
import { openOne, takeSelector } from "#inspect";
import { toJson } from "#output";
import { onSignals } from "#run";
import { type Desk, type Task, writeJson } from "./desk.ts";

/** How long nothing is looked at, ms. */
const PAUSE = 50;

/** `tracelog [stdout|stderr PROG]`: the kernel's trace pipe, until Ctrl-C, each line of which is given to one reader only; or what a program wrote to its streams. */
export const tracelog: Task = async (words, desk) => {
	if (!words.empty) return stream(words, desk);
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

const STREAMS = { stdout: 1, stderr: 2 } as const;
const ROOM = 1 << 16;

/** What is there of a stream; who reads it takes it away. */
function stream(words: Words, desk: Desk): number {
	const name = words.oneOf(["stdout", "stderr"], "stream");
	const selector = takeSelector("prog", words);
	words.end();
	const { kernel } = desk;
	using program = openOne(kernel, "prog", selector);
	let text = "";
	const decoder = new TextDecoder();
	for (;;) {
		const stream_buf = new Uint8Array(ROOM);
		const got = kernel.bpf("PROG_STREAM_READ_BY_FD", { stream_buf, stream_id: STREAMS[name], prog_fd: program.number });
		if (got === -ERRNO.EINVAL)
			throw new NotSupportedError(`${name} of programs`, `the running kernel ${kernel.release} has none`, "6.17");
		if (got < 0)
			throw refuse(kernel, {
				syscall: "bpf",
				command: "PROG_STREAM_READ_BY_FD",
				errno: -got,
				what: `read ${name} of ${program.what}`,
			});
		if (got === 0) break;
		const part = decoder.decode(stream_buf.subarray(0, got), { stream: true });
		if (desk.json) text += part;
		else desk.write(part);
	}
	if (desk.json) writeJson(desk, text);
	return STATUS.ok;
}
