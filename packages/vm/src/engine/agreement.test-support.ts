// One program on the interpreter and on this machine's Linux: registers, stack and memory must agree.
import { VerifierError } from "@skep/bpf/base";
import { encode, format, type Instruction, rowOf } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import type { BpfMap } from "@skep/bpf/live";
import { type Callables, Memory, newCpu } from "#machine";
import { assembleProgram, type Generated, generate, inputs, LAYOUT, Random, shrink } from "./generator.test-support.ts";
import { type Code, prepare, run } from "./index.ts";
import { cell, KEY, loadProgram, NO_PACKET } from "./linux.test-support.ts";

const FUEL = 1_000_000;
const NO_CALLS: Callables<Code> = { helper: () => false };

/** How a program leaves the map's value. */
export type Runner = (insns: readonly Instruction[], value: Uint8Array<ArrayBuffer>) => Uint8Array;

/** A machine whose memory is made once, as a loop over many programs wants it. */
export function interpreterRunner(): Runner {
	const memory = new Memory(1 << 20);
	const cpu = newCpu(0, memory.allocate(4096, "stack")!);
	const at = memory.allocate(LAYOUT.size, "map")!;
	return (insns, value) => {
		memory.u8.set(value, at);
		const resolve = ({ high }: { readonly high: number }) => ({ low: at + high, high: 0 });
		cpu.fuel = FUEL;
		run(prepare(encode(insns), { id: 1, resolve }), cpu, memory, NO_CALLS);
		return memory.u8.slice(at, at + LAYOUT.size);
	};
}

export interface Difference {
	readonly seed: number;
	/** The shortest program found, as text. */
	readonly text: string;
	readonly input: string;
	readonly interpreter: string;
	readonly linux: string;
}

export interface Tally {
	programs: number;
	refused: number;
	runs: number;
	/** How often each instruction was in a program that ran. */
	readonly instructions: Map<string, number>;
	readonly reasons: Map<string, number>;
	readonly differences: Difference[];
}

export const newTally = (): Tally => ({
	programs: 0,
	refused: 0,
	runs: 0,
	instructions: new Map(),
	reasons: new Map(),
	differences: [],
});

const more = (counts: Map<string, number>, name: string): void => {
	counts.set(name, (counts.get(name) ?? 0) + 1);
};
const hex = (bytes: Uint8Array): string =>
	Array.from({ length: bytes.length / 8 }, (_, i) =>
		new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(i * 8, true).toString(16),
	).join(" ");
/** The callee's words and the pointer that was in r1 are no part of the result: all else is. */
const seen = (value: Uint8Array): Uint8Array => value.slice(LAYOUT.output);

/** Compares programs of one seed after the other. */
export class Agreement {
	readonly tally = newTally();
	readonly #kernel: Kernel;
	readonly #map: BpfMap;
	readonly #interpreter: Runner;

	constructor(kernel: Kernel, interpreter: Runner = interpreterRunner()) {
		this.#kernel = kernel;
		this.#interpreter = interpreter;
		this.#map = cell(kernel, LAYOUT.size);
	}

	/** One program on `runs` inputs. */
	compare(seed: number, runs = 3): void {
		const random = new Random(seed);
		const program = generate(random, this.#map.fd.number);
		const values = Array.from({ length: runs }, () => inputs(random));
		this.tally.programs++;
		const wrong = this.#differing(program, values, true);
		if (wrong === undefined) return;
		const smallest = shrink(program, (smaller) => this.#differing(smaller, [wrong], false) !== undefined);
		const insns = assembleProgram(smallest, this.#map.fd.number);
		this.tally.differences.push({
			seed,
			text: insns.map(format).join("\n"),
			input: hex(wrong),
			interpreter: hex(seen(this.#interpreter(insns, wrong))),
			linux: hex(seen(this.#onLinux(insns, [wrong])?.[0] ?? new Uint8Array(LAYOUT.size))),
		});
	}

	close(): void {
		this.#map.close();
	}
	[Symbol.dispose](): void {
		this.close();
	}

	/** The first input on which the two differ. */
	#differing(
		program: Generated,
		values: readonly Uint8Array<ArrayBuffer>[],
		counted: boolean,
	): Uint8Array<ArrayBuffer> | undefined {
		const insns = assembleProgram(program, this.#map.fd.number);
		const theirs = this.#onLinux(insns, values, counted);
		if (theirs === undefined) return undefined;
		if (counted) {
			this.tally.runs += values.length;
			for (const one of insns) more(this.tally.instructions, rowOf(one).name);
		}
		return values.find((value, i) => Buffer.compare(seen(this.#interpreter(insns, value)), seen(theirs[i]!)) !== 0);
	}

	/** What Linux makes of it; undefined: it refuses the program. */
	#onLinux(
		insns: readonly Instruction[],
		values: readonly Uint8Array<ArrayBuffer>[],
		counted = false,
	): Uint8Array[] | undefined {
		try {
			using program = loadProgram(this.#kernel, insns);
			return values.map((value) => {
				this.#map.update(KEY, value);
				program.testRun({ data: NO_PACKET });
				return this.#map.lookup(KEY)!;
			});
		} catch (error) {
			if (!(error instanceof VerifierError)) throw error;
			if (counted) {
				this.tally.refused++;
				more(this.tally.reasons, error.message.replace(/.*: /, "").replace(/\d+/g, "N"));
			}
			return undefined;
		}
	}
}
