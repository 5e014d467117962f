/** Root of every error that skep throws on purpose. `code` is stable and made for programs; `message` is made for people. */
export class BpfError extends Error {
	readonly code: string;
	constructor(code: string, message: string, options?: { cause?: unknown }) {
		super(message, options);
		this.name = new.target.name;
		this.code = code;
	}
}

/** Where in malformed input something was found. `path` reads like `Sym[3]/shndx`. */
export interface FormatPlace {
	readonly file?: string;
	readonly section?: string;
	readonly offset: number;
	readonly path: string;
}

/** Malformed ELF, BTF, bytecode or manifest: says where, what was there and what was expected. */
export class FormatError extends BpfError {
	readonly place: FormatPlace;
	constructor(place: FormatPlace, message: string) {
		const where = [place.file, place.section, `offset ${place.offset}`, place.path].filter(Boolean).join(", ");
		super("ERR_FORMAT", `${message} (${where})`);
		this.place = place;
	}
}

/** A symbol, map or CO-RE access that the target cannot satisfy. `insn` is an instruction slot. */
export class LinkError extends BpfError {
	readonly symbol: string | undefined;
	readonly section: string | undefined;
	readonly insn: number | undefined;
	constructor(message: string, place: { symbol?: string; section?: string; insn?: number } = {}) {
		super("ERR_LINK", message);
		this.symbol = place.symbol;
		this.section = place.section;
		this.insn = place.insn;
	}
}

/** A verifier's refusal, the kernel's or ours. The message holds the telling line; `log` is whole. */
export class VerifierError extends BpfError {
	readonly program: string;
	readonly log: string;
	/** Instruction slot of the refusal, where the log names one. */
	readonly insn: number | undefined;
	/** `file.ts:5:7`, where the object carries line information. */
	readonly source: string | undefined;
	constructor(program: string, message: string, detail: { log: string; insn?: number; source?: string }) {
		super("ERR_VERIFIER", message);
		this.program = program;
		this.log = detail.log;
		this.insn = detail.insn;
		this.source = detail.source;
	}
}

/** A system call's refusal. `code` is the errno's name (`EPERM`), `errno` its positive number. */
export class SyscallError extends BpfError {
	readonly syscall: string;
	readonly command: string | undefined;
	readonly errno: number;
	constructor(syscall: string, command: string | undefined, errno: number, code: string, message: string) {
		super(code, message);
		this.syscall = syscall;
		this.command = command;
		this.errno = errno;
	}
}

/** Something that this kernel or this build lacks; never used for a missing privilege. `since` is a kernel version. */
export class NotSupportedError extends BpfError {
	readonly feature: string;
	readonly since: string | undefined;
	constructor(feature: string, reason: string, since?: string) {
		super("ERR_NOT_SUPPORTED", `${feature} is not supported: ${reason}`);
		this.feature = feature;
		this.since = since;
	}
}

/** A privilege is missing; `missing` lists capabilities, sysctls, lockdown or container limits by name. */
export class PermissionError extends BpfError {
	readonly missing: readonly string[];
	constructor(message: string, missing: readonly string[]) {
		super("ERR_PERMISSION", message);
		this.missing = missing;
	}
}

/** Why a program on the virtual kernel was stopped. */
export type FaultKind =
	/** A load or store where nothing is. */
	| "access"
	/** A store to memory that may only be read. */
	| "read-only"
	/** An atomic operation across its own alignment. */
	| "misaligned"
	/** A jump or the end of the instructions leads out of the code. */
	| "jump"
	/** A call of nothing: no such helper, function or code address. */
	| "call"
	/** More nested functions than the stack has frames. */
	| "stack"
	/** The run's instructions are spent. */
	| "fuel"
	/** A map, variable or type that was never put in its place. */
	| "reference";

/** A program did on the virtual kernel what a verifier would not have let it do. `pc` is an instruction slot. */
export class VmFault extends BpfError {
	readonly pc: number;
	readonly kind: FaultKind;
	/** The guest address or code address in question, 64 bit unsigned; undefined where none is. */
	readonly address: bigint | undefined;
	constructor(kind: FaultKind, pc: number, message: string, address?: bigint) {
		super("ERR_VM_FAULT", `instruction ${pc}: ${message}`);
		this.pc = pc;
		this.kind = kind;
		this.address = address;
	}
}
