import { enableStats } from "@skep/bpf/live";
import { STATUS } from "#cli";
import { infoOf, openAll, type ProgramUse, takeSelector, UsageMeter } from "#inspect";
import { cutTo, renderTable, toJson } from "#output";
import { onSignals } from "#run";
import type { Desk, Task } from "./desk.ts";
import { Pause } from "./pause.ts";
import { countOf, secondsOf, textOf } from "./values.ts";

/** Home and clear what is below: what is drawn again does not flicker. */
const REDRAW = "\u001b[H\u001b[J";
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";

/**
 * `top [PROG] [--interval SECONDS] [--count N]`: what programs use, those that take most time first, until Ctrl-C or so many
 * samples. The kernel counts only while this runs.
 */
export const top: Task = async (words, desk) => {
	const selector = words.empty ? undefined : takeSelector("prog", words);
	words.end();
	const interval = secondsOf("prog", textOf(desk, "interval"), "interval") ?? 1;
	const count = countOf("prog", "count", textOf(desk, "count")) ?? Number.POSITIVE_INFINITY;
	const { kernel } = desk;
	using _ = enableStats(kernel);
	let wanted: ReadonlySet<number> | undefined;
	if (selector) {
		const found = openAll(kernel, "prog", selector);
		try {
			wanted = new Set(found.map((fd) => infoOf(kernel, "prog", fd.number).id));
		} finally {
			for (const fd of found) fd.close();
		}
	}
	const meter = new UsageMeter(kernel, wanted);
	const pause = new Pause();
	const off = onSignals(() => pause.end());
	const drawn = desk.screen.width !== undefined && !desk.json;
	if (drawn) desk.write(`${HIDE_CURSOR}\u001b[2J`);
	try {
		for (let i = 0; i < count; i++) {
			await pause.wait(interval * 1000);
			if (pause.ended) break;
			const { elapsed, programs } = meter.sample();
			if (desk.json) desk.write(`${toJson(jsonOf(elapsed, programs))}\n`);
			else desk.write((drawn ? REDRAW : i > 0 ? "\n" : "") + screenText(elapsed, programs, desk, drawn));
		}
	} finally {
		off();
		// Behind the ^C that the terminal shows.
		if (drawn) desk.write(pause.ended ? `${SHOW_CURSOR}\n` : SHOW_CURSOR);
	}
	return STATUS.ok;
};

const ran = (programs: readonly ProgramUse[]): ProgramUse[] => programs.filter(({ run_cnt }) => run_cnt > 0n);

/** One object a sample: programs that ran. */
const jsonOf = (elapsed: number, programs: readonly ProgramUse[]): object => ({
	time: new Date().toISOString(),
	interval_ms: Math.round(elapsed),
	loaded: programs.length,
	programs: ran(programs),
});

function screenText(elapsed: number, programs: readonly ProgramUse[], desk: Desk, drawn: boolean): string {
	const active = ran(programs);
	const time = active.reduce((sum, { run_time_ns }) => sum + run_time_ns, 0n);
	const runs = active.reduce((sum, { run_cnt }) => sum + run_cnt, 0n);
	const share = (Number(time) / (elapsed * 10_000)).toFixed(2);
	const head = `${active.length} of ${programs.length} programs ran in ${(elapsed / 1000).toFixed(1)} s: ${runs} runs, ${share} % of a CPU`;
	// A screen has room for so many; behind a pipe all are told.
	const room = drawn ? Math.max(1, (process.stdout.rows ?? 24) - 4) : active.length;
	const rows = active.slice(0, room).map((each) => ({
		id: each.id,
		type: each.type,
		name: each.name,
		runs: each.run_cnt,
		"time us": (each.run_time_ns + 500n) / 1000n,
		"ns/run": each.ns_per_run,
		"CPU %": each.cpu_percent.toFixed(2).padStart(6),
	}));
	return `${drawn ? cutTo(head, desk.screen.width!) : head}\n${renderTable(rows, desk.screen, ["type"])}`;
}
