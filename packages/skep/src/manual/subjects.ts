import { INSTRUCTIONS } from "@skep/bpf/isa";
import {
	attachSubjects,
	commandSubjects,
	helperSubjects,
	kfuncSubjects,
	kindSubjects,
	linkSubjects,
	mapSubjects,
	programSubjects,
	sectionSubjects,
} from "./kernel-subjects.ts";
import type { Subject } from "./subject.ts";
import { OPERATIONS } from "./texts/instructions.ts";
import { NEWER_TEXTS } from "./texts/newer.ts";
import { diagnosticSubjects, memberSubjects, wordSubjects } from "./words.ts";

const GROUPS = {
	base32: "base32 of RFC 9669",
	base64: "base64 of RFC 9669",
	atomic32: "atomic32 of RFC 9669",
	atomic64: "atomic64 of RFC 9669",
	divmul32: "divmul32 of RFC 9669",
	divmul64: "divmul64 of RFC 9669",
	packet: "packet of RFC 9669",
	linux: "Linux's own",
} as const;

/** What an instruction does, by the longest beginning of its name that the table has. */
export function operationOf(name: string): string | undefined {
	const fits = OPERATIONS.filter(([prefix]) => name.startsWith(prefix));
	return fits.sort((a, b) => b[0].length - a[0].length)[0]?.[1];
}

/** Operands of examples. */
const OPERANDS: Readonly<Record<string, string>> = {
	dst: "r1",
	wdst: "w1",
	src: "r2",
	wsrc: "w2",
	imm: "42",
	imm64: "0x100000000",
	off: " + 8",
	plus: " + 14",
	jump: "+5",
	ljump: "+50000",
	jimm: "+5",
	next: "",
	next32: "8",
	fd: "",
	high16: "0",
	low16: "1",
};

/** An instruction as a disassembler writes it. */
export const sampleOf = (text: string): string =>
	text.replace(/\{(\w+)\}/g, (_, name: string) => OPERANDS[name] ?? name);

/** Features that ask about instructions, by the kernel that brought them. */
const FEATURES: Readonly<Record<string, string>> = { "5.1": "jmp32", "5.12": "atomics", "6.6": "cpu_v4" };

function instructionSubjects(): Subject[] {
	return INSTRUCTIONS.map(({ name, opcode, group, since, text }) => {
		const feature = FEATURES[since];
		return {
			kind: "instruction",
			name,
			aliases: [],
			text: operationOf(name) ?? "",
			shape: text
				.replaceAll("{off}", " + off")
				.replaceAll("{plus}", " + imm")
				.replaceAll("{jump}", "+slots")
				.replaceAll("{ljump}", "+slots")
				.replace(/[{}]/g, "")
				.replaceAll("wdst", "w(dst)")
				.replaceAll("wsrc", "w(src)"),
			parts: [],
			facts: [
				["opcode", `0x${opcode.toString(16).padStart(2, "0")}`],
				["group", GROUPS[group]],
				["since", since === "" ? "no kernel so far" : `Linux ${since}`],
			],
			examples: [{ language: "assembly", text: sampleOf(text) }],
			see: [],
			...(feature === undefined ? {} : { question: { ask: "feature", name: feature } as const }),
		};
	});
}

/** What newer kernels have beyond the tables of facts. */
function newerSubjects(): Subject[] {
	return NEWER_TEXTS.map(([kind, name, alias, number, text, example]) => ({
		kind,
		name,
		aliases: [alias],
		text,
		parts: [],
		facts: [
			["number", String(number)],
			["since", "after Linux 6.18"],
			["in skep", "not used yet"],
		],
		examples: [{ language: "C", text: example }],
		see: [],
		...(kind === "attach type" ? { question: { ask: "enumerator", type: "bpf_attach_type", name } as const } : {}),
	}));
}

let all: readonly Subject[] | undefined;

/** Every subject of the manual. Made when first asked for. */
export function subjects(): readonly Subject[] {
	all ??= [
		...programSubjects(),
		...mapSubjects(),
		...helperSubjects(),
		...kfuncSubjects(),
		...wordSubjects(),
		...memberSubjects(),
		...commandSubjects(),
		...sectionSubjects(),
		...attachSubjects(),
		...linkSubjects(),
		...kindSubjects(),
		...instructionSubjects(),
		...newerSubjects(),
		...diagnosticSubjects(),
	];
	return all;
}
