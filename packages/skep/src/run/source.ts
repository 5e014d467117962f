import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, relative, resolve } from "node:path";
import { BpfError, FormatError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { readObject } from "@skep/bpf/object";
import type { CollectionSpec, Manifest } from "@skep/bpf/spec";
import type { CompileResult } from "@skep/compiler";
import { screenOf } from "#output";

/** A file that was read or compiled: what a run starts from. */
export interface Source {
	/** As the user named it. */
	readonly name: string;
	/** Absolute. */
	readonly path: string;
	readonly spec: CollectionSpec;
	readonly manifest: Manifest | undefined;
	/** Texts of the modules as they were compiled, by absolute path: what is evaluated is what was compiled. */
	readonly texts: ReadonlyMap<string, string>;
	/** Warnings, ready to print; empty: none. */
	readonly warnings: string;
}

/** Compiles `.ts`, reads objects. @throws BpfError ERR_FILE, CompileError, FormatError */
export async function readSource(name: string, options: { readonly btf?: string | undefined } = {}): Promise<Source> {
	const path = resolve(name);
	checkFile(name, path);
	if (isObject(path)) {
		const spec = readObject(readFileSync(path), { name });
		return { name, path, spec, manifest: spec.manifest, texts: new Map(), warnings: "" };
	}
	const { result, texts, warnings } = await compileFile(name, options);
	const spec = readObject(result.object, { name });
	return { name, path, spec, manifest: spec.manifest, texts, warnings };
}

/** A compilation that succeeded. */
export interface Compiled {
	readonly result: CompileResult & { readonly object: Uint8Array };
	readonly texts: ReadonlyMap<string, string>;
	readonly warnings: string;
}

/** Compiles a TypeScript file against the shipped kernel types, or `btf`. @throws BpfError ERR_FILE, CompileError */
export async function compileFile(
	name: string,
	options: { readonly btf?: string | undefined; readonly explain?: boolean } = {},
): Promise<Compiled> {
	const path = resolve(name);
	checkFile(name, path);
	if (!/^\.[mc]?ts$/.test(extname(path)) || path.endsWith(".d.ts")) {
		throw new BpfError("ERR_FILE", `${name} is not TypeScript: a file ending in .ts, or an eBPF object, is expected`);
	}
	const [{ compile, CompileError }, { formatDiagnostics }, { kernelData }] = await Promise.all([
		import("@skep/compiler"),
		import("@skep/compiler/diagnostics"),
		import("./kernel-data.ts"),
	]);
	const texts = new Map<string, string>();
	// The compiler sees paths as the user named them, so that findings and line information read like the command line.
	const read = (named: string): string | undefined => {
		const file = resolve(named);
		const known = texts.get(file);
		if (known !== undefined) return known;
		if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
		const text = decodeText(file, readFileSync(file));
		texts.set(file, text);
		return text;
	};
	const result = compile({ entry: name, read, explain: options.explain === true, ...kernelData(options.btf) });
	const rendered = formatDiagnostics(result.diagnostics, read, { colour: screenOf(process.stderr).colour }).trimEnd();
	if (result.object === undefined) throw new CompileError(result.diagnostics, rendered);
	return { result: { ...result, object: result.object }, texts, warnings: rendered };
}

function decodeText(file: string, bytes: Uint8Array): string {
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		throw new BpfError("ERR_FILE", `${display(file)} is not TypeScript: it is not UTF-8 text`);
	}
}

/** Relative where that is shorter to read. */
export function display(path: string): string {
	const near = relative(process.cwd(), path);
	return near.startsWith("../../") || near === "" ? path : near;
}

function checkFile(name: string, path: string): void {
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

function isObject(path: string): boolean {
	const head = readFileSync(path).subarray(0, 4);
	return extname(path) === ".o" || (head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46);
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
