import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Btf } from "@skep/bpf/btf";
import { relocate } from "@skep/bpf/relocate";
import type { LineInfo } from "@skep/bpf/spec";
import type { VirtualKernel } from "#backend";
import { display, type Session } from "#run";

/** How often lines of kernel code ran: by absolute path, then by line. */
export type LineCounts = Map<string, Map<number, number>>;

/** Where test processes leave their counts. */
const FOLDER = process.env["SKEP_TEST_COVERAGE"];

/** Whether machines of this process count. */
export const counting = FOLDER !== undefined && FOLDER !== "";

const counted: LineCounts = new Map();
if (counting) process.once("exit", () => writeCounts(FOLDER!, counted));

/** Lines of a program as it was loaded, by slot. */
function linesOf(session: Session, program: string): readonly LineInfo[] {
	const { spec } = session.source;
	const bytes = session.kernel.btf();
	const kernel = typeof bytes === "number" ? undefined : Btf.decode(bytes, { section: "vmlinux" });
	const programs = new Map([...spec.programs].filter(([name]) => name === program));
	return relocate({ ...spec, programs }, { kernel }).programs.get(program)?.lines ?? [];
}

/** The line that an instruction came from. */
export function lineOf(session: Session, program: string, slot: number): LineInfo | undefined {
	return linesOf(session, program).findLast((line) => line.slot <= slot);
}

/** Adds what the programs of a machine ran. A line ran as often as the one of its instructions that ran most. */
export function countLines(session: Session, kernel: VirtualKernel): void {
	for (const [name, program] of session.collection.programs) {
		const executed = kernel.executed(program.fd.number);
		const own: LineCounts = new Map();
		const lines = [...linesOf(session, name)].sort((a, b) => a.slot - b.slot);
		for (const [i, { slot, file, line }] of lines.entries()) {
			if (line === 0) continue;
			const end = lines[i + 1]?.slot ?? executed.length;
			let most = 0;
			for (let at = slot; at < end; at++) most = Math.max(most, executed[at]!);
			const of = fileCounts(own, resolve(file));
			of.set(line, Math.max(of.get(line) ?? 0, most));
		}
		addCounts(counted, own);
	}
}

function fileCounts(counts: LineCounts, file: string): Map<number, number> {
	let of = counts.get(file);
	if (of === undefined) {
		of = new Map();
		counts.set(file, of);
	}
	return of;
}

function addCounts(to: LineCounts, from: LineCounts): void {
	for (const [file, lines] of from) {
		const of = fileCounts(to, file);
		for (const [line, count] of lines) of.set(line, (of.get(line) ?? 0) + count);
	}
}

function writeCounts(folder: string, counts: LineCounts): void {
	if (counts.size === 0) return;
	mkdirSync(folder, { recursive: true });
	writeFileSync(
		join(folder, `${process.pid}.json`),
		JSON.stringify([...counts].map(([file, lines]) => [file, [...lines]])),
	);
}

/** What all test processes counted, sorted by path and line. */
export function readCounts(folder: string): LineCounts {
	const all: LineCounts = new Map();
	for (const name of readdirSync(folder)) {
		const parsed = JSON.parse(readFileSync(join(folder, name), "utf8")) as [string, [number, number][]][];
		addCounts(all, new Map(parsed.map(([file, lines]) => [file, new Map(lines)])));
	}
	const files = [...all].sort(([a], [b]) => (a < b ? -1 : 1));
	return new Map(files.map(([file, lines]) => [file, new Map([...lines].sort(([a], [b]) => a - b))]));
}

/** A row a file: lines of kernel code, those that ran, and which did not. */
export function renderCoverage(counts: LineCounts): string {
	if (counts.size === 0) return "coverage: no kernel code ran\n";
	const rows = [...counts].map(([file, lines]) => {
		const missed = [...lines].filter(([, count]) => count === 0).map(([line]) => line);
		const ran = lines.size - missed.length;
		return { file: display(file), ran, all: lines.size, missed: ranges(missed, [...lines.keys()]) };
	});
	const width = Math.max(...rows.map(({ file }) => file.length), "kernel code".length);
	const percent = (ran: number, all: number) => `${Math.floor((ran * 100) / all)} %`.padStart(6);
	const lines = rows.map(
		({ file, ran, all, missed }) =>
			`${file.padEnd(width)} ${String(all).padStart(6)} ${String(ran).padStart(5)} ${percent(ran, all)}${missed === "" ? "" : `  ${missed}`}`,
	);
	return [`${"kernel code".padEnd(width)}  lines   ran         not run`, ...lines, ""].join("\n");
}

/** `3-5, 9`: neighbours among the lines that have code. */
function ranges(missed: readonly number[], all: readonly number[]): string {
	const parts: [number, number][] = [];
	for (const line of missed) {
		const last = parts.at(-1);
		if (last !== undefined && all.indexOf(line) === all.indexOf(last[1]) + 1) last[1] = line;
		else parts.push([line, line]);
	}
	return parts.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(", ");
}

/** The format of lcov's tracefiles. */
export function renderLcov(counts: LineCounts): string {
	let text = "";
	for (const [file, lines] of counts) {
		text += `TN:\nSF:${file}\n`;
		for (const [line, count] of lines) text += `DA:${line},${count}\n`;
		const ran = [...lines.values()].filter((count) => count > 0).length;
		text += `LF:${lines.size}\nLH:${ran}\nend_of_record\n`;
	}
	return text;
}
