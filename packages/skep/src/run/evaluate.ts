import { BpfError } from "@skep/bpf/base";
import { activate } from "#program";
import { display } from "./files.ts";
import { entryUrl, installHook } from "./hook.ts";
import type { Session } from "./session.ts";
import type { Source } from "./source.ts";

/** The user half threw. The message is its own, with the place in its source. */
export class UserHalfError extends BpfError {
	constructor(file: string, cause: unknown) {
		super("ERR_USER_HALF", describe(file, cause), { cause });
	}
}

/**
 * Evaluates the module on the current session (a file that loads itself has none at first), then calls its `main()` where it has one. Ends when both have ended, and, where the run was not
 * stopped, when nothing of the user half keeps Node waiting any more.
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
		if (error instanceof BpfError) throw error;
		throw new UserHalfError(source.name, error);
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

function describe(file: string, cause: unknown): string {
	if (!(cause instanceof Error)) return `${file}: the user half threw ${String(cause)}`;
	const place = /\(?(file:\/\/[^\s)]+|\/[^\s)]+):(\d+):(\d+)\)?$/m.exec(
		(cause.stack ?? "").split("\n").find((line) => line.includes(".ts:") && !line.includes("/node_modules/")) ?? "",
	);
	const at = place === null ? file : `${display(place[1]!.replace(/^file:\/\//, ""))}:${place[2]}:${place[3]}`;
	return `${at}: ${cause.name}: ${cause.message}`;
}
