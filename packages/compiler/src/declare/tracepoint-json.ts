import { BpfError } from "@skep/bpf/base";
import { completeField, type RawField } from "./from-tracefs.ts";
import { lazyTable, type Tracepoint, type TracepointTable } from "./tracepoints.ts";

/**
 * The shipped table: types and layouts are kept once and named by index. System calls are only their arguments, because
 * their records all look alike: the number at 8, arguments of 8 bytes from 16, the result at 16.
 */
export interface TracepointJson {
	/** `uname -r` of the machine it was taken from. */
	readonly kernel: string;
	readonly types: readonly string[];
	/** Fields of four numbers behind a name: type, offset, size, signed (0 or 1). */
	readonly layouts: readonly (readonly (readonly [
		name: string,
		type: number,
		offset: number,
		size: number,
		signed: number,
	])[])[];
	/** Index of the layout by category and event. */
	readonly events: Readonly<Record<string, Readonly<Record<string, number>>>>;
	/** Arguments by name of the call: name and type. */
	readonly syscalls: Readonly<Record<string, readonly (readonly [name: string, type: number])[]>>;
}

const NUMBER: RawField = { name: "__syscall_nr", ctype: "int", offset: 8, size: 4, signed: true };
const RESULT: RawField = { name: "ret", ctype: "long", offset: 16, size: 8, signed: true };
const argument = (name: string, ctype: string, i: number): RawField => ({
	name,
	ctype,
	offset: 16 + 8 * i,
	size: 8,
	signed: false,
});

const sameField = (a: RawField, b: RawField): boolean =>
	a.name === b.name && a.ctype === b.ctype && a.offset === b.offset && a.size === b.size && a.signed === b.signed;

/** The table as JSON. Calls whose records are not as all others' stay among the events. */
export function encodeTracepoints(kernel: string, list: Iterable<Tracepoint>): TracepointJson {
	const types: string[] = [];
	const typeIndex = new Map<string, number>();
	const layouts: (readonly (readonly [string, number, number, number, number])[])[] = [];
	const layoutIndex = new Map<string, number>();
	const events: Record<string, Record<string, number>> = {};
	const syscalls: Record<string, readonly (readonly [string, number])[]> = {};
	const type = (t: string): number => {
		let i = typeIndex.get(t);
		if (i === undefined) {
			i = types.push(t) - 1;
			typeIndex.set(t, i);
		}
		return i;
	};
	const sorted = [...list].sort((a, b) => (`${a.category}:${a.event}` < `${b.category}:${b.event}` ? -1 : 1));
	const byName = new Map(sorted.map((t) => [`${t.category}:${t.event}`, t]));
	for (const t of sorted) {
		if (t.category === "syscalls") {
			const name = /^sys_(?:enter|exit)_(.*)$/.exec(t.event)?.[1];
			const enter = byName.get(`syscalls:sys_enter_${name}`);
			const exit = byName.get(`syscalls:sys_exit_${name}`);
			if (name !== undefined && enter && exit && isPlainCall(enter, exit)) {
				syscalls[name] ??= enter.fields.slice(1).map((f) => [f.name, type(f.ctype)] as const);
				continue;
			}
		}
		const layout = t.fields.map((f) => [f.name, type(f.ctype), f.offset, f.size, f.signed ? 1 : 0] as const);
		const key = JSON.stringify(layout);
		let i = layoutIndex.get(key);
		if (i === undefined) {
			i = layouts.push(layout) - 1;
			layoutIndex.set(key, i);
		}
		events[t.category] ??= {};
		events[t.category]![t.event] = i;
	}
	return { kernel, types, layouts, events, syscalls };
}

const isPlainCall = (enter: Tracepoint, exit: Tracepoint): boolean =>
	enter.fields[0] !== undefined &&
	sameField(enter.fields[0], NUMBER) &&
	enter.fields.slice(1).every((f, i) => sameField(f, argument(f.name, f.ctype, i))) &&
	exit.fields.length === 2 &&
	sameField(exit.fields[0]!, NUMBER) &&
	sameField(exit.fields[1]!, RESULT);

/**
 * The table out of the shipped JSON; records are made when they are asked for.
 * @throws BpfError ERR_FORMAT for a value of another shape
 */
export function decodeTracepoints(json: unknown): TracepointTable {
	if (!isTable(json))
		throw new BpfError("ERR_FORMAT", "not a table of tracepoints: types, layouts, events and syscalls are expected");
	const names: string[] = [];
	for (const [category, events] of Object.entries(json.events))
		for (const e of Object.keys(events)) names.push(`${category}:${e}`);
	for (const call of Object.keys(json.syscalls)) names.push(`syscalls:sys_enter_${call}`, `syscalls:sys_exit_${call}`);
	const made = new Map<string, Tracepoint | undefined>();
	return lazyTable(names, (name) => {
		if (!made.has(name)) made.set(name, makeTracepoint(json, name));
		return made.get(name);
	});
}

function makeTracepoint(json: TracepointJson, name: string): Tracepoint | undefined {
	const colon = name.indexOf(":");
	if (colon < 0) return undefined;
	const category = name.slice(0, colon);
	const event = name.slice(colon + 1);
	const call = category === "syscalls" ? /^sys_(enter|exit)_(.*)$/.exec(event) : null;
	const made = (raw: readonly RawField[]): Tracepoint => ({
		category,
		event,
		fields: raw.map((f) => completeField(f, category)),
	});
	if (call && Object.hasOwn(json.syscalls, call[2]!)) {
		const args = json.syscalls[call[2]!]!;
		return made(
			call[1] === "exit"
				? [NUMBER, RESULT]
				: [NUMBER, ...args.map(([n, t], i) => argument(n, json.types[t] ?? "long", i))],
		);
	}
	if (!Object.hasOwn(json.events, category) || !Object.hasOwn(json.events[category]!, event)) return undefined;
	const layout = json.layouts[json.events[category]![event]!];
	return (
		layout &&
		made(
			layout.map(([n, t, offset, size, signed]) => ({
				name: n,
				ctype: json.types[t] ?? "",
				offset,
				size,
				signed: signed === 1,
			})),
		)
	);
}

const isTable = (v: unknown): v is TracepointJson =>
	typeof v === "object" &&
	v !== null &&
	"types" in v &&
	Array.isArray(v.types) &&
	"layouts" in v &&
	Array.isArray(v.layouts) &&
	"events" in v &&
	typeof v.events === "object" &&
	v.events !== null &&
	"syscalls" in v &&
	typeof v.syscalls === "object" &&
	v.syscalls !== null;
