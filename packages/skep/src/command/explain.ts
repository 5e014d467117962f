import { readObject } from "@skep/bpf/object";
import type { CollectionSpec } from "@skep/bpf/spec";
import { MAP_TYPES, PROGRAM_TYPES } from "@skep/bpf/uapi";
import type { CompileResult } from "@skep/compiler";
import { renderTable } from "#output";

const PLAIN = { width: undefined, colour: false } as const;

/** `skep build --explain`: what was made of what, and what the compiler put in that the source does not say. */
export function explain(name: string, result: CompileResult & { readonly object: Uint8Array }): string {
	const spec = readObject(result.object, { name });
	const reports = new Map((result.report?.functions ?? []).map((f) => [f.function, f]));
	const functions = [...spec.programs.values(), ...spec.functions.values()].map((f) => {
		const report = reports.get(f.name);
		return {
			function: f.name,
			section: "section" in f ? String(f.section) : ".text",
			instructions: f.insns.length / 8,
			stack: report?.stack,
			spills: report?.spills,
			relocations: f.core.length,
		};
	});
	const maps = [...spec.maps.values()].map((m) => ({
		map: m.name,
		type: m.type,
		key: m.keySize,
		value: m.valueSize,
		entries: m.maxEntries,
	}));
	const parts = [
		`${name}: ${result.object.length} bytes, licence ${spec.license}, ${neededKernel(spec)}\n`,
		renderTable(functions, PLAIN),
	];
	if (maps.length > 0) parts.push(renderTable(maps, PLAIN));
	const inserted = (result.report?.inserted ?? []).map((i) => {
		const place = i.position === undefined ? "" : `${i.position.line}:${i.position.column} `;
		return `  ${place}${i.function === undefined ? "" : `${i.function}: `}${i.what}\n`;
	});
	if (inserted.length > 0) parts.push(`put in by the compiler:\n${inserted.join("")}`);
	for (const [name, ir] of result.report?.ir ?? []) parts.push(`${name}, before the passes:\n${ir.trimEnd()}\n`);
	return parts.join("\n");
}

/** The youngest of what the object uses: `needs Linux 5.8: ringbuf`. */
function neededKernel(spec: CollectionSpec): string {
	const uses = [
		...[...spec.maps.values()].map((m) => ({
			what: m.name.startsWith(".") ? "global variables" : m.type,
			since: m.name.startsWith(".") ? "5.2" : MAP_TYPES[m.type].since,
		})),
		...[...spec.programs.values()].map((p) => ({
			what: `${p.type} programs`,
			since: PROGRAM_TYPES[p.type].since as string,
		})),
	];
	if ([...spec.programs.values(), ...spec.functions.values()].some((f) => f.core.length > 0)) {
		uses.push({ what: "CO-RE, which reads the kernel's BTF", since: "5.2" });
	}
	const age = (since: string) => since.split(".").reduce((n, part) => n * 1000 + Number(part), 0);
	const youngest = uses.reduce((a, b) => (age(b.since) > age(a.since) ? b : a), { what: "eBPF", since: "3.18" });
	return `needs Linux ${youngest.since}: ${youngest.what}`;
}
