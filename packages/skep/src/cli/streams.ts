import { writeSync } from "node:fs";

/**
 * A reader that goes away (`skep … | head`) is no error: the first EPIPE ends the process quietly, as SIGPIPE ends a
 * C program. Any other failure to write (a full disk) ends it with status 1 and a sentence. Call once, first thing.
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
	const bytes = Buffer.from(text.endsWith("\n") ? text : `${text}\n`);
	let at = 0;
	while (at < bytes.length) {
		try {
			at += writeSync(2, bytes, at);
		} catch (error) {
			const code = (error as NodeJS.ErrnoException).code;
			if (code === "EAGAIN") continue;
			return; // nobody is there to read it
		}
	}
}
