import { type BpfError, LinkError, NotSupportedError, SyscallError, VerifierError } from "#base";
import { type Kernel, versionCode } from "#kernel";
import { type BpfMap, type Fd, Program, type ProgramBlueprint, type ProgramBtf } from "#live";
import type { RelocatedProgram } from "#relocate";
import type { CollectionSpec, MapSpec } from "#spec";
import { PSEUDO_CALL, PSEUDO_LOAD, sectionMeaning } from "#uapi";
import type { LoadableBtf } from "./btf.ts";
import type { KernelTypes } from "./kernel-types.ts";
import { KernelSymbols } from "./ksyms.ts";
import { attachTo } from "./load-target.ts";
import type { LoadOptions } from "./options.ts";
import { signedLoad } from "./signed.ts";
import type { KernelStructOps } from "./struct-ops.ts";

/** What programs are loaded with, beside the spec. */
export interface ProgramParts {
	readonly maps: ReadonlyMap<string, BpfMap>;
	/** The object's BTF in the kernel, and as bytes. */
	readonly btf: { readonly fd: Fd; readonly loadable: LoadableBtf } | undefined;
	readonly types: KernelTypes;
	readonly options: LoadOptions;
	readonly structOps: ReadonlyMap<MapSpec, KernelStructOps>;
}

const FUNC_RECORD = 8;
const LINE_RECORD = 16;
/** Numbers of helpers that no kernel knows: refused only where they are reached. libbpf's too. */
const POISON_KFUNC = 2_002_000_000;
const POISON_MAP = 2_001_000_000;
const CALL = 0x85;

/** Patches, describes and loads one program. @throws VerifierError, LinkError, NotSupportedError, PermissionError */
export function loadProgram(
	kernel: Kernel,
	spec: CollectionSpec,
	program: RelocatedProgram,
	parts: ProgramParts,
): Program {
	const symbols = new KernelSymbols(kernel, spec, parts.types, parts.options);
	const blueprint = (): ProgramBlueprint => ({
		name: program.name,
		type: program.type,
		attachType: program.attachType,
		...(parts.options.signed
			? signedLoad(program, parts.maps, parts.options.signed)
			: { insns: patched(program, parts, symbols), fdArray: symbols.fdArray }),
		license: spec.license,
		flags: program.flags | (parts.options.programFlags?.[program.name] ?? 0),
		kernelVersion: spec.kernelVersion || versionCode(kernel.version ?? kernel.release),
		btf: parts.btf && describe(program, parts.btf.fd, parts.btf.loadable),
		...attachTo(kernel, program, parts),
		ifindex: parts.options.ifindex,
		lines: program.lines,
		logLevel: parts.options.logLevel ?? 0,
	});
	const missing = new Set<string>();
	for (;;) {
		try {
			return loadPatiently(kernel, program, blueprint());
		} catch (error) {
			if (!(error instanceof VerifierError)) throw error;
			const name = NO_ADDRESS.exec(error.log)?.[1];
			if (name === undefined || missing.has(name)) throw poisoned(program, error) ?? error;
			const weak = program.references.some((each) => each.kind === "ksym" && each.name === name && each.weak);
			const why = `program ${program.name} refers to it, and kernel ${kernel.release} tells no addresses of variables (CONFIG_KALLSYMS_ALL)`;
			if (!weak) throw new NotSupportedError(`kernel symbol ${name}`, why);
			missing.add(name);
			symbols.lacksAddress(name);
		}
	}
}

/** What the verifier says of a typed variable that the kernel has no address of. */
const NO_ADDRESS = /failed to find the address for kernel symbol '([^']+)'/;

/** Kernels before 4.17 know no expected attach type; programs that do without are loaded without. */
function loadPatiently(kernel: Kernel, program: RelocatedProgram, blueprint: ProgramBlueprint): Program {
	try {
		return Program.load(kernel, blueprint);
	} catch (error) {
		const optional = sectionMeaning(program.hook ?? program.section)?.attachOptional ?? false;
		const unknown = error instanceof NotSupportedError || error instanceof SyscallError;
		if (!optional || !unknown || !["EINVAL", "E2BIG", "ERR_NOT_SUPPORTED"].includes(error.code)) throw error;
		try {
			return Program.load(kernel, { ...blueprint, attachType: undefined });
		} catch {
			throw error;
		}
	}
}

/** Where the verifier stopped at an instruction that was poisoned: the object asks for what this kernel lacks. */
function poisoned(program: RelocatedProgram, refused: VerifierError): BpfError | undefined {
	const insn = refused.insn;
	const where = `program ${program.name}${refused.source === undefined ? "" : ` (${refused.source})`}`;
	const lacking = program.missing.find((each) => each.slot === insn);
	if (lacking) return new LinkError(`${where}: ${lacking.message}`, { symbol: program.name, insn: lacking.slot });
	const reached = /unknown#(\d+)/.exec(refused.log.slice(-4096))?.[1];
	if (reached !== String(POISON_KFUNC) && reached !== String(POISON_MAP)) return undefined;
	const reference = program.references.find((each) => each.slot === insn);
	if (reference?.kind === "kfunc")
		return new NotSupportedError(`kfunc ${reference.name}`, `${where} calls it and the running kernel has none`);
	return reference?.kind === "map" || reference?.kind === "map-value"
		? new LinkError(`${where} uses map ${reference.map}, which was not created`, { symbol: reference.map })
		: undefined;
}

/** A copy of the instructions with descriptors and ids in place. */
function patched(program: RelocatedProgram, parts: ProgramParts, symbols: KernelSymbols): Uint8Array {
	const insns = program.insns.slice();
	const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
	for (const reference of program.references) {
		const at = reference.slot * 8;
		switch (reference.kind) {
			case "kfunc": {
				const target = symbols.kfunc(reference, program.name);
				setSource(view, at, target ? PSEUDO_CALL.BPF_PSEUDO_KFUNC_CALL : 0);
				view.setInt16(at + 2, target?.fdIndex ?? 0, true);
				view.setInt32(at + 4, target?.id ?? POISON_KFUNC, true);
				break;
			}
			case "ksym": {
				const target = symbols.ksym(reference, program.name);
				setSource(view, at, "id" in target ? PSEUDO_LOAD.BPF_PSEUDO_BTF_ID : 0);
				const [low, high] =
					"id" in target
						? [target.id, target.fd]
						: [Number(BigInt.asIntN(32, target.address)), Number(BigInt.asIntN(32, target.address >> 32n))];
				view.setInt32(at + 4, low, true);
				view.setInt32(at + 12, high, true);
				break;
			}
			default: {
				const map = parts.maps.get(reference.map);
				if (!map) {
					poison(view, at);
					poison(view, at + 8);
					break;
				}
				const value = reference.kind === "map-value";
				setSource(view, at, value ? PSEUDO_LOAD.BPF_PSEUDO_MAP_VALUE : PSEUDO_LOAD.BPF_PSEUDO_MAP_FD);
				view.setInt32(at + 4, map.fd.number, true);
				view.setInt32(at + 12, value ? reference.offset : 0, true);
			}
		}
	}
	return insns;
}

/** A load from a map that nobody created. */
function poison(view: DataView, at: number): void {
	view.setUint32(at, CALL, true);
	view.setInt32(at + 4, POISON_MAP, true);
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
