import { readFileSync } from "node:fs";

/**
 * Addresses of symbols by /proc/kallsyms; of several of a name the first. Where addresses are hidden (kptr_restrict) they
 * are all zero there, and missing here.
 */
export function kernelSymbols(names: ReadonlySet<string>): Map<string, bigint> {
	const found = new Map<string, bigint>();
	let text: string;
	try {
		text = readFileSync("/proc/kallsyms", "latin1");
	} catch {
		return found;
	}
	for (const name of names) {
		// `ffffffff81000000 T name`, and `\t[module]` behind those of modules.
		for (let at = text.indexOf(` ${name}`); at >= 0; at = text.indexOf(` ${name}`, at + 1)) {
			const after = text[at + 1 + name.length];
			if (after !== "\n" && after !== "\t" && after !== undefined) continue;
			const line = text.lastIndexOf("\n", at) + 1;
			const address = BigInt(`0x${text.slice(line, text.indexOf(" ", line))}`);
			if (address !== 0n) found.set(name, address);
			break;
		}
	}
	return found;
}
