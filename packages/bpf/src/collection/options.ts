import type { Btf } from "#btf";
import type { Diagnose } from "#kernel";
import type { BpfMap, Program } from "#live";
import type { MapSpec, ProgramSpec } from "#spec";
import type { ProgramSignatures } from "./signed.ts";

/** Bytes as they are, or a value that is written by the variable's size (little-endian; text NUL-padded). */
export type VariableValue = Uint8Array | number | bigint | boolean | string;

/** A function of a loaded program: what fentry, fexit and freplace programs may attach to. */
export interface ProgramTarget {
	readonly program: Program;
	/** Absent: the name in the section, or the program's entry. */
	readonly function?: string | undefined;
}

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
	/** Which maps to create. Absent: those that the spec says (`autocreate`). Programs that reach for others are refused. */
	readonly maps?: ((map: MapSpec) => boolean) | undefined;
	/** 0: logs of refused programs only. */
	readonly logLevel?: number | undefined;
	/** BTF that CO-RE goes by instead of the kernel's own: a file for a kernel that has none, or one of a folder by release. */
	readonly coreBtf?: Btf | ((release: string) => Btf | undefined) | undefined;
	/** `prog_flags` that are set besides those of the section, by program: BPF_F_TEST_STATE_FREQ … */
	readonly programFlags?: Readonly<Record<string, number>> | undefined;
	/** What the kernel is to call a map, by the name in the object; cut to 15 bytes. Absent: the same. */
	readonly mapName?: ((name: string) => string) | undefined;
	/** Maps that are there already, by the name in the object, instead of new ones. The collection takes them over: it closes them. */
	readonly reuse?: ReadonlyMap<string, BpfMap> | undefined;
	/** Programs are made for this network device: to run on it (offload), or, with BPF_F_XDP_DEV_BOUND_ONLY, beside it. */
	readonly ifindex?: number | undefined;
	/** What programs attach to, by program, instead of what the section says: a name in the kernel, or a function of a program. */
	readonly attachTo?: Readonly<Record<string, string | ProgramTarget>> | undefined;
	/** Text of the kernel's configuration (`CONFIG_HZ=250` lines) for `.kconfig`; asked of the kernel where it is absent. */
	readonly kconfig?: string | (() => string | undefined) | undefined;
	/** Addresses of kernel symbols for typeless `.ksyms`; asked of the kernel where it is absent. */
	readonly symbols?: ((names: ReadonlySet<string>) => ReadonlyMap<string, bigint>) | undefined;
	/** The kernel checks every program's signature before it verifies the program. */
	readonly signed?: ProgramSignatures | undefined;
	/** Explains EPERM instead of the kernel itself. */
	readonly diagnose?: Diagnose | undefined;
}
