import { PermissionError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import type { Kernel } from "@skep/bpf/kernel";
import {
	FEATURE_TABLE,
	type Feature,
	has,
	kfuncNames,
	type ProbeAnswer,
	probeCommand,
	probeHelper,
	probeKfunc,
	probeLink,
	probeMapType,
	probeProgramType,
} from "@skep/bpf/live";
import type { ProgramType } from "@skep/bpf/uapi";
import { prototypeOf } from "./prototype.ts";
import type { Question } from "./subject.ts";

/** What a kernel says to a question. `refused`: who asks may not. */
export interface Answer {
	readonly answer: ProbeAnswer | "refused";
	/** What to know of it: a program type, why it cannot be asked. */
	readonly note?: string;
}

/** Asks a kernel, by doing it where that is harmless. Never throws for what the kernel says. */
export function ask(kernel: Kernel, question: Question): Answer {
	try {
		return answerTo(kernel, question);
	} catch (error) {
		if (error instanceof PermissionError) return { answer: "refused", note: refusalOf(error.message) };
		throw error;
	}
}

/** What of a refusal fits into a line: `bpf(MAP_CREATE) says EPERM`. */
const refusalOf = (message: string): string => /\w+\([A-Z_]*\) says \w+/.exec(message)?.[0] ?? message.split("\n")[0]!;

function answerTo(kernel: Kernel, question: Question): Answer {
	switch (question.ask) {
		case "command":
			if (question.name === "MAP_CREATE") return { answer: probeMapType(kernel, "array") };
			if (question.name === "PROG_LOAD") return { answer: probeProgramType(kernel, "socket_filter") };
			return { answer: probeCommand(kernel, question.name) };
		case "program":
			return { answer: probeProgramType(kernel, question.type) };
		case "map":
			return { answer: probeMapType(kernel, question.type) };
		case "link":
			return { answer: probeLink(kernel, question.type) };
		case "helper":
			return anyOf(question.types, (type) => probeHelper(kernel, type, question.id));
		case "kfunc":
			if (!kfuncNames(kernel).includes(question.name))
				return { answer: "no", note: "not among the kernel's own; a module may bring it" };
			return as(
				prototypeHere(kernel, question.name),
				question.prototype,
				anyOf(question.types, (type) => probeKfunc(kernel, type, question.name)),
			);
		case "enumerator":
			// The virtual kernel's types are copies of Linux's: they say nothing of what it has.
			if (kernel.name === "virtual") return { answer: "unknown" };
			return { answer: hasEnumerator(kernel, question.type, question.name) };
		case "feature": {
			const row = FEATURE_TABLE.find((each) => each.name === question.name);
			return { answer: row && has(kernel, row.name as Feature) ? "yes" : "no", ...(row ? { note: row.text } : {}) };
		}
	}
}

/** The prototype of a kfunc in the kernel's own types. */
function prototypeHere(kernel: Kernel, name: string): string | undefined {
	const bytes = kernel.btf();
	return typeof bytes === "number" ? undefined : prototypeOf(Btf.decode(bytes, { section: "vmlinux" }), name);
}

/** An answer that says where this kernel has another prototype than the manual. */
function as(here: string | undefined, manual: string, { answer, note }: Answer): Answer {
	if (here === undefined || here === manual || answer === "no")
		return { answer, ...(note === undefined ? {} : { note }) };
	return { answer, note: `${note === undefined ? "" : `${note}, `}as ${here}` };
}

/** The first type that may; else what the others said. */
function anyOf(types: readonly ProgramType[], probe: (type: ProgramType) => ProbeAnswer): Answer {
	let answer: ProbeAnswer = "no";
	for (const type of types) {
		const said = probe(type);
		if (said === "yes") return { answer: said, note: `in ${type} programs` };
		if (said === "unknown") answer = said;
	}
	return { answer };
}

function hasEnumerator(kernel: Kernel, type: string, name: string): ProbeAnswer {
	const bytes = kernel.btf();
	if (typeof bytes === "number") return "unknown";
	const btf = Btf.decode(bytes, { section: "vmlinux" });
	const id = btf.find(type, "enum");
	if (id === undefined) return "unknown";
	const enumeration = btf.type(id);
	if (enumeration.kind !== "enum") return "unknown";
	return enumeration.values.some((value) => value.name === name) ? "yes" : "no";
}
