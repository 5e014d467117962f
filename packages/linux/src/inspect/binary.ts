import { accessSync, closeSync, constants, openSync, readdirSync, readSync, statSync } from "node:fs";
import { ERRNO } from "@skep/bpf/kernel";
import { textOf } from "./settings.ts";

/** Where loaders look when nobody says otherwise, after what /etc/ld.so.conf names. */
// biome-ignore format: table
const LIBRARY_FOLDERS = [
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
	"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
];

/**
 * The file that a name means. A path: itself, as process `pid` sees it where that is another file. A bare name: what the process
 * has mapped by that name, else a library (`libc`, `libc.so.6`), else a command on the PATH. -ENOENT
 */
export function findBinary(name: string, pid?: number): string | number {
	if (name.includes("/")) return seenBy(name, pid);
	const mapped = pid === undefined ? undefined : mappedBy(pid, name);
	return mapped ?? library(name) ?? command(name) ?? -ERRNO.ENOENT;
}

function seenBy(path: string, pid: number | undefined): string | number {
	const there = pid === undefined ? undefined : `/proc/${pid}/root${path.startsWith("/") ? path : `/${path}`}`;
	const theirs = there === undefined ? undefined : identity(there);
	const ours = identity(path);
	if (there !== undefined && theirs !== undefined && theirs !== ours) return there;
	return ours === undefined ? -ERRNO.ENOENT : path;
}

/** Device and inode; undefined: no file. */
function identity(path: string): string | undefined {
	try {
		const stat = statSync(path);
		return stat.isFile() ? `${stat.dev}:${stat.ino}` : undefined;
	} catch {
		return undefined;
	}
}

/** `libc` fits `libc.so.6` and `libc-2.31.so`. */
function fits(file: string, name: string): boolean {
	if (file === name) return true;
	const rest = file.startsWith(name) ? file.slice(name.length) : undefined;
	return rest !== undefined && /^(\.so(\.[\w.]+)?|-[\d.]+\.so)$/.test(rest);
}

function mappedBy(pid: number, name: string): string | undefined {
	const maps = textOf(`/proc/${pid}/maps`) ?? "";
	for (const line of maps.split("\n")) {
		const path = /\s(\/\S.*)$/.exec(line)?.[1];
		if (path === undefined || !fits(path.slice(path.lastIndexOf("/") + 1), name)) continue;
		const found = seenBy(path, pid);
		if (typeof found === "string") return found;
	}
	return undefined;
}

function library(name: string): string | undefined {
	if (!name.startsWith("lib") && !name.includes(".so")) return undefined;
	const asked = (process.env["LD_LIBRARY_PATH"] ?? "").split(":").filter(Boolean);
	for (const folder of new Set([...asked, ...configuredFolders(), ...LIBRARY_FOLDERS])) {
		for (const file of listed(folder)) {
			const path = `${folder}/${file}`;
			if (fits(file, name) && isElf(path)) return path;
		}
	}
	return undefined;
}

/** Folders that /etc/ld.so.conf names, its included files too. */
function configuredFolders(path = "/etc/ld.so.conf", depth = 0): string[] {
	const folders: string[] = [];
	for (const raw of (textOf(path) ?? "").split("\n")) {
		const line = raw.replace(/#.*/, "").trim();
		const include = /^include\s+(.+)\/\*\.conf$/.exec(line)?.[1];
		if (include !== undefined && depth === 0) {
			for (const file of listed(include))
				if (file.endsWith(".conf")) folders.push(...configuredFolders(`${include}/${file}`, 1));
		} else if (line.startsWith("/")) folders.push(line);
	}
	return folders;
}

function listed(folder: string): string[] {
	try {
		return readdirSync(folder).sort();
	} catch {
		return [];
	}
}

/** Linker scripts are called `libc.so` too. */
function isElf(path: string): boolean {
	try {
		const magic = new Uint8Array(4);
		const fd = openSync(path, "r");
		try {
			readSync(fd, magic, 0, 4, 0);
		} finally {
			closeSync(fd);
		}
		return magic[0] === 0x7f && magic[1] === 0x45 && magic[2] === 0x4c && magic[3] === 0x46;
	} catch {
		return false;
	}
}

/** The first program file of that name on the PATH; a script, which has nothing to probe, only where there is none. */
function command(name: string): string | undefined {
	const found: string[] = [];
	for (const folder of (process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin").split(":").filter(Boolean)) {
		const path = `${folder}/${name}`;
		try {
			accessSync(path, constants.X_OK);
			if (identity(path) !== undefined) found.push(path);
		} catch {}
	}
	return found.find(isElf) ?? found[0];
}
