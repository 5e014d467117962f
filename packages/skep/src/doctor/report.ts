import type { Diagnosis } from "@skep/bpf/kernel";
import type { AttachTrial, ProbeAnswer } from "@skep/bpf/live";
import type { SystemFacts } from "#backend/linux";

/** Of something that is there or not. `since`: first mainline kernel. */
export interface Answered {
	readonly answer: ProbeAnswer;
	readonly since: string;
}

/** A helper or kfunc: who may call it. */
export interface Callable {
	readonly answer: ProbeAnswer;
	/** First mainline kernel; absent: not known. */
	readonly since?: string;
	/** Program types; absent: only whether any may was asked. */
	readonly programs?: readonly string[];
}

export interface AttachAnswered extends AttachTrial {
	readonly since: string;
	/** Of the program. */
	readonly type: string;
}

/** 3: hardly anything works; 2: a kind of program does not; 1: good to know. */
export type Weight = 1 | 2 | 3;

/** Something that stands in the way. */
export interface Finding {
	readonly weight: Weight;
	/** The configuration option that it is about, where it is no more than that. */
	readonly option?: string;
	/** What is the matter, in a few words. */
	readonly what: string;
	/** What is seen of it: a value, the kernel's answer. */
	readonly seen?: string;
	/** What will not work because of it. */
	readonly effect: string;
	/** What skep does instead, or what to do. */
	readonly instead: string;
}

/** All that `skep doctor` found out about one kernel: plain values, as they stand in its JSON. */
export interface Report {
	/** Of this form. */
	readonly format: "skep-doctor-1";
	readonly kernel: {
		readonly name: "linux" | "virtual";
		readonly release: string;
		readonly version: string;
		readonly arch: string | null;
		readonly distribution: string | null;
	};
	/** May this process make a map at all? Else nothing else could be asked. */
	readonly permitted: boolean;
	/** Where not: what is missing. */
	readonly refusal?: Diagnosis | undefined;
	/** What Linux tells; null on a kernel of its own. */
	readonly system: SystemFacts | null;
	readonly program_types: Readonly<Record<string, Answered>>;
	readonly map_types: Readonly<Record<string, Answered>>;
	readonly link_types: Readonly<Record<string, Answered>>;
	readonly commands: Readonly<Record<string, Answered>>;
	readonly features: Readonly<Record<string, Answered & { readonly text: string }>>;
	readonly attach: Readonly<Record<string, AttachAnswered>>;
	readonly helpers: Readonly<Record<string, Callable>>;
	readonly kfuncs: Readonly<Record<string, Callable>>;
	/** Whether a program that calls a kfunc was really run. */
	readonly kfunc_call: ProbeAnswer;
	readonly findings: readonly Finding[];
}
