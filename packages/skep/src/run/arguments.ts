import { existsSync, statSync } from "node:fs";
import { BpfError } from "@skep/bpf/base";
import type { Kernel } from "@skep/bpf/kernel";
import type { ManifestOption, OptionJson, OptionType } from "@skep/bpf/spec";

/** A command line of a file that was not understood, or a value that cannot be. */
export class OptionError extends BpfError {
	/** The option that the file does not have: `--name`, or `-n`. */
	readonly unknown: string | undefined;
	constructor(message: string, unknown?: string) {
		super("ERR_OPTION", message);
		this.unknown = unknown;
	}
}

/** What `options({…})` gives in both halves, by the option's name. */
export type OptionValues = Readonly<Record<string, unknown>>;

export interface ParsedOptions {
	/** As the user half has them: bigint for 64 bit, undefined where nothing was given. */
	readonly values: OptionValues;
	/** Globals of `.rodata` by name. */
	readonly variables: Readonly<Record<string, number | bigint | boolean | string>>;
	/** `--help` was asked for. */
	readonly help: boolean;
}

/** `minUs` is `--min-us`. */
export const flagName = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** How an option is to be given: `--dev DEV`, or `DEV` where it is positional. */
export function howToGive(option: ManifestOption): string {
	if (option.positional) return option.name.toUpperCase();
	return option.type === "boolean"
		? `--${flagName(option.name)}`
		: `--${flagName(option.name)} ${placeholder(option.type)}`;
}

/** The words after a file's name, by the file's own options. @throws OptionError */
export function parseOptions(
	options: readonly ManifestOption[],
	words: readonly string[],
	kernel: Pick<Kernel, "interfaceIndex">,
): ParsedOptions {
	const given = new Map<ManifestOption, unknown>();
	const positionals = options.filter((o) => o.positional);
	let flags = true;
	let help = false;
	let nextPositional = 0;
	for (let i = 0; i < words.length; i++) {
		const word = words[i]!;
		if (flags && word === "--") {
			flags = false;
			continue;
		}
		if (!flags || !word.startsWith("-") || word === "-" || /^-\d/.test(word)) {
			const option = positionals[nextPositional++];
			if (option === undefined) throw new OptionError(`"${word}" is one argument too many`);
			given.set(option, parseValue(option, word, kernel));
			continue;
		}
		const equals = word.indexOf("=");
		const name = equals < 0 ? word : word.slice(0, equals);
		let attached = equals < 0 ? undefined : word.slice(equals + 1);
		if (name === "--help" || (name === "-h" && !options.some((o) => o.short === "h"))) {
			help = true;
			continue;
		}
		let option = options.find((o) => name === `--${flagName(o.name)}` || name === `-${o.short}`);
		if (option === undefined && !name.startsWith("--")) {
			option = options.find((o) => o.short === name[1]);
			if (option !== undefined && option.type !== "boolean") attached = word.slice(2);
			else option = undefined;
		}
		if (option === undefined) {
			const negated = options.find((o) => o.type === "boolean" && name === `--no-${flagName(o.name)}`);
			if (negated === undefined) throw new OptionError(unknown(name, options), name);
			given.set(negated, false);
			continue;
		}
		if (option.type === "boolean" && attached === undefined) {
			given.set(option, true);
			continue;
		}
		const text = attached ?? words[++i];
		if (text === undefined) throw new OptionError(`${name} wants ${placeholder(option.type)} after it`);
		given.set(option, parseValue(option, text, kernel));
	}
	if (!help) {
		for (const option of options) {
			if (option.required && !given.has(option))
				throw new OptionError(`${howToGive(option)} is required: ${option.help}`);
		}
	}
	return { ...settle(options, given), help };
}

function settle(
	options: readonly ManifestOption[],
	given: ReadonlyMap<ManifestOption, unknown>,
): Pick<ParsedOptions, "values" | "variables"> {
	const values: Record<string, unknown> = {};
	const variables: Record<string, number | bigint | boolean | string> = {};
	for (const option of options) {
		const value = given.has(option) ? given.get(option) : defaultOf(option);
		values[option.name] = value;
		if (option.present !== undefined) variables[option.present] = value === undefined ? 0 : 1;
		if (option.variable !== undefined && value !== undefined)
			variables[option.variable] = value as number | bigint | boolean | string;
	}
	return { values, variables };
}

const WIDE: ReadonlySet<OptionType> = new Set(["u64", "i64", "duration", "bytes"]);

function defaultOf(option: ManifestOption): unknown {
	if (option.default === undefined) return option.type === "boolean" ? false : undefined;
	return fromJson(option.type, option.default);
}

const fromJson = (type: OptionType, value: OptionJson): unknown => (WIDE.has(type) ? BigInt(value) : value);

// biome-ignore format: table
const RANGES: Partial<Record<OptionType, readonly [bigint, bigint]>> = {
	u8: [0n, 0xffn],
	u16: [0n, 0xffffn],
	u32: [0n, 0xffffffffn],
	i32: [-0x80000000n, 0x7fffffffn],
	u64: [0n, (1n << 64n) - 1n],
	i64: [-(1n << 63n), (1n << 63n) - 1n],
	pid: [1n, 0x3fffffn],
	port: [1n, 0xffffn],
};

const DURATIONS: Readonly<Record<string, bigint>> = {
	ns: 1n,
	us: 1_000n,
	ms: 1_000_000n,
	s: 1_000_000_000n,
	m: 60_000_000_000n,
	h: 3_600_000_000_000n,
};
const SIZES: Readonly<Record<string, bigint>> = { "": 1n, k: 1n << 10n, m: 1n << 20n, g: 1n << 30n, t: 1n << 40n };

function parseValue(option: ManifestOption, text: string, kernel: Pick<Kernel, "interfaceIndex">): unknown {
	const fail = (expected: string): never => {
		throw new OptionError(`${howToGive(option)}: "${text}" is not ${expected}`);
	};
	const value = parseByType(option, text, kernel, fail);
	if (option.max !== undefined && (typeof value === "number" || typeof value === "bigint") && value > option.max) {
		fail(`at most ${option.max}`);
	}
	if (option.choices !== undefined) {
		const choices = option.choices.map((c) => fromJson(option.type, c));
		if (!choices.includes(value)) fail(`one of ${option.choices.join(", ")}`);
	}
	return value;
}

function parseByType(
	option: ManifestOption,
	text: string,
	kernel: Pick<Kernel, "interfaceIndex">,
	fail: (expected: string) => never,
): unknown {
	switch (option.type) {
		case "boolean":
			return text === "true" ? true : text === "false" ? false : fail("true or false");
		case "duration": {
			const [, n, unit] = /^(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)$/.exec(text) ?? fail("a duration like 10s, 5ms or 2m");
			return scaled(n!, DURATIONS[unit!]!);
		}
		case "bytes": {
			const [, n, unit] = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text) ?? fail("a size like 4096, 64k or 2M");
			return scaled(n!, SIZES[unit!.toLowerCase()]!);
		}
		case "string":
		case "path":
			return text;
		case "comm":
			return Buffer.byteLength(text) <= 15 ? text : fail("a command name: the kernel keeps 15 bytes");
		case "interface":
			return kernel.interfaceIndex(text) > 0 ? text : fail("a network interface here: `ip link` lists them");
		case "cgroup": {
			const path = text.startsWith("/") || existsSync(text) ? text : `/sys/fs/cgroup/${text}`;
			return isFolder(path) ? path : fail("a cgroup: a folder of /sys/fs/cgroup is expected");
		}
		case "ip4": {
			const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
			if (!parts?.every((p) => p <= 255)) return fail("an IPv4 address like 192.0.2.1");
			// Network order as stored: the first octet in the lowest byte.
			return parts.reduceRight((all, part) => ((all << 8) | part) >>> 0, 0);
		}
		default: {
			const [low, high] = RANGES[option.type]!;
			if (!/^-?(\d+|0x[0-9a-f]+)$/i.test(text)) return fail(`a number from ${low} to ${high}`);
			const n = text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
			if (n < low || n > high) return fail(`a number from ${low} to ${high}`);
			return WIDE.has(option.type) ? n : Number(n);
		}
	}
}

/** Decimals times a unit, exact. */
function scaled(decimal: string, unit: bigint): bigint {
	const [whole, fraction = ""] = decimal.split(".");
	return BigInt(whole!) * unit + (BigInt(fraction || "0") * unit) / 10n ** BigInt(fraction.length);
}

function isFolder(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function unknown(name: string, options: readonly ManifestOption[]): string {
	if (options.length === 0) return `${name}: this file has no options`;
	return `no option ${name}; there are ${options.map(howToGive).join(", ")}`;
}

function placeholder(type: OptionType): string {
	switch (type) {
		case "interface":
			return "DEV";
		case "duration":
			return "TIME";
		case "bytes":
			return "SIZE";
		case "comm":
			return "NAME";
		case "path":
		case "cgroup":
			return "PATH";
		case "ip4":
			return "ADDRESS";
		case "string":
			return "TEXT";
		case "pid":
			return "PID";
		case "port":
			return "PORT";
		default:
			return "N";
	}
}

/** `skep run FILE --help`: the file's own options. */
export function renderOptions(file: string, options: readonly ManifestOption[]): string {
	const positionals = options.filter((o) => o.positional);
	const flags = options.filter((o) => !o.positional);
	const usage = positionals.map((o) => (o.required ? o.name.toUpperCase() : `[${o.name.toUpperCase()}]`));
	const lines = [
		`usage: skep run ${file}${flags.length > 0 ? " [options]" : ""}${usage.length > 0 ? ` ${usage.join(" ")}` : ""}`,
	];
	const rows = [
		...positionals.map((o) => [`  ${o.name.toUpperCase()}`, describe(o)] as const),
		...flags.map((o) => [`  ${o.short === undefined ? "    " : `-${o.short}, `}${howToGive(o)}`, describe(o)] as const),
	];
	if (rows.length === 0) return `${lines[0]}\n\nthe file has no options\n`;
	const width = Math.max(...rows.map(([head]) => head.length)) + 2;
	return `${[...lines, "", ...rows.map(([head, text]) => `${head.padEnd(width)}${text}`)].join("\n")}\n`;
}

function describe(o: ManifestOption): string {
	const notes: string[] = [];
	if (o.choices !== undefined) notes.push(`one of ${o.choices.join(", ")}`);
	if (o.default !== undefined && o.default !== false) notes.push(`default ${o.default}`);
	if (o.required && !o.positional) notes.push("required");
	return notes.length === 0 ? o.help : `${o.help} (${notes.join("; ")})`;
}
