import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Btf } from "@skep/bpf/btf";
import { INSTRUCTIONS, parse, rowOf } from "@skep/bpf/isa";
import { COMMANDS } from "@skep/bpf/kernel";
import { ATTACH_KINDS, probeHelper } from "@skep/bpf/live";
import {
	ATTACH_TYPES,
	HELPERS,
	LINK_TYPES,
	MAP_TYPES,
	PROGRAM_TYPES,
	type ProgramType,
	SECTION_NAMES,
} from "@skep/bpf/uapi";
import { KFUNCS } from "@skep/bpf/uapi/kfuncs";
import { HELPER_PROTOTYPES } from "@skep/bpf/uapi/prototypes";
import { pages } from "@skep/compiler/diagnostics";
import { WORDS } from "@skep/compiler/language";
import { openLinux } from "@skep/linux";
import { seen } from "./find.ts";
import { KINDS, type Kind, type Subject, subjects } from "./index.ts";
import { argumentsOf } from "./kernel-subjects.ts";
import { prototypeOf } from "./prototype.ts";
import { operationOf, sampleOf } from "./subjects.ts";
import { KIND_TEXTS } from "./texts/btf-kinds.ts";
import { DIAGNOSTIC_EXAMPLES, ELSEWHERE } from "./texts/diagnostics.ts";
import { HELPER_TEXTS } from "./texts/helpers.ts";
import { KFUNC_TEXTS } from "./texts/kfuncs.ts";
import { NEWER_TEXTS } from "./texts/newer.ts";
import { SECTION_TEXTS } from "./texts/sections.ts";
import { WORD_TEXTS } from "./texts/words.ts";

const NEWER = new Map(NEWER_TEXTS.map((row) => [row[1], row[3]]));
const of = (kind: Kind): readonly Subject[] => subjects().filter((each) => each.kind === kind && !NEWER.has(each.name));
const upper = (prefix: string, table: object): string[] =>
	Object.keys(table).map((name) => `${prefix}${name.toUpperCase()}`);

test("every row of every table of facts has a text, once", () => {
	assert.deepEqual(
		of("command").map((s) => s.name),
		upper("BPF_", COMMANDS),
	);
	assert.deepEqual(
		of("program type").map((s) => s.name),
		upper("BPF_PROG_TYPE_", PROGRAM_TYPES),
	);
	assert.deepEqual(
		of("map type").map((s) => s.name),
		upper("BPF_MAP_TYPE_", MAP_TYPES),
	);
	assert.deepEqual(
		of("attach type").map((s) => s.name),
		upper("BPF_", ATTACH_TYPES),
	);
	assert.deepEqual(
		of("link type").map((s) => s.name),
		upper("BPF_LINK_TYPE_", LINK_TYPES),
	);
	assert.deepEqual(
		HELPER_TEXTS.map((row) => row[0]),
		HELPERS.map((each) => each.name),
	);
	assert.deepEqual(
		[...HELPER_PROTOTYPES.keys()],
		HELPERS.map((each) => each.name),
	);
	assert.deepEqual(
		SECTION_TEXTS.map((row) => row[0]),
		SECTION_NAMES,
	);
	assert.deepEqual(WORD_TEXTS.map((row) => row[0]).sort(), WORDS.map((word) => word.name).sort());
	assert.deepEqual(
		[...Object.keys(DIAGNOSTIC_EXAMPLES), ...Object.keys(ELSEWHERE)].sort(),
		pages()
			.map((p) => p.code)
			.sort(),
	);
	assert.deepEqual(
		KIND_TEXTS.map((row) => row[1]),
		Array.from({ length: 19 }, (_, i) => i + 1),
	);
	for (const { name } of INSTRUCTIONS) assert.ok(operationOf(name), name);
	const kfuncs = new Set(KFUNCS.map((each) => each.name));
	for (const [name] of KFUNC_TEXTS) assert.ok(kfuncs.has(name), `${name} is no kfunc of the table`);
	assert.ok(KFUNC_TEXTS.length >= 290, `${KFUNC_TEXTS.length} kfuncs have a text`);
});

test("texts are sentences, arguments have meanings, names are unique within their kind", () => {
	for (const kind of KINDS) {
		const names = of(kind).map((each) => each.name);
		assert.equal(new Set(names).size, names.length, kind);
	}
	for (const each of subjects()) {
		assert.match(each.text, /^\S.*[.)]$/s, each.name);
		assert.doesNotMatch(each.text, / {2}|\t|\n/, each.name);
		for (const [part, meaning] of each.parts) assert.ok(meaning !== "", `${each.name}: ${part} has no meaning`);
		for (const [label, value] of each.facts) assert.ok(value !== "" && value !== undefined, `${each.name}: ${label}`);
	}
});

test("every subject has an example; those of instructions parse to them", () => {
	for (const each of subjects())
		if (each.kind !== "kfunc") assert.ok(each.examples.length > 0, `${each.kind} ${each.name} has no example`);
	for (const { name, text } of INSTRUCTIONS) assert.equal(rowOf(parse(sampleOf(text)))?.name, name, sampleOf(text));
});

test("what is referred to is there", () => {
	for (const each of subjects())
		for (const reference of each.see) assert.ok(seen(reference), `${each.name} refers to ${reference}`);
});

/** The arguments of a call in C. */
function callOf(text: string, name: string): string[] | undefined {
	const at = text.indexOf(`${name}(`);
	if (at < 0) return undefined;
	const found: string[] = [];
	let depth = 0;
	let from = at + name.length + 1;
	for (let i = from; i < text.length; i++) {
		const c = text[i]!;
		if (c === '"') {
			i = text.indexOf('"', i + 1);
			continue;
		}
		if (c === "," && depth === 0) {
			found.push(text.slice(from, i));
			from = i + 1;
		}
		if (c === "(") depth++;
		if (c === ")" && depth-- === 0) {
			const last = text.slice(from, i);
			return last.trim() === "" ? found : [...found, last];
		}
	}
	return undefined;
}

test("helpers: prototypes have the arguments of the helper table, and examples give as many", () => {
	for (const { name, args } of HELPERS) {
		const { prototype } = HELPER_PROTOTYPES.get(name)!;
		assert.equal(argumentsOf(prototype).length, args.length, `${name}: ${prototype}`);
		const [, , , example] = HELPER_TEXTS.find((row) => row[0] === name)!;
		const call = callOf(example, `bpf_${name}`);
		assert.ok(call, `the example of ${name} does not call it`);
		if (!args.includes("...")) assert.equal(call.length, args.length, `${name}: ${example}`);
	}
});

test("kfuncs: examples call what they show, or its macro", () => {
	const prototypes = new Map(KFUNCS.map((each) => [each.name, each.prototype]));
	for (const [name, , example] of KFUNC_TEXTS) {
		if (example === undefined) continue;
		const call = callOf(example, name);
		if (call) assert.equal(call.length, argumentsOf(prototypes.get(name)!).length, `${name}: ${example}`);
		else {
			// bpf_obj_new_impl → bpf_obj_new, bpf_iter_num_new → bpf_for, bpf_iter_task_new → bpf_for_each(task, …)
			const macro = name.replace(/(_impl|_bstr)$/, "").replace("_vprintk", "_printk");
			const loop =
				name === "bpf_iter_num_new" ? "bpf_for(" : `bpf_for_each(${name.replace(/^bpf_iter_(\w+)_new$/, "$1")}`;
			assert.ok(example.includes(`${macro}(`) || example.includes(loop), `${name}: ${example}`);
		}
	}
});

function kernelTypes(): Btf | string {
	try {
		return Btf.decode(new Uint8Array(readFileSync("/sys/kernel/btf/vmlinux")), { section: "vmlinux" });
	} catch (error) {
		return `needs the kernel's types: ${(error as Error).message}`;
	}
}

/** Name → value of an enumeration of the running kernel. */
function enumeration(btf: Btf, name: string, prefix: string): Map<string, number> {
	// Enumerations without a name, or several of one: the one with the prefix.
	const types = btf.findAll(name).map((id) => btf.type(id));
	const found = new Map<string, number>();
	for (const type of types)
		if (type.kind === "enum")
			for (const each of type.values)
				if (each.name.startsWith(prefix)) found.set(each.name.slice(prefix.length), each.value);
	return found;
}

test("names and numbers are the running kernel's", (t) => {
	const btf = kernelTypes();
	if (typeof btf === "string") return t.skip(btf);
	const check = (type: string, prefix: string, ours: ReadonlyMap<string, number>): void => {
		const theirs = enumeration(btf, type, prefix);
		assert.ok(theirs.size > 0, type);
		const byNumber = new Map([...ours].map(([name, value]) => [value, name]));
		for (const [name, value] of theirs) {
			// COMMON_ATTRS is a flag beside a command.
			if (/^(__MAX|MAX|__|UNSPEC|unspec)|_MAX_ID$|^COMMON_ATTRS$/.test(name)) continue;
			// New names of old numbers, and the other way round: CGROUP_STORAGE is CGROUP_STORAGE_DEPRECATED too.
			if (ours.has(name)) assert.equal(ours.get(name), value, `${prefix}${name}`);
			else if (NEWER.has(`${prefix}${name}`)) assert.equal(NEWER.get(`${prefix}${name}`), value, `${prefix}${name}`);
			else assert.ok(byNumber.has(value), `${prefix}${name} = ${value} is in no table`);
		}
	};
	const values = (table: Readonly<Record<string, { readonly value: number }>>): Map<string, number> =>
		new Map(Object.entries(table).map(([name, row]) => [name.toUpperCase(), row.value]));
	check("bpf_func_id", "BPF_FUNC_", new Map(HELPERS.map((each) => [each.name, each.id])));
	check("bpf_prog_type", "BPF_PROG_TYPE_", values(PROGRAM_TYPES));
	check("bpf_map_type", "BPF_MAP_TYPE_", values(MAP_TYPES));
	check("bpf_link_type", "BPF_LINK_TYPE_", values(LINK_TYPES));
	check("bpf_cmd", "BPF_", values(COMMANDS));
	check(
		"bpf_attach_type",
		"BPF_",
		new Map(Object.entries(ATTACH_TYPES).map(([name, value]) => [name.toUpperCase(), value])),
	);
	return undefined;
});

/** 5.10 < 6.1. */
function isNewer(since: string, release: string): boolean {
	const [a = 0, b = 0] = since.split(".").map(Number);
	const [major = 0, minor = 0] = release.split(".").map(Number);
	return a > major || (a === major && b > minor);
}

test("the running kernel has what came before it, and nothing that came after", (t) => {
	const btf = kernelTypes();
	if (typeof btf === "string") return t.skip(btf);
	const release = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
	const check = (type: string, prefix: string, ours: readonly (readonly [string, string])[]): void => {
		const theirs = enumeration(btf, type, prefix);
		for (const [name, since] of ours)
			if (isNewer(since, release))
				assert.ok(!theirs.has(name), `${prefix}${name} is said to be of ${since}, this is ${release}`);
			else
				assert.ok(
					theirs.has(name) || OLD_NAMES.test(name),
					`${prefix}${name} is said to be of ${since}, this is ${release}`,
				);
	};
	const rows = (table: Readonly<Record<string, { readonly since: string }>>): [string, string][] =>
		Object.entries(table).map(([name, { since }]) => [name.toUpperCase(), since]);
	check(
		"bpf_func_id",
		"BPF_FUNC_",
		HELPERS.map((each) => [each.name, each.since]),
	);
	check("bpf_prog_type", "BPF_PROG_TYPE_", rows(PROGRAM_TYPES));
	check("bpf_map_type", "BPF_MAP_TYPE_", rows(MAP_TYPES));
	check("bpf_cmd", "BPF_", rows(COMMANDS));
	const functions = new Set<string>();
	for (let id = 1; id <= btf.count; id++) {
		const type = btf.type(id);
		if (type.kind === "func") functions.add(type.name);
	}
	for (const { name, since } of KFUNCS) {
		// These were the kernel's own functions before they were kfuncs.
		if (since === undefined || /^(tcp_|crash_kexec)/.test(name)) continue;
		const newer = since.startsWith(">") ? !isNewer(release, since.slice(1)) : isNewer(since, release);
		if (newer) assert.ok(!functions.has(name), `${name} is said to be of ${since}, this is ${release}`);
	}
	return undefined;
});
/** Enumerators that were given other names: struct_ops' storage, sockets' and cgroups' of old. */
const OLD_NAMES = /^(CGROUP_STORAGE|PERCPU_CGROUP_STORAGE)$/;

test("no program type may call a helper here that the table does not give it", (t) => {
	if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
	const kernel = openLinux();
	const types: readonly ProgramType[] = [
		"socket_filter",
		"kprobe",
		"sched_cls",
		"xdp",
		"cgroup_skb",
		"sk_msg",
		"syscall",
	];
	try {
		for (const { id, name } of HELPERS) {
			const { users } = HELPER_PROTOTYPES.get(name)!;
			for (const type of types)
				if (probeHelper(kernel, type, id) === "yes")
					assert.ok(users === "all" || users.includes(type), `${name} may be called by ${type} here`);
		}
	} catch (error) {
		if ((error as { code?: string }).code === "ERR_ASSERTION") throw error;
		return t.skip(`needs CAP_BPF: ${(error as Error).message.split("\n")[0]}`);
	}
	return undefined;
});

test("every kfunc of the running kernel is told: by the table, or by the kernel's types", (t) => {
	const btf = kernelTypes();
	if (typeof btf === "string") return t.skip(btf);
	const known = new Set(KFUNCS.map((each) => each.name));
	const release = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
	const unknown: string[] = [];
	for (let id = 1; id <= btf.count; id++) {
		const type = btf.type(id);
		if (type.kind !== "decl_tag" || type.name !== "bpf_kfunc") continue;
		const name = btf.name(type.type);
		assert.ok(known.has(name) || prototypeOf(btf, name), name);
		// Those of the kernel's own tests have no row.
		if (!known.has(name) && !/^bpf_(fentry_test|modify_return_test|kfunc_call_)/.test(name)) unknown.push(name);
	}
	if (/^(6\.18|7\.3)\./.test(release)) assert.deepEqual(unknown, []);
	return undefined;
});

test("kfuncs have the arguments that the running kernel's types say, where it is the tables' kernel", (t) => {
	const btf = kernelTypes();
	if (typeof btf === "string") return t.skip(btf);
	const release = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
	// Signatures change from kernel to kernel: `skep help` tells the running one's beside the table's.
	if (!release.startsWith("7.3.")) return t.skip(`the table is Linux 7.3's, this is ${release}`);
	const different: string[] = [];
	for (const { name, prototype } of KFUNCS) {
		// Old spellings stay functions of the kernel, without the tag of kfuncs.
		const theirs = name.endsWith("_impl") ? undefined : prototypeOf(btf, name);
		if (theirs !== undefined && theirs !== prototype) different.push(`${name}: ${theirs}, not ${prototype}`);
	}
	assert.deepEqual(different, []);
	return undefined;
});

test("sections came with the kernels that probes of attaching know", () => {
	// Probed at a hook that takes sleepable programs later than the first one; by a filter of clsact.
	const others = new Map([
		["lsm.s", "5.11"],
		["tc", "4.5"],
	]);
	const sections = new Map(
		of("section").map((each) => [each.name.replace(/\/$/, ""), new Map(each.facts).get("since")]),
	);
	for (const { name, since } of ATTACH_KINDS) {
		const said = sections.get(name);
		if (said !== undefined && others.get(name) !== since) assert.equal(said, `Linux ${since}`, name);
	}
});
