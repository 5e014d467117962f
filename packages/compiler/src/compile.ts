/**
 * The compiler's door: TypeScript in, an eBPF object out. Parse and analyse (`frontend`), function bodies to IR
 * (`lower`), passes and instructions (`codegen`), ELF with BTF (`codegen/collection`). Pure: no files, no clock, no
 * kernel; the same input gives the same bytes. What is wrong with a program comes back as diagnostics, all of them in
 * one run; nothing is thrown for it.
 */
import { BpfError } from "@skep/bpf/base";
import type { Btf } from "@skep/bpf/btf";
import type { Manifest } from "@skep/bpf/spec";
import { GPL_LICENSES, helper } from "@skep/bpf/uapi";
import {
	type CompileOptions,
	compileModule,
	type FunctionReport,
	type Insertion,
	insertions,
	kernelNeeds,
	type Need,
	type Problem,
	writeCollection,
} from "#codegen";
import type { TracepointTable } from "#declare";
import { applyExpectations, type Diagnostic, formatDiagnostics, Report } from "#diagnostics";
import { type Analysis, analyze, checkHooks } from "#frontend";
import { formatFunc, type Module, type Position } from "#ir";
import { lower } from "#lower";
import { optimise } from "#passes";
import { record } from "#recording";

export type { Insertion, Need } from "#codegen";
export type { Diagnostic } from "#diagnostics";
export { blankKernelHalf } from "#frontend";

export interface CompileInput {
	/** Path of the entry module. Modules that it imports are read at this path's folder joined with the import. */
	readonly entry: string;
	/** Text of a module by path; undefined: there is none. */
	read(path: string): string | undefined;
	/** Types to compile against. CO-RE adapts the object to the kernel it is loaded into. */
	readonly kernel: Btf;
	readonly tracepoints: TracepointTable;
	/** Default v3 (Linux 5.1). */
	readonly cpu?: "v3" | "v4";
	/** Default true. False: no passes, for looking at what lowering builds. */
	readonly optimise?: boolean;
	/** Default false. True: `report` has the IR as text. */
	readonly explain?: boolean;
	/**
	 * Default false. True: programs besides log each run, as `manifest.recording` says. Those that cannot be recorded
	 * (XDP) stay as they are and get a warning, SK4008; it is an error where none is left.
	 */
	readonly recording?: boolean;
}

export interface CompileResult {
	/** Sorted by file, line, column; warnings too. */
	readonly diagnostics: readonly Diagnostic[];
	/** The object's bytes; absent where there are errors. */
	readonly object?: Uint8Array;
	readonly manifest?: Manifest;
	readonly report?: BuildReport;
}

/** What `skep build --explain` shows. */
export interface BuildReport {
	readonly functions: readonly FunctionReport[];
	/** What the compiler put in that the source does not say, in order of the source. */
	readonly inserted: readonly Insertion[];
	/**
	 * What needs a kernel of its own, newest first, each where it is used first: words, helpers, instructions, ways to
	 * attach. The first says what the file needs.
	 */
	readonly needs: readonly Need[];
	/** Paths of the modules, by `Position.file`. */
	readonly files: readonly string[];
	/** With `explain`: IR before the passes, by function. */
	readonly ir?: ReadonlyMap<string, string>;
}
/** The diagnostics of a compilation that `compileOrThrow` was asked for. The message has them all. */
export class CompileError extends BpfError {
	readonly diagnostics: readonly Diagnostic[];
	constructor(diagnostics: readonly Diagnostic[], text: string) {
		super("ERR_COMPILE", text);
		this.diagnostics = diagnostics;
	}
}

/** Compiles a module and what it imports. Findings are in the result; an object is there where no error is. */
export function compile(input: CompileInput): CompileResult {
	const report = new Report();
	const analysis = analyze({ entry: input.entry, read: (path) => input.read(path) }, report);
	const finish = (): readonly Diagnostic[] => applyExpectations(report.list(), analysis.modules);
	if (analysis.modules.length === 0 || report.list().some((d) => d.code === "SK1000")) return { diagnostics: finish() };
	const programs = checkHooks(analysis, input, report);
	const declared = !report.hasErrors;
	const module = lower({ ...analysis, programs }, { kernel: input.kernel, tracepoints: input.tracepoints }, report);
	checkLicense(analysis, module, report);
	if (report.hasErrors) {
		// What only instructions show (stack, size) is found in the functions that are right, in the same run.
		const sound = declared ? compileModule({ ...module, functions: module.sound }, options(input)).problems : [];
		for (const p of sound) report.add(problemDiagnostic(analysis, p));
		return { diagnostics: finish() };
	}

	const inserted = insertions(module, input.kernel);
	const ir = input.explain ? new Map(module.functions.map((f) => [f.name, formatFunc(f)])) : undefined;
	const made = input.recording ? recorded(analysis, module, input, report) : module;
	const { functions, problems, report: built } = compileModule(made, options(input));
	for (const p of problems) report.add(problemDiagnostic(analysis, p));
	const diagnostics = finish();
	if (diagnostics.some((d) => d.severity === "error")) return { diagnostics };
	return {
		diagnostics,
		object: writeCollection(made, functions, input.kernel),
		manifest: made.manifest,
		report: {
			functions: built.functions,
			inserted,
			needs: needs(analysis, kernelNeeds(made, functions)),
			files: module.files.map((f) => f.path),
			...(ir ? { ir } : {}),
		},
	};
}

const options = ({ cpu, optimise }: CompileInput): CompileOptions => ({
	...(cpu ? { cpu } : {}),
	...(optimise === undefined ? {} : { optimise }),
});

/** Like `compile`, for callers that have no use for diagnostics. @throws CompileError */
export function compileOrThrow(
	input: CompileInput,
): CompileResult & { readonly object: Uint8Array; readonly manifest: Manifest } {
	const result = compile(input);
	if (result.object && result.manifest) return { ...result, object: result.object, manifest: result.manifest };
	throw new CompileError(
		result.diagnostics,
		formatDiagnostics(result.diagnostics, (path) => input.read(path)),
	);
}

/** The recording variant. It logs what the passes left: so a recording has what the plain object asks for when it is replayed. */
function recorded(analysis: Analysis, module: Module, input: CompileInput, report: Report): Module {
	const say = (severity: "error" | "warning", at: Position | undefined, message: string, remedy: string): void =>
		report.add({
			code: "SK4008",
			severity,
			file: analysis.modules[at?.file ?? 0]?.path ?? "",
			line: at?.line ?? 1,
			column: at?.column ?? 1,
			length: 1,
			message,
			remedy,
		});
	if (!GPL_LICENSES.has(module.license)) {
		say(
			"error",
			module.functions[0]?.position,
			`recording takes helpers that are for GPL programs; the licence here is "${module.license}"`,
			'write `export const license = "Dual MIT/GPL"`',
		);
		return module;
	}
	if (input.optimise !== false)
		for (const f of module.functions)
			optimise(f, {
				maps: new Map(module.maps.map((m) => [m.name, m])),
				globals: new Map(module.globals.map((g) => [g.name, g])),
			});
	const { module: made, refused } = record(module, { kernel: input.kernel, tracepoints: input.tracepoints });
	for (const f of refused)
		say(
			made === module ? "error" : "warning",
			f.position,
			`\`${f.name}\` cannot be recorded: ${f.section.split("/")[0]} programs may not call what a recording takes`,
			"packets come from a capture: skep run --pcap FILE",
		);
	return made;
}

/** SK4006: helpers that the kernel gives to GPL programs only. */
function checkLicense(analysis: Analysis, module: Module, report: Report): void {
	if (GPL_LICENSES.has(module.license)) return;
	for (const f of module.functions)
		for (const b of f.blocks)
			for (const i of b.insts) {
				if (i.op !== "call" || i.callee.kind !== "helper" || helper(i.callee.id)?.gpl !== true) continue;
				const at = i.position ?? f.position;
				report.add({
					code: "SK4006",
					severity: "error",
					file: analysis.modules[at?.file ?? 0]?.path ?? "",
					line: at?.line ?? 1,
					column: at?.column ?? 1,
					length: 1,
					message: `this needs the helper ${i.callee.name}, which is for GPL programs; the licence here is "${module.license}"`,
					remedy: 'write `export const license = "Dual MIT/GPL"`, or do without',
				});
			}
}

/** What keeps a function from becoming instructions, as a diagnostic at its place. */
function problemDiagnostic(analysis: Analysis, p: Problem): Diagnostic {
	const place = (at: Position | undefined): { file: string; line: number; column: number } => ({
		file: analysis.modules[at?.file ?? 0]?.path ?? "",
		line: at?.line ?? 1,
		column: at?.column ?? 1,
	});
	const at = { severity: "error" as const, ...place(p.position), length: 1 };
	switch (p.kind) {
		case "stack":
			return {
				code: "SK3006",
				...at,
				message: `\`${p.function}\` needs ${p.size} bytes of stack; 512 is the most`,
				remedy: "keep big values in a map (`ref`), or in the ring-buffer record itself",
				related: p.slots
					.filter((s) => s.position ?? s.users[0])
					.map((s) => ({ ...place(s.position ?? s.users[0]), message: `${s.size} bytes: ${s.name}` })),
			};
		case "arguments":
			return {
				code: "SK3004",
				...at,
				message: `\`${p.callee}\` is called with ${p.count} arguments; 5 is the most`,
				remedy: "hand over a struct",
			};
		case "parameters":
			return {
				code: "SK3004",
				...at,
				message: `\`${p.function}\` has ${p.count} parameters; 5 is the most for a subprogram`,
				remedy: "hand over a struct",
			};
		case "size":
			return {
				code: "SK3011",
				...at,
				message: `\`${p.function}\` is too large: ${p.message}`,
				remedy: "make loops that are unrolled shorter, or split the program",
			};
	}
}

/** Mainline versions in order: `5.10` is newer than `5.8`. */
const newer = (a: string, b: string): number => {
	const [x, y] = [a, b].map((v) => v.split(".").map(Number));
	return x![0]! - y![0]! || x![1]! - y![1]!;
};

function needs(analysis: Analysis, made: readonly Need[]): Need[] {
	const first = new Map<string, Need>();
	for (const { word, module, node } of analysis.words)
		if (word.since !== "=" && !first.has(word.name))
			first.set(word.name, { since: word.since, word: word.name, position: analysis.position(module, node) });
	return [...first.values(), ...made].sort((a, b) => newer(b.since, a.since));
}
