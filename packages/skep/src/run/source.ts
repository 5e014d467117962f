import { realpathSync, statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { BpfError } from "@skep/bpf/base";
import { readObject } from "@skep/bpf/object";
import type { CollectionSpec, Manifest, ManifestOption } from "@skep/bpf/spec";
import type { ProgramType } from "@skep/bpf/uapi";
import type { CompileResult } from "@skep/compiler";
import { screenOf } from "#output";
import { checkFile, display, readBytes } from "./files.ts";
import { foreignOptions } from "./foreign.ts";

/** A file that was read or compiled: what a run starts from. */
export interface Source {
	/** As the user named it. */
	readonly name: string;
	/** Absolute, without symbolic links, as Node names the module. */
	readonly path: string;
	readonly spec: CollectionSpec;
	readonly manifest: Manifest | undefined;
	/** There is a module to evaluate. An object has none, whatever its manifest says of the file that it was made from. */
	readonly userHalf: boolean;
	/** What the command line may say. */
	readonly options: readonly ManifestOption[];
	/** Texts of the modules as they were compiled, by absolute path: what is evaluated is what was compiled. */
	readonly texts: ReadonlyMap<string, string>;
	/** Warnings, ready to print; empty: none. */
	readonly warnings: string;
}

/** How a source is read. */
export interface ReadOptions {
	/** A file of kernel types to compile against, in place of the shipped ones. */
	readonly btf?: string | undefined;
	/** Gives the bytes of an object that may be trusted, or throws. What is no object is refused. */
	readonly verify?: ((bytes: Uint8Array) => Uint8Array) | undefined;
}

/** The recording variant of a file: its programs log what they get from the kernel. @throws BpfError ERR_FILE, CompileError */
export async function readRecordingSource(
	name: string,
	options: { readonly btf?: string | undefined } = {},
): Promise<Source> {
	checkFile(name, resolve(name));
	if (isObject(name, realpathSync(resolve(name)))) {
		throw new BpfError(
			"ERR_NOT_RECORDABLE",
			`${name} is an object: what logs is compiled into a program, so its TypeScript is recorded`,
		);
	}
	return compileSource(await compilerTools(), name, { ...options, recording: true });
}

/** Compiles `.ts`, reads objects. @throws BpfError ERR_FILE, CompileError, FormatError */
export async function readSource(name: string, options: ReadOptions = {}): Promise<Source> {
	checkFile(name, resolve(name));
	const path = realpathSync(resolve(name));
	if (!isObject(name, path) && options.verify) {
		const how = `skep build ${name} && skep sign --key KEY.pem …`;
		throw new BpfError("ERR_SIGNATURE", `${name} is source, and only objects carry signatures: ${how}`);
	}
	if (isObject(name, path)) {
		const bytes = readBytes(name);
		const spec = readObject(options.verify?.(bytes) ?? bytes, { name });
		const { manifest } = spec;
		const own = manifest?.options ?? foreignOptions(spec);
		return { name, path, spec, manifest, userHalf: false, options: own, texts: new Map(), warnings: "" };
	}
	return compileSource(await compilerTools(), name, options);
}

/** Compiles `.ts`, at once. @throws BpfError ERR_FILE, CompileError */
export function compileSource(
	tools: CompilerTools,
	name: string,
	options: { readonly btf?: string | undefined; readonly recording?: boolean } = {},
): Source {
	const { result, texts, warnings } = compileWith(tools, name, options);
	const path = realpathSync(resolve(name));
	const spec = readObject(result.object, { name });
	// How to read the log is said to who compiled it; objects of that kind are not kept.
	const recording = result.manifest?.recording;
	const manifest = spec.manifest && { ...spec.manifest, ...(recording === undefined ? {} : { recording }) };
	const userHalf = manifest?.userHalf === true;
	return { name, path, spec, manifest, userHalf, options: manifest?.options ?? [], texts, warnings };
}

/** Of its programs, each once. */
export function programTypes({ spec }: Source): ProgramType[] {
	return [...new Set([...spec.programs.values()].map((program) => program.type))];
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
	return compileWith(await compilerTools(), name, options);
}

/** What compiling takes. */
export interface CompilerTools {
	readonly compile: typeof import("@skep/compiler").compile;
	readonly CompileError: typeof import("@skep/compiler").CompileError;
	readonly formatDiagnostics: typeof import("@skep/compiler/diagnostics").formatDiagnostics;
	readonly kernelData: typeof import("./kernel-data.ts").kernelData;
}

/** Reads the compiler: what does not compile starts without it. */
async function compilerTools(): Promise<CompilerTools> {
	const [{ compile, CompileError }, { formatDiagnostics }, { kernelData }] = await Promise.all([
		import("@skep/compiler"),
		import("@skep/compiler/diagnostics"),
		import("./kernel-data.ts"),
	]);
	return { compile, CompileError, formatDiagnostics, kernelData };
}

function compileWith(
	{ compile, CompileError, formatDiagnostics, kernelData }: CompilerTools,
	name: string,
	options: { readonly btf?: string | undefined; readonly explain?: boolean; readonly recording?: boolean },
): Compiled {
	checkFile(name, resolve(name));
	const path = realpathSync(resolve(name));
	if (!/^\.[mc]?ts$/.test(extname(path)) || path.endsWith(".d.ts")) {
		throw new BpfError("ERR_FILE", `${name} is not TypeScript: a file ending in .ts, or an eBPF object, is expected`);
	}
	const texts = new Map<string, string>();
	// The compiler sees paths as the user named them, so that findings and line information read like the command line.
	const read = (named: string): string | undefined => {
		if (statSync(named, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
		const file = realpathSync(named);
		const known = texts.get(file);
		if (known !== undefined) return known;
		const text = decodeText(file, readBytes(file));
		texts.set(file, text);
		return text;
	};
	const entry = path === resolve(name) ? name : display(path);
	const { explain = false, recording = false } = options;
	const result = compile({ entry, read, explain, recording, ...kernelData(options.btf) });
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

function isObject(name: string, path: string): boolean {
	if (/^\.([mc]?ts|o)$/.test(extname(path))) return extname(path) === ".o";
	const head = readBytes(name);
	return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
}
