import type { Btf } from "#btf";
import type { Diagnose } from "#kernel";
import type { ProgramSpec } from "#spec";

/** Bytes as they are, or a value that is written by the variable's size (little-endian; text NUL-padded). */
export type VariableValue = Uint8Array | number | bigint | boolean | string;

export interface LoadOptions {
	/** The kernel's BTF; asked of the kernel where the spec needs it and this is absent. */
	readonly kernelBtf?: Btf | undefined;
	/** First values of globals, by name: `opt_pid`, `opt_pid_set`. Written before `.rodata` is frozen. */
	readonly variables?: Readonly<Record<string, VariableValue>> | undefined;
	/** Instead of what the spec says, by map. */
	readonly maxEntries?: Readonly<Record<string, number>> | undefined;
	/** Folder in a bpffs for maps that are pinned by name: reused where they are there, else created. Default `/sys/fs/bpf`. */
	readonly pinPath?: string | undefined;
	/** Which programs to load. Absent: those that the spec says (`autoload`). */
	readonly programs?: ((program: ProgramSpec) => boolean) | undefined;
	/** 0: logs of refused programs only. */
	readonly logLevel?: number | undefined;
	/** Explains EPERM instead of the kernel itself. */
	readonly diagnose?: Diagnose | undefined;
}
