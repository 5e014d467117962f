import { NotSupportedError } from "@skep/bpf/base";
import { ERRNO, errnoName, type Kernel, PERF_TYPE } from "@skep/bpf/kernel";
import { enableStats, Program, type ProgramStats } from "@skep/bpf/live";
import { STATUS } from "#cli";
import { openOne, takeSelector } from "#inspect";
import { onSignals } from "#run";
import { type Task, writeJson } from "./desk.ts";
import { Pause } from "./pause.ts";

/** What the kernel counts of every run. */
const COUNTED = ["run_time_ns", "recursion_misses"] as const;
type Counted = (typeof COUNTED)[number];

/** bpftool's metrics: type and config of the perf event. A cache's config is the cache, 0 << 8 for reads, 1 << 16 for misses. */
const HARDWARE: Readonly<Record<string, readonly [type: number, config: bigint]>> = {
	cycles: [PERF_TYPE.HARDWARE, 0n],
	instructions: [PERF_TYPE.HARDWARE, 1n],
	l1d_loads: [PERF_TYPE.HW_CACHE, 0n],
	llc_misses: [PERF_TYPE.HW_CACHE, 0x1_0002n],
	itlb_misses: [PERF_TYPE.HW_CACHE, 0x1_0004n],
	dtlb_misses: [PERF_TYPE.HW_CACHE, 0x1_0003n],
};

/** `profile PROG [duration SECONDS] [METRIC …]`: until Ctrl-C where no duration is said. */
export const profile: Task = async (words, desk) => {
	const selector = takeSelector("prog", words);
	const duration = words.skip("duration") ? words.number("duration in seconds") : undefined;
	const metrics: Counted[] = [];
	while (!words.empty) {
		const metric = words.oneOf([...COUNTED, ...Object.keys(HARDWARE)], "metric");
		if (metric in HARDWARE) refuseHardware(desk.kernel, metric);
		metrics.push(metric as Counted);
	}
	using program = Program.fromFd(desk.kernel, openOne(desk.kernel, "prog", selector).release());
	using _ = enableStats(desk.kernel);
	const before = program.stats();
	const pause = new Pause();
	const off = onSignals(() => pause.end());
	try {
		await pause.wait(duration === undefined ? LONGEST : duration * 1000);
	} finally {
		off();
	}
	const used = difference(before, program.stats());
	const shown = metrics.length === 0 ? COUNTED : metrics;
	const rows = shown.map((metric) => ({
		metric,
		run_cnt: used.runs,
		value: metric === "run_time_ns" ? used.nanoseconds : used.missed,
	}));
	if (desk.json) writeJson(desk, rows);
	else {
		const each = used.runs === 0n ? "" : `  (${used.nanoseconds / used.runs} ns per run)`;
		desk.write(`${String(used.runs).padStart(18)} run_cnt\n`);
		for (const { metric, value } of rows)
			desk.write(`${String(value).padStart(18)} ${metric}${metric === "run_time_ns" ? each : ""}\n`);
	}
	return STATUS.ok;
};

/** A timer of Node holds no more; ms. */
const LONGEST = 0x7fff_ffff;

const difference = (before: ProgramStats, after: ProgramStats): ProgramStats => ({
	runs: after.runs - before.runs,
	nanoseconds: after.nanoseconds - before.nanoseconds,
	missed: after.missed - before.missed,
});

/** @throws NotSupportedError: because this machine does not count it, or because skep does not around single programs */
function refuseHardware(kernel: Kernel, metric: string): never {
	const [type, config] = HARDWARE[metric]!;
	const fd = kernel.perfEventOpen({ type, config, disabled: true }, -1, 0, -1, 0);
	if (fd >= 0) kernel.close(fd);
	const instead = `${COUNTED.join(" and ")} are counted by the kernel itself`;
	const why =
		fd === -ERRNO.ENOENT || fd === -ERRNO.EOPNOTSUPP || fd === -ERRNO.EINVAL
			? `the processor's counters are not there (perf_event_open: ${errnoName(fd)}), as in most virtual machines; ${instead}`
			: `events of the processor are not counted around single programs; ${instead}`;
	throw new NotSupportedError(`metric ${metric}`, why);
}
