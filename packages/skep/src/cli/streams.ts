import { fstatSync, writeSync } from "node:fs";

/**
 * A reader that goes away (`skep … | head`) is no error: the first EPIPE ends the process quietly, as SIGPIPE ends a
 * C program. Any other failure to write (a full disk) ends it with status 1 and a sentence. Call once, before the streams are
 * used; what writes by `writeOutput` alone does without.
 */
export function tameStreams(onGone: () => void): void {
	for (const name of ["stdout", "stderr"] as const) {
		process[name].on("error", (error: NodeJS.ErrnoException) => {
			if (error.code === "EPIPE") return onGone();
			writeError(`skep: cannot write ${name}: ${error.message}`);
			process.exit(1);
		});
	}
}

/** stderr, at once and whole, also when the process is about to exit. */
export function writeError(text: string): void {
	try {
		writeWhole(2, Buffer.from(text.endsWith("\n") ? text : `${text}\n`));
	} catch {
		// nobody is there to read it
	}
}

/**
 * stdout, at once and whole: who reads slowly is waited for, so that nothing piles up in memory, and the bytes are the caller's
 * again. Costs less than the stream of this name, which takes some milliseconds to be made. A reader that went away ends the
 * process quietly, any other failure with a sentence, as with `tameStreams`.
 */
export function writeOutput(part: string | Uint8Array): void {
	try {
		writeWhole(1, typeof part === "string" ? Buffer.from(part) : part);
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		if (code === "EPIPE") process.exit(process.exitCode ?? 0);
		writeError(`skep: cannot write stdout: ${message}`);
		process.exit(1);
	}
}

const NEVER = new Int32Array(new SharedArrayBuffer(4));
/** Milliseconds until a full pipe is tried again. */
const PAUSE = 2;

function writeWhole(fd: number, bytes: Uint8Array): void {
	for (let at = 0; at < bytes.length; ) {
		try {
			at += writeSync(fd, bytes, at);
		} catch (error) {
			// A pipe that somebody made non-blocking, and that is full.
			if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
			Atomics.wait(NEVER, 0, 0, PAUSE);
		}
	}
}

/** Whether stdout may be a terminal; without making a stream of it. */
export function mayBeTerminal(): boolean {
	try {
		return fstatSync(1).isCharacterDevice();
	} catch {
		return false;
	}
}
