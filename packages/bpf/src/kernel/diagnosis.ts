import type { ProgramType } from "#uapi";
import type { CommandName } from "./attributes.ts";

/** What the kernel refused, for whoever explains it. */
export interface Refused {
	/** `bpf`, `perf_event_open`, `ioctl`, `mmap`, `open`, `setsockopt`, `netlink`, `tracefs`. */
	readonly syscall: string;
	readonly command?: CommandName | undefined;
	/** Positive. */
	readonly errno: number;
	/** What was being done, in words: `load program exec`, `attach to tracepoint sched/sched_process_exec`. */
	readonly what: string;
	/** Of the program that is loaded or attached: decides which capabilities it takes. */
	readonly programType?: ProgramType | undefined;
	/** The load needs a BPF trampoline (fentry, fexit, fmod_ret, lsm, freplace), which lockdown may forbid. */
	readonly trampoline?: boolean | undefined;
}

/** Why a privilege is missing. */
export interface Diagnosis {
	/** For people: lines of "what is missing → how to get it". */
	readonly lines: readonly string[];
	/** For programs: capabilities, sysctls, lockdown or container limits by name (`CAP_BPF`, `kernel.perf_event_paranoid`). */
	readonly missing: readonly string[];
}

/** The owner of a kernel tells why it said EPERM or EACCES. */
export type Diagnose = (refused: Refused) => Diagnosis;
