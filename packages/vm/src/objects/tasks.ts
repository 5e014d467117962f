import { findMember } from "@skep/bpf/btf";
import type { Task } from "#machine";
import { unstore } from "#maps";
import { type StructValue, StructWriter } from "./structs.ts";
import type { System } from "./system.ts";

/** Members of task_struct that not every kernel has are left out where the types lack them. */
export function known(system: System, struct: string, value: StructValue): StructValue {
	const id = system.btf?.find(struct, "struct");
	if (!system.btf || id === undefined) return {};
	return Object.fromEntries(Object.entries(value).filter(([name]) => findMember(system.btf!, id, name) !== undefined));
}

/** Address of a task's task_struct, laid out by the kernel's own types; 0: it has none. Parents are laid out first. */
export function taskStruct(system: System, pid: number): number {
	return addressOf(system, pid, new Set());
}

function addressOf(system: System, pid: number, open: Set<number>): number {
	const before = system.taskStructs.get(pid);
	if (before) return before.address;
	const task = system.tasks.get(pid);
	if (!system.btf?.find("task_struct", "struct") || !task || open.has(pid)) return 0;
	open.add(pid);
	return lay(system, task, {}, open);
}

function lay(system: System, task: Task, more: StructValue, open: Set<number>): number {
	const parent = task.parent === task.pid ? 0 : addressOf(system, task.parent, open);
	const leader = task.tgid === task.pid ? 0 : addressOf(system, task.tgid, open);
	const { uid, gid } = task;
	const cred = known(system, "cred", { uid, gid, euid: uid, egid: gid, suid: uid, sgid: gid, fsuid: uid, fsgid: gid });
	const writer = new StructWriter(system.memory, system.btf!);
	const credAddress = system.btf!.find("cred", "struct") === undefined ? 0 : writer.place("cred", cred);
	const value = known(system, "task_struct", {
		pid: task.pid,
		tgid: task.tgid,
		comm: task.comm,
		cred: credAddress,
		real_cred: credAddress,
		...more,
	});
	const address = writer.place("task_struct", value);
	const own = known(system, "task_struct", {
		// The idle task is its own parent, as on Linux.
		real_parent: parent || address,
		parent: parent || address,
		group_leader: leader || address,
	});
	writer.write(address, system.btf!.find("task_struct", "struct")!, own, "task_struct");
	system.taskStructs.set(task.pid, { address, parts: writer.parts });
	return address;
}

/** Puts a task into the table and lays it out; `more` are further members of its task_struct. Its address. */
export function setTask(system: System, task: Task, more: StructValue = {}): number {
	const open = new Set<number>([task.pid]);
	forget(system, task.pid);
	system.tasks.set(task);
	return system.btf?.find("task_struct", "struct") === undefined ? 0 : lay(system, task, more, open);
}

/** A task is gone. Pointers of children to it lead nowhere. */
export function endTask(system: System, pid: number): boolean {
	forget(system, pid);
	return system.tasks.delete(pid);
}

function forget(system: System, pid: number): void {
	const owner = system.taskStructs.get(pid)?.address;
	// What programs stored at it goes too: its address may be another task's next.
	if (owner !== undefined)
		for (const map of system.tables.maps.values()) if (map.type === "task_storage") unstore(map, system.memory, owner);
	for (const part of system.taskStructs.get(pid)?.parts ?? []) system.memory.free(part);
	system.taskStructs.delete(pid);
}
