import { BpfError } from "@skep/bpf/base";

const REASONS: Readonly<Record<string, string>> = {
	EACCES: "no permission",
	EISDIR: "it is a folder",
	ENOENT: "no such folder",
	ENOSPC: "no space is left",
	EROFS: "the file system is read-only",
};

/** An error of Node's file system in words. */
export function fileError(error: unknown): unknown {
	const { code, path } = error as NodeJS.ErrnoException;
	if (code === undefined || path === undefined) return error;
	return new BpfError("ERR_FILE", `cannot write ${path}: ${REASONS[code] ?? code}`);
}
