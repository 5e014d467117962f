// `npm run soak [-- [--quick] PROGRAMS [FIRST_SEED [PROCESSES]]]`: random programs on the virtual kernel and on this machine's Linux
// (100,000 by default), and a table of what was compared, also where it is interrupted (Ctrl-C). Needs root. Ends with status
// 1 where the two differ.
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { INSTRUCTIONS } from "@skep/bpf/isa";
import { openLinux } from "@skep/linux";
import {
	Agreement,
	type Difference,
	type Tally,
	virtualKernels,
} from "../packages/vm/src/engine/agreement.test-support.ts";
import { stayOnOneCpu } from "../packages/vm/src/engine/scene.test-support.ts";

/** Differences beyond some tell nothing new. */
const ENOUGH = 20;
/** Quick: one input a program, and one of these two. */
const TRANSLATED = ["checked JIT", "JIT"];
/** How often a process says how far it is, in milliseconds. */
const PERIOD = 10_000;

/** What one process compares: seeds of [first, end), every `step`th of them. */
interface Share {
	readonly first: number;
	readonly end: number;
	readonly step: number;
	readonly cpu: number;
	readonly quick: boolean;
}

type Counts = [string, number][];
type Counted = "instructions" | "helpers" | "maps" | "reasons";

/** What a process has found: how far it is, or, with `counts`, all of it. */
interface Word {
	readonly programs: number;
	readonly refused: number;
	readonly runs: number;
	readonly differences: readonly Difference[];
	readonly counts?: Readonly<Record<Counted, Counts>>;
}

if (process.send) process.once("message", (share) => compareShare(share as Share));
else await soak();

async function compareShare({ first, end, step, cpu, quick }: Share): Promise<void> {
	if (!stayOnOneCpu(cpu)) {
		console.error("taskset is missing or was refused: per-CPU values would not be the same on every run");
		process.exit(1);
	}
	const kernel = openLinux();
	using agreement = new Agreement(virtualKernels(kernel.possibleCpus, cpu), kernel);
	const { tally } = agreement;
	let told = performance.now();
	let isEnough = false;
	process.once("message", () => {
		isEnough = true;
	});
	// The terminal tells all processes; the first one decides.
	process.on("SIGINT", () => {});
	for (let seed = first; seed < end && !isEnough && tally.differences.length < ENOUGH; seed += step) {
		// By halves: what changes as often as the step does must not choose.
		const [left] = ((seed >> 4) & 1) === 0 ? TRANSLATED : TRANSLATED.toReversed();
		if (quick) agreement.compare(seed, 1, left);
		else agreement.compare(seed);
		if (performance.now() - told < PERIOD) continue;
		told = performance.now();
		process.send!(wordOf(tally, false));
		await new Promise(setImmediate);
	}
	process.send!(wordOf(tally, true), () => process.disconnect?.());
}

function wordOf(tally: Tally, isAll: boolean): Word {
	const { programs, refused, runs, differences } = tally;
	const counts = {
		instructions: [...tally.instructions],
		helpers: [...tally.helpers],
		maps: [...tally.maps],
		reasons: [...tally.reasons],
	};
	return { programs, refused, runs, differences, ...(isAll ? { counts } : {}) };
}

async function soak(): Promise<void> {
	// Linux waits for its readers where maps of programs change: more processes than processors are the quickest.
	const processors = availableParallelism();
	const quick = process.argv.includes("--quick");
	const numbers = process.argv.slice(2).filter((word) => word !== "--quick");
	const [programs = 100_000, first = 1, processes = 2 * processors] = numbers.map(Number);
	const isWhole = [programs, first, processes].every((n) => Number.isSafeInteger(n) && n >= 1);
	if (!isWhole) {
		console.error("usage: npm run soak [-- [--quick] PROGRAMS [FIRST_SEED [PROCESSES]]]");
		process.exit(2);
	}
	const began = performance.now();
	const words: (Word | undefined)[] = Array.from({ length: processes }, () => undefined);
	const report = setInterval(() => {
		const all = words.filter((word) => word !== undefined);
		const differ = all.reduce((sum, word) => sum + word.differences.length, 0);
		console.error(`${all.reduce((sum, word) => sum + word.programs, 0)} programs, ${differ} differ`);
	}, PERIOD);
	await Promise.all(
		words.map(async (_, i) => {
			const child = fork(fileURLToPath(import.meta.url));
			process.once("SIGINT", () => child.send("enough"));
			child.on("message", (word) => {
				words[i] = word as Word;
			});
			child.send({
				first: first + i,
				end: first + programs,
				step: processes,
				cpu: i % processors,
				quick,
			} satisfies Share);
			const status = await new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
			if (status !== 0 || !words[i]?.counts) throw new Error(`process ${i + 1} ended with ${status}`);
		}),
	).finally(() => clearInterval(report));
	print(words as Word[], first, quick, (performance.now() - began) / 1000);
}

function print(words: readonly Word[], first: number, quick: boolean, seconds: number): void {
	const sum = (of: (word: Word) => number): number => words.reduce((all, word) => all + of(word), 0);
	const differences = words.flatMap((word) => word.differences);
	const kernel = openLinux();
	const [one, other] = TRANSLATED;
	const engines = quick
		? `interpreter; ${one} and ${other} in turn`
		: Object.keys(virtualKernels(kernel.possibleCpus)).join(", ");
	const rows: [string, string | number][] = [
		["kernel", kernel.release],
		["node", process.version],
		["engines", engines],
		["seeds from", first],
		["programs", sum((word) => word.programs)],
		["refused by the verifier", sum((word) => word.refused)],
		["inputs compared, in each engine that ran", sum((word) => word.runs)],
		["differences", differences.length],
		["processes", words.length],
		["seconds", seconds.toFixed(0)],
	];
	console.log("| soak: virtual kernel and Linux | |\n| --- | ---: |");
	for (const [name, value] of rows) console.log(`| ${name} | ${value} |`);

	const counts = (of: Counted): Map<string, number> => {
		const all = new Map<string, number>();
		for (const word of words) for (const [name, n] of word.counts![of]) all.set(name, (all.get(name) ?? 0) + n);
		return all;
	};
	const instructions = counts("instructions");
	const groups = new Map<string, [number, number, number]>();
	for (const { name, group } of INSTRUCTIONS) {
		const [all, seen, times] = groups.get(group) ?? [0, 0, 0];
		const count = instructions.get(name) ?? 0;
		groups.set(group, [all + 1, seen + Number(count > 0), times + count]);
	}
	console.log("\n| group | instructions of it | seen | times in a program |\n| --- | ---: | ---: | ---: |");
	for (const [group, [all, seen, times]] of groups) console.log(`| ${group} | ${all} | ${seen} | ${times} |`);
	for (const [what, of] of [
		["helper", "helpers"],
		["map referred to", "maps"],
		["the verifier said", "reasons"],
	] as const) {
		console.log(`\n| ${what} | times in a program |\n| --- | ---: |`);
		for (const [name, n] of [...counts(of)].sort((a, b) => b[1] - a[1])) console.log(`| ${name} | ${n} |`);
	}
	for (const { seed, what, text } of differences) console.log(`\nseed ${seed}: ${what.join("; ")}\n\n${text}`);
	process.exitCode = differences.length === 0 ? 0 : 1;
}
