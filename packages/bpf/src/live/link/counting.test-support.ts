import { spawnSync } from "node:child_process";
import { release } from "node:os";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { NotSupportedError } from "#base";
import { encode, type Instruction, insn } from "#isa";
import { type Kernel, versionCode } from "#kernel";
import type { AttachType, ProgramType } from "#uapi";
import { BpfMap, Program } from "../index.ts";

/** What programs of these tests leave: how often they ran, and values in further slots of 64 bits. */
export class Counter implements Disposable {
	readonly map: BpfMap;

	constructor(kernel: Kernel) {
		this.map = BpfMap.create(kernel, { name: "seen", type: "array", keySize: 4, valueSize: 64, maxEntries: 1 });
	}

	/** How often since the last call of `reset`. */
	get count(): number {
		return Number(this.value(0));
	}

	value(slot: number): bigint {
		return new DataView(this.map.lookup(new Uint8Array(4))!.buffer).getBigUint64(slot * 8, true);
	}

	reset(): void {
		this.map.update(new Uint8Array(4), new Uint8Array(64));
	}

	close(): void {
		this.map.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	/** r7 = address of the value; the context stays in r6. */
	get open(): Instruction[] {
		return [insn.mov(64, 6, { reg: 1 }), insn.loadPseudo(7, 2, this.map.fd.number)];
	}

	/** Counts this run. */
	get add(): Instruction[] {
		return [insn.mov(64, 1, { imm: 1 }), insn.atomic("add", 8, 7, 0, 1)];
	}
}

/** Into a slot of the counter. */
export const keep = (slot: number, register: number): Instruction => insn.store(8, 7, slot * 8, { reg: register });

export const GET_ATTACH_COOKIE = 174;
/** Keeps the cookie in slot 1. */
export const keepCookie = (): Instruction[] => [insn.mov(64, 1, { reg: 6 }), insn.call(GET_ATTACH_COOKIE), keep(1, 0)];

export interface Counting {
	readonly type: ProgramType;
	readonly attachType?: AttachType;
	/** What it returns. */
	readonly result?: number;
	/** Between counting and returning: the context in r6, the counter's value in r7. */
	readonly body?: readonly Instruction[];
	readonly name?: string;
	readonly flags?: number;
	readonly attachBtfId?: number;
	readonly attachProgFd?: number;
}

/** Loads a program that counts its runs. */
export function counting(kernel: Kernel, counter: Counter, what: Counting): Program {
	const { result = 0, body = [], name = "counting", ...rest } = what;
	const insns = encode([...counter.open, ...counter.add, ...body, insn.mov(64, 0, { imm: result }), insn.exit()]);
	return Program.load(kernel, { name, license: "GPL", insns, ...rest });
}

/** One thing that a child process found out. */
export type Check = readonly [name: string, body: () => void | Promise<void>];

/** Runs checks one after another and prints what came of each as a line of JSON; ends the process at the first that fails. For child processes. */
export async function report(checks: readonly Check[]): Promise<void> {
	for (const [name, body] of checks) {
		let error: string | undefined;
		let skip: string | undefined;
		try {
			await body();
		} catch (thrown) {
			const known = thrown instanceof NotSupportedError && thrown.since !== undefined;
			const old = known && versionCode(release()) < versionCode(thrown.since ?? "");
			if (thrown instanceof Skip || old) skip = (thrown as Error).message;
			else error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
		}
		console.log(JSON.stringify({ name, error, skip }));
		// What the check left attached would be in the way of those after it.
		if (error !== undefined) process.exit(1);
	}
}

/** What a check throws that cannot be made here. */
export class Skip extends Error {}

/** Runs a file of checks as a child in a network namespace of its own, each check as a test. */
export async function inOwnNetwork(t: TestContext, file: string): Promise<void> {
	const path = fileURLToPath(new URL(file, import.meta.url));
	const run = spawnSync("unshare", ["--net", process.execPath, path], { encoding: "utf8", timeout: 600_000 });
	const missing = run.error !== undefined && Reflect.get(run.error, "code") === "ENOENT";
	if (missing || /unshare failed|Operation not permitted/.test(run.stderr)) {
		t.skip(`needs a network namespace: ${run.error?.message ?? run.stderr.trim()}`);
		return;
	}
	for (const line of run.stdout.split("\n").filter(Boolean)) {
		const { name, error, skip } = JSON.parse(line) as { name: string; error?: string; skip?: string };
		await t.test(name, (inner) => {
			if (skip !== undefined) inner.skip(skip);
			else if (error !== undefined) throw new Error(error);
		});
	}
	t.assert.equal(run.status, 0, run.stderr);
}
