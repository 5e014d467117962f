import { BpfError, SyscallError } from "#base";
import { ERRNO, errnoName, type Kernel, type ObjectKind } from "#kernel";
import type { Fd } from "./fd.ts";
import { type Access, accessFlags } from "./ids.ts";
import { refuse } from "./refusal.ts";

/** Where systems mount bpffs. */
export const BPFFS = "/sys/fs/bpf";

/** What each kind is called in texts. */
const WORDS: Readonly<Record<ObjectKind, string>> = { map: "map", prog: "program", link: "link", btf: "BTF" };

/**
 * Gives an object a name in a bpffs, which keeps it alive (and a link attached) after its last descriptor is closed. `what`
 * names it in errors. @throws BpfError ERR_NO_BPFFS where `path` is in no bpffs; PermissionError; SyscallError EEXIST …
 */
export function pin(fd: Fd, path: string, what: string = fd.what): void {
	const result = fd.kernel.bpf("OBJ_PIN", { pathname: path, bpf_fd: fd.number });
	if (result < 0) throw refusePin(fd.kernel, path, -result, "OBJ_PIN", `pin ${what} at ${path}`);
}

/**
 * A new descriptor, the caller's, of what is pinned at `path`; undefined where nothing is. `access`: of a map, what the
 * descriptor may do only.
 * @throws BpfError ERR_NO_BPFFS, ERR_PIN_KIND where it is of another kind; PermissionError; SyscallError
 */
export function openPin(kernel: Kernel, path: string, kind: ObjectKind, access?: Access): number | undefined {
	const what = `open the ${WORDS[kind]} pinned at ${path}`;
	const result = kernel.bpf("OBJ_GET", { pathname: path, ...(access ? { file_flags: accessFlags(access) } : {}) });
	// ENOENT also says that the folder is missing: then nobody can pin there either, which is worth more words.
	if (result === -ERRNO.ENOENT && kernel.isBpffs(folderOf(path)) === 1) return undefined;
	if (result < 0) throw refusePin(kernel, path, -result, "OBJ_GET", what);
	const found = kernel.objectKind(result);
	if (found === kind) return result;
	kernel.close(result);
	const is = typeof found === "number" ? `something unknown (${errnoName(found)})` : `a ${WORDS[found]}`;
	throw new BpfError("ERR_PIN_KIND", `cannot ${what}: it is ${is}`);
}

/** Takes a pin away; the object lives on while something else holds it. False where nothing is pinned there. */
export function unpin(kernel: Kernel, path: string): boolean {
	const what = `unpin ${path}`;
	const inBpffs = kernel.isBpffs(path);
	if (inBpffs === -ERRNO.ENOENT) return false;
	// Never somebody's ordinary file.
	if (inBpffs === 0) throw noBpffs(what, path);
	const result = inBpffs < 0 ? inBpffs : kernel.unlink(path);
	if (result < 0) throw refusal(-result, undefined, what);
	return true;
}

function folderOf(path: string): string {
	const slash = path.lastIndexOf("/");
	return slash < 0 ? "." : path.slice(0, slash) || "/";
}

export function noBpffs(what: string, path: string): BpfError {
	const mount = `mount -t bpf bpf ${BPFFS}`;
	const where = `${path} is not in a BPF file system (bpffs)`;
	return new BpfError("ERR_NO_BPFFS", `cannot ${what}: ${where}; mount one as root: ${mount}`);
}

/** What the errnos of pinning mean. One row an errno. */
const MEANS: Readonly<Record<string, string>> = {
	EEXIST: "something is pinned there already: unpin it first, or choose another name",
	EACCES: "the permissions of the pin or of a folder above it forbid it: run as its owner or as root",
	EINVAL: "it is of a kind that this kernel cannot pin (BTF: never; links: since 5.7, of perf events since 5.15)",
	ENOTDIR: "a part of the path is no folder",
	ENAMETOOLONG: "the path is too long",
};

function refusal(errno: number, command: "OBJ_PIN" | "OBJ_GET" | undefined, what: string): SyscallError {
	const code = errnoName(errno);
	const syscall = command ? "bpf" : "unlink";
	const means = MEANS[code] ? `: ${MEANS[code]}` : "";
	const call = command ? `bpf(${command})` : syscall;
	return new SyscallError(syscall, command, errno, code, `cannot ${what}: ${call} says ${code}${means}`);
}

/** Why pinning or opening a pin failed: the kernel says EPERM for three reasons that have nothing to do with privileges. */
function refusePin(
	kernel: Kernel,
	path: string,
	errno: number,
	command: "OBJ_PIN" | "OBJ_GET",
	what: string,
): BpfError {
	const folder = folderOf(path);
	const inBpffs = kernel.isBpffs(folder);
	if (inBpffs === -ERRNO.ENOENT) {
		const there = kernel.isBpffs(BPFFS) === 1;
		if (!there) return noBpffs(what, path);
		const code = "ENOENT";
		const make = `there is no folder ${folder}${command === "OBJ_PIN" ? `; make it: mkdir ${folder}` : ""}`;
		return new SyscallError("bpf", command, ERRNO.ENOENT, code, `cannot ${what}: ${make}`);
	}
	if (inBpffs === 0) return noBpffs(what, path);
	if (command === "OBJ_GET" && errno === ERRNO.EACCES && typeof kernel.folders.list(path) === "object")
		return new SyscallError("bpf", command, errno, "EACCES", `cannot ${what}: it is a folder`);
	if (errno !== ERRNO.EPERM) return refusal(errno, command, what);
	const name = path.slice(path.lastIndexOf("/") + 1);
	if (name.includes(".")) {
		const text = `names in a bpffs have no dots; take another than ${name}`;
		return new SyscallError("bpf", command, errno, "EPERM", `cannot ${what}: ${text}`);
	}
	return refuse(kernel, { syscall: "bpf", command, errno, what });
}
