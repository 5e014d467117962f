import type { Kernel } from "@skep/bpf/kernel";
import { programType } from "./names.ts";
import { everyObject, infoOf } from "./objects.ts";

/** What a program has used since statistics are counted. */
interface Counts {
	readonly type: string | number;
	readonly name: string;
	readonly time: bigint;
	readonly runs: bigint;
}

/** What a program used between two readings. */
export interface ProgramUse {
	readonly id: number;
	readonly type: string | number;
	readonly name: string;
	readonly run_time_ns: bigint;
	readonly run_cnt: bigint;
	/** 0 where it did not run. */
	readonly ns_per_run: number;
	/** Per cent of one CPU; several CPUs can make more than 100. */
	readonly cpu_percent: number;
}

/** Counts of all programs. */
function read(kernel: Kernel, wanted: ReadonlySet<number> | undefined): Map<number, Counts> {
	const counts = new Map<number, Counts>();
	for (const fd of everyObject(kernel, "prog")) {
		const { id, type, name, run_time_ns, run_cnt } = infoOf(kernel, "prog", fd);
		if (wanted && !wanted.has(id)) continue;
		counts.set(id, { type: programType(type), name, time: run_time_ns, runs: run_cnt });
	}
	return counts;
}

/** Tells again and again what programs used since the last time. Somebody has to hold statistics meanwhile. */
export class UsageMeter {
	readonly #kernel: Kernel;
	readonly #wanted: ReadonlySet<number> | undefined;
	#before: Map<number, Counts>;
	#at: number;

	/** @param wanted ids; absent: all programs, those too that come meanwhile */
	constructor(kernel: Kernel, wanted?: ReadonlySet<number>) {
		this.#kernel = kernel;
		this.#wanted = wanted;
		this.#before = read(kernel, wanted);
		this.#at = performance.now();
	}

	/** Since the last sample: milliseconds, and programs, those that took most time first. */
	sample(): { readonly elapsed: number; readonly programs: readonly ProgramUse[] } {
		const now = read(this.#kernel, this.#wanted);
		const at = performance.now();
		const elapsed = at - this.#at;
		const programs = [...now].map(([id, { type, name, time, runs }]): ProgramUse => {
			const before = this.#before.get(id);
			const run_time_ns = time - (before?.time ?? 0n);
			const run_cnt = runs - (before?.runs ?? 0n);
			return {
				id,
				type,
				name,
				run_time_ns,
				run_cnt,
				ns_per_run: run_cnt === 0n ? 0 : Math.round(Number(run_time_ns) / Number(run_cnt)),
				cpu_percent: Number((Number(run_time_ns) / (elapsed * 10_000)).toFixed(3)),
			};
		});
		this.#before = now;
		this.#at = at;
		programs.sort((a, b) => (a.run_time_ns === b.run_time_ns ? a.id - b.id : a.run_time_ns < b.run_time_ns ? 1 : -1));
		return { elapsed, programs };
	}
}
