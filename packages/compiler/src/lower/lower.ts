import type { Manifest, ManifestMap, ManifestProgram } from "@skep/bpf/spec";
import type { Report } from "#diagnostics";
import { type Analysis, manifestOf, type Node, type ProgramDeclaration } from "#frontend";
import { Builder, type Func, type Inst, type MapDecl, type Module, type ParamType, type Terminator } from "#ir";
import { FORMS } from "./forms.ts";
import { inlineBody } from "./function.ts";
import { declareShared } from "./global.ts";
import { instOf } from "./integer.ts";
import { iteratorArguments } from "./iterator.ts";
import { kernelArgument, kernelTypes } from "./kernel.ts";
import { Lowering, type Target } from "./lowering.ts";
import { LOST } from "./ringbuf.ts";
import { type ClosureValue, describe, POISON, type Value } from "./value.ts";

const PRODUCER = "skep 0.1.0";

const U32 = { kind: "int", bits: 32, signed: false } as const;

const I32 = { kind: "int", bits: 32, signed: true } as const;

const U64 = { kind: "int", bits: 64, signed: false } as const;

const VERDICTS = "return one of XDP.ABORTED DROP PASS TX REDIRECT";

export interface LoweredModule extends Module {
	/** Those of `functions` in which nothing is wrong. */
	readonly sound: readonly Func[];
}

/**
 * Lowers every program of the analysis: types and IR of its function and of all that it calls, in one walk. What is
 * wrong goes to the report, all of it. The module is complete even then, but only its `sound` functions mean something.
 */
export function lower(analysis: Analysis, target: Target, report: Report): LoweredModule {
	const l = new Lowering(analysis, target, report, FORMS);
	const functions: Func[] = [];
	const sound: Func[] = [];
	const manifest = manifestOf(analysis, PRODUCER);
	const programs: ManifestProgram[] = [];
	for (const p of analysis.programs) {
		const row = manifest.programs.find((m) => m.name === p.name)!;
		const targets = p.targets.length > 0 ? p.targets : [""];
		for (const [i, t] of targets.entries()) {
			const name = i === 0 ? p.name : `${p.name}_${i + 1}`;
			const before = l.errors;
			const func = lowerProgram(l, p, t, name);
			if (func) functions.push(func);
			if (func && l.errors === before) sound.push(func);
			const output = l.outputs.get(name);
			programs.push({ ...row, name, ...(output && output !== "text" ? { record: output.name } : {}) });
		}
	}
	for (const s of analysis.shared) declareShared(l, s);
	return {
		files: analysis.modules.map((m) => ({ path: m.path, text: m.text })),
		license: analysis.license,
		functions,
		sound,
		maps: mapDeclarations(l),
		records: [...l.outputs.values()].filter((output) => output !== "text"),
		globals: [...l.globals.values()],
		manifest: completeManifest(l, manifest, programs),
	};
}

/** The program's section as libbpf reads it, and its context's C name. */
function hookOf(p: ProgramDeclaration, target: string): { section: string; struct?: string } | undefined {
	switch (p.word) {
		case "tracepoint":
			return { section: `tracepoint/${target.replace(":", "/")}` };
		case "rawTracepoint":
			return { section: `raw_tp/${target}`, struct: "bpf_raw_tracepoint_args" };
		case "tpBtf":
			return { section: `tp_btf/${target}` };
		case "iter":
			return { section: `${p.sleepable ? "iter.s" : "iter"}/${target}`, struct: `bpf_iter__${target}` };
		case "xdp":
			return { section: p.frags ? "xdp.frags" : "xdp", struct: "xdp_md" };
		default:
			return undefined;
	}
}

function lowerProgram(l: Lowering, p: ProgramDeclaration, target: string, name: string): Func | undefined {
	const hook = hookOf(p, target);
	l.module = p.module;
	if (!hook) {
		l.notYet(p.call, `${p.word}()`);
		return undefined;
	}
	const position = l.analysis.position(p.fnModule, p.fn);
	const context: ParamType = { kind: "ctx", ...(hook.struct === undefined ? {} : { struct: hook.struct }) };
	const builder = new Builder({
		name,
		section: hook.section,
		global: true,
		params: [{ name: "ctx", type: context }],
		result: I32,
		position,
	});
	builder.position = position;
	l.begin(builder, p, target);
	l.context = builder.emit({ op: "param", index: 0 }, [], 64, "ctx");
	l.context.name = "ctx";
	let args: Value[] = [{ kind: "context" }];
	if (p.word === "rawTracepoint" || p.word === "tpBtf") {
		const params = kernelTypes(l).tracepoint(target);
		if (!params) {
			l.module = p.module;
			l.error("SK4001", p.call, `the kernel's BTF has no tracepoint ${target}`);
			return undefined;
		}
		const wanted: number = p.fn["params"]?.length ?? 0;
		if (wanted > params.length) {
			l.error(
				"SK1009",
				p.fn["params"][params.length],
				`${target} has ${params.length} arguments`,
				params.map((q) => q.name).join(", "),
			);
			return undefined;
		}
		args = params.slice(0, wanted).map((q, i) => kernelArgument(l, q.type, i, p.word === "tpBtf", q.name));
	}
	if (p.word === "iter") args = [iteratorArguments(l, target) ?? POISON];
	const fn: ClosureValue = { kind: "closure", node: p.fn, module: p.fnModule, scope: undefined, name: p.name };
	const exits = inlineBody(l, fn, args, p.fn);
	const ends: { end: Terminator; node: Node }[] = [];
	for (const x of exits) {
		builder.enter(x.block);
		l.module = p.fnModule;
		l.at(x.node);
		const end: Terminator = {
			op: "return",
			args: [p.word === "xdp" ? verdict(l, x.value, x.node, p) : l.constant(0, 32)],
			position: builder.position,
		};
		builder.terminate(end);
		if (p.word === "xdp" && !(x.value.kind === "int" && x.value.constant !== undefined))
			ends.push({ end, node: x.node });
	}
	const func = builder.finish();
	if (ends.length === 0) return func;
	l.module = p.fnModule;
	const compared = comparedIn(func);
	for (const { end, node } of ends) if (end.op === "return") checkVerdicts(l, constantsOf(end.args[0], compared), node);
	return func;
}

/**
 * The constants that a value may be, by the ways that lead to it: `big ? 9 : XDP.PASS`. Those that are computed are not
 * known, and of a value that is compared on the way, those that the test lets through are not.
 */
function constantsOf(value: Inst, compared: ReadonlySet<Inst>): bigint[] {
	const seen = new Set<Inst>();
	const found = new Set<bigint>();
	const waiting = [value];
	for (let i = waiting.pop(); i; i = waiting.pop()) {
		if (seen.has(i)) continue;
		seen.add(i);
		if (i.op === "const") found.add(BigInt.asIntN(i.width, i.value));
		else if (i.op === "phi" && !compared.has(i)) waiting.push(...i.args);
	}
	return [...found];
}

/** What a function compares with something. */
function comparedIn(func: Func): Set<Inst> {
	const found = new Set<Inst>();
	for (const { insts, terminator } of func.blocks) {
		for (const i of insts) if (i.op === "compare") for (const a of i.args) found.add(a);
		if (terminator?.op === "branch") for (const a of terminator.args) found.add(a);
	}
	return found;
}

function checkVerdicts(l: Lowering, values: readonly bigint[], node: Node): void {
	const wrong = values.filter((value) => value < 0n || value > 4n);
	if (wrong.length === 0) return;
	const what = wrong.length === 1 ? `${wrong[0]} is no verdict` : `${wrong.join(" and ")} are no verdicts`;
	l.error("SK4007", node, `${what} of an xdp program`, VERDICTS);
}

/** What an xdp program answers. */
function verdict(l: Lowering, v: Value, node: Node, p: ProgramDeclaration) {
	if (v.kind === "int" && v.bits !== 64) {
		if (v.constant !== undefined) checkVerdicts(l, [v.constant], node);
		else if ((v.min ?? 0n) > 4n || (v.max ?? 0n) < 0n)
			l.error("SK4007", node, `${v.min} to ${v.max} are no verdicts of an xdp program`, VERDICTS);
		return instOf(l, v);
	}
	if (v.kind === "undefined" || v.kind === "void")
		l.error("SK4007", node, `${p.name} ends without a verdict on one way`, "return XDP.PASS");
	else if (v.kind !== "poison")
		l.error("SK4007", node, `${describe(v, l.target.kernel)} is no verdict of an xdp program`, VERDICTS);
	return l.constant(0, 32);
}

function mapDeclarations(l: Lowering): MapDecl[] {
	const maps = l.analysis.maps.map(
		(m): MapDecl => ({
			name: m.name,
			type: m.type,
			key: m.key,
			value: m.value,
			...(m.record ? { record: m.record } : {}),
			maxEntries: m.maxEntries,
			flags: m.flags,
			pinned: m.pin !== undefined,
			...(m.numaNode === undefined ? {} : { numaNode: m.numaNode }),
			position: l.analysis.position(m.module, m.call),
		}),
	);
	if (l.lost.size > 0)
		maps.push({
			name: LOST,
			type: "percpu_array",
			key: U32,
			value: U64,
			maxEntries: l.lost.size,
			flags: 0,
			pinned: false,
			position: undefined,
		});
	return maps;
}

function completeManifest(l: Lowering, manifest: Manifest, programs: readonly ManifestProgram[]): Manifest {
	const variables = new Map<string, { variable: string; present: string | undefined }>();
	for (const [declaration, known] of l.options)
		for (const e of declaration.entries)
			if (known.has(e.option.name)) variables.set(e.option.name, known.get(e.option.name)!);
	const maps: ManifestMap[] = manifest.maps.map((m) =>
		l.lost.has(m.name) ? { ...m, lost: { map: LOST, key: l.lost.get(m.name)! } } : m,
	);
	if (l.lost.size > 0) maps.push({ name: LOST, word: "perCpuArray", internal: true });
	return {
		...manifest,
		options: manifest.options.map((o) => {
			const v = variables.get(o.name);
			return v ? { ...o, variable: v.variable, ...(v.present === undefined ? {} : { present: v.present }) } : o;
		}),
		maps,
		programs,
	};
}
