import { FormatError } from "@skep/bpf/base";
import type { Btf } from "@skep/bpf/btf";
import { CALL, format, type Instruction, PSEUDO } from "@skep/bpf/isa";
import type { Kernel, ProgInfo } from "@skep/bpf/kernel";
import { btfOf } from "@skep/bpf/live";
import { HELPERS } from "@skep/bpf/uapi";
import type { Machine } from "./machine.ts";
import { infoOf } from "./objects.ts";
import { functionsOf } from "./programs.ts";

/** Where an instruction comes from. */
export interface SourceLine {
	readonly text: string;
	readonly file: string;
	readonly line: number;
	readonly column: number;
}

/** As bpftool writes it behind a line. */
export const sourcePlace = ({ file, line, column }: SourceLine): string =>
	` [file:${file} line_num:${line} line_col:${column}]`;

/** `b7 01 00 …` */
export const hexOf = (bytes: Uint8Array): string =>
	Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** An instruction of a program as the kernel keeps it. */
export interface XlatedInsn {
	/** Of its first 8 bytes. */
	readonly slot: number;
	/** 8 or 16 bytes. */
	readonly bytes: Uint8Array;
	readonly insn: Instruction;
	/** As the kernel writes it, with the names of maps, helpers and functions: `(85) call bpf_get_current_pid_tgid#269056`. */
	readonly text: string;
	/** Prototype of the function that begins here. */
	readonly proto?: string | undefined;
	/** The source that begins here. */
	readonly source?: SourceLine | undefined;
	/** Slot that it may jump to. */
	readonly jump?: number | undefined;
	/** Slot of the function that it calls. */
	readonly calls?: number | undefined;
}

/**
 * The instructions of the program behind a descriptor, as the verifier has rewritten them. Empty where the kernel does not show
 * them (bpf_jit_harden, no privilege). @throws BpfError
 */
export function xlatedInsns(kernel: Kernel, machine: Machine, fd: number): XlatedInsn[] {
	const info = infoOf(kernel, "prog", fd);
	const bytes = new Uint8Array(info.xlated_prog_len);
	const line_info = new Uint8Array(info.nr_line_info * info.line_info_rec_size);
	infoOf(kernel, "prog", fd, {
		xlated_prog_insns: bytes,
		...(line_info.length > 0
			? { line_info, nr_line_info: info.nr_line_info, line_info_rec_size: info.line_info_rec_size }
			: {}),
	});
	const btf = info.btf_id === 0 ? undefined : btfOf(kernel, info.btf_id, `program ${info.name}`);
	const lines = btf ? sourceLines(btf, line_info, info.line_info_rec_size) : new Map<number, SourceLine>();
	const functions = btf && info.nr_func_info > 0 ? functionsOf(kernel, fd, info, btf) : [];
	const protos = new Map(functions.map((each) => [each.slot, `${prototype(btf!, each.type, each.name)}:`]));
	const tags = functionTags(kernel, fd, info);
	const starts = new Map(functions.map(({ slot, name }, i) => [slot, tags[i] ? `bpf_prog_${tags[i]}_${name}` : name]));
	const insns = instructionsIn(bytes);
	const names = callNames(kernel, machine, insns);
	let slot = 0;
	return insns.map((insn): XlatedInsn => {
		const at = slot;
		const slots = insn.opcode === WIDE ? 2 : 1;
		slot += slots;
		return {
			slot: at,
			bytes: bytes.subarray(at * 8, (at + slots) * 8),
			insn,
			text: `(${insn.opcode.toString(16).padStart(2, "0")}) ${textOf(insn, at, names, starts, info)}`,
			proto: protos.get(at),
			source: lines.get(at),
			jump: jumpOf(insn, at),
			calls: calledBy(insn, at, info),
		};
	});
}

/** Tags of the functions of a program, in their order: what the kernel's symbols of them are made with. */
function functionTags(kernel: Kernel, fd: number, { nr_prog_tags }: ProgInfo): string[] {
	const prog_tags = new Uint8Array(nr_prog_tags * 8);
	if (nr_prog_tags === 0) return [];
	infoOf(kernel, "prog", fd, { prog_tags, nr_prog_tags });
	return Array.from({ length: nr_prog_tags }, (_, i) =>
		Buffer.from(prog_tags.subarray(i * 8, i * 8 + 8)).toString("hex"),
	);
}

const WIDE = 0x18;

/** Fields of instructions, the kernel's internal ones too, which no table of the user API has. */
function instructionsIn(bytes: Uint8Array): Instruction[] {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const insns: Instruction[] = [];
	for (let at = 0; at + 8 <= bytes.length; at += 8) {
		const [opcode, registers] = [view.getUint8(at), view.getUint8(at + 1)];
		const plain = {
			opcode,
			dst: registers & 15,
			src: registers >> 4,
			offset: view.getInt16(at + 2, true),
			imm: view.getInt32(at + 4, true),
		};
		if (opcode !== WIDE || at + 16 > bytes.length) insns.push(plain);
		else {
			at += 8;
			insns.push({ ...plain, immHigh: view.getInt32(at + 4, true) });
		}
	}
	return insns;
}

/** Lines of a program by instruction slot, in the order of their records. */
export function sourceLines(btf: Btf, bytes: Uint8Array, size: number): Map<number, SourceLine> {
	const view = new DataView(bytes.buffer);
	const lines = new Map<number, SourceLine>();
	for (let at = 0; size >= 16 && at + size <= bytes.length; at += size) {
		const place = view.getUint32(at + 12, true);
		lines.set(view.getUint32(at, true), {
			file: btf.string(view.getUint32(at + 4, true)),
			text: btf.string(view.getUint32(at + 8, true)).trimStart(),
			line: place >>> 10,
			column: place & 0x3ff,
		});
	}
	return lines;
}

/** `int on_exec(void * ctx)`. */
export function prototype(btf: Btf, func: number, name: string): string {
	const type = btf.type(func);
	const proto = type.kind === "func" ? btf.type(type.type) : undefined;
	if (proto?.kind !== "func_proto") return name;
	const params = proto.params.map((each) =>
		each.type === 0 && each.name === "" ? "..." : `${typeText(btf, each.type)} ${each.name}`.trimEnd(),
	);
	return `${typeText(btf, proto.ret)} ${name}(${params.length === 0 ? "void" : params.join(", ")})`;
}

/** The name of a type as it stands in front of a parameter. */
export function typeText(btf: Btf, id: number): string {
	if (id === 0) return "void";
	const type = btf.type(id);
	switch (type.kind) {
		case "ptr":
			return `${typeText(btf, type.type)} *`;
		case "const":
		case "volatile":
		case "restrict":
			return `${type.kind} ${typeText(btf, type.type)}`;
		case "type_tag":
			return typeText(btf, type.type);
		case "struct":
		case "union":
		case "enum":
			return `${type.kind} ${type.name}`;
		case "enum64":
			return `enum ${type.name}`;
		case "fwd":
			return `${type.union ? "union" : "struct"} ${type.name}`;
		case "array":
			return `${typeText(btf, type.type)}[${type.length}]`;
		case "func_proto":
			return "(func)";
		default:
			return "name" in type ? type.name : type.kind;
	}
}

/** What calls lead to, by immediate. */
interface CallNames {
	/** Helpers and kernel functions. */
	readonly helper: ReadonlyMap<number, string>;
	readonly kfunc: ReadonlyMap<number, string>;
}

const TAIL_CALL = 12;
const HELPER_NAMES: ReadonlyMap<number, string> = new Map(
	HELPERS.map(({ id, name }) => [id, `bpf_${name.replace(/^bpf_/, "")}`]),
);

/**
 * Linux keeps calls as distances from `__bpf_call_base` to the function; a kernel that keeps them as they were loaded has the
 * helpers' numbers there.
 */
function callNames(kernel: Kernel, machine: Machine, insns: readonly Instruction[]): CallNames {
	const calls = insns.filter((insn) => insn.opcode === 0x85 && insn.src !== CALL.function && insn.imm !== 0);
	if (calls.length === 0) return { helper: new Map(), kfunc: new Map() };
	if (kernel.name !== "linux") return { helper: HELPER_NAMES, kfunc: new Map() };
	// Tail calls are no calls, and are shown by their number.
	const tail = [TAIL_CALL, HELPER_NAMES.get(TAIL_CALL)!] as const;
	const found = machine.symbolsFrom("__bpf_call_base", new Set(calls.map(({ imm }) => imm)));
	return { helper: new Map([...(found ?? []), tail]), kfunc: found ?? new Map() };
}

function textOf(
	insn: Instruction,
	slot: number,
	names: CallNames,
	starts: ReadonlyMap<number, string>,
	info: ProgInfo,
): string {
	if (insn.opcode === 0x85) return callText(insn, slot, names, starts, info);
	if (insn.opcode === 0x18) return wideText(insn, slot, starts);
	// A move that gives the address of this CPU's copy: made by the verifier.
	if (insn.opcode === 0xbf && insn.offset === -1) return `r${insn.dst} = &(void __percpu *)(r${insn.src})`;
	try {
		return kernelStyle(insn, format(insn));
	} catch (error) {
		if (!(error instanceof FormatError)) throw error;
		return `internal instruction: dst ${insn.dst}, src ${insn.src}, offset ${insn.offset}, imm ${insn.imm}`;
	}
}

/** Where machine code was made of it, the distance stands in the offset, and the immediate says which function it is. */
const calledBy = (insn: Instruction, slot: number, info: ProgInfo): number | undefined =>
	insn.opcode === 0x85 && insn.src === CALL.function
		? slot + 1 + (info.jited_prog_len > 0 ? insn.offset : insn.imm)
		: undefined;

function callText(
	insn: Instruction,
	slot: number,
	names: CallNames,
	starts: ReadonlyMap<number, string>,
	info: ProgInfo,
): string {
	if (insn.src === CALL.function) {
		const distance = calledBy(insn, slot, info)! - slot - 1;
		const name = starts.get(slot + 1 + distance);
		return `call pc${distance < 0 ? "" : "+"}${distance}${name === undefined ? "" : `#${name}`}`;
	}
	const kfunc = insn.src === CALL.kfunc;
	const name = (kfunc ? names.kfunc : names.helper).get(insn.imm);
	return `call ${name ?? (kfunc ? "kernel-function" : "unknown")}#${insn.imm}`;
}

function wideText(insn: Instruction, slot: number, starts: ReadonlyMap<number, string>): string {
	const low = insn.imm >>> 0;
	const high = (insn.immHigh ?? 0) >>> 0;
	switch (insn.src) {
		case PSEUDO.mapFd:
		case PSEUDO.mapIndex:
			return `r${insn.dst} = map[id:${low}]`;
		case PSEUDO.mapValue:
		case PSEUDO.mapIndexValue:
			return `r${insn.dst} = map[id:${low}][0]+${high}`;
		case PSEUDO.code: {
			const name = starts.get(slot + 1 + insn.imm);
			return `r${insn.dst} = subprog[${insn.imm < 0 ? "" : "+"}${insn.imm}]${name === undefined ? "" : `#${name}`}`;
		}
		default:
			return `r${insn.dst} = 0x${((BigInt(high) << 32n) | BigInt(low)).toString(16)}`;
	}
}

/** The text of the instruction table in the kernel's dress: `(r10 -4)`, `goto pc+3`, comparisons with hex numbers. */
function kernelStyle(insn: Instruction, text: string): string {
	let out = text.replace(/\((r\d+) ([+-]) (\d+)\)/g, "($1 $2$3)").replace(/goto ([+-])/, "goto pc$1");
	const group = insn.opcode & 7;
	if (group === 5 || group === 6) {
		out = out.replace(/( (?:==|!=|<=?|>=?|s<=?|s>=?|&) )(-?\d+) goto/, (_, sign: string, value: string) => {
			return `${sign}0x${(Number(value) >>> 0).toString(16)} goto`;
		});
	}
	// Stores of less than 64 bits name the whole register.
	if (group === 3) out = out.replace(/ w(\d+)$/, " r$1");
	return out;
}

function jumpOf(insn: Instruction, slot: number): number | undefined {
	const group = insn.opcode & 7;
	const operation = insn.opcode & 0xf0;
	if (group !== 5 && group !== 6) return undefined;
	if (operation === 0x80 || operation === 0x90) return undefined;
	return slot + 1 + (insn.opcode === 0x06 ? insn.imm : insn.offset);
}
