// Random scenes on two kernels: what programs return, packets and maps must agree.
import { VerifierError, VmFault } from "@skep/bpf/base";
import { rowOf } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import { HELPERS } from "@skep/bpf/uapi";
import { VirtualKernel } from "@skep/vm";
import { assembleScene, type Generated, generate, shrink } from "./generator.test-support.ts";
import { Random } from "./random.test-support.ts";
import { differences, type Entry, type Outcome, type Scene, Stage, sceneText } from "./scene.test-support.ts";
import { entries, MAPS, packet, TEXT_ENTRY } from "./world.test-support.ts";

/** What one run begins with. */
interface Input {
	readonly packet: Uint8Array<ArrayBuffer>;
	readonly entries: readonly Entry[];
}

export interface Difference {
	readonly seed: number;
	/** What differs: `engine: virtual / Linux`. */
	readonly what: readonly string[];
	/** The shortest program found, as a case file with what Linux makes of it. */
	readonly text: string;
}

export interface Tally {
	programs: number;
	refused: number;
	runs: number;
	/** How often each instruction, helper and map type was in a program that ran. */
	readonly instructions: Map<string, number>;
	readonly helpers: Map<string, number>;
	readonly maps: Map<string, number>;
	readonly reasons: Map<string, number>;
	readonly differences: Difference[];
}

export const newTally = (): Tally => ({
	programs: 0,
	refused: 0,
	runs: 0,
	instructions: new Map(),
	helpers: new Map(),
	maps: new Map(),
	reasons: new Map(),
	differences: [],
});

const more = (counts: Map<string, number>, name: string): void => {
	counts.set(name, (counts.get(name) ?? 0) + 1);
};
const HELPER_NAMES = new Map(HELPERS.map((row) => [row.id, row.name]));

/** What a kernel makes of a scene on some inputs; a fault of the virtual kernel is text. */
export type Performer = (scene: Scene, inputs: readonly Input[]) => (Outcome | string)[];

/** @throws VerifierError */
export function performer(stage: Stage): Performer {
	return (scene, inputs) => {
		using performance = stage.load(scene);
		return inputs.map((input) => {
			try {
				return performance.run(input.packet, input.entries);
			} catch (error) {
				if (error instanceof VmFault) return `fault: ${error.message}`;
				throw error;
			}
		});
	};
}

/** One for each way to run programs, on processor `cpu` of `cpus`. */
export const virtualKernels = (cpus: number, cpu = 0): Record<string, VirtualKernel> => ({
	interpreter: new VirtualKernel({ cpus, cpu, engine: "interpreter" }),
	"checked JIT": new VirtualKernel({ cpus, cpu, engine: "jit" }),
	JIT: new VirtualKernel({ cpus, cpu, engine: "jit", checked: false }),
});

/** Compares programs of one seed after the other. */
export class Agreement implements Disposable {
	readonly tally = newTally();
	readonly #stages: readonly Stage[];
	readonly #ours: ReadonlyMap<string, Performer>;
	readonly #theirs: Performer;

	/**
	 * `virtual`: by the names of what they run programs in. `change`: what is made of their outcomes before they are
	 * compared.
	 */
	constructor(
		virtual: Readonly<Record<string, Kernel>>,
		linux: Kernel,
		change: (performer: Performer) => Performer = (same) => same,
	) {
		const stages = Object.entries(virtual).map(([name, kernel]) => [name, new Stage(kernel, MAPS)] as const);
		const theirs = new Stage(linux, MAPS);
		this.#stages = [...stages.map(([, stage]) => stage), theirs];
		for (const stage of this.#stages) stage.freeze([TEXT_ENTRY]);
		this.#ours = new Map(stages.map(([name, stage]) => [name, change(performer(stage))]));
		this.#theirs = performer(theirs);
	}

	/** One program on `runs` inputs, in every engine but `without`. */
	compare(seed: number, runs = 3, without?: string): void {
		const random = new Random(seed);
		const program = generate(random);
		const inputs = Array.from({ length: runs }, () => ({
			packet: packet(random, program.type),
			entries: entries(random),
		}));
		this.tally.programs++;
		const wrong = this.#differing(program, inputs, true, without);
		if (wrong === undefined) return;
		const smallest = shrink(program, (smaller) => this.#differing(smaller, [wrong.input], false) !== undefined);
		const { what, linux } = this.#differing(smallest, [wrong.input], false) ?? wrong;
		const scene = assembleScene(smallest);
		const { packet: bytes, entries: before } = wrong.input;
		this.tally.differences.push({ seed, what, text: sceneText(`seed ${seed}`, scene, bytes, before, linux) });
	}

	close(): void {
		for (const stage of this.#stages) stage.close();
	}
	[Symbol.dispose](): void {
		this.close();
	}

	/** The first input on which the two differ. */
	#differing(
		program: Generated,
		inputs: readonly Input[],
		counted: boolean,
		without?: string,
	): { input: Input; what: string[]; linux: Outcome } | undefined {
		const scene = assembleScene(program);
		const theirs = this.#onLinux(scene, inputs, counted);
		if (theirs === undefined) return undefined;
		if (counted) this.#count(scene, inputs.length);
		for (const [name, perform] of this.#ours) {
			if (name === without) continue;
			const ours = perform(scene, inputs);
			for (const [i, input] of inputs.entries()) {
				const virtual = ours[i]!;
				const linux = theirs[i] as Outcome;
				const what = typeof virtual === "string" ? [virtual] : differences(virtual, linux);
				if (what.length > 0) return { input, what: what.map((line) => `${name}: ${line}`), linux };
			}
		}
		return undefined;
	}

	#count(scene: Scene, runs: number): void {
		this.tally.runs += runs;
		for (const one of [...scene.programs.values()].flat()) {
			const { name } = rowOf(one);
			more(this.tally.instructions, name);
			if (name === "call_helper") more(this.tally.helpers, HELPER_NAMES.get(one.imm) ?? String(one.imm));
			if (name === "ld_map_fd") more(this.tally.maps, scene.maps[one.imm]!.type);
		}
	}

	/** What Linux makes of it; undefined: it refuses the program. */
	#onLinux(scene: Scene, inputs: readonly Input[], counted: boolean): (Outcome | string)[] | undefined {
		try {
			return this.#theirs(scene, inputs);
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
