import { BpfError } from "@skep/bpf/base";
import type { Kernel } from "@skep/bpf/kernel";
import { CONFIG_OPTIONS } from "@skep/bpf/uapi";
import { openLinux, systemFacts, withoutCapabilities } from "#backend/linux";
import { STATUS, type Words } from "#cli";
import {
	BUILTIN_GROUPS,
	builtins,
	type FeatureOptions,
	type FeatureReport,
	featureMacros,
	featureReport,
	featureText,
} from "#doctor";
import { type Desk, type Task, writeJson } from "./desk.ts";

interface Asked {
	readonly device: string | undefined;
	readonly full: boolean;
	readonly unprivileged: boolean;
	readonly macros: boolean;
	readonly prefix: string | undefined;
}

/** `probe [kernel|dev NAME] [full] [unprivileged] [macros [prefix PREFIX]]`: words in any order. */
export const probe: Task = (words, desk) => {
	const asked = wordsOf(words);
	const report = answer(asked, desk);
	if (desk.json) writeJson(desk, report);
	else if (asked.macros) {
		const { full, prefix } = asked;
		desk.write(featureMacros(report, { full, ...(prefix === undefined ? {} : { prefix }) }));
	} else desk.write(featureText(report));
	return STATUS.ok;
};

/** `list_builtins GROUP`. */
export const listBuiltins: Task = (words, desk) => {
	const names = builtins(words.oneOf(BUILTIN_GROUPS, "group"));
	words.end();
	if (desk.json) writeJson(desk, names);
	else desk.write(names.map((name) => `${name}\n`).join(""));
	return STATUS.ok;
};

function wordsOf(words: Words): Asked {
	let component: string | undefined;
	let device: string | undefined;
	let full = false;
	let unprivileged = false;
	let macros = false;
	let prefix: string | undefined;
	while (!words.empty) {
		const word = words.oneOf(["kernel", "dev", "full", "unprivileged", "macros", "prefix"], "keyword of probe");
		if (word === "kernel" || word === "dev") {
			if (component !== undefined) throw words.wrong(`"${component}" was asked for already`);
			component = word;
			if (word === "dev") device = words.next("the device");
		} else if (word === "full") full = true;
		else if (word === "unprivileged") unprivileged = true;
		else if (word === "macros") macros = true;
		else {
			if (!macros) throw words.wrong("prefix stands behind macros");
			prefix = words.next("the prefix");
			if (!/^\w*$/.test(prefix)) throw words.wrong(`"${prefix}" cannot begin a macro's name`);
		}
	}
	return { device, full, unprivileged, macros, prefix };
}

function answer(asked: Asked, desk: Desk): FeatureReport {
	const { kernel } = desk;
	if (!asked.unprivileged || kernel.name !== "linux") return featureReport(kernel, optionsOf(kernel, asked));
	// Another one: the first may remember what it answered to somebody with privileges.
	const report = withoutCapabilities(() => featureReport(openLinux(), optionsOf(kernel, asked)));
	if (typeof report !== "number") return report;
	throw new BpfError("ERR_PERMISSION", `the capabilities of this process cannot be laid down: errno ${-report}`);
}

function optionsOf(kernel: Kernel, { device, full }: Asked): FeatureOptions {
	const facts = kernel.name === "linux" ? systemFacts(CONFIG_OPTIONS.map(({ name }) => name)) : undefined;
	if (device === undefined) return { full, facts };
	const ifindex = kernel.interfaceIndex(device);
	if (ifindex < 0) throw new BpfError("ERR_NO_TARGET", `there is no network device ${device}`);
	return { full, facts, ifindex };
}
