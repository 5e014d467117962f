import { type chars, exists, type i32, i64, iter, u32, type u64 } from "skep";
import type { task_struct } from "skep/kernel";

/** A thread. That of a process's own id comes first; `ps -eL` has the same. */
export interface Task {
	pid: u32;
	tid: u32;
	ppid: u32;
	uid: u32;
	gid: u32;
	/** As `ps` writes it: R S D I T t, and X Z of what has ended. */
	state: chars<2>;
	nice: i32;
	/** Nanoseconds since boot. */
	started: u64;
	comm: chars<16>;
}

/** TASK_INTERRUPTIBLE and its kin; the idle state is two bits. */
const SLEEPS = 1;
const WAITS = 2;
const STOPPED = 4;
const TRACED = 8;
const IDLE = 0x402;
const DEAD = 16;

function stateOf(task: task_struct): u32 {
	const state = exists(task.__state) ? i64(task.__state) : exists(task.state) ? task.state : 0n;
	return u32(state);
}

function rowOf(task: task_struct): Task {
	const row: Task = {
		pid: task.tgid,
		tid: task.pid,
		ppid: task.real_parent.tgid,
		uid: task.cred.uid.val,
		gid: task.cred.gid.val,
		state: "R",
		nice: task.static_prio - 120,
		started: task.start_boottime,
		comm: task.comm,
	};
	const state = stateOf(task);
	if (task.exit_state !== 0) row.state = (task.exit_state & DEAD) !== 0 ? "X" : "Z";
	else if ((state & IDLE) === IDLE) row.state = "I";
	else if ((state & SLEEPS) !== 0) row.state = "S";
	else if ((state & WAITS) !== 0) row.state = "D";
	else if ((state & STOPPED) !== 0) row.state = "T";
	else if ((state & TRACED) !== 0) row.state = "t";
	return row;
}

export const tasks = iter("task", ({ task, seq }) => {
	if (task) seq.write(rowOf(task));
});

/** The same as lines, for `cat`. */
export const lines = iter("task", { attach: false }, ({ task, seq }) => {
	if (!task) return;
	if (seq.num === 0n) seq.print("    PID     TID    PPID   UID   GID S  NI COMM\n");
	const t = rowOf(task);
	seq.print(
		`${String(t.pid).padStart(7)} ${String(t.tid).padStart(7)} ${String(t.ppid).padStart(7)} ${String(t.uid).padStart(5)} ${String(t.gid).padStart(5)} ${t.state} ${String(t.nice).padStart(3)} ${t.comm}\n`,
	);
});
