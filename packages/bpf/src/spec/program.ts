import type { AttachType, ProgramType } from "#uapi";

/** What an instruction slot refers to; patched by `relocate`. Slots count 8-byte units from the function's first. */
export type Reference =
	| { readonly slot: number; readonly kind: "map"; readonly map: string }
	/** Address of a map's value plus offset (`.rodata`, `.data`, `.bss`). */
	| { readonly slot: number; readonly kind: "map-value"; readonly map: string; readonly offset: number }
	/** A BPF-to-BPF call, or (`ld_imm64`) the address of a callback. */
	| { readonly slot: number; readonly kind: "function"; readonly function: string }
	/** A call of a kernel function. `weak`: 0 is allowed; the program asks first. */
	| { readonly slot: number; readonly kind: "kfunc"; readonly name: string; readonly weak: boolean }
	/**
	 * `ld_imm64` of something of the kernel's (`.ksyms`). Typed: found in the kernel's BTF by name (a variable, or the address
	 * of a function); typeless (`extern const void x`): the address that /proc/kallsyms has.
	 */
	| {
			readonly slot: number;
			readonly kind: "ksym";
			readonly name: string;
			readonly weak: boolean;
			readonly typed: boolean;
	  };

/** References that are left when functions are joined: all but those to functions. */
export type OuterReference = Exclude<Reference, { readonly kind: "function" }>;

/** The kinds of CO-RE relocation, numbered as in `enum bpf_core_relo_kind`. */
export const CORE_KINDS = [
	"field_byte_offset",
	"field_byte_size",
	"field_exists",
	"field_signed",
	"field_lshift_u64",
	"field_rshift_u64",
	"type_id_local",
	"type_id_target",
	"type_exists",
	"type_size",
	"enumval_exists",
	"enumval_value",
	"type_matches",
] as const;
export type CoreKind = (typeof CORE_KINDS)[number];

export interface CoreRelocation {
	readonly slot: number;
	/** Id in the object's own BTF. */
	readonly type: number;
	/** `0:1:2`, as in `.BTF.ext`. */
	readonly access: string;
	readonly kind: CoreKind;
}

export interface LineInfo {
	readonly slot: number;
	readonly file: string;
	/** The text of the source line. */
	readonly text: string;
	/** From 1; 0: unknown. */
	readonly line: number;
	/** From 1; 0: unknown. */
	readonly column: number;
}

/** A function of an object: a program's entry or a subprogram. Plain data, never changed in place. */
export interface FunctionSpec {
	readonly name: string;
	/** Raw instructions, little-endian slots of 8 bytes. */
	readonly insns: Uint8Array;
	readonly references: readonly Reference[];
	readonly core: readonly CoreRelocation[];
	readonly lines: readonly LineInfo[];
	/** BTF id of the FUNC in the object's BTF; 0: none. */
	readonly btfFunc: number;
	/** Function that bpf_throw ends in (declaration tag `exception_callback:NAME`); it is reached without a reference. */
	readonly exceptionCallback?: string;
	/** Visible in its object only (STV_HIDDEN): the verifier may look at it as at a static function. */
	readonly hidden?: true;
}

export interface ProgramSpec extends FunctionSpec {
	/** ELF section, as libbpf reads it: `tracepoint/sched/sched_process_exec`, `tp_btf/…`, `xdp`. */
	readonly section: string;
	/**
	 * The row of the table of sections: `kretprobe.multi`, `uprobe.s`, `cgroup/connect4`. Says the attach kind where type and
	 * attach type do not. Absent: made by hand; `sectionMeaning(section)` says it.
	 */
	readonly hook?: string;
	readonly type: ProgramType;
	/** For types that want one at load (`trace_raw_tp`, `xdp` …). */
	readonly attachType?: AttachType;
	/** What the section name says after the first slash: `sched/sched_process_exec`. */
	readonly attachTo?: string;
	/** BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS … */
	readonly flags: number;
	/** `?` in the section name: not loaded unless asked for. */
	readonly autoload: boolean;
}
