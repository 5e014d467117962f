import { lstatSync, readdirSync, readlinkSync, rmdirSync } from "node:fs";
import type { FolderEntry, Folders } from "@skep/bpf/kernel";
import { addressOf, syscall } from "./ffi.ts";
import { syscallNumbers } from "./syscalls.ts";
import { errnoOf } from "./tracefs.ts";

const NR = syscallNumbers(process.arch);
const MODE_BITS = 0o7777;

function entryOf(folder: string, name: string): FolderEntry {
	const path = `${folder}/${name}`;
	const stat = lstatSync(path);
	const common = { name, mode: stat.mode & MODE_BITS, uid: stat.uid, gid: stat.gid };
	if (stat.isSymbolicLink()) return { ...common, kind: "symlink", target: readlinkSync(path) };
	return { ...common, kind: stat.isDirectory() ? "directory" : "file" };
}

/** What vanished while it was looked at is no entry. */
function list(path: string): readonly FolderEntry[] | number {
	try {
		return readdirSync(path)
			.sort()
			.flatMap((name) => {
				try {
					return entryOf(path, name);
				} catch {
					return [];
				}
			});
	} catch (error) {
		return -errnoOf(error);
	}
}

function remove(path: string): number {
	try {
		rmdirSync(path);
		return 0;
	} catch (error) {
		return -errnoOf(error);
	}
}

function mount(path: string, options: Readonly<Record<string, string>>): number {
	const text = Object.entries(options).map(([name, value]) => `${name}=${value}`);
	const words = ["bpf", path, "bpf", text.join(",")].map((word) => new TextEncoder().encode(`${word}\0`));
	const [source, target, type, data] = words.map(addressOf);
	const result = syscall(NR.mount, source, target, type, 0, data);
	// The words are read after the call, so that they are not collected while only their addresses are known.
	return words.length === 0 ? 0 : result;
}

/** Folders of bpffs, and mounting one. */
export const bpffsFolders: Folders = { list, remove, mount };
