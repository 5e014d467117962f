import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, relative, resolve } from "node:path";
import { BpfError, FormatError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";

/** Relative where that is shorter to read. */
export function display(path: string): string {
	const near = relative(process.cwd(), path);
	return near.startsWith("../../") || near === "" ? path : near;
}

/** There is such a file, and it is no folder. @throws BpfError ERR_FILE, with what stands near */
export function checkFile(name: string, path: string): void {
	const stat = statSync(path, { throwIfNoEntry: false });
	if (stat === undefined) {
		const folder = dirname(path);
		if (!existsSync(folder)) throw new BpfError("ERR_FILE", `${name}: no such file, and no folder ${display(folder)}`);
		const near = similar(basename(path), folder);
		throw new BpfError("ERR_FILE", `${name}: no such file${near === undefined ? "" : `, did you mean ${near}?`}`);
	}
	if (stat.isDirectory()) {
		const inside = `${basename(path)}.ts`;
		const hint = existsSync(resolve(path, inside)) ? `, did you mean ${name.replace(/\/$/, "")}/${inside}?` : "";
		throw new BpfError("ERR_FILE", `${name} is a folder: a file is expected${hint}`);
	}
}

/** A file of the folder that has this name with another ending, or the ending left out. */
function similar(name: string, folder: string): string | undefined {
	const stem = name.replace(/\.[^.]*$/, "");
	return readdirSync(folder).find((file) => /\.(ts|o)$/.test(file) && file.replace(/\.[^.]*$/, "") === stem);
}

/** BTF from a file: raw, as /sys/kernel/btf/vmlinux is. @throws FormatError, BpfError ERR_FILE */
export function readBtfFile(name: string): Btf {
	const path = resolve(name);
	checkFile(name, path);
	try {
		return Btf.decode(readFileSync(path), { section: "BTF", file: name });
	} catch (error) {
		if (error instanceof FormatError) throw error;
		throw new BpfError("ERR_FILE", `${name}: ${(error as Error).message}`);
	}
}
