import { type BpfError, LinkError, NotSupportedError, VerifierError } from "#base";
import type { Btf } from "#btf";
import type { Kernel } from "#kernel";
import { type BpfMap, type Fd, Program, type ProgramBtf } from "#live";
import type { RelocatedProgram } from "#relocate";
import type { CollectionSpec } from "#spec";
import { PSEUDO_CALL, PSEUDO_LOAD } from "#uapi";
import type { LoadableBtf } from "./btf.ts";

/** What programs are loaded with, beside the spec. */
export interface ProgramParts {
	readonly maps: ReadonlyMap<string, BpfMap>;
	/** The object's BTF in the kernel, and as bytes. */
	readonly btf: { readonly fd: Fd; readonly loadable: LoadableBtf } | undefined;
	/** Asked for only by programs that need it. */
	kernelBtf(): Btf;
	readonly logLevel: number;
}

const FUNC_RECORD = 8;
const LINE_RECORD = 16;
/** A helper's number that no kernel knows, for weak kfuncs that are missing: refused only if it is reached. */
const POISON = 2_002_000_000;

/** Patches, describes and loads one program. @throws VerifierError, LinkError, NotSupportedError, PermissionError */
export function loadProgram(
	kernel: Kernel,
	spec: CollectionSpec,
	program: RelocatedProgram,
	parts: ProgramParts,
): Program {
	try {
		return Program.load(kernel, {
			name: program.name,
			type: program.type,
			attachType: program.attachType,
			insns: patched(program, parts),
			license: spec.license,
			flags: program.flags,
			kernelVersion: spec.kernelVersion,
			btf: parts.btf && describe(program, parts.btf.fd, parts.btf.loadable),
			attachBtfId: attachBtfId(kernel, program, parts),
			lines: program.lines,
			logLevel: parts.logLevel,
		});
	} catch (error) {
		throw error instanceof VerifierError ? (poisoned(program, error) ?? error) : error;
	}
}

/** Where the verifier stopped at an instruction that was poisoned: the object asks for what this kernel lacks. */
function poisoned(program: RelocatedProgram, refused: VerifierError): BpfError | undefined {
	const insn = refused.insn;
	const where = `program ${program.name}${refused.source === undefined ? "" : ` (${refused.source})`}`;
	const lacking = program.missing.find((each) => each.slot === insn);
	if (lacking) return new LinkError(`${where}: ${lacking.message}`, { symbol: program.name, insn: lacking.slot });
	if (!refused.log.includes(`unknown#${POISON}`)) return undefined;
	const kfunc = program.references.find((each) => each.kind === "kfunc" && each.slot === insn);
	return kfunc?.kind === "kfunc"
		? new NotSupportedError(`kfunc ${kfunc.name}`, `${where} calls it and the running kernel has none`)
		: undefined;
}

/** A copy of the instructions with descriptors and ids in place. */
function patched(program: RelocatedProgram, parts: ProgramParts): Uint8Array {
	const insns = program.insns.slice();
	const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
	for (const reference of program.references) {
		const at = reference.slot * 8;
		if (reference.kind === "kfunc") {
			patchKfunc(view, at, program, reference, parts);
			continue;
		}
		if (reference.kind === "ksym")
			throw new NotSupportedError(`kernel symbol ${reference.name}`, `program ${program.name} refers to it`);
		const map = parts.maps.get(reference.map);
		if (!map)
			throw new LinkError(`program ${program.name} uses map ${reference.map}, which the object lacks`, {
				symbol: reference.map,
				insn: reference.slot,
			});
		const value = reference.kind === "map-value";
		setSource(view, at, value ? PSEUDO_LOAD.BPF_PSEUDO_MAP_VALUE : PSEUDO_LOAD.BPF_PSEUDO_MAP_FD);
		view.setInt32(at + 4, map.fd.number, true);
		view.setInt32(at + 12, value ? reference.offset : 0, true);
	}
	return insns;
}

function patchKfunc(
	view: DataView,
	at: number,
	program: RelocatedProgram,
	reference: { readonly name: string; readonly weak: boolean; readonly slot: number },
	parts: ProgramParts,
): void {
	const id = parts.kernelBtf().find(reference.name, "func");
	if (id === undefined && !reference.weak) {
		throw new NotSupportedError(
			`kfunc ${reference.name}`,
			`program ${program.name} calls it and the running kernel has none`,
		);
	}
	setSource(view, at, id === undefined ? 0 : PSEUDO_CALL.BPF_PSEUDO_KFUNC_CALL);
	view.setInt16(at + 2, 0, true);
	view.setInt32(at + 4, id ?? POISON, true);
}

function setSource(view: DataView, at: number, source: number): void {
	view.setUint8(at + 1, (view.getUint8(at + 1) & 15) | (source << 4));
}

/** Functions and lines as records; without them where the object's BTF does not name every function. */
function describe(program: RelocatedProgram, fd: Fd, btf: LoadableBtf): ProgramBtf | undefined {
	if (program.functions.length === 0 || program.functions.some((each) => each.btfFunc === 0)) return undefined;
	const funcInfo = new Uint8Array(program.functions.length * FUNC_RECORD);
	const funcs = new DataView(funcInfo.buffer);
	program.functions.forEach((each, i) => {
		funcs.setUint32(i * FUNC_RECORD, each.slot, true);
		funcs.setUint32(i * FUNC_RECORD + 4, each.btfFunc, true);
	});
	return {
		fd: fd.number,
		funcInfo,
		funcRecordSize: FUNC_RECORD,
		lineInfo: lineRecords(program, btf),
		lineRecordSize: LINE_RECORD,
	};
}

/** Line records in the order of slots. The kernel wants one at each function's start, and none inside a wide instruction. */
function lineRecords(program: RelocatedProgram, btf: LoadableBtf): Uint8Array {
	const records: [slot: number, file: number, text: number, place: number][] = [];
	for (const line of program.lines) {
		const file = btf.stringOffset(line.file);
		const text = btf.stringOffset(line.text);
		if (file === undefined || text === undefined || program.insns[line.slot * 8] === 0) continue;
		const record: (typeof records)[number] = [line.slot, file, text, (line.line << 10) | (line.column & 1023)];
		if (records.at(-1)?.[0] === line.slot) records[records.length - 1] = record;
		else records.push(record);
	}
	const starts = new Set(records.map(([slot]) => slot));
	if (!program.functions.every((each) => starts.has(each.slot))) return new Uint8Array(0);
	const bytes = new Uint8Array(records.length * LINE_RECORD);
	const view = new DataView(bytes.buffer);
	records.forEach((record, i) => {
		record.forEach((word, j) => {
			view.setUint32(i * LINE_RECORD + j * 4, word >>> 0, true);
		});
	});
	return bytes;
}

/** How the kernel's BTF names what a program of an attach type attaches to. One row a type. */
// biome-ignore format: table
const TARGETS: Readonly<Record<string, { readonly prefix: string; readonly kind: "typedef" | "func"; readonly what: string }>> = {
	trace_raw_tp: { prefix: "btf_trace_", kind: "typedef", what: "tracepoint" },
	trace_fentry: { prefix: "", kind: "func", what: "function" },
	trace_fexit: { prefix: "", kind: "func", what: "function" },
	modify_return: { prefix: "", kind: "func", what: "function" },
	trace_iter: { prefix: "bpf_iter_", kind: "func", what: "iterator" },
	lsm_mac: { prefix: "bpf_lsm_", kind: "func", what: "LSM hook" },
	lsm_cgroup: { prefix: "bpf_lsm_", kind: "func", what: "LSM hook" },
};

function attachBtfId(kernel: Kernel, program: RelocatedProgram, parts: ProgramParts): number | undefined {
	if (program.type !== "tracing" && program.type !== "lsm") return undefined;
	const target = TARGETS[program.attachType ?? ""];
	if (!target) return undefined;
	if (!program.attachTo)
		throw new LinkError(`program ${program.name}: section ${program.section} names no ${target.what}`);
	const id = parts.kernelBtf().find(`${target.prefix}${program.attachTo}`, target.kind);
	if (id !== undefined) return id;
	throw new NotSupportedError(
		program.section,
		`the running kernel ${kernel.release} has no ${target.what} ${program.attachTo} in its BTF`,
	);
}
