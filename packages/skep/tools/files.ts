import { type chars, dPath, iter, typeExists, type u32, u64 } from "skep";
import type { bpf_iter__task_vma, file, task_struct } from "skep/kernel";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from "skep/uapi";

/** An open file of a task, as `lsof` lists them: threads that share their files with the process are left out. */
export interface File {
	pid: u32;
	tid: u32;
	fd: u32;
	uid: u32;
	comm: chars<16>;
	/** REG DIR CHR BLK FIFO SOCK LNK; empty: none of these (an epoll, a map, a timer). */
	type: chars<8>;
	/** O_* as `open` took them. */
	flags: u32;
	/** Of the file system that it is on. */
	dev: u32;
	inode: u64;
	offset: u64;
	path: chars<256>;
}

function rowOf(task: task_struct, file: file, fd: u32): File {
	const row: File = {
		pid: task.tgid,
		tid: task.pid,
		fd,
		uid: task.cred.uid.val,
		comm: task.comm,
		type: "",
		flags: file.f_flags,
		dev: file.f_inode.i_sb.s_dev,
		inode: file.f_inode.i_ino,
		offset: u64(file.f_pos),
		path: "",
	};
	// Iterators may ask for paths since the kernel that walks over memory areas too (5.12); before, the name has to do.
	if (typeExists<bpf_iter__task_vma>()) row.path = dPath(file.f_path, 256);
	else row.path = file.f_path.dentry.d_name.name.readString(256);
	const format = file.f_inode.i_mode & S_IFMT;
	if (format === S_IFREG) row.type = "REG";
	else if (format === S_IFDIR) row.type = "DIR";
	else if (format === S_IFCHR) row.type = "CHR";
	else if (format === S_IFBLK) row.type = "BLK";
	else if (format === S_IFIFO) row.type = "FIFO";
	else if (format === S_IFSOCK) row.type = "SOCK";
	else if (format === S_IFLNK) row.type = "LNK";
	return row;
}

export const files = iter("task_file", ({ task, fd, file, seq }) => {
	if (task && file) seq.write(rowOf(task, file, fd));
});

/** The same as lines, for `cat`. */
export const lines = iter("task_file", { attach: false }, ({ task, fd, file, seq }) => {
	if (!task || !file) return;
	if (seq.num === 0n) seq.print("    PID     TID    FD TYPE       INODE COMM             PATH\n");
	const f = rowOf(task, file, fd);
	seq.print(
		`${String(f.pid).padStart(7)} ${String(f.tid).padStart(7)} ${String(f.fd).padStart(5)} ${f.type.padEnd(4)} ${String(f.inode).padStart(11)} ${f.comm.padEnd(16)} ${f.path}\n`,
	);
});
