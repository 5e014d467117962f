import { BpfError } from "@skep/bpf/base";
import type { Kernel } from "@skep/bpf/kernel";
import type { ManifestOption } from "@skep/bpf/spec";
import { flagName, type ParsedOptions, parseOptions, type Source } from "#run";

/** Options as a test gives them, by name and as the user half has them. They pass the same checks as words of a command line. */
export function optionsOf(
	source: Source,
	given: Readonly<Record<string, unknown>>,
	kernel: Pick<Kernel, "interfaceIndex">,
): ParsedOptions {
	const words: string[] = [];
	for (const [name, value] of Object.entries(given)) {
		if (value === undefined) continue;
		const option = source.options.find((each) => each.name === name);
		if (option === undefined) {
			const names = source.options.map((each) => each.name).join(", ") || "none";
			throw new BpfError("ERR_OPTION", `${source.name} has no option ${name}; its options: ${names}`);
		}
		words.push(wordOf(option, value));
	}
	return parseOptions(source.options, words, kernel);
}

function wordOf(option: ManifestOption, value: unknown): string {
	const flag = flagName(option.name);
	if (option.type === "boolean")
		return value === false ? `--no-${flag}` : value === true ? `--${flag}` : `--${flag}=${value}`;
	return `--${flag}=${textOf(option, value)}`;
}

function textOf({ type }: ManifestOption, value: unknown): string {
	if (type === "duration" && typeof value === "bigint") return `${value}ns`;
	// Network order, as the user half has it.
	if (type === "ip4" && typeof value === "number")
		return [0, 8, 16, 24].map((shift) => (value >>> shift) & 255).join(".");
	return String(value);
}
