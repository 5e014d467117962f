import { type Attributes, ERRNO, type FolderEntry } from "@skep/bpf/kernel";
import { drop, hold, openDescriptor } from "./descriptors.ts";
import type { System } from "./system.ts";

/**
 * bpffs: a table of absolute paths. Everything is below one mount point; folders come and go with what is in them.
 */
export const MOUNT = "/sys/fs/bpf";

/** A path without empty words; -errno where it is none of bpffs'. */
function normal(path: string): string | number {
	if (path === "") return -ERRNO.ENOENT;
	if (path.length >= 4096) return -ERRNO.ENAMETOOLONG;
	const words = path.split("/").filter((word) => word !== "");
	const plain = `/${words.join("/")}`;
	if (!plain.startsWith(`${MOUNT}/`)) return plain === MOUNT ? -ERRNO.EEXIST : -ERRNO.EPERM;
	// bpffs keeps names with dots for itself.
	return words.slice(3).some((word) => word.includes(".")) ? -ERRNO.EPERM : plain;
}

export function pinObject(system: System, attr: Attributes["OBJ_PIN"]): number {
	if ((attr.file_flags ?? 0) !== 0 || (attr.path_fd ?? 0) !== 0) return -ERRNO.EINVAL;
	const held = system.tables.descriptors.get(attr.bpf_fd);
	if (!held) return -ERRNO.EINVAL;
	if (held.kind !== "map" && held.kind !== "program" && held.kind !== "link") return -ERRNO.EINVAL;
	const path = normal(attr.pathname);
	if (typeof path === "number") return path;
	if (system.tables.pins.has(path)) return -ERRNO.EEXIST;
	system.tables.pins.set(path, { kind: held.kind, id: held.id });
	hold(system, held.kind, held.id);
	return 0;
}

export function getPinned(system: System, attr: Attributes["OBJ_GET"]): number {
	const flags = attr.file_flags ?? 0;
	const RDONLY_WRONLY = 8 | 16;
	if ((flags & ~RDONLY_WRONLY) !== 0 || (flags & RDONLY_WRONLY) === RDONLY_WRONLY) return -ERRNO.EINVAL;
	const path = normal(attr.pathname);
	if (typeof path === "number") return path === -ERRNO.EEXIST ? -ERRNO.EACCES : -ERRNO.ENOENT;
	const pinned = system.tables.pins.get(path);
	if (!pinned) return -ERRNO.ENOENT;
	if (pinned.kind !== "map" && flags !== 0) return -ERRNO.EINVAL;
	return openDescriptor(system, pinned.kind, pinned.id, flags);
}

/** unlink(2) in bpffs: 0 or -ENOENT. */
export function unpin(system: System, pathname: string): number {
	const path = normal(pathname);
	const pinned = typeof path === "number" ? undefined : system.tables.pins.get(path);
	if (typeof path === "number" || !pinned) return -ERRNO.ENOENT;
	system.tables.pins.delete(path);
	drop(system, pinned.kind, pinned.id);
	return 0;
}

/** Whether a path that is there lies in bpffs: the mount point, a pin, or a folder on the way to one. 1, 0, -ENOENT. */
export function isBpffs(system: System, path: string): number {
	const plain = `/${path
		.split("/")
		.filter((word) => word !== "")
		.join("/")}`;
	if (plain === MOUNT) return 1;
	if (!plain.startsWith(`${MOUNT}/`)) return 0;
	for (const pin of system.tables.pins.keys()) if (pin === plain || pin.startsWith(`${plain}/`)) return 1;
	return -ERRNO.ENOENT;
}

/** readdir(3) in bpffs: pins and folders, sorted by name. -ENOENT, -ENOTDIR. */
export function listFolder(system: System, path: string): readonly FolderEntry[] | number {
	const is = isBpffs(system, path);
	if (is !== 1) return is < 0 ? is : -ERRNO.ENOTDIR;
	const plain = `/${path
		.split("/")
		.filter((word) => word !== "")
		.join("/")}`;
	if (system.tables.pins.has(plain)) return -ERRNO.ENOTDIR;
	const found = new Map<string, FolderEntry>();
	const owner = { uid: 0, gid: 0 };
	for (const pin of system.tables.pins.keys()) {
		if (!pin.startsWith(`${plain}/`)) continue;
		const [name = "", ...below] = pin.slice(plain.length + 1).split("/");
		if (below.length > 0) found.set(name, { name, kind: "directory", mode: 0o700, ...owner });
		else found.set(name, { name, kind: "file", mode: 0o600, ...owner });
	}
	return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** rmdir(2): folders come and go with what is in them, so that there is never an empty one. */
export function removeFolder(system: System, path: string): number {
	const listed = listFolder(system, path);
	if (typeof listed === "number") return listed;
	return listed.length > 0 ? -ERRNO.ENOTEMPTY : -ERRNO.EBUSY;
}
