import { BpfError } from "@skep/bpf/base";
import type { Btf } from "@skep/bpf/btf";
import { type AttachTarget, planAttach } from "@skep/bpf/collection";
import type { CollectionSpec, ManifestOption, MapSpec, OptionJson, ProgramSpec, VariableSpec } from "@skep/bpf/spec";
import { howToGive, type OptionValues } from "./arguments.ts";

// Objects that skep did not compile carry no manifest. What their sections leave open is asked for by options of the run,
// and the constants that their authors meant their own loader to set (`const volatile`) are options too.

/** How what a plan wants (`AttachPlan.wants`) is asked for, and what of a target it is. */
interface Asked {
	readonly option: ManifestOption;
	/** What is taken for an example while options are made. */
	readonly example: string | number;
	target(value: string | number): AttachTarget;
	/** Where nothing was given. */
	otherwise?(spec: CollectionSpec): string | undefined;
}

const text = (name: string, help: string, more: Partial<ManifestOption> = {}): ManifestOption => ({
	name,
	type: "string",
	help,
	...more,
});
const DIRECTION = text("direction", "which packets its programs see, where their sections do not say", {
	choices: ["ingress", "egress"],
});
const PROBE = text("probe", "PROVIDER:NAME of a probe in it, where a section names none");

/** One row a word of `AttachPlan.wants`. */
const ASKED: Readonly<Record<string, Asked>> = {
	device: {
		option: { name: "dev", type: "interface", short: "d", help: "network device to attach its programs to" },
		example: "lo",
		target: (value) => ({ device: String(value) }),
	},
	direction: {
		option: DIRECTION,
		example: "ingress",
		target: (value) => ({ direction: value === "egress" ? "egress" : "ingress" }),
	},
	attachType: {
		option: DIRECTION,
		example: "ingress",
		target: (value) => ({ attachType: value === "egress" ? "cgroup_inet_egress" : "cgroup_inet_ingress" }),
	},
	cgroup: {
		option: { name: "cgroup", type: "cgroup", help: "cgroup to attach its programs to, a folder of a cgroup2 mount" },
		example: "/",
		target: (value) => ({ cgroup: String(value) }),
	},
	sampling: {
		option: {
			name: "frequency",
			type: "u32",
			help: "how often a second each CPU's clock runs its perf_event programs",
		},
		example: 1,
		target: (value) => ({ sampling: { event: "cpu-clock", frequency: Number(value) } }),
	},
	map: {
		option: text("map", "map of the object that its programs are attached to, or walk over"),
		example: "map",
		target: (value) => ({ map: String(value) }),
		otherwise: onlySockmap,
	},
	binary: {
		option: text("binary", "program or library of its uprobes, where their sections name none"),
		example: "libc.so.6",
		target: (value) => ({ binary: String(value) }),
	},
	function: {
		option: text("function", "function that its probes are at, where their sections name none"),
		example: "f",
		target: (value) => ({ function: String(value) }),
	},
	pattern: {
		option: text("pattern", "functions that its probes are at (a glob), where their sections name none"),
		example: "f*",
		target: (value) => ({ pattern: String(value) }),
	},
	provider: { option: PROBE, example: "p:n", target: probe },
	probe: { option: PROBE, example: "p:n", target: probe },
	event: {
		option: text("event", "tracepoint of its programs, where their sections name none: sched/sched_switch"),
		example: "a/b",
		target: (value) => ({ event: String(value) }),
	},
	netfilter: {
		option: text("hook", "FAMILY:HOOK[:PRIORITY] of its netfilter programs: ipv4:input:0"),
		example: "ipv4:input",
		target: netfilter,
	},
	route: {
		option: text("route", "destination of a route through its programs: 10.1.0.0/16"),
		example: "10.1.0.0/16",
		target: (value) => ({ route: { destination: String(value) } }),
	},
};

const SOCKMAPS: ReadonlySet<string> = new Set(["sockmap", "sockhash"]);

function onlySockmap({ maps }: CollectionSpec): string | undefined {
	const [one, ...more] = [...maps.values()].filter((map) => SOCKMAPS.has(map.type));
	return more.length === 0 ? one?.name : undefined;
}

function probe(value: string | number): AttachTarget {
	const [provider = "", name = ""] = String(value).split(":");
	return { provider, probe: name };
}

function netfilter(value: string | number): AttachTarget {
	const [, family, hook, priority = "0"] = /^(ipv4|ipv6):(\w+)(?::(-?\d+))?$/.exec(String(value)) ?? [];
	if (!family || !hook)
		throw new BpfError("ERR_OPTION", `--hook: "${value}" is not like ipv4:input or ipv6:forward:-100`);
	return {
		netfilter: {
			family: family === "ipv6" ? "ipv6" : "ipv4",
			hook: hook as NonNullable<AttachTarget["netfilter"]>["hook"],
			priority: Number(priority),
		},
	};
}

/** Where a program is to be attached by the options of a run, or which option is missing. */
export function foreignTarget(
	program: ProgramSpec,
	spec: CollectionSpec,
	values: OptionValues,
): AttachTarget | { readonly reason: string; readonly give?: string } {
	let target: AttachTarget = {};
	for (const { plan, asked } of questions(program, () => target)) {
		const given = values[asked.option.name] ?? asked.otherwise?.(spec);
		if (given === undefined) return { reason: plan.why, give: howToGive(asked.option) };
		target = { ...target, ...asked.target(given as string | number) };
	}
	return target;
}

/** What a plan asks for, one after the other, as long as it is answered and something can be given. */
function* questions(program: ProgramSpec, target: () => AttachTarget) {
	const before = new Set<string>();
	for (;;) {
		const plan = planAttach(program, target());
		const asked = plan.way === "none" && plan.wants !== undefined ? ASKED[plan.wants] : undefined;
		if (plan.way !== "none" || plan.wants === undefined || !asked || before.has(plan.wants)) return;
		before.add(plan.wants);
		yield { plan, asked };
	}
}

/** Name of the option that says what records of ring and perf buffers are. */
const RECORD = "record";

/** The options of a run of an object without a manifest. */
export function foreignOptions(spec: CollectionSpec): ManifestOption[] {
	const options = new Map<string, ManifestOption>();
	for (const program of spec.programs.values()) {
		let target: AttachTarget = {};
		for (const { asked } of questions(program, () => target)) {
			target = { ...target, ...asked.target(asked.example) };
			options.set(asked.option.name, asked.option);
		}
	}
	if (spec.programs.size > 1)
		options.set(
			PROGRAMS,
			text(PROGRAMS, "which of its programs are loaded, with commas between (default: as it says)"),
		);
	if ([...spec.maps.values()].some((map) => isBuffer(map) && !recordOf(map, spec)))
		options.set(
			RECORD,
			text(RECORD, "STRUCT or MAP=STRUCT,…: what records are (default: event, where the object has it)"),
		);
	if ([...spec.maps.values()].some(isOpen)) options.set(ENTRIES.name, ENTRIES);
	for (const variable of spec.variables.values()) {
		const option = variable.map === ".rodata" ? constantOption(variable, spec) : undefined;
		if (option && !options.has(option.name)) options.set(option.name, option);
	}
	return [...options.values()];
}

/** A constant of the object's that the run may set: whole numbers, booleans, text. */
function constantOption(
	{ name, map, offset, size, type }: VariableSpec,
	spec: CollectionSpec,
): ManifestOption | undefined {
	const { btf } = spec;
	const contents = spec.maps.get(map)?.contents;
	if (!btf || !contents || type === 0 || !/^[A-Za-z]\w*$/.test(name)) return undefined;
	const view = new DataView(contents.buffer, contents.byteOffset + offset, size);
	const little = spec.byteOrder !== "big";
	const option = (kind: ManifestOption["type"], value: OptionJson): ManifestOption => ({
		name,
		type: kind,
		variable: name,
		default: value,
		help: `constant of the object`,
	});
	const resolved = btf.type(btf.resolve(type));
	if (resolved.kind === "array") {
		const element = btf.type(btf.resolve(resolved.type));
		if (element.kind !== "int" || element.size !== 1) return undefined;
		const end = contents.subarray(offset, offset + size).indexOf(0);
		return option("string", new TextDecoder().decode(contents.subarray(offset, offset + (end < 0 ? size : end))));
	}
	if (resolved.kind !== "int") return undefined;
	if (resolved.bool) return option("boolean", view.getUint8(0) !== 0);
	switch (`${resolved.signed ? "i" : "u"}${size}`) {
		case "u1":
			return option("u8", view.getUint8(0));
		case "u2":
			return option("u16", view.getUint16(0, little));
		case "u4":
			return option("u32", view.getUint32(0, little));
		case "i4":
			return option("i32", view.getInt32(0, little));
		case "u8":
			return option("u64", String(view.getBigUint64(0, little)));
		case "i8":
			return option("i64", String(view.getBigInt64(0, little)));
		default:
			return undefined;
	}
}

/** Name of the option that chooses programs: tools load one way out of several. */
const PROGRAMS = "programs";

/** Which programs are to be loaded; undefined: those that the object says. @throws BpfError ERR_OPTION for names that are none */
export function foreignPrograms(
	spec: CollectionSpec,
	values: OptionValues,
): ((program: ProgramSpec) => boolean) | undefined {
	const asked = values[PROGRAMS];
	if (typeof asked !== "string") return undefined;
	const names = new Set(asked.split(","));
	for (const name of names) {
		if (spec.programs.has(name)) continue;
		const known = [...spec.programs.keys()].join(", ");
		throw new BpfError("ERR_OPTION", `--${PROGRAMS}: ${spec.name} has no program ${name}; it has ${known}`);
	}
	return ({ name }) => names.has(name);
}

/** What is shown of records of an unknown kind: their bytes, and what can be read in them. */
export function unknownRecord(view: DataView, offset: number, length: number): { text: string; bytes: string } {
	const bytes = Buffer.from(view.buffer, view.byteOffset + offset, length);
	const words = bytes.toString("latin1").match(/[\x20-\x7e]{4,}/g) ?? [];
	return { text: words.join(" "), bytes: bytes.toString("hex") };
}

/** Map types that an object may leave without a size, for its own loader to choose one. */
// biome-ignore format: table
const SIZED: ReadonlySet<string> = new Set([
	"hash", "array", "percpu_hash", "percpu_array", "lru_hash", "lru_percpu_hash", "lpm_trie", "stack_trace", "queue", "stack",
]);
const isOpen = ({ type, maxEntries }: MapSpec): boolean => maxEntries === 0 && SIZED.has(type);
const ENTRIES: ManifestOption = {
	name: "max_entries",
	type: "u32",
	default: 1024,
	help: "size of the maps that the object leaves open",
};
/** PERF_MAX_STACK_DEPTH addresses. */
const STACK_BYTES = 127 * 8;

/** The spec with sizes where the object leaves them to its own loader, which is not here; that is noted. */
export function completed(spec: CollectionSpec, values: OptionValues): CollectionSpec {
	const open = [...spec.maps.values()].filter(isOpen);
	if (open.length === 0) return spec;
	const maxEntries = Number(values[ENTRIES.name] ?? ENTRIES.default);
	const maps = new Map(spec.maps);
	for (const map of open) {
		const valueSize = map.type === "stack_trace" && map.valueSize === 0 ? STACK_BYTES : map.valueSize;
		maps.set(map.name, { ...map, maxEntries, valueSize });
	}
	const names = open.map(({ name }) => name).join(", ");
	const note = `the object leaves the size of ${names} open: ${maxEntries} entries, unless --${ENTRIES.name} says otherwise`;
	return { ...spec, maps, notes: [...(spec.notes ?? []), note] };
}

/** Maps whose records a run shows. */
export const isBuffer = ({ type }: Pick<MapSpec, "type">): boolean => type === "ringbuf" || type === "perf_event_array";

/**
 * BTF id of the struct that the records of a buffer are: what its definition says (`__type(value, struct event)`), what
 * `--record` names, or `struct event` where there is one; undefined: not known.
 * @throws BpfError ERR_OPTION where the object has no struct of that name
 */
export function foreignRecord(map: MapSpec, spec: CollectionSpec, values: OptionValues): number | undefined {
	const own = recordOf(map, spec);
	const { btf } = spec;
	if (own !== undefined || !btf) return own;
	const asked = values[RECORD];
	let name = "event";
	let must = false;
	for (const part of typeof asked === "string" ? asked.split(",") : []) {
		const [, buffer = map.name, struct = ""] = /^(?:([^=]+)=)?(?:struct )?(.*)$/.exec(part)!;
		if (!spec.maps.has(buffer)) throw new BpfError("ERR_OPTION", `--record: ${spec.name} has no map ${buffer}`);
		if (buffer !== map.name) continue;
		name = struct;
		must = true;
	}
	const found = btf.find(name, "struct");
	if (found === undefined && must)
		throw new BpfError("ERR_OPTION", `--record: ${spec.name} has no struct ${name} in its BTF`);
	return found;
}

function recordOf(map: MapSpec, { btf }: CollectionSpec): number | undefined {
	if (!btf || map.valueType === 0) return undefined;
	const { kind } = btf.type(btf.resolve(map.valueType));
	return kind === "struct" || kind === "union" ? map.valueType : undefined;
}

/** Reads records that may be shorter than their struct: what was not sent is zero. */
export function lenient(
	btf: Btf,
	record: number,
	read: (view: DataView, offset: number, length: number) => unknown,
): (view: DataView, offset: number, length: number) => unknown {
	const size = btf.sizeOf(record);
	const whole = new Uint8Array(size);
	return (view, offset, length) => {
		if (length >= size) return read(view, offset, length);
		whole.fill(0).set(new Uint8Array(view.buffer, view.byteOffset + offset, length));
		return read(new DataView(whole.buffer), 0, size);
	};
}
