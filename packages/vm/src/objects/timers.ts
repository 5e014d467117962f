import { endTimer, isAlive, type TimerState } from "#helpers";
import { fire, runWork } from "./run.ts";
import type { System } from "./system.ts";

/**
 * Time goes on by so many nanoseconds; timers that come due meanwhile run, each at its time, in order. One that faults does
 * not keep the others from running; the first fault is thrown at the end. @throws VmFault
 */
export function advance(system: System, nanoseconds: bigint): void {
	const { clock } = system;
	const end = clock.state.monotonic + nanoseconds;
	let fault: unknown;
	for (let row = nextDue(system, end); row; row = nextDue(system, end)) {
		const due = row.due!;
		if (due > clock.state.monotonic) clock.set(due);
		row.due = undefined;
		const wrong = fire(system, row);
		const later = runWork(system);
		fault ??= wrong ?? later;
	}
	if (end > clock.state.monotonic) clock.set(end);
	if (fault !== undefined) throw fault;
}

/** The timer that is due first, at `end` at the latest. Rows whose value is gone go too. */
function nextDue(system: System, end: bigint): TimerState | undefined {
	const { environment } = system;
	let first: TimerState | undefined;
	for (const row of environment.timers.rows.values()) {
		if (!isAlive(environment, row)) endTimer(environment, row);
		else if (row.due !== undefined && row.due <= end && (!first || isBefore(row, first))) first = row;
	}
	return first;
}

const isBefore = (a: TimerState, b: TimerState): boolean => a.due! < b.due! || (a.due === b.due && a.order < b.order);
