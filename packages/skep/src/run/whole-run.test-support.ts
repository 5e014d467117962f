// What tests of whole runs have in common: the command in the background, ready once it is attached, and its lines.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../../", import.meta.url));
export const launcher = `${root}packages/skep/bin/skep`;

export interface Ended {
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

/** A run of the command in the background, ready once it is attached. */
export class Run {
	readonly child: ChildProcess;
	readonly ended: Promise<Ended>;
	readonly attached: Promise<boolean>;
	stdout = "";
	stderr = "";

	constructor(command: string, args: readonly string[]) {
		this.child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
		this.ended = new Promise((resolve) => {
			this.child.once("close", (status) => resolve({ status, stdout: this.stdout, stderr: this.stderr }));
		});
		this.attached = new Promise((resolve) => {
			const look = () => {
				if (/attached: |"attached":\[\{/.test(this.stderr + this.stdout)) resolve(true);
			};
			this.child.stdout?.on("data", (chunk: Buffer) => {
				this.stdout += chunk;
				look();
			});
			this.child.stderr?.on("data", (chunk: Buffer) => {
				this.stderr += chunk;
				look();
			});
			void this.ended.then(() => resolve(false));
		});
	}

	/** Until stdout has it; rejects where the run ends before. */
	async said(pattern: RegExp): Promise<void> {
		let look = () => {};
		const found = new Promise<boolean>((resolve) => {
			look = () => {
				if (pattern.test(this.stdout)) resolve(true);
			};
			this.child.stdout?.on("data", look);
			void this.ended.then(() => resolve(pattern.test(this.stdout)));
			look();
		});
		const seen = await found;
		this.child.stdout?.off("data", look);
		assert.ok(seen, `it ended without ${pattern}: ${this.stdout}${this.stderr}`);
	}

	/** Ctrl-C, then the end. */
	interrupt(): Promise<Ended> {
		this.child.kill("SIGINT");
		return this.ended;
	}
}

/** Starts `skep run …`; undefined: this process may not, and the test is skipped with what is missing. */
export async function start(t: TestContext, ...words: string[]): Promise<Run | undefined> {
	return ready(t, new Run(process.execPath, [launcher, "run", ...words]));
}

export async function ready(t: TestContext, run: Run): Promise<Run | undefined> {
	if (await run.attached) return run;
	const { status, stderr } = await run.ended;
	assert.equal(status, 3, stderr);
	t.skip(`needs the privilege to load programs: ${stderr.trim().split("\n").join(" ")}`);
	return undefined;
}

/** A command's process id, after it has ended. */
export function pidOf(command: string, ...args: string[]): number {
	const { pid, error } = spawnSync(command, args, { stdio: "ignore" });
	assert.equal(error, undefined);
	return pid;
}

export type Line = Readonly<Record<string, unknown>>;

/** JSON Lines: the first, those between, the last. */
export function parseLines(text: string): { first: Line; between: Line[]; last: Line } {
	const lines = text
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line) as Line);
	return { first: lines[0]!, between: lines.slice(1, -1), last: lines.at(-1)! };
}

export function endedWell({ status, stderr }: Ended): void {
	assert.equal(status, 0, stderr);
	assert.doesNotMatch(stderr, /^\s+at |Warning/m);
}
