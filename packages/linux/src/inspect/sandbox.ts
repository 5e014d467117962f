import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync } from "node:fs";
import { ERRNO } from "@skep/bpf/kernel";
import { detachedMount, errnoOf } from "#sys";

/** Where cgroups of version 2 are mounted; undefined: nowhere. */
export function cgroupMount(): string | undefined {
	for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
		const [, path, type] = line.split(" ");
		if (type === "cgroup2" && path !== undefined) return path;
	}
	return undefined;
}

/** Runs `body` with the descriptor of an empty cgroup, which is taken away after it. -errno. */
export function inTrialCgroup<T extends object>(body: (fd: number) => T): T | number {
	const root = cgroupMount() ?? detachedMount("cgroup2");
	if (typeof root === "number") return root;
	const path = `${root}/skep-trial-${process.pid}`;
	try {
		mkdirSync(path);
	} catch (error) {
		return -errnoOf(error);
	}
	try {
		const fd = openSync(path, "r");
		try {
			return body(fd);
		} finally {
			closeSync(fd);
		}
	} finally {
		removeEmpty(path);
	}
}

/** What hangs on a cgroup is let go a moment after its last descriptor. */
function removeEmpty(path: string): void {
	for (let i = 0; i < 10; i++) {
		try {
			rmdirSync(path);
			return;
		} catch (error) {
			if (errnoOf(error) !== ERRNO.EBUSY) return;
		}
	}
}
