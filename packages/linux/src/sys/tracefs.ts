import { existsSync, readFileSync } from "node:fs";
import { ERRNO } from "@skep/bpf/kernel";
import { addressOf, syscall } from "./ffi.ts";
import { syscallNumbers } from "./syscalls.ts";

const NR = syscallNumbers(process.arch);
/** Where systems mount tracefs. */
const MOUNTS = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;

/** Descriptors of detached mounts by file system, open as long as the process lives: nothing shows up in any mount table. */
const detached = new Map<string, number>();

/**
 * A directory under which a kernel file system can be read without it being mounted anywhere (Linux ≥ 5.2): a mount that
 * only this process holds. -errno, EPERM without CAP_SYS_ADMIN.
 */
export function detachedMount(type: "tracefs" | "securityfs" | "cgroup2" | "bpf"): string | number {
	let mount = detached.get(type);
	if (mount === undefined) {
		const name = new TextEncoder().encode(`${type}\0`);
		const context = syscall(NR.fsopen, addressOf(name), FSOPEN_CLOEXEC);
		// The name is read after the call, so that it is not collected while only its address is known.
		if (context < 0 || name.length === 0) return context;
		const created = syscall(NR.fsconfig, context, FSCONFIG_CMD_CREATE);
		mount = created < 0 ? created : syscall(NR.fsmount, context, FSMOUNT_CLOEXEC);
		syscall(NR.close, context);
		if (mount < 0) return mount;
		detached.set(type, mount);
	}
	return `/proc/self/fd/${mount}`;
}

/** The root of tracefs: where it is mounted, else a mount of our own. -errno. */
export function tracefsRoot(): string | number {
	let hidden = false;
	for (const path of MOUNTS) {
		if (existsSync(`${path}/events`)) return path;
		hidden ||= isHidden(path);
	}
	const own = detachedMount("tracefs");
	// Mounted, but its directory is closed to us: that is the reason to tell.
	return typeof own === "number" && hidden ? -ERRNO.EACCES : own;
}

/** A tracefs is mounted there according to /proc/mounts, although its files cannot be seen. */
function isHidden(path: string): boolean {
	try {
		return readFileSync("/proc/self/mounts", "utf8").includes(` ${path} tracefs `);
	} catch {
		return false;
	}
}

/** Id of a tracepoint's event; -errno: ENOENT where there is none, EACCES or EPERM where tracefs is closed to us. */
export function tracepointId(category: string, name: string): number {
	if (!/^[\w.-]+$/.test(category) || !/^[\w.-]+$/.test(name)) return -ERRNO.ENOENT;
	const root = tracefsRoot();
	if (typeof root === "number") return root;
	try {
		return Number.parseInt(readFileSync(`${root}/events/${category}/${name}/id`, "utf8"), 10);
	} catch (error) {
		return -errnoOf(error);
	}
}

/** The positive errno that a call of node:fs failed with. */
export function errnoOf(error: unknown): number {
	const errno = error instanceof Error && "errno" in error ? error.errno : undefined;
	return typeof errno === "number" ? Math.abs(errno) : ERRNO.EIO;
}
