import { closeSync, mkdirSync, openSync, rmdirSync } from "node:fs";
import { ERRNO } from "@skep/bpf/kernel";
import { detachedMount, errnoOf } from "#sys";
import { mountPoints } from "./mounts.ts";

/** Where cgroups of version 2 are mounted; undefined: nowhere. */
export const cgroupMount = (): string | undefined => mountPoints("cgroup2")[0];

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
