import { BpfError, SyscallError } from "#base";
import { ERRNO, errnoName, type FolderEntry, type Kernel } from "#kernel";
import { noBpffs } from "./pins.ts";

/** The folder that a path stands in, and its name there. */
function parted(path: string): readonly [folder: string, name: string] {
	const plain = path.replace(/\/+$/, "");
	const slash = plain.lastIndexOf("/");
	return [slash < 0 ? "." : plain.slice(0, slash) || "/", plain.slice(slash + 1)];
}

const folderError = (call: string, path: string, errno: number, why: string): SyscallError =>
	new SyscallError(
		call,
		undefined,
		errno,
		errnoName(errno),
		`cannot ${why} ${path}: ${MEANS[errnoName(errno)] ?? errnoName(errno)}`,
	);

const MEANS: Readonly<Record<string, string>> = {
	EACCES: "the permissions of a folder forbid it: run as its owner or as root",
	EPERM: "the permissions of the folder forbid it: run as its owner or as root",
	ENOENT: "nothing is there",
	ENOTDIR: "a part of the path is no folder",
	ENOTEMPTY: "it is not empty: something was put there meanwhile",
	EBUSY: "it is in use: something is mounted there",
};

/** What stands in a folder of a bpffs, sorted by name. @throws BpfError ERR_NO_BPFFS; SyscallError ENOENT, ENOTDIR, EACCES */
export function listFolder(kernel: Kernel, path: string): readonly FolderEntry[] {
	const is = kernel.isBpffs(path);
	if (is === 0) throw noBpffs(`list ${path}`, path);
	if (is < 0) throw folderError("statfs", path, -is, "list");
	const found = kernel.folders.list(path);
	if (typeof found === "number") throw folderError("readdir", path, -found, "list");
	return found;
}

/**
 * What stands at a path, links not followed; "root": the folder that the bpffs is mounted on.
 * @throws BpfError ERR_NO_BPFFS; SyscallError ENOENT
 */
export function entryAt(kernel: Kernel, path: string): FolderEntry | "root" {
	const [folder, name] = parted(path);
	const above = kernel.isBpffs(folder);
	if (above !== 1) {
		const is = kernel.isBpffs(path);
		if (is === 1) return "root";
		if (is === 0) throw noBpffs(`look at ${path}`, path);
		throw folderError("statfs", path, -is, "look at");
	}
	const found = listFolder(kernel, folder).find((entry) => entry.name === name);
	if (!found) throw folderError("lstat", path, ERRNO.ENOENT, "look at");
	return found;
}

/** Takes an empty folder away, unless it went with what was in it. @throws SyscallError ENOTEMPTY, EBUSY, EACCES */
export function removeFolder(kernel: Kernel, path: string): void {
	const result = kernel.folders.remove(path);
	if (result < 0 && result !== -ERRNO.ENOENT) throw folderError("rmdir", path, -result, "remove the folder");
}

/** Takes a name away that `entryAt` told of: a pin, or a symlink itself. @throws SyscallError */
export function removeName(kernel: Kernel, path: string): void {
	const result = kernel.unlink(path);
	if (result < 0) throw folderError("unlink", path, -result, "remove");
}

/** Options of a bpffs, with the kernel since which they are there. One row an option. */
export const MOUNT_OPTIONS: Readonly<Record<string, { readonly since: string; readonly help: string }>> = {
	mode: { since: "4.10", help: "permissions of its root, octal" },
	uid: { since: "6.8", help: "owner of its root" },
	gid: { since: "6.8", help: "group of its root" },
	delegate_cmds: { since: "6.9", help: "commands of bpf(2) that tokens allow: any, or names joined by colons" },
	delegate_maps: { since: "6.9", help: "map types that tokens allow" },
	delegate_progs: { since: "6.9", help: "program types that tokens allow" },
	delegate_attachs: { since: "6.9", help: "attach types that tokens allow" },
};

/**
 * Mounts a new bpffs on a folder. @throws BpfError ERR_MOUNTED where one is; ERR_NO_MOUNT where the kernel has no such thing;
 * SyscallError
 */
export function mountBpffs(kernel: Kernel, path: string, options: Readonly<Record<string, string>>): void {
	if (!kernel.folders.mount)
		throw new BpfError("ERR_NO_MOUNT", `the ${kernel.name} kernel has one bpffs, and mounts no other`);
	const is = kernel.isBpffs(path);
	if (is === 1) throw new BpfError("ERR_MOUNTED", `${path} is a bpffs already: nothing is mounted over it`);
	if (is < 0) throw folderError("statfs", path, -is, "mount a bpffs on");
	const result = kernel.folders.mount(path, options);
	if (result === 0) return;
	const code = errnoName(-result);
	const newest = Object.keys(options).map((name) => `${name} (since Linux ${MOUNT_OPTIONS[name]?.since ?? "?"})`);
	const why: Readonly<Record<string, string>> = {
		EPERM: "mounting needs CAP_SYS_ADMIN: run as root",
		EINVAL: `this kernel (${kernel.release}) does not take an option or its value: ${newest.join(", ")}`,
		ENODEV: "this kernel has no bpffs: CONFIG_BPF_SYSCALL",
		ENOTDIR: "it is no folder",
	};
	throw new SyscallError("mount", undefined, -result, code, `cannot mount a bpffs on ${path}: ${why[code] ?? code}`);
}
