import { type chars, dPath, iter, type u32, type u64 } from "skep";
import type { task_struct, vm_area_struct } from "skep/kernel";

/** A range of a process's memory: a line of `/proc/PID/maps`. */
export interface Area {
	pid: u32;
	dev: u32;
	start: u64;
	end: u64;
	/** `r-xp` */
	perms: chars<8>;
	/** In the file, in bytes. */
	offset: u64;
	inode: u64;
	comm: chars<16>;
	/** Empty: no file. */
	path: chars<256>;
}

/** VM_READ, VM_WRITE, VM_EXEC, VM_MAYSHARE. */
const READ = 1n;
const WRITE = 2n;
const EXEC = 4n;
const SHARED = 128n;
const PAGE_SHIFT = 12n;

function rowOf(task: task_struct, vma: vm_area_struct): Area {
	const flags = vma.vm_flags;
	const row: Area = {
		pid: task.tgid,
		dev: 0,
		start: vma.vm_start,
		end: vma.vm_end,
		perms: "",
		offset: 0n,
		inode: 0n,
		comm: task.comm,
		path: dPath(vma.vm_file.f_path, 256),
	};
	row.perms = `${flags & READ ? "r" : "-"}${flags & WRITE ? "w" : "-"}${flags & EXEC ? "x" : "-"}${flags & SHARED ? "s" : "p"}`;
	if (vma.vm_file) {
		row.dev = vma.vm_file.f_inode.i_sb.s_dev;
		row.inode = vma.vm_file.f_inode.i_ino;
		row.offset = vma.vm_pgoff << PAGE_SHIFT;
	}
	return row;
}

export const vmas = iter("task_vma", ({ task, vma, seq }) => {
	if (task && vma) seq.write(rowOf(task, vma));
});

/** The same as lines, for `cat`. */
export const lines = iter("task_vma", { attach: false }, ({ task, vma, seq }) => {
	if (!task || !vma) return;
	if (seq.num === 0n) seq.print("    PID            START              END PERM INODE PATH\n");
	const a = rowOf(task, vma);
	seq.print(
		`${String(a.pid).padStart(7)} ${a.start.toString(16).padStart(16, "0")} ${a.end.toString(16).padStart(16, "0")} ${a.perms} ${String(a.inode)} ${a.path}\n`,
	);
});
