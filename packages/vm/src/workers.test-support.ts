// Several workers on one machine: instructions with labels, and the crew that runs them all at the same time.
import { Worker } from "node:worker_threads";
import { encode, type Instruction, insn, type JumpOp, type Operand, PSEUDO, slotsOf } from "@skep/bpf/isa";
import { type BpfMap, Program } from "@skep/bpf/live";
import { HELPERS } from "@skep/bpf/uapi";
import type { JoinOptions, SharedMachine, VirtualKernel } from "./virtual-kernel.ts";

/** What programs run in, and how often: so that the workers are at it together for a while. */
export const ENGINES: Readonly<Record<string, { readonly rounds: number } & Omit<JoinOptions, "cpu">>> = {
	interpreter: { engine: "interpreter", rounds: 6000 },
	checked: { engine: "jit", rounds: 40_000 },
	unchecked: { engine: "jit", checked: false, rounds: 40_000 },
};

export const imm = (value: number): Operand => ({ imm: value });
export const reg = (register: number): Operand => ({ reg: register });
export const helper = (name: string): Instruction => insn.call(HELPERS.find((row) => row.name === name)!.id);
export const mapIn = (register: number, map: BpfMap): Instruction =>
	insn.loadPseudo(register, PSEUDO.mapFd, map.fd.number);
/** Address of the only value of an array. */
export const valueIn = (register: number, map: BpfMap, offset = 0): Instruction =>
	insn.loadPseudo(register, PSEUDO.mapValue, map.fd.number, offset);
export const stackIn = (register: number, at: number): Instruction[] => [
	insn.mov(64, register, reg(10)),
	insn.alu("add", 64, register, imm(at)),
];

/** A jump to a label, or a label. */
type Line = Instruction | { readonly to: string; readonly make: (distance: number) => Instruction } | string;

export const jump = (op: JumpOp, register: number, operand: Operand, to: string): Line => ({
	to,
	make: (distance) => insn.jump(op, 64, register, operand, distance),
});
export const go = (to: string): Line => ({ to, make: (distance) => insn.ja(distance) });

/** Lines to instructions: a text is a label of the line that follows. */
export function assemble(lines: readonly Line[]): Uint8Array {
	const labels = new Map<string, number>();
	let slot = 0;
	for (const line of lines) {
		if (typeof line === "string") labels.set(line, slot);
		else slot += "to" in line ? 1 : slotsOf(line);
	}
	const list: Instruction[] = [];
	slot = 0;
	for (const line of lines) {
		if (typeof line === "string") continue;
		const one = "to" in line ? line.make(labels.get(line.to)! - slot - 1) : line;
		slot += slotsOf(one);
		list.push(one);
	}
	return encode(list);
}

export const load = (kernel: VirtualKernel, lines: readonly Line[]): Program =>
	Program.load(kernel, { name: "worker", type: "xdp", insns: assemble(lines), license: "GPL" });
export const PASS = [insn.mov(64, 0, imm(2)), insn.exit()];

/** What a worker does. */
export type Work =
	/** Runs a program so many times. */
	| { readonly kind: "run"; readonly program: number; readonly times: number }
	/** System calls on a map with 4-byte keys below `keys` and 8-byte values, whose upper half is the key: updates and deletes. */
	| { readonly kind: "churn"; readonly map: number; readonly keys: number; readonly times: number }
	/** Pushes `times` numbers of its own to a queue by system calls, and takes as many out again, which it gives. */
	| { readonly kind: "queue"; readonly map: number; readonly times: number };

export interface Order {
	readonly shared: SharedMachine;
	readonly options: JoinOptions;
	readonly work: readonly Work[];
	/** One word: how many have come to the gate, behind which they begin together; and how many shall. */
	readonly gate: SharedArrayBuffer;
	readonly count: number;
}

/** Workers, which join one machine after the other. The test itself is processor 0. */
export class Crew {
	readonly #workers: readonly Worker[];

	constructor(count: number) {
		const url = new URL("./workers-child.test-support.ts", import.meta.url);
		this.#workers = Array.from({ length: count }, () => new Worker(url));
		for (const worker of this.#workers) worker.unref();
	}

	/** As processors 1, 2, … all do their work at the same time; what each has found. */
	async run(
		kernel: VirtualKernel,
		options: Omit<JoinOptions, "cpu">,
		work: (cpu: number) => readonly Work[],
	): Promise<readonly (readonly number[])[]> {
		const gate = new SharedArrayBuffer(4);
		const shared = kernel.share();
		return await Promise.all(
			this.#workers.map((worker, i) => {
				const cpu = i + 1;
				const count = this.#workers.length;
				const order: Order = { shared, options: { ...options, cpu }, work: work(cpu), gate, count };
				const answered = answer(worker);
				worker.postMessage(order);
				return answered;
			}),
		);
	}

	async close(): Promise<void> {
		await Promise.all(this.#workers.map((worker) => worker.terminate()));
	}
}

const answer = (worker: Worker): Promise<readonly number[]> =>
	new Promise((resolve, reject) => {
		const done = (found: readonly number[]): void => {
			worker.off("error", failed);
			resolve(found);
		};
		const failed = (error: unknown): void => {
			worker.off("message", done);
			reject(error);
		};
		worker.once("message", done);
		worker.once("error", failed);
	});
