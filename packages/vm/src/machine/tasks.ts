/** A task as a row of the machine's table. Ids are 32-bit numbers. */
export interface Task {
	/** The kernel's pid: a thread's id. */
	readonly pid: number;
	/** The process: its first thread's pid. */
	readonly tgid: number;
	/** At most 15 bytes count. */
	readonly comm: string;
	readonly uid: number;
	readonly gid: number;
	/** pid of the parent's first thread; 0: none. */
	readonly parent: number;
	/** Id in cgroup v2. */
	readonly cgroupId: bigint;
}

/** Tasks by pid. Pid 0 (the idle task) and 1 (init) are always there. */
export class Tasks {
	readonly #rows = new Map<number, Task>();
	constructor(rows: Iterable<Task> = []) {
		this.set({ pid: 0, tgid: 0, comm: "swapper/0", uid: 0, gid: 0, parent: 0, cgroupId: 1n });
		this.set({ pid: 1, tgid: 1, comm: "init", uid: 0, gid: 0, parent: 0, cgroupId: 1n });
		for (const row of rows) this.set(row);
	}
	get(pid: number): Task | undefined {
		return this.#rows.get(pid);
	}
	/** Adds a row or takes the place of the one with its pid. */
	set(task: Task): void {
		this.#rows.set(task.pid, task);
	}
	delete(pid: number): boolean {
		return this.#rows.delete(pid);
	}
	/** Rows by pid, for saving and listing. */
	rows(): Task[] {
		return [...this.#rows.values()].sort((a, b) => a.pid - b.pid);
	}
}
