// Prints a map of the kernel as JSON Lines by its types: `dump.ts ID`. What `bench maps` measures as a process.
import type { Kernel } from "@skep/bpf/kernel";
import { BpfMap, TypedMap } from "@skep/bpf/live";
import { openLinux } from "@skep/linux";

const LINES = 4096;

/** Hands the map's entries to `write` as text, some thousand lines at a time. */
export function dump(kernel: Kernel, id: number, write: (text: string) => void): void {
	using map = BpfMap.byId(kernel, id);
	let lines = "";
	let count = 0;
	for (const [key, value] of TypedMap.of(map).entries()) {
		lines += `{"key":${json(key)},"value":${json(value)}}\n`;
		if (++count % LINES !== 0) continue;
		write(lines);
		lines = "";
	}
	write(lines);
}

function json(value: unknown): string {
	if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
	if (typeof value === "string") return JSON.stringify(value);
	if (Array.isArray(value)) return `[${value.map(json).join(",")}]`;
	let text = "";
	for (const name in value as object) {
		text += `${text === "" ? "" : ","}"${name}":${json((value as Record<string, unknown>)[name])}`;
	}
	return `{${text}}`;
}

const main = process.argv[1];
if (main !== undefined && /dump\.(ts|cjs)$/.test(main)) {
	const { writeSync } = process.getBuiltinModule("node:fs");
	dump(openLinux(), Number(process.argv[2]), (text) => {
		for (let bytes = Buffer.from(text); bytes.length > 0; ) bytes = bytes.subarray(writeSync(1, bytes));
	});
}
