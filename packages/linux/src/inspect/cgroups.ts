import { readdirSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { ERRNO } from "@skep/bpf/kernel";
import { errnoOf } from "#sys";
import { cgroupMount } from "./sandbox.ts";

const CGROUP2_MAGIC = 0x6367_7270;

/** The folder of a cgroup of version 2 and those below it, parents first; from the root where none is named. -errno. */
export function cgroups(below = cgroupMount()): readonly string[] | number {
	if (below === undefined) return -ERRNO.ENOENT;
	try {
		if (statfsSync(below).type !== CGROUP2_MAGIC) return -ERRNO.EBADF;
	} catch (error) {
		return -errnoOf(error);
	}
	const found: string[] = [];
	const visit = (path: string): void => {
		found.push(path);
		for (const name of foldersIn(path)) visit(join(path, name));
	};
	visit(below);
	return found;
}

/** Id of a cgroup: the number of its folder's inode. -errno. */
export function cgroupId(path: string): bigint | number {
	try {
		return statSync(path, { bigint: true }).ino;
	} catch (error) {
		return -errnoOf(error);
	}
}

function foldersIn(path: string): string[] {
	try {
		const entries = readdirSync(path, { withFileTypes: true });
		return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
	} catch {
		return []; // gone since its parent was read
	}
}
