import { fileURLToPath } from "node:url";
import { BpfError, SyscallError } from "@skep/bpf/base";
import { activate, KernelHalfError, NotLoadedError } from "#program";
import { display } from "./files.ts";
import { entryUrl, installHook } from "./hook.ts";
import type { Session } from "./session.ts";
import type { Source } from "./source.ts";

/** The user half threw. The message is its own, with the place in its source. */
export class UserHalfError extends BpfError {
	constructor(source: Source, cause: unknown) {
		super("ERR_USER_HALF", describe(source, cause), { cause });
	}
}

/**
 * Evaluates the module on the current session (a file that loads itself has none at first), then calls its `main()` where
 * it has one. Ends when both have ended, and, where the run was not stopped, when nothing of the user half keeps Node
 * waiting any more.
 */
export async function evaluateUserHalf(source: Source, current: () => Session | undefined): Promise<void> {
	const { blankKernelHalf } = await import("@skep/compiler");
	const remove = installHook(source, blankKernelHalf);
	// A promise alone does not keep Node alive while the module's own `await` waits for the kernel.
	const alive = setInterval(() => {}, 2 ** 31 - 1);
	activate(current());
	try {
		const module = (await import(entryUrl(source))) as { readonly main?: unknown };
		if (typeof module.main === "function") await module.main();
		clearInterval(alive);
		if (current()?.stopping !== true) await idle(current());
	} catch (error) {
		if (error instanceof BpfError && !OF_A_LINE.some((type) => error instanceof type)) throw error;
		throw new UserHalfError(source, error);
	} finally {
		clearInterval(alive);
		activate(undefined);
		remove();
	}
}

/** Until the user half's timers and sockets have ended, or the run was stopped. */
function idle(session: Session | undefined): Promise<void> {
	return new Promise((resolve) => {
		process.once("beforeExit", () => resolve());
		void session?.stopped.then(resolve);
	});
}

function describe(source: Source, cause: unknown): string {
	if (!(cause instanceof Error)) return `${source.name}: the user half threw ${String(cause)}`;
	const said = cause instanceof BpfError ? cause.message : `${cause.name}: ${cause.message}`;
	return `${placeOf(source, cause) ?? source.name}: ${said}`;
}

/** Refusals of ours that a line of the user half brought about: it is told with them. */
const OF_A_LINE = [SyscallError, KernelHalfError, NotLoadedError];

/** Where packages stand: skep's own sources are of no use to whom a user half failed. */
const PACKAGES = fileURLToPath(new URL("../../../", import.meta.url));

/** The innermost frame of the stack in a module of the user's. */
function placeOf(source: Source, error: Error): string | undefined {
	const frames = [...(error.stack ?? "").matchAll(/^\s+at .*?((?:file:\/\/)?\/[^():]*):(\d+):(\d+)\)?$/gm)].map(
		([, file, line, column]) => ({ path: file!.startsWith("file:") ? fileURLToPath(file!) : file!, line, column }),
	);
	const frame =
		frames.find(({ path }) => source.texts.has(path)) ??
		frames.find(({ path }) => /\.[mc]?ts$/.test(path) && !path.startsWith(PACKAGES));
	return frame && `${display(frame.path)}:${frame.line}:${frame.column}`;
}
