import type { BtfDifference, PartState, TypeChange } from "@skep/bpf/btf";

/** A difference for people: `+` is new, `-` is gone, `~` changed, with a line for each part that did. */
export function renderDifference(difference: BtfDifference): string {
	const { added, removed, changed } = difference;
	const out: string[] = [];
	for (const t of removed) out.push(`- ${t.kind} ${t.name}`);
	for (const t of added) out.push(`+ ${t.kind} ${t.name}`);
	for (const t of changed) {
		out.push(`~ ${t.kind} ${t.name}`);
		for (const change of t.changes) out.push(`    ${renderChange(change)}`);
	}
	const some = (n: number, what: string) => `${n} ${what}`;
	out.push([some(removed.length, "removed"), some(added.length, "added"), some(changed.length, "changed")].join(", "));
	return `${out.join("\n")}\n`;
}

function renderChange({ part, name, before, after }: TypeChange): string {
	const what = name === undefined ? part : name;
	if (before === undefined) return `+ ${what}${after === undefined ? "" : `: ${renderState(after)}`}`;
	if (after === undefined) return `- ${what}: ${renderState(before)}`;
	return `~ ${what}: ${renderState(before)} → ${renderState(after)}`;
}

function renderState(s: PartState): string {
	if (s.value !== undefined) return String(s.value);
	if (s.bitOffset === undefined) return s.type ?? `${s.size} bytes`;
	if (s.bitSize !== undefined) return `${s.type}:${s.bitSize} at bit ${s.bitOffset}`;
	return `${s.type} at ${s.bitOffset % 8 === 0 ? s.bitOffset / 8 : `bit ${s.bitOffset}`}`;
}
