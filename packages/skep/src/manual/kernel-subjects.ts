import { COMMANDS, type CommandName } from "@skep/bpf/kernel";
import {
	ATTACH_TYPES,
	type AttachType,
	attachTypeSince,
	HELPERS,
	LINK_TYPES,
	type LinkType,
	MAP_TYPES,
	type MapType,
	PROGRAM_TYPES,
	type ProgramType,
	type SectionMeaning,
	sectionMeaning,
} from "@skep/bpf/uapi";
import { KFUNCS } from "@skep/bpf/uapi/kfuncs";
import { HELPER_PROTOTYPES } from "@skep/bpf/uapi/prototypes";
import type { Example, Subject } from "./subject.ts";
import { ATTACH_TEXTS } from "./texts/attach-types.ts";
import { KIND_TEXTS } from "./texts/btf-kinds.ts";
import { COMMAND_TEXTS } from "./texts/commands.ts";
import { ARGUMENTS, HELPER_TEXTS } from "./texts/helpers.ts";
import { KFUNC_TEXTS } from "./texts/kfuncs.ts";
import { LINK_TEXTS } from "./texts/link-types.ts";
import { MAP_TEXTS } from "./texts/map-types.ts";
import { PROGRAM_TEXTS } from "./texts/program-types.ts";
import { SECTION_TEXTS, type SectionRow } from "./texts/sections.ts";
import type { Text } from "./texts/text.ts";
import { exampleOfWord } from "./words.ts";

const keys = <K extends string>(table: Readonly<Record<K, unknown>>): K[] => Object.keys(table) as K[];

function examplesOf({ example, word }: Pick<Text, "example" | "word">): Example[] {
	const ours = word === undefined ? undefined : exampleOfWord(word);
	return [...(ours ? [ours] : []), ...(example === undefined ? [] : [{ language: "C" as const, text: example }])];
}
const seeOf = ({ see, word }: Pick<Text, "see" | "word">): string[] => [
	...(word ? [`word ${word}`] : []),
	...(see ?? []),
];

/** `name: meaning`. */
function partOf(line: string): [string, string] {
	const at = line.indexOf(": ");
	return [line.slice(0, at), line.slice(at + 2)];
}

export function commandSubjects(): Subject[] {
	return keys<CommandName>(COMMANDS).map((name) => {
		const row = COMMAND_TEXTS[name];
		return {
			kind: "command",
			name: `BPF_${name}`,
			aliases: [name],
			text: row.text,
			shape: `int bpf(BPF_${name}, union bpf_attr *attr, unsigned int size)`,
			parts: row.attributes.map(partOf),
			facts: [
				["gives", row.result],
				["number", String(COMMANDS[name].value)],
				["since", `Linux ${COMMANDS[name].since}`],
				["needs", row.needs],
			],
			examples: examplesOf(row),
			see: seeOf(row),
			question: { ask: "command", name },
		};
	});
}

/** Sections that make programs of a type, as `sectionMeaning` has them. */
const sectionsOf = (type: ProgramType): string[] =>
	SECTION_TEXTS.filter(([name]) => sectionMeaning(name)?.type === type).map(([name, target]) =>
		sectionName(name, target),
	);
const sectionName = (name: string, target: string): string =>
	target === "" || target.startsWith("[") ? name : `${name}/`;

export function programSubjects(): Subject[] {
	return keys<ProgramType>(PROGRAM_TYPES).map((type) => {
		const row = PROGRAM_TEXTS[type];
		const { value, since } = PROGRAM_TYPES[type];
		return {
			kind: "program type",
			name: `BPF_PROG_TYPE_${type.toUpperCase()}`,
			aliases: [type],
			text: row.text,
			parts: [
				["context", row.context],
				["result", row.returns],
			],
			facts: [
				["sections", sectionsOf(type).join(", ")],
				["number", String(value)],
				["since", `Linux ${since}`],
				["needs", row.needs],
			],
			examples: examplesOf(row),
			see: seeOf(row),
			question: { ask: "program", type },
		};
	});
}

export function mapSubjects(): Subject[] {
	return keys<MapType>(MAP_TYPES).map((type) => {
		const row = MAP_TEXTS[type];
		const { value, since } = MAP_TYPES[type];
		return {
			kind: "map type",
			name: `BPF_MAP_TYPE_${type.toUpperCase()}`,
			aliases: [type],
			text: row.text,
			parts: [
				["key", row.key],
				["value", row.value],
				["max_entries", row.entries],
			],
			facts: [
				["number", String(value)],
				["since", `Linux ${since}`],
				["needs", row.needs ?? "CAP_BPF"],
			],
			examples: examplesOf(row),
			see: seeOf(row),
			question: { ask: "map", type },
		};
	});
}

/** `u32 size`, `void (*less)()` → the argument's name. */
function argumentName(text: string): string {
	return /\(\*(\w+)\)/.exec(text)?.[1] ?? /(\w+|\.\.\.)$/.exec(text.trim())?.[1] ?? text;
}

/** The arguments of `long (void *dst, u32 size)`. */
export function argumentsOf(prototype: string): string[] {
	const inner = prototype.slice(prototype.indexOf("(") + 1, prototype.lastIndexOf(")"));
	return inner === "void" || inner === "" ? [] : inner.split(", ");
}

/** `long (u32 sig)` with a name: `long bpf_send_signal(u32 sig)`. */
const named = (prototype: string, name: string): string => prototype.replace("(", `${name}(`);

/** Who may, as found out in Linux 7.3: earlier kernels may have let fewer. */
const usersText = (users: "all" | readonly ProgramType[]): string =>
	`${users === "all" ? "all program types" : users.join(", ")} (Linux 7.3)`;

/** Types to ask first: those that load without anything else. */
const EASY: readonly ProgramType[] = [
	"kprobe",
	"socket_filter",
	"sched_cls",
	"xdp",
	"cgroup_skb",
	"syscall",
	"tracing",
];
const askedOf = (users: "all" | readonly ProgramType[]): readonly ProgramType[] =>
	users === "all" ? EASY.slice(0, 2) : [...EASY.filter((type) => users.includes(type)), ...users].slice(0, 4);

export function helperSubjects(): Subject[] {
	const texts = new Map(HELPER_TEXTS.map((row) => [row[0], row]));
	return HELPERS.map(({ id, name, gpl, since }) => {
		const [, text, returns, example, more = {}] = texts.get(name)!;
		const { prototype, users, perfmon } = HELPER_PROTOTYPES.get(name)!;
		return {
			kind: "helper",
			name: `bpf_${name}`,
			aliases: [name],
			text,
			shape: named(prototype, `bpf_${name}`),
			parts: argumentsOf(prototype).map((each) => {
				const argument = argumentName(each);
				return [
					argument,
					argument === "..." ? "up to three values" : (more.args?.[argument] ?? ARGUMENTS[argument] ?? ""),
				];
			}),
			facts: [
				["gives", returns],
				["number", String(id)],
				["since", `Linux ${since}`],
				["for", usersText(users)],
				...(perfmon ? [["needs", "CAP_PERFMON, in programs of any type"] as const] : []),
				["licence", gpl ? "GPL-compatible only" : "any"],
			],
			examples: examplesOf({ example, ...(more.word === undefined ? {} : { word: more.word }) }),
			see: seeOf({ ...(more.see ? { see: more.see } : {}), ...(more.word === undefined ? {} : { word: more.word }) }),
			question: { ask: "helper", id, types: askedOf(users) },
		};
	});
}

export function kfuncSubjects(): Subject[] {
	const texts = new Map(KFUNC_TEXTS.map((row) => [row[0], row]));
	return KFUNCS.map(({ name, since, prototype, users, sleepable }) => {
		const [, text, example] = texts.get(name) ?? [];
		return {
			kind: "kfunc",
			name,
			aliases: [name.replace(/^bpf_/, "")].filter((alias) => alias !== name),
			text:
				text ??
				"A function of the kernel that programs may call. The manual has no text of it: its prototype is from the kernel's types.",
			shape: named(prototype, name),
			parts: [],
			facts: [
				["since", sinceText(since)],
				["for", usersText(users)],
				...(sleepable ? [["besides", "sleepable programs only"] as const] : []),
				["licence", "GPL-compatible only"],
			],
			examples: examplesOf(example === undefined ? {} : { example }),
			see: [...relatives(name), "call_kfunc"],
			question: { ask: "kfunc", name, types: askedOf(users), prototype },
		};
	});
}

const KFUNC_NAMES = new Set(KFUNCS.map((each) => each.name));
/** Endings of kfuncs that are used together. */
const TOGETHER = [
	["_new", "_next", "_destroy"],
	["_acquire", "_from_id", "_from_pid", "_create", "_lookup", "_alloc", "_release"],
	["_lock", "_unlock"],
	["_lock_irqsave", "_unlock_irqrestore"],
	["_disable", "_enable"],
	["_save", "_restore"],
	["_init", "_set_callback", "_set_callback_impl", "_start"],
	["_encrypt", "_decrypt"],
] as const;

/** Kfuncs that are used with one: `bpf_task_release` with `bpf_task_from_pid`. */
function relatives(name: string): string[] {
	return TOGETHER.flatMap((endings) => {
		const ending = endings.find((each) => name.endsWith(each));
		if (ending === undefined) return [];
		const stem = name.slice(0, -ending.length);
		return endings.map((each) => `${stem}${each}`).filter((each) => each !== name && KFUNC_NAMES.has(each));
	});
}

const sinceText = (since: string | undefined): string =>
	since === undefined ? "not known" : since.startsWith(">") ? `after Linux ${since.slice(1)}` : `Linux ${since}`;

/** A kfunc that no table has, by the types of the kernel that runs. */
export function unknownKfunc(name: string, prototype: string): Subject {
	return {
		kind: "kfunc",
		name,
		aliases: [],
		text: "A function of this kernel that programs may call. The manual has no text of it: its prototype is from the kernel's types.",
		shape: named(prototype, name),
		parts: [],
		facts: [],
		examples: [],
		see: ["call_kfunc"],
		question: { ask: "kfunc", name, types: ["tracing", "syscall", "sched_cls", "xdp"], prototype },
	};
}

/** First kernels of what sections ask for beyond a program type and an attach type. */
const SLEEPABLE: Partial<Readonly<Record<AttachType | ProgramType, string>>> = {
	trace_iter: "5.18",
	kprobe: "6.0",
	struct_ops: "6.3",
};
const FRAGMENTS = "5.18";
const IN_PROCESSES = "4.3";

/** The first kernel of a section: of all that it asks for, the youngest. Attach types that loaders may leave out are not asked for. */
function sinceOfSection(name: string, { type, attachType, sleepable, frags }: SectionMeaning): string {
	const since: string[] = [PROGRAM_TYPES[type].since];
	if (attachType !== undefined && !WITHOUT_ATTACH_TYPE.has(name)) since.push(attachTypeSince(attachType));
	if (/^(u(ret)?probe|usdt)/.test(name)) since.push(IN_PROCESSES);
	if (sleepable) since.push(SLEEPABLE[attachType ?? type] ?? "5.10");
	if (frags) since.push(FRAGMENTS);
	return since.reduce((a, b) => (compareVersions(a, b) < 0 ? b : a));
}

/** Programs that are older than the attach types which their sections have now. */
const WITHOUT_ATTACH_TYPE: ReadonlySet<string> = new Set(["xdp", "xdp.frags", "sk_reuseport"]);

function compareVersions(a: string, b: string): number {
	const [majorA = 0, minorA = 0] = a.split(".").map(Number);
	const [majorB = 0, minorB = 0] = b.split(".").map(Number);
	return majorA - majorB || minorA - minorB;
}

export function sectionSubjects(): Subject[] {
	return SECTION_TEXTS.map(([name, target, text, example]) => {
		const meaning = sectionMeaning(name)!;
		const { type, attachType, sleepable } = meaning;
		const form =
			target === ""
				? name
				: target.startsWith("[")
					? `${name}[/${target.slice(1)}`
					: `${name}/${target.split(":")[0] === "PATTERN" ? "PATTERN" : target}`;
		return {
			kind: "section",
			name: sectionName(name, target),
			aliases: name === sectionName(name, target) ? [] : [name],
			text,
			shape: `SEC("${form}")`,
			parts: target.includes(": ") ? [partOf(target)] : [],
			facts: [
				[
					"makes",
					`a program of type ${type}${attachType ? `, attach type ${attachType}` : ""}${sleepable ? ", sleepable" : ""}`,
				],
				["since", `Linux ${sinceOfSection(name, meaning)}`],
			],
			examples: [sectionExample(name, target, example)],
			see: [`program type ${type}`, ...(attachType ? [`attach type ${attachType}`] : [])],
			question: { ask: "program", type },
		};
	});
}

/** Targets of examples. */
const TARGETS: Readonly<Record<string, string>> = {
	"FUNCTION[+OFFSET]": "do_unlinkat",
	FUNCTION: "vfs_read",
	"FILE:SYMBOL[+OFFSET]": "/bin/bash:readline",
	"FILE:PATTERN": "/usr/lib/libc.so.6:malloc*",
	"FILE:PROVIDER:NAME": "/usr/bin/node:node:gc__start",
	"CATEGORY/EVENT": "sched/sched_process_exec",
	EVENT: "sched_process_exec",
	SYSCALL: "openat",
	HOOK: "file_open",
	TARGET: "task",
};

/** Targets of those sections that take not every function, hook or event. */
const OWN_TARGETS: Readonly<Record<string, string>> = {
	"fentry.s": "__x64_sys_openat",
	"fexit.s": "__x64_sys_openat",
	"fsession.s": "__x64_sys_openat",
	fmod_ret: "security_file_open",
	"fmod_ret.s": "__x64_sys_openat",
	freplace: "decide",
	"lsm.s": "bprm_check_security",
	lsm_cgroup: "socket_bind",
	"raw_tracepoint.w": "bpf_test_finish",
	"raw_tp.w": "bpf_test_finish",
};
const exampleSection = (name: string, target: string): string => {
	const own = OWN_TARGETS[name] ?? (target.startsWith("PATTERN") ? "tcp_*" : TARGETS[target]);
	return own === undefined ? name : `${name}/${own}`;
};

const sectionExample = (name: string, target: string, code: string): Example => ({
	language: "C",
	text: `SEC("${exampleSection(name, target)}")\n${code}`,
});

/** Of attach types that no section names: links alone have them. */
const BY_LINK: Partial<Readonly<Record<AttachType, string>>> = {
	perf_event: "int link = bpf_link_create(prog_fd, perf_event_fd, BPF_PERF_EVENT, NULL);",
	struct_ops: "int link = bpf_link_create(map_fd, 0, BPF_STRUCT_OPS, NULL);",
};

/** Of several sections the one that people write: `xdp` of `xdp.frags` and `xdp`. */
function plainest(sections: readonly SectionRow[]): SectionRow {
	const young = sections.filter(([, , text]) => !text.includes("older"));
	return (young.length > 0 ? young : sections).reduce((a, b) => (b[0].length < a[0].length ? b : a));
}

/** BPF_XDP, but BPF_CGROUP_INET_INGRESS: as the kernel spells it. */
export const attachName = (type: AttachType): string => `BPF_${type.toUpperCase()}`;

export function attachSubjects(): Subject[] {
	return keys<AttachType>(ATTACH_TYPES).map((type) => {
		const sections = SECTION_TEXTS.filter(([name]) => sectionMeaning(name)?.attachType === type);
		const users = [...new Set(sections.map(([name]) => sectionMeaning(name)!.type))];
		return {
			kind: "attach type",
			name: attachName(type),
			aliases: [type],
			text: ATTACH_TEXTS[type],
			parts: [],
			facts: [
				...(users.length > 0 ? [["of", `programs of type ${users.join(", ")}`] as const] : []),
				...(sections.length > 0
					? [["sections", sections.map(([name, target]) => sectionName(name, target)).join(", ")] as const]
					: []),
				["number", String(ATTACH_TYPES[type])],
				["since", `Linux ${attachTypeSince(type)}`],
			],
			examples:
				sections.length === 0
					? [{ language: "C", text: BY_LINK[type] ?? "" }]
					: [plainest(sections)].map(([name, target, , code]) => sectionExample(name, target, code)),
			see: [...users.map((each) => `program type ${each}`), "BPF_LINK_CREATE", "BPF_PROG_ATTACH"],
			question: { ask: "enumerator", type: "bpf_attach_type", name: attachName(type) },
		};
	});
}

export function linkSubjects(): Subject[] {
	return keys<LinkType>(LINK_TYPES).map((type) => {
		const row = LINK_TEXTS[type];
		const { value, since } = LINK_TYPES[type];
		return {
			kind: "link type",
			name: `BPF_LINK_TYPE_${type.toUpperCase()}`,
			aliases: [type],
			text: row.text,
			parts: [],
			facts: [
				["number", String(value)],
				["since", `Linux ${since}`],
			],
			examples: examplesOf(row),
			see: seeOf(row),
			question: { ask: "link", type },
		};
	});
}

/** Kinds that a probe asks about, by their features' names. */
const KIND_FEATURES: Readonly<Record<string, string>> = {
	FUNC: "btf_func",
	DATASEC: "btf_datasec",
	FLOAT: "btf_float",
	DECL_TAG: "btf_decl_tag",
	TYPE_TAG: "btf_type_tag",
	ENUM64: "btf_enum64",
};

export function kindSubjects(): Subject[] {
	return KIND_TEXTS.map(([name, value, since, text, example]) => {
		const feature = KIND_FEATURES[name];
		return {
			kind: "BTF kind",
			name: `BTF_KIND_${name}`,
			aliases: [name],
			text,
			parts: [],
			facts: [
				["number", String(value)],
				["since", `Linux ${since}`],
			],
			examples: [{ language: "C", text: example }],
			see: ["BPF_BTF_LOAD"],
			...(feature === undefined ? {} : { question: { ask: "feature", name: feature } as const }),
		};
	});
}
