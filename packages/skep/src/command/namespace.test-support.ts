// Programs in namespaces of their own, where they can mount and attach without touching what is there.
import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";

export interface Finished {
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

/** In milliseconds: in guests each start of Node costs seconds. */
const TIMEOUT = process.env["SKEP_GUEST"] === undefined ? 180_000 : 600_000;

/**
 * Runs a command in new namespaces (`-m` mounts, `-n` network). Undefined, and the test is skipped: none can be made here, or
 * the command says by status 77 that something is missing, or without CAP_BPF. Being too slow is a failure, not a reason to skip.
 */
export function inNamespaces(
	t: TestContext,
	kinds: "-m" | "-n" | "-mn",
	command: readonly string[],
	cwd = process.cwd(),
): Finished | undefined {
	const trial = spawnSync("unshare", [kinds, "true"], { encoding: "utf8" });
	if (trial.error || trial.status !== 0) {
		t.skip(`needs root with namespaces: ${trial.error?.message ?? trial.stderr.trim()}`);
		return undefined;
	}
	const run = spawnSync("unshare", [kinds, ...command], { cwd, encoding: "utf8", timeout: TIMEOUT });
	if (run.error) throw run.error;
	if (run.status === 77 || (run.status !== 0 && /CAP_BPF/.test(run.stderr))) {
		t.skip(`needs more than this machine gives: ${run.stderr.trim().split("\n")[0]}`);
		return undefined;
	}
	return run;
}
