import { existsSync, mkdirSync, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { basename, dirname, relative, resolve } from "node:path";
import { getSystemErrorMessage } from "node:util";
import { BpfError, FormatError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";

/** Relative where that is shorter to read. */
export function display(path: string): string {
	const near = relative(process.cwd(), path);
	return near.startsWith("../../") || near === "" ? path : near;
}

/** There is such a file, and it is no folder. @throws BpfError ERR_FILE, with what stands near */
export function checkFile(name: string, path: string): void {
	if (name === "") throw new BpfError("ERR_FILE", "the name of the file is empty");
	const stat = orSay(name, () => statSync(path, { throwIfNoEntry: false }));
	if (stat === undefined) {
		const folder = dirname(path);
		if (!existsSync(folder)) throw new BpfError("ERR_FILE", `${name}: no such file, and no folder ${display(folder)}`);
		const near = similar(basename(path), folder);
		throw new BpfError("ERR_FILE", `${name}: no such file${near === undefined ? "" : `, did you mean ${near}?`}`);
	}
	if (stat.isDirectory()) {
		throw new BpfError("ERR_FILE", `${name} is a folder: a file is expected${inFolder(name, path)}`);
	}
	// A pipe or a device may never end, or never begin.
	if (!stat.isFile()) throw new BpfError("ERR_FILE", `${name} is ${kindOf(stat)}: a regular file is expected`);
}

function kindOf(stat: Stats): string {
	if (stat.isFIFO()) return "a named pipe";
	if (stat.isSocket()) return "a socket";
	return stat.isBlockDevice() ? "a block device" : "a character device";
}

/** What the system says against a file, in words. @throws BpfError ERR_FILE */
function orSay<T>(name: string, work: () => T): T {
	try {
		return work();
	} catch (error) {
		const { code, errno } = error as NodeJS.ErrnoException;
		if (code === undefined || errno === undefined) throw error;
		throw new BpfError("ERR_FILE", `${name}: ${SAID[code] ?? `it cannot be read: ${getSystemErrorMessage(errno)}`}`);
	}
}

const SAID: Readonly<Record<string, string>> = {
	EACCES: "no permission to read it",
	ELOOP: "its symbolic links lead in a circle",
	ENOTDIR: "a part of its path is no folder",
	ENAMETOOLONG: "the name is too long",
};

/** The bytes of a file that `checkFile` lets pass. @throws BpfError ERR_FILE */
export function readBytes(name: string): Uint8Array {
	const path = resolve(name);
	checkFile(name, path);
	return orSay(name, () => readFileSync(path));
}

/** Files that a folder may have been named for: its own by its name, its TypeScript, or those of the folders in it. */
function inFolder(name: string, path: string): string {
	const inside = (folder: string) => `${basename(folder)}/${basename(folder)}.ts`;
	const base = name.replace(/\/+$/, "");
	if (existsSync(resolve(path, `${basename(path)}.ts`))) return `, did you mean ${base}/${basename(path)}.ts?`;
	const entries = readdirSync(path, { withFileTypes: true });
	const files = entries.filter((e) => e.isFile() && /(?<!\.d|\.test)\.ts$/.test(e.name)).map((e) => e.name);
	const deeper = entries
		.filter((e) => e.isDirectory() && existsSync(resolve(path, inside(e.name))))
		.map((e) => inside(e.name));
	const all = [...files, ...deeper].sort();
	if (all.length === 0) return "";
	const more = all.length > MOST ? ` and ${all.length - MOST} more` : "";
	return `; it has ${all.slice(0, MOST).join(", ")}${more}`;
}

/** So many names are read, not counted. */
const MOST = 6;

/** A file of the folder that has this name with another ending, or the ending left out. */
function similar(name: string, folder: string): string | undefined {
	const stem = name.replace(/\.[^.]*$/, "");
	return readdirSync(folder).find((file) => /\.(ts|o)$/.test(file) && file.replace(/\.[^.]*$/, "") === stem);
}

/** BTF from a file: raw, as /sys/kernel/btf/vmlinux is. @throws FormatError, BpfError ERR_FILE */
export function readBtfFile(name: string): Btf {
	const bytes = readBytes(name);
	if (!isBtf(bytes)) {
		const elf = bytes[0] === 0x7f && bytes[1] === 0x45;
		const expected = "raw BTF is expected, as /sys/kernel/btf/vmlinux has it";
		throw new BpfError("ERR_FILE", `${name} is no BTF file${elf ? " but ELF" : ""}: ${expected}`);
	}
	try {
		return Btf.decode(bytes, { section: "BTF", file: name });
	} catch (error) {
		if (error instanceof FormatError) throw error;
		throw new BpfError("ERR_FILE", `${name}: ${(error as Error).message}`);
	}
}

/** By its magic 0xeb9f, in either byte order. */
function isBtf([a, b]: Uint8Array): boolean {
	return (a === 0x9f && b === 0xeb) || (a === 0xeb && b === 0x9f);
}

/** Only in a bpffs does it hold pins: what is not one is the loader's to tell. */
export function makeFolder(path: string): void {
	try {
		// One level only: recursive, Node never ends where the file system makes no folders, as sysfs without a bpffs on it.
		mkdirSync(path, { mode: 0o700 });
	} catch {
		// no bpffs is mounted there, or no permission
	}
}
