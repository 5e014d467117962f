import { readObject } from "@skep/bpf/object";
import type { FunctionSpec, ProgramSpec } from "@skep/bpf/spec";
import type { BuildReport, CompileResult, Insertion } from "@skep/compiler";
import { renderTable } from "#output";

const PLAIN = { width: undefined, colour: false } as const;

/**
 * `skep build --explain`: the kernel that is needed and why, then each function with its size, its maps and what the
 * compiler put in that the source does not say, then the maps. Places are `line:column`, of other modules with their path.
 */
export function explain(name: string, result: CompileResult & { readonly object: Uint8Array }): string {
	const spec = readObject(result.object, { name });
	const { report } = result;
	const parts = [`${name}: ${result.object.length} bytes, licence ${spec.license}\n`];
	if (report !== undefined) parts.push(renderNeeds(report));
	for (const f of [...spec.programs.values(), ...spec.functions.values()]) parts.push(renderFunction(f, report));
	const maps = [...spec.maps.values()].map((m) => ({
		map: m.name,
		type: m.type,
		key: m.keySize,
		value: m.valueSize,
		entries: m.maxEntries,
	}));
	if (maps.length > 0) parts.push(renderTable(maps, PLAIN));
	const rest = (report?.inserted ?? []).filter((i) => i.function === undefined);
	if (report !== undefined && rest.length > 0) parts.push(`in the object besides:\n${renderInserted(rest, report)}`);
	return parts.join("\n");
}

/** `skep build --ir`: the functions as lowering built them, before the passes. */
export function renderIr(result: CompileResult): string {
	return [...(result.report?.ir?.values() ?? [])].map((text) => `${text.trimEnd()}\n`).join("\n");
}

function renderNeeds(report: BuildReport): string {
	const [first] = report.needs;
	if (first === undefined) return "needs Linux 3.18\n";
	const rows = report.needs.map((n) => ({ since: n.since, for: n.word, first: place(n.position, report) }));
	return `needs Linux ${first.since}: ${first.word} (${place(first.position, report)})\n${indented(renderTable(rows, PLAIN))}`;
}

function renderFunction(f: ProgramSpec | FunctionSpec, report: BuildReport | undefined): string {
	const made = report?.functions.find((each) => each.function === f.name);
	const maps = [...new Set(f.references.flatMap((r) => (r.kind === "map" || r.kind === "map-value" ? [r.map] : [])))];
	const facts = [
		`${f.insns.length / 8} instructions`,
		...(made === undefined
			? []
			: [`${made.stack} bytes of stack`, made.spills === 0 ? "no spills" : `${made.spills} spills`]),
		`${f.core.length} CO-RE relocations`,
		`maps: ${maps.length === 0 ? "none" : maps.join(", ")}`,
	];
	const section = "section" in f ? `, section ${f.section}` : "";
	const inserted = (report?.inserted ?? []).filter((i) => i.function === f.name);
	const lines = report === undefined ? "" : renderInserted(inserted, report);
	return `${f.name}${section}\n  ${facts.join(", ")}\n${lines}`;
}

/** In the order of the source; the same thing at the same place once. */
function renderInserted(list: readonly Insertion[], report: BuildReport): string {
	const key = ({ position: p }: Insertion) => (p === undefined ? 0 : p.file * 2 ** 40 + p.line * 2 ** 12 + p.column);
	const sorted = list.toSorted((a, b) => key(a) - key(b));
	const counted = new Map<string, number>();
	for (const { position, what } of sorted) {
		const line = `${position === undefined ? "" : `${place(position, report)} `}${what}`;
		counted.set(line, (counted.get(line) ?? 0) + 1);
	}
	return [...counted].map(([line, n]) => `  ${line}${n > 1 ? `, ${n} times` : ""}\n`).join("");
}

function place({ file, line, column }: { file: number; line: number; column: number }, report: BuildReport): string {
	const path = file === 0 ? "" : `${report.files[file]}:`;
	return `${path}${line}:${column}`;
}

const indented = (text: string): string => text.replace(/^(?=.)/gm, "  ");
