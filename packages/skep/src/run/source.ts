import { readFileSync, statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { BpfError } from "@skep/bpf/base";
import { readObject } from "@skep/bpf/object";
import type { CollectionSpec, Manifest } from "@skep/bpf/spec";
import type { CompileResult } from "@skep/compiler";
import { screenOf } from "#output";
import { checkFile, display } from "./files.ts";

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

function isObject(path: string): boolean {
	const head = readFileSync(path).subarray(0, 4);
	return extname(path) === ".o" || (head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46);
}
