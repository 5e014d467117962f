import { BpfError } from "@skep/bpf/base";

const REASONS: Readonly<Record<string, string>> = {
	EACCES: "no permission",
	EISDIR: "it is a folder",
	ENOENT: "no such folder",
	ENOSPC: "no space is left",
	ENOTDIR: "a part of its path is no folder",
	EROFS: "the file system is read-only",
};

/** An error of Node's file system in words. Those of write(2) name no path. */
export function fileError(error: unknown, path: string): unknown {
	const { code } = error as NodeJS.ErrnoException;
	if (code === undefined) return error;
	return new BpfError("ERR_FILE", `cannot write ${path}: ${REASONS[code] ?? code}`);
}
