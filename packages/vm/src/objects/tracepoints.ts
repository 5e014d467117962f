import { ERRNO } from "@skep/bpf/kernel";
import type { System } from "./system.ts";
import type { TracepointRow } from "./tables.ts";

const WORD = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Id of a tracepoint; -ENOENT. Where the kernel was given no list, any well-formed name is one, from its first use on. */
export function tracepointId(system: System, category: string, name: string): number {
	const { tracepoints } = system.tables;
	const found = tracepoints.find((each) => each.name === name && each.category === category);
	if (found) return found.id;
	if (system.closedTracepoints || !WORD.test(category) || !WORD.test(name)) return -ERRNO.ENOENT;
	const id = tracepoints.length + 1;
	tracepoints.push({ id, category, name });
	return id;
}

/** Whether there is a tracepoint of this bare name: listed, or among the kernel's types. */
export function tracepointNamed(system: System, name: string): boolean {
	if (system.tables.tracepoints.some((each) => each.name === name)) return true;
	if (system.btf?.find(`btf_trace_${name}`, "typedef") !== undefined) return true;
	return !system.closedTracepoints && system.btf === undefined && WORD.test(name);
}

export const tracepointOf = (system: System, id: number): TracepointRow | undefined =>
	system.tables.tracepoints[id - 1];
